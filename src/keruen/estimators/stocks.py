"""Who went where: flows from successive stocks, every method of Abel and Cohen (2019), each with its certificate."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from keruen.errors import Incomparable, NoEvidence, VocabularyError
from keruen.estimators.ipf import Array
from keruen.estimators.tables import CLOSED, DIFFERENCING, METHODS, ManyFlows, check_options, flows_many, refuse_gap

__all__ = ["METHODS", "composition", "transitions"]

_ORDER = ("draw", "period", "birthplace", "origin", "destination", "place", "sex", "age", "release")
_EXTRA = ("draw", "period", "sex", "age", "release")

_REFERENCES = {
    "drop_negative": "Stock differencing, falls dropped: Abel and Cohen (2019), Scientific Data 6:82.",
    "reverse_negative": "Stock differencing, falls as returns: Beine and Parsons (2015); Abel and Cohen (2019).",
    "migration_rates": "Migration rates: Dennett (2016); Abel and Cohen (2019), Scientific Data 6:82.",
    "minimisation_open": "Open demographic accounting: Abel (2013), Demographic Research 28:18.",
    "minimisation_closed": "Closed demographic accounting: Abel and Sander (2014), Science 343:1520.",
    "independence": "Closed accounting without a preference to stay: Azose and Raftery (2019), PNAS 116:116-122.",
    "pseudo_bayes": "Pseudo-Bayes: Azose and Raftery (2019), PNAS 116:116-122, doi 10.1073/pnas.1722334116.",
}

_MEANING = {
    "transitions": "People by residence at the start and at the end of the period; the diagonal holds stayers.",
    "outward": "Moves of people away from their birthplace.",
    "return": "Moves of people to their birthplace.",
    "transit": "Moves between two places neither of which is the birthplace.",
    "residual_start": "Largest miss, over birthplaces, of the people at this origin at the start.",
    "residual_end": "Largest miss, over birthplaces, of the people at this destination at the end.",
    "net_gap": "Net migration less (population change - births + deaths).",
    "birthplace_gap": "Survivors by birthplace at the start less those at the end, before the totals were matched.",
    "left": "People of this birthplace without a counterpart at the end, who leave the system.",
    "entered": "People of this birthplace without a counterpart at the start, who enter the system.",
    "unaccounted": "Births less deaths less population change of all places: people the sources do not account for.",
    "unplaced": "People whom the method leaves out: falls dropped, departures beyond the people there are.",
    "changed_cells": "Empty cells of the stocks that had to take people so that the totals can be met.",
    "changed_people": "People whom those cells took.",
    "iterations": "Newton steps and proportional sweeps.",
}


def transitions(
    start: xr.DataArray,
    end: xr.DataArray,
    births: xr.DataArray | None = None,
    deaths: xr.DataArray | None = None,
    *,
    method: str = "pseudo_bayes",
    weight: float = 0.87,
    seed: xr.DataArray | None = None,
    balance: str = "before",
    births_from: str = "native",
    deaths_from: str = "proportion",
    outside: str = "own",
    repair: bool = True,
    by_birthplace: bool = True,
    tolerance: float = 1e-3,
) -> xr.Dataset:
    """Estimate bilateral transitions from the stocks of migrants at two dates, with a certificate.

    A transition is a person who lives in one place at the start and in another at the end, whatever happened between.
    It is not a registered movement; the flows inherit the stocks' definition of residence (mostly twelve months).

    Parameters
    ----------
    start, end
        Stocks, dims (birthplace, residence) and any of draw, period, sex, age, release, persons. The diagonal holds the
        native-born: population less foreign-born. Both dims list the same places.
    births, deaths
        Between the two dates, dims (residence) and extra ones, persons; both or neither. None means that nobody said.
    method
        ``drop_negative``, ``reverse_negative``, ``migration_rates``, ``minimisation_open``, ``minimisation_closed``,
        ``independence`` or ``pseudo_bayes``.
    weight
        Share w of the minimum in pseudo-Bayes, Y = w·Y_min + (1 − w)·Y_indep.
    seed
        What is known of corridors beforehand: inverse distance, a common language, the flow of the period before. Dims
        (origin, destination), birthplace and extra dims allowed; larger is likelier, only ratios matter. Honoured by
        every fitted method; its diagonal, staying, has a say in independence and pseudo-Bayes.
    balance
        ``"before"`` or ``"after"`` births and deaths are taken out, natives take up the gap of the world's accounts.
    births_from
        ``"native"``; ``"proportion"``, from all birthplaces alike; ``"native_first"``, from all birthplaces alike only
        where births exceed natives.
    deaths_from
        ``"proportion"``, one death rate for all who live in a place; ``"accounting"``, by each birthplace's account.
    outside
        For ``minimisation_open``: people leave and enter in proportion to their own date's places of residence
        (``"own"``, Abel 2013) or to those of the other date (``"other"``).
    repair
        Give room in empty cells where the totals cannot match otherwise, and certify it; else raise.
    by_birthplace
        Keep birthplaces apart. Without, the cube never exists: fast, and small enough for a thousand draws.
    tolerance
        Largest miss of a margin under a seed, persons.

    Returns
    -------
    xarray.Dataset
        ``transitions`` (…, birthplace, origin, destination, …) or (…, origin, destination, …), persons, the diagonal of
        origins and destinations holding those who stayed; ``outward``, ``return`` and ``transit``, its parts off the
        diagonal summed over birthplaces; and the certificate: ``residual_start``, ``residual_end``, ``net_gap``,
        ``birthplace_gap``, ``left``, ``entered``, ``unaccounted``, ``unplaced``, ``changed_cells``, ``changed_people``,
        ``iterations``. ``attrs["certificate"]`` says it in a line, ``attrs["changed"]`` lists the cells.

    Raises
    ------
    VocabularyError
        An option or a dimension that Keruen does not know, a seed where nothing is fitted, births without deaths.
    Incomparable
        Labels that differ between the inputs, or repeat; men and women who are not all; other units than persons.
    NoEvidence
        Absent figures. Absent is not zero.
    InfeasibleMargins
        Negative people, more births or deaths than people, totals that cannot match (a tenth of all people unaccounted
        for in a closed system), a seed with a zero where people must move.

    References
    ----------
    Abel and Cohen (2019), Scientific Data 6:82, doi 10.1038/s41597-019-0089-3.

    Examples
    --------
    >>> labels = {"birthplace": list("ABCD"), "residence": list("ABCD")}
    >>> def stock(rows):
    ...     return xr.DataArray(rows, dims=tuple(labels), coords=labels)
    >>> s1 = stock([[100, 10, 10, 0], [80, 180, 10, 90], [30, 10, 140, 40], [60, 70, 10, 160]])
    >>> s2 = stock([[95, 5, 15, 5], [75, 225, 5, 55], [55, 0, 115, 50], [35, 25, 25, 215]])
    >>> flows = transitions(s1, s2, method="minimisation_closed")
    >>> float(flows["transitions"].sel(birthplace="B", origin="D", destination="B"))
    35.0
    >>> moved = flows["transitions"].where(flows["origin"] != flows["destination"])
    >>> round(float(moved.sum()), 9)
    160.0
    """
    check_options(
        weight, method=method, balance=balance, births_from=births_from, deaths_from=deaths_from, outside=outside
    )
    places = _places(start)
    residence = ("birthplace", "residence")
    inputs: dict[str, tuple[xr.DataArray, tuple[str, ...]]] = {
        "start": (_aligned("start", start, residence, places), residence),
        "end": (_aligned("end", end, residence, places), residence),
    }
    if (births is None) != (deaths is None):
        one, other = ("births", "deaths") if deaths is None else ("deaths", "births")
        raise VocabularyError(
            f"{one} are given and {other} are not. Give both: an array of zeros says that there were none."
        )
    for name, vector in (("births", births), ("deaths", deaths)):
        if vector is not None:
            inputs[name] = (_aligned(name, vector, ("residence",), places), ("residence",))
    if seed is not None:
        core = ("birthplace", "origin", "destination") if "birthplace" in seed.dims else ("origin", "destination")
        inputs["seed"] = (_aligned("seed", seed, core, places), core)
    extra = _extra(inputs)
    for name, (array, _) in inputs.items():
        if name != "seed":
            _refuse_sexes(name, array)
    stacked = {name: _stacked(array, core, extra) for name, (array, core) in inputs.items()}
    own = stacked.pop("seed", None)
    shared = own is not None and not any(dim in inputs["seed"][0].dims for dim in extra)
    labels = [", ".join(f"{d} {v}" for d, v in zip(extra, key, strict=True)) for key in product(*extra.values())]
    fitted = flows_many(
        stacked["start"],
        stacked["end"],
        stacked.get("births"),
        stacked.get("deaths"),
        seed=own[0] if own is not None and shared else None if own is None else list(own),
        labels=labels,
        method=method,
        weight=weight,
        balance=balance,
        births_from=births_from,
        deaths_from=deaths_from,
        outside=outside,
        repair=repair,
        cube=by_birthplace,
        tolerance=tolerance,
        names=[str(place) for place in places],
    )
    if method in CLOSED and births is not None:
        refuse_gap(stacked["start"], stacked["end"], stacked["births"], stacked["deaths"], labels)
    out = _dataset(fitted, places, extra, by_birthplace)
    options: dict[Hashable, Any] = {"method": method, "reference": _REFERENCES[method]}
    if method == "pseudo_bayes":
        options["weight"] = weight
    if method not in DIFFERENCING:
        options |= {"seed": "uniform" if seed is None else str(seed.name or "given"), "births_from": births_from}
        options |= {"deaths_from": deaths_from}
        options |= {"outside": outside} if method == "minimisation_open" else {"balance": balance}
    out.attrs.update(options)
    out.attrs["certificate"] = _line(out, method, fitted, places)
    out.attrs["changed"] = _changed(fitted, places, extra)
    return out


def composition(cube: xr.DataArray) -> xr.Dataset:
    """Outward, return and transit moves of a cube that keeps birthplaces apart.

    The slow and obvious way: `transitions` finds the same three tables without the cube.

    Parameters
    ----------
    cube
        Transitions, dims (birthplace, origin, destination, …), persons.

    Returns
    -------
    xarray.Dataset
        ``outward``, ``return``, ``transit``, dims (origin, destination, …), persons; zero where origin and destination
        are one place.

    Examples
    --------
    >>> xy = {d: ["X", "Y"] for d in ("birthplace", "origin", "destination")}
    >>> cube = xr.DataArray([[[9.0, 2], [1, 4]], [[0, 0], [3, 5]]], coords=xy, dims=tuple(xy))
    >>> parts = composition(cube)
    >>> parts["outward"].values.tolist(), parts["return"].values.tolist()
    ([[0.0, 2.0], [3.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]])
    """
    if not {"birthplace", "origin", "destination"} <= set(cube.dims):
        raise VocabularyError(f"A cube has dims birthplace, origin and destination; this one has {list(cube.dims)}.")
    moved = cube.where(cube["origin"] != cube["destination"], 0)
    born_there, born_here = cube["birthplace"] == cube["origin"], cube["birthplace"] == cube["destination"]
    parts = {
        "outward": moved.where(born_there, 0),
        "return": moved.where(born_here, 0),
        "transit": moved.where(~born_there & ~born_here, 0),
    }
    return xr.Dataset(
        {
            name: part.sum("birthplace", skipna=False).assign_attrs(units="persons", description=_MEANING[name])
            for name, part in parts.items()
        }
    )


def _places(start: xr.DataArray) -> list[Any]:
    if not isinstance(start, xr.DataArray):
        raise VocabularyError(f"start is a {type(start).__name__}: give a DataArray with dims birthplace, residence.")
    if "residence" not in start.dims or "residence" not in start.coords:
        raise VocabularyError(
            f"start has dims {list(start.dims)}: give birthplace and residence, both with the places as labels."
        )
    places = list(start["residence"].values)
    if not places:
        raise NoEvidence("start lists no place along residence: there are no stocks to compare.")
    _refuse_repeated("start", "residence", start["residence"].values.tolist())
    return places


def _refuse_repeated(name: str, dim: str, labels: Sequence[Any]) -> None:
    repeated = sorted({str(label) for label in labels if labels.count(label) > 1}) if _repeats(labels) else []
    if repeated:
        raise Incomparable(f"{name} lists {', '.join(repeated)} more than once along {dim}. Keep one of each.")


def _aligned(name: str, array: xr.DataArray, core: tuple[str, ...], places: Sequence[Any]) -> xr.DataArray:
    """The array with its places in the common order, or the words for what is wrong with it."""
    if not isinstance(array, xr.DataArray):
        raise VocabularyError(f"{name} is a {type(array).__name__}: give a DataArray with dims {', '.join(core)}.")
    missing, foreign = set(core) - set(array.dims), set(array.dims) - set(core) - set(_EXTRA)
    if missing or foreign:
        raise VocabularyError(
            f"{name} has dims {list(array.dims)}; it needs {', '.join(core)} and may have {', '.join(_EXTRA)}. Rename "
            "its dims, or choose one of " + ", ".join(map(repr, sorted(map(str, foreign)))) + " with .sel()."
            if foreign
            else f"{name} has dims {list(array.dims)}; it needs {', '.join(core)}. Rename its dims."
        )
    for dim in core:
        if dim not in array.coords:
            raise VocabularyError(f"{name} has no labels along {dim}: assign the places as a coordinate.")
        labels = array[dim].values.tolist()
        _refuse_repeated(name, dim, labels)
        lacking = [str(place) for place in places if place not in set(labels)]
        unknown = [str(label) for label in labels if label not in set(places)]
        if lacking or unknown:
            raise Incomparable(
                f"The places of {name} along {dim} are not those of start along residence: "
                + "; ".join(
                    f"{len(some)} {word} ({', '.join(some[:5])}{', …' if len(some) > 5 else ''})"
                    for word, some in (("missing", lacking), ("unknown", unknown))
                    if some
                )
                + ". Bring both to one list of places first, by a rule you can name."
            )
    if not np.issubdtype(array.dtype, np.number):
        raise VocabularyError(f"{name} holds {array.dtype}: give numbers of people.")
    units = array.attrs.get("units", "persons")
    if name != "seed" and units != "persons":
        raise Incomparable(f"{name} is in {units!r}: give persons, and say so in attrs['units'] or not at all.")
    return array.sel({dim: list(places) for dim in core})


def _refuse_sexes(name: str, array: xr.DataArray) -> None:
    """Raise if men and women are not all, by more than a hundredth and ten people of a place."""
    if "sex" not in array.coords or not {"all", "male", "female"} <= set(array["sex"].values.tolist()):
        return
    whole, men, women = (
        (a.sum("birthplace") if "birthplace" in a.dims else a)
        for a in (array.sel(sex=sex, drop=True) for sex in ("all", "male", "female"))
    )
    off = abs(whole - men - women) - np.maximum(0.01 * whole, 10)
    if float(off.max()) > 0:
        worst = off.where(off == off.max(), drop=True).isel(dict.fromkeys(off.dims, 0))
        where = {dim: worst[dim].item() for dim in off.dims if dim in off.coords}
        place = where["residence"]
        told = [float(a.sel(where)) for a in (men + women, whole)]
        raise Incomparable(
            f"{name}: men and women in {place} are {told[0]:,.0f}, all are {told[1]:,.0f}. Take one sex at a time, or "
            "mend the figures."
        )


def _repeats(labels: Sequence[Any]) -> bool:
    return len(set(labels)) != len(labels)


def _extra(inputs: Mapping[str, tuple[xr.DataArray, tuple[str, ...]]]) -> dict[str, list[Any]]:
    """Extra dims and their labels, which all inputs that have the dim must share."""
    found: dict[str, tuple[str, list[Any]]] = {}
    for name, (array, core) in inputs.items():
        for dim in map(str, array.dims):
            if dim in core:
                continue
            labels = list(array[dim].values) if dim in array.coords else list(range(array.sizes[dim]))
            if _repeats(labels):
                raise Incomparable(f"{name} lists a {dim} more than once. Keep one of each.")
            if dim in found and found[dim][1] != labels:
                first, others = found[dim]
                raise Incomparable(
                    f"{name} has other labels along {dim} than {first}: {labels[:5]} against {others[:5]}. "
                    f"Align them first; flows of a {dim} need every input for it."
                )
            found.setdefault(dim, (name, labels))
    return {dim: found[dim][1] for dim in _EXTRA if dim in found}


def _stacked(array: xr.DataArray, core: tuple[str, ...], extra: Mapping[str, list[Any]]) -> Array:
    """(problem, *core), a view where the array does not vary along an extra dim that others have."""
    own = [dim for dim in extra if dim in array.dims]
    values = np.asarray(array.transpose(*own, *core).to_numpy(), dtype=np.float64)
    if own == list(extra):
        return values.reshape(-1, *values.shape[len(own) :])
    shape = [len(labels) if dim in own else 1 for dim, labels in extra.items()]
    wide = np.broadcast_to(
        values.reshape((*shape, *values.shape[len(own) :])),
        (*map(len, extra.values()), *values.shape[len(own) :]),
    )
    return wide.reshape(-1, *values.shape[len(own) :])


def _dataset(fitted: ManyFlows, places: Sequence[Any], extra: Mapping[str, list[Any]], cube: bool) -> xr.Dataset:
    flow = ("birthplace", "origin", "destination") if cube else ("origin", "destination")
    variables: dict[str, tuple[Array, tuple[str, ...]]] = {
        "transitions": (fitted.table, flow),
        "outward": (fitted.outward, ("origin", "destination")),
        "return": (fitted.returned, ("origin", "destination")),
        "transit": (fitted.transit, ("origin", "destination")),
        "residual_start": (fitted.residual_start, ("origin",)),
        "residual_end": (fitted.residual_end, ("destination",)),
        "net_gap": (fitted.net_gap, ("place",)),
        "birthplace_gap": (fitted.birthplace_gap, ("birthplace",)),
        "left": (fitted.left, ("birthplace",)),
        "entered": (fitted.entered, ("birthplace",)),
        "unaccounted": (fitted.gap, ()),
        "unplaced": (fitted.unplaced, ()),
        "changed_cells": (fitted.changed_cells.astype(np.int64), ()),
        "changed_people": (fitted.changed_people, ()),
        "iterations": (fitted.iterations.astype(np.int64), ()),
    }
    sizes = tuple(len(labels) for labels in extra.values())
    dims = ("birthplace", "origin", "destination", "place")
    coords: dict[str, Any] = {**extra, **{dim: list(places) for dim in dims}}
    out = xr.Dataset(coords={dim: (dim, labels) for dim, labels in coords.items()})
    for name, (values, core) in variables.items():
        array = xr.DataArray(values.reshape((*sizes, *values.shape[1:])), dims=(*extra, *core))
        array = array.transpose(*(dim for dim in _ORDER if dim in array.dims))
        array.attrs = {
            "units": "1" if name in ("changed_cells", "iterations") else "persons",
            "description": _MEANING[name],
        }
        out[name] = array
    return out


def _line(out: xr.Dataset, method: str, fitted: ManyFlows, places: Sequence[Any]) -> str:
    """The certificate in one line, the worst of all problems where there are several."""
    worst = max(float(out["residual_start"].max()), float(out["residual_end"].max()))
    unaccounted = float(np.abs(fitted.gap).max())
    said = [f"{unaccounted:,.0f} people unaccounted for in the world's accounts"]
    if method in DIFFERENCING:
        said.append(f"{float(out['unplaced'].max()):,.0f} people left out by the method")
        said.append(f"populations missed by up to {worst:,.0f} people: this method does not fit them")
        return "; ".join(said) + "."
    moved = float(np.abs(fitted.birthplace_gap).sum(-1).max()) / 2
    if method == "minimisation_open":
        said.append(f"{float((out['left'] + out['entered']).sum('birthplace').max()):,.0f} people left or entered")
    else:
        said.append("taken up by the native-born")
        said.append(f"birthplace totals met half-way by {moved:,.0f} people")
    cells = int(out["changed_cells"].max())
    said.append(
        f"{cells} empty cells had to take {float(out['changed_people'].max()):,.0f} people"
        if cells
        else "no cell changed"
    )
    shared = sorted({str(places[k]) for some in fitted.births_shared for k in some})
    if shared:
        said.append(f"births exceed natives and were taken from all birthplaces in {', '.join(shared)}")
    said.append(f"margins met to {worst:.2g} people")
    return "; ".join(said) + "."


def _changed(fitted: ManyFlows, places: Sequence[Any], extra: Mapping[str, list[Any]]) -> list[str]:
    """Up to twenty cells that had to take people, the fullest first."""
    lines: list[tuple[float, str]] = []
    for key, cells in zip(product(*extra.values()), fitted.changed, strict=True):
        where = "".join(f", {dim} {value}" for dim, value in zip(extra, key, strict=True))
        lines += [
            (people, f"{when}: {people:,.1f} people born in {places[b]} living in {places[r]}{where}")
            for when, b, r, people in cells
        ]
    return [line for _, line in sorted(lines, key=lambda pair: -pair[0])[:20]]
