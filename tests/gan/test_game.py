"""Algorithm 1: the order of moves, what a move may change, and the same rounds written out by hand and in PyTorch."""

import copy
import itertools
import math
import weakref

import numpy as np
import pytest

import gan
import minigrad as mg
import minigrad.nn.functional as F
from gan.objectives import Objective
from minigrad import nn, optim

OBJECTIVES = ["non-saturating", "saturating"]
PLAYERS = ["discriminator", "generator"]


class Network(nn.Module):
    """An MLP that notes what it is given, with one buffer that forward replaces and one that it writes into."""

    def __init__(self, sizes, seed):
        super().__init__()
        self.body = nn.MLP(sizes, nn.Tanh, rng=seed).double()
        self.register_buffer("running", np.zeros(sizes[0]))
        self.register_buffer("count", np.zeros(1))
        self.inputs = []

    def forward(self, x):
        x = mg.Tensor(x) if isinstance(x, np.ndarray) else x
        self.inputs.append(x.data)
        self.running = 0.9 * self.running + 0.1 * x.data.mean(axis=0)
        self.count += 1.0
        return self.body(x)


class NotingSGD(optim.SGD):
    """SGD that notes each of its steps in a log that several share."""

    def __init__(self, params, log, lr=0.1):
        super().__init__(params, lr, momentum=0.5)
        self.log = log

    def step(self):
        self.log.append(self)
        super().step()


def make_game(objective="non-saturating", k=1, noise_size=2):
    """A game of two such networks, and the log of the optimizers' steps."""
    log = []
    generator, discriminator = Network([noise_size, 4, 1], seed=1), Network([1, 5, 1], seed=2)
    game = gan.two_player(
        generator, discriminator, objective, k, optimizer=lambda params: NotingSGD(params, log, lr=0.1)
    )
    return game, log


def batches(real_rows=6, noise_rows=6, noise_size=2, seed=0):
    """A function that draws a batch, and the list of all batches it has drawn."""
    rng, drawn = np.random.default_rng(seed), []

    def draw():
        real, noise = rng.normal(4.0, 0.5, (real_rows, 1)), rng.standard_normal((noise_rows, noise_size))
        drawn.append({"real": real, "noise": noise})
        return drawn[-1]

    return draw, drawn


def everything(player):
    """All that a player's step may change, as bytes, with the gradients."""
    state = player.state_dict()
    arrays = {f"{i}.{name}": a for i, network in enumerate(state["networks"]) for name, a in network.items()}
    for i, remembered in enumerate(state["optimizer"]["state"]):
        arrays |= {f"optimizer.{i}.{name}": np.asarray(a) for name, a in remembered.items()}
    arrays |= {f"grad.{i}": np.asarray(p.grad) for i, p in enumerate(player.parameters) if p.grad is not None}
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}


# ---------------------------------------------------------------- who moves, and on what


@pytest.mark.parametrize("k", [1, 2, 7])
def test_k_steps_of_the_discriminator_then_one_of_the_generator_each_on_a_new_batch(k):
    game, log = make_game(k=k)
    draw, drawn = batches()
    for _ in range(2):
        game.play_round(draw)
    discriminator, generator = (game.players[name].optimizer for name in PLAYERS)
    assert log == 2 * (k * [discriminator] + [generator])
    assert len(drawn) == 2 * (k + 1)
    # The generator sees each batch's noise once, whoever moves; the discriminator sees the data where it moves itself.
    for batch, noise in zip(drawn, game.generator.inputs, strict=True):
        assert noise is batch["noise"]
    seen = {id(x) for x in game.discriminator.inputs}
    for i, batch in enumerate(drawn):
        assert (id(batch["real"]) in seen) == (i % (k + 1) < k)


def test_a_numpy_integer_is_a_k():
    game, log = make_game(k=np.int64(2))
    game.play_round(batches()[0])
    assert len(log) == 3


def test_real_and_fake_go_through_the_discriminator_separately():
    game, _ = make_game()
    draw, _ = batches(real_rows=5, noise_rows=7)
    game.step("discriminator", draw())
    assert [x.shape for x in game.discriminator.inputs] == [(5, 1), (7, 1)]
    game.discriminator.inputs.clear()
    game.step("generator", draw())
    assert [x.shape for x in game.discriminator.inputs] == [(7, 1)]


def test_the_losses_are_those_before_the_last_step_of_each():
    game, _ = make_game(k=2)
    draw, drawn = batches()
    twin, _ = make_game(k=1)
    losses = game.play_round(draw)
    twin.step("discriminator", drawn[0])
    expected = {name: twin.step(name, batch) for name, batch in zip(PLAYERS, drawn[1:], strict=True)}
    assert losses == expected


# ---------------------------------------------------------------- what a move may change


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", PLAYERS)
def test_a_step_changes_its_own_player_alone(name, objective):
    game, log = make_game(objective)
    draw, _ = batches()
    game.play_round(draw)  # so that there are gradients and velocities to be left alone
    other = PLAYERS[1 - PLAYERS.index(name)]
    before, own_before = everything(game.players[other]), everything(game.players[name])
    log.clear()
    game.step(name, draw())
    assert everything(game.players[other]) == before
    assert log == [game.players[name].optimizer]
    after = everything(game.players[name])
    assert after.keys() == own_before.keys()
    # The generator's last bias moves, too: all that is the player's own has changed.
    assert [key for key in after if after[key] == own_before[key]] == []


@pytest.mark.parametrize("name", PLAYERS)
def test_a_step_gives_the_other_no_gradient(name):
    game, _ = make_game()
    game.step(name, batches()[0]())
    other = game.players[PLAYERS[1 - PLAYERS.index(name)]]
    assert all(p.grad is None for p in other.parameters)
    assert all(p.grad is not None for p in game.players[name].parameters)


def test_the_graph_of_the_loss_is_gone_when_the_optimizer_steps():
    weight, graphs, alive = nn.Parameter(np.ones(3)), [], []

    class Watching(optim.SGD):
        def step(self):
            alive.append(graphs[-1]() is not None)
            super().step()

    def loss(batch):
        hidden = mg.tanh(weight)
        graphs.append(weakref.ref(hidden))
        return hidden.sum()

    gan.Player("one", [], Watching([weight], lr=0.1), loss).step({})
    assert alive == [False]
    assert (weight.data < 1.0).all()


def test_a_constant_discriminator_costs_no_weight_gradients():
    runs = {"x": 0, "w": 0}

    def counted(name, rule):
        def vjp(g, out, x, w):
            runs[name] += 1
            return rule(g, x, w)

        return vjp

    @mg.primitive
    def scale(x, w):
        return x * w

    scale.defvjps(counted("x", lambda g, x, w: g * w), counted("w", lambda g, x, w: g * x))

    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(np.full((1, 1), 0.5))

        def forward(self, x):
            return scale(x, self.weight)

    game = gan.two_player(Network([2, 1], seed=1), Scale())
    draw, _ = batches()
    game.step("discriminator", draw())
    assert runs == {"x": 0, "w": 2}  # real and fake; no gradient goes on to the generator
    runs.update(x=0, w=0)
    game.step("generator", draw())
    assert runs == {"x": 1, "w": 0}


def failing(fails):
    """The non-saturating objective, whose generator loss raises once fails is not empty."""

    def loss(fake):
        if fails:
            raise KeyError("planned")
        return F.softplus(-fake).mean()

    return Objective("failing", gan.objectives.named("saturating").discriminator_loss, loss)


def test_parameters_learn_again_after_a_step_and_after_an_exception():
    fails = []
    game, _ = make_game(failing(fails))
    draw, _ = batches()
    by_the_user = next(game.discriminator.parameters())
    by_the_user.requires_grad = False
    before = by_the_user.data.tobytes()

    def frozen():
        return [p for player in game.players.values() for p in player.parameters if not p.requires_grad]

    game.play_round(draw)
    assert frozen() == [by_the_user]
    assert by_the_user.data.tobytes() == before
    fails.append(True)
    untouched = everything(game.players["discriminator"])
    with pytest.raises(KeyError, match="planned"):
        game.step("generator", draw())
    assert frozen() == [by_the_user]
    assert everything(game.players["discriminator"]) == untouched
    assert len(game.discriminator.inputs) == 4  # it took part in the step that failed, and its buffers were put back


def test_a_key_that_something_else_lacks_is_not_said_of_the_batch():
    parameters = nn.Linear(1, 1).parameters()
    player = gan.Player("painter", [], optim.SGD(parameters, 0.1), lambda batch: {"weight": 1.0}["wieght"])
    with pytest.raises(KeyError) as caught:
        player.step({"noise": np.zeros((1, 1))})
    assert caught.value.args == ("wieght",)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", PLAYERS)
def test_a_loss_that_is_not_finite_changes_nothing(name, bad):
    worse = []

    def spoilt(loss):
        return lambda *logits: loss(*logits) * bad if worse else loss(*logits)

    good = gan.objectives.named("non-saturating")
    game, log = make_game(Objective("spoilt", spoilt(good.discriminator_loss), spoilt(good.generator_loss)))
    draw, _ = batches()
    game.play_round(draw)
    before = [everything(player) for player in game.players.values()]
    worse.append(True)
    log.clear()
    with pytest.raises(FloatingPointError, match=f"the loss of the {name} is {bad}; try a lower learning rate"):
        game.step(name, draw())
    assert [everything(player) for player in game.players.values()] == before
    assert log == []
    worse.clear()
    game.play_round(draw)  # and the game can go on


def test_players_that_share_a_network_both_move_it():
    """CoGAN's generators share their first layers: what is one's own is not left alone, buffers and parameters."""
    shared, head, critic = Network([2, 3], seed=1), Network([3, 1], seed=2), Network([1, 1], seed=3)

    def player(name, networks, sign):
        params = [p for network in networks for p in network.parameters()]
        return gan.Player(
            name, networks, optim.SGD(params, 0.1), lambda batch: sign * critic(head(shared(batch["noise"]))).mean()
        )

    players = [player("a", [shared, head], 1.0), player("b", [shared], 1.0), player("c", [critic], -1.0)]
    game = gan.Game(players, gan.data.Normal(), 2)
    draw, _ = batches()
    for name, own in {"a": {"shared", "head"}, "b": {"shared"}, "c": {"critic"}}.items():
        networks = {"shared": shared, "head": head, "critic": critic}
        before = {n: {key: a.tobytes() for key, a in net.state_dict().items()} for n, net in networks.items()}
        game.step(name, draw())
        for n, network in networks.items():
            unchanged = [key for key, a in network.state_dict().items() if a.tobytes() == before[n][key]]
            assert unchanged == ([] if n in own else list(before[n]))


# ---------------------------------------------------------------- the same rounds, written out


def sigmoid(s):
    return 1.0 / (1.0 + np.exp(-s))


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_rounds_by_hand(objective, k):
    """D's logit is a x + b, G is c z + d, and the derivatives are those on paper."""
    generator, discriminator = nn.Linear(1, 1, rng=1).double(), nn.Linear(1, 1, rng=2).double()
    (a, b), (c, d) = ([p.item() for p in net.parameters()] for net in (discriminator, generator))
    lr = 0.3
    game = gan.two_player(generator, discriminator, objective, k, optimizer=lambda params: optim.SGD(params, lr))
    draw, drawn = batches(noise_size=1)
    for _ in range(10):
        game.play_round(draw)
        *for_d, for_g = drawn[-k - 1 :]
        for batch in for_d:
            x, fake = batch["real"], c * batch["noise"] + d
            on_real, on_fake = sigmoid(a * x + b) - 1.0, sigmoid(a * fake + b)  # the loss's slopes by the logits
            a, b = a - lr * ((on_real * x).mean() + (on_fake * fake).mean()), b - lr * (on_real.mean() + on_fake.mean())
        z = for_g["noise"]
        probability = sigmoid(a * (c * z + d) + b)
        slope = probability - 1.0 if objective == "non-saturating" else -probability
        c, d = c - lr * a * (slope * z).mean(), d - lr * a * slope.mean()
    got = [p.item() for net in (discriminator, generator) for p in net.parameters()]
    np.testing.assert_allclose(got, [a, b, c, d], rtol=1e-12)


OPTIMIZERS = {"SGD": {"lr": 0.1, "momentum": 0.5}, "Adam": {"lr": 1e-2, "betas": (0.5, 0.999)}}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_rounds_in_pytorch(objective, name):
    torch = pytest.importorskip("torch")
    sizes, k, settings = ([2, 8, 8, 1], [1, 8, 8, 1]), 2, OPTIMIZERS[name]
    ours = [nn.MLP(s, nn.Tanh, rng=i).double() for i, s in enumerate(sizes)]
    theirs = []
    for s, network in zip(sizes, ours, strict=True):
        layers = [layer for pair in itertools.pairwise(s) for layer in (torch.nn.Linear(*pair), torch.nn.Tanh())]
        theirs.append(torch.nn.Sequential(*layers[:-1]).double())
        theirs[-1].load_state_dict({key: torch.from_numpy(a) for key, a in network.state_dict().items()})
    game = gan.two_player(*ours, objective, k, optimizer=lambda params: getattr(optim, name)(params, **settings))
    generator, discriminator = theirs
    opt_g, opt_d = (getattr(torch.optim, name)(net.parameters(), **settings) for net in theirs)
    bce = torch.nn.BCEWithLogitsLoss()

    def labelled(logits, label):
        return bce(logits, torch.full_like(logits, label))

    draw, drawn = batches()
    for _ in range(20):
        losses = game.play_round(draw)
        *for_d, for_g = ({key: torch.from_numpy(a) for key, a in batch.items()} for batch in drawn[-k - 1 :])
        for batch in for_d:
            fake = generator(batch["noise"]).detach()
            loss_d = labelled(discriminator(batch["real"]), 1.0) + labelled(discriminator(fake), 0.0)
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()
        on_fake = discriminator(generator(for_g["noise"]))
        loss_g = labelled(on_fake, 1.0) if objective == "non-saturating" else -labelled(on_fake, 0.0)
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        expected = {"discriminator": loss_d.item(), "generator": loss_g.item()}
        assert losses == pytest.approx(expected, abs=1e-9)
    for network, reference in zip(ours, theirs, strict=True):
        for key, value in network.state_dict().items():
            np.testing.assert_allclose(value, reference.state_dict()[key].numpy(), rtol=0, atol=1e-9)


class Dirac(nn.Module):
    """One number: the place of a generator's only sample, or the slope of a discriminator's logit."""

    def __init__(self, value, is_generator):
        super().__init__()
        self.value = nn.Parameter(np.full((1, 1), value))
        self.is_generator = is_generator

    def forward(self, x):
        return self.value + 0.0 * x if self.is_generator else self.value * x


def dirac_slopes(psi, theta, objective):
    """The derivatives of L_D by psi and of L_G by theta, for data at 0, a fake at theta and the logit psi x."""
    on_fake = sigmoid(psi * theta)
    return on_fake * theta, (on_fake - 1.0) * psi if objective == "non-saturating" else -on_fake * psi


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_dirac_gan_alternates(objective):
    """Each player answers what the other has just done. Moving at once, both would spiral outwards.

    Source: Mescheder et al. 2018, Which training methods for GANs do actually converge?, section 2.
    """
    h, rounds, start = 0.2, 500, 0.1
    game = gan.two_player(
        Dirac(start, True), Dirac(start, False), objective, optimizer=lambda params: optim.SGD(params, h)
    )
    psi = theta = psi_at_once = theta_at_once = start
    batch = {"real": np.zeros((1, 1)), "noise": np.zeros((1, 1))}
    radius = []
    for _ in range(rounds):
        game.play_round(lambda: batch)
        psi -= h * dirac_slopes(psi, theta, objective)[0]
        theta -= h * dirac_slopes(psi, theta, objective)[1]
        by_psi, by_theta = dirac_slopes(psi_at_once, theta_at_once, objective)
        psi_at_once, theta_at_once = psi_at_once - h * by_psi, theta_at_once - h * by_theta
        radius.append(math.hypot(game.discriminator.value.item(), game.generator.value.item()))
    got = game.discriminator.value.item(), game.generator.value.item()
    np.testing.assert_allclose(got, (psi, theta), rtol=0, atol=1e-12)
    assert max(radius) < 1.3 * radius[0]
    assert math.hypot(psi_at_once, theta_at_once) > 4 * radius[0]


# ---------------------------------------------------------------- all at once


def number_player(name, own, loss, lr):
    return gan.Player(name, [own], optim.SGD(own.parameters(), lr), loss)


class Number(nn.Module):
    """One number that a player owns, and a buffer that counts how often it was looked at."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(np.array(value))
        self.register_buffer("looks", np.zeros(1))

    def forward(self):
        self.looks = self.looks + 1.0
        return self.value


def two_numbers(order, simultaneous=True):
    """a makes a b z small, b makes b ** 2 - 3 a b z small; each draws its own z."""
    a, b = Number(2.0), Number(5.0)
    players = {
        "a": number_player("a", a, lambda batch: (a() * b() * batch["noise"]).sum(), 0.1),
        "b": number_player("b", b, lambda batch: (b() ** 2 - 3.0 * a() * b() * batch["noise"]).sum(), 0.01),
    }
    return gan.Game([players[name] for name in order], gan.data.Normal(), 1, simultaneous=simultaneous), a, b


def drawn_in_turn(*values):
    """A function that draws these batches of noise, one after the other."""
    batches = iter({"noise": np.array([[value]])} for value in values)
    return lambda: next(batches)


def test_a_round_at_once_by_hand():
    """da: 0.1 * b z = 0.1 * 5 * 1; db: 0.01 * (2 b - 3 a z) = 0.01 * (10 - 3 * 2 * 0.5), with a as it was."""
    game, a, b = two_numbers("ab")
    losses = game.play_round(drawn_in_turn(1.0, 0.5))
    assert losses == pytest.approx({"a": 10.0, "b": 10.0}, rel=1e-15)
    assert (a.value.item(), b.value.item()) == pytest.approx((2.0 - 0.5, 5.0 - 0.07), rel=1e-15)
    in_turn, a, b = two_numbers("ab", simultaneous=False)
    losses = in_turn.play_round(drawn_in_turn(1.0, 0.5))
    assert losses == pytest.approx({"a": 10.0, "b": 25.0 - 3.0 * 1.5 * 5.0 * 0.5}, rel=1e-15)
    assert (a.value.item(), b.value.item()) == pytest.approx((1.5, 5.0 - 0.01 * (10.0 - 3.0 * 1.5 * 0.5)), rel=1e-15)


@pytest.mark.parametrize("simultaneous", [True, False])
def test_at_once_the_order_of_players_does_not_matter(simultaneous):
    ends = []
    for order in ("ab", "ba"):
        game, a, b = two_numbers(order, simultaneous)
        for _ in range(5):
            game.play_round(drawn_in_turn(0.7, 0.7))
        ends.append((a.value.item(), b.value.item()))
    assert (ends[0] == ends[1]) == simultaneous


def test_at_once_each_has_its_own_gradient_and_its_own_buffers():
    game, a, b = two_numbers("ab")
    game.play_round(drawn_in_turn(1.0, 0.5))
    assert (a.value.grad.item(), b.value.grad.item()) == pytest.approx((5.0, 7.0), rel=1e-15)
    assert (a.looks.item(), b.looks.item()) == (1.0, 2.0)  # b looks at itself twice, and at a
    assert a.value.requires_grad
    assert b.value.requires_grad


def test_at_once_all_gradients_come_before_all_steps():
    order = []

    class Noting(optim.SGD):
        def step(self):
            order.append("step")
            super().step()

    def noting(loss):
        return lambda batch: order.append("loss") or loss(batch)

    generator, discriminator = Network([2, 1], seed=1), Network([1, 1], seed=2)
    game = gan.two_player(generator, discriminator, optimizer=lambda params: Noting(params, 0.1), simultaneous=True)
    for player in game.players.values():
        player.loss = noting(player.loss)
    draw, drawn = batches()
    game.play_round(draw)
    assert order == ["loss", "loss", "step", "step"]
    assert len(drawn) == 2


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_two_networks_at_once_go_where_each_alone_would_go(objective):
    """Each is where it would be if the other had not moved."""
    game = at_once(objective)
    draw, drawn = batches()
    losses = game.play_round(draw)
    for name, batch in zip(PLAYERS, drawn, strict=True):
        alone, _ = make_game(objective)
        assert alone.step(name, batch) == losses[name]
        assert everything(alone.players[name]) == everything(game.players[name])


def sharing(simultaneous):
    """A game of two players who own the same number."""
    number = Number(1.0)
    players = [number_player(name, number, lambda batch: number().sum(), 0.1) for name in "ab"]
    return gan.Game(players, gan.data.Normal(), 1, simultaneous=simultaneous)


def test_in_turn_two_may_move_the_same_number():
    game = sharing(simultaneous=False)
    game.play_round(drawn_in_turn(0.0, 0.0))
    assert game.players["a"].parameters[0].item() == pytest.approx(0.8, rel=1e-15)


def at_once(objective="non-saturating", **options):
    networks = Network([2, 4, 1], seed=1), Network([1, 5, 1], seed=2)
    return gan.two_player(
        *networks,
        objective,
        optimizer=lambda params: NotingSGD(params, [], lr=0.1),
        simultaneous=True,
        **options,
    )


def test_in_turn_is_what_it_was():
    """Bit by bit: the moves of each player one after the other, whether asked for or left out."""
    games = [make_game(k=2)[0] for _ in range(2)]
    networks = Network([2, 4, 1], seed=1), Network([1, 5, 1], seed=2)
    games.append(
        gan.two_player(*networks, k=2, optimizer=lambda params: NotingSGD(params, [], lr=0.1), simultaneous=False)
    )
    draw, drawn = batches()
    for _ in range(3):
        games[0].play_round(draw)
        games[2].play_round(iter(drawn[-3:]).__next__)
        for name, batch in zip(("discriminator", "discriminator", "generator"), drawn[-3:], strict=True):
            games[1].step(name, batch)
    for name in PLAYERS:
        assert everything(games[0].players[name]) == everything(games[1].players[name])
        assert everything(games[0].players[name]) == everything(games[2].players[name])


def test_at_once_schedules_move_too():
    game = at_once(schedule=lambda optimizer: optim.StepLR(optimizer, 1, gamma=0.5))
    game.play_round(batches()[0])
    assert [player.optimizer.lr for player in game.players.values()] == [0.05, 0.05]


def test_at_once_a_loss_that_is_not_finite_moves_nobody():
    game, a, b = two_numbers("ab")
    with pytest.raises(FloatingPointError, match="the loss of the b is nan"):
        game.play_round(drawn_in_turn(1.0, math.nan))
    assert (a.value.item(), b.value.item()) == (2.0, 5.0)


# ---------------------------------------------------------------- making a game


def test_confidence_is_that_of_the_last_round_and_looking_changes_nothing():
    rng = np.random.default_rng(3)
    generator = nn.Sequential(nn.Linear(2, 4, rng=rng), nn.BatchNorm1d(4), nn.Linear(4, 1, rng=rng))
    discriminator = nn.Sequential(
        nn.Linear(1, 4, rng=rng), nn.Tanh(), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1, rng=rng)
    )
    game = gan.two_player(generator, discriminator)
    assert game.confidence() == {}
    batch = {"real": 4.0 + rng.standard_normal((8, 1)), "noise": rng.standard_normal((8, 2))}

    def mean_probability(samples):
        return mg.sigmoid(copy.deepcopy(discriminator)(samples)).mean().item()

    expected = {"D(x)": mean_probability(batch["real"])}
    game.step("discriminator", batch)
    expected["D(G(z)) before"] = mean_probability(copy.deepcopy(generator)(batch["noise"]))
    game.step("generator", batch)
    expected["D(G(z)) after"] = mean_probability(copy.deepcopy(generator)(batch["noise"]))
    buffers = {name: network.state_dict() for name, network in (("G", generator), ("D", discriminator))}

    assert game.confidence() == pytest.approx(expected)
    assert len({round(value, 5) for value in expected.values()}) == 3
    for name, network in (("G", generator), ("D", discriminator)):
        for key, value in network.state_dict().items():
            np.testing.assert_array_equal(value, buffers[name][key], err_msg=key)


def test_the_call_in_one_line():
    generator, discriminator = nn.MLP([3, 4, 1], nn.Tanh, rng=0), nn.MLP([1, 4, 1], nn.Tanh, rng=0)
    game = gan.two_player(generator, discriminator, objective="non-saturating", k=1)
    history = gan.train(game, gan.data.Normal(4.0, 0.5), steps=2, seed=0, progress=False)
    assert len(history) == 3
    assert list(game.players) == PLAYERS
    assert (game.noise_size, game.prior) == (3, gan.data.Normal())
    for player, network in zip(game.players.values(), (discriminator, generator), strict=True):
        assert player.optimizer.params == list(network.parameters())
        assert (type(player.optimizer), player.optimizer.lr) == (optim.Adam, 1e-3)
        assert player.optimizer.betas == (0.5, 0.999)


def test_each_player_has_a_schedule_that_moves_once_a_round():
    game = gan.two_player(
        nn.Linear(1, 1, rng=0),
        nn.Linear(1, 1, rng=0),
        k=5,
        optimizer=lambda params: optim.SGD(params, 0.1),
        schedule=lambda optimizer: optim.StepLR(optimizer, 1, gamma=0.5),
    )
    for done in range(3):
        assert [player.optimizer.lr for player in game.players.values()] == [0.1 * 0.5**done] * 2
        game.play_round(batches(noise_size=1)[0])


def linear_player(name, steps=1):
    network = nn.Linear(1, 1, rng=0)
    return gan.Player(name, [network], optim.SGD(network.parameters(), 0.1), lambda batch: network(batch), steps)


MISTAKES = {
    "two_player: k must be at least 1, got 0": lambda: make_game(k=0),
    "two_player: k must be at least 1, got -3": lambda: make_game(k=-3),
    "'wishful' is not one of non-saturating, saturating": lambda: make_game("wishful"),
    "painter: steps must be at least 1, got 0": lambda: linear_player("painter", steps=0),
    "two_player: simultaneous moves are one for each player in a round, got k = 2": lambda: at_once(k=2),
    "simultaneous moves are one for each player in a round: steps must be 1": lambda: gan.Game(
        [linear_player("a", steps=2)], gan.data.Normal(), 1, simultaneous=True
    ),
    "simultaneous moves are of a parameter by one player: none may belong to two": lambda: sharing(simultaneous=True),
    "different names, got a, b, a": lambda: gan.Game([linear_player(n) for n in "aba"], gan.data.Normal(), 1),
    "no player 'critic', only discriminator, generator": lambda: make_game()[0].step("critic", {}),
    "the state is of critic, the players are discriminator, generator": lambda: make_game()[0].load_state_dict(
        {"critic": {}}
    ),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_in_one_line(message):
    with pytest.raises(ValueError, match=message) as error:
        MISTAKES[message]()
    assert "\n" not in str(error.value)


def test_an_objective_stands_for_itself():
    objective = Objective("mine", lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean())
    game, _ = make_game(objective)
    assert game.objective is objective
    draw, drawn = batches()
    losses = game.play_round(draw)
    assert losses.keys() == set(PLAYERS)
    assert len(drawn) == 2


def test_a_generator_that_does_not_say_how_much_noise_it_takes_is_refused():
    with pytest.raises(ValueError, match=r"first parameter must be a weight \(out, in\)"):
        gan.two_player(nn.Sequential(nn.Tanh()), nn.MLP([1, 2, 1], nn.Tanh), optimizer=lambda params: None)
