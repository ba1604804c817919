"""Is this sentence true? Each statement of a set gets a verdict as of the day it was said and as of today.

The order of precedence: not testable, undetermined, contested, then supported or contradicted. Nothing known after the
day that is asked about is used; the statement on trial and its copies leave the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from html import escape
from pathlib import Path
from textwrap import shorten
from typing import Any

import polars as pl

from keruen import kept, labels
from keruen._version import __version__
from keruen.beside import beside
from keruen.errors import ConceptError
from keruen.provenance import day
from keruen.snapshot import manifest
from keruen.statement_sets import statements
from keruen.statements import UNPROVEN, Statement, Statements, Test
from keruen.tipping import Paths
from keruen.verdict_words import listed
from keruen.verdicts import ask
from keruen.witnesses import (
    CONTESTED,
    CONTRADICTED,
    LINEAGES,
    NOT_TESTABLE,
    SUPPORTED,
    UNDETERMINED,
    VERDICTS,
    Day,
    Finding,
    Side,
    lineage_of,
    together,
    told,
)
from keruen.witnesses import found as witnessed
from keruen.wording import Number, Part, Parts, Said, span

BY_CLAIMS = ("level", "sign", "change", "ratio", "share", "monotone", "trend", "interrupted", "spread")
"""Kinds that read claims lineage by lineage: rivals of the speaker's definition can be asked the same."""

PATHS = ("date_between", "earlier", "joint_state")
"""Kinds that need draws of net migration."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A statement on one day.

    Attributes
    ----------
    as_of
        The day; None is today.
    verdict, probability
        The word; the probability where draws give one (of parts that must hold together, at most that).
    headline
        The verdict in a sentence or two.
    first, rivals, said, beside
        What was found by the speaker's own definition, by rivals, about whether it was said, and of other quantities.
    strict
        The same without figures whose known day rests on a publication lag, where any such figure counts.
    """

    as_of: date | None
    verdict: str
    probability: float | None
    headline: str
    first: Finding | None = None
    rivals: tuple[Finding, ...] = ()
    said: Finding | None = None
    beside: tuple[tuple[str, Finding], ...] = ()
    strict: Verdict | None = None

    def __repr__(self) -> str:
        said = shorten(self.headline, 150, placeholder=" …")
        return (
            f"{_on_its_day(self).capitalize()}: {said} It rests on {len(self.claims):,}"
            f" claim{'s' * (len(self.claims) != 1)} of {len(self.releases)}"
            f" release{'s' * (len(self.releases) != 1)}. See headline, findings, claims, releases."
        )

    @property
    def findings(self) -> list[Finding]:
        """All that was found."""
        some = [self.first, *self.rivals, self.said, *(f for _, f in self.beside)]
        return [f for f in some if f is not None]

    @property
    def claims(self) -> tuple[str, ...]:
        """Ids of all claims that it rests on."""
        return tuple(dict.fromkeys(i for f in self.findings for i in f.ids))

    @property
    def releases(self) -> tuple[str, ...]:
        """Releases of all claims that it rests on."""
        return tuple(dict.fromkeys(r for f in self.findings for r in f.releases))

    @property
    def lag(self) -> bool:
        """Whether what decides it rests on a publication lag."""
        return any(f.lag for f in (self.first, *self.rivals) if f is not None)


@dataclass(frozen=True, slots=True)
class Turn:
    """A day on which the verdict changed, and the releases that became known on it."""

    day: date
    verdict: str
    releases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A statement with its two verdicts, and what came between them.

    ``turns`` are the days on which the verdict changed; where draws decide, ``newer`` are releases that count today and
    were not known then.
    """

    statement: Statement
    then: Verdict
    now: Verdict
    turns: tuple[Turn, ...]
    newer: tuple[str, ...]

    def __repr__(self) -> str:
        said = shorten(self.statement.text, 120, placeholder=" …")
        return (
            f'Statement {self.statement.id}, "{said}": {_on_its_day(self.then)}, {_on_its_day(self.now)}.'
            " See then, now, turns, newer, statement."
        )

    def _repr_html_(self) -> str:
        days = [(str(v.as_of or "today"), v.verdict, v.probability, v.headline) for v in (self.then, self.now)]
        table = pl.DataFrame(
            days, schema={"day": pl.String, "verdict": pl.String, "probability": pl.Float64, "because": pl.String},
            orient="row",
        )  # fmt: skip
        return f"<p>{escape(repr(self))}</p>{table._repr_html_()}"


@dataclass(frozen=True, slots=True)
class Audit:
    """A set of statements, judged.

    Attributes
    ----------
    about
        The set: where and when it was said.
    as_of
        The day of the verdicts in `rows.now`; None is today.
    rows
        One a statement, in the order of the set.
    """

    about: Statements
    as_of: date | None
    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        words = ", ".join(f"{n} {word}" for word, n in self.counts.items() if n) or "none"
        other = sum(r.then.verdict != r.now.verdict for r in self.rows)
        title = shorten(self.about.title, 80, placeholder=" …")
        return (
            f'{len(self.rows)} statement{"s" * (len(self.rows) != 1)} of "{title}": {words} {_day_told(self.as_of)};'
            f" {other} had another verdict {_day_told(self.about.date)}, the day of the set. See row(), rows, counts."
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{table(self)._repr_html_()}"

    @property
    def counts(self) -> dict[str, int]:
        """How many statements got which verdict."""
        return _counts(r.now.verdict for r in self.rows)

    def row(self, key: str) -> Row:
        """The row of a statement.

        Raises
        ------
        ConceptError
            If the set has no such statement.
        """
        for r in self.rows:
            if r.statement.id == str(key):
                return r
        raise ConceptError(
            f"{self.about.name} has no statement {key!r}; it has {', '.join(r.statement.id for r in self.rows)}."
        )


def _day_told(day_: date | None) -> str:
    return "today" if day_ is None else f"as of {day_}"


def _on_its_day(v: Verdict) -> str:
    return f"{v.verdict} {_day_told(v.as_of)}" + ("" if v.probability is None else f" (probability {_p(v)})")


def _counts(words: Iterable[str]) -> dict[str, int]:
    said = list(words)
    return {v: said.count(v) for v in VERDICTS}


# ---------------------------------------------------------------- judging


def audit(
    name: str | Path | Statements,
    as_of: str | int | date | None = None,
    *,
    only: Iterable[str] = (),
    claims: pl.DataFrame | None = None,
    paths: Mapping[tuple[Any, ...], Paths] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    workers: int = 1,
) -> Audit:
    """Verdicts on a set of statements, as of the day they were made and as of today (or another day).

    Parameters
    ----------
    name
        A packaged set (``eurasianet-2018``), the path of a TOML file, or a set read before.
    as_of
        The later of the two days; by default today.
    only
        Ids of some statements; by default all.
    claims
        Claims to test against instead of the store's, with the columns of :func:`keruen.evidence`.
    paths
        Posterior paths by (place, lineages, hidden releases) that stand in for reconciled ones.
    seed
        Of every posterior.
    progress
        Told in words what is being computed.
    workers
        Two: statements that rest on paths of net migration are judged in a second process. A script of your own must
        then call from under ``if __name__ == "__main__":``.

    Returns
    -------
    An :class:`Audit`. ``told(...)`` of this module gives it as plain data.

    Raises
    ------
    FaultyStatements
        With every fault of the set.
    VocabularyError
        If no set has that name.

    Examples
    --------
    >>> one = audit("eurasianet-2018", only=["40"])
    >>> one.rows[0].now.verdict
    'supported'
    """
    about = name if isinstance(name, Statements) else statements(name)
    at = None if as_of is None else day(str(as_of) if isinstance(as_of, int) else as_of, last=True)
    wanted = [str(k) for k in only]
    missing = [k for k in wanted if k not in {s.id for s in about.statements}]
    if missing:
        raise ConceptError(
            f"{about.name} has no statement {missing[0]!r}; it has {', '.join(s.id for s in about.statements)}."
        )
    tell = progress or (lambda said: None)
    days: dict[tuple[date | None, bool], Day] = {}

    def on(when: date | None, strict: bool = False) -> Day:
        if (when, strict) not in days:
            days[when, strict] = Day(when, strict, claims, dict(paths or {}), seed, tell)
        return days[when, strict]

    def row(s: Statement) -> Row:
        tell(f"statement {s.id}")
        then, now = (_beside_strict(s, on(when), lambda when=when: on(when, True)) for when in (about.date, at))  # type: ignore[misc]
        turns = _turns(s, then, now, on)
        newer = tuple(r for r in now.releases if r not in then.releases) if then.verdict != now.verdict else ()
        return Row(s, then, now, turns, newer)

    chosen = [s for s in about.statements if not wanted or s.id in wanted]
    if claims is not None or paths is not None:
        return Audit(about, at, tuple(row(s) for s in chosen))
    # A statement that was judged is found again while nothing it could rest on has changed.
    evidence = kept.stamp()

    def question(s: Statement) -> list[Any]:
        return [s, about.date, at, seed, evidence]

    new = [s for s in chosen if not kept.has("audit", question(s))]
    apart = [s.id for s in new if any(_on_a_path(t) for t in s.tests)]
    many = 1 if workers > 1 and 0 < len(apart) < len(new) else 0
    with beside(many) as ask_:
        others = ask_(partial(audit, only=apart, seed=seed), about, at)
        here = {s.id: kept.kept("audit", question(s), partial(row, s)) for s in chosen if not many or s.id not in apart}
        found = here | ({r.statement.id: r for r in others().rows} if many else {})
    return Audit(about, at, tuple(found[s.id] for s in chosen))


def _on_a_path(t: Test) -> bool:
    """Whether a test needs draws of net migration, which take longest."""
    return t.kind in PATHS or t.args.get("room") == "net_migration" or t.args.get("of") == "turn"


def _beside_strict(s: Statement, ordinary: Day, strict: Callable[[], Day]) -> Verdict:
    """A verdict, with the strict one where it rests on a publication lag."""
    made = judge(s, ordinary)
    return replace(made, strict=judge(s, strict(), brief=True)) if made.lag and made.verdict != NOT_TESTABLE else made


def judge(s: Statement, on: Day, *, brief: bool = False) -> Verdict:
    """One statement on one day; in brief, only what votes.

    The speaker's own definition comes first, then rivals: where they disagree the verdict is contested. A statement
    about causes or the future stays undetermined, whatever is associated with what.
    """
    trial = frozenset(s.on_trial)
    hidden = trial | ({s.cites} if s.cites else set())
    said = [ask(on, _against(t, s.cites), trial) for t in s.tests if t.role == "said" and not brief]
    first = [ask(on, t, hidden) for t in s.tests if t.role == "first"]
    rivals = [ask(on, t, hidden) for t in s.tests if t.role == "rival"]
    beside = [(t.says or "beside it", ask(on, t, hidden)) for t in s.tests if t.role == "beside" and not brief]
    own = together(first) if first else None
    for t, f in zip((t for t in s.tests if t.role == "first"), first, strict=True):
        others = _others(on, t, f, hidden)
        if others is not None and s.rivals == "vote":
            rivals.append(others)
        elif others is not None:
            beside.append(("by other counts", others))
    verdict, probability = _weigh(own, rivals)
    if s.not_testable:
        verdict, probability = NOT_TESTABLE, None
    elif s.type in UNPROVEN:
        verdict, probability = UNDETERMINED, None
    quoted = together(said) if said else None
    if s.attributed_to and quoted is None:
        quoted = Finding(
            UNDETERMINED, lacking=f"What {s.attributed_to} said is not in the evidence, so whether it was said is open."
        )
    found = Verdict(on.as_of, verdict, probability, "", own, tuple(rivals), quoted, tuple(beside))
    return replace(found, headline=headline(s, found))


def _against(t: Test, release: str) -> Test:
    """The test of whether it was said: that release alone, its projections included."""
    return replace(t, args={**t.args, "projections": True, **({"release": release} if release else {})})


def _others(on: Day, t: Test, f: Finding, hidden: frozenset[str]) -> Finding | None:
    """The same question to lineages that count otherwise than the speaker; None where there is no other."""
    if t.kind not in BY_CLAIMS or "definition" not in t.args:
        return None
    free = replace(t, args={k: v for k, v in t.args.items() if k != "definition"})
    mine = {s.lineage for s in f.sides} | {lineage_of(t.args["definition"], "")}
    wide = ask(on, free, hidden)
    sides = [s for s in wide.sides if s.lineage not in mine]
    return witnessed(sides, pictures=wide.pictures) if sides else None


def _weigh(own: Finding | None, rivals: list[Finding]) -> tuple[str, float | None]:
    """Verdict and probability of the speaker's own definition and its rivals."""
    open_ = own is None or own.verdict == UNDETERMINED
    votes = [f for f in rivals if f.verdict != UNDETERMINED] + ([] if open_ or own is None else [own])
    if not votes:
        return UNDETERMINED, None
    words = {f.verdict for f in votes}
    lead = own if own is not None and not open_ else votes[0]
    if len(words) > 1 or CONTESTED in words:
        return CONTESTED, lead.probability
    return words.pop(), lead.probability


# ---------------------------------------------------------------- in words


def text(parts: Parts | Part) -> str:
    """Parts of a sentence as plain text.

    Examples
    --------
    >>> text(["In ", Said("1999"), " nobody came."])
    'In 1999 nobody came.'
    """
    if isinstance(parts, list):
        return "".join(text(p) for p in parts)
    return parts.text if isinstance(parts, Number | Said) else parts


def headline(s: Statement, v: Verdict) -> str:
    """The verdict in a sentence or two: who says so, who does not, or what is lacking."""
    if v.verdict == NOT_TESTABLE:
        return f"{_sentence(s.not_testable)} The nearest form that figures could decide: {_sentence(s.nearest)}"
    found = [f for f in (v.first, *v.rivals) if f is not None]
    if s.type in UNPROVEN:
        kind = (
            "A cause cannot be read off figures that move together"
            if s.type == "causal"
            else "What was still to come cannot be read off the past"
        )
        lead = f"{kind}; a model of drivers would have to settle it."
        words = {f.verdict for f in found} - {UNDETERMINED}
        association = (
            {SUPPORTED: "fits the sentence", CONTRADICTED: "speaks against it"}.get(next(iter(words)), "is mixed")
            if len(words) == 1
            else "is mixed"
            if words
            else ""
        )
        return (
            f"{lead} The association that there is {association}."
            if association
            else f"{lead} {_lacking(s, found)}".rstrip()
        )
    if v.verdict == UNDETERMINED:
        return _lacking(s, found) or "No figure of the package decides it."
    sides = [side for f in found for side in f.sides]
    yes = listed(side.name for side in sides if side.holds)
    no = listed(side.name for side in sides if side.holds is False)
    p = v.probability
    by_draws = "" if p is None else f"All evidence weighed, the probability is {_p(v)}."
    if v.verdict == CONTESTED and yes and no:
        told_ = f"Sources disagree: {yes} {_verb(yes)} so, {no} {'does' if _one(no) else 'do'} not."
    elif v.verdict == CONTESTED and p is not None:
        told_ = "The evidence leaves it open."
    elif v.verdict == CONTESTED:
        told_ = "The figures leave it open."
    elif sides and (yes or no):
        told_ = (
            f"So {'says' if _one(yes) else 'say'} {yes}."
            if v.verdict == SUPPORTED and yes
            else f"{no} {'says' if _one(no) else 'say'} otherwise."
            if no
            else ""
        )
        told_ = told_[:1].upper() + told_[1:]
    else:
        told_ = ""
    missing = v.first is not None and v.first.verdict == UNDETERMINED and bool(v.rivals)
    note = "By the speaker's own definition nothing is told; rivals decide. " if missing else ""
    return f"{note}{told_} {by_draws}".strip()


def _one(names: str) -> bool:
    return " and " not in names and names not in LINEAGES.values()


def _verb(names: str) -> str:
    return "says" if _one(names) else "say"


def _p(v: Verdict) -> str:
    p = v.probability or 0.0
    most = "at most " if v.first is not None and v.first.loose else ""
    return "above 0.99" if p > 0.99 and not most else "below 0.01" if p < 0.01 else f"{most}{p:.2f}"


def _sentence(said: str) -> str:
    said = said.strip()
    return said if not said or said[-1] in ".?!" else said + "."


def _lacking(s: Statement, found: Iterable[Finding]) -> str:
    why = " ".join(dict.fromkeys(f.lacking for f in found if f.lacking))
    return " ".join(
        w for w in (why, f"What would settle it: {_sentence(s.would_settle)}" if s.would_settle else "") if w
    )


# ---------------------------------------------------------------- what changed, and which edition changed it


def _turns(s: Statement, then: Verdict, now: Verdict, on: Callable[[date | None], Day]) -> tuple[Turn, ...]:
    """The days between the two on which the verdict changed. Only claims are asked: a path a day would take hours."""
    tests = [t for t in s.tests if t.role in ("first", "rival")]
    if (
        then.verdict == now.verdict
        or not tests
        or any(t.kind not in BY_CLAIMS or t.args.get("of") == "turn" for t in tests)
    ):
        return ()
    hidden = frozenset(s.on_trial) | ({s.cites} if s.cites else set())
    seen: dict[date, set[str]] = {}
    for t in tests:
        for args in (t.args, {**t.args, **t.args.get("over", {})}, {**t.args, **t.args.get("before", {})}):
            for place in args["place"] if args["place"] != "world" else ():
                for other in args.get("counterpart") or (None,):
                    free = {k: v for k, v in args.items() if k != "definition"}
                    rows = told(on(now.as_of), free, place, other, hidden)
                    first, last = args.get("start", date.min), args.get("end", date.max)
                    near = rows.filter(
                        (pl.col("start") <= last) & (pl.col("end") >= first) & (pl.col("known") > then.as_of)
                    )
                    for known, release in near.select("known", "release").iter_rows():
                        seen.setdefault(known, set()).add(release)
    turns, last_word = [], then.verdict
    for when in sorted(seen):
        word = now.verdict if when == max(seen) else judge(s, on(when), brief=True).verdict
        if word != last_word:
            turns.append(Turn(when, word, tuple(sorted(seen[when]))))
            last_word = word
    return tuple(turns)


def changed(row: Row) -> str:
    """What changed between the two days, in words."""
    if row.then.verdict == row.now.verdict:
        return ""
    if row.turns:
        steps = [
            f"{t.verdict} from {span(t.day, t.day)} ({listed(labels.label(r) for r in t.releases)})" for t in row.turns
        ]
        return f"{row.then.verdict.capitalize()} then; {'; '.join(steps)}."
    newer = listed(labels.label(r) for r in row.newer)
    return f"{row.then.verdict.capitalize()} then, {row.now.verdict} now" + (
        f"; known since: {newer}." if newer else "."
    )


# ---------------------------------------------------------------- as plain data


def _told_side(side: Side) -> dict[str, Any]:
    return {
        "who": side.name, "lineage": side.lineage, "holds": side.holds, "value": side.value, "unit": side.unit,
        "says": text(side.says), "known": side.known, "later_revision_possible": side.lag, "claims": list(side.ids),
    }  # fmt: skip


def _told_finding(f: Finding) -> dict[str, Any]:
    return {
        "verdict": f.verdict, "probability": f.probability, "sides": [_told_side(x) for x in f.sides],
        "evidence": [text(p) for p in f.says], "lacking": f.lacking, "claims": list(f.ids),
    }  # fmt: skip


def _told_verdict(v: Verdict) -> dict[str, Any]:
    told_: dict[str, Any] = {
        "as_of": v.as_of, "verdict": v.verdict, "probability": v.probability, "because": v.headline,
        "claims": list(v.claims),
        "first": None if v.first is None else _told_finding(v.first),
        "rivals": [_told_finding(f) for f in v.rivals],
        "beside": [{"what": says, **_told_finding(f)} for says, f in v.beside],
    }  # fmt: skip
    if v.said is not None:
        told_["said"] = _told_finding(v.said)
    if v.strict is not None:
        told_["strict"] = {
            "verdict": v.strict.verdict,
            "probability": v.strict.probability,
            "because": v.strict.headline,
        }
    return told_


def because(v: Verdict) -> str:
    """The verdict and the figures behind it, in one text."""
    sentences = [v.headline]
    sentences += [text(x.says) for f in (v.first, *v.rivals) if f is not None for x in f.sides]
    sentences += [text(p) for f in (v.first, *v.rivals) if f is not None for p in f.says]
    if v.said is not None:
        sentences.append(
            "Was it said? "
            + {SUPPORTED: "Yes.", CONTRADICTED: "No."}.get(v.said.verdict, f"{v.said.verdict.capitalize()}.")
        )
        sentences += [text(x.says) for x in v.said.sides] + ([v.said.lacking] if v.said.lacking else [])
    for what, f in v.beside:
        sentences += [
            f"{what[:1].upper()}{what[1:]}: {f.verdict}.",
            *(text(x.says) for x in f.sides),
            *(text(p) for p in f.says),
        ]
    return " ".join(dict.fromkeys(x for x in sentences if x))


def plain(found: Audit) -> dict[str, Any]:
    """An audit as plain data: the shape of ``keruen audit NAME --json``."""
    rows = []
    for r in found.rows:
        s, v = r.statement, r.now
        rows.append(
            {
                "id": s.id, "text": s.text, "type": s.type, "verdict": v.verdict, "probability": v.probability,
                "because": because(v), "claims": list(v.claims), "would_settle": s.would_settle or None,
                "places": list(s.places), "attributed_to": s.attributed_to or None, "tolerance": s.tolerance or None,
                "refuted_by": s.refuted_by or None, "not_testable": s.not_testable or None,
                "nearest": s.nearest or None,
                "then": _told_verdict(r.then), "now": _told_verdict(v), "changed": changed(r) or None,
                "turns": [{"day": t.day, "verdict": t.verdict, "releases": list(t.releases)} for t in r.turns],
            }
        )  # fmt: skip
    a = found.about
    return {
        "name": a.name, "as_of": found.as_of or date.today(), "said": a.date, "title": a.title, "author": a.author,
        "outlet": a.outlet,
        "statements": rows, "counts": found.counts, "counts_then": _counts(r.then.verdict for r in found.rows),
        "keruen": __version__, "snapshot": manifest()["version"],
    }  # fmt: skip


def table(found: Audit) -> pl.DataFrame:
    """One row a statement: verdict and probability on both days, what changed, and the claims."""
    return pl.DataFrame(
        [
            {
                "id": r.statement.id, "text": r.statement.text, "type": r.statement.type, "then": r.then.verdict,
                "p_then": r.then.probability, "now": r.now.verdict, "p_now": r.now.probability,
                "claims": len(r.now.claims),
            }
            for r in found.rows
        ],
        schema_overrides={"p_then": pl.Float64, "p_now": pl.Float64},
    )  # fmt: skip
