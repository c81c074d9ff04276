"""The Dirac GAN: the smallest GAN there is, in which one sees where the steps of two players lead.

All data are 0, the generator makes the one number theta, and D(x) has the logit psi x. The game ends at theta = psi =
0. Near there, simultaneous steps of size h spiral outwards, by sqrt(1 + h ** 2 / 4) each; alternating ones go round;
with a penalty on D's slope at the data both come in. Source: Mescheder et al. 2018, sections 2 and 4.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from minigrad import Tensor, nn, optim

from ..data import Discrete
from ..game import two_player
from ..objectives import named
from ..objectives.penalties import r1
from ..training import train
from .statement import Statement


class _Point(nn.Module):
    """G(z) = theta, whatever the noise."""

    noise_size = 1

    def __init__(self, theta: float):
        super().__init__()
        self.theta = nn.Parameter(np.array([theta]))

    def forward(self, noise: np.ndarray) -> Tensor:
        return 0.0 * noise + self.theta


class _Slope(nn.Module):
    """The logit psi x."""

    def __init__(self, psi: float):
        super().__init__()
        self.psi = nn.Parameter(np.array([psi]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.psi


def dirac_trajectory(
    h: float,
    steps: int,
    start: tuple[float, float],
    *,
    simultaneous: bool,
    gamma: float = 0.0,
    objective: str = "saturating",
) -> np.ndarray:
    """(theta, psi) from the start on, (steps + 1, 2), as ``gan.train`` moves them with SGD at learning rate h.

    gamma is the strength of the penalty R1, 0 for none.
    """
    generator, discriminator = _Point(float(start[0])), _Slope(float(start[1]))
    wanted = named(objective)
    game = two_player(
        generator,
        discriminator,
        dataclasses.replace(wanted, penalty=r1(gamma)) if gamma else wanted,
        optimizer=lambda parameters: optim.SGD(parameters, h),
        simultaneous=simultaneous,
    )
    path = []
    train(
        game,
        Discrete([0.0]),
        steps,
        batch_size=1,
        callback=lambda done, losses: path.append((generator.theta.item(), discriminator.psi.item())),
        progress=False,
    )
    return np.array(path)


@dataclasses.dataclass(frozen=True)
class Dirac:
    """Three trajectories from one start, (steps + 1, 2) each."""

    h: float
    gamma: float
    simultaneous: np.ndarray
    alternating: np.ndarray
    penalised: np.ndarray  # simultaneous, with R1

    def statements(self) -> list[Statement]:
        """What linear algebra says of each, for a start so near (0, 0) that D = 1/2 all along."""
        if not abs(self.simultaneous).max() < 0.1:
            raise ValueError("Dirac.statements: they are about (0, 0) and near it; start nearer, or take fewer steps")
        h, n = self.h, len(self.simultaneous) - 1
        out, round_, in_ = (
            np.hypot(*path.T) / np.hypot(*path[0]) for path in (self.simultaneous, self.alternating, self.penalised)
        )
        step = np.array([[1.0, 0.5 * h], [-0.5 * h, 1.0 - self.gamma * h]])
        expected = np.linalg.norm(np.linalg.matrix_power(step, n) @ self.penalised[0]) / np.hypot(*self.penalised[0])
        ellipse = np.sqrt((1.0 + 0.25 * h) / (1.0 - 0.25 * h))
        return [
            Statement(
                "Dirac, simultaneous: growth a step = sqrt(1 + h^2/4)",
                out[-1] ** (1.0 / n),
                np.sqrt(1.0 + 0.25 * h * h),
                "=",
                1e-7,
            ),
            Statement("Dirac, alternating: goes round on an ellipse", round_.max() / round_.min(), ellipse, "=", 1e-4),
            Statement("Dirac, R1: comes in as fast as computed", in_[-1] / expected, 1.0, "=", 1e-3),
            Statement("Dirac, R1: comes in", in_[-1], 1e-3, "<"),
        ]


def play(h: float = 0.2, steps: int = 500, *, gamma: float = 1.0, start: tuple[float, float] = (1e-3, 0.0)) -> Dirac:
    """Plays the game three times: simultaneous steps, alternating ones, and simultaneous ones with R1.

    Raises:
        ValueError: when h is not between 0 and 4, where alternating steps go round, or the start is the end.
    """
    if not 0.0 < h < 4.0 or not any(start):
        raise ValueError(f"play: h must be above 0 and below 4, and the start not (0, 0), got {h} and {start}")
    paths = [
        dirac_trajectory(h, steps, start, simultaneous=simultaneous, gamma=strength)
        for simultaneous, strength in ((True, 0.0), (False, 0.0), (True, gamma))
    ]
    return Dirac(h, gamma, *paths)
