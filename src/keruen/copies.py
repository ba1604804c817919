"""What a row rests on, and which rows only repeat others: a copy is not a witness."""

from __future__ import annotations

from typing import Any

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
