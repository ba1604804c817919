"""Published estimates of world migration flows: models, not counts. Abel and Cohen's six methods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.readers.common import columns, table

METHODS = {
    "sd_drop_neg": "abel_cohen_drop_negative",
    "sd_rev_neg": "abel_cohen_reverse_negative",
    "mig_rate": "abel_cohen_migration_rates",
    "da_min_open": "abel_cohen_minimisation_open",
    "da_min_closed": "abel_cohen_minimisation_closed",
    "da_pb_closed": "abel_cohen_pseudo_bayes",
}


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """One claim a method, by five years from mid-year to mid-year. Zeros are left out: an empty cell is absent."""
    raw = table(folder, "abel_cohen_flows_5y.csv.gz")
    columns(raw, "origin", "destination", "year", "sex", *METHODS)
    for method, definition in METHODS.items():
        yield contract.claims(
            raw.filter(pl.col(method).is_not_null()).select(
                pl.col("destination").alias("place"),
                pl.col("origin").alias("counterpart"),
                pl.col("sex").replace_strict({"both": "all"}),
                pl.date("year", 7, 1).alias("start"),
                pl.date(pl.col("year") + 5, 7, 1).alias("end"),
                pl.col(method).cast(pl.Float64).alias("value"),
            ),
            measure="transitions",
            basis="residence",
            status="model",
            definition=definition,
            release="abel-cohen-flows",
        )
