"""Transfers: who receives, who sends, and in which money. The figures are invented."""

from datetime import date

import polars as pl
import pytest

from keruen import contract
from keruen.errors import UnreadableSource
from keruen.readers import central_banks

HEAD = "sender,receiver,period_start,period_end,value,unit,definition,source_title,source_year,source_url,note"
MONTH = "2020-02-01,2020-02-29"
CBA = '"Money transfers of individuals through banks of Armenia, {}",'
CBA += '"Central Bank of Armenia, by countries",2025,https://www.cba.am/x,'
NBK = '"international transfers through money transfer systems (SMDP), all countries",'
NBK += '"National Bank of Kazakhstan, money transfers via systems",2026,https://nationalbank.kz,'
CBR = '"all cross-border transfers of individuals from Russia (CBR)",Paper,2016,https://paper.ru/news,'


def read(tmp_path, *rows, head=HEAD):
    (tmp_path / "transfers_by_corridor.csv.gz").write_text("\n".join([head, *rows]) + "\n", "utf-8")
    (told,) = central_banks.claims(tmp_path)
    assert contract.faults(told, dated=False) == []
    return told


def test_place__receives_whoever_reports(tmp_path):
    told = read(
        tmp_path,
        f"RUS,ARM,{MONTH},15579.31,thousand USD,{CBA.format('all purposes')}",
        f"ARM,RUS,{MONTH},2,thousand USD,{CBA.format('non-commercial (remittance-type) purposes')}",
    )
    into, out = told.rows(named=True)
    assert (into["place"], into["counterpart"], into["basis"]) == ("ARM", "RUS", "sending")
    assert (into["value"], into["printed_unit"]) == (15579310.0, "thousand USD")
    assert (into["start"], into["end"]) == (date(2020, 2, 1), date(2020, 3, 1))
    assert (into["status"], into["release"], into["known"]) == ("administrative", "central-bank-armenia", None)
    assert (out["place"], out["counterpart"]) == ("RUS", "ARM")
    assert [into["definition"], out["definition"]] == ["transfers_cba_total", "transfers_cba_noncommercial"]


def test_world__is_no_receiver(tmp_path):
    told = read(
        tmp_path,
        f"KAZ,_WORLD,{MONTH},97.5,million KZT,{NBK}",
        f"_WORLD,KAZ,{MONTH},1,million KZT,{NBK}",
        f"RUS,_WORLD,2015-01-01,2015-12-31,35,million USD,{CBR}",
        f"RUS,_CIS,2015-01-01,2015-12-31,3,million USD,{CBR}",
    )
    assert told["measure"].to_list() == [
        "money_transfers_sent_local", "money_transfers_local", "money_transfers_sent", "money_transfers",
    ]  # fmt: skip
    assert told["place"].to_list() == ["KAZ", "KAZ", "RUS", "_CIS"]
    assert told["counterpart"].to_list() == [None, None, None, "RUS"]
    assert told["value"].to_list() == [97.5e6, 1e6, 35e6, 3e6]
    assert told["printed_unit"].to_list() == ["million KZT", "million KZT", "million USD", "million USD"]


def test_page__keeps_its_own_release(tmp_path):
    (cell,) = read(tmp_path, f"RUS,UZB,2015-01-01,2015-12-31,3.3,million USD,{CBR}about").rows(named=True)
    assert cell["release"].startswith("page-paper-ru-2016-")
    assert (cell["known"], cell["known_basis"], cell["status"]) == (date(2016, 12, 31), "page year", "press")
    assert (cell["value"], cell["note"]) == (3300000.0, "about")


@pytest.mark.parametrize("unit", ["billion USD", "million EUR"])
def test_unit__without_a_scale_is_refused(tmp_path, unit):
    with pytest.raises(UnreadableSource, match=unit):
        read(tmp_path, f"RUS,UZB,2015-01-01,2015-12-31,3.3,{unit},{CBR}")


def test_ends__must_tell_one_place(tmp_path):
    with pytest.raises(UnreadableSource, match="tell one end"):
        read(tmp_path, f"_WORLD,_WORLD,{MONTH},3,million USD,{CBR}")


def test_header__that_moved_is_named(tmp_path):
    with pytest.raises(UnreadableSource, match="lacks receiver"):
        read(tmp_path, f"RUS,UZB,{MONTH},3.3,million USD,{CBR}", head=HEAD.replace("receiver", "to"))


def test_claims__are_a_table(tmp_path):
    assert read(tmp_path, f"RUS,UZB,{MONTH},3.3,million USD,{CBR}").columns == list(contract.SCHEMA)
    assert isinstance(read(tmp_path, f"RUS,UZB,{MONTH},3.3,million USD,{CBR}"), pl.DataFrame)
