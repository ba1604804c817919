"""A small world with known truth: paths of net migration drawn from a prior, reports of them, and what they leave open.

Everything is Gaussian, so the posterior is exact and costs a millisecond; thousands of statements about such worlds
tell whether a verdict of 0.8 holds in 80 of 100. A misspecified world has reporters whose bias the model does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen.statement_sets import parsed
from keruen.statements import Statement
from keruen.verdicts import ask
from keruen.witnesses import Day, together

Array = NDArray[np.float64]

PHI, SIGMA, LEVEL = 0.85, 1.2, 2.0  # of the prior path: persistence, yearly innovation, size of its mean, per 1,000
REGISTER, EDITION, RHO = 2.0, 1.5, 0.8  # size of the errors, and how far those of an edition run on from year to year
BIAS = 2.5  # of reporters in a misspecified world, per 1,000


@dataclass(frozen=True, slots=True)
class Path:
    """Years, and draws (draw, year) of a rate per 1,000; the truth is a path with one draw."""

    years: NDArray[np.int64]
    rates: Array


def world(
    rng: np.random.Generator, places: Sequence[str], *, first: int = 1990, last: int = 2019, draws: int = 400,
    misspecified: bool = False,
) -> tuple[dict[str, Path], dict[str, Path]]:  # fmt: skip
    """Truth and posterior of each place.

    Parameters
    ----------
    rng
        Of all randomness.
    places
        Codes; paths of different places are independent.
    first, last
        Years.
    draws
        Of the posterior.
    misspecified
        Every reporter of a place shares a bias that the model does not know.

    Returns
    -------
    The truth by place (one draw), and the posterior.

    Examples
    --------
    >>> truth, seen = world(np.random.default_rng(0), ["KAZ"])
    >>> truth["KAZ"].rates.shape, seen["KAZ"].rates.shape
    ((1, 30), (400, 30))
    """
    years = np.arange(first, last + 1)
    n = years.size
    apart = np.abs(years[:, None] - years[None, :])
    prior = LEVEL**2 + SIGMA**2 / (1 - PHI**2) * PHI**apart
    # Two editions print five-year means, a register prints some years.
    periods = np.array([(years >= a) & (years < a + 5) for a in range(first, last, 5)], dtype=float) / 5
    errors = EDITION**2 * RHO**apart
    truth, seen = {}, {}
    for place in places:
        path = rng.multivariate_normal(np.zeros(n), prior)
        told = np.sort(rng.choice(n, n // 2, replace=False))
        weights = np.vstack([periods, periods, np.eye(n)[told]])
        noise = np.zeros((len(weights), len(weights)))
        m = len(periods)
        for k in (0, m):
            noise[k : k + m, k : k + m] = periods @ errors @ periods.T
        noise[2 * m :, 2 * m :] = REGISTER**2 * np.eye(len(told))
        noise += 1e-9 * np.eye(len(noise))
        bias = BIAS * rng.standard_normal() if misspecified else 0.0
        reports = weights @ path + rng.multivariate_normal(np.zeros(len(noise)), noise) + bias
        gain = np.linalg.solve(weights @ prior @ weights.T + noise, weights @ prior).T
        mean, spread = gain @ reports, prior - gain @ weights @ prior
        root = np.linalg.cholesky((spread + spread.T) / 2 + 1e-9 * np.eye(n))
        truth[place] = Path(years, path[None])
        seen[place] = Path(years, mean + rng.standard_normal((draws, n)) @ root.T)
    return truth, seen


def sentences(
    rng: np.random.Generator, places: Sequence[str], count: int, *, first: int = 1992, last: int = 2017
) -> str:
    """A set of random statements about some places, as TOML: levels, changes, turns, who stands alone.

    Examples
    --------
    >>> sentences(np.random.default_rng(0), ["KAZ", "UZB"], 2).count("[[statement]]")
    2
    """
    lines = ["[set]", 'title = "Statements about a toy world"', 'outlet = "a generator"', "date = 2021-01-01"]
    for k in range(count):
        place = str(rng.choice(places))
        a = int(rng.integers(first, last - 4))
        b = int(rng.integers(a + 1, min(a + 9, last)))
        kind = rng.choice(["mean", "every", "any", "rises", "turn", "alone"], p=[0.4, 0.1, 0.1, 0.2, 0.1, 0.1])
        bound = round(float(rng.normal(0, 2.5)), 2)
        side = str(rng.choice(["low", "high"]))
        test = [f'kind = "posterior_probability"\nroom = "net_migration"\nquantity = "rate"\nyears = [{a}, {b}]',
                f'how = "{kind}"\n{side} = {bound}']  # fmt: skip
        if kind == "turn":
            end = min(a + int(rng.integers(3, 20)), last)
            test = [f'kind = "date_between"\nfirst = {a}\nlast = {end}\nsince = 1990']
        elif kind == "alone":
            rest = ", ".join(f'"{p}"' for p in rng.permutation(places)[: int(rng.integers(2, 4))])
            state = str(rng.choice(["receiving", "sending"]))
            test = [f'kind = "joint_state"\npeers = [{rest}, "{place}"]\nyears = [{a}, {b}]\nstate = "{state}"']
        lines += [
            "[[statement]]", f'id = "{k + 1}"', f'text = "{kind} of {place}"', 'type = "level"', f'place = "{place}"',
            'tolerance = "as the bounds say"', 'refuted_by = "the other side of them"', "[[statement.test]]", *test,
        ]  # fmt: skip
    return "\n".join(lines)


def probability(s: Statement, paths: dict[str, Path]) -> float:
    """The probability of a statement in a world, by the tests that real statements are put to."""
    day = Day(paths={(place, (), frozenset()): path for place, path in paths.items()})
    found = together([ask(day, t) for t in s.tests])
    assert found.probability is not None, found.lacking
    return found.probability


def trials(
    statements: int = 2000, *, each: int = 8, seed: int = 0, misspecified: bool = False,
    places: Sequence[str] = ("KAZ", "KGZ", "TJK", "UZB"),
) -> pl.DataFrame:  # fmt: skip
    """Random statements about random worlds: what the tests say, and what is true.

    Parameters
    ----------
    statements, each
        How many, and how many about one world.
    seed, misspecified
        As in :func:`world`.

    Returns
    -------
    ``world``, ``kind``, ``probability``, ``holds``.
    """
    rows: list[dict[str, Any]] = []
    for number in range((statements + each - 1) // each):
        rng = np.random.default_rng([seed, number])
        truth, seen = world(rng, places, misspecified=misspecified)
        for s in parsed(sentences(rng, places, each), "toy").statements:
            rows.append(
                {"world": number, "kind": s.text.split()[0], "probability": probability(s, seen),
                 "holds": probability(s, truth) > 0.5}
            )  # fmt: skip
    return pl.DataFrame(rows)


def calibration(found: pl.DataFrame, bins: int = 10) -> pl.DataFrame:
    """By tenths of the probability: its mean, the part that holds, and the error of that part, worlds taken whole.

    Returns
    -------
    ``bin`` (its lower end), ``statements``, ``probability``, ``holds``, ``error``: one standard error, from how much
    whole worlds differ.
    """
    table = found.with_columns(
        bin=(pl.col("probability") * bins).floor().clip(0, bins - 1) / bins,
        off=pl.col("holds").cast(pl.Float64) - pl.col("probability"),
    )
    by_world = table.group_by("bin", "world").agg(pl.col("off").sum())
    spread = by_world.group_by("bin").agg((pl.col("off") ** 2).sum().sqrt().alias("_root"))
    return (
        table.group_by("bin")
        .agg(pl.len().alias("statements"), pl.col("probability").mean(), pl.col("holds").mean())
        .join(spread, on="bin")
        .with_columns(error=pl.col("_root") / pl.col("statements"))
        .drop("_root")
        .sort("bin")
    )
