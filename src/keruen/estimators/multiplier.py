"""How many are unregistered, from the registered and the uncertain share of all that they are."""

from __future__ import annotations

import numpy as np

from keruen.errors import ModelError
from keruen.estimators.hidden import Hidden, Spread, lognormal_draws, randomness, with_draws


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
        rng = randomness(rng)
        samples = lognormal_draws(registered, spread, draws, rng) * (1 / rng.beta(a, b, draws) - 1)
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
    return with_draws(found, samples, "draws of the share, percentiles") if samples.size > 1 else found
