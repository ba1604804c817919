"""Who is not counted: labour migrants, the other streams, policies as dated events, and tables of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from keruen.cli.common import (
    FIRST_YEAR,
    LAST_YEAR,
    AsJson,
    AsOf,
    Counterpart,
    Draw,
    Force,
    Format,
    Out,
    Place,
    Seed,
    Since,
    Stream,
    Strict,
    Until,
    app,
    give,
    refuse,
)
from keruen.errors import BadDate


@app.command()
def labour(
    place: Place,
    counterpart: Counterpart = None,
    at_least: Annotated[list[str] | None, typer.Option(help="YEAR:PERSONS, say 2017:2000000; once or more.")] = None,
    influence: Annotated[str, typer.Option(help="What each anchor changes: weights, refit or none.")] = "weights",
    since: Annotated[
        int | None, typer.Option("--from", min=FIRST_YEAR, max=LAST_YEAR, help="First year; by default 2000.")
    ] = None,
    until: Annotated[
        int | None,
        typer.Option(
            "--to", min=FIRST_YEAR, max=LAST_YEAR, help="Last year; by default 2024, or that of --as-of if earlier."
        ),
    ] = None,
    figure: Draw = None,
    seed: Seed = 0,
    as_of: AsOf = None,
    strict: Strict = False,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """How many labour migrants, registered and not, and how likely a stated number is.

    `keruen labour KAZ --json`

    `keruen labour KAZ --at-least 2017:2000000 --figure labour.svg`
    """
    from keruen.labour import labour as posterior
    from keruen.labour import table as by_year
    from keruen.labour_words import sentences, told

    asked = [_threshold(text) for text in at_least or []]
    refuse(as_json=as_json, format=format, out=out, force=force, figure=figure)
    found = posterior(
        place, counterpart=counterpart, as_of=as_of, strict=strict, years=(since, until), influence=influence, seed=seed
    )
    if figure is not None:
        from keruen.figures_labour import fan

        fan(found).save(figure, force=force)
    table = by_year(found)
    give(
        table, show=table.columns, told=told(found, asked) if as_json and out is None else None,
        as_json=as_json, format=format, out=out, force=force,
        units=dict.fromkeys(("registered", "unregistered", "total"), "persons"),
    )  # fmt: skip
    if not (as_json or format or out):
        print("\n".join(sentences(found, asked)))


def _threshold(text: str) -> tuple[int, float]:
    year, _, number = text.partition(":")
    try:
        asked = int(year), float(number.replace(",", "").replace(" ", ""))
    except ValueError:
        asked = 0, -1.0
    if not (FIRST_YEAR <= asked[0] <= LAST_YEAR and 0 <= asked[1] < float("inf")):
        raise BadDate(f"{text!r} is no year and number of persons. Write it like 2017:2000000.")
    return asked


@app.command()
def streams(
    place: Place,
    stream: Stream = None,
    doubled: Annotated[
        int | None,
        typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="For which series did the number double in this year?"),
    ] = None,
    exodus: Annotated[str | None, typer.Option(help="FIRST-LAST: who left in these years, source by source.")] = None,
    as_of: AsOf = None,
    strict: Strict = False,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Every stream of a place with its own series; nothing is added across streams.

    `keruen streams KAZ --stream ethnic_return`

    `keruen streams KAZ --doubled 2010`

    `keruen streams KAZ --exodus 1991-2004`
    """
    from keruen.exodus import exodus as who_left
    from keruen.places import place as one
    from keruen.streams import doubled as which_doubled
    from keruen.streams import streams as side_by_side

    if doubled is not None:
        table = which_doubled(place, doubled, as_of=as_of)
    elif exodus is not None:
        table = who_left(place, *_span(exodus), as_of=as_of)
    else:
        table = side_by_side(place, stream=stream, as_of=as_of, strict=strict)
    told: dict[str, Any] = {"place": one(place).code, "as_of": as_of, "rows": table.to_dicts()}
    give(
        table,
        show=[c for c in table.columns if c not in ("id", "derived_from", "low", "high", "known", "population")],
        told=told, as_json=as_json, format=format, out=out, force=force,
    )  # fmt: skip


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise BadDate(f"{text!r} is no span of years. Write it like 1991-2004.")
    return int(first), int(last)


@app.command()
def events(
    place: Annotated[str | None, typer.Argument(help="A place; without it, everywhere.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option(help="amnesty, permit regime, quota, patent, war …")] = None,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Policies and shocks as dated events, each with its source and whether it was checked.

    `keruen events KAZ --kind amnesty`
    """
    import polars as pl

    from keruen.events import events
    from keruen.places import place as one
    from keruen.provenance import day

    table = events(place, kind=kind, as_of=as_of)
    table = table if since is None else table.filter(pl.col("end") > day(since))
    table = table if until is None else table.filter(pl.col("start") <= day(until, last=True))
    told: dict[str, Any] = {
        "place": None if place is None else one(place).code,
        "as_of": as_of,
        "events": table.to_dicts(),
    }
    give(
        table, show=["kind", "place", "counterpart", "start", "end", "description", "verified", "parameter", "source"],
        told=told, as_json=as_json, format=format, out=out, force=force,
    )  # fmt: skip


@app.command()
def hidden(
    file: Annotated[
        Path, typer.Argument(help="A table: CSV, Excel or Parquet; columns by method.", show_default=False)
    ],
    method: Annotated[
        str,
        typer.Option(help="ztp, chao, chao-bc, zelterman, zhang, zhang-logit, residual, multiplier, amnesty, capture."),
    ],
    draws: Annotated[int, typer.Option(min=0, help="Draws; 0: the closed form where there is one.")] = 0,
    prior: Annotated[str, typer.Option(help="Of an amnesty: 1/U or flat.")] = "1/U",
    known: Annotated[float | None, typer.Option(min=0, help="A stated total: refused if fewer than were seen.")] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """The size of a population that no register holds, from a table of your own.

    Columns: repeat counts `times,people` (further columns are covariates); zhang
    `origin,reference,administrative,apprehended`; residual `quantity,value,low,high`; multiplier
    `registered,share,share_error`; amnesty `regularised,take_up,take_up_error` (and `stock`); capture two or three
    columns of 0 and 1, and `people`.

    `keruen hidden counts.csv --method chao --json`
    """
    from keruen.hidden_tables import estimate, rows

    found = estimate(file, method, draws=draws, prior=prior, known=known, seed=seed)
    table, told = rows(found)
    give(table, show=table.columns, told=told, as_json=as_json, format=format, out=out, force=force)
