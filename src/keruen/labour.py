"""How many labour migrants, registered and not: the posterior of the account that figures of the place tie.

`data/labour.toml` says which rules applied where, which figures only the timeline of events tells, and with which error
a figure enters; no place is named in the code. docs/labour.md has the equations and every decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from html import escape
from typing import Any

import numpy as np
import polars as pl
import xarray as xr
from numpy.typing import NDArray

from keruen import own
from keruen.errors import BadDate, ModelError, NoEvidence, NotConverged, VocabularyError
from keruen.labour_account import account
from keruen.labour_anchors import anchors, gather
from keruen.labour_beside import other_estimators
from keruen.labour_design import Anchor, Design, Regime, parameters
from keruen.labour_fit import fit, log_likelihood, predicted
from keruen.labour_influence import told_anchors, told_parameters
from keruen.labour_rules import regimes, told_figures
from keruen.places import place as one_place
from keruen.posterior import Diagnosis, diagnose, interval, resample_size
from keruen.provenance import cite, day
from keruen.provenance import releases as known_releases
from keruen.store import evidence

Array = NDArray[np.float64]

FIRST, LAST = 2000, 2024  # years told where none are asked for
NEEDS = (
    "persons present (labour_migrants), holders of permits on a day (work_permit_holders), permits issued together "
    "with the rule they were issued under (household_permits_issued, patents_issued), or persons regularised"
)
BEYOND_REGISTERS = ("total", "total_at_least", "unregistered", "regularised")
"""What an anchor must tell of, if the unregistered are to be more than their prior."""


@dataclass(frozen=True, slots=True)
class Labour:
    """The posterior of labour migrants in a place.

    Attributes
    ----------
    cube
        `labour_registered` (holders of certificates included), `labour_unregistered`, `labour` and `ratio`, dims
        (draw, year), persons present, year averages.
    parameters
        Name, unit, meaning, prior and posterior (80%), contraction, and whether it is an assumption.
    anchors
        Every figure that entered: what it says, what the model says, and what changes without it.
    unused
        Figures that did not enter, and why.
    estimators
        What each estimator of its own makes of the evidence: name, year, low, value, high, bound, assumptions.
    not_supported
        Estimators for which the evidence holds nothing, and what they would need.
    diagnosis
        Of all years and parameters.
    conserved
        Largest relative gap of the accounts over all draws.
    z
        (chain, draw, parameter), the sampler's own coordinates.
    """

    place: str
    counterpart: str | None
    as_of: date | None
    cube: xr.Dataset
    parameters: tuple[dict[str, Any], ...]
    anchors: tuple[dict[str, Any], ...]
    unused: tuple[dict[str, Any], ...]
    estimators: tuple[dict[str, Any], ...]
    not_supported: tuple[dict[str, str], ...]
    diagnosis: Diagnosis
    conserved: float
    design: Design
    statements: tuple[Anchor, ...]
    z: Array
    sources: tuple[str, ...]

    def __repr__(self) -> str:
        years = [int(y) for y in self.cube["year"].values]
        year = max((y for y in years if self.as_of is None or y <= self.as_of.year), default=years[0])
        last = self.cube.sel(year=year)
        where = one_place(self.place).name + (f" from {one_place(self.counterpart).name}" if self.counterpart else "")
        day_told = "" if self.as_of is None else f", as of {self.as_of}"
        which = "labour" if self.unregistered_seen else "labour_registered"
        low, middle, high = (rounded(float(x)) for x in interval(last[which].values))
        if self.unregistered_seen:
            few, ratio, lot = (float(x) for x in interval(last["ratio"].values))
            told = (
                f"{middle} (80% {low} to {high}), {ratio:.1f} unregistered for each registered ({few:.1f} to {lot:.1f})"
            )
        else:
            told = f"{middle} registered (80% {low} to {high}); no figure counts the unregistered"
        many = len(self.design.anchors)
        return (
            f"Labour migrants in {where} in {year}{day_told}: {told}; {last.sizes['draw']:,} draws from {many}"
            f" figure{'s' * (many != 1)} (R-hat at most {self.diagnosis.rhat:.3f})."
            " See cube, anchors, estimators, parameters, diagnosis."
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{table(self)._repr_html_()}"

    @property
    def unregistered_seen(self) -> bool:
        """Whether any figure counts the unregistered; if not, their number and the total are no more than priors."""
        return any(a.of in BEYOND_REGISTERS for a in self.design.anchors)


def labour(
    place: str,
    *,
    counterpart: str | None = None,
    claims: pl.DataFrame | None = None,
    figures: Sequence[dict[str, Any]] | None = None,
    rules: Sequence[Regime] | None = None,
    population: float | None = None,
    years: tuple[int | None, int | None] = (None, None),
    as_of: str | date | None = None,
    strict: bool = False,
    influence: str = "weights",
    influence_year: int = 2017,
    seed: int = 0,
    chains: int = 128,
    warmup: int = 1200,
    draws: int = 2000,
) -> Labour:
    """Posterior of registered and unregistered labour migrants by year, without any statement that is on trial.

    Parameters
    ----------
    place
        Where they work.
    counterpart
        One origin; by default all together.
    claims, figures, rules, population
        Evidence to use instead of the store's, of data/labour.toml's, and the population that scales the priors.
    years
        First and last year told, by default 2000 and 2024, or the year of `as_of` where that is earlier: years
        after it are a forecast. The account runs on to the last anchor.
    influence
        ``weights``: what changes without an anchor, by reweighting draws, untold where the weights are too uneven;
        ``refit``: by a fit without it, some seconds for each; ``none``.
    influence_year
        The year whose total is told there, or the last year if that is earlier.
    seed
        Of the random numbers: same seed, evidence and versions, same draws.

    Returns
    -------
    Labour

    Raises
    ------
    NoEvidence
        If no figure of the place can be an anchor; the message says what would do.
    NotConverged
        If the sampler did not settle, even after eight times the draws.

    Examples
    --------
    >>> found = labour("KAZ", chains=16, warmup=20, draws=40)   # doctest: +SKIP
    >>> float(found.cube["labour"].sel(year=2017).median())     # doctest: +SKIP
    950000.0
    """
    here = one_place(place)
    origin = None if counterpart is None else one_place(counterpart).code
    on = None if as_of is None else day(as_of, last=True) if isinstance(as_of, str) else as_of
    if influence not in ("weights", "refit", "none"):
        raise VocabularyError(f"{influence!r} is no way to tell influence. Take weights, refit or none.")
    first = years[0] if years[0] is not None else FIRST
    until = years[1] if years[1] is not None else LAST if on is None else max(first, min(LAST, on.year))
    if first > until:
        raise BadDate(f"The account would end in {until} before it begins in {first}. Exchange the years.")
    table = gather(here.code, counterpart=origin, as_of=on, strict=strict) if claims is None else claims
    told = told_figures(here.code, on) if figures is None else list(figures)
    ruled = regimes(here.code, on) if rules is None else tuple(rules)
    ruled = tuple(r for r in ruled if first <= r.start.year)
    every, unused = anchors(table, place=here.code, counterpart=origin, rules=ruled, figures=told)
    last = max([until, *(y for a in every for y, _ in a.years if y <= until + 2)])
    inside = [a for a in every if any(first <= y <= last for y, _ in a.years)]
    tested = tuple(a for a in inside if a.tested)
    kept = tuple(a for a in inside if not a.tested)
    if not kept:
        raise NoEvidence(
            f"No figure of labour migrants in {here.name}{f' from {origin}' if origin else ''} can tie the account "
            f"between {first} and {until}. It would need one of: {NEEDS}. Add your own: keruen add FILE."
        )
    scale = population if population is not None else _scale(here.code, first, on, strict, kept)
    design = Design(tuple(range(first, last + 1)), ruled, kept, scale * (0.3 if origin else 1.0))
    rng = np.random.default_rng(seed)
    together = 8 if chains % 8 == 0 and chains >= 16 else 1
    stretches = fit(design, rng=rng, chains=chains, warmup=warmup, draws=draws, together=together)
    # An account that few figures tie mixes slowly: its chains are drawn on, to eight times the draws at most.
    for stretch, (every_group, _) in enumerate(stretches):
        z = every_group[0]
        flat = z.reshape(-1, z.shape[-1])
        states = account(design, flat)
        registered, unregistered = states.registered + states.certified, states.unregistered
        by_chain = {
            name: np.log(x).T.reshape(*z.shape[:2], -1)
            for name, x in (
                ("registered", registered),
                ("unregistered", unregistered),
                ("total", registered + unregistered),
            )
        }
        try:
            diagnosis = diagnose({**by_chain, "parameters": z}, together=together)
            break
        except NotConverged:
            if stretch == 3:
                raise
    conserved = float(states.imbalance.max())
    if conserved > 1e-8:
        raise ModelError(
            f"People were created or lost: the accounts differ by {conserved:.1e} of a stock. Report this."
        )
    n = until - first + 1
    dims = ("draw", "year")
    cube = xr.Dataset(
        {
            "labour_registered": (dims, registered[:n].T),
            "labour_unregistered": (dims, unregistered[:n].T),
            "labour": (dims, (registered + unregistered)[:n].T),
            "ratio": (dims, (unregistered / registered)[:n].T),
        },
        coords={"year": np.arange(first, until + 1)},
    )
    for name in ("labour_registered", "labour_unregistered", "labour"):
        cube[name].attrs["units"] = "persons"
    cube["ratio"].attrs["units"] = "unregistered per registered"
    present = evidence(here.code, "foreign_citizens", as_of=on, strict=strict) if claims is None else claims
    beside, lacking = ((), ()) if origin else other_estimators(table, told, present, seed)
    releases = dict.fromkeys(str(r) for r in table["release"].to_list()) if len(table) else {}
    used = {i.split(":")[0] for a in (*kept, *tested) for part in a.ids for i in part.split(" × ")}
    return Labour(
        place=here.code,
        counterpart=origin,
        as_of=on,
        cube=cube,
        parameters=told_parameters(design, flat),
        anchors=told_anchors(design, tested, flat, states, influence, min(influence_year, until), seed),
        unused=tuple(unused),
        estimators=beside,
        not_supported=lacking,
        diagnosis=diagnosis,
        conserved=conserved,
        design=design,
        statements=tested,
        z=z,
        sources=tuple(
            [_cited(r) for r in releases if r in used] + sorted({a.source for a in (*kept, *tested) if a.source})
        ),
    )


def _scale(place: str, year: int, as_of: date | None, strict: bool, every: Sequence[Anchor]) -> float:
    """What scales the priors: the population, or where nobody had told it on the day, the figures themselves.

    The median of the prior is half a percent of it; without a population, a third of the anchors' typical size.
    """
    rows = evidence(place, "population", as_of=as_of, strict=strict)
    rows = rows.filter((pl.col("sex") == "all") & (pl.col("age") == "all") & pl.col("value").is_not_null())
    if len(rows):
        near = rows.sort((pl.col("start").dt.year() - year).abs(), "known")
        return float(near["value"][0])
    sizes = [a.value for a in every if a.of != "share"]
    return float(np.exp(np.mean(np.log(sizes)))) / 3 / 0.005


def _cited(key: str) -> str:
    card = own.releases().get(key)
    return cite(card) if card is not None else cite(key) if key in known_releases() else key


def probability(found: Labour, year: int, at_least: float, *, with_statements: bool = False) -> tuple[float, float]:
    """P(total of a year ≥ a number), and how many independent draws it rests on.

    Parameters
    ----------
    with_statements
        Also believe the statements on trial, with their stated errors: draws are reweighted by them.

    Raises
    ------
    ModelError
        If the year is not in the account, or there is no statement to believe.
    """
    if year not in found.cube["year"].to_numpy():
        first, last = found.cube["year"].to_numpy()[[0, -1]]
        raise ModelError(f"The account has no year {year}: it runs from {first} to {last}.")
    reached = found.cube["labour"].sel(year=year).to_numpy() >= at_least
    if not with_statements:
        return float(reached.mean()), float(found.diagnosis.ess_bulk)
    if not found.statements:
        raise ModelError(f"No statement about {found.place} is on trial in data/labour.toml.")
    w = _weights_of(found, found.statements)
    return float((w * reached).sum() / w.sum()), float(min(resample_size(w), found.diagnosis.ess_bulk))


def _weights_of(found: Labour, more: Sequence[Anchor]) -> Array:
    flat = found.z.reshape(-1, found.z.shape[-1])
    design = replace(found.design, anchors=(*found.design.anchors, *more))
    if [p.name for p in parameters(design)] != [p.name for p in parameters(found.design)]:
        raise ModelError("The statement needs a parameter that the fit does not have. Fit with it among the claims.")
    logs = _log_terms(design, flat, account(design, flat))[len(found.design.anchors) :].sum(0)
    return np.asarray(np.exp(logs - logs.max()))


def _log_terms(design: Design, flat: Array, states: Any) -> Array:
    guess, value, sd, bounded = predicted(design, flat, states)
    return log_likelihood(guess, value[:, None], sd[:, None], bounded[:, None])


def by_year(found: Labour, mass: float = 0.8) -> dict[str, Any]:
    """The interface's object: medians and 80% intervals by year, probabilities, estimators, anchors, diagnostics."""
    c = found.cube
    names = {
        "registered": "labour_registered",
        "unregistered": "labour_unregistered",
        "total": "labour",
        "ratio": "ratio",
    }
    told: dict[str, Any] = {
        "place": found.place, "counterpart": found.counterpart, "as_of": found.as_of,
        "years": c["year"].to_numpy().tolist(),
    }  # fmt: skip
    for name, variable in names.items():
        low, median, high = interval(c[variable].to_numpy(), mass)
        told[name] = {"median": median.tolist(), "low80": low.tolist(), "high80": high.tolist()}
    return told


def table(found: Labour) -> pl.DataFrame:
    """Medians and 80% intervals by year: persons present, year averages."""
    plain = by_year(found)
    columns: dict[str, Any] = {"year": plain["years"]}
    for name in ("registered", "unregistered", "total", "ratio"):
        for end in ("median", "low80", "high80"):
            columns[name if end == "median" else f"{name}_{end}"] = plain[name][end]
    return pl.DataFrame(columns)


def rounded(value: float) -> str:
    """Two figures that count, in words."""
    if value <= 0:
        return "0"
    digits = -int(np.floor(np.log10(value))) + 1
    return f"{round(value, digits):,.0f}"
