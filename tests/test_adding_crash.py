"""Writers that are killed at any moment lose no committed row, and leave a store that opens."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from keruen import own
from keruen.adding import add
from keruen.ids import ids

WRITERS = 4
KILLS = 100

# One process loads the package and forks the writers, so that a life costs a fork and not a start of Python. It asks
# nothing of polars itself, whose pool of threads would not survive a fork.
NURSERY = """
import os, random, signal, sys, time
from pathlib import Path
from datetime import date
import polars as pl
from keruen import adding, contract, provenance

writers, kills, logs = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
adding.SMALL_PARTS = 5

def write(slot, life):
    card = provenance.Release(key="own-book", title="Book", publisher="Book", edition="", released=date(2018, 5, 3),
                              precision="day", url="", licence="", zeros="not told", family="own")
    log = os.open(logs / str(slot), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = 0
    while True:
        number += 1
        rows = pl.DataFrame({"value": [float(life), float(number), float(slot)], "age": ["a", "b", "c"]})
        table = contract.claims(
            rows, measure="births", place="KAZ", start=date(2017, 1, 1), end=date(2018, 1, 1), release="own-book",
            group=f"{slot} {life} {number}", known=date(2018, 5, 3), known_basis="release", status="press",
            definition="own",
        )
        told = adding.append(table, [card], origin="test")
        os.write(log, ("\\n".join(told.ids) + "\\n").encode())

rng = random.Random(20180503)
alive, lives = {}, [0] * writers
while any(n < kills for n in lives) or alive:
    now = time.monotonic()
    for slot in range(writers):
        if slot not in alive and lives[slot] < kills:
            pid = os.fork()
            if not pid:
                try:
                    write(slot, lives[slot])
                except BaseException as error:
                    (logs / f"error-{slot}-{lives[slot]}").write_text(repr(error))
                os._exit(1)
            alive[slot] = pid, now + rng.uniform(0.0, 0.35)
        elif slot in alive and now >= alive[slot][1]:
            os.kill(alive[slot][0], signal.SIGKILL)
            os.waitpid(alive[slot][0], 0)
            lives[slot] += 1
            del alive[slot]
    time.sleep(0.001)
"""

WRITER = """
import sys
import polars as pl
from keruen.adding import add
for number in range(8):
    rows = pl.DataFrame({"measure": ["births"], "place": ["KAZ"], "year": [2017], "value": [1.0]})
    add(rows.with_columns(group=pl.lit(f"{sys.argv[1]} {number}")), source="Book")
"""


def acknowledged(logs: Path) -> set[str]:
    """Ids whose addition came back; a line that a kill cut short is not one."""
    told: set[str] = set()
    for path in logs.iterdir():
        if path.name.isdigit():
            told |= set(path.read_text().rpartition("\n")[0].split("\n"))
    return told - {""}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_kill__loses_no_committed_row(home, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(WRITERS), str(KILLS), str(logs)],
        env=os.environ | {"KERUEN_HOME": str(home), "POLARS_MAX_THREADS": "1"},
    )
    looks = 0
    try:
        while nursery.poll() is None:
            told = acknowledged(logs)
            assert told <= set(own.claims()["id"])  # a reader in the midst of it
            looks += 1
            time.sleep(0.2)
    finally:
        nursery.kill()
        nursery.wait()
    assert nursery.returncode == 0
    assert [p.read_text() for p in logs.glob("error-*")] == []
    told, held = acknowledged(logs), own.claims()
    lives = {tuple(said.split()[:2]) for said in held["group"]}
    assert len(lives) > WRITERS * KILLS / 4  # most lived long enough to write
    assert looks > 3
    assert told <= set(held["id"])
    assert held["id"].is_unique().all()
    assert held["id"].to_list() == ids(held).to_list()
    assert held.group_by("group").len()["len"].unique().to_list() == [3]  # a batch is whole or absent
    db = sqlite3.connect(home / "store/manifest.sqlite")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    listed = {f"{name}.parquet" for (name,) in db.execute("SELECT name FROM parts")}
    db.close()
    frame = pl.DataFrame({"measure": ["births"], "place": ["KAZ"], "year": [2017], "value": [1.0]})
    assert add(frame, source="After all").added == 1
    left = {p.name for p in (home / "store/parts").iterdir()}
    assert len(left - listed) <= 1  # the new part; whatever the killed had left is swept
    assert {f"{p.stem}.parquet" for p in own.paths()} == left


def test_two_writers__lose_nothing(home):
    env = os.environ | {"KERUEN_HOME": str(home), "POLARS_MAX_THREADS": "1"}
    both = [subprocess.Popen([sys.executable, "-c", WRITER, name], env=env) for name in "ab"]
    assert [p.wait(120) for p in both] == [0, 0]
    assert sorted(own.claims()["group"]) == sorted(f"{name} {number}" for name in "ab" for number in range(8))
