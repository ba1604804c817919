"""World Bank: indicators, remittances (received, paid, bilateral, share of GDP), bilateral stocks, income classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.provenance import release
from keruen.readers.common import bank_code, columns, other_end, table

EDITION = "world-bank-wdi-2026"
UN_PROSPECTS = "un-wpp-2024"
UN_STOCK = "un-ims-2024"

INDICATORS = {
    "BX.TRF.PWKR.CD.DT": ("remittances_received", "wb_remittances_received", "estimate"),
    "BX.TRF.PWKR.DT.GD.ZS": ("remittances_share_gdp", "wb_remittances_share", "estimate"),
    "NY.GDP.MKTP.CD": ("gdp", "wb_gdp", "estimate"),
    "NY.GDP.PCAP.CD": ("gdp_per_capita", "wb_gdp_per_capita", "estimate"),
    "NY.GDP.PCAP.PP.CD": ("gdp_per_capita_ppp", "wb_gdp_per_capita_ppp", "estimate"),
    "NY.GDP.MKTP.KD.ZG": ("gdp_growth", "wb_gdp_growth", "estimate"),
    "NV.IND.TOTL.ZS": ("industry_share_gdp", "wb_industry_share", "estimate"),
    "FP.CPI.TOTL.ZG": ("inflation", "wb_inflation", "estimate"),
    "PA.NUS.FCRF": ("exchange_rate", "wb_exchange_rate", "administrative"),
    "SL.UEM.TOTL.ZS": ("unemployment_rate", "wb_unemployment", "model"),
    "SL.TLF.TOTL.IN": ("labour_force", "wb_labour_force", "model"),
    "SM.POP.NETM": ("net_migration", "wb_net_migration", "estimate"),
    "SP.POP.TOTL": ("population", "wb_population", "estimate"),
    "SP.POP.TOTL.FE.ZS": ("population_female_share", "wb_population_female", "estimate"),
    "SM.POP.TOTL": ("stock", "wb_migrant_stock", "estimate"),
    "SM.POP.REFG": ("refugees", "wb_refugees", "administrative"),
    "SM.POP.REFG.OR": ("refugees", "wb_refugees_by_origin", "administrative"),
}
"""What a series is called here, its definition, and how its figures come about."""

MID_YEAR = ("SP.POP.TOTL", "SP.POP.TOTL.FE.ZS", "SM.POP.TOTL")
END_OF_YEAR = ("SM.POP.REFG", "SM.POP.REFG.OR")
FROM_UN = ("SM.POP.NETM", "SP.POP.TOTL", "SP.POP.TOTL.FE.ZS")
UN_ESTIMATES_END = 2023
INCOME = {"L": "low", "LM": "lower middle", "UM": "upper middle", "H": "high"}
MATRICES = {
    2017: "world-bank-remittances-2018-04",
    2018: "world-bank-remittances-2019-10",
    2021: "world-bank-remittances-2022-12",
}


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of all World Bank tables."""
    yield edition(folder, "wdi_2022.csv.gz", "world-bank-wdi-2022")
    yield edition(folder, "wdi_remittances_pct_gdp_1994_2024.csv.gz", "world-bank-wdi-2025")
    yield edition_2026(folder)
    yield share_derived(folder)
    yield remittances_paid(folder)
    yield bilateral_remittances(folder)
    yield inflows(folder)
    yield bilateral_stock(folder)


def covariates(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Income class of every place and calendar year; null where the Bank gave none."""
    raw = table(folder, "wb_income_group_history.csv.gz")
    columns(raw, "iso3", "year", "income_group")
    yield (
        "income_groups",
        raw.select(
            pl.col("iso3").alias("place"),
            pl.col("year").cast(pl.Int16),
            pl.col("income_group").replace_strict(INCOME, default=None, return_dtype=pl.String).alias("income"),
            pl.lit("world-bank-income-classes").alias("release"),
        ).sort("place", "year"),
    )


def named(raw: pl.DataFrame) -> pl.DataFrame:
    """The columns of a claim that an indicator and its year tell; `iso3`, `year` and `indicator` stay beside them."""
    columns(raw, "iso3", "year", "indicator", "value")
    code = pl.col("indicator")
    by_origin = code == "SM.POP.REFG.OR"
    first = pl.date("year", 1, 1)
    day = (
        pl.when(code.is_in(MID_YEAR))
        .then(pl.date("year", 7, 1))
        .when(code.is_in(END_OF_YEAR))
        .then(pl.date("year", 12, 31))
    )
    measure, definition, status = (
        code.replace_strict({key: told[i] for key, told in INDICATORS.items()}, return_dtype=pl.String)
        for i in range(3)
    )
    return raw.select(
        "iso3",
        "year",
        "indicator",
        pl.when(by_origin).then(pl.lit("_WORLD")).otherwise(bank_code()).alias("place"),
        pl.when(by_origin).then(bank_code()).alias("counterpart"),
        pl.when(by_origin).then(pl.lit("origin")).alias("basis"),
        measure.alias("measure"),
        definition.alias("definition"),
        status.alias("status"),
        day.otherwise(first).alias("start"),
        day.otherwise(pl.date(pl.col("year") + 1, 1, 1)).alias("end"),
        pl.col("value").cast(pl.Float64),
    )


def edition(folder: Path, name: str, key: str) -> pl.DataFrame:
    """Indicators of one edition."""
    return contract.claims(named(table(folder, name)).drop("iso3", "year", "indicator"), release=key)


def edition_2026(folder: Path) -> pl.DataFrame:
    """Indicators of the edition of 2026, told apart from what the Bank repeats after the United Nations.

    Population and net migration are marked as copies where they equal the UN's edition; the Bank takes the population
    of many places from national offices instead. Sums over the Bank's groups rest on the same edition.
    """
    raw = table(folder, "wdi_2026.csv.gz")
    columns(raw, "is_aggregate")
    told = (
        named(raw)
        .with_columns(raw["is_aggregate"])
        .join(un_figures(folder), on=["indicator", "iso3", "year"], how="left", maintain_order="left")
    )
    code = pl.col("indicator")
    group = pl.col("is_aggregate") == 1
    equal = ((pl.col("value") - pl.col("un")).abs() <= pl.col("tolerance")).fill_null(False)
    # The female share is computed by the Bank from the UN's ages for every place, whatever the source of the total.
    repeats = code.is_in(FROM_UN) & (equal | group | (code == "SP.POP.TOTL.FE.ZS"))
    forecast = repeats & (pl.col("year") > UN_ESTIMATES_END)
    # The Bank printed no yearly net migration before 2022: what equals no UN edition was first seen in this one.
    unlike = (code == "SM.POP.NETM") & ~repeats
    of_groups = group & (repeats | (code == "SM.POP.TOTL"))
    return contract.claims(
        told.select(
            "place", "counterpart", "basis", "measure", "definition", "start", "end", "value",
            status=pl.when(forecast).then(pl.lit("projection")).otherwise("status"),
            copy_of=pl.when(repeats).then(pl.lit(UN_PROSPECTS)).when(code == "SM.POP.TOTL").then(pl.lit(UN_STOCK)),
            note=pl.when(of_groups).then(pl.lit("a group of places, by the UN edition's figures")),
            known=pl.when(unlike).then(pl.lit(release(EDITION).released)),
            known_basis=pl.when(unlike).then(pl.lit("release")),
        ),
        release=EDITION,
    )  # fmt: skip


def un_figures(folder: Path) -> pl.DataFrame:
    """What World Population Prospects 2024 says of net migration and mid-year population, and how exactly.

    Mid-year population follows from births and their rate, or deaths and theirs, within the rounding of both.
    """
    moved = table(folder, "wpp_net_migration_annual_2022_2024.csv.gz")
    columns(moved, "iso3", "year", "sex", "value", "variant", "vintage")
    lived = table(folder, "wpp_demography_annual_2022_2024.csv.gz")
    columns(lived, "iso3", "year", "indicator", "value", "vintage")
    # The Bank prints Jersey and Guernsey together.
    home = pl.col("iso3").replace({"JEY": "CHI", "GGY": "CHI"})
    central = (pl.col("vintage") == "WPP2024") & (pl.col("sex") == "total") & ~pl.col("variant").str.contains("%")
    net = moved.filter(central & pl.col("iso3").is_not_null()).select(
        pl.lit("SM.POP.NETM").alias("indicator"),
        home,
        "year",
        (pl.col("value") * 1000).alias("un"),
        pl.lit(0.5).alias("tolerance"),
    )
    wide = lived.filter(
        (pl.col("vintage") == "WPP2024")
        & pl.col("iso3").is_not_null()
        & pl.col("indicator").is_in(["births", "deaths", "cbr", "cdr"])
    ).pivot(on="indicator", index=["iso3", "year"], values="value")
    more = pl.col("cbr") > pl.col("cdr")
    count = pl.when(more).then("births").otherwise("deaths")
    rate = pl.when(more).then("cbr").otherwise("cdr")
    people = count / rate * 1e6
    # Both are printed with three decimals: half a unit of the last, and a little for the Bank's own rounding.
    tolerance = people * 0.0006 * (1 / rate + 1 / count) + 1
    mid_year = wide.select(
        pl.lit("SP.POP.TOTL").alias("indicator"), home, "year", people.alias("un"), tolerance.alias("tolerance")
    )
    return (
        pl.concat([net, mid_year])
        .group_by("indicator", "iso3", "year")
        .agg(pl.col("un").sum(), pl.col("tolerance").sum())
    )


def share_derived(folder: Path) -> pl.DataFrame:
    """Remittances received over GDP where the Bank's own share of that edition is not at hand."""
    raw = table(folder, "remittances_pct_gdp_derived_2026.csv.gz")
    columns(raw, "iso3", "year", "indicator", "value")
    told = named(raw.with_columns(indicator=pl.lit("BX.TRF.PWKR.DT.GD.ZS"))).drop(
        "iso3", "year", "indicator", "definition"
    )
    return contract.claims(
        told,
        definition="wb_remittances_share_derived",
        release=EDITION,
        convention="remittances received over GDP, both of the 2026 edition",
    )


def remittances_paid(folder: Path) -> pl.DataFrame:
    """Remittances paid by six places."""
    raw = table(folder, "wdi_remittances_paid_six_countries.csv")
    columns(raw, "iso3", "year", "value")
    return contract.claims(
        raw.select(
            bank_code().alias("place"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            "value",
        ),
        measure="remittances_paid",
        definition="wb_remittances_paid",
        status="estimate",
        release="world-bank-wdi-remittances-paid",
    )


def million_usd(value: str = "value") -> pl.Expr:
    """US dollars, from millions; micro-dollars and less are noise of floating point."""
    return (pl.col(value) * 1e6).round(6).alias("value")


def bilateral_remittances(folder: Path) -> pl.DataFrame:
    """Bilateral matrices of three years: the Bank's allocation of inflows to senders, with margins where printed."""
    raw = table(folder, "remittances_bilateral.csv.gz")
    columns(raw, "origin", "destination", "year", "value", "unit")
    return contract.claims(
        raw.select(
            pl.col("destination").alias("place"),
            pl.col("origin").alias("counterpart"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            million_usd(),
            pl.col("unit").replace_strict({"million USD (nominal)": "million USD"}).alias("printed_unit"),
            pl.col("year").replace_strict(MATRICES, return_dtype=pl.String).alias("release"),
        ),
        measure="remittances",
        basis="sending",
        definition="wb_bilateral_remittances",
        status="model",
    )


def inflows(folder: Path) -> pl.DataFrame:
    """Inward remittances 2000-2023. A zero stands for an empty cell there (Austria 2000-04, say) and is no claim."""
    raw = table(folder, "remittances_inflows_knomad.csv")
    columns(raw, "iso3", "year", "measure", "value", "note")
    share = pl.col("measure").replace_strict({"remittance_inflows": False, "remittance_inflows_pct_gdp": True})
    return contract.claims(
        raw.filter(pl.col("value") != 0).select(
            bank_code().alias("place"),
            pl.when(share)
            .then(pl.lit("remittances_share_gdp"))
            .otherwise(pl.lit("remittances_received"))
            .alias("measure"),
            pl.when(share).then(pl.lit("knomad_inflows_share")).otherwise(pl.lit("knomad_inflows")).alias("definition"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            pl.when(share).then("value").otherwise(million_usd()).alias("value"),
            pl.when(~share).then(pl.lit("million USD")).alias("printed_unit"),
            # The table came out before its last year was over.
            pl.when(pl.col("year") == 2023).then(pl.lit("projection")).otherwise(pl.lit("estimate")).alias("status"),
            pl.col("note").alias("flag"),
        ),
        release="world-bank-knomad-inflows-2023-12",
    )


def bilateral_stock(folder: Path) -> pl.DataFrame:
    """Bilateral stocks at the turn of decades, by convention on 1 July; "Other" is a remainder, not a place."""
    raw = table(folder, "world_bank_bilateral_stock_1960_2020.csv.gz")
    columns(raw, "orig_iso3", "orig_name", "dest_iso3", "year", "sex", "value")
    remainder = pl.col("orig_iso3").is_null() & (pl.col("orig_name") == "Other")
    total = pl.col("orig_iso3") == "_TOT"
    return contract.claims(
        raw.with_columns(orig_iso3=pl.when(remainder).then(pl.lit("_OTH")).otherwise("orig_iso3")).select(
            pl.col("dest_iso3").alias("place"),
            other_end("orig_iso3").alias("counterpart"),
            pl.when(~total).then(pl.lit("mixed")).alias("basis"),
            pl.col("sex").replace("total", "all"),
            pl.date("year", 7, 1).alias("start"),
            pl.date("year", 7, 1).alias("end"),
            pl.col("value").cast(pl.Float64),
        ),
        measure="stock",
        definition="wb_bilateral_stock",
        status="estimate",
        release="world-bank-bilateral-stock",
    )
