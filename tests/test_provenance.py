from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keruen.errors import BadDate, EvidenceError
from keruen.provenance import cite, day, definitions, licences, months_after, precision, release, releases


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("2018-05-03", date(2018, 5, 3), date(2018, 5, 3)), ("2016-02", date(2016, 2, 1), date(2016, 2, 29)),
     ("2017", date(2017, 1, 1), date(2017, 12, 31))],
)  # fmt: skip
def test_day__reads_days_months_and_years(text, first, last):
    assert day(text) == first
    assert day(text, last=True) == last


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2018-13-01", "2018-02-30", "18-05-03", "03.05.2018", "2018-5-3-1", "20180503"]
)
def test_day__refuses_the_rest_with_a_remedy(text):
    with pytest.raises(BadDate, match="2018-05-03"):
        day(text)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1)), st.integers(0, 60))
def test_months_after__is_that_many_months_later(start, months):
    later = months_after(start, months)
    assert (later.year - start.year) * 12 + later.month - start.month == months
    assert later.day <= start.day


def test_releases__carry_what_a_citation_needs():
    for r in releases().values():
        assert r.title, r.key
        assert r.publisher, r.key
        assert r.licence in licences(), r.key
        assert r.zeros in ("published", "dropped", "imputed"), r.key
        assert r.precision in ("day", "month", "year"), r.key
        assert r.extra.get("released_basis"), f"{r.key} does not say how its date is known"
        for fault in r.faults:
            assert fault.text, r.key
            assert fault.because, r.key


def test_releases__known_dates():
    assert release("un-wpp-2012").released == date(2013, 6, 13)
    assert release("un-ims-2020").released == date(2021, 1, 31)
    assert release("un-ims-2020").precision == precision("2021-01") == "month"


def test_definitions__say_what_is_counted():
    for key, card in definitions().items():
        assert card["name"], key
        assert card["meaning"], key
        assert card["because"], key


def test_cite__names_publisher_and_day():
    assert cite("un-wpp-2024").startswith("United Nations")
    assert "2024-07-11" in cite("un-wpp-2024")
    entry = cite("un-ims-2020", "bibtex")
    assert entry.startswith("@misc{un-ims-2020,")
    assert "year = {2021}" in entry


def test_release__unknown_key_names_the_nearest():
    with pytest.raises(EvidenceError, match="un-wpp-2024"):
        release("un-wpp-2025")
