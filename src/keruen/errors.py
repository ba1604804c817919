"""The tree of errors. Every message names the place, the number and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType


class KeruenError(Exception):
    """Root of all errors that Keruen raises on purpose.

    ::

        KeruenError
        ├── EvidenceError         the sources are at fault
        │   ├── UnreadableSource      a file lacks the shape its reader expects
        │   ├── FaultyTable           rows of a table break the contract of a claim; lists all faults
        │   ├── UnknownPlace          no list of places knows this name
        │   ├── NoEvidence            nobody reported what was asked for
        │   └── Disagreement          two observations contend for one cell
        ├── ConceptError          the question is at fault
        │   ├── VocabularyError       a word, dimension, unit or option that Keruen does not know
        │   ├── BadDate               a day that cannot be read
        │   ├── FaultyStatements      a set of statements that cannot be tested; lists all faults
        │   └── Incomparable          transitions meet movements, birthplace meets citizenship
        ├── ModelError            the model is at fault
        │   ├── InfeasibleMargins     no table of flows can have these totals
        │   └── NotConverged          an iteration or a sampler did not settle
        ├── StoreError            the user's own store cannot be read or written
        ├── OutputError           a file cannot be written where it was asked for
        └── MissingExtra          an optional dependency is not installed
    """


class EvidenceError(KeruenError):
    """The sources are at fault."""


class UnreadableSource(EvidenceError):
    """A file lacks the shape its reader expects."""


class FaultyTable(EvidenceError):
    """Rows of a table break the contract of a claim. All faults are told at once.

    Parameters
    ----------
    where
        The file or table, as the user named it.
    faults
        One sentence a fault, with its row, column and remedy.
    """

    def __init__(self, where: str, faults: Sequence[str]):
        self.where = where
        self.faults = list(faults)
        kinds: dict[str, list[str]] = {}
        for fault in self.faults:
            kinds.setdefault(fault.partition(", ")[2] or fault, []).append(fault)
        lines = [f"{where}: {len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}; nothing of it was used."]
        for same in list(kinds.values())[:100]:
            lines.append(f"  - {same[0]}" + (f" (and {len(same) - 1} more rows like it)" if len(same) > 1 else ""))
        if len(kinds) > 100:
            lines.append(f"  - … and {len(kinds) - 100} more kinds.")
        super().__init__("\n".join(lines))


class UnknownPlace(EvidenceError):
    """No list of places knows this name."""


class NoEvidence(EvidenceError):
    """Nobody reported what was asked for."""


class Disagreement(EvidenceError):
    """Two observations contend for one cell, and nobody said whom to believe."""


class ConceptError(KeruenError):
    """The question is at fault."""


class VocabularyError(ConceptError):
    """A word, dimension, unit or option that Keruen does not know."""


class BadDate(ConceptError):
    """A day that cannot be read."""


class FaultyStatements(ConceptError):
    """A set of statements cannot be tested as it stands. All faults are told at once.

    Parameters
    ----------
    where
        The file or set, as the user named it.
    faults
        One sentence a fault, with its line, its statement and the remedy.
    """

    def __init__(self, where: str, faults: Sequence[str]):
        self.where = where
        self.faults = list(faults)
        head = f"{where}: {len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}, nothing was tested."
        super().__init__("\n".join([head, *(f"  - {fault}" for fault in self.faults)]))


class Incomparable(ConceptError):
    """Two quantities that must not meet in one sum or one comparison."""


class ModelError(KeruenError):
    """The model is at fault."""


class InfeasibleMargins(ModelError):
    """No table of flows can have these totals."""


class NotConverged(ModelError):
    """An iteration or a sampler did not settle."""


class StoreError(KeruenError):
    """The user's own store cannot be read or written."""


class OutputError(KeruenError):
    """A file cannot be written where it was asked for."""


class MissingExtra(KeruenError):
    """An optional dependency is not installed."""


def need(module: str, extra: str) -> ModuleType:
    """Import an optional module, or say which words to type.

    Parameters
    ----------
    module
        Name of the module.
    extra
        The extra of this package that brings it.

    Raises
    ------
    MissingExtra
        If it is not installed.

    Examples
    --------
    >>> need("json", "sql").__name__
    'json'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtra(f"This needs {module}. Install it with: pip install 'keruen[{extra}]'") from error
