"""Draws of a latent yearly path and of its scales, taken until they suffice, or refused.

Scales, loadings and mixing variables move together along the gradient of their density, from which the path is
integrated out, and leap between the wells of what was seen; the path is then drawn exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from keruen.errors import NotConverged
from keruen.estimators import hamiltonian
from keruen.estimators.hamiltonian import Gait
from keruen.estimators.path import NAMES, Design, Model, Reports, natural
from keruen.estimators.wells import fitted, leap
from keruen.posterior import ess, rhat

Array = NDArray[np.float64]
LEAPS = 2  # proposals between two steps along the gradient
SCOUTS = 16  # where editions may follow a register, they can change places: several wells
SELDOM = 4  # steps between two exchanges of loadings, once leaps know the wells
COLD = 0.2  # how much the reports count when the scouts set out


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws of a posterior: (chain, draw, …), named ``rates`` (year) and the scales."""

    rates: Array
    scales: dict[str, Array]
    loading: Array
    draws: int
    rhat_max: float
    ess_min: float
    worst: str
    accepted: float


def sample(
    design: Design,
    reports: Reports,
    *,
    rng: np.random.Generator,
    chains: int = 4,
    warmup: int = 72,
    draws: int = 200,
    most: int = 3200,
    ess_above: float = 400,
    rhat_below: float = 1.01,
    loaded: bool = True,
    strict: bool = True,
) -> Draws:
    """Draws of the path and of its scales; more are taken until they suffice.

    Parameters
    ----------
    design, reports
        Who reports which years, and what.
    rng
        Source of randomness.
    warmup, draws, most
        Steps thrown away, steps of the first round, and the most steps after the warm-up, of each chain.
    loaded
        Editions may load on the register's error.
    strict
        Refuse draws that did not settle.

    Raises
    ------
    NotConverged
        With the quantity, the number and the remedy.

    References
    ----------
    Liu (1994), JASA 89, collapsed Gibbs; Neal (2011), Hamiltonian dynamics; Hoffman and Gelman (2014), JMLR 15;
    Tierney (1994), Annals of Statistics 22, independence chains.
    """
    # One thread: the same bytes whatever else the process does. Paths may fly off.
    with threadpool_limits(1), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = _run(Model(design, reports, loaded), rng, chains, warmup, draws, most, ess_above, rhat_below)
    if strict and not (found.rhat_max < rhat_below * 1.005 and found.ess_min >= ess_above):
        raise NotConverged(
            f"The sampler did not settle after {found.draws // chains:,} draws of {chains} chains: R-hat"
            f" {found.rhat_max:.3f}, effective draws {found.ess_min:,.0f} for {found.worst} (wanted: {ess_above:,.0f})."
            " Ask for more draws, or look whether two sources that claim to be exact contradict each other."
        )
    return found


def _run(
    m: Model, rng: np.random.Generator, chains: int, warmup: int, draws: int, most: int, ess_above: float,
    rhat_below: float,
) -> Draws:  # fmt: skip
    """Rounds of steps and leaps. One that falls far short teaches the next where the wells are, and is thrown away."""
    named = m.used.size + m.loads
    gait = Gait(0.5 * np.eye(m.dims))
    part = warmup // 6
    scouts = _scouted(m, rng, gait, SCOUTS if m.loads else chains, part)
    q = scouts[-1][rng.permutation(len(scouts[-1]))[:chains]]
    scouts = scouts[-part // 3 :]
    pairs = _pairs(m, np.concatenate(scouts)) if m.loads > 1 else None
    seen: list[Array] = []
    now = m.density(q)
    slopes = [now[1]]
    for at in range(part, warmup):
        if at % part == 0:
            lately = np.concatenate(scouts + seen[len(seen) // 2 :])
            wells = fitted(lately, named)
            if at <= 4 * part:
                gait.reshape(lately, wells.within, np.concatenate(slopes[len(slopes) // 2 :]))
                gait.restart()
        q, now, chance = hamiltonian.step(q, now, m.density, gait, rng)
        gait.learn(float(chance.mean()))
        q, now, _ = leap(q, now, m.density, wells, LEAPS, rng)
        if pairs is not None:
            q, now = _exchange(m, q, now, pairs, rng)
        seen.append(q)
        slopes.append(now[1])
    wells = fitted(np.concatenate(scouts + seen[len(seen) // 2 :]), named)
    gait.settle()
    spent, wanted = 0, draws
    places, paths = [], []
    accepted = 0.0
    while True:
        q, now, chance = hamiltonian.step(q, now, m.density, gait, rng)
        q, now, _ = leap(q, now, m.density, wells, LEAPS, rng)
        if pairs is not None and spent % SELDOM == 0:
            q, now = _exchange(m, q, now, pairs, rng)
        accepted += float(chance.mean())
        spent += 1
        places.append(q)
        paths.append(m.path(now[2], rng))
        if len(places) < wanted:
            continue
        found = _drawn(m, np.stack(places, 1), np.stack(paths, 1), rng, accepted / wanted)
        if (found.rhat_max < rhat_below and found.ess_min >= ess_above) or spent >= most:
            return found
        wells = fitted(np.concatenate(places), named)
        more = 1.15 * ess_above / max(found.ess_min, 1.0)
        if 5 * found.ess_min < ess_above and most - spent >= draws:
            places, paths, accepted = [], [], 0.0
            wanted = min(most - spent, int(draws * float(np.clip(more, 1.0, 1.5))))
        else:
            wanted = min(wanted + most - spent, int(wanted * float(np.clip(more, 1.2, 2.5))))


def _scouted(m: Model, rng: np.random.Generator, gait: Gait, scouts: int, steps: int) -> list[Array]:
    """Positions of scouts (scout, dim), step by step: the reports come to count little by little.

    Begun before anything is reported they spread over all wells; four chains begun at random may all sit in one, and
    agree with each other.
    """
    q = rng.standard_normal((scouts, m.dims))
    q[:, m.used.size + m.loads :] *= 0.3
    seen = []
    for at in range(steps):
        heat = min(1.0, COLD + (1 - COLD) * at / (0.7 * steps))

        def target(q: Array, heat: float = heat) -> tuple[Array, Array, Any]:
            (log, slope, told), (calm, level) = m.density(q), m.before(q)
            return calm + heat * (log - calm), level + heat * (slope - level), told

        q, _, chance = hamiltonian.step(q, target(q), target, gait, rng)
        gait.learn(float(chance.mean()))
        seen.append(q)
    return seen


def _pairs(m: Model, seen: Array) -> Array:
    """Odds with which two loadings (loading, loading) are exchanged: by how far apart they lay where scouts stood."""
    loading = m.parted(seen)[1].mean(0)
    odds = 0.01 + (loading[:, None] - loading[None, :]) ** 2
    np.fill_diagonal(odds, 0.0)
    return np.asarray(odds / odds.sum())


def _exchange(
    m: Model, q: Array, now: tuple[Array, Array, Any], pairs: Array, rng: np.random.Generator
) -> tuple[Array, tuple[Array, Array, Any]]:
    """Propose to each chain that two editions exchange their loadings.

    Which edition it is that follows the register is what makes wells. The odds of a pair do not hang on where a chain
    is, so the way there is as likely as the way back.
    """
    chains, u = len(q), m.used.size
    a, b = np.divmod(rng.choice(pairs.size, chains, p=pairs.ravel()), m.loads)
    new, every = q.copy(), np.arange(chains)
    new[every, u + a], new[every, u + b] = q[every, u + b], q[every, u + a]
    there = m.density(new)
    take = np.log(rng.random(chains)) < np.where(np.isfinite(there[0]), there[0], -np.inf) - now[0]
    return np.where(take[:, None], new, q), hamiltonian.chosen(take, there, now)


def _drawn(m: Model, places: Array, paths: Array, rng: np.random.Generator, accepted: float) -> Draws:
    """What positions (chain, draw, dim) say, and how well they mix."""
    chains, wanted = places.shape[:2]
    z, loading, _ = (x.reshape(chains, wanted, -1) for x in m.parted(places.reshape(-1, m.dims)))
    # Scales that nothing depends on are drawn from their prior.
    whole = rng.standard_normal((chains, wanted, len(NAMES)))
    whole[..., m.used] = z
    scales = natural(whole, m.prior)
    labels = [str(y) for y in m.design.years] + [NAMES[k] for k in m.used]
    labels += [f"loading {e}" for e in range(m.loads)]
    watched = np.concatenate(
        [paths.transpose(2, 0, 1), np.stack([scales[NAMES[k]] for k in m.used]), loading.transpose(2, 0, 1)]
    )
    least = np.minimum(ess(watched), ess(watched, "tail"))
    return Draws(
        rates=paths, scales=scales, loading=loading, draws=chains * wanted, rhat_max=float(rhat(watched).max()),
        ess_min=float(least.min()), worst=labels[int(least.argmin())], accepted=accepted,
    )  # fmt: skip
