"""Pictures of classifiers of points in the plane, for perceptron.py and mlp.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

# Blue for low outputs and red for high ones, which most colour-blind people can tell apart
COLORS = colormaps["RdBu_r"]
FONT_SIZE = 14  # to be read from the last row


def new_figure(width: float, height: float, show: bool) -> Figure:
    """A figure in a window where show is set, else one that needs no display.

    Raises:
        ValueError: when show is set and there is no display.
    """
    settings = {"figsize": (width, height), "layout": "constrained"}
    if not show:
        return Figure(**settings)
    from matplotlib import pyplot

    if pyplot.get_backend().lower() == "agg":
        raise ValueError("a window needs a display, and there is none; the picture is written without one")
    return pyplot.figure(**settings)


def draw_regions(
    ax: Axes, model: Callable[[np.ndarray], np.ndarray], points: np.ndarray, targets: np.ndarray, title: str
) -> None:
    """Colours the plane by the model's output for each place, and draws the line where its decision changes.

    The decision is the target that is nearer, so it changes halfway between the two. Points (N, 2) are circles where
    the target (N, 1) is the low one and squares where it is the high one; those that are decided wrongly have a ring.
    """
    low, high = float(targets.min()), float(targets.max())
    halfway = (low + high) / 2
    margin = 0.2 * np.ptp(points, axis=0).max()
    (left, bottom), (right, top) = points.min(axis=0) - margin, points.max(axis=0) + margin
    x, y = np.meshgrid(np.linspace(left, right, 201), np.linspace(bottom, top, 201))
    output = model(np.stack([x.ravel(), y.ravel()], axis=1).astype(points.dtype)).reshape(x.shape)
    area = {"extent": (left, right, bottom, top), "origin": "lower"}
    shades = ax.imshow(output, cmap=COLORS, vmin=low, vmax=high, alpha=0.6, interpolation="bilinear", **area)
    if output.min() < halfway < output.max():
        ax.contour(x, y, output, [halfway], colors="black", linewidths=3)
    ax.plot([], [], color="black", linewidth=3, label="decision")

    size = 200 if len(points) < 20 else 45
    is_high = targets[:, 0] > halfway
    wrong = is_high != (model(points)[:, 0] > halfway)
    for chosen, marker, color, target in ((~is_high, "o", 0.0, low), (is_high, "s", 1.0, high)):
        style = {"marker": marker, "color": COLORS(color), "edgecolors": "white", "linewidths": 1.5}
        ax.scatter(*points[chosen].T, s=size, **style, zorder=3, label=f"target {target:g}")
    if wrong.any():
        ring = {"facecolors": "none", "edgecolors": "black", "linewidths": 3}
        ax.scatter(*points[wrong].T, s=3 * size, **ring, zorder=4, label="wrong")

    bar = ax.figure.colorbar(shades, ax=ax, ticks=[low, halfway, high], fraction=0.045)
    bar.set_label("output", fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=FONT_SIZE)
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.locator_params(nbins=5)
    label(ax, title, "x₁", "x₂")


def draw_losses(ax: Axes, losses: dict[str, list[float]]) -> None:
    """The loss of each model at each step, on a logarithmic scale."""
    for (name, values), style in zip(losses.items(), ("-", "--"), strict=False):
        ax.plot(range(1, len(values) + 1), values, style, linewidth=3, label=name)
    ax.set_yscale("log")
    ax.grid(color="0.9")
    label(ax, "Loss while learning", "step", "loss")


def label(ax: Axes, title: str, x: str, y: str) -> None:
    """Title, names of the axes and a legend below them."""
    ax.set_title(title, fontsize=FONT_SIZE + 2)
    ax.set_xlabel(x, fontsize=FONT_SIZE)
    ax.set_ylabel(y, fontsize=FONT_SIZE)
    ax.tick_params(labelsize=FONT_SIZE)
    legend = ax.legend(fontsize=FONT_SIZE, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):  # the sign is large, however small the points are
            handle.set_sizes([150])
