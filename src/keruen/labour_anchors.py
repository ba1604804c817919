"""Which figures tie the account of labour migrants, with which error, and why others do not.

docs/labour.md has every decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from keruen.labour_design import Anchor, Regime
from keruen.labour_rules import cards
from keruen.places import system
from keruen.store import evidence

STREAMS = ("labour", "labour_registered", "labour_unregistered")


def gather(
    place: str, *, counterpart: str | None = None, as_of: date | None = None, strict: bool = False
) -> pl.DataFrame:
    """The claims that :func:`labour` asks for: of the place, and of origins about their own people in it."""
    there = evidence(place, stream=STREAMS, as_of=as_of, strict=strict)
    abroad = evidence(None, "labour_migrants_abroad", counterpart=place, as_of=as_of, strict=strict)
    # An origin speaks of its own people: turned round, so that every row is about the place.
    abroad = abroad.with_columns(counterpart=pl.col("place"), place=pl.lit(place))
    return pl.concat([there, abroad], how="vertical_relaxed")


def anchors(
    claims: pl.DataFrame,
    *,
    place: str,
    counterpart: str | None = None,
    rules: Sequence[Regime] = (),
    figures: Sequence[dict[str, Any]] = (),
) -> tuple[list[Anchor], list[dict[str, Any]]]:
    """Figures as the model sees them, and those that it does not see, with the reason.

    Parameters
    ----------
    claims
        Claims about the place, of the streams of labour; the columns of a claim with ``id``.
    counterpart
        An origin: figures about it alone, shares times totals included. None: all origins together.
    rules
        Rules of status that permits and amnesties belong to.
    figures
        Further rows in the shape of claims.

    Returns
    -------
    Anchors, and unused figures (measure, why, ids).
    """
    rows = claims.to_dicts() + list(figures)
    errors = {(e["measure"], e["stream"], e["definition"]): e for e in cards()["error"]}
    loose = {(e["measure"], e["stream"]): e for e in cards()["error"]}
    permit = [r for r in rules if r.kind == "permit"]
    since = min((r.start for r in permit), default=date.max)
    holders: dict[int, list[tuple[float, dict[str, Any]]]] = {}
    found: dict[tuple[Any, ...], Anchor] = {}
    left: dict[tuple[str, str], list[str]] = {}

    def leave(row: dict[str, Any], why: str) -> None:
        left.setdefault((row["measure"], why), []).append(row["id"])

    rows = _from_shares(rows, counterpart, place) if counterpart else rows
    whole = {_cell(r) for r in rows if r["counterpart"] is None and r["value"] is not None}
    for row in rows:
        card = errors.get((row["measure"], row["stream"], row["definition"])) or (
            loose.get((row["measure"], row["stream"])) if row["definition"] is None else None
        )
        if row.get("copy_of"):
            leave(row, "a copy of another release is no second witness")
        elif card is None:
            leave(row, _why_not(row["measure"]))
        elif card["of"] in ("permits", "regularised") and _inside_another(row, rows):
            leave(row, "a part of the span that a longer figure tells: not a second witness")
        elif card["of"] == "permits" and (row["end"] - row["start"]).days < 85:
            leave(row, "less than a quarter of a year: permits have their seasons")
        elif row.get("group", "all") != "all":
            leave(row, "a part told by region, sector or another trait")
        elif person(row) != ("all", "all"):
            leave(row, "a part told by sex or age")
        elif row["value"] is None and row["low"] is None and row["high"] is None:
            leave(row, "no number")
        elif str(row["counterpart"]).startswith("_") and _cell(row) in whole:
            leave(row, "a group of origins beside the whole of the same days: a part, not a second witness")
        else:
            of = card["of"]
            end = (
                ""
                if row["counterpart"] is None or str(row["counterpart"]).startswith("_CIS")
                else str(row["counterpart"])
            )
            value, own_sd = middle(row)
            sd = float(row.get("sd") or own_sd or card["sd"])
            years = _years(row["start"], row["end"])
            single = bool(end) and not end.startswith("_")
            part = end.startswith("_") and not counterpart
            regime = ""
            if value <= 0:
                leave(row, "zero or less has no logarithm; a published zero is evidence of another kind")
                continue
            if counterpart is None and single:
                if of not in ("total", "part"):
                    leave(row, "one origin of several; ask with --counterpart")
                    continue
                of = "total_at_least"
            elif counterpart is not None and of == "part":
                of = "total"
            if part and of not in ("total", "share"):
                leave(row, "of a group of origins, in a measure that is not a total")
                continue
            if of == "holders":
                for year, _ in years[:1]:
                    holders.setdefault(year, []).append((value, row))
                continue
            if of == "permits":
                covering = [r for r in permit if r.start < row["end"]]
                if not covering:
                    leave(row, "permits without a regime: events without a duration say nothing of persons")
                    continue
                regime = covering[-1].name
                value /= max((row["end"] - row["start"]).days, 1) / 365.25
            if of == "regularised":
                hits = [
                    r for r in rules if r.kind == "amnesty" and r.end and row["start"] < r.end and r.start < row["end"]
                ]
                if not hits:
                    leave(row, "no amnesty with a duration covers it")
                    continue
                regime = hits[0].name
            key = (of, end, row["start"], row["end"], round(value, 6))
            if key in found:
                found[key] = replace(found[key], ids=(*found[key].ids, row["id"]))
                continue
            found[key] = Anchor(
                key=f"{row['measure']} {row['start']}" + (f" {end}" if end else ""), of=of, years=years, value=value,
                sd=sd,
                part=part and of == "total", expert=bool(card.get("expert")), regime=regime, tested=bool(row["tested"])
                if "tested" in row else False, because=card["because"], ids=(row["id"],), source=row.get("told") or "",
                start=row["start"], end=row["end"], low=row["low"], high=row["high"],
            )  # fmt: skip
    yearly = {year: float(np.mean([v for v, _ in told])) for year, told in sorted(holders.items())}
    for year, told in sorted(holders.items()):
        before = date(year, 12, 31) < since
        card = loose[("work_permit_holders", "labour_registered")]
        of = "registered" if before and not counterpart else "registered_at_least"
        found["holders", year] = Anchor(
            key=f"work_permit_holders {year}", of=of, years=((year, 1.0),), value=yearly[year],
            sd=float(card["sd"]) if before else 0.1, because=card["because"],
            ids=tuple(dict.fromkeys(r["id"] for _, r in told)),
            source="; ".join(dict.fromkeys(r["told"] for _, r in told if r.get("told"))),
            start=date(year, 1, 1), end=date(year + 1, 1, 1),
        )  # fmt: skip
    if yearly:
        known = np.array(sorted(yearly))
        for key, a in found.items():
            if a.of == "permits":
                beside = np.interp(a.years[0][0], known, [yearly[y] for y in known])
                found[key] = replace(a, beside=float(beside))
    if counterpart is None:
        found |= _share_of_part(rows, place, found)
    ordered = sorted(found.values(), key=lambda a: (a.start or date.min, a.key))
    return ordered, [
        {"measure": measure, "why": why, "ids": ids} for (measure, why), ids in sorted(left.items())
    ]  # fmt: skip


def _years(start: date, end: date) -> tuple[tuple[int, float], ...]:
    """Years that a period touches, by how much of it lies in each; a day counts for its year."""
    end = max(end, start + timedelta(days=1))
    found = []
    for year in range(start.year, (end - timedelta(days=1)).year + 1):
        inside = min(end, date(year + 1, 1, 1)) - max(start, date(year, 1, 1))
        found.append((year, inside.days / (end - start).days))
    return tuple(found)


def middle(row: dict[str, Any]) -> tuple[float, float | None]:
    """The figure itself, or the middle of its range with the error that makes the range 80%."""
    if row["value"] is not None:
        return float(row["value"]), row.get("sd")
    if row["low"] and row["high"]:
        spread = float(np.log(row["high"] / row["low"]) / (2 * special.ndtri(0.9)))
        return float(np.sqrt(row["low"] * row["high"])), spread
    return float(row["low"] or row["high"]), None


def _cell(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a figure of a group of origins shares with that of all origins."""
    return (*(row.get(c) for c in ("measure", "stream", "definition", "group", "start", "end")), person(row))


def person(row: dict[str, Any]) -> tuple[str, str]:
    """Of which sex and age a figure speaks; a figure of the timeline speaks of all."""
    return row.get("sex") or "all", row.get("age") or "all"


def _inside_another(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> bool:
    """Does a longer span of the same measure hold this one?"""
    same = ("measure", "stream", "counterpart")
    return any(
        all(r[c] == row[c] for c in same)
        and r.get("group", "all") == row.get("group", "all")
        and person(r) == person(row)
        and r["value"] is not None
        and r["start"] <= row["start"] and row["end"] <= r["end"]
        and (r["end"] - r["start"]) > (row["end"] - row["start"])
        for r in rows
    )  # fmt: skip


def _why_not(measure: str) -> str:
    return {
        "regularised_interim": "an interim count of the same campaign: not a second witness",
        "labour_quota": "a ceiling, not people",
        "labour_quota_share": "a ceiling, not people",
        "household_permit_quota": "a ceiling, not people",
        "household_permit_quota_share": "a ceiling, not people",
        "work_permits_issued": "employers' permits: their holders are counted on a day by the same register",
        "temporary_residence_permits": "residence of any purpose, not work alone",
        "labour_arrivals": "entries of one origin without their length of stay",
        "labour_migrants_share": "a share; used where a total of the same release is known",
        "regularised_share": "a share; used for one origin",
    }.get(measure, "no stated error for this measure and definition in data/labour.toml")


def _from_shares(rows: list[dict[str, Any]], origin: str, place: str) -> list[dict[str, Any]]:
    """Rows about one origin: its own, and totals times its published share."""
    totals = {
        (r["release"], r["start"], r["measure"]): r
        for r in rows
        if (r["counterpart"] is None or str(r["counterpart"]).startswith("_")) and r["value"] is not None
    }
    found = []
    for r in rows:
        if r["counterpart"] != origin:
            continue
        whole = {"labour_migrants_share": "labour_migrants", "regularised_share": "regularised"}.get(r["measure"])
        if whole is None:
            found.append(r)
            continue
        total = totals.get((r["release"], r["start"], whole))
        share = r["value"] if r["value"] is not None else r["low"]
        if total is not None and share:
            found.append({**total, "counterpart": origin, "value": total["value"] * share / 100,
                          "low": None, "high": None,
                          "id": f"{total['id']} × {r['id']}"})  # fmt: skip
    return found


def _share_of_part(
    rows: list[dict[str, Any]], place: str, found: dict[tuple[Any, ...], Anchor]
) -> dict[tuple[Any, ...], Anchor]:
    """The published share of the group that totals speak of, where shares by origin are told."""
    groups = {a.key.rsplit(" ", 1)[-1] for a in found.values() if a.part}
    if groups != {"_CENTRAL_ASIA"}:
        return {}
    members = {p.code for p in system("central-asia")} - {place}
    made: dict[tuple[Any, ...], Anchor] = {}
    told: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for r in rows:
        if r["measure"] == "labour_migrants_share" and r["counterpart"] in members and r["value"] is not None:
            told.setdefault((r["release"], r["start"]), []).append(r)
    for (release, start), parts in told.items():
        made["share", release, start] = Anchor(
            key=f"labour_migrants_share {start} _CENTRAL_ASIA", of="share", years=_years(start, parts[0]["end"]),
            value=min(sum(r["value"] for r in parts) / 100, 0.99), sd=0.4,
            because="sum of the origins told; its error is on the log-odds", ids=tuple(r["id"] for r in parts),
            start=start, end=parts[0]["end"],
        )  # fmt: skip
    return made
