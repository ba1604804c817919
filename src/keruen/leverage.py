"""Leverage of hosts over the places whose people work there, from the evidence: draws over rival editions, ranks.

The formula is in :mod:`keruen.estimators.leverage`; here it meets stocks, inflows, products and incomes of a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
import polars as pl
import xarray as xr

from keruen import store
from keruen.errors import FaultyTable, NoEvidence, UnreadableSource
from keruen.estimators.corridors import BETA, checked_matrix, per_migrant, rival_stocks
from keruen.estimators.leverage import LABOUR_SHARE, REPLACEABLE, leverages, own_dependence, ranks, sent_home
from keruen.money_matrix import known_hosts, world_stocks
from keruen.places import countries
from keruen.places import place as one_place
from keruen.places import system as members_of
from keruen.provenance import cite
from keruen.yearly import filled_incomes, newest, rival_inflows


@dataclass(frozen=True, slots=True)
class Leverage:
    """Leverage of holders over places in one year.

    Attributes
    ----------
    year
        The year.
    cube
        Draws, from :func:`leverages`: dims (draw, over, holder). None for the whole world, which is told as a table.
    table
        One row a pair: ``over``, ``holder``, ``income_usd``, ``people``, and median with 80% interval of
        ``dependence``, ``outside``, ``gross``, ``cost``, ``net`` and ``asymmetry``, in percent of GDP (outside: percent
        of that income).
    ranks
        For every holder, the places by gross leverage over them: ``rank``, ``p_first`` (is the most vulnerable),
        ``p_last`` (is the least).
    assumptions
        What went in beside the evidence, in words.
    absent
        Places for which nobody reported what is needed.
    ids
        Claims of money and product that each place's figures rest on.
    """

    year: int
    cube: xr.Dataset | None
    table: pl.DataFrame
    ranks: pl.DataFrame
    assumptions: tuple[str, ...]
    absent: tuple[str, ...]
    releases: tuple[str, ...]
    ids: dict[str, tuple[str, ...]]

    def __repr__(self) -> str:
        largest = self.table.drop_nulls("gross").sort("gross", descending=True).head(1)
        told = "no pair is known"
        if len(largest):
            top = largest.row(0, named=True)
            told = (
                f"{top['holder']} over {top['over']}, gross {top['gross']:.1f} (80% {top['gross_low80']:.1f} to"
                f" {top['gross_high80']:.1f})"
            )
            if top["net"] is not None:
                told += f", net {top['net']:.1f} ({top['net_low80']:.1f} to {top['net_high80']:.1f})"
        many = len(self.table)
        told = f"largest of {many:,} pairs {told}" if many > 1 else told
        lacking = f" Nobody reported what is needed for {len(self.absent)} more." if self.absent else ""
        return f"Leverage in {self.year}, percent of GDP: {told}.{lacking} See table, ranks, cube, assumptions, absent."

    def _repr_html_(self) -> str:
        top = self.table.sort("gross", descending=True, nulls_last=True).head(10)
        return f"<p>{escape(repr(self))}</p>{top._repr_html_()}"


@dataclass(frozen=True, slots=True)
class Ground:
    """What leverage stands on in one year, fetched once."""

    year: int
    stocks: dict[str, xr.DataArray]
    known: dict[str, list[str]]
    inflows: pl.DataFrame
    gdp: dict[str, float]
    population: dict[str, float]
    income: xr.DataArray
    labour: dict[str, float]
    ids: dict[str, tuple[str, ...]]
    releases: tuple[str, ...]

    def __repr__(self) -> str:
        paid = self.inflows["place"].n_unique()
        return (
            f"What leverage of {self.year} stands on: {len(self.stocks)} edition{'s' * (len(self.stocks) != 1)} of the"
            f" stock, remittances of {paid} places, GDP of {len(self.gdp)}, population of {len(self.population)}."
            " See stocks, inflows, gdp, releases."
        )


def _people(year: int, as_of: Any) -> pl.DataFrame:
    """Population of every place in the middle of a year, from the newest edition."""
    rows = store.evidence(measure="population", since=f"{year}-01-01", until=f"{year}-12-31", sex="all", as_of=as_of)
    cards = store.cards()
    whole = pl.all_horizontal(pl.col(c) == "all" for c in ("age", "group"))
    rows = rows.filter(whole & pl.col("value").is_not_null() & ~pl.col("definition").str.contains("fertility"))
    order = {r: cards[r].released for r in rows["release"].unique()}
    return (
        rows.with_columns(_released=pl.col("release").replace_strict(order, default=None, return_dtype=pl.Date))
        .sort("_released", "start", "id")
        .unique("place", keep="last", maintain_order=True)
        .select("place", "value", "release")
    )


def _last_year(as_of: Any) -> int:
    told = store.evidence(measure="remittances_received", as_of=as_of, columns=["place", "start"])
    counts = told.group_by(pl.col("start").dt.year().alias("year")).agg(pl.col("place").n_unique().alias("n"))
    years = counts.filter(pl.col("n") >= 100)["year"]
    if years.is_empty():
        raise NoEvidence("No year is known in which a hundred places report remittances; give year=.")
    return int(years.max())  # type: ignore[arg-type]


def ground(year: int | None = None, *, edition: str | Sequence[str] | None = None, as_of: Any = None) -> Ground:
    """Stocks, inflows, GDP, population, incomes and labour forces of a year, newest editions known on the day.

    Parameters
    ----------
    year
        By default the last in which a hundred places report remittances.
    edition
        One edition of the stock, or several; by default all that speak of the year.
    as_of
        Only what was known on that day.

    Raises
    ------
    NoEvidence
        If GDP, population or inflows of the year are not known.
    """
    at = _last_year(as_of) if year is None else year
    window = {"since": f"{at}-01-01", "until": f"{at}-12-31", "as_of": as_of}
    tables = {m: newest(store.evidence(measure=m, **window), m, at) for m in ("gdp", "gdp_per_capita", "labour_force")}
    inflows = store.evidence(measure="remittances_received", **window)
    people = _people(at, as_of)
    for name, table in (*tables.items(), ("remittances_received", inflows), ("population", people)):
        if table.is_empty():
            raise NoEvidence(f"Nobody reported {name} for {at}. Take another year=, or add it with keruen add.")
    stocks = world_stocks(at, editions=[edition] if isinstance(edition, str) else edition, as_of=as_of)
    codes = [p.code for p in countries()]

    def values(table: pl.DataFrame) -> dict[str, float]:
        return dict(table.select("place", "value").iter_rows())

    rests: dict[str, list[str]] = {}
    for table in (inflows, tables["gdp"]):
        for place, key in table.select("place", "id").iter_rows():
            rests.setdefault(place, []).append(key)
    used = {*stocks, *inflows["release"], *people["release"], *(r for t in tables.values() for r in t["release"])}
    return Ground(
        year=at, stocks=stocks, known=known_hosts(list(stocks)), inflows=inflows, gdp=values(tables["gdp"]),
        population=values(people), income=filled_incomes(values(tables["gdp_per_capita"]), codes)[0],
        labour=values(tables["labour_force"]),
        ids={place: tuple(keys) for place, keys in rests.items()}, releases=tuple(sorted(str(u) for u in used)),
    )  # fmt: skip


def _within_product(money: xr.DataArray, over: Sequence[str], base: Ground) -> None:
    """Refuse a user's matrix, in USD, by which a place gets more from abroad than it produces."""
    total = {c: float(money.sel(receiving=c).sum()) for c in over}
    above = [
        f"row of {c}, {usd:,.0f} USD in all are {100 * usd / base.gdp[c]:,.0f}% of its GDP of {base.gdp[c]:,.0f} USD "
        f"in {base.year}, above 100%: give plain USD, or the year= that the matrix is of"
        for c, usd in total.items()
        if usd > base.gdp[c]
    ]
    if above:
        raise FaultyTable("the matrix", above)


ASSUMED = (
    "Where people would go is read from where their countrymen are now (independence of irrelevant alternatives).",
    "Income per head stands for what work pays.",
    "All people born in a place and living with the holder are taken for its workers there.",
)

SPREAD = {
    "stocks": "in proportion to people",
    "incomes": "in proportion to people and the host's income",
    "ratha_shaw": "by Ratha and Shaw",
}


def _assumed(method: str, own: bool) -> tuple[str, ...]:
    """What went in beside the evidence; the last sentence says whence the money of a corridor comes."""
    if own:
        return (
            *ASSUMED,
            "Money is that of your own matrix; who has no row there is left out, an empty corridor is nought.",
        )
    how = SPREAD.get(method, method)
    return (*ASSUMED, f"Remittances are spread over hosts {how}; an inflow that nobody reported leaves a place out.")


def _drawn(
    base: Ground, over: Sequence[str], draws: int, seed: int, method: str, beta: float, money: xr.DataArray | None,
    labour_share: float, replaceable: float, wages: xr.DataArray | None, shares: xr.DataArray | None,
) -> tuple[xr.Dataset, xr.DataArray, xr.DataArray]:  # fmt: skip
    """Leverage over some places in draws, with the people and the money behind it."""
    codes = [str(c) for c in base.income["place"].values]
    rng = np.random.default_rng(seed)
    tables = {k: t.sel(birthplace=list(over)) for k, t in base.stocks.items()}
    people = rival_stocks(tables, rng, draws, base.known)
    at = [codes.index(c) for c in over]
    crowd = people.values
    crowd[:, np.arange(len(at)), at] = 0.0
    pay = wages.reindex(place=codes) if wages is not None else base.income
    if money is None:
        weight = per_migrant(base.income.values[at], base.income.values, method=method, beta=beta)
        mass = crowd * weight
        total = mass.sum(axis=2, keepdims=True)
        part = np.divide(mass, total, out=np.full_like(mass, np.nan), where=total > 0)
        inflow = rival_inflows(base.inflows, base.year, list(over), rng, draws)
        usd = part * inflow[:, :, None]
    else:
        usd = np.nan_to_num(money.reindex(receiving=list(over), sending=codes).values)[None]
        told = np.isin(over, money["receiving"].values)
        usd = np.where(told[None, :, None], usd, np.nan)
    gdp = np.array([base.gdp.get(c, np.nan) for c in over])
    home = np.array([base.population.get(c, np.nan) for c in over])
    newest_stock = list(base.stocks.values())[-1]
    foreign = newest_stock.sel(residence=list(over)).sum("birthplace").values
    natives = np.clip(home - foreign, 0.0, None)
    dims, where = ("draw", "receiving", "sending"), {"receiving": list(over), "sending": codes}
    if shares is None:
        spread_ = crowd.copy()
        spread_[:, np.arange(len(at)), at] = natives
        whole = spread_.sum(axis=2, keepdims=True)
        spread_ = np.divide(spread_, whole, out=np.zeros_like(spread_), where=whole > 0)
        where_people = xr.DataArray(
            spread_, dims=("draw", "birthplace", "residence"), coords={"birthplace": list(over), "residence": codes}
        )
    else:
        where_people = shares.reindex(birthplace=list(over), residence=codes, fill_value=0.0)
    depends = xr.DataArray(usd / gdp[:, None], dims=dims, coords=where)
    force = np.array([base.labour.get(c, np.nan) for c in codes])
    cost = own_dependence(crowd, force, labour_share=labour_share, replaceable=replaceable)
    made = leverages(depends, where_people, pay, xr.DataArray(cost, dims=dims, coords=where))
    return made, xr.DataArray(crowd, dims=dims, coords=where), xr.DataArray(usd, dims=dims, coords=where)


def _tabled(
    made: xr.Dataset, people: xr.DataArray, usd: xr.DataArray, holders: Sequence[str], *, empty: bool = True
) -> pl.DataFrame:
    over, columns_ = [str(c) for c in made["over"].values], [str(c) for c in made["holder"].values]
    at_holder = {h: columns_.index(h) for h in holders}
    crowd = np.median(people.values, axis=0)
    pairs = [(o, h) for n, o in enumerate(over) for h in holders if o != h and (empty or crowd[n, at_holder[h]] > 0)]
    a, at = [over.index(o) for o, _ in pairs], [at_holder[h] for _, h in pairs]
    columns: dict[str, Any] = {"over": [o for o, _ in pairs], "holder": [h for _, h in pairs]}
    columns["income_usd"] = np.median(usd.values[:, a, at], axis=0)
    columns["people"] = crowd[a, at]
    for name in ("dependence", "outside", "gross", "cost", "net", "asymmetry"):
        values = 100 * made[name].values[:, a, at]
        q = np.quantile(values, [0.5, 0.1, 0.9], axis=0)
        for label, row in zip((name, f"{name}_low80", f"{name}_high80"), q, strict=True):
            columns[label] = row
    return pl.DataFrame(columns).fill_nan(None)


def leverage(
    holder: str | int | None = None,
    over: str | int | Sequence[str | int] | None = None,
    *,
    system: str | None = None,
    year: int | None = None,
    draws: int = 1000,
    seed: int = 0,
    method: str = "ratha_shaw",
    beta: float = BETA,
    money: xr.DataArray | pl.DataFrame | None = None,
    shares: xr.DataArray | None = None,
    wages: xr.DataArray | None = None,
    labour_share: float = LABOUR_SHARE,
    replaceable: float = REPLACEABLE,
    edition: str | Sequence[str] | None = None,
    as_of: Any = None,
    base: Ground | None = None,
) -> Leverage:
    """What a host could take from the places whose people work there, once they can go elsewhere.

    Gross leverage G = d · max(0, 1 − Σ_k D(j→k)·min(1, w_k/w_j)), with d the income from the host over the place's GDP,
    D(j→k) = P_k/(1 − P_j) where people go who can no longer be in j (home among the places), w what work pays. Net
    leverage L = G − c, with c the holder's own dependence on those workers (:func:`own_dependence`).

    Parameters
    ----------
    holder
        The host. With `system` or alone, everyone may be one.
    over
        One place or several; by default the members of `system`, or all that receive from the holder.
    system
        A system of places, say ``eurasia``; ``world`` for all, told as a table without ranks.
    year
        By default the last in which a hundred places report remittances.
    draws, seed
        Draws over rival editions of stocks and inflows.
    method, beta
        How remittances are spread over hosts, see :func:`keruen.money_matrix.remittance_matrix`.
    money
        Your own matrix in USD, see :func:`keruen.estimators.corridors.checked_matrix`.
    shares
        Where people would go, in place of present shares: (birthplace, residence), rows sum to one.
    wages
        What work pays, by ``place``, in place of income per head.
    labour_share, replaceable
        Of the holder's own dependence.
    edition
        One edition of the stock, or several; by default all that speak of the year.
    as_of
        Only what was known on that day.
    base
        From :func:`ground`, to fetch it once.

    Raises
    ------
    NoEvidence
        If GDP, population or remittances are missing where they are needed.
    FaultyTable
        If by your own matrix a place gets more than its GDP.

    Examples
    --------
    >>> told = leverage("RUS", "TJK", draws=50)
    >>> told.table["gross"].item() > 1
    True
    """
    base = base if base is not None else ground(year, edition=edition, as_of=as_of)
    codes = [str(c) for c in base.income["place"].values]
    held = one_place(holder).code if holder is not None else None
    if held is not None and held not in codes:
        raise NoEvidence(f"The editions of the stock tell nothing of {held} on its own; take one of the UN's places.")
    own = checked_matrix(money) if money is not None else None
    assumed = _assumed(method, own is not None)
    options = (draws, seed, method, beta, own, labour_share, replaceable, wages, shares)
    reported = set(own["receiving"].values) if own is not None else set(base.inflows["place"])
    if over is not None:
        asked = [over] if isinstance(over, str | int) else list(over)
        wanted = [one_place(o).code for o in asked]
    elif system is not None and system != "world":
        wanted = [p.code for p in members_of(system)]
    else:
        wanted = codes
    lacking = {c: [n for n, d in (("GDP", base.gdp), ("population", base.population)) if c not in d] for c in wanted}
    if over is not None and any(lacking.values()):
        first = next(c for c, names in lacking.items() if names)
        known, other = ("", "year=") if as_of is None else (f" is known by {as_of}", "another year= or as_of=")
        raise NoEvidence(
            f"No {' and no '.join(lacking[first])} of {first} in {base.year}{known}; try {other}, "
            "or add it: keruen add."
        )
    there = [c for c in wanted if c in reported and not lacking[c]]
    if own is not None:
        _within_product(own, there, base)
    absent = tuple(c for c in wanted if c not in there)
    if not there:
        raise NoEvidence(
            f"Nobody reported remittances received in {', '.join(wanted[:5])} in {base.year}; try another year=."
        )
    if system == "world" or (over is None and system is None):
        if held is not None:  # who has nobody there cannot lose anything from there
            some = np.sum([t.sel(residence=held).values for t in base.stocks.values()], axis=0)
            with_people = {c for c, n in zip(codes, some, strict=True) if n > 0}
            there = [c for c in there if c != held and c in with_people]
        tables = []
        for begin in range(0, len(there), 12):
            made, people, usd = _drawn(base, there[begin : begin + 12], *options)
            tables.append(_tabled(made, people, usd, [held] if held else codes, empty=False))
        if not tables:
            raise NoEvidence(f"Nobody who reports remittances has people in {held} in {base.year}.")
        table = pl.concat(tables).sort("gross", descending=True, nulls_last=True)
        return Leverage(base.year, None, table, pl.DataFrame(), assumed, absent, base.releases, base.ids)
    both = held is not None and held not in there and held in reported and held in base.gdp and held in base.population
    made, people, usd = _drawn(base, [*there, held] if both and held is not None else there, *options)
    holders = [held] if held else ([p.code for p in members_of(system)] if system else codes)
    table = _tabled(made, people, usd, holders, empty=held is not None or system is not None)
    table = table.filter(pl.col("over").is_in(there))  # the holder stood there for the asymmetry alone
    ranked = []
    for h in holders:
        among = [c for c in there if c != h]
        if len(among) < 2:
            continue
        told = ranks(made["gross"].sel(holder=h, over=among))
        ranked.append(
            pl.DataFrame(
                {"holder": h, "over": [str(c) for c in told["over"].values], "rank": told["rank"].values,
                 "of": told.sizes["over"], "p_first": told["p_first"].values, "p_last": told["p_last"].values}
            ).sort("rank")
        )  # fmt: skip
    kept = made.sel(over=there, holder=[h for h in holders if h in codes])
    ranking = pl.concat(ranked) if ranked else pl.DataFrame()
    return Leverage(base.year, kept, table, ranking, assumed, absent, base.releases, base.ids)


def leverage_over_time(
    holder: str,
    over: Sequence[str],
    years: Sequence[int],
    *,
    draws: int = 300,
    seed: int = 0,
    by_edition: bool = False,
    as_of: Any = None,
) -> pl.DataFrame:
    """Leverage of a holder in several years: what changed, over all editions of the stock or edition by edition.

    Parameters
    ----------
    holder, over, years
        Who, over whom, when.
    draws, seed
        As in :func:`leverage`.
    by_edition
        One row for every edition that speaks of the year, in place of draws over all of them.
    as_of
        Only what was known on that day.

    Returns
    -------
    The tables of :func:`leverage` with ``year`` and ``edition``; a place that nobody reported in a year has no row.
    """
    tables = []
    for year in years:
        base = ground(year, as_of=as_of)
        kinds = {k: {k: v} for k, v in base.stocks.items()} if by_edition else {"all": base.stocks}
        for name, stocks in kinds.items():
            known = {k: base.known[k] for k in stocks}
            told_ = leverage(holder, over, draws=draws, seed=seed, base=replace(base, stocks=stocks, known=known))
            mark = [pl.lit(year, pl.Int32).alias("year"), pl.lit(name).alias("edition")]
            tables.append(told_.table.with_columns(mark))
    return pl.concat(tables)


def read_matrix(path: Any) -> xr.DataArray:
    """A user's own matrix from CSV with the columns ``receiving``, ``sending``, ``usd``.

    Raises
    ------
    UnreadableSource
        If the file is not such a table.
    FaultyTable
        With every faulty cell.
    """
    try:
        table = pl.read_csv(path, schema_overrides={"receiving": pl.String, "sending": pl.String, "usd": pl.Float64})
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        raise UnreadableSource(
            f"{path} is not a CSV with the columns receiving, sending, usd (numbers without separators): "
            f"{str(error).splitlines()[0]}"
        ) from error
    return checked_matrix(table, str(path))


def told(found: Leverage, *, sent_home_part: float | None = None) -> dict[str, Any]:
    """Leverage as plain data: pairs with every term, ranks with probabilities, assumptions and sources.

    Parameters
    ----------
    found
        From :func:`leverage`.
    sent_home_part
        Also what each place would lose if the holder sent home this part of its people.
    """
    pairs = found.table.to_dicts()
    if sent_home_part is not None:
        for pair in pairs:
            if pair["income_usd"] is None or pair["outside"] is None:
                continue
            lost = sent_home(sent_home_part, pair["income_usd"], pair["people"], pair["outside"] / 100)
            at_once = sent_home(sent_home_part, pair["income_usd"], pair["people"])
            pair["sent_home"] = {
                "part": sent_home_part,
                "people": float(lost["people"]),
                "income_lost_usd": float(lost["income"]),
                "income_lost_at_once_usd": float(at_once["income"]),
                "gdp_percent": sent_home_part * pair["gross"],
                "months_of_reserves": None,
            }
    known = store.cards()
    return {
        "year": found.year,
        "units": "percent of GDP; outside: percent of the income from the holder",
        "pairs": pairs,
        "ranks": found.ranks.to_dicts(),
        "absent": list(found.absent),
        "assumptions": [
            *found.assumptions,
        ],
        "unknown": ["months_of_reserves: reserves are not in the evidence"] if sent_home_part is not None else [],
        "sources": [{"release": r, "cite": cite(r)} for r in found.releases if r in known],
    }
