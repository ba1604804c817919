"""From a number back to the rows it came from, each with a sentence to cite."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from keruen import own, snapshot
from keruen.errors import NoEvidence, VocabularyError
from keruen.ids import named
from keruen.provenance import cite
from keruen.store import among, cards, dressed, event_claims


def trace(of: str | Iterable[str] | pl.DataFrame) -> pl.DataFrame:
    """The rows behind a number, each with a sentence to cite.

    Parameters
    ----------
    of
        An id, several ids, or a frame with ``id`` or ``derived_from``; what a row was derived from is followed to the
        rows of the sources.

    Returns
    -------
    The rows with the columns of :func:`keruen.store.evidence`, and ``cite``. Withdrawn rows are found too.

    Raises
    ------
    NoEvidence
        If an id leads to no row.

    Examples
    --------
    >>> from keruen.store import evidence
    >>> one = evidence("KAZ", "net_migration", release="un-wpp-2015", since=2011, until=2014, sex="all")
    >>> trace(one["id"].item())["value"].item()
    159807.0
    """
    wanted, optional, near = _wanted(of)
    table = found(wanted | optional, near)
    while True:
        held = set(table["id"].to_list())
        further = {key for said in table["derived_from"].drop_nulls().to_list() for key in said.split()} - held
        missing = (wanted | further) - held
        if not missing:
            break
        more = found(missing)
        lost = missing - set(more["id"].to_list())
        if lost:
            raise NoEvidence(
                f"No row has the id {', '.join(map(repr, sorted(lost)[:5]))}{' …' if len(lost) > 5 else ''}. Copy ids "
                f"from keruen evidence; this snapshot is {snapshot.manifest()['version']}."
            )
        table = pl.concat([table, more]).unique("id", maintain_order=True)
    known = cards()
    told = {k: cite(known[k]) for k in table["release"].unique().to_list()}
    return dressed(table, known).with_columns(cite=pl.col("release").replace_strict(told, return_dtype=pl.String))


def _wanted(of: str | Iterable[str] | pl.DataFrame) -> tuple[set[str], set[str], pl.Expr | None]:
    """Ids that must lead to rows, ids that may (our own sums have no row), and where to look first."""
    if not isinstance(of, pl.DataFrame):
        return set(of.split()) if isinstance(of, str) else {str(key) for key in of}, set(), None
    if not {"id", "derived_from"} & set(of.columns):
        raise VocabularyError("trace() needs ids: a frame with a column id or derived_from.")
    derived = of["derived_from"] if "derived_from" in of.columns else pl.Series([None] * len(of), dtype=pl.String)
    keys = of["id"] if "id" in of.columns else pl.Series([None] * len(of), dtype=pl.String)
    wanted = {key for said in derived.drop_nulls().to_list() for key in said.split()}
    wanted |= set(keys.filter(derived.is_null()).drop_nulls().to_list())
    places = of["place"].unique().drop_nulls().to_list() if "place" in of.columns else []
    near = among("place", places) if 0 < len(places) <= 20 else None
    optional = set(keys.drop_nulls().to_list()) - wanted if near is not None or not wanted else set()
    return wanted, optional, near


def found(wanted: set[str], near: pl.Expr | None = None) -> pl.DataFrame:
    """Rows by id. An id begins with its release, so only rows of that release are named and compared.

    Parameters
    ----------
    wanted
        The ids.
    near
        A condition that many of the rows fulfil, asked of all packaged claims; without it the index is asked.
    """
    mine = own.claims([pl.col("id").is_in(list(wanted))]).with_columns(own=pl.lit(True))
    events = event_claims().filter(pl.col("id").is_in(list(wanted))).with_columns(own=pl.lit(False))
    pieces = [mine.clear(), mine, events.select(mine.columns)]
    left = wanted - set(mine["id"].to_list()) - set(events["id"].to_list())
    held = snapshot.manifest()
    keys = {key.rpartition(":")[0] for key in left} & set(held["releases"])
    if near is not None:
        tables = [snapshot.scan([t]).filter(near) for t in sorted(held["topics"], key=lambda t: held["bytes"][t])]
    else:
        tables = snapshot.near(key for key in left if key.rpartition(":")[0] in keys)
    for table in tables if keys else ():
        for piece in table.filter(among("release", sorted(keys))).collect().iter_slices(100_000):
            hit = named(piece).filter(pl.col("id").is_in(list(left)))
            pieces.append(hit.with_columns(own=pl.lit(False)).select(mine.columns))
            left -= set(hit["id"].to_list())
        if not left:
            break
    return pl.concat(pieces)
