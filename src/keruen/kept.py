"""What took long to compute is kept on disk, and found again while nothing it rests on has changed.

An entry is named by the question and by all that could change its answer: the code and cards of the package, the
snapshot, the libraries that compute. An entry that cannot be read whole is computed anew, and nobody need know.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from keruen import folders, own, snapshot
from keruen._version import __version__
from keruen.errors import ConceptError
from keruen.places import place as one_place
from keruen.provenance import day

T = TypeVar("T")

MOST = 512_000_000
"""Bytes that the cache may hold; what was not asked for longest goes first."""

SUM = 16  # bytes of the checksum that stands before every entry
COMPUTING = ("numpy", "scipy", "polars", "xarray")
STALE = 3600.0  # seconds after which an unfinished entry is taken for the leavings of a process that died


def folder() -> Path:
    """Where kept things lie."""
    return folders.home() / "cache"


def kept(kind: str, said: Any, make: Callable[[], T]) -> T:
    """What `make` gives, computed once for all that asks the same.

    Parameters
    ----------
    kind
        What is kept, in a word; the name of its folder.
    said
        The question, as plain data: all that the answer depends on and that is not of the installation. The evidence
        stands in it by :func:`stamp`.
    make
        Computes the answer. What it raises is raised, and not kept.

    Returns
    -------
    A fresh object each time: changing it changes nothing that is kept.

    Raises
    ------
    ConceptError
        If the question holds something that has no plain name.

    Examples
    --------
    >>> kept("example", ["a question", 1], lambda: {"answer": 42})
    {'answer': 42}
    """
    path = folder() / kind / f"{_name(kind, said)}.kept"
    with suppress(_Unreadable):
        return _read(path)  # type: ignore[no-any-return]
    made = make()
    with suppress(OSError):  # a full or a locked disk costs time, not the answer
        _write(path, made)
    return made


def has(kind: str, said: Any) -> bool:
    """Whether an answer lies there, damaged or not."""
    return (folder() / kind / f"{_name(kind, said)}.kept").is_file()


def stamp(places: str | Iterable[str] | None = None, as_of: str | int | date | None = None) -> str:
    """A short name for the evidence about some places: it changes when any of it does.

    Parameters
    ----------
    places
        Codes or names; figures at either end of a corridor count. By default all.
    as_of
        Only what was known on that day: what the user adds later changes nothing.

    Notes
    -----
    Packaged claims stand under the snapshot's version, which is a digest of them; the user's own under their ids.
    Withdrawals count wherever they point.

    Examples
    --------
    >>> stamp("KAZ") == stamp("Kazakhstan")
    True
    """
    told: list[Any] = [snapshot.manifest()["version"]]
    cards = own.releases()
    if cards:
        asking: list[pl.Expr] = []
        if places is not None:
            codes = [one_place(p).code for p in ([places] if isinstance(places, str) else places)]
            ends = pl.col("place").is_in(codes) | pl.col("counterpart").is_in(codes)
            asking.append(ends.fill_null(False) | pl.col("retracts").is_not_null())
        if as_of is not None:
            asking.append(pl.col("known") <= day(str(as_of) if isinstance(as_of, int) else as_of, last=True))
        # A corrected day of release keeps the id, so the day stands beside it.
        mine = own.claims(asking).select("id", "release", pl.col("known").cast(pl.String)).sort("id")
        if len(mine):
            told += [mine.rows(), [repr(cards[k]) for k in mine["release"].unique().sort().to_list() if k in cards]]
    return _digest(told)


def size() -> tuple[int, int]:
    """How many things are kept, and their bytes."""
    held = _held()
    return len(held), sum(bytes_ for _, bytes_, _ in held)


def clear() -> int:
    """Forget everything that is kept; returns the bytes that were freed."""
    freed = 0
    for _, bytes_, path in _held():
        with suppress(OSError):
            path.unlink()
            freed += bytes_
    return freed


# ---------------------------------------------------------------- names


def _digest(told: Any) -> str:
    return hashlib.blake2b(_plain(told).encode(), digest_size=16).hexdigest()


def _name(kind: str, said: Any) -> str:
    return _digest([kind, said, *_installation(), snapshot.manifest()["version"]])


@cache
def _installation() -> tuple[str, ...]:
    """The code and cards of the package, and the libraries that compute with them."""
    root = Path(__file__).parent
    # A file that was edited or installed anew has another size or time; reading all of them would cost more.
    seen = sorted(
        (str(p.relative_to(root)), p.stat().st_size, p.stat().st_mtime_ns)
        for pattern in ("*.py", "*.toml", "*.csv")
        for p in root.rglob(pattern)
    )
    libraries = [f"{name} {version(name)}" for name in COMPUTING]
    return (__version__, sys.version.split()[0], *libraries, _digest(seen))


def _plain(said: Any) -> str:
    """One spelling for one question; what has none is refused, so that two questions never share a name."""
    if said is None or isinstance(said, bool | int | float | str | bytes):
        return f"{type(said).__name__}:{said!r}"
    if isinstance(said, date):
        return f"day:{said.isoformat()}"
    if isinstance(said, list | tuple):
        return f"[{','.join(map(_plain, said))}]"
    if isinstance(said, dict):
        return f"{{{','.join(sorted(f'{_plain(k)}={_plain(v)}' for k, v in said.items()))}}}"
    if is_dataclass(said) and not isinstance(said, type):
        inner = ",".join(f"{f.name}={_plain(getattr(said, f.name))}" for f in fields(said))
        return f"{type(said).__name__}({inner})"
    raise ConceptError(
        f"A {type(said).__name__} cannot stand in a question that is kept. Give words, numbers, days, lists or dicts."
    )


# ---------------------------------------------------------------- entries


class _Unreadable(Exception):
    """There is no entry, or not a whole one."""


def _read(path: Path) -> Any:
    try:
        whole = path.read_bytes()
        content = memoryview(whole)[SUM:]
        if len(whole) <= SUM or hashlib.blake2b(content, digest_size=SUM).digest() != whole[:SUM]:
            raise _Unreadable
        found = pickle.loads(content)
        with suppress(OSError):
            os.utime(path)  # it was asked for: it is swept last
        return found
    except _Unreadable:
        raise
    except Exception as error:  # whatever an entry of other days may hold
        raise _Unreadable from error


def _write(path: Path, made: Any) -> None:
    """An entry appears whole or not at all; two processes that make the same one do no harm."""
    content = pickle.dumps(made, protocol=5)
    if len(content) > MOST // 4:
        return  # one entry must not drive out all others
    path.parent.mkdir(parents=True, exist_ok=True)
    number, part = tempfile.mkstemp(suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(hashlib.blake2b(content, digest_size=SUM).digest())
            file.write(content)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    _sweep()


def _held() -> list[tuple[float, int, Path]]:
    """Time of the last use, bytes and path of every entry, the longest unused first."""
    found = []
    for path in folder().glob("*/*"):
        with suppress(OSError):  # another process may sweep, too
            told = path.stat()
            if path.suffix == ".kept" or (path.suffix == ".part" and time.time() - told.st_mtime > STALE):
                found.append((0.0 if path.suffix == ".part" else told.st_mtime, told.st_size, path))
    return sorted(found, key=lambda entry: (entry[0], str(entry[2])))


def _sweep() -> None:
    held = _held()
    over = sum(bytes_ for _, bytes_, _ in held) - MOST
    for at, bytes_, path in held:
        if over <= 0 and at > 0:
            break
        with suppress(OSError):
            path.unlink()
            over -= bytes_
