import pytest

from keruen.errors import UnreadableSource
from keruen.provenance import release
from keruen.readers import dyads

TIES = "contig,comlang_off,comlang_ethno,colony,comcol,curcol,col45,smctry"
HEAD = f"origin,destination,{TIES},dist,distcap,distw,distwces\n"


def test_cepii_dyads__a_dot_is_missing(tmp_path):
    (tmp_path / "cepii_geodist_dyads.csv.gz").write_text(
        HEAD + "NAM,ZAF,1.0,1.0,0.0,0.0,0.0,0.0,0.0,1.0,1200.5,1200.5,.,.\nABW,NAM,0,0,0,0,0,0,0,0,9,9,10.5,10.25\n"
    )
    made = dyads.cepii_dyads(tmp_path)
    assert made["origin"].to_list() == ["ABW", "NAM"]
    assert made["distw"].to_list() == [10.5, None]
    assert made["contig"].to_list() == [0, 1]


def test_cepii_places__namibia_is_not_missing(tmp_path):
    (tmp_path / "cepii_geodist_countries.csv").write_text(
        "iso2,iso3,cnum,area,landlocked,cap,maincity,citynum,city_en,lat,lon,langoff_1,colonizer1\n"
        "NA,NAM,516.0,824292,0.0,1.0,1.0,.,Windhoek,-22.5,17.1,English,.\n"
    )
    row = dyads.cepii_places(tmp_path).row(0, named=True)
    assert (row["iso2"], row["place"], row["citynum"], row["colonizer1"]) == ("NA", "NAM", None, None)


def test_gaskin__religion_stands_apart(tmp_path):
    (tmp_path / "gravity_gaskin_dyads.csv.gz").write_text(
        "origin,destination,common_spoken_language,religious_similarity,colony_of_destination_ever,distw_harmonic_km\n"
        "ABW,AFG,0.02,1.2,0.0,13192.5\n"
    )
    made = dict(dyads.gaskin(tmp_path))
    assert "religious_similarity" not in made["gaskin_dyads"].columns
    assert release(made["religious_similarity"]["release"][0]).restricted


def test_cepii_dyads__a_moved_header_is_named(tmp_path):
    (tmp_path / "cepii_geodist_dyads.csv.gz").write_text(
        HEAD.replace("smctry", "same") + "NAM,ZAF,1,1,0,0,0,0,0,1,1,1,.,.\n"
    )
    with pytest.raises(UnreadableSource, match="smctry"):
        dyads.cepii_dyads(tmp_path)
