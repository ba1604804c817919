"""Corridors of money: a matrix of remittances from inflows, stocks and incomes; rival stocks; concentration.

Everything here is given its numbers; nothing asks the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from keruen.errors import FaultyTable, InfeasibleMargins, NoEvidence, VocabularyError
from keruen.places import places
from keruen.vocabulary import suggest

METHODS = ("stocks", "incomes", "ratha_shaw")
"""Weights of a migrant: the same for all; the host's income; the host's and the home's (Ratha and Shaw 2007)."""

BETA = 0.75
"""How much of a gain in income a migrant sends on, by Ratha and Shaw; a parameter wherever it is used."""

Array = NDArray[np.float64]


# ---------------------------------------------------------------- numbers that know nothing of the world


def per_migrant(home: ArrayLike, host: ArrayLike, *, method: str = "ratha_shaw", beta: float = BETA) -> Array:
    """What one migrant sends, up to a constant of the receiving place.

    Parameters
    ----------
    home
        Income per head of the receiving places, current USD, shape (receiving,).
    host
        Income per head of the sending places, current USD, shape (sending,).
    method
        ``stocks``: everyone sends alike. ``incomes``: as much as the host's income. ``ratha_shaw``: the home's income,
        and of what the host pays above it the power `beta`.
    beta
        The exponent, above 0 and at most 1.

    Returns
    -------
    Weights, shape (receiving, sending). Those of ``ratha_shaw`` depend on the unit of income: a power of dollars is
    not a power of thousands of dollars.

    References
    ----------
    Ratha and Shaw (2007), South-South Migration and Remittances, World Bank Working Paper 102.

    Examples
    --------
    >>> per_migrant([1000.0], [500.0, 11000.0]).round(6).tolist()
    [[1000.0, 2000.0]]
    """
    if method not in METHODS:
        raise VocabularyError(f"{method!r} is not a way to weigh migrants. {suggest(method, METHODS)}")
    if not 0 < beta <= 1:
        raise VocabularyError(f"The exponent beta is {beta:g}; it lies above 0 and at most at 1 (0.75 by default).")
    y, Y = np.asarray(home, float)[:, None], np.asarray(host, float)[None, :]
    if method == "stocks":
        return np.ones((y.size, Y.size))
    if np.any(y < 0) or np.any(Y < 0):
        raise VocabularyError("An income per head is below zero; give current USD.")
    if method == "incomes":
        return np.broadcast_to(Y, (y.size, Y.size)).copy()
    with np.errstate(invalid="ignore"):
        return np.asarray(y + np.maximum(Y - y, 0.0) ** beta, float)


def allocated(inflows: ArrayLike, stock: ArrayLike, weights: ArrayLike) -> Array:
    """Spread every inflow over the hosts of the people who may have sent it.

    Parameters
    ----------
    inflows
        Received by every place, shape (receiving,), USD. Absent (NaN) stays absent in the whole row.
    stock
        People of the receiving place who live in the sending one, shape (..., receiving, sending), persons. The
        diagonal is not read: who stayed sends nothing home.
    weights
        Of one migrant, shape (receiving, sending).

    Returns
    -------
    Remittances, the shape of `stock`. Every row sums to its inflow; the row of a place with nobody abroad is zero.
    """
    people = np.array(stock, float)
    received = np.asarray(inflows, float)
    np.einsum("...ii->...i", people)[...] = 0.0
    mass = np.where(people > 0, people * np.asarray(weights, float), 0.0)
    largest = mass.max(axis=-1, keepdims=True)
    mass = np.divide(mass, largest, out=np.zeros_like(mass), where=largest > 0)  # tiny masses keep their digits
    total = mass.sum(axis=-1, keepdims=True)
    share = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    return np.asarray(received[..., :, None] * share, float)


def concentration(amounts: ArrayLike) -> dict[str, float]:
    """How far an income hangs on few hosts.

    Parameters
    ----------
    amounts
        Received from each host, one unit; absent hosts (NaN) are left out.

    Returns
    -------
    ``hhi`` (sum of squared shares, 1 for one host), ``effective`` (exponential of the entropy of the shares: the
    number of equal hosts that would be as even) and ``largest`` (the largest share). All NaN where nothing came.

    Examples
    --------
    >>> concentration([3.0, 3.0, 3.0, 3.0])["effective"]
    4.0
    """
    x = np.asarray(amounts, float)
    x = x[~np.isnan(x)]
    if np.any(x < 0):
        raise VocabularyError("An amount is below zero; concentration is of what was received.")
    total = x.sum()
    if not total > 0:
        return {"hhi": float("nan"), "effective": float("nan"), "largest": float("nan")}
    s = x / total
    some = s[s > 0]
    return {
        "hhi": float((s**2).sum()),
        "effective": round(float(np.exp(-(some * np.log(some)).sum())), 12),
        "largest": float(s.max()),
    }


# ---------------------------------------------------------------- labelled tables


def checked_matrix(matrix: xr.DataArray | pl.DataFrame, name: str = "matrix") -> xr.DataArray:
    """A user's own matrix of remittances, if every cell is labelled and none is negative.

    Parameters
    ----------
    matrix
        An array with dims (receiving, sending), or a table with the columns ``receiving``, ``sending``, ``usd``.
    name
        What to call it in a message.

    Returns
    -------
    An array of dims (receiving, sending), USD, with places by code.

    Raises
    ------
    FaultyTable
        With every fault: negative, infinite or missing cells, cells without a place, places that no list knows, and
        corridors told twice.

    Examples
    --------
    >>> table = pl.DataFrame({"receiving": ["TJK", "KGZ"], "sending": ["RUS", "RUS"], "usd": [3.0, 2.0]})
    >>> checked_matrix(table).sel(receiving="TJK", sending="RUS").item()
    3.0
    """
    if isinstance(matrix, xr.DataArray):
        missing = {"receiving", "sending"} - set(matrix.dims)
        if missing:
            raise FaultyTable(name, [f"dimension {m!r} is missing; name the two ends" for m in sorted(missing)])
        bare = [d for d in ("receiving", "sending") if d not in matrix.coords]
        if bare:
            raise FaultyTable(name, [f"dimension {d!r} has no labels; give place codes" for d in bare])
        r, s = matrix["receiving"].values, matrix["sending"].values
        values = matrix.transpose("receiving", "sending").values
        table = pl.DataFrame(
            {"receiving": np.repeat(r, len(s)).tolist(), "sending": np.tile(s, len(r)).tolist(), "usd": values.ravel()}
        ).filter(pl.col("usd").is_not_nan())
    else:
        lost = [c for c in ("receiving", "sending", "usd") if c not in matrix.columns]
        if lost:
            raise FaultyTable(
                name, [f"column {c!r} is missing; a matrix has receiving and sending and usd" for c in lost]
            )
        table = matrix.select("receiving", "sending", "usd")
    faults: list[str] = []
    known, seen = places(), set()
    for row, (r, s, usd) in enumerate(table.iter_rows(), start=1):
        for end, code in (("receiving", r), ("sending", s)):
            if code is None or not str(code).strip():
                faults.append(f"row {row}, {end}: the cell is not labelled; name the place")
            elif code not in known:
                faults.append(f"row {row}, {end}: no place has the code {code!r}; give ISO 3166 codes (keruen places)")
        if usd is None or not np.isfinite(usd):
            faults.append(f"row {row}, usd: the cell is empty or not a number; leave the row out if nobody reported it")
        elif usd < 0:
            faults.append(f"row {row}, usd: {usd:g} is below zero; give what was received, never a balance")
        if (r, s) in seen:
            faults.append(f"row {row}, sending: the corridor {s} to {r} stands there twice; keep one row")
        seen.add((r, s))
    if faults:
        raise FaultyTable(name, faults)
    return spread(table, sorted({*table["receiving"], *table["sending"]}), "receiving", "sending", "usd", np.nan)


def spread(table: pl.DataFrame, codes: Sequence[str], row: str, column: str, value: str, empty: float) -> xr.DataArray:
    """A table of pairs as a square array on the given codes; pairs that it does not tell hold `empty`."""
    at = {code: i for i, code in enumerate(codes)}
    told = table.filter(pl.col(row).is_in(list(codes)) & pl.col(column).is_in(list(codes)))
    out = np.full((len(codes), len(codes)), empty)
    out[[at[c] for c in told[row]], [at[c] for c in told[column]]] = told[value].to_numpy()
    return xr.DataArray(out, dims=(row, column), coords={row: list(codes), column: list(codes)})


def matrix(
    inflows: xr.DataArray,
    stock: xr.DataArray,
    income: xr.DataArray | None = None,
    *,
    method: str = "ratha_shaw",
    beta: float = BETA,
    strict: bool = False,
) -> xr.DataArray:
    """Remittances from every host to every home, by spreading inflows over stocks.

    Parameters
    ----------
    inflows
        USD received in a year, dims (receiving,). NaN where nobody reported.
    stock
        Persons by birthplace and residence, dims (birthplace, residence), and (draw,) if there are several.
    income
        Income per head, current USD, dims (place,); needed for ``incomes`` and ``ratha_shaw``.
    method, beta
        See :func:`per_migrant`.
    strict
        Raise where a place received money and has nobody abroad; by default its row is zero and the sum that could
        not be allocated is told in ``attrs["unallocated"]``.

    Returns
    -------
    Remittances in USD, dims (draw, receiving, sending). Rows sum to the inflows.

    Raises
    ------
    InfeasibleMargins
        If stock or inflows are negative or absent where they must not be.
    NoEvidence
        If an income is missing of a place that has migrants.
    VocabularyError
        If the labels of the arguments are not the same places.

    Examples
    --------
    >>> ends = {"birthplace": ["A", "B"], "residence": ["A", "B"]}
    >>> people = xr.DataArray([[0.0, 10.0], [5.0, 0.0]], dims=("birthplace", "residence"), coords=ends)
    >>> money = xr.DataArray([7.0, 3.0], dims="receiving", coords={"receiving": ["A", "B"]})
    >>> matrix(money, people, method="stocks").isel(draw=0).values.tolist()
    [[0.0, 7.0], [3.0, 0.0]]
    """
    codes = [str(c) for c in stock["birthplace"].values]
    if codes != [str(c) for c in stock["residence"].values] or codes != [str(c) for c in inflows["receiving"].values]:
        raise VocabularyError("Stock and inflows must tell the same places in the same order; reindex them first.")
    people = stock if "draw" in stock.dims else stock.expand_dims(draw=[0])
    people = people.transpose("draw", "birthplace", "residence")
    crowd, money = people.values, np.asarray(inflows.values, float)
    off = ~np.eye(len(codes), dtype=bool)
    if np.isnan(crowd[:, off]).any() or (crowd[:, off] < 0).any():
        raise InfeasibleMargins(
            "A stock is absent or negative. Fill corridors by a rule that you name, or drop the place."
        )
    if (money < 0).any():
        worst = codes[int(np.nanargmin(money))]
        raise InfeasibleMargins(f"{worst} receives {np.nanmin(money):g} USD; an inflow cannot be negative.")
    wages = np.ones(len(codes))
    if method != "stocks":
        if income is None:
            raise NoEvidence(f"The method {method!r} needs incomes per head; give income=, or take method='stocks'.")
        wages = income.reindex(place=codes).values.astype(float)
        both = (crowd * off).sum(axis=0)
        needed = (both.sum(axis=0) > 0) | ((both.sum(axis=1) > 0) & ~np.isnan(money))
        lacking = [c for c, y, n in zip(codes, wages, needed, strict=True) if np.isnan(y) and n]
        if lacking:
            raise NoEvidence(
                f"No income per head of {', '.join(lacking[:8])}{' …' if len(lacking) > 8 else ''}. "
                "Give it in income=, or take method='stocks'."
            )
        wages = np.nan_to_num(wages)
    made = allocated(money, crowd, per_migrant(wages, wages, method=method, beta=beta))
    left = ~(np.nansum(made, axis=-1) > 0).all(axis=0) & (money > 0)
    if strict and left.any():
        raise InfeasibleMargins(
            f"{', '.join(c for c, x in zip(codes, left, strict=True) if x)}: money came, but the stock knows nobody "
            "abroad. Take another edition of the stock, or strict=False to leave it unallocated."
        )
    out = xr.DataArray(
        made, dims=("draw", "receiving", "sending"), name="remittances",
        coords={"draw": people["draw"].values, "receiving": codes, "sending": codes},
    )  # fmt: skip
    out.attrs |= {"units": "USD", "method": method, "beta": beta}
    out.attrs["unallocated"] = {c: float(v) for c, v, x in zip(codes, money, left, strict=True) if x}
    return out


def picked(knows: NDArray[np.bool_], rng: np.random.Generator, draws: int) -> NDArray[np.int64]:
    """Which edition speaks for each host in each draw: shapes (edition, host) -> (draw, host).

    One draw is the newest edition that knows the host, without chance; more take one that knows it, all alike. A host
    that none knows is given any of them.
    """
    n, hosts = knows.shape
    if draws == 1:
        return np.array([[max(np.flatnonzero(knows[:, h]), default=n - 1) for h in range(hosts)]], np.int64)
    chance = rng.random((draws, n, hosts))
    return np.asarray(np.where(knows | ~knows.any(axis=0), chance, -1.0).argmax(axis=1), np.int64)


def rival_stocks(
    editions: Mapping[str, xr.DataArray],
    rng: np.random.Generator,
    draws: int,
    known_hosts: Mapping[str, Iterable[str]] | None = None,
) -> xr.DataArray:
    """Draws of a stock from rival editions.

    An edition is made host by host, from that host's census or register: each draw takes for every residence one of
    the editions that know it, all alike. What they share stays shared: a copy carried from edition to edition cannot
    differ, so the spread is a floor of the doubt, not the whole of it.

    Parameters
    ----------
    editions
        Persons, dims (birthplace, residence), by edition, on the same labels, newest last.
    rng
        Source of randomness.
    draws
        How many; one draw is the newest edition that knows each host, without chance.
    known_hosts
        Hosts of which each edition tells somebody; by default those with anybody in the table itself, which is right
        when the table holds all birthplaces.

    Returns
    -------
    Persons, dims (draw, birthplace, residence).
    """
    if not editions:
        raise NoEvidence("There is no edition of the stock to draw from.")
    tables = np.stack([e.values for e in editions.values()])
    knows = np.nansum(tables, axis=1) > 0
    if known_hosts is not None:
        hosts_ = [str(c) for c in next(iter(editions.values()))["residence"].values]
        knows = np.array([[h in told for h in hosts_] for told in (set(known_hosts[e]) for e in editions)])
    hosts = tables.shape[2]
    newest = picked(knows, rng, draws)
    first = next(iter(editions.values()))
    out = np.empty((draws, first.shape[0], hosts))
    for h in range(hosts):
        out[:, :, h] = tables[newest[:, h], :, h]
    return xr.DataArray(
        out,
        dims=("draw", "birthplace", "residence"),
        coords={
            "draw": np.arange(draws),
            "birthplace": first["birthplace"].values,
            "residence": first["residence"].values,
        },
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two matrices, cell by cell.

    ``correlation`` is of USD, ``log_correlation`` of the logarithms where both are positive, ``rank`` that of ranks;
    ``log_error`` the mean of |ln ours − ln theirs|; ``moved`` the part of the money that would have to change corridor
    for the two to agree; ``differences`` the largest gaps.
    """

    cells: int
    correlation: float
    log_correlation: float
    rank: float
    log_error: float
    moved: float
    differences: pl.DataFrame = field(repr=False)


def compare_matrices(ours: xr.DataArray, theirs: xr.DataArray, *, top: int = 10) -> Comparison:
    """How near one matrix comes to another, over the cells that both tell.

    Parameters
    ----------
    ours, theirs
        USD, dims (receiving, sending); absent cells are not compared.
    top
        How many of the largest differences to list.
    """
    if "draw" in ours.dims:
        ours = ours.median("draw")
    a, b = xr.align(ours.transpose("receiving", "sending"), theirs.transpose("receiving", "sending"), join="inner")
    x, y = a.values.ravel(), b.values.ravel()
    both = ~np.isnan(x) & ~np.isnan(y)
    if both.sum() < 3:
        raise NoEvidence(f"The two matrices share {int(both.sum())} cells; a comparison needs three.")
    pairs = [(r, s) for r in a["receiving"].values for s in a["sending"].values]
    p, q = x[both], y[both]
    positive = (p > 0) & (q > 0)
    lp, lq = np.log(p[positive]), np.log(q[positive])
    gap = pl.DataFrame(
        {"receiving": [r for (r, _), k in zip(pairs, both, strict=True) if k],
         "sending": [s for (_, s), k in zip(pairs, both, strict=True) if k], "ours": p, "theirs": q}
    ).with_columns(difference=pl.col("ours") - pl.col("theirs"))  # fmt: skip
    rp, rq = (np.argsort(np.argsort(v)).astype(float) for v in (p[positive], q[positive]))
    return Comparison(
        cells=int(both.sum()),
        correlation=float(np.corrcoef(p, q)[0, 1]),
        log_correlation=float(np.corrcoef(lp, lq)[0, 1]) if positive.sum() > 2 else float("nan"),
        rank=float(np.corrcoef(rp, rq)[0, 1]) if positive.sum() > 2 else float("nan"),
        log_error=float(np.abs(lp - lq).mean()) if positive.any() else float("nan"),
        moved=float(np.abs(p - q).sum() / 2 / max(q.sum(), 1e-300)),
        differences=gap.sort(pl.col("difference").abs(), descending=True).head(top),
    )
