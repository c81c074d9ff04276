"""Printed errors: each is exposed where it is wrong, none where it is right, and the first agree where all is done."""

import dataclasses

import pytest

from gan.data import Normal
from gan.theory import best_value, errata, jsd

EACH = pytest.mark.parametrize("erratum", errata.ERRATA, ids=lambda e: e.printed)
BY_NAME = {e.printed: e for e in errata.ERRATA}

REFERENCE = {  # mu: C, and what two printed formulas give in its place, for N(0, 1) and N(mu, 1)
    0.0: (-1.38629, -1.38629, -1.3863),
    1.0: (-1.16345, -1.27487, -1.6635),
    2.0: (-0.71263, -1.04946, -2.7126),
    4.0: (-0.12085, -0.75357, -8.1209),
}
NUMBERS = {  # printed, right, at the input that stands in the table
    "JSD is 1 where p and q have nothing in common": (1.0, 0.693147),
    "the non-saturating loss goes down 2 JSD": (0.44960, 1.55040),
    "at the end L_D = -V = log 2": (0.693147, 1.386294),
    "at the end L_D = log 4, whatever the GAN": (1.386294, 0.25),
    "at the end L_G = 0": (0.0, 0.693147),
    "E log D(x) has a part in the slope of G, as in -dL_G/dx": (-1.550400, 0.0),
    "labels 0.9 for 1 leave D* = 1/2": (0.5, 0.45),
    "0.95 E_p log D leaves D* = 1/2": (0.5, 0.487179),
    "a critic with clipped weights finds W1": (3.0, 0.03),
    "in a round G takes k steps": (5.0, 1.0),
}


@EACH
def test_it_is_exposed_and_the_right_formula_is_not(erratum):
    assert erratum.exposed
    swapped = dataclasses.replace(erratum, printed_value=erratum.right_value, right_value=erratum.printed_value)
    assert not swapped.exposed
    assert not dataclasses.replace(erratum, printed_value=erratum.right_value).exposed
    assert not dataclasses.replace(erratum, right_value=erratum.printed_value).exposed


@pytest.mark.parametrize("mu", REFERENCE)
def test_reference_values(monkeypatch, mu):
    monkeypatch.setattr(errata, "Q", Normal(mu))
    best, half, in_both = REFERENCE[mu]
    for name, expected in (("C(G) = JSD(p || q) - log 4", half), ("V(D*, G) = E_p log D* + E_p log(1 - D*)", in_both)):
        printed, right, measured = BY_NAME[name].parts()
        assert printed == pytest.approx(expected, abs=5.1e-5 if name.startswith("V") else 5.1e-6)
        assert (right, measured) == pytest.approx((best, best), abs=5.1e-6)


@pytest.mark.parametrize("erratum", errata.ERRATA[:4], ids=lambda e: e.printed)
def test_where_q_is_p_the_printed_formula_agrees(monkeypatch, erratum):
    """Whoever checks it at the end of the game finds nothing; and it parts again as soon as q moves."""
    monkeypatch.setattr(errata, "Q", errata.P)
    printed, right, measured = erratum.parts()
    assert (printed, right) == pytest.approx((measured, measured), abs=1e-9)
    assert not erratum.exposed
    for mu in (-0.5, 0.5, 3.0):
        monkeypatch.setattr(errata, "Q", Normal(mu))
        assert erratum.exposed


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    printed, right, measured = BY_NAME[name].parts()
    assert (printed, right) == pytest.approx(NUMBERS[name], abs=5.1e-6)
    assert measured == pytest.approx(right, abs=1e-6)


def test_histograms_of_few_samples_are_far_apart():
    """150 samples in 900 cells: more than 0.4 bit, of a distribution from itself."""
    printed, right, measured = BY_NAME["the JSD of two histograms is the JSD"].parts()
    assert printed > 0.4 * 0.693
    assert right == pytest.approx(measured, abs=1e-12)
    assert errata._histogram_jsd(n=1_000_000) < 1e-3


def test_a_batch_of_64_is_off_by_its_standard_error():
    printed, right, measured = BY_NAME["V of a batch of 64 is V(D*, G)"].parts()
    assert right == pytest.approx(best_value(Normal(), Normal(2.0)), rel=1e-12)
    assert 0.01 < abs(printed - right) < 0.5
    assert abs(measured - right) < 3e-3


def test_disjoint_distributions_tell_the_factor():
    """-log 4 + 2 log 2 is 0, as V(D*) is; -log 4 + log 2 is not."""
    assert best_value([1.0, 0.0], [0.0, 1.0]) == 0.0
    assert jsd([1.0, 0.0], [0.0, 1.0]) - errata.LOG_4 == pytest.approx(-0.693147, abs=1e-6)


def test_no_text_is_printed_twice():
    assert len(BY_NAME) == len(errata.ERRATA)
    assert all(e.printed != e.right for e in errata.ERRATA)
