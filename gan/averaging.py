"""The average of a network's weights over the last rounds, which draws better than any single round."""

from __future__ import annotations

import copy

from minigrad import foreach, nn
from minigrad.backend import array_module


class WeightAverage:
    """A copy of a network with the exponential moving average of its parameters and buffers.

    After each round the average moves a part 1 - decay of the way to the network. In the first rounds it moves faster,
    as if it had begun with the network as it was then. Source: Yazici et al. 2019, equation 5.

    Raises:
        ValueError: when decay is not within [0, 1).
    """

    def __init__(self, network: nn.Module, decay: float = 0.998):
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"WeightAverage: decay must be within [0, 1), got {decay}")
        self.decay = decay
        self.updates = 0
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self._source = network

    def update(self) -> None:
        """Takes the network as it is now, and where it is now, into the average."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        first = next(self._source.parameters(), None)
        if first is not None:
            self.network.to(array_module(first.data).__name__)
        then, now = self.network.state_dict(), self._source.state_dict()
        between = foreach.lerp(list(then.values()), list(now.values()), 1.0 - decay)
        self.network.load_state_dict(dict(zip(then, between, strict=True)))

    def state_dict(self) -> dict[str, object]:
        """The average, and how many updates went into it."""
        return {"network": self.network.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Takes over what ``state_dict`` gave."""
        self.network.load_state_dict(state["network"])
        self.updates = state["updates"]
