"""What the paper proves, as numbers; what is a logarithm is in nats.

``value`` has V(D, G), D* and C(G), ``divergences`` and ``transport`` how far apart two distributions are, ``generated``
the exact density of a generator. Claims are checked in ``propositions``, ``slopes``, ``dirac`` and ``alternatives``,
which return what they found and the ``Statement``s that it bears out; ``errata`` has the formulas that it does not.
"""

from . import alternatives, dirac, errata, propositions, slopes
from .divergences import chi_square, jsd, kl, reverse_kl, total_variation
from .generated import GeneratedDistribution, in_use, logits
from .statement import Statement
from .transport import Transport, optimal_transport, wasserstein
from .value import LOG_4, Estimate, best_value, optimal_discriminator, optimal_logits, sampled_value, value

__all__ = [
    "LOG_4",
    "Estimate",
    "GeneratedDistribution",
    "Statement",
    "Transport",
    "alternatives",
    "best_value",
    "chi_square",
    "dirac",
    "divergences",
    "errata",
    "in_use",
    "jsd",
    "kl",
    "logits",
    "optimal_discriminator",
    "optimal_logits",
    "optimal_transport",
    "propositions",
    "reverse_kl",
    "sampled_value",
    "slopes",
    "total_variation",
    "value",
    "wasserstein",
]
