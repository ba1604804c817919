"""Stocks of migrants as some four hundred sources tell them: censuses, registers, surveys, UNHCR, Eurostat, OECD.

The tables hold what was collected for the UN's estimates: one row a source, with a tag that names it. The tag stands in
``flag``; families of tags have a release card each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers import unhcr
from keruen.readers.common import columns, other_end, table

UNIVERSES = {
    "Foreign-born": "stock",
    "Foreigners": "stock",
    "Total": "population",
    "Native-born": "native_born",
    "Citizens": "citizens",
    "Unknown": "unknown_origin",
    "Refugees": "refugees",
    "Asylum seekers": "asylum_seekers",
    "Stateless": "stateless",
    "Other people in need of international protection": "other_protection",
}
FORCED = ["refugees", "asylum_seekers", "stateless", "other_protection"]

FAMILIES = (
    (r"^UNSDDYB|^DYB", "un-demographic-yearbook"),
    (r"^Eurostat$", "eurostat-stocks"),
    (r"^OECD$|^2021_OECD$", "oecd-stocks"),
    (r"^UNHCR$", "unhcr-stocks-compiled"),
    (r"^WorldBank$", "world-bank-stocks-compiled"),
    (r"^UNPD$", "un-survey-tabulations"),
    # other compilers, estimates of those who collected the table, and archives that do not say whose they are
    (
        r"GLMM|CARIM|^ILO$|^UNFPA$|IOM|_est$|^Imputed$|^Disaggregated$|_back$|(?i)archive|^MW[-_]",
        "unattributed-stocks",
    ),
    (r"(?i)inter_?cens", "national-stock-series"),
    (r"(?i)census|^\d{4}_R[PF]$|^RP_\d{4}$|^NAM_\d{4}$|^Ghana_1984$", "national-census-stocks"),
    (r"", "national-stock-series"),
)
"""Patterns of tags and the release card of their family; the first that fits holds."""

STATUSES = (
    (r"^UNSDDYB_B\d\d_C|^\d{4}_R[PF]$|^RP_\d{4}$|^NAM_\d{4}$|^Ghana_1984$", "census"),
    (r"^UNSDDYB_B\d\d_S|(?i)inter_?cens|survey|lab(o|ou)r_force|^BLSS|^NIDS|^ICDS|_NPS$|^PCFS|^PRI_|^UNPD$", "survey"),
    (r"^WorldBank$|^Eurostat$|^OECD$|^2021_OECD$|CARIM|^UNSDDYB|^DYB", "estimate"),
    (r"(?i)census", "census"),
    (r"^FRS\d|^SMR_|^Taiwan|^IMG_Non_Chinese$", "register"),
    (
        r"^UNHCR$|^FW_|^CAPMAS|^Egypt2008|^private 2020|_employed$|(?i)transport_travel|^MW[-_]|^NonRes$",
        "administrative",
    ),
)
"""Patterns of tags and how their figures came about; the first that fits holds, otherwise it is an estimate."""

POPULATION_REGISTERS = ["AUT", "DEU", "DNK", "ESP", "FIN", "ISL", "ITA", "NOR", "SWE", "TUR"]
DATED_TAGS = r"^Eurostat$|^NSO|^FRS\d|^SMR_"
"""Tags whose whole years mean 1 January; elsewhere a whole number tells the year alone."""

PROJECTED = {"SYB_2023": 2024.0, "NBS2012": 2013.0}
"""Yearbooks that print figures for days after they appeared, and from when on."""

ORIGINS = {
    530: "ANT", 891: "SCG", 903: "_UN_903", 908: "_UN_908", 909: "_UN_909", 913: "_UN_913", 931: "_UN_931",
    935: "_UN_935", 2003: "_OTHER", 1000001: "_OTHER", 1000022: "ATF", 1000029: "_STATELESS", 1000142: "_UNKNOWN",
    1000148: "_ABKHAZIA", 9999999: "_UNKNOWN",
}  # fmt: skip
"""Origins told by a number and a name alone. What is not here becomes ``_OTHER`` with its name in ``group``."""


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of both tables: totals of every destination, and corridors of six countries."""
    yield sourced(
        table(folder, "empirical_migrant_stock_totals.csv.gz", reference_year=pl.Float64, value=pl.Float64), folder
    )
    corridors = "empirical_migrant_stock_bilateral_centralasia_russia.csv.gz"
    yield sourced(table(folder, corridors, reference_year=pl.Float64, value=pl.Float64), folder)


def first_that_fits(rules: tuple[tuple[str, str], ...], otherwise: str) -> pl.Expr:
    """The word of the first pattern that the tag fits."""
    told = pl.lit(otherwise)
    for pattern, word in reversed(rules):
        told = pl.when(pl.col("source").str.contains(pattern)).then(pl.lit(word)).otherwise(told)
    return told


def status() -> pl.Expr:
    """How a figure came about, by its tag."""
    office = pl.col("source").str.contains(r"^NSO(\.|_\d|\d|$)")
    kept = pl.when(office & pl.col("dest_iso3").is_in(POPULATION_REGISTERS)).then(pl.lit("register"))
    told = kept.otherwise(first_that_fits(STATUSES, "estimate"))
    for tag, since in PROJECTED.items():
        ahead = (pl.col("source") == tag) & (pl.col("reference_year") >= since)
        told = pl.when(ahead).then(pl.lit("projection")).otherwise(told)
    return told.alias("status")


def day() -> tuple[pl.Expr, pl.Expr]:
    """The day of a decimal year: 2001.16164 is 1 March 2001. Where a whole number tells the year alone, all of it."""
    year = pl.col("reference_year").floor().cast(pl.Int32)
    new_year = pl.date(year, 1, 1)
    length = pl.when(new_year.dt.is_leap_year()).then(366).otherwise(365)
    # a few decimals may be cut: 58.9986 days after new year is the 59th, 59.5 is the noon of the same
    gone = ((pl.col("reference_year") - year) * length + 0.02).floor().cast(pl.Int64)
    matrix = (
        pl.col("source") == "WorldBank"
    )  # its reader puts the matrix on 1 July, and a copy stands with its original
    told = pl.when(matrix).then(pl.date(year, 7, 1)).otherwise(new_year + pl.duration(days=gone))
    alone = (pl.col("reference_year") == year) & ~matrix & ~pl.col("source").str.contains(DATED_TAGS)
    return told.alias("start"), pl.when(alone).then(pl.date(year + 1, 1, 1)).otherwise(told).alias("end")


def origin() -> tuple[pl.Expr, pl.Expr]:
    """The code of an origin, and its printed name in ``group`` where there is no code for it."""
    by_number = pl.col("orig_code").replace_strict(ORIGINS, default="_OTHER", return_dtype=pl.String)
    named = pl.col("orig_iso3").is_null() & ~pl.col("orig_code").is_in(list(ORIGINS))
    return (
        pl.when(pl.col("orig_iso3").is_null()).then(by_number).otherwise(other_end("orig_iso3")).alias("counterpart"),
        pl.when(named).then(pl.format("origin={}", pl.col("orig_name"))).alias("group"),
    )


def basis() -> pl.Expr:
    """By birthplace or by citizenship, by what is counted or by the table of the yearbook; else it is not told."""
    universe, source = pl.col("universe"), pl.col("source")
    unknown = universe == "Unknown"
    return (
        pl.when(source == "WorldBank")
        .then(pl.lit("mixed"))
        .when((universe == "Foreign-born") | (unknown & source.str.contains("_B09|_B59")))
        .then(pl.lit("birthplace"))
        .when((universe == "Foreigners") | (unknown & source.str.contains("_B61|_B62")))
        .then(pl.lit("citizenship"))
        .when(pl.col("measure").is_in(FORCED))
        .then(pl.lit("origin"))
        .alias("basis")
    )


def definition() -> pl.Expr:
    """The card of what is counted."""
    measure, source = pl.col("measure"), pl.col("source")
    return (
        pl.when(source == "WorldBank")
        .then(pl.lit("wb_bilateral_stock"))
        .when(source == "UNHCR")
        .then(pl.lit("unhcr_stock"))
        .when(measure.is_in(FORCED))
        .then(pl.lit("reported_forced"))
        .when(pl.col("universe") == "Foreign-born")
        .then(pl.lit("reported_foreign_born"))
        .when(pl.col("universe") == "Foreigners")
        .then(pl.lit("reported_foreign_citizens"))
        .otherwise(pl.lit("reported_residents"))
        .alias("definition")
    )


def sourced(raw: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Claims from one of the two tables.

    Raises
    ------
    UnreadableSource
        If the table tells of a population that has no word in the vocabulary.
    """
    columns(
        raw, "dest_iso3", "orig_iso3", "orig_code", "orig_name", "reference_year", "sex", "universe", "value", "source"
    )
    strange = sorted(set(raw["universe"].unique()) - set(UNIVERSES))
    if strange:
        raise UnreadableSource(f"No word for the populations {', '.join(strange)}. Known are {', '.join(UNIVERSES)}.")
    # UNHCR prints a line for every corridor with anyone in it, and the copy fills its other categories with zeros
    told = raw.filter((pl.col("source") != "UNHCR") | (pl.col("value") > 0))
    found = told.with_columns(pl.col("universe").replace_strict(UNIVERSES).alias("measure")).select(
        "measure",
        pl.when(pl.col("measure").is_in(FORCED)).then(pl.lit("forced")).otherwise(pl.lit("all")).alias("stream"),
        pl.col("dest_iso3").alias("place"),
        *origin(),
        basis(),
        pl.col("sex").replace("total", "all"),
        *day(),
        "value",
        status(),
        definition(),
        first_that_fits(FAMILIES, "national-stock-series").alias("release"),
        pl.col("source").alias("flag"),
    )
    return contract.claims(with_copies(found, folder))


def with_copies(found: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Say what repeats another release: the World Bank's matrix, and figures equal to UNHCR's own table."""
    cell = ["place", "counterpart", "start", "measure", "value", "release"]
    matrix = pl.col("release") == "world-bank-stocks-compiled"
    return found.join(same_at_unhcr(folder), on=cell, how="left", maintain_order="left").with_columns(
        copy_of=pl.when(matrix).then(pl.lit("world-bank-bilateral-stock")).otherwise(pl.col("copy_of"))
    )


def same_at_unhcr(folder: Path) -> pl.DataFrame:
    """Figures of UNHCR's own table, to be found again among those compiled."""
    return unhcr.stocks(folder).select(
        "place", "counterpart", "start", "measure", "value",
        release=pl.lit("unhcr-stocks-compiled"), copy_of=pl.lit(unhcr.RELEASE),
    )  # fmt: skip
