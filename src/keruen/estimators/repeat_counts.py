"""How many there are, from how often those seen were seen by one source, and what in the counts speaks against it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from keruen.errors import FaultyTable, ModelError, VocabularyError
from keruen.estimators.hidden import CLOSED, Array, Hidden, lognormal, multinomial, randomness, with_draws

REPEAT = ("ztp", "chao", "chao-bc", "zelterman")
"""Estimators from repeat counts of one source."""

ALIKE = "a contact changes neither the chance of the next one nor the record of the person"
LINKED = "contacts of one person are recognised as one person's"

REPEAT_ASSUMPTIONS = {
    "ztp": ("everyone has the same rate of contact (Poisson); where rates differ the number is too low",),
    "chao": ("contacts are Poisson with any mixture of rates; the number is then a lower bound",),
    "chao-bc": ("contacts are Poisson with any mixture of rates; the number is then a lower bound",),
    "zelterman": ("contacts are Poisson near one and two contacts; robust to those seen often, not a lower bound",),
}


def counts(times: ArrayLike, people: ArrayLike | None, n_fields: str = "times, people") -> tuple[Array, Array]:
    """Times seen and numbers of people, checked: all faults of the table at once."""
    y = np.atleast_1d(np.asarray(times, dtype=float))
    w = np.ones_like(y) if people is None else np.atleast_1d(np.asarray(people, dtype=float))
    if y.shape != w.shape or y.ndim != 1:
        raise FaultyTable(n_fields, [f"row 1, {y.size} times but {w.size} numbers of people: give one for each."])
    faults = []
    for at, (t, p) in enumerate(zip(y, w, strict=True), start=1):
        if not np.isfinite(t) or t != np.floor(t) or t < 1:
            faults.append(f"row {at}, column times: {t:g} is not a whole number of 1 or more; the unseen have no row.")
        if not np.isfinite(p) or p < 0 or p != np.floor(p):
            faults.append(f"row {at}, column people: {p:g} is not a whole number of 0 or more. Count persons.")
    if not faults and w.sum() == 0:
        faults.append("row 1, column people: nobody was seen at all. An estimate needs at least one person.")
    if faults:
        raise FaultyTable(n_fields, faults)
    return y, w


def frequencies(y: Array, w: Array) -> Array:
    """f[k] = people seen exactly k times; f[0] is 0."""
    f = np.bincount(y.astype(int), weights=w)
    return np.append(f, np.zeros(max(3 - f.size, 0)))


def falling(f: Array) -> list[str]:
    """A warning where more people were seen k + 1 times than k times."""
    seen = f[1:]
    if seen.size < 2 or not (np.diff(seen) > 0).any():
        return []
    k = int(np.flatnonzero(np.diff(seen) > 0)[0]) + 1
    return [
        f"Counts do not fall: {seen[k - 1]:,.0f} people were seen {k} times and {seen[k]:,.0f} {k + 1} times. "
        "A single Poisson rate below one contact a person cannot do that; look at the data before the estimate."
    ]


def ztp_rate(mean: Array) -> Array:
    """λ of a zero-truncated Poisson with this mean of the positive counts: λ / (1 − e^−λ) = mean."""
    mean = np.asarray(mean, dtype=float)
    return np.where(mean > 1, mean + special.lambertw(-mean * np.exp(-mean), k=0).real, 0.0)


def _ztp(f: Array) -> Array:
    k = np.arange(f.shape[-1])
    n = f.sum(-1)
    rate = ztp_rate((f * k).sum(-1) / np.maximum(n, 1))
    with np.errstate(divide="ignore"):
        return np.asarray(n / -np.expm1(-rate))


def _chao(f: Array) -> Array:
    f1, f2 = f[..., 1], f[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(f.sum(-1) + np.where(f1 > 0, f1**2 / (2 * f2), 0.0))


def _chao_corrected(f: Array) -> Array:
    f1, f2 = f[..., 1], f[..., 2]
    return np.asarray(f.sum(-1) + f1 * (f1 - 1) / (2 * (f2 + 1)))


def _zelterman(f: Array) -> Array:
    f1, f2 = f[..., 1], f[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(f.sum(-1) / np.where(f1 > 0, -np.expm1(-2 * f2 / f1), 1.0))


_CLOSED_FORM: dict[str, Callable[[Array], Array]] = {
    "ztp": _ztp,
    "chao": _chao,
    "chao-bc": _chao_corrected,
    "zelterman": _zelterman,
}


def _variance(method: str, f: Array) -> float:
    """Analytic variance of a closed form, persons squared (docs/methods/hidden.md)."""
    f1, f2, n = float(f[1]), float(f[2]), float(f.sum())
    if f1 == 0 and method != "ztp":
        return 0.0
    if method == "ztp":
        mean = float(f @ np.arange(f.size)) / n
        rate = float(ztp_rate(np.array(mean)))
        odds = np.exp(-rate) / np.expm1(-rate) ** 2
        return float(n * odds**2 * rate**2 / (mean * (1 + rate - mean)) + n * odds)
    if method == "chao":
        r = f1 / f2
        return f2 * (r**4 / 4 + r**3 + r**2 / 2)
    if method == "chao-bc":
        a = f1 * (f1 - 1)
        if f2 == 0:
            return max(a / 2 + f1 * (2 * f1 - 1) ** 2 / 4 - f1**4 / (4 * (n + a / 2)), 0.0)
        return a / (2 * (f2 + 1)) + f1 * (2 * f1 - 1) ** 2 / (4 * (f2 + 1) ** 2) + f2 * a**2 / (4 * (f2 + 1) ** 4)
    rate = 2 * f2 / f1
    odds = np.exp(-rate) / np.expm1(-rate) ** 2
    return float(n * odds * (1 + n * odds * rate**2 * (1 / f1 + 1 / f2)))


def repeat_counts(
    times: ArrayLike,
    people: ArrayLike | None = None,
    *,
    method: str = "chao",
    draws: int = 0,
    rng: np.random.Generator | None = None,
    known: float | None = None,
) -> Hidden:
    """How many there are, from how often those seen were seen, by one source.

    Parameters
    ----------
    times, people
        (row,), how often, and how many people were seen that often. Without `people` a row is one person.
    method
        ``ztp`` (one Poisson rate for all), ``chao``, ``chao-bc`` (bias-corrected; defined where nobody was seen twice)
        or ``zelterman``.
    draws
        Bootstrap draws of the whole population, the unseen included; 0 gives the closed form and its analytic interval.
    rng
        Source of randomness; needed with draws.
    known
        A total that somebody else states, persons; refused where it is below the number seen.

    Returns
    -------
    Hidden

    Raises
    ------
    FaultyTable
        Negative or fractional counts.
    ModelError
        Where the estimator does not exist for these counts; the message names one that does.

    Examples
    --------
    Foreigners whom Dutch police met in 1995 and could not remove:

    >>> round(repeat_counts([1, 2, 3, 4, 5, 6], [1645, 183, 37, 13, 1, 1], method="zelterman").value)
    9425

    References
    ----------
    van der Heijden, Cruyff and van Houwelingen (2003), Statistica Neerlandica 57; Chao (1987), Biometrics 43;
    Zelterman (1988), Journal of Statistical Planning and Inference 18; Böhning (2008), Statistical Methodology 5.
    """
    if method not in REPEAT:
        raise VocabularyError(f"{method!r} is not an estimator from repeat counts. Take {', '.join(REPEAT)}.")
    y, w = counts(times, people)
    f = frequencies(y, w)
    n = float(f.sum())
    _refuse_below(known, n)
    noted = falling(f)
    if f[1] == 0:
        noted.append("Nobody was seen exactly once (f1 = 0): nothing in these counts tells of people never seen.")
    if f[2] == 0 and f[1] > 0 and method in ("chao", "zelterman"):
        raise ModelError(
            f"Nobody was seen exactly twice (f2 = 0, f1 = {f[1]:,.0f}): {method} divides by f2. "
            "Take --method chao-bc, which is defined."
        )
    if method == "ztp" and f[2:].sum() == 0:
        raise ModelError(
            f"All {n:,.0f} people were seen once: a truncated Poisson rate of 0 fits, and the total is infinite. "
            "Take --method chao-bc, which is defined."
        )
    estimate = _CLOSED_FORM[method]
    value = n if f[1] == 0 else float(estimate(f))
    variance = 0.0 if f[1] == 0 else _variance(method, f)
    low, high = lognormal(n, value, variance)
    checks = {} if f[1] == 0 else {**heterogeneity(y, w), **one_inflation(y, w)}
    if checks.get("heterogeneity_p", 1.0) < 0.05 and checks["heterogeneity_slope"] > 0 and method == "ztp":
        noted.append(
            f"The ratio plot rises (p = {checks['heterogeneity_p']:.2g}): rates of contact differ between people, "
            "and one common rate gives too low a number."
        )
    if checks.get("one_inflation_p", 1.0) < 0.05:
        noted.append(
            f"More people were seen exactly once than a Poisson rate from the others allows "
            f"(p = {checks['one_inflation_p']:.2g}): a first contact may end the exposure (removal, avoidance), and "
            f"then the number is too high; without the surplus it is {checks['one_inflated_value']:,.0f}."
        )
    found = Hidden(
        method=method,
        value=value,
        low95=low,
        high95=high,
        draws=np.array([value]),
        bound="estimate" if method == "zelterman" else "lower",
        standard_error=float(np.sqrt(variance)),
        assumptions=(CLOSED, ALIKE, LINKED, *REPEAT_ASSUMPTIONS[method]),
        warnings=tuple(noted),
        diagnostics={"observed": n, "frequencies": f[1:].tolist(), **checks},
    )
    if not draws or f[1] == 0:
        return found
    tables = multinomial(np.append(value - n, f[1:]), value, draws, randomness(rng))
    tables[:, 0] = 0.0
    samples = estimate(tables)
    # A draw in which nobody was seen twice has no Chao of its own; the corrected form is its limit.
    samples = np.where(
        np.isfinite(samples), samples, _chao_corrected(np.concatenate([np.zeros((draws, 1)), tables], 1))
    )
    return with_draws(found, samples, "bootstrap of seen and unseen, percentiles")


def _refuse_below(known: float | None, n: float) -> None:
    if known is not None and known < n:
        raise ModelError(
            f"A population of {known:,.0f} cannot be: {n:,.0f} different people were seen. "
            "Correct the stated total, or take people who were counted twice out of the table."
        )


def one_inflation(times: ArrayLike, people: ArrayLike | None = None) -> dict[str, float]:
    """Is one contact too frequent? Likelihood ratio of the one-inflated truncated Poisson against the plain one.

    Returns
    -------
    ``one_inflation`` (share of surplus ones among the seen), ``one_inflation_p`` (half χ² with one degree of freedom)
    and ``one_inflated_value`` (persons, the truncated Poisson total at the rate of those seen twice or more).
    Empty where nobody was seen three times or more: then the rate cannot be told from the surplus.

    References
    ----------
    Godwin and Böhning (2017), Journal of the Royal Statistical Society C 66.

    Examples
    --------
    >>> one_inflation([1, 2, 3, 4, 5, 6], [1645, 183, 37, 13, 1, 1])["one_inflation_p"] < 0.001
    True
    """
    y, w = counts(times, people)
    f = frequencies(y, w)
    n, often = float(f.sum()), f[2:]
    k = np.arange(2, f.size)
    if often[1:].sum() == 0 or f[1] == 0:
        return {}
    mean = float(often @ k / often.sum())

    def gap(rate: float) -> float:
        return float(rate * -np.expm1(-rate) / (-np.expm1(-rate) - rate * np.exp(-rate)) - mean)

    rate = float(optimize.brentq(gap, 1e-6, mean + 10))
    plain_rate = float(ztp_rate(np.array(f @ np.arange(f.size) / n)))
    log_factorial = special.gammaln(np.arange(1, f.size) + 1)

    def truncated(lam: float) -> Array:
        return np.asarray(np.arange(1, f.size) * np.log(lam) - lam - log_factorial - np.log(-np.expm1(-lam)))

    expected_once = float(np.exp(truncated(rate)[0]))
    surplus = (f[1] / n - expected_once) / (1 - expected_once)
    value = n / -np.expm1(-rate)
    if surplus <= 0:
        return {"one_inflation": 0.0, "one_inflation_p": 1.0, "one_inflated_value": float(_ztp(f))}
    inflated = float(f[1] * np.log(f[1] / n) + often @ (np.log1p(-surplus) + truncated(rate)[1:]))
    ratio = max(2 * (inflated - float(f[1:] @ truncated(plain_rate))), 0.0)
    return {
        "one_inflation": float(surplus),
        "one_inflation_p": float(0.5 * special.chdtrc(1, ratio)),
        "one_inflated_value": float(value),
    }


def heterogeneity(times: ArrayLike, people: ArrayLike | None = None) -> dict[str, float]:
    """Do rates of contact differ between people? Slope of the ratio plot log((k+1) f[k+1] / f[k]) on k.

    Under one Poisson rate the plot is flat; a mixture of rates makes it rise. Generalised least squares with the exact
    covariance of neighbouring ratios.

    Returns
    -------
    ``heterogeneity_slope`` and its two-sided ``heterogeneity_p``; empty with fewer than three ratios.

    References
    ----------
    Rocchetti, Bunge and Böhning (2011), Annals of Applied Statistics 5.

    Examples
    --------
    >>> heterogeneity([1, 2, 3, 4, 5, 6], [1645, 183, 37, 13, 1, 1])["heterogeneity_slope"] > 0
    True
    """
    y, w = counts(times, people)
    f = frequencies(y, w)[1:]
    stop = int(np.argmax(f == 0)) if (f == 0).any() else f.size
    f = f[:stop]
    if f.size < 4:
        return {}
    k = np.arange(1, f.size)
    ratio = np.log((k + 1) * f[1:] / f[:-1])
    covariance = np.diag(1 / f[1:] + 1 / f[:-1]) - np.diag(1 / f[1:-1], 1) - np.diag(1 / f[1:-1], -1)
    x = np.column_stack([np.ones(k.size), k])
    precision = np.linalg.inv(x.T @ np.linalg.solve(covariance, x))
    slope = float((precision @ x.T @ np.linalg.solve(covariance, ratio))[1])
    return {
        "heterogeneity_slope": slope,
        "heterogeneity_p": float(2 * special.ndtr(-abs(slope) / np.sqrt(precision[1, 1]))),
    }
