"""All kinds of tests by name: each from claims or draws to a verdict, a probability and the evidence for it.

Every kind is general: any place, measure, stream, definition, span and day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keruen.odds import date_between, earlier, joint_state, posterior_probability
from keruen.statements import Test
from keruen.verdict_events import event_exists
from keruen.verdict_figures import change, level, ratio, share
from keruen.verdict_money import share_of_gdp
from keruen.verdict_rivals import rank, spread
from keruen.verdict_series import interruption, monotone, sign, trend
from keruen.witnesses import Day, Finding

NOTHING: frozenset[str] = frozenset()

Ask = Callable[[Day, Mapping[str, Any], frozenset[str]], Finding]

ASK: dict[str, Ask] = {
    "level": level, "sign": sign, "change": change, "ratio": ratio, "share": share, "share_of_gdp": share_of_gdp,
    "monotone": monotone, "trend": trend, "rank": rank, "spread": spread, "date_between": date_between,
    "earlier": earlier,
    "joint_state": joint_state, "posterior_probability": posterior_probability, "event_exists": event_exists,
    "interrupted": interruption,
}  # fmt: skip


def ask(day: Day, test: Test, hidden: frozenset[str] = NOTHING) -> Finding:
    """Put a test to the evidence of a day.

    Parameters
    ----------
    day
        What can be asked.
    test
        From a set of statements.
    hidden
        Releases and ids that leave the evidence, with their copies.
    """
    return ASK[test.kind](day, test.args, hidden)
