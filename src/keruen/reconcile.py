"""What most likely happened: one path of net migration from every claim about it, with all that the claims leave open.

Claims become cells of a design (who reports which years, how their errors hang together); the sampler of
:mod:`keruen.estimators.path` does the rest. Everything known later than the day that is asked about stays outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen import contract, store
from keruen.disagreement import revisions
from keruen.errors import ConceptError, FaultyTable, Incomparable, ModelError, NoEvidence, VocabularyError
from keruen.estimators.path import Design, Draws, Prior, Reports, check, sample
from keruen.measurement import accuracy, overlaps, size
from keruen.places import Place
from keruen.places import place as one_place
from keruen.places import places as all_places
from keruen.provenance import day, definitions, releases
from keruen.vocabulary import suggest

Array = NDArray[np.float64]

START = 1985
VARIANTS = ("un_projection_low_fertility", "un_projection_high_fertility")
RESTLESS = (0.5, 0.25)  # usual size of a year's innovation: per 1,000, and as a share of the size of the flow
SECOND = 0.7  # part of the main register's error that another national count shares
NORMAL80 = 1.2815515655446004


@dataclass(frozen=True, slots=True)
class Posterior:
    """Draws of one place's path, and what they rest on.

    Attributes
    ----------
    years, chains
        Calendar years; draws (chain, draw, year), net migration per 1,000 a year.
    scales
        Draws of the scales: phi, sigma, tau_un, tau_register, tau_coverage, kappa.
    loading
        Edition → (mean, sd) of its loading on the register's error.
    population, denominator_basis, denominator
        Mid-year residents; ``known`` or ``hindsight``; the releases they come from.
    arrivals, departures
        Reported rates per 1,000; not a number where nobody told.
    claims
        Every claim that was looked at, with its ``part``: lineage, register, other register, stated error, or why it
        was left out.
    identified
        Whether the figures said anything about the coverage of departures: the share of its prior variance removed.
    notes
        What a reader must know.
    """

    place: str
    as_of: date | None
    years: NDArray[np.int64]
    chains: Array
    scales: dict[str, Array]
    loading: dict[str, tuple[float, float]]
    population: Array
    denominator_basis: str
    denominator: tuple[str, ...]
    arrivals: Array
    departures: Array
    claims: pl.DataFrame
    rhat_max: float
    ess_min: float
    identified: float
    prior: Prior
    prior_only: bool
    notes: tuple[str, ...]
    design: Design
    reports: Reports

    @property
    def rates(self) -> Array:
        """Draws (draw, year)."""
        return self.chains.reshape(-1, self.years.size)

    def quantiles(self, levels: Sequence[float] = (0.025, 0.1, 0.5, 0.9, 0.975)) -> Array:
        """(level, year) of the rate per 1,000."""
        return np.asarray(np.quantile(self.rates, list(levels), axis=0))

    def table(self) -> pl.DataFrame:
        """One row a year: median, 80% and 95% intervals of the rate per 1,000, and the median in persons."""
        low95, low80, median, high80, high95 = self.quantiles()
        return pl.DataFrame(
            {
                "place": [self.place] * self.years.size, "year": self.years, "median": median, "low80": low80,
                "high80": high80, "low95": low95, "high95": high95, "persons": median * self.population / 1000,
            }
        )  # fmt: skip

    @property
    def sources(self) -> list[str]:
        """Releases whose figures the posterior rests on."""
        used = self.claims.filter(pl.col("part").is_in(["lineage", "register", "other register", "stated error"]))
        return sorted(used["release"].unique().to_list())


# ---------------------------------------------------------------- a user's own series


def claims_from_series(
    place: str | int,
    years: Iterable[int],
    values: Iterable[float],
    release: str = "own",
    *,
    definition: str = "own",
    error: float | Iterable[float] | None = None,
    known: str | date | None = None,
    population: Iterable[float] | None = None,
) -> pl.DataFrame:
    """Claims from a series of net migration by calendar year.

    Parameters
    ----------
    place
        Code or name.
    years, values
        Calendar years; persons, arrivals less departures.
    release
        A name for the source.
    definition
        What it counts: a definition with a lineage. ``own`` by default.
    error
        Standard deviation of its error, persons, independent from year to year; 0 for a source without error. By
        default the definition tells, and errors run on from year to year.
    known
        The day from which it was known; needed for questions as of a day.
    population
        Mid-year residents of those years, where the packaged ones are not wanted.

    Returns
    -------
    A table of claims for :func:`keruen.reconcile`.

    Raises
    ------
    ModelError
        For years without value, twice the same year, years far outside, a negative error.
    VocabularyError, Incomparable
        For a definition that is not known, or that counts something else.

    Examples
    --------
    >>> table = claims_from_series("KAZ", [2004, 2005], [2789, 22668], release="register")
    >>> table.select("start", "value").rows()[1]
    (datetime.date(2005, 1, 1), 22668.0)
    """
    code = one_place(place).code
    accuracy(definition)
    when, what = [int(y) for y in years], [float(v) for v in values]
    if len(when) != len(what) or not when:
        raise ModelError(f"{len(when)} years meet {len(what)} values for {code}. Give one value a year.")
    twice = sorted({y for y in when if when.count(y) > 1})
    if twice:
        raise ModelError(f"{code} has two values for {twice[0]} in one series. Give the other one as another release.")
    far = [y for y in when if not 1850 <= y <= date.today().year + 1]
    if far:
        raise ModelError(f"{far[0]} is far outside what was observed. Give calendar years between 1850 and today.")
    if not np.isfinite(what).all():
        raise ModelError(f"A value for {code} is not a number. Leave the year out: absent is not 0.")
    frame = pl.DataFrame(
        {
            "place": [code] * len(when), "start": [date(y, 1, 1) for y in when],
            "end": [date(y + 1, 1, 1) for y in when], "value": what,
        }
    )  # fmt: skip
    if error is not None:
        sds = [float(error)] * len(when) if isinstance(error, int | float) else [float(e) for e in error]
        if len(sds) != len(when) or not np.isfinite(sds).all() or min(sds) < 0:
            raise ModelError(f"An error of {min(sds):g} persons cannot be. Give 0 or more, one for all or one a year.")
        frame = frame.with_columns(
            low=pl.Series([v - NORMAL80 * e for v, e in zip(what, sds, strict=True)]),
            high=pl.Series([v + NORMAL80 * e for v, e in zip(what, sds, strict=True)]),
            level=pl.lit(0.8),
        )
    constants = {
        "status": "estimate", "definition": definition, "release": release,
        "known": None if known is None else day(known, last=True), "known_basis": None if known is None else "user",
    }  # fmt: skip
    table = contract.claims(frame, measure="net_migration", **constants)
    if population is None:
        return table
    people = [float(n) for n in population]
    if len(people) != len(when) or not np.isfinite(people).all() or min(people) <= 0:
        raise ModelError(f"The population of {code} must be above zero, one figure a year.")
    stocks = pl.DataFrame(
        {
            "place": [code] * len(when), "start": [date(y, 7, 1) for y in when], "end": [date(y, 7, 1) for y in when],
            "value": people,
        }
    )  # fmt: skip
    return pl.concat([table, contract.claims(stocks, measure="population", **constants)])


# ---------------------------------------------------------------- which claims count


def _whole(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(
        pl.col("counterpart").is_null()
        & (pl.col("sex") == "all")
        & (pl.col("age") == "all")
        & (pl.col("group") == "all")
        & (pl.col("stream") == "all")
    )


def _faults(table: pl.DataFrame) -> None:
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
        for length in group.with_columns(_n=(pl.col("end") - pl.col("start")).dt.total_days() // 300).partition_by(
            "_n"
        ):
            ordered = length.sort("start", "end")
            clash = ordered.filter(pl.col("start") < pl.col("end").shift(1))
            if len(clash):
                row = clash.row(0, named=True)
                raise ModelError(
                    f"{release} has two figures that overlap in {row['start'].year} ({row['place']}). "
                    "Keep one, or give the other as another release."
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
            (pl.col("high") - pl.col("low")) / 2
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
    """Mid-year residents: those known that day, else the earliest packaged ones, marked as hindsight."""
    own = pl.DataFrame() if given is None else given.filter(
        (pl.col("measure") == "population") & (pl.col("place") == code) & pl.col("value").is_not_null()
    )  # fmt: skip
    if len(own) and as_of is not None:
        own = own.filter(pl.col("known") <= as_of)
    basis = "known"
    rows = own
    if not len(rows):
        rows = _residents(store.evidence(code, "population", sex="all", stream="all", as_of=as_of, strict=strict))
    if not len(rows):
        if strict:
            raise NoEvidence(
                f"No population of {one_place(code).name} was known by {as_of}, and strict refuses a later one. "
                "Give population= with your series, or ask without strict."
            )
        later = store.evidence(code, "population", sex="all", stream="all").filter(~pl.col("own"))
        rows = _residents(later)
        rows = rows.filter(pl.col("known") == rows["known"].min()) if len(rows) else rows
        basis = "hindsight"
    if not len(rows):
        raise NoEvidence(
            f"Nobody reported the population of {one_place(code).name}, so no rate can be formed. "
            "Give population= to claims_from_series, or add claims of the measure population."
        )
    newest = rows.sort("known", "release", "value", nulls_last=True).unique("start", keep="last", maintain_order=True)
    newest = newest.sort("start")
    at = np.array([s.year + (s.month - 1) / 12 for s in newest["start"].to_list()])
    found = np.exp(np.interp(years + 0.5, at, np.log(newest["value"].to_numpy())))
    return found, basis, tuple(sorted(newest["release"].unique().to_list()))


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
    """Revisions of estimates since 1985, of the places of a region: the statistics behind the size of an error."""
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
    ).select("place", "lag", "change_rate", "change", "start")


def _sizes(code: str, as_of: date | None, population: float) -> tuple[float, Array, str]:
    """Median of the size of the UN's error, its growth for young figures, and where the two come from.

    Ages: under 2, 2 to 5, 5 to 10 years, and more, after the end of the period.
    """
    growth = np.array([1.3, 1.2, 1.1, 1.0])
    region = one_place(code).region
    moves = _revised(region, as_of, _stamp()) if region else pl.DataFrame()
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


def _stamp() -> str:
    """What the cache of revisions depends on: the snapshot and the user's own parts."""
    from keruen import folders, snapshot

    return f"{folders.home()}:{snapshot.manifest()['version']}:{len(store.own_releases())}"


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


def _built(
    code: str, table: pl.DataFrame, as_of: date | None, start: int | None, strict: bool, copies: bool,
    prior: Prior | None, given: bool, error: float | None,
) -> tuple[Design, Reports, pl.DataFrame, dict[str, Any]]:  # fmt: skip
    """The design of one place."""
    rows = _sorted_out(_whole(table.filter(pl.col("place") == code)), as_of, copies)
    used = rows.filter(pl.col("part").is_in(["un", "national", "stated error"]))
    if given:
        _overlapping(used)
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
    other = rows.filter(pl.col("part") == "other register")
    other_cells, other_told = _rate(other, years, people)
    stated = rows.filter(pl.col("part") == "stated error")
    stated_cells, stated_told = _rate(stated, years, people)
    registered = np.array([y in values for y in years.tolist()])
    main = np.array([1000 * values[y] / n for y, n in zip(years.tolist(), people, strict=True) if y in values])
    unit = np.eye(t)[registered]
    flow = _sized_flow(
        np.vstack([cells, unit, other_cells, stated_cells]),
        np.concatenate([told, main, other_told, stated_told]), years,
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
    if error is not None and registered.any():
        a, d, register_scale = np.zeros_like(a), np.zeros_like(d), np.full(main.size, max(error, 0.0))

    # Other national counts: they share part of the register's error; what is left is independent.
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
    ) / NORMAL80 if len(stated) else np.zeros(0)  # fmt: skip
    for k in range(len(stated)):
        plain_cells.append(stated_cells[k])
        plain_told.append(stated_told[k])
        plain_sd.append(float(stated_sd[k]))
    made = prior if prior is not None else Prior(tau_un=(round(median, 4), 0.3))
    design = Design(
        years=years, weights=cells,
        edition=np.array([place_of[r] for r in lineage["release"].to_list()], dtype=np.int64),
        order=np.arange(len(names), dtype=float), scale=scale, register=registered, arrivals=a, departures=d,
        coverage=coverage, register_scale=register_scale, plain_weights=np.array(plain_cells).reshape(-1, t),
        plain_sd=np.array(plain_sd), restless=size(flow, *RESTLESS), prior=check(made),
    )  # fmt: skip
    if basis == "hindsight":
        notes.append(
            f"No population was known by {as_of}; rates rest on one published later ({', '.join(denominator)})."
        )
    if used.is_empty():
        notes.append("Nobody reported net migration in these years: this is the prior, not a finding.")
    about = {
        "population": people, "denominator_basis": basis, "denominator": denominator, "names": names, "notes": notes,
        "arrivals": arrivals, "departures": departures, "prior_only": used.is_empty(),
    }  # fmt: skip
    return (
        design,
        Reports(told, main, np.array(plain_told)),
        rows.drop("_lineage", "_months", "_released", "_sd"),
        about,
    )


def _distance(censuses: list[int], years: NDArray[np.int64]) -> Array:
    if not censuses:
        return np.full(years.size, 10.0)
    return np.asarray(np.minimum(np.abs(years[:, None] - np.array(censuses)[None, :]).min(1), 10), dtype=float)


# ---------------------------------------------------------------- the answer


def reconcile(
    places: str | int | Place | Sequence[str | int | Place],
    measure: str = "net_migration",
    *,
    as_of: str | int | date | None = None,
    strict: bool = False,
    claims: pl.DataFrame | None = None,
    start: int | None = None,
    without: Sequence[str] = (),
    only: Sequence[str] = (),
    copies: bool = False,
    register_error: float | None = None,
    prior: Prior | Mapping[str, Any] | None = None,
    draws: int = 800,
    ess: float = 400,
    seed: int = 0,
) -> Any:
    """The path of net migration that the claims leave possible, as draws.

    Parameters
    ----------
    places
        One place, or several.
    measure
        ``net_migration``.
    as_of
        Only what was known on that day, priors and populations included.
    strict
        Leave out figures whose known day rests on a publication lag, and refuse a population known only later.
    claims
        Claims to reconcile instead of the packaged ones, as :func:`keruen.claims_from_series` makes them: they may
        hold several releases. An empty table gives the prior.
    start
        First year; by default 1985, or the first year of the claims that are given.
    without, only
        Releases, families or definitions to leave out, or to keep alone.
    copies
        Count figures carried from one edition to the next as new claims (for comparison alone).
    register_error
        Size of the register's error, per 1,000; 0 takes it for the truth. By default its definition tells.
    prior
        Other priors: a :class:`keruen.estimators.path.Prior`, or some of its fields.
    draws, ess, seed
        Draws a chain to begin with, effective draws wanted of every quantity (below 400, for a quick look, chains need
        agree less: R-hat below 1.1 instead of 1.01), and the seed.

    Returns
    -------
    A :class:`Posterior`, or for several places a dict of them by code. Draws of different places are independent.

    Raises
    ------
    NoEvidence
        Without a population, or if no claim is an observation.
    ModelError, Incomparable, VocabularyError
        For claims that cannot be used as they are; the message tells the remedy.
    NotConverged
        Rather than an answer that did not settle.

    Examples
    --------
    >>> exact = claims_from_series("KAZ", range(2000, 2006), [-108307, -88162, -62012, -8306, 2789, 22668], error=0)
    >>> found = reconcile("KAZ", claims=exact)
    >>> bool(abs(found.table()["persons"][5] - 22668) < 30)
    True

    References
    ----------
    Raymer, Wiśniowski, Forster, Smith and Bijak (2013), JASA 108; Liu (1994), JASA 89.
    """
    if measure != "net_migration":
        raise ConceptError(f"{measure} has no measurement model yet. Reconcile net_migration.")
    several = not isinstance(places, str | int | Place)
    asked: list[Any] = [places] if isinstance(places, str | int | Place) else list(places)
    codes = [one_place(p).code for p in asked]
    cutoff = None if as_of is None else day(str(as_of) if isinstance(as_of, int) else as_of, last=True)
    if register_error is not None and register_error < 0:
        raise ModelError(f"An error of {register_error:g} per 1,000 cannot be. Give 0 or more.")
    if claims is not None:
        missing = [c for c in contract.SCHEMA if c not in claims.columns]
        if missing:
            raise FaultyTable(
                "claims", [f"column {c!r} is missing; make the table with claims_from_series" for c in missing]
            )
        _faults(claims)
    table = claims
    if table is None:
        table = store.evidence(
            codes, ["net_migration", "immigration", "emigration"], stream="all", sex="all", as_of=cutoff, strict=strict
        )
    table = _chosen(table, without, only)
    found = {
        code: _one(
            code, table, cutoff, start, strict, copies, prior, claims is not None, register_error, draws, ess,
            np.random.default_rng([seed, *code.encode()]),
        )
        for code in codes
    }  # fmt: skip
    return found if several else found[codes[0]]


def _chosen(table: pl.DataFrame, without: Sequence[str], only: Sequence[str]) -> pl.DataFrame:
    """Claims by release, family of editions, definition or lineage."""
    if not without and not only:
        return table
    family = {k: c.family for k, c in releases().items() if c.family}
    lineage = {d: c["lineage"] for d, c in definitions().items() if "lineage" in c}
    keys = [
        pl.col("release"),
        pl.col("definition"),
        pl.col("release").replace_strict(family, default=None, return_dtype=pl.String),
        pl.col("definition").replace_strict(lineage, default=None, return_dtype=pl.String),
    ]
    net = pl.col("measure") == "net_migration"
    for words, keep in ((list(only), True), (list(without), False)):
        if words:
            hit = pl.any_horizontal([k.is_in(words).fill_null(False) for k in keys])
            table = table.filter(~net | (hit if keep else ~hit))
    return table


def _one(
    code: str, table: pl.DataFrame, as_of: date | None, start: int | None, strict: bool, copies: bool,
    prior: Prior | Mapping[str, Any] | None, given: bool, error: float | None, draws: int, ess: float,
    rng: np.random.Generator,
) -> Posterior:  # fmt: skip
    fixed = prior if isinstance(prior, Prior) else None
    design, reports, rows, about = _built(code, table, as_of, start, strict, copies, fixed, given, error)
    if isinstance(prior, Mapping):
        unknown = set(prior) - set(Prior.__dataclass_fields__)
        if unknown:
            raise ModelError(
                f"{sorted(unknown)[0]!r} is no prior. {suggest(sorted(unknown)[0], Prior.__dataclass_fields__)}"
            )
        design = replace(design, prior=check(replace(design.prior, **prior)))
    found = sample(design, reports, rng=rng, draws=draws, ess_above=ess, rhat_below=1.01 if ess >= 400 else 1.1)
    return _answer(code, as_of, design, reports, rows, about, found)


def _answer(
    code: str,
    as_of: date | None,
    design: Design,
    reports: Reports,
    rows: pl.DataFrame,
    about: dict[str, Any],
    found: Draws,
) -> Posterior:
    notes = list(about["notes"])
    identified = 0.0
    if (design.departures > 0).any():
        spread = design.prior.tau_coverage[1]
        identified = max(0.0, 1 - float(np.var(np.log(found.scales["tau_coverage"]))) / spread**2)
        if identified < 0.5:
            notes.append("The coverage of departures is not identified by these claims: its prior decides.")
    loading = {
        name: (float(found.loading[..., k].mean()), float(found.loading[..., k].std()))
        for k, name in enumerate(about["names"]) if found.loading.shape[-1]
    }  # fmt: skip
    return Posterior(
        place=code, as_of=as_of, years=design.years, chains=found.rates, scales=found.scales, loading=loading,
        population=about["population"], denominator_basis=about["denominator_basis"], denominator=about["denominator"],
        arrivals=about["arrivals"], departures=about["departures"], claims=rows, rhat_max=found.rhat_max,
        ess_min=found.ess_min, identified=identified, prior=design.prior, prior_only=about["prior_only"],
        notes=tuple(notes), design=design, reports=reports,
    )  # fmt: skip


def answer(
    place: str | int | Place,
    *,
    as_of: str | int | date | None = None,
    persistence: int = 5,
    threshold: float = 0.0,
    hysteresis: float = 0.5,
    since: int = 1990,
    seed: int = 0,
    strict: bool = False,
    treatments: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """When a place tipped, as plain data: rates, probabilities, the tipping year, states, turns, and what it hangs on.

    Parameters
    ----------
    persistence, threshold, hysteresis, since
        As in :func:`keruen.tipping`.
    treatments
        Also answer under every treatment of :func:`sensitivity`; otherwise other persistences alone.
    **options
        Of :func:`reconcile`.
    """
    from keruen.tipping import tipping

    tipping((range(since - 5, since + 5), [0.0] * 10), persistence, threshold, hysteresis, since)  # refuses early
    found = reconcile(place, as_of=as_of, seed=seed, strict=strict, **options)
    t = tipping(found, persistence, threshold, hysteresis, since)
    low95, low80, median, high80, high95 = found.quantiles()
    hangs: list[dict[str, Any]] = []
    for h in sorted({1, 3, 5, 6, persistence}):
        other = tipping(found, h, threshold, hysteresis, since).told()
        hangs.append({"treatment": "all evidence", **other})
    if treatments:
        table = sensitivity(
            place, as_of=[None if as_of is None else str(as_of)], persistence=[5], since=since, seed=seed
        )
        hangs += [row for row in table.to_dicts() if row["treatment"] != "all evidence"]

    def listed(values: Array, digits: int = 4) -> list[float | None]:
        return [None if not np.isfinite(v) else round(float(v), digits) for v in values]

    return {
        "place": found.place, "as_of": found.as_of, "years": [int(y) for y in found.years],
        "net_migration_rate": {
            "unit": "per 1,000 a year", "median": listed(median), "low80": listed(low80), "high80": listed(high80),
            "low95": listed(low95), "high95": listed(high95),
        },
        "p_receiving": listed(t.p_receiving), "p_receiving_hysteresis": listed(t.p_receiving_hysteresis),
        "tipping": t.told(), "state": t.state, "turns": t.turns,
        "sequences": [{"turns": k, "p": round(v, 6)} for k, v in t.sequences[:6]],
        "diagnostics": {
            "draws": len(found.rates), "ess_min": round(found.ess_min, 1), "rhat_max": round(found.rhat_max, 4),
        },
        "sensitivity": hangs, "sources": found.sources, "denominator_basis": found.denominator_basis,
        "denominator": list(found.denominator),
        "loading": {k: {"mean": round(a, 3), "sd": round(b, 3)} for k, (a, b) in found.loading.items()},
        "prior_only": found.prior_only, "notes": list(found.notes),
    }  # fmt: skip


# ---------------------------------------------------------------- the world

CACHED = "v1"


def _row(job: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """One place of the world, or the reason why there is none; from the cache where its evidence is unchanged."""
    import hashlib
    import json

    from keruen import folders

    code, options = job
    cutoff = options["as_of"]
    table = store.evidence(
        code, ["net_migration", "immigration", "emigration", "population"], stream="all", sex="all", as_of=cutoff
    )
    said = json.dumps(
        [CACHED, code, {k: str(v) for k, v in options.items()}, _stamp(), sorted(table["id"].to_list())], sort_keys=True
    )
    target = folders.home() / "cache" / "tipping" / f"{hashlib.blake2b(said.encode(), digest_size=16).hexdigest()}.json"
    if target.is_file():
        return code, dict(json.loads(target.read_text("utf-8")))
    try:
        told = answer(code, **options)
    except (NoEvidence, ModelError) as error:
        told = {"place": code, "fault": str(error)}
    told["as_of"] = None if cutoff is None else str(cutoff)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{id(told)}")
    part.write_text(json.dumps(told), "utf-8")
    part.replace(target)
    return code, told


def world(
    places: Sequence[str] | None = None,
    *,
    as_of: str | None = None,
    persistence: int = 5,
    since: int = 1990,
    seed: int = 0,
    ess: float = 400,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> pl.DataFrame:
    """When every place tipped: one row a place. What was computed is kept and not computed again.

    Parameters
    ----------
    places
        By default every country with claims.
    workers
        Processes; by default one a core. Where a Dask client is active, its workers are used instead.
    progress
        Told the place, how many are done and how many there are.

    Returns
    -------
    ``place``, ``mode``, ``p_mode``, ``p_turned``, ``p_never``, ``p_unconfirmed``, ``p_already_receiving``,
    ``p_turned_back``, ``entropy_bits``, ``p_receiving`` and ``rate`` of the last year told, ``year``, ``ess_min``,
    ``rhat_max``, ``fault``: why there is no answer.

    Notes
    -----
    An answer is found again by the ids of the claims it rests on: a new claim makes that place be computed anew.
    """
    import os
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    codes = sorted(places) if places is not None else sorted(c for c, p in all_places().items() if p.kind == "country")
    options = {"as_of": as_of, "persistence": persistence, "since": since, "seed": seed, "ess": ess}
    jobs = [(one_place(c).code, options) for c in codes]
    done: dict[str, dict[str, Any]] = {}

    def take(code: str, told: dict[str, Any]) -> None:
        done[code] = told
        if progress is not None:
            progress(code, len(done), len(jobs))

    many = workers if workers is not None else (os.cpu_count() or 1)
    client = _client()
    if client is not None:
        for future in client.map(_row, jobs):
            take(*future.result())
    elif many < 2 or len(jobs) < 2:
        for job in jobs:
            take(*_row(job))
    else:
        with ProcessPoolExecutor(many, mp_context=get_context("spawn")) as pool:
            for ready in as_completed([pool.submit(_row, job) for job in jobs]):
                take(*ready.result())
    return pl.DataFrame([_flat(done[c]) for c, _ in jobs], infer_schema_length=None)


def _client() -> Any:
    """The Dask client that is active, if distributed is loaded at all."""
    import sys

    if "distributed" not in sys.modules:
        return None
    try:
        return sys.modules["distributed"].get_client()
    except ValueError:
        return None


def _flat(told: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(
        ("mode", "p_mode", "p_turned", "p_never", "p_unconfirmed", "p_already_receiving", "p_turned_back",
         "entropy_bits", "year", "p_receiving", "rate", "ess_min", "rhat_max", "fault")
    )  # fmt: skip
    if "fault" in told:
        return {"place": told["place"], **empty, "fault": told["fault"]}
    t, last = told["tipping"], len(told["years"]) - 2
    masses = [*t["p_by_year"].values(), t["p_never"], t["p_unconfirmed"], t["p_already_receiving"]]
    return {
        "place": told["place"], **empty, **{k: t[k] for k in t if k in empty}, "mode": str(t["mode"]),
        "p_mode": max(masses), "p_turned": sum(t["p_by_year"].values()), "year": told["years"][last],
        "p_receiving": told["p_receiving"][last], "rate": told["net_migration_rate"]["median"][last],
        "ess_min": told["diagnostics"]["ess_min"], "rhat_max": told["diagnostics"]["rhat_max"],
    }  # fmt: skip


# ---------------------------------------------------------------- what the answer hangs on

VARIATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("all evidence", {}),
    ("register only", {"only": ["national"]}),
    ("register only, without error", {"only": ["national"], "register_error": 0.0}),
    ("UN only", {"only": ["un"]}),
    ("without editions that follow the register", {"without": ["register-like"]}),
    ("copies counted as new claims", {"copies": True}),
    ("errors of editions unrelated", {"prior": {"kappa": (1e-6, 0.0)}}),
    ("errors of editions all but the same", {"prior": {"kappa": (0.9, 0.0)}}),
    ("UN errors half as large", {"prior": {"tau_un": 0.5}}),
    ("register's errors twice as large", {"prior": {"tau_register": 2.0}}),
)
"""Treatments of the evidence in :func:`sensitivity`; a scale stands for a multiple of the usual median."""

LIKE = 0.5


def sensitivity(
    place: str | int | Place,
    *,
    as_of: Sequence[str | None] = (None,),
    persistence: Sequence[int] = (1, 3, 5, 6),
    since: int = 1990,
    draws: int = 800,
    ess: float = 400,
    seed: int = 0,
    variations: Sequence[tuple[str, Mapping[str, Any]]] = VARIATIONS,
    leave_one_out: bool = False,
) -> pl.DataFrame:
    """What the tipping year hangs on: one row a treatment of the evidence, day and persistence.

    Parameters
    ----------
    place
        Code or name.
    as_of
        Days; None is today.
    persistence
        Years that a turn must last; other persistences than the third are told for all evidence alone.
    leave_one_out
        Also leave out each release in turn.

    Returns
    -------
    ``treatment``, ``as_of``, ``persistence``, ``mode``, ``p_mode``, ``p_turned`` (a confirmed turn upward),
    ``p_never``, ``p_unconfirmed``, ``p_already_receiving``, ``p_turned_back``, ``entropy_bits``, ``left_out``.
    A treatment that the evidence of the day does not allow has no row.
    """
    from keruen.tipping import tipping

    code = one_place(place).code
    rows: list[dict[str, Any]] = []
    for at in as_of:
        full = reconcile(code, as_of=at, draws=draws, ess=ess, seed=seed)
        plans = [(name, dict(options)) for name, options in variations]
        if leave_one_out:
            plans += [(f"without {r}", {"without": [r]}) for r in full.sources]
        for name, options in plans:
            if name == "all evidence":
                found = full
            else:
                if options.get("without") == ["register-like"]:
                    like = register_like(full)
                    if not like:
                        continue
                    options["without"] = like
                if isinstance(options.get("prior"), Mapping):
                    options["prior"] = {
                        k: (getattr(full.prior, k)[0] * v, getattr(full.prior, k)[1]) if isinstance(v, float) else v
                        for k, v in options["prior"].items()
                    }
                found = reconcile(code, as_of=at, draws=draws, ess=ess, seed=seed, **options)
                if found.prior_only:
                    continue
            for h in persistence if name == "all evidence" else [5]:
                t = tipping(found, persistence=h, since=since)
                masses = [*t.p_by_year.values(), t.p_never, t.p_unconfirmed, t.p_already_receiving]
                rows.append(
                    {
                        "treatment": name, "as_of": None if at is None else str(at), "persistence": h,
                        "mode": str(t.mode), "p_mode": max(masses), "p_turned": sum(t.p_by_year.values()),
                        "p_never": t.p_never, "p_unconfirmed": t.p_unconfirmed,
                        "p_already_receiving": t.p_already_receiving, "p_turned_back": t.p_turned_back,
                        "entropy_bits": t.entropy_bits, "left_out": " ".join(options.get("without", ())),
                    }
                )  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"as_of": pl.String})


def register_like(posterior: Posterior) -> list[str]:
    """Editions that follow the main register.

    Those that load on its error by more than a half, those that print a figure within 2% of the register's, and those
    whose figures correlate with it by more than a half once its first ten years are over.
    """
    like = {name for name, (mean, _) in posterior.loading.items() if mean > LIKE}
    design, told = posterior.design, posterior.reports.lineage
    seen = np.zeros(design.length)
    seen[design.register] = posterior.reports.register
    whole = (design.weights @ design.register) > 0.999
    names = list(posterior.loading)
    first = design.years[design.register].min() if design.register.any() else 0
    settled = (design.weights @ (design.years >= first + 10)) > 0.999  # past the large flows, which all editions see
    for e, name in enumerate(names):
        mine = whole & (design.edition == e)
        registered = design.weights @ seen
        near = np.abs(told - registered) <= 0.02 * np.abs(registered)
        if (mine & near & (np.abs(registered) > 0.5)).any():
            like.add(name)
        late = mine & settled
        if late.sum() >= 5 and np.corrcoef(told[late], registered[late])[0, 1] > LIKE:
            like.add(name)
    return [n for n in names if n in like]


# ---------------------------------------------------------------- does the sampler return what was put in


def calibrate(
    posterior: Posterior, sets: int = 300, *, highest: int = 99, seed: int = 0, since: int = 1990, ess: float = 120
) -> pl.DataFrame:
    """Simulation-based calibration on the design of a posterior: the same cells, with figures drawn from the prior.

    Parameters
    ----------
    posterior
        Its design is used, not its figures.
    sets
        Simulated data sets.
    highest
        Draws that each truth is ranked among; 10 k − 1.
    seed
        Of all randomness.
    since, ess
        As for the tipping year; effective draws wanted of each quantity.

    Returns
    -------
    One row a data set and quantity: ``set``, ``quantity``, ``rank`` (0 to `highest`), ``inside80`` (the truth lies in
    the central 80%), ``log_likelihood`` is among the quantities.

    References
    ----------
    Talts et al. (2018), arXiv 1804.06788; Modrák et al. (2023), Bayesian Analysis.
    """
    from keruen.estimators.path import simulate
    from keruen.posterior import rank
    from keruen.tipping import tipping

    design, rows = posterior.design, []
    years = design.years
    watched = [int(y) for y in (years[0], 2005, 2012, years[-1]) if y in years]
    for number in range(sets):
        rng = np.random.default_rng([seed, number])
        reports, truth = simulate(design, rng)
        found = sample(design, reports, rng=rng, draws=400, ess_above=ess, rhat_below=1.03, most=6400, strict=False)
        paths = found.rates.reshape(-1, years.size)
        pick = np.linspace(0, len(paths) - 1, highest).astype(int)

        def label(one: Array) -> Array:
            told = tipping((years, one), since=since).labels
            words = {"never": 9999, "unconfirmed": 9998, "already receiving": 0}
            return np.array([words.get(t, t) if isinstance(t, str) else t for t in told], dtype=float)

        told: dict[str, tuple[float, Array]] = {
            f"rate_{y}": (float(truth["rates"][years == y][0]), paths[:, years == y][:, 0]) for y in watched
        }
        for name in found.scales:
            told[name] = (float(truth[name]), found.scales[name].ravel())
        for k in range(found.loading.shape[-1]):
            told[f"loading_{k}"] = (float(truth["loading"][k]), found.loading[..., k].ravel())
        told["tipping_year"] = (float(label(truth["rates"][None])[0]), label(paths[pick]))
        told["misfit"] = (
            float(((reports.lineage - design.weights @ truth["rates"]) ** 2).sum()
                  + ((reports.register - truth["rates"][design.register]) ** 2).sum()),
            ((reports.lineage - paths @ design.weights.T) ** 2).sum(1)
            + ((reports.register - paths[:, design.register]) ** 2).sum(1),
        )  # fmt: skip
        for name, (true, draws) in told.items():
            thin = draws if draws.size == highest else draws[pick]
            r = int(rank(true, thin, rng))
            low, high = np.quantile(draws, [0.1, 0.9])
            rows.append((number, name, r, bool(low <= true <= high)))
    return pl.DataFrame(rows, schema=["set", "quantity", "rank", "inside80"], orient="row")


def calibration(ranks: pl.DataFrame, highest: int = 99, bins: int = 10) -> pl.DataFrame:
    """One row a quantity of :func:`calibrate`: p-value of uniform ranks, and the share of truths in the central 80%."""
    from keruen.posterior import uniformity

    return pl.DataFrame(
        [
            (str(name), len(of), uniformity(of["rank"].to_numpy(), highest, bins), of["inside80"].to_numpy().mean())
            for (name,), of in ranks.group_by(["quantity"], maintain_order=True)
        ],
        schema=["quantity", "sets", "p_uniform", "coverage80"], orient="row",
    )  # fmt: skip
