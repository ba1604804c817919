"""Speed of reconciling all claims about a place, and about the world.

    python benchmarks/reconcile.py [--world] [--out benchmarks/reconcile.md]

Nothing is kept at first; memory is the peak of the process, of the largest worker where the world is asked.
"""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["KERUEN_HOME"] = tempfile.mkdtemp(prefix="keruen-benchmark-")

import argparse
import contextlib
import resource
import sys
import time
from pathlib import Path

import numpy as np

import keruen as kr
from keruen.errors import NoEvidence
from keruen.estimators.path_sampler import sample
from keruen.places import places
from keruen.tipping_world import world

SIX = ["KAZ", "KGZ", "RUS", "TJK", "TKM", "UZB"]


def timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", action="store_true", help="also every country")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    for name, asked, call in (
        ("Turkmenistan (no register), first call of the process", "8 s", lambda: kr.reconcile("TKM", seed=1)),
        ("Kazakhstan, nothing kept", "8 s", lambda: kr.reconcile("KAZ")),
        ("Kazakhstan again, kept", "3 s", lambda: kr.reconcile("KAZ")),
        ("Kyrgyzstan, in the same process", "3 s", lambda: kr.reconcile("KGZ", seed=1)),
        ("six Eurasian places, nothing kept, two processes", "15 s", lambda: kr.reconcile(SIX, seed=2, workers=2)),
    ):
        found, wall, cpu = timed(call)
        all_of = list(found.values()) if isinstance(found, dict) else [found]
        least, most = min(p.ess_min for p in all_of), max(p.rhat_max for p in all_of)
        rows.append(f"| {name} | {cpu:.1f} | {wall:.1f} | {asked} | {least:.0f} | {most:.3f} |")
        print(rows[-1], file=sys.stderr, flush=True)
    chosen = np.random.default_rng(0).permutation(sorted(c for c, p in places().items() if p.kind == "country"))
    answered = []
    for code in chosen[:40]:
        with contextlib.suppress(NoEvidence):  # the Vatican and the like
            answered.append((*timed(lambda code=code: kr.reconcile(str(code), seed=1)), str(code)))
    walls = np.array([wall for _, wall, *_ in answered])
    slowest = answered[int(walls.argmax())]
    rows.append(
        f"| {len(walls)} places drawn at random, nothing kept, in the same process: median (largest: {slowest[3]}) |"
        f" {np.median([cpu for *_, cpu, _ in answered]):.1f} ({slowest[2]:.1f}) |"
        f" {np.median(walls):.1f} ({walls.max():.1f}) |"
        f" 3 s | {min(p.ess_min for p, *_ in answered):.0f} | {max(p.rhat_max for p, *_ in answered):.3f} |"
    )
    print(rows[-1], file=sys.stderr, flush=True)
    one = kr.reconcile("TKM")
    drawn, _, cpu = timed(
        lambda: sample(one.design, one.reports, rng=np.random.default_rng(1), draws=1000, most=1000, strict=False)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    notes = [
        f"Sampler alone on Turkmenistan: {drawn.ess_min / cpu:.0f} of the least effective draws per CPU second (asked:"
        f" 100). Peak memory: {peak:.0f} MB."
    ]
    if args.world:
        told, wall, _ = timed(lambda: world())
        unsettled = told.filter(told["fault"].is_not_null() & told["fault"].str.contains("settle"))
        found = told.filter(told["fault"].is_null())
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        rows.append(
            f"| {len(told)} places in two processes | | {wall:.0f} | 180 s | {found['ess_min'].min():.0f} |"
            f" {found['rhat_max'].max():.3f} |"
        )
        notes.append(
            f"Of them {len(found)} have an answer; {len(told) - len(found) - len(unsettled)} have no claims or no"
            f" population, and {len(unsettled)} did not settle ({', '.join(unsettled['place'].to_list()) or 'none'})."
            f" Largest worker: {largest:.0f} MB (asked: 1,500)."
        )
    lines = [
        "## Reconciliation", "",
        "| what | CPU s | s | asked | least effective draws | largest R-hat |", "|---|--:|--:|--:|--:|--:|", *rows, "",
        *notes, "", f"Load of the machine at the end: {os.getloadavg()[0]:.1f}. Python {sys.version.split()[0]}, numpy"
        f" {np.__version__}, one BLAS thread.", "",
        "Repeat: `python benchmarks/reconcile.py --world --out benchmarks/reconcile.md`.", "",
    ]  # fmt: skip
    text = "\n".join(lines)
    if args.out:
        args.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
