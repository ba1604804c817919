"""How a true quantity becomes a report: what a definition counts, how much of it, and how well.

Every number is read from ``definitions.toml`` and ``measurement.toml``, with its reference. Nothing here rescales a
report: the likelihood of a model stands on what was reported.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keruen.errors import Incomparable, VocabularyError
from keruen.provenance import definitions
from keruen.vocabulary import suggest

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a definition measures net migration of usual residents. Rates are per 1,000 a year.

    Attributes
    ----------
    lineage
        ``un`` or ``national``: reports of one lineage share errors.
    floor, share
        Size of the error where nobody moves, and its growth with the size of the flow.
    arrivals, departures
        (mean, sd) of 1 / coverage − 1: how many more there are for each one reported. None: only a balance is told.
    because
        Why we think so.
    """

    definition: str
    lineage: str
    floor: float
    share: float
    arrivals: tuple[float, float] | None
    departures: tuple[float, float] | None
    because: str


@cache
def _durations() -> dict[str, Any]:
    text = files("keruen").joinpath("data/measurement.toml").read_text("utf-8")
    found: dict[str, Any] = tomllib.loads(text)["duration"]
    return found


def multiplier(duration: int | str, table: str = "imem") -> float:
    """What a count under one duration of stay is multiplied by to be a count under twelve months.

    Parameters
    ----------
    duration
        0, 3, 6, 12 (months) or ``permanent``. Between them logarithms are interpolated.
    table
        ``imem``, ``experts``, ``poisson`` or ``mixture``.

    Raises
    ------
    VocabularyError
        If the table or the duration is not known.

    Examples
    --------
    >>> multiplier("permanent"), multiplier(0), multiplier(12)
    (2.26, 0.53, 1.0)
    >>> round(multiplier(9), 3)
    0.854
    """
    known = _durations()
    if table not in known:
        raise VocabularyError(f"{table!r} is not a table of durations. {suggest(table, known)}")
    row: dict[str, float] = known[table]["multipliers"]
    if str(duration) in row:
        return row[str(duration)]
    months = sorted(int(k) for k in row if k.isdigit())
    if not str(duration).isdigit() or not months[0] <= int(duration) <= months[-1]:
        raise VocabularyError(f"A stay of {duration!r} has no multiplier. Take 0 to 12 months, or 'permanent'.")
    return float(np.exp(np.interp(int(duration), months, [np.log(row[str(k)]) for k in months])))


def reference(table: str = "imem") -> str:
    """Where a table of multipliers comes from.

    Examples
    --------
    >>> "2013" in reference()
    True
    """
    if table not in _durations():
        raise VocabularyError(f"{table!r} is not a table of durations. {suggest(table, _durations())}")
    return str(_durations()[table]["because"])


def accuracy(definition: str) -> Accuracy:
    """How well a definition measures net migration of usual residents.

    Raises
    ------
    VocabularyError
        If no such definition is known.
    Incomparable
        If the definition counts something else: people present, permits, money.

    Examples
    --------
    >>> accuracy("reg_permanent").floor
    0.8
    >>> accuracy("un_resident").lineage
    'un'
    """
    known = definitions()
    if definition not in known:
        raise VocabularyError(f"{definition!r} is not a definition. {suggest(definition, known)}")
    card = known[definition]
    if "lineage" not in card:
        raise Incomparable(
            f"{definition} counts {card.get('counts', 'something else')}: no observation of usual residents who come"
            " and go. Definitions that are have a lineage in definitions.toml."
        )
    pair = {k: tuple(card[k]) if k in card else None for k in ("coverage_arrivals", "coverage_departures")}
    return Accuracy(
        definition=definition, lineage=card["lineage"], floor=float(card.get("error_floor", 0.0)),
        share=float(card.get("error_share", 0.0)), arrivals=pair["coverage_arrivals"],
        departures=pair["coverage_departures"], because=card.get("error_because", ""),
    )  # fmt: skip


def reported(arrivals: Any, departures: Any, *, more_arrivals: Any = 0.0, more_departures: Any = 0.0) -> Array:
    """The balance that a register reports of true moves: each counts all but those who did not register.

    Parameters
    ----------
    arrivals, departures
        True moves.
    more_arrivals, more_departures
        1 / coverage − 1 of each.

    Examples
    --------
    >>> float(reported(100.0, 125.0, more_departures=0.25))
    0.0
    """
    coming = np.asarray(arrivals, dtype=float) / (1 + np.asarray(more_arrivals, dtype=float))
    going = np.asarray(departures, dtype=float) / (1 + np.asarray(more_departures, dtype=float))
    return np.asarray(coming - going)


def size(flow: Any, floor: float, share: float) -> Array:
    """Size of an error next to a flow of a given rate: sqrt(floor² + (share · flow)²).

    Examples
    --------
    >>> size([0.0, 30.0], 1.0, 0.1).round(3).tolist()
    [1.0, 3.162]
    """
    return np.asarray(np.sqrt(floor**2 + (share * np.asarray(flow, dtype=float)) ** 2))


def overlaps(start: tuple[int, int], end: tuple[int, int], years: Any) -> Array:
    """Share of each calendar year that lies in [start, end), both given as (year, month).

    Examples
    --------
    >>> overlaps((2000, 7), (2005, 7), range(1999, 2007)).tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0]
    """
    first, last = start[0] * 12 + start[1] - 1, end[0] * 12 + end[1] - 1
    at = np.asarray(list(years)) * 12
    return np.asarray(np.clip(np.minimum(last, at + 12) - np.maximum(first, at), 0, 12) / 12)


def half_width(level: float) -> float:
    """Half of the central interval of a normal distribution that holds so much of it, in standard deviations.

    Examples
    --------
    >>> round(half_width(0.8), 3), round(half_width(0.95), 3)
    (1.282, 1.96)
    """
    return NormalDist().inv_cdf((1 + level) / 2)
