"""Digits, letters and shapes, drawn with the fonts that matplotlib ships: image sets without end or download.

A glyph is a point of the unit cube: one number chooses the character, one the font, the others how it is moved, turned,
leaned, sized, weighted and coloured. ``draw`` picks such points and ``render`` makes images of them, so that

- a pair of domains is two sets that render the same points: serif and sans, filled and outlined, small and large;
- a clip is a point that moves through the cube.

The images come from a bank: for each character in each font, how far every place is from the glyph's edge. A distance
changes evenly across an edge, so a bank of few cells gives sharp edges at any angle; adding to it makes strokes
thicker, and keeping what is near the edge draws the outline.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from .images import Images

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHAPES = "\u25cf\u25a0\u25b2\u25c6\u2605\u2665"  # circle, square, triangle, diamond, star, heart
FONTS = {
    "sans": ("DejaVuSans", "DejaVuSans-Bold", "cmss10"),
    "serif": ("DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral", "STIXGeneralBol", "cmr10"),
    "mono": ("DejaVuSansMono", "DejaVuSansMono-Bold", "cmtt10"),
    "italic": ("DejaVuSans-Oblique", "DejaVuSerif-Italic", "STIXGeneralItalic", "STIXGeneralBolIta"),
}
PLACE = ("x", "y", "turn", "shear", "scale")
NUMBERS = ("character", "font", *PLACE, "weight", "ink", "paper", "light")
REACH = 0.2  # how far from the edge distances are told apart, in heights of a glyph
MARGIN = 0.25  # around a glyph in the bank, likewise
PIXELS_AT_ONCE = 1 << 16  # what stays in the cache is drawn twice as fast

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Glyphs(Images):
    """Glyphs of some characters; the label is the character's place in ``characters``.

    Pictures have size x size pixels and 1 channel (white on black) or 3 (light on dark, in any colour); lengths are
    shares of that size, or of the glyph's longer side. Each pair of numbers is a range, all of which is equally likely.

    Args:
        characters: one class each. Fonts that lack one of them are not used.
        fonts: families, out of FONTS.
        shift: how far the glyph is moved to the right, and down, from the middle, in sizes.
        turn: degrees, anticlockwise.
        shear: how far the top leans to the right, for each unit of height.
        scale: the glyph's longer side, in sizes.
        weight: how much each edge is moved outwards, in longer sides.
        outline: the width of the line if only the edge is to be drawn, in longer sides; 0 fills the glyph.

    Raises:
        ValueError: when a setting is out of its range, or no font has all the characters.
    """

    characters: str = DIGITS
    size: int = 32
    channels: int = 1
    fonts: Sequence[str] = ("sans", "serif", "mono")
    shift: Range = (-0.05, 0.05)
    turn: Range = (-10.0, 10.0)
    shear: Range = (-0.1, 0.1)
    scale: Range = (0.6, 0.7)
    weight: Range = (0.0, 0.03)
    outline: float = 0.0

    def __post_init__(self) -> None:
        if self.channels not in (1, 3) or self.size < 8:
            raise ValueError(f"channels must be 1 or 3 and size at least 8, got {self.channels} and {self.size}")
        if not self.characters or len(set(self.characters)) < len(self.characters):
            raise ValueError(f"characters must differ, and there must be one, got {self.characters!a}")
        for name in ("shift", "turn", "shear", "scale", "weight"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"{name} must be a range (low, high), got {(low, high)}")
        if self.scale[0] <= 0.0:
            raise ValueError(f"scale must be above 0, got {self.scale}")
        most = REACH - 0.5 / (self.size * self.scale[0])  # so that what is too far to be told apart stays paper
        if self.outline < 0.0 or max(map(abs, self.weight)) + 0.5 * self.outline > most:
            given = f"weight {self.weight} and outline {self.outline}"
            raise ValueError(f"an edge moves by at most {most:.3f} at this size and scale, got {given}")
        _font_files(self.characters, tuple(self.fonts))

    @property
    def classes(self) -> tuple[str, ...]:
        """The characters."""
        return tuple(self.characters)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, size, size)."""
        return self.channels, self.size, self.size

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n points of the unit cube, (n, len(NUMBERS)): the same ones whatever the settings are."""
        return rng.random((n, len(NUMBERS)))

    def labels_of(self, points: np.ndarray) -> np.ndarray:
        """Which character each point stands for."""
        return (points[:, NUMBERS.index("character")] * len(self.characters)).astype(np.int64)

    def sample_labelled(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n new images and their labels."""
        points = self.draw(n, rng)
        return self.render(points), self.labels_of(points)

    def clips(self, n: int, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n glyphs that each move evenly from one place to another: (n, frames, c, h, w), and their labels (n,)."""
        first, last = self.draw(n, rng), self.draw(n, rng)
        points = np.repeat(first[:, None], frames, axis=1)
        for i in map(NUMBERS.index, PLACE):
            points[:, :, i] = np.linspace(first[:, i], last[:, i], frames, axis=1)
        images = self.render(points.reshape(n * frames, len(NUMBERS)))
        return images.reshape(n, frames, *self.shape), self.labels_of(first)

    def render(self, points: np.ndarray) -> np.ndarray:
        """The images of some points, (n, c, h, w), float32 in [-1, 1]; memory is channels-last."""
        step = max(1, PIXELS_AT_ONCE // self.size**2)
        ink = np.empty((len(points), self.size, self.size), np.float32)
        for i in range(0, len(points), step):
            ink[i : i + step] = self._draw_ink(points[i : i + step])
        if self.channels == 1:
            return (2.0 * ink - 1.0)[:, None]
        paper, light = (colour[:, None, None].astype(np.float32) for colour in self._colours(points))
        images = ink[..., None] * (light - paper)
        images += paper
        return images.transpose(0, 3, 1, 2)

    def _between(self, points: np.ndarray, name: str) -> np.ndarray:
        """What a setting is for each point, (n, 1)."""
        low, high = getattr(self, "shift" if name in ("x", "y") else name)
        return low + (high - low) * points[:, NUMBERS.index(name), None]

    def _draw_ink(self, points: np.ndarray) -> np.ndarray:
        """How much of each pixel is covered, between 0 and 1: (n, size, size).

        A pixel at p shows what the upright glyph has at A (p - shift), with A the inverse of turning after leaning.
        """
        x, y, turn, shear, scale, weight = (self._between(points, name) for name in (*PLACE, "weight"))
        bank, first = self._bank(points)
        c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        unit = bank.shape[-1] / (1.0 + 2.0 * MARGIN) / scale  # cells of the bank in one size of the picture
        pixel = (np.arange(self.size) + 0.5) / self.size - 0.5
        column = _sum(unit * (shear * c - s) * (pixel - y), unit * (c + shear * s) * (pixel - x))
        row = _sum(unit * c * (pixel - y), unit * s * (pixel - x))
        depth = _look_up(bank, first, row, column) + _each(weight)
        if self.outline:
            depth = 0.5 * self.outline - np.abs(depth)
        depth *= _each(self.size * scale)  # in pixels
        return np.clip(depth + 0.5, 0.0, 1.0)

    def _bank(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All distances, and where in them each point's glyph starts."""
        files = _font_files(self.characters, tuple(self.fonts))
        bank = distances(self.characters, files, 2 * self.size)
        font = (points[:, NUMBERS.index("font")] * len(files)).astype(np.int64)
        return bank, (self.labels_of(points) * len(files) + font) * bank[0, 0].size

    def _colours(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Dark paper and light ink, (n, 3) each, in [-1, 1]."""
        ink, paper, light = (points[:, NUMBERS.index(name), None] for name in ("ink", "paper", "light"))
        return 0.6 * light * _hue(paper) - 1.0, 1.2 * _hue(ink) - 0.2


def _each(numbers: np.ndarray) -> np.ndarray:
    """One number for each image, (n, 1), as (n, 1, 1), float32."""
    return numbers[:, :, None].astype(np.float32)


def _sum(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """What changes from row to row (n, h) plus what changes from column to column (n, w): (n, h, w), float32."""
    return down[:, :, None].astype(np.float32) + across[:, None, :].astype(np.float32)


def _look_up(bank: np.ndarray, first: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The bank at places between its cells, which are counted from each glyph's middle: bilinear interpolation.

    first is where each image's glyph starts in the bank. row and column are written over.
    """
    side = bank.shape[-1]
    for place in (row, column):
        place += 0.5 * side - 0.5
        np.clip(place, 0.0, side - 1.001, out=place)
    top, left = row.astype(np.intp), column.astype(np.intp)
    row -= top
    column -= left
    top *= side
    top += left
    top += first[:, None, None]
    upper, upper_right, lower, lower_right = (bank.take(top + step) for step in (0, 1, side, side + 1))
    return _mix(_mix(upper, upper_right, column), _mix(lower, lower_right, column), row)


def _mix(x: np.ndarray, y: np.ndarray, share: np.ndarray) -> np.ndarray:
    """x + share (y - x); written over both, since new memory takes longer than the sum."""
    y -= x
    y *= share
    x += y
    return x


def _hue(turn: np.ndarray) -> np.ndarray:
    """The colour at each place (n, 1) of the colour wheel, from red over green and blue to red: (n, 3) in [0, 1]."""
    return np.clip(np.abs((6.0 * turn + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0, 0.0, 1.0)


# ---------------------------------------------------------------- the bank


def font_file(name: str) -> Path:
    """The file of one of the fonts that matplotlib ships."""
    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")


@functools.cache
def _font_files(characters: str, families: tuple[str, ...]) -> tuple[Path, ...]:
    """The fonts of these families that have all the characters."""
    for family in families:
        if family not in FONTS:
            raise ValueError(f"there is no family of fonts '{family}', only {', '.join(FONTS)}")
    files = [font_file(name) for family in families for name in FONTS[family]]
    having = tuple(file for file in files if all(FT2Font(str(file)).get_char_index(ord(c)) for c in characters))
    if not having:
        raise ValueError(f"no font of {', '.join(families) or 'no family'} has all of {characters!a}")
    return having


@functools.lru_cache(maxsize=16)
def distances(characters: str, files: tuple[Path, ...], cells: int) -> np.ndarray:
    """How deep each cell lies inside a glyph, or negative, how far outside: (characters, fonts, side, side), float32.

    A glyph is in the middle; its longer side is 1, which takes as many cells as are asked for. What is further from
    the edge than REACH counts as that far.
    """
    return np.stack([[_depth(_coverage(character, file, cells), cells) for file in files] for character in characters])


def _depth(covered: np.ndarray, cells: int) -> np.ndarray:
    depth = (_distance_to(1.0 - covered, cells) - _distance_to(covered, cells)) / cells
    return np.clip(depth, -REACH, REACH).astype(np.float32)


def _coverage(character: str, file: Path, cells: int) -> np.ndarray:
    """How much of each cell is covered by the glyph, between 0 and 1.

    It is drawn four times as large: fonts are changed a little to fit the pixels that they are drawn on.
    """
    side, longer = 4 * round(cells * (1.0 + 2.0 * MARGIN)), max(_ink(character, file, 200).size)
    glyph = _ink(character, file, round(200 * 4 * cells / longer))
    picture = Image.new("L", (side, side))
    picture.paste(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    return np.asarray(picture.reduce(4), np.float32) / 255.0


def _ink(character: str, file: Path, size: int) -> Image.Image:
    """The glyph in white on black, cropped to what is not black."""
    font = ImageFont.truetype(str(file), size)
    left, top, right, bottom = font.getbbox(character)
    picture = Image.new("L", (math.ceil(right - left), math.ceil(bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), character, fill=255, font=font)
    return picture.crop(picture.getbbox())


def _distance_to(covered: np.ndarray, cells: int) -> np.ndarray:
    """How far each cell's middle is from what is covered, in cells, as far as REACH.

    The squared distance is a minimum over rows of a minimum over columns. A cell that is covered in part is half a
    cell away where nothing of it is covered, and not at all where half of it is.
    Source: Felzenszwalb and Huberman 2012, "Distance transforms of sampled functions".
    """
    reach = math.ceil(REACH * cells) + 1
    squares = np.where(covered > 0.0, np.maximum(0.0, 0.5 - covered) ** 2, np.float32(2.0 * reach**2))
    for _ in range(2):
        nearest = squares.copy(order="C")
        for step in range(1, reach + 1):
            left, right = (..., slice(None, -step)), (..., slice(step, None))
            np.minimum(nearest[left], squares[right] + step**2, out=nearest[left])
            np.minimum(nearest[right], squares[left] + step**2, out=nearest[right])
        squares = nearest.swapaxes(-1, -2)
    return np.sqrt(squares)
