"""From a file or a frame to a grid of cells as they stand. What is no table is refused; nothing is interpreted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from keruen.contract import SCHEMA
from keruen.errors import UnreadableSource
from keruen.readers import workbook
from keruen.readers.template import COLUMNS, INSTEAD

MAX_BYTES = 256_000_000
MAX_COLUMNS = 200
MAX_ROWS = 1_000_000
MAX_TEXT = 512_000_000
"""Bytes of text in a Parquet file once it is unpacked: a few kilobytes may hold gigabytes."""

MAX_HEADER = 65_536


@dataclass(slots=True)
class Grid:
    """Cells of a table as they stand, by column, and the faults found so far: (line, column, remedy)."""

    where: str
    word: str
    names: list[str]
    columns: list[list[Any]]
    lines: list[int]
    header: int = 0
    notes: list[str] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)

    def tell(self, line: int, column: str, remedy: str) -> None:
        """Note a fault."""
        self.faults.append((line, column, remedy))


def empty(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


KNOWN = {*COLUMNS, *INSTEAD, *SCHEMA}
ABOVE = 30
"""So many rows above a header are looked past."""


def _known(cells: Sequence[Any]) -> int:
    return sum(str(c).strip().lower() in KNOWN for c in cells)


def _header_row(found: Sequence[int]) -> int:
    """Which of the first rows is the header, by how many names each knows: the first, unless a later one knows more."""
    better = [at for at, known in enumerate(found) if known > 1]
    return better[0] if better and found[0] < 2 else 0


def _above(grid: Grid, first: int) -> None:
    """Say what was left out above the header."""
    if grid.header > first:
        rows = f"{grid.word} {first}" if grid.header == first + 1 else f"{grid.word}s {first} to {grid.header - 1}"
        grid.notes.append(f"The header is in {grid.word} {grid.header}; {rows} above it left out.")


def _words_alone(grid: Grid, line: int, row: Sequence[Any]) -> bool:
    """Whether a row holds one cell alone, a note under a table say; it is told, once."""
    held = [at for at, cell in enumerate(row) if not empty(cell)]
    if len(held) != 1 or held[0] > 0 or len(grid.names) < 3:
        return False
    said = str(row[0]).strip()
    grid.tell(
        line,
        grid.names[0],
        f"the row holds nothing but {said[:60]!r}; begin a note under the table with #, or delete it",
    )
    return True


def opened(table: Any) -> Grid:
    """The cells of a file or a frame.

    Raises
    ------
    UnreadableSource
        If it is no table; the message says what to do.
    """
    if not isinstance(table, str | Path):
        return _polars(frame(table), "the frame")
    path = Path(table)
    where = str(path)
    try:
        if path.is_dir():
            raise UnreadableSource(f"{where} is a folder. Give one file of it: CSV, Excel (.xlsx) or Parquet.")
        if not path.exists():
            raise UnreadableSource(f"There is no file {where}. A template is printed by: keruen template evidence")
        if not path.is_file():
            raise UnreadableSource(f"{where} is not a file. Give a CSV, Excel (.xlsx) or Parquet file.")
        size = path.stat().st_size
        if size == 0:
            raise UnreadableSource(f"{where} is empty (0 bytes). A template is printed by: keruen template evidence")
        if size > MAX_BYTES:
            raise UnreadableSource(
                f"{where} has {size / 1e6:,.0f} MB; the most is {MAX_BYTES / 1e6:,.0f}. Split it, or use Parquet."
            )
        with path.open("rb") as f:
            magic = f.read(8)
        if magic.startswith(b"PK"):
            return _workbook(path)
        if magic.startswith(b"PAR1"):
            return _parquet(path)
        if magic.startswith(b"\xd0\xcf\x11\xe0"):
            raise UnreadableSource(
                f"{where} is an old Excel workbook (.xls), or has a password. Save it as .xlsx or CSV."
            )
        return _csv(path)
    except OSError as error:
        raise UnreadableSource(f"{where} cannot be read: {error}. Look after its rights and its name.") from error


def frame(table: Any) -> pl.DataFrame:
    """A frame of pandas, polars or Arrow as one of polars.

    Raises
    ------
    UnreadableSource
        If it is none.
    """
    import narwhals as nw

    try:
        native = nw.from_native(table, eager_only=True)
    except TypeError as error:
        raise UnreadableSource(
            f"A {type(table).__name__} is not a table. Give a path, or a frame of pandas, polars or Arrow."
        ) from error
    found: pl.DataFrame = native.to_polars()
    return found


def _polars(frame: pl.DataFrame, where: str) -> Grid:
    if frame.width > MAX_COLUMNS:
        raise UnreadableSource(f"{where} has {frame.width:,} columns; the template has {len(COLUMNS)}.")
    _few(where, len(frame))
    frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    names = [str(c) if str(c) in SCHEMA else str(c).strip().lower() for c in frame.columns]
    return Grid(where, "row", names, [s.to_list() for s in frame.get_columns()], list(range(len(frame))))


def _few(where: str, rows: int) -> None:
    if rows > MAX_ROWS:
        raise UnreadableSource(f"{where} has more than {MAX_ROWS:,} rows, too many for one addition. Split it.")


def _parquet(path: Path) -> Grid:
    try:
        schema = pl.read_parquet_schema(path)
        if len(schema) > MAX_COLUMNS:
            raise UnreadableSource(f"{path} has {len(schema):,} columns; the template has {len(COLUMNS)}.")
        table = pl.scan_parquet(path, glob=False)
        _few(str(path), table.select(pl.len()).collect().item())
        words = [pl.col(c).str.len_bytes() for c, dtype in schema.items() if dtype == pl.String]
        words += [pl.col(c).cat.len_bytes() for c, dtype in schema.items() if dtype in (pl.Categorical, pl.Enum)]
        text = sum(table.select(w.cast(pl.UInt64).sum() for w in words).collect().row(0)) if words else 0
        if text > MAX_TEXT:
            raise UnreadableSource(
                f"{path} unpacks to {text / 1e6:,.0f} MB of text, more than a table of figures does. Split it."
            )
        return _polars(table.collect(), str(path))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableSource(f"{path} cannot be read as Parquet: {error}. Write it anew.") from error


def _decoded(path: Path) -> tuple[str, str | None]:
    """Text of a file, and the encoding where it is not UTF-8."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError:
            pass
    if b"\0" in data[:65_536] or b"\0" in data:
        raise UnreadableSource(f"{path} is binary, no table. Give a CSV, Excel (.xlsx) or Parquet file.")
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        at = error.start
    try:
        text = data.decode("cp1251")
    except UnicodeDecodeError:
        text = ""
    # Latin text read as Cyrillic shows in words of two scripts: Curaзao.
    high = [c for c in text if ord(c) > 127]
    letters = sum("Ѐ" <= c <= "ӿ" for c in high)
    mixed = re.search(r"[A-Za-z][Ѐ-ӿ]|[Ѐ-ӿ][A-Za-z]", text)
    odd = sum(c not in "«»„“”’‘–—…№§°\u00a0" and not "Ѐ" <= c <= "ӿ" for c in high)
    control = any(ord(c) < 32 and c not in "\t\r\n" for c in text[:65_536])
    if not text or mixed or control or odd > letters / 10:
        line = data[:at].count(b"\n") + 1
        raise UnreadableSource(f"{path}, line {line}: neither UTF-8 nor Cyrillic cp1251. Save the table as CSV UTF-8.")
    return text, "cp1251"


def _csv(path: Path) -> Grid:
    with path.open("rb") as f:
        begun = f.read(1_048_576)
    if not begun.startswith((b"\xff\xfe", b"\xfe\xff")):
        _short_header(path, begun)
    text, encoding = _decoded(path)
    source = io.StringIO(text, newline="")
    first: list[tuple[int, int, str]] = []
    number = 0
    while len(first) < ABOVE and (line := source.readline()):
        number += 1
        if line.strip(" \t\r\n,;") and not line.lstrip().lstrip('"').startswith("#"):
            first.append((number, source.tell(), line))
    if not first:
        raise UnreadableSource(f"{path} has no header. A template is printed by: keruen template evidence")
    before, end, header = first[_header_row([_known(_header(line[:MAX_HEADER])[1]) for _, _, line in first])]
    source.seek(end)
    _short_header(path, header.encode())
    if any(ord(c) < 32 and c not in "\t\r\n" for c in header):
        raise UnreadableSource(f"{path} is binary, no table. Give a CSV, Excel (.xlsx) or Parquet file.")
    mark, names = _header(header)
    grid = Grid(str(path), "line", names, [[] for _ in names], [], before)
    if encoding:
        grid.notes.append(f"{path} was read as {encoding}, for it is not UTF-8.")
    _above(grid, first[0][0])
    _records(grid, csv.reader(source, delimiter=mark, strict=True), before, mark)
    return grid


def _short_header(path: Path, begun: bytes) -> None:
    """Refuse a header of millions of columns before anything parses it."""
    for line in begun.split(b"\n"):
        if line.strip() and not line.lstrip(b'\xef\xbb\xbf "').startswith(b"#"):
            if len(line) > MAX_HEADER:
                told = "more than " if len(begun) == 1_048_576 else ""
                raise UnreadableSource(
                    f"{path}: the header has {told}{len(line):,} bytes; the template has {len(COLUMNS)} columns. One "
                    "row is one number; see keruen template evidence"
                )
            return


def _header(line: str) -> tuple[str, list[str]]:
    """The separator that makes most of the header known, and the names."""
    best: tuple[int, str, list[str]] = (-1, ",", [])
    for mark in (",", ";", "\t"):
        names = [n.strip().lower() for n in next(csv.reader([line.rstrip("\r\n")], delimiter=mark))]
        score = _known(names)
        if score > best[0]:
            best = (score, mark, names)
    return best[1], best[2]


_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")


def commented(cell: Any) -> bool:
    """Whether a row is left out for what stands in its first cell; the errors of Excel are no comments."""
    return isinstance(cell, str) and cell.lstrip().startswith("#") and cell.strip() not in _ERRORS


def _records(grid: Grid, records: Any, before: int, mark: str) -> None:
    width, left_out, line = len(grid.names), 0, before + 1
    if width > MAX_COLUMNS:
        raise UnreadableSource(f"{grid.where} has {width:,} columns; the template has {len(COLUMNS)}.")
    kept: list[list[str]] = []
    try:
        for record in records:
            at, line = line, before + records.line_num + 1
            if not record or not any(map(str.strip, record)):
                _few(grid.where, records.line_num // 2)
                continue
            if commented(record[0]):
                left_out += 1
            elif _words_alone(grid, at, record):
                continue
            elif len(record) == width or (len(record) > width and not any(map(str.strip, record[width:]))):
                kept.append(record)
                grid.lines.append(at)
                _few(grid.where, max(len(kept), records.line_num // 2))
            else:
                quote = f"; put cells that hold {mark!r} in quotes" if len(record) > width else ""
                grid.tell(at, grid.names[-1], f"the row has {len(record)} cells, the header {width}{quote}")
    except csv.Error as error:
        grid.tell(line, grid.names[0], f"the line cannot be read: {error}; look after its quotes")
    if kept:
        grid.columns = [list(column) for column in zip(*(r[:width] for r in kept), strict=True)]
    if left_out:
        grid.notes.append(
            f"{left_out} row{'s' if left_out > 1 else ''} that begin{'s' if left_out == 1 else ''} with # left out."
        )


def _workbook(path: Path) -> Grid:
    sheet = workbook.read(path)
    where = f"{path}, sheet {sheet.title!r}"
    grid: Grid | None = None
    width = left_out = 0
    held = ((line, row) for line, row in enumerate(sheet.rows, 1) if not all(map(empty, row)))
    first = list(islice(((line, row) for line, row in held if not commented(row[0])), ABOVE))
    header = first[_header_row([_known(row) for _, row in first])][0] if first else 0
    for line, row in enumerate(sheet.rows, 1):
        if line < header or all(map(empty, row)):
            continue
        if grid is None:
            if commented(row[0]):
                continue
            while empty(row[-1]):
                row.pop()
            width = len(row)
            if width > MAX_COLUMNS:
                raise UnreadableSource(f"{where} has {width:,} columns; the template has {len(COLUMNS)}.")
            grid = Grid(where, "row", [str(c).strip().lower() for c in row], [[] for _ in row], [], line)
            _above(grid, first[0][0])
        elif commented(row[0]):
            left_out += 1
        elif _words_alone(grid, line, row):
            continue
        else:
            if not all(map(empty, row[width:])):
                grid.tell(line, grid.names[-1], f"the row has cells beyond the {width} columns of the header")
            for column, cell in zip(grid.columns, row, strict=False):
                column.append(None if cell == "" else cell)
            grid.lines.append(line)
    if grid is None:
        raise UnreadableSource(f"{where} has no header. A template is printed by: keruen template evidence")
    if sheet.others:
        grid.notes.append(f"Read sheet {sheet.title!r} alone; not {', '.join(map(repr, sheet.others))}.")
    if left_out:
        grid.notes.append(f"{left_out} row{'s' if left_out > 1 else ''} beginning with # left out.")
    for cells in sheet.merged:
        row_, column_ = workbook.place(cells)
        if row_ + 1 < header:
            continue
        name = grid.names[column_] if column_ < width and grid.names[column_] else str(column_ + 1)
        grid.tell(row_ + 1, name, f"merged cells: {cells}; unmerge them")
    read = set(grid.lines)
    for row_, column_, formula in sheet.uncomputed:
        if row_ + 1 in read and column_ < width:
            remedy = f"the formula {formula[:40]} has no stored result; save the workbook in Excel, or paste values"
            grid.tell(row_ + 1, grid.names[column_], remedy)
    return grid
