"""What data did to the account of labour migrants: to each prior, and what changes without each anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from keruen.labour_account import account
from keruen.labour_design import Anchor, Design, Parameter, parameters
from keruen.labour_fit import fit, log_likelihood, predicted
from keruen.posterior import contraction, interval, resample_size

Array = NDArray[np.float64]
ASSUMPTION = "assumption, not data"
"""What is said of a parameter from whose prior the data removed less than a fifth of the variance."""


def told_parameters(design: Design, flat: Array) -> tuple[dict[str, Any], ...]:
    """Every named parameter with its prior and posterior, and how much of the variance the data removed."""
    grid = special.ndtri((np.arange(2000) + 0.5) / 2000)

    def one(i: int, p: Parameter) -> dict[str, Any]:
        share = contraction(flat[:, i])
        return {
            "name": p.name, "unit": p.unit, "meaning": p.meaning, "prior": _three(p.at(grid)),
            "posterior": _three(p.at(flat[:, i])), "contraction": share, "note": ASSUMPTION if share < 0.2 else "",
        }  # fmt: skip

    named = [(i, p) for i, p in enumerate(parameters(design)) if not p.name.startswith("step_")]
    return tuple(one(i, p) for i, p in named)


def told_anchors(
    design: Design, tested: Sequence[Anchor], flat: Array, states: Any, influence: str, year: int, seed: int
) -> tuple[dict[str, Any], ...]:
    """Every anchor with what the model says of it, and what the total of a year would be without it."""
    whole = replace(design, anchors=(*design.anchors, *tested))
    guess, value, sd, bounded = predicted(whole, flat, states)
    logs = log_likelihood(guess, value[:, None], sd[:, None], bounded[:, None])
    total = (
        (states.registered + states.certified + states.unregistered)[year - design.years[0]]
        if year in design.years
        else None
    )
    rows = []
    for i, a in enumerate(whole.anchors):
        spread = np.quantile(guess[i], [0.1, 0.5, 0.9])
        scale = (lambda x: 1 / (1 + np.exp(-x))) if a.of == "share" else np.exp
        sigma = float(sd[i]) * float(special.ndtri(0.9))
        row: dict[str, Any] = {
            "key": a.key, "of": a.of, "value": a.value, "stated_error": a.sd, "because": a.because,
            "low80": float(scale(value[i] - sigma)), "high80": float(scale(value[i] + sigma)),
            "years": [y for y, _ in a.years], "start": a.start, "end": a.end, "tested": a.tested, "ids": list(a.ids),
            "source": a.source,
            "model": {n: float(scale(q)) for n, q in zip(("low80", "median", "high80"), spread, strict=True)},
        }  # fmt: skip
        if total is not None and influence != "none":
            row["influence"] = _influence(design, a, logs[i], total, influence, year, seed)
        rows.append(row)
    return tuple(rows)


def _influence(
    design: Design, a: Anchor, log_term: Array, total: Array, how: str, year: int, seed: int
) -> dict[str, Any]:
    """The median total of the year without an anchor (with it, for a statement on trial), and the change."""
    now = float(np.median(total))
    sign = 1.0 if a.tested else -1.0
    w = np.exp(sign * log_term - (sign * log_term).max())
    size = resample_size(w)
    if how == "refit" and not a.tested:
        rest = tuple(b for b in design.anchors if b != a)
        if not rest:
            return {"year": year, "change": None, "why": "it is the only anchor"}
        other = replace(design, anchors=rest)
        z, _ = next(fit(other, rng=np.random.default_rng(seed + 1), chains=32, warmup=1200, draws=1000))
        flat = z[0].reshape(-1, z.shape[-1])
        s = account(other, flat)
        then = float(np.median((s.registered + s.certified + s.unregistered)[year - design.years[0]]))
        return {"year": year, "median": then, "change": then / now - 1}
    if size < 200:
        return {"year": year, "change": None, "why": f"weights rest on {size:.0f} draws; ask for influence='refit'"}
    order = np.argsort(total)
    then = float(total[order][np.searchsorted(np.cumsum(w[order]) / w.sum(), 0.5)])
    return {"year": year, "median": then, "change": then / now - 1}


def _three(draws: Array) -> dict[str, float]:
    low, median, high = interval(draws, 0.8)
    return {"low80": float(low), "median": float(median), "high80": float(high)}
