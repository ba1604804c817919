"""How uncertain flows are: draws of stocks and vital events from the disagreement between editions, and flows of each.

A draw is joint: one error of each place's count of the foreign-born at each date, shared by the sexes and by the two
periods that meet there; one error of each corridor's share; one of each place's net migration, births and deaths in a
period. docs/flows.md says why. Draws are made in chunks, in this process, in several, or on an active Dask cluster;
draw k is the same whoever makes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from keruen import snapshot, store
from keruen.disagreement import revisions
from keruen.errors import KeruenError, NoEvidence, OutputError, VocabularyError, need
from keruen.estimators.balance import account as account_of
from keruen.estimators.balance import fold_negatives
from keruen.estimators.ipf import Array
from keruen.estimators.tables import flows_many
from keruen.flow_accounts import EDITIONS, OTHER, Account
from keruen.provenance import day

QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
SIZES = (100.0, 1_000.0, 10_000.0, 100_000.0)
_PRIOR = 4.0  # a place's own spread counts against so many figures' worth of the pooled one
MEMORY = 2e9  # bytes of draws kept in memory at most; more goes to a store


@dataclass(frozen=True, slots=True)
class Spread:
    """How far editions disagree: standard deviations.

    Attributes
    ----------
    level, step
        By place, of the logarithm of its foreign-born: of the error common to all dates, and of the error of the change
        between two dates; ``""`` is the pooled figure, for places without two independent editions.
    net
        By place: net migration, per 1,000 person-years.
    births, deaths
        By place: of their logarithm.
    cells
        Of the logarithm of one birthplace's share at one place, change between two dates, by size of the stock: below
        100, 1,000, 10,000, 100,000 people, and above.
    sources
        The editions compared.
    """

    level: dict[str, float]
    step: dict[str, float]
    net: dict[str, float]
    births: dict[str, float]
    deaths: dict[str, float]
    cells: tuple[float, ...]
    sources: tuple[str, ...]


def _shrunk(values: dict[str, list[float]]) -> dict[str, float]:
    """Root mean squares by place, drawn towards the median of all places."""
    own = {p: float(np.sqrt(np.mean(np.square(v)))) for p, v in values.items() if v}
    if not own:
        return {"": 0.0}
    pooled = float(np.median(list(own.values())))
    out = {
        p: float(np.sqrt((_PRIOR * pooled**2 + len(values[p]) * own[p] ** 2) / (_PRIOR + len(values[p])))) for p in own
    }
    return out | {"": pooled}


@cache
def spread(as_of: str | date | None = None) -> Spread:
    """The spread between the packaged editions, as far as they were known on a day.

    Figures that an edition carried over unchanged say nothing about its error and are left out. Stocks and rates come
    from :func:`keruen.revisions`; corridors from the two newest editions.

    Raises
    ------
    NoEvidence
        If fewer than two editions were known.

    Examples
    --------
    >>> found = spread()
    >>> found.level["KAZ"] > found.level[""] > 0
    True
    """
    known = [k for k in EDITIONS if as_of is None or store.cards()[k].released <= day(as_of, last=True)]
    if len(known) < 2:
        raise NoEvidence(
            f"A spread between editions needs two of them; {len(known)} was known by {as_of}. Ask for draws=0."
        )
    whole = (pl.col("sex") == "all") & (pl.col("age") == "all") & (pl.col("group") == "all")
    stocks = snapshot.scan(["stock"]).filter(pl.col("release").is_in(known), whole, pl.col("counterpart").is_null())
    moves = revisions("stock", as_of=as_of, claims=stocks.collect()).moves
    moves = (
        moves.filter(
            (pl.col("pair") == "to the newest") & ~pl.col("carried") & (pl.col("before") > 0) & (pl.col("after") > 0)
        )
        .with_columns(log=(pl.col("after") / pl.col("before")).log())
        .sort("place", "from", "start")
    )
    level: dict[str, list[float]] = {}
    step: dict[str, list[float]] = {}
    for (place, _), rows in moves.group_by(["place", "from"], maintain_order=True):
        logs = rows["log"].to_numpy()
        level.setdefault(str(place), []).append(float(logs.mean()))
        step.setdefault(str(place), []).extend(np.diff(logs).tolist())
    net = _rates("net_migration", as_of)
    births, deaths = (_logs(m, as_of) for m in ("births", "deaths"))
    return Spread(
        _shrunk(level), _shrunk(step), _shrunk(net), _shrunk(births), _shrunk(deaths), _cells(known), tuple(known)
    )


def _recent(measure: str, as_of: str | date | None) -> pl.DataFrame:
    return store.evidence(
        None, measure, release=["un-wpp-2019", "un-wpp-2022", "un-wpp-2024"], sex="all", since="1990-07-01",
        until="2020-06-30", as_of=as_of,
    )  # fmt: skip


def _rates(measure: str, as_of: str | date | None) -> dict[str, list[float]]:
    moves = revisions(measure, as_of=as_of, claims=_recent(measure, as_of)).moves
    moves = moves.filter(
        (pl.col("pair") == "consecutive") & ~pl.col("carried") & ~pl.col("projection")
        & (pl.col("end") - pl.col("start") > pl.duration(days=700)) & pl.col("change_rate").is_not_null()
    )  # fmt: skip
    return {str(p): r["change_rate"].to_list() for (p,), r in moves.group_by(["place"], maintain_order=True)}


def _logs(measure: str, as_of: str | date | None) -> dict[str, list[float]]:
    rows = _recent(measure, as_of).filter(
        (pl.col("end") - pl.col("start") < pl.duration(days=700)) & (pl.col("value") > 0)
        & ~pl.col("place").str.starts_with("_")
    )  # fmt: skip
    wide = rows.sort("known").group_by("place", "start").agg(
        pl.col("value").first().alias("before"), pl.col("value").last().alias("after")
    )  # fmt: skip
    wide = wide.filter(pl.col("before") != pl.col("after")).sort("place", "start")
    # Five calendar years share most of their error: one in five counts.
    wide = wide.filter(pl.col("start").dt.year() % 5 == 0)
    return {
        str(p): (r["after"] / r["before"]).log().to_list() for (p,), r in wide.group_by(["place"], maintain_order=True)
    }


def _cells(known: Sequence[str]) -> tuple[float, ...]:
    """Spread of the change of a birthplace's share between two dates, by size, of cells that were not carried over."""
    pair = sorted(known, key=lambda k: store.cards()[k].released)[-2:]
    rows = snapshot.scan(["stock"]).filter(
        pl.col("release").is_in(pair), pl.col("sex") == "all", pl.col("age") == "all",
        pl.col("counterpart").is_not_null(), ~pl.col("counterpart").str.starts_with("_"), pl.col("value") > 0,
    ).select("release", "place", "counterpart", "start", "value").collect()  # fmt: skip
    first, second = (rows.filter(pl.col("release") == k).drop("release") for k in pair)
    key = ["place", "counterpart", "start"]
    both = first.join(second, on=key, suffix="_after").with_columns(
        log=(pl.col("value_after") / pl.col("value")).log()
    ).sort(key)  # fmt: skip
    both = both.with_columns(log=pl.col("log") - pl.col("log").median().over("place", "start"))
    both = both.with_columns(move=pl.col("log").diff().over("place", "counterpart")).filter(
        pl.col("move").is_not_null() & (pl.col("move").abs() > 1e-9)
    )
    out = []
    bounds = (0.0, *SIZES, np.inf)
    for low, high in pairwise(bounds):
        moves = both.filter((pl.col("value") >= low) & (pl.col("value") < high))["move"].abs()
        # The 80% quantile of a normal is 1.2816 deviations: a few wild cells do not set the spread of all.
        out.append(float(moves.quantile(0.8, "linear") or 0.0) / 1.2816 if len(moves) else 0.0)
    return tuple(out)


# ---------------------------------------------------------------- one draw


@dataclass(frozen=True, slots=True)
class _Deviations:
    """A spread on the places of one account."""

    level: Array
    step: Array
    net: Array  # persons a period
    births: Array
    deaths: Array
    cells: tuple[float, ...]
    index: tuple[int, ...]  # of the places, in the order of all places, so that draws do not depend on who is there


def _deviations(account: Account, found: Spread, order: dict[str, int]) -> _Deviations:
    def of(table: dict[str, float]) -> Array:
        return np.array([table.get(p, table[""]) for p in account.places])

    years = (account.end - account.start).days / 365.25
    people = np.maximum(account.stock_start.sum(1).max(0), account.stock_end.sum(1).max(0))
    if "all" not in account.sexes:
        people = account.stock_start.sum((0, 1))
    # Errors of five-year rates; a shorter period has a larger one by the same people.
    net = of(found.net) * people / 1000 * np.sqrt(5 * years)
    return _Deviations(
        of(found.level), of(found.step) / np.sqrt(2), net, of(found.births), of(found.deaths), found.cells,
        tuple(order[p] for p in account.places),
    )  # fmt: skip


def _generator(seed: int, draw: int, *keys: int) -> np.random.Generator:
    return np.random.default_rng([seed, draw, *keys])


def drawn(
    account: Account, deviations: _Deviations, seed: int, draw: int, everywhere: int
) -> tuple[Array, Array, Array, Array]:
    """Stocks at the two dates, births and deaths of one draw, each with its sexes first."""
    index = np.array(deviations.index)
    start, end = account.stock_start, account.stock_end
    people = start.sum(1), end.sum(1)
    level = _generator(seed, draw, 1).standard_normal(everywhere)[index] * deviations.level
    tables = []
    for day_, table in ((account.start, start), (account.end, end)):
        rng = _generator(seed, draw, 2, day_.toordinal())
        date_error = rng.standard_normal(everywhere)[index] * deviations.step
        noise = rng.standard_normal((everywhere, everywhere), dtype=np.float32)[np.ix_(index, index)]
        abroad = table.copy()
        np.einsum("sii->si", abroad)[...] = 0
        size = np.searchsorted(SIZES, abroad.max(0))
        noise *= (np.array(deviations.cells, np.float32) / np.float32(np.sqrt(2)))[size]
        told = abroad.sum(1)
        abroad *= np.exp(noise)
        now = abroad.sum(1)
        wanted = told * np.exp(level + date_error)
        abroad *= np.divide(wanted, now, out=np.ones_like(now), where=now > 0)[:, None, :]
        tables.append(abroad)
    rng = _generator(seed, draw, 3, account.start.toordinal(), account.end.toordinal())
    z = rng.standard_normal((3, everywhere))[:, index]
    births = account.births * np.exp(z[0] * deviations.births - deviations.births**2 / 2)
    deaths = account.deaths * np.exp(z[1] * deviations.deaths - deviations.deaths**2 / 2)
    deaths = np.minimum(deaths, 0.9 * people[0])
    moved = z[2] * deviations.net
    variance = deviations.net**2
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


def chunk(
    account: Account, deviations: _Deviations, seed: int, first: int, last: int, everywhere: int,
    options: dict[str, Any],
) -> np.ndarray:  # fmt: skip
    """Flows of draws first … last − 1: (draw, sex, origin, destination), 32 bits; stayers on the diagonal."""
    n, s = len(account.places), len(account.sexes)
    out = np.empty((last - first, s, n, n), np.float32)
    plain = options["method"] in ("minimisation_closed", "independence", "pseudo_bayes") and "seed" not in options
    for k in range(first, last):
        start, end, births, deaths = drawn(account, deviations, seed, k, everywhere)
        labels = [f"{account.release}, {account.start.year}-{account.end.year}, {x}, draw {k}" for x in account.sexes]
        if plain:
            out[k - first] = _tables(start, end, births, deaths, labels, account.places, options)
        else:
            fitted = flows_many(start, end, births, deaths, labels=labels, names=account.places, **options)
            out[k - first] = fitted.table
    return out


def _tables(
    start: Array, end: Array, births: Array, deaths: Array, labels: Sequence[str], names: Sequence[str],
    options: dict[str, Any],
) -> Array:  # fmt: skip
    """Flows of a closed method with a uniform seed, without their parts: two matrix products an account."""
    method, weight = options["method"], options.get("weight", 0.87)
    if method == "minimisation_closed":
        weight = 1.0
    elif method == "independence":
        weight = 0.0
    out = np.zeros((len(labels), len(names), len(names)))
    kept = {k: v for k, v in options.items() if k in ("balance", "births_from", "deaths_from", "repair")}
    with threadpool_limits(limits=1, user_api="blas"):
        for s, label in enumerate(labels):
            try:
                done = account_of(start[s], end[s], births[s], deaths[s], names=names, **kept)
            except KeruenError as error:
                raise type(error)(f"{label}: {error}") from error
            for share, stay in ((weight, np.minimum(done.start, done.end)), (1 - weight, None)):
                if share == 0:
                    continue
                gone = done.start if stay is None else done.start - stay
                come = done.end if stay is None else done.end - stay
                people = gone.sum(1)
                dust = np.minimum(people, come.sum(1)) <= 1e-13 * done.start.sum()
                part = np.divide(share, people, out=np.zeros_like(people), where=~dust)
                out[s] += (gone * part[:, None]).T @ come
                if stay is not None:
                    np.einsum("ii->i", out[s])[...] += share * stay.sum(0)
    return out


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
        Processes on this machine. With an active ``dask.distributed.Client`` its workers are used instead. Scripts that
        ask for more than one guard their main part with ``if __name__ == "__main__":``.
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
            "Name a folder for them: to='draws.zarr'."
        )
    tasks = [(i, lo, min(lo + size, draws)) for i in range(len(accounts)) for lo in range(0, draws, size)]
    kept = (
        _Memory(accounts, draws)
        if to is None
        else _Folder(Path(to), accounts, order, draws, found, seed, size, options)
    )
    left = [task for task in tasks if not kept.has(task)]
    at = len(tasks) - len(left)
    if progress:
        progress(at, len(tasks))
    deviations = [_deviations(a, found, order) for a in accounts]
    for task, table in _made(left, accounts, deviations, seed, len(order), options, workers):
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
    tasks: Sequence[_Task], accounts: Sequence[Account], deviations: Sequence[_Deviations], seed: int, everywhere: int,
    options: dict[str, Any], workers: int,
) -> Iterator[tuple[_Task, np.ndarray]]:  # fmt: skip
    """Chunks as they come: on an active Dask cluster, in processes, or here."""
    client = _client()
    if client is not None and tasks:
        distributed: Any = need("distributed", "flows")
        held = {i: client.scatter((accounts[i], deviations[i]), hash=False) for i in {t[0] for t in tasks}}
        width = max(2 * len(client.ncores()), 2)
        waiting = list(tasks)
        running: dict[Any, _Task] = {}
        pool = distributed.as_completed()

        def more() -> None:
            task = waiting.pop(0)
            future = client.submit(_on_worker, held[task[0]], seed, *task[1:], everywhere, options, pure=False)
            running[future] = task
            pool.add(future)

        while waiting and len(running) < width:
            more()
        for future in pool:
            table = future.result()
            task = running.pop(future)
            if waiting:
                more()
            yield task, table
        return
    if workers <= 1 or len(tasks) < 2:
        for i, lo, hi in tasks:
            yield (i, lo, hi), chunk(accounts[i], deviations[i], seed, lo, hi, everywhere, options)
        return
    with ProcessPoolExecutor(min(workers, len(tasks)), get_context("spawn"), initializer=_one_thread) as processes:
        waiting, futures = list(tasks), {}

        def start() -> Future[np.ndarray]:
            i, lo, hi = waiting.pop(0)
            future = processes.submit(chunk, accounts[i], deviations[i], seed, lo, hi, everywhere, options)
            futures[future] = (i, lo, hi)
            return future

        from concurrent.futures import FIRST_COMPLETED, wait

        live = {start() for _ in range(min(2 * workers, len(waiting)))}
        while live:
            done, live = wait(live, return_when=FIRST_COMPLETED)
            for future in done:
                if waiting:
                    live.add(start())
                yield futures.pop(future), future.result()


def _one_thread() -> None:
    """The kernels hold BLAS to one thread themselves; this keeps the rest of a worker from starting more."""
    os.environ["OMP_NUM_THREADS"] = "1"


def _on_worker(
    pair: tuple[Account, _Deviations], seed: int, lo: int, hi: int, everywhere: int, options: dict[str, Any]
) -> np.ndarray:
    return chunk(pair[0], pair[1], seed, lo, hi, everywhere, options)


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
    """Draws in memory."""

    def __init__(self, accounts: Sequence[Account], draws: int):
        self.tables = [np.empty((draws, len(a.sexes), len(a.places), len(a.places)), np.float32) for a in accounts]

    def has(self, task: _Task) -> bool:
        return False

    def put(self, task: _Task, table: np.ndarray) -> None:
        self.tables[task[0]][task[1] : task[2]] = table

    def block(self, account: int, sex: int, rows: slice) -> np.ndarray:
        return self.tables[account][:, sex, rows]


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

    def quantiles(self, account: int, rows: int = 32) -> Array:
        """(quantile, sex, origin, destination) of one account, quantiles as in ``QUANTILES``."""
        one = self.accounts[account]
        n = len(one.places)
        out = np.empty((len(QUANTILES), len(one.sexes), n, n))
        for s in range(len(one.sexes)):
            for lo in range(0, n, rows):
                block = self.kept.block(account, s, slice(lo, lo + rows))
                out[:, s, lo : lo + rows] = np.quantile(block, QUANTILES, axis=0)
        return out

    def corridor(self, account: int, origin: str, destination: str) -> Array:
        """(draw, sex) of one corridor."""
        one = self.accounts[account]
        o, d = one.places.index(origin), one.places.index(destination)
        return np.stack([self.kept.block(account, s, slice(o, o + 1))[:, 0, d] for s in range(len(one.sexes))], axis=1)
