"""Claims about net migration, made ready for the sections: the rivals of each five years, and words for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

import polars as pl

from keruen import copies
from keruen.comparable import CALENDAR, sums, sums_of_other_years
from keruen.disagreement import disagreement
from keruen.sections.common import COUNTED, Asked, witnesses, year_rows
from keruen.wording import Number, count, made, number

ROUNDING = 5e-4
"""A part of a figure: a smaller change is what rounding leaves, no revision."""


@dataclass(frozen=True, slots=True)
class Net:
    """Claims of net migration, made ready: all rivals, the leading definition, windows that are over."""

    claims: pl.DataFrame
    rivals: pl.DataFrame
    main: str
    windows: list[tuple[date, date]]

    def editions(self, window: tuple[date, date]) -> list[dict[str, Any]]:
        """What each edition of the leading definition gave, one figure an edition, in the order of release."""
        rows = self.rivals.filter(
            (pl.col("start") == window[0])
            & (pl.col("end") == window[1])
            & (pl.col("definition") == self.main)
            & pl.col("value").is_not_null()
            & ~sums_of_other_years()
        )
        found = witnesses(rows.sort("known", "release").iter_rows(named=True))
        first: dict[str, dict[str, Any]] = {}
        for row in found:  # what an edition prints goes before a sum of its years
            if row["release"] not in first or (first[row["release"]]["derived_from"] and not row["derived_from"]):
                first[row["release"]] = row
        return list(first.values())

    def others(self, window: tuple[date, date]) -> list[dict[str, Any]]:
        """What is told by other definitions, over the calendar years that begin in the window."""
        rows = self.rivals.filter(
            (pl.col("start") == window[0])
            & (pl.col("end") == window[1])
            & (pl.col("definition") != self.main)
            & pl.col("value").is_not_null()
            & (sums_of_other_years() | pl.col("derived_from").is_null())
        )
        told = witnesses(rows.sort("known", "release").iter_rows(named=True))
        return told + [s for s in self._balances(window) if s["release"] not in {r["release"] for r in told}]

    def _balances(self, window: tuple[date, date]) -> list[dict[str, Any]]:
        """Yearly balances of registers (arrivals less departures) over the calendar years that begin in the window."""
        years = range(window[0].year, window[1].year)
        rows = year_rows(self.claims.filter(pl.col("derived_from").is_not_null() & pl.col("status").is_in(COUNTED)))
        out = []
        for _, part in rows.filter(pl.col("start").dt.year().is_in(list(years))).group_by(
            "release", "definition", maintain_order=True
        ):
            parts = list(part.sort("start").iter_rows(named=True))
            if [r["start"].year for r in parts] == list(years):
                ids = dict.fromkeys(i for r in parts for i in copies.rests_on(r))
                named = f"{CALENDAR} {years[0]}–{years[-1]}"
                lag = any(r["known_basis"] == "publication lag" for r in parts)
                out.append(
                    parts[-1]
                    | {
                        "start": window[0],
                        "end": window[1],
                        "value": sum(r["value"] for r in parts),
                        "convention": named,
                    }
                    | {
                        "derived_from": " ".join(ids),
                        "known_basis": "publication lag" if lag else parts[-1]["known_basis"],
                    }
                )
        return sorted(out, key=lambda r: r["release"])


def net_of(asked: Asked) -> Net | None:
    """Claims about net migration, their rivals and windows; nothing where nobody reported any."""
    claims = asked(asked.code, "net_migration", stream="all")
    claims = claims.filter(pl.col("counterpart").is_null() & (pl.col("group") == "all"))
    if claims.is_empty():
        return None
    rivals = disagreement(asked.code, "net_migration", as_of=asked.as_of, strict=asked.strict, claims=claims)
    by = (
        rivals.filter(pl.col("copy_of").is_null())
        .group_by("definition")
        .agg(pl.col("release").n_unique(), pl.len())
        .sort("release", "len", "definition", descending=[True, True, False])
    )
    main = by["definition"][0] if len(by) else rivals["definition"][0]
    horizon: date = asked.as_of or rivals["known"].max()  # type: ignore[assignment]
    estimated = rivals.filter((pl.col("definition") == main) & (pl.col("status") != "projection"))
    five = estimated.filter(
        (pl.col("end").dt.year() - pl.col("start").dt.year() == 5)
        & (pl.col("start").dt.month() == 7)
        & (pl.col("end") <= horizon)
    )
    windows = sorted(set(five.select("start", "end").iter_rows()))
    if not windows:
        rivals, windows = _summed(claims, rivals, horizon)
    return Net(claims, rivals, main, windows)


def _summed(claims: pl.DataFrame, rivals: pl.DataFrame, horizon: date) -> tuple[pl.DataFrame, list[tuple[date, date]]]:
    """Five-year sums where only yearly editions speak of a place: small ones came late into the UN's tables."""
    spans = [(date(y, 7, 1), date(y + 5, 7, 1)) for y in range(1950, horizon.year - 4, 5)]
    asked = pl.DataFrame(
        {"start": [a for a, _ in spans], "end": [b for _, b in spans]}, schema={"start": pl.Date, "end": pl.Date}
    )
    found = sums(claims, asked)
    told = sorted(set(found.filter(pl.col("status") != "projection").select("start", "end").iter_rows()))
    shared = [c for c in rivals.columns if c in found.columns]
    return pl.concat([rivals, found.select(shared)], how="diagonal"), [w for w in told if w[1] <= horizon]


def signed(row: dict[str, Any]) -> Number:
    """A figure in words, with its sign."""
    n = number(row, words=True)
    return replace(n, text=("+" if n.value > 0 else "") + n.text)


def counted(rows: list[dict[str, Any]]) -> Number:
    """How many editions, in words."""
    return made(len(rows), "editions", rows, text=count(len(rows)))


def capital(n: Number) -> Number:
    """The same at the beginning of a sentence."""
    return replace(n, text=n.text[:1].upper() + n.text[1:])


def times(n: int, rows: list[dict[str, Any]]) -> Number:
    """Once, twice, three times."""
    text = {1: "once", 2: "twice"}.get(n, f"{count(n)} times")
    return made(n, "times", rows, text=text)


def differs(a: float, b: float) -> bool:
    """Whether two figures differ by more than rounding leaves.

    Editions print sums over age groups and sums of years, each part rounded: figures that were to be the same lie
    some persons apart, however large they are.

    Examples
    --------
    >>> differs(550_000, 550_001), differs(-300_000, -300_042.5), differs(80_000, 80_100), differs(0, 1)
    (False, False, True, True)
    """
    return abs(b - a) > max(0.5, ROUNDING * max(abs(a), abs(b)))


def rewrites(rows: list[dict[str, Any]]) -> int:
    """How many editions changed the figure of the one before, by more than rounding leaves."""
    return sum(differs(a["value"], b["value"]) for a, b in pairwise(rows))


def distinct(rows: list[dict[str, Any]]) -> int:
    """How many different figures there are, those that rounding sets apart counted once."""
    values = sorted(r["value"] for r in rows)
    return 1 + sum(differs(a, b) for a, b in pairwise(values))


def sign_words(rows: list[dict[str, Any]]) -> str:
    """Whether the editions agree on the sign."""
    up, down = any(r["value"] > 0 for r in rows), any(r["value"] < 0 for r in rows)
    if up and down:
        return "no: both signs"
    if len(rows) == 1:
        return "one source alone"
    if up:
        return "yes: gain" if all(r["value"] > 0 for r in rows) else "gain or balance"
    if down:
        return "yes: loss" if all(r["value"] < 0 for r in rows) else "loss or balance"
    return "yes: balance"


def moved(value: float) -> str:
    """The word for a gain or a loss."""
    return "gained" if value > 0 else "lost"
