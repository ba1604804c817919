"""What free access to a labour market is worth to a place's workers: the price of a union.

Every number that it rests on is a named input with a range and a reason, and may be replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from textwrap import shorten
from typing import Any

import numpy as np
import polars as pl

from keruen import store
from keruen.errors import NoEvidence, VocabularyError
from keruen.estimators.corridors import Array
from keruen.places import place as one_place
from keruen.provenance import cite
from keruen.yearly import newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One number that a calculation rests on: its value, a range, whence it comes, and the claims behind it."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    because: str
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not np.isfinite([self.low, self.value, self.high]).all():
            raise VocabularyError(f"{self.name} is not a number: {self.value:g} [{self.low:g}, {self.high:g}].")
        if not self.low <= self.value <= self.high:
            raise VocabularyError(f"{self.name}: {self.value:g} lies outside [{self.low:g}, {self.high:g}].")
        if not self.because.strip():
            raise VocabularyError(f"{self.name} needs a reason: because='…'.")

    def __repr__(self) -> str:
        ends = "" if self.low == self.high else f" ({self.low:,.10g} to {self.high:,.10g})"
        why = shorten(self.because, 150, placeholder=" …")
        return f"{self.name}: {self.value:,.10g} {self.unit}{ends}, because {why}"

    def draws(self, rng: np.random.Generator, n: int) -> Array:
        """Triangular draws over the range, with the mode at the value; a range of nothing stays a point."""
        if self.low == self.high:
            return np.full(n, self.value)
        return np.asarray(rng.triangular(self.low, self.value, self.high, n), float)


@dataclass(frozen=True, slots=True)
class Price:
    """What access to a labour market is worth to a place's workers in a year, USD.

    ``draws`` holds ``permits`` (stock × working share × permit cost), ``bans`` (people freed × what they gain by being
    there), and ``total``; ``table`` their medians and 80% intervals, ``inputs`` what went in. ``left_out`` says of each
    part that nobody knows why it is absent; it is absent in the table too, and the total is a floor.
    """

    place: str
    holder: str
    year: int
    inputs: tuple[Input, ...]
    draws: dict[str, Array]
    table: pl.DataFrame
    gdp: float | None
    left_out: dict[str, str]
    swings: pl.DataFrame

    def __repr__(self) -> str:
        total = self.table.row(by_predicate=pl.col("part") == "total", named=True)
        usd, low, high = (total[k] / 1e6 for k in ("usd", "low80", "high80"))
        part = "" if total["share_gdp"] is None else f", {total['share_gdp']:.1f}% of GDP"
        floor = f"; a floor, without {' and '.join(self.left_out)}" if self.left_out else ""
        return (
            f"Free access of workers of {self.place} to the labour market of {self.holder} in {self.year} is worth"
            f" {usd:,.1f} million USD (80% {low:,.1f} to {high:,.1f}){part}{floor}."
            " See table, inputs, left_out, swings, draws."
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.table._repr_html_()}"


PATENT, PATENT_SINCE = (58_000.0, 46_400.0, 69_600.0), 2015
"""What the Russian patent cost a worker and year, in roubles: as reported for its first year, a fifth either way."""

WORKING = (0.6, 0.4, 0.8)
"""Part of the citizens present who work and would need a permit: assumed."""

GIVEN = "given by the caller"

NEEDED = ("stock", "working_share", "permit_cost", "exchange_rate")
OF_BANS = ("banned", "earnings")

SWINGS = {
    "input": pl.String, "unit": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "usd": pl.Float64, "usd_low": pl.Float64, "usd_high": pl.Float64, "because": pl.String,
}  # fmt: skip


def _parts(at: Mapping[str, Any]) -> tuple[Any, Any]:
    """Permits and bans, USD, of inputs by name, numbers or draws alike; no bans where nobody told them."""
    permits = at["stock"] * at["working_share"] * at["permit_cost"] / at["exchange_rate"]
    return permits, at["banned"] * at["earnings"] if "banned" in at else None


def _swings(given: Mapping[str, Input], names: Sequence[str]) -> pl.DataFrame:
    """The total with one input at either end of its range; ``usd`` is the total with all of them at their values."""
    values = {n: given[n].value for n in names}

    def total(at: Mapping[str, float]) -> float:
        permits, bans = _parts(at)
        return float(permits + (bans or 0.0))

    rows = []
    for n in names:
        i = given[n]
        low, high = sorted(total(values | {n: end}) for end in (i.low, i.high))
        rows.append((n, i.unit, i.value, i.low, i.high, total(values), low, high, i.because))
    made = pl.DataFrame(rows, schema=SWINGS, orient="row")
    return made.sort(pl.col("usd_high") - pl.col("usd_low"), descending=True, maintain_order=True)


def access_price(
    place: str,
    holder: str,
    year: int,
    inputs: Sequence[Input],
    *,
    rng: np.random.Generator,
    draws: int = 4000,
    unknown: str = "the number of people freed from bans was not given",
) -> Price:
    """The price of membership: stock × permit cost saved + people freed from bans × what they earn there.

    Parameters
    ----------
    place, holder, year
        Whose workers, in whose labour market, in which year.
    inputs
        ``stock`` (persons), ``working_share`` (part who would need a permit), ``permit_cost`` (local currency of the
        holder, a person and year), ``exchange_rate`` (local currency per USD); for the bans ``banned`` (persons freed
        to enter) and ``earnings`` (USD a person and year gained by being there rather than at home), both or neither.
        One named ``gdp`` (USD) makes shares.
    rng
        Source of randomness; inputs are drawn one independent of another.
    unknown
        Why the bans are not known, if ``banned`` is not given.
    """
    given = {i.name: i for i in inputs}
    bans = "banned" in given
    names = (*NEEDED, *(OF_BANS if bans else ()))
    lacking = [n for n in names if n not in given]
    if lacking:
        raise NoEvidence(f"The price of access needs {', '.join(lacking)}; give each as an Input with its reason.")
    if given["exchange_rate"].low <= 0:
        raise NoEvidence("The exchange rate is not above zero; give local currency per USD.")
    below = [n for n in names if given[n].low < 0]
    if below:
        raise VocabularyError(f"{', '.join(below)}: the range reaches below zero; give what was counted or paid.")
    if given["working_share"].high > 1:
        top = given["working_share"].high
        raise VocabularyError(f"working_share: {top:g} is above 1; it is a part, write 0.6 for six in ten.")
    d = {n: given[n].draws(rng, draws) for n in names}
    permits, freed = _parts(d)
    made = {
        "permits": permits,
        "bans": freed if bans else np.full(draws, np.nan),
        "total": permits + freed if bans else permits,
    }
    gdp = given["gdp"].value if "gdp" in given else None
    rows = []
    for name, values in made.items():
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        rows.append(
            {
                "part": name,
                "usd": middle,
                "low80": low,
                "high80": high,
                "share_gdp": 100 * middle / gdp if gdp else None,
                "share_low80": 100 * low / gdp if gdp else None,
                "share_high80": 100 * high / gdp if gdp else None,
            }
        )
    return Price(
        place,
        holder,
        year,
        tuple(inputs),
        made,
        pl.DataFrame(rows).fill_nan(None),
        gdp,
        {} if bans else {"bans": unknown},
        _swings(given, names),
    )


def _barred(
    code: str, host: str, year: int, given: tuple[float, float, float] | None, because: str, as_of: Any
) -> tuple[list[Input], str]:
    """How many citizens of a place were barred from a host: as given, as counted near the year, or why nobody knows."""
    if given is not None:
        value, low, high = given
        because = because or GIVEN
        return [Input(name="banned", value=value, low=low, high=high, unit="persons", because=because)], ""
    told = store.evidence(host, "entry_bans", since=f"{year - 1}-01-01", until=f"{year + 1}-12-31", as_of=as_of).filter(
        pl.col("place") == host, pl.col("value").is_not_null()
    )
    own = told.filter(pl.col("counterpart") == code)
    if len(own):
        near = own.with_columns(away=(pl.col("start") - pl.date(year, 7, 1)).abs()).sort("away", "id")
        bounds = near.select(low=pl.min_horizontal("value", "low").min(), high=pl.max_horizontal("value", "high").max())
        return [
            Input(name="banned", value=float(near["value"][0]), low=bounds["low"][0], high=bounds["high"][0],
                  unit="persons", because="citizens barred; the count nearest to the middle of the year, and the range "
                  "of those around it", ids=tuple(near["id"]))
        ], ""  # fmt: skip
    together = "; ".join(
        f"all countries together: {value:,.0f} on {on} ({release})"
        for value, on, release in told.filter(pl.col("counterpart").is_null())
        .sort("start")
        .select("value", "start", "release")
        .iter_rows()
    )
    return [], (
        f"left out: how many citizens of {code} were barred from {host} around {year} is not in the evidence"
        + (f" ({together})" if together else "")
        + "; the total is a floor. Give banned=, or add a count with keruen add."
    )


def union_price(
    place: str | int = "KGZ",
    holder: str | int = "RUS",
    year: int = 2015,
    *,
    permit_cost: tuple[float, float, float] | None = None,
    working_share: tuple[float, float, float] | None = None,
    banned: tuple[float, float, float] | None = None,
    because: str = "",
    seed: int = 0,
    draws: int = 4000,
    as_of: Any = None,
) -> Price:
    """What free access to a labour market is worth in a year; by default the Kyrgyz accession of 12 August 2015.

    Parameters
    ----------
    place, holder, year
        Whose workers, where, when.
    permit_cost
        What the permit would cost a worker and year, in the holder's currency: value, low, high. For Russia since 2015
        the default is the annual cost of the patent of 2015 as reported, a fifth either way assumed; elsewhere there
        is none.
    working_share
        Part of the citizens present who work and would need it: value, low, high. By default 0.6 (0.4 to 0.8), assumed.
    banned
        People freed from entry bans: value, low, high. By default the count of the place's citizens that were barred,
        if the evidence holds one near the year; else the part is left out, ``left_out`` says so, and the total is a
        floor.
    because
        Where your own inputs come from; it is said of those that you give.
    seed, draws
        Of the draws over the ranges.
    as_of
        Only what was known on that day.

    Raises
    ------
    NoEvidence
        If nobody counted the citizens present around that year, there is no rate, product or income, or the cost of
        the permit is not known.

    Examples
    --------
    >>> told = union_price()
    >>> 1 < told.table["share_gdp"][0] < 8
    True
    """
    code, host = one_place(place).code, one_place(holder).code
    if permit_cost is None:
        if host != "RUS" or year < PATENT_SINCE:
            raise NoEvidence(
                f"What a permit cost in {host} in {year} is not in the evidence; give permit_cost=, because=."
            )
        cost = (*PATENT, "reported annual cost of the patent from 2015, about 58,000 roubles; the range is assumed")
    else:
        cost = (*permit_cost, because or GIVEN)
    if working_share is None:
        share = (*WORKING, "assumed: no count of workers among the citizens present is in the evidence")
    else:
        share = (*working_share, because or GIVEN)
    counted = store.evidence(
        host, "foreign_citizens", counterpart=code, since=f"{year - 2}-07-01", until=f"{year + 1}-06-30", as_of=as_of
    ).filter(pl.col("value").is_not_null())
    if counted.is_empty():
        raise NoEvidence(f"Nobody counted the citizens of {code} in {host} around {year}; add a count with keruen add.")
    counted = counted.with_columns(away=(pl.col("start") - pl.date(year, 7, 1)).abs()).sort("away")
    window = {"since": f"{year}-01-01", "until": f"{year}-12-31", "as_of": as_of}

    def one(measure: str, where: str) -> tuple[float, str]:
        rows = newest(store.evidence(where, measure, **window), measure, year)
        if rows.is_empty():
            raise NoEvidence(f"No {measure} of {where} in {year}; take another year, or add it with keruen add.")
        return float(rows["value"][0]), str(rows["id"][0])

    rate, rate_id = one("exchange_rate", host)
    gdp, gdp_id = one("gdp", code)
    (there, there_id), (home, home_id) = one("gdp_per_capita", host), one("gdp_per_capita", code)
    freed, unknown = _barred(code, host, year, banned, because, as_of)
    inputs = [
        Input(name="stock", value=float(counted["value"][0]), low=float(counted["value"].min()),  # type: ignore[arg-type]
              high=float(counted["value"].max()), unit="persons",  # type: ignore[arg-type]
              because="citizens present; the count nearest to the middle of the year, and the range of those around it",
              ids=tuple(counted["id"])),
        Input(name="working_share", value=share[0], low=share[1], high=share[2], unit="part", because=share[3]),
        Input(name="permit_cost", value=cost[0], low=cost[1], high=cost[2], unit="local currency a person and year",
              because=cost[3]),
        Input(name="exchange_rate", value=rate, low=rate, high=rate, unit="local currency per USD",
              because="average of the year", ids=(rate_id,)),
        *freed,
        Input(name="earnings", value=max(there - home, 0.0), low=max(there - home, 0.0), high=max(there - home, 0.0),
              unit="USD a person and year", because="difference of income per head", ids=(there_id, home_id)),
        Input(name="gdp", value=gdp, low=gdp, high=gdp, unit="USD", because="newest edition", ids=(gdp_id,)),
    ]  # fmt: skip
    return access_price(code, host, year, inputs, rng=np.random.default_rng(seed), draws=draws, unknown=unknown)


def told(found: Price) -> dict[str, Any]:
    """A price as plain data: its parts, what went in, what it hangs on, what is left out, and the sources.

    Parameters
    ----------
    found
        From :func:`union_price`.
    """
    known = store.cards()
    behind = dict.fromkeys(i.rpartition(":")[0] for given in found.inputs for i in given.ids)
    return {
        "place": found.place,
        "holder": found.holder,
        "year": found.year,
        "units": "USD a year; shares: percent of GDP",
        "parts": found.table.to_dicts(),
        "inputs": [asdict(i) for i in found.inputs],
        "hangs_on": found.swings.to_dicts(),
        "left_out": found.left_out,
        "sources": [{"release": r, "cite": cite(r)} for r in behind if r in known],
    }
