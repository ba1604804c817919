"""Tables on their way out: units in names, formulas escaped, files whole or absent."""

import io
import json
import os
from datetime import date, datetime

import openpyxl
import polars as pl
import pytest

from keruen import export, store
from keruen._version import __version__
from keruen.errors import NoEvidence, OutputError, VocabularyError

META = {"command": "keruen evidence KAZ"}


@pytest.fixture
def rows(home):
    return store.evidence(
        "KAZ", "net_migration", release=["un-wpp-2015", "un-wpp-2017"], sex="all", since="2011", until="2014"
    )


def evil() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "=name": ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "a=b", None],
            "value": [-1.0, 2.0, None, 4.0, 5.0, 6.0, 7.0, 8.0],
        }
    )


# ---------------------------------------------------------------- CSV


def test_csv__one_unit_stands_in_the_name(rows):
    table = pl.read_csv(io.BytesIO(export.table(rows, "csv")), try_parse_dates=True)
    assert table["value_persons"].to_list() == rows["value"].to_list()
    assert {"low_persons", "high_persons"} <= set(table.columns)
    assert not {"value", "unit"} & set(table.columns)
    assert table["start"].to_list() == rows["start"].to_list()


def test_csv__several_units_stand_in_a_column(home):
    both = store.evidence("KAZ", ["net_migration", "net_migration_rate"], sex="all")
    table = pl.read_csv(io.BytesIO(export.table(both, "csv")), infer_schema_length=None)
    assert set(table["unit"]) == {"persons", "per 1,000 person-years"}
    assert "value" in table.columns


def test_with_units__names_are_words():
    frame = pl.DataFrame({"value": [1.0], "unit": ["per 1,000 person-years"]})
    assert export.with_units(frame).columns == ["value_per_1000_person_years"]
    assert export.with_units(frame.drop("unit")).columns == ["value"]
    assert export.with_units(pl.DataFrame({"place": ["KAZ"]})).columns == ["place"]


def test_with_units__columns_of_several_units_and_their_intervals(tmp_path):
    frame = pl.DataFrame({"total": [2.0], "total_low80": [1.0], "ratio": [0.5], "value": [3.0], "unit": ["USD"]})
    units = {"total": "persons", "absent": "percent"}
    wanted = ["total_persons", "total_low80_persons", "ratio", "value_USD"]
    assert export.with_units(frame, units).columns == wanted
    export.write(frame, tmp_path / "a.csv", meta=META, units=units)
    told = json.loads((tmp_path / "a.csv-metadata.json").read_text())["tableSchema"]["columns"]
    assert [c["name"] for c in told] == wanted
    assert [c.get("unit") for c in told] == ["persons", "persons", None, "USD"]
    raw = export.table(frame, "parquet", units=units)
    assert json.loads(pl.read_parquet_metadata(io.BytesIO(raw))["keruen"])["units"] == {
        "total_persons": "persons", "total_low80_persons": "persons", "value_USD": "USD",
    }  # fmt: skip


def test_csv__formulas_are_escaped_and_numbers_are_not():
    lines = export.table(evil(), "csv").decode()
    table = pl.read_csv(io.StringIO(lines))
    assert table.columns == ["'=name", "value"]
    assert table["'=name"].to_list() == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "a=b", None]
    assert table["value"].to_list()[0] == -1.0


def test_csv__lists_are_text(home):
    table = pl.read_csv(io.BytesIO(export.table(store.sources(), "csv")), infer_schema_length=None)
    assert len(table) == len(store.sources())


def test_csv__tells_its_command_beside_it(rows, tmp_path):
    path = export.write(rows, tmp_path / "x.csv", meta=META)
    beside = json.loads((tmp_path / "x.csv-metadata.json").read_text("utf-8"))
    assert beside["keruen"]["command"] == "keruen evidence KAZ"
    assert beside["keruen"]["keruen"] == __version__
    assert {"name": "value_persons", "unit": "persons"} in beside["tableSchema"]["columns"]
    assert [c["name"] for c in beside["tableSchema"]["columns"]] == pl.read_csv(path).columns


# ---------------------------------------------------------------- Excel


def test_excel__dates_numbers_sources(rows, tmp_path):
    book = openpyxl.load_workbook(export.write(rows, tmp_path / "x.xlsx", meta=META))
    sheet, sources = book["figures"], book["sources"]
    heads = [c.value for c in sheet[1]]
    first = dict(zip(heads, [c.value for c in sheet[2]], strict=True))
    assert first["start"] == datetime(2010, 7, 1)
    assert first["value_persons"] == 159_807
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["A"].width > 10
    told = [[c.value for c in row] for row in sources.iter_rows()]
    assert {row[0] for row in told} >= {"un-wpp-2015", "un-wpp-2017", "command", "keruen", "snapshot"}
    assert ["CC BY 3.0 IGO" in row for row in told[1:3]] == [True, True]


def test_excel__formulas_are_text():
    sheet = openpyxl.load_workbook(io.BytesIO(export.table(evil(), "xlsx")))["figures"]
    assert sheet["A2"].value == "'=1+1"
    assert {c.data_type for c in sheet["A"] if c.value} == {"s"}
    assert sheet["B2"].value == -1
    assert sheet["B4"].value is None


def test_excel__old_days_are_text_and_links_are_no_links():
    frame = pl.DataFrame({"start": [date(1870, 1, 1)], "url": ["https://example.org"], "value": [float("nan")]})
    sheet = openpyxl.load_workbook(io.BytesIO(export.table(frame, "xlsx")))["figures"]
    assert [c.value for c in sheet[2]] == ["1870-01-01", "https://example.org", None]
    assert sheet["B2"].hyperlink is None


def test_excel__what_it_cannot_hold_is_refused(monkeypatch):
    with pytest.raises(OutputError, match="characters a cell"):
        export.table(pl.DataFrame({"note": ["x" * 40_000]}), "xlsx")
    monkeypatch.setattr(export, "EXCEL_ROWS", 1)
    with pytest.raises(OutputError, match="rows"):
        export.table(pl.DataFrame({"a": [1, 2]}), "xlsx")


# ---------------------------------------------------------------- Parquet, JSON, BibTeX


def test_parquet__carries_units_sources_and_versions(rows, tmp_path):
    path = export.write(rows, tmp_path / "x.parquet", meta=META)
    table = pl.read_parquet(path)
    assert table["value_persons"].to_list() == rows["value"].to_list()
    assert table.schema["start"] == pl.Date
    told = json.loads(pl.read_parquet_metadata(path)["keruen"])
    assert told["units"]["value_persons"] == "persons"
    assert told["command"] == META["command"]
    assert [s["release"] for s in told["sources"]] == ["un-wpp-2015", "un-wpp-2017"]


def test_parquet__types_that_r_reads(rows):
    parquet = pytest.importorskip("pyarrow.parquet")
    kinds = {str(t) for t in parquet.read_schema(io.BytesIO(export.table(rows, "parquet"))).types}
    assert kinds <= {"large_string", "string", "double", "date32[day]", "bool"}


def test_json__is_json(rows):
    told = json.loads(export.table(rows, "json", meta=META))
    assert told["rows"][0]["start"] == "2010-07-01"
    assert told["rows"][0]["value"] == 159_807
    assert told["meta"]["command"] == META["command"]
    assert json.loads(export.table(pl.DataFrame({"value": [float("nan")]}), "json"))["rows"] == [{"value": None}]


def test_bibtex__one_entry_a_release(rows):
    text = export.table(rows, "bibtex").decode()
    assert text.count("@misc{") == 2
    assert "@misc{un-wpp-2015," in text
    assert export.table(store.sources(), "bibtex").decode().count("@misc{") == len(store.sources())


def test_bibtex__of_nothing_is_an_error():
    with pytest.raises(NoEvidence, match="names no release"):
        export.table(pl.DataFrame({"a": [1]}), "bibtex")


def test_every_format__takes_an_empty_table(rows, tmp_path):
    for kind in ("csv", "xlsx", "parquet", "json"):
        assert export.table(rows.clear(), kind)


# ---------------------------------------------------------------- files


def test_write__never_over_a_file_unless_told(rows, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("mine")
    with pytest.raises(OutputError, match="--force"):
        export.write(rows, path)
    assert path.read_text() == "mine"
    export.write(rows, path, force=True)
    assert path.read_text().startswith("measure,")


@pytest.mark.parametrize(
    ("name", "said"),
    [(".", "is a folder"), ("gone/x.csv", "does not exist"), ("x.doc", "tells no format"), ("x", "tells no format")],
)
def test_write__where_nothing_can_be_written(rows, tmp_path, name, said):
    with pytest.raises(OutputError, match=said):
        export.write(rows, tmp_path / name, format="csv" if name == "." else None)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "home"])


def test_write__an_unknown_format(rows, tmp_path):
    with pytest.raises(VocabularyError, match="parquet"):
        export.write(rows, tmp_path / "x.csv", format="parqet")
    with pytest.raises(VocabularyError, match="xlsx"):
        export.table(rows, "xls")


def test_write__a_full_disk_leaves_nothing(rows, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.os, "fsync", full)
    with pytest.raises(OutputError, match="full"):
        export.write(rows, folder / "x.parquet")
    assert list(folder.iterdir()) == []


def test_write__a_folder_one_may_not_write_in(rows, tmp_path, monkeypatch):
    def refused(*given: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(export.tempfile, "mkstemp", refused)
    with pytest.raises(OutputError, match="may write"):
        export.write(rows, tmp_path / "x.csv")


def test_write__a_name_that_is_none(rows, tmp_path):
    with pytest.raises(OutputError):
        export.write(rows, tmp_path / ("x" * 300 + ".csv"))
    with pytest.raises(OutputError):
        export.write(rows, "x\0.csv")


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_write__rights_are_those_of_any_new_file(rows, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    assert export.write(rows, tmp_path / "x.csv").stat().st_mode == plain.stat().st_mode


def test_write_text__whole_and_never_over(tmp_path):
    path = export.write_text("<p>", tmp_path / "x.html")
    assert path.read_text() == "<p>"
    with pytest.raises(OutputError, match="--force"):
        export.write_text("<b>", path)
    assert export.write_text("<b>", path, force=True).read_text() == "<b>"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_write__a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        export.write(pl.DataFrame({"place": ["KAZ"]}), pipe, force=True)
        assert pipe.is_fifo()
        assert b"KAZ" in os.read(held, 65536)
    finally:
        os.close(held)


def test_write__a_disk_that_fills_leaves_no_metadata_behind(tmp_path, monkeypatch):
    real, done = export._put, []

    def full(target, data):
        if done:
            raise OutputError(
                f"The disk of {target} is full; nothing was written. Make room, or choose another folder."
            )
        done.append(real(target, data))

    monkeypatch.setattr(export, "_put", full)
    rows = store.evidence("KAZ", "net_migration")
    with pytest.raises(OutputError, match="is full"):
        export.write(rows, tmp_path / "a.csv", meta={"command": "x"})
    assert list(tmp_path.iterdir()) == []
