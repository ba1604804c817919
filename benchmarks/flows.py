"""Speed and memory of flows from stocks, and their distance from migest's numbers where these are at hand.

    OPENBLAS_NUM_THREADS=1 python benchmarks/flows.py [--golden DIR] [--out benchmarks/flows.md]

Without a folder of reference numbers a synthetic world of 230 places is timed. CPU seconds are the best of five runs,
memory is the peak of Python's allocations over the inputs (numpy reports its arrays there).
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import xarray as xr

import keruen as kr
from keruen.estimators.balance import account
from keruen.estimators.spread import spread
from keruen.estimators.tables import flows, flows_many

VARIANTS = (  # file, system, outside, method, seeded
    ("closed_min_uniform", "closed", "own", "minimisation_closed", False),
    ("closed_ind_uniform", "closed", "own", "independence", False),
    ("closed_ind_dist", "closed", "own", "independence", True),
    ("opendr_min_uniform", "open", "own", "minimisation_open", False),
    ("opendr_ind_dist", "open", "own", "independence", True),
    ("open_min_uniform", "open", "other", "minimisation_open", False),
)


def synthetic(n: int = 230) -> dict[str, np.ndarray]:
    """A world with the sparsity and the heavy diagonal of the real one."""
    rng = np.random.default_rng(20)
    population = np.exp(rng.normal(15.5, 2.0, n))
    place = rng.uniform(0, 1, (n, 2))
    distance = np.hypot(*(place[:, None] - place).transpose(2, 0, 1))
    pull = population[:, None] ** 0.6 * population**0.6 / (distance + 0.03) ** 1.5 * np.exp(rng.normal(0, 1.5, (n, n)))
    pull[rng.random((n, n)) < 0.2] = 0
    np.fill_diagonal(pull, 0)
    start = np.round(pull * 0.035 * population.sum() / pull.sum())
    end = np.round(start * np.exp(rng.normal(0.07, 0.2, (n, n))))
    births, deaths = np.round(0.1 * population), np.round(0.045 * population)
    np.fill_diagonal(start, np.round(population))
    np.fill_diagonal(end, np.round(population) + births - deaths + np.round(rng.normal(0, 0.002, n) * population))
    distance = 1 / (1 + 1e4 * distance)
    return {"stock_start": start, "stock_end": end, "births": births, "deaths": deaths, "seed_invdist": distance}


def cost(run: Callable[[], Any], repeat: int = 5) -> tuple[float, float]:
    """CPU seconds, the best of `repeat`, and the peak memory over the inputs, MB."""
    run()
    best = np.inf
    for _ in range(repeat):
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return best, peak


def speed(world: dict[str, np.ndarray]) -> list[str]:
    start, end, births, deaths = (world[k].astype(float) for k in ("stock_start", "stock_end", "births", "deaths"))
    seed, four = world["seed_invdist"], (start, end, births, deaths)
    rng = np.random.default_rng(0)

    def several(k: int) -> tuple[np.ndarray, ...]:
        noise = rng.uniform(0.98, 1.02, (2, k, *start.shape))
        return start * noise[0], end * noise[1], np.stack([births] * k), np.stack([deaths] * k)

    labels = list(range(len(start)))
    stock = {"birthplace": labels, "residence": labels}
    cubes = [
        *(xr.DataArray(s, dims=tuple(stock), coords=stock) for s in (start, end)),
        *(xr.DataArray(v, dims="residence", coords={"residence": labels}) for v in (births, deaths)),
    ]
    fourteen, draws = several(14), several(40)
    rows: list[tuple[str, str, Callable[[], Any], int]] = [
        ("closed minimum, uniform seed", "0.02 s, 30 MB", lambda: flows(*four, method="minimisation_closed"), 5),
        ("independence, uniform seed", "0.02 s, 30 MB", lambda: flows(*four, method="independence"), 5),
        ("open minimum, uniform seed", "", lambda: flows(*four, method="minimisation_open"), 5),
        ("pseudo-Bayes, uniform seed", "", lambda: flows(*four), 5),
        ("closed minimum, distance seed", "", lambda: flows(*four, method="minimisation_closed", seed=seed), 5),
        (
            "independence, distance seed, margins to 0.01 person",
            "0.8 s",
            lambda: flows(*four, method="independence", seed=seed, tolerance=0.01),
            3,
        ),
        ("pseudo-Bayes, distance seed", "", lambda: flows(*four, seed=seed), 3),
        ("pseudo-Bayes, 7 periods × 2 sexes", "1 s", lambda: flows_many(*fourteen), 3),
        (
            "pseudo-Bayes through kr.transitions, no cube",
            "",
            lambda: kr.transitions(*cubes, by_birthplace=False),
            3,
        ),
        (
            "pseudo-Bayes through kr.transitions, with the cube (97 MB of it the answer)",
            "",
            lambda: kr.transitions(*cubes),
            3,
        ),
        ("pseudo-Bayes, 40 draws, single precision kept", "", lambda: flows_many(*draws, dtype=np.float32), 1),
    ]
    lines = ["| what (230 places) | CPU s | peak MB | asked |", "|---|--:|--:|---|"]
    for name, asked, run, repeat in rows:
        seconds, peak = cost(run, repeat)
        lines.append(f"| {name} | {seconds:.4f} | {peak:.1f} | {asked} |")
    return lines


def crossed(four: tuple[np.ndarray, ...], own: Any) -> Any:
    """The open system by the other date's places, negative people and all, as the reference has it."""
    s1, s2, births, deaths = four
    s2 = s2 - np.diag(births)
    s1 = s1 * (1 - deaths / s1.sum(0))
    leave, enter = own.left / s2.sum(1), own.entered / s1.sum(1)
    return replace(own, start=s1 - leave[:, None] * s2, end=s2 - enter[:, None] * s1)


def distances(folder: Path) -> list[str]:
    lines = [
        "| places | run | largest cell difference | difference of the total | total | residual |",
        "|--:|---|--:|--:|--:|--:|",
    ]
    for n in (50, 100, 230):
        four = tuple(
            np.load(folder / f"n{n}_{k}.npy").astype(float) for k in ("stock_start", "stock_end", "births", "deaths")
        )
        seed = np.load(folder / f"n{n}_seed_invdist.npy")
        for file, system, outside, method, seeded in VARIANTS:
            path = folder / f"world_n{n}_{file}_od.csv.gz"
            if not path.exists():
                continue
            accounted = account(*four, system=system)
            if outside == "other":
                accounted = crossed(four, accounted)
            out = spread(accounted, method=method, seed=seed if seeded else None)
            table = out.table - np.diag(out.table.diagonal())
            published = np.loadtxt(path, delimiter=",")
            worst = max(out.residual_start.max(), out.residual_end.max())
            lines.append(
                f"| {n} | {file} | {abs(table - published).max():.3f} | {table.sum() - published.sum():+.3f} "
                f"| {table.sum():,.0f} | {worst:.1e} |"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", type=Path, help="folder of reference numbers: n230_stock_start.npy and so on")
    parser.add_argument("--out", type=Path, help="write the tables here")
    given = parser.parse_args()
    names = ("stock_start", "stock_end", "births", "deaths", "seed_invdist")
    world = {k: np.load(given.golden / f"n230_{k}.npy") for k in names} if given.golden else synthetic()
    lines = ["## Flows from stocks", "", *speed(world)]
    lines += [
        "",
        f"Python {sys.version.split()[0]}, numpy {np.__version__}, scipy {scipy.__version__}, one BLAS thread.",
    ]
    if given.golden:
        lines += ["", "Against migest 2.0.5 (persons, sums over birthplaces):", "", *distances(given.golden)]
    text = "\n".join(lines) + "\n"
    print(text)
    if given.out:
        given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
