"""The words of Keruen: measures, streams, statuses and bases, read from ``data/vocabulary.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from keruen.errors import VocabularyError


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity: its unit, whether it is over a span or on a day, and what its two ends mean."""

    name: str
    unit: str
    when: Literal["span", "day"]
    topic: str
    meaning: str
    counterpart: str = ""
    sign: Literal["any", "nonnegative"] = "nonnegative"


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files("keruen").joinpath("data/vocabulary.toml").read_text("utf-8"))


@cache
def measures() -> dict[str, Measure]:
    """All measures by name, in the order of the vocabulary.

    Examples
    --------
    >>> measures()["stock"].unit
    'persons'
    """
    return {name: Measure(name=name, **card) for name, card in _words()["measure"].items()}


@cache
def words(kind: str) -> dict[str, str]:
    """The words of one kind (``stream``, ``status``, ``basis``) with their meanings.

    Examples
    --------
    >>> sorted(words("basis"))[0]
    'birthplace'
    """
    return dict(_words()[kind])


@cache
def topics() -> tuple[str, ...]:
    """The topics that measures belong to; one file of the snapshot each."""
    return tuple(sorted({m.topic for m in measures().values()}))


def suggest(word: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known words.

    Examples
    --------
    >>> suggest("net_migraton", ["net_migration", "stock"])
    'Did you mean net_migration?'
    """
    known = sorted(known) if isinstance(known, set | frozenset) else list(known)  # a set has no order of its own
    near = get_close_matches(str(word).lower(), known, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Known are: {', '.join(known[:12])}{' …' if len(known) > 12 else ''}."


def measure(name: str) -> Measure:
    """One measure, or an error that names the nearest ones.

    Raises
    ------
    VocabularyError
        If the word is not a measure.

    Examples
    --------
    >>> measure("net_migration").when
    'span'
    """
    known = measures()
    if name not in known:
        raise VocabularyError(f"{name!r} is not a measure. {suggest(name, known)} All: keruen measures.")
    return known[name]


def check(kind: str, word: str) -> str:
    """Return the word if the vocabulary knows it as a ``stream``, ``status`` or ``basis``.

    Raises
    ------
    VocabularyError
        If it does not.
    """
    known = words(kind)
    if word not in known:
        raise VocabularyError(f"{word!r} is not a {kind}. {suggest(word, known)}")
    return word
