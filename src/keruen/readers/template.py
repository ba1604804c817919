"""The template of a table of the user's own: its columns, and invented rows that show how one is written.

The rows can be read as they stand; to add them is refused, for nobody reported them.
"""

from __future__ import annotations

import csv
import io

from keruen.vocabulary import words

COLUMNS = {
    "measure": "what is counted: a word of 'keruen measures', say net_migration, stock, remittances_received",
    "place": "whose figure it is: a code (KAZ), a number (398) or a name (Kazakhstan, Казахстан)",
    "start": "first day of the span, or the day of a stock: 2017-01-01 or 01.01.2017",
    "end": "first day AFTER the span: a figure of the year 2017 ends on 2018-01-01. Empty for a stock.",
    "value": "the number, in `unit`; an empty cell is absent, never 0",
    "low": "lower bound; alone it means 'more than'",
    "high": "upper bound",
    "level": "mass of [low, high]: 0.8 for an 80% interval",
    "counterpart": "the other end: origin, birthplace, sender … Empty: all together",
    "basis": "how the counterpart is told: {basis}",
    "stream": "{stream}. Empty: all",
    "sex": "all, male or female. Empty: all",
    "age": "all, or say 0-4, 15-64, 75+. Empty: all",
    "group": "a part told by other means, say ethnicity=Russian. Empty: all",
    "status": "{status}. Empty: administrative",
    "definition": "a key of definitions.toml that says what is counted, say reg_permanent. Empty: own",
    "source": "required: the title of what the figure was read in",
    "publisher": "who publishes it",
    "url": "where it can be read",
    "licence": "its terms",
    "released": "when it was published: 2018-05-03, 2018-05 or 2018. Empty: known from the day you add it",
    "unit": "empty, or the unit of the measure, after 'thousand', 'million' or 'billion' if the numbers are",
    "locator": "where in the source: page, table, cell",
    "flag": "a mark as printed: provisional, estimated …",
    "note": "anything else, as text",
    "text": "what is not a number: 'rose sharply'",
    "retracts": "the id of a row that this row withdraws; it then needs no value",
}
"""Columns of the template, in order, and what they mean."""

INSTEAD = {"year": "a calendar year, instead of start and end", "date": "a day, instead of start"}
"""Columns that may stand for others."""

EXAMPLE = [
    {
        "measure": "net_migration", "place": "Kazakhstan", "start": "2017-01-01", "end": "2018-01-01", "value": "-22.1",
        "status": "register", "source": "Example yearbook (invented; replace this row)", "publisher": "Example office",
        "released": "2018-05", "unit": "thousand", "locator": "table 3", "note": "an invented figure",
    },
    {
        "measure": "stock", "place": "KAZ", "start": "2018-01-01", "value": "1200", "counterpart": "Uzbekistan",
        "basis": "birthplace", "sex": "female", "status": "register", "publisher": "Example office",
        "source": "Example yearbook (invented; replace this row)", "released": "2018-05",
    },
]  # fmt: skip


def template() -> str:
    """The template of a table as CSV: comments, the header, and invented rows to be replaced.

    Examples
    --------
    >>> template().startswith("# Keruen")
    True
    """
    told = {kind: ", ".join(words(kind)) for kind in ("basis", "stream", "status")}
    lines = [
        "# Keruen: a table of figures of your own. One row, one number, as one source states it.",
        "# Lines that begin with # are left out. Columns may stand in any order; those you do not need may go.",
        "# `year` may stand for start and end of a flow, `date` for the day of a stock.",
        "# The rows below the header are invented: replace them by figures of yours. They are refused as they stand.",
        "#",
        *(f"# {name}: {meaning.format(**told)}" for name, meaning in COLUMNS.items()),
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(EXAMPLE)
    return "\n".join(lines) + "\n" + out.getvalue()
