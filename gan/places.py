"""Where things are: networks may be on a GPU, while data are drawn, and pictures are made, in memory."""

from __future__ import annotations

from minigrad import nn
from minigrad.backend import Array, array_module, move


def beside(network: nn.Module, array: Array) -> Array:
    """The array where the network's parameters are; itself where it is there, or the network has none."""
    first = next(network.parameters(), None)
    return array if first is None else move(array, array_module(first.data))
