"""Simulated truths and laws for the power law of Zhang (2008)."""

import numpy as np
import pytest

from keruen.errors import FaultyTable, ModelError
from keruen.estimators.power_law import power_law


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


def test_power_law__bad_tables():
    with pytest.raises(FaultyTable) as caught:
        power_law([100, 50, 1, 1000], [5, 60, 1, 0], [1, 2, 3, 4.5], names=["UZB", "KGZ", "TJK", "RUS"])
    assert "KGZ" in str(caught.value)
    assert "N < n" in str(caught.value)
    assert len(caught.value.faults) == 3
    with pytest.raises(ModelError, match="Nobody was apprehended"):
        power_law([100, 200, 300, 400], [5, 6, 7, 8], [0, 0, 0, 0])


def test_power_law__names_that_do_not_fit_are_refused():
    with pytest.raises(FaultyTable, match="1 names for 4 origins"):
        power_law([100, 200, 300, 400], [10, 20, 30, 40], [1, 2, 3, 4], names=["KAZ"])
