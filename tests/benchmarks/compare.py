"""Times minigrad and PyTorch on the same work, in turn, weighs their memory, and prints the ratios; needs PyTorch.

    python tests/benchmarks/compare.py [--quick] [--only gan] [--json results.json]

Times drift on a machine that others use, so only the ratio of two times that were taken in turn means anything: each
side runs for a fraction of a second, then the other one, and so on. Shown are medians over all steps, and the ratio of
the low ends (10 % quantiles), which others disturb less. On a busy machine, threads that wait for each other suffer
most, and PyTorch's look far too slow: the load before the start is printed, and should be near 0. Memory is measured in
fresh processes, as ``memory.py`` says.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.rounds import Step
    from benchmarks.workloads import Workload

sys.path.insert(0, str(Path(__file__).parents[1]))  # the folder of tests: this file is run as a script
BUSY = 0.5  # load from which others get in the way
PAUSE = 0.05  # seconds, after which the threads of the library that ran before have gone to sleep


def block(step: Step, seconds: float) -> list[float]:
    """The times of single steps, for as many seconds as given; the first few steps do not count."""
    time.sleep(PAUSE)
    for _ in range(5):
        step()
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def in_turn(measure: Sequence[Callable[[], list[float]]], blocks: int) -> list[np.ndarray]:
    """The times of each side in ms, measured in alternating blocks; the side that goes first alternates, too."""
    times: list[list[float]] = [[] for _ in measure]
    for i in range(blocks):
        for side in (0, 1) if i % 2 == 0 else (1, 0):
            times[side] += measure[side]()
    return [1e3 * np.array(side) for side in times]


def check_same_work(workload: Workload, steps: Sequence[Step]) -> None:
    """Raises AssertionError where the two sides do not come to the same losses."""
    for _ in range(5):
        ours, theirs = ([loss.item() for loss in step()] for step in steps)
        np.testing.assert_allclose(
            ours, theirs, rtol=workload.rtol, atol=1e-4, err_msg=f"{workload.name}: losses differ"
        )


def import_time(module: str) -> list[float]:
    """How long a fresh Python takes to import a module, in seconds."""
    # As everywhere, the bytecode of what is imported is kept from one time to the next.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    program = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=environment).stdout)
    ]


def load() -> float | None:
    """How many programs wanted a core in the last minute, on average, where the system says so."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def row(
    name: str, title: str, measured: Sequence[Sequence[float]], asked: float, aim: float, unit: str = "ms"
) -> dict[str, object]:
    """The figures of one workload; ``other`` is PyTorch, or what stands in its place."""
    median, low = ([float(np.quantile(side, q)) for side in measured] for q in (0.5, 0.1))
    return {
        "name": name,
        "title": title,
        "unit": unit,
        "minigrad": median[0],
        "other": median[1],
        "ratio": median[0] / median[1],
        "low_ratio": low[0] / low[1],
        "asked": asked,
        "aim": aim,
        "steps": [len(side) for side in measured],
    }


def table(rows: Sequence[dict]) -> str:
    """The rows for reading."""
    head = ["workload", "minigrad", "PyTorch", "ratio", "low 10 %", "asked", "aim", ""]
    lines = [head]
    for r in rows:
        verdict = "aim reached" if r["ratio"] <= r["aim"] else "as asked" if r["ratio"] <= r["asked"] else "missed"
        sides = [f"{r[key]:.3f} {r['unit']:3}" for key in ("minigrad", "other")]
        ratios = [f"{r[key]:.2f}" for key in ("ratio", "low_ratio", "asked", "aim")]
        lines.append([r["title"], *sides, *ratios, verdict])
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(w) if k in (0, len(head) - 1) else cell.rjust(w) for k, (cell, w) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds in all; the ratios are rough then")
    parser.add_argument("--only", metavar="NAME", help="one workload, such as gan, memory or import")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures to a file, too")
    options = parser.parse_args(argv)
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: pip install torch --index-url https://download.pytorch.org/whl/cpu")
        return 2

    import torch
    from benchmarks import memory
    from benchmarks.rounds import DCGAN
    from benchmarks.workloads import WORKLOADS

    names = [workload.name for workload in WORKLOADS] + ["memory", "import"]
    if options.only not in (None, *names):
        parser.error(f"--only: '{options.only}' is not one of {', '.join(names)}")
    torch.set_num_threads(memory.TORCH_THREADS)
    load_before = load()
    blocks, seconds, processes, imports = (4, 0.1, 1, 3) if options.quick else (12, 0.3, 3, 15)
    rows = []
    for workload in WORKLOADS:
        if options.only in (None, workload.name):
            steps = workload.build()
            check_same_work(workload, steps)
            times = in_turn([lambda step=step: block(step, seconds) for step in steps], blocks)
            rows.append(row(workload.name, workload.title, times, workload.asked, workload.aim))
    if options.only in (None, "memory"):
        if memory.peak() is None:
            print("memory: left out, as this system does not say how much a process had at most")
        else:
            sides = [[memory.measured(side, **DCGAN) for _ in range(processes)] for side in memory.SIDES]
            rows.append(row("memory", "peak memory of a DCGAN round", sides, asked=1.00, aim=0.80, unit="MiB"))
    if options.only in (None, "import"):
        times = in_turn([lambda: import_time("minigrad"), lambda: import_time("numpy")], imports)
        rows.append(row("import", "import minigrad, against import numpy", times, asked=1.5, aim=1.2))

    about = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    about |= {"torch threads": memory.TORCH_THREADS, "cores": os.cpu_count(), "load": load_before}
    print("medians;", ", ".join(f"{name} {value}" for name, value in about.items()))
    print(table(rows))
    if load_before is not None and load_before > BUSY:
        print(f"The machine was busy (load {load_before:.1f}): these ratios are not worth quoting.")
    if options.json:
        options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
