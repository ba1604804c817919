"""When every place of the world tipped: one row a place, in processes or on Dask, each answer kept on disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import Any

import polars as pl

from keruen import kept
from keruen.beside import pool
from keruen.errors import ConceptError, ModelError, NoEvidence, NotConverged
from keruen.places import place as one_place
from keruen.places import places as all_places
from keruen.tipping import refuse
from keruen.tipping_place import answer


def _row(job: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """One place of the world, or the reason why there is none; found again where its evidence is unchanged."""
    code, options = job

    def told() -> dict[str, Any]:
        try:
            return answer(code, **options)
        except (ConceptError, NoEvidence, ModelError, NotConverged) as error:
            return {"place": code, "fault": str(error)}

    return code, kept.kept("tipping", [code, options, kept.stamp(code, options["as_of"])], told)


def world(
    places: Sequence[str] | None = None,
    *,
    as_of: str | None = None,
    strict: bool = False,
    persistence: int = 5,
    threshold: float = 0.0,
    hysteresis: float = 0.5,
    since: int = 1990,
    seed: int = 0,
    ess: float = 400,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> pl.DataFrame:
    """When every place tipped: one row a place. What was computed is kept and not computed again.

    Parameters
    ----------
    places
        By default every country with claims.
    as_of, strict, seed, ess
        As in :func:`keruen.reconcile`.
    persistence, threshold, hysteresis, since
        As in :func:`keruen.tipping`.
    workers
        Processes; by default one a core. Where a Dask client is active, its workers are used instead.
    progress
        Told the place, how many are done and how many there are.

    Returns
    -------
    ``place``, ``mode``, ``p_mode``, ``p_turned``, ``p_never``, ``p_unconfirmed``, ``p_already_receiving``,
    ``p_turned_back``, ``entropy_bits``, ``p_receiving`` and ``rate`` of the last year told, ``year``, ``ess_min``,
    ``rhat_max``, ``fault``: why there is no answer.

    Notes
    -----
    An answer is found again by the ids of the claims it rests on: a new claim makes that place be computed anew.
    """
    codes = sorted(places) if places is not None else sorted(c for c, p in all_places().items() if p.kind == "country")
    options = {
        "as_of": as_of, "strict": strict, "persistence": persistence, "threshold": threshold, "hysteresis": hysteresis,
        "since": since, "seed": seed, "ess": ess,
    }  # fmt: skip
    refuse(persistence, threshold, hysteresis, since)
    jobs = [(one_place(c).code, options) for c in codes]
    done: dict[str, dict[str, Any]] = {}

    def take(code: str, told: dict[str, Any]) -> None:
        done[code] = told
        if progress is not None:
            progress(code, len(done), len(jobs))

    many = workers if workers is not None else (os.cpu_count() or 1)
    client = _client()
    if client is not None:
        for future in client.map(_row, jobs):
            take(*future.result())
    elif many < 2 or len(jobs) < 2:
        for job in jobs:
            take(*_row(job))
    else:
        with pool(many) as submit:
            for ready in as_completed([submit(_row, job) for job in jobs]):
                take(*ready.result())
    return pl.DataFrame([_flat(done[c]) for c, _ in jobs], infer_schema_length=None)


def _client() -> Any:
    """The Dask client that is active, if distributed is loaded at all."""
    if "distributed" not in sys.modules:
        return None
    try:
        return sys.modules["distributed"].get_client()
    except ValueError:
        return None


def _flat(told: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(
        ("mode", "p_mode", "p_turned", "p_never", "p_unconfirmed", "p_already_receiving", "p_turned_back",
         "entropy_bits", "year", "p_receiving", "rate", "ess_min", "rhat_max", "fault")
    )  # fmt: skip
    if "fault" in told:
        return {"place": told["place"], **empty, "fault": told["fault"]}
    t, last = told["tipping"], len(told["years"]) - 2
    masses = [*t["p_by_year"].values(), t["p_never"], t["p_unconfirmed"], t["p_already_receiving"]]
    return {
        "place": told["place"], **empty, **{k: t[k] for k in t if k in empty}, "mode": str(t["mode"]),
        "p_mode": max(masses), "p_turned": sum(t["p_by_year"].values()), "year": told["years"][last],
        "p_receiving": told["p_receiving"][last], "rate": told["net_migration_rate"]["median"][last],
        "ess_min": told["diagnostics"]["ess_min"], "rhat_max": told["diagnostics"]["rhat_max"],
    }  # fmt: skip
