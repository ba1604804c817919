"""Every test has a home of its own: nobody's store is touched."""

import os
import tempfile

import pytest

# Set before anything asks for it: the snapshot's folder is remembered once found.
os.environ["KERUEN_HOME"] = tempfile.mkdtemp(prefix="keruen-tests-")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home for the user's own figures."""
    monkeypatch.setenv("KERUEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
