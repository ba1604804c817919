"""UNHCR, Refugee Data Finder: people displaced at the end of every year, and new displacement over every year."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers.common import columns, other_end, table

RELEASE = "unhcr-refugee-data-finder-2026"
NEWEST = 2025  # printed a few days before the copy was read, and revised within the year

STOCKS = {
    "unhcr_stock_refugees": "refugees",
    "unhcr_stock_asylum_seekers": "asylum_seekers",
    "unhcr_stock_returned_refugees": "returned_refugees",
    "unhcr_stock_idps": "internally_displaced",
    "unhcr_stock_returned_idps": "returned_internally_displaced",
    "unhcr_stock_stateless": "stateless",
    "unhcr_stock_ooc": "others_of_concern",
    "unhcr_stock_oip": "other_protection",
    "unhcr_stock_hst": "host_community",
}
FLOWS = {
    "unhcr_new_displacement_refugees": "new_refugees",
    "unhcr_new_displacement_asylum_seekers": "new_asylum_seekers",
    "unhcr_new_displacement_refugee_like": "new_refugee_like",
    "unhcr_new_displacement_oip": "new_other_protection",
}


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of both tables."""
    yield stocks(folder)
    yield flows(folder)


def stocks(folder: Path) -> pl.DataFrame:
    """People on 31 December, by country of asylum and of origin."""
    raw = table(folder, "unhcr_population.csv.gz")
    day = pl.date("year", 12, 31)
    return corridors(raw, STOCKS, day, day, "unhcr_stock")


def flows(folder: Path) -> pl.DataFrame:
    """New displacement over a calendar year, by country of asylum and of origin."""
    raw = table(folder, "unhcr_flows.csv.gz")
    return corridors(raw, FLOWS, pl.date("year", 1, 1), pl.date(pl.col("year") + 1, 1, 1), "unhcr_flow")


def corridors(
    raw: pl.DataFrame, measures: dict[str, str], start: pl.Expr, end: pl.Expr, definition: str
) -> pl.DataFrame:
    """Claims from origin, destination, year, measure and value.

    Raises
    ------
    UnreadableSource
        If the table tells of a category of people that has no word in the vocabulary.
    """
    columns(raw, "origin", "destination", "year", "measure", "value")
    strange = sorted(set(raw["measure"].unique()) - set(measures))
    if strange:
        raise UnreadableSource(f"No word for the categories {', '.join(strange)}. Known are {', '.join(measures)}.")
    return contract.claims(
        raw.select(
            pl.col("measure").replace_strict(measures),
            other_end("destination").alias("place"),
            other_end("origin").alias("counterpart"),
            start.alias("start"),
            end.alias("end"),
            "value",
            pl.when(pl.col("year") >= NEWEST).then(pl.lit("provisional")).alias("flag"),
        ),
        stream="forced",
        basis="origin",
        status="administrative",
        definition=definition,
        release=RELEASE,
    )
