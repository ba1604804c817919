"""Central banks: money transfers of individuals by corridor, whoever of the two ends reports them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers.common import columns, other_end, table
from keruen.readers.press import remark, sourced

DEFINITIONS = (
    ("cross-border transfers of individuals from Russia through money transfer systems", "transfers_cbr"),
    ("all cross-border transfers of individuals from Russia", "transfers_cbr_all"),
    ("all cross-border receipts of individuals in Russia", "transfers_cbr_receipts"),
    ("personal transfers (personal remittances, BPM6) from Russia", "transfers_cbr_personal"),
    ("cross-border transfers received by individuals in Uzbekistan", "transfers_cbu"),
    ("transfers received through money transfer systems (NBKR)", "transfers_nbkr"),
    ("transfers sent through money transfer systems (NBKR)", "transfers_nbkr"),
    ("transfers through systems, National Bank of Kazakhstan", "transfers_nbk"),
    ("international transfers through money transfer systems (SMDP)", "transfers_nbk"),
    ("transfers through banks, Central Bank of Armenia", "transfers_cba_reported"),
    ("Money transfers of individuals through banks of Armenia, all purposes", "transfers_cba_total"),
    ("Money transfers of individuals through banks of Armenia, non-commercial", "transfers_cba_noncommercial"),
)
"""How the definition told begins, and its card."""

SCALE = {"thousand USD": 1e3, "million USD": 1e6, "million KZT": 1e6}


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Transfers received by a place; transfers sent, where no receiver is told; both in dollars or local currency."""
    raw = table(folder, "transfers_by_corridor.csv.gz", note=pl.String)
    columns(
        raw, "sender", "receiver", "period_start", "period_end", "value", "unit", "definition", "source_title",
        "source_year", "source_url", "note",
    )  # fmt: skip
    definition = pl.coalesce(
        [pl.when(pl.col("definition").str.starts_with(start)).then(pl.lit(key)) for start, key in DEFINITIONS]
    )
    rows = sourced(raw).with_columns(
        _definition=definition, _scale=pl.col("unit").replace_strict(SCALE, default=None, return_dtype=pl.Float64)
    )
    odd = rows.filter(pl.any_horizontal(pl.col("_definition", "_scale").is_null()))
    if len(odd):
        said = odd.select("unit", "definition").unique().rows()[:5]
        raise UnreadableSource(f"{len(odd)} transfers have a unit or a definition that no card is for: {said}")
    nowhere = rows.filter((pl.col("sender") == "_WORLD") & (pl.col("receiver") == "_WORLD"))
    if len(nowhere):
        raise UnreadableSource(f"{len(nowhere)} transfers run from the whole world to the whole world; tell one end.")
    sent, local = pl.col("receiver") == "_WORLD", pl.col("unit").str.ends_with("KZT")
    sender = pl.when(pl.col("sender") != "_WORLD").then(other_end("sender"))
    counterpart = pl.when(~sent).then(sender)
    yield contract.claims(
        rows.select(
            pl.concat_str(
                pl.lit("money_transfers"),
                pl.when(sent).then(pl.lit("_sent")).otherwise(pl.lit("")),
                pl.when(local).then(pl.lit("_local")).otherwise(pl.lit("")),
            ).alias("measure"),
            pl.when(sent).then(sender).otherwise(other_end("receiver")).alias("place"),
            counterpart.alias("counterpart"),
            pl.when(counterpart.is_not_null()).then(pl.lit("sending")).alias("basis"),
            pl.col("period_start").str.to_date("%Y-%m-%d").alias("start"),
            pl.col("period_end").str.to_date("%Y-%m-%d").dt.offset_by("1d").alias("end"),
            (pl.col("value") * pl.col("_scale")).round(3).alias("value"),
            pl.col("unit").alias("printed_unit"),
            pl.when(pl.col("known").is_null())
            .then(pl.lit("administrative"))
            .otherwise(pl.lit("press"))
            .alias("status"),
            pl.col("_definition").alias("definition"),
            remark("note").alias("note"),
            "release",
            "known",
            "known_basis",
        )
    )
