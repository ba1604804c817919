"""From claims about net migration to a design: who reports which years, whose errors are related, how large they are.

Every claim gets its part, or the reason why it takes none. Everything known later than the day that is asked about
stays outside: claims, anchors, censuses, revisions and populations alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen import contract, kept, path_anchors, store
from keruen.errors import Incomparable, ModelError, NoEvidence, VocabularyError
from keruen.estimators.path import Design, Prior, Reports, check
from keruen.measurement import accuracy, half_width, overlaps, size
from keruen.places import place as one_place
from keruen.places import places as all_places
from keruen.provenance import definitions
from keruen.revisions import revisions
from keruen.vocabulary import suggest

Array = NDArray[np.float64]

START = 1985
VARIANTS = ("un_projection_low_fertility", "un_projection_high_fertility")
RESTLESS = (0.5, 0.25)  # usual size of a year's innovation: per 1,000, and as a share of the size of the flow
SECOND = 0.7  # part of the main register's error that another national count shares
SPIKE = (4.0, 1.5)  # a yearly figure stands out: so many times as far as usual from its rivals, and so far per 1,000
BEYOND = 2.0  # years for which a population's first or last figure may stand


USED = ("lineage", "lineage, a spike", "register", "other register", "stated error")
"""Parts that a claim can take; every other part tells why it takes none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the claims of one place are to be taken; the words of :func:`keruen.reconcile`."""

    as_of: date | None = None
    start: int | None = None
    strict: bool = False
    copies: bool = False
    anchors: bool = True
    prior: Prior | None = None
    given: bool = False
    register_error: float | None = None


# ---------------------------------------------------------------- which claims count


def _whole(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(
        pl.col("counterpart").is_null()
        & (pl.col("sex") == "all")
        & (pl.col("age") == "all")
        & (pl.col("group") == "all")
        & (pl.col("stream") == "all")
    )


def faults(table: pl.DataFrame) -> None:
    """Raise what makes a table of claims useless: mixed measures or units, unknown definitions, impossible numbers."""
    measures = set(table["measure"].unique()) - {"population", "immigration", "emigration"}
    if measures - {"net_migration"}:
        raise Incomparable(
            f"The claims mix net_migration (persons) with {', '.join(sorted(measures - {'net_migration'}))}. "
            "Give one measure; rates are computed here."
        )
    known = definitions()
    for definition in table["definition"].drop_nulls().unique().sort():
        if definition not in known:
            raise VocabularyError(f"{definition!r} is not a definition. {suggest(definition, known)}")
    mine = table.filter(pl.col("measure") == "net_migration")
    units = mine["printed_unit"].drop_nulls().unique().to_list()
    if len(units) > 1:
        raise Incomparable(f"The claims mix units: {', '.join(sorted(units))}. Values are persons; convert them first.")
    masses = mine["level"].drop_nulls()
    if len(odd := masses.filter((masses <= 0) | (masses >= 1))):
        raise ModelError(
            f"An interval holds {odd[0]:g} of the mass; level lies between 0 and 1: 0.8 for an 80% interval."
        )
    wrong = mine.filter((pl.col("low") > pl.col("high")) | (pl.col("low") > pl.col("value")))
    if len(wrong):
        row = wrong.row(0, named=True)
        raise ModelError(
            f"{row['release']}, {row['start'].year}: the interval says a negative error. Swap low and high."
        )
    far = mine.filter((pl.col("start").dt.year() < 1850) | (pl.col("end").dt.year() > 2102))
    if len(far):
        raise ModelError(f"{far['start'][0].year} is far outside what was observed. Check the dates of the claims.")


def _overlapping(rows: pl.DataFrame) -> None:
    """One release, one definition: its periods may not overlap, nor one period have two figures."""
    for (release, _), group in rows.group_by(["release", "definition"], maintain_order=True):
        clash = group.sort("start", "end").filter(pl.col("start") < pl.col("end").shift(1).cum_max())
        if len(clash):
            row = clash.row(0, named=True)
            raise ModelError(
                f"{release} has two figures that overlap in {row['start'].year} ({row['place']}). "
                "Keep one, or give the other as another release."
            )


def _left_out(rows: pl.DataFrame) -> list[str]:
    """A note for every release of which a figure was not used, and why."""
    unused = rows.filter(~pl.col("part").is_in(USED))
    many = unused.group_by("release", "part").agg(pl.len().alias("n")).sort("release", "part")
    more = {"restates the register": "one definition has one count a year, and a rival needs another, or an error"}
    return [
        f"{n} figure{'s' * (n > 1)} of {release} not used: {part}{f' ({more[part]})' if part in more else ''}."
        for release, part, n in many.rows()
    ]


def _contradicting(rows: pl.DataFrame) -> None:
    """Two figures of one period, both said to be without error, may not differ."""
    exact = rows.filter((pl.col("part") == "stated error") & (pl.col("_sd") == 0))
    for (start, _), group in exact.group_by(["start", "end"], maintain_order=True):
        if group["value"].round().n_unique() > 1:
            told = " and ".join(
                f"{v:,.0f} ({r})" for v, r in group.select("value", "release").unique().sort("release").rows()
            )
            raise ModelError(
                f"{start.year}: {told} are both said to be without error and differ. Give one of them an error, or"
                " leave it out."
            )


def _sorted_out(table: pl.DataFrame, as_of: date | None, copies: bool) -> pl.DataFrame:
    """Every claim with the part it takes, or the reason why it takes none. The order of rows does not matter."""
    cards = store.cards()
    if "id" not in table.columns:
        table = table.with_columns(contract.ids(table))
    rows = table.filter(pl.col("measure") == "net_migration").unique("id", keep="any").sort("id")
    if as_of is not None:
        undated = rows.filter(pl.col("known").is_null())
        if len(undated):
            raise ModelError(
                f"{len(undated)} claims (first: {undated['id'][0]}) do not say since when they are known, so nothing"
                f" can be said as of {as_of}. Give known=."
            )
        rows = rows.filter(pl.col("known") <= as_of)
    rows = rows.filter(pl.col("retracts").is_null())
    lineage = {d: c.get("lineage") for d, c in definitions().items()}
    months = (pl.col("end").dt.year() - pl.col("start").dt.year()) * 12 + (
        pl.col("end").dt.month().cast(pl.Int32) - pl.col("start").dt.month().cast(pl.Int32)
    )
    rows = rows.with_columns(
        _lineage=pl.col("definition").replace_strict(lineage, return_dtype=pl.String),
        _months=months,
        _released=pl.col("release").replace_strict(
            {k: c.released for k, c in cards.items()}, default=None, return_dtype=pl.Date
        ),
        _sd=pl.when(pl.col("level").is_not_null() & pl.col("low").is_not_null() & pl.col("high").is_not_null()).then(
            (pl.col("high") - pl.col("low")) / 2 / _widths(rows["level"])
        ),
    )
    part = (
        pl.when(pl.col("value").is_null())
        .then(pl.lit("no figure"))
        .when(pl.col("status") == "projection")
        .then(pl.lit("projection: a forecast is no data"))
        .when(pl.col("_lineage").is_null())
        .then(pl.lit("counts something else"))
        .when((pl.col("_months") % 12 != 0) | (pl.col("_months") < 12) | (pl.col("_months") > 120))
        .then(pl.lit("not a period of whole years"))
        .when(pl.col("_sd").is_not_null())
        .then(pl.lit("stated error"))
        .otherwise(pl.col("_lineage"))
    )
    rows = rows.with_columns(part=part)
    if not copies:
        # A figure carried over is one claim, made when it was first made.
        cell = ["_lineage", "start", "end", pl.col("value").round(1)]
        used = pl.col("part").is_in(["un", "national", "stated error"])
        rows = rows.sort("known", "_released", "release", "id", nulls_last=True).with_columns(
            part=pl.when(used & (pl.col("id").cum_count().over([*cell, used, "_sd"]) > 1))
            .then(pl.lit("copy: one claim, not two"))
            .otherwise(pl.col("part"))
        )
    return rows.sort("start", "end", "release", "value", "id")


def _widths(levels: pl.Series) -> pl.Series:
    """Half of each stated interval in standard deviations, by the mass that it is said to hold."""
    held = {p: half_width(p) for p in levels.drop_nulls().unique() if 0 < p < 1}
    return levels.replace_strict(held, default=None, return_dtype=pl.Float64)


def _main_register(rows: pl.DataFrame) -> tuple[dict[int, float], list[str], list[str], str]:
    """Yearly figures of the national count with most years: year → persons, ids, ids that restate it, definition."""
    yearly = rows.filter((pl.col("part") == "national") & (pl.col("_months") == 12) & (pl.col("start").dt.month() == 1))
    if yearly.is_empty():
        return {}, [], [], ""
    counted = yearly.group_by("definition").agg(pl.col("start").n_unique().alias("n")).sort("n", "definition")
    definition = counted.sort("definition").sort("n", descending=True, maintain_order=True)["definition"][0]
    mine = yearly.filter(pl.col("definition") == definition)
    order = mine.group_by("release").agg(pl.col("start").n_unique().alias("n")).sort("release")
    order = order.sort("n", descending=True, maintain_order=True).with_row_index("_rank")
    ranked = mine.join(order.select("release", "_rank"), on="release").sort("start", "_rank", "known", "id")
    best = ranked.unique("start", keep="first", maintain_order=True)
    others = ranked.filter(~pl.col("id").is_in(best["id"].to_list()))
    values = {s.year: float(v) for s, v in best.select("start", "value").iter_rows()}
    return values, best["id"].to_list(), others["id"].to_list(), definition


# ---------------------------------------------------------------- populations


def _population(
    code: str, years: NDArray[np.int64], as_of: date | None, given: pl.DataFrame | None, strict: bool
) -> tuple[Array, str, tuple[str, ...]]:
    """Mid-year residents: those known that day, else the earliest that cover the years, marked as hindsight."""
    own = pl.DataFrame() if given is None else given.filter(
        (pl.col("measure") == "population") & (pl.col("place") == code) & pl.col("value").is_not_null()
    )  # fmt: skip
    if len(own) and as_of is not None:
        own = own.filter(pl.col("known") <= as_of)
    basis = "known"
    rows = own
    if not len(rows):
        rows = _residents(store.evidence(code, "population", sex="all", stream="all", as_of=as_of, strict=strict))
    name = one_place(code).name
    if not len(own) and not _covers(rows, years):
        if strict:
            raise NoEvidence(
                f"Nobody reported the population of {name} in an edition whose day is certain"
                f"{'' if as_of is None else f' and not after {as_of}'}, and strict takes no other. "
                "Give population= with your series, or strict=False."
            )
        later = _residents(store.evidence(code, "population", sex="all", stream="all").filter(~pl.col("own")))
        for known in later["known"].drop_nulls().unique().sort():
            rows, basis = later.filter(pl.col("known") <= known), "hindsight"
            if _covers(rows, years):
                break
    if not len(rows):
        raise NoEvidence(
            f"Nobody reported the population of {name}, so no rate can be formed. "
            "Give population= to claims_from_series, or add claims of the measure population."
        )
    if not _covers(rows, years):
        told = sorted(day.year for day in rows["start"].to_list())
        raise NoEvidence(
            f"The population of {name} is told for {told[0]}-{told[-1]} and wanted for {years[0]}-{years[-1]}."
            " Give population= to claims_from_series for those years, or leave them out."
        )
    newest = rows.sort("known", "release", "value", nulls_last=True).unique("start", keep="last", maintain_order=True)
    newest = newest.sort("start")
    at = np.array([s.year + (s.month - 1) / 12 for s in newest["start"].to_list()])
    found = np.exp(np.interp(years + 0.5, at, np.log(newest["value"].to_numpy())))
    return found, basis, tuple(sorted(newest["release"].unique().to_list()))


def _covers(rows: pl.DataFrame, years: NDArray[np.int64]) -> bool:
    """Populations begin and end near enough to the years that they serve."""
    told = [day.year for day in rows["start"].to_list()]
    return bool(told) and min(told) <= years[0] + BEYOND and max(told) >= years[-1] - BEYOND


def _residents(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(
        (pl.col("age") == "all")
        & (pl.col("group") == "all")
        & pl.col("counterpart").is_null()
        & ~pl.col("definition").is_in(VARIANTS)
        & (pl.col("value") > 0)
        & (pl.col("start").dt.month() == 7)
    )


# ---------------------------------------------------------------- priors known that day


@lru_cache(maxsize=64)
def _revised(region: str, as_of: date | None, stamp: str) -> pl.DataFrame:
    """Revisions of estimates since 1985, of the places of a region: the statistics behind the size of an error.

    A figure that was carried over tells nothing of how far apart two estimates lie, as it is no second one.
    """
    codes = [c for c, p in all_places().items() if p.region == region and p.kind == "country"]
    claims = store.evidence(codes, "net_migration", stream="all", sex="all", since=1985, as_of=as_of)
    claims = claims.filter((pl.col("status") != "projection") & (pl.col("start").dt.year() >= 1985))
    try:
        found = revisions("net_migration", family="un-wpp", as_of=as_of, claims=claims)
    except Incomparable:
        return pl.DataFrame()
    return found.moves.filter(
        (pl.col("pair") == "to the newest")
        & ((pl.col("end") - pl.col("start")).dt.total_days() > 366)
        & (pl.col("lag") >= 0)
        & ~pl.col("carried")
    ).select("place", "lag", "change_rate", "change", "start")


def _sizes(code: str, as_of: date | None, population: float) -> tuple[float, Array, str]:
    """Median of the size of the UN's error, its growth for young figures, and where the two come from.

    Ages: under 2, 2 to 5, 5 to 10 years, and more, after the end of the period.
    """
    growth = np.array([1.3, 1.2, 1.1, 1.0])
    region = one_place(code).region
    moves = _revised(region, as_of, kept.stamp(None, as_of)) if region else pl.DataFrame()
    if moves.is_empty():
        return 1.5, growth, "no revisions were known; 1.5 per 1,000 is taken"
    rate = pl.col("change_rate").fill_null(1000 * pl.col("change") / (5 * population))
    mine = moves.filter(pl.col("place") == code).select(rate)["change_rate"].to_numpy()
    # Others' rates where their population was known that day.
    all_rates = moves.drop_nulls("change_rate")
    wide = all_rates["change_rate"].abs().quantile(0.68) if len(all_rates) >= 30 else None
    if len(all_rates) >= 200:
        bands = [(-1.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, 200.0)]
        sds = np.array(
            [
                all_rates.filter((pl.col("lag") >= a) & (pl.col("lag") < b))["change_rate"].abs().quantile(0.68)
                or np.nan
                for a, b in bands
            ]
        )
        if np.isfinite(sds).all() and sds[3] > 0:
            growth = np.clip(sds / sds[3], 1.0, 2.0)
    own = float(np.quantile(np.abs(mine), 0.68)) if mine.size >= 4 else None
    known = [v for v in (own, own, wide) if v is not None] or [1.5]  # the place counts twice
    found = float(np.clip(np.exp(np.mean(np.log(np.maximum(known, 0.05)))), 0.4, 6.0))
    return found, growth, f"{mine.size} revisions of the place and {len(all_rates)} of {region} known that day"


# ---------------------------------------------------------------- the design


def _sized_flow(cells: Array, rates: Array, years: NDArray[np.int64]) -> Array:
    """Size of the flow each year as its reports tell it: the mean size of the rates that cover it, smoothed."""
    weight = cells / np.maximum(cells.sum(1, keepdims=True), 1e-12)
    covered = weight.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weight * np.abs(rates)[:, None]).sum(0) / covered
    seen = np.flatnonzero(covered > 0)
    if not seen.size:
        return np.zeros(years.size)
    full = np.interp(np.arange(years.size), seen, mean[seen])
    padded = np.pad(full, 1, mode="edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3)


def _rate(rows: pl.DataFrame, years: NDArray[np.int64], people: Array) -> tuple[Array, Array]:
    """Weights of the years in each row (adding to one), and the row's value per 1,000 person-years."""
    share = [
        overlaps((s.year, s.month), (e.year, e.month), years.tolist()) * people
        for s, e in rows.select("start", "end").iter_rows()
    ]
    weights = np.array(share).reshape(len(rows), years.size)
    total = weights.sum(1)
    return weights / total[:, None], 1000 * rows["value"].to_numpy() / total


def _impossible(rows: pl.DataFrame, years: NDArray[np.int64], people: Array) -> None:
    """More people than live in a place do not move there, or away, in a year: the figures are no persons."""
    rates = _rate(rows, years, people)[1]
    for row, rate in zip(rows.iter_rows(named=True), rates, strict=True):
        if abs(rate) > 1000:
            raise ModelError(
                f"{row['release']} tells {row['value']:,.0f} of {row['start'].year}, {abs(rate) / 1000:,.1f} times the"
                f" population of {one_place(row['place']).name} in a year. Values are persons; convert them first."
            )


def _gross(
    code: str, definition: str, years: NDArray[np.int64], given: pl.DataFrame, people: Array, as_of: date | None
) -> tuple[Array, Array]:
    """Reported arrivals and departures per 1,000 by the main register; not a number where not told."""
    out = []
    for name in ("immigration", "emigration"):
        rows = given.filter(
            (pl.col("measure") == name)
            & (pl.col("definition") == definition)
            & pl.col("value").is_not_null()
            & (pl.col("start").dt.month() == 1)
            & (pl.col("end").dt.year() == pl.col("start").dt.year() + 1)
            & (pl.col("end").dt.month() == 1)
            & (pl.col("status") != "projection")
        )
        if as_of is not None and len(rows):
            rows = rows.filter(pl.col("known") <= as_of)
        many = rows.group_by("release").agg(pl.col("start").n_unique().alias("_n"))
        rows = rows.join(many, on="release").sort(
            "_n", "release", "known", "value", descending=[True, False, False, False]
        )
        by = {s.year: v for s, v in reversed(list(rows.select("start", "value").iter_rows()))}
        out.append(
            np.array([1000 * by[y] / n if y in by else np.nan for y, n in zip(years.tolist(), people, strict=True)])
        )
    return out[0], out[1]


def _censuses(code: str, as_of: date | None) -> list[int]:
    rows = store.evidence(code, "stock", status="census", as_of=as_of)
    return sorted({s.year for s in rows["start"].unique().to_list()})


def designed(code: str, table: pl.DataFrame, asked: Asked) -> tuple[Design, Reports, pl.DataFrame, dict[str, Any]]:
    """The design of one place, what was reported, every claim with its part, and what else a posterior tells.

    Parameters
    ----------
    code
        The place.
    table
        Claims of net migration, arrivals and departures (and of the population, where it is the user's own).
    """
    as_of, start, strict, given = asked.as_of, asked.start, asked.strict, asked.given
    rows = _sorted_out(_whole(table.filter(pl.col("place") == code)), as_of, asked.copies)
    used = rows.filter(pl.col("part").is_in(["un", "national", "stated error"]))
    if given:
        _overlapping(used)
        _contradicting(used)
        if len(rows) and used.is_empty():
            raise NoEvidence(
                f"None of the {len(rows)} claims about {one_place(code).name} is an observation: {rows['part'][0]}. "
                "Give estimates or registers of whole years."
            )
        if len(used) == 1:
            raise ModelError(
                f"One claim about {one_place(code).name} cannot tell a path: the answer would be the prior. "
                "Give a series, or reconcile the packaged claims with it."
            )
    first = start if start is not None else START
    if start is None and given and len(used):
        first = min(int(used["start"].dt.year().min()), START)  # type: ignore[arg-type]
    starts = used.filter(pl.col("start").dt.year() >= first)
    late = used.filter(pl.col("start").dt.year() < first)
    rows = rows.with_columns(
        part=pl.when(pl.col("id").is_in(late["id"].to_list()))
        .then(pl.lit("before the first year"))
        .otherwise(pl.col("part"))
    )
    used = starts
    if len(used):
        ends = used.select(
            pl.when(pl.col("end").dt.month() == 1).then(pl.col("end").dt.year() - 1).otherwise(pl.col("end").dt.year())
        )
        last = int(ends.to_series().max())  # type: ignore[arg-type]
    else:
        last = (as_of or date.today()).year - 1
    if given and len(used):
        first = max(first, int(used["start"].dt.year().min())) if start is None else first  # type: ignore[arg-type]
    last = max(last, first + 2)
    years = np.arange(first, last + 1)
    t = years.size
    people, basis, denominator = _population(code, years, as_of, table, strict)
    values, ids_main, restated, definition = _main_register(used)
    rows = rows.with_columns(
        part=pl.when(pl.col("id").is_in(ids_main))
        .then(pl.lit("register"))
        .when(pl.col("id").is_in(restated))
        .then(pl.lit("restates the register"))
        .when(pl.col("part") == "un")
        .then(pl.lit("lineage"))
        .when(pl.col("part") == "national")
        .then(pl.lit("other register"))
        .otherwise(pl.col("part"))
    )
    lineage = rows.filter(pl.col("part") == "lineage")
    cells, told = _rate(lineage, years, people)
    if given:
        _impossible(used, years, people)
    other = rows.filter(pl.col("part") == "other register")
    other_cells, other_told = _rate(other, years, people)
    stated = rows.filter(pl.col("part") == "stated error")
    stated_cells, stated_told = _rate(stated, years, people)
    told_by = [*lineage["release"].to_list(), *["the register"] * len(values), *["another"] * len(other)]
    yearly = np.array([np.eye(t)[y - first] for y in values]).reshape(-1, t)
    counted = np.array([1000 * v / people[y - first] for y, v in values.items()])
    spikes = _spikes(
        np.vstack([cells, yearly, other_cells]), np.concatenate([told, counted, other_told]), np.array(told_by)
    )
    loose = spikes[: len(told)]
    corrected = [y for y, far in zip(list(values), spikes[len(told) : len(told) + len(values)], strict=True) if far > 0]
    for y in corrected:
        del values[y]
    registered = np.array([y in values for y in years.tolist()])
    main = np.array([1000 * values[y] / n for y, n in zip(years.tolist(), people, strict=True) if y in values])
    unit = np.eye(t)[registered]
    usual = loose == 0
    flow = _sized_flow(
        np.vstack([cells[usual], unit, other_cells, stated_cells]),
        np.concatenate([told[usual], main, other_told, stated_told]), years,
    )  # fmt: skip
    notes: list[str] = []

    # Editions of the lineage: their order, and how large the error of each is in each year.
    editions = lineage.select("release", "_released").unique().sort("_released", "release", nulls_last=True)
    names = editions["release"].to_list()
    released = [d.year + (d.month - 1) / 12 if d else years[-1] + 1.0 for d in editions["_released"].to_list()]
    place_of = {n: k for k, n in enumerate(names)}
    median, growth, why = (1.5, np.ones(4), "") if not names else _sizes(code, as_of, float(people.mean()))
    if names:
        notes.append(f"Size of the editions' errors: {why}.")
    age = np.array(released)[:, None] - (years[None, :] + 1) if names else np.zeros((0, t))
    young = growth[np.digitize(age, [2, 5, 10])] if names else np.zeros((0, t))
    far = _distance(_censuses(code, as_of) if names else [], years)
    share = accuracy("un_resident").share
    scale = young * (size(flow, median, share) / median * (1 + 0.03 * far))[None, :] if names else np.zeros((0, t))

    if corrected:
        rows = rows.with_columns(
            part=pl.when((pl.col("part") == "register") & pl.col("start").dt.year().is_in(corrected))
            .then(pl.lit("register, a spike: not used"))
            .otherwise(pl.col("part"))
        )
        notes.append(
            f"The register's figures of {', '.join(map(str, corrected))} stand far from all others of their year, as"
            " corrections after a count do, and are left out."
        )
    if not usual.all():
        rows = rows.with_columns(
            part=pl.when(pl.col("id").is_in(lineage.filter(pl.Series(~usual))["id"].to_list()))
            .then(pl.lit("lineage, a spike"))
            .otherwise(pl.col("part"))
        )
        notes.append(
            f"{int((~usual).sum())} yearly figures of one edition stand far from all others of their year, and are"
            " believed less."
        )

    # The register: what it misses of arrivals and departures, and the rest.
    card = accuracy(definition) if definition else None
    arrivals, departures = (
        _gross(code, definition, years, table, people, as_of) if definition else (np.full(t, np.nan),) * 2
    )
    gross = np.isfinite(arrivals) & np.isfinite(departures)
    tells = card is not None and card.arrivals is not None and card.departures is not None
    a = np.where(gross & tells, arrivals, 0.0)[registered]
    d = np.where(gross & tells, departures, 0.0)[registered]
    coverage = (card.arrivals, card.departures) if card and card.arrivals and card.departures else ((0.0, 0.0),) * 2
    register_scale = size(flow, card.floor, card.share)[registered] if card else np.zeros(0)
    exact = asked.register_error
    if exact is not None and registered.any():
        a, d, register_scale = np.zeros_like(a), np.zeros_like(d), np.full(main.size, max(exact, 0.0))

    # Other national counts: they share part of the register's error; what is left is independent, and grows with it.
    seen = np.zeros(t)
    seen[registered] = main
    plain_cells, plain_told, plain_sd = [], [], []
    for k, row in enumerate(other.iter_rows(named=True)):
        near = accuracy(row["definition"])
        both = other_cells[k][registered].sum() > 0.999
        w = other_cells[k]
        plain_cells.append((1 - SECOND) * w if both else w)
        plain_told.append(other_told[k] - (SECOND * float(w @ seen) if both else 0.0))
        plain_sd.append(float(size(w @ flow, near.floor, near.share)))
    stated_sd = 1000 * stated["_sd"].to_numpy() / np.array(
        [float(people @ overlaps((s.year, s.month), (e.year, e.month), years.tolist()))
         for s, e in stated.select("start", "end").iter_rows()]
    ) if len(stated) else np.zeros(0)  # fmt: skip
    for k in range(len(stated)):
        plain_cells.append(stated_cells[k])
        plain_told.append(stated_told[k])
        plain_sd.append(float(stated_sd[k]))
    mirrored, anchors = _anchored(code, definition, years, people, arrivals + departures, registered, asked)
    for w, rate, sd in zip(
        path_anchors.cells(anchors, years, people), *anchors.select("rate", "sd").to_numpy().T, strict=True
    ):
        plain_cells.append(w)
        plain_told.append(rate)
        plain_sd.append(sd)
    at = {int(y): k for k, y in enumerate(years[registered])}
    made = asked.prior if asked.prior is not None else Prior(tau_un=(round(median, 4), 0.3))
    design = Design(
        years=years, weights=cells,
        edition=np.array([place_of[r] for r in lineage["release"].to_list()], dtype=np.int64),
        order=np.arange(len(names), dtype=float), scale=scale, register=registered, arrivals=a, departures=d,
        coverage=coverage, register_scale=register_scale, plain_weights=np.array(plain_cells).reshape(-1, t),
        plain_sd=np.array(plain_sd), plain_national=np.arange(len(plain_sd)) < len(other),
        restless=size(flow, *RESTLESS), prior=check(made), loose=loose / median,
        mirror=np.array([at[int(y)] for y in mirrored.years] if mirrored else [], dtype=np.int64),
        mirror_noise=mirrored.noise if mirrored else np.zeros((0, 0)),
    )  # fmt: skip
    if given:
        notes += _left_out(rows)
    unstated = used.filter((pl.col("definition") == "own") & (pl.col("level").is_null()))["release"].unique().sort()
    if len(unstated):
        near = accuracy("own")
        notes.append(
            f"{', '.join(unstated)}: no error is stated, so {near.floor:g} per 1,000 and {near.share:.0%} of the flow"
            " are taken, running on from year to year: what the figures jump by is then taken for moves of people."
            " Where they err by more, or each year anew, give error=."
        )
    if basis == "hindsight":
        notes.append(
            f"No population of all these years was known by {as_of}; rates rest on one published later"
            f" ({', '.join(denominator)})."
        )
    if used.is_empty():
        rest = "this is the prior, not a finding" if anchors.is_empty() else "the path rests on counts of people alone"
        notes.append(f"Nobody reported net migration in these years: {rest}.")
    about = {
        "population": people, "denominator_basis": basis, "denominator": denominator, "names": names, "notes": notes,
        "arrivals": arrivals, "departures": departures, "prior_only": used.is_empty() and anchors.is_empty(),
        "anchors": pl.concat([anchors, mirrored.table]) if mirrored else anchors,
    }  # fmt: skip
    return (
        design,
        Reports(told, main, np.array(plain_told), mirrored.error if mirrored else np.zeros(0)),
        rows.drop("_lineage", "_months", "_released", "_sd"),
        about,
    )


def _distance(censuses: list[int], years: NDArray[np.int64]) -> Array:
    if not censuses:
        return np.full(years.size, 10.0)
    return np.asarray(np.minimum(np.abs(years[:, None] - np.array(censuses)[None, :]).min(1), 10), dtype=float)


def _spikes(weights: Array, values: Array, names: NDArray[np.str_]) -> Array:
    """How far a yearly figure stands from all rivals of its year, where it alone does; else 0.

    Offices and editions put the correction of a count into one year; its error is then no kin of its neighbours'. Two
    rivals at least, of other releases, must agree that nothing of the kind happened, and the same release must be
    nearer to its rivals in the years around.
    """
    loose = np.zeros(len(values))
    if not weights.size:
        return loose
    year = np.where(weights.max(1) > 0.99, weights.argmax(1), -1)
    far, apart = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for k in np.flatnonzero(year >= 0):
        rivals = values[(year == year[k]) & (names != names[k])]
        if rivals.size >= 2:
            far[k], apart[k] = abs(values[k] - np.median(rivals)), np.ptp(rivals)
    for k in np.flatnonzero(far > SPIKE[1]):
        around = (names == names[k]) & (np.abs(year - year[k]) <= 4) & np.isfinite(far)
        around[k] = False
        if around.sum() >= 3 and far[k] > SPIKE[0] * max(float(np.median(far[around])), apart[k], 0.2):
            loose[k] = far[k]
    return loose


def _anchored(
    code: str, definition: str, years: NDArray[np.int64], people: Array, gross: Array, registered: NDArray[np.bool_],
    asked: Asked,
) -> tuple[path_anchors.Mirrors | None, pl.DataFrame]:  # fmt: skip
    """What mirrors say of the register's error, and the anchors that pin sums of years."""
    if asked.given or not asked.anchors:
        return None, pl.DataFrame(schema=path_anchors.SCHEMA)
    moved = {
        int(y): g * n / 1000
        for y, g, n, there in zip(years, gross, people, registered, strict=True) if there and np.isfinite(g) and g > 0
    }  # fmt: skip
    lived = dict(zip(years.tolist(), people.tolist(), strict=True))
    mirrored = None
    if moved and asked.register_error is None:
        mirrored = path_anchors.mirrors(code, definition, moved, lived, asked.as_of, asked.strict)
    twice = path_anchors.residuals(code, years, people, asked.as_of, asked.strict)
    stocks = path_anchors.changes(code, years, people, asked.as_of)
    table = pl.concat([twice, stocks])
    inside = (pl.col("start").dt.year() >= int(years[0])) & (pl.col("end").dt.year() <= int(years[-1]) + 1)
    return mirrored, table.filter(inside)
