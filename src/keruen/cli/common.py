"""What commands share: the application, options of the same name and meaning, and ways to hand a table over."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keruen.errors import OutputError

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(
    name="keruen",
    help="A laboratory for migration systems: every figure with its source, its edition and its uncertainty.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Place = Annotated[str, typer.Argument(help="A place: KAZ, 398, Kazakhstan or Казахстан.", show_default=False)]
Measure = Annotated[str, typer.Option("--measure", "-m", help="What is counted; see `keruen measures`.")]
AnyMeasure = Annotated[str | None, typer.Option("--measure", "-m", help="What is counted; see `keruen measures`.")]
Counterpart = Annotated[
    str | None, typer.Option("--counterpart", "-c", help="The other end: birthplace, origin, sender …")
]
Stream = Annotated[str | None, typer.Option("--stream", help="all, labour, labour_unregistered, ethnic_return …")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="Only what was known on that day, say 2018-05-03.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Leave out figures whose known day rests on a publication lag.")]
Since = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="Only periods that reach into or beyond this day.")
]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Only periods that begin by this day.")]
FIRST_YEAR, LAST_YEAR = 1800, 2200
Seed = Annotated[int, typer.Option(min=0, help="Of the draws: the same seed gives the same figures.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, and nothing else there.")]
Format = Annotated[
    str | None, typer.Option("--format", "-f", help="csv, xlsx, parquet, json or bibtex; by default as --out ends.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead of standard output.")]
Draw = Annotated[Path | None, typer.Option(help="Draw it: SVG, PNG or PDF by the name's ending.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tell on standard error what is being done.")]


def command_line() -> str:
    """The command as it was typed, for the foot of what it writes."""
    return shlex.join(["keruen", *sys.argv[1:]])


_VALUE = r"""'[^']*'|"[^"]*"|\[[^][]*\]|\([^()]*\)|-?\d+(?:\.\d+)?|…|\w+(?:\.\w+)*(?:\([^()]*\))?|"""
_KEYWORD = re.compile(rf"(?<![\w.&?/-])(?<!\w\()([a-z_]+)=(?!=)({_VALUE})( \(--[a-z][^()]*\))?")


def as_typed(message: str, words: Sequence[str], command: Any, told: bool = True) -> str:
    """A message that spells its remedies as Python does, in the spelling of the command that was typed.

    Functions name their arguments, ``decimal='.'``; who typed ``keruen add`` needs ``--decimal .``. What the command
    has no option for stays as it is, and a last sentence says so. What the user typed is never rewritten.

    Parameters
    ----------
    message
        What went wrong and what to do.
    words
        What was typed after ``keruen``.
    command
        The command line: its options are looked up, never listed here.
    told
        Whether to say what only Python can be asked for.
    """
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    known = {p.name: p for p in command.params if p.opts[0].startswith("-")}
    flags = {flag for option in known.values() for flag in option.opts}
    only: list[str] = []

    def spelt(found: re.Match[str]) -> str:
        name, value, typed = found.groups()
        if any(f"{name}={value}" in word for word in words):
            return found[0]
        if typed and typed[2:-1].split()[0] in flags:
            return typed[2:-1]
        option = known.get(name) or known.get(name.removesuffix("s"))
        if option is None:
            only.append(f"{name}=")
            return f"{name}={value}"
        flag: str = max(option.opts, key=len)
        try:
            given = ast.literal_eval(value) if value else ""
        except (SyntaxError, ValueError):
            given = value
        if given is False or given is None:
            return f"no {flag}"
        if given is True or given == "":
            return flag
        each = list(given) if isinstance(given, list | tuple) else [given]
        quoted = [shlex.quote(str(g)) if g != "…" else "…" for g in each]
        return " ".join(f"{flag} {g}" for g in quoted) if option.multiple else f"{flag} {' '.join(quoted)}"

    message = _KEYWORD.sub(spelt, message)
    return f"{message} In Python only: {', '.join(dict.fromkeys(only))}." if only and told else message


def plain(value: Any) -> Any:
    """JSON for what JSON does not know: days as 2018-05-03, whole numbers without a decimal point."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value


def say_json(told: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    print(json.dumps(plain(told), ensure_ascii=False, indent=None if os.environ.get("KERUEN_COMPACT") else 1))


def refuse(*, as_json: bool, format: str | None, out: Path | None, force: bool, figure: Path | None = None) -> None:
    """Refuse what :func:`give` would, and a figure that could not be saved, before the work."""
    from keruen import export

    if as_json and format not in (None, "json"):
        raise OutputError(f"--json and --format {format} are two wishes; say one of them.")
    if out is not None:
        export.refuse_table(out, format or ("json" if as_json else None), force=force)
    elif format == "xlsx" and sys.stdout.isatty():
        raise OutputError("An Excel file cannot be shown here. Name a file: --out table.xlsx.")
    if figure is not None:
        from keruen import figures

        figures.refuse(figure, force=force)


def give(
    frame: pl.DataFrame,
    *,
    show: list[str],
    told: dict[str, Any] | None = None,
    as_json: bool = False,
    format: str | None = None,
    out: Path | None = None,
    force: bool = False,
    units: dict[str, str] | None = None,
    nothing: str | Callable[[], str] = "Nobody reported what was asked for.",
) -> None:
    """Hand a table over as the user asked: to a file, as JSON, as bytes of a format, or printed.

    Where it has no row, `nothing` says why on standard error.
    """
    from keruen import export
    from keruen.cli.screen import show_table

    refuse(as_json=as_json, format=format, out=out, force=force)
    meta = {"command": command_line()}
    if frame.is_empty():
        print(f"No rows. {nothing if isinstance(nothing, str) else nothing()}", file=sys.stderr)
    if out is not None and told is not None and as_json:
        text = json.dumps(plain(told | {"command": meta["command"]}), ensure_ascii=False, indent=1)
        export.write_text(text + "\n", out, force=force)
        print(f"{out}: all that was told, as JSON.", file=sys.stderr)
    elif out is not None:
        export.write(frame, out, format=format or ("json" if as_json else None), force=force, meta=meta, units=units)
        print(f"{out}: {len(frame)} rows.", file=sys.stderr)
    elif as_json and told is not None:
        say_json(told)
    elif as_json:
        say_json({"rows": frame.to_dicts()})
    elif format is not None:
        sys.stdout.buffer.write(export.table(frame, format, meta=meta, units=units))
    else:
        show_table(frame.select(c for c in show if c in frame.columns))
