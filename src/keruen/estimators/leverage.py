"""What a host could take from a place whose people work there, once they can go elsewhere: the bare formula.

Dependence, where people are, what work pays: arrays and cubes in, leverage out. All that it assumes is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from keruen.errors import NoEvidence, VocabularyError

Array = NDArray[np.float64]


LABOUR_SHARE = 0.55
"""Part of income that goes to labour: a round value, assumed, not estimated here."""


REPLACEABLE = 0.0
"""Part of foreign workers whom a holder could replace at once: none, which makes its own dependence an upper bound."""


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
