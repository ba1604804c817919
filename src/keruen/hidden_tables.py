"""A user's own table to an estimator of hidden populations: the columns of each method, and all faults at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from keruen.errors import FaultyTable, UnreadableSource, VocabularyError
from keruen.estimators import hidden
from keruen.estimators.amnesty import amnesty
from keruen.estimators.capture_recapture import capture_recapture
from keruen.estimators.multiplier import multiplier
from keruen.estimators.power_law import power_law
from keruen.estimators.repeat_counts import REPEAT, repeat_counts
from keruen.estimators.repeat_regression import repeat_regression
from keruen.estimators.residual import residual
from keruen.readers import workbook
from keruen.readers.cells import worded

COLUMNS = {
    **dict.fromkeys(REPEAT, "times, people, and covariates if any"),
    **dict.fromkeys(("zhang", "zhang-logit", "zhang-cloglog"), "origin, reference, administrative, apprehended"),
    "residual": "quantity (present, registered, visitors), value, low, high",
    "multiplier": "registered, share, share_error",
    "amnesty": "regularised, take_up, take_up_error, and stock if stated",
    "capture": "two or three columns of 0 and 1, and people",
}
"""The columns of each method."""


def read(file: Path) -> dict[str, list[str]]:
    """The cells of a table as text, by column; CSV with commas or semicolons, Excel or Parquet.

    Raises
    ------
    UnreadableSource
        If it is no table; the message says what to do.
    """
    if not file.exists():
        raise UnreadableSource(f"{file} is not there. Check the name.")
    if file.is_dir():
        raise UnreadableSource(f"{file} is a folder. Name a file: CSV, Excel or Parquet.")
    if file.stat().st_size == 0:
        raise UnreadableSource(f"{file} is empty. The first line names the columns.")
    if file.suffix.lower() == ".parquet":
        try:
            frame = pl.read_parquet(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise UnreadableSource(f"{file} cannot be read as Parquet: {error}. Save it again as CSV.") from error
        return {c.strip().lower(): ["" if v is None else str(v) for v in frame[c].to_list()] for c in frame.columns}
    records = _excel(file) if file.suffix.lower() == ".xlsx" else _text(file)
    if not records:
        raise UnreadableSource(f"{file} has no header. The first line names the columns.")
    names = [c.strip().lower() for c in records[0]]
    twice = sorted({c for c in names if names.count(c) > 1})
    if twice:
        raise FaultyTable(str(file), [f"row 1, column {c}: its name stands twice. Rename one." for c in twice])
    faults = [
        f"row {at}, {len(r)} cells where the header has {len(names)}. Quote cells that hold the separator."
        for at, r in enumerate(records[1:], start=2)
        if len(r) != len(names)
    ]
    if faults:
        raise FaultyTable(str(file), faults)
    return {c: [r[i].strip() for r in records[1:]] for i, c in enumerate(names)}


def _excel(file: Path) -> list[list[str]]:
    sheet = workbook.read(file)
    wrong = [f"cells {ranges} are merged. Unmerge them." for ranges in sheet.merged]
    wrong += [f"row {row + 1}, {said[:40]} has no stored result. Save the workbook in Excel, or paste values."
              for row, _, said in sheet.uncomputed]  # fmt: skip
    if wrong:
        raise FaultyTable(str(file), wrong)
    told = [[worded(cell).strip() for cell in row] for row in sheet.rows]
    rows = [row for row in told if any(row) and not row[0].startswith("#")]
    used = [any(column) for column in zip(*rows, strict=True)]
    return [list(compress(row, used)) for row in rows]


def _text(file: Path) -> list[list[str]]:
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableSource(f"{file} is not text in UTF-8. Save it as 'CSV UTF-8'.") from error
    if "\0" in text:
        raise UnreadableSource(f"{file} is not text. Save the table as CSV.")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return []
    mark = ";" if lines[0].count(";") > lines[0].count(",") else ","
    return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=mark))


def _numbers(
    file: Path, cells: dict[str, list[str]], names: list[str], *, empty: bool = False
) -> list[np.ndarray[Any, Any]]:
    faults, found = [], []
    for name in names:
        if name not in cells:
            faults.append(f"row 1, column {name} is missing. This method asks for: {', '.join(names)}.")
            continue
        values = []
        for at, cell in enumerate(cells[name], start=2):
            try:
                values.append(float("nan") if empty and cell == "" else float(cell))
            except ValueError:
                faults.append(
                    f"row {at}, column {name}: {cell!r} is not a number. Write 1234 or 1234.5, without separators."
                )
        found.append(np.array(values))
    if not faults and found and found[0].size == 0:
        faults.append("row 2 is missing: there is a header and nothing below it.")
    if faults:
        raise FaultyTable(str(file), faults)
    return found


def _covariates(cells: dict[str, list[str]]) -> tuple[np.ndarray[Any, Any] | None, list[str]]:
    """Columns beside times and people: numbers as they are, words as one column of 0 and 1 a word but the first."""
    columns, names = [], []
    for name, told in cells.items():
        if name in ("times", "people"):
            continue
        try:
            numbers = [float(c) for c in told]
            columns.append(numbers)
            names.append(name)
        except ValueError:
            for word in sorted(set(told))[1:]:
                columns.append([float(c == word) for c in told])
                names.append(f"{name}={word}")
    return (np.array(columns).T if columns else None), names


def estimate(
    file: Path, method: str, *, draws: int = 0, prior: str = "1/U", known: float | None = None, seed: int = 0
) -> hidden.Hidden:
    """Run one estimator on a table of the user's.

    Parameters
    ----------
    method
        A key of :data:`COLUMNS`, which says the columns that the table must have.
    draws, seed
        Draws of the bootstrap or the posterior. Methods that have no closed form take at least 4,000.
    prior
        ``1/U`` or ``flat``, for an amnesty.
    known
        A total that somebody states, for repeat counts.

    Raises
    ------
    VocabularyError
        For a method that there is not.
    FaultyTable, UnreadableSource, ModelError
        As the table deserves.
    """
    if method not in COLUMNS:
        raise VocabularyError(f"{method!r} is not a method. Take one of: {', '.join(COLUMNS)}.")
    cells, rng = read(file), np.random.default_rng(seed)
    numbers: Callable[..., list[np.ndarray[Any, Any]]] = lambda *names, **k: _numbers(file, cells, list(names), **k)  # noqa: E731
    if method in REPEAT:
        times, people = numbers("times", "people")
        x, names = _covariates(cells)
        if x is None:
            return repeat_counts(times, people, method=method, draws=draws, rng=rng, known=known)
        return repeat_regression(times, x, people=people, names=names, method=method, draws=draws, rng=rng)
    if method.startswith("zhang"):
        told = numbers("reference", "administrative", "apprehended")
        link = method.partition("-")[2] or "none"
        return power_law(*told, names=cells.get("origin", ()), link=link, draws=draws, rng=rng)
    if method == "residual":
        return _residual(file, cells, numbers, max(draws, 4000), rng)
    if method == "multiplier":
        registered, share, error = numbers("registered", "share", "share_error")
        _one_row(file, registered)
        parameters = hidden.beta_from(float(share[0]), float(error[0]))
        return multiplier(float(registered[0]), share=parameters, draws=max(draws, 4000), rng=rng)
    if method == "amnesty":
        count, share, error = numbers("regularised", "take_up", "take_up_error")
        _one_row(file, count)
        stock = float(numbers("stock")[0][0]) if "stock" in cells else None
        return amnesty(
            float(count[0]), take_up=hidden.beta_from(float(share[0]), float(error[0])), prior=prior, stock=stock,
            draws=max(draws, 4000), rng=rng,
        )  # fmt: skip
    lists = [c for c in cells if c != "people"]
    *on, people = numbers(*lists, "people")
    return capture_recapture(np.column_stack(on) if on else [], people, names=lists, draws=draws, rng=rng)


def _one_row(file: Path, column: np.ndarray[Any, Any]) -> None:
    if column.size != 1:
        raise FaultyTable(
            str(file), [f"row 3, {column.size} rows where this method asks for one. Give a file for each."]
        )


def _residual(
    file: Path, cells: dict[str, list[str]], numbers: Callable[..., Any], draws: int, rng: Any
) -> hidden.Hidden:
    (value,) = numbers("value")
    low, high = numbers("low", "high", empty=True) if "low" in cells else (np.full(value.size, np.nan),) * 2
    names = [c.lower() for c in cells.get("quantity", [])]
    strange = [n for n in names if n not in ("present", "registered", "visitors")]
    if strange or "present" not in names or "registered" not in names:
        raise FaultyTable(str(file), [
            "row 1, column quantity holds present, registered and, if known, visitors, one row each" +
            (f"; it has {', '.join(strange)}." if strange else ".")
        ])  # fmt: skip
    told = {n: (float(value[i]), (float(low[i]), float(high[i]))) for i, n in enumerate(names)}
    spread = {f"spread_{n}": s for n, (_, s) in told.items() if np.isfinite(s).all()}
    return residual(
        told["present"][0], told["registered"][0], told.get("visitors", (0.0, ()))[0],
        spread_present=spread.get("spread_present"), spread_registered=spread.get("spread_registered"),
        spread_visitors=spread.get("spread_visitors"), draws=draws, rng=rng,
    )  # fmt: skip


def rows(found: hidden.Hidden) -> tuple[pl.DataFrame, dict[str, Any]]:
    """An estimate as a table of one row, and as the object of the interface."""
    plain = hidden.told(found)
    table = pl.DataFrame({
        "method": [found.method], "value": [found.value], "low95": [found.low95], "high95": [found.high95],
        "bound": [found.bound], "interval": [found.interval], "warnings": ["; ".join(found.warnings)],
        "assumptions": ["; ".join(found.assumptions)],
    })  # fmt: skip
    return table, plain
