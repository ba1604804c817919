"""Elasticities of money to the growth and the currency of those who send it: sampler, prediction, rolling origin.

One regression over all corridors: the change of the logarithm of dollars received on the growth of the hosts and on
the dollars that their currencies buy, each host with the weight that it had the year before. Hosts and receivers may
each differ from the rest as far as the evidence says (partial pooling). What is left has three parts: what a year
brought to all reports of a kind alike; an error of the series, of which every year may be an outlier; and a turbulence
that all reports of a kind share, calm or rough for years on end, so that the intervals of a year know what the years
before it were like. Bare arrays and a panel; nothing here reads the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from keruen.errors import NoEvidence
from keruen.estimators.turbulence import Turbulence
from keruen.posterior import diagnose

Array = NDArray[np.float64]
Index = NDArray[np.int64]

WIDE = 25.0
"""Variance of an outlier year over that of an ordinary one: five times the standard deviation."""

PRIOR_MEAN = np.array([0.03, 1.0, 0.5])
PRIOR_SD = np.array([0.10, 1.0, 0.5])
"""Of the mean drift, of the elasticity to growth and of that to the currency: wide, and within what has been argued."""

HOST_SCALE = np.array([0.5, 0.3])
RECEIVER_SCALE = np.array([0.05, 0.5, 0.3])
"""Scales of the half-Cauchy priors of how far hosts and receivers differ: (growth, currency) and with drift before."""

SHARED_SCALE = 0.05
"""Scale of the half-Cauchy prior of what a year brings to all reports of a kind alike."""

SHAPE = 2.5
"""Of the inverse gamma law by which the residual variances of a kind's series differ."""

BASE = 0.1
"""Mean of the exponential prior of a kind's typical residual variance."""

OUTLYING = (1.0, 9.0)
"""Of the beta prior of the part of outlier years."""

INNER = 2
"""Updates of states and scales for each update of the coefficients."""

HOST_EXPOSURE = 15.0
"""A host has elasticities of its own once the squares of its weights over all observations sum to this."""


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
    3), ``scale`` (draw, series), the spreads ``host_sd`` (draw, 2) and ``receiver_sd`` (draw, 3); by kind, inflows
    first and reported corridors second, ``base`` (the typical residual variance) and ``shared_sd``, both (draw, 2), and
    ``turbulence`` (draw, 2, year) of the years from `since` on; ``outlying``, ``persistence`` and ``roughness``, all
    (draw,). ``outlier`` gives each observation's posterior probability of being an outlier year. ``diagnostics`` has
    rank-normalised R-hat and effective draws of the pooled parameters.
    """

    hosts: tuple[str, ...] = field(repr=False)
    receivers: tuple[str, ...] = field(repr=False)
    series: tuple[str, ...] = field(repr=False)
    draws: dict[str, Array] = field(repr=False)
    outlier: pl.DataFrame = field(repr=False)
    diagnostics: pl.DataFrame
    observations: int
    since: int
    until: int


def _spread(sums: Array, n: Any, auxiliary: Array, rng: np.random.Generator, scale: Any) -> tuple[Array, Array]:
    """One Gibbs step of variances under half-Cauchy priors of their standard deviations (Makalic and Schmidt 2016)."""
    variance = 1 / rng.gamma((n + 1) / 2, 1 / (sums / 2 + 1 / auxiliary))
    auxiliary = 1 / rng.gamma(1.0, 1 / (1 / np.asarray(scale, float) ** 2 + 1 / variance))
    return variance, auxiliary


def _sums(at: Index, values: Any, size: int) -> Array:
    """Sums of values by where they belong."""
    return np.asarray(np.bincount(at, values, minlength=size), float)


def _normal(precision: Array, shift: Array, rng: np.random.Generator) -> Array:
    """Draws from normals told by precision and shift, batched."""
    factor = np.linalg.cholesky(precision)
    mean = np.linalg.solve(precision, shift[..., None])[..., 0]
    noise = rng.standard_normal(shift.shape)
    return np.asarray(mean + np.linalg.solve(np.swapaxes(factor, -1, -2), noise[..., None])[..., 0], float)


def _stretched(
    shared: Array, variance: Array, kind: Index, sharp: Array, pull: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Stretch what years share together with its spread: one hardly moves while the other stands still."""
    for reach in (0.3, 1.0, 1.0):
        by = reach * rng.standard_normal(2)
        wanted = shared * np.exp(by)[kind]
        fit = _sums(kind, pull * (wanted - shared) - sharp * (wanted**2 - shared**2) / 2, 2)
        prior = np.log1p(variance / SHARED_SCALE**2) - np.log1p(variance * np.exp(2 * by) / SHARED_SCALE**2)
        taken = np.log(rng.random(2)) < fit + prior + by
        variance = np.where(taken, variance * np.exp(2 * by), variance)
        shared = np.where(taken[kind], wanted, shared)
    return shared, variance, 1 / rng.gamma(1.0, 1 / (1 / SHARED_SCALE**2 + 1 / variance))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where every observation stands: its receiver, its series, its kind of report, its year among that kind's."""

    unit: Index
    series: Index
    group: Index
    """Of each series: 0 for inflows, 1 for reported corridors."""
    year: Index

    @property
    def kind(self) -> Index:
        return self.group[self.series]

    @property
    def years(self) -> int:
        return int(self.year.max()) + 1

    @property
    def cell(self) -> Index:
        """Of (kind, year), flat."""
        return self.kind * self.years + self.year


def _chain(
    y: Array, x: Array, z: Array, layout: _Layout, hosts: int, rng: np.random.Generator, warm: int, keep: int
) -> dict[str, Array]:
    """One chain of the Gibbs sampler: pooled and host coefficients `x`, receivers' `z`, what is left by kind.

    Observations come sorted by kind and year.
    """
    n, unit, series, group, cell = len(x), layout.unit, layout.series, layout.group, layout.cell
    units, kinds, cells = int(unit.max()) + 1, len(group), 2 * layout.years
    counts, sizes = np.bincount(series, minlength=kinds), np.bincount(group, minlength=2)
    told = np.bincount(cell, minlength=cells)
    by_year = np.asarray(told.reshape(2, -1), float)
    rough = Turbulence(np.cumsum(by_year, axis=1) > 0, np.zeros_like(by_year))
    alive = rough.alive.ravel()
    cell_kind, alive_of = np.repeat([0, 1], layout.years), rough.alive.sum(axis=1)
    prior_mean = np.concatenate([PRIOR_MEAN, np.zeros(2 * hosts)])
    theta = prior_mean + np.concatenate([PRIOR_SD * rng.standard_normal(3), np.zeros(2 * hosts)])
    v, shared = np.zeros((units, 3)), np.zeros(cells)
    variance = np.full(kinds, np.var(y) * rng.uniform(0.3, 1.5))
    base, outlying, wide = np.full(2, np.var(y)), 0.1, np.ones(n)
    host_var, host_aux = np.full(2, 0.1), np.ones(2)
    unit_var, unit_aux = np.full(3, 0.1), np.ones(3)
    shared_var, shared_aux = np.full(2, 1e-3), np.ones(2)
    order = np.argsort(unit, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(unit[order])) + 1])
    present = unit[order][starts]
    cell_starts = np.concatenate([[0], np.flatnonzero(np.diff(cell)) + 1])
    zz = (z[:, :, None] * z[:, None, :]).reshape(n, 9)[order]
    out: dict[str, list[Array]] = {}
    far = np.zeros(n)
    for step in range(warm + keep):
        w = np.exp(-rough.log).ravel()[cell] / (variance[series] * wide)
        precision = np.concatenate([1 / PRIOR_SD**2, np.tile(1 / host_var, hosts)])
        own = np.einsum("ij,ij->i", z, v[unit])
        # The coefficients with what years share summed out, then what years share given them: growth is world-wide too.
        sharp = _sums(cell, w, cells)
        whole = sharp + 1 / shared_var[cell_kind]
        root = np.sqrt(w)
        xw, yw = x * root[:, None], root * (y - own)
        by_cell = np.add.reduceat(xw * root[:, None], cell_starts, axis=0) / np.sqrt(whole[told > 0])[:, None]
        pull = _sums(cell, root * yw, cells)
        theta = _normal(
            xw.T @ xw - by_cell.T @ by_cell + np.diag(precision),
            xw.T @ yw - by_cell.T @ (pull / np.sqrt(whole))[told > 0] + precision * prior_mean,
            rng,
        )
        fitted = x @ theta
        pull = _sums(cell, w * (y - own - fitted), cells)
        shared = np.where(alive, pull / whole + rng.standard_normal(cells) / np.sqrt(whole), 0.0)
        shared, shared_var, shared_aux = _stretched(shared, shared_var, cell_kind, sharp, pull, rng)
        rest = y - fitted - shared[cell]
        a = np.add.reduceat(zz * w[order, None], starts, axis=0).reshape(-1, 3, 3)
        b = np.add.reduceat((z * (w * rest)[:, None])[order], starts, axis=0)
        v = rng.standard_normal((units, 3)) * np.sqrt(unit_var)
        v[present] = _normal(a + np.diag(1 / unit_var), b, rng)
        rest = y - fitted - np.einsum("ij,ij->i", z, v[unit])
        e2 = (rest - shared[cell]) ** 2
        # What all receivers, or all years, share and the pooled mean may trade places without touching the fit.
        trade = 1 / (units / unit_var + 1 / PRIOR_SD**2)
        moved = trade * (v.sum(axis=0) / unit_var - (theta[:3] - PRIOR_MEAN) / PRIOR_SD**2)
        moved = moved + np.sqrt(trade) * rng.standard_normal(3)
        theta[:3] += moved
        v -= moved
        held = alive / shared_var[cell_kind]
        one = 1 / (held.sum() + 1 / PRIOR_SD[0] ** 2)
        by = one * ((held * shared).sum() - (theta[0] - PRIOR_MEAN[0]) / PRIOR_SD[0] ** 2)
        by += np.sqrt(one) * rng.standard_normal()
        theta[0] += by
        shared = np.where(alive, shared - by, 0.0)
        for _ in range(INNER):  # states, their share and the scales hang together: let them settle on each other
            kappa = np.exp(rough.log).ravel()[cell]
            odds = np.log(outlying / (1 - outlying)) - 0.5 * np.log(WIDE)
            odds = odds + 0.5 * e2 / (variance[series] * kappa) * (1 - 1 / WIDE)
            odd = rng.random(n) < 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
            wide = np.where(odd, WIDE, 1.0)
            ordinary = e2 / wide
            outlying = float(rng.beta(OUTLYING[0] + odd.sum(), OUTLYING[1] + n - odd.sum()))
            around = _sums(cell, ordinary / variance[series], cells).reshape(2, -1)
            rough.step(by_year, around, rng)
            rough.stretch(by_year, around, rng)
            squares = _sums(series, ordinary * np.exp(-rough.log).ravel()[cell], kinds)
            variance = 1 / rng.gamma(SHAPE + counts / 2, 1 / (SHAPE * base[group] + squares / 2))
            sums = _sums(group, 1 / variance, 2)
            base = rng.gamma(1 + sizes * SHAPE, 1 / (1 / BASE + SHAPE * sums))
        base, variance = rough.trade(base, variance, group, BASE, rng)
        rough.settle(rng)
        if hosts:
            u = theta[3:].reshape(hosts, 2)
            host_var, host_aux = _spread((u**2).sum(axis=0), hosts, host_aux, rng, HOST_SCALE)
        unit_var, unit_aux = _spread((v**2).sum(axis=0), units, unit_aux, rng, RECEIVER_SCALE)
        sums = _sums(cell_kind, shared**2, 2)
        shared_var, shared_aux = _spread(sums, alive_of, shared_aux, rng, SHARED_SCALE)
        if step >= warm:
            far += odd
            for name, value in (("theta", theta), ("v", v), ("variance", variance), ("outlying", outlying),
                                ("host_var", host_var), ("unit_var", unit_var), ("shared_var", shared_var),
                                ("base", base), ("turbulence", np.where(rough.alive, rough.log, np.nan)),
                                ("persistence", rough.persistence),
                                ("roughness", np.sqrt(rough.variance))):  # fmt: skip
                out.setdefault(name, []).append(np.array(value))
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


def _noise(made: dict[str, Array]) -> Array:
    """The variance of what no driver foretells, of a typical series of each kind in the last year: (draw, kind)."""
    return np.asarray(made["shared_var"] + made["base"] * np.exp(made["turbulence"][:, :, -1]), float)


def fit(
    panel: Panel, *, chains: int = 4, draws: int = 600, warm: int = 250, seed: int = 0, check: bool = True
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
    when = panel.frame["year"].to_numpy()
    layout = _Layout(
        unit=np.array([receivers.index(r) for r in panel.frame["receiver"]]),
        series=np.array([series.index(s) for s in panel.frame["series"]]),
        group=np.array([_reported(s) for s in series], np.int64),
        year=when - when.min(),
    )
    order = np.argsort(layout.cell, kind="stable")
    layout = _Layout(layout.unit[order], layout.series[order], layout.group, layout.year[order])
    y, x, z = panel.frame["change"].to_numpy()[order], x[order], z[order]
    seeds = np.random.default_rng(seed).spawn(chains)
    with threadpool_limits(1):  # the matrices are small: threads would wait for each other
        made = [_chain(y, x, z, layout, len(own), rng, warm, draws) for rng in seeds]
    kinds = [k for k in (0, 1) if (layout.group == k).any()]
    told = {
        "growth": np.array([m["theta"][:, 1] for m in made]),
        "currency": np.array([m["theta"][:, 2] for m in made]),
        "outlying": np.array([m["outlying"] for m in made]),
        "noise": np.log([_noise(m)[:, kinds] for m in made]),
    }
    found = diagnose(told, rhat_below=1.05, ess_above=60, strict=check)
    diagnostics = pl.DataFrame(found.table, schema=["parameter", "rhat", "ess_bulk", "ess_tail"], orient="row")
    theta = np.concatenate([m["theta"] for m in made])
    joined = {k: np.concatenate([m[k] for m in made]) for k in made[0] if k != "far"}
    return Elasticities(
        hosts=tuple(panel.hosts[h] for h in own),
        receivers=tuple(receivers),
        series=tuple(series),
        draws={
            "mean": theta[:, :3],
            "host": theta[:, 3:].reshape(len(theta), len(own), 2),
            "receiver": joined["v"],
            "scale": np.sqrt(joined["variance"]),
            "host_sd": np.sqrt(joined["host_var"]),
            "receiver_sd": np.sqrt(joined["unit_var"]),
            "shared_sd": np.sqrt(joined["shared_var"]),
            **{k: joined[k] for k in ("outlying", "base", "turbulence", "persistence", "roughness")},
        },
        outlier=panel.frame.select("receiver", "host", "year", "series", "change").with_columns(
            p_outlier=pl.Series(np.mean([m["far"] for m in made], axis=0)[np.argsort(order)])
        ),
        diagnostics=diagnostics,
        observations=n,
        since=int(when.min()),
        until=int(when.max()),
    )


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
    kind = np.array([int(_reported(name)) for name in panel.frame["series"]])
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
