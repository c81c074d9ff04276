"""A training that was broken off goes on as if it had not been."""

import signal

import numpy as np
import pytest

import gan
from gan.averaging import WeightAverage
from gan.checkpoint import Settings, load_checkpoint, load_states, save_checkpoint
from minigrad import nn, optim

DATA = gan.data.Normal(4.0, 0.5)


def make(seed=0):
    rng = np.random.default_rng(seed)
    generator, discriminator = nn.MLP([2, 5, 1], nn.Tanh, rng=rng), nn.MLP([1, 5, 1], nn.Tanh, rng=rng)
    game = gan.two_player(
        generator, discriminator, k=2, optimizer=optim.Adam, schedule=lambda o: optim.CosineAnnealingLR(o, 20)
    )
    return game, rng


def average_of(game):
    return WeightAverage(game.generator, decay=0.9)


def train(game, rng, steps, average, history=None):
    def callback(done, losses):
        average.update()
        return {"third": 1.0} if done % 3 == 0 else None

    return gan.train(game, DATA, steps, batch_size=8, seed=rng, progress=False, callback=callback, history=history)


def same(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            same(one[name], other[name])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        np.testing.assert_array_equal(one, other, strict=isinstance(one, np.ndarray))


def test_ten_rounds_and_ten_more_are_twenty(tmp_path):
    whole, rng = make()
    average = average_of(whole)
    history = train(whole, rng, 20, average)

    first, first_rng = make()
    first_average = average_of(first)
    part = train(first, first_rng, 10, first_average)
    save_checkpoint(tmp_path / "c.safetensors", part, first_rng, game=first, average=first_average)
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]

    second, second_rng = make(seed=1)  # other weights and random numbers, all of which are overwritten
    second_average = average_of(second)
    loaded = load_checkpoint(tmp_path / "c.safetensors", second_rng, game=second, average=second_average)
    assert loaded.rows == part.rows
    assert train(second, second_rng, 20, second_average, loaded) is loaded

    same(second.state_dict(), whole.state_dict())
    same(second_average.state_dict(), average.state_dict())
    assert loaded.rows == history.rows
    assert second_rng.bit_generator.state == rng.bit_generator.state


def test_a_training_that_is_over_does_nothing_more(tmp_path):
    game, rng = make()
    average = average_of(game)
    history = train(game, rng, 5, average)
    before = game.state_dict()
    assert len(train(game, rng, 5, average, history)) == 6
    same(game.state_dict(), before)


def test_what_is_no_checkpoint(tmp_path):
    game, rng = make()
    path = tmp_path / "c.safetensors"
    with pytest.raises(FileNotFoundError):
        load_checkpoint(path, rng, game=game)
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_checkpoint(path, rng, game=game)
    save_checkpoint(path, gan.History(), rng, game=game)
    with pytest.raises(ValueError, match="is a checkpoint of game, not of game, average"):
        load_checkpoint(path, rng, game=game, average=average_of(game))


def test_other_settings_are_refused_before_anything_is_changed(tmp_path):
    game, rng = make()
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, gan.History(), rng, settings=Settings(data="glyphs", size=16), game=game)
    other, other_rng = make(seed=1)
    before = other.state_dict()
    with pytest.raises(ValueError, match="is of data glyphs, size 16, not of data glyphs, size 32"):
        load_checkpoint(path, other_rng, settings=Settings(data="glyphs", size=32), game=other)
    same(other.state_dict(), before)
    load_checkpoint(path, other_rng, settings=Settings(data="glyphs", size=16), game=other)
    same(other.state_dict(), game.state_dict())


def test_two_arrays_of_one_path_are_refused(tmp_path):
    class Part:
        def state_dict(self):
            return {"a/b": np.zeros(1), "a": {"b": np.ones(1)}}

    with pytest.raises(ValueError, match="two arrays of the state are called"):
        save_checkpoint(tmp_path / "c", gan.History(), np.random.default_rng(0), part=Part())


def test_one_part_without_the_others(tmp_path):
    game, rng = make()
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, gan.History(), rng, settings=Settings(size=16), average=average_of(game))
    states = load_states(path)
    assert states["settings"] == {"size": 16}
    same(states["average"]["network"], game.generator.state_dict())


def test_ctrl_c_waits_for_the_end_of_a_round(ctrl_c):
    game, rng = make()
    history = gan.History()

    class Interrupting:
        times = 1

        def sample(self, n, rng):
            if len(history) == 3 and self.times:
                self.times -= 1
                signal.raise_signal(signal.SIGINT)
            return DATA.sample(n, rng)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        gan.train(game, Interrupting(), 10, batch_size=4, seed=rng, progress=False, history=history)
    assert [row["round"] for row in history.rows] == [0, 1, 2, 3]
    assert {"discriminator", "generator"} <= history.rows[-1].keys()
    assert signal.getsignal(signal.SIGINT) is handler


def test_where_ctrl_c_is_ignored_it_stays_so(ctrl_c):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    game, rng = make()

    def callback(done, losses):
        signal.raise_signal(signal.SIGINT)

    history = gan.train(game, DATA, 2, batch_size=4, seed=rng, progress=False, callback=callback)
    assert len(history) == 3
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_the_average_by_hand():
    network = nn.Linear(1, 1, bias=False)
    network.weight.data = np.array([[1.0]], dtype=np.float32)
    average = WeightAverage(network, decay=0.5)
    expected = 1.0
    for n, value in enumerate([2.0, 4.0, -1.0], 1):
        network.weight.data = np.array([[value]], dtype=np.float32)
        average.update()
        decay = min(0.5, n / (n + 10))
        expected = decay * expected + (1.0 - decay) * value
    assert average.network.weight.item() == pytest.approx(expected, rel=1e-6)
    assert not average.network.weight.requires_grad
    assert not average.network.training
    with pytest.raises(ValueError, match="decay must be within"):
        WeightAverage(network, decay=1.0)
