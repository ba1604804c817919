"""Speed of reconciling all claims about a place.

    OPENBLAS_NUM_THREADS=1 python benchmarks/reconcile.py [--out benchmarks/reconcile.md]

CPU seconds of one run each, the cache of the process empty at first; memory is the peak of the process.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

import keruen as kr
from keruen.estimators.path import sample


def timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    for name, call in (
        ("Kazakhstan, first call of the process", lambda: kr.reconcile("KAZ")),
        ("Kazakhstan again", lambda: kr.reconcile("KAZ")),
        ("Turkmenistan (no register)", lambda: kr.reconcile("TKM")),
        ("six Eurasian places", lambda: kr.reconcile(["KAZ", "KGZ", "RUS", "TJK", "TKM", "UZB"])),
    ):
        found, wall, cpu = timed(call)
        all_of = list(found.values()) if isinstance(found, dict) else [found]
        least, most = min(p.ess_min for p in all_of), max(p.rhat_max for p in all_of)
        rows.append(f"| {name} | {cpu:.1f} | {wall:.1f} | {least:.0f} | {most:.3f} |")
        print(rows[-1], file=sys.stderr, flush=True)
    one = kr.reconcile("TKM")
    drawn, _, cpu = timed(
        lambda: sample(one.design, one.reports, rng=np.random.default_rng(1), draws=2000, most=2000, strict=False)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = [
        "## Reconciliation", "",
        "| what | CPU s | s | least effective draws | largest R-hat |", "|---|--:|--:|--:|--:|", *rows, "",
        f"Sampler alone on Turkmenistan: {drawn.ess_min / cpu:.0f} of the least effective draws per CPU second.",
        f"Peak memory: {peak:.0f} MB. Python {sys.version.split()[0]}, numpy {np.__version__}, one BLAS thread.",
        "", "Repeat: `OPENBLAS_NUM_THREADS=1 python benchmarks/reconcile.py --out benchmarks/reconcile.md`.", "",
    ]  # fmt: skip
    text = "\n".join(lines)
    if args.out:
        args.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
