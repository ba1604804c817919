"""What a statement is: a sentence somebody said about the world, as data, with the test that it must pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from textwrap import shorten
from typing import Any

import polars as pl

TYPES = {
    "level": "how many, how much",
    "change": "more or less than before, a rise, a fall",
    "date": "when something happened, or began",
    "rank": "first, last, the only one, most",
    "causal": "because of, due to: never supported by an association alone",
    "forecast": "what will be",
    "definitional": "what something is, or that it exists",
}
"""Types of statements."""

UNPROVEN = ("causal", "forecast")
"""Types that no test of this package settles: the association is told, the verdict is *undetermined*."""

ROLES = {
    "first": "in the speaker's own definition; several must hold together",
    "rival": "the same quantity as others count it: it votes",
    "beside": "another quantity that readers confuse with it: it is told, and does not vote",
    "said": "whether it was said: against the release that is cited",
}
"""What a test is for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of test: what it asks, what it needs to be told, what it may be told."""

    asks: str
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    bounded: bool = False  # needs low, high or both: a tolerance in numbers


def _kind(asks: str, needs: str = "", may: str = "", *, bounded: bool = False) -> Kind:
    return Kind(asks, frozenset(needs.split()), frozenset(may.split()), bounded)


QUANTITY = "stream definition counterpart group basis status projections"
BOUNDS = "low high"

KINDS: dict[str, Kind] = {
    "level": _kind("Is the figure between low and high?", "measure place time", f"{QUANTITY} {BOUNDS}", bounded=True),
    "sign": _kind(
        "Is the total of the span above nought, or below? With each = \"year\": in every year of it?",
        "measure place time sign", f"{QUANTITY} each",
    ),
    "change": _kind(
        "Is the figure of the span, against that of the span before, between low and high, as a ratio or a difference?",
        "measure place time before as", f"{QUANTITY} {BOUNDS}", bounded=True,
    ),
    "ratio": _kind(
        "Is one figure over another between low and high?", "measure place time over", f"{QUANTITY} {BOUNDS}",
        bounded=True,
    ),
    "share": _kind(
        "Is the part that some counterparts or a group have of the total between low and high percent?",
        "measure place time", f"{QUANTITY} {BOUNDS}", bounded=True,
    ),
    "share_of_gdp": _kind(
        "Is money received over GDP between low and high percent, in the newest year (or any)? Every pair of year, "
        "numerator and denominator is listed.",
        "place low high", "sender when",
    ),
    "monotone": _kind("Does the yearly figure rise (or fall) every year?", "measure place time direction", QUANTITY),
    "trend": _kind(
        "Does the yearly figure have a trend, or a break, as a rank test and a test of breaks tell?",
        "measure place time expect", QUANTITY,
    ),
    "rank": _kind(
        "Is every place named among the first (or last) so many of its peers?",
        "place time order within", "measure peers holder definition",
    ),
    "spread": _kind(
        "Do rival figures of one quantity differ by at least this factor; or does the year of the turn need at least "
        "so many years to hold 80% of its mass?",
        "place low of", f"measure time {QUANTITY} since persistence",
    ),
    "date_between": _kind(
        "Does the first lasting turn from sending to receiving fall between two years?",
        "place first last", "since persistence",
    ),
    "earlier": _kind(
        "Does the turn come earlier by one lineage of evidence than by another?",
        "place lineage than", "since persistence by",
    ),
    "joint_state": _kind(
        "Is the place alone among its peers in what it is, receiving or sending, in the years named?",
        "place peers time state",
    ),
    "posterior_probability": _kind(
        "How probable is it, all evidence weighed, that a quantity of a room lies between low and high?",
        "place time room quantity", f"{BOUNDS} how counterpart holder against", bounded=True,
    ),
    "event_exists": _kind(
        "Does the timeline of policies and shocks hold such an event between two days?", "event time",
        "place counterpart words",
    ),
    "interrupted": _kind(
        "Did the level of a yearly series change at a date? An association, whatever the reason.",
        "measure place time at expect", QUANTITY,
    ),
}  # fmt: skip
"""Kinds of tests by name."""

CHOICES: dict[str, tuple[str, ...]] = {
    "sign": ("positive", "negative"),
    "each": ("year",),
    "as": ("ratio", "difference"),
    "direction": ("up", "down"),
    "expect": ("rising", "falling", "no trend", "break", "higher", "lower", "no change seen"),
    "order": ("highest", "lowest"),
    "of": ("rivals", "turn"),
    "when": ("newest", "any"),
    "state": ("receiving", "sending"),
    "room": ("net_migration", "labour", "leverage"),
    "quantity": ("rate", "labour", "labour_registered", "labour_unregistered", "ratio", "dependence", "gross", "net",
                 "asymmetry"),
    "how": ("mean", "every", "any", "rises", "multiplies"),
    "lineage": ("un", "national"),
    "than": ("un", "national"),
    "role": tuple(ROLES),
}  # fmt: skip
"""Arguments that are one of a few words."""

NUMBERS = ("low", "high", "within", "first", "last", "since", "persistence", "at", "by")
TIMES = ("year", "years", "window", "day")
ROOM = {
    "net_migration": ("rate",),
    "labour": ("labour", "labour_registered", "labour_unregistered", "ratio"),
    "leverage": ("dependence", "gross", "net", "asymmetry"),
}


@dataclass(frozen=True, slots=True)
class Test:
    """A kind of test with its arguments: places and counterparts as codes, time as ``start`` and ``end``."""

    kind: str
    role: str
    says: str
    args: Mapping[str, Any]

    __test__ = False  # not one of pytest's


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence on trial.

    Attributes
    ----------
    id, text, type
        Its name in the set, a paraphrase, and a word of :data:`TYPES`.
    places, stream, definition
        What it speaks of, in the words of the vocabulary; the definition is the speaker's.
    attributed_to, cites
        Who is quoted, and the release that is cited: it is asked whether that was said, and then whether it is so,
        without that release and its copies.
    on_trial
        Releases or ids that repeat the statement itself: they and their copies leave the evidence.
    tests
        What it must pass.
    rivals
        ``vote``, or ``beside`` where the speaker's definition binds the sentence: others' counts are told, no more.
    tolerance, refuted_by, would_settle
        In words.
    not_testable, nearest
        Why no figure can decide it, and the nearest form that one could.
    because
        Why it is tested so.
    line
        Where it stands in its file.
    """

    id: str
    text: str
    type: str
    places: tuple[str, ...]
    stream: str
    definition: str
    attributed_to: str
    cites: str
    on_trial: tuple[str, ...]
    tests: tuple[Test, ...]
    rivals: str
    tolerance: str
    refuted_by: str
    would_settle: str
    not_testable: str
    nearest: str
    because: str
    line: int

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(t.kind for t in self.tests))
        many = len(self.tests)
        told = f"{many} test{'s' * (many != 1)} ({kinds})" if many else "no test"
        return (
            f'Statement {self.id}, {self.type}: "{shorten(self.text, 150, placeholder=" …")}" It has {told}.'
            " See tests, tolerance, would_settle, because."
        )


@dataclass(frozen=True, slots=True)
class Statements:
    """A set: where its sentences were said, by whom and when."""

    name: str
    title: str
    author: str
    outlet: str
    date: date
    url: str
    note: str
    statements: tuple[Statement, ...]

    def __repr__(self) -> str:
        many = len(self.statements)
        said = ", ".join(filter(None, (self.author, self.outlet)))
        return (
            f'{many} statement{"s" * (many != 1)} of "{shorten(self.title, 100, placeholder=" …")}"'
            f" ({shorten(said, 80, placeholder=' …')}, {self.date}). See statements, note, url."
        )

    def _repr_html_(self) -> str:
        rows = [(s.id, s.type, s.text) for s in self.statements]
        table = pl.DataFrame(rows, schema=["id", "type", "text"], orient="row")
        return f"<p>{escape(repr(self))}</p>{table._repr_html_()}"
