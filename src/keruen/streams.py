"""The streams of a place side by side, each with its own series and its own words; in which of them the number doubled.

Nothing here is summed across streams. Where a series is derived (a fill ratio, a share of leavers) its row names the
claims it rests on.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from keruen.breaks import CANNOT_TELL
from keruen.errors import NoEvidence, VocabularyError
from keruen.labour_anchors import STREAMS as LABOUR
from keruen.places import place as one_place
from keruen.store import evidence

ROWS: dict[str, pl.DataType] = {
    "stream": pl.String(), "series": pl.String(), "counterpart": pl.String(), "group": pl.String(), "start": pl.Date(),
    "end": pl.Date(), "value": pl.Float64(), "low": pl.Float64(), "high": pl.Float64(), "unit": pl.String(),
    "status": pl.String(), "definition": pl.String(), "release": pl.String(), "known": pl.Date(),
    "derived_from": pl.String(), "note": pl.String(), "id": pl.String(),
}  # fmt: skip


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
    asked: dict[str, Any] = {"as_of": as_of, "strict": strict, "sex": "all"}  # a part is no rival of its total
    labour_rows = _rows(evidence(code, stream=LABOUR, **asked), None)
    returns = _rows(evidence(code, stream="ethnic_return", **asked), "ethnic_return")
    all_told = (pl.col("stream") == "all") & (pl.col("age") == "all")
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
    order = ["stream", "series", "counterpart", "group", "start", "known"]
    return found.sort(order, nulls_last=False, maintain_order=True)


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


def doubled(place: str, year: int, *, as_of: str | date | None = None) -> pl.DataFrame:
    """For which series of a place did the number double in a year: ratio on the year before in [1.8, 2.2], or above?

    Returns
    -------
    stream, series, definition, by (the release, or ``press``), before, now, ratio, verdict (``doubled``, ``more than
    doubled``, ``did not double``, ``cannot tell``), why. One row for every yearly series told in either year, and for
    every labour series.

    Examples
    --------
    >>> sorted(set(doubled("KAZ", 2010)["verdict"]))
    ['cannot tell', 'did not double', 'doubled', 'more than doubled']
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
        verdict = CANNOT_TELL if ratio is None else _verdict(ratio)
        rows.append({
            "stream": stream, "series": name, "definition": definition, "by": by, "before": before, "now": now,
            "ratio": ratio, "verdict": verdict, "why": why,
        })  # fmt: skip
    texts = ("stream", "series", "definition", "by", "verdict", "why")
    schema = {**dict.fromkeys(texts, pl.String), **dict.fromkeys(("before", "now", "ratio"), pl.Float64)}
    found = pl.DataFrame(rows, schema=schema)
    return found.sort("verdict", "stream", "series", "by", descending=[True, False, False, False])


def _verdict(ratio: float) -> str:
    return "did not double" if ratio < 1.8 else "doubled" if ratio <= 2.2 else "more than doubled"
