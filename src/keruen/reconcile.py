"""What most likely happened: one path of net migration from every claim about it, with all that the claims leave open.

Claims become cells of a design (who reports which years, how their errors hang together); the sampler of
:mod:`keruen.estimators.path_sampler` does the rest. Everything known later than the day that is asked about stays
outside.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from html import escape
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen import kept, path_closed, store
from keruen.beside import shared
from keruen.errors import ConceptError, ModelError
from keruen.estimators.path import Design, Prior, Reports, check
from keruen.estimators.path_sampler import Draws, sample
from keruen.own_series import claims_of
from keruen.path_design import USED, Asked, designed, faults
from keruen.places import Place
from keruen.places import place as one_place
from keruen.provenance import day, definitions, releases
from keruen.vocabulary import suggest

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Posterior:
    """Draws of one place's path, and what they rest on.

    Attributes
    ----------
    years, chains
        Calendar years; draws (chain, draw, year), net migration per 1,000 a year.
    scales
        Draws of the scales: phi, sigma, tau_un, tau_register, tau_coverage, kappa.
    loading
        Edition → (mean, sd) of its loading on the register's error.
    population, denominator_basis, denominator
        Mid-year residents; ``known`` or ``hindsight``; the releases they come from.
    arrivals, departures
        Reported rates per 1,000; not a number where nobody told.
    claims
        Every claim that was looked at, with its ``part``: lineage, register, other register, stated error, or why it
        was left out.
    anchors
        Mirrors, people counted twice, stocks that change: sums of our own, each with what it rests on.
    identified
        Whether the figures said anything about the coverage of departures: the share of its prior variance removed.
    notes
        What a reader must know.
    """

    place: str
    as_of: date | None
    years: NDArray[np.int64]
    chains: Array
    scales: dict[str, Array]
    loading: dict[str, tuple[float, float]]
    population: Array
    denominator_basis: str
    denominator: tuple[str, ...]
    arrivals: Array
    departures: Array
    claims: pl.DataFrame
    anchors: pl.DataFrame
    rhat_max: float
    ess_min: float
    identified: float
    prior: Prior
    prior_only: bool
    notes: tuple[str, ...]
    design: Design
    reports: Reports
    loadings: Array

    def __repr__(self) -> str:
        day_told = "today" if self.as_of is None else f"as of {self.as_of}"
        many = len(self.sources)
        rest = "the prior alone" if self.prior_only else f"{many} source{'s' * (many > 1)}"
        return (
            f"Net migration of {one_place(self.place).name}, {self.years[0]}-{self.years[-1]}, {day_told}:"
            f" {len(self.rates):,} draws from {rest} (R-hat at most {self.rhat_max:.3f}, effective draws at least"
            f" {self.ess_min:,.0f}). See table(), sources, claims, notes."
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.table()._repr_html_()}"

    @property
    def rates(self) -> Array:
        """Draws (draw, year)."""
        return self.chains.reshape(-1, self.years.size)

    def draws_of_loading(self) -> Array:
        """Draws (draw, edition) of what each edition takes from the register's error."""
        return self.loadings.reshape(len(self.rates), -1) if self.loadings.size else np.zeros((len(self.rates), 0))

    def quantiles(self, levels: Sequence[float] = (0.025, 0.1, 0.5, 0.9, 0.975)) -> Array:
        """(level, year) of the rate per 1,000."""
        return np.asarray(np.quantile(self.rates, list(levels), axis=0))

    def table(self) -> pl.DataFrame:
        """One row a year: median, 80% and 95% intervals of the rate per 1,000, and the median in persons."""
        low95, low80, median, high80, high95 = self.quantiles()
        return pl.DataFrame(
            {
                "place": [self.place] * self.years.size, "year": self.years, "median": median, "low80": low80,
                "high80": high80, "low95": low95, "high95": high95, "persons": median * self.population / 1000,
            }
        )  # fmt: skip

    @property
    def sources(self) -> list[str]:
        """Releases whose figures the posterior rests on."""
        used = self.claims.filter(pl.col("part").is_in(USED))["release"].unique().to_list()
        beside = self.anchors["releases"].explode().drop_nulls().unique().to_list()
        return sorted({*used, *beside})


# ---------------------------------------------------------------- the answer


def reconcile(
    places: str | int | Place | Sequence[str | int | Place],
    measure: str = "net_migration",
    *,
    as_of: str | int | date | None = None,
    strict: bool = False,
    claims: Any = None,
    start: int | None = None,
    without: Sequence[str] = (),
    only: Sequence[str] = (),
    copies: bool = False,
    anchors: bool = True,
    register_error: float | None = None,
    prior: Prior | Mapping[str, Any] | None = None,
    draws: int = 200,
    ess: float = 400,
    seed: int = 0,
    closed: bool = False,
    workers: int = 1,
) -> Any:
    """The path of net migration that the claims leave possible, as draws.

    Parameters
    ----------
    places
        One place, or several.
    measure
        ``net_migration``.
    as_of
        Only what was known on that day, priors and populations included.
    strict
        Leave out figures whose known day rests on a publication lag, and refuse a population known only later.
    claims
        Claims to reconcile instead of the packaged ones: a frame (polars, pandas or Arrow) with the columns ``year``
        and ``value`` and, where told, ``definition``, ``release``, ``error``, ``known``, ``population``, ``place``; or
        claims as :func:`keruen.claims_from_series` makes them. They may hold several releases. Claims without a row
        give the prior.
    start
        First year; by default 1985, or the first year of the claims that are given.
    without, only
        Releases, families or definitions to leave out, or to keep alone.
    copies
        Count figures carried from one edition to the next as new claims (for comparison alone).
    anchors
        Also use mirrors of the register, censuses and stocks; never with claims that are given.
    register_error
        Size of the register's error, per 1,000; 0 takes it for the truth. By default its definition tells.
    prior
        Other priors: a :class:`keruen.estimators.path.Prior`, or some of its fields.
    draws, ess, seed
        Draws a chain to begin with, effective draws wanted of every quantity (below 400, for a quick look, chains need
        agree less: R-hat below 1.1 instead of 1.01), and the seed.
    closed
        The places are a closed system: what one gains another loses, every year. See :func:`keruen.path_closed.closed`.
    workers
        Processes that share several places; 0 for one a core. A script that asks for more than one must call from under
        ``if __name__ == "__main__":``.

    Returns
    -------
    A :class:`Posterior`, or for several places a dict of them by code. Draws of different places are independent,
    unless the system is closed. Answers from the packaged evidence and the user's own store are kept on disk.

    Raises
    ------
    NoEvidence
        Without a population, or if no claim is an observation.
    ModelError, Incomparable, VocabularyError
        For claims that cannot be used as they are; the message tells the remedy.
    NotConverged
        Rather than an answer that did not settle.

    Examples
    --------
    >>> from keruen.own_series import claims_from_series
    >>> exact = claims_from_series("KAZ", range(2000, 2006), [-108307, -88162, -62012, -8306, 2789, 22668], error=0)
    >>> found = reconcile("KAZ", claims=exact)
    >>> bool(abs(found.table()["persons"][5] - 22668) < 30)
    True

    References
    ----------
    Raymer, Wiśniowski, Forster, Smith and Bijak (2013), JASA 108; Liu (1994), JASA 89.
    """
    if measure != "net_migration":
        raise ConceptError(f"{measure} has no measurement model yet. Reconcile net_migration.")
    several = not isinstance(places, str | int | Place)
    named: list[Any] = [places] if isinstance(places, str | int | Place) else list(places)
    codes = list(dict.fromkeys(one_place(p).code for p in named))
    cutoff = None if as_of is None else day(str(as_of) if isinstance(as_of, int) else as_of, last=True)
    if workers < 0:
        raise ModelError(f"{workers} workers cannot be. Give 1 or more, or 0 for one a core.")
    if register_error is not None and not 0 <= register_error < np.inf:
        raise ModelError(f"An error of {register_error:g} per 1,000 cannot be. Give 0 or more.")
    for name, value, least in (("draws", draws, 1), ("seed", seed, 0), ("start", start, 1850)):
        if value is not None and (not isinstance(value, int | np.integer) or value < least):
            raise ModelError(f"{name} is {value!r}; give a whole number, {least} or more.")
    if claims is not None:
        claims = claims_of(claims, codes[0] if len(codes) == 1 else None)
        faults(claims)
    if prior is not None and not isinstance(prior, Prior):
        unknown = sorted(set(prior) - set(Prior.__dataclass_fields__))
        if unknown:
            raise ModelError(f"{unknown[0]!r} is no prior. {suggest(unknown[0], Prior.__dataclass_fields__)}")
        for name, value in prior.items():
            usual = getattr(Prior(), name)
            pair = isinstance(value, Sequence) and len(value) == 2
            if isinstance(usual, tuple) != pair:
                form = "median and sd" if isinstance(usual, tuple) else "one number"
                raise ModelError(f"{name} is {value!r}; give {form}, as {usual!r}.")
    asked = Asked(
        as_of=cutoff, start=start, strict=strict, copies=copies, anchors=anchors and not only,
        prior=prior if isinstance(prior, Prior) else None, given=claims is not None, register_error=register_error,
    )  # fmt: skip
    changed = dict(prior) if isinstance(prior, Mapping) else {}
    without, only = ([w] if isinstance(w, str) else list(w) for w in (without, only))

    def one(code: str) -> Posterior:
        table = claims
        if table is None:
            table = store.evidence(
                code, ["net_migration", "immigration", "emigration"], stream="all", sex="all", as_of=cutoff,
                strict=strict,
            )  # fmt: skip
        return _one(code, _chosen(table, without, only), asked, changed, draws, ess, seed)

    found = {}
    many = min(workers or os.cpu_count() or 1, len(codes))
    if many > 1:
        alone = partial(
            reconcile, measure=measure, as_of=cutoff, strict=strict, claims=claims, start=start, without=without,
            only=only, copies=copies, anchors=anchors, register_error=register_error, prior=prior, draws=draws, ess=ess,
            seed=seed,
        )  # fmt: skip
        found = dict(zip(codes, shared(alone, codes, many - 1), strict=True))
    for code in codes if not found else []:
        if claims is not None:
            found[code] = one(code)
        else:
            said = [code, asked, changed, list(without), list(only), draws, ess, seed, kept.stamp(code, cutoff)]
            found[code] = kept.kept("path", said, lambda code=code: one(code))  # type: ignore[misc]
    if closed:
        found = path_closed.closed(found)
    return found if several else found[codes[0]]


def _chosen(table: pl.DataFrame, without: Sequence[str], only: Sequence[str]) -> pl.DataFrame:
    """Claims by release, family of editions, definition or lineage."""
    if not without and not only:
        return table
    family = {k: c.family for k, c in releases().items() if c.family}
    lineage = {d: c["lineage"] for d, c in definitions().items() if "lineage" in c}
    keys = [
        pl.col("release"),
        pl.col("definition"),
        pl.col("release").replace_strict(family, default=None, return_dtype=pl.String),
        pl.col("definition").replace_strict(lineage, default=None, return_dtype=pl.String),
    ]
    net = pl.col("measure") == "net_migration"
    words_known = {*store.cards(), *family.values(), *definitions(), *lineage.values(), *table["release"].unique()}
    for word in (*without, *only):
        if word not in words_known:
            raise ConceptError(
                f"{word!r} is no release, family, definition or lineage. {suggest(word, sorted(words_known))}"
            )
    for words, keep in ((list(only), True), (list(without), False)):
        if words:
            hit = pl.any_horizontal([k.is_in(words).fill_null(False) for k in keys])
            table = table.filter(~net | (hit if keep else ~hit))
    return table


def _one(
    code: str, table: pl.DataFrame, asked: Asked, changed: Mapping[str, Any], draws: int, ess: float, seed: int
) -> Posterior:
    design, reports, rows, about = designed(code, table, asked)
    if changed:
        design = replace(design, prior=check(replace(design.prior, **changed)))
    rng = np.random.default_rng([seed, *code.encode()])
    close = 1.01 if ess >= 400 else 1.1  # a look aside needs no such match of chains
    found = sample(design, reports, rng=rng, draws=draws, ess_above=ess, rhat_below=close)
    return _answer(code, asked.as_of, design, reports, rows, about, found)


def _answer(
    code: str,
    as_of: date | None,
    design: Design,
    reports: Reports,
    rows: pl.DataFrame,
    about: dict[str, Any],
    found: Draws,
) -> Posterior:
    notes = list(about["notes"])
    identified = 0.0
    if (design.departures > 0).any():
        spread = design.prior.tau_coverage[1]
        identified = max(0.0, 1 - float(np.var(np.log(found.scales["tau_coverage"]))) / spread**2)
        if identified < 0.5:
            notes.append("The coverage of departures is not identified by these claims: its prior decides.")
    loading = {
        name: (float(found.loading[..., k].mean()), float(found.loading[..., k].std()))
        for k, name in enumerate(about["names"]) if found.loading.shape[-1]
    }  # fmt: skip
    return Posterior(
        place=code, as_of=as_of, years=design.years, chains=found.rates, scales=found.scales, loading=loading,
        population=about["population"], denominator_basis=about["denominator_basis"], denominator=about["denominator"],
        arrivals=about["arrivals"], departures=about["departures"], claims=rows, anchors=about["anchors"],
        rhat_max=found.rhat_max,
        ess_min=found.ess_min, identified=identified, prior=design.prior, prior_only=about["prior_only"],
        notes=tuple(notes), design=design, reports=reports,
        loadings=found.loading,
    )  # fmt: skip
