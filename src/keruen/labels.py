"""Short names of releases, days, spans and numbers, as figures, briefs and audits write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date

from keruen.provenance import releases

ACRONYMS = {"oecd", "unhcr", "unsd", "cepii", "ilostat", "knomad", "ucdp", "unpd"}
WORDS = {"net", "of", "and", "by", "in", "to", "new", "the"}


def label(release: str, source: str | None = None) -> str:
    """A short name of a release for a line, a row or a note.

    Examples
    --------
    >>> label("un-wpp-2024"), label("my-office", "Our survey")
    ('UN WPP 2024', 'Our survey')
    """
    card = releases().get(release)
    if card is None:
        return source or release
    if "short" in card.extra:
        return card.extra["short"]
    if release.startswith("page-"):
        return card.publisher or card.title
    release = re.sub(r"-(\d{4})-\d{2}$", r"-\1", release)  # the month of an edition would fill the line
    short = (w.upper() if (len(w) <= 3 and w not in WORDS) or w in ACRONYMS else w for w in release.split("-"))
    return " ".join(w if i else w[:1].upper() + w[1:] for i, w in enumerate(_capitals(short)))


def _capitals(words: Iterable[str]) -> list[str]:
    """Names begin with a capital, small words inside a name do not."""
    return [w if w in WORDS else w[:1].upper() + w[1:] for w in words]


def year(at: date) -> float:
    """A day as a decimal year.

    Examples
    --------
    >>> year(date(2010, 7, 1))
    2010.5
    """
    first, after = date(at.year, 1, 1), date(at.year + 1, 1, 1)
    share: float = 0.5 if (at.month, at.day) == (7, 1) else (at - first).days / (after - first).days
    return at.year + share


def years(start: date, end: date) -> str:
    """A span from mid-year to mid-year in short.

    Examples
    --------
    >>> years(date(2010, 7, 1), date(2015, 7, 1)), years(date(1995, 7, 1), date(2000, 7, 1))
    ('2010–15', '1995–2000')
    """
    same = start.year // 100 == end.year // 100
    return f"{start.year}–{end.year % 100:02d}" if same else f"{start.year}–{end.year}"


def spelt(value: float, digits: int = 0) -> str:
    """A number with separators and a true minus sign.

    Half a person is rounded away from zero, as readers do; Python would round half to even.
    """
    rounded = int(abs(value) * 10**digits + 0.5 + 1e-9) / 10**digits
    text = f"{rounded:,.{digits}f}"
    return f"−{text}" if value < 0 and rounded else text


def percent(value: float) -> str:
    """A percentage with one digit, a small one with two that count.

    Examples
    --------
    >>> [percent(x) for x in (25.24, 100.0, 0.999, 0.034, 0.0)]
    ['25.2', '100.0', '1.0', '0.034', '0']
    """
    if not value:
        return "0"
    return spelt(value, 1) if value >= 0.995 else f"{value:.{1 - math.floor(math.log10(value))}f}"


def count(n: int, one: str, more: str = "") -> str:
    """So many of something; where the plural is more than an s, it is given.

    Examples
    --------
    >>> count(1, "matrix", "matrices"), count(2, "matrix", "matrices"), count(3, "corridor")
    ('1 matrix', '2 matrices', '3 corridors')
    """
    return f"{n} {one if n == 1 else more or one + 's'}"
