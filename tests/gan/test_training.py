"""The loop: going on where it stopped, what it measures, what it refuses."""

import csv
import math
import pickle

import numpy as np
import pytest

import gan
from gan.data import Normal
from gan.objectives import Objective
from minigrad import nn, optim

DATA = Normal(4.0, 0.5)


def make_game(optimizer="Adam", scheduled=False, seed=0, objective="non-saturating", noise_size=2, **settings):
    settings = {"lr": 0.02, **settings}
    return gan.two_player(
        nn.MLP([noise_size, 5, 1], nn.Softplus, rng=seed),
        nn.MLP([1, 6, 1], nn.Tanh, rng=seed + 1),
        objective,
        k=2,
        optimizer=lambda params: getattr(optim, optimizer)(params, **settings),
        schedule=(lambda own: optim.CosineAnnealingLR(own, 20)) if scheduled else None,
    )


def weights(game):
    """All weights, as bytes."""
    return [p.data.tobytes() for player in game.players.values() for p in player.parameters]


def play(game, steps, seed, **settings):
    return gan.train(game, DATA, steps, seed=seed, batch_size=16, progress=False, **settings)


# ---------------------------------------------------------------- the same again


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize(
    ("optimizer", "settings"), [("SGD", {"momentum": 0.9}), ("Adam", {"betas": (0.5, 0.999)}), ("RMSprop", {})]
)
def test_ten_rounds_and_ten_more_from_a_checkpoint_are_twenty(optimizer, settings, scheduled):
    straight = make_game(optimizer, scheduled, **settings)
    whole = play(straight, 20, seed=7)

    first, rng = make_game(optimizer, scheduled, **settings), np.random.default_rng(7)
    play(first, 10, rng)
    state, saved = first.state_dict(), rng.bit_generator.state
    play(first, 3, rng)  # which must not reach what was saved
    state, saved = pickle.loads(pickle.dumps((state, saved)))

    second, rng = make_game(optimizer, scheduled, seed=50, **settings), np.random.default_rng()
    second.load_state_dict(state)
    rng.bit_generator.state = saved
    rest = play(second, 10, rng)
    assert weights(second) == weights(straight)
    for name in straight.players:
        np.testing.assert_array_equal(rest[name][1:], whole[name][11:])

    third, rng = make_game(optimizer, scheduled, seed=60, **settings), np.random.default_rng()
    third.load_state_dict(state)  # the second game left it as it was
    rng.bit_generator.state = saved
    play(third, 10, rng)
    assert weights(third) == weights(straight)


def test_the_seed_decides():
    games = [make_game() for _ in range(4)]
    for game, seed in zip(games, [3, 3, np.random.default_rng(3), 4], strict=True):
        play(game, 5, seed)
    same, again, with_generator, other = map(weights, games)
    assert same == again == with_generator
    assert same != other


def test_looking_on_changes_nothing():
    watched, alone = make_game(noise_size=1), make_game(noise_size=1)
    observer = gan.viz.Observer(watched, DATA)
    play(watched, 5, 0, callback=lambda done, losses: {"jsd": observer.snapshot(done, losses).jsd})
    play(alone, 5, 0)
    assert weights(watched) == weights(alone)


# ---------------------------------------------------------------- what is measured


def test_history_and_callback(tmp_path):
    calls = []

    def look(done, losses):
        calls.append((done, dict(losses)))
        return {"twice": 2.0 * done} if done % 2 == 0 else None

    history = play(make_game(), 5, 0, callback=look)
    assert [done for done, _ in calls] == [0, 1, 2, 3, 4, 5]
    assert calls[0][1] == {}
    assert len(history) == 6
    assert history.columns == ["round", "twice", "discriminator", "generator"]
    np.testing.assert_array_equal(history["round"], range(6))
    np.testing.assert_array_equal(history["twice"], [0.0, math.nan, 4.0, math.nan, 8.0, math.nan])
    for name in ("discriminator", "generator"):
        np.testing.assert_array_equal(history[name], [math.nan, *(losses[name] for _, losses in calls[1:])])
    with pytest.raises(KeyError, match="no column 'critic', only round, twice, discriminator, generator"):
        history["critic"]

    history.write_csv(tmp_path / "history.csv")
    with (tmp_path / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == history.columns
    assert rows[1]["twice"] == rows[0]["generator"] == ""
    for name in history.columns:  # every digit is kept
        np.testing.assert_array_equal([float(row[name] or "nan") for row in rows], history[name])


def test_no_rounds_are_one_row():
    game = make_game()
    before = weights(game)
    history = play(game, 0, 0)
    assert history.rows == [{"round": 0}]
    assert weights(game) == before


def test_the_progress_bar_can_be_off(capsys):
    settings = {"steps": 2, "batch_size": 4, "callback": lambda done, losses: {"measured": 0.25}}
    gan.train(make_game(), DATA, progress=False, **settings)
    assert capsys.readouterr() == ("", "")
    gan.train(make_game(), DATA, **settings)
    out, err = capsys.readouterr()
    assert out == ""
    assert "2/2" in err
    assert "measured=0.2500" in err


class Pairs:
    """Data with a condition: the number and twice the number."""

    def sample(self, n, rng):
        x = rng.standard_normal((n, 1)).astype(np.float32)
        return {"real": x, "twice": 2.0 * x}


def test_a_batch_may_hold_conditions():
    game, batches = make_game(), []
    for player in game.players.values():
        loss = player.loss
        player.loss = lambda batch, loss=loss: batches.append(batch) or loss(batch)
    data = Pairs()
    gan.train(game, data, 2, batch_size=3, progress=False)
    assert len(batches) == 2 * (2 + 1)
    for batch in batches:
        assert batch.keys() == {"real", "twice", "noise"}
        assert batch["noise"].shape == (3, 2)
        np.testing.assert_array_equal(batch["twice"], 2.0 * batch["real"])
    for name in ("real", "noise"):  # every step draws anew
        assert len({batch[name].tobytes() for batch in batches}) == len(batches)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(("steps", "batch_size"), [(-1, 4), (3, 0), (3, -2)])
def test_bad_numbers(steps, batch_size):
    message = f"train: steps must be at least 0, got {steps}|train: batch_size must be at least 1, got {batch_size}"
    with pytest.raises(ValueError, match=message):
        gan.train(make_game(), DATA, steps, batch_size=batch_size, progress=False)


def test_the_round_of_a_loss_that_is_not_finite_is_named():
    good, calls = gan.objectives.named("non-saturating"), []

    def generator_loss(fake):
        calls.append(fake)
        return good.generator_loss(fake) * (math.nan if len(calls) == 4 else 1.0)

    game = make_game(objective=Objective("spoilt", good.discriminator_loss, generator_loss))
    with pytest.raises(FloatingPointError, match=r"^round 4: the loss of the generator is nan; try a lower"):
        play(game, 10, 0)
    assert len(calls) == 4


def test_a_huge_learning_rate_stops_at_once():
    game = make_game("SGD", lr=1e300)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"^round [12]: the loss of the"):
        play(game, 10, 0)
