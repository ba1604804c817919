"""A user's own table: CSV, Excel or Parquet by the template, or a frame. It is checked whole, and rejected whole.

Nothing is repaired. What can be read in two ways (``1,234``; ``5/3/2018``) is read only where the rest of its column
settles it, and is a fault otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any

import polars as pl

from keruen.contract import SCHEMA, SUGGESTED, claims, faults
from keruen.errors import BadDate, FaultyTable, UnknownPlace, UnreadableSource
from keruen.places import code_meant, place
from keruen.provenance import Release, day, precision
from keruen.readers.cells import numbers, percents, spans, texts, units
from keruen.readers.opening import Grid, opened
from keruen.readers.template import COLUMNS, EXAMPLE, INSTEAD

REQUIRED = ("measure", "place", "source")
NUMBERS = ("value", "low", "high", "level")
DAYS = ("start", "end", "date")
_TIMES = {"start", "year", "date"}
_YEARS = re.compile(r"((?:1[89]|2[01])\d\d)(?:\.0|\s*г\.?|\s*год|\s*ж\.?)?")
_FIGURES = {"value", "low", "high", "text", "retracts"}
CARD = ("source", "publisher", "url", "licence", "released")
TEXTS = [c for c in COLUMNS if c not in (*NUMBERS, *DAYS)]


@dataclass(frozen=True, slots=True)
class Table:
    """Claims of a user's table and the cards of their releases.

    ``lines`` tells for every claim its line in the file (``word`` says what to call it); ``notes`` what the user
    should hear of how it was read.
    """

    claims: pl.DataFrame
    cards: tuple[Release, ...]
    lines: tuple[int, ...]
    where: str
    word: str
    notes: tuple[str, ...]


def read(
    table: Any,
    *,
    source: str | None = None,
    publisher: str | None = None,
    url: str | None = None,
    licence: str | None = None,
    released: str | date | None = None,
    measure: str | None = None,
    decimal: str | None = None,
) -> pl.DataFrame:
    """Claims of a table by the template.

    Parameters
    ----------
    table
        Path of a CSV, Excel (.xlsx) or Parquet file, or a frame of pandas, polars or Arrow.
    source, publisher, url, licence, released, measure
        Said once for all rows that do not say it themselves.
    decimal
        ``.`` or ``,``: the decimal mark of numbers that could be read in two ways.

    Returns
    -------
    A table with the columns of a claim, and ``source``, ``publisher``, ``url``, ``licence`` and ``released`` of the
    release; it may be given to :func:`keruen.adding.add` as it stands.

    Raises
    ------
    FaultyTable
        With all faults of all rows.
    UnreadableSource
        If it is no table at all.
    """
    told = load(
        table, source=source, publisher=publisher, url=url, licence=licence, released=released, measure=measure,
        decimal=decimal,
    )  # fmt: skip
    by = {c.key: c for c in told.cards}
    keys = told.claims["release"].to_list()
    return told.claims.with_columns(
        pl.Series("source", [by[k].title for k in keys], dtype=pl.String),
        pl.Series("publisher", [by[k].publisher for k in keys], dtype=pl.String),
        pl.Series("url", [by[k].url for k in keys], dtype=pl.String),
        pl.Series("licence", [by[k].licence for k in keys], dtype=pl.String),
        pl.Series("released", [_said_date(by[k]) for k in keys], dtype=pl.String),
    )


def load(table: Any, *, decimal: str | None = None, examples: bool = True, **said: str | date | None) -> Table:
    """As :func:`read`, with the cards of the releases, the lines, and what to tell the user.

    Without `examples` the invented rows of the template are faults.
    """
    if decimal not in (None, ".", ","):
        raise UnreadableSource(f"The decimal mark is '.' or ',', not {decimal!r}.")
    grid = opened(table)
    if set(SCHEMA) <= set(grid.names):
        return _again(grid, examples)
    return _checked(grid, {k: str(v) for k, v in said.items() if v is not None}, decimal, examples)


# ---------------------------------------------------------------- from cells to claims


def _checked(grid: Grid, said: dict[str, str], decimal: str | None, examples: bool) -> Table:
    columns = _columns(grid, said)
    rows = len(grid.lines)
    text = {c: texts(grid, c, columns.get(c)) for c in TEXTS}
    for name, value in said.items():
        text[name] = [value if t is None else t for t in text[name]]
    if not examples:
        _replaced(grid, text)
    number = {c: numbers(grid, c, columns.get(c), decimal) for c in NUMBERS}
    start, end = spans(grid, columns, text["measure"])
    codes = {c: _codes(grid, c, text[c]) for c in ("place", "counterpart")}
    percents(grid, columns, text["measure"], number)
    printed, number = units(grid, text, number)
    keys, cards = _cards(grid, text)
    today = date.today()
    known = [cards[k].released if k in cards and cards[k].precision else today for k in keys]
    basis = ["release" if k in cards and cards[k].precision else "user" for k in keys]
    plain = [c for c in TEXTS if c in SCHEMA and c not in codes]
    table = claims(
        pl.DataFrame(
            {c: pl.Series(text[c], dtype=pl.String) for c in plain}
            | {c: pl.Series(codes[c], dtype=pl.String) for c in codes}
            | {c: pl.Series(number[c], dtype=pl.Float64) for c in NUMBERS}
            | {"start": pl.Series(start, dtype=pl.Date), "end": pl.Series(end, dtype=pl.Date)}
            | {"printed_unit": pl.Series(printed, dtype=pl.String), "release": pl.Series(keys, dtype=pl.String)}
            | {"known": pl.Series(known, dtype=pl.Date), "known_basis": pl.Series(basis, dtype=pl.String)}
        ).with_columns(pl.col("status").fill_null("administrative"), pl.col("definition").fill_null("own"))
    )
    wrong = {(line, column) for line, column, _ in grid.faults}
    absent = {c for c in REQUIRED if c not in columns and c not in said}
    absent |= set() if _TIMES & set(columns) else {"start", "end"}
    absent |= set() if _FIGURES & set(columns) else {"value"}
    follows = {"start": (*DAYS, "year"), "end": (*DAYS, "year"), "value": ("value", "low", "high")}
    for line, column, remedy in faults(table, grid.lines):
        if column in ("release", "known") or column in absent:
            continue
        if any((line, c) in wrong for c in (column, *follows.get(column, ()))):
            continue
        grid.tell(line, column, remedy)
    for line, key in zip(grid.lines, text["retracts"], strict=True):
        if key is not None and not re.fullmatch(r"\S+:[0-9a-f]{16}", key):
            grid.tell(line, "retracts", f"{key!r} is not the id of a row; copy it from keruen evidence")
    if not rows and not grid.faults:
        grid.tell(grid.header, "measure", "the table has a header and no row")
    _raise(grid)
    _hint_ends(grid, table)
    return Table(
        table,
        tuple(_final(c, today) for c in cards.values()),
        tuple(grid.lines),
        grid.where,
        grid.word,
        tuple(grid.notes),
    )


def _replaced(grid: Grid, text: dict[str, list[str | None]]) -> None:
    """Rows that still name the invented source or publisher of the template are faults: nobody reported them."""
    invented = {c: {row[c] for row in EXAMPLE} for c in ("source", "publisher")}
    for at, line in enumerate(grid.lines):
        column = next((c for c, some in invented.items() if text[c][at] in some), None)
        if column is not None:
            said = text[column][at]
            grid.tell(
                line, column, f"{said!r} is the template's invented example; replace this row by a figure of yours"
            )


def _raise(grid: Grid) -> None:
    if grid.faults:
        told = [f"{grid.word} {line}, column {column}: {remedy}" for line, column, remedy in sorted(grid.faults)]
        raise FaultyTable(grid.where, told)


def _hint_ends(grid: Grid, table: pl.DataFrame) -> None:
    """A span from the first of a month to the last of a month is most likely a day short; it is kept, and told."""
    odd = table.filter((pl.col("start").dt.day() == 1) & (pl.col("end") > pl.col("start"))
                       & (pl.col("end") == pl.col("end").dt.month_end()) & (pl.col("end").dt.day() > 27))  # fmt: skip
    if len(odd):
        first = odd["end"][0]
        grid.notes.append(
            f"{len(odd)} row{'s end' if len(odd) > 1 else ' ends'} on the last day of a month, say {first}: `end` is "
            "the first day after the span, so that day is not in it. If it should be, retract the row."
        )


def _columns(grid: Grid, said: dict[str, str]) -> dict[str, list[Any]]:
    """Columns by name; names that the template does not know, or that stand twice, are faults."""
    known = [*COLUMNS, *INSTEAD]
    found: dict[str, list[Any]] = {}
    years = [m[1] for name in grid.names if (m := _YEARS.fullmatch(name))]
    wide = len(years) > 1
    if wide:
        grid.tell(
            grid.header, years[0], f"the columns {years[0]} to {years[-1]} are years; one row is one number: make "
            "a row of every year, with the columns year and value (Excel: Data, From Table, Unpivot Columns; polars: "
            "frame.unpivot(index=…, variable_name='year', value_name='value'))"
        )  # fmt: skip
    for at, name in enumerate(grid.names):
        if wide and _YEARS.fullmatch(name):
            continue
        if not name:
            if any(c is not None and str(c).strip() for c in grid.columns[at]):
                grid.tell(grid.header, str(at + 1), "the column has no name; name it, or empty it")
        elif name not in known:
            near = get_close_matches(name, known, n=2, cutoff=0.6)
            hint = f"Did you mean {' or '.join(near)}?" if near else "All: keruen template evidence"
            grid.tell(grid.header, name, f"the template has no column {name!r}. {hint}")
        elif name in found:
            grid.tell(grid.header, name, f"the column {name!r} stands twice; keep one")
        else:
            found[name] = grid.columns[at]
    for name in REQUIRED:
        if name not in found and name not in said:
            also = f"; or say it for all rows with {name}=" if name != "place" else ""
            grid.tell(grid.header, name, f"the column {name!r} is missing: {COLUMNS[name]}{also}")
    if not _TIMES & set(found) and not wide:
        grid.tell(grid.header, "start", "no column tells the time: give start and end, or year, or date")
    if not _FIGURES & set(found) and not wide:
        grid.tell(grid.header, "value", "no column tells a figure: give value (or low, high, text)")
    return found


# ---------------------------------------------------------------- places and releases


def _codes(grid: Grid, name: str, said: list[str | None]) -> list[str | None]:
    codes = {text: code_meant(text) for text in dict.fromkeys(said) if text is not None}
    unknown = [text for text, code in codes.items() if code is None]
    wrong = {text: f"No place is called {text!r}. All: keruen places." for text in unknown}
    for text in unknown[:SUGGESTED]:  # to look for what was meant takes some hundredths of a second a name
        try:
            place(text)
        except UnknownPlace as error:
            wrong[text] = str(error)
    for line, given in zip(grid.lines, said, strict=True):
        if given in wrong:
            grid.tell(line, name, wrong[given])
    return [None if t is None else codes[t] for t in said]


def slug(text: str) -> str:
    """A short word for a title.

    Examples
    --------
    >>> slug("Yearbook of Migration, 2018")
    'yearbook-of-migration-2018'
    """
    plain = re.sub(r"[\W_]+", "-", text.casefold()).strip("-")
    return (
        plain if len(plain) <= 60 else f"{plain[:48].rstrip('-')}-{blake2b(plain.encode(), digest_size=4).hexdigest()}"
    )


def _cards(grid: Grid, text: dict[str, list[str | None]]) -> tuple[list[str], dict[str, Release]]:
    """The release of every row, and one card a release."""
    keys: list[str] = []
    cards: dict[str, Release] = {}
    first: dict[str, int] = {}
    made: dict[tuple[str | None, ...], tuple[str, Release | None, str]] = {}
    for at, line in enumerate(grid.lines):
        said = tuple(text[c][at] for c in CARD)
        if said not in made:
            made[said] = _card(said)
        key, card, wrong = made[said]
        keys.append(key)
        if card is not None and card is cards.get(key):
            continue
        source = text["source"][at] or "empty"
        if wrong:
            grid.tell(line, "released", wrong)
        elif card is None:
            if "source" in grid.names:
                grid.tell(line, "source", f"source is {source!r}; name what the figure was read in")
        elif key not in cards:
            cards[key], first[key] = card, line
        elif card == cards[key]:
            made[said] = key, cards[key], wrong
        else:
            for column, attribute in (
                ("source", "title"),
                ("publisher", "publisher"),
                ("url", "url"),
                ("licence", "licence"),
            ):
                mine, theirs = getattr(card, attribute), getattr(cards[key], attribute)
                if mine != theirs:
                    remedy = f"{mine!r} differs from {theirs!r} in {grid.word} {first[key]}; one release has one card"
                    grid.tell(line, column, remedy)
    return keys, cards


def _card(said: tuple[str | None, ...]) -> tuple[str, Release | None, str]:
    """Key, card and fault of a release. An empty precision marks one whose date is not told."""
    source, publisher, url, licence, released = said
    if source is None or not slug(source):
        return "", None, ""
    told, exact, wrong = date.today(), "", ""
    key = f"own-{slug(source)}"
    if released is not None:
        if m := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", released, re.ASCII):
            released = f"{m[3]}-{int(m[2]):02}-{int(m[1]):02}"
        try:
            told, exact = day(released, last=True), precision(released)
            first = day(released)
            if first > date.today():
                wrong = f"{released} has not come yet; give the day on which the source was published"
        except BadDate as error:
            wrong = str(error)
        key = f"{key}-{released}"
    card = Release(
        key=key, title=source, publisher=publisher or source, edition="", released=told, precision=exact, url=url or "",
        licence=licence or "", zeros="not told", family="own",
    )  # fmt: skip
    return key, card, wrong


def _final(card: Release, today: date) -> Release:
    if card.precision:
        return card
    told = {a: getattr(card, a) for a in ("key", "title", "publisher", "url", "licence", "zeros", "family")}
    return Release(**told, edition=f"entered on {today}", released=today, precision="day")


def _said_date(card: Release) -> str | None:
    if card.edition.startswith("entered on "):
        return None
    return card.released.isoformat()[: {"day": 10, "month": 7, "year": 4}[card.precision]]


def _again(grid: Grid, examples: bool) -> Table:
    """A table that :func:`read` has made already."""
    frame = dict(zip(grid.names, grid.columns, strict=True))
    foreign = set(frame) - set(SCHEMA) - set(CARD)
    missing = set(CARD) - set(frame)
    for name in sorted(foreign):
        grid.tell(grid.header, name, f"the column {name!r} is not one of a claim; leave it out")
    for name in sorted(missing):
        grid.tell(
            grid.header, name, f"the column {name!r} is missing; use the template, or a table from readers.table.read()"
        )
    _raise(grid)
    table = pl.DataFrame({c: pl.Series(frame[c], dtype=t) for c, t in SCHEMA.items()})
    text = {c: texts(grid, c, frame[c]) for c in CARD}
    if not examples:
        _replaced(grid, text)
    keys, cards = _cards(grid, text)
    for line, said, key in zip(grid.lines, frame["release"], keys, strict=True):
        if said != key:
            grid.tell(
                line, "release", f"{said!r} is not a release of yours; figures that are packaged are not added again"
            )
    grid.faults.extend(faults(table, grid.lines))
    _raise(grid)
    today = date.today()
    return Table(table, tuple(_final(c, today) for c in cards.values()), tuple(grid.lines), grid.where, grid.word, ())
