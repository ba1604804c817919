"""What a host could do to a place whose people work there, once they can go elsewhere; the union's price; the network.

The kernels take bare arrays: dependence, where people are, what work pays. Everything that they assume is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from keruen import store
from keruen.errors import NoEvidence, UnreadableSource, VocabularyError, need
from keruen.estimators.corridors import (
    BETA,
    checked_matrix,
    concentration,
    matrix,
    per_migrant,
    rival_stocks,
)  # fmt: skip
from keruen.places import countries
from keruen.places import place as one_place
from keruen.places import system as members_of
from keruen.remittances import filled_incomes, known_hosts, newest, rival_inflows, world_stocks

LABOUR_SHARE = 0.55
"""Part of income that goes to labour: a round value, assumed, not estimated here."""

REPLACEABLE = 0.0
"""Part of foreign workers whom a holder could replace at once: none, which makes its own dependence an upper bound."""

Array = NDArray[np.float64]


# ---------------------------------------------------------------- the formula


def wage_ratios(wages: ArrayLike) -> Array:
    """How much of what `j` pays is paid in `k`: min(1, w_k / w_j), with 0 for `j` itself.

    Parameters
    ----------
    wages
        Of the same kind and unit everywhere, shape (n,), above 0.

    Returns
    -------
    Shape (k, j).
    """
    w = np.asarray(wages, float)
    if np.any(w <= 0):
        raise VocabularyError(f"A wage is {np.nanmin(w):g}; give what work pays, above 0, in one unit everywhere.")
    ratio = np.minimum(1.0, w[:, None] / w[None, :])
    np.fill_diagonal(ratio, 0.0)
    return np.asarray(ratio, float)


def outside_options(shares: ArrayLike, ratios: ArrayLike) -> Array:
    """What the people who work in `j` would still earn if `j` closed: Σ_k D(j→k)·min(1, w_k/w_j).

    D(j→k) = P_k / (1 − P_j) is where people go who can no longer be in `j`, home among the places: choice in proportion
    to present shares (independence of irrelevant alternatives), until a model of choice gives better diversion.

    Parameters
    ----------
    shares
        Where the people of `i` are, shape (..., i, k), the diagonal being home; rows sum to 1.
    ratios
        From :func:`wage_ratios`, shape (k, j).

    Returns
    -------
    Shape (..., i, j), between 0 and 1. Where everyone is in `j` nobody shows another way: 0.
    """
    p = np.asarray(shares, float)
    rest = 1.0 - p
    kept = p @ np.asarray(ratios, float)
    met = np.divide(kept, rest, out=np.zeros_like(kept), where=rest > 1e-12)
    return np.asarray(np.clip(met, 0.0, 1.0), float)


def gross_leverage(dependence: ArrayLike, outside: ArrayLike) -> Array:
    """G = d · max(0, 1 − outside): the part of a place's income that a host could take away for good.

    Parameters
    ----------
    dependence
        Income from the host over the place's GDP, at least 0.
    outside
        What could be earned elsewhere, as a part of it (:func:`outside_options`).

    Examples
    --------
    >>> gross_leverage([0.4, 0.4, 0.0], [0.25, 1.0, 0.0]).round(9).tolist()
    [0.3, 0.0, 0.0]
    """
    d = np.asarray(dependence, float)
    return np.asarray(d * np.maximum(0.0, 1.0 - np.asarray(outside, float)), float)


def own_dependence(
    workers: ArrayLike, labour_force: ArrayLike, *, labour_share: float = LABOUR_SHARE, replaceable: float = REPLACEABLE
) -> Array:
    """c = λ · (workers of `i` in `j` / labour force of `j`) · (1 − ρ): what the holder would lose itself, over its GDP.

    Parameters
    ----------
    workers
        People of `i` in `j`; all of them are taken for workers unless the caller knows better, shape (..., i, j).
    labour_force
        Of `j`, shape (j,), persons.
    labour_share
        λ, part of income that goes to labour.
    replaceable
        ρ, part of these workers whom others would replace at once.

    Returns
    -------
    Shape (..., i, j), as a part of the holder's GDP. Workers are taken to earn the holder's average wage.
    """
    for name, value in (("labour_share", labour_share), ("replaceable", replaceable)):
        if not 0 <= value <= 1:
            raise VocabularyError(f"{name} is {value:g}; give a part of one, say 0.55 for 55%.")
    force = np.asarray(labour_force, float)
    return np.asarray(labour_share * (1 - replaceable) * np.asarray(workers, float) / force, float)


def _checked_shares(values: Array, what: str, row_labels: Sequence[str]) -> None:
    if np.nanmin(values, initial=0.0) < 0:
        raise VocabularyError(f"{what} holds {np.nanmin(values):g}; a share cannot be below zero.")
    worst = np.nanmax(values, initial=0.0)
    if worst > 1 + 1e-9:
        at = int(np.unravel_index(int(np.nanargmax(values)), values.shape)[-2])
        raise VocabularyError(
            f"{what} of {row_labels[at]} is {worst:g}, above 100%. Give shares as parts of one (0.371 for 37.1%); "
            "an income from abroad above the whole GDP points at a wrong unit or edition."
        )


def leverages(
    dependence: xr.DataArray,
    shares: xr.DataArray,
    wages: xr.DataArray,
    cost: xr.DataArray | None = None,
) -> xr.Dataset:
    """Leverage of every holder over every place, term by term.

    Parameters
    ----------
    dependence
        d: remittances from the host over the place's GDP, parts of one, dims (draw, receiving, sending). NaN where
        nobody knows. The receiving places may be some of the sending ones.
    shares
        P: where the people born in a place are, dims (draw, birthplace, residence), home among them; rows sum to one.
        Its destination shares stand in for diversion ratios, and may be replaced by better ones.
    wages
        w: what work pays, dims (place,), one unit.
    cost
        c: the holder's own dependence on those workers, over its GDP, dims (draw, receiving, sending). Left out, the
        net leverage is left out too.

    Returns
    -------
    ``dependence``, ``outside``, ``gross`` and, with `cost`, ``cost`` and ``net`` = gross − cost; dims (draw, over,
    holder). Also ``asymmetry`` = d(over on holder) − d(holder on over), after Hirschman.

    Raises
    ------
    VocabularyError
        If a share is negative or above 100%, or the labels differ.
    NoEvidence
        If a wage is missing of a place where people are.

    References
    ----------
    Hirschman (1945), National Power and the Structure of Foreign Trade.
    """
    rows = [str(c) for c in dependence["receiving"].values]
    codes = [str(c) for c in dependence["sending"].values]
    born, lives = ([str(c) for c in shares[d].values] for d in ("birthplace", "residence"))
    same = born == rows and lives == codes
    if not same or not set(rows) <= set(codes):
        raise VocabularyError("Dependence and shares must tell the same places in the same order; reindex them first.")
    d = (dependence if "draw" in dependence.dims else dependence.expand_dims(draw=[0])).transpose(
        "draw", "receiving", "sending"
    )
    p = (shares if "draw" in shares.dims else shares.expand_dims(draw=[0])).transpose("draw", "birthplace", "residence")
    _checked_shares(d.values, "The dependence", rows)
    _checked_shares(p.values, "The share of people", rows)
    sums = p.values.sum(axis=-1)
    odd = np.abs(sums - 1) > 1e-6
    if odd.any():
        at = np.unravel_index(int(odd.argmax()), odd.shape)[-1]
        raise VocabularyError(f"The shares of {rows[at]} sum to {sums[..., at].flat[0]:g}, not to one; count home in.")
    w = wages.reindex(place=codes).values.astype(float)
    lacking = [c for c, x in zip(codes, w, strict=True) if np.isnan(x)]
    if lacking:
        raise NoEvidence(f"No wage of {', '.join(lacking[:8])}{' …' if len(lacking) > 8 else ''}; give it in wages=.")
    outside = outside_options(p.values, wage_ratios(w))
    n = max(d.sizes["draw"], p.sizes["draw"])
    where = {"draw": np.arange(n), "over": rows, "holder": codes}

    def cube(values: Array) -> xr.DataArray:
        return xr.DataArray(
            np.broadcast_to(values, (n, *values.shape[1:])), dims=("draw", "over", "holder"), coords=where
        )

    d_ = cube(d.values)
    out = xr.Dataset({"dependence": d_, "outside": cube(outside), "gross": cube(gross_leverage(d.values, outside))})
    back = np.full(d.values.shape, np.nan)  # nothing is known of a holder that is not among the receiving places
    among = [codes.index(c) for c in rows]
    back[..., among] = np.swapaxes(d.values[..., among], -1, -2)
    out["asymmetry"] = cube(d.values - back)
    if cost is not None:
        c = (
            (cost if "draw" in cost.dims else cost.expand_dims(draw=[0]))
            .transpose("draw", "receiving", "sending")
            .values
        )
        if (c < 0).any():
            raise VocabularyError(f"A cost is {np.nanmin(c):g}; the holder's own dependence is a share, 0 or more.")
        out["cost"] = cube(c)
        out["net"] = out["gross"] - out["cost"]
    out.attrs["units"] = "parts of GDP (outside: part of the income from the holder)"
    return out


def ranks(values: xr.DataArray, dim: str = "over") -> xr.Dataset:
    """Ranks along a dimension with their probabilities over draws; 1 is the largest.

    Parameters
    ----------
    values
        With dims (draw, `dim`); NaN is left out.

    Returns
    -------
    ``median``, ``low80``, ``high80`` of the value, ``rank`` (that of the medians), ``p_first`` and ``p_last``: how
    often it is the largest and the smallest. Ties share their chance.
    """
    told = values.transpose("draw", dim)
    told = told.isel({dim: ~np.isnan(told.values).any(axis=0)})
    if told.sizes[dim] == 0:
        raise NoEvidence("There is nothing to rank: every value is absent.")
    v = told.values
    top, bottom = v == v.max(axis=1, keepdims=True), v == v.min(axis=1, keepdims=True)
    low, middle, high = np.quantile(v, [0.1, 0.5, 0.9], axis=0)
    order = (-middle).argsort(kind="stable").argsort(kind="stable") + 1
    return xr.Dataset(
        {
            "median": (dim, middle), "low80": (dim, low), "high80": (dim, high), "rank": (dim, order),
            "p_first": (dim, (top / top.sum(axis=1, keepdims=True)).mean(axis=0)),
            "p_last": (dim, (bottom / bottom.sum(axis=1, keepdims=True)).mean(axis=0)),
        },
        coords={dim: told[dim].values},
    )  # fmt: skip


def sent_home(part: float, income: ArrayLike, workers: ArrayLike, outside: ArrayLike | None = None) -> dict[str, Array]:
    """What a place loses if a host sends home a part of its people there.

    Parameters
    ----------
    part
        0.2 for one in five.
    income
        USD a year from that host.
    workers
        Its people there.
    outside
        What they would earn elsewhere, as a part; None counts the loss before anyone moves on.

    Returns
    -------
    ``people`` and ``income`` lost, in the units given.

    Examples
    --------
    >>> lost = sent_home(0.2, 1000.0, 50.0, 0.25)
    >>> float(lost["people"]), float(lost["income"])
    (10.0, 150.0)
    """
    if not 0 <= part <= 1:
        raise VocabularyError(f"The part sent home is {part:g}; give a part of one, say 0.2 for 20%.")
    kept = 0.0 if outside is None else np.asarray(outside, float)
    return {
        "people": np.asarray(part * np.asarray(workers, float), float),
        "income": np.asarray(part * np.asarray(income, float) * (1 - kept), float),
    }


# ---------------------------------------------------------------- the union's price


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One number that a calculation rests on: its value, a range, whence it comes, and the claims behind it."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    because: str
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise VocabularyError(f"{self.name}: {self.value:g} lies outside [{self.low:g}, {self.high:g}].")
        if not self.because.strip():
            raise VocabularyError(f"{self.name} needs a reason: because='…'.")

    def draws(self, rng: np.random.Generator, n: int) -> Array:
        """Triangular draws over the range, with the mode at the value; a range of nothing stays a point."""
        if self.low == self.high:
            return np.full(n, self.value)
        return np.asarray(rng.triangular(self.low, self.value, self.high, n), float)


@dataclass(frozen=True, slots=True)
class Price:
    """What access to a labour market is worth to a place's workers in a year, USD.

    ``draws`` holds ``permits`` (stock × working share × permit cost), ``bans`` (people freed × what they send and
    keep), and ``total``; ``table`` their medians and 80% intervals, ``inputs`` what went in.
    """

    place: str
    holder: str
    year: int
    inputs: tuple[Input, ...]
    draws: dict[str, Array] = field(repr=False)
    table: pl.DataFrame
    gdp: float | None


NEEDED = ("stock", "working_share", "permit_cost", "exchange_rate", "banned", "earnings")


def access_price(
    place: str, holder: str, year: int, inputs: Sequence[Input], *, rng: np.random.Generator, draws: int = 4000
) -> Price:
    """The price of membership: stock × permit cost saved + people freed from bans × what they earn there.

    Parameters
    ----------
    place, holder, year
        Whose workers, in whose labour market, in which year.
    inputs
        ``stock`` (persons), ``working_share`` (part who would need a permit), ``permit_cost`` (local currency of the
        holder, a person and year), ``exchange_rate`` (local currency per USD), ``banned`` (persons freed to enter),
        ``earnings`` (USD a person and year gained by being there rather than at home). One named ``gdp`` (USD) makes
        shares.
    rng
        Source of randomness; inputs are drawn one independent of another.
    """
    given = {i.name: i for i in inputs}
    lacking = [n for n in NEEDED if n not in given]
    if lacking:
        raise NoEvidence(f"The price of access needs {', '.join(lacking)}; give each as an Input with its reason.")
    d = {n: given[n].draws(rng, draws) for n in NEEDED}
    if (d["exchange_rate"] <= 0).any():
        raise NoEvidence("The exchange rate is not above zero; give local currency per USD.")
    made = {
        "permits": d["stock"] * d["working_share"] * d["permit_cost"] / d["exchange_rate"],
        "bans": d["banned"] * d["earnings"],
    }
    made["total"] = made["permits"] + made["bans"]
    gdp = given["gdp"].value if "gdp" in given else None
    rows = []
    for name, values in made.items():
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        rows.append(
            {
                "part": name,
                "usd": middle,
                "low80": low,
                "high80": high,
                "share_gdp": 100 * middle / gdp if gdp else None,
                "share_low80": 100 * low / gdp if gdp else None,
                "share_high80": 100 * high / gdp if gdp else None,
            }
        )
    return Price(place, holder, year, tuple(inputs), made, pl.DataFrame(rows), gdp)


# ---------------------------------------------------------------- the network


def reciprocity(money: ArrayLike) -> float:
    """Part of the money that is returned along the same corridor: Σ min(R_ij, R_ji) / Σ R_ij.

    Examples
    --------
    >>> reciprocity([[0.0, 2.0], [2.0, 0.0]]), reciprocity([[0.0, 2.0], [0.0, 0.0]])
    (1.0, 0.0)
    """
    r = np.nan_to_num(np.asarray(money, float))
    np.fill_diagonal(r, 0.0)
    total = r.sum()
    return float(np.minimum(r, r.T).sum() / total) if total > 0 else float("nan")


def closed_node(money: ArrayLike, outside: ArrayLike, at: int) -> Array:
    """What every place loses when one host closes: its income from there, less what is earned elsewhere instead.

    Parameters
    ----------
    money
        USD, shape (receiving, sending).
    outside
        Shape (receiving, sending).
    at
        Index of the host that closes.

    Returns
    -------
    Loss in USD, shape (receiving,).
    """
    r, o = np.asarray(money, float), np.asarray(outside, float)
    return np.asarray(r[:, at] * (1 - o[:, at]), float)


@dataclass(frozen=True, slots=True)
class Network:
    """The corridors of money as a graph.

    ``nodes`` holds, for each place, strength in and out (USD), PageRank, its community, the largest community's name
    (its member with most money received and sent) and the effective number of hosts; ``modularity`` and
    ``reciprocity`` speak of the whole.
    """

    nodes: pl.DataFrame = field(repr=False)
    communities: tuple[tuple[str, ...], ...] = field(repr=False)
    modularity: float
    reciprocity: float
    stability: pl.DataFrame = field(repr=False)


def network(money: xr.DataArray, *, seeds: int = 20, resolution: float = 1.0) -> Network:
    """Strengths, reciprocity and communities of a matrix of remittances (needs the extra ``network``).

    Parameters
    ----------
    money
        USD, dims (receiving, sending); absent cells are no edges.
    seeds
        Communities are sought so many times (Louvain's method depends on the order of its steps); the partition of the
        highest modularity is told, and ``stability`` says in how many of them a place shares the community of each
        system's centre.
    resolution
        Above 1 finds smaller communities.

    Raises
    ------
    MissingExtra
        If networkx is not installed.

    References
    ----------
    Blondel, Guillaume, Lambiotte and Lefebvre (2008), Journal of Statistical Mechanics P10008.
    """
    nx = need("networkx", "network")
    flows = money.median("draw") if "draw" in money.dims else money
    flows = flows.transpose("receiving", "sending")
    codes = [str(c) for c in flows["receiving"].values]
    r = np.nan_to_num(flows.values.astype(float))
    if (r < 0).any():
        raise VocabularyError(f"A corridor holds {r.min():g} USD; give what was received, never a balance.")
    np.fill_diagonal(r, 0.0)
    graph: Any = nx.DiGraph()
    graph.add_nodes_from(codes)
    i, j = np.nonzero(r)
    graph.add_weighted_edges_from((codes[b], codes[a], float(r[a, b])) for a, b in zip(i, j, strict=True))
    found = [
        [sorted(c) for c in nx.community.louvain_communities(graph, weight="weight", resolution=resolution, seed=s)]
        for s in range(seeds)
    ]
    quality = [nx.community.modularity(graph, c, weight="weight", resolution=resolution) for c in found]
    best = found[int(np.argmax(quality))]
    size = dict(zip(codes, r.sum(axis=0) + r.sum(axis=1), strict=True))
    best = sorted(best, key=lambda c: -sum(size[x] for x in c))
    centre = {x: max(c, key=lambda y: size[y]) for c in best for x in c}
    rank = nx.pagerank(graph, weight="weight")
    together = {x: sum(any(x in c and centre[x] in c for c in partition) for partition in found) / seeds for x in codes}
    nodes = pl.DataFrame(
        {
            "place": codes, "received": r.sum(axis=1), "sent": r.sum(axis=0), "pagerank": [rank[c] for c in codes],
            "community": [centre[c] for c in codes],
            "effective_hosts": [concentration(row)["effective"] for row in r],
        }
    )  # fmt: skip
    stability = pl.DataFrame(
        {"place": codes, "centre": [centre[c] for c in codes], "share": [together[c] for c in codes]}
    )
    return Network(nodes, tuple(tuple(c) for c in best), float(max(quality)), reciprocity(r), stability)


def dominant(money: Mapping[str, float], above: float = 0.5) -> str | None:
    """The host that sends more than the given part of all that a place receives, if there is one.

    Examples
    --------
    >>> dominant({"RUS": 7.0, "KAZ": 1.0})
    'RUS'
    """
    total = sum(money.values())
    if not total > 0:
        return None
    host, most = max(money.items(), key=lambda kv: kv[1])
    return host if most / total > above else None


# ---------------------------------------------------------------- questions to the evidence


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
    cube: xr.Dataset | None = field(repr=False)
    table: pl.DataFrame = field(repr=False)
    ranks: pl.DataFrame = field(repr=False)
    assumptions: tuple[str, ...] = field(repr=False)
    absent: tuple[str, ...] = field(repr=False)
    releases: tuple[str, ...] = field(repr=False)
    ids: dict[str, tuple[str, ...]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ground:
    """What leverage stands on in one year, fetched once."""

    year: int
    stocks: dict[str, xr.DataArray] = field(repr=False)
    known: dict[str, list[str]] = field(repr=False)
    inflows: pl.DataFrame = field(repr=False)
    gdp: dict[str, float] = field(repr=False)
    population: dict[str, float] = field(repr=False)
    income: xr.DataArray = field(repr=False)
    labour: dict[str, float] = field(repr=False)
    ids: dict[str, tuple[str, ...]] = field(repr=False)
    releases: tuple[str, ...] = field(repr=False)


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


ASSUMED = (
    "Where people would go is read from where their countrymen are now (independence of irrelevant alternatives).",
    "Income per head stands for what work pays.",
    "All people born in a place and living with the holder are taken for its workers there.",
    "Remittances are spread over hosts by Ratha and Shaw; an inflow that nobody reported leaves a place out.",
)


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
        How remittances are spread over hosts, see :func:`keruen.remittances.remittance_matrix`.
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
        raise NoEvidence(
            f"No {' and no '.join(lacking[first])} of {first} in {base.year}; try year=, or add it: keruen add."
        )
    there = [c for c in wanted if c in reported and not lacking[c]]
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
        return Leverage(base.year, None, table, pl.DataFrame(), ASSUMED, absent, base.releases, base.ids)
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
    return Leverage(base.year, kept, table, ranking, ASSUMED, absent, base.releases, base.ids)


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
    from dataclasses import replace

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
    from keruen.provenance import cite

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
        "assumptions": [*found.assumptions, *(["Reserves are not in the evidence."] if sent_home_part else [])],
        "sources": [{"release": r, "cite": cite(r)} for r in found.releases if r in known],
    }


def corridor_network(year: int, *, as_of: Any = None, seed: int = 0) -> Network:
    """The network of the world's corridors of money in a year (needs the extra ``network``)."""
    base = ground(year, as_of=as_of)
    codes = [str(c) for c in base.income["place"].values]
    stock = list(base.stocks.values())[-1]
    inflow = rival_inflows(base.inflows, year, codes, np.random.default_rng(seed), 1)[0]
    money = matrix(xr.DataArray(inflow, dims="receiving", coords={"receiving": codes}), stock, base.income)
    return network(money.isel(draw=0))


def union_price(
    place: str | int = "KGZ",
    holder: str | int = "RUS",
    year: int = 2015,
    *,
    permit_cost: tuple[float, float, float] = (58_000, 46_400, 69_600),
    working_share: tuple[float, float, float] = (0.6, 0.4, 0.8),
    banned: tuple[float, float, float] | None = None,
    because: str = "",
    seed: int = 0,
    draws: int = 4000,
    as_of: Any = None,
) -> Price:
    """What free access to a labour market is worth in a year; by default the Kyrgyz accession of 12 August 2015.

    Parameters
    ----------
    place, holder, year
        Whose workers, where, when.
    permit_cost
        What the permit would cost a worker and year, in the holder's currency: value, low, high. The default is the
        annual cost of the Russian patent of 2015 as reported, a fifth either way assumed.
    working_share
        Part of the citizens present who work and would need it: assumed.
    banned
        People freed from entry bans. None leaves the part out, and the total is a floor.
    because
        Where your own inputs come from.
    seed, draws
        Of the draws over the ranges.
    as_of
        Only what was known on that day.

    Raises
    ------
    NoEvidence
        If nobody counted the citizens present around that year, or there is no rate, product or income.

    Examples
    --------
    >>> told = union_price()
    >>> 1 < told.table["share_gdp"][0] < 8
    True
    """
    code, host = one_place(place).code, one_place(holder).code
    counted = store.evidence(
        host, "foreign_citizens", counterpart=code, since=f"{year - 2}-07-01", until=f"{year + 1}-06-30", as_of=as_of
    ).filter(pl.col("value").is_not_null())
    if counted.is_empty():
        raise NoEvidence(f"Nobody counted the citizens of {code} in {host} around {year}; add a count with keruen add.")
    counted = counted.with_columns(away=(pl.col("start") - pl.date(year, 7, 1)).abs()).sort("away")
    window = {"since": f"{year}-01-01", "until": f"{year}-12-31", "as_of": as_of}

    def one(measure: str, where: str) -> tuple[float, str]:
        rows = newest(store.evidence(where, measure, **window), measure, year)
        if rows.is_empty():
            raise NoEvidence(f"No {measure} of {where} in {year}; take another year, or add it with keruen add.")
        return float(rows["value"][0]), str(rows["id"][0])

    rate, rate_id = one("exchange_rate", host)
    gdp, gdp_id = one("gdp", code)
    (there, there_id), (home, home_id) = one("gdp_per_capita", host), one("gdp_per_capita", code)
    freed = banned if banned is not None else (0.0, 0.0, 0.0)
    reported = because or "reported annual cost of the patent from 2015, about 58,000 roubles; the range is assumed"
    inputs = [
        Input(name="stock", value=float(counted["value"][0]), low=float(counted["value"].min()),  # type: ignore[arg-type]
              high=float(counted["value"].max()), unit="persons",  # type: ignore[arg-type]
              because="citizens present; the count nearest to the middle of the year, and the range of those around it",
              ids=tuple(counted["id"])),
        Input(name="working_share", value=working_share[0], low=working_share[1], high=working_share[2], unit="part",
              because=because or "assumed: no count of workers among the citizens present is in the evidence"),
        Input(name="permit_cost", value=permit_cost[0], low=permit_cost[1], high=permit_cost[2],
              unit="local currency a person and year", because=reported),
        Input(name="exchange_rate", value=rate, low=rate, high=rate, unit="local currency per USD",
              because="average of the year", ids=(rate_id,)),
        Input(name="banned", value=freed[0], low=freed[1], high=freed[2], unit="persons",
              because=because if banned is not None and because else "given by the caller" if banned is not None else
               "left out: how many of its citizens were barred is not in the evidence; the total is a floor"),
        Input(name="earnings", value=max(there - home, 0.0), low=max(there - home, 0.0), high=max(there - home, 0.0),
              unit="USD a person and year", because="difference of income per head", ids=(there_id, home_id)),
        Input(name="gdp", value=gdp, low=gdp, high=gdp, unit="USD", because="newest edition", ids=(gdp_id,)),
    ]  # fmt: skip
    return access_price(code, host, year, inputs, rng=np.random.default_rng(seed), draws=draws)


def closing(
    holder: str | int, *, year: int | None = None, draws: int = 200, seed: int = 0, as_of: Any = None
) -> pl.DataFrame:
    """What every place loses a year if one host closes and its people go where their countrymen are.

    Returns
    -------
    ``over``, ``income_usd``, ``loss_usd`` (after people moved on) and ``loss_gdp`` (percent), largest first.
    """
    told = leverage(holder, system="world", year=year, draws=draws, seed=seed, as_of=as_of).table
    return (
        told.select(
            "over",
            "income_usd",
            loss_usd=pl.col("income_usd") * (1 - pl.col("outside") / 100),
            loss_gdp="gross",
        )
        .drop_nulls("loss_usd")
        .sort("loss_gdp", descending=True, nulls_last=True)
    )
