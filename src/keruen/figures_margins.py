"""What stands in the margins of a figure: the small words at its foot with its sources, round numbers along it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from keruen.figures import SOFT, _folded
from keruen.labels import label, spelt

WIDTH = 720.0


def sources_line(releases: Iterable[str]) -> str:
    """Releases by their short names, or nothing where there is none."""
    names = dict.fromkeys(label(r) for r in releases)
    return "Sources: " + ", ".join(names) if names else ""


def releases_of(ids: Iterable[str]) -> list[str]:
    """Releases of claims, in the order in which they are named."""
    return list(dict.fromkeys(i.rpartition(":")[0] for i in ids))


def foot_lines(texts: Sequence[str]) -> list[str]:
    """The lines of the small words at the foot of a figure: what it shows, what is uncertain, its sources."""
    return [line for text in texts if text for line in _folded(text, WIDTH - 20, 7.5)]


def foot_height(lines: Sequence[str]) -> float:
    """How high the foot reaches, in points."""
    return 7 + 10.5 * len(lines)


def write_foot(canvas: Any, lines: Sequence[str]) -> None:
    """Write the lines of the foot, the last one lowest."""
    height = canvas.get_size_inches()[1] * 72
    for k, line in enumerate(reversed(lines)):
        canvas.text(10 / WIDTH, (7 + 10.5 * k) / height, line, fontsize=7.5, color=SOFT)


def round_ticks(ax: Any, unit: str = "") -> None:
    """Round numbers along the foot, as exact as their step."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    ticks = ax.get_xticks()
    step = float(ticks[1] - ticks[0])
    after = next((d for d in range(12) if abs(step - round(step, d)) < 1e-6 * step), 12)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{spelt(v, after)}{unit}"))
