"""One SELECT, and nothing else."""

import hashlib
import time
from importlib import import_module

import polars as pl
import pytest

from keruen import folders, snapshot
from keruen.errors import ConceptError
from keruen.sql import sql

room = import_module("keruen.sql")  # `keruen.sql` is the function


def test_sql__sees_the_four_views(one):
    asked = sql("SELECT count(*) AS n FROM claims WHERE place = 'KAZ' AND measure = 'net_migration'")
    packaged = snapshot.scan(["net_migration"]).filter(pl.col("place") == "KAZ", pl.col("measure") == "net_migration")
    assert asked["n"].item() == packaged.select(pl.len()).collect().item()
    assert sql("SELECT id FROM own")["id"].to_list() == [one]
    assert sql("SELECT name FROM places WHERE code = 'KAZ'").item() == "Kazakhstan"
    assert sql("WITH x AS (SELECT key FROM releases) SELECT count(*) FROM x").item() > 8
    assert sql("SELECT place FROM claims LIMIT 0").columns == ["place"]


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
        sql(query.format(parquet=parquet, folder=tmp_path))
    assert hashlib.blake2b(parquet.read_bytes()).hexdigest() == before
    assert list(tmp_path.iterdir()) == []


def test_sql__leaves_the_snapshot_byte_for_byte(home):
    before = digests()
    for topic in snapshot.manifest()["topics"]:
        with pytest.raises(ConceptError):
            sql(f"COPY (SELECT 1) TO '{folders.snapshot() / topic}.parquet' (FORMAT parquet)")
    assert digests() == before


def test_sql__a_runaway_query_is_stopped(home):
    begun = time.perf_counter()
    with pytest.raises(ConceptError, match="longer than 1 seconds"):
        sql("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", seconds=1)
    assert time.perf_counter() - begun < 10


def test_sql__too_many_rows_are_refused(home, monkeypatch):
    monkeypatch.setattr(room, "ROWS", 100_000)
    with pytest.raises(ConceptError, match="100,000 rows"):
        sql("SELECT * FROM range(1000000)")


def test_sql__memory_has_a_limit(home, monkeypatch):
    monkeypatch.setattr(room, "MEMORY", "50MB")
    with pytest.raises(ConceptError, match="memory"):
        sql("SELECT count(DISTINCT range::VARCHAR || 'xxxxxxxxxxxxxxxxxxxxxxxxx') FROM range(20000000)")
