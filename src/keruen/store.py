"""The store: claims of the packaged snapshot and the user's own additions, asked by place, measure and day."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from typing import Any

import polars as pl

from keruen import contract, own, snapshot
from keruen.contract import SCHEMA
from keruen.errors import BadDate, VocabularyError
from keruen.ids import named
from keruen.places import Place
from keruen.places import place as one_place
from keruen.provenance import Release, day, licences, releases
from keruen.vocabulary import check, measures, suggest, topics
from keruen.vocabulary import measure as word

RESULT = [*SCHEMA, "id", "unit", "source", "printed", "own"]
"""Columns of an answer, in order."""

SORTED = ["measure", "place", "counterpart", "start", "end", "known", "release", "sex", "age", "group", "stream",
          "definition", "level", "id"]  # fmt: skip
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}

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


def _days(since: str | int | date | None, until: str | int | date | None) -> tuple[date | None, date | None]:
    first = None if since is None else day(str(since) if isinstance(since, int) else since)
    last = _last_day(until)
    if first is not None and last is not None and first > last:
        raise BadDate(f"since={first} is after until={last}; swap them.")
    return first, last


def _touching(first: date | None, last: date | None) -> list[pl.Expr]:
    asking = []
    if first is not None:
        asking.append((pl.col("end") > first) | ((pl.col("start") == pl.col("end")) & (pl.col("end") == first)))
    if last is not None:
        asking.append(pl.col("start") <= last)
    return asking


def touching(since: str | int | date | None = None, until: str | int | date | None = None) -> list[pl.Expr]:
    """Conditions that a span touches these days. What ends on the first day ends before it: spans are half-open.

    Examples
    --------
    >>> year = pl.DataFrame({"start": [date(2013, 1, 1)], "end": [date(2014, 1, 1)]})
    >>> [len(year.filter(*touching(y, y))) for y in (2012, 2013, 2014)]
    [0, 1, 0]
    """
    return _touching(*_days(since, until))


def cards() -> dict[str, Release]:
    """Every release card: the packaged ones, and those of the user's own releases."""
    return releases() | own.releases()


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
    (first, last), told = _days(since, until), _last_day(as_of)
    is_in = {
        "place": _codes(place),
        "measure": wanted,
        "counterpart": _codes(counterpart),
        "stream": _words("stream", stream),
        "sex": _one_of("sex", sex, ("all", "male", "female")),
        "status": _words("status", status),
    }
    own_cards = own.releases()
    if release is not None:
        is_in["release"] = _one_of("release", release, [*releases(), *own_cards], " All: keruen sources.")
    asking = [among(c, some) for c, some in is_in.items() if some is not None]
    asking += _touching(first, last)
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
        if not (set(columns) - set(SCHEMA) or "locator" in columns or own.paths() or _with_withdrawals(needed)):
            by = [c for c in SORTED if c in columns]
            return _where(snapshot.scan(needed), asking).select(columns).collect().sort(by, maintain_order=True)
    found = named(_where(snapshot.scan(needed), asking).collect()).with_columns(own=pl.lit(False))
    mine = own.claims(asking).with_columns(own=pl.lit(True))
    table = pl.concat([found, mine]) if len(mine) else found
    if not retracted:
        table = _standing(table, needed, told)
    answer = dressed(table, releases() | own_cards)
    return answer if columns is None else answer.select(columns)


def _with_withdrawals(needed: Iterable[str]) -> list[str]:
    """Those of some topics of which packaged rows withdraw others."""
    held = snapshot.manifest()["withdrawals"]
    return [t for t in needed if t in held]


def among(column: str, words: list[str]) -> pl.Expr:
    """A condition that a column says one of some words."""
    return pl.col(column) == words[0] if len(words) == 1 else pl.col(column).is_in(words)


def _where(table: pl.LazyFrame, asking: Sequence[pl.Expr]) -> pl.LazyFrame:
    return table.filter(*asking) if asking else table


# ---------------------------------------------------------------- retractions, and what an answer adds


@cache
def _packaged_withdrawals(topic: str, version: str) -> pl.DataFrame:
    rows = snapshot.scan([topic]).filter(pl.col("retracts").is_not_null()).collect()
    return named(rows).select("id", "retracts", "known")


def _withdrawn(needed: Iterable[str], told: date | None) -> set[str]:
    """Ids of the rows that are withdrawn by that day. Who withdraws a withdrawal restores the row."""
    mine = own.claims([pl.col("retracts").is_not_null()]).select("id", "retracts", "known")
    version = snapshot.manifest()["version"]
    rows = pl.concat([mine, *(_packaged_withdrawals(t, version) for t in _with_withdrawals(needed))])
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
    rows = table.with_row_index("_row")
    filled = [pl.DataFrame(schema={"_row": pl.UInt32, "_locator": pl.String})]
    for template, keys in by.items():
        parts: list[pl.Expr] = []
        for text, name, _, _ in string.Formatter().parse(template):
            parts.append(pl.lit(text))
            if name == "url":  # a page is its own place
                parts.append(pl.col("release").replace_strict({k: known[k].url for k in keys}, default=None))
            elif name:
                parts.append(pl.col(name).cast(pl.String).fill_null("all"))
        mine = rows.filter(pl.col("locator").is_null() & pl.col("release").is_in(keys))
        filled.append(mine.select("_row", pl.concat_str(parts).alias("_locator")))
    return (
        rows.join(pl.concat(filled), on="_row", how="left", maintain_order="left")
        .with_columns(locator=pl.coalesce("locator", "_locator"))
        .drop("_row", "_locator")
    )


def dressed(table: pl.DataFrame, known: dict[str, Release]) -> pl.DataFrame:
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
            # A figure printed as 679.7 million does not come back from 679,700,000 to the last bit.
            printed=pl.when(pl.col("_scale") == 1)
            .then("value")
            .otherwise((pl.col("value") / pl.col("_scale")).round_sig_figs(15)),
        )
        .select(RESULT)
        .sort(SORTED, nulls_last=False, maintain_order=True)
    )


# ---------------------------------------------------------------- events


def event_claims() -> pl.DataFrame:
    """The timeline of policies and shocks as claims, in the order of its table; what happened is ``text``."""
    return _event_claims(snapshot.manifest()["version"])


@cache
def _event_claims(version: str) -> pl.DataFrame:
    if "events" not in snapshot.manifest()["covariates"]:
        return named(contract.empty())
    told = snapshot.covariates("events")
    ends = pl.concat_str(pl.col("places").list.join(" "), pl.lit(" · "), pl.col("counterparts").list.join(" "))
    return named(
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


# ---------------------------------------------------------------- sources


SOURCE: dict[str, Any] = {
    "key": pl.String, "publisher": pl.String, "title": pl.String, "edition": pl.String, "released": pl.Date,
    "precision": pl.String, "known_basis": pl.String, "licence": pl.String, "url": pl.String, "zeros": pl.String,
    "family": pl.String, "rows": pl.Int64, "copies": pl.Int64, "restricted": pl.Boolean, "own": pl.Boolean,
    "faults": pl.List(pl.String),
}  # fmt: skip
RUNNING = "a running series, as the publication lag makes it known"


def sources(as_of: str | int | date | None = None) -> pl.DataFrame:
    """Every release: publisher, edition, licence, rows, and the faults known of it.

    Parameters
    ----------
    as_of
        Only releases of which something was known that day; rows and faults as of that day. Of a running series that
        was read later, ``released`` is then the newest day on which the publication lag makes something of it known,
        and ``known_basis`` says so.

    Examples
    --------
    >>> sources().filter(pl.col("key") == "un-wpp-2024")["released"].item().isoformat()
    '2024-07-11'
    """
    told = _last_day(as_of)
    known, mine = cards(), own.releases()
    counts = _counts(told)
    rows = []
    for key, card in known.items():
        held, copies, newest = counts.get(key, (0, 0, None))
        early = told is not None and card.released > told
        if early and newest is None:
            continue
        rows.append(
            {
                "key": key, "publisher": card.publisher, "title": card.title,
                "edition": RUNNING if early else card.edition, "released": newest if early else card.released,
                "precision": "day" if early else card.precision,
                "known_basis": "publication lag" if early else "release",
                "licence": licences().get(card.licence, {"name": card.licence})["name"], "url": card.url,
                "zeros": card.zeros, "family": card.family, "rows": held, "copies": copies,
                "restricted": card.restricted, "own": key in mine,
                "faults": [f.text for f in card.faults if told is None or f.known <= told],
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema=SOURCE).sort("key")


def _counts(told: date | None) -> dict[str, tuple[int, int, date | None]]:
    """Rows and copies by release, and the newest day on which one of them became known, where a day is asked of."""
    held: dict[str, tuple[int, int, date | None]] = {
        k: (c["rows"], c["copies"], None) for k, c in snapshot.manifest()["releases"].items()
    }
    told_by = (pl.col("release"), pl.col("known"), pl.col("copy_of"))
    summed = (
        pl.len().alias("rows"),
        pl.col("copy_of").is_not_null().sum().alias("copies"),
        pl.col("known").max().alias("newest"),
    )
    asking = [pl.col("known") <= told] if told is not None else []
    tables = [own.claims(asking).select(told_by)]
    if told is not None:
        held = {}
        tables.append(snapshot.scan().filter(*asking).select(told_by).collect())
    for table in tables:
        held |= {k: (r, c, n) for k, r, c, n in table.group_by("release").agg(summed).iter_rows()}
    return held
