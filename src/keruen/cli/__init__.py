"""The command line. Every command is a few lines that call one public function; it computes nothing itself."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from keruen._version import __version__
from keruen.cli import evidence, flows, labour, lists, own, remittances, say, tipping  # noqa: F401 — importing a room's commands registers them
from keruen.cli.common import app
from keruen.errors import KeruenError


@app.callback(invoke_without_command=True)
def front(version: Annotated[bool, typer.Option("--version", help="The version, and the snapshot's.")] = False) -> None:
    """A laboratory for migration systems: every figure with its source, its edition and its uncertainty."""
    if version:
        from keruen.snapshot import manifest

        print(f"keruen {__version__}, snapshot {manifest()['version']}")
        raise typer.Exit


def main() -> None:
    """Run the command line: an expected fault is one message on standard error and exit code 2, never a traceback."""
    try:
        app(prog_name="keruen")
    except KeruenError as error:
        print(f"keruen: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:
        # The reader of our output went away (head, less): that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        print("keruen: stopped.", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
