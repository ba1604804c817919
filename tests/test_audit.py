"""Verdicts: the 52 statements of the first article, what changes them, and what must not."""

import json
import sys
from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
import polars as pl
import pytest

import keruen as kr
from keruen import witnesses
from keruen.audit import audit, because, changed, judge, plain, table
from keruen.audit_page import page
from keruen.cli import main
from keruen.errors import ConceptError
from keruen.reconcile import reconcile
from keruen.statement_sets import parsed, statements, template
from keruen.statements import Test
from keruen.toy import calibration, trials
from keruen.verdicts import ASK
from keruen.verdicts import ask as put
from keruen.witnesses import CONTESTED, CONTRADICTED, SUPPORTED, UNDETERMINED, Day, Finding, Side, together, weighed

MAY = "2018-05-03"
WORDS = {"supported", "contradicted", "contested", "undetermined", "not testable"}


@pytest.fixture(scope="module")
def article():
    """The whole article, by posteriors of fewer draws than a report takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(witnesses, "reconcile", partial(reconcile, draws=100, ess=50))
        patch.setattr(witnesses, "kept", lambda kind, said, make: make())
        yield audit("eurasianet-2018")


def one(key, as_of=None, **options):
    return audit("eurasianet-2018", as_of, only=[key], **options).rows[0]


def made(text_: str, **options):
    """The first row of a small set."""
    head = '[set]\ntitle = "t"\noutlet = "o"\ndate = 2018-05-03\n[[statement]]\nid = "1"\ntext = "t"\n'
    head += 'tolerance = "t"\nrefuted_by = "t"\n'
    return audit(parsed(head + text_, "t"), **options).rows[0]


NET = 'type = "level"\nplace = "KAZ"\n[[statement.test]]\nkind = "sign"\nmeasure = "net_migration"\nyear = 2012\nsign = "positive"\n'


# ---------------------------------------------------------------- the article


def test_article__has_52_verdicts_and_ids_that_lead_to_sources(article):
    assert len(article.rows) == 52
    assert {r.now.verdict for r in article.rows} == WORDS
    assert sum(article.counts.values()) == 52
    wanted = set()
    for r in article.rows:
        for v in (r.then, r.now):
            if v.verdict not in ("undetermined", "not testable"):
                assert v.claims, r.statement.id
            wanted.update(v.claims)
    found = kr.trace(sorted(wanted))
    assert wanted <= set(found["id"])
    assert found["cite"].null_count() == 0


def test_article__uses_nothing_that_was_not_known_on_its_day(article):
    ids = sorted({i for r in article.rows for i in r.then.claims})
    assert kr.trace(ids).filter(pl.col("id").is_in(ids))["known"].max() <= date.fromisoformat(MAY)


def test_article__causes_and_forecasts_stay_undetermined_and_tell_the_association(article):
    for r in article.rows:
        if r.statement.type in ("causal", "forecast") and not r.statement.not_testable:
            assert r.now.verdict == UNDETERMINED
            assert r.now.probability is None
            assert r.statement.would_settle
    assert "association" in article.row("50").now.headline


def test_article__statement_7_differs_between_the_days_and_names_the_edition(article):
    r = article.row("7")
    assert (r.then.verdict, r.now.verdict) == (CONTESTED, SUPPORTED)
    assert r.turns[-1].releases == ("un-wpp-2022",)
    assert "UN WPP 2022" in changed(r)
    assert r.then.said.verdict == SUPPORTED
    assert "un-wpp-2012" in r.then.said.releases
    assert "un-wpp-2012" not in r.then.first.releases
    assert {s.lineage: s.holds for f in (r.then.first, *r.then.rivals) for s in f.sides} == {
        "un": False,
        "national": True,
    }


def test_article__statement_22_lists_year_numerator_and_denominator(article):
    r = article.row("22")
    said = because(r.now)
    assert r.now.verdict == CONTRADICTED
    assert "2014: remittances share gdp from the whole world, 37.1 percent" in said
    assert "not what was said" in said
    assert "over GDP by" in said
    assert "Money transfers from Russia, newest year that was over by then, 2017" in said


def test_article__statement_40_is_supported_on_both_days(article):
    r = article.row("40")
    assert (r.then.verdict, r.now.verdict) == (SUPPORTED, SUPPORTED)
    assert "164,586" in because(r.now)


def test_article__statement_6_tells_the_register_from_the_labour_stream(article):
    r = article.row("6")
    assert r.now.verdict == CONTRADICTED
    assert {s.lineage for s in r.now.first.sides} == {"national"}
    labour_, others = (f for _, f in r.now.beside)
    assert labour_.verdict == SUPPORTED
    assert "labour migrants" in because(r.now)
    assert {s.lineage for s in others.sides} == {"un"}


def test_article__statement_43_shows_the_balance_of_the_un_against_it(article):
    r = article.row("43")
    (un,) = (s for f in r.now.rivals for s in f.sides if s.lineage == "un")
    assert r.now.verdict == CONTRADICTED
    assert un.holds is False
    assert -3.3e6 < un.value < -2.7e6


def test_article__the_2_million_do_not_prove_themselves(article):
    r = article.row("37")
    assert r.now.verdict == CONTRADICTED
    assert r.now.probability < 0.1
    rows = kr.trace(r.now.claims)
    assert not rows["text"].fill_null("").str.contains("2 million labour").any()
    assert r.now.said.verdict == UNDETERMINED
    assert "not in the evidence" in r.now.said.lacking


def test_article__the_strict_verdict_stands_beside_those_that_rest_on_a_lag(article):
    for r in article.rows:
        for v in (r.then, r.now):
            if v.lag and v.verdict != "not testable":
                assert v.strict is not None
                assert not any(f.lag for f in v.strict.findings), r.statement.id
    assert article.row("8").then.strict.verdict == UNDETERMINED
    assert article.row("17").now.strict.verdict == UNDETERMINED  # product and remittances follow a lag


def test_article__page_and_plain_data_tell_all_of_it(article):
    html, md, told = page(article), page(article, "md"), plain(article)
    assert [s["id"] for s in told["statements"]] == [str(k) for k in range(1, 53)]
    assert sum(told["counts"].values()) == 52
    assert set(told["statements"][0]) >= {
        "id",
        "text",
        "type",
        "verdict",
        "probability",
        "because",
        "claims",
        "would_settle",
    }
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "http-equiv" in html
    assert html.count('class="row"') == 52 == html.count("<details>")
    assert 'id="source-1"' in html
    assert html.count("<svg") == html.count('role="img" aria-label="') > 25
    for r in article.rows:
        assert f'id="s-{r.statement.id}"' in html
        assert f"## {r.statement.id}. " in md
    assert table(article).height == 52


# ---------------------------------------------------------------- what changes a verdict, and what must not


def test_audit__another_claim_changes_the_verdict_that_rests_on_it():
    claims = kr.evidence("KAZ", ["regularised"])
    assert one("40", claims=claims).now.first.sides[0].holds is True
    moved = claims.with_columns(value=pl.col("value") * 2)
    assert one("40", claims=moved).now.verdict == CONTRADICTED


def test_audit__each_lineage_counts():
    claims = kr.evidence("KAZ", "net_migration", stream="all")
    un = pl.col("release").str.starts_with("un-wpp") | pl.col("release").str.starts_with("world-bank")
    assert one("7", claims=claims).now.verdict == SUPPORTED
    flipped = claims.with_columns(value=pl.when(un).then(pl.lit(40_000.0)).otherwise("value"))
    row = one("7", claims=flipped)
    assert row.now.verdict == CONTESTED
    assert row.now.rivals[0].verdict == SUPPORTED
    assert one("7", claims=flipped.filter(un)).now.verdict == CONTRADICTED


def test_audit__a_claim_known_later_is_not_used(home):
    before = made(NET.replace("2012", "2017"))
    planted = pl.DataFrame(
        {
            "measure": ["net_migration"], "place": ["KAZ"], "start": ["2017-01-01"], "end": ["2018-01-01"], "value": [99_999.0],
            "status": ["estimate"], "definition": ["own"], "source": ["Planted"], "released": ["2025-05-04"],
        }
    )  # fmt: skip
    kr.add(planted)
    after = made(NET.replace("2012", "2017"))
    assert after.then == before.then
    assert any("99,999" in because(v) for v in (after.now,))
    assert not any("99,999" in because(v) for v in (after.then,))


def test_audit__the_release_on_trial_and_its_copies_leave_the_evidence():
    window = "window = [2000-07-01, 2005-07-01]"
    free = made(NET.replace("year = 2012", window), as_of="2018-05-03").now
    trial = made(
        NET.replace('place = "KAZ"', 'place = "KAZ"\non_trial = ["un-wpp-2012"]').replace("year = 2012", window),
        as_of="2018-05-03",
    ).now
    assert {s.lineage: s.value for s in free.first.sides}[
        "un"
    ] == 44_530.0  # editions of 2015 and 2017 repeat that of 2012
    assert {s.lineage: s.value for s in trial.first.sides}["un"] == -220_975.0


def test_audit__a_single_claim_on_trial_hides_its_copies_alone():
    rows = kr.evidence("KAZ", "net_migration", stream="all", as_of=MAY)
    (mine,) = rows.filter(
        (pl.col("release") == "un-wpp-2012") & (pl.col("start") == date(2000, 7, 1)) & (pl.col("sex") == "all")
    )["id"]
    left = witnesses.heard(rows, frozenset({mine}))
    gone = rows.filter(~pl.col("id").is_in(left["id"].to_list()))
    assert set(gone["start"]) == {date(2000, 7, 1)}
    assert set(gone["release"]) == {
        "un-wpp-2012",
        "un-wpp-2015",
        "un-wpp-2017",
    }


def test_audit__as_of_an_earlier_day_is_the_later_verdict():
    row = one("7", as_of=MAY)
    assert row.now.verdict == row.then.verdict == CONTESTED
    assert changed(row) == ""


def test_audit__what_nobody_told_is_undetermined_with_what_would_settle_it():
    row = made(
        NET.replace("2012", "1955")
        .replace('"level"', '"level"\nwould_settle = "a register of 1955"')
        .replace("KAZ", "TKM"),
        as_of="2012-01-01",
    )
    assert row.now.verdict == UNDETERMINED
    assert "a register of 1955." in row.now.headline
    assert not row.now.claims


def test_audit__of_an_unknown_statement_names_those_there_are():
    with pytest.raises(ConceptError, match="no statement '53'; it has 1, 2"):
        audit("eurasianet-2018", only=["53"])
    with pytest.raises(ConceptError, match="no statement"):
        audit(parsed(template(), "t"), only=["1"]).row("9")
    with pytest.raises(ConceptError, match="html, md or json"):
        page(one("40"), "pdf")


def test_template__gives_three_verdicts():
    found = audit(parsed(template(), "mine.toml"))
    assert [r.now.verdict for r in found.rows] == [SUPPORTED, CONTESTED, "not testable"]
    assert found.rows[1].now.said.verdict == SUPPORTED


# ---------------------------------------------------------------- the rules


def witness(holds, lineage="a"):
    return Side(lineage, lineage, holds, 1.0, "", [], ("x",), ("r",), None, False)


def test_article__prints_its_counts_in_a_line_and_as_a_table(article):
    told = repr(article)
    words = [r.now.verdict for r in article.rows]
    for word in WORDS:
        assert f"{words.count(word)} {word}" in told
    other = len([r for r in article.rows if r.then.verdict != r.now.verdict])
    assert told.startswith('52 statements of "Kazakhstan is Central Asia\'s migration outlier": ')
    assert f"{other} had another verdict as of 2018-05-03" in told
    assert len(told) < 400
    page = replace(article, about=replace(article.about, title="<b>"))._repr_html_()
    assert "<table" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_article__its_rows_and_verdicts_print_in_a_line(article):
    for r in article.rows:
        told = repr(r)
        assert told.startswith(f'Statement {r.statement.id}, "{r.statement.text[:20]}')
        assert f": {r.then.verdict} as of 2018-05-03" in told
        assert f", {r.now.verdict} today" in told
        assert len(told) < 400
        for v in (r.then, r.now):
            assert repr(v).lower().startswith(v.verdict)
            assert f" It rests on {len(set(v.claims)):,} claim" in repr(v)
            assert len(repr(v)) < 400
            assert all(len(repr(x)) < 400 for f in v.findings for x in (f, *f.sides))
    sure = next(r for r in article.rows if 0.1 < (r.now.probability or 0) < 0.9)
    assert f"today (probability {'at most ' * sure.now.first.loose}{sure.now.probability:.2f})" in repr(sure)
    page = replace(sure, statement=replace(sure.statement, text="<b>"))._repr_html_()
    assert page.count("<tr>") == 4  # two days under names and types
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_finding__prints_its_witnesses():
    found = Finding(
        CONTESTED, 0.4, sides=(witness(True), witness(False), witness(False), witness(None)), ids=("a", "b")
    )
    told = "Contested (probability 0.40): it holds by 1 witness, not by 2, and 1 leave it open; 2 claims."
    assert repr(found).startswith(told)
    assert repr(witness(False, "b")).startswith("By b it does not hold: 1 claim.")
    assert ", known since 2018-05-03." in repr(replace(witness(True), known=date(2018, 5, 3)))


@pytest.mark.parametrize(
    ("holds", "p", "verdict"),
    [
        ((), None, UNDETERMINED), ((True,), None, SUPPORTED), ((False, False), None, CONTRADICTED),
        ((True, False), None, CONTESTED), ((None,), None, CONTESTED), ((True, None), None, SUPPORTED),
        ((), 0.9, SUPPORTED), ((), 0.1, CONTRADICTED), ((), 0.5, CONTESTED), ((True, False), 0.99, CONTESTED),
        ((True,), 0.5, CONTESTED),
    ],
)  # fmt: skip
def test_weighed__follows_the_order_of_precedence(holds, p, verdict):
    assert weighed([witness(h, str(k)) for k, h in enumerate(holds)], p) == verdict


def test_together__one_part_refutes_and_one_leaves_open():
    yes, no, open_ = Finding(SUPPORTED, 0.95, 0.95), Finding(CONTRADICTED, 0.05, 0.05), Finding(UNDETERMINED)
    assert together([yes, no, open_]).verdict == CONTRADICTED
    assert together([yes, open_]).verdict == UNDETERMINED
    both = together([yes, yes])
    assert (both.verdict, both.probability, round(both.at_least, 9)) == (SUPPORTED, 0.95, 0.9)
    three = together([yes, yes, yes])
    assert three.verdict == CONTESTED
    assert round(three.at_least, 9) == 0.85
    assert together([yes, yes], independent=True).probability == pytest.approx(0.9025)


def test_every_kind_is_asked_in_a_packaged_set_or_here():
    used = {t.kind for name in ("eurasianet-2018", "world-turns") for s in statements(name).statements for t in s.tests}
    assert set(ASK) - used <= {"interrupted"}


def ask(kind, **args):
    return put(Day(), Test(kind, "first", "", {"stream": "all", **args}))


def span(first, last):
    return {"start": date(first, 1, 1), "end": date(last + 1, 1, 1)}


def test_interrupted__finds_a_change_of_level():
    told = ask(
        "interrupted",
        place=("RUS",),
        measure="immigration",
        counterpart=("KAZ",),
        at=2011,
        expect="lower",
        **span(2000, 2019),
    )
    assert told.verdict in (SUPPORTED, CONTRADICTED)
    assert told.sides[0].unit == "percent"


def test_change__takes_spans_of_other_lengths_per_year():
    asked = {"place": ("KAZ",), "measure": "emigration", "definition": "reg_permanent", "as": "ratio", "low": 0.0}
    (side,) = ask("change", **asked, **span(2008, 2016), before=span(1992, 1996)).sides
    rows = kr.trace(side.ids)
    by_year = dict(rows.select(pl.col("start").dt.year(), "value").iter_rows())
    wanted = np.mean([by_year[y] for y in range(2008, 2017)]) / np.mean([by_year[y] for y in range(1992, 1997)])
    assert len(rows) == 14
    assert side.value == pytest.approx(wanted)


def test_change__of_a_day_of_what_is_counted_by_years_is_told_to_lack():
    asked = {"place": ("KAZ",), "measure": "emigration", "definition": "reg_permanent", "as": "ratio", "low": 0.0}
    day = {"start": date(2008, 1, 1), "end": date(2008, 1, 1)}
    told = ask("change", **asked, **day, before=span(1992, 1996))
    assert told.verdict == UNDETERMINED
    assert "Nobody had told emigration" in told.lacking


def test_level__of_several_counterparts_is_their_sum():
    told = ask(
        "level",
        place=("RUS",),
        measure="foreign_citizens",
        counterpart=("KGZ", "TJK", "UZB"),
        low=0,
        **span(2015, 2015),
    )
    assert told.sides[0].value == 507_400 + 971_000 + 2_100_000
    assert len(told.sides[0].ids) == 3


def test_sums_are_not_stretched_over_years_that_nobody_told():
    day = Day(date(2018, 5, 3))
    asked = {"stream": "all", "place": ("KAZ",), "measure": "net_migration", "definition": "reg_permanent"}
    level = put(day, Test("level", "first", "", {**asked, "low": 0, **span(2010, 2017)}))
    assert level.verdict == UNDETERMINED  # 2017 was not told on that day
    sign = put(day, Test("sign", "first", "", {**asked, "sign": "negative", **span(2010, 2017)}))
    rows = kr.evidence("KAZ", "net_migration", release="bns-taldau", since=2010, until=2016, as_of=MAY)
    assert sign.verdict == SUPPORTED
    assert sign.sides[0].value == pytest.approx(rows["value"].sum())


def test_judge__strict_leaves_out_what_follows_a_lag():
    s = statements("eurasianet-2018").statements[7]
    assert judge(s, Day(date(2018, 5, 3))).verdict == SUPPORTED
    assert judge(s, Day(date(2018, 5, 3), strict=True)).verdict == UNDETERMINED


def over_gdp(place, low, high, when, day, sender=""):
    """Sides of a test of money over GDP: whether it holds, the figure and the sentence; and the pictures."""
    test = Test("share_of_gdp", "first", "", {
        "place": [place], "low": low, "high": high, "when": when, "sender": sender, "said": day,
    })  # fmt: skip
    found = put(Day(day), test)
    told = [(s.holds, s.value, "".join(p if isinstance(p, str) else p.text for p in s.says)) for s in found.sides]
    return found.verdict, told, found.pictures


@pytest.mark.packaged
def test_share_of_gdp__the_sentence_tells_the_year_that_fits_and_whose_division_it_is():
    verdict, told, _ = over_gdp("TJK", 40, 60, "any", date(2022, 6, 30))
    assert verdict == SUPPORTED
    assert [(holds, round(value, 1)) for holds, value, _ in told] == [(True, 42.7), (True, 43.8)]
    assert told[0][2] == (
        "Remittances received, newest year that fits, 2013: 42.7 percent of GDP (World Bank WDI 2026 over GDP by "
        "UNSD AMA 2025, our division); fits “40 to 60 percent”."
    )
    assert "2013: 43.8 percent of GDP (World Bank WDI 2022, as published); fits" in told[1][2]
    _, told, _ = over_gdp("NPL", 60, 70, "newest", date(2026, 7, 5))
    assert "2024: 26.0 percent of GDP (World Bank WDI 2026, our division); does not fit" in told[0][2]
    assert told[1][0] is None
    assert "66.1 percent of GDP (World Bank WDI 2025, as published) fits “60 to 70 percent”, 26.0" in told[1][2]


@pytest.mark.packaged
def test_share_of_gdp__the_product_of_zanzibar_fits_nothing():
    verdict, told, _ = over_gdp("TZA", 30, 100, "any", date(2022, 6, 30))
    assert verdict == CONTRADICTED
    assert all(holds is False and value < 1 for holds, value, _ in told)
    assert all(said.endswith("does not fit “30 to 100 percent”, nor does that of another year.") for *_, said in told)


@pytest.mark.packaged
def test_share_of_gdp__two_definitions_are_never_one_series():
    _, told, pictures = over_gdp("ARM", 5.9, 7, "newest", date(2022, 6, 30), "RUS")
    assert told[0][0] is None
    assert "6.5 percent of GDP (Transfers through Armenian banks, all purposes" in told[0][2]
    assert "5.3 percent of GDP (Transfers through Armenian banks, non-commercial" in told[0][2]
    (picture,) = pictures
    assert len([name for name, _ in picture["series"] if name.startswith("money transfers, Russia: ")]) == 3
    assert all(len({t for t, _ in points}) == len(points) for _, points in picture["series"])


# ---------------------------------------------------------------- a world whose truth is known


def test_verdicts__are_calibrated_over_2000_statements_about_toy_worlds():
    found = trials(2000, seed=1)
    told = calibration(found)
    assert found.height == 2000
    assert set(found["kind"]) == {"mean", "every", "any", "rises", "turn", "alone"}
    off = (told["holds"] - told["probability"]).abs()
    assert (off <= 3 * told["error"] + 0.01).all(), told
    eight = found.filter(pl.col("probability").is_between(0.7, 0.9))
    assert abs(eight["holds"].mean() - eight["probability"].mean()) < 0.08
    assert found.filter(pl.col("probability") >= 0.9)["holds"].mean() > 0.95
    assert found.filter(pl.col("probability") <= 0.1)["holds"].mean() < 0.05


def test_verdicts__are_too_sure_in_a_world_that_the_model_does_not_know():
    found = trials(480, seed=2, misspecified=True)
    assert found.filter(pl.col("probability") >= 0.9)["holds"].mean() < 0.95
    assert found.filter(pl.col("probability") <= 0.1)["holds"].mean() > 0.05


# ---------------------------------------------------------------- the user's own


def test_audit__of_a_users_own_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(template(), "utf-8")
    assert kr.audit(path).about.name == "mine"


def test_trend__the_value_of_a_witness_is_its_p(article):
    sides = [
        side
        for row in article.rows
        for verdict in (row.then, row.now)
        for found in verdict.findings
        for side in found.sides
        if side.unit == "p"
    ]
    assert sides
    assert all(0 <= side.value <= 1 for side in sides)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command: exit code, standard output, standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["keruen", "audit", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_command__gives_json_alone_on_standard_output(run):
    code, out, err = run("eurasianet-2018", "--only", "40", "--as-of", "2019-01-01", "--json")
    told = json.loads(out)
    assert code == 0
    assert "statement 40" in err
    assert (told["name"], told["as_of"], told["counts"]["supported"]) == ("eurasianet-2018", "2019-01-01", 1)
    assert told["statements"][0]["claims"]


def test_command__writes_pages_and_refuses_to_overwrite(run, tmp_path):
    for name, begins in (("a.html", "<!DOCTYPE html>"), ("a.md", "# Fact-check"), ("a.json", "{")):
        assert run("eurasianet-2018", "--only", "40", "--out", tmp_path / name)[0] == 0
        assert (tmp_path / name).read_text("utf-8").startswith(begins)
    code, _, err = run("eurasianet-2018", "--only", "40", "--out", tmp_path / "a.md")
    assert code == 2
    assert "--force" in err


def test_command__tells_faults_without_a_traceback(run, tmp_path):
    path = tmp_path / "mine.toml"
    assert run("template")[1] == template()
    path.write_text(template().replace('kind = "level"', 'kind = "levle"').replace("low = 30000", ""), "utf-8")
    code, out, err = run(path)
    assert (code, out) == (2, "")
    assert "1 fault, nothing was tested" in err
    assert "Did you mean level?" in err
    assert "Traceback" not in err
    assert run("nothing-2018")[0] == 2
    assert run("eurasianet-2018", "--format", "pdf")[0] == 2


def test_command__shows_a_table(run):
    code, out, _ = run("eurasianet-2018", "--only", "40")
    assert code == 0
    assert "supported" in out


def test_replace__keeps_statements_plain():
    s = statements("eurasianet-2018").statements[39]
    assert replace(s, text="other").tests == s.tests
