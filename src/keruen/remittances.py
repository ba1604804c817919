"""Who receives money from whom: inflows, modelled matrices and reported transfers, kept apart; how much hangs on it.

Three quantities share the word. Remittances of the balance of payments (`remittances_received`) say how much arrives
from everywhere. Matrices (`remittances`) are models that spread those inflows over hosts by stocks and incomes. Money
transfers (`money_transfers`) were reported by banks and transfer systems, corridor by corridor. No number here adds
one to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import numpy as np
import polars as pl

from keruen import store
from keruen.errors import NoEvidence
from keruen.estimators.corridors import BETA, Array, concentration, per_migrant, picked
from keruen.money_matrix import PRICES, SPEAKS, known_hosts, stock_editions
from keruen.places import countries
from keruen.places import place as one_place
from keruen.provenance import cite
from keruen.shares import MONEY, ranking, shares
from keruen.yearly import (
    by_age,
    calendar_years,
    filled_incomes,
    latest_by_year,
    newest,
    of_all,
    rival_inflows,
    yearly_transfers,
)


@dataclass(frozen=True, slots=True)
class Remittances:
    """What a place receives, from whom, and how much hangs on it.

    Attributes
    ----------
    place
        Its code.
    shares
        From :func:`shares`: every numerator over every edition of GDP, published shares apart.
    hosts
        Year by year and sender by sender: ``usd``, ``low80``, ``high80``, ``share_gdp``, ``method``, ``definition``,
        ``release``, ``ids``. Where there are draws, ``usd`` is their median; a row of medians need not sum to the
        inflow, every draw does. Methods: ``reported`` (money transfers), ``published`` (a World Bank matrix),
        ``ratha_shaw`` (ours). One sender's transfers of a year may be reported by several definitions, one of which
        may be part of another: they never add up.
    concentration
        By year and method: ``hhi``, ``effective``, ``largest``, ``largest_host``, 80% bounds where there are draws.
    ranking
        The place's rank in the world by share of GDP, by year and edition.
    gdp_release
        The edition over which shares of hosts are taken.
    """

    place: str
    shares: pl.DataFrame
    hosts: pl.DataFrame
    concentration: pl.DataFrame
    ranking: pl.DataFrame
    gdp_release: str | None
    ids: tuple[str, ...]
    releases: tuple[str, ...]

    def __repr__(self) -> str:
        name = one_place(self.place).name
        inflows = self.shares.filter((pl.col("measure") == "remittances_received") & pl.col("value_usd").is_not_null())
        if inflows.is_empty():
            told = f"Nobody reports the remittances that {name} receives; transfers and published shares are told"
        else:
            newest = inflows.filter(pl.col("year") == pl.col("year").max())
            year, usd, part = newest["year"][0], newest["value_usd"] / 1e6, newest["share_gdp"].drop_nulls()
            told = f"{name} received {_between_ends(usd, ',.1f')} million USD of remittances in {year}"
            told += f", {_between_ends(part, '.1f')}% of GDP by rival figures" if len(part) else ""
            top = self.concentration.filter((pl.col("year") == year) & pl.col("largest_low80").is_not_null())
            if len(top):
                first = top.row(0, named=True)
                ends = f"{first['largest']:.0%} (80% {first['largest_low80']:.0%} to {first['largest_high80']:.0%})"
                told += f"; {first['largest_host']} sent {ends} by method {first['method']}"
        return f"{told}. See shares, hosts, concentration, ranking."

    def _repr_html_(self) -> str:
        newest = self.hosts.filter(pl.col("year") == pl.col("year").max()).sort("usd", descending=True)
        return f"<p>{escape(repr(self))}</p>{newest.head(10)._repr_html_()}"


def _between_ends(values: pl.Series, how: str) -> str:
    """The smallest and largest of some figures, or the one that there is."""
    low, high = (format(end, how) for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


HOSTS = {
    "year": pl.Int32, "place": pl.String, "usd": pl.Float64, "low80": pl.Float64, "high80": pl.Float64,
    "share_gdp": pl.Float64, "method": pl.String, "definition": pl.String, "release": pl.String, "status": pl.String,
    "ids": pl.String,
}  # fmt: skip


CONCENTRATION = {
    "year": pl.Int32, "method": pl.String, "release": pl.String, "hhi": pl.Float64, "hhi_low80": pl.Float64,
    "hhi_high80": pl.Float64, "effective": pl.Float64, "effective_low80": pl.Float64, "effective_high80": pl.Float64,
    "largest": pl.Float64, "largest_low80": pl.Float64, "largest_high80": pl.Float64, "largest_host": pl.String,
}  # fmt: skip


def remittances(
    place: str | int,
    *,
    since: int | None = None,
    until: int | None = None,
    method: str = "ratha_shaw",
    beta: float = BETA,
    draws: int = 400,
    seed: int = 0,
    as_of: str | date | None = None,
    strict: bool = False,
) -> Remittances:
    """What a place receives and from whom: three kinds of figures, kept apart, each over every edition of GDP.

    Parameters
    ----------
    place
        A code or a name.
    since, until
        First and last calendar year.
    method, beta, draws, seed
        Of the modelled hosts, see :func:`remittance_matrix`.
    as_of
        Only what was known on that day.
    strict
        Leave out what rests on a publication lag.

    Raises
    ------
    NoEvidence
        If nobody reported anything received.

    Examples
    --------
    >>> told = remittances("TJK", since=2012, until=2017)
    >>> told.hosts.filter((pl.col("method") == "reported") & (pl.col("year") == 2015))["usd"].to_list()
    [1278000000.0]
    """
    code = one_place(place).code
    told = store.evidence(code, MONEY, since=since, until=until, as_of=as_of, strict=strict)
    if told.filter(pl.col("measure") != "gdp").is_empty():
        raise NoEvidence(f"Nobody reported remittances or transfers received in {code} in these years.")
    table = shares(told)
    gdp = _one_gdp(told)
    ours, concentrated = _modelled(told, code, method, beta, draws, seed, as_of, strict)
    hosts = pl.concat([_reported(told), _published(told), ours])
    hosts = (
        hosts.drop("share_gdp")
        .join(gdp.select("year", "gdp"), on="year", how="left", maintain_order="left")
        .with_columns(share_gdp=100 * pl.col("usd") / pl.col("gdp"))
        .select(list(HOSTS))
        .sort("year", "method", "release", "definition", "usd", "place", descending=[*[False] * 4, True, False])
    )
    used = sorted({*told["release"].cast(pl.String), *hosts["release"].drop_nulls()} & set(store.cards()))
    return Remittances(
        place=code,
        shares=table,
        hosts=hosts,
        concentration=pl.concat([_concentrated(_published(told)), concentrated]).sort("year", "method", "release"),
        ranking=ranking(code, since=since, until=until, as_of=as_of, strict=strict),
        gdp_release=gdp["release"].cast(pl.String)[-1] if len(gdp) else None,
        ids=tuple(told["id"]),
        releases=tuple(used),
    )


def _one_gdp(claims: pl.DataFrame) -> pl.DataFrame:
    """GDP of the whole place by year from one edition: the newest of the World Bank's or, failing it, of anybody."""
    told = calendar_years(of_all(claims)).filter(pl.col("measure") == "gdp")
    if told.is_empty():
        return told.select("year", gdp="value", release="release")
    editions = by_age(told["release"])
    chosen = ([r for r in editions if r.startswith("world-bank")] or editions)[-1]
    return told.filter(pl.col("release") == chosen).select("year", gdp="value", release="release").sort("year")


def _hosts(rows: pl.DataFrame, method: str) -> pl.DataFrame:
    return rows.select(
        "year",
        place="counterpart",
        usd="value",
        low80=pl.lit(None, pl.Float64),
        high80=pl.lit(None, pl.Float64),
        share_gdp=pl.lit(None, pl.Float64),
        method=pl.lit(method),
        definition="definition",
        release="release",
        status="status",
        ids="id",
    ).cast(HOSTS)  # type: ignore[arg-type]


def _reported(claims: pl.DataFrame) -> pl.DataFrame:
    rows = yearly_transfers(claims).filter(pl.col("counterpart").is_not_null())
    return _hosts(rows.filter(~pl.col("counterpart").cast(pl.String).str.starts_with("_")), "reported")


def _published(claims: pl.DataFrame) -> pl.DataFrame:
    told = calendar_years(of_all(claims))
    rows = told.filter((pl.col("measure") == "remittances") & pl.col("counterpart").is_not_null())
    return _hosts(rows.filter(~pl.col("counterpart").cast(pl.String).str.starts_with("_")), "published")


def _concentrated(hosts: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for (year, method, release), part in hosts.group_by(["year", "method", "release"], maintain_order=True):
        told = concentration(part["usd"].to_numpy())
        top = part.sort("usd", descending=True)["place"][0]
        rows.append({"year": year, "method": method, "release": release, **told, "largest_host": top})
    return pl.DataFrame(rows, schema={k: CONCENTRATION[k] for k in CONCENTRATION if not k.endswith("80")}).select(
        *(pl.lit(None, t).alias(k) if k.endswith("80") else pl.col(k) for k, t in CONCENTRATION.items())
    )


def _spread_of(share: Array) -> dict[str, float]:
    """Median and 80% interval of concentration over draws, shape (draw, host)."""
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    many = {
        "hhi": (share**2).sum(axis=1),
        "effective": np.exp(-(share * logs).sum(axis=1)),
        "largest": share.max(axis=1),
    }
    told: dict[str, float] = {}
    for name, values in many.items():
        told[f"{name}_low80"], told[name], told[f"{name}_high80"] = np.quantile(values, [0.1, 0.5, 0.9])
    return told


def _points(people: pl.DataFrame, codes: Sequence[str]) -> dict[str, dict[int, Array]]:
    """Stock of one birthplace by edition and year: persons by residence; what is not printed is zero, by the rule."""
    at = {c: i for i, c in enumerate(codes)}
    made: dict[str, dict[int, Array]] = {}
    told = of_all(people).filter(pl.col("value").is_not_null())
    for release, year, place, value in told.select("release", pl.col("start").dt.year(), "place", "value").iter_rows():
        row = made.setdefault(release, {}).setdefault(year, np.zeros(len(codes)))
        if place in at:
            row[at[place]] = value
    return made


def _nearest(points: Mapping[int, Array], year: int) -> list[int]:
    """The two points of an edition around a year, or the one that speaks for it alone."""
    before = max((p for p in points if p <= year), default=min(points))
    after = min((p for p in points if p >= year), default=max(points))
    return [before, after] if before < year < after else [before if year >= before else after]


def _between(points: Mapping[int, Array], year: int) -> Array:
    """A year's row between an edition's two nearest points; held before its first and after its last."""
    near = _nearest(points, year)
    if len(near) == 1:
        return points[near[0]]
    part = (year - near[0]) / (near[1] - near[0])
    return np.asarray((1 - part) * points[near[0]] + part * points[near[1]], float)


def _modelled(
    claims: pl.DataFrame,
    code: str,
    method: str,
    beta: float,
    draws: int,
    seed: int,
    as_of: str | date | None,
    strict: bool,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Hosts of a place by Keruen's own allocation, year by year, and their concentration."""
    received = of_all(claims).filter((pl.col("measure") == "remittances_received") & pl.col("counterpart").is_null())
    names = stock_editions(as_of)
    asked: dict[str, Any] = {"as_of": as_of, "strict": strict}
    people = store.evidence(measure="stock", counterpart=code, release=names, sex="all", **asked) if names else None
    if received.is_empty() or people is None or people.is_empty():
        return pl.DataFrame(schema=HOSTS), pl.DataFrame(schema=CONCENTRATION)
    rng = np.random.default_rng(seed)
    known = known_hosts(names)
    codes = [p.code for p in countries()]
    wages = store.evidence(measure="gdp_per_capita", **asked)
    behind = of_all(people).select("place", at=pl.col("start").dt.year(), id="id")
    points = _points(people, codes)
    keys = by_age(points)
    knows = np.array([[c in told for c in codes] for told in (set(known[k]) for k in keys)])
    incomes = latest_by_year(wages, "gdp_per_capita")
    yearly = calendar_years(received)
    hosts, around = [], []
    for year in sorted(yearly["year"].unique()):
        near = [n for n, k in enumerate(keys) if max(points[k]) + SPEAKS >= year >= min(points[k]) - SPEAKS]
        income = incomes.get(year)
        if not near or not income:
            continue
        tables = np.stack([_between(points[keys[n]], year) for n in near])
        pick = picked(knows[near], rng, draws)
        stock = np.take_along_axis(tables, pick, axis=0)
        stock[:, codes.index(code)] = 0.0
        filled, _ = filled_incomes(income, codes)
        weight = per_migrant([float(filled.sel(place=code))], filled.values, method=method, beta=beta)[0]
        mass = stock * weight
        total = mass.sum(axis=1, keepdims=True)
        if not (total > 0).all():
            continue
        money = rival_inflows(received, year, [code], rng, draws)
        usd = mass / total * money
        low, middle, high = np.quantile(usd, [0.1, 0.5, 0.9], axis=0)
        used = [keys[n] for n in near]
        inflow_ids = " ".join(yearly.filter(pl.col("year") == year)["id"])
        corridor = behind.filter((pl.col("at") - year).abs() <= SPEAKS).group_by("place", maintain_order=True)
        stock_ids = dict(corridor.agg(pl.col("id").str.join(" ")).iter_rows())
        hosts.append(
            pl.DataFrame(
                {"year": year, "place": codes, "usd": middle, "low80": low, "high80": high, "share_gdp": None,
                 "method": method, "definition": None, "release": used[-1], "status": "model",
                 "ids": [f"{inflow_ids} {stock_ids.get(c, '')}".strip() for c in codes]}, schema=HOSTS,
            ).filter((pl.col("usd") > 0) | (pl.col("high80") > 0))
        )  # fmt: skip
        around.append({"year": year, "method": method, "release": used[-1]} | _spread_of(mass / total)
                      | {"largest_host": codes[int(middle.argmax())]})  # fmt: skip
    return (
        pl.concat(hosts) if hosts else pl.DataFrame(schema=HOSTS),
        pl.DataFrame(around, schema=CONCENTRATION),
    )


SENDERS = {
    "place": pl.String, "year": pl.Int32, "sender": pl.String, "matrix": pl.String, "prices": pl.String,
    "edition": pl.String, "share": pl.Float64, "ids": pl.String,
}  # fmt: skip

WAYS = (("stocks", None), ("incomes", "current"), ("ratha_shaw", "current"), ("ratha_shaw", "ppp"))
"""Every way to weigh migrants, with the prices of the incomes that it takes."""


def rival_senders(
    place: str | int, year: int | None = None, *, beta: float = BETA, as_of: str | date | None = None,
    strict: bool = False,
) -> pl.DataFrame:  # fmt: skip
    """The part of each sender in what a place receives in a year, by every matrix that speaks of it.

    Parameters
    ----------
    place
        A code or a name.
    year
        By default the last of which a matrix was published, else the last with an inflow.
    beta
        See :func:`keruen.estimators.corridors.per_migrant`.
    as_of
        Only what was known on that day.
    strict
        Leave out what rests on a publication lag: incomes and most inflows, and so most of our own matrices.

    Returns
    -------
    ``place``, ``year``, ``sender``, ``matrix`` (``published`` or a way to weigh migrants), ``prices`` of the incomes,
    ``edition`` (of the published matrix, or of the stock), ``share`` (percent; those of one matrix sum to 100) and
    ``ids``. A corridor that a matrix leaves empty has no row. The largest sender, by any matrix, stands first.

    Raises
    ------
    NoEvidence
        If no matrix speaks of the place in that year.

    Examples
    --------
    >>> told = rival_senders("TJK", 2021)
    >>> told["sender"][0], told["matrix"].unique().sort().to_list()
    ('RUS', ['incomes', 'published', 'ratha_shaw', 'stocks'])
    """
    code = one_place(place).code
    claims = store.evidence(code, ["remittances", "remittances_received"], as_of=as_of, strict=strict)
    published = _published(claims)
    inflows = calendar_years(of_all(claims)).filter(
        (pl.col("measure") == "remittances_received") & pl.col("counterpart").is_null()
    )
    years = published["year"] if len(published) else inflows["year"]
    if year is None:
        if years.is_empty():
            raise NoEvidence(f"No matrix tells who sends to {code}, and no inflow to spread is reported.")
        year = int(years.max())  # type: ignore[arg-type]
    theirs = published.filter((pl.col("year") == year) & (pl.col("usd") > 0)).select(
        place=pl.lit(code), year="year", sender="place", matrix="method", prices=pl.lit(None, pl.String),
        edition="release", share=100 * pl.col("usd") / pl.col("usd").sum().over("release"), ids="ids",
    )  # fmt: skip
    tables = [theirs.cast(SENDERS)]  # type: ignore[arg-type]
    if year in inflows["year"]:  # where nobody reported an inflow, a matrix of ours has no row
        tables += _by_every_way(code, year, beta, as_of, strict)
    rows = pl.concat(tables)
    if rows.is_empty():
        known = ", ".join(str(y) for y in sorted(published["year"].unique()))
        other = f"matrices were published for {known}, take one of them as year=." if known else "take another year=."
        raise NoEvidence(f"No matrix tells who sent to {code} in {year}; {other}")
    most = pl.col("share").max().over("sender")
    order = ["most", "sender", "matrix", "prices", "edition"]
    return rows.with_columns(most=most).sort(order, descending=[True, *[False] * 4], nulls_last=True).drop("most")


def _by_every_way(code: str, year: int, beta: float, as_of: str | date | None, strict: bool) -> list[pl.DataFrame]:
    """One row of our matrix, in percent: by every way to weigh migrants, over every edition of the stock alone."""
    names = stock_editions(as_of)
    if not names:
        return []
    people = store.evidence(measure="stock", counterpart=code, release=names, sex="all", as_of=as_of, strict=strict)
    codes = [p.code for p in countries()]
    window: dict[str, Any] = {"since": f"{year}-01-01", "until": f"{year}-12-31", "as_of": as_of, "strict": strict}
    behind = of_all(people).select("place", "release", at=pl.col("start").dt.year(), id="id")
    made = []
    points = {k: p for k, p in _points(people, codes).items() if max(p) + SPEAKS >= year >= min(p) - SPEAKS}
    for way, prices in WAYS:
        wages = {} if prices is None else _wages(PRICES[prices], year, window)
        if prices is not None and not wages:
            continue
        income = np.ones(len(codes)) if prices is None else _filled(wages, codes)
        weight = per_migrant([income[codes.index(code)]], income, method=way, beta=beta)[0]
        for edition, point in points.items():
            mass = _between(point, year) * weight
            mass[codes.index(code)] = 0.0
            share = 100 * mass / mass.sum() if mass.sum() > 0 else mass
            near = _nearest(point, year)
            mine = behind.filter((pl.col("release") == edition) & pl.col("at").is_in(near))
            keys = dict(mine.group_by("place").agg(pl.col("id").sort().str.join(" ")).iter_rows())
            rows = [
                (code, year, s, way, prices, edition, part,
                 " ".join(k for k in (keys.get(s), wages.get(s, (0.0, ""))[1], wages.get(code, (0.0, ""))[1]) if k))
                for s, part in zip(codes, share, strict=True) if part > 0
            ]  # fmt: skip
            made.append(pl.DataFrame(rows, schema=SENDERS, orient="row"))
    return made


def _wages(measure: str, year: int, window: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """Income per head of a year by place, with the claim behind it."""
    told = newest(store.evidence(measure=measure, **window), measure, year)
    return {place: (value, key) for place, value, key in told.select("place", "value", "id").iter_rows()}


def _filled(wages: Mapping[str, tuple[float, str]], codes: Sequence[str]) -> Array:
    return np.asarray(filled_incomes({p: v for p, (v, _) in wages.items()}, codes)[0].values, float)


def told_senders(rows: pl.DataFrame) -> dict[str, Any]:
    """Rows of :func:`rival_senders` as plain data: sender by sender what every matrix says, and the sources."""
    senders = []
    for (sender,), part in rows.group_by(["sender"], maintain_order=True):
        senders.append(
            {"sender": sender, "low": part["share"].min(), "high": part["share"].max(),
             "matrices": part.select("matrix", "prices", "edition", "share", "ids").to_dicts()}
        )  # fmt: skip
    behind = {i.rpartition(":")[0] for line in rows["ids"] for i in line.split()}
    known = store.cards()
    return {
        "place": rows["place"][0],
        "year": rows["year"][0],
        "units": "percent of all that the place receives, each matrix by itself",
        "senders": senders,
        "sources": [{"release": r, "cite": cite(r)} for r in sorted(behind) if r in known],
    }


def told(found: Remittances, *, hosts: int = 10) -> dict[str, Any]:
    """What a place receives as plain data: years with their claims and hosts, concentration, ranks, sources.

    Parameters
    ----------
    found
        From :func:`remittances`.
    hosts
        So many hosts a year, method and definition; the rest of them is one sum, ``_OTHER_HOSTS``.
    """
    years = []
    for year in sorted({*found.shares["year"], *found.hosts["year"]}):
        senders = []
        rows = found.hosts.filter(pl.col("year") == year)
        alike = ["method", "release", "definition"]
        for (method, release, definition), part in rows.group_by(alike, maintain_order=True):
            most = part.sort("usd", descending=True, nulls_last=True)
            senders += most.head(hosts).drop("year").to_dicts()
            rest = most.slice(hosts)
            if len(rest) and method != "reported":  # a sum of corridors that banks happened to report means nothing
                senders.append(
                    {"place": "_OTHER_HOSTS", "usd": rest["usd"].sum(), "low80": None, "high80": None,
                     "share_gdp": rest["share_gdp"].sum() if rest["share_gdp"].null_count() == 0 else None,
                     "method": method, "definition": definition, "release": release, "status": "model", "ids": ""}
                )  # fmt: skip
        claims = found.shares.filter(pl.col("year") == year).drop("year").to_dicts()
        years.append({"year": year, "claims": claims, "from": senders})
    known = store.cards()
    return {
        "place": found.place,
        "years": years,
        "concentration": found.concentration.to_dicts(),
        "ranking": found.ranking.to_dicts(),
        "gdp_release": found.gdp_release,
        "sources": [{"release": r, "cite": cite(r)} for r in found.releases if r in known],
    }
