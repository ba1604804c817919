"""What flows ask of the evidence: editions that go together, rules by name, and the ledger of what was done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from html import escape
from itertools import pairwise
from typing import Any

import polars as pl

from keruen import own, snapshot, store
from keruen.comparable import DEFINITIONS_OF_VARIANTS
from keruen.errors import VocabularyError
from keruen.estimators.ipf import Array
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

    def __repr__(self) -> str:
        kept = [list(self.sexes).index("all")] if "all" in self.sexes else list(range(len(self.sexes)))
        parts = (self.stock_start, self.stock_end, self.births, self.deaths)
        start, end, born, died = (float(a[kept].sum()) for a in parts)
        who = "" if "all" in self.sexes else f" ({', '.join(self.sexes)})"
        return (
            f"{self.release}, {self.start} to {self.end}, {len(self.places)} places{who}: {start:,.0f} people, then"
            f" {end:,.0f}; {born:,.0f} births and {died:,.0f} deaths by {self.vital}."
            " See stock_start, stock_end, births, deaths, rules."
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.rules._repr_html_()}"


_RULE_SCHEMA: dict[str, type[pl.DataType]] = {
    "rule": pl.String, "sex": pl.String, "places": pl.Int64, "people": pl.Float64, "where": pl.String,
}  # fmt: skip


@dataclass(slots=True)
class Ledger:
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
class Asked:
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
    if release not in releases() or topic in snapshot.manifest()["withdrawals"] or len(own.claims()):
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
        Asked(as_of, claims).rows("stock", release, place=place)
        if place
        else Asked(as_of, claims).rows("stock", release)
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
    cards = releases() | own.releases()
    return [
        {"release": k, "source": cards[k].source, "licence": cards[k].licence, "known": cards[k].released}
        for k in sorted(set(keys))
        if k in cards
    ]
