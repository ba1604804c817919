"""Every fenced block of the README and the docs runs, in order, page by page; every public name is in the reference.

A block of csv is what the reader leaves in ``mine.csv``.
"""

import re
import shlex
import sys
from pathlib import Path

import pytest

import keruen
from keruen.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block that runs: python, commands of keruen in sh, and the tables they read."""
    return [(kind, text) for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind in ("python", "sh", "csv")]


def run_commands(text: str, monkeypatch) -> None:
    """Run the lines that call keruen; `>` sends standard output to a file. Other lines (make, git, pip) are the reader's."""
    for line in text.replace("\\\n", " ").splitlines():
        command, _, target = line.partition(" > ")
        words = shlex.split(command, comments=True)
        if not words or words[0] != "keruen":
            continue
        monkeypatch.setattr(sys, "argv", words)
        if target:
            import contextlib
            import io

            said = io.TextIOWrapper(io.BytesIO(), "utf-8")
            with contextlib.redirect_stdout(said):
                finish(words)
            said.flush()
            Path(target.strip()).write_bytes(said.buffer.getvalue())
        else:
            finish(words)


def finish(words: list[str]) -> None:
    """Call the command line; it must end well."""
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    assert not code, f"{shlex.join(words)} ended with {code}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page__its_blocks_run(page, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, text in blocks(page):
        if kind == "python":
            exec(compile(text, str(page), "exec"), names)
        elif kind == "csv":
            Path("mine.csv").write_text(text, "utf-8")
        else:
            run_commands(text, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page__its_links_lead_somewhere(page):
    gone = [
        target
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()
    ]
    assert gone == []


def test_reference__has_every_public_name():
    reference = (ROOT / "docs/reference.md").read_text("utf-8")
    assert [n for n in keruen.__all__ if n != "__version__" and f"## `{n}`" not in reference] == []


def test_public_names__load_and_are_what_they_say():
    for name in keruen.__all__:
        found = getattr(keruen, name)
        assert name in dir(keruen)
        if callable(found):
            assert found.__doc__, name
            assert found.__name__ == name


def test_import__stays_light():
    import subprocess

    code = "import sys, keruen; print(sorted({'polars', 'numpy', 'xarray', 'matplotlib', 'scipy', 'rich'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_front_door__functions_outlive_the_import_of_their_rooms():
    import keruen.disagreement  # binds the submodule, which must not hide the function

    assert callable(keruen.disagreement)
    assert keruen.disagreement.__module__ == "keruen.disagreement"
