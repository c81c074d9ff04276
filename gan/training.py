"""The training loop: rounds of a game, with a progress bar and a history of what was measured."""

from __future__ import annotations

import contextlib
import csv
import math
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm.auto import tqdm

from minigrad import nn
from minigrad.backend import Array, array_module, at_hand, to_numpy
from minigrad.messages import check_integers, shown

from .game import Batch, Game, check_samples, not_finite

#: On a GPU, the host waits for the losses of so many rounds at once, and looks whether they are finite.
LOOK_EVERY = 50


class Stopped(KeyboardInterrupt):
    """Ctrl-C took effect at the end of a round, where all is whole."""


class Data(Protocol):
    """Anything to learn from: it returns n samples, or a dict of several things about the same n samples."""

    def sample(self, n: int, rng: np.random.Generator) -> Array | Batch:
        """n samples, drawn with rng."""


class History:
    """What was measured, a row for each round: ``history["generator"]`` is a column, with nan where there is none."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._read = 0  # so many rows are numbers

    def add(self, row: Mapping[str, float]) -> None:
        """Puts one more row at the end."""
        self.rows.append(dict(row))

    def read(self, losses: Collection[str] = ()) -> None:
        """Makes numbers of what is still on a GPU, in one go.

        Raises:
            FloatingPointError: when one of the columns that are losses is not finite; it says in which round. All are
                numbers then, too.
        """
        unread = self.rows[self._read :]
        self._read = len(self.rows)
        waiting = [(row, name) for row in unread for name, v in row.items() if hasattr(v, "dtype") and not at_hand(v)]
        if not waiting:
            return
        arrays = [row[name] for row, name in waiting]
        for (row, name), value in zip(waiting, to_numpy(array_module(arrays[0]).stack(arrays)).tolist(), strict=True):
            row[name] = value
        for row, name in waiting:
            if name in losses and not math.isfinite(row[name]):
                raise FloatingPointError(f"round {row['round']}: {not_finite(name, row[name])}")

    @property
    def columns(self) -> list[str]:
        """The names of all that was measured, in the order in which they first appeared."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> np.ndarray:
        if column not in self.columns:
            raise KeyError(f"no column '{column}', only {', '.join(self.columns)}")
        self.read()
        return np.array([row.get(column, np.nan) for row in self.rows])

    def write_csv(self, path: Path | str) -> None:
        """All rows, as comma-separated values with a header; a cell is empty where nothing was measured."""
        self.read()
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(self.rows)


def draw_batch(game: Game, data: Data, batch_size: int, rng: np.random.Generator) -> Batch:
    """New data and new noise, as a dict."""
    real = data.sample(batch_size, rng)
    batch = dict(real) if isinstance(real, Mapping) else {"real": real}
    return {**batch, "noise": game.prior.sample(batch_size, rng, game.noise_size)}


def train(
    game: Game,
    data: Data,
    steps: int,
    *,
    batch_size: int = 128,
    seed: int | np.random.Generator = 0,
    callback: Callable[[int, Mapping[str, float]], Mapping[str, float] | None] | None = None,
    progress: bool = True,
    history: History | None = None,
) -> History:
    """Plays as many rounds as there are steps, and returns what was measured in each.

    callback is called with the number of rounds played and the losses of the last one, before the first round with 0
    and none. The numbers that it returns stand in the history beside the losses, and both in the progress bar. seed
    may be a generator of random numbers. With the history of a training that was broken off, its game and its
    generator of random numbers, as ``gan.checkpoint`` keeps them, it goes on to ``steps`` rounds in all, as if there
    had been no break; the history is added to. Ctrl-C takes effect at the end of a round.

    Data and noise are drawn in memory, and copied to where the networks are. On a GPU the losses are looked at every 50
    rounds, so that the host need not wait: until then they are arrays without axes, also for callback.

    Raises:
        ValueError: when steps is negative or batch_size below 1.
        FloatingPointError: when a loss is no longer a finite number; it says in which round.
        Stopped: after Ctrl-C, a KeyboardInterrupt; after a second one, which does not wait, a plain KeyboardInterrupt.
    """
    if not isinstance(game, Game):
        raise TypeError(f"train: the game comes first, such as gan.two_player makes, got {shown(game)}")
    check_samples("train", "the data", data)
    check_integers("train", 0, steps=steps)
    check_integers("train", 1, batch_size=batch_size)
    if callback is not None and not callable(callback):
        raise TypeError(f"train: callback must be a function of the round and the losses, got {shown(callback)}")
    rng = nn.init.generator(seed)
    history = History() if history is None else history
    bar = tqdm(total=steps, initial=max(0, len(history) - 1), disable=not progress, unit="round", dynamic_ncols=True)
    with bar, _interrupted_between_rounds() as check_for_interrupt:
        for done in range(len(history), steps + 1):
            losses = _play(game, lambda: draw_batch(game, data, batch_size, rng), done) if done else {}
            bar.update(bool(done))
            measured = (callback(done, losses) if callback else None) or {}
            if not isinstance(measured, Mapping):
                raise TypeError(f"train: callback must return a dict of numbers or None, it returned {shown(measured)}")
            if measured and progress:
                _show(bar, {**losses, **measured})
            history.add({"round": done, **losses, **measured})
            if done % LOOK_EVERY == 0 or done == steps:
                history.read(game.players)
            check_for_interrupt()
    return history


def _show(bar: tqdm, numbers: Mapping[str, float]) -> None:
    """Puts numbers beside the progress bar, but for those that are still on a GPU."""
    read = {name: f"{v:.4f}" for name, v in numbers.items() if isinstance(v, Real)}
    bar.set_postfix(read, refresh=False)


@contextlib.contextmanager
def _interrupted_between_rounds() -> Iterator[Callable[[], None]]:
    """Within this context Ctrl-C waits until the function is called that it gives; a second Ctrl-C does not wait.

    In the main thread only, as Python hands signals to no other.
    """
    interrupted = []

    def note(number: int, frame: object) -> None:
        interrupted.append(number)
        signal.signal(signal.SIGINT, before)

    def check() -> None:
        if interrupted:
            raise Stopped

    ignored = not callable(signal.getsignal(signal.SIGINT))  # as it is in the background
    if ignored or threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def _play(game: Game, draw: Callable[[], Batch], number: int) -> dict[str, float]:
    try:
        return game.play_round(draw)
    except FloatingPointError as error:
        raise FloatingPointError(f"round {number}: {error}") from None
