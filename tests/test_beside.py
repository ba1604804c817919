"""Work left to other processes comes back as if it had been done here."""

import json
import os
import time

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
