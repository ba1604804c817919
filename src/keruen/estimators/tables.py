"""The kernels of every method, on bare arrays: one problem with its certificate, or many in one process.

The axes are (birthplace, residence) for stocks, (origin, destination) for flows and (birthplace, origin, destination)
for the cube; a leading axis k counts problems. Nothing here knows xarray, so that draws can be run by the thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from keruen.errors import InfeasibleMargins, KeruenError, NoEvidence, VocabularyError
from keruen.estimators.balance import account, refuse_bad
from keruen.estimators.ipf import Array
from keruen.estimators.spread import spread

METHODS = (
    "drop_negative",
    "reverse_negative",
    "migration_rates",
    "minimisation_open",
    "minimisation_closed",
    "independence",
    "pseudo_bayes",
)
DIFFERENCING = METHODS[:3]  # these know no margins: stocks are subtracted or scaled, never fitted
SEEDED = METHODS[3:]
CLOSED = ("minimisation_closed", "independence", "pseudo_bayes")
_MOST = 0.1  # of all people may be unaccounted for: beyond that two sources do not speak of the same world
_OPTIONS = {
    "method": METHODS,
    "balance": ("before", "after"),
    "births_from": ("native", "native_first", "proportion"),
    "deaths_from": ("proportion", "accounting"),
    "outside": ("own", "other"),
}


@dataclass(frozen=True, slots=True)
class Flows:
    """Estimated flows of one problem with their certificate.

    Attributes
    ----------
    table, outward, returned, transit, residual_start, residual_end, iterations
        As in `Spread`; the iterations of the account are counted in.
    net_gap
        (place,): net migration less (population change − births + deaths), persons.
    gap, birthplace_gap, left, entered, changed_cells, changed_people
        As in `Account`; zeros where the method keeps no account.
    unplaced
        People whom the method by its nature leaves out: negative changes that were dropped, departures beyond the
        people there are.
    changed, births_shared
        As in `Account`.
    """

    table: Array
    outward: Array
    returned: Array
    transit: Array
    residual_start: Array
    residual_end: Array
    iterations: int
    net_gap: Array
    gap: float
    birthplace_gap: Array
    left: Array
    entered: Array
    changed_cells: int
    changed_people: float
    unplaced: float
    changed: tuple[tuple[str, int, int, float], ...]
    births_shared: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ManyFlows:
    """`Flows` of k problems: every array has a leading axis (k, …), every number is an array (k,)."""

    table: Array
    outward: Array
    returned: Array
    transit: Array
    residual_start: Array
    residual_end: Array
    iterations: Array
    net_gap: Array
    gap: Array
    birthplace_gap: Array
    left: Array
    entered: Array
    changed_cells: Array
    changed_people: Array
    unplaced: Array
    changed: tuple[tuple[tuple[str, int, int, float], ...], ...]
    births_shared: tuple[tuple[int, ...], ...]


def check_options(weight: float, **options: str) -> None:
    """Raise if an option or the weight is not one that exists."""
    for name, value in options.items():
        if value not in _OPTIONS[name]:
            raise VocabularyError(f"{name}={value!r} is not one of {', '.join(map(repr, _OPTIONS[name]))}.")
    if not 0 <= weight <= 1:
        raise VocabularyError(
            f"weight={weight!r} is not a share: give the minimum's weight between 0 and 1 (Azose and Raftery: 0.87)."
        )


def flows(
    start: Array,
    end: Array,
    births: Array | None = None,
    deaths: Array | None = None,
    *,
    method: str = "pseudo_bayes",
    weight: float = 0.87,
    seed: Array | None = None,
    balance: str = "before",
    births_from: str = "native",
    deaths_from: str = "proportion",
    outside: str = "own",
    repair: bool = True,
    cube: bool = False,
    tolerance: float = 1e-3,
    names: Sequence[str] | None = None,
) -> Flows:
    """Flows between two stock tables by any method, with the certificate.

    Parameters
    ----------
    start, end
        (birthplace, residence), persons; places in one order on both axes.
    births, deaths
        (residence,), persons, between the two dates.
    method, weight
        One of `METHODS`; the minimum's share in pseudo-Bayes.
    seed
        (origin, destination) or (birthplace, origin, destination); None for a uniform one.
    balance, births_from, deaths_from, outside, repair
        Of `balance.account`.
    cube
        Whether to keep birthplaces apart: `Flows.table` is (birthplace, origin, destination) then.
    tolerance
        Of `ipf.fit_many`, for seeds.
    names
        Labels of the places, for messages.

    Raises
    ------
    VocabularyError
        Unknown options, or a seed for a method that fits nothing.
    NoEvidence, InfeasibleMargins
        See `balance.account` and `ipf.fit_many`.

    Examples
    --------
    >>> s1 = np.array([[1000.0, 100, 10, 0], [55, 555, 50, 5], [80, 40, 800, 40], [20, 25, 20, 200]])
    >>> s2 = np.array([[1060.0, 60, 10, 10], [45, 540, 40, 0], [70, 75, 770, 70], [30, 30, 20, 230]])
    >>> b, d = np.array([80.0, 20, 60, 60]), np.array([70.0, 30, 50, 10])
    >>> out = flows(s1, s2, b, d, method="minimisation_closed")
    >>> round(float(out.table.sum() - np.trace(out.table)), 2)
    127.69
    """
    check_options(
        weight, method=method, balance=balance, births_from=births_from, deaths_from=deaths_from, outside=outside
    )
    n = start.shape[0]
    if start.shape != (n, n) or end.shape != (n, n):
        raise VocabularyError(
            f"Stocks are square tables of one list of places; these are {start.shape} and {end.shape}."
        )
    natural = np.zeros(n)
    natural = natural + births if births is not None else natural
    natural = natural - deaths if deaths is not None else natural
    if method in DIFFERENCING:
        if seed is not None:
            raise VocabularyError(
                f"method={method!r} fits nothing, so a seed cannot be honoured. Use one of {', '.join(SEEDED)}."
            )
        return _differencing(start, end, births, deaths, natural, method, cube, names)
    if seed is not None:
        _refuse_seed(seed, n, names)
    accounted = account(
        start,
        end,
        births,
        deaths,
        system="open" if method == "minimisation_open" else "closed",
        balance=balance,
        births_from=births_from,
        deaths_from=deaths_from,
        outside=outside,
        repair=repair,
        names=names,
    )
    out = spread(accounted, method=method, weight=weight, seed=seed, cube=cube, tolerance=tolerance, names=names)
    return Flows(
        out.table,
        out.outward,
        out.returned,
        out.transit,
        out.residual_start,
        out.residual_end,
        iterations=out.iterations + accounted.iterations,
        net_gap=_net(out.table) - (end.sum(0) - start.sum(0) - natural),
        gap=accounted.gap,
        birthplace_gap=accounted.birthplace_gap,
        left=accounted.left,
        entered=accounted.entered,
        changed_cells=accounted.changed_cells,
        changed_people=accounted.changed_people,
        unplaced=0.0,
        changed=accounted.changed,
        births_shared=accounted.births_shared,
    )


def _net(table: Array) -> Array:
    """Arrivals less departures by place; stayers cancel."""
    net: Array = table.sum((0, 1)) - table.sum((0, 2)) if table.ndim == 3 else table.sum(0) - table.sum(1)
    return net


def _refuse_seed(seed: Array, n: int, names: Sequence[str] | None) -> None:
    if seed.shape not in ((n, n), (n, n, n)):
        raise VocabularyError(
            f"The seed is {seed.shape}: give (origin, destination) or (birthplace, origin, destination)."
        )
    if np.isfinite(seed).all() and seed.min(initial=0) >= 0:
        return
    wrong = ~np.isfinite(seed) | (seed < 0)
    o, d = (int(k) for k in np.argwhere(wrong)[0][-2:])
    here = names if names is not None else [f"place {k}" for k in range(n)]
    problem = NoEvidence if np.isnan(seed).any() else InfeasibleMargins
    raise problem(
        f"The seed from {here[o]} to {here[d]} is {seed[wrong][0]}: every corridor needs a finite weight that is not "
        "negative. For inverse distances, give the diagonal a value of its own."
    )


def _differencing(
    start: Array,
    end: Array,
    births: Array | None,
    deaths: Array | None,
    natural: Array,
    method: str,
    cube: bool,
    names: Sequence[str] | None,
) -> Flows:
    """Flows read off the stocks. Who is left of each place's people at the start fills the diagonal.

    A rise of the stock (b, r) is a move b → r of people born in b. A fall is dropped, or is their return r → b.
    Migration rates share out M, the sum of absolute net migration, in proportion to the foreign-born at the start.
    """
    told = {"the stock at the start": start, "the stock at the end": end, "births": births, "deaths": deaths}
    refuse_bad({what: table for what, table in told.items() if table is not None}, names)
    n = start.shape[0]
    change = end - start
    np.fill_diagonal(change, 0)
    gap = float(natural.sum() - end.sum() + start.sum())
    returns = np.zeros((n, n))  # (birthplace, residence): people who left this residence for home
    lost = 0.0
    if method == "migration_rates":
        if births is None and deaths is None and abs(gap) > 1e-6 * max(float(start.sum()), float(end.sum())):
            raise InfeasibleMargins(
                f"The two stocks differ by {abs(gap):,.0f} people in all, and migration rates need net migration: give "
                "births= and deaths=."
            )
        abroad = start.copy()
        np.fill_diagonal(abroad, 0)
        migrants = float(np.abs(end.sum(0) - start.sum(0) - natural).sum())
        if migrants > 0 and abroad.sum() == 0:
            raise InfeasibleMargins(
                f"{migrants:,.0f} migrants cannot be shared out: the stock at the start has no foreign-born anywhere."
            )
        outward = abroad * (migrants / abroad.sum()) if migrants > 0 else np.zeros((n, n))
    else:
        outward = np.maximum(change, 0)
        fallen = np.maximum(-change, 0)
        if method == "reverse_negative":
            returns = fallen
        else:
            lost = float(fallen.sum())
    stay = start - returns
    if method == "drop_negative":
        stay = start - fallen
    natives = np.einsum("ii->i", stay)
    natives -= outward.sum(1)
    lost += float(-np.minimum(natives, 0).sum())
    np.maximum(natives, 0, out=natives)
    returned = returns.T.copy()
    if cube:
        table = np.zeros((n, n, n))
        b = np.arange(n)
        table[b, b, :] += outward
        table[b, :, b] += returns
        table[:, b, b] += stay
    else:
        table = outward + returned + np.diag(stay.sum(0))
    flat = table.sum(0) if cube else table
    return Flows(
        table,
        outward,
        returned,
        np.zeros((n, n)),
        np.abs(flat.sum(1) - start.sum(0)),
        np.abs(flat.sum(0) - end.sum(0)),
        iterations=0,
        net_gap=_net(table) - (end.sum(0) - start.sum(0) - natural),
        gap=gap,
        birthplace_gap=np.zeros(n),
        left=np.zeros(n),
        entered=np.zeros(n),
        changed_cells=0,
        changed_people=0.0,
        unplaced=lost,
        changed=(),
        births_shared=(),
    )


def refuse_gap(start: Array, end: Array, births: Array, deaths: Array, labels: Sequence[str]) -> None:
    """Raise if a closed system would have to take up more than a tenth of its people: shapes as in `flows_many`."""
    size = np.maximum(start.sum((1, 2)), end.sum((1, 2)))
    born, grown = births.sum(1) - deaths.sum(1), end.sum((1, 2)) - start.sum((1, 2))
    gap = np.abs(born - grown)
    wrong = gap > _MOST * size
    if wrong.any():
        k = int(np.where(wrong, gap / np.maximum(size, 1e-300), 0).argmax())
        where = f"{labels[k]}: " if labels[k] else ""
        raise InfeasibleMargins(
            f"{where}Births less deaths ({born[k]:,.0f}) and the change of the stocks ({grown[k]:,.0f}) differ by "
            f"{gap[k]:,.0f} people in all, {gap[k] / size[k]:.0%} of everyone and more than the tenth that natives are "
            "made to take up. Check the units and the period of births, deaths and stocks, or use "
            "method='minimisation_open'."
        )


def flows_many(
    start: Array,
    end: Array,
    births: Array | None = None,
    deaths: Array | None = None,
    *,
    seed: Array | Sequence[Array] | None = None,
    labels: Sequence[str] | None = None,
    dtype: type[np.floating] = np.float64,
    **options: object,
) -> ManyFlows:
    """`flows` of k problems (draws, periods, sexes …) one after the other, in one process with one BLAS thread.

    Tables of some two hundred places are too small for two threads; give each process its own chunk of problems.

    Parameters
    ----------
    start, end
        (k, birthplace, residence), persons.
    births, deaths
        (k, residence), persons.
    seed
        One seed for all, or a sequence of k seeds.
    labels
        Names of the problems, which begin the message if one fails.
    dtype
        Of the tables kept; the arithmetic is in double precision.
    **options
        Of `flows`.

    Examples
    --------
    >>> s = np.array([[[8.0, 2], [1, 9]]] * 3)
    >>> flows_many(s, s, method="minimisation_closed").table.shape
    (3, 2, 2)
    """
    k = start.shape[0]
    out: dict[str, list[object]] = {}
    arrays: dict[str, Array] = {}
    with threadpool_limits(limits=1, user_api="blas"):
        for i, one in enumerate(_each(start, end, births, deaths, seed, labels, options)):
            for field in fields(one):
                value = getattr(one, field.name)
                if isinstance(value, tuple):
                    out.setdefault(field.name, []).append(value)
                    continue
                if i == 0:
                    wide = field.name in ("table", "outward", "returned", "transit")
                    arrays[field.name] = np.empty((k, *np.shape(value)), dtype if wide else np.float64)
                arrays[field.name][i] = value
    return ManyFlows(**arrays, **{name: tuple(values) for name, values in out.items()})  # type: ignore[arg-type]


def _each(
    start: Array,
    end: Array,
    births: Array | None,
    deaths: Array | None,
    seed: Array | Sequence[Array] | None,
    labels: Sequence[str] | None,
    options: dict[str, object],
) -> Iterator[Flows]:
    for i in range(start.shape[0]):
        own = seed if seed is None or isinstance(seed, np.ndarray) else seed[i]
        try:
            yield flows(
                start[i],
                end[i],
                None if births is None else births[i],
                None if deaths is None else deaths[i],
                seed=own,
                **options,  # type: ignore[arg-type]
            )
        except KeruenError as error:
            if labels is None or not labels[i]:
                raise
            raise type(error)(f"{labels[i]}: {error}") from error
