"""Policies and shocks as dated events: what, where, towards whom, when, and who says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import polars as pl

from keruen.errors import VocabularyError
from keruen.labour_rules import cards
from keruen.places import place as one_place
from keruen.provenance import day
from keruen.snapshot import covariates
from keruen.store import event_claims


def kinds() -> tuple[str, ...]:
    """Kinds of events, from ``data/labour.toml``.

    Examples
    --------
    >>> "amnesty" in kinds()
    True
    """
    return tuple(sorted({c["kind"] for c in cards()["event_kind"]}))


def events(
    place: str | None = None, *, kind: str | None = None, as_of: str | date | None = None, measures: bool = True
) -> pl.DataFrame:
    """Policies and shocks as dated events: what, where, towards whom, when, who says so, and whether it was checked.

    Parameters
    ----------
    place
        Where they apply, or whom they are aimed at. None: everywhere.
    kind
        amnesty, permit regime, quota, entry ban, patent, exam, union accession, ethnic return programme, currency
        shock, war … None: all kinds.
    as_of
        Only events known on that day.
    measures
        Only what somebody did or what happened to all; False also gives flows and stocks that the timeline tells.

    Returns
    -------
    kind, place, counterpart (codes separated by blanks), start, end (half-open), precision, description,
    expected_effect, source, verified (``read``, ``unverified``, ``statement on trial``), parameter (the named effect in
    :func:`keruen.labour`), overlaps (other events of the kind at the time), known,
    id (which :func:`keruen.trace` knows).

    Raises
    ------
    VocabularyError
        If no event is of that kind.

    Examples
    --------
    >>> amnesties = events("KAZ", kind="amnesty")
    >>> amnesties["start"].min().isoformat()
    '2006-08-01'
    """
    table = covariates("events").with_columns(event_claims()["id"])
    code = None if place is None else one_place(place).code
    if code is not None:
        table = table.filter(pl.col("places").list.contains(code) | pl.col("counterparts").list.contains(code))
    if as_of is not None:
        table = table.filter(pl.col("known") <= (day(as_of, last=True) if isinstance(as_of, str) else as_of))
    rows = []
    for r in table.iter_rows(named=True):
        fine = next(
            (
                c["kind"]
                for c in cards()["event_kind"]
                if r["kind"] in c["told"] and re.search(c["pattern"], r["description"])
            ),
            None,
        )
        if fine is None and measures:
            continue
        rows.append({
            "kind": fine or r["kind"], "place": " ".join(r["places"]), "counterpart": " ".join(r["counterparts"]),
            "start": r["date_start"], "end": r["date_end"], "precision": r["precision"],
            "description": r["description"],
            "expected_effect": r["expected_effect"], "source": r["source"],
            "verified": {"R": "read", "K": "unverified", "S": "statement on trial"}.get(r["verified"], r["verified"]),
            "parameter": _parameter(r["description"], r["places"], r["date_start"]), "known": r["known"],
            "id": r["id"],
        })  # fmt: skip
    for r in rows:
        r["overlaps"] = sum(
            o is not r
            and o["kind"] == r["kind"]
            and o["place"] == r["place"]
            and o["start"] < r["end"]
            and r["start"] < o["end"]
            for o in rows
        )
    schema = dict.fromkeys(
        (
            "kind",
            "place",
            "counterpart",
            "precision",
            "description",
            "expected_effect",
            "source",
            "verified",
            "parameter",
        ),
        pl.String(),
    )
    found = pl.DataFrame(rows, schema_overrides={**schema, "start": pl.Date(), "end": pl.Date(), "known": pl.Date()})
    if kind is not None:
        if kind not in kinds():
            raise VocabularyError(f"{kind!r} is not a kind of event. Known are: {', '.join(kinds())}.")
        found = found.filter(pl.col("kind") == kind) if len(found) else found
    return found.sort("start", "kind") if len(found) else found


def _parameter(description: str, places: Sequence[str], start: date) -> str:
    for card in cards()["regime"]:
        if card["place"] in places and description.startswith(card["event"]) and start <= card["start"]:
            first = "reached" if card["kind"] == "amnesty" else "regularisation"
            return f"{card['name']}.{first}"
    return ""
