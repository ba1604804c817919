"""The user's own claims, added.

The store only grows: what is withdrawn is withdrawn by a row of its own. Whoever writes takes SQLite's lock first,
writes and renames a part, and commits its name last.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from keruen import own, snapshot
from keruen.errors import FaultyTable, StoreError
from keruen.ids import ids, named
from keruen.provenance import Release
from keruen.readers.table import Table, load
from keruen.trace import found
from keruen.vocabulary import measures

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
FIGURE = ["measure", "stream", "place", "counterpart", "sex", "age", "group", "start", "end"]
"""What two rows that tell one figure have in common, beside its value."""

NAMED = 5
"""So many rows that equal a packaged one are named; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Added:
    """What an addition did: rows added, rows that were there already, its number, the ids of all its rows, and what
    the reader has to say of the file (its encoding, its sheet, rows that equal packaged ones …)."""

    added: int
    already: int
    batch: int | None
    ids: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        batch = "" if self.batch is None else f" as batch {self.batch}"
        told = f"; {len(self.notes)} note{'s' * (len(self.notes) != 1)} on how they were read" if self.notes else ""
        return (
            f"{self.added:,} row{'s' * (self.added != 1)} added{batch}, {self.already:,} there already{told}."
            " See ids, notes."
        )


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
    How many rows were added and how many were there already. Adding one file twice adds nothing. Rows that equal a
    packaged figure and do not say that they count as it does are named in ``notes``: a copy is no witness.

    Raises
    ------
    FaultyTable
        With all faults of all rows, invented rows of the template among them; nothing is added then.
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
        examples=False,
    )
    _check_retractions(told)
    notes = (*told.notes, *_equal_to_packaged(told))
    return append(told.claims, told.cards, origin=told.where, notes=notes)


def _equal_to_packaged(told: Table) -> list[str]:
    """A warning for every row whose figure a packaged row tells already, unless it says that it counts as that does."""
    mine = named(told.claims).with_columns(
        line=pl.Series(told.lines, dtype=pl.Int64), _value=pl.col("value").round_sig_figs(12)
    )
    mine = mine.filter(pl.col("value").is_not_null() & pl.col("retracts").is_null())
    if mine.is_empty():
        return []
    words = {c: mine[c].unique().to_list() for c in ("measure", "place")}
    packaged = (
        snapshot.scan(sorted({measures()[m].topic for m in words["measure"]}))
        .filter(*(pl.col(c).is_in(some) for c, some in words.items()))
        .select(*FIGURE, "definition", "release", _value=pl.col("value").round_sig_figs(12))
        .join(mine.lazy().select(*FIGURE, "_value").unique(), on=[*FIGURE, "_value"], how="semi", nulls_equal=True)
        .sort("release", "definition")
        .collect()
    )
    same = mine.join(packaged, on=[*FIGURE, "_value"], suffix="_of", nulls_equal=True, maintain_order="left_right")
    same = same.filter(~(pl.col("definition") == pl.col("definition_of")).any().over("line"))
    rows = same.unique("line", keep="first", maintain_order=True)
    notes = [
        f"{told.word} {r['line']}: {r['value']:,.15g} equals {r['measure']} of {r['place']}, {r['start']} to "
        f"{r['end']}, of release {r['release_of']}. A copy is no second witness: if it is one, leave it out, or write "
        f"{r['definition_of']} in the column definition. This row is withdrawn by another with retracts {r['id']}."
        for r in rows.head(NAMED).iter_rows(named=True)
    ]
    more = len(rows) - len(notes)
    return notes + ([f"{more} more row{'s equal' if more > 1 else ' equals'} a packaged one."] if more else [])


def _check_retractions(told: Table) -> None:
    aims = told.claims.with_columns(line=pl.Series(told.lines, dtype=pl.Int64)).filter(pl.col("retracts").is_not_null())
    if aims.is_empty():
        return
    known = found(set(aims["retracts"]), None)["id"].to_list() + ids(told.claims).to_list()
    wrong = aims.filter(~pl.col("retracts").is_in(known))
    if len(wrong):
        raise FaultyTable(told.where, [
            f"{told.word} {line}, column retracts: no row has the id {key!r}; copy it from keruen evidence"
            for line, key in wrong.select("line", "retracts").iter_rows()
        ])  # fmt: skip


def append(claims: pl.DataFrame, cards: Iterable[Release], *, origin: str, notes: Iterable[str] = ()) -> Added:
    """Append checked claims, and the cards of their releases, in one transaction."""
    rows = named(claims).select(list(own.SCHEMA)).unique("id", keep="first", maintain_order=True)
    every = tuple(rows["id"].to_list())
    notes = [*notes]
    if len(rows) < len(claims):
        notes.append(f"{len(claims) - len(rows)} of the {len(claims)} rows repeat others of the same table.")
    try:
        with _writing() as (db, old):
            paths = [own.folder() / "parts" / f"{name}.parquet" for name, _ in _listed(db)]
            held = _held(paths, rows["id"])
            new = rows.join(held.to_frame(), on="id", how="anti", maintain_order="left")
            if new.is_empty():
                return Added(0, len(every), None, every, tuple(notes))
            small = [name for name, count in _listed(db) if count < SMALL_ROWS]
            merged = small if len(small) >= SMALL_PARTS else []
            piece = new
            if merged:
                before = pl.read_parquet([own.folder() / "parts" / f"{n}.parquet" for n in merged], glob=False)
                piece = pl.concat([before.select(list(own.SCHEMA)), new])
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
        raise own.failure(error) from error
    return Added(len(new), len(every) - len(new), batch, every, tuple(notes))


def _written(card: Release) -> str:
    told = {
        f: getattr(card, f)
        for f in ("key", "title", "publisher", "edition", "precision", "url", "licence", "zeros", "family")
    }
    return json.dumps(told | {"released": card.released.isoformat()}, ensure_ascii=False, sort_keys=True)


def _other_card(db: sqlite3.Connection, card: Release) -> list[str]:
    """A note where a release is described otherwise than when it was first added; the first card stands."""
    held = db.execute("SELECT card FROM releases WHERE key = ?", (card.key,)).fetchone()
    first = own.card_of(held[0]) if held else card
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
        bad = [str(p) for p in paths if not p.exists() or not own.sound(p)]
        raise StoreError(
            f"{', '.join(bad) or own.folder()} cannot be read ({error}); nothing was added. Put it back from a copy "
            "of the folder, or leave it out for good: python -c 'from keruen import adding; adding.recover()'"
        ) from error


def _listed(db: sqlite3.Connection) -> list[tuple[str, int]]:
    return db.execute("SELECT name, rows FROM parts ORDER BY number").fetchall()


@contextmanager
def _writing() -> Iterator[tuple[sqlite3.Connection, list[str]]]:
    """The lock of the store. What is written inside counts from the commit; parts put on the list go after it."""
    parts = own.folder() / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    db = own.opened()
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
    for path in (own.folder() / "parts").iterdir():
        if path.name not in listed and (path.name.startswith(".part-") or path.suffix == ".parquet"):
            path.unlink(missing_ok=True)


def _adopt(db: sqlite3.Connection) -> None:
    """List the parts that lie there while the manifest is new: whoever lost the manifest must not lose the figures."""
    held: set[str] = set()
    for path in sorted((own.folder() / "parts").glob("*.parquet"), key=lambda p: p.stat().st_mtime_ns):
        if not own.sound(path):
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
    old = own.folder() / "manifest.sqlite"
    aside = own.folder() / f"manifest.{time.time_ns()}.damaged"
    try:
        if old.exists():
            os.replace(old, aside)
        with suppress(FileNotFoundError):
            os.replace(old.with_name("manifest.sqlite-journal"), aside.with_suffix(".damaged-journal"))
        with _writing():
            pass
    except (OSError, sqlite3.Error) as error:
        raise own.failure(error) from error
    return len(own.claims())


def _write_part(rows: pl.DataFrame, told: dict[str, str]) -> str:
    """Write a part under the hash of its bytes, whole or not at all."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", metadata={"keruen": json.dumps(told, ensure_ascii=False)})
    raw = buffer.getbuffer()
    name = hashlib.blake2b(raw, digest_size=16).hexdigest()
    parts = own.folder() / "parts"
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
