"""Coefficients in families, a spread to each: integrated out of the density of their spreads, and drawn at once.

A regression with a few pooled coefficients and with families of others, normal around nought, each family with a spread
of its own under a half-Cauchy prior. Given the weights of the observations all coefficients are normal together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special
from scipy.linalg import lapack

Array = NDArray[np.float64]
Index = NDArray[np.int64]

FAR = 4.5
"""How many standard deviations of its prior a spread may lie from the median."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Weighted products of the columns: of the shared ones and the answer (m + 1, m + 1), and by unit with the units'
    own columns, (unit, k, k) and (unit, k, m + 1)."""

    shared: Array
    own: Array
    both: Array


@dataclass(frozen=True, slots=True)
class Pooling:
    """A regression whose coefficients come in families.

    Attributes
    ----------
    answer
        (observation).
    dense, cell
        (observation, column), the pooled ones first, and (observation) which cell it lies in: cells have a constant
        each. These m columns and cells are shared by all units.
    family
        (m − pooled) which family the coefficient of each other column and each cell belongs to.
    own, unit
        (observation, k) columns for which every unit has coefficients, and each observation's unit. Their k families
        come after all others.
    mean, sd
        (pooled) prior of the pooled coefficients.
    scale
        (family) scales of the half-Cauchy priors of the spreads.
    """

    answer: Array
    dense: Array
    cell: Index
    family: Index
    own: Array
    unit: Index
    mean: Array
    sd: Array
    scale: Array
    units: int = field(init=False)
    cells: int = field(init=False)
    size: Array = field(init=False)
    """(family) how many coefficients it has."""
    _columns: Array = field(init=False)
    _all: Array = field(init=False)
    _rows: Index = field(init=False)

    def __post_init__(self) -> None:
        k, units, n = self.own.shape[1], int(self.unit.max()) + 1, len(self.answer)
        cells = len(self.family) - (self.dense.shape[1] - len(self.mean))
        size = np.bincount(self.family, minlength=len(self.scale)).astype(float)
        size[len(size) - k :] = units
        columns = np.column_stack([self.dense, self.answer])
        rows = np.column_stack([k * self.unit[:, None] + np.arange(k), k * units + self.cell])
        made = {
            "units": units, "cells": cells, "size": size, "_columns": columns, "_rows": rows.ravel(),
            "_all": np.column_stack([self.own, columns, np.ones(n)]),
        }  # fmt: skip
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def sums(self, weight: Array) -> Sums:
        """What the observations say at these weights (observation)."""
        n, k = self.own.shape
        p, m = self.dense.shape[1], self.dense.shape[1] + self.cells
        rooted = np.sqrt(weight)[:, None] * self._columns
        data = np.column_stack([self.own * weight[:, None], weight])
        by_row = sparse.csc_array(
            (data.ravel(), self._rows, (k + 1) * np.arange(n + 1)), shape=(k * self.units + self.cells, n)
        )
        found = by_row @ self._all
        at_unit, at_cell = found[: k * self.units].reshape(self.units, k, -1), found[k * self.units :]
        shared, both = np.zeros((m + 1, m + 1)), np.empty((self.units, k, m + 1))
        inner = np.r_[0:p, m]
        shared[np.ix_(inner, inner)] = rooted.T @ rooted
        shared[p:m, inner] = at_cell[:, k : k + p + 1]
        shared[inner, p:m] = at_cell[:, k : k + p + 1].T
        shared[range(p, m), range(p, m)] = at_cell[:, -1]
        both[:, :, inner] = at_unit[:, :, k : k + p + 1]
        pairs = (self._rows.reshape(n, k + 1)[:, :k] * self.cells + self.cell[:, None]).ravel()
        both[:, :, p:m] = np.bincount(pairs, data[:, :k].ravel(), k * self.units * self.cells).reshape(
            self.units, k, -1
        )
        return Sums(shared, at_unit[:, :, :k], both)

    def spreads(self, q: Array) -> tuple[Array, Array]:
        """Spreads at positions (…, family) that their half-Cauchy priors make standard normal, and the slopes of their
        logarithms."""
        half = 0.5 * np.pi * special.ndtr(-np.abs(q))
        small = np.tan(half)
        spread = self.scale * np.where(q < 0, small, 1 / small)
        return spread, np.sqrt(np.pi / 2) * np.exp(-0.5 * q**2) / np.sin(2 * half)

    def density(self, q: Array, sums: list[Sums]) -> tuple[Array, Array, tuple[Array, Array]]:
        """Log density of the places of the spreads (chain, family), its gradient, and of the shared coefficients the
        means and the upper roots of the covariances, transposed.

        The gradient is that of the complete data, averaged over the coefficients (Fisher's identity): of each family
        the expected sum of squares is all it takes.
        """
        m, k, pooled = self.dense.shape[1] + self.cells, self.own.shape[1], len(self.mean)
        near = (np.abs(q) < FAR).all(axis=1)
        spread, slope = self.spreads(np.clip(q, -FAR, FAR))
        log, gradient = np.where(near, -0.5 * (q**2).sum(axis=1), -np.inf), -q
        mean, root = np.zeros((len(q), m)), np.zeros((len(q), m, m))
        for c in np.flatnonzero(near):
            precision = spread[c] ** -2
            half, told, size = _by_unit(precision[-k:], sums[c])
            flat = told.reshape(-1, m + 1)
            left = sums[c].shared - flat.T @ flat
            shift = left[:m, m].copy()
            shift[:pooled] += self.mean / self.sd**2
            left.flat[: m * (m + 1) : m + 2] += np.concatenate([self.sd**-2, precision[self.family]])
            lower = np.linalg.cholesky(left[:m, :m])
            root[c], _ = lapack.dtrtri(lower, lower=1)
            mean[c] = root[c].T @ (root[c] @ shift)
            log[c] += 0.5 * (mean[c] @ shift - left[m, m] - size) - np.log(np.diag(lower)).sum()
            log[c] -= self.size @ np.log(spread[c])
            # Squares that a family's coefficients are expected to have.
            shared = (mean[c] ** 2 + (root[c] ** 2).sum(axis=0))[pooled:]
            squares = np.bincount(self.family, shared, minlength=len(self.scale))
            away = (flat[:, :m] @ root[c].T).reshape(self.units, k, m)
            around = half.transpose(0, 2, 1) @ (np.eye(k) + away @ away.transpose(0, 2, 1)) @ half
            own = half.transpose(0, 2, 1) @ (told[:, :, m] - told[:, :, :m] @ mean[c])[:, :, None]
            squares[-k:] += np.einsum("ugg->g", around) + (own[:, :, 0] ** 2).sum(axis=0)
            gradient[c] += (squares * precision - self.size) * slope[c]
        return log, gradient, (mean, root)

    def draw(
        self, q: Array, sums: Sums, told: tuple[Array, Array], rng: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Shared coefficients (m), those of the units (unit, k) and what is left (observation), given the places of the
        spreads (family) and what :meth:`density` tells there."""
        mean, root = told
        m, p = len(mean), self.dense.shape[1]
        shared = mean + root.T @ rng.standard_normal(m)
        half, seen, _ = _by_unit(self.spreads(q)[0][-self.own.shape[1] :] ** -2, sums)
        own = seen[:, :, m] - seen[:, :, :m] @ shared + rng.standard_normal(half.shape[:2])
        own = (half.transpose(0, 2, 1) @ own[:, :, None])[:, :, 0]
        left = self.answer - self.dense @ shared[:p] - shared[p:][self.cell]
        return shared, own, np.asarray(left - np.einsum("ij,ij->i", self.own, own[self.unit]))


def _by_unit(precision: Array, sums: Sums) -> tuple[Array, Array, float]:
    """Inverses of the lower roots of the precision of the units' own coefficients (unit, k, k), these times their
    products with all else (unit, k, m + 1), and the logarithm of the determinant."""
    root = np.linalg.cholesky(sums.own + np.diag(precision))
    half = np.linalg.inv(root)
    return half, half @ sums.both, 2 * float(np.log(np.einsum("ugg->ug", root)).sum())
