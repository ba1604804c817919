"""Figures of when a place tipped: posteriors in, a drawing out. Nothing here fetches or computes an estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from keruen.errors import NoEvidence
from keruen.figures import (
    GRID,
    INK,
    SOFT,
    VIVID,
    Figure,
    _as_of,
    _axes,
    _calendar,
    _figure,
    _readable,
    _zero,
)
from keruen.labels import label
from keruen.path_design import USED
from keruen.places import places
from keruen.reconcile import Posterior
from keruen.tipping import ALREADY, NEVER, UNCONFIRMED, Tipping

BAND = "#3787c0"
RECEIVING = "#009e73"


def _middle(start: date, end: date) -> float:
    def at(d: date) -> float:
        return d.year + (d.month - 1) / 12

    return (at(start) + at(end)) / 2


def _rates(posterior: Posterior) -> list[dict[str, Any]]:
    """The claims that count, as rates per 1,000 of the population that the posterior rests on."""
    people = dict(zip(posterior.years.tolist(), posterior.population.tolist(), strict=True))
    rows = []
    for row in posterior.claims.filter(pl.col("part").is_in(list(USED))).iter_rows(named=True):
        begin, end = row["start"], row["end"]
        months = (end.year - begin.year) * 12 + end.month - begin.month
        middle = _middle(begin, end)
        n = people.get(int(middle)) or people.get(int(middle) - 1)
        if n:
            rows.append({**row, "middle": middle, "span": months / 12, "rate": 1000 * row["value"] / n / (months / 12)})
    return rows


def _fan(ax: Any, posterior: Posterior, since: int) -> None:
    keep = posterior.years >= since
    x = posterior.years[keep] + 0.5
    low95, low80, median, high80, high95 = posterior.quantiles()[:, keep]
    ax.fill_between(x, low95, high95, color=BAND, alpha=0.16, linewidth=0)
    ax.fill_between(x, low80, high80, color=BAND, alpha=0.30, linewidth=0)
    ax.plot(x, median, color=INK, linewidth=1.8, zorder=4)


def _claims(ax: Any, rows: Sequence[Mapping[str, Any]], since: int) -> list[tuple[str, str, str]]:
    """Every claim: yearly ones as points, longer periods as bars; one colour a source, told in the key."""
    names = sorted({str(r["release"]) for r in rows}, key=lambda n: (n.startswith("un-"), n))
    colours = {}
    shades = ["#d9cfea", "#c3b1e1", "#ab93d6", "#9575cd", "#7e57c2", "#5e35b1", "#009e73", "#a3186b"]
    un = [n for n in names if n.startswith("un-wpp")]
    for k, n in enumerate(un):
        colours[n] = shades[min(len(shades) - len(un) + k, len(shades) - 1) if len(un) <= len(shades) else k % 8]
    for k, n in enumerate(x for x in names if x not in colours):
        colours[n] = ("#d55e00", "#8c6d00", "#595959", "#0072b2")[k % 4]
    for row in rows:
        colour = colours[str(row["release"])]
        if row["middle"] < since:
            continue
        if row["span"] > 1:
            half = row["span"] / 2
            ax.plot(
                [row["middle"] - half, row["middle"] + half], [row["rate"]] * 2, color=colour, linewidth=2.0, zorder=3
            )
        else:
            ax.plot(row["middle"], row["rate"], "o", color=colour, markersize=2.8, zorder=3.5)
    return [(label(n), colours[n], "") for n in names]


def _key(ax: Any, handles: Sequence[tuple[str, str, str]]) -> None:
    """Names of sources in their colours, to the right of the axes."""
    for k, (name, colour, _) in enumerate(handles):
        ax.annotate(
            "■", (1, 1), xycoords="axes fraction", xytext=(10, -6 - 13 * k), textcoords="offset points", color=colour,
            va="center", fontsize=9,
        )  # fmt: skip
        ax.annotate(
            name[:26], (1, 1), xycoords="axes fraction", xytext=(22, -6 - 13 * k), textcoords="offset points",
            color=SOFT, va="center", fontsize=8,
        )  # fmt: skip


def history(posterior: Posterior, tipped: Tipping, *, since: int = 1990) -> Figure:
    """Fan of the path with every rival claim on it, the probability of receiving, and the tipping year's posterior.

    Parameters
    ----------
    posterior
        Of :func:`keruen.reconcile`.
    tipped
        Of :func:`keruen.tipping`.
    since
        First year drawn.
    """
    name = places()[posterior.place].name
    rows = _rates(posterior)
    if posterior.prior_only:
        raise NoEvidence(f"Nobody reported net migration for {name}: there is no history to draw.")
    last = float(posterior.years[-1] + 1)
    title = f"{name}: net migration, what all claims together leave possible"
    alt = (
        f"Net migration of {name} per 1,000 a year with 80% and 95% bands and {len(rows)} claims; below it the"
        f" probability of receiving each year, and of each tipping year. Most likely: {tipped.mode}."
    )

    def draw(canvas: Any) -> None:
        height = canvas.get_size_inches()[1] * 72
        top = _axes(canvas, 44, 168, 236, 22)
        _fan(top, posterior, since)
        key = _claims(top, rows, since)
        _calendar(top, since, last)
        keep = posterior.years >= since
        drawn = [r["rate"] for r in rows if r["middle"] >= since]
        q = posterior.quantiles()[:, keep]
        lowest, highest = min([*drawn, float(q[1].min())]), max([*drawn, float(q[3].max())])
        top.set_ylim(lowest - 0.05 * (highest - lowest), highest + 0.08 * (highest - lowest))
        _readable(top)
        _zero(top)
        _as_of(top, posterior.as_of, words=False)
        top.set_title("Net migration per 1,000 a year; black: median, shaded: 80% and 95%", fontsize=9.5)
        _key(top, key)
        strip = _axes(canvas, 44, 168, 136, height - 196)
        known = np.isfinite(tipped.p_receiving) & (tipped.years >= since)
        x = tipped.years[known] + 0.5
        strip.bar(x, tipped.p_receiving[known], width=0.86, color=RECEIVING, alpha=0.85)
        strip.set_ylim(0, 1)
        strip.set_yticks([0, 0.5, 1])
        _calendar(strip, since, last)
        strip.set_title("Probability of receiving (three-year mean above zero)", fontsize=9.5)
        bars = _axes(canvas, 44, 168, 28, height - 92)
        years = list(tipped.p_by_year)
        bars.bar([y + 0.5 for y in years], list(tipped.p_by_year.values()), width=0.86, color="#d55e00")
        bars.set_ylim(0, max([0.3, *(1.15 * p for p in tipped.p_by_year.values())]))
        _calendar(bars, since, last)
        bars.set_title(f"First turn upward that lasts {tipped.persistence} years: probability by year", fontsize=9.5)
        words = [
            ("never", tipped.p_never), ("begun, unconfirmed", tipped.p_unconfirmed),
            ("receiving from the start", tipped.p_already_receiving), ("turned back since", tipped.p_turned_back),
        ]  # fmt: skip
        for k, (word, p) in enumerate(words):
            bars.annotate(
                f"{p:.2f}  {word}", (1, 1), xycoords="axes fraction", xytext=(10, -6 - 13 * k),
                textcoords="offset points", fontsize=8.5, color=SOFT if k == 3 else INK, va="center",
            )  # fmt: skip

    ids = tuple(r["id"] for r in rows)
    return _figure(f"history-{posterior.place.lower()}", title, alt, ids, (660, 560), draw)


def _leading(tipped: Tipping) -> str:
    """Turned with its most likely year, where all years together have most mass; else the word that has."""
    turned = sum(tipped.p_by_year.values())
    rest = {NEVER: tipped.p_never, UNCONFIRMED: tipped.p_unconfirmed, ALREADY: tipped.p_already_receiving}
    word = max(rest, key=lambda k: rest[k])
    if turned < rest[word]:
        return f"{word} ({rest[word]:.2f})"
    return f"turned, {max(tipped.p_by_year, key=lambda y: tipped.p_by_year[y])} ({turned:.2f})"


def frames(answers: Mapping[str, tuple[Posterior, Tipping]], *, since: int = 1990) -> Figure:
    """What one would have said on past days: small panels, one a day, in the order given.

    Parameters
    ----------
    answers
        Day → posterior and tipping of that day.
    """
    if not answers:
        raise NoEvidence("No day was given, so there is nothing to draw.")
    posteriors = [p for p, _ in answers.values()]
    name = places()[posteriors[0].place].name
    last = max(int(p.years[-1]) for p in posteriors) + 1
    title = f"{name}: what could be said on a past day"
    alt = "Panels by day, each with the median and 80% band of net migration: " + "; ".join(
        f"{at}: most likely {_leading(t)}" for at, (_, t) in answers.items()
    )
    # One scale for all panels, of the years after the first ten: the exodus of a collapse would flatten all others.
    middle = [p.quantiles((0.1, 0.9))[:, p.years >= min(since + 10, int(p.years[-1]) - 5)] for p in posteriors]
    lowest, highest = min([0.0, *(float(q.min()) for q in middle)]), max([0.0, *(float(q.max()) for q in middle)])
    columns = min(3, len(answers))
    lines = -(-len(answers) // columns)

    def draw(canvas: Any) -> None:
        width, height = canvas.get_size_inches() * 72
        each, tall = (width - 36) / columns, (height - 8) / lines
        for k, (at, (posterior, tipped)) in enumerate(answers.items()):
            row, column = divmod(k, columns)
            left = 36 + column * each
            ax = _axes(canvas, left, width - left - each + 16, height - (row + 1) * tall + 22, row * tall + 34)
            _fan(ax, posterior, since)
            ax.set_ylim(lowest - 0.05 * (highest - lowest), highest + 0.05 * (highest - lowest))
            _calendar(ax, since, last)
            ax.set_xticks(range(since, last - 3, 10))  # a label at the edge would run into the next panel's
            _readable(ax)
            _zero(ax)
            if column:
                ax.set_yticklabels([])
            ax.set_title(f"{at}\nmost likely: {_leading(tipped)}", fontsize=8.5)

    ids = tuple(dict.fromkeys(i for p in posteriors for i in (r["id"] for r in _rates(p))))
    return _figure(f"frames-{posteriors[0].place.lower()}", title, alt, ids, (660, 8 + 168 * lines), draw)


def apart(table: pl.DataFrame, place: str, system: Mapping[str, Posterior]) -> Figure:
    """Does a place stand apart from its region: rows of :func:`keruen.outlier`.

    Parameters
    ----------
    table
        Of :func:`keruen.outlier`.
    place
        The place.
    system
        The posteriors it was made of.
    """
    name = places()[place].name
    others = ", ".join(places()[c].name for c in system if c != place)
    title = f"{name}: does it stand apart from its region?"
    peak = table.sort("p_alone_receiving", descending=True).row(0, named=True)
    alt = f"Probability by year that {name} receives while {others} all send: at most {peak['p_alone_receiving']:.2f}."

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 44, 190, 28, 24)
        x = table["year"].to_numpy() + 0.5
        lines = (("p_receiving", "it receives", VIVID[5]), ("p_differs", "its state is not the majority's", VIVID[3]),
                 ("p_alone_receiving", "it receives, all others send", VIVID[0]))  # fmt: skip
        for k, (column, words, colour) in enumerate(lines):
            ax.plot(x, table[column].to_numpy(), color=colour, linewidth=2.2 if k == 2 else 1.5)
            ax.annotate(
                words, (1, 1), xycoords="axes fraction", xytext=(10, -8 - 14 * k), textcoords="offset points",
                color=colour, fontsize=8.5, va="center",
            )  # fmt: skip
        ax.set_ylim(0, 1)
        _calendar(ax, float(x[0] - 0.5), float(x[-1] + 0.5))
        ax.set_title(f"Probability each year; the others: {others}"[:110], fontsize=9)

    ids = tuple(dict.fromkeys(r["id"] for p in system.values() for r in _rates(p)))
    return _figure(f"apart-{place.lower()}", title, alt, ids, (660, 230), draw)


def hangs_on(table: pl.DataFrame, place: str) -> Figure:
    """What the tipping year hangs on: rows of :func:`keruen.sensitivity`, as stacked masses."""
    name = places()[place].name
    title = f"{name}: what the answer hangs on"
    rows = list(table.filter(pl.col("persistence") == 5).iter_rows(named=True))
    if not rows:
        raise NoEvidence(f"No treatment of the evidence for {name} was given.")
    parts = (("p_turned", "turned up", "#d55e00"), ("p_unconfirmed", UNCONFIRMED, "#f0b27a"),
             ("p_already_receiving", ALREADY, RECEIVING), ("p_never", NEVER, GRID))  # fmt: skip
    alt = "; ".join(
        f"{r['treatment']}{' as of ' + r['as_of'] if r['as_of'] else ''}: turned {r['p_turned']:.2f}, "
        f"never {r['p_never']:.2f}"
        for r in rows
    )

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 268, 78, 26, 40)
        ax.grid(visible=False)
        for k, row in enumerate(rows):
            left = 0.0
            for column, _, colour in parts:
                ax.barh(k, row[column], left=left, color=colour, height=0.72)
                left += row[column]
            ax.annotate(
                str(row["mode"]), (1, k), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8, color=INK
            )
        ax.set_yticks(range(len(rows)))
        ax.set_yticklabels(
            [r["treatment"] + (f", as of {r['as_of']}" if r["as_of"] else "") for r in rows], fontsize=8, color=INK
        )
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_xlim(0, 1)
        at = 0.0
        for _, words, colour in parts:
            ax.annotate(
                "■ ", (at, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points", color=colour
            )
            ax.annotate(
                words, (at, 1), xycoords="axes fraction", xytext=(11, 8), textcoords="offset points", fontsize=8,
                color=SOFT,
            )  # fmt: skip
            at += 0.27
        ax.set_title("Masses of the first lasting turn upward; right: the most likely year or word", fontsize=9, pad=24)

    return _figure(f"hangs-{place.lower()}", title, alt, (), (660, 80 + 22 * len(rows)), draw)
