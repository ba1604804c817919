"""Work that other processes may do beside this one."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from types import FrameType
from typing import Any


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep an interruption waiting; a process that is started meanwhile never hears one, not even while it imports."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    kept: list[tuple[int, FrameType | None]] = []
    mine = threading.current_thread() is threading.main_thread()
    # The mask is for the process that starts; this one may hear by another of its threads.
    heard = signal.signal(signal.SIGINT, lambda *told: kept.append(told)) if mine else None
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        if mine:
            signal.signal(signal.SIGINT, heard)
    if kept and callable(heard):
        heard(*kept[0])


def _begun(prepare: Callable[..., None] | None, given: Sequence[Any]) -> None:
    """What a process does first: it hears no interruption, and takes what all its work needs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare is not None:
        prepare(*given)


@contextmanager
def pool(
    processes: int, prepare: Callable[..., None] | None = None, *given: Any
) -> Iterator[Callable[..., Future[Any]]]:
    """Other processes, and a way to hand them work; none is left behind by a fault or an interruption.

    A terminal interrupts all its processes at once. This one alone hears it, and ends the others.

    Parameters
    ----------
    processes
        How many.
    prepare, given
        What each of them is to do once, before any work, and what with.
    """
    others = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_begun, initargs=(prepare, given)
    )

    one_at_a_time = threading.Lock()  # so that nobody starts a process while all are ended

    def submit(work: Callable[..., Any], *of: Any) -> Future[Any]:
        with one_at_a_time, _unheard():
            return others.submit(work, *of)

    try:
        yield submit
        others.shutdown()
    except BaseException:
        with one_at_a_time:
            for process in list((others._processes or {}).values()):
                process.kill()  # to cancel is not enough: what was begun would be waited for
            others.shutdown(cancel_futures=True)
        raise


@contextmanager
def beside(processes: int) -> Iterator[Callable[..., Callable[[], Any]]]:
    """A way to ask for what other processes may work out beside this one; what they found is called for.

    With no other process all is worked out here, when it is called for.
    """
    if not processes:
        yield partial
        return
    with pool(processes) as submit:
        yield lambda work, *of: submit(work, *of).result


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

    with ThreadPoolExecutor(max(processes, 1)) as waiting, beside(processes) as ask:
        # A thread a process, which does nothing but wait.
        threads = [waiting.submit(take, lambda thing: ask(work, thing)()) for _ in range(processes)]
        try:
            take(work)
            wait(threads)
        finally:
            left.clear()  # stopped by hand, others begin nothing new
    if faults:
        raise faults[min(faults)]
    return found
