"""Tools that look at the engine: its graphs, its backward pass, where numbers go wrong, where time goes."""

from .anomaly import detect_anomaly
from .graph import graph
from .profile import profile
from .steps import backward_steps

__all__ = ["backward_steps", "detect_anomaly", "graph", "profile"]
