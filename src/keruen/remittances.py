"""Who receives money from whom: inflows, modelled matrices and reported transfers, kept apart; shares of GDP.

Three quantities share the word. Remittances of the balance of payments (`remittances_received`) say how much arrives
from everywhere. Matrices (`remittances`) are models that spread those inflows over hosts by stocks and incomes. Money
transfers (`money_transfers`) were reported by banks and transfer systems, corridor by corridor. No number here adds
one to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import xarray as xr

from keruen import snapshot, store
from keruen.errors import NoEvidence, VocabularyError
from keruen.estimators.corridors import BETA, Array, concentration, matrix, per_migrant, picked, rival_stocks, spread
from keruen.places import countries, places
from keruen.places import place as one_place
from keruen.provenance import releases
from keruen.vocabulary import suggest

ABSENT_IS_ZERO = "corridors that an edition does not print are read as empty: its origins sum to its totals"
MID = "a year's stock is interpolated between an edition's points; before the first and after the last it is held"


# ---------------------------------------------------------------- claims, still without a store


def _yearly(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims over one calendar year, with the column ``year``."""
    start, end = pl.col("start").dt, pl.col("end").dt
    whole = (start.month() == 1) & (start.day() == 1) & (end.month() == 1) & (end.day() == 1)
    return claims.filter(whole & (end.year() - start.year() == 1) & pl.col("value").is_not_null()).with_columns(
        year=start.year()
    )


def yearly_transfers(claims: pl.DataFrame) -> pl.DataFrame:
    """Money transfers by calendar year: as reported, and as sums of twelve months or four quarters.

    A year to date is not a year and is left out. Sums never cross a release or a definition; they carry the ids of
    their parts in ``derived_from``.

    Parameters
    ----------
    claims
        Claims of ``money_transfers``, with ids.

    Returns
    -------
    The claims, with ``year``; our sums have ``convention`` set.
    """
    told = claims.filter((pl.col("measure") == "money_transfers") & pl.col("value").is_not_null())
    whole = _yearly(told)
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


SHARES = {
    "year": pl.Int32, "measure": pl.String, "counterpart": pl.String, "value_usd": pl.Float64, "share_gdp": pl.Float64,
    "release": pl.String, "gdp_release": pl.String, "derived": pl.Boolean, "convention": pl.String, "ids": pl.String,
}  # fmt: skip


def shares(claims: pl.DataFrame, *, matrices: bool = False) -> pl.DataFrame:
    """Every published share of GDP, and every share that a numerator and a GDP in these claims make.

    Parameters
    ----------
    claims
        Claims with ids about one place: ``remittances_received``, ``remittances_share_gdp``, ``money_transfers`` and
        ``gdp``, in any number of editions.
    matrices
        Also every corridor of the published matrices, models of ``remittances``.

    Returns
    -------
    One row for every numerator and edition of GDP: ``year``, ``measure``, ``counterpart`` (the sender, null for the
    whole world), ``value_usd``, ``share_gdp`` in percent, ``release`` and ``gdp_release``, ``derived`` (true for our
    arithmetic, false for a published share) and ``ids``. A numerator without a GDP of its year keeps a null share.
    """
    codes = claims["place"].unique().to_list()
    if len(codes) > 1:
        raise VocabularyError(f"These claims speak of {', '.join(sorted(codes)[:5])}; a share is of one place's GDP.")
    yearly = _yearly(claims)
    gdp = (
        yearly.filter(pl.col("measure") == "gdp")
        .select("year", gdp="value", gdp_release="release", gdp_id="id")
        .unique(["year", "gdp_release"], keep="last", maintain_order=True)
    )
    received = yearly.filter(pl.col("measure") == "remittances_received")
    modelled = yearly.filter(pl.col("measure") == "remittances") if matrices else yearly.clear()
    transfers = yearly_transfers(claims) if "money_transfers" in claims["measure"] else yearly.clear()
    money = pl.concat([received, modelled, transfers], how="diagonal_relaxed")
    ours = money.join(gdp, on="year", how="left", maintain_order="left").select(
        "year", "measure", "counterpart", pl.col("value").alias("value_usd"),
        (100 * pl.col("value") / pl.col("gdp")).alias("share_gdp"), "release", "gdp_release",
        pl.lit(True).alias("derived"), "convention",
        pl.concat_str("id", "gdp_id", separator=" ", ignore_nulls=True).alias("ids"),
    )  # fmt: skip
    published = yearly.filter(pl.col("measure") == "remittances_share_gdp").select(
        "year", "measure", "counterpart", pl.lit(None, pl.Float64).alias("value_usd"),
        pl.col("value").alias("share_gdp"), "release", pl.col("release").alias("gdp_release"),
        (pl.col("derived_from").is_not_null() | pl.col("definition").str.ends_with("_derived")).alias("derived"),
        "convention", pl.col("id").alias("ids"),
    )  # fmt: skip
    table = pl.concat([ours, published], how="vertical_relaxed").cast(SHARES)  # type: ignore[arg-type]
    return table.sort("year", "measure", "counterpart", "release", "gdp_release", nulls_last=True)


@dataclass(frozen=True, slots=True)
class Search:
    """Which shares lie in a range, and whether any of them means what was said.

    ``rows`` holds every share of :func:`shares` with ``within`` and ``means_it`` (the money came from the sender that
    was named); ``sentence`` says the outcome.
    """

    rows: pl.DataFrame = field(repr=False)
    sentence: str


def shares_within(table: pl.DataFrame, low: float, high: float, sender: str | None = None) -> Search:
    """Search every pair of numerator and denominator for a share in a range.

    Parameters
    ----------
    table
        From :func:`shares`.
    low, high
        Percent of GDP, both ends counted in.
    sender
        The place the money is said to come from; None for the whole world.
    """
    if not 0 <= low <= high:
        raise VocabularyError(f"The range {low:g}–{high:g} is not one; give percent, the lower end first.")
    rows = table.filter(pl.col("share_gdp").is_not_null()).with_columns(
        within=pl.col("share_gdp").is_between(low, high),
        means_it=pl.col("counterpart").eq_missing(pl.lit(sender, pl.String)),
    )
    hit = rows.filter("within")
    right = hit.filter("means_it")
    who = f"from {places()[sender].name}" if sender and sender in places() else "from the whole world"

    def listed(some: pl.DataFrame) -> str:
        told = [
            f"{r['year']} {r['measure'].replace('_', ' ')}{' from ' + r['counterpart'] if r['counterpart'] else ''} "
            f"{r['share_gdp']:.1f}% ({r['release']}"
            + (f" over GDP of {r['gdp_release']})" if r["gdp_release"] != r["release"] else ")")
            for r in some.iter_rows(named=True)
        ]
        return "; ".join(told[:6]) + (f"; and {len(told) - 6} more" if len(told) > 6 else "")

    head = f"Of {len(rows)} shares that the evidence makes, {len(hit)} lie within {low:g}–{high:g}%"
    if hit.is_empty():
        sentence = f"{head}."
    elif right.is_empty():
        sentence = f"{head}, and none of them means money {who}: {listed(hit)}."
    else:
        sentence = f"{head}, of which {len(right)} mean money {who}: {listed(right)}."
    return Search(rows, sentence)


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
    whole = pl.all_horizontal(pl.col(c) == "all" for c in ("sex", "age", "group"))
    told = claims.filter(
        (pl.col("measure") == "stock") & whole & pl.col("counterpart").is_not_null() & pl.col("value").is_not_null()
    ).select("place", "counterpart", "value", pl.col("release").cast(pl.String), at=pl.col("start").dt.year())
    cards = releases()
    names = sorted(told["release"].unique(), key=lambda r: (cards[r].released if r in cards else date.max, r))
    made: dict[str, xr.DataArray] = {}
    for name in names:
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
    cards = releases()
    told = _yearly(claims.filter((pl.col("measure") == measure) & pl.col("counterpart").is_null()))
    told = told.filter(pl.col("year") == year)
    release = pl.col("release").cast(pl.String)
    order = {r: (cards[r].released if r in cards else date.min) for r in told["release"].cast(pl.String).unique()}
    return (
        told.with_columns(_released=release.replace_strict(order, default=None, return_dtype=pl.Date))
        .sort("_released", "known", "id")
        .unique("place", keep="last", maintain_order=True)
        .select("place", "value", "release", "id")
        .sort("place")
    )  # fmt: skip


def latest(claims: pl.DataFrame, measure: str) -> pl.DataFrame:
    """All calendar years of a measure from its newest edition: ``place``, ``year``, ``value``, ``release``, ``id``.

    Changes from year to year must not cross editions, so the edition that came out last gives the whole series.
    """
    told = _yearly(claims.filter((pl.col("measure") == measure) & pl.col("counterpart").is_null()))
    if told.is_empty():
        return told.select("place", "year", "value", "release", "id")
    cards = releases()
    names = told["release"].cast(pl.String).unique().to_list()
    chosen = max(names, key=lambda r: (cards[r].released if r in cards else date.min, r))
    return told.filter(pl.col("release") == chosen).select("place", "year", "value", "release", "id")


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


# ---------------------------------------------------------------- questions to the evidence

STOCKS = "un-ims"
"""The family of editions of the stock by birthplace and residence, world-wide."""

PRICES = {"current": "gdp_per_capita", "ppp": "gdp_per_capita_ppp"}
"""Income per head at market prices and rates, or at purchasing power."""

SPEAKS = 5
"""For so many years after its last point an edition still speaks; then it is no witness any more."""


def _editions(as_of: str | date | None, chosen: Sequence[str] | None = None) -> list[str]:
    from keruen.provenance import day

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
    names = _editions(as_of)
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
        measure="stock", release=_editions(as_of, editions), sex="all", as_of=as_of,
        since=f"{year - SPEAKS}-01-01", until=f"{year + SPEAKS}-12-31",
        columns=["measure", "place", "counterpart", "sex", "age", "group", "start", "value", "release"],
    )  # fmt: skip
    if rows.is_empty():
        raise NoEvidence(f"No edition of the stock speaks of {year}; they cover 1990 to 2024, and five years more.")
    return yearly_stocks(rows, year, [p.code for p in countries()])


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
        people, names = rival_stocks(tables, rng, draws), list(tables)
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


def rival_inflows(claims: pl.DataFrame, year: int, codes: Sequence[str], rng: np.random.Generator, draws: int) -> Array:
    """Draws of the inflow of a year, shape (draw, place); one draw is the newest edition's."""
    cards = releases()
    told = _yearly(claims).filter((pl.col("year") == year) & pl.col("counterpart").is_null())
    names = sorted(
        told["release"].cast(pl.String).unique(), key=lambda r: (cards[r].released if r in cards else date.max, r)
    )
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


@dataclass(frozen=True, slots=True)
class Remittances:
    """What a place receives, from whom, and how much hangs on it.

    Attributes
    ----------
    place
        Its code.
    shares
        From :func:`shares`: every numerator over every edition of GDP, published shares apart.
    hosts
        Year by year and sender by sender: ``usd``, ``low80``, ``high80``, ``share_gdp``, ``method``, ``release``,
        ``ids``. Where there are draws, ``usd`` is their median; a row of medians need not sum to the inflow, every draw
        does. Methods: ``reported`` (money transfers), ``published`` (a World Bank matrix), ``ratha_shaw`` (ours).
    concentration
        By year and method: ``hhi``, ``effective``, ``largest``, ``largest_host``, 80% bounds where there are draws.
    ranking
        The place's rank in the world by share of GDP, by year and edition.
    gdp_release
        The edition over which shares of hosts are taken.
    """

    place: str
    shares: pl.DataFrame = field(repr=False)
    hosts: pl.DataFrame = field(repr=False)
    concentration: pl.DataFrame = field(repr=False)
    ranking: pl.DataFrame = field(repr=False)
    gdp_release: str | None
    ids: tuple[str, ...] = field(repr=False)
    releases: tuple[str, ...] = field(repr=False)


HOSTS = {
    "year": pl.Int32, "place": pl.String, "usd": pl.Float64, "low80": pl.Float64, "high80": pl.Float64,
    "share_gdp": pl.Float64, "method": pl.String, "release": pl.String, "status": pl.String, "ids": pl.String,
}  # fmt: skip
CONCENTRATION = {
    "year": pl.Int32, "method": pl.String, "release": pl.String, "hhi": pl.Float64, "hhi_low80": pl.Float64,
    "hhi_high80": pl.Float64, "effective": pl.Float64, "effective_low80": pl.Float64, "effective_high80": pl.Float64,
    "largest": pl.Float64, "largest_low80": pl.Float64, "largest_high80": pl.Float64, "largest_host": pl.String,
}  # fmt: skip
MONEY = ("remittances_received", "remittances_share_gdp", "money_transfers", "remittances", "gdp")


def remittances(
    place: str | int,
    *,
    since: int | None = None,
    until: int | None = None,
    method: str = "ratha_shaw",
    beta: float = BETA,
    draws: int = 400,
    seed: int = 0,
    as_of: str | date | None = None,
    strict: bool = False,
) -> Remittances:
    """What a place receives and from whom: three kinds of figures, kept apart, each over every edition of GDP.

    Parameters
    ----------
    place
        A code or a name.
    since, until
        First and last calendar year.
    method, beta, draws, seed
        Of the modelled hosts, see :func:`remittance_matrix`.
    as_of
        Only what was known on that day.
    strict
        Leave out what rests on a publication lag.

    Raises
    ------
    NoEvidence
        If nobody reported anything received.

    Examples
    --------
    >>> told = remittances("TJK", since=2012, until=2017)
    >>> told.hosts.filter((pl.col("method") == "reported") & (pl.col("year") == 2015))["usd"].to_list()
    [1278000000.0]
    """
    code = one_place(place).code
    told = store.evidence(code, MONEY, as_of=as_of, strict=strict)
    told = told.filter(
        (pl.lit(since is None) | (pl.col("end").dt.year() > (since or 0)))
        & (pl.lit(until is None) | (pl.col("start").dt.year() <= (until or 0)))
    )
    if told.filter(pl.col("measure") != "gdp").is_empty():
        raise NoEvidence(f"Nobody reported remittances or transfers received in {code} in these years.")
    table = shares(told)
    gdp = _one_gdp(told)
    ours, concentrated = _modelled(told, code, method, beta, draws, seed, as_of)
    hosts = pl.concat([_reported(told), _published(told), ours])
    hosts = (
        hosts.drop("share_gdp")
        .join(gdp.select("year", "gdp"), on="year", how="left", maintain_order="left")
        .with_columns(share_gdp=100 * pl.col("usd") / pl.col("gdp"))
        .select(list(HOSTS))
        .sort("year", "method", "release", "usd", descending=[False, False, False, True])
    )
    used = sorted({*told["release"].cast(pl.String), *hosts["release"].drop_nulls()} & set(store.cards()))
    return Remittances(
        place=code,
        shares=table,
        hosts=hosts,
        concentration=pl.concat([_concentrated(_published(told)), concentrated]).sort("year", "method", "release"),
        ranking=ranking(code, since=since, until=until, as_of=as_of),
        gdp_release=gdp["release"].cast(pl.String)[-1] if len(gdp) else None,
        ids=tuple(told["id"]),
        releases=tuple(used),
    )


def _one_gdp(claims: pl.DataFrame) -> pl.DataFrame:
    """GDP by year from one edition: the newest of the World Bank's or, failing it, of any publisher."""
    told = _yearly(claims).filter(pl.col("measure") == "gdp")
    if told.is_empty():
        return told.select("year", gdp="value", release="release")
    cards = store.cards()
    order = {r: cards[r].released for r in told["release"].cast(pl.String).unique()}
    banks = [r for r in order if r.startswith("world-bank")] or list(order)
    chosen = max(banks, key=lambda r: (order[r], r))
    return told.filter(pl.col("release") == chosen).select("year", gdp="value", release="release").sort("year")


def _hosts(rows: pl.DataFrame, method: str) -> pl.DataFrame:
    return rows.select(
        "year",
        place="counterpart",
        usd="value",
        low80=pl.lit(None, pl.Float64),
        high80=pl.lit(None, pl.Float64),
        share_gdp=pl.lit(None, pl.Float64),
        method=pl.lit(method),
        release="release",
        status="status",
        ids="id",
    ).cast(HOSTS)  # type: ignore[arg-type]


def _reported(claims: pl.DataFrame) -> pl.DataFrame:
    rows = yearly_transfers(claims).filter(pl.col("counterpart").is_not_null())
    return _hosts(rows.filter(~pl.col("counterpart").cast(pl.String).str.starts_with("_")), "reported")


def _published(claims: pl.DataFrame) -> pl.DataFrame:
    rows = _yearly(claims).filter((pl.col("measure") == "remittances") & pl.col("counterpart").is_not_null())
    return _hosts(rows.filter(~pl.col("counterpart").cast(pl.String).str.starts_with("_")), "published")


def _concentrated(hosts: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for (year, method, release), part in hosts.group_by(["year", "method", "release"], maintain_order=True):
        told = concentration(part["usd"].to_numpy())
        top = part.sort("usd", descending=True)["place"][0]
        rows.append({"year": year, "method": method, "release": release, **told, "largest_host": top})
    return pl.DataFrame(rows, schema={k: CONCENTRATION[k] for k in CONCENTRATION if not k.endswith("80")}).select(
        *(pl.lit(None, t).alias(k) if k.endswith("80") else pl.col(k) for k, t in CONCENTRATION.items())
    )


def known_hosts(names: Sequence[str]) -> dict[str, list[str]]:
    """Which hosts each edition of the stock tells anything of."""
    rows = (
        snapshot.scan(["stock"])
        .filter(pl.col("release").cast(pl.String).is_in(list(names)))
        .select(pl.col("release").cast(pl.String), pl.col("place").cast(pl.String))
        .unique()
        .collect()
    )
    return {name: rows.filter(pl.col("release") == name)["place"].to_list() for name in names}


def _spread_of(share: Array) -> dict[str, float]:
    """Median and 80% interval of concentration over draws, shape (draw, host)."""
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    many = {
        "hhi": (share**2).sum(axis=1),
        "effective": np.exp(-(share * logs).sum(axis=1)),
        "largest": share.max(axis=1),
    }
    told: dict[str, float] = {}
    for name, values in many.items():
        told[f"{name}_low80"], told[name], told[f"{name}_high80"] = np.quantile(values, [0.1, 0.5, 0.9])
    return told


def _points(people: pl.DataFrame, codes: Sequence[str]) -> dict[str, dict[int, Array]]:
    """Stock of one birthplace by edition and year: persons by residence; what is not printed is zero, by the rule."""
    whole = pl.all_horizontal(pl.col(c) == "all" for c in ("age", "group"))
    at = {c: i for i, c in enumerate(codes)}
    made: dict[str, dict[int, Array]] = {}
    told = people.filter(whole & pl.col("value").is_not_null())
    for release, year, place, value in told.select("release", pl.col("start").dt.year(), "place", "value").iter_rows():
        row = made.setdefault(release, {}).setdefault(year, np.zeros(len(codes)))
        if place in at:
            row[at[place]] = value
    return made


def _between(points: Mapping[int, Array], year: int) -> Array:
    """A year's row between an edition's two nearest points; held before its first and after its last."""
    before = max((p for p in points if p <= year), default=min(points))
    after = min((p for p in points if p >= year), default=max(points))
    if before >= after or not before < year < after:
        return points[before if year >= before else after]
    part = (year - before) / (after - before)
    return np.asarray((1 - part) * points[before] + part * points[after], float)


def _latest_by_year(claims: pl.DataFrame, measure: str) -> dict[int, dict[str, float]]:
    """Values by year and place, each of the newest edition that holds it."""
    cards = releases()
    told = _yearly(claims.filter((pl.col("measure") == measure) & pl.col("counterpart").is_null()))
    names = told["release"].cast(pl.String).unique().to_list()
    made: dict[int, dict[str, float]] = {}
    for name in sorted(names, key=lambda r: (cards[r].released if r in cards else date.min, r)):
        for year, place, value in told.filter(pl.col("release") == name).select("year", "place", "value").iter_rows():
            made.setdefault(year, {})[place] = value
    return made


def _modelled(
    claims: pl.DataFrame, code: str, method: str, beta: float, draws: int, seed: int, as_of: str | date | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Hosts of a place by Keruen's own allocation, year by year, and their concentration."""
    received = claims.filter(pl.col("measure") == "remittances_received")
    names = _editions(as_of)
    people = store.evidence(measure="stock", counterpart=code, release=names, sex="all", as_of=as_of) if names else None
    if received.is_empty() or people is None or people.is_empty():
        return pl.DataFrame(schema=HOSTS), pl.DataFrame(schema=CONCENTRATION)
    rng = np.random.default_rng(seed)
    known, cards = known_hosts(names), releases()
    codes = [p.code for p in countries()]
    wages = store.evidence(measure="gdp_per_capita", as_of=as_of)
    whole = pl.all_horizontal(pl.col(c) == "all" for c in ("age", "group"))
    behind = people.filter(whole).select("place", at=pl.col("start").dt.year(), id="id")
    points = _points(people, codes)
    keys = sorted(points, key=lambda r: (cards[r].released if r in cards else date.max, r))
    knows = np.array([[c in told for c in codes] for told in (set(known[k]) for k in keys)])
    incomes = _latest_by_year(wages, "gdp_per_capita")
    yearly = _yearly(received)
    hosts, around = [], []
    for year in sorted(yearly["year"].unique()):
        near = [n for n, k in enumerate(keys) if max(points[k]) + SPEAKS >= year >= min(points[k]) - SPEAKS]
        income = incomes.get(year)
        if not near or not income:
            continue
        tables = np.stack([_between(points[keys[n]], year) for n in near])
        pick = picked(knows[near], rng, draws)
        stock = np.take_along_axis(tables, pick, axis=0)
        stock[:, codes.index(code)] = 0.0
        filled, _ = filled_incomes(income, codes)
        weight = per_migrant([float(filled.sel(place=code))], filled.values, method=method, beta=beta)[0]
        mass = stock * weight
        total = mass.sum(axis=1, keepdims=True)
        if not (total > 0).all():
            continue
        money = rival_inflows(received, year, [code], rng, draws)
        usd = mass / total * money
        low, middle, high = np.quantile(usd, [0.1, 0.5, 0.9], axis=0)
        used = [keys[n] for n in near]
        inflow_ids = " ".join(yearly.filter(pl.col("year") == year)["id"])
        corridor = behind.filter((pl.col("at") - year).abs() <= SPEAKS).group_by("place", maintain_order=True)
        stock_ids = dict(corridor.agg(pl.col("id").str.join(" ")).iter_rows())
        hosts.append(
            pl.DataFrame(
                {"year": year, "place": codes, "usd": middle, "low80": low, "high80": high, "share_gdp": None,
                 "method": method, "release": used[-1], "status": "model",
                 "ids": [f"{inflow_ids} {stock_ids.get(c, '')}".strip() for c in codes]}, schema=HOSTS,
            ).filter((pl.col("usd") > 0) | (pl.col("high80") > 0))
        )  # fmt: skip
        around.append({"year": year, "method": method, "release": used[-1]} | _spread_of(mass / total)
                      | {"largest_host": codes[int(middle.argmax())]})  # fmt: skip
    return (
        pl.concat(hosts) if hosts else pl.DataFrame(schema=HOSTS),
        pl.DataFrame(around, schema=CONCENTRATION),
    )


def ranking(
    place: str | int | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
    as_of: str | date | None = None,
) -> pl.DataFrame:
    """Ranks in the world by remittances over GDP, published shares and our own division apart.

    Parameters
    ----------
    place
        One place; by default all.
    since, until
        First and last calendar year.
    as_of
        Only what was known on that day.

    Returns
    -------
    ``year``, ``release``, ``derived``, ``place``, ``share_gdp``, ``rank`` (1 depends most) and ``of`` (places that have
    a share). Places that nobody reported are not ranked.
    """
    rows = _yearly(store.evidence(measure="remittances_share_gdp", as_of=as_of))
    rows = rows.filter(
        pl.col("place").cast(pl.String).is_in([p.code for p in countries()])
        & pl.lit(True if since is None else None).fill_null(pl.col("year") >= (since or 0))
        & pl.lit(True if until is None else None).fill_null(pl.col("year") <= (until or 0))
    )
    edition = ["year", "release", "definition"]
    ranked = rows.with_columns(
        rank=pl.col("value").rank("min", descending=True).over(edition).cast(pl.Int32),
        of=pl.len().over(edition).cast(pl.Int32),
        derived=pl.col("derived_from").is_not_null() | pl.col("definition").cast(pl.String).str.ends_with("_derived"),
    )
    if place is not None:
        ranked = ranked.filter(pl.col("place") == one_place(place).code)
    return ranked.select("year", "release", "derived", "place", pl.col("value").alias("share_gdp"), "rank", "of").sort(
        "year", "release", "derived", "rank"
    )


def share_search(
    place: str | int, low: float, high: float, *, sender: str | None = None, as_of: str | date | None = None
) -> Search:
    """Which numerator over which edition of GDP gives a share in a range, in which year, and whether it means that.

    Parameters
    ----------
    place
        Who receives.
    low, high
        Percent of GDP.
    sender
        From whom the money is said to come.
    as_of
        Only what was known on that day.

    Examples
    --------
    >>> share_search("TJK", 36, 38, sender="RUS").rows.filter("within").is_empty()
    False
    """
    told = store.evidence(place, MONEY, as_of=as_of)
    return shares_within(shares(told, matrices=True), low, high, one_place(sender).code if sender is not None else None)


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


def told(found: Remittances, *, hosts: int = 10) -> dict[str, Any]:
    """What a place receives as plain data: years with their claims and hosts, concentration, ranks, sources.

    Parameters
    ----------
    found
        From :func:`remittances`.
    hosts
        So many hosts a year and method; the rest of them is one sum, ``_OTHER_HOSTS``.
    """
    from keruen.provenance import cite

    years = []
    for year in sorted({*found.shares["year"], *found.hosts["year"]}):
        senders = []
        rows = found.hosts.filter(pl.col("year") == year)
        for (method, release), part in rows.group_by(["method", "release"], maintain_order=True):
            most = part.sort("usd", descending=True, nulls_last=True)
            senders += most.head(hosts).drop("year").to_dicts()
            rest = most.slice(hosts)
            if len(rest) and method != "reported":  # a sum of corridors that banks happened to report means nothing
                senders.append(
                    {"place": "_OTHER_HOSTS", "usd": rest["usd"].sum(), "low80": None, "high80": None,
                     "share_gdp": rest["share_gdp"].sum() if rest["share_gdp"].null_count() == 0 else None,
                     "method": method, "release": release, "status": "model", "ids": ""}
                )  # fmt: skip
        claims = found.shares.filter(pl.col("year") == year).drop("year").to_dicts()
        years.append({"year": year, "claims": claims, "from": senders})
    known = store.cards()
    return {
        "place": found.place,
        "years": years,
        "concentration": found.concentration.to_dicts(),
        "ranking": found.ranking.to_dicts(),
        "gdp_release": found.gdp_release,
        "sources": [{"release": r, "cite": cite(r)} for r in found.releases if r in known],
    }
