import pytest

from keruen.contract import faults
from keruen.errors import UnreadableSource
from keruen.readers import unsd

HEAD = "iso3,m49,country_name,year,measure,value,unit,definition,source_id\n"
SOURCES = "source_id,source_year\nAMA1,2025\nAMA2,2024\nAMA3,2021\n"


def folder(tmp_path, rows, head=HEAD, sources=SOURCES):
    (tmp_path / "construction_value_added.csv.gz").write_text(head + rows)
    (tmp_path / "construction_sources.csv").write_text(sources)
    return tmp_path


def test_claims__measures_releases_and_former_territories(tmp_path):
    rows = (
        "KAZ,398,Kazakhstan,2019,construction_value_added,10,current USD,Construction (ISIC F),AMA1\n"
        "KAZ,398,Kazakhstan,2019,construction_value_added,-2,constant 2015 USD,Construction (ISIC F),AMA3\n"
        ",810,USSR (Former),1980,gdp,5,current USD,GDP,AMA1\n"
        ",836,Zanzibar,2019,total_value_added,3,current USD,Total,AMA1\n"
    )
    (made,) = unsd.claims(folder(tmp_path, rows))
    assert faults(made, dated=False) == []
    assert made.select("place", "group", "measure", "release").rows() == [
        ("KAZ", "all", "construction_value_added", "unsd-ama-2025"),
        ("KAZ", "all", "construction_value_added_constant_2015", "unsd-ama-2021"),
        ("SUN", "all", "gdp", "unsd-ama-2025"),
        ("TZA", "territory=Zanzibar", "value_added", "unsd-ama-2025"),
    ]


def test_claims__an_unknown_territory_or_release_is_refused(tmp_path):
    lost = ",999,Atlantis,1980,gdp,5,current USD,GDP,AMA1\n"
    with pytest.raises(UnreadableSource, match="Atlantis"):
        list(unsd.claims(folder(tmp_path, lost)))
    with pytest.raises(UnreadableSource, match="card for the new one"):
        list(unsd.claims(folder(tmp_path, lost, sources="source_id,source_year\nAMA1,2027\n")))


def test_claims__a_moved_header_is_named(tmp_path):
    with pytest.raises(UnreadableSource, match="source_id"):
        list(
            unsd.claims(folder(tmp_path, "KAZ,398,K,2019,gdp,1,current USD,G,x\n", head=HEAD.replace("source_id", "s")))
        )
