"""Games on CuPy, or on its stand-in: the numbers are NumPy's, and the traffic between host and device is known."""

import dataclasses

import numpy as np
import pytest
import strict_cupy

import gan
import minigrad as mg
from gan.averaging import WeightAverage
from gan.checkpoint import load_checkpoint, save_checkpoint
from gan.judge import Classifier
from gan.models import dcgan
from gan.objectives import penalties
from gan.theory import dirac, errata, propositions
from gan.training import LOOK_EVERY, draw_batch
from minigrad import nn, optim
from minigrad.backend import to_numpy

DATA = gan.data.Normal(4.0, 0.5)


class Images:
    """Eight by eight pixels of noise."""

    def sample(self, n, rng):
        return rng.uniform(-1.0, 1.0, (n, 1, 8, 8)).astype(np.float32)


class Plane:
    """Points around (2, 2)."""

    def sample(self, n, rng):
        return (2.0 + rng.standard_normal((n, 2))).astype(np.float32)


def line_game(**settings):
    """The 1-D game."""
    rng = np.random.default_rng(0)
    networks = nn.MLP([1, 8, 8, 1], nn.Tanh, rng=rng), nn.MLP([1, 8, 8, 1], nn.Tanh, rng=rng)
    return gan.two_player(*networks, optimizer=lambda p: optim.SGD(p, lr=0.05), **settings)


def image_game():
    """A small DCGAN."""
    rng = np.random.default_rng(0)
    networks = dcgan.Generator(8, 1, 4, 5, rng=rng), dcgan.Discriminator(8, 1, 4, rng=rng)
    return gan.two_player(*networks)


def flat_game():
    """Images, and a discriminator that is to be flat where they are: a second derivative through convolutions."""
    rng = np.random.default_rng(0)
    discriminator = nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1, rng=rng), nn.LeakyReLU(0.2), nn.InstanceNorm2d(4), nn.Flatten(),
        nn.Linear(64, 1, rng=rng),
    )  # fmt: skip
    objective = dataclasses.replace(gan.objectives.named("non-saturating"), penalty=penalties.r1(10.0))
    return gan.two_player(dcgan.Generator(8, 1, 4, 5, rng=rng), discriminator, objective)


def critic_game():
    """WGAN-GP, but that its penalty is taken halfway between real and fake: a length, differentiated twice."""
    rng = np.random.default_rng(0)
    generator, critic = nn.MLP([3, 8, 2], nn.Tanh, rng=rng), nn.MLP([2, 8, 8, 1], nn.ReLU, rng=rng)

    def penalty(critic, batch):
        between = mg.Tensor(0.5 * (batch["real"] + generator(batch["noise"]).data), requires_grad=True)
        (slope,) = mg.grad(critic(between).sum(), between, create_graph=True)
        return 10.0 * ((((slope * slope).sum(1) + 1e-12).sqrt() - 1.0) ** 2).mean()

    objective = gan.objectives.Objective(
        "Wasserstein", lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean(), penalty
    )
    return gan.two_player(generator, critic, objective, optimizer=optim.RMSprop)


GAMES = {
    "line": (line_game, DATA),
    "at once": (lambda: line_game(simultaneous=True), DATA),
    "saturating": (lambda: line_game(objective="saturating"), DATA),
    "images": (image_game, Images()),
    "R1": (flat_game, Images()),
    "WGAN-GP": (critic_game, Plane()),
}
each_game = pytest.mark.parametrize(("make", "data"), GAMES.values(), ids=GAMES)


def on_gpu(game):
    game.generator.to("cupy")
    game.discriminator.to("cupy")
    return game


def weights(game):
    return {f"{name} {n}": a for name, player in game.players.items() for network in player.networks
            for n, a in network.state_dict().items()}  # fmt: skip


def kinds(game):
    """Of which backend the arrays are; counters stay in memory."""
    return {type(a) for name, a in weights(game).items() if not name.endswith("num_batches_tracked")}


def same_weights(ours, theirs):
    theirs = weights(theirs)
    for name, a in weights(ours).items():
        np.testing.assert_allclose(to_numpy(a), to_numpy(theirs[name]), rtol=1e-6, atol=1e-7, err_msg=name)


@each_game
def test_rounds_are_those_of_numpy(cupy, make, data):
    here, there = make(), on_gpu(make())
    for game in (here, there):
        game.generator.double()
        game.discriminator.double()
    histories = [gan.train(game, data, 3, batch_size=6, progress=False) for game in (here, there)]
    assert kinds(there) == {cupy.ndarray}
    same_weights(here, there)
    for name in here.players:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-6)


def test_games_made_with_cupy_are_played_there(cupy):
    mg.set_backend("cupy")
    game = line_game()
    gan.train(game, DATA, 1, batch_size=4, progress=False)
    assert kinds(game) == {cupy.ndarray}


# ---------------------------------------------------------------- traffic: only the stand-in can tell


def traffic_of_a_round(game, data):
    rng = np.random.default_rng(0)
    game.play_round(lambda: draw_batch(game, data, 6, rng))  # what the optimizers remember is made in the first one
    strict_cupy.counts.clear()
    game.play_round(lambda: draw_batch(game, data, 6, rng))
    return dict(strict_cupy.counts)


#: Kernels that a round, of two steps, may launch at most.
BUDGET = {"line": 102, "at once": 102, "saturating": 102, "images": 109, "R1": 302, "WGAN-GP": 140}


@pytest.mark.parametrize("name", GAMES)
def test_a_round_copies_up_the_batch_and_the_noise_and_reads_nothing(stand_in, name):
    make, data = GAMES[name]
    game = on_gpu(make())
    traffic = traffic_of_a_round(game, data)
    real = data.sample(6, np.random.default_rng(0))
    noise = 6 * game.noise_size * 4
    assert traffic["uploads"] == 4
    assert traffic["uploaded"] == 2 * (real.nbytes + noise)
    assert not traffic.get("waits")
    assert traffic["launches"] <= BUDGET[name]


def test_a_batch_that_is_there_already_is_not_copied(stand_in):
    game, batch = on_gpu(line_game()), {name: stand_in.ones((4, 1), np.float32) for name in ("real", "noise")}
    strict_cupy.counts.clear()
    for name in game.players:
        game.step(name, batch)
    assert not strict_cupy.counts["uploads"]
    assert all(game.here(batch)[name] is batch[name] for name in batch)


@pytest.mark.parametrize("wrap", [lambda array: array, mg.Tensor], ids=["arrays", "tensors"])
def test_a_batch_goes_to_where_the_networks_are(cupy, wrap):
    """Up, and down."""
    batch = {name: np.full((4, 1), 0.5, np.float32) for name in ("real", "noise")}
    up = {name: wrap(cupy.asarray(array)) for name, array in batch.items()}
    down = {name: wrap(array) for name, array in batch.items()}
    games = line_game(), line_game(), on_gpu(line_game())
    for game, given in zip(games, (batch, up, down), strict=True):
        for name in game.players:
            game.step(name, given)
        same_weights(games[0], game)
    assert {type(a) for a in weights(games[1]).values()} == {np.ndarray}


def test_losses_are_read_every_so_many_rounds(stand_in):
    game = on_gpu(line_game())
    strict_cupy.counts.clear()
    history = gan.train(game, DATA, LOOK_EVERY + 3, batch_size=2, progress=False)
    assert strict_cupy.counts["waits"] == 2
    assert all(isinstance(row[name], float) for row in history.rows[1:] for name in game.players)


def test_a_callback_may_read_a_loss_and_the_history_in_between(cupy, tmp_path):
    seen = []

    def look(done, losses):
        seen.extend(f"{loss:.3f}" for loss in losses.values())

    game = on_gpu(line_game())
    history = gan.train(game, DATA, 2, batch_size=4, progress=False, callback=look)
    assert seen == [f"{row[name]:.3f}" for row in history.rows[1:] for name in game.players]
    history.write_csv(tmp_path / "history.csv")
    assert "array" not in (tmp_path / "history.csv").read_text(encoding="utf-8")


def test_a_loss_that_is_not_finite_ends_the_training(cupy):
    game = on_gpu(line_game())
    player = game.players["generator"]
    loss, calls = player.loss, []

    def breaks_down(batch):
        calls.append(1)
        return loss(batch) * (float("nan") if len(calls) == 3 else 1.0)

    player.loss = breaks_down
    with pytest.raises(FloatingPointError, match=r"^round 3: the loss of the generator is nan; try a lower"):
        gan.train(game, DATA, 10, batch_size=4, progress=False)


# ---------------------------------------------------------------- what goes with a game


@each_game
def test_a_checkpoint_of_one_backend_goes_on_on_the_other(cupy, tmp_path, make, data):
    def played(game, history, rng, steps):
        return gan.train(game, data, steps, batch_size=6, seed=rng, progress=False, history=history)

    straight, rng = make(), np.random.default_rng(1)
    expected = played(straight, None, rng, 4)
    for first, second in [(make(), on_gpu(make())), (on_gpu(make()), make())]:
        rng = np.random.default_rng(1)
        history = played(first, None, rng, 2)
        save_checkpoint(tmp_path / "a.safetensors", history, rng, game=first)
        rng = np.random.default_rng(99)
        history = load_checkpoint(tmp_path / "a.safetensors", rng, game=second)
        history = played(second, history, rng, 4)
        np.testing.assert_allclose(history["generator"], expected["generator"], rtol=1e-3)
        assert len(kinds(second)) == 1


def test_a_checkpoint_in_the_middle_has_the_losses_as_numbers(cupy, tmp_path):
    game, history, rng = on_gpu(line_game()), gan.History(), np.random.default_rng(0)

    def keep(done, losses):
        save_checkpoint(tmp_path / "a.safetensors", history, rng, game=game)

    gan.train(game, DATA, 3, batch_size=4, seed=rng, progress=False, history=history, callback=keep)
    kept = load_checkpoint(tmp_path / "a.safetensors", np.random.default_rng(), game=line_game())
    assert [row["round"] for row in kept.rows] == [0, 1, 2]  # a round's row comes after its callback
    assert all(isinstance(row[name], float) for row in kept.rows[1:] for name in game.players)


def test_the_average_of_the_weights_is_where_they_are(cupy):
    network, there = nn.Linear(2, 1, rng=0), nn.Linear(2, 1, rng=0).to("cupy")
    averages = WeightAverage(network), WeightAverage(there)
    for average in averages:
        average._source.weight.data = average._source.weight.data + 1.0
        average.update()
    a, b = (average.network.state_dict() for average in averages)
    assert isinstance(b["weight"], cupy.ndarray)
    np.testing.assert_allclose(a["weight"], to_numpy(b["weight"]), rtol=1e-6)


def test_images_are_drawn_and_judged_in_memory(cupy):
    generator, classifier = dcgan.Generator(8, 1, 4, 5, rng=0).eval(), Classifier((1, 8, 8), 3, rng=0)
    noise = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    images = generator.draw(noise)
    looks = classifier.look(images)
    generator.to("cupy")
    classifier.to("cupy")
    np.testing.assert_allclose(generator.draw(noise), images, rtol=1e-4, atol=1e-5)
    for a, b in zip(classifier.look(images), looks, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_confidence_is_numpys(cupy):
    sure = []
    for game in (image_game(), on_gpu(image_game())):
        gan.train(game, Images(), 1, batch_size=6, progress=False)
        sure.append(game.confidence())
    assert sure[0] == pytest.approx(sure[1], rel=1e-4)


# ---------------------------------------------------------------- the theory, whose integrals are in memory


def what_theory_trains():
    """A discriminator that learns beside the exact densities, a Dirac GAN, and the errata that have networks."""
    still = nn.Linear(1, 1, rng=0)
    trained = propositions.trained_discriminator(gan.data.Normal(), still, steps=3, batch_size=8, looks=2)
    path = dirac.dirac_trajectory(0.2, 5, (0.1, 0.0), simultaneous=True, gamma=1.0)
    found = [number for erratum in errata.ERRATA for number in erratum.parts() if "batch of 64" not in erratum.printed]
    return np.concatenate([trained.d, trained.value, path.ravel(), found])


def test_the_theory_comes_to_the_same(cupy):
    here = what_theory_trains()
    mg.set_backend("cupy")
    np.testing.assert_allclose(what_theory_trains(), here, rtol=1e-4, atol=1e-6)


def test_a_callback_that_measures_does_not_make_the_host_wait(stand_in):
    game = on_gpu(line_game())
    strict_cupy.counts.clear()
    gan.train(game, DATA, 10, batch_size=2, progress=False, callback=lambda done, losses: {"fid": float("nan")})
    assert strict_cupy.counts["waits"] == 1
