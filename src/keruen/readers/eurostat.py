"""Eurostat: immigration by citizenship; flows told by both ends; and how experts judge each country's reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.readers.common import columns, table


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of both tables."""
    yield by_citizenship(folder)
    yield from double_entry(folder)


def covariates(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Classes of undercount and accuracy, expert scores, and the index against the Nordic countries."""
    yield "undercount_classes", classes(folder)
    yield "undercount_expert_scores", expert_scores(folder)
    yield "undercount_nordic", nordic_index(folder)


def by_citizenship(folder: Path) -> pl.DataFrame:
    """Immigration by citizenship. The place itself as citizenship means nationals who came back.

    Zeros of Belgium and Slovakia in 2008-10 stand for missing cells, and are no claims. Cells told twice under one
    code (Micronesia) both stay.
    """
    raw = table(folder, "eurostat_imm1ctz.csv.gz")
    columns(raw, "origin", "destination", "year", "value")
    filled = (
        (pl.col("value") == 0) & pl.col("destination").is_in(["BEL", "SVK"]) & pl.col("year").is_between(2008, 2010)
    )
    twice = pl.struct("origin", "destination", "year").is_duplicated()
    return contract.claims(
        raw.filter(~filled).select(
            pl.col("destination").alias("place"),
            pl.col("origin").alias("counterpart"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            pl.col("value").cast(pl.Float64),
            pl.when(twice).then(pl.lit("one of two citizenships under this code in the copy")).alias("note"),
        ),
        measure="immigration",
        basis="citizenship",
        status="register",
        definition="eurostat_immigration_citizenship",
        release="eurostat-migr-imm1ctz",
    )


def double_entry(folder: Path) -> Iterator[pl.DataFrame]:
    """Each corridor twice: emigration as the sender reports it, immigration as the receiver does."""
    raw = table(folder, "europe_double_entry_flows.csv.gz")
    sides = {
        "emigration": ("emigration_reported_by_origin", "origin", "destination"),
        "immigration": ("immigration_reported_by_destination", "destination", "origin"),
    }
    columns(raw, "origin", "destination", "year", "sex", *(value for value, _, _ in sides.values()))
    for measure, (value, reporter, other) in sides.items():
        yield contract.claims(
            raw.filter(pl.col(value).is_not_null()).select(
                pl.col(reporter).alias("place"),
                pl.col(other).alias("counterpart"),
                pl.col("sex").replace_strict({"Total": "all"}),
                pl.date("year", 1, 1).alias("start"),
                pl.date(pl.col("year") + 1, 1, 1).alias("end"),
                pl.col(value).cast(pl.Float64).alias("value"),
            ),
            measure=measure,
            basis="residence",
            status="register",
            definition=f"eurostat_{measure}_residence",
            release="eurostat-double-entry",
        )


def classes(folder: Path) -> pl.DataFrame:
    """Undercount and accuracy of a reporter's figures, by year and by side; they do not differ between corridors."""
    raw = table(folder, "europe_double_entry_flows.csv.gz")
    found = []
    for side, reporter in (("emigration", "origin"), ("immigration", "destination")):
        columns(raw, reporter, "year", f"undercount_{side}_class", f"accuracy_{side}_class")
        found.append(
            raw.select(
                pl.col(reporter).alias("place"),
                pl.col("year").cast(pl.Int16),
                pl.lit(side).alias("measure"),
                pl.col(f"undercount_{side}_class").str.to_lowercase().alias("undercount"),
                pl.col(f"accuracy_{side}_class").str.to_lowercase().alias("accuracy"),
                pl.lit("eurostat-double-entry").alias("release"),
            ).unique()
        )
    return pl.concat(found).sort("place", "year", "measure")


def expert_scores(folder: Path) -> pl.DataFrame:
    """Undercount of immigration and emigration by country, as experts judged it."""
    raw = table(folder, "undercount_expert_scores.csv")
    columns(raw, "iso3", "Undercount_imm_IMEM", "Undercount_emi_IMEM", "score", "class")
    return raw.select(
        pl.col("iso3").alias("place"),
        pl.col("Undercount_imm_IMEM").alias("undercount_immigration"),
        pl.col("Undercount_emi_IMEM").alias("undercount_emigration"),
        "score",
        pl.col("class").str.to_lowercase(),
        pl.lit("undercount-expert-scores").alias("release"),
    ).sort("place")


def nordic_index(folder: Path) -> pl.DataFrame:
    """How a country's reports compare with those of the Nordic countries, without and with correction for duration."""
    raw = table(folder, "undercount_bilateral_index_nordic.csv")
    columns(raw, "iso3", "year", "IUC", "IC", "EUC", "EC", "reference")
    return raw.select(
        pl.col("iso3").alias("place"),
        pl.col("year").cast(pl.Int16),
        pl.col("IUC").alias("immigration_index"),
        pl.col("IC").alias("immigration_index_corrected"),
        pl.col("EUC").alias("emigration_index"),
        pl.col("EC").alias("emigration_index_corrected"),
        pl.col("reference").str.to_lowercase(),
        pl.lit("undercount-nordic-index").alias("release"),
    ).sort("place", "year")
