"""Pass-through: drivers, the panel, the sampler against known truth, prediction, shocks and what they refuse."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen import passthrough as room
from keruen.errors import NoEvidence, NotConverged, VocabularyError
from keruen.estimators import elasticities as kernel
from keruen.estimators import passthrough as foretold

HOSTS = ("RUS", "USA", "DEU")
HOMES = ("TJK", "KGZ", "UZB", "MEX", "GTM", "TUR", "POL", "ARM", "HND", "SLV", "MDA", "UKR")


def drivers(rng, years):
    """Growth in percent and rates of three hosts."""
    growth, rates = [], []
    for host in (*HOSTS, *HOMES):
        rate = 10.0
        for year in years:
            growth.append({"place": host, "year": year, "value": rng.normal(2, 3)})
            rate *= float(np.exp(rng.normal(0, 0.15)))
            rates.append({"place": host, "year": year, "value": rate})
    return pl.DataFrame(growth), pl.DataFrame(rates)


def toy(seed=0, years=range(1990, 2025), e=(1.5, 0.8), noise=0.05, outliers=0.05):
    """A world in which the elasticities are known."""
    rng = np.random.default_rng(seed)
    codes = [*HOSTS, *HOMES]
    share = np.zeros((len(codes), len(codes)))
    share[3:, :3] = rng.dirichlet([0.6] * 3, len(HOMES))
    share[:3, 3] = 1.0
    exposure = xr.DataArray(share, dims=("receiving", "sending"), coords={"receiving": codes, "sending": codes})
    growth, rates = drivers(rng, years)
    g = kernel.log_growth(room._wide(growth, codes, list(years)))
    fx = kernel.currency_change(room._wide(rates, codes, list(years)))
    rows = []
    for i, home in enumerate(HOMES, start=3):
        value = 100.0
        for t, year in enumerate(years):
            if t:
                odd = 6 if rng.random() < outliers else 1
                change = 0.03 + e[0] * share[i] @ g[:, t] + e[1] * share[i] @ fx[:, t] + noise * odd * rng.normal()
                value *= float(np.exp(change))
            rows.append({"place": home, "year": year, "value": value})
    return pl.DataFrame(rows), growth, rates, dict.fromkeys(years, exposure)


@pytest.fixture(scope="module")
def panel():
    return room.panel(*toy())


@pytest.fixture(scope="module")
def model(panel):
    return kernel.fit(panel, seed=1)


# ---------------------------------------------------------------- drivers


def test_currency_change__is_of_dollars_per_unit():
    made = kernel.currency_change(np.array([[10.0, 20.0, 10.0]]))
    assert np.isnan(made[0, 0])
    np.testing.assert_allclose(made[0, 1:], [-np.log(2), np.log(2)])


def test_currency_change__a_union_is_no_depreciation():
    own = np.linspace(0.5, 300, 8)
    rates = np.column_stack([own, np.full(8, 0.9), np.full(8, 1.0)])
    made = kernel.currency_change(rates)
    assert np.isnan(made[:, 1]).all()  # eight currencies became one
    np.testing.assert_allclose(made[:, 2], -np.log(1 / 0.9))


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.integers(0, 2))
def test_weighted__known_hosts_share_the_weight(raw, missing):
    exposure = np.array([raw]) / sum(raw)
    driver = np.zeros((1, 3))
    driver[0, missing] = np.nan
    made, part = kernel.weighted(exposure, driver)
    assert made[0, missing] == 0
    np.testing.assert_allclose(made.sum(), 1)
    np.testing.assert_allclose(part, 1 - exposure[0, missing])


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40), st.floats(-5, 5))
def test_crps__equals_the_double_sum(sample, truth):
    x = np.array(sample)
    slow = np.abs(x - truth).mean() - np.abs(x[:, None] - x[None]).mean() / 2
    assert foretold.crps(x, truth) == pytest.approx(slow, abs=1e-9)


# ---------------------------------------------------------------- the panel


def test_panel__weights_of_the_year_before_and_unknown_hosts():
    received, growth, rates, exposures = toy()
    made = room.panel(received, growth, rates, exposures)
    assert len(made.frame) == len(HOMES) * 34
    np.testing.assert_allclose(made.exposure.sum(axis=1), 1)
    without = room.panel(received, growth.filter(pl.col("place") != "RUS"), rates, exposures)
    kept = set(without.frame["receiver"])
    heavy = {h for h in HOMES if exposures[1990].sel(receiving=h, sending="RUS") > 1 - room.COVERED}
    assert heavy
    assert kept == set(HOMES) - heavy


def test_panel__corridors_within_one_definition_and_consecutive():
    received, growth, rates, exposures = toy()
    rows = [
        ("TJK", "RUS", y, v, d)
        for y, v, d in [(2012, 3.0, "a"), (2013, 6.0, "a"), (2015, 6.0, "a"), (2014, 9.0, "b"), (2015, 1.0, "b")]
    ]
    transfers = pl.DataFrame(rows, schema=["place", "counterpart", "year", "value", "definition"], orient="row")
    made = room.panel(received, growth, rates, exposures, transfers)
    told = made.frame.filter(pl.col("host") == "RUS")
    assert told["year"].to_list() == [2013]  # as long as b, and before it by name
    assert told["change"].item() == pytest.approx(np.log(2))
    assert made.exposure[-1].max() == 1


def test_panel__needs_two_years_in_a_row():
    received, growth, rates, exposures = toy()
    with pytest.raises(NoEvidence, match="two years in a row"):
        room.panel(received.filter(pl.col("year") % 2 == 0), growth, rates, exposures)


# ---------------------------------------------------------------- the sampler


def test_fit__finds_known_elasticities(model):
    mean = model.draws["mean"]
    low, high = np.quantile(mean, [0.01, 0.99], axis=0)
    assert low[1] < 1.5 < high[1]
    assert low[2] < 0.8 < high[2]
    assert mean[:, 2].std() < 0.3
    assert 0.01 < model.draws["outlying"].mean() < 0.15
    assert model.diagnostics["rhat"].max() < 1.01
    assert min(model.diagnostics["ess_bulk"].min(), model.diagnostics["ess_tail"].min()) >= 400


def test_fit__same_seed_same_draws(panel):
    one = kernel.fit(panel, chains=1, draws=20, warm=10, seed=3, check=False)
    two = kernel.fit(panel, chains=1, draws=20, warm=10, seed=3, check=False)
    assert all(np.array_equal(one.draws[k], two.draws[k], equal_nan=True) for k in one.draws)


@pytest.mark.parametrize(("exposure", "reported"), [(1e9, False), (15.0, True)])
def test_fit__without_hosts_of_their_own_and_without_inflows(monkeypatch, panel, exposure, reported):
    monkeypatch.setattr(kernel, "HOST_EXPOSURE", exposure)
    mark = pl.concat_str(pl.lit("RUS>"), pl.col("receiver")) if reported else pl.col("receiver")
    told = kernel.Panel(
        panel.frame.with_columns(series=mark), panel.exposure, panel.growth, panel.currency, panel.hosts
    )
    made = kernel.fit(told, draws=20, warm=15, check=False)
    assert made.hosts == (HOSTS if exposure < 100 else ())
    assert np.isnan(made.draws["turbulence"][:, int(not reported)]).all()  # of a kind that nobody reports
    assert np.isfinite(made.draws["base"]).all()
    assert np.isfinite(foretold.predict(made, told)).all()


def test_fit__refuses_what_did_not_settle(panel):
    with pytest.raises(NotConverged, match=r"did not settle.*wanted: 5,000"):
        kernel.fit(panel, draws=20, warm=10, most=25, ess_above=5000)


def test_fit__tells_the_outlier_years(panel):
    frame = panel.frame.with_columns(
        change=pl.when((pl.col("receiver") == "TJK") & (pl.col("year") == 2022))
        .then(pl.col("change") + 2)
        .otherwise(pl.col("change"))
    )
    made = kernel.fit(
        kernel.Panel(frame, panel.exposure, panel.growth, panel.currency, panel.hosts), chains=2, draws=200, check=False
    )
    told = made.outlier.filter((pl.col("receiver") == "TJK") & (pl.col("year") == 2022))
    assert told["p_outlier"].item() > 0.99
    assert made.outlier["p_outlier"].mean() < 0.2


def test_fit__needs_thirty():
    few = room.panel(*toy(years=range(2020, 2022)))
    with pytest.raises(NoEvidence, match="thirty"):
        kernel.fit(few)


def test_predict__effect_is_linear_in_logs(model, panel):
    one = panel.rows(panel.frame["year"] == 2020)
    twice = kernel.Panel(one.frame, one.exposure, 2 * one.growth, 2 * one.currency, one.hosts)
    a, b = foretold.predict(model, one, noise=False), foretold.predict(model, twice, noise=False)
    np.testing.assert_allclose(b, 2 * a, atol=1e-9)
    none = kernel.Panel(one.frame, one.exposure, 0 * one.growth, 0 * one.currency, one.hosts)
    assert (foretold.predict(model, none, noise=False) == 0).all()


def test_predict__unknown_receivers_are_less_certain(model, panel):
    one = panel.rows((panel.frame["year"] == 2020) & (panel.frame["receiver"] == "TJK"))
    new = kernel.Panel(
        one.frame.with_columns(receiver=pl.lit("NPL")), one.exposure, one.growth, one.currency, one.hosts
    )
    known, strange = (foretold.predict(model, p, noise=False).std() for p in (one, new))
    assert strange >= 0.8 * known


def test_broken__says_so_when_a_host_leaves_its_rule(model, panel):
    assert foretold.broken(model, panel)["broken"].mean() < 0.15
    now = panel.rows(panel.frame["year"] == 2023)
    frame = now.frame.with_columns(pl.col("change") + 1.0)
    lifted = kernel.Panel(frame, now.exposure, now.growth, now.currency, now.hosts)
    made = foretold.broken(model, lifted)
    assert made.filter(pl.col("corridors") >= 3)["broken"].all()
    assert set(made["direction"]) == {"more"}


def test_coverage__tells_every_row_and_how_its_fit_settled(panel):
    made = foretold.coverage(panel, [1991, 2023], ess_above=40, rhat_below=1.15)  # before 1991 there is no past
    assert made["year"].unique().to_list() == [2023]
    assert len(made) == (panel.frame["year"] == 2023).sum()
    assert (made["in80"] <= made["in95"]).all()
    assert made["in80"].to_list() == made["change"].is_between(made["low80"], made["high80"]).to_list()
    assert made["rhat"].max() < 1.15
    assert made["ess"].min() >= 40


@pytest.mark.slow
def test_coverage__of_a_known_world():
    made = foretold.coverage(room.panel(*toy(seed=5)), range(2005, 2025), ess_above=100, rhat_below=1.03)
    assert 0.72 < made["in80"].mean() < 0.88
    assert 0.90 < made["in95"].mean() <= 1.0
    assert made["crps"].mean() < made["crps_naive"].mean()


@pytest.mark.slow
def test_fit__intervals_hold_the_truth_in_many_worlds():
    # The hosts of these worlds do not differ, so intervals that allow for it may only be too wide.
    rng, held = np.random.default_rng(8), []
    for n in range(30):
        e = rng.normal(1, 0.5), rng.normal(0.5, 0.3)
        made = kernel.fit(room.panel(*toy(seed=100 + n, years=range(2000, 2020), e=e)), draws=150, check=False)
        low, high = np.quantile(made.draws["mean"][:, 1:], [0.1, 0.9], axis=0)
        held.append((low < e) & (e < high))
    assert np.mean(held) > 0.72


def split(panel):
    """The same panel with half of the series as reported corridors, so that both kinds are drawn."""
    homes = sorted(panel.frame["receiver"].unique())
    names = {h: f"RUS>{h}" if n % 2 else h for n, h in enumerate(homes)}
    frame = panel.frame.with_columns(series=pl.col("receiver").replace_strict(names))
    return kernel.Panel(frame, panel.exposure, panel.growth, panel.currency, panel.hosts)


def test_simulate__is_told_by_its_truth():
    told, truth = kernel.simulate(split(room.panel(*toy())), np.random.default_rng(4))
    x, z = kernel.design(told, [told.hosts.index(h) for h in HOSTS])
    receivers = sorted(told.frame["receiver"].unique())
    series = sorted(told.frame["series"].unique())
    effect = x @ np.concatenate([truth["mean"], truth["host"].ravel()])
    unit = [receivers.index(r) for r in told.frame["receiver"]]
    effect = effect + (z * truth["receiver"][unit]).sum(axis=1)
    kind = np.array([int(kernel.is_reported(s)) for s in told.frame["series"]])
    year = told.frame["year"].to_numpy() - told.frame["year"].min()
    sd = truth["scale"][[series.index(s) for s in told.frame["series"]]] * np.exp(truth["turbulence"][kind, year] / 2)
    off = (told.frame["change"].to_numpy() - effect) / np.hypot(sd, truth["shared_sd"][kind])
    assert np.quantile(np.abs(off), 0.5) == pytest.approx(0.67, abs=0.15)  # of a normal, few outliers among them
    assert set(truth) == set(kernel.fit(told, draws=4, warm=4, check=False).draws)


@pytest.mark.slow
def test_fit__truth_from_the_prior_ranks_uniformly():
    # Simulation-based calibration (Talts et al. 2018); hundreds of worlds in benchmarks/passthrough_calibration.py.
    from keruen.posterior import uniformity

    panel = split(room.panel(*toy(years=range(2000, 2020))))
    ranks: dict[str, list[int]] = {}
    for n in range(30):
        told, truth = kernel.simulate(panel, np.random.default_rng(1000 + n))
        d = kernel.fit(told, draws=200, seed=n, check=False).draws
        rng = np.random.default_rng(n)
        for name, value, draws in (
            ("drift", truth["mean"][0], d["mean"][:, 0]),
            ("growth", truth["mean"][1], d["mean"][:, 1]),
            ("currency", truth["mean"][2], d["mean"][:, 2]),
            ("one host", truth["mean"][1] + truth["host"][0, 0], d["mean"][:, 1] + d["host"][:, 0, 0]),
            *((k, truth[k], d[k]) for k in ("outlying", "persistence", "roughness")),
            *((k, truth[k][-1], d[k][:, -1]) for k in ("host_sd", "receiver_sd", "shared_sd", "base", "scale")),
            ("last turbulence", truth["turbulence"][0, -1], d["turbulence"][:, 0, -1]),
        ):
            thin = draws[19::40]
            tied = int((thin == value).sum())
            ranks.setdefault(name, []).append(int((thin < value).sum() + rng.integers(0, tied + 1)))
    odd = {name: uniformity(np.array(r), 20, bins=7) for name, r in ranks.items()}
    assert min(odd.values()) > 0.001, odd


# ---------------------------------------------------------------- onward to income


def test_onward__equals_regression_with_dummies():
    rng = np.random.default_rng(0)
    who, when = np.repeat(np.arange(12), 15), np.tile(np.arange(15), 12)
    keep = rng.random(len(who)) < 0.8  # unbalanced
    x = rng.normal(size=len(who))
    y = 0.4 * x + rng.normal(size=12)[who] + rng.normal(size=15)[when] + 0.1 * rng.normal(size=len(who))
    who, when, x, y = who[keep], when[keep], x[keep], y[keep]
    made = foretold.onward(y, x, who.astype(str).tolist(), when.tolist())
    dummies = np.column_stack([x, np.eye(12)[who], np.eye(15)[when][:, 1:]])
    assert made.multiplier == pytest.approx(np.linalg.lstsq(dummies, y, rcond=None)[0][0], abs=1e-8)
    assert abs(made.multiplier - 0.4) < 4 * made.se


def test_onward__nothing_changes():
    with pytest.raises(NoEvidence, match="never change"):
        foretold.onward(np.ones(4), np.zeros(4), ["a", "a", "b", "b"], [1, 2, 1, 2])


# ---------------------------------------------------------------- shocks


@pytest.fixture(scope="module")
def data():
    received, growth, rates, exposures = toy()
    gdp = received.with_columns(value=pl.lit(1000.0))
    transfers = pl.DataFrame(
        schema={
            "place": pl.String,
            "counterpart": pl.String,
            "year": pl.Int64,
            "value": pl.Float64,
            "definition": pl.String,
        }
    )
    made = room.panel(received, growth, rates, exposures, transfers)
    return room.World(made, growth, rates, exposures, received, transfers, gdp, ("toy",))


@pytest.fixture
def quick(monkeypatch):
    """Shocks on short chains."""
    monkeypatch.setattr(room, "fit", lambda past, **_: kernel.fit(past, draws=150, warm=60, check=False))


def test_shock__past_year_tells_what_happened(data, quick):
    told = room.shock("RUS", year=2015, data=data)
    growth, currency = room.annual_shock(data, "RUS", 2015)
    assert (told.growth, told.currency) == (growth, currency)
    assert told.trained_to == 2014
    assert told.rows["happened"].null_count() == 0
    assert (told.rows["low80"] < told.rows["high80"]).all()
    assert (told.rows["exposure"] >= 10).all()
    assert "it changed by" in told.sentence


def test_shock__prints_what_is_expected_and_what_happened(data, quick):
    found = room.shock("RUS", year=2015, data=data)
    worst = min(found.rows.to_dicts(), key=lambda r: r["change"])
    told = repr(found)
    assert f" in 2015: what {worst['place']} receives is expected to change by {worst['change']:.0f}% (" in told
    assert f"; it changed by {worst['happened']:.0f}%. {len(found.rows)} receivers with 80% intervals, " in told
    left = sum(not r["low80"] <= r["happened"] <= r["high80"] for r in found.rows.to_dicts())
    assert f", {left} of {len(found.rows)} left theirs." in told
    assert len(told) < 400
    assert "<table" in found._repr_html_()
    assert "&lt;b&gt;" in replace(found, host="<b>")._repr_html_()
    ahead = found.rows.with_columns(pl.lit(None).alias(c) for c in ("happened", "surprising"))
    assert "it changed by" not in repr(replace(found, rows=ahead))
    assert "with 80% intervals. See rows" in repr(replace(found, rows=ahead))


def test_world__prints_how_much_it_holds(data):
    told = repr(data)
    assert told.startswith(f"What elasticities are fitted to, {min(data.exposures)}-{max(data.exposures)}: ")
    assert f" {len(data.panel.frame):,} yearly changes of money, {len(set(data.received['place']))} places that" in told
    assert len(told) < 400


def test_sentence__says_where_the_model_fails():
    row = {
        "place": "TJK", "change": -20.0, "change_low80": -30.0, "change_high80": -10.0, "happened": -15.0,
        "low80": -40.0, "high80": 5.0, "surprising": False, "reported": -67.0, "reported_low80": -41.0,
        "reported_high80": 2.0, "reported_surprising": True,
    }  # fmt: skip
    said = room._sentence("RUS", -2.0, -37.0, 2015, pl.DataFrame([row]), pl.DataFrame())
    assert said.endswith(
        "The model fails here (80% intervals): transfers from RUS to TJK changed by -67%, expected -41 to 2."
    )
    row |= {"reported": -30.0, "reported_surprising": False}
    assert "fails" not in room._sentence("RUS", -2.0, -37.0, 2015, pl.DataFrame([row]), pl.DataFrame())


def test_shock__a_fall_of_currency_costs_more_the_more_hangs_on_it(data, quick):
    told = room.shock("RUS", growth=-3.8, currency=-45, year=2024, receivers=list(HOMES), data=data)
    order = told.rows.sort("exposure")["change"].to_numpy()
    assert order[-1] < order[0] <= 1
    expected = 100 * np.expm1(1.5 * np.log1p(-0.038) + 0.8 * np.log1p(-0.45))
    assert abs(told.rows["corridor"].mean() - expected) < 12
    future = room.shock("RUS", growth=-3.8, currency=-45, data=data)
    assert future.year == 2025
    assert future.rows["happened"].null_count() == len(future.rows)


def test_shock__growth_as_a_part_is_warned(data):
    with pytest.warns(room.GrowthAsShare, match=r"-0.038 percent.*-3.8"):
        room.checked_shock(-0.038, -45)
    with pytest.warns(room.GrowthAsShare, match="-45"):
        room.checked_shock(-3.8, -0.45)
    assert room.checked_shock(0, 0) == (0, 0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"growth": -100.0, "currency": 0.0}, VocabularyError, "above -100"),
        ({"growth": float("nan"), "currency": 0.0}, VocabularyError, "give a percent"),
        ({"growth": -100.0, "currency": -120.0}, VocabularyError, "growth is -100%.*currency is -120%"),
        ({"year": 1991}, NoEvidence, "1991 lies outside"),
        ({"year": 2030}, NoEvidence, "2030 lies outside"),
        ({}, NoEvidence, "No growth of RUS in 2025"),
        ({"growth": 1.0, "currency": 1.0, "receivers": []}, NoEvidence, "Name receivers="),
    ],
)
def test_shock__bad_input(data, options, error, words):
    with pytest.raises(error, match=words):
        room.shock("RUS", data=data, **options)


def test_shock__currency_without_a_rate(data):
    from dataclasses import replace

    bare = replace(data, rates=data.rates.filter(pl.col("place") != "RUS"))
    with pytest.raises(NoEvidence, match="has no rate in the evidence"):
        room.shock("RUS", growth=-3.8, currency=-45, data=bare)
    with pytest.raises(NoEvidence, match="lacks a rate in 2014 or 2015"):
        room.shock("RUS", year=2015, data=bare)
