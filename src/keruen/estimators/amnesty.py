"""How many irregular people there were, from how many came forward in an amnesty."""

from __future__ import annotations

import numpy as np

from keruen.errors import ModelError, VocabularyError
from keruen.estimators.hidden import Hidden, randomness, with_draws


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
    if draws < 1:
        raise ModelError(f"{draws} draws tell no number. Give 1 or more.")
    rng = randomness(rng)
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
    return with_draws(found, samples, "exact posterior, percentiles")
