"""How many there are, from the overlaps of two or three lists: capture-recapture by log-linear models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from keruen.errors import FaultyTable, ModelError
from keruen.estimators.hidden import CLOSED, Array, Hidden, lognormal, multinomial, randomness, with_draws


def capture_recapture(
    histories: ArrayLike,
    people: ArrayLike,
    *,
    names: Sequence[str] = (),
    draws: int = 0,
    rng: np.random.Generator | None = None,
) -> Hidden:
    """How many there are, from the overlaps of two or three lists, by log-linear models.

    Two lists can only be taken as independent (with Chapman's correction told beside it). Three lists allow the eight
    models with pairwise dependence; the one of lowest AIC is reported, and all are listed.

    Parameters
    ----------
    histories
        (cell, list) of 0 and 1: on which lists. The cell of nobody's list must not be there.
    people
        (cell,), persons with that history; a missing history is nobody.
    names
        Names of the lists.
    draws, rng
        Bootstrap draws of the whole population, model choice included.

    Raises
    ------
    FaultyTable
        Histories that are not 0/1, twice told, or of people on no list.
    ModelError
        Where no two lists overlap, so that any total is possible.

    Examples
    --------
    >>> found = capture_recapture([[1, 1], [1, 0], [0, 1]], [50, 150, 100], names=("police", "clinic"))
    >>> round(found.value)
    600

    References
    ----------
    Fienberg (1972), Biometrika 59; Chapman (1951); Cormack (1989), Biometrics 45.
    """
    cells, lists = _histories(histories, people, names)
    k = cells.ndim
    n = float(cells.sum())
    models = _models(k)
    seen = cells.ravel()[1:]  # the cell of nobody is first
    fits = [_loglinear(design, seen[None]) for _, design in models]
    with np.errstate(invalid="ignore"):
        scores = np.array([float(aic[0]) for _, aic, _ in fits])
    if not np.isfinite(scores).any():
        raise ModelError(
            f"The lists ({', '.join(lists)}) do not overlap enough: with nobody on two of them any total is possible. "
            "Add a list, lengthen the period, or link the records again."
        )
    best = int(np.nanargmin(np.where(np.isfinite(scores), scores, np.inf)))
    label, design = models[best]
    unseen, mu = float(fits[best][0][0]), fits[best][2][0]
    value = n + unseen
    information = np.linalg.inv(design[1:].T @ (mu[:, None] * design[1:]))
    gradient = 1 + unseen * (design[1:] @ information @ design[0])
    variance = max(float(gradient**2 @ mu) - value, 0.0)
    low, high = lognormal(n, value, variance)
    table = [
        {"model": name.format(*lists), "value": n + _finite(u[0]), "aic": _finite(aic[0])}
        for (name, _), (u, aic, _) in zip(models, fits, strict=True)
    ]  # fmt: skip
    diagnostics: dict[str, Any] = {"observed": n, "lists": lists, "model": label.format(*lists), "models": table}
    if k == 2:
        n1, n2, both = cells[1].sum(), cells[:, 1].sum(), cells[1, 1]
        diagnostics["chapman"] = float((n1 + 1) * (n2 + 1) / (both + 1) - 1)
    finite = [v for v in (_finite(u[0]) + n for u, _, _ in fits) if np.isfinite(v)]
    noted = []
    if k == 3 and max(finite) > 2 * min(finite):
        noted.append(
            f"The models run from {min(finite):,.0f} to {max(finite):,.0f}: "
            "the dependence between lists decides, and the interval of one model does not tell that."
        )
    found = Hidden(
        method="capture-recapture",
        value=value,
        low95=low,
        high95=high,
        draws=np.array([value]),
        standard_error=float(np.sqrt(variance)),
        assumptions=(
            CLOSED,
            "records of one person are linked across lists without error",
            "the lists are independent" if k == 2 else "dependence of pairs of lists only: " + label.format(*lists),
            "everyone has the same chance to be on a list; where chances go together the number is too low",
        ),
        warnings=tuple(noted),
        diagnostics=diagnostics,
    )  # fmt: skip
    if not draws:
        return found
    tables = multinomial(np.append(unseen, seen), value, draws, randomness(rng))[:, 1:]
    tried = [_loglinear(d, tables) for _, d in models]
    aic = np.array([a for _, a, _ in tried])
    chosen = np.argmin(np.where(np.isfinite(aic), aic, np.inf), 0)
    samples = tables.sum(1) + np.array([u for u, _, _ in tried])[chosen, np.arange(draws)]
    samples = samples[np.isfinite(samples)]
    if samples.size < draws:
        noted.append(f"{draws - samples.size} of {draws} draws had no overlap and no estimate; they are left out.")
    return replace(
        with_draws(found, samples, "bootstrap of seen and unseen with model choice, percentiles"), warnings=tuple(noted)
    )


def _finite(value: Any) -> float:
    return float(value) if np.isfinite(value) else float("nan")


def _histories(histories: ArrayLike, people: ArrayLike, names: Sequence[str]) -> tuple[Array, list[str]]:
    """A (2, 2) or (2, 2, 2) table of persons by list, checked."""
    h = np.atleast_2d(np.asarray(histories, dtype=float))
    w = np.atleast_1d(np.asarray(people, dtype=float))
    k = h.shape[1]
    lists = list(names) or [f"list {c}" for c in "ABC"[:k]]
    if k not in (2, 3) or h.shape[0] != w.size or len(lists) != k:
        raise FaultyTable(
            "histories", [f"row 1, {k} lists and {w.size} counts: give 2 or 3 columns of 0 and 1, and people."]
        )
    faults: list[str] = []
    table: Array = np.zeros((2,) * k)
    told: set[tuple[int, ...]] = set()
    for at, (row, p) in enumerate(zip(h, w, strict=True), start=1):
        if not np.isin(row, (0, 1)).all():
            faults.append(f"row {at}, a list holds {row.tolist()}: write 1 for on the list and 0 for not.")
            continue
        cell = tuple(int(v) for v in row)
        if not np.isfinite(p) or p < 0 or p != np.floor(p):
            faults.append(f"row {at}, column people: {p:g} is not a whole number of 0 or more.")
        elif not any(cell):
            faults.append(f"row {at}, people on no list cannot have been counted. Leave the row out.")
        elif cell in told:
            faults.append(f"row {at}, the history {cell} was told before. Give one row a history.")
        else:
            told.add(cell)
            table[cell] = p
    if faults:
        raise FaultyTable("histories", faults)
    for i, name in enumerate(lists):
        if table.take(1, i).sum() == 0:
            raise ModelError(f"Nobody is on {name}: it tells nothing. Leave the list out.")
    return table, lists


def _models(k: int) -> list[tuple[str, Array]]:
    """Names and designs (cell, parameter) of the hierarchical models up to pairs; the first cell is nobody's."""
    cells = np.array(np.meshgrid(*[[0, 1]] * k, indexing="ij")).reshape(k, -1).T.astype(float)
    main = np.column_stack([np.ones(len(cells)), cells])
    found = [("none", main)]
    if k == 3:
        pairs = list(combinations(range(3), 2))
        for size in (1, 2, 3):
            for chosen in combinations(pairs, size):
                extra = [cells[:, i] * cells[:, j] for i, j in chosen]
                name = ", ".join(f"{{{i}}} with {{{j}}}" for i, j in chosen)
                found.append((name, np.column_stack([main, *extra])))
    return found


def _loglinear(design: Array, counts: Array) -> tuple[Array, Array, Array]:
    """Unseen (draw,), AIC (draw,) and fitted cells (draw, cell) by Poisson scoring; infinite where nothing overlaps."""
    x, k = design[1:], design.shape[1]
    mu: Array = np.asarray(counts + 0.5)
    beta = np.zeros((counts.shape[0], k))
    outer = (x[:, :, None] * x[:, None, :]).reshape(x.shape[0], k * k)
    change: Array = np.full(counts.shape[0], np.inf)
    for _ in range(60):
        eta = np.log(mu)
        work = (mu * eta + counts - mu) @ x
        information = (mu @ outer).reshape(-1, k, k) + 1e-10 * np.eye(k)
        new = np.linalg.solve(information, work[:, :, None])[:, :, 0]
        change = np.abs(new - beta).max(1)
        beta = np.asarray(new)
        mu = np.asarray(np.exp(np.clip(beta @ x.T, -25, 40)))
        if change.max() < 1e-8:
            break
    # Where lists do not meet, a cell runs to zero and the unseen to infinity, one power of e a step.
    unseen = np.exp(np.minimum(beta @ design[0], 80))
    settled = (change < 1e-4) & (unseen < 1e7 * np.maximum(counts.sum(1), 1))
    unseen = np.where(settled, unseen, np.inf)
    log_likelihood = (counts * np.log(mu) - mu - special.gammaln(counts + 1)).sum(1)
    return unseen, np.where(settled, 2 * k - 2 * log_likelihood, np.inf), mu
