"""Tests of posteriors: how probable a statement is in the draws of a room, all evidence weighed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen import labels
from keruen.errors import ConceptError, EvidenceError, KeruenError, ModelError, NoEvidence
from keruen.labour import Labour
from keruen.path_design import USED
from keruen.reconcile import Posterior
from keruen.shares import MONEY
from keruen.tipping import Paths, Tipping, tipping
from keruen.verdict_words import bounds_of, chance, drawing, made, rounded, speaker, tells, told_reading, when_of
from keruen.witnesses import (
    COVER,
    LINEAGES,
    SURE,
    Array,
    Day,
    Finding,
    Reading,
    Side,
    each_of,
    found,
    inside,
    lineage_of,
    named,
    peers_of,
    readings,
    side,
    witness,
)
from keruen.wording import HINDSIGHT, Number, Parts, Said, about, span


def _path_rows(day: Day, path: Paths) -> list[dict[str, Any]]:
    """Claims that a path rests on, those behind our own sums included; a toy has none."""
    if not isinstance(path, Posterior):
        return []
    beside = path.anchors["derived_from"].explode().drop_nulls().unique().sort().to_list()
    rows = path.claims.filter(pl.col("part").is_in(list(USED))).to_dicts()
    return rows + day.traced(tuple(beside))


def _why(error: Exception) -> str:
    """What is wrong, without the remedy: a reader of the report has no functions to call."""
    return str(error).split(". ")[0].split("; ")[0].rstrip(".") + "."


def _answered(path: Callable[[], Paths]) -> Paths | str:
    """A path, or why there is none."""
    try:
        got = path()
    except (EvidenceError, ConceptError, ModelError) as error:
        return _why(error)
    return (
        "Nobody had reported net migration: the answer would be the prior."
        if getattr(got, "prior_only", False)
        else got
    )


def _basis(*paths: Paths) -> list[Parts]:
    """A sentence where the rates of a past day stand on populations that were published after it."""
    late = any(getattr(path, "denominator_basis", "known") == "hindsight" for path in paths)
    return [[Said(HINDSIGHT, "note")]] if late else []


def _turn(day: Day, path: Paths, args: Mapping[str, Any]) -> Tipping:
    asked = {"persistence": int(args.get("persistence", 5)), "since": int(args.get("since", 1990))}
    found_: Tipping = day.once(("turn", id(path), *asked.values()), lambda: tipping(path, **asked))
    return found_


def _mode(seen: Tipping) -> str:
    return f"in {seen.mode}" if isinstance(seen.mode, int) else {"never": "there is none"}.get(seen.mode, seen.mode)


def _bars(told_: Any, place: str, first: int | None = None, last: int | None = None) -> list[dict[str, Any]]:
    rest = {"never": told_.p_never, "begun": told_.p_unconfirmed, "from the start": told_.p_already_receiving}
    title = f"When {named(place)} turned, P by year"
    bars = dict(told_.p_by_year)
    return drawing("bars", title, "probability", bars=bars, rest=rest, first=first, last=last)


def date_between(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Does the first lasting turn fall between two years: by all evidence, and by each lineage alone?"""
    first, last = int(args["first"]), int(args["last"])

    def one(place: str) -> Finding:
        path = _answered(lambda: day.path(place, hidden=hidden))
        if isinstance(path, str):
            return found(lacking=path)
        rows = _path_rows(day, path)
        seen = _turn(day, path, args)
        p = seen.mass(first, last)
        says: Parts = [
            f"All evidence weighed, P(the first lasting turn of {named(place)} falls into ",
            Said(f"{first} to {last}"), ") = ",
            chance(p, rows), f"; most likely {_mode(seen)}, never ", chance(seen.p_never, rows),
            ", begun but not yet confirmed ",
            chance(seen.p_unconfirmed, rows), ", receiving from the start ", chance(seen.p_already_receiving, rows),
            ".",
        ]  # fmt: skip
        sides = _turn_sides(day, args, place, hidden, rows, lambda t: t.mass(first, last), f"in {first} to {last}")
        return found(sides, p, says=[says, *_basis(path)], rows=rows, pictures=_bars(seen, place, first, last))

    return each_of(args, one, independent=True)


def _turn_sides(
    day: Day, args: Mapping[str, Any], place: str, hidden: frozenset[str], rows: Sequence[Mapping[str, Any]],
    ask: Callable[[Any], float], words_: str,
) -> list[Side]:  # fmt: skip
    """What each lineage says of the turn when it is asked alone; with one lineage there is no disagreement."""
    here = {lineage_of(r["definition"], str(r["release"])) for r in rows} & set(LINEAGES)
    if len(here) < 2:
        return []
    sides = []
    for lineage in sorted(here, reverse=True):
        alone = _answered(lambda lineage=lineage: day.path(place, (lineage,), hidden))  # type: ignore[misc]
        if isinstance(alone, str):
            continue
        mine = _path_rows(day, alone)
        p = ask(_turn(day, alone, args))
        holds = True if p >= SURE else False if p <= 1 - SURE else None
        says: Parts = [
            f"By {LINEAGES[lineage]} alone, P(the turn of {named(place)} falls {words_}) = ",
            chance(p, mine),
            ".",
        ]
        sides.append(witness(LINEAGES[lineage], lineage, holds, says, mine, value=p, unit="probability"))
    return sides


def spread_of_turn(day: Day, args: Mapping[str, Any], place: str, hidden: frozenset[str]) -> Finding:
    """How many years are needed to hold 80% of the mass of the tipping year."""
    path = _answered(lambda: day.path(place, hidden=hidden))
    if isinstance(path, str):
        return found(lacking=path)
    rows = _path_rows(day, path)
    seen = _turn(day, path, args)
    size = len(seen.hds80)
    says: Parts = [
        f"Eighty percent of the mass of the year in which {named(place)} turned needs ",
        made(size, "years", rows, text=str(size)), " years or words (", Said(", ".join(map(str, seen.hds80))), "), ",
        made(seen.entropy_bits, "bits", rows, text=f"{seen.entropy_bits:.1f}"), " bits of doubt.",
    ]  # fmt: skip
    one_side = Side("all evidence", "all", size >= args["low"], float(size), "years", says, (), (), None, False)
    return found([one_side], rows=rows, pictures=_bars(seen, place))


def _order(labels: Sequence[Any]) -> Array:
    words_ = {"never": np.inf, "unconfirmed": 9998.0, "already receiving": -np.inf}
    return np.array([words_[v] if isinstance(v, str) else float(v) for v in labels])


def earlier(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is the turn earlier by one lineage than by another?"""

    def one(place: str) -> Finding:
        paths = [_answered(lambda k=k: day.path(place, (args[k],), hidden)) for k in ("lineage", "than")]  # type: ignore[misc]
        if any(isinstance(p, str) for p in paths):
            return found(lacking=" ".join(dict.fromkeys(p for p in paths if isinstance(p, str))))
        seen = [_turn(day, p, args) for p in paths if not isinstance(p, str)]
        a, b = (_order(t.labels) for t in seen)
        n = min(a.size, b.size)
        # Draws of two lineages are independent: whole distributions are compared, not pairs of draws.
        grid = np.searchsorted(np.sort(b[:n]), a[:n], side="right")
        p = float((n - grid).mean() / n)
        rows = [r for q in paths if not isinstance(q, str) for r in _path_rows(day, q)]
        says: Parts = [
            f"The turn of {named(place)} by {LINEAGES[args['lineage']]}: most likely {_mode(seen[0])}; by "
            f"{LINEAGES[args['than']]}: most likely {_mode(seen[1])}; P(earlier by the first) = ", chance(p, rows), ".",
        ]  # fmt: skip
        pictures = [
            {**picture, "title": f"When {named(place)} turned, by {LINEAGES[args[k]]}"}
            for t, k in zip(seen, ("lineage", "than"), strict=True)
            for picture in _bars(t, place)
        ]
        late = _basis(*(q for q in paths if not isinstance(q, str)))
        return found(probability=p, says=[says, *late], rows=rows, pictures=pictures)

    return each_of(args, one, independent=True)


def _years_of(args: Mapping[str, Any]) -> list[int]:
    last = args["end"] - timedelta(days=1) if args["end"] > args["start"] else args["end"]
    return list(range(args["start"].year, last.year + 1))


def joint_state(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """Is one place receiving (sending) over the years and every peer the opposite? Draws of places are independent."""
    (place, *_), years = args["place"], _years_of(args)
    peers = [p for p in peers_of(args) if p != place]
    up = args["state"] == "receiving"
    positive, rows, lacking, seen = {}, [], [], []
    for code in (place, *peers):
        path = _answered(lambda code=code: day.path(code, hidden=hidden))  # type: ignore[misc]
        if isinstance(path, str):
            lacking.append(f"{named(code)}: {path}")
            continue
        at = np.isin(path.years, years)
        if not at.any():
            lacking.append(f"{named(code)}: no figure reaches {span(args['start'], args['end'])}.")
            continue
        seen.append(path)
        positive[code] = float((np.asarray(path.rates)[:, at].mean(1) > 0).mean())
        rows += _path_rows(day, path)
    if lacking:
        return found(lacking=" ".join(lacking))
    own = positive[place] if up else 1 - positive[place]
    p = own * float(np.prod([1 - positive[c] if up else positive[c] for c in peers]))
    says: Parts = ["P(more came than left, ", when_of(args["start"], args["end"]), "): "]
    for k, code in enumerate((place, *peers)):
        says += [", " if k else "", f"{named(code)} ", chance(positive[code], rows)]
    says += [f"; P({named(place)} alone is {args['state']}) = ", chance(p, rows), "."]
    sides = _alone_by_lineage(day, args, place, peers, up, hidden) if rows else []
    title = f"P(more came than left), {span(args['start'], args['end'])}"
    pictures = drawing("strip", title, "probability", points=[(named(c), v, None) for c, v in positive.items()])
    return found(sides, p, says=[says, *_basis(*seen)], rows=rows, pictures=pictures)


def _alone_by_lineage(
    day: Day, args: Mapping[str, Any], place: str, peers: Sequence[str], up: bool, hidden: frozenset[str]
) -> list[Side]:
    """Whether a lineage that tells every place says the same."""
    asked = {"measure": "net_migration", "stream": "all"}
    by: dict[str, dict[str, Reading]] = {}
    for code in (place, *peers):
        for r in readings(day, asked, code, args["start"], args["end"], hidden, partly=True):
            if r.value is not None:
                by.setdefault(r.lineage, {})[code] = r
    sides = []
    for of in by.values():
        if len(of) < 1 + len(peers):
            continue
        own = of[place]
        alone = ((own.value or 0) > 0) == up and all(((of[c].value or 0) < 0) == up for c in peers)
        says: Parts = [
            speaker(own),
            ", net migration ",
            when_of(args["start"], args["end"]),
            ": ",
        ]
        for k, code in enumerate((place, *peers)):
            says += [", " if k else "", f"{named(code)} ", *told_reading(of[code], "persons")]
        sides.append(side(own, alone, [*says, "."], unit="persons", more=[of[c] for c in peers]))
    return sides


def posterior_probability(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    """How probable is it that a quantity lies between the bounds, all evidence weighed?"""
    rooms = {
        "net_migration": _probability_of_rate,
        "labour": _probability_of_labour,
        "leverage": _probability_of_leverage,
    }
    return rooms[args["room"]](day, args, hidden)


def _held(values: Array, args: Mapping[str, Any]) -> NDArray[np.bool_]:
    """(draw): whether the bounds hold for the mean of the years, every one or any, or the last against the first."""
    how = args.get("how", "mean")
    if how == "rises":
        x = values[:, -1] - values[:, 0]
    elif how == "multiplies":
        x = values[:, -1] / values[:, 0]
    elif how == "mean":
        x = values.mean(1)
    else:
        each = (values >= args.get("low", -np.inf)) & (values <= args.get("high", np.inf))
        return np.asarray(each.all(1) if how == "every" else each.any(1))
    return np.asarray((x >= args.get("low", -np.inf)) & (x <= args.get("high", np.inf)))


NOT_STRICT = "Product and remittances are known by a publication lag, so leverage has no strict form."
HOW = {"mean": "the mean", "every": "every year", "any": "any year",
       "rises": "the change from the first year to the last", "multiplies": "the last year over the first"}  # fmt: skip


def _fan(title: str, unit: str, years: Any, draws: Array, args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The path with its 80%, the years asked about, and the bounds where they are bounds of the path itself."""
    low, middle, high = (q.tolist() for q in np.quantile(draws, [0.1, 0.5, 0.9], axis=0))
    asked = _years_of(args)
    bounds = args if args.get("how", "mean") in ("mean", "every", "any") else {}
    return drawing(
        "fan", title, unit, bounds, years=[int(y) for y in years], low80=low, median=middle, high80=high,
        span=(asked[0], asked[-1]),
    )  # fmt: skip


def _probability_of_rate(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    def one(place: str) -> Finding:
        path = _answered(lambda: day.path(place, hidden=hidden))
        if isinstance(path, str):
            return found(lacking=path)
        at = np.isin(path.years, _years_of(args))
        if at.sum() < len(_years_of(args)) * COVER:
            return found(lacking=f"The evidence on {named(place)} does not reach {span(args['start'], args['end'])}.")
        rates = np.asarray(path.rates)[:, at]
        p = float(_held(rates, args).mean())
        rows = _path_rows(day, path)
        low, middle, high = np.quantile(rates.mean(1), [0.1, 0.5, 0.9])
        says: Parts = [
            f"All evidence weighed, net migration of {named(place)} per 1,000 residents a year, ",
            when_of(args["start"], args["end"]),
            ": mean ", rounded(middle, rows), " (80%: ", rounded(low, rows), " to ", rounded(high, rows),
            f"); P({HOW[args.get('how', 'mean')]} is ",
            Said(bounds_of(args, "per 1,000")), ") = ", chance(p, rows), ".",
        ]  # fmt: skip
        sides = _rate_sides(day, args, place, path, hidden) if rows else []
        pictures = _fan(
            f"Net migration of {named(place)}", "per 1,000 a year", path.years, np.asarray(path.rates), args
        )
        return found(sides, p, says=[says, *_basis(path)], rows=rows, pictures=pictures)

    return each_of(args, one, independent=True)


def _rate_sides(day: Day, args: Mapping[str, Any], place: str, path: Paths, hidden: frozenset[str]) -> list[Side]:
    """The mean rate by each lineage's own figures, over the residents that the path takes."""
    if args.get("how", "mean") != "mean":
        return []
    people = np.asarray(getattr(path, "population", np.zeros(0)))
    at = np.isin(path.years, _years_of(args))
    if people.size != at.size:
        return []
    lived = float(people[at].sum()) / 1000
    sides = []
    asked = {"measure": "net_migration", "stream": "all", "start": args["start"], "end": args["end"]}
    for r in readings(day, asked, place, args["start"], args["end"], hidden):
        if r.value is None:
            continue
        rate = r.value / lived
        holds = inside(rate, None, None, args)
        says: Parts = [
            *tells(r, asked, place, "persons"), " persons, ",
            made(rate, "per 1,000", r.rows, text=labels.spelt(rate, 1)), " per 1,000 a year.",
        ]  # fmt: skip
        sides.append(side(r, holds, says, value=rate, unit="per 1,000"))
    return sides


def _probability_of_labour(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    def one(place: str) -> Finding:
        other = (args.get("counterpart") or (None,))[0]
        try:
            seen = day.labour(place, other)
        except (NoEvidence, ModelError) as error:
            return found(lacking=_why(error))
        years = [y for y in _years_of(args) if y in seen.cube["year"].values]
        if not years:
            asked = span(args["start"], args["end"])
            return found(lacking=f"The account of labour migrants in {named(place)} does not reach {asked}.")
        name = args["quantity"]
        drawn = np.asarray(seen.cube[name].sel(year=years).transpose("draw", "year").values)
        p = float(_held(drawn, args).mean())
        rows = _labour_rows(day, seen)
        unit = "ratio" if name == "ratio" else "persons"
        low, middle, high = np.quantile(drawn.mean(1), [0.1, 0.5, 0.9])
        words_ = {"labour": "labour migrants", "ratio": "unregistered for each registered"}.get(
            name, f"{name.split('_')[-1]} labour migrants"
        )

        where = named(place) + (f" from {named(other)}" if other else "")

        def n(value: float) -> Number | str:
            return made(
                float(value),
                unit,
                rows,
                text=labels.spelt(float(value), 1) if unit == "ratio" else about(float(f"{value:.2g}"), unit),
            )

        says: Parts = [
            f"By the account of labour migrants in {where}, {words_}, ",
            when_of(args["start"], args["end"]), ": mean ", n(middle), " (80%: ", n(low), " to ", n(high),
            f"); P({HOW[args.get('how', 'mean')]} is ",
            Said(bounds_of(args, "ratio" if args.get("how") == "multiplies" else unit)), ") = ", chance(p, rows),
            ", without the statements on trial.",
        ]  # fmt: skip
        every = np.asarray(seen.cube[name].transpose("draw", "year").values)
        title = f"{words_.capitalize()}, {named(place)}"
        pictures = _fan(title, unit, seen.cube["year"].values, every, args)
        return found(probability=p, says=[says], rows=rows, pictures=pictures)

    return each_of(args, one)


def _labour_rows(day: Day, seen: Labour) -> list[dict[str, Any]]:
    """Claims behind the account of labour migrants, events of the timeline among them."""
    anchors = [a for a in seen.anchors if not a["tested"]]
    return day.traced(tuple(dict.fromkeys(k for a in anchors for said in a["ids"] for k in said.split(" × "))))


def _probability_of_leverage(day: Day, args: Mapping[str, Any], hidden: frozenset[str]) -> Finding:
    if day.strict:
        return found(lacking=NOT_STRICT)

    def drawn(place: str, year: int) -> tuple[Array, list[dict[str, Any]], tuple[str, ...]] | str:
        try:
            held = day.leverage(args["holder"], args["place"], year)
        except KeruenError as error:
            return _why(error)
        assert held.cube is not None
        if place not in held.cube["over"].values:
            return f"Nobody had told what is needed of {named(place)} in {year}."
        values = 100 * held.cube[args["quantity"]].sel(holder=args["holder"], over=place).values
        return np.atleast_1d(values), day.rows(held.ids.get(place, ()), place, MONEY), held.assumptions

    def one(place: str) -> Finding:
        year = args["start"].year
        now = drawn(place, year)
        then = drawn(place, int(args["against"])) if "against" in args else None
        for got in (now, then):
            if isinstance(got, str):
                return found(lacking=got)
        assert not isinstance(now, str)
        assert not isinstance(then, str)
        values, rows, assumed = now
        x = values
        what = f"{args['quantity'].capitalize()} leverage of {named(args['holder'])} over {named(place)}"
        says: Parts = [
            f"{what}, percent of GDP: ",
            rounded(float(np.median(values)), rows, 2), " in ", Said(str(year)),
        ]  # fmt: skip
        if then is not None:
            n = min(values.size, then[0].size)
            x, rows = values[:n] - then[0][:n], [*rows, *then[1]]
            says += [", ", rounded(float(np.median(then[0])), rows, 2), " in ", Said(str(args["against"]))]
        if not np.isfinite(x).all():
            return found(lacking=f"Nobody had told what leverage over {named(place)} needs.")
        p = float(((x >= args.get("low", -np.inf)) & (x <= args.get("high", np.inf))).mean())
        says += [
            f"; P({'the change' if then is not None else 'it'} is ",
            Said(bounds_of(args, "ratio")),
            ") = ",
            chance(p, rows),
            ".",
        ]
        return found(
            probability=p, says=[says, ["A model stands behind it: ", Said(" ".join(assumed), "note")]], rows=rows
        )

    return each_of(args, one)


def rank_of_leverage(day: Day, args: Mapping[str, Any]) -> Finding:
    """Rank by what a holder could take, over draws of rival editions of people and money."""
    if day.strict:
        return found(lacking=NOT_STRICT)
    peers = [p for p in peers_of(args) if p != args["holder"]]
    try:
        held = day.leverage(args["holder"], peers, args["start"].year)
    except (NoEvidence, ModelError) as error:
        return found(lacking=_why(error))
    assert held.cube is not None
    gross = held.cube["gross"].sel(holder=args["holder"])
    there = [str(c) for c in gross["over"].values]
    missing = [p for p in args["place"] if p not in there]
    if missing:
        return found(
            lacking=f"Nobody had told what is needed of {', '.join(map(named, missing))} in {args['start'].year}."
        )
    values = gross.transpose("draw", "over").values
    signed = -values if args["order"] == "highest" else values
    ranks = signed.argsort(1).argsort(1) + 1
    at = [there.index(p) for p in args["place"]]
    p = float((ranks[:, at] <= args["within"]).all(1).mean())
    rows = [row for c in there for row in day.rows(held.ids.get(c, ()), c, MONEY)]
    says: Parts = [
        f"Share of GDP that {named(args['holder'])} could take in ", Said(str(args["start"].year)),
        ", once people can go elsewhere: ",
    ]  # fmt: skip
    for k, c in enumerate(there):
        says += [", " if k else "", f"{named(c)} ", made(100 * float(np.median(values[:, k])), "percent", rows)]
    who = ", ".join(map(named, args["place"]))
    tail = f" percent; P({who} among the {args['within']:g} {args['order']}) = "
    said: Parts = [*says, tail, chance(p, rows), "."]
    notes: list[Parts] = []
    if held.absent:
        notes.append([f"Not ranked, for nobody had told what is needed: {', '.join(map(named, held.absent))}."])
    notes.append(["Who was sent where is a model: ", Said(" ".join(held.assumptions), "note")])
    title = f"Gross leverage of {named(args['holder'])}, {args['start'].year}"
    points = [(named(c), 100 * float(np.median(values[:, k])), None) for k, c in enumerate(there)]
    pictures = drawing("strip", title, "percent of GDP", points=points)
    return found(probability=p, says=[said, *notes], rows=rows, pictures=pictures)
