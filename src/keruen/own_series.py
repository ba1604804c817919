"""A user's own series of net migration as claims: one figure a year, with what it counts and how well."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from typing import Any

import polars as pl

from keruen import contract
from keruen.errors import FaultyTable, ModelError, UnreadableSource
from keruen.measurement import accuracy, half_width
from keruen.places import place as one_place
from keruen.provenance import day
from keruen.readers import opening

COLUMNS = ("year", "value", "definition", "release", "error", "known", "population", "place")
"""What a plain table of a series may hold; the first two it must."""

_STATED = 0.8  # mass of the interval by which an error is told


def claims_from_series(
    place: str | int,
    years: Iterable[int],
    values: Iterable[float],
    release: str = "own",
    *,
    definition: str = "own",
    error: float | Iterable[float] | None = None,
    known: str | date | None = None,
    population: Iterable[float] | None = None,
) -> pl.DataFrame:
    """Claims from a series of net migration by calendar year.

    Parameters
    ----------
    place
        Code or name.
    years, values
        Calendar years; persons, arrivals less departures.
    release
        A name for the source.
    definition
        What it counts: a definition with a lineage. ``own`` by default.
    error
        Standard deviation of its error, persons, independent from year to year; 0 for a source without error. By
        default the definition tells, and errors run on from year to year.
    known
        The day from which it was known; needed for questions as of a day.
    population
        Mid-year residents of those years, where the packaged ones are not wanted.

    Returns
    -------
    A table of claims for :func:`keruen.reconcile`.

    Raises
    ------
    ModelError
        For years without value, twice the same year, parts of years, years far outside, a negative error.
    VocabularyError, Incomparable
        For a definition that is not known, or that counts something else.

    Examples
    --------
    >>> table = claims_from_series("KAZ", [2004, 2005], [2789, 22668], release="register")
    >>> table.select("start", "value").rows()[1]
    (datetime.date(2005, 1, 1), 22668.0)
    """
    code = one_place(place).code
    accuracy(definition)
    when, what = list(years), list(values)
    if len(when) != len(what) or not when:
        raise ModelError(f"{len(when)} years meet {len(what)} values for {code}. Give one value a year.")
    odd = [y for y in when if _number(y) is None or not float(y).is_integer()]
    if odd:
        raise ModelError(
            f"{odd[0]!r} is no calendar year ({len(odd)} such for {code}). Give whole years as numbers; a figure from "
            "mid-year to mid-year is a claim with start and end, see keruen template evidence."
        )
    when = [int(y) for y in when]
    twice = sorted({y for y in when if when.count(y) > 1})
    if twice:
        raise ModelError(f"{code} has two values for {twice[0]} in one series. Give the other one as another release.")
    far = [y for y in when if not 1850 <= y <= date.today().year + 1]
    if far:
        raise ModelError(f"{far[0]} is far outside what was observed. Give calendar years between 1850 and today.")
    empty = [f"{v!r} for {y}" for y, v in zip(when, what, strict=True) if _number(v) is None]
    if empty:
        raise ModelError(
            f"A value for {code} is not a number: {', '.join(empty[:5])}{', …' if len(empty) > 5 else ''}. Give "
            "persons as plain numbers, and leave a year without figure out: absent is not 0."
        )
    what = [float(v) for v in what]
    frame = pl.DataFrame(
        {
            "place": [code] * len(when), "start": [date(y, 1, 1) for y in when],
            "end": [date(y + 1, 1, 1) for y in when], "value": what,
        }
    )  # fmt: skip
    if error is not None:
        sds = _one_a_year(error, len(when), f"error of {code}", "0 or more, one for all or one a year", least=0.0)
        half = [half_width(_STATED) * e for e in sds]
        frame = frame.with_columns(
            low=pl.Series([v - h for v, h in zip(what, half, strict=True)]),
            high=pl.Series([v + h for v, h in zip(what, half, strict=True)]),
            level=pl.lit(_STATED),
        )
    constants = {
        "status": "estimate", "definition": definition, "release": release,
        "known": None if known is None else day(known, last=True), "known_basis": None if known is None else "user",
    }  # fmt: skip
    table = contract.claims(frame, measure="net_migration", **constants)
    if population is None:
        return table
    people = _one_a_year(population, len(when), f"population of {code}", "persons above zero, one figure a year")
    if min(people) <= 0:
        raise ModelError(f"The population of {code} must be above zero, one figure a year.")
    stocks = pl.DataFrame(
        {
            "place": [code] * len(when), "start": [date(y, 7, 1) for y in when], "end": [date(y, 7, 1) for y in when],
            "value": people,
        }
    )  # fmt: skip
    return pl.concat([table, contract.claims(stocks, measure="population", **constants)])


def claims_of(table: Any, code: str | None) -> pl.DataFrame:
    """Claims as they are, or made of a plain table with ``year``, ``value`` and what else is told of a series.

    Parameters
    ----------
    table
        A frame of polars, pandas or Arrow.
    code
        The place of a table that names none.

    Raises
    ------
    FaultyTable
        If it is no table, or has columns that say nothing here.

    Examples
    --------
    >>> claims_of(pl.DataFrame({"year": [2004, 2005], "value": [2789, 22668]}), "KAZ")["value"].to_list()
    [2789.0, 22668.0]
    """
    try:
        frame = opening.frame(table)
    except UnreadableSource as error:
        what = f"A {type(table).__name__} is not a table. Give a frame of pandas, polars or Arrow"
        raise FaultyTable("claims", [f"{what} with year and value, or what claims_from_series makes."]) from error
    missing = [c for c in contract.SCHEMA if c not in frame.columns]
    if not missing:
        return _checked(frame)
    lacking = [c for c in COLUMNS[:2] if c not in frame.columns]
    if COLUMNS[0] in lacking and len(missing) < len(contract.SCHEMA) / 2:
        raise FaultyTable(
            "claims", [f"column {c!r} is missing; give year and value, or make it with claims_from_series"
                       for c in missing]
        )  # fmt: skip
    faults = [f"column {c!r} is missing" for c in lacking]
    faults += [f"column {c!r} says nothing here; a series has {', '.join(COLUMNS)}"
               for c in frame.columns if c not in COLUMNS]  # fmt: skip
    if "place" not in frame.columns and code is None:
        faults.append("column 'place' is missing, and several places are asked")
    if faults:
        raise FaultyTable("claims", faults)
    said = {"place": pl.lit(code), "release": pl.lit("own"), "definition": pl.lit("own"), "known": pl.lit(None)}
    frame = frame.with_columns(v.alias(k) for k, v in said.items() if k not in frame.columns)
    frame = frame.with_columns(pl.col("release", "definition").fill_null("own"))
    tables = []
    for (place, release, definition, known), one in frame.group_by(list(said), maintain_order=True):
        more: dict[str, Any] = {k: one[k].to_list() for k in ("error", "population") if k in one.columns}
        more = {k: v for k, v in more.items() if any(x is not None for x in v)}
        tables.append(
            claims_from_series(
                place,
                one["year"].to_list(),
                one["value"].to_list(),
                release,
                definition=definition,
                known=known,
                **more,
            )
        )
    return pl.concat(tables) if tables else contract.claims(pl.DataFrame(), measure="net_migration")


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    """Claims whose days are days and whose figures are numbers; a period has a beginning and an end."""
    faults = []
    for names, word in ((("start", "end", "known"), "days"), (("value", "low", "high", "level"), "numbers")):
        for c in names:
            kind = frame.schema[c]
            if kind != pl.Null and not (kind == pl.Date if word == "days" else kind.is_numeric()):
                faults.append(f"column {c!r} holds {kind}, not {word}")
    for c in ("place", "start", "end"):
        if many := frame[c].null_count():
            faults.append(f"column {c!r} is empty in {many} rows")
    if faults:
        raise FaultyTable("claims", faults)
    return frame


def _number(value: Any) -> float | None:
    """A finite number; nothing for all else, texts and days among them."""
    if value is None or isinstance(value, str | bytes | date):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def _one_a_year(told: Any, many: int, what: str, wanted: str, least: float | None = None) -> list[float]:
    """One number for all years where that is meant, or one a year."""
    single = _number(told)
    listed = [told] * many if single is not None and least is not None else told
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        raise ModelError(f"The {what} is {told!r}. Give {wanted}.")
    numbers = [(_number(x), x) for x in listed]
    if len(numbers) != many:
        raise ModelError(f"The {what} has {len(numbers)} figures for {many} years. Give {wanted}.")
    wrong = [x for n, x in numbers if n is None or (least is not None and n < least)]
    if wrong:
        said = (
            f"An error of {wrong[0]} persons cannot be"
            if what.startswith("error")
            else f"The {what} holds {wrong[0]!r}"
        )
        raise ModelError(f"{said}. Give {wanted}.")
    return [float(n) for n, _ in numbers if n is not None]
