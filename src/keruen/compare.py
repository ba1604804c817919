"""Places side by side: for each period the newest figure, and the range of all rival claims."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from keruen.disagreement import disagreement
from keruen.places import place as one_place
from keruen.provenance import releases


def compare(
    places: Sequence[str],
    measure: str = "net_migration",
    *,
    since: str | int | date | None = None,
    until: str | int | date | None = None,
    as_of: str | date | None = None,
    strict: bool = False,
) -> pl.DataFrame:
    """Places side by side: for each period the newest figure and the range of all rival claims.

    Parameters
    ----------
    places
        Codes or names.
    measure
        A measure of the vocabulary.
    since, until, as_of, strict
        As in :func:`keruen.evidence`.

    Returns
    -------
    One row a place and period: ``place``, ``name``, ``start``, ``end``, ``newest``, ``newest_release``, ``lowest``,
    ``highest``, ``rivals``, ``sign_flips``, ``unit``, ``id``.

    Examples
    --------
    >>> compare(["KAZ", "UZB"])["place"].unique().sort().to_list()
    ['KAZ', 'UZB']
    """
    tables = []
    for name in places:
        found = one_place(name)
        rows = disagreement(found.code, measure, since=since, until=until, as_of=as_of, strict=strict)
        rows = rows.filter("taken").drop_nulls("value")
        # Who repeats another publisher's edition is younger than it, and no witness.
        family = {k: c.family or k for k, c in releases().items()}
        of, by = (pl.col(c).replace_strict(family, default=pl.col(c)) for c in ("copy_of", "release"))
        rows = rows.filter(pl.col("copy_of").is_null() | (of == by))
        newest = rows.sort("known", maintain_order=True).group_by("start", "end", maintain_order=True).last()
        tables.append(
            newest.select(
                pl.lit(found.code).alias("place"), pl.lit(found.name).alias("name"), "start", "end",
                pl.col("value").alias("newest"), pl.col("release").alias("newest_release"), "status",
                "lowest", "highest", "rivals", "sign_flips", "unit", "id",
            )
        )  # fmt: skip
    return pl.concat(tables).sort("start", "end", "place")


def side_by_side(table: pl.DataFrame, since: int = 1990, until: date | None = None) -> pl.DataFrame:
    """Rows of :func:`compare` as one reads them: a line a period, for each place the newest, lowest and highest figure.

    Parameters
    ----------
    table
        Of :func:`compare`.
    since
        First year; earlier periods are left out.
    until
        Periods that end later are left out: they were not over. By default the last day of the newest figure that is
        no projection.

    Returns
    -------
    ``start``, ``end``, and for each place ``CODE``, ``CODE lowest`` and ``CODE highest``. Where five-year figures are
    told, they alone; periods that every place's newest edition only projects are left out.

    Examples
    --------
    >>> side_by_side(compare(["KAZ", "UZB"])).columns[:5]
    ['start', 'end', 'KAZ', 'KAZ lowest', 'KAZ highest']
    """
    last: Any = until or table.filter(pl.col("status") != "projection")["end"].max()
    rows = table.filter((pl.col("start").dt.year() >= since) & (pl.col("end") <= last))
    five = rows.filter((pl.col("end").dt.year() - pl.col("start").dt.year() == 5) & (pl.col("start").dt.month() == 7))
    rows = five if len(five) else rows
    over = rows.filter(pl.col("status") != "projection").select("start", "end").unique()
    rows = rows.join(over, on=["start", "end"], how="semi")
    out = rows.select("start", "end").unique().sort("start", "end")
    for (code,), part in rows.sort("place", maintain_order=True).group_by("place", maintain_order=True):
        mine = part.unique(["start", "end"], keep="last", maintain_order=True).select(
            "start", "end", pl.col("newest").alias(str(code)), pl.col("lowest").alias(f"{code} lowest"),
            pl.col("highest").alias(f"{code} highest"),
        )  # fmt: skip
        out = out.join(mine, on=["start", "end"], how="left")
    return out
