"""Small pictures of the evidence behind a verdict, in plain SVG: fifty of them on a page cost no drawing library.

They compute nothing: what is drawn was found by a test, and stands in words beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from keruen.figures import INK, SOFT, VIVID
from keruen.wording import figure

WIDTH = 640
DASHES = ("", "6 3", "2 3", "8 3 2 3")
BAND = "#dfe9f3"


def svg(picture: Mapping[str, Any]) -> str:
    """One picture as SVG.

    Parameters
    ----------
    picture
        ``kind`` (strip, lines, fan or bars), ``title``, ``unit`` and what the kind needs, as
        :func:`keruen.verdict_words.drawing` gives it.

    Examples
    --------
    >>> svg({"kind": "strip", "title": "t", "unit": "persons", "points": [("UN", 5.0, True)], "low": 0, "high": 9})[:4]
    '<svg'
    """
    drawn, height = {"strip": _strip, "lines": _lines, "fan": _fan, "bars": _bars}[picture["kind"]](picture)
    title = f"{picture['title']} ({picture['unit']})"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(alt(picture), quote=True)}">'
        f"<title>{escape(title)}</title>{''.join(drawn)}</svg>"
    )


def alt(picture: Mapping[str, Any]) -> str:
    """The picture in words."""
    unit = picture["unit"]
    if picture["kind"] == "strip":
        told = "; ".join(f"{name} {_short(value, unit)}" for name, value, _ in picture["points"])
    elif picture["kind"] == "lines":
        told = "; ".join(
            f"{name}: {_short(points[0][1], unit)} in {points[0][0]}, {_short(points[-1][1], unit)} in {points[-1][0]}"
            for name, points in picture["series"] if points
        )  # fmt: skip
    elif picture["kind"] == "fan":
        at = -1
        told = f"median {_short(picture['median'][at], unit)} in {picture['years'][at]}"
    else:
        most = max({**picture["bars"], **picture["rest"]}.items(), key=lambda kv: kv[1])
        told = f"most at {most[0]}, {most[1]:.2f}"
    return f"{picture['title']} ({unit}): {told}."


def _short(value: float, unit: str) -> str:
    size = abs(value)
    if unit in ("persons", "permits", "USD", "2015 USD", "registrations"):
        for step, name in ((1e9, " bn"), (1e6, " m"), (1e3, " k")):
            if size >= step:
                return (
                    figure(
                        value / step, 0 if size >= 100 * step else 1 if size >= 10 * step else 2 if step > 1e3 else 1
                    )
                    + name
                )
    whole = size >= 100 or float(value).is_integer()
    return figure(value, 0 if whole else 1 if size >= 10 else 2 if size >= 0.1 else 4)


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers that span the range."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / most
    step = 10.0 ** np.floor(np.log10(raw))
    step *= next(m for m in (1, 2, 5, 10) if m * step >= raw * 0.999)
    first = np.ceil(low / step - 1e-9)
    return [float(k * step) for k in np.arange(first, np.floor(high / step + 1e-9) + 1)]


def _words(
    x: float, y: float, said: str, *, anchor: str = "start", colour: str = INK, size: int = 12, weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
        + (f' font-weight="{weight}"' if weight != 400 else "") + f">{escape(said)}</text>"
    )  # fmt: skip


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = "#d0d0d0", width: float = 1, dash: str = "") -> str:
    extra = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"{extra}/>'


def _rect(x: float, y: float, w: float, h: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0):.1f}" height="{max(h, 0):.1f}" fill="{colour}"/>'


def _range(values: Iterable[float | None], *, nought: bool = False) -> tuple[float, float]:
    known = [float(v) for v in values if v is not None and np.isfinite(v)]
    low, high = min(known), max(known)
    if nought or (low > 0 > -high / 2 and low < high * 0.6) or (high < 0 and high > low * 0.6):
        low, high = min(low, 0.0), max(high, 0.0)
    pad = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - pad * (low != 0), high + pad


def _cut(said: str, most: int) -> str:
    return said if len(said) <= most else said[: most - 1].rstrip() + "…"


def _strip(p: Mapping[str, Any]) -> tuple[list[str], float]:
    points: Sequence[tuple[str, float, bool | None]] = p["points"]
    low, high = _range([*(v for _, v, _ in points), p.get("low"), p.get("high")])
    left, right, row, top = 232.0, WIDTH - 84.0, 22.0, 8.0
    bottom = top + row * len(points)

    def x(v: float) -> float:
        return left + (v - low) / (high - low) * (right - left)

    drawn = []
    if p.get("low") is not None or p.get("high") is not None:
        a = x(p["low"]) if p.get("low") is not None else left
        b = x(p["high"]) if p.get("high") is not None else right
        drawn.append(_rect(a, top, max(b - a, 2), bottom - top, BAND))
    for t in _ticks(low, high):
        drawn.append(_line(x(t), top, x(t), bottom, "#9a9a9a" if t == 0 else "#e3e3e3"))
        drawn.append(_words(x(t), bottom + 15, _short(t, p["unit"]), anchor="middle", colour=SOFT, size=11))
    for k, (name, value, holds) in enumerate(points):
        y = top + row * (k + 0.5)
        fill = {True: "#0a3f7c", False: "#fff", None: "#8a8a8a"}[holds]
        edge = {True: "#0a3f7c", False: "#b04000", None: "#8a8a8a"}[holds]
        drawn.append(_words(left - 10, y + 4, _cut(name, 36), anchor="end"))
        drawn.append(f'<circle cx="{x(value):.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{edge}" stroke-width="2"/>')
        drawn.append(_words(right + 8, y + 4, _short(value, p["unit"]), weight=600))
    return drawn, bottom + 22


def _frame(
    years: Sequence[float], low: float, high: float, unit: str, right: float
) -> tuple[list[str], Any, Any, float, float]:
    left, top, bottom = 52.0, 8.0, 168.0
    first, last = min(years), max(years)

    def x(t: float) -> float:
        return left + (t - first) / max(last - first, 1) * (right - left)

    def y(v: float) -> float:
        return bottom - (v - low) / (high - low) * (bottom - top)

    drawn = []
    for t in _ticks(low, high, 4):
        drawn.append(_line(left, y(t), right, y(t), "#9a9a9a" if t == 0 else "#e3e3e3"))
        drawn.append(_words(left - 6, y(t) + 4, _short(t, unit), anchor="end", colour=SOFT, size=11))
    for t in _ticks(first, last, 6):
        if float(t).is_integer():
            drawn.append(_words(x(t), bottom + 15, f"{t:.0f}", anchor="middle", colour=SOFT, size=11))
    return drawn, x, y, top, bottom


def _lines(p: Mapping[str, Any]) -> tuple[list[str], float]:
    series = [(name, sorted(points)) for name, points in p["series"] if points]
    values = [v for _, points in series for _, v in points]
    years = [t for _, points in series for t, _ in points]
    low, high = _range([*values, p.get("low"), p.get("high")])
    drawn, x, y, top, bottom = _frame(years, low, high, p["unit"], WIDTH - 26.0)
    ends = [(p.get("low"), p.get("high"))]
    for a, b in ends:
        if a is not None and b is not None:
            drawn.insert(0, _rect(52, y(b), WIDTH - 78, max(y(a) - y(b), 2), BAND))
    if p.get("at") is not None:
        drawn.append(_line(x(p["at"]), top, x(p["at"]), bottom, INK, 1, "3 3"))
    for k, (name, points) in enumerate(series):
        colour, dash = VIVID[k % len(VIVID)], DASHES[k % len(DASHES)]
        path = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in points)
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{extra}/>')
        drawn += [f'<circle cx="{x(t):.1f}" cy="{y(v):.1f}" r="2.6" fill="{colour}"/>' for t, v in points]
        below = bottom + 34 + 17 * k
        drawn.append(_line(52, below - 4, 78, below - 4, colour, 2, dash))
        drawn.append(_words(84, below, _cut(name, 80)))
    return drawn, bottom + 26 + 17 * len(series)


def _fan(p: Mapping[str, Any]) -> tuple[list[str], float]:
    years = p["years"]
    low, high = _range([*p["low80"], *p["high80"], p.get("low"), p.get("high")])
    drawn, x, y, top, bottom = _frame(years, low, high, p["unit"], WIDTH - 26.0)
    first, last = p["span"]
    half = (x(years[-1]) - x(years[0])) / max(len(years) - 1, 1) / 2
    drawn.insert(0, _rect(x(first) - half, top, x(last) - x(first) + 2 * half, bottom - top, BAND))
    outline = [*zip(years, p["high80"], strict=True), *reversed(list(zip(years, p["low80"], strict=True)))]
    around = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in outline)
    drawn.append(f'<polygon points="{around}" fill="#0a3f7c" fill-opacity="0.22"/>')
    path = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in zip(years, p["median"], strict=True))
    drawn.append(f'<polyline points="{path}" fill="none" stroke="#0a3f7c" stroke-width="2"/>')
    for bound in (p.get("low"), p.get("high")):
        if bound is not None:
            drawn.append(_line(52, y(bound), WIDTH - 26, y(bound), "#b04000", 1.5, "5 3"))
    drawn.append(
        _words(
            52,
            bottom + 34,
            "line: median; band: 80%; shaded: the years asked about; dashed: the bounds of the test",
            colour=SOFT,
            size=11,
        )
    )
    return drawn, bottom + 42


def _bars(p: Mapping[str, Any]) -> tuple[list[str], float]:
    bars, rest = p["bars"], p["rest"]
    years = sorted(bars) or [p.get("first") or 2000]
    first, last = min(years), max(years)
    top, bottom, left, right = 8.0, 148.0, 44.0, WIDTH - 190.0
    high = 1.08 * float(max([*bars.values(), *rest.values(), 0.05]))
    wide = (right - left) / (last - first + 1)

    def y(v: float) -> float:
        return bottom - v / high * (bottom - top)

    drawn = []
    if p.get("first") is not None:
        a = left + (max(p["first"], first) - first) * wide
        b = left + (min(p["last"], last) + 1 - first) * wide
        drawn.append(_rect(a, top, b - a, bottom - top, BAND))
    for t in _ticks(0, high, 4):
        drawn.append(_line(left, y(t), WIDTH - 12, y(t), "#9a9a9a" if t == 0 else "#e3e3e3"))
        drawn.append(_words(left - 6, y(t) + 4, f"{abs(t):.2f}", anchor="end", colour=SOFT, size=11))
    for year, value in bars.items():
        drawn.append(_rect(left + (year - first) * wide + 1, y(value), max(wide - 2, 1), bottom - y(value), "#0a3f7c"))
    for t in _ticks(first, last, 6):
        if float(t).is_integer():
            drawn.append(
                _words(left + (t - first + 0.5) * wide, bottom + 15, f"{t:.0f}", anchor="middle", colour=SOFT, size=11)
            )
    for k, (name, value) in enumerate(rest.items()):
        x = right + 14 + 56 * k
        drawn.append(_rect(x, y(value), 40, bottom - y(value), "#8c6d00"))
        for n, piece in enumerate(name.replace("from the start", "from|the start").split("|")):
            drawn.append(_words(x + 20, bottom + 15 + 12 * n, piece, anchor="middle", colour=SOFT, size=11))
    return drawn, bottom + 32
