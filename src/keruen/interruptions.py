"""Before and after an event: did the level of a yearly series change, and its slope?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from scipy import stats

from keruen.breaks import CANNOT_TELL, series
from keruen.errors import ModelError
from keruen.events import events


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
