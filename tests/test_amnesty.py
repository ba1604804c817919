"""An amnesty as a reveal: Kazakhstan 2006, the sum over every possible number, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from keruen.errors import ModelError
from keruen.estimators.amnesty import amnesty


def test_amnesty__both_priors_of_2006_differ_by_a_tenth():
    rng = np.random.default_rng(0)
    proportional = amnesty(164_586, take_up=(5, 4), prior="1/U", draws=200_000, rng=rng)
    flat = amnesty(164_586, take_up=(5, 4), prior="flat", draws=200_000, rng=rng)
    assert proportional.value == pytest.approx(294_000, rel=0.01)
    assert flat.value == pytest.approx(330_000, rel=0.01)
    assert flat.value / proportional.value == pytest.approx(1.12, abs=0.02)


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


@given(st.integers(1, 10**6), st.floats(1.5, 20), st.floats(0.5, 20))
@settings(max_examples=40, deadline=None)
def test_amnesty__nobody_regularised_is_missing(count, a, b):
    for prior in ("1/U", "flat"):
        assert (
            amnesty(count, take_up=(a, b), prior=prior, draws=50, rng=np.random.default_rng(0)).draws >= count
        ).all()


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


def test_amnesty__no_draws_tell_nothing():
    with pytest.raises(ModelError, match="0 draws tell no number"):
        amnesty(1_000, take_up=(5, 4), draws=0)
