"""Tables of one's own to the estimators of hidden populations: CSV, Excel and Parquet are one, faults are told."""

from pathlib import Path

import openpyxl
import polars as pl
import pytest

from keruen.errors import FaultyTable, UnreadableSource
from keruen.hidden_tables import read

CELLS = [["times", "people", "region"], [1, 120, "north"], [2, 30, "south"], [3, 4.5, "south"]]


def workbook(path: Path, *rows: list, merge: str | None = None) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if merge:
        book.active.merge_cells(merge)
    book.save(path)
    return path


def test_read__csv_excel_and_parquet_are_one(tmp_path):
    (tmp_path / "a.csv").write_text("# told\nTimes;people;region\n1;120;north\n2;30;south\n3;4.5;south\n", "utf-8")
    pl.DataFrame(CELLS[1:], CELLS[0], orient="row").with_columns(pl.col("times").cast(pl.Int64)).write_parquet(
        tmp_path / "a.parquet"
    )
    workbook(tmp_path / "a.xlsx", ["# told"], *[[None, *row] for row in CELLS])
    told = {"times": ["1", "2", "3"], "people": ["120", "30", "4.5"], "region": ["north", "south", "south"]}
    assert read(tmp_path / "a.csv") == read(tmp_path / "a.xlsx") == told
    parquet = read(tmp_path / "a.parquet")
    assert parquet | {"people": [f"{float(p):g}" for p in parquet["people"]]} == told


def test_read__what_excel_hides_is_told(tmp_path):
    path = workbook(tmp_path / "a.xlsx", *CELLS, [4, "=1+1", "north"], merge="A7:B7")
    with pytest.raises(FaultyTable) as error:
        read(path)
    assert error.value.faults == [
        "cells A7:B7 are merged. Unmerge them.",
        "row 5, =1+1 has no stored result. Save the workbook in Excel, or paste values.",
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_read__comments_alone_are_no_table(tmp_path, name):
    path = tmp_path / name
    if name == "a.csv":
        path.write_text("# only\n", "utf-8")
    else:
        workbook(path, ["# only"])
    with pytest.raises(UnreadableSource, match="has no header"):
        read(path)
