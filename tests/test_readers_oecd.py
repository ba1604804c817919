from datetime import date

import pytest

from keruen.contract import faults
from keruen.errors import UnreadableSource
from keruen.readers import oecd


def test_claims__foreigners_are_a_part_of_immigration(tmp_path):
    (tmp_path / "oecd_imd_inflows_total.csv").write_text("iso3,year,value\nISL,2020,7711.0\n")
    (made,) = oecd.claims(tmp_path)
    assert faults(made, dated=False) == []
    row = made.row(0, named=True)
    assert (row["measure"], row["group"], row["counterpart"]) == ("immigration", "citizenship=foreign", None)
    assert (row["start"], row["end"]) == (date(2020, 1, 1), date(2021, 1, 1))


def test_claims__a_moved_header_is_named(tmp_path):
    (tmp_path / "oecd_imd_inflows_total.csv").write_text("REF_AREA,year,value\nISL,2020,7711.0\n")
    with pytest.raises(UnreadableSource, match="iso3"):
        list(oecd.claims(tmp_path))
