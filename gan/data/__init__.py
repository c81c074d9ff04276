"""What there is to learn: distributions and datasets, none of which needs a download."""

from .gaussian import Distribution, Mixture, Normal, Uniform

__all__ = ["Distribution", "Mixture", "Normal", "Uniform"]
