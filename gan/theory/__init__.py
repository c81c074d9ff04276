"""What the paper proves, as numbers; what is a logarithm is in nats.

Quantities: ``discriminator`` has D*, V(D, G) and C(G); ``divergences`` and ``transport`` have distances of two
distributions, which are given as ``integrals`` says; ``generated`` has the exact density of a generator.

Claims: ``propositions``, ``descent``, ``slopes``, ``dirac``, ``other_losses`` and ``duality`` return what they found
and ``Statement``s about it; ``errata`` has formulas that are printed and wrong.
"""

from . import descent, dirac, duality, errata, optimum, other_losses, propositions, slopes
from .discriminator import LOG_4, Estimate, best_value, optimal_discriminator, optimal_logits, sampled_value, value
from .divergences import chi_square, jsd, kl, reverse_kl, total_variation
from .generated import GeneratedDistribution, in_use, logits
from .statement import Statement
from .transport import Transport, optimal_transport, wasserstein

__all__ = [
    "LOG_4",
    "Estimate",
    "GeneratedDistribution",
    "Statement",
    "Transport",
    "best_value",
    "chi_square",
    "descent",
    "dirac",
    "duality",
    "errata",
    "in_use",
    "jsd",
    "kl",
    "logits",
    "optimal_discriminator",
    "optimal_logits",
    "optimal_transport",
    "optimum",
    "other_losses",
    "propositions",
    "reverse_kl",
    "sampled_value",
    "slopes",
    "total_variation",
    "value",
    "wasserstein",
]
