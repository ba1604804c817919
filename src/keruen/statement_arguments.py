"""What a test of a statement is told: places as codes, times as days, words of the vocabulary, each checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from keruen import store
from keruen.errors import BadDate, KeruenError
from keruen.events import kinds as event_kinds
from keruen.places import place as one_place
from keruen.places import system
from keruen.provenance import day, definitions
from keruen.statement_faults import Reading, Where
from keruen.statements import CHOICES, KINDS, NUMBERS, QUANTITY, ROOM, TIMES, Test
from keruen.vocabulary import measures, suggest, words


def members(row: Mapping[str, Any], at: Where, reading: Reading, key: str = "place") -> tuple[str, ...]:
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


def _system(key: Any, at: Where, reading: Reading) -> list[str]:
    try:
        return [p.code for p in system(str(key))]
    except KeruenError as error:
        reading.tell(at, str(error))
        return []


def a_day(said: Any, at: Where, what: str, reading: Reading, *, last: bool = False) -> date | None:
    """A day as a set writes it, or a fault."""
    try:
        return day(str(said) if isinstance(said, int) else said, last=last)
    except (BadDate, TypeError, AttributeError):
        reading.tell(at, f"{what} {said!r} is not a day. Write 2018-05-03, without quotes.")
        return None


def _span(table: Mapping[str, Any], at: Where, reading: Reading) -> tuple[date, date] | None:
    """[start, end) of ``year``, ``years``, ``window`` or ``day``; a day has start = end."""
    given = [k for k in TIMES if k in table]
    if len(given) != 1:
        reading.tell(at, "say of what time: one of year = 2017, years = [2010, 2017], window = [day, day], day = …")
        return None
    key, value = given[0], table[given[0]]
    here = (*at, key)
    if key == "day":
        on = a_day(value, here, "day", reading)
        return None if on is None else (on, on)
    if key == "year":
        value = [value, value]
    if not isinstance(value, list) or len(value) != 2:
        reading.tell(
            here, f"{key} takes two: the first and the {'last year' if key == 'years' else 'day after the end'}"
        )
        return None
    if key == "window":
        first, last = (a_day(v, here, "window", reading) for v in value)
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


def as_test(n: int, k: int, row: dict[str, Any], shared: dict[str, Any], reading: Reading) -> Test | None:
    """A test of a statement with its arguments checked, or none and the faults."""
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
    if "words" in args:
        try:
            re.compile(args["words"])
        except (re.error, TypeError) as error:
            reading.tell(
                (*at, "words"), f"words {args['words']!r} is no pattern: {error}. Put \\ before a sign meant as it is."
            )
            args.pop("words")
    for key in ("place", "counterpart", "peers"):
        if key not in known:
            continue
        if key == "peers" and isinstance(args.get(key), str) and args[key] != "world":
            args[key] = tuple(_system(args[key], (*at, key), reading))
        elif key in args or (key == "place" and "system" in args):
            if args.get(key) != "world":
                args[key] = members(args, at, reading, key)
        elif key == "place":
            args[key] = shared["place"]
    args.pop("system", None)
    if "sender" in args or "holder" in args:
        key = "sender" if "sender" in args else "holder"
        args[key] = next(iter(members(args, at, reading, key)), "")
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


def _words(args: dict[str, Any], at: Where, reading: Reading) -> None:
    """Words of the vocabulary that a test uses."""
    known: dict[str, Callable[[], Iterable[str]]] = {
        "measure": measures, "stream": lambda: words("stream"), "definition": definitions,
        "status": lambda: words("status"), "basis": lambda: words("basis"),
    }  # fmt: skip
    for key, listed in known.items():
        if key in args and args[key] not in listed():
            reading.tell((*at, key), f"{args[key]!r} is not a {key}. {suggest(str(args[key]), listed())}")


def _inner(key: str, args: dict[str, Any], at: Where, reading: Reading) -> dict[str, Any]:
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
            made[ends] = members(made, here, reading, ends)
    if set(TIMES) & set(table):
        span = _span(table, here, reading)
        if span is not None:
            made["start"], made["end"] = span
    elif key == "before":
        reading.tell(here, "before needs a time: year, years or window")
    if key == "over" and "measure" not in made:
        reading.tell(here, "over needs the measure that one divides by")
    return made


def _reported(args: dict[str, Any], at: Where, shared: dict[str, Any], reading: Reading) -> None:
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
