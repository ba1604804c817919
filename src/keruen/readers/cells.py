"""Cells to words, numbers, units and days. What can be read in two ways is read only where its column settles it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import polars as pl

from keruen.readers.opening import Grid, empty
from keruen.readers.workbook import Percent
from keruen.vocabulary import measures


def _strings(cells: list[Any]) -> pl.Series | None:
    """A column as text, if it holds nothing else: the fast way, and the only one for CSV."""
    try:
        return pl.Series(cells, dtype=pl.String, strict=True)
    except TypeError:
        return None


def texts(grid: Grid, name: str, cells: list[Any] | None) -> list[str | None]:
    """A column of words. Notes keep their blanks; a whole number loses its decimal point."""
    if cells is None:
        return [None] * len(grid.lines)
    words_only = _strings(cells)
    if words_only is not None:
        bare = words_only.str.strip_chars()
        kept = words_only if name in ("note", "text") else bare
        return kept.set(bare == "", None).to_list()
    told: list[str | None] = []
    for line, cell in zip(grid.lines, cells, strict=True):
        if empty(cell):
            told.append(None)
        elif isinstance(cell, str):
            told.append(cell if name in ("note", "text") else cell.strip())
        elif name == "released" and isinstance(cell, date):
            told.append(cell.isoformat()[:10])
        elif isinstance(cell, bool | date | time | timedelta):
            grid.tell(line, name, f"{cell!s} is not text; format the cell as text")
            told.append(None)
        else:
            told.append(worded(cell))
    return told


def worded(cell: Any) -> str:
    """A cell in words; a whole number has no decimal point."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


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


def numbers(grid: Grid, name: str, cells: list[Any] | None, decimal: str | None) -> list[float | None]:
    """A column of numbers. How its thousands and decimals are marked must be plain from the column itself."""
    if cells is None:
        return [None] * len(grid.lines)
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
    for line, cell in zip(grid.lines, cells, strict=True):
        value: float | None = None
        if empty(cell):
            pass
        elif isinstance(cell, bool) or not isinstance(cell, int | float | str | Decimal):
            grid.tell(line, name, f"{cell!s} is not a number; format the cell as a number")
        elif not isinstance(cell, str):
            value = float(cell)
        elif doubt and cell in hit:
            grid.tell(line, name, doubt.replace("{said}", repr(cell.strip())))
        else:
            value = reading[cell][1 if comma else 0]
            if value is None:
                grid.tell(line, name, f"{cell.strip()[:40]!r} is not a number{_instead(cell, name, comma)}")
        told.append(value)
    return told


_ABSENT = {
    "-", "–", "—", ".", "..", "...", "…", "x", "х", "n/a", "na", "n.a.", "n.d.", "nd", "nan", "null", "none", "#n/a",
    "no data", "not available", "н/д", "н.д.", "нд", "нет данных", "жоқ", "м/ж",
}  # fmt: skip
"""What publishers print where they have no figure."""

_WORDS = {
    "тыс": "thousand",
    "тысяч": "thousand",
    "мың": "thousand",
    "k": "thousand",
    "млн": "million",
    "млрд": "billion",
}
_MARKED = re.compile(r"([+-]?[\d][\d.,' ]*?)\s*([^\d.,' ].*|\d\))?", re.DOTALL)


def _instead(cell: str, name: str, comma: bool) -> str:
    """What to write instead of words, as the end of a sentence."""

    def plain(text: str) -> str:
        read = {v for v in (_as_point(text), _as_comma(text)) if v is not None}
        return f"{read.pop():.15g}" if len(read) == 1 else text

    said = cell.strip().translate(_BLANKS)
    bare = said.casefold()
    if bare in _ABSENT:
        if name == "value":
            return "; where nobody reported one leave the row out, or the cell empty beside low or high"
        return "; leave the cell empty where nobody reported one"
    if _as_point(said) is not None or _as_comma(said) is not None:
        return f" where {',' if comma else '.'} is the decimal mark"
    if (m := re.fullmatch(r"\((.*)\)", said)) and (_as_point(m[1]) or _as_comma(m[1])):
        return f"; write -{plain(m[1])} if the brackets mean below zero"
    m = _MARKED.fullmatch(said)
    if m is None or not m[2] or (_as_point(m[1]) is None and _as_comma(m[1]) is None):
        return "; give the number alone"
    number, mark = plain(m[1]), m[2].strip()
    if mark.casefold() in ("%", "percent", "per cent", "проц.", "процентов"):
        if name == "level":
            return "; write 0.8 for an interval of 80%"
        return f"; write {number}, and percent in the column unit"
    word = mark.casefold().split()[0].rstrip(".")
    scale = _WORDS.get(word) or _NAMES.get(_SCALES.get(word, 1))
    if scale:
        return f"; write {number}, and {scale} in the column unit"
    return f"; write {number}, and {mark!r} in the column flag if it is a mark"


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


def percents(
    grid: Grid, columns: dict[str, list[Any]], measure: Sequence[str | None], number: dict[str, list[float | None]]
) -> None:
    """Read what Excel shows as a percentage as it is shown, where percent are counted; refuse it elsewhere."""
    known, first, taken = measures(), "", 0
    for column in ("value", "low", "high"):
        for at, (line, cell) in enumerate(zip(grid.lines, columns.get(column, ()), strict=False)):
            name = measure[at]
            if not isinstance(cell, Percent) or name not in known:
                continue
            shown = float(Decimal(repr(float(cell))) * 100)
            if known[name].unit == "percent":
                number[column][at] = shown
                first, taken = first or f"{float(cell):g} as {shown:g}", taken + 1
            elif known[name].unit != "ratio":
                grid.tell(
                    line, column, f"the cell shows {shown:g}%, and {name} is told in {known[name].unit}; "
                    "format the cell as a number"
                )  # fmt: skip
    if taken:
        grid.notes.append(
            f"{taken} cell{'s' * (taken > 1)} that Excel shows with a percent sign {'were' if taken > 1 else 'was'} "
            f"read as shown: {first} percent."
        )


def units(
    grid: Grid, text: dict[str, list[str | None]], number: dict[str, list[float | None]]
) -> tuple[list[str | None], dict[str, list[float | None]]]:
    """Numbers in the unit of the vocabulary, and the unit as printed."""
    known = measures()
    printed: list[str | None] = [None] * len(grid.lines)
    for at, (line, name, said) in enumerate(zip(grid.lines, text["measure"], text["unit"], strict=True)):
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
            grid.tell(line, "unit", f"{said or 'an empty cell'} is not the unit of {name}; write {scaled}")
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


def spans(
    grid: Grid, columns: dict[str, list[Any]], measure: Sequence[str | None]
) -> tuple[list[date | None], list[date | None]]:
    """First days, and first days after, as the columns of times tell them."""
    start = days(grid, "start", columns.get("start"))
    end = days(grid, "end", columns.get("end"))
    on = days(grid, "date", columns.get("date"))
    years = columns.get("year") or [None] * len(grid.lines)
    known = measures()
    for at, line in enumerate(grid.lines):
        name = measure[at]
        a_day = name in known and known[name].when == "day"
        year = years[at]
        if not empty(year):
            number = worded(year).strip()
            if start[at] or end[at] or on[at]:
                grid.tell(line, "year", f"{number}: the row tells its time twice; keep the year, or start and end")
            elif not _YEAR.fullmatch(number) or isinstance(year, bool | date):
                grid.tell(line, "year", f"{number[:40]!r} is not a year between 1800 and 2199{_one_year(number)}")
            elif a_day:
                grid.tell(line, "year", f"{number}: {name} is counted on a day; give it in `date`, say {number}-07-01")
            else:
                start[at], end[at] = date(int(number), 1, 1), date(int(number) + 1, 1, 1)
        elif on[at] is not None:
            if start[at] or end[at]:
                grid.tell(line, "date", f"{on[at]}: the row tells its time twice; keep date, or start and end")
            elif name in known and not a_day:
                grid.tell(line, "date", f"{on[at]}: {name} is counted over a span; give start and end, or year")
            else:
                start[at] = end[at] = on[at]
        elif a_day and start[at] is not None and (columns.get("end") is None or empty(columns["end"][at])):
            end[at] = start[at]
    return start, end


def _one_year(said: str) -> str:
    """What to write instead of a year that is marked, or of several, as the end of a sentence."""
    if m := re.fullmatch(r"(\d{4})\s*([^\d\s].*|[¹²³⁰-⁹]+|\d\))", said):
        several = re.search(r"\d{2}", m[2])
        if _YEAR.fullmatch(m[1]) and not several:
            return f"; write {m[1]}, and {m[2]!r} in the column flag if it is a mark"
    return "; a flow over several needs start and end"


def days(grid: Grid, name: str, cells: list[Any] | None) -> list[date | None]:
    """A column of days. Slashes are read only where some day above 12 settles which number is the day."""
    if cells is None:
        return [None] * len(grid.lines)
    slashes = [
        m
        for c in cells
        if isinstance(c, str) and (m := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", c.strip(), re.ASCII))
    ]
    day_first = any(int(m[1]) > 12 for m in slashes)
    month_first = any(int(m[2]) > 12 for m in slashes)
    seen: dict[str, tuple[date | None, str]] = {}
    told: list[date | None] = []
    for line, cell in zip(grid.lines, cells, strict=True):
        if empty(cell):
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
            found, wrong = None, f"{worded(cell)} is not a day; write it as 2018-05-03, or format the cell as a date"
        if wrong:
            grid.tell(line, name, wrong)
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
