"""Your own figures, SQL, and the compilation of the snapshot."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from keruen.cli.common import (
    AsJson,
    Force,
    Format,
    Out,
    app,
    give,
    say_json,
)
from keruen.errors import VocabularyError


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="CSV, Excel or Parquet in the template's columns.", show_default=False)],
    source: Annotated[str | None, typer.Option(help="Title of the source, where the file has no such column.")] = None,
    publisher: Annotated[str | None, typer.Option(help="Who published it.")] = None,
    url: Annotated[str | None, typer.Option(help="Where it stands.")] = None,
    licence: Annotated[str | None, typer.Option(help="On which terms.")] = None,
    released: Annotated[str | None, typer.Option(metavar="DATE", help="When it became known.")] = None,
    measure: Annotated[
        str | None, typer.Option("--measure", "-m", help="What is counted, if the file is silent.")
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="The decimal mark, . or , where numbers can be read in two ways.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add your own figures. Either every row is right and all are added, or none is.

    `keruen template evidence > mine.csv`, fill it in, then `keruen add mine.csv`
    """
    from dataclasses import asdict

    from keruen.adding import add as added

    summary = added(
        file, source=source, publisher=publisher, url=url, licence=licence, released=released, measure=measure,
        decimal=decimal,
    )  # fmt: skip
    if as_json:
        say_json(asdict(summary))
    else:
        print(f"{file}: {summary.added} rows added, {summary.already} were there already.")
    for note in summary.notes:
        print(f"  {note}", file=sys.stderr)


@app.command()
def template(kind: Annotated[str, typer.Argument(help="evidence or audit")] = "evidence") -> None:
    """Print a template for figures or for statements of your own, ready to fill in.

    `keruen template evidence > mine.csv`

    `keruen template audit > mine.toml`
    """
    if kind == "evidence":
        from keruen.readers.template import template as of_figures

        sys.stdout.write(of_figures())
    elif kind == "audit":
        from keruen.statement_sets import template as of_statements

        sys.stdout.write(of_statements())
    else:
        raise VocabularyError(f"There is no template {kind!r}. Take: keruen template evidence, or template audit.")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over claims, own, releases, places.", show_default=False)],
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Ask in SQL, read-only (needs the extra `sql`).

    `keruen sql "SELECT release, value FROM claims WHERE place = 'KAZ' AND measure = 'net_migration' LIMIT 5"`
    """
    from keruen.sql import sql as asked

    rows = asked(query)
    give(rows, show=rows.columns, as_json=as_json, format=format, out=out, force=force)


@app.command("compile")
def compile_(
    folder: Annotated[Path, typer.Argument(help="The folder of publishers' tables.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the snapshot; by default the package's own.")
    ] = None,
    include_restricted: Annotated[
        bool, typer.Option("--include-restricted", help="Also what carries no open licence, into your own folder only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compile the packaged figures from publishers' tables. Users need this only for restricted figures.

    `keruen compile tables/ --include-restricted`
    """
    from keruen import snapshot

    told = snapshot.compile_snapshot(
        folder, out, include_restricted=include_restricted, progress=lambda said: print(said, file=sys.stderr)
    )
    if as_json:
        say_json(told)
    else:
        size = sum(told["bytes"].values()) / 1e6
        print(f"Snapshot {told['version']}: {told['rows']:,} rows of {len(told['releases'])} releases, {size:.1f} MB.")
