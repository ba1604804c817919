"""No row of a publisher's table is left out without a word."""

import pytest

from keruen.errors import UnreadableSource
from keruen.ledger import Ledger, reasons
from keruen.readers import common
from keruen.snapshot import manifest


@pytest.fixture
def opened(tmp_path):
    def open_(name, rows):
        (tmp_path / name).write_text("a\n" + "1\n" * rows, "utf-8")
        common.table(tmp_path, name)

    common.opened.clear()
    yield open_
    common.opened.clear()


def test_ledger__what_is_yielded_belongs_to_the_tables_opened_for_it(opened):
    ledger = Ledger()
    ledger.begin()
    opened("kinds.csv", 2)
    opened("first.csv", 3)
    ledger.enter("covariates", 5)
    opened("kinds.csv", 2)
    opened("second.csv", 4)
    ledger.enter("claims", 3, closed=1)
    ledger.enter("claims", 1)  # nothing was opened in between
    assert ledger.checked() == {
        "kinds.csv + first.csv": {"rows": 5, "claims": 0, "covariates": 5, "closed": 0},
        "second.csv": {"rows": 4, "claims": 4, "covariates": 0, "closed": 1},
    }


def test_ledger__a_row_lost_without_a_reason_is_refused(opened):
    ledger = Ledger()
    ledger.begin()
    opened("mine.csv", 5)
    ledger.enter("claims", 4)
    with pytest.raises(UnreadableSource, match=r"mine\.csv has 5 rows, and 4 came of them"):
        ledger.checked()


def test_packaged__every_row_of_every_table_is_accounted_for():
    told = manifest()
    claims = sum(e["claims"] - e["closed"] for e in told["tables"].values() if e["claims"])
    assert claims - sum(told["repeated"].values()) == told["rows"]
    odd = {k for k, e in told["tables"].items() if e["claims"] + e["covariates"] != e["rows"]}
    assert odd == {k for k, r in reasons().items() if "why" in r}  # no reason outlives its difference
