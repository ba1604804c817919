"""How money follows growth and currency: what a fit foretells, where it fails, rolling origin; the way on to income.

Bare arrays and a panel; nothing here reads the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen.errors import NoEvidence
from keruen.estimators.elasticities import Elasticities, Panel, design, fit, is_reported
from keruen.estimators.turbulence import SHAPE, WIDE

Array = NDArray[np.float64]


def _rough(model: Elasticities, kind: int, year: int, rng: np.random.Generator) -> Array:
    """Draws of the log variance that the reports of a kind share in a year: as found, or what may come after."""
    d = model.draws
    known, phi, sd = d["turbulence"][:, kind], d["persistence"], d["roughness"]
    n = len(phi)
    at = min(year - model.since, known.shape[1] - 1)
    if at < 0 or np.isnan(known[0, at]):  # before its first report, or no report at all
        return np.asarray(rng.standard_normal(n) * sd / np.sqrt(1 - phi**2), float)
    log = known[:, at]
    for _ in range(year - model.until):
        log = phi * log + sd * rng.standard_normal(n)
    return np.asarray(log, float)


def predict(model: Elasticities, panel: Panel, *, seed: int = 0, noise: bool = True) -> Array:
    """Posterior predictive draws of the change of ln USD, shape (draw, row); the drivers are taken as given.

    A year that the fit has seen is as turbulent as it was found to be, a later one as turbulent as may follow. What a
    year brings to all reports of a kind is drawn, even where it was seen: it is a surprise, and no driver foretold it.

    Parameters
    ----------
    model
        A fit.
    panel
        Rows to predict; ``change`` is not read.
    noise
        With an ordinary or an outlying year's own error; without, the effect of the drivers alone.
    """
    rng = np.random.default_rng(seed)
    own = [panel.hosts.index(h) for h in model.hosts]
    x, z = design(panel, own)
    d = model.draws
    n = len(d["mean"])
    theta = np.concatenate([d["mean"], d["host"].reshape(n, -1)], axis=1)
    out = theta @ x.T
    at = {r: i for i, r in enumerate(model.receivers)}
    v = np.empty((n, len(z), 3))
    for row, receiver in enumerate(panel.frame["receiver"]):
        known = at.get(receiver)
        v[:, row] = d["receiver"][:, known] if known is not None else rng.standard_normal((n, 3)) * d["receiver_sd"]
    out = out + np.einsum("dij,ij->di", v, z)
    if not noise:
        return np.asarray(out - (d["mean"][:, :1] + v[:, :, 0]), float)  # the drift is no effect of the drivers
    series = {s: i for i, s in enumerate(model.series)}
    scale = np.empty((n, len(z)))
    kind = np.array([int(is_reported(name)) for name in panel.frame["series"]])
    for row, name in enumerate(panel.frame["series"]):
        at_ = series.get(name)
        scale[:, row] = (
            d["scale"][:, at_] if at_ is not None else np.sqrt(SHAPE * d["base"][:, kind[row]] / rng.gamma(SHAPE, 1, n))
        )
    when = panel.frame["year"].to_numpy()
    for k, year in sorted({*zip(kind.tolist(), when.tolist(), strict=True)}):
        here = (kind == k) & (when == year)
        scale[:, here] *= np.exp(_rough(model, k, year, rng) / 2)[:, None]
        out[:, here] += (d["shared_sd"][:, k] * rng.standard_normal(n))[:, None]
    wide = np.where(rng.random(out.shape) < d["outlying"][:, None], np.sqrt(WIDE), 1.0)
    return np.asarray(out + scale * wide * rng.standard_normal(out.shape), float)


def broken(model: Elasticities, panel: Panel, *, seed: int = 0) -> pl.DataFrame:
    """Years in which many corridors of a host left their rule together: the rule is broken there, and it is said so.

    Parameters
    ----------
    model
        Fitted to earlier years, or to all.
    panel
        Observations to hold against it; rows count for the host that has more than half of the weight.

    Returns
    -------
    ``host``, ``year``, ``corridors``, ``mean_surprise`` (mean standardised error), ``outside80`` (part of the corridors
    outside their 80% interval), ``direction`` and ``broken`` (three corridors or more, over half of them outside where
    a fifth is expected).
    """
    made = predict(model, panel, seed=seed)
    low, high = np.quantile(made, [0.1, 0.9], axis=0)
    y = panel.frame["change"].to_numpy()
    sd = (np.quantile(made, 0.84, axis=0) - np.quantile(made, 0.16, axis=0)) / 2
    top = panel.exposure.argmax(axis=1)
    main = np.where(panel.exposure.max(axis=1) > 0.5, top, -1)
    table = panel.frame.select("year").with_columns(
        host=pl.Series([panel.hosts[h] if h >= 0 else None for h in main], dtype=pl.String),
        surprise=pl.Series((y - np.median(made, axis=0)) / sd),
        outside=pl.Series((y < low) | (y > high)),
    )
    return (
        table.drop_nulls("host")
        .group_by("host", "year")
        .agg(corridors=pl.len(), mean_surprise=pl.col("surprise").mean(), outside80=pl.col("outside").mean())
        .with_columns(
            direction=pl.when(pl.col("mean_surprise") > 0).then(pl.lit("more")).otherwise(pl.lit("less")),
            broken=(pl.col("corridors") >= 3) & (pl.col("outside80") > 0.5),
        )
        .sort("year", "host")
    )


def coverage(
    panel: Panel, years: Sequence[int], *, ess_above: float = 400, rhat_below: float = 1.01, seed: int = 0
) -> pl.DataFrame:
    """Rolling origin: each year predicted from the years before it alone, with its own drivers given.

    Parameters
    ----------
    panel
        Observations.
    years
        To predict; those with fewer than thirty observations before them are left out.
    ess_above, rhat_below, seed
        As in :func:`keruen.estimators.elasticities.fit`.

    Returns
    -------
    One row an observation: ``year``, ``receiver``, ``host``, ``series``, ``change``, ``median``, the ends of the 80 and
    95% intervals (``low80``, …), ``in80``, ``in95``, ``crps`` and ``crps_naive`` (that of the receiver's own past
    changes, for comparison); and of the year's fit ``rhat``, the largest, and ``ess``, the least of bulk and tails.
    """
    tables = []
    for year in years:
        past = panel.rows(panel.frame["year"] < year)
        now = panel.rows(panel.frame["year"] == year)
        if not len(now.frame) or len(past.frame) < 30:
            continue
        model = fit(past, ess_above=ess_above, rhat_below=rhat_below, seed=seed)
        made = predict(model, now, seed=seed + year)
        y = now.frame["change"].to_numpy()
        q = np.quantile(made, [0.025, 0.1, 0.5, 0.9, 0.975], axis=0)
        naive = [
            past.frame.filter(pl.col("series") == s)["change"].to_numpy() if s in set(past.frame["series"]) else None
            for s in now.frame["series"]
        ]
        everyone = past.frame["change"].to_numpy()
        settled = model.diagnostics.select(
            pl.col("rhat").max(), ess=pl.min_horizontal(pl.col("ess_bulk").min(), pl.col("ess_tail").min())
        ).row(0)
        tables.append(
            now.frame.select("year", "receiver", "host", "series", "change").with_columns(
                median=pl.Series(q[2]),
                low80=pl.Series(q[1]),
                high80=pl.Series(q[3]),
                low95=pl.Series(q[0]),
                high95=pl.Series(q[4]),
                in80=pl.Series((y >= q[1]) & (y <= q[3])),
                in95=pl.Series((y >= q[0]) & (y <= q[4])),
                rhat=pl.lit(settled[0]),
                ess=pl.lit(settled[1]),
                crps=pl.Series([crps(made[:, i], v) for i, v in enumerate(y)]),
                crps_naive=pl.Series(
                    [crps(p if p is not None and len(p) > 4 else everyone, v) for p, v in zip(naive, y, strict=True)]
                ),
            )
        )
    return pl.concat(tables)


def crps(sample: Array, truth: float) -> float:
    """Continuous ranked probability score of a sample: E|X − y| − E|X − X'|/2; smaller is better.

    Examples
    --------
    >>> crps(np.array([1.0, 3.0]), 2.0)
    0.5
    """
    x = np.sort(np.asarray(sample, float))
    n = len(x)
    spread = 2 * np.sum((2 * np.arange(1, n + 1) - n - 1) * x) / n**2
    return float(np.abs(x - truth).mean() - spread / 2)


@dataclass(frozen=True, slots=True)
class Onward:
    """How much of a change of remittances reaches the receiver's growth: an association, not a cause.

    ``multiplier`` m in ΔGDP% = m · d · Δln R · 100, with its standard error clustered by receiver.
    """

    multiplier: float
    se: float
    observations: int


def onward(growth: Array, impulse: Array, receiver: Sequence[str], year: Sequence[int]) -> Onward:
    """Regress receivers' growth on d·Δln R, with a constant for every receiver and every year.

    Parameters
    ----------
    growth
        Real growth of the receiver, percent.
    impulse
        100 · d · Δln R: the change of remittances as percent of GDP, at the dependence of the year before.
    receiver, year
        Of every observation.
    """
    y, x = np.asarray(growth, float).copy(), np.asarray(impulse, float).copy()
    who = np.unique(np.asarray(receiver, str), return_inverse=True)[1]
    when = np.unique(np.asarray(year, int), return_inverse=True)[1]
    for _ in range(200):  # alternate means until both sets of constants are gone
        for group in (who, when):
            size = np.bincount(group)
            for a in (y, x):
                a -= (np.bincount(group, a) / size)[group]
    sxx = float(x @ x)
    if sxx <= 0:
        raise NoEvidence("Remittances never change in this panel; there is nothing to regress growth on.")
    m = float(x @ y) / sxx
    score = np.bincount(who, x * (y - m * x))
    g = len(score)
    return Onward(m, float(np.sqrt(g / (g - 1) * (score**2).sum()) / sxx), len(y))
