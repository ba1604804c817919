"""Evidence as of a day, the user's own figures, their retraction, tracing, sources and SQL."""

import hashlib
import sqlite3
import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen import folders, snapshot, store
from keruen.contract import SCHEMA, claims, ids
from keruen.errors import BadDate, ConceptError, FaultyTable, NoEvidence, StoreError, UnknownPlace, VocabularyError
from keruen.provenance import cite

HEAD = "measure,place,start,end,value,source,released\n"


def csv(tmp_path: Path, rows: str, head: str = HEAD, name: str = "mine.csv") -> Path:
    path = tmp_path / name
    path.write_text(head + rows, "utf-8")
    return path


@pytest.fixture
def one(home, tmp_path):
    """One figure of the user's own, and its id."""
    told = store.add(csv(tmp_path, "net_migration,KAZ,2017-01-01,2018-01-01,-123,Invented book,2018-05\n"))
    return told.ids[0]


# ---------------------------------------------------------------- what is asked


def test_evidence__has_the_columns_of_an_answer(home):
    table = store.evidence("KAZ", "net_migration", release="un-wpp-2015")
    assert table.columns == [*SCHEMA, "id", "unit", "source", "printed", "own"]
    assert table["unit"].unique().to_list() == ["persons"]
    assert table["id"].to_list() == ids(table).to_list()
    assert not table["own"].any()
    assert table["locator"].null_count() == 0
    assert table["source"][0].endswith("World Population Prospects 2015")


def test_evidence__every_name_of_a_place_is_one(home):
    asked = [store.evidence(p, "net_migration") for p in ("KAZ", 398, "398", "Kazakhstan", "Казахстан")]
    assert len(asked[0]) > 0
    assert all(a.equals(asked[0]) for a in asked)


def test_evidence__takes_lists(home):
    both = store.evidence(["KAZ", "Uzbekistan"], ["net_migration", "births"], sex="all", release=["un-wpp-2024"])
    assert set(both["place"]) == {"KAZ", "UZB"}
    assert set(both["measure"]) == {"net_migration", "births"}
    assert store.evidence([], "births").is_empty()


def test_evidence__printed_is_what_was_printed(home):
    row = store.evidence("KAZ", "net_migration", release="un-wpp-2015", sex="all", since="2011", until="2014")
    assert row.select("value", "printed", "printed_unit").rows() == [(159_807.0, 159.807, "thousand")]


def test_evidence__nothing_is_known_before_its_day(home):
    for said in ("2018-05-03", date(2018, 5, 3)):
        table = store.evidence("KAZ", as_of=said)
        assert len(table)
        assert table["known"].max() <= date(2018, 5, 3)
        assert not {"un-wpp-2019", "un-wpp-2022", "un-wpp-2024"} & set(table["release"])


@pytest.mark.parametrize(
    ("said", "seen"), [("2013-06-12", 0), ("2013-06-13", 1), ("2013-05", 0), ("2013-06", 1), ("2013", 1), (2013, 1)]
)
def test_evidence__a_month_or_a_year_is_its_last_day(home, said, seen):
    table = store.evidence(
        "KAZ", "net_migration", release="un-wpp-2012", sex="all", as_of=said, since="2011", until="2014"
    )
    assert table.select("start", "status").unique().height == seen


def test_evidence__strict_leaves_out_publication_lags(home):
    every = store.evidence("KAZ", "remittances_received")
    assert "publication lag" in set(every["known_basis"])
    assert "publication lag" not in set(store.evidence("KAZ", "remittances_received", strict=True)["known_basis"])


def test_evidence__since_and_until_touch_the_span(home):
    asked = store.evidence(
        "KAZ", "net_migration", release="un-wpp-2015", sex="all", since="2010-07-01", until="2010-07-01"
    )
    assert asked["start"].to_list() == [date(2010, 7, 1)]
    stock = store.evidence("KAZ", "stock", release="un-ims-2024", since="2020-07-01", until="2020-07-01")
    assert set(stock["start"]) == {date(2020, 7, 1)}


def test_evidence__is_sorted(home):
    table = store.evidence(["UZB", "KAZ"], ["stock", "net_migration"], sex="all")
    keys = ["measure", "place", "counterpart", "start", "end", "known", "release"]
    assert table.select(keys).equals(table.sort(keys, nulls_last=False, maintain_order=True).select(keys))


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"place": "Kirgizia"}, UnknownPlace, "Kyrgyzstan"),
        ({"measure": "net_migraton"}, VocabularyError, "net_migration"),
        ({"counterpart": "Narnia"}, UnknownPlace, "Narnia"),
        ({"stream": "labor"}, VocabularyError, "labour"),
        ({"status": "censu"}, VocabularyError, "census"),
        ({"sex": "females"}, VocabularyError, "female"),
        ({"release": "un-wpp-2023"}, VocabularyError, "un-wpp-202"),
        ({"as_of": "yesterday"}, BadDate, "2018-05-03"),
        ({"since": "2018-13"}, BadDate, "2018-13"),
    ],
)
def test_evidence__an_unknown_word_is_named(home, asked, error, said):
    with pytest.raises(error, match=said):
        store.evidence(**({"place": "KAZ", "measure": "net_migration"} | asked))


def test_evidence__answers_within_its_time(home):
    store.evidence("KAZ", "net_migration")
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        store.evidence("UZB", "net_migration", as_of="2018-05-03")
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.3


# ---------------------------------------------------------------- ids

TEXT = st.text(alphabet="ab|\\ =é\n", max_size=4)
FLOAT = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.just(-0.0), st.just(0.0))


@given(
    st.lists(st.tuples(FLOAT, FLOAT, st.one_of(st.none(), TEXT), st.one_of(st.none(), TEXT)), min_size=1, max_size=8)
)
@settings(max_examples=60, deadline=None)
def test_ids__are_those_of_the_contract(rows):
    frame = pl.DataFrame(
        rows, schema={"value": pl.Float64, "low": pl.Float64, "text": pl.String, "flag": pl.String}, orient="row"
    )
    table = claims(frame, measure="stock", place="KAZ", release="own-x", start=date(2020, 1, 1), end=date(2020, 1, 1))
    assert store.ids(table).to_list() == ids(table).to_list()


def test_ids__of_the_snapshot_are_those_of_the_contract():
    table = snapshot.scan().filter(pl.col("place") == "KGZ").collect()
    assert store.ids(table).to_list() == ids(table).to_list()


@pytest.mark.parametrize(
    ("printed", "unit", "factor"),
    [(None, "persons", 1), ("thousand", "persons", 1e3), ("million KZT", "local currency", 1e6), ("EUR", "USD", None)],
)
def test_scale__is_undone_where_it_can_be(printed, unit, factor):
    assert store.scale(printed, unit) == factor


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


def test_add__twice_adds_nothing(home, tmp_path):
    path = csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\nbirths,KAZ,2018-01-01,2019-01-01,6,Book,\n")
    first, again = store.add(path), store.add(path)
    assert (first.added, first.already) == (2, 0)
    assert (again.added, again.already, again.batch) == (0, 2, None)
    assert again.ids == first.ids
    assert len(list((home / "store/parts").glob("*.parquet"))) == 1


def test_add__in_part_new_adds_the_rest(home, tmp_path):
    store.add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    told = store.add(
        csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\nbirths,KAZ,2018-01-01,2019-01-01,6,Book,\n")
    )
    assert (told.added, told.already) == (1, 1)


def test_add__one_bad_row_adds_nothing(home, tmp_path):
    path = csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\nbirths,Narnia,2017-01-01,2018-01-01,x,Book,\n")
    with pytest.raises(FaultyTable) as error:
        store.add(path)
    assert [f.partition(":")[0] for f in error.value.faults] == ["line 3, column place", "line 3, column value"]
    assert not (home / "store").exists()


def test_add__rows_told_twice_are_said(home, tmp_path):
    row = "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"
    told = store.add(csv(tmp_path, row + row))
    assert told.added == 1
    assert "1 of the 2 rows repeat others" in told.notes[0]


def test_add__the_first_card_of_a_release_stands(home, tmp_path):
    store.add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"), publisher="One office")
    told = store.add(csv(tmp_path, "births,KAZ,2018-01-01,2019-01-01,5,Book,\n"), publisher="Another")
    assert "keeps its publisher" in told.notes[0]
    assert store.own_releases()["own-book"].publisher == "One office"


def test_add__small_parts_are_merged_and_nothing_is_lost(home, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "SMALL_PARTS", 4)
    for year in range(1990, 2010):
        store.add(csv(tmp_path, f"births,KAZ,{year}-01-01,{year + 1}-01-01,{year},Book,\n"))
    assert store.evidence("KAZ", "births", release="own-book")["value"].to_list() == [
        float(y) for y in range(1990, 2010)
    ]
    assert len(list((home / "store/parts").iterdir())) <= 5


def test_add__takes_frames_of_others(home):
    pandas = pytest.importorskip("pandas")
    frame = {"measure": ["births", "births"], "place": ["KAZ", "UZB"], "year": [2017, 2017], "value": [1.5, 2.0]}
    assert store.add(pandas.DataFrame(frame), source="Book").added == 2
    assert store.add(pl.DataFrame(frame), source="Book").already == 2
    assert store.add(pl.DataFrame(frame).to_arrow(), source="Book").already == 2


# ---------------------------------------------------------------- retractions


def withdraw(tmp_path: Path, key: str, released: str, source: str = "My check") -> str:
    rows = f"net_migration,KAZ,2017-01-01,2018-01-01,{source},{released},{key}\n"
    return store.add(csv(tmp_path, rows, "measure,place,start,end,source,released,retracts\n", "r.csv")).ids[0]


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
    assert store.trace(one)["value"].item() == -123


# ---------------------------------------------------------------- tracing and sources


def test_trace__one_id_leads_to_its_row_and_its_citation(home):
    row = store.evidence("KAZ", "net_migration", release="un-wpp-2015", sex="all", since="2011", until="2014")
    told = store.trace(row["id"].item())
    assert told["value"].item() == 159_807
    assert told["cite"].item() == cite("un-wpp-2015")
    assert told.columns == [*row.columns, "cite"]


def test_trace__follows_what_a_row_was_derived_from(home):
    parts = store.evidence("KAZ", "net_migration", release="un-wpp-2022", sex="all", since="2011", until="2013-12-31")
    parts = parts.filter(pl.col("level").is_null())
    ours = pl.DataFrame(
        {"id": ["un-wpp-2022:ffffffffffffffff"], "derived_from": [" ".join(parts["id"])], "place": ["KAZ"]}
    )
    assert set(store.trace(ours)["id"]) == set(parts["id"])


def test_trace__a_frame_of_evidence_is_itself(one):
    table = store.evidence("KAZ", "net_migration", sex="all")
    found = store.trace(table)
    assert set(table["id"]) <= set(found["id"])
    assert found.filter(pl.col("id") == one)["cite"].item() == "Invented book (2018-05)."


@pytest.mark.parametrize("key", ["un-wpp-2015:0123456789abcdef", "nonsense", "own-x:0123456789abcdef"])
def test_trace__an_id_that_leads_nowhere_is_an_error(home, key):
    with pytest.raises(NoEvidence, match="No row has the id"):
        store.trace(key)


def test_trace__a_frame_without_ids_is_refused(home):
    with pytest.raises(VocabularyError, match="id or derived_from"):
        store.trace(pl.DataFrame({"place": ["KAZ"]}))


def test_sources__tell_licence_rows_and_faults(one):
    table = store.sources()
    wpp = table.row(by_predicate=pl.col("key") == "un-wpp-2012", named=True)
    assert wpp["licence"] == "CC BY 3.0 IGO"
    assert wpp["rows"] == snapshot.manifest()["releases"]["un-wpp-2012"]["rows"]
    assert any("projection" in f for f in wpp["faults"])
    mine = table.row(by_predicate=pl.col("key") == "own-invented-book-2018-05", named=True)
    assert (mine["own"], mine["rows"], mine["precision"]) == (True, 1, "month")


def test_sources__obey_the_day(home):
    table = store.sources(as_of="2018-05-03")
    assert "un-wpp-2017" in table["key"].to_list()
    assert not {"un-wpp-2019", "un-wpp-2024", "un-ims-2019"} & set(table["key"])
    known = snapshot.scan().filter(pl.col("known") <= date(2018, 5, 3)).select(pl.len()).collect().item()
    assert table["rows"].sum() == known


# ---------------------------------------------------------------- SQL


def test_sql__sees_the_four_views(one):
    asked = store.sql("SELECT count(*) AS n FROM claims WHERE place = 'KAZ' AND measure = 'net_migration'")
    packaged = snapshot.scan(["net_migration"]).filter(pl.col("place") == "KAZ", pl.col("measure") == "net_migration")
    assert asked["n"].item() == packaged.select(pl.len()).collect().item()
    assert store.sql("SELECT id FROM own")["id"].to_list() == [one]
    assert store.sql("SELECT name FROM places WHERE code = 'KAZ'").item() == "Kazakhstan"
    assert store.sql("WITH x AS (SELECT key FROM releases) SELECT count(*) FROM x").item() > 8
    assert store.sql("SELECT place FROM claims LIMIT 0").columns == ["place"]


def digests() -> dict[str, str]:
    return {p.name: hashlib.blake2b(p.read_bytes()).hexdigest() for p in folders.snapshot().rglob("*.parquet")}


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{parquet}'",
        "COPY (SELECT 1) TO '{parquet}' (FORMAT parquet)",
        "EXPORT DATABASE '{folder}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "ATTACH '{folder}/x.db'",
        "SET memory_limit = '90GB'",
        "RESET memory_limit",
        "PRAGMA database_list",
        "CREATE TABLE x (a INTEGER)",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO own VALUES (1)",
        "WITH x AS (INSERT INTO own VALUES (2)) SELECT 1",
        "DELETE FROM own",
        "DROP VIEW claims",
        "CALL enable_logging(storage = 'file', storage_path = '{folder}')",
        "SELECT * FROM enable_profiling(save_location = '{folder}/p')",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO '{parquet}'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '{parquet}'",
        "SELECT * FROM read_parquet('{parquet}')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{parquet}''')",
        "SELECT * FROM snapshot",
        "SELEC 1",
        "",
    ],
)
def test_sql__refuses_all_but_one_select(home, tmp_path, query):
    parquet = folders.snapshot() / "net_migration.parquet"
    before = hashlib.blake2b(parquet.read_bytes()).hexdigest()
    with pytest.raises(ConceptError):
        store.sql(query.format(parquet=parquet, folder=tmp_path))
    assert hashlib.blake2b(parquet.read_bytes()).hexdigest() == before
    assert list(tmp_path.iterdir()) == []


def test_sql__leaves_the_snapshot_byte_for_byte(home):
    before = digests()
    for topic in snapshot.manifest()["topics"]:
        with pytest.raises(ConceptError):
            store.sql(f"COPY (SELECT 1) TO '{folders.snapshot() / topic}.parquet' (FORMAT parquet)")
    assert digests() == before


def test_sql__a_runaway_query_is_stopped(home):
    begun = time.perf_counter()
    with pytest.raises(ConceptError, match="longer than 1 seconds"):
        store.sql("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", seconds=1)
    assert time.perf_counter() - begun < 10


def test_sql__too_many_rows_are_refused(home, monkeypatch):
    monkeypatch.setattr(store, "ROWS", 100_000)
    with pytest.raises(ConceptError, match="100,000 rows"):
        store.sql("SELECT * FROM range(1000000)")


def test_sql__memory_has_a_limit(home, monkeypatch):
    monkeypatch.setattr(store, "MEMORY", "50MB")
    with pytest.raises(ConceptError, match="memory"):
        store.sql("SELECT count(DISTINCT range::VARCHAR || 'xxxxxxxxxxxxxxxxxxxxxxxxx') FROM range(20000000)")


# ---------------------------------------------------------------- a store that cannot be read or written


def test_store__a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("KERUEN_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="KERUEN_HOME"):
        store.add(
            pl.DataFrame({"measure": ["births"], "place": ["KAZ"], "year": [2017], "value": [1.0]}), source="Book"
        )


def test_store__a_full_disk_adds_nothing(one, tmp_path, monkeypatch):
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store.os, "fsync", full)
        with pytest.raises(StoreError, match="full"):
            store.add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    assert sorted(p.suffix for p in (folders.home() / "store/parts").iterdir()) == [".parquet"]
    assert store.own()["id"].to_list() == [one]
    assert store.add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n")).added == 1


def test_store__a_damaged_manifest_is_named_and_rebuilt(one):
    (folders.home() / "store/manifest.sqlite").write_bytes(b"nonsense " * 1000)
    with pytest.raises(StoreError, match="recover"):
        store.evidence("KAZ", "net_migration")
    assert store.recover() == 1
    assert store.own()["id"].to_list() == [one]
    assert list(store.own_releases()) == ["own-invented-book-2018-05"]


def test_store__a_manifest_that_is_gone_is_not_taken_for_an_empty_store(one, tmp_path):
    (folders.home() / "store/manifest.sqlite").unlink()
    with pytest.raises(StoreError, match="is gone"):
        store.evidence("KAZ", "net_migration")
    store.add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    assert one in store.own()["id"].to_list()
    assert len(store.own()) == 2


@pytest.mark.parametrize("harm", ["damage", "remove"])
def test_store__a_harmed_part_is_named(one, tmp_path, harm):
    store.add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    part = store._paths()[0]
    if harm == "damage":
        part.write_bytes(b"PAR1 nonsense PAR1")
    else:
        part.unlink()
    with pytest.raises(StoreError, match=part.name):
        store.own()
    with pytest.raises(StoreError, match=part.name):
        store.add(csv(tmp_path, "births,KAZ,2018-01-01,2019-01-01,5,Book,\n"))
    assert store.recover() == 1
    assert store.own()["measure"].to_list() == ["births"]


def test_store__stale_files_are_swept(one, tmp_path):
    parts = folders.home() / "store/parts"
    (parts / ".part-1-abc").write_bytes(b"half")
    (parts / f"{'0' * 32}.parquet").write_bytes(b"orphan")
    assert store.own()["id"].to_list() == [one]
    store.add(csv(tmp_path, "births,KAZ,2017-01-01,2018-01-01,5,Book,\n"))
    assert len(list(parts.iterdir())) == 2


def test_store__keeps_a_rollback_journal(one):
    db = sqlite3.connect(folders.home() / "store/manifest.sqlite")
    assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    db.close()


def test_store__a_reader_survives_a_merge_in_between(one, tmp_path, monkeypatch):
    stale = [folders.home() / "store/parts/gone.parquet"]
    real, calls = store._paths, []

    def first_stale() -> list[Path]:
        calls.append(1)
        return stale if len(calls) == 1 else real()

    monkeypatch.setattr(store, "_paths", first_stale)
    assert store.own()["id"].to_list() == [one]
