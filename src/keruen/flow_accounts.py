"""From evidence to accounts: stocks, population, births and deaths of one edition on one list of places.

Whatever is borrowed, added up, shared out or left out on the way is a named rule with the people it concerns; nothing
is filled silently. The rules travel with the flows that are estimated from the accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from keruen import snapshot, store
from keruen.disagreement import DEFINITIONS_OF_VARIANTS
from keruen.errors import BadDate, Incomparable, NoEvidence, VocabularyError
from keruen.estimators.balance import fold_negatives
from keruen.estimators.ipf import Array
from keruen.places import places as all_places
from keruen.provenance import day as read_day
from keruen.provenance import releases
from keruen.vocabulary import measure as word
from keruen.vocabulary import suggest

EDITIONS = {
    "un-ims-2017": "un-wpp-2019",
    "un-ims-2019": "un-wpp-2019",
    "un-ims-2020": "un-wpp-2019",
    "un-ims-2024": "un-wpp-2024",
}
"""Editions of the migrant stock that tell more than one date, and the edition of births, deaths and populations that
goes with each. The one that went with 2017 is not packaged for these measures: 2019's stands in, by a named rule."""

BORROWED = {"un-ims-2017": "WPP 2017"}
OTHERS = ("un-wpp-2024", "un-wpp-2019", "un-wpp-2022")
SEXES = ("all", "male", "female")
OTHER = "_OTHER"
RESIDUALS = ("_OTHER", "_OTHER_NORTH", "_OTHER_SOUTH", "_UNKNOWN", "_STATELESS")

WHOLES = {"SSD": "SDN", "MNE": "SRB", "CUW": "BES", "SXM": "BES"}
"""Parts that the stocks tell only since they stand alone, and the place in whose stock they are before. The row of the
Caribbean Netherlands holds all of the Netherlands Antilles until then."""

TOGETHER = {"CHI": ("GGY", "JEY"), "SRB": ("SRB", "XKX")}
"""Places of the stocks that some editions of the population tell in parts."""

RULES = {
    "absent cells read as zero": "The origins of a place sum to its published total, so the cells nobody printed are "
    "nobody. People: none; cells are counted.",
    "other origins shared out": "People of other or unknown birthplace are shared over the known birthplaces of their "
    "place of residence.",
    "other origins counted as natives": "People of other or unknown birthplace are left among the natives of their "
    "place of residence, as if they had never moved.",
    "other origins kept": "People of other or unknown birthplace are kept as one birthplace of their own.",
    "origins fall short of the total": "The published total exceeds the sum of its origins; the rest is other.",
    "origins exceed the total": "The origins sum to more than the published total; the origins stand.",
    "citizens for the foreign-born": "The source of a place counts foreign citizens, not the foreign-born; the "
    "edition prints them as birthplaces. People: those it tells at the last date.",
    "no published total": "No total is published; absent cells are read as zero all the same.",
    "places merged": "The stocks tell a part only later: part and whole are one place over this period.",
    "places added up": "The stocks tell as one place what the population tells in parts.",
    "place left out: no stock": "No stock is told at one of the two dates: the place and its people are outside.",
    "place left out: no population": "No population is told: the place is outside.",
    "foreign-born exceed the population": "Natives would be fewer than nobody; the foreign-born are scaled down.",
    "edition of births and deaths borrowed": "The edition that went with these stocks is not at hand.",
    "births and deaths borrowed": "The edition does not tell the births or deaths of these places; another one does.",
    "population borrowed": "The edition does not tell the population of these places; another one does.",
    "births and deaths at the world's rates": "No edition tells births or deaths of these places.",
    "part of a longer period": "Births and deaths are a share, by months, of those of a longer period.",
    "known only with hindsight": "Births, deaths or populations that nobody knew on the day asked about.",
    "half calendar years": "Stocks are of 1 July: calendar years count by half at both ends.",
    "projected births and deaths": "Births and deaths of some years were projections in this edition.",
    "population from rates": "The mid-year population is births over the birth rate, and its dates are linked by the "
    "yearly population change (births less deaths and net migration where no change is printed). People: the largest "
    "distance of the two ways.",
    "sex split borrowed": "Population or deaths by sex are shares of another source, applied to this edition's total.",
    "sexes do not add up": "Men and women differ from the total.",
    "births taken from all birthplaces": "Births exceed the natives; they are taken from all who live there.",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Two dates of one edition on one list of places, ready for an estimator.

    Attributes
    ----------
    release, vital
        Editions of the stocks, and of births, deaths and populations.
    start, end
        Two days.
    places
        Codes; with rule "other origins kept" the last is ``_OTHER``.
    sexes
        Some of all, male, female.
    stock_start, stock_end
        (sex, birthplace, residence), persons; the diagonal holds natives.
    births, deaths
        (sex, residence), persons.
    rules
        One row a rule and sex: ``rule``, ``sex``, ``places``, ``people``, ``where``.
    sources
        Releases used.
    """

    release: str
    vital: str
    start: date
    end: date
    places: tuple[str, ...]
    sexes: tuple[str, ...]
    stock_start: Array
    stock_end: Array
    births: Array
    deaths: Array
    rules: pl.DataFrame
    sources: tuple[str, ...]


_RULE_SCHEMA: dict[str, type[pl.DataType]] = {
    "rule": pl.String, "sex": pl.String, "places": pl.Int64, "people": pl.Float64, "where": pl.String,
}  # fmt: skip


@dataclass(slots=True)
class _Ledger:
    """What was done to the figures, kept while they are assembled."""

    rows: list[tuple[str, str, int, float, str]] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)

    def note(self, rule: str, sex: str, people: Iterable[tuple[str, float]], places: int | None = None) -> None:
        assert rule in RULES, rule
        told = sorted(people, key=lambda pair: -pair[1])
        if not told:
            return
        where = ", ".join(f"{code} {many:,.0f}" for code, many in told[:8]) + (", …" if len(told) > 8 else "")
        self.rows.append((rule, sex, len(told) if places is None else places, float(sum(m for _, m in told)), where))

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame(self.rows, schema=_RULE_SCHEMA, orient="row")


@dataclass(slots=True)
class _Asked:
    """Claims, fetched once for the whole span and kept."""

    as_of: str | date | None
    given: pl.DataFrame | None
    since: date | None = None
    until: date | None = None
    strict: bool = False
    hindsight: bool = False
    later: dict[str, date] = field(
        default_factory=dict
    )  # what was not known on the day asked about, and since when it is
    kept: dict[tuple[str, str, tuple[str, ...]], pl.DataFrame] = field(default_factory=dict)

    @property
    def told(self) -> str:
        return f" by {self.as_of}" if self.as_of else ""

    def rows(self, measure: str, release: str, sexes: Sequence[str] = ("all",), **asked: object) -> pl.DataFrame:
        """Claims of all ages and groups together."""
        key = (measure, release, tuple(sexes))
        if not asked and key in self.kept:
            return self.kept[key]
        if self.given is None:
            as_of = None if self.hindsight and measure != "stock" else self.as_of
            found = _fetched(measure, release, sexes, as_of, asked or {"since": self.since, "until": self.until})
        else:
            found = self.given.filter(
                (pl.col("measure") == measure) & (pl.col("release") == release) & pl.col("sex").is_in(list(sexes))
            )
        keep = (pl.col("age") == "all") & (pl.col("group") == "all") & (pl.col("stream") == "all")
        keep &= ~pl.col("definition").fill_null("").is_in(DEFINITIONS_OF_VARIANTS) & pl.col("value").is_not_null()
        found = found.filter(keep)
        if self.strict:
            found = found.filter(pl.col("known_basis").ne_missing("publication lag"))
        if self.hindsight and self.as_of is not None:
            late = found.filter(pl.col("known") > read_day(self.as_of, last=True))["known"]
            if len(late):
                self.later[f"{measure} of {release}"] = late.min()  # type: ignore[assignment]
        if not asked:
            self.kept[key] = found
        return found


def _fetched(
    measure: str, release: str, sexes: Sequence[str], as_of: str | date | None, asked: dict[str, Any]
) -> pl.DataFrame:
    """Claims of the evidence. Where nothing is the user's own and nothing withdrawn, straight from the snapshot:
    naming tens of thousands of rows takes longer than estimating from them.
    """
    topic = word(measure).topic
    if release not in releases() or _withdrawn(topic, snapshot.manifest()["version"]) or len(store.own()):
        return store.evidence(measure=measure, release=release, sex=list(sexes), as_of=as_of, **asked)
    table = snapshot.scan([topic]).filter(
        pl.col("measure") == measure, pl.col("release") == release, pl.col("sex").is_in(list(sexes))
    )
    start, end, since, until = pl.col("start"), pl.col("end"), asked.get("since"), asked.get("until")
    if asked.get("place"):
        table = table.filter(pl.col("place") == asked["place"])
    if since is not None:
        table = table.filter((end > since) | ((start == end) & (end == since)))
    if until is not None:
        table = table.filter(start <= until)
    if as_of is not None:
        table = table.filter(pl.col("known") <= read_day(as_of, last=True))
    return table.collect()


@cache
def _withdrawn(topic: str, version: str) -> bool:
    return bool(
        len(snapshot.scan([topic]).filter(pl.col("retracts").is_not_null()).select("retracts").head(1).collect())
    )


def dates(release: str, *, as_of: str | date | None = None, claims: pl.DataFrame | None = None) -> list[date]:
    """The days on which an edition tells stocks by birthplace.

    Examples
    --------
    >>> [d.year for d in dates("un-ims-2024")][-2:]
    [2020, 2024]
    """
    # One large place tells all dates of a packaged edition; a user's own may have any places.
    place = "USA" if claims is None and release in EDITIONS else None
    if claims is None and release not in (known := store.cards()):
        raise VocabularyError(f"{release!r} is not a release. {suggest(release, list(known))} All: keruen sources.")
    found = (
        _Asked(as_of, claims).rows("stock", release, place=place)
        if place
        else _Asked(as_of, claims).rows("stock", release)
    )
    found = found.filter(pl.col("counterpart").is_not_null())
    return sorted(found["start"].unique().to_list())


def editions(as_of: str | date | None = None) -> list[str]:
    """The packaged editions that tell more than one date and were known on a day, oldest first.

    Examples
    --------
    >>> editions("2018-05-03")
    ['un-ims-2017']
    """
    return [k for k in EDITIONS if as_of is None or store.cards()[k].released <= read_day(as_of, last=True)]


def accounts(
    release: str,
    periods: Sequence[tuple[date, date]],
    *,
    sexes: Sequence[str] = ("all",),
    vital: str | None = None,
    other: str = "share",
    as_of: str | date | None = None,
    strict: bool = False,
    hindsight: bool = False,
    claims: pl.DataFrame | None = None,
) -> list[Account]:
    """Accounts of one edition, one a period.

    Parameters
    ----------
    release
        An edition of the migrant stock.
    periods
        Pairs of days on which the edition tells stocks.
    sexes
        Some of all, male, female.
    vital
        Edition of births, deaths and populations; by default the one that goes with the stocks.
    other
        ``"share"`` people of other or unknown birthplace over the known birthplaces of their residence, ``"keep"``
        them as one birthplace, or count them as ``"natives"``, as published estimates do.
    as_of
        Only what was known on that day.
    strict
        Leave out figures whose known day rests on a publication lag.
    hindsight
        Take births, deaths and populations that became known after `as_of`, and say so by a rule; stocks never.
    claims
        Claims with the columns of :func:`keruen.evidence`; fetched when not given.

    Raises
    ------
    NoEvidence
        If the edition or its births and deaths were not known, or nobody told them.
    VocabularyError
        Hindsight that is strict, or without a day.
    Incomparable
        If men and women differ from the total of a place by more than a hundredth.
    """
    if other not in ("share", "keep", "natives"):
        raise VocabularyError(f"other={other!r} is not 'share', 'keep' or 'natives'.")
    for sex in sexes:
        if sex not in SEXES:
            raise VocabularyError(f"{sex!r} is not a sex told here. Take all, male or female.")
    if not periods:
        raise NoEvidence(f"{release} tells stocks of one date only: flows need two. Editions: {', '.join(EDITIONS)}.")
    chosen = vital or EDITIONS.get(release)
    if chosen is None:
        raise NoEvidence(f"Say which edition tells the births and deaths that go with {release}: vital='un-wpp-2024'.")
    if hindsight and (strict or as_of is None):
        raise VocabularyError(
            "Hindsight takes what became known after a day: strict=True refuses it. Take one of the two."
            if strict
            else "Hindsight takes what became known after a day: say which, as_of='2018-05-03'."
        )
    days = sorted({d for pair in periods for d in pair})
    common = _Ledger()
    asked = _Asked(as_of, claims, date(days[0].year, 1, 2), days[-1], strict, hindsight)
    stock = _stocks(release, days, sexes, asked, common)
    _refuse_sexes(stock, sexes, common)
    if release in BORROWED and vital is None:
        common.note("edition of births and deaths borrowed", "all", [(f"{BORROWED[release]} by {chosen}", 0.0)])
    people = _population(chosen, days, sexes, set(stock.residents), asked, common)
    out = []
    for start, end in periods:
        ledger = _Ledger(list(common.rows), {release, chosen, *common.sources})
        out.append(_account(release, chosen, start, end, sexes, stock, people, other, asked, ledger))
    later = _Ledger()
    later.note(
        "known only with hindsight", "all", [(f"{what}, known {known}", 0.0) for what, known in asked.later.items()]
    )
    return [replace(one, rules=pl.concat([one.rules, later.frame()])) for one in out] if later.rows else out


# ---------------------------------------------------------------- stocks


@dataclass(frozen=True, slots=True)
class _Stocks:
    """Cells and totals of one edition. NaN: nobody said."""

    days: list[date]
    born: list[str]
    residents: list[str]
    cells: Array  # (day, sex, birthplace, residence)
    totals: Array  # (day, sex, residence)


def _stocks(release: str, days: Sequence[date], sexes: Sequence[str], asked: _Asked, ledger: _Ledger) -> _Stocks:
    if asked.given is None:
        rows = pl.concat([asked.rows("stock", release, sexes, since=day, until=day) for day in days])
    else:
        rows = asked.rows("stock", release, sexes)
    rows = rows.filter(pl.col("start").is_in(list(days)) & ~pl.col("place").str.starts_with("_"))
    cells = rows.filter(pl.col("counterpart").is_not_null() & (pl.col("counterpart") != "_WORLD"))
    if cells.is_empty():
        raise NoEvidence(
            f"No stock by birthplace of {release} is known{asked.told} for {', '.join(str(d.year) for d in days)}."
        )
    bad = cells.filter(pl.col("value") < 0)
    if len(bad):
        worst = bad.sort("value").row(0, named=True)
        raise Incomparable(
            f"The stock of people born in {worst['counterpart']} living in {worst['place']} on {worst['start']} is "
            f"{worst['value']:,.0f}, less than nobody. Check the sign of row {worst.get('id', '')}."
        )
    born = sorted(cells["counterpart"].unique().to_list())
    residents = sorted(rows["place"].unique().to_list())
    at = {name: {key: i for i, key in enumerate(keys)} for name, keys in
          (("day", days), ("sex", sexes), ("born", born), ("place", residents))}  # fmt: skip
    table = np.full((len(days), len(sexes), len(born), len(residents)), np.nan)
    totals = np.full((len(days), len(sexes), len(residents)), np.nan)

    def where(frame: pl.DataFrame) -> list[Array]:
        keys = [("start", "day"), ("sex", "sex"), ("place", "place")]
        return [frame[c].replace_strict(at[k], return_dtype=pl.Int64).to_numpy() for c, k in keys]

    citizens = _people(cells.filter((pl.col("basis") == "citizenship") & (pl.col("start") == days[-1])), sexes[0])
    ledger.note("citizens for the foreign-born", sexes[0], citizens)
    twice = cells.group_by("start", "sex", "counterpart", "place").len().filter(pl.col("len") > 1)
    if len(twice):
        row = twice.row(0, named=True)
        raise Incomparable(
            f"{release} tells the stock of people born in {row['counterpart']} living in {row['place']} on "
            f"{row['start']} {row['len']} times. Keep one of them."
        )
    day, sex, place = where(cells)
    table[day, sex, cells["counterpart"].replace_strict(at["born"], return_dtype=pl.Int64).to_numpy(), place] = cells[
        "value"
    ].to_numpy()
    sums = rows.filter(pl.col("counterpart").is_null() | (pl.col("counterpart") == "_WORLD"))
    day, sex, place = where(sums)
    totals[day, sex, place] = sums["value"].to_numpy()
    return _Stocks(list(days), born, residents, table, totals)


def _people(cells: pl.DataFrame, sex: str) -> list[tuple[str, float]]:
    """People of each place of residence."""
    told = cells.filter(pl.col("sex") == sex).group_by("place").agg(pl.col("value").sum()).sort("place")
    return list(told.iter_rows())


def _refuse_sexes(stock: _Stocks, sexes: Sequence[str], ledger: _Ledger) -> None:
    if not set(SEXES) <= set(sexes):
        return
    whole, men, women = (stock.totals[:, list(sexes).index(s)] for s in SEXES)
    off = np.abs(whole - men - women)
    wrong = off > np.maximum(0.01 * whole, 10)
    if wrong.any():
        d, r = (int(k) for k in np.argwhere(wrong)[np.nan_to_num(off[wrong]).argmax()])
        raise Incomparable(
            f"Men and women living in {stock.residents[r]} on {stock.days[d]} are {men[d, r] + women[d, r]:,.0f} "
            f"foreign-born, the total says {whole[d, r]:,.0f}. Take one sex at a time, or mend the figures."
        )
    apart = [(stock.residents[r], float(off[:, r].max())) for r in np.flatnonzero(np.nan_to_num(off).max(0) > 1)]
    ledger.note("sexes do not add up", "all", apart)


# ---------------------------------------------------------------- population, births, deaths

_Table = dict[str, Array]  # place → (day, sex) or (sex,)


def _population(
    vital: str, days: Sequence[date], sexes: Sequence[str], residents: set[str], asked: _Asked, ledger: _Ledger
) -> _Table:
    """(day, sex) by place."""
    order = [vital, *(k for k in OTHERS if k != vital)]
    found: _Table = {}
    for release in order:
        if found and residents <= set(found):
            break
        table = _one_population(release, days, asked, ledger if release == vital else None)
        table, added = _added(table, residents)
        if release == vital:
            found = table
            ledger.note("places added up", "all", added)
            continue
        kept = {c: v for c, v in table.items() if c in residents and c not in found and np.isfinite(v).all()}
        if kept:
            ledger.note("population borrowed", "all", [(f"{c} from {release}", float(v[-1])) for c, v in kept.items()])
            ledger.sources.add(release)
        found |= kept
    if not found:
        when = ", ".join(map(str, days))
        raise NoEvidence(f"No population on {when} is known{asked.told} ({', '.join(order)}).{_later(order, asked)}")
    share = _female(days, list(found), asked, vital, ledger) if set(sexes) - {"all"} else {}
    out: _Table = {}
    for code, total in found.items():
        parts = {"all": total}
        if share:
            parts |= {"female": total * share[code], "male": total * (1 - share[code])}
        out[code] = np.stack([parts[sex] for sex in sexes], axis=1)
    return out


def _later(editions: Sequence[str], asked: _Asked) -> str:
    """The remedy where births, deaths and populations came later than the day asked about."""
    if asked.as_of is None or asked.given is not None:
        return ""
    first = min(editions, key=lambda key: store.cards()[key].released)
    return (
        f" The earliest at hand are those of {first}, known since {store.cards()[first].released}. hindsight=True "
        "(--hindsight) takes them and says so in the certificate."
    )


def _one_population(release: str, days: Sequence[date], asked: _Asked, ledger: _Ledger | None) -> dict[str, Array]:
    """Population of one edition on days in mid-year; from rates and yearly changes where it is not printed."""
    printed = asked.rows("population", release).filter(
        pl.col("start").is_in(list(days)) & ~pl.col("place").str.starts_with("_")
    )
    if len(printed):
        at = {d: i for i, d in enumerate(days)}
        told: dict[str, Array] = {}
        for place, day, value in printed.select("place", "start", "value").iter_rows():
            told.setdefault(place, np.full(len(days), np.nan))[at[day]] = value
        return told
    years = range(days[0].year, days[-1].year + 1)
    births_of, rate_of, change = (
        _yearly(asked.rows(m, release), years) for m in ("births", "crude_birth_rate", "population_change")
    )
    if not change:
        deaths, moved = (_yearly(asked.rows(m, release), years) for m in ("deaths", "net_migration"))
        both = set(births_of) & set(deaths) & set(moved)
        change = {place: births_of[place] - deaths[place] + moved[place] for place in both}
    out, apart = {}, []
    for place in sorted(set(births_of) & set(rate_of) & set(change)):
        births, rate, grew = births_of[place], rate_of[place], change[place]
        at_day = np.array([d.year - days[0].year for d in days])
        level = np.divide(1000 * births, rate, out=np.full_like(births, np.nan), where=rate > 0)[at_day]
        # From 1 July to 1 July: half of the first year, the years between, half of the last.
        grown = np.array([0.0 if a == 0 else grew[0] / 2 + grew[1:a].sum() + grew[a] / 2 for a in at_day])
        if not np.isfinite(level).any() or not np.isfinite(grown).all():
            continue
        linked = grown + float(np.nanmean(level - grown))
        apart.append((place, float(np.nanmax(np.abs(level - linked)))))
        out[place] = linked
    if ledger is not None:
        ledger.note("population from rates", "all", apart)
    return out


def _yearly(rows: pl.DataFrame, years: range) -> dict[str, Array]:
    """Figures of calendar years by place, NaN where a year is not told."""
    rows = rows.filter(~pl.col("place").str.starts_with("_") & (pl.col("start").dt.month() == 1))
    out: dict[str, Array] = {}
    for place, start, value in rows.select("place", "start", "value").iter_rows():
        if start.year in years:
            out.setdefault(place, np.full(len(years), np.nan))[start.year - years[0]] = value
    return out


def _female(days: Sequence[date], codes: Sequence[str], asked: _Asked, vital: str, ledger: _Ledger) -> dict[str, Array]:
    """Women's share of the population: this edition's, WPP 2019's, the World Bank's, else the world's."""
    out: dict[str, Array] = {}
    at = {d: i for i, d in enumerate(days)}

    def fill(rows: pl.DataFrame, borrowed: str | None) -> None:
        new: dict[str, Array] = {}
        for place, day, share in rows.iter_rows():
            if place in codes and place not in out and day in at:
                new.setdefault(place, np.full(len(days), np.nan))[at[day]] = share
        new = {place: share for place, share in new.items() if np.isfinite(share).all()}
        if borrowed and new:
            ledger.note("sex split borrowed", "all", [(f"population by {borrowed}", 0.0)], places=len(new))
            ledger.sources.add(borrowed)
        out.update(new)

    bank = asked.rows("population_female_share", "world-bank-wdi-2026")
    shares = bank.select("place", "start", pl.col("value") / 100)
    by_sex = asked.rows("population", "un-wpp-2019", ("male", "female"))
    printed = by_sex.pivot("sex", index=["place", "start"], values="value") if len(by_sex) else pl.DataFrame()
    counted = (
        printed.select("place", "start", pl.col("female") / (pl.col("female") + pl.col("male")))
        if {"male", "female"} <= set(printed.columns)
        else shares.clear()
    )
    first, second = (counted, shares) if vital == "un-wpp-2019" else (shares, counted)
    names = ("un-wpp-2019", "world-bank-wdi-2026")
    one, two = names if vital == "un-wpp-2019" else names[::-1]
    fill(first, None if one == vital else one)
    fill(second, two)
    if not out:
        raise NoEvidence("Nobody tells the population by sex. Take sex='all'.")
    rest = [code for code in codes if code not in out]
    mean: Array = np.mean(list(out.values()), axis=0)
    ledger.note("sex split borrowed", "all", [("population by the mean of all places", 0.0)] if rest else [], len(rest))
    return {**out, **{code: mean.copy() for code in rest}}


def _added(figures: dict[str, Any], residents: set[str]) -> tuple[dict[str, Any], list[tuple[str, float]]]:
    """Add up what the population tells in parts and the stocks tell as one place."""
    out, done = dict(figures), []
    for whole, parts in TOGETHER.items():
        others = [p for p in parts if p != whole]
        if whole not in residents or any(p in residents for p in others) or not all(p in out for p in parts):
            continue
        if whole in out and whole not in parts:  # told both ways
            continue
        out[whole] = sum(out[p] for p in parts)
        done.append((" + ".join(parts), float(sum(np.ravel(out[p])[-1] for p in others))))
        for p in others:
            del out[p]
    return out, done


def _months(day: date) -> int:
    return day.year * 12 + day.month


def _events(
    rows: pl.DataFrame, start: date, end: date
) -> tuple[dict[str, float], dict[str, float], dict[str, float], bool]:
    """Events between two days by place, weighted by months; those of projections; those cut from longer spans."""
    first, last = _months(start), _months(end)
    table = rows.filter(~pl.col("place").str.starts_with("_")).with_columns(
        _s=pl.col("start").dt.year().cast(pl.Int32) * 12 + pl.col("start").dt.month().cast(pl.Int32),
        _e=pl.col("end").dt.year().cast(pl.Int32) * 12 + pl.col("end").dt.month().cast(pl.Int32),
    )
    overlap = pl.min_horizontal(pl.col("_e"), last) - pl.max_horizontal(pl.col("_s"), first)
    table = table.with_columns(_o=overlap, _w=overlap / (pl.col("_e") - pl.col("_s"))).filter(pl.col("_o") > 0)
    part = pl.col("value") * pl.col("_w")
    cut = (pl.col("_w") < 1) & (pl.col("_e") - pl.col("_s") > 12)
    said = table.group_by("place").agg(
        pl.col("_o").sum().alias("told"),
        part.sum().alias("events"),
        part.filter(pl.col("status") == "projection").sum().alias("projected"),
        part.filter(cut).sum().alias("cut"),
    )
    said = said.filter(pl.col("told") == last - first).sort("place")
    keys = said["place"].to_list()
    halves = bool(len(table)) and bool(((table["_w"] < 1) & (table["_e"] - table["_s"] == 12)).any())
    events, projected, cuts = (dict(zip(keys, said[c].to_list(), strict=True)) for c in ("events", "projected", "cut"))
    return events, projected, cuts, halves


def _vital(
    vital: str, start: date, end: date, sexes: Sequence[str], codes: Sequence[str], people: _Table, at: int,
    asked: _Asked, ledger: _Ledger,
) -> tuple[Array, Array]:  # fmt: skip
    """Births and deaths (sex, place) between two days."""
    out = {}
    for measure in ("births", "deaths"):
        total: dict[str, float] = {}
        for release in [vital, *(k for k in OTHERS if k != vital)]:
            if total and set(codes) <= set(total):
                break
            events, projected, cuts, halves = _events(asked.rows(measure, release), start, end)
            events = _added(events, set(codes))[0]
            new = {c: v for c, v in events.items() if c in codes and c not in total}
            if release == vital:
                ledger.note("projected births and deaths", "all", _some(projected, new))
                if halves:
                    ledger.note("half calendar years", "all", [(measure, 0.0)])
            elif new:
                ledger.note("births and deaths borrowed", "all", [(f"{c} {measure}", v) for c, v in new.items()])
                ledger.sources.add(release)
            ledger.note("part of a longer period", "all", _some(cuts, new))
            total |= new
        if not total:
            raise NoEvidence(
                f"No {measure} between {start} and {end} are known{asked.told}. "
                + (_later(OTHERS, asked).strip() or "Give vital= another edition.")
            )
        rest = [code for code in codes if code not in total]
        known = [c for c in codes if c in total]
        rate = sum(total[c] for c in known) / sum(float(people[c][at].max()) for c in known)
        ledger.note(
            "births and deaths at the world's rates", "all", [(c, rate * float(people[c][at].max())) for c in rest]
        )
        total |= {c: rate * float(people[c][at].max()) for c in rest}
        out[measure] = np.array([total[c] for c in codes])
    male = {}
    if set(sexes) - {"all"}:
        male["births"] = _male_births(vital, start, end, codes, asked, ledger)
        male["deaths"] = _male_deaths(vital, start, end, codes, asked, ledger)
    tables = []
    for measure in ("births", "deaths"):
        whole = out[measure]
        parts = {"all": whole}
        if male:
            parts |= {"male": whole * male[measure], "female": whole * (1 - male[measure])}
        tables.append(np.stack([parts[sex] for sex in sexes]))
    return tables[0], tables[1]


def _some(values: dict[str, float], among: Iterable[str]) -> list[tuple[str, float]]:
    return [(c, values[c]) for c in among if values.get(c, 0) > 0]


def _male_births(vital: str, start: date, end: date, codes: Sequence[str], asked: _Asked, ledger: _Ledger) -> Array:
    """Boys' share of births, from the sex ratio at birth."""
    share: dict[str, float] = {}
    for release in [vital, *(k for k in OTHERS if k != vital)]:
        rows = asked.rows("sex_ratio_at_birth", release).filter((pl.col("start") < end) & (pl.col("end") > start))
        ratio = rows.group_by("place").agg(pl.col("value").mean())
        # Ratios are boys a girl, or boys a hundred girls.
        new = {p: (v / 100 if v > 10 else v) for p, v in ratio.iter_rows() if p in codes and p not in share}
        if share and new:
            ledger.note("sex split borrowed", "all", [(f"births by {release}", 0.0)], places=len(new))
        share |= new
    rest = [c for c in codes if c not in share]
    mean = float(np.mean(list(share.values()))) if share else 1.05
    ledger.note("sex split borrowed", "all", [("births by the mean of all places", 0.0)] if rest else [], len(rest))
    ratio_of = np.array([share.get(c, mean) for c in codes])
    boys: Array = ratio_of / (1 + ratio_of)
    return boys


def _male_deaths(vital: str, start: date, end: date, codes: Sequence[str], asked: _Asked, ledger: _Ledger) -> Array:
    """Men's share of deaths, of the edition that tells deaths by sex."""
    rows = asked.rows("deaths", "un-wpp-2019", ("male", "female"))
    men, women = (_events(rows.filter(pl.col("sex") == s), start, end)[0] for s in ("male", "female"))
    share = {c: men[c] / (men[c] + women[c]) for c in codes if c in men and c in women and men[c] + women[c] > 0}
    if not share:
        raise NoEvidence("No edition known tells deaths by sex. Take sex='all'.")
    if vital != "un-wpp-2019":
        ledger.note("sex split borrowed", "all", [("deaths by un-wpp-2019", 0.0)], places=len(share))
        ledger.sources.add("un-wpp-2019")
    rest = [c for c in codes if c not in share]
    ledger.note("sex split borrowed", "all", [("deaths by the mean of all places", 0.0)] if rest else [], len(rest))
    mean = float(np.mean(list(share.values())))
    return np.array([share.get(c, mean) for c in codes])


# ---------------------------------------------------------------- one period


def _account(
    release: str, vital: str, start: date, end: date, sexes: Sequence[str], stock: _Stocks, people: _Table, other: str,
    asked: _Asked, ledger: _Ledger,
) -> Account:  # fmt: skip
    if start >= end:
        raise BadDate(f"The period {start} to {end} ends before it begins.")
    days = [stock.days.index(start), stock.days.index(end)]
    told: Any = np.isfinite(stock.totals[days]).any(1) | np.isfinite(stock.cells[days]).any((1, 2))  # (day, residence)
    where = {code: i for i, code in enumerate(stock.residents)}
    merged: dict[str, str] = {}
    kept, unstocked, unpeopled = [], [], []
    for code in sorted({*stock.residents, *(c for c in people if c in stock.residents or c in all_places())}):
        whole = WHOLES.get(code)
        here = code in where and bool(told[:, where[code]].all())
        if code not in people or not np.isfinite(people[code][days]).all():
            if code in where:
                unpeopled.append((code, float(np.nanmax(stock.totals[days][:, 0, where[code]], initial=0))))
            continue
        if not here and whole is not None and whole in where and bool(told[:, where[whole]].all()):
            merged[code] = whole
        elif not here:
            unstocked.append((code, float(people[code][days[1], 0])))
        else:
            kept.append(code)
    ledger.note("place left out: no stock", "all", unstocked)
    ledger.note("place left out: no population", "all", unpeopled)
    ledger.note("places merged", "all", [(f"{p} in {w}", float(people[p][days[1], 0])) for p, w in merged.items()])
    index = {code: i for i, code in enumerate(kept)}
    births, deaths = _vital(vital, start, end, sexes, [*kept, *merged], people, days[0], asked, ledger)
    lived = np.stack([people[code][days] for code in [*kept, *merged]], axis=2)  # (day, sex, place)
    for k, whole in enumerate(merged.values(), start=len(kept)):
        for table in (births, deaths, lived):
            table[..., index[whole]] += table[..., k]
    births, deaths, lived = births[..., : len(kept)], deaths[..., : len(kept)], lived[..., : len(kept)]
    places = (*kept, OTHER) if other == "keep" else tuple(kept)
    tables = [_table(stock, d, places, index, merged, sexes, other, ledger) for d in days]
    if other == "keep":
        pad = [(0, 0), (0, 0), (0, 1)]
        lived, births, deaths = np.pad(lived, pad), np.pad(births, pad[1:]), np.pad(deaths, pad[1:])
    for k, table in enumerate(tables):
        for s, sex in enumerate(sexes):
            natives = lived[k, s] - table[s].sum(0)
            short = natives < -1e-6
            natives = np.where(short, natives, np.maximum(natives, 0))
            ledger.note(
                "foreign-born exceed the population",
                sex,
                [(places[i], float(-natives[i])) for i in np.flatnonzero(short)],
            )
            np.fill_diagonal(table[s], natives)
            if short.any():
                table[s] = fold_negatives(table[s])[0]
    for s, sex in enumerate(sexes):
        rest = tables[1][s].diagonal()
        more = births[s] > rest * (1 + 1e-12)
        ledger.note(
            "births taken from all birthplaces", sex,
            [(places[i], float(births[s, i] - rest[i])) for i in np.flatnonzero(more)],
        )  # fmt: skip
    return Account(
        release, vital, start, end, places, tuple(sexes), tables[0], tables[1], births, deaths, ledger.frame(),
        tuple(sorted(ledger.sources)),
    )  # fmt: skip


def _table(
    stock: _Stocks, day: int, places: tuple[str, ...], index: dict[str, int], merged: dict[str, str],
    sexes: Sequence[str], other: str, ledger: _Ledger,
) -> Array:  # fmt: skip
    """The foreign-born (sex, birthplace, residence) on one day, zero diagonal."""
    n = len(places)
    out = np.zeros((len(sexes), n, n))
    goal = {**index, **{part: index[whole] for part, whole in merged.items()}}
    rows = [goal.get(code, -1) for code in stock.born]
    for s, sex in enumerate(sexes):
        column = np.array([goal.get(code, -1) for code in stock.residents])
        inside = column >= 0
        codes = np.array(stock.residents)[inside]
        cells, total, to = stock.cells[day, s][:, inside], stock.totals[day, s][inside], column[inside]
        said = np.nan_to_num(cells)
        some = np.isfinite(cells).any(0)
        gone = (np.isnan(cells) & (np.array(stock.born)[:, None] != codes)).sum(0)
        absent = [(c, float(m)) for c, m in zip(codes[some & (gone > 0)], gone[some & (gone > 0)], strict=True)]
        missing = np.where(np.isnan(total), 0.0, total - said.sum(0))
        slack = np.maximum(1.0, 1e-6 * np.nan_to_num(total))

        def among(mask: Any, people: Array, names: Any = codes) -> list[tuple[str, float]]:
            return [(str(c), float(m)) for c, m in zip(names[mask], people[mask], strict=True)]

        untotalled = among(np.isnan(total) & some, said.sum(0))
        short, above = among(missing > slack, missing), among(missing < -slack, -missing)
        known_rows = np.array(rows) >= 0
        rest = np.bincount(to, said[~known_rows].sum(0) + np.where(missing > slack, missing, 0), minlength=n)
        spread = np.zeros((n, len(codes)))
        np.add.at(spread, np.array(rows)[known_rows], said[known_rows])
        np.add.at(out[s].T, to, spread.T)
        diagonal = np.arange(n)
        out[s, diagonal, diagonal] = 0  # born in one part and living in another of a merged place
        if absent:
            ledger.rows.append(
                (
                    "absent cells read as zero",
                    sex,
                    len(absent),
                    0.0,
                    f"{sum(m for _, m in absent):,.0f} cells, {stock.days[day]}",
                )
            )
        ledger.note("origins fall short of the total", sex, short)
        ledger.note("origins exceed the total", sex, above)
        ledger.note("no published total", sex, untotalled)
        shared = [(places[i], float(rest[i])) for i in np.flatnonzero(rest > 0)]
        if other == "keep":
            ledger.note("other origins kept", sex, shared)
            out[s, n - 1] += rest
            continue
        if other == "natives":
            ledger.note("other origins counted as natives", sex, shared)
            continue
        ledger.note("other origins shared out", sex, shared)
        known = out[s].sum(0)
        world = out[s].sum(1)
        profile = np.divide(out[s], known, out=np.repeat(world[:, None] / max(world.sum(), 1), n, 1), where=known > 0)
        profile[diagonal, diagonal] = 0
        weight = profile.sum(0)
        out[s] += profile * np.divide(rest, weight, out=np.zeros(n), where=weight > 0)
    return out


def periods_of(days: Sequence[date]) -> list[tuple[date, date]]:
    """Successive pairs of days.

    Examples
    --------
    >>> periods_of([date(2015, 7, 1), date(2020, 7, 1), date(2024, 7, 1)])[1]
    (datetime.date(2020, 7, 1), datetime.date(2024, 7, 1))
    """
    return list(pairwise(days))


def cards_of(keys: Iterable[str]) -> list[dict[str, object]]:
    """Sources in plain data: key, source, licence, the day it became known."""
    cards = releases() | store.own_releases()
    return [
        {"release": k, "source": cards[k].source, "licence": cards[k].licence, "known": cards[k].released}
        for k in sorted(set(keys))
        if k in cards
    ]
