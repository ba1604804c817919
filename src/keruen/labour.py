"""How many labour migrants, registered and not: anchors, their posterior, and every estimator beside it.

`data/labour.toml` says which rules applied where, which figures only the timeline of events tells, and with which error
a figure enters; no place is named in the code. docs/labour.md has the equations and every decision.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl
import xarray as xr
from numpy.typing import NDArray
from scipy import special

from keruen import own
from keruen.errors import BadDate, ModelError, NoEvidence, NotConverged, VocabularyError
from keruen.estimators.amnesty import amnesty
from keruen.estimators.hidden import Hidden
from keruen.estimators.residual import residual
from keruen.labour_model import Anchor, Design, Parameter, Regime, account, fit, log_likelihood, parameters, predicted
from keruen.places import place as one_place
from keruen.places import system
from keruen.posterior import Diagnosis, contraction, diagnose, interval, resample_size
from keruen.provenance import cite, day
from keruen.provenance import releases as known_releases
from keruen.store import evidence

Array = NDArray[np.float64]

STREAMS = ("labour", "labour_registered", "labour_unregistered")

FIRST, LAST = 2000, 2024  # years told where none are asked for
ASSUMPTION = "assumption, not data"
"""What is said of a parameter from whose prior the data removed less than a fifth of the variance."""

NEEDS = (
    "persons present (labour_migrants), holders of permits on a day (work_permit_holders), permits issued together "
    "with the rule they were issued under (household_permits_issued, patents_issued), or persons regularised"
)

TAKE_UP, ELIGIBLE = (2.0, 2.0), (8.0, 2.0)
"""Beta priors of an amnesty read alone: who of the eligible came forward, and who was eligible. Assumptions."""


BEYOND_REGISTERS = ("total", "total_at_least", "unregistered", "regularised")
"""What an anchor must tell of, if the unregistered are to be more than their prior."""


@cache
def cards() -> dict[str, list[dict[str, Any]]]:
    """Rules of status, figures told by events, stated errors, kinds of events: ``data/labour.toml``."""
    return dict(tomllib.loads(files("keruen").joinpath("data/labour.toml").read_text("utf-8")))


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
        low, middle, high = (_round(float(x)) for x in interval(last[which].values))
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


# ------------------------------------------------------------------ anchors


def regimes(place: str, as_of: date | None = None) -> tuple[Regime, ...]:
    """The rules of status of a place, as data/labour.toml dates them, known on a day.

    Examples
    --------
    >>> [r.name for r in regimes("KAZ")]
    ['amnesty_2006', 'household_permits_2014']
    """
    return tuple(
        Regime(r["name"], r["kind"], r["start"], r.get("end"), r.get("valid_years", 0))
        for r in cards()["regime"]
        if r["place"] == place and (as_of is None or (r.get("end") or r["start"]) <= as_of)
    )


def _told_figures(place: str, as_of: date | None) -> list[dict[str, Any]]:
    """Figures that only the timeline tells, in the shape of claims."""
    return [
        {
            "counterpart": None, "value": None, "low": None, "high": None, "group": "all", "sd": None, "tested": False,
            "definition": None, **f, "id": f"keruen-events:{f['key']}", "release": "keruen-events", "told": f["source"],
        }
        for f in cards()["figure"]
        if f["place"] == place and "repeats" not in f and (as_of is None or f["known"] <= as_of)
    ]  # fmt: skip


def _years(start: date, end: date) -> tuple[tuple[int, float], ...]:
    """Years that a period touches, by how much of it lies in each; a day counts for its year."""
    end = max(end, start + timedelta(days=1))
    found = []
    for year in range(start.year, (end - timedelta(days=1)).year + 1):
        inside = min(end, date(year + 1, 1, 1)) - max(start, date(year, 1, 1))
        found.append((year, inside.days / (end - start).days))
    return tuple(found)


def _middle(row: dict[str, Any]) -> tuple[float, float | None]:
    """The figure itself, or the middle of its range with the error that makes the range 80%."""
    if row["value"] is not None:
        return float(row["value"]), row.get("sd")
    if row["low"] and row["high"]:
        spread = float(np.log(row["high"] / row["low"]) / (2 * special.ndtri(0.9)))
        return float(np.sqrt(row["low"] * row["high"])), spread
    return float(row["low"] or row["high"]), None


def anchors(
    claims: pl.DataFrame,
    *,
    place: str,
    counterpart: str | None = None,
    rules: Sequence[Regime] = (),
    figures: Sequence[dict[str, Any]] = (),
) -> tuple[list[Anchor], list[dict[str, Any]]]:
    """Figures as the model sees them, and those that it does not see, with the reason.

    Parameters
    ----------
    claims
        Claims about the place, of the streams of labour; the columns of a claim with ``id``.
    counterpart
        An origin: figures about it alone, shares times totals included. None: all origins together.
    rules
        Rules of status that permits and amnesties belong to.
    figures
        Further rows in the shape of claims.

    Returns
    -------
    Anchors, and unused figures (measure, why, ids).
    """
    rows = claims.to_dicts() + list(figures)
    errors = {(e["measure"], e["stream"], e["definition"]): e for e in cards()["error"]}
    loose = {(e["measure"], e["stream"]): e for e in cards()["error"]}
    permit = [r for r in rules if r.kind == "permit"]
    since = min((r.start for r in permit), default=date.max)
    holders: dict[int, list[tuple[float, dict[str, Any]]]] = {}
    found: dict[tuple[Any, ...], Anchor] = {}
    left: dict[tuple[str, str], list[str]] = {}

    def leave(row: dict[str, Any], why: str) -> None:
        left.setdefault((row["measure"], why), []).append(row["id"])

    rows = _from_shares(rows, counterpart, place) if counterpart else rows
    whole = {_cell(r) for r in rows if r["counterpart"] is None and r["value"] is not None}
    for row in rows:
        card = errors.get((row["measure"], row["stream"], row["definition"])) or (
            loose.get((row["measure"], row["stream"])) if row["definition"] is None else None
        )
        if row.get("copy_of"):
            leave(row, "a copy of another release is no second witness")
        elif card is None:
            leave(row, _why_not(row["measure"]))
        elif card["of"] in ("permits", "regularised") and _inside_another(row, rows):
            leave(row, "a part of the span that a longer figure tells: not a second witness")
        elif card["of"] == "permits" and (row["end"] - row["start"]).days < 85:
            leave(row, "less than a quarter of a year: permits have their seasons")
        elif row.get("group", "all") != "all":
            leave(row, "a part told by region, sector or another trait")
        elif row["value"] is None and row["low"] is None and row["high"] is None:
            leave(row, "no number")
        elif str(row["counterpart"]).startswith("_") and _cell(row) in whole:
            leave(row, "a group of origins beside the whole of the same days: a part, not a second witness")
        else:
            of = card["of"]
            end = (
                ""
                if row["counterpart"] is None or str(row["counterpart"]).startswith("_CIS")
                else str(row["counterpart"])
            )
            value, own_sd = _middle(row)
            sd = float(row.get("sd") or own_sd or card["sd"])
            years = _years(row["start"], row["end"])
            single = bool(end) and not end.startswith("_")
            part = end.startswith("_") and not counterpart
            regime = ""
            if value <= 0:
                leave(row, "zero or less has no logarithm; a published zero is evidence of another kind")
                continue
            if counterpart is None and single:
                if of not in ("total", "part"):
                    leave(row, "one origin of several; ask with --counterpart")
                    continue
                of = "total_at_least"
            elif counterpart is not None and of == "part":
                of = "total"
            if part and of not in ("total", "share"):
                leave(row, "of a group of origins, in a measure that is not a total")
                continue
            if of == "holders":
                for year, _ in years[:1]:
                    holders.setdefault(year, []).append((value, row))
                continue
            if of == "permits":
                covering = [r for r in permit if r.start < row["end"]]
                if not covering:
                    leave(row, "permits without a regime: events without a duration say nothing of persons")
                    continue
                regime = covering[-1].name
                value /= max((row["end"] - row["start"]).days, 1) / 365.25
            if of == "regularised":
                hits = [
                    r for r in rules if r.kind == "amnesty" and r.end and row["start"] < r.end and r.start < row["end"]
                ]
                if not hits:
                    leave(row, "no amnesty with a duration covers it")
                    continue
                regime = hits[0].name
            key = (of, end, row["start"], row["end"], round(value, 6))
            if key in found:
                found[key] = replace(found[key], ids=(*found[key].ids, row["id"]))
                continue
            found[key] = Anchor(
                key=f"{row['measure']} {row['start']}" + (f" {end}" if end else ""), of=of, years=years, value=value,
                sd=sd,
                part=part and of == "total", expert=bool(card.get("expert")), regime=regime, tested=bool(row["tested"])
                if "tested" in row else False, because=card["because"], ids=(row["id"],), source=row.get("told") or "",
                start=row["start"], end=row["end"], low=row["low"], high=row["high"],
            )  # fmt: skip
    yearly = {year: float(np.mean([v for v, _ in told])) for year, told in sorted(holders.items())}
    for year, told in sorted(holders.items()):
        before = date(year, 12, 31) < since
        card = loose[("work_permit_holders", "labour_registered")]
        of = "registered" if before and not counterpart else "registered_at_least"
        found["holders", year] = Anchor(
            key=f"work_permit_holders {year}", of=of, years=((year, 1.0),), value=yearly[year],
            sd=float(card["sd"]) if before else 0.1, because=card["because"],
            ids=tuple(dict.fromkeys(r["id"] for _, r in told)),
            source="; ".join(dict.fromkeys(r["told"] for _, r in told if r.get("told"))),
            start=date(year, 1, 1), end=date(year + 1, 1, 1),
        )  # fmt: skip
    if yearly:
        known = np.array(sorted(yearly))
        for key, a in found.items():
            if a.of == "permits":
                beside = np.interp(a.years[0][0], known, [yearly[y] for y in known])
                found[key] = replace(a, beside=float(beside))
    if counterpart is None:
        found |= _share_of_part(rows, place, found)
    ordered = sorted(found.values(), key=lambda a: (a.start or date.min, a.key))
    return ordered, [
        {"measure": measure, "why": why, "ids": ids} for (measure, why), ids in sorted(left.items())
    ]  # fmt: skip


def _cell(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a figure of a group of origins shares with that of all origins."""
    return tuple(row.get(c) for c in ("measure", "stream", "definition", "group", "start", "end"))


def _inside_another(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> bool:
    """Does a longer span of the same measure hold this one?"""
    same = ("measure", "stream", "counterpart")
    return any(
        all(r[c] == row[c] for c in same)
        and r.get("group", "all") == row.get("group", "all")
        and r["value"] is not None
        and r["start"] <= row["start"] and row["end"] <= r["end"]
        and (r["end"] - r["start"]) > (row["end"] - row["start"])
        for r in rows
    )  # fmt: skip


def _why_not(measure: str) -> str:
    return {
        "regularised_interim": "an interim count of the same campaign: not a second witness",
        "labour_quota": "a ceiling, not people",
        "labour_quota_share": "a ceiling, not people",
        "household_permit_quota": "a ceiling, not people",
        "household_permit_quota_share": "a ceiling, not people",
        "work_permits_issued": "employers' permits: their holders are counted on a day by the same register",
        "temporary_residence_permits": "residence of any purpose, not work alone",
        "labour_arrivals": "entries of one origin without their length of stay",
        "labour_migrants_share": "a share; used where a total of the same release is known",
        "regularised_share": "a share; used for one origin",
    }.get(measure, "no stated error for this measure and definition in data/labour.toml")


def _from_shares(rows: list[dict[str, Any]], origin: str, place: str) -> list[dict[str, Any]]:
    """Rows about one origin: its own, and totals times its published share."""
    totals = {
        (r["release"], r["start"], r["measure"]): r
        for r in rows
        if (r["counterpart"] is None or str(r["counterpart"]).startswith("_")) and r["value"] is not None
    }
    found = []
    for r in rows:
        if r["counterpart"] != origin:
            continue
        whole = {"labour_migrants_share": "labour_migrants", "regularised_share": "regularised"}.get(r["measure"])
        if whole is None:
            found.append(r)
            continue
        total = totals.get((r["release"], r["start"], whole))
        share = r["value"] if r["value"] is not None else r["low"]
        if total is not None and share:
            found.append({**total, "counterpart": origin, "value": total["value"] * share / 100,
                          "low": None, "high": None,
                          "id": f"{total['id']} × {r['id']}"})  # fmt: skip
    return found


def _share_of_part(
    rows: list[dict[str, Any]], place: str, found: dict[tuple[Any, ...], Anchor]
) -> dict[tuple[Any, ...], Anchor]:
    """The published share of the group that totals speak of, where shares by origin are told."""
    groups = {a.key.rsplit(" ", 1)[-1] for a in found.values() if a.part}
    if groups != {"_CENTRAL_ASIA"}:
        return {}
    members = {p.code for p in system("central-asia")} - {place}
    made: dict[tuple[Any, ...], Anchor] = {}
    told: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for r in rows:
        if r["measure"] == "labour_migrants_share" and r["counterpart"] in members and r["value"] is not None:
            told.setdefault((r["release"], r["start"]), []).append(r)
    for (release, start), parts in told.items():
        made["share", release, start] = Anchor(
            key=f"labour_migrants_share {start} _CENTRAL_ASIA", of="share", years=_years(start, parts[0]["end"]),
            value=min(sum(r["value"] for r in parts) / 100, 0.99), sd=0.4,
            because="sum of the origins told; its error is on the log-odds", ids=tuple(r["id"] for r in parts),
            start=start, end=parts[0]["end"],
        )  # fmt: skip
    return made


# ------------------------------------------------------------------ the question


def _scale(place: str, year: int, as_of: date | None, every: Sequence[Anchor]) -> float:
    """What scales the priors: the population, or where nobody had told it on the day, the figures themselves.

    The median of the prior is half a percent of it; without a population, a third of the anchors' typical size.
    """
    rows = evidence(place, "population", as_of=as_of)
    rows = rows.filter((pl.col("sex") == "all") & (pl.col("age") == "all") & pl.col("value").is_not_null())
    if len(rows):
        near = rows.sort((pl.col("start").dt.year() - year).abs(), "known")
        return float(near["value"][0])
    sizes = [a.value for a in every if a.of != "share"]
    return float(np.exp(np.mean(np.log(sizes)))) / 3 / 0.005


def gather(
    place: str, *, counterpart: str | None = None, as_of: date | None = None, strict: bool = False
) -> pl.DataFrame:
    """The claims that :func:`labour` asks for: of the place, and of origins about their own people in it."""
    there = evidence(place, stream=STREAMS, as_of=as_of, strict=strict)
    abroad = evidence(None, "labour_migrants_abroad", counterpart=place, as_of=as_of, strict=strict)
    # An origin speaks of its own people: turned round, so that every row is about the place.
    abroad = abroad.with_columns(counterpart=pl.col("place"), place=pl.lit(place))
    return pl.concat([there, abroad], how="vertical_relaxed")


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
    told = _told_figures(here.code, on) if figures is None else list(figures)
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
    scale = population if population is not None else _scale(here.code, first, on, kept)
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
    beside, lacking = ((), ()) if origin else _beside(table, told, here.code, seed)
    releases = dict.fromkeys(str(r) for r in table["release"].to_list()) if len(table) else {}
    used = {i.split(":")[0] for a in (*kept, *tested) for part in a.ids for i in part.split(" × ")}
    return Labour(
        place=here.code,
        counterpart=origin,
        as_of=on,
        cube=cube,
        parameters=_told_parameters(design, flat),
        anchors=_told_anchors(design, tested, flat, states, influence, min(influence_year, until), seed),
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


# ------------------------------------------------------------------ telling it


def _three(draws: Array) -> dict[str, float]:
    low, median, high = interval(draws, 0.8)
    return {"low80": float(low), "median": float(median), "high80": float(high)}


def _told_parameters(design: Design, flat: Array) -> tuple[dict[str, Any], ...]:
    grid = special.ndtri((np.arange(2000) + 0.5) / 2000)

    def one(i: int, p: Parameter) -> dict[str, Any]:
        share = contraction(flat[:, i])
        return {
            "name": p.name, "unit": p.unit, "meaning": p.meaning, "prior": _three(p.at(grid)),
            "posterior": _three(p.at(flat[:, i])), "contraction": share, "note": ASSUMPTION if share < 0.2 else "",
        }  # fmt: skip

    named = [(i, p) for i, p in enumerate(parameters(design)) if not p.name.startswith("step_")]
    return tuple(one(i, p) for i, p in named)


def _told_anchors(
    design: Design, tested: Sequence[Anchor], flat: Array, states: Any, influence: str, year: int, seed: int
) -> tuple[dict[str, Any], ...]:
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


def _beside(
    claims: pl.DataFrame, figures: Sequence[dict[str, Any]], place: str, seed: int
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, str], ...]]:
    """What each estimator of its own makes of the same evidence: bounds, side by side with the posterior."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    every = claims.to_dicts() + list(figures)

    def add(name: str, of: str, year: int, found: Hidden, ids: Sequence[str]) -> None:
        rows.append({
            "name": name, "of": of, "year": year, "low": found.low95, "value": found.value, "high": found.high95,
            "bound": found.bound, "assumptions": list(found.assumptions), "warnings": list(found.warnings),
            "ids": list(ids),
        })  # fmt: skip

    for r in every:
        if r["measure"] == "regularised" and r["value"] and r.get("definition") == "amnesty":
            for prior in ("1/U", "flat"):
                made = amnesty(r["value"], take_up=TAKE_UP, eligible=ELIGIBLE, prior=prior, draws=20_000, rng=rng)
                add(f"amnesty as a reveal, {prior} prior", "unregistered", r["start"].year, made, [r["id"]])
            guesses = [q for q in every if q["stream"] == "labour_unregistered" and q["measure"] == "labour_migrants"
                       and q["value"] and q["start"].year == r["start"].year]  # fmt: skip
            for q in guesses[:1]:
                source = f"the estimate of {q['value']:,.0f} of the same year, so it is no check of that estimate"
                made = amnesty(r["value"], take_up=(5, 4), derived_from=source, draws=20_000, rng=rng)
                add(
                    "amnesty as a reveal, take-up made to fit an estimate",
                    "unregistered",
                    r["start"].year,
                    made,
                    [r["id"], q["id"]],
                )
    persons: dict[int, Hidden] = {}
    for r in every:
        if r["measure"] in ("household_permits_issued", "patents_issued") and r["value"] and r["counterpart"] is None:
            length = (r["end"] - r["start"]).days / 365.25
            if length < 0.45 or r["start"].year in persons:
                continue
            samples = r["value"] / length / np.exp(np.log(2.0) + 0.4 * rng.standard_normal(20_000))
            low, high = np.quantile(samples, [0.025, 0.975])
            made = Hidden(
                "permits per person-year", float(np.median(samples)), float(low), float(high), samples, bound="lower",
                interval="prior of permits per person-year",
                assumptions=("two permits a person-year, within a factor 2.2 either way: an assumption",
                             "who holds a permit works, and nobody holds two at once"),
            )  # fmt: skip
            persons[r["start"].year] = made
            add("permits divided by permits per person-year", "registered", r["start"].year, made, [r["id"]])
    present = evidence(place, "foreign_citizens").filter(
        (pl.col("group") == "stay=temporary") & pl.col("value").is_not_null() & pl.col("counterpart").is_null()
    )  # fmt: skip
    for r in present.to_dicts():
        permits = persons.get(r["start"].year)
        if permits is not None and r["value"] > permits.value:
            made = residual(
                r["value"], permits.value, spread_registered=(permits.low95, permits.high95), draws=20_000, rng=rng
            )
            add("residual: temporarily staying less permit holders", "unregistered", r["start"].year, made, [r["id"]])
    for r in every:
        if (
            r["measure"] == "labour_migrants"
            and r["stream"] == "labour"
            and (r["counterpart"] is None or str(r["counterpart"])[0] == "_")
        ):
            value, _ = _middle(r)
            rows.append({
                "name": "published estimate" + (" (on trial)" if r.get("tested") else ""),
                "of": "total" if r["counterpart"] is None else f"total of {r['counterpart']}", "year": r["start"].year,
                "low": r["low"], "value": value, "high": r["high"], "bound": "estimate",
                "assumptions": ["as printed; nobody says how it was made"], "warnings": [], "ids": [r["id"]],
            })  # fmt: skip
    rows.sort(key=lambda r: (r["year"], r["name"]))
    return tuple(rows), (
        {
            "name": "repeat counts (ZTP, Chao, Zelterman)",
            "needs": "how often each person was apprehended: times, people",
        },
        {
            "name": "power law (Zhang)",
            "needs": "by origin: residents, those met by police, irregular persons apprehended",
        },
        {"name": "multiplier", "needs": "the registered share among labour migrants, from a survey with its error"},
        {"name": "capture-recapture", "needs": "two or three lists of persons, linked"},
    )


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


def told(found: Labour, thresholds: Sequence[tuple[int, float]] = ()) -> dict[str, Any]:
    """Everything about a posterior as plain values; thresholds (year, persons) are those of statements on trial too."""
    asked = list(dict.fromkeys([*thresholds, *((a.years[0][0], a.value) for a in found.statements)]))
    without: dict[str, dict[str, float]] = {}
    believing: dict[str, dict[str, float]] = {}
    for year, number in asked:
        without.setdefault(str(year), {})[f"{number:.0f}"] = probability(found, year, number)[0]
        if found.statements:
            believing.setdefault(str(year), {})[f"{number:.0f}"] = probability(
                found, year, number, with_statements=True
            )[0]
    d = found.diagnosis
    moved = [a for a in found.anchors if not a["tested"] and (a.get("influence") or {}).get("change") is not None]
    top = max(moved, key=lambda a: abs(a["influence"]["change"]), default=None)
    return {
        **by_year(found),
        "p_total_at_least": without,
        "p_total_at_least_with_statement": believing,
        "statements_on_trial": [{"key": a.key, "value": a.value, "source": a.source} for a in found.statements],
        "most_influential_anchor": None if top is None else {"key": top["key"], **top["influence"]},
        "unregistered_seen": found.unregistered_seen,
        "parameters": list(found.parameters),
        "estimators": list(found.estimators),
        "not_supported": list(found.not_supported),
        "anchors": list(found.anchors),
        "unused": list(found.unused),
        "diagnostics": {
            "rhat": d.rhat, "ess_bulk": d.ess_bulk, "ess_tail": d.ess_tail, "worst": list(d.worst), "chains": d.chains,
            "draws": d.draws, "people_created_or_lost": found.conserved,
        },
        "sources": list(found.sources),
    }  # fmt: skip


def table(found: Labour) -> pl.DataFrame:
    """Medians and 80% intervals by year: persons present, year averages."""
    plain = by_year(found)
    columns: dict[str, Any] = {"year": plain["years"]}
    for name in ("registered", "unregistered", "total", "ratio"):
        for end in ("median", "low80", "high80"):
            columns[name if end == "median" else f"{name}_{end}"] = plain[name][end]
    return pl.DataFrame(columns)


def _round(value: float) -> str:
    """Two figures that count, in words."""
    if value <= 0:
        return "0"
    digits = -int(np.floor(np.log10(value))) + 1
    return f"{round(value, digits):,.0f}"


def sentences(found: Labour, thresholds: Sequence[tuple[int, float]] = ()) -> list[str]:
    """The answer in sentences: the last statement's year, its probability, what moved it, what is assumed."""
    plain = told(found, thresholds)
    years = plain["years"]
    asked = found.statements[0].years[0][0] if found.statements else years[-1]
    year = asked if asked in years else years[-1]
    i = years.index(year)
    total, ratio = plain["total"], plain["ratio"]
    where = f"Labour migrants in {found.place}{f' from {found.counterpart}' if found.counterpart else ''} in {year}"
    where += ": " if found.as_of is None else f", as of {found.as_of}: "
    registered, unregistered = plain["registered"], plain["unregistered"]
    if found.unregistered_seen:
        line = (
            f"{where}{_round(total['median'][i])} (80% between {_round(total['low80'][i])} and "
            f"{_round(total['high80'][i])}), of whom {_round(unregistered['median'][i])} unregistered: "
            f"{ratio['median'][i]:.1f} for each registered ({ratio['low80'][i]:.1f} to {ratio['high80'][i]:.1f})."
        )
    else:
        line = (
            f"{where}{_round(registered['median'][i])} registered (80% between {_round(registered['low80'][i])} and "
            f"{_round(registered['high80'][i])}). No figure at hand counts the unregistered: their number, the total "
            "and the ratio come from the prior alone and are no finding."
        )
    lines = [line]
    for y, numbers in plain["p_total_at_least"].items():
        for number, p in numbers.items():
            line = f"P(at least {float(number):,.0f} in {y}) = {p:.1%}"
            if found.statements:
                believing = plain["p_total_at_least_with_statement"][y][number]
                line += f" without the statement on trial, {believing:.1%} with it"
            lines.append(line + ".")
    top = plain["most_influential_anchor"]
    if top is not None:
        change = f"{top['change']:+.0%}"
        lines.append(f"Without {top['key']} the total of {top['year']} changes by {change}: no other moves it more.")
    assumed = [p["name"] for p in found.parameters if p["note"]]
    if assumed:
        lines.append(f"{ASSUMPTION.capitalize()}: {', '.join(assumed)}.")
    d = found.diagnosis
    lines.append(
        f"R-hat {d.rhat:.3f}, effective draws {d.ess_bulk:,.0f} (bulk) and {d.ess_tail:,.0f} (tails), "
        f"{len(found.anchors)} anchor{'s' if len(found.anchors) != 1 else ''}."
    )
    return lines
