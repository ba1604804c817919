import gzip
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from keruen.contract import checked
from keruen.errors import UnreadableSource
from keruen.readers import unhcr

HEADER = "origin,destination,year,measure,value\n"


def put(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tables in the publisher's shape; the figures are invented."""
    put(tmp_path, "unhcr_population",
        HEADER + "AFG,KAZ,2024,unhcr_stock_refugees,500\nXXA,KAZ,2024,unhcr_stock_stateless,8\n"
        "UNK,UNK,1960,unhcr_stock_refugees,5\n"
        "SDN,SDN,2024,unhcr_stock_idps,70\nTIB,NPL,2025,unhcr_stock_ooc,9\n")  # fmt: skip
    put(tmp_path, "unhcr_flows", HEADER + "AFG,KAZ,2024,unhcr_new_displacement_asylum_seekers,40\n"
        "UKN,KAZ,2025,unhcr_new_displacement_oip,6\n")  # fmt: skip
    return tmp_path


def read(folder: Path) -> pl.DataFrame:
    return pl.concat([checked(piece, "unhcr", dated=False) for piece in unhcr.claims(folder)])


def test_stocks__stand_on_the_last_day_of_the_year(folder: Path):
    row = read(folder).filter(measure="refugees", place="KAZ").row(0, named=True)
    assert (row["counterpart"], row["value"], row["basis"], row["stream"]) == ("AFG", 500.0, "origin", "forced")
    assert row["start"] == row["end"] == date(2024, 12, 31)
    assert (row["status"], row["definition"], row["flag"]) == ("administrative", "unhcr_stock", None)


def test_flows__span_the_calendar_year(folder: Path):
    row = read(folder).filter(measure="new_asylum_seekers").row(0, named=True)
    assert (row["start"], row["end"], row["value"]) == (date(2024, 1, 1), date(2025, 1, 1), 40.0)
    assert row["definition"] == "unhcr_flow"


def test_claims__the_newest_year_is_provisional(folder: Path):
    told = read(folder)
    newest = told.filter(pl.col("start").dt.year() == 2025)
    assert newest["flag"].to_list() == ["provisional", "provisional"]
    assert told.filter(pl.col("start").dt.year() < 2025)["flag"].null_count() == 5


def test_claims__pseudo_places_are_named(folder: Path):
    told = read(folder)
    assert told.filter(measure="stateless")["counterpart"].item() == "_STATELESS"
    assert told.filter(pl.col("start").dt.year() == 1960).select("place", "counterpart").row(0) == (
        "_UNKNOWN",
        "_UNKNOWN",
    )
    assert told.filter(measure="others_of_concern")["counterpart"].item() == "_TIBET"
    assert told.filter(measure="new_other_protection")["counterpart"].item() == "_UNKNOWN"
    assert told.filter(measure="internally_displaced").select("place", "counterpart").row(0) == ("SDN", "SDN")


def test_claims__a_moved_header_is_refused_by_name(folder: Path):
    put(folder, "unhcr_flows", "origin,asylum,year,measure,value\nAFG,KAZ,2024,unhcr_new_displacement_oip,5\n")
    with pytest.raises(UnreadableSource, match="destination"):
        read(folder)


def test_claims__an_unknown_category_is_refused_by_name(folder: Path):
    put(folder, "unhcr_population", HEADER + "AFG,KAZ,2024,unhcr_stock_tourists,5\n")
    with pytest.raises(UnreadableSource, match="unhcr_stock_tourists"):
        read(folder)
