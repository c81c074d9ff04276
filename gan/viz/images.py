"""Images as pictures: a grid of them, and the way from one to another through the generator's noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan.data.glyphs import font_file
from minigrad.backend import Array, to_numpy

TILE = 64  # pixels, which smaller images are enlarged to
GAP = 2
TEXT = 12  # the height of a label in pixels
GREY = (128, 128, 128)


def grid(
    images: Array,
    columns: int | None = None,
    *,
    labels: Sequence[str] | None = None,
    zoom: int | None = None,
) -> Image.Image:
    """Images (n, 1 or 3, h, w) in rows, with grey between them; what lies outside [-1, 1] is drawn as -1 or 1.

    Args:
        columns: in each row; by default about as many as there are rows.
        labels: a text above each image.
        zoom: each pixel is drawn as a square of this side; by default as fits TILE.

    Raises:
        ValueError: when the images have another shape, there are not as many labels, or columns or zoom is below 1.
    """
    images = to_numpy(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(f"grid: images must be (n, 1 or 3, h, w) with n above 0, got {images.shape}")
    n, _, h, w = images.shape
    columns = math.ceil(math.sqrt(n)) if columns is None else columns
    zoom = max(1, TILE // max(h, w)) if zoom is None else zoom
    if columns < 1 or zoom < 1 or (labels is not None and len(labels) != n):
        given = "no" if labels is None else len(labels)
        raise ValueError(f"grid: columns and zoom must be at least 1, labels {n}, got {columns}, {zoom} and {given}")
    across, down = GAP + w * zoom, GAP + h * zoom + (0 if labels is None else TEXT + GAP)
    picture = Image.new("RGB", (GAP + columns * across, GAP + math.ceil(n / columns) * down), GREY)
    pen, font = ImageDraw.Draw(picture), _font(TEXT)
    for i, tile in enumerate(_tiles(images, zoom)):
        left, bottom = GAP + i % columns * across, (i // columns + 1) * down
        picture.paste(Image.fromarray(tile), (left, bottom - h * zoom))
        if labels is not None:
            pen.text((left + w * zoom // 2, bottom - h * zoom - GAP), labels[i], "white", font, anchor="mb")
    return picture


def text(words: str, size: int = TEXT) -> Image.Image:
    """A line of text as a picture: a heading, or a sign between two pictures. size is its height in pixels."""
    font = _font(size)
    picture = Image.new("RGB", (math.ceil(font.getlength(words)) + 4 * GAP, size + 4 * GAP), GREY)
    ImageDraw.Draw(picture).text((picture.width // 2, picture.height // 2), words, "white", font, anchor="mm")
    return picture


def joined(pictures: Sequence[Image.Image], *, down: bool = False) -> Image.Image:
    """Pictures beside each other, or one below the other, each in the middle of its row or column."""
    widths, heights = [picture.width for picture in pictures], [picture.height for picture in pictures]
    size = (max(widths), sum(heights)) if down else (sum(widths), max(heights))
    whole, reached = Image.new("RGB", size, GREY), 0
    for picture in pictures:
        place = ((size[0] - picture.width) // 2, reached) if down else (reached, (size[1] - picture.height) // 2)
        whole.paste(picture, place)
        reached += picture.height if down else picture.width
    return whole


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file("DejaVuSans")), size)


def _tiles(images: np.ndarray, zoom: int) -> np.ndarray:
    """Bytes, (n, h, w, 3)."""
    tiles = np.rint(127.5 * (np.clip(images, -1.0, 1.0) + 1.0)).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.broadcast_to(tiles, (*tiles.shape[:3], 3)).repeat(zoom, axis=1).repeat(zoom, axis=2)


def between(start: Array, end: Array, steps: int) -> np.ndarray:
    """Noise on the way from each row of start to that of end, both included: (n, steps, size), along a great circle.

    Normal noise of many dimensions lies near a sphere; the straight way cuts through the middle, where there is none.
    Source: White 2016, "Sampling generative networks", section 2.1.

    Raises:
        ValueError: when start and end differ in shape, or there are fewer than two steps.
    """
    start, end = to_numpy(start), to_numpy(end)
    if start.shape != end.shape or steps < 2:
        raise ValueError(f"between: needs equal shapes and 2 steps or more, got {start.shape}, {end.shape}, {steps}")
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    cosine = (start * end).sum(axis=1) / np.maximum(lengths, np.finfo(lengths.dtype).tiny)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None, None]
    t = np.linspace(0.0, 1.0, steps)[:, None]
    straight = np.sin(angle) < 1e-3  # as good as on one line, where no circle is told from another
    share = [np.where(straight, a, np.sin(a * angle) / np.where(straight, 1.0, np.sin(angle))) for a in (1.0 - t, t)]
    return (share[0] * start[:, None] + share[1] * end[:, None]).astype(start.dtype)


def interpolation(generate: Callable[[Array], Array], start: Array, end: Array, steps: int = 10) -> Image.Image:
    """A row for each pair of noise vectors (n, size): what is generated on the way from one to the other.

    generate takes noise (N, size) and returns images (N, c, h, w) as an array.
    """
    path = between(start, end, steps)
    return grid(generate(path.reshape(-1, path.shape[-1])), columns=steps)
