"""Does the sampler return what was put in? Simulation-based calibration on the real cells of a place."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen.estimators.path import simulate
from keruen.estimators.path_sampler import sample
from keruen.posterior import rank, uniformity
from keruen.reconcile import Posterior
from keruen.tipping import tipping

Array = NDArray[np.float64]


def calibrate(
    posterior: Posterior, sets: int = 300, *, highest: int = 99, seed: int = 0, since: int = 1990, ess: float = 120
) -> pl.DataFrame:
    """Simulation-based calibration on the design of a posterior: the same cells, with figures drawn from the prior.

    Parameters
    ----------
    posterior
        Its design is used, not its figures.
    sets
        Simulated data sets.
    highest
        Draws that each truth is ranked among; 10 k − 1.
    seed
        Of all randomness.
    since, ess
        As for the tipping year; effective draws wanted of each quantity.

    Returns
    -------
    One row a data set and quantity: ``set``, ``quantity``, ``rank`` (0 to `highest`), ``inside80`` (the truth lies in
    the central 80%), ``log_likelihood`` is among the quantities.

    References
    ----------
    Talts et al. (2018), arXiv 1804.06788; Modrák et al. (2023), Bayesian Analysis.
    """
    design, rows = posterior.design, []
    years = design.years
    watched = [int(y) for y in (years[0], 2005, 2012, years[-1]) if y in years]
    for number in range(sets):
        rng = np.random.default_rng([seed, number])
        reports, truth = simulate(design, rng)
        found = sample(design, reports, rng=rng, draws=100, ess_above=ess, rhat_below=1.05, most=1600, strict=False)
        paths = found.rates.reshape(-1, years.size)
        pick = np.linspace(0, len(paths) - 1, highest).astype(int)

        def label(one: Array) -> Array:
            told = tipping((years, one), since=since).labels
            words = {"never": 9999, "unconfirmed": 9998, "already receiving": 0}
            return np.array([words.get(t, t) if isinstance(t, str) else t for t in told], dtype=float)

        told: dict[str, tuple[float, Array]] = {
            f"rate_{y}": (float(truth["rates"][years == y][0]), paths[:, years == y][:, 0]) for y in watched
        }
        for name in found.scales:
            told[name] = (float(truth[name]), found.scales[name].ravel())
        for k in range(found.loading.shape[-1]):
            told[f"loading_{k}"] = (float(truth["loading"][k]), found.loading[..., k].ravel())
        told["tipping_year"] = (float(label(truth["rates"][None])[0]), label(paths[pick]))
        told["misfit"] = (
            float(((reports.lineage - design.weights @ truth["rates"]) ** 2).sum()
                  + ((reports.register - truth["rates"][design.register]) ** 2).sum()),
            ((reports.lineage - paths @ design.weights.T) ** 2).sum(1)
            + ((reports.register - paths[:, design.register]) ** 2).sum(1),
        )  # fmt: skip
        for name, (true, draws) in told.items():
            thin = draws if draws.size == highest else draws[pick]
            r = int(rank(true, thin, rng))
            low, high = np.quantile(draws, [0.1, 0.9])
            rows.append((number, name, r, bool(low <= true <= high)))
    return pl.DataFrame(rows, schema=["set", "quantity", "rank", "inside80"], orient="row")


def calibration(ranks: pl.DataFrame, highest: int = 99, bins: int = 10) -> pl.DataFrame:
    """One row a quantity of :func:`calibrate`: p-value of uniform ranks, and the share of truths in the central 80%."""
    return pl.DataFrame(
        [
            (str(name), len(of), uniformity(of["rank"].to_numpy(), highest, bins), of["inside80"].to_numpy().mean())
            for (name,), of in ranks.group_by(["quantity"], maintain_order=True)
        ],
        schema=["quantity", "sets", "p_uniform", "coverage80"], orient="row",
    )  # fmt: skip
