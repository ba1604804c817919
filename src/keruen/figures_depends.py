"""The figure of who hangs on whom: places, and arrows as wide as the dependence on the host they lead to.

It takes what a room computed, and computes nothing but where to draw it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen.errors import ConceptError, NoEvidence, VocabularyError
from keruen.figures import INK, VIVID, Figure, _figure, _folded, _name, _wide
from keruen.figures_margins import WIDTH, foot_height, foot_lines, sources_line, write_foot
from keruen.labels import count, percent
from keruen.leverage import Leverage

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points."""

EDGES = 30
"""So many corridors can be told apart in one network."""


def hangs_on(found: Leverage, *, above: float = 1.0, most: int = 12) -> Figure:
    """Who hangs on whom: an arrow from each place to the host whose money it lives on, as wide as its dependence.

    A solid arrow keeps its whole 80% interval at or above the threshold, a dashed one may lie below; the pale edge is
    the upper end. A hollow place is one of which nobody reported what is needed.

    Parameters
    ----------
    found
        From :func:`keruen.leverage`.
    above
        Corridors are drawn that may reach so many percent of the dependant's product.
    most
        So many places at most, those of the widest corridors first.

    Raises
    ------
    NoEvidence
        If no corridor may reach the threshold.
    """
    if not isinstance(found, Leverage):
        raise ConceptError("This figure needs what keruen.leverage() answers, not its table alone.")
    if not (math.isfinite(above) and 0 < above <= 100):
        raise VocabularyError(f"above={above:g} is no threshold in percent of a product; it lies above 0, say above=1.")
    if most < 2:
        raise VocabularyError(f"most={most} places make no network; take 2 or more.")
    told = found.table.drop_nulls("dependence").filter(pl.col("dependence_high80") > 0)
    told = told.sort("dependence", "over", "holder", descending=[True, False, False])
    wide = told.filter(pl.col("dependence_high80") >= above)
    if wide.is_empty():
        if told.is_empty():
            raise NoEvidence(
                f"There is nothing to draw: nobody here is told to receive money from another in {found.year}. "
                "Take another year=, or other places."
            )
        r = told.row(0, named=True)
        raise NoEvidence(
            f"There is nothing to draw: nobody here gets {above:g}% of its product from another in "
            f"{found.year}; the most is {_name(r['over'])} from {_name(r['holder'])}, {percent(r['dependence'])}%. "
            f"Take a lower threshold, say above={r['dependence'] / 2:.1g}, or other places."
        )
    every = list(dict.fromkeys([*found.table["over"], *found.table["holder"], *found.absent]))
    edges, codes = _chosen(wide.to_dicts(), most)
    beside = [c for c in every if c not in codes]
    if len(every) <= most:
        codes, beside = [*codes, *beside], []
    silent = [c for c in codes if c in found.absent]
    least = f"{above:g}%"
    doubtful = any(r["dependence_low80"] < above for r in edges)
    shows = [
        "An arrow runs from a place to a host that it hangs on. Number and width: money from there in "
        f"{found.year}, percent of the place's product, median and 80% interval. Pale: up to its upper end.",
        f"Dashed: the interval reaches below {least}." if doubtful else "",
        f"Hollow: of {_listed(silent)} nobody reported what is needed." if silent else "",
        f"Left out: {count(len(wide) - len(edges), 'narrower corridor')}." if len(wide) > len(edges) else "",
        f"Not drawn: {count(len(beside), 'more place')}." if beside else "",
        f"Corridors that stay below {least} are not drawn.",
    ]
    ranged = any(r["dependence_low80"] < r["dependence_high80"] for r in edges)
    doubt = ["The interval is over rival editions; what they share is no doubt to it."] if ranged else []
    foot = foot_lines(
        [" ".join(filter(None, shows)), " ".join([*found.assumptions[-1:], *doubt]), sources_line(found.releases)]
    )
    hub = _hub(edges)
    ring = _ring([c for c in codes if c != hub], edges, hub)
    inner = 60.0 if len(ring) <= 2 else 190.0 if len(ring) <= 3 else 300.0 if len(ring) <= 6 else 380.0
    high = foot_height(foot) + inner + 90
    spots = _spots(ring, hub, (WIDTH / 2, foot_height(foot) + 46 + inner / 2), (WIDTH / 2 - 150, inner / 2))

    def draw(canvas: Any) -> None:
        ax = canvas.add_axes((0, 0, 1, 1))
        ax.set_xlim(0, WIDTH)
        ax.set_ylim(0, high)
        ax.axis("off")
        write_foot(canvas, foot)
        radius = dict.fromkeys(codes, 6.0)
        if hub is not None:
            radius[hub] = max(_wide(line, 9.5, bold=True) for line in _folded(_name(hub), 80, 9.5)) / 2 + 9
        colours = _colours(edges)
        taken = _named(ax, codes, spots, radius, hub, colours, silent)
        _arrows(ax, edges, spots, radius, colours, taken, above)

    first = edges[0]
    alt = (
        f"Network of who hangs on whom in {found.year}: {count(len(edges), 'corridor')} that may reach {least} of a "
        f"product between {len(codes)} places. The widest is {_name(first['over'])} on {_name(first['holder'])}, "
        f"{percent(first['dependence'])}% ({percent(first['dependence_low80'])} to "
        f"{percent(first['dependence_high80'])})."
    )
    if silent:
        alt += f" Of {_listed(silent)} nobody reported what is needed."
    ids = [i for c in dict.fromkeys(r["over"] for r in edges) for i in found.ids.get(c, ())]
    return _figure("hangs", f"Who hangs on whom, {found.year}", alt, ids, (WIDTH, high), draw)


def _listed(codes: Sequence[str], most: int = 4) -> str:
    names = [_name(c) for c in codes]
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more places"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _chosen(rows: list[dict[str, Any]], most: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The widest corridors that so many places allow, and the places, in the order in which they come."""
    codes: dict[str, None] = {}
    edges: list[dict[str, Any]] = []
    for r in rows:
        if len({*codes, r["over"], r["holder"]}) <= most and len(edges) < EDGES:
            codes |= dict.fromkeys((r["over"], r["holder"]))
            edges.append(r)
    return edges, list(codes)


def _hub(edges: Sequence[Mapping[str, Any]]) -> str | None:
    """The place in the middle: an end of three corridors and of half of all; a host rather than a dependant."""
    for end in ("holder", "over"):
        ends = [str(r[end]) for r in edges]
        first = max(dict.fromkeys(ends), key=ends.count)
        if ends.count(first) >= 3 and 2 * ends.count(first) >= len(ends):
            return first
    return None


def _ring(codes: Sequence[str], edges: Sequence[Mapping[str, Any]], hub: str | None) -> list[str]:
    """Places around the ring, linked ones near each other: pairs change seats while that shortens the ways."""
    order, n = list(codes), len(codes)
    pairs = [(r["over"], r["holder"], 1 + r["dependence"] ** 0.5) for r in edges if hub not in (r["over"], r["holder"])]

    def length(seats: Mapping[str, int]) -> float:
        apart = ((abs(seats[a] - seats[b]), w) for a, b, w in pairs)
        return float(sum(min(d, n - d) ** 2 * w for d, w in apart))

    best, better = length({c: i for i, c in enumerate(order)}), True
    while better:
        better = False
        for i, j in combinations(range(n), 2):
            order[i], order[j] = order[j], order[i]
            now = length({c: k for k, c in enumerate(order)})
            if now < best - 1e-9:
                best, better = now, True
            else:
                order[i], order[j] = order[j], order[i]
    return order


def _spots(
    ring: Sequence[str], hub: str | None, middle: tuple[float, float], half: tuple[float, float]
) -> dict[str, tuple[float, float]]:
    n = len(ring)
    first = math.pi if n <= 2 else math.pi / 2
    angles = [first - 2 * math.pi * k / n for k in range(n)]
    x, y = middle
    made = {c: (x + half[0] * math.cos(a), y + half[1] * math.sin(a)) for c, a in zip(ring, angles, strict=True)}
    return made | ({hub: middle} if hub is not None else {})


def _colours(edges: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A colour a host, the most hung upon first; hosts beyond the palette share its last, which is grey."""
    weight: dict[str, float] = {}
    for r in edges:
        weight[r["holder"]] = weight.get(r["holder"], 0.0) + r["dependence"]
    order = sorted(weight, key=lambda c: (-weight[c], c))
    palette = [VIVID[k] for k in (3, 0, 1, 2, 4, 5)]
    return {c: palette[min(k, len(palette) - 1)] for k, c in enumerate(order)}


def _named(
    ax: Any, codes: Sequence[str], spots: Mapping[str, tuple[float, float]], radius: Mapping[str, float],
    hub: str | None, colours: Mapping[str, str], silent: Sequence[str],
) -> list[Box]:  # fmt: skip
    """Draw the places with their names, outside the ring or inside the hub; returns the boxes that they take."""
    taken: list[Box] = []
    xs, ys = zip(*spots.values(), strict=True)
    centre = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    for code in codes:
        (x, y), r = spots[code], radius[code]
        colour = colours.get(code, INK)
        face = "white" if code in silent or code == hub else colour
        if code == hub:
            lines = _folded(_name(code), 80, 9.5)
            ax.plot(x, y, "o", markersize=2 * r, markerfacecolor=face, markeredgecolor=colour, markeredgewidth=2.5)
            for k, line in enumerate(lines):
                up = 12 * ((len(lines) - 1) / 2 - k)
                ax.text(x, y + up, line, ha="center", va="center", fontsize=9.5, fontweight="bold", color=colour)
            taken.append((x - r, y - r, x + r, y + r))
            continue
        ax.plot(
            x, y, "o", markersize=2 * r, markerfacecolor=face, markeredgecolor=colour, markeredgewidth=1.5, zorder=4
        )
        lines = _folded(_name(code), 118, 9.5)
        wide, high = max(_wide(line, 9.5) for line in lines), 12.0 * len(lines)
        dx, dy = x - centre[0], y - centre[1]
        flat = abs(dx) < 1
        left = x - wide / 2 if flat else x + r + 6 if dx > 0 else x - r - 6 - wide
        away = dy / max(1.0, max(ys) - centre[1]) * (high / 2 + 4)  # off the arrows, which run inward
        bottom = y - high / 2 + away if not flat else y + r + 5 if dy > 0 else y - r - 5 - high
        side = "center" if flat else "left" if dx > 0 else "right"
        at = x if flat else left if dx > 0 else left + wide
        for k, line in enumerate(lines):
            ax.text(at, bottom + high - 12 * k - 6, line, ha=side, va="center", fontsize=9.5, color=colour)
        taken += [(left, bottom, left + wide, bottom + high), (x - r, y - r, x + r, y + r)]
    return taken


def _arrows(
    ax: Any, edges: Sequence[Mapping[str, Any]], spots: Mapping[str, tuple[float, float]],
    radius: Mapping[str, float], colours: Mapping[str, str], taken: list[Box], above: float,
) -> None:  # fmt: skip
    """Draw corridors as bent arrows, and their numbers where they touch neither a name nor one another."""
    most = max(r["dependence_high80"] for r in edges)
    ways: list[Array] = []
    for r in edges:
        a, b = r["over"], r["holder"]
        others = [(spots[c], radius[c]) for c in spots if c not in (a, b)]
        ways.append(_bent(spots[a], spots[b], radius[a] + 2, radius[b] + 3, others))
    for r, way in reversed(list(zip(edges, ways, strict=True))):
        colour = colours[r["holder"]]
        wide, pale = (max(0.9, 11 * r[k] / most) for k in ("dependence", "dependence_high80"))
        sure = r["dependence_low80"] >= above
        head = 6 + 0.8 * wide
        short = way[np.hypot(*(way - way[-1]).T) >= head]
        line = np.vstack([short, way[-1] + (short[-1] - way[-1]) * head / np.hypot(*(short[-1] - way[-1]))])
        ax.plot(*line.T, color=colour, linewidth=pale, alpha=0.22, solid_capstyle="butt", zorder=1)
        dash = "-" if sure else (0, (max(4 / wide, 1.2), max(3 / wide, 0.7)))
        ax.plot(*line.T, color=colour, linewidth=wide, alpha=0.85, linestyle=dash, solid_capstyle="butt",
                dash_capstyle="butt", zorder=2)  # fmt: skip
        ahead = (way[-1] - line[-1]) / head
        side = np.array([-ahead[1], ahead[0]]) * (3 + 0.75 * wide)
        ax.fill(*np.array([way[-1], line[-1] + side, line[-1] - side]).T, color=colour, linewidth=0, zorder=2.5)
    for r, way in zip(edges, ways, strict=True):
        value = f"{percent(r['dependence'])}%"
        ends = dict.fromkeys((percent(r["dependence_low80"]), percent(r["dependence_high80"])))
        span = "–".join(ends) if len(ends) > 1 else ""
        half = (max(_wide(value, 8, bold=True), _wide(span, 7)) / 2 + 1.5, 9.5 if span else 5.5)
        x, y = _room(way, half, taken, [w for w in ways if w is not way])
        taken.append((x - half[0], y - half[1], x + half[0], y + half[1]))
        ax.fill(*np.array([(x + i * half[0], y + j * half[1]) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]).T,
                color="white", alpha=0.82, linewidth=0, zorder=5)  # fmt: skip
        middle = {"ha": "center", "va": "center", "color": INK, "zorder": 6}
        ax.text(x, y + 4.5 * bool(span), value, fontsize=8, fontweight="bold", **middle)
        if span:
            ax.text(x, y - 4.5, span, fontsize=7, **middle)


def _bent(
    a: tuple[float, float], b: tuple[float, float], leave: float, arrive: float,
    others: Sequence[tuple[tuple[float, float], float]],
) -> Array:  # fmt: skip
    """A bow from one place to another that keeps off all others; to the right, so that both ways can be seen."""
    start, end = np.array(a), np.array(b)
    chord = end - start
    right = np.array([chord[1], -chord[0]])
    t = np.linspace(0, 1, 161)[:, None]
    made: list[tuple[float, Array]] = []
    for bow in (0.07, -0.07, 0.16, -0.16, 0.28, -0.28, 0.42, -0.42):
        way = start + t * chord + 4 * t * (1 - t) * right * bow
        free = min((float(np.hypot(*(way - spot).T).min()) - r for spot, r in others), default=99.0)
        made.append((min(free, 14.0) - 2 * abs(bow), way))
    way = max(made, key=lambda m: m[0])[1]
    off = (np.hypot(*(way - start).T) >= leave) & (np.hypot(*(way - end).T) >= arrive)
    return np.asarray(way[off])


def _room(way: Array, half: tuple[float, float], taken: Sequence[Box], ways: Sequence[Array]) -> tuple[float, float]:
    """Where along a way a label of this half width and height stands free, over as few other ways as can be."""
    best, spot = math.inf, way[len(way) // 2]
    for aside in (0.0, 10.0, -10.0, 20.0, -20.0, 34.0, -34.0):
        for part in (0.42, 0.36, 0.48, 0.3, 0.54, 0.24, 0.6, 0.66, 0.18, 0.72, 0.12, 0.78, 0.84):
            k = round(part * (len(way) - 1))
            ahead = way[min(k + 1, len(way) - 1)] - way[max(k - 1, 0)]
            x, y = way[k] + aside * np.array([-ahead[1], ahead[0]]) / np.hypot(*ahead)
            box = (x - half[0] - 1, y - half[1] - 1, x + half[0] + 1, y + half[1] + 1)
            struck = sum(box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3] for t in taken)
            crossed = sum(bool(((abs(w[:, 0] - x) < half[0]) & (abs(w[:, 1] - y) < half[1])).any()) for w in ways)
            cost = 1000 * struck + 3 * crossed + abs(aside) / 10 + abs(part - 0.42)
            if cost < best - 1e-9:
                best, spot = cost, np.array([x, y])
    return float(spot[0]), float(spot[1])
