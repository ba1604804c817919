"""What the two ends of a corridor say of the same people."""

from __future__ import annotations

from datetime import date

import polars as pl

from keruen import store
from keruen.places import place as one_place


def double_entry(
    origin: str, destination: str, *, as_of: str | date | None = None, strict: bool = False
) -> pl.DataFrame:
    """What the sender says against what the receiver says, year by year.

    Parameters
    ----------
    origin, destination
        Two places.
    as_of, strict
        As in :func:`keruen.evidence`.

    Returns
    -------
    One row a year and pair of claims: ``sent`` (departures, as the origin reports), ``received`` (arrivals, as the
    destination reports), their releases, definitions and ids, and ``ratio`` received over sent. A ratio far from one
    speaks of definitions as much as of errors: the two columns name them.

    Examples
    --------
    >>> double_entry("KAZ", "RUS").columns[:4]
    ['start', 'end', 'sent', 'received']
    """
    one, two = one_place(origin).code, one_place(destination).code
    whole = (
        (pl.col("sex") == "all") & (pl.col("age") == "all") & (pl.col("group") == "all") & pl.col("value").is_not_null()
    )
    keep = ["start", "end", "value", "definition", "release", "id", "known"]
    sent = (
        store.evidence(one, "emigration", counterpart=two, stream="all", as_of=as_of, strict=strict)
        .filter(whole)
        .select(keep)
    )
    told = store.evidence(two, "immigration", counterpart=one, stream="all", as_of=as_of, strict=strict)
    received = told.filter(whole & (pl.col("basis").fill_null("residence") == "residence")).select(keep)
    both = sent.join(received, on=["start", "end"], how="full", coalesce=True, suffix="_received")
    return both.select(
        "start", "end", pl.col("value").alias("sent"), pl.col("value_received").alias("received"),
        pl.when(pl.col("value") > 0).then(pl.col("value_received") / pl.col("value")).alias("ratio"),
        pl.col("definition").alias("definition_sent"), "definition_received",
        pl.col("release").alias("release_sent"), "release_received", pl.col("id").alias("id_sent"), "id_received",
    ).sort("start", "end", "release_sent", "release_received", nulls_last=True)  # fmt: skip
