"""The losses of the 2014 paper: by hand, against PyTorch, against numeric gradients, at the ends of the line."""

import math

import numpy as np
import pytest

import minigrad as mg
from gan.objectives import OBJECTIVES, named
from minigrad import optim

LOG_2 = math.log(2.0)
REAL, FAKE = np.array([[0.3], [-1.2], [2.5]]), np.array([[0.7], [-0.4], [-3.0], [1.1]])


def t(x, requires_grad=False):
    return mg.tensor(x, dtype=np.float64, requires_grad=requires_grad)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_undecided_discriminator_loses_log_4(name):
    zero = t(np.zeros((5, 1)))
    assert named(name).discriminator_loss(zero, zero).item() == pytest.approx(2.0 * LOG_2, rel=1e-15)
    expected = {"non-saturating": LOG_2, "saturating": -LOG_2}[name]
    assert named(name).generator_loss(zero).item() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_values_by_hand(name):
    """Logits log 3 and -log 3 mean probabilities 3/4 and 1/4; the numbers of real and fake may differ."""
    s = math.log(3.0)
    real, fake = t([[s], [-s]]), t([[s], [-s], [-s], [-s]])
    log_d = 0.5 * (math.log(3 / 4) + math.log(1 / 4))
    log_not_d = 0.25 * math.log(1 / 4) + 0.75 * math.log(3 / 4)
    assert named(name).discriminator_loss(real, fake).item() == pytest.approx(-(log_d + log_not_d), rel=1e-14)
    log_d_fake = 0.25 * math.log(3 / 4) + 0.75 * math.log(1 / 4)
    expected = {"non-saturating": -log_d_fake, "saturating": log_not_d}[name]
    assert named(name).generator_loss(fake).item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_by_differences(name):
    objective = named(name)
    mg.gradcheck(objective.discriminator_loss, (t(REAL, True), t(FAKE, True)))
    mg.gradcheck(objective.generator_loss, (t(FAKE, True),))
    mg.gradgradcheck(objective.discriminator_loss, (t(REAL, True), t(FAKE, True)))
    mg.gradgradcheck(objective.generator_loss, (t(FAKE, True),))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_pytorch_agrees(name):
    torch = pytest.importorskip("torch")
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    real, fake = (torch.tensor(x, requires_grad=True) for x in (REAL, FAKE))
    loss_d = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    loss_g = bce(fake, torch.ones_like(fake)) if name == "non-saturating" else -bce(fake, torch.zeros_like(fake))
    ours = t(REAL, True), t(FAKE, True)
    pairs = [
        (named(name).discriminator_loss(*ours), loss_d, ours, (real, fake)),
        (named(name).generator_loss(ours[1]), loss_g, ours[1:], (fake,)),
    ]
    for mine, theirs, inputs, their_inputs in pairs:
        assert mine.item() == pytest.approx(theirs.item(), rel=1e-14)
        for g, expected in zip(mg.grad(mine, inputs), torch.autograd.grad(theirs, their_inputs), strict=True):
            np.testing.assert_allclose(g.data, expected.numpy(), rtol=1e-13)


@pytest.mark.parametrize(("name", "slope"), [("saturating", -0.0066929), ("non-saturating", -0.9933071)])
def test_the_slope_where_the_discriminator_is_sure(name, slope):
    """At logit -5, D takes a fake for what it is: one loss has nearly stopped to teach, the other has not."""
    s = t([[-5.0]], requires_grad=True)
    assert mg.grad(named(name).generator_loss(s), s)[0].item() == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_logits_of_a_thousand(name, dtype):
    ends = np.array([[1000.0], [-1000.0]], dtype)
    real, fake = (mg.tensor(ends, requires_grad=True) for _ in range(2))
    loss_d = named(name).discriminator_loss(real, fake)
    assert (loss_d.dtype, loss_d.item()) == (dtype, 1000.0)
    for g, expected in zip(mg.grad(loss_d, (real, fake)), ([[0.0], [-0.5]], [[0.5], [0.0]]), strict=True):
        np.testing.assert_array_equal(g.data, np.array(expected, dtype), strict=True)
    loss_g = named(name).generator_loss(fake)
    assert (loss_g.dtype, loss_g.item()) == (dtype, 500.0 if name == "non-saturating" else -500.0)
    expected = [[0.0], [-0.5]] if name == "non-saturating" else [[-0.5], [0.0]]
    np.testing.assert_array_equal(mg.grad(loss_g, fake)[0].data, np.array(expected, dtype), strict=True)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_best_discriminator_is_p_over_p_plus_q(name):
    """Two points, of which the data hold 3 and 1, the fakes 3 and 7: a logit for each point, made as good as can be."""
    real, fake = np.array([0, 0, 0, 1]), np.array([0] * 3 + [1] * 7)
    p, q = np.array([0.75, 0.25]), np.array([0.3, 0.7])
    logits = t([0.0, 0.0], requires_grad=True)
    optimizer = optim.SGD([logits], lr=2.0)
    for _ in range(200):
        loss = named(name).discriminator_loss(logits[real], logits[fake])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    best = p / (p + q)
    np.testing.assert_allclose(mg.sigmoid(logits.data), best, rtol=1e-8)
    assert -loss.item() == pytest.approx(p @ np.log(best) + q @ np.log(1.0 - best), rel=1e-12)


SLOPES = {  # of the generator's loss by mu, at mu, with D held at its best for N(0, 1) against N(mu, 1)
    "non-saturating": {0.5: 0.26474, 1.0: 0.60203, 2.0: 1.55040, 3.0: 2.70414},
    "saturating": {0.5: 0.23526, 1.0: 0.39797, 2.0: 0.44960, 3.0: 0.29586},
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_what_each_generator_loss_goes_down(name):
    """Far from the data the non-saturating slope grows and the saturating one, that of 2 JSD, dies.

    Source: Arjovsky and Bottou 2017, theorem 2.5, for the non-saturating slope: that of KL(q || p) - 2 JSD.
    """
    z = np.linspace(-9.0, 9.0, 2001)
    weight = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) * (z[1] - z[0]) * z.size  # the loss takes a plain mean
    for mu, expected in SLOPES[name].items():
        logits = t(0.5 * mu * mu - mu * (mu + z), requires_grad=True)  # log p - log q at mu + z, whose slope is -mu
        by_logit = mg.grad(named(name).generator_loss(logits), logits)[0].data
        assert -mu * (by_logit @ weight) == pytest.approx(expected, abs=6e-6)
