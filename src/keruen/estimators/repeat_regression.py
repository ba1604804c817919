"""How many there are, from how often those seen were seen, where the rate of contact depends on who somebody is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from keruen.errors import FaultyTable, ModelError, NotConverged, VocabularyError
from keruen.estimators.hidden import CLOSED, Array, Hidden, lognormal, multinomial, randomness, with_draws
from keruen.estimators.repeat_counts import ALIKE, LINKED, REPEAT_ASSUMPTIONS, counts, falling, frequencies, ztp_rate

_CHUNK = 4_000_000  # cells of bootstrap tables held at once


def _fit_truncated(y: Array, w: Array, x: Array) -> tuple[Array, Array]:
    """β (draw, k) and their information (draw, k, k) of the truncated Poisson for weights (draw, row), by Newton."""

    def parts(eta: Array) -> tuple[Array, Array]:
        rate = np.exp(np.clip(eta, -30, 30))
        mean = rate / -np.expm1(-rate)
        return y - mean, mean * (1 + rate - mean)

    mean = (w @ y) / w.sum(1)
    return _newton(x, w, parts, np.log(np.maximum(ztp_rate(mean), 1e-8)))


def _fit_one_or_two(y: Array, w: Array, x: Array) -> tuple[Array, Array]:
    """The same for the logistic regression of two contacts against one; returns β of log(λ/2)."""
    two = (y == 2).astype(float)
    w = w * (y <= 2)

    def parts(eta: Array) -> tuple[Array, Array]:
        p = special.expit(eta)
        return two - p, p * (1 - p)

    share = np.clip((w @ two) / w.sum(1), 1e-8, 1 - 1e-8)
    return _newton(x, w, parts, special.logit(share))


def _newton(x: Array, w: Array, parts: Callable[[Array], tuple[Array, Array]], intercept: Array) -> tuple[Array, Array]:
    n, k = x.shape
    beta = np.zeros((w.shape[0], k))
    beta[:, 0] = intercept
    outer = (x[:, :, None] * x[:, None, :]).reshape(n, k * k)
    move = np.inf
    for _ in range(60):
        residual, weight = parts(beta @ x.T)
        information = ((w * weight) @ outer).reshape(-1, k, k) + 1e-12 * np.eye(k)
        step = np.linalg.solve(information, ((w * residual) @ x)[:, :, None])[:, :, 0]
        size = np.abs(step).max(1, keepdims=True)
        step *= np.minimum(1.0, 2.0 / np.maximum(size, 1e-300))
        beta += step
        move = float(np.median(size)) if w.shape[0] > 1 else float(size.max())
        if size.max() < 1e-9:
            break
    if move > 1e-6 or (w.shape[0] == 1 and np.abs(beta).max() > 15):
        raise NotConverged(
            "The regression has no finite estimate: within some value of a covariate everyone was seen once, or nobody "
            "was. Merge that value with another, or drop the covariate."
        )
    _, weight = parts(beta @ x.T)
    return beta, ((w * weight) @ outer).reshape(-1, k, k)


def _unseen(method: str, beta: Array, w: Array, y: Array, x: Array) -> tuple[Array, Array]:
    """Who stands unseen behind each row: (draw, row) per person of the row, and its derivative by log λ."""
    shift = 0.0 if method == "ztp" else np.log(2.0)
    rate = np.exp(np.clip(beta @ x.T + shift, -30, 30))
    if method == "chao":
        g = np.where(y <= 2, 1 / (rate + rate**2 / 2), 0.0)
        return g, np.asarray(-(rate + rate**2) * g**2)
    seen = -np.expm1(-rate)
    return 1 / seen - 1, -np.exp(-rate) * rate / seen**2


def repeat_regression(
    times: ArrayLike,
    covariates: ArrayLike | None = None,
    *,
    people: ArrayLike | None = None,
    names: Sequence[str] = (),
    method: str = "ztp",
    draws: int = 0,
    rng: np.random.Generator | None = None,
) -> Hidden:
    """Repeat counts where the rate of contact depends on who somebody is: log λ = x'β.

    With the intercept alone every method equals its closed form in :func:`repeat_counts`, standard error included.

    Parameters
    ----------
    times
        (row,), how often.
    covariates
        (row, covariate) numbers; an intercept is added. None: the intercept alone.
    people
        (row,), how many people are like this row.
    names
        Names of the covariates.
    method
        ``ztp`` (truncated Poisson regression), ``zelterman`` or ``chao`` (logistic regression of two against one).
    draws, rng
        As in :func:`repeat_counts`.

    Returns
    -------
    Hidden
        ``diagnostics`` holds coefficients on log λ, with standard errors.

    Raises
    ------
    FaultyTable
        If covariates or their names do not fit the rows.
    NotConverged
        If a covariate separates those seen once from the others.

    Examples
    --------
    >>> from_regression = repeat_regression([1, 2, 3, 4, 5, 6], people=[1645, 183, 37, 13, 1, 1])
    >>> round(from_regression.value)
    7080

    References
    ----------
    van der Heijden, Bustami, Cruyff, Engbersen and van Houwelingen (2003), Statistical Modelling 3,
    doi 10.1191/1471082X03st057oa; Böhning and van der Heijden (2009), Annals of Applied Statistics 3; Böhning,
    Vidal-Diez, Lerdsuwansri, Viwatwongkasem and Arnold (2013), Biometrics 69.
    """
    if method not in ("ztp", "chao", "zelterman"):
        raise VocabularyError(f"{method!r} has no regression form. Take ztp, chao or zelterman.")
    y, w = counts(times, people)
    x = np.ones((y.size, 1)) if covariates is None else np.asarray(covariates, dtype=float)
    if len(x) != y.size:
        raise FaultyTable(
            "covariates", [f"row 1, {len(x)} rows of covariates for {y.size} of times: give one for each."]
        )
    x = x.reshape(y.size, -1)
    if covariates is not None:
        if not np.isfinite(x).all():
            at = int(np.flatnonzero(~np.isfinite(x).all(1))[0]) + 1
            raise FaultyTable("covariates", [f"row {at}, a covariate is missing. Leave the row out or code a group."])
        x = np.column_stack([np.ones(y.size), x])
    if names and len(names) != x.shape[1] - 1:
        raise FaultyTable(
            "covariates", [f"row 1, {len(names)} names for {x.shape[1] - 1} covariates: name each or none."]
        )
    labels = ["(intercept)", *(names or [f"x{i}" for i in range(1, x.shape[1])])]
    if np.linalg.matrix_rank(x * (w > 0)[:, None]) < x.shape[1]:
        raise ModelError("Covariates repeat each other (or the intercept): leave one of them out.")
    if method != "ztp" and not ((y == 2) & (w > 0)).any():
        raise ModelError(
            "Nobody was seen exactly twice: this regression has nothing to compare. Take chao-bc without covariates."
        )
    # Equal rows are one cell: a table of ten million people is no larger than its cells.
    cells, where = np.unique(np.column_stack([y, x]), axis=0, return_inverse=True)
    w = np.asarray(np.bincount(where.ravel(), weights=w), dtype=float)
    y, x = cells[:, 0], np.ascontiguousarray(cells[:, 1:], dtype=float)
    fit = _fit_truncated if method == "ztp" else _fit_one_or_two
    n = float(w.sum())
    beta, information = fit(y, w[None], x)
    covariance = np.linalg.inv(information[0])
    each, slope = (a[0] for a in _unseen(method, beta, w, y, x))
    value = n + float(w @ each)
    gradient = (w * slope) @ x
    variance = float(gradient @ covariance @ gradient + w @ (each + each**2))
    low, high = lognormal(n, value, variance)
    coefficients = beta[0] + np.append(0.0 if method == "ztp" else np.log(2.0), np.zeros(x.shape[1] - 1))
    found = Hidden(
        method=f"{method} regression",
        value=value,
        low95=low,
        high95=high,
        draws=np.array([value]),
        bound="estimate" if method == "zelterman" else "lower",
        standard_error=float(np.sqrt(variance)),
        assumptions=(
            CLOSED, ALIKE, LINKED,
            "given the covariates, " + REPEAT_ASSUMPTIONS[method][0],
            "the covariates of those never seen are those of the seen, weighted by the chance of being seen",
        ),
        warnings=tuple(falling(frequencies(y, w))),
        diagnostics={
            "observed": n,
            "coefficients": {
                name: {"value": float(b), "standard_error": float(s)}
                for name, b, s in zip(labels, coefficients, np.sqrt(np.diag(covariance)), strict=True)
            },
        },
    )  # fmt: skip
    if not draws:
        return found
    rng, population = randomness(rng), np.concatenate([w, w * each])
    samples = []
    step = max(1, _CHUNK // population.size)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        drawn = multinomial(population, value, size, rng)[:, : w.size]
        b, _ = fit(y, drawn, x)
        extra, _ = _unseen(method, b, drawn, y, x)
        samples.append(drawn.sum(1) + (drawn * extra).sum(1))
    return with_draws(found, np.concatenate(samples), "bootstrap of seen and unseen, percentiles")
