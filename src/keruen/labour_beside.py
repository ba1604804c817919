"""What every other estimator makes of the figures that tie the account of labour migrants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from keruen.estimators.amnesty import amnesty
from keruen.estimators.hidden import Hidden
from keruen.estimators.residual import residual
from keruen.labour_anchors import middle, person

TAKE_UP, ELIGIBLE = (2.0, 2.0), (8.0, 2.0)
"""Beta priors of an amnesty read alone: who of the eligible came forward, and who was eligible. Assumptions."""


def other_estimators(
    claims: pl.DataFrame, figures: Sequence[dict[str, Any]], present: pl.DataFrame, seed: int
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, str], ...]]:
    """What each estimator of its own makes of the same evidence: bounds, side by side with the posterior.

    `present` are claims of the same day that tell foreign citizens by their stay.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    whole = [r for r in claims.to_dicts() if r["group"] == "all" and person(r) == ("all", "all")]
    every = whole + list(figures)

    def add(name: str, of: str, year: int, found: Hidden, ids: Sequence[str]) -> None:
        rows.append({
            "name": name, "of": of, "year": year, "low": found.low95, "value": found.value, "high": found.high95,
            "bound": found.bound, "assumptions": list(found.assumptions), "warnings": list(found.warnings),
            "ids": list(ids),
        })  # fmt: skip

    for r in every:
        if r["measure"] == "regularised" and r["value"] and r.get("definition") == "amnesty":
            for prior in ("1/U", "flat"):
                made = amnesty(r["value"], take_up=TAKE_UP, eligible=ELIGIBLE, prior=prior, draws=20_000, rng=rng)
                add(f"amnesty as a reveal, {prior} prior", "unregistered", r["start"].year, made, [r["id"]])
            guesses = [q for q in every if q["stream"] == "labour_unregistered" and q["measure"] == "labour_migrants"
                       and q["value"] and q["start"].year == r["start"].year]  # fmt: skip
            for q in guesses[:1]:
                source = f"the estimate of {q['value']:,.0f} of the same year, so it is no check of that estimate"
                made = amnesty(r["value"], take_up=(5, 4), derived_from=source, draws=20_000, rng=rng)
                add(
                    "amnesty as a reveal, take-up made to fit an estimate",
                    "unregistered",
                    r["start"].year,
                    made,
                    [r["id"], q["id"]],
                )
    persons: dict[int, Hidden] = {}
    for r in every:
        if r["measure"] in ("household_permits_issued", "patents_issued") and r["value"] and r["counterpart"] is None:
            length = (r["end"] - r["start"]).days / 365.25
            if length < 0.45 or r["start"].year in persons:
                continue
            samples = r["value"] / length / np.exp(np.log(2.0) + 0.4 * rng.standard_normal(20_000))
            low, high = np.quantile(samples, [0.025, 0.975])
            made = Hidden(
                "permits per person-year", float(np.median(samples)), float(low), float(high), samples, bound="lower",
                interval="prior of permits per person-year",
                assumptions=("two permits a person-year, within a factor 2.2 either way: an assumption",
                             "who holds a permit works, and nobody holds two at once"),
            )  # fmt: skip
            persons[r["start"].year] = made
            add("permits divided by permits per person-year", "registered", r["start"].year, made, [r["id"]])
    for r in present.to_dicts():
        if r["measure"] != "foreign_citizens" or r["group"] != "stay=temporary" or r["value"] is None:
            continue
        if r["counterpart"] is not None or person(r) != ("all", "all"):
            continue
        permits = persons.get(r["start"].year)
        if permits is not None and r["value"] > permits.value:
            made = residual(
                r["value"], permits.value, spread_registered=(permits.low95, permits.high95), draws=20_000, rng=rng
            )
            add("residual: temporarily staying less permit holders", "unregistered", r["start"].year, made, [r["id"]])
    for r in every:
        if (
            r["measure"] == "labour_migrants"
            and r["stream"] == "labour"
            and (r["counterpart"] is None or str(r["counterpart"])[0] == "_")
        ):
            value, _ = middle(r)
            rows.append({
                "name": "published estimate" + (" (on trial)" if r.get("tested") else ""),
                "of": "total" if r["counterpart"] is None else f"total of {r['counterpart']}", "year": r["start"].year,
                "low": r["low"], "value": value, "high": r["high"], "bound": "estimate",
                "assumptions": ["as printed; nobody says how it was made"], "warnings": [], "ids": [r["id"]],
            })  # fmt: skip
    rows.sort(key=lambda r: (r["year"], r["name"]))
    return tuple(rows), (
        {
            "name": "repeat counts (ZTP, Chao, Zelterman)",
            "needs": "how often each person was apprehended: times, people",
        },
        {
            "name": "power law (Zhang)",
            "needs": "by origin: residents, those met by police, irregular persons apprehended",
        },
        {"name": "multiplier", "needs": "the registered share among labour migrants, from a survey with its error"},
        {"name": "capture-recapture", "needs": "two or three lists of persons, linked"},
    )
