import polars as pl
import pytest

from keruen.contract import faults
from keruen.errors import UnreadableSource
from keruen.readers import eurostat

PAIRS = (
    "origin,destination,year,sex,emigration_reported_by_origin,immigration_reported_by_destination,"
    "undercount_immigration_class,accuracy_immigration_class,undercount_emigration_class,accuracy_emigration_class\n"
    "AUT,BEL,2010,Total,20,37,low,Medium,medium,Low\nAUT,POL,2010,Total,,12,high,,medium,Low\n"
)


def test_by_citizenship__filled_zeros_are_no_claims(tmp_path):
    (tmp_path / "eurostat_imm1ctz.csv.gz").write_text(
        "origin,destination,year,value\nKAZ,DEU,2015,900\nKAZ,DEU,2016,0\nKAZ,SVK,2009,0\nKAZ,SVK,2009,3\nDEU,DEU,2015,80\n"
    )
    made = eurostat.by_citizenship(tmp_path)
    assert faults(made, dated=False) == []
    assert made.select("place", "counterpart", "value").rows() == [
        ("DEU", "KAZ", 900.0), ("DEU", "KAZ", 0.0), ("SVK", "KAZ", 3.0), ("DEU", "DEU", 80.0),
    ]  # fmt: skip
    assert made["basis"].unique().to_list() == ["citizenship"]


def test_double_entry__each_end_reports(tmp_path):
    (tmp_path / "europe_double_entry_flows.csv.gz").write_text(PAIRS)
    made = pl.concat(eurostat.double_entry(tmp_path))
    assert faults(made, dated=False) == []
    assert made.select("measure", "place", "counterpart", "value").rows() == [
        ("emigration", "AUT", "BEL", 20.0), ("immigration", "BEL", "AUT", 37.0), ("immigration", "POL", "AUT", 12.0),
    ]  # fmt: skip


def test_classes__one_row_a_reporter_year_and_side(tmp_path):
    (tmp_path / "europe_double_entry_flows.csv.gz").write_text(PAIRS)
    assert eurostat.classes(tmp_path).drop("release").rows() == [
        ("AUT", 2010, "emigration", "medium", "low"),
        ("BEL", 2010, "immigration", "low", "medium"),
        ("POL", 2010, "immigration", "high", None),
    ]


def test_expert_scores_and_nordic_index__keep_what_is_absent(tmp_path):
    (tmp_path / "undercount_expert_scores.csv").write_text(
        "Country,Undercount_imm_IMEM,Undercount_emi_IMEM,iso3,score,class\nEL,high,high,GRC,,\nBE,low,low,BEL,0,Excellent\n"
    )
    (tmp_path / "undercount_bilateral_index_nordic.csv").write_text(
        "iso3,year,IUC,IC,EUC,EC,reference\nAUT,2002,1.4,1.0,,,NORDIC\n"
    )
    assert eurostat.expert_scores(tmp_path)["class"].to_list() == ["excellent", None]
    row = eurostat.nordic_index(tmp_path).row(0, named=True)
    assert (row["immigration_index"], row["emigration_index"], row["reference"]) == (1.4, None, "nordic")


def test_by_citizenship__a_moved_header_is_named(tmp_path):
    (tmp_path / "eurostat_imm1ctz.csv.gz").write_text("citizen,geo,year,value\nKAZ,DEU,2015,900\n")
    with pytest.raises(UnreadableSource, match="origin, destination"):
        eurostat.by_citizenship(tmp_path)
