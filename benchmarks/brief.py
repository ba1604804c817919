"""Time and memory of a brief from a cold start, and of six figures. Run: python benchmarks/brief.py [PLACE …]

Each brief is written by the command line, imports included, on two cores at most, and once more from what was kept;
figures are drawn in one process after the imports and the list of fonts. CPU seconds are of all threads and processes,
memory is the peak resident set of the largest process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

# Nobody's own figures are read; children inherit it.
os.environ["KERUEN_HOME"] = tempfile.mkdtemp(prefix="keruen-benchmark-")

PLACES = ("KAZ", "KAZ@2018-05-03", "TJK", "DEU", "USA", "PRT", "TKL", "VAT")

BRIEF = """
import os, resource, subprocess, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:2]))
place, _, day = sys.argv[1].partition("@")
begun = time.perf_counter()
words = [sys.executable, "-m", "keruen", "brief", place, *(["--as-of", day] if day else [])]
page = subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, len(page) / 1000)
"""

FIGURES = """
import time
from datetime import date
from keruen import figures_labour, figures_net, figures_remittances, figures_stocks, store
from keruen.sections.common import LABOUR
from keruen.disagreement import disagreement
net = store.evidence("KAZ", "net_migration", sex="all")
stock = store.evidence("KAZ", "stock", sex="all", stream="all")
money = store.evidence("KAZ", ["remittances_received", "remittances_share_gdp"])
labour = store.evidence("KAZ", list(LABOUR), sex="all")
rivals = disagreement("KAZ", "net_migration")
windows = [(date(y, 7, 1), date(y + 5, 7, 1)) for y in (2005, 2010, 2015)]
drawings = {
    "net migration by edition": lambda: figures_net.net_migration_by_edition(net),
    "stock by edition": lambda: figures_stocks.stock_by_edition(stock),
    "corridors": lambda: figures_stocks.corridors(stock, day=date(2020, 7, 1)),
    "remittances": lambda: figures_remittances.received(money),
    "labour": lambda: figures_labour.reported(labour),
    "what the world knew": lambda: figures_net.known_when(rivals, windows),
}
drawings["corridors"]()
for name, draw in drawings.items():
    begun = time.process_time()
    size = len(draw().svg)
    print(name, time.process_time() - begun, size / 1000, sep="|")
"""


def child(code: str, *words: str) -> str:
    told = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return told.stdout


def main(places: list[str]) -> None:
    print("| brief | seconds, cold | CPU seconds, cold | seconds, kept | peak MB | page, kB |")
    print("|---|--:|--:|--:|--:|--:|")
    for place in places:
        os.environ["KERUEN_HOME"] = tempfile.mkdtemp(prefix="keruen-benchmark-")  # nothing is kept from another place
        wall, cpu, memory, size = map(float, child(BRIEF, place).split())
        kept, _, _, _ = map(float, child(BRIEF, place).split())
        name = place.replace("@", " as of ")
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {kept:.1f} | {memory:.0f} | {size:.0f} |", flush=True)
    print("\n| figure | CPU seconds | SVG, kB |")
    print("|---|--:|--:|")
    total = 0.0
    for line in child(FIGURES).splitlines():
        name, cpu_text, size_text = line.split("|")
        total += float(cpu_text)
        print(f"| {name} | {float(cpu_text):.2f} | {float(size_text):.0f} |")
    print(f"| all six | {total:.2f} | |")


if __name__ == "__main__":
    main(sys.argv[1:] or list(PLACES))
