"""Who is not counted: labour migrants without papers, moves that one end alone registers, permits, ethnic return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from keruen import figures_labour, store
from keruen.copies import wholes
from keruen.errors import ModelError, NoEvidence
from keruen.figures_labour import fan
from keruen.kept import kept, stamp
from keruen.labour import Labour, by_year, probability
from keruen.labour import labour as labour_of
from keruen.labour_anchors import gather
from keruen.labour_rules import told_figures
from keruen.places import places
from keruen.sections.common import (
    LABOUR,
    ROWS_SHOWN,
    Asked,
    Section,
    answers,
    drawn,
    heads,
    says,
    section,
    shows,
    table_of,
    unreported,
    year_rows,
)
from keruen.vocabulary import measure as word
from keruen.wording import (
    Number,
    Part,
    Parts,
    Said,
    about,
    edition_of,
    figure,
    listed,
    made,
    number,
    quantity_of,
    reckoned,
    say,
    share,
    window_of,
)

RECKONING = "labour"
FEWEST_ANCHORS = 5  # below that a posterior of labour migrants is hardly more than its priors
OTHER_END = "Seen from the other end"
CLOSELY = 4  # four draws in five within this factor
FACTS_SHOWN = 12
A_KIND = 4  # facts of one kind; a kind told once must not drown under one told every year


def uncounted_section(asked: Asked) -> Section:
    """Labour migrants with and without papers, moves seen from the other end, permits, regularisation, return."""
    told = section("uncounted", "Who is not counted")
    sure = False
    facts = asked(asked.code, list(LABOUR))
    if facts.is_empty():
        says(told, unreported("labour migrants, permits or ethnic return", asked))
    else:
        sentence, sure = _reckoning(told, asked) if not asked.reported else ([], False)
        answers(told, sentence or _newest(asked, facts))
        timeline = _timeline(asked, facts)
        drawn(told, lambda: figures_labour.reported(pl.concat([facts, timeline]), as_of=asked.as_of))
        _facts(told, asked, facts)
        _timeline_table(told, asked, timeline)
    other = _partners(told, asked)
    if other and (not told["answer"] or not sure):
        answers(told, other)
    elif other:
        told["blocks"].insert(_heading_at(told, OTHER_END) + 1, {"kind": "paragraph", "parts": other})
    return told


def _heading_at(told: Section, title: str) -> int:
    return next(k for k, b in enumerate(told["blocks"]) if b["kind"] == "heading" and b["parts"] == [title])


# ---------------------------------------------------------------- labour migrants, counted and not


def _fit(asked: Asked) -> Labour:
    question = [asked.code, asked.as_of, asked.strict, stamp(None, asked.as_of)]
    found: Labour = kept(
        "labour",
        question,
        lambda: labour_of(asked.code, as_of=asked.as_of, strict=asked.strict, influence="none", warmup=900, draws=1200),
    )
    return found


def _reckoning(told: Section, asked: Asked) -> tuple[Parts, bool]:
    """How many labour migrants, registered and not, where enough figures tie it; and whether they tie it closely."""
    facts = gather(asked.code, as_of=asked.as_of, strict=asked.strict)
    facts = pl.concat([facts, _timeline(asked, facts)])
    try:
        found = _fit(asked)
    except NoEvidence:
        return [], False
    except ModelError:
        says(told, ["How many labour migrants there are is left out: the reckoning did not settle."])
        return [], False
    if len(found.design.anchors) < FEWEST_ANCHORS:
        return [], False
    if not found.unregistered_seen:
        says(
            told,
            ["How many labour migrants are without papers is left out: all figures at hand count those with them."],
        )
        return [], False
    ids = {i for a in found.anchors for i in a["ids"]}
    rows = [r for r in facts.to_dicts() if r["id"] in ids]
    if not rows:
        return [], False
    # No year beyond the last figure: what the model would carry on alone is no finding.
    told_years = [y for a in (found.statements or found.design.anchors) for y, _ in a.years]
    year = min(max(told_years), int(found.cube["year"].values[-1]), (asked.as_of or date.max).year)
    years = by_year(found)
    at = years["years"].index(year)

    def people(name: str, end: str) -> Number:
        value = float(f"{years[name][end][at]:.2g}")
        return reckoned(RECKONING, value, "persons", rows, text=about(value, "persons").replace(".0 ", " "))

    sentence = say(
        "In {year} about {total} labour migrants were in {name} (four draws in five: {low} to {high}), {unregistered} "
        "of them without papers.",
        year=Said(str(year)), name=Said(asked.name, "name"), total=people("total", "median"),
        low=people("total", "low80"), high=people("total", "high80"), unregistered=people("unregistered", "median"),
    )  # fmt: skip
    heads(told, "Labour migrants, with papers and without")
    says(
        told,
        sentence
        + say(
            " That is {ratio} without papers for each one with them. No source says so: it is reckoned from {n} "
            "figures, each with a stated error, and told by {draws} draws.",
            ratio=reckoned(RECKONING, round(years["ratio"]["median"][at], 1), "ratio", rows),
            n=reckoned(RECKONING, len(found.design.anchors), "figures", rows, text=figure(len(found.design.anchors))),
            draws=Said(figure(found.cube.sizes["draw"])),
        ),
    )  # fmt: skip
    for statement in found.statements:
        chances = [probability(found, year, statement.value, with_statements=w)[0] for w in (False, True)]
        says(
            told,
            say(
                "{who}: {number} in {year}. The chance of so many or more is {p} without that statement, and {q} if it "
                "is believed as much as its stated error allows.",
                who=Said(statement.source, "note", "keruen-events"), year=Said(str(statement.years[0][0])),
                number=Said(figure(statement.value), "note"), p=share(RECKONING, chances[0], rows),
                q=share(RECKONING, chances[1], rows),
            ),
        )  # fmt: skip
    assumed = ", ".join(p["meaning"] for p in found.parameters if p["note"])
    if assumed:
        says(told, say("Assumption, not data: {what}.", what=Said(assumed, "note")))
    drawn(told, lambda: replace(fan(found), ids=tuple(r["id"] for r in rows)))
    narrow = years["total"]["high80"][at] <= CLOSELY * years["total"]["low80"][at]
    sentence = say(
        "In {year} about {total} labour migrants were in {name}, {unregistered} of them without papers, reckoned from "
        "{n} figures.",
        year=Said(str(year)), name=Said(asked.name, "name"), total=people("total", "median"),
        unregistered=people("unregistered", "median"),
        n=reckoned(RECKONING, len(found.design.anchors), "figures", rows, text=figure(len(found.design.anchors))),
    )  # fmt: skip
    return sentence, narrow


def _newest(asked: Asked, facts: pl.DataFrame) -> Parts:
    """The newest figure of labour migrants where too few figures tie a reckoning."""
    people = facts.filter(
        pl.col("measure").is_in(["labour_migrants", "labour_migrants_abroad"])
        & pl.col("counterpart").is_null()
        & (pl.col("group") == "all")
        & (pl.col("value").is_not_null() | pl.col("low").is_not_null())
    ).sort("end", "known", "id")
    if people.is_empty():
        return []
    row = people.row(-1, named=True)
    where = "abroad from" if row["measure"] == "labour_migrants_abroad" else "in"
    return say(
        f"The newest figure of labour migrants {where} {{name}} is {{many}} ({{when}}, {{source}}); too few are at "
        f"hand to reckon who has no papers.",
        name=Said(asked.name, "name"), many=quantity_of(row), when=window_of(row["start"], row["end"]),
        source=edition_of(row["release"]),
    )  # fmt: skip


# ---------------------------------------------------------------- facts


def _kind(row: dict[str, Any]) -> Parts:
    stream = "" if row["stream"] in ("all", "labour", "ethnic_return") else ", " + row["stream"].removeprefix("labour_")
    other: Parts = [", ", Said(places()[row["counterpart"]].name, "name")] if row["counterpart"] in places() else []
    return [row["measure"].replace("_", " ") + stream.replace("_", " "), *other]


def _facts(told: Section, asked: Asked, facts: pl.DataFrame) -> None:
    """The newest facts of each kind; what several pages tell alike is told once, with all of them."""
    # A campaign told for the CIS as a whole is told as a whole: aggregates stand with the totals, and say so.
    whole = (pl.col("counterpart").is_null() | pl.col("counterpart").str.starts_with("_")) & (pl.col("group") == "all")
    main = wholes(facts.filter(whole))
    groups = (
        (
            "Labour migrants and the regularised, persons",
            [m for m in LABOUR if m in figures_labour.PEOPLE or m in ("regularised_interim", "labour_returns")],
        ),
        ("Permits, patents and quotas: events, not persons", list(figures_labour.PERMITS)),
        ("Ethnic return", [m for m in LABOUR if m.startswith("ethnic_return")]),
    )
    same = ("measure", "stream", "counterpart", "start", "end", "value", "low", "high", "definition")
    every = store.evidence(asked.code, list(LABOUR), as_of=asked.as_of, strict=asked.strict)
    shown_ids: set[str] = set()
    captioned: set[str] = set()
    for caption, measures in groups:
        rows = main.filter(pl.col("measure").is_in(measures)).sort("end", "start", "known", "id", descending=True)
        if rows.is_empty():
            continue
        first = rows.unique(same, keep="last", maintain_order=True)  # the earliest known of those that say the same
        shown = first.group_by("measure", "stream", maintain_order=True).head(A_KIND).head(FACTS_SHOWN)
        order = {m: k for k, m in enumerate(measures)}
        shown = shown.with_columns(_kind=pl.col("measure").replace_strict(order, return_dtype=pl.Int64)).sort(
            "_kind", "stream", "end", "start", "id", descending=[False, False, True, True, False]
        )
        lines: list[list[Parts]] = []
        told_ids: set[str] = set()
        for r in shown.iter_rows(named=True):
            alike = rows.filter(pl.all_horizontal([pl.col(c).eq_missing(pl.lit(r[c], rows.schema[c])) for c in same]))
            told_ids |= set(alike["id"])
            unit = "" if r["unit"] == "persons" else f" {r['unit']}"
            names = listed([[edition_of(k)] for k in alike.sort("known", "id")["release"].unique(maintain_order=True)])
            lines.append([_kind(r), [window_of(r["start"], r["end"])], [*quantity_of(r), unit], names])
        shown_ids |= told_ids
        captioned |= set(rows["measure"])
        note = _beyond(asked, every, [m for m in measures if m in captioned], shown_ids)
        shows(told, table_of([caption], [["What"], ["When"], ["Figure"], ["Source"]], lines, note))
    rest = _beyond(asked, every, [m for m in LABOUR if m not in captioned], shown_ids)
    if rest:
        says(told, rest)


def _beyond(asked: Asked, every: pl.DataFrame, measures: Sequence[str], shown: set[str]) -> Parts:
    """How many rows the command prints for each measure beyond those shown, and the command."""
    left = every.filter(~pl.col("id").is_in(list(shown)))
    counts = [(m, left.filter(pl.col("measure") == m).to_dicts()) for m in measures]
    told: list[Part | Parts] = [
        [made(len(rows), "rows", rows), f" of {m}"] for m, rows in sorted(counts, key=lambda c: -len(c[1])) if rows
    ]
    if not told:
        return []
    words = [f"keruen evidence {asked.code} --measure NAME"]
    words += [f"--as-of {asked.as_of}"] if asked.as_of else []
    words += ["--strict"] if asked.strict else []
    return say(
        "Not shown, parts by citizenship, region or trade among them: {rows}. All of a measure: {how}.",
        rows=listed(told), how=Said(" ".join(words), "code"),
    )  # fmt: skip


def _timeline(asked: Asked, facts: pl.DataFrame) -> pl.DataFrame:
    """Totals that only the timeline of events tells, with the columns of an answer; statements on trial are none."""
    rows = [
        {"unit": word(f["measure"]).unit, "status": "press", "known_basis": "page", "own": False, "sex": "all",
         "age": "all", **f, "definition": f["definition"] or ""}
        for f in told_figures(asked.code, asked.as_of)
        if not f["tested"] and (f["counterpart"] is None or f["counterpart"].startswith("_"))
    ]  # fmt: skip
    return pl.DataFrame([{c: r.get(c) for c in facts.columns} for r in rows], schema=facts.schema)


def _timeline_table(told: Section, asked: Asked, timeline: pl.DataFrame) -> None:
    """What only the timeline tells: drawn above, no row of the evidence."""
    if timeline.is_empty():
        return
    lines: list[list[Parts]] = []
    for r in timeline.sort("end", "start", "id", descending=True).iter_rows(named=True):
        unit = "" if r["unit"] == "persons" else f" {r['unit']}"
        read = quantity_of(r | {"status": ""})  # read from the words of an event: no claim has it as its value
        lines.append([
            _kind(r), [window_of(r["start"], r["end"])], [*read, unit],
            [Said(r["source"], "note", r["release"])],
        ])  # fmt: skip
    note: Parts = ["Told by the text of an event: drawn with the other figures, but no rows of the evidence."]
    if not asked.reported:
        note.append(" The account of labour migrants draws permits of a part of a year at their yearly rate.")
    caption: Parts = ["Figures that the timeline of events alone tells"]
    shows(told, table_of(caption, [["What"], ["When"], ["Figure"], ["Source"]], lines, note))


# ---------------------------------------------------------------- the other end


def _ends(table: pl.DataFrame, other: str) -> dict[tuple[str, date], list[dict[str, Any]]]:
    """Whole-year counts between two places, by the other place and year."""
    keep = year_rows(
        table.filter(
            pl.col("counterpart").is_not_null()
            & (pl.col("group") == "all")
            & (pl.col("stream") == "all")
            & (pl.col("basis").fill_null("residence") == "residence")
            & pl.col("value").is_not_null()
            & pl.col("copy_of").is_null()
            & ~pl.col(other).str.starts_with("_")
            & ~pl.col("status").is_in(["model", "projection"])
        )
    )
    found: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for row in keep.sort("known", "id").iter_rows(named=True):
        found.setdefault((row[other], row["start"]), []).append(row)
    return found


def _partners(told: Section, asked: Asked) -> Parts:
    """Corridors of which both ends report the same year; returns a sentence on the one that differs most."""
    flows = asked(asked.code, ["immigration", "emigration"], stream="all")
    abroad = asked(None, ["immigration", "emigration"], counterpart=asked.code, stream="all")
    abroad = abroad.filter(pl.col("place") != asked.code)
    lines: list[tuple[float, list[Parts]]] = []
    missed: list[tuple[float, Parts]] = []
    for mine, theirs, words in (
        ("emigration", "immigration", "left for"),
        ("immigration", "emigration", "came from"),
    ):
        here = _ends(flows.filter(pl.col("measure") == mine), "counterpart")
        there = _ends(abroad.filter(pl.col("measure") == theirs), "place")
        newest: dict[str, date] = {}
        for other, start in here.keys() & there.keys():
            newest[other] = max(start, newest.get(other, date.min))
        for other, start in newest.items():
            a, b = here[other, start][-1], there[other, start][-1]
            ratio: Parts = (
                [made(b["value"] / a["value"], "ratio", [a, b], text=figure(b["value"] / a["value"], 1))]
                if a["value"] > 0
                else []
            )
            line: list[Parts] = [
                [f"{words} ", Said(places()[other].name, "name")],
                [Said(str(start.year))],
                [number(a)],
                [number(b)],
                ratio,
                [edition_of(a["release"]), " / ", edition_of(b["release"])],
            ]
            lines.append((max(a["value"], b["value"]), line))
            if mine == "emigration" and b["value"] > 1.2 * a["value"]:
                sentence = say(
                    "In {year} {name} registered {a} departures for {other}, which registered {b} arrivals from there.",
                    year=Said(str(start.year)), name=Said(asked.name, "name"), a=number(a, words=True),
                    other=Said(places()[other].name, "name"), b=number(b, words=True),
                )  # fmt: skip
                missed.append((b["value"] - a["value"], sentence))
    if not lines:
        return []
    heads(told, OTHER_END)
    sentence = max(missed, key=lambda pair: pair[0])[1] if missed else []
    lines.sort(key=lambda pair: -pair[0])
    shows(
        told,
        table_of(
            ["The same moves told from both ends, persons in the newest year that both report"],
            [
                ["Corridor"],
                ["Year"],
                [Said(asked.name, "name"), " says"],
                ["The other end says"],
                ["Ratio"],
                ["Sources"],
            ],
            [line for _, line in lines[:ROWS_SHOWN]],
            ["A ratio far from one speaks of definitions and duties to register as much as of errors."],
        ),
    )
    return sentence
