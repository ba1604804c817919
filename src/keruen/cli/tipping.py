"""When a place tipped, for one place or for the world; and whether the sampler can be trusted."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from keruen.cli.common import FIRST_YEAR, LAST_YEAR, AsJson, AsOf, Force, Format, Out, Seed, Strict, app, give, refuse
from keruen.errors import ConceptError


@app.command()
def tipping(
    place: Annotated[str | None, typer.Argument(help="A place: KAZ, 398, Kazakhstan.", show_default=False)] = None,
    world: Annotated[bool, typer.Option("--world", help="Every place; what was computed before is kept.")] = False,
    as_of: AsOf = None,
    strict: Strict = False,
    persistence: Annotated[int, typer.Option(help="Years that a turn must last.")] = 5,
    threshold: Annotated[float, typer.Option(help="Receiving means above this, per 1,000 a year.")] = 0.0,
    hysteresis: Annotated[float, typer.Option(help="Half the width of the dead band, per 1,000.")] = 0.5,
    since: Annotated[
        int, typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="First year in which a turn counts.")
    ] = 1990,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="The same under other treatments of the evidence, one a row.")
    ] = False,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="The same without each source in turn, one a row.")
    ] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """When a sending place became a receiving one, and how sure one can be.

    `keruen tipping KAZ`

    `keruen tipping KAZ --as-of 2018-05-03 --json`

    `keruen tipping KAZ --sensitivity --out treatments.csv`

    `keruen tipping --world --out tipping.parquet`
    """
    import polars as pl

    from keruen.tipping_place import answer
    from keruen.tipping_world import world as everywhere

    if world == (place is not None):
        raise ConceptError("Name one place, or ask for all of them with --world.")
    if world and (sensitivity or leave_one_out):
        raise ConceptError("Treatments are told for one place at a time: keruen tipping KAZ --sensitivity.")
    refuse(as_json=as_json, format=format, out=out, force=force)

    def tell(what: str, done: int, of: int) -> None:
        print(f"\r{done}/{of} {what:<48}", end="" if done < of else "\n", file=sys.stderr, flush=True)

    question: dict[str, Any] = {
        "as_of": as_of, "strict": strict, "persistence": persistence, "threshold": threshold, "hysteresis": hysteresis,
        "since": since, "seed": seed,
    }  # fmt: skip
    if world:
        table = everywhere(**question, progress=tell)
        give(table, show=table.columns[:12], as_json=as_json, format=format, out=out, force=force)
        return
    assert place is not None
    slow = sensitivity or leave_one_out
    told = answer(
        place, **question, treatments=sensitivity, leave_one_out=leave_one_out, progress=tell if slow else None
    )
    rate = told["net_migration_rate"]
    table = pl.DataFrame(told["sensitivity"]) if slow else pl.DataFrame(
        {
            "year": told["years"], "median": rate["median"], "low80": rate["low80"], "high80": rate["high80"],
            "p_receiving": told["p_receiving"], "state": told["state"],
            "p_tips": [told["tipping"]["p_by_year"].get(str(y), 0.0) for y in told["years"]],
        },
        strict=False,
    )  # fmt: skip
    give(
        table, show=[c for c in table.columns if c != "as_of"], told=told, as_json=as_json, format=format, out=out,
        force=force, units=dict.fromkeys(("median", "low80", "high80"), "per 1,000"),
    )  # fmt: skip
    if out is None and format is None and not as_json:
        t = told["tipping"]
        print(
            f"First turn upward since {t['since']} that lasts {t['persistence']} years: most likely {t['mode']}; "
            f"never {t['p_never']:.2f}, begun but not yet confirmed {t['p_unconfirmed']:.2f}, receiving from the start "
            f"{t['p_already_receiving']:.2f}, turned back since {t['p_turned_back']:.2f}."
        )
        for note in told["notes"]:
            print(f"Note: {note}")


@app.command()
def sbc(
    place: Annotated[str, typer.Argument(help="Its design of claims is used, not its figures.")],
    sets: Annotated[int, typer.Option(min=1, help="Simulated data sets; 300 for a verdict.")] = 20,
    seed: Seed = 0,
    as_of: AsOf = None,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Does the sampler return what was put in? Simulation-based calibration on the claims of a place.

    `keruen sbc TKM --sets 300 --out ranks.parquet`
    """
    from keruen.path_calibration import calibrate, calibration
    from keruen.reconcile import reconcile

    refuse(as_json=as_json, format=format, out=out, force=force)
    ranks = calibrate(reconcile(place, as_of=as_of, ess=50), sets, seed=seed)
    table = calibration(ranks)
    if out is not None:
        give(ranks, show=ranks.columns, as_json=as_json, format=format, out=out, force=force)
    else:
        give(table, show=table.columns, as_json=as_json, format=format)


@app.command()
def backtest(
    places: Annotated[list[str] | None, typer.Argument(help="Places; by default every country.")] = None,
    edition: Annotated[
        list[str] | None, typer.Option(help="An edition whose day is gone back to; may be said more than once.")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """With what was known on the day of an old edition: what would the newest one print, and how good was that?

    `keruen backtest KAZ UZB KGZ --edition un-wpp-2012`

    `keruen backtest --out scores.parquet`
    """
    from keruen.path_backtest import EDITIONS, backtest, summary

    def tell(code: str, done: int, of: int) -> None:
        print(f"\r{done}/{of} {code}   ", end="" if done < of else "\n", file=sys.stderr, flush=True)

    refuse(as_json=as_json, format=format, out=out, force=force)
    scores = backtest(places, edition or EDITIONS, seed=seed, progress=tell)
    if out is not None:
        give(scores, show=scores.columns, as_json=as_json, format=format, out=out, force=force)
        return
    table = summary(scores)
    give(table, show=table.columns, as_json=as_json, format=format)
