"""The examples with --backend: the same on a GPU, or its stand-in, and one line where there is none."""

import functools
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
from gan import judge

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = {
    "gaussian_1d": ["--steps", "2", "--batch", "8", "--no-animation"],
    "dcgan": ["--steps", "2", "--batch", "4", "--size", "16", "--width", "2"],
    "perceptron": ["--steps", "20"],
    "mlp": ["--steps", "5"],
    "latent": [],
    "theory": [],
}


def lessen(patch, name, example):
    """Leaves the example less to do than its arguments can say."""
    if name == "dcgan":
        patch(example, "JUDGED", 8)
    elif name == "latent":
        two_classes = SimpleNamespace(look=lambda images: (images[:, 0, 0, :5], np.eye(2)[np.arange(len(images)) % 2]))
        patch(example, "cached_classifier", lambda data, folder: two_classes)
        patch(example, "SMALL", QUICK["dcgan"])
        for constant, number in {"POOL": 100, "PAIRS": 20, "REPEATS": 1}.items():
            patch(example, constant, number)
        lessen(patch, "dcgan", example.dcgan)
    elif name == "theory":
        few = functools.partial(example.propositions.trained_discriminator, steps=4, batch_size=8, looks=2)
        patch(example.propositions, "trained_discriminator", few)
        patch(example, "GROUPS", (example.best_discriminator,))
        patch(example.errata, "ERRATA", example.errata.ERRATA[:8])


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs an example by its name; returns the exit code and what it summed up."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    untrained = lambda data, progress: judge.Classifier(data.shape, len(data.classes), rng=0)  # noqa: E731
    monkeypatch.setattr(judge, "train_classifier", untrained)

    def run(name, *arguments):
        example = importlib.import_module(name)
        with monkeypatch.context() as patch:
            lessen(patch.setattr, name, example)
            out = tmp_path / name
            code = example.main([*QUICK[name], *arguments, "--out", str(out)])
        return code, None if code == 2 else json.loads((out / "summary.json").read_text(encoding="utf-8"))

    monkeypatch.chdir(tmp_path)
    yield run
    mg.set_backend("numpy")


def numbers(summary):
    """All numbers of a summary but how long it took, by their names or places."""
    for name, value in summary.items() if isinstance(summary, dict) else enumerate(summary):
        if isinstance(value, dict | list):
            yield from ((f"{name} {n}", v) for n, v in numbers(value))
        elif isinstance(value, float) and name != "seconds":
            yield name, value


@pytest.mark.parametrize("name", QUICK)
def test_an_example_comes_to_the_same_on_a_gpu(cupy, run, name):
    here, there = run(name, "--backend", "numpy"), run(name, "--backend", "cupy")
    assert here[0] == there[0] != 2
    assert mg.backend.default_module() is cupy
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
