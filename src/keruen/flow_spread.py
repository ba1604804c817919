"""How far editions disagree: the spread of stocks, births, deaths and net migration that draws are made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl

from keruen import snapshot, store
from keruen.errors import NoEvidence
from keruen.flow_evidence import editions
from keruen.revisions import revisions

SIZES = (100.0, 1_000.0, 10_000.0, 100_000.0)
_PRIOR = 4.0  # a place's own spread counts against so many figures' worth of the pooled one


@dataclass(frozen=True, slots=True)
class Spread:
    """How far editions disagree: standard deviations.

    Attributes
    ----------
    level, step
        By place, of the logarithm of its foreign-born: of the error common to all dates, and of the error of the change
        between two dates; ``""`` is the pooled figure, for places without two independent editions.
    net
        By place: net migration, per 1,000 person-years.
    births, deaths
        By place: of their logarithm.
    cells
        Of the logarithm of one birthplace's share at one place, change between two dates, by size of the stock: below
        100, 1,000, 10,000, 100,000 people, and above.
    sources
        The editions compared.
    """

    level: dict[str, float]
    step: dict[str, float]
    net: dict[str, float]
    births: dict[str, float]
    deaths: dict[str, float]
    cells: tuple[float, ...]
    sources: tuple[str, ...]


def _shrunk(values: dict[str, list[float]]) -> dict[str, float]:
    """Root mean squares by place, drawn towards the median of all places."""
    own = {p: float(np.sqrt(np.mean(np.square(v)))) for p, v in values.items() if v}
    if not own:
        return {"": 0.0}
    pooled = float(np.median(list(own.values())))
    out = {
        p: float(np.sqrt((_PRIOR * pooled**2 + len(values[p]) * own[p] ** 2) / (_PRIOR + len(values[p])))) for p in own
    }
    return out | {"": pooled}


@cache
def spread(as_of: str | date | None = None) -> Spread:
    """The spread between the packaged editions, as far as they were known on a day.

    Figures that an edition carried over unchanged say nothing about its error and are left out. Stocks and rates come
    from :func:`keruen.revisions`; corridors from the two newest editions.

    Raises
    ------
    NoEvidence
        If fewer than two editions were known.

    Examples
    --------
    >>> found = spread()
    >>> found.level["KAZ"] > found.level[""] > 0
    True
    """
    known = editions(as_of)
    if len(known) < 2:
        raise NoEvidence(
            f"A spread between editions needs two of them; {len(known)} was known by {as_of}. Draw nothing: draws=0 "
            "(--draws 0)."
        )
    whole = (pl.col("sex") == "all") & (pl.col("age") == "all") & (pl.col("group") == "all")
    stocks = snapshot.scan(["stock"]).filter(pl.col("release").is_in(known), whole, pl.col("counterpart").is_null())
    moves = revisions("stock", as_of=as_of, claims=stocks.collect()).moves
    moves = (
        moves.filter(
            (pl.col("pair") == "to the newest") & ~pl.col("carried") & (pl.col("before") > 0) & (pl.col("after") > 0)
        )
        .with_columns(log=(pl.col("after") / pl.col("before")).log())
        .sort("place", "from", "start")
    )
    level: dict[str, list[float]] = {}
    step: dict[str, list[float]] = {}
    for (place, _), rows in moves.group_by(["place", "from"], maintain_order=True):
        logs = rows["log"].to_numpy()
        level.setdefault(str(place), []).append(float(logs.mean()))
        step.setdefault(str(place), []).extend(np.diff(logs).tolist())
    net = _rates("net_migration", as_of)
    births, deaths = (_logs(m, as_of) for m in ("births", "deaths"))
    return Spread(
        _shrunk(level), _shrunk(step), _shrunk(net), _shrunk(births), _shrunk(deaths), _cells(known), tuple(known)
    )


def _recent(measure: str, as_of: str | date | None) -> pl.DataFrame:
    return store.evidence(
        None, measure, release=["un-wpp-2019", "un-wpp-2022", "un-wpp-2024"], sex="all", since="1990-07-01",
        until="2020-06-30", as_of=as_of,
    )  # fmt: skip


def _rates(measure: str, as_of: str | date | None) -> dict[str, list[float]]:
    moves = revisions(measure, as_of=as_of, claims=_recent(measure, as_of)).moves
    moves = moves.filter(
        (pl.col("pair") == "consecutive") & ~pl.col("carried") & ~pl.col("projection")
        & (pl.col("end") - pl.col("start") > pl.duration(days=700)) & pl.col("change_rate").is_not_null()
    )  # fmt: skip
    return {str(p): r["change_rate"].to_list() for (p,), r in moves.group_by(["place"], maintain_order=True)}


def _logs(measure: str, as_of: str | date | None) -> dict[str, list[float]]:
    rows = _recent(measure, as_of).filter(
        (pl.col("end") - pl.col("start") < pl.duration(days=700)) & (pl.col("value") > 0)
        & ~pl.col("place").str.starts_with("_")
    )  # fmt: skip
    wide = rows.sort("known", "release", "definition", "value").group_by("place", "start").agg(
        pl.col("value").first().alias("before"), pl.col("value").last().alias("after")
    )  # fmt: skip
    wide = wide.filter(pl.col("before") != pl.col("after")).sort("place", "start")
    # Five calendar years share most of their error: one in five counts.
    wide = wide.filter(pl.col("start").dt.year() % 5 == 0)
    return {
        str(p): (r["after"] / r["before"]).log().to_list() for (p,), r in wide.group_by(["place"], maintain_order=True)
    }


def _cells(known: Sequence[str]) -> tuple[float, ...]:
    """Spread of the change of a birthplace's share between two dates, by size, of cells that were not carried over."""
    pair = sorted(known, key=lambda k: store.cards()[k].released)[-2:]
    rows = snapshot.scan(["stock"]).filter(
        pl.col("release").is_in(pair), pl.col("sex") == "all", pl.col("age") == "all",
        pl.col("counterpart").is_not_null(), ~pl.col("counterpart").str.starts_with("_"), pl.col("value") > 0,
    ).select("release", "place", "counterpart", "start", "value").collect()  # fmt: skip
    first, second = (rows.filter(pl.col("release") == k).drop("release") for k in pair)
    key = ["place", "counterpart", "start"]
    both = first.join(second, on=key, suffix="_after").with_columns(
        log=(pl.col("value_after") / pl.col("value")).log()
    ).sort(key)  # fmt: skip
    both = both.with_columns(log=pl.col("log") - pl.col("log").median().over("place", "start"))
    both = both.with_columns(move=pl.col("log").diff().over("place", "counterpart")).filter(
        pl.col("move").is_not_null() & (pl.col("move").abs() > 1e-9)
    )
    out = []
    bounds = (0.0, *SIZES, np.inf)
    for low, high in pairwise(bounds):
        moves = both.filter((pl.col("value") >= low) & (pl.col("value") < high))["move"].abs()
        # The 80% quantile of a normal is 1.2816 deviations: a few wild cells do not set the spread of all.
        out.append(float(moves.quantile(0.8, "linear") or 0.0) / 1.2816 if len(moves) else 0.0)
    return tuple(out)
