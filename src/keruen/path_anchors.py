"""What else pins a path of net migration down: mirrors of a register, people counted twice, stocks that change.

Each anchor is a sum of our own over claims, and carries their ids and the rule by which it was made. Nothing here is an
observation of the same kind as a reported balance: a mirror sees a register's error, a pair of censuses the sum of many
years, a pair of stocks little and badly. Their doubts are priors, each with its reason in ``measurement.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen import kept, snapshot, store
from keruen.measurement import overlaps
from keruen.places import places as all_places
from keruen.provenance import releases

Array = NDArray[np.float64]

NATURAL = ("births", "deaths")
FAMILY = "un-ims"
KINDS = ("mirror", "people counted twice", "stocks that change")
SCHEMA: dict[str, Any] = {
    "kind": pl.String, "start": pl.Date, "end": pl.Date, "rate": pl.Float64, "sd": pl.Float64,
    "derived_from": pl.List(pl.String), "releases": pl.List(pl.String), "convention": pl.String,
}  # fmt: skip


@cache
def doubts() -> dict[str, Any]:
    """How far each kind of anchor is believed: numbers with a ``because``, from ``measurement.toml``."""
    text = files("keruen").joinpath("data/measurement.toml").read_text("utf-8")
    found: dict[str, Any] = tomllib.loads(text)["anchor"]
    return found


@dataclass(frozen=True, slots=True)
class Mirrors:
    """What partners' reports of the same moves say of a register's error.

    Attributes
    ----------
    years
        Calendar years.
    error
        Reported balance less the partners', per 1,000, grown to the whole of the register's moves.
    noise
        Covariance of what the mirror itself adds.
    """

    years: NDArray[np.int64]
    error: Array
    noise: Array
    table: pl.DataFrame


def _years_of(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(
        (pl.col("start").dt.month() == 1)
        & (pl.col("start").dt.day() == 1)
        & (pl.col("end") == pl.col("start").dt.offset_by("1y"))
        & pl.col("value").is_not_null()
        & (pl.col("status") != "projection")
    ).with_columns(year=pl.col("start").dt.year())


def mirrors(
    code: str,
    definition: str,
    gross: Mapping[int, float],
    people: Mapping[int, float],
    as_of: date | None,
    strict: bool,
) -> Mirrors | None:
    """The error of a register as its partners' reports show it, in the years in which enough of it has a mirror.

    Parameters
    ----------
    code, definition
        The place, and what its register counts.
    gross, people
        Its arrivals and departures together, and its residents, by year.

    Notes
    -----
    With partners P of which both sides tell both directions, ω their part of the register's moves, B its balance with
    them and M theirs with it, the mirror says (B + M) / ω of the error. What it adds itself has the standard deviation
    √(floor² + (share · G / ω)²), G the partners' count of the same moves, and runs on from year to year.
    """
    asked: dict[str, Any] = {"stream": "all", "sex": "all", "as_of": as_of, "strict": strict}
    countries = {c for c, p in all_places().items() if p.kind == "country"}
    moves = ["immigration", "emigration"]
    own = _years_of(store.evidence(code, moves, **asked)).filter(
        pl.col("counterpart").is_in(list(countries))
        & (pl.col("basis") == "residence")
        & (pl.col("definition") == definition)
        & (pl.col("age") == "all")
        & (pl.col("group") == "all")
    )
    if own.is_empty():
        return None
    partners = own["counterpart"].unique().sort().to_list()
    theirs = _years_of(store.evidence(partners, moves, counterpart=code, **asked)).filter(
        (pl.col("basis") == "residence") & (pl.col("age") == "all") & (pl.col("group") == "all")
    )

    def wide(rows: pl.DataFrame, partner: str, suffix: str) -> pl.DataFrame:
        one = rows.sort("known", "release", "id", nulls_last=True).unique(
            ["year", partner, "measure"], keep="last", maintain_order=True
        )
        sides = [
            one.filter(pl.col("measure") == m).select(
                "year", pl.col(partner).alias("partner"), pl.col("value").alias(f"{m}{suffix}"),
                pl.col("id").alias(f"id_{m}{suffix}"),
            )
            for m in moves
        ]  # fmt: skip
        return sides[0].join(sides[1], on=["year", "partner"])

    both = wide(own, "counterpart", "").join(wide(theirs, "place", "_theirs"), on=["year", "partner"])
    both = both.filter(pl.col("year").is_in(sorted(set(gross) & set(people))))
    told = doubts()["mirror"]
    both = both.with_columns(ids=pl.concat_list(pl.selectors.starts_with("id_")))
    by_year = both.group_by("year", maintain_order=True).agg(
        balance=(pl.col("immigration") - pl.col("emigration")).sum(),
        mirrored=(pl.col("emigration_theirs") - pl.col("immigration_theirs")).sum(),
        own=(pl.col("immigration") + pl.col("emigration")).sum(),
        seen=(pl.col("immigration_theirs") + pl.col("emigration_theirs")).sum(),
        derived_from=pl.col("ids"),
    )
    by_year = by_year.with_columns(
        derived_from=pl.Series([[i for one in many for i in one] for many in by_year["derived_from"].to_list()])
    ).sort("year")
    if by_year.is_empty():
        return None
    years = by_year["year"].to_numpy().astype(np.int64)
    n = np.array([people[int(y)] for y in years]) / 1000
    part = by_year["own"].to_numpy() / np.array([gross[int(y)] for y in years])
    enough = (part >= told["part"]) & (part <= 1.1)
    if not enough.any():
        return None
    part = np.minimum(part, 1.0)
    error = (by_year["balance"].to_numpy() - by_year["mirrored"].to_numpy()) / part / n
    sd = np.sqrt(told["floor"] ** 2 + (told["share"] * by_year["seen"].to_numpy() / part / n) ** 2)
    years, error, sd = years[enough], error[enough], sd[enough]
    along = told["rho"] ** np.abs(years[:, None] - years[None, :])
    table = by_year.filter(pl.Series(enough)).select(
        kind=pl.lit("mirror"), start=pl.date(pl.col("year"), 1, 1), end=pl.date(pl.col("year") + 1, 1, 1),
        rate=pl.Series(error), sd=pl.Series(sd), derived_from=pl.col("derived_from"),
        releases=pl.col("derived_from").list.eval(pl.element().str.split(":").list.first()).list.unique().list.sort(),
        convention=pl.lit(f"its balance less its partners', who tell {told['part']:.0%} of its moves or more"),
    )  # fmt: skip
    return Mirrors(years, error, np.outer(sd, sd) * (0.9 * along + 0.1 * np.eye(len(sd))), table)


def residuals(code: str, years: NDArray[np.int64], people: Array, as_of: date | None, strict: bool) -> pl.DataFrame:
    """Net migration between two censuses: what births and deaths leave of the change, per 1,000 a year.

    Both censuses count the same people (those present, or those who live there usually); the births and deaths are
    those of the newest edition known that day. A census misses or doubles ``share`` of all people, each by itself.
    """
    told = doubts()["residual"]
    asked: dict[str, Any] = {"sex": "all", "stream": "all", "as_of": as_of, "strict": strict}
    counts = store.evidence(code, "population", status="census", **asked).filter(
        (pl.col("age") == "all")
        & (pl.col("group") == "all")
        & pl.col("counterpart").is_null()
        & (pl.col("start") == pl.col("end"))
        & (pl.col("value") > 0)
    )
    if len(counts) < 2:
        return pl.DataFrame(schema=SCHEMA)
    counted = pl.col("flag").fill_null("").str.extract(r"(C[JF]C)$").fill_null("")
    counts = counts.with_columns(counted=counted).sort("start", "known", "release", "id", nulls_last=True)
    vital = store.evidence(code, ["births", "deaths"], **asked).filter(
        (pl.col("age") == "all") & (pl.col("status") == "estimate")
    )
    vital = _years_of(vital).sort("known", "release", "id", nulls_last=True)
    vital = vital.unique(["measure", "year"], keep="last", maintain_order=True)
    by = {(m, y): told for m, y, *told in vital.select("measure", "year", "value", "id", "release").iter_rows()}
    rows = []
    for (kind,), group in counts.group_by(["counted"], maintain_order=True):
        days = group.unique("start", keep="last", maintain_order=True).sort("start")
        for a, b in pairwise(days.iter_rows(named=True)):
            length = (b["end"] - a["start"]).days / 365.25
            span = range(a["start"].year, b["start"].year + 1)
            if not told["shortest"] <= length <= told["longest"] or a["start"].year < years[0] - 1:
                continue
            if any((m, y) not in by for m in NATURAL for y in span):
                continue
            share = [_part_of_year(y, a["start"], b["start"]) for y in span]
            natural = sum(w * (by["births", y][0] - by["deaths", y][0]) for w, y in zip(share, span, strict=True))
            lived = float(np.interp((a["start"].year + b["start"].year) / 2, years, people)) * length / 1000
            rows.append(
                {
                    "kind": "people counted twice", "start": a["start"], "end": b["start"],
                    "rate": (b["value"] - a["value"] - natural) / lived,
                    "sd": float(np.hypot(a["value"], b["value"]) * told["share"] / lived),
                    "derived_from": [a["id"], b["id"]]
                    + [by[m, y][1] for m in NATURAL for y in span],
                    "releases": sorted({a["release"], b["release"], *(by[m, y][2] for m in NATURAL for y in span)}),
                    "convention": f"change between two censuses ({kind or 'kind not told'}), less births, plus deaths",
                }
            )  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def _part_of_year(year: int, start: date, end: date) -> float:
    first, last = max(start, date(year, 1, 1)), min(end, date(year + 1, 1, 1))
    return max((last - first).days, 0) / (date(year + 1, 1, 1) - date(year, 1, 1)).days


@cache
def _stocks(version: str) -> pl.DataFrame:
    """Per edition, place and day: people born abroad who live there, and people born there who live abroad.

    The packaged editions alone, a million rows: summed where they lie, for reading them takes 150 MB.
    """
    return kept.kept("stocks", [version], _counted)


def _counted() -> pl.DataFrame:
    family = [key for key, card in releases().items() if card.family == FAMILY]
    rows = snapshot.scan(("stock",)).filter(
        pl.col("release").is_in(family)
        & (pl.col("stream") == "all")
        & (pl.col("sex") == "all")
        & (pl.col("age") == "all")
        & (pl.col("group") == "all")
        & (pl.col("start") >= date(1985, 1, 1))
        & pl.col("value").is_not_null()
    )
    inside = rows.filter(pl.col("counterpart").is_null()).select("release", "known", "place", "start", inside="value")
    abroad = (
        rows.filter(pl.col("counterpart").is_not_null() & ~pl.col("counterpart").str.starts_with("_"))
        .group_by("release", pl.col("counterpart").alias("place"), "start")
        .agg(abroad=pl.col("value").sum())
    )
    both = inside.collect(engine="streaming").join(abroad.collect(engine="streaming"), on=["release", "place", "start"])
    return both.sort("place", "release", "start")


def changes(code: str, years: NDArray[np.int64], people: Array, as_of: date | None) -> pl.DataFrame:
    """Net migration as stocks would have it: those born abroad and here, less those born here and abroad, per 1,000.

    Both stocks are helped over their deaths, ``deaths`` a year. One row a window, the mean of the editions; its doubt
    grows with their disagreement and with the change itself: sources and definitions change along with people.
    """
    table = _stocks(snapshot.manifest()["version"]).filter(pl.col("place") == code)
    if as_of is not None:
        table = table.filter(pl.col("known") <= as_of)
    told = doubts()["stock"]
    windows: dict[tuple[date, date], list[tuple[str, float]]] = {}
    for (release,), mine in table.group_by(["release"], maintain_order=True):
        ordered = list(mine.iter_rows(named=True))
        for a, b in pairwise(ordered):
            length = (b["start"] - a["start"]).days / 365.25
            if not 3.5 <= length <= 6 or a["start"].year < years[0]:
                continue
            dying = told["deaths"] / 1000 * length
            coming = b["inside"] - a["inside"] + dying * (a["inside"] + b["inside"]) / 2
            going = b["abroad"] - a["abroad"] + dying * (a["abroad"] + b["abroad"]) / 2
            lived = float(np.interp((a["start"].year + b["start"].year) / 2, years, people)) * length / 1000
            windows.setdefault((a["start"], b["start"]), []).append((str(release), (coming - going) / lived))
    # Windows that overlap tell the same years: the one that most editions tell stays.
    chosen: list[tuple[date, date]] = []
    for window in sorted(windows, key=lambda w: (-len(windows[w]), w)):
        if all(window[1] <= start or end <= window[0] for start, end in chosen):
            chosen.append(window)
    rows = []
    for start, end in sorted(chosen):
        said = windows[start, end]
        rates = np.array([r for _, r in said])
        apart = float(rates.std(ddof=1)) if rates.size > 1 else 0.0
        rate = float(rates.mean())
        rows.append(
            {
                "kind": "stocks that change", "start": start, "end": end, "rate": rate,
                "sd": float(np.sqrt(told["floor"] ** 2 + (told["share"] * rate) ** 2 + apart**2)),
                "derived_from": [], "releases": sorted(r for r, _ in said),
                "convention": "mean of editions: born abroad and here, less born here and abroad, both helped over"
                " their deaths",
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def cells(table: pl.DataFrame, years: NDArray[np.int64], people: Array) -> Array:
    """Weights of the years in each anchor of a period (anchor, year), adding to one."""
    out = np.zeros((len(table), years.size))
    for k, (start, end) in enumerate(table.select("start", "end").iter_rows()):
        share = overlaps((start.year, start.month), (end.year, end.month), years.tolist()) * people
        out[k] = share / share.sum()
    return out
