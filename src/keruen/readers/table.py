"""A user's own table: CSV, Excel or Parquet by the template, or a frame. It is checked whole, and rejected whole.

Nothing is repaired. What can be read in two ways (``1,234``; ``5/3/2018``) is read only where the rest of its column
settles it, and is a fault otherwise.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from keruen.contract import SCHEMA, claims, faults
from keruen.errors import BadDate, FaultyTable, UnknownPlace, UnreadableSource
from keruen.places import place
from keruen.provenance import Release, day, precision
from keruen.vocabulary import measures, words

COLUMNS = {
    "measure": "what is counted: a word of 'keruen measures', say net_migration, stock, remittances_received",
    "place": "whose figure it is: a code (KAZ), a number (398) or a name (Kazakhstan, Казахстан)",
    "start": "first day of the span, or the day of a stock: 2017-01-01 or 01.01.2017",
    "end": "first day AFTER the span: a figure of the year 2017 ends on 2018-01-01. Empty for a stock.",
    "value": "the number, in `unit`; an empty cell is absent, never 0",
    "low": "lower bound; alone it means 'more than'",
    "high": "upper bound",
    "level": "mass of [low, high]: 0.8 for an 80% interval",
    "counterpart": "the other end: origin, birthplace, sender … Empty: all together",
    "basis": "how the counterpart is told: {basis}",
    "stream": "{stream}. Empty: all",
    "sex": "all, male or female. Empty: all",
    "age": "all, or say 0-4, 15-64, 75+. Empty: all",
    "group": "a part told by other means, say ethnicity=Russian. Empty: all",
    "status": "{status}. Empty: administrative",
    "definition": "a key of definitions.toml that says what is counted, say reg_permanent. Empty: own",
    "source": "required: the title of what the figure was read in",
    "publisher": "who publishes it",
    "url": "where it can be read",
    "licence": "its terms",
    "released": "when it was published: 2018-05-03, 2018-05 or 2018. Empty: known from the day you add it",
    "unit": "empty, or the unit of the measure, after 'thousand', 'million' or 'billion' if the numbers are",
    "locator": "where in the source: page, table, cell",
    "flag": "a mark as printed: provisional, estimated …",
    "note": "anything else, as text",
    "text": "what is not a number: 'rose sharply'",
    "retracts": "the id of a row that this row withdraws; it then needs no value",
}
"""Columns of the template, in order, and what they mean."""

INSTEAD = {"year": "a calendar year, instead of start and end", "date": "a day, instead of start"}
REQUIRED = ("measure", "place", "source")
NUMBERS = ("value", "low", "high", "level")
DAYS = ("start", "end", "date")
_TIMES = {"start", "year", "date"}
_FIGURES = {"value", "low", "high", "text", "retracts"}
CARD = ("source", "publisher", "url", "licence", "released")
TEXTS = [c for c in COLUMNS if c not in (*NUMBERS, *DAYS)]

EXAMPLE = [
    {
        "measure": "net_migration", "place": "Kazakhstan", "start": "2017-01-01", "end": "2018-01-01", "value": "-22.1",
        "status": "register", "source": "Example yearbook (invented; replace this row)", "publisher": "Example office",
        "released": "2018-05", "unit": "thousand", "locator": "table 3", "note": "an invented figure",
    },
    {
        "measure": "stock", "place": "KAZ", "start": "2018-01-01", "value": "1200", "counterpart": "Uzbekistan",
        "basis": "birthplace", "sex": "female", "status": "register", "publisher": "Example office",
        "source": "Example yearbook (invented; replace this row)", "released": "2018-05",
    },
]  # fmt: skip

MAX_BYTES = 256_000_000
MAX_UNPACKED = 512_000_000
MAX_RATIO = 200
MAX_COLUMNS = 200
MAX_HEADER = 65_536


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


@dataclass(slots=True)
class _Raw:
    """Cells of a table as they stand, by column, and the faults found so far: (line, column, remedy)."""

    where: str
    word: str
    names: list[str]
    columns: list[list[Any]]
    lines: list[int]
    header: int = 0
    notes: list[str] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)

    def tell(self, line: int, column: str, remedy: str) -> None:
        """Note a fault."""
        self.faults.append((line, column, remedy))


def template() -> str:
    """The template of a table as CSV: comments, the header, and invented rows that are themselves valid.

    Examples
    --------
    >>> template().startswith("# Keruen")
    True
    """
    told = {kind: ", ".join(words(kind)) for kind in ("basis", "stream", "status")}
    lines = [
        "# Keruen: a table of figures of your own. One row, one number, as one source states it.",
        "# Lines that begin with # are left out. Columns may stand in any order; those you do not need may go.",
        "# `year` may stand for start and end of a flow, `date` for the day of a stock.",
        "#",
        *(f"# {name}: {meaning.format(**told)}" for name, meaning in COLUMNS.items()),
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(EXAMPLE)
    return "\n".join(lines) + "\n" + out.getvalue()


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
    release; it may be given to :func:`keruen.store.add` as it stands.

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


def load(table: Any, *, decimal: str | None = None, **said: str | date | None) -> Table:
    """As :func:`read`, with the cards of the releases, the lines, and what to tell the user."""
    if decimal not in (None, ".", ","):
        raise UnreadableSource(f"The decimal mark is '.' or ',', not {decimal!r}.")
    raw = _opened(table)
    if set(SCHEMA) <= set(raw.names):
        return _again(raw)
    return _checked(raw, {k: str(v) for k, v in said.items() if v is not None}, decimal)


# ---------------------------------------------------------------- from cells to claims


def _checked(raw: _Raw, said: dict[str, str], decimal: str | None) -> Table:
    columns = _columns(raw, said)
    rows = len(raw.lines)
    text = {c: _text(raw, c, columns.get(c)) for c in TEXTS}
    for name, value in said.items():
        text[name] = [value if t is None else t for t in text[name]]
    number = {c: _numbers(raw, c, columns.get(c), decimal) for c in NUMBERS}
    start, end = _spans(raw, columns, text["measure"])
    codes = {c: _codes(raw, c, text[c]) for c in ("place", "counterpart")}
    printed, number = _units(raw, text, number)
    keys, cards = _cards(raw, text)
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
    wrong = {(line, column) for line, column, _ in raw.faults}
    absent = {c for c in REQUIRED if c not in columns and c not in said}
    absent |= set() if _TIMES & set(columns) else {"start", "end"}
    absent |= set() if _FIGURES & set(columns) else {"value"}
    follows = {"start": (*DAYS, "year"), "end": (*DAYS, "year"), "value": ("value", "low", "high")}
    for line, column, remedy in faults(table, raw.lines):
        if column in ("release", "known") or column in absent:
            continue
        if any((line, c) in wrong for c in (column, *follows.get(column, ()))):
            continue
        raw.tell(line, column, remedy)
    for line, key in zip(raw.lines, text["retracts"], strict=True):
        if key is not None and not re.fullmatch(r"\S+:[0-9a-f]{16}", key):
            raw.tell(line, "retracts", f"{key!r} is not the id of a row; copy it from keruen evidence")
    if not rows and not raw.faults:
        raw.tell(raw.header, "measure", "the table has a header and no row")
    _raise(raw)
    _hint_ends(raw, table)
    return Table(
        table, tuple(_final(c, today) for c in cards.values()), tuple(raw.lines), raw.where, raw.word, tuple(raw.notes)
    )


def _raise(raw: _Raw) -> None:
    if raw.faults:
        told = [f"{raw.word} {line}, column {column}: {remedy}" for line, column, remedy in sorted(raw.faults)]
        raise FaultyTable(raw.where, told)


def _hint_ends(raw: _Raw, table: pl.DataFrame) -> None:
    """A span from the first of a month to the last of a month is most likely a day short; it is kept, and told."""
    odd = table.filter((pl.col("start").dt.day() == 1) & (pl.col("end") > pl.col("start"))
                       & (pl.col("end") == pl.col("end").dt.month_end()) & (pl.col("end").dt.day() > 27))  # fmt: skip
    if len(odd):
        first = odd["end"][0]
        raw.notes.append(
            f"{len(odd)} row{'s end' if len(odd) > 1 else ' ends'} on the last day of a month, say {first}: `end` is "
            "the first day after the span, so that day is not in it. If it should be, retract the row."
        )


def _columns(raw: _Raw, said: dict[str, str]) -> dict[str, list[Any]]:
    """Columns by name; names that the template does not know, or that stand twice, are faults."""
    known = [*COLUMNS, *INSTEAD]
    found: dict[str, list[Any]] = {}
    for at, name in enumerate(raw.names):
        if not name:
            if any(c is not None and str(c).strip() for c in raw.columns[at]):
                raw.tell(raw.header, str(at + 1), "the column has no name; name it, or empty it")
        elif name not in known:
            near = get_close_matches(name, known, n=2, cutoff=0.6)
            hint = f"Did you mean {' or '.join(near)}?" if near else "All: keruen template evidence"
            raw.tell(raw.header, name, f"the template has no column {name!r}. {hint}")
        elif name in found:
            raw.tell(raw.header, name, f"the column {name!r} stands twice; keep one")
        else:
            found[name] = raw.columns[at]
    for name in REQUIRED:
        if name not in found and name not in said:
            also = f"; or say it for all rows with {name}=" if name != "place" else ""
            raw.tell(raw.header, name, f"the column {name!r} is missing: {COLUMNS[name]}{also}")
    if not _TIMES & set(found):
        raw.tell(raw.header, "start", "no column tells the time: give start and end, or year, or date")
    if not _FIGURES & set(found):
        raw.tell(raw.header, "value", "no column tells a figure: give value (or low, high, text)")
    return found


def _empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _strings(cells: list[Any]) -> pl.Series | None:
    """A column as text, if it holds nothing else: the fast way, and the only one for CSV."""
    try:
        return pl.Series(cells, dtype=pl.String, strict=True)
    except TypeError:
        return None


def _text(raw: _Raw, name: str, cells: list[Any] | None) -> list[str | None]:
    """A column of words. Notes keep their blanks; a whole number loses its decimal point."""
    if cells is None:
        return [None] * len(raw.lines)
    words_only = _strings(cells)
    if words_only is not None:
        bare = words_only.str.strip_chars()
        kept = words_only if name in ("note", "text") else bare
        return kept.set(bare == "", None).to_list()
    told: list[str | None] = []
    for line, cell in zip(raw.lines, cells, strict=True):
        if _empty(cell):
            told.append(None)
        elif isinstance(cell, str):
            told.append(cell if name in ("note", "text") else cell.strip())
        elif name == "released" and isinstance(cell, date):
            told.append(cell.isoformat()[:10])
        elif isinstance(cell, bool | date):
            raw.tell(line, name, f"{cell!s} is not text; format the cell as text")
            told.append(None)
        elif isinstance(cell, float) and cell.is_integer():
            told.append(str(int(cell)))
        else:
            told.append(str(cell))
    return told


# ---------------------------------------------------------------- numbers

_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\u2212": "-", "\u2019": "'"})


def _pattern(mark: str, group: str) -> re.Pattern[str]:
    grouped = rf"[1-9]\d{{0,2}}(?:(?:{group}\d{{3}})+|(?: \d{{3}})+|(?:'\d{{3}})+)"
    return re.compile(rf"[+-]?(?:(?:{grouped}|\d+)(?:{mark}\d+)?|{mark}\d+)(?:[eE][+-]?\d{{1,3}})?", re.ASCII)


_FROM_POINT = str.maketrans("", "", ", '")
_FROM_COMMA = str.maketrans(",", ".", ". '")
_YEAR = re.compile(r"1[89]\d\d|2[01]\d\d", re.ASCII)
_POINT, _COMMA = _pattern(r"\.", ","), _pattern(",", r"\.")


def _as_point(text: str) -> float | None:
    return float(text.translate(_FROM_POINT)) if _POINT.fullmatch(text) else None


def _as_comma(text: str) -> float | None:
    return float(text.translate(_FROM_COMMA)) if _COMMA.fullmatch(text) else None


def _numbers(raw: _Raw, name: str, cells: list[Any] | None, decimal: str | None) -> list[float | None]:
    """A column of numbers. How its thousands and decimals are marked must be plain from the column itself."""
    if cells is None:
        return [None] * len(raw.lines)
    texts = {c for c in cells if isinstance(c, str) and c.strip()}
    reading = {t: (_as_point(s), _as_comma(s)) for t in texts for s in (t.strip().translate(_BLANKS),)}
    point_only = sorted(t for t, (p, c) in reading.items() if p is not None and c is None)
    comma_only = sorted(t for t, (p, c) in reading.items() if c is not None and p is None)
    both = {t for t, (p, c) in reading.items() if p is not None and c is not None and p != c}
    comma = bool(comma_only)
    doubt = ""
    if decimal is not None:
        comma = decimal == ","
        for odd in point_only if comma else comma_only:
            reading[odd] = (None, None)
    elif point_only and comma_only:
        doubt = (
            f"the column marks decimals and thousands in two ways ({point_only[0]} and {comma_only[0]}); write one way"
        )
    elif both and not point_only and not comma_only:
        doubt = (
            "{said} can be read in two ways and nothing in the column settles which; write it without marks of "
            "thousands, or say decimal='.' or decimal=',' when adding"
        )
    bad = any(r == (None, None) for r in reading.values())
    words_only = _strings(cells)
    if words_only is not None and not doubt and not bad:
        side = {t: r[1 if comma else 0] for t, r in reading.items()}
        return [side.get(c) for c in cells]
    told: list[float | None] = []
    hit = set(point_only) | set(comma_only) | both if point_only and comma_only else both
    for line, cell in zip(raw.lines, cells, strict=True):
        value: float | None = None
        if _empty(cell):
            pass
        elif isinstance(cell, bool) or not isinstance(cell, int | float | str | Decimal):
            raw.tell(line, name, f"{cell!s} is not a number; format the cell as a number")
        elif not isinstance(cell, str):
            value = float(cell)
        elif doubt and cell in hit:
            raw.tell(line, name, doubt.replace("{said}", repr(cell.strip())))
        else:
            value = reading[cell][1 if comma else 0]
            if value is None:
                raw.tell(
                    line, name, f"{cell.strip()[:40]!r} is not a number; leave the cell empty where nobody reported one"
                )
        told.append(value)
    return told


_SCALES = {
    "thousand": 1_000, "thousands": 1_000, "million": 10**6, "millions": 10**6, "mln": 10**6, "billion": 10**9,
    "billions": 10**9, "bn": 10**9,
}  # fmt: skip
_NAMES = {1_000: "thousand", 10**6: "million", 10**9: "billion"}
_SAME = {"persons": ("people", "person"), "percent": ("%", "per cent"), "USD": ("US$", "US dollars")}


@cache
def _unit(said: str, unit: str) -> tuple[int, str | None] | None:
    """Factor to the unit of the vocabulary, and the unit as printed where it differs; None if it is another unit."""
    first, _, rest = said.partition(" ")
    factor = _SCALES.get(first.lower(), 1)
    rest = (rest if factor > 1 else said).strip()
    local = unit.startswith("local currency") and re.fullmatch(
        r"[A-Z]{3}" + re.escape(unit.removeprefix("local currency")), rest
    )
    if not (rest in ("", unit, *_SAME.get(unit, ())) or local):
        return None
    if unit.startswith("local currency") and not local:
        return None
    told = rest if local else ("" if factor > 1 and rest == "" else unit)
    printed = f"{_NAMES[factor]} {told}".strip() if factor > 1 else (told if local else None)
    return factor, printed


def _units(
    raw: _Raw, text: dict[str, list[str | None]], number: dict[str, list[float | None]]
) -> tuple[list[str | None], dict[str, list[float | None]]]:
    """Numbers in the unit of the vocabulary, and the unit as printed."""
    known = measures()
    printed: list[str | None] = [None] * len(raw.lines)
    for at, (line, name, said) in enumerate(zip(raw.lines, text["measure"], text["unit"], strict=True)):
        if name not in known:
            continue
        unit = known[name].unit
        if said is None and not unit.startswith("local currency"):
            continue
        found = _unit(said or "", unit)
        if found is None:
            scaled = (
                f"{unit}, thousand {unit}, million {unit}"
                if "local" not in unit
                else "a currency, say KZT or million KZT"
            )
            raw.tell(line, "unit", f"{said or 'an empty cell'} is not the unit of {name}; write {scaled}")
            continue
        factor, printed[at] = found
        if factor > 1:
            for column in ("value", "low", "high"):
                given = number[column][at]
                if given is not None and abs(given) < 1e300:
                    # Through decimals, so that 159.8 thousand is 159,800 and not a hair more.
                    number[column][at] = float(Decimal(repr(given)) * factor)
    return printed, number


# ---------------------------------------------------------------- days


def _spans(
    raw: _Raw, columns: dict[str, list[Any]], measure: Sequence[str | None]
) -> tuple[list[date | None], list[date | None]]:
    start = _days(raw, "start", columns.get("start"))
    end = _days(raw, "end", columns.get("end"))
    on = _days(raw, "date", columns.get("date"))
    years = columns.get("year") or [None] * len(raw.lines)
    known = measures()
    for at, line in enumerate(raw.lines):
        name = measure[at]
        a_day = name in known and known[name].when == "day"
        year = years[at]
        if not _empty(year):
            number = str(int(year)) if isinstance(year, float) and year.is_integer() else str(year).strip()
            if start[at] or end[at] or on[at]:
                raw.tell(line, "year", f"{number}: the row tells its time twice; keep the year, or start and end")
            elif not _YEAR.fullmatch(number) or isinstance(year, bool | date):
                raw.tell(
                    line,
                    "year",
                    f"{number!r} is not a year between 1800 and 2199; a flow over several needs start and end",
                )
            elif a_day:
                raw.tell(line, "year", f"{number}: {name} is counted on a day; give it in `date`, say {number}-07-01")
            else:
                start[at], end[at] = date(int(number), 1, 1), date(int(number) + 1, 1, 1)
        elif on[at] is not None:
            if start[at] or end[at]:
                raw.tell(line, "date", f"{on[at]}: the row tells its time twice; keep date, or start and end")
            elif name in known and not a_day:
                raw.tell(line, "date", f"{on[at]}: {name} is counted over a span; give start and end, or year")
            else:
                start[at] = end[at] = on[at]
        elif a_day and start[at] is not None and (columns.get("end") is None or _empty(columns["end"][at])):
            end[at] = start[at]
    return start, end


def _days(raw: _Raw, name: str, cells: list[Any] | None) -> list[date | None]:
    """A column of days. Slashes are read only where some day above 12 settles which number is the day."""
    if cells is None:
        return [None] * len(raw.lines)
    slashes = [
        m
        for c in cells
        if isinstance(c, str) and (m := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", c.strip(), re.ASCII))
    ]
    day_first = any(int(m[1]) > 12 for m in slashes)
    month_first = any(int(m[2]) > 12 for m in slashes)
    seen: dict[str, tuple[date | None, str]] = {}
    told: list[date | None] = []
    for line, cell in zip(raw.lines, cells, strict=True):
        if _empty(cell):
            told.append(None)
            continue
        if isinstance(cell, str):
            if cell not in seen:
                seen[cell] = _day(cell.strip(), day_first, month_first)
            found, wrong = seen[cell]
        elif isinstance(cell, datetime):
            found, wrong = cell.date(), ""
            if (cell.hour, cell.minute, cell.second, cell.microsecond) != (0, 0, 0, 0):
                found, wrong = None, f"{cell} has a time of day; give the day alone"
        elif isinstance(cell, date):
            found, wrong = cell, ""
        else:
            found, wrong = None, f"{cell!s} is not a day; write it as 2018-05-03, or format the cell as a date"
        if wrong:
            raw.tell(line, name, wrong)
        told.append(found)
    return told


def _day(text: str, day_first: bool, month_first: bool) -> tuple[date | None, str]:
    numbers: tuple[str, str, str] | None = None
    if m := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?", text, re.ASCII):
        numbers = m[1], m[2], m[3]
    elif m := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text, re.ASCII):
        numbers = m[3], m[2], m[1]
    elif m := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text, re.ASCII):
        if day_first and month_first:
            return (
                None,
                f"{text!r}: the column has the day first in some rows and the month first in others; write 2018-05-03",
            )
        if not (day_first or month_first) and m[1] != m[2]:
            return None, f"{text!r} may be two days, and no day above 12 in the column settles which; write 2018-05-03"
        numbers = (m[3], m[2], m[1]) if day_first else (m[3], m[1], m[2])
    if numbers is not None:
        try:
            return date(*map(int, numbers)), ""
        except ValueError:
            return None, f"{text!r} is not a day of the calendar"
    alone = (
        " A year or a month alone is not a day; for a flow over a calendar year use the column `year`."
        if re.fullmatch(r"\d{4}(-\d{2})?", text)
        else ""
    )
    return None, f"{text[:40]!r} is not a day; write it as 2018-05-03 or 03.05.2018.{alone}"


# ---------------------------------------------------------------- places and releases


def _codes(raw: _Raw, name: str, said: list[str | None]) -> list[str | None]:
    codes: dict[str, str | None] = {}
    wrong: dict[str, str] = {}
    for text in {t for t in said if t is not None}:
        try:
            codes[text] = place(text).code
        except UnknownPlace as error:
            codes[text], wrong[text] = None, str(error)
    for line, given in zip(raw.lines, said, strict=True):
        if given in wrong:
            raw.tell(line, name, wrong[given])
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


def _cards(raw: _Raw, text: dict[str, list[str | None]]) -> tuple[list[str], dict[str, Release]]:
    """The release of every row, and one card a release."""
    keys: list[str] = []
    cards: dict[str, Release] = {}
    first: dict[str, int] = {}
    made: dict[tuple[str | None, ...], tuple[str, Release | None, str]] = {}
    for at, line in enumerate(raw.lines):
        said = tuple(text[c][at] for c in CARD)
        if said not in made:
            made[said] = _card(said)
        key, card, wrong = made[said]
        keys.append(key)
        if card is not None and card is cards.get(key):
            continue
        source = text["source"][at] or "empty"
        if wrong:
            raw.tell(line, "released", wrong)
        elif card is None:
            if "source" in raw.names:
                raw.tell(line, "source", f"source is {source!r}; name what the figure was read in")
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
                    remedy = f"{mine!r} differs from {theirs!r} in {raw.word} {first[key]}; one release has one card"
                    raw.tell(line, column, remedy)
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


def _again(raw: _Raw) -> Table:
    """A table that :func:`read` has made already."""
    frame = dict(zip(raw.names, raw.columns, strict=True))
    foreign = set(frame) - set(SCHEMA) - set(CARD)
    missing = set(CARD) - set(frame)
    for name in sorted(foreign):
        raw.tell(raw.header, name, f"the column {name!r} is not one of a claim; leave it out")
    for name in sorted(missing):
        raw.tell(
            raw.header, name, f"the column {name!r} is missing; use the template, or a table from readers.table.read()"
        )
    _raise(raw)
    table = pl.DataFrame({c: pl.Series(frame[c], dtype=t) for c, t in SCHEMA.items()})
    keys, cards = _cards(raw, {c: _text(raw, c, frame[c]) for c in CARD})
    for line, said, key in zip(raw.lines, frame["release"], keys, strict=True):
        if said != key:
            raw.tell(
                line, "release", f"{said!r} is not a release of yours; figures that are packaged are not added again"
            )
    raw.faults.extend(faults(table, raw.lines))
    _raise(raw)
    today = date.today()
    return Table(table, tuple(_final(c, today) for c in cards.values()), tuple(raw.lines), raw.where, raw.word, ())


# ---------------------------------------------------------------- opening files


def _opened(table: Any) -> _Raw:
    if not isinstance(table, str | Path):
        return _frame(table)
    path = Path(table)
    where = str(path)
    try:
        if path.is_dir():
            raise UnreadableSource(f"{where} is a folder. Give one file of it: CSV, Excel (.xlsx) or Parquet.")
        if not path.exists():
            raise UnreadableSource(f"There is no file {where}. A template is printed by: keruen template evidence")
        if not path.is_file():
            raise UnreadableSource(f"{where} is not a file. Give a CSV, Excel (.xlsx) or Parquet file.")
        size = path.stat().st_size
        if size == 0:
            raise UnreadableSource(f"{where} is empty (0 bytes). A template is printed by: keruen template evidence")
        if size > MAX_BYTES:
            raise UnreadableSource(
                f"{where} has {size / 1e6:,.0f} MB; the most is {MAX_BYTES / 1e6:,.0f}. Split it, or use Parquet."
            )
        with path.open("rb") as f:
            magic = f.read(8)
        if magic.startswith(b"PK"):
            return _workbook(path)
        if magic.startswith(b"PAR1"):
            return _parquet(path)
        if magic.startswith(b"\xd0\xcf\x11\xe0"):
            raise UnreadableSource(
                f"{where} is an old Excel workbook (.xls), or has a password. Save it as .xlsx or CSV."
            )
        return _csv(path)
    except OSError as error:
        raise UnreadableSource(f"{where} cannot be read: {error}. Look after its rights and its name.") from error


def _frame(table: Any) -> _Raw:
    import narwhals as nw

    try:
        native = nw.from_native(table, eager_only=True)
    except TypeError as error:
        raise UnreadableSource(
            f"A {type(table).__name__} is not a table. Give a path, or a frame of pandas, polars or Arrow."
        ) from error
    return _polars(native.to_polars(), "the frame")


def _polars(frame: pl.DataFrame, where: str) -> _Raw:
    if frame.width > MAX_COLUMNS:
        raise UnreadableSource(f"{where} has {frame.width:,} columns; the template has {len(COLUMNS)}.")
    frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    names = [str(c) if str(c) in SCHEMA else str(c).strip().lower() for c in frame.columns]
    return _Raw(where, "row", names, [s.to_list() for s in frame.get_columns()], list(range(len(frame))))


def _parquet(path: Path) -> _Raw:
    try:
        schema = pl.read_parquet_schema(path)
        if len(schema) > MAX_COLUMNS:
            raise UnreadableSource(f"{path} has {len(schema):,} columns; the template has {len(COLUMNS)}.")
        return _polars(pl.read_parquet(path), str(path))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableSource(f"{path} cannot be read as Parquet: {error}. Write it anew.") from error


def _decoded(path: Path) -> tuple[str, str | None]:
    """Text of a file, and the encoding where it is not UTF-8."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError:
            pass
    if b"\0" in data[:65_536] or b"\0" in data:
        raise UnreadableSource(f"{path} is binary, no table. Give a CSV, Excel (.xlsx) or Parquet file.")
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        at = error.start
    try:
        text = data.decode("cp1251")
    except UnicodeDecodeError:
        text = ""
    # Latin text read as Cyrillic shows in words of two scripts: Curaзao.
    high = [c for c in text if ord(c) > 127]
    letters = sum("Ѐ" <= c <= "ӿ" for c in high)
    mixed = re.search(r"[A-Za-z][Ѐ-ӿ]|[Ѐ-ӿ][A-Za-z]", text)
    odd = sum(c not in "«»„“”’‘–—…№§°\u00a0" and not "Ѐ" <= c <= "ӿ" for c in high)
    control = any(ord(c) < 32 and c not in "\t\r\n" for c in text[:65_536])
    if not text or mixed or control or odd > letters / 10:
        line = data[:at].count(b"\n") + 1
        raise UnreadableSource(f"{path}, line {line}: neither UTF-8 nor Cyrillic cp1251. Save the table as CSV UTF-8.")
    return text, "cp1251"


def _csv(path: Path) -> _Raw:
    with path.open("rb") as f:
        begun = f.read(1_048_576)
    if not begun.startswith((b"\xff\xfe", b"\xfe\xff")):
        _short_header(path, begun)
    text, encoding = _decoded(path)
    source = io.StringIO(text, newline="")
    before = 0
    header = ""
    for header in source:
        before += 1
        if header.strip() and not header.lstrip().lstrip('"').startswith("#"):
            break
    else:
        raise UnreadableSource(f"{path} has no header. A template is printed by: keruen template evidence")
    _short_header(path, header.encode())
    if any(ord(c) < 32 and c not in "\t\r\n" for c in header):
        raise UnreadableSource(f"{path} is binary, no table. Give a CSV, Excel (.xlsx) or Parquet file.")
    mark, names = _header(header)
    raw = _Raw(str(path), "line", names, [[] for _ in names], [], before)
    if encoding:
        raw.notes.append(f"{path} was read as {encoding}, for it is not UTF-8.")
    _records(raw, csv.reader(source, delimiter=mark, strict=True), before, mark)
    return raw


def _short_header(path: Path, begun: bytes) -> None:
    """Refuse a header of millions of columns before anything parses it."""
    for line in begun.split(b"\n"):
        if line.strip() and not line.lstrip(b'\xef\xbb\xbf "').startswith(b"#"):
            if len(line) > MAX_HEADER:
                told = "more than " if len(begun) == 1_048_576 else ""
                raise UnreadableSource(
                    f"{path}: the header has {told}{len(line):,} bytes; the template has {len(COLUMNS)} columns. One "
                    "row is one number; see keruen template evidence"
                )
            return


def _header(line: str) -> tuple[str, list[str]]:
    """The separator that makes most of the header known, and the names."""
    known = {*COLUMNS, *INSTEAD, *SCHEMA}
    best: tuple[int, str, list[str]] = (-1, ",", [])
    for mark in (",", ";", "\t"):
        names = [n.strip().lower() for n in next(csv.reader([line.rstrip("\r\n")], delimiter=mark))]
        score = sum(n in known for n in names)
        if score > best[0]:
            best = (score, mark, names)
    return best[1], best[2]


_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")


def _commented(cell: Any) -> bool:
    return isinstance(cell, str) and cell.lstrip().startswith("#") and cell.strip() not in _ERRORS


def _records(raw: _Raw, records: Any, before: int, mark: str) -> None:
    width, left_out, line = len(raw.names), 0, before + 1
    if width > MAX_COLUMNS:
        raise UnreadableSource(f"{raw.where} has {width:,} columns; the template has {len(COLUMNS)}.")
    kept: list[list[str]] = []
    try:
        for record in records:
            at, line = line, before + records.line_num + 1
            if not record or not any(map(str.strip, record)):
                continue
            if _commented(record[0]):
                left_out += 1
            elif len(record) == width or (len(record) > width and not any(map(str.strip, record[width:]))):
                kept.append(record)
                raw.lines.append(at)
            else:
                quote = f"; put cells that hold {mark!r} in quotes" if len(record) > width else ""
                raw.tell(at, raw.names[-1], f"the row has {len(record)} cells, the header {width}{quote}")
    except csv.Error as error:
        raw.tell(line, raw.names[0], f"the line cannot be read: {error}; look after its quotes")
    if kept:
        raw.columns = [list(column) for column in zip(*(r[:width] for r in kept), strict=True)]
    if left_out:
        raw.notes.append(
            f"{left_out} row{'s' if left_out > 1 else ''} that begin{'s' if left_out == 1 else ''} with # left out."
        )


# ---------------------------------------------------------------- Excel


def _workbook(path: Path) -> _Raw:
    _small_enough(path)
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever its parsers raise
        raise UnreadableSource(
            f"{path} cannot be read as an Excel workbook: {error}. Save it anew as .xlsx or CSV."
        ) from error
    try:
        return _sheets(path, book, lambda: openpyxl.load_workbook(path, read_only=True, data_only=False))
    except (FaultyTable, UnreadableSource):
        raise
    except Exception as error:
        raise UnreadableSource(
            f"{path} cannot be read as an Excel workbook: {error}. Save it anew as .xlsx or CSV."
        ) from error
    finally:
        book.close()


def _small_enough(path: Path) -> None:
    """Refuse a workbook that unpacks to more than it should, before it is unpacked."""
    try:
        with zipfile.ZipFile(path) as z:
            entries = z.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise UnreadableSource(
            f"{path} is a damaged workbook or archive: {error}. Save it anew as .xlsx or CSV."
        ) from error
    if not any(e.filename == "xl/workbook.xml" for e in entries):
        raise UnreadableSource(f"{path} is a ZIP archive, no Excel workbook. Unpack it and give the table in it.")
    unpacked, packed = sum(e.file_size for e in entries), max(1, sum(e.compress_size for e in entries))
    if unpacked > MAX_UNPACKED or (unpacked > 20_000_000 and unpacked / packed > MAX_RATIO):
        raise UnreadableSource(
            f"{path} unpacks from {packed / 1e6:,.1f} MB to {unpacked / 1e6:,.0f} MB, more than a table of figures "
            "does. Save the sheet as CSV or Parquet."
        )


def _sheets(path: Path, book: Any, formulas: Callable[[], Any]) -> _Raw:
    full = []
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        if any(any(not _empty(c) for c in row) for row in sheet.iter_rows(values_only=True)):
            full.append(sheet)
    if not full:
        raise UnreadableSource(f"{path}: no sheet holds anything. A template is printed by: keruen template evidence")
    sheet = full[0]
    where = f"{path}, sheet {sheet.title!r}"
    merged, computed = _marks(path, sheet._worksheet_path)
    raw: _Raw | None = None
    width = left_out = 0
    for line, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if all(map(_empty, row)):
            continue
        if raw is None:
            if _commented(row[0]):
                continue
            while row and _empty(row[-1]):
                row = row[:-1]
            width = len(row)
            if width > MAX_COLUMNS:
                raise UnreadableSource(f"{where} has {width:,} columns; the template has {len(COLUMNS)}.")
            raw = _Raw(
                where, "row", ["" if _empty(c) else str(c).strip().lower() for c in row], [[] for _ in row], [], line
            )
            continue
        if _commented(row[0]):
            left_out += 1
            continue
        if any(not _empty(c) for c in row[width:]):
            raw.tell(line, raw.names[-1], f"the row has cells beyond the {width} columns of the header")
        for at in range(width):
            raw.columns[at].append(row[at] if at < len(row) else None)
        raw.lines.append(line)
    if raw is None:
        raise UnreadableSource(f"{where} has no header. A template is printed by: keruen template evidence")
    if len(full) > 1:
        rest = ", ".join(repr(s.title) for s in full[1:])
        raw.notes.append(f"Read sheet {sheet.title!r} alone; not {rest}.")
    if left_out:
        raw.notes.append(f"{left_out} row{'s' if left_out > 1 else ''} beginning with # left out.")
    if merged:
        raw.tell(
            raw.header,
            raw.names[0],
            f"merged cells: {', '.join([*merged[:10], *(['…'] if merged[10:] else [])])}; unmerge them",
        )
    if computed:
        _uncomputed(raw, sheet.title, formulas)
    return raw


def _marks(path: Path, inside: str) -> tuple[list[str], bool]:
    """Merged cells of a sheet, and whether it holds formulas, read from its text: openpyxl's fast way tells neither."""
    merged: list[str] = []
    computed = False
    with zipfile.ZipFile(path) as z, z.open(inside.lstrip("/")) as f:
        tail = b""
        while piece := f.read(1_048_576):
            text = tail + piece
            computed = computed or re.search(rb"<(?:\w+:)?f[ >]", text) is not None
            merged += [m.decode() for m in re.findall(rb'mergeCell ref="([A-Z0-9:]+)"', text)]
            tail = text[-64:]
    return list(dict.fromkeys(merged)), computed


def _uncomputed(raw: _Raw, title: str, formulas: Callable[[], Any]) -> None:
    """A formula whose result is not stored would be read as absent."""
    book = formulas()
    try:
        sheet = book[title]
        sheet.reset_dimensions()
        at = {line: i for i, line in enumerate(raw.lines)}
        for line, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if line not in at:
                continue
            for column, cell in enumerate(row[: len(raw.names)]):
                if isinstance(cell, str) and cell.startswith("=") and _empty(raw.columns[column][at[line]]):
                    raw.tell(
                        line,
                        raw.names[column],
                        f"the formula {cell[:40]} has no stored result; save the workbook in Excel, or paste values",
                    )
    finally:
        book.close()
