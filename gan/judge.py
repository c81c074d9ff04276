"""A small classifier, trained on the real images, that judges generated ones by its classes and its features.

``gan.metrics`` has the formulas. Figures of one classifier are comparable with each other and with nothing else.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn, optim
from minigrad.backend import Array
from minigrad.nn import init

from .data.images import Images, ImageSet
from .metrics import class_shares, classifier_score, frechet_distance, nearest_distances
from .places import beside

FEATURES = 64
STEPS = 1200  # of a classifier
LOOKED_UP = 500  # images whose nearest real ones are looked for
_AT_ONCE = 256  # images


class Classifier(nn.Module):
    """Two strided convolutions and two fully connected layers: images (N, c, h, w) to logits (N, classes)."""

    def __init__(self, shape: tuple[int, int, int], classes: int, *, rng: init.Rng = None):
        super().__init__()
        channels, height, width = shape
        rng = init.generator(rng)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 5, stride=2, padding=2, rng=rng),
            nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2, rng=rng),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * -(-height // 4) * -(-width // 4), FEATURES, rng=rng),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, classes, rng=rng)

    def forward(self, images: Array) -> Tensor:
        """Logits, (N, classes)."""
        return self.head(self.body(images))

    def look(self, images: Array) -> tuple[Array, Array]:
        """Features (N, 64) and class probabilities (N, classes)."""
        with mg.no_grad():
            parts = (beside(self, images[i : i + _AT_ONCE]) for i in range(0, len(images), _AT_ONCE))
            features = [self.body(part) for part in parts]
            features = mg.concatenate(features)
            return features.numpy(), F.softmax(self.head(features), dim=1).numpy()


def train_classifier(
    data: Images, *, steps: int = STEPS, batch_size: int = 128, seed: int = 0, progress: bool = True
) -> Classifier:
    """A classifier of the data's own classes, by Adam with a learning rate that falls along a cosine."""
    rng = np.random.default_rng(seed)
    classifier = Classifier(data.shape, len(data.classes), rng=rng)
    optimizer = optim.Adam(classifier.parameters(), lr=2e-3)
    schedule = optim.CosineAnnealingLR(optimizer, steps)
    for _ in tqdm(range(steps), desc="classifier", disable=not progress, dynamic_ncols=True):
        images, labels = (beside(classifier, a) for a in data.sample_labelled(batch_size, rng))
        loss = F.cross_entropy(classifier(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return classifier


def cached_classifier(data: Images, folder: Path | str, *, progress: bool = True) -> Classifier:
    """The classifier in the folder that was trained on the same data; trained and kept there if there is none."""
    path = Path(folder) / f"classifier-{fingerprint(data)}-{STEPS}.safetensors"
    if path.exists():
        classifier = Classifier(data.shape, len(data.classes))
        classifier.load_state_dict(mg.load(path))
        return classifier
    classifier = train_classifier(data, progress=progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    mg.save(partial, classifier.state_dict())
    partial.replace(path)
    return classifier


def fingerprint(data: Images) -> str:
    """Twelve characters that differ for different data: of all kept images, or of the first that are drawn."""
    kept = isinstance(data, ImageSet)
    images, labels = (data.images, data.labels) if kept else data.sample_labelled(512, np.random.default_rng(0))
    digest = hashlib.sha256(repr(data.classes).encode())
    for array in (images, labels):
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()[:12]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the classifier makes of generated images, beside what it makes of real ones."""

    score: float  # from 1 to the number of classes
    real_score: float
    frechet: float  # to the real images
    real_frechet: float  # of as many real images to others: what is left to chance
    shares: tuple[float, ...]  # of the classes
    certainty: float  # the mean probability of the likeliest class
    nearest: float  # the median distance to the nearest real image: of all that are kept, or of as many drawn ones
    real_nearest: float  # the same from real images to other real ones

    @property
    def rarest(self) -> float:
        """The share of the class that comes up least."""
        return min(self.shares)


def judge(classifier: Classifier, images: Array, data: Images, rng: np.random.Generator) -> Verdict:
    """Compares generated images (N, c, h, w) with as many real ones, and those with as many others.

    Of data that are kept and are fewer than 2 N, each half is all that there is to it.
    """
    real = data.different(2 * len(images), rng)
    half = len(real) // 2
    kept = isinstance(data, ImageSet)
    known = data.images if kept else real[half:]
    features, probabilities = classifier.look(images)
    real_features, real_probabilities = classifier.look(real)
    return Verdict(
        score=classifier_score(probabilities),
        real_score=classifier_score(real_probabilities[:half]),
        frechet=frechet_distance(features[:half], real_features[half:]),
        real_frechet=frechet_distance(real_features[:half], real_features[half:]),
        shares=tuple(class_shares(probabilities).tolist()),
        certainty=float(probabilities.max(axis=1).mean()),
        nearest=float(np.median(nearest_distances(images[:LOOKED_UP], known))),
        real_nearest=float(np.median(nearest_distances(real[:LOOKED_UP], known, itself=kept))),
    )
