"""A system of places on one page: who receives, since when, who stands apart, what editions say, who lives on whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from keruen import figures_tipping
from keruen.beside import beside
from keruen.places import Place as Member
from keruen.places import places
from keruen.provenance import releases
from keruen.sections.common import (
    LABOUR,
    MONEY,
    Asked,
    Section,
    answers,
    drawn,
    says,
    section,
    shows,
    table_of,
    totals,
    witnesses,
    year_rows,
)
from keruen.sections.depends import newest_of, share_of
from keruen.sections.net import Net, net_of, sign_words
from keruen.sections.paths import SINCE, Path, chance, headword, settled
from keruen.sections.sure import faults
from keruen.sections.tipped import path_or_fault
from keruen.tipping import outlier
from keruen.wording import (
    Part,
    Parts,
    Said,
    count,
    edition_of,
    exact,
    figure,
    listed,
    made,
    number,
    plural,
    quantity_of,
    releases_of,
    say,
    window_of,
)

EARLIER = 10  # years before, to which the answer of the day is set
SURE = 0.8


@dataclass(frozen=True, slots=True)
class One:
    """What the page needs of one place."""

    asked: Asked
    net: Net | None
    path: Path | None
    fault: bool
    then: Path | None


def _one(asked: Asked, earlier: date) -> One:
    path, fault = path_or_fault(asked)
    return One(asked, net_of(asked), path, fault, settled(asked, earlier) if path is not None else None)


def of_system(
    name: str,
    members: Sequence[Member],
    as_of: date | None,
    strict: bool,
    progress: Callable[[str, int, int], None] | None = None,
    workers: int = 1,
) -> tuple[list[Parts], list[Section]]:
    """The answer about a system, and its sections.

    Parameters
    ----------
    name, members
        Of the system.
    as_of, strict
        As for one place.
    progress
        Told the place, how many are done, and how many there are.
    workers
        Processes that share the places.
    """
    ones: list[One] = []
    earlier = date((as_of or max(c.released for c in releases().values())).year - EARLIER, 12, 31)
    with beside(workers if workers > 1 else 0) as ask:
        asked = [ask(_one, Asked(p.code, p.name, as_of, strict), earlier) for p in members]
        for done, (p, told) in enumerate(zip(members, asked, strict=True)):
            if progress is not None:
                progress(p.code, done, len(members))
            ones.append(told())
    if progress is not None:
        progress("", len(members), len(members))
    sections = [
        _tipped(name, ones, earlier),
        _apart(ones),
        _editions(name, ones),
        _money(name, ones),
        _labour(name, ones),
    ]
    sections.append(_sure(sections, as_of))
    sections = [s for s in sections if s["blocks"]]
    return [s["answer"] for s in sections if s["answer"]], sections


def _names(ones: Sequence[One]) -> Parts:
    return listed([Said(o.asked.name, "name") for o in ones])


def _tipped(name: str, ones: Sequence[One], earlier: date) -> Section:
    """State and turn of each place, today and ten years before."""
    told = section("tipping", "Who receives, and since when")
    known = [(o, o.path) for o in ones if o.path is not None]
    if not known:
        says(told, [f"No source at hand reports net migration for any place of {name}."])
        return told
    now = {o.asked.code: float(p.tipped.p_receiving[p.now]) for o, p in known}
    groups = (
        ("receive", [o for o, _ in known if now[o.asked.code] >= SURE]),
        ("send", [o for o, _ in known if now[o.asked.code] <= 1 - SURE]),
    )
    rows = [r for _, p in known for r in p.rows]
    open_ones = [o for o, _ in known if 1 - SURE < now[o.asked.code] < SURE]
    pieces: list[Part | Parts] = [
        [*_names(some), f" most likely {word if len(some) > 1 else word + 's'} people"] for word, some in groups if some
    ]
    if open_ones:
        pieces.append([*_names(open_ones), f" {plural(len(open_ones), 'is', 'are')} open"])
    missing = [o for o in ones if o.path is None]
    if missing:
        pieces.append([*_names(missing), " cannot be told"])
    sentence = say(
        "Of {n} places, {pieces}.",
        n=made(len(ones), "places", rows, text=count(len(ones))),
        pieces=_semicolons(pieces),
    )
    answers(told, sentence)
    turned = sorted(((o, p) for o, p in known if p.turned >= 0.5), key=lambda pair: -pair[1].turned)
    if turned:
        each: list[Part | Parts] = []
        for o, p in turned:
            year = max(p.tipped.p_by_year, key=lambda y: p.tipped.p_by_year[y])
            each.append(
                say("{name} ({p}, most often in {year})", name=Said(o.asked.name, "name"), p=chance(p, p.turned),
                    year=Said(str(year)))
            )  # fmt: skip
        says(told, say("A lasting turn upward since {since} is more likely than not for {each}.",
                       since=Said(str(SINCE)), each=listed(each)))  # fmt: skip
    lines: list[list[Parts]] = []
    line: list[Parts]
    before = any(o.then is not None for o in ones)
    for o in ones:
        label: Parts = [Said(o.asked.name, "name")]
        if o.path is None:
            why = "left out: the draws did not settle" if o.fault else "nobody reports"
            lines.append([label, [why], [], [], *([[]] if before else [])])
            continue
        k = o.path.now
        year = int(o.path.tipped.years[k])
        line = [
            label,
            [str(o.path.tipped.state[k]), ", ", Said(str(year))],
            [chance(o.path, now[o.asked.code], "")],
            headword(o.path),
        ]
        lines.append([*line, *([headword(o.then) if o.then is not None else []] if before else [])])
    columns: list[Parts] = [
        ["Place"],
        ["State"],
        ["Percent: receives"],
        ["First lasting turn upward, percent of draws"],
    ]
    if before:
        columns.append(["Asked at the end of ", Said(str(earlier.year))])
    shows(
        told,
        table_of(
            [f"{name}: state, and turns since ", Said(str(SINCE))],
            columns,
            lines,
            [
                "By ",
                Said(figure(min(p.draws for _, p in known))),
                " draws a place or more, of the path that all claims leave possible. Sending and receiving: "
                "half a person or more a year for each thousand inhabitants.",
            ],
        ),
    )  # fmt: skip
    return told


def _semicolons(pieces: Sequence[Part | Parts]) -> Parts:
    parts: Parts = []
    for at, piece in enumerate(pieces):
        parts += ["; "] if at else []
        parts += piece if isinstance(piece, list) else [piece]
    return parts


def _apart(ones: Sequence[One]) -> Section:
    """Which place stands apart from all others."""
    told = section("apart", "Who stands apart")
    paths = {o.asked.code: o.path for o in ones if o.path is not None}
    if len(paths) < 3:
        return told
    posteriors = {code: p.posterior for code, p in paths.items()}
    tables = {code: outlier(posteriors, code).filter(pl.col("year") >= SINCE) for code in posteriors}
    peaks = {code: table.sort("p_alone", descending=True).row(0, named=True) for code, table in tables.items()}
    missing = [o for o in ones if o.path is None]
    others = "of the places told here all others" if missing else "all others"
    first = max(peaks, key=lambda code: (peaks[code]["p_alone"], code))
    rows = [r for p in paths.values() for r in p.rows]
    union = replace(paths[first], rows=rows)
    peak = peaks[first]
    up = peak["p_alone_receiving"] >= peak["p_alone_sending"]
    if peak["p_alone"] >= 0.2:
        sentence = say(
            f"{{name}} stood apart most clearly around {{year}}: with a chance of {{p}} it alone "
            f"{f'received while {others} sent' if up else f'sent while {others} received'}"
            f"{'; {missing} cannot be told' if missing else ''}.",
            name=Said(places()[first].name, "name"), year=Said(str(peak["year"])), p=chance(union, peak["p_alone"]),
            missing=_names(missing),
        )  # fmt: skip
        answers(told, sentence)
    else:
        says(told, ["In no year did one place clearly stand apart from all others."])
    lines: list[list[Parts]] = []
    for code, table in tables.items():
        last, top = table.row(-1, named=True), peaks[code]
        lines.append(
            [
                [Said(places()[code].name, "name")],
                [chance(union, last["p_differs"], "")],
                [chance(union, last["p_alone"], "")],
                [chance(union, top["p_alone"], ""), ", ", Said(str(top["year"]))],
            ]
        )
    last_year = Said(str(tables[first].row(-1, named=True)["year"]))
    shows(
        told,
        table_of(
            ["Chance, in percent, that a place's state is not that of the others"],
            [["Place"], ["Not the majority's, ", last_year], ["Alone, ", last_year], ["Alone, at its highest"]],
            lines,
            [
                "Alone: it receives and every other sends, or the reverse. Draws of different places are taken as "
                "independent.",
                *([" Left out, for want of figures or because the draws did not settle: ", *_names(missing), "."]
                  if missing else []),
            ],
        ),
    )  # fmt: skip
    drawn(told, lambda: figures_tipping.apart(tables[first], first, posteriors))
    return told


def _editions(name: str, ones: Sequence[One]) -> Section:
    """Newest five years of each place by edition, with the rivals."""
    told = section("knew", "What the editions say")
    known = [(o, o.net) for o in ones if o.net is not None and o.net.windows]
    if not known:
        return told
    lines: list[list[Parts]] = []
    split: list[One] = []
    for o, net in known:
        window = net.windows[-1]
        rows = net.editions(window)
        low, high = min(rows, key=lambda r: r["value"]), max(rows, key=lambda r: r["value"])
        if low["value"] < 0 < high["value"]:
            split.append(o)
        lines.append(
            [
                [Said(o.asked.name, "name")],
                [window_of(*window)],
                [number(rows[-1])],
                [number(low), " ", edition_of(low["release"])],
                [number(high), " ", edition_of(high["release"])],
                [sign_words(rows)],
            ]
        )
    behind = [r for _, net in known for r in net.editions(net.windows[-1])]
    if split:
        sentence = say(
            "The editions disagree even on the sign of the newest five years for {n} of {all} places: {names}.",
            n=made(len(split), "places", behind, text=count(len(split))),
            all=made(len(known), "places", behind, text=count(len(known))), names=_names(split),
        )  # fmt: skip
    else:
        sentence = say(
            "For the newest five years no place has editions that disagree on the sign; the figures still range "
            "widely.",
        )
    answers(told, sentence)
    shows(
        told,
        table_of(
            [f"{name}: net migration of the newest five years that are over, persons"],
            [["Place"], ["Period"], ["Newest edition"], ["Lowest"], ["Highest"], ["Same sign?"]],
            lines,
            [
                "Mid-year to mid-year. Lowest and highest of all editions that tell the period, those that looked "
                "ahead too."
            ],
        ),
    )
    return told


def _money(name: str, ones: Sequence[One]) -> Section:
    """Remittances of each place as a share of its product."""
    told = section("depends", "Who lives on whom")
    lines: list[list[Parts]] = []
    top: tuple[float, Parts] | None = None
    for o in ones:
        rows = year_rows(totals(o.asked(o.asked.code, ["remittances_received", "remittances_share_gdp", "gdp"])))
        by = {m: rows.filter(pl.col("measure") == m).sort("start", "known") for m in rows["measure"].unique()}
        received, shares = (
            witnesses(by[m].to_dicts()) if m in by else [] for m in ("remittances_received", "remittances_share_gdp")
        )
        if not received and not shares:
            continue
        # Dollars and their share of the product are of one year and, where it tells both, of one edition.
        last = newest_of(received) if received else newest_of(shares)
        share = share_of(last, shares, by.get("gdp", rows.clear())) if received else None
        part = share[0] if share else number(last) if not received else None
        year = Said(str(last["start"].year))
        if part is not None and (top is None or part.value > top[0]):
            top = part.value, say(
                "Remittances weigh most in {name}: {part} of its product in {year}.",
                name=Said(o.asked.name, "name"), part=replace(part, text=exact(part.value, "percent") + " percent"),
                year=year,
            )  # fmt: skip
        source: Parts = [edition_of(last["release"])]
        if share and share[2] != last["release"]:
            source += ["; the share: ", edition_of(share[2])]
        money: Parts = [number(last)] if received else []
        told_part: Parts = [replace(part, text=exact(part.value, "percent"))] if part is not None else []
        lines.append([[Said(o.asked.name, "name")], [year], money, told_part, source])
    if not lines:
        return told
    if top is not None:
        answers(told, top[1])
    shows(
        told,
        table_of(
            [f"{name}: personal remittances received"],
            [["Place"], ["Year"], ["Million USD"], ["Percent of product"], ["Source"]],
            lines,
        ),
    )
    return told


def _labour(name: str, ones: Sequence[One]) -> Section:
    """The newest figure of labour migrants of each place, here and abroad."""
    told = section("uncounted", "Labour migrants")
    lines: list[list[Parts]] = []
    for o in ones:
        facts = o.asked(o.asked.code, ["labour_migrants", "labour_migrants_abroad"]).filter(
            pl.col("counterpart").is_null() & (pl.col("group") == "all")
            & pl.any_horizontal(pl.col("value", "low", "high").is_not_null())
        )  # fmt: skip
        for measure, words in (("labour_migrants", "in the place"), ("labour_migrants_abroad", "abroad")):
            rows = facts.filter(pl.col("measure") == measure).sort("end", "known", "id")
            if len(rows):
                r = rows.row(-1, named=True)
                lines.append(
                    [[Said(o.asked.name, "name")], [words], quantity_of(r), [window_of(r["start"], r["end"])],
                     [edition_of(r["release"])]]
                )  # fmt: skip
    if lines:
        shows(
            told,
            table_of(
                [f"{name}: newest figures of labour migrants, persons"],
                [["Place"], ["Where"], ["Persons"], ["When"], ["Source"]],
                lines,
                ["Told by pages and offices in different ways; they are not added up."],
            ),
        )
    return told


def _sure(sections: Sequence[Section], as_of: date | None) -> Section:
    """Known faults of the releases used."""
    told = section("sure", "How sure are we?")
    used = releases_of(sections)
    if used:
        faults(told, None, as_of, used, {"net_migration", *MONEY, *LABOUR})
    return told
