import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen.errors import ConceptError, ModelError
from keruen.tipping import STATES, hysteresis, outlier, smooth, tipping, turns, typology

REGISTER = [  # registered balance of Kazakhstan 1991–2025, persons
    -57686, -156261, -219025, -406679, -238495, -175538, -261388, -203039, -123627, -108307, -88162, -62012, -8306,
    2789, 22668, 33041, 10962, 1300, 7526, 15516, 5096, -1426, -279, -12162, -13466, -21145, -22130, -29121, -32970,
    -17718, -21217, -6722, 9293, 16550, 16153,
]  # fmt: skip
YEARS = list(range(1991, 2026))


def slow_turns(s, h, threshold):
    """All turns of one path, told year by year as the words say it."""
    last = max(t for t, v in enumerate(s) if v == v)
    found = {"up": [], "down": [], "maybe_up": [], "maybe_down": []}
    for t in range(1, len(s)):
        if s[t - 1] != s[t - 1] or s[t] != s[t]:
            continue
        for way, on in (("up", lambda v: v > threshold), ("down", lambda v: v <= threshold)):
            if on(s[t - 1]) or not on(s[t]):
                continue
            run = 0
            while t + run <= last and on(s[t + run]):
                run += 1
            if run >= h:
                found[way].append(t)
            elif t + run > last:
                found["maybe_" + way].append(t)
    return found


def test_turns__register_of_kazakhstan_without_error():
    t = tipping((YEARS, REGISTER))
    assert t.p_by_year == {2004: 1.0}
    assert (t.mode, t.hds80, t.entropy_bits, t.p_turned_back) == (2004, [2004], 0.0, 1.0)
    assert [(x["year"], x["direction"]) for x in t.turns if x["confirmed"]] == [(2004, "up"), (2013, "down")]
    assert [(x["year"], x["direction"]) for x in t.turns if x["unconfirmed"]] == [(2023, "up")]
    receiving = [y for y, p in zip(YEARS, t.p_receiving, strict=True) if p == 1]
    assert receiving == [*range(2004, 2013), 2023, 2024]
    assert t.sequences == [("up–down", 1.0)]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]), min_size=3, max_size=20),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.4]),
)
def test_turns__equal_the_slow_twin(path, h, threshold):
    s = smooth([path])
    fast = turns(s, h, threshold)
    slow = slow_turns(list(s[0]), h, threshold)
    assert [np.flatnonzero(f[0]).tolist() for f in fast] == [slow[k] for k in ("up", "maybe_up", "down", "maybe_down")]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_masses__add_to_one_and_agree_with_each_draw(seed, h):
    rng = np.random.default_rng(seed)
    rates = rng.normal(size=(20, 25)).cumsum(1)
    t = tipping((range(1990, 2015), rates), persistence=h)
    total = sum(t.p_by_year.values()) + t.p_never + t.p_unconfirmed + t.p_already_receiving
    assert total == pytest.approx(1)
    alone = [tipping((range(1990, 2015), row), persistence=h).mode for row in rates]
    assert alone == list(t.labels)
    assert sum(t.p_by_year.get(x, 0) if isinstance(x, int) else
               {"never": t.p_never, "unconfirmed": t.p_unconfirmed}.get(x, t.p_already_receiving)
               for x in t.hds80) >= 0.8 - 1e-9  # fmt: skip


def test_smooth__undefined_without_both_neighbours():
    s = smooth([[1.0, 2.0, 3.0]])
    assert np.isnan(s[0, [0, 2]]).all()
    assert s[0, 1] == 2


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ([2] * 12, "already receiving"),
        ([-2] * 12, "never"),
        ([-2] * 9 + [2] * 3, "unconfirmed"),
        ([2] * 6 + [-2] * 6, "already receiving"),
        ([0] * 12, "never"),
        ([2, 2, 2, -2, -2, -2, -2, 2, 2, 2, 2, 2, 2, 2], 1997),
    ],
)
def test_tipping__headline_of_plain_histories(path, label):
    assert tipping((range(1990, 1990 + len(path)), path)).mode == label


def test_tipping__a_turn_before_since_is_no_headline_but_makes_it_receiving():
    path = [-1] * 10 + [1] * 20
    assert tipping((range(1980, 2010), path), since=1980).mode == 1990
    assert tipping((range(1980, 2010), path), since=1995).mode == "already receiving"


def test_tipping__longer_persistence_never_confirms_more():
    rates = np.random.default_rng(1).normal(size=(300, 36)).cumsum(1)
    confirmed = [sum(tipping((range(1990, 2026), rates), persistence=h).p_by_year.values()) for h in (1, 3, 5, 6)]
    assert confirmed == sorted(confirmed, reverse=True)


def test_tipping__prints_its_masses_in_a_line_and_as_a_table():
    paths = [[-1] * 4 + [1] * 8, [-1] * 4 + [1] * 8, [-1] * 5 + [1] * 7, [-1] * 12]
    found = tipping((list(range(2000, 2012)), paths))
    told = repr(found)
    assert f"5 years: {found.mode} 0.50, " in told
    assert "never 0.25" in told
    assert len(told) < 400
    page = found._repr_html_()
    assert page.startswith(f"<p>{told}</p>")
    assert f"<td>&quot;{found.mode}&quot;</td><td>0.5</td>" in page
    assert page.count("<td>0.25</td>") == 2


def slow_hysteresis(s, width, h):
    out, now = [], None
    for t in range(len(s)):
        ahead = s[t : t + h]
        if len(ahead) < h or any(v != v for v in ahead):
            out.append(None)
            continue
        if now is None:
            now = int(s[t] > 0)
        if s[t] > width and min(ahead) > -width:
            now = 1
        elif s[t] < -width and max(ahead) < width:
            now = 0
        out.append(now)
    return out


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_hysteresis__equals_the_slow_twin(seed, h):
    s = smooth(np.random.default_rng(seed).normal(size=(3, 18)).cumsum(1))
    fast = hysteresis(s, 0.5, h)
    for row, path in zip(fast, s, strict=True):
        assert [None if v != v else int(v) for v in row] == slow_hysteresis(list(path), 0.5, h)


def test_hysteresis__undefined_in_the_last_years():
    state = hysteresis(smooth([[-1.0] * 5 + [2.0] * 10]), persistence=5)[0]
    assert np.isnan(state[-5:]).all()
    assert not np.isnan(state[1:-5]).any()


def test_typology__edges_belong_to_sending_and_receiving():
    kinds = typology([[-0.5, 0.5, 0.0, 0.0]], [0, 0, 3.3, 3.7], [0, 0, 2.7, 2.2])[0]
    assert [STATES[k] for k in kinds] == ["sending", "receiving", "transit", "balanced"]


def test_outlier__counts_draws_jointly():
    years = range(2000, 2003)
    up, down = [[1.0] * 3], [[-1.0] * 3]
    a, b = np.vstack([up, down, up, down]), np.vstack([down, down, up, up])
    row = outlier({"A": (years, a), "B": (years, b), "C": (years, np.vstack([down] * 4))}, "A").row(0, named=True)
    assert row == {
        "year": 2001, "p_alone_receiving": 0.25, "p_alone_sending": 0.0, "p_alone": 0.25, "p_differs": 0.25,
        "p_receiving": 0.5,
    }  # fmt: skip


def test_outlier__draws_of_all_chains_stand_for_a_place_that_has_more():
    more = [[1.0] * 3] * 2 + [[-1.0] * 3] * 2
    frame = outlier({"A": (range(3), more), "B": (range(3), [[-1.0] * 3] * 2)}, "A")
    assert frame["p_alone_receiving"].to_list() == [0.5]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: tipping((range(2000, 2010), [1.0] * 9)), ModelError),
        (lambda: tipping(([2000, 2002, 2003], [1.0] * 3)), ModelError),
        (lambda: tipping((range(2000, 2003), [1.0, np.nan, 1.0])), ModelError),
        (lambda: tipping((range(2000, 2010), [1.0] * 10), persistence=0), ConceptError),
        (lambda: tipping((range(2000, 2010), [1.0] * 10), hysteresis=-1), ConceptError),
        (lambda: tipping((range(2000, 2010), [1.0] * 10), since=2030), ConceptError),
        (lambda: tipping((range(2000, 2010), [1.0] * 10), persistence=2.5), ConceptError),
        (lambda: tipping((range(2000, 2010), [1.0] * 10), since="2001"), ConceptError),
        (lambda: tipping((range(2000, 2010), [1.0] * 10), threshold=float("nan")), ConceptError),
        (lambda: tipping((range(2000, 2010), [1.0] * 10), hysteresis=float("inf")), ConceptError),
        (lambda: tipping((range(2000, 2010), np.zeros((0, 10)))), ModelError),
        (lambda: tipping({"A": (range(3), [1.0] * 3)}), ModelError),
        (lambda: outlier({"A": (range(3), [1.0] * 3)}, "A"), ConceptError),
        (lambda: outlier({"A": (range(3), [1.0] * 3), "B": (range(3), [1.0] * 3)}, "C"), ConceptError),
    ],
)
def test_faults__are_named(call, error):
    with pytest.raises(error):
        call()
