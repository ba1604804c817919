"""Populations that no register holds: repeat counts, power law, residual, multiplier, amnesty, capture-recapture.

Every estimator returns a :class:`Hidden`: a number with an interval, draws (one draw where it is a point estimate),
what it assumes, whether it is an estimate or a bound, and what looked wrong in the data. docs/methods/hidden.md derives
the formulas; the letters are those of the papers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from keruen.errors import FaultyTable, ModelError, NotConverged, VocabularyError

Array = NDArray[np.float64]

REPEAT = ("ztp", "chao", "chao-bc", "zelterman")
"""Estimators from repeat counts of one source."""

_Z = float(special.ndtri(0.975))
_CHUNK = 4_000_000  # cells of bootstrap tables held at once

_CLOSED = "the population is closed while it is observed: nobody enters, leaves or is removed after a first contact"
_ALIKE = "a contact changes neither the chance of the next one nor the record of the person"
_LINKED = "contacts of one person are recognised as one person's"


@dataclass(frozen=True, slots=True)
class Hidden:
    """The estimated size of a population that is only partly seen.

    Attributes
    ----------
    method
        Which estimator.
    value, low95, high95
        Persons. With draws: their median and central 95%, unless `interval` says otherwise.
    draws
        (draw,), persons. A point estimate has one draw.
    bound
        ``estimate``, ``lower`` or ``upper``: what the number is for the population asked about.
    interval
        How the interval was made.
    standard_error
        Persons, analytic; none where the method has none.
    assumptions
        What must be true for the number to mean what it says.
    warnings
        What in the data speaks against them.
    diagnostics
        Numbers behind the number: observed persons, parameters, tests.
    """

    method: str
    value: float
    low95: float
    high95: float
    draws: Array
    bound: str = "estimate"
    interval: str = "log-normal"
    standard_error: float | None = None
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        lead = {"lower": "At least", "upper": "At most"}.get(self.bound, "About")
        doubt = f" {len(self.warnings)} warning{'s' * (len(self.warnings) != 1)}." if self.warnings else ""
        return (
            f"{lead} {self.value:,.0f} people by {self.method} (95% {self.low95:,.0f} to {self.high95:,.0f};"
            f" {self.interval}).{doubt} See assumptions, warnings, diagnostics, draws."
        )


def told(found: Hidden) -> dict[str, Any]:
    """An estimate as plain values, without its draws.

    Examples
    --------
    >>> told(multiplier(1000.0, share=(5, 5), rng=np.random.default_rng(0), draws=100))["method"]
    'multiplier'
    """
    names = [n for n in Hidden.__slots__ if n != "draws"]
    plain = {n: getattr(found, n) for n in names}
    return {
        **plain,
        "assumptions": list(found.assumptions),
        "warnings": list(found.warnings),
        "draws": found.draws.size,
    }


def _lognormal(n: float, value: float, variance: float) -> tuple[float, float]:
    """Chao's interval: the unseen are log-normal, so the lower end is never below the n persons seen."""
    unseen = value - n
    if unseen <= 0 or variance <= 0:
        return value, value
    c = np.exp(_Z * np.sqrt(np.log1p(variance / unseen**2)))
    return float(n + unseen / c), float(n + unseen * c)


def _spread(found: Hidden, draws: Array, interval: str) -> Hidden:
    low, high = np.quantile(draws, [0.025, 0.975])
    return replace(found, draws=draws, low95=float(low), high95=float(high), interval=interval)


# ------------------------------------------------------------------ repeat counts of one source


def _counts(times: ArrayLike, people: ArrayLike | None, n_fields: str = "times, people") -> tuple[Array, Array]:
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


def _frequencies(y: Array, w: Array) -> Array:
    """f[k] = people seen exactly k times; f[0] is 0."""
    f = np.bincount(y.astype(int), weights=w)
    return np.append(f, np.zeros(max(3 - f.size, 0)))


def _falling(f: Array) -> list[str]:
    seen = f[1:]
    if seen.size < 2 or not (np.diff(seen) > 0).any():
        return []
    k = int(np.flatnonzero(np.diff(seen) > 0)[0]) + 1
    return [
        f"Counts do not fall: {seen[k - 1]:,.0f} people were seen {k} times and {seen[k]:,.0f} {k + 1} times. "
        "A single Poisson rate below one contact a person cannot do that; look at the data before the estimate."
    ]


def _ztp_rate(mean: Array) -> Array:
    """λ of a zero-truncated Poisson with this mean of the positive counts: λ / (1 − e^−λ) = mean."""
    mean = np.asarray(mean, dtype=float)
    return np.where(mean > 1, mean + special.lambertw(-mean * np.exp(-mean), k=0).real, 0.0)


def _ztp(f: Array) -> Array:
    k = np.arange(f.shape[-1])
    n = f.sum(-1)
    rate = _ztp_rate((f * k).sum(-1) / np.maximum(n, 1))
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

_REPEAT_ASSUMPTIONS = {
    "ztp": ("everyone has the same rate of contact (Poisson); where rates differ the number is too low",),
    "chao": ("contacts are Poisson with any mixture of rates; the number is then a lower bound",),
    "chao-bc": ("contacts are Poisson with any mixture of rates; the number is then a lower bound",),
    "zelterman": ("contacts are Poisson near one and two contacts; robust to those seen often, not a lower bound",),
}


def _variance(method: str, f: Array) -> float:
    """Analytic variance of a closed form, persons squared (docs/methods/hidden.md)."""
    f1, f2, n = float(f[1]), float(f[2]), float(f.sum())
    if f1 == 0 and method != "ztp":
        return 0.0
    if method == "ztp":
        mean = float(f @ np.arange(f.size)) / n
        rate = float(_ztp_rate(np.array(mean)))
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
    y, w = _counts(times, people)
    f = _frequencies(y, w)
    n = float(f.sum())
    _refuse_below(known, n)
    noted = _falling(f)
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
    low, high = _lognormal(n, value, variance)
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
        assumptions=(_CLOSED, _ALIKE, _LINKED, *_REPEAT_ASSUMPTIONS[method]),
        warnings=tuple(noted),
        diagnostics={"observed": n, "frequencies": f[1:].tolist(), **checks},
    )
    if not draws or f[1] == 0:
        return found
    tables = _multinomial(np.append(value - n, f[1:]), value, draws, _given(rng))
    tables[:, 0] = 0.0
    samples = estimate(tables)
    # A draw in which nobody was seen twice has no Chao of its own; the corrected form is its limit.
    samples = np.where(
        np.isfinite(samples), samples, _chao_corrected(np.concatenate([np.zeros((draws, 1)), tables], 1))
    )
    return _spread(found, samples, "bootstrap of seen and unseen, percentiles")


def _given(rng: np.random.Generator | None) -> np.random.Generator:
    if rng is None:
        raise ModelError("Draws need randomness: pass rng=np.random.default_rng(seed).")
    return rng


def _refuse_below(known: float | None, n: float) -> None:
    if known is not None and known < n:
        raise ModelError(
            f"A population of {known:,.0f} cannot be: {n:,.0f} different people were seen. "
            "Correct the stated total, or take people who were counted twice out of the table."
        )


def _multinomial(cells: Array, total: float, draws: int, rng: np.random.Generator) -> Array:
    """(draw, cell): populations of the estimated size, its fraction rounded at random."""
    sizes = int(total) + (rng.random(draws) < total - int(total))
    return rng.multinomial(sizes, cells / cells.sum(), size=draws).astype(float)


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
    y, w = _counts(times, people)
    f = _frequencies(y, w)
    n, often = float(f.sum()), f[2:]
    k = np.arange(2, f.size)
    if often[1:].sum() == 0 or f[1] == 0:
        return {}
    mean = float(often @ k / often.sum())

    def gap(rate: float) -> float:
        return float(rate * -np.expm1(-rate) / (-np.expm1(-rate) - rate * np.exp(-rate)) - mean)

    rate = float(optimize.brentq(gap, 1e-6, mean + 10))
    plain_rate = float(_ztp_rate(np.array(f @ np.arange(f.size) / n)))
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
    y, w = _counts(times, people)
    f = _frequencies(y, w)[1:]
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


# ------------------------------------------------------------------ repeat counts with covariates


def _fit_truncated(y: Array, w: Array, x: Array) -> tuple[Array, Array]:
    """β (draw, k) and their information (draw, k, k) of the truncated Poisson for weights (draw, row), by Newton."""

    def parts(eta: Array) -> tuple[Array, Array]:
        rate = np.exp(np.clip(eta, -30, 30))
        mean = rate / -np.expm1(-rate)
        return y - mean, mean * (1 + rate - mean)

    mean = (w @ y) / w.sum(1)
    return _newton(x, w, parts, np.log(np.maximum(_ztp_rate(mean), 1e-8)))


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
    y, w = _counts(times, people)
    x = np.ones((y.size, 1)) if covariates is None else np.asarray(covariates, dtype=float).reshape(y.size, -1)
    if covariates is not None:
        if not np.isfinite(x).all():
            at = int(np.flatnonzero(~np.isfinite(x).all(1))[0]) + 1
            raise FaultyTable("covariates", [f"row {at}, a covariate is missing. Leave the row out or code a group."])
        x = np.column_stack([np.ones(y.size), x])
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
    low, high = _lognormal(n, value, variance)
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
            _CLOSED, _ALIKE, _LINKED,
            "given the covariates, " + _REPEAT_ASSUMPTIONS[method][0],
            "the covariates of those never seen are those of the seen, weighted by the chance of being seen",
        ),
        warnings=tuple(_falling(_frequencies(y, w))),
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
    rng, population = _given(rng), np.concatenate([w, w * each])
    samples = []
    step = max(1, _CHUNK // population.size)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        drawn = _multinomial(population, value, size, rng)[:, : w.size]
        b, _ = fit(y, drawn, x)
        extra, _ = _unseen(method, b, drawn, y, x)
        samples.append(drawn.sum(1) + (drawn * extra).sum(1))
    return _spread(found, np.concatenate(samples), "bootstrap of seen and unseen, percentiles")


# ------------------------------------------------------------------ power law (Zhang)


def power_law(
    reference: ArrayLike,
    administrative: ArrayLike,
    apprehended: ArrayLike,
    *,
    names: Sequence[str] = (),
    link: str = "none",
    draws: int = 4000,
    rng: np.random.Generator | None = None,
) -> Hidden:
    """Irregular stock by origin from a power law of the registered, with random effects.

    Apprehended m_i ~ Poisson(μ_i u_i), μ_i = N_i^α (n_i / N_i)^β, u_i ~ Gamma with mean 1 and shape φ; the expected
    irregular stock is Σ N_i^α.

    Parameters
    ----------
    reference
        (origin,), N_i: residents of that origin in the register, persons, more than 1.
    administrative
        (origin,), n_i: those of them in the administrative source that also meets the irregular (say, police), persons.
    apprehended
        (origin,), m_i: irregular persons apprehended.
    names
        Origins.
    link
        ``none`` (Zhang 2008); ``logit`` or ``cloglog`` keep α and β between 0 and 1, so that the irregular of an
        origin never outnumber its registered (Beręsewicz and Pawlukiewicz 2020).
    draws, rng
        Draws of (α, β, log φ) from their asymptotic normal; 0 gives the point estimate and a log-normal interval.

    Returns
    -------
    Hidden
        ``diagnostics``: parameters with standard errors, and the expected stock by origin.

    Raises
    ------
    FaultyTable
        Counts that are negative, fractional or zero where a logarithm is taken.
    NotConverged
        If the likelihood has no interior maximum.

    References
    ----------
    Zhang (2008), Statistics Norway, Documents 2008/11; Beręsewicz and Pawlukiewicz (2020), arXiv 2008.09407.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> N = np.round(np.exp(rng.uniform(4, 11, 60)))
    >>> n = np.maximum(rng.binomial(N.astype(int), 0.03), 1)
    >>> m = rng.poisson(N**0.7 * (n / N)**0.6 * rng.gamma(5, 1 / 5, 60))
    >>> found = power_law(N, n, m, rng=rng)
    >>> bool(found.low95 < (N**0.7).sum() < found.high95)
    True
    """
    bent: dict[str, _Link] = {"none": (lambda t: t, lambda t: np.ones_like(t)), "logit": _LOGIT, "cloglog": _CLOGLOG}
    if link not in bent:
        raise VocabularyError(f"{link!r} is not a link of the power law. Take none, logit or cloglog.")
    inverse, derivative = bent[link]
    N, n, m = (np.atleast_1d(np.asarray(a, dtype=float)) for a in (reference, administrative, apprehended))
    _check_power_law(N, n, m, names)
    log_n, log_share = np.log(N), np.log(n / N)

    def negative(theta: Array) -> tuple[float, Array]:
        log_mu = inverse(theta[0]) * log_n + inverse(theta[1]) * log_share
        mu, phi = np.exp(np.clip(log_mu, -50, 50)), np.exp(theta[2])
        spread = np.log(mu + phi)
        value = special.gammaln(m + phi) - special.gammaln(phi) - special.gammaln(m + 1)
        value = value + phi * (theta[2] - spread) + m * (np.log(mu) - spread)
        by_mu = m - (m + phi) * mu / (mu + phi)
        by_phi = special.digamma(m + phi) - special.digamma(phi) + 1 + theta[2] - spread - (m + phi) / (mu + phi)
        d = derivative(theta[:2])
        gradient = np.array([d[0] * (by_mu @ log_n), d[1] * (by_mu @ log_share), phi * by_phi.sum()])
        return -float(value.sum()), -gradient

    # A least-squares line is a good start, and where it leaves (0, 1) a bounded link starts at its middle.
    line, *_ = np.linalg.lstsq(np.column_stack([log_n, log_share]), np.log(m + 0.5), rcond=None)
    start = line if link == "none" else np.zeros(2)
    bounds = [(-20, 20), (-20, 20), (-8, 14)]
    best = min(
        (
            optimize.minimize(negative, np.append(s, 1.0), jac=True, method="L-BFGS-B", bounds=bounds)
            for s in (start, np.array([0.5, 0.5]), start * 0.5)
        ),
        key=lambda r: float(r.fun),
    )
    theta = np.asarray(best.x, dtype=float)
    free = 3 if theta[2] < 11 else 2  # no variation beyond Poisson: φ at its bound, the random effects vanish
    hessian = _curvature(lambda t: negative(t)[1], theta)[:free, :free]
    if not np.isfinite(theta).all() or np.linalg.eigvalsh(hessian).min() <= 0:
        raise NotConverged(
            f"The power law has no interior maximum for these {N.size} origins (α at {inverse(theta[0]):.3g}, β at "
            f"{inverse(theta[1]):.3g}). Give more origins, whose shares n/N differ, or another link."
        )
    covariance = np.linalg.inv(hessian)

    def stock(alpha: Array) -> Array:
        return np.asarray(np.exp(np.multiply.outer(alpha, log_n)).sum(-1))

    value = float(stock(np.array(inverse(theta[0]))))
    slope = float((np.exp(inverse(theta[0]) * log_n) * log_n).sum() * derivative(theta[:2])[0])
    error = abs(slope) * float(np.sqrt(covariance[0, 0]))
    low, high = (float(stock(np.array(inverse(theta[0] + s * np.sqrt(covariance[0, 0]))))) for s in (-_Z, _Z))
    labels = list(names) or [str(i) for i in range(1, N.size + 1)]
    errors = np.sqrt(np.diag(covariance))
    d = derivative(theta[:2])
    found = Hidden(
        method="zhang" if link == "none" else f"zhang, {link} link",
        value=value,
        low95=low,
        high95=high,
        draws=np.array([value]),
        interval="normal on the scale of the link",
        standard_error=error,
        assumptions=(
            "the irregular of an origin grow as a power of its registered, the same power for all origins",
            "the chance of apprehension grows as a power of the share of the registered met by the same office",
            "what is left differs between origins by a gamma factor with mean 1",
            "apprehended persons are counted once",
        ),
        warnings=()
        if free == 3
        else ("No variation beyond Poisson: the random effects have vanished (φ at its bound).",),
        diagnostics={
            "alpha": {"value": float(inverse(theta[0])), "standard_error": float(errors[0] * d[0])},
            "beta": {"value": float(inverse(theta[1])), "standard_error": float(errors[1] * d[1])},
            "phi": float(np.exp(theta[2])),
            "log_likelihood": -float(best.fun),
            "apprehended": float(m.sum()),
            "by_origin": dict(zip(labels, np.exp(inverse(theta[0]) * log_n).tolist(), strict=True)),
        },
    )
    if not draws:
        return found
    sample = theta[0] + np.sqrt(covariance[0, 0]) * _given(rng).standard_normal(draws)
    return replace(_spread(found, stock(np.asarray(inverse(sample))), "draws from the asymptotic normal"), value=value)


_Link = tuple[Callable[[Any], Any], Callable[[Any], Any]]
_LOGIT: _Link = (special.expit, lambda t: special.expit(t) * special.expit(-t))
_CLOGLOG: _Link = (lambda t: -np.expm1(-np.exp(t)), lambda t: np.exp(t - np.exp(t)))


def _curvature(gradient: Callable[[Array], Array], at: Array, step: float = 1e-4) -> Array:
    """Symmetric matrix of second derivatives from a gradient, by central differences."""
    rows = [(gradient(at + step * e) - gradient(at - step * e)) / (2 * step) for e in np.eye(at.size)]
    return (np.array(rows) + np.array(rows).T) / 2


def _check_power_law(N: Array, n: Array, m: Array, names: Sequence[str]) -> None:
    if not N.shape == n.shape == m.shape:
        raise FaultyTable("power law", [f"row 1, {N.size}, {n.size} and {m.size} origins: give three numbers each."])
    faults = []
    for at, (a, b, c) in enumerate(zip(N, n, m, strict=True), start=1):
        who = names[at - 1] if len(names) >= at else f"origin {at}"
        if not all(np.isfinite(v) and v >= 0 and v == np.floor(v) for v in (a, b, c)):
            faults.append(f"row {at}, {who}: {a:g}, {b:g}, {c:g} are not whole numbers of 0 or more.")
        elif a <= 1 or b < 1:
            faults.append(f"row {at}, {who}: {a:g} and {b:g} enter as logarithms. Merge small origins.")
        elif b > a:
            faults.append(
                f"row {at}, {who}: {b:g} in the administrative source, {a:g} in the register (N < n). Are they swapped?"
            )
    if N.size < 4:
        faults.append(f"row 1, {N.size} origins cannot tell three parameters. Give at least 4, better 20.")
    if faults:
        raise FaultyTable("power law", faults)
    if m.sum() == 0:
        raise ModelError("Nobody was apprehended in any origin: there is nothing to fit. Take a longer period.")


# ------------------------------------------------------------------ residual, multiplier, amnesty

Spread = tuple[float, float]
"""Lowest and highest plausible value, 95% of a log-normal (counts) between them."""


def _lognormal_draws(value: float, spread: Spread | None, draws: int, rng: np.random.Generator) -> Array:
    if spread is None or value == 0:
        return np.full(draws, float(value))
    low, high = spread
    if not 0 < low <= value <= high:
        raise ModelError(f"{value:,.0f} does not lie between its positive bounds {low:,.0f} and {high:,.0f}.")
    return np.asarray(value * np.exp(np.log(high / low) / (2 * _Z) * rng.standard_normal(draws)))


def residual(
    present: float,
    registered: float,
    visitors: float = 0.0,
    *,
    spread_present: Spread | None = None,
    spread_registered: Spread | None = None,
    spread_visitors: Spread | None = None,
    draws: int = 0,
    rng: np.random.Generator | None = None,
) -> Hidden:
    """Who is left when the registered and short visitors are taken from all foreigners present.

    Parameters
    ----------
    present, registered, visitors
        Persons at one time.
    spread_present, spread_registered, spread_visitors
        95% bounds of each, log-normal about it; None: exact.

    Returns
    -------
    Hidden
        An upper bound where visitors are left at 0. Draws below zero are kept: they say that the sources contradict
        each other, and how often.

    Raises
    ------
    ModelError
        If fewer people are present than registered and visiting.

    Examples
    --------
    >>> residual(650_000, 310_000).bound
    'upper'
    """
    for name, value in (("present", present), ("registered", registered), ("visitors", visitors)):
        if not np.isfinite(value) or value < 0:
            raise ModelError(f"{name} is {value:g}: give a number of persons of 0 or more.")
    if present < registered + visitors:
        raise ModelError(
            f"{present:,.0f} people are present but {registered + visitors:,.0f} registered or visiting: none left. "
            "The two counts speak of different days or definitions; bring them together first."
        )
    value = present - registered - visitors
    found = Hidden(
        method="residual",
        value=value,
        low95=value,
        high95=value,
        draws=np.array([value]),
        bound="estimate" if visitors else "upper",
        interval="none: inputs taken as exact",
        assumptions=(
            "present, registered and visitors speak of the same day and the same definition of a foreigner",
            "nobody registered is absent" if visitors else "no visitor, student or dependant is among the present",
        ),
    )
    if not draws:
        return found
    rng = _given(rng)
    pairs = ((present, spread_present), (registered, spread_registered), (visitors, spread_visitors))
    a, b, c = (_lognormal_draws(v, s, draws, rng) for v, s in pairs)
    samples = a - b - c
    below = float((samples < 0).mean())
    noted = (f"{below:.0%} of draws are below zero: the sources contradict each other.",) if below > 0.01 else ()
    return replace(_spread(found, samples, "log-normal inputs, percentiles"), warnings=noted)


def multiplier(
    registered: float,
    *,
    share: tuple[float, float],
    spread: Spread | None = None,
    draws: int = 4000,
    rng: np.random.Generator | None = None,
) -> Hidden:
    """The unregistered, from the registered and an uncertain registered share p: U = R (1/p − 1), p ~ Beta.

    Parameters
    ----------
    registered
        Persons.
    share
        Parameters (a, b) of the Beta distribution of p; :func:`beta_from` makes them of a mean and a standard error.
    spread
        95% bounds of the registered.

    Examples
    --------
    >>> round(multiplier(100_000, share=(1e9, 3e9), rng=np.random.default_rng(0)).value, -3)
    300000.0
    """
    a, b = share
    if not (a > 0 and b > 0 and np.isfinite(a + b)):
        raise ModelError(f"Beta({a:g}, {b:g}) is not a distribution of a share: both numbers must be positive.")
    if not np.isfinite(registered) or registered < 0:
        raise ModelError(f"registered is {registered:g}: give a number of persons of 0 or more.")
    if draws < 1:
        p = a / (a + b)
        samples = np.array([registered * (1 / p - 1)])
    else:
        rng = _given(rng)
        samples = _lognormal_draws(registered, spread, draws, rng) * (1 / rng.beta(a, b, draws) - 1)
    found = Hidden(
        method="multiplier",
        value=float(np.median(samples)),
        low95=float(samples.min()),
        high95=float(samples.max()),
        draws=samples,
        assumptions=(
            "the share comes from people drawn like the whole group, registered or not",
            "share and registered speak of the same group at the same time",
        ),
        diagnostics={"registered": float(registered), "share": {"a": float(a), "b": float(b), "mean": a / (a + b)}},
    )
    return _spread(found, samples, "draws of the share, percentiles") if samples.size > 1 else found


def beta_from(mean: float, error: float) -> tuple[float, float]:
    """Parameters of the Beta distribution with this mean and standard deviation.

    Examples
    --------
    >>> tuple(round(v, 6) for v in beta_from(0.5, 0.1))
    (12.0, 12.0)
    """
    if not 0 < mean < 1 or not 0 < error**2 < mean * (1 - mean):
        raise ModelError(
            f"A share of {mean:g} with error {error:g} is no share: the mean lies between 0 and 1, and the error is "
            f"positive and below {np.sqrt(max(mean * (1 - mean), 0)):.3g}."
        )
    size = mean * (1 - mean) / error**2 - 1
    return mean * size, (1 - mean) * size


def amnesty(
    regularised: float,
    *,
    take_up: tuple[float, float],
    eligible: tuple[float, float] | None = None,
    prior: str = "1/U",
    stock: float | None = None,
    derived_from: str = "",
    draws: int = 4000,
    rng: np.random.Generator | None = None,
) -> Hidden:
    """How many there were, from how many came forward: A ~ Binomial(U, p), p ~ Beta, an amnesty as a reveal.

    The posterior is exact: under the prior 1/U the take-up keeps its prior Beta(a, b) and U − A ~ NegBin(A, p); under a
    flat prior the take-up becomes Beta(a − 1, b) and U − A ~ NegBin(A + 1, p). Show both.

    Parameters
    ----------
    regularised
        A, persons.
    take_up
        (a, b) of the Beta prior of p, the share of the eligible who came forward.
    eligible
        (a, b) of the Beta prior of the share of all irregular who were eligible (arrived before the cut-off). None: the
        number is of the eligible.
    prior
        ``1/U`` or ``flat``.
    stock
        A stated number of irregular persons; refused where the amnesty is larger.
    derived_from
        What the prior of p was made from. It is told with the result, so that nobody checks a number against the
        source of its own prior.

    Raises
    ------
    ModelError
        Where the amnesty is larger than the stock, or a flat prior has no posterior.

    Examples
    --------
    >>> found = amnesty(164_586, take_up=(5, 4), rng=np.random.default_rng(0), draws=20_000)
    >>> bool(285_000 < found.value < 303_000)
    True
    """
    a, b = take_up
    if not np.isfinite(regularised) or regularised < 1 or regularised != np.floor(regularised):
        raise ModelError(f"{regularised:g} people came forward: give a whole number of 1 or more.")
    if stock is not None and regularised > stock:
        raise ModelError(
            f"The amnesty regularised {regularised:,.0f} people, more than the stated stock of {stock:,.0f}. "
            "One of the two speaks of another group or date; correct it, or leave the stock out."
        )
    if prior not in ("1/U", "flat"):
        raise VocabularyError(f"{prior!r} is not a prior of the number. Take 1/U or flat.")
    if not (a > 0 and b > 0) or (eligible is not None and not min(eligible) > 0):
        raise ModelError("A Beta prior needs two positive numbers.")
    if prior == "flat":
        if a <= 1:
            raise ModelError(
                f"A flat prior has no posterior when the take-up may be near 0 (Beta({a:g}, {b:g})): the number may "
                "be infinite. Take prior='1/U', or a take-up prior with a first number above 1."
            )
        a -= 1
    rng = _given(rng)
    p = np.maximum(rng.beta(a, b, draws), 1e-12)
    # NegBin as a gamma mixture of Poissons: exact, and it takes means beyond the range of the direct sampler.
    rate = rng.gamma(regularised + (prior == "flat"), size=draws) * (1 - p) / p
    unseen = np.where(rate < 1e15, rng.poisson(np.minimum(rate, 1e15)).astype(float), rate)
    samples = regularised + unseen
    if eligible is not None:
        samples = samples / np.maximum(rng.beta(*eligible, draws), 1e-12)
    whom = (
        "the number is of the eligible"
        if eligible is None
        else f"the eligible were Beta({eligible[0]:g}, {eligible[1]:g}) of all irregular"
    )
    found = Hidden(
        method=f"amnesty, {prior} prior",
        value=float(np.median(samples)),
        low95=0.0,
        high95=0.0,
        draws=samples,
        bound="estimate",
        assumptions=(
            "nobody came forward twice, and nobody who was not irregular",
            f"the share who came forward is Beta({take_up[0]:g}, {take_up[1]:g}) before the count"
            + (f", derived from {derived_from}" if derived_from else ""),
whom,
            f"prior of the number: {prior}",
        ),
        diagnostics={"regularised": float(regularised), "derived_from": derived_from},
    )  # fmt: skip
    return _spread(found, samples, "exact posterior, percentiles")


# ------------------------------------------------------------------ capture-recapture


def capture_recapture(
    histories: ArrayLike,
    people: ArrayLike,
    *,
    names: Sequence[str] = (),
    draws: int = 0,
    rng: np.random.Generator | None = None,
) -> Hidden:
    """How many there are, from the overlaps of two or three lists, by log-linear models.

    Two lists can only be taken as independent (with Chapman's correction told beside it). Three lists allow the eight
    models with pairwise dependence; the one of lowest AIC is reported, and all are listed.

    Parameters
    ----------
    histories
        (cell, list) of 0 and 1: on which lists. The cell of nobody's list must not be there.
    people
        (cell,), persons with that history; a missing history is nobody.
    names
        Names of the lists.
    draws, rng
        Bootstrap draws of the whole population, model choice included.

    Raises
    ------
    FaultyTable
        Histories that are not 0/1, twice told, or of people on no list.
    ModelError
        Where no two lists overlap, so that any total is possible.

    Examples
    --------
    >>> found = capture_recapture([[1, 1], [1, 0], [0, 1]], [50, 150, 100], names=("police", "clinic"))
    >>> round(found.value)
    600

    References
    ----------
    Fienberg (1972), Biometrika 59; Chapman (1951); Cormack (1989), Biometrics 45.
    """
    cells, lists = _histories(histories, people, names)
    k = cells.ndim
    n = float(cells.sum())
    models = _models(k)
    seen = cells.ravel()[1:]  # the cell of nobody is first
    fits = [_loglinear(design, seen[None]) for _, design in models]
    with np.errstate(invalid="ignore"):
        scores = np.array([float(aic[0]) for _, aic, _ in fits])
    if not np.isfinite(scores).any():
        raise ModelError(
            f"The lists ({', '.join(lists)}) do not overlap enough: with nobody on two of them any total is possible. "
            "Add a list, lengthen the period, or link the records again."
        )
    best = int(np.nanargmin(np.where(np.isfinite(scores), scores, np.inf)))
    label, design = models[best]
    unseen, mu = float(fits[best][0][0]), fits[best][2][0]
    value = n + unseen
    information = np.linalg.inv(design[1:].T @ (mu[:, None] * design[1:]))
    gradient = 1 + unseen * (design[1:] @ information @ design[0])
    variance = max(float(gradient**2 @ mu) - value, 0.0)
    low, high = _lognormal(n, value, variance)
    table = [
        {"model": name.format(*lists), "value": n + _finite(u[0]), "aic": _finite(aic[0])}
        for (name, _), (u, aic, _) in zip(models, fits, strict=True)
    ]  # fmt: skip
    diagnostics: dict[str, Any] = {"observed": n, "lists": lists, "model": label.format(*lists), "models": table}
    if k == 2:
        n1, n2, both = cells[1].sum(), cells[:, 1].sum(), cells[1, 1]
        diagnostics["chapman"] = float((n1 + 1) * (n2 + 1) / (both + 1) - 1)
    finite = [v for v in (_finite(u[0]) + n for u, _, _ in fits) if np.isfinite(v)]
    noted = []
    if k == 3 and max(finite) > 2 * min(finite):
        noted.append(
            f"The models run from {min(finite):,.0f} to {max(finite):,.0f}: "
            "the dependence between lists decides, and the interval of one model does not tell that."
        )
    found = Hidden(
        method="capture-recapture",
        value=value,
        low95=low,
        high95=high,
        draws=np.array([value]),
        standard_error=float(np.sqrt(variance)),
        assumptions=(
            _CLOSED,
            "records of one person are linked across lists without error",
            "the lists are independent" if k == 2 else "dependence of pairs of lists only: " + label.format(*lists),
            "everyone has the same chance to be on a list; where chances go together the number is too low",
        ),
        warnings=tuple(noted),
        diagnostics=diagnostics,
    )  # fmt: skip
    if not draws:
        return found
    tables = _multinomial(np.append(unseen, seen), value, draws, _given(rng))[:, 1:]
    tried = [_loglinear(d, tables) for _, d in models]
    aic = np.array([a for _, a, _ in tried])
    chosen = np.argmin(np.where(np.isfinite(aic), aic, np.inf), 0)
    samples = tables.sum(1) + np.array([u for u, _, _ in tried])[chosen, np.arange(draws)]
    samples = samples[np.isfinite(samples)]
    if samples.size < draws:
        noted.append(f"{draws - samples.size} of {draws} draws had no overlap and no estimate; they are left out.")
    return replace(
        _spread(found, samples, "bootstrap of seen and unseen with model choice, percentiles"), warnings=tuple(noted)
    )


def _finite(value: Any) -> float:
    return float(value) if np.isfinite(value) else float("nan")


def _histories(histories: ArrayLike, people: ArrayLike, names: Sequence[str]) -> tuple[Array, list[str]]:
    """A (2, 2) or (2, 2, 2) table of persons by list, checked."""
    h = np.atleast_2d(np.asarray(histories, dtype=float))
    w = np.atleast_1d(np.asarray(people, dtype=float))
    k = h.shape[1]
    lists = list(names) or [f"list {c}" for c in "ABC"[:k]]
    if k not in (2, 3) or h.shape[0] != w.size or len(lists) != k:
        raise FaultyTable(
            "histories", [f"row 1, {k} lists and {w.size} counts: give 2 or 3 columns of 0 and 1, and people."]
        )
    faults: list[str] = []
    table: Array = np.zeros((2,) * k)
    told: set[tuple[int, ...]] = set()
    for at, (row, p) in enumerate(zip(h, w, strict=True), start=1):
        if not np.isin(row, (0, 1)).all():
            faults.append(f"row {at}, a list holds {row.tolist()}: write 1 for on the list and 0 for not.")
            continue
        cell = tuple(int(v) for v in row)
        if not np.isfinite(p) or p < 0 or p != np.floor(p):
            faults.append(f"row {at}, column people: {p:g} is not a whole number of 0 or more.")
        elif not any(cell):
            faults.append(f"row {at}, people on no list cannot have been counted. Leave the row out.")
        elif cell in told:
            faults.append(f"row {at}, the history {cell} was told before. Give one row a history.")
        else:
            told.add(cell)
            table[cell] = p
    if faults:
        raise FaultyTable("histories", faults)
    for i, name in enumerate(lists):
        if table.take(1, i).sum() == 0:
            raise ModelError(f"Nobody is on {name}: it tells nothing. Leave the list out.")
    return table, lists


def _models(k: int) -> list[tuple[str, Array]]:
    """Names and designs (cell, parameter) of the hierarchical models up to pairs; the first cell is nobody's."""
    cells = np.array(np.meshgrid(*[[0, 1]] * k, indexing="ij")).reshape(k, -1).T.astype(float)
    main = np.column_stack([np.ones(len(cells)), cells])
    found = [("none", main)]
    if k == 3:
        pairs = list(combinations(range(3), 2))
        for size in (1, 2, 3):
            for chosen in combinations(pairs, size):
                extra = [cells[:, i] * cells[:, j] for i, j in chosen]
                name = ", ".join(f"{{{i}}} with {{{j}}}" for i, j in chosen)
                found.append((name, np.column_stack([main, *extra])))
    return found


def _loglinear(design: Array, counts: Array) -> tuple[Array, Array, Array]:
    """Unseen (draw,), AIC (draw,) and fitted cells (draw, cell) by Poisson scoring; infinite where nothing overlaps."""
    x, k = design[1:], design.shape[1]
    mu: Array = np.asarray(counts + 0.5)
    beta = np.zeros((counts.shape[0], k))
    outer = (x[:, :, None] * x[:, None, :]).reshape(x.shape[0], k * k)
    change: Array = np.full(counts.shape[0], np.inf)
    for _ in range(60):
        eta = np.log(mu)
        work = (mu * eta + counts - mu) @ x
        information = (mu @ outer).reshape(-1, k, k) + 1e-10 * np.eye(k)
        new = np.linalg.solve(information, work[:, :, None])[:, :, 0]
        change = np.abs(new - beta).max(1)
        beta = np.asarray(new)
        mu = np.asarray(np.exp(np.clip(beta @ x.T, -25, 40)))
        if change.max() < 1e-8:
            break
    # Where lists do not meet, a cell runs to zero and the unseen to infinity, one power of e a step.
    unseen = np.exp(np.minimum(beta @ design[0], 80))
    settled = (change < 1e-4) & (unseen < 1e7 * np.maximum(counts.sum(1), 1))
    unseen = np.where(settled, unseen, np.inf)
    log_likelihood = (counts * np.log(mu) - mu - special.gammaln(counts + 1)).sum(1)
    return unseen, np.where(settled, 2 * k - 2 * log_likelihood, np.inf), mu
