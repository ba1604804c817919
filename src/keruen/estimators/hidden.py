"""What an estimate of a population that no register holds is, and what its estimators share.

Every estimator returns a :class:`Hidden`: a number with an interval, draws (one draw where it is a point estimate),
what it assumes, whether it is an estimate or a bound, and what looked wrong in the data. docs/methods/hidden.md derives
the formulas; the letters are those of the papers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from keruen.errors import ModelError

Array = NDArray[np.float64]

Z = float(special.ndtri(0.975))
"""Half the width of a 95% interval, in standard deviations."""

CLOSED = "the population is closed while it is observed: nobody enters, leaves or is removed after a first contact"
"""What every method assumes that meets people more than once."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """The estimated size of a population that is only partly seen.

    Attributes
    ----------
    method
        Which estimator.
    value, low95, high95
        Persons: the estimate and its 95%, of draws their central 95%, as `interval` says.
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
    >>> told(Hidden("residual", 5.0, 5.0, 5.0, np.array([5.0])))["draws"]
    1
    """
    names = [n for n in Hidden.__slots__ if n != "draws"]
    plain = {n: getattr(found, n) for n in names}
    return {
        **plain,
        "assumptions": list(found.assumptions),
        "warnings": list(found.warnings),
        "draws": found.draws.size,
    }


def lognormal(n: float, value: float, variance: float) -> tuple[float, float]:
    """Chao's interval: the unseen are log-normal, so the lower end is never below the n persons seen."""
    unseen = value - n
    if unseen <= 0 or variance <= 0:
        return value, value
    c = np.exp(Z * np.sqrt(np.log1p(variance / unseen**2)))
    return float(n + unseen / c), float(n + unseen * c)


Spread = tuple[float, float]
"""Lowest and highest plausible value, 95% of a log-normal (counts) between them."""


def lognormal_draws(value: float, spread: Spread | None, draws: int, rng: np.random.Generator) -> Array:
    """Draws of an uncertain number of persons; without a spread it is exact."""
    if spread is None or value == 0:
        return np.full(draws, float(value))
    low, high = spread
    if not 0 < low <= value <= high:
        raise ModelError(f"{value:,.0f} does not lie between its positive bounds {low:,.0f} and {high:,.0f}.")
    return np.asarray(value * np.exp(np.log(high / low) / (2 * Z) * rng.standard_normal(draws)))


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


def randomness(rng: np.random.Generator | None) -> np.random.Generator:
    """The generator, which draws cannot do without."""
    if rng is None:
        raise ModelError("Draws need randomness: pass rng=np.random.default_rng(seed).")
    return rng


def multinomial(cells: Array, total: float, draws: int, rng: np.random.Generator) -> Array:
    """(draw, cell): populations of the estimated size, its fraction rounded at random."""
    sizes = int(total) + (rng.random(draws) < total - int(total))
    return rng.multinomial(sizes, cells / cells.sum(), size=draws).astype(float)


def with_draws(found: Hidden, draws: Array, interval: str) -> Hidden:
    """The estimate with draws, and their central 95% as its interval."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return replace(found, draws=draws, low95=float(low), high95=float(high), interval=interval)
