"""The memory that a round of the DCGAN takes at its peak, in a process that does nothing else.

    python -m benchmarks.memory minigrad 32 64 64

in the folder tests (minigrad or pytorch; pixels, width and batch) prints how many MiB ten rounds add to what the
process had before the networks were built. A small game is played before that, as what is imported when it is first
used, by PyTorch's optimizers some 70 MiB, is not what is measured.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TORCH_THREADS = 2
ROUNDS = 10
SMALL = {"size": 8, "width": 2, "batch": 2}


def peak() -> int | None:
    """The most bytes that this process has had in memory so far, or None where the system does not say (Windows)."""
    status = Path("/proc/self/status")  # and not ru_maxrss, which on Linux starts with what the parent process had
    high_water = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8")) if status.exists() else None
    if high_water:
        return 1024 * int(high_water[1])
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on a Mac


def forget_peak() -> None:
    """Makes what the process has now the most so far, where the system lets it: on Linux."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def minigrad_side(**sizes: int) -> Callable[[], object]:
    """A round in minigrad, where no PyTorch is in the process."""
    from benchmarks.rounds import dcgan, minigrad_dcgan

    return minigrad_dcgan(*dcgan(**sizes))


def pytorch_side(**sizes: int) -> Callable[[], object]:
    """A round in PyTorch as it comes."""
    import torch
    from benchmarks.workloads import dcgan, torch_dcgan

    torch.set_num_threads(TORCH_THREADS)
    return torch_dcgan(*dcgan(**sizes))


SIDES = {"minigrad": minigrad_side, "pytorch": pytorch_side}


def added(side: Callable[..., Callable[[], object]], **sizes: int) -> float:
    """How many MiB a game of these sizes adds at its peak."""
    side(**SMALL)()
    forget_peak()
    before = peak()
    play_round = side(**sizes)
    for _ in range(ROUNDS):
        play_round()
    return (peak() - before) / 2**20


def measured(side: str, size: int, width: int, batch: int) -> float:
    """What ``added`` finds in a fresh process: MiB."""
    command = [sys.executable, "-m", "benchmarks.memory", side, *map(str, (size, width, batch))]
    return float(subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, check=True).stdout)


if __name__ == "__main__":
    print(added(SIDES[sys.argv[1]], **dict(zip(SMALL, map(int, sys.argv[2:]), strict=True))))
