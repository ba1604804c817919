"""Places: ISO 3166 and M49 codes, names in many languages, historical states, aggregates, systems of places.

A code that begins with an underscore is never one place: it is an aggregate (``_WORLD``, ``_UN_903``) or what a
source could not tell (``_OTHER``, ``_UNKNOWN``).
"""

from __future__ import annotations

import csv
import tomllib
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from keruen.errors import UnknownPlace


@dataclass(frozen=True, slots=True)
class Place:
    """One place, or an aggregate or remainder that a source prints like one.

    ``kind`` is country (one of the places with UN estimates), territory, historical, aggregate or residual;
    ``income`` the World Bank's class of today; ``successors`` the places a historical state became.
    """

    code: str
    kind: str
    name: str
    name_ru: str
    name_kk: str
    iso2: str
    m49: int | None
    region: str
    subregion: str
    income: str
    names: tuple[str, ...]
    since: int | None
    until: int | None
    successors: tuple[str, ...]

    def __repr__(self) -> str:
        where = self.subregion or self.region
        ended = f"until {self.until}" if self.until else ""
        return f"{self.name} ({', '.join(filter(None, (self.code, self.kind, where, ended)))})"


def _number(text: str) -> int | None:
    return int(text) if text else None


@cache
def places() -> dict[str, Place]:
    """Every place by code.

    Examples
    --------
    >>> places()["KAZ"].m49
    398
    >>> places()["SUN"].until
    1991
    """
    rows = csv.DictReader(files("keruen").joinpath("data/places.csv").read_text("utf-8").splitlines())
    return {
        r["code"]: Place(
            code=r["code"],
            kind=r["kind"],
            name=r["name"],
            name_ru=r["name_ru"],
            name_kk=r["name_kk"],
            iso2=r["iso2"],
            m49=_number(r["m49"]),
            region=r["region"],
            subregion=r["subregion"],
            income=r["income"],
            names=tuple(filter(None, r["names"].split("|"))),
            since=_number(r["from"]),
            until=_number(r["until"]),
            successors=tuple(r["successors"].split()),
        )
        for r in rows
    }


def countries() -> list[Place]:
    """The places for which the UN publishes estimates, by code.

    Examples
    --------
    >>> len(countries())
    237
    """
    return [p for p in places().values() if p.kind == "country"]


def _folded(name: str) -> str:
    """Case, accents, punctuation and the definite article do not tell places apart."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(w for w in letters.split() if w != "the")


@cache
def _index() -> dict[str, str]:
    index: dict[str, str] = {}
    for rank in ("country", "territory", "historical", "aggregate", "residual"):
        for p in places().values():
            if p.kind != rank:
                continue
            exact = [p.code, p.iso2, str(p.m49) if p.m49 else "", f"{p.m49:03d}" if p.m49 else ""]
            for name in (*exact, p.name, *p.names):
                if name:
                    index.setdefault(_folded(name), p.code)
    return index


def code_of(name: str) -> str | None:
    """The code of a place by a code, a number or a name; nothing where no list knows it.

    Examples
    --------
    >>> code_of("Казахстан"), code_of("Nowhere")
    ('KAZ', None)
    """
    text = name.strip()
    if text in places():
        return text
    folded = _folded(text)
    return _index().get(folded) if folded else None


_SHARED = dict.fromkeys(("congo", "kongo", "конго"), ("COD", "COG"))
"""Names that publishers use of one place and people of two."""

_EITHER = _SHARED | dict.fromkeys(("china", "китаи", "қытаи"), ("CHN", "TWN"))
"""Names that are two places' once *Republic of* stands before them."""

_REPUBLIC = """
republic republica republique republik republika repubblica respublika respublikasi respublikasy cumhuriyeti
республика республики республикасы республіка республикаси ҷумҳурии of de du del di do da la le
"""
_STATE = """
federal federation federative federale bundesrepublik democratic people peoples s islamic arab socialist kingdom state
states principality sultanate emirate grand duchy commonwealth plurinational bolivarian федерация федеративная
федеративнои народная демократическая исламская арабская социалистическая королевство государство княжество великое
герцогство султанат эмират
"""


def code_meant(name: str) -> str | None:
    """As :func:`code_of` where a person says the name: *Republic of* a place is that place, and no name is two places'.

    Examples
    --------
    >>> code_meant("Республика Казахстан"), code_meant("Congo"), code_of("Congo")
    ('KAZ', None, 'COG')
    """
    folded = _folded(name)
    if folded in _SHARED:
        return None
    short = _without(folded, _REPUBLIC)
    return code_of(name) or (None if short in _EITHER else _index().get(short))


def _without(folded: str, words: str) -> str:
    left_out = words.split()
    return " ".join(w for w in folded.split() if w not in left_out)


def place(name: str | int | Place) -> Place:
    """The place of a code, an M49 number or a name in any of many languages.

    Parameters
    ----------
    name
        ``KAZ``, ``KZ``, ``398``, ``Kazakhstan``, ``Казахстан``, ``Қазақстан`` …

    Raises
    ------
    UnknownPlace
        If no list knows the name; the message suggests the nearest.

    Examples
    --------
    >>> place("Казахстан").code, place(398).code, place("kazakhstan").code
    ('KAZ', 'KAZ', 'KAZ')
    >>> place("Kirgizia")
    Traceback (most recent call last):
    ...
    keruen.errors.UnknownPlace: No place is called 'Kirgizia'. Did you mean Kyrgyzstan (KGZ) or Kiribati (KIR)? ...
    """
    if isinstance(name, Place):
        return name
    text = str(name).strip()
    code = code_meant(text)
    if code is None:
        raise UnknownPlace(f"No place is called {text!r}. {_suggestion(_folded(text))} All: keruen places.")
    return places()[code]


def _suggestion(folded: str) -> str:
    if (said := _without(folded, _REPUBLIC)) in _EITHER:
        either = " or ".join(f"{places()[c].name} ({c})" for c in _EITHER[said])
        return f"It may be {either}; give the code."
    near = get_close_matches(folded, _index(), n=8, cutoff=0.6)
    short = _without(folded, _REPUBLIC + _STATE)
    if short and short != folded:
        # The words that say what kind of state it is say nothing of which.
        sure = get_close_matches(folded, _index(), n=2, cutoff=0.85)
        near = [*sure, *_begin_alike(short), *get_close_matches(short, _index(), n=8, cutoff=0.6)] or near
    codes = list(dict.fromkeys(_index()[n] for n in near))[:3]
    if not codes:
        return "Give an ISO 3166 code (KAZ), an M49 number (398) or a name."
    first = places()[codes[0]]
    return (
        "Did you mean " + " or ".join(f"{p.name} ({p.code})" for p in (first, *(places()[c] for c in codes[1:]))) + "?"
    )


def _begin_alike(short: str) -> list[str]:
    """Names of countries that begin as a word does, the likest first: кыргызская, Кыргызстан."""
    if short in _index():
        return [short]
    words = short.count(" ")
    named = [n for n, code in _index().items() if places()[code].kind == "country" and n.count(" ") <= words]
    alike = {n: next((at for at, (a, b) in enumerate(zip(n, short, strict=False)) if a != b), len(n)) for n in named}
    close = [n for n, same in alike.items() if same >= max(4, len(short) // 2) and same >= len(n) // 2]
    return sorted(close, key=lambda n: (-alike[n], len(n)))


@cache
def _systems() -> dict[str, dict[str, object]]:
    return tomllib.loads(files("keruen").joinpath("data/systems.toml").read_text("utf-8"))


def systems() -> dict[str, str]:
    """Names of all systems of places, by key.

    Examples
    --------
    >>> systems()["central-asia"]
    'Central Asia'
    """
    return {key: str(card["name"]) for key, card in _systems().items()}


def system(key: str) -> list[Place]:
    """The members of a system of places.

    Raises
    ------
    UnknownPlace
        If there is no such system.

    Examples
    --------
    >>> [p.code for p in system("central-asia")]
    ['KAZ', 'KGZ', 'TJK', 'TKM', 'UZB']
    """
    if key not in _systems():
        near = get_close_matches(key.lower(), _systems(), n=3) or sorted(_systems())
        raise UnknownPlace(f"No system is called {key!r}. Try {', '.join(near)}.")
    members = _systems()[key]["members"]
    assert isinstance(members, list)
    return [place(code) for code in members]
