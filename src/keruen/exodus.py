"""How many left a place over a span of years, source by source."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import polars as pl

from keruen.comparable import DEFINITIONS_OF_VARIANTS
from keruen.errors import NoEvidence
from keruen.places import place as one_place
from keruen.store import cards, evidence

COUNTED = {
    "register": "national register", "administrative": "national register", "census": "census", "survey": "survey",
    "press": "press",
}  # fmt: skip
"""What each status of a place's own figures is called; whoever else estimates is named."""


def exodus(place: str, first: int = 1991, last: int = 2004, *, as_of: str | date | None = None) -> pl.DataFrame:
    """How many left over a span of years, source by source, and as a part of the population of its first year.

    The national register's departures and balance, partner countries' arrivals, the UN's net by edition, other
    publishers' estimates: contradictions are shown, nothing is chosen. The base is the mid-year population that the
    same edition tells; where it tells none, that of the edition released last.

    Returns
    -------
    what, source, definition, years (told of the span), missing (years), value (the sum of the years told), unit,
    share_percent (of the base), base (persons), base_source, base_day, note (which years are summed, where some are
    missing), derived_from (number of claims).

    Raises
    ------
    NoEvidence
        If nobody tells the population, or anything of the span.

    Examples
    --------
    >>> table = exodus("KAZ")
    >>> float(table.filter(what="departures, national register")["value"].max()) > 2e6
    True
    """
    code = one_place(place).code
    bases = _bases(code, first, as_of)
    if not bases:
        raise NoEvidence(f"Nobody tells the population of {code} in {first}: a share has no base. Add a figure of it.")
    span: dict[str, Any] = {"since": date(first, 1, 1), "until": date(last, 12, 31), "as_of": as_of, "sex": "all"}
    own = evidence(code, ["emigration", "net_migration"], **span).filter(pl.col("counterpart").is_null())
    mirror = evidence(None, "immigration", counterpart=code, **span)
    told = [(words, table) for words, table in (("departures", own.filter(measure="emigration")),
                                                ("net migration", own.filter(measure="net_migration")))]  # fmt: skip
    told += [(f"arrivals from it, counted by {p}", mirror.filter(place=p)) for p in sorted(set(mirror["place"]))]
    rows = []
    for what, table in told:
        yearly = table.filter(
            (pl.col("start").dt.month() == 1) & (pl.col("start").dt.day() == 1)
            & (pl.col("end") == pl.col("start").dt.offset_by("1y"))
            & pl.col("start").dt.year().is_between(first, last) & pl.col("value").is_not_null()
            & (pl.col("status") != "projection") & ~pl.col("definition").is_in(DEFINITIONS_OF_VARIANTS)
            & (pl.col("age") == "all") & (pl.col("group") == "all") & (pl.col("stream") == "all")
        )  # fmt: skip
        for (release, basis, definition), part in yearly.group_by(
            ["release", "basis", "definition"], maintain_order=True
        ):
            once = part.sort("known", maintain_order=True).unique("start", keep="last", maintain_order=True)
            n, value, base = len(once), float(once["value"].sum()), _base_of(str(release), bases)
            mirrored = "counted by" in what
            rows.append({
                "what": what if mirrored else f"{what}, {_teller(once)}",
                "source": str(release) + (f" by {basis}" if basis and mirrored else ""), "definition": definition,
                "years": n, "missing": last - first + 1 - n, "value": value, "unit": "persons",
                "share_percent": 100 * value / base["value"], "base": base["value"], "base_source": base["release"],
                "base_day": base["start"], "note": _lacking(once["start"].dt.year().to_list(), first, last),
                "derived_from": n,
            })  # fmt: skip
    if not rows:
        raise NoEvidence(f"Nobody tells who left {code} in {first}-{last}, year by year.")
    return pl.DataFrame(rows).sort("what", "missing", "source", "definition")


def _teller(rows: pl.DataFrame) -> str:
    """Who tells a series of a place: an office of its own, the press, the UN, or another publisher by name."""
    release = rows["release"][0]
    repeated = [str(c or "").startswith("un-wpp") for c in rows["copy_of"]]
    # A running series that repeats the UN is the UN, whoever prints it.
    if release.startswith("un-wpp") or all(repeated):
        return "UN"
    kinds = {COUNTED.get(s, "") for s in rows["status"]}
    if len(kinds) == 1 and (kind := kinds.pop()):
        return kind
    card = cards().get(release)
    return card.publisher or card.title if card else str(release)


def _bases(code: str, year: int, as_of: str | date | None) -> list[dict[str, Any]]:
    """The population of a year by edition, the one released last first; of an edition the day nearest to mid-year."""
    known = cards()
    rows = evidence(
        code, "population", stream="all", sex="all", since=date(year, 1, 1), until=date(year, 12, 31), as_of=as_of
    ).filter(
        (pl.col("age") == "all") & (pl.col("group") == "all") & pl.col("value").is_not_null() & (pl.col("value") > 0)
        & pl.col("counterpart").is_null() & ~pl.col("definition").is_in(DEFINITIONS_OF_VARIANTS)
    )  # fmt: skip
    by: dict[str, dict[str, Any]] = {}
    for row in rows.sort("known", "id").iter_rows(named=True):
        before = by.get(row["release"])
        if before is None or _from_middle(row, year) <= _from_middle(before, year):
            by[row["release"]] = row
    released = {k: known[k].released if k in known else row["known"] for k, row in by.items()}
    return sorted(by.values(), key=lambda r: (released[r["release"]], r["release"]), reverse=True)


def _from_middle(row: dict[str, Any], year: int) -> int:
    return abs(int((row["start"] - date(year, 7, 1)).days))


def _base_of(release: str, bases: list[dict[str, Any]]) -> dict[str, Any]:
    """The population that goes with a release: its own, the same edition's as another prints it, else the newest."""
    same = [b for b in bases if b["release"] == release] or [b for b in bases if b["copy_of"] == release]
    return (same or bases)[0]


def _lacking(told: Iterable[int], first: int, last: int) -> str:
    """Which years are summed, where some of the span are missing."""
    years = sorted(told)
    if len(years) == last - first + 1:
        return ""
    runs: list[list[int]] = []
    for y in years:
        if runs and y == runs[-1][-1] + 1:
            runs[-1].append(y)
        else:
            runs.append([y])
    spelt = ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)
    return f"not the whole span: {spelt} alone"
