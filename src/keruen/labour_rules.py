"""Which rules of status a place had, and which figures only its timeline tells: ``data/labour.toml``.

No place is named in the code.
"""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from keruen.labour_design import Regime
from keruen.places import place as one_place
from keruen.store import event_claims


@cache
def cards() -> dict[str, list[dict[str, Any]]]:
    """Rules of status, figures told by events, stated errors, kinds of events: ``data/labour.toml``."""
    return dict(tomllib.loads(files("keruen").joinpath("data/labour.toml").read_text("utf-8")))


def regimes(place: str, as_of: date | None = None) -> tuple[Regime, ...]:
    """The rules of status of a place, as data/labour.toml dates them, known on a day.

    Examples
    --------
    >>> [r.name for r in regimes("KAZ")]
    ['amnesty_2006', 'household_permits_2014']
    """
    return tuple(
        Regime(r["name"], r["kind"], r["start"], r.get("end"), r.get("valid_years", 0))
        for r in cards()["regime"]
        if r["place"] == place and (as_of is None or (r.get("end") or r["start"]) <= as_of)
    )


def told_figures(place: str, as_of: date | None) -> list[dict[str, Any]]:
    """Figures that only the timeline tells, in the shape of claims, each under the id of its event."""
    return [
        {
            "counterpart": None, "value": None, "low": None, "high": None, "group": "all", "sd": None, "tested": False,
            "definition": None, **f, "id": _event(f["event"]), "release": "keruen-events", "told": f["source"],
        }
        for f in cards()["figure"]
        if f["place"] == place and "repeats" not in f and (as_of is None or f["known"] <= as_of)
    ]  # fmt: skip


@cache
def _event(description: str) -> str:
    """The id of the event that a figure is read from."""
    found: str = event_claims().filter(pl.col("text").str.contains(description, literal=True))["id"][0]
    return found


def named_effects(place: str) -> tuple[str, ...]:
    """Names of the parameters by which rules of status enter :func:`keruen.labour` for a place.

    Examples
    --------
    >>> named_effects("KAZ")[0]
    'amnesty_2006.reached'
    """
    return tuple(
        f"{r.name}.{'reached' if r.kind == 'amnesty' else 'regularisation'}" for r in regimes(one_place(place).code)
    )
