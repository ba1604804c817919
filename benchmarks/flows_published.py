"""Our flows against the estimates that Abel and Cohen publish, period by period, as a Markdown table.

    python benchmarks/flows_published.py abel_cohen_flows_5y.csv.gz

Their file carries no clear licence and is not shipped. Columns used: origin, destination, year (start of the period),
da_min_closed, da_pb_closed.
"""

import sys

import numpy as np
import polars as pl

from keruen.flows import assembled, estimated


def main(path: str) -> None:
    """Print the table."""
    theirs = pl.read_csv(path, infer_schema_length=0).with_columns(
        pl.col("year").cast(pl.Int32),
        pl.col("da_min_closed", "da_pb_closed").cast(pl.Float64),
        # Places before they parted have codes of their own there, and their largest part's here.
        pl.col("origin", "destination").replace({"SCG": "SRB", "SDN_former": "SDN"}),
    )
    print("| edition | period | method | places | total, ours | ours / theirs | correlation of logs |")
    print("|---|---|---|--:|--:|--:|--:|")
    for release in ("un-ims-2017", "un-ims-2019", "un-ims-2020", "un-ims-2024"):
        found = [a for a in assembled(release=release) if a.end.year - a.start.year == 5]
        for method, column in (("pseudo_bayes", "da_pb_closed"), ("minimisation_closed", "da_min_closed")):
            rows = estimated(found, method=method).rows()
            for start in sorted({a.start.year for a in found}):
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
                total = float(told["theirs"].sum())
                n = len(set(ours["origin"]))
                head = f"| {release} | {start}–{start + 5} | {method} | {n} |"
                print(head, f"{x.sum():,.0f} | {x.sum() / total:.3f} | {r:.3f} |")


if __name__ == "__main__":
    main(sys.argv[1])
