"""Times of the store: questions after import, tracing, SQL, and adding 100,000 rows. Run: python benchmarks/store.py"""

import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import xlsxwriter

os.environ["KERUEN_HOME"] = tempfile.mkdtemp(prefix="keruen-benchmark-")
IMPORTS = "from keruen import store; from keruen.trace import trace; from keruen.sql import sql"


def fresh(question: str) -> float:
    """CPU milliseconds of a first question in a process of its own, after import."""
    code = f"import time; {IMPORTS}; t = time.process_time(); {question}; print(time.process_time() - t)"
    return 1000 * float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def best(ask: Callable[[], object], times: int = 5) -> float:
    """CPU milliseconds of the fastest of some calls."""
    took = []
    for _ in range(times):
        begun = time.process_time()
        ask()
        took.append(time.process_time() - begun)
    return 1000 * min(took)


def table(path: Path, rows: int = 100_000) -> Path:
    """A CSV of invented figures, in thousands, with places in several languages."""
    rng = random.Random(20180503)
    names = ["KAZ", "Kazakhstan", "398", "UZB", "Узбекистан", "RUS", "Kyrgyzstan", "TJK"]
    lines = ["measure,place,year,value,age,status,source,publisher,released,unit,note"]
    for i in range(rows):
        lines.append(
            f"net_migration,{rng.choice(names)},{1950 + i % 70},{rng.uniform(-100, 100):.3f},{i},register,"
            f"Book {i % 5},Office,2018-05,thousand,note {i}"
        )
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def workbook(path: Path) -> Path:
    """The same as a workbook, as a spreadsheet would store it."""
    with xlsxwriter.Workbook(path.with_suffix(".xlsx")) as book, path.open(encoding="utf-8") as f:
        sheet = book.add_worksheet()
        for at, row in enumerate(csv.reader(f)):
            for column, cell in enumerate(row):
                sheet.write(at, column, float(cell) if at and column in (2, 3) else cell)
    return path.with_suffix(".xlsx")


def added(path: Path) -> tuple[int, float]:
    """Rows that were added to an empty store, and the CPU seconds of the command, all of it."""
    home = tempfile.mkdtemp(prefix="keruen-benchmark-")
    before = os.times()
    told = subprocess.run(
        [sys.executable, "-m", "keruen", "add", str(path)], env=os.environ | {"KERUEN_HOME": home},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return int(told.split()[1]), used


def main() -> None:
    """Print the table for the README of this folder."""
    from keruen import snapshot, store
    from keruen.adding import add
    from keruen.ids import ids
    from keruen.sql import sql
    from keruen.trace import trace

    asked = {
        "evidence, one place and measure": 'store.evidence("KAZ", "net_migration")',
        "the same as of 2018-05-03": 'store.evidence("KAZ", "net_migration", as_of="2018-05-03")',
        "evidence, one corridor": 'store.evidence("KAZ", "stock", counterpart="RUS")',
        "evidence, one place, everything": 'store.evidence("KAZ")',
        "evidence, one measure, all places": 'store.evidence(measure="net_migration")',
        "sources as of a day": 'store.sources(as_of="2018-05-03")',
        "sql, a count over one place": "sql(\"SELECT count(*) FROM claims WHERE place = 'KAZ'\")",
    }
    results = {name: (fresh(q), best(lambda q=q: eval(q, {"store": store, "sql": sql}))) for name, q in asked.items()}
    found = store.evidence("KAZ", "net_migration")
    results["trace, a whole answer"] = (float("nan"), best(lambda: trace(found)))
    last = snapshot.scan(["demography"]).filter(release="un-wpp-2024").tail(1).collect()
    key = ids(last).item()
    results["trace, a bare id of the largest release"] = (
        fresh(f"trace({key!r})"),
        best(lambda: trace(key)),
    )
    path = table(Path(os.environ["KERUEN_HOME"]) / "mine.csv")
    add(path)
    results["evidence with those rows in the store"] = (
        float("nan"),
        best(lambda: store.evidence("KAZ", "net_migration")),
    )
    print("| what | first, CPU ms | again, CPU ms |\n|---|--:|--:|")
    for name, (first, again) in results.items():
        print(f"| {name} | {'' if first != first else f'{first:,.0f}'} | {again:,.0f} |")
    for file in (path, workbook(path)):
        rows, used = added(file)
        print(
            f"\n`keruen add` of {rows:,} rows of {file.suffix}: {used:.1f} CPU seconds, the start of Python included."
        )


if __name__ == "__main__":
    main()
