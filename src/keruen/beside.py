"""Work that other processes may do beside this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
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
