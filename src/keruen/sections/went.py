"""Who went where: corridors estimated from stocks, moves that were registered, and who lives where by edition."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from keruen import copies, figures, figures_flows, figures_stocks
from keruen.errors import NoEvidence
from keruen.flows import WorldFlows, corridor_rows
from keruen.flows import flows as flows_of
from keruen.kept import kept, stamp
from keruen.places import places
from keruen.provenance import definitions
from keruen.sections.common import (
    COUNTED,
    DRAWS,
    ROWS_SHOWN,
    YEARS_SHOWN,
    Asked,
    Section,
    answers,
    drawn,
    heads,
    named,
    says,
    section,
    shows,
    source_cell,
    table_of,
    totals,
    unreported,
    witnesses,
    year_rows,
)
from keruen.sections.net import Net
from keruen.wording import (
    Part,
    Parts,
    Said,
    card_of,
    edition_of,
    listed,
    made,
    number,
    reckoned,
    say,
    told_day,
    window_of,
)

RECKONING = "flows"
TOLD = ("value", "lowest", "highest")
WIDE = 1.5  # editions whose figures differ by more than this factor are told as a range


def went_section(asked: Asked, net: Net | None) -> Section:
    """Where people went and came from: estimated, registered, and by where they live."""
    told = section("went", "Who went where")
    if not asked.reported:
        heads(told, "Between two dates, estimated from where people live")
        _flows(told, asked)
    heads(told, "Registered at home")
    _registered(told, asked, net)
    heads(told, "Who lives where, by edition")
    _living(told, asked)
    return told


def _world(as_of: date | None) -> WorldFlows | None:
    """Flows of all places of the newest period that can be told."""
    for period in ("2015-2020", "2015-2019", "2010-2015"):
        with suppress(NoEvidence):
            make = partial(flows_of, period, as_of=as_of, draws=DRAWS)
            return kept("flows", [period, as_of, DRAWS, stamp(None, as_of)], make)
    return None


def _flows(section: Section, asked: Asked) -> None:
    """The largest corridors of the place, as estimated from the stocks of every edition that can tell."""
    found = _world(asked.as_of)
    try:
        top = corridor_rows(found, asked.code, top=5) if found is not None else None
    except NoEvidence:
        top = None
    if found is None or top is None:
        says(section, unreported("stocks at two dates, from which flows could be estimated,", asked))
        return
    start, end = top.row(0, named=True)["start"], top.row(0, named=True)["end"]
    editions = found.cube["release"].values.tolist()
    ends = [asked.code, *top["counterpart"].unique().sort().to_list()]
    stocks = asked(ends, "stock", release=editions, since=start, until=end)
    stocks = stocks.filter(pl.col("start").is_in([start, end]) & pl.col("value").is_not_null())
    between: dict[frozenset[str], list[dict[str, Any]]] = {}
    whole: dict[str, list[dict[str, Any]]] = {}
    for row in stocks.iter_rows(named=True):
        if row["counterpart"] is None:
            whole.setdefault(row["place"], []).append(row)
        elif asked.code in (row["place"], row["counterpart"]):
            between.setdefault(frozenset((row["place"], row["counterpart"])), []).append(row)
    lines: list[list[Parts]] = []
    largest: dict[str, Parts] = {}
    for row in top.sort("direction", descending=True, maintain_order=True).iter_rows(named=True):
        other = row["counterpart"]
        behind = [*between.get(frozenset((asked.code, other)), ()), *whole.get(other, ()), *whole.get(asked.code, ())]
        if not behind:
            continue
        pair = [Said(asked.name, "name"), Said(places()[other].name, "name")]
        cells: list[Parts] = [[name] for name in (pair if row["direction"] == "out" else pair[::-1])]
        told = {k: reckoned(RECKONING, round(row[k]), "persons", behind) for k in (*TOLD, "low80", "high80")}
        cells += [[told["value"]], [told["low80"], " to ", told["high80"]], [told["lowest"]], [told["highest"]]]
        lines.append(cells)
        largest.setdefault(row["direction"], _largest(row, behind))
    if not lines:
        says(section, unreported("stocks at two dates, from which flows could be estimated,", asked))
        return
    _flows_answer(section, asked, largest, Said(str(start.year)), Said(str(end.year)))
    shows(
        section,
        table_of(
            say("The largest flows of {name}, {window}: people who lived elsewhere at its end, by Keruen's estimate",
                name=Said(asked.name, "name"), window=window_of(start, end)),
            [["From"], ["To"], ["Newest edition"], [Said("80%"), " of its draws"], ["Lowest edition"],
             ["Highest edition"]],
            lines,
            ["By edition: ", *listed([edition_of(k) for k in editions]),
             ". Estimated from stocks by birthplace, births and deaths by pseudo-Bayes (Azose and Raftery). ",
             Said(str(DRAWS)), " draws tell what past revisions of stocks and vital events leave open. A transition of "
             "people is not a movement in a register, and does not add up with one."],
        ),
    )  # fmt: skip
    newest = found.rows(asked.code).filter(pl.col("release") == editions[-1])
    ids = [i for row in whole.get(asked.code, ()) for i in copies.rests_on(row)]
    drawn(section, lambda: figures_flows.made_of(newest, asked.code, ids=ids))


def _largest(row: dict[str, Any], behind: list[dict[str, Any]]) -> Parts:
    """A corridor's other end and how many, as a sentence tells it; a range where the editions are far apart."""
    low, high = (round(row[k]) for k in ("lowest", "highest"))
    many: Parts
    if high > WIDE * max(low, 1):
        many = [reckoned(RECKONING, low, "persons", behind, words=True), " to "]
        many.append(reckoned(RECKONING, high, "persons", behind, words=True))
    else:
        many = [reckoned(RECKONING, round(row["value"]), "persons", behind, words=True)]
    return [Said(places()[row["counterpart"]].name, "name"), " (", *many, ")"]


def _flows_answer(section: Section, asked: Asked, largest: dict[str, Parts], start: Said, end: Said) -> None:
    pieces: list[Part | Parts] = []
    if "out" in largest:
        pieces.append(["out of ", Said(asked.name, "name"), " to ", *largest["out"]])
    if "in" in largest:
        pieces.append(
            ["into it from ", *largest["in"]]
            if pieces
            else ["into ", Said(asked.name, "name"), " from ", *largest["in"]]
        )
    if not pieces:
        return
    sentence = say(
        f"Between mid-{{start}} and mid-{{end}} the largest {'flows' if len(pieces) > 1 else 'flow'} went {{pieces}}, "
        f"by an estimate from where people live.",
        start=start, end=end, pieces=listed(pieces),
    )  # fmt: skip
    answers(section, sentence)


def _registered(section: Section, asked: Asked, net: Net | None) -> None:
    """What is counted at home."""
    flows = asked(asked.code, ["immigration", "emigration"], stream="all")
    yearly = year_rows(totals(flows)).filter(
        pl.col("status").is_in([*COUNTED, "estimate", "press", "survey"]) & pl.col("copy_of").is_null()
    )
    foreign, parts = _by_citizenship(flows)
    if yearly.is_empty():
        kinds = (("arrivals of foreign citizens alone", foreign), ("arrivals by citizenship", parts))
        instead: list[Part | Parts] = [words for words, rows in kinds if len(rows)]
        nobody = unreported("yearly totals of all arrivals and of all departures", asked)
        says(section, [*nobody, " Reported instead: ", *listed(instead), "."] if instead else nobody)
    else:
        _register_table(section, asked, net, yearly)
    _foreigners(section, asked, foreign, parts)


def _by_citizenship(flows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Yearly arrivals of all foreign citizens, and of the citizens of each place."""
    told = year_rows(
        flows.filter((pl.col("measure") == "immigration") & pl.col("value").is_not_null() & pl.col("copy_of").is_null())
    )
    foreign = told.filter(pl.col("counterpart").is_null() & (pl.col("group") == "citizenship=foreign"))
    parts = told.filter(
        (pl.col("basis") == "citizenship")
        & (pl.col("group") == "all")
        & pl.col("counterpart").is_not_null()
        & ~pl.col("counterpart").str.starts_with("_")
    )
    return foreign, parts


def _foreigners(section: Section, asked: Asked, foreign: pl.DataFrame, parts: pl.DataFrame) -> None:
    """Arrivals of foreign citizens alone: a part of the arrivals, never set beside them as a rival."""
    name = Said(asked.name, "name")
    if len(foreign):
        lines: list[list[Parts]] = [
            [[Said(str(r["start"].year))], [number(r)], source_cell(r)]
            for r in foreign.sort("start", "known", descending=True).head(YEARS_SHOWN).iter_rows(named=True)
        ]
        shows(
            section,
            table_of(
                say("Arrivals of foreign citizens in {name}, persons a year: nationals are left out", name=name),
                [["Year"], ["Persons"], ["Source"]],
                lines,
            ),
        )
    if len(parts):
        at: date = parts["start"].max()  # type: ignore[assignment]
        top = parts.filter(pl.col("start") == at).sort("value", "counterpart", descending=[True, False])
        lines = [
            [[Said(named(r["counterpart"]), "name")], [number(r)], [edition_of(r["release"])]]
            for r in top.head(ROWS_SHOWN).iter_rows(named=True)
        ]
        shows(
            section,
            table_of(
                say("Arrivals in {name} by citizenship in {year}, persons", name=name, year=Said(str(at.year))),
                [["Citizens of"], ["Persons"], ["Source"]],
                lines,
            ),
        )


def _register_table(section: Section, asked: Asked, net: Net | None, yearly: pl.DataFrame) -> None:
    series = (
        yearly.group_by("release", "definition")
        .agg(pl.struct("start", "measure").n_unique().alias("n"), pl.col("end").max(), pl.col("measure").n_unique())
        .sort("measure", "n", "end", "release", descending=[True, True, True, False])
    )
    release, definition = series["release"][0], series["definition"][0]
    main = yearly.filter((pl.col("release") == release) & (pl.col("definition") == definition))
    years = sorted(set(yearly["start"].to_list()))[-YEARS_SHOWN:]
    nets = year_rows(totals(net.claims)) if net else None
    table: list[list[Parts]] = []
    contradicted = 0
    for start in reversed(years):
        cells: list[Parts] = []
        pair: dict[str, dict[str, Any]] = {}
        for what in ("immigration", "emigration"):
            rows = yearly.filter((pl.col("start") == start) & (pl.col("measure") == what)).sort("known", "id")
            first = main.filter((pl.col("start") == start) & (pl.col("measure") == what)).sort("known", "id").tail(1)
            cell: Parts = []
            told: list[float] = []
            for row in [*first.iter_rows(named=True), *rows.iter_rows(named=True)]:
                if any(abs(row["value"] - t) <= 0.5 for t in told) or len(told) > 3:
                    continue
                cell += [" / ", number(row), " ", edition_of(row["release"])] if told else [number(row)]
                if not told:
                    pair[what] = row
                    if row["release"] != release:
                        cell += [" ", edition_of(row["release"])]
                told.append(row["value"])
            contradicted += len(told) > 1
            cells.append(cell)
        balance: Parts = []
        printed = None
        if nets is not None:
            same = nets.filter(
                (pl.col("start") == start) & (pl.col("definition") == definition) & (pl.col("release") == release)
            )
            printed = next(same.sort("known", descending=True).iter_rows(named=True), None)
        if printed:
            balance = [number(printed)]
        elif len(pair) == 2 and pair["immigration"]["release"] == pair["emigration"]["release"]:
            balance = [made(pair["immigration"]["value"] - pair["emigration"]["value"], "persons", pair.values())]
        table.append([[Said(str(start.year))], *cells, balance])
    card = definitions().get(definition, {})
    says(
        section,
        say(
            "The longest series of arrivals and departures comes from {source}. {meaning}",
            source=edition_of(release),
            meaning=Said(str(card.get("meaning", "")), "note"),
        ),
    )
    note = say("Net is arrivals less departures. Source where no other is named: {source}.", source=edition_of(release))
    if contradicted:
        note += [" Figures after a stroke are told by another source for the same year."]
    shows(
        section,
        table_of(
            say("Arrivals and departures of {name}, persons a calendar year", name=Said(asked.name, "name")),
            [["Year"], ["Arrivals"], ["Departures"], ["Net"]],
            table,
            note,
        ),
    )


def _bilateral(table: pl.DataFrame, end: str) -> pl.DataFrame:
    return table.filter(
        pl.col("counterpart").is_not_null()
        & ~pl.col(end).str.starts_with("_")
        & (pl.col("group") == "all")
        & (pl.col("basis").fill_null("mixed") != "citizenship")
        & (pl.col("stream") == "all")
        & pl.col("value").is_not_null()
        & (pl.col("counterpart") != pl.col("place"))
    )


def _comparison_day(table: pl.DataFrame) -> date | None:
    """The newest day of which two editions of one family tell many corridors, else the newest day that one does."""
    days = table.group_by("start", "release").agg(pl.struct("place", "counterpart").n_unique().alias("corridors"))
    days = days.filter(pl.col("corridors") >= pl.min_horizontal(0.3 * pl.col("corridors").max(), 10))
    if days.is_empty():
        return None
    families = {k: copies.family_of(k) for k in days["release"].unique()}
    days = days.with_columns(family=pl.col("release").replace_strict(families, return_dtype=pl.String))
    weight = days.group_by("family").agg(pl.col("corridors").sum(), pl.col("release").n_unique())
    family = weight.sort("release", "corridors", "family", descending=[True, True, False])["family"][0]
    both = days.filter(pl.col("family") == family).group_by("start").len()
    two = both.filter(pl.col("len") >= 2)
    found: date = (two if len(two) else both)["start"].max()  # type: ignore[assignment]
    return found


def _corridor_table(
    table: pl.DataFrame, end: str, at: date, caption: Parts, first: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    rows = witnesses(table.filter(pl.col("start") == at).sort("known", "release", "id").iter_rows(named=True))
    by_end: dict[str, dict[str, dict[str, Any]]] = {}
    columns: dict[str, date] = {}
    for row in rows:
        before = by_end.setdefault(row[end], {}).get(row["release"])
        if before is not None and before["value"] >= row["value"]:
            continue  # two definitions of one release: the wider one is shown
        by_end[row[end]][row["release"]] = row
        columns[row["release"]] = row["known"]
    releases_shown = sorted(columns, key=lambda k: (columns[k], k))
    # A release that tells one or two corridors would be an almost empty column: it is shown in a cell of its own.
    wide = [
        k for k in releases_shown if sum(k in told for told in by_end.values()) >= max(3, 0.1 * len(by_end))
    ] or releases_shown
    largest = {c: max(r["value"] for r in told.values()) for c, told in by_end.items()}
    order = sorted((c for c in by_end if largest[c] > 0 or max(largest.values()) == 0), key=lambda c: (-largest[c], c))
    order = order[:ROWS_SHOWN]
    narrow = [k for k in releases_shown if k not in wide]
    body: list[list[Parts]] = []
    for code in order:
        told = by_end[code]
        line: list[Parts] = [[Said(named(code), "name")]]
        line += [[number(told[k])] if k in told else [] for k in wide]
        if narrow:
            cell: Parts = []
            for k in narrow:
                if k in told:
                    cell += [", " if cell else "", number(told[k]), " ", edition_of(k)]
            line.append(cell)
        body.append(line)
    heads: list[Parts] = [[first]]
    heads += [[edition_of(k)] for k in wide]
    if narrow:
        heads.append(["Other sources"])
    shown = [r for code in order for r in by_end[code].values()]
    return table_of(caption, heads, body), shown


def _contradiction(shown: list[dict[str, Any]], end: str, words: str) -> Parts | None:
    """The corridor that the editions shown tell most differently; the figure beside it names the same."""
    pairs = []
    for code in dict.fromkeys(r[end] for r in shown):
        told = sorted((r for r in shown if r[end] == code), key=lambda r: r["known"])
        if len(told) > 1:
            low, high = min(told, key=lambda r: r["value"]), max(told, key=lambda r: r["value"])
            pairs.append((high["value"] - low["value"], code, low, high))
    if not pairs:
        return None
    gap, code, low, high = max(pairs, key=lambda p: p[0])
    if gap < 0.5:
        return ["Where two editions tell a corridor shown here, they agree."]
    return say(
        f"The editions lie farthest apart on {words}: {{high}} in {{a}}, {{low}} in {{b}}.",
        other=Said(places()[code].name, "name"),
        high=number(high),
        a=edition_of(high["release"]),
        low=number(low),
        b=edition_of(low["release"]),
    )


def _living(section: Section, asked: Asked) -> None:
    """Migrants living here and abroad, by edition, with the contradictions."""
    here = asked(asked.code, "stock", stream="all")
    abroad = asked(None, "stock", counterpart=asked.code, stream="all").filter(~pl.col("place").str.starts_with("_"))
    whole = totals(here)
    name = Said(asked.name, "name")
    if whole.is_empty():
        says(section, unreported("the number of migrants living there", asked))
    else:
        rows = witnesses(whole.sort("start", "known").iter_rows(named=True))
        un = [r for r in rows if (card_of(r["release"]) or r) and copies.family_of(r["release"]) == "un-ims"] or rows
        if un:
            newest_release = max(un, key=lambda r: r["known"])["release"]
            last = [r for r in un if r["release"] == newest_release][-1]
            said = say(
                "On {day} {value} migrants lived in {name}, says {edition}.",
                day=Said(told_day(last["start"])),
                value=number(last, words=True),
                name=name,
                edition=edition_of(last["release"]),
            )
            earlier = [r for r in un if r["release"] != newest_release]
            common = [(r, e) for r in un if r["release"] == newest_release for e in earlier if e["start"] == r["start"]]
            if common:
                new, old = max(common, key=lambda pair: (pair[0]["start"], pair[1]["known"]))
                if abs(new["value"] - old["value"]) > 0.5:
                    said += say(
                        " For {day} it gives {new}, where {edition} had given {old}.",
                        day=Said(told_day(new["start"])),
                        new=number(new, words=True),
                        edition=edition_of(old["release"]),
                        old=number(old, words=True),
                    )
                else:
                    said += say(
                        " For {day} it repeats {edition}.",
                        day=Said(told_day(new["start"])),
                        edition=edition_of(old["release"]),
                    )
            says(section, said)
        drawn(section, lambda: figures_stocks.stock_by_edition(whole, as_of=asked.as_of))
    for table, end, first, words, title, empty in (
        (
            here,
            "counterpart",
            "Birthplace",
            "people from {other}",
            "Where migrants in {} were born",
            "the birthplaces of migrants",
        ),
        (
            abroad,
            "place",
            "Lives in",
            "those living in {other}",
            "Where people born in {} live",
            "where its people live abroad",
        ),
    ):
        pairs = _bilateral(table, end)
        at = _comparison_day(pairs)
        if at is None:
            says(section, unreported(empty, asked))
            continue
        caption = (
            say("Birthplaces of migrants in {name} on {day}, persons", name=name, day=Said(told_day(at)))
            if end == "counterpart"
            else say("Where people born in {name} lived on {day}, persons", name=name, day=Said(told_day(at)))
        )
        made_table, shown = _corridor_table(pairs, end, at, caption, first)
        contradiction = _contradiction(shown, end, words)
        if contradiction:
            says(section, contradiction)
        heading = f"{title.format(asked.name)}: {told_day(at)}, by edition"
        wide = pairs.filter(pl.col("id").is_in([r["id"] for r in shown]))
        short = "birthplaces" if end == "counterpart" else "destinations"

        def draw(
            wide: pl.DataFrame = wide, at: date = at, end: str = end, short: str = short, heading: str = heading
        ) -> figures.Figure:
            return figures_stocks.corridors(wide, day=at, by=end, top=ROWS_SHOWN, name=short, title=heading)

        drawn(section, draw)
        shows(section, made_table)
