"""What readers share: opening a table, refusing a moved header, pseudo-codes of places."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from keruen.errors import UnreadableSource
from keruen.places import places

opened: list[tuple[str, int]] = []
"""Tables opened, with their rows, until whoever keeps the ledger takes them away."""


def table(folder: Path, name: str, **types: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
    """A publisher's table as it stands; an empty cell is absent, "NA" is Namibia.

    Parameters
    ----------
    folder, name
        Where the file lies.
    **types
        Types of columns that would otherwise be guessed wrongly.

    Raises
    ------
    UnreadableSource
        If the file is missing or is no table.
    """
    path = folder / name
    if not path.is_file():
        raise UnreadableSource(f"{path} is missing; this reader needs it.")
    try:
        read = pl.read_csv(path, infer_schema_length=None, null_values=[""], schema_overrides=types)
    except pl.exceptions.PolarsError as error:
        raise UnreadableSource(f"{path} cannot be read as CSV: {error}") from error
    opened.append((name, len(read)))
    return read


def columns(frame: pl.DataFrame, *names: str) -> None:
    """Refuse a table whose header moved.

    Raises
    ------
    UnreadableSource
        With the columns that are not there.
    """
    gone = [n for n in names if n not in frame.columns]
    if gone:
        raise UnreadableSource(f"The table lacks {', '.join(gone)}; it has {', '.join(frame.columns)}.")


BANK_GROUP_PREFIX = "_WB_"
SPECIAL = {
    "_TOT": None, "_TOTAL": None, "_WORLD": "_WORLD", "WLD": "_WORLD", "_OTH": "_OTHER", "_OTN": "_OTHER_NORTH",
    "_OTS": "_OTHER_SOUTH", "_OTHER": "_OTHER", "UNK": "_UNKNOWN", "UKN": "_UNKNOWN", "_UNKNOWN": "_UNKNOWN",
    "XXA": "_STATELESS", "STA": "_STATELESS", "_STATELESS": "_STATELESS", "TIB": "_TIBET", "_ABK": "_ABKHAZIA",
    "_SOS": "_SOUTH_OSSETIA", "_CIS non-EAEU": "_CIS_NON_EAEU", "_CentralAsia": "_CENTRAL_ASIA", "_VISA": "_VISA",
}  # fmt: skip
"""Pseudo-codes of the tables and what they mean here; a total over all ends is an absent counterpart."""


def place_code(iso3: str = "iso3", m49: str = "location_code") -> pl.Expr:
    """A place's code from ISO 3166, or the aggregate of an M49 number where there is no ISO code."""
    aggregate = pl.when(pl.col(m49) == 900).then(pl.lit("_WORLD")).otherwise(pl.format("_UN_{}", pl.col(m49)))
    return pl.when(pl.col(iso3).is_null()).then(aggregate).otherwise(pl.col(iso3))


def other_end(code: str) -> pl.Expr:
    """A counterpart's code; pseudo-codes are translated, totals become absent."""
    return pl.col(code).replace(SPECIAL)


def bank_code(iso3: str = "iso3") -> pl.Expr:
    """A place's code where World Bank groups stand among countries."""
    known = list(places())
    group = pl.when(pl.col(iso3) == "WLD").then(pl.lit("_WORLD")).otherwise(pl.format("_WB_{}", pl.col(iso3)))
    return pl.when(pl.col(iso3).is_in(known)).then(pl.col(iso3)).otherwise(group)
