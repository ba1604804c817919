"""Tests of one figure among others: the rank of places among their peers, how far rival figures differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from keruen import copies
from keruen.comparable import central
from keruen.odds import rank_of_leverage, spread_of_turn
from keruen.verdict_words import drawing, made, nobody, said_of, speaker, strip, unit_of, what_of, when_of
from keruen.vocabulary import measure as word
from keruen.witnesses import (
    Day,
    Finding,
    Reading,
    each_of,
    found,
    lineage_of,
    name_of,
    named,
    newest_of,
    peers_of,
    readings,
    side,
)
from keruen.wording import Parts, plural, span


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
            speaker(r),
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
