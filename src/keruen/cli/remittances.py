"""Who receives money from whom, what a host could do with it, and what a shock to a host passes on."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from keruen.cli.common import (
    FIRST_YEAR,
    LAST_YEAR,
    AsJson,
    AsOf,
    Draw,
    Force,
    Format,
    Out,
    Place,
    Seed,
    Strict,
    app,
    as_typed,
    give,
    refuse,
)
from keruen.errors import VocabularyError

Year = Annotated[
    int | None,
    typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="A calendar year; by default the last that is well reported."),
]


@app.command()
def remittances(
    place: Place,
    since: Annotated[
        int | None, typer.Option("--from", metavar="YEAR", min=FIRST_YEAR, max=LAST_YEAR, help="First year.")
    ] = None,
    until: Annotated[
        int | None, typer.Option("--to", metavar="YEAR", min=FIRST_YEAR, max=LAST_YEAR, help="Last year.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="stocks, incomes or ratha_shaw: how migrants are weighed.")
    ] = "ratha_shaw",
    share: Annotated[
        tuple[float, float] | None, typer.Option(help="Search for a share of GDP between two percents.")
    ] = None,
    sender: Annotated[str | None, typer.Option(help="With --share: from whom the money is said to come.")] = None,
    hosts: Annotated[int, typer.Option(min=1, help="In JSON, so many hosts a year, method and definition.")] = 10,
    matrices: Annotated[
        bool, typer.Option("--matrices", help="The part of each sender in one year, by every matrix side by side.")
    ] = False,
    year: Annotated[
        int | None,
        typer.Option(
            min=FIRST_YEAR, max=LAST_YEAR, help="With --matrices: the year; by default the last of a published matrix."
        ),
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw --matrices: SVG, PNG or PDF by the name's ending.")] = None,
    as_of: AsOf = None,
    strict: Strict = False,
    seed: Seed = 0,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """What a place receives and from whom: inflows, matrices and reported transfers, kept apart.

    `keruen remittances TJK --from 2012 --to 2017`

    `keruen remittances TJK --share 36 38 --sender RUS`

    `keruen remittances KAZ --matrices --figure senders.svg`
    """
    from keruen.remittances import remittances, rival_senders, told, told_senders
    from keruen.shares import share_search

    matrices = matrices or figure is not None
    if matrices and share is not None:
        raise VocabularyError("--share and --matrices are two questions; ask one of them.")
    if year is not None and not matrices:
        raise VocabularyError("--year is of --matrices; else say --from and --to.")
    refuse(as_json=as_json, format=format, out=out, force=force, figure=figure)
    if matrices:
        rows = rival_senders(place, year, as_of=as_of, strict=strict)
        if figure is not None:
            from keruen import figures_matrices

            figures_matrices.matrices(rows).save(figure, force=force)
        give(
            rows, show=rows.columns[:-1], told=told_senders(rows) if as_json and out is None else None,
            as_json=as_json, format=format, out=out, force=force, units={"share": "percent"},
        )  # fmt: skip
        return
    if share is not None:
        found = share_search(place, *share, sender=sender, as_of=as_of)
        rows = found.rows.filter("within")
        give(
            rows, show=rows.columns[:-1], told={"sentence": found.sentence, "shares": rows.to_dicts()},
            as_json=as_json, format=format, out=out, force=force,
        )  # fmt: skip
        if not (as_json or format or out):
            print(found.sentence)
        return
    made = remittances(place, since=since, until=until, method=method, seed=seed, as_of=as_of, strict=strict)
    give(
        made.shares, show=made.shares.columns[:-1], told=told(made, hosts=hosts) if as_json and out is None else None,
        as_json=as_json, format=format, out=out, force=force, units={"share_gdp": "percent"},
    )  # fmt: skip


@app.command()
def leverage(
    holder: Annotated[str | None, typer.Argument(help="The host; none with --system.", show_default=False)] = None,
    over: Annotated[list[str] | None, typer.Option("--over", help="A place; give it again for more.")] = None,
    system: Annotated[str | None, typer.Option(help="A system of places, say eurasia, or world.")] = None,
    send_home: Annotated[
        float | None, typer.Option(min=0, max=100, help="In JSON also what is lost if so many percent are sent home.")
    ] = None,
    matrix: Annotated[
        Path | None,
        typer.Option(help="Your own matrix: CSV with receiving, sending, usd.", exists=True, dir_okay=False),
    ] = None,
    edition: Annotated[str | None, typer.Option(help="One edition of the stock alone, say un-ims-2020.")] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw who hangs on whom as a network: SVG, PNG or PDF by the name's ending."),
    ] = None,
    above: Annotated[
        float, typer.Option(help="With --figure: corridors that may reach so many percent of a product.")
    ] = 1.0,
    year: Year = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws over rival editions.")] = 1000,
    as_of: AsOf = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """What a host could take from the places whose people work there, once they can go elsewhere.

    `keruen leverage RUS --over TJK --send-home 20 --json`

    `keruen leverage --system eurasia --figure network.svg`
    """
    from keruen.leverage import leverage, read_matrix, told

    if holder is None and system is None:
        raise VocabularyError("Name a holder (keruen leverage RUS --over TJK) or a system (--system eurasia).")
    refuse(as_json=as_json, format=format, out=out, force=force, figure=figure)
    money = read_matrix(matrix) if matrix is not None else None
    found = leverage(
        holder, over, system=system, year=year, draws=draws, seed=seed, money=money, edition=edition, as_of=as_of
    )
    if figure is not None:
        from keruen.figures_depends import hangs_on

        hangs_on(found, above=above).save(figure, force=force)
    told_ = (
        told(found, sent_home_part=None if send_home is None else send_home / 100) if as_json and out is None else None
    )
    give(
        found.table,
        show=["over", "holder", "income_usd", "people", "dependence", "outside", "gross", "gross_low80", "gross_high80",
              "cost", "net"],
        told=told_, as_json=as_json, format=format, out=out, force=force,
        units=dict.fromkeys(("dependence", "gross", "cost", "net", "asymmetry"), "percent of GDP")
        | {"people": "persons", "outside": "percent"},
    )  # fmt: skip


Range = tuple[float, float, float]


@app.command()
def access(
    place: Place,
    holder: Annotated[str, typer.Argument(help="Whose labour market is open.", show_default=False)],
    year: Annotated[int, typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="A calendar year.")] = 2015,
    permit_cost: Annotated[
        Range | None,
        typer.Option(
            metavar="VALUE LOW HIGH",
            help="What a permit would cost a worker and year, in the holder's currency; known of Russia since 2015.",
        ),
    ] = None,
    working_share: Annotated[
        Range | None,
        typer.Option(metavar="VALUE LOW HIGH", help="Part of those present who would need one; else 0.6 0.4 0.8."),
    ] = None,
    banned: Annotated[
        Range | None,
        typer.Option(metavar="VALUE LOW HIGH", help="People freed from entry bans; else as counted, or left out."),
    ] = None,
    because: Annotated[str, typer.Option(help="Where the ranges that you give come from.")] = "",
    draws: Annotated[int, typer.Option(min=1, help="Draws over the ranges.")] = 4000,
    figure: Draw = None,
    as_of: AsOf = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """What free access to a labour market is worth to a place's workers in a year: the price of a union.

    `keruen access KGZ RUS --year 2015 --figure price.svg`

    `keruen access KGZ RUS --banned 20000 10000 40000 --because "my count" --json`
    """
    from keruen.access import told, union_price

    refuse(as_json=as_json, format=format, out=out, force=force, figure=figure)
    found = union_price(
        place, holder, year, permit_cost=permit_cost, working_share=working_share, banned=banned, because=because,
        seed=seed, draws=draws, as_of=as_of,
    )  # fmt: skip
    if figure is not None:
        from keruen.figures_price import price

        price(found).save(figure, force=force)
    give(
        found.table, show=found.table.columns, told=told(found) if as_json and out is None else None, as_json=as_json,
        format=format, out=out, force=force, units={"usd": "USD", "low80": "USD", "high80": "USD"}
        | dict.fromkeys(("share_gdp", "share_low80", "share_high80"), "percent of GDP"),
    )  # fmt: skip
    if not (as_json or format or out):
        for part, why in found.left_out.items():
            print(f"{part}: {as_typed(why, ['access'], typer.main.get_command(app), told=False)}")


@app.command()
def shock(
    host: Annotated[str, typer.Argument(help="The host whose economy is shocked.", show_default=False)],
    growth: Annotated[float | None, typer.Option(help="Real growth, percent: -3.8, not -0.038.")] = None,
    currency: Annotated[float | None, typer.Option(help="Change of what its currency buys in USD, percent.")] = None,
    year: Annotated[
        int | None,
        typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="Year of the shock; the model learns from the years before."),
    ] = None,
    receiver: Annotated[list[str] | None, typer.Option("--receiver", help="A place; give it again for more.")] = None,
    as_of: AsOf = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """What a change of a host's growth and currency does to those who receive from it; and what happened, if past.

    `keruen shock RUS --growth -3.8 --currency -45`

    `keruen shock RUS --year 2015 --json`
    """
    from keruen.passthrough import GrowthAsShare, shock, told

    refuse(as_json=as_json, format=format, out=out, force=force)
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always", GrowthAsShare)
        found = shock(host, growth=growth, currency=currency, year=year, receivers=receiver, as_of=as_of, seed=seed)
    for note in noted:
        print(f"keruen: {note.message}", file=sys.stderr)
    give(
        found.rows,
        show=["place", "exposure", "change", "change_low80", "change_high80", "low80", "high80", "dependence",
              "gdp_points", "happened"],
        told=told(found) if as_json and out is None else None, as_json=as_json, format=format, out=out, force=force,
        units=dict.fromkeys(
            ("corridor", "change", "median", "low80", "high80", "reported_median", "reported", "happened"), "percent"
        )
        | dict.fromkeys(("dependence", "gdp_points"), "percent of GDP")
        | dict.fromkeys(("growth_points", "growth"), "percentage points"),
    )  # fmt: skip
    if not (as_json or format or out):
        print(found.sentence)
