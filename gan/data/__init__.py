"""What there is to learn: distributions and datasets. Only MNIST is downloaded, where no folder is given."""

from .digits import Digits
from .gaussian import Distribution, Mixture, Normal, Uniform
from .glyphs import Glyphs
from .images import Images, ImageSet
from .mnist import MNIST

__all__ = ["MNIST", "Digits", "Distribution", "Glyphs", "ImageSet", "Images", "Mixture", "Normal", "Uniform"]
