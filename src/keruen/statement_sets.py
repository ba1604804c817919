"""Sets of statements: the packaged ones in ``data/audits`` and a user's own, in TOML.

Reading checks everything and tells every fault at once, each with its line and what to do.
"""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from keruen import store
from keruen.errors import FaultyStatements, UnreadableSource, VocabularyError
from keruen.provenance import definitions
from keruen.statement_arguments import a_day, as_test, members
from keruen.statement_faults import Reading, lines_of, salvaged
from keruen.statements import TYPES, Statement, Statements
from keruen.vocabulary import suggest, words


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
    reading = Reading(where, lines_of(text))
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        told = salvaged(text, reading)
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


def _set(card: Any, reading: Reading) -> dict[str, Any]:
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
        said = a_day(card["date"], ("set", "date"), "set: date", reading)
        if said is not None:
            found["date"] = said
            if said > date.today():
                reading.tell(("set", "date"), f"set: date {said} is still to come. Give the day on which it was said.")
    return found


TEXTS = ("text", "type", "stream", "definition", "attributed_to", "cites", "tolerance", "refuted_by", "would_settle",
         "not_testable", "nearest", "because")  # fmt: skip


def _statement(n: int, row: dict[str, Any], card: dict[str, Any], reading: Reading) -> Statement | None:
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
    places = members(row, (n,), reading)
    tests = row.get("test", [])
    tests = [tests] if isinstance(tests, dict) else tests
    if not isinstance(tests, list) or not all(isinstance(t, dict) for t in tests):
        reading.tell((n, "test"), "tests are written [[statement.test]], each with a kind")
        tests = []
    shared = {
        "place": places, "stream": told["stream"], "definition": told["definition"], "type": told["type"],
        "said": card["date"], "settles": bool(told["would_settle"]),
    }  # fmt: skip
    made = [as_test(n, k, t, shared, reading) for k, t in enumerate(tests)]
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
