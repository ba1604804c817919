"""Evidence as of a day, and sources."""

import time
from datetime import date

import polars as pl
import pytest

from keruen import snapshot, store
from keruen.contract import SCHEMA, ids
from keruen.errors import BadDate, UnknownPlace, VocabularyError

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


def test_evidence__printed_has_no_noise_of_its_own(home):
    table = store.evidence("TJK", "money_transfers", counterpart="RUS")
    assert 679.7 in table["printed"].to_list()
    assert max(len(str(x)) for x in table["printed"].drop_nulls()) < 12


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


@pytest.mark.parametrize(
    ("printed", "unit", "factor"),
    [(None, "persons", 1), ("thousand", "persons", 1e3), ("million KZT", "local currency", 1e6), ("EUR", "USD", None)],
)
def test_scale__is_undone_where_it_can_be(printed, unit, factor):
    assert store.scale(printed, unit) == factor


# ---------------------------------------------------------------- sources


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
    assert table["released"].max() <= date(2018, 5, 3)
    assert not table.filter(pl.col("edition").str.contains("202")).height
    taldau = table.row(by_predicate=pl.col("key") == "bns-taldau", named=True)
    assert (taldau["released"], taldau["known_basis"]) == (date(2017, 6, 30), "publication lag")
    wpp = table.row(by_predicate=pl.col("key") == "un-wpp-2017", named=True)
    assert (wpp["released"], wpp["known_basis"]) == (date(2017, 6, 21), "release")
    known = snapshot.scan().filter(pl.col("known") <= date(2018, 5, 3)).select(pl.len()).collect().item()
    assert table["rows"].sum() == known
