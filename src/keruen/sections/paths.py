"""The path of net migration that the claims leave possible, as sentences and tables of a brief tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from keruen.errors import ModelError, NoEvidence
from keruen.path_design import USED
from keruen.provenance import releases
from keruen.reconcile import Posterior, reconcile
from keruen.sections.common import Asked
from keruen.store import cards
from keruen.tipping import ALREADY, NEVER, UNCONFIRMED, Tipping, tipping
from keruen.wording import Number, Parts, Said, say, share

RECKONING = "net-migration"
PERSISTENCE = 5
SINCE = 1990
FULL: dict[str, Any] = {}  # as `keruen tipping` asks
QUICK: dict[str, Any] = {"draws": 50, "ess": 100}  # a look aside: a past day, another treatment of the evidence


@dataclass(frozen=True, slots=True)
class Path:
    """A posterior, its tipping, and the claims behind it."""

    posterior: Posterior
    tipped: Tipping
    rows: list[dict[str, Any]]

    @property
    def masses(self) -> dict[int | str, float]:
        """Shares of the draws by headline: years, and words for the rest."""
        t = self.tipped
        told: dict[int | str, float] = dict(t.p_by_year.items())
        return told | {NEVER: t.p_never, UNCONFIRMED: t.p_unconfirmed, ALREADY: t.p_already_receiving}

    @property
    def draws(self) -> int:
        return len(self.posterior.rates)

    @property
    def claims(self) -> list[dict[str, Any]]:
        """The claims about net migration themselves, without what is summed beside them."""
        return [r for r in self.rows if r.get("part")]

    @property
    def turned(self) -> float:
        """Share of the draws with a turn upward that lasted."""
        return sum(self.tipped.p_by_year.values())

    @property
    def now(self) -> int:
        """Position of the last year whose three-year mean is defined."""
        return int(np.flatnonzero(np.isfinite(self.tipped.p_receiving))[-1])


def path_of(asked: Asked, as_of: date | None = None, *, quick: bool = False, **options: Any) -> Path | None:
    """The path as of a day; nothing where nobody reported, or where the draws did not settle.

    Parameters
    ----------
    asked
        The question of the brief.
    as_of
        Another day than that of the brief.
    quick
        Fewer effective draws.
    **options
        Of :func:`keruen.reconcile`.
    """
    try:
        found: Posterior = reconcile(
            asked.code, as_of=as_of or asked.as_of, strict=asked.strict, **((QUICK if quick else FULL) | options)
        )
    except NoEvidence:
        return None
    if found.prior_only or int(found.years[-1]) < SINCE + PERSISTENCE:
        return None  # the prior, or too short to hold a turn
    rows = list(found.claims.filter(pl.col("part").is_in(list(USED))).iter_rows(named=True))
    beside = sorted({i for ids in found.anchors["derived_from"].drop_nulls().to_list() for i in ids})
    rows += [_named(i) for i in beside]
    if not rows:
        return None  # nothing that could be cited
    return Path(found, tipping(found, PERSISTENCE, since=SINCE), rows)


def _named(claim: str) -> dict[str, Any]:
    """What a reckoning must know of a claim beside the path: its id and release; reading it would read the world."""
    key = claim.rsplit(":", 1)[0]
    card = cards()[key]
    return {
        "id": claim, "release": key, "known": card.released, "own": key not in releases(),
        "known_basis": "release" if card.lag_months is None else "publication lag",
    }  # fmt: skip


def settled(asked: Asked, as_of: date | None = None, **options: Any) -> Path | None:
    """A quick path for a look aside; one that does not settle is left out."""
    try:
        return path_of(asked, as_of, quick=True, **options)
    except ModelError:
        return None


# ---------------------------------------------------------------- words


def chance(path: Path, p: float, tail: str = " percent") -> Number:
    """A probability in whole percents, with the claims of the path."""
    return share(RECKONING, p, path.rows, tail)


def headword(path: Path) -> Parts:
    """The most likely headline in words, with its share."""
    masses = path.masses
    leading = max((NEVER, UNCONFIRMED, ALREADY), key=lambda k: masses[k])
    if path.turned >= masses[leading]:
        year = max(path.tipped.p_by_year, key=lambda y: path.tipped.p_by_year[y])
        return say("a lasting turn ({p}), most often in {year}", p=chance(path, path.turned), year=Said(str(year)))
    words = {
        NEVER: "no lasting turn", UNCONFIRMED: "a turn begun but not yet confirmed",
        ALREADY: "receiving from the start",
    }  # fmt: skip
    return say(f"{words[leading]} ({{p}})", p=chance(path, masses[leading]))
