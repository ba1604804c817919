"""A sourced brief of any place: answer, figures, tables, doubts, sources, from one structure.

:func:`contents` gathers what is known of a place on a day. Every figure in it is a :class:`Number` with the claims it
rests on; words are plain strings without a digit; dates and names that hold digits are :class:`Said`. HTML and Markdown
are two prints of the same structure, so no number can stand in one and not in the other.
"""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Any

from keruen import snapshot
from keruen._version import __version__
from keruen.errors import ConceptError
from keruen.kept import kept, stamp
from keruen.places import place as one_place
from keruen.provenance import day
from keruen.sections.common import Asked
from keruen.sections.sources import LIMITS, reckoning, source
from keruen.wording import HINDSIGHT, OWN_RECKONING, Number, Parts, Said, releases_of, told_day, walk


def contents(
    place: str | int, as_of: str | date | None = None, strict: bool = False, command: str | None = None
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

        return of_place(Asked(found.code, found.name, at, strict))

    headline, sections = kept("brief", [found.code, at, strict, stamp(None, at)], make)
    told = {"place": found.code, "name": found.name, "headline": headline, "sections": sections}
    return told | _foot(told, at, strict, command or _command(found.code, at, strict))


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


def brief(
    place: str | int,
    *,
    as_of: str | date | None = None,
    strict: bool = False,
    format: str = "html",
    command: str | None = None,
) -> str:
    """A sourced brief of a place as one page of HTML, or as Markdown.

    Parameters
    ----------
    place
        A place, by code or name.
    as_of
        Only what was known on that day; nothing known later appears anywhere.
    strict
        Leave out figures whose known day rests on a publication lag.
    format
        ``html`` (self-contained, no request to anywhere) or ``md``.
    command
        The command as typed, for the foot.

    Raises
    ------
    UnknownPlace, BadDate, ConceptError
        If the place, the day or the format is not known.

    Examples
    --------
    >>> brief("TKL", as_of="1990-01-01", format="md").splitlines()[0]
    '# Tokelau: migration, and who says so'
    """
    if format not in ("html", "md"):
        raise ConceptError(f"{format!r} is not a format of a brief. Use html or md.")
    return _printed(contents(place, as_of, strict, command), format)


def _printed(told: dict[str, Any], format: str) -> str:
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
    room.globals |= {
        "kind": lambda part: type(part).__name__,
        "source_of": lambda part: numbers.get(part.release, ""),
        "tells": lambda part: _tells(part, labels),
        "marked": _marked,
    }
    room.filters |= {"markdown": _markdown}
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
