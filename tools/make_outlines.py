"""Compile outlines of the world's places from Natural Earth, as the npm package world-atlas 2.0.2 ships them.

Run by hand: ``npm pack world-atlas@2.0.2``, unpack, then ``python tools/make_outlines.py package/``. Natural Earth is
in the public domain. Coarse outlines are taken where there are any, finer ones for places too small for them.
"""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl

from keruen.places import places

TARGET = Path(__file__).parents[1] / "src/keruen/data/outlines.parquet"
FEWEST = 4  # points of a ring


def arcs(topology: dict) -> list[np.ndarray]:
    """Arcs in degrees."""
    scale, shift = np.array(topology["transform"]["scale"]), np.array(topology["transform"]["translate"])
    return [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in topology["arcs"]]


def ring(numbers: list[int], lines: list[np.ndarray]) -> np.ndarray:
    """One closed ring; an arc numbered below zero runs backwards."""
    parts = [lines[k] if k >= 0 else lines[~k][::-1] for k in numbers]
    whole = np.concatenate([parts[0], *(p[1:] for p in parts[1:])])
    # A ring across the 180th meridian runs on beyond it instead of jumping back.
    turns = np.concatenate([[0], np.cumsum(np.round(np.diff(whole[:, 0]) / 360))])
    whole[:, 0] -= 360 * turns
    if whole[:, 0].mean() < -180 or (np.ptp(turns) and whole[:, 0].mean() < 0):
        whole[:, 0] += 360
    return whole


def rings(path: Path) -> list[tuple[int | None, str, np.ndarray]]:
    """M49 number, name and outer ring of every polygon."""
    topology = json.loads(path.read_text("utf-8"))
    lines = arcs(topology)
    out = []
    for shape in topology["objects"]["countries"]["geometries"]:
        polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        number = int(shape["id"]) if str(shape.get("id", "")).lstrip("-").isdigit() and int(shape["id"]) > 0 else None
        out += [(number, shape["properties"]["name"], ring(polygon[0], lines)) for polygon in polygons]
    return out


def main(folder: Path) -> None:
    """Write the table."""
    by_number = {p.m49: code for code, p in places().items() if p.m49 and p.kind in ("country", "territory")}
    by_number[412] = by_number.get(412, "XKX")
    named = {"Kosovo": "XKX"}
    rows, seen = [], set()
    for name in ("countries-110m.json", "countries-50m.json"):
        fresh = set()
        for number, label, line in rings(folder / name):
            code = by_number.get(number) or named.get(label)
            if name != "countries-110m.json" and (code is None or code in seen):
                continue
            if len(line) < FEWEST or line[:, 1].max() < -60:  # nobody lives in Antarctica for good
                continue
            fresh.add(code)
            hundredths = np.round(100 * line).astype(np.int16)
            rows.append({"place": code, "lon": hundredths[:, 0].tolist(), "lat": hundredths[:, 1].tolist()})
        seen |= fresh
    table = pl.DataFrame(rows, schema={"place": pl.String, "lon": pl.List(pl.Int16), "lat": pl.List(pl.Int16)})
    table = table.sort("place", nulls_last=True, maintain_order=True)
    table.write_parquet(TARGET, compression="zstd", compression_level=19)
    print(f"{TARGET}: {len(table)} rings of {table['place'].n_unique()} places, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
