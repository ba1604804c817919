"""What changed in a yearly series, and when: doubling, one break, a trend.

A series that is too short or too full of holes is told so: "cannot tell" is an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from textwrap import shorten

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from keruen.errors import FaultyTable

Array = NDArray[np.float64]
CANNOT_TELL = "cannot tell"


def series(table: pl.DataFrame) -> tuple[NDArray[np.int64], Array]:
    """Years and values of a table with ``year`` (or ``start``) and ``value``, checked.

    Raises
    ------
    FaultyTable
        Two figures for a year, or no such columns.
    """
    if "year" not in table.columns and "start" in table.columns:
        table = table.with_columns(pl.col("start").dt.year().alias("year"))
    missing = [c for c in ("year", "value") if c not in table.columns]
    if missing:
        raise FaultyTable(
            "series", [f"row 1, column {c} is missing. A series has the columns year and value." for c in missing]
        )
    table = table.filter(pl.col("value").is_not_null()).sort("year")
    double = table.group_by("year").len().filter(pl.col("len") > 1).sort("year")["year"].to_list()
    if double:
        raise FaultyTable(
            "series", [f"row 1, column year: {y} has two figures. Say whom to believe first." for y in double]
        )
    return table["year"].to_numpy().astype(np.int64), table["value"].to_numpy().astype(float)


@dataclass(frozen=True, slots=True)
class Breaks:
    """What changed in a series, and when.

    Attributes
    ----------
    doubled
        year -> ratio to the year before, where it lies in the asked range.
    ratios
        year -> ratio to the year before, wherever both are known.
    verdict
        ``break``, ``no break`` or ``cannot tell``, with `why`.
    when, low, high, p
        Last year before the break, the 90% set of that year, and the p-value of one break against none.
    trend
        ``rising``, ``falling``, ``no trend`` or ``cannot tell``; `trend_p` exact (Mann-Kendall); `slope` per year (Sen)
        with its 95% interval.
    """

    years: tuple[int, ...]
    doubled: dict[int, float]
    ratios: dict[int, float]
    verdict: str
    why: str
    when: int | None
    low: int | None
    high: int | None
    p: float | None
    trend: str
    trend_p: float | None
    slope: tuple[float, float, float] | None

    def __repr__(self) -> str:
        broken = self.verdict if self.when is None else f"break after {self.when} (90% {self.low} to {self.high})"
        broken += "" if self.p is None else f", p = {self.p:.3f}"
        grown = self.trend if self.trend != CANNOT_TELL else "trend unknown"
        if self.slope is not None:
            grown += " ({:,.4g} a year, 95% {:,.4g} to {:,.4g})".format(*self.slope)
        twice = f"; doubled in {', '.join(map(str, self.doubled))}" if self.doubled else ""
        return (
            f"{len(self.years)} figures, {min(self.years, default='')}-{max(self.years, default='')}:"
            f" {broken}; {grown}{shorten(twice, 60, placeholder=' …')}. See why, ratios, trend_p."
        )


def breaks(table: pl.DataFrame, *, doubling: tuple[float, float] = (1.8, 2.2), seed: int = 0) -> Breaks:
    """Doubling, a structural break with its interval, and a trend, of a yearly series.

    Parameters
    ----------
    table
        ``year`` (or ``start``) and ``value``, one figure a year.
    doubling
        Ratios on the year before that count as doubled.
    seed
        Of the simulation behind the p-value.

    Notes
    -----
    One break in the mean of the changes of level: the largest F over break years that leave three figures on either
    side, against its distribution for independent normal series of the same years, simulated. Logarithms where every
    value is positive. The set of years holds 90% of the profile likelihood's mass. Fewer than eight figures, or figures
    for less than 60% of the years: "cannot tell".

    References
    ----------
    Andrews (1993), Econometrica 61; Mann (1945), Econometrica 13; Sen (1968), Journal of the American Statistical
    Association 63.

    Examples
    --------
    >>> values = [10, 11, 9, 10, 12, 10, 30, 31, 29, 33, 30, 32]
    >>> told = breaks(pl.DataFrame({"year": range(2000, 2012), "value": values}))
    >>> told.verdict, told.when, told.doubled
    ('break', 2005, {})
    """
    years, values = series(table)
    steps = [
        (int(t), float(v / u))
        for t, s, u, v in zip(years[1:], np.diff(years), values, values[1:], strict=False)
        if s == 1 and u > 0
    ]
    trend, trend_p, slope = _trend(years, values)
    blank = Breaks(
        years=tuple(int(t) for t in years),
        doubled={t: ratio for t, ratio in steps if doubling[0] <= ratio <= doubling[1]},
        ratios=dict(steps),
        verdict=CANNOT_TELL, why="", when=None, low=None, high=None, p=None, trend=trend, trend_p=trend_p, slope=slope,
    )  # fmt: skip
    n = years.size
    if n < 8:
        return replace(blank, why=f"{n} figures; a break needs eight.")
    held = n / (years[-1] - years[0] + 1)
    if held < 0.6:
        return replace(blank, why=f"figures for {held:.0%} of the years; the holes could hide anything.")
    y = np.log(values) if (values > 0).all() else values
    best, profile = _sup_f(y)
    if not np.isfinite(best):
        return replace(blank, verdict="no break", why="the series never varies.", p=1.0)
    rng = np.random.default_rng(seed)
    reference, _ = _sup_f(rng.standard_normal((999, n)))
    p = float((1 + (reference >= best).sum()) / 1000)
    if p >= 0.05:
        return replace(blank, verdict="no break", why="largest F over break years, against independent series", p=p)
    mass = np.exp(profile - profile.max())
    mass /= mass.sum()
    order = np.argsort(-mass)
    inside = order[: int(np.searchsorted(np.cumsum(mass[order]), 0.9)) + 1] + 2  # index of the last year before
    why = "largest F over break years, against independent series"
    if trend != "no trend":
        why += "; a steady trend looks like a break too"
    return replace(
        blank, verdict="break", why=why, p=p,
        when=int(years[order[0] + 2]), low=int(years[inside.min()]), high=int(years[inside.max()]),
    )  # fmt: skip


def _sup_f(y: Array) -> tuple[Array, Array]:
    """Largest F of a change in mean, (…), and the profile log-likelihood by break, (…, break); three on either side."""
    n = y.shape[-1]
    y = y - y.mean(-1, keepdims=True)
    whole = (y**2).sum(-1)
    k = np.arange(3, n - 2)
    left = np.cumsum(y, -1)[..., 2 : n - 3]
    # The sums on both sides cancel, so the sum of squares between the two means is left² (1/k + 1/(n - k)).
    rss = np.maximum(whole[..., None] - left**2 * (1 / k + 1 / (n - k)), 1e-12 * whole[..., None])
    with np.errstate(divide="ignore", invalid="ignore"):
        f = ((whole[..., None] - rss) / (rss / (n - 2))).max(-1)
        profile = -0.5 * n * np.log(rss)
    return np.where(whole > 1e-300, f, np.nan), profile


def _trend(years: NDArray[np.int64], values: Array) -> tuple[str, float | None, tuple[float, float, float] | None]:
    if years.size < 4:
        return CANNOT_TELL, None, None
    tau = stats.kendalltau(years, values)
    p = float(tau.pvalue) if np.isfinite(tau.pvalue) else 1.0
    sen = stats.theilslopes(values, years, 0.95)
    slope = (float(sen.slope), float(sen.low_slope), float(sen.high_slope))
    if p >= 0.05:
        return "no trend", p, slope
    return ("rising" if tau.statistic > 0 else "falling"), p, slope
