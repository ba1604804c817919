"""Demographic accounting: births, deaths and the world's balance taken out of two stock tables.

What is left at the start and at the end are the same people, born in the same places, and only moves can tell the two
tables apart. Nothing is rescaled without a word: `Account` says what was changed, where, and by how many people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keruen.errors import InfeasibleMargins, NoEvidence
from keruen.estimators.ipf import Array, Fit, Guide, fit_margins, guide

_FAINT = 1e-6  # weight of a cell that is empty in one table and is given room: it fills only where people need it


@dataclass(frozen=True, slots=True)
class Account:
    """Two stock tables of the same survivors, and what it took to make them so.

    Attributes
    ----------
    start, end
        (birthplace, residence), persons; row sums agree.
    gap
        Births less deaths less population change of all places together: people whom the sources leave unaccounted for.
        In a closed system the natives take up half of it at each end.
    birthplace_gap
        (birthplace,): survivors at the start less those at the end, before the totals were matched.
    left, entered
        (birthplace,): people who leave and enter the system; zero in a closed one.
    changed_cells, changed_people
        Cells that were empty and had to take people so that the totals can be met, and how many.
    changed
        The fullest of these cells: ("start" or "end", birthplace, residence, people), places by position.
    births_shared
        Places whose births exceed their natives and were taken from all birthplaces alike, by position.
    residual
        Largest distance of a matched total from its target, persons.
    iterations
        Newton steps for the two tables.
    fits
        The two tables as fitted, from which `guides` are made; none in an open system.
    """

    start: Array
    end: Array
    gap: float
    birthplace_gap: Array
    left: Array
    entered: Array
    changed_cells: int
    changed_people: float
    changed: tuple[tuple[str, int, int, float], ...]
    births_shared: tuple[int, ...]
    residual: float
    iterations: int
    fits: tuple[Fit, ...] = ()


Guides = tuple[Guide, Guide]


def guides(one: Account) -> Guides | None:
    """What matching the totals of one account teaches about similar ones, such as draws around it."""
    if not one.fits or not one.fits[0].table.any():
        return None
    return guide(one.fits[0]), guide(one.fits[1])


def account(
    start: Array,
    end: Array,
    births: Array | None = None,
    deaths: Array | None = None,
    *,
    system: str = "closed",
    balance: str = "before",
    births_from: str = "native",
    deaths_from: str = "proportion",
    outside: str = "own",
    repair: bool = True,
    guided: Guides | None = None,
    names: Sequence[str] | None = None,
) -> Account:
    """Take births out of the later stock, deaths out of the earlier one, and match what is left by birthplace.

    Parameters
    ----------
    start, end
        (birthplace, residence), persons.
    births, deaths
        (residence,), persons, between the two dates. None means that nobody said; zeros say there were none.
    system
        ``"closed"``: birthplace totals meet half-way, and each place keeps its population at both dates, so that net
        migration is kept too. ``"open"``: people without a counterpart leave or enter the system.
    balance
        Whether the natives take up the gap of the world's accounts before births and deaths are taken out, or after.
    births_from
        ``"native"``: newborns are natives of where they live. ``"proportion"``: taken from every birthplace alike.
        ``"native_first"``: the first, and the second where there are fewer natives than births.
    deaths_from
        ``"proportion"``: one death rate for all who live in a place. ``"accounting"``: deaths by birthplace follow from
        its own account (start + births − end).
    outside
        In an open system people leave in proportion to where people of their birthplace live at that date (``"own"``,
        Abel 2013) or at the other date (``"other"``, which can ask for more people than there are).
    repair
        Give room in empty cells where no table has the totals otherwise; else raise.
    guided
        `guides` of a similar account: the same tables, several times faster.
    names
        Labels of the places, for messages.

    Raises
    ------
    NoEvidence
        A stock, births or deaths are absent.
    InfeasibleMargins
        Negative people, more deaths or births than people, totals that cannot match.

    Examples
    --------
    >>> s1 = np.array([[1000.0, 100, 10, 0], [55, 555, 50, 5], [80, 40, 800, 40], [20, 25, 20, 200]])
    >>> s2 = np.array([[1060.0, 60, 10, 10], [45, 540, 40, 0], [70, 75, 770, 70], [30, 30, 20, 230]])
    >>> out = account(s1, s2, np.array([80.0, 20, 60, 60]), np.array([70.0, 30, 50, 10]))
    >>> out.start.sum(1).round(3).tolist() == out.end.sum(1).round(3).tolist(), out.gap
    (True, 0.0)
    """
    told = births is not None or deaths is not None
    births = np.zeros(start.shape[1]) if births is None else births
    deaths = np.zeros(start.shape[1]) if deaths is None else deaths
    refuse_bad(
        {"the stock at the start": start, "the stock at the end": end, "births": births, "deaths": deaths}, names
    )
    size = max(float(start.sum()), float(end.sum()))
    gap = float(births.sum()) - float(deaths.sum()) - float(end.sum()) + float(start.sum())
    closed = system == "closed"
    if closed and not told and abs(gap) > 1e-6 * size:
        raise InfeasibleMargins(
            f"The two stocks differ by {abs(gap):,.0f} people in all, and no births and deaths are given to account "
            "for them. Give births= and deaths=, or use method='minimisation_open', where people may come from outside."
        )
    _refuse_more("deaths", deaths, start.sum(0), "start", names)
    _refuse_more("births", births, end.sum(0), "end", names)
    if closed and balance == "before":
        start, end = _absorb(start, end, gap)
    start = _without_deaths(start, end, births, deaths, deaths_from, names)
    end, shared = _without_births(end, births, births_from, names)
    if closed and balance == "after":
        start, end = _absorb(start, end, float(start.sum()) - float(end.sum()))
    total_start, total_end = start.sum(1), end.sum(1)
    birthplace_gap = total_start - total_end
    nobody = np.zeros_like(birthplace_gap)
    if not closed:
        left, entered = np.maximum(birthplace_gap, 0), np.maximum(-birthplace_gap, 0)
        start, end = _open(start, end, left, entered, outside, names)
        return Account(start, end, gap, birthplace_gap, left, entered, 0, 0.0, (), shared, 0.0, 0)
    half = (total_start + total_end) / 2
    led = guided if guided is not None else (None, None)
    first, cells_start = _match("start", start, end, half, repair, led[0], names)
    second, cells_end = _match("end", end, start, half, repair, led[1], names)
    cells = sorted(cells_start + cells_end, key=lambda cell: -cell[3])
    return Account(
        first.table,
        second.table,
        gap,
        birthplace_gap,
        nobody,
        nobody,
        len(cells),
        float(sum(cell[3] for cell in cells)),
        tuple(cells[:20]),
        shared,
        max(first.residual, second.residual),
        first.iterations + second.iterations,
        (first, second),
    )


def fold_negatives(stock: Array) -> tuple[Array, Array]:
    """Set negative stocks to nobody and scale the rest of their column, so that each place keeps its population.

    Natives computed as population less foreign-born come out negative where a source counts more foreign-born than
    people.

    Parameters
    ----------
    stock
        (birthplace, residence), persons.

    Returns
    -------
    stock, folded
        (birthplace, residence), persons; (residence,), people taken from the positive cells of each column.

    Raises
    ------
    InfeasibleMargins
        If a column as a whole is negative.

    Examples
    --------
    >>> fold_negatives(np.array([[100.0, 10], [20, -5]]))[0].tolist()
    [[100.0, 5.0], [20.0, 0.0]]
    """
    column = stock.sum(0)
    if (column < 0).any():
        worst = int(column.argmin())
        raise InfeasibleMargins(
            f"Place {worst} has {column[worst]:,.0f} people in all: less than nobody cannot be shared."
        )
    positive = np.maximum(stock, 0)
    filled = positive.sum(0)
    return positive * np.divide(column, filled, out=np.ones_like(column), where=filled > 0), filled - column


def refuse_bad(tables: Mapping[str, Array], names: Sequence[str] | None) -> None:
    """Raise if tables of people hold absent or negative figures: the first absent, the worst negative of each."""
    absent, negative = [], []
    for what, table in tables.items():
        wrong = ~np.isfinite(table)
        if wrong.any():
            flat = int(wrong.ravel().argmax())
            value = table.ravel()[flat]
            said = "absent" if np.isnan(value) else f"{value}, no number of people"
            absent.append(f"{_cell(what, table, flat, names)} is {said}{_more(int(wrong.sum()))}.")
        elif table.size and table.min() < 0:
            flat = int(table.argmin())
            negative.append(
                f"{_cell(what, table, flat, names)} is {table.ravel()[flat]:,.0f} people, less than nobody"
                f"{_more(int((table < 0).sum()))}."
            )
    if not absent and not negative:
        return
    remedies = []
    if absent:
        remedies.append(
            "Absent is not zero: leave the place out, or fill it by a rule you can name, such as .fillna(0) where the "
            "origins of the place sum to its published total."
        )
    if any("born in" in said for said in negative):
        remedies.append(
            "Where natives are population less foreign-born, fold_negatives() sets them to zero and scales the "
            "foreign-born to the population."
        )
    elif negative:
        remedies.append("Check the sign and the unit.")
    kind = NoEvidence if absent else InfeasibleMargins
    raise kind(" ".join([*absent, *negative, *remedies]))


def _more(many: int) -> str:
    return f", and {many - 1:,} more" if many > 1 else ""


def _cell(what: str, table: Array, flat: int, names: Sequence[str] | None) -> str:
    position = [int(k) for k in np.unravel_index(flat, table.shape)]
    label = [f"place {k}" if names is None else str(names[k]) for k in position]
    what = what[0].upper() + what[1:]
    return f"{what} of people born in {label[0]} living in {label[1]}" if len(label) == 2 else f"{what} in {label[0]}"


def _refuse_more(what: str, events: Array, living: Array, when: str, names: Sequence[str] | None) -> None:
    excess = events - living
    if (excess > 1e-9 * living).any():
        k = int(excess.argmax())
        raise InfeasibleMargins(
            f"{events[k]:,.0f} {what} in {_named(names, k)} are more than its {living[k]:,.0f} people at the {when}, "
            f"by {excess[k]:,.0f}. Check the unit (thousands?) and the period of the {what}."
        )


def _named(names: Sequence[str] | None, k: int) -> str:
    return f"place {k}" if names is None else str(names[k])


def _absorb(start: Array, end: Array, gap: float) -> tuple[Array, Array]:
    """Natives at the start fall by half the gap and natives at the end rise by the other half, all by one factor."""
    if gap == 0:
        return start, end
    start, end = start.copy(), end.copy()
    for when, table, change in (("start", start, -gap / 2), ("end", end, gap / 2)):
        natives = np.einsum("ii->i", table)
        many = float(natives.sum())
        if many + change < 0 or many == 0:
            raise InfeasibleMargins(
                f"Births less deaths and the change of the stocks differ by {abs(gap):,.0f} people in all, more than "
                f"the {many:,.0f} natives at the {when} can take up. Check the units of births and deaths, or use "
                "method='minimisation_open'."
            )
        natives *= 1 + change / many
    return start, end


def _without_births(
    end: Array, births: Array, births_from: str, names: Sequence[str] | None
) -> tuple[Array, tuple[int, ...]]:
    if not births.any():
        return end, ()
    living = end.sum(0)
    _refuse_more("births", births, living, "end", names)
    natives = end.diagonal()
    short = births > natives * (1 + 1e-12)
    if births_from == "native" and short.any():
        k = int(np.where(short, births - natives, -np.inf).argmax())
        raise InfeasibleMargins(
            f"{births[k]:,.0f} births in {_named(names, k)} are more than its {natives[k]:,.0f} natives at the end, by "
            f"{births[k] - natives[k]:,.0f}. Use births_from='native_first' to take the births of such places from all "
            "birthplaces alike, births_from='proportion' to do so everywhere, or check the natives of this place."
        )
    shared = np.ones_like(short) if births_from == "proportion" else short
    rate = np.divide(births, living, out=np.zeros_like(births), where=shared & (living > 0))
    end = end * (1 - np.minimum(rate, 1.0))
    natives = np.einsum("ii->i", end)
    natives -= np.where(shared, 0, births)
    np.maximum(natives, 0, out=natives)
    return end, () if births_from == "proportion" else tuple(int(k) for k in np.flatnonzero(short))


def _without_deaths(
    start: Array, end: Array, births: Array, deaths: Array, deaths_from: str, names: Sequence[str] | None
) -> Array:
    """`end` still holds its births: by birthplace, those who died are start + births − end."""
    if not deaths.any():
        return start
    living = start.sum(0)
    _refuse_more("deaths", deaths, living, "start", names)
    if deaths_from == "proportion":
        rate = np.divide(deaths, living, out=np.zeros_like(deaths), where=living > 0)
        survivors: Array = start * (1 - np.minimum(rate, 1.0))
        return survivors
    by_birthplace = start.sum(1) + births - end.sum(1)
    total, account_total = float(deaths.sum()), float(by_birthplace.sum())
    if abs(total - account_total) > 1e-9 * max(float(start.sum()), 1.0):
        raise InfeasibleMargins(
            f"By birthplace {account_total:,.0f} people died, by residence {total:,.0f}. deaths_from='accounting' "
            "needs one total: use it with a closed method and balance='before', or use deaths_from='proportion'."
        )
    if by_birthplace.min() < 0:
        k = int(by_birthplace.argmin())
        if by_birthplace[k] < -1e-9 * float(start.sum()):
            raise InfeasibleMargins(
                f"People born in {_named(names, k)} would have {by_birthplace[k]:,.0f} deaths by their own account: "
                "their stock at the end is larger than their stock at the start and the births. "
                "Use deaths_from='proportion'."
            )
        by_birthplace = np.maximum(by_birthplace, 0)
    died = fit_margins(start, by_birthplace * (total / by_birthplace.sum()), deaths, names=_pair(names)).table
    rest: Array = start - died
    if rest.min() < -1e-9 * float(start.sum()):
        flat = int(rest.argmin())
        raise InfeasibleMargins(
            f"{_cell('the stock at the start', rest, flat, names)} would lose {-rest.ravel()[flat]:,.0f} more people "
            "to death than there are. Use deaths_from='proportion'."
        )
    return np.maximum(rest, 0)


def _pair(names: Sequence[str] | None) -> tuple[Sequence[str], Sequence[str]] | None:
    return None if names is None else (names, names)


def _open(
    start: Array, end: Array, left: Array, entered: Array, outside: str, names: Sequence[str] | None
) -> tuple[Array, Array]:
    """Take those who leave the system out of the start, and those who enter it out of the end."""
    total_start, total_end = start.sum(1), end.sum(1)
    share_start = np.divide(start, total_start[:, None], out=np.zeros_like(start), where=total_start[:, None] > 0)
    share_end = np.divide(end, total_end[:, None], out=np.zeros_like(end), where=total_end[:, None] > 0)
    if outside == "own":
        return start - left[:, None] * share_start, end - entered[:, None] * share_end
    # A birthplace with nobody at the other date has no shares there to borrow.
    from_end = np.where(total_end[:, None] > 0, share_end, share_start)
    from_start = np.where(total_start[:, None] > 0, share_start, share_end)
    start, end = start - left[:, None] * from_end, end - entered[:, None] * from_start
    for when, table in (("start", start), ("end", end)):
        if table.min() < -1e-9 * table.sum():
            flat = int(table.argmin())
            raise InfeasibleMargins(
                f"{_cell(f'the stock at the {when}', table, flat, names)} has {-table.ravel()[flat]:,.1f} people too "
                "few for those who leave or enter the system. Use outside='own', which never asks for more than there "
                "are."
            )
    return np.maximum(start, 0), np.maximum(end, 0)


_Cells = list[tuple[str, int, int, float]]


def _match(
    when: str, stock: Array, other: Array, rows: Array, repair: bool, led: Guide | None, names: Sequence[str] | None
) -> tuple[Fit, _Cells]:
    """Bring birthplace totals to `rows` and keep the population of every place.

    Zeros can forbid it: nobody of a birthplace is told at this date, or a place has no foreign-born that could make up
    its population. Such lines get room, faintly weighted, first where the other date has people, then everywhere.
    Sparser conflicts show only as a fit that does not settle; then every empty cell gets room in the same order.
    """
    columns = stock.sum(0)
    rows = rows * (columns.sum() / rows.sum()) if rows.sum() > 0 else rows

    def borrowed() -> Array:
        return np.where(stock > 0, 0.0, _FAINT * other)

    def anywhere() -> Array:
        return np.where(stock > 0, 0.0, _FAINT**2 * np.outer(rows, columns) / max(float(columns.sum()), 1.0))

    seed = stock
    short = _short(seed, rows, columns)
    if short is not None and not repair:
        raise InfeasibleMargins(_short_message(when, short, rows, columns, seed, names))
    for room in (borrowed, anywhere):
        if short is None:
            break
        row, column = short
        seed = np.where((seed == 0) & (row[:, None] | column), room(), seed)
        short = _short(seed, rows, columns)
    try:
        used, fit = seed, fit_margins(seed, rows, columns, guide=led, names=_pair(names))
    except InfeasibleMargins:
        if not repair:
            raise
        used = np.where(seed > 0, seed, borrowed())
        try:
            fit = fit_margins(used, rows, columns, names=_pair(names))
        except InfeasibleMargins:
            used = np.where(seed > 0, seed, borrowed() + anywhere())
            fit = fit_margins(used, rows, columns, names=_pair(names))
    cells: _Cells = []
    if used is not stock:
        where = (stock == 0) & (fit.table > 1e-6)
        cells = [(when, int(b), int(r), float(fit.table[b, r])) for b, r in np.argwhere(where)]
    return fit, cells


def _short(seed: Array, rows: Array, columns: Array) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows and columns whose own cells cannot hold their people, whatever the others do; None if there are none."""
    room = (seed > 0).astype(float)
    if room.all():
        return None
    slack = 1e-9 * columns
    row = room @ columns < rows * (1 - 1e-9)
    column = rows @ room < columns - slack
    return (row, column) if row.any() or column.any() else None


def _short_message(
    when: str,
    short: tuple[np.ndarray, np.ndarray],
    rows: Array,
    columns: Array,
    seed: Array,
    names: Sequence[str] | None,
) -> str:
    row, column = short
    room = (seed > 0).astype(float)
    lack_row, lack_column = np.where(row, rows - room @ columns, 0), np.where(column, columns - rows @ room, 0)
    if lack_row.max() >= lack_column.max():
        k = int(lack_row.argmax())
        who = f"{lack_row[k]:,.0f} people born in {_named(names, k)} live in no place that the stock knows"
    else:
        k = int(lack_column.argmax())
        who = f"{lack_column[k]:,.0f} people living in {_named(names, k)} have no birthplace that the stock knows"
    return (
        f"At the {when} {who}: the totals by birthplace cannot match. Allow repair=True, which gives empty cells room "
        "and says so in the certificate, or leave the place out."
    )
