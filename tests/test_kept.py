"""What is kept: found again, never believed when damaged, bounded, and asked anew when the evidence changes."""

import os
import subprocess
import sys
import time
from datetime import date

import polars as pl
import pytest

from keruen import kept as room
from keruen import snapshot
from keruen.adding import add
from keruen.errors import ConceptError
from keruen.kept import clear, kept, size, stamp


class Counted:
    def __init__(self, answer):
        self.answer, self.times = answer, 0

    def __call__(self):
        self.times += 1
        return self.answer


def entries(home):
    return sorted((home / "cache").rglob("*.kept"))


@pytest.fixture
def made(home):
    """A thing computed once, and where it lies."""
    make = Counted({"table": pl.DataFrame({"a": [1, 2]}), "day": date(2018, 5, 3)})
    kept("things", ["q", 1], make)
    (path,) = entries(home)
    return make, path


def test_kept__is_computed_once_and_given_fresh(made):
    make, _ = made
    again = kept("things", ("q", 1), make)  # a list and a tuple of the same are one question
    assert make.times == 1
    assert again["table"].equals(make.answer["table"])
    again["day"] = None
    assert kept("things", ["q", 1], make)["day"] == date(2018, 5, 3)


@pytest.mark.parametrize("other", [["q", 2], ["q", 1.0], ["q", "1"], ["q", True], ["q", [1]], {"q": 1}, ["q", 1, None]])
def test_kept__another_question_is_another(made, other):
    make, _ = made
    kept("things", other, make)
    assert make.times == 2


def test_kept__another_kind_is_another(made):
    make, _ = made
    kept("others", ["q", 1], make)
    assert make.times == 2


@pytest.mark.parametrize("at", [0, 15, 16, 40, -1])
def test_kept__a_flipped_byte_is_seen(made, at):
    make, path = made
    whole = bytearray(path.read_bytes())
    whole[at] ^= 1
    path.write_bytes(whole)
    assert kept("things", ["q", 1], make)["day"] == date(2018, 5, 3)
    assert make.times == 2
    kept("things", ["q", 1], make)
    assert make.times == 2  # it was written anew


@pytest.mark.parametrize("length", [0, 1, 16, 17, 100])
def test_kept__a_truncated_entry_is_seen(made, length):
    make, path = made
    path.write_bytes(path.read_bytes()[:length])
    kept("things", ["q", 1], make)
    assert make.times == 2


def test_kept__a_sound_entry_of_other_days_is_no_trap(made):
    import hashlib

    make, path = made
    content = b"cno_such_module\nThing\n."
    path.write_bytes(hashlib.blake2b(content, digest_size=16).digest() + content)
    assert kept("things", ["q", 1], make)["day"] == date(2018, 5, 3)
    assert make.times == 2


def test_kept__a_failure_is_not_kept(home):
    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept("things", 1, fails)
    assert kept("things", 1, lambda: 5) == 5


def test_kept__works_where_nothing_can_be_written(home):
    home.mkdir()
    (home / "cache").write_text("a file stands where the folder should")
    assert kept("things", 1, lambda: 5) == 5


def test_kept__refuses_what_has_no_plain_name(home):
    with pytest.raises(ConceptError, match="DataFrame"):
        kept("things", [pl.DataFrame()], lambda: 5)


def test_kept__other_code_or_libraries_ask_anew(made, monkeypatch):
    make, _ = made
    for other in (("1.0", "numpy 9"), ("2.0", "numpy 9")):
        monkeypatch.setattr(room, "_installation", lambda other=other: other)
        kept("things", ["q", 1], make)
    assert make.times == 3
    monkeypatch.setattr(snapshot, "manifest", lambda: {"version": "another"})
    kept("things", ["q", 1], make)
    assert make.times == 4


def test_kept__is_bounded_and_the_longest_unused_goes(home, monkeypatch):
    monkeypatch.setattr(room, "MOST", 45_000)

    def keep(n):
        before = set(entries(home))
        found = kept("things", n, lambda: os.urandom(10_000))
        for path in set(entries(home)) - before:
            os.utime(path, (1000 + n, 1000 + n))
        return found

    first, *_ = [keep(n) for n in range(4)]
    assert keep(0) == first  # it was used: from now on the youngest
    for n in range(4, 7):
        keep(n)
    assert size()[0] == 4
    assert size()[1] <= 45_000
    assert keep(0) == first
    kept("things", "giant", lambda: os.urandom(20_000))
    assert size()[0] == 4


def test_kept__leavings_of_the_dead_are_swept(made):
    _, path = made
    dead, alive = path.with_suffix(".part"), path.parent / "alive.part"
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")
    os.utime(dead, (time.time() - 7200,) * 2)
    kept("things", "other", lambda: 5)
    assert not dead.exists()
    assert alive.exists()


def test_clear__forgets_all(made, home):
    assert size()[0] == 1
    assert clear() > 0
    assert size() == (0, 0)
    assert entries(home) == []


def test_kept__the_same_name_in_another_process(home, monkeypatch):
    kept("things", {"b": 2, "a": date(2020, 1, 1)}, lambda: "first")
    code = (
        "from datetime import date; from keruen.kept import kept;"
        "print(kept('things', {'a': date(2020, 1, 1), 'b': 2}, lambda: 'second'))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "first"


# ---------------------------------------------------------------- the evidence's stamp


def own(place, value, released="2023-02-01"):
    return pl.DataFrame(
        {
            "measure": ["net_migration"], "place": [place], "start": ["2021-01-01"], "end": ["2022-01-01"],
            "value": [float(value)], "status": ["survey"], "source": ["Office"], "released": [released],
        }
    )  # fmt: skip


def test_stamp__changes_with_what_it_touches(home):
    before = {p: stamp(p) for p in ("KAZ", "UZB", None)}
    add(own("KAZ", 5))
    after = {p: stamp(p) for p in ("KAZ", "UZB", None)}
    assert before["KAZ"] != after["KAZ"]
    assert before["UZB"] == after["UZB"]
    assert before[None] != after[None]
    add(own("KAZ", 5))
    assert stamp("KAZ") == after["KAZ"]


def test_stamp__a_later_figure_changes_no_past_day(home):
    before = stamp("KAZ", "2018-05-03")
    add(own("KAZ", 5))
    assert stamp("KAZ", "2018-05-03") == before
    assert stamp("KAZ", "2024-01-01") != before


def test_stamp__is_cheap(home):
    stamp("KAZ")
    begun = time.process_time()
    for _ in range(5):
        stamp(["KAZ", "UZB"], "2018-05-03")
    assert (time.process_time() - begun) / 5 < 0.05
