import pytest

from keruen.errors import VocabularyError
from keruen.vocabulary import check, measure, measures, suggest, topics, words


def test_measures__say_what_they_are():
    for m in measures().values():
        assert m.meaning.endswith("."), m.name
        assert m.when in ("span", "day")
        assert m.sign in ("any", "nonnegative")
        assert m.unit


def test_measures__persons_and_events_have_different_units():
    known = measures()
    assert known["labour_migrants"].unit == "persons"
    assert known["work_permits_issued"].unit == "permits"
    assert known["remittances_received"].unit == known["money_transfers"].unit == "USD"


def test_topics__cover_all_measures():
    assert {m.topic for m in measures().values()} == set(topics())


def test_measure__unknown_word_names_the_nearest():
    with pytest.raises(VocabularyError, match="Did you mean net_migration"):
        measure("net_migraton")


@pytest.mark.parametrize("kind", ["stream", "status", "basis"])
def test_words__are_checked(kind):
    known = words(kind)
    assert check(kind, next(iter(known))) in known
    with pytest.raises(VocabularyError, match=kind):
        check(kind, "no such word")


def test_suggest__lists_what_is_known_when_nothing_is_near():
    assert suggest("zzz", ["stock", "births"]) == "Known are: stock, births."
