"""United Nations, International Migrant Stock: five editions by birthplace, by sex, and two of them by age."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers.common import columns, other_end, place_code, table

CELL = ["dest_iso3", "year", "sex"]


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of all editions."""
    yield edition_2015(folder)
    yield edition_2017(folder)
    for edition in (2019, 2020):
        yield totals(folder, edition)
        yield by_origin(folder, edition)
    yield totals_2024(folder)
    yield by_origin(folder, 2024)
    yield by_age(folder)


def stock(named: pl.DataFrame) -> pl.DataFrame:
    """Claims on 1 July from a table with dest_iso3, orig_iso3, year, sex, value, release and some more columns."""
    day = pl.date("year", 7, 1)
    more = [c for c in ("flag", "note", "age", "convention") if c in named.columns]
    return contract.claims(
        named.select(
            pl.col("dest_iso3").alias("place"),
            other_end("orig_iso3").alias("counterpart"),
            basis() if "flag" in more else pl.lit("mixed").alias("basis"),
            pl.col("sex").replace("total", "all"),
            day.alias("start"),
            day.alias("end"),
            "value",
            "release",
            *more,
        ),
        measure="stock",
        status="estimate",
        definition="un_stock",
    )


def basis(flag: str = "flag") -> pl.Expr:
    """How the counterpart is told, by the type of data: B birthplace, C citizenship; both, or neither, is mixed."""
    born, citizens = pl.col(flag).str.contains("B").fill_null(False), pl.col(flag).str.contains("C").fill_null(False)
    return (
        pl.when(born & ~citizens)
        .then(pl.lit("birthplace"))
        .when(citizens & ~born)
        .then(pl.lit("citizenship"))
        .otherwise(pl.lit("mixed"))
        .alias("basis")
    )


def type_of_data(told: str) -> pl.Expr:
    """The flag of a destination, as printed but for blanks at its ends."""
    return pl.col(told).str.strip_chars().alias("flag")


def known_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Refuse a type of data that is made of other letters than B, C, R and I.

    Raises
    ------
    UnreadableSource
        With the strange flags.
    """
    odd = frame.filter(~pl.col("flag").str.contains(r"^[BCRI ]+$"))["flag"].unique().sort().to_list()
    if odd:
        raise UnreadableSource(
            f"Unknown types of data: {', '.join(odd)}. Known are B, C, R and I; teach the reader what they mean."
        )
    return frame


def edition_2015(folder: Path) -> pl.DataFrame:
    """The year 2015, both sexes, with the type of data of every destination."""
    raw = table(folder, "un_ims2015_bilateral_year2015_total.csv.gz")
    columns(raw, "orig_iso3", *CELL, "value", "dest_type_of_data")
    return stock(known_types(raw.with_columns(type_of_data("dest_type_of_data"), release=pl.lit("un-ims-2015"))))


def edition_2017(folder: Path) -> pl.DataFrame:
    """Seven years by sex; what was repaired in the copy says so, and so does what could not be checked."""
    raw = table(folder, "un_ims2017_bilateral_by_sex_repaired.csv.gz")
    columns(raw, "orig_iso3", *CELL, "value", "repair", "dest_year_sums_check")
    unchecked = pl.lit("the origins of this place and year could not be checked against its total")
    return stock(
        raw.select(
            "orig_iso3",
            *CELL,
            "value",
            pl.when(pl.col("repair") != "none").then(pl.col("repair")).alias("flag"),
            pl.when(pl.col("dest_year_sums_check") == 0).then(unchecked).alias("note"),
            pl.lit("un-ims-2017").alias("release"),
        )
    ).with_columns(basis=pl.lit("mixed"))


def printed_totals(folder: Path, edition: int) -> pl.DataFrame:
    """The edition's own table of totals: places, regions and the world, with the type of data."""
    raw = table(folder, f"un_ims{edition}_total_with_type_of_data.csv.gz")
    columns(raw, "iso3", "location_code", "type_of_data", "year", "sex", "value", "is_aggregate")
    # regions are printed at two levels under one number; their rows are the same
    place, flag = place_code().alias("dest_iso3"), type_of_data("type_of_data")
    return known_types(raw.select(place, flag, "year", "sex", "value", "is_aggregate").unique(maintain_order=True))


def other_totals(folder: Path, edition: int) -> pl.DataFrame:
    """The totals that stand with the table of origins."""
    raw = table(folder, f"un_ims{edition}_total_by_sex.csv.gz")
    columns(raw, *CELL, "value")
    return raw.select(*CELL, "value")


def totals(folder: Path, edition: int) -> pl.DataFrame:
    """Totals of the table of totals, and of the table of origins what is absent there or differs."""
    printed = printed_totals(folder, edition)
    others = other_totals(folder, edition).join(
        printed.select(*CELL, pl.col("value").alias("printed")), on=CELL, how="left", maintain_order="left"
    )
    absent = pl.col("printed").is_null() & (pl.col("value") > 0)
    beside = others.filter(absent | (pl.col("value") != pl.col("printed"))).join(
        printed.select("dest_iso3", "flag").unique(), on="dest_iso3", how="left", maintain_order="left"
    )
    differs = pl.format("total of the table of origins; the table of totals prints {}", pl.col("printed"))
    alone = pl.lit("total of the table of origins; the table of totals prints none")
    beside = beside.with_columns(note=pl.when(pl.col("printed").is_null()).then(alone).otherwise(differs))
    both = pl.concat([printed, beside.select(*CELL, "value", "flag", "note")], how="diagonal")
    return stock(both.with_columns(orig_iso3=pl.lit("_TOT"), release=pl.lit(f"un-ims-{edition}")))


def unprinted(folder: Path, edition: int) -> pl.DataFrame:
    """Places and years that the edition leaves blank and the copy filled with zeros."""
    printed = printed_totals(folder, edition).select("dest_iso3", "year")
    zero = (
        other_totals(folder, edition)
        .group_by("dest_iso3", "year")
        .agg(pl.col("value").max())
        .filter(pl.col("value") == 0)
    )
    return zero.join(printed, on=["dest_iso3", "year"], how="anti").select("dest_iso3", "year")


def by_origin(folder: Path, edition: int) -> pl.DataFrame:
    """Stocks by birthplace and sex, with the type of data of the destination where the edition tells it."""
    raw = table(folder, f"un_ims{edition}_bilateral_by_sex.csv.gz")
    columns(raw, "orig_iso3", *CELL, "value")
    named = raw.select("orig_iso3", *CELL, "value", pl.lit(f"un-ims-{edition}").alias("release"))
    if edition == 2024:
        return stock(named)
    kinds = printed_totals(folder, edition).filter(pl.col("is_aggregate") == 0).select("dest_iso3", "flag").unique()
    if kinds["dest_iso3"].is_duplicated().any():
        raise UnreadableSource(
            f"Edition {edition} prints two types of data for one destination; the reader expects one."
        )
    blank = unprinted(folder, edition)
    told = named.join(blank, on=["dest_iso3", "year"], how="anti", maintain_order="left")
    return stock(told.join(kinds, on="dest_iso3", how="left", maintain_order="left"))


def totals_2024(folder: Path) -> pl.DataFrame:
    """Totals by place and sex; the world is their sum, for the copy holds no aggregates of this edition."""
    places = other_totals(folder, 2024).with_columns(convention=pl.lit(None, pl.String))
    world = (
        places.group_by("year", "sex", maintain_order=True)
        .agg(pl.col("value").sum())
        .with_columns(dest_iso3=pl.lit("_WORLD"), convention=pl.lit("sum over the destinations of the edition"))
    )
    both = pl.concat([places, world.select(places.columns)])
    return stock(both.with_columns(orig_iso3=pl.lit("_TOT"), release=pl.lit("un-ims-2024")))


def by_age(folder: Path) -> pl.DataFrame:
    """Stocks by five-year age group and sex; editions 2020 and 2024."""
    raw = table(folder, "un_ims_by_age_2020_2024.csv.gz", age=pl.Float64, agelength=pl.Float64)
    columns(raw, *CELL, "age", "agelength", "value", "vintage")
    first = pl.col("age").cast(pl.Int64)
    last = (pl.col("age") + pl.col("agelength") - 1).cast(pl.Int64)
    group = (
        pl.when(pl.col("agelength").is_null()).then(pl.format("{}+", first)).otherwise(pl.format("{}-{}", first, last))
    )
    kinds = printed_totals(folder, 2020).filter(pl.col("is_aggregate") == 0).select("dest_iso3", "flag").unique()
    told = raw.filter(pl.col("value").max().over("vintage", *CELL) > 0)  # all ages zero: nobody told the ages
    named = told.join(kinds, on="dest_iso3", how="left", maintain_order="left").select(
        *CELL,
        "value",
        pl.lit("_TOT").alias("orig_iso3"),
        pl.concat_str(pl.lit("un-ims-"), pl.col("vintage").str.slice(3)).alias("release"),
        group.alias("age"),
        pl.when(pl.col("vintage") == "IMS2020").then(pl.col("flag")).alias("flag"),
    )
    return stock(named)
