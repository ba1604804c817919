"""From evidence to accounts: stocks, population, births and deaths of one edition on one list of places.

Whatever is borrowed, added up, shared out or left out on the way is a named rule with the people it concerns; nothing
is filled silently. The rules travel with the flows that are estimated from the accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from keruen.errors import BadDate, Incomparable, NoEvidence, VocabularyError
from keruen.estimators.balance import fold_negatives
from keruen.estimators.ipf import Array
from keruen.flow_evidence import BORROWED, EDITIONS, OTHER, SEXES, WHOLES, Account, Asked, Ledger
from keruen.flow_vital import Table, events_of, population_of
from keruen.places import places as all_places


def accounts(
    release: str,
    periods: Sequence[tuple[date, date]],
    *,
    sexes: Sequence[str] = ("all",),
    vital: str | None = None,
    other: str = "share",
    as_of: str | date | None = None,
    strict: bool = False,
    hindsight: bool = False,
    claims: pl.DataFrame | None = None,
) -> list[Account]:
    """Accounts of one edition, one a period.

    Parameters
    ----------
    release
        An edition of the migrant stock.
    periods
        Pairs of days on which the edition tells stocks.
    sexes
        Some of all, male, female.
    vital
        Edition of births, deaths and populations; by default the one that goes with the stocks.
    other
        ``"share"`` people of other or unknown birthplace over the known birthplaces of their residence, ``"keep"``
        them as one birthplace, or count them as ``"natives"``, as published estimates do.
    as_of
        Only what was known on that day.
    strict
        Leave out figures whose known day rests on a publication lag.
    hindsight
        Take births, deaths and populations that became known after `as_of`, and say so by a rule; stocks never.
    claims
        Claims with the columns of :func:`keruen.evidence`; fetched when not given.

    Raises
    ------
    NoEvidence
        If the edition or its births and deaths were not known, or nobody told them.
    VocabularyError
        Hindsight that is strict, or without a day.
    Incomparable
        If men and women differ from the total of a place by more than a hundredth.
    """
    if other not in ("share", "keep", "natives"):
        raise VocabularyError(f"other={other!r} is not 'share', 'keep' or 'natives'.")
    for sex in sexes:
        if sex not in SEXES:
            raise VocabularyError(f"{sex!r} is not a sex told here. Take all, male or female.")
    if not periods:
        raise NoEvidence(f"{release} tells stocks of one date only: flows need two. Editions: {', '.join(EDITIONS)}.")
    chosen = vital or EDITIONS.get(release)
    if chosen is None:
        raise NoEvidence(
            f"Say which edition tells the births and deaths that go with {release}: vital='un-wpp-2024' "
            "(--vital un-wpp-2024)."
        )
    if hindsight and (strict or as_of is None):
        raise VocabularyError(
            "Hindsight takes what became known after a day: strict=True refuses it. Take one of the two."
            if strict
            else "Hindsight takes what became known after a day: say which, as_of='2018-05-03'."
        )
    days = sorted({d for pair in periods for d in pair})
    common = Ledger()
    asked = Asked(as_of, claims, date(days[0].year, 1, 2), days[-1], strict, hindsight)
    stock = _stocks(release, days, sexes, asked, common)
    _refuse_sexes(stock, sexes, common)
    if release in BORROWED and vital is None:
        common.note("edition of births and deaths borrowed", "all", [(f"{BORROWED[release]} by {chosen}", 0.0)])
    people = population_of(chosen, days, sexes, set(stock.residents), asked, common)
    out = []
    for start, end in periods:
        ledger = Ledger(list(common.rows), {release, chosen, *common.sources})
        out.append(_account(release, chosen, start, end, sexes, stock, people, other, asked, ledger))
    later = Ledger()
    later.note(
        "known only with hindsight", "all", [(f"{what}, known {known}", 0.0) for what, known in asked.later.items()]
    )
    return [replace(one, rules=pl.concat([one.rules, later.frame()])) for one in out] if later.rows else out


@dataclass(frozen=True, slots=True)
class _Stocks:
    """Cells and totals of one edition. NaN: nobody said."""

    days: list[date]
    born: list[str]
    residents: list[str]
    cells: Array  # (day, sex, birthplace, residence)
    totals: Array  # (day, sex, residence)


def _stocks(release: str, days: Sequence[date], sexes: Sequence[str], asked: Asked, ledger: Ledger) -> _Stocks:
    if asked.given is None:
        rows = pl.concat([asked.rows("stock", release, sexes, since=day, until=day) for day in days])
    else:
        rows = asked.rows("stock", release, sexes)
    rows = rows.filter(pl.col("start").is_in(list(days)) & ~pl.col("place").str.starts_with("_"))
    cells = rows.filter(pl.col("counterpart").is_not_null() & (pl.col("counterpart") != "_WORLD"))
    if cells.is_empty():
        raise NoEvidence(
            f"No stock by birthplace of {release} is known{asked.told} for {', '.join(str(d.year) for d in days)}."
        )
    bad = cells.filter(pl.col("value") < 0)
    if len(bad):
        worst = bad.sort("value").row(0, named=True)
        raise Incomparable(
            f"The stock of people born in {worst['counterpart']} living in {worst['place']} on {worst['start']} is "
            f"{worst['value']:,.0f}, less than nobody. Check the sign of row {worst.get('id', '')}."
        )
    born = sorted(cells["counterpart"].unique().to_list())
    residents = sorted(rows["place"].unique().to_list())
    at = {name: {key: i for i, key in enumerate(keys)} for name, keys in
          (("day", days), ("sex", sexes), ("born", born), ("place", residents))}  # fmt: skip
    table = np.full((len(days), len(sexes), len(born), len(residents)), np.nan)
    totals = np.full((len(days), len(sexes), len(residents)), np.nan)

    def where(frame: pl.DataFrame) -> list[Array]:
        keys = [("start", "day"), ("sex", "sex"), ("place", "place")]
        return [frame[c].replace_strict(at[k], return_dtype=pl.Int64).to_numpy() for c, k in keys]

    citizens = _people(cells.filter((pl.col("basis") == "citizenship") & (pl.col("start") == days[-1])), sexes[0])
    ledger.note("citizens for the foreign-born", sexes[0], citizens)
    twice = cells.group_by("start", "sex", "counterpart", "place").len().filter(pl.col("len") > 1)
    if len(twice):
        row = twice.row(0, named=True)
        raise Incomparable(
            f"{release} tells the stock of people born in {row['counterpart']} living in {row['place']} on "
            f"{row['start']} {row['len']} times. Keep one of them."
        )
    day, sex, place = where(cells)
    table[day, sex, cells["counterpart"].replace_strict(at["born"], return_dtype=pl.Int64).to_numpy(), place] = cells[
        "value"
    ].to_numpy()
    sums = rows.filter(pl.col("counterpart").is_null() | (pl.col("counterpart") == "_WORLD"))
    day, sex, place = where(sums)
    totals[day, sex, place] = sums["value"].to_numpy()
    return _Stocks(list(days), born, residents, table, totals)


def _people(cells: pl.DataFrame, sex: str) -> list[tuple[str, float]]:
    """People of each place of residence."""
    told = cells.filter(pl.col("sex") == sex).group_by("place").agg(pl.col("value").sum()).sort("place")
    return list(told.iter_rows())


def _refuse_sexes(stock: _Stocks, sexes: Sequence[str], ledger: Ledger) -> None:
    if not set(SEXES) <= set(sexes):
        return
    whole, men, women = (stock.totals[:, list(sexes).index(s)] for s in SEXES)
    off = np.abs(whole - men - women)
    wrong = off > np.maximum(0.01 * whole, 10)
    if wrong.any():
        d, r = (int(k) for k in np.argwhere(wrong)[np.nan_to_num(off[wrong]).argmax()])
        raise Incomparable(
            f"Men and women living in {stock.residents[r]} on {stock.days[d]} are {men[d, r] + women[d, r]:,.0f} "
            f"foreign-born, the total says {whole[d, r]:,.0f}. Take one sex at a time, or mend the figures."
        )
    apart = [(stock.residents[r], float(off[:, r].max())) for r in np.flatnonzero(np.nan_to_num(off).max(0) > 1)]
    ledger.note("sexes do not add up", "all", apart)


def _account(
    release: str, vital: str, start: date, end: date, sexes: Sequence[str], stock: _Stocks, people: Table, other: str,
    asked: Asked, ledger: Ledger,
) -> Account:  # fmt: skip
    if start >= end:
        raise BadDate(f"The period {start} to {end} ends before it begins.")
    days = [stock.days.index(start), stock.days.index(end)]
    told: Any = np.isfinite(stock.totals[days]).any(1) | np.isfinite(stock.cells[days]).any((1, 2))  # (day, residence)
    where = {code: i for i, code in enumerate(stock.residents)}
    merged: dict[str, str] = {}
    kept, unstocked, unpeopled = [], [], []
    for code in sorted({*stock.residents, *(c for c in people if c in stock.residents or c in all_places())}):
        whole = WHOLES.get(code)
        here = code in where and bool(told[:, where[code]].all())
        if code not in people or not np.isfinite(people[code][days]).all():
            if code in where:
                unpeopled.append((code, float(np.nanmax(stock.totals[days][:, 0, where[code]], initial=0))))
            continue
        if not here and whole is not None and whole in where and bool(told[:, where[whole]].all()):
            merged[code] = whole
        elif not here:
            unstocked.append((code, float(people[code][days[1], 0])))
        else:
            kept.append(code)
    ledger.note("place left out: no stock", "all", unstocked)
    ledger.note("place left out: no population", "all", unpeopled)
    ledger.note("places merged", "all", [(f"{p} in {w}", float(people[p][days[1], 0])) for p, w in merged.items()])
    index = {code: i for i, code in enumerate(kept)}
    births, deaths = events_of(vital, start, end, sexes, [*kept, *merged], people, days[0], asked, ledger)
    lived = np.stack([people[code][days] for code in [*kept, *merged]], axis=2)  # (day, sex, place)
    for k, whole in enumerate(merged.values(), start=len(kept)):
        for table in (births, deaths, lived):
            table[..., index[whole]] += table[..., k]
    births, deaths, lived = births[..., : len(kept)], deaths[..., : len(kept)], lived[..., : len(kept)]
    places = (*kept, OTHER) if other == "keep" else tuple(kept)
    tables = [_table(stock, d, places, index, merged, sexes, other, ledger) for d in days]
    if other == "keep":
        pad = [(0, 0), (0, 0), (0, 1)]
        lived, births, deaths = np.pad(lived, pad), np.pad(births, pad[1:]), np.pad(deaths, pad[1:])
    for k, table in enumerate(tables):
        for s, sex in enumerate(sexes):
            natives = lived[k, s] - table[s].sum(0)
            short = natives < -1e-6
            natives = np.where(short, natives, np.maximum(natives, 0))
            ledger.note(
                "foreign-born exceed the population",
                sex,
                [(places[i], float(-natives[i])) for i in np.flatnonzero(short)],
            )
            np.fill_diagonal(table[s], natives)
            if short.any():
                table[s] = fold_negatives(table[s])[0]
    for s, sex in enumerate(sexes):
        rest = tables[1][s].diagonal()
        more = births[s] > rest * (1 + 1e-12)
        ledger.note(
            "births taken from all birthplaces", sex,
            [(places[i], float(births[s, i] - rest[i])) for i in np.flatnonzero(more)],
        )  # fmt: skip
    return Account(
        release, vital, start, end, places, tuple(sexes), tables[0], tables[1], births, deaths, ledger.frame(),
        tuple(sorted(ledger.sources)),
    )  # fmt: skip


def _table(
    stock: _Stocks, day: int, places: tuple[str, ...], index: dict[str, int], merged: dict[str, str],
    sexes: Sequence[str], other: str, ledger: Ledger,
) -> Array:  # fmt: skip
    """The foreign-born (sex, birthplace, residence) on one day, zero diagonal."""
    n = len(places)
    out = np.zeros((len(sexes), n, n))
    goal = {**index, **{part: index[whole] for part, whole in merged.items()}}
    rows = [goal.get(code, -1) for code in stock.born]
    for s, sex in enumerate(sexes):
        column = np.array([goal.get(code, -1) for code in stock.residents])
        inside = column >= 0
        codes = np.array(stock.residents)[inside]
        cells, total, to = stock.cells[day, s][:, inside], stock.totals[day, s][inside], column[inside]
        said = np.nan_to_num(cells)
        some = np.isfinite(cells).any(0)
        gone = (np.isnan(cells) & (np.array(stock.born)[:, None] != codes)).sum(0)
        absent = [(c, float(m)) for c, m in zip(codes[some & (gone > 0)], gone[some & (gone > 0)], strict=True)]
        missing = np.where(np.isnan(total), 0.0, total - said.sum(0))
        slack = np.maximum(1.0, 1e-6 * np.nan_to_num(total))

        def among(mask: Any, people: Array, names: Any = codes) -> list[tuple[str, float]]:
            return [(str(c), float(m)) for c, m in zip(names[mask], people[mask], strict=True)]

        untotalled = among(np.isnan(total) & some, said.sum(0))
        short, above = among(missing > slack, missing), among(missing < -slack, -missing)
        known_rows = np.array(rows) >= 0
        rest = np.bincount(to, said[~known_rows].sum(0) + np.where(missing > slack, missing, 0), minlength=n)
        spread = np.zeros((n, len(codes)))
        np.add.at(spread, np.array(rows)[known_rows], said[known_rows])
        np.add.at(out[s].T, to, spread.T)
        diagonal = np.arange(n)
        out[s, diagonal, diagonal] = 0  # born in one part and living in another of a merged place
        if absent:
            ledger.rows.append(
                (
                    "absent cells read as zero",
                    sex,
                    len(absent),
                    0.0,
                    f"{sum(m for _, m in absent):,.0f} cells, {stock.days[day]}",
                )
            )
        ledger.note("origins fall short of the total", sex, short)
        ledger.note("origins exceed the total", sex, above)
        ledger.note("no published total", sex, untotalled)
        shared = [(places[i], float(rest[i])) for i in np.flatnonzero(rest > 0)]
        if other == "keep":
            ledger.note("other origins kept", sex, shared)
            out[s, n - 1] += rest
            continue
        if other == "natives":
            ledger.note("other origins counted as natives", sex, shared)
            continue
        ledger.note("other origins shared out", sex, shared)
        known = out[s].sum(0)
        world = out[s].sum(1)
        profile = np.divide(out[s], known, out=np.repeat(world[:, None] / max(world.sum(), 1), n, 1), where=known > 0)
        profile[diagonal, diagonal] = 0
        weight = profile.sum(0)
        out[s] += profile * np.divide(rest, weight, out=np.zeros(n), where=weight > 0)
    return out
