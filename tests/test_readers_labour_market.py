from datetime import date

import pytest

from keruen.contract import faults
from keruen.errors import UnreadableSource
from keruen.readers import labour_market

HEAD = "country,year,measure,value,unit,definition,source_title,source_year,source_url,note\n"
WAGES = (
    'KAZ,2012,w,100000,KZT per month,average,"BNS Kazakhstan, average wage",2026,u,\n'
    'KAZ,2012,w,670,USD per month,our division,"BNS Kazakhstan, average wage",2026,u,computed\n'
    'RUS,1995,w,470,RUB per month (after 1998 denomination),average,"Rosstat, wage",2026,u,1991-1997 divided\n'
    'RUS,2010,w,20000,RUB per month (after 1998 denomination),average,"Rosstat, wage",2026,u,1991-1997 divided\n'
    "KGZ,2018,w,220,USD per month,January-June 2018 (KGZ January-May),EEC via etoday.kz,2018,u,half-year\n"
    "KAZ,2023,w,350000,local currency per month,January-June 2023,EEC via gs.by,2023,u,half-year\n"
    "AZE,2017,w,290,USD per month,\"2017, converted at end-2017 rates by the page author\","
    "forum compilation of national offices,2017,u,weak source\n"
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wages_usd.csv").write_text(HEAD + WAGES)
    (tmp_path / "wages_ilostat_ppp.csv.gz").write_text(
        "iso3,year,measure,value,unit,source,obs_status\nIND,2018,average_monthly_earnings_other,335,x,LFS,Unreliable\n"
        "IND,2018,average_monthly_earnings_female,300,x,LFS,\n"
    )
    (tmp_path / "construction_output_kaz.csv").write_text(
        "country,year,measure,value,unit\nKAZ,2016,construction_works_volume,3258031007000,KZT (current prices)\n"
    )
    return tmp_path


def test_claims__keep_the_contract(folder):
    assert [faults(made, dated=False) for made in labour_market.claims(folder)] == [[]] * 4


def test_office_wages__dollars_are_ours_and_known_with_the_rate(folder):
    office = next(labour_market.claims(folder))
    tenge, dollars, old, new = office.iter_rows(named=True)
    assert (tenge["measure"], tenge["printed_unit"], tenge["known"]) == (
        "average_monthly_wage_local", "KZT per month", None,
    )  # fmt: skip
    assert (dollars["measure"], dollars["known"]) == ("average_monthly_wage", date(2013, 12, 31))
    assert "PA.NUS.FCRF" in dollars["convention"]
    assert "1998" in old["flag"]
    assert new["flag"] is None


def test_page_wages__true_ends_and_days_of_pages(folder):
    _, pages, _, _ = labour_market.claims(folder)
    kgz, kaz, aze = pages.iter_rows(named=True)
    assert (kgz["start"], kgz["end"], kgz["known_basis"]) == (date(2018, 1, 1), date(2018, 6, 1), "page year")
    assert (kaz["printed_unit"], kaz["known"], kaz["known_basis"]) == ("KZT per month", date(2023, 9, 5), "page")
    assert (aze["flag"], aze["status"]) == ("weak source", "press")


def test_earnings__sex_and_flag(folder):
    _, _, earnings, works = labour_market.claims(folder)
    assert earnings.select("sex", "group", "flag").rows() == [
        ("all", "sex=other", "Unreliable"),
        ("female", "all", None),
    ]
    assert works.select("value", "printed_unit").rows() == [(3258031007000.0, "KZT")]


def test_claims__a_moved_header_or_an_unknown_page_is_refused(folder):
    (folder / "wages_usd.csv").write_text(HEAD.replace("source_title", "title") + WAGES)
    with pytest.raises(UnreadableSource, match="source_title"):
        list(labour_market.claims(folder))
    (folder / "wages_usd.csv").write_text(HEAD + WAGES.replace("EEC via gs.by", "EEC via a new page"))
    with pytest.raises(UnreadableSource, match="a new page"):
        list(labour_market.claims(folder))
