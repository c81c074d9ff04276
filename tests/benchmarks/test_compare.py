"""What is timed is the same work on both sides, and the script runs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

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
    (row,) = json.loads(results.read_text())["rows"]
    assert row["ratio"] == pytest.approx(row["minigrad_ms"] / row["other_ms"])
    assert min(row["steps"]) >= 4
