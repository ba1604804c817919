"""The commands as a user types them: JSON alone on standard output, errors without a traceback, exit code 2."""

import contextlib
import json
import os
import re
import subprocess
import sys
import typing
from datetime import date
from pathlib import Path

import pytest
import typer

from keruen.cli import app, main
from keruen.cli.common import as_typed


@pytest.fixture
def run(monkeypatch, capfd, home):
    """Call the command line; returns exit code, standard output and standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["keruen", *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        told = capfd.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def ask(run):
    """The JSON a command prints."""

    def call(*words: str) -> dict:
        code, out, err = run(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


FIELDS = {
    "measure", "stream", "place", "counterpart", "sex", "start", "end", "value", "low", "high", "unit", "status",
    "definition", "release", "known", "known_basis", "source", "locator", "id", "age", "basis", "flag",
}  # fmt: skip


def test_wishes__that_exclude_each_other_are_refused(run):
    code, out, err = run("evidence", "KAZ", "--json", "--format", "csv")
    assert (code, out) == (2, "")
    assert "--json and --format csv are two wishes; say one of them." in err
    code, out, err = run("evidence", "KAZ", "--from", "2030", "--to", "2010")
    assert (code, out) == (2, "")
    assert "is after" in err


def test_evidence__its_contract(ask):
    told = ask("evidence", "KAZ", "--measure", "net_migration", "--as-of", "2018-05-03")
    assert (told["place"], told["measure"], told["as_of"]) == ("KAZ", "net_migration", "2018-05-03")
    assert told["observations"]
    for row in told["observations"]:
        assert set(row) >= FIELDS
        assert date.fromisoformat(row["known"]) <= date(2018, 5, 3)
        assert row["unit"] == "persons"
        assert row["source"]
        assert row["locator"]


@pytest.mark.parametrize("name", ["Казахстан", "Kazakhstan", "398", "KAZ"])
def test_evidence__a_place_by_any_name(ask, name):
    told = ask(
        "evidence", name, "--measure", "stock", "--counterpart", "RUS", "--from", "2020-07-01", "--to", "2020-07-01"
    )
    both = {(r["release"], r["value"]) for r in told["observations"] if r["sex"] == "all"}
    assert {("un-ims-2020", 2_476_018), ("un-ims-2024", 579_845)} <= both


def test_evidence__the_amnesty_of_2006_with_its_page(ask):
    told = ask("evidence", "KAZ", "--stream", "labour_unregistered")
    (row,) = [r for r in told["observations"] if r["value"] == 164_586]
    assert row["measure"] == "regularised"
    assert row["start"] == "2006-08-01"
    assert row["end"] == "2007-01-01"
    assert "iwpr.net" in row["locator"]


def test_evidence__strict_leaves_out_what_rests_on_a_lag(ask):
    lenient = ask("evidence", "KAZ", "--measure", "net_migration")["observations"]
    strict = ask("evidence", "KAZ", "--measure", "net_migration", "--strict")["observations"]
    assert {r["known_basis"] for r in strict} <= {"release", "page", "page year"}
    assert len(strict) < len(lenient)


def test_disagree__its_contract(ask):
    told = ask("disagree", "KAZ", "--measure", "net_migration")
    (period,) = [p for p in told["periods"] if (p["start"], p["end"]) == ("2010-07-01", "2015-07-01")]
    assert period["sign_flips"] is True
    assert period["low"] <= -26_000 < 159_000 <= period["high"]
    for claim in period["claims"]:
        assert set(claim) >= {"id", "release", "value", "unit", "status", "known", "derived_from", "convention"}


def test_revisions__its_contract(ask):
    told = ask("revisions", "--measure", "net_migration", "--top", "20")
    assert len(told["top"]) == 20
    assert told["top"][0]["rank"] == 1
    assert {e["by"] for e in told["errors"]} == {"all", "first figure", "lag", "region", "income"}


def test_places__of_a_system(ask):
    told = ask("places", "--system", "eurasia")
    assert [p["code"] for p in told["places"]] == ["KAZ", "KGZ", "RUS", "TJK", "TKM", "UZB"]


def test_sources__every_release_with_licence_date_and_rows(ask):
    told = ask("sources")["sources"]
    for source in told:
        assert source["licence"], source["key"]
        assert source["released"], source["key"]
        assert source["rows"] is not None, source["key"]
    assert not {s["key"] for s in ask("sources", "--as-of", "2018-05-03")["sources"]} & {
        "un-wpp-2019",
        "un-wpp-2024",
        "un-ims-2019",
    }


@pytest.mark.parametrize(
    "words",
    [
        ("evidence", "KAZ"), ("evidence", "KAZ", "--measure", "stock"), ("disagree", "KAZ"), ("compare", "KAZ", "UZB"),
        ("corridor", "KAZ", "RUS"), ("revisions",), ("sources",), ("evidence", "KAZ", "--measure", "population"),
        ("events", "KAZ"), ("streams", "KAZ"), ("remittances", "TJK"),
    ],
)  # fmt: skip
def test_as_of__nothing_later_is_visible_in_any_command(run, words):
    code, out, err = run(*words, "--as-of", "2018-05-03", "--json")
    assert code == 0, err
    for later in ("un-wpp-2019", "un-wpp-2022", "un-wpp-2024", "un-ims-2019", "un-ims-2020", "un-ims-2024"):
        assert later not in out
    days = re.findall(r'"known": "([0-9-]{10})"', out)
    assert max(days, default="") <= "2018-05-03"
    if words[0] in ("evidence", "disagree", "events", "streams"):
        assert days or "population" in words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evidence", "Kirgizia"), "Kyrgyzstan"),
        (("evidence", "KAZ", "--measure", "net_migraton"), "Did you mean net_migration"),
        (("evidence", "KAZ", "--as-of", "yesterday"), "2018-05-03"),
        (("evidence", "KAZ", "--stream", "everyone"), "stream"),
        (("evidence", "KAZ", "--format", "docx"), "csv"),
        (("disagree", "TKL", "--measure", "ethnic_return"), "Nobody reported"),
        (("revisions", "--table", "nothing"), "ranking"),
        (("revisions", "--measure", "gdp", "--family", "nothing"), "two editions"),
        (("places", "--system", "eurasa"), "eurasia"),
        (("trace", "nothing:0000"), "nothing:0000"),
        (("template", "nothing"), "template"),
        (("add", "no-such-file.csv"), "no-such-file.csv"),
        (("add", "."), "folder"),
        (("brief", "KAZ", "--format", "docx"), "html"),
        (("brief",), "one of the two"),
        (("brief", "KAZ", "--system", "eurasia"), "one of the two"),
        (("brief", "--system", "eurasa"), "eurasia"),
        (("compile", "no-such-folder"), "folder"),
    ],
)
def test_errors__name_the_remedy_and_end_with_2(run, words, said):
    code, out, err = run(*words)
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err


@pytest.mark.packaged
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("corridor", "KAZ", "TON"), "Neither did Kazakhstan report who left for Tonga, nor Tonga who came from there."),
        (("corridor", "KAZ", "Казахстан"), "Kazakhstan was named twice"),
        (("evidence", "Soviet Union", "-m", "stock"), "Nobody reported stock of Soviet Union. Reported are "),
        (("evidence", "KAZ", "-m", "net_migration", "--from", "3000"), "rows of net_migration, of 1950-01-01 to "),
        (("evidence", "KAZ", "-m", "net_migration", "--from", "3000", "--strict"), "none fits --from 3000 --strict."),
        (("measures", "zzz"), "No measure's name or meaning holds 'zzz'. All: keruen measures"),
        (("events", "TON"), "Nobody reported what was asked for."),
        (("compare", "KAZ", "UZB", "--from", "3000"), "Nobody reported what was asked for."),
        (("sources", "--as-of", "1500"), "Nobody reported what was asked for."),
    ],
)  # fmt: skip
def test_no_rows__are_told_in_one_line_with_what_there_is(run, words, said):
    for more in ((), ("--json",), ("--format", "csv")):
        code, _, err = run(*words, *more)
        assert code == 0
        assert err.startswith("No rows. ")
        assert said in err
        assert err.count("\n") == 1


def test_evidence__of_a_name_of_two_places_is_refused(run):
    code, out, err = run("evidence", "Congo", "-m", "population")
    assert (code, out) == (2, "")
    assert "DR Congo (COD) or Congo (COG)" in err


@pytest.mark.parametrize("words", [("places", "--find", "Казахстан"), ("places", "--find", "Қазақстан", "--json")])
def test_locale__c_reads_and_prints_names_in_utf8(home, words):
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-m", "keruen", *words], env=env, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Казахстан" in done.stdout.decode()


def test_locale__c_opens_files_by_any_name(home, tmp_path):
    path = tmp_path / "таблица.csv"
    path.write_text("measure,place,year,value,source\nbirths,Казахстан,2017,5,Книга\n", "utf-8")
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-m", "keruen", "add", path], env=env, capture_output=True, check=False)
    assert "таблица.csv: 1 rows added" in done.stdout.decode(), done.stderr


def test_numbers_of_options__that_are_whole_have_a_least():
    for command in app.registered_commands:
        for name, told in typing.get_type_hints(command.callback, include_extras=True).items():
            kind, *about = typing.get_args(told) or (told,)
            if about and kind in (int, int | None) and name != "persistence":  # of which its function says more
                assert about[0].min is not None, (command.callback.__name__, name)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("sbc", "TKM", "--sets", "0"), "--sets"),
        (("sbc", "TKM", "--sets", "-5"), "--sets"),
        (("labour", "KAZ", "--seed", "-1"), "--seed"),
        (("labour", "KAZ", "--from", "-5"), "--from"),
        (("labour", "KAZ", "--at-least", "2017:-5"), "2017:-5"),
        (("remittances", "TJK", "--seed", "-1"), "--seed"),
        (("leverage", "RUS", "--over", "TJK", "--draws", "0"), "--draws"),
        (("leverage", "RUS", "--over", "TJK", "--year", "-5"), "--year"),
        (("access", "KGZ", "RUS", "--draws", "-5"), "--draws"),
        (("shock", "RUS", "--growth", "-3", "--seed", "-1"), "--seed"),
        (("flows", "KAZ", "--workers", "-1"), "--workers"),
        (("streams", "KAZ", "--doubled", "-1"), "--doubled"),
        (("tipping", "KAZ", "--since", "-5"), "--since"),
        (("tipping", "KAZ", "--persistence", "-3"), "persistence of -3"),
        (("revisions", "--top", "0"), "--top"),
    ],
)
def test_numbers_of_options__are_named_where_they_cannot_be(run, words, option):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert option in err
    assert "Traceback" not in err


def commands(group) -> dict:
    """Every command by the words that call it."""
    found = {}
    for word, command in group.commands.items():
        deeper = commands(command) if hasattr(command, "commands") else {(): command}
        found |= {(word, *rest): at for rest, at in deeper.items()}
    return found


def test_errors__every_option_is_spelt_as_it_is_typed():
    # No list of names to keep: whatever option a command has or gets, its keyword becomes that option.
    line, seen = typer.main.get_command(app), 0
    for words, command in commands(line).items():
        for option in command.params:
            if not option.opts[0].startswith("-"):
                continue
            flag = max(option.opts, key=len)
            said = as_typed(f"Give {option.name}= or {option.name}=True, not ({option.name}='x y').", words, line)
            assert said == f"Give {flag} or {flag}, not ({flag} 'x y').", words
            seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    ("words", "message", "said"),
    [
        (["flows", "KAZ"], "Say vital='un-wpp-2024' (--vital un-wpp-2024).", "Say --vital un-wpp-2024."),
        (["flows", "KAZ"], "Name a folder: to='a.zarr' (--store a.zarr).", "Name a folder: --store a.zarr."),
        (["brief"], "Say vital='x' (--vital x).", "Say vital='x'. In Python only: vital=."),
        (["evidence", "KAZ"], "Take since=2001, until=None.", "Take --from 2001, no --to."),
        (["shock", "RUS"], "Name receivers=['KAZ', 'TJK'].", "Name --receiver KAZ --receiver TJK."),
        (["remittances", "TJK"], "Say share=(36, 38).", "Say --share 36 38."),
        (["leverage"], "Take another year=.", "Take another --year."),
        (["flows", "KAZ"], "Give births= and deaths=.", "Give births= and deaths=. In Python only: births=, deaths=."),
        (["sql", "SELECT a FROM b WHERE c='d'"], "LINE 1: … WHERE c='d'", "LINE 1: … WHERE c='d'"),
        (["evidence", "KAZ"], "See https://a.b/?sex=all&x=1 and f(sex='all').", "See https://a.b/?sex=all&x=1 and f(sex='all')."),
    ],
)  # fmt: skip
def test_errors__speak_as_the_user_did(words, message, said):
    assert as_typed(message, words, typer.main.get_command(app)) == said


@pytest.mark.parametrize(
    ("words", "said", "never"),
    [
        (("flows", "KAZ", "--hindsight"), "--as-of 2018-05-03", "as_of="),
        (("flows", "KAZ", "--method", "none"), "--method none", "method="),
        (("leverage", "RUS", "--over", "TJK", "--year", "1850"), "another --year,", "year="),
        (("brief",), "--system eurasia", "system="),
        (("score-flows", "--by", "nothing"), "--by nothing", "by="),
    ],
)
def test_errors__through_the_command_itself(run, words, said, never):
    code, _, err = run(*words)
    assert code == 2
    assert said in err
    assert never not in err


def test_errors__of_a_file_name_the_option_and_leave_its_cells(run, tmp_path):
    file = tmp_path / "mine.csv"
    head = "place,measure,group,start,end,value,unit,source,publisher,url,licence,released\n"
    file.write_text(
        head + 'KAZ,net_migration,sort=Other,2005-01-01,2006-01-01,"1,234",persons,a,b,http://x.y,CC0,2007\n'
    )
    code, _, err = run("add", str(file))
    assert code == 2
    assert "--decimal . or --decimal ," in err
    assert "In Python" not in err


def test_out__refuses_to_overwrite_without_force(run, tmp_path):
    path = tmp_path / "kaz.csv"
    words = ("evidence", "KAZ", "--measure", "net_migration", "--out", str(path))
    assert run(*words)[0] == 0
    first = path.read_bytes()
    code, _, err = run(*words)
    assert code == 2
    assert "--force" in err
    assert path.read_bytes() == first
    assert run(*words, "--force")[0] == 0


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet", "json", "bib"])
def test_out__every_format(run, tmp_path, suffix):
    path = tmp_path / f"kaz.{suffix}"
    code, out, err = run("evidence", "KAZ", "--measure", "net_migration", "--out", str(path))
    assert code == 0, err
    assert out == ""
    assert path.stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (("compare", "KAZ", "UZB"), {"newest_persons", "lowest_persons", "highest_persons"}),
        (("corridor", "KAZ", "RUS"), {"sent_persons", "received_persons", "ratio"}),
        (("disagree", "KAZ"), {"value_persons", "lowest_persons", "highest_persons"}),
        (("revisions", "--measure", "births"), {"mean_abs_change_persons", "mean_abs_rate_per_1000_person_years"}),
        (("remittances", "TJK"), {"value_usd", "share_gdp_percent"}),
    ],
)
def test_formats__units_stand_in_the_names_of_columns(run, words, columns):
    code, out, err = run(*words, "--format", "csv")
    assert code == 0, err
    assert columns <= set(out.splitlines()[0].split(","))


def test_commands__end_quietly_when_the_reader_goes_away(home):
    told = subprocess.run(
        f"{sys.executable} -m keruen evidence KAZ --json | head -c 10",
        shell=True, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stderr == ""


def test_template__is_valid_once_its_rows_are_replaced(run, tmp_path):
    code, out, _ = run("template", "evidence")
    assert code == 0
    path = tmp_path / "mine.csv"
    path.write_text(out, "utf-8")
    code, _, said = run("add", str(path))
    assert (code, said.count("replace this row by a figure of yours")) == (2, 1)
    assert "1 more rows like it" in said
    out = out.replace("Example yearbook (invented; replace this row)", "Yearbook").replace("Example office", "Office")
    path.write_text(out, "utf-8")
    assert run("add", str(path))[0] == 0
    again = run("add", str(path), "--json")
    assert json.loads(again[1])["added"] == 0


def test_help__every_command_has_an_example(run):
    from typer.main import get_command

    from keruen.cli.common import app

    for name, command in get_command(app).commands.items():
        assert f"`keruen {name}" in (command.help or ""), f"keruen {name} has no example"


@pytest.mark.packaged
def test_help__the_example_of_trace_is_an_id_that_evidence_prints(run):
    from typer.main import get_command

    from keruen.cli.common import app

    said = re.search(r"`keruen trace (\S+)`", get_command(app).commands["trace"].help)
    code, out, _ = run("trace", said[1], "--json")
    assert (code, json.loads(out)["rows"][0]["id"]) == (0, said[1])
    for more in ((), ("--ids",)):
        code, out, _ = run("evidence", "KAZ", "-m", "net_migration", "--release", said[1].split(":")[0], *more)
        assert said[1] in out
        assert out.splitlines()[0].split()[0 if more else -1] == "id"


def in_a_window(columns: int, *words: str) -> str:
    """What a command prints in a window of so many columns, without its colours."""
    import pty
    import struct
    import termios
    from fcntl import ioctl

    parent, child = pty.openpty()
    ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-m", "keruen", *words], stdout=child, stdin=child, env=env) as process:
        os.close(child)
        said = b""
        with contextlib.suppress(OSError):  # the end of a window is an error on Linux
            while piece := os.read(parent, 65_536):
                said += piece
    os.close(parent)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode()).replace("\r\n", "\n")


@pytest.mark.packaged
@pytest.mark.parametrize("columns", [40, 80, 120, 250])
def test_window__splits_no_number_and_no_day_and_says_what_has_no_room(home, columns):
    asked = ("evidence", "KAZ", "--measure", "net_migration", "--from", "2010-07-01", "--to", "2010-07-01")
    said = in_a_window(columns, *asked)
    rows = [line for line in said.splitlines() if "2010-07-01" in line]
    assert len(rows) == 12
    assert all(len(line) <= columns for line in said.splitlines())
    if columns > 40:
        assert [line for line in rows if re.search(r"2010-07-01 +2015-07-01 +159,807 .*un-wpp-2019", line)]
    assert ("No room for" in said) == (columns < 250)
    assert ("--json" in said) == (columns < 250)


def test_version__names_package_and_snapshot(run):
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("keruen ")
    assert "snapshot" in out


def test_no_path_of_this_machine_in_what_is_printed(run):
    _, out, _ = run("sources", "--json")
    assert str(Path.cwd()) not in out


def test_doctor__tells_and_clears_what_is_kept(run, ask):
    from keruen.kept import kept

    kept("things", 1, lambda: "a" * 1000)
    assert ask("doctor")["kept"]["entries"] == 1
    code, _, err = run("doctor", "--clear-cache")
    assert code == 0
    assert "freed" in err
    assert ask("doctor")["kept"] == {"entries": 0, "bytes": 0}
