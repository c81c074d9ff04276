"""The two examples of classifiers learn what they promise, write what they promise, and name what is wrong."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parents[2] / "examples"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def example(monkeypatch):
    """Imports an example by name, from the folder where it runs."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


def run(module, *arguments, out):
    """The summary that a run writes."""
    assert module.main([*arguments, "--out", str(out)]) == 0
    assert (out / f"{module.__name__}.png").read_bytes().startswith(PNG)
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


def test_a_perceptron_learns_or_and_not_xor(example, tmp_path, capsys):
    summary = run(example("perceptron"), out=tmp_path / "new" / "folder")
    assert summary["OR"]["accuracy"] == 1.0
    assert summary["OR"]["loss"] < 0.1
    assert summary["XOR"]["accuracy"] < 1.0
    assert summary["XOR"]["loss"] == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(summary["XOR"]["outputs"], 0.5, atol=0.02)
    assert summary["settings"] == {"steps": 500, "lr": 0.2, "seed": 0, "backend": "numpy"}
    shown = capsys.readouterr().out
    assert "accuracy 100%" in shown
    assert "wrong" in shown


def test_an_mlp_learns_both(example, tmp_path, capsys):
    summary = run(example("mlp"), out=tmp_path)
    for name in ("XOR", "two moons"):
        assert summary[name]["accuracy"] == 1.0
        assert summary[name]["loss"] < 0.01
    assert summary["two moons"]["points"] == 200
    assert capsys.readouterr().out.count("100.0%") == 2


@pytest.mark.parametrize("name", ["perceptron", "mlp"])
def test_a_run_is_repeatable(example, tmp_path, name):
    def figures(seed):
        summary = run(example(name), "--steps", "3", "--seed", seed, out=tmp_path)
        del summary["seconds"], summary["settings"]
        return summary

    assert figures("1") == figures("1") != figures("2")


@pytest.mark.parametrize("name", ["perceptron", "mlp"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lr", "-1"], "lr must be 0 or more and finite, got -1.0"),
        (["--lr", "1e39"], "the loss is nan: the learning rate 1e+39 is too large"),
        (["--steps", "0"], "steps must be at least 1, got 0"),
        (["--seed", "-1"], "non-negative"),
        (["--out", __file__], "File exists"),
    ],
)
def test_a_bad_setting_is_named_in_one_line(example, tmp_path, capsys, name, arguments, message):
    assert example(name).main(["--steps", "2", "--out", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["perceptron", "mlp"])
def test_a_window_without_a_display_is_named_in_one_line(example, tmp_path, capsys, monkeypatch, name):
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "agg")  # what it is where there is no display
    assert example(name).main(["--steps", "2", "--out", str(tmp_path), "--show"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: a window needs a display")
    assert error.count("\n") == 1


def test_moons_have_the_shape_of_moons(example):
    points, targets = example("mlp").two_moons(1000, noise=0.0, rng=np.random.default_rng(0))
    assert points.dtype == targets.dtype == np.float32
    assert (targets == 1).sum() == (targets == -1).sum() == 500
    for target, centre, upward in ((-1, (0.0, 0.0), 1), (1, (1.0, 0.5), -1)):
        moon = points[targets[:, 0] == target] - centre
        np.testing.assert_allclose(np.hypot(*moon.T), 1.0, rtol=1e-6)
        assert (upward * moon[:, 1] >= -1e-6).all()
