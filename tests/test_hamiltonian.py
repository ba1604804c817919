import numpy as np
import pytest

from keruen.estimators import hamiltonian
from keruen.estimators.hamiltonian import Gait


def walk(target, q, gait, rng, steps):
    now, seen = target(q), []
    for _ in range(steps):
        q, now, chance = hamiltonian.step(q, now, target, gait, rng)
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
    now, seen, slopes = target(q), [], []
    for at in range(400):
        q, now, chance = hamiltonian.step(q, now, target, gait, rng)
        gait.learn(float(chance.mean()))
        seen.append(q)
        slopes.append(now[1])
        if at in (100, 200):
            x, g = (np.concatenate(part[len(part) // 3 :]) for part in (seen, slopes))
            gait.reshape(x, np.cov(x, rowvar=False), g)
            gait.restart()
    gait.settle()
    assert np.diag(gait.root) / scales == pytest.approx([1, 1], rel=0.5)
    seen = walk(target, q, gait, rng, 1000)
    assert seen.reshape(-1, 2).std(0) / scales == pytest.approx([1, 1], rel=0.1)


def test_gait__is_as_wide_as_one_of_two_wells():
    rng, scales = np.random.default_rng(3), np.array([1.0, 0.2])
    apart = np.where(rng.random((4000, 1)) < 0.5, 20.0, 0.0) * np.array([1.0, 0.0])
    inside = scales * rng.standard_normal((4000, 2))
    gait = Gait(np.eye(2))
    gait.reshape(apart + inside, np.cov(apart + inside, rowvar=False), -inside / scales**2)
    assert np.sqrt(np.diag(gait.root @ gait.root.T)) == pytest.approx(scales, rel=0.1)


def test_gait__takes_the_curvature_from_slopes():
    inverse = np.array([[40.0, 3.0], [3.0, 0.5]])  # curvature of a normal
    rng = np.random.default_rng(2)
    x = rng.standard_normal((20_000, 2)) @ np.linalg.inv(np.linalg.cholesky(inverse))
    gait = Gait(np.eye(2))
    gait.reshape_by_slopes(-x @ inverse)
    assert gait.root @ gait.root.T == pytest.approx(np.linalg.inv(inverse), rel=0.05)
