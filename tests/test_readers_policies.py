"""Events, memberships, visas. The rows are invented."""

from datetime import date

import pytest

from keruen.errors import BadDate, UnreadableSource
from keruen.readers import policies

EVENTS = (
    "date,country,counterpart,kind,description,expected_effect,source,"
    '"verification(R=read,K=own knowledge unverified,S=seed)"'
)
MEMBERS = "iso3,arrangement,event,date,note,source,source_url"
EAEU = [
    "RUS,EAEU,member,2015-01-01,,page,https://page.org",
    "KAZ,EAEU,member,2015-01-01,,page,https://page.org",
    "KGZ,EAEU,member,2015-08-12,,page,https://page.org",
    "GEO,CIS,left,2009-08,,page,https://page.org",
]
VISAS = "origin,destination,year,snapshot,measure,requirement,source"


def read(tmp_path, events=(), members=EAEU, visas=(), heads=(EVENTS, MEMBERS, VISAS)):
    parts = (
        ("events_timeline.csv", events),
        ("memberships_visa_regimes.csv", members),
        ("visa_requirements_2025.csv.gz", visas),
    )
    for head, (name, rows) in zip(heads, parts, strict=True):
        (tmp_path / name).write_text("\n".join([head, *rows]) + "\n", "utf-8")
    shared = (
        "country,counterpart,period_start,period_end,measure,value,unit,definition,source_title,source_year,source_url"
    )
    page = "household_permit_regime,,event,a law,Paper,2014,https://paper.kz/a"
    (tmp_path / "facts.csv").write_text(
        f"{shared},stream,value_low,value_high\nKAZ,_TOTAL,2014-01-01,,{page},labour-registered,,\n", "utf-8"
    )
    for name in ("ethnic_return_annual.csv", "labour_permits_annual.csv"):
        (tmp_path / name).write_text(f"{shared},note\nKAZ,_TOTAL,2014-01-01,,{page},copied\n", "utf-8")
    return dict(policies.covariates(tmp_path))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1991-12-16", (date(1991, 12, 16), date(1991, 12, 17), "day")),
        ("2008-09", (date(2008, 9, 1), date(2008, 10, 1), "month")),
        ("2010", (date(2010, 1, 1), date(2011, 1, 1), "year")),
        ("2017-H1", (date(2017, 1, 1), date(2017, 7, 1), "half-year")),
        ("2020-Q4", (date(2020, 10, 1), date(2021, 1, 1), "quarter")),
        ("1991/1996", (date(1991, 1, 1), date(1997, 1, 1), "year")),
        ("2006-08/2006-12-31", (date(2006, 8, 1), date(2007, 1, 1), "month")),
    ],
)
def test_span__every_way_of_writing(text, span):
    assert policies.span(text) == span


def test_span__nonsense_is_refused():
    with pytest.raises(UnreadableSource, match="half-year"):
        policies.span("2017-H3")
    with pytest.raises(BadDate):
        policies.span("soon")


def test_events__places_groups_and_members_of_the_day(tmp_path):
    events = read(
        tmp_path,
        ["2015-01-01,EAEU,,policy,in force,,page,R", "2015-08-12,KGZ,EAEU,policy,joins,,page,R",
         "2020-03,CA;RUS,CIS,shock,borders close,,own knowledge,K"],
    )["events"]  # fmt: skip
    law, force, joins, close = events.rows(named=True)
    assert (force["places"], force["counterparts"]) == (["KAZ", "RUS"], [])
    assert (joins["places"], joins["counterparts"]) == (["KGZ"], ["KAZ", "RUS"])
    assert (close["places"], close["counterparts"], close["verified"]) == (["_CENTRAL_ASIA", "RUS"], ["_CIS"], "K")
    assert close["release"] == "keruen-events"
    assert (law["description"], law["kind"]) == ("a law", "policy")
    assert law["release"].startswith("page-paper-kz-2014-")
    assert law["known"] == date(2014, 12, 31)


def test_events__obey_the_edition_they_tell_a_figure_of(tmp_path):
    events = read(tmp_path, ["1994,KAZ,,flow,UN net migration (WPP2022 and WPP2024),,page,R"])["events"]
    told = events.filter(kind="flow").row(0, named=True)
    assert (told["date_end"], told["known"]) == (date(1995, 1, 1), date(2024, 7, 11))


def test_events__unknown_place_is_refused(tmp_path):
    with pytest.raises(UnreadableSource, match="ATLANTIS"):
        read(tmp_path, ["2015-01-01,ATLANTIS,,policy,sinks,,page,R"])


def test_memberships__keep_the_precision_of_their_day(tmp_path):
    told = read(tmp_path)["memberships"]
    assert told.filter(place="GEO").select("date", "precision", "event").rows() == [(date(2009, 8, 1), "month", "left")]
    assert told.columns == ["place", "arrangement", "event", "date", "precision", "note", "source", "url", "release"]


def test_visas__words_and_days(tmp_path):
    told = read(
        tmp_path,
        visas=[
            "KAZ,KGZ,2025,2025-01-12,visa_requirement,90,source",
            "KAZ,USA,2025,2025-01-12,visa_requirement,visa required,s",
        ],
    )["visas"]
    assert told.select("place", "counterpart", "requirement", "days").rows() == [
        ("KGZ", "KAZ", "visa free", 90), ("USA", "KAZ", "visa required", None),
    ]  # fmt: skip
    assert told["release"].unique().to_list() == ["passport-index-2025"]


@pytest.mark.parametrize(("at", "column"), [(0, "kind"), (1, "arrangement"), (2, "requirement")])
def test_header__that_moved_is_named(tmp_path, at, column):
    heads = [EVENTS, MEMBERS, VISAS]
    heads[at] = heads[at].replace(column, "moved")
    with pytest.raises(UnreadableSource, match=f"lacks {column}"):
        read(tmp_path, heads=heads)
