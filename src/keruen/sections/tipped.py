"""When it tipped: the probability of receiving, the year of the turn, and what one would have said on past days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from keruen import figures_tipping
from keruen.errors import ModelError
from keruen.sections.common import Asked, Section, answers, drawn, says, section, shows, table_of, unreported
from keruen.sections.paths import PERSISTENCE, RECKONING, SINCE, Path, chance, headword, path_of, settled
from keruen.store import cards
from keruen.tipping import ALREADY, NEVER, UNCONFIRMED
from keruen.wording import (
    HINDSIGHT,
    Number,
    Part,
    Parts,
    Said,
    count,
    edition_of,
    figure,
    likely,
    listed,
    made,
    plural,
    reckoned,
    runs,
    say,
    told_day,
)

YEARS_TOLD = 6
FEW = 4  # years, spans of years and words that a sentence can bear
WIDE = "no few years hold four draws of five"
PAST = (2010, 2014, 2018, 2022)
"""Years at whose end the same question is asked again."""

NAMED = 4
HARDLY = 0.07  # twice the noise of a quick look
SOON = 0.15
"""Two answers that share less than 85% of their mass are told as different."""

KINDS = {NEVER: "no such turn", UNCONFIRMED: "begun, not yet confirmed", ALREADY: "receiving from the start"}


BESIDE = {
    "mirror": "what partners count of the same moves",
    "people counted twice": "populations of two censuses less births and deaths",
    "stocks that change": "changes of the people born abroad, here and elsewhere",
}
"""What else a path stands on, in a reader's words."""


def tipped_section(asked: Asked, path: Path | None, fault: bool = False) -> Section:
    """When the place turned from sending to receiving, as far as all claims together tell.

    Parameters
    ----------
    path
        The path of the day; nothing where nobody reported net migration.
    fault
        The draws did not settle, so nothing is told.
    """
    told = section("tipping", "When it tipped")
    if path is None:
        if fault:
            says(told, ["When it tipped is left out: the draws did not settle, and a pretty wrong answer is none."])
        else:
            says(told, unreported("net migration and inhabitants, on which a path could rest,", asked))
            says(told, ["So nothing is said about a turn: what a model holds before any figure is no finding."])
        return told
    answers(told, _headline(asked, path))
    says(told, _state(asked, path))
    _masses(told, asked, path)
    drawn(told, lambda: figures_tipping.history(path.posterior, path.tipped, since=SINCE))
    past = _past(asked, path)
    if past:
        says(told, _why(asked, path, past))
        panels = {told_day(at): (p.posterior, p.tipped) for at, p in past.items()}
        panels[told_day(asked.as_of) if asked.as_of else "today"] = (path.posterior, path.tipped)
        drawn(told, lambda: figures_tipping.frames(panels, since=SINCE))
    says(
        told,
        say(
            "Tables and sentences here stand on {n} draws of the path. A turn counts if the three-year mean of net "
            "migration stays above nought for {years} years; what else one may ask of it: {how}.",
            n=Said(figure(path.draws)), years=Said(str(PERSISTENCE)), how=Said(f"keruen tipping {asked.code}", "code"),
        ),
    )  # fmt: skip
    return told


def _set(held: Sequence[int | str]) -> list[Part | Parts]:
    """Years and words of a highest-density set."""
    words = {NEVER: "never", UNCONFIRMED: "one not yet confirmed", ALREADY: "receiving from the start"}
    spans: list[Part | Parts] = [Said(s) for s in runs(y for y in held if isinstance(y, int))]
    return spans + [words[h] for h in held if isinstance(h, str)]


def _headline(asked: Asked, path: Path) -> Parts:
    """One sentence: the turn, its most likely year, and what speaks against it."""
    t, name = path.tipped, Said(asked.name, "name")
    since = Said(str(t.since))
    rest = {NEVER: t.p_never, UNCONFIRMED: t.p_unconfirmed, ALREADY: t.p_already_receiving}
    leading = max(rest, key=lambda k: rest[k])
    if path.turned >= max(0.5, rest[leading]):
        year = max(t.p_by_year, key=lambda y: t.p_by_year[y])
        parts = say(
            f"{{name}} has {likely(path.turned)} turned from sending people to receiving them at some time since "
            f"{{since}} ({{turned}}), most often in {{year}} ({{p}})",
            name=name, since=since, turned=chance(path, path.turned), year=Said(str(year)),
            p=chance(path, t.p_by_year[year]),
        )  # fmt: skip
        now, last = Said(str(int(t.years[path.now]))), float(t.p_receiving[path.now])
        if last < 0.5:
            parts += say(
                f"; but around {{now}} it was {likely(1 - last)} sending people again (chance of receiving: {{last}})",
                now=now, last=chance(path, last),
            )  # fmt: skip
        elif t.p_turned_back >= 0.15:
            parts += say(
                "; in {back} of all draws it has turned back since, and around {now} it was "
                f"{likely(last)} receiving people ({{last}})",
                back=chance(path, t.p_turned_back), now=now, last=chance(path, last),
            )  # fmt: skip
        return [*parts, "."]
    if rest[leading] < 0.5:
        open_ends: list[Part | Parts] = []
        if path.turned >= 0.05:
            year = max(t.p_by_year, key=lambda y: t.p_by_year[y])
            open_ends.append(
                say(
                    "a lasting turn since {since} has {turned}, most often in {year}",
                    since=since, turned=chance(path, path.turned), year=Said(str(year)),
                )
            )  # fmt: skip
        open_ends += [
            say(f"{words} {{p}}", p=chance(path, rest[key]))
            for key, words in (
                (NEVER, "none at all"), (UNCONFIRMED, "a turn too young to be sure of"),
                (ALREADY, "receiving all along"),
            )
            if rest[key] >= 0.05
        ]  # fmt: skip
        return say(
            "Whether {name} has turned from sending people to receiving them is open: {ends}.",
            name=name, ends=listed(open_ends),
        )  # fmt: skip
    how = likely(rest[leading])
    if leading == NEVER:
        tail = ", though it may receive people now" if path.tipped.p_receiving[path.now] >= 0.5 else ""
        return say(
            f"{{name}} has {how} seen no lasting turn from sending people to receiving them since {{since}} "
            f"({{p}}){tail}.",
            name=name, since=since, p=chance(path, t.p_never),
        )  # fmt: skip
    if leading == UNCONFIRMED:
        return say(
            f"{{name}} has {how} begun to receive more people than it sends, but for too short a time to call it a "
            f"turn ({{p}}).",
            name=name, p=chance(path, t.p_unconfirmed),
        )  # fmt: skip
    now = t.p_receiving[path.now]
    tail = ", and still is" if now >= 0.8 else "; whether it still is, is open" if now >= 0.2 else ", but no longer is"
    parts = say(
        f"{{name}} was {how} receiving people by {{since}} already ({{p}}){tail}",
        name=name, since=since, p=chance(path, t.p_already_receiving),
    )  # fmt: skip
    if path.turned >= 0.15:
        year = max(t.p_by_year, key=lambda y: t.p_by_year[y])
        parts += say("; {turned} of the draws have a lasting turn upward later, most often in {year}",
                     turned=chance(path, path.turned), year=Said(str(year)))  # fmt: skip
    return [*parts, "."]


def _state(asked: Asked, path: Path) -> Parts:
    """The newest year in which the state is defined, and where four draws in five put the turn."""
    k, t = path.now, path.tipped
    drawn_rates = path.posterior.rates[:, k - 1 : k + 2].mean(1)
    low, middle, high = np.quantile(drawn_rates, [0.1, 0.5, 0.9])

    def rate(value: float) -> Number:
        return reckoned(RECKONING, float(value), "per 1,000", path.rows, text=figure(value, 1), signed=True)

    parts = say(
        "Around {year} the chance that more people came than left was {p}; the balance was {middle} a year for each "
        "thousand inhabitants, and lay between {low} and {high} in four draws of five.",
        year=Said(str(int(t.years[k]))), p=chance(path, float(t.p_receiving[k])), middle=rate(middle), low=rate(low),
        high=rate(high),
    )  # fmt: skip
    held = _set(t.hds80)
    if any(isinstance(h, int) for h in t.hds80) and len(t.hds80) > 1:
        where: Parts = say("four draws of five say {where}", where=listed(held, "or")) if len(held) <= FEW else [WIDE]
        parts += say(
            " A first turn upward that lasted is told by {turned} of the draws; {where}.",
            turned=chance(path, path.turned), where=where,
        )  # fmt: skip
    return parts


def _masses(told: Section, asked: Asked, path: Path) -> None:
    t = path.tipped
    top = sorted(t.p_by_year, key=lambda y: (-t.p_by_year[y], y))[:YEARS_TOLD]
    lines: list[list[Parts]] = [
        [[Said(str(y))], [chance(path, t.p_by_year[y], "")]] for y in sorted(y for y in top if t.p_by_year[y] >= 0.01)
    ]
    shown = {y for y in top if t.p_by_year[y] >= 0.01}
    others = sum(p for y, p in t.p_by_year.items() if y not in shown)
    if others > 0:
        lines.append([["other years"], [chance(path, others, "")]])
    rest = {NEVER: t.p_never, UNCONFIRMED: t.p_unconfirmed, ALREADY: t.p_already_receiving}
    lines += [[[KINDS[k]], [chance(path, p, "")]] for k, p in rest.items()]
    found = path.posterior
    beside = [k for (k,) in found.anchors.select("kind").unique(maintain_order=True).iter_rows()]
    note = say(
        "These add up to one hundred, but for rounding. {n} claims were used, and {all} looked at; {back} percent of "
        "the draws turn back later. ",
        n=reckoned(RECKONING, len(path.claims), "claims", path.rows, text=figure(len(path.claims))),
        all=reckoned(RECKONING, len(found.claims), "claims", path.rows, text=figure(len(found.claims))),
        back=chance(path, t.p_turned_back, ""),
    )  # fmt: skip
    if beside:
        note += [
            "Beside them stand sums of our own over other figures: ",
            *listed([BESIDE.get(k, k) for k in beside]),
            ". ",
        ]
    for one in found.notes:
        note += [
            Said(HINDSIGHT if found.denominator_basis == "hindsight" and "published later" in one else one, "note"),
            " ",
        ]
    shows(
        told,
        table_of(
            say(
                "First turn upward of {name} since {since} that lasted {years} years",
                name=Said(asked.name, "name"), since=Said(str(t.since)), years=Said(str(PERSISTENCE)),
            ),
            [["Year"], ["Percent of draws"]],
            lines,
            note,
        ),
    )  # fmt: skip


# ---------------------------------------------------------------- past days


def _past(asked: Asked, path: Path) -> dict[date, Path]:
    """The same question as of past days, none later than the day of the brief."""
    horizon = asked.as_of or max(r["known"] for r in path.rows)
    found = {}
    for year in PAST:
        at = date(year, 12, 31)
        # A day without a newer claim since would repeat the answer.
        if at < horizon and any(r["known"] > at for r in path.rows):
            then = settled(asked, at)
            if then is not None:
                found[at] = then
    return found


def _apart(a: Path, b: Path) -> float:
    """The share of the draws that would have to be moved: to another headline, or to having turned back since."""
    one, other = a.masses, b.masses
    moved = sum(abs(one.get(k, 0.0) - other.get(k, 0.0)) for k in {*one, *other}) / 2
    return max(moved, abs(a.tipped.p_turned_back - b.tipped.p_turned_back))


def _why(asked: Asked, path: Path, past: dict[date, Path]) -> Parts:
    """Why the answer of a past day differs from that of the day asked for: what came since, and what it moved."""
    # The newest day that would have said something else: the farther back, the more is but the years that passed.
    at, then = max(past.items(), key=lambda pair: (_apart(path, pair[1]) >= SOON, pair[0]))
    now: Parts = ["on ", Said(told_day(asked.as_of))] if asked.as_of else ["today"]
    if _apart(path, then) < SOON:
        return say(
            "Asked on a past day the answer would have been much the same: at the end of {year} it was {answer}.",
            year=Said(str(at.year)), answer=headword(then),
        )  # fmt: skip
    parts = say(
        "Asked at the end of {year} the most likely answer was {then}; {today} it is {now}.",
        year=Said(str(at.year)), then=headword(then), today=now, now=headword(path),
    )  # fmt: skip
    parts += _moved(then, path)
    came = _came(path, then, at)
    first, last, p_was, p_has, was, has = _moved_most(then, path)
    if abs(p_has - p_was) >= HARDLY:
        parts += say(
            " Why: {came} moved the chance that it received people in {window} from {p} to {q}, and its balance from "
            "{was} to {has} a year for each thousand inhabitants",
            came=came, window=Said(f"{first} to {last}"), p=chance(then, p_was, ""), q=chance(path, p_has),
            was=_rate(then, was), has=_rate(path, has),
        )  # fmt: skip
    else:
        parts += say(" Why: for the years told by then {came} moved little", came=came)
    more = int(path.posterior.years[-1] - then.posterior.years[-1])
    if more > 0:
        parts += say(
            f"; and {{n}} more {plural(more, 'year is', 'years are')} told, so a turn that was young then has had time "
            f"to last, or not to",
            n=reckoned(RECKONING, more, "years", path.rows, text=count(more)),
        )  # fmt: skip
    return [*parts, "."]


def _moved(then: Path, path: Path) -> Parts:
    """Which answers gained or lost most of the draws."""

    def answers_of(p: Path) -> dict[str, float]:
        rest = {word: p.masses[key] for key, word in KINDS.items()}
        return {"a lasting turn": p.turned, **rest, "one that has turned back since": p.tipped.p_turned_back}

    was, has = answers_of(then), answers_of(path)
    most = sorted(was, key=lambda word: -abs(has[word] - was[word]))[:3]
    told = [
        say("“{word}” from {was} to {has}", word=Said(w), was=chance(then, was[w], ""), has=chance(path, has[w], ""))
        for w in most
        if abs(has[w] - was[w]) >= HARDLY
    ]
    return say(" In percent of the draws: {told}.", told=listed(told)) if told else []


def _came(path: Path, then: Path, at: date) -> Parts:
    """All that became known after a day: claims of net migration, and what else the path stands on."""
    before = {r["release"] for r in then.rows}
    fresh = sorted(
        (r for r in path.claims if r["release"] not in before and r["known"] > at),
        key=lambda r: (r["known"], r["release"]),
    )
    keys = list(dict.fromkeys(r["release"] for r in fresh))
    had, has = (set(p.posterior.anchors["releases"].explode().drop_nulls()) for p in (then, path))
    beside = sorted(has - had - before - set(keys), key=lambda k: (cards()[k].released, k))

    def told(releases: Sequence[str]) -> Parts:
        among = ["among them "] if len(releases) > NAMED else []
        return [*among, *listed([edition_of(k) for k in releases[-NAMED:]])]

    if not keys and not beside:
        return ["later figures of the same sources"]
    parts: Parts = []
    if keys:
        parts += say(f"{{n}} {plural(len(keys), 'source')} that came since ({{names}})",
                     n=made(len(keys), "sources", fresh, text=count(len(keys))), names=told(keys))  # fmt: skip
    if beside:
        parts += [" with "] if keys else []
        parts += say("{n} newly told {word} of stocks, censuses or partners' counts ({names})",
                     n=made(len(beside), "sources", path.rows, text=count(len(beside))),
                     word=plural(len(beside), "source"), names=told(beside))  # fmt: skip
    return [*parts, " together"] if len(keys) + len(beside) > 1 else parts


def _rate(path: Path, value: float) -> Number:
    return reckoned(RECKONING, value, "per 1,000", path.rows, text=figure(value, 1), signed=True)


def _moved_most(then: Path, path: Path) -> tuple[int, int, float, float, float, float]:
    """The five years in which the chance of receiving moved farthest: chances and balances, then and now."""

    def told(p: Path, first: int) -> tuple[float, float]:
        inside = (p.posterior.years >= first) & (p.posterior.years <= first + 4)
        return float(p.tipped.p_receiving[inside].mean()), float(np.median(p.posterior.rates[:, inside].mean(1)))

    # Both ends of a path have no three-year mean.
    common = sorted({int(y) for y in then.tipped.years[1:-1]} & {int(y) for y in path.tipped.years[1:-1]})
    starts = [y for y in common if y >= SINCE - 1 and y + 4 <= common[-1]] or [common[0]]
    first = max(starts, key=lambda y: (abs(told(path, y)[0] - told(then, y)[0]), y))
    (p_was, was), (p_has, has) = told(then, first), told(path, first)
    return first, first + 4, p_was, p_has, was, has


def path_or_fault(asked: Asked) -> tuple[Path | None, bool]:
    """The path of a brief, and whether there is none because its draws did not settle."""
    try:
        return path_of(asked), False
    except ModelError:
        return None, True
