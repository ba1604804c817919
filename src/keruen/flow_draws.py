"""How uncertain flows are: draws of stocks and vital events from the disagreement between editions, and flows of each.

A draw is joint: one error of each place's count of the foreign-born at each date, shared by the sexes and by the two
periods that meet there; one error of each corridor's share; one of each place's net migration, births and deaths in a
period. docs/flows.md says why. Draws are made in chunks, in this process, in several, or on an active Dask cluster;
draw k is the same whoever makes it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from keruen.beside import pool
from keruen.errors import KeruenError, OutputError, VocabularyError, need
from keruen.estimators.balance import Account as Accounted
from keruen.estimators.balance import Guides, fold_negatives, guides
from keruen.estimators.balance import account as account_of
from keruen.estimators.ipf import Array
from keruen.estimators.spread import totals
from keruen.estimators.tables import CLOSED, flows_many
from keruen.flow_evidence import OTHER, Account
from keruen.flow_spread import SIZES, Spread

QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
_WORTH = 500  # worlds of one sex; fewer are drawn sooner than a process starts
MEMORY = 2e9  # bytes of draws kept in memory at most; more goes to a store
_AT_ONCE = 2.5e8  # bytes of draws read at once for their quantiles: a folder's chunk holds all rows


# ---------------------------------------------------------------- one draw


@dataclass(frozen=True, slots=True)
class Ready:
    """An account made ready: what all its draws share."""

    account: Account
    level: Array
    step: Array
    net: Array  # persons a period
    births: Array
    deaths: Array
    cells: tuple[np.ndarray, np.ndarray]  # (birthplace, residence) at the two dates, 32 bits
    foreign: tuple[Array, Array]  # (sex, residence) at the two dates, persons
    index: Any  # of the places, in the order of all places, so that draws do not depend on who is there
    everywhere: int  # how many places there are
    guided: tuple[Guides | None, ...]  # by sex; what fitting the printed account teaches about its draws


def ready(account: Account, found: Spread, order: dict[str, int], options: dict[str, Any]) -> Ready:
    """Spreads on the places of one account, and its printed figures fitted once."""

    def of(table: dict[str, float]) -> Array:
        return np.array([table.get(p, table[""]) for p in account.places])

    years = (account.end - account.start).days / 365.25
    people = np.maximum(account.stock_start.sum(1).max(0), account.stock_end.sum(1).max(0))
    if "all" not in account.sexes:
        people = account.stock_start.sum((0, 1))
    # Errors of five-year rates; a shorter period has a larger one by the same people.
    net = of(found.net) * people / 1000 * np.sqrt(5 * years)
    cells, foreign = [], []
    for table in (account.stock_start, account.stock_end):
        size = np.searchsorted(SIZES, table.max(0))
        cells.append((np.array(found.cells, np.float32) / np.float32(np.sqrt(2)))[size])
        foreign.append(table.sum(1) - np.einsum("sii->si", table))
    led: tuple[Guides | None, ...] = (None,) * len(account.sexes)
    if _plain(options):
        with threadpool_limits(limits=1, user_api="blas"):
            led = tuple(
                guides(_accounted(figures, _label(account, sex), account.places, options, None))
                for sex, *figures in zip(
                    account.sexes, account.stock_start, account.stock_end, account.births, account.deaths, strict=True
                )
            )
    return Ready(
        account, of(found.level), of(found.step) / np.sqrt(2), net, of(found.births), of(found.deaths),
        (cells[0], cells[1]), (foreign[0], foreign[1]), np.array([order[p] for p in account.places]), len(order), led,
    )  # fmt: skip


def _label(account: Account, sex: str) -> str:
    return f"{account.release}, {account.start.year}-{account.end.year}, {sex}"


def _plain(options: dict[str, Any]) -> bool:
    """Whether flows are two matrix products: a closed method with a uniform seed."""
    return options["method"] in CLOSED and "seed" not in options


def _generator(seed: int, draw: int, *keys: int) -> np.random.Generator:
    return np.random.default_rng([seed, draw, *keys])


def drawn(prepared: Ready, seed: int, draw: int) -> tuple[Array, Array, Array, Array]:
    """Stocks at the two dates, births and deaths of one draw, each with its sexes first."""
    account, index, everywhere = prepared.account, prepared.index, prepared.everywhere
    level = _generator(seed, draw, 1).standard_normal(everywhere)[index] * prepared.level
    tables = []
    for day_, table, cells, told in zip(
        (account.start, account.end), (account.stock_start, account.stock_end), prepared.cells, prepared.foreign,
        strict=True,
    ):  # fmt: skip
        rng = _generator(seed, draw, 2, day_.toordinal())
        date_error = rng.standard_normal(everywhere)[index] * prepared.step
        noise = rng.standard_normal((everywhere, everywhere), dtype=np.float32)[np.ix_(index, index)]
        noise *= cells
        np.exp(noise, out=noise)
        np.fill_diagonal(noise, 0)
        abroad = table * noise
        now = abroad.sum(1)
        wanted = told * np.exp(level + date_error)
        abroad *= np.divide(wanted, now, out=np.ones_like(now), where=now > 0)[:, None, :]
        tables.append(abroad)
    rng = _generator(seed, draw, 3, account.start.toordinal(), account.end.toordinal())
    z = rng.standard_normal((3, everywhere))[:, index]
    births = account.births * np.exp(z[0] * prepared.births - prepared.births**2 / 2)
    deaths = account.deaths * np.exp(z[1] * prepared.deaths - prepared.deaths**2 / 2)
    people = account.stock_start.sum(1), account.stock_end.sum(1)
    deaths = np.minimum(deaths, 0.9 * people[0])
    moved = z[2] * prepared.net
    variance = prepared.net**2
    moved = moved - moved.sum() * variance / max(variance.sum(), 1e-300)  # the world gains nobody
    # An edition that revises births or deaths revises its population with them: only net migration is an error of ours.
    share = people[1] / np.maximum(people[1].sum(0), 1e-300)
    if "all" in account.sexes:
        share = people[1] / np.maximum(people[1][list(account.sexes).index("all")], 1e-300)
    final = np.maximum(people[1] + (births - account.births) - (deaths - account.deaths) + moved * share, 0)
    final = np.maximum(final, np.minimum(births, people[1]))
    for table, lived in zip(tables, (people[0], final), strict=True):
        natives = lived - table.sum(1)
        np.einsum("sii->si", table)[...] = natives
        for s in np.flatnonzero((natives < 0).any(1)):
            table[s] = fold_negatives(table[s])[0]
    return tables[0], tables[1], births, deaths


def chunk(prepared: Ready, seed: int, first: int, last: int, options: dict[str, Any]) -> np.ndarray:
    """Flows of draws first … last − 1: (draw, sex, origin, destination), 32 bits; stayers on the diagonal."""
    account = prepared.account
    n, s = len(account.places), len(account.sexes)
    out = np.empty((last - first, s, n, n), np.float32)
    plain = _plain(options)
    with threadpool_limits(limits=1, user_api="blas"):
        for k in range(first, last):
            figures = drawn(prepared, seed, k)
            labels = [f"{_label(account, sex)}, draw {k}" for sex in account.sexes]
            if not plain:
                out[k - first] = flows_many(*figures, labels=labels, names=account.places, **options).table
                continue
            for i, label in enumerate(labels):
                one = _accounted([f[i] for f in figures], label, account.places, options, prepared.guided[i])
                out[k - first, i] = totals(one, method=options["method"], weight=options.get("weight", 0.87))
    return out


def _accounted(
    figures: Sequence[Array], label: str, names: Sequence[str], options: dict[str, Any], guided: Guides | None
) -> Accounted:
    """The account of one sex: stocks at the two dates, births and deaths."""
    kept = {k: v for k, v in options.items() if k in ("balance", "births_from", "deaths_from", "repair")}
    try:
        return account_of(*figures, guided=guided, names=names, **kept)
    except KeruenError as error:
        raise type(error)(f"{label}: {error}") from error


# ---------------------------------------------------------------- many draws

_Task = tuple[int, int, int]


def run(
    accounts: Sequence[Account],
    found: Spread,
    *,
    draws: int,
    seed: int = 0,
    size: int = 25,
    workers: int = 1,
    to: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Draws:
    """Draws of the flows of several accounts.

    Parameters
    ----------
    accounts
        Of one edition or several.
    found
        The spread between editions.
    draws
        How many.
    seed
        Of the randomness. Draw k of a seed is always the same.
    size
        Draws of one chunk of work.
    workers
        Processes on this machine, where the work is worth starting them. With an active ``dask.distributed.Client`` its
        workers are used instead. Scripts that ask for more than one guard their main part with
        ``if __name__ == "__main__":``.
    to
        A folder for a Zarr group, needed where draws exceed ``MEMORY``. A run that was stopped goes on where it was.
    progress
        Called with chunks done and chunks in all.
    **options
        Of `tables.flows`.

    Raises
    ------
    OutputError
        If the folder holds something else, or memory would not suffice.
    """
    if draws < 1:
        raise VocabularyError(f"draws={draws} draws nothing. Give 1 or more.")
    options = {"method": "pseudo_bayes", "births_from": "native_first", **options}
    order = _order(accounts)
    sized = sum(draws * len(a.sexes) * len(a.places) ** 2 * 4 for a in accounts)
    if to is None and sized > MEMORY:
        raise OutputError(
            f"{draws:,} draws of {len(accounts)} periods are {sized / 1e9:,.1f} GB, more than is kept in memory. "
            "Name a folder for them: to='draws.zarr' (--store draws.zarr)."
        )
    tasks = [(i, lo, min(lo + size, draws)) for i in range(len(accounts)) for lo in range(0, draws, size)]
    kept = _Memory(accounts) if to is None else _Folder(Path(to), accounts, order, draws, found, seed, size, options)
    left = [task for task in tasks if not kept.has(task)]
    at = len(tasks) - len(left)
    if progress:
        progress(at, len(tasks))
    prepared = {i: ready(accounts[i], found, order, options) for i in sorted({task[0] for task in left})}
    for task, table in _made(left, prepared, seed, options, workers):
        kept.put(task, table)
        at += 1
        if progress:
            progress(at, len(tasks))
    return Draws(tuple(accounts), draws, seed, kept)


def _order(accounts: Sequence[Account]) -> dict[str, int]:
    from keruen.places import places

    known = [p for p in places() if not p.startswith("_") or p == OTHER]
    known += sorted({p for a in accounts for p in a.places} - set(known))
    return {code: k for k, code in enumerate(known)}


def _made(
    tasks: Sequence[_Task], prepared: dict[int, Ready], seed: int, options: dict[str, Any], workers: int
) -> Iterator[tuple[_Task, np.ndarray]]:
    """Chunks as they come: on an active Dask cluster, in processes, or here."""
    client = _client()
    if client is not None and tasks:
        yield from _on_dask(client, tasks, prepared, seed, options)
        return
    worlds = sum((hi - lo) * len(prepared[i].account.sexes) for i, lo, hi in tasks)
    if workers <= 1 or len(tasks) < 2 or worlds < _WORTH:
        for i, lo, hi in tasks:
            yield (i, lo, hi), chunk(prepared[i], seed, lo, hi, options)
        return
    many = min(workers, len(tasks))
    with pool(many, _hold, prepared, seed, options) as submit:
        waiting, futures = deque(tasks), {}

        def begin() -> Future[np.ndarray]:
            task = waiting.popleft()
            future = submit(_on_process, task)
            futures[future] = task
            return future

        live = {begin() for _ in range(min(2 * many, len(waiting)))}
        while live:
            done, live = wait(live, return_when=FIRST_COMPLETED)
            for future in done:
                if waiting:
                    live.add(begin())
                yield futures.pop(future), future.result()


_held: dict[str, Any] = {}  # of a worker process: what it was started with, sent once


def _hold(prepared: dict[int, Ready], seed: int, options: dict[str, Any]) -> None:
    _held.update(prepared=prepared, seed=seed, options=options)


def _on_process(task: _Task) -> np.ndarray:
    i, lo, hi = task
    return chunk(_held["prepared"][i], _held["seed"], lo, hi, _held["options"])


def _on_dask(
    client: Any, tasks: Sequence[_Task], prepared: dict[int, Ready], seed: int, options: dict[str, Any]
) -> Iterator[tuple[_Task, np.ndarray]]:
    """Chunks from the workers of a cluster: each is sent an account once, has a few chunks waiting, and hands its
    tables over itself, not by way of the scheduler.
    """
    distributed: Any = need("distributed", "flows")
    held = dict(zip(prepared, client.scatter(list(prepared.values()), broadcast=True, hash=False), strict=True))
    threads = max(sum(client.ncores().values()), 1)
    waiting = deque(tasks)
    running: dict[Any, _Task] = {}
    pool = distributed.as_completed()

    def more() -> None:
        i, lo, hi = waiting.popleft()
        future = client.submit(_on_worker, held[i], seed, lo, hi, options, pure=False)
        running[future] = (i, lo, hi)
        pool.add(future)

    for _ in range(min(3 * threads, len(waiting))):
        more()
    for future in pool:
        if waiting:
            more()
        yield running.pop(future), client.gather(future, direct=True)


def _on_worker(prepared: Ready, seed: int, lo: int, hi: int, options: dict[str, Any]) -> np.ndarray:
    with _freed_memory_kept():
        return chunk(prepared, seed, lo, hi, options)


@contextmanager
def _freed_memory_kept() -> Iterator[None]:
    """Dask starts workers with MALLOC_TRIM_THRESHOLD_, so that glibc hands every freed array back to the system and
    pages every new one in afresh: that doubles the time of a draw. Here arrays come from freed memory meanwhile.
    """
    trim = os.environ.get("MALLOC_TRIM_THRESHOLD_", "")
    set_ = getattr(ctypes.CDLL(None), "mallopt", None) if trim.isdecimal() and sys.platform == "linux" else None
    if set_ is None:
        yield
        return
    whole, top = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
    set_(whole, 32 << 20)
    set_(top, 64 << 20)
    try:
        yield
    finally:
        set_(whole, 128 << 10)
        set_(top, int(trim))


def _client() -> Any:
    """The active Dask client, if the user has one."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_client

    try:
        return get_client()
    except ValueError:
        return None


# ---------------------------------------------------------------- where draws lie


class _Memory:
    """Draws in memory, chunk by chunk as they came: not copied, for new memory costs as much as a flow."""

    def __init__(self, accounts: Sequence[Account]):
        self.chunks: list[dict[int, np.ndarray]] = [{} for _ in accounts]

    def has(self, task: _Task) -> bool:
        return False

    def put(self, task: _Task, table: np.ndarray) -> None:
        self.chunks[task[0]][task[1]] = table

    def block(self, account: int, sex: int, rows: slice) -> np.ndarray:
        return np.concatenate([table[:, sex, rows] for _, table in sorted(self.chunks[account].items())])


class _Folder:
    """Draws in a Zarr group, one array an account; a chunk counts as done when its mark is there."""

    def __init__(
        self, path: Path, accounts: Sequence[Account], order: dict[str, int], draws: int, found: Spread, seed: int,
        size: int, options: dict[str, Any],
    ):  # fmt: skip
        zarr = need("zarr", "flows")
        self.path, self.marks = path, path / "done"
        print_ = _fingerprint(accounts, draws, found, seed, size, options)
        card = path / "keruen.json"
        try:
            if card.exists():
                if json.loads(card.read_text("utf-8"))["run"] != print_:
                    raise OutputError(f"{path} holds draws of another question or seed. Name another folder.")
            elif path.exists() and any(path.iterdir()):
                raise OutputError(f"{path} is there and holds no draws of Keruen's. Name another folder.")
            path.mkdir(parents=True, exist_ok=True)
            self.marks.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path} cannot be written ({error}). Name another folder.") from error
        group = zarr.open_group(str(path), mode="a", zarr_format=3)
        self.arrays = []
        for account in accounts:
            name = f"{account.release}_{account.start:%Y-%m-%d}_{account.end:%Y-%m-%d}"
            n, s = len(account.places), len(account.sexes)
            if name in group:
                self.arrays.append(group[name])
                continue
            array = group.create_array(
                name, shape=(draws, s, n, n), chunks=(min(size, draws), 1, n, n), dtype="float32", fill_value=np.nan,
                dimension_names=("draw", "sex", "origin", "destination"),
                compressors=None,  # a seventh smaller would cost a fifth of the whole run
            )  # fmt: skip
            array.attrs.update({"places": list(account.places), "sexes": list(account.sexes), "units": "persons"})
            self.arrays.append(array)
        if not card.exists():
            temporary = card.with_suffix(".part")
            temporary.write_text(json.dumps({"run": print_, "draws": draws, "seed": seed}), "utf-8")
            temporary.replace(card)

    def _mark(self, task: _Task) -> Path:
        return self.marks / f"{task[0]}-{task[1]}-{task[2]}"

    def has(self, task: _Task) -> bool:
        return self._mark(task).exists()

    def put(self, task: _Task, table: np.ndarray) -> None:
        try:
            self.arrays[task[0]][task[1] : task[2]] = table
            self._mark(task).touch()
        except OSError as error:
            raise OutputError(
                f"{self.path}: {error}. Make room and run the same again: what is done is not done twice."
            ) from error

    def block(self, account: int, sex: int, rows: slice) -> np.ndarray:
        return np.asarray(self.arrays[account][:, sex, rows])


def _fingerprint(
    accounts: Sequence[Account], draws: int, found: Spread, seed: int, size: int, options: dict[str, Any]
) -> str:
    told = hashlib.blake2b(digest_size=16)
    for account in accounts:
        told.update(
            repr((account.release, account.vital, account.start, account.end, account.places, account.sexes)).encode()
        )
        for table in (account.stock_start, account.stock_end, account.births, account.deaths):
            told.update(np.ascontiguousarray(table).tobytes())
    plain = {
        k: (hashlib.blake2b(v.tobytes()).hexdigest() if isinstance(v, np.ndarray) else v) for k, v in options.items()
    }
    told.update(repr((draws, found, seed, size, sorted(plain.items(), key=str))).encode())
    return told.hexdigest()


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws of flows, in memory or in a folder.

    Attributes
    ----------
    accounts, draws, seed
        What was drawn.
    kept
        Where the draws lie.
    """

    accounts: tuple[Account, ...]
    draws: int
    seed: int
    kept: _Memory | _Folder

    def __repr__(self) -> str:
        spans = [f"{a.release} {a.start.year}-{a.end.year}" for a in self.accounts]
        of = ", ".join(spans[:4]) + (f" and {len(spans) - 4} more" if len(spans) > 4 else "")
        where = f"in the folder {self.kept.path.name}" if isinstance(self.kept, _Folder) else "in memory"
        return (
            f"{self.draws:,} draws of flows of {of}; seed {self.seed}, {where}. See quantiles(), corridor(), accounts."
        )

    def quantiles(self, account: int, rows: int | None = None) -> Array:
        """(quantile, sex, origin, destination) of one account, quantiles as in ``QUANTILES``, some rows at a time."""
        one = self.accounts[account]
        n = len(one.places)
        rows = rows or max(int(_AT_ONCE / (4 * self.draws * n)), 1)
        out = np.empty((len(QUANTILES), len(one.sexes), n, n))
        for s in range(len(one.sexes)):
            for lo in range(0, n, rows):
                block = self.kept.block(account, s, slice(lo, lo + rows))
                # Sorted neighbours in memory are found several times faster than across draws.
                block = np.ascontiguousarray(np.moveaxis(block, 0, -1))
                block.sort(axis=-1)
                out[:, s, lo : lo + rows] = np.quantile(block, QUANTILES, axis=-1, overwrite_input=True)
        return out

    def corridor(self, account: int, origin: str, destination: str) -> Array:
        """(draw, sex) of one corridor."""
        one = self.accounts[account]
        o, d = one.places.index(origin), one.places.index(destination)
        return np.stack([self.kept.block(account, s, slice(o, o + 1))[:, 0, d] for s in range(len(one.sexes))], axis=1)
