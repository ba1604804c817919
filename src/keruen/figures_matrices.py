"""The figure of matrices that contradict each other: the part of each sender by every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from keruen.errors import ConceptError, NoEvidence, VocabularyError
from keruen.figures import GRID, INK, SOFT, VIVID, Figure, _axes, _figure, _folded, _key, _name, _wide
from keruen.figures_margins import WIDTH, foot_height, foot_lines, releases_of, round_ticks, sources_line, write_foot
from keruen.labels import count, label, percent
from keruen.provenance import releases
from keruen.remittances import SENDERS

WAYS = {
    ("published", None): ("as published", INK, "D"),
    ("ratha_shaw", "ppp"): ("Ratha and Shaw, purchasing power", VIVID[3], "o"),
    ("ratha_shaw", "current"): ("Ratha and Shaw, current USD", VIVID[1], "s"),
    ("stocks", None): ("people alone", VIVID[2], "^"),
    ("incomes", "current"): ("people and incomes", VIVID[0], "v"),
}
"""Matrices by way and prices: how they are named, coloured and marked."""


def matrices(rows: pl.DataFrame, *, top: int = 8) -> Figure:
    """The part of each sender by every matrix: a row a sender, a mark a matrix, a line from the least to the most.

    Filled marks rest on the newest edition of the stock, hollow ones on older editions. A corridor that a matrix leaves
    empty has no mark, and the row says how many matrices fill it.

    Parameters
    ----------
    rows
        Of :func:`keruen.remittances.rival_senders`.
    top
        So many senders, the largest by any matrix first.
    """
    lacking = [c for c in SENDERS if c not in rows.columns]
    if lacking:
        raise ConceptError(
            f"This figure needs rows with a column {lacking[0]!r}; take them from keruen.remittances.rival_senders()."
        )
    if top < 1:
        raise VocabularyError(f"top={top} senders are none; take 1 or more.")
    told = rows.drop_nulls("share")
    if told.is_empty():
        raise NoEvidence("There is nothing to draw: no matrix tells a sender. Take another place or another year=.")
    for column in ("place", "year"):
        if told[column].n_unique() > 1:
            some = ", ".join(str(x) for x in told[column].unique().sort().head(5))
            raise ConceptError(f"This figure shows one {column}, but the rows speak of {some}; take one.")
    off = told.filter(~pl.col("share").is_between(0, 100 + 1e-9) | ~pl.col("share").is_finite())
    if len(off):
        r = off.row(0, named=True)
        raise VocabularyError(f"The part of {r['sender']} is {r['share']:g}; parts lie between 0 and 100 percent.")
    unknown = sorted({(m, p) for m, p in told.select("matrix", "prices").iter_rows()} - set(WAYS), key=str)
    if unknown:
        raise VocabularyError(
            f"{unknown[0][0]!r} with prices {unknown[0][1]!r} is no way to weigh migrants known here."
        )
    first = told.row(0, named=True)
    code, at = first["place"], first["year"]
    order = (
        told.group_by("sender")
        .agg(low=pl.col("share").min(), high=pl.col("share").max(), of=pl.len())
        .sort("high", "sender", descending=[True, False])
    )
    shown, beyond = order.head(top).to_dicts(), order.slice(top)
    kinds = [k for k in WAYS if k in set(told.select("matrix", "prices").iter_rows())]
    editions = told.filter(pl.col("matrix") != "published")["edition"].unique().to_list()
    stocks = sorted(editions, key=lambda e: (_released(e), e))
    whole = told.select("matrix", "prices", "edition").n_unique()
    older = f", hollow: on older ones ({', '.join(label(e) for e in stocks[:-1])})" if len(stocks) > 1 else ""
    shows = [
        f"Percent of all that {_name(code)} received from abroad in {at}, by "
        + ("one matrix." if whole == 1 else f"{whole} matrices, each of which sums to 100."),
        f"Filled: on the newest edition of the stock ({label(stocks[-1])}){older}." if stocks else "",
        "A corridor that a matrix leaves empty has no mark.",
        f"Not drawn: {count(len(beyond), 'more sender')}, at most {percent(beyond['high'][0])}%."
        if len(beyond)
        else "",
    ]
    doubt = "Every one of them is a model that spreads one inflow over the people abroad; none counted the money."
    named = releases_of(_split(told["ids"]))
    foot = foot_lines([" ".join(filter(None, shows)), doubt, sources_line([*sorted(editions, key=str), *named])])
    rows_of_key = (len(kinds) + 1) // 2
    step = 15 + 5.5 * len(kinds)
    high = foot_height(foot) + 30 + step * len(shown) + 22 + 15 * rows_of_key
    left = 18 + max(_wide(line, 9.5) for r in shown for line in _folded(_name(r["sender"]), 130, 9.5))

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, left, 92, foot_height(foot) + 30, 22 + 15 * rows_of_key)
        write_foot(canvas, foot)
        ax.grid(axis="y", visible=False)
        ax.grid(axis="x", color=GRID, linewidth=0.6)
        for i, r in enumerate(shown):
            ax.plot([r["low"], r["high"]], [i, i], color=GRID, linewidth=5, solid_capstyle="round", zorder=1)
            if i:
                ax.axhline(i - 0.5, color=GRID, linewidth=0.5, zorder=0)
            for share, y, colour, mark, old in _marks(told.filter(pl.col("sender") == r["sender"]), kinds, stocks):
                ax.plot(share, i + y / step, mark, color=colour, markersize=4.2 if old else 5.2, markeredgewidth=0.9,
                        markerfacecolor="white" if old else colour, zorder=3 if old else 4, clip_on=False)  # fmt: skip
            low, high_ = percent(r["low"]), percent(r["high"])
            span = f"{low}%" if low == high_ else f"{low}–{high_}%"
            some = r["of"] < whole
            beside = {"transform": ax.get_yaxis_transform(), "va": "center"}
            ax.text(1.025, i - (5.5 / step if some else 0), span, fontsize=8.5, color=INK, **beside)
            if some:
                ax.text(1.025, i + 6 / step, f"in {r['of']} of {whole}", fontsize=7.5, color=SOFT, **beside)
        names = ["\n".join(_folded(_name(r["sender"]), 130, 9.5)) for r in shown]
        ax.set_yticks(range(len(shown)), names)
        ax.set_ylim(len(shown) - 0.5, -0.5)
        ax.set_xlim(0, min(1.04 * max(r["high"] for r in shown) or 1.0, 100.0))
        ax.tick_params(axis="y", length=0, labelcolor=INK, pad=8)
        round_ticks(ax, "%")
        for n, kind in enumerate(kinds):
            name, colour, mark = WAYS[kind]
            _key(ax, [(name, colour, mark)], 14 + 15 * (rows_of_key - 1 - n // 2), 250 * (n % 2))

    apart = max(shown, key=lambda r: (r["high"] - r["low"], r["sender"]))
    ends = told.filter(pl.col("sender") == apart["sender"]).sort("share")
    fewest, most = ends.row(0, named=True), ends.row(-1, named=True)
    alt = (
        f"The part of each sender in what {_name(code)} received in {at}, by {count(whole, 'matrix', 'matrices')}. "
        f"Furthest apart on {_name(apart['sender'])}: {percent(fewest['share'])}% ({_matrix(fewest)}) to "
        f"{percent(most['share'])}% ({_matrix(most)})."
    )
    title = f"From whom {_name(code)} receives money, {at}, by every matrix"
    return _figure("matrices", title, alt, _split(told["ids"]), (WIDTH, high), draw)


def _marks(
    rows: pl.DataFrame, kinds: Sequence[tuple[str, str | None]], stocks: Sequence[str]
) -> list[tuple[float, float, str, str, bool]]:
    """The marks of a sender: where along the axis, how many points down, colour, mark, and if its edition is old."""
    made = []
    for matrix, prices, edition, share in rows.select("matrix", "prices", "edition", "share").iter_rows():
        _, colour, mark = WAYS[matrix, prices]
        down = 5.5 * (kinds.index((matrix, prices)) - (len(kinds) - 1) / 2)
        made.append((share, down, colour, mark, edition in stocks[:-1]))
    return made


def _split(ids: pl.Series) -> list[str]:
    return [i for line in ids for i in line.split()]


def _released(release: str) -> date:
    card = releases().get(release)
    return card.released if card else date.max


def _matrix(row: Mapping[str, Any]) -> str:
    return f"{WAYS[row['matrix'], row['prices']][0]}, {label(row['edition'])}"
