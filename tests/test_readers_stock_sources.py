import gzip
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from keruen.contract import checked
from keruen.errors import UnreadableSource
from keruen.provenance import releases
from keruen.readers import stock_sources

HEADER = "dest_iso3,dest_code,orig_iso3,orig_code,orig_name,reference_year,sex,universe,value,source\n"
TOTALS = "empirical_migrant_stock_totals"
CORRIDORS = "empirical_migrant_stock_bilateral_centralasia_russia"


def put(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tables in the compiler's shape; the figures are invented."""
    total = "_TOT,0,Total Foreign-born"
    put(tmp_path, TOTALS, HEADER
        + f"BGR,100,{total},2001.16164383562,total,Foreign-born,34.0,UNSDDYB_B59_CJC\n"
        + f"BGR,100,{total},2001.16164383562,total,Unknown,3.0,UNSDDYB_B61_SJ\n"
        + f"BGR,100,{total},2001.16164383562,female,Total,900.0,UNSDDYB_B09_CJC\n"
        + f"BGR,100,{total},2008.0,total,Native-born,800.0,Eurostat\n"
        + f"BGR,100,{total},2008.0,total,Foreigners,30.0,OECD\n"
        + f"BGR,100,{total},2008.99726775956,total,Refugees,12.0,UNHCR\n"
        + f"BGR,100,{total},2008.99726775956,total,Stateless,0.0,UNHCR\n"
        + f"KAZ,398,{total},2009.163,total,Foreign-born,40.5,Census2009_report\n"
        + f"TCD,148,{total},2009.44,total,Refugees,7.0,2009_Census_refugee\n"
        + f"THA,764,{total},2023.745205,total,Foreigners,3.0,SYB_2023\n"
        + f"THA,764,{total},2025.745205,total,Foreigners,4.0,SYB_2023\n"
        + f"QAT,634,{total},2019.0,total,Foreigners,5.0,GLMM\n"
        + f"DNK,208,{total},2019.0,total,Foreign-born,6.0,NSO\n"
        + f"MEX,484,{total},2019.0,total,Foreign-born,6.0,NSO\n"
        + f"USA,840,{total},2019.495890,total,Foreign-born,8.0,UNPD\n")  # fmt: skip
    put(tmp_path, CORRIDORS, HEADER
        + "KAZ,398,RUS,643,Russia,2000.0,total,Foreign-born,0.0,WorldBank\n"
        + "KAZ,398,AFG,4,Afghanistan,2008.99726775956,total,Refugees,12.0,UNHCR\n"
        + "KAZ,398,AFG,4,Afghanistan,2008.99726775956,total,Asylum seekers,5.0,UNHCR\n"
        + "KAZ,398,,1000029,Non-nationality,2008.99726775956,total,Stateless,9.0,UNHCR\n"
        + "KGZ,417,,891,Former Serbia and Montenegro,2009.2,total,Foreign-born,2.0,UNSDDYB_B59_CJC\n"
        + "KGZ,417,,1000084,Baltic States,2009.2,total,Foreign-born,5.0,UNSDDYB_B59_CJC\n"
        + "KGZ,417,,935,Asia,2009.2,total,Foreign-born,50.0,UNSDDYB_B59_CJC\n")  # fmt: skip
    put(tmp_path, "unhcr_population", "origin,destination,year,measure,value\n"
        "AFG,KAZ,2008,unhcr_stock_refugees,12\nAFG,KAZ,2008,unhcr_stock_asylum_seekers,6\n")  # fmt: skip
    return tmp_path


def read(folder: Path) -> pl.DataFrame:
    return pl.concat([checked(piece, "stock_sources", dated=False) for piece in stock_sources.claims(folder)])


def one(table: pl.DataFrame, **cell: object) -> dict[str, object]:
    found = table.filter(**cell)
    assert len(found) == 1
    return found.row(0, named=True)


def test_claims__the_tag_survives_and_names_the_family(folder: Path):
    row = one(read(folder), flag="UNSDDYB_B59_CJC", place="BGR")
    assert (row["release"], row["status"], row["measure"], row["basis"]) == (
        "un-demographic-yearbook",
        "census",
        "stock",
        "birthplace",
    )
    assert (row["start"], row["end"], row["value"]) == (date(2001, 3, 1), date(2001, 3, 1), 34.0)
    assert row["counterpart"] is None
    assert row["known"] is None


def test_claims__each_population_is_its_own_measure(folder: Path):
    told = read(folder)
    assert one(told, flag="UNSDDYB_B61_SJ")["measure"] == "unknown_origin"
    assert one(told, flag="UNSDDYB_B61_SJ")["basis"] == "citizenship"
    assert one(told, flag="UNSDDYB_B61_SJ")["status"] == "survey"
    people = one(told, flag="UNSDDYB_B09_CJC")
    assert (people["measure"], people["sex"], people["basis"]) == ("population", "female", None)
    assert one(told, flag="Eurostat")["measure"] == "native_born"
    foreigners = one(told, flag="OECD")
    assert (foreigners["basis"], foreigners["definition"]) == ("citizenship", "reported_foreign_citizens")
    national = one(told, flag="2009_Census_refugee")
    assert (national["stream"], national["definition"], national["status"]) == ("forced", "reported_forced", "census")


def test_day__a_whole_number_tells_the_year_alone_but_for_registers(folder: Path):
    told = read(folder)
    assert one(told, flag="OECD")["end"] == date(2009, 1, 1)
    assert one(told, flag="OECD")["start"] == date(2008, 1, 1)
    assert one(told, flag="Eurostat")["end"] == date(2008, 1, 1)
    assert one(told, flag="NSO", place="DNK")["end"] == date(2019, 1, 1)
    assert one(told, flag="Census2009_report")["start"] == date(2009, 3, 1)  # 59.5 days after new year
    assert one(told, flag="UNHCR", place="BGR")["start"] == date(2008, 12, 31)
    matrix = one(told, flag="WorldBank")
    assert (matrix["start"], matrix["end"], matrix["basis"]) == (date(2000, 7, 1), date(2000, 7, 1), "mixed")
    assert one(told, flag="UNPD")["start"] == date(2019, 7, 1)


def test_status__registers_and_projections_are_told_from_estimates(folder: Path):
    told = read(folder)
    assert one(told, flag="NSO", place="DNK")["status"] == "register"
    assert one(told, flag="NSO", place="MEX")["status"] == "estimate"
    yearbook = told.filter(flag="SYB_2023").sort("start")
    assert yearbook["status"].to_list() == ["estimate", "projection"]


def test_claims__zeros_filled_in_for_unhcr_go_and_printed_zeros_stay(folder: Path):
    told = read(folder)
    assert told.filter(place="BGR", measure="stateless").is_empty()
    assert one(told, flag="WorldBank")["value"] == 0


def test_claims__copies_say_what_they_repeat(folder: Path):
    told = read(folder)
    assert one(told, flag="WorldBank")["copy_of"] == "world-bank-bilateral-stock"
    assert one(told, place="KAZ", measure="refugees")["copy_of"] == "unhcr-refugee-data-finder-2026"
    assert one(told, place="KAZ", measure="asylum_seekers")["copy_of"] is None  # UNHCR's own table differs
    assert one(told, place="BGR", measure="refugees")["copy_of"] is None


def test_origin__old_states_have_codes_and_others_their_names(folder: Path):
    told = read(folder).filter(place="KGZ").sort("value")
    assert told.select("counterpart", "group").rows() == [
        ("SCG", "all"),
        ("_OTHER", "origin=Baltic States"),
        ("_UN_935", "all"),
    ]
    assert one(read(folder), place="KAZ", measure="stateless")["counterpart"] == "_STATELESS"


def test_families__tags_without_open_terms_are_compiled_locally_alone(folder: Path):
    assert one(read(folder), flag="GLMM")["release"] == "unattributed-stocks"
    assert releases()["unattributed-stocks"].restricted


@pytest.mark.parametrize(
    ("tag", "family"),
    [
        ("1999_Archive", "unattributed-stocks"),
        ("20102020_back", "unattributed-stocks"),
        ("1998_Census_data_byCARIM", "unattributed-stocks"),
        ("2013_Inter_Census", "national-stock-series"),
        ("NSO_Census1999", "national-census-stocks"),
        ("2006_RP", "national-census-stocks"),
        ("NSO.202306", "national-stock-series"),
        ("2021_OECD", "oecd-stocks"),
        ("DYB_B61", "un-demographic-yearbook"),
    ],
)
def test_families__first_pattern_that_fits_holds(tag: str, family: str):
    told = pl.DataFrame({"source": [tag]}).select(stock_sources.first_that_fits(stock_sources.FAMILIES, "?"))
    assert told.item() == family


def test_claims__a_moved_header_is_refused_by_name(folder: Path):
    put(folder, CORRIDORS, HEADER.replace("universe", "population_universe"))
    with pytest.raises(UnreadableSource, match="universe"):
        read(folder)


def test_claims__an_unknown_population_is_refused_by_name(folder: Path):
    put(folder, TOTALS, HEADER + "KAZ,398,_TOT,0,Total,2000.0,total,Tourists,1.0,NSO\n")
    with pytest.raises(UnreadableSource, match="Tourists"):
        read(folder)
