"""Claims to yearly figures: transfers, stocks, inflows, incomes. Of the store nothing is read here but its cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
import xarray as xr

from keruen import store
from keruen.errors import NoEvidence
from keruen.estimators.corridors import Array, spread
from keruen.places import places
from keruen.provenance import releases


def by_age(names: Iterable[str]) -> list[str]:
    """Releases, oldest first, by the day of release on their cards; the user's own among them.

    Examples
    --------
    >>> by_age(["world-bank-wdi-2026", "unsd-ama-2025", "world-bank-wdi-2022"])
    ['world-bank-wdi-2022', 'unsd-ama-2025', 'world-bank-wdi-2026']
    """
    cards = store.cards()
    return sorted({str(n) for n in names}, key=lambda r: (cards[r].released if r in cards else date.min, r))


def of_all(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims of a whole place and of everybody: no part of its territory, no sex, age or group apart."""
    return claims.filter(pl.all_horizontal(pl.col(c) == "all" for c in ("sex", "age", "group")))


def _yearly(claims: pl.DataFrame, measure: str) -> pl.DataFrame:
    """What is told of a measure for calendar years, of whole places and of all other ends together."""
    return calendar_years(of_all(claims).filter((pl.col("measure") == measure) & pl.col("counterpart").is_null()))


def calendar_years(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims over one calendar year, with the column ``year``."""
    start, end = pl.col("start").dt, pl.col("end").dt
    whole = (start.month() == 1) & (start.day() == 1) & (end.month() == 1) & (end.day() == 1)
    return claims.filter(whole & (end.year() - start.year() == 1) & pl.col("value").is_not_null()).with_columns(
        year=start.year()
    )


def yearly_transfers(claims: pl.DataFrame) -> pl.DataFrame:
    """Money transfers by calendar year: as reported, and as sums of twelve months or four quarters.

    Figures of everybody alone. A year to date is not a year and is left out. Sums never cross a release or a
    definition; they carry the ids of their parts in ``derived_from``.

    Parameters
    ----------
    claims
        Claims of ``money_transfers``, with ids.

    Returns
    -------
    The claims, with ``year``; our sums have ``convention`` set.
    """
    told = of_all(claims).filter((pl.col("measure") == "money_transfers") & pl.col("value").is_not_null())
    whole = calendar_years(told)
    months = (
        (pl.col("end").dt.year() - pl.col("start").dt.year()) * 12
        + pl.col("end").dt.month()
        - pl.col("start").dt.month()
    ).cast(pl.Int32)
    cell = ["stream", "place", "counterpart", "basis", "group", "release", "definition", "year", "months"]
    parts = told.with_columns(year=pl.col("start").dt.year(), months=months).filter(pl.col("months").is_in([1, 3]))
    parts = parts.unique([*cell, "start"], keep="first", maintain_order=True)
    sums = (
        parts.sort("start")
        .group_by(cell, maintain_order=True)
        .agg(
            pl.col("value").sum(),
            pl.len().alias("_n"),
            pl.col("known").max(),
            pl.col("id").str.join(" ").alias("derived_from"),
            *(pl.col(c).first() for c in ("measure", "sex", "age", "status", "source", "unit") if c in parts.columns),
        )
        .filter(pl.col("_n") * pl.col("months") == 12)
        .with_columns(
            start=pl.date(pl.col("year"), 1, 1),
            end=pl.date(pl.col("year") + 1, 1, 1),
            convention=pl.format("sum of {} parts of the year", pl.col("_n")),
            id=pl.col("derived_from"),
        )
        .drop("_n", "months")
    )
    return pl.concat([whole, sums.select(c for c in sums.columns if c in whole.columns)], how="diagonal_relaxed")


def yearly_stocks(claims: pl.DataFrame, year: int, codes: Sequence[str]) -> dict[str, xr.DataArray]:
    """The stock of a year in every edition: persons by birthplace and residence.

    Parameters
    ----------
    claims
        Claims of ``stock`` by birthplace; sexes together.
    year
        Interpolated linearly between an edition's two nearest points; held before its first and after its last.
    codes
        The places, which label both ends.

    Returns
    -------
    By release, oldest first. Corridors that an edition does not print are zero, a rule that holds where the origins
    of a place sum to its total.
    """
    told = (
        of_all(claims)
        .filter((pl.col("measure") == "stock") & pl.col("counterpart").is_not_null() & pl.col("value").is_not_null())
        .select("place", "counterpart", "value", pl.col("release").cast(pl.String), at=pl.col("start").dt.year())
    )
    made: dict[str, xr.DataArray] = {}
    for name in by_age(told["release"]):
        mine = told.filter(pl.col("release") == name)
        points = sorted(mine["at"].unique())
        before = max((p for p in points if p <= year), default=points[0])
        after = min((p for p in points if p >= year), default=points[-1])
        part = (year - before) / (after - before) if before < year < after else 0.0
        first = spread(mine.filter(pl.col("at") == before), codes, "counterpart", "place", "value", 0.0)
        table = first.values
        if part:
            later = spread(mine.filter(pl.col("at") == after), codes, "counterpart", "place", "value", 0.0).values
            table = (1 - part) * table + part * later
        made[name] = xr.DataArray(
            table, dims=("birthplace", "residence"), coords={"birthplace": list(codes), "residence": list(codes)},
            attrs={"points": sorted({before, after}) if part else [before], "units": "persons"},
        )  # fmt: skip
    return made


def newest(claims: pl.DataFrame, measure: str, year: int) -> pl.DataFrame:
    """One value a place for a year: that of the newest edition, with its release and id."""
    told = _yearly(claims, measure).filter(pl.col("year") == year)
    release = pl.col("release").cast(pl.String)
    age = {r: n for n, r in enumerate(by_age(told["release"]))}
    return (
        told.with_columns(_age=release.replace_strict(age, default=None, return_dtype=pl.Int32))
        .sort("_age", "known", "id")
        .unique("place", keep="last", maintain_order=True)
        .select("place", "value", "release", "id")
        .sort("place")
    )  # fmt: skip


def latest(claims: pl.DataFrame, measure: str) -> pl.DataFrame:
    """All calendar years of a measure from its newest edition: ``place``, ``year``, ``value``, ``release``, ``id``.

    Changes from year to year must not cross editions, so the edition that came out last gives the whole series. The
    user's own figures that came out later still give the series of a place, if they tell two years in a row of it.
    """
    told = _yearly(claims, measure).select("place", "year", "value", "release", "id")
    names = by_age(told["release"])
    if not names:
        return told
    chosen = next((n for n in reversed(names) if n in releases()), names[-1])
    made = told.filter(pl.col("release") == chosen)
    for name in names[names.index(chosen) + 1 :]:
        own = told.filter(pl.col("release") == name).sort("place", "year")
        own = own.filter((pl.col("year").diff() == 1).any().over("place"))
        made = pl.concat([made.join(own, on="place", how="anti"), own])
    return made


def latest_by_year(claims: pl.DataFrame, measure: str) -> dict[int, dict[str, float]]:
    """Values by year and place, each of the newest edition that holds it."""
    told = _yearly(claims, measure)
    made: dict[int, dict[str, float]] = {}
    for name in by_age(told["release"]):
        for year, place, value in told.filter(pl.col("release") == name).select("year", "place", "value").iter_rows():
            made.setdefault(year, {})[place] = value
    return made


def rival_inflows(claims: pl.DataFrame, year: int, codes: Sequence[str], rng: np.random.Generator, draws: int) -> Array:
    """Draws of the inflow of a year, shape (draw, place); one draw is the newest edition's."""
    told = calendar_years(of_all(claims)).filter((pl.col("year") == year) & pl.col("counterpart").is_null())
    names = by_age(told["release"])
    at = {c: i for i, c in enumerate(codes)}
    table = np.full((len(names), len(codes)), np.nan)
    for n, name in enumerate(names):
        for place, value in told.filter(pl.col("release") == name).select("place", "value").iter_rows():
            if place in at:
                table[n, at[place]] = value
    there = ~np.isnan(table)
    if draws == 1:
        pick = np.array([[max(np.flatnonzero(there[:, i]), default=0) for i in range(len(codes))]])
    else:
        pick = np.where(there | ~there.any(axis=0), rng.random((draws, *table.shape)), -1.0).argmax(axis=1)
        pick[0] = [max(np.flatnonzero(there[:, i]), default=0) for i in range(len(codes))]
    return np.take_along_axis(table, pick, axis=0)


def filled_incomes(income: Mapping[str, float], codes: Iterable[str]) -> tuple[xr.DataArray, list[str]]:
    """Incomes per head of all places; where nobody reported one, the median of its subregion, or of its region.

    Returns
    -------
    The incomes, dims (place,), and the places that were filled.
    """
    known = places()
    codes = list(codes)
    groups: dict[str, list[float]] = {}
    for code, value in income.items():
        if code in known and np.isfinite(value):
            for name in (known[code].subregion, known[code].region, "world"):
                groups.setdefault(name, []).append(value)
    values, filled = [], []
    for code in codes:
        if code in income and np.isfinite(income[code]):
            values.append(income[code])
            continue
        filled.append(code)
        near = next((groups[g] for g in (known[code].subregion, known[code].region, "world") if g in groups), None)
        if near is None:
            raise NoEvidence(f"No income per head of {code} or of any place near it; give income=.")
        values.append(float(np.median(near)))
    return xr.DataArray(np.array(values), dims="place", coords={"place": codes}), filled
