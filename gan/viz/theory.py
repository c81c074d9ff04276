"""Pictures of what gan.theory finds: each function draws one result into a figure, or into a part of one.

The same functions serve the notebook, which hands them figures of pyplot, and scripts, which write files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from minigrad.backend import is_array
from minigrad.messages import shown

from ..theory import LOG_4, optimal_discriminator
from ..theory.descent import Descent, ParametrisedDescent
from ..theory.dirac import Dirac
from ..theory.duality import Duality, ParallelLines
from ..theory.other_losses import LeastSquares, smoothed_discriminator
from ..theory.propositions import Criterion, TrainedDiscriminator
from ..theory.slopes import GeneratorSlopes
from .figure1 import BLUE, GREEN, GREY, ORANGE, PURPLE

RED = "#d01c1f"


def _axes(figure: FigureBase, columns: int = 1) -> list[Axes]:
    """Axes side by side."""
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return list(axes)


def _level(ax: Axes, y: float, text: str, *, below: bool = False) -> None:
    """A grey line at a value with a name."""
    ax.axhline(y, color=GREY, linewidth=1.0, linestyle="--", zorder=0)
    place = ("top", -3) if below else ("bottom", 3)
    ax.annotate(
        text, (0.99, y), (0, place[1]), xycoords=ax.get_yaxis_transform(), textcoords="offset points",
        ha="right", va=place[0], color=GREY, fontsize=10,
    )  # fmt: skip


def trained_discriminator(figure: FigureBase, result: TrainedDiscriminator) -> None:
    """Proposition 1: on the left D on D*, on the right V(D, G) rising to C(G) and not beyond."""
    left, right = _axes(figure, 2)
    seen = result.p + result.q > 1e-3
    x = result.x
    left.axvspan(x[seen][0], x[seen][-1], facecolor="0.95", edgecolor="0.6", label="p + q > 0.001", zorder=0)
    left.plot(x, result.p, color="black", linestyle=":", linewidth=2.0, label="p, the data")
    left.plot(x, result.q, color=GREEN, linewidth=2.0, label="q, the samples")
    left.plot(x, result.d_star, color=BLUE, linewidth=5.0, alpha=0.25, label="D* = p/(p + q)")
    left.plot(x, result.d, color=BLUE, linestyle="--", linewidth=2.0, label="D, trained")
    low, high = x[seen][0], x[seen][-1]
    beyond = 0.5 * (high - low)
    left.set(xlabel="x", title="D against G that stays as it is", xlim=(low - beyond, high + beyond), ylim=(0, 1.05))
    left.legend(fontsize=9, loc="best")
    right.plot(result.steps, result.value, color=PURPLE, linewidth=2.0, label="V(D, G)")
    _level(right, result.best, "C(G) = V(D*, G)")
    _level(right, -LOG_4, "−log 4: D = ½", below=True)
    right.set(xlabel="steps of D", ylabel="nats", title="V(D, G) has a ceiling")
    margin = 0.25 * (result.best + LOG_4)
    right.set_ylim(min(-LOG_4, result.value.min()) - margin, result.best + margin)


def criterion(figure: FigureBase, mu: np.ndarray, result: Criterion) -> None:
    """Theorem 1 for the family N(mu, 1): C and JSD by mu, and one against the other, with a printed error."""
    left, right = _axes(figure, 2)
    left.plot(mu, result.best, color=PURPLE, linewidth=2.0, label="C(G) = V(D*, G)")
    left.plot(mu, result.divergence, color=GREEN, linewidth=2.0, label="JSD(p, q)")
    _level(left, -LOG_4, "−log 4", below=True)
    _level(left, 0.5 * LOG_4, "log 2")
    left.set(xlabel="μ, where q = N(μ, 1)", ylabel="nats", title="least where q = p", ylim=(-1.7, 0.95))
    left.legend(fontsize=9, loc="center", bbox_to_anchor=(0.5, 0.47))
    slope, intercept = result.line
    ends = np.array([0.0, 0.5 * LOG_4])
    right.plot(ends, intercept + slope * ends, color="0.8", linewidth=5.0, label=f"{intercept:.4f} + {slope:.4f} JSD")
    right.plot(result.divergence, result.best, "o", color=PURPLE, markersize=4, label="C(G), computed")
    right.plot(ends, ends - LOG_4, color=RED, linewidth=1.5, label="printed, and wrong: JSD − log 4")
    right.set(xlabel="JSD(p, q), nats", ylabel="C(G), nats", title="a line of slope 2")
    right.legend(fontsize=9)


def descent(figure: FigureBase, result: Descent) -> None:
    """Proposition 2: q, a discrete distribution, goes to p, and C to -log 4."""
    left, right = _axes(figure, 2)
    steps = np.arange(len(result.path))
    for i, (p, q) in enumerate(zip(result.p, result.path.T, strict=True)):
        left.plot(steps, q, color=f"C{i}", linewidth=2.0)
        left.axhline(p, color=f"C{i}", linestyle=":", linewidth=1.5)
    left.set(xlabel="steps down V(D*, q)", ylabel="probability", title="q (lines) goes to p (dotted)", ylim=(0, None))
    there = np.abs(result.path - result.p).max(axis=1) < 1e-3
    left.set_xlim(0, steps[there][0] if there.any() else steps[-1])
    above = result.best + LOG_4
    right.semilogy(steps[above > 1e-15], above[above > 1e-15], color=PURPLE, linewidth=2.0)  # less is rounding
    right.set(xlabel="steps down V(D*, q)", ylabel="C + log 4, nats", title="C goes to −log 4, straight down")


def parametrised(figure: FigureBase, result: ParametrisedDescent) -> None:
    """Where q has a parameter: C has two valleys, and which one is reached depends on the start."""
    left, right = _axes(figure, 2)
    left.plot(result.mu, result.best, color=PURPLE, linewidth=2.0)
    left.fill_between(
        result.mu, -1.25, 0.05, where=result.curvature < 0, color="0.93", linewidth=0, label="not convex here"
    )
    for i, path in enumerate(result.paths):
        on_curve = np.interp(path[[0, -1]], result.mu, result.best)
        left.plot(path[0], on_curve[0], "o", color=f"C{i}", fillstyle="none", markersize=8)
        left.plot(path[-1], on_curve[1], "o", color=f"C{i}", markersize=8, label=f"from {path[0]:g} to {path[-1]:.2f}")
        right.plot(path, color=f"C{i}", linewidth=2.0)
    left.set(xlabel="μ, the only parameter of q", ylabel="C, nats", title="two valleys", ylim=(-1.25, 0.05))
    left.legend(fontsize=9, loc="upper center")
    right.set(xlabel="steps down C(μ)", ylabel="μ", title="the same rule, another end")


def slopes(figure: FigureBase, result: GeneratorSlopes) -> None:
    """How hard each loss pushes the generator, by its distance from the data."""
    (ax,) = _axes(figure)
    ax.plot(result.mu, result.jsd, color=ORANGE, linewidth=6.0, alpha=0.25, label="d/dμ 2 JSD, integral")
    ax.plot(result.mu, result.saturating, color=ORANGE, linewidth=1.8, label="saturating loss, autodiff")
    ax.plot(
        result.mu, result.kl_minus_jsd, color=BLUE, linewidth=6.0, alpha=0.25, label="d/dμ (KL(q, p) − 2 JSD), integral"
    )
    ax.plot(result.mu, result.non_saturating, color=BLUE, linewidth=1.8, label="non-saturating loss, autodiff")
    ax.set_xlabel(f"μ: how far the samples, N(μ, {result.std:g}²), are from the data, N(0, 1)")
    ax.set(ylabel="slope by μ, nats", xlim=(result.mu[0], result.mu[-1]), ylim=(0, None))
    ax.set_title("with the best D, one loss dies far away, the other grows")
    ax.legend(fontsize=9, loc="upper left")


def dirac(figure: FigureBase, result: Dirac) -> None:
    """The phase portrait: where theta and psi go, and how far from the end of the game they are."""
    left, right = _axes(figure, 2)
    paths = {
        "simultaneous": (result.simultaneous, ORANGE),
        "alternating": (result.alternating, BLUE),
        f"simultaneous, with R1, γ = {result.gamma:g}": (result.penalised, GREEN),
    }
    reach = 1.1 * max(abs(path).max() for path, _ in paths.values())
    theta, psi = np.meshgrid(*[np.linspace(-reach, reach, 11)] * 2)
    d = 1.0 / (1.0 + np.exp(-theta * psi))
    left.quiver(theta, psi, d * psi, -d * theta, color="0.75", width=0.004, zorder=0)
    for name, (path, color) in paths.items():
        left.plot(*path.T, color=color, linewidth=1.3, marker=".", markersize=3, label=name)
        right.semilogy(np.hypot(*path.T), color=color, linewidth=1.8, label=name)
    left.plot(*result.simultaneous[0], "o", color="black", markersize=7, zorder=3)
    left.plot(0.0, 0.0, "*", color="black", markersize=11, zorder=3)
    left.set(xlabel="θ, what G makes", ylabel="ψ, the slope of D", title="from ● to ★, or not", aspect="equal")
    start = np.hypot(*result.simultaneous[0])
    steps = np.arange(len(result.simultaneous))
    right.semilogy(
        steps,
        start * (1.0 + 0.25 * result.h**2) ** (0.5 * steps),
        color="black",
        linestyle=":",
        label="√(1 + h²/4) a step",
    )
    right.set(xlabel="rounds", ylabel="distance from (0, 0)", title=f"h = {result.h:g}")
    right.set_ylim(start * 1e-4, None)
    right.legend(fontsize=9, loc="lower left")


def other_discriminators(
    figure: FigureBase, x: np.ndarray, p: np.ndarray, q: np.ndarray, squares: LeastSquares, alpha: float = 0.9
) -> None:
    """What D is best with smoothed labels, and with least squares, beside D* of the 2014 paper."""
    left, right = _axes(figure, 2)
    for ax in (left, right):
        ax.plot(x, p, color="black", linestyle=":", linewidth=2.0, label="p, the data")
        ax.plot(x, q, color=GREEN, linewidth=2.0, label="q, the samples")
        ax.set(xlabel="x", xlim=(x[0], x[-1]))
    left.plot(x, optimal_discriminator(p, q), color=BLUE, alpha=0.4, label="p/(p + q)")
    left.plot(x, smoothed_discriminator(p, q, alpha), color=BLUE, linewidth=2.0, label=f"{alpha:g} p/(p + q)")
    left.set_title(f"labels {alpha:g} for data, 0 for samples")
    right.plot(squares.x, squares.d, color=PURPLE, linewidth=2.0, label="(p − q)/(p + q)")
    right.set_title("least squares, labels 1 and −1")
    for ax in (left, right):
        ax.legend(fontsize=9)


def parallel_lines(figure: FigureBase, result: ParallelLines) -> None:
    """W1 says how far away the samples are, JSD only that they are away."""
    (ax,) = _axes(figure)
    ax.plot(result.theta, result.distance, color=BLUE, linewidth=2.0, marker="o", markersize=4, label="W1 = |θ|")
    apart = result.theta != 0
    for side in (result.theta < 0, result.theta > 0):
        ax.plot(result.theta[side], result.divergence[side], color=GREEN, linewidth=2.0, marker="o", markersize=4)
    ax.plot(0.0, result.divergence[~apart], "o", color=GREEN, label="JSD: log 2 or 0")
    ax.set(xlabel="θ, the distance of the two lines", ylabel="W1, and JSD in nats", title="two parallel lines")
    ax.legend(fontsize=9)


def duality(figure: FigureBase, result: Duality) -> None:
    """W1 from both sides: on the left the cheapest plan, on the right the best potential."""
    left, right = _axes(figure, 2)
    p, q, solved = result.p, result.q, result.transport
    for i, j in np.argwhere(solved.plan > 1e-9):
        ends, mass = (p.values[i], q.values[j]), solved.plan[i, j]
        left.plot(ends, (1, 0), color=PURPLE, alpha=0.4, linewidth=40.0 * mass, zorder=0)
        left.text(np.average(ends, weights=(1, 2)), 1 / 3, f"{mass:.2g}", ha="center", va="center")
    left.scatter(p.values, np.ones(p.values.shape), 1500.0 * p.probabilities, color="black")
    left.scatter(q.values, np.zeros(q.values.shape), 1500.0 * q.probabilities, color=GREEN)
    left.set(xlabel="x", yticks=[0, 1], yticklabels=["q", "p"], ylim=(-0.4, 1.4))
    left.margins(x=0.1)
    left.set_title(f"the cheapest plan costs {solved.distance:.4g}")
    x, f = np.concatenate([p.values, q.values]), np.concatenate([solved.potential_p, solved.potential_q])
    order = np.argsort(x)
    right.plot(x[order], f[order], color=BLUE, linewidth=2.0, zorder=0)
    right.scatter(p.values, solved.potential_p, color="black", label="f at the points of p")
    right.scatter(q.values, solved.potential_q, color=GREEN, label="f at the points of q")
    right.set(xlabel="x", ylabel="f, the potential", title=f"the best potential sees {solved.dual:.4g}", aspect="equal")
    right.legend(fontsize=9)


def residual(
    figure: FigureBase, mu: Sequence[float], right: Sequence[float], printed: Sequence[float], names: tuple[str, str]
) -> str:
    """A formula beside what it should be, by mu: what lies between them is red. names are those of the two.

    Returns the title, which says how far off the formula is.
    """
    (ax,) = _axes(figure)
    worst = np.abs(np.subtract(right, printed)).max()
    verdict = f"{names[1]}: " + ("no residual" if worst < 1e-6 else f"a residual of as much as {worst:.3g}")
    ax.plot(mu, right, color=GREEN, linewidth=5.0, alpha=0.4, label=names[0])
    ax.plot(mu, printed, color="black", linewidth=1.6, label=names[1])
    if worst >= 1e-6:
        ax.fill_between(mu, right, printed, color=RED, alpha=0.35, linewidth=0, label="residual")
    ax.set_title(verdict, color=GREEN if worst < 1e-6 else RED)
    ax.set_xlabel("μ, where p = N(0, 1) and q = N(μ, 1)")
    ax.legend(fontsize=9)
    return verdict


def compare(
    figure: FigureBase,
    typed: Callable[[float], float],
    measured: Callable[[float], float],
    mu: Sequence[float] = tuple(np.linspace(-3.0, 3.0, 25)),
) -> str:
    """The check of an exercise: what a function of mu returns, beside what is measured; see ``residual``.

    Where there is nothing to compare yet, the measured curve is drawn alone. Returns the title, which says what to do.
    """
    name, right, answers = getattr(typed, "__name__", "the function"), [measured(m) for m in mu], [typed(m) for m in mu]
    if not (problem := _not_yet(name, mu, answers)):
        return residual(figure, mu, right, answers, ("measured", name))
    (ax,) = _axes(figure)
    ax.plot(mu, right, color=GREEN, linewidth=5.0, alpha=0.4, label="measured")
    ax.set_title(problem, fontsize=9, wrap=True)
    ax.set_xlabel("μ, where p = N(0, 1) and q = N(μ, 1)")
    ax.legend(fontsize=9)
    return problem


def _not_yet(name: str, mu: Sequence[float], answers: list[object]) -> str:
    """Why answers cannot be compared; nothing, if they can."""
    for m, answer in zip(mu, answers, strict=True):
        if answer is ...:
            return f"{name} returns ... so far: type the printed formula in its place"
        if not isinstance(answer, int | float | np.number) and not (is_array(answer) and answer.shape == ()):
            return f"{name} must return a number for each mu: at {m:g} it returns {shown(answer)}"
        if not np.isfinite(answer):
            return f"{name} must return a finite number for each mu: at {m:g} it returns {answer}"
    return ""
