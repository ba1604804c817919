"""The corridors of money as a graph: strengths, reciprocity, communities; what is lost when a host closes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import polars as pl
import xarray as xr
from numpy.typing import ArrayLike

from keruen.errors import VocabularyError, need
from keruen.estimators.corridors import Array, concentration, matrix
from keruen.leverage import ground, leverage
from keruen.yearly import rival_inflows


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

    nodes: pl.DataFrame
    communities: tuple[tuple[str, ...], ...]
    modularity: float
    reciprocity: float
    stability: pl.DataFrame

    def __repr__(self) -> str:
        most = self.nodes.sort("received", descending=True).row(0, named=True)
        return (
            f"Corridors of money between {len(self.nodes)} places: {len(self.communities)} communities (modularity"
            f" {self.modularity:.2f}), {self.reciprocity:.0%} of the money returned along its corridor; {most['place']}"
            f" receives most, {most['received'] / 1e6:,.1f} million USD. See nodes, communities, stability."
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.nodes.sort('received', descending=True).head(10)._repr_html_()}"


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


def corridor_network(year: int, *, as_of: Any = None, seed: int = 0) -> Network:
    """The network of the world's corridors of money in a year (needs the extra ``network``)."""
    base = ground(year, as_of=as_of)
    codes = [str(c) for c in base.income["place"].values]
    stock = list(base.stocks.values())[-1]
    inflow = rival_inflows(base.inflows, year, codes, np.random.default_rng(seed), 1)[0]
    money = matrix(xr.DataArray(inflow, dims="receiving", coords={"receiving": codes}), stock, base.income)
    return network(money.isel(draw=0))


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
