"""Work left to other processes comes back as if it had been done here."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keruen import kept
from keruen.audit import audit, plain
from keruen.beside import beside, shared
from keruen.errors import UnknownPlace
from keruen.places import place


@pytest.mark.parametrize("processes", [0, 1])
def test_beside__hands_back_what_was_found_and_what_was_raised(processes):
    with beside(processes) as ask:
        own, fault = ask(os.getpid), ask(place, "Atlantis")
        assert (own() == os.getpid()) == (processes == 0)
        with pytest.raises(UnknownPlace, match="Atlantis"):
            fault()


def _mine_or(code):
    if code == "last":
        time.sleep(1.5)  # so that another process has begun before all are taken
    return place(code).code if code != "last" else os.getpid(), os.getpid()


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_shared__answers_in_order_whoever_worked_them_out(processes):
    asked = ["KAZ", "last", "KGZ", "RUS", "last", "Turkmenistan"]
    told = shared(_mine_or, asked, processes)
    assert [t for t, _ in told if isinstance(t, str)] == ["KAZ", "KGZ", "RUS", "TKM"]
    assert [t for t, _ in told if isinstance(t, int)] == [told[1][1], told[4][1]]
    who = {pid for _, pid in told}
    assert os.getpid() in who
    assert (len(who) > 1) == (processes > 0)
    assert shared(_mine_or, [], processes) == []


@pytest.mark.parametrize("processes", [0, 1])
def test_shared__raises_the_fault_of_the_first_thing_that_has_one(processes):
    with pytest.raises(UnknownPlace, match="Atlantis"):
        shared(place, ["KAZ", "Atlantis", "Lemuria"][: 2 + processes], processes)


def test_audit__in_two_processes_is_the_same_as_in_one(home):
    asked = {"only": ["2", "4"], "as_of": "2014-01-01"}  # one of them rests on a path
    apart = plain(audit("world-turns", **asked, workers=2))
    kept.clear()
    alone = plain(audit("world-turns", **asked))
    assert [s["id"] for s in alone["statements"]] == ["2", "4"]
    assert json.dumps(apart, default=str) == json.dumps(alone, default=str)


def group(number: int) -> list[str]:
    """What the processes of a group run, those that ended but were not yet fetched apart."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of = folder.joinpath("stat").read_text().rpartition(")")[2].split()[:3]
            said = folder.joinpath("cmdline").read_text()
        except OSError:  # it ended meanwhile
            continue
        if int(of) == number and state != "Z":
            found.append(said)
    return found


@pytest.mark.packaged
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("later", [0, 0.4, 2.5])
@pytest.mark.parametrize(
    "asked",
    [("tipping", "--world", "--out", "t.parquet"), ("audit", "eurasianet-2018", "--out", "a.html"),
     ("brief", "DEU", "--out", "b.html")],
    ids=lambda words: words[0],
)  # fmt: skip
def test_interrupted__stops_at_once_in_one_line_and_leaves_nothing(home, tmp_path, asked, later):
    of = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-m", "keruen", *asked], start_new_session=True, **of) as process:
        until = time.monotonic() + 60
        while not any("spawn_main" in said for said in group(process.pid)) and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(later)  # 0: a worker has not imported anything yet
        os.killpg(process.pid, signal.SIGINT)
        begun = time.monotonic()
        said, err = process.communicate(timeout=60)
        took = time.monotonic() - begun
    assert (process.returncode, said) == (130, "")
    assert err.rstrip().splitlines()[-1] == "Interrupted; what was computed is kept."
    assert "Traceback" not in err
    assert "Error" not in err
    assert took < 8  # two seconds, on a machine that does nothing else
    assert list(tmp_path.glob("*.*")) == []
    deadline = time.monotonic() + 5
    while (left := group(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
