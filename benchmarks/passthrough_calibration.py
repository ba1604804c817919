"""Simulation-based calibration of the sampler of elasticities: does it give back what was put in?

    OPENBLAS_NUM_THREADS=1 python benchmarks/passthrough_calibration.py [--worlds 300] [--first 0] [--out FILE]

In every world parameters come from the prior, and changes from them: twelve receivers, three hosts, half of the series
reported corridors, nineteen years to fit and a twentieth to foretell. The ranks of the truth among 19 draws are uniform
if the sampler is right; so few need no long chains. Prints Markdown: for every quantity the p-value of a χ² test of the
ranks in ten bins, and how often its 50, 80 and 95% intervals held the truth. With ``--ranks FILE`` the ranks are
written as well, world by world.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from keruen.errors import NotConverged
from keruen.estimators import elasticities as kernel
from keruen.estimators.passthrough import predict
from keruen.posterior import uniformity

HOSTS, HOMES, YEARS, DRAWS = 3, 12, 20, 19


def layout(seed: int = 0) -> kernel.Panel:
    """Drivers and weights of a small world; its changes are nothing yet."""
    rng = np.random.default_rng(seed)
    names = [f"H{k}" for k in range(HOSTS)], [f"R{k:02d}" for k in range(HOMES)]
    share = rng.dirichlet([0.6] * HOSTS, HOMES)
    growth, currency = rng.normal(0.02, 0.03, (YEARS, HOSTS)), rng.normal(0, 0.15, (YEARS, HOSTS))
    rows, exposure, at = [], [], []
    for k, home in enumerate(names[1]):
        for year in range(YEARS):
            series = f"H0>{home}" if k % 2 else home
            rows.append({"receiver": home, "host": None, "year": 2000 + year, "change": 0.0, "series": series})
            exposure.append(share[k])
            at.append(year)
    frame = pl.DataFrame(rows, schema=kernel.OBSERVED)
    return kernel.Panel(frame, np.array(exposure), growth[at], currency[at], tuple(names[0]))


def quantities(d: dict[str, Any]) -> dict[str, np.ndarray]:
    """All parameters by name, the last dimension that of the single ones; draws first, if there are any."""
    mean, host = np.asarray(d["mean"]), np.asarray(d["host"])
    last = np.asarray(d["turbulence"])[..., -1]
    base, shared = np.asarray(d["base"]), np.asarray(d["shared_sd"])
    kinds, terms = ("inflows", "reported"), ("drift", "growth", "currency")
    return {
        **{f"mean {t}": mean[..., k] for k, t in enumerate(terms)},
        **{f"host {h} {t}": mean[..., k + 1] + host[..., h, k] for h in range(HOSTS) for k, t in enumerate(terms[1:])},
        **{f"one receiver's {t}": np.asarray(d["receiver"])[..., 0, k] for k, t in enumerate(terms)},
        **{f"spread of hosts, {t}": np.asarray(d["host_sd"])[..., k] for k, t in enumerate(terms[1:])},
        **{f"spread of receivers, {t}": np.asarray(d["receiver_sd"])[..., k] for k, t in enumerate(terms)},
        **{f"spread of years, {n}": shared[..., k] for k, n in enumerate(kinds)},
        **{f"base, {n}": base[..., k] for k, n in enumerate(kinds)},
        **{f"scale of one series, {n}": np.asarray(d["scale"])[..., k] for n, k in (("reported", 0), ("inflows", -1))},
        **{f"last turbulence, {n}": last[..., k] for k, n in enumerate(kinds)},
        **{f"noise of the last year, {n}": shared[..., k] ** 2 + base[..., k] * np.exp(last[..., k])
           for k, n in enumerate(kinds)},
        **{n: np.asarray(d[n]) for n in ("outlying", "persistence", "roughness")},
    }  # fmt: skip


def world(seed: int, panel: kernel.Panel) -> tuple[dict[str, int], dict[str, list[float]]]:
    """Ranks of the truth, and where it lies in the predictive of the last year, from one world."""
    rng = np.random.default_rng(seed)
    told, truth = kernel.simulate(panel, rng)
    year = told.frame["year"]
    past, now = told.rows(year < year.max()), told.rows(year == year.max())
    truth["turbulence"] = truth["turbulence"][:, :-1]
    model = kernel.fit(past, draws=150, warm=50, most=900, ess_above=60, rhat_below=1.1, seed=seed)  # enough for 19
    if len(model.hosts) != HOSTS:
        raise ValueError("The design leaves a host without elasticities of its own, though the truth has them.")
    n = len(model.draws["mean"])
    thin = np.linspace(0, n - 1, DRAWS).round().astype(int)
    put, got = quantities(truth), quantities(model.draws)
    ranks, places = {}, {}
    for name, value in put.items():
        below, tied = (got[name][thin] < value).sum(), (got[name][thin] == value).sum()
        ranks[name] = int(below + rng.integers(0, tied + 1))
        places[name] = [float((got[name] < value).mean()), float((got[name] <= value).mean())]
    made, y = predict(model, now, seed=seed), now.frame["change"].to_numpy()
    for name, row in (("predictive, inflows", 0), ("predictive, reported", 1)):
        ranks[name] = int((made[thin, row] < y[row]).sum())
        places[name] = [float((made[:, row] < y[row]).mean())] * 2
    return ranks, places


def report(ranks: dict[str, list[int]], places: dict[str, list[list[float]]], lost: int) -> list[str]:
    worlds = len(next(iter(ranks.values())))
    lines = [f"{worlds} worlds; {lost} more did not settle.", "",
             "| quantity | p | in 50% | in 80% | in 95% |", "|---|--:|--:|--:|--:|"]  # fmt: skip
    for name, found in ranks.items():
        low, high = np.array(places[name]).T
        held = [np.mean((high >= (1 - m) / 2) & (low <= (1 + m) / 2)) for m in (0.5, 0.8, 0.95)]
        p = uniformity(np.array(found), DRAWS)
        lines.append(f"| {name} | {p:.3f} | {held[0]:.3f} | {held[1]:.3f} | {held[2]:.3f} |")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--worlds", type=int, default=300)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--out", type=Path)
    options.add_argument("--ranks", type=Path)
    asked = options.parse_args()
    panel = layout()
    ranks: dict[str, list[int]] = {}
    places: dict[str, list[list[float]]] = {}
    lost = 0
    for seed in range(asked.first, asked.first + asked.worlds):
        try:
            found, where = world(seed, panel)
        except NotConverged:
            lost += 1
            continue
        for name, rank in found.items():
            ranks.setdefault(name, []).append(rank)
            places.setdefault(name, []).append(where[name])
        if asked.ranks:
            asked.ranks.write_text(json.dumps({"ranks": ranks, "places": places, "lost": lost}), "utf-8")
    text = "\n".join(report(ranks, places, lost)) + "\n"
    if asked.out:
        asked.out.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
