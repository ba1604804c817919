"""Proportional fitting: the table nearest to a seed that has given margins, and what to say when there is none.

Two kernels on bare arrays. `fit_margins` fits one table by Newton's method on the dual, and `fit_many` fits one table
for every birthplace from a seed they share, without ever building the cube. docs/methods/flows.md derives both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from keruen.errors import InfeasibleMargins

Array = NDArray[np.float64]

_TINY = 1e-300  # keeps 0/0 at zero where nobody is to be placed
_PLAIN, _SWEEPS, _FEW = 20, 160, 6  # sweeps before over-relaxation; sweeps in all; tables left to Newton
_OMEGA = 1.9
_STEPS = 80
_FAR = 300.0  # a span of log factors that only an impossible table asks for
_LED, _NEAR = 25, 0.02  # steps of conjugate gradients a guide may lead; what they leave of the gradient


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted table and how well it fits.

    Attributes
    ----------
    table
        (rows, columns), persons.
    log_columns
        (columns,), logarithms of the column factors. Minus infinity where a column is to be empty.
    residual
        Largest distance of a margin from its target, persons.
    iterations
        Newton steps.
    """

    table: Array
    log_columns: Array
    residual: float
    iterations: int


@dataclass(frozen=True, slots=True)
class Guide:
    """What a fit teaches about similar ones, such as draws around it: where to begin, and how their dual is curved.

    Attributes
    ----------
    filled
        (columns,), which columns hold people; a problem with other empty columns is fitted without the guide.
    log_columns
        (filled columns,), logarithms of the column factors.
    inverse
        (filled columns, filled columns), inverse Hessian of the dual.
    """

    filled: NDArray[np.bool_]
    log_columns: Array
    inverse: Array


@dataclass(frozen=True, slots=True)
class Factors:
    """One fitted table for every birthplace b, as the factors of ``x[b, o] * seed[o, d] * y[b, d]``.

    Attributes
    ----------
    x, y
        (birthplace, origin), (birthplace, destination).
    residual_rows, residual_columns
        (birthplace, origin), (birthplace, destination): fitted margins less their targets, persons.
    sweeps
        Proportional sweeps over the tables together.
    steps
        Newton steps over the tables that were finished one by one.
    """

    x: Array
    y: Array
    residual_rows: Array
    residual_columns: Array
    sweeps: int
    steps: int


def fit_margins(
    seed: Array,
    rows: Array,
    columns: Array,
    *,
    tolerance: float | None = None,
    guide: Guide | None = None,
    names: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Fit:
    """Scale the rows and columns of a seed until its margins are the given ones.

    The same table as iterative proportional fitting (the seed times a factor a row and a factor a column), by Newton
    steps on the convex dual: a handful of steps where proportional sweeps need hundreds.

    Parameters
    ----------
    seed
        (rows, columns), not negative. A zero stays a zero.
    rows, columns
        Targets, persons; their sums agree.
    tolerance
        Largest distance of a margin from its target, persons; by default 1e-13 of the total.
    guide
        Of a similar problem (`guide`): the same table, several times faster.
    names
        Labels of rows and columns, for messages.

    Returns
    -------
    Fit

    Raises
    ------
    InfeasibleMargins
        If the zeros of the seed leave no table with these margins, or the totals differ.

    Examples
    --------
    >>> fit = fit_margins(np.array([[40.0, 30, 20, 10], [35, 50, 100, 75], [30, 80, 70, 120], [20, 30, 40, 50]]),
    ...                   np.array([150.0, 300, 400, 150]), np.array([200.0, 300, 400, 100]))
    >>> fit.table.sum(0).round(6).tolist(), fit.table.sum(1).round(6).tolist()
    ([200.0, 300.0, 400.0, 100.0], [150.0, 300.0, 400.0, 150.0])
    """
    total = float(rows.sum())
    if abs(total - float(columns.sum())) > 1e-9 * max(total, 1.0):
        raise InfeasibleMargins(
            f"The rows are to sum to {total:,.0f} people and the columns to {float(columns.sum()):,.0f}: "
            "no table has both. Bring the totals together first."
        )
    tolerance = max(1e-13 * total, 1e-15) if tolerance is None else tolerance
    r, c = np.flatnonzero(rows > 0), np.flatnonzero(columns > 0)
    whole = r.size == rows.size and c.size == columns.size
    inner = seed if whole else seed[np.ix_(r, c)]
    label = _labels(names, r, c)
    if inner.size == 0:
        return Fit(np.zeros_like(seed), np.full(columns.size, -np.inf), 0.0, 0)
    _refuse_empty(inner, rows[r], columns[c], label)
    led = guide is not None and np.array_equal(guide.filled, columns > 0)
    begin, inverse = (guide.log_columns, guide.inverse) if guide is not None and led else (None, None)
    u, v, residual, steps, ok = _newton(inner, rows[r], columns[c], tolerance, begin, inverse)
    fitted = inner * u[:, None]
    fitted *= np.exp(v)
    if not ok:
        worst, people = _worst(fitted, rows[r], columns[c], label)
        raise InfeasibleMargins(
            f"No table with the zeros of this seed has these margins: {people:,.0f} people of {worst} find no place. "
            "Give the seed positive values where people may move, or change the margins."
        )
    if whole:
        return Fit(fitted, v, residual, steps)
    table = np.zeros_like(seed)
    table[np.ix_(r, c)] = fitted
    factors = np.full(columns.size, -np.inf)
    factors[c] = v
    return Fit(table, factors, residual, steps)


def guide(fit: Fit) -> Guide:
    """The guide that a fit makes for problems like it.

    Examples
    --------
    >>> seed = np.array([[9.0, 1], [2, 8]])
    >>> first = fit_margins(seed, np.array([10.0, 10]), np.array([12.0, 8]))
    >>> fit_margins(seed * 1.01, np.array([10.0, 10]), np.array([12.0, 8]), guide=guide(first)).iterations
    0
    """
    filled = np.isfinite(fit.log_columns)
    table = fit.table[:, filled]
    rows, columns = table.sum(1), table.sum(0)
    root = 1.0 / np.sqrt(columns)
    hessian = _lifted(table * (1.0 / np.sqrt(np.maximum(rows, _TINY)))[:, None] * root, columns)
    factor, _ = lapack.dpotrf(hessian, overwrite_a=1)
    inverse, _ = lapack.dpotri(factor, overwrite_c=1)
    inverse = np.triu(inverse) + np.triu(inverse, 1).T
    return Guide(filled, fit.log_columns[filled], np.ascontiguousarray(inverse * root * root[:, None]))


def fit_many(
    rows: Array,
    columns: Array,
    seed: Array,
    *,
    tolerance: float = 1e-3,
    names: Sequence[str] | None = None,
) -> Factors:
    """Fit a table of origins by destinations for every birthplace, all from one seed.

    A sweep over all birthplaces is two matrix products, (birthplace, destination) times the seed and back. Sweeps are
    over-relaxed at the pace that each birthplace shows by itself; whoever is still moving after that is finished by
    Newton steps. Birthplaces that have settled leave the products.

    Parameters
    ----------
    rows
        (birthplace, origin): how many people born in b leave each origin (or all who start there), persons.
    columns
        (birthplace, destination): how many arrive; sums over destinations equal those over origins, b by b.
    seed
        (origin, destination), or (birthplace, origin, destination) for a seed of each birthplace. Not negative.
    tolerance
        Largest distance of any margin from its target, persons; a birthplace of fewer than ten million people is held
        to 1e-10 of them.
    names
        Labels of the places, for messages.

    Returns
    -------
    Factors

    Raises
    ------
    InfeasibleMargins
        If the seed has a zero where people must move.

    Examples
    --------
    >>> rows, columns = np.array([[0.0, 10, 0], [5, 0, 5]]), np.array([[6.0, 0, 4], [0, 10, 0]])
    >>> fit = fit_many(rows, columns, np.ones((3, 3)))
    >>> ((fit.x.T @ fit.y) * np.ones((3, 3))).round(6).tolist()
    [[0.0, 5.0, 0.0], [6.0, 0.0, 4.0], [0.0, 5.0, 0.0]]
    """
    people, arrive = rows.sum(1), columns.sum(1)
    apart = np.abs(people - arrive)
    if (apart > np.maximum(tolerance, 1e-6 * people)).any():
        k = int(apart.argmax())
        raise InfeasibleMargins(
            f"{people[k]:,.0f} people born in {_name(names, k)} leave and {arrive[k]:,.0f} arrive: no table has both. "
            "Bring the totals together first."
        )
    # Differences of large stocks carry rounding that is large for a few movers: let the totals agree to the last digit.
    given, columns = columns, columns * np.divide(people, arrive, out=np.zeros_like(people), where=arrive > 0)[:, None]
    goal = np.clip(1e-10 * people, np.minimum(2e-14 * people, tolerance), tolerance)
    scale = max(float(seed.max(initial=0.0)), _TINY)
    seed = seed / scale
    x, y = np.zeros_like(rows), np.zeros_like(columns)
    active = np.flatnonzero(people > 0)
    if active.size == 0:
        return Factors(x, y, -rows, -given, 0, 0)
    if seed.ndim == 3:
        late, sweeps = active, 0
        y[active] = columns[active] > 0
    else:
        late, sweeps = _sweep(rows, columns, seed, goal, active, x, y, names)
    steps = 0
    for b in late:
        o, d = np.flatnonzero(rows[b] > 0), np.flatnonzero(columns[b] > 0)
        common = seed if seed.ndim == 2 else seed[b]
        inner, label = common[np.ix_(o, d)], _labels(None if names is None else (names, names), o, d)
        _refuse_empty(inner, rows[b, o], columns[b, d], label, born=_name(names, int(b)))
        u, v, _, taken, ok = _newton(inner, rows[b, o], columns[b, d], float(goal[b]), np.log(y[b, d]))
        steps += taken
        if not ok:
            fitted = (inner * u[:, None]) * np.exp(v)
            worst, missing = _worst(fitted, rows[b, o], columns[b, d], label)
            raise InfeasibleMargins(
                f"Born in {_name(names, int(b))}: {missing:,.0f} people of {worst} find nowhere to go, because the "
                "seed is zero where they must move. Give the seed a small positive value there."
            )
        x[b, o], y[b, d] = u, np.exp(v)
    if seed.ndim == 2:
        off_rows, off_columns = x * (y @ seed.T) - rows, y * (x @ seed) - given
    else:
        off_rows = x * np.einsum("bod,bd->bo", seed, y) - rows
        off_columns = y * np.einsum("bod,bo->bd", seed, x) - given
    return Factors(x / scale, y, off_rows, off_columns, sweeps, steps)


def _newton(
    seed: Array, rows: Array, columns: Array, tolerance: float, start: Array | None, inverse: Array | None = None
) -> tuple[Array, Array, float, int, bool]:
    """Row factors, logarithms of column factors, residual, steps, and whether it settled. All targets are positive.

    The row factors are eliminated exactly, which leaves a convex function of v alone:
    f(v) = Σ_o r_o log Σ_d S_od e^{v_d} − Σ_d c_d v_d, whose Hessian is the Schur complement C − X' R⁻¹ X. A step solves
    with it by Cholesky, or by conjugate gradients led by the inverse Hessian of a similar problem.
    """
    total = rows.sum()
    v = np.zeros(columns.size) if start is None else np.maximum(start - start.max(), -_FAR / 2)
    e = np.exp(v)
    q = np.maximum(seed @ e, _TINY)
    u = rows / q
    f = float(rows @ np.log(q) - columns @ v)
    residual = np.inf
    for step in range(_STEPS):
        fitted = e * (u @ seed)
        gradient = columns - fitted
        last, residual = residual, float(np.abs(gradient).max())
        # The floor of floating point: the step before was already at the last digits and this one gained nothing.
        if residual <= tolerance or (residual >= 0.5 * last and last <= 1e-11 * total):
            return u, v, residual, step, True
        if not np.isfinite(residual) or v.max() - v.min() > _FAR:
            return u, v, residual, step, False
        move = None
        if inverse is not None:
            near = max(_NEAR * residual, 0.3 * tolerance)
            move = _led(seed, rows / q / q, e, fitted, gradient, inverse, near)
        if move is None:
            inverse = None
            root = 1.0 / np.sqrt(np.maximum(fitted, _TINY))
            m = seed * (np.sqrt(rows) / q)[:, None]
            m *= e * root
            _, z, trouble = lapack.dposv(_lifted(m, fitted), gradient * root, overwrite_a=1)
            if trouble or not np.isfinite(z).all():
                return u, v, residual, step, False
            move = z * root
        reach = float(move.max() - move.min())
        t = min(1.0, 30.0 / reach) if reach > 0 else 1.0
        slope = -float(gradient @ move)
        while True:
            trial = v + t * move
            trial -= trial.max()
            e = np.exp(trial)
            q = np.maximum(seed @ e, _TINY)
            value = float(rows @ np.log(q) - columns @ trial)
            # A short step of Newton's is safe, and the function too flat there for its last digits to judge it.
            if t * reach <= 0.5 or value <= f + 1e-4 * t * slope:
                break
            t /= 2
        v, f, u = trial, value, rows / q
    return u, v, residual, _STEPS, False


def _lifted(m: Array, columns: Array) -> Array:
    """The dual's Hessian scaled to I − M'M, upper triangle, with M = R^{-1/2} X C^{-1/2}.

    A constant added to v changes nothing, so its one null vector is √c, lifted here to 1.
    """
    hessian: Array = blas.dsyrk(-1.0, m.T)
    diagonal = np.arange(columns.size)
    hessian[diagonal, diagonal] += 1.0 + 1e-13
    return blas.dsyr(1.0, np.sqrt(columns / columns.sum()), a=hessian, overwrite_a=1)  # type: ignore[no-any-return]


def _led(
    seed: Array, weight: Array, e: Array, fitted: Array, gradient: Array, inverse: Array, near: float
) -> Array | None:
    """A Newton step by conjugate gradients: two products with vectors each, no Hessian. None if the guide is no help.

    `weight` is r/q², so that the Hessian times p is fitted·p − e·S'(weight·S(e·p)).
    """
    move, left = np.zeros_like(gradient), gradient
    way, power = np.zeros_like(gradient), np.inf
    for _ in range(_LED):
        lead = inverse @ left
        power, before = float(left @ lead), power
        way = lead + (power / before) * way
        bent = fitted * way - e * ((weight * (seed @ (e * way))) @ seed)
        curve = float(way @ bent)
        if not (curve > 0 and power > 0):
            return None
        move += (power / curve) * way
        left = left - (power / curve) * bent
        if max(left.max(), -left.min()) <= near:
            return move
    return None


def _sweep(
    rows: Array,
    columns: Array,
    seed: Array,
    goal: Array,
    active: NDArray[np.intp],
    x: Array,
    y: Array,
    names: Sequence[str] | None,
) -> tuple[NDArray[np.intp], int]:
    """Over-relaxed proportional sweeps. Fills `x` and `y` in place; returns who is not settled, and the sweeps."""
    a, b, aim = rows[active], columns[active], goal[active]
    across = np.ascontiguousarray(seed.T)
    here = (b > 0).astype(float)
    p = here @ across
    _refuse_nowhere(a, p, active, names, "start in")
    _refuse_nowhere(b, (a > 0).astype(float) @ seed, active, names, "end in")
    g, h = a / (p + _TINY), here
    omega = np.ones((active.size, 1))
    before = np.zeros(active.size)
    sweep = 0
    for sweep in range(_SWEEPS):
        p = h @ across
        p += _TINY
        q = g @ seed
        q += _TINY
        residual = np.abs(h * q - b).max(1)
        settled = residual <= aim
        if sweep > _PLAIN:  # without over-relaxation the rows are exact
            settled &= np.abs(g * p - a).max(1) <= aim
        if sweep == _PLAIN // 2:
            before = residual
        elif sweep == _PLAIN:
            # Plain sweeps shrink the error by `rate` each; Young's optimum for that rate.
            rate = np.clip((residual / np.maximum(before, _TINY)) ** (2 / _PLAIN), 0.0, 0.9999)
            omega = np.minimum(2.0 / (1.0 + np.sqrt(1.0 - rate)), _OMEGA)[:, None]
        if settled.any():
            x[active[settled]], y[active[settled]] = g[settled], h[settled]
            on = ~settled
            active, a, b, aim, g, h, q = active[on], a[on], b[on], aim[on], g[on], h[on], q[on]
            omega, before = omega[on], before[on]
        if active.size <= _FEW:
            break
        if sweep < _PLAIN:
            h = b / q
            g = a / (h @ across + _TINY)
        else:
            h = _relax(h, b / q, omega)
            g = _relax(g, a / (h @ across + _TINY), omega)
    y[active] = h
    return active, sweep + 1


def _relax(old: Array, new: Array, omega: Array) -> Array:
    """A step beyond `new`, first order in the logarithm; never below a fifth of the old value."""
    ratio = new / np.where(old > 0, old, 1.0)
    ratio -= 1.0
    ratio *= omega
    ratio += 1.0
    np.maximum(ratio, 0.2, out=ratio)
    ratio *= old
    return ratio


def _refuse_nowhere(
    people: Array, room: Array, active: NDArray[np.intp], names: Sequence[str] | None, verb: str
) -> None:
    stuck = (people > 0) & (room <= 0)
    if stuck.any():
        k, place = (int(i) for i in np.unravel_index(int(np.where(stuck, people, 0).argmax()), people.shape))
        raise InfeasibleMargins(
            f"{people[k, place]:,.0f} people born in {_name(names, int(active[k]))} {verb} {_name(names, place)}, and "
            "the seed is zero on every corridor they could take. Give the seed a small positive value there "
            "(for the independence and pseudo-Bayes methods its diagonal, staying, needs one too)."
        )


def _refuse_empty(inner: Array, rows: Array, columns: Array, label: Any, born: str | None = None) -> None:
    whose = "" if born is None else f" born in {born}"
    for axis, target in ((1, rows), (0, columns)):
        empty = inner.max(axis=axis) <= 0
        if empty.any():
            k = int(np.where(empty, target, 0).argmax())
            raise InfeasibleMargins(
                f"{target[k]:,.0f} people{whose} belong to {label(1 - axis, k)}, where the seed is zero throughout. "
                "Give the seed a small positive value there."
            )


def _worst(fitted: Array, rows: Array, columns: Array, label: Any) -> tuple[str, float]:
    off = [np.abs(rows - fitted.sum(1)), np.abs(columns - fitted.sum(0))]
    axis = int(off[1].max() > off[0].max())
    k = int(off[axis].argmax())
    return label(axis, k), float(off[axis][k])


def _labels(names: tuple[Sequence[str], Sequence[str]] | None, r: NDArray[np.intp], c: NDArray[np.intp]) -> Any:
    def label(axis: int, k: int) -> str:
        position = int((r, c)[axis][k])
        return f"{('row', 'column')[axis]} {position}" if names is None else str(names[axis][position])

    return label


def _name(names: Sequence[str] | None, k: int) -> str:
    return f"place {k}" if names is None else str(names[k])
