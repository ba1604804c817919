import json
import re
from dataclasses import replace
from datetime import date
from importlib import import_module
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from keruen import contract, kept
from keruen.adding import add
from keruen.errors import (
    ConceptError,
    FaultyTable,
    Incomparable,
    KeruenError,
    ModelError,
    NoEvidence,
    NotConverged,
    VocabularyError,
)
from keruen.estimators import path_sampler
from keruen.estimators.path import Design, Model, Prior, Reports, simulate
from keruen.estimators.path_sampler import sample
from keruen.own_series import claims_from_series
from keruen.path_calibration import calibrate, calibration
from keruen.path_closed import closed, imbalance
from keruen.path_design import Asked, _sizes, designed
from keruen.places import places as all_places
from keruen.reconcile import reconcile
from keruen.revisions import revisions
from keruen.sensitivity import VARIATIONS, sensitivity
from keruen.store import evidence
from keruen.tipping import outlier, tipping
from keruen.tipping_world import world

BALANCE = evidence("KAZ", "net_migration", release="bns-taldau").sort("start")
EUROPE = [c for c, p in all_places().items() if p.region == "Europe" and p.kind == "country"]
YEARS = [d.year for d in BALANCE["start"]]
REGISTER = BALANCE["value"].to_list()
QUICK = {"draws": 60, "ess": 20}


def toy(seed=0, register=True, editions=2):
    """A small design: two editions of yearly figures, one of them with a five-year sum, and a register."""
    years = np.arange(1990, 2002)
    t = years.size
    rows, edition = [], []
    for e in range(editions):
        for k in range(0, t, 2):
            rows.append(np.eye(t)[k])
            edition.append(e)
    rows.append(np.where((years >= 1993) & (years < 1998), 0.2, 0.0))
    edition.append(0)
    told = (years >= 1992) & register
    k = int(told.sum())
    rng = np.random.default_rng(seed)
    return Design(
        years=years, weights=np.array(rows), edition=np.array(edition), order=np.arange(float(editions)),
        scale=np.ones((editions, t)), register=told, arrivals=rng.uniform(1, 5, k), departures=rng.uniform(1, 9, k),
        coverage=((0.05, 0.05), (0.15, 0.07)), register_scale=np.full(k, 0.8), plain_weights=np.eye(t)[[3, 8]],
        plain_sd=np.array([0.5, 0.6]), plain_national=np.array([False, True]), restless=np.ones(t), prior=Prior(), loose=np.where(np.arange(len(rows)) == 1, 0.7, 0.0),
        mirror=np.array([1, 4] if register else [], dtype=int), mirror_noise=(0.3 * np.eye(2) + 0.1)[: 2 * register, : 2 * register],
    )  # fmt: skip


def slow_log_likelihood(design, reports, s, mixing, kappa, loading):
    """The density of all reports, written out as one big normal distribution, path and errors stacked."""
    p, t = design.prior, design.length
    phi, sigma = float(s["phi"][0]), float(s["sigma"][0])
    step = np.zeros((t, t + 1))  # path = step @ (first, innovations…) and the level
    level = np.zeros(t)
    step[0, 0] = 1
    for k in range(1, t):
        step[k] = phi * step[k - 1]
        level[k] = phi * level[k - 1] + (1 - phi)
        step[k, k] = sigma * design.restless[k] * np.sqrt(mixing[k - 1])
    step[0, 0] = p.first
    for k in range(1, t):
        step[k, 0] = phi * step[k - 1, 0]
    path = step @ step.T + p.level**2 * np.outer(level, level)
    at = np.flatnonzero(design.register)
    times = design.years[at].astype(float)
    a, d, own = design.arrivals, design.departures, design.register_scale
    gap = np.abs(times[:, None] - times[None, :])
    (ma, sa), (md, sd) = design.coverage
    cover = float(s["tau_coverage"][0]) ** 2 * p.rho_coverage**gap
    error = (cover + sa**2) * np.outer(a, a) + (cover + sd**2) * np.outer(d, d)
    error += float(s["tau_register"][0]) ** 2 * p.rho**gap * np.outer(own, own) + 1e-8 * np.eye(at.size)
    apart = np.abs(design.years[:, None] - design.years[None, :]).astype(float)
    h, e = design.weights, design.edition
    lineage = (h @ (p.rho**apart) @ h.T) * kappa ** np.abs(e[:, None] - e[None, :])
    lineage = float(s["tau_un"][0]) ** 2 * (lineage + np.diag(0.02 * np.diag(lineage) + design.loose**2))
    select = np.eye(t)[at]
    load = loading[e][:, None] * h[:, at]
    total = np.vstack([h, select, np.zeros((design.mirror.size, t)), design.plain_weights])
    mirror = np.eye(at.size)[design.mirror]
    from_error = np.vstack([load, np.eye(at.size), mirror, np.zeros((len(design.plain_sd), at.size))])
    n, k, j = len(h), at.size, design.mirror.size
    cov = total @ path @ total.T + from_error @ error @ from_error.T
    cov[:n, :n] += lineage
    cov[n + k : n + k + j, n + k : n + k + j] += design.mirror_noise
    cov[n + k + j :, n + k + j :] += np.diag(
        design.plain_sd**2 * np.where(design.plain_national, float(s["tau_register"][0]) ** 2, 1.0)
    )
    mean = from_error @ (d * md - a * ma)
    y = np.concatenate([reports.lineage, reports.register, reports.mirror, reports.plain]) - mean
    return -0.5 * (y @ np.linalg.solve(cov, y) + np.linalg.slogdet(cov)[1]), (path @ total.T @ np.linalg.solve(cov, y))


@pytest.mark.parametrize("seed", range(4))
def test_likelihood__equals_one_big_normal_distribution(seed):
    rng = np.random.default_rng(seed)
    design = toy(seed)
    reports, _ = simulate(design, rng)
    model = Model(design, reports)
    found, wanted = [], []
    for _ in range(3):
        q = rng.standard_normal((1, model.dims))
        z, loading, ell = model.parted(q)
        s = model.scales(z)
        log, _, (_, mean) = model.density(q)
        slow, path = slow_log_likelihood(design, reports, s, np.exp(ell[0]), float(s["kappa"][0]), loading[0])
        nu = design.prior.freedom / 2
        prior = -0.5 * (q[:, : model.dims - ell.size] ** 2).sum() - nu * (ell + np.exp(-ell)).sum()
        found.append(float(log[0] - prior))
        wanted.append(float(slow))
        assert mean[0, :-1] == pytest.approx(path, abs=1e-4)
    assert np.diff(found) == pytest.approx(np.diff(wanted), rel=1e-4, abs=1e-4)  # up to one constant


@pytest.mark.parametrize(("register", "fixed"), [(True, False), (False, False), (True, True)])
def test_gradient__equals_differences(register, fixed):
    design = toy(register=register)
    if fixed:
        design = replace(design, prior=Prior(kappa=(0.6, 0.0)))
    rng = np.random.default_rng(5)
    model = Model(design, simulate(design, rng)[0])
    q = rng.standard_normal((3, model.dims))
    slope = model.density(q)[1]
    for at in range(model.dims):
        up, down = q.copy(), q.copy()
        up[:, at] += 1e-5
        down[:, at] -= 1e-5
        assert slope[:, at] == pytest.approx((model.density(up)[0] - model.density(down)[0]) / 2e-5, abs=1e-5)


def test_inverse_of_the_cells_errors__is_interpolated_closely():
    from keruen.estimators.path import _nodes, _polynomials, _root

    design = toy()
    nodes, to_terms = _nodes()
    roots = [_root(design, k, 0.85) for k in nodes]
    terms = np.tensordot(to_terms, np.stack([np.linalg.inv(r @ r.T) for r in roots]), 1)
    for kappa in (0.05, 0.06, 0.3, 0.72, 0.95, 0.985, 0.99):
        root = _root(design, kappa, 0.85)
        share, _ = _polynomials(np.array([kappa]), nodes.size)
        near = np.tensordot(share[0], terms, 1) @ (root @ root.T)
        assert np.linalg.eigvals(near).real == pytest.approx(np.ones(len(near)), abs=1e-4)


@pytest.fixture(scope="module")
def exact():
    return reconcile("KAZ", claims=claims_from_series("KAZ", YEARS, REGISTER, error=0), **QUICK)


def test_reconcile__one_perfect_source_is_the_posterior(exact):
    truth = 1000 * np.array(REGISTER) / exact.population
    assert np.abs(exact.rates - truth).max() < 2e-3
    t = tipping(exact)
    assert t.p_by_year == {2004: 1.0}
    assert t.p_turned_back == 1.0
    assert [x["year"] for x in t.turns if x["direction"] == "up" and x["unconfirmed"]] == [2023]
    assert (exact.denominator_basis, exact.prior_only) == ("known", False)


def test_sizes__figures_carried_over_are_no_revisions():
    day = date(2019, 6, 17)
    moves = revisions("net_migration", family="un-wpp", place=EUROPE, as_of=day).moves.filter(
        (pl.col("pair") == "to the newest")
        & (pl.col("start") >= date(1985, 1, 1))
        & ((pl.col("end") - pl.col("start")).dt.total_days() > 366)
        & (pl.col("lag") >= 0)
        & ~pl.col("projection")
    )

    def typical(some):
        own, all_ = (np.quantile(x["change_rate"].abs(), 0.68) for x in (some.filter(pl.col("place") == "POL"), some))
        return (own**2 * all_) ** (1 / 3)  # the place counts twice

    changed = moves.filter(pl.col("after") != pl.col("before"))
    found, _, why = _sizes("POL", day, 38e6)
    assert found == pytest.approx(typical(changed), rel=1e-3)
    assert found > 1.2 * typical(moves)
    assert f"{changed.height} of Europe" in why


def test_reconcile__no_claims_is_the_prior_and_says_so():
    found = reconcile("KAZ", claims=contract.empty(), start=2000, **QUICK)
    assert found.prior_only
    assert any("this is the prior" in n for n in found.notes)
    assert found.rates.std(0).min() > 1
    assert abs(np.median(found.rates[:, -1])) < 2


def series(release, shift=0.0, **more):
    return claims_from_series("KAZ", YEARS[10:], [v + shift for v in REGISTER[10:]], release=release, **more)


def test_reconcile__two_copies_and_any_order_change_nothing():
    one = reconcile("KAZ", claims=series("a"), **QUICK)
    rival = pl.concat([series("a"), series("b", 9000, definition="national_net")])
    for claims in (pl.concat([series("a"), series("b")]), series("a").reverse()):
        assert (reconcile("KAZ", claims=claims, **QUICK).rates == one.rates).all()
    assert (
        reconcile("KAZ", claims=rival, **QUICK).rates
        == reconcile("KAZ", claims=rival.sample(fraction=1, shuffle=True, seed=3), **QUICK).rates
    ).all()


@pytest.mark.parametrize("definition", ["own", "national_net"])
def test_reconcile__of_two_counts_that_contradict_each_other_the_truth_is_between(definition):
    """Five years in which one count lost 260,000 people, and another won 200,000: neither is believed beyond itself."""
    rival = series("b", definition=definition).head(1).with_columns(end=pl.date(2005, 1, 1), value=pl.lit(2e5))
    rival = rival.with_columns(start=pl.date(2000, 1, 1))
    found = reconcile("KAZ", claims=pl.concat([series("a"), rival]), **QUICK)
    told = found.table().filter(pl.col("year").is_between(2000, 2004))["persons"].sum()
    one = sum(v for y, v in zip(YEARS, REGISTER, strict=True) if 2000 <= y <= 2004)
    assert one < -230_000 < told < 200_000


def test_reconcile__a_population_told_for_one_year_is_not_stretched_over_forty():
    """By 2018 Andorra's was known of 1989 alone: what was told later is taken, and said to be hindsight."""
    found = reconcile("AND", as_of="2018-05-03", **QUICK)
    assert found.denominator_basis == "hindsight"
    assert found.population[0] < 0.8 * found.population[-1]
    with pytest.raises(NoEvidence, match="day is certain"):
        reconcile("AND", as_of="2018-05-03", strict=True, **QUICK)


def test_reconcile__a_series_that_is_not_used_is_noted():
    found = reconcile("KAZ", claims=pl.concat([series("a"), series("b", 9000)]), **QUICK)
    told = f"{len(series('b'))} figures of b not used: restates the register"
    assert any(note.startswith(told) for note in found.notes)


def test_posterior__prints_in_a_line_and_as_a_table(exact):
    assert repr(exact).startswith("Net migration of Kazakhstan, 1991-2025, today: ")
    assert len(repr(exact)) < 300
    assert "<table" in exact._repr_html_()
    assert "Net migration of Antigua &amp; Barbuda" in replace(exact, place="ATG")._repr_html_()
    assert repr(tipping(exact)).startswith("First lasting turn to receiving since 1991, 5 years: 2004 1.00 (0.0 bits)")


def test_posterior__its_design_and_reports_print_in_a_line():
    found = reconcile("KAZ", **QUICK)
    d, r = found.design, found.reports
    told = repr(d)
    assert told.startswith(
        f"Design of {found.years[0]}-{found.years[-1]}: {r.lineage.size} figures of {d.order.size} ed"
    )
    assert (
        f"a register in {r.register.size} years, seen in {r.mirror.size} mirrors; {r.plain.size} other reports." in told
    )
    assert f"{len(d.weights)} lineage, {np.count_nonzero(d.register)} register, {len(d.plain_sd)} plain" in repr(r)
    assert len(told) < 400
    assert len(repr(r)) < 400


def test_reconcile__planted_later_claims_change_not_one_byte(home, tmp_path):
    then = reconcile("KAZ", as_of="2018-05-03", **QUICK)
    assert then.rates.shape[1] == 32
    planted = tmp_path / "later.csv"
    planted.write_text(
        "measure,place,start,end,value,status,definition,source,released\n"
        "net_migration,KAZ,2010-01-01,2011-01-01,500000,estimate,own,a ministry,2018-05-04\n"
        "net_migration,KAZ,2011-01-01,2012-01-01,-500000,estimate,own,a ministry,2018-05-04\n"
        "population,KAZ,2010-07-01,2010-07-01,99000000,estimate,own,a ministry,2018-05-04\n",
        "utf-8",
    )
    add(planted)
    assert evidence("KAZ")["own"].sum() == 3
    kept.clear()
    again = reconcile("KAZ", as_of="2018-05-03", **QUICK)
    assert again.chains.tobytes() == then.chains.tobytes()
    assert reconcile("KAZ", **QUICK).claims["own"].sum() == 2
    assert then.denominator_basis == "hindsight"
    assert then.claims["known"].max().isoformat() <= "2018-05-03"
    with pytest.raises(NoEvidence, match="strict takes no other"):
        reconcile("KAZ", as_of="2018-05-03", strict=True)


def test_reconcile__parts_of_the_packaged_claims():
    found = reconcile("KAZ", **QUICK)
    parts = dict(found.claims.group_by("part").len().iter_rows())
    assert parts["register"] == 35
    assert parts["projection: a forecast is no data"] > 100
    assert parts["copy: one claim, not two"] > 64  # a repeat through the World Bank, and carry-forwards
    assert found.sources[0] == "bns-taldau"
    assert found.rates.shape[1] == 41
    assert set(found.loading) == {f"un-wpp-{e}" for e in (2008, 2010, 2012, 2015, 2017, 2019, 2022, 2024)}
    kinds = dict(found.anchors.group_by("kind").len().iter_rows())
    assert kinds == {"mirror": 8, "stocks that change": 7}
    mirrored = found.anchors.filter(pl.col("kind") == "mirror").row(0, named=True)
    assert len(mirrored["derived_from"]) % 4 == 0  # both directions, both sides, of each partner
    assert set(evidence(["KAZ", "RUS"], ["immigration", "emigration"])["id"]) & set(mirrored["derived_from"])
    labour = evidence("KAZ", "labour_migrants")
    assert not set(labour["id"]) & set(found.claims["id"])


def test_reconcile__same_seed_same_bytes_other_seed_others():
    claims = series("a")
    a, b, c = (reconcile("KAZ", claims=claims, seed=s, **QUICK).chains for s in (0, 0, 1))
    assert a.tobytes() == b.tobytes() != c.tobytes()


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: claims_from_series("KAZ", [2000, 2000], [1, 2]), ModelError, "two values for 2000"),
        (lambda: claims_from_series("KAZ", [2000], [1, 2]), ModelError, "one value a year"),
        (lambda: claims_from_series("KAZ", [1500], [1]), ModelError, "1500 is far outside"),
        (lambda: claims_from_series("KAZ", [2000], [1], error=-1), ModelError, "error of -1"),
        (lambda: claims_from_series("KAZ", [2000], [1], definition="mine"), VocabularyError, "'mine'"),
        (lambda: claims_from_series("KAZ", [2000], [1], definition="worker_est"), Incomparable, "persons present"),
        (lambda: claims_from_series("KAZ", [2000], [float("nan")]), ModelError, "absent is not 0"),
        (lambda: claims_from_series("KAZ", [2000], [1], population=[0]), ModelError, "above zero"),
        (lambda: reconcile("KAZ", claims=claims_from_series("KAZ", [2000], [1])), ModelError, "One claim"),
        (lambda: claims_from_series("KAZ", [1990.5, 1991.5], [1, 2]), ModelError, "1990.5 is no calendar year .2 such"),
        (lambda: claims_from_series("KAZ", ["199O"], [1]), ModelError, "'199O' is no calendar year"),
        (lambda: claims_from_series("KAZ", [date(1990, 1, 1)], [1]), ModelError, "is no calendar year"),
        (lambda: claims_from_series("KAZ", [1990, 1991], ["12,5", None]), ModelError, "'12,5' for 1990, None for 1991"),
        (lambda: claims_from_series("KAZ", [1990], [1], error=[]), ModelError, "0 figures for 1 years"),
        (lambda: claims_from_series("KAZ", [1990, 1991], [1, 2], error=[1]), ModelError, "1 figures for 2 years"),
        (lambda: claims_from_series("KAZ", [1990], [1], population=5e6), ModelError, "one figure a year"),
        (lambda: reconcile("KAZ", claims=[1, 2]), FaultyTable, "A list is not a table"),
        (lambda: reconcile("KAZ", claims=pl.DataFrame({"year": [2000], "net": [1]})), FaultyTable, "'value' is missing"),
        (lambda: reconcile("KAZ", claims=pl.DataFrame({"year": [2000], "value": [1], "sd": [1]})), FaultyTable, "'sd' says"),
        (lambda: reconcile("KAZ", claims=series("a").with_columns(pl.col("start").cast(pl.String))), FaultyTable, "not days"),
        (lambda: reconcile("KAZ", claims=series("a").with_columns(start=pl.lit(None, pl.Date))), FaultyTable, "is empty"),
        (lambda: reconcile("KAZ", claims=series("a", error=5).with_columns(level=pl.lit(95.0))), ModelError, "cannot hold|holds 95"),
        (lambda: reconcile("KAZ", without=["un_wpp"], **QUICK), ConceptError, "'un_wpp'.*un-wpp"),
        (lambda: reconcile("KAZ", only="nationl", **QUICK), ConceptError, "Did you mean national"),
        (lambda: reconcile("KAZ", seed=-1), ModelError, "seed is -1"),
        (lambda: reconcile("KAZ", draws=0), ModelError, "draws is 0"),
        (lambda: reconcile("KAZ", start="1990"), ModelError, "start is '1990'"),
        (lambda: reconcile("KAZ", register_error=float("nan")), ModelError, "error of nan"),
        (lambda: reconcile("KAZ", prior={"sigma": 3}), ModelError, "give median and sd"),
        (lambda: reconcile("KAZ", claims=series("a").with_columns(status=pl.lit("projection"))), NoEvidence, "foreca"),
        (lambda: reconcile("KAZ", claims=series("a").with_columns(definition=pl.lit("x"))), VocabularyError, "'x'"),
        (lambda: reconcile("Kirgizia", claims=series("a")), KeruenError, "Kirgizia"),
        (lambda: reconcile("SUN", claims=claims_from_series("SUN", [1980, 1981], [1, 2])), NoEvidence, "population"),
        (
            lambda: reconcile("KAZ", claims=pl.concat([series("a"), series("a", 5.0)])),
            ModelError, "two figures that overlap",
        ),
        (
            lambda: reconcile("KAZ", claims=pl.concat(
                [series("a"), series("a").head(1).with_columns(end=pl.col("start").dt.offset_by("5y"))])),
            ModelError, "two figures that overlap",
        ),
        (
            lambda: reconcile("KAZ", claims=pl.concat([series("a", error=0), series("b", 5.0, error=0)])),
            ModelError, "both said to be without error",
        ),
        (lambda: reconcile("KAZ", claims=claims_from_series("KAZ", range(1890, 1900), range(10))), NoEvidence, "1890-1899"),
        (lambda: reconcile("KAZ", claims=claims_from_series("KAZ", [2000, 2001], [1, 5e7])), ModelError, "in a year. Values"),
        (
            lambda: reconcile("KAZ", claims=pl.concat([series("a"), series("b").with_columns(printed_unit=pl.lit("t"))])
                              .with_columns(printed_unit=pl.col("printed_unit").fill_null("p"))),
            Incomparable, "mix units",
        ),
        (
            lambda: reconcile("KAZ", claims=pl.concat(
                [series("a"), series("b").with_columns(measure=pl.lit("net_migration_rate"))])),
            Incomparable, "net_migration_rate",
        ),
        (lambda: reconcile("KAZ", claims=series("a").drop("flag")), KeruenError, "'flag' is missing"),
        (lambda: reconcile("KAZ", claims=series("a"), as_of="2018"), ModelError, "since when they are known"),
        (lambda: reconcile("KAZ", "stock"), ConceptError, "stock"),
        (lambda: reconcile("KAZ", register_error=-1), ModelError, "cannot be"),
        (lambda: reconcile("KAZ", claims=series("a"), prior={"tau": 1}), ModelError, "'tau' is no prior"),
        (lambda: reconcile("KAZ", claims=series("a"), prior={"rho": 1.2}), ModelError, "rho"),
    ],
)  # fmt: skip
def test_reconcile__bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_sample__refuses_what_did_not_settle():
    design = toy()
    reports, _ = simulate(design, np.random.default_rng(0))
    with pytest.raises(NotConverged, match="effective draws"):
        sample(design, reports, rng=np.random.default_rng(0), warmup=12, draws=20, most=20)


@pytest.mark.parametrize("seed", [0, 1])
def test_reconcile__either_of_two_editions_may_follow_the_register(home, monkeypatch, seed):
    """Russia's last two editions: chains and scouts that all begin where one of them does find the other well too."""
    scouted = path_sampler._scouted

    def all_in_one(m, *rest):
        *before, last = scouted(m, *rest)
        at = m.used.size + m.loads - 1
        large = last[last[:, at] > last[:, at - 1]]
        assert len(large) >= len(last) / 2
        alike = [large[np.arange(len(last)) % len(large)]]
        return alike * (len(before) + 1)

    monkeypatch.setattr(path_sampler, "_scouted", all_in_one)
    loading = reconcile("RUS", ess=150, draws=100, seed=seed).draws_of_loading()
    assert 0.03 < (loading[:, -2] > loading[:, -1]).mean() < 0.4


def test_exchange__leaves_a_density_as_it_is():
    """Of three loadings that only change places, each order comes as often as its density says."""
    rng = np.random.default_rng(3)

    def density(q):
        return (q[:, 1:4] * [0.0, 0.6, -0.9] + 0.3 * q[:, 1:4] * q[:, [2, 3, 1]]).sum(1), np.zeros_like(q), ()

    m = SimpleNamespace(used=np.zeros(1), loads=3, density=density)
    pairs = np.array([[0, 3, 1], [3, 0, 2], [1, 2, 0]]) / 12
    q = np.tile([7.0, 0.0, 1.0, 2.0, 5.0], (4000, 1))
    now = density(q)
    for _ in range(60):
        q, now = path_sampler._exchange(m, q, now, pairs, rng)
        assert (now[0] == density(q)[0]).all()
    assert (q[:, 0] == 7).all()
    assert (q[:, 4] == 5).all()
    orders = np.array(list(permutations([0.0, 1.0, 2.0])))
    due = np.exp(density(np.column_stack([np.zeros(6), orders, np.zeros(6)]))[0])
    seen = np.array([(q[:, 1:4] == order).all(1).mean() for order in orders])
    assert seen == pytest.approx(due / due.sum(), abs=0.03)


def test_pairs__way_there_and_way_back_are_as_likely():
    seen = np.random.default_rng(4).normal([0.3, 0.3, 1.2, -0.2], 0.1, (50, 4))
    pairs = path_sampler._pairs(SimpleNamespace(parted=lambda q: (None, q, None)), seen)
    assert (pairs == pairs.T).all()
    assert (np.diag(pairs) == 0).all()
    assert pairs.sum() == pytest.approx(1)
    assert np.unravel_index(pairs.argmax(), pairs.shape) == (2, 3)  # those that lie farthest apart
    assert pairs[0, 1] > 0


def test_sample__without_reports_is_the_prior():
    blank = toy(register=False, editions=0)
    years = blank.years.size
    design = Design(
        years=blank.years, weights=np.zeros((0, years)), edition=np.zeros(0, dtype=int), order=np.zeros(0),
        scale=np.zeros((0, years)), register=blank.register, arrivals=np.zeros(0), departures=np.zeros(0),
        coverage=((0, 0), (0, 0)), register_scale=np.zeros(0), plain_weights=np.zeros((0, years)), plain_sd=np.zeros(0),
        restless=np.ones(years), prior=Prior(),
    )  # fmt: skip
    found = sample(design, Reports(*[np.zeros(0)] * 3), rng=np.random.default_rng(0), ess_above=800)
    assert found.rates[..., 0].std() == pytest.approx(25, rel=0.12)
    assert np.median(found.scales["sigma"]) == pytest.approx(1, rel=0.12)
    assert np.median(found.scales["tau_un"]) == pytest.approx(1.5, rel=0.1)


HISTORIES = {  # national series alone, without error: the first turn since 1990, and how it stands
    "POL": 2017, "DEU": 2009, "ITA": "already receiving", "LTU": "unconfirmed", "LVA": "unconfirmed", "EST": 2015,
    "JPN": 2013, "KOR": 2006, "SVN": 1993, "BGR": "unconfirmed",
}  # fmt: skip


@pytest.mark.parametrize("place", ["POL", "KOR", "LTU", "ITA"])
def test_reconcile__known_histories_with_the_national_series_alone(place):
    rows = evidence(place, "net_migration", release="national-net-migration-compiled").sort("start")
    years, values = [d.year for d in rows["start"]], rows["value"].to_list()
    told = tipping(reconcile(place, claims=claims_from_series(place, years, values, error=0), **QUICK))
    assert told.mode == HISTORIES[place]
    assert tipping((years, 1000 * np.array(values) / 1e7)).mode == HISTORIES[place]


def test_figures__say_what_they_show(exact, tmp_path):
    from keruen import figures_tipping as figures

    t = tipping(exact)
    drawn = figures.history(exact, t)
    assert "Most likely: 2004" in drawn.alt
    assert len(drawn.ids) == 35
    assert drawn.save(tmp_path / "history.png").stat().st_size > 20_000
    assert figures.frames({"2018-05-03": (exact, t), "today": (exact, t)}).svg.count("most likely") >= 2
    other = (exact.years, exact.rates - 50)
    table = outlier({"KAZ": exact, "UZB": other}, "KAZ")
    assert figures.apart(table, "KAZ", {"KAZ": exact}).alt.endswith("at most 1.00.")


@pytest.mark.parametrize("large", [0.3, 0.8, 1.0, 1.3])
def test_frames__marks_in_even_steps_are_labelled_in_even_steps(exact, large):
    from keruen import figures_tipping as figures

    found = replace(exact, chains=large * exact.chains)
    panels = figures.frames({"today": (found, tipping(found))}).svg
    marks = {float(told.replace("−", "-")) for told in re.findall(r">(−?[\d.]+)</text>", panels)}
    apart = np.diff(sorted(mark for mark in marks if mark < 1990))
    assert len(apart) >= 3
    assert apart == pytest.approx(apart[0])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tipping"], "Name one place"),
        (["tipping", "Kirgizia"], "No place is called"),
        (["tipping", "KAZ", "--persistence", "0"], "persistence of 0"),
        (["tipping", "KAZ", "--as-of", "2018-05-03", "--strict"], "strict takes no other"),
        (["tipping", "--world", "--out", "world.txt"], ".txt tells no format"),
        (["tipping", "--world", "--json", "--format", "csv"], "two wishes"),
        (["backtest", "--out", "nowhere/scores.csv"], "The folder nowhere does not exist"),
        (["labour", "KAZ", "--out", "kaz.txt"], ".txt tells no format"),
        (["labour", "KAZ", "--figure", "nowhere/fan.svg"], "The folder nowhere does not exist"),
        (["tipping", "KAZ", "--as-of", "1900-01-01"], "the first figure became known on 1992-06-30"),
    ],
)
def test_command__bad_input_ends_with_two(words, says, monkeypatch, capsys):
    from keruen.cli import main

    monkeypatch.setattr("sys.argv", ["keruen", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert says in capsys.readouterr().err


def test_command__json_has_every_part_and_masses_add_to_one(monkeypatch, capsys):
    from keruen.cli import main

    monkeypatch.setattr("sys.argv", ["keruen", "tipping", "TKM", "--as-of", "2018-05-03", "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    told = json.loads(capsys.readouterr().out)
    assert {"place", "as_of", "years", "net_migration_rate", "p_receiving", "tipping", "state", "turns", "diagnostics",
            "sensitivity", "sources"} <= set(told)  # fmt: skip
    assert set(told["net_migration_rate"]) >= {"median", "low80", "high80", "low95", "high95"}
    t = told["tipping"]
    total = sum(t["p_by_year"].values()) + t["p_never"] + t["p_unconfirmed"] + t["p_already_receiving"]
    assert total == pytest.approx(1, abs=1e-4)
    assert (told["place"], told["as_of"]) == ("TKM", "2018-05-03")
    assert told["diagnostics"]["ess_min"] >= 400
    assert {row["persistence"] for row in told["sensitivity"]} == {1, 3, 5, 6}
    assert all(s.startswith(("un-wpp", "un-ims")) for s in told["sources"])


def test_reconcile__in_two_processes_is_the_same_as_in_one(home):
    asked = {"draws": 10, "ess": 1, "as_of": "2018-05-03"}
    apart = reconcile(["TKM", "ISL"], workers=2, **asked)
    kept.clear()
    for code, one in reconcile(["TKM", "ISL"], **asked).items():
        assert np.array_equal(one.chains, apart[code].chains)
    with pytest.raises(ModelError, match="0 for one a core"):
        reconcile(["TKM", "ISL"], workers=-1)


def test_world__is_kept_by_the_ids_of_its_claims(home):
    said = []
    first = world(["TKM", "VAT"], ess=20, workers=1, progress=lambda *now: said.append(now))
    kept = sorted((home / "cache/tipping").iterdir())
    again = world(["TKM", "VAT"], ess=20, workers=1)
    assert first.equals(again)
    assert sorted((home / "cache/tipping").iterdir()) == kept
    assert [done for _, done, _ in said] == [1, 2]
    assert first["place"].to_list() == ["TKM", "VAT"]


def test_sensitivity__names_each_treatment():
    some = [VARIATIONS[k] for k in (0, 2, 5)]
    table = sensitivity("KAZ", ess=20, also=[3], variations=some)
    assert table["treatment"].to_list() == [some[0][0]] * 2 + [some[1][0], some[2][0]]
    exactly = table.row(2, named=True)
    assert (exactly["mode"], exactly["p_turned"], exactly["p_turned_back"]) == ("2004", 1.0, 1.0)
    assert table["left_out"][3] == "un-wpp-2008 un-wpp-2022"


def test_sensitivity__every_treatment_answers_the_same_question(monkeypatch):
    """Threshold, persistence and the rest reach every row, not only that of all evidence."""
    asked = []

    def tell(found, *question):
        asked.append(question)
        return tipping(found, *question)

    monkeypatch.setattr(import_module("keruen.sensitivity"), "tipping", tell)
    some = [VARIATIONS[k] for k in (0, 2)]
    told = sensitivity(
        "KAZ", ess=20, persistence=3, also=(), threshold=1.0, hysteresis=0.7, since=1995, variations=some
    )
    assert told["persistence"].to_list() == [3, 3]
    assert asked == [(3, 1.0, 0.7, 1995)] * 2
    alone = tipping(reconcile("KAZ", only=["national"], register_error=0.0, ess=20), 3, 1.0, 0.7, 1995)
    assert told.row(1, named=True)["p_never"] == alone.p_never


def test_world__asks_each_place_what_was_asked_and_one_that_cannot_answer_costs_no_other():
    told = world(["TKM"], threshold=50.0, since=2000, ess=20, workers=1)
    assert told["p_never"][0] == 1.0
    short = world(["TKM"], since=2015, as_of="2012-01-01", ess=20, workers=1)
    assert "ends in" in short["fault"][0]
    with pytest.raises(ConceptError, match="seen yet"):
        world(["TKM"], since=2150)


def test_claims__a_plain_table_of_any_frame_is_enough():
    plain = pl.DataFrame({"year": YEARS, "value": REGISTER, "definition": "reg_permanent"})
    made = claims_from_series("KAZ", YEARS, REGISTER, definition="reg_permanent")
    for frame in (plain, plain.to_pandas(), plain.to_arrow()):
        assert (
            reconcile("KAZ", claims=frame, **QUICK).chains.tobytes()
            == reconcile("KAZ", claims=made, **QUICK).chains.tobytes()
        )
    both = pl.concat([plain.with_columns(release=pl.lit(r), error=pl.lit(e)) for r, e in (("a", 500.0), ("b", 900.0))])
    assert set(reconcile("KAZ", claims=both, **QUICK).claims["release"]) == {"a", "b"}


@pytest.mark.parametrize(("level", "width"), [(0.5, 0.6745), (0.8, 1.2816), (0.95, 1.9600)])
def test_claims__an_interval_is_as_wide_as_its_level_says(level, width):
    claims = series("a", error=100).with_columns(
        low=pl.col("value") - 10_000 * width, high=pl.col("value") + 10_000 * width, level=pl.lit(level)
    )
    design, *_ = designed("KAZ", claims, Asked(given=True))
    found = reconcile("KAZ", claims=claims, **QUICK)
    assert design.plain_sd * found.population / 1000 == pytest.approx(np.full(found.years.size, 10_000.0), rel=1e-3)


def test_claims__an_error_that_is_not_stated_is_told():
    assert any("no error is stated" in n for n in reconcile("KAZ", claims=series("mine"), **QUICK).notes)
    assert not any("no error" in n for n in reconcile("KAZ", claims=series("mine", error=10), **QUICK).notes)


def test_tipping_command__treatments_are_shown_and_a_file_holds_all(tmp_path, capsys, monkeypatch):
    from keruen.cli import main

    def run(*words):
        monkeypatch.setattr("sys.argv", ["keruen", "tipping", "TKM", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, capsys.readouterr()

    code, told = run("--leave-one-out")
    assert code == 0
    assert "without un-wpp-2024" in told.out
    code, _ = run("--json", "--out", str(tmp_path / "all.json"))
    assert {"tipping", "sensitivity", "sources", "command"} <= set(
        json.loads((tmp_path / "all.json").read_text("utf-8"))
    )
    for words in (("--threshold", "nan"), ("--hysteresis", "inf"), ("--seed", "-1"), ("--since", "2150")):
        assert run(*words)[0] == 2, words


def exactly(code, rates, sd=1e-6):
    """A posterior of given rates, sure to a part in a million."""
    years = range(2000, 2000 + len(rates))
    claims = claims_from_series(code, years, rates, error=sd, population=[1e6] * len(rates))
    return reconcile(code, claims=claims, **QUICK)


def test_closed__what_one_gains_another_loses():
    along = np.arange(8)
    sure, vague = 3000 * np.sin(along / 3), 2000 * np.cos(along / 4)
    one = exactly("KAZ", sure)
    system = {"KAZ": one, "UZB": exactly("UZB", vague, 1500), "KGZ": exactly("KGZ", -sure - vague, 1500)}
    years, mean, cov = imbalance(system)
    assert years.tolist() == one.years.tolist()
    assert np.abs(mean / np.sqrt(np.diag(cov))).max() < 4
    found = closed(system)
    total = sum(p.rates[:200] * p.population for p in found.values())
    assert np.abs(total).max() < 1  # of a billionth: people per 1,000 times residents
    assert np.abs(found["KAZ"].rates - one.rates[: len(found["KAZ"].rates)]).max() < 1e-3  # who is sure hardly moves
    assert found["UZB"].rates.std() < system["UZB"].rates.std() * 1.05
    with pytest.raises(ModelError, match="no closed system"):
        closed({"KAZ": one, "UZB": exactly("UZB", sure + 5000)})
    with pytest.raises(ModelError, match="One place"):
        reconcile(["KAZ"], claims=claims_from_series("KAZ", [2000, 2001], [1, 2]), closed=True)


def test_designed__a_spike_of_one_edition_is_believed_less_and_said_so():
    table = evidence("POL", ["net_migration", "immigration", "emigration"], stream="all", sex="all")
    design, _, rows, about = designed("POL", table, Asked())
    spikes = rows.filter(pl.col("part") == "lineage, a spike")
    assert sorted((d.year, r) for d, r in spikes.select("start", "release").iter_rows()) == [
        (2000, "un-wpp-2022"), (2010, "un-wpp-2024"),
    ]  # fmt: skip
    assert (design.loose > 0).sum() == 2
    assert any("far from all others" in n for n in about["notes"])
    # Georgia's census of 2014 found 700,000 people fewer, and all stand in one year; in 2005 a border count went wrong.
    table = evidence("GEO", ["net_migration", "immigration", "emigration"], stream="all", sex="all")
    georgia, reports, rows, _ = designed("GEO", table, Asked())
    assert rows.filter(pl.col("part") == "register, a spike: not used")["start"].dt.year().to_list() == [2005, 2014]
    assert not georgia.register[georgia.years == 2014].any()
    assert np.abs(reports.register).max() < 12
    twice = about["anchors"].filter(pl.col("kind") == "people counted twice").row(0, named=True)
    # 38,230,080 on 2002-05-20 and 38,044,565 on 2011-03-31: the change less births plus deaths, by hand.
    assert twice["start"].year, twice["end"].year == (2002, 2011)
    assert -2.5 < twice["rate"] < 0.5
    assert len(twice["derived_from"]) == 2 + 2 * 10


@pytest.mark.slow
def test_calibrate__ranks_are_uniform_on_a_small_design(exact):
    table = calibration(calibrate(replace(exact, years=toy().years, design=toy()), 24, seed=7))
    assert table["p_uniform"].min() > 0.001
    whole = table.filter(~pl.col("quantity").is_in(["tipping_year"]))  # the one that is discrete
    assert whole["coverage80"].is_between(0.55, 0.99).all()


def test_anchors__mirrors_and_censuses_equal_sums_by_hand():
    from keruen.trace import trace

    table = evidence("KAZ", ["net_migration", "immigration", "emigration"], stream="all", sex="all")
    design, _, _, about = designed("KAZ", table, Asked())
    row = about["anchors"].filter((pl.col("kind") == "mirror") & (pl.col("start").dt.year() == 2016)).row(0, named=True)
    rows = trace(row["derived_from"])

    def total(measure, ours):
        return rows.filter((pl.col("measure") == measure) & ((pl.col("place") == "KAZ") == ours))["value"].sum()

    balance = total("immigration", True) - total("emigration", True)
    theirs = total("emigration", False) - total("immigration", False)  # who left them for Kazakhstan, less who came
    part = (total("immigration", True) + total("emigration", True)) / (13755 + 34900)  # of the register's moves
    people = about["population"][design.years == 2016][0]
    assert row["rate"] == pytest.approx(1000 * (balance - theirs) / part / people)
    table = evidence("EST", ["net_migration", "immigration", "emigration"], stream="all", sex="all")
    design, _, _, about = designed("EST", table, Asked())
    row = about["anchors"].filter(pl.col("kind") == "people counted twice").row(1, named=True)
    rows = trace(row["derived_from"])
    counts = rows.filter(pl.col("measure") == "population").sort("start")["value"].to_list()
    born, died = (rows.filter((pl.col("measure") == m) & pl.col("start").dt.year().is_between(2012, 2021))["value"].sum()
                  for m in ("births", "deaths"))  # fmt: skip
    lived = about["population"][(design.years >= 2012) & (design.years <= 2021)].sum()
    assert row["rate"] == pytest.approx(1000 * (counts[1] - counts[0] - born + died) / lived, rel=0.02)
