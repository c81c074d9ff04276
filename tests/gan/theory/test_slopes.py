"""What the generator's two losses go down: reference values, and differences of the divergences themselves."""

import numpy as np
import pytest

from gan.data import Normal
from gan.objectives import named
from gan.theory import jsd, kl, reverse_kl
from gan.theory.slopes import divergence_slopes, generator_slopes, loss_slope

REFERENCE = {  # mu: the slopes of the non-saturating and of the saturating loss, D* held fixed
    0.5: (0.26474, 0.23526),
    1.0: (0.60203, 0.39797),
    2.0: (1.55040, 0.44960),
    3.0: (2.70414, 0.29586),
}


@pytest.mark.parametrize("mu", REFERENCE)
def test_reference_values(mu):
    non_saturating, saturating = REFERENCE[mu]
    assert loss_slope(named("non-saturating"), mu) == pytest.approx(non_saturating, abs=5.1e-6)
    assert loss_slope(named("saturating"), mu) == pytest.approx(saturating, abs=5.1e-6)
    assert divergence_slopes(mu) == pytest.approx((saturating, non_saturating), abs=5.1e-6)


@pytest.mark.parametrize("std", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("mu", [-3.0, -0.5, 0.0, 1.0, 4.0])
def test_slopes_are_differences_of_divergences(mu, std):
    """Also where samples are narrower or wider than the data, and KL one way is not KL the other way."""
    h, p = 1e-4, Normal()
    ahead, behind = Normal(mu + h, std), Normal(mu - h, std)
    of_jsd, of_reverse, of_forward = ((f(p, ahead) - f(p, behind)) / (2.0 * h) for f in (jsd, reverse_kl, kl))
    expected = (2.0 * of_jsd, of_reverse - 2.0 * of_jsd)
    losses = [loss_slope(named(name), mu, std) for name in ("saturating", "non-saturating")]
    assert losses == pytest.approx(expected, abs=1e-6)
    assert divergence_slopes(mu, std) == pytest.approx(expected, abs=1e-6)
    assert (abs(of_forward - of_reverse) < 1e-6) == (std == 1.0 or mu == 0.0)


def test_all_at_once():
    mu = np.array([0.0, 2.0, 6.0, 8.0])
    found = generator_slopes(mu, 0.5)
    assert found.saturating == pytest.approx([loss_slope(named("saturating"), m, 0.5) for m in mu], rel=1e-12)
    assert found.non_saturating == pytest.approx([loss_slope(named("non-saturating"), m, 0.5) for m in mu], rel=1e-12)
    assert list(zip(found.jsd, found.kl_minus_jsd, strict=True)) == [divergence_slopes(m, 0.5) for m in mu]
    assert all(s.holds for s in found.statements())
