"""Figures of flows: corridor over time by edition, heat map, flow map, chord diagram, what a flow is made of.

Each takes flows that were estimated elsewhere and computes nothing but where to draw them. Missing is hatched.

Outlines are Natural Earth's (public domain). They show who has a statistic of their own, and take no side where a
border or a name is disputed; a table of the same columns may be given instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl

from keruen.errors import NoEvidence, VocabularyError
from keruen.estimators.ipf import Array
from keruen.figures import (
    GRID,
    INK,
    SOFT,
    VIVID,
    Figure,
    _axes,
    _calendar,
    _figure,
    _labels,
    _name,
    _note,
    _readable,
    _scale,
    label,
    spelt,
    year,
    years,
)  # fmt: skip

LAND, NOBODY = "#ececec", "#ffffff"
HATCH = "//////"
PARTS = (
    ("outward", "#0072b2", "from the birthplace"),
    ("return", "#d55e00", "to it"),
    ("transit", "#009e73", "between two other places"),
)
DISPUTED = "Outlines: Natural Earth; they take no side where borders are disputed."


@cache
def outlines() -> pl.DataFrame:
    """Outlines of places: ``place`` (null where nobody's statistic covers the area), ``lon``, ``lat`` in 0.01 degrees.

    Examples
    --------
    >>> outlines().columns
    ['place', 'lon', 'lat']
    """
    return pl.read_parquet(files("keruen").joinpath("data/outlines.parquet").read_bytes())


def _middles(shapes: pl.DataFrame) -> dict[str, tuple[float, float]]:
    """A point inside or near the largest ring of each place."""
    best: dict[str, tuple[float, float, float]] = {}
    for code, lon, lat in shapes.drop_nulls("place").iter_rows():
        x, y = np.array(lon) / 100, np.array(lat) / 100
        cross = x[:-1] * y[1:] - x[1:] * y[:-1]
        area = cross.sum() / 2
        if area == 0:
            continue
        at = ((x[:-1] + x[1:]) @ cross / (6 * area), (y[:-1] + y[1:]) @ cross / (6 * area))
        size = abs(area) * np.cos(np.radians(at[1]))
        if size > best.get(code, (0.0, 0.0, 0.0))[0]:
            best[code] = (size, float(at[0]), float(at[1]))
    return {code: (x, y) for code, (_, x, y) in best.items()}


def great_circle(a: tuple[float, float], b: tuple[float, float], points: int = 60) -> Array:
    """The shortest way over the globe: (point, longitude and latitude), degrees.

    Examples
    --------
    >>> great_circle((0.0, 0.0), (90.0, 0.0), 3).round(6).tolist()
    [[0.0, 0.0], [45.0, 0.0], [90.0, 0.0]]
    """

    def vector(p: tuple[float, float]) -> Array:
        lon, lat = np.radians(p)
        return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])

    u, v = vector(a), vector(b)
    angle = np.arccos(np.clip(u @ v, -1, 1))
    t = np.linspace(0, 1, points)[:, None]
    way = u + t * (v - u) if angle < 1e-9 else (np.sin((1 - t) * angle) * u + np.sin(t * angle) * v) / np.sin(angle)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    out: Array = np.degrees(np.column_stack([np.arctan2(way[:, 1], way[:, 0]), np.arcsin(way[:, 2])]))
    return out


def _span(rows: pl.DataFrame) -> tuple[date, date]:
    spans = rows.select("start", "end").unique()
    if len(spans) != 1:
        raise VocabularyError(f"A picture shows one period; these rows hold {len(spans)}. Filter them.")
    start, end = spans.row(0)
    return start, end


def _one(rows: pl.DataFrame) -> pl.DataFrame:
    if rows.is_empty():
        raise NoEvidence("There is nothing to draw: no flows in this selection.")
    for column in ("release", "method", "sex"):
        if rows[column].n_unique() > 1:
            said = ", ".join(sorted(rows[column].unique()))
            raise VocabularyError(f"A picture shows one {column}; these rows hold {said}. Filter them.")
    return rows


def _told(rows: pl.DataFrame) -> str:
    row = rows.row(0, named=True)
    people = {"all": "", "male": ", men", "female": ", women"}[row["sex"]]
    return f"{row['method'].replace('_', ' ')}, stocks of {label(row['release'])}{people}"


def corridor_by_edition(rows: pl.DataFrame, *, ids: Sequence[str] = ()) -> Figure:
    """One corridor over time, one step line an edition, people a year; bands and whiskers are intervals where told.

    Parameters
    ----------
    rows
        Of :meth:`keruen.flows.WorldFlows.rows`, one corridor, method and sex.
    ids
        Claims that it rests on.
    """
    if rows.is_empty():
        raise NoEvidence("There is nothing to draw: no flows on this corridor.")
    ends = rows.select("origin", "destination", "method", "sex").unique()
    if len(ends) != 1:
        raise VocabularyError("A corridor has one origin and destination, one method and one sex. Filter the rows.")
    origin, destination = ends.row(0)[:2]
    releases = sorted(rows["release"].unique())
    yearly = pl.col("value", "low80", "high80", "low95", "high95") / (
        (pl.col("end") - pl.col("start")).dt.total_days() / 365.25
    )
    told = rows.with_columns(yearly).sort("release", "start")
    high = [*told["value"], *told["high95"].drop_nulls()]
    unit, words = _scale(high)
    first, last = year(told["start"].min()), year(told["end"].max())  # type: ignore[arg-type]

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 46, 100, 28, 34)
        ends = []
        for k, release in enumerate(releases):
            colour = VIVID[k % len(VIVID)]
            mine = told.filter(pl.col("release") == release).to_dicts()
            x = [year(r["start"]) for r in mine] + [year(mine[-1]["end"])]
            y = [r["value"] / unit for r in mine]
            ax.stairs(y, x, color=colour, linewidth=1.8, baseline=None)
            for i, r in enumerate(mine):
                middle = x[i] + (x[i + 1] - x[i]) * (k + 1) / (len(releases) + 1)
                for low, top, width in (("low95", "high95", 1.0), ("low80", "high80", 3.2)):
                    if r[low] is not None:
                        ax.plot([middle] * 2, [r[low] / unit, r[top] / unit], color=colour, linewidth=width, alpha=0.75)
            ends.append((x[-1], y[-1], label(release), colour))
        ax.set_ylim(bottom=0)
        _calendar(ax, np.floor(first), np.ceil(last))
        _readable(ax)
        _labels(ax, ends, 1.02)
        bars = " · thick 80%, thin 95% of draws" if told["low80"].is_not_null().any() else ""
        _note(ax, f"{words} a year, transitions{bars}", 14)

    newest = told.filter(pl.col("release") == releases[-1]).row(-1, named=True)
    title = f"From {_name(origin)} to {_name(destination)}, by edition of the stocks"
    alt = (
        f"{title}. {len(releases)} editions, {int(first)} to {int(last)}; by {label(releases[-1])} "
        f"{spelt(newest['value'])} people a year in {years(newest['start'], newest['end'])}."
    )
    return _figure("corridor", title, alt, ids, (720, 340), draw)


def heat_map(rows: pl.DataFrame, places: Sequence[str], *, ids: Sequence[str] = ()) -> Figure:
    """Origins by destinations on a logarithmic scale; hatched where no flow is told, white where it is nobody.

    Parameters
    ----------
    rows
        Flows of one edition, method, period and sex.
    places
        Which, in order.
    ids
        Claims that it rests on.
    """
    start, end = _span(_one(rows))
    at = {p: i for i, p in enumerate(places)}
    n = len(places)
    table = np.full((n, n), np.nan)
    for o, d, value in rows.select("origin", "destination", "value").iter_rows():
        if o in at and d in at:
            table[at[o], at[d]] = value
    off = ~np.eye(n, dtype=bool)
    if not np.isfinite(table[off]).any():
        raise NoEvidence("There is nothing to draw: no flow between these places.")
    top = max(float(np.nanmax(table[off])), 10.0)

    def draw(canvas: Any) -> None:
        from matplotlib.colors import LogNorm
        from matplotlib.patches import Rectangle
        from matplotlib.ticker import FuncFormatter

        width, height = canvas.get_size_inches() * 72
        side = min(width - 210, height - 130)
        ax = canvas.add_axes((110 / width, 20 / height, side / width, side / height))
        shown = np.ma.masked_where(~np.isfinite(table) | (table < 1) | ~off, table)
        image = ax.imshow(shown, cmap="YlGnBu", norm=LogNorm(1, top), aspect="auto")
        for i, j in np.argwhere(off & ~np.isfinite(table)):
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch=HATCH, edgecolor="#9a9a9a", linewidth=0))
        for i in range(n):
            ax.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, facecolor=GRID, linewidth=0))
        if n <= 14:
            for i, j in np.argwhere(off & np.isfinite(table)):
                value = table[i, j]
                dark = value > np.sqrt(top) * 3
                ax.text(
                    j, i, spelt(value / 1000, 0 if value >= 9_950 else 1), ha="center", va="center",
                    fontsize=7.5 if n <= 9 else 6, color="white" if dark else INK,
                )  # fmt: skip
        ax.set_xticks(range(n), [_name(p) for p in places], rotation=45, ha="left")
        ax.set_yticks(range(n), [_name(p) for p in places])
        ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False, labelsize=8.5)
        for spine in ax.spines.values():
            spine.set_visible(False)
        bar = canvas.colorbar(
            image, cax=canvas.add_axes(((130 + side) / width, 20 / height, 10 / width, side / height))
        )
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: spelt(v)))
        bar.ax.minorticks_off()
        bar.ax.tick_params(labelsize=8)
        bar.set_label("people", fontsize=8.5)
        bar.outline.set_visible(False)
        canvas.text(
            10 / width,
            8 / height,
            "rows: from · columns: to · cells in thousands · hatched: not told",
            fontsize=8,
            color=SOFT,
        )

    title = f"Who went where among {n} places, {years(start, end)}"
    i, j = (int(k) for k in np.unravel_index(np.nanargmax(np.where(off, table, np.nan)), table.shape))
    alt = (
        f"{title}: {_told(rows)}. The largest flow is {_name(places[i])} to {_name(places[j])}, "
        f"{spelt(float(table[i, j]))} people."
    )
    return _figure("heat", title, alt, ids, (720, 640), draw)


def flow_map(
    rows: pl.DataFrame, *, top: int = 25, shapes: pl.DataFrame | None = None, ids: Sequence[str] = ()
) -> Figure:
    """The largest flows as great-circle arcs with arrowheads; places without a flow told are hatched.

    Parameters
    ----------
    rows
        Flows of one edition, method, period and sex.
    top
        How many arcs.
    shapes
        Other outlines, with the columns of `outlines`.
    ids
        Claims that it rests on.
    """
    start, end = _span(_one(rows))
    shapes = outlines() if shapes is None else shapes
    middle = _middles(shapes)
    told = set(rows["origin"]) | set(rows["destination"])
    largest = rows.filter(pl.col("value") > 0).sort("value", descending=True)
    placed = largest.filter(pl.col("origin").is_in(list(middle)) & pl.col("destination").is_in(list(middle))).head(top)
    if placed.is_empty():
        raise NoEvidence("There is nothing to draw: no flow between places with an outline.")
    one_sided = len(told) > 40 and rows["origin"].n_unique() > 1 and rows["destination"].n_unique() > 1
    whole = float(placed["value"].max())  # type: ignore[arg-type]
    ends = np.array([middle[p] for p in {*placed["origin"], *placed["destination"]}])
    west, south = ends.min(0) - 12
    east, north = ends.max(0) + 12
    box = (max(west, -180), min(east, 180), max(south, -58), min(north, 84))
    if box[1] - box[0] > 200:
        box = (-180.0, 180.0, -58.0, 84.0)

    def draw(canvas: Any) -> None:
        from matplotlib.collections import PolyCollection
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        ax = canvas.add_axes((0.01, 0.02, 0.98, 0.88))
        rings: list[Array] = []
        missing: list[Array] = []
        for code, lon, lat in shapes.iter_rows():
            ring = np.column_stack([lon, lat]) / 100
            mine = rings if code in told or not one_sided else missing
            mine.append(ring)
            if ring[:, 0].max() > 180:  # runs over the edge: the rest stands at the other one
                mine.append(ring - [360, 0])
        ax.add_collection(PolyCollection(rings, facecolor=LAND, edgecolor="white", linewidth=0.5))
        hatched = PolyCollection(missing, facecolor=NOBODY, edgecolor="#b5b5b5", linewidth=0.3, hatch=HATCH)
        ax.add_collection(hatched)
        for o, d, value in placed.sort("value").select("origin", "destination", "value").iter_rows():
            share = np.sqrt(value / whole)
            way = great_circle(middle[o], middle[d])
            jump = np.flatnonzero(np.abs(np.diff(way[:, 0])) > 180)
            pieces = np.split(way, jump + 1) if jump.size else [way]
            for k, piece in enumerate(pieces):
                if len(piece) < 2:
                    continue
                # Bend the way a little to its right, so that both directions of a corridor can be seen.
                line = _bent(piece) if len(pieces) == 1 else piece
                last = k == len(pieces) - 1
                ax.add_patch(
                    FancyArrowPatch(
                        path=Path(line), arrowstyle="-|>" if last else "-", mutation_scale=6 + 9 * share,
                        linewidth=0.6 + 3.4 * share, color=VIVID[3], alpha=0.35 + 0.5 * share, shrinkA=0, shrinkB=0,
                        capstyle="butt",
                    )
                )  # fmt: skip
        at: list[tuple[float, float]] = []
        for code in dict.fromkeys([*placed["origin"], *placed["destination"]]):
            x, y = middle[code]
            if all(abs(x - a) > (box[1] - box[0]) / 14 or abs(y - b) > (box[3] - box[2]) / 28 for a, b in at):
                ax.annotate(_name(code), (x, y), xytext=(0, -8), textcoords="offset points", ha="center", fontsize=7.5)
                at.append((x, y))
        ax.set_xlim(box[0], box[1])
        ax.set_ylim(box[2], box[3])
        ax.set_aspect(1 / np.cos(np.radians(np.clip((box[2] + box[3]) / 2, -60, 60))))
        ax.axis("off")
        canvas.text(0.012, 0.955, f"{_told(rows)} · the widest arc is {spelt(whole)} people", fontsize=8.5, color=SOFT)
        canvas.text(0.012, 0.012, DISPUTED + (" Hatched: no flow told." if missing else ""), fontsize=7.5, color=SOFT)

    first = placed.row(0, named=True)
    title = f"The {len(placed)} largest flows, {years(start, end)}"
    alt = (
        f"Map. {title}: {_told(rows)}. First {_name(first['origin'])} to {_name(first['destination'])}, "
        f"{spelt(first['value'])} people."
    )
    return _figure("flowmap", title, alt, ids, (760, 440), draw)


def _bent(way: Array) -> Array:
    chord = way[-1] - way[0]
    side = np.array([chord[1], -chord[0]]) * 0.06
    t = np.linspace(0, 1, len(way))[:, None]
    bent: Array = way + 4 * t * (1 - t) * side
    return bent


def chord(rows: pl.DataFrame, places: Sequence[str], *, ids: Sequence[str] = ()) -> Figure:
    """A directed chord diagram: a ribbon takes its origin's colour, starts at the rim there and ends short of it.

    Parameters
    ----------
    rows
        Flows of one edition, method, period and sex.
    places
        Up to a dozen, in order around the circle.
    ids
        Claims that it rests on.
    """
    start, end = _span(_one(rows))
    at = {p: i for i, p in enumerate(places)}
    n = len(places)
    table, absent = np.zeros((n, n)), np.ones((n, n), bool)
    for o, d, value in rows.select("origin", "destination", "value").iter_rows():
        if o in at and d in at and o != d:
            table[at[o], at[d]], absent[at[o], at[d]] = value, False
    np.fill_diagonal(absent, False)
    total = table.sum()
    if total <= 0:
        raise NoEvidence("There is nothing to draw: no flow between these places.")
    gap = np.radians(3)
    size = (table.sum(1) + table.sum(0)) / (2 * total) * (2 * np.pi - n * gap)
    begin = np.concatenate([[0], np.cumsum(size + gap)[:-1]])
    colours = [(*VIVID, *("#56b4e9", "#e69f00", "#7f6a93", "#4d7c4d", "#b04a4a", "#2f6f8f"))[i % 12] for i in range(n)]

    def draw(canvas: Any) -> None:
        from matplotlib.patches import PathPatch, Wedge
        from matplotlib.path import Path

        ax = canvas.add_axes((0.1, 0.06, 0.8, 0.84))
        ax.set_xlim(-1.45, 1.45)
        ax.set_ylim(-1.25, 1.25)
        ax.set_aspect("equal")
        ax.axis("off")

        def point(angle: float, radius: float) -> tuple[float, float]:
            return radius * np.sin(angle), radius * np.cos(angle)

        def rim(a: float, b: float, radius: float) -> list[tuple[float, float]]:
            return [point(x, radius) for x in np.linspace(a, b, 14)]

        unit = (2 * np.pi - n * gap) / (2 * total)
        used = begin.copy()
        spans: dict[tuple[int, int, str], tuple[float, float]] = {}
        for i in range(n):
            for j in sorted(range(n), key=lambda k, i=i: -((k - i) % n)):  # type: ignore[misc]
                for key, value in (((i, j, "out"), table[i, j]), ((j, i, "in"), table[j, i])):
                    spans[key] = (used[i], used[i] + value * unit)
                    used[i] += value * unit
        for i, j in sorted(np.argwhere(table > 0).tolist(), key=lambda ij: table[ij[0], ij[1]]):
            a, b = spans[i, j, "out"]
            c, d = spans[i, j, "in"]
            first, second = rim(a, b, 0.98), rim(c, d, 0.90)
            vertices = [*first, (0, 0), second[0], *second[1:], (0, 0), first[0]]
            codes = [Path.MOVETO, *[Path.LINETO] * (len(first) - 1), Path.CURVE3, Path.CURVE3,
                     *[Path.LINETO] * (len(second) - 1), Path.CURVE3, Path.CURVE3]  # fmt: skip
            ax.add_patch(
                PathPatch(Path(vertices, codes), facecolor=colours[i], edgecolor="white", linewidth=0.4, alpha=0.72)
            )
        for i, code in enumerate(places):
            a, b = begin[i], begin[i] + size[i]
            hatch = HATCH if absent[i].any() or absent[:, i].any() else None
            ax.add_patch(
                Wedge((0, 0), 1.06, 90 - np.degrees(b), 90 - np.degrees(a), width=0.05, facecolor=colours[i],
                      edgecolor="white", linewidth=0.5, hatch=hatch)
            )  # fmt: skip
            x, y = point((a + b) / 2, 1.1)
            side = "left" if x > 0.05 else "right" if x < -0.05 else "center"
            moved = f"{_name(code)}\nout {spelt(table[i].sum() / 1000)}, in {spelt(table[:, i].sum() / 1000)}"
            ax.text(x, y, moved, ha=side, va="center", fontsize=8.5, color=INK, linespacing=1.15)
        canvas.text(0.012, 0.955, f"{_told(rows)} · thousands · colour of the origin", fontsize=8.5, color=SOFT)
        if absent.any():
            canvas.text(0.012, 0.015, "Hatched rim: some of its flows are not told.", fontsize=8, color=SOFT)

    i, j = (int(k) for k in np.unravel_index(table.argmax(), table.shape))
    title = f"Flows among {n} places, {years(start, end)}"
    alt = (
        f"Chord diagram. {title}: {_told(rows)}. The widest ribbon is {_name(places[i])} to {_name(places[j])}, "
        f"{spelt(float(table[i, j]))} people of {spelt(float(total))}."
    )
    return _figure("chord", title, alt, ids, (720, 600), draw)


def made_of(rows: pl.DataFrame, place: str, *, side: str = "out", top: int = 8, ids: Sequence[str] = ()) -> Figure:
    """What the moves from (or to) a place are made of: outward, return and transit, and where they lead.

    Parameters
    ----------
    rows
        Flows of one edition, method, period and sex.
    place
        Its code.
    side
        ``"out"`` or ``"in"``.
    top
        Other ends named; the rest are one.
    ids
        Claims that it rests on.
    """
    if side not in ("out", "in"):
        raise VocabularyError(f"side={side!r} is not 'out' or 'in'.")
    here, there = ("origin", "destination") if side == "out" else ("destination", "origin")
    start, end = _span(_one(rows))
    mine = rows.filter(pl.col(here) == place).sort("value", descending=True)
    if mine.is_empty() or float(mine["value"].sum()) <= 0:
        raise NoEvidence(f"There is nothing to draw: nobody moved {side} of {_name(place)} in these rows.")
    named = mine.head(top).select(there, "outward", "return", "transit").rows()
    rest = mine.tail(max(len(mine) - top, 0))
    if len(rest):
        named.append(("", *(float(rest[k].sum()) for k, _, _ in PARTS)))
    table = np.array([row[1:] for row in named], float)
    total = table.sum()

    def draw(canvas: Any) -> None:
        from matplotlib.patches import PathPatch, Rectangle
        from matplotlib.path import Path

        ax = canvas.add_axes((0.02, 0.03, 0.96, 0.86))
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        ax.axis("off")
        space = 0.018
        left_scale = (1 - 2 * 0.05) / total
        right_scale = (1 - (len(named) - 1) * space) / total
        lefts, y = [], 1.0
        for k in range(3):
            lefts.append(y)
            y -= table[:, k].sum() * left_scale + 0.05
        rights, y = [], 1.0
        for row in table:
            rights.append(y)
            y -= row.sum() * right_scale + space
        used_left, used_right = list(lefts), list(rights)
        for k, (_, colour, _) in enumerate(PARTS):
            for i in range(len(named)):
                value = table[i, k]
                a, b = used_left[k], used_left[k] - value * left_scale
                c, d = used_right[i], used_right[i] - value * right_scale
                used_left[k], used_right[i] = b, d
                x0, x1 = 0.30, 0.74
                m = (x0 + x1) / 2
                vertices = [(x0, a), (m, a), (m, c), (x1, c), (x1, d), (m, d), (m, b), (x0, b), (x0, a)]
                codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
                ax.add_patch(PathPatch(Path(vertices, codes), facecolor=colour, alpha=0.5, linewidth=0))
        for k, (name, colour, meaning) in enumerate(PARTS):
            height = table[:, k].sum() * left_scale
            ax.add_patch(Rectangle((0.285, lefts[k] - height), 0.015, height, facecolor=colour, linewidth=0))
            many = float(table[:, k].sum())
            words = f"{name}, {meaning}\n{spelt(many / 1000, 1)} thousand, {100 * many / total:.0f}%"
            ax.text(0.275, lefts[k] - height / 2, words, ha="right", va="center", fontsize=8.5, color=colour)
        lowest = 1.0
        for i, row in enumerate(named):
            height = table[i].sum() * right_scale
            ax.add_patch(Rectangle((0.74, rights[i] - height), 0.012, height, facecolor=SOFT, linewidth=0))
            words = _name(row[0]) if row[0] else f"{len(rest)} other places"
            said = f"{words}  {spelt(table[i].sum() / 1000, 1)}"
            lowest = min(rights[i] - height / 2, lowest - 0.034)
            ax.text(0.765, lowest, said, ha="left", va="center", fontsize=8.5)
        canvas.text(0.012, 0.945, f"{_told(rows)} · thousands of people", fontsize=8.5, color=SOFT)

    word = "from" if side == "out" else "to"
    title = f"What moves {word} {_name(place)} are made of, {years(start, end)}"
    shares = ", ".join(f"{100 * table[:, k].sum() / total:.0f}% {name}" for k, (name, _, _) in enumerate(PARTS))
    first = f" {_name(named[0][0])} comes first." if named[0][0] else ""
    alt = f"By {_told(rows)}: {spelt(float(total))} people, {shares}.{first}"
    return _figure("madeof", title, alt, ids, (720, 420), draw)
