"""A figure: a drawing with its words and the claims it shows, and the parts that all figures are drawn from.

Figures take claims or what a room computed, compute no estimate and fetch nothing. What nobody reported is not drawn,
and never drawn as zero.
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
from textwrap import shorten
from threading import Lock
from typing import Any

import polars as pl

from keruen.copies import copied
from keruen.errors import ConceptError, NoEvidence, OutputError
from keruen.labels import label, spelt, year
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

    svg: str
    alt: str
    title: str
    ids: tuple[str, ...]
    width: float
    height: float
    _draw: Callable[[Any], None] = field(compare=False)

    def __repr__(self) -> str:
        title, many = shorten(self.title, 150, placeholder=" …"), len(self.ids)
        return (
            f'Figure "{title}", {self.width:.0f} by {self.height:.0f} points, drawn from {many:,}'
            f" claim{'s' * (many != 1)}. See alt, ids, svg, save()."
        )

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
        refuse(target, force=force)
        kind = target.suffix.lower().lstrip(".")
        svg = self.svg.encode()
        content = svg if kind == "svg" else _rendered(self._draw, (self.width, self.height), kind, self.title)
        export._put(target, content)
        return target


def refuse(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Refuse what :meth:`Figure.save` would, before the work.

    Raises
    ------
    OutputError
        If the ending is none of a figure, the file is there already, or its folder is not.
    """
    from keruen import export

    target = Path(path)
    if target.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise OutputError(f"{target}: a figure is saved as .svg, .png or .pdf, by the ending of its name.")
    export.refuse(target, force=force)


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


@cache
def _wide(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text is, in points, in the font that drawings are measured in."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def _folded(text: str, width: float, size: float) -> list[str]:
    """A text in lines no wider than so many points, broken at spaces; a single word may be wider."""
    lines: list[str] = []
    for word in text.split():
        if lines and _wide(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


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


def _readable(ax: Any) -> None:
    """Numbers along an axis with separators and a true minus sign."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(6))
    ticks = ax.get_yticks()
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else 1
    places_after = _digits(step)
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


def _key(ax: Any, handles: Sequence[tuple[str, str, str]], above: float, right: float = 0.0) -> None:
    """Markers and their names in a row, so many points above the axes and to the right of their left end."""
    height = ax.get_position().height * ax.figure.get_size_inches()[1] * 72
    width = ax.get_position().width * ax.figure.get_size_inches()[0] * 72
    x, y = right, 1 + above / height
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
