"""Remittances: the matrix, its laws and a slow twin; concentration; shares; the search for a share."""

from dataclasses import replace
from datetime import date
from importlib import import_module
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen import figures_remittances, store, yearly
from keruen import money_matrix as matrices
from keruen import shares as share
from keruen.adding import add
from keruen.contract import claims, ids
from keruen.errors import BadDate, FaultyTable, InfeasibleMargins, NoEvidence, VocabularyError
from keruen.estimators import corridors
from keruen.leverage import leverage

room = import_module("keruen.remittances")  # the package's own name is the function

CODES = ["KAZ", "KGZ", "RUS", "TJK", "UZB"]
SIZES = st.floats(0, 1e7, allow_subnormal=False).map(lambda v: round(v, 3))


def cube(stock):
    n = len(stock)
    return xr.DataArray(
        np.array(stock, float),
        dims=("birthplace", "residence"),
        coords={"birthplace": CODES[:n], "residence": CODES[:n]},
    )


def received(values):
    return xr.DataArray(np.array(values, float), dims="receiving", coords={"receiving": CODES[: len(values)]})


def incomes(values):
    return xr.DataArray(np.array(values, float), dims="place", coords={"place": CODES[: len(values)]})


@st.composite
def worlds(draw, n=4):
    stock = [[draw(SIZES) for _ in range(n)] for _ in range(n)]
    money = [draw(st.floats(1, 1e10)) for _ in range(n)]
    wages = [draw(st.floats(100, 1e5)) for _ in range(n)]
    return stock, money, wages


def twin(stock, money, wages, beta):
    """Ratha and Shaw, cell by cell, as a person would do it by hand."""
    n = len(stock)
    out = [[0.0] * n for _ in range(n)]
    for i in range(n):
        parts = []
        for j in range(n):
            f = wages[i] if wages[j] < wages[i] else wages[i] + (wages[j] - wages[i]) ** beta
            parts.append(0.0 if i == j else stock[i][j] * f)
        for j in range(n):
            out[i][j] = money[i] * parts[j] / sum(parts) if sum(parts) else 0.0
    return np.array(out)


# ---------------------------------------------------------------- the matrix


@settings(deadline=None, max_examples=60)
@given(worlds(), st.floats(0.1, 1.0))
def test_matrix__equals_the_slow_twin(world, beta):
    stock, money, wages = world
    made = corridors.matrix(received(money), cube(stock), incomes(wages), beta=beta).isel(draw=0)
    np.testing.assert_allclose(made.values, twin(stock, money, wages, beta), rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(worlds(), st.sampled_from(corridors.METHODS))
def test_matrix__margins_are_the_inflows(world, method):
    stock, money, wages = world
    made = corridors.matrix(received(money), cube(stock), incomes(wages), method=method).isel(draw=0)
    people = np.array(stock) * (1 - np.eye(len(stock)))
    sums, abroad = made.sum("sending").values, people.sum(axis=1) > 0
    np.testing.assert_allclose(sums[abroad], np.array(money)[abroad], rtol=1e-9)
    assert (sums[~abroad] == 0).all()
    assert set(made.attrs["unallocated"]) == {c for c, a in zip(CODES, abroad, strict=False) if not a}


@settings(deadline=None, max_examples=40)
@given(worlds())
def test_matrix__no_stock_no_money(world):
    stock, money, wages = world
    stock[1][2] = 0.0
    stock[3] = [0.0] * 4
    made = corridors.matrix(received(money), cube(stock), incomes(wages)).isel(draw=0)
    assert made.sel(receiving="KGZ", sending="RUS").item() == 0
    assert (made.sel(receiving="TJK") == 0).all()
    assert (np.diag(made.values) == 0).all()


@settings(deadline=None, max_examples=40)
@given(worlds(), st.permutations(range(4)), st.floats(0.01, 100))
def test_matrix__relabelling_and_scales(world, order, factor):
    stock, money, wages = (np.array(x) for x in world)
    base = corridors.matrix(received(money), cube(stock), incomes(wages)).isel(draw=0).values
    o = np.array(order)
    moved = corridors.matrix(received(money[o]), cube(stock[np.ix_(o, o)]), incomes(wages[o])).isel(draw=0).values
    np.testing.assert_allclose(moved, base[np.ix_(o, o)], rtol=1e-9, atol=1e-9)
    richer = corridors.matrix(received(money * factor), cube(stock), incomes(wages)).isel(draw=0).values
    np.testing.assert_allclose(richer, base * factor, rtol=1e-9, atol=1e-9)
    larger = corridors.matrix(received(money), cube(stock * factor), incomes(wages)).isel(draw=0).values
    np.testing.assert_allclose(larger, base, rtol=1e-7, atol=1e-7)


def test_matrix__ratha_shaw_depends_on_the_unit_of_income():
    stock, money = [[0, 10, 10], [5, 0, 5], [1, 1, 0]], [100, 100, 100]
    dollars = corridors.matrix(received(money), cube(stock), incomes([1000, 5000, 20000]))
    thousands = corridors.matrix(received(money), cube(stock), incomes([1, 5, 20]))
    assert not np.allclose(dollars.values, thousands.values)


def test_matrix__absent_inflow_is_an_absent_row():
    made = corridors.matrix(received([np.nan, 5, 0]), cube([[0, 1, 1], [1, 0, 1], [1, 1, 0]]), method="stocks")
    assert np.isnan(made.sel(receiving="KAZ").values).all()
    assert (made.sel(receiving="RUS") == 0).all()
    assert made.attrs["unallocated"] == {}


def test_matrix__is_fast_enough_for_the_world():
    from time import process_time

    rng = np.random.default_rng(0)
    n = 235
    codes = [f"P{i:03d}" for i in range(n)]
    stock = xr.DataArray(
        rng.lognormal(5, 3, (n, n)), dims=("birthplace", "residence"), coords={"birthplace": codes, "residence": codes}
    )
    money = xr.DataArray(rng.lognormal(18, 2, n), dims="receiving", coords={"receiving": codes})
    wage = xr.DataArray(rng.lognormal(9, 1, n), dims="place", coords={"place": codes})
    begun = process_time()
    made = corridors.matrix(money, stock, wage)
    assert process_time() - begun < 0.5  # the promise is 0.2 s; this machine may be busy
    np.testing.assert_allclose(made.isel(draw=0).sum("sending"), money, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"method": "guess"}, VocabularyError, "not a way to weigh"),
        ({"beta": 0.0}, VocabularyError, "beta is 0"),
        ({"income": None}, NoEvidence, "method='stocks'"),
        ({"income": incomes([1, 2])}, NoEvidence, "No income per head of RUS"),
        ({"stock": cube([[0, -1, 1], [1, 0, 1], [1, 1, 0]])}, InfeasibleMargins, "absent or negative"),
        ({"stock": cube([[0, np.nan, 1], [1, 0, 1], [1, 1, 0]])}, InfeasibleMargins, "absent or negative"),
        ({"inflows": received([1, -2, 3])}, InfeasibleMargins, "KGZ receives -2"),
        ({"inflows": received([1, 2])}, VocabularyError, "same places"),
        ({"stock": cube([[0, 0, 0], [1, 0, 1], [1, 1, 0]]), "strict": True}, InfeasibleMargins, "KAZ: money came"),
    ],
)
def test_matrix__bad_input(change, error, words):
    given_ = {
        "inflows": received([1, 2, 3]),
        "stock": cube([[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
        "income": incomes([1, 2, 3]),
    } | change
    with pytest.raises(error, match=words):
        corridors.matrix(**given_)


def test_checked_matrix__tells_every_fault_at_once():
    table = pl.DataFrame(
        {
            "receiving": ["TJK", "TJK", "KGZ", None, "Oz", "UZB"],
            "sending": ["RUS", "RUS", "RUS", "RUS", "RUS", "KAZ"],
            "usd": [1.0, 2.0, -3.0, 4.0, 5.0, None],
        }
    )
    with pytest.raises(FaultyTable) as caught:
        corridors.checked_matrix(table)
    said = "\n".join(caught.value.faults)
    for words in ("twice", "below zero", "not labelled", "'Oz'", "empty or not a number"):
        assert words in said


def test_checked_matrix__array_without_labels():
    with pytest.raises(FaultyTable, match="no labels"):
        corridors.checked_matrix(xr.DataArray(np.ones((2, 2)), dims=("receiving", "sending")))
    with pytest.raises(FaultyTable, match="missing"):
        corridors.checked_matrix(xr.DataArray(np.ones((2, 2)), dims=("a", "sending")))


def test_checked_matrix__absent_is_not_zero():
    table = pl.DataFrame({"receiving": ["TJK", "KGZ"], "sending": ["RUS", "KAZ"], "usd": [3.0, 0.0]})
    made = corridors.checked_matrix(table)
    assert made.sel(receiving="KGZ", sending="KAZ").item() == 0
    assert np.isnan(made.sel(receiving="TJK", sending="KAZ").item())
    again = corridors.checked_matrix(made)
    xr.testing.assert_identical(again.drop_attrs(), made.drop_attrs())


# ---------------------------------------------------------------- rival editions


def test_rival_stocks__one_draw_is_the_newest_that_knows():
    old, new = cube([[0, 1, 2], [3, 0, 4], [5, 6, 0]]), cube([[0, 10, 0], [30, 0, 0], [50, 60, 0]])
    made = corridors.rival_stocks({"old": old, "new": new}, np.random.default_rng(0), 1).isel(draw=0)
    assert made.sel(residence="KAZ").values.tolist() == [0, 30, 50]
    assert made.sel(residence="RUS").values.tolist() == [2, 4, 0]  # the new edition knows nobody there


def test_rival_stocks__hosts_are_drawn_whole_and_alike():
    old, new = cube([[0, 1, 2], [3, 0, 4], [5, 6, 0]]), cube([[0, 10, 20], [30, 0, 40], [50, 60, 0]])
    made = corridors.rival_stocks({"old": old, "new": new}, np.random.default_rng(1), 4000)
    first = made.sel(residence="KAZ")
    assert {tuple(v) for v in first.values} == {(0, 3, 5), (0, 30, 50)}
    assert abs(float((first.isel(birthplace=1) == 30).mean()) - 0.5) < 0.03


def test_rival_stocks__nothing_to_draw_from():
    with pytest.raises(NoEvidence, match="no edition"):
        corridors.rival_stocks({}, np.random.default_rng(0), 3)


# ---------------------------------------------------------------- concentration


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30).filter(lambda x: sum(x) > 1e-6))
def test_concentration__bounds(amounts):
    told = corridors.concentration(amounts)
    n = sum(a > 0 for a in amounts)
    assert 1 / n - 1e-9 <= told["hhi"] <= 1 + 1e-9
    assert 1 - 1e-9 <= told["effective"] <= n + 1e-6
    assert told["largest"] ** 2 <= told["hhi"] + 1e-9 <= told["largest"] + 2e-9


def test_concentration__one_host_none_and_a_debt():
    assert corridors.concentration([5.0, 0.0]) == {"hhi": 1.0, "effective": 1.0, "largest": 1.0}
    assert all(np.isnan(v) for v in corridors.concentration([np.nan, 0.0]).values())
    with pytest.raises(VocabularyError, match="below zero"):
        corridors.concentration([-1.0])


def test_compare_matrices__a_copy_and_a_shift():
    one = corridors.checked_matrix(
        pl.DataFrame({"receiving": ["TJK", "KGZ", "UZB"], "sending": ["RUS", "RUS", "KAZ"], "usd": [3.0, 2.0, 1.0]})
    )
    same = corridors.compare_matrices(one, one)
    assert same.correlation == pytest.approx(1)
    assert same.moved == 0
    assert same.cells == 3
    moved = one.copy()
    moved.loc[{"receiving": "UZB", "sending": "KAZ"}] = 4.0
    other = corridors.compare_matrices(moved, one)
    assert other.differences["sending"][0] == "KAZ"
    assert other.log_error == pytest.approx(np.log(4) / 3)


# ---------------------------------------------------------------- claims


def claimed(measure, rows, release, **more):
    """rows of (start, end, value, counterpart)."""
    frame = pl.DataFrame(
        [{"start": s, "end": e, "value": v, "counterpart": c} for s, e, v, c in rows],
        schema_overrides={"counterpart": pl.String},
    )
    table = claims(
        frame, measure=measure, place="TJK", release=release, status="estimate", definition="x", known=date(2020, 1, 1),
        **more,
    )  # fmt: skip
    return table.with_columns(ids(table), pl.lit("s").alias("source"), pl.lit("USD").alias("unit"))


def annual(year, value, counterpart=None):
    return (date(year, 1, 1), date(year + 1, 1, 1), value, counterpart)


def months(year, value, counterpart, n=12):
    edges = [*(date(year, m, 1) for m in range(1, 13)), date(year + 1, 1, 1)]
    return [(s, e, value, counterpart) for s, e in list(pairwise(edges))[:n]]


TAJIK = pl.concat(
    [
        claimed("gdp", [annual(2014, 9.1e9), annual(2015, 8.2e9)], "wdi-2026"),
        claimed("gdp", [annual(2014, 9.2e9)], "wdi-2022"),
        claimed("remittances_received", [annual(2014, 3.4e9), annual(2016, 1.8e9)], "wdi-2026"),
        claimed("remittances_share_gdp", [annual(2014, 37.1)], "wdi-2022"),
        claimed(
            "money_transfers", [annual(2014, 3.831e9, "RUS"), (date(2014, 1, 1), date(2014, 7, 1), 1e9, "RUS")], "p"
        ),
        claimed("money_transfers", months(2015, 1e7, "ARM") + months(2014, 1e7, "ARM", 11), "cba"),
    ]
)


def test_yearly_transfers__sums_whole_years_only():
    made = yearly.yearly_transfers(TAJIK)
    told = {(r["year"], r["counterpart"]): r for r in made.iter_rows(named=True)}
    assert set(told) == {(2014, "RUS"), (2015, "ARM")}
    assert told[2015, "ARM"]["value"] == pytest.approx(1.2e8)
    assert len(told[2015, "ARM"]["derived_from"].split()) == 12
    assert told[2014, "RUS"]["derived_from"] is None


def test_shares__every_pair_and_published_apart():
    made = share.shares(TAJIK)
    one = made.filter(pl.col("year") == 2014)
    pairs = {(r["measure"], r["release"], r["gdp_release"]): r for r in one.iter_rows(named=True)}
    assert pairs["remittances_share_gdp", "wdi-2022", "wdi-2022"]["share_gdp"] == 37.1
    assert not pairs["remittances_share_gdp", "wdi-2022", "wdi-2022"]["derived"]
    assert pairs["remittances_received", "wdi-2026", "wdi-2022"]["share_gdp"] == pytest.approx(100 * 3.4 / 9.2)
    assert pairs["money_transfers", "p", "wdi-2026"]["share_gdp"] == pytest.approx(100 * 3.831 / 9.1)
    assert len(pairs["money_transfers", "p", "wdi-2026"]["ids"].split()) == 2
    without = made.filter((pl.col("year") == 2016) & (pl.col("measure") == "remittances_received"))
    assert without["share_gdp"].item() is None
    assert without["value_usd"].item() == 1.8e9


def test_shares_within__says_whether_any_means_it():
    told = share.shares_within(share.shares(TAJIK), 36, 38, "RUS")
    assert "none of them means money from Russia" in told.sentence
    assert told.rows.filter("within").height == 3  # 37.1 published, 3.4/9.1 = 37.4, 3.4/9.2 = 37.0
    wide = share.shares_within(share.shares(TAJIK), 36, 43, "RUS")
    assert "mean money from Russia" in wide.sentence
    assert "0 lie within" in share.shares_within(share.shares(TAJIK), 90, 95, "RUS").sentence
    with pytest.raises(VocabularyError, match="lower end first"):
        share.shares_within(share.shares(TAJIK), 38, 36)


def test_shares__one_place_at_a_time():
    other = TAJIK.head(1).with_columns(place=pl.lit("KGZ"))
    with pytest.raises(VocabularyError, match="one place's GDP"):
        share.shares(pl.concat([TAJIK, other]))


def test_yearly_stocks__between_points_and_beyond():
    rows = [(d, d, v, "TJK") for d, v in ((date(2010, 7, 1), 100.0), (date(2020, 7, 1), 200.0))]
    table = claimed("stock", rows, "un-ims-2020", basis="mixed").with_columns(place=pl.lit("RUS"))
    for year, value in ((2005, 100), (2015, 150), (2018, 180), (2024, 200)):
        made = yearly.yearly_stocks(table, year, CODES)["un-ims-2020"]
        assert made.sel(birthplace="TJK", residence="RUS").item() == pytest.approx(value)
        assert made.sel(birthplace="KGZ", residence="RUS").item() == 0


def test_shares__the_product_of_a_part_divides_nothing():
    whole = claimed("gdp", [annual(2014, 9e9)], "una")
    part = claimed("gdp", [annual(2014, 1e9), annual(2015, 1e9)], "una", group="territory=North")
    money = claimed("remittances_received", [annual(2014, 3e9), annual(2015, 3e9)], "wdi-2026")
    for told in ([whole, part, money], [part, money, whole]):
        made = share.shares(pl.concat(told))
        assert made.select("year", "share_gdp").rows() == [(2014, pytest.approx(100 / 3)), (2015, None)]
    assert room._one_gdp(pl.concat([part, whole]))["gdp"].to_list() == [9e9]
    assert room._one_gdp(part).is_empty()


def test_yearly__a_part_of_a_place_never_speaks_for_it():
    whole = claimed("gdp", [annual(2014, 9e9)], "una")
    part = claimed("gdp", [annual(2014, 1e9), annual(2015, 1e9)], "unb", group="territory=North")
    for told in (pl.concat([whole, part]), pl.concat([part, whole])):
        assert yearly.newest(told, "gdp", 2014)["value"].to_list() == [9e9]
        assert yearly.newest(told, "gdp", 2015).is_empty()
        assert yearly.latest(told, "gdp")["value"].to_list() == [9e9]
        assert yearly.latest_by_year(told, "gdp") == {2014: {"TJK": 9e9}}
        assert yearly.rival_inflows(told, 2014, ["TJK"], np.random.default_rng(0), 1).tolist() == [[9e9]]
    women = claimed("money_transfers", months(2015, 1e6, "RUS"), "cba", sex="female")
    made = yearly.yearly_transfers(pl.concat([claimed("money_transfers", months(2015, 3e6, "RUS"), "cba"), women]))
    assert made["value"].to_list() == [3.6e7]


def own_figure(measure, place, year, value, released):
    row = {"measure": measure, "place": place, "start": date(year, 1, 1), "end": date(year + 1, 1, 1), "value": value}
    return add(pl.DataFrame([row]), source=f"Invented {measure} {released}", released=released)


@pytest.mark.packaged
def test_own__editions_stand_in_the_order_of_the_days_on_their_cards(home):
    """A figure of 2018 is older than the edition of 2026, and one of September 2026 is newer."""
    own_figure("remittances_received", "PHL", 2017, 1e9, "2018-05")
    own_figure("gdp", "PHL", 2017, 5e11, "2026-09")
    row = matrices.remittance_matrix(2017).isel(draw=0).sel(receiving="PHL")
    assert float(row.sum()) == pytest.approx(32.8e9, rel=2e-3)
    told = store.evidence("PHL", ["gdp", "remittances_received"])
    assert yearly.newest(told, "gdp", 2017)["value"].to_list() == [5e11]
    assert yearly.latest_by_year(told, "gdp")[2017] == {"PHL": 5e11}
    assert float(yearly.newest(told, "remittances_received", 2017)["value"].item()) == pytest.approx(32.8e9, rel=2e-3)
    money = row.sel(sending="USA").item()
    held = leverage("USA", "PHL", year=2017, draws=1).table.row(0, named=True)
    assert held["dependence"] == pytest.approx(100 * held["income_usd"] / 5e11)
    assert held["income_usd"] == pytest.approx(money)


@pytest.mark.packaged
def test_latest__own_figures_give_the_series_of_their_places_alone(home):
    own_figure("gdp_growth", "PHL", 2019, 99.0, "2026-09")
    own_figure("gdp_growth", "TJK", 2018, 98.0, "2026-09")
    own_figure("gdp_growth", "TJK", 2019, 97.0, "2026-09")
    own_figure("gdp_growth", "KGZ", 2018, 96.0, "2018-05")
    own_figure("gdp_growth", "KGZ", 2019, 95.0, "2018-05")
    made = yearly.latest(store.evidence(measure="gdp_growth"), "gdp_growth")
    assert made.filter(pl.col("place") == "TJK").select("year", "value").rows() == [(2018, 98.0), (2019, 97.0)]
    others = made.filter(pl.col("place") != "TJK")
    assert set(others["release"]) == {"world-bank-wdi-2026"}
    assert others["place"].n_unique() > 200


def test_filled_incomes__by_subregion_and_told():
    made, filled = yearly.filled_incomes({"KAZ": 10000.0, "KGZ": 1000.0, "UZB": 2000.0}, ["KAZ", "TJK"])
    assert made.values.tolist() == [10000, 2000]
    assert filled == ["TJK"]
    with pytest.raises(NoEvidence, match="or of any place near it"):
        yearly.filled_incomes({}, ["KAZ"])


# ---------------------------------------------------------------- on the packaged evidence


@pytest.mark.packaged
def test_remittances__tajikistan_keeps_three_things_apart():
    told = room.remittances("TJK", since=2012, until=2017, draws=100)
    reported = told.hosts.filter((pl.col("method") == "reported") & (pl.col("place") == "RUS"))
    pages = {(r["year"], round(r["usd"] / 1e6)) for r in reported.iter_rows(named=True)}
    assert {(2012, 3651), (2013, 4155), (2014, 3831), (2015, 1278), (2016, 1929), (2017, 2536)} <= pages
    assert set(told.shares.filter(pl.col("counterpart") == "RUS")["measure"]) == {"money_transfers"}
    published = told.shares.filter((pl.col("measure") == "remittances_share_gdp") & (pl.col("year") == 2014))
    assert set(published["share_gdp"].round(1)) == {37.1}
    assert set(published["derived"]) == {True, False}
    plain = room.told(told)
    year = next(y for y in plain["years"] if y["year"] == 2015)
    assert {c["measure"] for c in year["claims"]} >= {"money_transfers", "remittances_received"}
    assert {f["method"] for f in year["from"]} == {"reported", "ratha_shaw"}


@pytest.mark.packaged
def test_remittances__print_the_newest_year_and_the_largest_host():
    found = room.remittances("TJK", since=2012, until=2017, draws=50)
    rows = [r for r in found.shares.to_dicts() if r["measure"] == "remittances_received" and r["year"] == 2017]
    usd, part = [r["value_usd"] / 1e6 for r in rows], [r["share_gdp"] for r in rows]
    top = next(r for r in found.concentration.to_dicts() if r["year"] == 2017 and r["method"] == "ratha_shaw")
    told = repr(found)
    assert told.startswith(f"Tajikistan received {min(usd):,.1f} ")
    assert f"{max(usd):,.1f} million USD of remittances in 2017, {min(part):.1f}" in told
    assert f"{max(part):.1f}% of GDP by rival figures; {top['largest_host']} sent {top['largest']:.0%} (80% " in told
    assert len(told) < 400
    assert "<table" in found._repr_html_()
    assert "Antigua &amp; Barbuda received" in replace(found, place="ATG")._repr_html_()
    transfers = replace(found, shares=found.shares.filter(pl.col("measure") == "money_transfers"))
    assert repr(transfers).startswith("Nobody reports the remittances that Tajikistan receives")


@pytest.mark.packaged
def test_remittances__months_of_the_first_year_are_counted_and_definitions_told_apart():
    """Armenia's central bank reports months: of all purposes, and of the non-commercial ones among them."""
    one, two = (room.remittances("ARM", since=since, until=2020, draws=10).hosts for since in (2020, 2019))
    told = [
        h.filter(method="reported", year=2020).with_columns(pl.col("usd", "share_gdp").round(6)) for h in (one, two)
    ]
    assert told[0].height == 20
    assert told[0].equals(told[1])
    assert not {2018, 2021} & set(two["year"])
    russia = one.filter(method="reported", place="RUS")
    assert dict(russia.select("definition", pl.col("usd").round()).iter_rows()) == {
        "transfers_cba_total": 824_360_430, "transfers_cba_noncommercial": 673_868_940,
    }  # fmt: skip
    with pytest.raises(BadDate, match="swap them"):
        room.remittances("ARM", since=2020, until=2019)


@pytest.mark.packaged
def test_remittances__no_figure_sum_or_sentence_mixes_two_definitions():
    found = room.remittances("ARM", since=2019, until=2020, draws=10)
    plain = next(y for y in room.told(found, hosts=3)["years"] if y["year"] == 2020)
    reported = [f for f in plain["from"] if f["method"] == "reported"]
    for definition in ("transfers_cba_total", "transfers_cba_noncommercial"):
        assert next(f["place"] for f in reported if f["definition"] == definition) == "RUS"
        assert len([f for f in reported if f["definition"] == definition]) == 3
    assert {c["definition"] for c in plain["claims"] if c["measure"] == "money_transfers"} == {
        "transfers_cba_total", "transfers_cba_noncommercial",
    }  # fmt: skip
    drawn = figures_remittances.hosts(found.hosts, "ARM")
    assert "non-commercial (Central Bank of Armenia)" in drawn.svg
    assert "all purposes (Central Bank of Armenia)" in drawn.svg
    assert "(2019; Transfers through Armenian banks, all purposes (Central Bank of Armenia))." in drawn.alt
    parts = found.shares.filter((pl.col("counterpart") == "RUS") & (pl.col("year") == 2020))
    said = share.shares_within(found.shares, parts["share_gdp"].min(), parts["share_gdp"].max(), "RUS").sentence
    assert "(transfers_cba_noncommercial of central-bank-armenia over" in said
    assert "(transfers_cba_total of central-bank-armenia over" in said


@pytest.mark.packaged
def test_shares__of_tanzania_and_yemen_are_of_the_whole():
    """Zanzibar's product and the Yemen Arab Republic's stand as groups of Tanzania and Yemen."""
    tanzania = room.remittances("TZA", since=2010, until=2010, draws=1)
    assert "344.3 million USD of remittances in 2010, 1.1% of GDP" in repr(tanzania)
    assert tanzania.shares["share_gdp"].max() == pytest.approx(100 * 344.3 / 32013, abs=0.1)
    found = share.share_search("TZA", 30, 45)
    assert found.sentence.endswith("0 lie within 30–45%.")
    yemen = room.remittances("YEM", since=1990, until=1990, draws=1).shares
    inflow, gdp = 1498.2, {"unsd-ama-2025": 4028.7, "world-bank-wdi-2022": 5647.1, "world-bank-wdi-2026": 12643.8}
    ours = yemen.filter(pl.col("measure") == "remittances_received")
    assert {r: pytest.approx(100 * inflow / g, rel=1e-3) for r, g in gdp.items()} == dict(
        ours.select("gdp_release", "share_gdp").iter_rows()
    )
    drawn = figures_remittances.dependence(share.shares(store.evidence("TZA", share.MONEY)), "TZA")
    assert "the most is 1.6% in 2023" in drawn.alt


@pytest.mark.packaged
def test_shares__kyrgyzstan_2018_and_russia_s_part_of_tajik_product():
    made = share.shares(store.evidence("KGZ", share.MONEY)).filter(pl.col("year") == 2018)
    told = made.filter((pl.col("measure") == "remittances_share_gdp") & ~pl.col("derived"))
    assert told["share_gdp"].round(1).to_list() == [32.5]
    rows = share.shares(store.evidence("TJK", share.MONEY)).filter(
        (pl.col("measure") == "money_transfers") & (pl.col("gdp_release") == "world-bank-wdi-2026")
    )
    got = {r["year"]: round(r["share_gdp"], 1) for r in rows.sort("value_usd", descending=True).iter_rows(named=True)}
    assert [got[y] for y in (2012, 2013, 2015, 2016, 2017)] == [47.8, 49.2, 15.5, 27.6, 33.7]


@pytest.mark.packaged
def test_share_search__no_37_percent_came_from_russia():
    found = share.share_search("TJK", 36, 38, sender="RUS")
    assert not found.rows.filter("within").is_empty()
    assert "none of them means money from Russia" in found.sentence


@pytest.mark.packaged
def test_remittance_matrix__near_the_published_ones():
    for release, edition, floor in (
        ("world-bank-remittances-2018-04", "un-ims-2017", 0.98),
        ("world-bank-remittances-2022-12", "un-ims-2020", 0.99),
    ):
        theirs = matrices.published_matrix(release)
        inflows = theirs.sum("sending", skipna=True)
        made = matrices.remittance_matrix(
            theirs.attrs["year"], edition=edition, inflows=inflows.where(inflows > 0), prices="ppp"
        )
        near = corridors.compare_matrices(made, theirs)
        assert near.correlation > floor
        assert len(near.differences) == 10
        sums = made.isel(draw=0).sum("sending")
        for place in ("TJK", "MEX", "PHL"):
            assert float(sums.sel(receiving=place)) == pytest.approx(float(inflows.sel(receiving=place)), rel=1e-9)


@pytest.mark.packaged
def test_remittance_matrix__draws_and_what_was_known():
    made = matrices.remittance_matrix(2016, draws=8, as_of="2018-05-03")
    assert set(made.attrs["editions"]) == {"un-ims-2015", "un-ims-2017"}
    assert made.sizes["draw"] == 8
    stock = next(iter(matrices.world_stocks(2016, editions=["un-ims-2017"]).values()))
    mine = matrices.remittance_matrix(2016, stock=stock, draws=8)
    assert mine.sizes["draw"] == 8
    assert mine.attrs["editions"] == ["own"]
    again = matrices.remittance_matrix(2016, draws=8, as_of="2018-05-03")
    np.testing.assert_array_equal(made.values, again.values)
    with pytest.raises(NoEvidence, match="received in 2017"):  # it came out after that day
        matrices.remittance_matrix(2017, as_of="2018-05-03")
    with pytest.raises(NoEvidence, match="No edition of the stock"):
        matrices.world_stocks(1970)
    with pytest.raises(VocabularyError, match="not an edition"):
        matrices.remittance_matrix(2017, edition="un-ims-2024", as_of="2018-05-03")
    with pytest.raises(VocabularyError, match="not a price level"):
        matrices.remittance_matrix(2017, prices="pppp")


@pytest.mark.packaged
def test_remittances__a_host_s_total_alone_is_no_knowledge_of_its_people():
    """Editions of 2020 and 2024 tell Bonaire's total and no origin: matrix, hosts and leverage all take that of 2019."""
    row = matrices.remittance_matrix(2021).isel(draw=0).sel(receiving="ABW")
    hosts = room.remittances("ABW", since=2021, until=2021, draws=1).hosts.filter(method="ratha_shaw")
    usd = dict(hosts.select("place", "usd").iter_rows())
    assert usd == {
        str(s): pytest.approx(float(row.sel(sending=s))) for s in row["sending"].values if row.sel(sending=s) > 0
    }
    assert usd["BES"] == pytest.approx(1_458_033, abs=1)
    assert leverage("BES", "ABW", year=2021, draws=1).table["income_usd"].item() == pytest.approx(usd["BES"])
    assert {n for n, told in matrices.known_hosts(matrices.stock_editions(None)).items() if "BES" in told} == {
        "un-ims-2015", "un-ims-2017", "un-ims-2019",
    }  # fmt: skip


@pytest.mark.packaged
def test_rival_senders__are_rows_of_the_matrices():
    told = room.rival_senders("KAZ", 2021)
    assert told.group_by("matrix", "prices", "edition").agg(pl.col("share").sum())["share"].to_list() == pytest.approx(
        [100] * 17
    )
    for way, prices in room.WAYS:
        whole = matrices.remittance_matrix(2021, method=way, prices=prices or "current", edition="un-ims-2019")
        row = whole.isel(draw=0).sel(receiving="KAZ")
        mine = told.filter(
            (pl.col("edition") == "un-ims-2019") & (pl.col("matrix") == way) & pl.col("prices").eq_missing(prices)
        )
        assert len(mine) == int((row > 0).sum())
        theirs = [100 * float(row.sel(sending=s) / row.sum()) for s in mine["sender"]]
        assert mine["share"].to_list() == pytest.approx(theirs)
    bank = matrices.published_matrix("world-bank-remittances-2022-12").sel(receiving="KAZ")
    mine = told.filter(pl.col("matrix") == "published")
    theirs = [100 * float(bank.sel(sending=s) / bank.sum()) for s in mine["sender"]]
    assert mine["share"].to_list() == pytest.approx(theirs, rel=1e-3)
    behind = {i for line in told.filter(pl.col("sender") == "RUS")["ids"] for i in line.split()}
    assert {i.rpartition(":")[0] for i in behind} >= {"un-ims-2017", "un-ims-2024", "world-bank-remittances-2022-12"}
    assert told["sender"][0] == told.sort("share")["sender"][-1]


@pytest.mark.packaged
def test_rival_senders__the_year_and_the_day():
    assert set(room.rival_senders("TJK")["year"]) == {2021}
    then = room.rival_senders("TJK", as_of="2018-05-03")
    assert set(then["year"]) == {2017}
    assert not {"un-ims-2019", "un-ims-2020", "un-ims-2024"} & set(then["edition"])
    assert set(room.rival_senders("TJK", 2021, strict=True)["matrix"]) == {"published"}
    assert set(room.rival_senders("TJK", 2014)["matrix"]) == {"stocks", "incomes", "ratha_shaw"}
    assert room.rival_senders("TKM")["sender"].to_list() == ["RUS"]  # nobody reports an inflow to spread
    with pytest.raises(NoEvidence, match="published for 2017, 2018, 2021"):
        room.rival_senders("TJK", 1950)
    with pytest.raises(NoEvidence, match="No matrix tells who sends to VAT"):
        room.rival_senders("VAT")


@pytest.mark.packaged
def test_remittances__nobody_reported():
    with pytest.raises(NoEvidence, match="Nobody reported remittances"):
        room.remittances("VAT")


@pytest.mark.packaged
def test_ranking__tajikistan_is_among_the_first():
    told = share.ranking("TJK", since=2014, until=2014)
    assert told["rank"].max() <= 3
    assert told["of"].min() > 100


@pytest.mark.packaged
def test_strict__reaches_modelled_hosts_and_ranks():
    """Incomes by which hosts are weighed, and shares that are ranked, rest on a lag as much as inflows do."""
    day = "2018-05-03"
    loose, strict = (room.remittances("TJK", as_of=day, strict=s, draws=20) for s in (False, True))
    assert "ratha_shaw" in set(loose.hosts["method"])
    assert len(loose.ranking) > 1
    for release in {*strict.hosts["release"].drop_nulls(), *strict.ranking["release"]}:
        assert store.cards()[release].lag_months is None, release
    assert set(strict.hosts["release"]) < set(loose.hosts["release"])


@pytest.mark.packaged
def test_strict__every_question_to_the_evidence_is_strict(monkeypatch):
    """An inflow whose day is certain must not be spread by incomes whose day is inferred."""
    asked, ask = [], store.evidence

    def heard(*args, **options):
        asked.append((options.get("measure"), options.get("strict", False)))
        return ask(*args, **options | {"strict": False})  # as if no figure rested on a lag

    monkeypatch.setattr(store, "evidence", heard)
    room.remittances("TJK", as_of="2018-05-03", strict=True, draws=5)
    assert {"stock", "gdp_per_capita", "remittances_share_gdp"} <= {m for m, _ in asked}
    assert all(strict for _, strict in asked), asked
