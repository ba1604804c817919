"""OECD: inflows of foreigners, International Migration Database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.readers.common import columns, table


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Inflows of foreign population, all citizenships together; a part of immigration, for nationals are left out."""
    raw = table(folder, "oecd_imd_inflows_total.csv")
    columns(raw, "iso3", "year", "value")
    yield contract.claims(
        raw.select(
            pl.col("iso3").alias("place"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            pl.col("value").cast(pl.Float64),
        ),
        measure="immigration",
        group="citizenship=foreign",
        status="register",
        definition="oecd_inflows_foreigners",
        release="oecd-imd-2025",
    )
