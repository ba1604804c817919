"""Which accounts of labour migrants the anchors leave possible: their likelihood, a simulator, the fit.

docs/labour.md has the equations and every decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from keruen.errors import ModelError
from keruen.labour_account import Account, Run, States
from keruen.labour_design import Design, log_odds
from keruen.posterior import laplace, sample

Array = NDArray[np.float64]
_AT_ONCE = 240  # draws run side by side


def _expected(compiled: Account, z: Array, states: Run | States) -> Array:
    """Logarithm (log-odds for shares) of what each anchor should read, (anchor, draw), before its own error."""
    design = compiled.design
    by_anchor = compiled.weights
    v = states.v if isinstance(states, Run) else compiled.values(z)
    registered = by_anchor @ (states.registered + states.certified)
    unregistered = by_anchor @ states.unregistered
    of = {"total": registered + unregistered, "registered": registered, "unregistered": unregistered}
    x = np.empty((len(design.anchors), z.shape[0]))
    for i, a in enumerate(design.anchors):
        if a.of == "share":
            x[i] = 1.0
        elif a.of == "regularised":
            granted = states.granted if isinstance(states, Run) else states.regularised
            if a.regime not in granted:
                raise ModelError(f"The anchor {a.key} counts an amnesty, but no amnesty is among the rules.")
            x[i] = granted[a.regime]
        elif a.of == "permits":
            if not a.regime:
                raise ModelError(
                    f"The anchor {a.key} counts permits, but no permit regime with a duration covers its time. "
                    "Add the regime, or leave the permits out: events without a duration say nothing of persons."
                )
            per_year = v[f"{a.regime}.permits_per_person_year"]
            x[i] = per_year * np.maximum(registered[i] - a.beside, 0.02 * registered[i])
        else:
            x[i] = of[a.of.removesuffix("_at_least")][i]
    y = np.log(x + 1e-9)
    if compiled.shared.any():
        y += np.outer(compiled.shared, np.log(v["part_share"]))
    if compiled.expert.any():
        y += np.outer(compiled.expert, v["expert_error"])
    for i in compiled.shares:
        y[i] = special.logit(v["part_share"])
    return y


def predicted(design: Design, z: Array, states: States) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """What each anchor should read (anchor, draw), what it reads and its error (anchor,), and which are bounds."""
    value, sd, bounded = _observed(design)
    return _expected(Account(design), z, states), value, sd, bounded


def _observed(design: Design) -> tuple[Array, Array, NDArray[np.bool_]]:
    value = np.array([log_odds(a.value) if a.of == "share" else np.log(a.value) for a in design.anchors])
    return (
        value,
        np.array([a.sd for a in design.anchors]),
        np.array([a.of.endswith("_at_least") for a in design.anchors]),
    )


def log_likelihood(
    predicted: Array, observed: Array, sd: Array, bounded: NDArray[np.bool_], reached: Any = True
) -> Array:
    """(anchor, draw). A bound says only whether the noisy truth reaches it."""
    gap = (observed - predicted) / sd
    plain = -0.5 * gap**2 - np.log(sd) - 0.9189385332046727
    sign = np.where(reached, 1.0, -1.0)
    return np.asarray(np.where(bounded, special.log_ndtr(np.where(bounded, -gap, 0.0) * sign), plain))


def simulate(design: Design, rng: np.random.Generator, size: int = 1) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Draws from the prior and the anchors they would print.

    Returns
    -------
    z (draw, parameter), values of the anchors on their log scale (anchor, draw), and for bounds whether they are
    reached (anchor, draw).
    """
    compiled = Account(design)
    z = rng.standard_normal((size, len(compiled.parameters)))
    predicted = _expected(compiled, z, compiled.run(z))
    value, sd, bounded = _observed(design)
    noisy = predicted + sd[:, None] * rng.standard_normal(predicted.shape)
    return z, np.where(bounded[:, None], value[:, None], noisy), noisy >= value[:, None]


def fit(
    design: Design,
    *,
    rng: np.random.Generator,
    chains: int = 64,
    warmup: int = 1500,
    draws: int = 3000,
    thin: int = 20,
    together: int = 8,
    observed: Array | None = None,
    reached: Array | None = None,
) -> Iterator[tuple[Array, float]]:
    """Posterior vectors of a design; one group, or one for each column of `observed`.

    Parameters
    ----------
    design
        What to fit.
    observed, reached
        (anchor, group), data sets of :func:`simulate`, for calibration.

    Yields
    ------
    Vectors (group, chain, draw, parameter), and the share of accepted steps; asked again, twice as many draws.
    """
    compiled = Account(design)
    value, sd, bounded = _observed(design)
    groups = 1 if observed is None else observed.shape[1]
    data = value[:, None] if observed is None else observed
    met = np.ones_like(data, dtype=bool) if reached is None else reached
    counts = {a.regime: i for i, a in enumerate(design.anchors) if a.of == "regularised"}
    for i in counts.values():
        if design.anchors[i].value > design.scale:
            raise ModelError(
                f"{design.anchors[i].key} regularised {design.anchors[i].value:,.0f} people, more than there can be "
                f"({design.scale:,.0f} scales this account). Correct the figure, or the population."
            )
    rest = np.array([i for i in range(len(value)) if i not in counts.values()], dtype=int)

    def compare(z: Array, own: NDArray[np.intp]) -> tuple[Run, Array]:
        run = compiled.run(z, {name: (data[i, own], float(sd[i])) for name, i in counts.items()})
        return run, _expected(compiled, z, run)[rest]

    def part(z: Array, own: NDArray[np.intp]) -> Array:
        run, predicted = compare(z, own)
        likelihood = log_likelihood(
            predicted, data[rest][:, own], sd[rest, None], bounded[rest, None], met[rest][:, own]
        )
        found = likelihood.sum(0) + run.log_prior - 0.5 * (z**2).sum(1)
        return np.asarray(np.where(np.isfinite(found), found, -np.inf))

    def gaps(z: Array, own: NDArray[np.intp]) -> Array:
        run, predicted = compare(z, own)
        gap = (predicted - data[rest][:, own]) / sd[rest, None]
        # A bound pulls only where it is missed.
        missed = np.where(met[rest][:, own], np.minimum(gap, 0.0), np.maximum(gap, 0.0))
        return np.concatenate(
            [np.where(bounded[rest, None], missed, gap), *([x[None] for x in run.reached.values()])]
        ).T

    def spread(kernel: Callable[[Array, NDArray[np.intp]], Array], z: Array) -> Array:
        # Tables of more than some hundred draws leave the processor's cache and are ten times slower.
        group = np.arange(len(z)) // (len(z) // groups)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return np.concatenate(
                [kernel(z[i : i + _AT_ONCE], group[i : i + _AT_ONCE]) for i in range(0, len(z), _AT_ONCE)]
            )

    def told(z: Array, own: NDArray[np.intp]) -> Array:
        run, _ = compare(z, own)
        for name, share in run.reached.items():
            z[:, compiled.index[f"{name}.reached"]] = share
        return z

    size = len(compiled.parameters)
    for kept, accepted in sample(
        lambda z: spread(part, z), size, groups=groups, chains=chains, warmup=warmup, draws=draws, thin=thin,
        reference=laplace(lambda z: spread(gaps, z), size, groups=groups), together=together, rng=rng,
    ):  # fmt: skip
        yield spread(told, kept.reshape(-1, size).copy()).reshape(kept.shape), accepted
