"""ARCHITECTURE.md lists every module once, in the order in which modules may import one another."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/keruen"
HEAVY = {
    "matplotlib", "jinja2", "typer", "rich", "duckdb", "pyarrow", "sqlite3", "openpyxl", "python_calamine", "xlsxwriter", "scipy", "xarray",
    "dask", "distributed", "zarr", "fastapi", "networkx", "pandas", "narwhals", "threadpoolctl", "statsmodels", "numba", "typst",
}  # fmt: skip


def table() -> dict[str, set[str]]:
    """Modules of ARCHITECTURE.md in order, each with the heavy libraries it owns."""
    rows = re.findall(r"^\| `([\w/]+\.py)` \|[^|]*\|([^|]*)\|", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.M)
    return {name: set(re.findall(r"`(\w+)`", heavy)) for name, heavy in rows}


def imports(path: Path) -> tuple[set[str], set[str]]:
    """Modules of the package that a file imports, and the outside libraries it imports."""
    inside, outside = set(), set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            parts = ["keruen", *path.relative_to(PACKAGE).parts][: -node.level]
            base = ".".join([*parts, *([node.module] if node.module else [])])
            names = [f"{base}.{a.name}" for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{a.name}" for a in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] != "keruen":
                outside.add(name.split(".")[0])
                continue
            parts = name.split(".")[1:]
            for end in range(len(parts), -1, -1):
                stem = PACKAGE.joinpath(*parts[:end])
                for file in (stem.with_suffix(".py"), stem / "__init__.py"):
                    if file.is_file() and (end or len(parts) <= 1):
                        inside.add(str(file.relative_to(PACKAGE)))
                        break
                else:
                    continue
                break
    return inside, outside


def test_table__lists_every_file():
    on_disk = {str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py")}
    assert set(table()) == on_disk


def test_imports__come_from_rows_above():
    order = list(table())
    wrong = []
    for at, name in enumerate(order):
        inside, _ = imports(PACKAGE / name)
        wrong += [f"{name} imports {other}" for other in inside if other not in {*order[:at], "__init__.py"}]
        # The package itself may be named only for its version.
        wrong += [f"{name} imports the package's front door" for other in inside if other == "__init__.py" != name]
    assert wrong == []


def test_heavy_libraries__belong_to_one_room():
    rooms = table()
    wrong = [
        f"{name} imports {library}"
        for name, owned in rooms.items()
        for library in imports(PACKAGE / name)[1] & HEAVY
        if library not in owned
    ]
    assert wrong == []


def test_relative_imports__are_resolved(tmp_path):
    sample = PACKAGE / "estimators" / "__init__.py"
    assert sample.is_file()
    inside, outside = imports(PACKAGE / "snapshot.py")
    assert "contract.py" in inside
    assert "polars" in outside
