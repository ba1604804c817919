"""What an account of labour migrants rests on: its years, rules of status, anchors, and parameters with their priors.

docs/labour.md has the equations and every decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from textwrap import shorten
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Regime:
    """A rule of status: an ``amnesty`` from start to end with certificates of some years, or a ``permit`` regime."""

    name: str
    kind: Literal["amnesty", "permit"]
    start: date
    end: date | None = None
    valid_years: int = 0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A figure as the model sees it.

    Attributes
    ----------
    of
        ``total``, ``registered``, ``unregistered``: year averages; ``regularised``: events of an amnesty; ``permits``:
        events of a permit regime a year; ``total_at_least``, ``registered_at_least``: the true number is no smaller;
        ``share``: Central Asians (or whoever `part` is) among all.
    years
        Weights by year.
    value
        Persons, events a year, or a share.
    sd
        Stated error of the logarithm (of the log-odds for a share).
    part
        The figure speaks of a part of the total, whose share is a parameter.
    expert
        It shares the common error of expert figures.
    beside
        Persons registered by another route, taken off before permits are divided (permits only).
    tested
        A statement on trial: the answer is given without it.
    """

    key: str
    of: str
    years: tuple[tuple[int, float], ...]
    value: float
    sd: float
    part: bool = False
    expert: bool = False
    beside: float = 0.0
    regime: str = ""
    tested: bool = False
    text: str = ""
    because: str = ""
    ids: tuple[str, ...] = ()
    source: str = ""
    start: date | None = None
    end: date | None = None
    low: float | None = None
    high: float | None = None

    def __repr__(self) -> str:
        first, last = self.years[0][0], self.years[-1][0]
        when = f"{first}" if first == last else f"{first}-{last}"
        value = f"{self.value:.0%}" if self.of == "share" else f"{self.value:,.0f}"
        scale = "log-odds" if self.of == "share" else "logarithm"
        trial = ", on trial" if self.tested else ""
        why = f", because {shorten(self.because, 150, placeholder=' …')}" if self.because else ""
        return f"{self.key}: {self.of} {value} in {when}, error of the {scale} {self.sd:g}{trial}{why}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named quantity with its prior: a standard normal z, moved to `centre` and `spread` on the scale of its kind."""

    name: str
    kind: Literal["log", "logit", "normal"]
    centre: float
    spread: float
    unit: str
    meaning: str

    def at(self, z: Array) -> Array:
        """The quantity itself."""
        raw = self.centre + self.spread * z
        return np.asarray({"log": np.exp, "logit": special.expit, "normal": np.asarray}[self.kind](raw))


@dataclass(frozen=True, slots=True)
class Design:
    """What a fit rests on: first and last year, rules, anchors, and the size that scales the priors."""

    years: tuple[int, ...]
    regimes: tuple[Regime, ...]
    anchors: tuple[Anchor, ...]
    scale: float

    def __repr__(self) -> str:
        rules = f", {len(self.regimes)} rule{'s' * (len(self.regimes) != 1)} of status" if self.regimes else ""
        return (
            f"Account of labour migrants, {self.years[0]}-{self.years[-1]}: {len(self.anchors)}"
            f" anchor{'s' * (len(self.anchors) != 1)}{rules}. See anchors, regimes, scale."
        )


def log_odds(share: float) -> float:
    """Log-odds of a share."""
    return float(special.logit(share))


def parameters(design: Design) -> tuple[Parameter, ...]:
    """All parameters of a design in the order of its vector: the named ones, then one step of entries a year.

    Examples
    --------
    >>> [p.name for p in parameters(Design((2000, 2001), (), (), 15e6))][:2]
    ['total_at_start', 'registered_share_at_start']
    """
    level = float(np.log(0.005 * design.scale))
    found = [
        Parameter("total_at_start", "log", level, 1.0, "persons", "labour migrants present when the account begins"),
        Parameter("registered_share_at_start", "logit", log_odds(0.2), 0.8, "share", "registered part of them"),
        Parameter(
            "entries_level", "log", level + float(np.log(2)), 1.0, "persons a year", "geometric mean of yearly entries"
        ),
        Parameter("entries_volatility", "log", float(np.log(0.25)), 0.35, "log points", "yearly change of log entries"),
        Parameter("registered_entry", "logit", log_odds(0.2), 1.0, "share", "entries that register at once"),
        Parameter("lapse", "log", float(np.log(0.5)), 0.6, "per year", "registered who become unregistered"),
        Parameter("return_registered", "log", float(np.log(0.8)), 0.5, "per year", "registered who go home"),
        Parameter("return_unregistered", "log", float(np.log(0.7)), 0.5, "per year", "unregistered who go home"),
        Parameter("removal", "log", float(np.log(0.05)), 0.8, "per year", "unregistered who are removed"),
    ]
    for regime in design.regimes:
        if regime.kind == "amnesty":
            found += [
                Parameter(f"{regime.name}.reached", "logit", log_odds(0.4), 1.0, "share",
                          "unregistered who came forward: eligible times take-up, which no figure tells apart"),
                Parameter(f"{regime.name}.return", "log", float(np.log(0.3)), 0.5, "per year", "holders who go home"),
                Parameter(f"{regime.name}.lapse_at_expiry", "logit", log_odds(0.6), 0.8, "share",
                          "holders still present at expiry who stay on without papers; the others leave"),
            ]  # fmt: skip
        else:
            found += [
                Parameter(f"{regime.name}.regularisation", "log", float(np.log(0.4)), 0.8, "per year",
                          "unregistered who take a permit"),
                Parameter(f"{regime.name}.registered_entry_shift", "normal", 0.5, 0.7, "log-odds",
                          "change of the share of entries that register at once"),
                Parameter(f"{regime.name}.permits_per_person_year", "log", float(np.log(2.0)), 0.4, "per person-year",
                          "permits issued or extended for one registered person's year"),
            ]  # fmt: skip
    if any(a.part for a in design.anchors):
        found.append(
            Parameter("part_share", "logit", log_odds(0.85), 0.5, "share", "the group that figures speak of, among all")
        )
    if any(a.expert for a in design.anchors):
        found.append(Parameter("expert_error", "normal", 0.0, 0.2, "log points", "error that expert figures share"))
    steps = [
        Parameter(f"step_{year}", "normal", 0.0, 1.0, "standard deviations", "change of log entries on the year before")
        for year in design.years[1:]
    ]
    return (*found, *steps)
