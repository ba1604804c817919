"""Figures on invented claims: what is drawn, what is not, and what a page may rely on."""

import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from keruen import (
    access,
    figures,
    figures_depends,
    figures_labour,
    figures_matrices,
    figures_net,
    figures_price,
    figures_remittances,
    figures_stocks,
    labels,
)
from keruen.contract import claims, ids
from keruen.errors import ConceptError, NoEvidence, OutputError, VocabularyError
from keruen.leverage import Leverage
from keruen.remittances import SENDERS
from keruen.sections.common import Asked
from keruen.sections.net import net_of

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


LONG = ["VCT", "KNA", "CAF", "BIH", "DOM", "TTO", "SPM", "MNP", "ARE", "USA", "GBR", "COD"]


def leverage(pairs, absent=()) -> Leverage:
    """Leverage as invented: over, holder, dependence in percent with its bounds."""
    columns = ["over", "holder", "dependence", "dependence_low80", "dependence_high80"]
    types = dict.fromkeys(columns[:2], pl.String) | dict.fromkeys(columns[2:], pl.Float64)
    table = pl.DataFrame(pairs, schema=types, orient="row")
    ids_ = {c: (f"un-ims-2020:{c}",) for c in table["over"]}
    return Leverage(2021, None, table, pl.DataFrame(), ("An invented rule.",), tuple(absent), ("un-ims-2020",), ids_)


def hanging() -> Leverage:
    return leverage(
        [("TJK", "RUS", 25.24, 24.4, 28.0), ("KGZ", "RUS", 21.6, 18.6, 26.8), ("UZB", "RUS", 6.2, 5.3, 6.7),
         ("TJK", "KAZ", 0.88, 0.8, 1.4), ("KGZ", "KAZ", 1.3, 0.6, 3.5), ("KAZ", "RUS", 0.05, 0.04, 0.06), ("KAZ", "TKM", None, None, None)],
        absent=["TKM"],
    )  # fmt: skip


def everyone() -> Leverage:
    """Twelve places with long names, all of which hang on all others."""
    rng = np.random.default_rng(1)
    sizes = {(a, b): float(np.exp(rng.normal(0.5, 1.2))) for a in LONG for b in LONG if a != b}
    return leverage([(a, b, d, 0.7 * d, 1.3 * d) for (a, b), d in sizes.items()])


def senders(of: dict[str, dict[tuple[str, str | None, str], float]]) -> pl.DataFrame:
    rows = [
        ("KAZ", 2021, sender, *matrix, share, f"{matrix[2]}:{sender}")
        for sender, told in of.items()
        for matrix, share in told.items()
    ]
    return pl.DataFrame(rows, schema=SENDERS, orient="row")


BANK, OLD, NEW = ("published", None, "world-bank-remittances-2022-12"), "un-ims-2020", "un-ims-2024"


def contradicting() -> pl.DataFrame:
    return senders(
        {
            "RUS": {BANK: 59.4, ("stocks", None, OLD): 63.9, ("stocks", None, NEW): 52.3, ("incomes", "current", NEW): 26.8},
            "DEU": {BANK: 28.0, ("stocks", None, OLD): 23.5, ("incomes", "current", NEW): 63.7},
            "VCT": {("ratha_shaw", "ppp", OLD): 0.0043},
        }
    )  # fmt: skip


def worth(**changes) -> access.Price:
    base = {
        "stock": (500_000, 400_000, 600_000), "working_share": (0.6, 0.4, 0.8), "permit_cost": (58_000, 50_000, 65_000),
        "exchange_rate": (61, 61, 61), "banned": (30_000, 20_000, 60_000), "earnings": (3_000, 2_000, 4_000),
        "gdp": (6.7e9, 6.7e9, 6.7e9),
    } | changes  # fmt: skip
    given = [
        access.Input(name=n, value=r[0], low=r[1], high=r[2], unit="local currency a person and year", because="a test",
                     ids=(f"un-ims-2020:{n}",))
        for n, r in base.items() if r
    ]  # fmt: skip
    return access.access_price("KGZ", "RUS", 2015, given, rng=np.random.default_rng(0), draws=400)


WINDOWS = [(date(2005, 7, 1), date(2010, 7, 1)), (date(2010, 7, 1), date(2015, 7, 1))]
ALL = {
    "net_migration": lambda: figures_net.net_migration_by_edition(net(), as_of=date(2018, 5, 3)),
    "stock": lambda: figures_stocks.stock_by_edition(stocks()),
    "corridors": lambda: figures_stocks.corridors(stocks(), day=date(2020, 7, 1)),
    "remittances": lambda: figures_remittances.received(money()),
    "labour": lambda: figures_labour.reported(facts()),
    "known_when": lambda: figures_net.known_when(rivals(), WINDOWS),
    "hangs": lambda: figures_depends.hangs_on(hanging()),
    "matrices": lambda: figures_matrices.matrices(contradicting()),
    "price": lambda: figures_price.price(worth()),
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


def test_net_migration__the_range_in_words_is_that_of_all_editions_drawn():
    alt = ALL["net_migration"]().alt
    assert "For 2015–20 the editions drawn run from 0 to 37,500 persons over 5 years, yearly ones summed." in alt
    steps = net().filter(pl.col("release") != "un-wpp-2024")
    alt = figures_net.net_migration_by_edition(steps).alt
    assert alt.endswith("For 2010–15 the editions drawn run from 160,000 to 160,000 persons over 5 years.")


@pytest.mark.packaged
@pytest.mark.parametrize("code", ["NGA", "TUR", "KAZ"])
def test_net_migration__figure_and_sentence_tell_one_range(code):
    told = net_of(Asked(code, code, None, strict=False))
    values = [r["value"] for r in told.editions(told.windows[-1])]
    ends = f"from {labels.spelt(min(values))} to {labels.spelt(max(values))} persons"
    assert ends in figures_net.net_migration_by_edition(told.claims).alt


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


# ---------------------------------------------------------------- who hangs on whom, matrices, the price of access


def said(figure) -> list[str]:
    """The texts of a drawing."""
    return ["".join(t.itertext()) for t in ET.fromstring(figure.svg).iter(f"{SVG}text")]


def words(figure) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Every line of text as it is drawn, with its box: left, top, right, bottom in points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = []
    with figures._style("words"):
        canvas = Figure(figsize=(figure.width / 72, figure.height / 72), dpi=160)  # as a PNG
        agg = FigureCanvasAgg(canvas)
        figure._draw(canvas)
        renderer = agg.get_renderer()
        draw_text = renderer.draw_text

        def noted(gc, x, y, text, prop, angle, *more, **named):
            wide, high, down = renderer.get_text_width_height_descent(text, prop, ismath=False)
            found.append((text, tuple(v * 72 / 160 for v in (x, y - high + down, x + wide, y + down))))
            draw_text(gc, x, y, text, prop, angle, *more, **named)

        renderer.draw_text = noted
        canvas.draw(renderer)
    return found


MANY = {
    f"{matrix}-{edition}": (matrix, prices, edition)
    for matrix, prices in figures_matrices.WAYS
    for edition in (OLD, NEW)
}
CROWDED = {
    "network": lambda: figures_depends.hangs_on(hanging()),
    "network of twelve": lambda: figures_depends.hangs_on(everyone()),
    "star": lambda: figures_depends.hangs_on(leverage([(c, "USA", 99.9, 90.0, 100.0) for c in LONG if c != "USA"])),
    "host of one": lambda: figures_depends.hangs_on(leverage([("VCT", "MNP", 1e-5, 0.0, 2e-4)]), above=1e-4),
    "matrices": lambda: figures_matrices.matrices(contradicting()),
    "twelve senders": lambda: figures_matrices.matrices(
        senders({c: dict.fromkeys(MANY.values(), 8.0 + 0.01 * k) for k, c in enumerate(LONG)}), top=12
    ),
    "one sender": lambda: figures_matrices.matrices(senders({"VCT": {BANK: 100.0}})),
    "price": lambda: figures_price.price(worth()),
    "a floor": lambda: figures_price.price(worth(banned=None)),
    "cents": lambda: figures_price.price(worth(stock=(3, 3, 3), permit_cost=(1, 1, 1), banned=None)),
    "trillions": lambda: figures_price.price(worth(stock=(5e9, 4e9, 6e9), permit_cost=(5e9, 4e9, 6e9))),
}


@pytest.mark.parametrize("name", CROWDED)
def test_depends__no_word_touches_another_or_leaves_the_picture(name):
    figure = CROWDED[name]()
    drawn = words(figure)
    assert len(drawn) > 4
    for text, (left, top, right, bottom) in drawn:
        assert min(left, top, figure.width - right, figure.height - bottom) >= 0, text
    for k, (text, one) in enumerate(drawn):
        for other, two in drawn[:k]:
            apart = one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] + 0.5 or two[3] <= one[1] + 0.5
            assert apart, f"{text} on {other}"


def test_hangs_on__numbers_and_doubt_are_those_of_the_table():
    figure = figures_depends.hangs_on(hanging())
    told = said(figure)
    for number, interval in (
        ("25.2%", "24.4–28.0"),
        ("21.6%", "18.6–26.8"),
        ("6.2%", "5.3–6.7"),
        ("0.88%", "0.80–1.4"),
    ):
        assert told.count(number) == 1
        assert told.count(interval) == 1
    assert "0.050%" not in told  # Kazakhstan on Russia stays below the threshold
    assert figure.svg.count("stroke-dasharray") == 2  # what may lie below it
    assert "Tajikistan on Russia, 25.2% (24.4 to 28.0)" in figure.alt
    assert "Of Turkmenistan nobody reported" in figure.alt
    assert "UN IMS 2020" in " ".join(told)
    assert set(figure.ids) == {f"un-ims-2020:{c}" for c in ("TJK", "KGZ", "UZB")}
    sure = figures_depends.hangs_on(hanging(), above=0.5)
    assert "stroke-dasharray" not in sure.svg
    assert "Dashed" not in " ".join(said(sure))


def test_hangs_on__width_is_dependence():
    svg = figures_depends.hangs_on(leverage([("TJK", "RUS", 20.0, 20.0, 20.0), ("KGZ", "KAZ", 10.0, 10.0, 10.0)])).svg
    blue, orange = (
        [float(w) for w in re.findall(rf"stroke: {colour}; stroke-opacity: 0.85; stroke-width: ([0-9.]+)", svg)]
        for colour in (figures.VIVID[3], figures.VIVID[0])
    )
    assert len(blue) == len(orange) == 1
    assert blue[0] == pytest.approx(2 * orange[0])


def test_hangs_on__more_places_than_can_be_read_are_counted():
    rows = [(a, b, 5.0 + k, 4.0, 30.0) for k, (a, b) in enumerate(zip(LONG, [*LONG[1:], LONG[0]], strict=True))]
    figure = figures_depends.hangs_on(leverage(rows), most=5)
    assert "Left out: 8 narrower corridors. Not drawn: 7 more places." in " ".join(said(figure))
    assert "4 corridors that may reach 1% of a product between 5 places" in figure.alt


def test_hangs_on__nothing_and_bad_input_name_the_remedy():
    with pytest.raises(
        NoEvidence, match=r"the most is Tajikistan from Russia, 25\.2%\. Take a lower threshold, say above=1"
    ):
        figures_depends.hangs_on(hanging(), above=50)
    with pytest.raises(NoEvidence, match="another year="):
        figures_depends.hangs_on(leverage([("KAZ", "RUS", None, None, None)]))
    for above in (0.0, -1.0, float("nan"), 101.0):
        with pytest.raises(VocabularyError, match="no threshold"):
            figures_depends.hangs_on(hanging(), above=above)
    with pytest.raises(VocabularyError, match="2 or more"):
        figures_depends.hangs_on(hanging(), most=1)
    with pytest.raises(ConceptError, match=r"keruen\.leverage"):
        figures_depends.hangs_on(hanging().table)


def test_matrices__ranges_are_those_of_the_table_and_gaps_are_said():
    figure = figures_matrices.matrices(contradicting())
    told = said(figure)
    for span in ("26.8–63.9%", "23.5–63.7%", "0.0043%"):
        assert told.count(span) == 1
    assert "in 3 of 5" in told  # Germany
    assert "in 1 of 5" in told
    assert "in 4 of 5" in told
    assert (
        "Furthest apart on Germany: 23.5% (people alone, UN IMS 2020) to 63.7% (people and incomes, UN IMS 2024)"
        in figure.alt
    )
    assert figure.svg.count("World Bank") == 1
    first = figures_matrices.matrices(contradicting(), top=1)
    assert "Not drawn: 2 more senders, at most 63.7%" in " ".join(said(first))


def test_matrices__marks_stand_where_the_shares_are():
    marks = figures_matrices._marks(
        contradicting().filter(pl.col("sender") == "DEU"), list(figures_matrices.WAYS), [OLD, NEW]
    )
    assert [(share, old) for share, _, _, _, old in marks] == [(28.0, False), (23.5, True), (63.7, False)]
    assert len({down for _, down, _, _, _ in marks}) == 3


def test_matrices__nothing_and_bad_input_name_the_remedy():
    rows = contradicting()
    with pytest.raises(NoEvidence, match="another year="):
        figures_matrices.matrices(rows.clear())
    with pytest.raises(ConceptError, match="rival_senders"):
        figures_matrices.matrices(rows.drop("share"))
    with pytest.raises(ConceptError, match="one place, but the rows speak of KAZ, UZB"):
        figures_matrices.matrices(pl.concat([rows, rows.with_columns(place=pl.lit("UZB"))]))
    with pytest.raises(ConceptError, match="one year, but the rows speak of 2018, 2021"):
        figures_matrices.matrices(pl.concat([rows, rows.with_columns(year=pl.lit(2018, pl.Int32))]))
    for share in (-1.0, 101.0, float("nan")):
        with pytest.raises(VocabularyError, match="between 0 and 100"):
            figures_matrices.matrices(rows.with_columns(share=pl.lit(share)))
    with pytest.raises(VocabularyError, match="no way to weigh"):
        figures_matrices.matrices(rows.with_columns(matrix=pl.lit("guess")))
    with pytest.raises(VocabularyError, match="1 or more"):
        figures_matrices.matrices(rows, top=0)


def test_price__numbers_are_those_of_the_table_and_the_widest_swing_is_first():
    found = worth()
    figure = figures_price.price(found)
    told = said(figure)
    for r in found.table.iter_rows(named=True):
        low, mid, high = (figures_price._usd(r[k], 1e6) for k in ("low80", "usd", "high80"))
        assert told.count(f"{mid} ({low}–{high}) · {r['share_gdp']:.1f}% of product") == 1
    swings = [r for r in found.swings.iter_rows(named=True) if r["usd_low"] < r["usd_high"]]
    spans = [f"{r['usd_low'] / 1e6:.0f}–{r['usd_high'] / 1e6:.0f}" for r in swings]
    assert [t for t in told if t in spans] == spans
    assert "It hangs most on the part who need a permit" in figure.alt
    assert "Without a range: exchange rate." in " ".join(told)
    assert "un-ims-2020:stock" in figure.ids


def test_price__what_nobody_knows_is_said_and_not_drawn():
    told = said(figures_price.price(worth(banned=None)))
    assert "not known" in told
    assert "Total, at least" in told
    assert "not known" not in said(figures_price.price(worth()))
    points = {n: (v, v, v) for n, v in (("stock", 5e5), ("working_share", 0.6), ("permit_cost", 58_000))}
    still = said(figures_price.price(worth(**points, banned=None)))
    assert "285 · 4.3% of product" in still
    assert "No input was given a range." in " ".join(still)


def test_price__nothing_and_bad_input_name_the_remedy():
    from dataclasses import replace

    found = worth()
    with pytest.raises(NoEvidence, match="Give every input"):
        figures_price.price(replace(found, table=found.table.with_columns(usd=pl.lit(None, pl.Float64))))
    with pytest.raises(ConceptError, match="union_price"):
        figures_price.price(found.table)


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


def test_figures__nine_within_a_second_and_a_half():
    ALL["stock"]()  # imports and the list of fonts are not drawing
    begun = time.process_time()
    for make in ALL.values():
        make()
    assert time.process_time() - begun < 3.0  # half of it on a quiet machine; benchmarks/brief.py measures it
