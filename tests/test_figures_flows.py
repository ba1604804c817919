"""Figures of flows: what they show, what they refuse, what is hatched."""

from datetime import date
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from keruen import figures_flows as draw
from keruen.errors import NoEvidence, VocabularyError

PLACES = ("KAZ", "RUS", "UZB", "DEU")
DAYS = (date(2010, 7, 1), date(2015, 7, 1), date(2020, 7, 1), date(2024, 7, 1))
SPANS = tuple(pairwise(DAYS))
NAMES = "origin destination start end sex method release value low95 low80 median high80 high95 outward return transit"


def table(releases=("un-ims-2020",), spans=SPANS[1:2], interval=False, skip=()):
    rows = []
    for release in releases:
        for start, end in spans:
            for i, o in enumerate(PLACES):
                for j, d in enumerate(PLACES):
                    if o == d or (o, d) in skip:
                        continue
                    value = 1000.0 * (1 + i + 3 * j) * (1 + len(rows) % 3)
                    low = value / 2 if interval else None
                    head = (o, d, start, end, "all", "pseudo_bayes", release, value)
                    bounds = (low, low, value, low and value * 2, low and value * 3)
                    rows.append((*head, *bounds, value * 0.5, value * 0.4, value * 0.1))
    return pl.DataFrame(rows, schema=NAMES.split(), orient="row", infer_schema_length=None).with_columns(
        pl.col("low95", "low80", "high80", "high95").cast(pl.Float64)
    )


def texts(figure):
    root = ElementTree.fromstring(figure.svg)
    return " ".join(t for t in root.itertext())


@pytest.mark.parametrize("interval", [True, False])
def test_corridor_by_edition__names_every_edition(interval):
    rows = table(("un-ims-2020", "un-ims-2024"), SPANS, interval).filter(
        (pl.col("origin") == "KAZ") & (pl.col("destination") == "RUS")
    )
    figure = draw.corridor_by_edition(rows, ids=["a:1"])
    said = texts(figure)
    assert "UN IMS 2020" in said
    assert "UN IMS 2024" in said
    assert ("80%" in said) is interval
    assert figure.ids == ("a:1",)
    assert "Kazakhstan to Russia" in figure.alt
    assert "in 5 years" in said
    assert "dashed: 4 years, not scaled" in said
    last = rows.filter((pl.col("release") == "un-ims-2024") & (pl.col("start") == DAYS[2]))["value"].item()
    assert f"{last:,.0f} people in 2020–24" in figure.alt  # told, never divided by its years
    with pytest.raises(VocabularyError, match="one origin"):
        draw.corridor_by_edition(table())


def test_heat_map__missing_is_hatched_not_white():
    whole = draw.heat_map(table(), PLACES)
    holed = draw.heat_map(table(skip=[("KAZ", "RUS")]), PLACES)
    assert "<pattern" not in whole.svg
    assert "<pattern" in holed.svg
    with pytest.raises(NoEvidence):
        draw.heat_map(table(), ("FRA", "ITA"))


def test_flow_map__arcs_have_heads_and_outlines_a_notice():
    figure = draw.flow_map(table(), top=5)
    assert "disputed" in texts(figure)
    assert "5 largest flows" in figure.title
    assert len(figure.svg) > 50_000
    with pytest.raises(VocabularyError, match="one period"):
        draw.flow_map(table(spans=SPANS))
    with pytest.raises(VocabularyError, match="one release"):
        draw.flow_map(table(("un-ims-2020", "un-ims-2024")))


def test_flow_map__takes_other_outlines():
    square = [[0, 500, 500, 0, 0], [0, 0, 500, 500, 0]]
    shapes = pl.DataFrame(
        {"place": ["KAZ", "RUS"], "lon": [square[0], [x + 1500 for x in square[0]]], "lat": [square[1], square[1]]}
    )
    assert "2 largest flows" in draw.flow_map(table(), shapes=shapes).title


def test_chord__tells_totals_and_marks_what_is_not_told():
    assert "Hatched" not in texts(draw.chord(table(), PLACES))
    holed = texts(draw.chord(table(skip=[("KAZ", "RUS")]), PLACES))
    assert "Hatched" in holed
    assert "Kazakhstan" in holed
    unknown = texts(draw.chord(table(), (*PLACES, "TWN")))
    assert unknown.count("not told") == 2  # at the place, and what a hatched rim means
    assert "Taiwan" in unknown
    assert "out 0" not in unknown


@pytest.mark.parametrize("side", ["out", "in"])
def test_made_of__parts_add_up_to_all(side):
    figure = draw.made_of(table(), "KAZ", side=side, top=2)
    said = texts(figure)
    assert "50% outward, 40% return, 10% transit" in figure.alt
    assert "1 other places" not in said  # one other place has a name
    assert "2015–20" in said
    assert sum(name in said for name in ("Russia", "Uzbekistan", "Germany")) == 3
    assert "2 other places" in texts(draw.made_of(table(), "KAZ", side=side, top=1))
    with pytest.raises(NoEvidence):
        draw.made_of(table(), "FRA")
    with pytest.raises(VocabularyError):
        draw.made_of(table(), "KAZ", side="up")


def test_great_circle__shortest_way():
    way = draw.great_circle((71.4, 51.1), (-77.0, 38.9), 101)
    assert way[:, 1].max() > 70  # over the north
    lon, lat = np.radians(way).T
    xyz = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    steps = np.arccos(np.clip((xyz[1:] * xyz[:-1]).sum(1), -1, 1))
    assert np.allclose(steps, steps.mean(), rtol=1e-4)


def test_way__no_arc_runs_off_the_map():
    for a, b in (((79.0, 23.0), (-99.0, 40.0)), ((-64.0, -35.0), (134.0, -25.0)), ((71.4, 51.1), (-77.0, 38.9))):
        way = draw._way(a, b)
        assert np.abs(way[:, 1]).max() <= 76
        assert np.allclose(way[0], a)
        assert np.allclose(way[-1], b)


def test_flow_map__names_do_not_touch():
    rows = table()
    middle = {"KAZ": (66.0, 48.0), "RUS": (66.5, 48.5), "UZB": (66.0, 47.5), "DEU": (10.0, 51.0)}
    placed = draw._placed(rows, middle, lambda p: (4 * p[0], 4 * p[1]))
    assert len(placed) == 4
    boxes = []
    for words, x, y, dx, dy, side in placed:
        wide = 4.3 * len(words)
        left = 4 * x + dx - {"center": wide / 2, "left": 0, "right": wide}[side]
        boxes.append((left, 4 * y + dy - 4.5, left + wide, 4 * y + dy + 4.5))
    for k, one in enumerate(boxes):
        for other in boxes[:k]:
            assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


def test_outlines__small_and_whole():
    file = Path(draw.__file__).parent / "data/outlines.parquet"
    assert file.stat().st_size < 300_000
    shapes = draw.outlines()
    assert {"KAZ", "RUS", "FJI", "XKX", "USA"} <= set(shapes["place"].drop_nulls())
    rings = [np.array(x) for x in shapes["lon"]]
    assert max(np.abs(np.diff(r)).max() for r in rings) < 18_000  # none jumps over the map


def test_figures__save_as_png(tmp_path):
    target = draw.chord(table(), PLACES).save(tmp_path / "chord.png")
    assert target.read_bytes().startswith(b"\x89PNG")
