"""Draw the figures that the README and the docs show, from the packaged figures.

python tools/make_figures.py
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from keruen.figures_net import net_migration_by_edition
from keruen.store import evidence

OUT = Path(__file__).parents[1] / "docs/figures"


def main() -> None:
    """Draw them all."""
    OUT.mkdir(parents=True, exist_ok=True)
    claims = evidence("KAZ", "net_migration", stream="all")
    shown = claims.filter(pl.col("release").str.starts_with("un-wpp") | (pl.col("release") == "bns-taldau"))
    figure = net_migration_by_edition(shown, since=2000, until=2024)
    print(figure.save(OUT / "kaz-net-migration.svg", force=True))


if __name__ == "__main__":
    main()
