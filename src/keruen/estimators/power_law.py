"""How many irregular people of each origin there are, as a power of its registered: Zhang's model of apprehensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from keruen.errors import FaultyTable, ModelError, NotConverged, VocabularyError
from keruen.estimators.hidden import Array, Hidden, Z, randomness, with_draws


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
    low, high = (float(stock(np.array(inverse(theta[0] + s * np.sqrt(covariance[0, 0]))))) for s in (-Z, Z))
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
    sample = theta[0] + np.sqrt(covariance[0, 0]) * randomness(rng).standard_normal(draws)
    return replace(
        with_draws(found, stock(np.asarray(inverse(sample))), "draws from the asymptotic normal"), value=value
    )


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
    if names and len(names) != N.size:
        faults.append(f"row 1, {len(names)} names for {N.size} origins: name each or none.")
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
