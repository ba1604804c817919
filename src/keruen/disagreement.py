"""Where claims contradict each other, how often editions rewrote the past, and what the two ends of a corridor say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import polars as pl

from keruen import contract, store
from keruen.errors import Incomparable, NoEvidence
from keruen.places import place as one_place
from keruen.places import places as all_places
from keruen.provenance import day, releases
from keruen.vocabulary import measure as word

SERIES = ["measure", "stream", "place", "counterpart", "basis", "sex", "age", "group", "definition", "release"]
HALF = "sum of calendar years, half weights at both ends"
CALENDAR = "sum of calendar years"
PLAIN = [*SERIES, "start", "end", "value", "low", "high", "level", "status", "known", "known_basis", "copy_of",
         "derived_from", "convention", "printed_unit"]  # fmt: skip
DEFINITIONS_OF_VARIANTS = ("un_projection_low_fertility", "un_projection_high_fertility")


def _months(column: pl.Expr) -> pl.Expr:
    return column.dt.year().cast(pl.Int32) * 12 + column.dt.month().cast(pl.Int32)


def central(table: pl.DataFrame) -> pl.DataFrame:
    """One row a figure: the rows that tell its 80% and its 95% interval are one claim.

    The 80% row is kept; retractions and texts have no figure and are left out.
    """
    told = table.filter(pl.col("value").is_not_null() | pl.col("low").is_not_null() | pl.col("high").is_not_null())
    cell = [*SERIES, "start", "end", "value", "status", "convention"]
    return told.sort("level", nulls_last=False, maintain_order=True).unique(cell, keep="first", maintain_order=True)


def sums(table: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Sums of yearly claims over longer windows, each a claim with its parts and its convention.

    Parameters
    ----------
    table
        Claims with ids; those over one calendar year are summed.
    windows
        Columns ``start``, ``end``. A window that begins in mid-year is filled twice: with half weights for the two
        years it cuts, and with the calendar years that begin inside it.

    Returns
    -------
    Claims, with ``derived_from`` (ids of the parts) and ``convention``. A sum with a part missing is not made.
    """
    yearly = central(table).filter(
        (_months(pl.col("end")) - _months(pl.col("start")) == 12)
        & (pl.col("start").dt.month() == 1)
        & (pl.col("start").dt.day() == 1)
        & pl.col("value").is_not_null()
        & pl.col("derived_from").is_null()
    )
    spans = windows.select("start", "end").unique().filter(_months(pl.col("end")) - _months(pl.col("start")) > 12)
    if yearly.is_empty() or spans.is_empty():
        return table.clear()
    cut = spans.with_columns(_from="start", _to="end", _convention=pl.lit(CALENDAR))
    mid = pl.col("start").dt.month() == 7
    half = cut.filter(mid).with_columns(_convention=pl.lit(HALF))
    whole = cut.filter(mid).with_columns(
        _from=pl.date(pl.col("start").dt.year(), 1, 1), _to=pl.date(pl.col("end").dt.year(), 1, 1)
    )
    plans = pl.concat([cut.filter(~mid & (pl.col("start").dt.month() == 1)), half, whole])
    parts = yearly.select(*SERIES, "value", "status", "known", "known_basis", "copy_of", "id", "printed_unit",
                          pl.col("start").alias("_s"), pl.col("end").alias("_e"))  # fmt: skip
    # Window by window: joined all at once, the years of the world would stand in memory once for every window.
    summed = pl.concat([_summed(parts, plan) for plan in plans.iter_rows(named=True)])
    named = pl.format(
        "{} {}–{}", pl.lit(CALENDAR), pl.col("_from").dt.year(), pl.col("_to").dt.year() - 1
    )  # the years are named, for they are not the window
    summed = summed.with_columns(
        convention=pl.when(pl.col("_convention") == HALF).then(pl.lit(HALF)).otherwise(named),
        value=pl.col("value").round(6),
    ).drop("_from", "_to", "_convention")
    made = contract.claims(summed)
    return _dressed(made, table)


def _summed(parts: pl.DataFrame, plan: dict[str, Any]) -> pl.DataFrame:
    """Sums of one window by one convention, where no year of it is missing."""
    first, last = pl.lit(plan["_from"]), pl.lit(plan["_to"])
    overlap = pl.min_horizontal(_months(pl.col("_e")), _months(last)) - pl.max_horizontal(
        _months(pl.col("_s")), _months(first)
    )
    months = (plan["_to"].year - plan["_from"].year) * 12 + plan["_to"].month - plan["_from"].month
    return (
        parts.filter((pl.col("_s") < plan["_to"]) & (pl.col("_e") > plan["_from"]))
        .with_columns(_overlap=overlap)
        .sort("_s")
        .group_by(SERIES, maintain_order=True)
        .agg(
            (pl.col("value") * pl.col("_overlap") / 12).sum().alias("value"),
            pl.col("_overlap").sum(),
            pl.len().alias("_parts"),
            pl.col("_s").n_unique().alias("_years"),
            pl.when((pl.col("status") == "projection").any())
            .then(pl.lit("projection"))
            .otherwise(pl.col("status").first())
            .alias("status"),
            pl.col("known").max(),
            pl.when((pl.col("known_basis") == "publication lag").any())
            .then(pl.lit("publication lag"))
            .otherwise(pl.col("known_basis").first())
            .alias("known_basis"),
            pl.when(pl.col("copy_of").is_not_null().all() & (pl.col("copy_of").n_unique() == 1))
            .then(pl.col("copy_of").first())
            .otherwise(pl.lit(None, pl.String))
            .alias("copy_of"),
            pl.col("id").str.join(" ").alias("derived_from"),
        )
        .filter((pl.col("_overlap") == months) & (pl.col("_parts") == pl.col("_years")))
        .drop("_overlap", "_parts", "_years")
        .with_columns(pl.lit(v).alias(k) for k, v in plan.items())
    )


def _dressed(made: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """Our own claims with the columns that a query's result has."""
    cards = releases()
    lookup = like.select("release", "source", "own").unique("release")
    return (
        made.with_columns(contract.ids(made))
        .join(lookup, on="release", how="left", maintain_order="left")
        .with_columns(
            unit=pl.col("measure").replace_strict(
                {m: word(m).unit for m in made["measure"].unique()}, return_dtype=pl.String
            ),
            printed=pl.lit(None, pl.Float64),
            source=pl.coalesce(
                "source", pl.col("release").replace_strict({k: c.source for k, c in cards.items()}, default=None)
            ),
        )
        .select(like.columns)
    )


def disagreement(
    place: str | int,
    measure: str,
    *,
    counterpart: str | None = None,
    stream: str = "all",
    sex: str = "all",
    as_of: str | date | None = None,
    strict: bool = False,
    claims: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rival claims to one quantity, period by period.

    Parameters
    ----------
    place
        A place, by code or name.
    measure
        A measure of the vocabulary.
    counterpart
        The other end; by default totals over all other ends are compared.
    stream, sex
        One stream and one sex: claims to different quantities are not rivals.
    as_of
        Only what was known on that day.
    strict
        Leave out figures whose known day rests on a publication lag.
    claims
        Claims to compare, with the columns of :func:`keruen.evidence`; fetched when not given.

    Returns
    -------
    One row a claim: ``start``, ``end``, ``id``, ``release``, ``value``, ``unit``, ``status``, ``definition``,
    ``known``, ``known_basis``, ``copy_of``, ``derived_from``, ``convention``, ``source``, ``own``, and for its period
    ``rivals`` (independent figures), ``lowest``, ``highest`` and ``sign_flips`` (some say more came, some say more
    left). Where windows differ, sums of yearly figures stand among the rivals with their parts and convention.

    Raises
    ------
    NoEvidence
        If nobody reported the measure for the place by that day.

    Examples
    --------
    >>> rivals = disagreement("KAZ", "net_migration")
    >>> five = rivals.filter(pl.col("start") == date(2010, 7, 1))
    >>> five.filter(pl.col("release") == "un-wpp-2017")["value"].item(), five["sign_flips"].all()
    (159807.0, True)
    """
    code = one_place(place).code
    if claims is None:
        claims = store.evidence(
            code, measure, counterpart=counterpart, stream=stream, sex=sex, as_of=as_of, strict=strict
        )
    other = (
        pl.col("counterpart").is_null() if counterpart is None else pl.col("counterpart") == one_place(counterpart).code
    )
    mine = claims.filter(other & (pl.col("age") == "all") & (pl.col("group") == "all"))
    mine = mine.filter(~pl.col("definition").is_in(DEFINITIONS_OF_VARIANTS))
    if mine.is_empty():
        told = f" by {day(as_of, last=True)}" if as_of else ""
        raise NoEvidence(
            f"Nobody reported {measure} for {one_place(code).name}{told}. See what there is: keruen evidence {code}."
        )
    table = pl.concat([central(mine), sums(mine, mine)])
    return _with_ranges(table).select(
        "start", "end", "id", "release", "value", "low", "high", "unit", "status", "definition", "known", "known_basis",
        "copy_of", "derived_from", "convention", "source", "own", "flag", "note", "rivals", "lowest", "highest",
        "sign_flips",
    ).sort("start", "end", "known", "release", "convention", nulls_last=True)  # fmt: skip


def _with_ranges(table: pl.DataFrame) -> pl.DataFrame:
    value = pl.col("value")
    period = ["start", "end"]
    return table.with_columns(
        rivals=value.filter(pl.col("copy_of").is_null()).n_unique().over(period).cast(pl.Int64),
        lowest=pl.min_horizontal(value, "low").min().over(period),
        highest=pl.max_horizontal(value, pl.when(value.is_null()).then(pl.col("high"))).max().over(period),
        sign_flips=((value > 0).any() & (value < 0).any()).over(period).fill_null(False),
    ).with_columns(lowest=value.min().over(period).fill_null(pl.col("lowest")))


def periods(rivals: pl.DataFrame) -> list[dict[str, Any]]:
    """The result of :func:`disagreement` as nested plain data, a period an entry.

    Examples
    --------
    >>> told = periods(disagreement("KAZ", "net_migration"))
    >>> sorted(told[0])[:4]
    ['by_definition', 'claims', 'end', 'high']
    """
    out = []
    for (start, end), rows in rivals.group_by(["start", "end"], maintain_order=True):
        by = (
            rows.drop_nulls("value")
            .group_by("definition", maintain_order=True)
            .agg(pl.col("value").min().alias("low"), pl.col("value").max().alias("high"), pl.len().alias("claims"))
        )
        first = rows.row(0, named=True)
        out.append(
            {
                "start": start,
                "end": end,
                "claims": rows.select(
                    "id", "release", "value", "unit", "status", "definition", "known", "known_basis", "copy_of",
                    "derived_from", "convention", "source", "low", "high",
                ).to_dicts(),
                "low": first["lowest"],
                "high": first["highest"],
                "sign_flips": first["sign_flips"],
                "rivals": first["rivals"],
                "by_definition": by.to_dicts(),
            }
        )  # fmt: skip
    return out


# ---------------------------------------------------------------- revisions

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
    windows = printed.filter(_months(pl.col("end")) - _months(pl.col("start")) > 12)
    derived = sums(printed, windows)
    derived = derived.filter(pl.col("convention") == HALF)
    # Where editions print longer windows, a yearly edition stands among them by its sums alone: else the moves of
    # its single years would count beside the moves of their sum.
    table = pl.concat([printed if windows.is_empty() else windows, derived])
    order = pl.DataFrame(
        {"release": editions, "edition": range(len(editions)), "released": [cards[k].released for k in editions]}
    )
    rows = table.join(order, on="release").select(
        "place", "start", "end", "release", "edition", "released", "value", "status"
    ).sort("place", "start", "end", "edition")  # fmt: skip
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
        .sort("known", "release")
        .select(
            "place",
            pl.col("start").dt.year().cast(pl.Int32).alias("_year"),
            pl.col("value").alias("_people"),
            "release",
        )
        .unique(["place", "_year"], keep="last", maintain_order=True)
    )
    years = (_months(pl.col("end")) - _months(pl.col("start"))) / 12
    middle = (_months(pl.col("start")) + _months(pl.col("end"))) // 24
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


# ---------------------------------------------------------------- two ends of a corridor


def double_entry(
    origin: str, destination: str, *, as_of: str | date | None = None, strict: bool = False
) -> pl.DataFrame:
    """What the sender says against what the receiver says, year by year.

    Parameters
    ----------
    origin, destination
        Two places.
    as_of, strict
        As in :func:`keruen.evidence`.

    Returns
    -------
    One row a year and pair of claims: ``sent`` (departures, as the origin reports), ``received`` (arrivals, as the
    destination reports), their releases, definitions and ids, and ``ratio`` received over sent. A ratio far from one
    speaks of definitions as much as of errors: the two columns name them.

    Examples
    --------
    >>> double_entry("KAZ", "RUS").columns[:4]
    ['start', 'end', 'sent', 'received']
    """
    one, two = one_place(origin).code, one_place(destination).code
    whole = (
        (pl.col("sex") == "all") & (pl.col("age") == "all") & (pl.col("group") == "all") & pl.col("value").is_not_null()
    )
    keep = ["start", "end", "value", "definition", "release", "id", "known"]
    sent = (
        store.evidence(one, "emigration", counterpart=two, stream="all", as_of=as_of, strict=strict)
        .filter(whole)
        .select(keep)
    )
    told = store.evidence(two, "immigration", counterpart=one, stream="all", as_of=as_of, strict=strict)
    received = told.filter(whole & (pl.col("basis").fill_null("residence") == "residence")).select(keep)
    both = sent.join(received, on=["start", "end"], how="full", coalesce=True, suffix="_received")
    return both.select(
        "start", "end", pl.col("value").alias("sent"), pl.col("value_received").alias("received"),
        pl.when(pl.col("value") > 0).then(pl.col("value_received") / pl.col("value")).alias("ratio"),
        pl.col("definition").alias("definition_sent"), "definition_received",
        pl.col("release").alias("release_sent"), "release_received", pl.col("id").alias("id_sent"), "id_received",
    ).sort("start", "end", "release_sent", "release_received", nulls_last=True)  # fmt: skip


def compare(
    places: Sequence[str], measure: str = "net_migration", *, as_of: str | date | None = None, strict: bool = False
) -> pl.DataFrame:
    """Places side by side: for each period the newest figure and the range of all rival claims.

    Returns
    -------
    One row a place and period: ``place``, ``name``, ``start``, ``end``, ``newest``, ``newest_release``, ``lowest``,
    ``highest``, ``rivals``, ``sign_flips``, ``unit``, ``id``.

    Examples
    --------
    >>> compare(["KAZ", "UZB"])["place"].unique().sort().to_list()
    ['KAZ', 'UZB']
    """
    tables = []
    for name in places:
        found = one_place(name)
        rows = disagreement(found.code, measure, as_of=as_of, strict=strict).drop_nulls("value")
        # Who repeats another publisher's edition is younger than it, and no witness.
        family = {k: c.family or k for k, c in releases().items()}
        of, by = (pl.col(c).replace_strict(family, default=pl.col(c)) for c in ("copy_of", "release"))
        rows = rows.filter(pl.col("copy_of").is_null() | (of == by))
        newest = rows.sort("known", maintain_order=True).group_by("start", "end", maintain_order=True).last()
        tables.append(
            newest.select(
                pl.lit(found.code).alias("place"), pl.lit(found.name).alias("name"), "start", "end",
                pl.col("value").alias("newest"), pl.col("release").alias("newest_release"), "status",
                "lowest", "highest", "rivals", "sign_flips", "unit", "id",
            )
        )  # fmt: skip
    return pl.concat(tables).sort("start", "end", "place")


def side_by_side(table: pl.DataFrame, since: int = 1990, until: date | None = None) -> pl.DataFrame:
    """Rows of :func:`compare` as one reads them: a line a period, for each place the newest, lowest and highest figure.

    Parameters
    ----------
    table
        Of :func:`compare`.
    since
        First year; earlier periods are left out.
    until
        Periods that end later are left out: they were not over. By default the last day of the newest figure that is
        no projection.

    Returns
    -------
    ``start``, ``end``, and for each place ``CODE``, ``CODE lowest`` and ``CODE highest``. Where five-year figures are
    told, they alone; periods that every place's newest edition only projects are left out.

    Examples
    --------
    >>> side_by_side(compare(["KAZ", "UZB"])).columns[:5]
    ['start', 'end', 'KAZ', 'KAZ lowest', 'KAZ highest']
    """
    last: Any = until or table.filter(pl.col("status") != "projection")["end"].max()
    rows = table.filter((pl.col("start").dt.year() >= since) & (pl.col("end") <= last))
    five = rows.filter((pl.col("end").dt.year() - pl.col("start").dt.year() == 5) & (pl.col("start").dt.month() == 7))
    rows = five if len(five) else rows
    over = rows.filter(pl.col("status") != "projection").select("start", "end").unique()
    rows = rows.join(over, on=["start", "end"], how="semi")
    out = rows.select("start", "end").unique().sort("start", "end")
    for (code,), part in rows.sort("place").group_by("place", maintain_order=True):
        mine = part.unique(["start", "end"], keep="last", maintain_order=True).select(
            "start", "end", pl.col("newest").alias(str(code)), pl.col("lowest").alias(f"{code} lowest"),
            pl.col("highest").alias(f"{code} highest"),
        )  # fmt: skip
        out = out.join(mine, on=["start", "end"], how="left")
    return out
