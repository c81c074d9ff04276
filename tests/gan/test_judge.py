"""The classifier that judges images, and its verdict."""

import numpy as np
import pytest

from gan.data.glyphs import Glyphs
from gan.data.images import ImageSet
from gan.judge import Classifier, cached_classifier, fingerprint, judge, train_classifier

DATA = Glyphs(characters="01", size=16)


@pytest.fixture(scope="module")
def classifier():
    return train_classifier(DATA, steps=80, batch_size=32, progress=False)


def test_it_learns_two_glyphs(classifier):
    images, labels = DATA.sample_labelled(300, np.random.default_rng(1))
    features, probabilities = classifier.look(images)
    assert features.shape == (300, 64)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.97


def test_the_verdict_on_real_images_is_that_on_real_images(classifier):
    rng = np.random.default_rng(2)
    verdict = judge(classifier, DATA.sample(300, rng), DATA, rng)
    assert verdict.score == pytest.approx(verdict.real_score, rel=0.05)
    assert verdict.frechet < 20.0 * verdict.real_frechet  # both are close to nothing
    assert verdict.rarest > 0.4


def test_the_verdict_on_one_class_and_on_copies(classifier):
    rng = np.random.default_rng(3)
    ones = Glyphs(characters="1", size=16).sample(300, rng)
    verdict = judge(classifier, ones, DATA, rng)
    assert verdict.score < 1.1
    assert verdict.rarest < 0.05
    assert verdict.frechet > 100.0 * verdict.real_frechet


def test_copies_are_found_among_all_images_that_are_kept(classifier):
    rng = np.random.default_rng(4)
    kept = ImageSet(*DATA.sample_labelled(400, rng), DATA.classes)
    copies = judge(classifier, kept.images[100:120], kept, rng)
    assert copies.nearest < 0.05 < copies.real_nearest
    few = judge(classifier, DATA.sample(300, rng), kept, rng)  # 400 real ones are two halves of 200
    assert few.real_nearest > 0.05
    assert few.score == pytest.approx(few.real_score, rel=0.1)


def test_it_is_kept_for_the_same_data(tmp_path, monkeypatch):
    monkeypatch.setattr("gan.judge.train_classifier", lambda data, progress: Classifier(data.shape, 2, rng=7))
    first = cached_classifier(DATA, tmp_path / "kept", progress=False)
    monkeypatch.setattr("gan.judge.train_classifier", lambda data, progress: pytest.fail("it was there"))
    second = cached_classifier(DATA, tmp_path / "kept", progress=False)
    for name, array in first.state_dict().items():
        np.testing.assert_array_equal(second.state_dict()[name], array)


def test_other_data_have_another_fingerprint():
    images, labels = DATA.sample_labelled(20, np.random.default_rng(0))
    kept = ImageSet(images, labels, "01")
    changed = images.copy()
    changed[19, 0, 0, 0] += 0.1
    found = {
        fingerprint(DATA),
        fingerprint(Glyphs(characters="01", size=32)),
        fingerprint(kept),
        fingerprint(ImageSet(changed, labels, "01")),
        fingerprint(ImageSet(images, 1 - labels, "01")),
    }
    assert len(found) == 5
    assert fingerprint(kept) == fingerprint(ImageSet(images.copy(), labels.copy(), "01"))
