"""How good generated images are, judged by a classifier: sharp, varied, close to the real ones, and not copies of them.

All figures depend on the classifier and on the number of images; compare only those of one classifier and one number.
"""

from __future__ import annotations

import numpy as np

from minigrad.backend import Array


def classifier_score(probabilities: Array) -> float:
    """exp(E KL(p(y|x) || p(y))) of class probabilities (N, C): from 1 to the number of classes.

    It is high where each image is surely of one class and all classes come up: 1 for images that are all alike. The
    Inception score, with a classifier for the data at hand. Source: Salimans et al. 2016, section 4.

    Raises:
        ValueError: when the rows are not distributions over classes.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or not len(p) or (p < 0).any() or not np.allclose(p.sum(axis=1), 1.0, atol=1e-3):
        raise ValueError(f"classifier_score: needs rows of probabilities that sum to 1, got shape {p.shape}")
    marginal = p.mean(axis=0)
    ratio = np.divide(p, marginal, out=np.ones_like(p), where=p > 0)  # 0 log 0 = 0
    return float(np.exp((p * np.log(ratio)).sum(axis=1).mean()))


def frechet_distance(features: Array, others: Array) -> float:
    """The squared Fréchet distance of the normal distributions with the means and covariances of two sets (N, F).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). The trace of the root is the sum of the roots of the eigenvalues of
    S1^(1/2) S2 S1^(1/2), which is symmetric, so that no matrix root of a product is needed. Source: Heusel et al. 2017,
    equation 6; Dowson and Landau 1982.

    Raises:
        ValueError: when a set has fewer than two rows, or the numbers of features differ.
    """
    a, b = np.asarray(features, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"frechet_distance: needs two sets (N, F) of at least two rows, got {a.shape} and {b.shape}")
    s, t = np.cov(a, rowvar=False).reshape(a.shape[1], -1), np.cov(b, rowvar=False).reshape(a.shape[1], -1)
    root = _root(s)
    crossed = np.sqrt(np.clip(np.linalg.eigvalsh(root @ t @ root), 0.0, None)).sum()
    difference = a.mean(axis=0) - b.mean(axis=0)
    return float(difference @ difference + np.trace(s) + np.trace(t) - 2.0 * crossed)


def _root(s: Array) -> Array:
    """The square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(s)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T


def class_shares(probabilities: Array) -> Array:
    """The share of the images (N, C) that each class is the likeliest for, C numbers that sum to 1."""
    p = np.asarray(probabilities)
    return np.bincount(p.argmax(axis=1), minlength=p.shape[1]) / len(p)


def nearest_distances(images: Array, real: Array, *, itself: bool = False, chunk: int = 256) -> Array:
    """For each image (N, ...) the Euclidean distance to the nearest real one (M, ...): about 0 for a copy.

    With itself, each image is among the real ones, and the distance is that to the nearest of the others.
    """
    x, y = (np.asarray(a, dtype=np.float32).reshape(len(a), -1) for a in (images, real))
    squares = np.einsum("nk,nk->n", y, y)
    nearest = [
        (part * part).sum(axis=1) + np.partition(squares - 2.0 * (part @ y.T), int(itself), axis=1)[:, int(itself)]
        for part in (x[i : i + chunk] for i in range(0, len(x), chunk))
    ]
    return np.sqrt(np.clip(np.concatenate(nearest), 0.0, None))
