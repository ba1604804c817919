"""Residual and multiplier, and what all estimators of hidden populations share: laws and bad input."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from keruen.errors import ModelError
from keruen.estimators.hidden import beta_from, told
from keruen.estimators.multiplier import multiplier
from keruen.estimators.repeat_counts import repeat_counts
from keruen.estimators.residual import residual


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


def test_residual_and_multiplier__impossible_inputs():
    with pytest.raises(ModelError, match="none left"):
        residual(100, 90, 20)
    with pytest.raises(ModelError, match="share"):
        beta_from(1.2, 0.1)
    with pytest.raises(ModelError, match="0 or more"):
        multiplier(-1, share=(2, 2), rng=np.random.default_rng(0))
    with pytest.raises(ModelError, match="randomness"):
        multiplier(1, share=(2, 2))


def test_told__is_plain():
    found = told(repeat_counts([1, 2, 3, 4, 5, 6], [1645, 183, 37, 13, 1, 1]))
    assert json.loads(json.dumps(found))["draws"] == 1
