"""From a number back to its rows."""

import time

import polars as pl
import pytest

from keruen.errors import NoEvidence, VocabularyError
from keruen.provenance import cite
from keruen.store import evidence
from keruen.trace import trace


def test_trace__one_id_leads_to_its_row_and_its_citation(home):
    row = evidence("KAZ", "net_migration", release="un-wpp-2015", sex="all", since="2011", until="2014")
    told = trace(row["id"].item())
    assert told["value"].item() == 159_807
    assert told["cite"].item() == cite("un-wpp-2015")
    assert told.columns == [*row.columns, "cite"]


def test_trace__follows_what_a_row_was_derived_from(home):
    parts = evidence("KAZ", "net_migration", release="un-wpp-2022", sex="all", since="2011", until="2013-12-31")
    parts = parts.filter(pl.col("level").is_null())
    ours = pl.DataFrame(
        {"id": ["un-wpp-2022:ffffffffffffffff"], "derived_from": [" ".join(parts["id"])], "place": ["KAZ"]}
    )
    assert set(trace(ours)["id"]) == set(parts["id"])


def test_trace__a_frame_of_evidence_is_itself(one):
    table = evidence("KAZ", "net_migration", sex="all")
    found = trace(table)
    assert set(table["id"]) <= set(found["id"])
    assert found.filter(pl.col("id") == one)["cite"].item() == "Invented book (2018-05)."


@pytest.mark.parametrize("key", ["un-wpp-2015:0123456789abcdef", "nonsense", "own-x:0123456789abcdef"])
def test_trace__an_id_that_leads_nowhere_is_an_error(home, key):
    with pytest.raises(NoEvidence, match="No row has the id"):
        trace(key)


def test_trace__a_frame_without_ids_is_refused(home):
    with pytest.raises(VocabularyError, match="id or derived_from"):
        trace(pl.DataFrame({"place": ["KAZ"]}))


def test_trace__a_bare_id_is_found_within_its_time(home):
    asked = evidence("KAZ", "stock", counterpart="RUS", release="un-ims-2020", sex="all", since=2020, until=2020)
    trace(asked["id"].item())
    took = []
    for _ in range(3):
        begun = time.process_time()
        assert trace(asked["id"].item())["value"].item() == 2_476_018
        took.append(time.process_time() - begun)
    assert min(took) < 0.2
