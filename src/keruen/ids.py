"""Ids of many claims at once, and an index from an id to where its row lies in the snapshot.

The snapshot stores no ids: hashes cannot be compressed, and those of millions of claims would outweigh the claims. The
index has a row for each of the first digits that a hash can begin with, which lists the blocks of rows that hold such a
hash; the few rows of those blocks that are of the release in question are then named and compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from keruen.contract import CONTENT

BLOCK = 25_000
"""Rows of a topic that the index tells apart; also the rows of a group in its Parquet file."""

DIGITS = 5
AT_ONCE = 250_000
FEW = 64


def _canonical(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Float64:
        size = column.abs()
        # Polars writes a float as Python does, but for those that Python writes with an exponent.
        plain = column.is_null() | ((size >= 1e-4) & (size < 1e15))
        said = column.cast(pl.String)
        if not plain.all():
            odd = (~plain).arg_true()
            said = said.scatter(odd, [repr(v + 0.0) for v in column.gather(odd).to_list()])
        return said.fill_null("")
    said = column.cast(pl.String)
    if column.dtype == pl.String and said.str.contains(r"[\\|]").any():
        said = said.str.replace_all("\\", "\\\\", literal=True).str.replace_all("|", "\\|", literal=True)
    return said.fill_null("")


def ids(table: pl.DataFrame) -> pl.Series:
    """The ids that :func:`keruen.contract.ids` gives, column by column: a million rows in about two seconds."""
    parts: list[pl.Expr | pl.Series] = []
    for column in (table[c] for c in CONTENT):
        parts.append(pl.lit("") if column.null_count() == len(column) else _canonical(column))
    said = table.select(pl.concat_str(parts, separator="|").cast(pl.Binary)).to_series().to_list()
    hashes = [hashlib.blake2b(row, digest_size=8).hexdigest() for row in said]
    return table.select(
        pl.concat_str(
            pl.col("release").fill_null("None"), pl.Series("hash", hashes, dtype=pl.String), separator=":"
        ).alias("id")
    ).to_series()


def named(table: pl.DataFrame) -> pl.DataFrame:
    """The table with its ids in a column ``id``."""
    return table.with_columns(ids(table))


def index(tables: Sequence[Path]) -> pl.DataFrame:
    """The blocks of rows, counted over all tables in turn, in which hashes that begin with some digits lie.

    Parameters
    ----------
    tables
        Parquet files of claims.

    Returns
    -------
    A row for every number that :data:`DIGITS` hexadecimal digits can be, in order: ``block``, a list, absent where no
    claim has such a hash.
    """
    entries, first = [], 0
    for path in tables:
        rows = pl.scan_parquet(path, glob=False)
        count = rows.select(pl.len()).collect().item()
        for at in range(0, count, AT_ONCE):
            hashes = ids(rows.slice(at, AT_ONCE).collect())
            digits = hashes.str.slice(-16, DIGITS).str.to_integer(base=16, dtype=pl.UInt32)
            block = pl.int_range(at, at + len(hashes), eager=True) // BLOCK + first
            entries.append(pl.DataFrame({"digits": digits, "block": block.cast(pl.UInt16)}).unique())
        first += blocks_of(count)
    every = pl.DataFrame({"digits": pl.int_range(16**DIGITS, dtype=pl.UInt32, eager=True)})
    if not entries:
        return every.select(block=pl.lit(None, pl.List(pl.UInt16)))
    held = pl.concat(entries).unique().sort("digits", "block").group_by("digits", maintain_order=True).agg("block")
    return every.join(held, on="digits", how="left", maintain_order="left").select("block")


def blocks_of(rows: int) -> int:
    """How many blocks so many rows make."""
    return -(-rows // BLOCK)


def blocks(path: Path, keys: Iterable[str]) -> list[int]:
    """The blocks that may hold some ids, by an index in a file. What cannot be an id lies in none."""
    digits = sorted({int(m[1][:DIGITS], 16) for m in (re.search(r":([0-9a-f]{16})$", key) for key in keys) if m})
    if len(digits) > FEW:
        found = pl.read_parquet(path, glob=False)["block"].gather(digits)
    elif digits:
        rows = pl.scan_parquet(path, glob=False)
        found = pl.concat(pl.collect_all([rows.slice(d, 1) for d in digits]))["block"]
    else:
        return []
    return sorted(found.explode().drop_nulls().unique().to_list())
