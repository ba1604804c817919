"""What the tipping year hangs on: the same question under other treatments of the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from keruen.errors import ConceptError, NotConverged
from keruen.places import Place
from keruen.places import place as one_place
from keruen.reconcile import Posterior, reconcile
from keruen.tipping import Tipping, tipping

ALL = "all evidence"

VARIATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("all evidence", {}),
    ("register only", {"only": ["national"]}),
    ("register only, without error", {"only": ["national"], "register_error": 0.0}),
    ("UN only", {"only": ["un"]}),
    ("without mirrors, censuses and stocks", {"anchors": False}),
    ("without editions that follow the register", {"without": ["register-like"]}),
    ("copies counted as new claims", {"copies": True}),
    ("errors of editions unrelated", {"prior": {"kappa": (1e-6, 0.0)}}),
    ("errors of editions all but the same", {"prior": {"kappa": (0.9, 0.0)}}),
    ("UN errors half as large", {"prior": {"tau_un": 0.5}}),
    ("register's errors twice as large", {"prior": {"tau_register": 2.0}}),
)
"""Treatments of the evidence in :func:`sensitivity`; a scale stands for a multiple of the usual median."""

LIKE = 0.5

COLUMNS: dict[str, Any] = {
    "treatment": pl.String, "as_of": pl.String, "persistence": pl.Int64, "mode": pl.String, "p_mode": pl.Float64,
    "p_turned": pl.Float64, "p_never": pl.Float64, "p_unconfirmed": pl.Float64, "p_already_receiving": pl.Float64,
    "p_turned_back": pl.Float64, "entropy_bits": pl.Float64, "left_out": pl.String,
}  # fmt: skip


def sensitivity(
    place: str | int | Place,
    *,
    as_of: Sequence[str | None] = (None,),
    persistence: int = 5,
    also: Sequence[int] = (1, 3, 6),
    threshold: float = 0.0,
    hysteresis: float = 0.5,
    since: int = 1990,
    strict: bool = False,
    ess: float = 400,
    seed: int = 0,
    variations: Sequence[tuple[str, Mapping[str, Any]]] = VARIATIONS,
    leave_one_out: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> pl.DataFrame:
    """What the tipping year hangs on: one row a treatment of the evidence, day and persistence.

    Parameters
    ----------
    place
        Code or name.
    as_of
        Days; None is today.
    persistence, threshold, hysteresis, since
        As in :func:`keruen.tipping`, for every treatment.
    also
        Other persistences, told for all evidence alone.
    strict, ess, seed
        Of :func:`keruen.reconcile`.
    variations
        Treatments: a name, and what :func:`keruen.reconcile` is asked for.
    leave_one_out
        Also leave out each release in turn.
    progress
        Told the treatment, how many are done and how many there are.

    Returns
    -------
    ``treatment``, ``as_of``, ``persistence``, ``mode``, ``p_mode``, ``p_turned`` (a confirmed turn upward),
    ``p_never``, ``p_unconfirmed``, ``p_already_receiving``, ``p_turned_back``, ``entropy_bits``, ``left_out``.
    A treatment that the evidence of the day does not allow has no row; one whose draws did not settle says so in
    ``mode``.
    """
    code = one_place(place).code
    if isinstance(as_of, str):
        raise ConceptError(f"as_of is {as_of!r}; give days as a list, None for today: as_of=[None, {as_of!r}].")
    asked: dict[str, Any] = {"ess": ess, "seed": seed, "strict": strict}
    rows: list[dict[str, Any]] = []

    def row(treatment: str, day: str | None, t: Tipping, left_out: Sequence[str] = ()) -> dict[str, Any]:
        masses = [*t.p_by_year.values(), t.p_never, t.p_unconfirmed, t.p_already_receiving]
        return {
            "treatment": treatment, "as_of": day, "persistence": t.persistence, "mode": str(t.mode),
            "p_mode": max(masses), "p_turned": sum(t.p_by_year.values()), "p_never": t.p_never,
            "p_unconfirmed": t.p_unconfirmed, "p_already_receiving": t.p_already_receiving,
            "p_turned_back": t.p_turned_back, "entropy_bits": t.entropy_bits, "left_out": " ".join(left_out),
        }  # fmt: skip

    for at in as_of:
        day = None if at is None else str(at)
        full = reconcile(code, as_of=at, **asked)
        plans = [(name, dict(options)) for name, options in variations]
        if leave_one_out:
            plans += [(f"without {r}", {"without": [r]}) for r in full.sources]
        for done, (name, options) in enumerate(plans):
            if progress is not None:
                progress(name, done, len(plans))
            if name == ALL:
                for h in sorted({persistence, *also}):
                    rows.append(row(name, day, tipping(full, h, threshold, hysteresis, since)))
                continue
            if not _apply(options, full):
                continue
            try:
                found = reconcile(code, as_of=at, **asked, **options)
            except NotConverged:
                rows.append({"treatment": name, "as_of": day, "persistence": persistence, "mode": "did not settle"})
                continue
            if not found.prior_only:
                t = tipping(found, persistence, threshold, hysteresis, since)
                rows.append(row(name, day, t, options.get("without", ())))
        if progress is not None:
            progress("", len(plans), len(plans))
    return pl.DataFrame(rows, schema=COLUMNS)


def _apply(options: dict[str, Any], full: Posterior) -> bool:
    """Spell out what a treatment leaves open, by the answer of all evidence; whether it differs from that at all."""
    if options == {"anchors": False} and full.anchors.is_empty():
        return False
    if options.get("without") == ["register-like"]:
        options["without"] = register_like(full)
        if not options["without"]:
            return False
    if isinstance(options.get("prior"), Mapping):
        options["prior"] = {
            k: (getattr(full.prior, k)[0] * v, getattr(full.prior, k)[1]) if isinstance(v, float) else v
            for k, v in options["prior"].items()
        }
    return True


def register_like(posterior: Posterior) -> list[str]:
    """Editions that follow the main register.

    Those that load on its error by more than a half, those that print a figure within 2% of the register's, and those
    whose figures correlate with it by more than a half once its first ten years are over.
    """
    like = {name for name, (mean, _) in posterior.loading.items() if mean > LIKE}
    design, told = posterior.design, posterior.reports.lineage
    seen = np.zeros(design.length)
    seen[design.register] = posterior.reports.register
    whole = (design.weights @ design.register) > 0.999
    names = list(posterior.loading)
    first = design.years[design.register].min() if design.register.any() else 0
    settled = (design.weights @ (design.years >= first + 10)) > 0.999  # past the large flows, which all editions see
    for e, name in enumerate(names):
        mine = whole & (design.edition == e)
        registered = design.weights @ seen
        near = np.abs(told - registered) <= 0.02 * np.abs(registered)
        if (mine & near & (np.abs(registered) > 0.5)).any():
            like.add(name)
        late = mine & settled
        if late.sum() >= 5 and np.corrcoef(told[late], registered[late])[0, 1] > LIKE:
            like.add(name)
    return [n for n in names if n in like]
