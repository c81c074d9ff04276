"""The examples with --backend: the same on a GPU, or its stand-in, and one line where there is none."""

import importlib
import json
import sys
from pathlib import Path

import pytest

import minigrad as mg
from gan import judge

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = {
    "gaussian_1d": ["--steps", "2", "--batch", "8", "--no-animation"],
    "dcgan": ["--steps", "2", "--batch", "4", "--size", "16", "--width", "2"],
    "perceptron": ["--steps", "20"],
    "mlp": ["--steps", "5"],
}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs an example by its name; returns the exit code and what it summed up."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    untrained = lambda data, progress: judge.Classifier(data.shape, len(data.classes), rng=0)  # noqa: E731
    monkeypatch.setattr(judge, "train_classifier", untrained)

    def run(name, *arguments):
        example = importlib.import_module(name)
        if name == "dcgan":
            monkeypatch.setattr(example, "JUDGED", 8)
        out = tmp_path / name
        code = example.main([*QUICK[name], *arguments, "--out", str(out)])
        return code, json.loads((out / "summary.json").read_text(encoding="utf-8")) if code == 0 else None

    yield run
    mg.set_backend("numpy")


def numbers(summary):
    """All numbers of a summary but how long it took, by their names."""
    for name, value in summary.items():
        if isinstance(value, dict):
            yield from ((f"{name} {n}", v) for n, v in numbers(value))
        elif isinstance(value, float) and name != "seconds":
            yield name, value


@pytest.mark.parametrize("name", QUICK)
def test_an_example_comes_to_the_same_on_a_gpu(cupy, run, name):
    here, there = run(name, "--backend", "numpy"), run(name, "--backend", "cupy")
    assert here[0] == there[0] == 0
    assert there[1]["settings"]["backend"] == "cupy"
    assert dict(numbers(there[1])) == pytest.approx(dict(numbers(here[1])), rel=0.05, abs=1e-3)


@pytest.mark.parametrize("name", QUICK)
def test_where_there_is_no_gpu_that_is_one_line(run, monkeypatch, capsys, name):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert run(name, "--backend", "cupy")[0] == 2
    assert capsys.readouterr().err.startswith("error: cupy cannot be used: it cannot be imported (")


def test_auto_falls_back_and_says_so(run, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert run("perceptron", "--backend", "auto")[0] == 0
    assert caplog.messages[0].startswith("numpy is used: cupy cannot be used")
