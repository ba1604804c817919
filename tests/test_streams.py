"""Events, breaks and before-after on series with known truth; the streams of the packaged figures; the commands."""

import json
import sys
from datetime import date

import numpy as np
import polars as pl
import pytest

from keruen.adding import add
from keruen.breaks import CANNOT_TELL, _sup_f, breaks, series
from keruen.cli import main
from keruen.errors import FaultyTable, KeruenError, NoEvidence, UnreadableSource, VocabularyError
from keruen.events import events
from keruen.exodus import exodus
from keruen.figures_labour import small_multiples
from keruen.hidden_tables import COLUMNS, estimate, read
from keruen.interruptions import effects, interrupted
from keruen.labour_rules import named_effects
from keruen.streams import doubled, streams


def yearly(values, first=2000):
    return pl.DataFrame({"year": range(first, first + len(values)), "value": [float(v) for v in values]})


# ---------------------------------------------------------------- breaks


def test_breaks__finds_a_jump_and_its_years():
    rng = np.random.default_rng(0)
    values = np.concatenate([100 + rng.normal(0, 5, 12), 160 + rng.normal(0, 5, 12)])
    told = breaks(yearly(values))
    assert (told.verdict, told.when) == ("break", 2011)
    assert told.low <= 2011 <= told.high
    assert told.p < 0.01


def test_breaks__false_alarms_are_as_rare_as_they_should_be():
    rng = np.random.default_rng(1)
    found = [breaks(yearly(np.exp(rng.normal(5, 0.3, 14))), seed=i).verdict for i in range(60)]
    assert found.count("break") <= 8  # 5% of 60 is 3


def test_breaks__statistic_equals_the_plain_formula():
    y = np.random.default_rng(3).normal(size=15)
    whole = ((y - y.mean()) ** 2).sum()
    best = 0.0
    for k in range(3, 13):
        rss = ((y[:k] - y[:k].mean()) ** 2).sum() + ((y[k:] - y[k:].mean()) ** 2).sum()
        best = max(best, (whole - rss) / (rss / 13))
    assert float(_sup_f(y)[0]) == pytest.approx(best)


def test_breaks__doubling_is_a_ratio_of_neighbouring_years():
    told = breaks(pl.DataFrame({"year": [2008, 2009, 2010, 2012], "value": [10.0, 11.0, 22.0, 44.0]}))
    assert told.doubled == {2010: 2.0}
    assert set(told.ratios) == {2009, 2010}  # 2012 has no 2011 beside it


def test_breaks__short_or_gappy_says_so():
    assert breaks(yearly([1, 2, 3])).verdict == CANNOT_TELL
    assert "eight" in breaks(yearly([1, 2, 3])).why
    gappy = pl.DataFrame(
        {"year": [1990, 1995, 2000, 2005, 2010, 2015, 2020, 2025], "value": [1.0, 2, 1, 2, 1, 2, 1, 2]}
    )
    assert breaks(gappy).verdict == CANNOT_TELL
    assert "holes" in breaks(gappy).why
    assert breaks(yearly([1, 2, 3])).trend == CANNOT_TELL
    assert breaks(yearly([5.0] * 10)).verdict == "no break"


def test_breaks__trend_is_exact_and_its_slope_holds():
    told = breaks(yearly(np.arange(10) * 3.0 + 1))
    assert told.trend == "rising"
    assert told.slope[1] <= 3 <= told.slope[2]
    assert breaks(yearly([3, 1, 2, 3, 1, 2, 3, 1])).trend == "no trend"


def test_series__two_figures_for_a_year_are_refused():
    with pytest.raises(FaultyTable, match="two figures"):
        series(pl.DataFrame({"year": [2000, 2000], "value": [1.0, 2.0]}))
    with pytest.raises(FaultyTable, match="column value"):
        series(pl.DataFrame({"year": [2000]}))


# ---------------------------------------------------------------- before and after


def test_interrupted__covers_a_known_step():
    rng = np.random.default_rng(77)
    hits = 0
    for _ in range(300):
        t = np.arange(20)
        y = 10 + 0.2 * t + 3.0 * (t >= 10) + rng.normal(0, 1, 20)
        level = interrupted(yearly(y - y.min() - 1), 2010).level  # one value below zero: no logarithms
        hits += level[0] <= 3.0 <= level[2]
    assert 0.92 <= hits / 300 <= 1.0


def test_interrupted__short_series_and_near_events():
    told = interrupted(yearly([1, 2, 3, 4, 5]), 2003)
    assert (told.verdict, told.level) == (CANNOT_TELL, None)
    assert "four on each side" in told.why
    told = interrupted(yearly([10, 11, 10, 11, 10, 20, 21, 20, 21, 20]), date(2005, 6, 1), others=[2006, 1990])
    assert told.verdict == "higher"
    assert "2006 are too near" in told.why


# ---------------------------------------------------------------- the packaged figures


def test_breaks__print_the_break_and_the_trend():
    found = breaks(yearly([10, 11, 9, 10, 12, 10, 20, 31, 29, 33, 30, 32]))
    told = repr(found)
    assert told.startswith(f"12 figures, 2000-2011: break after {found.when} (90% {found.low} to {found.high}), p = ")
    assert f"{found.trend} ({found.slope[0]:.4g} a year, 95% " in told
    assert "doubled in 2006." in told
    assert len(told) < 400
    assert "2 figures, 2000-2001: cannot tell; trend unknown; doubled in 2001" in repr(breaks(yearly([1, 2])))


def test_interruption__prints_the_change_of_level():
    values = [10, 11, 10, 11, 10, 20, 21, 20, 21, 20]
    found = interrupted(yearly(values), 2005)
    low, middle, high = np.exp(found.level)
    told = repr(found)
    assert told.startswith(f"Higher after the event: level times {middle:.4g} (95% {low:.4g} to {high:.4g}), 5 figures")
    assert 1.8 < middle < 2.1
    assert len(told) < 400
    below = interrupted(yearly([v - 15 for v in values]), 2005)
    assert f"level {below.level[1]:+.4g} (95% " in repr(below)
    assert repr(interrupted(yearly(values[:6]), 2005)) == f"Cannot tell: {interrupted(yearly(values[:6]), 2005).why}"


def test_events__kinds_places_and_whether_checked():
    table = events("KAZ")
    assert {"amnesty", "quota", "permit regime", "union accession", "currency shock"} <= set(table["kind"])
    campaign = table.filter(pl.col("parameter") == "amnesty_2006.reached").row(0, named=True)
    assert campaign["start"] == date(2006, 8, 1)
    assert campaign["overlaps"] >= 1  # its own interim report
    assert set(table["verified"]) <= {"read", "unverified", "statement on trial"}
    assert set(named_effects("KAZ")) == set(table["parameter"]) - {""}
    assert {"patent", "entry ban", "exam", "war"} <= set(events("RUS")["kind"])
    assert events(as_of="2007-01-31")["known"].max() <= date(2007, 1, 31)
    with pytest.raises(VocabularyError, match="amnesty"):
        events("KAZ", kind="bribe")


def test_streams__are_never_summed_and_keep_their_words():
    table = streams("KAZ")
    assert {"ethnic_return", "labour_registered", "labour_unregistered", "registered migration", "skilled"} <= set(
        table["stream"]
    )
    assert table.filter(series="regularised")["value"].to_list() == [164_586]
    for (_, name), part in table.group_by(["stream", "series"]):
        assert part["unit"].n_unique() == 1, name
    fill = table.filter(series="arrivals over quota").row(0, named=True)
    assert fill["value"] == pytest.approx(19_178 / 1_499)
    assert len(fill["derived_from"].split()) == 2
    share = table.filter(pl.col("series") == "qualified share of emigration", start=date(2017, 1, 1))
    assert 50 < share["value"][0] < 60
    drawn = small_multiples(table)
    assert "Ethnic return" in drawn.alt
    assert drawn.svg.startswith("<svg")


@pytest.mark.packaged
def test_streams__men_and_women_are_no_rivals_of_all():
    told = streams("PHL").filter(pl.col("start") == date(2005, 7, 1), series="net_migration")
    assert told.filter(release="un-wpp-2008")["value"].to_list() == [-900_000]
    assert told["release"].is_unique().all()


def test_streams__own_figures_by_sex_and_age_are_no_rivals_of_all(home):
    rows = [
        {"measure": "immigration", "place": "KAZ", "start": "2010-01-01", "end": "2011-01-01", "value": v, "sex": s,
         "age": a}
        for v, s, a in ((10, "all", "all"), (6, "female", "all"), (7, "all", "15+"))
    ]  # fmt: skip
    add(pl.DataFrame(rows), source="M", publisher="M", released="2022-08-01")
    mine = streams("KAZ").filter(known=date(2022, 8, 1), series="immigration")
    assert mine["value"].to_list() == [10]


def test_streams__a_place_without_any():
    with pytest.raises(KeruenError):
        streams("Atlantis")


def test_exodus__contradictions_stand_side_by_side():
    table = exodus("KAZ", 1991, 2004)
    by = {(r["what"], r["source"]): r for r in table.to_dicts()}
    gross = by["departures, national register", "bns-taldau"]
    net = by["net migration, national register", "bns-taldau"]
    un = by["net migration, UN", "un-wpp-2024"]
    assert gross["missing"] == net["missing"] == un["missing"] == 0
    assert gross["value"] == pytest.approx(3.16e6, rel=0.01)
    assert net["value"] == pytest.approx(-2.11e6, rel=0.01)  # the statement's two million, and its 12 to 13%
    assert -13 < net["share_percent"] < -12
    assert un["value"] == pytest.approx(-3.1e6, rel=0.02)
    assert any(w.startswith("arrivals from it, counted by RUS") for w, _ in by)


@pytest.mark.packaged
def test_exodus__base_is_of_the_same_edition_or_of_the_newest():
    base = exodus("SRB").filter(source="un-wpp-2024").row(0, named=True)
    # The World Bank's, released in 2026, though known since 1992 by its lag; WPP 2019 counts Kosovo in.
    assert (base["base"], base["base_source"], base["base_day"]) == (7_595_636, "world-bank-wdi-2026", date(1991, 7, 1))
    assert base["share_percent"] == pytest.approx(100 * -62_635 / 7_595_636)
    assert set(exodus("MDA")["base"]) == {2_981_566}
    assert set(exodus("MDA", as_of="2020-01-01")["base_source"]) == {"world-bank-wdi-2026"}


def test_exodus__a_total_with_years_missing_says_so(home):
    rows = [
        {"measure": "emigration", "place": "KAZ", "start": f"{y}-01-01", "end": f"{y + 1}-01-01", "value": 10,
         "status": "register"}
        for y in (1991, 1992, 1995)
    ] + [{"measure": "population", "place": "KAZ", "start": f"1991-{m}-01", "end": f"1991-{m}-01", "value": v}
         for m, v in (("01", 900), ("07", 1000))]  # fmt: skip
    own = add(pl.DataFrame(rows), source="M", publisher="M", released="2022-08-01").ids[0].rsplit(":", 1)[0]
    told = exodus("KAZ", 1991, 1995).filter(source=own).row(0, named=True)
    assert (told["what"], told["years"], told["missing"]) == ("departures, national register", 3, 2)
    assert told["note"] == "not the whole span: 1991-1992, 1995 alone"
    assert (told["value"], told["unit"], told["share_percent"]) == (30, "persons", 3)
    assert (told["base"], told["base_source"], told["base_day"]) == (1000, own, date(1991, 7, 1))
    whole = exodus("KAZ", 1991, 1995).filter(source="bns-taldau", missing=0)
    assert set(whole["note"]) == {""}


@pytest.mark.packaged
def test_exodus__who_estimates_is_no_register():
    by = {r["source"]: (r["what"], r["value"]) for r in exodus("TGO", 1991, 2004).to_dicts()}
    assert by["world-bank-wdi-2026"] == ("net migration, World Bank", -78_215)
    assert exodus("KAZ").filter(source="world-bank-wdi-2026")["what"].to_list() == ["net migration, UN"]
    told = exodus("MDA")
    assert told.filter(what="departures, press")["source"].to_list() == ["page-timpul-md-2018-918b88"]


def test_doubled__names_the_series_in_which_it_did():
    table = doubled("KAZ", 2010)
    hits = table.filter(verdict="doubled")
    assert set(hits["series"]) == {"net_migration"}
    assert set(hits["stream"]) == {"registered migration"}
    more = table.filter(pl.col("ratio") > 2.2)
    assert more.select("by", "verdict").rows() == [("un-wpp-2022", "more than doubled")]
    assert (table.filter(pl.col("verdict") == "did not double")["ratio"] < 1.8).all()
    labour_rows = table.filter(pl.col("stream").str.starts_with("labour"))
    assert set(labour_rows["verdict"]) == {CANNOT_TELL}


def test_effects__every_policy_gets_an_answer():
    table = streams("KAZ").filter(
        (pl.col("series") == "net_migration") & (pl.col("release") == "bns-taldau") & pl.col("counterpart").is_null()
    )
    found = effects("KAZ", table.unique("start"), kinds=["amnesty", "permit regime", "stay rule"])
    assert set(found["verdict"]) <= {"higher", "lower", "no change seen", CANNOT_TELL}
    assert found.filter(kind="stay rule")["verdict"].to_list() == [CANNOT_TELL]


# ---------------------------------------------------------------- commands


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["keruen", *map(str, words)])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture
def counts(tmp_path):
    file = tmp_path / "counts.csv"
    file.write_text("times,people\n1,1645\n2,183\n3,37\n4,13\n5,1\n6,1\n", "utf-8")
    return file


@pytest.mark.parametrize(("method", "value"), [("ztp", 7080), ("chao", 9274), ("chao-bc", 9229), ("zelterman", 9425)])
def test_hidden__interface(method, value, counts, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "hidden", counts, "--method", method, "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert round(told["value"]) == value
    assert told["method"] == method
    assert told["low95"] < told["value"] < told["high95"]
    assert told["assumptions"]


TABLES = {
    "zhang": "origin,reference,administrative,apprehended\n"
    + "".join(f"A{i},{40 * 2**i},{2 * 2**i + i},{3 + i * i}\n" for i in range(8)),
    "residual": "quantity,value,low,high\npresent,650000,600000,700000\nregistered,310000,,\nvisitors,100000,6e4,2e5\n",
    "multiplier": "registered,share,share_error\n100000,0.4,0.1\n",
    "amnesty": "regularised,take_up,take_up_error\n164586,0.5,0.2\n",
    "capture": "police,clinic,people\n1,1,50\n1,0,150\n0,1,100\n",
    "ztp": "times,people,sex\n1,300,f\n2,40,f\n3,5,f\n1,100,m\n2,60,m\n3,20,m\n",
}


@pytest.mark.parametrize("method", TABLES)
def test_hidden__every_method_has_its_table(method, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text(TABLES[method].replace(",", ";"), "utf-8-sig")
    found = estimate(file, method, draws=500)
    assert found.low95 < found.value < found.high95
    assert found.assumptions
    assert method in COLUMNS


BAD = {
    "negative": ("times,people\n1,-5\n2,3\n", "chao", "whole number of 0 or more"),
    "fraction": ("times,people\n1,5.5\n2,3\n", "chao", "whole number of 0 or more"),
    "f2": ("times,people\n1,5\n3,3\n", "chao", "chao-bc"),
    "word": ("times,people\n1,many\n", "chao", "is not a number"),
    "column": ("times,persons\n1,5\n", "chao", "column people is missing"),
    "nothing": ("times,people\n", "chao", "nothing below"),
    "ragged": ("times,people\n1,2,3\n", "chao", "cells where the header"),
    "twice": ("people,people\n1,2\n", "chao", "stands twice"),
    "stock": (
        "regularised,take_up,take_up_error,stock\n164586,0.5,0.2,100000\n",
        "amnesty",
        "more than the stated stock",
    ),
    "share": ("registered,share,share_error\n10,1.4,0.2\n", "multiplier", "is no share"),
    "present": ("quantity,value\npresent,5\nregistered,50\n", "residual", "none left"),
    "quantities": ("quantity,value\npresent,5\nguests,50\n", "residual", "guests"),
    "lists": ("a,b,people\n1,0,5\n0,1,5\n", "capture", "do not overlap"),
    "method": ("times,people\n1,5\n", "magic", "is not a method"),
    "rows": ("registered,share,share_error\n10,0.4,0.1\n12,0.4,0.1\n", "multiplier", "asks for one"),
}


@pytest.mark.parametrize("case", BAD)
def test_hidden__bad_tables_are_named_and_end_with_two(case, tmp_path, monkeypatch, capsys):
    text, method, words = BAD[case]
    file = tmp_path / "t.csv"
    file.write_text(text, "utf-8")
    code, out, err = run(monkeypatch, capsys, "hidden", file, "--method", method, "--json")
    assert code == 2
    assert out == ""
    assert words in err
    assert "Traceback" not in err


def test_hidden__files_that_are_no_tables(tmp_path):
    empty, binary, cp1251 = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.csv"
    empty.write_bytes(b"")
    binary.write_bytes(b"\x00\x01\x02")
    cp1251.write_bytes("раз,люди".encode("cp1251"))
    broken = tmp_path / "d.xlsx"
    broken.write_bytes(b"no workbook")
    for file in (empty, binary, cp1251, broken, tmp_path, tmp_path / "none.csv"):
        with pytest.raises(UnreadableSource):
            read(file)


def test_hidden__known_total_and_f1_zero(counts, tmp_path, monkeypatch, capsys):
    code, _, err = run(monkeypatch, capsys, "hidden", counts, "--method", "chao", "--known", "1000")
    assert code == 2
    assert "1,880 different people" in err
    file = tmp_path / "t.csv"
    file.write_text("times,people\n2,8\n3,4\n", "utf-8")
    code, out, _ = run(monkeypatch, capsys, "hidden", file, "--method", "chao", "--json")
    told = json.loads(out)
    assert (code, told["value"]) == (0, 12)
    assert "f1 = 0" in " ".join(told["warnings"])


def test_streams_and_events__json(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "streams", "Казахстан", "--stream", "ethnic_return", "--json")
    told = json.loads(out)
    assert (code, told["place"]) == (0, "KAZ")
    assert {r["stream"] for r in told["rows"]} == {"ethnic_return"}
    code, out, _ = run(monkeypatch, capsys, "streams", "KAZ", "--doubled", "2010", "--json")
    assert any(r["verdict"] == "doubled" for r in json.loads(out)["rows"])
    code, out, _ = run(monkeypatch, capsys, "events", "KAZ", "--kind", "amnesty", "--json")
    assert json.loads(out)["events"][0]["verified"] == "read"
    code, out, err = run(monkeypatch, capsys, "streams", "KAZ", "--stream", "bribes", "--json")
    assert (code, out) == (2, "")
    assert "ethnic_return" in err
    code, _, err = run(monkeypatch, capsys, "streams", "KAZ", "--exodus", "2004-1991")
    assert (code, "1991-2004" in err) == (2, True)


@pytest.mark.packaged
def test_disagree_and_compare__spans_are_half_open_and_round_as_briefs_do(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "disagree", "KAZ", "--from", "2014", "--to", "2014")
    assert code == 0
    assert {line[:10] for line in out.splitlines()[1:]} == {"2010-07-01", "2014-01-01"}
    assert "-26,193" in out
    assert "-26,192" not in out
    code, out, _ = run(monkeypatch, capsys, "compare", "KAZ", "UZB", "--from", "2014", "--to", "2014")
    assert code == 0
    assert [line[:10] for line in out.splitlines() if line[:2] == "20"] == ["2010-07-01"]


def test_labour__command_on_the_packaged_figures(tmp_path, monkeypatch, capsys):
    picture = tmp_path / "fan.svg"
    code, out, err = run(monkeypatch, capsys, "labour", "KAZ", "--json", "--figure", picture)
    assert code == 0, err
    told = json.loads(out)
    assert told["years"] == list(range(2000, 2025))
    at = told["years"].index(2017)
    assert 600_000 < told["total"]["median"][at] < 1_400_000
    assert 0 <= told["p_total_at_least"]["2017"]["2000000"] < 0.1
    assert told["p_total_at_least"]["2017"]["2000000"] <= told["p_total_at_least_with_statement"]["2017"]["2000000"]
    reveal = next(a for a in told["anchors"] if a["of"] == "regularised")
    assert reveal["value"] == 164_586
    assert told["unregistered"]["high80"][told["years"].index(2006)] > 164_586
    mirrored = [e for e in told["estimators"] if "made to fit" in e["name"]]
    assert "no check" in " ".join(mirrored[0]["assumptions"])
    assert told["diagnostics"]["ess_bulk"] >= 400
    assert told["diagnostics"]["people_created_or_lost"] < 1e-8
    assert told["sources"]
    assert picture.read_text("utf-8").startswith(("<svg", "<?xml"))


def test_labour__place_without_an_anchor_says_what_it_needs(monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "labour", "NRU", "--json")
    assert (code, out) == (2, "")
    assert "It would need one of" in err
    code, _, err = run(monkeypatch, capsys, "labour", "KAZ", "--from", "2020", "--to", "2010")
    assert (code, "Exchange the years" in err) == (2, True)
    code, _, err = run(monkeypatch, capsys, "labour", "KAZ", "--at-least", "many")
    assert code == 2
    assert "2017:2000000" in err


def test_labour__as_of_sees_nothing_later():
    from keruen.labour import labour

    then = labour("KAZ", as_of="2018-05-03", influence="none", years=(2000, 2017))
    assert all(a["end"] <= date(2018, 5, 3) for a in then.anchors)
    assert not any("2019" in a["key"] for a in then.anchors)
    with pytest.raises(NoEvidence):
        labour("KAZ", as_of="1995-01-01")
