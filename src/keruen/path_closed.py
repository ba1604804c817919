"""A closed system: what one place gains another loses. Draws of many places are bent until they add up to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from keruen.errors import Incomparable, ModelError

Array = NDArray[np.float64]

LIKELY = 1e-3
"""A system whose claims leave nothing for balance so improbable is not closed."""


def imbalance(places: Mapping[str, Any]) -> tuple[NDArray[np.int64], Array, Array]:
    """Years that all places share, and the mean and covariance of what they gain together, thousand people a year."""
    if len(places) < 2:
        raise ModelError(
            "One place is no system. Name those that exchange people with each other and with nobody else."
        )
    spans = [p.years for p in places.values()]
    first, last = max(int(y[0]) for y in spans), min(int(y[-1]) for y in spans)
    if last < first:
        raise Incomparable("The places share no year. Ask for a common start.")
    years = np.arange(first, last + 1)
    mean, cov = np.zeros(years.size), np.zeros((years.size, years.size))
    for one in places.values():
        here = _people(one, years)
        mean += here.mean(0)
        cov += np.cov(here, rowvar=False)
    return years, mean, cov


def _people(one: Any, years: NDArray[np.int64]) -> Array:
    """Draws (draw, year) of net migration, thousand people."""
    at = np.searchsorted(one.years, years)
    return np.asarray(one.rates[:, at] * one.population[at] / 1e6)


def closed(places: Mapping[str, Any]) -> dict[str, Any]:
    """Posteriors of a closed system: every draw of all places together adds up to zero in every year they share.

    Parameters
    ----------
    places
        Posteriors as :func:`keruen.reconcile` gives them, by code.

    Each place takes a part of the imbalance, as large as its doubt: the update of a normal distribution by a linear
    condition, from the covariance of the draws. A place that is sure of its figures hardly moves.

    Raises
    ------
    ModelError
        Where the claims say that the system is not closed: the balance of all would be too improbable.

    Notes
    -----
    With X_c the draws of place c in people, C_c their covariance and S = Σ C_c: X_c ← X_c − C_c S⁻¹ Σ X. Exact for
    normal posteriors (Matheron's rule), else the best linear update; hyperparameters are not weighed anew.
    """
    years, mean, cov = imbalance(places)
    ridge = 1e-9 * float(np.trace(cov)) / years.size + 1e-12
    inverse = np.linalg.inv(cov + ridge * np.eye(years.size))
    far = float(mean @ inverse @ mean)
    p = float(special.gammaincc(years.size / 2, far / 2))
    if p < LIKELY:
        worst = int(np.abs(mean / np.sqrt(np.diag(cov))).argmax())
        raise ModelError(
            f"These {len(places)} places are no closed system: together they gain {mean[worst]:+,.0f} thousand in"
            f" {years[worst]} (± {np.sqrt(cov[worst, worst]):,.0f}), and the chance of balance is {p:.1g}. Add the"
            " places they exchange people with, or leave the system open."
        )
    draws = min(len(one.rates) for one in places.values())
    people = {code: _people(one, years)[:draws] for code, one in places.items()}
    shared = sum(people.values()) @ inverse  # (draw, year)
    found = {}
    for code, one in places.items():
        at = np.searchsorted(one.years, years)
        move = shared @ np.cov(_people(one, years), rowvar=False)
        rates = one.rates[:draws].copy()
        rates[:, at] -= move * 1e6 / one.population[at]
        note = (
            f"Bent so that {len(places)} places add up to zero in {years[0]}–{years[-1]} (chance of balance {p:.2g})."
        )
        found[code] = replace(one, chains=rates[None], notes=(*one.notes, note))
    return found
