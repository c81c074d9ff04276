"""Scikit-learn's digits: 1,797 handwritten ones of 8 x 8 pixels, which come with the library."""

from __future__ import annotations

from .glyphs import DIGITS
from .images import ImageSet, resized


class Digits(ImageSet):
    """All 1,797 digits, (n, 1, size, size); more than 8 pixels are interpolated. Needs scikit-learn.

    Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", the test set.

    Raises:
        ModuleNotFoundError: when scikit-learn is not installed.
    """

    def __init__(self, size: int = 8):
        try:
            from sklearn.datasets import load_digits
        except ModuleNotFoundError:
            raise ModuleNotFoundError('the digits come with scikit-learn: pip install "minigrad[data]"') from None
        digits = load_digits()
        super().__init__(resized(digits.images, size)[:, None] / 8.0 - 1.0, digits.target, tuple(DIGITS))
