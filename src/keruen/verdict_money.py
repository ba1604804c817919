"""The test of money received over GDP: every pair of year, numerator and denominator that lies in the range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from keruen import labels
from keruen.provenance import definitions
from keruen.shares import MONEY, shares, shares_within
from keruen.verdict_words import drawing, made
from keruen.witnesses import Day, Finding, each_of, found, named, witness
from keruen.wording import Parts, Said
from keruen.yearly import by_age


def share_of_gdp(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is money received over GDP between the bounds? Every year, numerator and denominator that gives it is listed."""
    sender = args.get("sender") or None
    origin = f" from {named(sender)}" if sender else ""

    def one(place: str) -> Finding:
        told_ = day.evidence(place, MONEY, hidden=hidden)
        if told_.is_empty():
            return found(lacking=f"Nobody had told money received in {named(place)}.")
        table = shares(told_, matrices=True).filter(pl.col("ids").is_not_null() & (pl.col("year") < args["said"].year))
        search = shares_within(table, args["low"], args["high"], sender)
        by_id = {r["id"]: r for r in told_.to_dicts()}
        sides, lines = [], []
        right = search.rows.filter(pl.col("means_it"))
        any_year = args.get("when", "newest") == "any"
        for (measure,), rows in right.group_by(["measure"], maintain_order=True):
            asked = rows if any_year else rows.filter(pl.col("year") == pl.col("year").max())
            within = asked["within"].to_list()
            holds = any(within) if any_year else all(within) if len(set(within)) == 1 else None
            fits, other = (_newest(asked.filter(pl.col("within") == w)) for w in (True, False))
            name = str(measure).replace("_", " ")
            says: Parts = [f"{name.capitalize()}{origin}, ", *_sentence(fits, other, any_year, args, by_id)]
            share = (fits or other or {}).get("share_gdp")
            spent = _pair_rows(asked, by_id)
            sides.append(witness(name, str(measure), holds, says, spent, value=share, unit="percent"))
        hits = search.rows.filter("within").sort("means_it", "year", descending=True)
        listed: list[Parts] = [
            [
                made(len(hits), "pairs", _pair_rows(search.rows, by_id), text=labels.spelt(len(hits))),
                " of ",
                made(len(search.rows), "pairs", _pair_rows(search.rows, by_id), text=labels.spelt(len(search.rows))),
                " pairs of year, numerator and GDP lie within the range, "
                f"{'some' if hits['means_it'].any() else 'none'} of them meaning money",
                f"{origin or ' from the whole world'}.",
            ]
        ]  # fmt: skip
        for row in hits.to_dicts():
            behind = _pair_rows(pl.DataFrame([row], schema=hits.schema), by_id)
            who = f" from {named(row['counterpart'])}" if row["counterpart"] else " from the whole world"
            listed.append([
                Said(str(row["year"])), f": {row['measure'].replace('_', ' ')}{who}, ",
                made(row["share_gdp"], "percent", behind),
                " percent: ", Said(_pair_named(row), "note"), "" if row["means_it"] else "; not what was said", ".",
            ])  # fmt: skip
        drawn = search.rows.filter(
            pl.col("means_it") | (pl.col("counterpart").is_null() & (pl.col("measure") == "remittances_share_gdp"))
        )
        for (measure, other, definition), rows in drawn.group_by(
            ["measure", "counterpart", "definition"], maintain_order=True
        ):
            each = [_newest(some) for _, some in sorted(rows.group_by("year"))]
            who = f", {named(str(other))}" if other else ", whole world"
            name = f"{str(measure).replace('_', ' ')}{who}: {_counted(str(definition))}"
            lines.append((name, [(r["year"], r["share_gdp"]) for r in each if r]))
        title = f"Money received over GDP, {named(place)}"
        pictures = drawing("lines", title, "percent of GDP", args, series=lines)
        none = (
            ""
            if sides
            else f"Nobody had told money {'from ' + named(sender) if sender else ''} in {named(place)} over GDP."
        )
        return found(sides, says=listed, rows=_pair_rows(hits, by_id), pictures=pictures, lacking=none)

    return each_of(args, one)


def _newest(rows: pl.DataFrame) -> dict[str, Any] | None:
    """The share of the last year, of the newest product and then of the newest numerator; None of none."""
    age = {release: n for n, release in enumerate(by_age([*rows["gdp_release"], *rows["release"]]))}
    return max(
        rows.to_dicts(), key=lambda r: (r["year"], age[r["gdp_release"]], age[r["release"]], r["ids"]), default=None
    )


def _sentence(
    fits: dict[str, Any] | None, other: dict[str, Any] | None, any_year: bool, args: Mapping[str, Any],
    by_id: Mapping[str, dict[str, Any]],
) -> Parts:  # fmt: skip
    """Which year, which share, whose division, and that it fits or does not; both where the newest year does both."""
    bounds = Said(f"{args['low']:g} to {args['high']:g} percent")

    def share(row: dict[str, Any]) -> Parts:
        behind = [by_id[i] for i in row["ids"].split() if i in by_id]
        return [made(row["share_gdp"], "percent", behind), " percent of GDP (", Said(_pair_named(row), "note"), ")"]

    newest = "newest year that was over by then, "
    if fits and any_year:
        return ["newest year that fits, ", Said(str(fits["year"])), ": ", *share(fits), "; fits “", bounds, "”."]
    if fits and other:
        return [newest, Said(str(fits["year"])), ": ", *share(fits), " fits “", bounds, "”, ", *share(other),
                " does not; leaves it open."]  # fmt: skip
    one = fits or other
    if one is None:
        return []
    last = "”, nor does that of another year." if any_year else "”."
    return [newest, Said(str(one["year"])), ": ", *share(one), "; ", "fits" if fits else "does not fit", " “", bounds,
            last]  # fmt: skip


def _counted(definition: str) -> str:
    return str(definitions().get(definition, {}).get("name", definition))


def _pair_named(row: Mapping[str, Any]) -> str:
    """What was counted, by whom, over whose product, and whether it was published or divided by us."""
    what = f"{_counted(row['definition'])}; " if row["measure"] == "money_transfers" else ""
    over = f" over GDP by {labels.label(row['gdp_release'])}" if row["gdp_release"] != row["release"] else ""
    return f"{what}{labels.label(row['release'])}{over}, {'our division' if row['derived'] else 'as published'}"


def _pair_rows(table: pl.DataFrame, by_id: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [by_id[i] for i in dict.fromkeys(i for said in table["ids"].to_list() for i in said.split()) if i in by_id]
