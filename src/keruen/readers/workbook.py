"""The first sheet of an Excel workbook that holds anything: its cells as they stand, and what Excel hides in them.

Calamine reads the cells. It tells neither errors (it reads ``#N/A`` as nothing), nor formulas that were never computed,
nor that 0.269 is shown as 26.9%, and sets aside room for every cell between the first and the last: these are found in
the workbook's own text, first.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from keruen.errors import UnreadableSource

MAX_UNPACKED = 512_000_000
MAX_RATIO = 200
MAX_AREA = 10_000_000


class Percent(float):
    """A number that Excel shows as a percentage: 0.269 in the cell, 26.9% to the eye."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of a sheet from its first row and column on; an empty cell is ``""``, a number shown with % a `Percent`.

    ``others`` are the titles of further sheets that hold anything, ``merged`` the ranges of merged cells,
    ``uncomputed`` the (row, column, formula) whose result is not stored. Rows and columns count from 0.
    """

    title: str
    rows: list[list[Any]]
    others: list[str]
    merged: list[str]
    uncomputed: list[tuple[int, int, str]]


@dataclass(slots=True)
class _Marks:
    """What the text of a sheet tells beside its values."""

    columns: set[bytes] = field(default_factory=set)
    last: int = 0
    lost: bool = False
    merged: list[str] = field(default_factory=list)
    errors: list[tuple[int, int, str]] = field(default_factory=list)
    uncomputed: list[tuple[int, int, str]] = field(default_factory=list)
    percents: list[tuple[int, int]] = field(default_factory=list)


def read(path: Path) -> Sheet:
    """The first sheet of a workbook that holds anything.

    Raises
    ------
    UnreadableSource
        If it is no workbook, is damaged, holds nothing, or would take more room than a table of figures does.
    """
    _small_enough(path)
    try:
        with zipfile.ZipFile(path) as z:
            return _first(path, z)
    except UnreadableSource:
        raise
    except BaseException as error:
        # The libraries raise whatever their parsers raise, and Rust's panics are no Exceptions.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise UnreadableSource(
            f"{path} cannot be read as an Excel workbook: {error}. Save it anew as .xlsx or CSV."
        ) from error


def _small_enough(path: Path) -> None:
    """Refuse a workbook that unpacks to more than it should, before it is unpacked."""
    try:
        with zipfile.ZipFile(path) as z:
            entries = z.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise UnreadableSource(
            f"{path} is a damaged workbook or archive: {error}. Save it anew as .xlsx or CSV."
        ) from error
    if not any(e.filename == "xl/workbook.xml" for e in entries):
        raise UnreadableSource(f"{path} is a ZIP archive, no Excel workbook. Unpack it and give the table in it.")
    unpacked, packed = sum(e.file_size for e in entries), max(1, sum(e.compress_size for e in entries))
    if unpacked > MAX_UNPACKED or (unpacked > 20_000_000 and unpacked / packed > MAX_RATIO):
        raise UnreadableSource(
            f"{path} unpacks from {packed / 1e6:,.1f} MB to {unpacked / 1e6:,.0f} MB, more than a table of figures "
            "does. Save the sheet as CSV or Parquet."
        )


def _first(path: Path, z: zipfile.ZipFile) -> Sheet:
    from python_calamine import CalamineWorkbook

    inside, untold, styled = _sheets(z)
    shown = _percent_styles(z, styled)
    found: list[tuple[str, list[list[Any]], _Marks]] = []
    with path.open("rb") as f, CalamineWorkbook.from_filelike(f) as book:
        for title, part in inside.items():
            marks = _marks(z, part, untold, shown)
            where = f"{path}, sheet {title!r}"
            if marks.lost:
                raise UnreadableSource(f"{where}: its cells carry no addresses. Save it anew in Excel, or as CSV.")
            width = max(map(column_number, marks.columns), default=0)
            if width * marks.last > MAX_AREA:
                raise UnreadableSource(
                    f"{where}: its cells reach to row {marks.last:,} and column {width:,}, further than those of a "
                    "table of figures. Delete what stands far from the table, or save the table as CSV."
                )
            rows = book.get_sheet_by_name(title).to_python(skip_empty_area=False)
            for row, column, said in marks.errors:
                rows[row][column] = said
            for row, column in marks.percents:
                number = rows[row][column]
                if isinstance(number, int | float) and not isinstance(number, bool):
                    rows[row][column] = Percent(number)
            if any(str(cell).strip() for row in rows for cell in row):
                found.append((title, [] if found else rows, marks))
    if not found:
        raise UnreadableSource(f"{path}: no sheet holds anything. A template is printed by: keruen template evidence")
    title, rows, marks = found[0]
    merged = list(dict.fromkeys(marks.merged))
    return Sheet(title, rows, [other for other, _, _ in found[1:]], merged, marks.uncomputed)


def column_number(letters: bytes) -> int:
    """The number of a column, from 1.

    Examples
    --------
    >>> column_number(b"A"), column_number(b"AB")
    (1, 28)
    """
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _sheets(z: zipfile.ZipFile) -> tuple[dict[str, str], bool, str | None]:
    """Where the text of every sheet lies, by its title; whether the workbook waits to be computed; where styles lie."""
    kinds = {}
    for link in ElementTree.fromstring(z.read("xl/_rels/workbook.xml.rels")):
        target = PurePosixPath("/xl", link.attrib["Target"])
        kinds[link.attrib["Id"]] = (str(target).lstrip("/"), link.attrib["Type"].rpartition("/")[2])
    found, untold = {}, False
    for element in ElementTree.fromstring(z.read("xl/workbook.xml")).iter():
        name = element.tag.rpartition("}")[2]
        if name == "sheet":
            key = next(v for k, v in element.attrib.items() if k.rpartition("}")[2] == "id")
            part, kind = kinds[key]
            if kind == "worksheet":
                found[element.attrib["name"]] = part
        elif name == "calcPr":
            untold = element.attrib.get("fullCalcOnLoad") in ("1", "true")
    styles = [part for part, kind in kinds.values() if kind == "styles"]
    return found, untold, styles[0] if styles else None


_PERCENT = {"9", "10"}
"""The formats 0% and 0.00%, which every workbook has without saying so."""


def shows_percent(code: str) -> bool:
    """Whether a number format shows a hundredfold with a percent sign; one that is quoted is a mere letter.

    Examples
    --------
    >>> shows_percent("0.0%"), shows_percent('0.0"%"'), shows_percent(r"0.0\\%"), shows_percent("[Red]-0 %;0 %")
    (True, False, False, True)
    """
    return "%" in re.sub(r'"[^"]*"|\\.|_.|\*.|\[[^]]*\]', "", code)


def _percent_styles(z: zipfile.ZipFile, part: str | None) -> list[bytes]:
    """The numbers of the styles that show a percentage."""
    if part is None or part not in z.namelist():
        return []
    codes, styles = set(_PERCENT), []
    for element in ElementTree.fromstring(z.read(part)):
        name = element.tag.rpartition("}")[2]
        if name == "numFmts":
            for told in element:
                key = told.attrib.get("numFmtId", "")
                (codes.add if shows_percent(told.attrib.get("formatCode", "")) else codes.discard)(key)
        elif name == "cellXfs":
            styles = [told.attrib.get("numFmtId", "0") for told in element]
    return [str(at).encode() for at, key in enumerate(styles) if key in codes]


def _pieces(z: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """The text of a sheet, cut between rows."""
    held = b""
    with z.open(part) as f:
        while piece := f.read(1_048_576):
            held += piece
            at = held.rfind(b"row>") + 4
            if at > 3:
                yield held[:at]
                held = held[at:]
    yield held


_SEEN = {
    # A cell that is not empty, and where it stands; ~ is the prefix of the sheet's words, mostly none.
    "cell": rb"<~c\s(?:[^>]*?\s)?r=[\"']([A-Z]+)(\d+)[\"'][^>]*(?<!/)>",
    "lost": rb"<~c(?=[\s>])(?![^>]*\sr=)[^>]*(?<!/)>",
    "error": rb"<~c\s([^>]*?\bt=[\"']e[\"'][^>]*)(?<!/)>(?:(?!</~c>).)*?<~v>([^<]*)",
    "formula": rb"<~c\s([^>]*)(?<!/)>\s*<~f\b[^>]*?(?:/>|>(.*?)</~f>)(.*?)</~c>",
    "result": rb"<~v>([^<]*)",
    "percent": rb"<~c\s([^>]*?\bs=[\"'](?:@)[\"'][^>]*)(?<!/)>",
    "merged": rb"<~mergeCell\s+ref=[\"']([A-Z0-9:]+)[\"']",
}


def _marks(z: zipfile.ZipFile, part: str, untold: bool, shown: list[bytes]) -> _Marks:
    found, rows = _Marks(), set()
    seen: dict[str, re.Pattern[bytes]] = {}
    for piece in _pieces(z, part):
        if not seen:
            begun = re.search(rb"<(\w+:)?worksheet\b", piece)
            prefix = (begun and begun[1]) or b""
            known = {name: said.replace(b"~", prefix).replace(b"@", b"|".join(shown)) for name, said in _SEEN.items()}
            seen = {name: re.compile(said, re.DOTALL) for name, said in known.items()}
        if seen["lost"].search(piece):
            found.lost = True
            return found
        for column, row in seen["cell"].findall(piece):
            found.columns.add(column)
            rows.add(row)
        found.merged += [told.decode() for told in seen["merged"].findall(piece)]
        found.errors += [(*_place(cell), unescape(said.decode())) for cell, said in seen["error"].findall(piece)]
        if shown:
            found.percents += [_place(cell) for cell in seen["percent"].findall(piece)]
        if b"<%bf" % prefix in piece:
            for cell, said, rest in seen["formula"].findall(piece):
                stored = result[1] if (result := seen["result"].search(rest)) else b""
                # Who writes no result for want of a calculator writes nothing, or 0 and a wish to be computed.
                if (not stored and b't="str"' not in cell) or (untold and stored == b"0"):
                    found.uncomputed.append((*_place(cell), f"={unescape(said.decode())}" if said else "=…"))
    found.last = max(map(int, rows), default=0)
    return found


def _place(cell: bytes) -> tuple[int, int]:
    """Row and column, from 0, by the attributes of a cell."""
    at = re.search(rb"\br=[\"']([A-Z]+\d+)", cell)
    assert at is not None  # cells without addresses were refused
    return place(at[1].decode())


def place(address: str) -> tuple[int, int]:
    """Row and column, from 0, of a cell or of the first cell of a range.

    Examples
    --------
    >>> place("B3:C4")
    (2, 1)
    """
    at = re.match(r"([A-Z]+)(\d+)", address)
    assert at is not None
    return int(at[2]) - 1, column_number(at[1].encode()) - 1
