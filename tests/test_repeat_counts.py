"""Published counts, slow twins and laws for repeat counts, plain and by regression: Dutch police 1995."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen.errors import FaultyTable, ModelError, NotConverged, VocabularyError
from keruen.estimators.repeat_counts import REPEAT, repeat_counts
from keruen.estimators.repeat_regression import repeat_regression

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


# ---------------------------------------------------------------- slow, obvious twins


def _brute_ztp(times, people):
    best = max(
        np.linspace(1e-3, 3, 60_001),
        key=lambda r: sum(p * (t * np.log(r) - r - np.log(1 - np.exp(-r))) for t, p in zip(times, people, strict=True)),
    )
    return sum(people) / (1 - np.exp(-best))


def test_ztp__equals_a_grid_search():
    assert repeat_counts(TIMES, POLICE, method="ztp").value == pytest.approx(_brute_ztp(TIMES, POLICE), rel=1e-3)


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
    with pytest.raises(FaultyTable, match="2 rows of covariates for 3 of times"):
        repeat_regression([1, 2, 3], [0, 1], people=[9, 5, 2])
    with pytest.raises(FaultyTable, match="2 names for 1 covariates"):
        repeat_regression([1, 2, 2], [0, 1, 0], people=[9, 5, 2], names=["age", "sex"])
