"""What a regression leaves: the density against a sum over outliers, its gradient, and steps that keep their law."""

import numpy as np

from keruen.estimators import turbulence as t


def small(chains=2, n=30, seed=0):
    """Five series of two kinds; the first kind has four years, the second three."""
    rng = np.random.default_rng(seed)
    kind = np.array([0, 0, 0, 0, 1, 1, 1])
    of_series = np.array([0, 0, 0, 1, 1])
    series = np.concatenate([np.arange(5), rng.integers(0, 5, n - 5)])
    cell = np.where(of_series[series] == 0, rng.integers(0, 4, n), rng.integers(4, 7, n))
    return t.begin(series, cell, kind, np.array([1, 0, 0, 0, 1, 0, 0], bool), chains, 0.1, rng)


def slow(made, q, squares, phi, rough):
    """The density of one chain's place, term by term."""
    base, part, level, own = q[:2], 1 / (1 + np.exp(-q[2])), q[3:10], q[10:]
    log = 0.0
    for e2, c, s in zip(squares, made.cell, made.series, strict=True):
        v = np.exp(level[c] + own[s])
        log += np.log(sum(w * np.exp(-e2 / 2 / v / f) / np.sqrt(v * f) for w, f in ((1 - part, 1.0), (part, t.WIDE))))
    log += sum(-t.SHAPE * (v + np.exp(-v)) for v in own)  # inverse gamma, of the logarithm
    for kind, years in ((0, range(4)), (1, range(4, 7))):
        tide = level[list(years)] - base[kind]
        lag = np.abs(np.subtract.outer(years, years))
        cov = rough**2 / (1 - phi**2) * phi**lag
        log += -0.5 * tide @ np.linalg.solve(cov, tide) - 0.5 * np.linalg.slogdet(cov)[1]
        log += base[kind] - np.exp(base[kind]) / t.BASE
    return log + np.log(part) * t.OUTLYING[0] + np.log(1 - part) * t.OUTLYING[1]


def test_density__is_the_sum_over_outliers():
    made, rng = small(), np.random.default_rng(1)
    squares = rng.exponential(0.2, (2, len(made.cell)))
    gaps = []
    for _ in range(4):
        q = made.q + 0.3 * rng.standard_normal(made.q.shape)
        log, _, (sharp, odd) = made.density(q, squares)
        phi, rough = made.named["persistence"], made.named["roughness"]
        gaps.append([log[c] - slow(made, q[c], squares[c], phi[c], rough[c]) for c in range(2)])
        v = 1 / sharp
        wide = 1 / (1 + np.exp(-q[:, 2]))
        one, other = (f * np.exp(-squares / 2 / v / w) / np.sqrt(w) for f, w in (
            (wide[:, None], t.WIDE), (1 - wide[:, None], 1.0)))  # fmt: skip
        np.testing.assert_allclose(odd, one / (one + other), rtol=1e-9)
    np.testing.assert_allclose(np.ptp(gaps, axis=0), 0, atol=1e-8)  # but for a constant of each chain's law


def test_walk__is_the_density_that_a_jump_needs():
    made, rng = small(), np.random.default_rng(2)
    none = np.zeros((2, len(made.cell)))
    gaps = []
    for _ in range(5):
        q = made.q + 0.3 * rng.standard_normal(made.q.shape)
        q[:, 2], q[:, 10:] = made.q[:, 2], made.q[:, 10:]
        at = rng.integers(0, 50, 2), rng.integers(0, 40, 2)
        log = made.told(q, none)[0] + made._walk(q, *at)
        prior = np.log(t.ROUGHNESS[at[1]]) - t.ROUGHNESS[at[1]] ** 2 / 2 / t.ROUGHNESS_SD**2
        phi, rough = t.PERSISTENCE[at[0]], t.ROUGHNESS[at[1]]
        gaps.append([log[c] - prior[c] - slow(made, q[c], none[c], phi[c], rough[c]) for c in range(2)])
    np.testing.assert_allclose(np.ptp(gaps, axis=0), 0, atol=1e-8)


def test_density__gradient_is_that_of_differences():
    made, rng = small(), np.random.default_rng(3)
    squares = rng.exponential(0.2, (2, len(made.cell)))
    q = made.q + 0.3 * rng.standard_normal(made.q.shape)
    _, gradient, _ = made.density(q, squares)
    h = 1e-5
    for d in range(q.shape[1]):
        e = h * (np.arange(q.shape[1]) == d)
        differences = (made.density(q + e, squares)[0] - made.density(q - e, squares)[0]) / 2 / h
        np.testing.assert_allclose(gradient[:, d], differences, rtol=1e-5, atol=1e-5)


def test_roots__are_those_of_the_walk():
    made = small()
    root = made.roots(made.persistence, made.roughness)
    phi, rough = made.named["persistence"][0], made.named["roughness"][0]
    lag = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    one = np.linalg.inv(rough**2 / (1 - phi**2) * phi**lag)
    other = np.linalg.inv(rough**2 / (1 - phi**2) * phi ** lag[:3, :3])
    tide = np.zeros((7, 9))
    tide[:, 2:] = np.eye(7)
    tide[:4, 0], tide[4:, 1] = -1, -1
    precision = tide[:4].T @ one @ tide[:4] + tide[4:].T @ other @ tide[4:] + np.diag(made._pull)
    np.testing.assert_allclose(root[0] @ root[0].T, np.linalg.inv(precision), rtol=1e-8, atol=1e-12)


def test_step__keeps_the_prior_where_squares_are_drawn_anew():
    # Data drawn from the parameters, parameters moved given the data: together they keep the prior (Geweke 2004).
    chains, rounds = 40, 400
    made, rng = small(chains, n=24), np.random.default_rng(5)
    truth = [t.law(rng) for _ in range(chains)]
    made.persistence = np.array([int(np.argmin(abs(t.PERSISTENCE - p))) for p, _ in truth])
    made.roughness = np.array([int(np.argmin(abs(t.ROUGHNESS - r))) for _, r in truth])
    phi, rough = made.named["persistence"][:, None], made.named["roughness"][:, None]
    base = rng.exponential(t.BASE, (chains, 2))
    walk = rough / np.sqrt(1 - phi**2) * rng.standard_normal((chains, 7))
    for c in (1, 2, 3, 5, 6):
        walk[:, c] = (phi * walk[:, [c - 1]] + rough * rng.standard_normal((chains, 1)))[:, 0]
    made.q[:, :2] = np.log(base)
    made.q[:, 2] = (lambda p: np.log(p / (1 - p)))(rng.beta(*t.OUTLYING, chains))
    made.q[:, 3:10] = walk + made.q[:, made.kind]
    made.q[:, 10:] = -np.log(rng.gamma(t.SHAPE, 1 / t.SHAPE, (chains, 5)))
    made.gait.step = 0.35
    seen = []
    for _ in range(rounds):
        _, sharp, _, _ = made.told(made.q, np.zeros((chains, 24)))
        wide = np.where(rng.random(sharp.shape) < made.named["outlying"][:, None], t.WIDE, 1.0)
        made.step(wide / sharp * rng.standard_normal(sharp.shape) ** 2, rng)
        s = made.named
        seen.append([s["base"][:, 0] / t.BASE, s["outlying"], np.exp(-s["own"][:, 0]), s["persistence"],
                     s["roughness"] / t.ROUGHNESS_SD, np.abs(s["turbulence"][:, 6])
                     * np.sqrt(1 - s["persistence"] ** 2) / s["roughness"]])  # fmt: skip
    chain_means = np.array(seen)[:, :, :].mean(axis=0)
    mass = np.exp(t._mass(np.arange(40)))
    expected = [1, 0.1, 1, 0.49, (mass * t.ROUGHNESS).sum() / mass.sum() / t.ROUGHNESS_SD, np.sqrt(2 / np.pi)]
    error = chain_means.std(axis=1, ddof=1) / np.sqrt(chains)
    assert (np.abs(chain_means.mean(axis=1) - expected) < 3.5 * error).all(), (
        chain_means.mean(axis=1),
        expected,
        error,
    )
