"""The contract of a claim: one row, one number, as one release states it.

A table of claims is a plain polars frame with the columns of :data:`SCHEMA`. This module fills it, checks it and names
its rows; it reads no file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

import polars as pl

from keruen.errors import FaultyTable
from keruen.places import places
from keruen.provenance import definitions, releases
from keruen.vocabulary import measures, suggest, words

SCHEMA: dict[str, pl.DataType] = {
    "measure": pl.String(),
    "stream": pl.String(),
    "place": pl.String(),
    "counterpart": pl.String(),  # null: no other end is told, or all of them together
    "basis": pl.String(),
    "sex": pl.String(),  # all, male, female
    "age": pl.String(),  # all, or 0-4, 75+ …
    "group": pl.String(),  # all, or a part told by other means: ethnicity=Russian, speciality=engineering
    "start": pl.Date(),
    "end": pl.Date(),  # flows: [start, end); stocks: start = end
    "value": pl.Float64(),  # in the unit of the vocabulary
    "low": pl.Float64(),  # low alone: "more than"
    "high": pl.Float64(),
    "level": pl.Float64(),  # the mass of [low, high]
    "text": pl.String(),  # what is not a number
    "printed_unit": pl.String(),  # the publisher's unit, where it differs
    "status": pl.String(),
    "definition": pl.String(),
    "release": pl.String(),
    "known": pl.Date(),
    "known_basis": pl.String(),  # release, page, page year, publication lag
    "locator": pl.String(),
    "flag": pl.String(),
    "note": pl.String(),
    "copy_of": pl.String(),  # the release whose figure this row repeats
    "derived_from": pl.String(),  # ids, separated by spaces
    "convention": pl.String(),
    "retracts": pl.String(),  # the id that this row withdraws
}
"""Columns of a table of claims, in order."""

DEFAULTS = {"stream": "all", "sex": "all", "age": "all", "group": "all"}

CONTENT = [
    "measure", "stream", "place", "counterpart", "basis", "sex", "age", "group", "start", "end", "value", "low", "high",
    "level", "text", "printed_unit", "status", "definition", "flag", "derived_from", "convention", "retracts",
]  # fmt: skip
"""What a claim says. Its id is made of these alone: a corrected release date, a shifted row of a publisher's sheet or
a better note duplicates nothing."""

SUGGESTED = 50
"""So many unknown words of a column are compared with the known ones; the faults of the others are told without."""

KNOWN_BASES = ("release", "page", "page year", "publication lag", "user")


def claims(frame: pl.DataFrame, **constants: object) -> pl.DataFrame:
    """A table of claims with every column of the contract, in order.

    Parameters
    ----------
    frame
        Some of the columns of :data:`SCHEMA`; others must not be there.
    **constants
        Values for columns that are the same in every row.

    Returns
    -------
    The table with all columns. Where ``stream``, ``sex``, ``age`` or ``group`` is not told it is ``all``.

    Examples
    --------
    >>> from datetime import date
    >>> table = claims(pl.DataFrame({"place": ["KAZ"], "value": [22668.0]}), measure="net_migration",
    ...                start=date(2005, 1, 1), end=date(2006, 1, 1), release="bns-taldau", status="register",
    ...                definition="reg_permanent")
    >>> table.columns == list(SCHEMA), table["sex"].item()
    (True, 'all')
    """
    foreign = (set(frame.columns) | set(constants)) - set(SCHEMA)
    if foreign:
        raise FaultyTable("claims", [f"column {c!r} is not in the contract of a claim" for c in sorted(foreign)])
    given = {**DEFAULTS, **constants}
    columns = []
    for name, dtype in SCHEMA.items():
        if name in constants or name not in frame.columns:
            columns.append(pl.lit(given.get(name), dtype=dtype).alias(name))
        elif name in DEFAULTS:
            columns.append(pl.col(name).cast(dtype).fill_null(DEFAULTS[name]))
        else:
            columns.append(pl.col(name).cast(dtype))
    return frame.select(columns)


def empty() -> pl.DataFrame:
    """A table of claims without rows."""
    return pl.DataFrame(schema=SCHEMA)


def _canonical(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value + 0.0)  # -0.0 and 0.0 are one number
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\\", "\\\\").replace("|", "\\|")


def ids(table: pl.DataFrame) -> pl.Series:
    """The id of every row: its release, and a hash of what it says.

    Examples
    --------
    >>> one = claims(pl.DataFrame({"place": ["KAZ"], "value": [1.0]}), measure="stock", release="ims-2024")
    >>> ids(one).item() == ids(claims(one, note="another note")).item()
    True
    """
    columns = [[_canonical(v) for v in table[c].to_list()] for c in CONTENT]
    hashes = (hashlib.blake2b("|".join(row).encode(), digest_size=8).hexdigest() for row in zip(*columns, strict=True))
    return pl.Series(
        "id", [f"{r}:{h}" for r, h in zip(table["release"].to_list(), hashes, strict=True)], dtype=pl.String
    )


def faults(table: pl.DataFrame, rows: Iterable[int] | None = None, *, dated: bool = True) -> list[tuple[int, str, str]]:
    """Everything in a table that breaks the contract: (row, column, what to do), all at once.

    Parameters
    ----------
    table
        A table of claims, from :func:`claims`.
    rows
        Numbers by which the rows are told, say lines of a file; by default 0, 1, 2 …
    dated
        Every row must have its known day already.
    """
    numbered = table.with_columns(
        pl.Series("row", list(rows) if rows is not None else range(len(table)), dtype=pl.Int64)
    )
    unit = measures()
    found: list[tuple[int, str, str]] = []

    def tell(bad: pl.Expr, column: str, remedy: str) -> None:
        hit = numbered.filter(bad.fill_null(False)).select("row", pl.col(column).cast(pl.String).alias("said"))
        found.extend((row, column, remedy.format(said=said)) for row, said in hit.iter_rows())

    def unknown(column: str, known: Iterable[str], kind: str) -> None:
        known = list(known)
        odd = numbered.filter(pl.col(column).is_not_null() & ~pl.col(column).is_in(known)).select("row", column)
        meant = {said: suggest(said, known) for said in odd[column].unique(maintain_order=True).head(SUGGESTED)}
        found.extend(
            (row, column, f"{said!r} is not a {kind}. {meant.get(said, '')}".rstrip()) for row, said in odd.iter_rows()
        )

    required = ("measure", "stream", "place", "sex", "age", "group", "start", "end", "status", "definition", "release")
    for column in (*required, "known") if dated else required:
        tell(pl.col(column).is_null(), column, f"{column} is empty; every claim needs one")
    unknown("measure", unit, "measure")
    unknown("stream", words("stream"), "stream")
    unknown("status", words("status"), "status")
    unknown("basis", words("basis"), "basis")
    unknown("sex", ("all", "male", "female"), "sex")
    unknown("place", places(), "place code")
    unknown("counterpart", places(), "place code")
    unknown("definition", definitions(), "definition")
    unknown("known_basis", KNOWN_BASES, "basis of the known day")
    spans = [m.name for m in unit.values() if m.when == "span"]
    signed = [m.name for m in unit.values() if m.sign == "any"]
    tell(pl.col("start") > pl.col("end"), "end", "the end {said} is before the start; a span is [start, end)")
    tell(
        pl.col("measure").is_in(spans) & (pl.col("start") == pl.col("end")),
        "end",
        "{said}: a flow needs a span; give the first day after it as end",
    )
    numeric = pl.any_horizontal(pl.col("value", "low", "high").is_not_null())
    tell(
        ~numeric & pl.col("text").is_null() & pl.col("retracts").is_null(),
        "value",
        "the row says nothing: give value, low, high or text",
    )
    for column in ("value", "low", "high"):
        tell(pl.col(column).is_nan() | pl.col(column).is_infinite(), column, "{said} is not a number")
        tell(
            (pl.col(column) < 0) & ~pl.col("measure").is_in(signed),
            column,
            "{said} is below zero; this measure cannot be",
        )
    tell(pl.col("low") > pl.col("high"), "low", "low {said} is above high")
    tell(
        (pl.col("value") < pl.col("low") - 1e-9) | (pl.col("value") > pl.col("high") + 1e-9),
        "value",
        "{said} lies outside [low, high]",
    )
    tell(
        (pl.col("level") <= 0) | (pl.col("level") >= 1),
        "level",
        "{said} is not a mass between 0 and 1 (0.8 for an 80% interval)",
    )
    tell(
        pl.col("level").is_not_null() & (pl.col("low").is_null() | pl.col("high").is_null()),
        "level",
        "an interval of mass {said} needs low and high",
    )
    tell(pl.col("start").dt.year() < 1800, "start", "{said} is before 1800; check the date")
    tell(pl.col("end").dt.year() > 2201, "end", "{said} is after 2200; check the date")
    return sorted(found)


def checked(table: pl.DataFrame, where: str, *, dated: bool = True) -> pl.DataFrame:
    """Return the table if it keeps the contract; undated rows may still lack their known day.

    Raises
    ------
    FaultyTable
        With all its faults.
    """
    wrong = faults(table, dated=dated)
    known = releases()
    strange = sorted(set(table["release"].drop_nulls().unique()) - set(known))
    told = [f"row {row}, {column}: {remedy}" for row, column, remedy in wrong]
    told += [f"release {key!r} has no card in releases.toml" for key in strange]
    if told:
        raise FaultyTable(where, told)
    return table
