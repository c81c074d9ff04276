"""Algorithm 1 of the 2014 paper as a game: players take turns, and each improves its own networks only.

    for each round
        k times:  draw a minibatch of noise and one of data, and step the discriminator
        once:     draw a minibatch of noise, and step the generator

Source: Goodfellow et al. 2014, algorithm 1.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from minigrad import Tensor, foreach, nn, no_grad, optim, sigmoid
from minigrad.backend import Array, array_module, at_hand, move
from minigrad.messages import check_integers, shown
from minigrad.primitive import raw_of

from .data import Distribution, Normal
from .objectives import Objective, named

Batch = Mapping[str, Array]  # "real": data (N, ...), "noise": (N, size); conditions have names of their own


class Player:
    """One side of a game: its networks, how it learns, what it wants, and how often it moves in a round.

    loss takes a batch and returns a number to make small. It may use the networks of others: during a player's step
    their parameters are constants, and their buffers are put back afterwards.
    """

    def __init__(
        self,
        name: str,
        networks: Sequence[nn.Module],
        optimizer: optim.Optimizer,
        loss: Callable[[Batch], Tensor],
        steps: int = 1,
        schedule: optim.Schedule | None = None,
    ):
        check_integers(name, 1, steps=steps)
        _check(name, "networks", networks, list | tuple, "a list of modules")
        for network in networks:
            _check(name, "a network", network, nn.Module, "a module")
        _check(name, "the optimizer", optimizer, optim.Optimizer, "made by minigrad.optim")
        _check(name, "the loss", loss, Callable, "a function of a batch")
        _check(name, "the schedule", schedule, optim.Schedule | None, "made by minigrad.optim")
        self.name = name
        self.networks = list(networks)
        self.optimizer = optimizer
        self.loss = loss
        self.steps = steps
        self.schedule = schedule
        self.parameters = [p for network in networks for p in network.parameters()]
        modules = [module for network in networks for module in network.modules()]
        self.buffers = [(module, name) for module in modules for name in module.buffer_names]

    def step(self, batch: Batch) -> float | Array:
        """One step of the optimizer; returns the loss before it.

        On a GPU the loss is an array without axes, which has not been looked at: the host would have to wait for it.

        Raises:
            FloatingPointError: when the loss is not a finite number; nothing has been changed then.
        """
        value = self.find_gradients(batch)
        self.optimizer.step()
        return value

    def find_gradients(self, batch: Batch) -> float | Array:
        """The first half of a step: the parameters get their gradients, and stay. Returns the loss."""
        in_memory = [buffer for buffer in self.buffers if at_hand(getattr(*buffer))]  # on a GPU nobody looks
        before = _copies(in_memory)
        loss = self._loss_of(batch)
        value = loss.item() if at_hand(loss.data) else loss.data.reshape(())
        if at_hand(loss.data) and not math.isfinite(value):
            _put_back(in_memory, before)
            raise not_finite(self.name, value)
        self.optimizer.zero_grad()
        loss.backward()  # on return the graph is gone, and the optimizer's step can use its memory
        return value

    def _loss_of(self, batch: Batch) -> Tensor:
        """The loss as a tensor with one element, or an error that says what it is instead."""
        _check(self.name, "the batch", batch, Mapping, "a dict of arrays")
        loss = self.loss(_NamedBatch(self.name, batch))
        _check(self.name, "the loss", loss, Tensor, "a tensor")
        if loss.size != 1:
            raise ValueError(f"{self.name}: the loss must be one number, such as a .mean(), got shape {loss.shape}")
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Copies of all that the player's next steps depend on."""
        return {
            "networks": [network.state_dict() for network in self.networks],
            "optimizer": self.optimizer.state_dict(),
            "rounds": 0 if self.schedule is None else self.schedule.steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state_dict`` gave."""
        _check(self.name, "the state", state, Mapping, "what state_dict() returned")
        for network, saved in zip(self.networks, state["networks"], strict=True):
            network.load_state_dict(saved)
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.steps = state["rounds"]


class Game:
    """Players in the order in which they move, and the noise they draw.

    With simultaneous moves all look at the game as it stood before the round, each on a batch of its own, and then
    all move at once. Algorithm 1 takes turns; much theory is about simultaneous moves.

    Raises:
        ValueError: when two players have the same name; with simultaneous moves also when a player has several steps
            in a round, or two share a parameter.
    """

    def __init__(self, players: Sequence[Player], prior: Distribution, noise_size: int, *, simultaneous: bool = False):
        _check("Game", "players", players, list | tuple, "a list of gan.Player")
        for player in players:
            _check("Game", "a player", player, Player, "a gan.Player")
        check_samples("Game", "the prior", prior)
        check_integers("Game", 1, noise_size=noise_size)
        if len({player.name for player in players}) < len(players):
            raise ValueError(f"players need different names, got {', '.join(player.name for player in players)}")
        if simultaneous and any(player.steps > 1 for player in players):
            raise ValueError("simultaneous moves are one for each player in a round: steps must be 1")
        own = [set(player.parameters) for player in players]
        if simultaneous and len(set().union(*own)) < sum(map(len, own)):
            raise ValueError("simultaneous moves are of a parameter by one player: none may belong to two")
        self.simultaneous = simultaneous
        self.players = {player.name: player for player in players}
        self._others = {player.name: _Bystanders(player, players) for player in players}
        self.prior = prior
        self.noise_size = noise_size

    def here(self, batch: Batch) -> Batch:
        """The batch where the networks are, which may be on a GPU."""
        parameters = next((player.parameters for player in self.players.values() if player.parameters), None)
        if not (parameters and isinstance(batch, Mapping)):  # a player says what is wrong with a batch that is none
            return batch
        module = array_module(parameters[0].data)
        return {name: move(raw_of(array), module) for name, array in batch.items()}

    def step(self, name: str, batch: Batch) -> float | Array:
        """One step of one player, which leaves all others as they are; returns its loss before the step."""
        if name not in self.players:
            raise ValueError(f"there is no player '{name}', only {', '.join(self.players)}")
        with self._others[name].left_alone():
            return self.players[name].step(self.here(batch))

    def play_round(self, draw: Callable[[], Batch]) -> dict[str, float | Array]:
        """One round of Algorithm 1: each player takes its steps, each on a new batch. Returns each one's last loss."""
        losses = self._move_at_once(draw) if self.simultaneous else self._take_turns(draw)
        for player in self.players.values():
            if player.schedule is not None:
                player.schedule.step()
        return losses

    def _take_turns(self, draw: Callable[[], Batch]) -> dict[str, float | Array]:
        losses = {}
        for name, player in self.players.items():
            for _ in range(player.steps):
                losses[name] = self.step(name, draw())
        return losses

    def _move_at_once(self, draw: Callable[[], Batch]) -> dict[str, float | Array]:
        losses = {}
        for name, player in self.players.items():
            with self._others[name].left_alone():
                losses[name] = player.find_gradients(self.here(draw()))
        for player in self.players.values():
            player.optimizer.step()
        return losses

    def state_dict(self) -> dict[str, Any]:
        """Copies of what the players have learned; the random numbers, k and the objective are not part of it."""
        return {name: player.state_dict() for name, player in self.players.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what ``state_dict`` gave; raises ValueError where the players have other names."""
        _check("Game", "the state", state, Mapping, "what state_dict() returned")
        if state.keys() != self.players.keys():
            raise ValueError(f"the state is of {', '.join(state)}, the players are {', '.join(self.players)}")
        for name, player in self.players.items():
            player.load_state_dict(state[name])


class TwoPlayerGame(Game):
    """The game of a discriminator, which returns logits and moves first, and a generator; made by ``two_player``.

    Another ``objective`` may be set at any time: it is what both want from the next step on.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        players: Sequence[Player],
        prior: Distribution,
        *,
        simultaneous: bool = False,
    ):
        super().__init__(players, prior, _noise_size(generator), simultaneous=simultaneous)
        self.generator, self.discriminator, self.objective = generator, discriminator, objective
        self._seen: dict[str, Array] = {}  # in the last steps: logits of the data and of fakes, and the fakes' noise

    def confidence(self) -> dict[str, float]:
        """How sure the discriminator was in the last round that what it saw is real, as mean probabilities.

        "D(x)" is that of the data in the discriminator's step, "D(G(z)) before" and "D(G(z)) after" those of the same
        noise before and after the generator's step. Before the first round there is nothing. It changes no network;
        layers that draw random numbers draw some more.
        """
        if "fake" not in self._seen:
            return {}
        buffers = [buffer for player in self.players.values() for buffer in player.buffers]
        before = _copies(buffers)
        with no_grad():
            after = raw_of(self.discriminator(self.generator(self._seen["noise"])))
        _put_back(buffers, before)
        logits = {"D(x)": self._seen["real"], "D(G(z)) before": self._seen["fake"], "D(G(z)) after": after}
        return {name: sigmoid(value).mean().item() for name, value in logits.items()}

    @property
    def objective(self) -> Objective:
        """What both want; it may be set to another one, or to its name."""
        return self._objective

    @objective.setter
    def objective(self, objective: str | Objective) -> None:
        self._objective = named(objective)


def _noise_size(generator: nn.Module) -> int:
    """How many numbers the generator takes: its ``noise_size``, or else the inputs of its first weight (out, in)."""
    if hasattr(generator, "noise_size"):
        return generator.noise_size
    first = next(generator.parameters(), None)
    if first is None or first.ndim != 2:
        raise ValueError(
            "the generator's first parameter must be a weight (out, in), or the generator have a noise_size"
        )
    return first.shape[1]


def _check(who: str, what: str, value: Any, kind: Any, expected: str) -> None:
    """Raises TypeError for a value that is not of the kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{who}: {what} must be {expected}, got {shown(value)}")


def not_finite(player: str, loss: float) -> FloatingPointError:
    """The error for a loss that is no number to go on with."""
    return FloatingPointError(f"the loss of the {player} is {loss}; try a lower learning rate")


def check_samples(who: str, what: str, source: Any) -> None:
    """Raises TypeError for what cannot be drawn from."""
    if isinstance(source, type) or not hasattr(source, "sample"):
        raise TypeError(f"{who}: {what} needs a method sample(n, rng), as gan.data.Normal() has, got {shown(source)}")


class _NamedBatch(dict):
    """A batch that says whose it is and what it has, when it is asked for something else."""

    def __init__(self, player: str, batch: Batch):
        super().__init__(batch)
        self.player = player

    def __missing__(self, name: str) -> Array:
        raise KeyError(f"{self.player}: the batch has no '{name}', only {', '.join(self)}")


class _Bystanders:
    """What belongs to the others while one player moves."""

    def __init__(self, player: Player, players: Sequence[Player]):
        others = [other for other in players if other is not player]
        own, own_buffers = set(player.parameters), set(player.buffers)
        self.parameters = [p for other in others for p in other.parameters if p not in own]
        self.buffers = [buffer for other in others for buffer in other.buffers if buffer not in own_buffers]

    @contextlib.contextmanager
    def left_alone(self) -> Iterator[None]:
        """Within this context their parameters are constants; at its end their buffers are as they were.

        Constants cost no gradients: with D frozen, the generator's step saves a third of its backward pass.
        """
        frozen = [p for p in self.parameters if p.requires_grad]
        before = _copies(self.buffers)
        for p in frozen:
            p.requires_grad = False
        try:
            yield
        finally:
            for p in frozen:
                p.requires_grad = True
            _put_back(self.buffers, before)


def _copies(buffers: Sequence[tuple[nn.Module, str]]) -> list[Array]:
    return foreach.copy([getattr(module, name) for module, name in buffers])


def _put_back(buffers: Sequence[tuple[nn.Module, str]], values: Sequence[Array]) -> None:
    for (module, name), value in zip(buffers, values, strict=True):
        setattr(module, name, value)


def two_player(
    generator: nn.Module,
    discriminator: nn.Module,
    objective: str | Objective = "non-saturating",
    k: int = 1,
    *,
    prior: Distribution | None = None,
    optimizer: Callable[[Sequence[nn.Parameter]], optim.Optimizer] | None = None,
    schedule: Callable[[optim.Optimizer], optim.Schedule] | None = None,
    simultaneous: bool = False,
) -> TwoPlayerGame:
    """The game of a generator and a discriminator, which returns logits and moves first, k times in a round.

    With simultaneous moves neither is first: each looks at the other as it was before the round.

    The noise is standard normal unless a prior is given, with as many numbers as the generator's ``noise_size``
    says, or else its first layer takes.
    optimizer makes each player's optimizer from its parameters (Adam with learning rate 1e-3 and betas 0.5 and 0.999
    if left out), schedule each optimizer's schedule, which moves once a round.

    Raises:
        ValueError: when the objective is not known, k is below 1, or above it with simultaneous moves.
    """
    check_integers("two_player", 1, k=k)
    if simultaneous and k > 1:
        raise ValueError(f"two_player: simultaneous moves are one for each player in a round, got k = {k}")
    _check("two_player", "the generator", generator, nn.Module, "a module")
    _check("two_player", "the discriminator", discriminator, nn.Module, "a module")
    _check("two_player", "optimizer", optimizer, Callable | None, "a function of the parameters, such as optim.Adam")
    _check("two_player", "schedule", schedule, Callable | None, "a function of the optimizer")
    _noise_size(generator)  # says what is wrong before anything is made
    make_optimizer = optimizer or (lambda params: optim.Adam(params, lr=1e-3, betas=(0.5, 0.999)))

    def discriminator_loss(batch: Batch) -> Tensor:
        # Real and fake go through the discriminator separately: they are not one batch to its normalisation.
        real, fake = discriminator(batch["real"]), discriminator(generator(batch["noise"]))
        game._seen["real"] = raw_of(real)
        loss = game.objective.discriminator_loss(real, fake)
        penalty = game.objective.penalty
        return loss if penalty is None else loss + penalty(discriminator, batch)

    def generator_loss(batch: Batch) -> Tensor:
        fake = discriminator(generator(batch["noise"]))
        game._seen |= {"fake": raw_of(fake), "noise": batch["noise"]}
        return game.objective.generator_loss(fake)

    def player(name: str, network: nn.Module, loss: Callable[[Batch], Tensor], steps: int) -> Player:
        own = make_optimizer(list(network.parameters()))
        return Player(name, [network], own, loss, steps, schedule(own) if schedule else None)

    players = [
        player("discriminator", discriminator, discriminator_loss, k),
        player("generator", generator, generator_loss, 1),
    ]
    prior = Normal() if prior is None else prior
    game = TwoPlayerGame(generator, discriminator, named(objective), players, prior, simultaneous=simultaneous)
    return game
