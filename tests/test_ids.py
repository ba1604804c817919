"""Ids of many claims, and the index from an id to where its row lies."""

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen import ids as fast
from keruen import snapshot
from keruen.contract import claims, ids

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
    assert fast.ids(table).to_list() == ids(table).to_list()


def test_ids__of_the_snapshot_are_those_of_the_contract():
    table = snapshot.scan().filter(pl.col("place") == "KGZ").collect()
    assert fast.ids(table).to_list() == ids(table).to_list()


# ---------------------------------------------------------------- the index


def test_index__leads_to_every_claim(tmp_path, monkeypatch):
    monkeypatch.setattr(fast, "BLOCK", 7)
    table = snapshot.scan(["labour"]).head(40).collect()
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    table[:25].write_parquet(paths[0])
    table[25:].write_parquet(paths[1])
    fast.index(paths).write_parquet(tmp_path / "index.parquet", row_group_size=1000)
    lie = [at // 7 for at in range(25)] + [4 + at // 7 for at in range(15)]  # 25 rows fill four blocks
    for key, block in zip(fast.ids(table), lie, strict=True):
        assert block in fast.blocks(tmp_path / "index.parquet", [key])
    assert fast.blocks(tmp_path / "index.parquet", fast.ids(table)) == sorted(set(lie))
    assert fast.blocks(tmp_path / "index.parquet", ["nonsense", "x:0123", "x:0123456789ABCDEF"]) == []


def test_index__of_the_snapshot_finds_claims_of_all_topics():
    for topic in snapshot.manifest()["topics"]:
        rows = snapshot.scan([topic])
        count = rows.select(pl.len()).collect().item()
        for at in (0, count // 2, count - 1):
            (key,) = fast.ids(rows.slice(at, 1).collect())
            pieces = snapshot.near([key])
            assert len(pieces) < 20
            assert any(key in fast.ids(piece.collect()) for piece in pieces)
