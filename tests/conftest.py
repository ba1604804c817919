"""Every test has a home of its own: nobody's store is touched."""

import os
import tempfile
from datetime import date

import polars as pl
import pytest

# Set before anything asks for it: the snapshot's folder is remembered once found.
os.environ["KERUEN_HOME"] = tempfile.mkdtemp(prefix="keruen-tests-")

from keruen.adding import add


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home for the user's own figures."""
    monkeypatch.setenv("KERUEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def one(home):
    """One figure of the user's own, and its id."""
    rows = {
        "measure": "net_migration",
        "place": "KAZ",
        "start": date(2017, 1, 1),
        "end": date(2018, 1, 1),
        "value": -123.0,
    }
    return add(pl.DataFrame(rows), source="Invented book", released="2018-05").ids[0]
