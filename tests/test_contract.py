from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keruen.contract import CONTENT, SCHEMA, checked, claims, empty, faults, ids
from keruen.errors import FaultyTable

GOOD = {
    "measure": "net_migration", "place": "KAZ", "start": date(2005, 1, 1), "end": date(2006, 1, 1), "value": 22668.0,
    "status": "register", "definition": "un_resident", "release": "un-wpp-2024", "known": date(2024, 7, 11),
    "known_basis": "release",
}  # fmt: skip


def one(**changes) -> pl.DataFrame:
    return claims(pl.DataFrame([{**GOOD, **changes}], infer_schema_length=None))


def test_claims__have_all_columns_in_order():
    assert dict(one().schema) == SCHEMA
    assert one().select("stream", "sex", "age", "group").row(0) == ("all",) * 4
    assert dict(empty().schema) == SCHEMA


def test_claims__refuse_a_column_the_contract_does_not_know():
    with pytest.raises(FaultyTable, match="'year'"):
        claims(pl.DataFrame({"place": ["KAZ"], "year": [2005]}))


def test_faults__a_good_row_has_none():
    assert faults(one()) == []


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"measure": "net_migraton"}, "measure", "Did you mean net_migration"),
        ({"stream": "everyone"}, "stream", "not a stream"),
        ({"place": "KZ1"}, "place", "not a place code"),
        ({"counterpart": "RUSS"}, "counterpart", "not a place code"),
        ({"sex": "men"}, "sex", "not a sex"),
        ({"status": "guess"}, "status", "not a status"),
        ({"definition": "nothing"}, "definition", "not a definition"),
        ({"start": date(2007, 1, 1)}, "end", "before the start"),
        ({"end": date(2005, 1, 1)}, "end", "a flow needs a span"),
        ({"value": None}, "value", "says nothing"),
        ({"value": float("nan")}, "value", "not a number"),
        ({"value": float("inf")}, "value", "not a number"),
        ({"measure": "immigration", "value": -1.0}, "value", "below zero"),
        ({"low": 2.0, "high": 1.0}, "low", "above high"),
        ({"low": 30000.0, "high": 40000.0}, "value", "outside"),
        ({"level": 0.8}, "level", "needs low and high"),
        ({"level": 80.0, "low": 0.0, "high": 30000.0}, "level", "between 0 and 1"),
        ({"start": date(1705, 1, 1), "end": date(1706, 1, 1)}, "start", "before 1800"),
        ({"place": None}, "place", "empty"),
        ({"known": None}, "known", "empty"),
    ],
)
def test_faults__name_the_column_and_the_remedy(change, column, words):
    found = faults(one(**change))
    assert any(c == column and words in remedy for _, c, remedy in found), found


def test_faults__are_told_all_at_once_by_row():
    table = pl.concat([one(), one(measure="x"), one(value=None), one(place="QQQ")])
    assert {row for row, _, _ in faults(table, rows=[11, 12, 13, 14])} == {12, 13, 14}
    with pytest.raises(FaultyTable) as told:
        checked(table, "mine.csv")
    assert len(told.value.faults) == 3
    assert str(told.value).startswith("mine.csv: 3 faults")


def test_ids__rest_on_content_alone():
    same = one(note="another note", locator="another cell", known=date(2030, 1, 1), known_basis="page")
    assert ids(one()).item() == ids(same).item()
    assert ids(one()).item().startswith("un-wpp-2024:")


@pytest.mark.parametrize("column", [c for c in CONTENT if c not in ("start", "end")])
def test_ids__any_content_makes_another_row(column):
    other = {"value": 1.0, "low": 0.5, "high": 2.0, "level": 0.5}.get(column, "something else")
    assert ids(one()).item() != ids(one(**{column: other})).item()


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20), st.text(max_size=20))
def test_ids__are_injective_in_their_parts(value, text, flag):
    shifted = one(value=value, text=f"{text}|{flag}", flag=None)
    assert ids(one(value=value, text=text, flag=flag)).item() != ids(shifted).item()


def test_ids__minus_zero_is_zero():
    assert ids(one(value=0.0)).item() == ids(one(value=-0.0)).item()
