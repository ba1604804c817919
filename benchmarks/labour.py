"""What the room of labour migrants costs: python benchmarks/labour.py prints a Markdown table."""

import resource
import time

import numpy as np

print("| what | CPU s | wall s | peak MB | result |")
print("|---|--:|--:|--:|---|")


def timed(name, run, told):
    cpu, wall = time.process_time(), time.perf_counter()
    found = run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {name} | {cpu:.2f} | {wall:.2f} | {peak:.0f} | {told(found)} |", flush=True)


def ess(found):
    d = found.diagnosis
    return f"R-hat {d.rhat:.3f}, ESS {d.ess_bulk:,.0f} bulk, {d.ess_tail:,.0f} tail"


def everything():
    import keruen.exodus
    import keruen.figures_labour
    import keruen.streams

    return keruen.streams


def drawn(found):
    return f"{found.draws.size:,} draws"


timed("import of the room", everything, lambda _: "")

from keruen.estimators.amnesty import amnesty  # noqa: E402
from keruen.estimators.capture_recapture import capture_recapture  # noqa: E402
from keruen.estimators.repeat_counts import REPEAT, repeat_counts  # noqa: E402
from keruen.estimators.repeat_regression import repeat_regression  # noqa: E402
from keruen.events import events  # noqa: E402
from keruen.exodus import exodus  # noqa: E402
from keruen.labour import labour  # noqa: E402
from keruen.streams import streams  # noqa: E402

rng = np.random.default_rng(0)
times, people = [1, 2, 3, 4, 5, 6], [1645, 183, 37, 13, 1, 1]
x = np.column_stack([rng.random(4000) < 0.4, rng.random(4000) < 0.3]).astype(float)
y = rng.poisson(np.exp(-1.2 + x @ [0.6, -0.8]))
x, y = x[y > 0], y[y > 0]
lists = [[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
overlaps = [27, 32, 42, 123, 217, 112, 301]

timed("`keruen labour KAZ`", lambda: labour("KAZ"), ess)
timed("`keruen labour KAZ --counterpart UZB`", lambda: labour("KAZ", counterpart="UZB"), ess)
timed("`keruen streams KAZ`", lambda: streams("KAZ"), lambda t: f"{len(t):,} rows")
timed("`keruen streams KAZ --exodus`", lambda: exodus("KAZ"), lambda t: f"{len(t):,} rows")
timed("`keruen events KAZ`", lambda: events("KAZ"), lambda t: f"{len(t):,} rows")
for method in REPEAT:
    timed(
        f"bootstrap, {method}",
        lambda m=method: repeat_counts(times, people, method=m, draws=10_000, rng=rng),
        drawn,
    )
timed("bootstrap, regression with two covariates", lambda: repeat_regression(y, x, draws=10_000, rng=rng), drawn)
timed("bootstrap, three lists", lambda: capture_recapture(lists, overlaps, draws=10_000, rng=rng), drawn)
timed("amnesty", lambda: amnesty(164_586, take_up=(2, 2), draws=10_000, rng=rng), drawn)
