"""Where things are: networks may be on a GPU, while data are drawn, and pictures are made, in memory."""

from __future__ import annotations

import copy

from minigrad import nn
from minigrad.backend import Array, array_module, at_hand, move


def beside(network: nn.Module, array: Array) -> Array:
    """The array where the network's parameters are; itself where it is there, or the network has none."""
    first = next(network.parameters(), None)
    return array if first is None else move(array, array_module(first.data))


def in_memory(network: nn.Module) -> nn.Module:
    """The network, to look at with NumPy; where it is on a GPU, a copy of it."""
    here = all(at_hand(p.data) for p in network.parameters()) if isinstance(network, nn.Module) else True
    return network if here else copy.deepcopy(network).to("numpy")
