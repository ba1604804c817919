"""Published forms and simulated truth for two and three lists: Sekar and Deming (1949), Fienberg (1972)."""

import numpy as np
import pytest

from keruen.errors import FaultyTable, ModelError
from keruen.estimators.capture_recapture import capture_recapture


def test_capture_recapture__two_lists_lincoln_petersen():
    found = capture_recapture([[1, 1], [1, 0], [0, 1]], [50, 150, 100])
    assert found.value == pytest.approx(200 * 150 / 50)
    assert found.standard_error**2 == pytest.approx(200 * 150 * 150 * 100 / 50**3)  # Sekar and Deming (1949)
    assert found.diagnostics["chapman"] == pytest.approx(201 * 151 / 51 - 1)


def test_loglinear__saturated_in_pairs_has_its_closed_form():
    histories = [[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    n = dict(zip(["111", "110", "101", "011", "100", "010", "001"], [27, 32, 42, 123, 217, 112, 301], strict=True))
    found = capture_recapture(histories, list(n.values()), names=("a", "b", "c"))
    closed = n["111"] * n["100"] * n["010"] * n["001"] / (n["110"] * n["101"] * n["011"])  # Fienberg (1972)
    last = found.diagnostics["models"][-1]
    assert last["model"] == "a with b, a with c, b with c"
    assert last["value"] == pytest.approx(sum(n.values()) + closed)


def test_capture_recapture__bootstrap_covers_independent_lists():
    rng = np.random.default_rng(1)
    on = rng.random((5000, 3)) < [0.3, 0.25, 0.2]
    cells, people = np.unique(on[on.any(1)], axis=0, return_counts=True)
    found = capture_recapture(cells.astype(int), people, draws=1000, rng=rng)
    assert found.low95 < 5000 < found.high95


def test_capture_recapture__lists_that_do_not_meet():
    with pytest.raises(ModelError, match="do not overlap"):
        capture_recapture([[1, 1], [1, 0], [0, 1]], [0, 5, 6])
    with pytest.raises(FaultyTable) as caught:
        capture_recapture([[1, 1], [1, 1], [0, 0], [2, 0], [0, 1]], [1, 2, 3, 4, -5])
    assert len(caught.value.faults) == 4
    with pytest.raises(ModelError, match="Nobody is on b"):
        capture_recapture([[1, 0]], [4], names=("a", "b"))
