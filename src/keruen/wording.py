"""Numbers and words of a brief: a printed number carries its claims, words hold no digit of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from keruen import copies, labels, store
from keruen.provenance import Release


@dataclass(frozen=True, slots=True)
class Number:
    """A figure that is printed, with the claims it rests on."""

    value: float
    unit: str
    text: str
    ids: tuple[str, ...]
    release: str
    status: str = ""
    own: bool = False
    lag: bool = False
    mark: str = ""  # projected, unchanged, our sum, reckoned


@dataclass(frozen=True, slots=True)
class Said:
    """Words that may hold digits but are no figures: dates, names of editions, paraphrased notes, commands."""

    text: str
    kind: str = "date"  # date, name, note, code
    release: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a page holds of a figure: the drawing, its words, and the claims it shows."""

    svg: str = field(repr=False)
    alt: str
    title: str
    ids: tuple[str, ...] = field(repr=False)
    width: float
    height: float


Part = str | Number | Said
Parts = list[Part]


def walk(thing: Any) -> Iterator[Number | Said | Picture]:
    """Every number, saying and picture of a structure, in reading order."""
    if isinstance(thing, Number | Said | Picture):
        yield thing
    elif isinstance(thing, dict):
        for inner in thing.values():
            yield from walk(inner)
    elif isinstance(thing, list | tuple):
        for inner in thing:
            yield from walk(inner)


def releases_of(thing: Any) -> set[str]:
    """The releases whose claims a structure rests on."""
    ids = {i for n in walk(thing) if isinstance(n, Number | Picture) for i in n.ids}
    return {i.rsplit(":", 1)[0] for i in ids}


def say(pattern: str, **given: Part | Parts) -> Parts:
    """A sentence with figures and dates in the places that its pattern names.

    Examples
    --------
    >>> say("In {when} nobody came.", when=Said("1999"))
    ['In ', Said(text='1999', kind='date', release=''), ' nobody came.']
    >>> [p if isinstance(p, str) else p.text for p in say("{a} is far.", a=Said("Bahamas", "name"))]
    ['The ', 'Bahamas', ' is far.']
    """
    parts: Parts = []
    for at, piece in enumerate(re.split(r"\{(\w+)\}", pattern)):
        if at % 2 == 0:
            if piece:
                parts.append(piece)
        else:
            found = given[piece]
            parts.extend(found if isinstance(found, list) else [found])
    return _articled(parts)


ARTICLE = re.compile(
    r"^(United |U\.S\. |DR |Isle |Soviet |Netherlands|Caribbean Neth|Bahamas|Comoros|Gambia|Maldives|Philippines"
    r"|Seychelles|Commonwealth )|(Islands|Republic|Territory|Territories|Union)$"
)
"""Names that English gives an article."""


def _articled(parts: Parts) -> Parts:
    """The article before names of places that take one; a capital where a sentence begins."""
    out: Parts = []
    for p in parts:
        if isinstance(p, Said) and p.kind == "name" and not p.release and ARTICLE.search(p.text):
            before = "".join(q if isinstance(q, str) else q.text for q in out)
            if not before.lower().endswith("the "):
                out.append("The " if not before or before.rstrip().endswith(".") else "the ")
        out.append(p)
    return out


# ---------------------------------------------------------------- numbers and dates in words


def figure(value: float, digits: int = 0) -> str:
    """A number with separators and a true minus sign; nothing is ever minus nought.

    Examples
    --------
    >>> figure(-28596.5), figure(2476018), figure(-0.2)
    ('−28,597', '2,476,018', '0')
    """
    return labels.spelt(value, digits)


def exact(value: float, unit: str) -> str:
    """A figure as a table prints it: persons in full, dollars in millions, shares with one or two digits."""
    if unit == "USD":
        return figure(value / 1e6, 0 if abs(value) >= 1e8 else 1)
    if unit == "percent":
        return figure(value, 1 if abs(value) >= 1 else 2)
    whole = unit in ("persons", "permits", "registrations", "crossings", "families", "moves")
    return figure(value, 0 if whole or float(value).is_integer() or abs(value) >= 100 else 1)


def about(value: float, unit: str) -> str:
    """A figure as a sentence tells it.

    Examples
    --------
    >>> about(2476018, "persons"), about(28596.5, "persons"), about(1300, "persons")
    ('2.48 million', '28.6 thousand', '1,300')
    """
    size = abs(value)
    if unit == "percent":
        return f"{exact(value, unit)} percent"
    tail = " dollars" if unit == "USD" else ""
    if size >= 999_500_000:
        return f"{figure(value / 1e9, 1)} billion{tail}"
    if size >= 999_500:
        return f"{figure(value / 1e6, 2 if size < 1e7 else 1)} million{tail}"
    if size >= 10_000:
        return f"{figure(value / 1e3, 1 if size < 1e5 else 0)} thousand{tail}"
    return figure(value) + tail


SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def count(n: int) -> str:
    """A small count in words."""
    return SMALL[n] if n < len(SMALL) else figure(n)


def plural(n: int, one: str, many: str = "") -> str:
    """The word for one or for many."""
    return one if n == 1 else many or one + "s"


def told_day(at: date, precision: str = "day") -> str:
    """A day, a month or a year, as precisely as it is known.

    Examples
    --------
    >>> told_day(date(2016, 1, 31), "month"), told_day(date(2018, 5, 3))
    ('January 2016', '3 May 2018')
    """
    if precision == "year":
        return str(at.year)
    return f"{at:%B} {at.year}" if precision == "month" else f"{at.day} {at:%B} {at.year}"


def span(start: date, end: date) -> str:
    """The time a figure speaks of; the end is the first day after it.

    Examples
    --------
    >>> span(date(2010, 7, 1), date(2015, 7, 1)), span(date(2006, 1, 1), date(2007, 1, 1))
    ('2010–15', '2006')
    >>> span(date(2006, 8, 1), date(2007, 1, 1)), span(date(2020, 7, 1), date(2020, 7, 1))
    ('August to December 2006', '1 July 2020')
    """
    if start == end:
        return told_day(start)
    last = end - timedelta(days=1)
    months = (end.year - start.year) * 12 + end.month - start.month
    if (start.month, start.day) == (7, 1) and months % 12 == 0 and months > 12 and end.day == 1:
        return labels.years(start, end)
    if start.day == 1 and end.day == 1:
        if start.month == 1 and end.month == 1:
            return f"{start.year}" if start.year == last.year else f"{start.year} to {last.year}"
        if months == 1:
            return f"{start:%B} {start.year}"
        first = f"{start:%B}" if start.year == last.year else f"{start:%B} {start.year}"
        return f"{first} to {last:%B} {last.year}"
    return f"{told_day(start)} to {told_day(last)}"


def window_of(start: date, end: date) -> Said:
    """A window in words."""
    return Said(span(start, end))


def card_of(key: str) -> Release | None:
    """The card of a release, if there is one."""
    return store.cards().get(key)


def edition_of(key: str) -> Said:
    """The name of an edition."""
    card = card_of(key)
    if card is None:
        return Said(key, "name", key)
    return Said(labels.label(key, card.title), "name", key)


def number(row: dict[str, Any], *, words: bool = False, column: str = "value", absolute: bool = False) -> Number:
    """The figure of a claim, exact or in words."""
    value = abs(row[column]) if absolute else row[column]
    unit = row["unit"]
    own_sum = bool(row.get("derived_from")) or "sum" in str(row.get("convention") or "")
    mark = "projected" if row["status"] == "projection" else ""
    if copies.carried(row):
        mark = f"{mark} unchanged".strip()
    if own_sum and row.get("derived_from"):
        mark = f"{mark} sum".strip()
    return Number(
        value=value,
        unit=unit,
        text=about(value, unit) if words else exact(value, unit),
        ids=copies.rests_on(row),
        release=row["release"],
        status=row["status"],
        own=bool(row["own"]),
        lag=row["known_basis"] == "publication lag",
        mark=mark,
    )


def made(value: float, unit: str, rows: Iterable[dict[str, Any]], *, words: bool = False, text: str = "") -> Number:
    """A count, difference or range over claims: it carries the claims of all of them."""
    rows = list(rows)
    newest = max(rows, key=lambda r: r["known"])
    return Number(
        value=value,
        unit=unit,
        text=text or (about(value, unit) if words else exact(value, unit)),
        ids=tuple(dict.fromkeys(i for r in rows for i in copies.rests_on(r))),
        release=newest["release"],
        own=any(r["own"] for r in rows),
        lag=any(r["known_basis"] == "publication lag" for r in rows),
    )


OWN_RECKONING = "keruen:"
HINDSIGHT = (
    "No number of inhabitants was known by that day; rates stand over one published later, the claims themselves do "
    "not."
)


def reckoned(
    what: str,
    value: float,
    unit: str,
    rows: Iterable[dict[str, Any]],
    *,
    words: bool = False,
    text: str = "",
    signed: bool = False,
) -> Number:
    """A figure that Keruen reckoned: its source is the reckoning, told in the list of sources with all it rests on."""
    plain = made(value, unit, rows, words=words, text=text)
    told = f"+{plain.text}" if signed and value > 0 and plain.text.strip("0.,") else plain.text
    return replace(plain, text=told, release=OWN_RECKONING + what, mark="reckoned")


def share(what: str, p: float, rows: Iterable[dict[str, Any]], tail: str = " percent") -> Number:
    """A probability in whole percents; what is not quite nothing or all is not told as nothing or all."""
    percents = 100 * p
    text = "under 1" if 0 < percents < 0.5 else "over 99" if 99.5 < percents < 100 else figure(percents)
    return reckoned(what, percents, "percent", rows, text=text + tail)


def listed(things: Iterable[Part | Parts], last: str = "and") -> Parts:
    """Several things in a row: a, b and c.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    ['a', ', ', 'b', ' and ', 'c']
    """
    told = list(things)
    parts: Parts = []
    for at, thing in enumerate(told):
        if at:
            parts.append(f" {last} " if at == len(told) - 1 else ", ")
        parts.extend(thing if isinstance(thing, list) else [thing])
    return parts


def runs(years: Iterable[int]) -> list[str]:
    """Years as spans where they follow one another.

    Examples
    --------
    >>> runs([2004, 2005, 2006, 2009, 2012, 2013])
    ['2004 to 2006', '2009', '2012 to 2013']
    """
    spans: list[list[int]] = []
    for year in sorted(years):
        if spans and year == spans[-1][-1] + 1:
            spans[-1].append(year)
        else:
            spans.append([year])
    return [str(s[0]) if len(s) == 1 else f"{s[0]} to {s[-1]}" for s in spans]


def likely(p: float) -> str:
    """A probability in a word, as a sentence begins with it.

    Examples
    --------
    >>> likely(0.97), likely(0.7), likely(0.55)
    ('almost certainly', 'most likely', 'more likely than not')
    """
    return "almost certainly" if p >= 0.95 else "most likely" if p >= 2 / 3 else "more likely than not"


def quantity_of(row: dict[str, Any]) -> Parts:
    """A fact with what is told of it: a value, a range, "more than"."""
    value, low, high = row["value"], row["low"], row["high"]
    if value is not None and high is None and low is not None and low >= value:
        return ["more than ", number(row)]
    if value is not None:
        parts: Parts = [number(row)]
        if low is not None and high is not None:
            parts += [" (", number(row, column="low"), " to ", number(row, column="high"), ")"]
        return parts
    if low is not None and high is not None:
        return [number(row, column="low"), " to ", number(row, column="high")]
    if low is not None:
        return ["more than ", number(row, column="low")]
    if high is not None:
        return ["up to ", number(row, column="high")]
    return [Said(str(row["text"] or ""), "note", row["release"])]
