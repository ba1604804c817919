"""Work that other processes may do beside this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any


@contextmanager
def beside(processes: int) -> Iterator[Callable[..., Callable[[], Any]]]:
    """A way to ask for what other processes may work out beside this one; what they found is called for.

    With no other process all is worked out here, when it is called for.
    """
    if not processes:
        yield partial
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield lambda work, *of: pool.submit(work, *of).result


def shared(work: Callable[[Any], Any], things: Sequence[Any], processes: int) -> list[Any]:
    """What `work` finds of each thing, in their order; this process and others each take the next when done with one.

    A fault is raised once all are back: that of the first thing that has one.
    """
    left, found, faults = deque(enumerate(things)), [None] * len(things), {}

    def take(call: Callable[[Any], Any]) -> None:
        while True:
            try:
                at, thing = left.popleft()
            except IndexError:
                return
            try:
                found[at] = call(thing)
            except Exception as fault:
                faults[at] = fault
                left.clear()

    with beside(processes) as ask, ThreadPoolExecutor(max(processes, 1)) as waiting:
        for _ in range(processes):
            waiting.submit(take, lambda thing: ask(work, thing)())  # a thread that does nothing but wait
        try:
            take(work)
        finally:
            left.clear()  # stopped by hand, others begin nothing new
    if faults:
        raise faults[min(faults)]
    return found
