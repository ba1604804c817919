"""Figures of the uncounted: labour migrants with every anchor, streams as small multiples, facts as reported.

Each takes claims or what a room computed, and computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from keruen.copies import wholes
from keruen.errors import NoEvidence
from keruen.figures import (
    INK,
    MARKS,
    SOFT,
    VIVID,
    Figure,
    _as_of,
    _axes,
    _calendar,
    _figure,
    _key,
    _labels,
    _name,
    _note,
    _one_place,
    _readable,
    _scale,
    _whole,
    _zero,
)
from keruen.labels import year
from keruen.labour import Labour, by_year
from keruen.places import place as one_place

REGISTERED, UNREGISTERED, TRIAL = VIVID[3], VIVID[0], VIVID[2]
OF = {
    "total": ("all or most of them", INK, "o"),
    "registered": ("registered", REGISTERED, "s"),
    "unregistered": ("unregistered", UNREGISTERED, "^"),
}


BOUND = {"estimate": "D", "lower": 6, "upper": 7}  # carets of matplotlib, up and down
PEOPLE = (
    "labour_migrants",
    "work_permit_holders",
    "foreign_citizens",
    "labour_migrants_abroad",
    "regularised",
    "labour_arrivals",
    "labour_departures",
)
PERMITS = (
    "work_permits_issued",
    "household_permits_issued",
    "patents_issued",
    "labour_documents_issued",
    "temporary_residence_permits",
    "labour_quota",
    "household_permit_quota",
)
RETURN = ("ethnic_return", "ethnic_return_cumulative", "ethnic_return_quota")
CARET_UP = 10  # matplotlib's number for it
STREAM_MARKS = {"all": "o", "labour": "o", "labour_registered": "s", "labour_unregistered": "^", "ethnic_return": "D"}


def fan(found: Labour, *, events: pl.DataFrame | None = None) -> Figure:
    """Registered and unregistered labour migrants by year, with every anchor and its interval.

    The registered are the lower area, the unregistered stand on them; the band is the 80% interval of their sum.
    What each estimator makes of the evidence alone stands beside them, dotted; an arrow: its interval leaves the axis.
    Permits are events, on an axis of their own below. Rules of status, and events if given, are flags.

    Parameters
    ----------
    found
        From :func:`keruen.labour`.
    events
        Rows of :func:`keruen.events` to flag besides the rules of the model.
    """
    told = by_year(found)
    years = [y + 0.5 for y in told["years"]]
    stocks = [a for a in found.anchors if a["of"] in OF]
    permits = [a for a in found.anchors if a["of"] == "permits"]
    alone = [e for e in found.estimators if e["of"] in OF and not e["name"].startswith("published")]
    tops = [*told["total"]["high80"], *(min(a["high80"], 2.5e6) for a in stocks)]
    unit, word = _scale(tops)
    name = one_place(found.place).name
    height = 500 if permits else 380
    flags = [(r.start, r.name.rsplit("_", 1)[0].replace("_", " ")) for r in found.design.regimes]
    if events is not None:
        flags += [(r["start"], r["kind"]) for r in events.to_dicts()]

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 62, 122, 150 if permits else 30, 70)
        lower = [v / unit for v in told["registered"]["median"]]
        total = [v / unit for v in told["total"]["median"]]
        ax.fill_between(years, 0, lower, color=REGISTERED, alpha=0.35, linewidth=0)
        ax.fill_between(years, lower, total, color=UNREGISTERED, alpha=0.25, linewidth=0)
        low, high = ([v / unit for v in told["total"][e]] for e in ("low80", "high80"))
        ax.fill_between(years, low, high, color=INK, alpha=0.10, linewidth=0)
        for edge in (low, high):
            ax.plot(years, edge, color=SOFT, linewidth=0.8, linestyle=(0, (3, 2)))
        ax.plot(years, total, color=INK, linewidth=1.8, zorder=3)
        ax.plot(years, lower, color=REGISTERED, linewidth=1.5, zorder=3)
        for a in stocks:
            _, colour, mark = OF[a["of"]]
            if a["tested"]:
                colour, mark = TRIAL, "*"
            x = (year(a["start"]) + year(a["end"])) / 2
            ax.plot([x, x], [a["low80"] / unit, a["high80"] / unit], color=colour, linewidth=1.1, zorder=3.5)
            ax.plot([x], [a["value"] / unit], marker=mark, color=colour, markersize=9 if a["tested"] else 5,
                    markerfacecolor="white" if a["tested"] else colour, zorder=4, linestyle="none")  # fmt: skip
        top = max(max(tops), 1) / unit * 1.05
        beside: dict[int, int] = {}
        for e in alone:
            if not told["years"][0] <= e["year"] <= told["years"][-1]:
                continue
            beside[e["year"]] = beside.get(e["year"], 0) + 1
            x, colour = e["year"] + 0.5 - 0.22 * beside[e["year"]], OF[e["of"]][1]
            low_e, high_e = e["low"] / unit, min(e["high"] / unit, top)
            ax.plot([x, x], [low_e, high_e], color=colour, linewidth=0.9, linestyle=(0, (1, 1)), zorder=3.2)
            if e["value"] / unit < top:
                ax.plot([x], [e["value"] / unit], marker=BOUND[e["bound"]], color=colour, markersize=5.5, zorder=3.6,
                        markerfacecolor="white", markeredgewidth=0.9, linestyle="none")  # fmt: skip
            if e["high"] / unit > top:
                ax.annotate("", (x, top), xytext=(x, top * 0.96), arrowprops={"arrowstyle": "->", "color": colour})
        ax.set_ylim(0, top)
        _calendar(ax, told["years"][0], told["years"][-1] + 1)
        _readable(ax)
        _labels(
            ax,
            [(years[-1], total[-1], "total", INK), (years[-1], lower[-1], "registered", REGISTERED),
             (years[-1], (lower[-1] + total[-1]) / 2, "unregistered", UNREGISTERED)],
            1.02,
        )  # fmt: skip
        _flags(ax, flags)
        used = [OF[k] for k in OF if any(a["of"] == k and not a["tested"] for a in stocks)]
        handles = [(f"figure: {text}", colour, mark) for text, colour, mark in used]
        if any(a["tested"] for a in stocks):
            handles.append(("on trial, not used", TRIAL, "*"))
        if alone:
            words = (
                "Dotted, hollow: one estimator alone, not used for the bands (caret up: at least; caret down: at most)"
            )
            _note(ax, words, 8)
        _key(ax, handles, 50)
        _note(
            ax, f"{word.capitalize()} present, year averages: medians, and the 80% interval of the total (dashed)", 24
        )
        if permits:
            low_ax = _axes(canvas, 62, 122, 30, height - 118)
            by, events_word = _scale([a["value"] for a in permits])
            for a in permits:
                x = (year(a["start"]) + year(a["end"])) / 2
                low_ax.bar([x], [a["value"] / by], width=0.55, color=VIVID[4], alpha=0.8)
            _calendar(low_ax, told["years"][0], told["years"][-1] + 1)
            low_ax.set_ylim(bottom=0)
            _readable(low_ax)
            _note(
                low_ax,
                f"Permits issued, {events_word.split()[0]} a year, part-years at that rate: events, not persons",
                8,
            )

    tested = [a for a in stocks if a["tested"]]
    alt = (
        f"Registered and unregistered labour migrants in {name}, {told['years'][0]} to {told['years'][-1]}, stacked, "
        f"with an 80% band of the total and {len(stocks)} figures with their intervals"
        + (f", and {len(alone)} estimators on their own, dotted, as bounds" if alone else "")
        + (f"; the statement of {tested[0]['value']:,.0f} stands apart." if tested else ".")
    )
    ids = [i for a in (*found.anchors, *alone) for i in a["ids"]]
    return _figure("labour-fan", f"Labour migrants in {name}, counted and not", alt, ids, (720, height), draw)


def _flags(ax: Any, flags: Sequence[tuple[date, str]]) -> None:
    """Dated rules as flags that hang from the top, one below the other where they are near."""
    last, step = -99.0, 0
    for at, text in sorted(flags):
        x = year(at)
        step = step + 1 if x - last < 5 else 0
        last = x
        ax.axvline(x, color=SOFT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1.8)
        ax.annotate(text, (x, 1), xycoords=("data", "axes fraction"), xytext=(3, -8 - 12 * step),
                    textcoords="offset points", fontsize=8.5, color=SOFT, va="center", zorder=5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85})  # fmt: skip


PANELS = (
    ("registered migration", "emigration", "Departures, national register"),
    ("registered migration", "immigration", "Arrivals, national register"),
    ("registered migration", "net_migration", "Balance, national register"),
    ("net migration as the UN reckons it", "net_migration", "Net migration, UN"),
    ("ethnic_return", "ethnic_return", "Ethnic return, status granted"),
    ("ethnic_return", "ethnic_return_cumulative", "Ethnic return, cumulated"),
    ("labour_registered", "work_permit_holders", "Holders of employers' permits"),
    ("labour_registered", "household_permits_issued", "Household permits (events)"),
    ("labour", "labour_migrants", "Labour migrants, estimates"),
    ("skilled", "researchers who left", "Researchers who left"),
    ("skilled", "researchers who came", "Researchers who came"),
    ("skilled", "qualified share of emigration", "Qualified among leavers, percent"),
)
"""Stream, series and heading of the small multiples, in reading order; those that nobody told are left out."""


def small_multiples(table: pl.DataFrame, *, since: int = 1991, until: int = 2025) -> Figure:
    """The streams of a place side by side, each on its own axis: they are not to be added.

    Parameters
    ----------
    table
        From :func:`keruen.streams.streams`.
    """
    # Of labour migrants some totals speak of a group of origins; of all else only the whole is drawn.
    alone = pl.col("counterpart").is_null() | (
        pl.col("counterpart").str.starts_with("_") & (pl.col("stream") == "labour")
    )
    whole = table.filter(
        alone & (pl.col("group") == "all") & pl.col("value").is_not_null()
        & (pl.col("start") >= date(since, 1, 1)) & (pl.col("end") <= date(until + 1, 1, 1))
    )  # fmt: skip
    whole = wholes(whole, ["stream", "series", "group", "start", "end", "definition"])
    panels = []
    for stream, series, heading in PANELS:
        rows = whole.filter((pl.col("stream") == stream) & (pl.col("series") == series))
        if series == "net_migration" and stream.startswith("net"):
            rows = rows.filter(pl.col("release") == rows["release"].max()) if len(rows) else rows
        # Part-years of a running count are no yearly figures.
        full = (pl.col("end") == pl.col("start")) | (pl.col("end") >= pl.col("start").dt.offset_by("360d"))
        cumulated = series.endswith("cumulative") or stream == "labour"
        rows = rows if cumulated else rows.filter(full & (pl.col("end") <= pl.col("start").dt.offset_by("370d")))
        if len(rows):
            panels.append((heading, series, rows.sort("end", "known")))
    if not panels:
        raise NoEvidence("There is nothing to draw: no yearly figure of any stream.")
    down = -(-len(panels) // 3)
    height = 132.0 * down + 6

    def draw(canvas: Any) -> None:
        for at, (heading, series, rows) in enumerate(panels):
            across, row = at % 3, at // 3
            left, bottom = 44 + 236 * across, 132 * (down - 1 - row) + 26
            ax = _axes(canvas, left, 720 - left - 186, bottom, height - bottom - 82)
            told = rows.to_dicts()
            xs = [
                year(r["end"]) if series.endswith("cumulative") else (year(r["start"]) + year(r["end"])) / 2
                for r in told
            ]
            unit, word = _scale([r["value"] for r in told])
            if rows["unit"][0] in ("percent", "ratio"):
                unit, word = 1.0, rows["unit"][0]
            ys = [r["value"] / unit for r in told]
            dense = len(set(xs)) > 8
            colour = VIVID[(3, 0, 1)[across]]
            # One line is one register; what others say of the same years stands beside it.
            by = [r["release"] if not str(r["release"]).startswith("page-") else r["definition"] for r in told]
            main = max(set(by), key=lambda b: (by.count(b), str(b)))
            line = [(x, y) for x, y, b in zip(xs, ys, by, strict=True) if b == main]
            rest = [(x, y) for x, y, b in zip(xs, ys, by, strict=True) if b != main]
            ax.plot(*zip(*line, strict=True), color=colour, linewidth=1.3 if dense else 0, marker=MARKS[0],
                    markersize=2.2 if dense else 4)  # fmt: skip
            if rest:
                ax.plot(*zip(*rest, strict=True), color=colour, linewidth=0, marker=MARKS[0], markersize=3.5,
                        markerfacecolor="none", markeredgewidth=0.7)  # fmt: skip
            if min(ys) >= 0:
                ax.set_ylim(0, max(ys) * 1.12 or 1)
            else:
                ax.axhline(0, color=INK, linewidth=0.8)
            ax.set_xlim(since, until + 1)
            ax.set_xticks([t for t in (1995, 2005, 2015, 2025) if since <= t <= until + 1])
            ax.tick_params(labelsize=8)
            _readable(ax)
            ax.yaxis.get_major_locator().set_params(nbins=4)
            kind = "" if word == "persons" else f", {word.split()[0]}" if "percent" not in heading else ""
            ax.text(0, 1.06, heading + kind, transform=ax.transAxes, fontsize=8.5, color=INK)

    alt = "Small multiples, each on its own axis: " + "; ".join(h for h, _, _ in panels) + "."
    ids = [i for _, _, rows in panels for i in rows["id"].to_list() if i]
    return _figure("streams", "The streams, each by its own count", alt, ids, (720, height), draw)


def _fact(ax: Any, x: dict[str, Any], unit: float, colour: str) -> None:
    """One fact: a point, a whisker from low to high, a bar over a span of years, an arrow up for "more than"."""
    first, last = year(x["start"]), year(x["end"])
    # What is cumulated is true of the end of its span; other long spans are drawn as long as they are.
    when = last if x["measure"].endswith("_cumulative") else (first + last) / 2
    low, high = x["low"], x["high"]
    if low is not None and high is not None:
        ax.plot([when, when], [low / unit, high / unit], color=colour, linewidth=1.4, zorder=2.5)
    more = x["value"] is None and low is not None and high is None
    value = low if more else x["value"]
    if value is None:
        return
    if last - first > 1.5 and when < last:
        ax.plot([first, last], [value / unit, value / unit], color=colour, linewidth=1.0, zorder=2.4)
    mark: Any = CARET_UP if more else STREAM_MARKS.get(x["stream"], "o")
    hollow = x["status"] in ("estimate", "press") and not more
    ax.plot(
        [when],
        [value / unit],
        marker=mark,
        markersize=7 if more else 5,
        color=colour,
        linestyle="none",
        zorder=3,
        clip_on=False,  # small figures stand on the axis, whole
        markerfacecolor="white" if hollow else colour,
    )


def reported(claims: pl.DataFrame, *, since: int = 1991, as_of: date | None = None) -> Figure:
    """Facts about labour migrants, permits and ethnic return over time, each kind on its own axis.

    Persons, permits (events) and returnees never share an axis. Whiskers run from low to high; an arrow up says
    "more than". Streams differ by marker, measures by colour.

    Parameters
    ----------
    claims
        Claims of one place; totals over all other ends are drawn.
    since
        First year.
    as_of
        A day to mark.
    """
    rows = _whole(claims, [*PEOPLE, *PERMITS, *RETURN]).filter(
        (pl.col("counterpart").is_null() | pl.col("counterpart").str.starts_with("_"))
        & (pl.col("start") >= date(since, 1, 1))
    )
    rows = wholes(rows)
    code = _one_place(rows, "labour migrants, permits or ethnic return")
    found = list(rows.sort("start", "end", "id").iter_rows(named=True))
    kinds = (
        ("Labour migrants, persons", PEOPLE),
        ("Permits and quotas, events", PERMITS),
        ("Ethnic return, persons", RETURN),
    )
    panels = [(words, [x for x in found if x["measure"] in which]) for words, which in kinds]
    panels = [(words, told) for words, told in panels if told]
    last = max(x["end"] for x in found).year + 1.5
    each = 165
    height = each * len(panels)

    def draw(canvas: Any) -> None:
        for at, (words, told) in enumerate(panels):
            ax = _axes(canvas, 52, 196, 26 + each * (len(panels) - 1 - at), 26 + each * at)
            top = max(v for x in told for v in (x["value"], x["low"], x["high"]) if v is not None)
            unit = 1e6 if top >= 2e6 else 1e3 if top >= 2e3 else 1.0
            told_unit = {1e6: "million", 1e3: "thousand", 1.0: ""}[unit]
            names: dict[tuple[str, str], str] = {}
            for x in told:
                key = (x["measure"], x["stream"])
                _fact(ax, x, unit, names.setdefault(key, VIVID[len(names) % len(VIVID)]))
            low_end = min((x["value"] for x in told if x["value"] is not None), default=0)
            if low_end >= 0:
                ax.set_ylim(bottom=0)
            _calendar(ax, since - 0.5, max(last, year(as_of) + 0.5 if as_of else last))
            _zero(ax)
            _readable(ax)
            _as_of(ax, as_of, words=at == 0)
            heading = words if unit == 1 else words.replace(", ", f", {told_unit} ")
            ax.text(0, 1.03, heading, transform=ax.transAxes, ha="left", va="bottom", fontsize=9, color=SOFT)
            step = 13 / (each - 52)
            for i, ((what, stream), colour) in enumerate(names.items()):
                y = 0.96 - i * step
                mark = STREAM_MARKS.get(stream, "o")
                ax.plot([1.025], [y], marker=mark, color=colour, markersize=5, transform=ax.transAxes, clip_on=False)
                plain = stream in ("all", "labour", "ethnic_return")
                text = what.replace("_", " ") + ("" if plain else f" ({stream.removeprefix('labour_')})")
                ax.text(1.045, y, text, transform=ax.transAxes, va="center", fontsize=8, color=colour)

    title = f"Labour migrants, permits and ethnic return: {_name(code)}"
    alt = f"Points by year for {_name(code)}: " + "; ".join(
        f"{words.lower()}: {len(told)} figure{'s' if len(told) != 1 else ''}" for words, told in panels
    )
    return _figure("labour", title, alt + ".", (x["id"] for x in found), (720, height), draw)
