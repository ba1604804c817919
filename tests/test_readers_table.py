"""A user's own table: what is read, what is refused, and that nothing is read in two ways."""

import contextlib
import io
import random
import time
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keruen import own, store
from keruen.adding import add
from keruen.contract import SCHEMA
from keruen.errors import FaultyTable, UnreadableSource
from keruen.readers import opening
from keruen.readers.table import load, read, slug
from keruen.readers.template import COLUMNS, template
from keruen.vocabulary import measures

FLOW = "net_migration,KAZ,2017-01-01,2018-01-01"


def table(tmp_path: Path, text: str, name: str = "mine.csv", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def values(tmp_path: Path, *cells: str, **more) -> list[float | None]:
    """A column of values, in a file with semicolons."""
    rows = "".join(f"births;KAZ;{2000 + i};{cell};Book\n" for i, cell in enumerate(cells))
    return read(table(tmp_path, "measure;place;year;value;source\n" + rows), **more)["value"].to_list()


def days(tmp_path: Path, *cells: str) -> list[date]:
    rows = "".join(f"stock;KAZ;{cell};1;Book\n" for cell in cells)
    return read(table(tmp_path, "measure;place;date;value;source\n" + rows))["start"].to_list()


def faults(of, **more) -> list[str]:
    with pytest.raises(FaultyTable) as error:
        load(of, **more)
    return error.value.faults


# ---------------------------------------------------------------- the template


def test_template__explains_every_column_and_its_rows_are_valid(home, tmp_path):
    text = template()
    assert all(f"# {name}:" in text for name in COLUMNS)
    claims = read(table(tmp_path, text))
    assert claims.select("measure", "place", "value", "printed_unit").rows() == [
        ("net_migration", "KAZ", -22_100.0, "thousand"), ("stock", "KAZ", 1200.0, None),
    ]  # fmt: skip
    assert claims["counterpart"].to_list() == [None, "UZB"]
    assert claims["end"].to_list() == [date(2018, 1, 1), date(2018, 1, 1)]
    with pytest.raises(FaultyTable) as error:
        add(table(tmp_path, text))
    assert ["replace this row" in f for f in error.value.faults] == [True, True]
    assert not (home / "store").exists()
    assert add(table(tmp_path, filled_in(text))).added == 2


def filled_in(text: str) -> str:
    """A template whose rows are no longer the invented ones."""
    return text.replace("Example yearbook (invented; replace this row)", "Yearbook").replace("Example office", "Office")


@pytest.mark.parametrize("left", ["Example yearbook (invented; replace this row)", "Example office"])
def test_template__a_row_that_is_still_invented_in_part_is_refused(home, tmp_path, left):
    text = template() if left.endswith(")") else template().replace("Example yearbook (invented", "Yearbook (mine")
    with pytest.raises(FaultyTable) as error:
        add(table(tmp_path, text))
    assert [left in f for f in error.value.faults] == [True, True]
    with pytest.raises(FaultyTable, match="replace this row"):
        add(read(table(tmp_path, text)))


def test_read__its_result_may_be_added(home, tmp_path):
    path = table(tmp_path, filled_in(template()))
    claims = read(path)
    assert claims.columns == [*SCHEMA, "source", "publisher", "url", "licence", "released"]
    assert add(claims).added == 2
    assert add(path).already == 2


def test_read__packaged_rows_are_not_added_again(home, tmp_path):
    claims = read(table(tmp_path, template())).with_columns(release=pl.lit("un-wpp-2024"))
    assert "not a release of yours" in faults(claims)[0]


# ---------------------------------------------------------------- time


def test_known__is_the_release_or_the_day_of_adding(tmp_path):
    rows = f"{FLOW},1,A,2018\n{FLOW},1,B,2018-05\n{FLOW},1,C,03.05.2018\n{FLOW},1,D,\n"
    claims = read(table(tmp_path, "measure,place,start,end,value,source,released\n" + rows))
    assert claims["known"].to_list() == [date(2018, 12, 31), date(2018, 5, 31), date(2018, 5, 3), date.today()]
    assert claims["known_basis"].to_list() == ["release", "release", "release", "user"]
    assert claims["release"].to_list() == ["own-a-2018", "own-b-2018-05", "own-c-2018-05-03", "own-d"]


def test_released__has_come(tmp_path):
    assert (
        "has not come yet"
        in faults(table(tmp_path, f"measure,place,start,end,value,source,released\n{FLOW},1,A,2190\n"))[0]
    )


def test_year__is_a_calendar_year_of_a_flow_and_no_day(tmp_path):
    claims = read(table(tmp_path, "measure,place,year,value,source\nbirths,KAZ,2017,5,Book\n"))
    assert claims.select("start", "end").row(0) == (date(2017, 1, 1), date(2018, 1, 1))
    told = faults(table(tmp_path, "measure,place,year,value,source\nstock,KAZ,2017,5,Book\n"))
    assert told == ["line 2, column year: 2017: stock is counted on a day; give it in `date`, say 2017-07-01"]


def test_date__is_the_day_of_a_stock_and_no_span(tmp_path):
    assert days(tmp_path, "2018-05-03") == [date(2018, 5, 3)]
    told = faults(table(tmp_path, "measure,place,date,value,source\nbirths,KAZ,2017-01-01,5,Book\n"))
    assert len(told) == 1
    assert "give start and end, or year" in told[0]


def test_time__told_twice_is_a_fault(tmp_path):
    assert "twice" in faults(table(tmp_path, f"measure,place,start,end,year,value,source\n{FLOW},2017,5,Book\n"))[0]


def test_end__on_the_last_of_a_month_is_told(tmp_path):
    told = load(table(tmp_path, "measure,place,start,end,value,source\nbirths,KAZ,2017-01-01,2017-12-31,5,Book\n"))
    assert told.claims["end"].item() == date(2017, 12, 31)
    assert "first day after the span" in told.notes[0]


@pytest.mark.parametrize(
    ("cells", "read_as"),
    [
        (["2018-05-03"], [(2018, 5, 3)]),
        (["03.05.2018", "3.5.2018"], [(2018, 5, 3), (2018, 5, 3)]),
        (["5/3/2018", "25/3/2018"], [(2018, 3, 5), (2018, 3, 25)]),
        (["5/3/2018", "5/25/2018"], [(2018, 5, 3), (2018, 5, 25)]),
        (["7/7/2018"], [(2018, 7, 7)]),
        (["2018-05-03", "03.05.2018"], [(2018, 5, 3), (2018, 5, 3)]),
    ],
)
def test_days__of_three_styles(tmp_path, cells, read_as):
    assert days(tmp_path, *cells) == [date(*d) for d in read_as]


@pytest.mark.parametrize(
    ("cells", "said", "count"),
    [
        (["5/3/2018"], "may be two days", 1),
        (["5/3/2018", "2018-05-25"], "may be two days", 1),
        (["25/3/2018", "3/25/2018"], "month first in others", 2),
        (["2018-02-30"], "not a day of the calendar", 1),
        (["31.04.2018"], "not a day of the calendar", 1),
        (["2018"], "not a day", 1),
        (["2018-05"], "not a day", 1),
        (["May 2018"], "not a day", 1),
        (["3.5.18"], "not a day", 1),
    ],
)
def test_days__that_cannot_be_read(tmp_path, cells, said, count):
    rows = "".join(f"stock;KAZ;{cell};1;Book\n" for cell in cells)
    told = faults(table(tmp_path, "measure;place;date;value;source\n" + rows))
    assert len(told) == count
    assert all(said in t and "column date" in t for t in told)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("cells", "read_as"),
    [
        (["1234567"], [1234567]),
        (["1 234 567", "1\u00a0234"], [1234567, 1234]),
        (["1\u202f234,5"], [1234.5]),
        (["1'234'567"], [1234567]),
        (["1,234,567"], [1234567]),
        (["1.234.567,5"], [1234567.5]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["12,5", "1,234"], [12.5, 1.234]),
        (["12.5", "1.234"], [12.5, 1.234]),
        (["1,234.5"], [1234.5]),
        (["0.125"], [0.125]),
        (["1e3"], [1000]),
        (["", "7"], [None, 7]),
    ],
)
def test_numbers__read_where_the_column_settles_them(tmp_path, cells, read_as):
    if None in read_as:
        rows = "".join(f"births;KAZ;{2000 + i};{c};5;Book\n" for i, c in enumerate(cells))
        got = read(table(tmp_path, "measure;place;year;value;low;source\n" + rows))["value"].to_list()
    else:
        got = values(tmp_path, *cells)
    assert got == read_as


@pytest.mark.parametrize("cell", ["1,234", "1.234", "12.345", "-1,234"])
def test_numbers__that_may_be_two_are_refused_until_told(tmp_path, cell):
    with pytest.raises(FaultyTable, match="two ways"):
        values(tmp_path, "7", cell)
    digits = float(cell.strip("-").replace(",", "").replace(".", ""))
    point = values(tmp_path, "7", cell.strip("-"), decimal=".")[1]
    comma = values(tmp_path, "7", cell.strip("-"), decimal=",")[1]
    assert {point, comma} == {digits, digits / 1000}


@pytest.mark.parametrize("cells", [["1.5", "1,5"], ["1,234,567", "1.234.567"]])
def test_numbers__marked_in_two_ways_are_refused(tmp_path, cells):
    with pytest.raises(FaultyTable, match="in two ways"):
        values(tmp_path, *cells)


@pytest.mark.parametrize(
    "cell", ["abc", "n/a", "-", "..", "1 23", "12,34,5", "nan", "inf", "#N/A", "1_000", "٣", "0x10", "=1+1"]
)
def test_numbers__that_are_none_are_refused(tmp_path, cell):
    with pytest.raises(FaultyTable, match=r"line 2, column value: .* is not a number"):
        values(tmp_path, cell)


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        ("н/д", "where nobody reported one leave the row out, or the cell empty beside low or high"),
        ("n/a", "where nobody reported one leave the row out, or the cell empty beside low or high"),
        ("…", "where nobody reported one leave the row out, or the cell empty beside low or high"),
        ("-", "where nobody reported one leave the row out, or the cell empty beside low or high"),
        ('"20,1%"', "write 20.1, and percent in the column unit"),
        ('"-29,5 тыс."', "write -29.5, and thousand in the column unit"),
        ("1.2 million", "write 1.2, and million in the column unit"),
        ("12 млрд.", "write 12, and billion in the column unit"),
        ("(12.3)", "write -12.3 if the brackets mean below zero"),
        ("12.3*", "write 12.3, and '*' in the column flag if it is a mark"),
        ("12.3 1)", "write 12.3, and '1)' in the column flag if it is a mark"),
        ("abc", "give the number alone"),
    ],
)
def test_numbers__what_to_write_instead_is_told(tmp_path, cell, remedy):
    path = table(tmp_path, f"measure,place,year,value,source\nnet_migration,KAZ,2017,{cell},Book\n")
    [said] = faults(path)
    assert said.startswith("line 2, column value: ")
    assert said.endswith(remedy)


def test_numbers__of_a_bound_nobody_reported_stay_empty(tmp_path):
    path = table(tmp_path, "measure,place,year,value,low,source\nbirths,KAZ,2017,5,n/a,Book\n")
    assert faults(path) == ["line 2, column low: 'n/a' is not a number; leave the cell empty where nobody reported one"]


def test_numbers__a_level_is_a_part_of_one(tmp_path):
    path = table(tmp_path, "measure,place,year,value,low,high,level,source\nbirths,KAZ,2017,5,4,6,80%,Book\n")
    assert faults(path) == ["line 2, column level: '80%' is not a number; write 0.8 for an interval of 80%"]


def test_numbers__remedies_lead_to_a_table_that_is_read(tmp_path):
    rows = "net_migration,KAZ,2017,-29.5,thousand,Book\nremittances_share_gdp,TJK,2017,20.1,percent,Book\n"
    assert read(table(tmp_path, "measure,place,year,value,unit,source\n" + rows))["value"].to_list() == [-29_500, 20.1]


@pytest.mark.parametrize(
    ("year", "remedy"),
    [
        ("2017*", "write 2017, and '*' in the column flag if it is a mark"),
        ("2017 г.", "write 2017, and 'г.' in the column flag if it is a mark"),
        ("2017¹", "write 2017, and '¹' in the column flag if it is a mark"),
        ("2015-2017", "a flow over several needs start and end"),
        ("2015/16", "a flow over several needs start and end"),
    ],
)
def test_year__what_to_write_instead_is_told(tmp_path, year, remedy):
    [said] = faults(table(tmp_path, f"measure,place,year,value,source\nbirths,KAZ,{year},5,Book\n"))
    assert said.endswith(remedy)


# ---------------------------------------------------------------- what stands around a table

ROWS = "measure,place,year,value,source\nbirths,KAZ,2017,5,Book\n"


@pytest.mark.parametrize(
    "title", ["Births of Kazakhstan", "Births of Kazakhstan,,,,", '"Births, of Kazakhstan"', "A\nB,,"]
)
def test_header__below_a_title_is_found_and_told(tmp_path, title):
    told = load(table(tmp_path, f"{title}\n{ROWS}"))
    above = title.count("\n") + 1
    assert told.claims["value"].to_list() == [5.0]
    assert told.lines == (above + 2,)
    assert f"The header is in line {above + 1}; line" in told.notes[0]


def test_header__below_a_merged_title_in_excel(tmp_path):
    told = load(workbook(tmp_path, [["Births of Kazakhstan"], *CELLS], merge="A1:F1"))
    assert (told.claims["value"].to_list(), told.lines) == ([5.5], (3,))
    assert told.notes == ("The header is in row 2; row 1 above it left out.",)


def test_header__below_a_title_hides_no_fault(tmp_path):
    path = table(tmp_path, f"A title\n{ROWS}".replace("KAZ", "Narnia"))
    assert [f.partition(":")[0] for f in faults(path)] == ["line 3, column place"]


@pytest.mark.parametrize("note", ["* provisional", "Source: the Bureau,,,,", "Источник: Бюро,,"])
def test_note_under_a_table__is_one_fault(tmp_path, note):
    [said] = faults(table(tmp_path, f"{ROWS}{note}\n"))
    assert said.startswith("line 3, column measure: the row holds nothing but")
    assert said.endswith("begin a note under the table with #, or delete it")
    assert len(read(table(tmp_path, f"{ROWS}# {note}\n"))) == 1


def test_note_under_a_table__of_excel_is_one_fault(tmp_path):
    [said] = faults(workbook(tmp_path, [*CELLS, ["* provisional"]]))
    assert "row 3, column measure: the row holds nothing but '* provisional'" in said


def test_years_as_columns__are_one_fault_that_says_how_to_turn_them(tmp_path):
    [said] = faults(table(tmp_path, "place,2015,2016,2017\nKAZ,1,2,3\n"), measure="births", source="Book")
    assert said.startswith("line 1, column 2015: the columns 2015 to 2017 are years; one row is one number")
    assert "unpivot" in said
    wide = [["place", 2015, 2016], ["KAZ", 1, 2]]
    assert "2015 to 2016 are years" in faults(workbook(tmp_path, wide), measure="births", source="Book")[0]


def test_place__by_its_official_name_or_one_that_is_two_places(tmp_path):
    head = "measure,place,year,value,source\n"
    assert read(table(tmp_path, f"{head}births,Республика Казахстан,2017,5,Book\n"))["place"].item() == "KAZ"
    assert "DR Congo (COD) or Congo (COG)" in faults(table(tmp_path, f"{head}births,Congo,2017,5,Book\n"))[0]


# ---------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("measure", "unit", "value", "printed"),
    [
        ("births", "", 159.8, None),
        ("births", "persons", 159.8, None),
        ("births", "people", 159.8, None),
        ("births", "thousand", 159_800, "thousand"),
        ("births", "thousand persons", 159_800, "thousand persons"),
        ("births", "Million", 159_800_000, "million"),
        ("remittances_received", "million USD", 159_800_000, "million USD"),
        ("remittances_received", "bn USD", 159_800_000_000, "billion USD"),
        ("money_transfers_local", "million KZT", 159_800_000, "million KZT"),
        ("average_monthly_wage_local", "KZT per month", 159.8, "KZT per month"),
        ("growth_rate", "%", 159.8, None),
    ],
)
def test_unit__is_converted_exactly_and_kept(tmp_path, measure, unit, value, printed):
    claims = read(table(tmp_path, f"measure,place,year,value,unit,source\n{measure},KAZ,2017,159.8,{unit},Book\n"))
    assert claims.select("value", "printed_unit").row(0) == (value, printed)
    scale = store.scale(printed, measures()[measure].unit)
    assert claims["value"].item() / scale == 159.8


@pytest.mark.parametrize(
    ("measure", "unit"),
    [("births", "tonnes"), ("births", "million USD"), ("remittances_received", "EUR"), ("money_transfers_local", ""),
     ("growth_rate", "persons"), ("remittances_received", "lakh USD")],
)  # fmt: skip
def test_unit__of_another_kind_is_a_fault(tmp_path, measure, unit):
    told = faults(table(tmp_path, f"measure,place,year,value,unit,source\n{measure},KAZ,2017,1,{unit},Book\n"))
    assert len(told) == 1
    assert told[0].startswith("line 2, column unit: ")


# ---------------------------------------------------------------- all faults at once


def test_faults__all_at_once_with_line_and_column(tmp_path):
    text = (
        "# a comment\n"
        "measure,place,start,end,value,status,source,valeu,counterpart\n"
        "net_migraton,KAZ,2017-01-01,2018-01-01,1,register,Book,,\n"
        "\n"
        'births,Narnia,2017-01-01,2016-01-01,abc,registr,"Book\nof two lines",,\n'
        "births,KAZ,2017-01-01,2018-01-01,-5,register,,,Nowhere\n"
        "births,KAZ,2017-01-01,,,register,Book,,\n"
    )
    told = faults(table(tmp_path, text))
    places = [t.partition(":")[0] for t in told]
    assert places == [
        "line 2, column valeu", "line 3, column measure", "line 5, column end", "line 5, column place",
        "line 5, column status", "line 5, column value", "line 7, column counterpart", "line 7, column source",
        "line 7, column value", "line 8, column end", "line 8, column value",
    ]  # fmt: skip
    assert "Did you mean value" in told[0]
    assert "Did you mean net_migration" in told[1]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("place,year,value,source\nKAZ,2017,1,B\n", "measure"),
        ("measure,year,value,source\nbirths,2017,1,B\n", "place"),
        ("measure,place,year,value\nbirths,KAZ,2017,1\n", "source"),
        ("measure,place,value,source\nbirths,KAZ,1,B\n", "start"),
        ("measure,place,year,source\nbirths,KAZ,2017,B\n", "value"),
        ("measure,place,year,value,source\n", "measure"),
        ("measure,place,year,value,value,source\nbirths,KAZ,2017,1,1,B\n", "value"),
    ],
)
def test_header__what_it_lacks_is_told_once(tmp_path, text, column):
    told = faults(table(tmp_path, text))
    assert len(told) == 1
    assert told[0].startswith(f"line 1, column {column}:")


def test_header__words_said_for_all_rows(tmp_path):
    claims = read(table(tmp_path, "place,year,value\nKAZ,2017,1\n"), measure="births", source="Book", released="2018")
    assert claims.select("measure", "release").row(0) == ("births", "own-book-2018")


def test_release__has_one_card(tmp_path):
    text = f"measure,place,start,end,value,source,publisher\n{FLOW},1,Book,A\n{FLOW},2,Book,B\n"
    assert "one release has one card" in faults(table(tmp_path, text))[0]


def test_rows__of_another_length_are_faults(tmp_path):
    told = faults(table(tmp_path, "measure,place,year,value,source\nbirths,KAZ,2017,1,5,Book\nbirths,KAZ\n"))
    assert [t.partition(":")[0] for t in told] == ["line 2, column source", "line 3, column source"]
    assert "quotes" in told[0]


def test_notes__hold_anything_as_text(home, tmp_path):
    evil = '<script>alert(1)</script> =HYPERLINK("x")'
    quoted = evil.replace('"', '""')
    path = table(tmp_path, f'measure,place,year,value,source,note\nbirths,KAZ,2017,1,Book,"{quoted}"\n')
    add(path)
    assert own.claims()["note"].item() == evil


def test_comments__among_the_rows_are_told(tmp_path):
    told = load(table(tmp_path, "measure,place,year,value,source\n#births,KAZ,2016,1,Book\nbirths,KAZ,2017,1,Book\n"))
    assert len(told.claims) == 1
    assert "begins with #" in told.notes[0]


# ---------------------------------------------------------------- encodings and files

RUSSIAN = "measure;place;year;value;source\nbirths;Казахстан;2017;5;Ежегодник\n"


@pytest.mark.parametrize(("encoding", "told"), [("utf-8", 0), ("utf-8-sig", 0), ("cp1251", 1), ("utf-16", 1)])
def test_encoding__is_found_and_told(tmp_path, encoding, told):
    found = load(table(tmp_path, RUSSIAN, encoding=encoding))
    assert found.claims["place"].to_list() == ["KAZ"]
    assert found.cards[0].title == "Ежегодник"
    assert len(found.notes) == told
    assert all(encoding.upper().replace("-", "") in n.upper().replace("-", "") for n in found.notes)


def test_encoding__latin_is_not_taken_for_cyrillic(tmp_path):
    with pytest.raises(UnreadableSource, match="line 2: neither UTF-8"):
        load(table(tmp_path, "measure,place,year,value,source\nbirths,Curaçao,2017,5,Book\n", encoding="latin-1"))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators__are_found(tmp_path, mark, end):
    text = f"measure,place,year,value,source{end}births,KAZ,2017,5,Book{end}".replace(",", mark)
    assert read(table(tmp_path, text))["value"].to_list() == [5.0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 bytes"),
        (b"\x7fELF\x02\x01\x01\x00" * 100, "binary"),
        (bytes(range(256)) * 40, "binary"),
        (b"\x89PNG\r\n\x1a\n" + b"\x01\x02\x03" * 50, "neither UTF-8|binary"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 10, "old Excel"),
        (b"PAR1" + b"x" * 100, "Parquet"),
        (b"PK\x03\x04nonsense", "damaged"),
        (b"# only\n# comments\n", "no header"),
        (b"c," * 10_000_000, "the header has more than"),
        (("c," * 1_000_000).encode("utf-16"), "the header has"),
    ],
)
def test_file__that_is_no_table_is_refused(tmp_path, content, said):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableSource, match=said):
        load(path)


def test_file__missing_or_a_folder(tmp_path):
    with pytest.raises(UnreadableSource, match="There is no file"):
        load(tmp_path / "gone.csv")
    with pytest.raises(UnreadableSource, match="is a folder"):
        load(tmp_path)


def test_file__that_cannot_be_opened(tmp_path, monkeypatch):
    path = table(tmp_path, template())

    def refused(*given: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UnreadableSource, match="rights"):
        load(path)


def test_frame__that_is_none(tmp_path):
    with pytest.raises(UnreadableSource, match="A dict is not a table"):
        load({"measure": ["births"]})


def test_header__with_many_columns_is_refused(tmp_path):
    with pytest.raises(UnreadableSource, match="columns"):
        load(table(tmp_path, ",".join(f"c{i}" for i in range(1000)) + "\n1\n"))


def test_parquet__types_are_kept(tmp_path):
    frame = pl.DataFrame(
        {"measure": ["stock"], "place": [398], "start": [date(2018, 1, 1)], "value": [5], "source": ["Book"]}
    )
    frame.write_parquet(tmp_path / "mine.parquet")
    claims = read(tmp_path / "mine.parquet")
    assert claims.select("place", "start", "end", "value").row(0) == ("KAZ", date(2018, 1, 1), date(2018, 1, 1), 5.0)


def test_pandas__missing_is_absent():
    pandas = pytest.importorskip("pandas")
    rows = {
        "measure": ["births", "births"],
        "place": "KAZ",
        "year": [2017, 2018],
        "value": [1.0, None],
        "low": [0.5, 2.0],
    }
    assert read(pandas.DataFrame(rows), source="Book")["value"].to_list() == [1.0, None]


# ---------------------------------------------------------------- Excel

CELLS = [["measure", "place", "start", "end", "value", "source"],
         ["births", "KAZ", datetime(2017, 1, 1), datetime(2018, 1, 1), 5.5, "Book"]]  # fmt: skip


def workbook(tmp_path: Path, *sheets: list[list], merge: str | None = None) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"sheet {number}")
        for row in rows:
            sheet.append(row)
        if merge:
            sheet.merge_cells(merge)
    book.save(tmp_path / "mine.xlsx")
    return tmp_path / "mine.xlsx"


def test_excel__dates_and_numbers(tmp_path):
    claims = read(workbook(tmp_path, CELLS))
    assert claims.select("start", "end", "value").row(0) == (date(2017, 1, 1), date(2018, 1, 1), 5.5)


def test_excel__the_first_sheet_with_anything_is_read_and_told(tmp_path):
    told = load(workbook(tmp_path, [], CELLS, CELLS))
    assert len(told.claims) == 1
    assert told.notes == ("Read sheet 'sheet 1' alone; not 'sheet 2'.",)


def test_excel__comments_above_and_rows_as_numbered_there(tmp_path):
    rows = [["# a comment"], [], *CELLS, [], ["births", "KAZ", "2017-01-01", "2018-01-01", "x", "Book"]]
    assert faults(workbook(tmp_path, rows))[0].startswith("row 6, column value: 'x'")


def test_excel__merged_cells_are_named(tmp_path):
    told = faults(workbook(tmp_path, CELLS, merge="A1:B1"))
    assert any("merged cells: A1:B1" in t for t in told)
    rows = [*CELLS, CELLS[1]]
    assert faults(workbook(tmp_path, rows, merge="B2:B3"))[0].startswith("row 2, column place: merged cells: B2:B3")


def test_excel__a_formula_without_a_result_is_a_fault(tmp_path):
    told = faults(workbook(tmp_path, [CELLS[0], [*CELLS[1][:4], "=1+1", "Book"]]))
    assert len(told) == 1
    assert told[0].startswith("row 2, column value: the formula =1+1 has no stored result")


def test_excel__a_formula_with_its_result_is_its_value(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "mine.xlsx") as book:
        sheet = book.add_worksheet()
        for at, name in enumerate(["measure", "place", "year", "value", "source"]):
            sheet.write(0, at, name)
        for at, cell in enumerate(["births", "KAZ", 2017]):
            sheet.write(1, at, cell)
        sheet.write_formula(1, 3, "=1+1", None, 2)
        sheet.write(1, 4, "Book")
    assert read(tmp_path / "mine.xlsx")["value"].to_list() == [2.0]


def test_excel__errors_are_no_empty_cells(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "mine.xlsx") as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(
            [
                ["measure", "place", "year", "value", "low", "source"],
                ["births", "KAZ", 2017, 1, 1, "Book"],
                ["births", "KAZ", 2018, "", 1, "Book"],
            ]
        ):
            sheet.write_row(at, 0, row)
        sheet.write_formula(2, 3, "=NA()", None, "#N/A")
    assert faults(tmp_path / "mine.xlsx") == [
        "row 3, column value: '#N/A' is not a number; where nobody reported one leave the row out, or the cell empty "
        "beside low or high"
    ]


SHARES = [["measure", "place", "year", "value", "low", "high", "level", "source"],
          ["remittances_share_gdp", "TJK", 2017, 0.269, 0.25, 0.3, 0.8, "Book"],
          ["births", "TJK", 2017, 0.269, None, None, None, "Book"]]  # fmt: skip


@pytest.mark.parametrize("code", ["0%", "0.00%", "0.0%", "#,##0.0 %;[Red]-0.0%"])
def test_excel__what_is_shown_as_a_percentage_is_read_as_shown(tmp_path, code):
    path = workbook(tmp_path, SHARES[:2])
    book = openpyxl.load_workbook(path)
    for cell in ("D2", "E2", "F2", "G2"):
        book.active[cell].number_format = code
    book.save(path)
    told = load(path)
    assert told.claims.select("value", "low", "high", "level").row(0) == (26.9, 25.0, 30.0, 0.8)
    assert told.notes == ("3 cells that Excel shows with a percent sign were read as shown: 0.269 as 26.9 percent.",)


def test_excel__a_percent_sign_that_is_only_a_letter_changes_nothing(tmp_path):
    path = workbook(tmp_path, SHARES[:2])
    book = openpyxl.load_workbook(path)
    book.active["D2"].number_format = '0.0"%"'
    book.active["E2"].number_format = r"0.0\%"
    book.save(path)
    told = load(path)
    assert told.claims.select("value", "low").row(0) == (0.269, 0.25)
    assert told.notes == ()


def test_excel__a_percentage_of_what_is_no_share_is_a_fault(tmp_path):
    path = workbook(tmp_path, [SHARES[0], SHARES[2]])
    book = openpyxl.load_workbook(path)
    book.active["D2"].number_format = "0.0%"
    book.save(path)
    assert "the cell shows 26.9%, and births is told in persons; format the cell as a number" in faults(path)[0]


def test_excel__a_result_of_0_that_nobody_computed_is_a_fault(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "mine.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["measure", "place", "year", "value", "source", "note"])
        sheet.write_row(1, 0, ["births", "KAZ", 2017, "", "Book", ""])
        sheet.write_formula("D2", "=2<3")  # stored as 0, as all that this library cannot compute
        sheet.write_formula("F2", '=""', None, "nothing")
    (told,) = faults(rewritten(tmp_path / "mine.xlsx", {"<v>nothing</v>": "<v></v>"}))  # as Excel stores it
    assert told.startswith("row 2, column value: the formula =2<3 has no stored result")


def rewritten(path: Path, change: dict[str, str]) -> Path:
    """A workbook with other words in its sheets."""
    with zipfile.ZipFile(path) as z:
        inside = {name: z.read(name) for name in z.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in inside.items():
            if name.startswith("xl/worksheets/"):
                for old, new in change.items():
                    text = text.replace(old.encode(), new.encode())
            z.writestr(name, text)
    return path


def test_excel__a_cell_far_away_is_refused_before_room_is_made_for_it(tmp_path):
    path = rewritten(workbook(tmp_path, CELLS), {'r="F2"': 'r="XFD1048576"'})
    with pytest.raises(UnreadableSource, match="sheet 'sheet 0': its cells reach to row 1,048,576 and column 16,384"):
        load(path)


def test_excel__an_empty_cell_far_away_does_no_harm(tmp_path):
    path = rewritten(workbook(tmp_path, CELLS), {"</row></sheetData>": '<c r="XFD1048576" s="1"/></row></sheetData>'})
    assert read(path)["value"].item() == 5.5


def test_excel__cells_without_addresses_are_refused(tmp_path):
    path = rewritten(workbook(tmp_path, CELLS), {'r="F2" ': ""})
    with pytest.raises(UnreadableSource, match="carry no addresses"):
        load(path)


def test_excel__written_with_a_prefix_and_single_quotes(tmp_path):
    rows = [CELLS[0], [*CELLS[1][:4], "=1+1", "Book"]]
    change = {"<": "<x:", "<x:/": "</x:", "<x:?xml": "<?xml", "xmlns=": "xmlns:x=", '"': "'"}
    told = faults(rewritten(workbook(tmp_path, rows, merge="A4:B4"), change))
    assert [t.partition(":")[0] for t in told] == ["row 2, column value", "row 4, column measure"]
    assert "merged cells: A4:B4" in told[1]


def test_excel__damaged_anywhere_is_read_or_refused(tmp_path):
    whole = workbook(tmp_path, CELLS).read_bytes()
    rng = random.Random(20180503)
    for _ in range(150):
        spoiled = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        (tmp_path / "mine.xlsx").write_bytes(spoiled)
        with contextlib.suppress(FaultyTable, UnreadableSource):
            load(tmp_path / "mine.xlsx")


def test_excel__a_time_of_day_or_a_number_is_no_day(tmp_path):
    rows = [CELLS[0], ["births", "KAZ", datetime(2017, 1, 1, 12), 43101, 5, "Book"]]
    told = faults(workbook(tmp_path, rows))
    assert ["time of day" in told[1], "43101 is not a day" in told[0]] == [True, True]


def test_excel__an_age_that_became_a_date_is_a_fault(tmp_path):
    rows = [[*CELLS[0], "age"], [*CELLS[1], datetime(2026, 4, 5)]]
    assert "not text" in faults(workbook(tmp_path, rows))[0]


def test_excel__an_empty_workbook(tmp_path):
    with pytest.raises(UnreadableSource, match="no sheet holds anything"):
        load(workbook(tmp_path, []))


def test_excel__that_unpacks_to_gigabytes_is_refused_unopened(tmp_path):
    path = workbook(tmp_path, CELLS)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as z,
        z.open("xl/worksheets/big.xml", "w", force_zip64=True) as f,
    ):
        piece = b"0" * 10_000_000
        for _ in range(60):
            f.write(piece)
    with pytest.raises(UnreadableSource, match="unpacks"):
        load(path)


def test_archive__that_is_no_workbook(tmp_path):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as z:
        z.writestr("mine.csv", "measure")
    (tmp_path / "mine.xlsx").write_bytes(raw.getvalue())
    with pytest.raises(UnreadableSource, match="no Excel workbook"):
        load(tmp_path / "mine.xlsx")


# ---------------------------------------------------------------- laws over generated rows

SPANS = [m.name for m in measures().values() if m.when == "span" and not m.unit.startswith("local")]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
ROW = st.fixed_dictionaries(
    {
        "measure": st.sampled_from(SPANS),
        "place": st.sampled_from(["KAZ", "398", "Казахстан", "Kyrgyzstan", "USA", "Türkiye"]),
        "start": st.dates(date(1900, 1, 1), date(2030, 1, 1)).map(str),
        "end": st.dates(date(2030, 1, 2), date(2100, 1, 1)).map(str),
        "value": st.one_of(st.integers(0, 10**9), st.floats(0, 1e9).map(lambda v: round(v, 4))).map(
            lambda v: f"{v:.5f}"
        ),
        "counterpart": st.sampled_from(["", "UZB", "Россия"]),
        "sex": st.sampled_from(["", "all", "male", "female"]),
        "status": st.sampled_from(["", "census", "press"]),
        "source": st.sampled_from(["Book", "Ежегодник, 2018", "A 'title'"]),
        "released": st.sampled_from(["", "2018", "2018-05", "2018-05-03"]),
        "note": TEXT,
    }
)
SPOILED = {
    "measure": "net_migraton", "place": "Narnia", "start": "2018-02-30", "end": "1800-01-01", "value": "12 3",
    "counterpart": "Nowhere", "sex": "f", "status": "sure", "source": "", "released": "soon",
}  # fmt: skip


@given(st.lists(ROW, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_valid_rows__round_trip(tmp_path, rows):
    path = tmp_path / "mine.csv"
    frame = pl.DataFrame(rows)
    frame.write_csv(path)
    claims = read(path)
    assert claims["value"].to_list() == [float(r["value"]) for r in rows]
    assert claims["start"].cast(pl.String).to_list() == [r["start"] for r in rows]
    assert claims["end"].cast(pl.String).to_list() == [r["end"] for r in rows]
    assert claims["sex"].to_list() == [r["sex"] or "all" for r in rows]
    assert claims["note"].to_list() == [r["note"] if r["note"].strip() else None for r in rows]
    assert read(frame).equals(claims)
    assert read(claims).equals(claims)


@given(st.lists(ROW, min_size=1, max_size=4), st.sampled_from(sorted(SPOILED)), st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spoiled_row__is_always_caught(tmp_path, rows, column, data):
    at = data.draw(st.integers(0, len(rows) - 1))
    rows[at] = rows[at] | {column: SPOILED[column]}
    rows = [r | {"note": "plain"} for r in rows]
    path = tmp_path / "mine.csv"
    pl.DataFrame(rows).write_csv(path)
    assert any(f.startswith(f"line {at + 2}, column {column}: ") for f in faults(path))


def test_slug__is_short_and_tells_long_titles_apart():
    long = "A very long title of a yearbook of migration statistics of a country, volume "
    assert slug("Ежегодник: 2018") == "ежегодник-2018"
    assert len(slug(long + "1")) <= 60
    assert slug(long + "1") != slug(long + "2")


def test_faults__of_thousands_of_unknown_names_are_told_in_time(tmp_path):
    """To look for what was meant takes hundredths of a second a name: only the first names are looked for."""
    rows = "".join(f"births{i},Nowhere {i},{1950 + i % 60},{i},Book\n" for i in range(5_000))
    begun = time.process_time()
    told = faults(table(tmp_path, "measure,place,year,value,source\n" + rows))
    assert time.process_time() - begun < 8
    assert len(told) == 10_000
    assert any("Did you mean" in t for t in told[:40])
    assert "line 5001, column place: No place is called 'Nowhere 4999'. All: keruen places." in told


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical])
def test_parquet__that_unpacks_to_gigabytes_is_refused_before_it_is_read(tmp_path, monkeypatch, dtype):
    """A few kilobytes: one long word that a dictionary repeats, then rows without end."""
    path = tmp_path / "bomb.parquet"
    frame = pl.DataFrame({"place": ["KAZ"] * 2_000, "note": ["x" * 10_000] * 2_000}, schema_overrides={"note": dtype})
    frame.write_parquet(path)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(opening, "MAX_TEXT", 15_000_000)
    with pytest.raises(UnreadableSource, match="unpacks to 20 MB of text"):
        load(path)
    monkeypatch.setattr(opening, "MAX_ROWS", 1_999)
    with pytest.raises(UnreadableSource, match=r"more than 1,999 rows.*Split it"):
        load(path)


def test_rows__without_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "MAX_ROWS", 3)
    row = "births,KAZ,2000,5,Book\n"
    assert len(load(table(tmp_path, "measure,place,year,value,source\n" + row)).claims) == 1
    with pytest.raises(UnreadableSource, match="more than 3 rows"):
        load(table(tmp_path, "measure,place,year,value,source\n" + 4 * row))
    with pytest.raises(UnreadableSource, match="more than 3 rows"):
        load(table(tmp_path, "measure,place,year,value,source\n" + row + 9 * "\n"))
