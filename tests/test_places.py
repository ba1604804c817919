import pytest
from hypothesis import given
from hypothesis import strategies as st

from keruen.errors import UnknownPlace
from keruen.places import code_of, countries, place, places, system, systems


@pytest.mark.parametrize(
    "name", ["KAZ", "kaz", "KZ", "398", 398, "Kazakhstan", " kazakhstan ", "Казахстан", "Қазақстан", "Kasachstan"]
)
def test_place__many_names_of_one(name):
    assert place(name).code == "KAZ"


@pytest.mark.parametrize(
    ("name", "code"),
    [("Kyrgyz Republic", "KGZ"), ("Turkey", "TUR"), ("Türkiye", "TUR"), ("Cote d'Ivoire", "CIV"), ("South Korea", "KOR"),
     ("Россия", "RUS"), ("Russian Federation", "RUS"), ("004", "AFG"), ("Soviet Union", "SUN"), ("Namibia", "NAM"), ("NA", "NAM"),
     ("World", "_WORLD"), ("900", "_WORLD"), ("Kosovo", "XKX"), ("the Netherlands", "NLD")],
)  # fmt: skip
def test_place__names_of_others(name, code):
    assert place(name).code == code


def test_place__suggests_the_nearest():
    with pytest.raises(UnknownPlace, match=r"Did you mean Kyrgyzstan \(KGZ\)"):
        place("Kirgizia")


@pytest.mark.parametrize("name", ["", "  ", "Atlantis-on-Sea", "🙂", "X" * 5000])
def test_place__refuses_what_is_no_place(name):
    with pytest.raises(UnknownPlace):
        place(name)


@given(st.text(max_size=40))
def test_place__any_text_is_a_place_or_a_named_error(text):
    try:
        told = place(text).code
    except UnknownPlace as error:
        told = str(error)
    assert told in places() or "keruen places" in told


def test_countries__are_the_places_with_un_estimates():
    assert len(countries()) == 237
    assert all(len(p.code) == 3 and p.m49 and p.region for p in countries())


def test_codes__are_told_apart():
    m49 = [p.m49 for p in countries()]
    assert len(set(m49)) == len(m49)
    assert all(p.code.startswith("_") for p in places().values() if p.kind in ("aggregate", "residual"))


@pytest.mark.parametrize("code", ["SUN", "YUG", "SCG", "CSK", "ANT"])
def test_historical_states__have_an_end_and_successors(code):
    p = place(code)
    assert p.kind == "historical"
    assert p.until
    assert all(s in places() for s in p.successors)


def test_systems__are_rows_of_data():
    assert [p.code for p in system("eurasia")] == ["KAZ", "KGZ", "RUS", "TJK", "TKM", "UZB"]
    for key in systems():
        assert all(p.kind == "country" for p in system(key))
    with pytest.raises(UnknownPlace, match="central-asia"):
        system("central-asa")


def test_place__prints_short_alone_and_in_a_list():
    assert repr(place("KAZ")) == "Kazakhstan (KAZ, country, Central Asia)"
    assert repr(place("SUN")) == "Soviet Union (SUN, historical, until 1991)"
    assert all(f"{p.name} ({p.code}, {p.kind}" in repr(p) for p in places().values())
    assert len(repr(system("eurasia"))) < 400


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Республика Казахстан", "KAZ"), ("Қазақстан Республикасы", "KAZ"), ("Republic of Uzbekistan", "UZB"),
        ("République de Moldova", "MDA"), ("Ҷумҳурии Тоҷикистон", "TJK"), ("República Argentina", "ARG"),
        ("Türkiye Cumhuriyeti", "TUR"), ("Republic of Korea", "KOR"), ("Republic of the Congo", "COG"),
    ],
)  # fmt: skip
def test_place__by_its_official_name(name, code):
    assert place(name).code == code


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Российская Федерация", "Russia (RUS)"), ("Кыргызская Республика", "Kyrgyzstan (KGZ)"),
        ("Китайская Народная Республика", "China (CHN)"), ("Французская Республика", "France (FRA)"),
        ("Государство Израиль", "Israel (ISR)"), ("Kingdom of Spain", "Spain (ESP)"),
        ("Federal Republic of Germany", "Germany (DEU)"), ("Bundesrepublik Deutschland", "Germany (DEU)"),
        ("Democratic People's Republic of Korea", "North Korea (PRK)"), ("People's Republic of China", "China (CHN)"),
        ("Демократическая Республика Конго", "DR Congo (COD)"),
    ],
)  # fmt: skip
def test_place__official_names_that_are_not_found_suggest_the_right_one(name, first):
    with pytest.raises(UnknownPlace) as error:
        place(name)
    assert f"Did you mean {first}" in str(error.value)


@pytest.mark.parametrize(
    ("name", "either"),
    [
        ("Congo", "DR Congo (COD) or Congo (COG)"), ("Конго", "DR Congo (COD) or Congo (COG)"),
        ("Республика Конго", "DR Congo (COD) or Congo (COG)"), ("Republic of China", "China (CHN) or Taiwan (TWN)"),
    ],
)  # fmt: skip
def test_place__a_name_of_two_places_is_refused(name, either):
    with pytest.raises(UnknownPlace) as error:
        place(name)
    assert either in str(error.value)
    assert code_of("Congo") == "COG"  # as publishers use it
