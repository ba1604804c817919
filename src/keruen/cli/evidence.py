"""Who says what, where they contradict each other, and how often the past was rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keruen.cli.common import (
    AnyMeasure,
    AsJson,
    AsOf,
    Counterpart,
    Force,
    Format,
    Measure,
    Out,
    Place,
    Since,
    Stream,
    Strict,
    Until,
    app,
    give,
)
from keruen.errors import VocabularyError

if TYPE_CHECKING:
    from keruen.places import Place as PlaceCard


@app.command()
def evidence(
    place: Place,
    measure: AnyMeasure = None,
    counterpart: Counterpart = None,
    stream: Stream = None,
    sex: Annotated[str | None, typer.Option(help="all, male or female.")] = None,
    release: Annotated[str | None, typer.Option(help="One edition; see `keruen sources`.")] = None,
    ids: Annotated[
        bool, typer.Option("--ids", help="Print the id of every row first, else last where there is room.")
    ] = False,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    strict: Strict = False,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Who says what, and since when.

    `keruen evidence KAZ --measure net_migration --as-of 2018-05-03`

    `keruen evidence KAZ --measure stock --counterpart RUS --format csv`
    """
    from keruen import store
    from keruen.places import place as one

    rows = store.evidence(
        place, measure, counterpart=counterpart, stream=stream, sex=sex, release=release, since=since, until=until,
        as_of=as_of, strict=strict,
    )  # fmt: skip
    fields = [
        "measure", "stream", "place", "counterpart", "sex", "start", "end", "value", "low", "high", "unit", "status",
        "definition", "release", "known", "known_basis", "source", "locator", "id", "age", "basis", "flag", "group",
        "level", "text", "printed", "printed_unit", "note", "copy_of", "derived_from", "convention", "own",
    ]  # fmt: skip
    shown = [
        "measure", "stream", "counterpart", "sex", "group", "start", "end", "value", "low", "high", "unit", "release",
        "known", "status", "copy_of",
    ]  # fmt: skip
    told = None
    if as_json and out is None:
        told = {
            "place": one(place).code,
            "measure": measure,
            "as_of": as_of,
            "observations": rows.select(fields).to_dicts(),
        }
    typed = {
        "--counterpart": counterpart, "--stream": stream, "--sex": sex, "--release": release, "--from": since,
        "--to": until, "--as-of": as_of, "--strict": strict or None,
    }  # fmt: skip
    give(
        rows,
        show=["id", *shown] if ids else [*shown, "id"],
        told=told, as_json=as_json, format=format, out=out, force=force,
        nothing=lambda: _none_of(place, measure, {k: v for k, v in typed.items() if v is not None}),
    )  # fmt: skip


def _none_of(place: str, measure: str | None, typed: dict[str, Any]) -> str:
    """Why no claim answers, and what there is."""
    import polars as pl

    from keruen import store
    from keruen.places import place as one

    named = one(place)
    every = store.evidence(place, columns=["measure", "start", "end", "known"])
    told = every if measure is None else every.filter(pl.col("measure") == measure)
    after = f" What became of it: {', '.join(named.successors)}." if named.successors else ""
    if every.is_empty():
        return f"No figure is told of {named.name} ({named.code}).{after}"
    if told.is_empty():
        some = every["measure"].unique().sort().to_list()
        more = f" and {len(some) - 8} more" if len(some) > 8 else ""
        return f"Nobody reported {measure} of {named.name}. Reported are {', '.join(some[:8])}{more}.{after}"
    first, last, known = told.select(pl.min("start"), pl.max("end"), pl.min("known")).row(0)
    fits = " ".join(flag if said is True else f"{flag} {said}" for flag, said in typed.items())
    rows = f"{len(told):,} row{'s' * (len(told) > 1)}{f' of {measure}' if measure else ''}"
    return f"{named.name} has {rows}, of {first} to {last}, known since {known}; none fits {fits}."


@app.command()
def disagree(
    place: Place,
    measure: Measure = "net_migration",
    counterpart: Counterpart = None,
    stream: Annotated[str, typer.Option(help="Claims of one stream are rivals, never those of two.")] = "all",
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    strict: Strict = False,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Rival claims to one quantity, period by period.

    `keruen disagree KAZ --measure net_migration --from 2010-07-01 --to 2010-07-01`
    """
    import polars as pl

    from keruen.disagreement import disagreement, periods
    from keruen.places import place as one

    rows = disagreement(
        place, measure, counterpart=counterpart, stream=stream, since=since, until=until, as_of=as_of, strict=strict
    )
    told = None
    if as_json and out is None:
        told = {"place": one(place).code, "measure": measure, "as_of": as_of, "periods": periods(rows)}
    give(
        rows if as_json or format or out else rows.filter(pl.col("rivals") > 1),
        show=[
            "start", "end", "value", "unit", "status", "release", "known", "copy_of", "convention", "lowest", "highest",
            "sign_flips",
        ],
        told=told, as_json=as_json, format=format, out=out, force=force,
        nothing=f"No period has two rival claims. All claims: keruen evidence {one(place).code} --measure {measure}",
    )  # fmt: skip


@app.command()
def revisions(
    measure: Measure = "net_migration",
    place: Annotated[list[str] | None, typer.Option("--place", "-p", help="One place; give it again for more.")] = None,
    family: Annotated[str | None, typer.Option(help="Family of editions, say un-wpp or un-ims.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many places of the ranking.")] = 20,
    table: Annotated[str, typer.Option(help="What to print or write: ranking, moves or errors.")] = "ranking",
    as_of: AsOf = None,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """How often editions rewrote the past, and by how much.

    `keruen revisions --measure net_migration --top 20`

    `keruen revisions --place KAZ --table moves --out moves.csv`
    """
    from keruen.revisions import revisions
    from keruen.vocabulary import measures

    found = revisions(measure, family=family, place=place, as_of=as_of)
    chosen = {"ranking": found.ranking.head(top), "moves": found.moves, "errors": found.errors}
    if table not in chosen:
        raise VocabularyError(f"{table!r} is not a table of revisions. Take ranking, moves or errors.")
    told = {
        "measure": measure,
        "as_of": as_of,
        "denominator": found.denominator,
        "top": found.ranking.head(top).to_dicts(),
        "errors": found.errors.to_dicts(),
    }
    if as_json and place:
        told["moves"] = found.moves.to_dicts()
    counts = ("before", "after", "change", "mean_abs_change", "max_abs_change")
    rates = ("change_rate", "mean_rate", "mean_abs_rate", "max_abs_rate", "sd_rate", "abs_rate_80", "abs_rate_95")
    give(
        chosen[table], show=chosen[table].columns, told=told, as_json=as_json, format=format, out=out, force=force,
        units=dict.fromkeys(counts, measures()[measure].unit) | dict.fromkeys(rates, "per 1,000 person-years"),
    )  # fmt: skip


@app.command()
def compare(
    places: Annotated[list[str], typer.Argument(help="Two places or more.", show_default=False)],
    measure: Measure = "net_migration",
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    strict: Strict = False,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Places side by side: the newest figure and the range of all rival claims.

    `keruen compare KAZ UZB --from 2000 --to 2020`
    """
    from keruen.cli.screen import show_table
    from keruen.compare import compare, side_by_side

    rows = compare(places, measure, since=since, until=until, as_of=as_of, strict=strict)
    told = {"places": sorted(set(rows["place"])), "measure": measure, "as_of": as_of, "rows": rows.to_dicts()}
    if as_json or format or out or rows.is_empty():
        give(rows, show=rows.columns[:-1], told=told, as_json=as_json, format=format, out=out, force=force)
        return
    eye = side_by_side(rows, since=0 if since else 1990)
    show_table(eye)
    names = dict(rows.select("place", "name").unique().sort("place").iter_rows())
    print("; ".join(f"{code}: {name}" for code, name in names.items()) + f". {measure}, {rows['unit'][0]}.")
    print(
        "The newest figure, and the range of all rivals. All periods, yearly ones too: --format csv, --json or --out."
    )


@app.command()
def corridor(
    origin: Annotated[str, typer.Argument(help="Where people leave.", show_default=False)],
    destination: Annotated[str, typer.Argument(help="Where they arrive.", show_default=False)],
    as_of: AsOf = None,
    strict: Strict = False,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """What the sender says against what the receiver says.

    `keruen corridor KAZ RUS`
    """
    from keruen.double_entry import double_entry
    from keruen.places import place as one

    rows = double_entry(origin, destination, as_of=as_of, strict=strict)
    give(
        rows, show=["start", "end", "sent", "received", "ratio", "definition_sent", "definition_received"],
        as_json=as_json, format=format, out=out, force=force, units=dict.fromkeys(("sent", "received"), "persons"),
        nothing=_no_corridor(one(origin), one(destination)),
    )  # fmt: skip


def _no_corridor(origin: PlaceCard, destination: PlaceCard) -> str:
    if origin == destination:
        return f"{origin.name} was named twice: a corridor lies between two places."
    return (
        f"Neither did {origin.name} report who left for {destination.name}, nor {destination.name} who came from "
        f"there. What each reports: keruen evidence {origin.code} --measure emigration; "
        f"keruen evidence {destination.code} --measure immigration."
    )


@app.command()
def trace(
    ids: Annotated[
        list[str], typer.Argument(help="Ids of claims, as `keruen evidence --ids` prints them.", show_default=False)
    ],
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """The rows behind a number, and a sentence to cite for each.

    `keruen evidence KAZ --measure net_migration --ids`

    `keruen trace un-wpp-2017:77f3cc6f0257f1ad`
    """
    from keruen.trace import trace as rows_behind

    rows = rows_behind(ids)
    give(
        rows, show=["id", "measure", "place", "counterpart", "start", "end", "value", "unit", "known", "cite"],
        as_json=as_json, format=format, out=out, force=force,
    )  # fmt: skip
