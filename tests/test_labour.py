"""The account of labour migrants: conservation, slow twins, calibration on its own simulator, and bad evidence."""

import json
import time
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.integrate import solve_ivp

from keruen.adding import add
from keruen.errors import KeruenError, ModelError, NoEvidence
from keruen.labour import labour, probability
from keruen.labour_account import Account, account
from keruen.labour_anchors import anchors
from keruen.labour_beside import other_estimators
from keruen.labour_design import Anchor, Design, Regime, parameters
from keruen.labour_fit import fit, predicted, simulate
from keruen.labour_influence import ASSUMPTION
from keruen.labour_rules import regimes
from keruen.labour_words import sentences, told
from keruen.posterior import diagnose, interval, rank, uniformity

AMNESTY = Regime("amnesty", "amnesty", date(2006, 8, 1), date(2007, 1, 1), 3)
PERMITS = Regime("permits", "permit", date(2014, 2, 1))


def anchor(key, of, year, value, sd, **more):
    return Anchor(key, of, ((year, 1.0),), value, sd, **more)


def design(first=2000, last=2020):
    return Design(
        tuple(range(first, last + 1)),
        (AMNESTY, PERMITS),
        (
            anchor("amnesty", "regularised", 2006, 160_000, 0.03, regime="amnesty"),
            anchor("press", "unregistered", 2006, 300_000, 0.5, expert=True),
            anchor("group", "total", 2008, 500_000, 0.3, part=True, expert=True),
            anchor("holders", "registered", 2011, 30_000, 0.3),
            anchor("all", "total", 2014, 900_000, 0.25, expert=True),
            anchor("permits", "permits", 2018, 550_000, 0.25, regime="permits", beside=20_000.0),
            anchor("origin", "total_at_least", 2019, 360_000, 0.25),
            anchor("share", "share", 2019, 0.9, 0.4),
        ),
        15e6,
    )


# ---------------------------------------------------------------- accounts


def test_account__nobody_is_created_or_lost_on_any_draw():
    rng = np.random.default_rng(0)
    d = design()
    states = account(d, rng.standard_normal((3000, len(parameters(d)))))
    assert states.imbalance.max() < 1e-10
    for x in (states.registered, states.certified, states.unregistered, *states.flows.values()):
        assert (x >= -1e-6).all()


def test_amnesty__leaves_the_sum_unchanged_on_impact():
    """The states just before and after the campaign's day: what the unregistered lose the certified gain."""
    rng = np.random.default_rng(1)
    d = design()
    compiled = Account(d)
    z = rng.standard_normal((500, len(parameters(d))))
    run = compiled.run(z)
    j = next(i for i, s in enumerate(compiled.segments) if s.granting)
    a = compiled.pair_of[j]
    e = run.entries[j]
    before_r = run.kernel.e11[a] * run.start_r[j] + run.kernel.e12[a] * run.start_u[j] + run.kernel.k1[a] * e
    before_u = run.kernel.e21[a] * run.start_r[j] + run.kernel.e22[a] * run.start_u[j] + run.kernel.k2[a] * e
    assert np.allclose(before_r + before_u, run.start_r[j + 1] + run.start_u[j + 1] + run.start_c[j + 1], rtol=1e-12)
    assert np.allclose(before_u - run.start_u[j + 1], run.granted["amnesty"], rtol=1e-9)
    assert (run.granted["amnesty"] > 0).all()


def test_account__equals_a_differential_equation_solved_step_by_step():
    d = Design(tuple(range(2010, 2019)), (PERMITS,), (), 15e6)
    z = np.random.default_rng(3).standard_normal((1, len(parameters(d))))
    v = {p.name: float(p.at(z[0, i])) for i, p in enumerate(parameters(d))}
    steps = np.array([v[f"step_{y}"] for y in range(2011, 2019)])
    walk = np.concatenate([[0], np.cumsum(steps)])
    entries = v["entries_level"] * np.exp(v["entries_volatility"] * (walk - walk.mean()))
    since = 2014 + 31 / 365

    def flow(t, x):
        on = t >= since
        odds = np.log(v["registered_entry"] / (1 - v["registered_entry"])) + on * v["permits.registered_entry_shift"]
        entry, step = 1 / (1 + np.exp(-odds)), on * v["permits.regularisation"]
        e = entries[int(t) - 2010]
        R, U = x[0], x[1]
        dR = entry * e + step * U - (v["lapse"] + v["return_registered"]) * R
        dU = (1 - entry) * e + v["lapse"] * R - (step + v["return_unregistered"] + v["removal"]) * U
        return [dR, dU, R, U]

    start = v["total_at_start"]
    x = np.array([start * v["registered_share_at_start"], start * (1 - v["registered_share_at_start"]), 0, 0])
    states = account(d, z)
    for i, year in enumerate(range(2010, 2019)):
        x[2:] = 0
        for a, b in ([year, since], [since, year + 1]) if year == 2014 else ([year, year + 1],):
            x = solve_ivp(flow, (a, b - 1e-12), x, rtol=1e-10, atol=1e-3, max_step=0.02).y[:, -1]
        assert states.registered[i, 0] == pytest.approx(x[2], rel=1e-5)
        assert states.unregistered[i, 0] == pytest.approx(x[3], rel=1e-5)


def test_certificates__lapse_after_their_years():
    d = design()
    z = np.zeros((1, len(parameters(d))))
    states = account(d, z)
    held = states.certified[:, 0]
    assert held[:6].max() == 0  # to 2005
    assert held[7] > held[6] > 0  # the campaign was late in 2006
    assert held[8] > held[9] > 0  # 2009: they end in October
    assert held[10:].max() == 0


def test_counted_coordinates__are_the_same_posterior():
    """The log posterior in the sampler's coordinates is that of the plain ones plus the change of variables."""
    d = design()
    compiled = Account(d)
    rng = np.random.default_rng(5)
    z = rng.standard_normal((40, len(parameters(d)))) * 0.5
    at = compiled.index["amnesty.reached"]
    counted = {"amnesty": (np.full(40, np.log(160_000.0)), 0.03)}
    run = compiled.run(z, counted)
    ok = np.isfinite(run.log_prior)
    plain = z.copy()
    plain[:, at] = run.reached["amnesty"]
    again = compiled.run(plain)
    assert np.allclose(np.log(again.granted["amnesty"])[ok], (np.log(160_000.0) + 0.03 * z[:, at])[ok], atol=1e-7)
    h = 1e-5
    up, down = z.copy(), z.copy()
    up[:, at] += h
    down[:, at] -= h
    # Where the count is larger than the stock there is no share, and the density is zero.
    assert ok.sum() > 20
    slope = (compiled.run(up, counted).reached["amnesty"] - compiled.run(down, counted).reached["amnesty"]) / (2 * h)
    spread = compiled.parameters[at].spread
    expected = np.log(slope[ok]) - 0.5 * run.reached["amnesty"][ok] ** 2
    assert np.allclose(run.log_prior[ok] + np.log(0.03 / spread), expected, atol=1e-4)


# ---------------------------------------------------------------- calibration


def calibration(sets, chains, warmup, draws, seed):
    """Ranks and 80% coverage of true values over data sets drawn from the prior."""
    rng = np.random.default_rng(seed)
    d = design(2004, 2019)
    d = replace(d, anchors=tuple(a for a in d.anchors if a.key != "share"))
    z, values, reached = simulate(d, rng, sets)
    kept, _ = next(
        fit(
            d, rng=rng, observed=values, reached=reached, chains=chains, warmup=warmup, draws=draws, thin=10, together=1
        )
    )
    size = kept.shape[-1]
    flat = kept.reshape(sets, -1, size)
    pick = np.linspace(0, flat.shape[1] - 1, 99).astype(int)
    flat = flat[:, pick]
    names = {p.name: i for i, p in enumerate(parameters(d)) if not p.name.startswith("step_")}
    asked = {name: (z[:, i], flat[..., i].T) for name, i in names.items()}
    true, drawn = account(d, z), account(d, flat.reshape(-1, size))
    for name in ("registered", "unregistered"):
        for year in (2006, 2012, 2017):
            asked[f"{name}_{year}"] = (
                np.log(getattr(true, name)[year - 2004]),
                np.log(getattr(drawn, name)[year - 2004]).reshape(sets, 99).T,
            )
    found = {}
    for name, (truth, sample) in asked.items():
        ordered = np.sort(sample, axis=0)
        low, high = ordered[9], ordered[89]  # of 99 draws: exactly 80% between them if ranks are uniform
        found[name] = (uniformity(rank(truth, sample, rng), 99), float(((truth >= low) & (truth <= high)).mean()))
    return found


def test_simulator__ranks_are_uniform_and_coverage_nominal():
    # Few data sets but settled chains: a short run would test its own warm-up. The slow test has three hundred.
    found = calibration(80, 8, 1200, 800, seed=11)
    for name, (p, coverage) in found.items():
        assert p > 1e-3, name
        assert 0.61 <= coverage <= 0.95, name
    assert 0.74 <= np.mean([c for _, c in found.values()]) <= 0.86


@pytest.mark.slow
def test_simulator__calibration_of_three_hundred_data_sets():
    found = calibration(300, 8, 1500, 1500, seed=6)
    ps = np.array([p for p, _ in found.values()])
    for name, (p, coverage) in found.items():
        assert p > 0.01 / len(ps), name  # Bonferroni: one in a hundred that any fails
        assert 0.73 <= coverage <= 0.87, name
    assert 0.78 <= np.mean([c for _, c in found.values()]) <= 0.82


def test_fit__settles_on_the_full_design():
    d = design()
    begun = time.process_time()
    z, accepted = next(fit(d, rng=np.random.default_rng(0), warmup=800, draws=1000, chains=64))
    assert time.process_time() - begun < 12
    assert 0.2 < accepted < 0.8
    states = account(d, z[0].reshape(-1, z.shape[-1]))
    total = np.log(states.registered + states.certified + states.unregistered).T.reshape(*z.shape[1:3], -1)
    diagnose({"total": total, "z": z[0]}, together=8)
    guess, value, sd, bounded = predicted(d, z[0].reshape(-1, z.shape[-1]), states)
    assert np.median(np.exp(guess[0])) == pytest.approx(160_000, rel=0.02)
    assert (np.median(guess[~bounded], 1) - value[~bounded] < 3 * sd[~bounded]).all()


# ---------------------------------------------------------------- from evidence


def claims(*rows):
    columns = {
        "measure": pl.String, "stream": pl.String, "place": pl.String, "counterpart": pl.String, "group": pl.String,
        "start": pl.Date, "end": pl.Date, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
        "definition": pl.String, "release": pl.String, "copy_of": pl.String, "id": pl.String, "sex": pl.String,
        "age": pl.String,
    }  # fmt: skip
    plain = {"place": "KAZ", "group": "all", "release": "user", "sex": "all", "age": "all"}
    return pl.DataFrame([{**plain, "id": f"user:{i}", **row} for i, row in enumerate(rows)], schema=columns)


def row(measure, stream, year, value, definition, **more):
    return {
        "measure": measure, "stream": stream, "start": date(year, 1, 1), "end": date(year + 1, 1, 1), "value": value,
        "definition": definition, **more,
    }  # fmt: skip


EVIDENCE = (
    row("regularised", "labour_unregistered", 2006, 164_586.0, "amnesty", start=date(2006, 8, 1), end=date(2007, 1, 1)),
    row("labour_migrants", "labour", 2009, None, "worker_est", low=300_000.0, high=1e6),
    row("labour_migrants", "labour", 2011, 509_000.0, "worker_est", counterpart="_CENTRAL_ASIA"),
    row("work_permit_holders", "labour_registered", 2012, 30_000.0, "permit_quota"),
    row("household_permits_issued", "labour_registered", 2018, 551_500.0, "permit_household"),
    row("labour_quota", "labour_registered", 2016, 63_000.0, "permit_quota"),
    row("labour_migrants", "labour", 2019, 360_000.0, "worker_est", counterpart="UZB"),
)


def quick(**more):
    options = {
        "claims": claims(*EVIDENCE),
        "figures": (),
        "population": 15e6,
        "chains": 64,
        "warmup": 700,
        "draws": 800,
    }
    return labour("KAZ", **{**options, **more})


@pytest.fixture(scope="module")
def answer():
    figure = row(
        "labour_migrants",
        "labour",
        2017,
        2e6,
        None,
        id="x:1",
        release="x",
        tested=True,
        sd=0.5,
        told="IOM",
        low=None,
        high=None,
        counterpart=None,
    )
    return quick(figures=[figure])


def test_labour__reads_the_amnesty_and_stays_consistent_with_it(answer):
    c = answer.cube
    assert c["labour"].dims == ("draw", "year")
    assert c["year"].to_numpy().tolist() == list(range(2000, 2025))
    assert answer.conserved < 1e-10
    low, high = np.quantile(c["labour_unregistered"].sel(year=2006), [0.05, 0.95])
    assert low > 100_000
    assert high / low > 1.3  # the width is told, and it is wide
    reveal = next(a for a in answer.anchors if a["of"] == "regularised")
    assert reveal["value"] == 164_586
    assert reveal["model"]["low80"] < 164_586 < reveal["model"]["high80"]


def test_labour__statement_on_trial_is_out_unless_believed(answer):
    without, _ = probability(answer, 2017, 2e6)
    believing, size = probability(answer, 2017, 2e6, with_statements=True)
    assert believing > without
    assert size > 100
    assert probability(answer, 2017, 0)[0] == 1
    assert [a["tested"] for a in answer.anchors].count(True) == 1


def test_labour__what_data_did_not_move_is_called_an_assumption(answer):
    told_ = {p["name"]: p for p in answer.parameters}
    assert told_["removal"]["note"] == ASSUMPTION
    assert told_["amnesty_2006.reached"]["note"] == ""
    for p in answer.parameters:
        assert (p["contraction"] < 0.2) == (p["note"] == ASSUMPTION)
        assert p["prior"]["low80"] < p["prior"]["median"] < p["prior"]["high80"]


def test_labour__interface(answer):
    plain = json.loads(json.dumps(told(answer, [(2017, 1e6)]), default=str))
    assert plain["years"] == list(range(2000, 2025))
    for name in ("registered", "unregistered", "total", "ratio"):
        assert len(plain[name]["median"]) == len(plain[name]["low80"]) == len(plain[name]["high80"]) == 25
    assert set(plain["p_total_at_least"]["2017"]) == {"1000000", "2000000"}
    assert plain["diagnostics"]["ess_bulk"] >= 400
    assert {e["bound"] for e in plain["estimators"]} >= {"estimate", "lower"}
    assert any("derived from" in s for e in plain["estimators"] for s in e["assumptions"]) is False
    assert {u["measure"] for u in plain["unused"]} == {"labour_quota"}
    assert plain["most_influential_anchor"] is not None
    assert all(e["needs"] for e in plain["not_supported"])


def test_labour__prints_in_a_line_and_as_a_table(answer):
    low, middle, high = (f"{float(f'{float(x):.2g}'):,.0f}" for x in interval(answer.cube["labour"].sel(year=2024)))
    few, ratio, lot = (f"{float(x):.1f}" for x in interval(answer.cube["ratio"].sel(year=2024)))
    told = repr(answer)
    assert told.startswith(
        f"Labour migrants in Kazakhstan in 2024: {middle} (80% {low} to {high}), {ratio} unregistered"
    )
    assert f"for each registered ({few} to {lot}); {answer.cube.sizes['draw']:,} draws from 6 figures" in told
    assert len(told) < 400
    assert "<table" in answer._repr_html_()
    there = replace(answer, place="ATG", counterpart="BIH", as_of=date(2018, 5, 3))
    assert "Antigua &amp; Barbuda from Bosnia &amp; Herzegovina in 2018, as of 2018-05-03" in there._repr_html_()
    blind = replace(answer, design=replace(answer.design, anchors=()))
    registered = float(answer.cube["labour_registered"].sel(year=2024).median())
    assert f" in 2024: {float(f'{registered:.2g}'):,.0f} registered (80% " in repr(blind)
    assert "no figure counts the unregistered" in repr(blind)


def test_labour__its_anchors_and_design_print_in_a_line(answer):
    (trial,) = answer.statements
    told = repr(trial)
    assert told.startswith("labour_migrants 2017-01-01: total 2,000,000 in 2017, error of the logarithm 0.5, on trial")
    assert len(told) < 400
    share = replace(anchor("a share", "share", 2010, 0.25, 0.4, because="told " * 99), years=((2010, 0.5), (2011, 0.5)))
    assert "share 25% in 2010-2011, error of the log-odds 0.4, because told" in repr(share)
    assert len(repr(share)) < 400
    assert repr(answer.design).startswith("Account of labour migrants, 2000-2024: 6 anchors, 2 rules of status.")


def test_fan__shows_anchors_bounds_and_the_statement_apart(answer):
    from keruen.figures_labour import fan

    drawn = fan(answer)
    assert drawn.svg.startswith("<svg")
    assert "estimators on their own" in drawn.alt
    assert "2,000,000 stands apart" in drawn.alt
    assert set(drawn.ids) >= {i for a in answer.anchors for i in a["ids"]}


def test_labour__same_seed_same_numbers():
    one, two = quick(influence="none"), quick(influence="none")
    assert np.array_equal(one.cube["labour"].to_numpy(), two.cube["labour"].to_numpy())


def test_labour__as_of_a_day_ends_with_that_day_s_year():
    found = labour("KAZ", as_of="2012-01-01", warmup=900, draws=1200)
    assert (found.cube["year"].values[0], found.cube["year"].values[-1]) == (2000, 2012)
    assert sentences(found)[0].startswith("Labour migrants in KAZ in 2012, as of 2012-01-01: ")
    assert {a["influence"]["year"] for a in found.anchors} == {2012}
    with pytest.raises(KeruenError, match="end in 2000 before it begins in 2012"):
        labour("KAZ", years=(2012, 2000))


@pytest.mark.packaged
def test_labour__estimators_beside_it_obey_the_day(home):
    permits = {"measure": "household_permits_issued", "place": "KAZ", "start": "2022-01-01", "end": "2022-07-01",
               "value": 140_000, "stream": "labour_registered", "definition": "permit_household", "status": "register"}  # fmt: skip
    add(pl.DataFrame([permits]), source="M", publisher="M", released="2022-08-01")

    def residuals(day):
        found = labour("KAZ", as_of=day, influence="none", years=(2006, 2022))
        return [i for e in found.estimators if e["name"].startswith("residual") for i in e["ids"]]

    assert residuals("2022-11-15") == []  # of 2022, and known only at its end
    told = residuals("2023-01-05")
    assert [i.rsplit(":", 1)[0] for i in told] == ["page-almaty-tv-2022-ac5160"]


def test_labour__estimators_beside_it_rest_on_the_claims_given():
    permits = row("household_permits_issued", "labour_registered", 2022, 280_000.0, "permit_household")
    staying = row("foreign_citizens", "all", 2022, 650_000.0, "present_registered", group="stay=temporary")
    women = staying | {"value": 300_000.0, "sex": "female"}

    def residuals(*rows):
        found, _ = other_estimators(claims(*rows), (), claims(*rows), 0)
        return [e["ids"] for e in found if e["name"].startswith("residual")]

    assert residuals(permits) == []
    assert residuals(permits, staying, women) == [["user:1"]]


def test_anchors__of_one_sex_is_a_part():
    whole = row("labour_migrants", "labour", 2019, 360_000.0, "worker_est")
    got, left = anchors(claims(whole, whole | {"value": 90_000.0, "sex": "female"}), place="KAZ")
    assert [a.value for a in got] == [360_000]
    assert [u["why"] for u in left] == ["a part told by sex or age"]


def test_labour__one_anchor_is_enough_and_none_says_what_is_missing():
    found = labour(
        "UZB", claims=claims(row("labour_migrants", "labour", 2010, 100_000.0, "worker_est", place="UZB")), figures=(),
        rules=(), population=25e6, warmup=600, draws=800,
    )  # fmt: skip
    assert 40_000 < float(found.cube["labour"].sel(year=2010).median()) < 250_000
    with pytest.raises(NoEvidence, match="It would need one of"):
        labour("UZB", claims=claims(), figures=(), rules=(), population=25e6)


def test_sentences__unregistered_that_no_figure_counts_are_no_finding(answer):
    permits = row("work_permit_holders", "labour_registered", 2012, 30_000.0, "permit_quota", place="UZB")
    found = labour(
        "UZB", claims=claims(permits), figures=(), rules=(), population=25e6, warmup=600, draws=800, influence="none"
    )  # fmt: skip
    assert not found.unregistered_seen
    first = sentences(found)[0]
    assert "registered (80%" in first
    assert "come from the prior alone and are no finding" in first
    assert told(found)["unregistered_seen"] is False
    assert answer.unregistered_seen
    assert "no finding" not in sentences(answer)[0]


def test_labour__origin_takes_shares_of_totals():
    rows = claims(
        row("labour_migrants", "labour", 2020, 500_000.0, "worker_est"),
        row("labour_migrants_share", "labour", 2020, 80.0, "worker_est", counterpart="UZB"),
        row("labour_migrants", "labour", 2015, 200_000.0, "worker_est", counterpart="UZB"),
    )
    got, _ = anchors(rows, place="KAZ", counterpart="UZB")
    assert sorted(a.value for a in got) == [200_000, 400_000]
    assert {a.of for a in got} == {"total"}


def test_anchors__ranges_parts_bounds_and_events():
    got, left = anchors(claims(*EVIDENCE), place="KAZ", rules=regimes("KAZ"))
    by = {a.key: a for a in got}
    spread = by["labour_migrants 2009-01-01"]
    assert spread.value == pytest.approx(np.sqrt(300_000 * 1e6))
    assert by["labour_migrants 2011-01-01 _CENTRAL_ASIA"].part
    assert by["labour_migrants 2019-01-01 UZB"].of == "total_at_least"
    assert by["household_permits_issued 2018-01-01"].of == "permits"
    assert by["household_permits_issued 2018-01-01"].beside == 30_000
    assert by["work_permit_holders 2012"].of == "registered"
    assert left[0]["why"] == "a ceiling, not people"


def test_anchors__copies_and_repeats_are_one_witness():
    twice = claims(EVIDENCE[2], EVIDENCE[2], {**EVIDENCE[1], "copy_of": "elsewhere"})
    got, left = anchors(twice, place="KAZ")
    assert len(got) == 1
    assert len(got[0].ids) == 2
    assert "no second witness" in left[0]["why"]


def test_anchors__a_group_beside_its_whole_is_no_witness():
    whole = row("labour_migrants", "labour_registered", 2012, 5_000.0, "worker_registered")
    cis, rest = whole | {"counterpart": "_CIS", "value": 200.0}, whole | {"counterpart": "_NON_CIS", "value": 4_800.0}
    got, left = anchors(claims(whole, cis, rest), place="KAZ")
    assert [a.value for a in got] == [5_000]
    assert {u["why"] for u in left} == {
        "a group of origins beside the whole of the same days: a part, not a second witness"
    }
    assert [a.value for a in anchors(claims(cis), place="KAZ")[0]] == [200]  # told alone it is all that was told


def test_anchors__running_counts_of_one_year_are_one_witness():
    def span(value, month):
        return row(
            "household_permits_issued", "labour_registered", 2018, value, "permit_household", end=date(2018, month, 1)
        )

    whole = row("household_permits_issued", "labour_registered", 2018, 9e5, "permit_household")
    got, left = anchors(claims(span(1e5, 3), span(3e5, 6), span(6e5, 10), whole), place="KAZ", rules=regimes("KAZ"))
    assert [round(a.value, -4) for a in got] == [9e5]
    assert len(left[0]["ids"]) == 3
    assert "not a second witness" in left[0]["why"]
    got, left = anchors(claims(span(1e5, 3)), place="KAZ", rules=regimes("KAZ"))
    assert got == []
    assert "seasons" in left[0]["why"]


# ---------------------------------------------------------------- bad rules and evidence


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ((replace(AMNESTY, valid_years=0),), "no duration"),
        ((replace(AMNESTY, end=None),), "no last day"),
        ((replace(AMNESTY, end=date(2005, 1, 1)),), "before it begins"),
        ((AMNESTY, replace(AMNESTY, name="other", start=date(2006, 10, 1), end=date(2007, 3, 1))), "overlap"),
        ((AMNESTY, replace(AMNESTY, name="other", start=date(2008, 1, 1), end=date(2008, 6, 1))), "still valid"),
    ],
)
def test_rules__without_sense_are_refused(rules, words):
    with pytest.raises(ModelError, match=words):
        account(Design(tuple(range(2000, 2012)), rules, (), 1e6), np.zeros((1, 40)))


def test_permits__without_a_regime_are_events_not_persons():
    got, left = anchors(claims(EVIDENCE[4]), place="KAZ", rules=())
    assert got == []
    assert "without a duration" in left[0]["why"]
    d = Design((2017, 2018, 2019), (), (anchor("p", "permits", 2018, 5e5, 0.2),), 1e6)
    with pytest.raises(ModelError, match="no permit regime with a duration"):
        simulate(d, np.random.default_rng(0))


def test_amnesty__larger_than_anybody_could_be():
    d = replace(design(), anchors=(anchor("amnesty", "regularised", 2006, 1e12, 0.03, regime="amnesty"),))
    with pytest.raises(ModelError, match="more than there can be"):
        next(fit(d, rng=np.random.default_rng(0), chains=8, warmup=50, draws=50, together=1))


def test_labour__words_it_does_not_know():
    with pytest.raises(KeruenError, match="influence"):
        quick(influence="guess")
    with pytest.raises(ModelError, match="no year 1950"):
        probability(quick(influence="none"), 1950, 1)
