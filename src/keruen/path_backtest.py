"""Honest scores: with what the world knew on the day of an edition, what would the newest edition print?

A true-vintage backtest: claims, priors, populations and revisions stop at the day of an old edition; the figures of the
newest edition for the periods that the old one had already seen are then foretold, the error of that edition included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from keruen import kept, store
from keruen.errors import ModelError, NoEvidence, NotConverged, VocabularyError
from keruen.estimators.path import errors_of_cells
from keruen.measurement import overlaps
from keruen.places import place as one_place
from keruen.places import places as all_places
from keruen.provenance import releases
from keruen.reconcile import Posterior, reconcile
from keruen.vocabulary import suggest

Array = NDArray[np.float64]

TARGET = "un-wpp-2024"
EDITIONS = ("un-wpp-2012", "un-wpp-2015", "un-wpp-2017", "un-wpp-2019")
RIVALS = ("trust the newest edition", "average the editions", "random walk")


def windows(years: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Five years, from middle to middle, that lie within the years."""
    return [(y, y + 5) for y in range(1990, 2016, 5) if y >= years[0] and y + 5 <= years[-1]]


def foretold(posterior: Posterior, cells: Array, steps: int, rng: np.random.Generator, draws: int = 100) -> Array:
    """What an edition some steps after the last would print of some periods (draw, period), per 1,000 a year.

    Its error is related to those of the editions that are known, as the model has it: kappa for each step, and rho
    along time; what it takes from the register is drawn from the prior of its loading.
    """
    design, reports = posterior.design, posterior.reports
    pick = np.linspace(0, len(posterior.rates) - 1, draws).astype(int)
    rates = posterior.rates[pick]
    n, t = len(cells), design.length
    seen = np.zeros(t)
    seen[design.register] = reports.register
    error = np.where(design.register, seen - rates, 0.0)
    mean, spread = design.prior.loading
    out = rates @ cells.T + (mean + spread * rng.standard_normal((draws, 1))) * (error @ cells.T)
    tau, kappa = (posterior.scales[k].reshape(-1)[pick] for k in ("tau_un", "kappa"))
    last = float(design.order[-1]) if design.editions else 0.0
    every = np.vstack([design.weights, cells])
    edition = np.concatenate([design.edition, np.full(n, design.editions)])
    order = np.append(design.order, last + steps)
    scale = np.vstack([design.scale, design.scale.min(0) if design.editions else np.ones(t)])
    loose = np.concatenate([design.loose if design.loose.size else np.zeros(len(design.weights)), np.zeros(n)])
    loading = posterior.draws_of_loading()[pick]
    for k in range(draws):
        cov = errors_of_cells(every, edition, order, scale, loose, design.years, float(kappa[k]), design.prior.rho)
        told = len(design.weights)
        known = reports.lineage - design.weights @ rates[k]
        if loading.shape[1]:
            known = known - loading[k, design.edition] * (design.weights @ error[k])
        across = np.linalg.solve(cov[:told, :told], cov[:told, told:]) if told else np.zeros((0, n))
        left = cov[told:, told:] - (cov[told:, :told] @ across if told else 0.0)
        noise = np.linalg.cholesky(left + 1e-9 * np.eye(n)) @ rng.standard_normal(n)
        out[k] += known @ across + tau[k] * noise
    return np.asarray(out)


def _gaussian(center: float, sd: float, truth: float) -> tuple[float, bool, bool]:
    """Score (CRPS) of a normal forecast, and whether its 80% and 95% hold the truth."""
    x = (truth - center) / sd
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    score = sd * (x * (2 * special.ndtr(x) - 1) + 2 * density - 1 / np.sqrt(np.pi))
    return float(score), abs(x) <= 1.2816, abs(x) <= 1.96


def _sampled(draws: Array, truth: float) -> tuple[float, bool, bool]:
    ordered = np.sort(draws)
    n = ordered.size
    spread = 2 * float(ordered @ (2 * np.arange(1, n + 1) - n - 1)) / (n * (n - 1))
    low95, low80, high80, high95 = np.quantile(ordered, [0.025, 0.1, 0.9, 0.975])
    return float(np.abs(ordered - truth).mean() - spread / 2), low80 <= truth <= high80, low95 <= truth <= high95


def place_scores(code: str, edition: str, *, target: str = TARGET, seed: int = 0) -> pl.DataFrame:
    """Scores of one place with what was known on the day of one edition; kept on disk.

    Returns
    -------
    One row a period and way: ``edition``, ``place``, ``start``, ``way``, ``truth`` (the target's rate per 1,000),
    ``crps``, ``error`` (of the median), ``in80``, ``in95``.
    """
    said = [code, edition, target, seed, kept.stamp(code)]
    return kept.kept("backtest", said, lambda: _scored(code, edition, target, seed))


def _scored(code: str, edition: str, target: str, seed: int) -> pl.DataFrame:
    day = releases()[edition].released
    found = reconcile(code, as_of=str(day), ess=100, draws=100, seed=seed)
    spans = windows(found.years)
    printed = store.evidence(code, "net_migration", release=target, sex="all", stream="all", status="estimate")
    by = {
        s.year: v
        for s, e, v in printed.filter(pl.col("counterpart").is_null()).select("start", "end", "value").iter_rows()
        if (e - s).days < 370
    }
    spans = [(a, b) for a, b in spans if all(y in by for y in range(a, b + 1))]
    if not spans or not found.design.editions:
        return pl.DataFrame()
    share = np.array([overlaps((a, 7), (b, 7), found.years.tolist()) for a, b in spans])
    people = share * found.population
    truth = np.array(
        [1000 * sum(w * by.get(int(y), 0.0) for y, w in zip(found.years, row, strict=True)) for row in share]
    ) / people.sum(1)  # fmt: skip
    cells = people / people.sum(1, keepdims=True)
    order = [k for k, c in sorted(releases().items(), key=lambda kv: str(kv[1].released)) if c.family == "un-wpp"]
    steps = order.index(target) - order.index(edition)
    draws = foretold(found, cells, steps, np.random.default_rng([seed, *code.encode()]))
    rows: list[dict[str, Any]] = []

    def tell(way: str, k: int, median: float, score: tuple[float, bool, bool]) -> None:
        rows.append(
            {
                "edition": edition, "place": code, "start": spans[k][0], "way": way, "truth": float(truth[k]),
                "crps": score[0], "error": median - float(truth[k]), "in80": bool(score[1]), "in95": bool(score[2]),
            }
        )  # fmt: skip

    design, told = found.design, found.reports.lineage
    sd = found.prior.tau_un[0]  # the size of the revisions known that day
    for k in range(len(spans)):
        tell("all claims reconciled", k, float(np.median(draws[:, k])), _sampled(draws[:, k], float(truth[k])))
        rivals = _rivals(design.weights, design.edition, told, cells, k)
        if rivals is None:
            continue
        for way, center, wide in zip(RIVALS, rivals[0], rivals[1], strict=True):
            tell(way, k, center, _gaussian(center, max(float(np.hypot(sd, wide)), 0.05), float(truth[k])))
    return pl.DataFrame(rows)


def _rivals(
    weights: Array, edition: NDArray[np.int64], told: Array, cells: Array, k: int
) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    """What simpler ways foretell of one period, and what each doubts beyond the size of revisions.

    The newest edition that printed the period; the mean of all that did; and the period before it in the newest, as if
    rates moved at random, with the mean size of such moves.
    """

    def by_edition(cell: Array) -> dict[int, float]:
        near = weights @ cell / np.maximum((weights**2).sum(1), 1e-12)
        same = np.abs(weights - cell[None, :]).sum(1) < 0.3
        found = {int(e): float(v) for e, v, s in zip(edition, told, same, strict=True) if s}
        if not found:  # an edition by calendar years
            for e in set(edition.tolist()):
                mine = edition == e
                covered = weights[mine].sum(0)
                if (covered[cell > 0] > 0).all() and near[mine].sum() > 0:
                    found[int(e)] = float((weights[mine].T @ told[mine] / np.maximum(covered, 1e-12)) @ cell)
        return found

    here = by_edition(cells[k])
    if not here:
        return None
    newest = here[max(here)]
    before = by_edition(cells[k - 1]) if k else {}
    past = before[max(before)] if before else 0.0
    all_of = [by_edition(c) for c in cells]
    series = [x[max(x)] for x in all_of if x]
    moves = float(np.abs(np.diff(series)).mean()) if len(series) > 1 else abs(newest)
    apart = float(np.std(list(here.values()))) if len(here) > 1 else 0.0
    return (newest, float(np.mean(list(here.values()))), past), (0.0, apart, moves)


def backtest(
    places: Sequence[str] | None = None,
    editions: Sequence[str] = EDITIONS,
    *,
    target: str = TARGET,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> pl.DataFrame:
    """Scores of many places over several editions; what was computed is kept, so a run that is stopped goes on.

    Parameters
    ----------
    places
        By default every country.
    editions
        Keys of editions; each stands for what was known on the day of its release.
    target
        The edition whose figures are foretold.
    progress
        Told the place, how many are done and how many there are.

    Returns
    -------
    Rows of :func:`place_scores`. Places without editions that day have none.

    Raises
    ------
    VocabularyError
        For an edition that is not known, or is the one to be foretold.
    NoEvidence
        If no place has a score.
    """
    if places:
        codes = sorted({one_place(p).code for p in places})
    else:
        codes = sorted(c for c, p in all_places().items() if p.kind == "country")
    for edition in editions:
        card = releases().get(edition)
        if card is None or card.family != "un-wpp" or edition == target:
            raise VocabularyError(f"{edition!r} is no edition to go back to. {suggest(edition, EDITIONS)}")
    jobs = [(c, e) for e in editions for c in codes]
    tables = []
    for done, (code, edition) in enumerate(jobs, 1):
        try:
            one = place_scores(code, edition, target=target, seed=seed)
        except (NoEvidence, ModelError, NotConverged):
            one = pl.DataFrame()
        if len(one):
            tables.append(one)
        if progress is not None:
            progress(code, done, len(jobs))
    if not tables:
        raise NoEvidence("None of these places had an edition on those days. Name others, or a later edition.")
    return pl.concat(tables)


def summary(scores: pl.DataFrame) -> pl.DataFrame:
    """One row an edition and way: periods, shares held by the 80% and 95% intervals, mean CRPS, mean absolute error."""
    return (
        scores.group_by("edition", "way", maintain_order=True)
        .agg(
            periods=pl.len(), in80=pl.col("in80").mean(), in95=pl.col("in95").mean(), crps=pl.col("crps").mean(),
            mae=pl.col("error").abs().mean(), median_error=pl.col("error").abs().median(),
        )
        .sort("edition", "crps")
    )  # fmt: skip
