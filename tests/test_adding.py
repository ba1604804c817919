"""The user's own figures: added, withdrawn, and what happens to a store that cannot be read or written."""

import sqlite3
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from keruen import adding, folders, own, store
from keruen.adding import add
from keruen.errors import FaultyTable, StoreError
from keruen.trace import trace

HEAD = "measure,place,start,end,value,source,released\n"


def csv(tmp_path: Path, rows: str, head: str = HEAD, name: str = "mine.csv") -> Path:
    path = tmp_path / name
    path.write_text(head + rows, "utf-8")
    return path


# ---------------------------------------------------------------- adding


def test_add__own_figures_stand_beside_the_packaged(one):
    table = store.evidence("KAZ", "net_migration", since="2017-02", until="2017-10")
    mine = table.filter("own")
    assert mine.select("value", "release", "known", "known_basis", "definition", "status", "id").rows() == [
        (-123.0, "own-invented-book-2018-05", date(2018, 5, 31), "release", "own", "administrative", one)
    ]
    assert len(table) > 1
    assert store.evidence("KAZ", release="own-invented-book-2018-05")["id"].to_list() == [one]


def test_add__own_figures_obey_their_day(one):
    assert not store.evidence("KAZ", "net_migration", as_of="2018-05-30")["own"].any()
    assert store.evidence("KAZ", "net_migration", as_of="2018-05")["own"].any()


def test_added__prints_what_it_did(home, tmp_path):
    path = csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\nbirths,KAZ,2018-01-01,2019-01-01,6,Book,\n")
    first = add(path)
    assert repr(first).startswith(f"2 rows added as batch {first.batch}, 0 there already")
    assert repr(add(path)).startswith("0 rows added, 2 there already")
    assert len(repr(first)) < 400
    assert first.ids[0] not in repr(first)


def test_add__twice_adds_nothing(home, tmp_path):
    path = csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\nbirths,KAZ,2018-01-01,2019-01-01,6,Book,\n")
    first, again = add(path), add(path)
    assert (first.added, first.already) == (2, 0)
    assert (again.added, again.already, again.batch) == (0, 2, None)
    assert again.ids == first.ids
    assert len(list((home / "store/parts").glob("*.parquet"))) == 1


def test_add__in_part_new_adds_the_rest(home, tmp_path):
    add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    told = add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\nbirths,KAZ,2018-01-01,2019-01-01,6,Book,\n"))
    assert (told.added, told.already) == (1, 1)


def test_add__one_bad_row_adds_nothing(home, tmp_path):
    path = csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\nbirths,Narnia,2017-01-01,2018-01-01,x,Book,\n")
    with pytest.raises(FaultyTable) as error:
        add(path)
    assert [f.partition(":")[0] for f in error.value.faults] == ["line 3, column place", "line 3, column value"]
    assert not (home / "store").exists()


def test_add__rows_told_twice_are_said(home, tmp_path):
    row = "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"
    told = add(csv(tmp_path, row + row))
    assert told.added == 1
    assert "1 of the 2 rows repeat others" in told.notes[0]


def test_add__the_first_card_of_a_release_stands(home, tmp_path):
    add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"), publisher="One office")
    told = add(csv(tmp_path, "births,KAZ,2018-01-01,2019-01-01,5,Book,\n"), publisher="Another")
    assert "keeps its publisher" in told.notes[0]
    assert own.releases()["own-book"].publisher == "One office"


def test_add__small_parts_are_merged_and_nothing_is_lost(home, tmp_path, monkeypatch):
    monkeypatch.setattr(adding, "SMALL_PARTS", 4)
    for year in range(1990, 2010):
        add(csv(tmp_path, f"births,KAZ,{year}-01-01,{year + 1}-01-01,{year},Book,\n"))
    assert store.evidence("KAZ", "births", release="own-book")["value"].to_list() == [
        float(y) for y in range(1990, 2010)
    ]
    assert len(list((home / "store/parts").iterdir())) <= 5


def test_add__takes_frames_of_others(home):
    pandas = pytest.importorskip("pandas")
    frame = {"measure": ["births", "births"], "place": ["KAZ", "UZB"], "year": [2017, 2017], "value": [1.5, 2.0]}
    assert add(pandas.DataFrame(frame), source="Book").added == 2
    assert add(pl.DataFrame(frame), source="Book").already == 2
    assert add(pl.DataFrame(frame).to_arrow(), source="Book").already == 2


@pytest.mark.packaged
def test_add__a_row_that_equals_a_packaged_one_is_told(home, tmp_path):
    head = "measure,place,year,value,unit,definition,source\n"
    rows = [
        "net_migration,KAZ,2017,-22.13,thousand,,Notes",
        "net_migration,KAZ,2017,-22130,,reg_permanent,Notes that say how they count",
        "net_migration,KAZ,2017,-22131,,,Notes of another figure",
        "net_migration,KAZ,2016,-22130,,,Notes of another year",
    ]
    told = add(csv(tmp_path, "\n".join(rows) + "\n", head))
    assert told.added == 4
    assert len(told.notes) == 1
    for said in ("line 2: -22,130 equals", "of release bns-taldau", "reg_permanent", f"retracts {told.ids[0]}"):
        assert said in told.notes[0]


@pytest.mark.packaged
def test_add__the_command_says_on_standard_error_which_rows_equal_packaged_ones(home, tmp_path, monkeypatch, capfd):
    import sys

    from keruen.cli import main

    path = csv(tmp_path, "net_migration,KAZ,2017-01-01,2018-01-01,-22130,Notes,2018-06-30\n")
    for more in ((), ("--json",)):
        monkeypatch.setattr(sys, "argv", ["keruen", "add", str(path), *more])
        with pytest.raises(SystemExit):
            main()
        assert "of release bns-taldau. A copy is no second witness" in capfd.readouterr().err


@pytest.mark.packaged
def test_add__a_copy_that_says_how_it_counts_changes_no_path(home, tmp_path):
    head = "measure,place,year,value,definition,source,released\n"
    before = reported("KAZ")
    add(csv(tmp_path, "net_migration,KAZ,2017,-22130,reg_permanent,Notes,2018-06-30\n", head))
    assert reported("KAZ") == before
    add(csv(tmp_path, "net_migration,KAZ,2017,-22130,own,A copy,2018-06-30\n", head))
    assert reported("KAZ") != before  # so the remedy is one


def reported(code: str) -> list[list[float]]:
    """The figures that the path of a place is drawn from."""
    from keruen.path_design import Asked, designed

    table = store.evidence(code, ["net_migration", "immigration", "emigration"])
    _, reports, _, _ = designed(code, table, Asked())
    return [part.tolist() for part in (reports.lineage, reports.register, reports.plain)]


# ---------------------------------------------------------------- retractions


def withdraw(tmp_path: Path, key: str, released: str, source: str = "My check") -> str:
    rows = f"net_migration,KAZ,2017-01-01,2018-01-01,{source},{released},{key}\n"
    return add(csv(tmp_path, rows, "measure,place,start,end,source,released,retracts\n", "r.csv")).ids[0]


def test_retraction__hides_from_the_day_it_is_known(one, tmp_path):
    withdraw(tmp_path, one, "2019-03-01")
    seen = {
        d: store.evidence("KAZ", "net_migration", as_of=d)["own"].sum() for d in ("2018-06", "2019-02-28", "2019-03-01")
    }
    assert seen == {"2018-06": 1, "2019-02-28": 1, "2019-03-01": 0}
    assert store.evidence("KAZ", "net_migration")["own"].sum() == 0
    assert store.evidence("KAZ", "net_migration", retracted=True)["own"].sum() == 2


def test_retraction__of_a_packaged_row(home, tmp_path):
    before = store.evidence("KAZ", "net_migration")
    key = before.filter(pl.col("known") < date(2018, 1, 1))["id"][0]
    withdraw(tmp_path, key, "2019-03-01")
    assert store.evidence("KAZ", "net_migration")["id"].to_list() == [k for k in before["id"] if k != key]
    assert key in store.evidence("KAZ", "net_migration", as_of="2019-02")["id"].to_list()


def test_retraction__of_a_retraction_restores(one, tmp_path):
    second = withdraw(tmp_path, one, "2019-03-01")
    withdraw(tmp_path, second, "2020-03-01", "My second check")
    own = {d: store.evidence("KAZ", "net_migration", as_of=d)["own"].sum() for d in ("2019-12", "2020-12")}
    assert own == {"2019-12": 0, "2020-12": 1}


def test_retraction__of_nothing_is_a_fault(one, tmp_path):
    with pytest.raises(FaultyTable, match="no row has the id"):
        withdraw(tmp_path, "own-invented-book-2018-05:0123456789abcdef", "2019")


def test_retracted_row__is_still_traced(one, tmp_path):
    withdraw(tmp_path, one, "2019-03-01")
    assert trace(one)["value"].item() == -123


# ---------------------------------------------------------------- a store that cannot be read or written


def test_store__a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("KERUEN_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="KERUEN_HOME"):
        add(pl.DataFrame({"measure": ["births"], "place": ["KAZ"], "year": [2017], "value": [1.0]}), source="Book")


def test_store__a_full_disk_adds_nothing(one, tmp_path, monkeypatch):
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(adding.os, "fsync", full)
        with pytest.raises(StoreError, match="full"):
            add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    assert sorted(p.suffix for p in (folders.home() / "store/parts").iterdir()) == [".parquet"]
    assert own.claims()["id"].to_list() == [one]
    assert add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n")).added == 1


def test_store__a_damaged_manifest_is_named_and_rebuilt(one):
    (folders.home() / "store/manifest.sqlite").write_bytes(b"nonsense " * 1000)
    with pytest.raises(StoreError, match="recover"):
        store.evidence("KAZ", "net_migration")
    assert adding.recover() == 1
    assert own.claims()["id"].to_list() == [one]
    assert list(own.releases()) == ["own-invented-book-2018-05"]


def test_store__a_manifest_that_is_gone_is_not_taken_for_an_empty_store(one, tmp_path):
    (folders.home() / "store/manifest.sqlite").unlink()
    with pytest.raises(StoreError, match="is gone"):
        store.evidence("KAZ", "net_migration")
    add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    assert one in own.claims()["id"].to_list()
    assert len(own.claims()) == 2


@pytest.mark.parametrize("harm", ["damage", "remove"])
def test_store__a_harmed_part_is_named(one, tmp_path, harm):
    add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    part = own.paths()[0]
    if harm == "damage":
        part.write_bytes(b"PAR1 nonsense PAR1")
    else:
        part.unlink()
    with pytest.raises(StoreError, match=part.name):
        own.claims()
    with pytest.raises(StoreError, match=part.name):
        add(csv(tmp_path, "births,KAZ,2018-01-01,2019-01-01,5,Book,\n"))
    assert adding.recover() == 1
    assert own.claims()["measure"].to_list() == ["births"]


def test_store__stale_files_are_swept(one, tmp_path):
    parts = folders.home() / "store/parts"
    (parts / ".part-1-abc").write_bytes(b"half")
    (parts / f"{'0' * 32}.parquet").write_bytes(b"orphan")
    assert own.claims()["id"].to_list() == [one]
    add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    assert len(list(parts.iterdir())) == 2


def test_store__keeps_a_rollback_journal(one):
    db = sqlite3.connect(folders.home() / "store/manifest.sqlite")
    assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    db.close()


def test_store__a_reader_survives_a_merge_in_between(one, tmp_path, monkeypatch):
    stale = [folders.home() / "store/parts/gone.parquet"]
    real, calls = own.paths, []

    def first_stale() -> list[Path]:
        calls.append(1)
        return stale if len(calls) == 1 else real()

    monkeypatch.setattr(own, "paths", first_stale)
    assert own.claims()["id"].to_list() == [one]
