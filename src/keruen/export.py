"""Tables on their way out: CSV, Excel, Parquet, JSON and BibTeX, with units in the names of columns.

A file appears whole or not at all, and never over another one unless told so.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from keruen import snapshot, store
from keruen._version import __version__
from keruen.errors import NoEvidence, OutputError, VocabularyError
from keruen.provenance import cite, licences
from keruen.vocabulary import measures, suggest

SUFFIXES = {
    ".csv": "csv", ".xlsx": "xlsx", ".parquet": "parquet", ".json": "json", ".bib": "bibtex", ".bibtex": "bibtex",
}  # fmt: skip
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))
VALUES = ("value", "low", "high", "newest", "lowest", "highest")
INTERVAL = re.compile(r"_(low|high)\d+$")
EXCEL_ROWS = 1_048_575
EXCEL_TEXT = 32_767
EXCEL_FIRST_DAY = date(1900, 3, 1)  # before it, Excel's calendar has a day that never was


def write(
    frame: pl.DataFrame,
    path: str | Path,
    *,
    format: str | None = None,
    force: bool = False,
    meta: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> Path:
    """Write a table to a file.

    Parameters
    ----------
    frame
        A table, say from :func:`keruen.store.evidence`.
    path
        Where it goes. A CSV takes its ``meta`` into a file beside it (``NAME.csv-metadata.json``, CSV on the Web).
    format
        ``csv``, ``xlsx``, ``parquet``, ``json`` or ``bibtex``; by default what the name ends on.
    force
        Replace a file that is there already.
    meta
        What else the file should tell of itself, above all the ``command`` that made it. The versions of the package
        and of the snapshot are added.
    units
        Units of columns, see :func:`with_units`.

    Returns
    -------
    The path.

    Raises
    ------
    OutputError
        If the file is there already, its folder is not, or it cannot be written. Nothing half-written stays.
    VocabularyError
        If the format is not known.
    """
    target = Path(path)
    kind = refuse_table(target, format, force=force)
    files = {target: table(frame, kind, meta=meta, units=units)}
    if kind == "csv" and meta is not None:
        beside = target.with_name(f"{target.name}-metadata.json")
        refuse(beside, force=force)
        files = {beside: _csvw(frame, target.name, meta, units)} | files
    new = [name for name in files if not os.path.lexists(name)]
    try:
        for name, data in files.items():
            _put(name, data)
    except OutputError:
        for name in new:
            with suppress(OSError, ValueError):
                name.unlink(missing_ok=True)
        raise
    return target


def write_text(text: str, path: str | Path, *, force: bool = False) -> Path:
    """Write a text, say a brief, whole or not at all.

    Raises
    ------
    OutputError
        As :func:`write`.
    """
    return write_bytes(text.encode(), path, force=force)


def write_bytes(content: bytes, path: str | Path, *, force: bool = False) -> Path:
    """Write what is ready to be written, whole or not at all.

    Raises
    ------
    OutputError
        As :func:`write`.
    """
    refuse(path, force=force)
    _put(Path(path), content)
    return Path(path)


def table(
    frame: pl.DataFrame,
    format: str,
    *,
    meta: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> bytes:
    """A table as the bytes of a file.

    Examples
    --------
    >>> table(pl.DataFrame({"place": ["KAZ"], "value": [1.5], "unit": ["persons"]}), "csv").decode().splitlines()[0]
    'place,value_persons'
    """
    if format not in FORMATS:
        raise VocabularyError(f"{format!r} is not a format. {suggest(str(format), FORMATS)}")
    if format == "bibtex":
        return _bibtex(frame)
    if format == "json":
        return _json(frame, meta)
    if format == "parquet":
        return _parquet(frame, meta, units)
    if format == "xlsx":
        return _xlsx(frame, meta, units)
    return _flat(with_units(frame, units)).write_csv().encode()


# ---------------------------------------------------------------- what goes into a table


def with_units(frame: pl.DataFrame, units: Mapping[str, str] | None = None) -> pl.DataFrame:
    """A table whose columns of values are named by their unit, where all rows have one; else it has a column ``unit``.

    Parameters
    ----------
    frame
        Any table.
    units
        Units of columns that have one of their own; the ends of an interval (``total_low80``) go with their column.

    Examples
    --------
    >>> with_units(pl.DataFrame({"measure": ["births", "gdp"], "value": [1.0, 2.0]})).columns
    ['measure', 'value', 'unit']
    >>> with_units(pl.DataFrame({"total": [2.0], "total_low80": [1.0]}), {"total": "persons"}).columns
    ['total_persons', 'total_low80_persons']
    """
    bare, each = _unit_each(frame, units)
    return bare.rename(
        {c: f"{c}_{re.sub(r'[^a-zA-Z0-9]+', '_', unit.replace(',', '')).strip('_')}" for c, unit in each.items()}
    )


def _unit_each(frame: pl.DataFrame, units: Mapping[str, str] | None) -> tuple[pl.DataFrame, dict[str, str]]:
    """A table without a needless column ``unit``, and the unit of every column that has just one."""
    told = units or {}
    own = {c: told.get(c, told.get(INTERVAL.sub("", c), "")) for c in frame.columns}
    each = {c: unit for c, unit in own.items() if unit}
    values = [c for c in VALUES if c in frame.columns and c not in each]
    if not values:
        return frame, each
    if "unit" not in frame.columns:
        if "measure" not in frame.columns:
            return frame, each
        of = {m.name: m.unit for m in measures().values()}
        frame = frame.with_columns(unit=pl.col("measure").replace_strict(of, default=None, return_dtype=pl.String))
    found = frame["unit"].unique().to_list()
    if len(found) != 1 or found[0] is None:
        return frame, each
    return frame.drop("unit"), each | dict.fromkeys(values, str(found[0]))


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists become text, and text that a spreadsheet would take for a formula is escaped."""
    columns = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if isinstance(dtype, pl.List):
            column = column.cast(pl.List(pl.String)).list.join("; ")
        elif isinstance(dtype, pl.Struct):
            column = column.struct.json_encode()
        elif isinstance(dtype, pl.Categorical | pl.Enum):
            column = column.cast(pl.String)
        if isinstance(dtype, pl.String | pl.List | pl.Struct | pl.Categorical | pl.Enum):
            column = (
                pl.when(column.str.contains(r"^[=+\-@\t\r]")).then(pl.concat_str(pl.lit("'"), column)).otherwise(column)
            )
        columns.append(column.alias(_escaped(name)))
    return frame.select(columns)


def _escaped(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _keys(frame: pl.DataFrame) -> list[str]:
    """Releases of a table, in order."""
    column = "release" if "release" in frame.columns else "key" if "key" in frame.columns else None
    return (
        [] if column is None else sorted(set(frame[column].drop_nulls().cast(pl.String).to_list()) & set(store.cards()))
    )


def _told(meta: Mapping[str, str] | None) -> dict[str, str]:
    try:
        version = str(snapshot.manifest()["version"])
    except NoEvidence:
        version = "none"
    return {"keruen": __version__, "snapshot": version} | {k: str(v) for k, v in (meta or {}).items()}


def _sources(frame: pl.DataFrame) -> list[dict[str, str]]:
    known = store.cards()
    return [
        {
            "release": key,
            "citation": cite(known[key]),
            "licence": licences().get(known[key].licence, {"name": known[key].licence or "not told"})["name"],
            "attribution": licences().get(known[key].licence, {}).get("attribution", ""),
            "url": known[key].url,
        }
        for key in _keys(frame)
    ]


# ---------------------------------------------------------------- formats


def _bibtex(frame: pl.DataFrame) -> bytes:
    keys = _keys(frame)
    if not keys:
        raise NoEvidence("The table names no release, so there is nothing to cite. BibTeX needs rows with a release.")
    known = store.cards()
    return ("\n\n".join(cite(known[k], "bibtex") for k in keys) + "\n").encode()


def _json(frame: pl.DataFrame, meta: Mapping[str, str] | None) -> bytes:
    rows = [{k: _plain(v) for k, v in row.items()} for row in frame.iter_rows(named=True)]
    told = {"meta": _told(meta), "sources": _sources(frame), "rows": rows}
    return (json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _parquet(frame: pl.DataFrame, meta: Mapping[str, str] | None, units: Mapping[str, str] | None) -> bytes:
    named = with_units(frame, units)
    kinds = {c: t for c, t in named.schema.items() if isinstance(t, pl.Categorical | pl.Enum)}
    told = _told(meta) | {"units": _units(frame, named, units), "sources": _sources(frame)}
    buffer = io.BytesIO()
    named.with_columns(pl.col(c).cast(pl.String) for c in kinds).write_parquet(
        buffer, compression="zstd", metadata={"keruen": json.dumps(told, ensure_ascii=False)}
    )
    return buffer.getvalue()


def _units(frame: pl.DataFrame, named: pl.DataFrame, units: Mapping[str, str] | None) -> dict[str, str]:
    """The unit of every column of values, or where to look for it."""
    bare, each = _unit_each(frame, units)
    told = {new: each[old] for old, new in zip(bare.columns, named.columns, strict=True) if old in each}
    return told | {c: "see the column unit" for c in VALUES if c in named.columns and "unit" in named.columns}


def _csvw(frame: pl.DataFrame, name: str, meta: Mapping[str, str], units: Mapping[str, str] | None) -> bytes:
    named = with_units(frame, units)
    of = _units(frame, named, units)
    told = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": name,
        "keruen": _told(meta),
        "sources": _sources(frame),
        "tableSchema": {"columns": [{"name": c} | ({"unit": of[c]} if c in of else {}) for c in named.columns]},
    }
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()


def _xlsx(frame: pl.DataFrame, meta: Mapping[str, str] | None, units: Mapping[str, str] | None) -> bytes:
    import xlsxwriter

    flat = _flat(with_units(frame, units))
    if len(flat) > EXCEL_ROWS:
        raise OutputError(
            f"Excel holds {EXCEL_ROWS:,} rows, the table has {len(flat):,}. Write CSV or Parquet, or ask for less."
        )
    for name, dtype in flat.schema.items():
        if dtype == pl.String and (flat[name].str.len_chars() > EXCEL_TEXT).any():
            raise OutputError(
                f"Excel holds {EXCEL_TEXT:,} characters a cell; column {name!r} has longer ones. Write CSV or Parquet."
            )
    buffer = io.BytesIO()
    plain = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, plain) as book:
        bold, day = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet("figures")
        sheet.freeze_panes(1, 0)
        for at, name in enumerate(flat.columns):
            column = flat[name].to_list()
            sheet.write_string(0, at, name, bold)
            for row, value in enumerate(column, 1):
                _cell(sheet, row, at, value, day)
            longest = max((len(str(v)) for v in column[:500] if v is not None), default=0)
            sheet.set_column(at, at, min(max(len(name), longest) + 2, 60))
        if len(flat):
            sheet.autofilter(0, 0, len(flat), max(flat.width - 1, 0))
        _source_sheet(book, bold, frame, meta)
    return buffer.getvalue()


def _cell(sheet: Any, row: int, at: int, value: Any, day: Any) -> None:
    if value is None or value != value:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, at, value)
    elif isinstance(value, int | float) and abs(value) < 1e308:
        sheet.write_number(row, at, value)
    elif isinstance(value, date) and date(value.year, value.month, value.day) >= EXCEL_FIRST_DAY:
        sheet.write_datetime(row, at, value, day)
    else:
        sheet.write_string(row, at, value.isoformat() if isinstance(value, date) else str(value))


def _source_sheet(book: Any, bold: Any, frame: pl.DataFrame, meta: Mapping[str, str] | None) -> None:
    sheet = book.add_worksheet("sources")
    heads = ("release", "citation", "licence", "attribution", "url")
    for at, (head, width) in enumerate(zip(heads, (28, 90, 24, 36, 50), strict=True)):
        sheet.write_string(0, at, head, bold)
        sheet.set_column(at, at, width)
    sheet.freeze_panes(1, 0)
    row = 1
    for told in _sources(frame):
        for at, head in enumerate(heads):
            sheet.write_string(row, at, _escaped(told[head])[:EXCEL_TEXT])
        row += 1
    for key, said in _told(meta).items():
        row += 1
        sheet.write_string(row, 0, _escaped(key), bold)
        sheet.write_string(row, 1, _escaped(said)[:EXCEL_TEXT])


# ---------------------------------------------------------------- files


def _format(target: Path, format: str | None) -> str:
    if format is not None:
        if format not in FORMATS:
            raise VocabularyError(f"{format!r} is not a format. {suggest(str(format), FORMATS)}")
        return format
    kind = SUFFIXES.get(target.suffix.lower())
    if kind is None:
        ending = target.suffix or "a name without ending"
        raise OutputError(f"{target}: {ending} tells no format. End it on {', '.join(SUFFIXES)}, or give --format.")
    return kind


def refuse(path: str | Path, *, force: bool = False) -> None:
    """Refuse before any work what cannot be written after it.

    Raises
    ------
    OutputError
        If the path is a folder, its folder is not there, or it is there already and ``force`` is not said.
    """
    target = Path(path)
    try:
        if target.is_dir():
            raise OutputError(f"{target} is a folder. Give the name of a file.")
        if not target.parent.is_dir():
            raise OutputError(f"The folder {target.parent} does not exist. Make it first, or choose another.")
        if target.exists() and not force:
            raise OutputError(
                f"{target} is there already. Say force=True (--force) to replace it, or choose another name."
            )
    except (OSError, ValueError) as error:
        raise _failure(target, error) from error


def refuse_table(path: str | Path, format: str | None = None, *, force: bool = False) -> str:
    """Refuse before any work a table that cannot be written after it; the format that it would have.

    Raises
    ------
    OutputError, VocabularyError
        As :func:`write`.
    """
    kind = _format(Path(path), format)
    refuse(path, force=force)
    return kind


def _put(target: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    draft: str | None = None
    try:
        if target.exists() and not target.is_file():  # a pipe or a device is written to, never replaced by a file
            target.write_bytes(data)
            return
        fd, draft = tempfile.mkstemp(prefix=f".{target.name[:40]}-", dir=target.parent)
        with os.fdopen(fd, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(draft, (target.stat().st_mode & 0o777) if target.exists() else 0o666 & ~mask)
        os.replace(draft, target)
    except (OSError, ValueError) as error:
        raise _failure(target, error) from error
    finally:
        if draft is not None:
            with suppress(OSError):
                os.unlink(draft)


def _failure(target: Path, error: Exception) -> OutputError:
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"The disk of {target} is full; nothing was written. Make room, or choose another folder.")
    return OutputError(f"{target} cannot be written: {error}. Choose a folder in which you may write.")
