"""Published counts, slow twins and laws for the estimators of hidden populations."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from keruen.errors import FaultyTable, ModelError, NotConverged, VocabularyError
from keruen.estimators.amnesty import amnesty
from keruen.estimators.capture_recapture import capture_recapture
from keruen.estimators.hidden import beta_from, told
from keruen.estimators.multiplier import multiplier
from keruen.estimators.power_law import power_law
from keruen.estimators.repeat_counts import REPEAT, repeat_counts
from keruen.estimators.repeat_regression import repeat_regression
from keruen.estimators.residual import residual

TIMES, POLICE = [1, 2, 3, 4, 5, 6], [1645, 183, 37, 13, 1, 1]  # Dutch police 1995, van der Heijden et al. (2003)


# ---------------------------------------------------------------- published numbers


@pytest.mark.parametrize(("method", "value"), [("ztp", 7080), ("chao", 9274), ("chao-bc", 9229), ("zelterman", 9425)])
def test_repeat_counts__dutch_police_1995(method, value):
    found = repeat_counts(TIMES, POLICE, method=method)
    assert round(found.value) == value
    assert found.low95 < value < found.high95
    assert found.draws.shape == (1,)
    assert found.diagnostics["observed"] == 1880


def test_hidden__prints_a_bound_as_a_bound():
    found = repeat_counts(TIMES, POLICE, method="chao")
    told = repr(found)
    lead = {"estimate": "About", "lower": "At least", "upper": "At most"}[found.bound]
    assert told.startswith(f"{lead} 9,274 people by chao (95% {found.low95:,.0f} to {found.high95:,.0f}; ")
    assert f" {len(found.warnings)} warning" in told
    assert len(told) < 400
    for bound, word in (("estimate", "About"), ("lower", "At least"), ("upper", "At most")):
        assert repr(replace(found, bound=bound)).startswith(f"{word} 9,274 people")


def test_repeat_counts__one_row_a_person():
    people = np.repeat(TIMES, POLICE)
    assert repeat_counts(people, method="ztp").value == pytest.approx(repeat_counts(TIMES, POLICE, method="ztp").value)


def test_repeat_counts__police_data_are_not_one_poisson():
    found = repeat_counts(TIMES, POLICE, method="ztp")
    assert any("ratio plot" in w for w in found.warnings)
    assert any("exactly once" in w for w in found.warnings)


def test_amnesty__both_priors_of_2006_differ_by_a_tenth():
    rng = np.random.default_rng(0)
    proportional = amnesty(164_586, take_up=(5, 4), prior="1/U", draws=200_000, rng=rng)
    flat = amnesty(164_586, take_up=(5, 4), prior="flat", draws=200_000, rng=rng)
    assert proportional.value == pytest.approx(294_000, rel=0.01)
    assert flat.value == pytest.approx(330_000, rel=0.01)
    assert flat.value / proportional.value == pytest.approx(1.12, abs=0.02)


def test_capture_recapture__two_lists_lincoln_petersen():
    found = capture_recapture([[1, 1], [1, 0], [0, 1]], [50, 150, 100])
    assert found.value == pytest.approx(200 * 150 / 50)
    assert found.standard_error**2 == pytest.approx(200 * 150 * 150 * 100 / 50**3)  # Sekar and Deming (1949)
    assert found.diagnostics["chapman"] == pytest.approx(201 * 151 / 51 - 1)


# ---------------------------------------------------------------- slow, obvious twins


def _brute_ztp(times, people):
    best = max(
        np.linspace(1e-3, 3, 60_001),
        key=lambda r: sum(p * (t * np.log(r) - r - np.log(1 - np.exp(-r))) for t, p in zip(times, people, strict=True)),
    )
    return sum(people) / (1 - np.exp(-best))


def test_ztp__equals_a_grid_search():
    assert repeat_counts(TIMES, POLICE, method="ztp").value == pytest.approx(_brute_ztp(TIMES, POLICE), rel=1e-3)


def test_amnesty__equals_the_sum_over_every_possible_number():
    regularised, (a, b) = 12, (3.0, 2.0)
    U = np.arange(regularised, 60_000)
    weight = stats.betabinom.pmf(regularised, U, a, b)
    for prior, extra in (("1/U", 1 / U), ("flat", np.ones(U.size))):
        posterior = weight * extra / (weight * extra).sum()
        median = U[np.searchsorted(np.cumsum(posterior), 0.5)]
        found = amnesty(regularised, take_up=(a, b), prior=prior, draws=200_000, rng=np.random.default_rng(3))
        assert abs(found.value - median) <= 1
        for q in (0.1, 0.25, 0.75, 0.9):
            exact = U[np.searchsorted(np.cumsum(posterior), q)]
            assert np.quantile(found.draws, q) == pytest.approx(exact, rel=0.02, abs=1)


def test_loglinear__saturated_in_pairs_has_its_closed_form():
    histories = [[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    n = dict(zip(["111", "110", "101", "011", "100", "010", "001"], [27, 32, 42, 123, 217, 112, 301], strict=True))
    found = capture_recapture(histories, list(n.values()), names=("a", "b", "c"))
    closed = n["111"] * n["100"] * n["010"] * n["001"] / (n["110"] * n["101"] * n["011"])  # Fienberg (1972)
    last = found.diagnostics["models"][-1]
    assert last["model"] == "a with b, a with c, b with c"
    assert last["value"] == pytest.approx(sum(n.values()) + closed)


@pytest.mark.parametrize("method", ["ztp", "chao", "zelterman"])
def test_regression__intercept_alone_is_the_closed_form_error_included(method):
    plain, fitted = repeat_counts(TIMES, POLICE, method=method), repeat_regression(TIMES, people=POLICE, method=method)
    assert fitted.value == pytest.approx(plain.value, rel=1e-9)
    assert fitted.standard_error == pytest.approx(plain.standard_error, rel=1e-6)
    assert (fitted.low95, fitted.high95) == pytest.approx((plain.low95, plain.high95), rel=1e-6)


def test_regression__one_dummy_is_two_separate_estimates():
    times, group = [1, 2, 3, 1, 2, 3], [0, 0, 0, 1, 1, 1]
    people = np.array([300, 40, 5, 100, 60, 20])
    for method in ("ztp", "chao", "zelterman"):
        both = repeat_regression(times, group, people=people, method=method)
        parts = sum(repeat_counts(times[:3], people[s], method=method).value for s in (slice(0, 3), slice(3, 6)))
        assert both.value == pytest.approx(parts, rel=1e-6)


def test_bootstrap__agrees_with_the_analytic_error():
    rng = np.random.default_rng(5)
    for method in ("chao", "zelterman", "chao-bc"):
        plain = repeat_counts(TIMES, POLICE, method=method)
        drawn = repeat_counts(TIMES, POLICE, method=method, draws=10_000, rng=rng)
        assert drawn.draws.std() == pytest.approx(plain.standard_error, rel=0.05)
        assert drawn.value == plain.value


# ---------------------------------------------------------------- known truth


def _people(rng, size=4000):
    """A population whose rate of contact depends on two covariates; those never met are dropped."""
    x = np.column_stack([rng.random(size) < 0.4, rng.random(size) < 0.3]).astype(float)
    y = rng.poisson(np.exp(-1.2 + x @ [0.6, -0.8]))
    return y[y > 0], x[y > 0]


def test_regression__recovers_a_simulated_population():
    rng = np.random.default_rng(11)
    inside = {"ztp": 0, "chao": 0, "zelterman": 0}
    values = {name: [] for name in inside}
    plain = []
    for _ in range(120):
        y, x = _people(rng)
        plain.append(repeat_counts(y, method="ztp").value)
        for method in inside:
            found = repeat_regression(y, x, method=method)
            inside[method] += found.low95 <= 4000 <= found.high95
            values[method].append(found.value)
    for method, hits in inside.items():
        assert np.mean(values[method]) == pytest.approx(4000, rel=0.04), method
        assert 0.89 <= hits / 120 <= 0.99, method
    assert np.mean(plain) < 3900  # one common rate is too low


def test_regression__coefficients_are_those_of_the_simulation():
    rng = np.random.default_rng(2)
    y, x = _people(rng, 60_000)
    told = repeat_regression(y, x, names=("a", "b")).diagnostics["coefficients"]
    for name, truth in (("(intercept)", -1.2), ("a", 0.6), ("b", -0.8)):
        assert abs(told[name]["value"] - truth) < 4 * told[name]["standard_error"]


def _origins(rng, k=60, alpha=0.7, beta=0.6, phi=4.0):
    N = np.round(np.exp(rng.uniform(4, 11, k)))
    n = np.maximum(rng.binomial(N.astype(int), rng.uniform(0.005, 0.1, k)), 1)
    return N, n, rng.poisson(N**alpha * (n / N) ** beta * rng.gamma(phi, 1 / phi, k)), float((N**alpha).sum())


def test_power_law__covers_simulated_truth_at_its_nominal_rate():
    rng = np.random.default_rng(8)
    hits = bounded = 0
    for _ in range(200):
        N, n, m, truth = _origins(rng)
        found = power_law(N, n, m, draws=0)
        hits += found.low95 <= truth <= found.high95
        bent = power_law(N, n, m, link="logit", draws=0)
        bounded += bent.low95 <= truth <= bent.high95
    assert 0.90 <= hits / 200 <= 0.985
    assert 0.90 <= bounded / 200 <= 0.985


@pytest.mark.slow
def test_power_law__coverage_over_many_truths():
    rng = np.random.default_rng(9)
    hits = 0
    for _ in range(1000):
        alpha, beta, phi = rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.9), rng.uniform(2, 10)
        N, n, m, truth = _origins(rng, 80, alpha, beta, phi)
        found = power_law(N, n, m, draws=0)
        hits += found.low95 <= truth <= found.high95
    assert 0.93 <= hits / 1000 <= 0.97


def test_power_law__links_agree_inside_and_bind_outside():
    rng = np.random.default_rng(4)
    N, n, m, _ = _origins(rng)
    free = power_law(N, n, m, draws=0)
    for link in ("logit", "cloglog"):
        assert power_law(N, n, m, link=link, draws=0).value == pytest.approx(free.value, rel=1e-3)
    drawn = power_law(N, n, m, link="logit", rng=rng)
    assert (drawn.draws <= N.sum()).all()
    assert sum(drawn.diagnostics["by_origin"].values()) == pytest.approx(drawn.value)


def test_capture_recapture__bootstrap_covers_independent_lists():
    rng = np.random.default_rng(1)
    on = rng.random((5000, 3)) < [0.3, 0.25, 0.2]
    cells, people = np.unique(on[on.any(1)], axis=0, return_counts=True)
    found = capture_recapture(cells.astype(int), people, draws=1000, rng=rng)
    assert found.low95 < 5000 < found.high95


# ---------------------------------------------------------------- laws

_freq = st.lists(st.integers(0, 3000), min_size=2, max_size=7).filter(lambda f: f[0] > 0 and f[1] > 0)


@given(_freq)
@settings(max_examples=60, deadline=None)
def test_repeat_counts__never_below_the_seen_and_corrected_never_above(f):
    times = list(range(1, len(f) + 1))
    for method in REPEAT:
        found = repeat_counts(times, f, method=method)
        assert found.low95 >= sum(f) - 1e-6
        assert found.low95 <= found.value <= found.high95
    assert repeat_counts(times, f, method="chao-bc").value <= repeat_counts(times, f, method="chao").value + 1e-9


@given(_freq, st.integers(2, 9))
@settings(max_examples=30, deadline=None)
def test_repeat_counts__k_copies_of_a_population_are_k_times_as_many(f, k):
    times = list(range(1, len(f) + 1))
    for method in ("ztp", "chao", "zelterman"):
        one, many = repeat_counts(times, f, method=method), repeat_counts(times, [k * v for v in f], method=method)
        assert many.value == pytest.approx(k * one.value)
        assert many.standard_error == pytest.approx(np.sqrt(k) * one.standard_error, rel=1e-6)


@given(st.integers(1, 10**6), st.floats(1.5, 20), st.floats(0.5, 20))
@settings(max_examples=40, deadline=None)
def test_amnesty__nobody_regularised_is_missing(count, a, b):
    for prior in ("1/U", "flat"):
        assert (
            amnesty(count, take_up=(a, b), prior=prior, draws=50, rng=np.random.default_rng(0)).draws >= count
        ).all()


@given(st.floats(1e3, 1e7), st.floats(0.05, 0.95))
@settings(max_examples=30, deadline=None)
def test_multiplier__gives_back_the_share(registered, p):
    found = multiplier(registered, share=(p * 1e12, (1 - p) * 1e12), draws=0)
    assert registered / (registered + found.value) == pytest.approx(p)


def test_residual__draws_keep_what_contradicts():
    rng = np.random.default_rng(0)
    found = residual(100, 90, 5, spread_present=(50, 200), draws=2000, rng=rng)
    assert found.bound == "estimate"
    assert (found.draws < 0).any()
    assert "below zero" in found.warnings[0]
    assert residual(650_000, 310_000).value == 340_000


def test_beta_from__has_the_mean_and_the_error():
    a, b = beta_from(0.3, 0.12)
    assert stats.beta(a, b).mean() == pytest.approx(0.3)
    assert stats.beta(a, b).std() == pytest.approx(0.12)


# ---------------------------------------------------------------- speed


def test_bootstrap__ten_thousand_draws_within_two_seconds():
    rng, begun = np.random.default_rng(0), time.process_time()
    for method in REPEAT:
        repeat_counts(TIMES, POLICE, method=method, draws=10_000, rng=rng)
    assert time.process_time() - begun < 2
    y, x = _people(rng)
    begun = time.process_time()
    found = repeat_regression(y, x, draws=10_000, rng=rng)
    assert time.process_time() - begun < 2
    assert found.draws.std() == pytest.approx(found.standard_error, rel=0.15)


# ---------------------------------------------------------------- bad input


def test_repeat_counts__nobody_seen_twice():
    with pytest.raises(ModelError, match="chao-bc"):
        repeat_counts([1, 3], [10, 1], method="chao")
    with pytest.raises(ModelError, match="chao-bc"):
        repeat_counts([1], [10], method="ztp")
    found = repeat_counts([1], [10], method="chao-bc")
    assert found.value == 10 + 10 * 9 / 2
    assert np.isfinite(found.high95)


def test_repeat_counts__nobody_seen_once_is_warned():
    for method in REPEAT:
        found = repeat_counts([2, 3], [8, 4], method=method)
        assert found.value == 12
        assert any("f1 = 0" in w for w in found.warnings)


def test_repeat_counts__counts_that_rise_are_warned():
    assert any("do not fall" in w for w in repeat_counts([1, 2, 3], [10, 40, 3]).warnings)


def test_repeat_counts__tells_all_faults_at_once():
    with pytest.raises(FaultyTable) as caught:
        repeat_counts([1, 0, 2.5, 3], [-1, 4, 2, 1.5])
    assert len(caught.value.faults) == 4
    with pytest.raises(FaultyTable, match="nobody was seen"):
        repeat_counts([1, 2], [0, 0])
    with pytest.raises(FaultyTable, match="one for each"):
        repeat_counts([1, 2], [3])


def test_repeat_counts__a_total_below_the_seen_is_refused():
    with pytest.raises(ModelError, match="1,880 different people"):
        repeat_counts(TIMES, POLICE, known=1000)


def test_regression__separation_and_repeated_covariates():
    with pytest.raises(NotConverged, match="Merge"):
        repeat_regression([1, 1, 2], [0, 1, 0], people=[50, 20, 10])
    with pytest.raises(ModelError, match="repeat each other"):
        repeat_regression([1, 2, 3], [[1, 1], [0, 0], [1, 1]], people=[9, 5, 2])
    with pytest.raises(FaultyTable, match="missing"):
        repeat_regression([1, 2], [1.0, np.nan], people=[9, 5])
    with pytest.raises(VocabularyError, match="regression"):
        repeat_regression([1, 2], people=[9, 5], method="chao-bc")


def test_power_law__bad_tables():
    with pytest.raises(FaultyTable) as caught:
        power_law([100, 50, 1, 1000], [5, 60, 1, 0], [1, 2, 3, 4.5], names=["UZB", "KGZ", "TJK", "RUS"])
    assert "KGZ" in str(caught.value)
    assert "N < n" in str(caught.value)
    assert len(caught.value.faults) == 3
    with pytest.raises(ModelError, match="Nobody was apprehended"):
        power_law([100, 200, 300, 400], [5, 6, 7, 8], [0, 0, 0, 0])


def test_amnesty__larger_than_the_stock_and_improper():
    rng = np.random.default_rng(0)
    with pytest.raises(ModelError, match="more than the stated stock of 100,000"):
        amnesty(164_586, take_up=(2, 2), stock=100_000, rng=rng)
    with pytest.raises(ModelError, match="1/U"):
        amnesty(10, take_up=(1, 1), prior="flat", rng=rng)
    with pytest.raises(ModelError, match="whole number"):
        amnesty(1.5, take_up=(2, 2), rng=rng)
    assert "derived from the 300,000" in str(
        amnesty(9, take_up=(5, 4), derived_from="the 300,000", rng=rng).assumptions
    )


def test_residual_and_multiplier__impossible_inputs():
    with pytest.raises(ModelError, match="none left"):
        residual(100, 90, 20)
    with pytest.raises(ModelError, match="share"):
        beta_from(1.2, 0.1)
    with pytest.raises(ModelError, match="0 or more"):
        multiplier(-1, share=(2, 2), rng=np.random.default_rng(0))
    with pytest.raises(ModelError, match="randomness"):
        multiplier(1, share=(2, 2))


def test_capture_recapture__lists_that_do_not_meet():
    with pytest.raises(ModelError, match="do not overlap"):
        capture_recapture([[1, 1], [1, 0], [0, 1]], [0, 5, 6])
    with pytest.raises(FaultyTable) as caught:
        capture_recapture([[1, 1], [1, 1], [0, 0], [2, 0], [0, 1]], [1, 2, 3, 4, -5])
    assert len(caught.value.faults) == 4
    with pytest.raises(ModelError, match="Nobody is on b"):
        capture_recapture([[1, 0]], [4], names=("a", "b"))


def test_told__is_plain():
    found = told(repeat_counts(TIMES, POLICE))
    assert json.loads(json.dumps(found))["draws"] == 1
