"""What every sampler shares: diagnostics of its chains, intervals of its draws, and the check of its calibration.

R-hat is rank-normalised, split and folded; effective sample sizes are for the bulk and the tails (Vehtari, Gelman,
Simpson, Carpenter and Bürkner 2021, Bayesian Analysis 16). A sampler that has not settled raises;
it never hands over a pretty wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

from keruen.errors import ModelError, NotConverged

Array = NDArray[np.float64]


def _split(chains: Array) -> Array:
    """Each chain cut into its halves: (..., chain, draw) -> (..., 2 chains, draw / 2)."""
    half = chains.shape[-1] // 2
    return np.concatenate([chains[..., :half], chains[..., -half:]], -2)


def _average_ranks(rows: Array) -> Array:
    """Ranks from 1 along the last axis; equals share the mean of theirs.

    scipy.stats has the same, but brings 60 MB with it into every brief.
    """
    ranks = np.empty(rows.shape)
    for at in np.ndindex(rows.shape[:-1]):
        _, place, count = np.unique(rows[at], return_inverse=True, return_counts=True)
        ranks[at] = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def _ranked(chains: Array) -> Array:
    """Normal scores of the ranks over all chains together."""
    flat = chains.reshape(*chains.shape[:-2], -1)
    rank = _average_ranks(flat)
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


def _nested_rhat(chains: Array, together: int) -> Array:
    *shape, m, n = chains.shape
    x = chains.reshape(*shape, m // together, together, n)
    means = x.mean(-1)
    inside = means.var(-1, ddof=1) if together > 1 else 0.0
    within = (inside + x.var(-1, ddof=1).mean(-1)).mean(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(1 + means.mean(-1).var(-1, ddof=1) / within))


def rhat(chains: Any, together: int = 1) -> Array:
    """Rank-normalised split R-hat, the larger of that of the location and that of the spread.

    Parameters
    ----------
    chains
        (…, chain, draw).
    together
        Chains that began at one place, for many short chains: neighbours are taken as one superchain, and the nested
        R-hat of Margossian et al. (2024, Bayesian Analysis, doi 10.1214/24-BA1453) compares superchains. A short chain
        alone has an R-hat far from 1 however well it mixes.

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
    x = _shaped(chains)
    if together == 1:
        x = _split(x)
    elif x.shape[-2] % together or x.shape[-2] < 2 * together:
        raise ModelError(f"{x.shape[-2]} chains do not make two or more superchains of {together}.")
    folded = np.abs(x - np.median(x, axis=(-2, -1), keepdims=True))

    def of(y: Array) -> Array:
        return _plain_rhat(y) if together == 1 else _nested_rhat(y, together)

    found = np.maximum(of(_ranked(x)), of(_ranked(folded)))
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

    def __repr__(self) -> str:
        high, bulk, tail = self.worst
        return (
            f"{self.chains} chains of {self.draws:,} draws, {len(self.table)} quantities: R-hat at most {self.rhat:.3f}"
            f" ({high}), effective draws at least {self.ess_bulk:,.0f} ({bulk}) and in the tails {self.ess_tail:,.0f}"
            f" ({tail}). See table."
        )


def diagnose(
    quantities: Mapping[str, Any],
    *,
    rhat_below: float = 1.01,
    ess_above: float = 400,
    strict: bool = True,
    together: int = 1,
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
        for at, (r, b, t) in enumerate(zip(rhat(x, together), ess(x), ess(x, "tail"), strict=True)):
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
            f"The sampler did not settle: R-hat {found.rhat:.3f} for {high[0]} (wanted: below {rhat_below:g}),"
            f" effective draws {found.ess_bulk:,.0f} for {bulk[0]} and {found.ess_tail:,.0f} in the tails of {tail[0]}"
            f" (wanted: {ess_above:,.0f}). Ask for more draws, or another seed to see whether it is bad luck."
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
    expected = counts.mean()
    return float(special.chdtrc(bins - 1, ((counts - expected) ** 2).sum() / expected))


def contraction(posterior: Sequence[float] | Array, prior_variance: float = 1.0) -> float:
    """How much of the prior's variance the data removed: 1 − Var(posterior) / Var(prior), not below 0.

    Examples
    --------
    >>> contraction([0.0, 0.0, 0.0])
    1.0
    """
    return max(0.0, 1.0 - float(np.var(np.asarray(posterior, dtype=float))) / prior_variance)


def sample(
    log_density: Callable[[Array], Array],
    size: int,
    *,
    groups: int = 1,
    chains: int = 32,
    warmup: int = 3000,
    draws: int = 6000,
    thin: int = 10,
    reference: tuple[Array, Array] | None = None,
    together: int = 1,
    rng: np.random.Generator,
) -> Iterator[tuple[Array, float]]:
    """Metropolis with many chains side by side, for cheap densities of a few dozen dimensions that are nearly normal.

    One evaluation moves every chain of every group. A group is a posterior of its own (another data set, say); a normal
    reference and the steps are learnt from its own chains while warming up, and are frozen afterwards. Four steps in
    five are autoregressive about the reference (preconditioned Crank-Nicolson), the fifth is a random walk.

    Parameters
    ----------
    log_density
        From (groups * chains, size) to (groups * chains,); the chains of a group stand together. Minus infinity is
        allowed. Scale it so that the prior is about standard normal: chains begin there.
    size
        Number of dimensions.
    warmup, draws
        Steps that are thrown away, and steps after them until the first answer.
    thin
        One step in so many is kept.
    reference
        Means (group, size) and roots of covariances (group, size, size) near the posterior, say of :func:`laplace`.
    together
        So many neighbouring chains begin at one place, for the nested :func:`rhat`.
    rng
        Source of randomness.

    Yields
    ------
    All draws kept so far (group, chain, draw, size), and the share of accepted steps. Whoever asks again has the same
    chains drawn on, each time to twice the length.

    Raises
    ------
    NotConverged
        If no place of finite density is found to begin from.

    References
    ----------
    Cotter, Roberts, Stuart and White (2013), Statistical Science 28; Rudolf and Sprungk (2018), Foundations of
    Computational Mathematics 18.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> kept, _ = next(sample(lambda z: -0.5 * (z**2).sum(1), 2, chains=8, warmup=300, draws=500, rng=rng))
    >>> kept.shape
    (1, 8, 50, 2)
    """
    walkers = groups * chains
    if reference is None:
        mean = np.zeros((groups, 1, size))
        root = np.broadcast_to(np.eye(size), (groups, size, size)).copy()
        z, value = _beginnings(log_density, mean, root, chains, together, rng)
        updates = {int(warmup * share) for share in (0.04, 0.08, 0.14, 0.22, 0.32, 0.45, 0.6, 0.8)}
    else:
        mean, root = reference[0].reshape(groups, 1, size), reference[1].reshape(groups, size, size)
        z, value = _beginnings(log_density, mean, root, chains, together, rng)
        updates = {int(warmup * share) for share in (0.2, 0.45, 0.9)}
    white = np.linalg.solve(root[:, None], (z - mean)[..., None])[..., 0]
    step_walk = np.full((groups, 1), np.log(1.0 / np.sqrt(size)))
    kept: list[Array] = []
    learnt: list[Array] = []
    accepted, block, wanted = 0.0, 64, draws
    for step in count():
        at = step % block
        if at == 0:
            normal = rng.standard_normal((block, groups, chains, size))
            uniform = np.log(rng.random((block, groups, chains)))
            pulls = rng.choice(_PULLS, size=(block, groups, chains, 1))
        pull = step % 5 != 4
        if pull:
            # Towards the reference and away again: it leaves the normal reference as it is, whatever the dimension.
            trial_white = np.sqrt(1 - pulls[at] ** 2) * white + pulls[at] * normal[at]
            ratio = 0.5 * ((trial_white**2).sum(-1) - (white**2).sum(-1))
        else:
            trial_white = white + np.exp(step_walk)[..., None] * normal[at]
            ratio = np.zeros((groups, chains))
        trial = mean + trial_white @ root.transpose(0, 2, 1)
        trial_value = log_density(trial.reshape(walkers, size))
        taken = uniform[at] < (trial_value - value).reshape(groups, chains) + ratio
        z = np.where(taken[..., None], trial, z)
        white = np.where(taken[..., None], trial_white, white)
        value = np.where(taken.ravel(), trial_value, value)
        if step >= warmup:
            accepted += float(taken.mean())
            done = step - warmup + 1
            if done % thin == 0:
                kept.append(z)
            if done == wanted:
                yield np.stack(kept, 2), accepted / done
                wanted *= 2
            continue
        if not pull:
            step_walk += (taken.mean(1, keepdims=True) - 0.25) * min(0.5, 4 / np.sqrt(step + 1))
        if step % 4 == 0:
            learnt.append(z)
        if step in updates:
            seen = np.stack(learnt[len(learnt) // 2 :], 2).reshape(groups, -1, size)
            mean = seen.mean(1, keepdims=True)
            seen = seen - mean
            covariance = seen.transpose(0, 2, 1) @ seen / seen.shape[1]
            weight = size / (size + seen.shape[1] / 20)
            covariance = (1 - weight) * covariance + weight * (
                0.3 * np.eye(size) if reference is None else root @ root.transpose(0, 2, 1)
            )
            # A little wide: where the reference is narrower than the posterior, chains stick in its tails.
            root = _WIDER * np.linalg.cholesky(covariance + 1e-9 * np.eye(size))
            white = np.linalg.solve(root[:, None], (z - mean)[..., None])[..., 0]
            learnt = learnt[len(learnt) // 2 :]


_PULLS = (0.3, 0.5, 0.7)
_WIDER = 1.1


def _beginnings(
    log_density: Callable[[Array], Array],
    mean: Array,
    root: Array,
    chains: int,
    together: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """For each chain the best of a few places drawn from the reference."""
    groups, size = mean.shape[0], mean.shape[-1]

    def draw(reach: float) -> tuple[Array, Array]:
        normal = np.repeat(rng.standard_normal((groups, chains, size))[:, ::together], together, 1)
        z = mean + reach * normal @ root.transpose(0, 2, 1)
        return z, log_density(z.reshape(-1, size))

    z, value = draw(1.0)
    for attempt in range(40):
        if attempt >= 9 and np.isfinite(value).all():
            break
        trial, trial_value = draw(1.0 if attempt < 9 else (0.4, 2.0, 0.1, 4.0)[attempt % 4])
        better = ~(value >= trial_value)
        z, value = np.where(better.reshape(groups, chains, 1), trial, z), np.where(better, trial_value, value)
    # A chain that found nothing begins where another of its group did.
    tried = value.reshape(groups, chains)
    best = tried.argmax(1)
    lost = ~np.isfinite(tried)
    z = np.where(lost[..., None], z[np.arange(groups), best][:, None], z)
    value = np.where(lost, tried[np.arange(groups), best][:, None], tried).ravel()
    if not np.isfinite(value).all():
        raise NotConverged(
            f"{int((~np.isfinite(value)).sum())} of {value.size} chains found no place of finite density. "
            "The evidence contradicts the model; look at the errors that are stated for it."
        )
    return z, value


def laplace(residuals: Callable[[Array], Array], size: int, *, groups: int = 1, steps: int = 40) -> tuple[Array, Array]:
    """Where ½|r(z)|² + ½|z|² is smallest, and the root of the inverse of its Gauss-Newton curvature, group by group.

    Parameters
    ----------
    residuals
        From (groups * (size + 1), size), the places of a group together, to (groups * (size + 1), residual).

    Returns
    -------
    Means (group, size) and roots (group, size, size): a reference for :func:`sample`.

    Examples
    --------
    >>> mean, root = laplace(lambda z: (z[:, :1] - 3.0) / 0.5, 2)
    >>> mean.round(3).tolist(), (root[0] @ root[0].T).round(3).tolist()
    ([[2.4, 0.0]], [[0.2, 0.0], [0.0, 1.0]])
    """
    z, h = np.zeros((groups, size)), 1e-4
    damping = np.full(groups, 1e-3)
    nudges = np.vstack([np.zeros(size), h * np.eye(size)])
    best = np.full(groups, np.inf)
    kept = z
    gradient = np.zeros((groups, size))
    hessian = np.broadcast_to(np.eye(size), (groups, size, size)).copy()
    for _ in range(steps):
        r = residuals((z[:, None] + nudges).reshape(-1, size)).reshape(groups, size + 1, -1)
        r = np.where(np.isfinite(r), r, 1e6)
        cost = 0.5 * (r[:, 0] ** 2).sum(1) + 0.5 * (z**2).sum(1)
        better = cost <= best
        damping = np.where(better, damping / 5, damping * 6)
        slope = (r[:, 1:] - r[:, :1]) / h
        here = np.eye(size) + slope @ slope.transpose(0, 2, 1)
        best = np.where(better, cost, best)
        kept = np.where(better[:, None], z, kept)
        hessian = np.where(better[:, None, None], here, hessian)
        gradient = np.where(better[:, None], (slope @ r[:, 0, :, None])[..., 0] + z, gradient)
        step = np.linalg.solve(hessian + damping[:, None, None] * np.eye(size), gradient[..., None])[..., 0]
        z = kept - np.clip(step, -1, 1)
    return kept, np.asarray(np.linalg.cholesky(np.linalg.inv(hessian)))
