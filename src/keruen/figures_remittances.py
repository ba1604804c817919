"""Figures of money: received by source, from whom, which way dependence runs, who holds whom, what a shock brings.

Each takes claims or tables that were computed elsewhere, and computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import xarray as xr

from keruen.errors import NoEvidence
from keruen.figures import (
    DASHES,
    GRID,
    INK,
    MARKS,
    SOFT,
    VIVID,
    Figure,
    _as_of,
    _axes,
    _broken,
    _calendar,
    _figure,
    _key,
    _labels,
    _name,
    _note,
    _one_place,
    _readable,
    _series,
    _whole,
    _zero,
)  # fmt: skip
from keruen.labels import label, year
from keruen.provenance import definitions

REPORTED = "oD^vPXp*<>h8d"
"""Marks of reported transfers, one for each definition."""


def hosts(rows: pl.DataFrame, place: str, *, top: int = 4, ids: Sequence[str] = ()) -> Figure:
    """From whom a place receives, percent of its product: bands of the model, squares of published matrices, reports.

    Reports have a mark for each definition: the transfers of one may be part of those of another.

    Parameters
    ----------
    rows
        ``hosts`` of :func:`keruen.remittances.remittances`.
    place
        Its code.
    top
        How many hosts.
    ids
        Claims beside those that `rows` name.
    """
    told = rows.filter(pl.col("share_gdp").is_not_null() & (pl.col("place") != place))
    if told.is_empty():
        raise NoEvidence(f"There is nothing to draw: no hosts of {_name(place)} with a share of its product.")
    order = told.group_by("place").agg(pl.col("share_gdp").max()).sort("share_gdp", "place", descending=[True, False])
    chosen = order["place"].head(top).to_list()
    first, last = int(told["year"].min()), int(told["year"].max())  # type: ignore[arg-type]
    reports = told.filter((pl.col("method") == "reported") & pl.col("place").is_in(chosen))
    counted = dict(zip(sorted(reports["definition"].unique()), REPORTED, strict=False))

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 46, 120, 28, 52 + 15 * len(counted))
        ends = []
        for i, host in enumerate(chosen):
            colour = VIVID[i % len(VIVID)]
            mine = told.filter(pl.col("place") == host).sort("year")
            model = mine.filter(~pl.col("method").is_in(["reported", "published"]))
            if len(model):
                per = (model["share_gdp"] / model["usd"]).to_numpy()
                x = model["year"].to_numpy() + 0.5
                ax.plot(x, model["share_gdp"], color=colour, linewidth=1.6)
                ax.fill_between(x, per * model["low80"].to_numpy(), per * model["high80"].to_numpy(), color=colour,
                                alpha=0.18, linewidth=0)  # fmt: skip
                ends.append((float(x[-1]), float(model["share_gdp"][-1]), _name(host), colour))
            theirs = mine.filter(pl.col("method") == "published")
            ax.plot(theirs["year"] + 0.5, theirs["share_gdp"], "s", color=colour, markersize=5, markerfacecolor="white")
            for definition, mark in counted.items():
                points = mine.filter((pl.col("method") == "reported") & (pl.col("definition") == definition))
                ax.plot(points["year"] + 0.5, points["share_gdp"], mark, color=colour, markersize=5)
        ax.set_ylim(bottom=0)
        _calendar(ax, first, last + 1.2)
        _zero(ax)
        _readable(ax)
        _labels(ax, ends, 1.02)
        _note(
            ax,
            "percent of gross domestic product · line and band: inflows spread by stocks and incomes, 80% over rival",
            34 + 15 * len(counted),
        )
        full = " · full: transfers that banks reported, another quantity" if counted else ""
        _note(ax, f"editions · white square: the World Bank's matrix{full}", 22 + 15 * len(counted))
        for i, (definition, mark) in enumerate(reversed(counted.items())):
            _key(ax, [(_counted(definition), INK, mark)], 8 + 15 * i)

    names = ", ".join(_name(h) for h in chosen)
    alt = f"Money received by {_name(place)} from {names}, percent of product, {first} to {last}."
    peak = reports.sort("share_gdp", "definition", descending=[True, False]).head(1)
    if len(peak):
        row = peak.row(0, named=True)
        alt += (
            f" Reported transfers from {_name(row['place'])} were at most {_percent(row['share_gdp'])}"
            f" ({row['year']}; {_counted(row['definition'])})."
        )
    behind = [x for line in told["ids"] for x in line.split()]
    title = f"From whom {_name(place)} receives money"
    return _figure("hosts", title, alt, [*behind, *ids], (720, 360 + 15 * len(counted)), draw)


def _counted(definition: str) -> str:
    """What is counted, by the name of its definition."""
    return str(definitions().get(definition, {}).get("name", definition))


def _percent(value: float) -> str:
    return f"{value:.1f}%" if value >= 1 else f"{value:.2g}%"


def dependence(rows: pl.DataFrame, place: str, *, ids: Sequence[str] = ()) -> Figure:
    """All that a place receives over its product, every edition a line; shares as published are dots.

    Parameters
    ----------
    rows
        ``shares`` of :func:`keruen.remittances.remittances`.
    place
        Its code.
    ids
        Claims beside those that `rows` name.
    """
    told = rows.filter(pl.col("share_gdp").is_not_null() & pl.col("counterpart").is_null())
    ours = told.filter(pl.col("measure") == "remittances_received")
    published = told.filter((pl.col("measure") == "remittances_share_gdp") & ~pl.col("derived"))
    if ours.is_empty() and published.is_empty():
        raise NoEvidence(f"There is nothing to draw: no share of remittances in the product of {_name(place)}.")
    both = pl.concat([ours, published])
    first, last = int(both["year"].min()), int(both["year"].max())  # type: ignore[arg-type]

    def draw(canvas: Any) -> None:
        rows = (len(pairs) + 1) // 2
        ax = _axes(canvas, 46, 26, 28, 46 + 15 * rows)
        for i, ((release, gdp), part) in enumerate(pairs):
            line, colour = part.sort("year"), VIVID[i % len(VIVID)]
            years = np.arange(int(line["year"][0]), int(line["year"][-1]) + 1)
            value = dict(line.select("year", "share_gdp").iter_rows())
            # Editions often agree: the later line is the narrower, so that those beneath can be seen.
            wide = 1.2 + 0.8 * (len(pairs) - 1 - i)
            ax.plot(years + 0.5, [value.get(int(t), np.nan) for t in years], color=colour, linewidth=wide)
            over = f"{label(release)} / {label(gdp)}"
            _key(ax, [(over, colour, "s")], 18 + 15 * (rows - 1 - i % rows), 330 * (i // rows))
        if len(published):
            ax.plot(published["year"] + 0.5, published["share_gdp"], "o", color=INK, markersize=3.5)
        dots = " · dots: shares as published" if len(published) else ""
        _note(ax, f"percent of gross domestic product, inflows / product, each by edition{dots}", 26 + 15 * rows)
        ax.set_ylim(bottom=0)
        _calendar(ax, first, last + 1.2)
        _zero(ax)
        _readable(ax)

    pairs = sorted(ours.group_by(["release", "gdp_release"]), key=lambda kv: (str(kv[0][0]), str(kv[0][1])))
    top = both.sort("share_gdp", descending=True).row(0, named=True)
    alt = (
        f"Remittances received by {_name(place)} as percent of its product, {first} to {last}, in {len(pairs)} pairs "
        f"of editions; the most is {_percent(top['share_gdp'])} in {top['year']} ({label(str(top['release']))})."
    )
    behind = [x for line in both["ids"] for x in line.split()]
    title = f"What {_name(place)} receives, percent of its product, by edition"
    return _figure("dependence", title, alt, [*behind, *ids], (720, 370 + 8 * len(pairs)), draw)


def corridor_matrix(money: xr.DataArray, places: Sequence[str], *, year: int, ids: Sequence[str] = ()) -> Figure:
    """Remittances between a few places: rows receive, columns send; the area of a square is the money.

    Parameters
    ----------
    money
        USD, dims (receiving, sending); absent cells are left empty, and so are zeros.
    places
        Which ones.
    year
        Of what.
    ids
        Claims that it rests on.
    """
    table = money.reindex(receiving=list(places), sending=list(places)).values.astype(float)
    if np.isnan(table).all():
        raise NoEvidence("There is nothing to draw: no corridor between these places is known.")
    n, most = len(places), float(np.nanmax(table))

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 26 + 5.6 * max(len(_name(p)) for p in places), 40, 16, 86)
        ax.grid(visible=False)
        for i in range(n):
            if np.isnan(np.delete(table[i], i)).all():
                ax.text((n - 1) / 2, i, "not reported", ha="center", va="bottom", fontsize=8, color=INK, alpha=0.7)
            ax.axhline(i, color=GRID, linewidth=0.6, zorder=0)
            ax.axvline(i, color=GRID, linewidth=0.6, zorder=0)
            for j in range(n):
                value = table[i, j]
                if i == j or np.isnan(value) or value <= 0:
                    continue
                ax.scatter(j, i, s=1900 * value / most, marker="s", color=VIVID[3], alpha=0.35, linewidth=0)
                if value > 1e6:
                    text = f"{value / 1e9:.1f} bn" if value >= 1e9 else f"{value / 1e6:,.0f} m"
                    ax.text(j, i, text, ha="center", va="center", fontsize=8, color=INK,
                            bbox={"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 0.6})  # fmt: skip
        ax.set_xlim(-0.6, n - 0.4)
        ax.set_ylim(n - 0.4, -0.6)
        ax.set_xticks(range(n), [_name(p) for p in places], rotation=20, ha="left")
        ax.xaxis.tick_top()
        ax.set_yticks(range(n), [_name(p) for p in places])
        ax.tick_params(length=0)
        for side in ax.spines.values():
            side.set_visible(False)
        _note(ax, f"USD in {year} · columns send, rows receive · below a million: no number", 74)

    i, j = np.unravel_index(int(np.nanargmax(table)), table.shape)
    alt = (
        f"Square table of remittances between {n} places in {year}; the largest goes from {_name(places[int(j)])} to "
        f"{_name(places[int(i)])}, {most / 1e9:.1f} billion USD."
    )
    return _figure("corridors-of-money", f"Who sends to whom, {year}", alt, ids, (620, 96 + 62 * n), draw)


def asymmetry(table: pl.DataFrame, *, year: int, top: int = 12, ids: Sequence[str] = ()) -> Figure:
    """Who holds whom: what the place would lose for good against what the holder would lose without its workers.

    Parameters
    ----------
    table
        Of :func:`keruen.leverage.leverage`.
    year
        Of what.
    top
        How many pairs, the largest gross leverage first.
    ids
        Claims that it rests on.
    """
    told = table.drop_nulls("gross").sort("gross", descending=True).head(top)
    told = told.filter(pl.col("gross") > 0.05)
    if told.is_empty():
        raise NoEvidence("There is nothing to draw: no holder could take a twentieth of a percent from anybody here.")
    names = [f"{_name(r['holder'])} over {_name(r['over'])}" for r in told.iter_rows(named=True)]

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 26 + 5.4 * max(len(n) for n in names), 26, 30, 54)
        ax.grid(axis="y", visible=False)
        ax.grid(axis="x", color=GRID, linewidth=0.6)
        for i, r in enumerate(told.iter_rows(named=True)):
            ax.plot([0, r["dependence"]], [i, i], color=GRID, linewidth=7, solid_capstyle="butt", zorder=1)
            ax.plot([r["gross_low80"], r["gross_high80"]], [i, i], color=VIVID[0], linewidth=2, zorder=2)
            ax.plot(r["gross"], i, "o", color=VIVID[0], markersize=6, zorder=3)
            if r["cost"] is not None:
                ax.plot(r["cost"], i, "D", color=VIVID[3], markersize=5, zorder=3)
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_xlim(left=0)
        ax.tick_params(axis="y", length=0)
        _key(ax, [("gross leverage, 80%", VIVID[0], "o"), ("holder's own dependence", VIVID[3], "D")], 36)
        _note(
            ax,
            f"percent of the place's product, and of the holder's, {year} · grey: all from the holder, median",
            18,
        )

    first = told.row(0, named=True)
    alt = (
        f"Pairs of holder and place by gross leverage in {year}. The largest is {names[0]}: {first['gross']:.1f}% of "
        f"its product ({first['gross_low80']:.1f} to {first['gross_high80']:.1f})."
    )
    return _figure("leverage", f"Who holds whom, {year}", alt, ids, (720, 110 + 24 * len(names)), draw)


def shock_fan(rows: pl.DataFrame, host: str, *, year: int, words: str = "", ids: Sequence[str] = ()) -> Figure:
    """What a shock to a host is expected to do to receivers, with intervals, and what happened.

    Parameters
    ----------
    rows
        ``rows`` of :func:`keruen.passthrough.shock`.
    host, year
        Whose shock, and when.
    words
        What the shock is, for the note.
    ids
        Claims that it rests on.
    """
    told = rows.sort("change")
    if told.is_empty():
        raise NoEvidence("There is nothing to draw: no receiver was told.")
    names = [_name(p) for p in told["place"]]

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 26 + 5.6 * max(len(n) for n in names), 26, 30, 54)
        ax.grid(axis="y", visible=False)
        ax.grid(axis="x", color=GRID, linewidth=0.6)
        for i, r in enumerate(told.iter_rows(named=True)):
            ax.plot([r["low80"], r["high80"]], [i, i], color=VIVID[3], alpha=0.25, linewidth=8, solid_capstyle="butt")
            ax.plot([r["change_low80"], r["change_high80"]], [i, i], color=VIVID[3], linewidth=3, solid_capstyle="butt")
            ax.plot(r["change"], i, "|", color=INK, markersize=12)
            if r["happened"] is not None:
                mark = "X" if r["surprising"] else "o"
                ax.plot(r["happened"], i, mark, color=VIVID[0], markersize=6, zorder=4)
        ax.axvline(0, color=INK, linewidth=1)
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        keys = [("effect, 80%", VIVID[3], "s")]
        if told["happened"].null_count() < len(told):
            keys += [("happened", VIVID[0], "o"), ("happened, outside", VIVID[0], "X")]
        _key(ax, keys, 36)
        _note(ax, f"change of all remittances received in {year}, percent · pale: the whole year, 80%{words}", 18)

    worst = told.row(0, named=True)
    alt = (
        f"Expected change of remittances by receiver after the shock to {_name(host)} in {year}; the deepest is "
        f"{names[0]}, {worst['change']:.0f}% ({worst['change_low80']:.0f} to {worst['change_high80']:.0f})"
        + (f", where it was {worst['happened']:.0f}%." if worst["happened"] is not None else ".")
    )
    return _figure("shock", f"A shock to {_name(host)}, {year}", alt, ids, (720, 110 + 24 * len(names)), draw)


def received(claims: pl.DataFrame, *, since: int = 1995, as_of: date | None = None) -> Figure:
    """Personal remittances received and their share of gross domestic product, by source and edition.

    Shares that were derived are dashed and lighter than published ones; money transfers are another quantity and
    are not drawn here.

    Parameters
    ----------
    claims
        Claims of ``remittances_received`` and ``remittances_share_gdp`` of one place.
    since
        First year.
    as_of
        A day to mark.
    """
    rows = _whole(claims, ["remittances_received", "remittances_share_gdp"]).filter(
        pl.col("counterpart").is_null() & pl.col("value").is_not_null() & (pl.col("start") >= date(since, 1, 1))
    )
    code = _one_place(rows, "remittances")
    panels = [
        (what, _series(rows.filter(pl.col("measure") == what), ["release", "definition", "source"]))
        for what in ("remittances_received", "remittances_share_gdp")
    ]
    panels = [(what, told) for what, told in panels if told]
    drawn = [x for _, told in panels for _, r in told for x in r]
    if not drawn:
        raise NoEvidence(f"There is nothing to draw: no remittances of {_name(code)}.")
    last = max(x["end"] for x in drawn).year + 0.3
    height = 190 * len(panels)
    biggest = max((x["value"] for x in drawn if x["measure"] == "remittances_received"), default=0)
    unit, word = (1e9, "billion USD") if biggest >= 1e9 else (1e6, "million USD")

    def draw(canvas: Any) -> None:
        for at, (what, told) in enumerate(panels):
            ax = _axes(canvas, 52, 190, 26 + 190 * (len(panels) - 1 - at), 26 + 190 * at)
            by = unit if what == "remittances_received" else 1.0
            ends = []
            for i, ((release, _, source), points) in enumerate(told):
                colour = VIVID[(3, 0, 1, 2, 4, 5)[i % 6]]
                derived = any(p["convention"] or p["derived_from"] for p in points)
                for xs, ys, _ in _broken(points, by, yearly=True):
                    ax.plot(
                        xs,
                        ys,
                        color=colour,
                        linewidth=1.2 if derived else 1.7,
                        zorder=3 - 0.1 * derived,
                        linestyle=(0, (2, 1.2)) if derived else DASHES[i % len(DASHES)],
                        marker=MARKS[i % len(MARKS)],
                        markersize=2.8,
                        markerfacecolor="white" if derived else colour,
                    )
                tip = points[-1]
                ends.append(
                    (
                        (year(tip["start"]) + year(tip["end"])) / 2,
                        tip["value"] / by,
                        label(release, source) + (", derived" if derived else ""),
                        colour,
                    )
                )
            ax.set_ylim(bottom=0)
            _calendar(ax, since, max(last, year(as_of) + 0.3 if as_of else last))
            _zero(ax)
            _readable(ax)
            _labels(ax, ends, 1.02)
            _as_of(ax, as_of, words=at == 0)
            heading = (
                f"Received, {word} a year"
                if what == "remittances_received"
                else "Received, percent of gross domestic product"
            )
            ax.text(0, 1.03, heading, transform=ax.transAxes, ha="left", va="bottom", fontsize=9, color=SOFT)

    title = f"Remittances received by {_name(code)}, by source"
    names = ", ".join(dict.fromkeys(label(k[0], k[2]) for _, told in panels for k, _ in told))
    alt = f"Lines of personal remittances received by {_name(code)} by source: {names}."
    return _figure("remittances", title, alt, (x["id"] for x in drawn), (720, height), draw)
