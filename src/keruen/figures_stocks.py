"""Figures of stocks: who lives in a place, by edition, and how far editions disagree about its corridors."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from keruen.copies import carried, family_of
from keruen.errors import NoEvidence
from keruen.figures import (
    DASHES,
    GRID,
    INK,
    MARKS,
    SOFT,
    VIVID,
    Figure,
    _as_of,
    _axes,
    _calendar,
    _day,
    _digits,
    _edition_colour,
    _figure,
    _key,
    _labels,
    _margin,
    _name,
    _named,
    _one_place,
    _readable,
    _scale,
    _series,
    _whole,
    _zero,
)
from keruen.labels import label, spelt, year


def stock_by_edition(claims: pl.DataFrame, *, since: int = 1990, as_of: date | None = None) -> Figure:
    """Foreign-born (or migrant) residents of one place, one line an edition; censuses and the like are points.

    Parameters
    ----------
    claims
        Claims of ``stock`` of one place; totals over all origins are drawn.
    since
        First year.
    as_of
        A day to mark.
    """
    rows = _whole(claims, ["stock"]).filter(
        pl.col("counterpart").is_null() & (pl.col("stream") == "all") & pl.col("value").is_not_null()
    )
    rows = rows.filter(pl.col("start") >= date(since, 1, 1))
    code = _one_place(rows, "total stock")
    series = _series(rows, ["release", "definition", "source"])
    lines = [
        (k, r)
        for k, r in series
        if len({x["start"] for x in r}) > 2 and r[0]["status"] in ("estimate", "model", "projection")
    ]
    points = [(k, r) for k, r in series if (k, r) not in lines]
    if not series:
        raise NoEvidence(f"There is nothing to draw: all stocks of {_name(code)} are copies.")
    drawn = [x for _, r in series for x in r]
    unit, word = _scale(x["value"] for x in drawn)

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 52, _margin(_named(k[0], k[2], r) for k, r in series), 28, 26)
        ends = []
        own_editions = [k for k, _ in lines if family_of(k[0]).startswith("un-")]
        for i, (key, mine) in enumerate(lines):
            release, _, source = key
            leading = key in own_editions
            colour = (
                _edition_colour(own_editions.index(key), len(own_editions)) if leading else VIVID[(i + 2) % len(VIVID)]
            )
            xs, ys = [year(p["start"]) for p in mine], [p["value"] / unit for p in mine]
            ax.plot(xs, ys, color=colour, linewidth=1.5, linestyle=DASHES[(len(lines) - 1 - i) % len(DASHES)], zorder=3)
            for x, y, p in zip(xs, ys, mine, strict=True):
                ax.plot(
                    [x],
                    [y],
                    marker=MARKS[i % len(MARKS)],
                    color=colour,
                    markersize=5,
                    markeredgewidth=1.1,
                    zorder=4,
                    markerfacecolor="white" if carried(p) else colour,
                )
            ends.append((xs[-1], ys[-1], _named(release, source, mine), colour))
        for i, ((release, _, source), mine) in enumerate(points):
            colour = VIVID[i % len(VIVID)]
            xs, ys = [year(p["start"]) for p in mine], [p["value"] / unit for p in mine]
            ax.plot(
                xs, ys, marker=MARKS[(i + 5) % len(MARKS)], color=colour, markersize=5.5, linestyle="none", zorder=5
            )
            ends.append((xs[-1], ys[-1], _named(release, source, mine), colour))
        ax.set_ylim(bottom=0)
        top = max(x["start"] for x in drawn).year + 1
        _calendar(ax, since - 0.5, max(top, as_of.year + 1 if as_of else top))
        _zero(ax)
        _readable(ax)
        _labels(ax, ends[:14], 1.02)
        _as_of(ax, as_of)
        ax.text(0, 1.02, word, transform=ax.transAxes, ha="left", va="bottom", fontsize=9, color=SOFT)

    title = f"Migrants living in {_name(code)}, by edition"
    names = ", ".join(dict.fromkeys(label(k[0], k[2]) for k, _ in series))
    alt = f"Lines and points of the number of migrants living in {_name(code)} by edition: {names}."
    return _figure("stock", title, alt, (x["id"] for x in drawn), (720, 340), draw)


def corridors(
    claims: pl.DataFrame,
    *,
    day: date,
    by: str = "counterpart",
    top: int = 12,
    name: str = "birthplaces",
    title: str = "",
) -> Figure:
    """One row a corridor, one dot an edition: where editions contradict each other, the dots lie far apart.

    Parameters
    ----------
    claims
        Claims of ``stock``, each with a counterpart.
    day
        The day of which the editions speak.
    by
        ``counterpart`` draws a row for each birthplace, ``place`` for each country of residence.
    top
        How many rows, by the largest figure of any edition.
    name
        Short name of the drawing, unique in a page.
    title
        Its heading.
    """
    rows = _whole(claims, ["stock"]).filter(
        (pl.col("start") == day)
        & pl.col("counterpart").is_not_null()
        & pl.col("value").is_not_null()
        & ~pl.col(by).str.starts_with("_")
        & (pl.col("stream") == "all")
    )
    if rows.is_empty():
        raise NoEvidence(f"There is nothing to draw: no corridor is told for {day}.")
    first = (
        rows.group_by(by).agg(pl.col("value").max()).sort("value", by, descending=[True, False]).head(top)[by].to_list()
    )
    rows = rows.filter(pl.col(by).is_in(first))
    series = _series(rows, ["release", "source"])
    drawn = [x for _, r in series for x in r]
    shown = {x[by] for x in drawn}
    first = [code for code in first if code in shown]
    if not first:
        raise NoEvidence(f"There is nothing to draw: every corridor of {day} is told by copies alone.")
    unit, word = _scale(x["value"] for x in drawn)
    height = 74 + 21 * len(first)

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 150, 28, 34, 34)
        ax.grid(axis="y", visible=False)
        ax.grid(axis="x", color=GRID, linewidth=0.6)
        for at, end in enumerate(first):
            told = [x["value"] / unit for x in drawn if x[by] == end]
            ax.plot([min(told), max(told)], [at, at], color="#b3b3b3", linewidth=2.2, solid_capstyle="round", zorder=2)
        handles = []
        editions = [k for k, _ in series if family_of(k[0]).startswith("un-")] or [k for k, _ in series]
        for i, (key, mine) in enumerate(series):
            release, source = key
            if key in editions:
                at = editions.index(key)
                pale = (
                    ("#5ba3cf", "#08306b")[at + 2 - len(editions)]
                    if len(editions) < 3
                    else _edition_colour(at, len(editions))
                )
                colour, mark, size, edge = pale, MARKS[at % len(MARKS)], 6.5, 1.3
            else:  # a tick does not cover the dot of an edition it agrees with
                colour, mark, size, edge = VIVID[i % len(VIVID)], "|", 13.0, 2.2
            told = [x for x in mine if not carried(x)]
            for part, face in ((told, colour), ([x for x in mine if carried(x)], "white")):
                ax.plot(
                    [x["value"] / unit for x in part],
                    [first.index(x[by]) for x in part],
                    marker=mark,
                    markersize=size,
                    color=colour,
                    markerfacecolor=face,
                    markeredgewidth=edge,
                    linestyle="none",
                    zorder=3,
                )
            handles.append((label(release, source), colour, mark))
        ax.set_ylim(len(first) - 0.4, -0.6)
        ax.set_yticks(range(len(first)), [_name(c)[:24] for c in first], color=INK)
        ax.tick_params(axis="y", length=0)
        ax.set_xlim(left=0)
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(7))
        step = ax.get_xticks()[1] - ax.get_xticks()[0]
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: spelt(v, _digits(step))))
        ax.set_xlabel(word, fontsize=9, color=SOFT, loc="left")
        _key(ax, handles, 14)

    widest = max(first, key=lambda c: max(t := [x["value"] for x in drawn if x[by] == c]) - min(t))
    told = [x["value"] for x in drawn if x[by] == widest]
    alt = f"Dots by corridor and edition for {_day(day)}, {len(first)} corridor{'s' if len(first) != 1 else ''}."
    if len(told) > 1 and max(told) > min(told):
        alt += f" Widest apart: {_name(widest)}, {spelt(min(told))} to {spelt(max(told))} persons."
    heading = title or f"Corridors on {_day(day)}, by edition"
    return _figure(name, heading, alt, (x["id"] for x in drawn), (720, height), draw)
