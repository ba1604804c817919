"""The words in which a test tells what it found: numbers with their claims, bounds, times, small pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from keruen import labels
from keruen.places import places as all_places
from keruen.provenance import definitions
from keruen.witnesses import Day, Reading, Side, name_of, named
from keruen.wording import Number, Parts, Said, about, exact, figure, number, span
from keruen.wording import made as resting

EMPTY: Mapping[str, Any] = {}


def made(
    value: float, unit: str, rows: Iterable[Mapping[str, Any]], *, words: bool = False, text: str = ""
) -> Number | str:
    """A number that carries its claims; in a toy world, where there are none, its bare text."""
    held = [dict(r) for r in rows]
    if held:
        return resting(value, unit, held, words=words, text=text)
    return text or (about(value, unit) if words else exact(value, unit))


def told_reading(r: Reading, unit: str) -> Parts:
    """The figure of a reading, with its claims."""
    row = r.rows[0]
    if len(r.rows) == 1 and r.value is not None and r.value == row["value"]:
        parts: Parts = [number(row)] if not (r.low is not None and r.high is None) else ["more than ", number(row)]
        return parts
    if r.value is None:
        ends: Parts = []
        if r.low is not None:
            ends += [number(row, column="low")]
        if r.high is not None:
            ends += [" to " if ends else "up to ", number(row, column="high")]
        return ends if r.high is not None else ["more than ", *ends]
    return [made(r.value, unit, r.rows)]


def speaker(r: Reading) -> Said:
    """Who says it, as a sentence begins."""
    return Said(name_of(r), "name", r.release)


def tells(r: Reading, args: Mapping[str, Any], place: str, unit: str) -> Parts:
    """Who tells which figure of what, and of what time: the head of a sentence."""
    when = at_of(r, args["start"], args["end"])
    return [speaker(r), f": {what_of(args, place)}, ", *when, ": ", *told_reading(r, unit)]


def fits(holds: bool | None, args: Mapping[str, Any], unit: str, *, after: str = "") -> Parts:
    """Whether a figure fits the bounds of a test: the end of a sentence, with what stands between the two."""
    word_ = {True: "fits", False: "does not fit", None: "leaves it open"}[holds]
    return [f"{after}; {word_} “", Said(bounds_of(args, unit)), "”."]


def bounds_of(args: Mapping[str, Any], unit: str) -> str:
    """The bounds of a test in words."""
    low, high = args.get("low"), args.get("high")
    bare = unit in ("ratio", "per 1,000", "percent", "probability", "years", "rank")
    said = [figure(v, _digits(v)) if bare else exact(v, unit) for v in (low, high) if v is not None]
    tail = " percent" if unit == "percent" else ""
    if low is not None and high is not None:
        return f"between {said[0]} and {said[1]}{tail}"
    return f"{said[0]}{tail} or {'more' if low is not None else 'less'}"


def _digits(value: float) -> int:
    """Decimals that the number was written with."""
    return len(f"{value:g}".partition(".")[2])


def when_of(start: date, end: date) -> Said:
    """A span in words."""
    return Said(span(start, end))


def unit_of(unit: str) -> str:
    """A unit as sentences say it; money is printed in millions."""
    return "million dollars" if unit == "USD" else unit


def listed(names: Iterable[str], most: int = 4) -> str:
    """Names in a row; of many the first few.

    Examples
    --------
    >>> listed("ab"), listed("abcdef")
    ('a and b', 'a, b, c and 3 more')
    """
    said = list(dict.fromkeys(names))
    if len(said) > most:
        said = [*said[: most - 1], f"{len(said) - most + 1} more"]
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1] if said else ""


def nobody(args: Mapping[str, Any], place: str, day: Day, start: date, end: date) -> str:
    """That nobody told it, in words."""
    what = said_of(args["measure"])
    by = "" if day.as_of is None else f" by {span(day.as_of, day.as_of)}"
    counted = f" ({definitions()[args['definition']]['name']})" if args.get("definition") else ""
    return f"Nobody had told {what}{counted} of {all_places()[place].name} for {span(start, end)}{by}."


def drawing(kind: str, title: str, unit: str, bounds: Mapping[str, Any] = EMPTY, **what: Any) -> list[dict[str, Any]]:
    """What a small picture needs, as plain data; none where there is nothing to draw."""
    if not any(what.get(k) for k in ("points", "series", "median", "rest")):
        return []
    ends = {"low": bounds.get("low"), "high": bounds.get("high")}
    return [{"kind": kind, "title": title, "unit": unit, **ends, **what}]


def strip(sides: Sequence[Side], args: Mapping[str, Any], title: str, unit: str) -> list[dict[str, Any]]:
    """A strip of the witnesses' figures against the bounds."""
    points = [(s.name, s.value, s.holds) for s in sides if s.value is not None and np.isfinite(s.value)]
    return drawing("strip", title, unit, args, points=points)


ENDS = {
    "stock": "born in", "immigration": "from", "emigration": "to", "foreign_citizens": "citizens of",
    "money_transfers": "from",
    "remittances": "from", "labour_migrants": "from", "labour_migrants_share": "from", "regularised": "from",
}  # fmt: skip


def said_of(measure: str) -> str:
    """The name of a measure in a sentence."""
    return measure.replace("_", " ").replace("gdp", "GDP")


def what_of(args: Mapping[str, Any], place: str) -> str:
    """The quantity that a test asks about, in words."""
    said = said_of(args["measure"])
    if args.get("stream", "all") not in ("all", "labour", args["measure"]):
        said += f" ({args['stream'].replace('_', ' ')})"
    if args.get("group", "all") != "all":
        said += f", {args['group'].replace('=', ' ')},"
    said += f" of {named(place)}"
    if args.get("counterpart"):
        said += f", {ENDS.get(args['measure'], 'of')} {listed(map(named, args['counterpart']))}"
    return said


def at_of(r: Reading, start: date, end: date) -> Parts:
    """Of what time a reading speaks: its own day where it has one."""
    row = r.rows[0]
    when = span(row["start"], row["end"]) if len(r.rows) == 1 and not r.how else span(start, end)
    return [Said(when), f" ({r.how})" if r.how else ""]


def chance(value: float, rows: Sequence[Mapping[str, Any]]) -> Number | str:
    """A probability in words of two digits, with its claims."""
    said = "above 0.99" if value > 0.99 else "below 0.01" if value < 0.01 else labels.spelt(value, 2)
    return made(value, "probability", rows, text=said)


def rounded(value: float, rows: Sequence[Mapping[str, Any]], digits: int = 1) -> Number | str:
    """A figure with few digits, with its claims."""
    said = labels.spelt(float(value), digits)
    return made(float(value), "per 1,000", rows, text=said)
