"""How sure are we: what the answer hangs on, definitions that stand side by side, editions, known faults."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from keruen import copies, figures_tipping
from keruen.errors import Incomparable, NoEvidence
from keruen.kept import kept, stamp
from keruen.provenance import definitions, releases
from keruen.revisions import revisions
from keruen.sections.common import Asked, Section, drawn, heads, says, section, shows, table_of
from keruen.sections.net import Net
from keruen.sections.paths import PERSISTENCE, RECKONING, SINCE, Path, settled
from keruen.tipping import tipping
from keruen.wording import Parts, Said, card_of, count, edition_of, figure, listed, made, plural, say, share

TREATMENTS = (("register only", ["national"]), ("UN only", ["un"]))
PERSISTENCES = (1, 3, 5, 6)
DEFINED = ("net_migration", "immigration", "emigration", "stock")


def sure_section(asked: Asked, net: Net | None, path: Path | None, used: set[str], measures: set[str]) -> Section:
    """What the answer hangs on, what is counted, how often the place was rewritten, and known faults.

    Parameters
    ----------
    net, path
        Claims of net migration, and the path that rests on them.
    used, measures
        Releases and measures of which the brief holds figures.
    """
    told = section("sure", "How sure are we?")
    if net is not None:
        with suppress(Incomparable, NoEvidence):
            for sentence in _revision_words(asked, net):
                says(told, sentence)
    if path is not None:
        _hangs(told, asked, path)
    _definitions(told, asked)
    faults(told, asked.code, asked.as_of, used, measures)
    return told


# ---------------------------------------------------------------- what the answer hangs on


def _row(treatment: str, path: Path, persistence: int) -> dict[str, Any]:
    t = path.tipped
    if persistence != PERSISTENCE:
        t = tipping(path.posterior, persistence, since=SINCE)
    return {
        "treatment": treatment, "as_of": "", "persistence": persistence, "mode": str(t.mode),
        "p_turned": sum(t.p_by_year.values()), "p_never": t.p_never, "p_unconfirmed": t.p_unconfirmed,
        "p_already_receiving": t.p_already_receiving,
        "year": max(t.p_by_year, key=lambda y: t.p_by_year[y]) if t.p_by_year else None, "path": path,
    }  # fmt: skip


def _hangs(told: Section, asked: Asked, path: Path) -> None:
    """The same question under other treatments of the evidence and for turns of other lengths."""
    heads(told, "What the answer hangs on")
    rows = [_row("all evidence", path, h) for h in PERSISTENCES]
    kinds = {r.get("part") for r in path.rows}
    if "lineage" in kinds and kinds & {"register", "other register"}:
        for words, only in TREATMENTS:
            other = settled(asked, only=only)
            if other is not None:
                rows.append(_row(words, other, PERSISTENCE))
    lines: list[list[Parts]] = []
    for r in rows:
        behind = r["path"].rows
        cells: list[Parts] = [
            [share(RECKONING, r[k], behind, "")]
            for k in ("p_turned", "p_never", "p_unconfirmed", "p_already_receiving")
        ]
        year: Parts = [Said(str(r["year"]))] if r["year"] is not None and r["p_turned"] >= 0.05 else []
        lines.append([[r["treatment"]], [Said(str(r["persistence"]))], *cells, year])
    name = Said(asked.name, "name")
    shows(
        told,
        table_of(
            say("First turn upward of {name} since {since}, percent of draws", name=name, since=Said(str(SINCE))),
            [["Evidence"], ["Years it must last"], ["Turned"], ["No such turn"], ["Begun, not yet confirmed"],
             ["Receiving from the start"], ["Most likely year"]],
            lines,
            ["Other evidence than all stands on fewer draws: its shares are good to about five percent."]
            if len(rows) > len(PERSISTENCES) else _one_lineage(path),
        ),
    )  # fmt: skip
    if len(rows) > len(PERSISTENCES):
        table = pl.DataFrame([{k: v for k, v in r.items() if k not in ("path", "year")} for r in rows])
        ids = tuple(dict.fromkeys(i for r in path.rows for i in copies.rests_on(r)))
        drawn(told, lambda: replace(figures_tipping.hangs_on(table, asked.code), ids=ids))
    says(
        told,
        say(
            "More treatments: {how}; each source left out in turn: {also}.",
            how=Said(f"keruen tipping {asked.code} --sensitivity", "code"),
            also=Said(f"keruen tipping {asked.code} --leave-one-out", "code"),
        ),
    )


def _one_lineage(path: Path) -> Parts:
    which = "the United Nations" if any(r.get("part") == "lineage" for r in path.rows) else "one national count"
    return [f"All claims come from {which}: no other source can be set against them."]


# ---------------------------------------------------------------- definitions


def _definitions(told: Section, asked: Asked) -> None:
    """What the figures of the place count, by definition."""
    rows = asked(asked.code, list(DEFINED), stream="all").filter(pl.col("copy_of").is_null())
    if rows.is_empty():
        return
    found = (
        rows.group_by("measure", "definition")
        .agg(pl.col("release").unique().sort(), pl.len())
        .sort("measure", "definition")
    )
    cards = definitions()
    by: dict[tuple[str, str], tuple[list[str], set[str]]] = {}
    for r in sorted(found.iter_rows(named=True), key=lambda r: (DEFINED.index(r["measure"]), r["definition"])):
        card = cards.get(r["definition"], {})
        key = (str(card.get("name", r["definition"])), str(card.get("meaning", "")))
        measures, keys = by.setdefault(key, ([], set()))
        measures.append(r["measure"].replace("_", " "))
        keys.update(r["release"])
    if len(by) < 2:
        return
    heads(told, "Definitions that stand side by side")
    lines: list[list[Parts]] = []
    for (title, meaning), (measures, keys) in by.items():
        lines.append([[Said(title, "note")], [", ".join(measures)], [Said(meaning, "note")], _sources(sorted(keys))])
    shows(
        told,
        table_of(
            say("What the figures about {name} count", name=Said(asked.name, "name")),
            [["Definition"], ["Of"], ["What it counts"], ["Told by"]],
            lines,
            ["They are not added to one another, nor is one corrected to fit another."],
        ),
    )


def _sources(keys: Sequence[str], most: int = 6) -> Parts:
    """Editions by name; many are told by the first few and their number."""
    if len(keys) <= most:
        return listed([edition_of(k) for k in keys])
    names: Parts = []
    for key in keys[:most]:
        names += [edition_of(key), ", "]
    return [*names, f"and {plural(len(keys) - most, 'one other', 'others')}"]


# ---------------------------------------------------------------- faults and revisions


def faults(told: Section, code: str | None, as_of: date | None, used: set[str], measures: set[str]) -> None:
    """Known faults of the releases used, as far as they touch a place and what the brief speaks of."""
    heads(told, "Known faults")
    horizon = as_of or date.max
    found: dict[tuple[str, str], list[str]] = {}
    for key in sorted(used):
        card = card_of(key)
        for fault in card.faults if card else ():
            if (
                fault.known <= horizon
                and fault.place in (None, code)
                and (fault.measure is None or fault.measure in measures)
            ):
                found.setdefault((fault.text, fault.because), []).append(key)
    if not found:
        says(told, ["No fault is on record for the releases used here. That is no proof that they have none."])
        return
    lines: list[list[Parts]] = [
        [listed([edition_of(k) for k in keys]), [Said(text, "note")], [Said(because, "note")]]
        for (text, because), keys in found.items()
    ]
    shows(
        told,
        table_of(["Known faults of the releases used here"], [["Release"], ["Fault"], ["How we know"]], lines),
    )


def _world_revisions(family: str | None, horizon: date) -> tuple[pl.DataFrame, dict[str, list[str]]]:
    """The ranking of all places, and the editions that each is ranked by."""

    def made_once() -> tuple[pl.DataFrame, dict[str, list[str]]]:
        found = revisions("net_migration", family=family, as_of=horizon)
        ends = pl.concat([found.moves.select("place", pl.col(c).alias("edition")) for c in ("from", "to")])
        by = ends.group_by("place").agg(pl.col("edition").unique().sort())
        return found.ranking, dict(by.iter_rows())

    return kept("revisions", [family, horizon, stamp(None, horizon)], made_once)


def _revision_words(asked: Asked, net: Net) -> list[Parts]:
    horizon: date = asked.as_of or net.rivals["known"].max()  # type: ignore[assignment]
    leading = net.rivals.filter(pl.col("definition") == net.main)["release"].unique().to_list()
    family = {copies.family_of(key) for key in leading}
    editions_of_all = [k for k in releases() if copies.family_of(k) in family and releases()[k].released <= horizon]
    if not editions_of_all:
        return []
    ranking, editions_by_place = _world_revisions(releases()[editions_of_all[0]].family, horizon)
    ranked = ranking.filter(pl.col("place") == asked.code)
    if ranked.is_empty():
        return []
    row = ranked.row(0, named=True)
    editions = editions_by_place.get(asked.code, [])
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
            "On average a new edition moved an estimate of past net migration of {name} {size}; that is rank {rank} "
            "of {all} places, counted from the most rewritten. {part} percent of the figures were carried over "
            "unchanged, and {flips} changed sign.",
            name=Said(asked.name, "name"),
            size=size,
            rank=made(row["rank"], "rank", base),
            all=made(ranking.height, "places", base),
            part=made(100 * row["share_unchanged"], "percent", base, text=figure(100 * row["share_unchanged"])),
            flips=made(
                row["sign_changes"], "figures", base, text=count(row["sign_changes"]) if row["sign_changes"] else "none"
            ),
        )
    )
    return out
