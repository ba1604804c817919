import numpy as np
import pytest

from keruen.estimators import hamiltonian
from keruen.estimators.hamiltonian import Gait
from keruen.estimators.wells import fitted, leap

FAR = np.array([3.0, -2.0])
"""Where the second of two wells lies; the first, which holds three quarters, lies at its opposite."""


def two_wells(q):
    """Two correlated wells in the first two dims; a third dim follows the well, one on either side of nought."""
    inverse = np.linalg.inv([[0.3, 0.1], [0.1, 0.2]])
    logs, slopes = [], []
    for share, side in ((0.75, -1.0), (0.25, 1.0)):
        apart, third = q[:, :2] - side * FAR, q[:, 2] - side
        logs.append(np.log(share) - 0.5 * ((apart @ inverse) * apart).sum(1) - 2 * third**2)
        slopes.append(np.column_stack([-apart @ inverse, -4 * third]))
    log = np.logaddexp(*logs)
    parts = np.exp(np.array(logs) - log)
    return log, (parts[:, :, None] * np.array(slopes)).sum(0), (np.arange(len(q)),)


def drawn(rng, n):
    side = np.where(rng.random(n) < 0.25, 1.0, -1.0)
    first = side[:, None] * FAR + rng.standard_normal((n, 2)) @ np.linalg.cholesky([[0.3, 0.1], [0.1, 0.2]]).T
    return np.column_stack([first, side + 0.5 * rng.standard_normal(n)])


@pytest.mark.parametrize("small", [0.05, 0.25, 0.5])
def test_fitted__finds_two_wells_of_any_size(small):
    rng = np.random.default_rng(5)
    side = np.where(rng.random(1000) < small, 2.5, -2.5)
    x = rng.standard_normal((1000, 6)) * [1, 2, 0.1, 1, 1, 3]
    x[:, :2] += np.column_stack([side, -2 * side])
    x[:, 5] += side  # of the others, one that lies elsewhere in each well
    found = fitted(x, 5)
    middle = found.centre + found.middle @ found.root.T
    tall = int(middle[:, 0].argmax())
    assert found.share[tall] == pytest.approx(small, abs=0.03)
    assert middle[tall, :2] == pytest.approx([2.5, -5], abs=0.7)
    assert middle[1 - tall, :2] == pytest.approx([-2.5, 5], abs=0.7)
    if small > 0.1:
        assert found.others[tall, 0] == pytest.approx(2.5, abs=0.8)


def test_leap__leaves_the_density_as_it_is_and_crosses_where_steps_do_not():
    rng, seen = np.random.default_rng(0), []
    gait = Gait(np.diag([0.5, 0.4, 0.5]), 0.6)
    q = np.tile(np.append(FAR, 1.0), (4, 1))
    now = two_wells(q)
    for _ in range(400):
        q, now, _ = hamiltonian.step(q, now, two_wells, gait, rng)
        seen.append(q)
    assert (np.concatenate(seen)[:, 0] > 0).all()  # steps alone stay where they began

    wells, seen = fitted(drawn(rng, 300), 2), []
    q = np.tile(q, (8, 1))
    now = two_wells(q)
    for _ in range(400):
        q, now, taken = leap(q, now, two_wells, wells, 2, rng)
        assert 0 <= taken <= 1
        q, now, _ = hamiltonian.step(q, now, two_wells, gait, rng)
        seen.append(q)
    flat, true = np.concatenate(seen), drawn(rng, 100_000)
    assert (flat[:, 0] > 0).mean() == pytest.approx(0.25, abs=0.04)
    assert np.cov(flat.T) == pytest.approx(np.cov(true.T), rel=0.1)
    for side in (-1, 1):
        of, ought = flat[flat[:, 0] * side > 0], true[true[:, 0] * side > 0]
        assert of.mean(0) == pytest.approx(ought.mean(0), abs=0.06)
        assert of.std(0) == pytest.approx(ought.std(0), rel=0.06)


def test_leap__a_proposal_that_is_wrong_still_leaves_the_density_as_it_is():
    rng = np.random.default_rng(1)
    wells = fitted(drawn(rng, 300) * [1.5, 0.7, 2.0] + [0.5, 0.5, 0.0], 2)
    q, seen = drawn(rng, 4000), []
    now = two_wells(q)
    for _ in range(8):
        q, now, _ = leap(q, now, two_wells, wells, 3, rng)
        seen.append(q)
    flat, true = np.concatenate(seen), drawn(rng, 100_000)
    assert now[0] == pytest.approx(two_wells(q)[0])  # what is handed on belongs to where the chains are
    assert flat.mean(0) == pytest.approx(true.mean(0), abs=0.1)
    assert flat.std(0) == pytest.approx(true.std(0), rel=0.06)
