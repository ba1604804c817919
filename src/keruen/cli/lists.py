"""Places, measures and sources, and what this installation is."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from keruen._version import __version__
from keruen.cli.common import (
    AsJson,
    AsOf,
    Force,
    Format,
    Out,
    app,
    give,
    say_json,
)


@app.command()
def places(
    system: Annotated[str | None, typer.Option(help="Only a system of places, say eurasia or central-asia.")] = None,
    find: Annotated[str | None, typer.Option(help="Only the place of this name or code.")] = None,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Places, their codes and names; systems of places.

    `keruen places --system eurasia`
    """
    from dataclasses import asdict

    import polars as pl

    from keruen import places as room

    listed = room.system(system) if system else [room.place(find)] if find else list(room.places().values())
    rows = [asdict(p) for p in listed]
    frame = pl.DataFrame(
        [{k: "; ".join(v) if isinstance(v, tuple) else v for k, v in r.items()} for r in rows], infer_schema_length=None
    )
    told = {"system": system, "systems": room.systems(), "places": rows}
    give(
        frame, show=["code", "kind", "name", "name_ru", "m49", "region", "subregion", "income", "since", "until"],
        told=told, as_json=as_json, format=format, out=out, force=force,
    )  # fmt: skip


@app.command()
def measures(
    find: Annotated[str | None, typer.Argument(help="Only measures whose name or meaning holds this word.")] = None,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """What can be asked about: measures with their units and meaning.

    `keruen measures permits`
    """
    from dataclasses import asdict

    import polars as pl

    from keruen import vocabulary

    rows = [asdict(m) for m in vocabulary.measures().values()]
    if find:
        rows = [r for r in rows if find.lower() in (r["name"] + " " + r["meaning"]).lower()]
    frame = pl.DataFrame(rows, schema=["name", "unit", "when", "topic", "meaning", "counterpart", "sign"])
    told = {"measures": rows, "streams": vocabulary.words("stream"), "statuses": vocabulary.words("status")}
    give(
        frame, show=["name", "unit", "when", "meaning"], told=told, as_json=as_json, format=format, out=out,
        force=force, nothing=f"No measure's name or meaning holds {find!r}. All: keruen measures",
    )  # fmt: skip


@app.command()
def sources(
    as_of: AsOf = None,
    pages: Annotated[bool, typer.Option("--pages", help="In the printed table, also each page of the press.")] = False,
    as_json: AsJson = False,
    format: Format = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Every release: licence, date, rows, and the faults known of it.

    `keruen sources --as-of 2018-05-03`
    """
    import polars as pl

    from keruen import store

    rows = store.sources(as_of=as_of)
    told = {"as_of": as_of, "sources": rows.to_dicts()} if as_json else None
    printed = rows if pages or as_json or format or out else rows.filter(~pl.col("key").str.starts_with("page-"))
    give(
        printed,
        show=["key", "publisher", "title", "released", "precision", "known_basis", "rows", "copies", "licence", "own"],
        told=told, as_json=as_json, format=format, out=out, force=force,
    )  # fmt: skip


@app.command()
def doctor(
    as_json: AsJson = False,
    clear_cache: Annotated[bool, typer.Option("--clear-cache", help="Forget all that was computed and kept.")] = False,
) -> None:
    """What this installation is: versions, folders, threads, what is kept, optional parts.

    `keruen doctor --json`

    `keruen doctor --clear-cache`
    """
    import importlib.metadata as metadata
    import importlib.util

    from keruen import folders, kept, snapshot

    if clear_cache:
        print(f"{kept.clear() / 1e6:,.1f} MB freed.", file=sys.stderr)
    number, held = kept.size()
    parts = {}
    for name in (
        "polars",
        "numpy",
        "scipy",
        "xarray",
        "matplotlib",
        "duckdb",
        "pyarrow",
        "pandas",
        "zarr",
        "dask",
        "numba",
        "arviz",
    ):
        parts[name] = metadata.version(name) if importlib.util.find_spec(name) else None
    told = {
        "keruen": __version__,
        "python": sys.version.split()[0],
        "snapshot": snapshot.manifest()["version"],
        "snapshot_folder": str(folders.snapshot()),
        "home": str(folders.home()),
        "kept": {"entries": number, "bytes": held},
        "threads": os.environ.get("OPENBLAS_NUM_THREADS"),
        "parts": parts,
    }
    if as_json:
        say_json(told)
        return
    for key, value in told.items():
        if isinstance(value, dict):
            for name, version in value.items():
                print(f"  {name}: {'not installed' if version is None else version}")
        else:
            print(f"{key}: {value if value is not None else 'not set'}")
