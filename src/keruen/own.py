"""The user's own claims, read.

They lie in ``store/parts/<hash>.parquet`` of the user's folder, told by ``store/manifest.sqlite``. What is not in the
manifest does not exist.
"""

from __future__ import annotations

import errno
import hashlib
import json
import sqlite3
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from keruen import contract, folders
from keruen.errors import StoreError
from keruen.provenance import Release

SCHEMA = {**contract.SCHEMA, "id": pl.String()}
RETRIES = 20


def folder() -> Path:
    """Where the user's own claims lie."""
    return folders.home() / "store"


def opened() -> sqlite3.Connection:
    """The manifest, open; its transactions are begun by hand."""
    return sqlite3.connect(folder() / "manifest.sqlite", timeout=60, isolation_level=None)


def _asked(query: str) -> list[Any]:
    """Rows of the manifest; none where nothing was ever added."""
    path = folder() / "manifest.sqlite"
    if not path.exists():
        if any((folder() / "parts").glob("*.parquet")):
            raise StoreError(
                f"{path} is gone, though {folder() / 'parts'} holds figures of yours. Put it back, or rebuild it from "
                "them: python -c 'from keruen import adding; adding.recover()'"
            )
        return []
    try:
        db = opened()
        try:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'parts'").fetchone():
                return []  # the first addition was never finished
            return db.execute(query).fetchall()
        finally:
            db.close()
    except sqlite3.Error as error:
        raise failure(error) from error


def failure(error: Exception) -> StoreError:
    """What went wrong with the store, and what to do."""
    said, number, where = str(error).lower(), getattr(error, "errno", None), folder()
    if number in (errno.ENOSPC, errno.EDQUOT) or "is full" in said:
        return StoreError(
            f"The disk of {where} is full; nothing was added. Make room, or set KERUEN_HOME to another disk."
        )
    if "locked" in said or "busy" in said:
        return StoreError(
            f"Another process has been adding to {where} for over a minute; nothing was added. Try again."
        )
    if (
        "readonly" in said
        or "unable to open" in said
        or number in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
    ):
        return StoreError(
            f"{where} cannot be written or read ({error}). Mend its rights, or set KERUEN_HOME to another folder."
        )
    if isinstance(error, sqlite3.DatabaseError):
        return StoreError(
            f"{where / 'manifest.sqlite'} is damaged ({error}). Your figures lie unharmed beside it; rebuild it from "
            "them: python -c 'from keruen import adding; adding.recover()'"
        )
    return StoreError(
        f"{where}: {error}; nothing was added. Look after the disk, or set KERUEN_HOME to another folder."
    )


def paths() -> list[Path]:
    """Parts that the manifest lists, in the order in which they were added."""
    return [folder() / "parts" / f"{name}.parquet" for (name,) in _asked("SELECT name FROM parts ORDER BY number")]


def claims(asking: Sequence[pl.Expr] = ()) -> pl.DataFrame:
    """The user's own claims that fulfil some conditions, with their ids; nothing is hidden."""
    for attempt in range(RETRIES):
        found = paths()
        if not found:
            break
        try:
            table = pl.scan_parquet(found, glob=False, schema=SCHEMA, missing_columns="insert")
            return (table.filter(*asking) if asking else table).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            # Parts vanish when another process has just merged them; the manifest then names others.
            time.sleep(0.005 * attempt)
            if attempt > 2 and found == paths():
                bad = [p for p in found if not sound(p)]
                raise StoreError(
                    f"{', '.join(map(str, bad)) or folder()} cannot be read ({error}). Put it back from a copy of the "
                    "folder, or leave it out for good: python -c 'from keruen import adding; adding.recover()'"
                ) from error
    else:
        raise StoreError(f"{folder()} changes faster than it can be read. Try again when fewer processes add to it.")
    return pl.DataFrame(schema=SCHEMA)


def sound(path: Path) -> bool:
    """Whether a part is whole: its name is the hash of its bytes."""
    try:
        pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError):
        return False
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() == path.stem


def releases() -> dict[str, Release]:
    """Cards of the user's own releases, by key."""
    return {key: card_of(told) for key, told in _asked("SELECT key, card FROM releases ORDER BY key")}


def card_of(told: str) -> Release:
    """A release card from the text that the manifest keeps."""
    card = json.loads(told)
    return Release(**card | {"released": date.fromisoformat(card["released"])})
