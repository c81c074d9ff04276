"""The DCGAN example, in small: what it writes, that it goes on, and what it says when something is wrong."""

import csv
import importlib.util
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigrad as mg
from gan import judge
from gan.data.images import ImageSet

SMALL = ["--size", "16", "--width", "4", "--batch", "8"]


def _load():
    path = Path(__file__).parents[2] / "examples" / "dcgan.py"
    spec = importlib.util.spec_from_file_location("dcgan_example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = _load()


@pytest.fixture(autouse=True)
def _in_little_time(monkeypatch):
    monkeypatch.setattr(example, "JUDGED", 40)
    monkeypatch.setattr(
        judge, "train_classifier", lambda data, progress: judge.Classifier(data.shape, len(data.classes), rng=0)
    )


def run(out, *arguments):
    return example.main([*SMALL, "--out", str(out), *arguments])


def test_what_it_writes(tmp_path, capsys):
    assert run(tmp_path / "run", "--steps", "3") == 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        "animation.gif",
        "animation.html",
        "checkpoint.safetensors",
        "final.png",
        "history.csv",
        "interpolation.png",
        "real.png",
        "samples.npz",
        "summary.json",
    }
    images = np.load(tmp_path / "run" / "samples.npz")["images"]
    assert images.shape == (40, 1, 16, 16)
    assert images.dtype == np.float32
    assert abs(images).max() <= 1.0
    with (tmp_path / "run" / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["round"] for row in rows] == ["0", "1", "2", "3"]
    assert all(0.0 <= float(rows[3][name]) <= 1.0 for name in ("D(x)", "D(G(z)) before", "D(G(z)) after"))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert {"score", "real_score", "frechet", "real_frechet", "rarest", "seconds"} <= summary.keys()
    assert summary["settings"]["steps"] == 3
    with Image.open(tmp_path / "run" / "animation.gif") as animation:
        assert animation.n_frames == 4
    assert "classifier score" in capsys.readouterr().out


def test_it_goes_on_after_ctrl_c_as_if_it_had_not_stopped(tmp_path, monkeypatch, capsys, ctrl_c):
    assert run(tmp_path / "whole", "--steps", "4") == 0

    class InterruptedAverage(example.WeightAverage):
        def update(self):
            super().update()
            if self.updates == 2:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(example, "WeightAverage", InterruptedAverage)
        assert run(tmp_path / "parts", "--steps", "4") == 130
    assert "--resume goes on from" in capsys.readouterr().err
    assert run(tmp_path / "parts", "--steps", "4", "--resume") == 0
    whole, parts = (mg.load(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name in whole.keys() - {"rest"}:  # which has numbers that are looked at at other times
        np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)
    images = [np.load(tmp_path / name / "samples.npz")["images"] for name in ("whole", "parts")]
    np.testing.assert_array_equal(*images)


def test_with_no_round_left_what_is_written_is_written_again(tmp_path):
    assert run(tmp_path, "--steps", "1") == 0
    before = np.load(tmp_path / "samples.npz")["images"]
    for name in ("samples.npz", "final.png"):
        (tmp_path / name).unlink()
    assert run(tmp_path, "--steps", "1", "--resume") == 0
    np.testing.assert_array_equal(np.load(tmp_path / "samples.npz")["images"], before)
    assert (tmp_path / "final.png").exists()


def test_it_does_not_go_on_with_other_settings(tmp_path, capsys):
    assert run(tmp_path, "--steps", "1") == 0
    for other in (["--width", "8"], ["--steps", "2"], ["--lr", "0.5"], ["--seed", "9"]):
        assert run(tmp_path, "--steps", "1", "--resume", *other) == 2
        assert "the checkpoint is of data glyphs, size 16, width 4, steps 1, " in capsys.readouterr().err


def test_what_cuts_a_round_short_leaves_the_checkpoint_alone(tmp_path, monkeypatch, capsys):
    assert run(tmp_path, "--steps", "1") == 0
    checkpoint = tmp_path / example.CHECKPOINT
    before = checkpoint.read_bytes()

    def broken_off(error):
        raise error

    for error, code in ((FloatingPointError("the loss is nan"), 2), (KeyboardInterrupt(), 130)):
        with monkeypatch.context() as patch:
            patch.setattr(example.gan, "train", lambda *args, error=error, **options: broken_off(error))
            assert run(tmp_path, "--steps", "1") == code
        assert checkpoint.read_bytes() == before
    assert f"--resume goes on from {checkpoint}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--size", "64", "--batch", "2"], ["--batch", "1"], ["--batch", "3"], ["--width", "1"]], ids=" ".join
)
def test_other_sizes_and_batches(tmp_path, arguments):
    assert run(tmp_path, "--steps", "2", *arguments) == 0
    size = 64 if "64" in arguments else 16
    images = np.load(tmp_path / "samples.npz")["images"]
    assert images.shape == (40, 1, size, size)
    assert np.isfinite(images).all()


def test_digits(tmp_path):
    pytest.importorskip("sklearn")
    assert run(tmp_path, "--data", "digits", "--steps", "2") == 0
    assert np.load(tmp_path / "samples.npz")["images"].shape == (40, 1, 16, 16)


def test_coloured_images(tmp_path, monkeypatch):
    """Red and blue squares, which the pictures show as such."""
    images = np.full((20, 3, 16, 16), -1.0, np.float32)
    images[:10, 0, 4:12, 4:12] = images[10:, 2, 4:12, 4:12] = 1.0
    squares = ImageSet(images, np.repeat([0, 1], 10), ["red", "blue"])
    monkeypatch.setattr(example, "load_data", lambda settings: squares)
    assert run(tmp_path, "--steps", "2") == 0
    assert np.load(tmp_path / "samples.npz")["images"].shape == (40, 3, 16, 16)
    with Image.open(tmp_path / "real.png") as picture:
        colours = {colour for _, colour in picture.getcolors()}
    assert {(255, 0, 0), (0, 0, 255)} < colours


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "20"], "size must be a power of 2 from 8 up"),
        (["--steps", "0"], "steps must be at least 1"),
        (["--width", "0"], "width must be at least 1"),
        (["--data", "mnist", "--data-dir", "nowhere"], "there is no train-images-idx3-ubyte"),
        (["--resume"], "No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, capsys, arguments, message):
    assert run(tmp_path, *arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error
