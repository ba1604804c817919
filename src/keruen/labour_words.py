"""The posterior of labour migrants as plain values and in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keruen.labour import Labour, by_year, probability, rounded
from keruen.labour_influence import ASSUMPTION


def told(found: Labour, thresholds: Sequence[tuple[int, float]] = ()) -> dict[str, Any]:
    """Everything about a posterior as plain values; thresholds (year, persons) are those of statements on trial too."""
    asked = list(dict.fromkeys([*thresholds, *((a.years[0][0], a.value) for a in found.statements)]))
    without: dict[str, dict[str, float]] = {}
    believing: dict[str, dict[str, float]] = {}
    for year, number in asked:
        without.setdefault(str(year), {})[f"{number:.0f}"] = probability(found, year, number)[0]
        if found.statements:
            believing.setdefault(str(year), {})[f"{number:.0f}"] = probability(
                found, year, number, with_statements=True
            )[0]
    d = found.diagnosis
    moved = [a for a in found.anchors if not a["tested"] and (a.get("influence") or {}).get("change") is not None]
    top = max(moved, key=lambda a: abs(a["influence"]["change"]), default=None)
    return {
        **by_year(found),
        "p_total_at_least": without,
        "p_total_at_least_with_statement": believing,
        "statements_on_trial": [{"key": a.key, "value": a.value, "source": a.source} for a in found.statements],
        "most_influential_anchor": None if top is None else {"key": top["key"], **top["influence"]},
        "unregistered_seen": found.unregistered_seen,
        "parameters": list(found.parameters),
        "estimators": list(found.estimators),
        "not_supported": list(found.not_supported),
        "anchors": list(found.anchors),
        "unused": list(found.unused),
        "diagnostics": {
            "rhat": d.rhat, "ess_bulk": d.ess_bulk, "ess_tail": d.ess_tail, "worst": list(d.worst), "chains": d.chains,
            "draws": d.draws, "people_created_or_lost": found.conserved,
        },
        "sources": list(found.sources),
    }  # fmt: skip


def sentences(found: Labour, thresholds: Sequence[tuple[int, float]] = ()) -> list[str]:
    """The answer in sentences: the last statement's year, its probability, what moved it, what is assumed."""
    plain = told(found, thresholds)
    years = plain["years"]
    asked = found.statements[0].years[0][0] if found.statements else years[-1]
    year = asked if asked in years else years[-1]
    i = years.index(year)
    total, ratio = plain["total"], plain["ratio"]
    where = f"Labour migrants in {found.place}{f' from {found.counterpart}' if found.counterpart else ''} in {year}"
    where += ": " if found.as_of is None else f", as of {found.as_of}: "
    registered, unregistered = plain["registered"], plain["unregistered"]
    if found.unregistered_seen:
        line = (
            f"{where}{rounded(total['median'][i])} (80% between {rounded(total['low80'][i])} and "
            f"{rounded(total['high80'][i])}), of whom {rounded(unregistered['median'][i])} unregistered: "
            f"{ratio['median'][i]:.1f} for each registered ({ratio['low80'][i]:.1f} to {ratio['high80'][i]:.1f})."
        )
    else:
        line = (
            f"{where}{rounded(registered['median'][i])} registered (80% between {rounded(registered['low80'][i])} and "
            f"{rounded(registered['high80'][i])}). No figure at hand counts the unregistered: their number, the total "
            "and the ratio come from the prior alone and are no finding."
        )
    lines = [line]
    for y, numbers in plain["p_total_at_least"].items():
        for number, p in numbers.items():
            line = f"P(at least {float(number):,.0f} in {y}) = {p:.1%}"
            if found.statements:
                believing = plain["p_total_at_least_with_statement"][y][number]
                line += f" without the statement on trial, {believing:.1%} with it"
            lines.append(line + ".")
    top = plain["most_influential_anchor"]
    if top is not None:
        change = f"{top['change']:+.0%}"
        lines.append(f"Without {top['key']} the total of {top['year']} changes by {change}: no other moves it more.")
    assumed = [p["name"] for p in found.parameters if p["note"]]
    if assumed:
        lines.append(f"{ASSUMPTION.capitalize()}: {', '.join(assumed)}.")
    d = found.diagnosis
    lines.append(
        f"R-hat {d.rhat:.3f}, effective draws {d.ess_bulk:,.0f} (bulk) and {d.ess_tail:,.0f} (tails), "
        f"{len(found.anchors)} anchor{'s' if len(found.anchors) != 1 else ''}."
    )
    return lines
