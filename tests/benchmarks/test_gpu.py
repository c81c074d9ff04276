"""The benchmark on a GPU: what it times is the same work on both sides, and without a GPU it says so."""

import importlib
import sys

import pytest

import minigrad as mg

torch = pytest.importorskip("torch")
gpu = importlib.import_module("benchmarks.gpu")
compare = importlib.import_module("benchmarks.compare")


@pytest.mark.parametrize("name", ["gan", "mlp", "wgan-gp"])
def test_both_sides_do_the_same(cupy, name):
    mg.set_backend("cupy")
    workload = next(w for w in gpu.workloads() if w.name == name)
    compare.check_same_work(workload, workload.build())


def test_both_sides_draw_the_same_with_a_small_dcgan(cupy):
    from benchmarks.workloads import Workload, dcgan_round

    mg.set_backend("cupy")
    small = Workload("dcgan", "", lambda: dcgan_round(size=8, width=4, batch=4), asked=1.5, aim=1.0, rtol=1e-2)
    compare.check_same_work(small, small.build())


def test_every_size_that_is_asked_for_is_there():
    assert {"gan", "mlp", "wgan-gp", "dcgan-32-64", "dcgan-32-512", "dcgan-64-64", "dcgan-64-512"} == {
        w.name for w in gpu.workloads()
    }


def test_without_a_gpu_it_says_so(cupy, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUPY_TF32", "0")
    assert gpu.main([]) == 2
    assert "finds no GPU, a build for CUDA is needed: there is nothing to compare\n" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert gpu.main([]) == 2
    assert capsys.readouterr().out.startswith("cupy cannot be used: it cannot be imported")


def test_a_block_waits_at_its_end():
    events = []
    times = gpu.block(lambda: events.append("step"), 0.0, lambda: events.append("wait"))
    assert len(times) == 1
    assert events == ["step"] * 3 + ["wait"] + ["step"] * gpu.STEPS + ["wait"]
