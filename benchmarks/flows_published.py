"""Our flows against the estimates that Abel and Cohen publish, and what the difference is made of, as Markdown tables.

    python benchmarks/flows_published.py abel_cohen_flows_5y.csv.gz

Their file carries no clear licence and is not shipped. Columns used: origin, destination, year (start of the period),
da_min_closed, da_pb_closed.
"""

import sys

import numpy as np
import polars as pl

from keruen.flow_evidence import Account
from keruen.flows import assembled, estimated

METHODS = {"pseudo_bayes": "da_pb_closed", "minimisation_closed": "da_min_closed"}
INPUTS = (  # stocks, vital events, people of other origin
    ("un-ims-2017", "un-wpp-2019", "share"),
    ("un-ims-2019", "un-wpp-2019", "share"),
    ("un-ims-2020", "un-wpp-2019", "share"),
    ("un-ims-2020", "un-wpp-2022", "share"),
    ("un-ims-2020", "un-wpp-2022", "natives"),
    ("un-ims-2020", "un-wpp-2024", "share"),
    ("un-ims-2024", "un-wpp-2019", "share"),
    ("un-ims-2024", "un-wpp-2024", "share"),
)


def five_years(stocks: str, vital: str, other: str) -> list[Account]:
    """Accounts of the periods of five years."""
    found = assembled(release=stocks, vital=vital, other=other)
    return [a for a in found if a.end.year - a.start.year == 5]


def compared(found: list[Account], theirs: pl.DataFrame, inputs: tuple[str, str, str]) -> None:
    """Rows of the first table."""
    for method, column in METHODS.items():
        cube = estimated(found, method=method)
        rows = cube.rows()
        for account in found:
            start = account.start.year
            told = theirs.filter(pl.col("year") == start).select(
                "origin", "destination", pl.col(column).fill_null(0).alias("theirs")
            )
            known = sorted(set(told["origin"]) | set(told["destination"]))
            ours = rows.filter(pl.col("start").dt.year() == start)
            both = (
                ours.filter(pl.col("origin").is_in(known) & pl.col("destination").is_in(known))
                .join(told, on=["origin", "destination"], how="left")
                .with_columns(pl.col("theirs").fill_null(0))
            )
            x, y = both["value"].to_numpy(), both["theirs"].to_numpy()
            r = np.corrcoef(np.log1p(x), np.log1p(y))[0, 1]
            people = (account.stock_start[0].sum() + account.stock_end[0].sum()) / 2
            world, total = float(ours["value"].sum()), float(told["theirs"].sum())
            print(
                f"| {' | '.join(inputs)} | {start}–{start + 5} | {method} | {len(account.places)} | "
                f"{world / people:.2%} | {world / total:.3f} | {x.sum() / total:.3f} | {r:.4f} |"
            )


def nets(found: list[Account]) -> dict[int, dict[str, float]]:
    """Net migration by period and place, as the accounts tell it."""
    out = {}
    for a in found:
        net = a.stock_end[0].sum(0) - a.stock_start[0].sum(0) - a.births[0] + a.deaths[0]
        out[a.start.year] = dict(zip(a.places, net.tolist(), strict=True))
    return out


def main(path: str) -> None:
    """Print the tables."""
    theirs = pl.read_csv(path, infer_schema_length=0).with_columns(
        pl.col("year").cast(pl.Int32),
        pl.col(*METHODS.values()).cast(pl.Float64),
        # Places before they parted have codes of their own there, and their largest part's here.
        pl.col("origin", "destination").replace({"SCG": "SRB", "SDN_former": "SDN"}),
    )
    print("| stocks | vital events | other origins | period | method | places | of the world | all places / theirs | "
          "their places / theirs | correlation of logs |\n|---|---|---|---|---|--:|--:|--:|--:|--:|")  # fmt: skip
    told = {}
    for inputs in INPUTS:
        found = five_years(*inputs)
        compared(found, theirs, inputs)
        told[inputs] = nets(found)
    first = told["un-ims-2020", "un-wpp-2019", "share"]
    print("\n| period | vital events | half the sum of absolute net migration, millions | largest differences from "
          "WPP 2019, thousands |\n|---|---|--:|---|")  # fmt: skip
    for year, before in first.items():
        for inputs in (INPUTS[2], INPUTS[3], INPUTS[7]):
            now = told[inputs][year]
            change = sorted(set(now) & set(before), key=lambda p: -abs(abs(now[p]) - abs(before[p])))[:6]
            said = ", ".join(f"{p} {before[p] / 1e3:,.0f} → {now[p] / 1e3:,.0f}" for p in change)
            half = sum(map(abs, now.values())) / 2e6
            print(f"| {year}–{year + 5} | {inputs[1]} | {half:.1f} | {said if now is not before else ''} |")


if __name__ == "__main__":
    main(sys.argv[1])
