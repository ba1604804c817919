"""How far estimated flows are from reported ones: the correlations and ratios of Abel and Cohen (2019).

An estimate is of transitions: people who live elsewhere at the end of a period than at its start. A report counts
registrations or arrivals year by year. The two are compared as they are published, never added: reports are averaged
over the years of the period and multiplied by its length, and the definitions differ by corridor.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
import xarray as xr

from keruen import store
from keruen.errors import Incomparable, NoEvidence, VocabularyError
from keruen.estimators.tables import METHODS
from keruen.flows import WorldFlows, assembled, estimated
from keruen.places import places

REPORTS = ("residence", "double-entry", "citizenship")
BY = ("world", "reporter", "region", "period")
MEASURES = ("bilateral", "immigration", "emigration", "net", "turnover", "rate")
_LEAST = 3  # years of reports for a period of five; three in five of any other


def reported_flows(
    periods: Sequence[tuple[date, date]], *, reports: str = "residence", as_of: str | date | None = None,
    claims: pl.DataFrame | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Reported flows by corridor, summed up to the length of a period.

    Parameters
    ----------
    periods
        Pairs of days.
    reports
        ``"residence"``: arrivals by previous and departures by next residence, of all offices; ``"double-entry"``: of
        the European double-entry table alone; ``"citizenship"``: arrivals by citizenship, which stands for the origin.
    as_of, claims
        As in :func:`keruen.evidence`.

    Returns
    -------
    ``reporter``, ``side`` (receiver, sender), ``origin``, ``destination``, ``start``, ``end``, ``reported`` (persons a
    period: the mean of the years told, times the years), ``years`` (told). Where several sources report one corridor
    and year, the newest counts.

    Raises
    ------
    NoEvidence
        If nobody reported in these periods.
    """
    if reports not in REPORTS:
        raise VocabularyError(f"reports={reports!r} is not one of {', '.join(REPORTS)}.")
    if claims is None:
        claims = store.evidence(
            None, ["immigration", "emigration"], sex="all", stream="all", since=min(p[0] for p in periods),
            until=max(p[1] for p in periods), as_of=as_of,
        )  # fmt: skip
    rows = claims.filter(
        pl.col("measure").is_in(["immigration", "emigration"]) & (pl.col("age") == "all") & (pl.col("group") == "all")
        & pl.col("counterpart").is_not_null() & ~pl.col("counterpart").fill_null("_").str.starts_with("_")
        & pl.col("value").is_not_null() & (pl.col("start").dt.month() == 1)
        & ((pl.col("end") - pl.col("start")).dt.total_days().is_in([365, 366]))
        & pl.col("status").is_in(["register", "administrative", "survey", "census", "estimate"])
    )  # fmt: skip
    basis = pl.col("basis").fill_null("residence")
    if reports == "citizenship":
        rows = rows.filter((basis == "citizenship") & (pl.col("measure") == "immigration"))
    else:
        rows = rows.filter(basis == "residence")
    if reports == "double-entry":
        rows = rows.filter(pl.col("release").str.contains("double-entry"))
    receiver = pl.col("measure") == "immigration"
    rows = rows.select(
        pl.col("place").alias("reporter"),
        pl.when(receiver).then(pl.lit("receiver")).otherwise(pl.lit("sender")).alias("side"),
        pl.when(receiver).then("counterpart").otherwise("place").alias("origin"),
        pl.when(receiver).then("place").otherwise("counterpart").alias("destination"),
        pl.col("start").dt.year().cast(pl.Int32).alias("year"), "value", "known", "release",
    ).filter(pl.col("origin") != pl.col("destination"))  # fmt: skip
    key = ["reporter", "side", "origin", "destination"]
    rows = rows.sort("known", "release", "value").unique([*key, "year"], keep="last", maintain_order=True)
    out = []
    for start, end in periods:
        length = ((end.year - start.year) * 12 + end.month - start.month) / 12
        # Calendar years whose greater half lies inside.
        inside = rows.filter((pl.col("year") >= start.year) & (pl.col("year") < end.year))
        told = inside.group_by(key).agg(pl.col("value").mean() * length, pl.len().alias("years"))
        told = told.filter(pl.col("years") >= min(_LEAST, np.ceil(0.6 * length)))
        out.append(told.with_columns(start=pl.lit(start), end=pl.lit(end)))
    table = pl.concat(out).rename({"value": "reported"}).sort("start", *key)
    if table.is_empty():
        raise NoEvidence(f"Nobody reported flows by {reports} in these periods for at least {_LEAST} years.")
    return table


def score_flows(
    estimate: WorldFlows | xr.Dataset | pl.DataFrame,
    reported: pl.DataFrame | None = None,
    *,
    by: str = "world",
    reports: str = "residence",
    as_of: str | date | None = None,
) -> pl.DataFrame:
    """Correlations and ratios of estimated and reported flows.

    Parameters
    ----------
    estimate
        Flows of :func:`keruen.flows`, its cube, or a table with ``origin``, ``destination``, ``start``, ``end``,
        ``value`` and ``release`` and ``method`` where there are several.
    reported
        As from `reported_flows`; fetched when not given.
    by
        Whole world, or by reporter, its region, or period.
    reports
        Which reports; see `reported_flows`.
    as_of
        Only reports known on that day.

    Returns
    -------
    One row a release, method, group and measure: ``n``, ``correlation_log`` (of log(1 + x); none for net, which has a
    sign), ``correlation``, ``ratio`` (estimated over reported, sums; none for net). Measures: ``bilateral`` flows;
    ``immigration``, ``emigration``, ``net`` and ``turnover`` of a reporter over the corridors it reports, the same in
    estimate and report; ``rate``: bilateral flows per 1,000 inhabitants of the origin and year, where the estimate
    knows the inhabitants.

    Raises
    ------
    Incomparable
        If the estimate is of one sex, or no corridor is in both.

    References
    ----------
    Abel and Cohen (2019), Scientific Data 6:82, doi 10.1038/s41597-019-0089-3.

    Examples
    --------
    >>> from datetime import date
    >>> told = {"origin": ["KAZ", "RUS", "UZB"], "destination": ["RUS", "KAZ", "RUS"], "start": date(2010, 7, 1),
    ...         "end": date(2015, 7, 1)}
    >>> ours = pl.DataFrame({**told, "value": [20.0, 4.0, 9.0]})
    >>> theirs = pl.DataFrame({**told, "reporter": ["RUS", "KAZ", "RUS"], "side": "receiver",
    ...                        "reported": [10.0, 2.0, 5.0]})
    >>> score_flows(ours, theirs).filter(pl.col("measure") == "bilateral")["ratio"].round(3).item()
    1.941
    """
    if by not in BY:
        raise VocabularyError(f"by={by!r} is not one of {', '.join(BY)}.")
    table = _table(estimate)
    if reported is None:
        spans = table.select("start", "end").unique().sort("start", "end")
        reported = reported_flows(list(spans.iter_rows()), reports=reports, as_of=as_of)
    both = reported.join(table, on=["origin", "destination", "start", "end"], how="inner")
    if both.is_empty():
        raise Incomparable("No corridor and period is both estimated and reported. Compare the same periods.")
    region = {code: card.region or "none" for code, card in places().items()}
    both = both.with_columns(
        group=pl.lit("world") if by == "world" else pl.col("reporter") if by == "reporter"
        else pl.col("reporter").replace_strict(region, default="none", return_dtype=pl.String) if by == "region"
        else pl.format("{}-{}", pl.col("start").dt.year(), pl.col("end").dt.year()),
    )  # fmt: skip
    rows = []
    for (release, method, group), mine in both.sort("release", "method", "group").group_by(
        ["release", "method", "group"], maintain_order=True
    ):
        for measure, one in _measures(mine).items():
            rows.append(
                {"release": release, "method": method, by: group, "measure": measure, **_agreement(one, measure)}
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def _table(estimate: WorldFlows | xr.Dataset | pl.DataFrame) -> pl.DataFrame:
    if isinstance(estimate, pl.DataFrame):
        table = estimate
    else:
        found = estimate if isinstance(estimate, WorldFlows) else WorldFlows(estimate, pl.DataFrame(), {}, ())
        table = found.rows()
        people = found.cube["value"].sum("destination", skipna=True)
        spans = []
        for r, release in enumerate(found.cube["release"].values):
            for p in range(found.cube.sizes["period"]):
                first, last = (found.cube[k].values[p].astype("datetime64[D]").astype(object) for k in ("start", "end"))
                spans.append(
                    pl.DataFrame(
                        {"origin": found.cube["origin"].values, "people": people.values[r, p, 0]}
                    ).with_columns(release=pl.lit(str(release)), start=pl.lit(first), end=pl.lit(last))
                )
        table = table.join(pl.concat(spans), on=["origin", "release", "start", "end"], how="left")
    if "sex" in table.columns and set(table["sex"]) != {"all"}:
        raise Incomparable("Reports are of both sexes together: estimate sex='all'.")
    for name, value in (("release", ""), ("method", ""), ("people", None)):
        if name not in table.columns:
            table = table.with_columns(pl.lit(value, pl.Float64 if value is None else pl.String).alias(name))
    return table.select("origin", "destination", "start", "end", "release", "method", "value", "people").with_columns(
        pl.col("value").cast(pl.Float64)
    )


def _measures(both: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Pairs (value, reported) of each measure."""
    # A corridor that both ends report counts once, by the receiver.
    once = both.sort("side").unique(["origin", "destination", "start", "end"], keep="first", maintain_order=True)
    whole = ["reporter", "start", "end"]
    sums = [pl.col("value").sum(), pl.col("reported").sum()]
    arrivals = both.filter(pl.col("side") == "receiver").group_by(whole).agg(sums)
    departures = both.filter(pl.col("side") == "sender").group_by(whole).agg(sums)
    pairs = arrivals.join(departures, on=whole, suffix="_out")
    years = (pl.col("end") - pl.col("start")).dt.total_days() / 365.25
    scale = 1000 / (pl.col("people") * years)
    out = {
        "bilateral": once,
        "immigration": arrivals,
        "emigration": departures,
        "net": pairs.select(
            (pl.col("value") - pl.col("value_out")).alias("value"),
            (pl.col("reported") - pl.col("reported_out")).alias("reported"),
        ),
        "turnover": pairs.select(
            (pl.col("value") + pl.col("value_out")).alias("value"),
            (pl.col("reported") + pl.col("reported_out")).alias("reported"),
        ),
        "rate": once.filter(pl.col("people") > 0).select(pl.col("value") * scale, pl.col("reported") * scale),
    }
    return {name: table.select("value", "reported").sort("value", "reported") for name, table in out.items()}


def _agreement(table: pl.DataFrame, measure: str) -> dict[str, float | int | None]:
    x, y = table["value"].to_numpy(), table["reported"].to_numpy()

    def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
        if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
            return None
        return float(np.corrcoef(a, b)[0, 1])

    signed = measure == "net"
    return {
        "n": len(x),
        "correlation_log": None if signed else correlation(np.log1p(x), np.log1p(y)),
        "correlation": correlation(x, y),
        "ratio": None if signed or y.sum() == 0 else float(x.sum() / y.sum()),
    }


def score_editions(
    period: str | None = None, *, releases: Sequence[str] | None = None, methods: Sequence[str] | None = None,
    by: str = "world", reports: str = "residence", as_of: str | date | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Every method by every edition against the reports; parameters as in `score_flows` and :func:`keruen.flows`."""
    found = assembled(period, release=releases, as_of=as_of)
    spans = sorted({(a.start, a.end) for a in found})
    reported = reported_flows(spans, reports=reports, as_of=as_of)
    return pl.concat(score_flows(estimated(found, method=method), reported, by=by) for method in (methods or METHODS))
