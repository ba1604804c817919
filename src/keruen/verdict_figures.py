"""Tests of a figure against bounds: how many, how it changed, what it is over another, whose part it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from keruen import copies, labels
from keruen.verdict_words import (
    at_of,
    drawing,
    fits,
    made,
    nobody,
    said_of,
    speaker,
    strip,
    tells,
    told_reading,
    unit_of,
    what_of,
)
from keruen.vocabulary import measure as word
from keruen.witnesses import (
    Day,
    Finding,
    Reading,
    each_of,
    found,
    inside,
    name_of,
    newest_of,
    peers_of,
    readings,
    readings_of,
    side,
    voiced,
)
from keruen.wording import Parts, span


def level(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is the figure between the bounds, by every lineage?"""

    def one(place: str) -> Finding:
        unit, start, end = word(args["measure"]).unit, args["start"], args["end"]
        sides = []
        for r in readings(day, args, place, start, end, hidden):
            holds = inside(r.value, r.low, r.high, args)
            says: Parts = [*tells(r, args, place, unit), *fits(holds, args, unit, after=f" {unit_of(unit)}")]
            sides.append(side(r, holds, says, unit=unit))
        title = f"{what_of(args, place)}, {span(start, end)}"
        points: list[tuple[str, float | None, bool | None]] = [(x.name, x.value, x.holds) for x in sides]
        # Editions that were rewritten since are drawn, and do not vote.
        every = readings(day, args, place, start, end, hidden, every=True)
        told_ = [r for r in every if r.value is not None and not all(copies.carried(q) for q in r.rows)]
        voted = {x.name for x in sides}
        older = sorted((r for r in told_ if name_of(r) not in voted), key=lambda r: r.known, reverse=True)
        points += [(name_of(r), r.value, None) for r in older]
        told_points = [p for p in points if p[1] is not None]
        pictures = drawing("strip", title, unit, args, points=told_points[:9])
        return found(sides, pictures=pictures, lacking="" if sides else nobody(args, place, day, start, end))

    return each_of(args, one)


def change(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Did the figure change as was said, by each lineage against itself? Spans of other lengths are taken per year."""
    before = args["before"]
    # A day has no months; nothing of a span is told of one, so that its length does not matter.
    months = [
        max(1, 12 * (t["end"].year - t["start"].year) + t["end"].month - t["start"].month) for t in (before, args)
    ]
    uneven = word(args["measure"]).when == "span" and months[0] != months[1]
    per_year = [12 / n for n in months] if uneven else [1.0, 1.0]

    def one(place: str) -> Finding:
        unit = word(args["measure"]).unit
        now = {r.lineage: r for r in readings(day, args, place, args["start"], args["end"], hidden)}
        then = {r.lineage: r for r in readings(day, args, place, before["start"], before["end"], hidden)}
        sides = []
        for lineage in sorted(set(now) & set(then)):
            a, b = then[lineage], now[lineage]
            if a.value is None or b.value is None or (args["as"] == "ratio" and not a.value):
                continue
            first, last = a.value * per_year[0], b.value * per_year[1]
            moved = last / first if args["as"] == "ratio" else last - first
            of = "ratio" if args["as"] == "ratio" else unit
            holds = inside(moved, None, None, args)
            says: Parts = [
                speaker(b), f": {what_of(args, place)}, from ", *told_reading(a, unit), " (",
                *at_of(a, before["start"], before["end"]), ") to ", *told_reading(b, unit), " (",
                *at_of(b, args["start"], args["end"]),
                "), ", "per year " if uneven else "", "times " if of == "ratio" else "a change of ",
                made(moved, of, [*a.rows, *b.rows], text=labels.spelt(moved, 2) if of == "ratio" else ""),
                *fits(holds, args, of),
            ]  # fmt: skip
            sides.append(side(b, holds, says, value=moved, unit=of, more=[a]))
        title = (
            f"{what_of(args, place)}: {span(args['start'], args['end'])} against {span(before['start'], before['end'])}"
        )
        lacking = ""
        if not sides:
            untold = before if now else args
            lacking = nobody(args, place, day, untold["start"], untold["end"])
            if now and then:
                lacking = f"No one source tells {what_of(args, place)} at both times, and sources are not mixed."
        return found(sides, pictures=strip(sides, args, title, sides[0].unit if sides else ""), lacking=lacking)

    return each_of(args, one)


def _over(day: Day, args: Mapping[str, Any], place: str, hidden: frozenset[str]) -> list[Reading]:
    """The quantity that one divides by; of several places, or of the world, their sum within one release."""
    over = args["over"]
    asked = {**{k: v for k, v in over.items() if k not in ("start", "end")}, "stream": over.get("stream", "all")}
    start, end = over.get("start", args["start"]), over.get("end", args["end"])
    where = over.get("place", (place,))
    if where == "world":
        other = over.get("counterpart", (None,))[0]
        every = day.evidence(None, over["measure"], counterpart=other, stream=asked["stream"], hidden=hidden)
        every = every.filter(pl.col("place").is_in(peers_of({})))
        tables = voiced(every, asked, other).partition_by("place", maintain_order=True)
        told_ = [readings_of(table, over["measure"], start, end) for table in tables]
    else:
        told_ = [readings(day, asked, c, start, end, hidden, every=True) for c in where]
    by_place = [{(r.lineage, r.release): r for r in some if r.value is not None} for some in told_]
    keys = set().union(*by_place)
    if where != "world":  # of the world those who told nothing are not in the sum; of places named all must tell
        keys = keys.intersection(*by_place)
    summed = []
    for key in sorted(keys):
        parts = [by[key] for by in by_place if key in by]
        rows = tuple(row for r in parts for row in r.rows)
        summed.append(replace(parts[0], value=sum(r.value or 0.0 for r in parts), rows=rows))
    return summed


def ratio(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is one figure over another between the bounds?"""

    def one(place: str) -> Finding:
        unit = word(args["measure"]).unit
        below = [r for r in _over(day, args, place, hidden) if r.value]
        where = args["over"].get("place", (place,))
        alike = args["over"]["measure"] == args["measure"] and (where == "world" or place in where)
        above = [r for r in readings(day, args, place, args["start"], args["end"], hidden) if r.value is not None]
        sides = []
        name = args["over"]["measure"]
        for r in above:
            # A part and its whole are of one source; another quantity is taken from its newest.
            same = [b for b in below if b.release == r.release] or [b for b in below if b.lineage == r.lineage]
            bottom = same[0] if same else newest_of(below)[0] if below and not alike else None
            if bottom is not None:
                value = float(r.value or 0) / float(bottom.value or 1)
                holds = inside(value, None, None, args)
                says: Parts = [
                    *tells(r, args, place, unit), f" over {said_of(name)} of ",
                    *told_reading(bottom, word(name).unit),
                    " (", speaker(bottom), ", ",
                    *at_of(bottom, args["start"], args["end"]), ") is ",
                    made(value, "ratio", [*r.rows, *bottom.rows], text=labels.spelt(value, 3)),
                    *fits(holds, args, "ratio"),
                ]  # fmt: skip
                sides.append(side(r, holds, says, value=value, unit="ratio", more=[bottom]))
        lacking = ""
        if not sides:
            over = args["over"]
            if not above:
                lacking = nobody(args, place, day, args["start"], args["end"])
            elif below or where == "world":
                lacking = f"No source of {what_of(args, place)} tells the whole as well."
            else:
                lacking = nobody(over, where[0], day, over.get("start", args["start"]), over.get("end", args["end"]))
        title = f"{what_of(args, place)} over {said_of(args['over']['measure'])}"
        return found(sides, pictures=strip(sides, args, title, "ratio"), lacking=lacking)

    return each_of(args, one)


def share(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is the part of some counterparts, or of a group, in the total between the bounds?"""

    def one(place: str) -> Finding:
        unit = word(args["measure"]).unit
        whole = {k: v for k, v in args.items() if k not in ("counterpart", "group", "basis")}
        part = readings(day, args, place, args["start"], args["end"], hidden, every=True)
        total = readings(day, whole, place, args["start"], args["end"], hidden, every=True)
        pairs = []
        for r in part:
            match = next((t for t in total if (t.lineage, t.release) == (r.lineage, r.release)), None)
            # One lineage may tell the part and the total in two releases.
            match = match or next((t for t in newest_of(total) if t.lineage == r.lineage), None)
            if match is None or r.value is None or not match.value:
                continue
            pairs.append((replace(r, rows=(*r.rows, *match.rows), value=100 * r.value / match.value), r, match))
        newest = {id(r): r for r in newest_of([p[0] for p in pairs])}
        sides = []
        for both, r, match in pairs:
            if id(both) not in newest:
                continue
            holds = inside(both.value, None, None, args)
            says: Parts = [
                *tells(r, args, place, unit), " of ", *told_reading(match, unit), ", ",
                made(float(both.value or 0), "percent", both.rows),
                *fits(holds, args, "percent", after=" percent"),
            ]  # fmt: skip
            sides.append(side(both, holds, says, value=both.value, unit="percent"))
        title = f"{what_of(args, place)}: part of all"
        lacking = (
            ""
            if sides
            else f"No source tells both the part and the total. {nobody(args, place, day, args['start'], args['end'])}"
        )
        return found(sides, pictures=strip(sides, args, title, "percent"), lacking=lacking)

    return each_of(args, one)
