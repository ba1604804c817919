"""Where things lie: the user's own folder, and the snapshot of packaged figures."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path


def home() -> Path:
    """The user's own folder, which ``KERUEN_HOME`` moves."""
    from platformdirs import user_data_path

    moved = os.environ.get("KERUEN_HOME")
    return Path(moved).expanduser() if moved else user_data_path("keruen", appauthor=False)


def packaged() -> Path:
    """The snapshot that came with the package."""
    return Path(str(files("keruen").joinpath("data/snapshot")))


@cache
def snapshot() -> Path:
    """The user's own compilation where there is one, else the packaged one."""
    own = home() / "snapshot"
    return own if (own / "manifest.json").is_file() else packaged()
