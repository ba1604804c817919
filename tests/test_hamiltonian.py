import numpy as np
import pytest

from keruen.estimators import hamiltonian
from keruen.estimators.hamiltonian import Gait
from keruen.estimators.path import _heated, _swapped


def walk(target, q, gait, rng, steps, stretch=1.0, between=None):
    now, seen = target(q), []
    for at in range(steps):
        q, now, chance = hamiltonian.step(q, now, target, gait, rng, stretch)
        if between is not None:
            q, now = between(q, now, at)
        seen.append(q.copy())
        assert ((chance >= 0) & (chance <= 1)).all()
    return np.stack(seen)


def test_step__leaves_a_normal_distribution_as_it_is():
    root = np.array([[1.0, 0.0], [0.9, 0.5]])
    inverse = np.linalg.inv(root @ root.T)

    def target(q):
        return -0.5 * ((q @ inverse) * q).sum(1), -q @ inverse, (np.zeros(len(q)),)

    rng = np.random.default_rng(0)
    seen = walk(target, rng.standard_normal((4, 2)) @ root.T, Gait(0.5 * np.eye(2), 0.8), rng, 4000)
    flat = seen.reshape(-1, 2)
    assert np.cov(flat.T) == pytest.approx(root @ root.T, abs=0.1)
    assert flat.mean(0) == pytest.approx([0, 0], abs=0.08)


def test_gait__learns_scale_and_step():
    scales = np.array([0.01, 30.0])

    def target(q):
        return -0.5 * ((q / scales) ** 2).sum(1), -q / scales**2, (np.zeros(len(q)),)

    rng, gait = np.random.default_rng(1), Gait(np.eye(2), 0.01)
    q = scales * rng.standard_normal((4, 2))
    now = target(q)
    for at in range(400):
        q, now, chance = hamiltonian.step(q, now, target, gait, rng)
        gait.learn(float(chance.mean()))
        gait.seen.append(q)
        if at in (100, 200):
            gait.reshape(2)
            gait.restart()
    gait.settle()
    assert np.diag(gait.root) / scales == pytest.approx([1, 1], rel=0.5)
    seen = walk(target, q, gait, rng, 1000)
    assert seen.reshape(-1, 2).std(0) / scales == pytest.approx([1, 1], rel=0.1)


def test_swapped__a_ladder_carries_chains_between_wells():
    """Two wells six apart and half wide, under a prior twice as wide as one."""

    def wells(q):
        a, b = -2 * (q[:, 0] - 3) ** 2, -2 * (q[:, 0] + 3) ** 2
        share = 1 / (1 + np.exp(np.clip(b - a, -500, 500)))
        return np.logaddexp(a, b), (-4 * (q[:, 0] - 3) * share - 4 * (q[:, 0] + 3) * (1 - share))[:, None]

    def heated(heat):
        def target(q):
            log, slope = wells(q)
            return _heated(heat, (-(q[:, 0] ** 2) / 8, -q / 4, log, slope, (np.zeros(len(q)),)))

        return target

    rng = np.random.default_rng(3)
    alone = walk(heated(np.ones(4)), np.full((4, 1), 3.0), Gait(0.5 * np.eye(1), 0.5), rng, 800)
    assert (alone > 0).all()  # without a ladder they stay where they began
    heat = np.repeat([1.0, 0.4, 0.15, 0.05], 4)
    seen = walk(
        heated(heat), np.full((16, 1), 3.0), Gait(0.5 * np.eye(1), 0.5), rng, 3000, heat[:, None] ** -0.5,
        lambda q, now, at: _swapped(q, now, heat, 4, at % 2, rng),
    )[:, :4]  # fmt: skip
    assert (seen > 0).mean() == pytest.approx(0.5, abs=0.12)
    right = seen[seen > 0]
    assert right.std() == pytest.approx((4 + 1 / 4) ** -0.5, rel=0.1)  # the well's precision and the prior's add
    assert right.mean() == pytest.approx(3 * 4 / (4 + 1 / 4), abs=0.05)
