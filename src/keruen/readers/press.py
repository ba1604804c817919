"""Figures read on pages of the press and of agencies: a card for every page, a claim for every figure.

What a page says is one fact with an address. It was known on the day that the address tells, else at the end of the
year that the page is of; in no case later than the day the pages were read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers.common import columns, other_end, table
from keruen.vocabulary import measures

READ = date(2026, 11, 23)
"""The day the pages were last read: nothing on them became known later."""

SERIES = {
    "BNS Kazakhstan, Taldau indicator": "bns-taldau",
    "computed: arrivals minus departures of the two rows above": "bns-taldau",
    "CIS Stat ": "cis-stat",
    "Rosstat, migr2.xls": "rosstat-migr2",
    "Belstat data portal": "belstat",
    "Geostat, Statistical indicators": "geostat",
    "apiardata.com mirror of Eurostat": "eurostat-net-georgia",
    "Central Bank of Armenia, ": "central-bank-armenia",
    "National Bank of Kazakhstan, money transfers via systems": "national-bank-kazakhstan",
}
"""How the titles of publishers' own series begin, and their release cards. Every other title is of a page."""

FILES = (
    "facts.csv", "ethnic_return_annual.csv", "labour_permits_annual.csv", "registered_migration_annual.csv.gz",
    "transfers_by_corridor.csv.gz",
)  # fmt: skip

MEANING = {
    "all": (
        ("arrivals", "persons", "immigration", "reg_permanent", None),
        ("departures", "persons", "emigration", "reg_permanent", None),
        ("net_migration", "persons", "net_migration", "reg_permanent", None),
        ("arrivals_by_ethnicity", "persons", "immigration", "reg_permanent", None),
        ("departures_by_ethnicity", "persons", "emigration", "reg_permanent", None),
        ("ethnic_Russian_arrivals", "persons", "immigration", "reg_permanent", "ethnicity=Russian"),
        ("ethnic_Russian_departures", "persons", "emigration", "reg_permanent", "ethnicity=Russian"),
        ("departures_ethnic_Russian_share", "percent", "emigration_share", "reg_permanent", "ethnicity=Russian"),
        ("departures_share", "percent", "emigration_share", "reg_permanent", None),
        ("ethnic_Russians_repatriated", "persons", "emigration", "reported_unspecified", "ethnicity=Russian"),
        ("ethnic_Germans_left", "persons", "emigration", "reported_unspecified", "ethnicity=German"),
        ("ethnic_Ukrainians_repatriated", "persons", "emigration", "reported_unspecified", "ethnicity=Ukrainian"),
        ("ethnic_Belarusians_repatriated", "persons", "emigration", "reported_unspecified", "ethnicity=Belarusian"),
        ("departures_undercount_note", "ratio", "ratio", "reported_unspecified", None),
        ("citizenship_granted", "persons", "citizenship_granted", "citizenship_grant", None),
        ("citizens_stock", "persons", "foreign_citizens", "present_citizens", None),
        ("foreign_citizens_present", "persons", "foreign_citizens", "present_citizens", None),
        ("foreigners_temporarily_staying", "persons", "foreign_citizens", "present_by_stay", "stay=temporary"),
        ("foreigners_permanently_registered", "persons", "foreign_citizens", "present_by_stay", "stay=permanent"),
        ("border_entries", "entries", "border_entries", "border_crossing", None),
        ("border_exits", "exits", "border_exits", "border_crossing", None),
        ("border_entries_for_work", "entries", "border_entries_for_work", "border_crossing", None),
        ("border_entries_for_work", "persons", "border_entries_for_work", "border_crossing", None),
        ("migration_registrations", "registrations", "migration_registrations", "migration_registration", None),
        ("migration_registrations", "persons", "migration_registrations", "migration_registration", None),
        ("entry_bans_in_force", "persons", "entry_bans", "entry_ban", None),
        ("money_transfers", "million USD", "money_transfers", "transfers_reported", None),
        ("average_monthly_wage", "USD per month", "average_monthly_wage", "wage_press", None),
    ),
    "skilled": (
        ("arrivals_qualified", "persons", "immigration", "reg_permanent", None),
        ("departures_qualified", "persons", "emigration", "reg_permanent", None),
        ("departures_by_speciality", "persons", "emigration", "reg_permanent", None),
        ("departures_higher_education", "persons", "emigration", "reg_permanent", "education=higher"),
        ("departures_vocational_education", "persons", "emigration", "reg_permanent", "education=secondary vocational"),
    ),
    "labour": (
        ("labour_migrants_stock_estimate", "persons", "labour_migrants", "worker_est", None),
        ("labour_migrants_share", "percent", "labour_migrants_share", "worker_est", None),
        ("labour_migrants_stock_official_origin", "persons", "labour_migrants_abroad", "worker_origin", None),
        ("labour_migrants_departed", "persons", "labour_departures", "migration_card", None),
        ("labour_migrants_returned", "persons", "labour_returns", "migration_card", None),
    ),
    "labour_registered": (
        ("labour_migrants_registered", "persons", "labour_migrants", "worker_registered", None),
        ("foreign_workers_stock", "persons", "work_permit_holders", "permit_quota", None),
        ("foreign_workers_with_permits_stock", "persons", "work_permit_holders", "permit_quota", None),
        ("foreign_workers_with_permits", "persons", "work_permit_holders", "permit_quota", None),
        ("entered_to_work", "persons", "labour_arrivals", "entered_to_work", None),
        ("migration_registrations_for_work", "registrations", "migration_registrations_for_work",
         "migration_registration", None),
        ("migration_registrations_for_work", "persons", "migration_registrations_for_work",
         "migration_registration", None),
        ("migration_registrations_for_work_change", "persons", "migration_registrations_for_work_change",
         "migration_registration", None),
        ("foreign_labour_permits_issued", "persons", "work_permits_issued", "permit_quota", None),
        ("foreign_labour_permits_by_citizenship", "persons", "work_permits_issued", "permit_quota", None),
        ("employer_permits_issued_or_extended", "persons", "work_permits_issued", "permit_quota", None),
        ("foreign_labour_quota", "permits", "labour_quota", "permit_quota", None),
        ("foreign_labour_quota", "invitations", "labour_quota", "permit_quota", None),
        ("foreign_labour_quota", "persons", "labour_quota", "permit_quota", None),
        ("foreign_labour_quota", "percent of labour force", "labour_quota_share", "permit_quota", None),
        ("foreign_labour_quota", "percent of economically active population", "labour_quota_share",
         "permit_quota", None),
        ("household_permits_issued", "persons", "household_permits_issued", "permit_household", None),
        ("household_permit_quota", "permits", "household_permit_quota", "permit_household", None),
        ("household_labour_immigrant_quota", "persons", "household_permit_quota", "permit_household", None),
        ("household_labour_immigrant_quota", "percent of labour force", "household_permit_quota_share",
         "permit_household", None),
        ("temporary_residence_permits", "persons", "temporary_residence_permits", "temporary_residence", None),
        ("work_permits_issued", "permits", "work_permits_issued", "permit_russia", None),
        ("work_permits_issued", "persons", "work_permits_issued", "permit_russia", None),
        ("work_patents_issued", "patents", "patents_issued", "patent_russia", None),
        ("patents_issued", "persons", "patents_issued", "patent_russia", None),
        ("work_patents_issued_moscow_city", "patents", "patents_issued", "patent_russia", "region=Moscow city"),
        ("labour_permits_all_kinds_issued", "permits and patents", "labour_documents_issued", "patent_russia", None),
        ("patents_legalised_by_start_2012", "persons", "regularised", "patent_russia", None),
    ),
    "labour_unregistered": (
        ("regularised_in_amnesty", "persons", "regularised", "amnesty", None),
        ("registered_in_amnesty_interim", "persons", "regularised_interim", "amnesty", None),
        ("registered_in_amnesty_by_sector", "persons", "regularised_interim", "amnesty", None),
        ("registered_in_amnesty_by_region", "persons", "regularised_interim", "amnesty", None),
        ("share_of_amnesty", "percent", "regularised_share", "amnesty", None),
        ("illegal_labour_migrants_stock_estimate", "persons", "labour_migrants", "worker_est", None),
        ("overstayers_estimate", "persons", "overstayers", "overstay_est", None),
    ),
    "ethnic_return": (
        ("ethnic_return_arrivals", "persons", "ethnic_return", "ethnic_status", None),
        ("ethnic_return_cumulative", "persons", "ethnic_return_cumulative", "ethnic_status", None),
        ("ethnic_return_share_of_origin", "percent", "ethnic_return_share", "ethnic_status", None),
        ("ethnic_return_share_higher_education", "percent", "ethnic_return_share", "ethnic_status", "education=higher"),
        ("ethnic_return_quota", "persons", "ethnic_return_quota", "ethnic_quota", None),
        ("ethnic_return_quota_families", "families", "ethnic_return_quota_families", "ethnic_quota", None),
        ("ethnic_return_within_quota", "persons", "ethnic_return_within_quota", "ethnic_quota", None),
        ("ethnic_return_within_quota_families", "families", "ethnic_return_within_quota_families",
         "ethnic_quota", None),
    ),
}  # fmt: skip
"""What the words of the three tables of pages mean here. By stream: measure told, unit told, then measure, definition
and group."""

STREAMS = {
    "total": ("all", "labour"), "emigration": ("all",), "remittance": ("all",), "driver": ("all",),
    "skilled": ("skilled",), "ethnic-return": ("ethnic_return",), "labour-registered": ("labour_registered",),
    "labour-undocumented": ("labour_unregistered",),
}  # fmt: skip
"""The streams that the table of facts tells, and those of ours that a row of them may come to."""

BY_RESIDENCE = (
    "immigration", "emigration", "net_migration", "emigration_share", "ratio", "labour_migrants_abroad",
    "labour_departures", "labour_returns", "ethnic_return", "ethnic_return_cumulative", "ethnic_return_share",
)  # fmt: skip
"""Measures whose other end is a place of residence; of money it sends, of all others it is a citizenship."""

TEXT_TELLS = (
    # measure told, what its country, text or title says: measure (None: as above), definition, and group
    ("arrivals|departures|net_migration", "country", "^RUS$", None, "reg_russia_9m", None),
    ("departures", "text", "Masanov", None, "reported_unspecified", None),
    ("foreign_workers_stock", "country", "^TJK$", "labour_migrants", "worker_registered", None),
    ("foreign_labour_quota", "country", "^RUS$", None, "permit_russia", None),
    ("citizens_stock", "title", "Kyrgyzstan", None, "present_origin", None),
    ("ethnic_return_share_higher_education", "text", "working-age", None, "ethnic_status",
     "education=higher (working age)"),
    ("money_transfers", "text", "^Central Bank of Russia;|immigrants in Russia, CBR", None, "transfers_cbr", None),
    ("money_transfers", "text", "^Central Bank of Russia personal remittances", None, "transfers_cbr_personal", None),
    ("money_transfers", "text", "^Central Bank of Uzbekistan", None, "transfers_cbu", None),
    ("money_transfers", "text", "National Bank of Kazakhstan", None, "transfers_nbk", None),
    ("money_transfers", "title", "Kazakhstan sees massive cash outflow", None, "transfers_nbk", None),
    ("money_transfers", "text", "^NBKR|National Bank of KGZ", None, "transfers_nbkr", None),
    ("money_transfers", "title", "Kyrgyz National Bank", None, "transfers_nbkr", None),
)  # fmt: skip
"""Where the country, the text or the title of a row says more than its measure does."""


# ---------------------------------------------------------------- pages


def address(url: str) -> str:
    """A page's address without what does not tell pages apart.

    Examples
    --------
    >>> address("http://www.demoscope.ru/weekly/2022/0937/barom02.php")
    'demoscope.ru/weekly/2022/0937/barom02.php'
    """
    return re.sub(r"^https?://(www\.)?", "", url.strip()).rstrip("/")


def day_in(url: str) -> date | None:
    """The full date that an address carries, if it carries one.

    Where 10/09/2020 may be read in two ways the later day counts, so that no question as of a day sees it too early.

    Examples
    --------
    >>> day_in("https://lenta.ru/news/2006/08/29/perevod"), day_in("https://astanatimes.com/2021/04/more")
    (datetime.date(2006, 8, 29), None)
    """
    year, two = r"(?P<y>(?:19|20)\d\d)", r"(?P<{}>\d\d)"
    iso = rf"(?<!\d){year}(?P<s>[-/]?){two.format('m')}(?P=s){two.format('d')}(?!\d)"
    mixed = rf"(?<!\d){two.format('m')}/{two.format('d')}/{year}(?!\d)"
    found = []
    for pattern in (iso, mixed):
        for told in re.finditer(pattern, url):
            year_told, first, second = int(told["y"]), int(told["m"]), int(told["d"])
            readings = [(first, second)] if pattern == iso else [(first, second), (second, first)]
            found += [date(year_told, m, d) for m, d in readings if 1 <= m <= 12 and 1 <= d <= _last(year_told, m)]
    return max((d for d in found if d <= READ), default=None)


def _last(year: int, month: int) -> int:
    return (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days


def page(url: str, year: int | None) -> tuple[str, date, str]:
    """Key, known day and basis of that day of a page.

    Examples
    --------
    >>> page("https://lenta.ru/news/2006/08/29/perevod/amp", 2006)
    ('page-lenta-ru-2006-1becce', datetime.date(2006, 8, 29), 'page')
    """
    carried = day_in(url)
    known = carried or (READ if year is None else min(date(year, 12, 31), READ))
    site = re.sub(r"[^a-z0-9]+", "-", publisher(url).lower()).strip("-") or "no-address"
    mark = hashlib.blake2b(address(url).encode(), digest_size=3).hexdigest()
    told = known.year if carried or year is not None else "undated"
    return f"page-{site}-{told}-{mark}", known, "page" if carried else "page year"


def publisher(url: str) -> str:
    """The domain of a page; empty where the page has no address."""
    found = re.match(r"https?://(?:www\.)?([^/?]+)", url)
    return found[1].rstrip(".") if found else ""


def sourced(told: pl.DataFrame) -> pl.DataFrame:
    """The rows with the release, the known day and its basis; rows of a publisher's series get their release alone.

    A page that is told with two years is one page, of the later: no question as of a day sees it too early.
    """
    columns(told, "source_title", "source_url", "source_year")
    blank = told.filter(pl.any_horizontal(pl.col("source_title", "source_url").is_null()))
    if len(blank):
        raise UnreadableSource(f"{len(blank)} rows name no source_title or source_url; a figure needs its page.")
    series = pl.coalesce(
        [pl.when(pl.col("source_title").str.starts_with(start)).then(pl.lit(key)) for start, key in SERIES.items()]
    )
    addresses = {url: address(url) for url in told["source_url"].unique().to_list()}
    year = pl.col("source_year").cast(pl.Int64)
    rows = told.with_columns(
        source_year=year.max().over(pl.col("source_url").replace_strict(addresses, return_dtype=pl.String)),
        _series=series,
    )
    pairs = rows.select("source_url", "source_year").unique(maintain_order=True)
    made = [page(url, year) for url, year in pairs.iter_rows()]
    known = pairs.with_columns(
        pl.Series("_page", [key for key, _, _ in made], dtype=pl.String),
        pl.Series("_known", [day for _, day, _ in made], dtype=pl.Date),
        pl.Series("_basis", [basis for _, _, basis in made], dtype=pl.String),
    )
    paged = pl.col("_series").is_null()
    return (
        rows.join(known, on=["source_url", "source_year"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            release=pl.coalesce("_series", "_page"),
            known=pl.when(paged).then(pl.col("_known")),
            known_basis=pl.when(paged).then(pl.col("_basis")),
        )
        .drop("_series", "_page", "_known", "_basis")
    )


def pages(folder: Path) -> dict[str, dict[str, Any]]:
    """Cards of all pages from which a figure of any table was read, by key.

    Rows that name the same address and year are of one page, whatever they call it; the longest name stands.
    """
    named = [
        sourced(table(folder, name)).filter(pl.col("known").is_not_null())
        .select("release", "known_basis", "source_title", "source_url", "source_year", "known")
        for name in FILES
    ]  # fmt: skip
    told = pl.concat(named).unique().sort(pl.col("source_title").str.len_chars(), "source_title", "source_url")
    cards: dict[str, dict[str, Any]] = {}
    addresses: dict[str, str] = {}
    keys: dict[str, str] = {}
    for key, basis, title, url, year, known in told.iter_rows():
        if addresses.setdefault(key, address(url)) != address(url):
            raise UnreadableSource(f"Two pages share the key {key}: {addresses[key]} and {address(url)}.")
        if keys.setdefault(address(url), key) != key:
            raise UnreadableSource(f"Two tables tell {url} with two years: {keys[address(url)]} and {key}.")
        by_year = basis == "page year" and year is not None and date(year, 12, 31) <= READ
        cards[key] = {
            "title": title.replace("(stored page without address: ", "(no address: "),
            "publisher": publisher(url) or title,
            "edition": "",
            "released": str(year) if by_year else known.isoformat(),
            "released_basis": (
                "the page's address" if basis == "page" else "year of the page" if by_year
                else "undated: known by the day it was read" if year is None
                else f"page of {year}: known by the day it was read"
            ),
            "url": url if publisher(url) else "",
            "licence": "single-fact",
            "zeros": "dropped",
            "locator": "{url}",
        }  # fmt: skip
    return dict(sorted(cards.items()))


# ---------------------------------------------------------------- figures


def told_facts(folder: Path) -> pl.DataFrame:
    """Rows of the three tables of pages, one below the other, with their releases and known days."""
    stream, low, high = "stream", "value_low", "value_high"
    shared = (
        "country", "counterpart", "measure", "period_start", "period_end", "value", "unit", "definition",
        "source_title", "source_year", "source_url",
    )  # fmt: skip
    parts = []
    for name, own in ((FILES[0], (stream, low, high)), (FILES[1], ("note",)), (FILES[2], ("note",))):
        raw = table(folder, name, value=pl.Float64, value_low=pl.Float64, value_high=pl.Float64, note=pl.String)
        columns(raw, *shared, *own)
        missing = [c for c in (stream, low, high, "note") if c not in own]
        types = {stream: pl.String, "note": pl.String, low: pl.Float64, high: pl.Float64}
        parts.append(
            raw.select(*shared, *own)
            .with_columns(pl.lit(None, types[c]).alias(c) for c in missing)
            .with_columns(pl.col("definition").cast(pl.String), pl.col("source_year").cast(pl.Int64))
            .select(*shared, stream, low, high, "note")
        )
    dates = [pl.col(c).str.to_date("%Y-%m-%d", strict=True) for c in ("period_start", "period_end")]
    try:
        rows = pl.concat(parts).with_columns(dates)
    except pl.exceptions.PolarsError as error:
        raise UnreadableSource(f"period_start or period_end is not a day like 2018-05-03: {error}") from error
    return sourced(rows)


def events(folder: Path) -> pl.DataFrame:
    """Rows that tell an event rather than a figure."""
    return (
        told_facts(folder)
        .filter(pl.col("unit") == "event")
        .unique(["country", "period_start", "release"], maintain_order=True)
    )


def remark(*words: str) -> pl.Expr:
    """What a row says in words, without pointers to another table of its compiler."""
    told = [
        pl.col(c).fill_null("").str.replace(r"^copied from \.\./.*$", "").str.replace_all(r"\.\./\w+", "another page")
        for c in words
    ]
    plain = pl.concat_str(told, separator="; ").str.strip_chars(" ;")
    return pl.when(plain != "").then(plain)


def meant(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with measure, stream, definition and group in the words of the vocabulary, as columns that begin with _.

    Raises
    ------
    UnreadableSource
        If a row uses a stream, a measure or a unit that :data:`MEANING` and :data:`STREAMS` do not know.
    """
    names = ("measure", "unit", "_measure", "_definition", "_group", "_stream")
    known = [(*row, stream) for stream, told in MEANING.items() for row in told]
    table_of_meanings = pl.DataFrame(known, schema=dict.fromkeys(names, pl.String), orient="row")
    joined = rows.join(table_of_meanings, on=["measure", "unit"], how="left", maintain_order="left")
    agreed = pl.any_horizontal(
        (pl.col("stream") == told) & pl.col("_stream").is_in(ours) for told, ours in STREAMS.items()
    )
    odd = joined.filter(pl.col("_measure").is_null() | (pl.col("stream").is_not_null() & ~agreed))
    if len(odd):
        said = sorted(
            odd.select(pl.col("stream").fill_null("-"), "measure", pl.col("unit").fill_null("-")).unique().rows()
        )
        raise UnreadableSource(f"These (stream, measure, unit) are not in the reader's table of meanings: {said}")
    text = {"country": pl.col("country"), "text": pl.col("definition"), "title": pl.col("source_title")}
    for measure, where, pattern, instead, definition, group in TEXT_TELLS:
        here = pl.col("measure").str.contains(f"^({measure})$") & text[where].fill_null("").str.contains(pattern)
        said_here = {"_measure": instead, "_definition": definition, "_group": group}
        joined = joined.with_columns(
            pl.when(here).then(pl.lit(word)).otherwise(column).alias(column)
            for column, word in said_here.items()
            if word is not None
        )
    category = pl.col("definition").str.extract_groups(r"\b(sector|region|ethnicity|speciality): ([^,(]+)")
    kind, name = category.struct.field("1"), category.struct.field("2").str.strip_chars()
    singular = pl.when(kind == "ethnicity").then(name.str.strip_suffix("s")).otherwise(name)
    return joined.with_columns(_group=pl.coalesce("_group", pl.concat_str(kind, pl.lit("="), singular)))


def period(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with start and end: half-open for a span, one day for a stock told on a day."""
    lacking = rows.filter(pl.col("period_end").is_null())
    if len(lacking):
        raise UnreadableSource(f"period_end is empty in {len(lacking)} rows that have a period_start; give both days.")
    stocks = [m.name for m in measures().values() if m.when == "day"]
    one_day = pl.col("_measure").is_in(stocks) & (pl.col("period_start") == pl.col("period_end"))
    after = pl.col("period_end").dt.offset_by("1d")
    return rows.with_columns(start="period_start", end=pl.when(one_day).then("period_start").otherwise(after))


def ends(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with place, counterpart and basis as the vocabulary has them."""
    sent = (pl.col("_measure") == "money_transfers") & (pl.col("country") == "_WORLD")  # no receiver is told
    abroad = pl.col("_measure") == "labour_migrants_abroad"  # the place of origin reports
    told = pl.when(~pl.col("counterpart").is_in(["_WORLD", "_TOTAL"])).then(other_end("counterpart"))
    placed = rows.with_columns(
        place=pl.when(sent | abroad).then(other_end("counterpart")).otherwise(other_end("country")),
        counterpart=pl.when(sent).then(None).when(abroad).then("country").otherwise(told),
        _measure=pl.when(sent).then(pl.lit("money_transfers_sent")).otherwise("_measure"),
    )
    basis = (
        pl.when(pl.col("_measure") == "money_transfers")
        .then(pl.lit("sending"))
        .when(pl.col("_measure").is_in(BY_RESIDENCE))
        .then(pl.lit("residence"))
        .otherwise(pl.lit("citizenship"))
    )
    return placed.with_columns(basis=pl.when(pl.col("counterpart").is_not_null()).then(basis))


def apart(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows, two where one tells what is registered and, as its upper end, what is estimated unofficially.

    The estimate counts other people than the register does; it is no bound of the registered.
    """
    two = pl.all_horizontal(pl.col("value", "value_high").is_not_null()) & pl.col("definition").str.contains(
        r"registered.*unofficial estimates over"
    ).fill_null(False)
    estimates = rows.filter(two).with_columns(
        measure=pl.lit("labour_migrants_stock_estimate"),
        stream=pl.lit("total"),
        value=pl.lit(None, pl.Float64),
        value_low="value_high",
        value_high=pl.lit(None, pl.Float64),
    )
    return pl.concat([rows.with_columns(value_high=pl.when(~two).then("value_high")), estimates])


def figures(folder: Path) -> pl.DataFrame:
    """Claims of the three tables of pages."""
    figure = apart(told_facts(folder).filter(pl.col("unit") != "event", pl.col("period_start").is_not_null()))
    rows = ends(period(meant(figure)))
    millions = pl.col("unit") == "million USD"
    scale = pl.when(millions).then(1e6).otherwise(1.0)
    at_least = pl.when(pl.col("note") == "lower bound").then("value")
    ours = pl.col("note").str.contains("derived by us")
    ceiling = pl.col("_measure").str.contains("quota")  # told ahead; like every figure not known before its period
    text = pl.col("definition").fill_null("")
    made = rows.select(
        pl.col("_measure").alias("measure"),
        pl.col("_stream").alias("stream"),
        "place", "counterpart", "basis", "start", "end", "release", "known_basis",
        pl.when(text.str.contains("15+", literal=True)).then(pl.lit("15+")).alias("age"),
        pl.col("_group").alias("group"),
        (pl.col("value") * scale).round(3).alias("value"),
        (pl.coalesce("value_low", at_least) * scale).round(3).alias("low"),
        (pl.col("value_high") * scale).round(3).alias("high"),
        pl.when(millions).then("unit").alias("printed_unit"),
        pl.when(text.str.starts_with("model est")).then(pl.lit("model")).otherwise(pl.lit("press")).alias("status"),
        pl.col("_definition").alias("definition"),
        pl.when(ceiling).then(pl.max_horizontal("known", "start")).otherwise("known").alias("known"),
        remark("definition", "note").alias("note"),
        pl.when(text.str.contains("preliminary")).then(pl.lit("preliminary")).alias("flag"),
        pl.when(ours).then(pl.lit("quota of the next year less its rise")).alias("convention"),
    )  # fmt: skip
    early = made.filter(pl.col("known") < pl.col("start"))
    if len(early):
        said = early.select("release", "measure", "start").unique().sort("release").rows()[:5]
        raise UnreadableSource(f"{len(early)} figures would be known before their period; check source_year: {said}")
    return contract.claims(made)


def attitudes(folder: Path) -> pl.DataFrame:
    """Gallup's index of how far people accept migrants, as the press quotes it."""
    raw = table(folder, "attitudes_gallup_mai.csv")
    columns(raw, "iso3", "year", "measure", "value", "source_url")
    return contract.claims(
        raw.select(
            pl.col("measure"),
            pl.col("iso3").alias("place"),
            pl.date("year", 1, 1).alias("start"),
            pl.date(pl.col("year") + 1, 1, 1).alias("end"),
            "value",
            pl.concat_str(pl.lit("gallup-mai-"), pl.col("year")).alias("release"),
            pl.concat_str(pl.lit("as quoted by "), pl.col("source_url")).alias("note"),
        ),
        status="survey",
        definition="gallup_mai",
    )


def claims(folder: Path) -> Iterator[pl.DataFrame]:
    """Claims of all pages, and the quoted attitudes."""
    yield figures(folder)
    yield attitudes(folder)


def covariates(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Figures of pages that do not say of which year they speak: no claims, for a claim has a period."""
    undated = told_facts(folder).filter(pl.col("unit") != "event", pl.col("period_start").is_null())
    told = pl.when(~pl.col("counterpart").is_in(["_WORLD", "_TOTAL"])).then(other_end("counterpart"))
    yield (
        "undated_facts",
        undated.select(
            pl.col("country").alias("place"),
            told.alias("counterpart"),
            "measure",
            "value",
            "unit",
            pl.col("definition").alias("note"),
            "release",
        ),
    )
