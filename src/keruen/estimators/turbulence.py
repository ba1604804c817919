"""What a regression leaves: outliers, series of unlike spread, and a turbulence that many series share.

The variance of an error is that of its series, times the turbulence of its year and kind, times :data:`WIDE` if the
year is an outlier. The logarithm of a turbulence walks back to nought, calm or rough for years on end:
log κ[k, t] = φ log κ[k, t−1] + normal. Steps of a sampler for several chains at once; nothing here knows what is
measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import special

from keruen.estimators import hamiltonian
from keruen.estimators.hamiltonian import Gait

Array = NDArray[np.float64]
Index = NDArray[np.int64]

WIDE = 25.0
"""Variance of an outlier year over that of an ordinary one: five times the standard deviation."""

SHAPE = 2.5
"""Of the inverse gamma law by which the residual variances of a kind's series differ."""

BASE = 0.1
"""Mean of the exponential prior of a kind's typical residual variance."""

OUTLYING = (1.0, 9.0)
"""Of the beta prior of the part of outlier years."""

PERSISTENCE = np.linspace(0.0, 0.98, 50)
ROUGHNESS = np.geomspace(0.05, 2.0, 40)
"""Grids of the turbulence: how much of it lasts to the next year, and the spread of what comes new."""

ROUGHNESS_SD = 0.5
"""Of the half-normal prior of that spread; the persistence is uniform."""

TOLD = 0.35, 0.03
"""What an observation tells of the logarithm of its variance (a half, were there no outliers), and of the logit of
their part: for the scale of steps alone."""

ANGLE = 4.5
"""Length of a path: there is one for each draw of what is left."""

JUMP, JUMPS = (12, 8), 5
"""How far persistence and roughness may jump on their grids, and how often they try."""


@dataclass(slots=True)
class Turbulence:
    """The sizes of errors, for some chains at once.

    Attributes
    ----------
    series, cell
        (observation) its series and its cell, which is a year of a kind.
    kind, first
        (cell) its kind, and whether it is that kind's first year. Cells come by kind and year; none is left out, even
        if nothing is reported there.
    q
        (chain, dim) positions: by kind, the logarithm of the typical variance of its series, the base; the logit of the
        part of outliers; for every cell the logarithm of its typical variance, base times turbulence; for every series
        that of its variance over its kind's base.
    persistence, roughness
        (chain) places on the grids.
    """

    series: Index
    cell: Index
    kind: Index
    first: NDArray[np.bool_]
    q: Array
    persistence: Index
    roughness: Index
    pilot: Array = field(init=False)
    """(kind + cell) about where the logarithms of base and years lie; only the pace hangs on it."""
    gait: Gait = field(init=False)
    _at: tuple[Index, Index] = field(init=False)
    _count: tuple[Array, Array] = field(init=False)

    def __post_init__(self) -> None:
        chain = np.arange(len(self.q))[:, None]
        self._at = (self.cell + chain * self.cells).ravel(), (self.series + chain * self.many).ravel()
        many = np.bincount(self.cell, minlength=self.cells), np.bincount(self.series, minlength=self.many)
        self._count = many[0].astype(float), many[1].astype(float)
        self.pilot = self.place.mean(axis=0)
        self.gait = Gait(np.eye(self.q.shape[1]), 0.3)

    @property
    def kinds(self) -> int:
        return int(self.kind.max()) + 1

    @property
    def cells(self) -> int:
        return len(self.kind)

    @property
    def many(self) -> int:
        """Number of series."""
        return int(self.series.max()) + 1

    @property
    def place(self) -> Array:
        """The logarithms of base and years (chain, kind + cell)."""
        k, c = self.kinds, self.cells
        return self.q[:, np.r_[0:k, k + 1 : k + 1 + c]]

    @property
    def _pull(self) -> Array:
        """How sharply base and years are told, the walk aside (kind + cell)."""
        return np.concatenate([np.ones(self.kinds), TOLD[0] * self._count[0]])

    @property
    def named(self) -> dict[str, Array]:
        """The present places by name, in the terms of the model; ``turbulence`` and ``own`` are logarithms, by cell and
        by series."""
        k, c = self.kinds, self.cells
        return {
            "base": np.exp(self.q[:, :k]),
            "outlying": special.expit(self.q[:, k]),
            "turbulence": self.q[:, k + 1 : k + 1 + c] - self.q[:, self.kind],
            "own": self.q[:, k + 1 + c :],
            "persistence": PERSISTENCE[self.persistence],
            "roughness": ROUGHNESS[self.roughness],
        }

    def told(self, q: Array, squares: Array) -> tuple[Array, Array, Array, Array]:
        """What is left, given its squares (chain, observation): log densities (chain); and of every observation the
        precision of an ordinary year, half its square over its variance, and the probability of being an outlier."""
        k, c = self.kinds, self.cells
        level, own = q[:, k + 1 : k + 1 + c], q[:, k + 1 + c :]
        sharp = np.take(np.exp(-level), self.cell, axis=1) * np.take(np.exp(-own), self.series, axis=1)
        half = 0.5 * squares * sharp
        part = special.expit(q[:, k])[:, None]
        odd = part / np.sqrt(WIDE)
        both = odd + (1 - part) * np.exp((1 / WIDE - 1) * half)
        log = np.log(both).sum(1) - half.sum(1) / WIDE - 0.5 * (level @ self._count[0] + own @ self._count[1])
        return log, sharp, half, odd / both

    def density(self, q: Array, squares: Array) -> tuple[Array, Array, tuple[Array, Array]]:
        """Log density of positions at the present persistence and roughness, its gradient, and of every observation the
        precision of an ordinary year and the probability of being an outlier. Outliers are summed out."""
        k, c, chains = self.kinds, self.cells, len(q)
        log, sharp, half, odd = self.told(q, squares)
        pull = half * (1 - odd * (1 - 1 / WIDE)) - 0.5
        gradient = np.empty_like(q)
        gradient[:, k + 1 : k + 1 + c] = np.bincount(self._at[0], pull.ravel(), chains * c).reshape(chains, c)
        gradient[:, k + 1 + c :] = np.bincount(self._at[1], pull.ravel(), chains * self.many).reshape(chains, -1)
        # Series differ.
        own = q[:, k + 1 + c :]
        over = np.exp(-own)
        log -= SHAPE * (own + over).sum(1)
        gradient[:, k + 1 + c :] -= SHAPE * (1 - over)
        # Turbulence walks back to nought.
        phi, rough = PERSISTENCE[self.persistence, None], ROUGHNESS[self.roughness, None]
        stay = np.sqrt(1 - phi**2)
        tide = q[:, k + 1 : k + 1 + c] - q[:, self.kind]
        new = np.where(self.first, stay * tide, tide - phi * np.roll(tide, 1, axis=1))
        log -= 0.5 * ((new / rough) ** 2).sum(1)
        back = -new / rough**2
        by_tide = np.where(self.first, stay * back, back)
        by_tide -= np.roll(np.where(self.first, 0.0, phi * back), -1, axis=1)
        gradient[:, k + 1 : k + 1 + c] += by_tide
        # Priors.
        base, part = np.exp(q[:, :k]) / BASE, special.expit(q[:, k])
        log += (q[:, :k] - base).sum(1)
        gradient[:, :k] = 1 - base - by_tide @ (self.kind[:, None] == np.arange(k))
        log -= OUTLYING[0] * np.logaddexp(0, -q[:, k]) + OUTLYING[1] * np.logaddexp(0, q[:, k])
        gradient[:, k] = odd.sum(1) + OUTLYING[0] - (odd.shape[1] + sum(OUTLYING)) * part
        return log, gradient, (sharp, odd)

    def step(self, squares: Array, rng: np.random.Generator) -> tuple[float, Array, Array]:
        """Move everything once, given the squares of what is left (chain, observation).

        Returns
        -------
        How readily the path along the gradient was taken; and of every observation the precision of an ordinary year
        and the probability of being an outlier.
        """
        begun, root = self.q, self.roots(self.persistence, self.roughness)

        def target(z: Array) -> tuple[Array, Array, Array]:
            q = begun + self.spread(root, z)
            log, gradient, _ = self.density(q, squares)
            return log, self.spread(root, gradient, back=True), q

        still = np.zeros_like(begun)
        _, (_, _, self.q), chance = hamiltonian.step(still, target(still), target, self.gait, rng, angle=ANGLE)
        self._jump(squares, root, rng)
        self._settle(rng)
        _, sharp, _, odd = self.told(self.q, squares)
        return float(chance.mean()), sharp, odd

    def roots(self, persistence: Index, roughness: Index) -> Array:
        """What a kind's base and years would vary by, were they normal: upper roots (chain, kind + cell, kind + cell)
        of their covariance."""
        k, c = self.kinds, self.cells
        phi, rough = PERSISTENCE[persistence, None, None], ROUGHNESS[roughness, None, None]
        before = np.where(self.first[:, None], 0.0, np.eye(c, k=-1))
        steps = np.where(self.first[:, None], np.sqrt(1 - phi**2), 1.0) * np.eye(c) - phi * before
        steps = np.concatenate([-steps @ (self.kind[:, None] == np.arange(k)), steps], axis=2) / rough
        precision = steps.transpose(0, 2, 1) @ steps
        precision[:, range(k + c), range(k + c)] += self._pull
        return np.asarray(np.linalg.inv(np.linalg.cholesky(precision)).transpose(0, 2, 1))

    def spread(self, root: Array, z: Array, back: bool = False) -> Array:
        """The root of the covariance of all positions times `z`, or its transpose: years of a kind and its base are
        known up to a walk, all else stands alone."""
        k, c = self.kinds, self.cells
        if back:
            root = root.transpose(0, 2, 1)
        walk = np.r_[0:k, k + 1 : k + 1 + c]
        out = np.empty_like(z)
        out[:, walk] = (root @ z[:, walk, None])[:, :, 0]
        out[:, k] = z[:, k] / np.sqrt(TOLD[1] * len(self.cell) + 1)
        out[:, k + 1 + c :] = z[:, k + 1 + c :] / np.sqrt(TOLD[0] * self._count[1] + SHAPE)
        return out

    def _jump(self, squares: Array, old: Array, rng: np.random.Generator) -> None:
        """Persistence, roughness, base and all years at once: these keep their places as if they were normal, for they
        hardly move while the law of the walk stands still, nor it while they do."""
        k, c, chains = self.kinds, self.cells, len(self.q)
        walk, now = np.r_[0:k, k + 1 : k + 1 + c], np.stack([self.persistence, self.roughness])
        before = self.told(self.q, squares)[0] + self._walk(self.q, *now) - _log_root(old)
        for _ in range(JUMPS):
            to = now + np.stack([rng.integers(-n, n + 1, chains) for n in JUMP])
            may = ((to >= 0) & (to < [[len(PERSISTENCE)], [len(ROUGHNESS)]])).all(axis=0)
            to = np.where(may, to, now)
            new = self.roots(*to)
            middle, other = (r @ (r.transpose(0, 2, 1) @ (self._pull * self.pilot))[:, :, None] for r in (old, new))
            wanted = self.q.copy()
            wanted[:, walk] = (other + new @ np.linalg.solve(old, self.q[:, walk, None] - middle))[:, :, 0]
            after = self.told(wanted, squares)[0] + self._walk(wanted, *to) - _log_root(new)
            take = may & (np.log(rng.random(chains)) < after - before)
            self.q, before = np.where(take[:, None], wanted, self.q), np.where(take, after, before)
            now, old = np.where(take, to, now), np.where(take[:, None, None], new, old)
        self.persistence, self.roughness = now

    def _walk(self, q: Array, persistence: Index, roughness: Index) -> Array:
        """Log prior density of the base, the years, and the law of their walk (chain)."""
        k, c = self.kinds, self.cells
        phi, rough = PERSISTENCE[persistence], ROUGHNESS[roughness]
        tide = q[:, k + 1 : k + 1 + c] - q[:, self.kind]
        new = tide - phi[:, None] * np.roll(tide, 1, axis=1)
        new = np.where(self.first, np.sqrt(1 - phi[:, None] ** 2) * tide, new)
        log = (q[:, :k] - np.exp(q[:, :k]) / BASE).sum(1) + _mass(roughness)
        log += (
            self.first.sum() / 2 * np.log1p(-(phi**2)) - c * np.log(rough) - 0.5 * ((new / rough[:, None]) ** 2).sum(1)
        )
        return np.asarray(log)

    def _settle(self, rng: np.random.Generator) -> None:
        """Persistence and roughness together, from their grids."""
        tide = self.named["turbulence"]
        before, later = np.roll(tide, 1, axis=1), ~self.first
        begin = (tide[:, self.first] ** 2).sum(1)
        own, cross, past = (v[:, later].sum(1) for v in (tide**2, tide * before, before**2))
        begin, own, cross, past = (v[:, None, None] for v in (begin, own, cross, past))
        phi, sd = PERSISTENCE[:, None], ROUGHNESS[None, :]
        sums = (1 - phi**2) * begin + own - 2 * phi * cross + phi**2 * past
        log = self.first.sum() / 2 * np.log(1 - phi**2) - self.cells * np.log(sd) - sums / 2 / sd**2
        log = (log + _mass(np.arange(len(ROUGHNESS)))).reshape(len(tide), -1)
        # The largest of logs with Gumbel noise is a draw.
        drawn = (log + rng.gumbel(size=log.shape)).argmax(axis=1)
        self.persistence, self.roughness = np.divmod(drawn, len(ROUGHNESS))


def law(rng: np.random.Generator) -> tuple[float, float]:
    """Persistence and roughness from their prior."""
    mass = np.exp(_mass(np.arange(len(ROUGHNESS))))
    return float(rng.choice(PERSISTENCE)), float(rng.choice(ROUGHNESS, p=mass / mass.sum()))


def _log_root(root: Array) -> Array:
    """Logarithm of the density of roots at nought, but for a constant: what a jump between them is to be paid with."""
    return np.asarray(-np.log(np.einsum("cii->ci", root)).sum(axis=1))


def _mass(at: Index) -> Array:
    """Log prior of places on the grid of roughness, which is even in the logarithm."""
    return np.asarray(np.log(ROUGHNESS[at]) - ROUGHNESS[at] ** 2 / 2 / ROUGHNESS_SD**2)


def begin(
    series: Index, cell: Index, kind: Index, first: NDArray[np.bool_], chains: int, variance: float,
    rng: np.random.Generator,
) -> Turbulence:  # fmt: skip
    """Chains that begin wider apart than the answer will be; `variance` is that of what is to be explained."""
    kinds, cells = int(kind.max()) + 1, len(kind)
    q = 0.3 * rng.standard_normal((chains, kinds + 1 + cells + int(series.max()) + 1))
    q[:, :kinds] += np.log(variance / 4)
    q[:, kinds] -= 2.2
    q[:, kinds + 1 : kinds + 1 + cells] += q[:, kind]
    grids = rng.integers(0, len(PERSISTENCE), chains), rng.integers(10, 30, chains)
    return Turbulence(series, cell, kind, first, q, *grids)
