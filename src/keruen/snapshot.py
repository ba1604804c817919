"""The packaged figures: compile them from tidy copies of publishers' tables, and load them lazily.

Compiling is deterministic: the same tables and the same package give the same rows in the same order.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from keruen import folders, ids
from keruen.contract import CONTENT, SCHEMA, checked
from keruen.errors import NoEvidence, UnreadableSource
from keruen.folders import home
from keruen.ledger import Ledger
from keruen.provenance import licences, pages_from, releases
from keruen.vocabulary import measures, suggest, topics

READERS = (
    "un_wpp", "un_ims", "world_bank", "unhcr", "eurostat", "oecd", "scholars", "unsd", "registers", "stock_sources",
    "central_banks", "press", "labour_market", "prices", "published_flows", "dyads", "policies",
)  # fmt: skip
"""One publisher, or one family of publishers, a module. Each yields tables of claims from `claims(folder)`, tables
beside them from `covariates(folder)`, and cards of pages from `pages(folder)`; it has those of the three it needs."""

INDEX = "index.parquet"
FORMAT = 2
"""Rises whenever a snapshot that was compiled before can no longer be read."""

SORTED = ["place", "measure", "counterpart", "start", "end", "release", "sex", "age", "group", "stream", "level"]
WORDS = [name for name, dtype in SCHEMA.items() if dtype == pl.String and name not in ("locator", "note", "text")]


@cache
def manifest() -> dict[str, Any]:
    """Version of the snapshot, rows by release, and which tables it holds.

    Raises
    ------
    NoEvidence
        If the package was installed without its figures, or they were compiled by a version that wrote them otherwise.
    """
    path = folders.snapshot() / "manifest.json"
    if not path.is_file():
        raise NoEvidence(
            f"No snapshot lies in {folders.snapshot()}. Reinstall keruen, or compile one: keruen compile FOLDER."
        )
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if told.get("format") != FORMAT:
        raise NoEvidence(
            f"The snapshot in {folders.snapshot()} was compiled by another version of Keruen. Compile it anew with "
            "keruen compile FOLDER --include-restricted, or remove that folder to use the packaged figures."
        )
    return told


def scan(wanted: Iterable[str] | None = None) -> pl.LazyFrame:
    """The packaged claims of some topics, lazily.

    Parameters
    ----------
    wanted
        Topics of the vocabulary; by default all.

    Returns
    -------
    A lazy table with the columns of :data:`keruen.contract.SCHEMA`.
    """
    held = set(manifest()["topics"])
    paths = [
        folders.snapshot() / f"{topic}.parquet" for topic in (topics() if wanted is None else wanted) if topic in held
    ]
    if not paths:
        return pl.LazyFrame(schema=SCHEMA)
    return pl.scan_parquet(paths, glob=False)


def near(keys: Iterable[str]) -> list[pl.LazyFrame]:
    """The pieces of the packaged claims in which some ids may lie, by the index of the snapshot."""
    wanted, first, pieces = ids.blocks(folders.snapshot() / INDEX, keys), 0, []
    for topic, count in manifest()["blocks"].items():
        rows = scan([topic])
        pieces += [rows.slice((b - first) * ids.BLOCK, ids.BLOCK) for b in wanted if first <= b < first + count]
        first += count
    return pieces


def covariates(name: str) -> pl.DataFrame:
    """A table of place or corridor attributes: distance, language, memberships, income classes.

    Parameters
    ----------
    name
        One of ``manifest()["covariates"]``.

    Raises
    ------
    NoEvidence
        If the snapshot holds no such table.

    Examples
    --------
    >>> covariates("income_groups").columns
    ['place', 'year', 'income', 'release']
    """
    held = manifest()["covariates"]
    if name not in held:
        raise NoEvidence(f"The snapshot holds no covariates called {name!r}. {suggest(name, held)}")
    return pl.read_parquet(folders.snapshot() / "covariates" / f"{name}.parquet")


# ---------------------------------------------------------------- known days and copies


def stamped(table: pl.DataFrame) -> pl.DataFrame:
    """Give every row without a known day the one of its edition, or of its publication lag.

    An edition is known from its release. A running series read later is taken as known so many months after the end
    of the year it speaks of (six for registers and banks, twelve for World Bank indicators), at the latest with the
    edition it was read in.
    """
    cards = releases()
    keys = table["release"].unique().drop_nulls().cast(pl.String).to_list()
    days = pl.DataFrame(
        {
            "release": keys,
            "_released": [cards[k].released for k in keys],
            "_lag": [cards[k].lag_months for k in keys],
        },
        schema={"release": pl.String, "_released": pl.Date, "_lag": pl.Int64},
    ).with_columns(pl.col("release").cast(table.schema["release"]))
    last = pl.when(pl.col("start") == pl.col("end")).then(pl.col("end")).otherwise(pl.col("end").dt.offset_by("-1d"))
    lagged = pl.date(last.dt.year(), 12, 31).dt.offset_by(pl.format("{}mo", pl.col("_lag").fill_null(0)))
    by_lag = pl.col("_lag").is_not_null() & (lagged < pl.col("_released"))
    return (
        table.join(days, on="release", how="left", maintain_order="left")
        .with_columns(
            known=pl.coalesce("known", pl.when(by_lag).then(lagged).otherwise(pl.col("_released"))),
            known_basis=pl.coalesce(
                pl.col("known_basis").cast(pl.String),
                pl.when(by_lag).then(pl.lit("publication lag")).otherwise(pl.lit("release")),
            ),
        )
        .drop("_released", "_lag")
    )


CELL = ["measure", "stream", "place", "counterpart", "sex", "age", "group", "start", "end", "level", "definition"]
"""What a figure speaks of; two editions of one family that agree on it and on the value hold one claim."""


SAME_CELL = ["measure", "place", "counterpart", "sex", "age", "group", "start", "end"]
"""What two publishers, or two editions of a running series, must agree on to speak of one figure."""


def same(value: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Equal but for the noise that copying and rounding leave."""
    return (value - other).abs() <= 1e-6 * other.abs() + 1e-9


def carried(table: pl.DataFrame) -> pl.DataFrame:
    """Mark what an edition carries over unchanged from the edition before it.

    ``copy_of`` names the first edition of the unbroken run. Editions of one ``family`` are ordered by release.
    """
    cards = releases()
    keys = table["release"].unique().drop_nulls().cast(pl.String).to_list()
    families = {k: cards[k].family for k in keys if cards[k].family}
    several = {f for f in families.values() if list(families.values()).count(f) > 1}
    members = [k for k in families if families[k] in several]
    if not members:
        return table
    told = pl.DataFrame(
        {
            "release": members,
            "_family": [families[k] for k in members],
            "_released": [cards[k].released for k in members],
        }
    ).with_columns(pl.col("release").cast(table.schema["release"]))
    rows = table.with_row_index("_row")
    cells = (
        rows.select("_row", "release", "value", "low", "high", "copy_of", *CELL)
        .join(told, on="release", how="inner")
        .sort("_family", *CELL, "_released", nulls_last=True)
    )
    group = ["_family", *CELL]
    boundary = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in group)
    unchanged = (
        ~boundary.fill_null(True)
        & same(pl.col("value"), pl.col("value").shift(1)).fill_null(False)
        & (pl.col("release") != pl.col("release").shift(1))
    )
    cells = cells.with_columns(unchanged.alias("_same"))
    root = (
        cells.with_columns(pl.when(~pl.col("_same")).then(pl.col("release")).otherwise(None).alias("_root"))
        .with_columns(pl.col("_root").forward_fill())
        .filter(pl.col("_same") & pl.col("copy_of").is_null())
        .select("_row", pl.col("_root").cast(table.schema["copy_of"]))
    )
    return (
        rows.join(root, on="_row", how="left", maintain_order="left")
        .with_columns(copy_of=pl.coalesce("copy_of", "_root"))
        .drop("_row", "_root")
    )


def repeats(table: pl.DataFrame) -> pl.DataFrame:
    """Give what repeats another publisher's edition the lineage and the known day of that edition.

    Readers set ``copy_of`` where a publisher says that it repeats another (the World Bank's population and net
    migration are the UN's). A release card with ``compare_with`` is compared with the releases named there row by row:
    national series filled from a UN edition are found this way, and registers that two offices publish.
    """
    cards = releases()
    cell = ["measure", "place", "counterpart", "sex", "start", "end"]
    for key in table["release"].unique().drop_nulls().cast(pl.String).to_list():
        for original in cards[key].extra.get("compare_with", "").split():
            theirs = (
                table.filter(pl.col("release") == original)
                .select(*cell, pl.col("value").alias("_theirs"))
                .unique(cell, keep="first", maintain_order=True)
            )
            within = float(cards[key].extra.get("compare_within", "0.5"))  # rounding apart, in the measure's unit
            equal = (
                ((pl.col("value") - pl.col("_theirs")).abs() <= within)
                & (pl.col("value") != 0)
                & (pl.col("_theirs") != 0)
            )
            table = (
                table.join(theirs, on=cell, how="left", nulls_equal=True, maintain_order="left")
                .with_columns(
                    copy_of=pl.when((pl.col("release") == key) & pl.col("copy_of").is_null() & equal)
                    .then(pl.lit(original).cast(table.schema["copy_of"]))
                    .otherwise(pl.col("copy_of"))
                )
                .drop("_theirs")
            )
    own = pl.DataFrame(
        {"release": list(cards), "_own": [c.family or k for k, c in cards.items()]},
        schema={"release": pl.String, "_own": pl.String},
    ).with_columns(pl.col("release").cast(table.schema["release"]))
    theirs_card = pl.DataFrame(
        {
            "copy_of": list(cards),
            "_of": [c.family or k for k, c in cards.items()],
            "_released": [c.released for c in cards.values()],
        },
        schema={"copy_of": pl.String, "_of": pl.String, "_released": pl.Date},
    ).with_columns(pl.col("copy_of").cast(table.schema["copy_of"]))
    # The row that is repeated, where the snapshot holds it; its edition's day where it does not.
    originals = (
        table.filter(pl.col("release").is_in(table["copy_of"].drop_nulls().unique().implode()))
        .select(*SAME_CELL, pl.col("release").cast(table.schema["copy_of"]).alias("copy_of"), "known", "known_basis")
        .rename({"known": "_known", "known_basis": "_basis"})
        .unique([*SAME_CELL, "copy_of"], keep="first", maintain_order=True)
    )
    other = pl.col("_of").is_not_null() & (pl.col("_of") != pl.col("_own"))
    return (
        table.join(theirs_card, on="copy_of", how="left", maintain_order="left")
        .join(own, on="release", how="left", maintain_order="left")
        .join(originals, on=[*SAME_CELL, "copy_of"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            known=pl.when(other).then(pl.coalesce("_known", "_released")).otherwise(pl.col("known")),
            known_basis=pl.when(other)
            .then(pl.coalesce(pl.col("_basis").cast(pl.String), pl.lit("release")))
            .otherwise(pl.col("known_basis").cast(pl.String)),
        )
        .drop("_known", "_of", "_own", "_released", "_basis")
    )


def revised(table: pl.DataFrame) -> pl.DataFrame:
    """Known days of a running series of which several editions are at hand.

    The earliest edition follows the publication lag. A later edition that repeats a figure was known no later than
    the figure it repeats; one that differs, or adds to years the earlier edition covered, is known from its own
    release, for that is when the revision was seen.
    """
    cards = releases()
    running = sorted(
        (
            k
            for k in table["release"].unique().drop_nulls().cast(pl.String).to_list()
            if cards[k].lag_months and cards[k].family
        ),
        key=lambda k: cards[k].released,
    )
    for later in running:
        earlier = [
            k for k in running if cards[k].family == cards[later].family and cards[k].released < cards[later].released
        ]
        if not earlier:
            continue
        before = table.filter(pl.col("release").is_in(earlier))
        series = ["measure", "place", "counterpart"]
        covered = before.group_by(series).agg(pl.col("end").max().alias("_until"))
        first = before.sort("known").select(
            *SAME_CELL,
            pl.col("known").alias("_first"),
            pl.col("known_basis").alias("_basis"),
            pl.col("value").alias("_before"),
        )
        first = first.unique([*SAME_CELL, "_before"], keep="first", maintain_order=True)
        rows = table.with_row_index("_row")
        match = (
            rows.filter((pl.col("release") == later) & pl.col("copy_of").is_null())
            .select("_row", *SAME_CELL, "value")
            .join(first, on=SAME_CELL, how="inner", nulls_equal=True)
            .filter(same(pl.col("value"), pl.col("_before")))
            .sort("_first")
            .unique("_row", keep="first", maintain_order=True)
            .select("_row", "_first", "_basis")
        )
        mine = (pl.col("release") == later) & pl.col("copy_of").is_null()
        table = (
            rows.join(match, on="_row", how="left", maintain_order="left")
            .join(covered, on=series, how="left", nulls_equal=True, maintain_order="left")
            .with_columns(
                known=pl.when(pl.col("_first").is_not_null())
                .then(pl.col("_first"))
                .when(mine & (pl.col("end") <= pl.col("_until")))
                .then(pl.lit(cards[later].released))
                .otherwise(pl.col("known")),
                known_basis=pl.when(pl.col("_first").is_not_null())
                .then(pl.col("_basis").cast(pl.String))
                .when(mine & (pl.col("end") <= pl.col("_until")))
                .then(pl.lit("release"))
                .otherwise(pl.col("known_basis").cast(pl.String)),
            )
            .drop("_row", "_first", "_basis", "_until")
        )
    return table


# ---------------------------------------------------------------- compile


def _compact(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col(c).cast(pl.Categorical) for c in WORDS)


def _readers(only: Iterable[str] | None) -> dict[str, Any]:
    return {name: import_module(f"keruen.readers.{name}") for name in (READERS if only is None else only)}


def compile_snapshot(
    source: Path,
    out: Path | None = None,
    *,
    include_restricted: bool = False,
    only: Iterable[str] | None = None,
    progress: Callable[[str], None] = lambda said: None,
) -> dict[str, Any]:
    """Compile tidy copies of publishers' tables into the snapshot.

    Parameters
    ----------
    source
        The folder of tables; ``docs/compile.md`` lists the files that the readers look for.
    out
        Where the snapshot goes: by default the package, or the user's own folder when restricted figures go in.
    include_restricted
        Also compile figures that carry no open licence, for local use alone.
    only
        Names of readers, for a partial trial.
    progress
        Is told what is being done.

    Returns
    -------
    The manifest of the snapshot.

    Raises
    ------
    UnreadableSource
        If the folder, or a file that a reader needs, is not there or not of the expected shape.
    FaultyTable
        If a reader breaks the contract of a claim.
    """
    if not source.is_dir():
        raise UnreadableSource(f"{source} is not a folder. Give the folder that holds the publishers' tables.")
    target = out or (home() / "snapshot" if include_restricted else folders.packaged())
    target.parent.mkdir(parents=True, exist_ok=True)
    build = Path(tempfile.mkdtemp(prefix=".snapshot-", dir=target.parent))
    try:
        told = _compile(source, build, include_restricted, only, progress)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=".old-", dir=target.parent))
            os.replace(target, old / "snapshot")
            os.replace(build, target)
            shutil.rmtree(old)
        else:
            os.replace(build, target)
    finally:
        shutil.rmtree(build, ignore_errors=True)
    folders.snapshot.cache_clear()
    manifest.cache_clear()
    return told


def _compile(
    source: Path, build: Path, include_restricted: bool, only: Iterable[str] | None, progress: Callable[[str], None]
) -> dict[str, Any]:
    readers = _readers(only)
    pages = {
        key: card
        for reader in readers.values()
        if hasattr(reader, "pages")
        for key, card in reader.pages(source).items()
    }
    (build / "pages.json").write_text(json.dumps(pages, ensure_ascii=False, indent=0, sort_keys=True) + "\n", "utf-8")
    with pages_from(build / "pages.json"):
        return _written(source, build, readers, include_restricted, progress)


def _written(
    source: Path, build: Path, readers: dict[str, Any], include_restricted: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """The tables of a snapshot, and its manifest."""
    pieces: dict[str, list[Path]] = {}
    (build / "covariates").mkdir()
    covariate_names: list[str] = []
    topic_of = pl.DataFrame({"measure": list(measures()), "_topic": [m.topic for m in measures().values()]})
    cards = releases()
    closed = [k for k, c in cards.items() if c.restricted and not include_restricted]
    ledger = Ledger()
    for name, reader in readers.items():
        progress(name)
        ledger.begin()
        for table_name, table in reader.covariates(source) if hasattr(reader, "covariates") else ():
            allowed = table.filter(~pl.col("release").is_in(closed)) if "release" in table.columns else table
            ledger.enter("covariates", len(table), len(table) - len(allowed))
            if len(allowed):
                path = build / "covariates" / f"{table_name}.parquet"
                allowed.write_parquet(path, compression="zstd", compression_level=15)
                covariate_names.append(table_name)
        for made in reader.claims(source) if hasattr(reader, "claims") else ():
            checked(made, f"reader {name}", dated=False)
            open_rows = made.filter(~pl.col("release").is_in(closed)).join(topic_of, on="measure", how="left")
            ledger.enter("claims", len(made), len(made) - len(open_rows))
            for (topic,), part in open_rows.partition_by("_topic", as_dict=True).items():
                path = build / f"{topic}-{len(pieces.get(str(topic), []))}.part"
                part.drop("_topic").write_parquet(path, compression="lz4")
                pieces.setdefault(str(topic), []).append(path)
    tables = ledger.checked()
    rows: dict[str, int] = {}
    copies: dict[str, int] = {}
    repeated: dict[str, int] = {}
    sizes: dict[str, int] = {}
    counts: dict[str, int] = {}
    withdrawals: list[str] = []
    for topic in sorted(pieces):
        progress(f"writing {topic}")
        table = pl.concat([_compact(pl.read_parquet(path)) for path in pieces[topic]], rechunk=True)
        before = len(table)
        table = table.unique([*CONTENT, "release"], keep="first", maintain_order=True)
        repeated[topic] = before - len(table)
        table = repeats(carried(revised(stamped(table))))
        table = table.sort(
            [pl.col(c).cast(pl.String) if c in WORDS else pl.col(c) for c in SORTED],
            nulls_last=False,
            maintain_order=True,
        )
        for key, count in table.group_by("release").len().iter_rows():
            rows[str(key)] = rows.get(str(key), 0) + count
        for key, count in table.filter(pl.col("copy_of").is_not_null()).group_by("release").len().iter_rows():
            copies[str(key)] = copies.get(str(key), 0) + count
        path = build / f"{topic}.parquet"
        table.lazy().with_columns(pl.col(c).cast(dtype) for c, dtype in SCHEMA.items()).sink_parquet(
            path, compression="zstd", compression_level=15, row_group_size=ids.BLOCK, statistics=True
        )
        if table["retracts"].null_count() < len(table):
            withdrawals.append(topic)
        sizes[topic], counts[topic] = path.stat().st_size, len(table)
        for part_path in pieces[topic]:
            part_path.unlink()
        del table
    progress("indexing")
    ids.index([build / f"{topic}.parquet" for topic in counts]).write_parquet(
        build / INDEX, compression="zstd", compression_level=15, row_group_size=16_384
    )
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(build.rglob("*.parquet")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    newest = max((cards[k].released for k in rows), default=None)
    told = {
        "format": FORMAT,
        "version": f"{newest:%Y.%m}-{digest.hexdigest()}" if newest else digest.hexdigest(),
        "restricted": include_restricted,
        "rows": sum(rows.values()),
        "topics": sorted(pieces),
        "covariates": sorted(covariate_names),
        "releases": {k: {"rows": rows[k], "copies": copies.get(k, 0)} for k in sorted(rows)},
        "repeated": repeated,
        "tables": tables,
        "withdrawals": withdrawals,
        "bytes": sizes,
        "blocks": {topic: ids.blocks_of(count) for topic, count in counts.items()},
        "licences": sorted({licences()[cards[k].licence]["name"] for k in rows}),
    }
    (build / "manifest.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", "utf-8")
    return told
