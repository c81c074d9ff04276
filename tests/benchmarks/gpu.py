"""Times minigrad on CuPy against PyTorch on the same GPU, in turn, and prints the ratios; needs both, and the GPU.

    python tests/benchmarks/gpu.py [--quick] [--only gan] [--tf32] [--cpu] [--json results.json]

Times are of ten steps, at whose end the host waits for the device; shown are medians for one step. Both sides compute
in float32, and their data are on the GPU before. With --tf32 both may round factors of matrix products to 10 bits of
mantissa, as PyTorch's convolutions do if nobody says otherwise. With --cpu minigrad is timed on NumPy, too, which says
from which size on a GPU pays. The first steps compile kernels, and do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the folder of tests: this file is run as a script
STEPS = 10


def workloads() -> list[Any]:
    """What is timed; the ratios asked for are those of a GPU."""
    from benchmarks.workloads import Workload, dcgan_round, gan_round, mlp_step, wgan_gp_step

    def dcgan(size, batch):
        title = f"DCGAN round, {size}x{size}, width 64, batch {batch}"
        build = partial(dcgan_round, size=size, batch=batch)
        return Workload(f"dcgan-{size}-{batch}", title, build, asked=1.5, aim=1.0, rtol=1e-2)

    return [
        Workload("gan", "1-D GAN round, G and D 1-32-32-1, batch 128, SGD", gan_round, asked=2.0, aim=1.0),
        Workload("mlp", "MLP step, 784-256-128-10, batch 128, SGD", mlp_step, asked=2.0, aim=1.0),
        Workload("wgan-gp", "WGAN-GP critic, 2-128-128-128-1, batch 256, Adam", wgan_gp_step, asked=2.0, aim=1.0),
        *(dcgan(size, batch) for size in (32, 64) for batch in (64, 512)),
    ]


def block(step: Callable[[], Any], seconds: float, wait: Callable[[], None]) -> list[float]:
    """The times of single steps, taken ten at a time, for as many seconds as given."""
    for _ in range(3):
        step()
    wait()
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        wait()
        times.append((time.perf_counter() - start) / STEPS)
    return times


def on_numpy(workload: Any) -> float:
    """The median time of a step of minigrad in memory, in ms."""
    import torch

    import minigrad as mg

    mg.set_backend("numpy")
    with torch.device("cpu"):
        step = workload.build()[0]
    step()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    mg.set_backend("cupy")
    return 1e3 * float(np.median(times))


def unusable() -> str | None:
    """Why there is nothing to compare, if so."""
    import minigrad as mg

    try:
        mg.set_backend("cupy")
    except RuntimeError as error:
        return str(error)
    try:
        import torch
    except ImportError:
        return "PyTorch is not installed, a build for CUDA is needed"
    if not torch.cuda.is_available():
        return f"PyTorch {torch.__version__} finds no GPU, a build for CUDA is needed"
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds in all; the ratios are rough then")
    parser.add_argument("--only", metavar="NAME", help="one workload, such as gan or dcgan-64-512")
    parser.add_argument("--tf32", action="store_true", help="matrix products in TF32, on both sides")
    parser.add_argument("--cpu", action="store_true", help="time minigrad on NumPy, too")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures to a file, too")
    options = parser.parse_args(argv)
    os.environ["CUPY_TF32"] = str(int(options.tf32))  # CuPy looks at it when it is imported
    if reason := unusable():
        print(f"{reason}: there is nothing to compare")
        return 2

    import cupy
    import torch
    from benchmarks.compare import check_same_work, in_turn, row, table

    torch.set_default_device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.tf32
    chosen = [w for w in workloads() if options.only in (None, w.name)]
    if not chosen:
        parser.error(f"--only: '{options.only}' is not one of {', '.join(w.name for w in workloads())}")
    blocks, seconds = (2, 0.2) if options.quick else (8, 0.5)
    rows = []
    for workload in chosen:
        steps = workload.build()
        check_same_work(workload, steps)
        wait = cupy.cuda.runtime.deviceSynchronize
        times = in_turn([partial(block, step, seconds, wait) for step in steps], blocks)
        rows.append(row(workload.name, workload.title, times, workload.asked, workload.aim))
        del steps
        if options.cpu:
            rows[-1]["numpy"] = on_numpy(workload)

    about = {"GPU": torch.cuda.get_device_name(), "cupy": cupy.__version__, "torch": torch.__version__}
    about |= {"numpy": np.__version__, "TF32": options.tf32}
    print("medians;", ", ".join(f"{name} {value}" for name, value in about.items()))
    print(table(rows))
    for r in rows:
        if "numpy" in r:
            print(f"{r['title']}: {r['numpy']:.2f} ms on NumPy, {r['numpy'] / r['minigrad']:.1f} times as long")
    if options.json:
        options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
