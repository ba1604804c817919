"""The figure of what access to a labour market is worth: its parts, their sum, and what the sum hangs on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from keruen.access import Price
from keruen.errors import ConceptError, NoEvidence
from keruen.figures import GRID, INK, SOFT, VIVID, Figure, _axes, _figure, _folded, _name, _wide
from keruen.figures_margins import WIDTH, foot_height, foot_lines, releases_of, round_ticks, sources_line, write_foot
from keruen.labels import percent, spelt

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
    foot = foot_lines([" ".join(filter(None, shows)), *left_out, " ".join(because), sources_line(releases_of(ids))])
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
    high = foot_height(foot) + 34 + lower + (26 if swings else 0) + upper + 30

    def draw(canvas: Any) -> None:
        write_foot(canvas, foot)
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
        ax = _axes(canvas, left, right, foot_height(foot) + 34, high - foot_height(foot) - 34 - lower)
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
    return said if row["share_gdp"] is None else f"{said} · {percent(row['share_gdp'])}% of product"


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
    round_ticks(ax)


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
