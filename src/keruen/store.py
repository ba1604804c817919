"""The store: claims of the packaged snapshot and the user's own additions, asked by place, measure and day.

Own claims lie in ``store/parts/<hash>.parquet`` of the user's folder, told by ``store/manifest.sqlite``. The store only
grows: what is withdrawn is withdrawn by a row of its own. Whoever writes takes SQLite's lock first, writes and renames
a part, and commits its name last; what is not in the manifest does not exist.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import sqlite3
import string
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from keruen import contract, folders, snapshot
from keruen.contract import CONTENT, SCHEMA
from keruen.errors import ConceptError, FaultyTable, NoEvidence, StoreError, VocabularyError, need
from keruen.places import Place
from keruen.places import place as one_place
from keruen.places import places as all_places
from keruen.provenance import Release, cite, day, licences, releases
from keruen.readers.table import Table, load
from keruen.vocabulary import check, measures, suggest, topics
from keruen.vocabulary import measure as word

RESULT = [*SCHEMA, "id", "unit", "source", "printed", "own"]
"""Columns of an answer, in order."""

OWN_SCHEMA = {**SCHEMA, "id": pl.String()}
SORTED = ["measure", "place", "counterpart", "start", "end", "known", "release", "sex", "age", "group", "stream",
          "definition", "level", "id"]  # fmt: skip
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
RETRIES = 20

Words = str | Iterable[str] | None
Places = str | int | Place | Iterable[str | int | Place] | None


# ---------------------------------------------------------------- what was asked


def _several(given: Any) -> list[Any] | None:
    if given is None:
        return None
    return [given] if isinstance(given, str | int | Place) else list(given)


def _codes(given: Places) -> list[str] | None:
    asked = _several(given)
    return None if asked is None else [one_place(p).code for p in asked]


def _words(kind: str, given: Words) -> list[str] | None:
    asked = _several(given)
    return None if asked is None else [check(kind, str(w)) for w in asked]


def _one_of(kind: str, given: Words, known: Sequence[str], where: str = "") -> list[str] | None:
    asked = _several(given)
    for said in asked or ():
        if said not in known:
            raise VocabularyError(f"{said!r} is not a {kind}. {suggest(str(said), known)}{where}")
    return asked


def _last_day(given: str | int | date | None) -> date | None:
    return None if given is None else day(str(given) if isinstance(given, int) else given, last=True)


def cards() -> dict[str, Release]:
    """Every release card: the packaged ones, and those of the user's own releases."""
    return releases() | own_releases()


def evidence(
    place: Places = None,
    measure: Words = None,
    *,
    counterpart: Places = None,
    stream: Words = None,
    sex: Words = None,
    release: Words = None,
    status: Words = None,
    since: str | int | date | None = None,
    until: str | int | date | None = None,
    as_of: str | int | date | None = None,
    strict: bool = False,
    retracted: bool = False,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Who says what, and since when it is known: claims of the snapshot and of the user's own store.

    Parameters
    ----------
    place, counterpart
        Codes, M49 numbers or names, one or several.
    measure, stream, sex, release, status
        A word of the vocabulary (``keruen measures``), or several; ``release`` a key of ``keruen sources``.
    since, until
        Claims whose span touches these days. A month or a year alone stands for all of it.
    as_of
        Only what was known at the end of that day; a month or a year alone stands for its last day.
    strict
        Leave out what is known only by a publication lag and may have been revised since.
    retracted
        Also show rows that were withdrawn, and the rows that withdraw them. Otherwise a row is hidden from the day on
        which its retraction is known.
    columns
        Only these columns of the answer, in this order. A question about all places takes a fraction of the time and
        memory where ids, sources and locators are not asked for.

    Returns
    -------
    A table with the columns of a claim, and ``id``, ``unit``, ``source`` (publisher and title), ``printed`` (the value
    as published, in ``printed_unit``) and ``own``. Sorted by measure, place, counterpart and period; rivals for one
    period stand together in the order in which they became known. No row is an answer too: nobody reported it.

    Raises
    ------
    UnknownPlace, VocabularyError, BadDate
        If a word of the question is not known; the message names the nearest.
    StoreError
        If the user's own store cannot be read.

    Examples
    --------
    >>> table = evidence("Kazakhstan", "net_migration", as_of="2018-05-03", since=2010, until=2015)
    >>> table["known"].max().isoformat() <= "2018-05-03"
    True
    """
    asked = _several(measure)
    wanted = None if asked is None else [word(str(m)).name for m in asked]
    first = None if since is None else day(str(since) if isinstance(since, int) else since)
    last, told = _last_day(until), _last_day(as_of)
    is_in = {
        "place": _codes(place),
        "measure": wanted,
        "counterpart": _codes(counterpart),
        "stream": _words("stream", stream),
        "sex": _one_of("sex", sex, ("all", "male", "female")),
        "status": _words("status", status),
    }
    own_cards = own_releases()
    if release is not None:
        is_in["release"] = _one_of("release", release, [*releases(), *own_cards], " All: keruen sources.")
    asking = [_among(c, some) for c, some in is_in.items() if some is not None]
    if first is not None:
        asking.append((pl.col("end") > first) | ((pl.col("start") == pl.col("end")) & (pl.col("end") == first)))
    if last is not None:
        asking.append(pl.col("start") <= last)
    if told is not None:
        asking.append(pl.col("known") <= told)
    if strict:
        asking.append(pl.col("known_basis").ne_missing("publication lag"))
    needed = topics() if wanted is None else tuple(sorted({word(m).topic for m in wanted}))
    if columns is not None:
        foreign = [c for c in columns if c not in RESULT]
        if foreign:
            raise VocabularyError(f"{foreign[0]!r} is no column of an answer. {suggest(foreign[0], RESULT)}")
        # Nothing to compute is asked for, nothing is the user's own, nothing was withdrawn: the file answers.
        if not (set(columns) - set(SCHEMA) or "locator" in columns or _paths() or _any_withdrawn(needed)):
            by = [c for c in SORTED if c in columns]
            return _where(snapshot.scan(needed), asking).select(columns).collect().sort(by, maintain_order=True)
    found = _named(_where(snapshot.scan(needed), asking).collect()).with_columns(own=pl.lit(False))
    mine = own(asking).with_columns(own=pl.lit(True))
    table = pl.concat([found, mine]) if len(mine) else found
    if not retracted:
        table = _standing(table, needed, told)
    answer = _dressed(table, releases() | own_cards)
    return answer if columns is None else answer.select(columns)


def _any_withdrawn(needed: Iterable[str]) -> bool:
    version = snapshot.manifest()["version"]
    return any(len(_packaged_withdrawals(t, version)) for t in needed)


def _among(column: str, words: list[str]) -> pl.Expr:
    return pl.col(column) == words[0] if len(words) == 1 else pl.col(column).is_in(words)


def _where(table: pl.LazyFrame, asking: Sequence[pl.Expr]) -> pl.LazyFrame:
    return table.filter(*asking) if asking else table


# ---------------------------------------------------------------- ids, retractions, and what an answer adds


def _canonical(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Float64:
        size = column.abs()
        # Polars writes a float as Python does, but for those that Python writes with an exponent.
        plain = column.is_null() | ((size >= 1e-4) & (size < 1e15))
        said = column.cast(pl.String)
        if not plain.all():
            odd = (~plain).arg_true()
            said = said.scatter(odd, [repr(v + 0.0) for v in column.gather(odd).to_list()])
        return said.fill_null("")
    said = column.cast(pl.String)
    if column.dtype == pl.String and said.str.contains(r"[\\|]").any():
        said = said.str.replace_all("\\", "\\\\", literal=True).str.replace_all("|", "\\|", literal=True)
    return said.fill_null("")


def ids(table: pl.DataFrame) -> pl.Series:
    """The ids that :func:`keruen.contract.ids` gives, column by column: a million rows in about two seconds."""
    parts: list[pl.Expr | pl.Series] = []
    for column in (table[c] for c in CONTENT):
        parts.append(pl.lit("") if column.null_count() == len(column) else _canonical(column))
    said = table.select(pl.concat_str(parts, separator="|").cast(pl.Binary)).to_series().to_list()
    hashes = [hashlib.blake2b(row, digest_size=8).hexdigest() for row in said]
    return table.select(
        pl.concat_str(
            pl.col("release").fill_null("None"), pl.Series("hash", hashes, dtype=pl.String), separator=":"
        ).alias("id")
    ).to_series()


def _named(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(ids(table))


@cache
def _packaged_withdrawals(topic: str, version: str) -> pl.DataFrame:
    rows = snapshot.scan([topic]).filter(pl.col("retracts").is_not_null()).collect()
    return _named(rows).select("id", "retracts", "known")


def _withdrawn(needed: Iterable[str], told: date | None) -> set[str]:
    """Ids of the rows that are withdrawn by that day. Who withdraws a withdrawal restores the row."""
    mine = own([pl.col("retracts").is_not_null()]).select("id", "retracts", "known")
    version = snapshot.manifest()["version"]
    rows = pl.concat([mine, *(_packaged_withdrawals(t, version) for t in needed)])
    if told is not None:
        rows = rows.filter(pl.col("known") <= told)
    by: dict[str, list[str]] = {}
    for key, target in rows.select("id", "retracts").iter_rows():
        by.setdefault(target, []).append(key)

    def gone(key: str, seen: frozenset[str]) -> bool:
        return any(k not in seen and not gone(k, seen | {k}) for k in by.get(key, ()))

    return {key for key in by if gone(key, frozenset({key}))}


def _standing(table: pl.DataFrame, needed: Iterable[str], told: date | None) -> pl.DataFrame:
    gone = _withdrawn(needed, told)
    says = pl.any_horizontal(pl.col("value", "low", "high", "text").is_not_null())
    kept = table.filter(pl.col("retracts").is_null() | says)
    return kept.filter(~pl.col("id").is_in(gone)) if gone else kept


def scale(printed_unit: str | None, unit: str) -> float | None:
    """By how much a value is divided to stand in the publisher's unit; None where the unit itself was changed.

    Examples
    --------
    >>> scale("thousand", "persons"), scale("million USD", "USD"), scale("million EUR", "USD")
    (1000.0, 1000000.0, None)
    """
    if not printed_unit:
        return 1.0
    first, _, rest = printed_unit.partition(" ")
    factor = SCALES.get(first)
    rest = rest if factor else printed_unit
    if "USD" in unit and re.search(r"\b[A-Z]{3}\b", rest) and "USD" not in rest:
        return None
    return factor or 1.0


def _locators(table: pl.DataFrame, known: dict[str, Release]) -> pl.DataFrame:
    """Fill empty locators from the template of the release."""
    by: dict[str, list[str]] = {}
    for key in table.filter(pl.col("locator").is_null())["release"].unique().drop_nulls().to_list():
        if key in known and known[key].locator:
            by.setdefault(known[key].locator, []).append(key)
    filled = pl.lit(None, pl.String)
    for template, keys in by.items():
        parts: list[pl.Expr] = []
        for text, name, _, _ in string.Formatter().parse(template):
            parts.append(pl.lit(text))
            if name == "url":  # a page is its own place
                parts.append(pl.col("release").replace_strict({k: known[k].url for k in keys}, default=None))
            elif name:
                parts.append(pl.col(name).cast(pl.String).fill_null("all"))
        filled = pl.when(pl.col("release").is_in(keys)).then(pl.concat_str(parts)).otherwise(filled)
    return table.with_columns(locator=pl.coalesce("locator", filled))


def _dressed(table: pl.DataFrame, known: dict[str, Release]) -> pl.DataFrame:
    """Claims with what an answer adds to them, in its order."""
    unit = {m.name: m.unit for m in measures().values()}
    pairs = table.select("measure", "printed_unit").unique()
    scales = pairs.with_columns(
        pl.Series("_scale", [scale(p, unit[m]) for m, p in pairs.iter_rows()], dtype=pl.Float64)
    )
    keys = table["release"].unique().drop_nulls().to_list()
    source = {k: known[k].source if k in known else k for k in keys}
    return (
        _locators(table, known)
        .join(scales, on=["measure", "printed_unit"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            unit=pl.col("measure").replace_strict(unit, return_dtype=pl.String),
            source=pl.col("release").replace_strict(source, default=None, return_dtype=pl.String),
            printed=pl.col("value") / pl.col("_scale"),
        )
        .select(RESULT)
        .sort(SORTED, nulls_last=False, maintain_order=True)
    )


# ---------------------------------------------------------------- the user's own store, read


def folder() -> Path:
    """Where the user's own claims lie."""
    return folders.home() / "store"


def _open() -> sqlite3.Connection:
    return sqlite3.connect(folder() / "manifest.sqlite", timeout=60, isolation_level=None)


def _asked(query: str) -> list[Any]:
    """Rows of the manifest; none where nothing was ever added."""
    path = folder() / "manifest.sqlite"
    if not path.exists():
        if any((folder() / "parts").glob("*.parquet")):
            raise StoreError(
                f"{path} is gone, though {folder() / 'parts'} holds figures of yours. Put it back, or rebuild it from "
                "them: python -c 'from keruen import store; store.recover()'"
            )
        return []
    try:
        db = _open()
        try:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'parts'").fetchone():
                return []  # the first addition was never finished
            return db.execute(query).fetchall()
        finally:
            db.close()
    except sqlite3.Error as error:
        raise _failure(error) from error


def _failure(error: Exception) -> StoreError:
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
            "them: python -c 'from keruen import store; store.recover()'"
        )
    return StoreError(
        f"{where}: {error}; nothing was added. Look after the disk, or set KERUEN_HOME to another folder."
    )


def _paths() -> list[Path]:
    return [folder() / "parts" / f"{name}.parquet" for (name,) in _asked("SELECT name FROM parts ORDER BY number")]


def own(asking: Sequence[pl.Expr] = ()) -> pl.DataFrame:
    """The user's own claims that fulfil some conditions, with their ids; nothing is hidden."""
    for attempt in range(RETRIES):
        paths = _paths()
        if not paths:
            break
        try:
            table = pl.scan_parquet(paths, glob=False, schema=OWN_SCHEMA, missing_columns="insert")
            return _where(table, asking).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            # Parts vanish when another process has just merged them; the manifest then names others.
            time.sleep(0.005 * attempt)
            if attempt > 2 and paths == _paths():
                bad = [p for p in paths if not _sound(p)]
                raise StoreError(
                    f"{', '.join(map(str, bad)) or folder()} cannot be read ({error}). Put it back from a copy of the "
                    "folder, or leave it out for good: python -c 'from keruen import store; store.recover()'"
                ) from error
    else:
        raise StoreError(f"{folder()} changes faster than it can be read. Try again when fewer processes add to it.")
    return pl.DataFrame(schema=OWN_SCHEMA)


def _sound(path: Path) -> bool:
    try:
        pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError):
        return False
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() == path.stem


def own_releases() -> dict[str, Release]:
    """Cards of the user's own releases, by key."""
    return {key: _card(told) for key, told in _asked("SELECT key, card FROM releases ORDER BY key")}


def _card(told: str) -> Release:
    card = json.loads(told)
    return Release(**card | {"released": date.fromisoformat(card["released"])})


def _written(card: Release) -> str:
    told = {
        f: getattr(card, f)
        for f in ("key", "title", "publisher", "edition", "precision", "url", "licence", "zeros", "family")
    }
    return json.dumps(told | {"released": card.released.isoformat()}, ensure_ascii=False, sort_keys=True)


# ---------------------------------------------------------------- the user's own store, written

TABLES = """
CREATE TABLE IF NOT EXISTS parts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL, rows INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT, day TEXT NOT NULL, origin TEXT NOT NULL, added INTEGER NOT NULL,
    already INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS releases (key TEXT PRIMARY KEY, card TEXT NOT NULL);
"""
SMALL_ROWS = 20_000
SMALL_PARTS = 16


@dataclass(frozen=True, slots=True)
class Added:
    """What an addition did: rows added, rows that were there already, its number, the ids of all its rows, and what
    the reader has to say of the file (its encoding, its sheet …)."""

    added: int
    already: int
    batch: int | None
    ids: tuple[str, ...]
    notes: tuple[str, ...] = ()


def add(
    table: Any,
    *,
    source: str | None = None,
    publisher: str | None = None,
    url: str | None = None,
    licence: str | None = None,
    released: str | date | None = None,
    measure: str | None = None,
    decimal: str | None = None,
) -> Added:
    """Add figures of your own to the store.

    Parameters
    ----------
    table
        A CSV, Excel or Parquet file by the template (``keruen template evidence``), or a frame of pandas, polars or
        Arrow with its columns.
    source, publisher, url, licence, released, measure
        Said once for all rows that do not say it themselves.
    decimal
        ``.`` or ``,``: the decimal mark of numbers that could be read in two ways.

    Returns
    -------
    How many rows were added and how many were there already. Adding one file twice adds nothing.

    Raises
    ------
    FaultyTable
        With all faults of all rows; nothing is added then.
    StoreError
        If the store cannot be written; nothing is added then.
    """
    told = load(
        table,
        source=source,
        publisher=publisher,
        url=url,
        licence=licence,
        released=released,
        measure=measure,
        decimal=decimal,
    )
    _check_retractions(told)
    return append(told.claims, told.cards, origin=told.where, notes=told.notes)


def _check_retractions(told: Table) -> None:
    aims = told.claims.with_columns(line=pl.Series(told.lines, dtype=pl.Int64)).filter(pl.col("retracts").is_not_null())
    if aims.is_empty():
        return
    known = _found(set(aims["retracts"]), None)["id"].to_list() + ids(told.claims).to_list()
    wrong = aims.filter(~pl.col("retracts").is_in(known))
    if len(wrong):
        raise FaultyTable(told.where, [
            f"{told.word} {line}, column retracts: no row has the id {key!r}; copy it from keruen evidence"
            for line, key in wrong.select("line", "retracts").iter_rows()
        ])  # fmt: skip


def append(claims: pl.DataFrame, cards: Iterable[Release], *, origin: str, notes: Iterable[str] = ()) -> Added:
    """Append checked claims, and the cards of their releases, in one transaction."""
    rows = _named(claims).select(list(OWN_SCHEMA)).unique("id", keep="first", maintain_order=True)
    every = tuple(rows["id"].to_list())
    notes = [*notes]
    if len(rows) < len(claims):
        notes.append(f"{len(claims) - len(rows)} of the {len(claims)} rows repeat others of the same table.")
    try:
        with _writing() as (db, old):
            paths = [folder() / "parts" / f"{name}.parquet" for name, _ in _listed(db)]
            held = _held(paths, rows["id"])
            new = rows.join(held.to_frame(), on="id", how="anti", maintain_order="left")
            if new.is_empty():
                return Added(0, len(every), None, every, tuple(notes))
            small = [name for name, count in _listed(db) if count < SMALL_ROWS]
            merged = small if len(small) >= SMALL_PARTS else []
            piece = new
            if merged:
                before = pl.read_parquet([folder() / "parts" / f"{n}.parquet" for n in merged], glob=False)
                piece = pl.concat([before.select(list(OWN_SCHEMA)), new])
            for card in cards:
                notes += _other_card(db, card)
                db.execute("INSERT OR IGNORE INTO releases VALUES (?, ?)", (card.key, _written(card)))
            told = dict(db.execute("SELECT key, card FROM releases").fetchall())
            keys = piece["release"].unique().to_list()
            name = _write_part(piece, {k: told[k] for k in sorted(keys)})
            db.executemany("DELETE FROM parts WHERE name = ?", [(n,) for n in merged])
            db.execute("INSERT INTO parts (name, rows) VALUES (?, ?)", (name, len(piece)))
            day_ = date.today().isoformat()
            batch = db.execute("INSERT INTO batches (day, origin, added, already) VALUES (?, ?, ?, ?)",
                               (day_, origin, len(new), len(every) - len(new))).lastrowid  # fmt: skip
            old.extend(merged)
    except (OSError, sqlite3.Error) as error:
        raise _failure(error) from error
    return Added(len(new), len(every) - len(new), batch, every, tuple(notes))


def _other_card(db: sqlite3.Connection, card: Release) -> list[str]:
    """A note where a release is described otherwise than when it was first added; the first card stands."""
    held = db.execute("SELECT card FROM releases WHERE key = ?", (card.key,)).fetchone()
    first = _card(held[0]) if held else card
    odd = [f for f in ("publisher", "url", "licence") if getattr(first, f) != getattr(card, f)]
    return [f"{card.key} keeps its {f} as first told: {getattr(first, f)!r}." for f in odd]


def _held(paths: list[Path], asked: pl.Series) -> pl.Series:
    """Those of some ids that the parts hold already."""
    if not paths:
        return asked.clear()
    try:
        return (
            pl.scan_parquet(paths, glob=False).select("id").filter(pl.col("id").is_in(asked.implode())).collect()["id"]
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        bad = [str(p) for p in paths if not p.exists() or not _sound(p)]
        raise StoreError(
            f"{', '.join(bad) or folder()} cannot be read ({error}); nothing was added. Put it back from a copy of the "
            "folder, or leave it out for good: python -c 'from keruen import store; store.recover()'"
        ) from error


def _listed(db: sqlite3.Connection) -> list[tuple[str, int]]:
    return db.execute("SELECT name, rows FROM parts ORDER BY number").fetchall()


@contextmanager
def _writing() -> Iterator[tuple[sqlite3.Connection, list[str]]]:
    """The lock of the store. What is written inside counts from the commit; parts put on the list go after it."""
    parts = folder() / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    db = _open()
    old: list[str] = []
    try:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        try:
            fresh = not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'parts'").fetchone()
            for statement in filter(str.strip, TABLES.split(";")):
                db.execute(statement)
            if fresh:
                _adopt(db)
            _sweep(db)
            yield db, old
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    finally:
        db.close()
    for name in old:
        (parts / f"{name}.parquet").unlink(missing_ok=True)


def _sweep(db: sqlite3.Connection) -> None:
    """Remove what killed writers left. Only the holder of the lock writes here, so whatever is not listed is stale."""
    listed = {f"{name}.parquet" for name, _ in _listed(db)}
    for path in (folder() / "parts").iterdir():
        if path.name not in listed and (path.name.startswith(".part-") or path.suffix == ".parquet"):
            path.unlink(missing_ok=True)


def _adopt(db: sqlite3.Connection) -> None:
    """List the parts that lie there while the manifest is new: whoever lost the manifest must not lose the figures."""
    held: set[str] = set()
    for path in sorted((folder() / "parts").glob("*.parquet"), key=lambda p: p.stat().st_mtime_ns):
        if not _sound(path):
            os.replace(path, path.with_suffix(".damaged"))
            continue
        theirs = set(pl.read_parquet(path, columns=["id"])["id"])
        if theirs <= held:
            continue  # merged into another part
        held |= theirs
        for key, card in json.loads(pl.read_parquet_metadata(path)["keruen"]).items():
            db.execute("INSERT OR IGNORE INTO releases VALUES (?, ?)", (key, card))
        db.execute("INSERT INTO parts (name, rows) VALUES (?, ?)", (path.stem, len(theirs)))


def recover() -> int:
    """Build the manifest anew from the parts that lie in the store; damaged ones are set aside.

    Returns
    -------
    How many rows the store holds.
    """
    old = folder() / "manifest.sqlite"
    aside = folder() / f"manifest.{time.time_ns()}.damaged"
    try:
        if old.exists():
            os.replace(old, aside)
        with suppress(FileNotFoundError):
            os.replace(old.with_name("manifest.sqlite-journal"), aside.with_suffix(".damaged-journal"))
        with _writing():
            pass
    except (OSError, sqlite3.Error) as error:
        raise _failure(error) from error
    return len(own())


def _write_part(rows: pl.DataFrame, told: dict[str, str]) -> str:
    """Write a part under the hash of its bytes, whole or not at all."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", metadata={"keruen": json.dumps(told, ensure_ascii=False)})
    raw = buffer.getbuffer()
    name = hashlib.blake2b(raw, digest_size=16).hexdigest()
    parts = folder() / "parts"
    draft = parts / f".part-{os.getpid()}-{name}"
    try:
        with draft.open("wb") as f:
            f.write(raw)
            f.flush()
            os.fsync(f.fileno())
        os.replace(draft, parts / f"{name}.parquet")
        _sync(parts)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    return name


def _sync(path: Path) -> None:
    """Make the names in a folder last, where the system can (Windows cannot, and need not)."""
    if os.name != "posix":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# ---------------------------------------------------------------- from a number back to its rows


def trace(of: str | Iterable[str] | pl.DataFrame) -> pl.DataFrame:
    """The rows behind a number, each with a sentence to cite.

    Parameters
    ----------
    of
        An id, several ids, or a frame with ``id`` or ``derived_from``; what a row was derived from is followed to the
        rows of the sources.

    Returns
    -------
    The rows with the columns of :func:`evidence`, and ``cite``. Withdrawn rows are found too.

    Raises
    ------
    NoEvidence
        If an id leads to no row.

    Examples
    --------
    >>> one = evidence("KAZ", "net_migration", release="un-wpp-2015", since=2011, until=2014, sex="all")
    >>> trace(one["id"].item())["value"].item()
    159807.0
    """
    wanted, optional, near = _wanted(of)
    found = _found(wanted | optional, near)
    while True:
        held = set(found["id"].to_list())
        further = {key for said in found["derived_from"].drop_nulls().to_list() for key in said.split()} - held
        missing = (wanted | further) - held
        if not missing:
            break
        more = _found(missing, near if missing & further else None)
        lost = missing - set(more["id"].to_list())
        if lost:
            more = pl.concat([more, _found(lost, None)])
            lost -= set(more["id"].to_list())
        if lost:
            raise NoEvidence(
                f"No row has the id {', '.join(map(repr, sorted(lost)[:5]))}{' …' if len(lost) > 5 else ''}. Copy ids "
                f"from keruen evidence; this snapshot is {snapshot.manifest()['version']}."
            )
        found = pl.concat([found, more]).unique("id", maintain_order=True)
    known = cards()
    told = {k: cite(known[k]) for k in found["release"].unique().to_list()}
    return _dressed(found, known).with_columns(cite=pl.col("release").replace_strict(told, return_dtype=pl.String))


def _wanted(of: str | Iterable[str] | pl.DataFrame) -> tuple[set[str], set[str], pl.Expr | None]:
    """Ids that must lead to rows, ids that may (our own sums have no row), and where to look first."""
    if not isinstance(of, pl.DataFrame):
        return set(of.split()) if isinstance(of, str) else {str(key) for key in of}, set(), None
    if not {"id", "derived_from"} & set(of.columns):
        raise VocabularyError("trace() needs ids: a frame with a column id or derived_from.")
    derived = of["derived_from"] if "derived_from" in of.columns else pl.Series([None] * len(of), dtype=pl.String)
    keys = of["id"] if "id" in of.columns else pl.Series([None] * len(of), dtype=pl.String)
    wanted = {key for said in derived.drop_nulls().to_list() for key in said.split()}
    wanted |= set(keys.filter(derived.is_null()).drop_nulls().to_list())
    places = of["place"].unique().drop_nulls().to_list() if "place" in of.columns else []
    near = _among("place", places) if 0 < len(places) <= 20 else None
    optional = set(keys.drop_nulls().to_list()) - wanted if near is not None or not wanted else set()
    return wanted, optional, near


def event_claims() -> pl.DataFrame:
    """The timeline of policies and shocks as claims, in the order of its table; what happened is ``text``."""
    return _event_claims(snapshot.manifest()["version"])


@cache
def _event_claims(version: str) -> pl.DataFrame:
    if "events" not in snapshot.manifest()["covariates"]:
        return _named(contract.empty())
    told = snapshot.covariates("events")
    ends = pl.concat_str(pl.col("places").list.join(" "), pl.lit(" · "), pl.col("counterparts").list.join(" "))
    return _named(
        contract.claims(
            told.select(
                pl.col("places").list.first().fill_null("_WORLD").alias("place"),
                pl.when(pl.col("counterparts").list.len() == 1)
                .then(pl.col("counterparts").list.first())
                .alias("counterpart"),
                pl.col("date_start").alias("start"),
                pl.col("date_end").alias("end"),
                pl.col("description").alias("text"),
                "release",
                "known",
                pl.col("source").alias("locator"),
                ends.alias("note"),
            ),
            measure="event",
            status="press",
            known_basis="page",
        )
    )


def _found(wanted: set[str], near: pl.Expr | None) -> pl.DataFrame:
    """Rows by id. An id begins with its release, so only rows of that release are named and compared."""
    mine = own([pl.col("id").is_in(list(wanted))]).with_columns(own=pl.lit(True))
    events = event_claims().filter(pl.col("id").is_in(list(wanted))).with_columns(own=pl.lit(False))
    pieces = [mine.clear(), mine, events.select(mine.columns)]
    left = wanted - set(mine["id"].to_list()) - set(events["id"].to_list())
    held = snapshot.manifest()
    keys = {key.rpartition(":")[0] for key in left} & set(held["releases"])
    asking = [pl.col("release").is_in(sorted(keys))] + ([near] if near is not None else [])
    for topic in sorted(held["topics"], key=lambda t: held["bytes"].get(t, 0)):
        if not left or not keys:
            break
        rows = snapshot.scan([topic]).filter(*asking).collect()
        for piece in rows.iter_slices(100_000):
            hit = _named(piece).filter(pl.col("id").is_in(list(left)))
            pieces.append(hit.with_columns(own=pl.lit(False)).select(mine.columns))
            left -= set(hit["id"].to_list())
            if not left:
                break
    return pl.concat(pieces)


# ---------------------------------------------------------------- sources


def sources(as_of: str | int | date | None = None) -> pl.DataFrame:
    """Every release: publisher, edition, licence, rows, and the faults known of it.

    Parameters
    ----------
    as_of
        Only releases of which something was known that day; rows and faults as of that day.

    Examples
    --------
    >>> sources().filter(pl.col("key") == "un-wpp-2024")["released"].item().isoformat()
    '2024-07-11'
    """
    told = _last_day(as_of)
    known, mine = cards(), own_releases()
    counts = _counts(told)
    rows = []
    for key, card in known.items():
        held, copies = counts.get(key, (0, 0))
        if told is not None and not held and card.released > told:
            continue
        rows.append(
            {
                "key": key, "publisher": card.publisher, "title": card.title, "edition": card.edition,
                "released": card.released, "precision": card.precision,
                "licence": licences().get(card.licence, {"name": card.licence})["name"], "url": card.url,
                "zeros": card.zeros, "family": card.family, "rows": held, "copies": copies,
                "restricted": card.restricted, "own": key in mine,
                "faults": [f.text for f in card.faults if told is None or f.known <= told],
            }
        )  # fmt: skip
    schema: dict[str, Any] = {"released": pl.Date, "rows": pl.Int64, "copies": pl.Int64, "faults": pl.List(pl.String)}
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None).sort("key")


def _counts(told: date | None) -> dict[str, tuple[int, int]]:
    """Rows and copies by release."""
    held = {k: (c["rows"], c["copies"]) for k, c in snapshot.manifest()["releases"].items()}
    told_by = (pl.col("release"), pl.col("known"), pl.col("copy_of"))
    summed = (pl.len().alias("rows"), pl.col("copy_of").is_not_null().sum().alias("copies"))
    asking = [pl.col("known") <= told] if told is not None else []
    tables = [own(asking).select(told_by)]
    if told is not None:
        held = {}
        tables.append(snapshot.scan().filter(*asking).select(told_by).collect())
    for table in tables:
        held |= {k: (r, c) for k, r, c in table.group_by("release").agg(summed).iter_rows()}
    return held


# ---------------------------------------------------------------- SQL


MEMORY = "1GB"
SECONDS = 30.0
ROWS = 2_000_000


def sql(query: str, *, seconds: float = SECONDS) -> pl.DataFrame:
    """Ask the store in SQL: exactly one ``SELECT`` over the views ``claims``, ``own``, ``releases`` and ``places``.

    The query runs in a DuckDB that can reach no file and no network, within limits of memory, time and rows; tables
    are handed in from outside. It sees rows as they are stored: an as-of day is a condition on ``known``, and rows
    withdrawn by others stand there too.

    Parameters
    ----------
    query
        The statement.
    seconds
        How long it may run.

    Raises
    ------
    ConceptError
        If it is not one ``SELECT``, cannot be understood, or needs too much.
    MissingExtra
        If DuckDB is not installed.
    """
    duckdb = need("duckdb", "sql")
    dataset = need("pyarrow.dataset", "sql").dataset
    db = duckdb.connect(":memory:")
    try:
        for setting in (
            "SET python_enable_replacements = false", "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false", "SET temp_directory = ''", f"SET memory_limit = '{MEMORY}'",
        ):  # fmt: skip
            db.execute(setting)
        _only_select(duckdb, db, query)
        # Handed in as Arrow: DuckDB itself is allowed no file at all, for what it may read it may also overwrite.
        paths = [str(folders.snapshot() / f"{t}.parquet") for t in snapshot.manifest()["topics"]]
        db.register("claims", dataset(paths) if paths else pl.DataFrame(schema=SCHEMA).to_arrow())
        db.register("own", own().to_arrow())
        db.register("releases", sources().to_arrow())
        db.register("places", _place_table().to_arrow())
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        return _within(duckdb, db, query, seconds)
    finally:
        db.close()


def _only_select(duckdb: Any, db: Any, query: str) -> None:
    try:
        statements = db.extract_statements(query)
    except duckdb.Error as error:
        raise ConceptError(f"The query cannot be understood: {error}") from error
    kinds = [s.type.name for s in statements]
    if kinds != ["SELECT"]:
        raise ConceptError(
            f"sql() runs exactly one SELECT; this is {' and '.join(kinds) or 'nothing'}. Add figures with keruen add; "
            "write files with --format and --out."
        )


def _within(duckdb: Any, db: Any, query: str, seconds: float) -> pl.DataFrame:
    timer = threading.Timer(seconds, db.interrupt)
    timer.start()
    pieces: list[Any] = []
    rows = 0
    try:
        reading = db.sql(query).to_arrow_reader(100_000)
        pieces.append(pl.from_arrow(reading.schema.empty_table()))
        for batch in reading:
            pieces.append(pl.from_arrow(batch))
            rows += batch.num_rows
            if rows > ROWS:
                raise ConceptError(f"The answer has more than {ROWS:,} rows. Group, filter or LIMIT them.")
    except duckdb.InterruptException as error:
        raise ConceptError(
            f"The query ran longer than {seconds:g} seconds and was stopped. Ask for less, or set seconds=."
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise ConceptError(f"The query needs more than {MEMORY} of memory and was stopped. Ask for less.") from error
    except duckdb.Error as error:
        raise ConceptError(f"The query was refused: {error}") from error
    finally:
        timer.cancel()
    answer: pl.DataFrame = pl.concat(pieces)
    return answer


def _place_table() -> pl.DataFrame:
    rows = [
        {"code": p.code, "kind": p.kind, "name": p.name, "iso2": p.iso2, "m49": p.m49, "region": p.region,
         "subregion": p.subregion, "income": p.income, "since": p.since, "until": p.until}
        for p in all_places().values()
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)
