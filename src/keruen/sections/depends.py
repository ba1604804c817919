"""Who depends on whom: money received and from whom, transfers, and what the place holds over others."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from keruen import figures_remittances
from keruen.errors import NoEvidence
from keruen.kept import kept, stamp
from keruen.leverage import Leverage
from keruen.leverage import leverage as leverage_of
from keruen.places import places
from keruen.provenance import releases
from keruen.remittances import Remittances
from keruen.remittances import remittances as remittances_of
from keruen.sections.common import (
    DRAWS,
    MONEY,
    ROWS_SHOWN,
    YEARS_SHOWN,
    Asked,
    Section,
    answers,
    drawn,
    heads,
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
from keruen.wording import Number, Parts, Said, edition_of, made, number, reckoned, say, window_of
from keruen.yearly import by_age

LEVERAGE_DRAWS = 40  # a world of corridors a draw: more would double the memory of a brief
STALE = 7  # years after which a figure of remittances is no answer any more
WORTH_SAYING = 0.1  # percent of a product
DERIVED = "derived from"


def depends_section(asked: Asked) -> Section:
    """What the place receives and from whom, and what it holds over others."""
    told = section("depends", "Who depends on whom")
    heads(told, "What it receives, and from whom")
    received = _received(told, asked)
    held: Parts = []
    if not asked.reported:
        heads(told, "What it holds over others")
        held = _held(told, asked)
    if received and held:
        held = ["the " if held[0] == "The " else held[0], *held[1:]]
        received = [*received[:-1], "; "]
    answers(told, [*received, *held])
    return told


def _received(section: Section, asked: Asked) -> Parts:
    """What the place receives and from whom: published, derived, modelled and transferred, kept apart."""
    money = asked(asked.code, [*MONEY, "gdp"])
    sentence: Parts = []
    main = year_rows(totals(money)).filter(pl.col("measure").is_in(["remittances_received", "remittances_share_gdp"]))
    if main.is_empty():
        says(section, unreported("remittances received", asked))
    else:
        received = witnesses(
            main.filter(pl.col("measure") == "remittances_received").sort("start", "known").iter_rows(named=True)
        )
        shares = witnesses(
            main.filter(pl.col("measure") == "remittances_share_gdp").sort("start", "known").iter_rows(named=True)
        )
        if received:
            last = newest_of(received)
            share = share_of(last, shares, year_rows(totals(money)).filter(pl.col("measure") == "gdp"))
            said = say(
                "In {year} {name} received {value} of remittances, says {edition}",
                year=Said(str(last["start"].year)),
                name=Said(asked.name, "name"),
                value=number(last, words=True),
                edition=edition_of(last["release"]),
            )
            if share is not None:
                part, how, release = share
                said += say(
                    "; that was {part} of its product ({how} {edition})"
                    if release == last["release"]
                    else "; its share of the product is {part} by another count ({how} {edition})",
                    part=part,
                    how=how,
                    edition=edition_of(release),
                )
            elif shares:
                newest = max(shares, key=lambda r: (r["start"], not _derived(r), r["known"]))
                said += say(
                    "; their newest share of its product is {part} ({year}, {how} {edition})",
                    part=number(newest, words=True),
                    year=Said(str(newest["start"].year)),
                    how=_how(newest),
                    edition=edition_of(newest["release"]),
                )
            says(section, [*said, "."])
            fresh = last["start"].year >= (asked.as_of or max(c.released for c in releases().values())).year - STALE
            sentence = [] if not fresh else say(
                "In {year} {name} received {value} of remittances{share}.",
                year=Said(str(last["start"].year)), name=Said(asked.name, "name"), value=number(last, words=True),
                share=_share_words(share, last["release"]),
            )  # fmt: skip
        drawn(section, lambda: figures_remittances.received(totals(main), as_of=asked.as_of))
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
        columns: list[Parts] = [["Year"]]
        for what, release, derived in order:
            unit = (
                "million USD"
                if what == "remittances_received"
                else "percent of GDP, derived"
                if derived
                else "percent of GDP, published"
            )
            columns.append([edition_of(release), f": {unit}"])
        body: list[list[Parts]] = []
        for y in reversed(years):
            told: list[Parts] = [[number(cells[y, k])] if (y, k) in cells else [] for k in order]
            body.append([[Said(str(y.year))], *told])
        shows(
            section,
            table_of(
                say("Personal remittances received by {name}, by source", name=Said(asked.name, "name")),
                columns,
                body,
                [
                    "Published shares are printed by the source; "
                    "derived ones are its remittances over its gross domestic product."
                ],
            ),
        )
    _corridor_money(section, asked, money)
    _modelled_hosts(section, asked, money)
    return sentence


def _ages(rows: list[dict[str, Any]]) -> dict[str, int]:
    """The place of each release of some rows among them, oldest first."""
    return {release: n for n, release in enumerate(by_age(r["release"] for r in rows))}


def newest_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figure of the last year, of the edition released last."""
    age = _ages(rows)
    return max(rows, key=lambda r: (r["start"], age[r["release"]], r["known"]))


Share = tuple[Number, str, str]
"""A share of the product in words, how it was made, and the edition that it is of."""


def share_of(last: dict[str, Any], shares: list[dict[str, Any]], products: pl.DataFrame) -> Share | None:
    """What part of the product some dollars are: of their own edition, told or divided; else by another edition."""
    same = [r for r in shares if r["start"] == last["start"]]
    age = _ages(same)
    own = [r for r in same if r["release"] == last["release"]]
    over = products.filter((pl.col("start") == last["start"]) & (pl.col("release") == last["release"]))
    if not own and len(over):
        gdp = over.sort("known").row(-1, named=True)
        return made(100 * last["value"] / gdp["value"], "percent", [last, gdp], words=True), DERIVED, last["release"]
    if not same:
        return None
    part = max(own or same, key=lambda r: (not _derived(r), age[r["release"]], r["known"]))
    return number(part, words=True), _how(part), part["release"]


def _share_words(share: Share | None, release: str) -> Parts:
    """The share of the product that some dollars of a release are; whose it is, where it is not of that release."""
    if share is None:
        return []
    part, _, its = share
    if its == release:
        return say(", {part} of its product", part=part)
    return say(", {part} of its product by {edition}", part=part, edition=edition_of(its))


def _modelled_hosts(section: Section, asked: Asked, money: pl.DataFrame) -> None:
    """Hosts by Keruen's own spreading of inflows over stocks, with the spread of the rival editions."""
    if asked.strict or asked.reported:  # strict: stocks and incomes of running series would come in by the back door
        return
    try:
        found: Remittances = kept(
            "remittances",
            [asked.code, asked.as_of, DRAWS, stamp(None, asked.as_of)],
            lambda: remittances_of(asked.code, as_of=asked.as_of, draws=DRAWS, since=2000),
        )
    except NoEvidence:
        return
    drawn(section, lambda: figures_remittances.dependence(found.shares, asked.code))
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
        cells: list[Parts] = [[reckoned("remittances", row[k], "USD", rows)] for k in ("usd", "low80", "high80")]
        lines.append([[Said(places()[row["place"]].name, "name")], *cells])
    if not lines:
        return
    shows(
        section,
        table_of(
            say("Remittances to {name} by host in {year}, million USD: Keruen's split of the inflow",
                name=Said(asked.name, "name"), year=Said(str(at))),
            [["Host"], ["Median"], ["Low"], ["High"]],
            lines,
            ["Inflows spread over the people abroad and the incomes there and at home, after Ratha and Shaw. "
             "Low and high hold four of five of the ", Said(str(DRAWS)),
             " draws over rival editions of stock and inflow; what all editions share is no doubt to them."],
        ),
    )  # fmt: skip
    drawn(section, lambda: figures_remittances.hosts(found.hosts, asked.code))


def _derived(row: dict[str, Any]) -> bool:
    return bool(row["derived_from"] or row["convention"])


def _how(row: dict[str, Any]) -> str:
    return DERIVED if _derived(row) else "published in"


def _corridor_money(section: Section, asked: Asked, money: pl.DataFrame) -> None:
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
        shows(
            section,
            table_of(
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
            transfers.sort("counterpart", "end", "known", "definition", "id")
            .group_by("counterpart", maintain_order=True)
            .last()
            .sort("end", "value", descending=True)
        )
        lines = [
            [
                [Said(places()[r["counterpart"]].name, "name")],
                [window_of(r["start"], r["end"])],
                [number(r)],
                source_cell(r),
            ]
            for r in newest.head(ROWS_SHOWN).iter_rows(named=True)
        ]
        shows(
            section,
            table_of(
                say(
                    "Money transfers of individuals to {name}, newest figure a sender: "
                    "another quantity than remittances",
                    name=Said(asked.name, "name"),
                ),
                [["Sender"], ["Period"], ["Million USD"], ["Source; what it counts"]],
                lines,
                [
                    "Transfers run through banks and transfer systems. "
                    "They never add up with remittances of the balance of payments, "
                    "nor with transfers that are counted in another way."
                ],
            ),
        )


def _held(section: Section, asked: Asked) -> Parts:
    """What the place could take from those whose people work there."""
    if asked.strict:
        says(section, ["Left out: it would rest on figures whose known day is a publication lag."])
        return []
    try:
        found: Leverage = kept(
            "leverage",
            [asked.code, asked.as_of, LEVERAGE_DRAWS, stamp(None, asked.as_of)],
            lambda: leverage_of(asked.code, system="world", draws=LEVERAGE_DRAWS, as_of=asked.as_of),
        )
    except NoEvidence:
        says(section, unreported("what its neighbours' migrants send home", asked))
        return []
    table = found.table.drop_nulls("gross").filter((pl.col("over") != asked.code) & (pl.col("income_usd") > 0))
    table = table.sort("gross", descending=True).head(ROWS_SHOWN)
    if table.is_empty():
        says(section, say("Nobody who reports has people in {name}.", name=Said(asked.name, "name")))
        return []
    rows_there = asked(
        table["over"].to_list(),
        ["remittances_received", "gdp"],
        since=f"{found.year}-01-01",
        until=f"{found.year}-12-31",
    )
    behind = {r["id"]: r for r in rows_there.iter_rows(named=True)}
    rows_of = {p: [behind[i] for i in found.ids[p]] for p in table["over"]}
    first = table.row(0, named=True)
    sentence: Parts = []
    if first["gross"] >= WORTH_SAYING:
        sentence = say(
            "{name} holds most over {other}: had it closed its labour market to people from there in {year}, {other} "
            "would have lost {gross} of its product for good ({low} to {high} in four draws of five), of the {d} that "
            "it earns there.",
            name=Said(asked.name, "name"), year=Said(str(found.year)), other=Said(places()[first["over"]].name, "name"),
            gross=reckoned("leverage", first["gross"], "percent", rows_of[first["over"]], words=True),
            low=reckoned("leverage", first["gross_low80"], "percent", rows_of[first["over"]]),
            high=reckoned("leverage", first["gross_high80"], "percent", rows_of[first["over"]]),
            d=reckoned("leverage", first["dependence"], "percent", rows_of[first["over"]], words=True),
        )  # fmt: skip
    else:
        says(
            section,
            say(
                "{name} holds little over anybody: a closed border would cost no place that reports as much as a tenth "
                "of a percent of its product.",
                name=Said(asked.name, "name"),
            ),
        )
        return []
    lines: list[list[Parts]] = []
    for row in table.iter_rows(named=True):
        rows = rows_of[row["over"]]
        cells: list[Parts] = [[reckoned("leverage", row["income_usd"], "USD", rows)]]
        cells += [
            [reckoned("leverage", row[k], "percent", rows)]
            for k in ("dependence", "outside", "gross", "gross_low80", "gross_high80")
        ]
        cells.append([reckoned("leverage", row["cost"], "percent", rows)] if row["cost"] is not None else [])
        lines.append([[Said(places()[row["over"]].name, "name")], *cells])
    shows(
        section,
        table_of(
            say("Leverage of {name} in {year}", name=Said(asked.name, "name"), year=Said(str(found.year))),
            [["Over"], ["Income from there, million USD"], ["Percent of product"], ["Outside option, percent of it"],
             ["Gross leverage, percent of product"], ["Low"], ["High"], ["Own dependence, percent of its product"]],
            lines,
            ["Gross leverage is the income times what could not be earned elsewhere. Low and high hold four draws in "
             "five over rival editions. Assumed: " + " ".join(found.assumptions)],
        ),
    )  # fmt: skip
    drawn(
        section,
        lambda: figures_remittances.asymmetry(
            table, year=found.year, ids=[i for p in table["over"] for i in found.ids[p]]
        ),
    )
    return sentence
