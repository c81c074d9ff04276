"""Figure 1 of the 2014 paper, for a game on the line, at any moment of its training.

An Observer computes what there is to see, a Snapshot holds the numbers, a Figure1 draws them. All curves are exact:
densities by change of variables, the discriminator and D* at each point, divergences by integration.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

import minigrad as mg
from minigrad.messages import shown

from ..data import Distribution
from ..game import TwoPlayerGame
from ..places import in_memory
from ..theory import LOG_4, GeneratedDistribution, in_use, logits, optimal_discriminator

SIZE, DPI = (11.0, 6.0), 80
PUSHES = 1.22  # the height of the row of orange arrows
BLUE, GREEN, ORANGE, PURPLE, GREY = "#1f5fd0", "#159a3c", "#e06c00", "#7a3fb0", "0.45"


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A game on the line after a number of rounds. Arrays along x belong to the figure's grid; units are nats."""

    round: int
    x: np.ndarray
    p_data: np.ndarray
    p_g: np.ndarray
    d: np.ndarray
    d_star: np.ndarray
    z: np.ndarray  # noise values that cut the prior into equal shares
    g_z: np.ndarray  # where the generator takes them
    push: np.ndarray  # -dL_G/dx there: the way and the rate at which each sample would lower the generator's loss
    mean: float
    std: float
    jsd: float
    value: float
    losses: Mapping[str, float]


class Observer:
    """Takes snapshots of a two-player game on the line.

    The picture's range holds the data and what the generator makes at the time the observer is made.
    """

    def __init__(self, game: TwoPlayerGame, data: Distribution, *, points: int = 801, arrows: int = 24):
        if not isinstance(game, TwoPlayerGame):
            raise TypeError(f"Observer: the game comes first, such as gan.two_player makes, got {shown(game)}")
        self.game, self.data = game, data
        start = GeneratedDistribution(game.generator, game.prior)
        low, high = data.quantile(np.array([1e-3, 1.0 - 1e-3]))
        low, high = min(low, start.mean - 2.0 * start.std), max(high, start.mean + 2.0 * start.std)
        margin = 0.08 * (high - low)
        self.x = np.linspace(low - margin, high + margin, points)
        self.p_data = data.density(self.x)
        self.z = game.prior.quantile((np.arange(arrows) + 0.5) / arrows)

    def snapshot(self, number: int, losses: Mapping[str, float] | None = None) -> Snapshot:
        """The game as it is now, after this number of rounds; losses are those that the last round reported."""
        made = GeneratedDistribution(self.game.generator, self.game.prior)
        p_g = made.density(self.x)
        g_z, push = self._pushes()
        return Snapshot(
            round=number,
            x=self.x,
            p_data=self.p_data,
            p_g=p_g,
            d=mg.sigmoid(logits(self.game.discriminator, self.x)),
            d_star=optimal_discriminator(self.p_data, p_g),
            z=self.z,
            g_z=g_z,
            push=push,
            mean=made.mean,
            std=made.std,
            jsd=made.jsd(self.data),
            value=made.value(self.game.discriminator, self.data),
            losses={name: float(loss) for name, loss in (losses or {}).items()},
        )

    def _pushes(self) -> tuple[np.ndarray, np.ndarray]:
        """The shown samples, and minus the derivative of each one's own loss by its place."""
        generator, discriminator = in_memory(self.game.generator), in_memory(self.game.discriminator)
        with mg.enable_grad(), in_use(generator, discriminator):
            x = generator(mg.Tensor(self.z.reshape(-1, 1))).detach().requires_grad_()
            loss = self.game.objective.generator_loss(discriminator(x)) * x.size  # a mean over the samples
        return x.data.ravel(), -mg.grad(loss, x)[0].data.ravel()


class Figure1:
    """The figure. ``draw`` shows the last of some snapshots, and on the right how it came to that.

    figure may be one that pyplot made, for a window; otherwise no display is needed. unit is what the snapshots count.
    """

    def __init__(self, rounds: int, figure: Figure | None = None, *, unit: str = "round"):
        self.figure = figure or Figure(figsize=SIZE, dpi=DPI)
        self.rounds = max(rounds, 1)
        self.unit = unit
        self._artists: dict[str, Line2D] = {}
        self._still: object = None
        grid = self.figure.add_gridspec(6, 2, width_ratios=(1.75, 1.0))
        self.densities = self.figure.add_subplot(grid[:4, 0])
        self.mapping = self.figure.add_subplot(grid[4:, 0])
        self.history = [self.figure.add_subplot(grid[2 * i : 2 * i + 2, 1]) for i in range(3)]

    def draw(self, snapshots: Sequence[Snapshot]) -> None:
        """Draws the last snapshot, and the curves over time of all of them."""
        if not self._artists:
            self._prepare(snapshots[0])
        self._draw_moment(snapshots[-1])
        self._draw_history(snapshots)

    def extend(self, rounds: int) -> None:
        """Makes the curves over time reach as far as this, for a game that goes on longer than was thought."""
        self.rounds = rounds
        self._still = None
        for ax in self.history:
            ax.set_xlim(0, rounds)

    def picture(self) -> Image.Image:
        """What was last drawn, as pixels. What never moves is drawn once and kept: a tenth of the time is left."""
        if self._still is None:
            canvas = FigureCanvasAgg(self.figure)
            for artist in self._moving():
                artist.set_animated(True)  # which leaves it out of the next line
            canvas.draw()
            self._still = canvas.copy_from_bbox(self.figure.bbox)
        canvas = self.figure.canvas
        canvas.restore_region(self._still)
        for artist in self._moving():
            self.figure.draw_artist(artist)
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")

    def _moving(self) -> list[Artist]:
        return [*self._artists.values(), self._paths, self._pushes, self._text]

    # ---------------------------------------------------------------- once

    def _line(self, name: str, ax: Axes, **style: object) -> None:
        self._artists[name] = ax.plot([], [], **style)[0]

    def _prepare(self, first: Snapshot) -> None:
        self._prepare_densities(first)
        self._prepare_mapping(first)
        self._prepare_history(first)
        self.figure.set_layout_engine("constrained")
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")  # places stay as they are: pictures do not jump, and take half the time

    def _prepare_densities(self, first: Snapshot) -> None:
        ax = self.densities
        ax.set(xlim=(first.x[0], first.x[-1]), ylim=(0.0, max(1.12, 1.15 * first.p_data.max())))
        ax.set_ylabel("density, D(x)", fontsize=12)
        ax.axhline(0.5, color="0.88", linewidth=0.8, zorder=0)
        self._line("d_star", ax, color=BLUE, linewidth=1.0, alpha=0.55, label="D* = p/(p + p_g)")
        self._line("d", ax, color=BLUE, linewidth=2.2, linestyle="--", label="D")
        self._line("p_g", ax, color=GREEN, linewidth=2.4, label="p_g, exact")
        self._line("p_data", ax, color="black", linewidth=2.4, linestyle=":", label="p_data")
        lines = [self._artists[name] for name in ("p_data", "p_g", "d", "d_star")]
        ax.legend(handles=lines, loc="lower center", bbox_to_anchor=(0.5, 0.99), ncols=4, frameon=False, fontsize=12)
        self._text = ax.set_title(f"{self.unit} 0", fontsize=13, loc="left", pad=32)

    def _prepare_mapping(self, first: Snapshot) -> None:
        ax = self.mapping
        low, high = first.x[0], first.x[-1]
        ax.set(xlim=(low, high), ylim=(-0.4, 1.55))
        ax.axis("off")
        ax.hlines([0.0, 1.0], low, high, color="black", linewidth=1.0)
        ends = first.z.min(), first.z.max()
        self._z_place = place = low + (0.12 + 0.76 * (first.z - ends[0]) / (ends[1] - ends[0])) * (high - low)
        for z in (ends[0], 0.5 * sum(ends), ends[1]):
            at = np.interp(z, first.z, place)
            ax.text(at, -0.1, f"{z:.1f}".replace("-0.0", "0.0"), ha="center", va="top", fontsize=11)
        behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
        ax.text(high, -0.1, "z", ha="right", va="top", fontsize=14, style="italic")
        ax.text(high, 0.94, "x = G(z)", ha="right", va="top", fontsize=14, style="italic", zorder=9, bbox=behind)
        ax.text(low, 1.5, "− dL_G/dx: where each sample is pushed", color=ORANGE, fontsize=11, va="center")
        arrow = {"angles": "xy", "scale_units": "xy", "scale": 1.0}
        zero = np.zeros_like(place)
        self._paths = ax.quiver(
            place, zero, zero, zero + 1.0, color=GREEN, width=0.0024, headwidth=6, headlength=8, alpha=0.85, **arrow
        )
        self._pushes = ax.quiver(
            zero, zero + PUSHES, zero, zero, color=ORANGE, width=0.0045, headwidth=4, minlength=0.3, **arrow
        )

    def _prepare_history(self, first: Snapshot) -> None:
        value, losses, divergence = self.history
        for ax, what in zip(self.history, ("V(D, G)", "losses", "JSD"), strict=True):
            ax.set(xlim=(0, self.rounds))
            ax.set_ylabel(f"{what}, nats", fontsize=12)
            ax.tick_params(labelsize=10)
            ax.spines[["top", "right"]].set_visible(False)
        for ax in (value, losses):
            ax.tick_params(labelbottom=False)
        divergence.set_xlabel(self.unit, fontsize=12)
        value.set_ylim(-2.2, 0.15)
        value.axhline(-LOG_4, color=GREY, linewidth=1.0, linestyle="--", label="−log 4")
        self._line("best_value", value, color=GREEN, linewidth=1.6, label="−log 4 + 2 JSD")
        self._line("value", value, color=PURPLE, linewidth=1.8, label="V")
        losses.set_ylim(-1.6, 3.2)  # a saturating generator's loss is below 0
        losses.axhline(0.0, color="0.88", linewidth=0.8, zorder=0)
        losses.axhline(LOG_4, color=GREY, linewidth=1.0, linestyle="--", label="log 4")
        self._line("discriminator", losses, color=BLUE, linewidth=1.4, label="L_D")
        self._line("generator", losses, color=ORANGE, linewidth=1.4, label="L_G")
        divergence.set_ylim(0.0, 0.75)
        divergence.axhline(0.5 * LOG_4, color=GREY, linewidth=1.0, linestyle="--", label="log 2")
        self._line("jsd", divergence, color=GREEN, linewidth=1.8, label="exact JSD(p_data, p_g)")
        for ax in self.history:
            ax.legend(
                fontsize=11, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 0.97), handlelength=1.6
            )
        for name in ("best_value", "value", "discriminator", "generator", "jsd"):
            self._artists[name].set(marker="o", markersize=5, markevery=[-1])  # where a line of one point can be seen

    # ---------------------------------------------------------------- each time

    def _draw_moment(self, now: Snapshot) -> None:
        for name in ("p_data", "p_g", "d", "d_star"):
            self._artists[name].set_data(now.x, getattr(now, name))
        self._text.set_text(
            f"{self.unit} {now.round}     JSD {now.jsd:.4f} nat     mean {now.mean:.2f}     std {now.std:.2f}"
        )
        self._paths.set_UVC(now.g_z - self._z_place, np.ones_like(now.z))
        self._pushes.set_offsets(np.column_stack([now.g_z, np.full_like(now.g_z, PUSHES)]))
        self._pushes.set_UVC(now.push, np.zeros_like(now.push))

    def _draw_history(self, snapshots: Sequence[Snapshot]) -> None:
        rounds = [s.round for s in snapshots]
        curves = {
            "value": [s.value for s in snapshots],
            "best_value": [-LOG_4 + 2.0 * s.jsd for s in snapshots],
            "jsd": [s.jsd for s in snapshots],
            "discriminator": [s.losses.get("discriminator", math.nan) for s in snapshots],
            "generator": [s.losses.get("generator", math.nan) for s in snapshots],
        }
        for name, values in curves.items():
            self._artists[name].set_data(rounds, values)


class Window:
    """The figure in a window of its own, while the training goes on.

    Raises:
        ValueError: when there is no display.
    """

    def __init__(self, rounds: int):
        from matplotlib import pyplot

        if pyplot.get_backend().lower() == "agg":
            raise ValueError("a window needs a display, and there is none; the animation needs no window")
        figure = pyplot.figure(figsize=SIZE, dpi=DPI)
        self._pyplot, self._figure1 = pyplot, Figure1(rounds, figure)

    def draw(self, snapshots: Sequence[Snapshot]) -> None:
        """Shows the last snapshot."""
        self._figure1.draw(snapshots)
        self._pyplot.pause(0.001)

    def wait(self) -> None:
        """Leaves the window open until the user closes it."""
        self._pyplot.show()
