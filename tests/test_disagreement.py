"""Rival claims and revisions: laws on invented figures, and known facts in the packaged snapshot."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen.comparable import CALENDAR, HALF, sums
from keruen.compare import compare, side_by_side
from keruen.contract import claims, ids
from keruen.disagreement import disagreement, periods
from keruen.double_entry import double_entry
from keruen.errors import BadDate, Incomparable, NoEvidence, UnknownPlace, VocabularyError
from keruen.revisions import revisions
from keruen.store import evidence
from keruen.trace import trace


def dressed(table: pl.DataFrame) -> pl.DataFrame:
    """Invented claims with the columns of a query's result."""
    return table.with_columns(
        ids(table),
        unit=pl.lit("persons"),
        source=pl.lit("invented"),
        printed=pl.lit(None, pl.Float64),
        own=pl.lit(False),
    ).select("id", *table.columns, "unit", "source", "printed", "own")


def yearly(values: dict[int, float], release="un-wpp-2024", status="estimate", **more) -> pl.DataFrame:
    rows = [
        {"place": "KAZ", "measure": "net_migration", "start": date(y, 1, 1), "end": date(y + 1, 1, 1), "value": float(v),
         "status": status, "definition": "un_resident", "release": release, "known": date(2024, 7, 11),
         "known_basis": "release", **more}
        for y, v in values.items()
    ]  # fmt: skip
    return dressed(claims(pl.DataFrame(rows, infer_schema_length=None)))


def window(start: int, end: int, month: int = 7) -> pl.DataFrame:
    return pl.DataFrame({"start": [date(start, month, 1)], "end": [date(end, month, 1)]})


def test_sums__half_weights_and_calendar_years():
    made = sums(yearly({y: y for y in range(2010, 2016)}), window(2010, 2015))
    told = dict(made.select("convention", "value").iter_rows())
    assert told[HALF] == 2010 / 2 + 2011 + 2012 + 2013 + 2014 + 2015 / 2
    assert told[f"{CALENDAR} 2010–2014"] == sum(range(2010, 2015))


def test_sums__name_their_parts():
    table = yearly(dict.fromkeys(range(2010, 2016), 1))
    parts = sums(table, window(2010, 2015)).filter(pl.col("convention") == HALF)["derived_from"].item().split()
    assert parts == table["id"].to_list()


def test_sums__a_missing_year_makes_none():
    table = yearly({y: 1 for y in range(2010, 2016) if y != 2012})
    assert sums(table, window(2010, 2015)).is_empty()


def test_sums__without_the_last_year_only_calendar_years():
    made = sums(yearly(dict.fromkeys(range(2010, 2015), 1)), window(2010, 2015))
    assert made["convention"].to_list() == [f"{CALENDAR} 2010–2014"]


def test_sums__one_projected_year_makes_a_projection():
    table = pl.concat([yearly(dict.fromkeys(range(2020, 2024), 1)), yearly({2024: 1, 2025: 1}, status="projection")])
    assert set(sums(table, window(2020, 2025))["status"]) == {"projection"}


def test_sums__intervals_of_a_figure_are_not_summed_twice():
    table = pl.concat(
        [yearly(dict.fromkeys(range(2010, 2016), 1), low=0.0, high=2.0, level=level) for level in (0.8, 0.95)]
    )
    assert set(sums(table, window(2010, 2015))["value"]) == {5.0}


def test_sums__a_copy_of_one_edition_stays_a_copy():
    made = sums(yearly(dict.fromkeys(range(2010, 2016), 1), copy_of="un-wpp-2024"), window(2010, 2015))
    assert set(made["copy_of"]) == {"un-wpp-2024"}


@given(
    st.dictionaries(st.integers(2000, 2012), st.integers(-10_000, 10_000), min_size=1),
    st.integers(2000, 2010),
    st.integers(2, 6),
)
@settings(max_examples=60, deadline=None)
def test_sums__equal_the_slow_sum(values, first, years):
    made = sums(yearly(values), window(first, first + years))
    told = dict(made.select("convention", "value").iter_rows())
    needed = range(first, first + years)
    whole = sum(values[y] for y in needed) if all(y in values for y in needed) else None
    assert told.get(f"{CALENDAR} {first}–{first + years - 1}") == whole
    cut = [*needed, first + years]
    half = (
        sum(values[y] * (0.5 if y in (cut[0], cut[-1]) else 1) for y in cut) if all(y in values for y in cut) else None
    )
    assert told.get(HALF) == half


def test_disagreement__kazakhstan_2010_to_2015():
    rows = disagreement("KAZ", "net_migration").filter(pl.col("start") == date(2010, 7, 1))
    un = {(r, c): v for r, c, v in rows.select("release", "convention", "value").iter_rows() if r.startswith("un-wpp")}
    assert un[("un-wpp-2012", "sum over age groups")] == 0
    assert [round(un[(f"un-wpp-{e}", None)] / 1000, 1) for e in (2015, 2017, 2019)] == [159.8] * 3
    assert round(un[("un-wpp-2022", HALF)] / 1000) == 31
    assert round(un[("un-wpp-2022", f"{CALENDAR} 2010–2014")] / 1000) == 49
    assert round(un[("un-wpp-2024", HALF)] / 1000) == -26
    assert round(un[("un-wpp-2024", f"{CALENDAR} 2010–2014")] / 1000) == -29
    assert rows["sign_flips"].all()


def test_disagreement__derived_claims_trace_to_their_parts():
    rows = disagreement("KAZ", "net_migration").filter(
        (pl.col("start") == date(2010, 7, 1)) & (pl.col("release") == "un-wpp-2024")
    )
    parts = trace(rows.filter(pl.col("convention") == HALF)["derived_from"].item().split())
    weights = [0.5, 1, 1, 1, 1, 0.5]
    total = sum(w * v for w, v in zip(weights, parts.sort("start")["value"], strict=True))
    assert total == pytest.approx(rows.filter(pl.col("convention") == HALF)["value"].item())


def test_disagreement__as_of_a_day_shows_nothing_later():
    rows = disagreement("KAZ", "net_migration", as_of="2018-05-03")
    assert rows["known"].max() <= date(2018, 5, 3)
    assert not set(rows["release"]) & {"un-wpp-2019", "un-wpp-2022", "un-wpp-2024", "world-bank-wdi-2026"}


def rivals_of(place: str, year: int, **more) -> pl.DataFrame:
    return disagreement(place, "net_migration", **more).filter(pl.col("start") == date(year, 7, 1))


def test_disagreement__one_edition_is_one_rival_of_a_window():
    table = yearly({2010: -9, 2011: -9, 2012: -9, 2013: -9, 2014: -9, 2015: 70})
    printed = yearly({2010: 1}, release="un-wpp-2019").with_columns(start=date(2010, 7, 1), end=date(2015, 7, 1))
    rows = rivals_of("KAZ", 2010, claims=pl.concat([table, printed]))
    assert dict(rows.select("convention", "taken").iter_rows()) == {
        HALF: True, f"{CALENDAR} 2010–2014": False, None: True,
    }  # fmt: skip
    half = -4.5 - 36 + 35
    assert rows.select("rivals", "lowest", "highest", "sign_flips").unique().rows() == [(2, half, 1.0, True)]
    # An edition that ends too early for the window has its calendar years alone.
    rows = rivals_of("KAZ", 2010, claims=pl.concat([table.filter(pl.col("start") < date(2015, 1, 1)), printed]))
    assert rows["taken"].all()
    assert rows.select("rivals", "lowest", "highest").unique().rows() == [(2, -45.0, 1.0)]
    # What an edition prints goes before the sum of its years.
    both = pl.concat([table, printed.with_columns(release=pl.lit("un-wpp-2024"))])
    assert rivals_of("KAZ", 2010, claims=both).filter("taken")["value"].to_list() == [1.0]
    told = periods(disagreement("KAZ", "net_migration", claims=pl.concat([table, printed])))
    window = next(p for p in told if p["start"] == date(2010, 7, 1))
    assert [(d["low"], d["high"], d["claims"]) for d in window["by_definition"]] == [(half, 1.0, 2)]


@pytest.mark.packaged
def test_disagreement__figures_of_other_years_are_no_rivals():
    told = rivals_of("AFG", 1995).select("rivals", "lowest", "highest", "sign_flips").unique().rows()
    assert told == [(7, -867_540.0, -312_834.5, False)]
    told = rivals_of("PHL", 2015).select("rivals", "lowest", "highest").unique().rows()
    assert told == [(7, -961_512.0, 58_233.5)]
    beside = compare(["PHL", "KAZ"]).filter(pl.col("start") == date(2015, 7, 1))
    assert beside.select("place", "newest", "lowest", "highest", "rivals").rows() == [
        ("KAZ", 21_312.5, -104_530.5, 21_312.5, 6),
        ("PHL", -961_512.0, -961_512.0, 58_233.5, 7),
    ]


@pytest.mark.packaged
def test_disagreement__a_period_that_ends_where_the_window_begins_is_not_in_it():
    told = disagreement("KAZ", "net_migration", since=2014, until=2014)
    assert set(told.select("start", "end").rows()) == {
        (date(2010, 7, 1), date(2015, 7, 1)), (date(2014, 1, 1), date(2015, 1, 1)),
    }  # fmt: skip
    assert told["lowest"].min() == -100_000  # the ranges are those of the whole table
    told = disagreement("KAZ", "net_migration", since="2010-07-01", until="2010-07-01")
    assert date(2005, 7, 1) not in set(told["start"])
    assert compare(["KAZ", "UZB"], since=2014, until=2014)["end"].min() == date(2015, 1, 1)
    with pytest.raises(BadDate, match="swap them"):
        disagreement("KAZ", "net_migration", since=2015, until=2014)


@pytest.mark.packaged
def test_disagreement__nobody_reported_it_with_that_counterpart():
    with pytest.raises(NoEvidence) as told:
        disagreement("KAZ", "net_migration", counterpart="RUS")
    assert "for Kazakhstan with the counterpart Russia." in str(told.value)
    assert "For Kazakhstan with Russia: emigration, immigration, movements." in str(told.value)
    assert "Its total for Kazakhstan is reported." in str(told.value)
    with pytest.raises(NoEvidence, match=r"in the stream skilled\. Its total"):
        disagreement("KAZ", "net_migration", stream="skilled")


def test_disagreement__streams_and_definitions_stay_apart():
    rows = disagreement("KAZ", "net_migration")
    told = periods(rows)
    assert all(p["low"] is None or p["low"] <= p["high"] for p in told)
    year = next(p for p in told if (p["start"], p["end"]) == (date(2005, 1, 1), date(2006, 1, 1)))
    assert {"un_resident", "reg_permanent"} <= {d["definition"] for d in year["by_definition"]}


def test_disagreement__the_register_of_kazakhstan_is_whole():
    rows = evidence("KAZ", "net_migration", stream="all").filter(
        pl.col("release").is_in(["bns-taldau", "cis-stat"])
        & pl.col("counterpart").is_null()
        & (pl.col("group") == "all")
    )
    for publisher in ("bns-taldau", "cis-stat"):
        told = {s.year: v for s, v in rows.filter(pl.col("release") == publisher).select("start", "value").iter_rows()}
        assert set(told) >= set(range(1991, 2026)), publisher
        assert told[2000] == -108_307
        assert told[2005] == 22_668
    two = rows.group_by("start").agg(pl.col("value").n_unique()).filter(pl.col("value") > 1)["start"].to_list()
    assert two == [date(2008, 1, 1)]


def test_disagreement__nobody_reported():
    with pytest.raises(NoEvidence, match="keruen evidence TKL"):
        disagreement("Tokelau", "ethnic_return")
    with pytest.raises(UnknownPlace):
        disagreement("Kirgizia", "net_migration")
    with pytest.raises(VocabularyError, match="net_migration"):
        disagreement("KAZ", "net_migraton")


def test_revisions__moves_of_kazakhstan():
    moves = revisions("net_migration", place="KAZ").moves.filter(
        (pl.col("start") == date(2010, 7, 1)) & (pl.col("pair") == "consecutive")
    )
    steps = {(a, b): c for a, b, c in moves.select("from", "to", "change").iter_rows()}
    assert steps[("un-wpp-2012", "un-wpp-2015")] == 159_807
    assert steps[("un-wpp-2015", "un-wpp-2017")] == 0
    assert steps[("un-wpp-2022", "un-wpp-2024")] == pytest.approx(-26_192.5 - 31_187.5)
    assert moves.filter(pl.col("from") == "un-wpp-2012")["projection"].all()


def test_revisions__consecutive_moves_add_up_to_the_move_to_the_newest():
    moves = revisions("net_migration", place=["KAZ", "DEU", "MEX"]).moves
    cell = ["place", "start", "end"]
    first = moves.filter(pl.col("pair") == "to the newest").group_by(cell, maintain_order=True).first()
    steps = moves.filter(pl.col("pair") == "consecutive").group_by(cell).agg(pl.col("change").sum().alias("steps"))
    both = first.join(steps, on=cell)
    order = [f"un-wpp-{e}" for e in (2008, 2010, 2012, 2015, 2017, 2019, 2022, 2024)]
    whole = moves.filter(pl.col("pair") == "to the newest").with_columns(
        pl.col("from").replace_strict(dict(zip(order, range(8), strict=True)), return_dtype=pl.Int64).alias("at")
    )
    earliest = whole.sort("at").group_by(cell, maintain_order=True).first().join(steps, on=cell)
    assert len(both) == len(earliest) > 20
    assert (earliest["change"] - earliest["steps"]).abs().max() < 1e-3


def test_revisions__as_of_a_day_ends_at_the_editions_known():
    found = revisions("net_migration", as_of="2018-05-03")
    assert set(found.moves["to"]) <= {f"un-wpp-{e}" for e in (2010, 2012, 2015, 2017)}
    assert not set(found.denominator) & {"un-wpp-2019", "un-wpp-2022", "un-wpp-2024"}
    today = revisions("net_migration")
    assert (
        today.moves.filter(pl.col("start") >= date(1960, 1, 1))["change_rate"].null_count()
        < found.moves["change_rate"].null_count()
    )


def test_revisions__statistics_and_ranking_are_of_the_moves():
    found = revisions("net_migration")
    everything = found.errors.filter((pl.col("by") == "all") & (pl.col("pair") == "consecutive"))
    mine = found.moves.filter(pl.col("pair") == "consecutive")
    assert everything["figures"].item() == len(mine)
    assert everything["share_unchanged"].item() == pytest.approx(mine["carried"].mean())
    assert found.ranking["mean_abs_rate"].drop_nulls().is_sorted(descending=True)
    assert found.ranking["place"].n_unique() == len(found.ranking) > 190


def test_revisions__a_year_and_the_sum_it_is_part_of_are_not_both_counted():
    moves = revisions("net_migration", place="KAZ").moves
    assert ((moves["end"] - moves["start"]).dt.total_days() > 1000).all()
    population = revisions("births", place="KAZ").moves  # no edition prints longer windows of both
    assert len(population) > 0


def test_revisions__print_how_far_the_past_moved():
    found = revisions("net_migration", place=["KAZ", "UZB"])
    past = [r for r in found.moves.to_dicts() if r["pair"] == "consecutive" and not r["projection"]]
    mean = np.mean([abs(r["change_rate"]) for r in past])
    turned = np.mean([r["before"] * r["after"] < 0 for r in past])
    told = repr(found)
    assert f"Revisions of net migration, 2 places, 8 editions: of {len(past)} estimates" in told
    assert f"turned the sign of {turned:.0%}; on average it moved them by {mean:.2f} per 1,000 person-years." in told
    assert len(told) < 400
    assert "<table" in found._repr_html_()
    assert "Uzbekistan" in found._repr_html_()  # the ranking
    assert "&lt;b&gt;" in replace(found, measure="<b>")._repr_html_()
    one = replace(found, moves=found.moves.filter(pl.col("place") == "KAZ"), ranking=found.ranking.head(1))
    assert "Revisions of net migration, KAZ, 8 editions" in repr(one)
    assert "change_percent" in one._repr_html_()  # the moves themselves
    unknown = replace(one, moves=one.moves.with_columns(change_rate=pl.lit(None, pl.Float64)))
    moved = [abs(r["change_percent"]) for r in past if r["place"] == "KAZ" and r["change"] != 0]
    assert f"it moved half of the others by {np.median(moved):.1f}% or more" in repr(unknown)
    assert "of 0 estimates" not in repr(replace(one, moves=one.moves.clear()))


def test_revisions__need_two_editions():
    with pytest.raises(Incomparable, match="two editions"):
        revisions("net_migration", as_of="2009-12-31")


def test_compare__newest_lies_within_the_range():
    rows = compare(["KAZ", "Узбекистан"])
    assert (rows["newest"] >= rows["lowest"]).all()
    assert (rows["newest"] <= rows["highest"]).all()
    assert set(rows["name"]) == {"Kazakhstan", "Uzbekistan"}


def test_double_entry__the_mirror_gap_of_2023():
    rows = double_entry("KAZ", "RUS").filter(pl.col("start") == date(2023, 1, 1))
    assert (rows["sent"] == 11_737).any()
    assert (rows["received"] == 48_465).any()
    assert rows["definition_sent"].drop_nulls().n_unique() >= 1


def test_compare__a_copy_is_not_the_newest():
    rows = compare(["KAZ"])
    assert not set(rows["newest_release"]) & {"world-bank-wdi-2026", "world-bank-wdi-2025"}


def test_side_by_side__figures_are_those_of_compare():
    rows = compare(["KAZ", "UZB"], as_of="2018-05-03")
    eye = side_by_side(rows)
    assert eye["start"].min() == date(1990, 7, 1)
    assert eye["end"].max() == date(2015, 7, 1)
    for r in eye.iter_rows(named=True):
        same = rows.filter((pl.col("start") == r["start"]) & (pl.col("end") == r["end"]))
        for p in same.iter_rows(named=True):
            code = p["place"]
            assert (r[code], r[f"{code} lowest"], r[f"{code} highest"]) == (p["newest"], p["lowest"], p["highest"])


@pytest.mark.packaged
def test_revisions__the_order_of_rows_changes_nothing_and_what_is_printed_counts():
    """The edition of 2024 prints five-year figures beside yearly ones, whose sums differ from them."""
    claims = evidence(["ABW", "KAZ", "TON"], "net_migration", stream="all", sex="all")
    found = [
        revisions("net_migration", family="un-wpp", claims=one).moves
        for one in (claims, claims.reverse(), claims.sample(fraction=1, shuffle=True, seed=3))
    ]
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])
    newest = claims.filter(
        (pl.col("place") == "ABW") & (pl.col("release") == "un-wpp-2024") & (pl.col("start") == date(2020, 7, 1))
        & (pl.col("end") == date(2025, 7, 1))
    )  # fmt: skip
    after = found[0].filter((pl.col("place") == "ABW") & (pl.col("start") == date(2020, 7, 1)))["after"]
    assert set(after.tail(1)) <= set(newest["value"])
