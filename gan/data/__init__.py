"""What there is to learn: distributions and datasets. Only MNIST is downloaded, where no folder is given."""

from .digits import Digits
from .distributions import Discrete, Distribution, Mixture, Normal, Uniform
from .glyphs import Glyphs
from .images import Images, ImageSet
from .mnist import MNIST

__all__ = [
    "MNIST",
    "Digits",
    "Discrete",
    "Distribution",
    "Glyphs",
    "ImageSet",
    "Images",
    "Mixture",
    "Normal",
    "Uniform",
]
