"""Who went where: evidence to flows, every edition of the stocks side by side, with its rules and its certificate."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xarray as xr

from keruen import export
from keruen.errors import BadDate, NoEvidence, OutputError, VocabularyError, need
from keruen.estimators.ipf import Array
from keruen.estimators.tables import CLOSED, METHODS, SEEDED, ManyFlows, check_options, flows_many, refuse_gap
from keruen.flow_accounts import accounts
from keruen.flow_draws import QUANTILES, Draws, run
from keruen.flow_evidence import EDITIONS, RULES, Account, cards_of, dates, editions, periods_of
from keruen.flow_spread import spread
from keruen.places import Place
from keruen.places import place as one_place
from keruen.snapshot import covariates

PARTS = ("value", "outward", "return", "transit")
INTERVALS = ("low95", "low80", "median", "high80", "high95")
_FLOW = ("release", "period", "sex", "origin", "destination")


@dataclass(frozen=True, slots=True)
class WorldFlows:
    """Flows between all places, by edition.

    Attributes
    ----------
    cube
        ``value`` (release, period, sex, origin, destination), persons a period, with ``outward``, ``return`` and
        ``transit``; where there are draws also ``median``, ``low80``, ``high80``, ``low95``, ``high95``. The diagonal
        holds stayers. Absent: the edition gives no flow there. ``net_gap``, ``unaccounted``, ``changed_cells``,
        ``changed_people``, ``residual`` and ``iterations`` are the certificate in numbers.
    rules
        Everything borrowed, rescaled, stretched or filled: one row a release, period, sex and rule.
    certificate
        The same in words.
    sources
        The releases it rests on.
    draws
        The draws, where there are any.
    """

    cube: xr.Dataset
    rules: pl.DataFrame
    certificate: dict[str, Any]
    sources: tuple[str, ...]
    draws: Draws | None = None

    def __repr__(self) -> str:
        last = self.cube.isel(period=-1)
        sexes = ["all"] if "all" in last["sex"] else [str(s) for s in last["sex"].values]
        moved = last["value"].sel(sex=sexes).sum("sex", skipna=False)
        moved = moved.where(moved["origin"] != moved["destination"]).dropna("release", how="all")
        totals, editions = moved.sum(("origin", "destination")).values, [str(r) for r in moved["release"].values]
        low, high = int(totals.argmin()), int(totals.argmax())
        told = f"{totals[low]:,.0f} people moved ({editions[low]})"
        told += f" to {totals[high]:,.0f} ({editions[high]})" if len(editions) > 1 else ""
        newest = moved.isel(release=-1)
        top = newest.isel(newest.argmax(("origin", "destination")))
        largest = f"{top['origin'].item()} to {top['destination'].item()} {top.item():,.0f}"
        if "low80" in last and len(sexes) == 1:
            same = last.sel({n: top[n] for n in ("release", "origin", "destination")}).sel(sex=sexes[0])
            largest += f" (80% {same['low80'].item():,.0f} to {same['high80'].item():,.0f})"
        many = self.cube.sizes["period"]
        which = last["period"].item() + (f", the last of {many} periods" if many > 1 else "")
        who = "" if sexes == ["all"] else f" ({' and '.join(sexes)})"
        return (
            f"Flows between {moved.sizes['origin']} places in {which}, {self.cube.attrs['method']}{who}: {told}."
            f" Largest by {editions[-1]}: {largest}. See rows(), rules, certificate, cube."
        )

    def _repr_html_(self) -> str:
        last = replace(self, cube=self.cube.isel(period=[-1]))
        table = last.rows().sort("value", descending=True).head(10)
        return f"<p>{escape(repr(self))}</p>{table._repr_html_()}"

    def rows(
        self, place: str | None = None, *, origin: str | None = None, destination: str | None = None
    ) -> pl.DataFrame:
        """Flows as a table, one row a corridor, period, sex and edition; stayers are left out.

        Parameters
        ----------
        place
            Corridors that begin or end here.
        origin, destination
            One end.
        """
        from_, to, either = (None if p is None else one_place(p).code for p in (origin, destination, place))
        if from_ is not None and from_ == to:
            raise NoEvidence(f"Who stays in {one_place(from_).name} makes no flow: name two places.")
        known = set(self.cube["origin"].values.tolist())
        for code in (from_, to, either):
            if code is not None and code not in known:
                raise NoEvidence(f"No edition asked for has stocks of {one_place(code).name}: it has no flows.")
        tables = []
        cube = self.cube
        names = [n for n in (*PARTS, *INTERVALS) if n in cube]
        places = np.array(cube["origin"].values)
        keep = np.ones((len(places), len(places)), bool)
        np.fill_diagonal(keep, False)
        if from_ is not None:
            keep &= (places == from_)[:, None]
        if to is not None:
            keep &= (places == to)[None, :]
        if either is not None:
            keep &= (places == either)[:, None] | (places == either)[None, :]
        o, d = np.nonzero(keep)
        for r, release in enumerate(cube["release"].values):
            for p in range(cube.sizes["period"]):
                for s, sex in enumerate(cube["sex"].values):
                    values = {n: cube[n].values[r, p, s][o, d] for n in names}
                    here = np.isfinite(values["value"])
                    if not here.any():
                        continue
                    tables.append(
                        pl.DataFrame(
                            {
                                "origin": places[o[here]],
                                "destination": places[d[here]],
                                **{n: v[here] for n, v in values.items()},
                            }
                        ).with_columns(
                            start=pl.lit(cube["start"].values[p].astype("datetime64[D]").astype(object)),
                            end=pl.lit(cube["end"].values[p].astype("datetime64[D]").astype(object)),
                            sex=pl.lit(str(sex)),
                            method=pl.lit(cube.attrs["method"]),
                            release=pl.lit(str(release)),
                        )
                    )
        if not tables:
            raise NoEvidence("No edition gives a flow on this corridor in this period.")
        out = pl.concat(tables)
        missing = [n for n in INTERVALS if n not in out.columns]
        return out.with_columns(pl.lit(None, pl.Float64).alias(n) for n in missing).select(
            "origin", "destination", "start", "end", "sex", "method", "release", "value", *INTERVALS, "outward",
            "return", "transit",
        )  # fmt: skip


def flows(
    period: str | None = None,
    *,
    release: str | Sequence[str] | None = None,
    sex: str | Sequence[str] = "all",
    method: str = "pseudo_bayes",
    weight: float = 0.87,
    prior: str | Array | None = None,
    vital: str | None = None,
    other: str = "share",
    balance: str = "before",
    draws: int = 0,
    seed: int = 0,
    workers: int = 1,
    to: str | os.PathLike[str] | None = None,
    as_of: str | date | None = None,
    strict: bool = False,
    hindsight: bool = False,
    claims: pl.DataFrame | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WorldFlows:
    """Flows of the whole world from the stocks of one edition or of all, by period.

    Parameters
    ----------
    period
        ``"2015-2020"``; by default all periods between dates that an edition tells. A period of four years is one of
        four years: nothing is stretched to five.
    release
        Editions of the migrant stock; by default every one that gives a flow in the period and was known on the day.
    sex
        all, male, female, or several. Flows of the sexes need not sum to those of all: each is an estimate.
    method, weight
        As in :func:`keruen.transitions`.
    prior
        ``"distance"`` for a seed of inverse distances between capitals, or an array (origin, destination) on the
        places of a single edition and period.
    vital
        Edition of births, deaths and populations; by default the one that goes with the stocks.
    other
        ``"share"`` people of other or unknown birthplace over the known ones, ``"keep"`` them as one birthplace, or
        count them as ``"natives"``, as published estimates do.
    balance
        As in :func:`keruen.transitions`.
    draws, seed
        How many draws of stocks and vital events the intervals rest on; none by default. The same seed gives the same
        draws.
    workers, to
        Processes, and a folder for draws that do not fit into memory; see docs/flows.md.
    as_of
        Only editions known on that day.
    strict
        Leave out figures whose known day rests on a publication lag.
    hindsight
        With `as_of`: take births, deaths and populations that became known later, and say so in the certificate. The
        stocks are still those of the day. `strict` refuses it.
    claims
        Claims with the columns of :func:`keruen.evidence`; fetched when not given.
    progress
        Called with chunks of draws done and in all.

    Returns
    -------
    WorldFlows

    Raises
    ------
    NoEvidence
        No edition known gives a flow in the period.
    InfeasibleMargins, Incomparable
        As in :func:`keruen.transitions`, with the edition, the period and the sex.

    References
    ----------
    Abel and Cohen (2019), Scientific Data 6:82, doi 10.1038/s41597-019-0089-3.

    Examples
    --------
    >>> found = flows("2015-2020", release="un-ims-2020", method="minimisation_closed")
    >>> found.rows(origin="UZB", destination="RUS").select("start", "value", "release").height
    1
    """
    check_options(weight, method=method, balance=balance)
    if prior is not None and method not in SEEDED:
        raise VocabularyError(f"method={method!r} fits nothing, so a prior cannot be honoured: {', '.join(SEEDED)}.")
    found = assembled(
        period, release=release, sex=sex, vital=vital, other=other, as_of=as_of, strict=strict, hindsight=hindsight,
        claims=claims,
    )  # fmt: skip
    return estimated(
        found, method=method, weight=weight, prior=prior, balance=balance, draws=draws, seed=seed, workers=workers,
        to=to, as_of=as_of, progress=progress,
    )  # fmt: skip


def assembled(
    period: str | None = None,
    *,
    release: str | Sequence[str] | None = None,
    sex: str | Sequence[str] = "all",
    vital: str | None = None,
    other: str = "share",
    as_of: str | date | None = None,
    strict: bool = False,
    hindsight: bool = False,
    claims: pl.DataFrame | None = None,
) -> list[Account]:
    """The accounts that flows are estimated from, one an edition and period; parameters as in `flows`."""
    sexes = (sex,) if isinstance(sex, str) else tuple(sex)
    asked = _period(period)
    chosen = _releases(release, as_of, claims)
    found: list[Account] = []
    told: dict[str, list[str]] = {}
    for key in chosen:
        pairs = periods_of(dates(key, as_of=as_of, claims=claims))
        told[key] = [f"{a.year}-{b.year}" for a, b in pairs]
        pairs = [p for p in pairs if asked is None or (p[0].year, p[1].year) == asked]
        if pairs:
            found += accounts(
                key, pairs, sexes=sexes, vital=vital, other=other, as_of=as_of, strict=strict, hindsight=hindsight,
                claims=claims,
            )  # fmt: skip
    if not found:
        offers = "; ".join(
            f"{key}: {', '.join(pairs) or 'one date only, and flows need two'}" for key, pairs in told.items()
        )
        raise NoEvidence(f"No edition gives flows {period or ''}. There are {offers}.")
    return found


def estimated(
    found: Sequence[Account],
    *,
    method: str = "pseudo_bayes",
    weight: float = 0.87,
    prior: str | Array | None = None,
    balance: str = "before",
    draws: int = 0,
    seed: int = 0,
    workers: int = 1,
    to: str | os.PathLike[str] | None = None,
    as_of: str | date | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WorldFlows:
    """Flows of assembled accounts; parameters as in `flows`."""
    check_options(weight, method=method, balance=balance)
    sexes = found[0].sexes
    options: dict[str, Any] = {"method": method, "weight": weight, "balance": balance, "births_from": "native_first"}
    fitted = []
    for account in found:
        own = dict(options, seed=_prior(prior, account)) if prior is not None else options
        fitted.append(_fitted(account, own))
    ensemble = None
    if draws:
        if prior is not None:
            raise VocabularyError("Draws are made without a prior. Take draws=0, or leave the prior out.")
        ensemble = run(
            found, spread(as_of), draws=draws, seed=seed, workers=workers, to=to, progress=progress, **options
        )
    cube = _cube(found, fitted, ensemble, sexes)
    cube.attrs |= {
        "method": method,
        "prior": "uniform" if prior is None else str(prior) if isinstance(prior, str) else "given",
    }
    if method == "pseudo_bayes":
        cube.attrs["weight"] = weight
    rules = _rules(found)
    certificate = _certificate(found, fitted, rules, cube, ensemble)
    sources = tuple(sorted({s for a in found for s in a.sources} | set(_spread_sources(ensemble, as_of))))
    return WorldFlows(cube, rules, certificate, sources, ensemble)


def _spread_sources(ensemble: Draws | None, as_of: str | date | None) -> tuple[str, ...]:
    return spread(as_of).sources if ensemble is not None else ()


def _period(period: str | None) -> tuple[int, int] | None:
    if period is None:
        return None
    match = re.fullmatch(r"\s*(\d{4})\s*[-–/]\s*(\d{4})\s*", str(period))
    if match is None:
        raise BadDate(f"{period!r} is not a period. Write two years, say 2015-2020.")
    first, last = int(match[1]), int(match[2])
    if first >= last:
        raise BadDate(f"The period {period} ends before it begins.")
    return first, last


def _releases(release: str | Sequence[str] | None, as_of: str | date | None, claims: pl.DataFrame | None) -> list[str]:
    if release is not None:
        return [release] if isinstance(release, str) else list(release)
    if claims is not None:
        stocks = claims.filter((pl.col("measure") == "stock") & pl.col("counterpart").is_not_null())
        return sorted(stocks["release"].unique().to_list())
    known = editions(as_of)
    if not known:
        raise NoEvidence(f"No edition of the stocks that tells two dates was known by {as_of}.")
    return known


def _prior(prior: str | Array, account: Account) -> Array:
    if not isinstance(prior, str):
        return np.asarray(prior, float)
    if prior != "distance":
        raise VocabularyError(f"prior={prior!r} is not 'distance' or an array (origin, destination).")
    table = covariates("cepii_dyads").select("origin", "destination", "distcap").drop_nulls()
    told = {(a, b): v for a, b, v in table.iter_rows()}
    n = len(account.places)
    out = np.full((n, n), np.nan)
    for i, a in enumerate(account.places):
        for j, b in enumerate(account.places):
            km = told.get((a, b)) if a != b else None
            out[i, j] = np.nan if km is None else 1 / max(float(km), 1.0)
    middle = float(np.nanmedian(out))
    out = np.where(np.isfinite(out), out, middle)  # places without a distance stand in the middle
    np.fill_diagonal(out, float(out.max()))
    return out


def _fitted(account: Account, options: dict[str, Any]) -> ManyFlows:
    period = f"{account.release}, {account.start.year}-{account.end.year}"
    figures = account.stock_start, account.stock_end, account.births, account.deaths
    labels = [f"{period}, {sex}" for sex in account.sexes]
    fitted = flows_many(*figures, labels=labels, names=account.places, **options)
    if options["method"] in CLOSED:
        refuse_gap(*figures, labels)
    return fitted


def _cube(
    found: Sequence[Account], fitted: Sequence[ManyFlows], ensemble: Draws | None, sexes: Sequence[str]
) -> xr.Dataset:
    releases = list(dict.fromkeys(a.release for a in found))
    periods = sorted({(a.start, a.end) for a in found}, key=lambda p: (p[0], p[1]))
    places = sorted({p for a in found for p in a.places if not p.startswith("_")})
    index = {p: i for i, p in enumerate(places)}
    shape = (len(releases), len(periods), len(sexes), len(places), len(places))
    names = [*PARTS, *(INTERVALS if ensemble is not None else ())]
    tables = {name: np.full(shape, np.nan) for name in names}
    gap = np.full(shape[:4], np.nan)
    scalars = {
        n: np.full(shape[:3], np.nan)
        for n in ("unaccounted", "changed_cells", "changed_people", "residual", "iterations", "unplaced")
    }
    for k, (account, one) in enumerate(zip(found, fitted, strict=True)):
        r, p = releases.index(account.release), periods.index((account.start, account.end))
        inner = [i for i, code in enumerate(account.places) if code in index]
        at = np.array([index[account.places[i]] for i in inner])
        where = np.ix_(np.arange(len(sexes)), at, at)
        for name, table in zip(PARTS, (one.table, one.outward, one.returned, one.transit), strict=True):
            tables[name][r, p][where] = table[:, inner][:, :, inner]
        gap[r, p][:, at] = one.net_gap[:, inner]
        scalars["unaccounted"][r, p] = one.gap
        scalars["unplaced"][r, p] = one.unplaced
        scalars["changed_cells"][r, p] = one.changed_cells
        scalars["changed_people"][r, p] = one.changed_people
        scalars["iterations"][r, p] = one.iterations
        scalars["residual"][r, p] = np.maximum(one.residual_start.max(1), one.residual_end.max(1))
        if ensemble is not None:
            quantiles = ensemble.quantiles(k)
            for q, name in enumerate(INTERVALS):
                tables[name][r, p][where] = quantiles[q][:, inner][:, :, inner]
    starts = np.array([a for a, _ in periods], dtype="datetime64[ns]")
    ends = np.array([b for _, b in periods], dtype="datetime64[ns]")
    labels = [f"{a.year}-{b.year}" for a, b in periods]
    out = xr.Dataset(
        {name: (_FLOW, table, {"units": "persons"}) for name, table in tables.items()},
        coords={
            "release": releases, "period": labels, "sex": list(sexes), "origin": places, "destination": places,
            "place": places, "start": ("period", starts), "end": ("period", ends),
            "years": ("period", [_years(a, b) for a, b in periods]),
        },
    )  # fmt: skip
    out["net_gap"] = ((*_FLOW[:3], "place"), gap, {"units": "persons"})
    for name, values in scalars.items():
        out[name] = (_FLOW[:3], values, {"units": "1" if name in ("changed_cells", "iterations") else "persons"})
    return out


def _years(start: date, end: date) -> float:
    return round(((end.year - start.year) * 12 + end.month - start.month) / 12, 3)


def _rules(found: Iterable[Account]) -> pl.DataFrame:
    tables = [
        a.rules.with_columns(release=pl.lit(a.release), start=pl.lit(a.start), end=pl.lit(a.end), vital=pl.lit(a.vital))
        for a in found
    ]
    said = pl.concat(tables)
    return said.with_columns(meaning=pl.col("rule").replace_strict(RULES, return_dtype=pl.String)).select(
        "release", "vital", "start", "end", "sex", "rule", "places", "people", "where", "meaning"
    )


def _certificate(
    found: Sequence[Account], fitted: Sequence[ManyFlows], rules: pl.DataFrame, cube: xr.Dataset, ensemble: Draws | None
) -> dict[str, Any]:
    worst = float(cube["residual"].max())
    gap = float(np.abs(cube["unaccounted"]).max())
    matched = max(float(np.abs(one.birthplace_gap).sum(1).max()) / 2 for one in fitted)
    closed = cube.attrs["method"] in ("minimisation_closed", "independence", "pseudo_bayes")
    line = (
        f"{gap:,.0f} people unaccounted for in the world's accounts"
        + ("; taken up by the native-born" if closed else "")
        + f"; birthplace totals apart by up to {matched:,.0f} people"
        + f"; {int(cube['changed_cells'].max())} empty cells had to take people"
        + f"; margins met to {worst:.2g} people"
        + f"; rules used: {', '.join(sorted(set(rules['rule'])))}."
    )
    told = {
        "line": line,
        "method": cube.attrs["method"],
        "unaccounted": gap,
        "birthplace_gap": matched,
        "changed_cells": int(cube["changed_cells"].max()),
        "changed_people": float(cube["changed_people"].max()),
        "unplaced": float(cube["unplaced"].max()),
        "margins_met_to": worst,
        "largest_net_gap": float(np.nanmax(np.abs(cube["net_gap"].values))),
        "iterations": int(cube["iterations"].max()),
        "draws": 0 if ensemble is None else ensemble.draws,
        "seed": None if ensemble is None else ensemble.seed,
        "releases": {a.release: a.vital for a in found},
        "periods_years": {f"{a.start.year}-{a.end.year}": _years(a.start, a.end) for a in found},
        "rules": rules.drop("meaning").to_dicts(),
        "meanings": {rule: RULES[rule] for rule in sorted(set(rules["rule"]))},
    }
    if ensemble is not None:
        told["interval"] = (
            "Quantiles of draws of stocks, births, deaths and net migration whose errors are as large as editions "
            "disagree. Errors of stocks look like moves, so most medians lie above the flow of the printed figures."
        )
    return told


def sources(found: WorldFlows) -> list[dict[str, object]]:
    """The releases that flows rest on, in plain data."""
    return cards_of(found.sources)


def corridor_rows(found: WorldFlows, place: str | int | Place, top: int = 10) -> pl.DataFrame:
    """The largest corridors of a place, out and in, by the newest edition of each period, with the editions' range.

    Returns
    -------
    ``direction`` (out, in), ``counterpart``, ``start``, ``end``, ``value``, ``lowest``, ``highest``, ``editions``,
    ``release`` and intervals where there are draws.
    """
    code = one_place(place).code
    rows = found.rows(code)
    direction = pl.when(pl.col("origin") == code).then(pl.lit("out")).otherwise(pl.lit("in"))
    rows = rows.with_columns(
        direction=direction,
        counterpart=pl.when(pl.col("origin") == code).then("destination").otherwise("origin"),
    )
    order = {key: k for k, key in enumerate(EDITIONS)}
    rows = rows.with_columns(
        _edition=pl.col("release").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    )
    key = ["direction", "counterpart", "start", "end", "sex"]
    return (
        rows.sort("_edition")
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("value").last(),
            *(pl.col(n).last() for n in INTERVALS),
            pl.col("value").min().alias("lowest"),
            pl.col("value").max().alias("highest"),
            pl.len().alias("editions"),
            pl.col("release").last(),
        )
        .sort("start", "end", "direction", "value", descending=[True, True, True, True])
        .group_by("start", "end", "direction", "sex", maintain_order=True)
        .head(top)
    )


def usual_draws(
    draws: int | None,
    *,
    period: str | None,
    release: Sequence[str] | None,
    prior: str | None = None,
    as_of: str | date | None = None,
) -> int:
    """How many draws a command makes when none are told: a hundred, a second's work, where one edition and period is
    asked, no prior, and two editions were known whose disagreement could tell the spread.

    Examples
    --------
    >>> usual_draws(None, period="2015-2020", release=["un-ims-2020"]), usual_draws(None, period=None, release=None)
    (100, 0)
    """
    if draws is not None:
        return draws
    one = period is not None and release is not None and len(release) == 1 and prior is None
    return 100 if one and len(editions(as_of)) > 1 else 0


def refuse_out(out: Path | None, force: bool) -> None:
    """Raise before the work if its result could not be written."""
    if out is None:
        return
    if out.suffix != ".zarr":
        export.refuse(out, force=force)
    elif out.exists() and not force:
        raise OutputError(f"{out} is there already. Give --force to replace it, or another name.")


def write_zarr(found: WorldFlows, out: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write the cube, its certificate and its sources as a Zarr group.

    Raises
    ------
    OutputError
        If it is there already, or cannot be written.
    """
    zarr = need("zarr", "flows")
    target = Path(out)
    refuse_out(target, force)
    part = target.with_name(target.name + ".part")
    try:
        for folder in (part, *([target] if target.exists() else [])):
            if folder.exists():
                if folder == target and not (folder / ".zgroup").exists():
                    raise OutputError(f"{target} is there and is no Zarr group. Name another.")
                if folder == part:
                    shutil.rmtree(folder)
        group = zarr.open_group(str(part), mode="w", zarr_format=2)
        for name, variable in found.cube.variables.items():
            values = np.asarray(variable.values)
            attributes = dict(variable.attrs)
            if values.dtype.kind in "UO":
                values = values.astype(str)
            elif values.dtype.kind == "M":
                values = values.astype("datetime64[D]").astype(np.int64)
                attributes |= {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian"}
            elif values.dtype == np.float64 and values.ndim > 3:
                values = values.astype(np.float32)
            chunks = (1, 1, 1, *values.shape[3:]) if values.ndim > 3 else values.shape
            array = group.create_array(
                str(name), shape=values.shape, chunks=tuple(max(c, 1) for c in chunks), dtype=values.dtype,
            )  # fmt: skip
            array[...] = values
            attributes["_ARRAY_DIMENSIONS"] = list(map(str, variable.dims))
            array.attrs.update(attributes)
        told = json.loads(json.dumps({"certificate": found.certificate, "sources": sources(found)}, default=str))
        beside = [str(k) for k in found.cube.coords if k not in found.cube.dims]
        group.attrs.update(
            {**{str(k): v for k, v in found.cube.attrs.items()}, **told, "coordinates": " ".join(beside)}
        )
        zarr.consolidate_metadata(str(part), zarr_format=2)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written ({error}). Name another folder, or make room.") from error
    return target


__all__ = [
    "METHODS",
    "QUANTILES",
    "WorldFlows",
    "corridor_rows",
    "flows",
    "refuse_out",
    "sources",
    "usual_draws",
    "write_zarr",
]
