"""The streams beside labour, each with its own series and its own words; policies as dated events; breaks in series.

Nothing here is summed across streams. Where a series is derived (a fill ratio, a share of leavers) its row names the
claims it rests on. A series that is too short or too full of holes is told so: "cannot tell" is an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from textwrap import shorten
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from keruen.errors import FaultyTable, ModelError, NoEvidence, VocabularyError
from keruen.labour import STREAMS as LABOUR
from keruen.labour import cards, regimes
from keruen.places import place as one_place
from keruen.provenance import day
from keruen.snapshot import covariates
from keruen.store import event_claims, evidence

Array = NDArray[np.float64]

CANNOT_TELL = "cannot tell"

ROWS: dict[str, pl.DataType] = {
    "stream": pl.String(), "series": pl.String(), "counterpart": pl.String(), "group": pl.String(), "start": pl.Date(),
    "end": pl.Date(), "value": pl.Float64(), "low": pl.Float64(), "high": pl.Float64(), "unit": pl.String(),
    "status": pl.String(), "definition": pl.String(), "release": pl.String(), "known": pl.Date(),
    "derived_from": pl.String(), "note": pl.String(), "id": pl.String(),
}  # fmt: skip

# ------------------------------------------------------------------ events


def kinds() -> tuple[str, ...]:
    """Kinds of events, from ``data/labour.toml``.

    Examples
    --------
    >>> "amnesty" in kinds()
    True
    """
    return tuple(sorted({c["kind"] for c in cards()["event_kind"]}))


def events(
    place: str | None = None, *, kind: str | None = None, as_of: str | date | None = None, measures: bool = True
) -> pl.DataFrame:
    """Policies and shocks as dated events: what, where, towards whom, when, who says so, and whether it was checked.

    Parameters
    ----------
    place
        Where they apply, or whom they are aimed at. None: everywhere.
    kind
        amnesty, permit regime, quota, entry ban, patent, exam, union accession, ethnic return programme, currency
        shock, war … None: all kinds.
    as_of
        Only events known on that day.
    measures
        Only what somebody did or what happened to all; False also gives flows and stocks that the timeline tells.

    Returns
    -------
    kind, place, counterpart (codes separated by blanks), start, end (half-open), precision, description,
    expected_effect, source, verified (``read``, ``unverified``, ``statement on trial``), parameter (the named effect in
    :func:`keruen.labour`), overlaps (other events of the kind at the time), known,
    id (which :func:`keruen.trace` knows).

    Raises
    ------
    VocabularyError
        If no event is of that kind.

    Examples
    --------
    >>> amnesties = events("KAZ", kind="amnesty")
    >>> amnesties["start"].min().isoformat()
    '2006-08-01'
    """
    table = covariates("events").with_columns(event_claims()["id"])
    code = None if place is None else one_place(place).code
    if code is not None:
        table = table.filter(pl.col("places").list.contains(code) | pl.col("counterparts").list.contains(code))
    if as_of is not None:
        table = table.filter(pl.col("known") <= (day(as_of, last=True) if isinstance(as_of, str) else as_of))
    rows = []
    for r in table.iter_rows(named=True):
        fine = next(
            (
                c["kind"]
                for c in cards()["event_kind"]
                if r["kind"] in c["told"] and re.search(c["pattern"], r["description"])
            ),
            None,
        )
        if fine is None and measures:
            continue
        rows.append({
            "kind": fine or r["kind"], "place": " ".join(r["places"]), "counterpart": " ".join(r["counterparts"]),
            "start": r["date_start"], "end": r["date_end"], "precision": r["precision"],
            "description": r["description"],
            "expected_effect": r["expected_effect"], "source": r["source"],
            "verified": {"R": "read", "K": "unverified", "S": "statement on trial"}.get(r["verified"], r["verified"]),
            "parameter": _parameter(r["description"], r["places"], r["date_start"]), "known": r["known"],
            "id": r["id"],
        })  # fmt: skip
    for r in rows:
        r["overlaps"] = sum(
            o is not r
            and o["kind"] == r["kind"]
            and o["place"] == r["place"]
            and o["start"] < r["end"]
            and r["start"] < o["end"]
            for o in rows
        )
    schema = dict.fromkeys(
        (
            "kind",
            "place",
            "counterpart",
            "precision",
            "description",
            "expected_effect",
            "source",
            "verified",
            "parameter",
        ),
        pl.String(),
    )
    found = pl.DataFrame(rows, schema_overrides={**schema, "start": pl.Date(), "end": pl.Date(), "known": pl.Date()})
    if kind is not None:
        if kind not in kinds():
            raise VocabularyError(f"{kind!r} is not a kind of event. Known are: {', '.join(kinds())}.")
        found = found.filter(pl.col("kind") == kind) if len(found) else found
    return found.sort("start", "kind") if len(found) else found


def _parameter(description: str, places: Sequence[str], start: date) -> str:
    for card in cards()["regime"]:
        if card["place"] in places and description.startswith(card["event"]) and start <= card["start"]:
            first = "reached" if card["kind"] == "amnesty" else "regularisation"
            return f"{card['name']}.{first}"
    return ""


# ------------------------------------------------------------------ one series


def series(table: pl.DataFrame) -> tuple[NDArray[np.int64], Array]:
    """Years and values of a table with ``year`` (or ``start``) and ``value``, checked.

    Raises
    ------
    FaultyTable
        Two figures for a year, or no such columns.
    """
    if "year" not in table.columns and "start" in table.columns:
        table = table.with_columns(pl.col("start").dt.year().alias("year"))
    missing = [c for c in ("year", "value") if c not in table.columns]
    if missing:
        raise FaultyTable(
            "series", [f"row 1, column {c} is missing. A series has the columns year and value." for c in missing]
        )
    table = table.filter(pl.col("value").is_not_null()).sort("year")
    double = table.group_by("year").len().filter(pl.col("len") > 1).sort("year")["year"].to_list()
    if double:
        raise FaultyTable(
            "series", [f"row 1, column year: {y} has two figures. Say whom to believe first." for y in double]
        )
    return table["year"].to_numpy().astype(np.int64), table["value"].to_numpy().astype(float)


@dataclass(frozen=True, slots=True)
class Breaks:
    """What changed in a series, and when.

    Attributes
    ----------
    doubled
        year -> ratio to the year before, where it lies in the asked range.
    ratios
        year -> ratio to the year before, wherever both are known.
    verdict
        ``break``, ``no break`` or ``cannot tell``, with `why`.
    when, low, high, p
        Last year before the break, the 90% set of that year, and the p-value of one break against none.
    trend
        ``rising``, ``falling``, ``no trend`` or ``cannot tell``; `trend_p` exact (Mann-Kendall); `slope` per year (Sen)
        with its 95% interval.
    """

    years: tuple[int, ...]
    doubled: dict[int, float]
    ratios: dict[int, float]
    verdict: str
    why: str
    when: int | None
    low: int | None
    high: int | None
    p: float | None
    trend: str
    trend_p: float | None
    slope: tuple[float, float, float] | None

    def __repr__(self) -> str:
        broken = self.verdict if self.when is None else f"break after {self.when} (90% {self.low} to {self.high})"
        broken += "" if self.p is None else f", p = {self.p:.3f}"
        grown = self.trend if self.trend != CANNOT_TELL else "trend unknown"
        if self.slope is not None:
            grown += " ({:,.4g} a year, 95% {:,.4g} to {:,.4g})".format(*self.slope)
        twice = f"; doubled in {', '.join(map(str, self.doubled))}" if self.doubled else ""
        return (
            f"{len(self.years)} figures, {min(self.years, default='')}-{max(self.years, default='')}:"
            f" {broken}; {grown}{shorten(twice, 60, placeholder=' …')}. See why, ratios, trend_p."
        )


def breaks(table: pl.DataFrame, *, doubling: tuple[float, float] = (1.8, 2.2), seed: int = 0) -> Breaks:
    """Doubling, a structural break with its interval, and a trend, of a yearly series.

    Parameters
    ----------
    table
        ``year`` (or ``start``) and ``value``, one figure a year.
    doubling
        Ratios on the year before that count as doubled.
    seed
        Of the simulation behind the p-value.

    Notes
    -----
    One break in the mean of the changes of level: the largest F over break years that leave three figures on either
    side, against its distribution for independent normal series of the same years, simulated. Logarithms where every
    value is positive. The set of years holds 90% of the profile likelihood's mass. Fewer than eight figures, or figures
    for less than 60% of the years: "cannot tell".

    References
    ----------
    Andrews (1993), Econometrica 61; Mann (1945), Econometrica 13; Sen (1968), Journal of the American Statistical
    Association 63.

    Examples
    --------
    >>> values = [10, 11, 9, 10, 12, 10, 30, 31, 29, 33, 30, 32]
    >>> told = breaks(pl.DataFrame({"year": range(2000, 2012), "value": values}))
    >>> told.verdict, told.when, told.doubled
    ('break', 2005, {})
    """
    years, values = series(table)
    steps = [
        (int(t), float(v / u))
        for t, s, u, v in zip(years[1:], np.diff(years), values, values[1:], strict=False)
        if s == 1 and u > 0
    ]
    trend, trend_p, slope = _trend(years, values)
    blank = Breaks(
        years=tuple(int(t) for t in years),
        doubled={t: ratio for t, ratio in steps if doubling[0] <= ratio <= doubling[1]},
        ratios=dict(steps),
        verdict=CANNOT_TELL, why="", when=None, low=None, high=None, p=None, trend=trend, trend_p=trend_p, slope=slope,
    )  # fmt: skip
    n = years.size
    if n < 8:
        return replace(blank, why=f"{n} figures; a break needs eight.")
    held = n / (years[-1] - years[0] + 1)
    if held < 0.6:
        return replace(blank, why=f"figures for {held:.0%} of the years; the holes could hide anything.")
    y = np.log(values) if (values > 0).all() else values
    best, profile = _sup_f(y)
    if not np.isfinite(best):
        return replace(blank, verdict="no break", why="the series never varies.", p=1.0)
    rng = np.random.default_rng(seed)
    reference, _ = _sup_f(rng.standard_normal((999, n)))
    p = float((1 + (reference >= best).sum()) / 1000)
    if p >= 0.05:
        return replace(blank, verdict="no break", why="largest F over break years, against independent series", p=p)
    mass = np.exp(profile - profile.max())
    mass /= mass.sum()
    order = np.argsort(-mass)
    inside = order[: int(np.searchsorted(np.cumsum(mass[order]), 0.9)) + 1] + 2  # index of the last year before
    why = "largest F over break years, against independent series"
    if trend != "no trend":
        why += "; a steady trend looks like a break too"
    return replace(
        blank, verdict="break", why=why, p=p,
        when=int(years[order[0] + 2]), low=int(years[inside.min()]), high=int(years[inside.max()]),
    )  # fmt: skip


def _sup_f(y: Array) -> tuple[Array, Array]:
    """Largest F of a change in mean, (…), and the profile log-likelihood by break, (…, break); three on either side."""
    n = y.shape[-1]
    y = y - y.mean(-1, keepdims=True)
    whole = (y**2).sum(-1)
    k = np.arange(3, n - 2)
    left = np.cumsum(y, -1)[..., 2 : n - 3]
    # The sums on both sides cancel, so the sum of squares between the two means is left² (1/k + 1/(n - k)).
    rss = np.maximum(whole[..., None] - left**2 * (1 / k + 1 / (n - k)), 1e-12 * whole[..., None])
    with np.errstate(divide="ignore", invalid="ignore"):
        f = ((whole[..., None] - rss) / (rss / (n - 2))).max(-1)
        profile = -0.5 * n * np.log(rss)
    return np.where(whole > 1e-300, f, np.nan), profile


def _trend(years: NDArray[np.int64], values: Array) -> tuple[str, float | None, tuple[float, float, float] | None]:
    if years.size < 4:
        return CANNOT_TELL, None, None
    tau = stats.kendalltau(years, values)
    p = float(tau.pvalue) if np.isfinite(tau.pvalue) else 1.0
    sen = stats.theilslopes(values, years, 0.95)
    slope = (float(sen.slope), float(sen.low_slope), float(sen.high_slope))
    if p >= 0.05:
        return "no trend", p, slope
    return ("rising" if tau.statistic > 0 else "falling"), p, slope


@dataclass(frozen=True, slots=True)
class Interruption:
    """Before and after an event.

    Attributes
    ----------
    level, slope
        (low, estimate, high), 95%: change of level at the event and of the yearly slope; on logarithms where `log`.
    verdict
        ``higher``, ``lower``, ``no change seen`` or ``cannot tell``, with `why`.
    before, after
        Figures on either side.
    """

    level: tuple[float, float, float] | None
    slope: tuple[float, float, float] | None
    log: bool
    verdict: str
    why: str
    before: int
    after: int

    def __repr__(self) -> str:
        if self.level is None:
            return f"{self.verdict.capitalize()}: {self.why}"
        how, ends = ("times ", np.exp(self.level)) if self.log else ("", np.asarray(self.level))
        low, middle, high = (f"{x:,.4g}" if self.log else f"{x:+,.4g}" for x in ends)
        return (
            f"{self.verdict.capitalize()} after the event: level {how}{middle} (95% {low} to {high}),"
            f" {self.before} figures before and {self.after} after. See why, slope."
        )


def interrupted(table: pl.DataFrame, when: date | int, *, others: Sequence[int] = ()) -> Interruption:
    """Interrupted-series check: level and slope after an event against those before.

    Parameters
    ----------
    table
        ``year`` (or ``start``) and ``value``.
    when
        Day or year of the event; its own year counts as after.
    others
        Years of other events at the time; those within two years are told, for nobody can part their effects.

    Notes
    -----
    y = a + b t + c·after + d·after·(t − t₀), least squares, t intervals with n − 4 degrees of freedom, widened by
    √((1 + r)/(1 − r)) for a lag-one correlation r > 0 of the residuals. Fewer than four figures on a side:
    "cannot tell".

    Examples
    --------
    >>> values = [10, 11, 10, 11, 10, 20, 21, 20, 21, 20]
    >>> interrupted(pl.DataFrame({"year": range(2000, 2010), "value": values}), 2005).verdict
    'higher'
    """
    years, values = series(table)
    at = when.year if isinstance(when, date) else when
    before, after = int((years < at).sum()), int((years >= at).sum())
    if min(before, after) < 4:
        why = f"{before} figures before and {after} after; four on each side are needed."
        return Interruption(None, None, False, CANNOT_TELL, why, before, after)
    log = bool((values > 0).all())
    y = np.log(values) if log else values
    on = (years >= at).astype(float)
    x = np.column_stack([np.ones(y.size), years - at, on, on * (years - at)])
    beta, *_ = np.linalg.lstsq(x, y, rcond=None)
    rest = y - x @ beta
    free = y.size - 4
    variance = float(rest @ rest) / free
    r = float(rest[:-1] @ rest[1:] / max(rest @ rest, 1e-300))
    widen = float(np.sqrt((1 + r) / (1 - r))) if r > 0 else 1.0
    errors = np.sqrt(variance * np.diag(np.linalg.inv(x.T @ x))) * widen * stats.t.ppf(0.975, free)
    level, slope = ((float(beta[i] - errors[i]), float(beta[i]), float(beta[i] + errors[i])) for i in (2, 3))
    verdict = "higher" if level[0] > 0 else "lower" if level[2] < 0 else "no change seen"
    near = [o for o in others if abs(o - at) <= 2 and o != at]
    why = f"{before} figures before, {after} after" + (
        f"; other events of {', '.join(map(str, sorted(set(near))))} are too near to be told apart" if near else ""
    )
    return Interruption(level, slope, log, verdict, why, before, after)


# ------------------------------------------------------------------ streams


def streams(
    place: str, *, stream: str | None = None, as_of: str | date | None = None, strict: bool = False
) -> pl.DataFrame:
    """Every stream of a place, series by series: labour, ethnic return, emigration and its mirrors, skilled leavers.

    Series are never added up: each keeps its unit and definition.

    Parameters
    ----------
    stream
        One of the streams of the table; by default all.

    Returns
    -------
    stream, series, counterpart, group, start, end, value, low, high, unit, status, definition, release, known,
    derived_from, note, id. Derived rows (fill ratios, shares of leavers) have ``derived_from``.

    Raises
    ------
    NoEvidence
        If nobody told anything of any stream of the place.

    Examples
    --------
    >>> table = streams("KAZ")
    >>> sorted(set(table["stream"]))[:3]
    ['emigration as partners count it', 'ethnic_return', 'labour']
    """
    code = one_place(place).code
    asked: dict[str, Any] = {"as_of": as_of, "strict": strict}
    labour_rows = _rows(evidence(code, stream=LABOUR, **asked), None)
    returns = _rows(evidence(code, stream="ethnic_return", **asked), "ethnic_return")
    all_told = pl.col("stream") == "all"
    own = evidence(code, ["emigration", "immigration", "net_migration"], **asked)
    # The national register and other counts of the place itself; the UN's residuals have their own stream.
    register = own.filter(
        all_told & pl.col("status").is_in(["register", "administrative", "press", "census", "survey"])
    )
    residual = own.filter(
        all_told & (pl.col("measure") == "net_migration") & pl.col("release").str.starts_with("un-wpp")
    )
    mirror = evidence(None, "immigration", counterpart=code, **asked).filter(all_told)
    mirror = mirror.with_columns(counterpart=pl.col("place"))
    skilled = evidence(code, ["emigration", "immigration", "movements"], stream="skilled", **asked)
    parts = [
        labour_rows,
        returns,
        _fill(returns),
        _rows(register, "registered migration"),
        _rows(mirror, "emigration as partners count it"),
        _rows(residual, "net migration as the UN reckons it"),
        _rows(skilled.filter(pl.col("measure") != "movements"), "skilled"),
        _researchers(code, asked),
        _skilled_shares(skilled, register),
    ]
    found = (
        pl.concat([p for p in parts if len(p)], how="vertical_relaxed")
        if any(len(p) for p in parts)
        else _rows(own, "")
    )
    if not len(found):
        raise NoEvidence(
            f"Nobody told anything of any stream of {one_place(place).name}. Add figures: keruen add FILE."
        )
    if stream is not None:
        known = sorted(set(found["stream"]))
        if stream not in known:
            raise VocabularyError(
                f"{stream!r} is no stream told of {one_place(place).name}. Told are: {', '.join(known)}."
            )
        found = found.filter(pl.col("stream") == stream)
    return found.sort("stream", "series", "counterpart", "group", "start", "known", nulls_last=False)


def _rows(claims: pl.DataFrame, stream: str | None) -> pl.DataFrame:
    made = claims.with_columns(
        (pl.col("stream") if stream is None else pl.lit(stream)).alias("stream"), pl.col("measure").alias("series")
    )
    return made.select([pl.col(c).cast(t) for c, t in ROWS.items()])


def _made(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([{**dict.fromkeys(ROWS), **r} for r in rows], schema=ROWS)


def _fill(returns: pl.DataFrame) -> pl.DataFrame:
    """Arrivals of a year over the quota of that year, both in persons; families and persons are not divided."""
    whole = returns.filter(pl.col("counterpart").is_null() & (pl.col("group") == "all"))
    quota = whole.filter(pl.col("series") == "ethnic_return_quota")
    arrived = whole.filter(pl.col("series") == "ethnic_return")
    rows = []
    for q in quota.to_dicts():
        for a in arrived.filter((pl.col("start") == q["start"]) & (pl.col("end") == q["end"])).to_dicts()[:1]:
            rows.append({
                "stream": "ethnic_return", "series": "arrivals over quota", "group": "all", "start": q["start"],
                "end": q["end"], "value": a["value"] / q["value"], "unit": "ratio",
                "known": max(a["known"], q["known"]),
                "derived_from": f"{a['id']} {q['id']}",
                "note": "most arrivals are outside the quota: above 1 is no overflow",
            })  # fmt: skip
    return _made(rows)


def _researchers(code: str, asked: dict[str, Any]) -> pl.DataFrame:
    """Researchers who changed affiliation, out of the place and into it, by year: sums over the other end."""
    away = evidence(None, "movements", counterpart=code, stream="skilled", **asked)
    into = evidence(code, "movements", stream="skilled", **asked)
    rows = []
    for name, table in (("researchers who left", away), ("researchers who came", into)):
        if not len(table):
            continue
        yearly = table.group_by("start", "end", "unit", "status", "definition", "release").agg(
            pl.col("value").sum(), pl.col("known").max(), pl.len()
        )
        rows += [
            {"stream": "skilled", "series": name, "group": "all", **{k: v for k, v in r.items() if k != "len"},
             "derived_from": f"{r['len']} corridors of {r['release']}",
             "note": "changes of affiliation of publishing researchers: a second witness, not people counted"}
            for r in yearly.to_dicts()
        ]  # fmt: skip
    return _made(rows)


def _skilled_shares(skilled: pl.DataFrame, register: pl.DataFrame) -> pl.DataFrame:
    """The qualified among those who left and who came, where both are told for one period."""
    rows = []
    whole = register.filter(pl.col("counterpart").is_null() & (pl.col("group") == "all"))
    some = skilled.filter(
        (pl.col("measure") != "movements") & (pl.col("group") == "all") & pl.col("counterpart").is_null()
    )
    for r in some.to_dicts():
        total = whole.filter(
            (pl.col("measure") == r["measure"]) & (pl.col("start") == r["start"]) & (pl.col("end") == r["end"])
        )
        for t in total.sort("known").to_dicts()[:1]:
            rows.append({
                "stream": "skilled", "series": f"qualified share of {r['measure']}", "group": "all",
                "start": r["start"],
                "end": r["end"], "value": 100 * r["value"] / t["value"], "unit": "percent",
                "known": max(r["known"], t["known"]), "derived_from": f"{r['id']} {t['id']}",
                "note": "against stayers: no source of the package tells their education",
            })  # fmt: skip
    return _made(rows)


def exodus(place: str, first: int = 1991, last: int = 2004, *, as_of: str | date | None = None) -> pl.DataFrame:
    """How many left over a span of years, source by source, and as a part of the population at its start.

    The national register's departures and balance, partner countries' arrivals, the UN's net by edition: contradictions
    are shown, nothing is chosen.

    Returns
    -------
    what, source, years (told of the span), missing (years), value (persons), share (percent of the population at the
    start), derived_from (number of claims).

    Raises
    ------
    NoEvidence
        If nobody tells the population, or anything of the span.

    Examples
    --------
    >>> table = exodus("KAZ")
    >>> float(table.filter(what="departures, national register")["value"].max()) > 2e6
    True
    """
    code = one_place(place).code
    people = evidence(code, "population", since=date(first, 1, 1), until=date(first, 12, 31), as_of=as_of)
    people = people.filter((pl.col("sex") == "all") & (pl.col("age") == "all"))
    if not len(people):
        raise NoEvidence(f"Nobody tells the population of {code} in {first}: a share has no base. Add a figure of it.")
    base = float(people.sort("known")["value"][-1])
    span: dict[str, Any] = {"since": date(first, 1, 1), "until": date(last, 12, 31), "as_of": as_of}
    own = evidence(code, ["emigration", "immigration", "net_migration"], **span)
    mirror = evidence(None, "immigration", counterpart=code, **span).filter(pl.col("stream") == "all")
    whole = pl.col("counterpart").is_null() & (pl.col("group") == "all") & (pl.col("stream") == "all")
    # A running series that repeats the UN is the UN, whoever prints it.
    by_un = pl.col("release").str.starts_with("un-wpp") | pl.col("copy_of").fill_null("").str.starts_with("un-wpp")
    net = pl.col("measure") == "net_migration"
    told = [
        ("departures, national register", own.filter(whole & (pl.col("measure") == "emigration"))),
        ("net migration, national register", own.filter(whole & net & ~by_un)),
        ("net migration, UN", own.filter(whole & net & by_un & (pl.col("status") != "projection"))),
    ]
    told += [(f"arrivals from it, counted by {p}", mirror.filter(place=p)) for p in sorted(set(mirror["place"]))]
    rows = []
    for what, table in told:
        yearly = table.filter(
            (pl.col("start").dt.month() == 1) & (pl.col("start").dt.day() == 1)
            & (pl.col("end") == pl.col("start").dt.offset_by("1y"))
            & pl.col("start").dt.year().is_between(first, last) & pl.col("value").is_not_null()
            & (pl.col("sex") == "all") & (pl.col("age") == "all") & (pl.col("group") == "all")
        )  # fmt: skip
        for (release, basis), part in yearly.group_by(["release", "basis"], maintain_order=True):
            once = part.sort("known").unique("start", keep="last")
            n = len(once)
            rows.append({
                "what": what, "source": str(release) + (f" by {basis}" if basis and "counted by" in what else ""),
                "years": n,
                "missing": last - first + 1 - n, "value": float(once["value"].sum()),
                "share": 100 * float(once["value"].sum()) / base, "derived_from": n,
            })  # fmt: skip
    if not rows:
        raise NoEvidence(f"Nobody tells who left {code} in {first}-{last}, year by year.")
    return pl.DataFrame(rows).sort("what", "missing", "source").with_columns(population=pl.lit(base))


def doubled(place: str, year: int, *, as_of: str | date | None = None) -> pl.DataFrame:
    """For which series of a place did the number double in a year: ratio on the year before in [1.8, 2.2]?

    Returns
    -------
    stream, series, definition, by (the release, or ``press``), before, now, ratio, verdict (``doubled``, ``did not
    double``, ``cannot tell``), why. One row for every yearly series told in either year, and for every labour series.

    Examples
    --------
    >>> set(doubled("KAZ", 2010)["verdict"]) <= {"doubled", "did not double", "cannot tell"}
    True
    """
    table = streams(place, as_of=as_of).filter(pl.col("counterpart").is_null() & (pl.col("group") == "all"))
    # Pages of the press that quote one register are one series.
    told_by = pl.when(pl.col("release").str.starts_with("page-")).then(pl.lit("press")).otherwise("release").alias("by")
    rows = []
    for (stream, name, definition, by), part in table.with_columns(told_by).group_by(
        ["stream", "series", "definition", "by"], maintain_order=True
    ):
        if any(word in str(name) for word in ("cumulative", "share", "quota", "interim")):
            continue
        whole = part.filter(
            ((pl.col("end") == pl.col("start")) | (pl.col("end") == pl.col("start").dt.offset_by("1y")))
            & pl.col("value").is_not_null()
        ).with_columns(pl.col("start").dt.year().alias("year"))
        if not len(whole):
            continue
        pair = [whole.filter(pl.col("year") == y)["value"].to_list() for y in (year - 1, year)]
        if not any(pair) and stream not in LABOUR:
            continue
        before, now = (float(np.mean(v)) if v else None for v in pair)
        lacking = " and ".join(str(y) for y, v in ((year - 1, before), (year, now)) if v is None)
        ratio, why = None, f"no figure of {lacking}"
        if before is not None and now is not None:
            same = before * now > 0
            ratio, why = (now / before, "") if same else (None, "the two figures have no common sign")
        verdict = CANNOT_TELL if ratio is None else "doubled" if 1.8 <= ratio <= 2.2 else "did not double"
        rows.append({
            "stream": stream, "series": name, "definition": definition, "by": by, "before": before, "now": now,
            "ratio": ratio, "verdict": verdict, "why": why,
        })  # fmt: skip
    texts = ("stream", "series", "definition", "by", "verdict", "why")
    schema = {**dict.fromkeys(texts, pl.String), **dict.fromkeys(("before", "now", "ratio"), pl.Float64)}
    found = pl.DataFrame(rows, schema=schema)
    return found.sort("verdict", "stream", "series", "by", descending=[True, False, False, False])


def effects(place: str, table: pl.DataFrame, *, kinds: Sequence[str] | None = None) -> pl.DataFrame:
    """The interrupted-series check of every policy of a place on one yearly series.

    Parameters
    ----------
    table
        ``year`` (or ``start``) and ``value``.
    kinds
        Kinds of events; by default all that :func:`events` tells.

    Returns
    -------
    kind, start, description, verdict, level, level_low, level_high, slope, slope_low, slope_high, log, why, verified,
    parameter.
    """
    found = events(place)
    found = found if kinds is None else found.filter(pl.col("kind").is_in(list(kinds)))
    years = [d.year for d in found["start"].to_list()]
    rows = []
    for r in found.to_dicts():
        told = interrupted(table, r["start"], others=years)
        level, slope = told.level or (None,) * 3, told.slope or (None,) * 3
        rows.append({
            "kind": r["kind"], "start": r["start"], "description": r["description"], "verdict": told.verdict,
            "level_low": level[0], "level": level[1], "level_high": level[2], "slope_low": slope[0], "slope": slope[1],
            "slope_high": slope[2], "log": told.log, "why": told.why, "verified": r["verified"],
            "parameter": r["parameter"],
        })  # fmt: skip
    if not rows:
        raise ModelError(f"No event of {place} is known, so there is nothing to check against.")
    return pl.DataFrame(rows, infer_schema_length=None)


def named_effects(place: str) -> tuple[str, ...]:
    """Names of the parameters by which rules of status enter :func:`keruen.labour` for a place.

    Examples
    --------
    >>> named_effects("KAZ")[0]
    'amnesty_2006.reached'
    """
    return tuple(
        f"{r.name}.{'reached' if r.kind == 'amnesty' else 'regularisation'}" for r in regimes(one_place(place).code)
    )
