from datetime import date

import polars as pl
import pytest

from keruen.contract import faults
from keruen.errors import UnreadableSource
from keruen.readers import world_bank

WPP_NET = "iso3,year,sex,value,variant,vintage\n"
WPP_LIFE = "iso3,year,indicator,value,variant,vintage\n"
WDI = "iso3,country,is_aggregate,year,indicator,value\n"


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, "utf-8")
        return tmp_path

    return write


@pytest.fixture
def un(write):
    write(
        "wpp_net_migration_annual_2022_2024.csv.gz",
        WPP_NET
        + "KAZ,2015,total,-1.5,estimate,WPP2024\nKAZ,2015,total,9,estimate,WPP2022\n"
        + "KAZ,2024,total,-2.25,projection median,WPP2024\nTGO,2015,total,1,estimate,WPP2024\n"
        + "JEY,2015,total,0.2,estimate,WPP2024\nGGY,2015,total,0.1,estimate,WPP2024\n",
    )
    life = [f"{place},2015,{said},estimate,WPP2024" for place in ("KAZ", "RUS") for said in
            ("births,400", "cbr,20", "deaths,200", "cdr,10")]  # fmt: skip
    return write("wpp_demography_annual_2022_2024.csv.gz", WPP_LIFE + "\n".join(life) + "\n")


def one(table, **cell):
    return table.filter(*(pl.col(name) == value for name, value in cell.items())).row(0, named=True)


def test_edition_2026__marks_what_repeats_the_un(un, write):
    write(
        "wdi_2026.csv.gz",
        WDI
        + "KAZ,Kazakhstan,0,2015,SM.POP.NETM,-1500\nKAZ,Kazakhstan,0,2024,SM.POP.NETM,-2250\n"
        + "TGO,Togo,0,2015,SM.POP.NETM,-7\nCHI,Channel Islands,0,2015,SM.POP.NETM,300\n"
        + "SAS,South Asia,1,2015,SM.POP.NETM,-9\nKAZ,Kazakhstan,0,2015,SP.POP.TOTL,20000100\n"
        + "RUS,Russia,0,2015,SP.POP.TOTL,20100000\nKAZ,Kazakhstan,0,2024,SM.POP.TOTL,5\n",
    )
    made = world_bank.edition_2026(un)
    assert faults(made, dated=False) == []
    net = made.filter(pl.col("measure") == "net_migration")
    assert one(net, place="KAZ", start=date(2015, 1, 1))["copy_of"] == "un-wpp-2024"
    assert one(net, place="KAZ", start=date(2024, 1, 1))["status"] == "projection"
    assert one(net, place="CHI")["copy_of"] == "un-wpp-2024"
    assert one(net, place="_WB_SAS")["note"] is not None
    unlike = one(net, place="TGO")
    assert (unlike["copy_of"], unlike["known"]) == (None, date(2026, 7, 1))
    people = made.filter(pl.col("measure") == "population")
    assert people["start"].unique().to_list() == people["end"].unique().to_list() == [date(2015, 7, 1)]
    assert one(people, place="KAZ")["copy_of"] == "un-wpp-2024"
    assert one(people, place="RUS")["copy_of"] is None
    assert one(made, measure="stock")["copy_of"] == "un-ims-2024"


def test_edition__years_days_and_ends(write):
    folder = write(
        "wdi.csv",
        WDI
        + "TJK,Tajikistan,0,2013,BX.TRF.PWKR.DT.GD.ZS,43.5\nWLD,World,1,2013,NY.GDP.MKTP.CD,7e13\n"
        + "AFG,Afghanistan,0,2016,SM.POP.REFG.OR,2500\nNAM,Namibia,0,2016,SM.POP.REFG,1700\n",
    )
    made = world_bank.edition(folder, "wdi.csv", "world-bank-wdi-2022")
    assert faults(made, dated=False) == []
    share = one(made, measure="remittances_share_gdp")
    assert (share["start"], share["end"], share["known"]) == (date(2013, 1, 1), date(2014, 1, 1), None)
    assert one(made, measure="gdp")["place"] == "_WORLD"
    by_origin = one(made, definition="wb_refugees_by_origin")
    assert (by_origin["place"], by_origin["counterpart"], by_origin["start"]) == ("_WORLD", "AFG", date(2016, 12, 31))
    assert one(made, definition="wb_refugees")["place"] == "NAM"


def test_edition__a_moved_header_is_named(write):
    with pytest.raises(UnreadableSource, match="indicator"):
        world_bank.edition(write("wdi.csv", "iso3,year,series,value\nKAZ,2013,x,1\n"), "wdi.csv", "world-bank-wdi-2022")


def test_share_derived__is_told_apart(write):
    folder = write("remittances_pct_gdp_derived_2026.csv.gz", "iso3,year,indicator,value\nUZB,2013,DERIVED,7.5\n")
    row = world_bank.share_derived(folder).row(0, named=True)
    assert (row["definition"], row["release"]) == ("wb_remittances_share_derived", "world-bank-wdi-2026")
    assert "over GDP" in row["convention"]


def test_bilateral_remittances__money_runs_to_the_place(write):
    folder = write(
        "remittances_bilateral.csv.gz",
        "origin,destination,year,value,unit\nRUS,TJK,2017,12.345678,million USD (nominal)\n"
        "_WORLD,TJK,2021,20,million USD (nominal)\n",
    )
    made = world_bank.bilateral_remittances(folder)
    assert faults(made, dated=False) == []
    row = one(made, counterpart="RUS")
    assert (row["place"], row["value"], row["printed_unit"]) == ("TJK", 12_345_678.0, "million USD")
    assert (row["basis"], row["status"], row["release"]) == ("sending", "model", "world-bank-remittances-2018-04")
    assert one(made, counterpart="_WORLD")["release"] == "world-bank-remittances-2022-12"


def test_inflows__zeros_are_no_claims(write):
    folder = write(
        "remittances_inflows_knomad.csv",
        "iso3,year,measure,value,note\nAUT,2000,remittance_inflows,0,\nTJK,2022,remittance_inflows,5.5,\n"
        "TJK,2023,remittance_inflows,6,estimate\nTJK,2023,remittance_inflows_pct_gdp,48.2,estimate\n",
    )
    made = world_bank.inflows(folder)
    assert made["place"].to_list() == ["TJK", "TJK", "TJK"]
    assert made["value"].to_list() == [5_500_000.0, 6_000_000.0, 48.2]
    assert made["status"].to_list() == ["estimate", "projection", "projection"]
    assert made["flag"].to_list() == [None, "estimate", "estimate"]


def test_bilateral_stock__total_other_and_birthplace(write):
    folder = write(
        "world_bank_bilateral_stock_1960_2020.csv.gz",
        "orig_iso3,orig_name,dest_iso3,year,sex,value\n_TOT,Total Foreign-born,KAZ,1990,total,9\n"
        ",Other,KAZ,1990,total,2\nRUS,Russia,KAZ,1990,female,7\n",
    )
    made = world_bank.bilateral_stock(folder)
    assert faults(made, dated=False) == []
    assert made["counterpart"].to_list() == [None, "_OTHER", "RUS"]
    assert made["basis"].to_list() == [None, "mixed", "mixed"]
    assert made["sex"].to_list() == ["all", "all", "female"]
    assert made["start"].unique().to_list() == [date(1990, 7, 1)]


def test_covariates__income_classes(write):
    folder = write("wb_income_group_history.csv.gz", "iso3,year,income_group\nKAZ,2024,UM\nSUN,1987,\nNAM,2024,LM\n")
    ((name, made),) = world_bank.covariates(folder)
    assert (name, made.columns) == ("income_groups", ["place", "year", "income", "release"])
    assert made["income"].to_list() == ["upper middle", "lower middle", None]
