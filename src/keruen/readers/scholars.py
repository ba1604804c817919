"""Max Planck Institute for Demographic Research: moves of researchers, told by the affiliations of their papers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.readers.common import columns, table


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Changes of the country of affiliation by calendar year; the last two years are far from whole."""
    raw = table(folder, "scholar_flows_openalex.csv.gz")
    columns(raw, "origin", "destination", "year", "value")
    yield contract.claims(
        raw.select(
            pl.col("destination").alias("place"),
            pl.col("origin").alias("counterpart"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            pl.col("value").cast(pl.Float64),
            pl.when(pl.col("year") >= 2023).then(pl.lit("incomplete year")).alias("note"),
        ),
        measure="movements",
        stream="skilled",
        basis="residence",
        status="estimate",
        definition="scholars_affiliation",
        release="mpidr-scholars-2024",
    )
