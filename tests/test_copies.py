"""Rows that repeat others, or are part of what others tell."""

import polars as pl

from keruen.copies import WHOLE, wholes
from keruen.store import evidence


def test_wholes__a_group_of_places_beside_all_of_them_is_a_part():
    """Tajikistan's foreign workers: those from the CIS and from elsewhere add to all, and are no rivals of them."""
    rows = evidence("TJK", "labour_migrants", stream="labour_registered")
    ends = rows.pivot(on="counterpart", index="start", values="value", aggregate_function="sum")
    assert len(ends) == 6
    assert (ends["_CIS"] + ends["_NON_CIS"] == ends["null"]).all()
    whole = wholes(rows.filter(pl.col("counterpart").is_null() | pl.col("counterpart").str.starts_with("_")))
    assert whole["counterpart"].null_count() == len(whole) == 6


def test_wholes__a_group_told_alone_stays():
    """Kazakhstan's amnesty of 2006 was told for citizens of the CIS alone."""
    rows = evidence("KAZ", "regularised", stream="labour_unregistered")
    assert 164_586 in wholes(rows)["value"].to_list()


def test_wholes__groups_that_cover_all_places_add_to_the_whole():
    """What makes a group a part: on every page that tells the CIS, the rest and all, the first two are the third."""
    told = evidence(status="press").filter(
        pl.col("counterpart").is_null() | pl.col("counterpart").is_in(["_CIS", "_NON_CIS"])
    )
    cells = (
        told.with_columns(end_=pl.col("counterpart").fill_null("whole"))
        .pivot(on="end_", index=[*WHOLE, "release"], values="value", aggregate_function="first")
        .drop_nulls(["whole", "_CIS", "_NON_CIS"])
    )
    assert len(cells) > 10
    apart = (cells["_CIS"] + cells["_NON_CIS"] - cells["whole"]).abs() / cells["whole"].abs()
    assert apart.max() < 0.005  # some pages round to hundreds
