"""Keruen: a laboratory for migration systems.

Every public name is loaded on first use, so that ``import keruen`` stays light.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from keruen import errors as errors
from keruen._version import __version__ as __version__

if TYPE_CHECKING:
    from keruen.adding import add as add
    from keruen.audit import audit as audit
    from keruen.breaks import breaks as breaks
    from keruen.brief import brief as brief
    from keruen.compare import compare as compare
    from keruen.disagreement import disagreement as disagreement
    from keruen.double_entry import double_entry as double_entry
    from keruen.estimators.stocks import transitions as transitions
    from keruen.events import events as events
    from keruen.flows import flows as flows
    from keruen.labour import labour as labour
    from keruen.leverage import leverage as leverage
    from keruen.money_matrix import remittance_matrix as remittance_matrix
    from keruen.own_series import claims_from_series as claims_from_series
    from keruen.passthrough import shock as shock
    from keruen.places import place as place
    from keruen.places import system as system
    from keruen.provenance import cite as cite
    from keruen.reconcile import reconcile as reconcile
    from keruen.remittances import remittances as remittances
    from keruen.revisions import revisions as revisions
    from keruen.score import score_flows as score_flows
    from keruen.sensitivity import sensitivity as sensitivity
    from keruen.snapshot import covariates as covariates
    from keruen.sql import sql as sql
    from keruen.store import evidence as evidence
    from keruen.store import sources as sources
    from keruen.streams import streams as streams
    from keruen.tipping import outlier as outlier
    from keruen.tipping import tipping as tipping
    from keruen.trace import trace as trace

_PUBLIC = {
    "add": "adding",
    "audit": "audit",
    "breaks": "breaks",
    "brief": "brief",
    "cite": "provenance",
    "claims_from_series": "own_series",
    "compare": "compare",
    "covariates": "snapshot",
    "disagreement": "disagreement",
    "double_entry": "double_entry",
    "events": "events",
    "evidence": "store",
    "flows": "flows",
    "labour": "labour",
    "leverage": "leverage",
    "outlier": "tipping",
    "place": "places",
    "reconcile": "reconcile",
    "remittance_matrix": "money_matrix",
    "remittances": "remittances",
    "revisions": "revisions",
    "score_flows": "score",
    "sensitivity": "sensitivity",
    "shock": "passthrough",
    "sources": "store",
    "sql": "sql",
    "streams": "streams",
    "system": "places",
    "tipping": "tipping",
    "trace": "trace",
    "transitions": "estimators.stocks",
}

__all__ = ["__version__", "errors", *sorted(_PUBLIC)]


class _Door(ModuleType):
    """The package as its users see it.

    Importing a submodule binds it as an attribute of the package; where a public function has the name of its room
    (``keruen.disagreement``), the function must stay what ``kr.disagreement`` means.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'keruen' has no attribute {name!r}")
    found = getattr(import_module(f"keruen.{_PUBLIC[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
