"""The command line. Every command is a few lines that call one public function; it computes nothing itself."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Annotated

import typer

from keruen._version import __version__
from keruen.cli import audit, evidence, flows, labour, lists, own, remittances, say, tipping  # noqa: F401 — importing a room's commands registers them
from keruen.cli.common import app, as_typed
from keruen.errors import KeruenError


class _Interruption:
    """Whether the user asked to stop: on its way out a library may make another fault of it."""

    heard = False

    def __call__(self, number: int, frame: object) -> None:
        self.heard = True
        raise KeyboardInterrupt


@app.callback(invoke_without_command=True)
def front(version: Annotated[bool, typer.Option("--version", help="The version, and the snapshot's.")] = False) -> None:
    """A laboratory for migration systems: every figure with its source, its edition and its uncertainty."""
    if version:
        from keruen.snapshot import manifest

        print(f"keruen {__version__}, snapshot {manifest()['version']}")
        raise typer.Exit


def thrifty() -> None:
    """Give freed memory back at once: a command lives for seconds, and may share its machine with many.

    Both allocators keep freed pages by default, Polars' for a while and the system's in an arena a thread: a quarter
    of the peak of a brief. Where the system's cannot be told (not glibc), nothing happens.
    """
    import ctypes

    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
    with contextlib.suppress(AttributeError, OSError, TypeError):
        tell = ctypes.CDLL(None).mallopt
        tell(-8, 1)  # M_ARENA_MAX
        tell(-1, 1_000_000)  # M_TRIM_THRESHOLD


def _in_utf8() -> None:
    """Begin anew where Python took the locale C by its word: names, files and what is printed are then UTF-8."""
    typed = getattr(sys, "orig_argv", [])
    from_a_shell = sys.argv[1:] == typed[len(typed) - len(sys.argv) + 1 :]  # not where main() is called by a program
    if sys.getfilesystemencoding() == "ascii" and not sys.flags.utf8_mode and from_a_shell:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *typed[1:]])


def main() -> None:
    """Run the command line: an expected fault is one message on standard error and exit code 2, never a traceback."""
    _in_utf8()
    if sys.argv[1:2] != ["compile"]:  # which frees and takes again the same gigabyte for a minute
        thrifty()
    interruption = _Interruption()
    before = signal.signal(signal.SIGINT, interruption)
    try:
        _run()
    except BaseException:
        if not interruption.heard:
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("\nInterrupted; what was computed is kept.", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        if not interruption.heard:
            signal.signal(signal.SIGINT, before)


def _run() -> None:
    try:
        app(prog_name="keruen")
    except KeruenError as error:
        # Cells of a table may look like keywords: where an error lists faults of a file, only options are rewritten.
        listed = hasattr(error, "faults")
        said = as_typed(str(error), sys.argv[1:], typer.main.get_command(app), told=not listed)
        print(f"keruen: {said}", file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:
        # The reader of our output went away (head, less): that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
