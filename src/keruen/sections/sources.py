"""Sources and licences: every release that a brief rests on, every reckoning with what it rests on, and the limits."""

from __future__ import annotations

from typing import Any

from keruen import labels
from keruen._version import __version__
from keruen.provenance import cite, licences, releases
from keruen.wording import OWN_RECKONING, card_of, told_day

RECKONINGS = {
    "net-migration": ("the path of net migration that all claims together leave possible", "docs/methods/reconcile.md"),
    "flows": ("moves between two dates, estimated from where people live", "docs/methods/flows.md"),
    "labour": ("labour migrants with papers and without", "docs/labour.md"),
    "remittances": ("inflows of remittances, split over hosts", "docs/remittances.md"),
    "leverage": ("what a place holds over others", "docs/methods/leverage.md"),
}

LIMITS = (
    "A range between sources is no confidence interval: the truth may lie outside all of them.",
    "Figures of different definitions stand side by side; none is added to another.",
    "Where a place has no figure in a table, nobody at hand reported one. It is not nought.",
    "Net migration of the United Nations is by and large a residual of population change, births and deaths, "
    "and takes in their errors.",
    "Registers count those who register. People who come or leave without doing so are in none of these counts.",
    "Press figures are second hand; the page is named, the office behind it was not asked.",
)


def reckoning(key: str, at: int, rests: list[int]) -> dict[str, Any]:
    """A reckoning of Keruen's own as an entry of the list of sources."""
    words, page = RECKONINGS[key.removeprefix(OWN_RECKONING)]
    return {
        "n": at,
        "key": key,
        "label": "Keruen, own reckoning",
        "cite": f"Keruen {__version__}, own reckoning: {words}. Method: {page}.",
        "licence": "as the figures it rests on",
        "licence_url": "",
        "attribution": "",
        "url": "",
        "released": "",
        "running": False,
        "own": False,
        "reckoned": True,
        "rests": rests,
    }


def source(key: str, at: int) -> dict[str, Any]:
    """A release as an entry of the list of sources."""
    card = card_of(key)
    empty = {"n": at, "key": key, "reckoned": False, "rests": [], "licence_url": "", "running": False}
    if card is None:
        return empty | {
            "label": key, "cite": key, "licence": "", "attribution": "", "url": "", "released": "", "own": True,
        }  # fmt: skip
    licence = licences().get(card.licence, {})
    own = key not in releases()
    return empty | {
        "label": labels.label(key, card.title),
        "cite": f"{card.publisher}: {card.title}".strip(" :") if own else cite(key),
        "licence": licence.get("name", ""),
        "licence_url": licence.get("url", ""),
        "attribution": licence.get("attribution", ""),
        "url": card.url,
        "released": told_day(card.released, card.precision),
        "running": card.lag_months is not None,
        "own": own,
    }
