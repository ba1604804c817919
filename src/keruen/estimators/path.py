"""A latent yearly path from reports with errors that run along time and along editions: a collapsed Gaussian sampler.

Given a handful of scales everything is Gaussian, so the path is integrated out: the scales are sampled against the
marginal likelihood, and the path is then drawn exactly. Heavy-tailed innovations are scale mixtures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from keruen.errors import ModelError, NotConverged
from keruen.posterior import ess, rhat

Array = NDArray[np.float64]
NAMES = ("phi", "sigma", "tau_un", "tau_register", "tau_coverage")
WAYS = 4
_TINY = 1e-4  # per 1,000: what "without error" means


@dataclass(frozen=True, slots=True)
class Prior:
    """Priors, as data. Rates are per 1,000 a year.

    ``phi`` (mean, sd) on (0, 1); ``sigma``, ``tau_un``, ``tau_register``, ``tau_coverage`` (median, sd of the log);
    ``kappa`` (a, b) of a Beta: correlation of the errors of neighbouring editions; ``rho`` correlation of one error
    from year to year; ``rho_coverage`` the same of coverage; ``loading`` (mean, sd) of an edition on the register's
    error; ``level`` sd of the long-run mean; ``first`` sd of the first year; ``freedom`` of Student's t of innovations.
    """

    phi: tuple[float, float] = (0.8, 0.15)
    sigma: tuple[float, float] = (1.0, 0.4)
    tau_un: tuple[float, float] = (1.5, 0.3)
    tau_register: tuple[float, float] = (1.0, 0.3)
    tau_coverage: tuple[float, float] = (0.05, 0.15)
    kappa: tuple[float, float] = (7.0, 3.0)
    rho: float = 0.85
    rho_coverage: float = 0.95
    loading: tuple[float, float] = (0.3, 0.4)
    level: float = 3.0
    first: float = 25.0
    freedom: float = 3.0


@dataclass(frozen=True, slots=True)
class Design:
    """Who reports which years: everything about the reports but their values.

    Attributes
    ----------
    years
        Calendar years of the path.
    weights
        (cell, year) of the lineage's figures; each row adds to one.
    edition
        Position of each cell's edition among the lineage's editions.
    order
        Where each edition stands; distances between them are powers of kappa.
    scale
        (edition, year): the error's size relative to ``tau_un``.
    register
        Years in which the main register reports.
    arrivals, departures
        Reported rates in those years; zero where only a balance is told.
    coverage
        (mean, sd) of 1 / coverage − 1, of arrivals and of departures.
    register_scale
        (year of the register) the size of its remaining error relative to ``tau_register``.
    plain_weights, plain_sd
        Reports with an independent error of known size.
    restless
        (year) usual size of a year's innovation, per 1,000: large flows change by more. ``sigma`` multiplies it.
    """

    years: NDArray[np.int64]
    weights: Array
    edition: NDArray[np.int64]
    order: Array
    scale: Array
    register: NDArray[np.bool_]
    arrivals: Array
    departures: Array
    coverage: tuple[tuple[float, float], tuple[float, float]]
    register_scale: Array
    plain_weights: Array
    plain_sd: Array
    restless: Array
    prior: Prior = field(default_factory=Prior)

    @property
    def length(self) -> int:
        return int(self.years.size)

    @property
    def editions(self) -> int:
        return int(self.order.size)


@dataclass(frozen=True, slots=True)
class Reports:
    """The figures, as rates per 1,000 a year: of the lineage's cells, of the register's years, and plain ones."""

    lineage: Array
    register: Array
    plain: Array


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws of a posterior: (chain, draw, …), named ``rates`` (year) and the scales."""

    rates: Array
    scales: dict[str, Array]
    loading: Array
    draws: int
    rhat_max: float
    ess_min: float
    worst: str
    accepted: float


def kappas(prior: Prior, points: int = 7) -> Array:
    """The grid that stands for the Beta of kappa: midpoints of equal masses. One point, if its second number is 0."""
    a, b = prior.kappa
    if b == 0:
        return np.array([a])
    return np.asarray(stats.beta(a, b).ppf((np.arange(points) + 0.5) / points))


def _along(times: Array, rho: float) -> Array:
    return np.asarray(rho ** np.abs(times[:, None] - times[None, :]))


def _natural(z: Array, prior: Prior) -> dict[str, Array]:
    """Scales from standard normals (…, 5)."""
    mean, sd = prior.phi
    low, high = special.ndtr((0 - mean) / sd), special.ndtr((1 - mean) / sd)
    share = np.clip(special.ndtr(z[..., 0]), 1e-12, 1 - 1e-12)
    out = {"phi": mean + sd * special.ndtri(low + share * (high - low))}
    for at, name in enumerate(NAMES[1:], 1):
        median, spread = getattr(prior, name)
        out[name] = median * np.exp(spread * z[..., at])
    return out


class _Model:
    """What does not change while the sampler runs: whitened cells for every kappa, and fixed precisions."""

    def __init__(self, design: Design, reports: Reports, loaded: bool = True):
        self.design, self.prior = design, design.prior
        t = design.length
        self.t, self.at = t, np.flatnonzero(design.register)
        self.register = np.asarray(reports.register, dtype=float)
        seen = np.zeros(t)
        seen[self.at] = self.register
        masked = design.weights * design.register
        self.grid = kappas(self.prior)
        self.n = design.weights.shape[0]
        self.loads = design.editions if (loaded and self.at.size and self.n) else 0
        roots = [_root(design, k, self.prior.rho) for k in self.grid]
        plain = np.column_stack([design.weights, reports.lineage])
        told = np.column_stack([masked, masked @ seen])
        self.white = np.stack([np.linalg.solve(r, plain) for r in roots])  # (kappa, cell, year + 1)
        member = design.edition[:, None] == np.arange(design.editions)[None, :]
        self.whites = np.stack(
            [[np.linalg.solve(r, told * member[:, [e]]) for e in range(self.loads)] for r in roots]
        ).reshape(len(roots), self.loads, self.n, t + 1)
        self.log_root = np.array([2 * np.log(np.diag(r)).sum() for r in roots])
        sd = np.maximum(design.plain_sd, _TINY)
        scaled = design.plain_weights / sd[:, None]
        self.plain_precision = scaled.T @ scaled
        self.plain_pull = scaled.T @ (reports.plain / sd)
        runs = self.at.size and self.at[-1] - self.at[0] + 1 == self.at.size
        span = slice(self.at[0], self.at[-1] + 1) if runs else None
        self.block = (span, span) if span else (self.at[:, None], self.at[None, :])
        self.inverse_roots = np.stack([np.linalg.inv(r) for r in roots]) if self.n else np.zeros((len(roots), 0, 0))
        self.masked = masked
        self.reported = np.asarray(reports.lineage, dtype=float)
        self.seen = seen
        self.times = design.years[self.at].astype(float)
        (a, sa), (d, sd_) = design.coverage
        self.bias = design.departures * d - design.arrivals * a
        outer = np.outer
        self.c_mean = sa**2 * outer(design.arrivals, design.arrivals) + sd_**2 * outer(
            design.departures, design.departures
        )
        slow = _along(self.times, self.prior.rho_coverage)
        self.c_cover = slow * (outer(design.arrivals, design.arrivals) + outer(design.departures, design.departures))
        self.c_own = _along(self.times, self.prior.rho) * outer(design.register_scale, design.register_scale)

    def error(self, s: Mapping[str, Array]) -> Array:
        """Covariance of the register's error (…, year, year)."""
        tau, cover = s["tau_register"][..., None, None] ** 2, s["tau_coverage"][..., None, None] ** 2
        return np.asarray(self.c_mean + cover * self.c_cover + tau * self.c_own + _TINY**2 * np.eye(self.at.size))

    def lineage(self, kappa: NDArray[np.int64], loading: Array) -> Array:
        """Products of whitened cells, for each walker (walker, year + 1, year + 1)."""
        v = self.white[kappa]
        if self.loads:
            w = self.whites[kappa]
            v = v - np.matmul(loading[:, None, :], w.reshape(*w.shape[:2], -1))[:, 0].reshape(v.shape)
        return np.asarray(v.transpose(0, 2, 1) @ v)

    def registered(self, s: Mapping[str, Array]) -> tuple[Array, Array, Array]:
        """Precision, pull and log density at zero of the register's report, given its scales."""
        k = self.at.size
        walkers = s["phi"].shape[0]
        if not k:
            return np.zeros((walkers, 0, 0)), np.zeros((walkers, 0)), np.zeros(walkers)
        cov = self.error(s)
        root = np.linalg.cholesky(cov)
        inverse = np.linalg.inv(cov)
        target = self.register - self.bias
        pull = inverse @ target
        log = -np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(-1) - 0.5 * (pull * target).sum(-1)
        return np.asarray(inverse), np.asarray(pull), np.asarray(log)

    def gather(
        self,
        s: Mapping[str, Array],
        mixing: Array,
        products: Array,
        told: tuple[Array, Array, Array],
        kappa: NDArray[np.int64],
    ) -> tuple[Array, Array, Array]:
        """Root of the posterior's precision, its mean, and the marginal log likelihood."""
        t, prior = self.t, self.prior
        walkers = s["phi"].shape[0]
        phi, variance = s["phi"][:, None], (s["sigma"][:, None] * self.design.restless[1:]) ** 2 * mixing
        tau = s["tau_un"] ** 2
        p = np.zeros((walkers, t + 2, t + 2))  # the lower half is read
        q = p[:, t + 1, : t + 1]
        share = products / tau[:, None, None]
        p[:, :t, :t] = share[:, :t, :t] + self.plain_precision
        q[:, :t] = share[:, :t, t] + self.plain_pull
        inverse, pull, log_register = told
        if self.at.size:
            p[:, self.block[0], self.block[1]] += inverse
            q[:, self.at] += pull
        weight = 1 / variance
        drift = 1 - phi
        flat = p.reshape(walkers, (t + 2) ** 2)  # diagonals are strides of it
        flat[:, :: t + 3][:, 1:t] += weight
        flat[:, :: t + 3][:, : t - 1] += phi**2 * weight
        flat[:, t + 2 :: t + 3][:, : t - 1] -= phi * weight
        p[:, 0, 0] += prior.first**-2
        p[:, t, 1:t] -= drift * weight
        p[:, t, : t - 1] += phi * drift * weight
        p[:, t, t] = (drift**2 * weight).sum(1) + prior.level**-2
        p[:, t + 1, t + 1] = 1e18  # the last row of the root is then root⁻¹ q
        whole = np.linalg.cholesky(p)
        root, half = whole[:, :-1, :-1], whole[:, -1, :-1]
        log = (
            -0.5 * np.log(variance).sum(1)
            - np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(1)
            + 0.5 * (half**2).sum(1)
            - 0.5 * share[:, t, t]
            - 0.5 * self.n * np.log(tau)
            - 0.5 * self.log_root[kappa]
            + log_register
        )
        return np.asarray(root), np.asarray(half), np.asarray(log)


def _root(design: Design, kappa: float, rho: float) -> Array:
    """Cholesky root of the errors of the lineage's cells, in units of tau."""
    if not design.weights.shape[0]:
        return np.zeros((0, 0))
    sized = design.weights * design.scale[design.edition]
    time = sized @ _along(design.years.astype(float), rho) @ sized.T
    apart = np.abs(design.order[:, None] - design.order[None, :])
    along = np.where(apart == 0, 1.0, float(kappa) ** apart)
    cov = time * along[np.ix_(design.edition, design.edition)]
    return np.asarray(np.linalg.cholesky(cov + np.diag(0.02 * np.diag(cov))))


def _other_kappa(
    kappa: NDArray[np.int64], grid: Array, z: Array, prior: Prior, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A neighbouring kappa for each chain, or the same; tau moves along, so that editions differ as much as before."""
    trial = kappa + rng.integers(-2, 3, kappa.size)
    legal = (trial >= 0) & (trial < grid.size)
    trial = np.where(legal, trial, kappa)
    z[:, 2] += 0.5 * np.log((1 - grid[kappa]) / (1 - grid[trial])) / prior.tau_un[1]
    return trial, legal


def _inverse_gamma(shape: float, rate: Array, rng: np.random.Generator) -> Array:
    return np.asarray(rate / rng.standard_gamma(shape, rate.shape))


def sample(
    design: Design,
    reports: Reports,
    *,
    rng: np.random.Generator,
    chains: int = 4,
    warmup: int = 300,
    draws: int = 800,
    most: int = 6400,
    ess_above: float = 400,
    rhat_below: float = 1.01,
    loaded: bool = True,
    strict: bool = True,
) -> Draws:
    """Draws of the path and of its scales; more are taken until they suffice.

    Parameters
    ----------
    design, reports
        Who reports which years, and what.
    rng
        Source of randomness.
    warmup, draws, most
        Steps thrown away, steps of the first round, and the most steps that are kept.
    loaded
        Editions may load on the register's error.
    strict
        Refuse draws that did not settle.

    Raises
    ------
    NotConverged
        With the quantity, the number and the remedy.

    References
    ----------
    Liu (1994), JASA 89, collapsed Gibbs; Yu and Meng (2011), JCGS 20, interweaving.
    """
    with threadpool_limits(1):
        return _sample(design, reports, rng, chains, warmup, draws, most, ess_above, rhat_below, loaded, strict)


def _sample(
    design: Design, reports: Reports, rng: np.random.Generator, chains: int, warmup: int, draws: int, most: int,
    ess_above: float, rhat_below: float, loaded: bool, strict: bool,
) -> Draws:  # fmt: skip
    m = _Model(design, reports, loaded)
    prior, t, free = m.prior, m.t, m.prior.freedom
    # Scales that nothing depends on are left at their prior by drawing them afresh each step.
    used = np.array(
        [True, True, m.n > 0, m.at.size > 0, m.at.size > 0 and bool((design.arrivals + design.departures).any())]
    )
    dims = np.flatnonzero(used)
    parts = [dims[dims < 2], dims[dims > 2]]
    others = dims.size + m.loads
    directions = np.vstack([0.5 * np.eye(others)])
    z = rng.standard_normal((chains, 5)) * 0.7
    kappa = rng.integers(0, m.grid.size, chains)
    loading = prior.loading[0] + 0.5 * prior.loading[1] * rng.standard_normal((chains, m.loads))
    mixing = np.ones((chains, t - 1))
    s = _natural(z, prior)
    products, told = m.lineage(kappa, loading), m.registered(s)
    seen: list[Array] = []
    shapes = [0.5 * np.eye(p.size) for p in parts]
    steps = [0.0, 0.0, 0.0]
    kept: dict[str, list[Array]] = {k: [] for k in ("rates", "z", "kappa", "loading")}
    accepted, tried, at, wanted = 0.0, 0, 0, draws
    found: tuple[float, float, str] = (np.inf, 0.0, "")
    while True:
        # 1. Scales, against the likelihood from which the path is integrated out.
        root, half, log = m.gather(s, mixing, products, told, kappa)
        for which in (0, 2, 1):
            if which != 2 and not parts[which].size:
                continue
            trial_z, trial_kappa, trial_loading = z.copy(), kappa, loading
            trial_products, trial_told = products, told
            legal = np.ones(chains, dtype=bool)
            size = 1.7 * np.exp(steps[which])
            if which < 2:
                part = parts[which]
                trial_z[:, part] += size * rng.standard_normal((chains, part.size)) @ shapes[which].T
                trial_s = _natural(trial_z, prior)
                if which:
                    trial_told = m.registered(trial_s)
            else:
                # Along one learnt direction of all scales and loadings: slow ridges have long directions.
                way = directions[rng.integers(0, len(directions), chains)]
                shift = size * rng.standard_normal((chains, 1)) * way
                trial_z[:, dims] += shift[:, : dims.size]
                trial_loading = loading + shift[:, dims.size :]
                if m.n and m.grid.size > 1:
                    trial_kappa, legal = _other_kappa(kappa, m.grid, trial_z, prior, rng)
                trial_s = _natural(trial_z, prior)
                trial_products, trial_told = m.lineage(trial_kappa, trial_loading), m.registered(trial_s)
            trial = m.gather(trial_s, mixing, trial_products, trial_told, trial_kappa)
            ratio = trial[2] - log - 0.5 * ((trial_z**2).sum(1) - (z**2).sum(1))
            if which == 2 and m.loads:
                centre, spread = prior.loading
                ratio -= 0.5 * (((trial_loading - centre) ** 2).sum(1) - ((loading - centre) ** 2).sum(1)) / spread**2
            take = legal & (np.log(rng.random(chains)) < ratio)
            z = np.where(take[:, None], trial_z, z)
            s = {k: np.where(take, trial_s[k], s[k]) for k in s}
            root = np.where(take[:, None, None], trial[0], root)
            half = np.where(take[:, None], trial[1], half)
            log = np.where(take, trial[2], log)
            if which:
                kappa = np.where(take, trial_kappa, kappa)
                loading = np.where(take[:, None], trial_loading, loading)
                products = np.where(take[:, None, None], trial_products, products)
                told = (
                    np.where(take[:, None, None], trial_told[0], told[0]),
                    np.where(take[:, None], trial_told[1], told[1]),
                    np.where(take, trial_told[2], told[2]),
                )
            if at < warmup:
                steps[which] += (float(take.mean()) - 0.4) * min(0.5, 5 / np.sqrt(at + 1))
            else:
                accepted, tried = accepted + float(take.mean()), tried + 1
        idle = np.flatnonzero(~used)
        z[:, idle] = rng.standard_normal((chains, idle.size))

        # 2. The path, exactly.
        noise = half + rng.standard_normal((chains, t + 1))
        x = np.asarray(np.linalg.solve(root.transpose(0, 2, 1), noise[..., None])[..., 0])
        rates, level = x[:, :t], x[:, t:]

        # 3. Sizes of the innovations, and a move along the ridge that they share with sigma.
        phi = s["phi"][:, None]
        jump = rates[:, 1:] - phi * rates[:, :-1] - (1 - phi) * level
        mixing = _inverse_gamma(
            (free + 1) / 2, (free + (jump / (s["sigma"][:, None] * design.restless[1:])) ** 2) / 2, rng
        )
        for _ in range(2):
            a = 0.35 * rng.standard_normal(chains)  # sigma falls by exp(a / 2), mixing rises by exp(a)
            bigger = mixing * np.exp(a)[:, None]
            shifted = z[:, 1] - a / 2 / prior.sigma[1]
            ratio = (
                -0.5 * (shifted**2 - z[:, 1] ** 2)
                - (free / 2 + 1) * a * (t - 1)
                - free / 2 * (1 / bigger - 1 / mixing).sum(1)
                + a * (t - 1)
            )
            take = np.log(rng.random(chains)) < ratio
            z[:, 1] = np.where(take, shifted, z[:, 1])
            mixing = np.where(take[:, None], bigger, mixing)
        s = _natural(z, prior)

        # 4. Loadings of editions on the register's error: a regression.
        if m.loads:
            point = np.concatenate([rates, -np.ones((chains, 1))], 1)
            y = -(m.white[kappa] @ point[..., None])[..., 0]
            design_x = -np.matmul(m.whites[kappa], point[:, None, :, None])[..., 0]
            tau = s["tau_un"][:, None, None] ** 2
            precision = design_x @ design_x.transpose(0, 2, 1) / tau + np.eye(m.loads) / prior.loading[1] ** 2
            pull = (design_x @ y[..., None])[..., 0] / tau[:, :, 0] + prior.loading[0] / prior.loading[1] ** 2
            r = np.linalg.cholesky(precision)
            inner = np.linalg.solve(r, pull[..., None])[..., 0] + rng.standard_normal((chains, m.loads))
            loading = np.asarray(np.linalg.solve(r.transpose(0, 2, 1), inner[..., None])[..., 0])

        # 5. Size and kinship of the editions' errors, now that path and loadings say what those errors are.
        if m.n:
            own = m.reported - rates @ design.weights.T
            if m.loads:
                own = own - loading[:, design.edition] * ((m.seen - rates) @ m.masked.T)
            squares = ((own @ m.inverse_roots.transpose(0, 2, 1)) ** 2).sum(-1).T  # (chain, kappa)
            row = np.arange(chains)

            def density(k: NDArray[np.int64], trial_z: Array) -> Array:
                log_tau = np.log(prior.tau_un[0]) + prior.tau_un[1] * trial_z[:, 2]
                return np.asarray(
                    -m.n * log_tau
                    - 0.5 * m.log_root[k]
                    - 0.5 * squares[row, k] * np.exp(-2 * log_tau)  # noqa: B023
                    - 0.5 * trial_z[:, 2] ** 2
                )

            log = density(kappa, z)
            for size in (0.1, 0.3, 0.8, 0.2, 0.5, 1.0):
                trial_z = z.copy()
                trial_z[:, 2] += size * rng.standard_normal(chains)
                trial_kappa, legal = kappa, np.ones(chains, dtype=bool)
                if m.grid.size > 1:
                    trial_kappa, legal = _other_kappa(kappa, m.grid, trial_z, prior, rng)
                trial_log = density(trial_kappa, trial_z)
                take = legal & (np.log(rng.random(chains)) < trial_log - log)
                z = np.where(take[:, None], trial_z, z)
                kappa, log = np.where(take, trial_kappa, kappa), np.where(take, trial_log, log)
            s = _natural(z, prior)
            products = m.lineage(kappa, loading)

        at += 1
        if at <= warmup:
            if at > warmup // 5:
                seen.append(np.concatenate([z[:, dims], loading], 1))
            if at % max(warmup // 8, 1) == 0 and len(seen) * chains > 8 * others:
                learnt = np.concatenate(seen[len(seen) // 3 :])
                cov = np.atleast_2d(np.cov(learnt, rowvar=False)) + 1e-4 * np.eye(others)
                for w, part in enumerate(parts):
                    if part.size:
                        inside = np.flatnonzero(np.isin(dims, part))
                        shapes[w] = np.asarray(np.linalg.cholesky(cov[np.ix_(inside, inside)]))
                sds = np.sqrt(np.diag(cov))
                values, vectors = np.linalg.eigh(cov / np.outer(sds, sds))
                most_of = np.argsort(values)[::-1][:WAYS]
                directions = np.asarray(np.sqrt(values[most_of])[:, None] * vectors[:, most_of].T * sds)
            continue
        for name, value in (("rates", rates), ("z", z.copy()), ("kappa", m.grid[kappa]), ("loading", loading)):
            kept[name].append(value)
        if at - warmup < wanted:
            continue
        paths = np.stack(kept["rates"], 1)
        scales = _natural(np.stack(kept["z"], 1), prior)
        scales["kappa"] = np.stack(kept["kappa"], 1)
        watched = np.concatenate(
            [paths.transpose(2, 0, 1), np.stack([scales[k] for k, u in zip(NAMES, used, strict=True) if u])]
        )
        bulk, tail, hat = ess(watched), ess(watched, "tail"), rhat(watched)
        least = np.minimum(bulk, tail)
        labels = [str(y) for y in design.years] + [k for k, u in zip(NAMES, used, strict=True) if u]
        found = (float(hat.max()), float(least.min()), labels[int(least.argmin())])
        if (found[0] < rhat_below and found[1] >= ess_above) or wanted >= most:
            break
        wanted = min(most, int(wanted * float(np.clip(1.15 * ess_above / max(found[1], 1.0), 1.4, 3.0))))
    if strict and not (found[0] < rhat_below * 1.005 and found[1] >= ess_above):
        raise NotConverged(
            f"The sampler did not settle after {wanted:,} draws of {chains} chains: R-hat {found[0]:.3f}, effective"
            f" draws {found[1]:,.0f} for {found[2]} (wanted: {ess_above:,.0f}). Ask for more draws, or look whether two"
            " sources that claim to be exact contradict each other."
        )
    return Draws(
        rates=paths, scales=scales, loading=np.stack(kept["loading"], 1), draws=paths.shape[0] * paths.shape[1],
        rhat_max=found[0], ess_min=found[1], worst=found[2], accepted=accepted / max(tried, 1),
    )  # fmt: skip


def simulate(design: Design, rng: np.random.Generator, *, loaded: bool = True) -> tuple[Reports, dict[str, Any]]:
    """Reports drawn from the prior, and the truth behind them: for simulation-based calibration."""
    prior, t = design.prior, design.length
    blank = Reports(np.zeros(len(design.weights)), np.zeros(int(design.register.sum())), np.zeros(len(design.plain_sd)))
    m = _Model(design, blank, loaded)
    s = _natural(rng.standard_normal((1, 5)), prior)
    kappa = int(rng.integers(0, m.grid.size))
    level = prior.level * rng.standard_normal()
    mixing = _inverse_gamma(prior.freedom / 2, np.full(t - 1, prior.freedom / 2), rng)
    r = np.empty(t)
    r[0] = prior.first * rng.standard_normal()
    phi, sigma = float(s["phi"][0]), float(s["sigma"][0])
    for k in range(1, t):
        r[k] = (
            phi * r[k - 1]
            + (1 - phi) * level
            + sigma * design.restless[k] * np.sqrt(mixing[k - 1]) * rng.standard_normal()
        )
    error = np.zeros(t)
    if m.at.size:
        error[m.at] = m.bias + np.linalg.cholesky(m.error(s)[0]) @ rng.standard_normal(m.at.size)
    loading = prior.loading[0] + prior.loading[1] * rng.standard_normal(m.loads)
    lineage = design.weights @ r
    if m.n:
        root = _root(design, float(m.grid[kappa]), prior.rho)
        lineage = lineage + float(s["tau_un"][0]) * (root @ rng.standard_normal(m.n))
        if m.loads:
            lineage = lineage + loading[design.edition] * (design.weights @ error)
    plain = design.plain_weights @ r + np.maximum(design.plain_sd, _TINY) * rng.standard_normal(len(design.plain_sd))
    truth = {k: float(v[0]) for k, v in s.items()} | {"kappa": float(m.grid[kappa]), "rates": r, "loading": loading}
    return Reports(lineage, (r + error)[m.at], plain), truth


def check(prior: Prior) -> Prior:
    """Return a prior whose numbers can be.

    Raises
    ------
    ModelError
        Where a scale is not above zero or a correlation not between 0 and 1.
    """
    for item in fields(prior):
        value = getattr(prior, item.name)
        numbers = value if isinstance(value, tuple) else (value,)
        if item.name in ("rho", "rho_coverage") and not 0 <= numbers[0] < 1:
            raise ModelError(f"{item.name} is {numbers[0]:g}; a correlation of errors lies in [0, 1).")
        if item.name not in ("rho", "rho_coverage", "loading", "kappa", "phi") and min(numbers) <= 0:
            raise ModelError(f"{item.name} is {value}; scales are above zero.")
    return prior
