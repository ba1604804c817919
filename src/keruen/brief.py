"""A sourced brief of any place: answer, figures, tables, doubts, sources, from one structure.

:func:`contents` gathers what is known of a place on a day. Every figure in it is a :class:`Number` with the claims it
rests on; words are plain strings without a digit; dates and names that hold digits are :class:`Said`. HTML and Markdown
are two prints of the same structure, so no number can stand in one and not in the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from keruen import figures, snapshot
from keruen._version import __version__
from keruen.errors import ConceptError
from keruen.places import place as one_place
from keruen.provenance import cite, day, licences, releases
from keruen.sections import (
    LABOUR,
    MONEY,
    Asked,
    doubt_section,
    flows_section,
    headline_of,
    known_section,
    labour_section,
    money_section,
    net_of,
    net_section,
    own_section,
    power_section,
    register_section,
    stock_section,
)
from keruen.wording import Number, Said, card_of, told_day


def _walk(thing: Any) -> Iterator[Number | Said | figures.Figure]:
    """Every number, saying and figure of a structure, in reading order."""
    if isinstance(thing, Number | Said | figures.Figure):
        yield thing
    elif isinstance(thing, dict):
        for inner in thing.values():
            yield from _walk(inner)
    elif isinstance(thing, list | tuple):
        for inner in thing:
            yield from _walk(inner)


def _source(key: str, at: int) -> dict[str, Any]:
    card = card_of(key)
    if card is None:
        return {
            "n": at,
            "key": key,
            "cite": key,
            "licence": "",
            "attribution": "",
            "url": "",
            "released": "",
            "own": True,
            "lag": False,
            "label": key,
        }
    licence = licences().get(card.licence, {})
    own = key not in releases()
    text = f"{card.publisher}: {card.title}".strip(" :") if own else cite(key)
    return {
        "n": at,
        "key": key,
        "label": figures.label(key, card.title),
        "cite": text,
        "licence": licence.get("name", ""),
        "licence_url": licence.get("url", ""),
        "attribution": licence.get("attribution", ""),
        "url": card.url,
        "released": told_day(card.released, card.precision),
        "running": card.lag_months is not None,
        "own": own,
    }


LIMITS = (
    "A range between sources is no confidence interval: the truth may lie outside all of them.",
    "Figures of different definitions stand side by side; none is added to another.",
    "Where a place has no figure in a table, nobody at hand reported one. It is not nought.",
    "Net migration of the United Nations is by and large a residual of population change, births and deaths, "
    "and takes in their errors.",
    "Registers count those who register. People who come or leave without doing so are in none of these counts.",
    "Press figures are second hand; the page is named, the office behind it was not asked.",
)


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
    asked = Asked(found.code, found.name, at, strict)
    net = net_of(asked)
    sections = [
        net_section(asked, net),
        register_section(asked, net),
        stock_section(asked),
        flows_section(asked),
        money_section(asked),
        power_section(asked),
        labour_section(asked),
        known_section(asked, net),
    ]
    headline = headline_of(asked, net)
    own = own_section(asked)
    if own:
        sections.append(own)
    used = {n.release for n in _walk([headline, sections]) if isinstance(n, Number)}
    used |= {i.rsplit(":", 1)[0] for f in _walk(sections) if isinstance(f, figures.Figure) for i in f.ids}
    measures = {"net_migration", "immigration", "emigration", "stock", *MONEY, *LABOUR}
    sections.append(doubt_section(asked, net, used, measures))
    order = [n.release for n in _walk([headline, sections]) if isinstance(n, Number | Said) and n.release]
    order += sorted(used - set(order))
    keys = list(dict.fromkeys(order))
    manifest = snapshot.manifest()
    lag = any(n.lag for n in _walk([headline, sections]) if isinstance(n, Number))
    return {
        "place": found.code,
        "name": found.name,
        "as_of": at,
        "as_of_words": told_day(at) if at else "",
        "strict": strict,
        "headline": headline,
        "sections": sections,
        "sources": [_source(key, n) for n, key in enumerate(keys, 1)],
        "limits": list(LIMITS),
        "lag": lag,
        "own": any(n.own for n in _walk([headline, sections]) if isinstance(n, Number)),
        "foot": {
            "command": command or _command(found.code, at, strict),
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
    >>> brief("KAZ", format="md").splitlines()[0]
    '# Kazakhstan: migration, and who says so'
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
    }
    room.filters |= {"markdown": _markdown}
    return room.get_template(f"brief.{format}.j2").render(**told)


def _tells(part: Number, sources: dict[str, dict[str, Any]]) -> str:
    """What hover and focus say of a number."""
    source = sources.get(part.release, {})
    words = [source.get("label", part.release)]
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
