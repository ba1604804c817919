"""What sections share: asking, the form of a section, and words for what nobody reported.

A section is plain data: headings, paragraphs, figures and tables in reading order, and the one sentence that it gives
to the answer. What nobody reported is said in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from keruen import copies, figures, store
from keruen.errors import NoEvidence
from keruen.places import places
from keruen.provenance import definitions
from keruen.wording import Number, Parts, Picture, Said, edition_of, say, told_day

DRAWS = 100
"""Draws that tables and sentences are reckoned from, where they need draws; the brief prints the count."""

LABOUR = (
    "labour_migrants",
    "labour_migrants_abroad",
    "foreign_citizens",
    "work_permit_holders",
    "labour_arrivals",
    "labour_departures",
    "labour_returns",
    "work_permits_issued",
    "household_permits_issued",
    "patents_issued",
    "labour_documents_issued",
    "temporary_residence_permits",
    "labour_quota",
    "household_permit_quota",
    "regularised",
    "regularised_interim",
    "ethnic_return",
    "ethnic_return_cumulative",
    "ethnic_return_quota",
    "ethnic_return_within_quota",
    "ethnic_return_quota_families",
    "ethnic_return_within_quota_families",
)
MONEY = ("remittances_received", "remittances_paid", "remittances_share_gdp", "remittances", "money_transfers")
COUNTED = ("register", "administrative", "census")
YEARS_SHOWN = 8
ROWS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """The question of a brief; called, it asks the evidence. Of what sources report alone nothing is estimated."""

    code: str
    name: str
    as_of: date | None
    strict: bool
    reported: bool = False

    def __call__(self, place: str | list[str] | None, measure: str | Sequence[str], **more: Any) -> pl.DataFrame:
        found = store.evidence(place, measure, sex="all", as_of=self.as_of, strict=self.strict, **more)
        return found.filter((pl.col("age") == "all") & ~pl.col("definition").str.starts_with("un_projection_"))


Section = dict[str, Any]


def section(key: str, title: str) -> Section:
    """An empty section; ``answer`` is the sentence that it gives to the answer."""
    return {"key": key, "title": title, "blocks": [], "answer": []}


def heads(section: Section, title: str) -> None:
    """A heading within a section."""
    section["blocks"].append({"kind": "heading", "parts": [title]})


def says(section: Section, parts: Parts) -> None:
    """A paragraph."""
    section["blocks"].append({"kind": "paragraph", "parts": parts})


def answers(section: Section, parts: Parts) -> None:
    """The sentence that a section gives to the answer."""
    section["answer"] = parts


def shows(section: Section, table: dict[str, Any]) -> None:
    """A table."""
    section["blocks"].append({"kind": "table"} | table)


def table_of(
    caption: Parts, columns: list[Parts], rows: list[list[Parts]], note: Parts | None = None
) -> dict[str, Any]:
    """Caption, heads, rows of cells, a note under them."""
    # Columns of words are read from the left; cells that begin with a figure are compared along their right edge.
    words = [not any(r[at] and isinstance(r[at][0], Number) for r in rows) for at in range(len(columns))]
    return {"caption": caption, "columns": columns, "words": words, "rows": rows, "note": note or []}


def drawn(section: Section, draw: Callable[[], figures.Figure]) -> None:
    """Put a figure into a section, if there is anything to draw."""
    with suppress(NoEvidence):
        found = draw()
        picture = Picture(found.svg, found.alt, found.title, found.ids, found.width, found.height)
        section["blocks"].append({"kind": "figure", "figure": picture})


def unreported(what: str, asked: Asked) -> Parts:
    """Nobody told."""
    if asked.as_of:
        return say(
            f"By {{day}} no source at hand reported {what} for {{name}}.",
            day=Said(told_day(asked.as_of)),
            name=Said(asked.name, "name"),
        )
    return say(f"No source at hand reports {what} for {{name}}.", name=Said(asked.name, "name"))


def totals(table: pl.DataFrame) -> pl.DataFrame:
    """Figures of the whole, no part by partner or group."""
    return table.filter(pl.col("counterpart").is_null() & (pl.col("group") == "all") & pl.col("value").is_not_null())


def witnesses(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that are no copies of another publisher's figure."""
    return [r for r in rows if not copies.copied(r)]


def year_rows(table: pl.DataFrame) -> pl.DataFrame:
    """Figures of one calendar year."""
    return table.filter(
        (pl.col("start").dt.month() == 1)
        & (pl.col("start").dt.day() == 1)
        & (pl.col("end").dt.year() == pl.col("start").dt.year() + 1)
        & (pl.col("end").dt.month() == 1)
        & (pl.col("end").dt.day() == 1)
    )


def named(code: str) -> str:
    """The name of a place, or its code."""
    return places()[code].name if code in places() else code


def source_cell(row: dict[str, Any]) -> Parts:
    """The source of a fact and what it counts."""
    parts: Parts = [edition_of(row["release"])]
    definition = definitions().get(row["definition"], {})
    if definition.get("name"):
        parts += ["; ", Said(str(definition["name"]), "note")]
    return parts
