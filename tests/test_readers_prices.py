from datetime import date

import pytest

from keruen.contract import faults
from keruen.errors import UnreadableSource
from keruen.readers import prices


def test_oil__years_and_months(tmp_path):
    (tmp_path / "oil_prices.csv").write_text(
        "year,date,frequency,measure,value,unit\n2014,2014-06-30,annual,oil_price_brent,99,x\n"
        "2020,2020-04-15,monthly,oil_price_wti,-1.5,x\n"
    )
    made = prices.oil(tmp_path)
    assert faults(made, dated=False) == []
    assert made.select("place", "start", "end", "value").rows() == [
        ("_WORLD", date(2014, 1, 1), date(2015, 1, 1), 99.0), ("_WORLD", date(2020, 4, 1), date(2020, 5, 1), -1.5),
    ]  # fmt: skip


def test_exchange_rates__year_average(tmp_path):
    (tmp_path / "exchange_rates.csv.gz").write_text("iso3,year,value\nNAM,1994,3.5\n")
    made = prices.exchange_rates(tmp_path)
    assert faults(made, dated=False) == []
    assert made.select("place", "start", "value").rows() == [("NAM", date(1994, 1, 1), 3.5)]


def test_conflict_deaths__filled_zeros_are_no_claims(tmp_path):
    (tmp_path / "ucdp_conflict_deaths.csv.gz").write_text("iso3,year,value\nAFG,1990,1514\nABW,1990,0\n")
    assert prices.conflict_deaths(tmp_path)["place"].to_list() == ["AFG"]


def test_oil__a_moved_header_is_named(tmp_path):
    (tmp_path / "oil_prices.csv").write_text("year,day,frequency,measure,value,unit\n2014,2014-06-30,annual,x,99,x\n")
    with pytest.raises(UnreadableSource, match="date"):
        prices.oil(tmp_path)
