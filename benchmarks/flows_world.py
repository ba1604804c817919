"""Flows of the whole world from the evidence: time and memory of accounts, of every method, of draws. Markdown.

python benchmarks/flows_world.py                 what takes seconds
python benchmarks/flows_world.py --draws 1000    the large run, two processes, to a folder beside the script
python benchmarks/flows_world.py --dask 40       one Dask worker against two
"""

import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from keruen.flow_draws import run, spread
from keruen.flows import assembled, estimated, flows


def spent() -> tuple[float, float]:
    """CPU seconds of this process and its children, and the clock."""
    here, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return here.ru_utime + here.ru_stime + children.ru_utime + children.ru_stime, time.perf_counter()


def line(what: str, before: tuple[float, float]) -> None:
    """One row of the table."""
    cpu, clock = (b - a for a, b in zip(before, spent(), strict=True))
    peak = max(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(f"| {what} | {cpu:.2f} | {clock:.1f} | {peak:,.0f} |", flush=True)


def main() -> None:
    """Print the table."""
    print("| what | CPU s | clock s | peak MB of a process |\n|---|--:|--:|--:|")
    sexes = ("male", "female")
    if "--draws" in sys.argv:
        many = int(sys.argv[sys.argv.index("--draws") + 1])
        found = assembled(release="un-ims-2024", sex=sexes)
        told = spread()
        folder = Path(tempfile.mkdtemp(dir=Path.cwd())) / "draws.zarr"
        before = spent()
        kept = run(found, told, draws=many, workers=2, to=folder)
        line(f"{many} draws × {len(found)} periods × 2 sexes, two processes, to Zarr", before)
        before = spent()
        kept.quantiles(0)
        line("intervals of every corridor of one period from Zarr", before)
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e9
        print(f"\nThe folder holds {size:.2f} GB.")
        shutil.rmtree(folder.parent)
        return
    if "--dask" in sys.argv:
        from distributed import Client, LocalCluster

        many = int(sys.argv[sys.argv.index("--dask") + 1])
        found, told = assembled(release="un-ims-2024", sex=sexes), spread()
        for workers in (1, 2):
            with (
                LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
                Client(cluster),
            ):
                run(found[:1], told, draws=2 * workers, size=1)  # workers load the package
                before = spent()
                run(found, told, draws=many, size=5)
                line(f"{many} draws × {len(found)} periods × 2 sexes, Dask workers: {workers}", before)
        return
    before = spent()
    found = assembled(release="un-ims-2020", sex=sexes)
    line("accounts of one edition, 6 periods × 2 sexes, from the evidence", before)
    for method in ("pseudo_bayes", "minimisation_closed", "minimisation_open", "migration_rates"):
        before = spent()
        estimated(found, method=method)
        line(f"{method}, 6 periods × 2 sexes, with cube and certificate", before)
    before = spent()
    flows(method="pseudo_bayes")
    line("pseudo_bayes, four editions, all periods, from the evidence", before)
    before = spent()
    told = spread()
    line("the spread between editions", before)
    before = spent()
    run(found, told, draws=20)
    line("20 draws × 6 periods × 2 sexes, one process", before)


if __name__ == "__main__":
    main()
