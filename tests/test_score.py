"""Estimated flows against reported ones."""

import sys
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keruen.cli import main
from keruen.errors import Incomparable, NoEvidence, VocabularyError
from keruen.flows import flows
from keruen.score import reported_flows, score_flows

SPAN = (date(2010, 7, 1), date(2015, 7, 1))
PAIRS = [("KAZ", "RUS"), ("RUS", "KAZ"), ("UZB", "RUS"), ("RUS", "UZB"), ("UZB", "KAZ"), ("KAZ", "UZB")]


def estimate(values, **more):
    o, d = zip(*PAIRS, strict=True)
    return pl.DataFrame({"origin": o, "destination": d, "start": SPAN[0], "end": SPAN[1], "value": values, **more})


def reports(values):
    o, d = zip(*PAIRS, strict=True)
    base = {"origin": o * 2, "destination": d * 2, "start": SPAN[0], "end": SPAN[1], "years": 5}
    sides = ["receiver"] * 6 + ["sender"] * 6
    return pl.DataFrame({**base, "reporter": list(d) + list(o), "side": sides, "reported": list(values) * 2})


def pick(table, measure, column):
    return table.filter(pl.col("measure") == measure)[column].item()


def test_score_flows__an_estimate_that_is_right():
    values = [100.0, 30, 200, 20, 5, 50]
    table = score_flows(estimate(values), reports(values))
    assert set(table["measure"]) == {"bilateral", "immigration", "emigration", "net", "turnover", "rate"}
    for measure in ("bilateral", "immigration", "emigration", "turnover"):
        assert pick(table, measure, "correlation") == pytest.approx(1)
        assert pick(table, measure, "correlation_log") == pytest.approx(1)
        assert pick(table, measure, "ratio") == pytest.approx(1)
    assert pick(table, "net", "correlation") == pytest.approx(1)
    assert pick(table, "net", "ratio") is None
    assert pick(table, "rate", "n") == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(1, 1e6), min_size=6, max_size=6), st.lists(st.floats(1, 1e6), min_size=6, max_size=6))
def test_score_flows__the_slow_obvious_way(ours, theirs):
    table = score_flows(estimate(ours), reports(theirs))
    assert pick(table, "bilateral", "ratio") == pytest.approx(sum(ours) / sum(theirs))
    if np.ptp(ours) > 1 and np.ptp(theirs) > 1:
        slow = np.corrcoef(np.log1p(ours), np.log1p(theirs))[0, 1]
        assert pick(table, "bilateral", "correlation_log") == pytest.approx(slow, abs=1e-9)
    into = {}
    for (_, d), x in zip(PAIRS, ours, strict=True):
        into[d] = into.get(d, 0) + x
    assert pick(table, "immigration", "n") == len(into)
    assert pick(table, "immigration", "ratio") == pytest.approx(sum(into.values()) / sum(theirs))


def test_score_flows__groups_and_refusals():
    values = [100.0, 30, 200, 20, 5, 50]
    table = score_flows(estimate(values), reports(values), by="reporter")
    assert set(table["reporter"]) == {"KAZ", "RUS", "UZB"}
    assert score_flows(estimate(values), reports(values), by="period")["period"].unique().to_list() == ["2010-2015"]
    with pytest.raises(VocabularyError):
        score_flows(estimate(values), reports(values), by="colour")
    with pytest.raises(Incomparable, match="both sexes"):
        score_flows(estimate(values, sex="male"), reports(values))
    with pytest.raises(Incomparable, match="No corridor"):
        score_flows(estimate(values).with_columns(origin=pl.lit("USA")), reports(values))
    with pytest.raises(NoEvidence):
        reported_flows([(date(1950, 7, 1), date(1955, 7, 1))])


def test_reported_flows__mean_of_years_times_length():
    table = reported_flows([SPAN], reports="double-entry")
    assert table["years"].min() >= 3
    assert set(table["side"]) == {"receiver", "sender"}
    both = table.filter((pl.col("origin") == "DEU") & (pl.col("destination") == "AUT"))
    assert both["reported"].min() > 10_000


def test_score_flows__pseudo_bayes_agrees_best_with_reports():
    common = {"release": "un-ims-2020"}
    told = reported_flows([(date(2010, 7, 1), date(2015, 7, 1))])
    scores = {
        method: score_flows(flows("2010-2015", method=method, **common), told)
        for method in ("pseudo_bayes", "drop_negative")
    }
    best = pick(scores["pseudo_bayes"], "bilateral", "correlation_log")
    assert best > 0.7 > pick(scores["drop_negative"], "bilateral", "correlation_log")
    assert pick(scores["pseudo_bayes"], "rate", "n") > 500


@pytest.mark.parametrize("words", [("--by", "colour"), ("--reports", "rumours"), ("--method", "magic")])
def test_cli__mistakes_are_code_2(monkeypatch, capsys, words):
    common = ["keruen", "score-flows", "--period", "2010-2015", "--release", "un-ims-2020"]
    monkeypatch.setattr(sys, "argv", [*common, *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
