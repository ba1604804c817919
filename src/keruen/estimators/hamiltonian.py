"""Hamiltonian Monte Carlo over a few chains at once: steps along a gradient, their length and scales learnt on the way.

The target is a function of the chains' positions that gives log densities and gradients; what else a model draws
between two steps is its own affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Target = Callable[[Array], tuple[Array, Array, Any]]
"""Positions (chain, dim) to log densities (chain), gradients (chain, dim), and whatever else was worked out."""

WANTED = 0.8  # share of steps taken at which such chains move fastest (Beskos et al. 2013 and after: 0.65 to 0.85)
ANGLE = 2.4  # length of a path, in units of the target's own scale: between a quarter and a half turn
MOST = 30  # leaps of one path, while the step is still being learnt


@dataclass(slots=True)
class Gait:
    """How the chains walk: the root of a covariance, the length of a step, and what is learnt of both.

    Attributes
    ----------
    root
        (dim, dim) lower root of the target's covariance as far as known.
    step
        Length of one leap, in units of that root.
    """

    root: Array
    step: float = 0.3
    _tries: int = 0
    _lack: float = 0.0
    _mean: float = 0.0

    def restart(self) -> None:
        """Begin to learn the step anew, from the present one."""
        self._tries, self._lack, self._mean = 0, 0.0, 0.0

    def learn(self, taken: float, aim: float = WANTED) -> None:
        """Dual averaging of the step (Hoffman and Gelman 2014, with their constants)."""
        self._tries += 1
        n = self._tries
        self._lack += (aim - taken - self._lack) / (n + 10)
        log = np.log(10 * 0.1) - np.sqrt(n) / 0.05 * self._lack
        share = n**-0.75
        self._mean = share * log + (1 - share) * self._mean
        self.step = float(np.clip(np.exp(log), 0.01, 1.2))

    def settle(self) -> None:
        """Keep the averaged step."""
        if self._tries:
            self.step = float(np.clip(np.exp(self._mean), 0.02, 1.2))

    def reshape(self, x: Array, first: Array, g: Array) -> None:
        """Take the first dims' covariance as told, of the others what positions (position, dim) show, and correct both
        by gradients (position, dim).

        Positions from several wells spread wider than the target is where a chain stands. Gradients tell how wide that
        is: of a normal target, in units of its root, their covariance is one.
        """
        n, d = x.shape
        weight = n / (n + 5.0 * d)  # shrunk to unit scales while little was seen
        cov = np.diag(weight * x.var(0) + (1 - weight) * 1e-1)
        cov[: len(first), : len(first)] = first
        wide = np.linalg.cholesky(cov)
        g = g @ wide
        few = 3.0 * d  # so many gradients of a normal target
        curvature = (g.T @ g + few * np.eye(d)) / (len(g) + few)
        self.root = np.asarray(wide @ np.linalg.inv(np.linalg.cholesky(curvature)).T)

    def reshape_by_slopes(self, g: Array) -> None:
        """Take the root from gradients (position, dim) that were seen: their covariance is the curvature of the target.

        For a target that changes from step to step, as one block of a Gibbs sampler does: positions show how far it
        wanders, gradients how wide it is.
        """
        n, d = g.shape
        weight = n / (n + d)
        curvature = weight * (g.T @ g) / n + (1 - weight) * 10.0 * np.eye(d)
        self.root = np.asarray(np.linalg.inv(np.linalg.cholesky(curvature)).T)


def step(
    q: Array,
    now: tuple[Array, Array, Any],
    target: Target,
    gait: Gait,
    rng: np.random.Generator,
    angle: float = ANGLE,
) -> tuple[Array, tuple[Array, Array, Any], Array]:
    """One path of each chain along the Hamiltonian flow, taken or refused.

    Parameters
    ----------
    q
        Positions (chain, dim).
    now
        What `target` gives there.
    angle
        Length of the path; longer where one step of the chain must do.

    Returns
    -------
    Positions, what the target gives there, and the probability with which each path is taken.

    References
    ----------
    Neal (2011), MCMC using Hamiltonian dynamics; Duane et al. (1987).
    """
    chains = len(q)
    length = gait.step * float(rng.uniform(0.8, 1.2))
    leaps = int(np.clip(round(angle * float(rng.uniform(0.6, 1.2)) / length), 1, MOST))
    momentum = rng.standard_normal(q.shape)
    begun = now[0] - 0.5 * (momentum**2).sum(1)
    x, there = q, now
    momentum = momentum + 0.5 * length * (now[1] @ gait.root)
    for leap in range(leaps):
        x = x + length * (momentum @ gait.root.T)
        there = target(x)
        momentum = momentum + (0.5 if leap == leaps - 1 else 1.0) * length * (there[1] @ gait.root)
    gain = there[0] - 0.5 * (momentum**2).sum(1) - begun
    chance = np.exp(np.minimum(0.0, np.where(np.isfinite(gain), gain, -np.inf)))
    take = rng.random(chains) < chance
    return np.where(take[:, None], x, q), chosen(take, there, now), chance


def chosen(take: NDArray[np.bool_], new: Any, old: Any) -> Any:
    """For each chain the new value or the old, through tuples of arrays."""
    if isinstance(new, tuple):
        return tuple(chosen(take, a, b) for a, b in zip(new, old, strict=True))
    return np.where(take.reshape(-1, *[1] * (new.ndim - 1)), new, old)
