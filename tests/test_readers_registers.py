"""Registers: balances, definitions, groups, pages. The figures are invented."""

from datetime import date

import polars as pl
import pytest

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers import registers

HEAD = "country,counterpart,year,measure,value,unit,definition,source_title,source_year,source_url,note"
BNS = (
    '"registered external (international) migration, all flows, change of permanent residence, national total",'
    '"BNS Kazakhstan, Taldau indicator 1",2026,https://github.com/somebody/copy,'
)
CIS = (
    '"registered international migration (number of arrivals / departures, all)",'
    '"CIS Stat (Interstate Statistical Committee of the CIS)",2026,https://new.cisstat.org,'
)
PRESS = '"BNS / Committee on Statistics registered external migration",Paper,2020,https://paper.kz/2020/05/06/people,'
COMPUTED = (
    '"registered external (international) migration, all flows, change of permanent residence, national total",'
    '"computed: arrivals minus departures of the two rows above",2026,https://github.com/somebody/copy,'
)
NATIONAL = "iso3,year,value,measure,unit\nITA,1999,-12.5,net,persons\n"


def read(tmp_path, *rows, head=HEAD):
    (tmp_path / "registered_migration_annual.csv.gz").write_text("\n".join([head, *rows]) + "\n", "utf-8")
    (tmp_path / "net_migration_national.csv.gz").write_text(NATIONAL, "utf-8")
    return pl.concat(registers.claims(tmp_path))


def row(table, **cell):
    found = table.filter(*[pl.col(name) == value for name, value in cell.items()])
    assert len(found) == 1
    return found.row(0, named=True)


def test_claims__keep_the_contract(tmp_path):
    told = read(
        tmp_path,
        f"KAZ,_TOTAL,2001,arrivals,70,persons,{BNS}",
        f"KAZ,_TOTAL,2001,departures,100,persons,{BNS}",
        f"KAZ,_TOTAL,2001,net_migration,-30,persons,{COMPUTED}OUR SUBTRACTION",
    )
    assert contract.faults(told, dated=False) == []
    assert len(told) == 4


def test_balance__of_a_computed_row_names_its_parts(tmp_path):
    told = read(
        tmp_path,
        f"KAZ,_TOTAL,2001,arrivals,70,persons,{BNS}",
        f"KAZ,_TOTAL,2001,departures,100,persons,{BNS}",
        f"KAZ,_TOTAL,2001,net_migration,-30,persons,{COMPUTED}OUR SUBTRACTION",
    )
    net = row(told, measure="net_migration", place="KAZ")
    parts = told.filter(pl.col("measure") != "net_migration")
    assert net["value"] == -30
    assert net["release"] == "bns-taldau"
    assert net["convention"] == "arrivals less departures"
    assert net["derived_from"].split() == contract.ids(parts).to_list()
    assert net["note"] is None
    assert (net["start"], net["end"], net["status"]) == (date(2001, 1, 1), date(2002, 1, 1), "register")


def test_balance__is_added_where_nobody_published_one(tmp_path):
    told = read(
        tmp_path,
        f"ARM,_TOTAL,2001,arrivals,5,persons,{CIS}",
        f"ARM,_TOTAL,2001,departures,9,persons,{CIS}",
        f"ARM,_TOTAL,2002,arrivals,5,persons,{CIS}",
    )
    net = told.filter(measure="net_migration", release="cis-stat")
    assert net.select("start", "value").rows() == [(date(2001, 1, 1), -4.0)]


def test_balance__published_stays_and_is_not_doubled(tmp_path):
    told = read(
        tmp_path,
        f"KAZ,_TOTAL,2019,arrivals,5000,persons,{PRESS}",
        f"KAZ,_TOTAL,2019,departures,9000,persons,{PRESS}",
        f"KAZ,_TOTAL,2019,net_migration,-4100,persons,{PRESS}rounded",
    )
    net = row(told, measure="net_migration", place="KAZ")
    assert (net["value"], net["derived_from"], net["convention"], net["note"]) == (-4100, None, None, "rounded")


def test_balance__that_is_no_difference_is_refused(tmp_path):
    with pytest.raises(UnreadableSource, match="differ from arrivals less departures"):
        read(
            tmp_path,
            f"KAZ,_TOTAL,2001,arrivals,70,persons,{BNS}",
            f"KAZ,_TOTAL,2001,departures,100,persons,{BNS}",
            f"KAZ,_TOTAL,2001,net_migration,-31,persons,{COMPUTED}OUR SUBTRACTION",
        )


def test_totals__two_of_one_release_are_refused(tmp_path):
    rows = [f"KAZ,_TOTAL,2001,arrivals,{n},persons,{BNS}" for n in (70, 71)]
    with pytest.raises(UnreadableSource, match="contend for a balance"):
        read(tmp_path, *rows, f"KAZ,_TOTAL,2001,departures,100,persons,{BNS}")


def test_zero__published_is_a_row(tmp_path):
    told = read(tmp_path, f"ARM,AZE,2016,arrivals,0,persons,{CIS}")
    cell = row(told, place="ARM")
    assert (cell["value"], cell["counterpart"], cell["basis"]) == (0.0, "AZE", "residence")


def test_page__is_known_from_its_day(tmp_path):
    cell = row(read(tmp_path, f"KAZ,RUS,2019,departures,7,persons,{PRESS}"), place="KAZ")
    assert (cell["known"], cell["known_basis"], cell["status"]) == (date(2020, 5, 6), "page", "press")
    assert cell["release"].startswith("page-paper-kz-2020-")


def test_series__leaves_its_known_day_to_the_compiler(tmp_path):
    cell = row(read(tmp_path, f"KAZ,_TOTAL,2001,arrivals,70,persons,{BNS}"), place="KAZ")
    assert (cell["known"], cell["known_basis"], cell["counterpart"], cell["basis"]) == (None, None, None, None)


def test_groups__are_told_apart_from_places(tmp_path):
    told = read(
        tmp_path,
        f"KAZ,_ETHNIC_RUSSIAN,2019,departures,7,persons,{PRESS}",
        f"KAZ,_CITIZENS_RUS,2019,arrivals,8,persons,{PRESS}",
        f"KAZ,_ABK,2019,arrivals,9,persons,{PRESS}",
    )
    assert row(told, group="ethnicity=Russian")["counterpart"] is None
    assert row(told, group="citizenship=RUS")["value"] == 8
    assert row(told, counterpart="_ABKHAZIA")["group"] == "all"


def test_definition__of_the_committee_is_the_offices_own(tmp_path):
    told = read(tmp_path, *[f"{place},_TOTAL,2015,arrivals,5,persons,{CIS}" for place in ("RUS", "BLR", "KGZ")])
    assert row(told, place="RUS")["definition"] == "reg_russia_9m"
    assert row(told, place="BLR")["definition"] == "reg_residence_or_stay"
    assert row(told, place="KGZ")["definition"] == "reg_permanent"


def test_definition__without_a_card_is_refused(tmp_path):
    with pytest.raises(UnreadableSource, match="no card is for"):
        read(tmp_path, "KAZ,_TOTAL,2001,arrivals,70,persons,counted by eye,Paper,2020,https://paper.kz/a,")


def test_header__that_moved_is_named(tmp_path):
    with pytest.raises(UnreadableSource, match="lacks counterpart"):
        read(tmp_path, f"KAZ,_TOTAL,2001,arrivals,70,persons,{BNS}", head=HEAD.replace("counterpart", "partner"))


def test_national__is_a_series_of_its_own(tmp_path):
    told = read(tmp_path, f"KAZ,_TOTAL,2001,arrivals,70,persons,{BNS}")
    cell = row(told, place="ITA")
    assert (cell["value"], cell["definition"], cell["status"]) == (-12.5, "national_net", "register")
    assert cell["release"] == "national-net-migration-compiled"
