"""Flows between two accounted stock tables: the fewest moves, independence, and the mixture of both.

The axes are (birthplace, residence) for stocks, (origin, destination) for flows and (birthplace, origin, destination)
for the cube, which is built only on demand: sums over birthplaces, and what part of them is outward, return and
transit, come from the factors of the cube. docs/methods/flows.md derives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keruen.estimators.balance import Account
from keruen.estimators.ipf import Array, fit_many


@dataclass(frozen=True, slots=True)
class Spread:
    """Flows between two accounted stocks.

    Attributes
    ----------
    table
        (origin, destination), or (birthplace, origin, destination) if the cube was asked for; the diagonal of origins
        and destinations holds those who stayed.
    outward, returned, transit
        (origin, destination): moves away from the birthplace, to it, and between two other places; zero diagonals.
    residual_start, residual_end
        (origin,), (destination,): the largest miss of a margin over all birthplaces, persons.
    iterations
        Proportional sweeps and Newton steps.
    """

    table: Array
    outward: Array
    returned: Array
    transit: Array
    residual_start: Array
    residual_end: Array
    iterations: int


def minimum(
    start: Array,
    end: Array,
    seed: Array | None = None,
    *,
    cube: bool = False,
    tolerance: float = 1e-3,
    names: Sequence[str] | None = None,
) -> Spread:
    """Fewest moves: everyone who can have stayed stayed, and the rest are spread by quasi-independence.

    Parameters
    ----------
    start, end
        (birthplace, residence), persons, with equal row sums: `Account.start` and `Account.end`.
    seed
        (origin, destination) or (birthplace, origin, destination); None for a uniform one. Its diagonal has no say.
    cube
        Whether to keep birthplaces apart.
    tolerance
        Of `ipf.fit_many`; the uniform seed needs none.
    names
        Labels of the places, for messages.

    References
    ----------
    Abel (2013), Demographic Research 28:18, doi 10.4054/DemRes.2013.28.18; Abel and Sander (2014), Science 343:1520.

    Examples
    --------
    >>> s1 = np.array([[100.0, 10, 10, 0], [80, 180, 10, 90], [30, 10, 140, 40], [60, 70, 10, 160]])
    >>> s2 = np.array([[95.0, 5, 15, 5], [75, 225, 5, 55], [55, 0, 115, 50], [35, 25, 25, 215]])
    >>> minimum(s1, s2).table.round(3).tolist()[0]
    [235.0, 5.0, 7.857, 22.143]
    """
    stayers = np.minimum(start, end)
    leavers, arrivers = _movers(start, end, stayers)
    spread = _spread(leavers, arrivers, seed, cube, tolerance, names)
    if cube:
        np.einsum("bii->bi", spread.table)[...] += stayers
    else:
        np.einsum("ii->i", spread.table)[...] += stayers.sum(0)
    return spread


def _movers(start: Array, end: Array, stayers: Array) -> tuple[Array, Array]:
    leavers, arrivers = start - stayers, end - stayers
    # Rounding may leave a birthplace with a trace of leavers and nobody who arrives, or the reverse.
    dust = np.minimum(leavers.sum(1), arrivers.sum(1)) <= 1e-13 * start.sum()
    leavers[dust], arrivers[dust] = 0, 0
    return leavers, arrivers


def independent(
    start: Array,
    end: Array,
    seed: Array | None = None,
    *,
    cube: bool = False,
    tolerance: float = 1e-3,
    names: Sequence[str] | None = None,
) -> Spread:
    """Moves as if nobody preferred to stay: within a birthplace, the end does not depend on the start.

    Parameters and returns as in `minimum`; here the diagonal of the seed says how much likelier it is to stay.

    References
    ----------
    Azose and Raftery (2019), PNAS 116(1):116-122, doi 10.1073/pnas.1722334116.

    Examples
    --------
    >>> independent(np.array([[8.0, 2]]), np.array([[5.0, 5]])).table.tolist()
    [[4.0, 4.0], [1.0, 1.0]]
    """
    return _spread(start, end, seed, cube, tolerance, names)


def _spread(
    rows: Array, columns: Array, seed: Array | None, cube: bool, tolerance: float, names: Sequence[str] | None
) -> Spread:
    if seed is None:
        people = rows.sum(1)
        x = np.divide(rows, people[:, None], out=np.zeros_like(rows), where=people[:, None] > 0)
        y, iterations = columns, 0
        off_start, off_end = x * columns.sum(1)[:, None] - rows, x.sum(1)[:, None] * columns - columns
    else:
        fit = fit_many(rows, columns, seed, tolerance=tolerance, names=names)
        x, y, iterations = fit.x, fit.y, fit.sweeps + fit.steps
        off_start, off_end = fit.residual_rows, fit.residual_columns
    outward, returned = x.diagonal()[:, None] * y, x.T * y.diagonal()
    own = seed is not None and seed.ndim == 3
    table = _cube(x, y, seed) if cube or own else x.T @ y
    if seed is not None and not own:
        outward, returned = outward * seed, returned * seed
        table = table if cube else table * seed
    elif seed is not None:
        outward, returned = outward * np.einsum("iij->ij", seed), returned * np.einsum("jij->ij", seed)
    total = table.sum(0) if table.ndim == 3 else table
    for part in (outward, returned):
        np.fill_diagonal(part, 0)
    transit = np.maximum(total - outward - returned, 0)  # below zero by rounding only
    np.fill_diagonal(transit, 0)
    return Spread(
        table if cube else total,
        outward,
        returned,
        transit,
        np.abs(off_start).max(0, initial=0),
        np.abs(off_end).max(0, initial=0),
        iterations,
    )


def _cube(x: Array, y: Array, seed: Array | None) -> Array:
    table: Array = x[:, :, None] * y[:, None, :]
    if seed is not None:
        table *= seed
    return table


def _mix(weight: float, one: Spread, other: Spread) -> Spread:
    def mixed(a: Array, b: Array) -> Array:
        a *= weight
        b *= 1 - weight
        a += b
        return a

    return Spread(
        mixed(one.table, other.table),
        mixed(one.outward, other.outward),
        mixed(one.returned, other.returned),
        mixed(one.transit, other.transit),
        mixed(one.residual_start, other.residual_start),
        mixed(one.residual_end, other.residual_end),
        one.iterations + other.iterations,
    )


def spread(
    accounted: Account,
    *,
    method: str,
    weight: float = 0.87,
    seed: Array | None = None,
    cube: bool = False,
    tolerance: float = 1e-3,
    names: Sequence[str] | None = None,
) -> Spread:
    """Flows of an account by one of the fitted methods; pseudo-Bayes mixes the minimum and independence by `weight`."""
    s1, s2 = accounted.start, accounted.end
    if method.startswith("minimisation"):
        return minimum(s1, s2, seed, cube=cube, tolerance=tolerance, names=names)
    free = independent(s1, s2, seed, cube=cube, tolerance=tolerance, names=names)
    if method == "independence":
        return free
    return _mix(weight, minimum(s1, s2, seed, cube=cube, tolerance=tolerance, names=names), free)


def totals(accounted: Account, *, method: str, weight: float = 0.87) -> Array:
    """Flows of a closed method with a uniform seed and nothing else: two matrix products, for draws by the thousand.

    Examples
    --------
    >>> from keruen.estimators.balance import account
    >>> one = account(np.array([[8.0, 2], [1, 9]]), np.array([[5.0, 5], [2, 8]]))
    >>> whole = spread(one, method="pseudo_bayes")
    >>> bool(np.allclose(totals(one, method="pseudo_bayes"), whole.table))
    True
    """
    weight = {"minimisation_closed": 1.0, "independence": 0.0}.get(method, weight)
    start, end = accounted.start, accounted.end
    out = None
    if weight > 0:
        stayers = np.minimum(start, end)
        leavers, arrivers = _movers(start, end, stayers)
        out = _product(leavers, arrivers, weight)
        np.einsum("ii->i", out)[...] += weight * stayers.sum(0)
    if weight < 1:
        free = _product(start.copy(), end, 1 - weight)
        out = free if out is None else np.add(out, free, out=out)
    assert out is not None
    return out


def _product(rows: Array, columns: Array, share: float) -> Array:
    """`rows` are used up."""
    people = rows.sum(1)
    rows *= np.divide(share, people, out=np.zeros_like(people), where=people > 0)[:, None]
    table: Array = rows.T @ columns
    return table
