"""Diagnostics against arviz's, against obvious chains, and against draws whose calibration is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen.errors import ModelError, NotConverged
from keruen.posterior import (
    contraction,
    diagnose,
    ess,
    interval,
    laplace,
    rank,
    resample_size,
    rhat,
    sample,
    uniformity,
)


def _autoregressive(rho, chains=4, draws=1000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(chains, draws))
    for t in range(1, draws):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * x[:, t]
    return x


# R-hat, bulk and tail of arviz-stats 0.8.0 for _autoregressive(rho, chains, draws, seed).
PUBLISHED = {
    (0.0, 4, 1000, 0): (1.0003378426385772, 3926.116904360444, 4027.6939473544007),
    (0.9, 4, 1000, 1): (1.0290314415582396, 151.47649489172923, 470.2053090671721),
    (0.5, 3, 501, 2): (1.0065138652966994, 604.9659334661205, 949.2816855144321),
    (-0.4, 2, 400, 3): (0.9987785689172056, 1788.2207265519944, 807.8319760246433),
}


def test_diagnostics__equal_those_of_arviz():
    base = pytest.importorskip("arviz_stats.base", reason="arviz-stats is not part of any extra")
    for rho, chains, draws, seed in PUBLISHED:
        x = _autoregressive(rho, chains, draws, seed)
        assert float(rhat(x)) == pytest.approx(float(base.array_stats.rhat(x, chain_axis=0, draw_axis=1)), rel=1e-6)
        for kind in ("bulk", "tail"):
            ends = {"prob": (0.05, 0.95)} if kind == "tail" else {}
            other = float(base.array_stats.ess(x, chain_axis=0, draw_axis=1, method=kind, **ends))
            assert float(ess(x, kind)) == pytest.approx(other, rel=1e-3), (rho, kind)


@pytest.mark.parametrize("case", PUBLISHED)
def test_diagnostics__equal_printed_values(case):
    x = _autoregressive(*case)
    assert (float(rhat(x)), float(ess(x)), float(ess(x, "tail"))) == pytest.approx(PUBLISHED[case], rel=1e-3)


def test_ess__of_an_autoregression_is_its_theory():
    for rho in (0.0, 0.5, 0.9):
        x = _autoregressive(rho, 8, 20_000)
        assert float(ess(x)) == pytest.approx(x.size * (1 - rho) / (1 + rho), rel=0.1)


def test_nested_rhat__equals_arviz_and_forgives_short_chains():
    x = _autoregressive(0.6, 32, 60, 4)
    base = pytest.importorskip("arviz_stats.base", reason="arviz-stats is not part of any extra")
    ids = np.repeat(np.arange(4), 8)
    other = base.array_stats.rhat_nested(x, superchain_ids=ids, chain_axis=0, draw_axis=1)
    assert float(rhat(x, 8)) == pytest.approx(float(other), rel=0.01)
    assert rhat(x, 8) < 1.02 < rhat(x)
    shifted = x + np.repeat([0, 0, 0, 1.0], 8)[:, None]
    assert rhat(shifted, 8) > 1.05
    with pytest.raises(ModelError, match="superchains"):
        rhat(x, 7)


def test_laplace__of_a_linear_problem_is_exact_in_each_group():
    rng = np.random.default_rng(0)
    slope, aim = rng.normal(size=(3, 4)), rng.normal(size=(2, 3))

    def residuals(z):
        return (z.reshape(2, 5, 4) @ slope.T - aim[:, None]).reshape(10, 3)

    mean, root = laplace(residuals, 4, groups=2)
    precision = np.eye(4) + slope.T @ slope
    for g in range(2):
        assert np.allclose(mean[g], np.linalg.solve(precision, slope.T @ aim[g]), atol=1e-6)
        assert np.allclose(root[g] @ root[g].T, np.linalg.inv(precision), atol=1e-6)


def test_rhat__sees_a_shifted_and_a_wider_chain():
    x = _autoregressive(0.0)
    assert rhat(x) < 1.01
    assert rhat(x + np.array([0, 0, 0, 1])[:, None]) > 1.05
    assert rhat(x * np.array([1, 1, 1, 4])[:, None]) > 1.05
    assert rhat(np.exp(30 * x)) < 1.01  # ranks do not mind heavy tails


def test_diagnostics__work_on_stacks():
    x = np.stack([_autoregressive(0.3, seed=s) for s in range(3)])
    assert rhat(x).shape == ess(x).shape == ess(x, "tail").shape == (3,)
    for i in range(3):
        assert rhat(x)[i] == pytest.approx(float(rhat(x[i])))
        assert ess(x)[i] == pytest.approx(float(ess(x[i])))


def test_diagnostics__of_a_constant():
    x = np.ones((4, 100))
    assert float(rhat(x)) == 1
    assert float(ess(x)) == 400


def test_diagnose__refuses_with_the_remedy():
    good = _autoregressive(0.0, draws=500)
    told = diagnose({"a": good, "many": np.stack([good, good[::-1]], -1)})
    assert (told.chains, told.draws, len(told.table)) == (4, 500, 3)
    with pytest.raises(NotConverged, match="Ask for more draws"):
        diagnose({"a": good, "slow": _autoregressive(0.995, draws=500)})
    assert diagnose({"slow": _autoregressive(0.995, draws=500)}, strict=False).worst[0] == "slow"
    with pytest.raises(NotConverged, match="not finite"):
        diagnose({"a": np.full((2, 10), np.nan)})
    with pytest.raises(ModelError, match="at least 4 draws"):
        rhat(np.ones((2, 2)))


def test_diagnosis__prints_the_worst():
    rng = np.random.default_rng(0)
    found = diagnose({"a": rng.normal(size=(4, 500)), "b": rng.normal(size=(4, 500, 3))})
    name, rhat_, *_ = max(found.table, key=lambda row: row[1])
    bulk, tail = min(row[2] for row in found.table), min(row[3] for row in found.table)
    told = repr(found)
    assert told.startswith(
        f"4 chains of 500 draws, 4 quantities: R-hat at most {rhat_:.3f} ({name}), effective draws at"
    )
    assert f"at least {bulk:,.0f} (" in told
    assert f"in the tails {tail:,.0f} (" in told
    assert len(told) < 400


def test_interval__holds_its_mass():
    low, median, high = interval(np.random.default_rng(0).normal(size=(50_000, 2)), 0.8)
    assert np.allclose([low, median, high], [[-1.2816] * 2, [0] * 2, [1.2816] * 2], atol=0.03)


def test_rank__breaks_ties_at_random_and_stays_uniform():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 4000).astype(float)
    draws = rng.integers(0, 3, (99, 4000)).astype(float)
    ranks = rank(truth, draws, rng)
    assert ranks.min() >= 0
    assert ranks.max() <= 99
    assert uniformity(ranks, 99) > 0.001
    assert uniformity(rank(truth + 0.8, draws, rng), 99) < 1e-6


def test_uniformity__needs_equal_bins():
    with pytest.raises(ModelError, match="equal bins"):
        uniformity([1, 2, 3], 100)


def test_contraction__from_nothing_to_all():
    rng = np.random.default_rng(0)
    assert contraction(rng.normal(size=100_000)) == pytest.approx(0, abs=0.02)
    assert contraction(rng.normal(size=100_000) / 2) == pytest.approx(0.75, abs=0.02)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_resample_size__lies_between_one_and_all(weights):
    assert 1 - 1e-9 <= resample_size(np.array(weights)) <= len(weights) + 1e-9


def test_sample__finds_a_correlated_gaussian_in_each_group():
    rng = np.random.default_rng(0)
    mean = np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 0.5]])
    root = np.array([[1.0, 0, 0], [0.9, 0.3, 0], [0, 0.2, 0.05]])
    precision = np.linalg.inv(root @ root.T)

    def log_density(z):
        gap = z.reshape(2, 16, 3) - mean[:, None]
        return -0.5 * np.einsum("gci,ij,gcj->gc", gap, precision, gap).ravel()

    kept, accepted = next(sample(log_density, 3, groups=2, chains=16, warmup=1500, draws=4000, thin=4, rng=rng))
    assert kept.shape == (2, 16, 1000, 3)
    assert 0.1 < accepted < 0.6
    for g in range(2):
        diagnose({"z": kept[g]}, rhat_below=1.01, ess_above=400)
        flat = kept[g].reshape(-1, 3)
        assert np.allclose(flat.mean(0), mean[g], atol=0.06)
        assert np.allclose(np.cov(flat.T), root @ root.T, atol=0.06)


def test_sample__nowhere_to_begin():
    with pytest.raises(NotConverged, match="no place of finite density"):
        next(sample(lambda z: np.full(z.shape[0], -np.inf), 2, chains=4, rng=np.random.default_rng(0)))


def test_sample__same_seed_same_draws():
    def once():
        rng = np.random.default_rng(7)
        return next(sample(lambda z: -0.5 * (z**2).sum(1), 2, chains=4, warmup=50, draws=50, rng=rng))[0]

    assert np.array_equal(once(), once())
