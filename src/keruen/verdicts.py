"""The tests a statement may be put to: each from claims or draws to a verdict, a probability and the evidence for it.

Every kind is general: any place, measure, stream, definition, span and day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from keruen import copies, labels, store
from keruen.disagreement import central
from keruen.odds import date_between, earlier, joint_state, posterior_probability, rank_of_leverage, spread_of_turn
from keruen.places import system as members_of
from keruen.shares import MONEY, shares, shares_within
from keruen.statements import Test
from keruen.streams import breaks, events, interrupted
from keruen.vocabulary import measure as word
from keruen.witnesses import (
    COVER,
    UNDETERMINED,
    Day,
    Finding,
    Reading,
    Side,
    at_of,
    bounds_of,
    drawing,
    each_of,
    found,
    inside,
    lineage_of,
    made,
    name_of,
    named,
    newest_of,
    nobody,
    peers_of,
    readings,
    readings_of,
    said_of,
    side,
    strip,
    told_reading,
    unit_of,
    voiced,
    what_of,
    when_of,
    yearly,
)
from keruen.wording import Parts, Said, plural, span, told_day


def level(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is the figure between the bounds, by every lineage?"""

    def one(place: str) -> Finding:
        unit, start, end = word(args["measure"]).unit, args["start"], args["end"]
        sides = []
        for r in readings(day, args, place, start, end, hidden):
            holds = inside(r.value, r.low, r.high, args)
            sides.append(side(r, holds, _sentence(r, args, place, holds, unit), unit=unit))
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


def _sentence(r: Reading, args: Mapping[str, Any], place: str, holds: bool | None, unit: str) -> Parts:
    fits = {True: "fits", False: "does not fit", None: "leaves it open"}[holds]
    return [
        Said(name_of(r), "name", r.release), f": {what_of(args, place)}, ", *at_of(r, args["start"], args["end"]),
        ": ", *told_reading(r, unit), f" {unit_of(unit)}; {fits} “", Said(bounds_of(args, unit)), "”.",
    ]  # fmt: skip


def sign(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is the total above nought, or below; or every year of it?"""
    up = args["sign"] == "positive"
    kind = "above nought" if up else "below nought"

    def one(place: str) -> Finding:
        unit, start, end = word(args["measure"]).unit, args["start"], args["end"]
        sides, short = [], []
        series = yearly(day, args, place, start, end, hidden)
        whole = readings(day, args, place, start, end, hidden, partly=True)
        lines = [
            (name_of(rs[-1]), [(r.rows[0]["start"].year, float(r.value or 0)) for r in rs]) for rs in series.values()
        ]
        if args.get("each") == "year":
            for rs in series.values():
                right = [r for r in rs if r.value is not None and (r.value > 0) == up and r.value != 0]
                if len(right) == len(rs) < COVER * (end.year - start.year):
                    short.append(f"{name_of(rs[-1])} tells {len(rs)} of the {end.year - start.year} years, too few.")
                    continue
                holds = len(right) == len(rs)
                says: Parts = [
                    Said(name_of(rs[-1]), "name", rs[-1].release), f": {what_of(args, place)} is {kind} in ",
                    made(len(right), "years", [row for r in rs for row in r.rows], text=f"{len(right)} of {len(rs)}"),
                    f" {plural(len(rs), 'year')} told within ", when_of(start, end), ".",
                ]  # fmt: skip
                sides.append(side(rs[-1], holds, says, value=float(len(right)), unit="years", more=rs[:-1]))
        else:
            for r in whole:
                if r.value is None:
                    continue
                says = [
                    Said(name_of(r), "name", r.release), f": {what_of(args, place)}, ", *at_of(r, start, end), ": ",
                    *told_reading(r, unit),
                    f" {unit_of(unit)}, {'above' if r.value > 0 else 'below' if r.value < 0 else 'at'} "
                    "nought", *_years_right(series.get(r.lineage, []), kind, up), ".",
                ]  # fmt: skip
                sides.append(side(r, (r.value > 0) == up and r.value != 0, says, unit=unit))
        title = what_of(args, place)
        pictures = drawing("lines", title, unit, {"low": 0.0}, series=lines)
        if not lines and args.get("each") != "year":
            bounds = {"low": 0.0} if up else {"high": 0.0}
            pictures = strip(sides, bounds, f"{title}, {span(start, end)}", unit)
        return found(
            sides, pictures=pictures, lacking="" if sides else " ".join(short) or nobody(args, place, day, start, end)
        )

    return each_of(args, one)


def _years_right(rs: Sequence[Reading], kind: str, up: bool) -> Parts:
    if len(rs) < 2:
        return []
    right = sum(1 for r in rs if r.value and (r.value > 0) == up)
    rows = [row for r in rs for row in r.rows]
    return ["; ", made(right, "years", rows, text=f"{right} of {len(rs)}"), f" single years are {kind}"]


def change(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Did the figure change as was said, by each lineage against itself? Spans of other lengths are taken per year."""
    before = args["before"]
    months = [12 * (t["end"].year - t["start"].year) + t["end"].month - t["start"].month for t in (before, args)]
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
                Said(name_of(b), "name", b.release), f": {what_of(args, place)}, from ", *told_reading(a, unit), " (",
                *at_of(a, before["start"], before["end"]), ") to ", *told_reading(b, unit), " (",
                *at_of(b, args["start"], args["end"]),
                "), ", "per year " if uneven else "", "times " if of == "ratio" else "a change of ",
                made(moved, of, [*a.rows, *b.rows], text=labels.spelt(moved, 2) if of == "ratio" else ""),
                f"; {'fits' if holds else 'does not fit'} “", Said(bounds_of(args, of)), "”.",
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
                    Said(name_of(r), "name", r.release), f": {what_of(args, place)}, ",
                    *at_of(r, args["start"], args["end"]),
                    ": ", *told_reading(r, unit), f" over {said_of(name)} of ",
                    *told_reading(bottom, word(name).unit),
                    " (", Said(name_of(bottom), "name", bottom.release), ", ",
                    *at_of(bottom, args["start"], args["end"]), ") is ",
                    made(value, "ratio", [*r.rows, *bottom.rows], text=labels.spelt(value, 3)),
                    f"; {'fits' if holds else 'does not fit'} “", Said(bounds_of(args, "ratio")), "”.",
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
                Said(name_of(r), "name", r.release), f": {what_of(args, place)}, ",
                *at_of(r, args["start"], args["end"]),
                ": ", *told_reading(r, unit), " of ", *told_reading(match, unit), ", ",
                made(float(both.value or 0), "percent", both.rows),
                f" percent; {'fits' if holds else 'does not fit'} “",
                Said(bounds_of(args, "percent")), "”.",
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


def share_of_gdp(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is money received over GDP between the bounds? Every year, numerator and denominator that gives it is listed."""
    sender = args.get("sender") or None
    origin = f" from {named(sender)}" if sender else ""

    def one(place: str) -> Finding:
        told_ = day.evidence(place, MONEY, hidden=hidden)
        if told_.is_empty():
            return found(lacking=f"Nobody had told money received in {named(place)}.")
        table = shares(told_, matrices=True).filter(pl.col("ids").is_not_null() & (pl.col("year") < args["said"].year))
        search = shares_within(table, args["low"], args["high"], sender)
        by_id = {r["id"]: r for r in told_.to_dicts()}
        sides, lines = [], []
        right = search.rows.filter(pl.col("means_it"))
        for (measure,), rows in right.group_by(["measure"], maintain_order=True):
            newest = int(rows["year"].max())  # type: ignore[arg-type]
            last = rows.filter(pl.col("year") == newest) if args.get("when", "newest") == "newest" else rows
            within = last["within"].to_list()
            holds = any(within) if args.get("when") == "any" else all(within) if len(set(within)) == 1 else None
            spent = _pair_rows(last, by_id)
            latest = last.sort("gdp_release").to_dicts()[-1]
            says: Parts = [
                f"{str(measure).replace('_', ' ').capitalize()}{origin}, newest year that was over by then, ",
                Said(str(newest)), ": ",
                made(latest["share_gdp"], "percent", _pair_rows(last.filter(pl.col("year") == latest["year"]), by_id)),
                " percent of GDP (", Said(_pair_named(latest), "note"),
                f"); {'fits' if holds else 'does not fit' if holds is False else 'leaves open'} “",
                Said(f"{args['low']:g} to {args['high']:g} percent"), "”.",
            ]  # fmt: skip
            sides.append(
                Side(
                    name=str(measure).replace("_", " "), lineage=str(measure), holds=holds, value=latest["share_gdp"],
                    unit="percent",
                    says=says, ids=tuple(dict.fromkeys(i for r in spent for i in copies.rests_on(r))),
                    releases=tuple(dict.fromkeys(str(r["release"]) for r in spent)),
                    known=max(r["known"] for r in spent),
                    lag=any(r["known_basis"] == "publication lag" for r in spent),
                )
            )  # fmt: skip
        hits = search.rows.filter("within").sort("means_it", "year", descending=True)
        listed: list[Parts] = [
            [
                made(len(hits), "pairs", _pair_rows(search.rows, by_id), text=labels.spelt(len(hits))),
                " of ",
                made(len(search.rows), "pairs", _pair_rows(search.rows, by_id), text=labels.spelt(len(search.rows))),
                " pairs of year, numerator and GDP lie within the range, "
                f"{'some' if hits['means_it'].any() else 'none'} of them meaning money",
                f"{origin or ' from the whole world'}.",
            ]
        ]  # fmt: skip
        for row in hits.to_dicts():
            behind = _pair_rows(pl.DataFrame([row], schema=hits.schema), by_id)
            who = f" from {named(row['counterpart'])}" if row["counterpart"] else " from the whole world"
            listed.append([
                Said(str(row["year"])), f": {row['measure'].replace('_', ' ')}{who}, ",
                made(row["share_gdp"], "percent", behind),
                " percent: ", Said(_pair_named(row), "note"), "" if row["means_it"] else "; not what was said", ".",
            ])  # fmt: skip
        for (measure, other), rows in search.rows.filter(
            pl.col("means_it") | (pl.col("counterpart").is_null() & (pl.col("measure") == "remittances_share_gdp"))
        ).group_by(["measure", "counterpart"], maintain_order=True):
            each = rows.unique("year", keep="last", maintain_order=True).sort("year")
            who = f", {named(str(other))}" if other else ", whole world"
            lines.append(
                (
                    str(measure).replace("_", " ") + who,
                    [(y, v) for y, v in each.select("year", "share_gdp").iter_rows()],
                )
            )
        title = f"Money received over GDP, {named(place)}"
        pictures = drawing("lines", title, "percent of GDP", args, series=lines)
        none = (
            ""
            if sides
            else f"Nobody had told money {'from ' + named(sender) if sender else ''} in {named(place)} over GDP."
        )
        return found(sides, says=listed, rows=_pair_rows(hits, by_id), pictures=pictures, lacking=none)

    return each_of(args, one)


def _pair_named(row: Mapping[str, Any]) -> str:
    over = (
        f" over GDP by {labels.label(row['gdp_release'])}" if row["gdp_release"] != row["release"] else ", as published"
    )
    return f"{labels.label(row['release'])}{over}"


def _pair_rows(table: pl.DataFrame, by_id: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [by_id[i] for i in dict.fromkeys(i for said in table["ids"].to_list() for i in said.split()) if i in by_id]


def monotone(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Does every yearly figure rise above the one before, or fall below it?"""
    up = args["direction"] == "up"

    def one(place: str) -> Finding:
        unit = word(args["measure"]).unit
        sides, lines, short = [], [], []
        for rs in yearly(day, args, place, args["start"], args["end"], hidden).values():
            steps = list(pairwise(rs))
            if not steps:
                continue
            wrong = [
                (a, b)
                for a, b in steps
                if not ((b.value or 0) > (a.value or 0) if up else (b.value or 0) < (a.value or 0))
            ]
            told_years = f"{_year(rs[0])} to {_year(rs[-1])}"
            if not wrong and len(rs) < COVER * (args["end"].year - args["start"].year):
                short.append(
                    f"{name_of(rs[-1])} tells {len(rs)} of the {args['end'].year - args['start'].year} years, too few."
                )
                continue
            holds, right = not wrong, len(steps) - len(wrong)
            says: Parts = [
                Said(name_of(rs[-1]), "name", rs[-1].release),
                f": {what_of(args, place)} {'rises' if up else 'falls'} in ",
                made(right, "steps", [row for r in rs for row in r.rows], text=f"{right} of {len(steps)}"),
                f" {plural(len(steps), 'step')} between the years told, ", Said(told_years),
            ]  # fmt: skip
            if wrong:
                a, b = wrong[0]
                says += [
                    "; not from ", *told_reading(a, unit), " (", Said(str(_year(a))), ") to ", *told_reading(b, unit),
                    " (", Said(str(_year(b))), ")",
                ]  # fmt: skip
            sides.append(
                side(rs[-1], holds, [*says, "."], value=float(len(steps) - len(wrong)), unit="steps", more=rs[:-1])
            )
            lines.append((name_of(rs[-1]), [(_year(r), float(r.value or 0)) for r in rs]))
        pictures = drawing("lines", what_of(args, place), unit, series=lines)
        none = f"Two years in one series are needed. {nobody(args, place, day, args['start'], args['end'])}"
        lacking = "" if sides else " ".join(short) or none
        return found(sides, pictures=pictures, lacking=lacking)

    return each_of(args, one)


def _year(r: Reading) -> int:
    return int(r.rows[0]["start"].year)


def _series(
    day: Day, args: Mapping[str, Any], place: str, hidden: frozenset[str]
) -> list[tuple[list[Reading], pl.DataFrame]]:
    return [
        (rs, pl.DataFrame({"year": [_year(r) for r in rs], "value": [float(r.value or 0) for r in rs]}))
        for rs in yearly(day, args, place, args["start"], args["end"], hidden).values()
    ]


def trend(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Does the yearly series rise, fall or break, as Mann-Kendall and a test of breaks tell?"""

    def one(place: str) -> Finding:
        unit, sides, lines, open_ = word(args["measure"]).unit, [], [], []
        for rs, table in _series(day, args, place, hidden):
            seen = breaks(table, seed=day.seed)
            word_, p = (seen.verdict, seen.p) if args["expect"] in ("break",) else (seen.trend, seen.trend_p)
            if word_ == "cannot tell" or p is None:
                open_.append(f"{name_of(rs[-1])} tells {len(rs)} {plural(len(rs), 'year')}, too few to tell.")
                continue
            rows = [row for r in rs for row in r.rows]
            says: Parts = [
                Said(name_of(rs[-1]), "name", rs[-1].release), f": {what_of(args, place)}, ",
                Said(f"{_year(rs[0])} to {_year(rs[-1])}"), f": {word_}, p = ",
                made(p, "p", rows, text="below 0.001" if p < 0.001 else labels.spelt(p, 3)), ".",
            ]  # fmt: skip
            sides.append(side(rs[-1], word_ == args["expect"], says, value=None, unit="p", more=rs[:-1]))
            lines.append((name_of(rs[-1]), [(_year(r), float(r.value or 0)) for r in rs]))
        pictures = drawing("lines", what_of(args, place), unit, series=lines)
        lacking = "" if sides else " ".join(open_) or nobody(args, place, day, args["start"], args["end"])
        return found(sides, pictures=pictures, lacking=lacking)

    return each_of(args, one)


def interruption(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Did the level of a yearly series change at a date?"""

    def one(place: str) -> Finding:
        unit, sides, lines, open_ = word(args["measure"]).unit, [], [], []
        at = int(args["at"])
        for rs, table in _series(day, args, place, hidden):
            seen = interrupted(table, at)
            if seen.level is None:
                open_.append(f"{name_of(rs[-1])}: {seen.why}")
                continue
            rows = [row for r in rs for row in r.rows]
            low, middle, high = (100 * float(np.expm1(v)) for v in seen.level) if seen.log else seen.level
            tail = " percent" if seen.log else f" {unit}"
            says: Parts = [
                Said(name_of(rs[-1]), "name", rs[-1].release), f": {what_of(args, place)}, level after ", Said(str(at)),
                f" against before: {seen.verdict}, ", made(middle, "percent" if seen.log else unit, rows),
                f"{tail} (95%: ",
                made(low, "percent" if seen.log else unit, rows), " to ",
                made(high, "percent" if seen.log else unit, rows), ").",
            ]  # fmt: skip
            sides.append(
                side(rs[-1], seen.verdict == args["expect"], says, value=middle, unit=tail.strip(), more=rs[:-1])
            )
            lines.append((name_of(rs[-1]), [(_year(r), float(r.value or 0)) for r in rs]))
        pictures = drawing("lines", what_of(args, place), unit, series=lines, at=at)
        lacking = "" if sides else " ".join(open_) or nobody(args, place, day, args["start"], args["end"])
        return found(sides, pictures=pictures, lacking=lacking)

    return each_of(args, one)


def rank(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is every place named among the first, or the last, so many?"""
    if "holder" in args:
        return rank_of_leverage(day, args)
    highest, most = args["order"] == "highest", int(args["within"])
    unit = word(args["measure"]).unit
    peers = peers_of(args)
    table = day.evidence(None if len(peers) > 30 else tuple(peers), args["measure"], hidden=hidden)
    table = central(
        table.filter(
            pl.col("place").is_in(peers) & (pl.col("start") == args["start"]) & (pl.col("end") == args["end"])
            & pl.col("counterpart").is_null() & pl.col("value").is_not_null() & (pl.col("sex") == "all")
            & (pl.col("age") == "all") & (pl.col("group") == "all") & (pl.col("status") != "projection")
        )
    )  # fmt: skip
    if "definition" in args:
        table = table.filter(pl.col("definition") == args["definition"])
    candidates = []
    for (release, definition), part in table.group_by(["release", "definition"], maintain_order=True):
        ordered = part.unique("place", keep="last").sort("value", descending=highest)
        at = {p: k + 1 for k, p in enumerate(ordered["place"].to_list())}
        if all(p in at for p in args["place"]) and len(at) > 1:
            rows = tuple(ordered.filter(pl.col("place").is_in(args["place"])).to_dicts())
            worst = max(at[p] for p in args["place"])
            lineage = lineage_of(str(definition), str(release))
            candidates.append((Reading(lineage, float(worst), None, None, rows, str(release)), at))
    kept_ = {id(r) for r in newest_of([r for r, _ in candidates])}
    sides = []
    for r, at in candidates:
        if id(r) not in kept_:
            continue
        says: Parts = [
            Said(name_of(r), "name", r.release),
            f": {said_of(args['measure'])}, ",
            when_of(args["start"], args["end"]),
            ": ",
        ]
        for k, row in enumerate(sorted(r.rows, key=lambda q: at[q["place"]])):
            says += [
                ", " if k else "", f"{named(row['place'])} ", made(row["value"], unit, [row]),
                f" ({unit_of(unit)}), rank ",
                made(at[row["place"]], "rank", [row], text=str(at[row["place"]])),
            ]  # fmt: skip
        says += [" of ", made(len(at), "places", r.rows, text=str(len(at))), f" from the {args['order']}."]
        sides.append(side(r, bool(r.value is not None and r.value <= most), says, unit="rank"))
    title = f"Lowest rank of the places named by {said_of(args['measure'])}, from the {args['order']}"
    lacking = "" if sides else nobody(args, args["place"][0], day, args["start"], args["end"])
    return found(sides, pictures=strip(sides, {"high": most}, title, "rank"), lacking=lacking)


def spread(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Do rivals differ by the factor, or does the year of the turn need so many years?"""

    def one(place: str) -> Finding:
        if args["of"] == "turn":
            return spread_of_turn(day, args, place, hidden)
        unit, start, end = word(args["measure"]).unit, args["start"], args["end"]
        every = [
            r
            for r in readings(day, args, place, start, end, hidden, every=True)
            if not all(copies.copied(q) for q in r.rows)
        ]
        ends = [v for r in every for v in ([r.value] if r.value is not None else [r.low, r.high]) if v is not None]
        if len(ends) < 2:
            return found(
                lacking=f"Two figures are needed to compare. {nobody(args, place, day, start, end) if not ends else ''}"
            )
        low, high = min(ends), max(ends)
        opposite = low < 0 < high
        factor = np.inf if opposite or low == 0 else max(abs(low), abs(high)) / min(abs(low), abs(high))
        rows = [row for r in every for row in r.rows]
        says: Parts = [
            made(len(every), "figures", rows, text=str(len(every))),
            f" {plural(len(every), 'figure')} of {what_of(args, place)} for ",
            when_of(start, end),
            ": from ", made(low, unit, rows, words=True), " to ", made(high, unit, rows, words=True),
            f" {'' if unit == 'USD' else unit}",
            ", of opposite signs." if opposite else ", a factor of ",
            "" if opposite else made(factor, "ratio", rows, text=f"{factor:.1f}"),
            "" if opposite else ".",
        ]  # fmt: skip
        first = every[0]
        one_side = side(first, bool(factor >= args["low"]), says, value=float(factor), unit="ratio", more=every[1:])
        whole = replace(one_side, name="all figures together", lineage="all")
        points = [
            (name_of(r), v, None)
            for r in every
            for v in ([r.value] if r.value is not None else [r.low, r.high])
            if v is not None
        ]
        title = f"{what_of(args, place)}, {span(start, end)}"
        return found([whole], pictures=drawing("strip", title, unit, points=points))

    return each_of(args, one)


# ---------------------------------------------------------------- events


def event_exists(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Does the timeline hold such an event? That it holds none shows nothing."""
    table = events(None, kind=args["event"], as_of=day.as_of)
    start, end = args["start"], args["end"]
    rows = []
    for r in table.to_dicts():
        here = set(r["place"].split()) | set(r["counterpart"].split())
        wanted = set(args.get("place", ())) | set(args.get("counterpart", ()))
        fits = wanted <= here | _inside(here)
        said = not args.get("words") or re.search(args["words"], r["description"], re.IGNORECASE)
        if (
            fits
            and said
            and r["start"] < end
            and start < r["end"]
            and r["verified"] != "statement on trial"
            and r["id"] not in hidden
        ):
            rows.append(r)
    releases = dict(store.event_claims().select("id", "release").iter_rows())
    sides = []
    for r in rows:
        checked = r["verified"] == "read"
        says: Parts = [
            Said(_day_or_span(r["start"], r["end"])), ": ", Said(r["description"], "note", releases[r["id"]]), " (",
            Said(r["source"] or "no source told", "note"),
            ")" if checked else "; own knowledge that nobody checked)", ".",
        ]  # fmt: skip
        sides.append(
            Side(
                name=f"the timeline of events ({r['kind']})", lineage="timeline", holds=True if checked else None,
                value=None, unit="", says=says, ids=(r["id"],), releases=(str(releases[r["id"]]),), known=r["known"],
                lag=False,
            )
        )  # fmt: skip
    lacking = (
        ""
        if sides
        else f"The timeline holds no such event ({args['event']}, {span(start, end)}) that was known by then."
    )
    if sides and not any(s.holds for s in sides):
        return replace(
            found(sides), verdict=UNDETERMINED, lacking="The timeline holds it only as knowledge that nobody checked."
        )
    return found(sides, lacking=lacking)


def _day_or_span(start: date, end: date) -> str:
    return told_day(start) if (end - start).days <= 1 else span(start, end)


def _inside(codes: set[str]) -> set[str]:
    """Members of the groups of places among some codes."""
    groups = {"_CENTRAL_ASIA": "central-asia", "_CIS": "post-soviet"}
    return {p.code for g in codes & set(groups) for p in members_of(groups[g])}


# ---------------------------------------------------------------- all kinds

NOTHING: frozenset[str] = frozenset()
Ask = Callable[[Day, Mapping[str, Any], frozenset[str]], Finding]

ASK: dict[str, Ask] = {
    "level": level, "sign": sign, "change": change, "ratio": ratio, "share": share, "share_of_gdp": share_of_gdp,
    "monotone": monotone, "trend": trend, "rank": rank, "spread": spread, "date_between": date_between,
    "earlier": earlier,
    "joint_state": joint_state, "posterior_probability": posterior_probability, "event_exists": event_exists,
    "interrupted": interruption,
}  # fmt: skip


def ask(day: Day, test: Test, hidden: frozenset[str] = NOTHING) -> Finding:
    """Put a test to the evidence of a day.

    Parameters
    ----------
    day
        What can be asked.
    test
        From a set of statements.
    hidden
        Releases and ids that leave the evidence, with their copies.
    """
    return ASK[test.kind](day, test.args, hidden)
