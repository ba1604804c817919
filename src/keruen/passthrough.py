"""How a host's growth and currency pass through to what its migrants send, and on to the receiver's income.

Tables of the evidence to the panel that :mod:`keruen.estimators.elasticities` fits; a shock to a host told as
what it does to those who receive from there, and, if its year is past, as what happened.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import numpy as np
import polars as pl
import xarray as xr

from keruen import store
from keruen.errors import NoEvidence, VocabularyError
from keruen.estimators.corridors import matrix
from keruen.estimators.elasticities import (
    OBSERVED,
    Array,
    Elasticities,
    Panel,
    currency_change,
    fit,
    log_growth,
    weighted,
)
from keruen.estimators.passthrough import Onward, broken, onward, predict
from keruen.kept import kept, stamp
from keruen.money_matrix import newest_edition
from keruen.places import countries
from keruen.places import place as one_place
from keruen.provenance import cite
from keruen.yearly import filled_incomes, latest, yearly_stocks, yearly_transfers

COVERED = 0.8
"""Part of a receiver's hosts, by weight, whose growth and currency must be known."""

# ---------------------------------------------------------------- from claims to observations


def _wide(table: pl.DataFrame, codes: Sequence[str], years: Sequence[int]) -> Array:
    """(place, year, value) as an array; NaN where nobody reported."""
    row, column = {c: i for i, c in enumerate(codes)}, {y: i for i, y in enumerate(years)}
    out = np.full((len(codes), len(years)), np.nan)
    for place, year, value in table.select("place", "year", "value").iter_rows():
        if place in row and year in column:
            out[row[place], column[year]] = value
    return out


def panel(
    received: pl.DataFrame,
    growth: pl.DataFrame,
    rates: pl.DataFrame,
    exposures: Mapping[int, xr.DataArray],
    transfers: pl.DataFrame | None = None,
) -> Panel:
    """Observations of the regression, from yearly tables.

    Parameters
    ----------
    received
        ``place``, ``year``, ``value`` in USD: inflows from all hosts, one edition.
    growth
        ``place``, ``year``, ``value`` in percent: real growth.
    rates
        ``place``, ``year``, ``value`` in local currency per USD, averages of years.
    exposures
        By year, the shares of hosts in what a place receives, dims (receiving, sending); a change into a year takes
        the weights of the year before.
    transfers
        ``place``, ``counterpart``, ``year``, ``value``, ``definition``: reported corridor by corridor. They join with a
        residual scale of their own, and with the elasticities of their host and receiver: that these are the same for
        transfers and remittances is a bridge, and an assumption.

    Returns
    -------
    The panel. A change is left out where less than four fifths of the weight of the hosts is known.
    """
    years = sorted(set(exposures) | {y + 1 for y in exposures})
    first = next(iter(exposures.values()))
    codes = [str(c) for c in first["sending"].values]
    y, g = _wide(received, codes, years), log_growth(_wide(growth, codes, years))
    e = currency_change(_wide(rates, codes, years))
    rows: list[dict[str, Any]] = []
    weights: list[Array] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = np.diff(np.log(np.where(y > 0, y, np.nan)), axis=1)
    for t, year in enumerate(years[1:], start=1):
        if year - 1 not in exposures or years[t - 1] != year - 1:
            continue
        share = exposures[year - 1].values
        for i in np.flatnonzero(~np.isnan(changes[:, t - 1])):
            rows.append(
                {"receiver": codes[i], "host": None, "year": year, "change": changes[i, t - 1], "series": codes[i]}
            )
            weights.append(share[i])
    for corridor in _consecutive(transfers) if transfers is not None else ():
        if corridor["receiver"] in codes and corridor["host"] in codes and corridor["year"] in years[1:]:
            rows.append(corridor)
            weights.append(np.eye(len(codes))[codes.index(corridor["host"])])
    frame = pl.DataFrame(rows, schema=OBSERVED)
    if frame.is_empty():
        raise NoEvidence("No two years in a row are reported; elasticities need changes.")
    at = np.array([years.index(v) for v in frame["year"]])
    growth_of, currency_of = g[:, at].T, e[:, at].T
    exposure, part = weighted(np.array(weights), growth_of + currency_of)
    keep = part >= COVERED
    return Panel(frame, exposure, growth_of, currency_of, tuple(codes)).rows(keep)


def _consecutive(transfers: pl.DataFrame) -> list[dict[str, Any]]:
    """Yearly changes of corridors, within one definition; of rival definitions the longest series."""
    told = transfers.filter(pl.col("counterpart").is_not_null() & (pl.col("value") > 0))
    yearly = told.group_by("place", "counterpart", "definition", "year").agg(pl.col("value").median())
    joined = yearly.join(
        yearly.with_columns(year=pl.col("year") + 1, before="value").drop("value"),
        on=["place", "counterpart", "definition", "year"],
    )
    lengths = (
        joined.group_by("place", "counterpart", "definition").len().sort("len", "definition", descending=[True, False])
    )
    best = lengths.unique(["place", "counterpart"], keep="first", maintain_order=True)
    chosen = joined.join(best, on=["place", "counterpart", "definition"], how="semi").sort(
        "place", "counterpart", "year"
    )
    return [
        {"receiver": r["place"], "host": r["counterpart"], "year": r["year"],
         "change": float(np.log(r["value"] / r["before"])), "series": f"{r['counterpart']}>{r['place']}"}
        for r in chosen.iter_rows(named=True)
    ]  # fmt: skip


# ---------------------------------------------------------------- questions to the evidence


@dataclass(frozen=True, slots=True)
class World:
    """What elasticities are fitted to, fetched once: observations, drivers, exposures, and their releases."""

    panel: Panel
    growth: pl.DataFrame
    rates: pl.DataFrame
    exposures: dict[int, xr.DataArray]
    received: pl.DataFrame
    transfers: pl.DataFrame
    gdp: pl.DataFrame
    releases: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"What elasticities are fitted to, {min(self.exposures)}-{max(self.exposures)}: {len(self.panel.frame):,}"
            f" yearly changes of money, {self.received['place'].n_unique()} places that receive,"
            f" {self.growth['place'].n_unique()} with a growth. See panel, received, transfers, growth, rates."
        )


def world(*, since: int = 1995, as_of: str | date | None = None) -> World:
    """Observations of all corridors from the evidence: newest editions known on the day.

    Raises
    ------
    NoEvidence
        If the day knows no stock, no remittances or no drivers.
    """
    codes = [p.code for p in countries()]
    edition = newest_edition(as_of)
    stock = store.evidence(measure="stock", release=edition, sex="all", since=f"{since - 5}-01-01", as_of=as_of)
    tables = {
        m: latest(store.evidence(measure=m, since=f"{since - 1}-01-01", as_of=as_of), m)
        for m in ("remittances_received", "gdp_growth", "exchange_rate", "gdp_per_capita", "gdp")
    }
    transfers = yearly_transfers(store.evidence(measure="money_transfers", as_of=as_of))
    if stock.is_empty() or any(t.is_empty() for t in tables.values()):
        raise NoEvidence(
            "Stock, remittances, growth, exchange rates and incomes are all needed; some were not known then."
        )
    received = tables["remittances_received"]
    years = range(since, int(received["year"].max()) + 1)  # type: ignore[arg-type]
    ones = xr.DataArray(np.ones(len(codes)), dims="receiving", coords={"receiving": codes})
    exposures = {}
    for year in years:
        income = dict(tables["gdp_per_capita"].filter(pl.col("year") == year).select("place", "value").iter_rows())
        people = next(iter(yearly_stocks(stock, year, codes).values()))
        exposures[year] = matrix(ones, people, filled_incomes(income, codes)[0]).isel(draw=0, drop=True)
    made = panel(received, tables["gdp_growth"], tables["exchange_rate"], exposures, transfers)
    used = {edition, *(r for t in tables.values() for r in t["release"]), *transfers["release"]}
    return World(
        made,
        tables["gdp_growth"],
        tables["exchange_rate"],
        exposures,
        received,
        transfers,
        tables["gdp"],
        tuple(sorted(used)),
    )


class GrowthAsShare(UserWarning):
    """A growth that looks like a part of one was read as percent."""


@dataclass(frozen=True, slots=True)
class Shock:
    """What a shock to a host is expected to do to those who receive from it.

    ``rows`` has, for each receiver: ``exposure`` (the host's part of what it receives, the year before), ``corridor``
    (expected change of what comes from that host, percent) with its 80% interval, ``change`` (expected change of all it
    receives, the other hosts unchanged) with 80% interval, ``low80`` and ``high80`` of the year itself with all else
    that happens in a year, ``dependence`` (remittances over GDP the year before, percent), ``gdp_points`` (percent of
    GDP that the change is), ``growth_points`` (what growth lost in comparable years: an association) with its 80%
    interval; and, if the year is past, ``happened`` (percent), ``reported`` (change of transfers reported from that
    host), ``surprising`` and ``reported_surprising`` (outside their 80% intervals). ``reported_median`` with its 80%
    interval is what the model expects of such transfers. ``sentence`` says where it fails.
    """

    host: str
    growth: float
    currency: float
    year: int
    trained_to: int
    elasticities: dict[str, tuple[float, float, float]]
    onward: Onward
    rows: pl.DataFrame
    broken: pl.DataFrame
    sentence: str
    releases: tuple[str, ...]

    def __repr__(self) -> str:
        past, many = self.rows["surprising"].drop_nulls(), len(self.rows)
        left = f", {past.sum()} of {len(past)} left theirs" if len(past) else ""
        told = _expected(self.host, self.growth, self.currency, self.year, self.rows)
        return (
            f"{told}. {many} receiver{'s' * (many != 1)} with 80% intervals{left}."
            " See rows, sentence, elasticities, broken."
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.rows._repr_html_()}"


def _percents(**told: float | None) -> None:
    """Refuse changes that cannot be, all of them at once."""
    faults = []
    for name, value in told.items():
        if value is not None and not np.isfinite(value):
            faults.append(f"{name} is {value}; give a percent, say -3.8.")
        elif value is not None and value <= -100:
            faults.append(f"{name} is {value:g}%; nothing loses all it has. Give a percent above -100.")
    if faults:
        raise VocabularyError(" ".join(faults))


def checked_shock(growth: float, currency: float) -> tuple[float, float]:
    """Growth and currency change in percent, or an error that says how to write them.

    Warns
    -----
    GrowthAsShare
        If the growth lies within ±0.2, as a part of one would; it is read as percent all the same.
    """
    _percents(growth=growth, currency=currency)
    if 0 < abs(growth) < 0.2:
        warnings.warn(
            f"growth {growth:g} is read as {growth:g} percent, nearly nothing. If you meant {100 * growth:g}%, "
            f"write {100 * growth:g}.",
            GrowthAsShare,
            stacklevel=3,
        )
    if 0 < abs(currency) < 0.9:
        warnings.warn(
            f"currency {currency:g} is read as {currency:g} percent. If you meant {100 * currency:g}%, write "
            f"{100 * currency:g}.",
            GrowthAsShare,
            stacklevel=3,
        )
    return float(growth), float(currency)


def _years_of(table: pl.DataFrame, host: str) -> dict[int, float]:
    return dict(table.filter(pl.col("place") == host).select("year", "value").iter_rows())


def annual_shock(data: World, host: str, year: int) -> tuple[float, float]:
    """The host's growth and the change of its currency in a past year, percent, from annual averages.

    Raises
    ------
    NoEvidence
        If the host has no growth or no exchange rate for it.

    Examples
    --------
    >>> data = world(since=2012)
    >>> [round(v) for v in annual_shock(data, "RUS", 2015)]
    [-2, -37]
    """
    growth, rate = _years_of(data.growth, host), _years_of(data.rates, host)
    if year not in growth:
        raise NoEvidence(f"No growth of {host} in {year}; give growth=.")
    if year not in rate or year - 1 not in rate:
        held = f"{min(rate)}–{max(rate)}" if rate else "no year"
        raise NoEvidence(
            f"The currency of {host} lacks a rate in {year - 1} or {year} (known: {held}); give currency=."
        )
    return growth[year], 100 * (rate[year - 1] / rate[year] - 1)


def shocked(
    model: Elasticities,
    host: str,
    growth: float,
    currency: float,
    exposure: xr.DataArray,
    receivers: Sequence[str],
    *,
    year: int | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Changes of what receivers get when one host's growth and currency change and nothing else does.

    Parameters
    ----------
    model
        A fit.
    host
        The host.
    growth, currency
        Percent: of real product, and of the dollars its currency buys.
    exposure
        Shares of hosts in what a place receives, dims (receiving, sending).
    receivers
        Whom to tell.
    year
        Of the shock; by default the first after the fit's last. The further off, the less is known of its turbulence.
    """
    codes = tuple(str(c) for c in exposure["sending"].values)
    at = codes.index(host)
    n = len(receivers)
    one = np.zeros((n, len(codes)))
    one[:, at] = 1.0
    share = exposure.sel(receiving=list(receivers), sending=host).values
    g = np.zeros((n, len(codes)))
    e = np.zeros((n, len(codes)))
    g[:, at], e[:, at] = log_growth(growth), log_growth(currency)
    frame = pl.DataFrame(
        {
            "receiver": list(receivers),
            "host": [None] * n,
            "year": model.until + 1 if year is None else year,
            "change": 0.0,
            "series": list(receivers),
        },
        schema=OBSERVED,
    )
    corridor = predict(model, Panel(frame, one, g, e, codes), seed=seed, noise=False)
    whole = corridor * share  # the other hosts do not change
    noise = predict(model, Panel(frame, 0 * one, 0 * g, 0 * e, codes), seed=seed)
    passed = whole + noise
    lone = pl.Series("series", [f"{host}>{x}" for x in receivers])
    reported = predict(model, Panel(frame.with_columns(lone), one, g, e, codes), seed=seed)

    def told(draws: Array, name: str, low: str, high: str) -> list[pl.Series]:
        q = np.quantile(draws, [0.5, 0.1, 0.9], axis=0)
        return [pl.Series(k, 100 * np.expm1(v)) for k, v in zip((name, low, high), q, strict=True)]

    return pl.DataFrame(
        [
            pl.Series("place", list(receivers)),
            pl.Series("exposure", 100 * share),
            *told(corridor, "corridor", "corridor_low80", "corridor_high80"),
            *told(whole, "change", "change_low80", "change_high80"),
            *told(passed, "median", "low80", "high80"),
            *told(reported, "reported_median", "reported_low80", "reported_high80"),
        ]
    )


def shock(
    host: str | int,
    *,
    growth: float | None = None,
    currency: float | None = None,
    year: int | None = None,
    receivers: Sequence[str] | None = None,
    top: int = 12,
    as_of: str | date | None = None,
    seed: int = 0,
    draws: int = 350,
    data: World | None = None,
) -> Shock:
    """What a change of a host's growth and currency does to those whose people work there.

    Parameters
    ----------
    host
        Code or name.
    growth
        Real growth, percent; by default what the year brought.
    currency
        Change of the dollars that its currency buys, percent, annual averages on both sides; by default what the year
        brought.
    year
        The year of the shock. The model learns from the years before it alone. By default the year after the last.
    receivers
        Whom to tell; by default those with a tenth or more from that host, the `top` most dependent.
    as_of, seed
        As everywhere.
    draws
        Kept of each of four chains at first; more are drawn until they settle, or it raises.
    data
        From :func:`world`, to fetch it once for several shocks.

    Raises
    ------
    NoEvidence
        If the currency has no rate where one is needed, or nobody receives from the host.
    """
    code = one_place(host).code
    _percents(growth=growth, currency=currency)
    fetched = data is None
    data = world(as_of=as_of) if data is None else data
    last = max(data.exposures)
    year = last + 1 if year is None else year
    if year - 1 not in data.exposures or year < min(data.exposures) + 6:
        raise NoEvidence(f"{year} lies outside {min(data.exposures) + 6}–{last + 1}, the years that have a past here.")
    rates = _years_of(data.rates, code)
    if currency and not rates:
        raise NoEvidence(
            f"The currency of {code} has no rate in the evidence. Add one with keruen add, or leave it at 0."
        )
    if growth is None or currency is None:
        grown, moved = annual_shock(data, code, year)
        growth, currency = grown if growth is None else growth, moved if currency is None else currency
    growth, currency = checked_shock(growth, currency)
    exposure = data.exposures[year - 1]
    gdp = data.gdp.filter(pl.col("year") == year - 1).select("place", gdp="value")
    before = data.received.filter(pl.col("year") == year - 1).select("place", before="value")
    depends = before.join(gdp, on="place", how="left").with_columns(dependence=100 * pl.col("before") / pl.col("gdp"))
    if receivers is not None:
        chosen = [one_place(r).code for r in receivers]
    else:
        share = dict(zip(exposure["receiving"].values.tolist(), exposure.sel(sending=code).values, strict=True))
        near = depends.filter(pl.col("place").replace_strict(share, default=0.0, return_dtype=pl.Float64) >= 0.1)
        chosen = near.sort("dependence", descending=True, nulls_last=True)["place"].head(top).to_list()
    if not chosen:
        raise NoEvidence(f"Nobody who reports remittances has a tenth of them from {code}. Name receivers=.")
    past = data.panel.rows(data.panel.frame["year"] < year)
    if fetched:
        said = {"year": year, "draws": draws, "seed": seed, "evidence": stamp(as_of=as_of), "as_of": str(as_of)}
        model = kept("elasticities", said, lambda: fit(past, draws=draws, seed=seed))
    else:
        model = fit(past, draws=draws, seed=seed)
    rows = shocked(model, code, growth, currency, exposure, chosen, year=year, seed=seed)
    rows = rows.join(depends.select("place", "dependence"), on="place", how="left", maintain_order="left")
    passed = _onward_of(data, until=year)
    depended = pl.col("dependence") / 100
    rows = rows.with_columns(
        gdp_points=depended * pl.col("change"),
        growth_points=passed.multiplier * depended * 100 * (1 + pl.col("change") / 100).log(),
        growth_low80=(passed.multiplier + 1.2816 * passed.se) * depended * 100 * (1 + pl.col("change") / 100).log(),
        growth_high80=(passed.multiplier - 1.2816 * passed.se) * depended * 100 * (1 + pl.col("change") / 100).log(),
    )
    now = data.panel.rows(data.panel.frame["year"] == year)
    seen = now.frame.with_columns(pct=100 * (pl.col("change").exp() - 1))
    whole = seen.filter(pl.col("host").is_null()).select(place="receiver", happened="pct")
    same = seen.filter(pl.col("host") == code).select(place="receiver", reported="pct")
    rows = rows.join(whole, on="place", how="left", maintain_order="left")
    rows = rows.join(same, on="place", how="left", maintain_order="left").with_columns(
        surprising=~pl.col("happened").is_between(pl.col("low80"), pl.col("high80")),
        reported_surprising=~pl.col("reported").is_between(pl.col("reported_low80"), pl.col("reported_high80")),
    )
    left = broken(model, now, seed=seed).filter(pl.col("host") == code) if len(now.frame) else pl.DataFrame()
    own = model.draws["mean"][:, 1:] + (model.draws["host"][:, model.hosts.index(code)] if code in model.hosts else 0.0)
    middle, low, high = np.quantile(own, [0.5, 0.1, 0.9], axis=0)
    told = {n: (float(middle[k]), float(low[k]), float(high[k])) for k, n in enumerate(("growth", "currency"))}
    return Shock(
        host=code, growth=growth, currency=currency, year=year, trained_to=model.until,
        elasticities=told, onward=passed, rows=rows, broken=left,
        sentence=_sentence(code, growth, currency, year, rows, left), releases=data.releases,
    )  # fmt: skip


def _expected(host: str, growth: float, currency: float, year: int, rows: pl.DataFrame) -> str:
    """What is expected of the receiver that loses most, and what happened to it."""
    worst = rows.sort("change").row(0, named=True)
    said = (
        f"Growth of {growth:.1f}% and a currency of {currency:+.0f}% in {host} in {year}: what {worst['place']} "
        f"receives is expected to change by {worst['change']:.0f}% ({worst['change_low80']:.0f} to "
        f"{worst['change_high80']:.0f})"
    )
    return said if worst["happened"] is None else f"{said}; it changed by {worst['happened']:.0f}%"


def _sentence(host: str, growth: float, currency: float, year: int, rows: pl.DataFrame, left: pl.DataFrame) -> str:
    said = f"{_expected(host, growth, currency, year, rows)}."
    missed = [
        f"{what} changed by {row[was]:.0f}%, expected {row[low]:.0f} to {row[high]:.0f}"
        for row in rows.iter_rows(named=True)
        for what, was, low, high, odd in (
            (f"all that {row['place']} receives", "happened", "low80", "high80", "surprising"),
            (f"transfers from {host} to {row['place']}", "reported", "reported_low80", "reported_high80",
             "reported_surprising"),
        )
        if row[odd]
    ]  # fmt: skip
    if missed:
        said += f" The model fails here (80% intervals): {'; '.join(missed[:6])}"
        said += f"; and {len(missed) - 6} more." if len(missed) > 6 else "."
    if not left.is_empty() and bool(left["broken"][0]):
        said += (
            f" The rule is broken in {year}: {100 * left['outside80'][0]:.0f}% of the {left['corridors'][0]} corridors "
            f"of {host} left their 80% interval, towards {left['direction'][0]}. Something else than growth and "
            "currency was at work."
        )
    return said


def _onward_of(data: World, until: int) -> Onward:
    """The multiplier of remittances on growth from the years before one."""
    gdp = data.gdp.select("place", "year", gdp="value")
    money = data.received.select("place", "year", "value")
    joined = (
        money.join(money.with_columns(year=pl.col("year") + 1, before="value").drop("value"), on=["place", "year"])
        .join(gdp.with_columns(year=pl.col("year") + 1), on=["place", "year"])
        .join(data.growth.select("place", "year", growth="value"), on=["place", "year"])
        .filter((pl.col("year") < until) & (pl.col("value") > 0) & (pl.col("before") > 0) & (pl.col("gdp") > 0))
        .with_columns(impulse=100 * pl.col("before") / pl.col("gdp") * (pl.col("value") / pl.col("before")).log())
        .filter(pl.col("impulse").abs() < 30)
    )
    return onward(
        joined["growth"].to_numpy(), joined["impulse"].to_numpy(), joined["place"].to_list(), joined["year"].to_list()
    )


def told(found: Shock) -> dict[str, Any]:
    """A shock as plain data: what was put in, what is expected of each receiver, what happened, and the sources."""
    known = store.cards()
    return {
        "host": found.host,
        "year": found.year,
        "growth_percent": found.growth,
        "currency_percent": found.currency,
        "trained_to": found.trained_to,
        "elasticities": {
            name: dict(zip(("median", "low80", "high80"), values, strict=True))
            for name, values in found.elasticities.items()
        },
        "onward": {"multiplier": found.onward.multiplier, "se": found.onward.se, "n": found.onward.observations},
        "receivers": found.rows.to_dicts(),
        "rule": found.broken.to_dicts(),
        "sentence": found.sentence,
        "sources": [{"release": r, "cite": cite(r)} for r in found.releases if r in known],
    }
