import numpy as np
import polars as pl
import pytest

from keruen.errors import VocabularyError
from keruen.own_series import claims_from_series
from keruen.path_backtest import _gaussian, _rivals, _sampled, backtest, foretold, summary
from keruen.reconcile import reconcile


def test_scores__of_a_normal_forecast_are_those_of_its_draws():
    rng = np.random.default_rng(0)
    draws = rng.normal(2.0, 3.0, 40_000)
    for truth in (-4.0, 2.5, 9.0):
        exact, in80, in95 = _gaussian(2.0, 3.0, truth)
        near, near80, near95 = _sampled(draws, truth)
        assert near == pytest.approx(exact, abs=0.05)
        assert (near80, near95) == (in80, in95)


def test_sampled__equals_the_mean_over_all_pairs():
    draws = np.array([1.0, 4.0, -2.0, 0.5])
    pairs = [abs(a - b) for i, a in enumerate(draws) for j, b in enumerate(draws) if i != j]
    assert _sampled(draws, 3.0)[0] == pytest.approx(np.abs(draws - 3).mean() - np.mean(pairs) / 2)


def test_rivals__newest_mean_and_the_period_before():
    years = np.arange(1990, 2002)
    cell = [np.where((years >= y) & (years < y + 5), 0.2, 0.0) for y in (1990, 1995)]
    weights = np.array([cell[0], cell[1], cell[1]])
    centers, doubts = _rivals(weights, np.array([0, 0, 1]), np.array([1.0, 2.0, 4.0]), np.array(cell), 1)
    assert centers == (4.0, 3.0, 1.0)
    assert doubts == (0.0, 1.0, 3.0)
    yearly, edition = np.eye(12), np.zeros(12, dtype=int)
    centers, _ = _rivals(yearly, edition, years - 1990.0, np.array(cell), 1)
    assert centers[0] == pytest.approx(7.0)  # the mean of 5, 6, 7, 8, 9


def test_foretold__without_doubt_about_the_path_doubts_the_edition():
    claims = claims_from_series("KAZ", range(2000, 2010), [1000.0 * k for k in range(10)], error=0)
    found = reconcile("KAZ", claims=claims, draws=60, ess=20)
    cells = np.eye(found.years.size)[[4]]
    told = foretold(found, cells, 1, np.random.default_rng(0), draws=200)[:, 0]
    assert told.mean() == pytest.approx(found.rates[:, 4].mean(), abs=4 * told.std() / np.sqrt(200))
    assert told.std() == pytest.approx(np.median(found.scales["tau_un"]), rel=0.4)


def test_backtest__a_place_in_an_old_edition_and_what_is_refused():
    table = backtest(["TKM"], ["un-wpp-2017"])
    assert set(table["way"]) >= {"all claims reconciled", "trust the newest edition"}
    ours = table.filter(pl.col("way") == "all claims reconciled")
    assert ours["start"].to_list() == [1990, 1995, 2000, 2005, 2010]
    assert summary(table).filter(pl.col("way") == "all claims reconciled")["periods"][0] == 5
    with pytest.raises(VocabularyError, match="no edition to go back to"):
        backtest(["TKM"], ["un-wpp-2024"])
