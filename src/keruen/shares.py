"""Money received as a share of gross domestic product: every numerator over every edition, searched and ranked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from keruen import store
from keruen.errors import VocabularyError
from keruen.places import countries, places
from keruen.places import place as one_place
from keruen.yearly import calendar_years, of_all, yearly_transfers

MONEY = ("remittances_received", "remittances_share_gdp", "money_transfers", "remittances", "gdp")


SHARES = {
    "year": pl.Int32, "measure": pl.String, "definition": pl.String, "counterpart": pl.String, "value_usd": pl.Float64,
    "share_gdp": pl.Float64, "release": pl.String, "gdp_release": pl.String, "derived": pl.Boolean,
    "convention": pl.String, "ids": pl.String,
}  # fmt: skip


def shares(claims: pl.DataFrame, *, matrices: bool = False) -> pl.DataFrame:
    """Every published share of GDP, and every share that a numerator and a GDP in these claims make.

    Parameters
    ----------
    claims
        Claims with ids about one place: ``remittances_received``, ``remittances_share_gdp``, ``money_transfers`` and
        ``gdp``, in any number of editions.
    matrices
        Also every corridor of the published matrices, models of ``remittances``.

    Returns
    -------
    One row for every numerator and edition of GDP: ``year``, ``measure``, ``definition`` (what is counted; amounts of
    two definitions never add up), ``counterpart`` (the sender, null for the whole world), ``value_usd``, ``share_gdp``
    in percent, ``release`` and ``gdp_release``, ``derived`` (true for our arithmetic, false for a published share) and
    ``ids``. A numerator without a GDP of its year keeps a null share. Money and GDP are those of the whole place: the
    GDP of a part of its territory divides nothing.
    """
    codes = claims["place"].unique().to_list()
    if len(codes) > 1:
        raise VocabularyError(f"These claims speak of {', '.join(sorted(codes)[:5])}; a share is of one place's GDP.")
    yearly = calendar_years(of_all(claims))
    gdp = (
        yearly.filter(pl.col("measure") == "gdp")
        .select("year", gdp="value", gdp_release="release", gdp_id="id")
        .unique(["year", "gdp_release"], keep="last", maintain_order=True)
    )
    received = yearly.filter(pl.col("measure") == "remittances_received")
    modelled = yearly.filter(pl.col("measure") == "remittances") if matrices else yearly.clear()
    transfers = yearly_transfers(claims) if "money_transfers" in claims["measure"] else yearly.clear()
    money = pl.concat([received, modelled, transfers], how="diagonal_relaxed")
    ours = money.join(gdp, on="year", how="left", maintain_order="left").select(
        "year", "measure", "definition", "counterpart", pl.col("value").alias("value_usd"),
        (100 * pl.col("value") / pl.col("gdp")).alias("share_gdp"), "release", "gdp_release",
        pl.lit(True).alias("derived"), "convention",
        pl.concat_str("id", "gdp_id", separator=" ", ignore_nulls=True).alias("ids"),
    )  # fmt: skip
    published = yearly.filter(pl.col("measure") == "remittances_share_gdp").select(
        "year", "measure", "definition", "counterpart", pl.lit(None, pl.Float64).alias("value_usd"),
        pl.col("value").alias("share_gdp"), "release", pl.col("release").alias("gdp_release"),
        (pl.col("derived_from").is_not_null() | pl.col("definition").str.ends_with("_derived")).alias("derived"),
        "convention", pl.col("id").alias("ids"),
    )  # fmt: skip
    table = pl.concat([ours, published], how="vertical_relaxed").cast(SHARES)  # type: ignore[arg-type]
    return table.sort("year", "measure", "counterpart", "release", "definition", "gdp_release", nulls_last=True)


@dataclass(frozen=True, slots=True)
class Search:
    """Which shares lie in a range, and whether any of them means what was said.

    ``rows`` holds every share of :func:`shares` with ``within`` and ``means_it`` (the money came from the sender that
    was named); ``sentence`` says the outcome.
    """

    rows: pl.DataFrame = field(repr=False)
    sentence: str


def shares_within(table: pl.DataFrame, low: float, high: float, sender: str | None = None) -> Search:
    """Search every pair of numerator and denominator for a share in a range.

    Parameters
    ----------
    table
        From :func:`shares`.
    low, high
        Percent of GDP, both ends counted in.
    sender
        The place the money is said to come from; None for the whole world.
    """
    if not 0 <= low <= high:
        raise VocabularyError(f"The range {low:g}–{high:g} is not one; give percent, the lower end first.")
    rows = table.filter(pl.col("share_gdp").is_not_null()).with_columns(
        within=pl.col("share_gdp").is_between(low, high),
        means_it=pl.col("counterpart").eq_missing(pl.lit(sender, pl.String)),
    )
    hit = rows.filter("within")
    right = hit.filter("means_it")
    who = f"from {places()[sender].name}" if sender and sender in places() else "from the whole world"

    def listed(some: pl.DataFrame) -> str:
        told = [
            f"{r['year']} {r['measure'].replace('_', ' ')}{' from ' + r['counterpart'] if r['counterpart'] else ''} "
            f"{r['share_gdp']:.1f}% ("
            + (f"{r['definition']} of " if r["measure"] == "money_transfers" else "")
            + r["release"]
            + (f" over GDP of {r['gdp_release']})" if r["gdp_release"] != r["release"] else ")")
            for r in some.iter_rows(named=True)
        ]
        return "; ".join(told[:6]) + (f"; and {len(told) - 6} more" if len(told) > 6 else "")

    head = f"Of {len(rows)} shares that the evidence makes, {len(hit)} lie within {low:g}–{high:g}%"
    if hit.is_empty():
        sentence = f"{head}."
    elif right.is_empty():
        sentence = f"{head}, and none of them means money {who}: {listed(hit)}."
    else:
        sentence = f"{head}, of which {len(right)} mean money {who}: {listed(right)}."
    return Search(rows, sentence)


def share_search(
    place: str | int, low: float, high: float, *, sender: str | None = None, as_of: str | date | None = None
) -> Search:
    """Which numerator over which edition of GDP gives a share in a range, in which year, and whether it means that.

    Parameters
    ----------
    place
        Who receives.
    low, high
        Percent of GDP.
    sender
        From whom the money is said to come.
    as_of
        Only what was known on that day.

    Examples
    --------
    >>> share_search("TJK", 36, 38, sender="RUS").rows.filter("within").is_empty()
    False
    """
    told = store.evidence(place, MONEY, as_of=as_of)
    return shares_within(shares(told, matrices=True), low, high, one_place(sender).code if sender is not None else None)


def ranking(
    place: str | int | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
    as_of: str | date | None = None,
    strict: bool = False,
) -> pl.DataFrame:
    """Ranks in the world by remittances over GDP, published shares and our own division apart.

    Parameters
    ----------
    place
        One place; by default all.
    since, until
        First and last calendar year.
    as_of
        Only what was known on that day.
    strict
        Leave out what rests on a publication lag.

    Returns
    -------
    ``year``, ``release``, ``derived``, ``place``, ``share_gdp``, ``rank`` (1 depends most) and ``of`` (places that have
    a share). Places that nobody reported are not ranked.
    """
    rows = calendar_years(of_all(store.evidence(measure="remittances_share_gdp", as_of=as_of, strict=strict)))
    rows = rows.filter(
        pl.col("counterpart").is_null()
        & pl.col("place").cast(pl.String).is_in([p.code for p in countries()])
        & pl.lit(True if since is None else None).fill_null(pl.col("year") >= (since or 0))
        & pl.lit(True if until is None else None).fill_null(pl.col("year") <= (until or 0))
    )
    edition = ["year", "release", "definition"]
    ranked = rows.with_columns(
        rank=pl.col("value").rank("min", descending=True).over(edition).cast(pl.Int32),
        of=pl.len().over(edition).cast(pl.Int32),
        derived=pl.col("derived_from").is_not_null() | pl.col("definition").cast(pl.String).str.ends_with("_derived"),
    )
    if place is not None:
        ranked = ranked.filter(pl.col("place") == one_place(place).code)
    return ranked.select("year", "release", "derived", "place", pl.col("value").alias("share_gdp"), "rank", "of").sort(
        "year", "release", "derived", "rank"
    )
