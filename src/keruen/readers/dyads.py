"""Corridors and places as gravity models see them: distance, contiguity, language, colonial ties, religion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen.readers.common import columns, table

TIES = ("contig", "comlang_off", "comlang_ethno", "colony", "comcol", "curcol", "col45", "smctry")
DISTANCES = ("dist", "distcap", "distw", "distwces")


def covariates(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Tables of corridors and of places. They are attributes, not claims."""
    yield "cepii_dyads", cepii_dyads(folder)
    yield "cepii_places", cepii_places(folder)
    yield from gaskin(folder)


def cepii_dyads(folder: Path) -> pl.DataFrame:
    """Ties (0 or 1) and distances in km of every ordered pair; a dot is a missing distance."""
    raw = table(folder, "cepii_geodist_dyads.csv.gz", **dict.fromkeys(DISTANCES, pl.String))
    columns(raw, "origin", "destination", *TIES, *DISTANCES)
    return raw.select(
        "origin",
        "destination",
        *(pl.col(tie).cast(pl.Int8) for tie in TIES),
        *(pl.col(distance).replace(".", None).cast(pl.Float64) for distance in DISTANCES),
        pl.lit("cepii-geodist-2011").alias("release"),
    ).sort("origin", "destination")


def cepii_places(folder: Path) -> pl.DataFrame:
    """Area, capital or largest city, languages and colonisers; a place with two such cities has two rows."""
    raw = table(folder, "cepii_geodist_countries.csv", cnum=pl.Float64, citynum=pl.String)
    columns(raw, "iso2", "iso3", "cnum", "area", "landlocked", "cap", "maincity", "citynum", "lat", "lon", "colonizer1")
    words = [name for name, kind in raw.schema.items() if kind == pl.String]
    return (
        raw.with_columns(pl.col(words).replace(".", None))
        .with_columns(pl.col("citynum").cast(pl.Int32), pl.col("cnum", "landlocked", "cap", "maincity").cast(pl.Int16))
        .rename({"iso3": "place"})
        .with_columns(release=pl.lit("cepii-geodist-2011"))
        .sort("place", "city_en")
    )


def gaskin(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Spoken language, colonial tie and weighted distance; and religion apart, whose source tells no open licence."""
    raw = table(folder, "gravity_gaskin_dyads.csv.gz").sort("origin", "destination")
    columns(
        raw,
        "origin",
        "destination",
        "common_spoken_language",
        "religious_similarity",
        "colony_of_destination_ever",
        "distw_harmonic_km",
    )
    yield (
        "gaskin_dyads",
        raw.select(
            "origin",
            "destination",
            "common_spoken_language",
            pl.col("colony_of_destination_ever").cast(pl.Int8),
            "distw_harmonic_km",
            pl.lit("gaskin-dyads").alias("release"),
        ),
    )
    yield (
        "religious_similarity",
        raw.select("origin", "destination", "religious_similarity", pl.lit("gaskin-religion").alias("release")),
    )
