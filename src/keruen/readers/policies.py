"""Events, memberships and visas: what states did, beside the claims."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from keruen.errors import UnreadableSource
from keruen.places import places
from keruen.provenance import day, precision, release
from keruen.readers import press
from keruen.readers.common import columns, table

GROUPS = {"CA": "_CENTRAL_ASIA", "CIS": "_CIS", "WLD": "_WORLD"}
"""Groups of places in the timeline; EAEU stands for its members of the day."""

MADE_OF = {"H": ("half-year", 6), "Q": ("quarter", 3)}

EVENT: dict[str, pl.DataType | type[pl.DataType]] = {
    "date_start": pl.Date, "date_end": pl.Date, "precision": pl.String, "places": pl.List(pl.String),
    "counterparts": pl.List(pl.String), "kind": pl.String, "description": pl.String, "expected_effect": pl.String,
    "source": pl.String, "verified": pl.String, "known": pl.Date, "release": pl.String,
}  # fmt: skip


def covariates(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Tables of events, of memberships and of visa requirements."""
    members = memberships(folder)
    yield "memberships", members
    yield "events", events(folder, members)
    yield "visas", visas(folder)


def span(text: str) -> tuple[date, date, str]:
    """First day, day after the last, and precision of a date as the timeline writes it.

    Examples
    --------
    >>> span("1998-Q1")
    (datetime.date(1998, 1, 1), datetime.date(1998, 4, 1), 'quarter')
    >>> span("2006-08/2006-12-31")
    (datetime.date(2006, 8, 1), datetime.date(2007, 1, 1), 'month')
    """
    first, _, last = text.partition("/")
    if last:
        (start, _, told), (_, end, told_too) = span(first), span(last)
        coarse = ("year", "half-year", "quarter", "month", "day")
        return start, end, min(told, told_too, key=coarse.index)
    part = re.fullmatch(r"(\d{4})-([HQ])([1-4])", text)
    if part:
        name, months = MADE_OF[part[2]]
        final = int(part[3]) * months
        if final > 12:
            raise UnreadableSource(f"{text!r} is no {name}; the date of an event is like 1998-Q1 or 2017-H1.")
        after = date(int(part[1]), final, calendar.monthrange(int(part[1]), final)[1]) + timedelta(days=1)
        return date(int(part[1]), final - months + 1, 1), after, name
    return day(text), day(text, last=True) + timedelta(days=1), precision(text)


def members_on(members: pl.DataFrame, arrangement: str, on: date) -> list[str]:
    """Places that had joined an arrangement by a day."""
    joined = members.filter(arrangement=arrangement, event="member").filter(pl.col("date") <= on)
    return sorted(joined["place"].unique().to_list())


def codes(text: str | None, members: pl.DataFrame, on: date, beside: list[str]) -> list[str]:
    """Place codes of a cell such as ``UZB;TJK`` or ``EAEU``; members do not stand beside themselves."""
    found: list[str] = []
    for word in (text or "").split(";"):
        if word == "EAEU":
            found += [code for code in members_on(members, "EAEU", on) if code not in beside]
        elif word:
            found.append(GROUPS.get(word, word))
    strange = [code for code in found if code not in places()]
    if strange:
        raise UnreadableSource(f"{', '.join(strange)} in {text!r} is not a place code of places.csv.")
    return found


def known_from(after: date, text: str) -> date:
    """The day from which an event may be shown: its last, or that of the newest UN edition it tells a figure of."""
    editions = [release(f"un-wpp-{year}").released for year in re.findall(r"(?i)wpp ?(\d{4})", text)]
    return max([after - timedelta(days=1), *editions])


def events(folder: Path, members: pl.DataFrame) -> pl.DataFrame:
    """The timeline of events, and the events among the facts of pages.

    ``verified`` is R where the source was read, K for own knowledge that nobody checked, S for a statement of the
    article that the first audit tests.
    """
    raw = table(folder, "events_timeline.csv", date=pl.String)
    checked = "verification(R=read,K=own knowledge unverified,S=seed)"
    columns(raw, "date", "country", "counterpart", "kind", "description", "expected_effect", "source", checked)
    rows = []
    for told in raw.iter_rows(named=True):
        start, end, exact = span(told["date"])
        where = codes(told["country"], members, start, [])
        source = (told["source"] or "").replace("seed article", "Eurasianet, 3 May 2018")
        other = codes(told["counterpart"], members, start, where)
        known = known_from(end, f"{told['description']} {source}")
        rows.append(
            (start, end, exact, where, other, told["kind"], told["description"], told["expected_effect"], source,
             told[checked], known, "keruen-events")
        )  # fmt: skip
    for told in press.events(folder).iter_rows(named=True):
        start = told["period_start"]
        rows.append(
            (start, start + timedelta(days=1), "day", codes(told["country"], members, start, []), [], "policy",
             told["definition"], None, told["source_title"], "R", told["known"], told["release"])
        )  # fmt: skip
    return pl.DataFrame(rows, schema=EVENT, orient="row").sort("date_start", "date_end", "description")


def memberships(folder: Path) -> pl.DataFrame:
    """Who signed, ratified, joined or left which arrangement; ``date`` is the first day of what ``precision`` tells."""
    raw = table(folder, "memberships_visa_regimes.csv", date=pl.String)
    columns(raw, "iso3", "arrangement", "event", "date", "note", "source", "source_url")
    dates = raw["date"].to_list()
    return raw.select(
        pl.col("iso3").alias("place"),
        "arrangement",
        "event",
        pl.Series("date", [day(text) for text in dates], dtype=pl.Date),
        pl.Series("precision", [precision(text) for text in dates], dtype=pl.String),
        pl.col("note").cast(pl.String),
        "source",
        pl.col("source_url").alias("url"),
        pl.lit("post-soviet-memberships").alias("release"),
    )


def visas(folder: Path) -> pl.DataFrame:
    """What citizens of `counterpart` need to enter `place`; ``days`` where the stay without visa is told in days."""
    raw = table(folder, "visa_requirements_2025.csv.gz", requirement=pl.String)
    columns(raw, "origin", "destination", "snapshot", "requirement")
    days = pl.col("requirement").cast(pl.Int64, strict=False)
    return raw.select(
        pl.col("destination").alias("place"),
        pl.col("origin").alias("counterpart"),
        pl.when(days.is_not_null()).then(pl.lit("visa free")).otherwise("requirement").alias("requirement"),
        days.alias("days"),
        pl.col("snapshot").str.to_date("%Y-%m-%d").alias("date"),
        pl.lit("passport-index-2025").alias("release"),
    )
