"""Pictures: Figure 1 of the 2014 paper, grids of images, and players for what was recorded. Needs matplotlib."""

from .figure1 import Figure1, Observer, Snapshot, Window
from .images import between, grid, interpolation, joined, text
from .live import LiveGame
from .recording import Recording

__all__ = [
    "Figure1",
    "LiveGame",
    "Observer",
    "Recording",
    "Snapshot",
    "Window",
    "between",
    "grid",
    "interpolation",
    "joined",
    "text",
]
