"""Known days, copies and revisions, on invented editions; and the packaged snapshot as a whole."""

from datetime import date

import polars as pl
import pytest

from keruen import folders, snapshot
from keruen.contract import SCHEMA, claims
from keruen.errors import NoEvidence, UnreadableSource
from keruen.provenance import Release, releases
from keruen.vocabulary import topics


def card(key, released, **more):
    return Release(key=key, title=key, publisher="Office", edition="", released=released, precision="day", url="",
                   licence="official-statistics", zeros="published", **more)  # fmt: skip


CARDS = {
    c.key: c
    for c in (
        card("ed-1", date(2013, 6, 13), family="ed"),
        card("ed-2", date(2015, 7, 29), family="ed"),
        card("ed-3", date(2017, 6, 21), family="ed"),
        card("register", date(2026, 1, 31), lag_months=6),
        card("bank-1", date(2022, 5, 25), lag_months=12, family="bank"),
        card("bank-2", date(2026, 7, 1), lag_months=12, family="bank"),
        card("national", date(2025, 6, 30), lag_months=6, extra={"compare_with": "ed-3"}),
    )
}


@pytest.fixture(autouse=True)
def invented(monkeypatch, request):
    if "packaged" not in request.keywords:
        monkeypatch.setattr(snapshot, "releases", lambda: CARDS)


def row(release, value, year=2010, years=1, **more):
    return {"place": "KAZ", "release": release, "value": float(value), "measure": "net_migration", "status": "estimate",
            "definition": "un_resident", "start": date(year, 1, 1), "end": date(year + years, 1, 1), **more}  # fmt: skip


def table(*rows):
    return claims(pl.DataFrame(list(rows), infer_schema_length=None))


def test_stamped__an_edition_is_known_from_its_release():
    got = snapshot.stamped(table(row("ed-2", 1)))
    assert got.select("known", "known_basis").row(0) == (date(2015, 7, 29), "release")


def test_stamped__a_running_series_six_months_after_its_year():
    got = snapshot.stamped(table(row("register", 1, 2017), row("register", 2, 2025)))
    assert got["known"].to_list() == [date(2018, 6, 30), date(2026, 1, 31)]  # never after the day it was read
    assert got["known_basis"].to_list() == ["publication lag", "release"]


def test_stamped__months_of_a_year_wait_for_its_end():
    month = row("register", 1) | {"start": date(2017, 3, 1), "end": date(2017, 4, 1)}
    stock = row("register", 1) | {"measure": "stock", "start": date(2017, 7, 1), "end": date(2017, 7, 1)}
    assert snapshot.stamped(table(month, stock))["known"].to_list() == [date(2018, 6, 30)] * 2


def test_stamped__a_page_keeps_its_own_day():
    got = snapshot.stamped(table(row("register", 1, known=date(2018, 5, 3), known_basis="page")))
    assert got.select("known", "known_basis").row(0) == (date(2018, 5, 3), "page")


def test_carried__an_unchanged_figure_is_one_claim_of_several_editions():
    got = snapshot.carried(table(row("ed-3", 159807), row("ed-1", 0), row("ed-2", 159807)))
    assert dict(got.select("release", "copy_of").iter_rows()) == {"ed-1": None, "ed-2": None, "ed-3": "ed-2"}


def test_carried__names_the_first_of_an_unbroken_run():
    got = snapshot.carried(table(*(row(key, 7) for key in ("ed-1", "ed-2", "ed-3"))))
    assert got["copy_of"].to_list() == [None, "ed-1", "ed-1"]
    back = snapshot.carried(table(row("ed-1", 7), row("ed-2", 8), row("ed-3", 7)))
    assert back["copy_of"].to_list() == [None, None, None]


def test_carried__other_cells_are_other_claims():
    got = snapshot.carried(table(row("ed-1", 7, sex="male"), row("ed-2", 7, sex="female"), row("ed-2", 7, 2011)))
    assert got["copy_of"].to_list() == [None, None, None]


def test_carried__keeps_order_and_rows():
    rows = table(row("ed-2", 3, 2012), row("ed-1", 1, 2010), row("register", 2, 2011), row("ed-3", 3, 2012))
    got = snapshot.carried(rows)
    assert got.drop("copy_of").equals(rows.drop("copy_of"))
    assert got["copy_of"].to_list() == [None, None, None, "ed-2"]


def test_repeats__what_repeats_another_publisher_obeys_its_day():
    got = snapshot.repeats(snapshot.stamped(table(row("register", 5, 2010, copy_of="ed-3"))))
    assert got.select("known", "known_basis").row(0) == (date(2017, 6, 21), "release")


def test_repeats__a_series_filled_from_an_edition_is_found_by_comparison():
    rows = table(
        row("ed-3", 500),
        row("national", 500),
        row("national", 640, 2011),
        row("ed-3", 0, 2012),
        row("national", 0, 2012),
    )
    got = snapshot.repeats(snapshot.stamped(rows)).filter(pl.col("release") == "national")
    assert got["copy_of"].to_list() == ["ed-3", None, None]  # a zero proves nothing
    assert got["known"].to_list() == [date(2017, 6, 21), date(2012, 6, 30), date(2013, 6, 30)]


def test_revised__a_later_edition_of_a_running_series():
    rows = table(
        row("bank-1", 10, 2010),
        row("bank-1", 20, 2011),
        row("bank-2", 10, 2010),
        row("bank-2", 21, 2011),
        row("bank-2", 30, 2023),
    )
    got = snapshot.revised(snapshot.stamped(rows))
    assert got.select("release", "known", "known_basis").rows() == [
        ("bank-1", date(2011, 12, 31), "publication lag"),
        ("bank-1", date(2012, 12, 31), "publication lag"),
        ("bank-2", date(2011, 12, 31), "publication lag"),  # repeats what was known
        ("bank-2", date(2026, 7, 1), "release"),  # the revision was seen with its edition
        ("bank-2", date(2024, 12, 31), "publication lag"),  # a year the earlier edition could not hold
    ]


def test_compile__needs_a_folder(tmp_path):
    with pytest.raises(UnreadableSource, match="not a folder"):
        snapshot.compile_snapshot(tmp_path / "nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_compile__a_missing_table_leaves_nothing_behind(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableSource, match="missing"):
        snapshot.compile_snapshot(tmp_path / "empty", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty"]


@pytest.mark.packaged
def test_packaged__every_topic_keeps_the_contract():
    told = snapshot.manifest()
    assert set(told["topics"]) <= set(topics())
    assert told["rows"] == sum(r["rows"] for r in told["releases"].values())
    assert sum(p.stat().st_size for p in folders.snapshot().rglob("*") if p.is_file()) < 25e6
    for topic in told["topics"]:
        assert dict(snapshot.scan([topic]).collect_schema()) == SCHEMA, topic


@pytest.mark.packaged
def test_packaged__no_figure_is_known_before_its_period_began():
    for topic in snapshot.manifest()["topics"]:
        early = snapshot.scan([topic]).filter(
            ~pl.col("status").is_in(["projection"]) & (pl.col("known") < pl.col("start"))
        )
        assert early.collect().is_empty(), early.collect().select("release", "measure", "place", "start", "known")


def test_manifest__of_another_version_is_refused(tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text('{"version": "2026.01-0", "topics": []}', "utf-8")
    monkeypatch.setattr(folders, "snapshot", lambda: tmp_path)
    snapshot.manifest.cache_clear()
    with pytest.raises(NoEvidence, match=r"another version.*Compile it anew"):
        snapshot.manifest()
    snapshot.manifest.cache_clear()


def test_covariates__unknown_name_lists_what_there_is():
    with pytest.raises(NoEvidence, match="income"):
        snapshot.covariates("incomes")


@pytest.mark.packaged
def test_packaged__a_register_that_two_offices_publish_is_one_witness():
    rows = (
        snapshot.scan(["net_migration"])
        .filter((pl.col("release") == "cis-stat") & (pl.col("place") == "KAZ"))
        .collect()
    )
    own = rows.filter(pl.col("copy_of").is_null())["start"].to_list()
    assert own == [date(2008, 1, 1)]  # the one year in which the two publishers differ
    assert set(rows["copy_of"].drop_nulls()) == {"bns-taldau"}


@pytest.mark.packaged
def test_packaged__world_bank_copies_obey_the_un_editions():
    rows = (
        snapshot.scan(["net_migration", "stock"]).filter(pl.col("release").str.starts_with("world-bank-wdi")).collect()
    )
    assert rows.filter(pl.col("measure") == "net_migration")["known"].min() >= date(2024, 7, 11)
    assert rows.filter(pl.col("measure") == "stock")["known"].min() >= date(2025, 1, 31)


@pytest.mark.packaged
def test_packaged__half_of_the_five_year_figures_are_carried_over():
    five = snapshot.scan(["net_migration"]).filter(
        pl.col("release").is_in(["un-wpp-2015", "un-wpp-2017", "un-wpp-2019"])
        & (pl.col("status") == "estimate")
        & (pl.col("end") - pl.col("start") > pl.duration(days=1000))
        & ~pl.col("place").str.starts_with("_")
        & (pl.col("start") >= date(1950, 1, 1))
    )
    shares = five.group_by("release").agg(pl.col("copy_of").is_not_null().mean().alias("share")).collect()
    assert all(0.5 < share < 0.8 for share in shares["share"])


@pytest.mark.packaged
def test_packaged__absent_is_never_zero():
    """A zero stands only where the release publishes zeros: filled-in and dropped ones are no rows."""
    kinds = {key: card.zeros for key, card in releases().items()}
    assert set(kinds.values()) == {"published", "dropped", "imputed"}
    zeros = snapshot.scan().filter(pl.col("value") == 0).group_by("release").len().collect()
    assert len(zeros) > 15
    assert {kinds[key] for key in zeros["release"]} == {"published"}


@pytest.mark.packaged
@pytest.mark.parametrize(("release", "day", "world"), [
    ("un-ims-2020", date(2020, 7, 1), 280_598_105), ("un-ims-2024", date(2024, 7, 1), 304_021_813),
])  # fmt: skip
def test_packaged__the_world_is_the_sum_of_its_places(release, day, world):
    rows = snapshot.scan(["stock"]).filter(
        pl.col("release") == release, pl.col("start") == day, pl.col("sex") == "all", pl.col("age") == "all"
    )
    totals = rows.filter(pl.col("counterpart").is_null()).select("place", "value").collect()
    assert totals.filter(pl.col("place") == "_WORLD")["value"].item() == world
    assert totals.filter(~pl.col("place").str.starts_with("_"))["value"].sum() == world
    origins = rows.filter(pl.col("counterpart").is_not_null(), ~pl.col("place").str.starts_with("_"))
    assert origins.select(pl.col("value").sum()).collect().item() == world


@pytest.mark.packaged
def test_packaged__the_register_of_kazakhstan_is_whole():
    """1991 to 2025 by two publishers; every balance is its arrivals less its departures; they differ in 2008 alone."""
    here = (pl.col("place") == "KAZ") & pl.col("counterpart").is_null() & (pl.col("group") == "all")
    rows = (
        snapshot.scan(["net_migration", "flows"])
        .filter(here, pl.col("release").is_in(["bns-taldau", "cis-stat"]), pl.col("stream") == "all")
        .collect()
    )
    wide = rows.pivot(on="measure", index=["release", "start"], values="value").sort("start")
    assert (wide["immigration"] - wide["emigration"] == wide["net_migration"]).all()
    balances = wide.pivot(on="release", index="start", values="net_migration")
    assert balances["start"].dt.year().to_list() == list(range(1991, 2026))
    assert balances.filter(pl.col("bns-taldau") != pl.col("cis-stat")).rows() == [(date(2008, 1, 1), 1300, 1117)]
    told = dict(zip(balances["start"].dt.year(), balances["bns-taldau"], strict=True))
    assert (told[2000], told[2005]) == (-108_307, 22_668)
