"""Figures of flows: corridor over time by edition, heat map, flow map, chord diagram, what a flow is made of.

Each takes flows that were estimated elsewhere and computes nothing but where to draw them. Missing is hatched.

Outlines are Natural Earth's (public domain). They show who has a statistic of their own, and take no side where a
border or a name is disputed; a table of the same columns may be given instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
)  # fmt: skip
from keruen.labels import label, spelt, year, years

LAND, NOBODY = "#ececec", "#ffffff"
HATCH = "//////"
PARTS = (
    ("outward", "#0072b2", "from the birthplace"),
    ("return", "#d55e00", "to it"),
    ("transit", "#009e73", "between two other places"),
)
METHODS = {
    "minimisation_closed": "closed minimum",
    "minimisation_open": "open minimum",
    "pseudo_bayes": "pseudo-Bayes",
}
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
    method = METHODS.get(row["method"], row["method"].replace("_", " "))
    return f"{method}, stocks of {label(row['release'])}{people}"


def corridor_by_edition(rows: pl.DataFrame, *, ids: Sequence[str] = ()) -> Figure:
    """One corridor over time, one step line an edition, people a period; bars are intervals where told.

    A period of another length than most is dashed: a flow of two years is not two fifths of one of five, so it is
    never scaled.

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
    told = rows.with_columns(
        length=((pl.col("end") - pl.col("start")).dt.total_days() / 365.25).round().cast(pl.Int64)
    ).sort("release", "start")
    usual = int(told["length"].mode().max())  # type: ignore[arg-type]
    others = sorted(set(told["length"]) - {usual})
    high = [*told["value"], *told["high95"].drop_nulls()]
    unit, words = _scale(high)
    first, last = year(told["start"].min()), year(told["end"].max())  # type: ignore[arg-type]

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 46, 100, 28, 34)
        ends = []
        for k, release in enumerate(releases):
            colour = VIVID[k % len(VIVID)]
            mine = told.filter(pl.col("release") == release).to_dicts()
            before: tuple[float, float] | None = None
            for r in mine:
                x0, x1, y = year(r["start"]), year(r["end"]), r["value"] / unit
                odd = r["length"] != usual
                if before is not None and before[0] == x0:
                    ax.plot([x0, x0], [before[1], y], color=colour, linewidth=0.7 if odd else 1.8)
                ax.plot([x0, x1], [y, y], color=colour, linewidth=1.8, linestyle=(0, (3, 1.6)) if odd else "-")
                before = (x1, y)
                middle = x0 + (x1 - x0) * (k + 1) / (len(releases) + 1)
                for low, top, width in (("low95", "high95", 1.0), ("low80", "high80", 3.2)):
                    if r[low] is not None:
                        ax.plot([middle] * 2, [r[low] / unit, r[top] / unit], color=colour, linewidth=width, alpha=0.75)
            assert before is not None
            ends.append((*before, label(release), colour))
        ax.set_ylim(bottom=0)
        _calendar(ax, np.floor(first), np.ceil(last))
        _readable(ax)
        _labels(ax, ends, 1.02)
        dashed = f" · dashed: {' or '.join(map(str, others))} years, not scaled" if others else ""
        bars = " · thick 80%, thin 95% of draws" if told["low80"].is_not_null().any() else ""
        _note(ax, f"{words} in {usual} years, {METHODS.get(told['method'][0], told['method'][0])}{dashed}{bars}", 14)

    newest = told.filter(pl.col("release") == releases[-1]).row(-1, named=True)
    title = f"From {_name(origin)} to {_name(destination)}, by edition of the stocks"
    alt = (
        f"{title}. {len(releases)} editions, {int(first)} to {int(last)}; by {label(releases[-1])} "
        f"{spelt(newest['value'])} people in {years(newest['start'], newest['end'])}."
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
                few = "0" if value < 1 else "<0.1" if value < 50 else None
                ax.text(
                    j, i, few or spelt(value / 1000, 0 if value >= 9_950 else 1), ha="center", va="center",
                    fontsize=7.5 if n <= 9 else 6.5, color="white" if dark else INK,
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
        missing = " · hatched: not told" if (off & ~np.isfinite(table)).any() else ""
        cells = " · cells in thousands" if n <= 14 else ""
        under = f"rows: from · columns: to · white: nobody{cells}{missing}"
        canvas.text(10 / width, 8 / height, under, fontsize=8, color=SOFT)
        canvas.text(10 / width, 1 - 16 / height, f"{_told(rows)}, {years(start, end)}", fontsize=8.5, color=SOFT)

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
    stretch = 1 / np.cos(np.radians(np.clip((box[2] + box[3]) / 2, -60, 60)))
    high = float(np.clip(745 * (box[3] - box[2]) / (box[1] - box[0]) * stretch + 50, 300, 620))

    def draw(canvas: Any) -> None:
        from matplotlib.collections import PolyCollection
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path
        from matplotlib.patheffects import withStroke

        ax = canvas.add_axes((0.01, 22 / high, 0.98, 1 - 48 / high))
        ax.set_xlim(box[0], box[1])
        ax.set_ylim(box[2], box[3])
        ax.set_aspect(stretch)
        ax.axis("off")
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
            way = _way(middle[o], middle[d])
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
        ax.apply_aspect()
        halo = [withStroke(linewidth=2, foreground="white", alpha=0.85)]
        for code, x, y, dx, dy, side in _placed(placed, middle, lambda p: ax.transData.transform(p) * 72 / canvas.dpi):
            ax.annotate(
                code, (x, y), xytext=(dx, dy), textcoords="offset points", ha=side, va="center", fontsize=7.5,
                path_effects=halo,
            )  # fmt: skip
        head = f"{_told(rows)}, {years(start, end)} · the widest arc is {spelt(whole)} people"
        canvas.text(0.012, 1 - 15 / high, head, fontsize=8.5, color=SOFT)
        canvas.text(
            0.012, 7 / high, DISPUTED + (" Hatched: no flow told." if missing else ""), fontsize=7.5, color=SOFT
        )

    first = placed.row(0, named=True)
    title = f"The {len(placed)} largest flows, {years(start, end)}"
    alt = (
        f"Map. {title}: {_told(rows)}. First {_name(first['origin'])} to {_name(first['destination'])}, "
        f"{spelt(first['value'])} people."
    )
    return _figure("flowmap", title, alt, ids, (760, high), draw)


def _way(a: tuple[float, float], b: tuple[float, float]) -> Array:
    """The great circle, unless it runs over a pole, where no flat map can show it: then a bow below 70 degrees."""
    way = great_circle(a, b)
    if np.abs(way[:, 1]).max() <= 76:
        return way
    side = np.sign(way[np.abs(way[:, 1]).argmax(), 1])
    t = np.linspace(0, 1, len(way))
    lon = a[0] + t * ((b[0] - a[0] + 180) % 360 - 180)
    lat = a[1] + t * (b[1] - a[1])
    bow: Array = np.column_stack([(lon + 180) % 360 - 180, lat + 4 * t * (1 - t) * (side * 70 - (a[1] + b[1]) / 2)])
    return bow


_BESIDE = (
    (0, -9, "center"), (0, 9, "center"), (7, 0, "left"), (8, -8, "left"), (8, 8, "left"), (-8, -8, "right"),
    (-8, 8, "right"), (-7, 0, "right"),
)  # fmt: skip


def _placed(
    rows: pl.DataFrame, middle: dict[str, tuple[float, float]], points: Callable[[tuple[float, float]], Any]
) -> list[tuple[str, float, float, float, float, str]]:
    """Names of the ends, largest flows first, each below, above or beside its point, where no other name or end is."""
    codes = list(dict.fromkeys(p for pair in rows.select("origin", "destination").iter_rows() for p in pair))
    at = {code: points(middle[code]) for code in codes}
    taken: list[tuple[float, float, float, float]] = []
    out: list[tuple[str, float, float, float, float, str]] = []
    for code in codes:
        words, (x, y) = _name(code), at[code]
        wide = 4.3 * len(words)
        others = [(u - 3, v - 3, u + 3, v + 3) for other, (u, v) in at.items() if other != code]
        for dx, dy, side in _BESIDE:
            left = x + dx - {"center": wide / 2, "left": 0.0, "right": wide}[side]
            box = (left, y + dy - 4.5, left + wide, y + dy + 4.5)
            if all(box[2] < t[0] or box[0] > t[2] or box[3] < t[1] or box[1] > t[3] for t in (*taken, *others)):
                taken.append(box)
                out.append((words, *middle[code], dx, dy, side))
                break
    return out


def _bent(way: Array) -> Array:
    chord = way[-1] - way[0]
    side = np.array([chord[1], -chord[0]]) * 0.06
    t = np.linspace(0, 1, len(way))[:, None]
    bent: Array = way + 4 * t * (1 - t) * side
    return bent


def chord(rows: pl.DataFrame, places: Sequence[str], *, ids: Sequence[str] = ()) -> Figure:
    """A directed chord diagram: a ribbon takes its origin's colour, starts at the rim there and ends short of it.

    A place of which no flow is told keeps a hatched piece of the rim, for it is not nought.

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
    unknown = np.array(absent.all(1) & absent.all(0))
    absent[unknown], absent[:, unknown] = False, False
    np.fill_diagonal(absent, False)
    holed = np.array(absent.any(0) | absent.any(1))
    total = table.sum()
    if total <= 0:
        raise NoEvidence("There is nothing to draw: no flow between these places.")
    gap = np.radians(3)
    room = 2 * np.pi - n * gap - unknown.sum() * np.radians(4)
    size = np.where(unknown, np.radians(4), (table.sum(1) + table.sum(0)) / (2 * total) * room)
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

        unit = room / (2 * total)
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
            ax.add_patch(
                Wedge((0, 0), 1.06, 90 - np.degrees(b), 90 - np.degrees(a), width=0.05,
                      facecolor=NOBODY if unknown[i] else colours[i], edgecolor="#9a9a9a" if unknown[i] else "white",
                      linewidth=0.5, hatch=HATCH if holed[i] or unknown[i] else None)
            )  # fmt: skip
            x, y = point((a + b) / 2, 1.1)
            side = "left" if x > 0.05 else "right" if x < -0.05 else "center"
            out, come = (spelt(v / 1000) for v in (table[i].sum(), table[:, i].sum()))
            moved = f"{_name(code)}\n" + ("not told" if unknown[i] else f"out {out}, in {come}")
            upright = "bottom" if y > 0.75 else "top" if y < -0.75 else "center"
            ax.text(x, y, moved, ha=side, va=upright, fontsize=8.5, color=INK, linespacing=1.15)
        canvas.text(0.012, 0.965, f"{_told(rows)}, {years(start, end)} · thousands of people", fontsize=8.5, color=SOFT)
        how = "A ribbon has the colour of its origin, and ends short of the rim where it arrives."
        hatched = " Hatched rim: flows not told." if holed.any() or unknown.any() else ""
        canvas.text(0.012, 0.015, how + hatched, fontsize=8, color=SOFT)

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
        heights = table.sum(1) * right_scale
        middles = np.array(rights) - heights / 2
        at = middles.copy()
        for i in range(1, len(at)):
            at[i] = min(at[i], at[i - 1] - 0.034)
        at[-1] = max(at[-1], 0.012)
        for i in range(len(at) - 2, -1, -1):
            at[i] = max(at[i], at[i + 1] + 0.034)
        for i, row in enumerate(named):
            ax.add_patch(Rectangle((0.74, rights[i] - heights[i]), 0.012, heights[i], facecolor=SOFT, linewidth=0))
            ax.plot([0.753, 0.765], [middles[i], at[i]], color=SOFT, linewidth=0.6)
            words = _name(row[0]) if row[0] else f"{len(rest)} other places" if len(rest) > 1 else _name(rest[there][0])
            said = f"{words}  {spelt(table[i].sum() / 1000, 1)}"
            ax.text(0.768, at[i], said, ha="left", va="center", fontsize=8.5)
        which = f"{'out of' if side == 'out' else 'into'} {_name(place)}, {years(start, end)}"
        canvas.text(0.012, 0.945, f"{which} · {_told(rows)} · thousands of people", fontsize=8.5, color=SOFT)

    word = "from" if side == "out" else "to"
    title = f"What moves {word} {_name(place)} are made of, {years(start, end)}"
    shares = ", ".join(f"{100 * table[:, k].sum() / total:.0f}% {name}" for k, (name, _, _) in enumerate(PARTS))
    first = f" {_name(named[0][0])} comes first." if named[0][0] else ""
    alt = f"By {_told(rows)}: {spelt(float(total))} people, {shares}.{first}"
    return _figure("madeof", title, alt, ids, (720, 420), draw)
