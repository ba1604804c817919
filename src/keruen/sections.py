"""The sections of a brief: each asks the evidence, or a room, and says what it found in words and numbers.

A section is plain data: paragraphs, figures and tables in reading order. What nobody reported is said in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any

import polars as pl

from keruen import figures, figures_flows, figures_remittances, snapshot, store
from keruen.disagreement import CALENDAR, HALF, disagreement, revisions, sums
from keruen.errors import Incomparable, ModelError, NoEvidence
from keruen.figures_labour import fan
from keruen.flows import WorldFlows, corridor_rows
from keruen.flows import flows as flows_of
from keruen.labour import Labour, by_year, gather, probability
from keruen.labour import labour as labour_of
from keruen.leverage import leverage as leverage_of
from keruen.places import places
from keruen.provenance import definitions, releases
from keruen.remittances import remittances as remittances_of
from keruen.wording import (
    Number,
    Parts,
    Said,
    card_of,
    count,
    edition_of,
    figure,
    made,
    number,
    plural,
    quantity_of,
    say,
    span,
    told_day,
    window_of,
)

LABOUR = (
    "labour_migrants",
    "labour_migrants_abroad",
    "foreign_citizens",
    "work_permit_holders",
    "labour_arrivals",
    "labour_departures",
    "labour_returns",
    "work_permits_issued",
    "household_permits_issued",
    "patents_issued",
    "labour_documents_issued",
    "temporary_residence_permits",
    "labour_quota",
    "household_permit_quota",
    "regularised",
    "regularised_interim",
    "ethnic_return",
    "ethnic_return_cumulative",
    "ethnic_return_quota",
    "ethnic_return_within_quota",
    "ethnic_return_quota_families",
    "ethnic_return_within_quota_families",
)
MONEY = ("remittances_received", "remittances_paid", "remittances_share_gdp", "remittances", "money_transfers")
COUNTED = ("register", "administrative", "census")
YEARS_SHOWN = 8
ROWS_SHOWN = 10
LEVERAGE_DRAWS = 40  # a world of corridors a draw: more would double the memory of a brief
FACTS_SHOWN = 14


# ---------------------------------------------------------------- asking


@dataclass(frozen=True, slots=True)
class Asked:
    code: str
    name: str
    as_of: date | None
    strict: bool

    def __call__(self, place: str | list[str] | None, measure: str | Sequence[str], **more: Any) -> pl.DataFrame:
        found = store.evidence(place, measure, sex="all", as_of=self.as_of, strict=self.strict, **more)
        return found.filter((pl.col("age") == "all") & ~pl.col("definition").str.starts_with("un_projection_"))


def _totals(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("counterpart").is_null() & (pl.col("group") == "all") & pl.col("value").is_not_null())


def _witnesses(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that are no copies of another publisher's figure."""
    return [r for r in rows if not figures.copied(r)]


def _section(key: str, title: str) -> dict[str, Any]:
    return {"key": key, "title": title, "blocks": []}


def _says(section: dict[str, Any], parts: Parts) -> None:
    section["blocks"].append({"kind": "paragraph", "parts": parts})


def _shows(section: dict[str, Any], table: dict[str, Any]) -> None:
    section["blocks"].append({"kind": "table"} | table)


def _table(caption: Parts, columns: list[Parts], rows: list[list[Parts]], note: Parts | None = None) -> dict[str, Any]:
    # Columns of words are read from the left, columns of figures compared along their right edge.
    words = [not any(isinstance(p, Number) for r in rows for p in r[at]) for at in range(len(columns))]
    return {"caption": caption, "columns": columns, "words": words, "rows": rows, "note": note or []}


def _drawn(section: dict[str, Any], draw: Callable[[], figures.Figure]) -> None:
    """Put a figure into a section, if there is anything to draw."""
    with suppress(NoEvidence):
        section["blocks"].append({"kind": "figure", "figure": draw()})


def _unreported(what: str, asked: Asked) -> Parts:
    if asked.as_of:
        return say(
            f"By {{day}} no source at hand reported {what} for {{name}}.",
            day=Said(told_day(asked.as_of)),
            name=Said(asked.name, "name"),
        )
    return say(f"No source at hand reports {what} for {{name}}.", name=Said(asked.name, "name"))


# ---------------------------------------------------------------- net migration


@dataclass(frozen=True, slots=True)
class _Net:
    """Claims of net migration, made ready: all rivals, the leading definition, windows that are over."""

    claims: pl.DataFrame
    rivals: pl.DataFrame
    main: str
    windows: list[tuple[date, date]]

    def editions(self, window: tuple[date, date]) -> list[dict[str, Any]]:
        """What each edition of the leading definition gave, one figure an edition, in the order of release."""
        rows = self.rivals.filter(
            (pl.col("start") == window[0])
            & (pl.col("end") == window[1])
            & (pl.col("definition") == self.main)
            & pl.col("value").is_not_null()
            & ~_other_years()
        )
        found = _witnesses(rows.sort("known", "release").iter_rows(named=True))
        first: dict[str, dict[str, Any]] = {}
        for row in found:  # what an edition prints goes before a sum of its years
            if row["release"] not in first or (first[row["release"]]["derived_from"] and not row["derived_from"]):
                first[row["release"]] = row
        return list(first.values())

    def others(self, window: tuple[date, date]) -> list[dict[str, Any]]:
        """What is told by other definitions, over the calendar years that begin in the window."""
        rows = self.rivals.filter(
            (pl.col("start") == window[0])
            & (pl.col("end") == window[1])
            & (pl.col("definition") != self.main)
            & pl.col("value").is_not_null()
            & (_other_years() | pl.col("derived_from").is_null())
        )
        told = _witnesses(rows.sort("known", "release").iter_rows(named=True))
        return told + [s for s in self._balances(window) if s["release"] not in {r["release"] for r in told}]

    def _balances(self, window: tuple[date, date]) -> list[dict[str, Any]]:
        """Yearly balances of registers (arrivals less departures) over the calendar years that begin in the window."""
        years = range(window[0].year, window[1].year)
        rows = _year_rows(self.claims.filter(pl.col("derived_from").is_not_null() & pl.col("status").is_in(COUNTED)))
        out = []
        for _, part in rows.filter(pl.col("start").dt.year().is_in(list(years))).group_by(
            "release", "definition", maintain_order=True
        ):
            parts = list(part.sort("start").iter_rows(named=True))
            if [r["start"].year for r in parts] == list(years):
                ids = dict.fromkeys(i for r in parts for i in figures.rests_on(r))
                named = f"{CALENDAR} {years[0]}–{years[-1]}"
                lag = any(r["known_basis"] == "publication lag" for r in parts)
                out.append(
                    parts[-1]
                    | {
                        "start": window[0],
                        "end": window[1],
                        "value": sum(r["value"] for r in parts),
                        "convention": named,
                    }
                    | {
                        "derived_from": " ".join(ids),
                        "known_basis": "publication lag" if lag else parts[-1]["known_basis"],
                    }
                )
        return sorted(out, key=lambda r: r["release"])


def _other_years() -> pl.Expr:
    return (pl.col("convention").fill_null("").str.starts_with(CALENDAR)) & (pl.col("convention") != HALF)


def net_of(asked: Asked) -> _Net | None:
    """Claims about net migration, their rivals and windows; nothing where nobody reported any."""
    claims = asked(asked.code, "net_migration", stream="all")
    claims = claims.filter(pl.col("counterpart").is_null() & (pl.col("group") == "all"))
    if claims.is_empty():
        return None
    rivals = disagreement(asked.code, "net_migration", as_of=asked.as_of, strict=asked.strict, claims=claims)
    by = (
        rivals.filter(pl.col("copy_of").is_null())
        .group_by("definition")
        .agg(pl.col("release").n_unique(), pl.len())
        .sort("release", "len", "definition", descending=[True, True, False])
    )
    main = by["definition"][0] if len(by) else rivals["definition"][0]
    horizon: date = asked.as_of or rivals["known"].max()  # type: ignore[assignment]
    estimated = rivals.filter((pl.col("definition") == main) & (pl.col("status") != "projection"))
    five = estimated.filter(
        (pl.col("end").dt.year() - pl.col("start").dt.year() == 5)
        & (pl.col("start").dt.month() == 7)
        & (pl.col("end") <= horizon)
    )
    windows = sorted(set(five.select("start", "end").iter_rows()))
    if not windows:
        rivals, windows = _summed(claims, rivals, horizon)
    return _Net(claims, rivals, main, windows)


def _summed(claims: pl.DataFrame, rivals: pl.DataFrame, horizon: date) -> tuple[pl.DataFrame, list[tuple[date, date]]]:
    """Five-year sums where only yearly editions speak of a place: small ones came late into the UN's tables."""
    spans = [(date(y, 7, 1), date(y + 5, 7, 1)) for y in range(1950, horizon.year - 4, 5)]
    asked = pl.DataFrame(
        {"start": [a for a, _ in spans], "end": [b for _, b in spans]}, schema={"start": pl.Date, "end": pl.Date}
    )
    found = sums(claims, asked)
    told = sorted(set(found.filter(pl.col("status") != "projection").select("start", "end").iter_rows()))
    shared = [c for c in rivals.columns if c in found.columns]
    return pl.concat([rivals, found.select(shared)], how="diagonal"), [w for w in told if w[1] <= horizon]


def _moved(value: float) -> str:
    return "gained" if value > 0 else "lost"


def _sign_words(rows: list[dict[str, Any]]) -> str:
    up, down = any(r["value"] > 0 for r in rows), any(r["value"] < 0 for r in rows)
    if up and down:
        return "no: both signs"
    if len(rows) == 1:
        return "one source alone"
    if up:
        return "yes: gain" if all(r["value"] > 0 for r in rows) else "gain or balance"
    if down:
        return "yes: loss" if all(r["value"] < 0 for r in rows) else "loss or balance"
    return "yes: balance"


def _rewrites(rows: list[dict[str, Any]]) -> int:
    return sum(abs(b["value"] - a["value"]) > 0.5 for a, b in pairwise(rows))


def headline_of(asked: Asked, net: _Net | None) -> list[Parts]:
    """The answer in a few sentences: who says what, do they agree on the sign, how often was it rewritten."""
    name = Said(asked.name, "name")
    if net is None:
        return [_unreported("net migration", asked)]
    if not net.windows:
        return [_newest_years(asked, net)]
    window = net.windows[-1]
    rows = net.editions(window)
    newest = rows[-1]
    when: Parts = [Said(f"mid-{window[0].year}"), " to ", Said(f"mid-{window[1].year}")]
    if newest["value"]:
        first = say(
            f"From {{when}} {{name}} {_moved(newest['value'])} {{much}} people through migration, "
            "says {edition}, the newest edition of the {publisher}.",
            when=when,
            name=name,
            much=number(newest, words=True, absolute=True),
            edition=edition_of(newest["release"]),
            publisher=_publisher(newest["release"]),
        )
    else:
        first = say(
            "From {when} as many came to {name} as left ({much}), says {edition}, "
            "the newest edition of the {publisher}.",
            when=when,
            name=name,
            much=number(newest),
            edition=edition_of(newest["release"]),
            publisher=_publisher(newest["release"]),
        )
    out = [first]
    rounded = {round(r["value"]) for r in rows}
    if len(rounded) > 1:
        low, high = min(rows, key=lambda r: r["value"]), max(rows, key=lambda r: r["value"])
        gains = [r for r in rows if r["value"] > 0]
        losses = [r for r in rows if r["value"] < 0]
        even = [r for r in rows if r["value"] == 0]
        ahead = [r for r in rows if r["status"] == "projection"]
        among: Parts = say(", {n} of them looking ahead,", n=_counted(ahead)) if ahead else []
        spread = say(
            "{n} editions{among} give anything from {low} to {high}",
            n=_capital(_counted(rows)),
            among=among,
            low=_signed(low),
            high=_signed(high),
        )
        if gains and losses:
            spread += say(
                f" and disagree even on the sign: {{up}} {plural(len(gains), 'says', 'say')} more people came, "
                f"{{down}} {plural(len(losses), 'says', 'say')} more left"
                + (f", {{even}} {plural(len(even), 'gives', 'give')} nought." if even else "."),
                up=_counted(gains),
                down=_counted(losses),
                even=_counted(even) if even else "",
            )
        else:
            spread += [", but agree on the sign." if (gains or losses) else "."]
        out.append(spread)
        times = _rewrites(rows)
        later = rows[1:]
        out.append(
            say(
                "Since its first print in {first} the figure was {rewritten} in {later}; "
                "expect the newest to move too.",
                first=Said(str(rows[0]["known"].year)),
                rewritten=["rewritten ", _times(times, rows)],
                later=[_counted(later), f" later {plural(len(later), 'edition')}"]
                if len(later) > 1
                else "the next edition",
            )
        )
    elif len(rows) > 1:
        out.append(say("All {n} editions print the same figure.", n=_counted(rows)))
    counted = [r for r in net.others(window) if r["status"] in COUNTED]
    if counted:
        own = counted[0]
        out.append(
            say(
                "What is counted at home says {value} ({edition}, {convention}): "
                "another definition, so no direct rival.",
                value=_signed(own),
                edition=edition_of(own["release"]),
                convention=Said(str(own["convention"] or span(own["start"], own["end"]))),
            )
        )
    return out


def _newest_years(asked: Asked, net: _Net) -> Parts:
    """The answer where no five-year figure is over: the newest year that is told."""
    rows = _witnesses(
        _totals(net.claims).filter(pl.col("status") != "projection").sort("end", "known").iter_rows(named=True)
    )
    rows = rows or _witnesses(_totals(net.claims).sort("end", "known").iter_rows(named=True))
    if not rows:
        return _unreported("net migration", asked)
    last = rows[-1]
    return say(
        "No source at hand tells five whole years; for {when} {edition} gives {value}.",
        when=window_of(last["start"], last["end"]),
        edition=edition_of(last["release"]),
        value=_signed(last),
    )


def _publisher(key: str) -> Said:
    card = card_of(key)
    text = card.publisher if card else key
    text = {"United Nations, Department of Economic and Social Affairs, Population Division": "United Nations"}.get(
        text, text
    )
    return Said(text, "name", key)


def _signed(row: dict[str, Any]) -> Number:
    n = number(row, words=True)
    return Number(
        n.value, n.unit, ("+" if n.value > 0 else "") + n.text, n.ids, n.release, n.status, n.own, n.lag, n.mark
    )


def _counted(rows: list[dict[str, Any]]) -> Number:
    return made(len(rows), "editions", rows, text=count(len(rows)))


def _capital(n: Number) -> Number:
    return Number(n.value, n.unit, n.text[:1].upper() + n.text[1:], n.ids, n.release, n.status, n.own, n.lag, n.mark)


def _times(n: int, rows: list[dict[str, Any]]) -> Number:
    text = {1: "once", 2: "twice"}.get(n, f"{count(n)} times")
    return made(n, "times", rows, text=text)


def net_section(asked: Asked, net: _Net | None) -> dict[str, Any]:
    """Net migration by edition: the figure, and the rival claims of each period."""
    section = _section("net-migration", "Net migration, by edition")
    if net is None:
        _says(section, _unreported("net migration", asked))
        return section
    _drawn(section, lambda: figures.net_migration_by_edition(net.claims, as_of=asked.as_of))
    windows = net.windows[-6:]
    if not windows:
        return section
    rows: list[list[Parts]] = []
    other = any(net.others(w) for w in windows)
    for window in reversed(windows):
        told = net.editions(window)
        low, high = min(told, key=lambda r: r["value"]), max(told, key=lambda r: r["value"])
        line: list[Parts] = [
            [window_of(*window)],
            [number(told[-1]), " ", edition_of(told[-1]["release"])],
            [number(low), " ", edition_of(low["release"])],
            [number(high), " ", edition_of(high["release"])],
            [made(len({round(r["value"]) for r in told}), "figures", told)],
            [_sign_words(told)],
        ]
        if other:
            cell: Parts = []
            shown: list[float] = []
            for row in net.others(window):
                if len(shown) < 3 and not any(abs(row["value"] - v) <= 0.5 for v in shown):
                    cell += [", " if cell else "", number(row), " ", edition_of(row["release"])]
                    shown.append(row["value"])
            line.append(cell)
        rows.append(line)
    columns: list[Parts] = [
        ["Period"],
        ["Newest edition"],
        ["Lowest"],
        ["Highest"],
        ["Different figures"],
        ["Same sign?"],
    ]
    if other:
        columns.append(["Counted or told otherwise, calendar years"])
    definition = definitions().get(net.main, {})
    _shows(
        section,
        _table(
            say(
                "Rival claims to net migration of {name}, persons over five years (mid-year to mid-year)",
                name=Said(asked.name, "name"),
            ),
            columns,
            rows,
            say(
                "{definition} Yearly editions are summed over the window with half weights for the two years it cuts.",
                definition=Said(str(definition.get("meaning", "")), "note"),
            ),
        ),
    )
    return section


# ---------------------------------------------------------------- the register and the partners


def _year_rows(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(
        (pl.col("start").dt.month() == 1)
        & (pl.col("start").dt.day() == 1)
        & (pl.col("end").dt.year() == pl.col("start").dt.year() + 1)
        & (pl.col("end").dt.month() == 1)
        & (pl.col("end").dt.day() == 1)
    )


def register_section(asked: Asked, net: _Net | None) -> dict[str, Any]:
    """What is counted at home, and what the other end of the corridors says."""
    section = _section("register", "What is counted at home, and what the other end says")
    flows = asked(asked.code, ["immigration", "emigration"], stream="all")
    totals = _year_rows(_totals(flows))
    totals = totals.filter(
        pl.col("status").is_in([*COUNTED, "estimate", "press", "survey"]) & pl.col("copy_of").is_null()
    )
    if totals.is_empty():
        _says(section, _unreported("yearly totals of arrivals and departures", asked))
    else:
        _register_table(section, asked, net, totals)
    _foreigners(section, asked, flows)
    _partners(section, asked, flows)
    return section


def _foreigners(section: dict[str, Any], asked: Asked, flows: pl.DataFrame) -> None:
    """Arrivals of foreign citizens alone: a part of the arrivals, never set beside them as a rival."""
    name = Said(asked.name, "name")
    told = _year_rows(
        flows.filter((pl.col("measure") == "immigration") & pl.col("value").is_not_null() & pl.col("copy_of").is_null())
    )
    totals = told.filter(pl.col("counterpart").is_null() & (pl.col("group") == "citizenship=foreign"))
    if len(totals):
        lines: list[list[Parts]] = [
            [[Said(str(r["start"].year))], [number(r)], _source_cell(r)]
            for r in totals.sort("start", "known", descending=True).head(YEARS_SHOWN).iter_rows(named=True)
        ]
        _shows(
            section,
            _table(
                say("Arrivals of foreign citizens in {name}, persons a year: nationals are left out", name=name),
                [["Year"], ["Persons"], ["Source"]],
                lines,
            ),
        )
    parts = told.filter(
        (pl.col("basis") == "citizenship")
        & (pl.col("group") == "all")
        & pl.col("counterpart").is_not_null()
        & ~pl.col("counterpart").str.starts_with("_")
    )
    if len(parts):
        at: date = parts["start"].max()  # type: ignore[assignment]
        top = parts.filter(pl.col("start") == at).sort("value", "counterpart", descending=[True, False])
        lines = [
            [[Said(_named(r["counterpart"]), "name")], [number(r)], [edition_of(r["release"])]]
            for r in top.head(ROWS_SHOWN).iter_rows(named=True)
        ]
        _shows(
            section,
            _table(
                say("Arrivals in {name} by citizenship in {year}, persons", name=name, year=Said(str(at.year))),
                [["Citizens of"], ["Persons"], ["Source"]],
                lines,
            ),
        )


def _named(code: str) -> str:
    return places()[code].name if code in places() else code


def _register_table(section: dict[str, Any], asked: Asked, net: _Net | None, totals: pl.DataFrame) -> None:
    series = (
        totals.group_by("release", "definition")
        .agg(pl.struct("start", "measure").n_unique().alias("n"), pl.col("end").max(), pl.col("measure").n_unique())
        .sort("measure", "n", "end", "release", descending=[True, True, True, False])
    )
    release, definition = series["release"][0], series["definition"][0]
    main = totals.filter((pl.col("release") == release) & (pl.col("definition") == definition))
    years = sorted(set(totals["start"].to_list()))[-YEARS_SHOWN:]
    nets = _year_rows(_totals(net.claims)) if net else None
    table: list[list[Parts]] = []
    contradicted = 0
    for start in reversed(years):
        cells: list[Parts] = []
        pair: dict[str, dict[str, Any]] = {}
        for what in ("immigration", "emigration"):
            rows = totals.filter((pl.col("start") == start) & (pl.col("measure") == what)).sort("known", "id")
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
    _says(
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
    _shows(
        section,
        _table(
            say("Arrivals and departures of {name}, persons a calendar year", name=Said(asked.name, "name")),
            [["Year"], ["Arrivals"], ["Departures"], ["Net"]],
            table,
            note,
        ),
    )


def _ends(table: pl.DataFrame, other: str) -> dict[tuple[str, date], list[dict[str, Any]]]:
    """Whole-year counts between two places, by the other place and year."""
    keep = _year_rows(
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


def _partners(section: dict[str, Any], asked: Asked, flows: pl.DataFrame) -> None:
    """Corridors of which both ends report the same year."""
    abroad = asked(None, ["immigration", "emigration"], counterpart=asked.code, stream="all")
    abroad = abroad.filter(pl.col("place") != asked.code)
    lines: list[tuple[float, list[Parts]]] = []
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
    if not lines:
        return
    lines.sort(key=lambda pair: -pair[0])
    _shows(
        section,
        _table(
            say("The same moves told from both ends, persons in the newest year that both report", name=""),
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


# ---------------------------------------------------------------- migrants living here and abroad


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
    families = {k: figures.family_of(k) for k in days["release"].unique()}
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
    rows = _witnesses(table.filter(pl.col("start") == at).sort("known", "release", "id").iter_rows(named=True))
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
    order = sorted(by_end, key=lambda c: (-max(r["value"] for r in by_end[c].values()), c))[:ROWS_SHOWN]
    narrow = [k for k in releases_shown if k not in wide]
    body: list[list[Parts]] = []
    for code in order:
        told = by_end[code]
        line: list[Parts] = [[Said(_named(code), "name")]]
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
    return _table(caption, heads, body), shown


def _contradiction(shown: list[dict[str, Any]], end: str, words: str) -> Parts | None:
    """The corridor whose newest two editions lie farthest apart."""
    families = [figures.family_of(r["release"]) for r in shown]
    leading = max(sorted(set(families)), key=families.count, default="")
    shown = [r for r in shown if figures.family_of(r["release"]) == leading]
    pairs = []
    for code in {r[end] for r in shown}:
        told = sorted((r for r in shown if r[end] == code), key=lambda r: r["known"])
        if len(told) > 1:
            low, high = min(told, key=lambda r: r["value"]), max(told, key=lambda r: r["value"])
            pairs.append((high["value"] - low["value"], code, low, high))
    if not pairs:
        return None
    gap, code, low, high = max(pairs, key=lambda p: (p[0], p[1]))
    if gap < 0.5:
        return ["The editions agree on every corridor shown."]
    return say(
        f"The editions lie farthest apart on {words}: {{high}} in {{a}}, {{low}} in {{b}}.",
        other=Said(places()[code].name, "name"),
        high=number(high),
        a=edition_of(high["release"]),
        low=number(low),
        b=edition_of(low["release"]),
    )


def stock_section(asked: Asked) -> dict[str, Any]:
    """Migrants living here and abroad, by edition, with the contradictions."""
    section = _section("stock", "Migrants living here and abroad, by edition")
    here = asked(asked.code, "stock", stream="all")
    abroad = asked(None, "stock", counterpart=asked.code, stream="all").filter(~pl.col("place").str.starts_with("_"))
    totals = _totals(here)
    name = Said(asked.name, "name")
    if totals.is_empty():
        _says(section, _unreported("the number of migrants living there", asked))
    else:
        rows = _witnesses(totals.sort("start", "known").iter_rows(named=True))
        un = [r for r in rows if (card_of(r["release"]) or r) and figures.family_of(r["release"]) == "un-ims"] or rows
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
            _says(section, said)
        _drawn(section, lambda: figures.stock_by_edition(totals, as_of=asked.as_of))
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
            _says(section, _unreported(empty, asked))
            continue
        caption = (
            say("Birthplaces of migrants in {name} on {day}, persons", name=name, day=Said(told_day(at)))
            if end == "counterpart"
            else say("Where people born in {name} lived on {day}, persons", name=name, day=Said(told_day(at)))
        )
        made_table, shown = _corridor_table(pairs, end, at, caption, first)
        contradiction = _contradiction(shown, end, words)
        if contradiction:
            _says(section, contradiction)
        heading = f"{title.format(asked.name)}: {told_day(at)}, by edition"
        wide = pairs.filter(pl.col("release").is_in([r["release"] for r in shown]))
        short = "birthplaces" if end == "counterpart" else "destinations"

        def draw(
            wide: pl.DataFrame = wide, at: date = at, end: str = end, short: str = short, heading: str = heading
        ) -> figures.Figure:
            return figures.corridors(wide, day=at, by=end, top=ROWS_SHOWN, name=short, title=heading)

        _drawn(section, draw)
        _shows(section, made_table)
    return section


# ---------------------------------------------------------------- money


def money_section(asked: Asked) -> dict[str, Any]:
    """What the place receives and from whom: published, derived, modelled and transferred, kept apart."""
    section = _section("money", "What it receives and from whom")
    money = asked(asked.code, list(MONEY))
    totals = _year_rows(_totals(money))
    main = totals.filter(pl.col("measure").is_in(["remittances_received", "remittances_share_gdp"]))
    if main.is_empty():
        _says(section, _unreported("remittances received", asked))
    else:
        received = _witnesses(
            main.filter(pl.col("measure") == "remittances_received").sort("start", "known").iter_rows(named=True)
        )
        shares = _witnesses(
            main.filter(pl.col("measure") == "remittances_share_gdp").sort("start", "known").iter_rows(named=True)
        )
        if received:
            last = received[-1]
            said = say(
                "In {year} {name} received {value} of remittances, says {edition}",
                year=Said(str(last["start"].year)),
                name=Said(asked.name, "name"),
                value=number(last, words=True),
                edition=edition_of(last["release"]),
            )
            if shares:
                share = max(shares, key=lambda r: (r["start"], not _derived(r), r["known"]))
                said += say(
                    "; the newest share of gross domestic product is {share} ({year}, {how} {edition})",
                    share=number(share, words=True),
                    year=Said(str(share["start"].year)),
                    how="derived from" if _derived(share) else "published in",
                    edition=edition_of(share["release"]),
                )
            _says(section, [*said, "."])
        _drawn(section, lambda: figures.remittances(_totals(main), as_of=asked.as_of))
        keys: dict[tuple[str, str, bool], date] = {}
        cells: dict[tuple[date, tuple[str, str, bool]], dict[str, Any]] = {}
        for row in (*received, *shares):
            key = (row["measure"], row["release"], _derived(row))
            keys[key] = max(row["known"], keys.get(key, date.min))
            cells[row["start"], key] = row
        years = sorted({start for start, _ in cells})[-YEARS_SHOWN:]
        order = sorted(
            (k for k in keys if any((y, k) in cells for y in years)), key=lambda k: (k[0], k[2], keys[k], k[1])
        )
        heads: list[Parts] = [["Year"]]
        for what, release, derived in order:
            unit = (
                "million USD"
                if what == "remittances_received"
                else "percent of GDP, derived"
                if derived
                else "percent of GDP, published"
            )
            heads.append([edition_of(release), f": {unit}"])
        body: list[list[Parts]] = []
        for y in reversed(years):
            told: list[Parts] = [[number(cells[y, k])] if (y, k) in cells else [] for k in order]
            body.append([[Said(str(y.year))], *told])
        _shows(
            section,
            _table(
                say("Personal remittances received by {name}, by source", name=Said(asked.name, "name")),
                heads,
                body,
                [
                    "Published shares are printed by the source; "
                    "derived ones are its remittances over its gross domestic product."
                ],
            ),
        )
    _corridor_money(section, asked, money)
    _modelled_hosts(section, asked, money)
    return section


def _modelled_hosts(section: dict[str, Any], asked: Asked, money: pl.DataFrame) -> None:
    """Hosts by Keruen's own spreading of inflows over stocks, with the spread of the rival editions."""
    if asked.strict:  # stocks and incomes of running series would come in by the back door
        return
    try:
        found = remittances_of(asked.code, as_of=asked.as_of, draws=200, since=2000)
    except NoEvidence:
        return
    ours = found.hosts.filter(pl.col("method") == "ratha_shaw")
    if ours.is_empty():
        return
    at = ours["year"].max()
    shown = ours.filter((pl.col("year") == at) & (pl.col("usd") > 0)).sort("usd", descending=True).head(5)
    stocks = asked(shown["place"].to_list(), "stock", counterpart=asked.code)
    behind = {r["id"]: r for table in (money, stocks) for r in table.iter_rows(named=True)}
    lines: list[list[Parts]] = []
    for row in shown.iter_rows(named=True):
        rows = [behind[i] for i in row["ids"].split()]
        cells: list[Parts] = [[made(row[k], "USD", rows)] for k in ("usd", "low80", "high80")]
        lines.append([[Said(places()[row["place"]].name, "name")], *cells])
    if not lines:
        return
    _shows(
        section,
        _table(
            say("Remittances to {name} by host in {year}, million USD: Keruen's split of the inflow",
                name=Said(asked.name, "name"), year=Said(str(at))),
            [["Host"], ["Median"], ["Low"], ["High"]],
            lines,
            ["Inflows spread over the people abroad and the incomes there and at home, after Ratha and Shaw. "
             "Low and high hold four draws in five over rival editions of stock and inflow; what they share is no "
             "doubt to them."],
        ),
    )  # fmt: skip
    _drawn(section, lambda: figures_remittances.hosts(found.hosts, asked.code))


@lru_cache(maxsize=4)
def _world(as_of: date | None, version: str, own: int) -> WorldFlows | None:
    """Flows of all places of the newest period that can be told: one estimate for the briefs of a process."""
    for period in ("2015-2020", "2015-2019", "2010-2015"):
        with suppress(NoEvidence):
            return flows_of(period, as_of=as_of)
    return None


def flows_section(asked: Asked) -> dict[str, Any]:
    """The largest corridors of the place, as estimated from the stocks of every edition that can tell."""
    section = _section("flows", "Who went where")
    found = _world(asked.as_of, str(snapshot.manifest()["version"]), len(store.own()))
    try:
        top = corridor_rows(found, asked.code, top=5) if found is not None else None
    except NoEvidence:
        top = None
    if found is None or top is None:
        _says(section, _unreported("stocks at two dates, from which flows could be estimated,", asked))
        return section
    start, end = top.row(0, named=True)["start"], top.row(0, named=True)["end"]
    editions = found.cube["release"].values.tolist()
    ends = [asked.code, *top["counterpart"].unique().sort().to_list()]
    stocks = asked(ends, "stock", release=editions, since=start, until=end)
    stocks = stocks.filter(pl.col("start").is_in([start, end]) & pl.col("value").is_not_null())
    between: dict[frozenset[str], list[dict[str, Any]]] = {}
    totals: dict[str, list[dict[str, Any]]] = {}
    for row in stocks.iter_rows(named=True):
        if row["counterpart"] is None:
            totals.setdefault(row["place"], []).append(row)
        elif asked.code in (row["place"], row["counterpart"]):
            between.setdefault(frozenset((row["place"], row["counterpart"])), []).append(row)
    lines: list[list[Parts]] = []
    for row in top.sort("direction", descending=True, maintain_order=True).iter_rows(named=True):
        other = row["counterpart"]
        behind = [*between.get(frozenset((asked.code, other)), ()), *totals.get(other, ()), *totals.get(asked.code, ())]
        if not behind:
            continue
        pair = [Said(asked.name, "name"), Said(places()[other].name, "name")]
        cells: list[Parts] = [[name] for name in (pair if row["direction"] == "out" else pair[::-1])]
        cells += [[made(round(row[k]), "persons", behind)] for k in ("value", "lowest", "highest")]
        lines.append(cells)
    if not lines:
        _says(section, _unreported("stocks at two dates, from which flows could be estimated,", asked))
        return section
    said: Parts = ["By edition: "]
    for k, key in enumerate(editions):
        said += [", " if k else "", edition_of(key)]
    _shows(
        section,
        _table(
            say("The largest flows of {name}, {window}: people who lived elsewhere at its end, by Keruen's estimate",
                name=Said(asked.name, "name"), window=window_of(start, end)),
            [["From"], ["To"], ["Newest edition"], ["Lowest edition"], ["Highest edition"]],
            lines,
            [*said, ". Estimated from stocks by birthplace, births and deaths by pseudo-Bayes (Azose and Raftery). "
             "The range is that of the editions; no draws were made here, and keruen flows makes them. A transition of "
             "people is not a movement in a register, and does not add up with one."],
        ),
    )  # fmt: skip
    newest = found.rows(asked.code).filter(pl.col("release") == editions[-1])
    ids = [i for row in totals.get(asked.code, ()) for i in figures.rests_on(row)]
    _drawn(section, lambda: figures_flows.made_of(newest, asked.code, ids=ids))
    return section


def power_section(asked: Asked) -> dict[str, Any]:
    """What the place could take from those whose people work there."""
    section = _section("power", "What it holds over others")
    if asked.strict:
        _says(section, ["Left out: it would rest on figures whose known day is a publication lag."])
        return section
    try:
        found = leverage_of(asked.code, system="world", draws=LEVERAGE_DRAWS, as_of=asked.as_of)
    except NoEvidence:
        _says(section, _unreported("what its neighbours' migrants send home", asked))
        return section
    table = found.table.drop_nulls("gross").filter((pl.col("over") != asked.code) & (pl.col("income_usd") > 0))
    table = table.sort("gross", descending=True).head(ROWS_SHOWN)
    if table.is_empty():
        _says(section, say("Nobody who reports has people in {name}.", name=Said(asked.name, "name")))
        return section
    rows_there = asked(
        table["over"].to_list(),
        ["remittances_received", "gdp"],
        since=f"{found.year}-01-01",
        until=f"{found.year}-12-31",
    )
    behind = {r["id"]: r for r in rows_there.iter_rows(named=True)}
    rows_of = {p: [behind[i] for i in found.ids[p]] for p in table["over"]}
    first = table.row(0, named=True)
    _says(
        section,
        say(
            "If {name} closed to them in {year}, {other} would lose {gross} percent of its product for good, after its "
            "people went where their countrymen are; {d} percent come from there.",
            name=Said(asked.name, "name"), year=Said(str(found.year)), other=Said(places()[first["over"]].name, "name"),
            gross=made(first["gross"], "percent", rows_of[first["over"]]),
            d=made(first["dependence"], "percent", rows_of[first["over"]]),
        ),
    )  # fmt: skip
    lines: list[list[Parts]] = []
    for row in table.iter_rows(named=True):
        rows = rows_of[row["over"]]
        cells: list[Parts] = [[made(row["income_usd"], "USD", rows)]]
        cells += [
            [made(row[k], "percent", rows)] for k in ("dependence", "outside", "gross", "gross_low80", "gross_high80")
        ]
        cells.append([made(row["cost"], "percent", rows)] if row["cost"] is not None else [])
        lines.append([[Said(places()[row["over"]].name, "name")], *cells])
    _shows(
        section,
        _table(
            say("Leverage of {name} in {year}", name=Said(asked.name, "name"), year=Said(str(found.year))),
            [["Over"], ["Income from there, million USD"], ["Percent of product"], ["Outside option, percent of it"],
             ["Gross leverage, percent of product"], ["Low"], ["High"], ["Own dependence, percent of its product"]],
            lines,
            ["Gross leverage is the income times what could not be earned elsewhere. Low and high hold four draws in "
             "five over rival editions. Assumed: " + " ".join(found.assumptions)],
        ),
    )  # fmt: skip
    _drawn(
        section,
        lambda: figures_remittances.asymmetry(
            table, year=found.year, ids=[i for p in table["over"] for i in found.ids[p]]
        ),
    )
    return section


def _derived(row: dict[str, Any]) -> bool:
    return bool(row["derived_from"] or row["convention"])


def _corridor_money(section: dict[str, Any], asked: Asked, money: pl.DataFrame) -> None:
    senders = money.filter(
        pl.col("counterpart").is_not_null()
        & ~pl.col("counterpart").str.starts_with("_")
        & (pl.col("group") == "all")
        & pl.col("value").is_not_null()
    )
    model = senders.filter(pl.col("measure") == "remittances")
    if len(model):
        at: date = model["start"].max()  # type: ignore[assignment]
        rows = (
            model.filter(pl.col("start") == at).sort("value", "counterpart", descending=[True, False]).head(ROWS_SHOWN)
        )
        lines: list[list[Parts]] = [
            [[Said(places()[r["counterpart"]].name, "name")], [number(r)], [edition_of(r["release"])]]
            for r in rows.iter_rows(named=True)
        ]
        _shows(
            section,
            _table(
                say(
                    "Remittances to {name} by sender in {year}, million USD: a model's split, not reports",
                    name=Said(asked.name, "name"),
                    year=Said(str(at.year)),
                ),
                [["Sender"], ["Million USD"], ["Source"]],
                lines,
                ["The model spreads what a country receives over senders by their migrants and incomes."],
            ),
        )
    transfers = senders.filter(
        (pl.col("measure") == "money_transfers") & (pl.col("end") - pl.col("start") >= pl.duration(days=80))
    )
    if len(transfers):
        newest = (
            transfers.sort("counterpart", "end", "known")
            .group_by("counterpart", maintain_order=True)
            .last()
            .sort("end", "value", descending=True)
        )
        lines = [
            [
                [Said(places()[r["counterpart"]].name, "name")],
                [window_of(r["start"], r["end"])],
                [number(r)],
                [edition_of(r["release"])],
            ]
            for r in newest.head(ROWS_SHOWN).iter_rows(named=True)
        ]
        _shows(
            section,
            _table(
                say(
                    "Money transfers of individuals to {name}, newest figure a sender: "
                    "another quantity than remittances",
                    name=Said(asked.name, "name"),
                ),
                [["Sender"], ["Period"], ["Million USD"], ["Source"]],
                lines,
                [
                    "Transfers run through banks and transfer systems. "
                    "They never add up with remittances of the balance of payments."
                ],
            ),
        )


# ---------------------------------------------------------------- labour and return


FEWEST_ANCHORS = 5  # below that a posterior of labour migrants is hardly more than its priors


@lru_cache(maxsize=16)
def _reckoned(code: str, as_of: date | None, strict: bool, claims: tuple[str, ...]) -> Labour:
    """The posterior of a place on a day; `claims` are in the key, so that a figure added asks anew."""
    return labour_of(code, as_of=as_of, strict=strict, influence="none", warmup=900, draws=1200)


def _uncounted(section: dict[str, Any], asked: Asked) -> None:
    """How many labour migrants, registered and not: Keruen's own reckoning, where enough figures tie it."""
    facts = gather(asked.code, as_of=asked.as_of, strict=asked.strict)
    try:
        found = _reckoned(asked.code, asked.as_of, asked.strict, tuple(facts["id"].to_list()))
    except NoEvidence:
        return
    except ModelError:
        _says(section, ["How many labour migrants there are is left out: the reckoning did not settle."])
        return
    if len(found.design.anchors) < FEWEST_ANCHORS:
        return
    ids = {i for a in found.anchors for i in a["ids"]}
    rows = [r for r in facts.to_dicts() if r["id"] in ids]
    told = by_year(found)
    year = found.statements[0].years[0][0] if found.statements else told["years"][-1]
    year = min(year, told["years"][-1] if asked.as_of is None else asked.as_of.year)
    at = told["years"].index(year)

    def people(name: str, end: str) -> Number:
        return made(float(f"{told[name][end][at]:.2g}"), "persons", rows, words=True)

    _says(
        section,
        say(
            "How many labour migrants? In {year} about {total} were present (four chances in five between {low} and "
            "{high}), {unregistered} of them without papers: {ratio} for each registered one. No source says so: it is "
            "reckoned from {n} figures, each with a stated error.",
            year=Said(str(year)), total=people("total", "median"), low=people("total", "low80"),
            high=people("total", "high80"), unregistered=people("unregistered", "median"),
            ratio=made(round(told["ratio"]["median"][at], 1), "ratio", rows),
            n=made(len(found.design.anchors), "figures", rows),
        ),
    )  # fmt: skip
    for statement in found.statements:
        chances = [probability(found, year, statement.value, with_statements=w)[0] for w in (False, True)]
        _says(
            section,
            say(
                "{who}: {number} in {year}. The chance of so many or more is {p} percent without that statement and "
                "{q} percent if it is believed as much as its stated error allows.",
                who=Said(statement.source, "note", "keruen-events"), year=Said(str(statement.years[0][0])),
                number=Said(figure(statement.value), "note"),
                p=made(round(100 * chances[0], 1), "percent", rows),
                q=made(round(100 * chances[1], 1), "percent", rows),
            ),
        )  # fmt: skip
    assumed = ", ".join(p["meaning"] for p in found.parameters if p["note"])
    if assumed:
        _says(section, say("Assumption, not data: {what}.", what=Said(assumed, "note")))
    _drawn(section, lambda: replace(fan(found), ids=tuple(r["id"] for r in rows)))


def labour_section(asked: Asked) -> dict[str, Any]:
    """Labour migrants, permits, regularisation, ethnic return; and how many are not counted."""
    section = _section("labour", "Labour migrants, permits, regularisation, ethnic return")
    facts = asked(asked.code, list(LABOUR))
    if facts.is_empty():
        _says(section, _unreported("labour migrants, permits or ethnic return", asked))
        return section
    _uncounted(section, asked)
    _drawn(section, lambda: figures.labour(facts, as_of=asked.as_of))
    # A campaign told for the CIS as a whole is told as a whole: aggregates stand with the totals, and say so.
    whole = (pl.col("counterpart").is_null() | pl.col("counterpart").str.starts_with("_")) & (pl.col("group") == "all")
    totals = facts.filter(whole)
    parts = facts.height - totals.height
    groups = (
        (
            "Labour migrants and the regularised, persons",
            [m for m in LABOUR if m in figures.PEOPLE or m in ("regularised_interim", "labour_returns")],
        ),
        ("Permits, patents and quotas: events, not persons", list(figures.PERMITS)),
        ("Ethnic return", [m for m in LABOUR if m.startswith("ethnic_return")]),
    )
    for caption, measures in groups:
        rows = totals.filter(pl.col("measure").is_in(measures)).sort("end", "start", "known", descending=True)
        if rows.is_empty():
            continue
        # The newest facts of each kind first; a kind told once must not drown under one told every year.
        shown = (
            rows.group_by("measure", "stream", maintain_order=True)
            .head(6)
            .head(FACTS_SHOWN)
            .sort("end", "start", "measure", descending=True)
        )
        lines: list[list[Parts]] = []
        for r in shown.iter_rows(named=True):
            stream = (
                "" if r["stream"] in ("all", "labour", "ethnic_return") else ", " + r["stream"].removeprefix("labour_")
            )
            unit = "" if r["unit"] == "persons" else f" {r['unit']}"
            other: Parts = [", ", Said(places()[r["counterpart"]].name, "name")] if r["counterpart"] in places() else []
            lines.append(
                [
                    [r["measure"].replace("_", " ") + stream, *other],
                    [window_of(r["start"], r["end"])],
                    [*quantity_of(r), unit],
                    _source_cell(r),
                ]
            )
        note: Parts = []
        if rows.height > shown.height:
            left = rows.join(shown.select("id"), on="id", how="anti").to_dicts()
            note = say(
                f"{{n}} more {plural(len(left), 'figure')}: {{how}}.",
                n=made(len(left), "figures", left),
                how=Said(f"keruen evidence {asked.code} --measure {shown['measure'][0]}", "code"),
            )
        _shows(section, _table([caption], [["What"], ["When"], ["Figure"], ["Source"]], lines, note))
    if parts:
        rest = facts.filter(~whole).to_dicts()
        _says(
            section,
            say(
                "{n} more figures tell parts by citizenship, region or trade: {how}.",
                n=made(parts, "figures", rest),
                how=Said(f"keruen evidence {asked.code} --stream labour_unregistered", "code"),
            ),
        )
    return section


def _source_cell(row: dict[str, Any]) -> Parts:
    parts: Parts = [edition_of(row["release"])]
    definition = definitions().get(row["definition"], {})
    if definition.get("name"):
        parts += ["; ", Said(str(definition["name"]), "note")]
    return parts


# ---------------------------------------------------------------- what the world knew, and how sure we are


def known_section(asked: Asked, net: _Net | None) -> dict[str, Any]:
    """What the world knew, and when."""
    section = _section("known", "What the world knew, and when")
    if net is None or not net.windows:
        _says(section, _unreported("a completed five-year figure of net migration", asked))
        return section
    windows = net.windows[-4:]
    _drawn(section, lambda: figures.known_when(net.rivals, windows[-3:], as_of=asked.as_of))
    by_release: dict[str, dict[tuple[date, date], dict[str, Any]]] = {}
    for window in windows:
        for row in net.editions(window):
            if row["known_basis"] != "publication lag":
                by_release.setdefault(row["release"], {})[window] = row
    order = sorted(by_release, key=lambda k: (max(r["known"] for r in by_release[k].values()), k))
    body: list[list[Parts]] = []
    general = False
    for key in order:
        card = card_of(key)
        known = max(r["known"] for r in by_release[key].values())
        told: Parts = [Said(told_day(card.released, card.precision) if card else told_day(known))]
        if card and "general" in card.extra.get("released_basis", ""):
            told += ["*"]
            general = True
        line: list[Parts] = [[edition_of(key)], told]
        for window in windows:
            found = by_release[key].get(window)
            cell: Parts = []
            if found is not None:
                n = number(found)
                cell = [n]
                if "projected" in n.mark:
                    cell.append(" projected")
                if "unchanged" in n.mark:
                    cell.append(" unchanged")
            line.append(cell)
        body.append(line)
    note: Parts = [
        "Read down a column: the same years, told again and again. Unchanged: carried over from the edition before."
    ]
    if general:
        note.append(" * Date from general knowledge, not read in a source.")
    heads: list[Parts] = [["Edition"], ["Released"]]
    heads += [[window_of(*w)] for w in windows]
    _shows(
        section,
        _table(
            say(
                "Net migration of {name} as each edition gave it, persons over the period",
                name=Said(asked.name, "name"),
            ),
            heads,
            body,
            note,
        ),
    )
    return section


def doubt_section(asked: Asked, net: _Net | None, used: set[str], measures: set[str]) -> dict[str, Any]:
    """Known faults of the releases used, and how often this place was rewritten."""
    section = _section("doubt", "How sure are we?")
    if net is not None:
        with suppress(Incomparable, NoEvidence):
            for told_words in _revision_words(asked, net):
                _says(section, told_words)
    horizon = asked.as_of or date.max
    faults = []
    for key in sorted(used):
        card = card_of(key)
        for fault in card.faults if card else ():
            if (
                fault.known <= horizon
                and fault.place in (None, asked.code)
                and (fault.measure is None or fault.measure in measures)
            ):
                faults.append((key, fault))
    told: dict[tuple[str, str], list[str]] = {}
    for key, fault in faults:
        told.setdefault((fault.text, fault.because), []).append(key)
    if told:
        lines: list[list[Parts]] = []
        for (text, because), keys in told.items():
            names: Parts = []
            for key in keys:
                names += [", " if names else "", edition_of(key)]
            lines.append([names, [Said(text, "note")], [Said(because, "note")]])
        _shows(
            section,
            _table(["Known faults of the releases used here"], [["Release"], ["Fault"], ["How we know"]], lines),
        )
    else:
        _says(section, ["No fault is on record for the releases used here. That is no proof that they have none."])
    return section


def _revision_words(asked: Asked, net: _Net) -> list[Parts]:
    horizon: date = asked.as_of or net.rivals["known"].max()  # type: ignore[assignment]
    leading = net.rivals.filter(pl.col("definition") == net.main)["release"].unique().to_list()
    family = {figures.family_of(key) for key in leading}
    editions_of_all = [k for k in releases() if figures.family_of(k) in family and releases()[k].released <= horizon]
    if not editions_of_all:
        return []
    found = revisions("net_migration", family=releases()[editions_of_all[0]].family, as_of=horizon)
    ranked = found.ranking.filter(pl.col("place") == asked.code)
    if ranked.is_empty():
        return []
    row = ranked.row(0, named=True)
    mine = found.moves.filter(pl.col("place") == asked.code)
    editions = {*mine["from"].to_list(), *mine["to"].to_list()}
    base = [r for r in net.claims.iter_rows(named=True) if r["release"] in editions]
    if not base:
        return []
    out: list[Parts] = []
    if row["mean_abs_rate"] is not None:
        rate = made(row["mean_abs_rate"], "per 1,000 person-years", base, text=figure(row["mean_abs_rate"], 1))
        size: Parts = say("by {rate} people per thousand inhabitants and year", rate=rate)
    else:
        size = say("by {change} people", change=made(row["mean_abs_change"], "persons", base))
    out.append(
        say(
            "On average a new edition moved an estimate of {name}'s past net migration {size}; that is rank {rank} "
            "of {all} places, counted from the most rewritten. {share} percent of the figures were carried over "
            "unchanged, and {flips} changed sign.",
            name=Said(asked.name, "name"),
            size=size,
            rank=made(row["rank"], "rank", base),
            all=made(found.ranking.height, "places", base),
            share=made(100 * row["share_unchanged"], "percent", base, text=figure(100 * row["share_unchanged"])),
            flips=made(row["sign_changes"], "figures", base, text=count(row["sign_changes"])),
        )
    )
    return out


# ---------------------------------------------------------------- the whole


def own_section(asked: Asked) -> dict[str, Any] | None:
    """The user's own figures."""
    keys = sorted(set(store.cards()) - set(releases()))
    if not keys:
        return None
    rows = store.evidence(asked.code, release=keys, as_of=asked.as_of, strict=asked.strict)
    if rows.is_empty():
        return None
    section = _section("own", "Your own figures")
    lines: list[list[Parts]] = []
    for r in rows.sort("measure", "start", "end").head(40).iter_rows(named=True):
        other: Parts = (
            [", with ", Said(places()[r["counterpart"]].name, "name")] if r["counterpart"] in places() else []
        )
        details = [x for x in (r["sex"], r["age"], r["group"]) if x != "all"]
        told = Said("; ".join(filter(None, [", ".join(details), str(r["note"] or "")])), "note")
        unit = "million USD" if r["unit"] == "USD" else r["unit"]
        lines.append(
            [
                [r["measure"].replace("_", " "), *other],
                [window_of(r["start"], r["end"])],
                [*quantity_of(r), f" {unit}" if not _digits(unit) else Said(f" {unit}", "note")],
                [edition_of(r["release"])],
                [told],
            ]
        )
    _shows(
        section,
        _table(
            ["Figures that you added; they are in nobody else's brief"],
            [["What"], ["When"], ["Figure"], ["Source"], ["Note"]],
            lines,
        ),
    )
    return section


def _digits(text: str) -> bool:
    return any(c.isdigit() for c in text)
