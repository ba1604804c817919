"""Pages: days, keys, meanings, groups, bounds. The figures are invented."""

from datetime import date

import polars as pl
import pytest

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers import press
from keruen.vocabulary import measures, words

FACTS = (
    "country,counterpart,measure,stream,period_start,period_end,value_low,value,value_high,unit,definition,"
    "source_title,source_year,source_url"
)
OTHERS = (
    "country,counterpart,period_start,period_end,measure,value,unit,definition,source_title,source_year,source_url,note"
)
YEAR = "2016-01-01,2016-12-31"
PAGE = "Paper: a story,2017,https://www.paper.kz/2017/03/04/story"
OLD = "Sheet,2018,https://sheet.kz/a"


def read(tmp_path, facts=(), returns=(), permits=(), head=FACTS):
    (tmp_path / "facts.csv").write_text("\n".join([head, *facts]) + "\n", "utf-8")
    (tmp_path / "ethnic_return_annual.csv").write_text("\n".join([OTHERS, *returns]) + "\n", "utf-8")
    (tmp_path / "labour_permits_annual.csv").write_text("\n".join([OTHERS, *permits]) + "\n", "utf-8")
    told = press.figures(tmp_path)
    assert contract.faults(told) == []
    return told


def only(told):
    (cell,) = told.rows(named=True)
    return cell


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://lenta.ru/news/2006/08/29/perevod/amp", date(2006, 8, 29)),
        ("https://media.kz/en/2025-10-07/story", date(2025, 10, 7)),
        ("https://sputnik.kg/amp/20230317/story-1073641363.html", date(2023, 3, 17)),
        ("https://paper.ru/politics/19/10/2017/59e8?from=x", date(2017, 10, 19)),
        ("https://paper.com/russia/10/09/2020/story/", date(2020, 10, 9)),  # of two readings the later
        ("https://astanatimes.com/2021/04/more-than-14-thousand", None),
        ("https://web.archive.org/20191104142544oe_/https://paper.org/54e1", None),  # the day of a crawl is none
        ("https://kt.kz/eng/society/story_1377937843.html", None),
        ("https://paper.kz/2017/13/45/story", None),
        ("https://paper.kz/2031/01/01/story", None),  # nobody read a page of the future
    ],
)
def test_day_in__full_dates_alone(url, day):
    assert press.day_in(url) == day


def test_page__by_year_and_undated():
    assert press.page("https://paper.kz/a", 2015)[1:] == (date(2015, 12, 31), "page year")
    assert press.page("https://paper.kz/a", 2026)[1:] == (press.READ, "page year")
    key, known, _ = press.page("https://paper.kz/a", None)
    assert key.startswith("page-paper-kz-undated-")
    assert known == press.READ


def test_page__one_key_an_address():
    assert press.page("http://paper.kz/a/", 2015) == press.page("https://www.paper.kz/a", 2015)
    assert press.page("https://paper.kz/b", 2015) != press.page("https://www.paper.kz/a", 2015)
    assert "." not in press.page("https://www.paper.co.kz/a", 2015)[0]


def test_pages__one_card_a_page(tmp_path):
    fact = f"KAZ,UZB,arrivals,total,{YEAR},,5,,persons,text,{PAGE}"
    read(
        tmp_path,
        [fact],
        permits=[f"KAZ,_TOTAL,{YEAR},household_permits_issued,7,persons,,Paper,2017,http://paper.kz/2017/03/04/story,"],
    )
    head = "country,counterpart,year,measure,value,unit,definition,source_title,source_year,source_url,note"
    (tmp_path / "registered_migration_annual.csv.gz").write_text(
        f"{head}\nKAZ,_TOTAL,2001,arrivals,7,persons,,CIS Stat (x),2026,https://cis.org,\n"
        f"KAZ,_TOTAL,2001,arrivals,7,persons,,Sheet,2026,https://sheet.kz/new,\n",
        "utf-8",
    )
    (tmp_path / "transfers_by_corridor.csv.gz").write_text(
        "source_title,source_year,source_url\nSheet: transfers,2016,https://sheet.kz/b\n", "utf-8"
    )
    cards = press.pages(tmp_path)
    assert len(cards) == 3  # a series of a publisher has a card of its own
    titles = ("Paper: a story", "Sheet", "Sheet: transfers")
    story, new, old = (next(c for c in cards.values() if c["title"] == title) for title in titles)
    assert (story["released"], story["publisher"], story["licence"]) == ("2017-03-04", "paper.kz", "single-fact")
    assert new["released"] == press.READ.isoformat()
    assert (old["released"], old["zeros"], old["url"]) == ("2016", "dropped", "https://sheet.kz/b")


def test_pages__one_address_told_with_two_years_is_of_the_later(tmp_path):
    quota = "labour-registered,2018-01-01,2018-12-31,,{},,permits,quota,Paper"
    told = read(
        tmp_path,
        [
            f"KAZ,_TOTAL,foreign_labour_quota,{quota.format(5)},2017,http://paper.kz/quota",
            f"KAZ,_TOTAL,foreign_labour_quota,{quota.format(6)},2018,https://www.paper.kz/quota/",
        ],
    )
    assert told["release"].n_unique() == 1
    assert told["known"].unique().to_list() == [date(2018, 12, 31)]


def test_pages__without_an_address_keep_their_title(tmp_path):
    told = read(
        tmp_path, [f'KAZ,UZB,arrivals,total,{YEAR},,5,,persons,,Paper,2017,"(stored page without address: ""x"")"']
    )
    assert only(told)["release"].startswith("page-no-address-2017-")


# ---------------------------------------------------------------- figures


def test_meanings__are_of_the_vocabulary():
    told = [(stream, *row) for stream, rows in press.MEANING.items() for row in rows]
    assert {row[0] for row in told} <= set(words("stream"))
    assert {row[3] for row in told} <= set(measures())
    assert len({row[1:3] for row in told}) == len(told)


def test_amnesty__by_sector_and_region(tmp_path):
    campaign = "labour-undocumented,2006-08-01,2006-11-01"
    told = read(
        tmp_path,
        [
            f"KAZ,_CIS,regularised_in_amnesty,{campaign},,900,,persons,final count,{PAGE}",
            f"KAZ,_CIS,registered_in_amnesty_by_sector,{campaign},,30,,persons,sector: construction (interim),{PAGE}",
            f"KAZ,_CIS,registered_in_amnesty_by_region,{campaign},,20,,persons,region: Almaty city (interim),{PAGE}",
        ],
    )
    assert told["measure"].to_list() == ["regularised", "regularised_interim", "regularised_interim"]
    assert told["stream"].unique().to_list() == ["labour_unregistered"]
    assert told["group"].to_list() == ["all", "sector=construction", "region=Almaty city"]
    assert told["counterpart"].to_list() == ["_CIS"] * 3
    assert told["end"].unique().to_list() == [date(2006, 11, 2)]


def test_registered__an_unofficial_estimate_is_no_bound_of_it(tmp_path):
    fact = f"RUS,KGZ,labour_migrants_registered,labour-registered,{YEAR}"
    both = "officially registered; unofficial estimates over one million"
    permit = f"RUS,KGZ,{YEAR},labour_migrants_registered,350,persons,{both},{PAGE},"
    told = read(
        tmp_path,
        [f"{fact},,350,1000,persons,{both},{PAGE}", f"{fact},340,350,360,persons,counted,{PAGE}"],
        permits=[permit],
    )
    assert told.select("stream", "definition", "value", "low", "high").unique().sort("low", "high").rows() == [
        ("labour_registered", "worker_registered", 350, None, None),
        ("labour_registered", "worker_registered", 350, 340, 360),
        ("labour", "worker_est", None, 1000, None),
    ]


def test_bounds__low_alone_at_least_and_range(tmp_path):
    stock = "labour_migrants_stock_estimate,total,2009-01-01,2009-07-15"
    told = read(
        tmp_path,
        [
            f"KAZ,_TOTAL,{stock},300,,900,persons,range,{PAGE}",
            f"KAZ,_TOTAL,{stock},300,300,,persons,more than,{PAGE}",
            f"KAZ,_TOTAL,{stock},300,,,persons,over,{PAGE}",
            f"KAZ,_TOTAL,{stock},,,900,persons,up to,{PAGE}",
        ],
        permits=[
            f"KAZ,_TOTAL,2015-07-24,2015-07-24,foreign_workers_with_permits_stock,38,persons,over,{PAGE},lower bound"
        ],
    )
    assert told.select("value", "low", "high").rows() == [
        (None, 300, 900), (300, 300, None), (None, 300, None), (None, None, 900), (38, 38, None),
    ]  # fmt: skip
    assert told["stream"].to_list() == ["labour"] * 4 + ["labour_registered"]
    span, day = told.row(0, named=True), told.row(4, named=True)
    assert (span["start"], span["end"]) == (date(2009, 1, 1), date(2009, 7, 16))  # a stock told for a span keeps it
    assert day["start"] == day["end"] == date(2015, 7, 24)


def test_money__receiver_sender_and_the_world(tmp_path):
    told = read(
        tmp_path,
        [
            f"TJK,RUS,money_transfers,remittance,{YEAR},,679.7,,million USD,Central Bank of Russia; systems,{PAGE}",
            f"_WORLD,RUS,money_transfers,remittance,{YEAR},,7,,million USD,,{PAGE}",
            f"UZB,_WORLD,money_transfers,remittance,{YEAR},,8,,million USD,Central Bank of Uzbekistan,{PAGE}",
        ],
    )
    assert told.select("measure", "place", "counterpart", "basis", "value", "printed_unit", "definition").rows() == [
        ("money_transfers", "TJK", "RUS", "sending", 679700000.0, "million USD", "transfers_cbr"),
        ("money_transfers_sent", "RUS", None, None, 7e6, "million USD", "transfers_reported"),
        ("money_transfers", "UZB", None, None, 8e6, "million USD", "transfers_cbu"),
    ]


def test_groups__ethnicity_speciality_education(tmp_path):
    told = read(
        tmp_path,
        [
            f'KAZ,_WORLD,departures_by_ethnicity,emigration,{YEAR},,5,,persons,"emigrants, ethnicity: Germans",{PAGE}',
            f'KAZ,_WORLD,departures_by_speciality,skilled,{YEAR},,5,,persons,"emigrants, speciality: technical",{PAGE}',
            f"KAZ,_WORLD,departures_higher_education,skilled,{YEAR},,5,,persons,emigrants 15+,{PAGE}",
            f"KAZ,_WORLD,ethnic_Russian_departures,emigration,{YEAR},,5,,persons,,{PAGE}",
        ],
    )
    assert told["group"].to_list() == [
        "ethnicity=German",
        "speciality=technical",
        "education=higher",
        "ethnicity=Russian",
    ]
    assert told["stream"].to_list() == ["all", "skilled", "skilled", "all"]
    assert told["age"].to_list() == ["all", "all", "15+", "all"]
    assert told["counterpart"].to_list() == [None] * 4


def test_place__of_origin_reports_its_workers_abroad(tmp_path):
    cell = only(read(tmp_path, [f"KAZ,UZB,labour_migrants_stock_official_origin,total,{YEAR},,5,,persons,,{PAGE}"]))
    assert (cell["measure"], cell["place"], cell["counterpart"]) == ("labour_migrants_abroad", "UZB", "KAZ")


def test_definitions__follow_the_country(tmp_path):
    told = read(
        tmp_path,
        [f"{place},_WORLD,arrivals,total,{YEAR},,5,,persons,,{PAGE}" for place in ("KAZ", "RUS")],
        permits=[
            f"{place},_TOTAL,2013-12-31,2013-12-31,foreign_workers_stock,5,persons,,{PAGE}," for place in ("KAZ", "TJK")
        ],
    )
    assert told["definition"].to_list() == ["reg_permanent", "reg_russia_9m", "permit_quota", "worker_registered"]
    assert told["measure"].to_list()[2:] == ["work_permit_holders", "labour_migrants"]


def test_same_page__says_the_same_claim(tmp_path):
    told = read(
        tmp_path,
        [f"KAZ,_TOTAL,ethnic_return_arrivals,ethnic-return,{YEAR},,33,,persons,status received,{OLD}"],
        returns=[f"KAZ,_TOTAL,{YEAR},ethnic_return_arrivals,33,persons,status,{OLD},copied from ../b/facts.csv"],
    )
    assert contract.ids(told).n_unique() == 1
    assert told["note"].to_list() == ["status received", "status"]


def test_note__names_no_other_table(tmp_path):
    cell = only(
        read(tmp_path, returns=[f"KAZ,_TOTAL,{YEAR},ethnic_return_arrivals,3,persons,text,{OLD},same value in ../b"])
    )
    assert cell["note"] == "text; same value in another page"


def test_computed__says_how(tmp_path):
    cell = only(
        read(
            tmp_path,
            returns=[f"KAZ,_TOTAL,{YEAR},ethnic_return_quota_families,10,families,implied,{OLD},derived by us"],
        )
    )
    assert cell["convention"] == "quota of the next year less its rise"


def test_known__never_before_the_period(tmp_path):
    ahead = "2019-01-01,2019-12-31"
    quota = only(read(tmp_path, [f"KAZ,_TOTAL,foreign_labour_quota,labour-registered,{ahead},,5,,permits,,{PAGE}"]))
    assert quota["known"] == quota["start"] == date(2019, 1, 1)  # a ceiling told ahead
    with pytest.raises(UnreadableSource, match="before their period"):
        read(tmp_path, [f"KAZ,_WORLD,arrivals,total,{ahead},,5,,persons,,{PAGE}"])


def test_events_and_undated__are_no_claims(tmp_path):
    told = read(
        tmp_path,
        [
            f"KAZ,_TOTAL,household_permit_regime,labour-registered,2014-01-01,,,,,event,law,{OLD}",
            "UZB,RUS,money_transfers,remittance,,,,46,,million USD,last year,Paper,,https://paper.uz/a",
        ],
    )
    assert len(told) == 0
    assert press.events(tmp_path)["definition"].to_list() == ["law"]
    ((name, undated),) = press.covariates(tmp_path)
    assert name == "undated_facts"
    assert undated.select("place", "counterpart", "value", "unit").rows() == [("UZB", "RUS", 46.0, "million USD")]


def test_meaning__unknown_is_refused(tmp_path):
    for fact in (
        f"KAZ,_WORLD,arrivals,total,{YEAR},,5,,thousand,,{PAGE}",
        f"KAZ,_WORLD,arrivals,ethnic-return,{YEAR},,5,,persons,,{PAGE}",
        f"KAZ,_WORLD,tourists,total,{YEAR},,5,,persons,,{PAGE}",
    ):
        with pytest.raises(UnreadableSource, match="not in the reader's table of meanings"):
            read(tmp_path, [fact])


def test_period__without_end_is_refused(tmp_path):
    with pytest.raises(UnreadableSource, match="period_end is empty in 1 rows"):
        read(tmp_path, [f"KAZ,_WORLD,arrivals,total,2016-01-01,,,5,,persons,,{PAGE}"])


def test_header__that_moved_is_named(tmp_path):
    with pytest.raises(UnreadableSource, match="lacks value_low"):
        read(
            tmp_path,
            [f"KAZ,_WORLD,arrivals,total,{YEAR},,5,,persons,,{PAGE}"],
            head=FACTS.replace("value_low", "least"),
        )


def test_attitudes__stand_under_a_closed_release(tmp_path):
    (tmp_path / "attitudes_gallup_mai.csv").write_text(
        "iso3,year,measure,value,source_url\nARM,2016,migrant_acceptance_index,5.5,https://paper.am/a\n", "utf-8"
    )
    cell = only(press.attitudes(tmp_path))
    assert (cell["release"], cell["status"], cell["value"]) == ("gallup-mai-2016", "survey", 5.5)
    assert (cell["start"], cell["end"]) == (date(2016, 1, 1), date(2017, 1, 1))
    assert isinstance(press.attitudes(tmp_path), pl.DataFrame)
