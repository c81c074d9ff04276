"""The live game: a move changes one player, settings act on the next step, moments and sentences are true, buttons."""

import math
import re
import subprocess
import sys

import numpy as np
import pytest

import gan
from gan.data import Normal
from gan.theory import LOG_4
from gan.viz import LiveGame
from gan.viz.live import LOOKS
from minigrad import nn, optim

DATA = Normal(4.0, 0.5)
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def new_game(rng):
    return gan.two_player(
        nn.MLP([1, 4, 1], nn.Tanh, rng=rng),
        nn.MLP([1, 6, 1], nn.Tanh, rng=rng),
        k=2,
        optimizer=lambda params: optim.Adam(params, 0.01),
    )


@pytest.fixture
def live():
    return LiveGame(new_game, DATA, batch_size=16)


def weights(network):
    return [p.data.copy() for p in network.parameters()]


def identical(before, network):
    return all(np.array_equal(a, p.data) for a, p in zip(before, network.parameters(), strict=True))


def pixels(picture):
    return np.asarray(picture)


# ---------------------------------------------------------------- moves


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("mover", ["discriminator", "generator"])
def test_a_step_changes_one_player(live, mover, steps):
    other = "generator" if mover == "discriminator" else "discriminator"
    own, others = weights(getattr(live.game, mover)), weights(getattr(live.game, other))
    getattr(live, f"step_{mover}")(steps)
    assert not identical(own, getattr(live.game, mover))
    assert identical(others, getattr(live.game, other))
    assert live.updates == steps
    assert len(live) == 2
    assert set(live.snapshots[-1].losses) == {mover}


def test_rounds_are_those_of_the_training_loop(live):
    live.step_both(5)
    rng = np.random.default_rng(0)
    game = new_game(rng)
    gan.train(game, DATA, 5, batch_size=16, seed=rng, progress=False)
    assert identical(weights(game.generator), live.game.generator)
    assert identical(weights(game.discriminator), live.game.discriminator)
    assert live.updates == 15


@pytest.mark.parametrize(("rounds", "kept"), [(1, 1), (3, 3), (LOOKS, LOOKS), (25, LOOKS)])
def test_of_many_rounds_some_moments_are_kept(live, rounds, kept):
    calls = []
    live.step_both(rounds, watch=lambda: calls.append(len(live)))
    assert calls == list(range(2, kept + 2))
    assert len(live) == kept + 1
    assert [s.round for s in live.snapshots][-1] == 3 * rounds


# ---------------------------------------------------------------- settings


def test_k_acts_on_the_next_round(live):
    live.step_both()
    live.k = 5
    live.step_both()
    assert [s.round for s in live.snapshots] == [0, 3, 9]


def test_lr_acts_on_the_next_step(live):
    before = weights(live.game.generator)
    live.lr = 1e-9
    live.step_generator()
    assert all(np.allclose(a, p.data, atol=1e-8) for a, p in zip(before, live.game.generator.parameters(), strict=True))
    live.lr = 0.1
    live.step_generator()
    assert max(np.abs(a - p.data).max() for a, p in zip(before, live.game.generator.parameters(), strict=True)) > 0.01


def test_the_loss_acts_on_the_arrows_and_the_next_step_and_on_nothing_else(live):
    live.step_discriminator(30)
    before = weights(live.game.generator), weights(live.game.discriminator)
    live.loss = "saturating"
    assert identical(before[0], live.game.generator)
    assert identical(before[1], live.game.discriminator)
    old, new = live.snapshots[-2:]
    # dL/ds of the two losses are -(1 - D) and -D.
    d = np.interp(new.g_z, new.x, new.d)
    np.testing.assert_allclose(new.push * (1 - d), old.push * d, rtol=0.02, atol=1e-6)
    live.step_generator()
    assert live.snapshots[-1].losses["generator"] < 0 < old.losses["discriminator"]
    live.loss = "saturating"  # which it is already
    assert len(live) == 4


@pytest.mark.parametrize(("name", "value"), [("k", 0), ("lr", 0.0), ("lr", math.nan), ("loss", "unknown")])
def test_bad_settings_are_refused(live, name, value):
    before = getattr(live, name)
    with pytest.raises(ValueError):
        setattr(live, name, value)
    assert getattr(live, name) == before
    live.reset()
    assert getattr(live, name) == before


# ---------------------------------------------------------------- back to the start, and back in time


def test_reset_gives_the_first_state_again(live):
    first = weights(live.game.generator), weights(live.game.discriminator), pixels(live.show()), live.sentence()
    live.step_both(3)
    after = weights(live.game.generator)
    assert live.reset() == first[3]
    assert identical(first[0], live.game.generator)
    assert identical(first[1], live.game.discriminator)
    np.testing.assert_array_equal(pixels(live.show()), first[2])
    assert (len(live), live.updates) == (1, 0)
    live.step_both(3)
    assert identical(after, live.game.generator)


def test_reset_keeps_the_settings_and_takes_another_seed(live):
    before = weights(live.game.generator)
    live.k, live.lr, live.loss = 3, 0.05, "saturating"
    live.reset(seed=1)
    assert (live.k, live.lr, live.loss, live.seed) == (3, 0.05, "saturating", 1)
    assert not identical(before, live.game.generator)
    live.step_both()
    assert live.updates == 4
    assert live.snapshots[-1].losses["generator"] < 0


def test_show_gives_what_was_then_and_play_goes_on_from_now(live):
    pictures = [pixels(live.show())]
    for move in (live.step_discriminator, live.step_generator, live.step_both):
        move()
        pictures.append(pixels(live.show()))
    for i in (1, 0, 3, 2, -1):
        np.testing.assert_array_equal(pixels(live.show(i)), pictures[i])
    with pytest.raises(IndexError):
        live.show(4)
    now = weights(live.game.generator)
    live.show(0)
    assert identical(now, live.game.generator)


def test_the_curves_have_room_for_all_updates(live):
    live.step_discriminator(70)
    live.step_generator(30)
    picture = live.show()
    assert all(ax.get_xlim() == (0, 160) for ax in live._figure.history)
    np.testing.assert_array_equal(pixels(live.show()), pixels(picture))
    live.show(1)
    assert list(live._figure._artists["value"].get_xdata()) == [0, 70]


# ---------------------------------------------------------------- sentences


def numbers(sentence):
    return [float(x) for x in NUMBER.findall(sentence)]


def highest(snapshot):
    return -LOG_4 + 2 * snapshot.jsd


def change(snapshots, name):
    """The two numbers that a change is told by; one, where they look the same."""
    return list({f"{value:.3f}": value for value in (getattr(each, name) for each in snapshots)}.values())


def test_sentences_say_what_happened(live):
    live.step_discriminator()
    live.step_discriminator(2)
    live.step_generator()
    live.step_both()
    live.step_both(4)
    s, sentence = live.snapshots, live.sentence
    close = {"abs": 6e-4}
    assert numbers(sentence(0)) == pytest.approx([s[0].value, s[0].jsd], **close)
    assert sentence(1).startswith("D took 1 step: V ")
    assert numbers(sentence(1)) == pytest.approx([1, *change(s[:2], "value"), highest(s[1])], **close)
    assert ("rose" in sentence(1)) == (s[1].value > s[0].value)
    assert sentence(2).startswith("D took 2 steps: V ")
    assert numbers(sentence(2)) == pytest.approx([2, *change(s[1:3], "value"), highest(s[2])], **close)
    assert sentence(3).startswith("G took 1 step: V ")
    expected = [1, *change(s[2:4], "value"), *change(s[2:4], "mean"), DATA.mean, *change(s[2:4], "jsd")]
    assert numbers(sentence(3)) == pytest.approx(expected, **close)
    assert sentence(4).startswith("In one round D took 2 steps and G took 1: the JSD ")
    assert numbers(sentence(4)) == pytest.approx([2, 1, *change(s[3:5], "jsd"), s[4].value, highest(s[4])], **close)
    assert sentence().startswith("In each of 4 rounds D took 2 steps and G took 1: the JSD ")
    expected = [4, 2, 1, *change([s[4], s[-1]], "jsd"), s[-1].value, highest(s[-1])]
    assert numbers(sentence()) == pytest.approx(expected, **close)
    live.loss = "saturating"
    arrows = [np.abs(each.push).mean() for each in live.snapshots[-2:]]
    assert numbers(sentence()) == pytest.approx(arrows, rel=0.1)
    assert sentence() in repr(live)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (-1.3862, -1.12, "rose from -1.386 to -1.120"),
        (0.5, 0.25, "fell from 0.500 to 0.250"),
        (0.69314, 0.69312, "stayed at 0.693"),
        (-1e-5, 1e-5, "stayed at 0.000"),
    ],
)
def test_how_changes_are_said(before, after, said):
    from gan.viz.live import _change

    assert _change(before, after) == said


# ---------------------------------------------------------------- in a notebook


def test_it_shows_itself_as_a_small_picture(live):
    png = live._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 40_000


def test_gan_needs_no_notebook():
    code = "import gan, sys; assert not {'ipywidgets', 'IPython'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def controls(live):
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install -e .[notebooks]")
    return live.controls()


@pytest.mark.parametrize(
    ("name", "updates", "moments"),
    [
        ("step D", 1, 2),
        ("step G", 1, 2),
        ("step both", 3, 2),
        ("50 rounds", 150, LOOKS + 1),
        ("100 rounds", 300, LOOKS + 1),
        ("reset", 0, 1),
    ],
)
def test_each_button_does_what_it_says(controls, name, updates, moments):
    controls.buttons[name].click()
    assert controls.live.updates == updates
    assert len(controls.live) == moments
    assert controls.history.max == controls.history.value == moments - 1
    assert bytes(controls.picture.value).startswith(b"\x89PNG")


def test_every_button_is_tested(controls):
    assert list(controls.buttons) == ["step D", "step G", "step both", "50 rounds", "100 rounds", "reset"]


def test_the_slider_shows_and_the_next_step_goes_on(controls):
    first = controls.picture.value, controls.sentence.value
    controls.buttons["step D"].click()
    second = controls.picture.value, controls.sentence.value
    assert first != second
    controls.history.value = 0
    assert (controls.picture.value, controls.sentence.value) == first
    controls.buttons["step G"].click()
    assert controls.live.updates == 2
    assert controls.history.value == 2


def test_the_settings_reach_the_game(controls):
    controls.k.value = 4
    controls.lr.value = 0.05
    controls.loss.value = "saturating"
    assert (controls.live.k, controls.live.lr, controls.live.loss) == (4, 0.05, "saturating")
    assert len(controls.live) == 2
    assert "saturating" in controls.sentence.value
    controls.seed.value = 3
    assert controls.live.seed == 0
    controls.buttons["step both"].click()
    controls.buttons["reset"].click()
    assert controls.live.seed == 3
    assert controls.live.updates == controls.history.value == 0


def test_a_step_that_fails_is_told(controls, monkeypatch):
    def fail(*_):
        raise FloatingPointError("the loss of the generator is nan; try a lower learning rate")

    monkeypatch.setattr(controls.live.game, "step", fail)
    controls.buttons["step G"].click()
    assert "try a lower learning rate" in controls.sentence.value


def test_a_picture_stands_where_no_kernel_runs(controls):
    bundle = controls._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    assert bundle["text/plain"] == controls.live.sentence()
