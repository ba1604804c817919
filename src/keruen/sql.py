"""SQL over the store: one SELECT, no file, no network, within limits."""

from __future__ import annotations

import threading
from typing import Any

import polars as pl

from keruen import folders, own, snapshot
from keruen.contract import SCHEMA
from keruen.errors import ConceptError, need
from keruen.places import places
from keruen.store import sources

MEMORY = "1GB"
SECONDS = 30.0
ROWS = 2_000_000


def sql(query: str, *, seconds: float = SECONDS) -> pl.DataFrame:
    """Ask the store in SQL: exactly one ``SELECT`` over the views ``claims``, ``own``, ``releases`` and ``places``.

    The query runs in a DuckDB that can reach no file and no network, within limits of memory, time and rows; tables
    are handed in from outside. It sees rows as they are stored: an as-of day is a condition on ``known``, and rows
    withdrawn by others stand there too.

    Parameters
    ----------
    query
        The statement.
    seconds
        How long it may run.

    Raises
    ------
    ConceptError
        If it is not one ``SELECT``, cannot be understood, or needs too much.
    MissingExtra
        If DuckDB is not installed.
    """
    duckdb = need("duckdb", "sql")
    dataset = need("pyarrow.dataset", "sql").dataset
    db = duckdb.connect(":memory:")
    try:
        for setting in (
            "SET python_enable_replacements = false", "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false", "SET temp_directory = ''", f"SET memory_limit = '{MEMORY}'",
        ):  # fmt: skip
            db.execute(setting)
        _only_select(duckdb, db, query)
        # Handed in as Arrow: DuckDB itself is allowed no file at all, for what it may read it may also overwrite.
        paths = [str(folders.snapshot() / f"{t}.parquet") for t in snapshot.manifest()["topics"]]
        db.register("claims", dataset(paths) if paths else pl.DataFrame(schema=SCHEMA).to_arrow())
        db.register("own", own.claims().to_arrow())
        db.register("releases", sources().to_arrow())
        db.register("places", _place_table().to_arrow())
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        return _within(duckdb, db, query, seconds)
    finally:
        db.close()


def _only_select(duckdb: Any, db: Any, query: str) -> None:
    try:
        statements = db.extract_statements(query)
    except duckdb.Error as error:
        raise ConceptError(f"The query cannot be understood: {error}") from error
    kinds = [s.type.name for s in statements]
    if kinds != ["SELECT"]:
        raise ConceptError(
            f"sql() runs exactly one SELECT; this is {' and '.join(kinds) or 'nothing'}. Add figures with keruen add; "
            "write files with --format and --out."
        )


def _within(duckdb: Any, db: Any, query: str, seconds: float) -> pl.DataFrame:
    timer = threading.Timer(seconds, db.interrupt)
    timer.start()
    pieces: list[Any] = []
    rows = 0
    try:
        reading = db.sql(query).to_arrow_reader(100_000)
        pieces.append(pl.from_arrow(reading.schema.empty_table()))
        for batch in reading:
            pieces.append(pl.from_arrow(batch))
            rows += batch.num_rows
            if rows > ROWS:
                raise ConceptError(f"The answer has more than {ROWS:,} rows. Group, filter or LIMIT them.")
    except duckdb.InterruptException as error:
        raise ConceptError(
            f"The query ran longer than {seconds:g} seconds and was stopped. Ask for less, or set seconds=."
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise ConceptError(f"The query needs more than {MEMORY} of memory and was stopped. Ask for less.") from error
    except duckdb.Error as error:
        raise ConceptError(f"The query was refused: {error}") from error
    finally:
        timer.cancel()
    answer: pl.DataFrame = pl.concat(pieces)
    return answer


def _place_table() -> pl.DataFrame:
    rows = [
        {"code": p.code, "kind": p.kind, "name": p.name, "iso2": p.iso2, "m49": p.m49, "region": p.region,
         "subregion": p.subregion, "income": p.income, "since": p.since, "until": p.until}
        for p in places().values()
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)
