"""Who is left when the registered and short visitors are taken from all foreigners present."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from keruen.errors import ModelError
from keruen.estimators.hidden import Hidden, Spread, lognormal_draws, randomness, with_draws


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
    rng = randomness(rng)
    pairs = ((present, spread_present), (registered, spread_registered), (visitors, spread_visitors))
    a, b, c = (lognormal_draws(v, s, draws, rng) for v, s in pairs)
    samples = a - b - c
    below = float((samples < 0).mean())
    noted = (f"{below:.0%} of draws are below zero: the sources contradict each other.",) if below > 0.01 else ()
    return replace(with_draws(found, samples, "log-normal inputs, percentiles"), warnings=noted)
