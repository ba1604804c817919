"""Tests of figures year by year: their sign, whether they rise, their trend and break, the level after a date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from keruen import labels
from keruen.breaks import breaks
from keruen.interruptions import interrupted
from keruen.verdict_words import drawing, made, nobody, speaker, strip, tells, told_reading, unit_of, what_of, when_of
from keruen.vocabulary import measure as word
from keruen.witnesses import COVER, Day, Finding, Reading, each_of, found, name_of, readings, side, yearly
from keruen.wording import Parts, Said, plural, span


def sign(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is the total above nought, or below; or every year of it?"""
    up = args["sign"] == "positive"
    kind = "above nought" if up else "below nought"

    def one(place: str) -> Finding:
        unit, start, end = word(args["measure"]).unit, args["start"], args["end"]
        sides, short = [], []
        series = yearly(day, args, place, start, end, hidden)
        whole = readings(day, args, place, start, end, hidden, partly=True)
        lines = [_line(rs) for rs in series.values()]
        if args.get("each") == "year":
            for rs in series.values():
                right = [r for r in rs if r.value is not None and (r.value > 0) == up and r.value != 0]
                if len(right) == len(rs) < COVER * (end.year - start.year):
                    short.append(_too_few(rs, args))
                    continue
                holds = len(right) == len(rs)
                says: Parts = [
                    speaker(rs[-1]), f": {what_of(args, place)} is {kind} in ",
                    made(len(right), "years", [row for r in rs for row in r.rows], text=f"{len(right)} of {len(rs)}"),
                    f" {plural(len(rs), 'year')} told within ", when_of(start, end), ".",
                ]  # fmt: skip
                sides.append(side(rs[-1], holds, says, value=float(len(right)), unit="years", more=rs[:-1]))
        else:
            for r in whole:
                if r.value is None:
                    continue
                says = [
                    *tells(r, args, place, unit),
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
                short.append(_too_few(rs, args))
                continue
            holds, right = not wrong, len(steps) - len(wrong)
            says: Parts = [
                speaker(rs[-1]),
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
            lines.append(_line(rs))
        pictures = drawing("lines", what_of(args, place), unit, series=lines)
        none = f"Two years in one series are needed. {nobody(args, place, day, args['start'], args['end'])}"
        lacking = "" if sides else " ".join(short) or none
        return found(sides, pictures=pictures, lacking=lacking)

    return each_of(args, one)


def _year(r: Reading) -> int:
    return int(r.rows[0]["start"].year)


def _line(rs: Sequence[Reading]) -> tuple[str, list[tuple[int, float]]]:
    """A series as a picture draws it."""
    return name_of(rs[-1]), [(_year(r), float(r.value or 0)) for r in rs]


def _too_few(rs: Sequence[Reading], args: Mapping[str, Any]) -> str:
    return f"{name_of(rs[-1])} tells {len(rs)} of the {args['end'].year - args['start'].year} years, too few."


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
                speaker(rs[-1]), f": {what_of(args, place)}, ",
                Said(f"{_year(rs[0])} to {_year(rs[-1])}"), f": {word_}, p = ",
                made(p, "p", rows, text="below 0.001" if p < 0.001 else labels.spelt(p, 3)), ".",
            ]  # fmt: skip
            sides.append(side(rs[-1], word_ == args["expect"], says, value=p, unit="p", more=rs[:-1]))
            lines.append(_line(rs))
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
                speaker(rs[-1]), f": {what_of(args, place)}, level after ", Said(str(at)),
                f" against before: {seen.verdict}, ", made(middle, "percent" if seen.log else unit, rows),
                f"{tail} (95%: ",
                made(low, "percent" if seen.log else unit, rows), " to ",
                made(high, "percent" if seen.log else unit, rows), ").",
            ]  # fmt: skip
            sides.append(
                side(rs[-1], seen.verdict == args["expect"], says, value=middle, unit=tail.strip(), more=rs[:-1])
            )
            lines.append(_line(rs))
        pictures = drawing("lines", what_of(args, place), unit, series=lines, at=at)
        lacking = "" if sides else " ".join(open_) or nobody(args, place, day, args["start"], args["end"])
        return found(sides, pictures=pictures, lacking=lacking)

    return each_of(args, one)
