"""United Nations, World Population Prospects: net migration of eight editions, demography, projections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.readers.common import columns, place_code, table

RATES = {
    "cbr": "crude_birth_rate", "cdr": "crude_death_rate", "NatChangeRT": "natural_change_rate",
    "cnmr": "net_migration_rate", "growthrate": "growth_rate", "srb": "sex_ratio_at_birth",
}  # fmt: skip
COUNTS = {"births": "births", "deaths": "deaths", "PopChange": "population_change"}
BOUNDS = {
    "80% lower": ("low", 0.8),
    "80% upper": ("high", 0.8),
    "95% lower": ("low", 0.95),
    "95% upper": ("high", 0.95),
}

EDITION_2019 = date(2019, 6, 17)


def release(vintage: str = "vintage") -> pl.Expr:
    """The release key of WPP2024 and its like."""
    return pl.concat_str(pl.lit("un-wpp-"), pl.col(vintage).str.slice(3, 4)).alias("release")


def status(variant: str = "variant") -> pl.Expr:
    """An estimate of the past, or a projection."""
    estimate = pl.col(variant).str.starts_with("estimate")
    return pl.when(estimate).then(pl.lit("estimate")).otherwise(pl.lit("projection")).alias("status")


def thousands(value: str = "value") -> pl.Expr:
    """Persons, from thousands printed with three decimals (older copies carry float noise)."""
    return (pl.col(value) * 1000).round(3).alias("value")


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of all editions."""
    yield five_year_net_migration(folder)
    yield annual_net_migration(folder)
    yield demography(folder)
    yield population(folder)
    yield edition_2019(folder)


def five_year_net_migration(folder: Path) -> pl.DataFrame:
    """Net migration by five-year period, mid-year to mid-year; editions 2008 to 2019, and projections of 2024."""
    raw = table(folder, "wpp_net_migration_5year_vintages.csv.gz")
    columns(
        raw, "iso3", "location_code", "period_start", "period_end", "sex", "value", "variant", "computed", "vintage"
    )
    return contract.claims(
        raw.select(
            place_code().alias("place"),
            pl.col("sex").replace("total", "all"),
            pl.date("period_start", 7, 1).alias("start"),
            pl.date("period_end", 7, 1).alias("end"),
            thousands(),
            status(),
            release(),
            pl.when(pl.col("computed") != "as published").then(pl.lit("sum over age groups")).alias("convention"),
        ),
        measure="net_migration",
        definition="un_resident",
        printed_unit="thousand",
    )


def annual_net_migration(folder: Path) -> pl.DataFrame:
    """Net migration by calendar year; editions 2022 and 2024. Bounds of projections are two rows, 80% and 95%."""
    raw = table(folder, "wpp_net_migration_annual_2022_2024.csv.gz")
    columns(raw, "iso3", "location_code", "year", "sex", "value", "variant", "vintage")
    named = raw.with_columns(place_code().alias("place"), thousands(), release())
    central = named.filter(~pl.col("variant").str.contains("%")).with_columns(status())
    return contract.claims(
        with_bounds(central, named).select(
            "place",
            pl.col("sex").replace("total", "all"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            "value", "low", "high", "level", "status", "release",
        ),
        measure="net_migration",
        definition="un_resident",
        printed_unit="thousand",
    )  # fmt: skip


def with_bounds(central: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """One row a figure without bounds, and two rows, 80% and 95%, for a figure with them."""
    cell = ["place", "year", "sex", "release"]
    sides = []
    for level in (0.8, 0.95):
        told = f"{level * 100:.0f}%"
        low, high = (
            named.filter(pl.col("variant").str.ends_with(f"{told} {side}")).select(*cell, pl.col("value").alias(name))
            for side, name in (("lower", "low"), ("upper", "high"))
        )
        sides.append(low.join(high, on=cell).with_columns(level=pl.lit(level)))
    bounds = pl.concat(sides)
    return central.join(bounds, on=cell, how="left", maintain_order="left")


def demography(folder: Path) -> pl.DataFrame:
    """Births, deaths and rates by calendar year; editions 2022 and 2024."""
    raw = table(folder, "wpp_demography_annual_2022_2024.csv.gz")
    columns(raw, "iso3", "location_code", "year", "indicator", "value", "variant", "vintage")
    return contract.claims(
        raw.select(
            place_code().alias("place"),
            pl.col("indicator").replace_strict(COUNTS | RATES).alias("measure"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            pl.when(pl.col("indicator").is_in(list(COUNTS)))
            .then(thousands())
            .otherwise(pl.col("value"))
            .alias("value"),
            pl.when(pl.col("indicator").is_in(list(COUNTS))).then(pl.lit("thousand")).alias("printed_unit"),
            status(),
            release(),
        ),
        definition="un_demography",
    )


def population(folder: Path) -> pl.DataFrame:
    """Population by sex, projections of 2022 and 2024, with bounds and fertility variants.

    These are of 31 December, as the UN's package of data carries them, not of 1 July: the mean of two of them is the
    mid-year figure that the World Bank repeats from the edition.
    """
    raw = table(folder, "wpp_population_projection_2022_2024.csv.gz")
    columns(raw, "iso3", "location_code", "year", "sex", "value", "variant", "vintage")
    named = raw.with_columns(place_code().alias("place"), thousands(), release())
    central = named.filter(pl.col("variant").str.ends_with("median"))
    fertility = pl.col("variant").str.extract(r"(low|high)")
    variants = named.filter(pl.col("variant").str.ends_with("fertility")).with_columns(
        pl.format("un_projection_{}_fertility", fertility).alias("definition"),
        low=pl.lit(None, pl.Float64),
        high=pl.lit(None, pl.Float64),
        level=pl.lit(None, pl.Float64),
    )
    main = with_bounds(central, named).with_columns(definition=pl.lit("un_demography"))
    both = pl.concat([main, variants.select(main.columns)])
    return contract.claims(
        both.select(
            "place",
            pl.col("sex").replace("total", "all"),
            pl.date("year", 12, 31).alias("start"),
            pl.date("year", 12, 31).alias("end"),
            "value", "low", "high", "level", "release", "definition",
        ),
        measure="population",
        status="projection",
        printed_unit="thousand",
    )  # fmt: skip


def edition_2019(folder: Path) -> pl.DataFrame:
    """Births, deaths, population and natural change of the edition of 2019."""
    raw = table(folder, "wpp2019_births_deaths_population_by_sex.csv.gz")
    columns(raw, "iso3", "location_code", "year", "freq", "indicator", "sex", "value", "variant")
    name = {
        "births": "births", "deaths": "deaths", "population": "population", "natural_change": "natural_change",
        "natincr": "natural_change_rate", "sex_ratio_at_birth": "sex_ratio_at_birth",
    }  # fmt: skip
    five = pl.col("freq") == "5yr"
    stock = pl.col("indicator") == "population"
    counted = pl.col("indicator").is_in(["births", "deaths", "population", "natural_change"])
    start = pl.when(five | stock).then(pl.date("year", 7, 1)).otherwise(pl.date("year", 1, 1))
    after = pl.when(five).then(pl.date(pl.col("year") + 5, 7, 1)).otherwise(pl.date(pl.col("year") + 1, 1, 1))
    return contract.claims(
        raw.select(
            place_code().alias("place"),
            pl.col("indicator").replace_strict(name).alias("measure"),
            pl.col("sex").replace("total", "all"),
            start.alias("start"),
            pl.when(stock).then(start).otherwise(after).alias("end"),
            pl.when(counted).then(thousands()).otherwise(pl.col("value")).alias("value"),
            pl.when(counted).then(pl.lit("thousand")).alias("printed_unit"),
            # What lay ahead on the day of release was a projection, whatever the table calls it.
            pl.when(start > pl.lit(EDITION_2019)).then(pl.lit("projection")).otherwise(status()).alias("status"),
        ),
        definition="un_demography",
        release="un-wpp-2019",
    )
