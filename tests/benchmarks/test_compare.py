"""What is timed is the same work on both sides, and the script runs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import memory  # noqa: E402
from benchmarks.workloads import WORKLOADS  # noqa: E402, as it imports PyTorch


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_both_sides_come_to_the_same_losses(workload):
    ours, theirs = workload.build()
    losses = []
    for _ in range(3):
        losses.append([loss.item() for loss in ours()])
        np.testing.assert_allclose(losses[-1], [loss.item() for loss in theirs()], rtol=workload.rtol, atol=1e-5)
    assert losses[0] != losses[-1]


def test_the_script_writes_its_figures(tmp_path):
    script, results = Path(__file__).with_name("compare.py"), tmp_path / "results.json"
    command = [sys.executable, str(script), "--quick", "--only", "gan", "--json", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1-D GAN round" in done.stdout
    (row,) = json.loads(results.read_text(encoding="utf-8"))["rows"]
    assert row["ratio"] == pytest.approx(row["minigrad"] / row["other"])
    assert min(row["steps"]) >= 4


def in_a_fresh_process(program):
    """What it prints, of which the memory can be measured without what other tests left behind."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(memory.peak() is None, reason="this system does not say how much a process had")
def test_the_peak_is_what_was_there_at_most():
    program = """if True:
        import numpy
        from benchmarks.memory import forget_peak, peak
        forget_peak()
        before = peak()
        numpy.ones(2**23), numpy.ones(2**20)  # 64 and 8 MiB, of which nothing is left
        print((peak() - before) / 2**20)
    """
    (grown,) = in_a_fresh_process(program)
    assert float(grown) == pytest.approx(72, abs=4)


@pytest.mark.skipif(memory.peak() is None, reason="this system does not say how much a process had")
@pytest.mark.parametrize("side", memory.SIDES)
def test_memory_is_at_least_that_of_the_images(side):
    """Of four batches of real images, and of one that is made."""
    assert memory.measured(side, 32, 2, 64) > 5 * 64 * 3 * 32 * 32 * 4 / 2**20


def test_minigrads_memory_is_measured_without_pytorch():
    program = "import sys; from benchmarks.memory import SMALL, minigrad_side; minigrad_side(**SMALL)()\n"
    assert in_a_fresh_process(program + "print('torch' in sys.modules)") == ["False"]
