"""Work left to other processes comes back as if it had been done here."""

import json
import os

import pytest

from keruen import kept
from keruen.audit import audit, plain
from keruen.beside import beside
from keruen.errors import UnknownPlace
from keruen.places import place


@pytest.mark.parametrize("processes", [0, 1])
def test_beside__hands_back_what_was_found_and_what_was_raised(processes):
    with beside(processes) as ask:
        own, fault = ask(os.getpid), ask(place, "Atlantis")
        assert (own() == os.getpid()) == (processes == 0)
        with pytest.raises(UnknownPlace, match="Atlantis"):
            fault()


def test_audit__in_two_processes_is_the_same_as_in_one(home):
    asked = {"only": ["2", "4"], "as_of": "2014-01-01"}  # one of them rests on a path
    apart = plain(audit("world-turns", **asked, workers=2))
    kept.clear()
    alone = plain(audit("world-turns", **asked))
    assert [s["id"] for s in alone["statements"]] == ["2", "4"]
    assert json.dumps(apart, default=str) == json.dumps(alone, default=str)
