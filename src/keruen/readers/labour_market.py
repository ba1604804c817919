"""Wages and construction: national offices, the International Labour Organization, and pages that quote them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.provenance import release
from keruen.readers.common import columns, table

OFFICES = {"KAZ": "bns-average-wage", "RUS": "rosstat-average-wage"}
PAGES = {
    "EEC via gs.by": "page-gs-by-wages",
    "EEC via etoday.kz": "page-etoday-wages",
    "EEC via newsland.com": "page-newsland-wages",
    "CIS Statistical Committee, quoted by a forum page": "page-bestknew-wages",
    "forum compilation of national offices": "page-bestknew-wages",
    "telegraf.by, national offices": "page-telegraf-wages",
    "meeting.lv after Goskomstat": "page-meeting-wages",
}
CURRENCY = {"ARM": "AMD", "BLR": "BYN", "KAZ": "KZT", "KGZ": "KGS", "RUS": "RUB"}
QUOTIENT = "national currency over the World Bank's official exchange rate, average of the year (PA.NUS.FCRF)"
SPANS = {
    "January-June 2023": (date(2023, 1, 1), date(2023, 7, 1)),
    "first quarter 2024 (preliminary)": (date(2024, 1, 1), date(2024, 4, 1)),
    "May 2008": (date(2008, 5, 1), date(2008, 6, 1)),
    "June 2010 (AZE first half 2010)": (date(2010, 6, 1), date(2010, 7, 1)),
    "January-June 2018 (KGZ January-May)": (date(2018, 1, 1), date(2018, 7, 1)),
    "2017, converted at end-2017 rates by the page author": (date(2017, 1, 1), date(2018, 1, 1)),
    "2005 average": (date(2005, 1, 1), date(2006, 1, 1)),
}
EXCEPT = {
    ("AZE", "June 2010 (AZE first half 2010)"): (date(2010, 1, 1), date(2010, 7, 1)),
    ("KGZ", "January-June 2018 (KGZ January-May)"): (date(2018, 1, 1), date(2018, 6, 1)),
}
FLAGS = {"weak source": "weak source", "quarter; year of the page read from context": "preliminary"}
EARNINGS = {
    "total": ("all", "all"),
    "male": ("male", "all"),
    "female": ("female", "all"),
    "other": ("all", "sex=other"),
}


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of all tables."""
    wages = table(folder, "wages_usd.csv")
    columns(wages, "country", "year", "value", "unit", "definition", "source_title", "source_url", "note")
    office = pl.col("source_title").str.contains("^(BNS Kazakhstan|Rosstat),")
    yield office_wages(wages.filter(office))
    yield page_wages(wages.filter(~office))
    yield earnings(folder)
    yield construction_works(folder)


def office_wages(wages: pl.DataFrame) -> pl.DataFrame:
    """Yearly average wages of two national offices, and the same in US dollars by the World Bank's rate.

    A quotient is known when the later of its two parts is: the rate follows twelve months after the year.
    """
    computed = pl.col("note") == "computed"
    # The note stands beside every row of the series; it speaks of the years before the denomination of 1998.
    denominated = (pl.col("country") == "RUS") & (pl.col("year") <= 1997)
    odd = wages.filter(computed.fill_null(False) != (pl.col("unit") == "USD per month"))
    if len(odd):
        raise UnreadableSource(
            f"wages_usd.csv: {len(odd)} rows of offices are in US dollars but not computed, or the reverse."
        )
    local = pl.col("unit") != "USD per month"
    currency = pl.col("country").replace_strict(CURRENCY)
    return contract.claims(
        wages.select(
            pl.col("country").alias("place"),
            pl.when(local).then(pl.lit("average_monthly_wage_local")).otherwise(pl.lit("average_monthly_wage")).alias("measure"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            "value",
            pl.when(local).then(pl.format("{} per month", currency)).alias("printed_unit"),
            pl.col("country").replace_strict(OFFICES).alias("release"),
            pl.when(denominated).then(pl.lit("divided by 1,000 by the compiler (denomination of 1998)")).alias("flag"),
            pl.when(~local)
            .then(pl.lit(QUOTIENT))
            .alias("convention"),
            pl.when(~local).then(pl.date(pl.col("year") + 1, 12, 31)).alias("known"),
            pl.when(~local).then(pl.lit("publication lag")).alias("known_basis"),
        ),
        status="administrative",
        definition="office_average_wage",
    )  # fmt: skip


def page_wages(wages: pl.DataFrame) -> pl.DataFrame:
    """Wages that pages quote after several offices; months, quarters and half-years keep their true ends."""
    told = []
    for row in wages.iter_rows(named=True):
        if row["source_title"] not in PAGES or row["definition"] not in SPANS:
            raise UnreadableSource(
                f"wages_usd.csv: no card or span for {row['source_title']!r}, {row['definition']!r}."
            )
        start, end = EXCEPT.get((row["country"], row["definition"]), SPANS[row["definition"]])
        local = row["unit"] == "local currency per month"
        card = release(PAGES[row["source_title"]])
        told.append(
            {
                "place": row["country"],
                "measure": "average_monthly_wage_local" if local else "average_monthly_wage",
                "start": start,
                "end": end,
                "value": float(row["value"]),
                "printed_unit": f"{CURRENCY[row['country']]} per month" if local else None,
                "release": card.key,
                "known": card.released,
                "known_basis": "page" if card.precision == "day" else "page year",
                "flag": FLAGS.get(row["note"]),
                "note": f"{row['source_title']}; {row['definition']}",
            }
        )
    return contract.claims(pl.DataFrame(told, infer_schema_length=None), status="press", definition="page_average_wage")


def earnings(folder: Path) -> pl.DataFrame:
    """Monthly earnings of employees by sex at purchasing power parity of 2021; the survey is named in the note."""
    raw = table(folder, "wages_ilostat_ppp.csv.gz")
    columns(raw, "iso3", "year", "measure", "value", "source", "obs_status")
    sex = pl.col("measure").str.strip_prefix("average_monthly_earnings_")
    return contract.claims(
        raw.select(
            pl.col("iso3").alias("place"),
            sex.replace_strict({key: told[0] for key, told in EARNINGS.items()}).alias("sex"),
            sex.replace_strict({key: told[1] for key, told in EARNINGS.items()}).alias("group"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            pl.col("value").cast(pl.Float64),
            pl.col("obs_status").alias("flag"),
            pl.col("source").alias("note"),
        ),
        measure="average_monthly_earnings_ppp",
        status="survey",
        definition="ilostat_earnings",
        release="ilostat-earnings-2025",
    )


def construction_works(folder: Path) -> pl.DataFrame:
    """Volume of construction works of Kazakhstan, tenge at current prices."""
    raw = table(folder, "construction_output_kaz.csv")
    columns(raw, "country", "year", "value", "unit")
    return contract.claims(
        raw.select(
            pl.col("country").alias("place"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            pl.col("value").cast(pl.Float64),
            pl.col("unit").replace_strict({"KZT (current prices)": "KZT"}).alias("printed_unit"),
        ),
        measure="construction_works",
        status="administrative",
        definition="bns_construction_works",
        release="bns-construction-works",
    )
