"""Figures of dependence: who hangs on whom, matrices that contradict each other, what access is worth.

Each takes what a room computed, and computes nothing but where to draw it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen.access import Price
from keruen.errors import ConceptError, NoEvidence, VocabularyError
from keruen.figures import GRID, INK, SOFT, VIVID, Figure, _axes, _figure, _folded, _key, _name, _wide
from keruen.labels import label, spelt
from keruen.leverage import Leverage
from keruen.provenance import releases
from keruen.remittances import SENDERS

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points."""

WIDTH = 720.0
EDGES = 30
"""So many corridors can be told apart in one network."""


def _percent(value: float) -> str:
    """A percentage with one digit, a small one with two that count.

    Examples
    --------
    >>> [_percent(x) for x in (25.24, 100.0, 0.999, 0.034, 0.0)]
    ['25.2', '100.0', '1.0', '0.034', '0']
    """
    if not value:
        return "0"
    return spelt(value, 1) if value >= 0.995 else f"{value:.{1 - math.floor(math.log10(value))}f}"


def _sources(releases: Iterable[str]) -> str:
    names = dict.fromkeys(label(r) for r in releases)
    return "Sources: " + ", ".join(names) if names else ""


def _releases(ids: Iterable[str]) -> list[str]:
    """Releases of claims, in the order in which they are named."""
    return list(dict.fromkeys(i.rpartition(":")[0] for i in ids))


def _foot(texts: Sequence[str]) -> list[str]:
    """The lines of the small words at the foot of a figure: what it shows, what is uncertain, its sources."""
    return [line for text in texts if text for line in _folded(text, WIDTH - 20, 7.5)]


def _tall(lines: Sequence[str]) -> float:
    """How high the foot reaches, in points."""
    return 7 + 10.5 * len(lines)


def _under(canvas: Any, lines: Sequence[str]) -> None:
    height = canvas.get_size_inches()[1] * 72
    for k, line in enumerate(reversed(lines)):
        canvas.text(10 / WIDTH, (7 + 10.5 * k) / height, line, fontsize=7.5, color=SOFT)


# ---------------------------------------------------------------- who hangs on whom


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
            f"{found.year}; the most is {_name(r['over'])} from {_name(r['holder'])}, {_percent(r['dependence'])}%. "
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
        f"Left out: {_count(len(wide) - len(edges), 'narrower corridor')}." if len(wide) > len(edges) else "",
        f"Not drawn: {_count(len(beside), 'more place')}." if beside else "",
        f"Corridors that stay below {least} are not drawn.",
    ]
    ranged = any(r["dependence_low80"] < r["dependence_high80"] for r in edges)
    doubt = ["The interval is over rival editions; what they share is no doubt to it."] if ranged else []
    foot = _foot([" ".join(filter(None, shows)), " ".join([*found.assumptions[-1:], *doubt]), _sources(found.releases)])
    hub = _hub(edges)
    ring = _ring([c for c in codes if c != hub], edges, hub)
    inner = 60.0 if len(ring) <= 2 else 190.0 if len(ring) <= 3 else 300.0 if len(ring) <= 6 else 380.0
    high = _tall(foot) + inner + 90
    spots = _spots(ring, hub, (WIDTH / 2, _tall(foot) + 46 + inner / 2), (WIDTH / 2 - 150, inner / 2))

    def draw(canvas: Any) -> None:
        ax = canvas.add_axes((0, 0, 1, 1))
        ax.set_xlim(0, WIDTH)
        ax.set_ylim(0, high)
        ax.axis("off")
        _under(canvas, foot)
        radius = dict.fromkeys(codes, 6.0)
        if hub is not None:
            radius[hub] = max(_wide(line, 9.5, bold=True) for line in _folded(_name(hub), 80, 9.5)) / 2 + 9
        colours = _colours(edges)
        taken = _named(ax, codes, spots, radius, hub, colours, silent)
        _arrows(ax, edges, spots, radius, colours, taken, above)

    first = edges[0]
    alt = (
        f"Network of who hangs on whom in {found.year}: {_count(len(edges), 'corridor')} that may reach {least} of a "
        f"product between {len(codes)} places. The widest is {_name(first['over'])} on {_name(first['holder'])}, "
        f"{_percent(first['dependence'])}% ({_percent(first['dependence_low80'])} to "
        f"{_percent(first['dependence_high80'])})."
    )
    if silent:
        alt += f" Of {_listed(silent)} nobody reported what is needed."
    ids = [i for c in dict.fromkeys(r["over"] for r in edges) for i in found.ids.get(c, ())]
    return _figure("hangs", f"Who hangs on whom, {found.year}", alt, ids, (WIDTH, high), draw)


def _count(n: int, one: str, more: str = "") -> str:
    return f"{n} {one if n == 1 else more or one + 's'}"


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
        value = f"{_percent(r['dependence'])}%"
        ends = dict.fromkeys((_percent(r["dependence_low80"]), _percent(r["dependence_high80"])))
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


# ---------------------------------------------------------------- matrices that contradict each other

WAYS = {
    ("published", None): ("as published", INK, "D"),
    ("ratha_shaw", "ppp"): ("Ratha and Shaw, purchasing power", VIVID[3], "o"),
    ("ratha_shaw", "current"): ("Ratha and Shaw, current USD", VIVID[1], "s"),
    ("stocks", None): ("people alone", VIVID[2], "^"),
    ("incomes", "current"): ("people and incomes", VIVID[0], "v"),
}
"""Matrices by way and prices: how they are named, coloured and marked."""


def matrices(rows: pl.DataFrame, *, top: int = 8) -> Figure:
    """The part of each sender by every matrix: a row a sender, a mark a matrix, a line from the least to the most.

    Filled marks rest on the newest edition of the stock, hollow ones on older editions. A corridor that a matrix leaves
    empty has no mark, and the row says how many matrices fill it.

    Parameters
    ----------
    rows
        Of :func:`keruen.remittances.rival_senders`.
    top
        So many senders, the largest by any matrix first.
    """
    lacking = [c for c in SENDERS if c not in rows.columns]
    if lacking:
        raise ConceptError(
            f"This figure needs rows with a column {lacking[0]!r}; take them from keruen.remittances.rival_senders()."
        )
    if top < 1:
        raise VocabularyError(f"top={top} senders are none; take 1 or more.")
    told = rows.drop_nulls("share")
    if told.is_empty():
        raise NoEvidence("There is nothing to draw: no matrix tells a sender. Take another place or another year=.")
    for column in ("place", "year"):
        if told[column].n_unique() > 1:
            some = ", ".join(str(x) for x in told[column].unique().sort().head(5))
            raise ConceptError(f"This figure shows one {column}, but the rows speak of {some}; take one.")
    off = told.filter(~pl.col("share").is_between(0, 100 + 1e-9) | ~pl.col("share").is_finite())
    if len(off):
        r = off.row(0, named=True)
        raise VocabularyError(f"The part of {r['sender']} is {r['share']:g}; parts lie between 0 and 100 percent.")
    unknown = sorted({(m, p) for m, p in told.select("matrix", "prices").iter_rows()} - set(WAYS), key=str)
    if unknown:
        raise VocabularyError(
            f"{unknown[0][0]!r} with prices {unknown[0][1]!r} is no way to weigh migrants known here."
        )
    first = told.row(0, named=True)
    code, at = first["place"], first["year"]
    order = (
        told.group_by("sender")
        .agg(low=pl.col("share").min(), high=pl.col("share").max(), of=pl.len())
        .sort("high", "sender", descending=[True, False])
    )
    shown, beyond = order.head(top).to_dicts(), order.slice(top)
    kinds = [k for k in WAYS if k in set(told.select("matrix", "prices").iter_rows())]
    editions = told.filter(pl.col("matrix") != "published")["edition"].unique().to_list()
    stocks = sorted(editions, key=lambda e: (_released(e), e))
    whole = told.select("matrix", "prices", "edition").n_unique()
    older = f", hollow: on older ones ({', '.join(label(e) for e in stocks[:-1])})" if len(stocks) > 1 else ""
    shows = [
        f"Percent of all that {_name(code)} received from abroad in {at}, by "
        + ("one matrix." if whole == 1 else f"{whole} matrices, each of which sums to 100."),
        f"Filled: on the newest edition of the stock ({label(stocks[-1])}){older}." if stocks else "",
        "A corridor that a matrix leaves empty has no mark.",
        f"Not drawn: {_count(len(beyond), 'more sender')}, at most {_percent(beyond['high'][0])}%."
        if len(beyond)
        else "",
    ]
    doubt = "Every one of them is a model that spreads one inflow over the people abroad; none counted the money."
    named = _releases(_split(told["ids"]))
    foot = _foot([" ".join(filter(None, shows)), doubt, _sources([*sorted(editions, key=str), *named])])
    rows_of_key = (len(kinds) + 1) // 2
    step = 15 + 5.5 * len(kinds)
    high = _tall(foot) + 30 + step * len(shown) + 22 + 15 * rows_of_key
    left = 18 + max(_wide(line, 9.5) for r in shown for line in _folded(_name(r["sender"]), 130, 9.5))

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, left, 92, _tall(foot) + 30, 22 + 15 * rows_of_key)
        _under(canvas, foot)
        ax.grid(axis="y", visible=False)
        ax.grid(axis="x", color=GRID, linewidth=0.6)
        for i, r in enumerate(shown):
            ax.plot([r["low"], r["high"]], [i, i], color=GRID, linewidth=5, solid_capstyle="round", zorder=1)
            if i:
                ax.axhline(i - 0.5, color=GRID, linewidth=0.5, zorder=0)
            for share, y, colour, mark, old in _marks(told.filter(pl.col("sender") == r["sender"]), kinds, stocks):
                ax.plot(share, i + y / step, mark, color=colour, markersize=4.2 if old else 5.2, markeredgewidth=0.9,
                        markerfacecolor="white" if old else colour, zorder=3 if old else 4, clip_on=False)  # fmt: skip
            low, high_ = _percent(r["low"]), _percent(r["high"])
            span = f"{low}%" if low == high_ else f"{low}–{high_}%"
            some = r["of"] < whole
            beside = {"transform": ax.get_yaxis_transform(), "va": "center"}
            ax.text(1.025, i - (5.5 / step if some else 0), span, fontsize=8.5, color=INK, **beside)
            if some:
                ax.text(1.025, i + 6 / step, f"in {r['of']} of {whole}", fontsize=7.5, color=SOFT, **beside)
        names = ["\n".join(_folded(_name(r["sender"]), 130, 9.5)) for r in shown]
        ax.set_yticks(range(len(shown)), names)
        ax.set_ylim(len(shown) - 0.5, -0.5)
        ax.set_xlim(0, min(1.04 * max(r["high"] for r in shown) or 1.0, 100.0))
        ax.tick_params(axis="y", length=0, labelcolor=INK, pad=8)
        _ticked(ax, "%")
        for n, kind in enumerate(kinds):
            name, colour, mark = WAYS[kind]
            _key(ax, [(name, colour, mark)], 14 + 15 * (rows_of_key - 1 - n // 2), 250 * (n % 2))

    apart = max(shown, key=lambda r: (r["high"] - r["low"], r["sender"]))
    ends = told.filter(pl.col("sender") == apart["sender"]).sort("share")
    fewest, most = ends.row(0, named=True), ends.row(-1, named=True)
    alt = (
        f"The part of each sender in what {_name(code)} received in {at}, by {_count(whole, 'matrix', 'matrices')}. "
        f"Furthest apart on {_name(apart['sender'])}: {_percent(fewest['share'])}% ({_matrix(fewest)}) to "
        f"{_percent(most['share'])}% ({_matrix(most)})."
    )
    title = f"From whom {_name(code)} receives money, {at}, by every matrix"
    return _figure("matrices", title, alt, _split(told["ids"]), (WIDTH, high), draw)


def _marks(
    rows: pl.DataFrame, kinds: Sequence[tuple[str, str | None]], stocks: Sequence[str]
) -> list[tuple[float, float, str, str, bool]]:
    """The marks of a sender: where along the axis, how many points down, colour, mark, and if its edition is old."""
    made = []
    for matrix, prices, edition, share in rows.select("matrix", "prices", "edition", "share").iter_rows():
        _, colour, mark = WAYS[matrix, prices]
        down = 5.5 * (kinds.index((matrix, prices)) - (len(kinds) - 1) / 2)
        made.append((share, down, colour, mark, edition in stocks[:-1]))
    return made


def _split(ids: pl.Series) -> list[str]:
    return [i for line in ids for i in line.split()]


def _released(release: str) -> date:
    card = releases().get(release)
    return card.released if card else date.max


def _matrix(row: Mapping[str, Any]) -> str:
    return f"{WAYS[row['matrix'], row['prices']][0]}, {label(row['edition'])}"


def _ticked(ax: Any, unit: str = "") -> None:
    """Round numbers along the foot, as exact as their step."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    ticks = ax.get_xticks()
    step = float(ticks[1] - ticks[0])
    after = next((d for d in range(12) if abs(step - round(step, d)) < 1e-6 * step), 12)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{spelt(v, after)}{unit}"))


# ---------------------------------------------------------------- what access is worth

PARTS = {"permits": "Permits saved", "bans": "Freed from bans", "total": "Total"}
LEAST = "Total, at least"
INPUTS = {
    "stock": "people present",
    "working_share": "part who need a permit",
    "permit_cost": "cost of the permit",
    "exchange_rate": "exchange rate",
    "banned": "people freed from bans",
    "earnings": "what they gain by being there",
}


def price(found: Price) -> Figure:
    """What access to a labour market is worth in a year: its parts and their sum, and what the sum hangs on most.

    Above the parts with median and 80% interval; a part that nobody knows is said, never drawn as nought. Below the
    total with one input at the ends of its range and all others at their values, the widest first.

    Parameters
    ----------
    found
        From :func:`keruen.access.union_price` or :func:`keruen.access.access_price`.

    Raises
    ------
    NoEvidence
        If the total is not known.
    """
    if not isinstance(found, Price):
        raise ConceptError("This figure needs what keruen.access.union_price() answers, not its table alone.")
    parts = {r["part"]: r for r in found.table.iter_rows(named=True)}
    total = parts.get("total")
    if total is None or total["usd"] is None:
        raise NoEvidence("There is nothing to draw: the total is not known. Give every input, each with its range.")
    swings = [r for r in found.swings.iter_rows(named=True) if r["usd_high"] > r["usd_low"]]
    still = [r["input"] for r in found.swings.iter_rows(named=True) if not r["usd_high"] > r["usd_low"]]
    floor = bool(found.left_out)
    most = max([r["high80"] for r in parts.values() if r["usd"] is not None] + [r["usd_high"] for r in swings])
    unit, word = _dollars(most)
    middle = found.swings["usd"][0] if len(found.swings) else total["usd"]
    shows = [
        "Above: median and 80% of draws over the ranges of all inputs, each drawn by itself"
        + (f"; product: that of {_name(found.place)}." if total["share_gdp"] is not None else "."),
        "Below: the total if one input takes the end of its range; the line: all at their values, "
        f"{_usd(middle, unit)}." if swings else "No input was given a range.",
        f"Without a range: {', '.join(_input(n) for n in still)}." if still and swings else "",
    ]  # fmt: skip
    left_out = [f"{PARTS[part]}: {why.partition(' Give ')[0].rstrip('.')}." for part, why in found.left_out.items()]
    because = [f"{_input(r['input']).capitalize()}: {r['because'].rstrip('.')}." for r in swings]
    ids = [i for given in found.inputs for i in given.ids]
    foot = _foot([" ".join(filter(None, shows)), *left_out, " ".join(because), _sources(_releases(ids))])
    names = {r["input"]: (_input(r["input"]).capitalize(), _range(r)) for r in swings}
    left = 18 + max(
        [_wide(x, 9.5, bold=True) for x in (*PARTS.values(), LEAST)]
        + [max(_wide(a, 9.5), *(_wide(line, 7.5) for line in b)) for a, b in names.values()]
    )
    right = 34 + max(
        [_wide(_worth(r, unit), 8.5, bold=True) for r in parts.values() if r["usd"] is not None]
        + [_wide(_span(r["usd_low"], r["usd_high"], unit), 8.5) for r in swings]
    )
    upper, lower = 26.0 * len(PARTS), sum(15 + 10.5 * len(b) for _, b in names.values()) + 10 * len(names)
    high = _tall(foot) + 34 + lower + (26 if swings else 0) + upper + 30

    def draw(canvas: Any) -> None:
        _under(canvas, foot)
        end = 1.04 * most / unit or 1.0
        top = _axes(canvas, left, right, high - 30 - upper, 30)
        _panel(top, f"What it was worth in {found.year}, {word} a year", end)
        for i, (part, name) in enumerate(PARTS.items()):
            r = parts[part]
            heavy = "bold" if part == "total" else "normal"
            _beside(top, i, [(LEAST if floor and part == "total" else name, 9.5, heavy, INK)])
            if r["usd"] is None:
                top.text(end * 0.012, i, "not known", va="center", fontsize=8.5, color=SOFT, style="italic")
                continue
            colour = INK if part == "total" else VIVID[3]
            top.plot([r["low80"] / unit, r["high80"] / unit], [i, i], color=colour, linewidth=7, alpha=0.3,
                     solid_capstyle="butt")  # fmt: skip
            top.plot(r["usd"] / unit, i, "|", color=colour, markersize=13, markeredgewidth=2.5, clip_on=False)
            top.text(1.02, i, _worth(r, unit), transform=top.get_yaxis_transform(), va="center", fontsize=8.5,
                     color=INK, fontweight=heavy)  # fmt: skip
        top.set_ylim(len(PARTS) - 0.5, -0.5)
        top.tick_params(axis="x", labelbottom=not swings, length=0 if swings else 3)
        if not swings:
            return
        ax = _axes(canvas, left, right, _tall(foot) + 34, high - _tall(foot) - 34 - lower)
        _panel(ax, f"What the total hangs on, {word} a year", end)
        ax.axvline(middle / unit, color=INK, linewidth=1)
        y = 0.0
        for r in swings:
            name, small = names[r["input"]]
            tall = 25 + 10.5 * len(small)
            at = y + tall / 2
            _beside(ax, at, [(name, 9.5, "normal", INK), *((x, 7.5, "normal", SOFT) for x in small)])
            ax.plot([r["usd_low"] / unit, r["usd_high"] / unit], [at, at], color=VIVID[0], alpha=0.75, linewidth=9,
                    solid_capstyle="butt", zorder=2)  # fmt: skip
            ax.text(1.02, at, _span(r["usd_low"], r["usd_high"], unit), transform=ax.get_yaxis_transform(),
                    va="center", fontsize=8.5, color=INK)  # fmt: skip
            y += tall
        ax.set_ylim(lower, 0)

    alt = (
        f"What free access to {_name(found.holder)} was worth to workers of {_name(found.place)} in {found.year}: "
        f"{'at least ' if floor else ''}{_usd(total['usd'], unit)} {word} a year "
        f"(80%: {_usd(total['low80'], unit)} to {_usd(total['high80'], unit)})."
    )
    if swings:
        r = swings[0]
        alt += f" It hangs most on the {_input(r['input'])}: {_usd(r['usd_low'], unit)} to {_usd(r['usd_high'], unit)}."
    title = f"What access to {_name(found.holder)} is worth to {_name(found.place)}, {found.year}"
    return _figure("price", title, alt, ids, (WIDTH, high), draw)


def _dollars(most: float) -> tuple[float, str]:
    for unit, word in ((1e12, "trillion USD"), (1e9, "billion USD"), (1e6, "million USD"), (1e3, "thousand USD")):
        if most >= unit:
            return unit, word
    return 1.0, "USD"


def _usd(value: float, unit: float) -> str:
    """A sum in its unit, with three digits that count."""
    size = abs(value / unit)
    if 0 < size < 0.1:
        return f"{value / unit:.{1 - math.floor(math.log10(size))}f}"
    return spelt(value / unit, 0 if not size or size >= 100 else 1 if size >= 10 else 2)


def _span(low: float, high: float, unit: float) -> str:
    ends = dict.fromkeys((_usd(low, unit), _usd(high, unit)))
    return "–".join(ends)


def _worth(row: Mapping[str, Any], unit: float) -> str:
    """A part in words: its median, the interval if it has one, and its part of the product."""
    said = f"{_usd(row['usd'], unit)} ({_span(row['low80'], row['high80'], unit)})"
    if row["low80"] == row["high80"]:
        said = _usd(row["usd"], unit)
    return said if row["share_gdp"] is None else f"{said} · {_percent(row['share_gdp'])}% of product"


def _input(name: str) -> str:
    return INPUTS.get(name, name.replace("_", " "))


def _range(row: Mapping[str, Any]) -> list[str]:
    value, low, high = (_number(row[k]) for k in ("value", "low", "high"))
    return _folded(f"{value} ({low}–{high}) {row['unit']}".strip(), 150, 7.5)


def _number(value: float) -> str:
    return spelt(value) if value >= 1000 else f"{value:.3g}"


def _panel(ax: Any, heading: str, end: float) -> None:
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    ax.set_xlim(0, end)
    ax.set_yticks([])
    ax.text(0, 1, heading, transform=_above(ax, 7), fontsize=9, fontweight="bold", color=SOFT)
    _ticked(ax)


def _above(ax: Any, points: float) -> Any:
    from matplotlib.transforms import ScaledTranslation

    return ax.transAxes + ScaledTranslation(0, points / 72, ax.figure.dpi_scale_trans)


def _beside(ax: Any, y: float, lines: Sequence[tuple[str, float, str, str]]) -> None:
    """Lines of words to the left of a row, one under another around its middle."""
    total = sum(1.35 * size for _, size, _, _ in lines)
    down = -total / 2
    for text, size, weight, colour in lines:
        ax.annotate(
            text, (0, y), xycoords=("axes fraction", "data"), xytext=(-8, -(down + 0.675 * size)),
            textcoords="offset points", ha="right", va="center", fontsize=size, fontweight=weight, color=colour,
            annotation_clip=False,
        )  # fmt: skip
        down += 1.35 * size
