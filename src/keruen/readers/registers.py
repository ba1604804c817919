"""National registers of arrivals and departures, their balances, and national series of net migration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from keruen import contract
from keruen.contract import ids
from keruen.errors import UnreadableSource
from keruen.readers.common import columns, other_end, table
from keruen.readers.press import sourced

MEASURES = {"arrivals": "immigration", "departures": "emigration", "net_migration": "net_migration"}

DEFINITIONS = (
    ("Eurostat net migration", "net_with_adjustment"),
    ("Geostat long-term migrants by border crossings", "border_183_days"),
    ("Rosstat", "reg_russia_9m"),
    ("Belstat", "reg_residence_or_stay"),
    ("applications/permissions of citizens to leave", "applications_to_leave"),
    ("foreigners given permanent or temporary residence permits", "residence_permits_granted"),
    ("registered external (international) migration, all flows, change of permanent residence", "reg_permanent"),
    ("registered international migration (number of arrivals / departures", "reg_permanent"),
    ("BNS / Committee on Statistics registered external migration", "reg_permanent"),
    ("NSC Kyrgyzstan registered external migration", "reg_permanent"),
    ("State Statistics Committee of Azerbaijan: registered for permanent residence", "reg_permanent"),
    ("Ukrstat registered interstate migration", "reg_permanent"),
    ("UzStat registered migration for permanent residence", "reg_permanent"),
)
"""How the definition told begins, and its card."""

AS_AT_HOME = {"RUS": "reg_russia_9m", "BLR": "reg_residence_or_stay"}
"""The CIS committee repeats what the offices count; these two count otherwise than by permanent residence."""

OFFICES = ("ukrstat.gov.ua", "ukrcensus.gov.ua", "stat.kg")
"""Pages of the statistical offices themselves: their figures are the register's own."""

DIFFERENCE = "arrivals less departures"
CELL = ["release", "place", "start", "end", "definition"]


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Arrivals and departures, balances as published and as computed, and national series of net migration."""
    rows = told(folder)
    flows = contract.claims(rows.filter(pl.col("measure") != "net_migration").drop("computed"))
    balances = rows.filter(pl.col("measure") == "net_migration")
    published = contract.claims(balances.filter(~pl.col("computed")).drop("computed"))
    yield flows
    yield published
    yield differences(flows, published, contract.claims(balances.filter("computed").drop("computed")))
    yield national(folder)


def told(folder: Path) -> pl.DataFrame:
    """The table of registers in the words of a claim; `computed` marks balances that nobody published."""
    raw = table(folder, "registered_migration_annual.csv.gz", note=pl.String)
    columns(
        raw, "country", "counterpart", "year", "measure", "value", "unit", "definition", "source_title", "source_year",
        "source_url", "note",
    )  # fmt: skip
    definition = pl.coalesce(
        [pl.when(pl.col("definition").str.starts_with(start)).then(pl.lit(key)) for start, key in DEFINITIONS]
    )
    group = pl.col("counterpart").str.extract_groups(r"^_(ETHNIC|CITIZENS)_(.+)$")
    kind, name = group.struct.field("1"), group.struct.field("2")
    ethnic = kind == "ETHNIC"
    end = pl.when(kind.is_null()).then(other_end("counterpart"))
    by_committee = pl.col("release") == "cis-stat"
    note = pl.col("note").fill_null("")
    computed = (pl.col("measure") == "net_migration") & (
        pl.col("source_title").str.starts_with("computed:") | note.str.contains("(?i)subtraction")
    )
    first = pl.col("definition").str.contains("preliminary")
    office = pl.any_horizontal(pl.col("source_url").str.contains(site, literal=True) for site in OFFICES)
    status = (
        pl.when(pl.col("definition").str.starts_with("Eurostat"))
        .then(pl.lit("estimate"))
        .when(pl.col("known").is_null() | office)
        .then(pl.lit("register"))
        .otherwise(pl.lit("press"))
    )
    rows = sourced(raw).with_columns(
        _definition=definition, _measure=pl.col("measure").replace_strict(MEASURES, default=None)
    )
    odd = rows.filter(pl.any_horizontal(pl.col("_definition", "_measure").is_null()) | (pl.col("unit") != "persons"))
    if len(odd):
        said = odd.select("measure", "unit", "definition").unique().rows()[:5]
        raise UnreadableSource(f"{len(odd)} rows have a measure, unit or definition that no card is for: {said}")
    # What the balance is made of stands in `convention`, and the edition on the card.
    machinery = r"^(OUR SUBTRACTION|arrivals minus departures \(subtraction by[^)]*\)|file version .*)(; )?"
    plain = note.str.replace(machinery, "")
    return rows.select(
        pl.col("_measure").alias("measure"),
        pl.col("country").alias("place"),
        end.alias("counterpart"),
        pl.when(end.is_not_null()).then(pl.lit("residence")).alias("basis"),
        pl.when(ethnic).then(pl.concat_str(pl.lit("ethnicity="), name.str.to_titlecase()))
        .when(kind.is_not_null()).then(pl.concat_str(pl.lit("citizenship="), name)).alias("group"),
        pl.date("year", 1, 1).alias("start"),
        pl.date(pl.col("year") + 1, 1, 1).alias("end"),
        pl.col("value").cast(pl.Float64),
        status.alias("status"),
        pl.when(by_committee).then(pl.col("country").replace_strict(AS_AT_HOME, default=pl.col("_definition")))
        .otherwise("_definition").alias("definition"),
        "release", "known", "known_basis",
        pl.when(first).then(pl.lit("preliminary")).alias("flag"),
        pl.when(plain != "").then(plain).alias("note"),
        computed.alias("computed"),
    )  # fmt: skip


def differences(flows: pl.DataFrame, published: pl.DataFrame, computed: pl.DataFrame) -> pl.DataFrame:
    """Balances that no office published: arrivals less departures, with the ids of both.

    Balances that the compiler of a table had subtracted already must equal ours; every other release and year with
    both totals, and without a balance, gets one.

    Raises
    ------
    UnreadableSource
        If a balance that is told as a subtraction is none.
    """
    whole = pl.col("counterpart").is_null() & (pl.col("group") == "all")
    totals = flows.with_columns(id=ids(flows)).filter(whole)
    sides = [totals.filter(pl.col("measure") == m) for m in ("immigration", "emigration")]
    for side in sides:
        twice = side.filter(pl.struct(CELL).is_duplicated()).select("release", "place", "start").unique().rows()
        if twice:
            raise UnreadableSource(f"Two totals of one release contend for a balance: {twice[:5]}")
    both = sides[0].join(sides[1].select(*CELL, "value", "id", "flag"), on=CELL, suffix="_out", maintain_order="left")
    missing = both.join(
        published.filter(whole), on=["release", "place", "start", "end"], how="anti", maintain_order="left"
    )
    made = missing.with_columns(
        measure=pl.lit("net_migration"),
        value=pl.col("value") - pl.col("value_out"),
        derived_from=pl.concat_str(pl.col("id"), pl.lit(" "), pl.col("id_out")),
        convention=pl.lit(DIFFERENCE),
        flag=pl.coalesce("flag", "flag_out"),
        note=pl.lit(None, pl.String),
    ).drop("id", "value_out", "id_out", "flag_out")
    checked = computed.select(*CELL, "counterpart", "group", "value", "note").join(
        made.select(*CELL, "counterpart", "group", "value"),
        on=[*CELL, "counterpart", "group"], how="left", nulls_equal=True, suffix="_ours",
    )  # fmt: skip
    wrong = checked.filter(pl.col("value").ne_missing(pl.col("value_ours")))
    if len(wrong):
        said = wrong.select("release", "place", "start", "value", "value_ours").rows()[:5]
        raise UnreadableSource(
            f"{len(wrong)} balances told as subtractions differ from arrivals less departures: {said}"
        )
    notes = checked.select(*CELL, pl.col("note").alias("_note"))
    with_notes = made.join(notes, on=CELL, how="left", maintain_order="left")
    return contract.claims(with_notes.with_columns(note="_note").drop("_note"))


def national(folder: Path) -> pl.DataFrame:
    """Net migration of national statistical offices, as researchers compiled it."""
    raw = table(folder, "net_migration_national.csv.gz")
    columns(raw, "iso3", "year", "value", "measure", "unit")
    return contract.claims(
        raw.select(
            pl.col("iso3").alias("place"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            pl.col("value").cast(pl.Float64).round(3),
        ),
        measure="net_migration",
        status="register",
        definition="national_net",
        release="national-net-migration-compiled",
    )
