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

from keruen.errors import NoEvidence, VocabularyError, need
from keruen.estimators.corridors import concentration

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
        nobody knows.
    shares
        P: where the people born in a place are, dims (draw, birthplace, residence); the diagonal is home; rows sum to
        one. Its destination shares stand in for diversion ratios, and may be replaced by better ones.
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
    codes = [str(c) for c in dependence["receiving"].values]
    for other in (dependence["sending"], shares["birthplace"], shares["residence"]):
        if [str(c) for c in other.values] != codes:
            raise VocabularyError(
                "Dependence and shares must tell the same places in the same order; reindex them first."
            )
    d = (dependence if "draw" in dependence.dims else dependence.expand_dims(draw=[0])).transpose(
        "draw", "receiving", "sending"
    )
    p = (shares if "draw" in shares.dims else shares.expand_dims(draw=[0])).transpose("draw", "birthplace", "residence")
    _checked_shares(d.values, "The dependence", codes)
    _checked_shares(p.values, "The share of people", codes)
    sums = p.values.sum(axis=-1)
    odd = np.abs(sums - 1) > 1e-6
    if odd.any():
        at = np.unravel_index(int(odd.argmax()), odd.shape)[-1]
        raise VocabularyError(f"The shares of {codes[at]} sum to {sums[..., at].flat[0]:g}, not to one; count home in.")
    w = wages.reindex(place=codes).values.astype(float)
    lacking = [c for c, x in zip(codes, w, strict=True) if np.isnan(x)]
    if lacking:
        raise NoEvidence(f"No wage of {', '.join(lacking[:8])}{' …' if len(lacking) > 8 else ''}; give it in wages=.")
    outside = outside_options(p.values, wage_ratios(w))
    n = max(d.sizes["draw"], p.sizes["draw"])
    where = {"draw": np.arange(n), "over": codes, "holder": codes}

    def cube(values: Array) -> xr.DataArray:
        return xr.DataArray(
            np.broadcast_to(values, (n, *values.shape[1:])), dims=("draw", "over", "holder"), coords=where
        )

    d_ = cube(d.values)
    out = xr.Dataset({"dependence": d_, "outside": cube(outside), "gross": cube(gross_leverage(d.values, outside))})
    back = np.nan_to_num(np.swapaxes(d.values, -1, -2))  # what nobody reported of the holder is no claim on it
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
