"""gan: generative adversarial networks, built on minigrad and nothing else.

game = gan.two_player(generator, discriminator, objective="non-saturating", k=1)
history = gan.train(game, gan.data.Normal(4.0, 0.5), steps=4000, seed=0)
"""

from . import data, objectives, theory, viz
from .game import Game, Player, TwoPlayerGame, two_player
from .training import History, train

__all__ = [
    "Game",
    "History",
    "Player",
    "TwoPlayerGame",
    "data",
    "objectives",
    "theory",
    "train",
    "two_player",
    "viz",
]
