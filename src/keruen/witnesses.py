"""Who says what of a quantity, witness by witness, and what can be asked of a day.

Claims are read lineage by lineage, for editions that rewrite one another are one witness; the newest that is known
speaks for its lineage. A copy speaks for whom it copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from textwrap import shorten
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen import copies, labels, store
from keruen.comparable import DEFINITIONS_OF_VARIANTS, central, sums
from keruen.kept import kept, stamp
from keruen.labour import Labour, labour
from keruen.labour_anchors import STREAMS
from keruen.leverage import Ground, Leverage, ground, leverage
from keruen.places import places as all_places
from keruen.provenance import definitions
from keruen.reconcile import reconcile
from keruen.tipping import Paths
from keruen.trace import trace
from keruen.vocabulary import measure as word
from keruen.wording import Parts

Array = NDArray[np.float64]

SUPPORTED, CONTRADICTED, CONTESTED, UNDETERMINED, NOT_TESTABLE = VERDICTS = (
    "supported", "contradicted", "contested", "undetermined", "not testable",
)  # fmt: skip
SURE = 0.9
"""From here on a probability supports; at its complement or below it contradicts."""

COVER = 0.6  # part of a span that figures must cover before their sign speaks for it
WHOLE = 0.99  # part that they must cover before their sum does
ASKED = ("measure", "stream", "group", "definition", "status", "basis", "release", "projections")
QUICK: dict[str, Any] = {
    "draws": 50,
    "ess": 100,
}  # of the path behind a strict verdict, which only stands beside another
LINEAGES = {"un": "UN estimates", "national": "national statistics"}
WITNESS = {"census": 0, "register": 0, "administrative": 0, "survey": 1, "estimate": 1, "model": 2, "press": 3,
           "projection": 4}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """What one independent witness says.

    Attributes
    ----------
    name, lineage
        Who, in words, and the lineage it belongs to.
    holds
        Whether the statement holds by it; None where it leaves that open.
    value, unit
        Its figure.
    says
        A sentence whose numbers carry their claims.
    ids, releases, known
        The claims it rests on, their releases, and the day from which all of it was known.
    lag
        Whether it rests on a publication lag.
    points
        Figures by release or year, for a picture: (label, value).
    """

    name: str
    lineage: str
    holds: bool | None
    value: float | None
    unit: str
    says: Parts
    ids: tuple[str, ...]
    releases: tuple[str, ...]
    known: date | None
    lag: bool
    points: tuple[tuple[Any, float], ...] = ()

    def __repr__(self) -> str:
        word = {True: "it holds", False: "it does not hold", None: "it is open"}[self.holds]
        known = "" if self.known is None else f", known since {self.known}"
        return (
            f"By {shorten(self.name, 150, placeholder=' …')} {word}: {len(self.ids):,}"
            f" claim{'s' * (len(self.ids) != 1)}{known}. See says, value, unit, ids."
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What a test found.

    Attributes
    ----------
    verdict, probability
        The word, and the probability where draws give one.
    at_least
        Of parts that must hold together, P lies between `at_least` and `probability`.
    sides
        Each independent witness.
    says
        Further sentences.
    lacking
        Why it is undetermined.
    ids, releases, lag
        Claims and releases that it rests on, those of a posterior included; whether any follows a publication lag.
    pictures
        Plain data for small charts.
    """

    verdict: str
    probability: float | None = None
    at_least: float | None = None
    sides: tuple[Side, ...] = ()
    says: tuple[Parts, ...] = ()
    lacking: str = ""
    ids: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    lag: bool = False
    pictures: tuple[dict[str, Any], ...] = ()

    def __repr__(self) -> str:
        p = "" if self.probability is None else f" (probability {self.probability:.2f})"
        votes = [s.holds for s in self.sides]
        yes, no, open_ = (votes.count(v) for v in (True, False, None))
        return (
            f"{self.verdict.capitalize()}{p}: it holds by {yes} witness{'es' * (yes != 1)}, not by {no}, and {open_}"
            f" leave it open; {len(self.ids):,} claim{'s' * (len(self.ids) != 1)}. See sides, says, lacking, ids."
        )

    @property
    def loose(self) -> bool:
        """Whether the probability is only an upper bound, parts of it not being independent."""
        return self.at_least is not None and self.probability is not None and self.at_least < self.probability - 1e-9


def judged(p: float) -> str:
    """The verdict of a probability alone.

    Examples
    --------
    >>> judged(0.93), judged(0.5), judged(0.02)
    ('supported', 'contested', 'contradicted')
    """
    return SUPPORTED if p >= SURE - 1e-9 else CONTRADICTED if p <= 1 - SURE + 1e-9 else CONTESTED


def weighed(sides: Sequence[Side], probability: float | None = None) -> str:
    """The verdict of witnesses and of a probability: undetermined, contested, then supported or contradicted.

    Examples
    --------
    >>> weighed([]), weighed([], 0.95)
    ('undetermined', 'supported')
    """
    told = {s.holds for s in sides} - {None}
    if len(told) == 2:
        return CONTESTED
    if probability is not None:
        return judged(probability)
    if not told:
        return CONTESTED if sides else UNDETERMINED
    return SUPPORTED if told == {True} else CONTRADICTED


def found(
    sides: Sequence[Side] = (),
    probability: float | None = None,
    *,
    says: Iterable[Parts] = (),
    lacking: str = "",
    rows: Sequence[Mapping[str, Any]] = (),
    pictures: Iterable[dict[str, Any]] = (),
) -> Finding:
    """A finding from its witnesses, its probability and further claims."""
    ids = [i for s in sides for i in s.ids] + [i for r in rows for i in copies.rests_on(dict(r))]
    return Finding(
        verdict=weighed(sides, probability),
        probability=probability,
        at_least=probability,
        sides=tuple(sides),
        says=tuple(says),
        lacking=lacking,
        ids=tuple(dict.fromkeys(ids)),
        releases=tuple(dict.fromkeys([*(r for s in sides for r in s.releases), *(str(r["release"]) for r in rows)])),
        lag=any(s.lag for s in sides) or any(r["known_basis"] == "publication lag" for r in rows),
        pictures=tuple(pictures),
    )


def together(parts: Sequence[Finding], *, independent: bool = False) -> Finding:
    """Parts that must all hold: one that is contradicted refutes them all, one that is open leaves them open.

    Parameters
    ----------
    independent
        Their draws are independent, so probabilities multiply; otherwise only bounds are known.
    """
    if len(parts) == 1:
        return parts[0]
    told = [f.probability for f in parts if f.probability is not None]
    least = [f.at_least for f in parts if f.at_least is not None]
    high = low = None
    if told:
        high = float(np.prod(told)) if independent else min(told)
        low = high if independent else max(0.0, 1 - sum(1 - p for p in least))
    verdicts = [f.verdict for f in parts]
    verdict = next((v for v in (CONTRADICTED, UNDETERMINED, CONTESTED) if v in verdicts), SUPPORTED)
    if verdict == SUPPORTED and low is not None and low < SURE - 1e-9:
        verdict = CONTESTED
    if high is not None and high <= 1 - SURE:
        verdict = CONTRADICTED
    return Finding(
        verdict=verdict, probability=high, at_least=low, sides=tuple(s for f in parts for s in f.sides),
        says=tuple({repr(s): s for f in parts for s in f.says}.values()),
        lacking=" ".join(dict.fromkeys(f.lacking for f in parts if f.lacking)),
        ids=tuple(dict.fromkeys(i for f in parts for i in f.ids)),
        releases=tuple(dict.fromkeys(r for f in parts for r in f.releases)), lag=any(f.lag for f in parts),
        pictures=tuple(p for f in parts for p in f.pictures),
    )  # fmt: skip


# ---------------------------------------------------------------- what can be asked of a day


@dataclass(slots=True)
class Day:
    """Claims and posteriors as of a day, each fetched once and shared by all statements.

    Attributes
    ----------
    as_of, strict
        As everywhere.
    given
        Claims to ask instead of the store's, and paths by place instead of reconciled ones: a changed world, or a toy.
    seed
        Of every posterior.
    tell
        Told what is being computed.
    """

    as_of: date | None = None
    strict: bool = False
    given: pl.DataFrame | None = None
    paths: dict[tuple[Any, ...], Paths] = field(default_factory=dict)
    seed: int = 0
    tell: Callable[[str], None] = lambda said: None
    _asked: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What was made before under that key, or made now."""
        if key not in self._asked:
            self._asked[key] = make()
        return self._asked[key]

    def evidence(
        self, place: Any, measure: Any, *, counterpart: Any = None, stream: Any = None,
        hidden: frozenset[str] = frozenset(),
    ) -> pl.DataFrame:  # fmt: skip
        """Claims of the day, without the statement on trial and its copies."""
        asked: dict[str, Any] = {"counterpart": counterpart, "stream": stream, **self._when()}
        ask = store.evidence if self.given is None else partial(_among, self.given)
        key = ("claims", place, measure, counterpart, stream)
        return heard(self.once(key, lambda: ask(place, measure, **asked)), hidden)

    def path(self, place: str, only: tuple[str, ...] = (), hidden: frozenset[str] = frozenset()) -> Paths:
        """The posterior path of a place."""
        key = (place, only, hidden)
        if key not in self.paths:
            self.tell(f"path of {place}{' by ' + only[0] if only else ''}, {self._named()}")
            self.paths[key] = self._path(place, only, hidden)
        return self.paths[key]

    def _path(self, place: str, only: tuple[str, ...], hidden: frozenset[str]) -> Paths:
        asked: dict[str, Any] = {"as_of": self.as_of, "strict": self.strict, "only": only, "seed": self.seed}
        if self.given is None and not hidden:
            return reconcile(place, **(asked | QUICK if self.strict else asked))  # type: ignore[no-any-return]
        claims = self.evidence(place, ("net_migration", "immigration", "emigration"), stream="all", hidden=hidden)
        return reconcile(place, claims=claims.filter(pl.col("sex") == "all"), **asked)  # type: ignore[no-any-return]

    def labour(self, place: str, counterpart: str | None = None) -> Labour:
        """The posterior of labour migrants, without any statement on trial."""
        asked: dict[str, Any] = {"counterpart": counterpart, **self._when(), "influence": "none", "seed": self.seed}

        def make() -> Labour:
            self.tell(f"labour migrants in {place}, {self._named()}")
            if self.given is not None:
                return labour(place, claims=_among(self.given, place, None, stream=STREAMS, **self._when()), **asked)
            said = [place, counterpart, self.as_of, self.strict, self.seed, stamp(None, self.as_of)]
            return kept("labour", said, lambda: labour(place, **asked))

        return self.once(("labour", place, counterpart), make)  # type: ignore[no-any-return]

    def leverage(self, holder: str, over: Sequence[str], year: int) -> Leverage:
        """Leverage of a holder over places."""

        def stand() -> Ground:
            said = [year, self.as_of, stamp(None, self.as_of)]
            return kept("leverage-ground", said, lambda: ground(year, as_of=self.as_of))

        def make() -> Leverage:
            self.tell(f"leverage of {holder} in {year}, {self._named()}")
            base = self.once(("ground", year), stand)
            return leverage(holder, list(over), draws=400, seed=self.seed, as_of=self.as_of, base=base)

        return self.once(("leverage", holder, tuple(over), year), make)  # type: ignore[no-any-return]

    def rows(self, ids: Iterable[str], place: str, measures: tuple[str, ...]) -> list[dict[str, Any]]:
        """The claims of some ids, among those of a place."""
        table = self.evidence(place, measures)
        return table.filter(pl.col("id").is_in(list(ids))).to_dicts()

    def traced(self, ids: tuple[str, ...]) -> list[dict[str, Any]]:
        """The claims of some ids, wherever they lie."""
        return self.once(("traced", ids), lambda: trace(ids).to_dicts() if ids else [])  # type: ignore[no-any-return]

    def _when(self) -> dict[str, Any]:
        return {"as_of": self.as_of, "strict": self.strict}

    def _named(self) -> str:
        return f"{'today' if self.as_of is None else self.as_of}{', strict' if self.strict else ''}"


def _among(
    table: pl.DataFrame, place: Any, measure: Any, *, counterpart: Any = None, stream: Any = None,
    as_of: date | None = None,
    strict: bool = False,
) -> pl.DataFrame:  # fmt: skip
    """Claims of a table, asked as one asks the store."""
    for column, wanted in (("place", place), ("measure", measure), ("counterpart", counterpart), ("stream", stream)):
        if wanted is not None:
            table = table.filter(pl.col(column).is_in([wanted] if isinstance(wanted, str) else list(wanted)))
    if as_of is not None:
        table = table.filter(pl.col("known") <= as_of)
    return table.filter(pl.col("known_basis").ne_missing("publication lag")) if strict else table


def heard(table: pl.DataFrame, hidden: frozenset[str]) -> pl.DataFrame:
    """Claims without some releases or ids, and without the copies of them, and theirs."""
    if not hidden or table.is_empty():
        return table
    ours = sorted(hidden)
    releases = set(table["release"].unique().to_list())
    gone = pl.col("id").is_in(ours) | pl.col("release").is_in(ours)
    trial = table.filter(gone)
    # A release on trial hides what copies it; a single claim hides what copies it at its own place and time.
    whole = [h for h in ours if h in releases or h in store.cards()]
    gone = gone | pl.col("copy_of").is_in(whole).fill_null(False)
    cell = ["measure", "place", "counterpart", "start", "end"]
    same = pl.struct([pl.col(c) for c in cell]).is_in(trial.select(pl.struct(cell)).to_series().implode())
    copied = pl.col("copy_of").is_in(trial["release"].unique().to_list()).fill_null(False) & same
    return table.filter(~(gone | copied))


# ---------------------------------------------------------------- claims read lineage by lineage


@dataclass(frozen=True, slots=True)
class Reading:
    """The figure that a lineage tells for a span, by its newest release that tells one."""

    lineage: str
    value: float | None
    low: float | None
    high: float | None
    rows: tuple[dict[str, Any], ...]
    release: str
    how: str = ""
    cover: float = 1.0

    @property
    def known(self) -> date:
        """The day from which all of it was known."""
        days: list[date] = [r["known"] for r in self.rows]
        return max(days)


def lineage_of(definition: str | None, release: str) -> str:
    """The witness that a claim belongs to: a lineage told by its definition, the definition, or the release alone."""
    card = definitions().get(definition or "", {})
    if card.get("witness") == "each release":
        return release
    return str(card.get("lineage", definition or release))


def name_of(reading: Reading) -> str:
    """Who says it, in words."""
    label = labels.label(reading.release, reading.rows[0].get("source"))
    kind = LINEAGES.get(reading.lineage)
    return f"{label} ({kind})" if kind else label


def told(
    day: Day, args: Mapping[str, Any], place: str, counterpart: str | None, hidden: frozenset[str]
) -> pl.DataFrame:
    """Claims about one quantity of a place, with the lineage that each belongs to."""
    asked = {"counterpart": counterpart, "stream": args.get("stream", "all")}
    key = ("told", place, counterpart, *(args.get(k) for k in ASKED), hidden)
    table: pl.DataFrame = day.once(
        key, lambda: voiced(day.evidence(place, args["measure"], **asked, hidden=hidden), args, counterpart)
    )
    return table


def voiced(table: pl.DataFrame, args: Mapping[str, Any], counterpart: str | None) -> pl.DataFrame:
    """Of some claims those about one quantity, with the lineage that each belongs to."""
    if counterpart is None:
        table = table.filter(pl.col("counterpart").is_null())
    table = table.filter(
        (pl.col("sex") == "all") & (pl.col("age") == "all") & (pl.col("group") == args.get("group", "all"))
        & ~pl.col("definition").is_in(DEFINITIONS_OF_VARIANTS)
    )  # fmt: skip
    for column in ("definition", "status", "basis", "release"):
        if column in args:
            table = table.filter(pl.col(column) == args[column])
    if not args.get("projections"):
        table = table.filter(pl.col("status") != "projection")
    table = central(table)
    own = [lineage_of(d, r) for d, r in table.select("definition", "release").iter_rows()]
    of = dict(zip(table["release"].to_list(), own, strict=True))
    # Who repeats another's figure speaks with the other's voice.
    voice = [of.get(c, mine) if c else mine for c, mine in zip(table["copy_of"].to_list(), own, strict=True)]
    return table.with_columns(_lineage=pl.Series(voice, dtype=pl.String))


def readings(
    day: Day, args: Mapping[str, Any], place: str, start: date, end: date, hidden: frozenset[str] = frozenset(), *,
    every: bool = False, partly: bool = False,
) -> list[Reading]:  # fmt: skip
    """What each lineage tells of a quantity over a span; with `every`, what each release tells.

    Figures of several counterparts are added up, where one release tells them all. With `partly` the years that are
    told may be fewer than the span has; their sum is not stretched to the rest.
    """
    others = args.get("counterpart") or (None,)
    by_other = [readings_of(told(day, args, place, o, hidden), args["measure"], start, end) for o in others]
    if not partly:
        by_other = [[r for r in some if r.cover > WHOLE] for some in by_other]
    first, *rest = by_other
    summed: list[Reading] = []
    for r in first:
        same = [next((q for q in more if (q.lineage, q.release) == (r.lineage, r.release)), None) for more in rest]
        if None in same:
            continue
        parts = [r, *(q for q in same if q is not None)]
        if rest and any(q.value is None for q in parts):
            continue
        summed.append(
            r if not rest else replace(
                r, value=sum(q.value or 0.0 for q in parts), low=None, high=None,
                rows=tuple(row for q in parts for row in q.rows),
            )
        )  # fmt: skip
    return summed if every else newest_of(summed)


def newest_of(candidates: Sequence[Reading]) -> list[Reading]:
    """The newest word of each lineage; a page of the press speaks only where nothing better does."""
    best: dict[str, Reading] = {}

    def order(r: Reading) -> tuple[Any, ...]:
        card = store.cards().get(r.release)
        rank = min(WITNESS.get(row["status"], 9) for row in r.rows)
        copied = all(copies.copied(row) for row in r.rows)
        return (
            -rank if rank == 3 else 0,
            round(r.cover, 1),
            r.known,
            not copied,
            card.released if card else date.min,
            r.release,
        )

    for r in candidates:
        if r.lineage not in best or order(r) > order(best[r.lineage]):
            best[r.lineage] = r
    return [best[k] for k in sorted(best, key=lambda k: (k != "un", k != "national", k))]


def readings_of(table: pl.DataFrame, measure: str, start: date, end: date) -> list[Reading]:
    """What each release tells over a span, exactly, as a sum of years, or by the years it does tell."""
    if table.is_empty():
        return []
    if word(measure).when == "day":
        last = end if end > start else start + timedelta(days=1)
        near = table.filter((pl.col("start") >= start) & (pl.col("start") < last))
        if start == end and near.is_empty():  # a day: the same year will do
            near = table.filter(pl.col("start").dt.year() == start.year)
        last_told = near.sort("start", "known", "id").unique(["_lineage", "release"], keep="last", maintain_order=True)
        return [_exact(r) for r in last_told.to_dicts()]
    exact_rows = table.filter((pl.col("start") == start) & (pl.col("end") == end)).sort("known", "id")
    got = {(r["_lineage"], r["release"]): _exact(r) for r in exact_rows.to_dicts()}
    window = pl.DataFrame({"start": [start], "end": [end]})
    voice = {(r, d): who for r, d, who in table.select("release", "definition", "_lineage").iter_rows()}
    plain = table.filter(pl.col("value").is_not_null() & (pl.col("start") < end) & (pl.col("end") > start))
    if (end.year - start.year) * 12 + end.month - start.month > 12 and len(plain):
        parts = {r["id"]: r for r in plain.to_dicts()}
        for r in sums(plain.drop("_lineage"), window).to_dicts():
            key = (voice[r["release"], r["definition"]], r["release"])
            rows = tuple(parts[i] for i in r["derived_from"].split())
            got.setdefault(key, Reading(key[0], r["value"], None, None, rows, r["release"], "our sum of its years"))
    for (lineage, release), part in plain.group_by(["_lineage", "release"], maintain_order=True):
        key = (str(lineage), str(release))
        if key not in got and (made_up := _covering(part.to_dicts(), start, end)) is not None:
            got[key] = replace(made_up, lineage=key[0], release=key[1])
    return list(got.values())


def _exact(row: dict[str, Any]) -> Reading:
    return Reading(row["_lineage"], row["value"], row["low"], row["high"], (row,), row["release"])


def _covering(rows: list[dict[str, Any]], start: date, end: date) -> Reading | None:
    """The figure of a span from the periods that a release tells of it, each by the part of it that lies inside."""
    taken: list[dict[str, Any]] = []
    inside, value = 0, 0.0
    for row in sorted(rows, key=lambda r: ((r["end"] - r["start"]).days, r["start"], r["known"])):
        if any(row["start"] < t["end"] and t["start"] < row["end"] for t in taken):
            continue
        overlap = (min(row["end"], end) - max(row["start"], start)).days
        if row["end"] == row["start"] or overlap < 0.49 * (row["end"] - row["start"]).days:
            continue  # a period that mostly lies outside says nothing of the span
        taken.append(row)
        inside += overlap
        value += row["value"] * overlap / (row["end"] - row["start"]).days
    cover = inside / (end - start).days if end > start else 0.0
    if cover < COVER:
        return None
    how = "its periods, by the part inside" if cover > WHOLE else f"the {cover:.0%} of the span that it tells"
    ordered = tuple(sorted(taken, key=lambda r: (r["start"], r["id"])))
    return Reading("", value, None, None, ordered, "", how, cover)


def yearly(
    day: Day, args: Mapping[str, Any], place: str, start: date, end: date, hidden: frozenset[str] = frozenset()
) -> dict[str, list[Reading]]:
    """Calendar years inside a span, lineage by lineage: years that nobody told are absent."""
    series: dict[str, list[Reading]] = {}
    span_of = word(args["measure"]).when == "span"
    for year in range(start.year, end.year + (1 if end.month > 1 or end == start else 0)):
        first, last = date(year, 1, 1), date(year + 1, 1, 1)
        for r in readings(day, args, place, first, last, hidden):
            whole = not span_of or all((row["end"] - row["start"]).days <= 366 for row in r.rows)
            if whole and r.value is not None:
                series.setdefault(r.lineage, []).append(r)
    return series


def inside(value: float | None, low: float | None, high: float | None, args: Mapping[str, Any]) -> bool | None:
    """Whether a figure, or all of its interval, lies between the bounds; None where the interval leaves it open."""
    least, most = args.get("low", -np.inf), args.get("high", np.inf)
    if value is not None and not (low is not None and high is None):
        return bool(least <= value <= most)
    bottom = low if low is not None else (value if value is not None else -np.inf)
    top = high if high is not None else np.inf
    if least <= bottom and top <= most:
        return True
    return False if bottom > most or top < least else None


# ---------------------------------------------------------------- what a test makes of it


def witness(
    name: str, lineage: str, holds: bool | None, says: Parts, rows: Sequence[dict[str, Any]], *, value: float | None,
    unit: str, points: Iterable[tuple[Any, float]] = (),
) -> Side:  # fmt: skip
    """A witness from the claims that it rests on."""
    return Side(
        name=name, lineage=lineage, holds=holds, value=value, unit=unit, says=says,
        ids=tuple(dict.fromkeys(i for row in rows for i in copies.rests_on(row))),
        releases=tuple(dict.fromkeys(str(row["release"]) for row in rows)), known=max(row["known"] for row in rows),
        lag=any(row["known_basis"] == "publication lag" for row in rows), points=tuple(points),
    )  # fmt: skip


def side(
    r: Reading, holds: bool | None, says: Parts, *, value: float | None = None, unit: str = "",
    points: Iterable[tuple[Any, float]] = (), more: Sequence[Reading] = (),
) -> Side:  # fmt: skip
    """A witness from its readings."""
    rows = [row for q in (r, *more) for row in q.rows]
    told = r.value if value is None else value
    return witness(name_of(r), r.lineage, holds, says, rows, value=told, unit=unit, points=points)


def each_of(args: Mapping[str, Any], ask: Callable[[str], Finding], *, independent: bool = False) -> Finding:
    """A test of every place named; witnesses of several are told apart by the place."""
    parts = [ask(code) for code in args["place"]]
    if len(parts) > 1:
        parts = [
            replace(f, sides=tuple(replace(s, name=f"{s.name} on {named(code)}") for s in f.sides))
            for code, f in zip(args["place"], parts, strict=True)
        ]
    return together(parts, independent=independent)


def named(code: str) -> str:
    """The name of a place, or its code where it has none."""
    return all_places()[code].name if code in all_places() else code


def peers_of(args: Mapping[str, Any]) -> list[str]:
    """The places that one is compared with."""
    given = args.get("peers", "world")
    if given == "world":
        return [c for c, p in all_places().items() if p.kind == "country"]
    return list(given)
