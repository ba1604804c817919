"""The test of money received over GDP: every pair of year, numerator and denominator that lies in the range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from keruen import labels
from keruen.shares import MONEY, shares, shares_within
from keruen.verdict_words import drawing, made
from keruen.witnesses import Day, Finding, each_of, found, named, witness
from keruen.wording import Parts, Said


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
        for (measure,), rows in right.group_by(["measure"], maintain_order=True):
            newest = int(rows["year"].max())  # type: ignore[arg-type]
            last = rows.filter(pl.col("year") == newest) if args.get("when", "newest") == "newest" else rows
            within = last["within"].to_list()
            holds = any(within) if args.get("when") == "any" else all(within) if len(set(within)) == 1 else None
            spent = _pair_rows(last, by_id)
            latest = last.sort("gdp_release").to_dicts()[-1]
            says: Parts = [
                f"{str(measure).replace('_', ' ').capitalize()}{origin}, newest year that was over by then, ",
                Said(str(newest)), ": ",
                made(latest["share_gdp"], "percent", _pair_rows(last.filter(pl.col("year") == latest["year"]), by_id)),
                " percent of GDP (", Said(_pair_named(latest), "note"),
                f"); {'fits' if holds else 'does not fit' if holds is False else 'leaves open'} “",
                Said(f"{args['low']:g} to {args['high']:g} percent"), "”.",
            ]  # fmt: skip
            name = str(measure).replace("_", " ")
            share = latest["share_gdp"]
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
        for (measure, other), rows in search.rows.filter(
            pl.col("means_it") | (pl.col("counterpart").is_null() & (pl.col("measure") == "remittances_share_gdp"))
        ).group_by(["measure", "counterpart"], maintain_order=True):
            each = rows.unique("year", keep="last", maintain_order=True).sort("year")
            who = f", {named(str(other))}" if other else ", whole world"
            lines.append(
                (
                    str(measure).replace("_", " ") + who,
                    [(y, v) for y, v in each.select("year", "share_gdp").iter_rows()],
                )
            )
        title = f"Money received over GDP, {named(place)}"
        pictures = drawing("lines", title, "percent of GDP", args, series=lines)
        none = (
            ""
            if sides
            else f"Nobody had told money {'from ' + named(sender) if sender else ''} in {named(place)} over GDP."
        )
        return found(sides, says=listed, rows=_pair_rows(hits, by_id), pictures=pictures, lacking=none)

    return each_of(args, one)


def _pair_named(row: Mapping[str, Any]) -> str:
    over = (
        f" over GDP by {labels.label(row['gdp_release'])}" if row["gdp_release"] != row["release"] else ", as published"
    )
    return f"{labels.label(row['release'])}{over}"


def _pair_rows(table: pl.DataFrame, by_id: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [by_id[i] for i in dict.fromkeys(i for said in table["ids"].to_list() for i in said.split()) if i in by_id]
