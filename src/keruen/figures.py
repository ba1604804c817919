"""The figures: each takes claims, computes no estimate, and returns a drawing with the claims it shows.

Nothing here fetches evidence. A figure that nobody reported is not drawn, and never drawn as zero.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any

import polars as pl

from keruen.errors import ConceptError, NoEvidence, OutputError
from keruen.places import places
from keruen.provenance import releases

STACK = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', Arial, sans-serif"
"""Fonts of readers' machines, all with Cyrillic and Kazakh letters. The drawing is measured in DejaVu Sans, which is
wider than the others, so no label outgrows its place."""

INK, SOFT, GRID = "#1a1a1a", "#595959", "#d9d9d9"
EDITIONS = ("#8a8a8a", "#5ba3cf", "#3787c0", "#1764ab", "#0a3f7c", "#041d45")
VIVID = ("#d55e00", "#009e73", "#a3186b", "#0072b2", "#8c6d00", "#595959")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h", "*")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": INK,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "path.simplify": True,
    "text.parse_math": False,  # a dollar sign in a user's title is a dollar sign
}
ACRONYMS = {"oecd", "unhcr", "unsd", "cepii", "ilostat", "knomad", "ucdp", "unpd"}
WORDS = {"net", "of", "and", "by", "in", "to", "new", "the"}
_drawing = Lock()  # matplotlib's settings are one for the whole process


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its words and the claims it shows.

    Attributes
    ----------
    svg
        The drawing, ready to stand in a page or a file.
    alt
        What it shows, in words.
    title
        Its heading.
    ids
        The claims drawn.
    width, height
        Size in points.
    """

    svg: str = field(repr=False)
    alt: str
    title: str
    ids: tuple[str, ...] = field(repr=False)
    width: float
    height: float
    _draw: Callable[[Any], None] = field(repr=False, compare=False)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<figure aria-label="{escape(self.title)}">{self.svg}</figure>'

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the figure as SVG, PNG or PDF, by the ending of the name.

        Parameters
        ----------
        path
            Where to.
        force
            Replace a file that is there.

        Raises
        ------
        OutputError
            If the file is there already, its folder is not, or it cannot be written.
        """
        from keruen import export

        target = Path(path)
        kind = target.suffix.lower().lstrip(".")
        if kind not in ("svg", "png", "pdf"):
            raise OutputError(f"{target}: a figure is saved as .svg, .png or .pdf, by the ending of its name.")
        export.refuse(target, force=force)
        svg = self.svg.encode()
        content = svg if kind == "svg" else _rendered(self._draw, (self.width, self.height), kind, self.title)
        export._put(target, content)
        return target


# ---------------------------------------------------------------- drawing


@cache
def _settings() -> dict[str, Any]:
    """All settings of matplotlib but its own defaults: a user's style file changes no figure."""
    import matplotlib

    return {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")} | RC


def _style(name: str) -> AbstractContextManager[None]:
    import matplotlib

    settings: Any = _settings() | {"svg.hashsalt": name}
    return matplotlib.rc_context(settings)


def _rendered(draw: Callable[[Any], None], size: tuple[float, float], kind: str, name: str) -> bytes:
    from matplotlib.figure import Figure as Canvas

    with _drawing, _style(name):
        canvas = Canvas(figsize=(size[0] / 72, size[1] / 72), layout=None)
        draw(canvas)
        out = io.BytesIO()
        if kind == "png":
            from matplotlib.backends.backend_agg import FigureCanvasAgg

            FigureCanvasAgg(canvas).print_figure(out, format="png", dpi=160, metadata={"Software": None})
        elif kind == "pdf":
            from matplotlib.backends.backend_pdf import FigureCanvasPdf

            FigureCanvasPdf(canvas).print_figure(out, format="pdf", metadata={"CreationDate": None, "Title": name})
        else:
            from matplotlib.backends.backend_svg import FigureCanvasSVG

            FigureCanvasSVG(canvas).print_figure(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _inline(svg: str, name: str, title: str, alt: str) -> str:
    """An SVG that can stand in a page beside others: its ids are its own, its words are said to who cannot see it."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"\s*<style type=\"text/css\">.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.S)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = svg.replace('xlink:href="#', f'xlink:href="#{name}-')
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", STACK, svg)
    head = f'role="img" aria-labelledby="{name}-title {name}-desc" stroke-linejoin="round"'
    words = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(alt)}</desc>'
    return re.sub(r"<svg ([^>]*)>", rf"<svg \1 {head}>{words.replace(chr(92), chr(92) * 2)}", svg, count=1)


def _figure(
    name: str, title: str, alt: str, ids: Iterable[str], size: tuple[float, float], draw: Callable[[Any], None]
) -> Figure:
    svg = _inline(_rendered(draw, size, "svg", name).decode(), f"figure-{name}", title, alt)
    return Figure(svg, alt, title, tuple(dict.fromkeys(ids)), *size, draw)


# ---------------------------------------------------------------- words on figures


def label(release: str, source: str | None = None) -> str:
    """A short name of a release for a line, a row or a note.

    Examples
    --------
    >>> label("un-wpp-2024"), label("my-office", "Our survey")
    ('UN WPP 2024', 'Our survey')
    """
    card = releases().get(release)
    if card is None:
        return source or release
    if "short" in card.extra:
        return card.extra["short"]
    if release.startswith("page-"):
        return card.publisher or card.title
    release = re.sub(r"-(\d{4})-\d{2}$", r"-\1", release)  # the month of an edition would fill the line
    short = (w.upper() if (len(w) <= 3 and w not in WORDS) or w in ACRONYMS else w for w in release.split("-"))
    return " ".join(w if i else w[:1].upper() + w[1:] for i, w in enumerate(_capitals(short)))


def _capitals(words: Iterable[str]) -> list[str]:
    """Names begin with a capital, small words inside a name do not."""
    return [w if w in WORDS else w[:1].upper() + w[1:] for w in words]


def year(at: date) -> float:
    """A day as a decimal year.

    Examples
    --------
    >>> year(date(2010, 7, 1))
    2010.5
    """
    first, after = date(at.year, 1, 1), date(at.year + 1, 1, 1)
    share: float = 0.5 if (at.month, at.day) == (7, 1) else (at - first).days / (after - first).days
    return at.year + share


def years(start: date, end: date) -> str:
    """A span from mid-year to mid-year in short.

    Examples
    --------
    >>> years(date(2010, 7, 1), date(2015, 7, 1)), years(date(1995, 7, 1), date(2000, 7, 1))
    ('2010–15', '1995–2000')
    """
    same = start.year // 100 == end.year // 100
    return f"{start.year}–{end.year % 100:02d}" if same else f"{start.year}–{end.year}"


def _years(row: dict[str, Any]) -> float:
    return float((row["end"].year - row["start"].year) * 12 + row["end"].month - row["start"].month) / 12


def _long() -> pl.Expr:
    return (pl.col("end") - pl.col("start")).dt.total_days() > 550


def _named(release: str, source: str | None, rows: Sequence[dict[str, Any]]) -> str:
    """The label of a series; who counts citizens, not the foreign-born, is told apart."""
    return label(release, source) + (" (citizens)" if rows[0]["basis"] == "citizenship" else "")


def _name(code: str) -> str:
    known = places().get(code)
    return known.name if known else code


def _day(at: date) -> str:
    return f"{at.day} {at:%B} {at.year}"


def spelt(value: float, digits: int = 0) -> str:
    """A number with separators and a true minus sign.

    Half a person is rounded away from zero, as readers do; Python would round half to even.
    """
    rounded = int(abs(value) * 10**digits + 0.5 + 1e-9) / 10**digits
    text = f"{rounded:,.{digits}f}"
    return f"−{text}" if value < 0 and rounded else text


def _whole(claims: pl.DataFrame, measures: Sequence[str]) -> pl.DataFrame:
    """Totals of some measures: both sexes, all ages and groups; the two rows that tell 80% and 95% bounds are one."""
    for column in ("measure", "place", "start", "end", "value", "release", "status", "known", "id"):
        if column not in claims.columns:
            raise ConceptError(f"A figure needs claims with a column {column!r}; take them from keruen.evidence().")
    rows = claims.filter(
        pl.col("measure").is_in(list(measures))
        & (pl.col("sex") == "all")
        & (pl.col("age") == "all")
        & (pl.col("group") == "all")
        & ~pl.col("definition").str.starts_with("un_projection_")  # a variant is another quantity
        & (pl.col("value").is_not_null() | pl.col("low").is_not_null() | pl.col("high").is_not_null())
    )
    cell = [
        "measure",
        "stream",
        "place",
        "counterpart",
        "start",
        "end",
        "definition",
        "release",
        "value",
        "status",
        "convention",
    ]
    return rows.sort("level", nulls_last=False, maintain_order=True).unique(cell, keep="first", maintain_order=True)


def family_of(release: str | None) -> str:
    """The family of editions that a release belongs to, or its own key."""
    card = releases().get(release or "")
    return card.family or card.key if card else (release or "")


def carried(row: dict[str, Any]) -> bool:
    """Unchanged from an earlier edition of the same family."""
    return bool(row["copy_of"]) and family_of(row["copy_of"]) == family_of(row["release"])


def rests_on(row: dict[str, Any]) -> tuple[str, ...]:
    """The claims behind a row: the parts of a sum or difference, or the row itself."""
    return tuple(row["derived_from"].split()) if row.get("derived_from") else (row["id"],)


def copied(row: dict[str, Any]) -> bool:
    """A copy of another publisher's figure; a copy is not a witness and is not drawn again."""
    return bool(row["copy_of"]) and not carried(row)


def _series(rows: pl.DataFrame, by: Sequence[str]) -> list[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    """Rows by series, the series in the order in which their releases came out."""
    cards = releases()
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows.sort("start", "end", "known", "id").iter_rows(named=True):
        if not copied(row):
            found.setdefault(tuple(row[c] for c in by), []).append(row)
    at = by.index("release")

    def order(key: tuple[Any, ...]) -> tuple[date, str]:
        card = cards.get(key[at])
        return (card.released if card else date.max, str(key))

    return [(key, found[key]) for key in sorted(found, key=order)]


def _one_place(rows: pl.DataFrame, what: str) -> str:
    codes = rows["place"].unique().to_list()
    if not codes:
        raise NoEvidence(f"There is nothing to draw: no {what} among these claims.")
    if len(codes) > 1:
        raise ConceptError(
            f"This figure shows one place, but the claims speak of {', '.join(sorted(codes)[:5])}; take one."
        )
    return str(codes[0])


# ---------------------------------------------------------------- parts of figures


def _margin(names: Iterable[str], least: float = 96, most: float = 200) -> float:
    """Room for the names at the ends of lines, in points."""
    return min(most, max(least, 26 + 5.5 * max((len(n) for n in names), default=0)))


def _axes(canvas: Any, left: float, right: float, bottom: float, top: float) -> Any:
    """Axes by margins in points."""
    width, height = canvas.get_size_inches() * 72
    ax = canvas.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(length=3, width=0.8)
    return ax


def _digits(step: float) -> int:
    """Digits that tell marks of a step apart and say each as it is: 1.5 needs one, though it is above 1."""
    return next((d for d in range(3) if abs(step - round(step, d)) < 1e-6 * step), 3)


def _readable(ax: Any, digits: int | None = None) -> None:
    """Numbers along an axis with separators and a true minus sign."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(6))
    ticks = ax.get_yticks()
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else 1
    places_after = _digits(step) if digits is None else digits
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: spelt(0.0 if abs(v) < 1e-12 else v, places_after)))


def _calendar(ax: Any, first: float, last: float) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_xlim(first, last)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter("{x:.0f}")


def _zero(ax: Any) -> None:
    low, high = ax.get_ylim()
    if low < 0 < high or low == 0 or high == 0:
        ax.axhline(0, color=INK, linewidth=1.0, zorder=1.5)


def _as_of(ax: Any, at: date | None, *, words: bool = True) -> None:
    if at is None:
        return
    ax.axvline(year(at), color=INK, linewidth=0.9, linestyle=(0, (2, 2)), zorder=2)
    if words:
        ax.annotate(
            f"as of {_day(at)}",
            (year(at), 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8.5,
            color=INK,
        )


def _labels(ax: Any, ends: Sequence[tuple[float, float, str, str]], x: float) -> None:
    """Names at the ends of lines, moved apart where they would touch, with a hair to their line."""
    if not ends:
        return
    low, high = ax.get_ylim()
    height = ax.get_position().height * ax.figure.get_size_inches()[1] * 72
    gap = 12.0 / height * (high - low)
    order = sorted(ends, key=lambda e: e[1])
    at: list[float] = []
    for _, y, _, _ in order:
        at.append(max(y, at[-1] + gap) if at else y)
    over = at[-1] - high
    if over > 0:
        at[-1] -= over
        for i in range(len(at) - 2, -1, -1):
            at[i] = min(at[i], at[i + 1] - gap)
    for (x0, y, text, colour), target in zip(order, at, strict=True):
        ax.annotate(
            text,
            (x0, y),
            xytext=(x, target),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=colour,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6, "shrinkA": 1, "shrinkB": 2},
        )


def _key(ax: Any, handles: Sequence[tuple[str, str, str]], above: float) -> None:
    """Markers and their names in a row, so many points above the axes."""
    height = ax.get_position().height * ax.figure.get_size_inches()[1] * 72
    width = ax.get_position().width * ax.figure.get_size_inches()[0] * 72
    x, y = 0.0, 1 + above / height
    for text, colour, mark in handles:
        ax.plot(
            [(x + 4) / width], [y], marker=mark, color=colour, markersize=5.5, transform=ax.transAxes, clip_on=False
        )
        ax.text((x + 12) / width, y, text, transform=ax.transAxes, va="center", fontsize=9, color=colour)
        x += 24 + 5.9 * len(text)


def _note(ax: Any, text: str, above: float = 8) -> None:
    height = ax.get_position().height * ax.figure.get_size_inches()[1] * 72
    ax.text(0, 1 + above / height, text, transform=ax.transAxes, ha="left", va="center", fontsize=8.5, color=SOFT)


def _broken(
    rows: Sequence[dict[str, Any]], unit: float, *, yearly: bool
) -> list[tuple[list[float], list[float], bool]]:
    """Runs of points that touch in time and share the kind of figure; a gap in the years is a gap in the line."""
    runs: list[tuple[list[float], list[float], bool]] = []
    last: dict[str, Any] | None = None
    for row in rows:
        if row["value"] is None:
            last = None
            continue
        dashed = row["status"] in ("projection", "model")
        x = year(row["start"]) if row["start"] == row["end"] else (year(row["start"]) + year(row["end"])) / 2
        y = row["value"] / unit
        touching = last is not None and (not yearly or last["end"] == row["start"])
        if not touching:
            runs.append(([x], [y], dashed))
        elif runs[-1][2] == dashed:
            runs[-1][0].append(x)
            runs[-1][1].append(y)
        else:
            runs.append(([runs[-1][0][-1], x], [runs[-1][1][-1], y], dashed))
        last = row
    return runs


def _edition_colour(at: int, of: int) -> str:
    return EDITIONS[-1] if of <= 1 else EDITIONS[round(at * (len(EDITIONS) - 1) / (of - 1))]


def _scale(values: Iterable[float]) -> tuple[float, str]:
    top = max((abs(v) for v in values), default=0)
    if top >= 2e6:
        return 1e6, "million persons"
    return (1e3, "thousand persons") if top >= 2e3 else (1.0, "persons")


# ---------------------------------------------------------------- net migration


def net_migration_by_edition(
    claims: pl.DataFrame, *, since: int = 2000, until: int | None = None, as_of: date | None = None
) -> Figure:
    """Net migration of one place, one line an edition.

    Figures over five years are drawn as steps at their yearly average, with the marker of their edition in a slot of
    its own, so that editions that agree still show; hollow where the edition carries the figure of an earlier one
    over. Yearly editions are fine lines, what the place's own offices count is black or bright. Projections are dashed.

    Parameters
    ----------
    claims
        Claims of ``net_migration`` of one place, as :func:`keruen.evidence` returns them.
    since, until
        Calendar years to show; by default to five years after the newest estimate.
    as_of
        A day to mark.
    """
    rows = _whole(claims, ["net_migration"]).filter(
        pl.col("counterpart").is_null() & (pl.col("stream") == "all") & ~((pl.col("status") == "press") & _long())
    )
    rows = rows.filter(pl.col("value").is_not_null() & (pl.col("start") < pl.col("end")))
    code = _one_place(rows, "net migration")
    estimates = rows.filter(pl.col("status") != "projection")
    newest = max(estimates["end"].to_list() or rows["start"].to_list())
    last = until or min(newest.year + 6, rows["end"].max().year)  # type: ignore[union-attr]
    last = max(last, as_of.year + 1) if as_of else last
    rows = rows.filter((pl.col("start") >= date(since, 1, 1)) & (pl.col("start") < date(last, 1, 1)))
    spans = rows.select("release", "start", "end").with_columns(long=_long())
    yearly = spans.filter(~pl.col("long"))["release"].unique().to_list()  # their sums over five years say nothing new
    rows = rows.filter(~(_long() & pl.col("release").is_in(yearly)))
    series = _series(rows, ["release", "definition", "source"])
    if not series:
        raise NoEvidence(
            f"There is nothing to draw: nobody reported net migration of {_name(code)} between {since} and {last}."
        )
    steps = [(k, r) for k, r in series if max(_years(x) for x in r) > 1.5]
    annual = [(k, r) for k, r in series if max(_years(x) for x in r) <= 1.5]
    drawn = [x for _, r in series for x in r]
    unit, word = _scale(x["value"] / max(_years(x), 1) for x in drawn)
    shaded = any(x["low"] is not None and x["high"] is not None for _, r in annual for x in r)

    def draw(canvas: Any) -> None:
        named = [label(k[0], k[2]) for k, r in annual if len(r) > 2]
        ax = _axes(canvas, 52, _margin(named), 28, 58)
        ends: list[tuple[float, float, str, str]] = []
        handles = []
        for i, ((release, _, source), points) in enumerate(steps):
            colour = _edition_colour(i, len(steps))
            handles.append((label(release, source), colour, MARKS[i % len(MARKS)]))
            before: dict[str, Any] | None = None
            end = (0.0, 0.0)
            for p in points:
                x0, x1, y = year(p["start"]), year(p["end"]), p["value"] / _years(p) / unit
                dashed = p["status"] == "projection"
                if before is not None and before["end"] == p["start"]:
                    ax.plot(
                        [x0, x0], [end[1], y], color=colour, linewidth=0.7, alpha=0.75, linestyle=":" if dashed else "-"
                    )
                ax.plot(
                    [x0, x1],
                    [y, y],
                    color=colour,
                    linewidth=1.5,
                    linestyle=(0, (3, 2)) if dashed else "-",
                    solid_capstyle="butt",
                )
                slot = x0 + (x1 - x0) * (i + 1) / (len(steps) + 1)
                hollow = carried(p)
                ax.plot(
                    [slot],
                    [y],
                    marker=MARKS[i % len(MARKS)],
                    markersize=5.2,
                    color=colour,
                    markeredgewidth=1.1,
                    markerfacecolor="white" if hollow else colour,
                    linestyle="none",
                    zorder=4,
                )
                before, end = p, (x1, y)
        spare = iter([*VIVID[2:], *VIVID[2:], *VIVID[2:]] * 9)
        un = iter(VIVID[:2] * 9)
        for i, ((release, _, source), points) in enumerate(annual):
            known = releases().get(release)
            national = not (known and known.family.startswith("un-"))
            counted = points[0]["status"] in ("register", "administrative", "census") and len(points) > 4
            first = counted and not any(e[3] == "#000000" for e in ends)
            colour = next(un) if not national else "#000000" if first else next(spare)
            over = 3.9 if first else 3.5 if not national else 3.2
            for xs, ys, dashed in _broken(
                [p | {"value": p["value"] / max(_years(p), 1)} for p in points], unit, yearly=True
            ):
                ax.plot(
                    xs,
                    ys,
                    color=colour,
                    linewidth=1.9 if first else 1.2,
                    zorder=over,
                    linestyle=(0, (2, 1.5)) if dashed else "-",
                    marker="." if national else None,
                    markersize=4,
                )
                if len(xs) == 1:
                    ax.plot(
                        xs,
                        ys,
                        marker=MARKS[(i + 6) % len(MARKS)],
                        color=colour,
                        markersize=5,
                        linestyle="none",
                        zorder=4.5,
                    )
            bounds = [p for p in points if p["low"] is not None and p["high"] is not None]
            if len(bounds) > 1:
                ax.fill_between(
                    [(year(p["start"]) + year(p["end"])) / 2 for p in bounds],
                    [p["low"] / unit for p in bounds],
                    [p["high"] / unit for p in bounds],
                    color=colour,
                    alpha=0.13,
                    linewidth=0,
                    zorder=1,
                )
            tip = points[-1]
            at, y = (year(tip["start"]) + year(tip["end"])) / 2, tip["value"] / max(_years(tip), 1) / unit
            if len(points) > 2:
                ends.append((at, y, label(release, source), colour))
            else:  # a lone figure is named where it stands
                ax.annotate(
                    label(release, source),
                    (at, y),
                    xytext=(5, -9),
                    textcoords="offset points",
                    fontsize=7.5,
                    color=colour,
                )
        # Intervals of projections would flatten everything else: they are cut by the frame, and the note says so.
        middle = [x["value"] / max(_years(x), 1) / unit for x in drawn]
        room = 0.12 * ((max(*middle, 0) - min(*middle, 0)) or 1)
        ax.set_ylim(min(*middle, 0) - room, max(*middle, 0) + room)
        _calendar(ax, since, last + 0.2)
        _zero(ax)
        _readable(ax)
        _labels(ax, ends, 1.02)
        _as_of(ax, as_of)
        _key(ax, handles, 40)
        _note(
            ax,
            f"{word} a year, five-year figures as steps · solid: estimate or count · dashed: projection · "
            "hollow: carried over" + (" · shade: 80% interval, cut" if shaded else ""),
            22,
        )

    title = f"Net migration of {_name(code)} by edition"
    names = ", ".join(dict.fromkeys(label(k[0], k[2]) for k, _ in series))
    alt = f"Lines of net migration of {_name(code)}, {since} to {last}, one an edition or source: {names}."
    ended = [x for x in drawn if _years(x) > 1.5 and x["end"] <= newest]
    if ended:
        window = max((x["start"], x["end"]) for x in ended)
        told = [x["value"] for x in ended if (x["start"], x["end"]) == window]
        alt += (
            f" For {years(*window)} the editions drawn run from {spelt(min(told))} to "
            f"{spelt(max(told))} persons over {_years(ended[-1]):.0f} years."
        )
    return _figure("net-migration", title, alt, (x["id"] for x in drawn), (720, 380), draw)


# ---------------------------------------------------------------- stocks


def stock_by_edition(claims: pl.DataFrame, *, since: int = 1990, as_of: date | None = None) -> Figure:
    """Foreign-born (or migrant) residents of one place, one line an edition; censuses and the like are points.

    Parameters
    ----------
    claims
        Claims of ``stock`` of one place; totals over all origins are drawn.
    since
        First year.
    as_of
        A day to mark.
    """
    rows = _whole(claims, ["stock"]).filter(
        pl.col("counterpart").is_null() & (pl.col("stream") == "all") & pl.col("value").is_not_null()
    )
    rows = rows.filter(pl.col("start") >= date(since, 1, 1))
    code = _one_place(rows, "total stock")
    series = _series(rows, ["release", "definition", "source"])
    lines = [
        (k, r)
        for k, r in series
        if len({x["start"] for x in r}) > 2 and r[0]["status"] in ("estimate", "model", "projection")
    ]
    points = [(k, r) for k, r in series if (k, r) not in lines]
    if not series:
        raise NoEvidence(f"There is nothing to draw: all stocks of {_name(code)} are copies.")
    drawn = [x for _, r in series for x in r]
    unit, word = _scale(x["value"] for x in drawn)

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 52, _margin(_named(k[0], k[2], r) for k, r in series), 28, 26)
        ends = []
        own_editions = [k for k, _ in lines if family_of(k[0]).startswith("un-")]
        for i, (key, mine) in enumerate(lines):
            release, _, source = key
            leading = key in own_editions
            colour = (
                _edition_colour(own_editions.index(key), len(own_editions)) if leading else VIVID[(i + 2) % len(VIVID)]
            )
            xs, ys = [year(p["start"]) for p in mine], [p["value"] / unit for p in mine]
            ax.plot(xs, ys, color=colour, linewidth=1.5, linestyle=DASHES[(len(lines) - 1 - i) % len(DASHES)], zorder=3)
            for x, y, p in zip(xs, ys, mine, strict=True):
                ax.plot(
                    [x],
                    [y],
                    marker=MARKS[i % len(MARKS)],
                    color=colour,
                    markersize=5,
                    markeredgewidth=1.1,
                    zorder=4,
                    markerfacecolor="white" if carried(p) else colour,
                )
            ends.append((xs[-1], ys[-1], _named(release, source, mine), colour))
        for i, ((release, _, source), mine) in enumerate(points):
            colour = VIVID[i % len(VIVID)]
            xs, ys = [year(p["start"]) for p in mine], [p["value"] / unit for p in mine]
            ax.plot(
                xs, ys, marker=MARKS[(i + 5) % len(MARKS)], color=colour, markersize=5.5, linestyle="none", zorder=5
            )
            ends.append((xs[-1], ys[-1], _named(release, source, mine), colour))
        ax.set_ylim(bottom=0)
        top = max(x["start"] for x in drawn).year + 1
        _calendar(ax, since - 0.5, max(top, as_of.year + 1 if as_of else top))
        _zero(ax)
        _readable(ax)
        _labels(ax, ends[:14], 1.02)
        _as_of(ax, as_of)
        ax.text(0, 1.02, word, transform=ax.transAxes, ha="left", va="bottom", fontsize=9, color=SOFT)

    title = f"Migrants living in {_name(code)}, by edition"
    names = ", ".join(dict.fromkeys(label(k[0], k[2]) for k, _ in series))
    alt = f"Lines and points of the number of migrants living in {_name(code)} by edition: {names}."
    return _figure("stock", title, alt, (x["id"] for x in drawn), (720, 340), draw)


def corridors(
    claims: pl.DataFrame,
    *,
    day: date,
    by: str = "counterpart",
    top: int = 12,
    name: str = "birthplaces",
    title: str = "",
) -> Figure:
    """One row a corridor, one dot an edition: where editions contradict each other, the dots lie far apart.

    Parameters
    ----------
    claims
        Claims of ``stock``, each with a counterpart.
    day
        The day of which the editions speak.
    by
        ``counterpart`` draws a row for each birthplace, ``place`` for each country of residence.
    top
        How many rows, by the largest figure of any edition.
    name
        Short name of the drawing, unique in a page.
    title
        Its heading.
    """
    rows = _whole(claims, ["stock"]).filter(
        (pl.col("start") == day)
        & pl.col("counterpart").is_not_null()
        & pl.col("value").is_not_null()
        & ~pl.col(by).str.starts_with("_")
        & (pl.col("stream") == "all")
    )
    if rows.is_empty():
        raise NoEvidence(f"There is nothing to draw: no corridor is told for {day}.")
    first = (
        rows.group_by(by).agg(pl.col("value").max()).sort("value", by, descending=[True, False]).head(top)[by].to_list()
    )
    rows = rows.filter(pl.col(by).is_in(first))
    series = _series(rows, ["release", "source"])
    drawn = [x for _, r in series for x in r]
    shown = {x[by] for x in drawn}
    first = [code for code in first if code in shown]
    if not first:
        raise NoEvidence(f"There is nothing to draw: every corridor of {day} is told by copies alone.")
    unit, word = _scale(x["value"] for x in drawn)
    height = 74 + 21 * len(first)

    def draw(canvas: Any) -> None:
        ax = _axes(canvas, 150, 28, 34, 34)
        ax.grid(axis="y", visible=False)
        ax.grid(axis="x", color=GRID, linewidth=0.6)
        for at, end in enumerate(first):
            told = [x["value"] / unit for x in drawn if x[by] == end]
            ax.plot([min(told), max(told)], [at, at], color="#b3b3b3", linewidth=2.2, solid_capstyle="round", zorder=2)
        handles = []
        editions = [k for k, _ in series if family_of(k[0]).startswith("un-")] or [k for k, _ in series]
        for i, (key, mine) in enumerate(series):
            release, source = key
            if key in editions:
                at = editions.index(key)
                pale = (
                    ("#5ba3cf", "#08306b")[at + 2 - len(editions)]
                    if len(editions) < 3
                    else _edition_colour(at, len(editions))
                )
                colour, mark, size, edge = pale, MARKS[at % len(MARKS)], 6.5, 1.3
            else:  # a tick does not cover the dot of an edition it agrees with
                colour, mark, size, edge = VIVID[i % len(VIVID)], "|", 13.0, 2.2
            told = [x for x in mine if not carried(x)]
            for part, face in ((told, colour), ([x for x in mine if carried(x)], "white")):
                ax.plot(
                    [x["value"] / unit for x in part],
                    [first.index(x[by]) for x in part],
                    marker=mark,
                    markersize=size,
                    color=colour,
                    markerfacecolor=face,
                    markeredgewidth=edge,
                    linestyle="none",
                    zorder=3,
                )
            handles.append((label(release, source), colour, mark))
        ax.set_ylim(len(first) - 0.4, -0.6)
        ax.set_yticks(range(len(first)), [_name(c)[:24] for c in first], color=INK)
        ax.tick_params(axis="y", length=0)
        ax.set_xlim(left=0)
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(7))
        step = ax.get_xticks()[1] - ax.get_xticks()[0]
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: spelt(v, _digits(step))))
        ax.set_xlabel(word, fontsize=9, color=SOFT, loc="left")
        _key(ax, handles, 14)

    widest = max(first, key=lambda c: max(t := [x["value"] for x in drawn if x[by] == c]) - min(t))
    told = [x["value"] for x in drawn if x[by] == widest]
    alt = f"Dots by corridor and edition for {_day(day)}, {len(first)} corridor{'s' if len(first) != 1 else ''}."
    if len(told) > 1 and max(told) > min(told):
        alt += f" Widest apart: {_name(widest)}, {spelt(min(told))} to {spelt(max(told))} persons."
    heading = title or f"Corridors on {_day(day)}, by edition"
    return _figure(name, heading, alt, (x["id"] for x in drawn), (720, height), draw)


# ---------------------------------------------------------------- money


def remittances(claims: pl.DataFrame, *, since: int = 1995, as_of: date | None = None) -> Figure:
    """Personal remittances received, and their share of gross domestic product, by source and edition.

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


# ---------------------------------------------------------------- labour, return


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
        markerfacecolor="white" if hollow else colour,
    )


def labour(claims: pl.DataFrame, *, since: int = 1991, as_of: date | None = None) -> Figure:
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


# ---------------------------------------------------------------- what the world knew


def known_when(rivals: pl.DataFrame, windows: Sequence[tuple[date, date]], *, as_of: date | None = None) -> Figure:
    """What the world knew, and when: how the figure for a fixed period moved with each release.

    Parameters
    ----------
    rivals
        Rows of :func:`keruen.disagreement` of one place and measure.
    windows
        The periods, one panel each; at most three are easy to read.
    as_of
        A day to mark.
    """
    panels: list[tuple[tuple[date, date], list[dict[str, Any]]]] = []
    for start, end in windows:
        rows = rivals.filter((pl.col("start") == start) & (pl.col("end") == end) & pl.col("value").is_not_null())
        told = [x for x in rows.sort("known", "convention", nulls_last=False).iter_rows(named=True) if not copied(x)]
        # A sum of running figures has no release day of its own: at no one moment did the world learn it.
        told = [x for x in told if x["known_basis"] != "publication lag"]
        if told:
            panels.append(((start, end), told))
    if not panels:
        raise NoEvidence("There is nothing to draw: no release tells a figure for these periods.")
    drawn = [x for _, told in panels for x in told]
    unit, word = _scale(x["value"] for x in drawn)
    newest = max(x["known"] for x in drawn)
    first, last = year(min(x["known"] for x in drawn)) - 1, max(year(newest), year(as_of) if as_of else 0) + 1

    def draw(canvas: Any) -> None:
        width = (720 - 58 - 8) / len(panels)
        for at, ((start, end), told) in enumerate(panels):
            ax = _axes(canvas, 58 + at * width, 720 - 58 - (at + 1) * width + 48, 28, 48)
            by: dict[tuple[str, bool], list[dict[str, Any]]] = {}
            for x in told:
                by.setdefault((x["definition"], x["own"]), []).append(x)
            for i, ((_, own), mine) in enumerate(sorted(by.items(), key=lambda kv: (-len(kv[1]), str(kv[0])))):
                colour = "#08306b" if i == 0 and not own else VIVID[i % len(VIVID)]
                line = [x for x in mine if not str(x["convention"] or "").startswith("sum of calendar years 1")]
                line = [x for x in line if not re.match(r"sum of calendar years \d", str(x["convention"] or ""))]
                xs, ys = [year(x["known"]) for x in line], [x["value"] / unit for x in line]
                if i == 0 and len(xs) > 1:
                    ax.step([*xs, last], [*ys, ys[-1]], where="post", color=colour, linewidth=1.1, alpha=0.7, zorder=2)
                for x in mine:
                    dashed = x["status"] == "projection"
                    other = x not in line
                    ax.plot(
                        [year(x["known"])],
                        [x["value"] / unit],
                        marker="x" if other else MARKS[i],
                        color=colour,
                        zorder=3,
                        markersize=4.5 if other else 6,
                        markerfacecolor="white" if dashed or carried(x) else colour,
                        markeredgewidth=1.2,
                    )
                if i == 0:
                    for k, x in enumerate(line):
                        ended = re.search(r"\d{4}$", x["release"])
                        text = ended.group() if ended else label(x["release"], x["source"])
                        ax.annotate(
                            text,
                            (year(x["known"]), x["value"] / unit),
                            xytext=(0, 7 if k % 2 == 0 else -14),
                            textcoords="offset points",
                            ha="center",
                            fontsize=7.5,
                            color=colour,
                        )
            ax.margins(y=0.18)
            ax.set_xlim(first, last)
            _calendar(ax, first, last)
            from matplotlib.ticker import MaxNLocator

            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            _zero(ax)
            _readable(ax)
            _as_of(ax, as_of, words=False)
            ax.text(
                0,
                1.03,
                f"for {years(start, end)}",
                transform=ax.transAxes,
                ha="left",
                va="bottom",
                fontsize=10,
                color=INK,
            )
            if at == 0:
                ax.text(
                    0,
                    1.16,
                    f"{word} over the period; along the bottom, the day of release. "
                    "Hollow: projected or carried over; ×: another convention",
                    transform=ax.transAxes,
                    ha="left",
                    va="bottom",
                    fontsize=8.5,
                    color=SOFT,
                )

    alt = "What each release gave: " + "; ".join(
        f"for {years(s, e)}, " + ", ".join(f"{label(x['release'], x['source'])} {spelt(x['value'])}" for x in told)
        for (s, e), told in panels
    )
    return _figure(
        "known-when",
        "The same years, told again and again",
        alt + ".",
        [i for x in drawn for i in rests_on(x)],
        (720, 300),
        draw,
    )
