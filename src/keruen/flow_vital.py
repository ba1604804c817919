"""Population, births and deaths of one edition between two days, and what is borrowed where it is silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from keruen import store
from keruen.errors import NoEvidence
from keruen.estimators.ipf import Array
from keruen.flow_evidence import OTHERS, TOGETHER, Asked, Ledger

Table = dict[str, Array]  # place → (day, sex) or (sex,)


def population_of(
    vital: str, days: Sequence[date], sexes: Sequence[str], residents: set[str], asked: Asked, ledger: Ledger
) -> Table:
    """(day, sex) by place."""
    order = [vital, *(k for k in OTHERS if k != vital)]
    found: Table = {}
    for release in order:
        if found and residents <= set(found):
            break
        table = _one_population(release, days, asked, ledger if release == vital else None)
        table, added = _added(table, residents)
        if release == vital:
            found = table
            ledger.note("places added up", "all", added)
            continue
        kept = {c: v for c, v in table.items() if c in residents and c not in found and np.isfinite(v).all()}
        if kept:
            ledger.note("population borrowed", "all", [(f"{c} from {release}", float(v[-1])) for c, v in kept.items()])
            ledger.sources.add(release)
        found |= kept
    if not found:
        when = ", ".join(map(str, days))
        raise NoEvidence(f"No population on {when} is known{asked.told} ({', '.join(order)}).{_later(order, asked)}")
    share = _female(days, list(found), asked, vital, ledger) if set(sexes) - {"all"} else {}
    out: Table = {}
    for code, total in found.items():
        parts = {"all": total}
        if share:
            parts |= {"female": total * share[code], "male": total * (1 - share[code])}
        out[code] = np.stack([parts[sex] for sex in sexes], axis=1)
    return out


def _later(editions: Sequence[str], asked: Asked) -> str:
    """The remedy where births, deaths and populations came later than the day asked about."""
    if asked.as_of is None or asked.given is not None:
        return ""
    first = min(editions, key=lambda key: store.cards()[key].released)
    return (
        f" The earliest at hand are those of {first}, known since {store.cards()[first].released}. hindsight=True "
        "(--hindsight) takes them and says so in the certificate."
    )


def _one_population(release: str, days: Sequence[date], asked: Asked, ledger: Ledger | None) -> dict[str, Array]:
    """Population of one edition on days in mid-year; from rates and yearly changes where it is not printed."""
    printed = asked.rows("population", release).filter(
        pl.col("start").is_in(list(days)) & ~pl.col("place").str.starts_with("_")
    )
    if len(printed):
        at = {d: i for i, d in enumerate(days)}
        told: dict[str, Array] = {}
        for place, day, value in printed.select("place", "start", "value").iter_rows():
            told.setdefault(place, np.full(len(days), np.nan))[at[day]] = value
        return told
    years = range(days[0].year, days[-1].year + 1)
    births_of, rate_of, change = (
        _yearly(asked.rows(m, release), years) for m in ("births", "crude_birth_rate", "population_change")
    )
    if not change:
        deaths, moved = (_yearly(asked.rows(m, release), years) for m in ("deaths", "net_migration"))
        both = set(births_of) & set(deaths) & set(moved)
        change = {place: births_of[place] - deaths[place] + moved[place] for place in both}
    out, apart = {}, []
    for place in sorted(set(births_of) & set(rate_of) & set(change)):
        births, rate, grew = births_of[place], rate_of[place], change[place]
        at_day = np.array([d.year - days[0].year for d in days])
        level = np.divide(1000 * births, rate, out=np.full_like(births, np.nan), where=rate > 0)[at_day]
        # From 1 July to 1 July: half of the first year, the years between, half of the last.
        grown = np.array([0.0 if a == 0 else grew[0] / 2 + grew[1:a].sum() + grew[a] / 2 for a in at_day])
        if not np.isfinite(level).any() or not np.isfinite(grown).all():
            continue
        linked = grown + float(np.nanmean(level - grown))
        apart.append((place, float(np.nanmax(np.abs(level - linked)))))
        out[place] = linked
    if ledger is not None:
        ledger.note("population from rates", "all", apart)
    return out


def _yearly(rows: pl.DataFrame, years: range) -> dict[str, Array]:
    """Figures of calendar years by place, NaN where a year is not told."""
    rows = rows.filter(~pl.col("place").str.starts_with("_") & (pl.col("start").dt.month() == 1))
    out: dict[str, Array] = {}
    for place, start, value in rows.select("place", "start", "value").iter_rows():
        if start.year in years:
            out.setdefault(place, np.full(len(years), np.nan))[start.year - years[0]] = value
    return out


def _female(days: Sequence[date], codes: Sequence[str], asked: Asked, vital: str, ledger: Ledger) -> dict[str, Array]:
    """Women's share of the population: this edition's, WPP 2019's, the World Bank's, else the world's."""
    out: dict[str, Array] = {}
    at = {d: i for i, d in enumerate(days)}

    def fill(rows: pl.DataFrame, borrowed: str | None) -> None:
        new: dict[str, Array] = {}
        for place, day, share in rows.iter_rows():
            if place in codes and place not in out and day in at:
                new.setdefault(place, np.full(len(days), np.nan))[at[day]] = share
        new = {place: share for place, share in new.items() if np.isfinite(share).all()}
        if borrowed and new:
            ledger.note("sex split borrowed", "all", [(f"population by {borrowed}", 0.0)], places=len(new))
            ledger.sources.add(borrowed)
        out.update(new)

    bank = asked.rows("population_female_share", "world-bank-wdi-2026")
    shares = bank.select("place", "start", pl.col("value") / 100)
    by_sex = asked.rows("population", "un-wpp-2019", ("male", "female"))
    printed = by_sex.pivot("sex", index=["place", "start"], values="value") if len(by_sex) else pl.DataFrame()
    counted = (
        printed.select("place", "start", pl.col("female") / (pl.col("female") + pl.col("male")))
        if {"male", "female"} <= set(printed.columns)
        else shares.clear()
    )
    first, second = (counted, shares) if vital == "un-wpp-2019" else (shares, counted)
    names = ("un-wpp-2019", "world-bank-wdi-2026")
    one, two = names if vital == "un-wpp-2019" else names[::-1]
    fill(first, None if one == vital else one)
    fill(second, two)
    if not out:
        raise NoEvidence("Nobody tells the population by sex. Take sex='all'.")
    rest = [code for code in codes if code not in out]
    mean: Array = np.mean(list(out.values()), axis=0)
    ledger.note("sex split borrowed", "all", [("population by the mean of all places", 0.0)] if rest else [], len(rest))
    return {**out, **{code: mean.copy() for code in rest}}


def _added(figures: dict[str, Any], residents: set[str]) -> tuple[dict[str, Any], list[tuple[str, float]]]:
    """Add up what the population tells in parts and the stocks tell as one place."""
    out, done = dict(figures), []
    for whole, parts in TOGETHER.items():
        others = [p for p in parts if p != whole]
        if whole not in residents or any(p in residents for p in others) or not all(p in out for p in parts):
            continue
        if whole in out and whole not in parts:  # told both ways
            continue
        out[whole] = sum(out[p] for p in parts)
        done.append((" + ".join(parts), float(sum(np.ravel(out[p])[-1] for p in others))))
        for p in others:
            del out[p]
    return out, done


def _months(day: date) -> int:
    return day.year * 12 + day.month


def _events(
    rows: pl.DataFrame, start: date, end: date
) -> tuple[dict[str, float], dict[str, float], dict[str, float], bool]:
    """Events between two days by place, weighted by months; those of projections; those cut from longer spans."""
    first, last = _months(start), _months(end)
    table = rows.filter(~pl.col("place").str.starts_with("_")).with_columns(
        _s=pl.col("start").dt.year().cast(pl.Int32) * 12 + pl.col("start").dt.month().cast(pl.Int32),
        _e=pl.col("end").dt.year().cast(pl.Int32) * 12 + pl.col("end").dt.month().cast(pl.Int32),
    )
    overlap = pl.min_horizontal(pl.col("_e"), last) - pl.max_horizontal(pl.col("_s"), first)
    table = table.with_columns(_o=overlap, _w=overlap / (pl.col("_e") - pl.col("_s"))).filter(pl.col("_o") > 0)
    part = pl.col("value") * pl.col("_w")
    cut = (pl.col("_w") < 1) & (pl.col("_e") - pl.col("_s") > 12)
    said = table.group_by("place").agg(
        pl.col("_o").sum().alias("told"),
        part.sum().alias("events"),
        part.filter(pl.col("status") == "projection").sum().alias("projected"),
        part.filter(cut).sum().alias("cut"),
    )
    said = said.filter(pl.col("told") == last - first).sort("place")
    keys = said["place"].to_list()
    halves = bool(len(table)) and bool(((table["_w"] < 1) & (table["_e"] - table["_s"] == 12)).any())
    events, projected, cuts = (dict(zip(keys, said[c].to_list(), strict=True)) for c in ("events", "projected", "cut"))
    return events, projected, cuts, halves


def events_of(
    vital: str, start: date, end: date, sexes: Sequence[str], codes: Sequence[str], people: Table, at: int,
    asked: Asked, ledger: Ledger,
) -> tuple[Array, Array]:  # fmt: skip
    """Births and deaths (sex, place) between two days."""
    out = {}
    for measure in ("births", "deaths"):
        total: dict[str, float] = {}
        for release in [vital, *(k for k in OTHERS if k != vital)]:
            if total and set(codes) <= set(total):
                break
            events, projected, cuts, halves = _events(asked.rows(measure, release), start, end)
            events = _added(events, set(codes))[0]
            new = {c: v for c, v in events.items() if c in codes and c not in total}
            if release == vital and not (new or asked.as_of or asked.strict):
                raise NoEvidence(
                    f"{vital} tells no {measure} between {start} and {end}. Editions that may: {', '.join(OTHERS)}."
                )
            if release == vital:
                ledger.note("projected births and deaths", "all", _some(projected, new))
                if halves:
                    ledger.note("half calendar years", "all", [(measure, 0.0)])
            elif new:
                ledger.note("births and deaths borrowed", "all", [(f"{c} {measure}", v) for c, v in new.items()])
                ledger.sources.add(release)
            ledger.note("part of a longer period", "all", _some(cuts, new))
            total |= new
        if not total:
            raise NoEvidence(
                f"No {measure} between {start} and {end} are known{asked.told}. "
                + (
                    _later(OTHERS, asked).strip()
                    or "Take births and deaths of another edition: vital='un-wpp-2024' (--vital un-wpp-2024)."
                )
            )
        rest = [code for code in codes if code not in total]
        known = [c for c in codes if c in total]
        rate = sum(total[c] for c in known) / sum(float(people[c][at].max()) for c in known)
        ledger.note(
            "births and deaths at the world's rates", "all", [(c, rate * float(people[c][at].max())) for c in rest]
        )
        total |= {c: rate * float(people[c][at].max()) for c in rest}
        out[measure] = np.array([total[c] for c in codes])
    male = {}
    if set(sexes) - {"all"}:
        male["births"] = _male_births(vital, start, end, codes, asked, ledger)
        male["deaths"] = _male_deaths(vital, start, end, codes, asked, ledger)
    tables = []
    for measure in ("births", "deaths"):
        whole = out[measure]
        parts = {"all": whole}
        if male:
            parts |= {"male": whole * male[measure], "female": whole * (1 - male[measure])}
        tables.append(np.stack([parts[sex] for sex in sexes]))
    return tables[0], tables[1]


def _some(values: dict[str, float], among: Iterable[str]) -> list[tuple[str, float]]:
    return [(c, values[c]) for c in among if values.get(c, 0) > 0]


def _male_births(vital: str, start: date, end: date, codes: Sequence[str], asked: Asked, ledger: Ledger) -> Array:
    """Boys' share of births, from the sex ratio at birth."""
    share: dict[str, float] = {}
    for release in [vital, *(k for k in OTHERS if k != vital)]:
        rows = asked.rows("sex_ratio_at_birth", release).filter((pl.col("start") < end) & (pl.col("end") > start))
        ratio = rows.group_by("place").agg(pl.col("value").mean())
        # Ratios are boys a girl, or boys a hundred girls.
        new = {p: (v / 100 if v > 10 else v) for p, v in ratio.iter_rows() if p in codes and p not in share}
        if share and new:
            ledger.note("sex split borrowed", "all", [(f"births by {release}", 0.0)], places=len(new))
        share |= new
    rest = [c for c in codes if c not in share]
    mean = float(np.mean(list(share.values()))) if share else 1.05
    ledger.note("sex split borrowed", "all", [("births by the mean of all places", 0.0)] if rest else [], len(rest))
    ratio_of = np.array([share.get(c, mean) for c in codes])
    boys: Array = ratio_of / (1 + ratio_of)
    return boys


def _male_deaths(vital: str, start: date, end: date, codes: Sequence[str], asked: Asked, ledger: Ledger) -> Array:
    """Men's share of deaths, of the edition that tells deaths by sex."""
    rows = asked.rows("deaths", "un-wpp-2019", ("male", "female"))
    men, women = (_events(rows.filter(pl.col("sex") == s), start, end)[0] for s in ("male", "female"))
    share = {c: men[c] / (men[c] + women[c]) for c in codes if c in men and c in women and men[c] + women[c] > 0}
    if not share:
        raise NoEvidence("No edition known tells deaths by sex. Take sex='all'.")
    if vital != "un-wpp-2019":
        ledger.note("sex split borrowed", "all", [("deaths by un-wpp-2019", 0.0)], places=len(share))
        ledger.sources.add("un-wpp-2019")
    rest = [c for c in codes if c not in share]
    ledger.note("sex split borrowed", "all", [("deaths by the mean of all places", 0.0)] if rest else [], len(rest))
    mean = float(np.mean(list(share.values())))
    return np.array([share.get(c, mean) for c in codes])
