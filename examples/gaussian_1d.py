"""A GAN learns a Gaussian on the line, drawn as Figure 1 of the 2014 paper draws it.

    python examples/gaussian_1d.py

The generator turns noise z into samples x = G(z); the discriminator learns to tell them from the data. Writes an
animation (a page with a player, and a GIF), the last picture, a strip of four moments, the history and a summary.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import gan
from gan.data import Mixture, Normal, Uniform
from minigrad import nn, optim, set_backend
from minigrad.backend import add_backend_argument

DATA = {"gaussian": Normal(4.0, 0.5), "mixture": Mixture([Normal(2.0, 0.4), Normal(5.0, 0.6)])}
PRIORS = {"normal": Normal(), "uniform": Uniform()}
OPTIMIZERS = {
    "adam": lambda params, lr: optim.Adam(params, lr, betas=(0.5, 0.999)),
    "rmsprop": optim.RMSprop,
    "sgd": optim.SGD,
}
PICTURES = 80
NOTES = [
    "Top left: the density of the data (black, dotted) and of what the generator makes (green): they are to be one.",
    "D(x) (blue, dashed) is how sure the discriminator is that x is data. D* (thin) is the best it could be: "
    "1/2 where the two densities agree. Where neither has samples, nothing tells D what to say.",
    "Bottom left: the generator takes each noise value z to a sample x = G(z), on the axis of the picture above. "
    "Orange: which way and how strongly the discriminator pushes each sample; at the end, hardly at all.",
    "Right: V(D, G), which D raises and G lowers; for each G its maximum is -log 4 + 2 JSD. The losses of both. "
    "The Jensen-Shannon divergence of the two densities, computed exactly: 0 when they are one. All are in nats.",
]


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The settings, all of which have defaults."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--loss", default="non-saturating", help=" or ".join(gan.objectives.OBJECTIVES))
    parser.add_argument("--k", type=int, default=5, help="steps of the discriminator in a round")
    parser.add_argument("--steps", type=int, default=1500, help="rounds")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="of both players")
    parser.add_argument("--lr", type=float, default=4e-3, help="learning rate, which falls to 0 along a cosine")
    parser.add_argument("--batch", type=int, default=128, help="samples in a minibatch")
    parser.add_argument("--data", choices=DATA, default="gaussian", help="N(4, 0.5), or two Gaussians")
    parser.add_argument("--prior", choices=PRIORS, default="normal", help="the noise: N(0, 1) or U(-1, 1)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    add_backend_argument(parser)
    parser.add_argument("--out", type=Path, default=Path("out/gaussian_1d"), help="folder for what is written")
    parser.add_argument("--show", action="store_true", help="watch the training in a window")
    parser.add_argument("--no-animation", action="store_true", help="write pictures and figures only, in less time")
    return parser.parse_args(argv)


def make_game(settings: argparse.Namespace, rng: np.random.Generator) -> gan.TwoPlayerGame:
    """Two small networks that play against each other."""
    generator = nn.MLP([1, 16, 16, 1], nn.Softplus, rng=rng)
    discriminator = nn.MLP([1, 32, 32, 1], nn.Tanh, rng=rng)
    return gan.two_player(
        generator,
        discriminator,
        settings.loss,
        settings.k,
        prior=PRIORS[settings.prior],
        optimizer=lambda params: OPTIMIZERS[settings.optimizer](params, settings.lr),
        schedule=lambda optimizer: optim.CosineAnnealingLR(optimizer, settings.steps),
    )


def train(
    settings: argparse.Namespace, game: gan.TwoPlayerGame, rng: np.random.Generator, watch: Callable[[list], None]
) -> tuple[gan.History, list[gan.viz.Snapshot]]:
    """Trains the game, and looks at it as many times as there are pictures."""
    data = DATA[settings.data]
    observer = gan.viz.Observer(game, data)
    evenly = np.linspace(0.0, 1.0, min(PICTURES, settings.steps) + 1)
    moments = set((settings.steps * evenly**1.5).round().astype(int).tolist())  # most happens at the beginning
    snapshots: list[gan.viz.Snapshot] = []

    def look(done: int, losses: dict[str, float]) -> dict[str, float] | None:
        if done not in moments:
            return None
        now = observer.snapshot(done, losses)
        snapshots.append(now)
        watch(snapshots)
        return {"jsd": now.jsd, "value": now.value, "mean": now.mean, "std": now.std}

    history = gan.train(game, data, settings.steps, batch_size=settings.batch, seed=rng, callback=look)
    return history, snapshots


def write_pictures(out: Path, figure: gan.viz.Figure1, snapshots: list[gan.viz.Snapshot], animation: bool) -> None:
    """The last picture and four moments; with animation all of them, as a page and as a GIF."""
    last = len(snapshots) - 1
    four = sorted({0, round(0.15 * last), round(0.35 * last), last})
    chosen = range(last + 1) if animation else four
    recording = gan.viz.Recording()
    for i in chosen:
        figure.draw(snapshots[: i + 1])
        recording.add(figure.picture(), f"round {snapshots[i].round}")
    recording.write_png(out / "final.png")
    recording.write_strip(out / "strip.png", four if animation else range(len(four)))
    if animation:
        recording.write_html(out / "animation.html", "A GAN learns a distribution on the line", NOTES)
        recording.write_gif(out / "animation.gif")


def run(settings: argparse.Namespace) -> dict[str, object]:
    """Trains, writes everything, and returns the summary."""
    started = time.perf_counter()
    for name, lowest in {"steps": 1, "batch": 1, "seed": 0}.items():
        if getattr(settings, name) < lowest:
            raise ValueError(f"{name} must be at least {lowest}, got {getattr(settings, name)}")
    set_backend(settings.backend)
    rng = np.random.default_rng(settings.seed)
    game = make_game(settings, rng)
    settings.out.mkdir(parents=True, exist_ok=True)
    window = gan.viz.Window(settings.steps) if settings.show else None
    history, snapshots = train(settings, game, rng, window.draw if window else lambda snapshots: None)
    history.write_csv(settings.out / "history.csv")
    figure = gan.viz.Figure1(settings.steps)
    write_pictures(settings.out, figure, snapshots, animation=not settings.no_animation)
    end = snapshots[-1]
    summary = {
        "mean": end.mean,
        "std": end.std,
        "jsd": end.jsd,
        "value": end.value,
        "seconds": time.perf_counter() - started,
        "settings": {name: value for name, value in vars(settings).items() if name not in ("out", "show")},
    }
    (settings.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    if window:
        window.wait()
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the example; returns 0, or 2 after one line about what was wrong with a setting."""
    settings = parse_arguments(argv)
    try:
        summary = run(settings)
    except (ValueError, FloatingPointError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    data = DATA[settings.data]
    print(f"data:      mean {data.mean:.3f}, std {data.std:.3f}")
    print(f"generated: mean {summary['mean']:.3f}, std {summary['std']:.3f}, exact JSD {summary['jsd']:.4f} nat")
    print(f"V(D, G):   {summary['value']:.4f} nat; at the end of a perfect game -log 4 = {-gan.theory.LOG_4:.4f}")
    print(f"{summary['seconds']:.1f} seconds; pictures and figures are in {settings.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
