"""R1: by hand, beside PyTorch, and where it enters the game."""

import dataclasses
import math

import numpy as np
import pytest

import gan
import minigrad as mg
from gan.objectives import named
from gan.objectives.penalties import r1
from minigrad import nn, optim

X = np.array([[0.3], [-1.2], [2.0], [0.5]])


class Scalar(nn.Module):
    """The logit w x ** 2, or G(z) = w z."""

    noise_size = 1

    def __init__(self, w, power=2):
        super().__init__()
        self.w, self.power = nn.Parameter(np.array([w])), power

    def forward(self, x):
        return x**self.power * self.w


def test_by_hand():
    """The slope of w x ** 2 is 2 w x: the penalty is gamma / 2 times the mean of 4 w ** 2 x ** 2."""
    discriminator = Scalar(1.5)
    penalty = r1(3.0)(discriminator, {"real": X})
    assert penalty.shape == ()
    assert penalty.item() == pytest.approx(1.5 * 4.0 * 1.5**2 * (X**2).mean(), rel=1e-12)
    penalty.backward()
    assert discriminator.w.grad.item() == pytest.approx(1.5 * 8.0 * 1.5 * (X**2).mean(), rel=1e-12)


def test_the_square_of_a_length_in_the_plane():
    """Summed over what makes up one sample, and a mean over samples."""
    linear = nn.Linear(2, 1, rng=0).double()
    linear.weight.data = np.array([[3.0, 4.0]])
    batch = {"real": np.random.default_rng(0).standard_normal((7, 2))}
    assert r1(1.0)(linear, batch).item() == pytest.approx(12.5, rel=1e-12)
    images = nn.Sequential(nn.Flatten(), linear)
    assert r1(1.0)(images, {"real": batch["real"].reshape(7, 1, 1, 2)}).item() == pytest.approx(12.5, rel=1e-12)


def test_gradients_by_differences():
    discriminator = nn.MLP([2, 3, 1], nn.Tanh, rng=0).double()
    batch = {"real": np.random.default_rng(0).standard_normal((4, 2))}
    r1(2.0)(discriminator, batch).backward()
    for p in discriminator.parameters():
        for i in np.ndindex(p.shape):
            ends, middle, h = [], p.data[i], 1e-5
            for p.data[i] in (middle + h, middle - h):
                ends.append(r1(2.0)(discriminator, batch).item())
            p.data[i] = middle
            difference = (ends[0] - ends[1]) / (2.0 * h)
            # The last bias has no part in the slope.
            assert (0.0 if p.grad is None else p.grad[i]) == pytest.approx(difference, rel=1e-6, abs=1e-9)


def test_pytorch_agrees():
    torch = pytest.importorskip("torch")
    ours = nn.MLP([2, 8, 8, 1], nn.Tanh, rng=0).double()
    layers = [torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)]
    theirs = torch.nn.Sequential(*layers).double()
    theirs.load_state_dict({key: torch.from_numpy(a) for key, a in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((6, 2))
    penalty = r1(10.0)(ours, {"real": x})
    penalty.backward()
    real = torch.from_numpy(x).requires_grad_()
    (slope,) = torch.autograd.grad(theirs(real).sum(), real, create_graph=True)
    expected = 0.5 * 10.0 * slope.pow(2).sum(dim=1).mean()
    expected.backward()
    assert penalty.item() == pytest.approx(expected.item(), rel=1e-12)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        if q.grad is not None:
            np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_it_enters_the_discriminators_step_once_and_no_other():
    """SGD at 1 takes off the gradient of loss and penalty together; the generator's loss is as it was."""
    steps = []

    class Counting(optim.SGD):
        def step(self):
            steps.append(self)
            super().step()

    def play(penalty):
        objective = dataclasses.replace(named("saturating"), penalty=penalty)
        generator, discriminator = Scalar(0.7, power=1), Scalar(0.4)
        game = gan.two_player(generator, discriminator, objective, optimizer=lambda params: Counting(params, 1.0))
        batch = {"real": X, "noise": np.array([[0.2], [1.0], [-0.6], [0.1]])}
        return [game.step("generator", batch), game.step("discriminator", batch)], generator, discriminator

    plain, g, d = play(None)
    with_penalty, g_too, d_too = play(r1(0.5))
    assert with_penalty[0] == plain[0]
    assert g_too.w.item() == g.w.item()
    mean = (X**2).mean()
    assert with_penalty[1] - plain[1] == pytest.approx(0.25 * 4.0 * 0.4**2 * mean, rel=1e-9)
    assert d.w.item() - d_too.w.item() == pytest.approx(0.25 * 8.0 * 0.4 * mean, rel=1e-9)
    assert len(steps) == 4


def test_the_penalty_leaves_the_batch_and_the_generator_alone():
    seen = []
    objective = dataclasses.replace(
        named("saturating"), penalty=lambda discriminator, batch: seen.append((discriminator, batch)) or mg.tensor(0.0)
    )
    generator, discriminator = nn.Linear(1, 1, rng=0), nn.MLP([1, 3, 1], nn.Tanh, rng=1)
    game = gan.two_player(generator, discriminator, objective)
    batch = {"real": X.astype(np.float32), "noise": X.astype(np.float32)}
    game.step("discriminator", batch)
    game.step("generator", batch)
    assert len(seen) == 1
    assert seen[0][0] is discriminator
    np.testing.assert_array_equal(seen[0][1]["real"], X.astype(np.float32))
    game.objective = dataclasses.replace(objective, penalty=r1(1.0))
    game.step("discriminator", batch)
    np.testing.assert_array_equal(batch["real"], X.astype(np.float32))
    assert all(p.grad is not None for p in discriminator.parameters())


@pytest.mark.parametrize("gamma", [0.0, -1.0, math.nan])
def test_a_gamma_that_is_not_above_0_is_refused(gamma):
    with pytest.raises(ValueError, match=f"r1: gamma must be above 0, got {gamma}"):
        r1(gamma)


def test_a_gamma_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="r1: gamma must be a number, got '1'"):
        r1("1")


@pytest.mark.parametrize("gamma", [np.inf, np.nan])
def test_gamma_is_finite(gamma):
    with pytest.raises(ValueError, match="r1: gamma must be above 0"):
        r1(gamma)


def test_batch_normalisation_is_refused():
    """The slope of a sum is not the slope at each point then."""
    critic = nn.Sequential(nn.Linear(1, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 1, rng=1))
    with pytest.raises(ValueError, match="r1: the discriminator has batch normalisation"):
        r1(1.0)(critic, {"real": np.zeros((3, 1), np.float32)})
