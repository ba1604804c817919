"""Figures on invented claims: what is drawn, what is not, and what a page may rely on."""

import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from keruen import figures, figures_labour, figures_net, figures_remittances, figures_stocks, labels
from keruen.contract import claims, ids
from keruen.errors import ConceptError, NoEvidence, OutputError

SVG = "{http://www.w3.org/2000/svg}"


def dressed(rows: list[dict], **more) -> pl.DataFrame:
    """Invented claims with the columns of a query's result."""
    table = claims(pl.DataFrame(rows, infer_schema_length=None), **more)
    return table.with_columns(
        ids(table),
        unit=pl.lit("persons"),
        source=pl.lit("Invented"),
        printed=pl.lit(None, pl.Float64),
        own=pl.lit(False),
    )


def five(
    release: str, values: dict[int, float], known: date, status: str = "estimate", copy_of: str | None = None
) -> list[dict]:
    return [
        {
            "place": "KAZ",
            "measure": "net_migration",
            "start": date(y, 7, 1),
            "end": date(y + 5, 7, 1),
            "value": v,
            "release": release,
            "status": status,
            "definition": "un_resident",
            "known": known,
            "known_basis": "release",
            "copy_of": copy_of,
        }
        for y, v in values.items()
    ]


def yearly(release: str, values: dict[int, float], known: date, **more) -> list[dict]:
    return [
        {
            "place": "KAZ",
            "measure": "net_migration",
            "start": date(y, 1, 1),
            "end": date(y + 1, 1, 1),
            "value": v,
            "release": release,
            "status": "estimate",
            "definition": "un_resident",
            "known": known,
            "known_basis": "release",
        }
        | more
        for y, v in values.items()
    ]


def net() -> pl.DataFrame:
    return dressed(
        five("un-wpp-2015", {2000: 40_000.0, 2005: -35_000.0, 2010: 160_000.0}, date(2015, 7, 29))
        + five(
            "un-wpp-2017", {2000: 40_000.0, 2005: -35_000.0, 2010: 160_000.0}, date(2017, 6, 21), copy_of="un-wpp-2015"
        )
        + five("un-wpp-2017", {2015: 0.0}, date(2017, 6, 21), status="projection")
        + yearly("un-wpp-2024", {y: float(1000 * (y - 2010)) for y in range(2000, 2024)}, date(2024, 7, 11))
    )


def stocks() -> pl.DataFrame:
    rows = []
    for release, known, factor in (("un-ims-2020", date(2021, 1, 31), 1.0), ("un-ims-2024", date(2025, 1, 31), 0.4)):
        for y in range(1990, 2025, 5):
            for other, share in ((None, 1.0), ("RUS", 0.7), ("UZB", 0.1), ("UKR", 0.2)):
                rows.append(
                    {
                        "place": "KAZ",
                        "counterpart": other,
                        "measure": "stock",
                        "start": date(y, 7, 1),
                        "end": date(y, 7, 1),
                        "value": 3e6 * factor * share,
                        "release": release,
                        "status": "estimate",
                        "definition": "un_stock",
                        "known": known,
                        "known_basis": "release",
                        "basis": "birthplace" if other else None,
                    }
                )
    return dressed(rows)


def money() -> pl.DataFrame:
    rows = []
    for y in range(2000, 2024):
        for what, value, convention in (
            ("remittances_received", 2e8 + 1e7 * y, None),
            ("remittances_share_gdp", 0.3, None),
            ("remittances_share_gdp", 0.31, "received over product"),
        ):
            rows.append(
                {
                    "place": "KAZ",
                    "measure": what,
                    "start": date(y, 1, 1),
                    "end": date(y + 1, 1, 1),
                    "value": value,
                    "release": "un-wpp-2022" if convention else "un-wpp-2024",
                    "convention": convention,
                    "status": "estimate",
                    "definition": "un_demography",
                    "known": date(y + 1, 12, 31),
                    "known_basis": "publication lag",
                }
            )
    return dressed(rows)


def facts() -> pl.DataFrame:
    base = {
        "place": "KAZ",
        "status": "press",
        "definition": "un_resident",
        "release": "un-wpp-2024",
        "known": date(2024, 1, 1),
        "known_basis": "page",
    }
    return dressed(
        [
            base
            | {
                "measure": "labour_migrants",
                "stream": "labour_unregistered",
                "start": date(2009, 1, 1),
                "end": date(2009, 1, 1),
                "low": 3e5,
                "high": 1e6,
            },
            base
            | {
                "measure": "labour_migrants",
                "stream": "labour",
                "start": date(2010, 1, 1),
                "end": date(2010, 1, 1),
                "low": 4e5,
            },
            base
            | {"measure": "work_permits_issued", "start": date(2015, 1, 1), "end": date(2016, 1, 1), "value": 30_000.0},
            base
            | {"measure": "ethnic_return_cumulative", "start": date(1991, 1, 1), "end": date(2020, 1, 1), "value": 1e6},
        ]
    )


def rivals() -> pl.DataFrame:
    return net().filter((pl.col("start") == date(2010, 7, 1)) | (pl.col("start") == date(2005, 7, 1)))


WINDOWS = [(date(2005, 7, 1), date(2010, 7, 1)), (date(2010, 7, 1), date(2015, 7, 1))]
ALL = {
    "net_migration": lambda: figures_net.net_migration_by_edition(net(), as_of=date(2018, 5, 3)),
    "stock": lambda: figures_stocks.stock_by_edition(stocks()),
    "corridors": lambda: figures_stocks.corridors(stocks(), day=date(2020, 7, 1)),
    "remittances": lambda: figures_remittances.received(money()),
    "labour": lambda: figures_labour.reported(facts()),
    "known_when": lambda: figures_net.known_when(rivals(), WINDOWS),
}


@pytest.mark.parametrize("name", ALL)
def test_figures__are_whole_svg_with_words(name):
    figure = ALL[name]()
    root = ET.fromstring(figure.svg)
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == figure.title
    assert root.find(f"{SVG}desc").text == figure.alt
    assert len(list(root.iter(f"{SVG}text"))) > 3, "labels are text, not paths"
    assert "<style" not in figure.svg
    assert "<script" not in figure.svg
    assert not re.search(r"""(?:href|src)=["'](?!#)""", figure.svg)
    assert figure.ids
    assert all(":" in i for i in figure.ids)
    assert len(figure.alt) > 40


@pytest.mark.parametrize("name", ALL)
def test_figures__are_the_same_every_time(name):
    assert ALL[name]().svg == ALL[name]().svg


def test_figures__share_no_ids_on_a_page():
    found = [i for make in ALL.values() for i in re.findall(r'\bid="([^"]+)"', make().svg)]
    assert len(found) == len(set(found))


def test_figures__refer_only_to_ids_they_have():
    for make in ALL.values():
        svg = make().svg
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_figures__leave_the_settings_of_matplotlib_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    ALL["net_migration"]()
    assert dict(matplotlib.rcParams) == before


def test_figures__obey_no_style_of_the_user():
    import matplotlib

    plain = ALL["stock"]().svg
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "black", "axes.grid": True}):
        assert ALL["stock"]().svg == plain


def test_figures__speak_cyrillic_and_kazakh():
    table = net().with_columns(release=pl.lit("my-office"), source=pl.lit("Қазақстан: өз деректері <b>$x$</b> & Ко"))
    svg = figures_net.net_migration_by_edition(table).svg
    assert "Қазақстан: өз деректері" in svg
    assert "<b>" not in svg
    assert "$x$" in svg
    ET.fromstring(svg)


def test_net_migration__draws_projections_dashed_and_copies_hollow():
    svg = ALL["net_migration"]().svg
    assert "stroke-dasharray" in svg
    assert "as of 3 May 2018" in svg
    assert "fill: #ffffff" in svg


def test_net_migration__copies_of_another_publisher_are_not_drawn():
    copy = dressed(yearly("world-bank-wdi-2026", {2010: 5.0}, date(2024, 7, 11), copy_of="un-wpp-2024"))
    drawn = figures_net.net_migration_by_edition(pl.concat([net(), copy])).ids
    assert not any(i.startswith("world-bank") for i in drawn)


def test_net_migration__a_gap_is_a_gap():
    broken = dressed(yearly("un-wpp-2024", {2010: 1.0, 2011: 2.0, 2015: 3.0, 2016: 4.0}, date(2024, 7, 11)))
    runs = figures._broken(list(broken.iter_rows(named=True)), 1.0, yearly=True)
    assert [xs for xs, _, _ in runs] == [[2010.5, 2011.5], [2015.5, 2016.5]]


def test_net_migration__every_claim_drawn_is_in_the_window():
    figure = figures_net.net_migration_by_edition(net(), since=2010)
    early = set(net().filter(pl.col("start") < date(2010, 1, 1))["id"])
    assert not early & set(figure.ids)


def test_net_migration__two_places_are_refused():
    two = pl.concat([net(), net().with_columns(place=pl.lit("UZB"))])
    with pytest.raises(ConceptError, match="KAZ, UZB"):
        figures_net.net_migration_by_edition(two)


@pytest.mark.parametrize(
    "make",
    [
        figures_net.net_migration_by_edition,
        figures_stocks.stock_by_edition,
        figures_remittances.received,
        figures_labour.reported,
    ],
)
def test_figures__nothing_reported_is_not_drawn(make):
    with pytest.raises(NoEvidence):
        make(net().clear())


def test_figures__a_table_without_ids_is_refused():
    with pytest.raises(ConceptError, match="take them from"):
        figures_net.net_migration_by_edition(net().drop("id"))


def test_corridors__widest_gap_is_said():
    assert "Russia, 840,000 to 2,100,000" in ALL["corridors"]().alt


def test_labour__ranges_and_more_than():
    figure = ALL["labour"]()
    assert len(figure.ids) == 4
    assert "labour migrants (unregistered)" in figure.svg


def test_labour__a_group_of_origins_beside_its_whole_is_not_drawn():
    whole = facts()[3].with_columns(id=pl.lit("whole"))
    cis = whole.with_columns(counterpart=pl.lit("_CIS"), value=pl.lit(1e5), id=pl.lit("cis"))
    assert figures_labour.reported(pl.concat([whole, cis])).ids == ("whole",)
    assert figures_labour.reported(cis).ids == ("cis",)


def test_known_when__leaves_out_running_series():
    lagged = rivals().with_columns(known_basis=pl.lit("publication lag"))
    with pytest.raises(NoEvidence):
        figures_net.known_when(lagged, WINDOWS)


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_save__writes_and_refuses_to_overwrite(tmp_path, ending):
    path = tmp_path / f"figure.{ending}"
    figure = ALL["stock"]()
    figure.save(path)
    first = path.read_bytes()
    assert len(first) > 1000
    with pytest.raises(OutputError, match="force"):
        figure.save(path)
    figure.save(path, force=True)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_save__names_the_remedy(tmp_path):
    figure = ALL["stock"]()
    with pytest.raises(OutputError, match=r"\.svg, \.png or \.pdf"):
        figure.save(tmp_path / "figure.gif")
    with pytest.raises(OutputError, match="does not exist"):
        figure.save(tmp_path / "nowhere" / "figure.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(OutputError, match="folder"):
        figure.save(tmp_path / "folder.svg")


def test_notebooks__show_the_drawing():
    figure = ALL["stock"]()
    assert figure._repr_svg_() == figure.svg
    assert figure.svg in figure._repr_html_()
    assert "<svg" not in repr(figure)


def test_figure__prints_its_title_and_how_many_claims_it_draws():
    figure = ALL["stock"]()
    width, height = (float(x) for x in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', figure.svg).groups())
    told = repr(figure)
    assert told.startswith(
        f'Figure "{figure.title}", {width:.0f} by {height:.0f} points, drawn from {len(figure.ids)} claim'
    )
    assert len(repr(replace(figure, title="long " * 99))) < 400
    assert "&lt;b&gt;" in replace(figure, title="<b>")._repr_html_()


def test_label__is_short():
    assert labels.label("un-wpp-2024") == "UN WPP 2024"
    assert labels.label("no-such-release", "My survey") == "My survey"


def test_figures__six_within_a_second_and_a_half():
    ALL["stock"]()  # imports and the list of fonts are not drawing
    begun = time.process_time()
    for make in ALL.values():
        make()
    assert time.process_time() - begun < 3.0  # half of it on a quiet machine; benchmarks/brief.py measures it
