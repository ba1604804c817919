"""Statements as data: what is read, and everything that is wrong told at once, with line and remedy."""

from dataclasses import replace

import pytest

from keruen.errors import FaultyStatements, KeruenError, UnreadableSource, VocabularyError
from keruen.statement_sets import names, parsed, statements, template
from keruen.statements import CHOICES, KINDS, TYPES

GOOD = """
[set]
title = "A set"
outlet = "A paper"
date = 2018-05-03

[[statement]]
id = "1"
text = "More came than left."
type = "level"
place = "Казахстан"
tolerance = "Any balance above nought."
refuted_by = "A balance below it."

[[statement.test]]
kind = "sign"
measure = "net_migration"
years = [2010, 2017]
sign = "positive"
"""


def faults(text: str) -> list[str]:
    with pytest.raises(FaultyStatements) as told:
        parsed(text, "mine.toml")
    return told.value.faults


def test_statements__print_in_a_line_and_as_a_table():
    found = parsed(GOOD, "mine.toml")
    (one,) = found.statements
    assert repr(found) == '1 statement of "A set" (A paper, 2018-05-03). See statements, note, url.'
    assert repr(one).startswith('Statement 1, level: "More came than left." It has 1 test (sign).')
    assert "It has no test." in repr(replace(one, tests=()))
    page = replace(found, title="<b>", statements=(replace(one, text="<i>"),))._repr_html_()
    assert "<table" in page
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;" in page
    assert "<b>" not in page
    assert len(repr(replace(found, title="long " * 99, author="long " * 99))) < 400
    assert all(len(repr(s)) < 400 for s in statements("eurasianet-2018").statements)


def test_parsed__fills_what_a_test_needs():
    s = parsed(GOOD, "mine.toml").statements[0]
    (test,) = s.tests
    assert s.places == ("KAZ",) == test.args["place"]
    assert (test.args["start"].isoformat(), test.args["end"].isoformat()) == ("2010-01-01", "2018-01-01")
    assert test.role == "first"
    assert s.line == 7


def test_parsed__a_test_inherits_the_speakers_definition_and_a_rival_does_not():
    two = GOOD.replace('type = "level"', 'type = "level"\ndefinition = "reg_permanent"')
    two += '\n[[statement.test]]\nrole = "rival"\nkind = "sign"\nmeasure = "net_migration"\nyear = 2012\nsign = "positive"\n'
    first, rival = parsed(two, "mine.toml").statements[0].tests
    assert first.args["definition"] == "reg_permanent"
    assert "definition" not in rival.args


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('kind = "sign"', 'kind = "sing"', 16, "'sing' is no kind of test. Did you mean sign?"),
        ('kind = "sign"', "", 15, "kind is missing"),
        ('tolerance = "Any balance above nought."', "", 7, "tolerance is missing: say in words"),
        ('refuted_by = "A balance below it."', "", 7, "refuted_by is missing"),
        ("years = [2010, 2017]", "years = [2017, 2010]", 18, "ends before it begins (2017 to 2010). Exchange the two."),
        ("years = [2010, 2017]", "years = [2019, 2020]", 15, "it speaks of 2019, after it was said (2018-05-03)"),
        ("years = [2010, 2017]", "", 15, "say of what time"),
        ("years = [2010, 2017]", "window = [2010-07-01, 2010-07-01]", 18, "ends before it begins"),
        ("date = 2018-05-03", 'date = "spring"', 5, "set: date 'spring' is not a day"),
        ("date = 2018-05-03", "date = 2999-01-01", 5, "is still to come"),
        ("date = 2018-05-03", "", 2, "set: date is missing"),
        ('title = "A set"', "", 2, "set: title is missing"),
        ('place = "Казахстан"', 'place = "Kirgizia"', 11, "No place is called 'Kirgizia'. Did you mean Kyrgyzstan (KGZ)"),
        ('measure = "net_migration"', 'measure = "net_migraton"', 17, "Did you mean net_migration or"),
        ('sign = "positive"', 'sign = "up"', 19, "sign = 'up' is not one of positive, negative"),
        ('sign = "positive"', 'sign = "positive"\nlow = 3', 20, "has no argument 'low'"),
        ('sign = "positive"', "", 15, "a test of kind sign needs sign"),
        ('type = "level"', 'type = "levels"', 10, "'levels' is no type. Did you mean level?"),
        ('type = "level"', 'type = "level"\nstream = "labor"', 11, "'labor' is not a stream. Did you mean labour"),
        ('type = "level"', 'type = "level"\ndefinition = "reg_permanant"', 11, "Did you mean reg_permanent"),
        ('type = "level"', 'type = "level"\ncites = "un-wpp-2024"', 11, "cites un-wpp-2024, released 2024-07-11, after it was said"),
        ('type = "level"', 'type = "level"\ncites = "un-wpp-2071"', 11, "no release has the key 'un-wpp-2071'. Did you mean un-wpp-2019"),
        ('type = "level"', 'type = "level"\non_trial = ["nothing"]', 11, "is neither a release nor the id of a claim"),
        ('type = "level"', 'type = "level"\nnot_testable = "vague"', 11, "add nearest"),
        ('type = "level"', 'type = "level"\nrivals = "ignore"', 11, "rivals = 'ignore' is not one of vote, beside"),
        ('id = "1"', "", 7, "id is missing"),
        ('text = "More came than left."', "txt = 3", 9, "'txt' is not known. Did you mean text?"),
        ('place = "Казахстан"', 'system = "central-azia"', 11, "No system is called 'central-azia'"),
        ('measure = "net_migration"', 'measure = "internally_displaced"', 17, "nobody ever reported internally_displaced of Kazakhstan"),
    ],
)  # fmt: skip
def test_parsed__tells_line_and_remedy(old, new, line, said):
    told = faults(GOOD.replace(old, new))
    assert any(f.startswith(f"line {line}, ") and said in f for f in told), told


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ('kind = "level"\nmeasure = "net_migration"\nyear = 2012', "tolerance is missing: a test of kind level needs low, high or both"),
        ('kind = "level"\nmeasure = "net_migration"\nyear = 2012\nlow = 5\nhigh = 1', "low 5 is above high 1. Exchange them."),
        ('kind = "level"\nmeasure = "net_migration"\nyear = 2012\nlow = "5"', "low is a number without quotes"),
        ('kind = "change"\nmeasure = "net_migration"\nyear = 2012\nas = "ratio"\nlow = 1\nbefore = 2009', "before is a table in one line"),
        ('kind = "change"\nmeasure = "net_migration"\nyear = 2012\nas = "ratio"\nlow = 1\nbefore = { low = 3 }', "before has no 'low'"),
        ('kind = "ratio"\nmeasure = "emigration"\nyear = 2012\nlow = 1\nover = { place = "KAZ" }', "over needs the measure"),
        ('kind = "share"\nmeasure = "emigration"\nyear = 2012\nlow = 1', "a share needs counterpart or group"),
        ('kind = "rank"\nyear = 2012\norder = "highest"\nwithin = 3', "a rank needs either measure, or holder"),
        ('kind = "spread"\nof = "rivals"\nlow = 2', "a spread of rivals needs measure and a time"),
        ('kind = "date_between"\nfirst = 2018\nlast = 2008', "first 2018 is after last 2008"),
        ('kind = "event_exists"\nevent = "amnisty"\nyear = 2006', "is no kind of event. Did you mean amnesty?"),
        ('kind = "event_exists"\nevent = "amnesty"\nyear = 2006\nwords = "("', "words '(' is no pattern"),
        ('kind = "posterior_probability"\nroom = "labour"\nquantity = "rate"\nyear = 2012\nlow = 1', "the room labour has labour,"),
        ('kind = "posterior_probability"\nroom = "leverage"\nquantity = "gross"\nyear = 2012\nlow = 1', "leverage needs holder"),
        ('kind = "joint_state"\nyear = 2012\nstate = "receiving"', "needs peers"),
    ],
)  # fmt: skip
def test_parsed__checks_the_arguments_of_each_kind(test, said):
    text = GOOD[: GOOD.index("[[statement.test]]")] + "[[statement.test]]\n" + test
    assert any(said in f for f in faults(text)), faults(text)


def test_parsed__tells_all_faults_of_a_file_at_once_in_the_order_of_lines():
    many = GOOD.replace("sing", "sign").replace('"sign"', '"sing"').replace("date = 2018-05-03", "")
    many += '\n[[statement]]\nid = "1"\ntext = "Twice."\ntype = "level"\nwould_settle = "a count"\n'
    told = faults(many)
    assert [int(f.split()[1].rstrip(",")) for f in told] == [2, 16, 22]
    assert "id '1' is taken by line 7" in told[-1]


def test_parsed__one_slip_of_syntax_hides_no_other_fault():
    broken = GOOD.replace('refuted_by = "A balance below it."', 'refuted_by = "A balance')
    broken += '\n[[statement]]\nid = "2"\ntext = "Another."\ntype = "levels"\nwould_settle = "a count"\n'
    told = faults(broken)
    assert told[0].startswith("line 13: this is no TOML")
    assert any("statement 2: 'levels' is no type" in f for f in told)


def test_parsed__a_long_text_holds_no_keys():
    long = GOOD.replace('text = "More came than left."', 'text = """\n[[statement]]\nkind = 3\n"""').replace(
        '"sign"', '"sing"'
    )
    assert "line 19, statement 1: 'sing'" in faults(long)[0]


def test_parsed__a_causal_statement_may_say_what_would_settle_it_and_no_more():
    text = GOOD[: GOOD.index("[[statement.test]]")].replace('"level"', '"causal"') + 'would_settle = "a model"\n'
    assert parsed(text, "mine.toml").statements[0].tests == ()


@pytest.mark.parametrize("text", ["", "[[statement]]\n", "statement = 3\n[set]\n", "[set]\n[other]\n"])
def test_parsed__an_empty_or_odd_file_is_told_what_a_set_is(text):
    assert any("[set]" in f or "[[statement]]" in f for f in faults(text))


def test_template__can_be_audited_as_it_stands():
    mine = parsed(template(), "mine.toml")
    assert [s.id for s in mine.statements] == ["1", "2", "3"]


def test_statements__reads_packaged_sets_and_files(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD, "utf-8")
    assert statements(tmp_path / "mine.toml").title == "A set"
    assert all(statements(name).statements for name in names())


def test_statements__of_an_unknown_name_suggests_the_nearest(tmp_path):
    with pytest.raises(VocabularyError, match="Did you mean eurasianet-2018"):
        statements("eurasianet-2019")
    with pytest.raises(UnreadableSource, match=r"nothing\.toml cannot be read"):
        statements(tmp_path / "nothing.toml")
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableSource):
        statements(tmp_path / "odd.toml")


def test_kinds__need_nothing_that_is_not_checked():
    assert set(TYPES) >= {"causal", "forecast"}
    assert len(KINDS) >= 12
    for kind in KINDS.values():
        assert kind.asks.endswith(("?", ".", "listed."))
        assert not kind.needs & kind.may
        assert all(CHOICES[k] for k in (kind.needs | kind.may) & set(CHOICES))


def test_faulty_statements__is_an_error_of_keruen():
    assert issubclass(FaultyStatements, KeruenError)
