"""Where figures come from: release cards, definitions, licences, and sentences to cite."""

from __future__ import annotations

import calendar
import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from keruen import folders
from keruen.errors import BadDate, EvidenceError


@dataclass(frozen=True, slots=True)
class Fault:
    """A known defect of a release. It obeys the as-of day too: nobody minded it before ``known``."""

    text: str
    because: str
    known: date
    place: str | None = None
    measure: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One edition of one source.

    ``released`` is the day it became known; where only the month or the year is known (``precision``), the last day
    of it stands here, so that an as-of question never sees an edition too early. ``lag_months`` marks a running
    series read later: its rows are taken as known so many months after the end of what they speak of.
    """

    key: str
    title: str
    publisher: str
    edition: str
    released: date
    precision: str
    url: str
    licence: str
    zeros: str
    family: str = ""
    lag_months: int | None = None
    locator: str = ""
    restricted: bool = False
    because: str = ""
    faults: tuple[Fault, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Publisher and title in one line."""
        return f"{self.publisher}, {self.title}" if self.publisher != self.title else self.title


def day(text: str | date, *, last: bool = False) -> date:
    """A date from ``2018-05-03``, ``2018-05`` or ``2018``.

    Parameters
    ----------
    text
        The date, or its month, or its year.
    last
        Take the last day of a month or year that is told alone, rather than the first.

    Raises
    ------
    BadDate
        If it cannot be read.

    Examples
    --------
    >>> day("2018-05-03"), day("2016-01", last=True)
    (datetime.date(2018, 5, 3), datetime.date(2016, 1, 31))
    """
    if isinstance(text, date):
        return date(text.year, text.month, text.day)
    parts = str(text).strip().split("-")
    try:
        if len(parts) == 3:
            return date.fromisoformat(str(text).strip())
        if not (len(parts[0]) == 4 and len(parts) <= 2):
            raise ValueError
        year = int(parts[0])
        month = int(parts[1]) if len(parts) == 2 else (12 if last else 1)
        return date(year, month, calendar.monthrange(year, month)[1] if last else 1)
    except (ValueError, IndexError) as error:
        raise BadDate(f"{text!r} is not a day. Write it as 2018-05-03 (or 2018-05, or 2018).") from error


def precision(text: str) -> str:
    """``day``, ``month`` or ``year``, by how a date is told."""
    return ("year", "month", "day")[str(text).count("-")]


def months_after(start: date, months: int) -> date:
    """The day so many months later, the last day of the month where that day does not exist.

    Examples
    --------
    >>> months_after(date(2017, 12, 31), 6)
    datetime.date(2018, 6, 30)
    """
    at = start.year * 12 + start.month - 1 + months
    year, month = divmod(at, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(files("keruen").joinpath(f"data/{name}").read_text("utf-8"))


def _release(key: str, card: dict[str, Any]) -> Release:
    known = {"title", "publisher", "edition", "url", "licence", "zeros", "family", "lag_months", "locator",
             "restricted", "because"}  # fmt: skip
    released = str(card["released"])
    return Release(
        key=key,
        released=day(released, last=True),
        precision=precision(released),
        faults=tuple(
            Fault(
                text=f["text"],
                because=f["because"],
                known=day(str(f["known"]), last=True),
                place=f.get("place"),
                measure=f.get("measure"),
            )
            for f in card.get("faults", ())
        ),
        extra={k: str(v) for k, v in card.items() if k not in known | {"released", "faults"}},
        **{k: v for k, v in card.items() if k in known},
    )


_pages: Path | None = None


@contextmanager
def pages_from(path: Path) -> Iterator[None]:
    """Take the cards of pages from here, not from the snapshot, while a snapshot is being compiled."""
    global _pages
    _pages = path
    releases.cache_clear()
    try:
        yield
    finally:
        _pages = None
        releases.cache_clear()


@cache
def releases() -> dict[str, Release]:
    """Every release card: the hand-written ones, and the pages from which press figures were read.

    Examples
    --------
    >>> releases()["un-wpp-2024"].released
    datetime.date(2024, 7, 11)
    """
    cards = {key: _release(key, card) for key, card in _toml("releases.toml").items()}
    pages = _pages or folders.snapshot() / "pages.json"
    if pages.is_file():
        cards |= {key: _release(key, card) for key, card in json.loads(pages.read_text("utf-8")).items()}
    return cards


def release(key: str) -> Release:
    """One release card.

    Raises
    ------
    EvidenceError
        If there is none of that key.
    """
    known = releases()
    if key not in known:
        from keruen.vocabulary import suggest

        raise EvidenceError(f"No release has the key {key!r}. {suggest(key, known)} All: keruen sources.")
    return known[key]


@cache
def definitions() -> dict[str, dict[str, Any]]:
    """What is counted, after how many months, and who reports: the cards of ``definitions.toml``."""
    return _toml("definitions.toml")


@cache
def licences() -> dict[str, dict[str, str]]:
    """Licences by key: name, url, attribution."""
    return _toml("licences.toml")


def cite(key: str | Release, style: str = "text") -> str:
    """A sentence, or a BibTeX entry, that cites a release.

    Parameters
    ----------
    key
        The key of a release, or its card (that of a user's own release stands in the store).
    style
        ``text`` or ``bibtex``.

    Examples
    --------
    >>> cite("un-wpp-2024").startswith("United Nations")
    True
    """
    r = key if isinstance(key, Release) else release(key)
    terms = licences().get(r.licence, {"name": r.licence or "licence not told"})["name"]
    told = (
        r.released.isoformat()
        if r.precision == "day"
        else r.released.strftime("%Y-%m" if r.precision == "month" else "%Y")
    )
    if style == "bibtex":
        month = f"  month = {{{r.released.month}}},\n" if r.precision != "year" else ""
        return (
            f"@misc{{{r.key},\n  author = {{{{{r.publisher}}}}},\n  title = {{{r.title}}},\n"
            f"  edition = {{{r.edition}}},\n  year = {{{r.released.year}}},\n{month}  url = {{{r.url}}},\n"
            f"  note = {{{terms}}}\n}}"
        )
    edition = f", {r.edition}" if r.edition and r.edition not in r.title else ""
    author = f"{r.publisher}: " if r.publisher != r.title else ""
    return f"{author}{r.title}{edition} ({told}). {r.url}".rstrip(" .") + "."
