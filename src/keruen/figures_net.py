"""Figures of net migration: one line an edition, and how the figure for the same years moved with each release."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from keruen.comparable import CALENDAR, sums, sums_of_other_years
from keruen.copies import carried, copied, rests_on
from keruen.errors import NoEvidence
from keruen.figures import (
    INK,
    MARKS,
    SOFT,
    VIVID,
    Figure,
    _as_of,
    _axes,
    _broken,
    _calendar,
    _edition_colour,
    _figure,
    _key,
    _labels,
    _long,
    _margin,
    _name,
    _note,
    _one_place,
    _readable,
    _scale,
    _series,
    _whole,
    _years,
    _zero,
)
from keruen.labels import label, spelt, year, years
from keruen.provenance import releases


def net_migration_by_edition(
    claims: pl.DataFrame, *, since: int = 2000, until: int | None = None, as_of: date | None = None
) -> Figure:
    """Net migration of one place, one line an edition.

    Figures over five years are drawn as steps at their yearly average, with the marker of their edition in a slot of
    its own, so that editions that agree still show; hollow where the edition carries the figure of an earlier one
    over. Yearly editions are fine lines, what the place's own offices count is black or bright. Projections are dashed.

    Parameters
    ----------
    claims
        Claims of ``net_migration`` of one place, as :func:`keruen.evidence` returns them.
    since, until
        Calendar years to show; by default to five years after the newest estimate.
    as_of
        A day to mark.
    """
    rows = _whole(claims, ["net_migration"]).filter(
        pl.col("counterpart").is_null() & (pl.col("stream") == "all") & ~((pl.col("status") == "press") & _long())
    )
    rows = rows.filter(pl.col("value").is_not_null() & (pl.col("start") < pl.col("end")))
    code = _one_place(rows, "net migration")
    estimates = rows.filter(pl.col("status") != "projection")
    newest = max(estimates["end"].to_list() or rows["start"].to_list())
    last = until or min(newest.year + 6, rows["end"].max().year)  # type: ignore[union-attr]
    last = max(last, as_of.year + 1) if as_of else last
    rows = rows.filter((pl.col("start") >= date(since, 1, 1)) & (pl.col("start") < date(last, 1, 1)))
    spans = rows.select("release", "start", "end").with_columns(long=_long())
    yearly = spans.filter(~pl.col("long"))["release"].unique().to_list()  # their sums over five years say nothing new
    rows = rows.filter(~(_long() & pl.col("release").is_in(yearly)))
    series = _series(rows, ["release", "definition", "source"])
    if not series:
        raise NoEvidence(
            f"There is nothing to draw: nobody reported net migration of {_name(code)} between {since} and {last}."
        )
    steps = [(k, r) for k, r in series if max(_years(x) for x in r) > 1.5]
    annual = [(k, r) for k, r in series if max(_years(x) for x in r) <= 1.5]
    drawn = [x for _, r in series for x in r]
    unit, word = _scale(x["value"] / max(_years(x), 1) for x in drawn)
    shaded = any(x["low"] is not None and x["high"] is not None for _, r in annual for x in r)

    def draw(canvas: Any) -> None:
        named = [label(k[0], k[2]) for k, r in annual if len(r) > 2]
        ax = _axes(canvas, 52, _margin(named), 28, 58)
        ends: list[tuple[float, float, str, str]] = []
        handles = []
        for i, ((release, _, source), points) in enumerate(steps):
            colour = _edition_colour(i, len(steps))
            handles.append((label(release, source), colour, MARKS[i % len(MARKS)]))
            before: dict[str, Any] | None = None
            end = (0.0, 0.0)
            for p in points:
                x0, x1, y = year(p["start"]), year(p["end"]), p["value"] / _years(p) / unit
                dashed = p["status"] == "projection"
                if before is not None and before["end"] == p["start"]:
                    ax.plot(
                        [x0, x0], [end[1], y], color=colour, linewidth=0.7, alpha=0.75, linestyle=":" if dashed else "-"
                    )
                ax.plot(
                    [x0, x1],
                    [y, y],
                    color=colour,
                    linewidth=1.5,
                    linestyle=(0, (3, 2)) if dashed else "-",
                    solid_capstyle="butt",
                )
                slot = x0 + (x1 - x0) * (i + 1) / (len(steps) + 1)
                hollow = carried(p)
                ax.plot(
                    [slot],
                    [y],
                    marker=MARKS[i % len(MARKS)],
                    markersize=5.2,
                    color=colour,
                    markeredgewidth=1.1,
                    markerfacecolor="white" if hollow else colour,
                    linestyle="none",
                    zorder=4,
                )
                before, end = p, (x1, y)
        spare = iter([*VIVID[2:], *VIVID[2:], *VIVID[2:]] * 9)
        un = iter(VIVID[:2] * 9)
        for i, ((release, _, source), points) in enumerate(annual):
            known = releases().get(release)
            national = not (known and known.family.startswith("un-"))
            counted = points[0]["status"] in ("register", "administrative", "census") and len(points) > 4
            first = counted and not any(e[3] == "#000000" for e in ends)
            colour = next(un) if not national else "#000000" if first else next(spare)
            over = 3.9 if first else 3.5 if not national else 3.2
            for xs, ys, dashed in _broken(
                [p | {"value": p["value"] / max(_years(p), 1)} for p in points], unit, yearly=True
            ):
                ax.plot(
                    xs,
                    ys,
                    color=colour,
                    linewidth=1.9 if first else 1.2,
                    zorder=over,
                    linestyle=(0, (2, 1.5)) if dashed else "-",
                    marker="." if national else None,
                    markersize=4,
                )
                if len(xs) == 1:
                    ax.plot(
                        xs,
                        ys,
                        marker=MARKS[(i + 6) % len(MARKS)],
                        color=colour,
                        markersize=5,
                        linestyle="none",
                        zorder=4.5,
                    )
            bounds = [p for p in points if p["low"] is not None and p["high"] is not None]
            if len(bounds) > 1:
                ax.fill_between(
                    [(year(p["start"]) + year(p["end"])) / 2 for p in bounds],
                    [p["low"] / unit for p in bounds],
                    [p["high"] / unit for p in bounds],
                    color=colour,
                    alpha=0.13,
                    linewidth=0,
                    zorder=1,
                )
            tip = points[-1]
            at, y = (year(tip["start"]) + year(tip["end"])) / 2, tip["value"] / max(_years(tip), 1) / unit
            if len(points) > 2:
                ends.append((at, y, label(release, source), colour))
            else:  # a lone figure is named where it stands
                ax.annotate(
                    label(release, source),
                    (at, y),
                    xytext=(5, -9),
                    textcoords="offset points",
                    fontsize=7.5,
                    color=colour,
                )
        # Intervals of projections would flatten everything else: they are cut by the frame, and the note says so.
        middle = [x["value"] / max(_years(x), 1) / unit for x in drawn]
        room = 0.12 * ((max(*middle, 0) - min(*middle, 0)) or 1)
        ax.set_ylim(min(*middle, 0) - room, max(*middle, 0) + room)
        _calendar(ax, since, last + 0.2)
        _zero(ax)
        _readable(ax)
        _labels(ax, ends, 1.02)
        _as_of(ax, as_of)
        _key(ax, handles, 40)
        _note(
            ax,
            f"{word} a year, five-year figures as steps · solid: estimate or count · dashed: projection · "
            "hollow: carried over" + (" · shade: 80% interval, cut" if shaded else ""),
            22,
        )

    title = f"Net migration of {_name(code)} by edition"
    names = ", ".join(dict.fromkeys(label(k[0], k[2]) for k, _ in series))
    alt = f"Lines of net migration of {_name(code)}, {since} to {last}, one an edition or source: {names}."
    told = _newest_window([x for _, r in steps for x in r], rows)
    if told:
        alt += (
            f" For {years(told[0]['start'], told[0]['end'])} the editions drawn run from "
            f"{spelt(min(x['value'] for x in told))} to {spelt(max(x['value'] for x in told))} persons over "
            f"{_years(told[0]):.0f} years" + (", yearly ones summed." if any(x["derived_from"] for x in told) else ".")
        )
    return _figure("net-migration", title, alt, (x["id"] for x in drawn), (720, 380), draw)


def _newest_window(steps: Sequence[dict[str, Any]], rows: pl.DataFrame) -> list[dict[str, Any]]:
    """What the editions drawn tell of the newest span of years that one of them estimates, yearly editions by sums."""
    if not steps:
        return []
    spans = pl.DataFrame({"start": [x["start"] for x in steps], "end": [x["end"] for x in steps]})
    counted = {x["definition"] for x in steps}
    made = [x for x in sums(rows, spans).filter(~sums_of_other_years()).to_dicts() if x["definition"] in counted]
    told = [*steps, *(x for x in made if not copied(x))]
    window = max(((x["start"], x["end"]) for x in told if x["status"] != "projection"), default=None)
    return [x for x in told if (x["start"], x["end"]) == window]


def _otherwise(row: dict[str, Any]) -> str:
    """A word for a sum of years that are not those of the window."""
    other = re.match(rf"{CALENDAR} (\d+–\d+)", str(row["convention"] or ""))
    return f" ({other.group(1)})" if other and row["start"].month != 1 else ""


def known_when(rivals: pl.DataFrame, windows: Sequence[tuple[date, date]], *, as_of: date | None = None) -> Figure:
    """What the world knew, and when: how the figure for a fixed period moved with each release.

    Parameters
    ----------
    rivals
        Rows of :func:`keruen.disagreement` of one place and measure.
    windows
        The periods, one panel each; at most three are easy to read.
    as_of
        A day to mark.
    """
    panels: list[tuple[tuple[date, date], list[dict[str, Any]]]] = []
    for start, end in windows:
        rows = rivals.filter((pl.col("start") == start) & (pl.col("end") == end) & pl.col("value").is_not_null())
        told = [x for x in rows.sort("known", "convention", nulls_last=False).iter_rows(named=True) if not copied(x)]
        # A sum of running figures has no release day of its own: at no one moment did the world learn it.
        told = [x for x in told if x["known_basis"] != "publication lag"]
        if told:
            panels.append(((start, end), told))
    if not panels:
        raise NoEvidence("There is nothing to draw: no release tells a figure for these periods.")
    drawn = [x for _, told in panels for x in told]
    unit, word = _scale(x["value"] for x in drawn)
    newest = max(x["known"] for x in drawn)
    first, last = year(min(x["known"] for x in drawn)) - 1, max(year(newest), year(as_of) if as_of else 0) + 1

    def draw(canvas: Any) -> None:
        width = (720 - 58 - 8) / len(panels)
        for at, ((start, end), told) in enumerate(panels):
            ax = _axes(canvas, 58 + at * width, 720 - 58 - (at + 1) * width + 48, 28, 48)
            by: dict[tuple[str, bool], list[dict[str, Any]]] = {}
            for x in told:
                by.setdefault((x["definition"], x["own"]), []).append(x)
            for i, ((_, own), mine) in enumerate(sorted(by.items(), key=lambda kv: (-len(kv[1]), str(kv[0])))):
                colour = "#08306b" if i == 0 and not own else VIVID[i % len(VIVID)]
                line = [x for x in mine if not _otherwise(x)]
                xs, ys = [year(x["known"]) for x in line], [x["value"] / unit for x in line]
                if i == 0 and len(xs) > 1:
                    ax.step([*xs, last], [*ys, ys[-1]], where="post", color=colour, linewidth=1.1, alpha=0.7, zorder=2)
                for x in mine:
                    dashed = x["status"] == "projection"
                    other = x not in line
                    ax.plot(
                        [year(x["known"])],
                        [x["value"] / unit],
                        marker="x" if other else MARKS[i],
                        color=colour,
                        zorder=3,
                        markersize=4.5 if other else 6,
                        markerfacecolor="white" if dashed or carried(x) else colour,
                        markeredgewidth=1.2,
                    )
                if i == 0:
                    for k, x in enumerate(line):
                        ended = re.search(r"\d{4}$", x["release"])
                        text = ended.group() if ended else label(x["release"], x["source"])
                        ax.annotate(
                            text,
                            (year(x["known"]), x["value"] / unit),
                            xytext=(0, 7 if k % 2 == 0 else -14),
                            textcoords="offset points",
                            ha="center",
                            fontsize=7.5,
                            color=colour,
                        )
            ax.margins(y=0.18)
            ax.set_xlim(first, last)
            _calendar(ax, first, last)
            from matplotlib.ticker import MaxNLocator

            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            _zero(ax)
            _readable(ax)
            _as_of(ax, as_of, words=False)
            ax.text(
                0,
                1.03,
                f"for {years(start, end)}",
                transform=ax.transAxes,
                ha="left",
                va="bottom",
                fontsize=10,
                color=INK,
            )
            if at == 0:
                ax.text(
                    0,
                    1.16,
                    f"{word} over the period; along the bottom, the day of release. "
                    "Hollow: projected or carried over; ×: another convention",
                    transform=ax.transAxes,
                    ha="left",
                    va="bottom",
                    fontsize=8.5,
                    color=SOFT,
                )

    def said(x: dict[str, Any]) -> str:
        return f"{label(x['release'], x['source'])}{_otherwise(x)} {spelt(x['value'])}"

    alt = "What each release gave: " + "; ".join(
        f"for {years(s, e)}, " + ", ".join(said(x) for x in told) for (s, e), told in panels
    )
    return _figure(
        "known-when",
        "The same years, told again and again",
        alt + ".",
        [i for x in drawn for i in rests_on(x)],
        (720, 300),
        draw,
    )
