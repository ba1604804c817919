"""Where a fault stands in a set of statements: lines of keys, what is malformed, and every fault told at once."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

Where = tuple[Any, ...]  # ("set", key), (statement, key), (statement, test, key)
HEADER = re.compile(r"^\s*(\[\[?)\s*([\w.\-]+)\s*\]\]?\s*(?:#.*)?$")
KEY = re.compile(r"^\s*([\w\-]+)\s*=")


@dataclass(slots=True)
class Reading:
    """Lines of keys, and the faults found so far."""

    where: str
    lines: dict[Where, int]
    faults: list[tuple[int, str]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def tell(self, at: Where, remedy: str) -> None:
        """A fault at the line of a key, or of the table that it should stand in."""
        line = next((self.lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self.lines), 1)
        who = f"statement {self.names.get(at[0], at[0] + 1)}: " if isinstance(at[0], int) else ""
        self.faults.append((line, f"line {line}, {who}{remedy}"))


def lines_of(text: str) -> dict[Where, int]:
    """The line of every table and key of a set."""
    found: dict[Where, int] = {}
    here: Where = ("top",)
    statement, test = -1, -1
    quoted = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not quoted:
            if header := HEADER.match(line):
                name = header[2]
                if name == "statement":
                    statement, test = statement + 1, -1
                    here = (statement,)
                elif name == "statement.test":
                    test += 1
                    here = (statement, test)
                else:
                    here = (name,)
                found.setdefault(here, number)
            elif key := KEY.match(line):
                found.setdefault((*here, key[1]), number)
        for mark in re.findall(r'"""|\'\'\'', line):  # inside a long text nothing is a key
            quoted = "" if mark == quoted else quoted or mark
    return found


def salvaged(text: str, reading: Reading) -> dict[str, Any]:
    """The tables of a malformed file, each read alone, so that one slip does not hide the faults of the others."""
    starts = [0] + [n for n, line in enumerate(text.splitlines()) if re.match(r"^\s*\[\[\s*statement\s*\]\]", line)]
    lines = text.splitlines()
    told: dict[str, Any] = {"statement": []}
    for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        try:
            part = tomllib.loads("\n".join(lines[begin:end]))
        except tomllib.TOMLDecodeError as error:
            inner = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
            at = begin + (int(inner[1]) if inner else end - begin)
            said = re.sub(r"\s*\(at [^)]*\)", "", str(error))
            reading.faults.append(
                (at, f"line {at}: this is no TOML: {said}. Texts stand in quotes, days as 2018-05-03.")
            )
            told["statement"] += [{"_broken": True}] if begin in starts[1:] else []
            if begin == 0 and begin not in starts[1:]:
                told.setdefault("set", {"_broken": True})
            continue
        told["statement"] += part.pop("statement", [])
        told |= {k: v for k, v in part.items() if k not in told}
    return told
