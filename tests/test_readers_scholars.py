import pytest

from keruen.contract import faults
from keruen.errors import UnreadableSource
from keruen.readers import scholars


def test_claims__to_the_destination_and_late_years_noted(tmp_path):
    (tmp_path / "scholar_flows_openalex.csv.gz").write_text(
        "origin,destination,year,value\nNAM,DEU,2010,3\nDEU,NAM,2023,1\n"
    )
    (made,) = scholars.claims(tmp_path)
    assert faults(made, dated=False) == []
    assert made.select("place", "counterpart", "value", "note").rows() == [
        ("DEU", "NAM", 3.0, None), ("NAM", "DEU", 1.0, "incomplete year"),
    ]  # fmt: skip
    assert made["stream"].unique().to_list() == ["skilled"]


def test_claims__a_moved_header_is_named(tmp_path):
    (tmp_path / "scholar_flows_openalex.csv.gz").write_text("from,destination,year,value\nNAM,DEU,2010,3\n")
    with pytest.raises(UnreadableSource, match="origin"):
        list(scholars.claims(tmp_path))
