"""Flows of the whole world from the evidence: time and memory of accounts, methods, a thousand draws, and Dask.

    python benchmarks/flows_world.py            all of it, on an idle machine; writes benchmarks/flows_world.md
    python benchmarks/flows_world.py --draws 40 --dask 20 --print    a quick look, printed and not written

The large run needs 3.1 GB of disk in the folder for temporary files.
"""

import argparse
import os
import platform
import resource
import shutil
import tempfile
import time
from pathlib import Path

from keruen.flow_draws import run
from keruen.flow_evidence import Account
from keruen.flow_spread import Spread, spread
from keruen.flows import assembled, estimated, flows

HERE, CHILDREN = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
SEXES = ("male", "female")


def spent(whose: int = HERE) -> float:
    """CPU seconds of this process, or of its children that have ended."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


class Table:
    """Rows of the table, each timed since the one before."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.start()

    def start(self) -> None:
        """Begin to count."""
        self.before = spent(HERE) + spent(CHILDREN), time.perf_counter()

    def row(self, what: str) -> tuple[float, float]:
        """End a row; CPU seconds and the clock."""
        cpu, clock = spent(HERE) + spent(CHILDREN) - self.before[0], time.perf_counter() - self.before[1]
        peak = max(resource.getrusage(w).ru_maxrss for w in (HERE, CHILDREN)) / 1024
        self.rows.append(f"| {what} | {cpu:.2f} | {clock:.1f} | {peak:,.0f} |")
        print(self.rows[-1], flush=True)
        self.start()
        return cpu, clock


def methods(table: Table) -> None:
    """What takes seconds."""
    table.start()
    found = assembled(release="un-ims-2020", sex=SEXES)
    table.row(f"accounts of one edition, {len(found)} periods × 2 sexes, from the evidence")
    for method in ("pseudo_bayes", "minimisation_closed", "minimisation_open", "migration_rates"):
        estimated(found, method=method)
        table.row(f"`{method}`, {len(found)} periods × 2 sexes, with cube and certificate")
    flows(method="pseudo_bayes")
    table.row("`pseudo_bayes`, four editions, all periods, from the evidence")


def thousand(table: Table, found: list[Account], told: Spread, draws: int) -> str:
    """The large run, to a folder, and its intervals."""
    folder = Path(tempfile.mkdtemp(prefix="keruen-draws-"))
    try:
        table.start()
        kept = run(found, told, draws=draws, workers=2, to=folder / "draws.zarr")
        cpu, clock = table.row(f"**{draws:,} draws × {len(found)} periods × 2 sexes, two processes, to Zarr**")
        kept.quantiles(0)
        table.row(f"intervals of every corridor of one period from Zarr, {draws:,} draws")
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e9
    finally:
        shutil.rmtree(folder)
    return (
        f"A draw of {2 * len(found)} worlds takes {cpu / draws:.3f} CPU s, starting two processes counted in; the "
        f"folder of {draws:,} holds {size:.2f} GB. By the clock the run took {clock:.0f} s (asked: 180 s on two cores)."
    )


def dask(found: list[Account], told: Spread, draws: int) -> str:
    """One Dask worker against two, and what handing the work out costs."""
    from distributed import Client, LocalCluster

    run(found[:1], told, draws=1)
    before = spent()
    run(found, told, draws=draws)
    alone = spent() - before
    rows = [f"| none | {alone:.2f} | | |"]
    clocks = []
    for workers in (1, 2):
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            run(found[:1], told, draws=4 * workers, size=1)  # workers load the package
            started, here, clock = client.run(spent), spent(), time.perf_counter()
            run(found, told, draws=draws)
            clocks.append(time.perf_counter() - clock)
            here, ended = spent() - here, client.run(spent)
        theirs = sum(ended[k] - started[k] for k in started)
        rows.append(f"| {workers} | {theirs:.2f} | {here:.2f} | {clocks[-1]:.1f} |")
        print(rows[-1], flush=True)
    body = "\n".join(rows)
    return f"""{draws} draws × {len(found)} periods × 2 sexes, draws kept in memory:

| Dask workers | CPU s of the workers | CPU s of client and scheduler | clock s |
|---|--:|--:|--:|
{body}

Two workers were **{clocks[0] / clocks[1]:.2f} times** as fast as one (asked: 1.5 on an idle machine of two cores)."""


def main() -> None:
    """Write or print the page."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--draws", type=int, default=1000)
    asked.add_argument("--dask", type=int, default=100, metavar="DRAWS")
    asked.add_argument("--print", action="store_true", help="do not write the page")
    given = asked.parse_args()
    load = os.getloadavg()[0]
    idle = "" if load < 0.5 else " The machine was not idle, so the clock says nothing of what is asked."
    table = Table()
    methods(table)
    table.start()
    told = spread()
    table.row("the spread between editions")
    found = assembled(release="un-ims-2024", sex=SEXES)
    large = thousand(table, found, told, given.draws)
    shared = dask(found, told, given.dask)
    rows = "\n".join(table.rows)
    page = f"""## Flows of the whole world, from the evidence

{os.cpu_count()} cores, Python {platform.python_version()}, one BLAS thread a process; load before the run {load:.1f}:
the clock depends on it, CPU seconds hardly.{idle}

| what | CPU s | clock s | peak MB of a process |
|---|--:|--:|--:|
{rows}

{large} `pseudo_bayes` of six periods by sex is asked to take 1 s over its inputs.

{shared}

Where the time of a draw went: [docs/methods/flows.md](../docs/methods/flows.md), section 6. How to repeat:
`python benchmarks/flows_world.py`. The comparison with published estimates is
`python benchmarks/flows_published.py FILE`; its table is in [docs/flows.md](../docs/flows.md).
"""
    if given.print:
        print(page)
    else:
        Path(__file__).with_suffix(".md").write_text(page, "utf-8")


if __name__ == "__main__":
    main()
