"""Where claims contradict each other: rivals to one quantity, period by period."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from keruen import store
from keruen.comparable import CALENDAR, DEFINITIONS_OF_VARIANTS, SERIES, central, sums, sums_of_other_years
from keruen.errors import NoEvidence
from keruen.places import place as one_place
from keruen.provenance import day
from keruen.vocabulary import measure as word
from keruen.vocabulary import measures

COMINGS_AND_GOINGS = ("net_migration", "flows")
"""Topics of which one is the balance of the other."""


def disagreement(
    place: str | int,
    measure: str,
    *,
    counterpart: str | None = None,
    stream: str = "all",
    sex: str = "all",
    since: str | int | date | None = None,
    until: str | int | date | None = None,
    as_of: str | date | None = None,
    strict: bool = False,
    claims: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rival claims to one quantity, period by period.

    Parameters
    ----------
    place
        A place, by code or name.
    measure
        A measure of the vocabulary.
    counterpart
        The other end; by default totals over all other ends are compared.
    stream, sex
        One stream and one sex: claims to different quantities are not rivals.
    since, until
        Periods that touch these days, as in :func:`keruen.evidence`; sums are made of all years.
    as_of
        Only what was known on that day.
    strict
        Leave out figures whose known day rests on a publication lag.
    claims
        Claims to compare, with the columns of :func:`keruen.evidence`; fetched when not given.

    Returns
    -------
    One row a claim: ``start``, ``end``, ``id``, ``release``, ``value``, ``unit``, ``status``, ``definition``,
    ``known``, ``known_basis``, ``copy_of``, ``derived_from``, ``convention``, ``source``, ``own``, and for its period
    ``rivals`` (independent figures), ``lowest``, ``highest`` and ``sign_flips`` (some say more came, some say more
    left). Where windows differ, sums of yearly figures stand among the rivals with their parts and convention. One
    edition is one rival: ``taken`` is false for a sum beside a figure that the edition prints for the period, and for
    a sum of other years beside one that covers the period exactly.

    Raises
    ------
    NoEvidence
        If nobody reported the measure for the place by that day; with a counterpart, the message says what is reported.

    Examples
    --------
    >>> rivals = disagreement("KAZ", "net_migration")
    >>> five = rivals.filter(pl.col("start") == date(2010, 7, 1))
    >>> five.filter(pl.col("release") == "un-wpp-2017")["value"].item(), five["sign_flips"].all()
    (159807.0, True)
    """
    code = one_place(place).code
    end = None if counterpart is None else one_place(counterpart).code
    asked: dict[str, Any] = {"as_of": as_of, "strict": strict}
    if claims is None:
        claims = store.evidence(code, measure, counterpart=end, stream=stream, sex=sex, **asked)
    other = pl.col("counterpart").is_null() if end is None else pl.col("counterpart") == end
    mine = claims.filter(other & (pl.col("age") == "all") & (pl.col("group") == "all"))
    mine = mine.filter(~pl.col("definition").is_in(DEFINITIONS_OF_VARIANTS))
    if mine.is_empty():
        raise NoEvidence(_nobody(code, measure, end, stream, sex, asked))
    table = pl.concat([central(mine), sums(mine, mine)])
    return _with_ranges(table).select(
        "start", "end", "id", "release", "value", "low", "high", "unit", "status", "definition", "known", "known_basis",
        "copy_of", "derived_from", "convention", "source", "own", "flag", "note", "rivals", "lowest", "highest",
        "sign_flips", "taken",
    ).filter(*store.touching(since, until)).sort(
        "start", "end", "known", "release", "convention", nulls_last=True
    )  # fmt: skip


def _nobody(code: str, measure: str, end: str | None, stream: str, sex: str, asked: dict[str, Any]) -> str:
    """What nobody reported, and what is reported instead."""
    told = f" by {day(asked['as_of'], last=True)}" if asked["as_of"] else ""
    name = one_place(code).name
    narrow = [] if end is None else [f"with the counterpart {one_place(end).name}"]
    narrow += [] if stream == "all" else [f"in the stream {stream}"]
    narrow += [] if sex == "all" else [f"of the sex {sex}"]
    said = f"Nobody reported {measure} for {name}{''.join(f' {n}' for n in narrow)}{told}."
    if not narrow:
        return f"{said} See what there is: keruen evidence {code}."
    whole = store.evidence(code, measure, columns=["counterpart", "stream", "sex"], **asked)
    hints = []
    if len(whole.filter(pl.col("counterpart").is_null(), stream="all", sex="all")):
        hints.append(f"Its total for {name} is reported.")
    elif len(whole):
        hints.append(f"Its streams are {', '.join(sorted(set(whole['stream'])))}.")
    if end is not None:
        topic = word(measure).topic
        near = COMINGS_AND_GOINGS if topic in COMINGS_AND_GOINGS else (topic,)
        akin = [m.name for m in measures().values() if m.topic in near]
        ends = store.evidence([code, end], akin, counterpart=[code, end], columns=["measure", "place"], **asked)
        for one, two in ((code, end), (end, code)):
            names = ", ".join(sorted(set(ends.filter(place=one)["measure"])))
            hints += [f"For {one_place(one).name} with {one_place(two).name}: {names}."] if names else []
    return " ".join([said, *(hints or [f"See what there is: keruen evidence {code}."])])


def _with_ranges(table: pl.DataFrame) -> pl.DataFrame:
    period = ["start", "end"]
    our_sum = pl.col("convention").fill_null("").str.starts_with(CALENDAR)
    remote = pl.when(sums_of_other_years()).then(2).when(our_sum).then(1).otherwise(0)
    table = table.with_columns(taken=remote == remote.min().over([*SERIES, *period]))
    independent = pl.col("taken") & pl.col("copy_of").is_null()
    value, low, high = (pl.when("taken").then(pl.col(c)) for c in ("value", "low", "high"))
    return table.with_columns(
        rivals=pl.col("value").filter(independent).n_unique().over(period).cast(pl.Int64),
        lowest=pl.min_horizontal(value, low).min().over(period),
        highest=pl.max_horizontal(value, pl.when(value.is_null()).then(high)).max().over(period),
        sign_flips=((value > 0).any() & (value < 0).any()).over(period).fill_null(False),
    ).with_columns(lowest=value.min().over(period).fill_null(pl.col("lowest")))


def periods(rivals: pl.DataFrame) -> list[dict[str, Any]]:
    """The result of :func:`disagreement` as nested plain data, a period an entry.

    Examples
    --------
    >>> told = periods(disagreement("KAZ", "net_migration"))
    >>> sorted(told[0])[:4]
    ['by_definition', 'claims', 'end', 'high']
    """
    out = []
    for (start, end), rows in rivals.group_by(["start", "end"], maintain_order=True):
        by = (
            rows.filter("taken")
            .drop_nulls("value")
            .group_by("definition", maintain_order=True)
            .agg(pl.col("value").min().alias("low"), pl.col("value").max().alias("high"), pl.len().alias("claims"))
        )
        first = rows.row(0, named=True)
        out.append(
            {
                "start": start,
                "end": end,
                "claims": rows.select(
                    "id", "release", "value", "unit", "status", "definition", "known", "known_basis", "copy_of",
                    "derived_from", "convention", "source", "low", "high",
                ).to_dicts(),
                "low": first["lowest"],
                "high": first["highest"],
                "sign_flips": first["sign_flips"],
                "rivals": first["rivals"],
                "by_definition": by.to_dicts(),
            }
        )  # fmt: skip
    return out
