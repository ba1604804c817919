"""What a row rests on, and which rows only repeat others or are part of what others tell: neither is a witness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from keruen.provenance import releases


def family_of(release: str | None) -> str:
    """The family of editions that a release belongs to, or its own key."""
    card = releases().get(release or "")
    return card.family or card.key if card else (release or "")


def carried(row: dict[str, Any]) -> bool:
    """Unchanged from an earlier edition of the same family."""
    return bool(row["copy_of"]) and family_of(row["copy_of"]) == family_of(row["release"])


def rests_on(row: dict[str, Any]) -> tuple[str, ...]:
    """The claims behind a row: the parts of a sum or difference, or the row itself."""
    return tuple(row["derived_from"].split()) if row.get("derived_from") else (row["id"],)


def copied(row: dict[str, Any]) -> bool:
    """A copy of another publisher's figure; a copy is not a witness and is not drawn again."""
    return bool(row["copy_of"]) and not carried(row)


WHOLE = ["measure", "stream", "place", "sex", "age", "group", "start", "end", "definition"]
"""What a figure of some other ends and a figure of all of them must agree on for the one to be part of the other."""


def wholes(rows: pl.DataFrame, cell: Sequence[str] = WHOLE) -> pl.DataFrame:
    """The rows without those that tell a group of places, such as the CIS, beside a row that tells all places.

    A group told alone stays: nobody told more.

    Parameters
    ----------
    rows
        Claims, or a table with ``counterpart``, ``value`` and the columns of `cell`.
    cell
        Columns on which a group and its whole agree.

    Examples
    --------
    >>> told = {"measure": "labour_migrants", "stream": "labour_registered", "place": "TJK", "sex": "all", "age": "all",
    ...         "group": "all", "start": "2009", "end": "2009", "definition": "worker_registered"}
    >>> rows = pl.DataFrame([told | {"counterpart": c, "value": v} for c, v in ((None, 1260), ("_CIS", 306))])
    >>> wholes(rows)["value"].to_list()
    [1260]
    """
    told = rows.filter(pl.col("counterpart").is_null() & pl.col("value").is_not_null()).select(cell).unique()
    part = pl.col("counterpart").str.starts_with("_").fill_null(False)
    beside = rows.with_row_index("_row").filter(part).join(told, on=cell, how="semi", nulls_equal=True)
    return rows.with_row_index("_row").join(beside, on="_row", how="anti").drop("_row") if len(beside) else rows
