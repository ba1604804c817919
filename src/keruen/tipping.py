"""When a sending country became a receiving one: turns of paths, their masses, states, and outliers of a region.

Everything here works on draws of a path (draw, year) and computes nothing about sources. One path is one draw.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keruen.errors import ConceptError, ModelError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

NEVER, ALREADY, UNCONFIRMED = "never", "already receiving", "unconfirmed"
STATES = ("sending", "balanced", "transit", "receiving")


class Paths(Protocol):
    """What a posterior must have: its years, and draws of the rate per 1,000 (draw, year)."""

    @property
    def years(self) -> NDArray[np.int64]: ...
    @property
    def rates(self) -> Array: ...


def smooth(rates: Any) -> Array:
    """Centred three-year means; not a number where a neighbour is missing.

    Examples
    --------
    >>> smooth([[1.0, 2.0, 6.0, 1.0]]).tolist()
    [[nan, 3.0, 3.0, nan]]
    """
    r = np.atleast_2d(np.asarray(rates, dtype=float))
    s = np.full(r.shape, np.nan)
    s[..., 1:-1] = (r[..., :-2] + r[..., 1:-1] + r[..., 2:]) / 3
    return s


def turns(s: Any, persistence: int = 5, threshold: float = 0.0) -> tuple[Flags, Flags, Flags, Flags]:
    """Every turn of every path.

    A turn upward in t needs S(t − 1) ≤ threshold and S > threshold in t, t + 1, … for `persistence` years; a turn
    downward needs S(t − 1) > threshold and S ≤ threshold for as long. Where the run begins and reaches the last year
    in which S is defined before it is long enough, the turn is unconfirmed.

    Parameters
    ----------
    s
        Smoothed rates (draw, year), per 1,000; not a number where undefined, at the ends alone.
    persistence
        Years, one or more.
    threshold
        Per 1,000.

    Returns
    -------
    Up confirmed, up unconfirmed, down confirmed, down unconfirmed, each (draw, year).

    Examples
    --------
    >>> up, maybe, down, _ = turns([[-1.0, 1, 1, 1, -1, -1, -1, 1]], persistence=3)
    >>> np.flatnonzero(up[0]).tolist(), np.flatnonzero(down[0]).tolist(), np.flatnonzero(maybe[0]).tolist()
    ([1], [4], [7])
    """
    if persistence < 1:
        raise ConceptError(f"A persistence of {persistence} years says nothing. Take 1 or more; 5 is usual.")
    x = np.atleast_2d(np.asarray(s, dtype=float))
    known = np.isfinite(x)
    above, below = known & (x > threshold), known & (x <= threshold)
    runs_up, runs_down = _runs(above), _runs(below)
    last = x.shape[1] - 1 - known[:, ::-1].argmax(1)
    ends = np.arange(x.shape[1])[None, :]
    found = []
    for before, now, run in ((below, above, runs_up), (above, below, runs_down)):
        begins = np.zeros(x.shape, dtype=bool)
        begins[:, 1:] = before[:, :-1] & now[:, 1:]
        long = run >= persistence
        found += [begins & long, begins & ~long & (ends + run - 1 == last[:, None])]
    return found[0], found[1], found[2], found[3]


def _runs(flags: Flags) -> NDArray[np.int64]:
    """How many years in a row the flag is up, counted from each year on."""
    run = np.zeros(flags.shape, dtype=np.int64)
    run[:, -1] = flags[:, -1]
    for t in range(flags.shape[1] - 2, -1, -1):
        run[:, t] = np.where(flags[:, t], run[:, t + 1] + 1, 0)
    return run


def hysteresis(s: Any, width: float = 0.5, persistence: int = 5) -> Array:
    """State of a switch with a dead band: 1 receiving, 0 sending, not a number where it cannot be told.

    It flips to receiving in t if S(t) > width and S stays above −width to t + persistence − 1; back if S(t) < −width
    and S stays below width as long. It begins as the sign of the first defined S. The last `persistence` − 1 years are
    undefined.

    Examples
    --------
    >>> hysteresis([[-1.0, 0.2, 1, 1, 0.3, -0.2, -1, -1]], persistence=2).tolist()
    [[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, nan]]
    """
    if width < 0:
        raise ConceptError(f"A dead band of {width:g} is below zero. Take 0 or more, per 1,000; 0.5 is usual.")
    x = np.atleast_2d(np.asarray(s, dtype=float))
    draws, years = x.shape
    state = np.full(x.shape, np.nan)
    now = np.full(draws, np.nan)
    for t in range(years - persistence + 1):
        ahead = x[:, t : t + persistence]
        whole = np.isfinite(ahead).all(1)
        now = np.where(whole & np.isnan(now), (x[:, t] > 0).astype(float), now)
        lowest = np.where(whole, np.where(np.isnan(ahead), 0, ahead).min(1), 0.0)
        highest = np.where(whole, np.where(np.isnan(ahead), 0, ahead).max(1), 0.0)
        now = np.where(whole & (x[:, t] > width) & (lowest > -width), 1.0, now)
        now = np.where(whole & (x[:, t] < -width) & (highest < width), 0.0, now)
        state[:, t] = np.where(whole, now, np.nan)
    return state


def typology(rates: Any, arrivals: Any = None, departures: Any = None) -> NDArray[np.int64]:
    """Kind of each year of each draw, as a position in :data:`STATES`.

    Sending at −0.5 per 1,000 or below, receiving at 0.5 or above. Between them transit, where six or more per 1,000
    arrive or leave and their balance is less than a fifth of that; else balanced. Where nobody tells arrivals and
    departures, transit cannot be told from balanced, and balanced is said.

    Parameters
    ----------
    rates
        (draw, year), net, per 1,000.
    arrivals, departures
        (year) or (draw, year), per 1,000; not a number where nobody told.

    Examples
    --------
    >>> [STATES[k] for k in typology([[-2.0, 0.1, 0.1, 3.0]], [1, 5, 0.1, 5], [3, 4.9, 0.0, 2])[0]]
    ['sending', 'transit', 'balanced', 'receiving']
    """
    r = np.atleast_2d(np.asarray(rates, dtype=float))
    kind = np.where(r <= -0.5, 0, np.where(r >= 0.5, 3, 1))
    if arrivals is not None and departures is not None:
        i, o = np.broadcast_to(arrivals, r.shape), np.broadcast_to(departures, r.shape)
        turnover = i + o
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = np.abs((i - o) / turnover)
        kind = np.where((kind == 1) & (turnover >= 6) & (effective < 0.2), 2, kind)
    return np.asarray(kind, dtype=np.int64)


@dataclass(frozen=True, slots=True, repr=False)
class Tipping:
    """When the place tipped, as far as the draws can tell.

    Attributes
    ----------
    years
        Calendar years of the path.
    p_receiving
        P(S > threshold) each year; not a number where S is undefined.
    p_by_year
        P(the first confirmed turn upward is in this year), years without mass left out.
    p_never, p_unconfirmed, p_already_receiving
        The rest: with `p_by_year` they add to one.
    p_turned_back
        P(a confirmed turn upward, and after it a confirmed turn downward).
    mode
        The year, or the word, with most mass.
    hds80
        The fewest years and words that hold 80% of the mass.
    entropy_bits
        Of the masses.
    state, p_state
        The most likely kind of each year, and the probability of each kind (year, kind in the order of ``STATES``).
    p_receiving_hysteresis
        P(the switch with a dead band is at receiving).
    expected_years, flips
        Mean number of years at receiving, and of flips, by that switch.
    turns
        One entry a year and direction: ``year``, ``direction``, ``confirmed`` and ``unconfirmed`` probabilities.
    sequences
        Sequences of confirmed turns since, most frequent first.
    labels
        The headline of each draw, a year or a word.
    """

    years: NDArray[np.int64]
    persistence: int
    threshold: float
    hysteresis: float
    since: int
    p_receiving: Array
    p_by_year: dict[int, float]
    p_never: float
    p_unconfirmed: float
    p_already_receiving: float
    p_turned_back: float
    mode: int | str
    hds80: list[int | str]
    entropy_bits: float
    state: list[str | None]
    p_state: Array
    p_receiving_hysteresis: Array
    expected_years: float
    flips: float
    turns: list[dict[str, Any]]
    sequences: list[tuple[str, float]]
    labels: tuple[int | str, ...]

    def _masses(self) -> list[tuple[int | str, float]]:
        """Years and words with any mass, the largest first."""
        masses: list[tuple[int | str, float]] = [*self.p_by_year.items(), (NEVER, self.p_never)]
        masses += [(UNCONFIRMED, self.p_unconfirmed), (ALREADY, self.p_already_receiving)]
        return sorted((one for one in masses if one[1] > 0), key=lambda one: -one[1])

    def __repr__(self) -> str:
        some = self._masses()
        told = ", ".join(f"{what} {p:.2f}" for what, p in some[:6]) + (", …" if len(some) > 6 else "")
        return (
            f"First lasting turn to receiving since {self.since}, {self.persistence} years: {told}"
            f" ({self.entropy_bits:.1f} bits); turned back since {self.p_turned_back:.2f}. See told(), turns, state."
        )

    def _repr_html_(self) -> str:
        names = ["first lasting turn", "probability"]
        table = pl.DataFrame([(str(what), p) for what, p in self._masses()], schema=names, orient="row")
        return f"<p>{escape(repr(self))}</p>{table._repr_html_()}"

    def mass(self, first: int, last: int) -> float:
        """P(the first confirmed turn upward falls into these years, both included)."""
        return sum(p for y, p in self.p_by_year.items() if first <= y <= last)

    def told(self) -> dict[str, Any]:
        """The headline as plain data."""
        return {
            "persistence": self.persistence,
            "since": self.since,
            "p_by_year": {str(y): round(p, 6) for y, p in self.p_by_year.items()},
            "p_never": self.p_never,
            "p_unconfirmed": self.p_unconfirmed,
            "p_already_receiving": self.p_already_receiving,
            "p_turned_back": self.p_turned_back,
            "mode": self.mode,
            "hds80": self.hds80,
            "entropy_bits": self.entropy_bits,
        }


def _smallest(masses: Sequence[tuple[int | str, float]], level: float) -> list[int | str]:
    held, chosen = 0.0, []
    for label, p in sorted(masses, key=lambda row: (-row[1], str(row[0]))):
        if held >= level - 1e-12 or p == 0:
            break
        chosen.append(label)
        held += p
    return sorted(chosen, key=str)


def _draws(posterior: Paths | tuple[Any, Any]) -> tuple[NDArray[np.int64], Array]:
    if isinstance(posterior, Mapping):
        raise ModelError(
            f"Draws of one place are wanted, and {', '.join(posterior)} were given. Take one: found[code]."
        )
    years, rates = posterior if isinstance(posterior, tuple) else (posterior.years, posterior.rates)
    y, r = np.asarray(years, dtype=np.int64), np.atleast_2d(np.asarray(rates, dtype=float))
    if r.ndim != 2 or r.shape[1] != y.size:
        raise ModelError(f"{r.shape} draws do not fit {y.size} years. Draws are (draw, year).")
    if y.size < 3 or (np.diff(y) != 1).any():
        raise ModelError(f"A path needs three or more years in a row; it has {y.tolist()}.")
    if not len(r):
        raise ModelError("There are no draws. Take those of keruen.reconcile, or a pair (years, draws).")
    if not np.isfinite(r).all():
        raise ModelError("Some draws are not finite. Draws of a posterior are never missing.")
    return y, r


def refuse(persistence: int, threshold: float, hysteresis: float, since: int) -> None:
    """Refuse a question that nothing could answer, before the work.

    Raises
    ------
    ConceptError
        If a number is none, years are not whole, the persistence is below one year, the dead band below zero, or
        `since` is still to come.
    """
    for name, value in (("persistence", persistence), ("since", since)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise ConceptError(f"{name} is {value!r}; give a whole number of years.")
    for name, rate in (("threshold", threshold), ("hysteresis", hysteresis)):
        if not isinstance(rate, int | float | np.number) or not math.isfinite(float(rate)):
            raise ConceptError(f"{name} is {rate!r}; give a number, per 1,000 a year.")
    if persistence < 1:
        raise ConceptError(f"A persistence of {persistence} years says nothing. Take 1 or more; 5 is usual.")
    if hysteresis < 0:
        raise ConceptError(f"A dead band of {hysteresis:g} is below zero. Take 0 or more, per 1,000; 0.5 is usual.")
    if since > date.today().year:
        raise ConceptError(f"No turn since {since} can have been seen yet. Take an earlier year.")


def tipping(
    posterior: Paths | tuple[Any, Any],
    persistence: int = 5,
    threshold: float = 0.0,
    hysteresis: float = 0.5,
    since: int = 1990,
) -> Tipping:
    """Probability of being a receiving country each year, and of the year it became one.

    The headline is the first confirmed turn upward since `since`. A draw without one is *unconfirmed* where a turn has
    begun and its run reaches the last year; else *already receiving* where it begins above the threshold; else *never*.
    Its start is the year before `since`, or the first in which S is defined.

    Parameters
    ----------
    posterior
        A posterior of :func:`keruen.reconcile`, or a pair (years, draws of the rate per 1,000 by year).
    persistence
        Years that S must stay on its new side.
    threshold
        Per 1,000.
    hysteresis
        Half the width of the dead band, per 1,000.
    since
        First year in which a turn counts.

    Raises
    ------
    ConceptError
        If the persistence is below one year, the dead band below zero, or `since` beyond the path.

    Examples
    --------
    >>> one = tipping(([2000 + k for k in range(12)], [-1, -1, -1, 0, 1, 1, 1, 1, 1, 1, 1, 1]))
    >>> one.mode, one.p_by_year, one.hds80
    (2004, {2004: 1.0}, [2004])

    References
    ----------
    Cincotta (2026), Populations 2(1), 9: a positive year followed by five positive years.
    """
    refuse(persistence, threshold, hysteresis, since)
    years, rates = _draws(posterior)
    s = smooth(rates)
    if not years[0] <= since < years[-1]:
        if since >= years[-1]:
            raise ConceptError(
                f"The path ends in {years[-1]}; no turn since {since} can be seen. Take an earlier year."
            )
        since = int(years[0])
    up, maybe_up, down, maybe_down = turns(s, persistence, threshold)
    counts = years >= since
    start = int(np.flatnonzero(np.isfinite(s[0]) & (years >= since - 1))[0])
    up, maybe_up, down, maybe_down = (np.asarray(f & counts) for f in (up, maybe_up, down, maybe_down))

    confirmed: Flags = np.asarray(up.any(axis=1))
    first = np.where(confirmed, up.argmax(1), -1)
    unconfirmed: Flags = ~confirmed & np.asarray(maybe_up.any(axis=1))
    already = ~confirmed & ~unconfirmed & (s[:, start] > threshold)
    never = ~(confirmed | unconfirmed | already)
    labels: list[int | str] = [
        int(years[f]) if c else UNCONFIRMED if u else ALREADY if a else NEVER
        for f, c, u, a in zip(first, confirmed, unconfirmed, already, strict=True)
    ]
    n = len(labels)
    by_year = {int(y): float((first == k).sum() / n) for k, y in enumerate(years) if (first == k).any()}
    rest = {
        UNCONFIRMED: float(unconfirmed.mean()), ALREADY: float(already.mean()), NEVER: float(never.mean())
    }  # fmt: skip
    masses: list[tuple[int | str, float]] = [*by_year.items(), *rest.items()]
    positive = np.array([p for _, p in masses if p > 0])
    after = np.arange(years.size)[None, :] > first[:, None]
    back = confirmed & (down & after).any(1)

    undefined = ~np.isfinite(s[0])
    receiving = np.where(undefined, np.nan, (np.where(undefined, 0.0, s) > threshold).mean(0))
    switch = _hysteresis(s, hysteresis, persistence)
    lost = np.isnan(switch[0])
    p_switch = np.where(lost, np.nan, np.where(lost, 0.0, switch).mean(0))
    told = switch[:, ~lost]
    arrivals, departures = getattr(posterior, "arrivals", None), getattr(posterior, "departures", None)
    kind = typology(np.where(undefined, 0.0, s), arrivals, departures)
    p_state = np.stack([(kind == k).mean(0) for k in range(len(STATES))], 1)
    p_state[undefined] = np.nan
    state = [None if u else STATES[int(p.argmax())] for u, p in zip(undefined, p_state, strict=True)]

    listed = [
        {"year": int(y), "direction": way, "confirmed": float(sure[:, k].mean()),
         "unconfirmed": float(maybe[:, k].mean())}
        for k, y in enumerate(years)
        for way, sure, maybe in (("up", up, maybe_up), ("down", down, maybe_down))
        if sure[:, k].any() or maybe[:, k].any()
    ]  # fmt: skip
    marks = Counter(
        "–".join("up" if u else "down" for u, d in zip(ups, downs, strict=True) if u or d) or "no turn"
        for ups, downs in zip(up.tolist(), down.tolist(), strict=True)
    )
    return Tipping(
        years=years, persistence=persistence, threshold=threshold, hysteresis=hysteresis, since=since,
        p_receiving=receiving, p_by_year=by_year, p_never=rest[NEVER], p_unconfirmed=rest[UNCONFIRMED],
        p_already_receiving=rest[ALREADY], p_turned_back=float(back.mean()),
        mode=max(masses, key=lambda row: row[1])[0], hds80=_smallest(masses, 0.8),
        entropy_bits=float(-(positive * np.log2(positive)).sum()) + 0.0, state=state, p_state=p_state,
        p_receiving_hysteresis=p_switch, expected_years=float(told.sum(1).mean()),
        flips=float((np.diff(told, axis=1) != 0).sum(1).mean()), turns=listed,
        sequences=[(k, v / n) for k, v in sorted(marks.items(), key=lambda row: (-row[1], row[0]))],
        labels=tuple(labels),
    )  # fmt: skip


_hysteresis = hysteresis  # the option of tipping() has the name of the function


def outlier(system: Mapping[str, Paths], place: str, *, threshold: float = 0.0) -> pl.DataFrame:
    """Does one place stand apart from its region: joint probabilities, year by year.

    Parameters
    ----------
    system
        Posteriors by place, from one call of :func:`keruen.reconcile`; the place and its region.
    place
        The one that may stand apart.
    threshold
        Per 1,000.

    Returns
    -------
    ``year``; ``p_alone_receiving``: it receives and every other sends; ``p_alone_sending``; ``p_alone``: their sum;
    ``p_differs``: its state is not that of most others (a tie is no majority); ``p_receiving``: its own.

    Raises
    ------
    ConceptError
        If the place is not of the system, or has no neighbours in it.

    Examples
    --------
    >>> years = [2000, 2001, 2002]
    >>> frame = outlier({"A": (years, [[1, 1, 1]]), "B": (years, [[-1, -1, -1]])}, "A")
    >>> frame.rows()
    [(2001, 1.0, 0.0, 1.0, 1.0, 1.0)]
    """
    if place not in system or len(system) < 2:
        raise ConceptError(f"{place} and at least one neighbour must be in the system; it has {', '.join(system)}.")
    drawn = {code: _draws(p) for code, p in system.items()}
    common = sorted(set.intersection(*({int(y) for y in years} for years, _ in drawn.values())))
    fewest = min(rates.shape[0] for _, rates in drawn.values())
    smoothed = {
        code: smooth(rates[np.arange(fewest) * len(rates) // fewest])[:, np.isin(years, common)]  # of all chains alike
        for code, (years, rates) in drawn.items()
    }
    hidden = np.any([~np.isfinite(s[0]) for s in smoothed.values()], axis=0)
    states = {code: s > threshold for code, s in smoothed.items()}
    own = states.pop(place)
    others = np.stack(list(states.values()))
    count = others.sum(0)
    alone_up, alone_down = own & (count == 0), ~own & (count == len(others))
    differs = np.where(own, count * 2 < len(others), count * 2 > len(others))
    rows = [
        (y, float(alone_up[:, k].mean()), float(alone_down[:, k].mean()),
         float((alone_up | alone_down)[:, k].mean()), float(differs[:, k].mean()), float(own[:, k].mean()))
        for k, y in enumerate(common) if not hidden[k]
    ]  # fmt: skip
    names = ["year", "p_alone_receiving", "p_alone_sending", "p_alone", "p_differs", "p_receiving"]
    return pl.DataFrame(rows, schema=names, orient="row")
