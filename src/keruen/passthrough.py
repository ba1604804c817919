"""How a host's growth and currency pass through to what its migrants send, and on to the receiver's income.

One regression over all corridors: the change of the logarithm of dollars received on the growth of the hosts and on
the dollars that their currencies buy, each host with the weight that it had the year before. Hosts and receivers may
each differ from the rest as far as the evidence says (partial pooling). Every year of every corridor may be an outlier,
and the model tells which it took for one.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from keruen import store
from keruen.errors import NoEvidence, VocabularyError
from keruen.estimators.corridors import matrix
from keruen.places import countries
from keruen.places import place as one_place
from keruen.posterior import diagnose
from keruen.remittances import filled_incomes, latest, newest_edition, yearly_stocks, yearly_transfers

Array = NDArray[np.float64]

WIDE = 25.0
"""Variance of an outlier year over that of an ordinary one: five times the standard deviation."""

PRIOR_MEAN = np.array([0.03, 1.0, 0.5])
PRIOR_SD = np.array([0.10, 1.0, 0.5])
"""Of the mean drift, of the elasticity to growth and of that to the currency: wide, and within what has been argued."""

HOST_SCALE = np.array([0.5, 0.3])
RECEIVER_SCALE = np.array([0.05, 0.5, 0.3])
"""Scales of the half-Cauchy priors of how far hosts and receivers differ: (growth, currency) and with drift before."""

INNER = 4
"""Updates of states and scales for each update of the coefficients."""

HOST_EXPOSURE = 15.0
"""A host has elasticities of its own once the squares of its weights over all observations sum to this."""

COVERED = 0.8
"""Part of a receiver's hosts, by weight, whose growth and currency must be known."""


# ---------------------------------------------------------------- numbers that know nothing of the world


def log_growth(percent: Any) -> Array:
    """The change of the logarithm that a growth in percent is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log1p(np.asarray(percent, float) / 100), float)


def currency_change(rates: Array) -> Array:
    """Change of the logarithm of the dollars that a unit of currency buys, year on year; shape (place, year).

    A currency that a place shares from one year to the next with five others, and did not before, was exchanged for
    another: that change is absent, for it is of the name and not of the value.
    """
    r = np.asarray(rates, float)
    out = np.full(r.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        out[:, 1:] = -np.diff(np.log(r), axis=1)
    for t in range(1, r.shape[1]):
        now, before = r[:, t], r[:, t - 1]
        crowd = {v for v in now[~np.isnan(now)] if np.sum(np.abs(now - v) <= 1e-9 * abs(v)) > 5}
        for i in np.flatnonzero(~np.isnan(now) & ~np.isnan(before)):
            if now[i] in crowd and np.sum(np.abs(before - before[i]) <= 1e-9 * abs(before[i])) <= 5:
                out[i, t] = np.nan
    return out


def weighted(exposure: Array, driver: Array) -> tuple[Array, Array]:
    """The drivers of the hosts by their weights, and the part of the weight for which they are known.

    Parameters
    ----------
    exposure
        Shape (observation, host), rows sum to one.
    driver
        Shape (observation, host), NaN where unknown.

    Returns
    -------
    Exposures over the known hosts, summing to one, shape (observation, host); and the part known, shape (observation,).
    """
    known = np.where(np.isnan(driver), 0.0, exposure)
    part = known.sum(axis=1)
    return np.divide(known, part[:, None], out=np.zeros_like(known), where=part[:, None] > 0), part


OBSERVED = {
    "receiver": pl.String, "host": pl.String, "year": pl.Int64, "change": pl.Float64, "series": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """Observations of the regression.

    ``frame`` has, a row each, ``receiver``, ``host`` (null for all hosts together), ``year``, ``change`` (of ln USD),
    ``growth`` and ``currency`` (weighted changes of logarithms), ``series`` (which residual scale it shares), ``ids``.
    ``exposure`` is (row, host) on ``hosts``; ``growth`` and ``currency`` are the hosts' own, same shape.
    """

    frame: pl.DataFrame
    exposure: Array = field(repr=False)
    growth: Array = field(repr=False)
    currency: Array = field(repr=False)
    hosts: tuple[str, ...] = field(repr=False)

    def rows(self, keep: Any) -> Panel:
        """Some of the rows."""
        mask = np.asarray(keep, bool)
        return Panel(self.frame.filter(mask), self.exposure[mask], self.growth[mask], self.currency[mask], self.hosts)


@dataclass(frozen=True, slots=True)
class Elasticities:
    """A fit: draws of everything, by name.

    ``draws`` holds ``mean`` (draw, 3: drift, growth, currency), ``host`` (draw, host, 2), ``receiver`` (draw, receiver,
    3), ``scale`` (draw, series), ``outlying`` (draw,), the spreads ``host_sd`` (draw, 2) and ``receiver_sd`` (draw, 3),
    and ``base`` (draw, 2), the typical residual variance of inflows and of reported corridors. ``outlier``
    gives each observation's posterior probability of being an outlier year. ``diagnostics`` has rank-normalised R-hat
    and effective draws of the pooled parameters.
    """

    hosts: tuple[str, ...] = field(repr=False)
    receivers: tuple[str, ...] = field(repr=False)
    series: tuple[str, ...] = field(repr=False)
    draws: dict[str, Array] = field(repr=False)
    outlier: pl.DataFrame = field(repr=False)
    diagnostics: pl.DataFrame
    observations: int
    until: int


def _spread(sums: Array, n: int, auxiliary: Array, rng: np.random.Generator, scale: Any) -> tuple[Array, Array]:
    """One Gibbs step of variances under half-Cauchy priors of their standard deviations (Makalic and Schmidt 2016)."""
    variance = 1 / rng.gamma((n + 1) / 2, 1 / (sums / 2 + 1 / auxiliary))
    auxiliary = 1 / rng.gamma(1.0, 1 / (1 / np.asarray(scale, float) ** 2 + 1 / variance))
    return variance, auxiliary


def _normal(precision: Array, shift: Array, rng: np.random.Generator) -> Array:
    """Draws from normals told by precision and shift, batched."""
    factor = np.linalg.cholesky(precision)
    mean = np.linalg.solve(precision, shift[..., None])[..., 0]
    noise = rng.standard_normal(shift.shape)
    return np.asarray(mean + np.linalg.solve(np.swapaxes(factor, -1, -2), noise[..., None])[..., 0], float)


def _chain(
    y: Array,
    x: Array,
    z: Array,
    unit: Array,
    series: Array,
    group: NDArray[np.int64],
    hosts: int,
    rng: np.random.Generator,
    warm: int,
    keep: int,
) -> dict[str, Array]:
    """One chain of the Gibbs sampler: pooled and host coefficients `x`, receivers' `z`, residuals by series."""
    n = len(x)
    units, kinds = int(unit.max()) + 1, int(series.max()) + 1
    counts = np.bincount(series, minlength=kinds)
    prior_mean = np.concatenate([PRIOR_MEAN, np.zeros(2 * hosts)])
    theta = prior_mean + np.concatenate([PRIOR_SD * rng.standard_normal(3), np.zeros(2 * hosts)])
    v = np.zeros((units, 3))
    variance = np.full(kinds, np.var(y) * rng.uniform(0.3, 1.5))
    base, shape = np.full(2, np.var(y)), 2.5  # of inflows, and of reported corridors: they are not alike
    sizes = np.bincount(group, minlength=2)
    outlying, wide = 0.1, np.ones(n)
    host_var, host_aux = np.full(2, 0.1), np.ones(2)
    unit_var, unit_aux = np.full(3, 0.1), np.ones(3)
    order = np.argsort(unit, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(unit[order])) + 1])
    zz = (z[:, :, None] * z[:, None, :]).reshape(n, 9)[order]
    out: dict[str, list[Array]] = {
        k: [] for k in ("theta", "v", "variance", "outlying", "host_var", "unit_var", "base")
    }
    far = np.zeros(n)
    for step in range(warm + keep):
        w = 1 / (variance[series] * wide)
        precision = np.concatenate([1 / PRIOR_SD**2, np.tile(1 / host_var, hosts)])
        fitted = np.einsum("ij,ij->i", z, v[unit])
        xw = x * w[:, None]
        theta = _normal(xw.T @ x + np.diag(precision), xw.T @ (y - fitted) + precision * prior_mean, rng)
        rest = y - x @ theta
        a = np.add.reduceat(zz * w[order, None], starts, axis=0).reshape(-1, 3, 3)
        b = np.add.reduceat((z * (w * rest)[:, None])[order], starts, axis=0)
        present = unit[order][starts]
        v = rng.standard_normal((units, 3)) * np.sqrt(unit_var)
        v[present] = _normal(a + np.diag(1 / unit_var), b, rng)
        # What all receivers share and the pooled mean may trade places without touching the fit: draw that trade.
        trade = 1 / (units / unit_var + 1 / PRIOR_SD**2)
        moved = trade * (v.sum(axis=0) / unit_var - (theta[:3] - PRIOR_MEAN) / PRIOR_SD**2)
        moved = moved + np.sqrt(trade) * rng.standard_normal(3)
        theta[:3] += moved
        v -= moved
        error = y - x @ theta - np.einsum("ij,ij->i", z, v[unit])
        e2 = error**2
        for _ in range(INNER):  # states, their share and the scales hang together: let them settle on each other
            s = variance[series]
            odds = np.log(outlying / (1 - outlying)) - 0.5 * np.log(WIDE) + 0.5 * e2 / s * (1 - 1 / WIDE)
            odd = rng.random(n) < 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
            wide = np.where(odd, WIDE, 1.0)
            outlying = float(rng.beta(1 + odd.sum(), 9 + n - odd.sum()))
            squares = np.bincount(series, e2 / wide, minlength=kinds)
            variance = 1 / rng.gamma(shape + counts / 2, 1 / (shape * base[group] + squares / 2))
            sums = np.bincount(group, 1 / variance, minlength=2)
            base = rng.gamma(1 + sizes * shape, 1 / (1 / 0.1 + shape * sums))
        if hosts:
            u = theta[3:].reshape(hosts, 2)
            host_var, host_aux = _spread((u**2).sum(axis=0), hosts, host_aux, rng, HOST_SCALE)
        unit_var, unit_aux = _spread((v**2).sum(axis=0), units, unit_aux, rng, RECEIVER_SCALE)
        if step >= warm:
            far += odd
            for name, value in (("theta", theta), ("v", v), ("variance", variance), ("outlying", np.array(outlying)),
                                ("host_var", host_var), ("unit_var", unit_var), ("base", np.array(base))):  # fmt: skip
                out[name].append(np.array(value))
    return {k: np.array(values) for k, values in out.items()} | {"far": far / keep}


def _reported(series: str) -> bool:
    """A series of reported transfers is named ``host>receiver``, one of inflows by its receiver alone."""
    return ">" in series


def design(panel: Panel, own: Sequence[int]) -> tuple[Array, Array]:
    """The two design matrices: pooled with hosts' own columns, and receivers'."""
    g = np.nansum(np.where(panel.exposure > 0, panel.exposure * np.nan_to_num(panel.growth), 0.0), axis=1)
    e = np.nansum(np.where(panel.exposure > 0, panel.exposure * np.nan_to_num(panel.currency), 0.0), axis=1)
    z = np.column_stack([np.ones_like(g), g, e])
    own_g = panel.exposure[:, own] * np.nan_to_num(panel.growth[:, own])
    own_e = panel.exposure[:, own] * np.nan_to_num(panel.currency[:, own])
    both = np.stack([own_g, own_e], axis=2).reshape(len(g), -1)
    return np.concatenate([z, both], axis=1), z


def fit(
    panel: Panel, *, chains: int = 4, draws: int = 800, warm: int = 300, seed: int = 0, check: bool = True
) -> Elasticities:
    """Elasticities of remittances to hosts' growth and currencies, pooled over all corridors.

    Parameters
    ----------
    panel
        Observations.
    chains, draws, warm
        Of the Gibbs sampler; draws are kept per chain.
    seed
        Of the random draws.
    check
        Raise if the chains have not settled.

    Raises
    ------
    NotConverged
        If rank-normalised R-hat of a pooled parameter is above 1.05.
    NoEvidence
        If there are fewer than thirty observations.
    """
    n = len(panel.frame)
    if n < 30:
        raise NoEvidence(f"Elasticities rest on {n} changes of a year; thirty are the least.")
    weight = (panel.exposure**2).sum(axis=0)
    own = [int(h) for h in np.flatnonzero(weight >= HOST_EXPOSURE)]
    x, z = design(panel, own)
    receivers = sorted(panel.frame["receiver"].unique())
    series = sorted(panel.frame["series"].unique())
    unit = np.array([receivers.index(r) for r in panel.frame["receiver"]])
    kind = np.array([series.index(s) for s in panel.frame["series"]])
    group = np.array([_reported(s) for s in series], np.int64)
    y = panel.frame["change"].to_numpy()
    seeds = np.random.default_rng(seed).spawn(chains)
    with threadpool_limits(1):  # the matrices are small: threads would wait for each other
        made = [_chain(y, x, z, unit, kind, group, len(own), rng, warm, draws) for rng in seeds]
    names = {
        "growth": [m["theta"][:, 1] for m in made], "currency": [m["theta"][:, 2] for m in made],
        "outlying": [m["outlying"] for m in made], "base": [np.log(m["base"][:, 0]) for m in made],
    }  # fmt: skip
    told = {k: np.array(v) for k, v in names.items()}
    found = diagnose(told, rhat_below=1.05, ess_above=100, strict=check)
    diagnostics = pl.DataFrame(found.table, schema=["parameter", "rhat", "ess_bulk", "ess_tail"], orient="row")
    theta = np.concatenate([m["theta"] for m in made])
    return Elasticities(
        hosts=tuple(panel.hosts[h] for h in own),
        receivers=tuple(receivers),
        series=tuple(series),
        draws={
            "mean": theta[:, :3],
            "host": theta[:, 3:].reshape(len(theta), len(own), 2),
            "receiver": np.concatenate([m["v"] for m in made]),
            "scale": np.sqrt(np.concatenate([m["variance"] for m in made])),
            "outlying": np.concatenate([m["outlying"] for m in made]),
            "host_sd": np.sqrt(np.concatenate([m["host_var"] for m in made])),
            "receiver_sd": np.sqrt(np.concatenate([m["unit_var"] for m in made])),
            "base": np.concatenate([m["base"] for m in made]),
        },
        outlier=panel.frame.select("receiver", "host", "year", "series", "change").with_columns(
            p_outlier=pl.Series(np.mean([m["far"] for m in made], axis=0))
        ),
        diagnostics=diagnostics,
        observations=n,
        until=int(panel.frame["year"].max()),  # type: ignore[arg-type]
    )


def predict(model: Elasticities, panel: Panel, *, seed: int = 0, noise: bool = True) -> Array:
    """Posterior predictive draws of the change of ln USD, shape (draw, row); the drivers are taken as given.

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
    kinds = {s: i for i, s in enumerate(model.series)}
    scale = np.empty((n, len(z)))
    for row, name in enumerate(panel.frame["series"]):
        known = kinds.get(name)
        scale[:, row] = (
            d["scale"][:, known]
            if known is not None
            else np.sqrt(2.5 * d["base"][:, int(_reported(name))] / rng.gamma(2.5, 1, n))
        )
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


def coverage(panel: Panel, years: Sequence[int], *, draws: int = 300, warm: int = 200, seed: int = 0) -> pl.DataFrame:
    """Rolling origin: each year predicted from the years before it alone, with its own drivers given.

    Returns
    -------
    One row an observation: ``year``, ``receiver``, ``host``, ``series``, ``change``, ``median``, ``sd``, ``in80``,
    ``in95``, ``width80``, ``crps`` and ``crps_naive`` (that of the receiver's own past changes, for comparison).
    """
    tables = []
    for year in years:
        past = panel.rows(panel.frame["year"] < year)
        now = panel.rows(panel.frame["year"] == year)
        if not len(now.frame) or len(past.frame) < 30:
            continue
        made = predict(fit(past, chains=2, draws=draws, warm=warm, seed=seed, check=False), now, seed=seed + year)
        y = now.frame["change"].to_numpy()
        q = np.quantile(made, [0.025, 0.1, 0.5, 0.9, 0.975], axis=0)
        naive = [
            past.frame.filter(pl.col("series") == s)["change"].to_numpy() if s in set(past.frame["series"]) else None
            for s in now.frame["series"]
        ]
        everyone = past.frame["change"].to_numpy()
        tables.append(
            now.frame.select("year", "receiver", "host", "series", "change").with_columns(
                median=pl.Series(q[2]),
                low80=pl.Series(q[1]),
                high80=pl.Series(q[3]),
                low95=pl.Series(q[0]),
                high95=pl.Series(q[4]),
                in80=pl.Series((y >= q[1]) & (y <= q[3])),
                in95=pl.Series((y >= q[0]) & (y <= q[4])),
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


# ---------------------------------------------------------------- from claims to observations


def _wide(table: pl.DataFrame, codes: Sequence[str], years: Sequence[int]) -> Array:
    """(place, year, value) as an array; NaN where nobody reported."""
    row, column = {c: i for i, c in enumerate(codes)}, {y: i for i, y in enumerate(years)}
    out = np.full((len(codes), len(years)), np.nan)
    for place, year, value in table.select("place", "year", "value").iter_rows():
        if place in row and year in column:
            out[row[place], column[year]] = value
    return out


def panel(
    received: pl.DataFrame,
    growth: pl.DataFrame,
    rates: pl.DataFrame,
    exposures: Mapping[int, xr.DataArray],
    transfers: pl.DataFrame | None = None,
) -> Panel:
    """Observations of the regression, from yearly tables.

    Parameters
    ----------
    received
        ``place``, ``year``, ``value`` in USD: inflows from all hosts, one edition.
    growth
        ``place``, ``year``, ``value`` in percent: real growth.
    rates
        ``place``, ``year``, ``value`` in local currency per USD, averages of years.
    exposures
        By year, the shares of hosts in what a place receives, dims (receiving, sending); a change into a year takes
        the weights of the year before.
    transfers
        ``place``, ``counterpart``, ``year``, ``value``, ``definition``: reported corridor by corridor. They join with a
        residual scale of their own, and with the elasticities of their host and receiver: that these are the same for
        transfers and remittances is a bridge, and an assumption.

    Returns
    -------
    The panel. A change is left out where less than four fifths of the weight of the hosts is known.
    """
    years = sorted(set(exposures) | {y + 1 for y in exposures})
    first = next(iter(exposures.values()))
    codes = [str(c) for c in first["sending"].values]
    y, g = _wide(received, codes, years), log_growth(_wide(growth, codes, years))
    e = currency_change(_wide(rates, codes, years))
    rows: list[dict[str, Any]] = []
    weights: list[Array] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = np.diff(np.log(np.where(y > 0, y, np.nan)), axis=1)
    for t, year in enumerate(years[1:], start=1):
        if year - 1 not in exposures or years[t - 1] != year - 1:
            continue
        share = exposures[year - 1].values
        for i in np.flatnonzero(~np.isnan(changes[:, t - 1])):
            rows.append(
                {"receiver": codes[i], "host": None, "year": year, "change": changes[i, t - 1], "series": codes[i]}
            )
            weights.append(share[i])
    for corridor in _consecutive(transfers) if transfers is not None else ():
        if corridor["receiver"] in codes and corridor["host"] in codes and corridor["year"] in years[1:]:
            rows.append(corridor)
            weights.append(np.eye(len(codes))[codes.index(corridor["host"])])
    frame = pl.DataFrame(
        rows,
        schema={"receiver": pl.String, "host": pl.String, "year": pl.Int64, "change": pl.Float64, "series": pl.String},
    )
    if frame.is_empty():
        raise NoEvidence("No two years in a row are reported; elasticities need changes.")
    at = np.array([years.index(v) for v in frame["year"]])
    growth_of, currency_of = g[:, at].T, e[:, at].T
    exposure, part = weighted(np.array(weights), growth_of + currency_of)
    keep = part >= COVERED
    return Panel(frame, exposure, growth_of, currency_of, tuple(codes)).rows(keep)


def _consecutive(transfers: pl.DataFrame) -> list[dict[str, Any]]:
    """Yearly changes of corridors, within one definition; of rival definitions the longest series."""
    told = transfers.filter(pl.col("counterpart").is_not_null() & (pl.col("value") > 0))
    yearly = told.group_by("place", "counterpart", "definition", "year").agg(pl.col("value").median())
    joined = yearly.join(
        yearly.with_columns(year=pl.col("year") + 1, before="value").drop("value"),
        on=["place", "counterpart", "definition", "year"],
    )
    lengths = (
        joined.group_by("place", "counterpart", "definition").len().sort("len", "definition", descending=[True, False])
    )
    best = lengths.unique(["place", "counterpart"], keep="first", maintain_order=True)
    chosen = joined.join(best, on=["place", "counterpart", "definition"], how="semi").sort(
        "place", "counterpart", "year"
    )
    return [
        {"receiver": r["place"], "host": r["counterpart"], "year": r["year"],
         "change": float(np.log(r["value"] / r["before"])), "series": f"{r['counterpart']}>{r['place']}"}
        for r in chosen.iter_rows(named=True)
    ]  # fmt: skip


# ---------------------------------------------------------------- questions to the evidence


@dataclass(frozen=True, slots=True)
class World:
    """What elasticities are fitted to, fetched once: observations, drivers, exposures, and their releases."""

    panel: Panel = field(repr=False)
    growth: pl.DataFrame = field(repr=False)
    rates: pl.DataFrame = field(repr=False)
    exposures: dict[int, xr.DataArray] = field(repr=False)
    received: pl.DataFrame = field(repr=False)
    transfers: pl.DataFrame = field(repr=False)
    gdp: pl.DataFrame = field(repr=False)
    releases: tuple[str, ...]


def world(*, since: int = 1995, as_of: str | date | None = None) -> World:
    """Observations of all corridors from the evidence: newest editions known on the day.

    Raises
    ------
    NoEvidence
        If the day knows no stock, no remittances or no drivers.
    """
    codes = [p.code for p in countries()]
    edition = newest_edition(as_of)
    stock = store.evidence(measure="stock", release=edition, sex="all", since=f"{since - 5}-01-01", as_of=as_of)
    tables = {
        m: latest(store.evidence(measure=m, since=f"{since - 1}-01-01", as_of=as_of), m)
        for m in ("remittances_received", "gdp_growth", "exchange_rate", "gdp_per_capita", "gdp")
    }
    transfers = yearly_transfers(store.evidence(measure="money_transfers", as_of=as_of))
    if stock.is_empty() or any(t.is_empty() for t in tables.values()):
        raise NoEvidence(
            "Stock, remittances, growth, exchange rates and incomes are all needed; some were not known then."
        )
    received = tables["remittances_received"]
    years = range(since, int(received["year"].max()) + 1)  # type: ignore[arg-type]
    ones = xr.DataArray(np.ones(len(codes)), dims="receiving", coords={"receiving": codes})
    exposures = {}
    for year in years:
        income = dict(tables["gdp_per_capita"].filter(pl.col("year") == year).select("place", "value").iter_rows())
        people = next(iter(yearly_stocks(stock, year, codes).values()))
        exposures[year] = matrix(ones, people, filled_incomes(income, codes)[0]).isel(draw=0, drop=True)
    made = panel(received, tables["gdp_growth"], tables["exchange_rate"], exposures, transfers)
    used = {edition, *(r for t in tables.values() for r in t["release"]), *transfers["release"]}
    return World(
        made,
        tables["gdp_growth"],
        tables["exchange_rate"],
        exposures,
        received,
        transfers,
        tables["gdp"],
        tuple(sorted(used)),
    )


class GrowthAsShare(UserWarning):
    """A growth that looks like a part of one was read as percent."""


@dataclass(frozen=True, slots=True)
class Shock:
    """What a shock to a host is expected to do to those who receive from it.

    ``rows`` has, for each receiver: ``exposure`` (the host's part of what it receives, the year before), ``corridor``
    (expected change of what comes from that host, percent) with its 80% interval, ``change`` (expected change of all it
    receives, the other hosts unchanged) with 80% interval, ``low80`` and ``high80`` of the year itself with all else
    that happens in a year, ``dependence`` (remittances over GDP the year before, percent), ``gdp_points`` (percent of
    GDP that the change is), ``growth_points`` (what growth lost in comparable years: an association) with its 80%
    interval; and, if the year is past, ``happened`` (percent), ``reported`` (change of transfers reported from that
    host) and ``surprising`` (outside the 80% interval). ``reported_median`` with its 80% interval is what the model
    expects of such transfers.
    """

    host: str
    growth: float
    currency: float
    year: int
    trained_to: int
    elasticities: dict[str, tuple[float, float, float]]
    onward: Onward
    rows: pl.DataFrame = field(repr=False)
    broken: pl.DataFrame = field(repr=False)
    sentence: str
    releases: tuple[str, ...] = field(repr=False)


def checked_shock(growth: float, currency: float) -> tuple[float, float]:
    """Growth and currency change in percent, or an error that says how to write them.

    Warns
    -----
    GrowthAsShare
        If the growth lies within ±0.2, as a part of one would; it is read as percent all the same.
    """
    for name, value in (("growth", growth), ("currency", currency)):
        if not np.isfinite(value):
            raise VocabularyError(f"{name} is {value}; give a percent, say -3.8.")
        if value <= -100:
            raise VocabularyError(f"{name} is {value:g}%; nothing loses all it has. Give a percent above -100.")
    if 0 < abs(growth) < 0.2:
        warnings.warn(
            f"growth {growth:g} is read as {growth:g} percent, nearly nothing. If you meant {100 * growth:g}%, "
            f"write {100 * growth:g}.",
            GrowthAsShare,
            stacklevel=3,
        )
    if 0 < abs(currency) < 0.9:
        warnings.warn(
            f"currency {currency:g} is read as {currency:g} percent. If you meant {100 * currency:g}%, write "
            f"{100 * currency:g}.",
            GrowthAsShare,
            stacklevel=3,
        )
    return float(growth), float(currency)


def _years_of(table: pl.DataFrame, host: str) -> dict[int, float]:
    return dict(table.filter(pl.col("place") == host).select("year", "value").iter_rows())


def annual_shock(data: World, host: str, year: int) -> tuple[float, float]:
    """The host's growth and the change of its currency in a past year, percent, from annual averages.

    Raises
    ------
    NoEvidence
        If the host has no growth or no exchange rate for it.

    Examples
    --------
    >>> data = world(since=2012)
    >>> [round(v) for v in annual_shock(data, "RUS", 2015)]
    [-2, -37]
    """
    growth, rate = _years_of(data.growth, host), _years_of(data.rates, host)
    if year not in growth:
        raise NoEvidence(f"No growth of {host} in {year}; give growth=.")
    if year not in rate or year - 1 not in rate:
        held = f"{min(rate)}–{max(rate)}" if rate else "no year"
        raise NoEvidence(
            f"The currency of {host} lacks a rate in {year - 1} or {year} (known: {held}); give currency=."
        )
    return growth[year], 100 * (rate[year - 1] / rate[year] - 1)


def shocked(
    model: Elasticities,
    host: str,
    growth: float,
    currency: float,
    exposure: xr.DataArray,
    receivers: Sequence[str],
    *,
    seed: int = 0,
) -> pl.DataFrame:
    """Changes of what receivers get when one host's growth and currency change and nothing else does.

    Parameters
    ----------
    model
        A fit.
    host
        The host.
    growth, currency
        Percent: of real product, and of the dollars its currency buys.
    exposure
        Shares of hosts in what a place receives, dims (receiving, sending).
    receivers
        Whom to tell.
    """
    codes = tuple(str(c) for c in exposure["sending"].values)
    at = codes.index(host)
    n = len(receivers)
    one = np.zeros((n, len(codes)))
    one[:, at] = 1.0
    share = exposure.sel(receiving=list(receivers), sending=host).values
    g = np.zeros((n, len(codes)))
    e = np.zeros((n, len(codes)))
    g[:, at], e[:, at] = log_growth(growth), log_growth(currency)
    frame = pl.DataFrame(
        {"receiver": list(receivers), "host": [None] * n, "year": 0, "change": 0.0, "series": list(receivers)},
        schema=OBSERVED,
    )
    corridor = predict(model, Panel(frame, one, g, e, codes), seed=seed, noise=False)
    whole = corridor * share  # the other hosts do not change
    noise = predict(model, Panel(frame, 0 * one, 0 * g, 0 * e, codes), seed=seed)
    year = whole + noise
    lone = pl.Series("series", [f"{host}>{x}" for x in receivers])
    reported = predict(model, Panel(frame.with_columns(lone), one, g, e, codes), seed=seed)

    def told(draws: Array, name: str, low: str, high: str) -> list[pl.Series]:
        q = np.quantile(draws, [0.5, 0.1, 0.9], axis=0)
        return [pl.Series(k, 100 * np.expm1(v)) for k, v in zip((name, low, high), q, strict=True)]

    return pl.DataFrame(
        [
            pl.Series("place", list(receivers)),
            pl.Series("exposure", 100 * share),
            *told(corridor, "corridor", "corridor_low80", "corridor_high80"),
            *told(whole, "change", "change_low80", "change_high80"),
            *told(year, "median", "low80", "high80"),
            *told(reported, "reported_median", "reported_low80", "reported_high80"),
        ]
    )


def shock(
    host: str | int,
    *,
    growth: float | None = None,
    currency: float | None = None,
    year: int | None = None,
    receivers: Sequence[str] | None = None,
    top: int = 12,
    as_of: str | date | None = None,
    seed: int = 0,
    draws: int = 800,
    data: World | None = None,
) -> Shock:
    """What a change of a host's growth and currency does to those whose people work there.

    Parameters
    ----------
    host
        Code or name.
    growth
        Real growth, percent; by default what the year brought.
    currency
        Change of the dollars that its currency buys, percent, annual averages on both sides; by default what the year
        brought.
    year
        The year of the shock. The model learns from the years before it alone. By default the year after the last.
    receivers
        Whom to tell; by default those with a tenth or more from that host, the `top` most dependent.
    as_of, seed
        As everywhere.
    draws
        Kept of each of four chains; fewer may not settle, which raises.
    data
        From :func:`world`, to fetch it once for several shocks.

    Raises
    ------
    NoEvidence
        If the currency has no rate where one is needed, or nobody receives from the host.
    """
    code = one_place(host).code
    data = data if data is not None else world(as_of=as_of)
    last = max(data.exposures)
    year = last + 1 if year is None else year
    if year - 1 not in data.exposures or year < min(data.exposures) + 6:
        raise NoEvidence(f"{year} lies outside {min(data.exposures) + 6}–{last + 1}, the years that have a past here.")
    rates = _years_of(data.rates, code)
    if currency and not rates:
        raise NoEvidence(
            f"The currency of {code} has no rate in the evidence. Add one with keruen add, or leave it at 0."
        )
    if growth is None or currency is None:
        grown, moved = annual_shock(data, code, year)
        growth, currency = grown if growth is None else growth, moved if currency is None else currency
    growth, currency = checked_shock(growth, currency)
    exposure = data.exposures[year - 1]
    gdp = data.gdp.filter(pl.col("year") == year - 1).select("place", gdp="value")
    before = data.received.filter(pl.col("year") == year - 1).select("place", before="value")
    depends = before.join(gdp, on="place", how="left").with_columns(dependence=100 * pl.col("before") / pl.col("gdp"))
    if receivers is not None:
        chosen = [one_place(r).code for r in receivers]
    else:
        share = dict(zip(exposure["receiving"].values.tolist(), exposure.sel(sending=code).values, strict=True))
        near = depends.filter(pl.col("place").replace_strict(share, default=0.0, return_dtype=pl.Float64) >= 0.1)
        chosen = near.sort("dependence", descending=True, nulls_last=True)["place"].head(top).to_list()
    if not chosen:
        raise NoEvidence(f"Nobody who reports remittances has a tenth of them from {code}. Name receivers=.")
    model = fit(data.panel.rows(data.panel.frame["year"] < year), draws=draws, seed=seed)
    rows = shocked(model, code, growth, currency, exposure, chosen, seed=seed)
    rows = rows.join(depends.select("place", "dependence"), on="place", how="left", maintain_order="left")
    passed = _onward_of(data, until=year)
    kept = pl.col("dependence") / 100
    rows = rows.with_columns(
        gdp_points=kept * pl.col("change"),
        growth_points=passed.multiplier * kept * 100 * (1 + pl.col("change") / 100).log(),
        growth_low80=(passed.multiplier + 1.2816 * passed.se) * kept * 100 * (1 + pl.col("change") / 100).log(),
        growth_high80=(passed.multiplier - 1.2816 * passed.se) * kept * 100 * (1 + pl.col("change") / 100).log(),
    )
    now = data.panel.rows(data.panel.frame["year"] == year)
    seen = now.frame.with_columns(pct=100 * (pl.col("change").exp() - 1))
    whole = seen.filter(pl.col("host").is_null()).select(place="receiver", happened="pct")
    same = seen.filter(pl.col("host") == code).select(place="receiver", reported="pct")
    rows = rows.join(whole, on="place", how="left", maintain_order="left")
    rows = rows.join(same, on="place", how="left", maintain_order="left").with_columns(
        surprising=~pl.col("happened").is_between(pl.col("low80"), pl.col("high80"))
    )
    left = broken(model, now, seed=seed).filter(pl.col("host") == code) if len(now.frame) else pl.DataFrame()
    own = model.draws["mean"][:, 1:] + (model.draws["host"][:, model.hosts.index(code)] if code in model.hosts else 0.0)
    middle, low, high = np.quantile(own, [0.5, 0.1, 0.9], axis=0)
    told = {n: (float(middle[k]), float(low[k]), float(high[k])) for k, n in enumerate(("growth", "currency"))}
    return Shock(
        host=code, growth=growth, currency=currency, year=year, trained_to=model.until,
        elasticities=told, onward=passed, rows=rows, broken=left,
        sentence=_sentence(code, growth, currency, year, rows, left), releases=data.releases,
    )  # fmt: skip


def _sentence(host: str, growth: float, currency: float, year: int, rows: pl.DataFrame, left: pl.DataFrame) -> str:
    worst = rows.sort("change").row(0, named=True)
    said = (
        f"Growth of {growth:.1f}% and a currency of {currency:+.0f}% in {host} in {year}: what {worst['place']} "
        f"receives is expected to change by {worst['change']:.0f}% ({worst['change_low80']:.0f} to "
        f"{worst['change_high80']:.0f})"
    )
    if worst["happened"] is not None:
        said += f"; it changed by {worst['happened']:.0f}%"
    said += "."
    if not left.is_empty() and bool(left["broken"][0]):
        said += (
            f" The rule is broken in {year}: {100 * left['outside80'][0]:.0f}% of the {left['corridors'][0]} corridors "
            f"of {host} left their 80% interval, towards {left['direction'][0]}. Something else than growth and "
            "currency was at work."
        )
    return said


def _onward_of(data: World, until: int) -> Onward:
    """The multiplier of remittances on growth from the years before one."""
    gdp = data.gdp.select("place", "year", gdp="value")
    money = data.received.select("place", "year", "value")
    joined = (
        money.join(money.with_columns(year=pl.col("year") + 1, before="value").drop("value"), on=["place", "year"])
        .join(gdp.with_columns(year=pl.col("year") + 1), on=["place", "year"])
        .join(data.growth.select("place", "year", growth="value"), on=["place", "year"])
        .filter((pl.col("year") < until) & (pl.col("value") > 0) & (pl.col("before") > 0) & (pl.col("gdp") > 0))
        .with_columns(impulse=100 * pl.col("before") / pl.col("gdp") * (pl.col("value") / pl.col("before")).log())
        .filter(pl.col("impulse").abs() < 30)
    )
    return onward(
        joined["growth"].to_numpy(), joined["impulse"].to_numpy(), joined["place"].to_list(), joined["year"].to_list()
    )


def told(found: Shock) -> dict[str, Any]:
    """A shock as plain data: what was put in, what is expected of each receiver, what happened, and the sources."""
    from keruen.provenance import cite

    known = store.cards()
    return {
        "host": found.host,
        "year": found.year,
        "growth_percent": found.growth,
        "currency_percent": found.currency,
        "trained_to": found.trained_to,
        "elasticities": {
            name: dict(zip(("median", "low80", "high80"), values, strict=True))
            for name, values in found.elasticities.items()
        },
        "onward": {"multiplier": found.onward.multiplier, "se": found.onward.se, "n": found.onward.observations},
        "receivers": found.rows.to_dicts(),
        "rule": found.broken.to_dicts(),
        "sentence": found.sentence,
        "sources": [{"release": r, "cite": cite(r)} for r in found.releases if r in known],
    }
