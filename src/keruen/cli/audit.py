"""Is this sentence true?"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from keruen.cli.common import AsJson, AsOf, Force, Out, Seed, app, command_line, say_json
from keruen.errors import ConceptError


@app.command()
def audit(
    name: Annotated[str, typer.Argument(help="eurasianet-2018, or a TOML file of your own.", show_default=False)],
    as_of: AsOf = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="The id of a statement; may be given again.")] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    format: Annotated[
        str | None, typer.Option("--format", "-f", help="html, md or json; by default as --out ends.")
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Is it true? Verdicts on statements, as of the day they were made and as of today, with every rival figure.

    `keruen audit eurasianet-2018 --out audit.html`

    `keruen audit template > mine.toml`, then `keruen audit mine.toml --json`
    """
    import json
    import os

    from keruen import export
    from keruen.audit import audit as judged
    from keruen.audit import plain, table
    from keruen.audit_page import page
    from keruen.cli.common import plain as jsonable
    from keruen.cli.screen import show_table
    from keruen.statement_sets import template

    if name == "template":
        sys.stdout.write(template())
        return
    endings = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".json": "json"}
    wanted = "json" if as_json else format or (endings.get(out.suffix.lower(), "html") if out is not None else None)
    if wanted not in (None, "html", "md", "json"):
        raise ConceptError(f"{wanted!r} is not a format of an audit. Use html, md or json.")
    if out is not None:
        export.refuse(out, force=force)
    found = judged(
        name, as_of, only=only or (), seed=seed, progress=lambda said: print(said, file=sys.stderr),
        workers=os.cpu_count() or 1,
    )  # fmt: skip
    if wanted is None:
        show_table(table(found), ways="--json or --out FILE")
    elif wanted == "json" and out is None:
        say_json(plain(found))
    else:
        told = jsonable(plain(found)) if wanted == "json" else None
        text = (
            json.dumps(told, ensure_ascii=False, indent=1) + "\n"
            if told
            else page(found, wanted, command=command_line())
        )
        if out is None:
            sys.stdout.write(text)
            return
        export.write_text(text, out, force=force)
        print(f"{out}: {len(found.rows)} statements, {len(text) / 1000:,.0f} kB.", file=sys.stderr)
