"""What became of every row of the publishers' tables: no row is left out without a word."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from keruen.errors import UnreadableSource
from keruen.readers import common


@cache
def reasons() -> dict[str, dict[str, str]]:
    """Why tables give more or fewer claims than they have rows, and what reads the others: ``data/tables.toml``."""
    return tomllib.loads(files("keruen").joinpath("data/tables.toml").read_text("utf-8"))


@dataclass(slots=True)
class Ledger:
    """Rows of tables, and the claims and covariates that came of them.

    A reader opens tables and yields what it made of them. What it yields belongs to the tables opened since it last
    yielded something: to those that were opened for the first time, or, if there are none of these, to all of them.
    """

    entries: dict[str, dict[str, int]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    last: str = ""

    def begin(self) -> None:
        """A reader begins."""
        common.opened.clear()
        self.last = ""

    def enter(self, kind: str, made: int, closed: int = 0) -> None:
        """A reader has yielded so many claims or covariates; so many of them carry no open licence."""
        rows = dict(common.opened)
        common.opened.clear()
        names = [n for n in rows if n not in self.seen] or list(rows)
        self.seen |= rows
        self.last = " + ".join(names) or self.last
        entry = self.entries.setdefault(
            self.last, {"rows": sum(rows[n] for n in names), "claims": 0, "covariates": 0, "closed": 0}
        )
        entry[kind] += made
        entry["closed"] += closed

    def checked(self) -> dict[str, dict[str, int]]:
        """The entries.

        Raises
        ------
        UnreadableSource
            If tables gave another number of claims or covariates than they have rows, and no reason is told.
        """
        wrong = [
            f"{name} has {e['rows']:,} rows, and {e['claims'] + e['covariates']:,} came of them"
            for name, e in sorted(self.entries.items())
            if e["claims"] + e["covariates"] != e["rows"] and "why" not in reasons().get(name, {})
        ]
        if wrong:
            raise UnreadableSource("; ".join(wrong) + ". Say why in data/tables.toml, or mend the reader.")
        return dict(sorted(self.entries.items()))
