"""Speed and memory of remittances, leverage and pass-through; their distance from published matrices; coverage.

    OPENBLAS_NUM_THREADS=1 python benchmarks/remittances.py [--coverage] [--out benchmarks/remittances.md]

Prints Markdown. With ``--coverage`` also the rolling-origin table, which takes several minutes of CPU. Memory is the
peak of the whole process at that point, evidence and libraries included.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from keruen import money_matrix as matrices
from keruen.estimators import corridors, elasticities, passthrough

money = import_module("keruen.remittances")
power = import_module("keruen.leverage")
passed = import_module("keruen.passthrough")

MATRICES = (
    ("world-bank-remittances-2018-04", "un-ims-2017"),
    ("world-bank-remittances-2019-10", "un-ims-2017"),
    ("world-bank-remittances-2022-12", "un-ims-2020"),
)


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    cpu = time.process_time()
    made = call()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return made, time.process_time() - cpu, peak


def speed() -> list[str]:
    stocks = matrices.world_stocks(2021)
    codes = [p.code for p in matrices.countries()]
    stock = stocks["un-ims-2020"]
    theirs = matrices.published_matrix("world-bank-remittances-2022-12")
    inflows = theirs.sum("sending", skipna=True)
    income, _, _ = matrices._income(2021, codes, None, "current")
    base = power.ground(2021)
    data = passed.world()
    runs = (
        ("world matrix, kernel", "0.2 s", lambda: corridors.matrix(inflows, stock, income)),
        ("world matrix from the evidence", "", lambda: matrices.remittance_matrix(2021)),
        ("`remittances` of Tajikistan, 400 draws", "3 s", lambda: money.remittances("TJK")),
        ("leverage, six places, 1,000 draws", "", lambda: power.leverage(system="eurasia", base=base)),
        ("leverage, the world, 1,000 draws", "20 s", lambda: power.leverage(system="world", base=base)),
        ("elasticities, settled (R-hat 1.01, 400 effective draws)", "", lambda: elasticities.fit(data.panel)),
    )
    lines = ["| what | CPU s | peak MB | asked |", "|---|--:|--:|---|"]
    for name, asked, call in runs:
        _, cpu, peak = timed(call)
        lines.append(f"| {name} | {cpu:.2f} | {peak:,.0f} | {asked} |")
    return lines


def nearness() -> list[str]:
    lines = [
        "| published | stock | method | incomes | correlation | of logarithms | mean log error | to be moved |",
        "|---|---|---|---|--:|--:|--:|--:|",
    ]
    tables: list[str] = []
    for release, edition in MATRICES:
        theirs = matrices.published_matrix(release)
        year = theirs.attrs["year"]
        inflows = theirs.sum("sending", skipna=True)
        stock = matrices.world_stocks(year, editions=[edition])
        kinds = (("stocks", "current"), ("incomes", "current"), ("ratha_shaw", "current"), ("ratha_shaw", "ppp"))
        for method, prices in kinds:
            made = matrices.remittance_matrix(
                year, method=method, stock=stock, inflows=inflows.where(inflows > 0), prices=prices
            )
            near = corridors.compare_matrices(made, theirs)
            lines.append(
                f"| {year} | {edition} | {method} | {prices if method != 'stocks' else '–'} | {near.correlation:.4f} "
                f"| {near.log_correlation:.3f} | {near.log_error:.2f} | {100 * near.moved:.1f}% |"
            )
        tables += ["", f"Ten largest differences, {year} (ratha_shaw, ppp), million USD:", "",
                   "| from | to | ours | published |", "|---|---|--:|--:|"]  # fmt: skip
        for r in near.differences.iter_rows(named=True):
            tables.append(f"| {r['sending']} | {r['receiving']} | {r['ours'] / 1e6:,.0f} | {r['theirs'] / 1e6:,.0f} |")
    return lines + tables


def transfers() -> list[str]:
    lines = [
        "| year | reported corridors | rank correlation | median log ratio | median absolute log ratio |",
        "|---|--:|--:|--:|--:|",
    ]
    for year in (2011, 2013, 2014, 2015, 2016, 2017, 2018, 2019, 2020, 2021, 2022, 2023):
        told = matrices.compare_with_transfers(matrices.remittance_matrix(year), year)
        told = told.filter(pl.col("log_ratio").is_finite()).unique(["place", "counterpart"], keep="first")
        if len(told) < 3:
            continue
        rank = told.select(pl.corr("modelled", "value", method="spearman")).item()
        lines.append(
            f"| {year} | {len(told)} | {rank:.2f} | {told['log_ratio'].median():+.2f} "
            f"| {told['log_ratio'].abs().median():.2f} |"
        )
    return lines


def coverage(data: Any = None) -> list[str]:
    made = passthrough.coverage((data or passed.world()).panel, range(2005, 2024))
    lines = [
        "| year | changes | in 80% | in 95% | CRPS | CRPS of the past alone | largest R-hat | least effective draws |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]

    def row(name: str, part: pl.DataFrame) -> str:
        a, b, c, d = (part[k].mean() for k in ("in80", "in95", "crps", "crps_naive"))
        settled = f"{part['rhat'].max():.4f} | {part['ess'].min():.0f}"
        return f"| {name} | {len(part)} | {a:.3f} | {b:.3f} | {c:.3f} | {d:.3f} | {settled} |"

    lines += [row(str(y), made.filter(pl.col("year") == y)) for y in sorted(made["year"].unique())]
    reported = made.filter(pl.col("host").is_not_null())
    lines.append(row("all receivers", made.filter(pl.col("host").is_null())))
    lines.append(row("all reported corridors", reported))
    lines.append(row("reported, to 2019", reported.filter(pl.col("year") <= 2019)))
    lines.append(row("reported, from 2020", reported.filter(pl.col("year") >= 2020)))
    lines.append(row("**all**", made))
    lines += ["", f"Errors of a year are alike: coverage of reported corridors is known to ± {clustered(reported):.3f} "
              "(80%) only, one standard error with years as clusters."]  # fmt: skip
    return lines


def clustered(made: pl.DataFrame, of: str = "in80") -> float:
    """Standard error of a coverage whose observations come in clusters of years."""
    off = made.group_by("year").agg((pl.col(of) - made[of].mean()).sum().alias("off"))["off"]
    return float((off**2).sum() ** 0.5 / len(made))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--coverage", action="store_true")
    options.add_argument("--out", type=Path)
    asked = options.parse_args()
    how = "`OPENBLAS_NUM_THREADS=1 python benchmarks/remittances.py --coverage`"
    parts = ["# Remittances, leverage, pass-through", "", how]
    parts += ["", "## Speed", "", *speed()]
    parts += ["", "## Against the published matrices", "", *nearness()]
    parts += ["", "## Against transfers that banks reported (another quantity)", "", *transfers()]
    if asked.coverage:
        parts += ["", "## Coverage of pass-through, rolling origin 2005–2023", "", *coverage()]
    text = "\n".join(parts) + "\n"
    if asked.out:
        asked.out.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
