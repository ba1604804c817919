"""What every sampler shares: diagnostics of its chains, intervals of its draws, and the check of its calibration.

R-hat is rank-normalised, split and folded; effective sample sizes are for the bulk and the tails (Vehtari, Gelman,
Simpson, Carpenter and Bürkner 2021, Bayesian Analysis 16). A sampler that has not settled raises;
it never hands over a pretty wrong answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special, stats

from keruen.errors import ModelError, NotConverged

Array = NDArray[np.float64]


def _split(chains: Array) -> Array:
    """Each chain cut into its halves: (..., chain, draw) -> (..., 2 chains, draw / 2)."""
    half = chains.shape[-1] // 2
    return np.concatenate([chains[..., :half], chains[..., -half:]], -2)


def _ranked(chains: Array) -> Array:
    """Normal scores of the ranks over all chains together."""
    flat = chains.reshape(*chains.shape[:-2], -1)
    rank = stats.rankdata(flat, method="average", axis=-1)
    return np.asarray(special.ndtri((rank - 0.375) / (flat.shape[-1] + 0.25))).reshape(chains.shape)


def _plain_rhat(chains: Array) -> Array:
    n = chains.shape[-1]
    within = chains.var(-1, ddof=1).mean(-1)
    between = chains.mean(-1).var(-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((n - 1) / n + between / within))


def _plain_ess(chains: Array) -> Array:
    """Effective draws of split chains (..., chain, draw), by Geyer's initial monotone sequence."""
    *shape, m, n = chains.shape
    centred = chains - chains.mean(-1, keepdims=True)
    size = fft.next_fast_len(2 * n)
    spectrum = fft.rfft(centred, size, axis=-1)
    covariance = fft.irfft(spectrum * np.conj(spectrum), size, axis=-1)[..., :n].real / n
    within = covariance[..., 0].mean(-1) * n / (n - 1)
    plus = within * (n - 1) / n
    if m > 1:
        plus = plus + chains.mean(-1).var(-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (within[..., None] - covariance.mean(-2)) / plus[..., None]
    rho[..., 0] = 1.0
    pairs = rho[..., : n - n % 2].reshape(*shape, -1, 2).sum(-1)
    positive = np.logical_and.accumulate(pairs > 0, axis=-1)
    pairs = np.minimum.accumulate(np.where(positive, pairs, 0.0), axis=-1)
    # The first even lag after the last positive pair still carries half a pair, as in Stan and arviz.
    last = positive.sum(-1) - 1
    even = np.clip(2 * (last + 1), 0, n - 1)
    tail = np.maximum(np.take_along_axis(rho, even[..., None], -1)[..., 0], 0.0)
    tail = np.where(2 * (last + 1) < n, tail, 0.0)
    tau = np.maximum(-1 + 2 * pairs.sum(-1) + tail, 1 / np.log10(m * n))
    return np.asarray(m * n / tau)


def _shaped(chains: Any) -> Array:
    x = np.asarray(chains, dtype=float)
    if x.ndim < 2 or x.shape[-1] < 4:
        raise ModelError(f"Diagnostics need (…, chain, draw) with at least 4 draws; this has shape {x.shape}.")
    if not np.isfinite(x).all():
        raise NotConverged(f"{int((~np.isfinite(x)).sum()):,} draws are not finite. The model broke down somewhere.")
    return x


def rhat(chains: Any) -> Array:
    """Rank-normalised split R-hat, the larger of that of the location and that of the spread.

    Parameters
    ----------
    chains
        (…, chain, draw).

    Returns
    -------
    (…), 1 where chains agree; 1 for a quantity that never varies.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> bool(rhat(rng.normal(size=(4, 500))) < 1.01)
    True
    >>> bool(rhat(rng.normal(size=(4, 500)) + np.arange(4)[:, None]) > 1.5)
    True
    """
    x = _split(_shaped(chains))
    folded = np.abs(x - np.median(x, axis=(-2, -1), keepdims=True))
    found = np.maximum(_plain_rhat(_ranked(x)), _plain_rhat(_ranked(folded)))
    return np.asarray(np.where(np.ptp(x, axis=(-2, -1)) == 0, 1.0, found))


def ess(chains: Any, kind: str = "bulk") -> Array:
    """Effective number of independent draws, for the ``bulk`` or for the ``tail`` (the worse of the 5% and 95% ends).

    Parameters
    ----------
    chains
        (…, chain, draw).

    Returns
    -------
    (…); as many as there are draws for a quantity that never varies.

    Examples
    --------
    >>> bool(1500 < ess(np.random.default_rng(0).normal(size=(4, 500))) < 2800)
    True
    """
    x = _shaped(chains)
    total = float(x.shape[-1] * x.shape[-2])
    if kind == "bulk":
        found = _plain_ess(_ranked(_split(x)))
    elif kind == "tail":
        ends = np.quantile(x, [0.05, 0.95], axis=(-2, -1))[..., None, None]
        found = np.minimum(*(_plain_ess(_split((x <= end).astype(float))) for end in ends))
    else:
        raise ModelError(f"{kind!r} is not a kind of effective sample size. Take bulk or tail.")
    return np.asarray(np.where((np.ptp(x, axis=(-2, -1)) == 0) | ~np.isfinite(found), total, found))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How a sampler did, over all quantities it was asked about.

    Attributes
    ----------
    rhat, ess_bulk, ess_tail
        The worst of all quantities.
    worst
        Their names: of the largest R-hat, and of the smallest effective sizes.
    draws, chains
        Draws a chain kept, and chains.
    table
        (name, R-hat, bulk, tail) of each quantity.
    """

    rhat: float
    ess_bulk: float
    ess_tail: float
    worst: tuple[str, str, str]
    draws: int
    chains: int
    table: tuple[tuple[str, float, float, float], ...]


def diagnose(
    quantities: Mapping[str, Any], *, rhat_below: float = 1.01, ess_above: float = 400, strict: bool = True
) -> Diagnosis:
    """Diagnostics of named quantities, each (chain, draw) or (chain, draw, …); refuses what did not settle.

    Raises
    ------
    NotConverged
        With the quantity, the number and the remedy, if `strict`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> diagnose({"a": rng.normal(size=(4, 500)), "b": rng.normal(size=(4, 500, 3))}).chains
    4
    """
    rows: list[tuple[str, float, float, float]] = []
    shape = (0, 0)
    for name, value in quantities.items():
        x = np.asarray(value, dtype=float)
        shape = x.shape[:2]
        x = np.moveaxis(x.reshape(*shape, -1), -1, 0)
        many = x.shape[0] > 1
        for at, (r, b, t) in enumerate(zip(rhat(x), ess(x), ess(x, "tail"), strict=True)):
            rows.append((f"{name}[{at}]" if many else name, float(r), float(b), float(t)))
    if not rows:
        raise ModelError("No quantity was named, so there is nothing to diagnose.")
    high = max(rows, key=lambda row: row[1])
    bulk, tail = min(rows, key=lambda row: row[2]), min(rows, key=lambda row: row[3])
    found = Diagnosis(
        rhat=high[1], ess_bulk=bulk[2], ess_tail=tail[3], worst=(high[0], bulk[0], tail[0]),
        draws=shape[1], chains=shape[0], table=tuple(rows),
    )  # fmt: skip
    if strict and not (found.rhat < rhat_below and min(found.ess_bulk, found.ess_tail) >= ess_above):
        raise NotConverged(
            f"The sampler did not settle: R-hat {found.rhat:.3f} for {high[0]} (wanted: below {rhat_below:g}), "
            f"effective draws {found.ess_bulk:,.0f} for {bulk[0]} and {found.ess_tail:,.0f} in the tails of {tail[0]} (at least "
            f"{ess_above:,.0f}). Ask for more draws, or another seed to see whether it is bad luck."
        )
    return found


def interval(draws: Any, mass: float = 0.8, axis: int = 0) -> tuple[Array, Array, Array]:
    """Low end, median and high end of the central interval that holds `mass` of the draws.

    Examples
    --------
    >>> [float(v) for v in interval([0.0, 1.0, 2.0, 3.0, 4.0], 0.5)]
    [1.0, 2.0, 3.0]
    """
    tail = (1 - mass) / 2
    low, median, high = np.quantile(np.asarray(draws, dtype=float), [tail, 0.5, 1 - tail], axis=axis)
    return np.asarray(low), np.asarray(median), np.asarray(high)


def resample_size(weights: Array) -> float:
    """Kish's effective number of draws behind importance weights.

    Examples
    --------
    >>> resample_size(np.ones(50))
    50.0
    """
    w = np.asarray(weights, dtype=float)
    return float(w.sum() ** 2 / (w**2).sum())


def rank(truth: Any, draws: Any, rng: np.random.Generator) -> NDArray[np.int64]:
    """Ranks of true values among posterior draws, ties broken at random.

    Parameters
    ----------
    truth
        (…).
    draws
        (draw, …), thinned until they are nearly independent.

    Returns
    -------
    (…), from 0 to the number of draws.

    Examples
    --------
    >>> int(rank(2.5, [1.0, 2.0, 3.0], np.random.default_rng(0)))
    2
    """
    x, t = np.asarray(draws, dtype=float), np.asarray(truth, dtype=float)
    below, tied = (x < t).sum(0), (x == t).sum(0)
    return np.asarray(below + rng.integers(0, tied + 1))


def uniformity(ranks: Any, highest: int, bins: int = 10) -> float:
    """p-value of the χ² test that ranks from 0 to `highest` are uniform (simulation-based calibration).

    References
    ----------
    Talts, Betancourt, Simpson, Vehtari and Gelman (2018), arXiv 1804.06788.

    Examples
    --------
    >>> round(uniformity(np.arange(100), 99), 6)
    1.0
    """
    if (highest + 1) % bins:
        raise ModelError(f"{highest + 1} ranks do not fall into {bins} equal bins. Take L = {bins} k - 1 draws.")
    counts = np.bincount(np.asarray(ranks).ravel().astype(int) * bins // (highest + 1), minlength=bins)
    return float(stats.chisquare(counts).pvalue)


def contraction(posterior: Sequence[float] | Array, prior_variance: float = 1.0) -> float:
    """How much of the prior's variance the data removed: 1 − Var(posterior) / Var(prior), not below 0.

    Examples
    --------
    >>> contraction([0.0, 0.0, 0.0])
    1.0
    """
    return max(0.0, 1.0 - float(np.var(np.asarray(posterior, dtype=float))) / prior_variance)
