import numpy as np
import pytest

from keruen.errors import Incomparable, VocabularyError
from keruen.measurement import accuracy, multiplier, overlaps, reference, reported, size
from keruen.provenance import definitions


@pytest.mark.parametrize(
    ("table", "printed"),
    [
        ("imem", [0.53, 0.63, 0.73, 1, 2.26]),
        ("experts", [0.51, 0.61, 0.81, 1, 1.61]),
        ("poisson", [0.79, 0.84, 0.89, 1, 2.61]),
        ("mixture", [0.51, 0.64, 0.71, 1, 1.80]),
    ],
)
def test_multiplier__published(table, printed):
    assert [multiplier(d, table) for d in (0, 3, 6, 12, "permanent")] == printed
    assert reference(table)


def test_multiplier__grows_with_the_stay():
    found = [multiplier(m) for m in range(13)]
    assert found == sorted(found)


@pytest.mark.parametrize("call", [lambda: multiplier(24), lambda: multiplier("long"), lambda: multiplier(3, "mine")])
def test_multiplier__unknown(call):
    with pytest.raises(VocabularyError):
        call()


def test_accuracy__every_lineage_says_why():
    rated = [k for k, card in definitions().items() if "lineage" in card]
    assert {"un_resident", "reg_permanent", "own"} <= set(rated)
    for key in rated:
        found = accuracy(key)
        assert found.lineage in ("un", "national")
        assert found.because
        assert found.floor >= 0
        assert 0 < found.share < 1


def test_accuracy__labour_migrants_are_no_residents():
    with pytest.raises(Incomparable, match="worker_est counts"):
        accuracy("worker_est")
    with pytest.raises(VocabularyError):
        accuracy("reg_permanant")


def test_reported__departures_that_nobody_registers_raise_the_balance():
    assert reported(100, 150, more_departures=0.5) == 0
    assert np.allclose(reported([100], [100], more_arrivals=1), -50)


def test_size__never_below_the_floor():
    assert size(0, 0.8, 0.1) == 0.8
    assert size(-25, 0.8, 0.1) == size(25, 0.8, 0.1) > 2.5


def test_overlaps__mid_year_windows_take_half_of_both_ends():
    assert overlaps((2000, 7), (2005, 7), range(2000, 2006)).sum() == 5
    assert overlaps((2000, 1), (2001, 1), range(1999, 2002)).tolist() == [0, 1, 0]
