"""Briefs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from keruen.cli.common import (
    AsOf,
    Force,
    Out,
    Place,
    Strict,
    Verbose,
    app,
    command_line,
)


@app.command()
def brief(
    place: Place,
    out: Out = None,
    as_of: AsOf = None,
    strict: Strict = False,
    format: Annotated[str | None, typer.Option("--format", "-f", help="html or md; by default as --out ends.")] = None,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """A sourced brief of any place, as one HTML page or as Markdown.

    `keruen brief KAZ --out kaz.html`

    `keruen brief KAZ --as-of 2018-05-03 --format md`
    """
    import time

    from keruen import export
    from keruen.brief import brief as written

    begun = time.perf_counter()
    wanted = format or ("md" if out is not None and out.suffix.lower() in (".md", ".markdown") else "html")
    if out is not None:
        export.refuse(out, force=force)
    text = written(place, as_of=as_of, strict=strict, format=wanted, command=command_line())
    if out is None:
        sys.stdout.write(text)
        return
    export.write_text(text, out, force=force)
    print(f"{out}: {len(text) / 1000:,.0f} kB.", file=sys.stderr)
    if verbose:
        print(f"{time.perf_counter() - begun:.1f} s", file=sys.stderr)
