"""Write the pages of docs/ that are printed from the package itself: reference, measures, and a page a source.

python tools/make_docs.py          write them
python tools/make_docs.py --check  fail if one of them is not what it would be
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import keruen
from keruen.ledger import reasons
from keruen.provenance import Release, definitions, licences, releases
from keruen.snapshot import manifest
from keruen.vocabulary import measures, topics, words

DOCS = Path(__file__).parents[1] / "docs"


def reference() -> str:
    """Every public name with its signature and docstring."""
    lines = ["# Reference", "", "Every public function, as its docstring tells it. `import keruen as kr`.", ""]
    for name in keruen.__all__:
        if name == "__version__":
            continue
        found = getattr(keruen, name)
        lines += [f"## `{name}`", ""]
        if callable(found):
            lines += ["```text", f"kr.{name}{inspect.signature(found)}", "```", ""]
            lines += ["```text", inspect.getdoc(found) or "", "```", ""]
        else:
            lines += ["The tree of errors.", "", "```text", inspect.getdoc(found.KeruenError) or "", "```", ""]
    return "\n".join(lines)


def vocabulary() -> str:
    """Measures by topic, with units and meaning."""
    lines = ["# Measures, streams, definitions", "", "What can be asked about. `keruen measures` prints the same.", ""]
    for topic in topics():
        lines += [
            f"## {topic.replace('_', ' ').capitalize()}",
            "",
            "| measure | unit | when | meaning |",
            "|---|---|---|---|",
        ]
        for m in measures().values():
            if m.topic == topic:
                other = f" *Counterpart*: {m.counterpart}." if m.counterpart else ""
                lines.append(f"| `{m.name}` | {m.unit} | {m.when} | {m.meaning}{other} |")
        lines.append("")
    for kind, title in (("stream", "Streams"), ("status", "Statuses"), ("basis", "Bases")):
        lines += [f"## {title}", "", "| word | meaning |", "|---|---|"]
        lines += [f"| `{word}` | {meaning} |" for word, meaning in words(kind).items()] + [""]
    lines += ["## Definitions", "", "| key | what is counted | because |", "|---|---|---|"]
    lines += [
        f"| `{key}` | **{card['name']}.** {card['meaning']} | {card['because']} |"
        for key, card in definitions().items()
    ]
    return "\n".join([*lines, ""])


def family(release: Release) -> str:
    """The page on which a release stands."""
    return release.family or release.key


def source_pages() -> dict[str, str]:
    """A page a family of releases: what it is, its editions, its faults."""
    rows = manifest()["releases"]
    groups: dict[str, list[Release]] = {}
    for release in releases().values():
        if not release.key.startswith("page-"):
            groups.setdefault(family(release), []).append(release)
    pages = {}
    index = ["# Sources", "", "A page a source, with its editions and the faults known of it.", "",
             "| source | editions | rows in the snapshot |", "|---|--:|--:|"]  # fmt: skip
    for key, members in sorted(groups.items()):
        title = re.sub(r"\s(19|20)\d{2}$", "", members[-1].title) or members[-1].title
        count = sum(rows.get(m.key, {}).get("rows", 0) for m in members)
        index.append(f"| [{title}]({key}.md) | {len(members)} | {count:,} |")
        by = f"*{members[-1].publisher}.*" + (f" <{members[-1].url}>" if members[-1].url else "")
        lines = [f"# {title}", "", by, ""]
        for m in sorted(members, key=lambda r: r.released):
            lines += [f"## `{m.key}`", "", *edition(m, rows), ""]
            for fault in m.faults:
                about = " ".join(f"`{x}`" for x in (fault.place, fault.measure) if x)
                lines.append(f"* {about + ': ' if about else ''}{fault.text} *Because*: {fault.because}")
            if m.faults:
                lines.append("")
        pages[f"sources/{key}.md"] = "\n".join(lines).rstrip() + "\n"
    end = "Figures from press and agency pages carry the address of their page; `keruen sources --pages` lists them."
    pages["sources/index.md"] = "\n".join([*index, "", end, ""])
    return pages


def edition(m: Release, rows: dict[str, dict[str, int]]) -> list[str]:
    """What an edition is, in two lines."""
    told = {"day": m.released.isoformat(), "month": m.released.strftime("%B %Y"), "year": str(m.released.year)}
    lag = f" Running series: rows are known {m.lag_months} months after their year." if m.lag_months else ""
    held = "compiled locally only" if m.restricted else "no rows of its own"
    if m.key in rows:
        held = f"{rows[m.key]['rows']:,} rows, {rows[m.key]['copies']:,} of them copies"
    return [
        f"{m.title}. Released {told[m.precision]} ({m.extra.get('released_basis', 'unknown')}).{lag}",
        f"Zeros: {m.zeros}. Licence: {licences()[m.licence]['name']}. In the snapshot: {held}.",
    ]


def compiling() -> str:
    """What became of every row of every table that the snapshot was compiled from."""
    told = manifest()
    lines = [
        "# Compiling the figures",
        "",
        "`keruen compile FOLDER` makes the snapshot of figures from tidy copies of publishers' tables; users need",
        "it only for figures without an open licence (`--include-restricted`). It refuses a table that gives more",
        "or fewer claims than it has rows, unless `data/tables.toml` says why. Compiled twice from the same tables",
        "by the same package, a snapshot is the same to the byte.",
        "",
        f"The packaged one holds {told['rows']:,} claims. Rows that say the same in two tables, or twice in one, are",
        f"one claim ({sum(told['repeated'].values()):,} are left out for that).",
        "",
        "| tables | rows | claims | covariates | without an open licence | why they differ |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for name, e in told["tables"].items():
        names = "<br>".join(f"`{n}`" for n in name.split(" + "))
        counts = " | ".join(f"{e[k]:,}" if e[k] else "" for k in ("rows", "claims", "covariates", "closed"))
        lines.append(f"| {names} | {counts} | {reasons().get(name, {}).get('why', '')} |")
    lines += ["", "Tables of which no claims are made:", ""]
    lines += [f"* `{name}`: used by {told['used']}." for name, told in reasons().items() if "used" in told]
    return "\n".join([*lines, ""])


def main() -> int:
    """Write or check."""
    pages = {"reference.md": reference(), "measures.md": vocabulary(), "compile.md": compiling(), **source_pages()}
    stale = [
        p.relative_to(DOCS).as_posix() for p in DOCS.glob("sources/*.md") if p.relative_to(DOCS).as_posix() not in pages
    ]
    if "--check" in sys.argv:
        wrong = [n for n, text in pages.items() if not (DOCS / n).is_file() or (DOCS / n).read_text("utf-8") != text]
        for name in wrong + stale:
            print(f"docs/{name} is not what the package says; run: python tools/make_docs.py", file=sys.stderr)
        return bool(wrong + stale)
    for name in stale:
        (DOCS / name).unlink()
    for name, text in pages.items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(text, "utf-8")
    print(len(pages), "pages written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
