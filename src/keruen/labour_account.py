"""The account of labour migrants: who is registered, certified or unregistered in every year, for given parameters.

Registered R, holders of amnesty certificates C and unregistered U enter, return, lapse, are regularised and removed;
exits compete as hazards. Permits are events, not persons. docs/labour.md has the equations and every decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from keruen.errors import ModelError
from keruen.labour_design import Anchor, Design, parameters

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Segment:
    year: int  # index
    length: float  # years
    rule: int  # which set of hazards
    granting: str  # amnesty on whose middle day this segment ends
    expiring: str  # amnesty whose certificates end when this segment ends


def _fraction(day_: date) -> float:
    first, after = date(day_.year, 1, 1), date(day_.year + 1, 1, 1)
    return day_.year + (day_ - first).days / (after - first).days


def _segments(design: Design) -> tuple[list[_Segment], list[tuple[str, ...]]]:
    """The account cut wherever a rule changes, and the sets of rules in force."""
    first, last = design.years[0], design.years[-1] + 1
    cuts = {float(y) for y in range(first, last + 1)}
    granting: dict[float, str] = {}
    expiring: dict[float, str] = {}
    spans: list[tuple[float, float, str]] = []
    for r in sorted(design.regimes, key=lambda regime: regime.start):
        start, end = _fraction(r.start), float(last) if r.end is None else _fraction(r.end)
        if start >= end:
            raise ModelError(f"{r.name} ends on {r.end} before it begins on {r.start}. Exchange the days.")
        if r.kind == "permit":
            spans.append((start, end, r.name))
            cuts |= {start, end}
            continue
        if r.end is None:
            raise ModelError(f"The amnesty {r.name} has no last day. Say when it ended.")
        if r.valid_years <= 0:
            raise ModelError(f"The certificates of {r.name} have no duration. Say how many years they are valid.")
        middle = round((start + end) / 2, 9)
        for other in design.regimes:
            if (
                other.name != r.name
                and other.kind == "amnesty"
                and other.start < r.end
                and r.start < (other.end or r.end)
            ):
                raise ModelError(
                    f"{r.name} and {other.name} overlap: nobody can tell whose effect is whose. Join them."
                )
        if expiring and middle < max(expiring):
            raise ModelError(
                f"{r.name} overlaps the certificates of {expiring[max(expiring)]}, which are still valid. One account "
                "carries one set of certificates: shorten the first, or join them."
            )
        granting[middle], expiring[round(middle + r.valid_years, 9)] = r.name, r.name
        cuts |= {middle, round(middle + r.valid_years, 9)}
    edges = sorted(c for c in cuts if first <= c <= last)
    rules: list[tuple[str, ...]] = []
    found = []
    for a, b in pairwise(edges):
        active = tuple(name for s, e, name in spans if s < (a + b) / 2 < e)
        if active not in rules:
            rules.append(active)
        year, length = int(np.floor((a + b) / 2)) - first, round(b - a, 9)  # rounded: equal years share one kernel
        found.append(_Segment(year, length, rules.index(active), granting.get(b, ""), expiring.get(b, "")))
    return found, rules


@dataclass(frozen=True, slots=True)
class States:
    """The account of every draw.

    Attributes
    ----------
    registered, certified, unregistered
        (year, draw), year averages, persons; `registered` leaves out the holders of certificates.
    regularised
        Persons by amnesty: name -> (draw,).
    flows
        (flow, year, draw), persons a year: entries, returns, removals, lapses, regularised.
    imbalance
        (draw,), largest relative gap between the change of R + C + U and entries less exits: nobody is created or lost.
    """

    registered: Array
    certified: Array
    unregistered: Array
    regularised: dict[str, Array]
    flows: dict[str, Array]
    imbalance: Array


def _expm(h11: Array, h12: Array, h21: Array, h22: Array, t: Array) -> tuple[Array, Array, Array, Array]:
    """exp(A t) of a 2 × 2 matrix with off-diagonals that are not negative, in closed form."""
    middle, half = (h11 + h22) / 2, (h11 - h22) / 2
    root = np.sqrt(half**2 + h12 * h21)
    x = root * t
    scale = np.exp(middle * t)
    c = scale * np.cosh(x)
    s = scale * np.where(x > 1e-8, np.sinh(x) / np.maximum(root, 1e-300), t)
    return c + s * half, s * h12, s * h21, c - s * half


class Account:
    """The compiled design: from vectors z to the states of every year. Built once, called many times."""

    def __init__(self, design: Design):
        self.design = design
        self.parameters = parameters(design)
        self.index = {p.name: i for i, p in enumerate(self.parameters)}
        self.segments, self.rules = _segments(design)
        self.steps = slice(len(self.parameters) - len(design.years) + 1, len(self.parameters))
        named = self.parameters[: self.steps.start]
        self.centre, self.width = np.array([[p.centre] for p in named]), np.array([[p.spread] for p in named])
        self.logs, self.logits = ([i for i, p in enumerate(named) if p.kind == kind] for kind in ("log", "logit"))
        self.pairs = sorted({(s.rule, s.length) for s in self.segments})
        self.pair_of = np.array([self.pairs.index((s.rule, s.length)) for s in self.segments])
        self.year_of = np.array([s.year for s in self.segments])
        self.lengths = np.array([s.length for s in self.segments])
        n = len(design.years)
        sums = np.tril(np.ones((n, n)))[:, 1:]
        self.walk = sums - sums.mean(0)
        self.weights = np.array([_weights(design, a) for a in design.anchors]).reshape(len(design.anchors), n)
        self.shared = np.array([float(a.part and a.of != "share") for a in design.anchors])
        self.expert = np.array([float(a.expert) for a in design.anchors])
        self.shares = [i for i, a in enumerate(design.anchors) if a.of == "share"]
        self.spread = np.zeros((n, len(self.segments)))  # from integrals by segment to sums by year
        for k, s in enumerate(self.segments):
            self.spread[s.year, k] = 1.0

    def values(self, z: Array) -> dict[str, Array]:
        """The named quantities of every draw: as each parameter's own `at`, but all of a kind at once."""
        raw = self.centre + self.width * z[:, : self.steps.start].T
        raw[self.logs] = np.exp(raw[self.logs])
        raw[self.logits] = special.expit(raw[self.logits])
        return dict(zip(self.index, raw, strict=False))

    def run(self, z: Array, counted: Mapping[str, tuple[Array, float]] | None = None) -> Run:
        """The account for z (draw, size): everything that the anchors need, and no more.

        `counted` gives for an amnesty the logarithm of its count (draw,) and the error of it. Then the coordinate of
        the share reached is that error in units of its size, and the share follows from the count: the same posterior
        in other coordinates, without the narrow ridge of stock times share.
        """
        v = self.values(z)
        m, k = z.shape[0], len(self.segments)
        # A random walk about its own mean: the level is not tied to the sum of many steps.
        walk = self.walk @ z[:, self.steps].T
        entries = np.exp(np.clip(np.log(v["entries_level"]) + v["entries_volatility"] * walk, -30, 30))
        kernel = self._kernel(v)
        at, e = self.pair_of, entries[self.year_of]
        push_r, push_u = kernel.k1[at] * e, kernel.k2[at] * e
        R = v["total_at_start"] * v["registered_share_at_start"]
        U = v["total_at_start"] - R
        start_r, start_u = np.empty((k + 1, m)), np.empty((k + 1, m))
        start_c, c_mean, gone, expired, given = (np.zeros((k + 1, m)) for _ in range(5))
        granted: dict[str, Array] = {}
        reached: dict[str, Array] = {}
        log_prior = np.zeros(m)
        C, holding = np.zeros(m), ""
        for j, s in enumerate(self.segments):
            a = at[j]
            start_r[j], start_u[j] = R, U
            if holding:
                rate = v[f"{holding}.return"]
                gone[j] = C * -np.expm1(-rate * s.length)
                c_mean[j] = gone[j] / rate
                C = C - gone[j]
            R, U = (
                kernel.e11[a] * R + kernel.e12[a] * U + push_r[j],
                kernel.e21[a] * R + kernel.e22[a] * U + push_u[j],
            )
            if s.granting:
                share = v[f"{s.granting}.reached"]
                if counted and s.granting in counted:
                    log_count, sd = counted[s.granting]
                    t = z[:, self.index[f"{s.granting}.reached"]]
                    share = np.exp(log_count + sd * t) / U
                    inside = np.clip(share, 1e-12, 1 - 1e-9)
                    p = self.parameters[self.index[f"{s.granting}.reached"]]
                    reached[s.granting] = (special.logit(inside) - p.centre) / p.spread
                    # The coordinate's own normal density is the likelihood of the count; what is missing is the prior
                    # of the share and the change of variables.
                    log_prior -= 0.5 * reached[s.granting] ** 2 + np.log1p(-inside)
                    log_prior = np.where(share < 1, log_prior, -np.inf)
                    share = inside
                given[j] = granted[s.granting] = share * U
                U, C, holding = U - given[j], C + given[j], s.granting
            if s.expiring and holding == s.expiring:
                expired[j] = C * v[f"{holding}.lapse_at_expiry"]
                gone[j] += C - expired[j]
                U = U + expired[j]
                C, holding = np.zeros(m), ""
            start_c[j + 1] = C
        start_r[k], start_u[k] = R, U
        first_r, first_u = start_r[:-1], start_u[:-1]
        int_r = kernel.j11[at] * first_r + kernel.j12[at] * first_u + kernel.g1[at] * e
        int_u = kernel.j21[at] * first_r + kernel.j22[at] * first_u + kernel.g2[at] * e
        return Run(
            v, kernel, e, start_r, start_u, start_c, int_r, int_u, c_mean[:-1], gone[:-1], expired[:-1], given[:-1],
            granted, reached, log_prior,
            self.spread @ int_r, self.spread @ c_mean[:-1], self.spread @ int_u,
        )  # fmt: skip

    def states(self, z: Array) -> States:
        """The account with its flows, and the check that it balances."""
        run = self.run(z)
        v, at = run.v, self.pair_of
        by_segment = {
            "entries": run.entries * self.lengths[:, None],
            "returns": v["return_registered"] * run.int_r + v["return_unregistered"] * run.int_u + run.gone,
            "removals": v["removal"] * run.int_u,
            "lapses": v["lapse"] * run.int_r + run.expired,
            "regularised": run.kernel.step[at] * run.int_u + run.given,
        }
        # The states come from exp(A t), the flows from its integral: that they balance is a check, not a definition.
        people = run.start_r + run.start_c + run.start_u
        change = by_segment["entries"] - by_segment["returns"] - by_segment["removals"]
        gap = np.abs(np.diff(people, axis=0) - change) / (people[1:] + people[:-1] + by_segment["entries"])
        return States(
            registered=run.registered,
            certified=run.certified,
            unregistered=run.unregistered,
            regularised=run.granted,
            flows={name: self.spread @ flow for name, flow in by_segment.items()},
            imbalance=gap.max(0),
        )

    def _kernel(self, v: Mapping[str, Array]) -> _Kernel:
        """Exact solutions (pair of rules and length, draw): propagators of the state and of its integral."""
        shape = (len(self.pairs), v["lapse"].size)
        step, odds = np.zeros(shape), np.tile(special.logit(v["registered_entry"]), (shape[0], 1))
        for i, (rule, _) in enumerate(self.pairs):
            for name in self.rules[rule]:
                step[i] += v[f"{name}.regularisation"]
                odds[i] += v[f"{name}.registered_entry_shift"]
        t = np.array([length for _, length in self.pairs])[:, None]
        entry = special.expit(odds)
        w = v["lapse"]
        out_r = w + v["return_registered"]
        out_u = step + v["return_unregistered"] + v["removal"]
        # x' = A x + b e with A = [[−out_r, step], [w, −out_u]]; its inverse exists because somebody always leaves.
        e11, e12, e21, e22 = _expm(-out_r, step, w, -out_u, t)
        det = out_r * out_u - step * w
        i11, i12, i21, i22 = -out_u / det, -step / det, -w / det, -out_r / det
        j11, j12 = i11 * (e11 - 1) + i12 * e21, i11 * e12 + i12 * (e22 - 1)
        j21, j22 = i21 * (e11 - 1) + i22 * e21, i21 * e12 + i22 * (e22 - 1)
        k1, k2 = j11 * entry + j12 * (1 - entry), j21 * entry + j22 * (1 - entry)
        d1, d2 = k1 - t * entry, k2 - t * (1 - entry)
        return _Kernel(e11, e12, e21, e22, j11, j12, j21, j22, k1, k2, i11 * d1 + i12 * d2, i21 * d1 + i22 * d2, step)


@dataclass(frozen=True, slots=True)
class _Kernel:
    """(pair, draw): e propagates the state, j its integral; k and g do so for entries of one person a year."""

    e11: Array
    e12: Array
    e21: Array
    e22: Array
    j11: Array
    j12: Array
    j21: Array
    j22: Array
    k1: Array
    k2: Array
    g1: Array
    g2: Array
    step: Array


@dataclass(frozen=True, slots=True)
class Run:
    """One run: values by name; states at the start of each segment and at the end; integrals by segment; year sums."""

    v: dict[str, Array]
    kernel: _Kernel
    entries: Array
    start_r: Array
    start_u: Array
    start_c: Array
    int_r: Array
    int_u: Array
    c_mean: Array
    gone: Array
    expired: Array
    given: Array
    granted: dict[str, Array]
    reached: dict[str, Array]  # z of the share reached, where it follows from a count
    log_prior: Array
    registered: Array
    certified: Array
    unregistered: Array


def _weights(design: Design, anchor: Anchor) -> Array:
    w = np.zeros(len(design.years))
    for year, weight in anchor.years:
        if year in design.years:
            w[year - design.years[0]] = weight
    if w.sum() == 0:
        raise ModelError(f"The anchor {anchor.key} speaks of no year between {design.years[0]} and {design.years[-1]}.")
    return np.asarray(w / w.sum())


def account(design: Design, z: Any) -> States:
    """The states of every year for vectors of standard-normal parameters.

    Parameters
    ----------
    design
        Years, rules, anchors and scale.
    z
        (draw, parameter), in the order of :func:`parameters`.

    Raises
    ------
    ModelError
        If a rule has no duration, ends before it begins, or overlaps another of its kind.

    Examples
    --------
    >>> design = Design((2000, 2001, 2002), (), (), 15e6)
    >>> states = account(design, np.zeros((1, len(parameters(design)))))
    >>> bool(states.imbalance.max() < 1e-9)
    True
    """
    return Account(design).states(np.atleast_2d(np.asarray(z, dtype=float)))
