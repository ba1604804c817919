"""Leverage: the formula's laws, a slow twin, ranks, the union's price, the network."""

from dataclasses import replace
from datetime import date
from importlib import import_module
from time import process_time

import numpy as np
import polars as pl
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen import access
from keruen import network as graph
from keruen.errors import NoEvidence, VocabularyError
from keruen.estimators import leverage as kernel

room = import_module("keruen.leverage")  # the package's own name is the function

PART = st.floats(0, 1)
CODES = ["KAZ", "KGZ", "RUS", "TJK"]


def cube(values, *dims):
    a = np.array(values, float)
    return xr.DataArray(a, dims=dims, coords=dict.fromkeys(dims, CODES[: a.shape[0]]))


def places_of(rows):
    p = np.array(rows, float)
    return p / p.sum(axis=1, keepdims=True)


@st.composite
def worlds(draw, n=4):
    people = np.array([[draw(st.floats(0.001, 1)) for _ in range(n)] for _ in range(n)])
    wages = np.array([draw(st.floats(1, 1000)) for _ in range(n)])
    d = np.array([[draw(PART) for _ in range(n)] for _ in range(n)])
    np.fill_diagonal(d, 0)
    return places_of(people), wages, d


def twin(p, w, d):
    n = len(w)
    g = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            kept = 0.0
            for k in range(n):
                if k != j and p[i, j] < 1:
                    kept += p[i, k] / (1 - p[i, j]) * min(1, w[k] / w[j])
            g[i, j] = d[i, j] * max(0, 1 - kept)
    return g


# ---------------------------------------------------------------- laws of the formula


@settings(deadline=None)
@given(worlds())
def test_leverages__equals_the_slow_twin(world):
    p, w, d = world
    made = kernel.leverages(cube(d, "receiving", "sending"), cube(p, "birthplace", "residence"), cube(w, "place"))
    np.testing.assert_allclose(made["gross"].isel(draw=0).values, twin(p, w, d), atol=1e-12)
    assert (made["gross"] >= 0).all()
    assert (made["gross"] <= made["dependence"] + 1e-12).all()
    np.testing.assert_allclose(made["asymmetry"].isel(draw=0), d - d.T)


@given(PART, PART)
def test_gross_leverage__zero_without_dependence_or_with_a_full_outside(d, outside):
    assert kernel.gross_leverage(0.0, outside) == 0
    assert kernel.gross_leverage(d, 1.0) == 0
    assert 0 <= kernel.gross_leverage(d, outside) <= d


@given(PART, PART, PART, PART)
def test_gross_leverage__monotone_in_dependence_and_outside(d, more, outside, wider):
    assert kernel.gross_leverage(max(d, more), outside) >= kernel.gross_leverage(min(d, more), outside)
    assert kernel.gross_leverage(d, max(outside, wider)) <= kernel.gross_leverage(d, min(outside, wider))


@settings(deadline=None)
@given(worlds(), st.floats(1, 10))
def test_outside__monotone_in_wages(world, factor):
    p, w, d = world
    base = kernel.gross_leverage(d, kernel.outside_options(p, kernel.wage_ratios(w)))
    better = w.copy()
    better[0] *= factor
    other = kernel.gross_leverage(d, kernel.outside_options(p, kernel.wage_ratios(better)))
    assert (other[:, 1:] <= base[:, 1:] + 1e-12).all()  # a better place elsewhere weakens every other holder
    assert (other[:, 0] >= base[:, 0] - 1e-12).all()  # and strengthens the one that pays more


@settings(deadline=None)
@given(worlds(), st.floats(0, 1))
def test_outside__more_people_where_pay_is_equal_weakens(world, part):
    # A part of those at home moves to a place that pays as much as the holder: the outside option cannot shrink.
    p, w, d = world
    w = w.copy()
    w[3], w[0] = w[2], min(w[0], w[2])
    moved = p.copy()
    moved[0, 3] += part * p[0, 0]
    moved[0, 0] -= part * p[0, 0]
    before = kernel.gross_leverage(d, kernel.outside_options(p, kernel.wage_ratios(w)))[0, 2]
    after = kernel.gross_leverage(d, kernel.outside_options(moved, kernel.wage_ratios(w)))[0, 2]
    assert after <= before + 1e-12


def test_outside__everyone_in_one_host_shows_no_other_way():
    p = np.array([[0.0, 0.0, 1.0], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]])
    assert kernel.outside_options(p, kernel.wage_ratios([1.0, 2.0, 3.0]))[0, 2] == 0


def test_leverages__worked_example():
    # Tajikistan-like: nine in ten at home for a tenth of the wage, the rest in RUS; d = 0.4.
    p = np.eye(4)
    p[3] = [0.01, 0.0, 0.09, 0.90]
    d = np.zeros((4, 4))
    d[3, 2] = 0.4
    w = np.array([800.0, 300.0, 1000.0, 100.0])
    made = kernel.leverages(cube(d, "receiving", "sending"), cube(p, "birthplace", "residence"), cube(w, "place"))
    kept = (0.01 * 0.8 + 0.90 * 0.1) / 0.91
    assert made["gross"].sel(over="TJK", holder="RUS").item() == pytest.approx(0.4 * (1 - kept))
    assert made["gross"].sel(over="TJK", holder="KAZ").item() == 0


def test_leverages__net_takes_the_holder_s_own_dependence():
    p, d, w = np.full((3, 3), 1 / 3), np.full((3, 3), 0.2), np.ones(3) * 5
    c = kernel.own_dependence(np.full((3, 3), 10.0), [100.0, 200.0, 400.0], labour_share=0.5, replaceable=0.2)
    made = kernel.leverages(
        cube(d, "receiving", "sending"), cube(p, "birthplace", "residence"), cube(w, "place"),
        cube(c, "receiving", "sending"),
    )  # fmt: skip
    assert made["cost"].sel(over="KAZ", holder="KGZ").item() == pytest.approx(0.02)
    np.testing.assert_allclose(made["net"], made["gross"] - made["cost"])


def test_leverages__the_world_a_thousand_times():
    n, draws = 235, 50
    rng = np.random.default_rng(0)
    codes = [f"P{i:03d}" for i in range(n)]
    p = rng.dirichlet(np.full(n, 0.2), (draws, n))
    d = rng.random((draws, n, n)) / n
    begun = process_time()
    kernel.leverages(
        xr.DataArray(d, dims=("draw", "receiving", "sending"), coords={"receiving": codes, "sending": codes}),
        xr.DataArray(p, dims=("draw", "birthplace", "residence"), coords={"birthplace": codes, "residence": codes}),
        xr.DataArray(rng.lognormal(9, 1, n), dims="place", coords={"place": codes}),
    )
    assert process_time() - begun < 4.0  # 20 s on two cores are promised for a thousand draws


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"d": 37.1}, VocabularyError, "above 100%"),
        ({"d": -0.1}, VocabularyError, "below zero"),
        ({"p": 0.7}, VocabularyError, "sum to"),
        ({"w": np.nan}, NoEvidence, "No wage of KAZ"),
        ({"w": 0.0}, VocabularyError, "above 0"),
        ({"c": -1.0}, VocabularyError, "A cost is -1"),
    ],
)
def test_leverages__bad_input(change, error, words):
    p, d, w, c = np.full((3, 3), 1 / 3), np.full((3, 3), 0.1), np.ones(3), np.zeros((3, 3))
    for name, array in (("p", p), ("d", d), ("c", c)):
        if name in change:
            array[0, 1] = change[name]
    w[0] = change.get("w", 1.0)
    with pytest.raises(error, match=words):
        kernel.leverages(
            cube(d, "receiving", "sending"), cube(p, "birthplace", "residence"), cube(w, "place"),
            cube(c, "receiving", "sending"),
        )  # fmt: skip


def test_leverages__absent_stays_absent():
    d = np.full((3, 3), 0.1)
    d[1] = np.nan
    made = kernel.leverages(
        cube(d, "receiving", "sending"),
        cube(np.full((3, 3), 1 / 3), "birthplace", "residence"),
        cube(np.ones(3), "place"),
    )
    assert np.isnan(made["gross"].sel(over="KGZ")).all()
    assert not np.isnan(made["gross"].sel(over="KAZ")).any()


# ---------------------------------------------------------------- ranks, sending home, price


def test_ranks__probabilities_over_draws():
    values = xr.DataArray(
        [[0.1, 0.3, 0.2, np.nan], [0.25, 0.3, 0.2, 1.0], [0.1, 0.05, 0.2, 1.0]],
        dims=("draw", "over"), coords={"over": CODES},
    )  # fmt: skip
    made = kernel.ranks(values)
    assert list(made["over"].values) == ["KAZ", "KGZ", "RUS"]
    assert made["p_first"].values.tolist() == pytest.approx([0, 2 / 3, 1 / 3])
    assert made["p_last"].values.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert made["rank"].sel(over="KGZ").item() == 1
    with pytest.raises(NoEvidence, match="nothing to rank"):
        kernel.ranks(values * np.nan)


def test_ranks__ties_share_their_chance():
    made = kernel.ranks(xr.DataArray([[0.0, 0.0, 1.0]], dims=("draw", "over"), coords={"over": CODES[:3]}))
    assert made["p_last"].values.tolist() == [0.5, 0.5, 0.0]


def test_sent_home__needs_a_part_of_one():
    assert kernel.sent_home(0.5, [10.0, 20.0], 4.0)["income"].tolist() == [5, 10]
    with pytest.raises(VocabularyError, match="20%"):
        kernel.sent_home(20, 1.0, 1.0)


def inputs(**changes):
    base = {
        "stock": (500_000, 400_000, 600_000), "working_share": (0.6, 0.4, 0.8), "permit_cost": (58_000, 50_000, 65_000),
        "exchange_rate": (61, 61, 61), "banned": (30_000, 0, 60_000), "earnings": (3_000, 2_000, 4_000),
        "gdp": (6.7e9, 6.7e9, 6.7e9),
    } | changes  # fmt: skip
    return [
        access.Input(name=n, value=v, low=lo, high=hi, unit="", because="a test")
        for n, (v, lo, hi) in base.items()
        if v
    ]


def made_of(swings, name):
    """The total at both ends of an input's range."""
    return swings.filter(pl.col("input") == name).select("usd_low", "usd_high").row(0)


def test_access_price__what_cannot_be_is_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(VocabularyError, match="80 is above 1; it is a part"):
        access.access_price("KGZ", "RUS", 2015, inputs(working_share=(60, 40, 80)), rng=rng)
    with pytest.raises(VocabularyError, match="stock: the range reaches below zero"):
        access.access_price("KGZ", "RUS", 2015, inputs(stock=(5, -1, 6)), rng=rng)
    with pytest.raises(NoEvidence, match="exchange rate is not above zero"):
        access.access_price("KGZ", "RUS", 2015, inputs(exchange_rate=(61, 0, 70)), rng=rng)
    with pytest.raises(VocabularyError, match="not a number"):
        access.Input(name="stock", value=1, low=0, high=float("inf"), unit="", because="x")


def test_access_price__a_dearer_dollar_makes_access_cheaper():
    made = access.access_price("KGZ", "RUS", 2015, inputs(exchange_rate=(61, 50, 70)), rng=np.random.default_rng(1))
    low, high = made_of(made.swings, "exchange_rate")
    assert low == pytest.approx(500_000 * 0.6 * 58_000 / 70 + 9e7)
    assert high == pytest.approx(500_000 * 0.6 * 58_000 / 50 + 9e7)


def test_access_price__a_point_is_the_product():
    points = {n: (v, v, v) for n, v in [("stock", 500_000), ("working_share", 0.6), ("permit_cost", 58_000)]}
    made = access.access_price(
        "KGZ",
        "RUS",
        2015,
        inputs(**points, banned=(1e4, 1e4, 1e4), earnings=(3e3, 3e3, 3e3)),
        rng=np.random.default_rng(0),
    )
    told = dict(zip(made.table["part"], made.table["usd"], strict=True))
    assert told["permits"] == pytest.approx(500_000 * 0.6 * 58_000 / 61)
    assert told["bans"] == pytest.approx(3e7)
    assert told["total"] == pytest.approx(told["permits"] + told["bans"])
    assert made.table["share_gdp"][0] == pytest.approx(100 * told["permits"] / 6.7e9)


def test_access_price__intervals_seeded_and_lacking_inputs():
    one = access.access_price("KGZ", "RUS", 2015, inputs(), rng=np.random.default_rng(1))
    two = access.access_price("KGZ", "RUS", 2015, inputs(), rng=np.random.default_rng(1))
    assert one.table.equals(two.table)
    assert (one.table["low80"] < one.table["usd"]).all()
    with pytest.raises(NoEvidence, match="needs earnings"):
        access.access_price("KGZ", "RUS", 2015, inputs(earnings=(0, 0, 0)), rng=np.random.default_rng(1))
    without = access.access_price("KGZ", "RUS", 2015, inputs(banned=(0, 0, 0)), rng=np.random.default_rng(1))
    assert without.table["usd"][1] is None
    assert set(without.left_out) == {"bans"}
    assert made_of(one.swings, "stock") == pytest.approx(
        (400_000 * 0.6 * 58_000 / 61 + 9e7, 600_000 * 0.6 * 58_000 / 61 + 9e7)
    )
    assert one.swings["input"][0] == "working_share"
    width = one.swings["usd_high"] - one.swings["usd_low"]
    assert width.is_sorted(descending=True)
    assert made_of(one.swings, "exchange_rate") == pytest.approx(one.swings["usd"].head(1).to_list() * 2)
    with pytest.raises(NoEvidence, match="needs permit_cost"):
        access.access_price("KGZ", "RUS", 2015, inputs(permit_cost=(0, 0, 0)), rng=np.random.default_rng(1))
    with pytest.raises(VocabularyError, match="needs a reason"):
        access.Input(name="stock", value=1, low=0, high=2, unit="", because=" ")
    with pytest.raises(VocabularyError, match="lies outside"):
        access.Input(name="stock", value=3, low=0, high=2, unit="", because="x")


def test_access_price__prints_the_total_and_whether_it_is_a_floor():
    found = access.access_price("KGZ", "RUS", 2015, inputs(), rng=np.random.default_rng(1))
    low, middle, high = np.quantile(found.draws["total"], [0.1, 0.5, 0.9]) / 1e6
    told = repr(found)
    assert (
        f"to the labour market of RUS in 2015 is worth {middle:,.1f} million USD (80% {low:,.1f} to {high:,.1f})"
        in told
    )
    assert f", {100 * middle / 6.7e3:.1f}% of GDP. " in told
    assert len(told) < 400
    assert "<table" in found._repr_html_()
    assert "&lt;b&gt;" in replace(found, place="<b>")._repr_html_()
    without = access.access_price("KGZ", "RUS", 2015, inputs(banned=(0, 0, 0)), rng=np.random.default_rng(1))
    assert "; a floor, without bans." in repr(without)
    assert repr(found.inputs[0]) == "stock: 500,000  (400,000 to 600,000), because a test"
    assert repr(found.inputs[3]) == "exchange_rate: 61 , because a test"
    assert len(repr(replace(found.inputs[0], because="it was told " * 99))) < 400


# ---------------------------------------------------------------- the network


def money(values, codes):
    return xr.DataArray(
        np.array(values, float), dims=("receiving", "sending"), coords={"receiving": codes, "sending": codes}
    )


def test_network__two_blocks_are_two_communities():
    pytest.importorskip("networkx")
    codes = ["KAZ", "KGZ", "RUS", "MEX", "USA", "GTM"]
    r = np.zeros((6, 6))
    r[1, 2], r[1, 0], r[0, 2] = 10, 2, 5
    r[3, 4], r[5, 4], r[5, 3] = 10, 5, 1
    r[0, 4] = 0.1
    made = graph.network(money(r, codes), seeds=5)
    assert {frozenset(c) for c in made.communities} == {
        frozenset({"KAZ", "KGZ", "RUS"}),
        frozenset({"MEX", "USA", "GTM"}),
    }
    told = dict(zip(made.nodes["place"], made.nodes["received"], strict=True))
    assert told["KGZ"] == 12
    assert made.reciprocity == 0
    assert (made.stability["share"] == 1).all()


def test_network__prints_its_communities():
    pytest.importorskip("networkx")
    found = graph.network(money([[0, 1, 9], [0.5, 0, 3], [0, 0, 0]], ["KAZ", "KGZ", "RUS"]), seeds=3)
    told = repr(replace(found, nodes=found.nodes.with_columns(received=pl.col("received") * 1e6)))
    assert told.startswith(
        f"Corridors of money between 3 places: {len(set(found.communities))} communities (modularity "
    )
    assert f"{1 / 13.5:.0%} of the money returned along its corridor; KAZ receives most, 10.0 million USD." in told
    assert len(told) < 400
    assert "<table" in found._repr_html_()
    assert "&lt;b&gt;" in replace(found, nodes=found.nodes.with_columns(place=pl.lit("<b>")))._repr_html_()


def test_network__negative_corridor():
    pytest.importorskip("networkx")
    with pytest.raises(VocabularyError, match="never a balance"):
        graph.network(money([[0, -1], [1, 0]], ["KAZ", "KGZ"]))


@given(st.lists(st.floats(0, 100), min_size=9, max_size=9).filter(lambda x: sum(x[1:4]) > 1e-6))
def test_reciprocity__between_none_and_all(cells):
    r = np.array(cells).reshape(3, 3)
    told = graph.reciprocity(r)
    assert 0 <= told <= 1 + 1e-12
    assert graph.reciprocity(r + r.T) == pytest.approx(1)


def test_closed_node__loss_after_people_moved_on():
    lost = graph.closed_node([[0, 10.0], [4.0, 0]], [[0, 0.25], [0.5, 0]], 1)
    assert lost.tolist() == [7.5, 0]


def test_dominant__more_than_half():
    assert graph.dominant({"RUS": 1.0, "KAZ": 1.0}) is None
    assert graph.dominant({}) is None


# ---------------------------------------------------------------- on the packaged evidence


@pytest.fixture(scope="module")
def base():
    return room.ground(2021)


@pytest.mark.packaged
def test_leverage__russia_over_its_neighbours(base):
    told = room.leverage(system="eurasia", base=base, draws=100)
    assert told.absent == ("TKM",)
    gross = {r["over"]: r["gross"] for r in told.table.filter(told.table["holder"] == "RUS").iter_rows(named=True)}
    assert gross["TJK"] > gross["KGZ"] > gross["UZB"] > gross["KAZ"] >= 0
    ranked = told.ranks.filter((told.ranks["holder"] == "RUS") & (told.ranks["over"] == "KAZ"))
    assert ranked["p_last"].item() > 0.95  # of those that report, Kazakhstan is the least vulnerable
    assert told.ids["TJK"]


@pytest.mark.packaged
def test_leverage__prints_the_largest_pair(base):
    found = room.leverage(system="eurasia", base=base, draws=50)
    top = max(found.table.to_dicts(), key=lambda r: r["gross"] or 0)
    told = repr(found)
    assert told.startswith(
        f"Leverage in 2021, percent of GDP: largest of {len(found.table)} pairs {top['holder']} over"
    )
    assert (
        f"{top['over']}, gross {top['gross']:.1f} (80% {top['gross_low80']:.1f} to {top['gross_high80']:.1f}), net"
        in told
    )
    assert "Nobody reported what is needed for 1 more." in told
    assert len(told) < 400
    assert "<table" in found._repr_html_()
    assert "&lt;b&gt;" in replace(found, table=found.table.with_columns(holder=pl.lit("<b>")))._repr_html_()
    assert "<b>" not in replace(found, table=found.table.with_columns(holder=pl.lit("<b>")))._repr_html_()
    assert "no pair is known" in repr(replace(found, table=found.table.clear()))
    paid = len(set(base.inflows["place"]))
    assert f"leverage of 2021 stands on: {len(base.stocks)} editions of the stock, remittances of {paid}" in repr(base)
    assert len(repr(base)) < 400


@pytest.mark.packaged
def test_leverage__own_matrix_and_sending_home(base):
    import polars as pl

    money = pl.DataFrame({"receiving": ["TJK"], "sending": ["RUS"], "usd": [1e9]})
    told = room.leverage("RUS", "TJK", base=base, draws=20, money=money)
    assert told.table["income_usd"].item() == 1e9
    assert "your own matrix" in told.assumptions[-1]
    assert "Ratha and Shaw" in room.leverage("RUS", "TJK", base=base, draws=2).assumptions[-1]
    assert (
        "in proportion to people;" in room.leverage("RUS", "TJK", base=base, draws=2, method="stocks").assumptions[-1]
    )
    plain = room.told(told, sent_home_part=0.2)
    lost = plain["pairs"][0]["sent_home"]
    assert lost["income_lost_at_once_usd"] == pytest.approx(2e8)
    assert 0 < lost["income_lost_usd"] < 2e8
    assert lost["months_of_reserves"] is None


@pytest.mark.packaged
def test_leverage__missing_product_and_nobody_reported(base):
    from dataclasses import replace

    with pytest.raises(NoEvidence, match="No GDP of TJK in 2021"):
        room.leverage("RUS", "TJK", base=replace(base, gdp={}), draws=2)
    with pytest.raises(NoEvidence, match="Nobody reported remittances received in TKM"):
        room.leverage("RUS", "TKM", base=base, draws=2)
    with pytest.raises(NoEvidence, match="Nobody reported"):
        room.ground(1950)


@pytest.mark.packaged
def test_leverage_over_time__by_year_and_edition():
    told = room.leverage_over_time("RUS", ["TJK"], [2015], draws=20, by_edition=True)
    assert set(told["edition"]) == {"un-ims-2015", "un-ims-2017", "un-ims-2019", "un-ims-2020", "un-ims-2024"}
    assert (told["gross"] > 5).all()
    both = room.leverage_over_time("RUS", ["TJK"], [2014, 2016], draws=20)
    assert both["year"].to_list() == [2014, 2016]
    assert both["gross"][0] > both["gross"][1]


@pytest.mark.packaged
def test_union_price__kyrgyz_accession():
    told = access.union_price()
    given_ = {i.name: i for i in told.inputs}
    assert given_["stock"].value == 507_400
    assert given_["stock"].ids
    assert "banned" not in given_
    assert "2,000,000 on 2016-06-30" in told.left_out["bans"]
    assert "floor" in told.left_out["bans"]
    parts = {r["part"]: r for r in told.table.iter_rows(named=True)}
    assert parts["bans"]["usd"] is None
    assert parts["total"]["usd"] == parts["permits"]["usd"]
    assert 0.1e9 < parts["permits"]["low80"] < parts["permits"]["usd"] < parts["permits"]["high80"] < 0.6e9
    more = access.union_price(banned=(20_000, 10_000, 40_000), because="a test")
    assert more.table["usd"][2] > told.table["usd"][2]
    assert not more.left_out
    reasons = {i.name: i.because for i in more.inputs}
    assert reasons["banned"] == "a test"  # of what was given, and of nothing else
    assert "assumed" in reasons["working_share"]
    assert "patent" in reasons["permit_cost"]
    with pytest.raises(NoEvidence, match="Nobody counted the citizens of MEX"):
        access.union_price("MEX")
    with pytest.raises(NoEvidence, match=r"permit cost in KAZ in 2018 is not in the evidence; give permit_cost="):
        access.union_price("KGZ", "KAZ", 2018)  # roubles are no tenge
    tenge = access.union_price("KGZ", "KAZ", 2018, permit_cost=(30_000, 20_000, 40_000), because="a test")
    assert {i.name: i.because for i in tenge.inputs}["permit_cost"] == "a test"
    plain = access.told(told)
    assert plain["hangs_on"][0]["input"] == "working_share"
    assert plain["sources"][0]["cite"]


def test_barred__a_count_in_the_evidence_is_taken_with_its_range(monkeypatch):
    rows = pl.DataFrame(
        [
            ("RUS", "KGZ", date(2015, 4, 1), 70_000.0, None, 80_000.0, "a"),
            ("RUS", "KGZ", date(2016, 3, 1), 110_000.0, None, None, "b"),
            ("RUS", None, date(2016, 6, 30), 2e6, None, None, "c"),
        ],
        schema={"place": pl.String, "counterpart": pl.String, "start": pl.Date, "value": pl.Float64,
                "low": pl.Float64, "high": pl.Float64, "id": pl.String},
        orient="row",
    )  # fmt: skip
    monkeypatch.setattr(access.store, "evidence", lambda *args, **options: rows)
    (made,), unknown = access._barred("KGZ", "RUS", 2015, None, "", None)
    assert (made.value, made.low, made.high, made.ids) == (70_000, 70_000, 110_000, ("a", "b"))
    assert unknown == ""


@pytest.mark.packaged
def test_read_matrix__faults(tmp_path):
    from keruen.errors import FaultyTable, UnreadableSource

    bad = tmp_path / "bad.csv"
    bad.write_text("receiving,sending,usd\nTJK,RUS,-3\n,RUS,5\n")
    with pytest.raises(FaultyTable, match="2 faults"):
        room.read_matrix(bad)
    bad.write_text("receiving,sending,usd\nTJK,RUS,a lot\n")
    with pytest.raises(UnreadableSource, match="not a CSV"):
        room.read_matrix(bad)
    bad.write_bytes(b"")
    with pytest.raises(UnreadableSource, match="not a CSV"):
        room.read_matrix(bad)


@pytest.mark.packaged
@pytest.mark.slow
def test_leverage__the_whole_world_in_time(base):
    begun = process_time()
    told = room.leverage(system="world", base=base, draws=1000)
    assert process_time() - begun < 40  # on two cores 20 s are promised
    assert len(told.table) > 5000
    assert (told.table["gross"].drop_nulls() >= 0).all()


# ---------------------------------------------------------------- figures


@pytest.mark.packaged
def test_figures__say_what_they_show(base, tmp_path):
    from keruen import figures_remittances as figures

    told = room.leverage(system="eurasia", base=base, draws=30)
    drawn = figures.asymmetry(told.table, year=2021)
    assert "Russia over Tajikistan" in drawn.svg
    assert "largest is Russia over Tajikistan" in drawn.alt
    drawn.save(tmp_path / "a.png")
    with pytest.raises(NoEvidence, match="nothing to draw"):
        figures.asymmetry(told.table.clear(), year=2021)


def test_figures__editions_as_lines_and_honest_marks():
    from keruen import figures, figures_remittances

    rows = pl.DataFrame(
        [(y, m, None, v, r, g, d, f"{r}-{y}") for r, g in (("a", "a"), ("a", "b")) for y, v in ((2012, 5.0), (2014, 7.0))
         for m, d in (("remittances_received", True),)] + [(2013, "remittances_share_gdp", None, 6.0, "p", "p", False, "p")],
        schema=["year", "measure", "counterpart", "share_gdp", "release", "gdp_release", "derived", "ids"],
        schema_overrides={"counterpart": pl.String}, orient="row",
    )  # fmt: skip
    drawn = figures_remittances.dependence(rows, "TJK")
    assert "2 pairs of editions; the most is 7.0% in 2014" in drawn.alt
    assert "a / b" in drawn.svg
    with pytest.raises(NoEvidence, match="nothing to draw"):
        figures_remittances.dependence(rows.clear(), "TJK")
    assert [figures._digits(x) for x in (1.5, 1.0, 20.0, 0.1, 0.25, 0.005)] == [1, 0, 0, 1, 2, 3]


def test_figures__matrix_and_shock():
    from keruen import figures_remittances as figures

    r = money([[0, 2e9], [np.nan, 0]], ["TJK", "RUS"])
    drawn = figures.corridor_matrix(r, ["TJK", "RUS"], year=2021)
    assert "from Russia to Tajikistan, 2.0 billion" in drawn.alt
    assert "2.0 bn" in drawn.svg
    assert "not reported" in figures.corridor_matrix(r.where(r.receiving == "TJK"), ["TJK", "RUS"], year=2021).svg
    rows = pl.DataFrame(
        {
            "place": ["TJK", "KGZ"],
            "change": [-26.0, -14.0],
            "change_low80": [-35.0, -26.0],
            "change_high80": [-16.0, -4.0],
            "low80": [-37.0, -36.0],
            "high80": [-1.0, 27.0],
            "happened": [-66.0, None],
            "surprising": [True, None],
        }
    )
    drawn = figures.shock_fan(rows, "RUS", year=2015)
    assert "the deepest is Tajikistan, -26%" in drawn.alt
    assert "happened, outside" in drawn.svg
    with pytest.raises(NoEvidence, match="nothing to draw"):
        figures.shock_fan(rows.clear(), "RUS", year=2015)
    with pytest.raises(NoEvidence, match="nothing to draw"):
        figures.corridor_matrix(r * np.nan, ["TJK", "RUS"], year=2021)


# ---------------------------------------------------------------- at the command line


def command(monkeypatch, capsys, *words):
    import sys

    from keruen.cli import main

    monkeypatch.setattr(sys, "argv", ["keruen", *words])
    try:
        main()
        code = 0
    except SystemExit as left:
        code = left.code or 0
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.packaged
def test_commands__json_alone_on_standard_output(monkeypatch, capsys):
    import json

    code, out, _ = command(monkeypatch, capsys, "leverage", "RUS", "--over", "TJK", "--draws", "20", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["pairs"][0]["over"] == "TJK"
    assert {"dependence", "outside", "gross", "cost", "net", "asymmetry"} <= set(told["pairs"][0])
    assert told["assumptions"]
    assert told["sources"][0]["cite"]
    code, out, _ = command(monkeypatch, capsys, "remittances", "TJK", "--from", "2014", "--to", "2015", "--json")
    told = json.loads(out)
    assert set(told) >= {"place", "years", "concentration", "sources"}
    assert [y["year"] for y in told["years"]] == [2014, 2015]


@pytest.mark.packaged
@pytest.mark.parametrize(
    ("words", "shown", "drawn"),
    [
        (
            ["leverage", "--system", "eurasia", "--year", "2021", "--draws", "20"],
            "dependence",
            "Who hangs on whom, 2021",
        ),
        (["remittances", "KAZ"], "published", "From whom Kazakhstan receives money, 2021, by every matrix"),
        (["access", "KGZ", "RUS"], "a floor. Give --banned", "What access to Russia is worth to Kyrgyzstan, 2015"),
    ],
)
def test_commands__draw_what_they_tell(monkeypatch, capsys, tmp_path, words, shown, drawn):
    path = tmp_path / "drawn.svg"
    code, out, err = command(monkeypatch, capsys, *words, "--figure", str(path))
    assert (code, err) == (0, "")
    assert shown in out
    assert f">{drawn}</title>" in path.read_text("utf-8")
    before = path.read_bytes()
    code, out, err = command(monkeypatch, capsys, *words, "--figure", str(path))
    assert (code, out) == (2, "")
    assert "--force" in err
    assert path.read_bytes() == before
    code, out, err = command(monkeypatch, capsys, *words, "--figure", str(tmp_path / "drawn.gif"))
    assert (code, out) == (2, "")
    assert ".svg, .png or .pdf" in err


@pytest.mark.packaged
def test_commands__matrices_and_access_as_json(monkeypatch, capsys):
    import json

    code, out, _ = command(monkeypatch, capsys, "remittances", "KAZ", "--matrices", "--json")
    told = json.loads(out)
    assert (code, told["place"], told["year"]) == (0, "KAZ", 2021)
    first = told["senders"][0]
    shares = [m["share"] for m in first["matrices"]]
    assert (min(shares), max(shares)) == (first["low"], first["high"])
    assert told["sources"][0]["cite"]
    code, out, _ = command(
        monkeypatch,
        capsys,
        "access",
        "KGZ",
        "RUS",
        "--banned",
        "20000",
        "10000",
        "40000",
        "--because",
        "mine",
        "--json",
    )
    told = json.loads(out)
    assert code == 0
    assert [p["part"] for p in told["parts"]] == ["permits", "bans", "total"]
    assert {i["name"]: i["because"] for i in told["inputs"]}["banned"] == "mine"
    assert told["left_out"] == {}


@pytest.mark.packaged
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["leverage"], "Name a holder"),
        (["leverage", "RUS", "--over", "TKM"], "Nobody reported remittances"),
        (["leverage", "RUS", "--over", "TJK", "--edition", "un-ims-1066"], "not an edition"),
        (["remittances", "VAT"], "Nobody reported remittances"),
        (["remittances", "Atlantis"], "No place is called"),
        (["remittances", "TJK", "--method", "guess"], "not a way to weigh"),
        (["remittances", "TJK", "--year", "2021"], "--year is of --matrices"),
        (["remittances", "TJK", "--matrices", "--share", "36", "38"], "two questions"),
        (["remittances", "TJK", "--matrices", "--year", "1950"], "2017, 2018, 2021, take one of them as --year"),
        (["leverage", "--system", "nordic", "--figure", "none.svg"], "say --above 0"),
        (["leverage", "--system", "eurasia", "--figure", "none.svg", "--above", "-1"], "no threshold"),
        (["access", "KGZ", "KAZ", "--year", "2018"], "give --permit-cost, --because"),
        (["access", "KGZ", "RUS", "--banned", "5", "6", "7"], r"5 lies outside \[6, 7\]"),
        (["shock", "TKM", "--growth", "-3", "--currency", "-45", "--year", "2015"], "has no rate|tenth of them"),
        (["shock", "RUS", "--growth", "-100", "--currency", "0"], "above -100"),
    ],
)
def test_commands__a_fault_is_one_message_and_code_two(monkeypatch, capsys, words, said):
    import re

    code, out, err = command(monkeypatch, capsys, *words)
    assert code == 2
    assert out == ""
    assert re.search(said, err)
    assert "Traceback" not in err


@pytest.mark.packaged
def test_commands__faulty_and_impossible_matrices(monkeypatch, capsys, tmp_path):
    mine = tmp_path / "mine.csv"
    faults = ("TJK,RUS,-3", "below zero"), (",RUS,3", "not labelled"), ("TJK,RUS,9e12", "9,000,000,000,000 USD in all")
    for text, said in faults:
        mine.write_text(f"receiving,sending,usd\n{text}\n")
        code, _, err = command(monkeypatch, capsys, "leverage", "RUS", "--over", "TJK", "--matrix", str(mine))
        assert (code, said in err) == (2, True), err
    mine.write_text("a,usd\nTJK,3\n")
    code, _, err = command(monkeypatch, capsys, "leverage", "RUS", "--matrix", str(mine))
    assert (code, "'receiving'" in err, "'sending'" in err) == (2, True, True), err
