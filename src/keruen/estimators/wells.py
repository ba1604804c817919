"""Leaps between the wells of a density: two normal distributions fitted to what the chains saw, as a proposal.

Steps along a gradient seldom cross from one well to another, and where one holds a tenth of the mass its share is
what mixes last. A proposal that knows both crosses as often as it is right about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keruen.estimators.hamiltonian import Target, chosen

Array = NDArray[np.float64]

_MOST = 800  # positions a fit looks at
_ROUNDS = 10  # of the fit
_OUTLIERS = 0.15  # share of the positions that begin in a small well
_WIDER = 1.05  # a proposal a little wider than what was seen does not stick


@dataclass(frozen=True, slots=True)
class Wells:
    """Two normal distributions of the first dims of a position, and where the other dims lie in each.

    Attributes
    ----------
    centre, root, inverse
        Mean (dim), lower root (dim, dim) of what was seen and the root's inverse; all below is in units of that root.
    share, middle, roots, inverses
        Weight (2), mean (2, dim), lower root (2, dim, dim) and its inverse of each.
    others
        (2, other dims) means of the other dims, in their own units.
    """

    centre: Array
    root: Array
    inverse: Array
    share: Array
    middle: Array
    roots: Array
    inverses: Array
    others: Array

    @property
    def within(self) -> Array:
        """Covariance (dim, dim) about the middle of a well: the scale of steps that stay in one."""
        spread = (self.share[:, None, None] * (self.roots @ self.roots.transpose(0, 2, 1))).sum(0)
        return np.asarray(self.root @ spread @ self.root.T)


def fitted(seen: Array, dims: int) -> Wells:
    """Fit two normal distributions to the first dims of positions (position, dim), by expectation and maximisation.

    Covariances are drawn towards the common one by eight positions a dim, so that a well seen a few times is not taken
    to be as narrow as those few. Of several beginnings the one that ends likeliest is kept.

    References
    ----------
    Dempster, Laird and Rubin (1977), JRSS B 39.
    """
    seen = seen[np.linspace(0, len(seen) - 1, min(len(seen), _MOST)).astype(int)]
    x, rest = seen[:, :dims], seen[:, dims:]
    n = len(x)
    cov = np.atleast_2d(np.cov(x, rowvar=False))
    weight = n / (n + 5.0 * dims)
    cov = weight * cov + (1 - weight) * np.diag(np.diag(cov)) + 1e-9 * np.eye(dims)
    centre, root = x.mean(0), np.linalg.cholesky(cov)
    inverse = np.linalg.inv(root)
    y = (x - centre) @ inverse.T
    best, found = -np.inf, None
    for member in _beginnings(y):
        for _ in range(_ROUNDS):
            share, middle, roots = _parts(y, member)
            inverses = np.asarray(np.linalg.inv(roots), dtype=float)
            log, member = _members(y, share, middle, inverses)
        if log.sum() > best:
            best, found = log.sum(), (share, middle, roots, inverses, member)
    assert found is not None
    share, middle, roots, inverses, member = found
    few = 20.0  # so many positions of the common mean, where a well was seldom seen
    others = (member.T @ rest + few * rest.mean(0)) / (member.sum(0)[:, None] + few)
    roots, inverses = _WIDER * roots, inverses / _WIDER
    return Wells(centre, np.asarray(root), np.asarray(inverse), share, middle, roots, inverses, others)


def _beginnings(y: Array) -> Iterator[Array]:
    """Memberships (position, 2) to begin with: parted across directions in which two wells would show.

    A small well far off makes a heavy tail, two alike a light one, and any two that differ in size are skew: so the
    directions of the largest and of the least fourth moment (Cardoso 1989, ICASSP), and that of the third.
    """
    far = (y**2).sum(1)[:, None]
    fourth = np.linalg.eigh((y * far).T @ y)[1]
    for direction, beyond in ((fourth[:, -1], _OUTLIERS), (fourth[:, 0], 0.5), ((y * far).mean(0), _OUTLIERS)):
        along = y @ direction
        along = along * (1.0 if (along**3).sum() >= 0 else -1.0)
        second = (along > np.quantile(along, 1 - beyond)).astype(float)
        yield np.stack([1 - second, second], 1)


def _parts(y: Array, member: Array) -> tuple[Array, Array, Array]:
    """Shares, means and roots of two normal distributions, of the positions that belong to each."""
    n, dims = y.shape
    total, prior = member.sum(0), 8.0 * dims
    middle = member.T @ y / (total[:, None] + 1)
    spread = np.stack([(m[:, None] * (y - c)).T @ (y - c) for m, c in zip(member.T, middle, strict=True)])
    roots = np.linalg.cholesky((spread + 0.7 * prior * np.eye(dims)) / (total + prior)[:, None, None])
    return (total + 2) / (n + 4), middle, roots


def _members(y: Array, share: Array, middle: Array, inverses: Array) -> tuple[Array, Array]:
    """Log density of positions in units of the common root, and to which of the two they belong (position, 2)."""
    parts = np.empty((len(y), 2))
    for k in range(2):
        apart = (y - middle[k]) @ inverses[k].T
        parts[:, k] = np.log(share[k]) - 0.5 * (apart**2).sum(1) + np.log(np.diag(inverses[k])).sum()
    top = parts.max(1, keepdims=True)
    member = np.exp(parts - top)
    total = member.sum(1, keepdims=True)
    return (top + np.log(total))[:, 0], member / total


def leap(
    q: Array, now: tuple[Array, Array, Any], target: Target, wells: Wells, tries: int, rng: np.random.Generator
) -> tuple[Array, tuple[Array, Array, Any], float]:
    """Propose `tries` positions to each chain, one after another, each taken or refused.

    The first dims are drawn anew from the wells, whatever they are now; the others move by as much as their mean does
    between the two places, which leaves volumes as they are. So proposals do not hang on each other but through one
    constant of a chain, and the target sees them all at once.

    Returns
    -------
    Positions, what the target gives there, and the mean probability with which a proposal is taken.

    References
    ----------
    Tierney (1994), Annals of Statistics 22, independence chains.
    """
    chains, d = len(q), wells.centre.size
    many = tries * chains
    which = (rng.random(many) < wells.share[1]).astype(int)
    noise = rng.standard_normal((many, d))
    y = wells.middle[which] + (wells.roots[which] @ noise[:, :, None])[:, :, 0]
    here = (q[:, :d] - wells.centre) @ wells.inverse.T
    log, member = _members(np.concatenate([here, y]), wells.share, wells.middle, wells.inverses)
    moved = member @ wells.others
    base = q[:, d:] - moved[:chains]
    new = np.concatenate([wells.centre + y @ wells.root.T, np.tile(base, (tries, 1)) + moved[chains:]], axis=1)
    there = target(new)
    worth, other = now[0] - log[:chains], there[0] - log[chains:]
    other = np.where(np.isfinite(other), other, -np.inf)
    at, taken = np.full(chains, -1), 0.0
    for k in range(tries):
        rows = np.arange(k * chains, (k + 1) * chains)
        chance = np.exp(np.minimum(0.0, other[rows] - worth))
        take = rng.random(chains) < chance
        worth, at = np.where(take, other[rows], worth), np.where(take, rows, at)
        taken += float(chance.mean()) / tries
    moves, rows = at >= 0, np.maximum(at, 0)
    return np.where(moves[:, None], new[rows], q), chosen(moves, _rows(there, rows), now), taken


def _rows(what: Any, rows: NDArray[np.int64]) -> Any:
    return tuple(_rows(part, rows) for part in what) if isinstance(what, tuple) else what[rows]
