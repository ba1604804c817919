"""A sourced brief of any place: answer, figures, tables, doubts, sources, from one structure.

:func:`contents` gathers what is known of a place on a day. Every figure in it is a :class:`Number` with the claims it
rests on; words are plain strings without a digit; dates and names that hold digits are :class:`Said`. HTML and Markdown
are two prints of the same structure, so no number can stand in one and not in the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, overload

from keruen import snapshot
from keruen._version import __version__
from keruen.errors import ConceptError, need
from keruen.kept import kept, stamp
from keruen.places import place as one_place
from keruen.places import system as members_of
from keruen.places import systems
from keruen.provenance import day
from keruen.sections.common import Asked
from keruen.sections.sources import LIMITS, reckoning, source
from keruen.wording import HINDSIGHT, OWN_RECKONING, Number, Parts, Said, releases_of, told_day, walk

FORMATS = ("html", "md", "pdf")


def contents(
    place: str | int,
    as_of: str | date | None = None,
    strict: bool = False,
    command: str | None = None,
    workers: int = 1,
    reported: bool = False,
) -> dict[str, Any]:
    """All that a brief says, as plain data: headline, sections, sources, limits, foot.

    Parameters
    ----------
    place
        A place, by code or name.
    as_of
        Only what was known on that day.
    strict
        Leave out figures whose known day rests on a publication lag.
    command
        The command as typed, for the foot.
    workers
        Two: half of the sections are worked out in a second process. A script of your own must then call from under
        ``if __name__ == "__main__":``.
    reported
        Only what sources report: nothing is estimated, and nothing is said about when the place tipped.

    Returns
    -------
    ``place``, ``name``, ``as_of``, ``strict``, ``headline`` (paragraphs), ``sections`` (each with ``blocks``:
    paragraphs, figures and tables in reading order), ``sources``, ``limits``, ``foot``. A paragraph, cell or
    caption is a list of strings, :class:`Number` and :class:`Said`.

    Raises
    ------
    UnknownPlace, BadDate
        If the place or the day cannot be read.
    """
    found = one_place(place)
    at = day(as_of, last=True) if as_of is not None else None

    def make() -> tuple[list[Parts], list[dict[str, Any]]]:
        from keruen.sections.whole import of_place  # all rooms of the house: not needed where the brief is kept

        return of_place(Asked(found.code, found.name, at, strict, reported), workers)

    headline, sections = kept("brief", [found.code, at, strict, reported, stamp(None, at)], make)
    told = {"place": found.code, "name": found.name, "headline": headline, "sections": sections}
    how = command or _command(found.code, at, strict) + (" --reported" if reported else "")
    return told | _foot(told, at, strict, how) | {"reported": reported}


def contents_of_system(
    system: str,
    as_of: str | date | None = None,
    strict: bool = False,
    command: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """All that a brief of a whole system says, as :func:`contents` gives it for one place.

    Parameters
    ----------
    system
        A system of places, say ``eurasia``; see ``keruen places``.
    as_of, strict, command
        As for one place.
    progress
        Told the place, how many are done, and how many there are.
    workers
        Processes that share the places; as for one place.

    Raises
    ------
    UnknownPlace, BadDate
        If the system or the day cannot be read.
    """
    members = members_of(system)
    name = systems()[system]
    at = day(as_of, last=True) if as_of is not None else None

    def make() -> tuple[list[Parts], list[dict[str, Any]]]:
        from keruen.sections.system import of_system

        return of_system(name, members, at, strict, progress, workers)

    question = [system, [p.code for p in members], at, strict, stamp(None, at)]
    headline, sections = kept("system", question, make)
    told = {"place": system, "name": name, "headline": headline, "sections": sections}
    return told | _foot(told, at, strict, command or _command(f"--system {system}", at, strict)) | {"reported": False}


def _foot(told: dict[str, Any], at: date | None, strict: bool, command: str) -> dict[str, Any]:
    """What stands under every brief: the day, sources in the order in which they are named, limits, versions."""
    parts = [told["headline"], told["sections"]]
    order = [n.release for n in walk(parts) if isinstance(n, Number | Said) and n.release]
    order += sorted(releases_of(parts) - set(order))
    keys = list(dict.fromkeys(order))
    rests: dict[str, dict[str, None]] = {}
    for n in walk(parts):
        if isinstance(n, Number) and n.release.startswith(OWN_RECKONING):
            rests.setdefault(n.release, {}).update(dict.fromkeys(i.rsplit(":", 1)[0] for i in n.ids))
    manifest = snapshot.manifest()
    numbers = [n for n in walk(parts) if isinstance(n, Number)]
    return {
        "as_of": at,
        "as_of_words": told_day(at) if at else "",
        "strict": strict,
        "sources": [
            reckoning(key, n, [keys.index(k) + 1 for k in sorted(rests[key], key=keys.index)])
            if key in rests
            else source(key, n)
            for n, key in enumerate(keys, 1)
        ],
        "limits": list(LIMITS),
        "lag": any(n.lag for n in numbers),
        "own": any(n.own for n in numbers),
        "hindsight": any(isinstance(n, Said) and n.text == HINDSIGHT for n in walk(parts)),
        "foot": {
            "command": command,
            "package": __version__,
            "snapshot": str(manifest["version"]),
            "restricted": bool(manifest.get("restricted")),
        },
    }


def _command(code: str, at: date | None, strict: bool) -> str:
    return f"keruen brief {code}" + (f" --as-of {at}" if at else "") + (" --strict" if strict else "")


@overload
def brief(
    place: str | int | None = None,
    *,
    system: str | None = None,
    as_of: str | date | None = None,
    strict: bool = False,
    format: Literal["html", "md"] = "html",
    command: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    workers: int = 1,
    reported: bool = False,
) -> str: ...


@overload
def brief(
    place: str | int | None = None,
    *,
    system: str | None = None,
    as_of: str | date | None = None,
    strict: bool = False,
    format: str,
    command: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    workers: int = 1,
    reported: bool = False,
) -> str | bytes: ...


def brief(
    place: str | int | None = None,
    *,
    system: str | None = None,
    as_of: str | date | None = None,
    strict: bool = False,
    format: str = "html",
    command: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    workers: int = 1,
    reported: bool = False,
) -> str | bytes:
    """A sourced brief of a place, or of a system of places, as one page of HTML, as Markdown, or as PDF.

    Parameters
    ----------
    place
        A place, by code or name.
    system
        Instead of a place, a system of places, say ``eurasia``.
    as_of
        Only what was known on that day; nothing known later appears anywhere.
    strict
        Leave out figures whose known day rests on a publication lag.
    format
        ``html`` (self-contained, no request to anywhere), ``md``, or ``pdf`` (tagged for readers of screens; needs
        ``pip install 'keruen[pdf]'``).
    command
        The command as typed, for the foot.
    progress
        For a system: told the place, how many are done and how many there are.
    workers
        Processes that share the work; a script of your own that asks for more than one must call from under
        ``if __name__ == "__main__":``.
    reported
        Only what sources report about a place: nothing is estimated.

    Returns
    -------
    Text, and for PDF bytes.

    Raises
    ------
    UnknownPlace, BadDate, ConceptError
        If the place, the day or the format is not known.
    MissingExtra
        If PDF is asked for without what prints it.

    Examples
    --------
    >>> brief("TKL", as_of="1990-01-01", format="md").splitlines()[0]
    '# Tokelau: migration, and who says so'
    """
    if format not in FORMATS:
        raise ConceptError(f"{format!r} is not a format of a brief. Use html, md or pdf.")
    if format == "pdf":
        need("typst", "pdf")  # before the long work
    if (place is None) == (system is None):
        raise ConceptError("Ask for a place or for a system (system='eurasia'), one of the two.")
    if place is None and reported:
        raise ConceptError("A brief of a system compares estimates. Ask for what sources report place by place.")
    if place is None:
        return printed(contents_of_system(str(system), as_of, strict, command, progress, workers), format)
    return printed(contents(place, as_of, strict, command, workers, reported), format)


def printed(told: dict[str, Any], format: str) -> str | bytes:
    """The contents of a brief in one of :data:`FORMATS`."""
    return _pdf(_filled(told, "typ")) if format == "pdf" else _filled(told, format)


def _filled(told: dict[str, Any], format: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    room = Environment(
        loader=PackageLoader("keruen", "data/templates"),
        autoescape=format == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    numbers = {s["key"]: s["n"] for s in told["sources"]}
    labels = {s["key"]: s for s in told["sources"]}
    given: dict[str, Any] = {
        "kind": lambda part: type(part).__name__,
        "source_of": lambda part: numbers.get(part.release, ""),
        "tells": lambda part: _tells(part, labels),
        "marked": _marked,
        "widths": _widths,
    }
    room.globals |= given
    room.filters |= {"markdown": _markdown, "typst": _typst}
    return room.get_template(f"brief.{format}.j2").render(**told)


def _marked(parts: Parts) -> list[tuple[Any, bool]]:
    """Parts, and whether the number of their source follows: of several in a row from one source the last tells it."""
    sourced = [k for k, p in enumerate(parts) if isinstance(p, Number | Said) and p.release]
    after = {k: parts[n].release for k, n in pairwise(sourced)}  # type: ignore[union-attr]
    return [(p, k in sourced and after.get(k) != p.release) for k, p in enumerate(parts)]  # type: ignore[union-attr]


def _tells(part: Number, sources: dict[str, dict[str, Any]]) -> str:
    """What hover and focus say of a number."""
    source = sources.get(part.release, {})
    words = [source.get("label", part.release)]
    if source.get("reckoned"):
        return "; ".join([*words, f"rests on {len(part.ids)} claim{'s' if len(part.ids) != 1 else ''}"])
    if source.get("released") and not part.lag:
        words.append(f"released {source['released']}")
    if part.status:
        words.append(part.status)
    if "sum" in part.mark:
        words.append("our sum of yearly figures")
    if len(part.ids) > 1 and "sum" not in part.mark:
        words.append(f"rests on {len(part.ids)} claims")
    if part.lag:
        words.append("read later from a running series, later revision possible")
    if part.own:
        words.append("own figures")
    return "; ".join(words)


def _markdown(text: str) -> str:
    """Text that Markdown prints as it stands: markup of a user's note shows, and does nothing."""
    text = re.sub(r"\s+", " ", str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", text)


# ---------------------------------------------------------------- PDF


def _pdf(source: str) -> bytes:
    """A tagged PDF; the fonts are those that come with the drawings, with Cyrillic and Kazakh letters."""
    from matplotlib import get_data_path

    typst = need("typst", "pdf")
    made = typst.compile(
        source.encode(),
        format="pdf",
        font_paths=[str(Path(get_data_path()) / "fonts" / "ttf")],
        ignore_system_fonts=True,
        pdf_standards=["ua-1"],
    )
    return bytes(made)


def _typst(text: str) -> str:
    """A string of the typesetter: whatever stands in it is printed as it stands."""
    inner = re.sub(r"\s+", " ", str(text)) if "<svg" not in str(text)[:5] else str(text)
    return '"' + inner.replace("\\", "\\\\").replace('"', '\\"') + '"'


LETTER, LINE = 4.1, 499.0  # points: a letter of a table, and the width of the page between its margins


def _widths(table: dict[str, Any]) -> str:
    """Widths of columns: short ones take what they need, long ones share what is left, the longer the wider."""

    def spelt(cell: Parts) -> str:
        return "".join(p if isinstance(p, str) else p.text for p in cell)

    needed = []
    for at, head in enumerate(table["columns"]):
        words = [*spelt(head).split(), *(spelt(row[at]) for row in table["rows"])]
        needed.append(8 + LETTER * max((len(w) for w in words), default=1))
    if sum(needed) <= LINE:
        told = ["1fr", *["auto"] * (len(needed) - 1)]
    else:
        told = ["auto" if n <= 64 else f"{min(n, 600) ** 0.6:.1f}fr" for n in needed]
    return f"({', '.join(told)},)"
