"""A latent yearly path from reports with errors that run along time and along editions: a collapsed Gaussian sampler.

Given a handful of scales everything is Gaussian, so the path is integrated out: the scales are sampled against the
marginal likelihood, and the path is then drawn exactly. Heavy-tailed innovations are scale mixtures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from keruen.errors import ModelError

Array = NDArray[np.float64]
NAMES = ("phi", "sigma", "tau_un", "tau_register", "tau_coverage", "kappa")
SHARES = ("phi", "kappa")  # these lie between 0 and 1, and their logits are normal; of the others the logarithms are
KINSHIP = (0.05, 0.99)  # between which kappa is told apart: all but one draw of its prior in a million
_TINY = 1e-4  # per 1,000: what "without error" means
_GAP = 0.006


@dataclass(frozen=True, slots=True)
class Prior:
    """Priors, as data. Rates are per 1,000 a year.

    ``phi`` and ``kappa`` (median, sd of the logit); ``sigma``, ``tau_un``, ``tau_register``, ``tau_coverage`` (median,
    sd of the log); ``kappa`` is the correlation of the errors of neighbouring editions, and an sd of 0 fixes it;
    ``rho`` correlation of one error from year to year; ``rho_coverage`` the same of coverage; ``loading`` (mean, sd)
    of an edition on the register's error; ``level`` sd of the long-run mean; ``first`` sd of the first year;
    ``freedom`` of Student's t of innovations.
    """

    phi: tuple[float, float] = (0.8, 0.8)
    sigma: tuple[float, float] = (1.0, 0.4)
    tau_un: tuple[float, float] = (1.5, 0.3)
    tau_register: tuple[float, float] = (1.0, 0.3)
    tau_coverage: tuple[float, float] = (0.05, 0.15)
    kappa: tuple[float, float] = (0.72, 0.74)
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
    loose
        (cell) size of an error of its own that a cell has besides, relative to ``tau_un``; none by default.
    mirror, mirror_noise
        Positions among the register's years in which its error is seen in a mirror, by what partners report of the same
        moves; and the covariance (mirror, mirror) of what the mirror adds.
    plain_weights, plain_sd
        Reports with an independent error of known size.
    plain_national
        Which of those are other national counts: the size of their error is relative to ``tau_register``, so that
        where two counts of one country contradict each other, both are doubted. None by default.
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
    loose: Array = field(default_factory=lambda: np.zeros(0))
    mirror: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    mirror_noise: Array = field(default_factory=lambda: np.zeros((0, 0)))
    plain_national: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def length(self) -> int:
        return int(self.years.size)

    @property
    def editions(self) -> int:
        return int(self.order.size)


@dataclass(frozen=True, slots=True)
class Reports:
    """The figures, as rates per 1,000 a year: of the lineage's cells, of the register's years, plain ones, and the
    register's error as mirrors show it."""

    lineage: Array
    register: Array
    plain: Array
    mirror: Array = field(default_factory=lambda: np.zeros(0))


def _along(times: Array, rho: float) -> Array:
    return np.asarray(rho ** np.abs(times[:, None] - times[None, :]))


def natural(z: Array, prior: Prior) -> dict[str, Array]:
    """Scales from standard normals (…, 6)."""
    middle, spread = _normals(prior)
    values = np.exp(middle + spread * z)
    out = {name: values[..., at] for at, name in enumerate(NAMES)}
    out |= {name: out[name] / (1 + out[name]) for name in SHARES}
    out["kappa"] = np.clip(out["kappa"], *KINSHIP) if prior.kappa[1] else np.full(z.shape[:-1], prior.kappa[0])
    return out


@lru_cache(maxsize=64)
def _normals(prior: Prior) -> tuple[Array, Array]:
    """Mean and sd of the logits of the shares, and of the logarithms of the other scales."""
    told = np.array([getattr(prior, name) for name in NAMES])
    odds = np.array([name in SHARES for name in NAMES])
    return np.log(told[:, 0]) - np.where(odds, np.log1p(-np.where(odds, told[:, 0], 0.0)), 0.0), told[:, 1]


class _Room(NamedTuple):
    """Arrays of all walkers: inverses of the cells' errors, the cells, and products of them."""

    weights: Array
    cells: Array
    pulled: Array
    half: Array
    turned: Array


class Model:
    """The density of a design's reports given its scales, and what it says of the path; for all chains at once.

    A position is (chain, dim): standard normals of the scales in use, standard normals of the loadings, logarithms of
    the mixing variables of the innovations. The path and its level are integrated out.
    """

    def __init__(self, design: Design, reports: Reports, loaded: bool = True):
        self.design, self.prior = design, design.prior
        t = design.length
        self.t, self.at = t, np.flatnonzero(design.register)
        self.n = design.weights.shape[0]
        self.loads = design.editions if (loaded and self.at.size and self.n) else 0
        covered = self.at.size > 0 and bool((design.arrivals + design.departures).any())
        related = self.n > 0 and self.prior.kappa[1] > 0
        national = np.zeros(design.plain_sd.size, dtype=bool)
        national[: design.plain_national.size] = design.plain_national
        self.is_national, self.national = national, int(national.sum())
        counted = self.at.size > 0 or self.national > 0
        self.used = np.flatnonzero([True, True, self.n > 0, counted, covered, related])
        self.dims = self.used.size + self.loads + t - 1
        self._lineage(reports)
        self._register(reports)
        sd = np.maximum(design.plain_sd, _TINY)
        scaled = np.column_stack([design.plain_weights, reports.plain]) / sd[:, None]
        # Products of (year, …, what was reported): as they stand, and to be divided by the square of tau_register.
        self.plain_products, self.national_products = (x.T @ x for x in (scaled[~national], scaled[national]))

    def _lineage(self, reports: Reports) -> None:
        """Cells of the editions: (cell, year + 1), the last column what was reported."""
        design = self.design
        self.reported = np.asarray(reports.lineage, dtype=float)
        self.seen = np.zeros(self.t)
        self.seen[self.at] = reports.register
        self.masked = design.weights * design.register
        self.plain = np.column_stack([design.weights, self.reported])
        self.told = np.column_stack([self.masked, self.masked @ self.seen])
        fixed = self.prior.kappa[1] == 0
        self.nodes = np.array([self.prior.kappa[0]]) if fixed else _nodes()
        roots = [_root(design, k, self.prior.rho) for k in self.nodes]
        inverses = np.stack([np.linalg.inv(r) for r in roots])
        inverses = inverses.transpose(0, 2, 1) @ inverses
        self.log_root = np.array([2 * np.log(np.diag(r)).sum() for r in roots])
        # Where no edition loads on a register, only the products of the cells are needed.
        self.at_nodes = inverses if self.loads else self.plain.T @ inverses @ self.plain
        self.flat = self.at_nodes.reshape(self.nodes.size, -1)
        self.rooms: dict[int, _Room] = {}
        self.member = (design.edition[:, None] == np.arange(design.editions)[None, :])[:, : self.loads].astype(float)

    def _register(self, reports: Reports) -> None:
        """The register's balance, and under it what mirrors say of its error: their common covariance, part by part."""
        design, k = self.design, self.at.size
        times = design.years[self.at].astype(float)
        a, d, own = design.arrivals, design.departures, design.register_scale
        (more_a, sd_a), (more_d, sd_d) = design.coverage
        self.bias = d * more_d - a * more_a
        pairs_a, pairs_d = np.outer(a, a), np.outer(d, d)
        parts = [
            sd_a**2 * pairs_a + sd_d**2 * pairs_d + _TINY**2 * np.eye(k),
            _along(times, self.prior.rho_coverage) * (pairs_a + pairs_d),
            _along(times, self.prior.rho) * np.outer(own, own),
        ]
        both = np.concatenate([np.arange(k), design.mirror]).astype(int)  # a mirror sees the error of its year
        parts = [p[np.ix_(both, both)] for p in parts]
        parts[0][k:, k:] += design.mirror_noise
        self.parts = np.stack(parts).reshape(3, -1)
        self.target = np.concatenate([np.asarray(reports.register, float), np.asarray(reports.mirror, float)])
        self.target = self.target - self.bias[both] if k else self.target
        runs = k and self.at[-1] - self.at[0] + 1 == k
        span = slice(self.at[0], self.at[-1] + 1) if runs else None
        self.block = (span, span) if span else (self.at[:, None], self.at[None, :])

    def scales(self, z: Array) -> dict[str, Array]:
        """Scales from standard normals (…, used); those that nothing depends on are left at their medians."""
        whole = np.zeros((*z.shape[:-1], len(NAMES)))
        whole[..., self.used] = z
        return natural(whole, self.prior)

    def parted(self, q: Array) -> tuple[Array, Array, Array]:
        """Normals of the scales, loadings, logarithms of the mixing variables."""
        u, e = self.used.size, self.loads
        mean, spread = self.prior.loading
        return q[:, :u], mean + spread * q[:, u : u + e], q[:, u + e :]

    def errors(self, s: Mapping[str, Array]) -> Array:
        """Covariance of the register's error and of its mirrors (…, year, year)."""
        sizes = np.stack([np.ones_like(s["tau_coverage"]), s["tau_coverage"] ** 2, s["tau_register"] ** 2], -1)
        return (sizes @ self.parts).reshape(*sizes.shape[:-1], self.target.size, self.target.size)

    def density(self, q: Array) -> tuple[Array, Array, tuple[Array, Array]]:
        """Log density of the positions, its gradient, and the path's distribution: root of its precision, and its mean.

        The gradient is that of the complete data, averaged over the path (Fisher's identity): each part of the density
        is a quadratic form in (path, level, 1), so second moments of the path are all it takes.
        """
        t, prior, u, k = self.t, self.prior, self.used.size, self.at.size
        walkers = len(q)
        z, loading, ell = self.parted(q)
        s = self.scales(z)
        phi, sigma = s["phi"][:, None], s["sigma"][:, None]
        drift = 1 - phi
        weight = np.exp(-ell) / (sigma * self.design.restless[1:]) ** 2
        tau2 = s["tau_un"] ** 2
        nu = prior.freedom / 2
        log = (
            0.5 * np.log(weight).sum(1) - 0.5 * (q[:, : u + self.loads] ** 2).sum(1) - nu * (ell + np.exp(-ell)).sum(1)
        )

        # What everything says of (path, level): a precision and its pull.
        precision, pull = np.zeros((walkers, t + 1, t + 1)), np.zeros((walkers, t + 1))
        precision[:, :t, :t] = self.plain_products[:t, :t]
        pull[:, :t] = self.plain_products[:t, t]
        if self.national:
            doubt = s["tau_register"][:, None, None] ** -2 * self.national_products
            precision[:, :t, :t] += doubt[:, :t, :t]
            pull[:, :t] += doubt[:, :t, t]
            log -= self.national * np.log(s["tau_register"]) + 0.5 * doubt[:, t, t]
        if self.n:
            share, slope = _share(s["kappa"], self.nodes)
            log -= 0.5 * (self.n * np.log(tau2) + share @ self.log_root)
            room = self._room(walkers)
            products = weights = np.matmul(share / tau2[:, None], self.flat, out=room.weights).reshape(
                walkers, *self.at_nodes.shape[1:]
            )
            if self.loads:
                np.multiply((loading @ self.member.T)[:, :, None], self.told, out=room.cells)
                cells = np.subtract(self.plain, room.cells, out=room.cells)
                pulled = np.matmul(weights, cells, out=room.pulled)
                products = cells.transpose(0, 2, 1) @ pulled
            precision[:, :t, :t] += products[:, :t, :t]
            pull[:, :t] += products[:, :t, t]
            log -= 0.5 * products[:, t, t]
        if k:
            root, inverse = _inverted(self.errors(s))
            drawn = inverse @ self.target
            precision[:, self.block[0], self.block[1]] += inverse[:, :k, :k]
            pull[:, self.at] += drawn[:, :k]
            log -= np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(-1) + 0.5 * (drawn * self.target).sum(-1)
        flat = precision.reshape(walkers, (t + 1) ** 2)  # diagonals are strides of it
        flat[:, :: t + 2][:, 1:t] += weight
        flat[:, :: t + 2][:, : t - 1] += phi**2 * weight
        flat[:, t + 1 :: t + 2][:, : t - 1] -= phi * weight  # below the diagonal; what is above is not read
        precision[:, 0, 0] += prior.first**-2
        precision[:, t, 1:t] -= drift * weight
        precision[:, t, : t - 1] += phi * drift * weight
        precision[:, t, t] = (drift**2 * weight).sum(1) + prior.level**-2
        root, covariance = _inverted(precision)
        mean = (covariance @ pull[:, :, None])[:, :, 0]
        log += 0.5 * (pull * mean).sum(1) - np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(1)

        # Second moments of (path, level), and the gradient.
        moments = covariance + mean[:, :, None] * mean[:, None, :]
        own = np.diagonal(moments, axis1=1, axis2=2)
        now, before, level = own[:, 1:t], own[:, : t - 1], own[:, t : t + 1]
        pair = np.diagonal(moments[:, 1:t, : t - 1], axis1=1, axis2=2)
        now_level, before_level = moments[:, 1:t, t], moments[:, : t - 1, t]
        jump = (
            now + phi**2 * before + drift**2 * level - 2 * phi * pair - 2 * drift * now_level
            + 2 * phi * drift * before_level
        )  # fmt: skip
        along = pair - now_level - phi * (before - before_level) - drift * (before_level - level)
        gradient = np.empty_like(q)
        gradient[:, u + self.loads :] = 0.5 * (weight * jump - 1) - nu * (1 - np.exp(-ell))
        by_scale = np.zeros((walkers, len(NAMES)))
        by_scale[:, 0] = (weight * along).sum(1)
        by_scale[:, 1] = (weight * jump).sum(1) - (t - 1)
        if self.n or self.national:
            about = np.empty((walkers, t + 1, t + 1))  # moments of (path, −1)
            about[:, :t, :t] = moments[:, :t, :t]
            about[:, t, :t] = about[:, :t, t] = -mean[:, :t]
            about[:, t, t] = 1.0
        if self.national:
            by_scale[:, 3] = (doubt * about).sum((1, 2)) - self.national
        if self.n:
            by_scale[:, 2] = (products * about).sum((1, 2)) - self.n
            steep = slope / tau2[:, None]
            if self.loads:
                half = np.matmul(cells, about, out=room.half)
                turned = np.matmul(pulled, about, out=room.turned)
                by_row = np.einsum("wij,ij->wi", turned, self.told)
                gradient[:, u : u + self.loads] = prior.loading[1] * (by_row @ self.member) - q[:, u : u + self.loads]
                tilt = np.matmul(steep, self.flat, out=room.weights).reshape(weights.shape)
                bent = (np.matmul(tilt, half, out=room.pulled) * cells).sum((1, 2))
            else:
                bent = (steep * (about.reshape(walkers, -1) @ self.flat.T)).sum(1)
            by_scale[:, 5] = -0.5 * (bent + slope @ self.log_root)
        if k:
            left = np.repeat(self.target[None], walkers, 0)
            left[:, :k] -= mean[:, self.at]
            left = (inverse @ left[:, :, None])[:, :, 0]
            seen = inverse[:, :, :k] @ covariance[:, self.block[0], self.block[1]] @ inverse[:, :k, :]
            seen += left[:, :, None] * left[:, None, :] - inverse
            by_part = seen.reshape(walkers, -1) @ self.parts.T
            by_scale[:, 3] += s["tau_register"] ** 2 * by_part[:, 2]
            by_scale[:, 4] = s["tau_coverage"] ** 2 * by_part[:, 1]
        gradient[:, :u] = by_scale[:, self.used] * self._slopes(s) - z
        return log, gradient, (root, mean)

    def before(self, q: Array) -> tuple[Array, Array]:
        """Log density and gradient of the positions before anything is reported."""
        named, nu = self.used.size + self.loads, self.prior.freedom / 2
        ell = q[:, named:]
        slope = np.concatenate([-q[:, :named], -nu * (1 - np.exp(-ell))], axis=1)
        return -0.5 * (q[:, :named] ** 2).sum(1) - nu * (ell + np.exp(-ell)).sum(1), slope

    def path(self, told: tuple[Array, Array], rng: np.random.Generator) -> Array:
        """One path of each chain (chain, year), drawn from what :meth:`density` tells of it."""
        root, mean = told
        noise = rng.standard_normal(mean.shape)
        # The transpose of a lower root is an upper one, and lies in memory as Fortran wants it.
        back = [lapack.dtrtrs(r.T, n)[0] for r, n in zip(root, noise, strict=True)]
        return np.asarray(mean + np.stack(back))[:, : self.t]

    def _room(self, walkers: int) -> _Room:
        """Room for what is too large to be asked for anew at each step."""
        if walkers not in self.rooms:
            n, t = self.n, self.t + 1
            self.rooms[walkers] = _Room(
                *(np.empty((walkers, *shape)) for shape in ((self.flat.shape[1],), (n, t), (n, t), (n, t), (n, t)))
            )
        return self.rooms[walkers]

    def _slopes(self, s: Mapping[str, Array]) -> Array:
        """How phi, kappa and the logarithms of the other scales move with their normals (chain, used)."""
        out = np.repeat(_normals(self.prior)[1][None], s["phi"].size, 0)
        for name in SHARES:
            out[:, NAMES.index(name)] *= s[name] * (1 - s[name])
        return out[:, self.used]


def _inverted(positive: Array) -> tuple[Array, Array]:
    """Lower roots and inverses of positive matrices (…, n, n), of which the lower half is read."""
    root, inverse = np.empty_like(positive), np.empty_like(positive)
    for k, one in enumerate(positive):
        lower, fault = lapack.dpotrf(one, lower=1)
        if fault:
            root[k], inverse[k] = np.nan, np.nan
            continue
        root[k] = lower
        half, _ = lapack.dpotri(lower, lower=1, overwrite_c=1)
        np.add(half, half.T, out=inverse[k])
    inverse.reshape(len(inverse), -1)[:, :: inverse.shape[-1] + 1] *= 0.5
    return root, inverse


def _nodes(many: int = 16) -> Array:
    """Where the errors' inverse is worked out: Chebyshev points of log(1 + gap − kappa), in which it is smooth."""
    low, high, cosines, _ = _angles(many)
    return np.asarray(1 + _GAP - np.exp(low + (high - low) * (cosines + 1) / 2))


def _share(kappa: Array, nodes: Array) -> tuple[Array, Array]:
    """Weights of the nodes at each kappa, and their slopes: the barycentric formula (Berrut and Trefethen 2004)."""
    many = nodes.size
    if many == 1:
        return np.ones((kappa.size, 1)), np.zeros((kappa.size, 1))
    low, high, cosines, pulls = _angles(many)
    apart = ((np.log(1 + _GAP - kappa) - low) / (high - low) * 2 - 1)[:, None] - cosines
    apart[np.abs(apart) < 1e-9] = 1e-9
    share = pulls / apart
    share /= share.sum(1, keepdims=True)
    slope = share * ((share / apart).sum(1, keepdims=True) - 1 / apart)
    return share, slope * (-2 / (high - low) / (1 + _GAP - kappa))[:, None]


@cache
def _angles(many: int) -> tuple[float, float, Array, Array]:
    """Ends of log(1 + gap − kappa), Chebyshev points between −1 and 1, and their barycentric weights."""
    low, high = float(np.log(1 + _GAP - KINSHIP[1])), float(np.log(1 + _GAP - KINSHIP[0]))
    angle: Array = np.pi * (np.arange(many) + 0.5) / many
    signs = np.where(np.arange(many) % 2, -1.0, 1.0)
    return low, high, np.cos(angle), signs * np.sin(angle)


def _root(design: Design, kappa: float, rho: float) -> Array:
    """Cholesky root of the errors of the lineage's cells, in units of tau."""
    if not design.weights.shape[0]:
        return np.zeros((0, 0))
    loose = design.loose if design.loose.size else np.zeros(len(design.weights))
    d = design
    cov = errors_of_cells(d.weights, d.edition, d.order, d.scale, loose, d.years, kappa, rho)
    return np.asarray(np.linalg.cholesky(cov))


def errors_of_cells(
    weights: Array, edition: NDArray[np.int64], order: Array, scale: Array, loose: Array, years: NDArray[np.int64],
    kappa: float, rho: float,
) -> Array:  # fmt: skip
    """Covariance of the errors of an edition's cells, in units of tau; arguments as in :class:`Design`."""
    sized = weights * scale[edition]
    time = sized @ _along(years.astype(float), rho) @ sized.T
    apart = np.abs(order[:, None] - order[None, :])
    along = np.where(apart == 0, 1.0, float(kappa) ** apart)
    cov = time * along[np.ix_(edition, edition)]
    return np.asarray(cov + np.diag(0.02 * np.diag(cov) + loose**2))


def _inverse_gamma(shape: float, rate: Array, rng: np.random.Generator) -> Array:
    return np.asarray(rate / rng.standard_gamma(shape, rate.shape))


def simulate(design: Design, rng: np.random.Generator, *, loaded: bool = True) -> tuple[Reports, dict[str, Any]]:
    """Reports drawn from the prior, and the truth behind them: for simulation-based calibration."""
    prior, t = design.prior, design.length
    blank = Reports(
        np.zeros(len(design.weights)), np.zeros(int(design.register.sum())), np.zeros(len(design.plain_sd)),
        np.zeros(design.mirror.size),
    )  # fmt: skip
    m = Model(design, blank, loaded)
    s = natural(rng.standard_normal((1, len(NAMES))), prior)
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
    error, mirror = np.zeros(t), np.zeros(0)
    if m.at.size:
        k = m.at.size
        both = np.linalg.cholesky(m.errors(s)[0]) @ rng.standard_normal(k + design.mirror.size)
        error[m.at], mirror = m.bias + both[:k], m.bias[design.mirror] + both[k:]
    loading = prior.loading[0] + prior.loading[1] * rng.standard_normal(m.loads)
    lineage = design.weights @ r
    if m.n:
        root = _root(design, float(s["kappa"][0]), prior.rho)
        lineage = lineage + float(s["tau_un"][0]) * (root @ rng.standard_normal(m.n))
        if m.loads:
            lineage = lineage + loading[design.edition] * (design.weights @ error)
    plain_sd = np.maximum(design.plain_sd, _TINY)
    plain_sd = np.where(m.is_national, float(s["tau_register"][0]), 1.0) * plain_sd
    plain = design.plain_weights @ r + plain_sd * rng.standard_normal(plain_sd.size)
    truth = {k: float(v[0]) for k, v in s.items()} | {"rates": r, "loading": loading}
    return Reports(lineage, (r + error)[m.at], plain, mirror), truth


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
        if item.name in SHARES and not (0 < numbers[0] < 1 and numbers[1] >= 0):
            raise ModelError(
                f"{item.name} is {value}; its median lies between 0 and 1, the sd of its logit is 0 or more."
            )
        if item.name not in ("rho", "rho_coverage", "loading", *SHARES) and min(numbers) <= 0:
            raise ModelError(f"{item.name} is {value}; scales are above zero.")
    return prior
