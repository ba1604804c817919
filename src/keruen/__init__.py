"""Keruen: a laboratory for migration systems.

Every public name is loaded on first use, so that ``import keruen`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from keruen._version import __version__

_PUBLIC = {
    "errors": "errors",
    "transitions": "estimators.stocks",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        module = import_module(f"keruen.{_PUBLIC[name]}")
        return module if _PUBLIC[name] == name else getattr(module, name)
    raise AttributeError(f"module 'keruen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
