"""The test of the timeline: does it hold such an event?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from keruen import store
from keruen.events import events
from keruen.places import system as members_of
from keruen.witnesses import UNDETERMINED, Day, Finding, Side, found
from keruen.wording import Parts, Said, span, told_day


def event_exists(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Does the timeline hold such an event? That it holds none shows nothing."""
    table = events(None, kind=args["event"], as_of=day.as_of)
    start, end = args["start"], args["end"]
    rows = []
    for r in table.to_dicts():
        here = set(r["place"].split()) | set(r["counterpart"].split())
        wanted = set(args.get("place", ())) | set(args.get("counterpart", ()))
        fits = wanted <= here | _inside(here)
        said = not args.get("words") or re.search(args["words"], r["description"], re.IGNORECASE)
        if (
            fits
            and said
            and r["start"] < end
            and start < r["end"]
            and r["verified"] != "statement on trial"
            and r["id"] not in hidden
        ):
            rows.append(r)
    releases = dict(store.event_claims().select("id", "release").iter_rows())
    sides = []
    for r in rows:
        checked = r["verified"] == "read"
        says: Parts = [
            Said(_day_or_span(r["start"], r["end"])), ": ", Said(r["description"], "note", releases[r["id"]]), " (",
            Said(r["source"] or "no source told", "note"),
            ")" if checked else "; own knowledge that nobody checked)", ".",
        ]  # fmt: skip
        sides.append(
            Side(
                name=f"the timeline of events ({r['kind']})", lineage="timeline", holds=True if checked else None,
                value=None, unit="", says=says, ids=(r["id"],), releases=(str(releases[r["id"]]),), known=r["known"],
                lag=False,
            )
        )  # fmt: skip
    lacking = (
        ""
        if sides
        else f"The timeline holds no such event ({args['event']}, {span(start, end)}) that was known by then."
    )
    if sides and not any(s.holds for s in sides):
        return replace(
            found(sides), verdict=UNDETERMINED, lacking="The timeline holds it only as knowledge that nobody checked."
        )
    return found(sides, lacking=lacking)


def _day_or_span(start: date, end: date) -> str:
    return told_day(start) if (end - start).days <= 1 else span(start, end)


def _inside(codes: set[str]) -> set[str]:
    """Members of the groups of places among some codes."""
    groups = {"_CENTRAL_ASIA": "central-asia", "_CIS": "post-soviet"}
    return {p.code for g in codes & set(groups) for p in members_of(groups[g])}
