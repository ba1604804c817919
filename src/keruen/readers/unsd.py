"""United Nations Statistics Division, National Accounts Main Aggregates: construction, value added and GDP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers.common import columns, table

MEASURES = {
    "construction_value_added, current USD": "construction_value_added",
    "construction_value_added, constant 2015 USD": "construction_value_added_constant_2015",
    "total_value_added, current USD": "value_added",
    "total_value_added, constant 2015 USD": "value_added_constant_2015",
    "gdp, current USD": "gdp",
    "gdp, constant 2015 USD": "gdp_constant_2015",
}
DEFINITIONS = {
    "construction_value_added": "unsd_construction",
    "total_value_added": "unsd_value_added",
    "gdp": "unsd_gdp",
}
RELEASES = {"AMA1": "unsd-ama-2025", "AMA2": "unsd-ama-2024", "AMA3": "unsd-ama-2021"}
HISTORICAL = {200: "CSK", 530: "ANT", 720: "YMD", 736: "SDN_former", 810: "SUN", 890: "YUG"}
PARTS = {
    230: ("ETH", "territory=with Eritrea"),
    835: ("TZA", "territory=Mainland"),
    836: ("TZA", "territory=Zanzibar"),
    886: ("YEM", "territory=Yemen Arab Republic"),
}
"""Territories by M49 number that no ISO code tells: each is a part, or a former shape, of a place."""


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of the three releases, by calendar year."""
    raw = table(folder, "construction_value_added.csv.gz")
    columns(raw, "iso3", "m49", "country_name", "year", "measure", "value", "unit", "source_id")
    sources = table(folder, "construction_sources.csv")
    columns(sources, "source_id", "source_year")
    dated = {source: int(key[-4:]) for source, key in RELEASES.items()}
    if dict(sources.select("source_id", "source_year").iter_rows()) != dated:
        raise UnreadableSource(
            f"construction_sources.csv tells other releases than {dated}; add a card for the new one."
        )
    m49 = pl.col("m49")
    lost = raw.filter(pl.col("iso3").is_null() & ~m49.is_in([*HISTORICAL, *PARTS]))
    if len(lost):
        raise UnreadableSource(
            f"No place is known for {', '.join(lost['country_name'].unique())}; name its code in this reader."
        )
    whose = {key: code for key, (code, _) in PARTS.items()} | HISTORICAL
    yield contract.claims(
        raw.select(
            pl.coalesce("iso3", m49.replace_strict(whose, default=None, return_dtype=pl.String)).alias("place"),
            pl.when(pl.col("iso3").is_null())
            .then(
                m49.replace_strict(
                    {key: group for key, (_, group) in PARTS.items()}, default=None, return_dtype=pl.String
                )
            )
            .alias("group"),
            pl.format("{}, {}", "measure", "unit").replace_strict(MEASURES).alias("measure"),
            pl.col("measure").replace_strict(DEFINITIONS).alias("definition"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            "value",
            pl.col("source_id").replace_strict(RELEASES).alias("release"),
        ),
        status="estimate",
    )
