"""Who went where, and how far estimates are from reports."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from keruen.cli.common import AsJson, AsOf, Force, Format, Out, Seed, Strict, app, give, say_json
from keruen.errors import VocabularyError

Release = Annotated[list[str] | None, typer.Option("--release", help="Edition of the stocks; again for more.")]
Method = Annotated[
    str, typer.Option("--method", help="pseudo_bayes, minimisation_closed, … ; see docs/methods/flows.md.")
]
Period = Annotated[str | None, typer.Option("--period", help="Two years, say 2015-2020; by default all.")]


@app.command()
def flows(
    place: Annotated[str | None, typer.Argument(help="Flows from and to this place.", show_default=False)] = None,
    origin: Annotated[str | None, typer.Option("--from", help="Where people left.")] = None,
    destination: Annotated[str | None, typer.Option("--to", help="Where they arrived.")] = None,
    world: Annotated[bool, typer.Option("--world", help="Every corridor; needs --out.")] = False,
    period: Period = None,
    release: Release = None,
    method: Method = "pseudo_bayes",
    weight: Annotated[float, typer.Option(help="The minimum's share in pseudo_bayes.")] = 0.87,
    sex: Annotated[list[str] | None, typer.Option(help="all, male or female; again for more.")] = None,
    prior: Annotated[str | None, typer.Option(help="distance: corridors weighted by inverse distance.")] = None,
    vital: Annotated[
        str | None, typer.Option(help="Edition of births, deaths and populations; by default the stocks' own.")
    ] = None,
    other: Annotated[
        str, typer.Option(help="People of other origin: share (over the known ones), keep (apart) or natives.")
    ] = "share",
    draws: Annotated[
        int | None,
        typer.Option(min=0, help="Draws behind the intervals; by default 100 of one period and edition, else none."),
    ] = None,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes for the draws.")] = max(os.cpu_count() or 1, 1),
    store: Annotated[Path | None, typer.Option("--store", help="Folder for draws larger than memory.")] = None,
    as_of: AsOf = None,
    strict: Strict = False,
    hindsight: Annotated[
        bool, typer.Option("--hindsight", help="With --as-of: births and deaths may have become known later; told.")
    ] = False,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Who went where, by every edition of the stocks that can tell.

    `keruen flows --from UZB --to RUS --json`

    `keruen flows KAZ --period 2015-2020 --method pseudo_bayes --release un-ims-2020 --json`

    `keruen flows --world --period 2015-2020 --out world.parquet`
    """
    from keruen.flows import flows as estimate
    from keruen.flows import refuse_out, sources, usual_draws, write_zarr
    from keruen.places import place as one

    if not (place or origin or destination or world):
        raise VocabularyError("Whose flows? Name a place, --from, --to, or --world with --out.")
    if world and out is None:
        raise VocabularyError(
            "--world is tens of thousands of corridors: name a file, --out world.parquet, .zarr or .csv."
        )
    place, origin, destination = (None if p is None else one(p).code for p in (place, origin, destination))
    refuse_out(out, force)
    found = estimate(
        period, release=release, method=method, weight=weight, sex=sex or "all", prior=prior, vital=vital, other=other,
        draws=usual_draws(draws, period=period, release=release, prior=prior, as_of=as_of), seed=seed,
        workers=workers, to=store, as_of=as_of, strict=strict, hindsight=hindsight, progress=_progress,
    )  # fmt: skip
    if out is not None and out.suffix == ".zarr":
        write_zarr(found, out, force=force)
        print(f"{out}: {found.certificate['line']}", file=sys.stderr)
        return
    rows = found.rows(place, origin=origin, destination=destination)
    if as_json and out is None:
        say_json({"flows": rows.to_dicts(), "certificate": found.certificate, "sources": sources(found)})
        return
    counts = ("value", "low95", "low80", "median", "high80", "high95", "outward", "return", "transit")
    give(
        rows.sort("value", descending=True) if place else rows, show=rows.columns, format=format, out=out, force=force,
        units=dict.fromkeys(counts, "persons"),
    )  # fmt: skip
    print(found.certificate["line"], file=sys.stderr)


@app.command(name="score-flows")
def score_flows(
    period: Period = None,
    release: Release = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="One of the methods; again for more. By default all.")
    ] = None,
    by: Annotated[str, typer.Option(help="world, reporter, region or period.")] = "world",
    reports: Annotated[str, typer.Option(help="residence, double-entry or citizenship.")] = "residence",
    as_of: AsOf = None,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """How far estimates are from reported flows, method by method and edition by edition.

    `keruen score-flows --release un-ims-2020`
    """
    from keruen.score import score_editions

    rows = score_editions(period, releases=release, methods=method, by=by, reports=reports, as_of=as_of)
    give(
        rows, show=rows.columns, told={"scores": rows.to_dicts()}, as_json=as_json, format=format, out=out, force=force
    )


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {of} chunks of draws", end="" if done < of else "\n", file=sys.stderr, flush=True)
