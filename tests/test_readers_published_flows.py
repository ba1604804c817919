from datetime import date

import polars as pl
import pytest

from keruen.contract import faults
from keruen.errors import UnreadableSource
from keruen.provenance import release
from keruen.readers import published_flows

HEAD = "origin,destination,year,sex,sd_drop_neg,sd_rev_neg,mig_rate,da_min_open,da_min_closed,da_pb_closed\n"


def test_claims__one_a_method_and_absent_is_not_zero(tmp_path):
    (tmp_path / "abel_cohen_flows_5y.csv.gz").write_text(HEAD + "KGZ,KAZ,2015,both,,7,,,3,9\n")
    made = pl.concat(published_flows.claims(tmp_path))
    assert faults(made, dated=False) == []
    assert made.select("place", "counterpart", "value", "definition").rows() == [
        ("KAZ", "KGZ", 7.0, "abel_cohen_reverse_negative"),
        ("KAZ", "KGZ", 3.0, "abel_cohen_minimisation_closed"),
        ("KAZ", "KGZ", 9.0, "abel_cohen_pseudo_bayes"),
    ]
    assert made.select("start", "end").unique().rows() == [(date(2015, 7, 1), date(2020, 7, 1))]
    assert release(made["release"][0]).restricted


def test_claims__a_moved_header_is_named(tmp_path):
    (tmp_path / "abel_cohen_flows_5y.csv.gz").write_text(
        HEAD.replace("mig_rate", "rate") + "KGZ,KAZ,2015,both,,7,,,3,9\n"
    )
    with pytest.raises(UnreadableSource, match="mig_rate"):
        list(published_flows.claims(tmp_path))
