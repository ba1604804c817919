"""Compile the snapshot into a folder that is thrown away: CPU seconds, seconds by the clock, peak memory, size.

python benchmarks/compile.py FOLDER_OF_PUBLISHERS_TABLES
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from keruen.snapshot import compile_snapshot


def main() -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        told = compile_snapshot(Path(sys.argv[1]), Path(folder) / "snapshot")
    print(f"| rows | {told['rows']:,} |")
    print(f"| size | {sum(told['bytes'].values()) / 1e6:.1f} MB |")
    print(f"| CPU | {time.process_time() - cpu:.1f} s |")
    print(f"| by the clock | {time.perf_counter() - begun:.1f} s |")
    print(f"| peak memory | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB |")


if __name__ == "__main__":
    main()
