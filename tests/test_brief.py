"""Briefs: every number has its claims, nothing later than the day asked for, one page that asks nobody."""

import re
import sys
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from keruen import figures, kept, labels, store
from keruen.adding import add
from keruen.brief import brief, contents, contents_of_system, printed
from keruen.errors import BadDate, ConceptError, MissingExtra, UnknownPlace
from keruen.places import countries, places
from keruen.places import system as members_of
from keruen.provenance import releases
from keruen.reconcile import reconcile
from keruen.sections import paths, sure, tipped, went
from keruen.sections.common import Asked
from keruen.sections.depends import depends_section
from keruen.sections.knew import knew_section
from keruen.sections.net import distinct, net_of, rewrites
from keruen.sections.uncounted import uncounted_section
from keruen.tipping import tipping
from keruen.trace import trace
from keruen.wording import Number, Picture, Said, about, exact, figure, say, span, walk

THEN = "2018-05-03"
LATER = ("2019", "2020", "2022", "2024")


@pytest.fixture(scope="module", autouse=True)
def fewer_draws(tmp_path_factory):
    """Posteriors of fewer draws, in a home of their own: the same code, a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERUEN_HOME", str(tmp_path_factory.mktemp("briefs")))
        patch.setattr(paths, "FULL", {"draws": 100, "ess": 10})
        patch.setattr(paths, "QUICK", {"draws": 50, "ess": 5})
        patch.setattr(tipped, "PAST", (2016,))
        yield


@pytest.fixture(scope="module")
def today():
    return contents("KAZ")


@pytest.fixture(scope="module")
def then():
    return contents("KAZ", THEN)


@pytest.fixture(scope="module")
def page(today):
    return printed(today, "html")


@pytest.fixture(scope="module")
def old_page(then):
    return printed(then, "html")


class Bare(HTMLParser):
    """The words of a page outside of what holds figures with claims, dates, names and notes by construction."""

    MARKED = ("data", "time", "cite", "code", "q", "bdi", "sup", "svg", "style", "title", "figcaption", "abbr")
    VOID = ("meta", "br", "link", "img", "hr", "input")

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[dict] = []
        self.tags: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "a" and "n" in dict(attrs).get("class", "").split():
            self.links.append(dict(attrs))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not set(self.MARKED) & set(self.open):
            self.words.append(data)


def numbers(told) -> list[Number]:
    return [n for n in walk([told["headline"], told["sections"]]) if isinstance(n, Number)]


def drawn(told) -> list[Picture]:
    return [f for f in walk(told["sections"]) if isinstance(f, Picture)]


def claim_ids(told) -> set[str]:
    return {i for n in numbers(told) for i in n.ids} | {i for f in drawn(told) for i in f.ids}


# ---------------------------------------------------------------- every number comes from claims


def test_numbers__all_have_claims(today):
    found = numbers(today)
    assert len(found) > 200
    assert [n for n in found if not n.ids or not n.release or not n.text] == []


def test_numbers__ids_lead_to_rows_of_the_store(today):
    wanted = sorted(claim_ids(today))
    found = trace(wanted)
    assert set(wanted) <= set(found["id"])


def test_page__no_digit_without_claims(page):
    bare = Bare(page)
    loose = [w for w in bare.words if re.search(r"\d", w)]
    assert loose == []
    assert bare.links
    assert all(a["data-ids"].strip() for a in bare.links)


def test_structure__strings_hold_no_digit(today):
    def strings(thing):
        if isinstance(thing, str):
            yield thing
        elif isinstance(thing, list):
            for inner in thing:
                yield from strings(inner)
        elif isinstance(thing, dict):
            for key in ("parts", "caption", "columns", "rows", "note", "blocks"):
                yield from strings(thing.get(key, []))

    loose = [s for s in strings([today["headline"], today["sections"], today["limits"]]) if re.search(r"\d", s)]
    assert loose == []


def test_page__links_lead_somewhere(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_printed_value__is_the_claim_of_its_id(today):
    rows = {r["id"]: r for r in trace(sorted(claim_ids(today))).iter_rows(named=True)}
    single = [n for n in numbers(today) if len(n.ids) == 1 and n.status and "sum" not in n.mark]
    assert len(single) > 100
    wrong = [
        n
        for n in single
        if not any(
            v is not None and abs(abs(v) - abs(n.value)) < 1e-6
            for v in (rows[n.ids[0]][c] for c in ("value", "low", "high"))
        )
    ]
    assert wrong == []


# ---------------------------------------------------------------- what must be true of Kazakhstan


def test_kazakhstan__answers_first(page):
    start = page.index('<div class="answer">')
    answer = re.sub(r"<[^>]+>", "", page[start : page.index("</div>", start)])
    assert answer.count("<p>") == 0
    assert page[start : page.index("</div>", start)].count("<p>") == 5
    assert re.match(r"\s*Kazakhstan has .* receiving them", answer)
    assert "For mid-2015 to mid-2020 eight" in answer
    assert "disagree even on the sign" in answer


def test_kazakhstan__contradictions_stand_side_by_side(page):
    for told in ("2,476,018", "579,845", "159,807", "−26,193", "−107,025", "164,586"):
        assert f">{told}</data>" in page, told


def test_kazakhstan__register_and_its_sum(page):
    assert ">16,094</data>" in page
    assert ">−118,832</data>" in page


def test_kazakhstan__flows_by_edition(today):
    (told,) = [s for s in today["sections"] if s["key"] == "went"]
    table = next(b for b in told["blocks"] if b["kind"] == "table")
    first = table["rows"][0]
    assert [str(cell[0].text) for cell in first[:2]] == ["Kazakhstan", "Russia"]
    assert first[3][0].value <= first[2][0].value <= first[4][0].value
    assert any(i.startswith("un-ims-2024") for i in first[2][0].ids)


def test_kazakhstan__lags_are_marked(page):
    assert "†" in page
    assert "later revision possible" in page


def test_kazakhstan__has_its_figures(today):
    names = [re.search(r'aria-labelledby="figure-([\w-]+)-title', f.svg).group(1) for f in drawn(today)]
    assert set(names) == {
        "dependence",
        "history-kaz",
        "frames-kaz",
        "hangs-kaz",
        "net-migration",
        "stock",
        "birthplaces",
        "destinations",
        "madeof",
        "remittances",
        "hosts",
        "leverage",
        "labour",
        "labour-fan",
        "known-when",
    }


def test_foot__says_how_to_make_it_again(today, page):
    foot = page[page.index("<footer>") :]
    assert today["foot"]["snapshot"] in foot
    assert today["foot"]["package"] in foot
    assert "keruen brief KAZ" in foot


def test_sources__have_licences(today):
    assert [s["key"] for s in today["sources"] if not s["licence"] or not s["cite"]] == []
    assert {n.release for n in numbers(today)} <= {s["key"] for s in today["sources"]}


# ---------------------------------------------------------------- as of a past day


def test_as_of__no_claim_is_younger(then):
    found = trace(sorted(claim_ids(then)))
    assert found["known"].max() <= date(2018, 5, 3)


def test_as_of__no_later_edition_is_named(old_page, then):
    keys = [
        k for k, card in releases().items() if k.startswith(("un-wpp-", "un-ims-")) and card.released > date(2018, 5, 3)
    ]
    assert len(keys) == 6
    for key in keys:
        card = releases()[key]
        for word in (key, card.title, labels.label(key)):
            assert word not in old_page, word
    assert not {s["key"] for s in then["sources"]} & set(keys)
    editions = "|".join(LATER)
    assert not re.search(rf"(WPP|IMS|World Population Prospects|Migrant Stock) ?({editions})", old_page)


def test_as_of__no_later_figure_is_told(old_page):
    for told in ("579,845", "2,476,018", "−26,193", "31,188", "21,313", "−104,531"):
        assert told not in old_page


def test_as_of__the_answer_of_that_day(old_page):
    assert "From <time>mid-2010</time> to <time>mid-2015</time>" in old_page
    assert "as of 3 May 2018" in old_page
    assert "What was known" in old_page or "what was known on" in old_page


def test_as_of__faults_obey_the_day(then):
    table = [b for s in then["sections"] if s["key"] == "sure" for b in s["blocks"] if b["kind"] == "table"]
    texts = " ".join(p.text for t in table for r in t["rows"] for c in r for p in c if isinstance(p, Said))
    later = [f.text for card in releases().values() for f in card.faults if f.known > date(2018, 5, 3)]
    assert later
    earlier = {f.text for card in releases().values() for f in card.faults if f.known <= date(2018, 5, 3)}
    assert [t for t in later if t in texts and t not in earlier] == []


def test_strict__leaves_lagged_figures_out():
    told = contents("KAZ", strict=True)
    assert not [n for n in numbers(told) if n.lag]
    assert "†" not in printed(told, "html")


# ---------------------------------------------------------------- the page


def test_page__asks_nobody(page):
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    bare = Bare(page)
    for tag, attrs in bare.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "img", "form")
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            assert attrs.get(name, "#").startswith("#"), (tag, attrs)
        assert not any(name.startswith("on") for name in attrs)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_page__can_be_read_by_all(page):
    bare = Bare(page)
    tags = [t for t, _ in bare.tags]
    assert ("html", {"lang": "en"}) in bare.tags
    assert tags.count("h1") == 1
    heads = [int(t[1]) for t in tags if t in ("h1", "h2", "h3", "h4")]
    assert heads[:2] == [1, 2]
    assert all(b <= a + 1 for a, b in pairwise(heads))
    assert tags.count("table") == tags.count("caption")
    assert all(a.get("scope") for t, a in bare.tags if t == "th")
    assert all(a.get("role") == "img" and a.get("aria-labelledby") for t, a in bare.tags if t == "svg")
    assert 'class="skip"' in page
    assert "@media print" in page
    assert "max-width: 34rem" in page


def test_page__colours_of_words_have_contrast():
    from importlib.resources import files

    def light(colour: str) -> float:
        colour = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
        parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    css = files("keruen").joinpath("data/templates/brief.css").read_text("utf-8")
    words = set(re.findall(r"(?<![-\w])color: #([0-9a-f]{3,6})", css)) - {"fff"}
    words |= {figures.INK[1:], figures.SOFT[1:]}
    for colour in words:
        assert 1.05 / (light(colour) + 0.05) >= 4.5, colour


def test_markdown__says_the_same_numbers(today, page):
    text = printed(today, "md")
    for n in numbers(today):
        assert n.text in text
    assert text.startswith("# Kazakhstan")
    assert "<" not in re.sub(r"&lt;", "", text)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 60


def test_pdf__is_tagged_and_says_the_same(today):
    pytest.importorskip("typst")
    made = printed(today, "pdf")
    assert made.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in made
    assert b"pdfuaid" in made
    assert made == printed(today, "pdf")


def test_pdf__prints_notes_as_they_stand():
    from keruen.brief import _filled, _typst

    assert _typst('a "b" \\ #c\n[d]') == '"a \\"b\\" \\\\ #c [d]"'
    told = contents("TKL", "1950-01-01")
    told["headline"] = [['#panic(1) "x" $y$ *z* @w \\ ', Said("<q> #let", "note")]]
    assert printed(told, "pdf").startswith(b"%PDF-")
    assert '#"#panic(1) \\"x\\" $y$ *z* @w \\\\ "' in _filled(told, "typ")


def test_pdf__says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingExtra, match=r"keruen\[pdf\]"):
        brief("TKL", format="pdf")


def test_brief__is_the_same_every_time_and_in_two_processes(home):
    alone = brief("TKL")
    kept.clear()
    assert brief("TKL", workers=2) == alone
    assert brief("TKL") == alone


def spoken(blocks, kind="paragraph") -> list[str]:
    return ["".join(p if isinstance(p, str) else p.text for p in b["parts"]) for b in blocks if b["kind"] == kind]


@pytest.mark.packaged
@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("MEX", "people from the United States: 799,248 in UN IMS 2020, 741,145 in World Bank"),
        ("TUR", "people from Syria: 3,830,526 in UN IMS 2024, 3,392,819 in World Bank"),
        ("TON", "people from Samoa: 198 in World Bank Bilateral Stock, 170 in UN IMS"),
    ],
)
def test_living__sentence_and_figure_name_one_corridor(code, sentence):
    blocks = went.went_section(Asked(code, code, None, strict=False, reported=True), None)["blocks"]
    said = [s for s in spoken(blocks) if "lie farthest apart" in s]
    assert sentence in said[0]
    drawn = [b["figure"].alt for b in blocks if b["kind"] == "figure" and "Widest apart" in b["figure"].alt]
    for sentence, alt in zip(said, drawn, strict=True):
        name = re.search(r"Widest apart: (.+?), ([\d,]+) to ([\d,]+)", alt)
        assert all(word in sentence for word in name.groups()), (sentence, alt)


@pytest.mark.packaged
def test_registered__who_tells_no_totals_may_tell_foreigners():
    said = spoken(went.went_section(Asked("DEU", "Germany", None, strict=False, reported=True), None)["blocks"])
    (nobody,) = [s for s in said if "reports yearly totals" in s]
    assert nobody == (
        "No source at hand reports yearly totals of all arrivals and of all departures for Germany. Reported instead: "
        "arrivals of foreign citizens alone and arrivals by citizenship."
    )


@pytest.mark.packaged
@pytest.mark.parametrize(("code", "as_of"), [("KAZ", None), ("KAZ", date(2018, 5, 3)), ("RUS", None)])
def test_uncounted__more_is_what_the_command_prints_beyond(code, as_of):
    told = uncounted_section(Asked(code, code, as_of, strict=False, reported=True))
    tables = [b for b in told["blocks"] if b["kind"] == "table" and "timeline" not in str(b["caption"])]
    printed = {i for n in walk([b["rows"] for b in tables]) if isinstance(n, Number) for i in n.ids}
    same = ["measure", "stream", "counterpart", "start", "end", "value", "low", "high", "definition"]
    pieces = [b["note"] for b in tables] + [b["parts"] for b in told["blocks"] if b["kind"] == "paragraph"]
    counted = 0
    for parts in pieces:
        if not str(parts[0]).startswith("Not shown"):
            continue
        command = next(p.text for p in parts if isinstance(p, Said))
        assert command == f"keruen evidence {code} --measure NAME" + (f" --as-of {as_of}" if as_of else "")
        for n, words in pairwise(parts):
            if isinstance(n, Number):
                measure = re.match(r" of (\w+)", words).group(1)
                rows = store.evidence(code, measure, as_of=as_of)
                # What another page tells alike stands in the line shown, with its name.
                shown = rows.join(rows.filter(pl.col("id").is_in(printed)), on=same, how="semi", nulls_equal=True)
                assert n.value == len(rows) - len(shown), measure
                assert n.text == figure(n.value)
                counted += 1
    assert counted > 1


@pytest.mark.packaged
def test_uncounted__what_the_timeline_alone_tells_is_drawn_and_listed():
    blocks = uncounted_section(Asked("KAZ", "Kazakhstan", None, strict=False, reported=True))["blocks"]
    (table,) = [b for b in blocks if b["kind"] == "table" and "timeline" in str(b["caption"])]
    lines = [["".join(p if isinstance(p, str) else p.text for p in cell) for cell in row] for row in table["rows"]]
    told = {(what, when): many for what, when, many, _ in lines}
    assert told["household permits issued, registered", "2018"] == "551,500 permits"
    assert told["household permits issued, registered", "January to June 2019"] == "260,000 permits"
    assert not any(what == "labour migrants" and many.startswith("2,000,000") for what, _, many, _ in lines)  # on trial
    picture = next(b["figure"] for b in blocks if b["kind"] == "figure")
    ids = {i for n in walk(table["rows"]) if isinstance(n, Number) for i in n.ids}
    assert ids <= set(picture.ids)
    assert set(trace(sorted(ids))["measure"]) == {"event"}


def test_uncounted__registered_alone_tell_nothing_of_those_without_papers():
    told = uncounted_section(Asked("TJK", "Tajikistan", None, False))
    said = ["".join(map(str, b["parts"])) for b in told["blocks"] if b["kind"] == "paragraph"]
    assert any("without papers is left out" in s for s in said)
    assert not any("labour migrants were in" in s for s in said)


def test_reported__nothing_is_estimated_and_it_says_so():
    told = contents("KAZ", reported=True)
    found = list(walk([told["headline"], told["sections"]]))
    assert len(found) > 300
    assert not any(isinstance(n, Number) and n.mark == "reckoned" for n in found)
    assert [s["key"] for s in told["sections"]] == ["went", "uncounted", "depends", "knew", "sure"]
    assert told["foot"]["command"] == "keruen brief KAZ --reported"
    assert "nothing is estimated" in printed(told, "md")
    with pytest.raises(ConceptError, match="place by place"):
        brief(system="eurasia", reported=True)


def said(parts):
    return "".join(p if isinstance(p, str) else p.text for p in parts)


@pytest.mark.packaged
@pytest.mark.parametrize(
    ("code", "day", "money", "share", "made"),
    [
        ("NPL", None, "11.3 billion dollars", "26.0 percent of its product.", "derived from World Bank WDI 2026"),
        ("NPL", date(2026, 5, 1), "11.3 billion dollars", "26.0 percent of its product.", "derived from World Bank"),
        ("STP", None, "80.1 million dollars", "9.7 percent of its product.", "derived from World Bank WDI 2026"),
        ("BRN", None, "2.00 million dollars", "0.01 percent of its product.", "published in World Bank KNOMAD"),
        ("SSD", None, "1.2 billion dollars", "18.2 percent of its product by World Bank KNOMAD Inflows 2023.",
         "18.2 percent by another count (published in World Bank KNOMAD Inflows 2023)"),
    ],
)  # fmt: skip
def test_depends__dollars_and_share_are_of_one_division(code, day, money, share, made):
    """The edition of 2025 prints 66.1 percent for Nepal, over other dollars and another product."""
    told = depends_section(Asked(code, places()[code].name, day, False, True))
    assert f"received {money} of remittances, {share}" in said(told["answer"])
    paragraph = next(said(b["parts"]) for b in told["blocks"] if b["kind"] == "paragraph")
    assert f"received {money} of remittances, says " in paragraph
    assert made in paragraph
    if "by another count" not in made:
        usd, part = (n for n in told["answer"] if isinstance(n, Number))
        assert len({i.rpartition(":")[0] for i in (*usd.ids, *part.ids)}) == 1


@pytest.mark.packaged
def test_depends__transfers_tell_what_they_count():
    told = depends_section(Asked("KGZ", "Kyrgyzstan", None, False, True))
    table = next(b for b in told["blocks"] if b["kind"] == "table" and "Money transfers" in said(b["caption"]))
    assert all("; Transfers " in said(row[-1]) for row in table["rows"])


@pytest.mark.packaged
def test_rewritten__rounding_is_no_revision():
    germany = net_of(Asked("DEU", "Germany", None, strict=False))
    rows = germany.editions((date(2015, 7, 1), date(2020, 7, 1)))
    assert [r["value"] for r in rows[:3]] == [550_000, 550_001, 500_001]
    assert (len(rows), rewrites(rows), distinct(rows)) == (8, 6, 7)
    said = spoken(knew_section(Asked("DEU", "Germany", None, strict=False, reported=True), germany)["blocks"])
    assert any("the figure was rewritten six times in seven later editions" in s for s in said)


# ---------------------------------------------------------------- other places, bad questions


@pytest.mark.parametrize("code", ["TKL", "VAT", "XKX", "DEU"])
def test_brief__other_places(code):
    told = contents(code)
    assert all(n.ids for n in numbers(told))
    sound(printed(told, "html"), printed(told, "md"))


@pytest.mark.slow
def test_brief__places_of_every_kind(monkeypatch):
    assert len(countries()) >= 235
    monkeypatch.setattr(tipped, "PAST", ())
    monkeypatch.setattr(sure, "TREATMENTS", ())
    for one in countries()[::6]:
        told = contents(one.code)
        assert all(n.ids for n in numbers(told)), one.code
        sound(printed(told, "html"), printed(told, "md"), one.code)


def sound(page: str, text: str, code: str = ""):
    """A brief without the marks of a program that had nothing to say."""
    bare = Bare(page)
    # Addresses of pages may hold any letters.
    shown = (
        " ".join(bare.words) + " ".join(re.findall(r"<data[^>]*>([^<]*)<", page)) + text.partition("\n## Sources")[0]
    )
    assert not re.search(r"\b(nan|None|null|inf|undefined)\b", shown), code
    assert [w for w in bare.words if re.search(r"\d", w)] == [], code
    assert "−0<" not in page, code
    assert len(bare.words) > 50
    assert "Traceback" not in page


@pytest.mark.parametrize("name", ["Kazakhstan", "398", "Казахстан"])
def test_brief__place_by_any_name(name):
    assert contents(name, THEN)["place"] == "KAZ"


def test_brief__bad_questions():
    with pytest.raises(UnknownPlace, match="Did you mean"):
        brief("Kirgizia")
    with pytest.raises(BadDate):
        brief("KAZ", as_of="yesterday")
    with pytest.raises(ConceptError, match="html, md or pdf"):
        brief("KAZ", format="docx")


def test_brief__long_before_any_figure():
    told = contents("KAZ", "1950-01-01")
    assert numbers(told) == []
    page = printed(told, "html")
    assert "no source at hand reported net migration" in page
    assert page.count("<svg") == 0


# ---------------------------------------------------------------- the user's own figures


def test_own__rows_are_shown_marked_and_escaped(home, tmp_path):
    path = tmp_path / "own.csv"
    pl.DataFrame(
        {
            "measure": ["net_migration", "labour_migrants"],
            "stream": ["all", "labour"],
            "place": ["TKL", "TKL"],
            "start": ["2021-01-01", "2022-01-01"],
            "end": ["2022-01-01", ""],
            "value": [-1234.0, 777_777.0],
            "status": ["survey", "survey"],
            "source": ["<script>alert(1)</script> Office & Co"] * 2,
            "released": ["2023-02-01"] * 2,
            "note": ["<img src=x onerror=alert(1)>", "[click](javascript:alert(1)) `x`"],
        }
    ).write_csv(path)
    add(path)
    told = contents("TKL")
    page, text = printed(told, "html"), printed(told, "md")
    assert "own figure" in page
    assert ">777,777</data>" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in text
    assert "[click](javascript" not in text
    assert any(n.own for n in numbers(told))
    assert [w for w in Bare(page).words if re.search(r"\d", w)] == []


# ---------------------------------------------------------------- small words


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2_476_018, "persons", "2.48 million"),
        (-28_596.5, "persons", "−28.6 thousand"),
        (159_807, "persons", "160 thousand"),
        (999_600, "persons", "1.00 million"),
        (0, "persons", "0"),
        (-0.3, "persons", "0"),
        (2.4e8, "USD", "240 million dollars"),
        (6.1e9, "USD", "6.1 billion dollars"),
        (0.083, "percent", "0.08 percent"),
    ],
)
def test_about__says_what_a_sentence_says(value, unit, text):
    assert about(value, unit).replace("240.0", "240") == text


def test_exact__never_minus_nought():
    assert exact(-0.2, "persons") == "0"
    assert figure(-0.04, 1) == "0.0"
    assert exact(27.5, "persons") == "28"


def test_span__keeps_true_ends():
    assert span(date(2019, 1, 1), date(2019, 9, 1)) == "January to August 2019"
    assert span(date(1995, 7, 1), date(2000, 7, 1)) == "1995–2000"
    assert span(date(2019, 1, 1), date(2019, 2, 1)) == "January 2019"
    assert span(date(2004, 1, 1), date(2009, 1, 1)) == "2004 to 2008"


def test_say__puts_parts_in_their_places():
    n = Number(1.0, "persons", "1", ("a:b",), "a")
    assert say("Just {n}.", n=n) == ["Just ", n, "."]


# ---------------------------------------------------------------- a system


def test_system__every_place_and_every_number_has_claims():
    told = contents_of_system("south-caucasus")
    assert [n for n in numbers(told) if not n.ids or not n.release or not n.text] == []
    assert {n.release for n in numbers(told)} <= {s["key"] for s in told["sources"]}
    page, text = printed(told, "html"), printed(told, "md")
    sound(page, text)
    for name in ("Armenia", "Azerbaijan", "Georgia"):
        assert page.count(name) > 4, name
    table = next(b for b in told["sections"][0]["blocks"] if b["kind"] == "table")
    assert len(table["rows"]) == 3
    assert "figure-apart" in page
    assert "keruen brief --system south-caucasus" in page


def test_system__who_cannot_be_told_is_named(monkeypatch):
    from keruen.sections import system

    real = system.path_or_fault
    monkeypatch.setattr(system, "path_or_fault", lambda a: (None, True) if a.code == "GEO" else real(a))
    answer, sections = system.of_system("South Caucasus", members_of("south-caucasus"), None, False)

    def spelt(parts):
        return "".join(p if isinstance(p, str) else p.text for p in parts)

    assert "Of three places, " in spelt(answer[0])
    assert "Georgia cannot be told" in spelt(answer[0])
    table = next(b for b in sections[0]["blocks"] if b["kind"] == "table")
    assert [spelt(row[1]) for row in table["rows"]][2] == "left out: the draws did not settle"


def test_system__as_of_holds_nothing_later():
    told = contents_of_system("south-caucasus", THEN)
    found = trace(sorted(claim_ids(told)))
    assert found["known"].max() <= date(2018, 5, 3)
    assert not re.search("WPP (2019|2022|2024)", printed(told, "md"))


def test_system__bad_questions():
    with pytest.raises(UnknownPlace, match="Try"):
        brief(system="eurasien")
    for both in ({}, {"place": "KAZ", "system": "eurasia"}):
        with pytest.raises(ConceptError, match="one of the two"):
            brief(**both)


# ---------------------------------------------------------------- the path of a brief


def test_when_it_tipped__says_what_the_function_says(today):
    """One question, one answer: the brief's masses are those that `keruen tipping` prints."""
    table = next(b for b in today["sections"][0]["blocks"] if b["kind"] == "table")
    told = {row[0][0].text if hasattr(row[0][0], "text") else row[0][0]: row[1][0].value for row in table["rows"]}
    alone = tipping(reconcile("KAZ", **paths.FULL), paths.PERSISTENCE, since=paths.SINCE)
    assert told[tipped.KINDS["never"]] == pytest.approx(100 * alone.p_never, abs=0.5)
    for year, p in alone.p_by_year.items():
        assert str(year) not in told or told[str(year)] == pytest.approx(100 * p, abs=0.5)


def test_when_it_tipped__comes_first_and_counts_its_draws(today):
    first = today["sections"][0]
    assert first["key"] == "tipping"
    table = next(b for b in first["blocks"] if b["kind"] == "table")
    assert 96 <= sum(row[1][0].value for row in table["rows"]) <= 104
    text = printed(today, "md")
    assert "stand on 400 draws" in text
    assert "Asked at the end of" in text
    assert "sources that came since" in text


def paths_like(**shares):
    """Draws of a path, so many of each kind: up in 2004, up in 2004 and down in 2013, up in 2022, none, always."""
    years = np.arange(1988, 2025)
    kinds = {
        "up": np.where(years >= 2004, 2.0, -2.0),
        "back": np.where((years >= 2004) & (years < 2013), 2.0, -2.0),
        "young": np.where(years >= 2022, 2.0, -2.0),
        "none": np.full(years.size, -2.0),
        "always": np.full(years.size, 2.0),
    }
    rates = np.concatenate([np.tile(kinds[k], (n, 1)) for k, n in shares.items()])
    rows = store.evidence("TKL", "net_migration").with_columns(part=pl.lit("lineage")).head(3).to_dicts()
    posterior = SimpleNamespace(years=years, rates=rates)
    return paths.Path(posterior, tipping((years, rates), 5, since=1990), rows)


@pytest.mark.parametrize(
    ("shares", "told", "word"),
    [
        ({"up": 97, "none": 3}, "has almost certainly turned .* since 1990 \\(97 percent\\), most often in 2004 \\(97 percent\\)\\.", "a lasting turn"),
        ({"up": 20, "back": 60, "none": 20}, "has most likely turned .*; but around 2023 it was most likely sending people again", "a lasting turn"),
        ({"up": 60, "back": 20, "none": 20}, "; in 20 percent of all draws|but around 2023", "a lasting turn"),
        ({"none": 98, "always": 2}, "almost certainly seen no lasting turn .* \\(98 percent\\)\\.", "no lasting turn"),
        ({"young": 70, "none": 30}, "has most likely begun to receive .* too short a time .* \\(70 percent\\)", "begun but not yet"),
        ({"always": 80, "up": 20}, "was most likely receiving people by 1990 already \\(80 percent\\), and still is; 20 percent", "from the start"),
        ({"always": 40, "none": 35, "up": 25}, "Whether .* is open: .* 25 percent, most often in 2004, none at all 35 percent and receiving all along 40 percent\\.", "from the start"),
    ],
)  # fmt: skip
def test_headline__tells_every_kind_of_path(shares, told, word):
    path = paths_like(**shares)
    asked = Asked("TKL", "Tokelau", None, False)

    def spelt(parts):
        return "".join(p if isinstance(p, str) else p.text for p in parts)

    assert re.search(told, spelt(tipped._headline(asked, path)))
    assert word in spelt(paths.headword(path))
    assert all(n.ids for n in walk(tipped._headline(asked, path)) if isinstance(n, Number))


def test_when_it_tipped__nothing_is_said_without_claims():
    told = contents("VAT", "1995-01-01")
    first = told["sections"][0]
    assert first["key"] == "tipping"
    assert [b["kind"] for b in first["blocks"]] == ["paragraph", "paragraph"]
    assert "no finding" in printed(told, "md")
    assert not first["answer"]


def test_sections__stand_in_their_order(today):
    assert [s["key"] for s in today["sections"]] == ["tipping", "went", "uncounted", "depends", "knew", "sure"]


def test_reckonings__say_what_they_rest_on(today):
    own = [s for s in today["sources"] if s["reckoned"]]
    assert {s["key"] for s in own} == {
        f"keruen:{k}" for k in ("net-migration", "flows", "labour", "remittances", "leverage")
    }
    assert all(s["rests"] and max(s["rests"]) <= len(today["sources"]) for s in own)
    rested = {n.release: set() for n in numbers(today) if n.mark == "reckoned"}
    for n in numbers(today):
        if n.mark == "reckoned":
            rested[n.release] |= {i.rsplit(":", 1)[0] for i in n.ids}
    names = {s["n"]: s["key"] for s in today["sources"]}
    assert all({names[k] for k in s["rests"]} == rested[s["key"]] for s in own)


def test_brief__is_kept(monkeypatch):
    from keruen.sections import whole

    first = brief("TKL", format="md")

    def never(asked):
        raise AssertionError("computed again")

    monkeypatch.setattr(whole, "of_place", never)
    assert brief("TKL", format="md") == first
    assert "--as-of" in brief("TKL", format="md", command="keruen brief TKL --as-of x")
