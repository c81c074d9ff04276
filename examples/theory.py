"""What the 2014 paper proves, and what is printed about it, checked by numbers.

    python examples/theory.py

Each statement has two sides, which are computed in two ways. Prints them in a table, then the formulas that are often
printed wrong, and writes a picture for each group of statements. What needs SciPy is left out where there is none.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gan.data import Discrete, Mixture, Normal, Uniform
from gan.theory import Statement, descent, dirac, duality, errata, other_losses, propositions, slopes
from gan.viz import theory as draw
from minigrad import nn, set_backend
from minigrad.backend import add_backend_argument

DATA = Normal()
MU = np.linspace(-4.0, 4.0, 40)  # of samples N(mu, 1), none of which are the data

# ---------------------------------------------------------------- a group of statements each, with its picture


def best_discriminator(rng: np.random.Generator, figure: Figure) -> list[Statement]:
    """Proposition 1: the best discriminator"""
    a, b = rng.uniform(0.01, 5.0, (2, 100))
    narrow = nn.Linear(1, 1)  # G(z) = z / 2 + 1 / 2, whose samples lie too close together
    nn.init.constant_(narrow.weight, 0.5)
    nn.init.constant_(narrow.bias, 0.5)
    trained = propositions.trained_discriminator(DATA, narrow, seed=rng)
    draw.trained_discriminator(figure, trained)
    return propositions.pointwise_maximum(a, b).statements() + trained.statements()


def its_value(rng: np.random.Generator, figure: Figure) -> list[Statement]:
    """Theorem 1: what its value says"""
    shifted = [Normal(mu) for mu in MU]
    others = [Normal(0.0, 0.5), Normal(1.0, 2.0), Mixture([Normal(-2.0, 0.5), Normal(2.0, 0.5)]), Uniform(-1.0, 2.0)]
    draw.criterion(figure, MU, propositions.criterion(DATA, shifted))
    return propositions.criterion(DATA, shifted + others).statements()


def descent_on_q(rng: np.random.Generator, figure: Figure) -> list[Statement]:
    """Proposition 2: descent on q itself"""
    p = np.array([0.1, 0.2, 0.3, 0.4])
    path = descent.descend(p, np.array([0.7, 0.1, 0.1, 0.1]))
    draw.descent(figure, path)
    return descent.convexity(p, seed=rng).statements() + path.statements()


def descent_on_a_parameter(rng: np.random.Generator, figure: Figure) -> list[Statement]:
    """In practice q has parameters"""
    paths = descent.parametrised_descent()
    draw.parametrised(figure, paths)
    return paths.statements()


def two_losses(rng: np.random.Generator, figure: Figure) -> list[Statement]:
    """The generator's two losses"""
    found = slopes.generator_slopes(np.linspace(0.0, 8.0, 81), std=0.8)
    draw.slopes(figure, found)
    return found.statements()


def dirac_gan(rng: np.random.Generator, figure: Figure) -> list[Statement]:
    """The Dirac GAN"""
    draw.dirac(figure, dirac.play(steps=150, start=(1.0, 0.0)))
    return dirac.play().statements()


def other_discriminators(rng: np.random.Generator, figure: Figure) -> list[Statement]:
    """Other labels, other losses"""
    grid = np.linspace(-3.0, 4.0, 71)
    p, q = DATA.density(grid), Normal(1.0).density(grid)
    equal_first = np.append(p[:1], p), np.append(p[:1], q)
    squares = other_losses.least_squares(DATA, Normal(1.0))
    draw.other_discriminators(figure, grid, p, q, squares)
    return other_losses.label_smoothing(*equal_first) + squares.statements()


def wasserstein(rng: np.random.Generator, figure: Figure) -> list[Statement]:
    """The Wasserstein distance"""
    p, q = (Discrete(rng.normal(shift, 1.0, n), rng.uniform(size=n)) for shift, n in ((0.0, 15), (1.0, 20)))
    lines = duality.parallel_lines(np.linspace(-1.0, 1.0, 21))
    draw.parallel_lines(figure, lines)
    return duality.wasserstein_of_normals() + duality.three_ways(p, q).statements() + lines.statements()


GROUPS = (
    best_discriminator,
    its_value,
    descent_on_q,
    descent_on_a_parameter,
    two_losses,
    dirac_gan,
    other_discriminators,
    wasserstein,
)


def check(
    group: Callable[[np.random.Generator, Figure], list[Statement]], seed: int, out: Path | None = None
) -> list[Statement]:
    """The statements of a group; its picture is written to a folder if one is given."""
    figure = Figure(figsize=(10.0, 3.8), dpi=100, layout="constrained")
    statements = group(np.random.default_rng(seed), figure)
    if out is not None:
        figure.savefig(out / f"{group.__name__}.png")
    return statements


# ---------------------------------------------------------------- tables


def heading(title: str) -> str:
    """The first line of a table of statements."""
    return f"{title:58s}{'left':>11s}    {'right':>10s}  difference  verdict"


def errata_table() -> Iterator[str]:
    """The lines of the table of errata: what is printed above what is right."""
    yield f"{'Often printed, and wrong':61s}{'printed':>10s}{'right':>11s}{'measured':>11s}"
    for erratum in errata.ERRATA:
        numbers = "".join(f"{value:11.6f}" for value in erratum.parts())
        yield f"  {erratum.printed:58s}{numbers}"
        yield f"    -> {erratum.right}   [{erratum.where}]"


# ---------------------------------------------------------------- the run


def run(out: Path, seed: int) -> dict[str, object]:
    """Checks and prints everything, writes the pictures, and returns the summary."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, object]] = {}
    for group in GROUPS:
        try:
            statements = check(group, seed, out)
        except ModuleNotFoundError as error:
            print(f"{group.__doc__}: not checked, {error}\n")
            continue
        print(heading(group.__doc__))
        for s in statements:
            print(f"  {s}")
            rows[s.text] = {"left": s.left, "relation": s.relation, "right": s.right, "holds": s.holds}
        print(flush=True)
    for line in errata_table():
        print(line)
    exposed = {erratum.printed: erratum.exposed for erratum in errata.ERRATA}
    summary = {"statements": rows, "errata": exposed, "seconds": time.perf_counter() - started, "seed": seed}
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the example; returns 0 if all holds, 1 if something fails, 2 after one line about a wrong setting."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    add_backend_argument(parser)
    parser.add_argument("--out", type=Path, default=Path("out/theory"), help="folder for what is written")
    settings = parser.parse_args(argv)
    try:
        if settings.seed < 0:
            raise ValueError(f"seed must be at least 0, got {settings.seed}")
        set_backend(settings.backend)
        summary = run(settings.out, settings.seed)
    except (ValueError, FloatingPointError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    holding = [s["holds"] for s in summary["statements"].values()]
    exposed = list(summary["errata"].values())
    print(
        f"\n{sum(holding)} of {len(holding)} statements hold, {sum(exposed)} of {len(exposed)} errors are exposed; "
        f"{summary['seconds']:.1f} seconds; pictures are in {settings.out}"
    )
    return 0 if all(holding) and all(exposed) else 1


if __name__ == "__main__":
    sys.exit(main())
