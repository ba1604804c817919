"""The report of an audit: a page that reads like a fact-check, or the same as Markdown."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from keruen import labels, store
from keruen._version import __version__
from keruen.audit import Audit, Row, Verdict, changed, text
from keruen.errors import ConceptError
from keruen.places import places
from keruen.provenance import cite, definitions, licences
from keruen.snapshot import manifest
from keruen.witnesses import CONTESTED, CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDETERMINED, VERDICTS, Finding
from keruen.wording import Number, plural, told_day

MEANING = {
    SUPPORTED: "every independent source is within the tolerance, or P is 0.9 or more",
    CONTRADICTED: "no source is within the tolerance, or P is 0.1 or less",
    CONTESTED: "independent sources disagree, or P lies between",
    UNDETERMINED: "the evidence is lacking; what would settle it is told",
    NOT_TESTABLE: "a judgement of value, or too vague; the nearest testable form is told",
}
"""What the verdicts mean."""

MARK = {SUPPORTED: "✓", CONTRADICTED: "✗", CONTESTED: "≠", UNDETERMINED: "?", NOT_TESTABLE: "–"}


def page(found: Audit, format: str = "html", *, command: str | None = None) -> str:
    """An audit as one self-contained page of HTML, or as Markdown.

    Parameters
    ----------
    found
        From :func:`keruen.audit`.
    format
        ``html`` or ``md``.
    command
        The command as typed, for the foot.

    Raises
    ------
    ConceptError
        If the format is another.

    Examples
    --------
    >>> from keruen.audit import audit
    >>> page(audit("eurasianet-2018", only=["40"]), "md").splitlines()[0]
    "# Fact-check: Kazakhstan is Central Asia's migration outlier"
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    if format not in ("html", "md"):
        raise ConceptError(f"{format!r} is not a format of an audit. Use html, md or json.")
    from keruen.pictures import svg

    room = Environment(
        loader=PackageLoader("keruen", "data/templates"), autoescape=format == "html", undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    sources = _sources(found)
    at = {s["key"]: s["n"] for s in sources}
    room.globals |= {
        "kind": lambda part: type(part).__name__,
        "source_of": lambda part: at.get(part.release, ""),
        "tells": lambda part: _tells(part, {s["key"]: s for s in sources}),
        "text": text, "changed": changed, "svg": svg, "when": _day, "mark": MARK, "meaning": MEANING, "p_of": _p,
        "named": lambda code: places()[code].name if code in places() else code,
        "definition_of": lambda key: uncapped(definitions()[key]["name"]), "class_of": lambda v: v.replace(" ", "-"),
        "pictures_of": _pictures, "alike": _alike, "evidence_of": _evidence,
    }  # fmt: skip
    room.filters |= {"markdown": _markdown}
    return room.get_template(f"audit.{format}.j2").render(
        about=found.about, rows=found.rows, verdicts=VERDICTS, counts=found.counts,
        counts_then={v: sum(r.then.verdict == v for r in found.rows) for v in VERDICTS},
        now=_day(found.as_of), then=told_day(found.about.date), moved=[r for r in found.rows if changed(r)],
        sources=sources,
        many=f"{len(found.rows)} {plural(len(found.rows), 'statement')}", version=__version__,
        snapshot=manifest()["version"],
        command=command or f"keruen audit {found.about.name}" + (f" --as-of {found.as_of}" if found.as_of else ""),
        made=told_day(date.today()),
    )  # fmt: skip


def uncapped(said: str) -> str:
    """A name inside a sentence; what follows its first letter keeps its capitals.

    Examples
    --------
    >>> uncapped("Usual residents, UN residual")
    'usual residents, UN residual'
    """
    return said[:1].lower() + said[1:]


def _day(at: date | None) -> str:
    return "today" if at is None else told_day(at)


def _p(v: Verdict) -> str:
    if v.probability is None:
        return ""
    p, loose = v.probability, v.first is not None and v.first.loose
    said = "> 0.99" if p > 0.99 and not loose else "< 0.01" if p < 0.01 else f"{'≤' if loose else '='} {p:.2f}"
    return f"P {said}"


def _evidence(v: Verdict) -> list[tuple[str, Finding]]:
    """What was found, part by part, under words that say what each part is."""
    parts: list[tuple[str, Finding]] = []
    if v.said is not None:
        parts.append(("Was it said?", v.said))
    if v.first is not None:
        parts.append(("Is it so?" if v.said is not None else "", v.first))
    parts += [("By rivals", f) for f in v.rivals]
    parts += [(f"Beside it, without a vote: {says}", f) for says, f in v.beside]
    return parts


def _pictures(row: Row) -> list[dict[str, Any]]:
    """At most three pictures of today's evidence; strips of one title are drawn as one."""
    for v in (row.now, row.then):
        parts = [v.first, *v.rivals, *(f for _, f in v.beside), v.said]
        shown: dict[str, dict[str, Any]] = {}
        for p in (p for f in parts if f is not None for p in f.pictures):
            other = shown.setdefault(p["title"], p)
            if other is not p and p["kind"] == "strip":
                more = [point for point in p["points"] if point[0] not in {name for name, *_ in other["points"]}]
                shown[p["title"]] = {**other, "points": [*other["points"], *more]}
        if shown:
            return list(shown.values())[:3]
    return []


def _alike(row: Row) -> bool:
    """Whether both days tell the same, word for word."""

    def said(v: Verdict) -> list[Any]:
        told = [[f.verdict, f.lacking, [text(s.says) for s in f.sides], [text(p) for p in f.says]] for f in v.findings]
        strictly = None if v.strict is None else (v.strict.verdict, v.strict.headline)
        return [v.verdict, v.probability, v.headline, strictly, *told]

    return said(row.then) == said(row.now)


def _numbers(v: Verdict) -> list[Number]:
    told = [s.says for f in v.findings for s in f.sides] + [p for f in v.findings for p in f.says]
    return [part for parts in told for part in parts if isinstance(part, Number)]


def _sources(found: Audit) -> list[dict[str, Any]]:
    """Every release that a verdict rests on, numbered in the order in which they appear."""
    keys: dict[str, None] = {}
    for row in found.rows:
        for v in (row.then, row.now):
            for n in _numbers(v):
                keys.setdefault(n.release)
            for release in v.releases:
                keys.setdefault(release)
    cards = store.cards()
    listed: list[dict[str, Any]] = []
    for key in keys:
        card = cards.get(key)
        if card is None:
            continue
        terms = licences().get(card.licence, {"name": card.licence or "not told", "attribution": ""})
        listed.append(
            {
                "key": key, "n": len(listed) + 1, "cite": cite(card), "licence": terms["name"],
                "attribution": terms.get("attribution", ""), "label": labels.label(key, card.title),
                "released": told_day(card.released, card.precision),
                "url": card.url if card.url.startswith("http") else "",
            }
        )  # fmt: skip
    return listed


def _tells(part: Number, sources: dict[str, dict[str, Any]]) -> str:
    """What hover and focus say of a number."""
    source = sources.get(part.release, {})
    words = [source.get("label", part.release)]
    if source.get("released") and not part.lag:
        words.append(f"released {source['released']}")
    if len(part.ids) > 1:
        words.append(f"rests on {len(part.ids)} claims")
    if part.lag:
        words.append("read later from a running series, later revision possible")
    return "; ".join(words)


def _markdown(said: str) -> str:
    """Text that Markdown prints as it stands."""
    said = re.sub(r"\s+", " ", str(said)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", said)
