"""The world's remittances from every host to every home: Keruen's matrix, the published ones, reported transfers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
import xarray as xr

from keruen import snapshot, store
from keruen.errors import NoEvidence, VocabularyError
from keruen.estimators.corridors import BETA, matrix, rival_stocks, spread
from keruen.places import countries
from keruen.provenance import day, releases
from keruen.vocabulary import suggest
from keruen.yearly import filled_incomes, newest, rival_inflows, yearly_stocks, yearly_transfers

ABSENT_IS_ZERO = "corridors that an edition does not print are read as empty: its origins sum to its totals"


MID = "a year's stock is interpolated between an edition's points; before the first and after the last it is held"


STOCKS = "un-ims"
"""The family of editions of the stock by birthplace and residence, world-wide."""


PRICES = {"current": "gdp_per_capita", "ppp": "gdp_per_capita_ppp"}
"""Income per head at market prices and rates, or at purchasing power."""


SPEAKS = 5
"""For so many years after its last point an edition still speaks; then it is no witness any more."""


def stock_editions(as_of: str | date | None, chosen: Sequence[str] | None = None) -> list[str]:
    """Editions of the stock known on a day, oldest first; of those that were chosen, if any were."""
    until = day(as_of, last=True) if as_of is not None else None
    known = [r for r in releases().values() if r.family == STOCKS and (until is None or r.released <= until)]
    keys = [r.key for r in sorted(known, key=lambda r: r.released)]
    for name in chosen or ():
        if name not in keys:
            raise VocabularyError(f"{name!r} is not an edition of the stock known then. {suggest(name, keys)}")
    return [k for k in keys if chosen is None or k in chosen]


def newest_edition(as_of: str | date | None = None) -> str:
    """The newest edition of the stock that was known on a day.

    Raises
    ------
    NoEvidence
        If there was none.
    """
    names = stock_editions(as_of)
    if not names:
        raise NoEvidence(f"No edition of the stock was known on {as_of}; the first came out in January 2016.")
    return names[-1]


def world_stocks(
    year: int, *, editions: Sequence[str] | None = None, as_of: str | date | None = None
) -> dict[str, xr.DataArray]:
    """The world's stock of a year in every edition that speaks of it, by birthplace and residence.

    Raises
    ------
    NoEvidence
        If no edition known on that day speaks of the year.
    """
    rows = store.evidence(
        measure="stock", release=stock_editions(as_of, editions), sex="all", as_of=as_of,
        since=f"{year - SPEAKS}-01-01", until=f"{year + SPEAKS}-12-31",
        columns=["measure", "place", "counterpart", "sex", "age", "group", "start", "value", "release"],
    )  # fmt: skip
    if rows.is_empty():
        raise NoEvidence(f"No edition of the stock speaks of {year}; they cover 1990 to 2024, and five years more.")
    return yearly_stocks(rows, year, [p.code for p in countries()])


def known_hosts(names: Sequence[str]) -> dict[str, list[str]]:
    """Of which hosts each edition of the stock tells whence their people came.

    An edition that tells a host's total alone, all of it from elsewhere, does not know its people: absent is not zero.
    """
    rows = (
        snapshot.scan(["stock"])
        .filter(
            pl.col("release").cast(pl.String).is_in(list(names))
            & pl.col("counterpart").cast(pl.String).is_in([p.code for p in countries()])
            & (pl.col("value") > 0)
        )
        .select(pl.col("release").cast(pl.String), pl.col("place").cast(pl.String))
        .unique()
        .collect()
    )
    return {name: rows.filter(pl.col("release") == name)["place"].to_list() for name in names}


def _income(
    year: int, codes: Sequence[str], as_of: str | date | None, prices: str
) -> tuple[xr.DataArray, list[str], list[str]]:
    if prices not in PRICES:
        raise VocabularyError(f"{prices!r} is not a price level of incomes. {suggest(prices, PRICES)}")
    word = PRICES[prices]
    told = newest(store.evidence(measure=word, since=f"{year}-01-01", until=f"{year}-12-31", as_of=as_of), word, year)
    filled, lacking = filled_incomes(dict(zip(told["place"], told["value"], strict=True)), codes)
    return filled, lacking, sorted(told["release"].cast(pl.String).unique())


def remittance_matrix(
    year: int,
    *,
    method: str = "ratha_shaw",
    beta: float = BETA,
    edition: str | Sequence[str] | None = None,
    inflows: xr.DataArray | None = None,
    stock: xr.DataArray | Mapping[str, xr.DataArray] | None = None,
    income: xr.DataArray | None = None,
    prices: str = "current",
    draws: int = 1,
    seed: int = 0,
    as_of: str | date | None = None,
) -> xr.DataArray:
    """The world's remittances of a year, from every host to every home.

    Parameters
    ----------
    year
        A calendar year.
    method, beta
        How migrants are weighed, see :func:`per_migrant`.
    edition
        One edition of the stock, or several; by default all that speak of the year.
    inflows, stock, income
        Your own in place of the evidence: USD by ``receiving``; persons by (birthplace, residence), or several by
        name; income per head by ``place``.
    prices
        Of incomes taken from the evidence: ``current`` USD, or ``ppp``, which comes nearer to the published matrices.
    draws
        One is the newest edition; more draw each host's migrants from rival editions, and each inflow from its rival
        editions.
    seed
        Of the random draws.
    as_of
        Only what was known on that day.

    Returns
    -------
    USD, dims (draw, receiving, sending). ``attrs`` tell method, editions, conventions, places whose income was filled
    from their neighbours (``filled_incomes``) and inflows that no stock could allocate (``unallocated``).

    References
    ----------
    Ratha and Shaw (2007), South-South Migration and Remittances, World Bank Working Paper 102.
    """
    rng = np.random.default_rng(seed)
    chosen = [edition] if isinstance(edition, str) else edition
    if isinstance(stock, xr.DataArray):
        people, names = stock, ["own"]
    else:
        tables = dict(stock) if stock is not None else world_stocks(year, editions=chosen, as_of=as_of)
        known = known_hosts(list(tables)) if stock is None else None
        people, names = rival_stocks(tables, rng, draws, known), list(tables)
    codes = [str(c) for c in people["birthplace"].values]
    money_releases: list[str] = []
    if inflows is None:
        told = store.evidence(
            measure="remittances_received", since=f"{year}-01-01", until=f"{year}-12-31", as_of=as_of
        )  # fmt: skip
        if told.is_empty():
            raise NoEvidence(f"Nobody reported remittances received in {year}; give inflows=.")
        rivals = rival_inflows(told, year, codes, rng, draws)
        money_releases = sorted(told["release"].cast(pl.String).unique())
    else:
        rivals = np.broadcast_to(inflows.reindex(receiving=codes).values.astype(float), (1, len(codes)))
    filled: list[str] = []
    income_releases: list[str] = []
    if income is None and method != "stocks":
        income, filled, income_releases = _income(year, codes, as_of, prices)
    first = xr.DataArray(rivals[0], dims="receiving", coords={"receiving": codes})
    made = matrix(first, people, income, method=method, beta=beta)
    if len(rivals) > 1:  # every row is its share of the inflow of that draw
        part = matrix(xr.ones_like(first), people, income, method=method, beta=beta)
        part = part.isel(draw=0, drop=True) if part.sizes["draw"] == 1 else part
        money = xr.DataArray(rivals, dims=("draw", "receiving"), coords={"draw": np.arange(draws), "receiving": codes})
        made = (part * money).rename("remittances").assign_attrs(made.attrs)
    made.attrs |= {
        "year": year, "editions": names, "filled_incomes": filled, "conventions": [ABSENT_IS_ZERO, MID],
        "releases": sorted({*(n for n in names if n in releases()), *money_releases, *income_releases}),
    }  # fmt: skip
    return made.transpose("draw", "receiving", "sending")


def published_matrix(release: str) -> xr.DataArray:
    """One of the World Bank's bilateral matrices: USD, dims (receiving, sending); what it does not print is absent.

    Examples
    --------
    >>> published_matrix("world-bank-remittances-2022-12").attrs["year"]
    2021
    """
    rows = store.evidence(measure="remittances", release=release)
    rows = rows.filter(pl.col("counterpart").is_not_null())
    if rows.is_empty():
        raise NoEvidence(f"The release {release!r} holds no bilateral remittances.")
    codes = [p.code for p in countries()]
    made = spread(rows, codes, "place", "counterpart", "value", np.nan)
    made = made.rename(place="receiving", counterpart="sending")
    made.attrs |= {"units": "USD", "release": release, "year": rows["start"].dt.year().max()}
    return made


def compare_with_transfers(made: xr.DataArray, year: int, *, as_of: str | date | None = None) -> pl.DataFrame:
    """A matrix against transfers that banks reported: corridor by corridor, with the log of the ratio.

    Transfers are another quantity than remittances of the balance of payments: the log ratio mixes the model's error
    with the difference of definition. It is a check of order and size, not a fit.
    """
    told = yearly_transfers(
        store.evidence(measure="money_transfers", since=f"{year}-01-01", until=f"{year}-12-31", as_of=as_of)
    )
    known = {str(c) for c in made["receiving"].values}
    told = told.filter(
        (pl.col("year") == year)
        & pl.col("counterpart").is_in(known)
        & pl.col("place").is_in(known)
        & (pl.col("value") > 0)
    ).select("year", "place", "counterpart", "value", "definition", "release", "id")
    ours = made.median("draw") if "draw" in made.dims else made
    return told.with_columns(
        modelled=pl.Series(
            [float(ours.sel(receiving=r, sending=s)) for r, s in told.select("place", "counterpart").iter_rows()],
            dtype=pl.Float64,
        )
    ).with_columns(log_ratio=(pl.col("modelled") / pl.col("value")).log())
