"""Proportional fitting against the obvious sweeps, and the words for margins that no table has."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keruen.errors import InfeasibleMargins
from keruen.estimators.ipf import fit_many, fit_margins, guide


def sweeps(seed, rows, columns, times=4_000, tolerance=1e-12):
    """Iterative proportional fitting as it is taught; None if it does not settle."""
    table = np.array(seed, float)
    for _ in range(times):
        for axis, target in ((1, rows), (0, columns)):
            total = table.sum(axis)
            factor = np.divide(target, total, out=np.zeros_like(target), where=total > 0)
            table *= np.expand_dims(factor, axis)
        off = max(abs(table.sum(1) - rows).max(), abs(table.sum(0) - columns).max())
        if off <= tolerance * max(rows.sum(), 1):
            return table
    return None


def worlds(rng, births, n, zeros):
    rows = rng.gamma(0.5, 100, (births, n)) * (rng.random((births, n)) > zeros)
    columns = rng.gamma(0.5, 100, (births, n)) * (rng.random((births, n)) > zeros)
    alive = (rows.sum(1) > 0) & (columns.sum(1) > 0)
    rows[~alive], columns[~alive] = 0, 0
    columns[alive] *= (rows[alive].sum(1) / columns[alive].sum(1))[:, None]
    return rows, columns


@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 7), n=st.integers(1, 7), zeros=st.sampled_from([0.0, 0.3]))
@settings(max_examples=40, deadline=None)
def test_fit_margins__is_what_sweeps_find(seed, m, n, zeros):
    rng = np.random.default_rng(seed)
    start = rng.gamma(0.3, 1, (m, n)) + 1e-6
    hidden = start * rng.gamma(2, 1, (m, 1)) * rng.gamma(2, 1, n)  # feasible by construction, whatever the zeros
    zero = rng.random((m, n)) < zeros
    start[zero], hidden[zero] = 0, 0
    rows, columns = hidden.sum(1), hidden.sum(0)
    assume(rows.sum() > 0)
    fit = fit_margins(start, rows, columns)
    np.testing.assert_allclose(fit.table, hidden, rtol=1e-8, atol=1e-10 * rows.sum())
    slow = sweeps(start, rows, columns)
    if slow is not None:
        np.testing.assert_allclose(fit.table, slow, rtol=1e-8, atol=1e-10 * rows.sum())


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 12), wide=st.sampled_from([0.05, 0.5, 3.0]))
@settings(max_examples=40, deadline=None)
def test_fit_margins__a_guide_changes_nothing_but_the_way(seed, n, wide):
    rng = np.random.default_rng(seed)
    first = rng.gamma(0.3, 10, (n, n)) + 1e4 * np.diag(rng.gamma(1, 1, n) + 0.01)
    first[:, rng.random(n) < 0.1] = 0
    rows, columns = first.sum(1) * rng.uniform(0.9, 1.1, n), first.sum(0)
    rows *= columns.sum() / max(rows.sum(), 1e-300)
    assume(((first > 0).sum(1) > 1).all())
    led = guide(fit_margins(first + 1e-6 * (columns > 0), rows, columns))
    other = first * np.exp(wide * rng.standard_normal((n, n)))
    rows = other.sum(1) * rng.uniform(0.95, 1.05, n)
    columns = other.sum(0)
    rows *= columns.sum() / rows.sum()
    other += 1e-3 * (columns > 0)
    plain, guided = fit_margins(other, rows, columns), fit_margins(other, rows, columns, guide=led)
    assert guided.residual <= max(1e-12 * rows.sum(), 1e-9)
    np.testing.assert_allclose(guided.table, plain.table, rtol=1e-6, atol=1e-9 * rows.sum())


def test_fit_margins__a_guide_from_elsewhere_does_no_harm():
    rng = np.random.default_rng(1)
    start, hidden = rng.random((20, 20)), rng.random((20, 20))
    cold = fit_margins(start, hidden.sum(1), hidden.sum(0))
    again = fit_margins(start, hidden.sum(1), hidden.sum(0), guide=guide(cold))
    assert again.iterations == 0
    np.testing.assert_allclose(again.table, cold.table, rtol=1e-9)
    hidden[:, 3] = 0
    holed = fit_margins(start, hidden.sum(1), hidden.sum(0), guide=guide(cold))
    np.testing.assert_allclose(holed.table, fit_margins(start, hidden.sum(1), hidden.sum(0)).table, rtol=1e-9)


def test_fit_margins__heavy_diagonal_that_sweeps_find_slow():
    rng = np.random.default_rng(2)
    start = rng.random((30, 30)) + np.diag(1e5 * rng.random(30))
    rows, columns = start.sum(1) * rng.uniform(0.9, 1.1, 30), start.sum(0)
    rows *= columns.sum() / rows.sum()
    fit = fit_margins(start, rows, columns)
    assert fit.iterations < 15
    assert fit.residual < 1e-7
    np.testing.assert_allclose(fit.table.sum(1), rows, rtol=1e-10)


def test_fit_margins__says_who_finds_no_place():
    seed = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 1]])
    with pytest.raises(InfeasibleMargins, match=r"people of (a|b|X) find no place"):
        fit_margins(seed, np.array([5.0, 5, 5]), np.array([5.0, 5, 5]), names=(["a", "b", "c"], ["X", "Y", "Z"]))
    with pytest.raises(InfeasibleMargins, match="5 people belong to Y, where the seed is zero"):
        fit_margins(
            np.array([[1.0, 0, 1]] * 3), np.full(3, 5.0), np.full(3, 5.0), names=(["a", "b", "c"], ["X", "Y", "Z"])
        )
    with pytest.raises(InfeasibleMargins, match="sum to 15 people and the columns to 12"):
        fit_margins(np.ones((3, 3)), np.full(3, 5.0), np.full(3, 4.0))


@given(seed=st.integers(0, 2**32 - 1), births=st.integers(1, 9), n=st.integers(1, 6), zeros=st.sampled_from([0.0, 0.4]))
@settings(max_examples=40, deadline=None)
def test_fit_many__is_one_dense_fit_a_birthplace(seed, births, n, zeros):
    rng = np.random.default_rng(seed)
    rows, columns = worlds(rng, births, n, zeros)
    prior = rng.gamma(0.5, 1, (n, n)) + 1e-3
    for own in (prior, np.broadcast_to(prior, (births, n, n)) * rng.uniform(0.5, 2, (births, 1, 1))):
        fit = fit_many(rows, columns, own, tolerance=1e-9)
        cube = fit.x[:, :, None] * own * fit.y[:, None, :]
        for b in range(births):
            slow = sweeps(prior, rows[b], columns[b])
            assume(slow is not None)
            np.testing.assert_allclose(cube[b], slow, rtol=1e-8, atol=1e-9 * max(rows[b].sum(), 1e-9))
        assert abs(fit.residual_rows).max() <= 1e-8 * max(rows.sum(1).max(), 1)


def test_fit_many__refuses_a_seed_that_leaves_nowhere_to_go():
    seed = np.array([[1.0, 0, 0], [1, 1, 1], [1, 1, 1]])
    rows, columns = np.array([[7.0, 0, 0]]), np.array([[0.0, 7, 0]])
    with pytest.raises(InfeasibleMargins, match="7 people born in KAZ start in KAZ, and the seed is zero"):
        fit_many(rows, columns, seed, names=["KAZ", "UZB", "RUS"])
    hidden = np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])  # nobody may stay, and most are and remain at one place
    with pytest.raises(InfeasibleMargins, match=r"Born in KAZ: .* find nowhere to go"):
        fit_many(np.array([[8.0, 1, 1]]), np.array([[8.0, 1, 1]]), hidden, names=["KAZ", "UZB", "RUS"])


def test_fit_many__few_movers_of_a_large_birthplace():
    rows, columns = np.array([[3.0, 0, 1e-3], [0, 0, 0]]), np.array([[0.0, 3.001 + 1e-7, 0], [0, 0, 0]])
    fit = fit_many(rows, columns, np.random.default_rng(0).uniform(0.1, 1, (3, 3)))
    assert abs(fit.residual_columns).max() == pytest.approx(1e-7, rel=1e-3)
    with pytest.raises(InfeasibleMargins, match="3 people born in KAZ leave and 4 arrive"):
        fit_many(rows, columns / columns.sum() * 4, np.ones((3, 3)), names=["KAZ", "UZB"])
