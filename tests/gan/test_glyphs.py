"""Glyphs: each setting does what it says, within its limits; the same seed gives the same images."""

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from gan.data.glyphs import DIGITS, FONTS, LETTERS, NUMBERS, SHAPES, Glyphs, distances, font_file

CIRCLE, SQUARE = SHAPES[:2]
STILL = {"shift": (0.0, 0.0), "turn": (0.0, 0.0), "shear": (0.0, 0.0), "scale": (0.6, 0.6), "weight": (0.0, 0.0)}
MIDDLE = np.full((1, len(NUMBERS)), 0.5)


def draw(n=1, seed=0, **settings):
    return Glyphs(**{**STILL, **settings}).sample(n, np.random.default_rng(seed))


def coverage(images):
    """How much of each pixel is ink: (n, h, w)."""
    return 0.5 * (images[:, 0].astype(float) + 1.0)


def moments(images):
    """Centroid (x, y) from the middle, in sizes, and the angle of the longer axis from upright, anticlockwise."""
    ink = coverage(images)
    place = (np.arange(ink.shape[-1]) + 0.5) / ink.shape[-1] - 0.5
    area = ink.sum((1, 2))
    x, y = (ink * place).sum((1, 2)) / area, (ink * place[:, None]).sum((1, 2)) / area
    u, v = place - x[:, None, None], place[:, None] - y[:, None, None]
    xx, yy, xy = ((ink * product).sum((1, 2)) for product in (u * u, v * v, u * v))
    return x, y, np.degrees(0.5 * np.arctan2(2.0 * xy, yy - xx))


# ---------------------------------------------------------------- what a sample is


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_float32_between_minus_1_and_1(size, channels):
    glyphs = Glyphs(LETTERS[:3], size, channels)
    images, labels = glyphs.sample_labelled(200, np.random.default_rng(0))
    assert images.shape == (200, *glyphs.shape) == (200, channels, size, size)
    assert (images.dtype, labels.dtype, labels.shape) == (np.float32, np.int64, (200,))
    assert -1.0 <= images.min() < -0.99
    assert 0.99 < images.max() <= 1.0
    assert images.transpose(0, 2, 3, 1).flags.c_contiguous
    assert glyphs.classes == ("A", "B", "C")


def test_the_same_seed_gives_the_same_images():
    glyphs = Glyphs(channels=3)
    images, labels = glyphs.sample_labelled(50, np.random.default_rng(7))
    again = Glyphs(channels=3).sample_labelled(50, np.random.default_rng(7))
    np.testing.assert_array_equal(images, again[0])
    np.testing.assert_array_equal(labels, again[1])
    np.testing.assert_array_equal(images, glyphs.sample(50, np.random.default_rng(7)))
    rng = np.random.default_rng(8)
    first, second = glyphs.sample(50, rng), glyphs.sample(50, rng)
    assert all(np.abs(a - b).max() > 0.1 for a, b in zip(first, second, strict=True))
    assert glyphs.sample(0, rng).shape == (0, 3, 32, 32)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_depends_on_its_own_point_alone(channels):
    """Also beyond the number of images that are drawn at once."""
    glyphs = Glyphs("01", 64, channels)
    points = glyphs.draw(40, np.random.default_rng(0))
    alone = np.concatenate([glyphs.render(points[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(glyphs.render(points), alone)


def test_all_classes_and_fonts_are_equally_likely():
    glyphs, n = Glyphs(), 20_000
    points = glyphs.draw(n, np.random.default_rng(0))
    counts = np.bincount(glyphs.labels_of(points), minlength=10)
    assert np.abs(counts - n / 10).max() < 4.5 * math.sqrt(n * 0.1 * 0.9)
    starts = np.unique(glyphs._bank(points)[1], return_counts=True)[1]
    assert len(starts) == 10 * 11
    assert np.abs(starts - n / 110).max() < 4.5 * math.sqrt(n / 110)


def test_the_label_is_the_character_that_is_drawn():
    """Each image is most like images with its label, among others drawn from other random numbers."""
    glyphs = Glyphs(DIGITS + "ABC", size=16)
    (known, labels), (images, expected) = (glyphs.sample_labelled(n, np.random.default_rng(n)) for n in (4000, 500))
    known, images = known.reshape(4000, -1), images.reshape(500, -1)
    nearest = ((known**2).sum(1) - 2.0 * images @ known.T).argmin(1)
    assert (labels[nearest] == expected).mean() > 0.97


@pytest.mark.parametrize("font", ["DejaVuSans", "cmr10"])
@pytest.mark.parametrize("character", ["A", "g", "8"])
def test_a_still_glyph_is_what_the_font_draws(font, character, monkeypatch):
    monkeypatch.setitem(FONTS, font, (font,))
    image = coverage(draw(characters=character, fonts=(font,), size=32))[0]
    large, picture = ImageFont.truetype(str(font_file(font)), 600), Image.new("L", (1024, 1024))
    ImageDraw.Draw(picture).text((512, 512), character, 255, large, anchor="mm")
    left, top, right, bottom = picture.getbbox()
    middle, half = ((left + right) / 2, (top + bottom) / 2), max(right - left, bottom - top) / 2 / 0.6
    box = (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)
    expected = np.asarray(picture.resize((32, 32), Image.Resampling.BOX, box)) / 255.0
    assert np.abs(image - expected).mean() < 0.012
    assert image.sum() == pytest.approx(expected.sum(), rel=0.05)


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("shear", [0.0, 0.3])
def test_turning_is_anticlockwise_and_comes_after_leaning(shear):
    upright = draw(characters="F", shear=(shear, shear))
    for quarters in (1, 2, 3):
        turned = draw(characters="F", shear=(shear, shear), turn=(90.0 * quarters,) * 2)
        np.testing.assert_allclose(turned, np.rot90(upright, quarters, axes=(2, 3)), atol=2e-3)


def test_shifting_is_to_the_right_and_down():
    moved = draw(characters="F", scale=(0.4, 0.4), shift=(0.125, 0.125))
    np.testing.assert_allclose(moved, np.roll(draw(characters="F", scale=(0.4, 0.4)), (4, 4), axis=(2, 3)), atol=2e-3)
    points = np.concatenate([MIDDLE, MIDDLE])
    points[1, NUMBERS.index("x")] = 1.0
    x, y, _ = moments(Glyphs(CIRCLE, **{**STILL, "shift": (-0.1, 0.1)}).render(points))
    np.testing.assert_allclose([x, y], [[0.0, 0.1], [0.0, 0.0]], atol=2e-3)


def test_shear_leans_the_top_to_the_right():
    ink = coverage(draw(characters=SQUARE, fonts=("sans",), shear=(0.3, 0.3), size=64))[0]
    rows = np.arange(18, 46)  # inside the square
    middles = (ink[rows] * np.arange(64)).sum(1) / ink[rows].sum(1)
    assert np.polyfit(-rows, middles, 1)[0] == pytest.approx(0.3, abs=0.01)


def test_ranges_are_kept_and_used():
    n = 2000
    x, y, _ = moments(draw(n, characters=CIRCLE, shift=(-0.1, 0.05)))
    for place in (x, y):
        assert -0.102 < place.min() < -0.095
        assert 0.045 < place.max() < 0.052
    *_, angle = moments(draw(n, characters="I", fonts=("mono",), turn=(-20.0, 30.0)))
    upright = moments(draw(50, characters="I", fonts=("mono",)))[2]
    assert -20.0 + upright.min() - 0.5 < angle.min() < -19.0
    assert 29.0 < angle.max() < 30.0 + upright.max() + 0.5


def test_scale_is_the_longer_side_and_weight_adds_to_each_edge():
    for scale, weight in ((0.6, 0.0), (0.3, 0.0), (0.6, 0.05), (0.6, -0.05)):
        ink = coverage(draw(characters=CIRCLE, size=64, scale=(scale,) * 2, weight=(weight,) * 2))[0]
        diameter = 64 * scale * (1.0 + 2.0 * weight)
        assert ink[31:33].sum(1) == pytest.approx(diameter, abs=0.6)
        assert ink.sum() == pytest.approx(math.pi / 4.0 * diameter**2, rel=0.03)


def test_an_outline_is_a_line_on_the_edge():
    ink = coverage(draw(characters=CIRCLE, size=64, outline=0.1))[0]
    diameter = 64 * 0.6
    assert ink[32, 32] == 0.0
    assert ink[0].max() == 0.0
    assert ink[32].max() == 1.0
    assert ink.sum() == pytest.approx(math.pi * diameter * 0.1 * diameter, rel=0.06)


def test_the_ink_of_a_colour_image_is_that_of_a_grey_one_and_lighter_than_the_paper():
    points = Glyphs().draw(300, np.random.default_rng(0))
    grey, colour = Glyphs().render(points), Glyphs(channels=3).render(points)
    luma = np.tensordot(colour, [0.299, 0.587, 0.114], axes=(1, 0))
    for one, light, image in zip(grey[:, 0], luma, colour, strict=True):
        paper, ink = image[:, one == -1.0], image[:, one == 1.0]
        assert max(np.ptp(paper, axis=1).max(), np.ptp(ink, axis=1).max()) < 1e-6
        assert light[one == 1.0].min() - light[one == -1.0].max() > 0.3
        mixed = paper[0, 0] + (ink[0, 0] - paper[0, 0]) * 0.5 * (one + 1.0)
        np.testing.assert_allclose(image[0], mixed, atol=1e-5)
    inks = np.array([image[:, one == 1.0][:, 0] for one, image in zip(grey[:, 0], colour, strict=True)])
    assert (inks.std(axis=0) > 0.3).all()


def test_every_font_draws_every_character_differently():
    for family in FONTS:
        bank = distances(DIGITS + LETTERS, tuple(font_file(name) for name in FONTS[family]), 32)
        ink = (bank > 0.0).reshape(36, len(FONTS[family]), -1)
        assert ink.any(-1).all()
        differing = (ink[:, None] != ink[None]).sum(-1)
        assert differing[~np.eye(36, dtype=bool)].min() > 10


def test_a_depth_is_the_distance_from_the_edge():
    """Of a square: exact on the inside, with rounded corners outside."""
    bank = distances(SQUARE, (font_file("DejaVuSans"),), 64)[0, 0]
    place = np.abs((np.arange(96) + 0.5 - 48.0) / 64.0)
    x, y = np.meshgrid(place, place)
    inside = 0.5 - np.maximum(x, y)
    outside = np.hypot(np.maximum(x - 0.5, 0.0), np.maximum(y - 0.5, 0.0))
    expected = np.clip(np.where(inside > 0.0, inside, -outside), -0.2, 0.2)
    assert np.abs(bank - expected).max() < 0.75 / 64


# ---------------------------------------------------------------- pairs and clips


def test_two_sets_render_the_same_points_in_their_own_ways():
    settings = {
        "serif": {"fonts": ("serif",)},
        "sans": {"fonts": ("sans",)},
        "outlined": {"outline": 0.05},
        "small": {"scale": (0.3, 0.35)},
        "turned": {"turn": (80.0, 100.0)},
        "colour": {"channels": 3},
    }
    sets = {name: Glyphs(**setting) for name, setting in settings.items()}
    draws = [glyphs.sample_labelled(100, np.random.default_rng(3)) for glyphs in sets.values()]
    for _, labels in draws:
        np.testing.assert_array_equal(labels, draws[0][1])
    images = dict(zip(sets, (images for images, _ in draws), strict=True))
    assert np.abs(images["serif"] - images["sans"]).max((1, 2, 3)).min() > 0.5
    assert coverage(images["small"]).sum() < 0.4 * coverage(images["sans"]).sum()
    places = [moments(images[name])[:2] for name in ("sans", "serif")]
    assert np.abs(np.subtract(*places)).max() < 0.06  # the letters differ, the places do not
    assert np.corrcoef(places[0][0], places[1][0])[0, 1] > 0.85


def test_a_clip_moves_evenly_from_one_place_to_another():
    glyphs = Glyphs(CIRCLE, fonts=("sans",), shift=(-0.15, 0.15), scale=(0.4, 0.4))
    clips, labels = glyphs.clips(20, 9, np.random.default_rng(0))
    assert (clips.shape, clips.dtype) == ((20, 9, 1, 32, 32), np.float32)
    np.testing.assert_array_equal(labels, 0)
    x, y = (place.reshape(20, 9) for place in moments(clips.reshape(180, 1, 32, 32))[:2])
    for place in (x, y):
        np.testing.assert_allclose(np.diff(place, 2), 0.0, atol=3e-3)
    assert np.hypot(x[:, -1] - x[:, 0], y[:, -1] - y[:, 0]).mean() > 0.08
    first = glyphs.draw(20, np.random.default_rng(0))
    np.testing.assert_allclose(clips[:, 0], glyphs.render(first), atol=1e-5)


def test_a_clip_keeps_its_glyph_and_colours():
    glyphs = Glyphs(LETTERS[:3], channels=3)
    clips, labels = glyphs.clips(10, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(labels, glyphs.labels_of(glyphs.draw(10, np.random.default_rng(0))))
    corners = clips[..., 0, 0]
    np.testing.assert_allclose(corners, np.repeat(corners[:, :1], 5, axis=1), atol=1e-6)


# ---------------------------------------------------------------- mistakes and speed


MISTAKES = {
    "channels must be 1 or 3 and size at least 8, got 2 and 32": {"channels": 2},
    "channels must be 1 or 3 and size at least 8, got 1 and 4": {"size": 4},
    "characters must differ, and there must be one, got ''": {"characters": ""},
    "characters must differ, and there must be one, got '121'": {"characters": "121"},
    "turn must be a range .low, high., got .10, -10.": {"turn": (10, -10)},
    "shift must be a range .low, high., got .nan, 0.": {"shift": (math.nan, 0)},
    "scale must be above 0, got .0, 1.": {"scale": (0, 1)},
    "an edge moves by at most 0.174 at this size and scale, got weight .0.0, 0.2. and outline 0.0": {
        "weight": (0.0, 0.2)
    },
    "an edge moves by at most 0.174 at this size and scale, got weight .0.0, 0.03. and outline 0.4": {"outline": 0.4},
    "an edge moves .* outline -0.1": {"outline": -0.1},
    "there is no family of fonts 'gothic', only sans, serif, mono, italic": {"fonts": ("gothic",)},
    "no font of serif has all of '.u271a'": {"fonts": ("serif",), "characters": "\u271a"},
    "no font of no family has all of 'A'": {"fonts": (), "characters": "A"},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_in_one_line(message):
    with pytest.raises(ValueError, match=message) as error:
        Glyphs(**MISTAKES[message])
    assert "\n" not in str(error.value)


def test_fonts_that_lack_a_character_are_left_out():
    points = Glyphs().draw(200, np.random.default_rng(0))
    assert len(np.unique(Glyphs(SHAPES, fonts=("sans",))._bank(points)[1])) == 6 * 2  # cmss10 has no shapes
