"""Images with labels: what every image set offers, whether its images are kept or drawn as they are asked for."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np
from PIL import Image


class Images(abc.ABC):
    """A source of images (n, c, h, w), float32 in [-1, 1], and of their labels (n,), which are indices into classes."""

    classes: tuple[str, ...]
    shape: tuple[int, int, int]  # of one image: (c, h, w)

    @abc.abstractmethod
    def sample_labelled(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n images and their labels, every image drawn independently of the others."""

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n images alone: the same as ``sample_labelled`` draws."""
        return self.sample_labelled(n, rng)[0]

    def different(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n images of which none is another again, or fewer where there are no more."""
        return self.sample(n, rng)


class ImageSet(Images):
    """Images that are kept: ``images`` (N, c, h, w) and ``labels`` (N,), from which is drawn with replacement.

    Raises:
        ValueError: when the images are not four-dimensional, or there are not as many labels, or no image at all.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, classes: Sequence[str]):
        if images.ndim != 4 or labels.shape != images.shape[:1] or len(images) == 0:
            raise ValueError(
                f"images must be (N, c, h, w) and labels (N,) with N above 0, got {images.shape} and {labels.shape}"
            )
        self.images = images
        self.labels = labels
        self.classes = tuple(classes)
        self.shape = images.shape[1:]

    def __len__(self) -> int:
        return len(self.images)

    def sample_labelled(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n images and their labels."""
        chosen = rng.integers(len(self), size=n)
        return self.images[chosen], self.labels[chosen]

    def different(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n images of the set in any order, or all of them."""
        return self.images[rng.permutation(len(self))[:n]]


def resized(pictures: np.ndarray, size: int) -> np.ndarray:
    """Square pictures (N, side, side) of any range, made larger or smaller: (N, size, size), float32."""
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    pictures = pictures.astype(np.float32)
    if pictures.shape[1] == size:
        return pictures
    images = (Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR) for picture in pictures)
    return np.stack([np.asarray(image) for image in images])
