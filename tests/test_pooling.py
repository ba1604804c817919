"""Coefficients in families: their density against one great normal, its gradient, their draws."""

import numpy as np
import pytest

from keruen.estimators.pooling import Pooling

PRIOR_MEAN, PRIOR_SD = np.array([0.5, -0.2]), np.array([0.7, 1.3])


@pytest.fixture
def small():
    """Two pooled columns, two hosts with one coefficient each, three cells, four units with two of their own."""
    rng = np.random.default_rng(3)
    n = 40
    return Pooling(
        answer=rng.normal(size=n),
        dense=rng.normal(size=(n, 4)),
        cell=rng.integers(0, 3, n),
        family=np.array([0, 0, 1, 1, 1]),
        own=rng.normal(size=(n, 2)),
        unit=np.concatenate([np.arange(4), rng.integers(0, 4, n - 4)]),
        mean=PRIOR_MEAN,
        sd=PRIOR_SD,
        scale=np.array([0.5, 0.1, 0.3, 0.2]),
    )


def great(p, spread, weight):
    """All columns side by side, the prior of their coefficients, and the covariance of the answer."""
    n, units = len(p.answer), p.units
    cells = np.eye(p.cells)[p.cell]
    own = [np.eye(units)[p.unit] * p.own[:, [k]] for k in range(2)]
    x = np.hstack([p.dense, cells, *own])
    family = np.concatenate([p.family, np.repeat([2, 3], units)])
    mean = np.concatenate([p.mean, np.zeros(len(family))])
    prior = np.diag(np.concatenate([p.sd, spread[family]]) ** 2)
    return x, mean, prior, x @ prior @ x.T + np.diag(1 / weight), n


def test_density__is_that_of_one_great_normal(small):
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 4, len(small.answer))
    q = rng.normal(size=(5, 4))
    log, _, _ = small.density(q, [small.sums(weight)] * 5)
    slow = []
    for z in q:
        spread, _ = small.spreads(z)
        x, mean, _, cov, _ = great(small, spread, weight)
        off = small.answer - x @ mean
        slow.append(-0.5 * off @ np.linalg.solve(cov, off) - 0.5 * np.linalg.slogdet(cov)[1] - 0.5 * z @ z)
    np.testing.assert_allclose(np.diff(log), np.diff(slow), atol=1e-9)  # but for a constant


def test_density__gradient_is_that_of_differences(small):
    rng = np.random.default_rng(1)
    sums = [small.sums(rng.uniform(0.5, 4, len(small.answer)))]
    for _ in range(3):
        q = rng.normal(size=(1, 4))
        _, gradient, _ = small.density(q, sums)
        h = 1e-5
        slow = [(small.density(q + h * e, sums)[0] - small.density(q - h * e, sums)[0])[0] / 2 / h for e in np.eye(4)]
        np.testing.assert_allclose(gradient[0], slow, rtol=1e-5, atol=1e-6)


def test_density__refuses_what_lies_too_far(small):
    sums = [small.sums(np.ones(len(small.answer)))] * 2
    log, gradient, _ = small.density(np.array([[0.0, 0, 0, 0], [0, 7.0, 0, 0]]), sums)
    assert np.isfinite(log[0])
    assert log[1] == -np.inf
    assert np.isfinite(gradient).all()


def test_spreads__a_standard_normal_is_half_cauchy(small):
    q = np.random.default_rng(2).standard_normal((20_000, 4))
    spread, slope = small.spreads(q)
    np.testing.assert_allclose(np.median(spread, axis=0), small.scale, rtol=0.04)  # of a half-Cauchy its scale
    np.testing.assert_allclose(np.quantile(spread, 0.75, axis=0), small.scale * (1 + np.sqrt(2)), rtol=0.06)
    up, down = small.spreads(q[:50] + 1e-5)[0], small.spreads(q[:50] - 1e-5)[0]
    np.testing.assert_allclose(slope[:50], np.log(up / down) / 2e-5, rtol=1e-5)


def test_draw__has_the_moments_of_the_great_normal(small):
    rng = np.random.default_rng(4)
    weight = rng.uniform(0.5, 4, len(small.answer))
    q = np.array([[0.3, 0.5, -0.4, 0.8]])
    x, mean, prior, _, _ = great(small, small.spreads(q[0])[0], weight)
    covariance = np.linalg.inv(np.linalg.inv(prior) + (x.T * weight) @ x)
    centre = covariance @ (np.linalg.solve(prior, mean) + (x.T * weight) @ small.answer)
    sums = small.sums(weight)
    _, _, told = small.density(q, [sums])
    seen = []
    for _ in range(6000):
        shared, own, left = small.draw(q[0], sums, (told[0][0], told[1][0]), rng)
        seen.append(np.concatenate([shared, own.T.ravel()]))
    np.testing.assert_allclose(left, small.answer - x @ seen[-1], atol=1e-12)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((np.mean(seen, axis=0) - centre) / sd, 0, atol=0.06)
    np.testing.assert_allclose(np.cov(np.transpose(seen)) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.08)
