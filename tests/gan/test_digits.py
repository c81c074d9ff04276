"""Scikit-learn's digits, and what every set of kept images checks."""

import sys

import numpy as np
import pytest

from gan.data import Digits, ImageSet


def test_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    data, original = Digits(), datasets.load_digits()
    assert (data.shape, len(data), data.classes) == ((1, 8, 8), 1797, tuple("0123456789"))
    assert (data.images.dtype, data.labels.dtype) == (np.float32, np.int64)
    np.testing.assert_allclose(8.0 * (data.images[:, 0] + 1.0), original.images)
    np.testing.assert_array_equal(data.labels, original.target)
    assert (data.images.min(), data.images.max()) == (-1.0, 1.0)


def test_larger_digits_are_the_same_ones():
    pytest.importorskip("sklearn")
    small, large = Digits(), Digits(size=16)
    assert large.shape == (1, 16, 16)
    assert large.images.dtype == np.float32
    assert -1.0 <= large.images.min() <= large.images.max() <= 1.0
    means = large.images.reshape(-1, 1, 8, 2, 8, 2).mean((3, 5))
    assert np.corrcoef(means.ravel(), small.images.ravel())[0, 1] > 0.95
    np.testing.assert_array_equal(large.labels, small.labels)


def test_without_scikit_learn_the_error_says_what_would_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .minigrad.data."):
        Digits()


def test_draws_are_with_replacement_and_from_the_seed():
    images = np.arange(5.0, dtype=np.float32).reshape(5, 1, 1, 1)
    data = ImageSet(images, np.arange(5), "abcde")
    drawn, labels = data.sample_labelled(10_000, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.ravel(), labels)
    assert np.abs(np.bincount(labels) - 2000).max() < 4.5 * np.sqrt(10_000 * 0.2 * 0.8)
    np.testing.assert_array_equal(drawn, data.sample(10_000, np.random.default_rng(0)))
    assert (drawn != data.sample(10_000, np.random.default_rng(1))).any()


@pytest.mark.parametrize(("images", "labels"), [((3, 4, 4), (3,)), ((3, 1, 4, 4), (2,)), ((0, 1, 4, 4), (0,))])
def test_images_without_their_labels_are_refused(images, labels):
    with pytest.raises(ValueError, match=r"images must be \(N, c, h, w\) and labels \(N,\)"):
        ImageSet(np.zeros(images), np.zeros(labels, int), "ab")
