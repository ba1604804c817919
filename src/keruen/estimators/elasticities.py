"""Elasticities of money to the growth and the currency of those who send it: the panel, the model, its sampler.

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
from keruen.estimators import hamiltonian, turbulence
from keruen.estimators.hamiltonian import Gait
from keruen.estimators.pooling import Pooling
from keruen.estimators.turbulence import BASE, WIDE
from keruen.posterior import Diagnosis, diagnose

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PRIOR_MEAN = np.array([0.03, 1.0, 0.5])
PRIOR_SD = np.array([0.10, 1.0, 0.5])
"""Of the mean drift, of the elasticity to growth and of that to the currency: wide, and within what has been argued."""

HOST_SCALE = np.array([0.5, 0.3])
RECEIVER_SCALE = np.array([0.05, 0.5, 0.3])
"""Scales of the half-Cauchy priors of how far hosts and receivers differ: (growth, currency) and with drift before."""

SHARED_SCALE = 0.05
"""Scale of the half-Cauchy prior of what a year brings to all reports of a kind alike."""

HOST_EXPOSURE = 15.0
"""A host has elasticities of its own once the squares of its weights over all observations sum to this."""

ANGLE = 5.0
"""Length of a path of the spreads, on the scale of their density given which years are outliers: it is the narrower."""

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
    rank-normalised R-hat and effective draws of all that is pooled and of the hosts' elasticities.
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


def is_reported(series: str) -> bool:
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


@dataclass(frozen=True, slots=True)
class _Posed:
    """The regression of a panel, and who is who in it."""

    pooling: Pooling
    cell: tuple[Index, Index]
    """Of every observation its series and its cell, a year of a kind."""
    kind: Index
    """Of every cell."""
    hosts: tuple[int, ...]
    receivers: tuple[str, ...]
    series: tuple[str, ...]
    kinds: tuple[int, ...]
    """Kinds of report that the panel has: 0 for inflows, 1 for reported corridors."""
    since: Index
    """The first year of each kind, from the panel's first."""
    years: int


def _posed(panel: Panel) -> _Posed:
    frame = panel.frame
    own = [int(h) for h in np.flatnonzero((panel.exposure**2).sum(axis=0) >= HOST_EXPOSURE)]
    x, z = design(panel, own)
    receivers, unit = np.unique(frame["receiver"].to_list(), return_inverse=True)
    series, which = np.unique(frame["series"].to_list(), return_inverse=True)
    kinds, kind = np.unique([int(is_reported(s)) for s in series], return_inverse=True)
    year = frame["year"].to_numpy() - frame["year"].min()
    years = int(year.max()) + 1
    since = np.array([year[kind[which] == k].min() for k in range(len(kinds))])
    starts = np.concatenate([[0], np.cumsum(years - since)])
    cell = starts[kind[which]] + year - since[kind[which]]
    of_cell = np.repeat(np.arange(len(kinds)), years - since)
    hosts = np.tile([0, 1], len(own))
    family = np.concatenate([hosts, of_cell + (2 if own else 0)])
    scale = np.concatenate([HOST_SCALE if own else [], np.full(len(kinds), SHARED_SCALE), RECEIVER_SCALE])
    return _Posed(
        Pooling(frame["change"].to_numpy(), x, cell, family, z, unit, PRIOR_MEAN, PRIOR_SD, scale),
        (which, cell), of_cell,
        tuple(own), tuple(receivers.tolist()), tuple(series.tolist()), tuple(kinds.tolist()), since, years,
    )  # fmt: skip


class _Chains:
    """Chains of the sampler, and what they kept.

    A step draws which years are outliers, moves the spreads along the gradient of a density from which the coefficients
    are integrated out, draws the coefficients, and moves the sizes of the errors along the gradient of a density from
    which the outliers are summed out.
    """

    def __init__(self, posed: _Posed, chains: int, rng: np.random.Generator):
        self.posed, self.chains, self.rng = posed, chains, rng
        y, families = posed.pooling.answer, len(posed.pooling.scale)
        first = np.concatenate([[True], np.diff(posed.kind) > 0])
        self.sizes = turbulence.begin(*posed.cell, posed.kind, first, chains, float(np.var(y)), rng)
        self.spreads, self.gait = 0.7 * rng.standard_normal((chains, families)), Gait(0.3 * np.eye(families), 0.5)
        # Where there is no residual yet, every year may be an outlier.
        _, sharp, _, _ = self.sizes.told(self.sizes.q, np.zeros((chains, len(y))))
        self.told: tuple[Array, Array] = sharp, np.full((chains, len(y)), 0.1)
        self.kept: dict[str, list[Array]] = {}
        self.odd = np.zeros(len(y))

    def step(self) -> tuple[float, float, Array, Array]:
        """One step of every chain: how readily its two paths were taken, and its coefficients."""
        pooling, rng = self.posed.pooling, self.rng
        sharp, odd = self.told
        weight = sharp / np.where(rng.random(odd.shape) < odd, WIDE, 1.0)
        sums = [pooling.sums(w) for w in weight]

        def target(q: Array) -> tuple[Array, Array, Any]:
            return pooling.density(q, sums)

        begun = target(self.spreads)
        self.spreads, now, ready = hamiltonian.step(self.spreads, begun, target, self.gait, rng, angle=ANGLE)
        self.slopes = now[1]
        drawn = [pooling.draw(*at, rng) for at in zip(self.spreads, sums, zip(*now[2], strict=True), strict=True)]
        wide, own, left = (np.stack(d) for d in zip(*drawn, strict=True))
        willing, sharp, odd = self.sizes.step(left**2, rng)
        self.told = sharp, odd
        return float(ready.mean()), willing, wide, own

    def warm(self, steps: int) -> None:
        """Learn how to walk."""
        places, slopes = [], []
        for at in range(steps):
            ready, willing, _, _ = self.step()
            places.append(self.sizes.place)
            self.gait.learn(ready)
            self.sizes.gait.learn(willing)
            slopes.append(self.slopes)
            if at in (steps // 3, 2 * steps // 3):
                self.gait.reshape_by_slopes(np.concatenate(slopes[at // 3 :]))
                self.gait.restart()
                self.sizes.pilot = np.concatenate(places[at // 2 :]).mean(axis=0)
        self.gait.settle()
        self.sizes.gait.settle()

    def keep(self, draws: int) -> None:
        """So many steps more, kept."""
        posed = self.posed
        hosts, kinds = len(posed.hosts), list(posed.kinds)
        for _ in range(draws):
            _, _, wide, own = self.step()
            s = self.sizes.named
            spread, _ = posed.pooling.spreads(self.spreads)
            base, shared = self._missing()
            base[:, kinds], shared[:, kinds] = s["base"], spread[:, -3 - len(kinds) : -3]
            rough = np.full((self.chains, 2, posed.years), np.nan)
            for k, kind in enumerate(kinds):
                rough[:, kind, posed.since[k] :] = s["turbulence"][:, posed.kind == k]
            now = {
                "mean": wide[:, :3],
                "host": wide[:, 3 : 3 + 2 * hosts].reshape(self.chains, hosts, 2),
                "receiver": own,
                "scale": np.exp(0.5 * s["own"]) * np.sqrt(base[:, [int(is_reported(x)) for x in posed.series]]),
                "host_sd": spread[:, :2] if hosts else np.abs(self.rng.standard_cauchy((self.chains, 2))) * HOST_SCALE,
                "receiver_sd": spread[:, -3:],
                "shared_sd": shared,
                "base": base,
                "turbulence": rough,
                **{name: s[name] for name in ("outlying", "persistence", "roughness")},
            }
            self.odd += self.told[1].mean(axis=0)
            for name, value in now.items():
                self.kept.setdefault(name, []).append(np.array(value))

    def _missing(self) -> tuple[Array, Array]:
        """Base and spread of years of a kind of which nothing is reported: from their priors."""
        rng = self.rng
        return rng.exponential(BASE, (self.chains, 2)), np.abs(rng.standard_cauchy((self.chains, 2))) * SHARED_SCALE

    def draws(self) -> dict[str, Array]:
        """All that was kept, (chain, draw, …)."""
        return {name: np.stack(values, axis=1) for name, values in self.kept.items()}


def _watched(draws: dict[str, Array], posed: _Posed) -> dict[str, Array]:
    """What must settle: everything pooled, and the hosts' own elasticities."""
    kinds = list(posed.kinds)
    last = draws["turbulence"][:, :, kinds, -1]
    base, shared = draws["base"][:, :, kinds], draws["shared_sd"][:, :, kinds]
    own = {"host": draws["mean"][:, :, None, 1:] + draws["host"], "host_sd": draws["host_sd"]} if posed.hosts else {}
    return {
        **dict(zip(("drift", "growth", "currency"), np.moveaxis(draws["mean"], -1, 0), strict=True)),
        **own,
        "receiver_sd": draws["receiver_sd"],
        "shared_sd": shared,
        "base": base,
        "noise": np.log(shared**2 + base * np.exp(last)),  # of a typical series in the last year, by kind
        **{name: draws[name] for name in ("outlying", "persistence", "roughness")},
    }


def fit(
    panel: Panel,
    *,
    chains: int = 4,
    draws: int = 350,
    warm: int = 80,
    most: int = 2400,
    ess_above: float = 400,
    rhat_below: float = 1.01,
    seed: int = 0,
    check: bool = True,
) -> Elasticities:
    """Elasticities of remittances to hosts' growth and currencies, pooled over all corridors.

    Parameters
    ----------
    panel
        Observations.
    chains, draws, warm, most
        Draws are kept per chain after `warm` that are not; more of them until they suffice, `most` at most.
    ess_above, rhat_below
        What suffices: effective draws of bulk and tails, and rank-normalised R-hat, of everything pooled and of the
        hosts' elasticities.
    seed
        Of the random draws.
    check
        Take more draws until they suffice, and raise if they never do.

    Raises
    ------
    NotConverged
        If the chains have not settled after `most` draws.
    NoEvidence
        If there are fewer than thirty observations.

    References
    ----------
    Liu (1994), JASA 89, collapsed Gibbs; Neal (2011), Hamiltonian dynamics; Hoffman and Gelman (2014), JMLR 15.
    """
    n = len(panel.frame)
    if n < 30:
        raise NoEvidence(f"Elasticities rest on {n} changes of a year; thirty are the least.")
    posed = _posed(panel)
    walk = _Chains(posed, chains, np.random.default_rng(seed))
    with threadpool_limits(1), np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # paths that fly off
        walk.warm(warm)
        wanted, made = draws, 0
        while True:
            walk.keep(wanted - made)
            made, told = wanted, _watched(walk.draws(), posed)
            found = diagnose(told, rhat_below=rhat_below, ess_above=ess_above, strict=check and made >= most)
            least = min(found.ess_bulk, found.ess_tail)
            if not check or made >= most or (found.rhat < rhat_below and least >= ess_above):
                break
            wanted = min(most, int(made * float(np.clip(1.1 * ess_above / max(least, 1.0), 1.15, 2.5))))
    joined = {name: value.reshape(chains * made, *value.shape[2:]) for name, value in walk.draws().items()}
    return Elasticities(
        hosts=tuple(panel.hosts[h] for h in posed.hosts),
        receivers=posed.receivers,
        series=posed.series,
        draws=joined,
        outlier=panel.frame.select("receiver", "host", "year", "series", "change").with_columns(
            p_outlier=pl.Series(walk.odd / made)
        ),
        diagnostics=_table(found),
        observations=n,
        since=int(panel.frame["year"].min()),  # type: ignore[arg-type]
        until=int(panel.frame["year"].max()),  # type: ignore[arg-type]
    )


def _table(found: Diagnosis) -> pl.DataFrame:
    return pl.DataFrame(found.table, schema=["parameter", "rhat", "ess_bulk", "ess_tail"], orient="row")


def simulate(panel: Panel, rng: np.random.Generator) -> tuple[Panel, dict[str, Any]]:
    """Changes drawn from the prior on a panel's drivers, and the truth behind them: for simulation-based calibration.

    The truth goes by the names of :class:`Elasticities`, without the dimension of draws.
    """
    posed = _posed(panel)
    p, kinds, (which, cell) = posed.pooling, list(posed.kinds), posed.cell

    def cauchy(scale: Any) -> Array:
        return np.asarray(np.abs(rng.standard_cauchy(np.shape(scale))) * scale)

    mean = rng.normal(PRIOR_MEAN, PRIOR_SD)
    host_sd, receiver_sd, shared_sd = cauchy(HOST_SCALE), cauchy(RECEIVER_SCALE), cauchy(np.full(2, SHARED_SCALE))
    host = rng.normal(0, host_sd, (len(posed.hosts), 2))
    receiver = rng.normal(0, receiver_sd, (p.units, 3))
    base, outlying = rng.exponential(turbulence.BASE, 2), float(rng.beta(*turbulence.OUTLYING))
    of_series = np.array([int(is_reported(s)) for s in posed.series])
    variance = 1 / rng.gamma(turbulence.SHAPE, 1 / (turbulence.SHAPE * base[of_series]))
    phi, rough = turbulence.law(rng)
    walk = np.full((2, posed.years), np.nan)
    for k, kind in enumerate(kinds):
        begins = int(posed.since[k])
        walk[kind, begins] = rough / np.sqrt(1 - phi**2) * rng.standard_normal()
        for t in range(begins + 1, posed.years):
            walk[kind, t] = phi * walk[kind, t - 1] + rough * rng.standard_normal()
    log = np.concatenate([walk[kind, posed.since[k] :] for k, kind in enumerate(kinds)])
    shared = rng.normal(0, shared_sd[np.array(kinds)[posed.kind]])
    wide = np.where(rng.random(len(cell)) < outlying, WIDE, 1.0)
    change = p.dense @ np.concatenate([mean, host.ravel()]) + shared[cell]
    change += np.einsum("ij,ij->i", p.own, receiver[p.unit])
    change += np.sqrt(variance[which] * wide * np.exp(log[cell])) * rng.standard_normal(len(cell))
    truth = {
        "mean": mean, "host": host, "receiver": receiver, "host_sd": host_sd, "receiver_sd": receiver_sd,
        "shared_sd": shared_sd, "base": base, "scale": np.sqrt(variance), "turbulence": walk, "outlying": outlying,
        "persistence": phi, "roughness": rough,
    }  # fmt: skip
    told = panel.frame.with_columns(change=pl.Series(change))
    return Panel(told, panel.exposure, panel.growth, panel.currency, panel.hosts), truth
