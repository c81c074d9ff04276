"""The game on the line in slow motion: a step of one player, or a round of both, a picture and a sentence for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..data import Distribution
from ..game import Batch, TwoPlayerGame
from ..objectives import named
from ..theory import LOG_4
from ..training import draw_batch
from .figure1 import Figure1, Observer, Snapshot
from .recording import small_png

if TYPE_CHECKING:
    from .controls import Controls

#: Of many rounds played at once, so many moments are kept.
LOOKS = 10


class LiveGame:
    """A two-player game on the line that is played a move at a time, and remembers what it looked like.

    make_game makes the untrained game with random numbers that go on to draw its batches, so that a seed decides all.
    In a notebook a LiveGame shows itself as its newest picture, and ``controls()`` is a box of buttons for it.
    """

    def __init__(
        self,
        make_game: Callable[[np.random.Generator], TwoPlayerGame],
        data: Distribution,
        *,
        batch_size: int = 128,
        seed: int = 0,
    ):
        self.make_game, self.data, self.batch_size = make_game, data, batch_size
        self._chosen: dict[str, Any] = {}
        self._start(seed)

    def _start(self, seed: int) -> None:
        self.seed = seed
        self._rng = np.random.default_rng(seed)
        self.game = self.make_game(self._rng)
        for name, value in self._chosen.items():
            self._set(name, value)
        self.updates = 0
        self._losses: dict[str, float] = {}
        self.snapshots: list[Snapshot] = []
        self._sentences: list[str] = []
        self._observer = Observer(self.game, self.data)
        self._figure = Figure1(20, unit="update")
        self._look(lambda now: f"Nobody has moved yet: {_is('V', now.value)}, {_is('JSD', now.jsd)}.")

    def reset(self, seed: int | None = None) -> str:
        """Starts again, with the same seed or another. The loss, k and the learning rate stay as they were set."""
        self._start(self.seed if seed is None else seed)
        return self.sentence()

    # ---------------------------------------------------------------- settings, which hold from the next step on

    def _set(self, name: str, value: Any) -> None:
        if name == "loss":
            self.game.objective = named(value)
        elif name == "k":
            self.game.players["discriminator"].steps = value
        else:
            for player in self.game.players.values():
                player.optimizer.lr = value
                if player.schedule is not None:  # which goes on from here
                    player.schedule.base_lr = value
        self._chosen[name] = value

    @property
    def loss(self) -> str:
        """The name of the objective. Another one changes the orange arrows at once, and the networks not at all."""
        return self.game.objective.name

    @loss.setter
    def loss(self, name: str) -> None:
        if name == self.loss:
            return
        self._set("loss", name)
        before = float(np.abs(self.snapshots[-1].push).mean())
        self._look(
            lambda now: (
                f"Nobody moved, but G's loss is {name} now: the mean length of the orange arrows "
                f"{_change(before, float(np.abs(now.push).mean()), '.2g')}."
            )
        )

    @property
    def k(self) -> int:
        """How many steps D takes in a round."""
        return self.game.players["discriminator"].steps

    @k.setter
    def k(self, steps: int) -> None:
        if steps < 1:
            raise ValueError(f"k must be at least 1, got {steps}")
        self._set("k", steps)

    @property
    def lr(self) -> float:
        """The learning rate of both players."""
        return self.game.players["discriminator"].optimizer.lr

    @lr.setter
    def lr(self, rate: float) -> None:
        if not rate > 0:
            raise ValueError(f"lr must be above 0, got {rate}")
        self._set("lr", rate)

    # ---------------------------------------------------------------- moves

    def step_discriminator(self, steps: int = 1) -> str:
        """D takes steps, while G stays as it is; returns the sentence about it."""
        before = self._step("discriminator", steps)
        return self._look(
            lambda now: (
                f"D took {_count(steps, 'step')}: V {_change(before.value, now.value)}; "
                f"its maximum for this G is {_number(_highest(now))}."
            )
        )

    def step_generator(self, steps: int = 1) -> str:
        """G takes steps, while D stays as it is; returns the sentence about it."""
        before = self._step("generator", steps)
        return self._look(
            lambda now: (
                f"G took {_count(steps, 'step')}: V {_change(before.value, now.value)}, the mean of G's samples "
                f"{_change(before.mean, now.mean)} (the data's is {_number(self.data.mean)}), "
                f"and the JSD {_change(before.jsd, now.jsd)}."
            )
        )

    def step_both(self, rounds: int = 1, *, watch: Callable[[], None] | None = None) -> str:
        """Rounds of Algorithm 1; returns the sentence about them. watch is called at each moment that is kept."""
        before = self.snapshots[-1]
        moments = set(np.linspace(0, rounds, min(rounds, LOOKS) + 1).round().astype(int).tolist())
        for done in range(1, rounds + 1):
            self._losses.update(self.game.play_round(self._draw))
            if done in moments:
                self._look(lambda now, done=done: self._about_rounds(done, before, now))
                if watch:
                    watch()
        return self.sentence()

    def _about_rounds(self, rounds: int, before: Snapshot, now: Snapshot) -> str:
        share = f"D took {_count(self.k, 'step')} and G took 1"
        what = f"In one round {share}" if rounds == 1 else f"In each of {rounds} rounds {share}"
        return (
            f"{what}: the JSD {_change(before.jsd, now.jsd)}; {_is('V', now.value)}, "
            f"and its maximum for this G is {_number(_highest(now))}."
        )

    def _step(self, name: str, steps: int) -> Snapshot:
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        for _ in range(steps):
            self._losses[name] = self.game.step(name, self._draw())
        return self.snapshots[-1]

    def _draw(self) -> Batch:
        """A batch for one step of one player; that is how the updates are counted."""
        self.updates += 1
        return draw_batch(self.game, self.data, self.batch_size, self._rng)

    # ---------------------------------------------------------------- what there was to see

    def _look(self, say: Callable[[Snapshot], str]) -> str:
        now = self._observer.snapshot(self.updates, self._losses)
        self.snapshots.append(now)
        self._sentences.append(say(now))
        while self.updates > self._figure.rounds:
            self._figure.extend(2 * self._figure.rounds)
        return self._sentences[-1]

    def __len__(self) -> int:
        """How many moments there are to go back to."""
        return len(self.snapshots)

    def sentence(self, i: int = -1) -> str:
        """What happened just before moment i."""
        return self._sentences[i]

    def show(self, i: int = -1) -> Image.Image:
        """The picture of moment i. It only shows: a next step goes on from the newest moment."""
        self._figure.draw(self.snapshots[: range(len(self))[i] + 1])
        return self._figure.picture()

    def __repr__(self) -> str:
        return f"LiveGame after {_count(self.updates, 'update')}. {self.sentence()}"

    def _repr_png_(self) -> bytes:
        return small_png(self.show())

    def controls(self) -> Controls:
        """Buttons, settings and a slider through all moments. Needs ipywidgets; where no kernel runs, it is a picture.

        Raises:
            ImportError: when ipywidgets is not installed.
        """
        from .controls import Controls

        return Controls(self)


def _highest(now: Snapshot) -> float:
    """V(D*, G): the most that any discriminator can reach against this generator."""
    return -LOG_4 + 2.0 * now.jsd


def _number(value: float, form: str = ".3f") -> str:
    return format(value, f"z{form}")


def _is(name: str, value: float) -> str:
    return f"{name} is {_number(value)}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _change(before: float, after: float, form: str = ".3f") -> str:
    """What became of a number, as far as its shown digits tell."""
    a, b = _number(before, form), _number(after, form)
    return f"stayed at {a}" if a == b else f"{'rose' if after > before else 'fell'} from {a} to {b}"
