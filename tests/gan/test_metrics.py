"""The metrics by hand on small numbers, and against closed forms."""

import numpy as np
import pytest

from gan.metrics import class_shares, classifier_score, frechet_distance, nearest_distances

rng = np.random.default_rng(0)


def test_the_score_of_sure_and_varied_images_is_the_number_of_classes():
    assert classifier_score(np.tile(np.eye(10), (7, 1))) == pytest.approx(10.0)


def test_the_score_of_images_that_are_all_alike_is_one():
    assert classifier_score(np.tile([0.7, 0.2, 0.1], (50, 1))) == pytest.approx(1.0)
    assert classifier_score(np.tile([1.0, 0.0], (5, 1))) == pytest.approx(1.0)


def test_the_score_by_hand():
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    marginal = [0.55, 0.45]
    kl = [sum(a * np.log(a / m) for a, m in zip(row, marginal, strict=True)) for row in p]
    assert classifier_score(p) == pytest.approx(np.exp(np.mean(kl)), rel=1e-12)


@pytest.mark.parametrize("p", [np.ones((3, 2)), np.zeros((0, 3)), np.array([0.5, 0.5]), np.array([[-0.5, 1.5]])])
def test_the_score_of_what_is_no_probability(p):
    with pytest.raises(ValueError, match="rows of probabilities that sum to 1"):
        classifier_score(p)


def with_moments(mean, covariance, n=200):
    """Rows with exactly this mean and covariance."""
    x = rng.standard_normal((n, len(mean)))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return x @ np.linalg.cholesky(covariance).T + mean


def test_the_frechet_distance_of_normal_distributions():
    mean, other = np.array([1.0, -2.0, 0.5]), np.array([0.0, 1.0, 0.5])
    a, b = np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 4.0, 1.0])
    expected = ((mean - other) ** 2).sum() + ((np.sqrt(np.diag(a)) - np.sqrt(np.diag(b))) ** 2).sum()
    assert frechet_distance(with_moments(mean, a), with_moments(other, b)) == pytest.approx(expected, rel=1e-9)


def test_the_frechet_distance_of_covariances_that_do_not_commute():
    a = np.array([[2.0, 0.8], [0.8, 1.0]])
    b = np.array([[1.0, -0.5], [-0.5, 3.0]])
    eigenvalues = np.linalg.eigvals(a @ b)  # of the product, which is not symmetric: the textbook's way
    expected = np.trace(a) + np.trace(b) - 2.0 * np.sqrt(eigenvalues.real).sum()
    zero = np.zeros(2)
    assert frechet_distance(with_moments(zero, a), with_moments(zero, b)) == pytest.approx(expected, rel=1e-9)


def test_the_frechet_distance_of_a_set_to_itself_is_nothing_also_where_features_are_constant():
    x = rng.standard_normal((50, 4)) * [1.0, 1.0, 0.0, 1.0]
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(x[:, :1], x[:, :1] + 3.0) == pytest.approx(9.0)


@pytest.mark.parametrize(("a", "b"), [((5, 2), (5, 3)), ((1, 2), (5, 2)), ((5,), (5,))])
def test_the_frechet_distance_of_what_does_not_fit(a, b):
    with pytest.raises(ValueError, match="two sets"):
        frechet_distance(np.zeros(a), np.zeros(b))


def test_class_shares():
    p = np.array([[0.6, 0.4, 0.0], [0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.5, 0.2, 0.3]])
    np.testing.assert_array_equal(class_shares(p), [0.75, 0.25, 0.0])


def test_nearest_distances():
    real = rng.standard_normal((30, 1, 4, 4)).astype(np.float32)
    images = np.concatenate([real[7:8], real[:20] + 0.5, rng.standard_normal((9, 1, 4, 4)).astype(np.float32)])
    expected = [min(np.linalg.norm(x - y) for y in real) for x in images]
    for chunk in (4, 256):
        np.testing.assert_allclose(nearest_distances(images, real, chunk=chunk), expected, atol=2e-3)
    assert nearest_distances(images, real)[0] < 2e-3
    others = np.sort(np.linalg.norm((real[:, None] - real[None]).reshape(len(real), len(real), -1), axis=2), axis=1)
    np.testing.assert_allclose(nearest_distances(real, real, itself=True), others[:, 1], atol=2e-3)
