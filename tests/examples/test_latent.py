"""Interpolation and arithmetic with noise: right where a generator is known, and the whole example in small."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import gan
from gan import judge
from gan.checkpoint import save_checkpoint
from gan.data import Glyphs

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = ["--size", "16", "--width", "4", "--steps", "1", "--batch", "8"]


@pytest.fixture
def latent(monkeypatch):
    """The example, imported from the folder where it runs, with little to do."""
    monkeypatch.syspath_prepend(EXAMPLES)
    module = importlib.import_module("latent")
    for name, number in {"POOL": 100, "PAIRS": 20, "REPEATS": 1}.items():
        monkeypatch.setattr(module, name, number)
    monkeypatch.setattr(module.dcgan, "JUDGED", 40)
    monkeypatch.setattr(judge, "train_classifier", lambda data, progress: judge.Classifier(data.shape, 10, rng=0))
    return module


# ---------------------------------------------------------------- with a generator that is known


class Bars:
    """The first three numbers of the noise compete for the third of the image that a bar is in, the next is its height.

    The rest of the noise does nothing.
    """

    generator = SimpleNamespace(noise_size=20)
    data = SimpleNamespace(sample=lambda n, rng: Bars.generate(rng.standard_normal((n, 20))))

    @staticmethod
    def generate(noise):
        images = np.full((len(noise), 1, 24, 24), -1.0, np.float32)
        for image, third, height in zip(images, noise[:, :3].argmax(axis=1), noise[:, 3], strict=True):
            image[0, 12 - round(np.clip(6 + 2 * height, 1, 11)) : 12, 8 * third : 8 * third + 8] = 1.0
        return images

    class classifier:  # noqa: N801
        @staticmethod
        def look(images):
            thirds = images[:, 0].mean(axis=1).reshape(-1, 3, 8).mean(axis=2)
            return thirds, np.eye(3)[thirds.argmax(axis=1)]


@pytest.fixture
def bars(latent, monkeypatch):
    monkeypatch.setattr(latent, "POOL", 600)
    monkeypatch.setattr(latent, "PAIRS", 400)
    monkeypatch.setattr(latent, "REPEATS", 10)
    return latent.draw_pool(Bars, np.random.default_rng(0))


def test_sums_of_noise_come_out_right(latent, bars):
    found = latent.try_arithmetic(Bars, bars, latent.ATTRIBUTES["weight"], np.random.default_rng(1))
    nine, chance = found["noise, means of 9"], found["noise, any A - any A instead, means of 9"]
    assert min(nine["class"], nine["attribute"], nine["both"]) > 0.9
    assert nine["both"] > found["noise, means of 1"]["both"] + 0.1
    assert chance["class"] > 0.9
    assert chance["attribute"] < 0.2
    assert nine["grey"] == 0.0


def test_a_direction_leads_from_little_to_much(latent, bars):
    weight = latent.ATTRIBUTES["weight"]
    along = latent.direction(bars, weight)
    assert np.linalg.norm(along) == pytest.approx(1.0)
    assert along[3] > 0.9
    rows = latent.try_walk(Bars, bars, weight, np.random.default_rng(1))
    assert [row["step"] for row in rows] == [-2, -1, 0, 1, 2]
    assert (np.diff([row["mean"] for row in rows]) > 0.02).all()  # two pixels of height in 576, eight wide: 0.028
    assert rows[2]["kept"] == 1.0
    assert min(row["kept"] for row in rows) > 0.8


def test_halfway_the_straight_way_is_too_short(latent, bars):
    rows = latent.halfway(Bars, np.random.default_rng(1))
    root = np.sqrt(20)
    assert rows["at the ends"]["length"] == pytest.approx(root, rel=0.05)
    assert rows["on the sphere"]["length"] == pytest.approx(root, rel=0.05)
    assert rows["straight"]["length"] == pytest.approx(root / np.sqrt(2), rel=0.05)
    assert rows["at the ends"]["white"] == pytest.approx(1 / 12, rel=0.05)  # bars of 6 by 8 pixels out of 24 by 24
    assert all(row["frechet"] < 0.2 for row in rows.values())


def test_members_are_the_fifths_of_each_class(latent, bars):
    values = latent.ink(bars.images)
    for label, group in latent.members(bars, latent.ATTRIBUTES["weight"]).items():
        assert set(group.all) == set(np.flatnonzero(bars.classes == label))
        assert len(group.least) == len(group.most) == len(group.all) // 5
        assert values[group.least].max() <= np.median(values[group.all]) <= values[group.most].min()


def test_classes_with_too_few_images_are_left_out(latent, bars):
    few, enough = 5 * latent.EACH - 1, 5 * latent.EACH
    classes = np.repeat([-1, 0, 1, 2], [600 - few - 2 * enough, few, enough, enough])
    assert [*latent.members(bars._replace(classes=classes), latent.ATTRIBUTES["weight"])] == [1, 2]


# ---------------------------------------------------------------- the formulas


def test_arithmetic_by_hand(latent):
    source = np.array([[1.0, 2.0], [3.0, 6.0], [10.0, 0.0], [20.0, 2.0], [5.0, 5.0], [7.0, 9.0]])
    terms = np.array([[[0, 1], [2, 3], [4, 5]], [[5, 5], [0, 0], [1, 1]]])
    np.testing.assert_allclose(latent.arithmetic(source, terms), [[2 - 15 + 6, 4 - 1 + 7], [7 - 1 + 3, 9 - 2 + 6]])
    images = source[:, :, None, None]
    np.testing.assert_allclose(latent.arithmetic(images, terms)[:, :, 0, 0], latent.arithmetic(source, terms))
    np.testing.assert_allclose(latent.on_sphere(np.array([[3.0, 4.0, 0.0, 0.0]])), [[1.2, 1.6, 0.0, 0.0]])


def test_the_straight_way(latent):
    way = latent.straight(np.array([[0.0, 4.0]]), np.array([[2.0, 0.0]]), 3)
    np.testing.assert_allclose(way, [[[0, 4], [1, 2], [2, 0]]])


def test_ink_and_slant_of_glyphs(latent):
    glyphs, points = Glyphs("I", fonts=("sans",), shear=(-0.3, 0.3), turn=(0, 0)), np.full((3, 11), 0.5)
    points[:, 1] = 0.1  # a font without serifs
    points[:, 5] = 0.0, 0.5, 1.0  # shear
    np.testing.assert_allclose(latent.slant(glyphs.render(points)), [-0.3, 0.0, 0.3], atol=0.03)
    assert np.isfinite(latent.slant(np.full((1, 1, 16, 16), -1.0))).all()
    half = np.full((1, 3, 4, 4), -1.0)
    half[:, :, 1:3] = 1.0
    assert latent.ink(half) == [0.5]


# ---------------------------------------------------------------- the whole example


@pytest.fixture
def undecided(latent, monkeypatch):
    """A classifier that finds two classes in anything."""

    def look(images):
        return images.reshape(len(images), -1)[:, :5], np.eye(10)[np.arange(len(images)) % 2]

    monkeypatch.setattr(latent, "cached_classifier", lambda data, folder: SimpleNamespace(look=look))


@pytest.mark.usefixtures("undecided")
def test_what_it_writes(latent, tmp_path, capsys):
    latent.dcgan.run(latent.dcgan.parse_arguments([*TINY, "--out", str(tmp_path / "dcgan")]))
    out, path = tmp_path / "new" / "latent", tmp_path / "dcgan" / "checkpoint.safetensors"
    assert latent.main(["--checkpoint", str(path), "--out", str(out)]) == 0
    assert {file.name for file in out.iterdir()} == {"arithmetic.png", "interpolation.png", "summary.json", "walk.png"}
    for picture in out.glob("*.png"):
        with Image.open(picture) as image:
            assert min(image.size) > 200
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["arithmetic"].keys() == summary["walk"].keys() == {"weight", "slant"}
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert "bold A - thin A + thin B" in shown

    first = {file.name: file.read_bytes() for file in out.glob("*.png")}
    assert latent.main(["--checkpoint", str(path), "--out", str(out)]) == 0
    assert first == {file.name: file.read_bytes() for file in out.glob("*.png")}


@pytest.mark.usefixtures("undecided")
def test_without_a_checkpoint_it_trains_a_small_one_once(latent, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(latent, "SMALL", TINY)
    assert latent.main([]) == 0
    assert "a small DCGAN is trained first" in capsys.readouterr().out
    assert latent.main([]) == 0
    assert "trained first" not in capsys.readouterr().out


def test_what_is_wrong_is_said_in_one_line(latent, tmp_path, capsys):
    def error_of(path):
        assert latent.main(["--checkpoint", str(path), "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        return error

    assert "`python examples/dcgan.py` makes out" in error_of(tmp_path / "missing.safetensors")
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, gan.History(), np.random.default_rng(0))
    assert "no checkpoint of examples/dcgan.py" in error_of(other)
    latent.dcgan.run(latent.dcgan.parse_arguments([*TINY, "--out", str(tmp_path / "dcgan")]))
    assert "of 0 classes" in error_of(tmp_path / "dcgan" / "checkpoint.safetensors")
