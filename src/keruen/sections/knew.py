"""What the world knew, and when: net migration by edition, the rivals of each period, and the user's own figures."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from keruen import figures_net, store
from keruen.places import places
from keruen.provenance import definitions, releases
from keruen.sections.common import (
    Asked,
    Section,
    answers,
    drawn,
    heads,
    says,
    section,
    shows,
    table_of,
    totals,
    unreported,
    witnesses,
)
from keruen.sections.net import Net, capital, counted, distinct, moved, rewrites, sign_words, signed, times
from keruen.wording import (
    Parts,
    Said,
    card_of,
    edition_of,
    made,
    number,
    plural,
    quantity_of,
    say,
    span,
    told_day,
    window_of,
)

NEAR = 1.25  # figures within this factor are told without surprise
COUNTED_AT_HOME = ("register", "administrative", "census")


def knew_section(asked: Asked, net: Net | None) -> Section:
    """What each edition said of the same years, and what is counted at home beside it."""
    told = section("knew", "What the world knew, and when")
    if net is None:
        says(told, unreported("net migration", asked))
    elif not net.windows:
        sentence = _newest_years(asked, net)
        says(told, sentence)
        answers(told, sentence)
        _rivals(told, asked, net)
    else:
        sentences = _spread(asked, net)
        answers(told, _short(asked, net))
        for sentence in sentences:
            says(told, sentence)
        _rivals(told, asked, net)
        heads(told, "The same years, told again and again")
        _editions(told, asked, net)
    _own(told, asked)
    return told


def _spread(asked: Asked, net: Net) -> list[Parts]:
    """The newest five years in a sentence, how often they were rewritten, and what is counted at home."""
    name = Said(asked.name, "name")
    window = net.windows[-1]
    rows = net.editions(window)
    newest = rows[-1]
    when: Parts = [Said(f"mid-{window[0].year}"), " to ", Said(f"mid-{window[1].year}")]
    if newest["value"]:
        first = say(
            f"From {{when}} {{name}} {moved(newest['value'])} {{much}} people through migration, says {{edition}}",
            when=when, name=name, much=number(newest, words=True, absolute=True), edition=edition_of(newest["release"]),
        )  # fmt: skip
    else:
        first = say(
            "From {when} as many came to {name} as left ({much}), says {edition}",
            when=when, name=name, much=number(newest), edition=edition_of(newest["release"]),
        )  # fmt: skip
    low, high = min(rows, key=lambda r: r["value"]), max(rows, key=lambda r: r["value"])
    gains = [r for r in rows if r["value"] > 0]
    losses = [r for r in rows if r["value"] < 0]
    ahead = [r for r in rows if r["status"] == "projection"]
    if distinct(rows) > 1:
        if len(ahead) == len(rows) - 1:
            among: Parts = [", all but the newest looking ahead,"]
        else:
            among = say(", {n} of them looking ahead,", n=counted(ahead)) if ahead else []
        first += say(
            "; {n} editions{among} give anything from {low} to {high}",
            n=counted(rows), among=among, low=signed(low), high=signed(high),
        )  # fmt: skip
        first += [
            " and disagree even on the sign."
            if gains and losses
            else ", but agree on the sign."
            if gains or losses
            else "."
        ]
    elif len(rows) > 1:
        same = "the same figure" if low["value"] == high["value"] else "the same figure, but for rounding"
        first += say(f"; all {{n}} editions print {same}.", n=counted(rows))
    else:
        first += [", the only edition that tells these years."]
    out = [first]
    even = [r for r in rows if r["value"] == 0]
    if gains and losses:
        out.append(
            say(
                f"{{up}} {plural(len(gains), 'edition says', 'editions say')} that more people came, {{down}} "
                f"{plural(len(losses), 'says', 'say')} that more left"
                + (f", {{even}} {plural(len(even), 'gives', 'give')} nought." if even else "."),
                up=capital(counted(gains)), down=counted(losses), even=counted(even) if even else "",
            )
        )  # fmt: skip
    if len(rows) > 1 and rewrites(rows):
        later = rows[1:]
        out.append(
            say(
                "Since its first print in {first} the figure was rewritten {times} in {later}; expect the newest to "
                "move too.",
                first=Said(str(rows[0]["known"].year)), times=times(rewrites(rows), rows),
                later=[counted(later), f" later {plural(len(later), 'edition')}"]
                if len(later) > 1
                else "the next edition",
            )
        )  # fmt: skip
    home = [r for r in net.others(window) if r["status"] in COUNTED_AT_HOME]
    if home:
        own = home[0]
        out.append(
            say(
                "What is counted at home says {value} ({edition}, {convention}): another definition, so no direct "
                "rival.",
                value=signed(own), edition=edition_of(own["release"]),
                convention=Said(str(own["convention"] or span(own["start"], own["end"]))),
            )
        )  # fmt: skip
    return out


def _short(asked: Asked, net: Net) -> Parts:
    """How far the editions lie apart for the newest five years, in one sentence."""
    window = net.windows[-1]
    rows = net.editions(window)
    low, high = min(rows, key=lambda r: r["value"]), max(rows, key=lambda r: r["value"])
    when: Parts = [Said(f"mid-{window[0].year}"), " to ", Said(f"mid-{window[1].year}")]
    name = Said(asked.name, "name")
    if distinct(rows) < 2:
        told = "the only edition at hand gives" if len(rows) == 1 else "all {n} editions give"
        return say(
            f"For {{when}} {told} {{value}} as net migration of {{name}}.",
            when=when, n=counted(rows), value=signed(rows[-1]), name=name,
        )  # fmt: skip
    split = low["value"] < 0 < high["value"]
    near = not split and min(abs(low["value"]), abs(high["value"])) * NEAR >= max(abs(low["value"]), abs(high["value"]))
    tail = ", and disagree even on the sign" if split else ""
    return say(
        f"For {{when}} {{n}} editions give {'' if near else 'anything from '}{{low}} to {{high}} as net migration of "
        f"{{name}}{tail}.",
        when=when, n=counted(rows), low=signed(low), high=signed(high), name=name,
    )  # fmt: skip


def _newest_years(asked: Asked, net: Net) -> Parts:
    """The answer where no five-year figure is over: the newest year that is told."""
    rows = witnesses(
        totals(net.claims).filter(pl.col("status") != "projection").sort("end", "known").iter_rows(named=True)
    )
    rows = rows or witnesses(totals(net.claims).sort("end", "known").iter_rows(named=True))
    if not rows:
        return unreported("net migration", asked)
    last = rows[-1]
    return say(
        "No source at hand tells five whole years; for {when} {edition} gives {value}.",
        when=window_of(last["start"], last["end"]),
        edition=edition_of(last["release"]),
        value=signed(last),
    )


def _rivals(section: Section, asked: Asked, net: Net) -> None:
    """Net migration by edition: the figure, and the rival claims of each period."""
    drawn(section, lambda: figures_net.net_migration_by_edition(net.claims, as_of=asked.as_of))
    windows = net.windows[-6:]
    if not windows:
        return
    rows: list[list[Parts]] = []
    other = any(net.others(w) for w in windows)
    for window in reversed(windows):
        told = net.editions(window)
        low, high = min(told, key=lambda r: r["value"]), max(told, key=lambda r: r["value"])
        line: list[Parts] = [
            [window_of(*window)],
            [number(told[-1]), " ", edition_of(told[-1]["release"])],
            [number(low), " ", edition_of(low["release"])],
            [number(high), " ", edition_of(high["release"])],
            [made(distinct(told), "figures", told)],
            [sign_words(told)],
        ]
        if other:
            cell: Parts = []
            shown: list[float] = []
            for row in net.others(window):
                if len(shown) < 3 and not any(abs(row["value"] - v) <= 0.5 for v in shown):
                    cell += [", " if cell else "", number(row), " ", edition_of(row["release"])]
                    shown.append(row["value"])
            line.append(cell)
        rows.append(line)
    columns: list[Parts] = [
        ["Period"],
        ["Newest edition"],
        ["Lowest"],
        ["Highest"],
        ["Different figures"],
        ["Same sign?"],
    ]
    if other:
        columns.append(["Counted or told otherwise, calendar years"])
    definition = definitions().get(net.main, {})
    shows(
        section,
        table_of(
            say(
                "Rival claims to net migration of {name}, persons over five years (mid-year to mid-year)",
                name=Said(asked.name, "name"),
            ),
            columns,
            rows,
            say(
                "{definition} Yearly editions are summed over the window with half weights for the two years it cuts.",
                definition=Said(str(definition.get("meaning", "")), "note"),
            ),
        ),
    )


def _editions(section: Section, asked: Asked, net: Net) -> None:
    """The same years, as each edition told them."""
    windows = net.windows[-4:]
    drawn(section, lambda: figures_net.known_when(net.rivals, windows[-3:], as_of=asked.as_of))
    by_release: dict[str, dict[tuple[date, date], dict[str, Any]]] = {}
    for window in windows:
        for row in net.editions(window):
            if row["known_basis"] != "publication lag":
                by_release.setdefault(row["release"], {})[window] = row
    order = sorted(by_release, key=lambda k: (max(r["known"] for r in by_release[k].values()), k))
    body: list[list[Parts]] = []
    general = False
    for key in order:
        card = card_of(key)
        known = max(r["known"] for r in by_release[key].values())
        told: Parts = [Said(told_day(card.released, card.precision) if card else told_day(known))]
        if card and "general" in card.extra.get("released_basis", ""):
            told += ["*"]
            general = True
        line: list[Parts] = [[edition_of(key)], told]
        for window in windows:
            found = by_release[key].get(window)
            cell: Parts = []
            if found is not None:
                n = number(found)
                cell = [n]
                if "projected" in n.mark:
                    cell.append(" projected")
                if "unchanged" in n.mark:
                    cell.append(" unchanged")
            line.append(cell)
        body.append(line)
    note: Parts = [
        "Read down a column: the same years, told again and again. Unchanged: carried over from the edition before."
    ]
    if general:
        note.append(" * Date from general knowledge, not read in a source.")
    columns: list[Parts] = [["Edition"], ["Released"]]
    columns += [[window_of(*w)] for w in windows]
    shows(
        section,
        table_of(
            say(
                "Net migration of {name} as each edition gave it, persons over the period",
                name=Said(asked.name, "name"),
            ),
            columns,
            body,
            note,
        ),
    )


def _own(section: Section, asked: Asked) -> None:
    """The user's own figures."""
    keys = sorted(set(store.cards()) - set(releases()))
    if not keys:
        return
    rows = store.evidence(asked.code, release=keys, as_of=asked.as_of, strict=asked.strict)
    if rows.is_empty():
        return
    heads(section, "Your own figures")
    lines: list[list[Parts]] = []
    for r in rows.sort("measure", "start", "end").head(40).iter_rows(named=True):
        other: Parts = (
            [", with ", Said(places()[r["counterpart"]].name, "name")] if r["counterpart"] in places() else []
        )
        details = [x for x in (r["sex"], r["age"], r["group"]) if x != "all"]
        told = Said("; ".join(filter(None, [", ".join(details), str(r["note"] or "")])), "note")
        unit = "million USD" if r["unit"] == "USD" else r["unit"]
        lines.append(
            [
                [r["measure"].replace("_", " "), *other],
                [window_of(r["start"], r["end"])],
                [*quantity_of(r), f" {unit}" if not any(c.isdigit() for c in unit) else Said(f" {unit}", "note")],
                [edition_of(r["release"])],
                [told],
            ]
        )
    shows(
        section,
        table_of(
            ["Figures that you added; they are in nobody else's brief"],
            [["What"], ["When"], ["Figure"], ["Source"], ["Note"]],
            lines,
        ),
    )
