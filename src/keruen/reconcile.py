"""What most likely happened: one path of net migration from every claim about it, with all that the claims leave open.

Claims become cells of a design (who reports which years, how their errors hang together); the sampler of
:mod:`keruen.estimators.path_sampler` does the rest. Everything known later than the day that is asked about stays
outside.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from html import escape
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen import contract, kept, path_closed, store
from keruen.beside import shared
from keruen.errors import ConceptError, FaultyTable, ModelError, NoEvidence, NotConverged
from keruen.estimators.path import Design, Prior, Reports, check
from keruen.estimators.path_sampler import Draws, sample
from keruen.measurement import accuracy
from keruen.path_design import NORMAL80, USED, Asked, designed, faults
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


# ---------------------------------------------------------------- a user's own series


def claims_from_series(
    place: str | int,
    years: Iterable[int],
    values: Iterable[float],
    release: str = "own",
    *,
    definition: str = "own",
    error: float | Iterable[float] | None = None,
    known: str | date | None = None,
    population: Iterable[float] | None = None,
) -> pl.DataFrame:
    """Claims from a series of net migration by calendar year.

    Parameters
    ----------
    place
        Code or name.
    years, values
        Calendar years; persons, arrivals less departures.
    release
        A name for the source.
    definition
        What it counts: a definition with a lineage. ``own`` by default.
    error
        Standard deviation of its error, persons, independent from year to year; 0 for a source without error. By
        default the definition tells, and errors run on from year to year.
    known
        The day from which it was known; needed for questions as of a day.
    population
        Mid-year residents of those years, where the packaged ones are not wanted.

    Returns
    -------
    A table of claims for :func:`keruen.reconcile`.

    Raises
    ------
    ModelError
        For years without value, twice the same year, years far outside, a negative error.
    VocabularyError, Incomparable
        For a definition that is not known, or that counts something else.

    Examples
    --------
    >>> table = claims_from_series("KAZ", [2004, 2005], [2789, 22668], release="register")
    >>> table.select("start", "value").rows()[1]
    (datetime.date(2005, 1, 1), 22668.0)
    """
    code = one_place(place).code
    accuracy(definition)
    when, what = [int(y) for y in years], [float(v) for v in values]
    if len(when) != len(what) or not when:
        raise ModelError(f"{len(when)} years meet {len(what)} values for {code}. Give one value a year.")
    twice = sorted({y for y in when if when.count(y) > 1})
    if twice:
        raise ModelError(f"{code} has two values for {twice[0]} in one series. Give the other one as another release.")
    far = [y for y in when if not 1850 <= y <= date.today().year + 1]
    if far:
        raise ModelError(f"{far[0]} is far outside what was observed. Give calendar years between 1850 and today.")
    if not np.isfinite(what).all():
        raise ModelError(f"A value for {code} is not a number. Leave the year out: absent is not 0.")
    frame = pl.DataFrame(
        {
            "place": [code] * len(when), "start": [date(y, 1, 1) for y in when],
            "end": [date(y + 1, 1, 1) for y in when], "value": what,
        }
    )  # fmt: skip
    if error is not None:
        sds = [float(error)] * len(when) if isinstance(error, int | float) else [float(e) for e in error]
        if len(sds) != len(when) or not np.isfinite(sds).all() or min(sds) < 0:
            raise ModelError(f"An error of {min(sds):g} persons cannot be. Give 0 or more, one for all or one a year.")
        frame = frame.with_columns(
            low=pl.Series([v - NORMAL80 * e for v, e in zip(what, sds, strict=True)]),
            high=pl.Series([v + NORMAL80 * e for v, e in zip(what, sds, strict=True)]),
            level=pl.lit(0.8),
        )
    constants = {
        "status": "estimate", "definition": definition, "release": release,
        "known": None if known is None else day(known, last=True), "known_basis": None if known is None else "user",
    }  # fmt: skip
    table = contract.claims(frame, measure="net_migration", **constants)
    if population is None:
        return table
    people = [float(n) for n in population]
    if len(people) != len(when) or not np.isfinite(people).all() or min(people) <= 0:
        raise ModelError(f"The population of {code} must be above zero, one figure a year.")
    stocks = pl.DataFrame(
        {
            "place": [code] * len(when), "start": [date(y, 7, 1) for y in when], "end": [date(y, 7, 1) for y in when],
            "value": people,
        }
    )  # fmt: skip
    return pl.concat([table, contract.claims(stocks, measure="population", **constants)])


# ---------------------------------------------------------------- the answer


def reconcile(
    places: str | int | Place | Sequence[str | int | Place],
    measure: str = "net_migration",
    *,
    as_of: str | int | date | None = None,
    strict: bool = False,
    claims: pl.DataFrame | None = None,
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
        Claims to reconcile instead of the packaged ones, as :func:`keruen.claims_from_series` makes them: they may
        hold several releases. An empty table gives the prior.
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
    if register_error is not None and register_error < 0:
        raise ModelError(f"An error of {register_error:g} per 1,000 cannot be. Give 0 or more.")
    if claims is not None:
        missing = [c for c in contract.SCHEMA if c not in claims.columns]
        if missing:
            raise FaultyTable(
                "claims", [f"column {c!r} is missing; make the table with claims_from_series" for c in missing]
            )
        faults(claims)
    if prior is not None and not isinstance(prior, Prior):
        unknown = sorted(set(prior) - set(Prior.__dataclass_fields__))
        if unknown:
            raise ModelError(f"{unknown[0]!r} is no prior. {suggest(unknown[0], Prior.__dataclass_fields__)}")
    asked = Asked(
        as_of=cutoff, start=start, strict=strict, copies=copies, anchors=anchors and not only,
        prior=prior if isinstance(prior, Prior) else None, given=claims is not None, register_error=register_error,
    )  # fmt: skip
    changed = dict(prior) if isinstance(prior, Mapping) else {}

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
    **options: Any,
) -> dict[str, Any]:
    """When a place tipped, as plain data: rates, probabilities, the tipping year, states, turns, and what it hangs on.

    Parameters
    ----------
    persistence, threshold, hysteresis, since
        As in :func:`keruen.tipping`.
    treatments
        Also answer under every treatment of :func:`sensitivity`; otherwise other persistences alone.
    **options
        Of :func:`reconcile`.
    """
    from keruen.tipping import tipping

    tipping((range(since - 5, since + 5), [0.0] * 10), persistence, threshold, hysteresis, since)  # refuses early
    found = reconcile(place, as_of=as_of, seed=seed, strict=strict, **options)
    if found.prior_only and found.years[-1] <= since:
        raise NoEvidence(_nothing_yet(found, options.get("claims")))
    t = tipping(found, persistence, threshold, hysteresis, since)
    low95, low80, median, high80, high95 = found.quantiles()
    hangs: list[dict[str, Any]] = []
    for h in sorted({1, 3, 5, 6, persistence}):
        other = tipping(found, h, threshold, hysteresis, since).told()
        hangs.append({"treatment": "all evidence", **other})
    if treatments:
        table = sensitivity(
            place, as_of=[None if as_of is None else str(as_of)], persistence=[5], since=since, seed=seed
        )
        hangs += [row for row in table.to_dicts() if row["treatment"] != "all evidence"]

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
        "sensitivity": hangs, "sources": found.sources, "denominator_basis": found.denominator_basis,
        "denominator": list(found.denominator),
        "anchors": [
            {k: row[k] for k in ("kind", "start", "end", "rate", "sd", "convention")}
            for row in found.anchors.iter_rows(named=True)
        ],
        "loading": {k: {"mean": round(a, 3), "sd": round(b, 3)} for k, (a, b) in found.loading.items()},
        "prior_only": found.prior_only, "notes": list(found.notes),
    }  # fmt: skip


def _nothing_yet(found: Posterior, claims: pl.DataFrame | None) -> str:
    """Why there is no answer as of a day before anything was told, and from which day there is one."""
    about = f"of the net migration of {one_place(found.place).name} was known by {found.as_of}"
    if claims is None:
        claims = store.evidence(found.place, "net_migration", stream="all", sex="all")
    known = claims["known"].drop_nulls().sort().to_list()
    if not known:
        return f"Nothing {about}. Add a series with keruen add, or give claims=."
    return f"Nothing {about}; the first figure became known on {known[0]}. Ask as of a later day."


# ---------------------------------------------------------------- what the answer hangs on

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


def sensitivity(
    place: str | int | Place,
    *,
    as_of: Sequence[str | None] = (None,),
    persistence: Sequence[int] = (1, 3, 5, 6),
    since: int = 1990,
    ess: float = 400,
    seed: int = 0,
    variations: Sequence[tuple[str, Mapping[str, Any]]] = VARIATIONS,
    leave_one_out: bool = False,
) -> pl.DataFrame:
    """What the tipping year hangs on: one row a treatment of the evidence, day and persistence.

    Parameters
    ----------
    place
        Code or name.
    as_of
        Days; None is today.
    persistence
        Years that a turn must last; other persistences than the third are told for all evidence alone.
    leave_one_out
        Also leave out each release in turn.

    Returns
    -------
    ``treatment``, ``as_of``, ``persistence``, ``mode``, ``p_mode``, ``p_turned`` (a confirmed turn upward),
    ``p_never``, ``p_unconfirmed``, ``p_already_receiving``, ``p_turned_back``, ``entropy_bits``, ``left_out``.
    A treatment that the evidence of the day does not allow has no row; one whose draws did not settle says so in
    ``mode``.
    """
    from keruen.tipping import tipping

    code = one_place(place).code
    rows: list[dict[str, Any]] = []
    for at in as_of:
        full = reconcile(code, as_of=at, ess=ess, seed=seed)
        plans = [(name, dict(options)) for name, options in variations]
        if leave_one_out:
            plans += [(f"without {r}", {"without": [r]}) for r in full.sources]
        for name, options in plans:
            if options == {"anchors": False} and full.anchors.is_empty():
                continue
            if name == "all evidence":
                found = full
            else:
                if options.get("without") == ["register-like"]:
                    like = register_like(full)
                    if not like:
                        continue
                    options["without"] = like
                if isinstance(options.get("prior"), Mapping):
                    options["prior"] = {
                        k: (getattr(full.prior, k)[0] * v, getattr(full.prior, k)[1]) if isinstance(v, float) else v
                        for k, v in options["prior"].items()
                    }
                try:
                    found = reconcile(code, as_of=at, ess=ess, seed=seed, **options)
                except NotConverged:
                    day_told = None if at is None else str(at)
                    rows.append({"treatment": name, "as_of": day_told, "persistence": 5, "mode": "did not settle"})
                    continue
                if found.prior_only:
                    continue
            for h in persistence if name == "all evidence" else [5]:
                t = tipping(found, persistence=h, since=since)
                masses = [*t.p_by_year.values(), t.p_never, t.p_unconfirmed, t.p_already_receiving]
                rows.append(
                    {
                        "treatment": name, "as_of": None if at is None else str(at), "persistence": h,
                        "mode": str(t.mode), "p_mode": max(masses), "p_turned": sum(t.p_by_year.values()),
                        "p_never": t.p_never, "p_unconfirmed": t.p_unconfirmed,
                        "p_already_receiving": t.p_already_receiving, "p_turned_back": t.p_turned_back,
                        "entropy_bits": t.entropy_bits, "left_out": " ".join(options.get("without", ())),
                    }
                )  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"as_of": pl.String}, infer_schema_length=None)


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
