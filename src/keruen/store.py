"""The store: claims of the packaged snapshot and the user's own additions, asked by place, measure and day.

Own claims lie in ``store/parts/<hash>.parquet`` of the user's folder, told by ``store/manifest.sqlite``. The store only
grows: what is withdrawn is withdrawn by a row of its own. Whoever writes takes SQLite's lock first, writes and renames
a part, and commits its name last; what is not in the manifest does not exist.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from keruen import snapshot
from keruen.errors import ConceptError, EvidenceError, StoreError, VocabularyError
from keruen.evidence import CONTENT, SCHEMA
from keruen.places import Place
from keruen.places import place as one_place
from keruen.provenance import Fault, Release, cite, day, licences, releases
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


def _last_day(given: str | date | None) -> date | None:
    return None if given is None else day(given, last=True)


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
    since: str | date | None = None,
    until: str | date | None = None,
    as_of: str | date | None = None,
    strict: bool = False,
    retracted: bool = False,
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
    last = _last_day(str(until) if isinstance(until, int) else until)
    told = _last_day(str(as_of) if isinstance(as_of, int) else as_of)
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
    found = _named(_where(snapshot.scan(needed), asking).collect()).with_columns(own=pl.lit(False))
    mine = own(asking).with_columns(own=pl.lit(True))
    table = pl.concat([found, mine]) if len(mine) else found
    if not retracted:
        table = _standing(table, needed, told)
    return _dressed(table, releases() | own_cards)


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
    """The ids that :func:`keruen.evidence.ids` gives, column by column: a million rows in about two seconds."""
    said = pl.DataFrame([_canonical(table[c]) for c in CONTENT]).select(pl.concat_str(pl.all(), separator="|"))
    hashes = [hashlib.blake2b(row.encode(), digest_size=8).hexdigest() for row in said.to_series().to_list()]
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
    filled = pl.lit(None, pl.String)
    for key in table["release"].unique().drop_nulls().to_list():
        template = known[key].locator if key in known else ""
        pieces = list(string.Formatter().parse(template))
        names = [name for _, name, _, _ in pieces if name]
        if not template or not set(names) <= set(SCHEMA):
            continue
        parts: list[pl.Expr] = []
        for text, name, _, _ in pieces:
            parts.append(pl.lit(text))
            if name:
                parts.append(pl.col(name).cast(pl.String).fill_null("all"))
        filled = pl.when(pl.col("release") == key).then(pl.concat_str(parts)).otherwise(filled)
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


# ---------------------------------------------------------------- the user's own store


def folder() -> Path:
    """Where the user's own claims lie."""
    return snapshot.home() / "store"


def _manifest() -> sqlite3.Connection | None:
    """The manifest, for reading; None where nothing was ever added."""
    path = folder() / "manifest.sqlite"
    if not path.exists():
        return None
    db = sqlite3.connect(path, timeout=60, isolation_level=None)
    held = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'parts'").fetchone()
    if not held[0]:
        db.close()
        return None
    return db


def own(asking: Sequence[pl.Expr] = ()) -> pl.DataFrame:
    """The user's own claims that fulfil some conditions, with their ids; nothing is hidden."""
    return pl.DataFrame(schema=OWN_SCHEMA)


def own_releases() -> dict[str, Release]:
    """Cards of the user's own releases, by key."""
    return {}
