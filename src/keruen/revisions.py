"""How often editions rewrote the past: each figure against that of the next edition, and of the newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

import polars as pl

from keruen import store
from keruen.comparable import DEFINITIONS_OF_VARIANTS, HALF, SERIES, central, month_number, sums
from keruen.errors import Incomparable
from keruen.places import places as all_places
from keruen.provenance import day, releases

PLAIN = [*SERIES, "start", "end", "value", "low", "high", "level", "status", "known", "known_basis", "copy_of",
         "derived_from", "convention", "printed_unit"]  # fmt: skip
LAGS = (
    (0.0, "projection or before the end"),
    (2.0, "0 to 2 years after"),
    (5.0, "2 to 5 years after"),
    (10.0, "5 to 10 years after"),
)
LAST_LAG = "more than 10 years after"


@dataclass(frozen=True, slots=True)
class Revisions:
    """How editions moved figures for one and the same period.

    Attributes
    ----------
    moves
        One row a place, period and pair of editions: ``before``, ``after``, ``change`` (in the measure's unit),
        ``change_rate`` (per 1,000 person-years, where a population was known that day), ``change_percent``,
        ``pair`` (consecutive, or to the newest), ``lag`` (how long after the period the first of the two was
        released), ``projection`` (the first was one), ``carried`` (unchanged), ``sign_change``, ``region``, ``income``.
    errors
        Statistics of the moves by lag, region, income class and kind of first figure.
    ranking
        Places by how much their past was rewritten.
    denominator
        The releases whose mid-year populations the rates rest on; a place without one has no rate.
    measure
        What was revised.
    """

    moves: pl.DataFrame
    errors: pl.DataFrame
    ranking: pl.DataFrame
    denominator: tuple[str, ...]
    measure: str

    def __repr__(self) -> str:
        past = self.moves.filter((pl.col("pair") == "consecutive") & ~pl.col("projection"))
        moved, value = ~pl.col("carried"), pl.col("change_percent").abs()
        mean, median, kept, turned = past.select(
            pl.col("change_rate").abs().mean(), value.filter(moved).median(), pl.col("carried").mean(),
            pl.col("sign_change").mean(),
        ).row(0)  # fmt: skip
        told = f"{len(past):,} estimates of the past"
        if len(past):
            told = f"of {told} the next edition kept {kept:.0%} and turned the sign of {turned:.0%}"
        if mean is not None:
            told += f"; on average it moved them by {mean:.2f} per 1,000 person-years"
        elif median is not None:
            told += f"; it moved half of the others by {median:.1f}% or more"
        places_, editions = self.moves["place"].unique(), {*self.moves["from"], *self.moves["to"]}
        where = places_[0] if len(places_) == 1 else f"{len(places_)} places"
        return (
            f"Revisions of {self.measure.replace('_', ' ')}, {where}, {len(editions)} editions: {told}."
            " See ranking, moves, errors."
        )

    def _repr_html_(self) -> str:
        table = self.ranking if len(self.ranking) > 1 else self.moves
        return f"<p>{escape(repr(self))}</p>{table._repr_html_()}"


def revisions(
    measure: str = "net_migration",
    *,
    family: str | None = None,
    place: str | Sequence[str] | None = None,
    as_of: str | date | None = None,
    claims: pl.DataFrame | None = None,
) -> Revisions:
    """How each edition moved the figure of the edition before, for every place and period.

    Parameters
    ----------
    measure
        A measure that several editions of one family print.
    family
        The family of editions; by default the one with most editions of this measure.
    place
        Places; by default all.
    as_of
        Pairs end at the editions known that day, and so do populations and income classes.
    claims
        Claims, with the columns of :func:`keruen.evidence`; fetched when not given.

    Raises
    ------
    Incomparable
        If fewer than two editions of the measure are known.

    Examples
    --------
    >>> found = revisions("net_migration", place="KAZ")
    >>> found.moves.filter((pl.col("start") == date(2010, 7, 1)) & (pl.col("to") == "un-wpp-2015"))["change"].item()
    159807.0
    """
    cards = releases()
    if claims is None:
        # Half a million rows of the whole world: neither ids nor sources are needed to see how they move.
        # What lay ahead of every edition is left out: one forecast after another says nothing of errors.
        until = as_of or max(c.released for c in cards.values() if c.family)
        editions_of = [k for k, c in cards.items() if c.family == family] if family else None
        lean = store.evidence(
            place,
            measure,
            stream="all",
            sex="all",
            release=editions_of or None,
            as_of=as_of,
            until=until,
            columns=PLAIN,
        )
        claims = lean.with_columns(id=pl.lit(""), source=pl.lit(None, pl.String), own=pl.lit(False))
    families = {k: cards[k].family for k in claims["release"].unique() if k in cards and cards[k].family}
    if family is None:
        counted = sorted(set(families.values()), key=lambda f: (-list(families.values()).count(f), f))
        family = counted[0] if counted else ""
    editions = sorted((k for k, f in families.items() if f == family), key=lambda k: cards[k].released)
    if len(editions) < 2:
        told = f" by {day(as_of, last=True)}" if as_of else ""
        raise Incomparable(
            f"Revisions need two editions of {measure}; {len(editions)} of {family or 'any family'} is known{told}."
        )
    mine = claims.filter(
        pl.col("release").is_in(editions)
        & pl.col("counterpart").is_null()
        & (pl.col("age") == "all")
        & (pl.col("group") == "all")
        & ~pl.col("definition").is_in(DEFINITIONS_OF_VARIANTS)
        & ~pl.col("place").str.starts_with("_")
    )
    printed = central(mine).drop_nulls("value")
    windows = printed.filter(month_number(pl.col("end")) - month_number(pl.col("start")) > 12)
    derived = sums(printed, windows)
    derived = derived.filter(pl.col("convention") == HALF)
    # Where editions print longer windows, a yearly edition stands among them by its sums alone: else the moves of
    # its single years would count beside the moves of their sum.
    # Where an edition prints both, what it prints counts.
    table = pl.concat([printed if windows.is_empty() else windows, derived]).with_columns(
        summed=pl.col("derived_from").is_not_null()
    )
    order = pl.DataFrame(
        {"release": editions, "edition": range(len(editions)), "released": [cards[k].released for k in editions]}
    )
    rows = table.join(order, on="release").select(
        "place", "start", "end", "release", "edition", "released", "value", "status", "summed"
    ).sort("place", "start", "end", "edition", "summed", "value")  # fmt: skip
    cell = ["place", "start", "end"]
    rows = rows.unique([*cell, "edition"], keep="first", maintain_order=True)
    before = rows.select(*cell, pl.col("release").alias("from"), "released", pl.col("value").alias("before"),
                         (pl.col("status") == "projection").alias("projection"))  # fmt: skip
    following = rows.select(pl.col("release", "value").shift(-1).over(cell))
    latest = rows.select(pl.col("release", "value").last().over(cell))
    pairs = [
        before.with_columns(
            following["release"].alias("to"), following["value"].alias("after"), pair=pl.lit("consecutive")
        ),
        before.with_columns(
            latest["release"].alias("to"), latest["value"].alias("after"), pair=pl.lit("to the newest")
        ),
    ]
    moves = pl.concat(pairs).filter(pl.col("to").is_not_null() & (pl.col("from") != pl.col("to")))
    moves, denominator = _with_rates(moves, as_of)
    moves = _with_groups(moves, as_of)
    return Revisions(moves, _errors(moves), _ranking(moves), denominator, measure)


def _with_rates(moves: pl.DataFrame, as_of: str | date | None) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Changes as rates; the population is the newest mid-year figure known that day, at the middle of the period."""
    change = pl.col("after") - pl.col("before")
    moves = moves.with_columns(
        change=change,
        change_percent=pl.when(pl.col("before") != 0).then(100 * change / pl.col("before").abs()),
        sign_change=(pl.col("after") * pl.col("before")) < 0,
        carried=change.abs() <= 1e-6 * pl.col("before").abs() + 1e-9,
        lag=(pl.col("released") - pl.col("end")).dt.total_days() / 365.25,
    )
    people = (
        store.evidence(
            None,
            "population",
            sex="all",
            stream="all",
            status="estimate",
            as_of=as_of,
            columns=["place", "start", "end", "value", "known", "release", "definition", "group", "age"],
            since=_first(moves["start"]),
            until=_last(moves["end"]),
        )
        .filter(
            (pl.col("group") == "all") & (pl.col("age") == "all") & ~pl.col("definition").is_in(DEFINITIONS_OF_VARIANTS)
        )
        .filter((pl.col("start") == pl.col("end")) & (pl.col("start").dt.month() == 7) & pl.col("value").is_not_null())
        .sort("known", "release", "definition", "value")
        .select(
            "place",
            pl.col("start").dt.year().cast(pl.Int32).alias("_year"),
            pl.col("value").alias("_people"),
            "release",
        )
        .unique(["place", "_year"], keep="last", maintain_order=True)
    )
    years = (month_number(pl.col("end")) - month_number(pl.col("start"))) / 12
    middle = (month_number(pl.col("start")) + month_number(pl.col("end"))) // 24
    moves = moves.with_columns(_year=middle.cast(pl.Int32)).join(
        people, on=["place", "_year"], how="left", maintain_order="left"
    )
    rate = 1000 * pl.col("change") / (pl.col("_people") * pl.when(years > 0).then(years))
    used = sorted(set(moves["release"].drop_nulls()))
    return moves.with_columns(change_rate=rate).drop("_year", "_people", "release"), tuple(used)


def _first(days: pl.Series) -> date | None:
    return min(days.to_list(), default=None)


def _last(days: pl.Series) -> date | None:
    return max(days.to_list(), default=None)


def _with_groups(moves: pl.DataFrame, as_of: str | date | None) -> pl.DataFrame:
    """Region of the place, and the World Bank's income class of the year in which the first figure was released."""
    from keruen.snapshot import covariates

    cutoff = day(as_of, last=True).year if as_of else 9999
    known = all_places()
    regions = {p: known[p].region for p in moves["place"].unique()}
    income = (
        covariates("income_groups")
        .filter(pl.col("year") <= cutoff)
        .select("place", pl.col("year").cast(pl.Int32).alias("_told"), "income")
        .sort("_told")
    )
    band = pl.lit(LAST_LAG)
    for limit, name in reversed(LAGS):
        band = pl.when(pl.col("lag") < limit).then(pl.lit(name)).otherwise(band)
    return (
        moves.with_columns(
            _told=pl.col("released").dt.year().cast(pl.Int32),
            region=pl.col("place").replace_strict(regions, return_dtype=pl.String),
            lag_band=pl.when(pl.col("projection")).then(pl.lit(LAGS[0][1])).otherwise(band),
        )
        .sort("_told")
        .join_asof(income, on="_told", by="place", strategy="backward", check_sortedness=False)
        .drop("_told", "released")
        .sort("place", "start", "end", "pair", "from")
    )


def _errors(moves: pl.DataFrame) -> pl.DataFrame:
    """Statistics of moves to the newest edition and of consecutive ones, by lag, region, income and first figure."""
    rate = pl.col("change_rate").drop_nulls()
    percent = pl.col("change_percent").drop_nulls()
    statistics = [
        pl.len().alias("figures"),
        pl.col("carried").mean().alias("share_unchanged"),
        pl.col("sign_change").mean().alias("share_sign_changed"),
        rate.mean().alias("mean_rate"),
        rate.abs().mean().alias("mean_abs_rate"),
        rate.std().alias("sd_rate"),
        rate.abs().quantile(0.8, "linear").alias("abs_rate_80"),
        rate.abs().quantile(0.95, "linear").alias("abs_rate_95"),
        percent.abs().median().alias("median_abs_percent"),
    ]
    kinds = moves.with_columns(
        first=pl.when(pl.col("projection")).then(pl.lit("projection")).otherwise(pl.lit("estimate")),
        everything=pl.lit("all"),
    )
    tables = [
        kinds.drop_nulls(by)
        .group_by("pair", by)
        .agg(*statistics)
        .select("pair", pl.lit(name).alias("by"), pl.col(by).alias("class"), pl.exclude("pair", by))
        .sort("pair", "class")
        for name, by in (
            ("all", "everything"),
            ("first figure", "first"),
            ("lag", "lag_band"),
            ("region", "region"),
            ("income", "income"),
        )
    ]
    return pl.concat(tables)


def _ranking(moves: pl.DataFrame) -> pl.DataFrame:
    """Places by the mean size of consecutive moves, per 1,000 person-years where a population is known."""
    names = {p: all_places()[p].name for p in moves["place"].unique()}
    past = moves.filter((pl.col("pair") == "consecutive") & ~pl.col("projection"))
    size = pl.col("change_rate").abs().mean()
    return (
        past.group_by("place")
        .agg(
            size.alias("mean_abs_rate"),
            pl.col("change_rate").abs().max().alias("max_abs_rate"),
            pl.col("change").abs().mean().alias("mean_abs_change"),
            pl.col("change").abs().max().alias("max_abs_change"),
            pl.col("change_percent").abs().median().alias("median_abs_percent"),
            pl.col("sign_change").sum().cast(pl.Int64).alias("sign_changes"),
            pl.len().cast(pl.Int64).alias("figures"),
            pl.col("carried").mean().alias("share_unchanged"),
        )
        .with_columns(name=pl.col("place").replace_strict(names, return_dtype=pl.String))
        .sort(pl.col("mean_abs_rate").fill_null(-1), "mean_abs_change", "place", descending=[True, True, False])
        .with_row_index("rank", offset=1)
        .select("rank", "place", "name", pl.exclude("rank", "place", "name"))
    )
