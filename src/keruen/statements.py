"""What a statement is: a sentence somebody said about the world, as data, with the test that it must pass.

A set of statements is a TOML file: the packaged ones lie in ``data/audits``, a user's own anywhere. Reading checks
everything and tells every fault at once, each with its line and what to do.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from textwrap import shorten
from typing import Any

import polars as pl

from keruen import store
from keruen.errors import BadDate, FaultyStatements, KeruenError, UnreadableSource, VocabularyError
from keruen.places import place as one_place
from keruen.places import system
from keruen.provenance import day, definitions
from keruen.streams import kinds as event_kinds
from keruen.vocabulary import measures, suggest, words

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


# ---------------------------------------------------------------- where sets are found


@cache
def names() -> dict[str, str]:
    """Packaged sets by name, with their titles.

    Examples
    --------
    >>> "eurasianet-2018" in names()
    True
    """
    found = sorted(p.name for p in files("keruen").joinpath("data/audits").iterdir() if p.name.endswith(".toml"))
    return {n.removesuffix(".toml"): str(tomllib.loads(_packaged(n))["set"]["title"]) for n in found}


def _packaged(name: str) -> str:
    return files("keruen").joinpath("data/audits", name).read_text("utf-8")


def template() -> str:
    """A small set that can be audited as it stands, with every line explained.

    Examples
    --------
    >>> parsed(template(), "template").statements[0].type
    'level'
    """
    return files("keruen").joinpath("data/templates/audit.toml").read_text("utf-8")


def statements(name: str | Path) -> Statements:
    """A set of statements: a packaged one by name, or a file of the user's own.

    Parameters
    ----------
    name
        ``eurasianet-2018``, or the path of a TOML file.

    Raises
    ------
    VocabularyError
        If no set has that name.
    UnreadableSource
        If the file cannot be read.
    FaultyStatements
        With every fault in it: line, statement, what to do.

    Examples
    --------
    >>> len(statements("eurasianet-2018").statements)
    52
    """
    told = str(name)
    if told in names():
        return parsed(_packaged(f"{told}.toml"), told)
    path = Path(name)
    if path.suffix != ".toml" and not path.exists():
        raise VocabularyError(
            f"No set of statements is called {told!r}. {suggest(told, names())} For one of your own give the path of a "
            "TOML file; `keruen template audit` prints one to begin with."
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"{path} cannot be read as text in UTF-8: {error}.") from error
    return parsed(text, told)


# ---------------------------------------------------------------- reading, with every fault at once

Where = tuple[Any, ...]  # ("set", key), (statement, key), (statement, test, key)
HEADER = re.compile(r"^\s*(\[\[?)\s*([\w.\-]+)\s*\]\]?\s*(?:#.*)?$")
KEY = re.compile(r"^\s*([\w\-]+)\s*=")


@dataclass(slots=True)
class _Reading:
    """Lines of keys, and the faults found so far."""

    where: str
    lines: dict[Where, int]
    faults: list[tuple[int, str]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def tell(self, at: Where, remedy: str) -> None:
        line = next((self.lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self.lines), 1)
        who = f"statement {self.names.get(at[0], at[0] + 1)}: " if isinstance(at[0], int) else ""
        self.faults.append((line, f"line {line}, {who}{remedy}"))


def _lines(text: str) -> dict[Where, int]:
    """The line of every table and key of a set."""
    found: dict[Where, int] = {}
    here: Where = ("top",)
    statement, test = -1, -1
    quoted = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not quoted:
            if header := HEADER.match(line):
                name = header[2]
                if name == "statement":
                    statement, test = statement + 1, -1
                    here = (statement,)
                elif name == "statement.test":
                    test += 1
                    here = (statement, test)
                else:
                    here = (name,)
                found.setdefault(here, number)
            elif key := KEY.match(line):
                found.setdefault((*here, key[1]), number)
        for mark in re.findall(r'"""|\'\'\'', line):  # inside a long text nothing is a key
            quoted = "" if mark == quoted else quoted or mark
    return found


def parsed(text: str, where: str) -> Statements:
    """A set from its text.

    Parameters
    ----------
    text
        TOML.
    where
        How the text is called in messages.

    Raises
    ------
    FaultyStatements
        With every fault.
    """
    reading = _Reading(where, _lines(text))
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        told = _salvaged(text, reading)
    for key in sorted(set(told) - {"set", "statement"}):
        reading.tell((key,), f"[{key}] is no part of a set. There are [set] and [[statement]].")
    card = _set(told.get("set"), reading)
    rows = told.get("statement", [])
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        reading.tell((0,), "statements are written [[statement]], with two brackets")
        rows = []
    if not rows and not reading.faults:
        reading.tell(("set",), "the set has no [[statement]]. `keruen template audit` shows one.")
    for n, row in enumerate(rows):
        if "_broken" not in row:
            reading.names[n] = str(row.get("id", n + 1))
    made = [_statement(n, row, card, reading) for n, row in enumerate(rows) if "_broken" not in row]
    seen: dict[str, int] = {}
    for n, row in enumerate(rows):
        key = str(row.get("id", ""))
        if key and key in seen:
            reading.tell((n, "id"), f"id {key!r} is taken by line {reading.lines.get((seen[key],), 1)}. Give another.")
        seen.setdefault(key, n)
    if reading.faults:
        raise FaultyStatements(where, [said for _, said in sorted(reading.faults, key=lambda f: f[0])])
    return Statements(**card, statements=tuple(s for s in made if s is not None))


def _salvaged(text: str, reading: _Reading) -> dict[str, Any]:
    """The tables of a malformed file, each read alone, so that one slip does not hide the faults of the others."""
    starts = [0] + [n for n, line in enumerate(text.splitlines()) if re.match(r"^\s*\[\[\s*statement\s*\]\]", line)]
    lines = text.splitlines()
    told: dict[str, Any] = {"statement": []}
    for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        try:
            part = tomllib.loads("\n".join(lines[begin:end]))
        except tomllib.TOMLDecodeError as error:
            inner = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
            at = begin + (int(inner[1]) if inner else end - begin)
            said = re.sub(r"\s*\(at [^)]*\)", "", str(error))
            reading.faults.append(
                (at, f"line {at}: this is no TOML: {said}. Texts stand in quotes, days as 2018-05-03.")
            )
            told["statement"] += [{"_broken": True}] if begin in starts[1:] else []
            if begin == 0 and begin not in starts[1:]:
                told.setdefault("set", {"_broken": True})
            continue
        told["statement"] += part.pop("statement", [])
        told |= {k: v for k, v in part.items() if k not in told}
    return told


def _set(card: Any, reading: _Reading) -> dict[str, Any]:
    empty = {"name": reading.where, "title": "", "author": "", "outlet": "", "date": date.min, "url": "", "note": ""}
    if not isinstance(card, dict):
        reading.tell(("set",), "a set begins with [set]: name, title, author, outlet, date")
        return empty
    if "_broken" in card:
        return empty
    for key in sorted(set(card) - set(empty)):
        reading.tell(("set", key), f"set: {key!r} is not known. {suggest(key, empty)}")
    found = dict(empty)
    for key in ("name", "title", "author", "outlet", "url", "note"):
        value = card.get(key, "")
        if not isinstance(value, str):
            reading.tell(("set", key), f"set: {key} is a text in quotes")
        elif not value and key in ("title", "outlet"):
            reading.tell(("set",), f"set: {key} is missing: readers must know where the sentences stand")
        else:
            found[key] = value or empty[key]
    if "date" not in card:
        reading.tell(("set",), "set: date is missing: the day on which it was said, say date = 2018-05-03")
    else:
        said = _day(card["date"], ("set", "date"), "set: date", reading)
        if said is not None:
            found["date"] = said
            if said > date.today():
                reading.tell(("set", "date"), f"set: date {said} is still to come. Give the day on which it was said.")
    return found


TEXTS = ("text", "type", "stream", "definition", "attributed_to", "cites", "tolerance", "refuted_by", "would_settle",
         "not_testable", "nearest", "because")  # fmt: skip


def _statement(n: int, row: dict[str, Any], card: dict[str, Any], reading: _Reading) -> Statement | None:
    before = len(reading.faults)
    known = {"id", "place", "system", "on_trial", "test", "rivals", *TEXTS}
    for key in sorted(set(row) - known):
        reading.tell((n, key), f"{key!r} is not known. {suggest(key, known)}")
    for key in TEXTS:
        if key in row and not isinstance(row[key], str):
            reading.tell((n, key), f"{key} is a text in quotes")
    told = {k: row[k] if isinstance(row.get(k), str) else "" for k in TEXTS}
    if not isinstance(row.get("id"), str | int) or isinstance(row.get("id"), bool) or str(row["id"]).strip() == "":
        reading.tell((n,), 'id is missing: a short name, say id = "7"')
    if not told["text"] and "text" not in row:
        reading.tell((n,), "text is missing: the sentence, paraphrased")
    if not told["type"]:
        reading.tell((n,), f"type is missing: one of {', '.join(TYPES)}")
    elif told["type"] not in TYPES:
        reading.tell((n, "type"), f"{told['type']!r} is no type. {suggest(told['type'], TYPES)}")
    if told["stream"] and told["stream"] not in words("stream"):
        reading.tell((n, "stream"), f"{told['stream']!r} is not a stream. {suggest(told['stream'], words('stream'))}")
    if told["definition"] and told["definition"] not in definitions():
        reading.tell(
            (n, "definition"),
            f"{told['definition']!r} is not a definition. {suggest(told['definition'], definitions())}",
        )
    cited = store.cards().get(told["cites"])
    if told["cites"] and cited is None:
        near = suggest(told["cites"], store.cards())
        reading.tell((n, "cites"), f"no release has the key {told['cites']!r}. {near} All: keruen sources.")
    if cited is not None and cited.released > card["date"] > date.min:
        reading.tell(
            (n, "cites"),
            f"cites {told['cites']}, released {cited.released}, after it was said ({card['date']}). Give the edition "
            "of that day, or correct the date of the set.",
        )
    if told["cites"] and not told["attributed_to"]:
        reading.tell((n, "cites"), "cites a release but does not say who is quoted. Add attributed_to.")
    trial = row.get("on_trial", [])
    trial = [trial] if isinstance(trial, str) else trial
    if not isinstance(trial, list) or not all(isinstance(t, str) for t in trial):
        reading.tell((n, "on_trial"), "on_trial is a list of releases or ids, in quotes")
        trial = []
    for key in trial:
        if key not in store.cards() and key.rpartition(":")[0] not in store.cards():
            near = suggest(key, store.cards())
            reading.tell((n, "on_trial"), f"{key!r} is neither a release nor the id of a claim. {near}")
    rivals = row.get("rivals", "vote")
    if rivals not in ("vote", "beside"):
        reading.tell((n, "rivals"), f"rivals = {rivals!r} is not one of vote, beside")
    places = _members(row, (n,), reading)
    tests = row.get("test", [])
    tests = [tests] if isinstance(tests, dict) else tests
    if not isinstance(tests, list) or not all(isinstance(t, dict) for t in tests):
        reading.tell((n, "test"), "tests are written [[statement.test]], each with a kind")
        tests = []
    shared = {
        "place": places, "stream": told["stream"], "definition": told["definition"], "type": told["type"],
        "said": card["date"], "settles": bool(told["would_settle"]),
    }  # fmt: skip
    made = [_test(n, k, t, shared, reading) for k, t in enumerate(tests)]
    if told["not_testable"] and not told["nearest"]:
        reading.tell((n, "not_testable"), "not testable: add nearest, the nearest form that figures could decide")
    if not told["not_testable"]:
        if not any(t.get("role", "first") in ("first", "rival") for t in tests) and not told["would_settle"]:
            reading.tell(
                (n,), "it has no test. Give [[statement.test]], or would_settle (what would decide it), or not_testable"
            )
        if tests and not told["tolerance"]:
            reading.tell((n,), "tolerance is missing: say in words how far off still counts as right")
        if tests and not told["refuted_by"]:
            reading.tell((n,), "refuted_by is missing: say what would show that it is wrong")
    if told["cites"] and tests and not any(t.get("role") == "said" for t in tests):
        reading.tell((n, "cites"), 'it cites a release: add a test with role = "said", against that release')
    if len(reading.faults) > before:
        return None
    return Statement(
        id=str(row["id"]), places=places, on_trial=tuple(trial), tests=tuple(t for t in made if t is not None),
        rivals=rivals, line=reading.lines.get((n,), 1), **told,
    )  # fmt: skip


def _members(row: Mapping[str, Any], at: Where, reading: _Reading, key: str = "place") -> tuple[str, ...]:
    """Codes of the places that a table names, one by one or as a system."""
    said = row.get(key, [])
    said = [said] if isinstance(said, str | int) else said
    codes: list[str] = []
    if not isinstance(said, list):
        reading.tell((*at, key), f"{key} is a place or a list of places")
        said = []
    for one in said:
        try:
            codes.append(one_place(one).code)
        except KeruenError as error:
            reading.tell((*at, key), str(error))
    if key == "place" and "system" in row:
        codes += _system(row["system"], (*at, "system"), reading)
    return tuple(dict.fromkeys(codes))


def _system(key: Any, at: Where, reading: _Reading) -> list[str]:
    try:
        return [p.code for p in system(str(key))]
    except KeruenError as error:
        reading.tell(at, str(error))
        return []


def _day(said: Any, at: Where, what: str, reading: _Reading, *, last: bool = False) -> date | None:
    try:
        return day(str(said) if isinstance(said, int) else said, last=last)
    except (BadDate, TypeError, AttributeError):
        reading.tell(at, f"{what} {said!r} is not a day. Write 2018-05-03, without quotes.")
        return None


def _span(table: Mapping[str, Any], at: Where, reading: _Reading) -> tuple[date, date] | None:
    """[start, end) of ``year``, ``years``, ``window`` or ``day``; a day has start = end."""
    given = [k for k in TIMES if k in table]
    if len(given) != 1:
        reading.tell(at, "say of what time: one of year = 2017, years = [2010, 2017], window = [day, day], day = …")
        return None
    key, value = given[0], table[given[0]]
    here = (*at, key)
    if key == "day":
        on = _day(value, here, "day", reading)
        return None if on is None else (on, on)
    if key == "year":
        value = [value, value]
    if not isinstance(value, list) or len(value) != 2:
        reading.tell(
            here, f"{key} takes two: the first and the {'last year' if key == 'years' else 'day after the end'}"
        )
        return None
    if key == "window":
        first, last = (_day(v, here, "window", reading) for v in value)
        if first is None or last is None:
            return None
    else:
        if not all(isinstance(v, int) and not isinstance(v, bool) and 1800 <= v <= 2200 for v in value):
            reading.tell(here, f"{key} {value} is no calendar year")
            return None
        first, last = date(value[0], 1, 1), date(value[1] + 1, 1, 1)
    if first >= last:
        reading.tell(here, f"{key} ends before it begins ({value[0]} to {value[1]}). Exchange the two.")
        return None
    return first, last


def _test(n: int, k: int, row: dict[str, Any], shared: dict[str, Any], reading: _Reading) -> Test | None:
    at: Where = (n, k)
    if (n, k) not in reading.lines:  # test = {…} in one line
        at = (n, "test")
    before = len(reading.faults)
    name = row.get("kind")
    if name not in KINDS:
        near = suggest(str(name), KINDS) if name is not None else f"Known are: {', '.join(KINDS)}."
        reading.tell(
            (*at, "kind"), f"{name!r} is no kind of test. {near}" if name is not None else f"kind is missing. {near}"
        )
        return None
    kind = KINDS[name]
    known = kind.needs | kind.may | {"kind", "role", "says"}
    if "time" in known:
        known = known - {"time"} | set(TIMES)
    if "place" in known:
        known = known | {"system"}
    for key in sorted(set(row) - known):
        reading.tell((*at, key), f"a test of kind {name} has no argument {key!r}. {suggest(key, known)}")
    role = row.get("role", "first")
    args: dict[str, Any] = {k: v for k, v in row.items() if k in known and k not in ("kind", "role", "says", *TIMES)}
    for key, value in [*args.items(), ("role", role)]:
        if key in CHOICES and value not in CHOICES[key]:
            reading.tell((*at, key), f"{key} = {value!r} is not one of {', '.join(CHOICES[key])}")
    for key in NUMBERS:
        if key in args and (not isinstance(args[key], int | float) or isinstance(args[key], bool)):
            reading.tell((*at, key), f"{key} is a number without quotes")
            args.pop(key)
    own = role in ("first", "said")
    for key in ("stream", "definition"):  # what the statement speaks of, unless the test says otherwise
        if key in known and key not in args and own and shared[key]:
            args[key] = shared[key]
    _words(args, at, reading)
    for key in ("place", "counterpart", "peers"):
        if key not in known:
            continue
        if key == "peers" and isinstance(args.get(key), str) and args[key] != "world":
            args[key] = tuple(_system(args[key], (*at, key), reading))
        elif key in args or (key == "place" and "system" in args):
            if args.get(key) != "world":
                args[key] = _members(args, at, reading, key)
        elif key == "place":
            args[key] = shared["place"]
    args.pop("system", None)
    if "sender" in args or "holder" in args:
        key = "sender" if "sender" in args else "holder"
        args[key] = next(iter(_members(args, at, reading, key)), "")
    if "time" in kind.needs or (set(TIMES) & set(row) and "time" in kind.needs | kind.may):
        span = _span(row, at, reading)
        if span is not None:
            args["start"], args["end"] = span
            if span[0] > shared["said"] > date.min and shared["type"] != "forecast" and role != "beside":
                reading.tell(
                    at,
                    f"it speaks of {span[0].year}, after it was said ({shared['said']}). Make it type forecast, or "
                    "correct the date.",
                )
    if name == "share_of_gdp":
        args["said"] = shared["said"]  # what is newest is newest of what was over by then
    for key in ("before", "over"):
        if key in args:
            args[key] = _inner(key, args, at, reading)
    lacking = sorted(key for key in kind.needs - {"time"} if key not in args or args[key] in ((), ""))
    for key in lacking:
        reading.tell(at, f"a test of kind {name} needs {key}")
    if kind.bounded and not {"low", "high"} & set(row):
        reading.tell(at, f"tolerance is missing: a test of kind {name} needs low, high or both, in numbers")
    if {"low", "high"} <= set(args) and args["low"] > args["high"]:
        reading.tell((*at, "low"), f"low {args['low']:g} is above high {args['high']:g}. Exchange them.")
    if {"first", "last"} <= set(args) and args["first"] > args["last"]:
        reading.tell((*at, "first"), f"first {args['first']:g} is after last {args['last']:g}. Exchange them.")
    if name == "posterior_probability" and args.get("quantity") in CHOICES["quantity"] and args.get("room") in ROOM:
        if args["quantity"] not in ROOM[args["room"]]:
            reading.tell((*at, "quantity"), f"the room {args['room']} has {', '.join(ROOM[args['room']])}")
        if args["room"] == "leverage" and not args.get("holder"):
            reading.tell(at, "leverage needs holder: the place that holds the others")
    if name == "event_exists" and args.get("event") not in event_kinds():
        reading.tell(
            (*at, "event"),
            f"{args.get('event')!r} is no kind of event. {suggest(str(args.get('event')), event_kinds())}",
        )
    if name == "spread" and args.get("of") == "rivals" and ("measure" not in args or "start" not in args):
        reading.tell(at, "a spread of rivals needs measure and a time")
    if name == "rank" and ("measure" in args) == ("holder" in args):
        reading.tell(at, "a rank needs either measure, or holder for leverage")
    if name == "share" and not args.get("counterpart") and args.get("group", "all") == "all":
        reading.tell(at, "a share needs counterpart or group: whose part it is")
    _reported(args, at, shared, reading)
    if len(reading.faults) > before:
        return None
    return Test(name, role, str(row.get("says", "")), args)


def _words(args: dict[str, Any], at: Where, reading: _Reading) -> None:
    """Words of the vocabulary that a test uses."""
    known: dict[str, Callable[[], Iterable[str]]] = {
        "measure": measures, "stream": lambda: words("stream"), "definition": definitions,
        "status": lambda: words("status"), "basis": lambda: words("basis"),
    }  # fmt: skip
    for key, listed in known.items():
        if key in args and args[key] not in listed():
            reading.tell((*at, key), f"{args[key]!r} is not a {key}. {suggest(str(args[key]), listed())}")


def _inner(key: str, args: dict[str, Any], at: Where, reading: _Reading) -> dict[str, Any]:
    """The span before, or the quantity that one is divided by."""
    table, here = args[key], (*at, key)
    if not isinstance(table, dict):
        reading.tell(here, f"{key} is a table in one line, say {key} = {{ year = 2009 }}")
        return {}
    allowed = set(TIMES) | (set() if key == "before" else {"measure", "place", *QUANTITY.split()})
    for odd in sorted(set(table) - allowed):
        reading.tell(here, f"{key} has no {odd!r}. {suggest(odd, allowed)}")
    made = {k: v for k, v in table.items() if k in allowed and k not in TIMES}
    _words(made, here, reading)
    for ends in ("place", "counterpart"):
        if ends in made and made[ends] != "world":
            made[ends] = _members(made, here, reading, ends)
    if set(TIMES) & set(table):
        span = _span(table, here, reading)
        if span is not None:
            made["start"], made["end"] = span
    elif key == "before":
        reading.tell(here, "before needs a time: year, years or window")
    if key == "over" and "measure" not in made:
        reading.tell(here, "over needs the measure that one divides by")
    return made


def _reported(args: dict[str, Any], at: Where, shared: dict[str, Any], reading: _Reading) -> None:
    """Of what nobody ever reported anything is a slip, unless the statement says what is lacking."""
    if "measure" not in args or args["measure"] not in measures() or shared["settles"]:
        return
    for code in args.get("place", ()):
        if not len(store.evidence(code, args["measure"], columns=["release"])):
            told = store.evidence(code, columns=["measure"])["measure"].unique().sort().to_list()
            remedy = (
                f"Told of it are: {', '.join(str(m) for m in told[:10])}{' …' if len(told) > 10 else ''}."
                if told
                else "Nothing is told of it at all."
            )
            reading.tell(
                (*at, "measure") if (*at, "measure") in reading.lines else at,
                f"nobody ever reported {args['measure']} of {one_place(code).name} ({code}). {remedy} Correct it, add "
                "figures (keruen add FILE), or say in would_settle what is lacking.",
            )
