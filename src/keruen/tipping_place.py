"""When one place tipped, as plain data: rates, chances, turns, and what the answer hangs on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keruen import store
from keruen.errors import NoEvidence
from keruen.places import Place
from keruen.places import place as one_place
from keruen.reconcile import Posterior, reconcile
from keruen.sensitivity import VARIATIONS, sensitivity
from keruen.tipping import refuse, tipping

Array = NDArray[np.float64]


def answer(
    place: str | int | Place,
    *,
    as_of: str | int | date | None = None,
    persistence: int = 5,
    threshold: float = 0.0,
    hysteresis: float = 0.5,
    since: int = 1990,
    seed: int = 0,
    strict: bool = False,
    treatments: bool = False,
    leave_one_out: bool = False,
    ess: float = 400,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """When a place tipped, as plain data: rates, probabilities, the tipping year, states, turns, and what it hangs on.

    Parameters
    ----------
    persistence, threshold, hysteresis, since
        As in :func:`keruen.tipping`.
    treatments, leave_one_out, progress
        Also answer under every treatment of :func:`keruen.sensitivity`, without each source in turn, and tell how far
        it is; otherwise other persistences alone.
    ess
        Effective draws wanted, as in :func:`keruen.reconcile`.
    """
    refuse(persistence, threshold, hysteresis, since)
    found = reconcile(place, as_of=as_of, seed=seed, strict=strict, ess=ess)
    if found.prior_only and found.years[-1] <= since:
        raise NoEvidence(_nothing_yet(found))
    t = tipping(found, persistence, threshold, hysteresis, since)
    low95, low80, median, high80, high95 = found.quantiles()
    hangs = sensitivity(
        place, as_of=[None if as_of is None else str(as_of)], persistence=persistence, threshold=threshold,
        hysteresis=hysteresis, since=since, strict=strict, ess=ess, seed=seed, leave_one_out=leave_one_out,
        variations=VARIATIONS if treatments else VARIATIONS[:1], progress=progress,
    )  # fmt: skip

    def listed(values: Array, digits: int = 4) -> list[float | None]:
        return [None if not np.isfinite(v) else round(float(v), digits) for v in values]

    return {
        "place": found.place, "as_of": found.as_of, "years": [int(y) for y in found.years],
        "net_migration_rate": {
            "unit": "per 1,000 a year", "median": listed(median), "low80": listed(low80), "high80": listed(high80),
            "low95": listed(low95), "high95": listed(high95),
        },
        "p_receiving": listed(t.p_receiving), "p_receiving_hysteresis": listed(t.p_receiving_hysteresis),
        "tipping": t.told(), "state": t.state, "turns": t.turns,
        "sequences": [{"turns": k, "p": round(v, 6)} for k, v in t.sequences[:6]],
        "diagnostics": {
            "draws": len(found.rates), "ess_min": round(found.ess_min, 1), "rhat_max": round(found.rhat_max, 4),
        },
        "sensitivity": hangs.to_dicts(), "sources": found.sources, "denominator_basis": found.denominator_basis,
        "denominator": list(found.denominator),
        "anchors": [
            {k: row[k] for k in ("kind", "start", "end", "rate", "sd", "convention")}
            for row in found.anchors.iter_rows(named=True)
        ],
        "loading": {k: {"mean": round(a, 3), "sd": round(b, 3)} for k, (a, b) in found.loading.items()},
        "prior_only": found.prior_only, "notes": list(found.notes),
    }  # fmt: skip


def _nothing_yet(found: Posterior) -> str:
    """Why there is no answer as of a day before anything was told, and from which day there is one."""
    about = f"of the net migration of {one_place(found.place).name} was known by {found.as_of}"
    known = store.evidence(found.place, "net_migration", stream="all", sex="all")["known"].drop_nulls().sort().to_list()
    if not known:
        return f"Nothing {about}. Add a series with keruen add, or give claims= to reconcile."
    return f"Nothing {about}; the first figure became known on {known[0]}. Ask as of a later day."
