"""A latent yearly path from reports with errors that run along time and along editions: a collapsed Gaussian sampler.

Given a handful of scales everything is Gaussian, so the path is integrated out: the scales are sampled against the
marginal likelihood, and the path is then drawn exactly. Heavy-tailed innovations are scale mixtures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
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

    def __repr__(self) -> str:
        return (
            f"Design of {self.years[0]}-{self.years[-1]}: {len(self.weights)} figures of {self.editions} editions, a"
            f" register in {int(self.register.sum())} years, seen in {self.mirror.size} mirrors; {len(self.plain_sd)}"
            " other reports. See weights, edition, register, mirror, plain_weights, prior."
        )

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

    def __repr__(self) -> str:
        parts = ("lineage", "register", "plain", "mirror")
        told = ", ".join(f"{getattr(self, n).size} {n}" for n in parts)
        return f"Reports per 1,000 a year: {told}. See {', '.join(parts)}."


def _along(times: Array, rho: float) -> Array:
    return np.asarray(rho ** np.abs(times[:, None] - times[None, :]))


def natural(z: Array, prior: Prior) -> dict[str, Array]:
    """Scales from standard normals (…, 6)."""
    values, _ = _scaled(z, prior)
    return {name: values[..., at] for at, name in enumerate(NAMES)}


def _scaled(z: Array, prior: Prior) -> tuple[Array, Array]:
    """Scales (…, 6) from standard normals; and how phi, kappa and the logarithms of the others move with them."""
    middle, spread, shares = _normals(prior)
    values = np.exp(middle + spread * z)
    values = np.where(shares, values / (1 + values), values)
    values[..., -1] = np.clip(values[..., -1], *KINSHIP) if prior.kappa[1] else prior.kappa[0]
    return values, np.where(shares, values * (1 - values), 1.0) * spread


@lru_cache(maxsize=64)
def _normals(prior: Prior) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Mean and sd of the logits of the shares and of the logarithms of the other scales; which of them are shares."""
    told = np.array([getattr(prior, name) for name in NAMES])
    shares = np.array([name in SHARES for name in NAMES])
    middle = np.log(told[:, 0]) - np.where(shares, np.log1p(-np.where(shares, told[:, 0], 0.0)), 0.0)
    return middle, told[:, 1], shares


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
        self.stillness = design.restless[1:] ** -2.0
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
        nodes, to_terms = (np.array([self.prior.kappa[0]]), np.eye(1)) if fixed else _nodes()
        roots = [_root(design, k, self.prior.rho) for k in nodes]
        inverses = np.stack([np.linalg.inv(r) for r in roots])
        inverses = inverses.transpose(0, 2, 1) @ inverses
        # The errors' inverse and the logarithm of their determinant, term by term of polynomials of kappa.
        self.log_terms = to_terms @ np.array([2 * np.log(np.diag(r)).sum() for r in roots])
        # Where no edition loads on a register, only the products of the cells are needed.
        inverses = inverses if self.loads else self.plain.T @ inverses @ self.plain
        self.terms = to_terms @ inverses.reshape(nodes.size, -1)
        self.side = inverses.shape[-1]
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
        # Years that follow each other are a view of the path, which is quicker to reach.
        self.span: Any = slice(self.at[0], self.at[-1] + 1) if runs else self.at
        self.block = (self.span, self.span) if runs else (self.at[:, None], self.at[None, :])

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
        walkers, named, nu = len(q), self.used.size + self.loads, self.prior.freedom / 2
        z, loading, ell = self.parted(q)
        whole = np.zeros((walkers, len(NAMES)))
        whole[:, self.used] = z
        values, moves = _scaled(whole, prior)
        s = dict(zip(NAMES, values.T, strict=True))
        phi, sigma, tau2, doubt2 = s["phi"][:, None], s["sigma"][:, None], s["tau_un"] ** 2, s["tau_register"] ** 2
        drift, calm = 1 - phi, np.exp(-ell)
        weight = calm * self.stillness / sigma**2
        log = -(nu + 0.5) * ell.sum(1) - nu * calm.sum(1) - (t - 1) * np.log(s["sigma"]) - 0.5 * _squares(q[:, :named])

        # What reports with errors of known shape say: products of (path, what was reported).
        told = np.empty((walkers, t + 1, t + 1))
        if self.n:
            share, slope = _polynomials(s["kappa"], len(self.terms))
            log -= 0.5 * (self.n * np.log(tau2) + share @ self.log_terms)
            room = self._room(walkers)
            products = weights = np.matmul(share / tau2[:, None], self.terms, out=room.weights).reshape(
                walkers, self.side, self.side
            )
            if self.loads:
                np.multiply((loading @ self.member.T)[:, :, None], self.told, out=room.cells)
                cells = np.subtract(self.plain, room.cells, out=room.cells)
                pulled = np.matmul(weights, cells, out=room.pulled)
                products = cells.transpose(0, 2, 1) @ pulled
            np.add(products, self.plain_products, out=told)
        else:
            told[:] = self.plain_products
        if self.national:
            doubted = self.national_products / doubt2[:, None, None]
            told += doubted
            log -= 0.5 * self.national * np.log(doubt2)
        pull = told[:, t].copy()
        log -= 0.5 * pull[:, t]

        # With the register, and with years that follow each other: a precision of (path, level), and its pull.
        precision = told
        precision[:, t], pull[:, t] = 0.0, 0.0
        if k:
            _, inverse, volume = _inverted(self.errors(s))
            drawn = inverse @ self.target
            precision[:, *self.block] += inverse[:, :k, :k]
            pull[:, self.span] += drawn[:, :k]
            log -= volume + 0.5 * (drawn @ self.target)
        flat = precision.reshape(walkers, (t + 1) ** 2)  # diagonals are strides of it
        pushed = phi * weight
        flat[:, :: t + 2][:, 1:t] += weight
        flat[:, :: t + 2][:, : t - 1] += phi * pushed
        flat[:, t + 1 :: t + 2][:, : t - 1] -= pushed  # below the diagonal; what is above is not read
        precision[:, 0, 0] += prior.first**-2
        precision[:, t, 1:t] -= drift * weight
        precision[:, t, : t - 1] += drift * pushed
        precision[:, t, t] = drift[:, 0] ** 2 * weight.sum(1) + prior.level**-2
        root, covariance, volume = _inverted(precision)
        mean = (covariance @ pull[:, :, None])[:, :, 0]
        log += 0.5 * (pull * mean).sum(1) - volume

        # Second moments of (path, level), and the gradient: an innovation's with this year, the last, and the level.
        moments = covariance + mean[:, :, None] * mean[:, None, :]
        flat = moments.reshape(walkers, (t + 1) ** 2)
        own, pair = flat[:, :: t + 2], flat[:, t + 1 :: t + 2][:, : t - 1]
        by_level = moments[:, t]
        with_now = own[:, 1:t] - phi * pair - drift * by_level[:, 1:t]
        with_last = pair - phi * own[:, : t - 1] - drift * by_level[:, : t - 1]
        with_level = by_level[:, 1:t] - phi * by_level[:, : t - 1] - drift * by_level[:, t:]
        jump = weight * (with_now - phi * with_last - drift * with_level)
        gradient = np.empty_like(q)
        gradient[:, named:] = (0.5 * jump - nu - 0.5) + nu * calm
        by_scale = np.zeros((walkers, len(NAMES)))
        by_scale[:, 0] = (weight * (with_last - with_level)).sum(1)
        by_scale[:, 1] = jump.sum(1) - (t - 1)
        if k:
            left = drawn - (inverse[:, :, :k] @ mean[:, self.span, None])[:, :, 0]
            seen = inverse[:, :, :k] @ covariance[:, *self.block] @ inverse[:, :k, :]
            seen -= inverse
            seen += left[:, :, None] * left[:, None, :]
            by_part = seen.reshape(walkers, -1) @ self.parts.T
            by_scale[:, 3] = doubt2 * by_part[:, 2]
            by_scale[:, 4] = s["tau_coverage"] ** 2 * by_part[:, 1]
        about = moments  # from here on of (path, −1)
        about[:, t, :t] = about[:, :t, t] = -mean[:, :t]
        about[:, t, t] = 1.0
        if self.national:
            by_scale[:, 3] += _inner(doubted, about) - self.national
        if self.n:
            by_scale[:, 2] = _inner(products, about) - self.n
            left_over = about  # second moments of the cells' own errors, or of what these are made of
            if self.loads:
                turned = np.matmul(pulled, about, out=room.turned)
                by_row = np.einsum("wij,ij->wi", turned, self.told)
                gradient[:, u:named] = prior.loading[1] * (by_row @ self.member) - q[:, u:named]
                half = np.matmul(cells, about, out=room.half)
                left_over = np.matmul(half, cells.transpose(0, 2, 1), out=room.weights.reshape(weights.shape))
            bent = (left_over.reshape(walkers, -1) @ self.terms.T / tau2[:, None] + self.log_terms) * slope
            by_scale[:, 5] = -0.5 * bent.sum(1)
        gradient[:, :u] = (by_scale * moves)[:, self.used] - z
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
                *(np.empty((walkers, *shape)) for shape in ((self.side**2,), (n, t), (n, t), (n, t), (n, t)))
            )
        return self.rooms[walkers]


def _squares(x: Array) -> Array:
    return np.asarray(np.einsum("wi,wi->w", x, x))


def _inner(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("wij,wij->w", a, b))


def _inverted(positive: Array) -> tuple[Array, Array, Array]:
    """Lower roots, inverses and logarithms of the roots' determinants of positive matrices (…, n, n), of which the
    lower half is read."""
    root, inverse = np.empty_like(positive), np.empty_like(positive)
    for k, one in enumerate(positive):
        lower, fault = lapack.dpotrf(one, lower=1)
        if fault:
            root[k], inverse[k] = np.nan, np.nan
            continue
        root[k] = lower
        half, _ = lapack.dpotri(lower, lower=1, overwrite_c=1)
        np.add(half, half.T, out=inverse[k])
    diagonal = np.s_[:, :: positive.shape[-1] + 1]
    inverse.reshape(len(inverse), -1)[diagonal] *= 0.5
    return root, inverse, np.log(root.reshape(len(root), -1)[diagonal]).sum(1)


def _nodes(many: int = 16) -> tuple[Array, Array]:
    """Where the errors' inverse is worked out, and what makes terms of polynomials (term, node) of its values there.

    Chebyshev's, of log(1 + gap − kappa), in which it is smooth (Trefethen 2013, Approximation Theory, ch. 3–4).
    """
    low, high = _ends()
    angle = np.pi * (np.arange(many) + 0.5) / many
    terms = 2 / many * np.cos(np.arange(many)[:, None] * angle)
    terms[0] /= 2
    return np.asarray(1 + _GAP - np.exp(low + (high - low) * (np.cos(angle) + 1) / 2)), terms


def _polynomials(kappa: Array, many: int) -> tuple[Array, Array]:
    """The polynomials at each kappa (kappa, term), and their slopes."""
    if many == 1:
        return np.ones((kappa.size, 1)), np.zeros((kappa.size, 1))
    low, high = _ends()
    term, left = np.arange(many), 1 + _GAP - kappa
    x = np.clip((np.log(left) - low) / (high - low) * 2 - 1, -1 + 1e-12, 1 - 1e-12)
    angle = np.arccos(x)[:, None] * term
    return np.cos(angle), term * np.sin(angle) * (-2 / (high - low) / left / np.sqrt(1 - x**2))[:, None]


def _ends() -> tuple[float, float]:
    """Between which log(1 + gap − kappa) lies."""
    return float(np.log(1 + _GAP - KINSHIP[1])), float(np.log(1 + _GAP - KINSHIP[0]))


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
