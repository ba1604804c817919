"""Draws of flows: the same whoever makes them, stopped and resumed, as wide as editions disagree."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import date

import numpy as np
import polars as pl
import pytest

from keruen import flow_draws
from keruen.errors import NoEvidence, OutputError, VocabularyError
from keruen.estimators.tables import flows as flows_of
from keruen.estimators.tables import flows_many
from keruen.flow_draws import MEMORY, QUANTILES, _order, drawn, ready, run
from keruen.flow_evidence import Account
from keruen.flow_spread import Spread, spread

PLACES = ("KAZ", "RUS", "UZB", "KGZ")
WIDE = Spread(
    {"": 0.05, "RUS": 0.2}, {"": 0.05}, {"": 1.0}, {"": 0.02}, {"": 0.02}, (0.3, 0.2, 0.2, 0.1, 0.1), ("a", "b")
)
NONE = Spread({"": 0.0}, {"": 0.0}, {"": 0.0}, {"": 0.0}, {"": 0.0}, (0.0,) * 5, ("a", "b"))


def world(years=(2010, 2015), sexes=("male", "female"), places=PLACES):
    rng = np.random.default_rng(years[0])
    n = len(places)
    base = np.random.default_rng(0).gamma(1, 2_000, (len(sexes), n, n))
    start, end = base * rng.uniform(0.8, 1.2, base.shape), base * rng.uniform(0.9, 1.4, base.shape)
    for table in (start, end):
        np.einsum("sii->si", table)[...] = 1e6 * rng.uniform(1, 1.05, (len(sexes), n))
    births = rng.uniform(4e4, 6e4, (len(sexes), n))
    return Account(
        "un-ims-2020", "un-wpp-2019", date(years[0], 7, 1), date(years[1], 7, 1), tuple(places), tuple(sexes), start,
        end, births, births * 0.7, pl.DataFrame(), (),
    )  # fmt: skip


def tables(found):
    return [found.kept.block(i, s, slice(None)) for i in range(len(found.accounts)) for s in range(2)]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(tables(one), tables(other), strict=True))


@pytest.mark.parametrize(
    "method", ["minimisation_closed", "independence", "pseudo_bayes", "minimisation_open", "migration_rates"]
)
def test_run__no_spread_gives_the_point_estimate_every_time(method):
    one = run([world()], NONE, draws=3, method=method)
    account = one.accounts[0]
    for s in range(2):
        point = flows_of(
            account.stock_start[s], account.stock_end[s], account.births[s], account.deaths[s],
            method=method,
        ).table  # fmt: skip
        assert np.allclose(one.kept.block(0, s, slice(None)), point, rtol=2e-6, atol=0.2)


def test_run__draw_k_is_the_same_in_any_chunk_and_any_company():
    whole = run([world(), world((2015, 2020))], WIDE, draws=7, size=7, seed=3)
    parts = run([world((2015, 2020))], WIDE, draws=7, size=2, seed=3)
    assert np.array_equal(whole.kept.block(1, 0, slice(None)), parts.kept.block(0, 0, slice(None)))
    other = run([world((2015, 2020))], WIDE, draws=7, size=2, seed=4)
    assert not np.array_equal(other.kept.block(0, 0, slice(None)), parts.kept.block(0, 0, slice(None)))


@pytest.mark.parametrize("method", ["minimisation_closed", "independence", "pseudo_bayes"])
def test_run__draws_are_the_flows_of_what_was_drawn(method):
    """The short way of draws (a guide, no parts) against the whole estimator on the same figures."""
    account = world(places=tuple(p for p in _order([]) if not p.startswith("_"))[:60])
    options = {"method": method, "births_from": "native_first"}
    kept = run([account], WIDE, draws=3, seed=2, size=2, **options).kept
    table = np.stack([kept.block(0, s, slice(None)) for s in range(2)], axis=1)
    prepared = ready(account, WIDE, _order([account]), options)
    for k in range(3):
        whole = flows_many(*drawn(prepared, 2, k), **options)
        assert max(whole.residual_start.max(), whole.residual_end.max()) < 1e-3
        np.testing.assert_allclose(table[k], whole.table, rtol=3e-7, atol=1e-3)


def test_run__a_place_more_or_less_does_not_move_the_errors_of_others():
    order = _order([world()])
    few = world(places=("KAZ", "RUS", "UZB"))
    many = world()
    a, b = (drawn(ready(one, WIDE, order, {"method": "pseudo_bayes"}), 0, 5) for one in (few, many))
    ratio_a, ratio_b = a[2] / few.births, (b[2] / many.births)[:, :3]
    assert np.allclose(ratio_a, ratio_b)


def test_run__wider_spread_gives_wider_intervals_and_flows_stay_flows():
    found = run([world()], WIDE, draws=60, size=20)
    q = found.quantiles(0)
    assert (np.diff(q, axis=0) >= 0).all()
    assert q.min() >= 0
    table = found.kept.block(0, 0, slice(None))
    assert np.isfinite(table).all()
    assert q.shape == (len(QUANTILES), 2, 4, 4)
    assert found.corridor(0, "KAZ", "RUS").shape == (60, 2)
    assert (q[-1] - q[0])[:, 0, 1].min() > 0
    assert np.allclose(q, run([world()], WIDE, draws=60, size=20).quantiles(0, rows=1))


def test_run__bad_requests(tmp_path):
    with pytest.raises(VocabularyError):
        run([world()], WIDE, draws=0)
    with pytest.raises(OutputError, match="GB"):
        run([world()], WIDE, draws=int(MEMORY / (2 * 16 * 4)) + 1)
    (tmp_path / "mine.txt").write_text("mine")
    pytest.importorskip("zarr")
    with pytest.raises(OutputError, match="no draws of Keruen's"):
        run([world()], WIDE, draws=2, to=tmp_path)
    run([world()], WIDE, draws=2, to=tmp_path / "a")
    with pytest.raises(OutputError, match="another question"):
        run([world()], WIDE, draws=2, seed=1, to=tmp_path / "a")
    with pytest.raises(NoEvidence):
        spread(date(2016, 1, 1))


def test_run__a_folder_holds_what_memory_would(tmp_path):
    pytest.importorskip("zarr")
    kept = run([world()], WIDE, draws=9, size=4, to=tmp_path / "draws.zarr")
    assert equal(kept, run([world()], WIDE, draws=9, size=4))


RUNNER = """
import sys, time
sys.path.insert(0, {tests!r})
from test_flow_draws import WIDE, world
from keruen import flow_draws
def told(done, of):
    print(done, of, flush=True)
    time.sleep(0.05)
flow_draws.run([world(), world((2015, 2020))], WIDE, draws=40, size=2, to={to!r}, progress=told)
"""


def test_run__killed_and_resumed(tmp_path):
    pytest.importorskip("zarr")
    to = tmp_path / "draws.zarr"
    code = textwrap.dedent(RUNNER.format(tests=os.path.dirname(__file__), to=str(to)))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line.split()[0]) >= 9:
                process.send_signal(signal.SIGKILL)
                break
    done = len(list((to / "done").iterdir()))
    assert 8 <= done < 40
    seen = []
    both = [world(), world((2015, 2020))]
    resumed = run(both, WIDE, draws=40, size=2, to=to, progress=lambda a, b: seen.append((a, b)))
    assert seen[0] == (done, 40)
    assert len(seen) == 40 - done + 1
    whole = run(both, WIDE, draws=40, size=2)
    assert equal(resumed, whole)
    assert json.loads((to / "keruen.json").read_text())["draws"] == 40


@pytest.mark.slow
def test_run__processes_give_the_same_draws(monkeypatch):
    alone = run([world()], WIDE, draws=6, size=2)
    monkeypatch.setattr(flow_draws, "_WORTH", 0)
    assert equal(alone, run([world()], WIDE, draws=6, size=2, workers=2))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_draws__print_where_they_lie(tmp_path):
    one = run([world(), world((2015, 2020))], WIDE, draws=4, seed=7)
    told = repr(one)
    assert told.startswith("4 draws of flows of un-ims-2020 2010-2015, un-ims-2020 2015-2020; seed 7, in memory.")
    assert len(told) < 400
    assert "in the folder kept.zarr." in repr(run([world()], WIDE, draws=2, to=tmp_path / "kept.zarr"))
    assert "un-ims-2020 2010-2015 and 3 more;" in repr(run([world()] * 7, WIDE, draws=1))
    assert " (male, female): " in repr(world())


def test_run__an_active_dask_client_gives_the_same_draws():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        seen = []
        shared = run([world()], WIDE, draws=12, size=2, progress=lambda a, b: seen.append(a))
    assert seen[-1] == 6
    assert equal(run([world()], WIDE, draws=12, size=2), shared)


@pytest.fixture(scope="module")
def between_editions():
    return spread()


def test_spread__reassessed_places_are_wider(between_editions):
    found = between_editions
    assert found.level["KAZ"] > 3 * found.level[""] > 0  # the Russian-born of Kazakhstan were counted anew
    assert all(0 < s < 1 for s in found.cells)
    assert found.cells[0] > found.cells[-1]  # small corridors are less sure
    assert found.sources == ("un-ims-2017", "un-ims-2019", "un-ims-2020", "un-ims-2024")
    assert 0.2 < found.net[""] < 10


def test_flows__intervals_on_a_corridor(between_editions):
    from keruen.flows import flows

    started = time.process_time()
    found = flows("2015-2020", release="un-ims-2020", draws=20)
    row = found.rows(origin="UZB", destination="RUS").row(0, named=True)
    assert 0 < row["low95"] <= row["low80"] <= row["median"] <= row["high80"] <= row["high95"]
    assert found.certificate["draws"] == 20
    assert time.process_time() - started < 60
