"""How many left a place over a span of years, source by source."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from keruen.errors import NoEvidence
from keruen.places import place as one_place
from keruen.store import evidence


def exodus(place: str, first: int = 1991, last: int = 2004, *, as_of: str | date | None = None) -> pl.DataFrame:
    """How many left over a span of years, source by source, and as a part of the population at its start.

    The national register's departures and balance, partner countries' arrivals, the UN's net by edition: contradictions
    are shown, nothing is chosen.

    Returns
    -------
    what, source, years (told of the span), missing (years), value (persons), share (percent of the population at the
    start), derived_from (number of claims).

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
    people = evidence(code, "population", since=date(first, 1, 1), until=date(first, 12, 31), as_of=as_of)
    people = people.filter((pl.col("sex") == "all") & (pl.col("age") == "all"))
    if not len(people):
        raise NoEvidence(f"Nobody tells the population of {code} in {first}: a share has no base. Add a figure of it.")
    base = float(people.sort("known")["value"][-1])
    span: dict[str, Any] = {"since": date(first, 1, 1), "until": date(last, 12, 31), "as_of": as_of}
    own = evidence(code, ["emigration", "immigration", "net_migration"], **span)
    mirror = evidence(None, "immigration", counterpart=code, **span).filter(pl.col("stream") == "all")
    whole = pl.col("counterpart").is_null() & (pl.col("group") == "all") & (pl.col("stream") == "all")
    # A running series that repeats the UN is the UN, whoever prints it.
    by_un = pl.col("release").str.starts_with("un-wpp") | pl.col("copy_of").fill_null("").str.starts_with("un-wpp")
    net = pl.col("measure") == "net_migration"
    told = [
        ("departures, national register", own.filter(whole & (pl.col("measure") == "emigration"))),
        ("net migration, national register", own.filter(whole & net & ~by_un)),
        ("net migration, UN", own.filter(whole & net & by_un & (pl.col("status") != "projection"))),
    ]
    told += [(f"arrivals from it, counted by {p}", mirror.filter(place=p)) for p in sorted(set(mirror["place"]))]
    rows = []
    for what, table in told:
        yearly = table.filter(
            (pl.col("start").dt.month() == 1) & (pl.col("start").dt.day() == 1)
            & (pl.col("end") == pl.col("start").dt.offset_by("1y"))
            & pl.col("start").dt.year().is_between(first, last) & pl.col("value").is_not_null()
            & (pl.col("sex") == "all") & (pl.col("age") == "all") & (pl.col("group") == "all")
        )  # fmt: skip
        for (release, basis), part in yearly.group_by(["release", "basis"], maintain_order=True):
            once = part.sort("known").unique("start", keep="last")
            n = len(once)
            rows.append({
                "what": what, "source": str(release) + (f" by {basis}" if basis and "counted by" in what else ""),
                "years": n,
                "missing": last - first + 1 - n, "value": float(once["value"].sum()),
                "share": 100 * float(once["value"].sum()) / base, "derived_from": n,
            })  # fmt: skip
    if not rows:
        raise NoEvidence(f"Nobody tells who left {code} in {first}-{last}, year by year.")
    return pl.DataFrame(rows).sort("what", "missing", "source").with_columns(population=pl.lit(base))
