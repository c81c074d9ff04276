"""The Dirac GAN beside loops of a few lines in NumPy, and beside what linear algebra says of it."""

import math

import numpy as np
import pytest

from gan.theory.dirac import dirac_trajectory, play


def sigmoid(s):
    return 1.0 / (1.0 + math.exp(-s))


def path_by_hand(h, steps, start, *, simultaneous, gamma=0.0, objective="saturating"):
    """L_D = softplus(psi theta) + gamma psi^2 / 2 + a constant, and L_G = -softplus(psi theta) or softplus(-...)."""
    theta, psi = start
    path = [start]
    for _ in range(steps):
        psi_before = psi
        psi = psi - h * (sigmoid(psi * theta) * theta + gamma * psi)
        seen = psi_before if simultaneous else psi
        d = sigmoid(seen * theta)
        theta = theta - h * seen * (-d if objective == "saturating" else d - 1.0)
        path.append((theta, psi))
    return np.array(path)


@pytest.mark.parametrize("start", [(1e-3, 0.0), (1.0, -0.5)])
@pytest.mark.parametrize("objective", ["saturating", "non-saturating"])
@pytest.mark.parametrize("gamma", [0.0, 1.0])
@pytest.mark.parametrize("simultaneous", [False, True])
def test_a_loop_written_out(simultaneous, gamma, objective, start):
    settings = {"simultaneous": simultaneous, "gamma": gamma, "objective": objective}
    found = dirac_trajectory(0.2, 50, start, **settings)
    error = 1e-5 if gamma else 1e-9  # the data are float32, and so is a slope by them
    np.testing.assert_allclose(found, path_by_hand(0.2, 50, start, **settings), rtol=error, atol=1e-12)


@pytest.mark.parametrize("objective", ["saturating", "non-saturating"])
def test_500_steps_of_0_2_lead_12_times_as_far_away(objective):
    """sqrt(1 + 0.2 ** 2 / 4) ** 500 is 12.0; near 0 both losses have the same slope."""
    found = dirac_trajectory(0.2, 500, (1e-3, 0.0), simultaneous=True, objective=objective)
    factor = np.hypot(*found[-1]) / np.hypot(*found[0])
    assert factor == pytest.approx(12.0, abs=0.05)
    assert factor == pytest.approx((1.0 + 0.01) ** 250, rel=3e-4)
    by_hand = path_by_hand(0.2, 500, (1e-3, 0.0), simultaneous=True, objective=objective)
    assert factor == pytest.approx(np.hypot(*by_hand[-1]) / np.hypot(*by_hand[0]), rel=1e-9)


@pytest.mark.parametrize("h", [0.1, 0.4])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_other_steps_and_penalties(h, gamma):
    """With little of R1 it comes in round and round, with much of it straight, and as fast as computed in any case."""
    found = play(h, steps=60, gamma=gamma)
    *_, comes_in = statements = found.statements()
    assert all(s.holds for s in statements[:-1])
    assert comes_in.left < 0.9


def test_what_is_kept():
    found = play(steps=10)
    assert [path.shape for path in (found.simultaneous, found.alternating, found.penalised)] == [(11, 2)] * 3
    assert (found.h, found.gamma) == (0.2, 1.0)
    for path in (found.simultaneous, found.alternating, found.penalised):
        np.testing.assert_array_equal(path[0], [1e-3, 0.0])
    np.testing.assert_allclose(found.simultaneous[1], [1e-3, -1e-4], rtol=1e-6)  # psi sees theta, theta a flat D
    np.testing.assert_allclose(found.alternating[1], [1e-3 - 1e-5, -1e-4], rtol=1e-4)  # theta sees the new psi
