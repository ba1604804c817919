"""What moves migrants' choices from outside: oil prices, exchange rates, deaths in conflict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.readers.common import columns, table


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of the three tables."""
    yield oil(folder)
    yield exchange_rates(folder)
    yield conflict_deaths(folder)


def oil(folder: Path) -> pl.DataFrame:
    """Spot prices of Brent and West Texas Intermediate, averages of years and of months."""
    raw = table(folder, "oil_prices.csv", date=pl.String)
    columns(raw, "date", "frequency", "measure", "value", "unit")
    day = pl.col("date").str.to_date()
    yearly = pl.col("frequency").replace_strict({"annual": True, "monthly": False})
    first = pl.when(yearly).then(day.dt.truncate("1y")).otherwise(day.dt.truncate("1mo"))
    after = (
        pl.when(yearly)
        .then(day.dt.truncate("1y").dt.offset_by("1y"))
        .otherwise(day.dt.truncate("1mo").dt.offset_by("1mo"))
    )
    return contract.claims(
        raw.select("measure", first.alias("start"), after.alias("end"), "value"),
        place="_WORLD",
        status="administrative",
        definition="eia_spot_price",
        release="eia-oil-prices",
    )


def exchange_rates(folder: Path) -> pl.DataFrame:
    """Official exchange rate to the US dollar, average of the year."""
    raw = table(folder, "exchange_rates.csv.gz")
    columns(raw, "iso3", "year", "value")
    return contract.claims(
        raw.select(
            pl.col("iso3").alias("place"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            "value",
        ),
        measure="exchange_rate",
        status="administrative",
        definition="wb_exchange_rate",
        release="world-bank-wdi-2025-06",
    )


def conflict_deaths(folder: Path) -> pl.DataFrame:
    """Deaths in organised violence. Zeros were filled in by the compiler of the table and are no claims."""
    raw = table(folder, "ucdp_conflict_deaths.csv.gz")
    columns(raw, "iso3", "year", "value")
    return contract.claims(
        raw.filter(pl.col("value") != 0).select(
            pl.col("iso3").alias("place"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            "value",
        ),
        measure="conflict_deaths",
        status="estimate",
        definition="ucdp_best_estimate",
        release="ucdp-ged",
    )
