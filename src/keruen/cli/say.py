"""Briefs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from keruen.cli.common import (
    AsOf,
    Force,
    Out,
    Strict,
    Verbose,
    app,
    command_line,
)
from keruen.errors import OutputError

ENDINGS = {".md": "md", ".markdown": "md", ".pdf": "pdf"}


@app.command()
def brief(
    place: Annotated[
        str | None, typer.Argument(help="A place: KAZ, 398, Kazakhstan or Казахстан.", show_default=False)
    ] = None,
    system: Annotated[
        str | None, typer.Option(help="Instead of a place, a system of places, say eurasia; see `keruen places`.")
    ] = None,
    out: Out = None,
    as_of: AsOf = None,
    strict: Strict = False,
    reported: Annotated[
        bool, typer.Option("--reported", help="Only what sources report: nothing estimated. Takes a few seconds.")
    ] = False,
    format: Annotated[
        str | None, typer.Option("--format", "-f", help="html, md or pdf; by default as --out ends.")
    ] = None,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """A sourced brief of any place or system of places, as one HTML page, as Markdown or as PDF.

    `keruen brief KAZ --out kaz.html`

    `keruen brief KAZ --as-of 2018-05-03 --format md`

    `keruen brief KAZ --reported --out kaz.md`

    `keruen brief --system eurasia --out eurasia.pdf`
    """
    import os
    import time

    from keruen import export
    from keruen.brief import brief as written

    begun = time.perf_counter()
    wanted = format or (ENDINGS.get(out.suffix.lower(), "html") if out is not None else "html")
    if out is not None:
        export.refuse(out, force=force)
    elif wanted == "pdf" and sys.stdout.isatty():
        raise OutputError("A PDF cannot be shown here. Name a file: --out brief.pdf.")

    def tell(code: str, done: int, of: int) -> None:
        print(f"\r{done}/{of} {code}   ", end="" if done < of else "\n", file=sys.stderr, flush=True)

    made = written(
        place, system=system, as_of=as_of, strict=strict, reported=reported, format=wanted, command=command_line(),
        progress=tell if sys.stderr.isatty() else None, workers=os.cpu_count() or 1,
    )  # fmt: skip
    content = made.encode() if isinstance(made, str) else made
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    export.write_bytes(content, out, force=force)
    print(f"{out}: {len(content) / 1000:,.0f} kB.", file=sys.stderr)
    if verbose:
        print(f"{time.perf_counter() - begun:.1f} s", file=sys.stderr)
