"""Turbulence: a variance that many series share from year to year, calm or rough for years on end.

The log of the factor by which a year's errors are larger or smaller than usual walks back to nought, for each kind of
report by itself: log κ[k, t] = φ log κ[k, t−1] + normal. Steps of a sampler; nothing here knows what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

PERSISTENCE = np.linspace(0.0, 0.98, 50)
ROUGHNESS = np.geomspace(0.05, 2.0, 40)
"""Grids of the turbulence: how much of it lasts to the next year, and the spread of what comes new."""

ROUGHNESS_SD = 0.5
"""Of the half-normal prior of that spread; the persistence is uniform."""


@dataclass(slots=True)
class Turbulence:
    """The log variance that a kind's reports share in a year: log κ[k, t] = φ log κ[k, t−1] + normal, of mean nought.

    A kind's years begin with its first report. `later` and `followed` mark those with a year before and after them.
    """

    alive: Mask
    log: Array
    persistence: float = 0.5
    variance: float = 0.1
    later: Mask = field(init=False)
    followed: Mask = field(init=False)

    def __post_init__(self) -> None:
        years = np.arange(self.alive.shape[1])
        self.later = self.alive & np.roll(self.alive, 1, axis=1) & (years > 0)
        self.followed = self.alive & (years < len(years) - 1)

    def step(self, counts: Array, squares: Array, rng: np.random.Generator) -> None:
        """Metropolis steps for every year, even years and then odd ones, for neighbours hang on each other."""
        later, followed, phi = self.later, self.followed, self.persistence
        reach = 2.4 / np.sqrt(counts / 2 + (1 + phi**2) / self.variance)
        for parity in (0, 1):
            moves = self.alive & (np.arange(counts.shape[1]) % 2 == parity)
            before, after = np.roll(self.log, 1, axis=1), np.roll(self.log, -1, axis=1)

            def density(log: Array, before: Array = before, after: Array = after) -> Array:
                own = np.where(later, (log - phi * before) ** 2, (1 - phi**2) * log**2)
                own = own + np.where(followed, (after - phi * log) ** 2, 0.0)
                return np.asarray(-counts / 2 * log - squares / 2 * np.exp(-log) - own / 2 / self.variance, float)

            wanted = self.log + reach * rng.standard_normal(counts.shape)
            moves &= np.log(rng.random(counts.shape)) < density(wanted) - density(self.log)
            self.log = np.where(moves, wanted, self.log)

    def stretch(self, counts: Array, squares: Array, rng: np.random.Generator) -> None:
        """Stretch all years together with their roughness: one hardly moves while the other stands still."""
        at = int(np.abs(ROUGHNESS**2 - self.variance).argmin())
        to = at + int(rng.integers(-6, 7))
        if not 0 <= to < len(ROUGHNESS):
            return
        wanted = self.log * ROUGHNESS[to] / ROUGHNESS[at]

        def density(log: Array, sd: float) -> float:
            fit = -counts / 2 * log - squares / 2 * np.exp(-log)
            return float(fit[self.alive].sum() - sd**2 / 2 / ROUGHNESS_SD**2 + np.log(sd))

        if np.log(rng.random()) < density(wanted, ROUGHNESS[to]) - density(self.log, ROUGHNESS[at]):
            self.log, self.variance = wanted, float(ROUGHNESS[to] ** 2)

    def settle(self, rng: np.random.Generator) -> None:
        """Persistence and roughness together, from their grids."""
        log, before = np.where(self.alive, self.log, 0.0), np.roll(self.log, 1, axis=1)
        first = self.alive & ~self.later
        begin = float((log[first] ** 2).sum())
        own, cross, past = (float(v[self.later].sum()) for v in (log**2, log * before, before**2))
        phi, sd = PERSISTENCE[:, None], ROUGHNESS[None, :]
        sums = (1 - phi**2) * begin + own - 2 * phi * cross + phi**2 * past
        told = first.sum() / 2 * np.log(1 - phi**2) - self.alive.sum() * np.log(sd) - sums / 2 / sd**2
        told = told - sd**2 / 2 / ROUGHNESS_SD**2 + np.log(sd)  # the grid is even in the logarithm
        mass = np.exp(told - told.max())
        i, j = np.unravel_index(int(rng.choice(mass.size, p=(mass / mass.sum()).ravel())), mass.shape)
        self.persistence, self.variance = float(PERSISTENCE[i]), float(ROUGHNESS[j] ** 2)

    def trade(
        self, base: Array, variance: Array, group: Index, prior: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Move the level of a kind from its turbulence to its scales, which the data cannot tell apart, and back.

        `base` has an exponential prior of mean `prior`; the variances of its series scale with it.
        """
        phi, before = self.persistence, np.roll(self.log, 1, axis=1)
        slope = np.where(self.later, 1 - phi, np.sqrt(1 - phi**2)) * self.alive
        new = np.where(self.later, self.log - phi * before, np.sqrt(1 - phi**2) * self.log) * self.alive
        for k in np.flatnonzero(self.alive.any(axis=1)):
            tilt, bend = (slope[k] * new[k]).sum() / self.variance, (slope[k] ** 2).sum() / self.variance
            level = 0.0
            for reach in (0.2, 0.6, 2.0, 2.0):  # narrow where many years tell the level, wide where the prior does
                to = level + reach * rng.standard_normal()
                gain = -(tilt + 1) * (to - level) - bend / 2 * (to**2 - level**2)
                gain += base[k] / prior * (np.exp(-level) - np.exp(-to))
                level = to if np.log(rng.random()) < gain else level
            self.log[k] += level * self.alive[k]
            base = np.where(np.arange(2) == k, base * np.exp(-level), base)
            variance = np.where(group == k, variance * np.exp(-level), variance)
        return base, variance
