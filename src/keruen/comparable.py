"""Which claims can be set side by side: one row a figure, and sums of yearly figures over longer windows."""

from __future__ import annotations

from typing import Any

import polars as pl

from keruen import contract
from keruen.provenance import releases
from keruen.vocabulary import measure as word

SERIES = ["measure", "stream", "place", "counterpart", "basis", "sex", "age", "group", "definition", "release"]
HALF = "sum of calendar years, half weights at both ends"
CALENDAR = "sum of calendar years"
DEFINITIONS_OF_VARIANTS = ("un_projection_low_fertility", "un_projection_high_fertility")


def month_number(column: pl.Expr) -> pl.Expr:
    """Months counted on from year to year, so that two days lie as many apart as their numbers."""
    return column.dt.year().cast(pl.Int32) * 12 + column.dt.month().cast(pl.Int32)


def central(table: pl.DataFrame) -> pl.DataFrame:
    """One row a figure: the rows that tell its 80% and its 95% interval are one claim.

    The 80% row is kept; retractions and texts have no figure and are left out.
    """
    told = table.filter(pl.col("value").is_not_null() | pl.col("low").is_not_null() | pl.col("high").is_not_null())
    cell = [*SERIES, "start", "end", "value", "status", "convention"]
    return told.sort("level", nulls_last=False, maintain_order=True).unique(cell, keep="first", maintain_order=True)


def sums(table: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Sums of yearly claims over longer windows, each a claim with its parts and its convention.

    Parameters
    ----------
    table
        Claims with ids; those over one calendar year are summed.
    windows
        Columns ``start``, ``end``. A window that begins in mid-year is filled twice: with half weights for the two
        years it cuts, and with the calendar years that begin inside it.

    Returns
    -------
    Claims, with ``derived_from`` (ids of the parts) and ``convention``. A sum with a part missing is not made.
    """
    yearly = central(table).filter(
        (month_number(pl.col("end")) - month_number(pl.col("start")) == 12)
        & (pl.col("start").dt.month() == 1)
        & (pl.col("start").dt.day() == 1)
        & pl.col("value").is_not_null()
        & pl.col("derived_from").is_null()
    )
    spans = (
        windows.select("start", "end").unique().filter(month_number(pl.col("end")) - month_number(pl.col("start")) > 12)
    )
    if yearly.is_empty() or spans.is_empty():
        return table.clear()
    cut = spans.with_columns(_from="start", _to="end", _convention=pl.lit(CALENDAR))
    mid = pl.col("start").dt.month() == 7
    half = cut.filter(mid).with_columns(_convention=pl.lit(HALF))
    whole = cut.filter(mid).with_columns(
        _from=pl.date(pl.col("start").dt.year(), 1, 1), _to=pl.date(pl.col("end").dt.year(), 1, 1)
    )
    plans = pl.concat([cut.filter(~mid & (pl.col("start").dt.month() == 1)), half, whole])
    parts = yearly.select(*SERIES, "value", "status", "known", "known_basis", "copy_of", "id", "printed_unit",
                          pl.col("start").alias("_s"), pl.col("end").alias("_e"))  # fmt: skip
    # Window by window: joined all at once, the years of the world would stand in memory once for every window.
    summed = pl.concat([_summed(parts, plan) for plan in plans.iter_rows(named=True)])
    named = pl.format(
        "{} {}–{}", pl.lit(CALENDAR), pl.col("_from").dt.year(), pl.col("_to").dt.year() - 1
    )  # the years are named, for they are not the window
    summed = summed.with_columns(
        convention=pl.when(pl.col("_convention") == HALF).then(pl.lit(HALF)).otherwise(named),
        value=pl.col("value").round(6),
    ).drop("_from", "_to", "_convention")
    made = contract.claims(summed)
    return _dressed(made, table)


def sums_of_other_years() -> pl.Expr:
    """Whether a row of :func:`sums` adds calendar years that are not those of its window, which begins in mid-year."""
    told = pl.col("convention").fill_null("")
    return told.str.starts_with(CALENDAR) & (told != HALF) & (pl.col("start").dt.month() != 1)


def _summed(parts: pl.DataFrame, plan: dict[str, Any]) -> pl.DataFrame:
    """Sums of one window by one convention, where no year of it is missing."""
    first, last = pl.lit(plan["_from"]), pl.lit(plan["_to"])
    overlap = pl.min_horizontal(month_number(pl.col("_e")), month_number(last)) - pl.max_horizontal(
        month_number(pl.col("_s")), month_number(first)
    )
    months = (plan["_to"].year - plan["_from"].year) * 12 + plan["_to"].month - plan["_from"].month
    return (
        parts.filter((pl.col("_s") < plan["_to"]) & (pl.col("_e") > plan["_from"]))
        .with_columns(_overlap=overlap)
        .sort("_s")
        .group_by(SERIES, maintain_order=True)
        .agg(
            (pl.col("value") * pl.col("_overlap") / 12).sum().alias("value"),
            pl.col("_overlap").sum(),
            pl.len().alias("_parts"),
            pl.col("_s").n_unique().alias("_years"),
            pl.when((pl.col("status") == "projection").any())
            .then(pl.lit("projection"))
            .otherwise(pl.col("status").first())
            .alias("status"),
            pl.col("known").max(),
            pl.when((pl.col("known_basis") == "publication lag").any())
            .then(pl.lit("publication lag"))
            .otherwise(pl.col("known_basis").first())
            .alias("known_basis"),
            pl.when(pl.col("copy_of").is_not_null().all() & (pl.col("copy_of").n_unique() == 1))
            .then(pl.col("copy_of").first())
            .otherwise(pl.lit(None, pl.String))
            .alias("copy_of"),
            pl.col("id").str.join(" ").alias("derived_from"),
        )
        .filter((pl.col("_overlap") == months) & (pl.col("_parts") == pl.col("_years")))
        .drop("_overlap", "_parts", "_years")
        .with_columns(pl.lit(v).alias(k) for k, v in plan.items())
    )


def _dressed(made: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """Our own claims with the columns that a query's result has."""
    cards = releases()
    lookup = like.select("release", "source", "own").unique("release")
    return (
        made.with_columns(contract.ids(made))
        .join(lookup, on="release", how="left", maintain_order="left")
        .with_columns(
            unit=pl.col("measure").replace_strict(
                {m: word(m).unit for m in made["measure"].unique()}, return_dtype=pl.String
            ),
            printed=pl.lit(None, pl.Float64),
            source=pl.coalesce(
                "source", pl.col("release").replace_strict({k: c.source for k, c in cards.items()}, default=None)
            ),
        )
        .select(like.columns)
    )
