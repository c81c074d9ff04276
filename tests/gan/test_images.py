"""Grids: each image in its place; the way from one noise vector to another; what a recording of grids keeps."""

import numpy as np
import pytest
from PIL import Image

import gan
from gan.data import Glyphs
from gan.data.images import ImageSet
from gan.viz import Recording, between, grid, interpolation, joined, text

GREY = 128


def pixels(picture):
    return np.asarray(picture).astype(int)


# ---------------------------------------------------------------- grids


def test_each_image_is_in_its_place():
    images = np.random.default_rng(0).uniform(-1.0, 1.0, (5, 3, 4, 6)).astype(np.float32)
    picture = pixels(grid(images, columns=3, zoom=2))
    assert picture.shape == (2 + 2 * (8 + 2), 2 + 3 * (12 + 2), 3)
    outside = np.ones(picture.shape[:2], bool)
    for i in range(5):
        top, left = 2 + i // 3 * 10, 2 + i % 3 * 14
        tile = picture[top : top + 8, left : left + 12]
        expected = (127.5 * (images[i].transpose(1, 2, 0) + 1.0)).repeat(2, 0).repeat(2, 1)
        assert np.abs(tile - expected).max() <= 0.51
        outside[top : top + 8, left : left + 12] = False
    assert (picture[outside] == GREY).all()


def test_one_channel_is_drawn_in_greys_and_beyond_the_range_as_its_ends():
    picture = pixels(grid(np.array([-7.0, -1.0, 0.0, 1.0, 7.0]).reshape(5, 1, 1, 1), columns=5, zoom=1))
    np.testing.assert_array_equal(picture[2, 2:-2:3], np.array([0, 0, 128, 255, 255])[:, None].repeat(3, 1))


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (9, 3), (10, 4), (64, 8)])
@pytest.mark.parametrize(("size", "zoom"), [(8, 8), (28, 2), (64, 1), (100, 1)])
def test_a_grid_is_about_square_and_small_images_are_enlarged(n, columns, size, zoom):
    picture = grid(np.zeros((n, 1, size, size)))
    assert picture.mode == "RGB"
    rows = -(-n // columns)
    assert picture.size == (2 + columns * (size * zoom + 2), 2 + rows * (size * zoom + 2))


def test_labels_stand_above_the_images():
    images = -np.ones((3, 1, 8, 8))
    picture = pixels(grid(images, columns=2, labels=["0", "", "8"], zoom=4))
    above = [picture[2 + r * 48 : 14 + r * 48, 2 + c * 34 : 34 + c * 34] for r, c in ((0, 0), (0, 1), (1, 0))]
    assert [(part > 200).any() for part in above] == [True, False, True]
    for r, c in ((0, 0), (0, 1), (1, 0)):
        assert (picture[16 + r * 48 : 48 + r * 48, 2 + c * 34 : 34 + c * 34] == 0).all()


def test_pictures_are_joined_in_the_middle_of_their_row_or_column():
    black, white = Image.new("RGB", (4, 6), "black"), Image.new("RGB", (2, 2), "white")
    row, column = pixels(joined([black, white]))[..., 0], pixels(joined([black, white], down=True))[..., 0]
    assert row.shape == (6, 6)
    assert (row[:, :4] == 0).all()
    np.testing.assert_array_equal(row[:, 4], [GREY, GREY, 255, 255, GREY, GREY])
    assert column.shape == (8, 4)
    assert (column[:6] == 0).all()
    np.testing.assert_array_equal(column[7], [GREY, 255, 255, GREY])


def test_a_text_is_all_there():
    short, long = pixels(text("A sum")), pixels(text("A sum of images", 24))
    assert long.shape[0] == short.shape[0] + 12
    assert long.shape[1] > 3 * short.shape[1]
    for picture in (short, long):
        assert (picture > 200).any()
        edges = picture[[0, -1]], picture[:, [0, -1]]
        assert all((edge == GREY).all() for edge in edges)


MISTAKES = {
    "images must be .n, 1 or 3, h, w. with n above 0, got .3, 8, 8.": ((3, 8, 8), {}),
    "got .3, 2, 8, 8.": ((3, 2, 8, 8), {}),
    "got .0, 1, 8, 8.": ((0, 1, 8, 8), {}),
    "columns and zoom must be at least 1, labels 3, got 0, 8 and no": ((3, 1, 8, 8), {"columns": 0}),
    "columns and zoom must be at least 1, labels 3, got 2, 0 and no": ((3, 1, 8, 8), {"zoom": 0}),
    "columns and zoom must be at least 1, labels 3, got 2, 8 and 1": ((3, 1, 8, 8), {"labels": ["a"]}),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_in_one_line(message):
    shape, settings = MISTAKES[message]
    with pytest.raises(ValueError, match=message) as error:
        grid(np.zeros(shape), **settings)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- from one to another


def test_the_way_is_an_even_arc():
    start, end = np.random.default_rng(0).standard_normal((2, 4, 100))
    end *= np.linalg.norm(start, axis=1, keepdims=True) / np.linalg.norm(end, axis=1, keepdims=True)
    path = between(start, end, 7)
    assert path.shape == (4, 7, 100)
    np.testing.assert_allclose(path[:, 0], start)
    np.testing.assert_allclose(path[:, -1], end, atol=1e-12)
    lengths = np.linalg.norm(path, axis=2)
    np.testing.assert_allclose(lengths, lengths[:, :1].repeat(7, 1))
    steps = np.linalg.norm(np.diff(path, axis=1), axis=2)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(6, 1))


@pytest.mark.parametrize("end", [[[1.0, 2.0]], [[2.0, 4.0]], [[-1.0, -2.0]], [[0.0, 0.0]]])
def test_where_there_is_no_arc_the_way_is_straight_or_at_least_ends_well(end):
    start, end = np.array([[1.0, 2.0]], np.float32), np.array(end, np.float32)
    path = between(start, end, 5)
    assert path.dtype == np.float32
    np.testing.assert_allclose(path[:, [0, -1]], np.stack([start, end], 1), atol=1e-6)
    if end.any():
        np.testing.assert_allclose(path[0], start + np.linspace(0.0, 1.0, 5)[:, None] * (end - start), atol=1e-6)


def test_one_number_goes_straight():
    path = between(np.array([[-1.0]]), np.array([[2.0]]), 4)
    np.testing.assert_allclose(path[0, :, 0], [-1.0, 0.0, 1.0, 2.0], atol=1e-12)


def test_an_interpolation_has_a_row_for_each_pair():
    start, end = np.zeros((2, 1)) - 1.0, np.ones((2, 1))
    picture = pixels(interpolation(lambda z: np.broadcast_to(z[:, :, None, None], (len(z), 1, 64, 64)), start, end, 3))
    assert picture.shape == (2 + 2 * 66, 2 + 3 * 66, 3)
    np.testing.assert_array_equal(picture[34::66, 34::66, 0], [[0, 128, 255]] * 2)


def test_the_two_ends_must_fit():
    for end, steps in ((np.zeros((2, 4)), 5), (np.zeros((2, 3)), 1)):
        with pytest.raises(ValueError, match=r"between: needs equal shapes and 2 steps or more, got .2, 3."):
            between(np.zeros((2, 3)), end, steps)


# ---------------------------------------------------------------- recordings of grids


def test_a_recording_of_grids_has_the_colours_of_the_real_images(tmp_path):
    """Though the first picture, what an untrained generator makes, is all grey."""
    real = Glyphs(channels=3).sample(16, np.random.default_rng(0))
    recording = Recording(grid(real))
    for share in (0.0, 0.5, 1.0):
        recording.add(grid(share * real), f"{share}")
    recording.write_gif(tmp_path / "grids.gif")
    with Image.open(tmp_path / "grids.gif") as film:
        assert film.n_frames == 3
        film.seek(2)
        last = pixels(film.convert("RGB"))
    expected = pixels(grid(real))
    assert np.abs(last - expected).mean() < 6.0
    assert np.ptp(last, axis=(0, 1)).min() > 200
    lacking = Recording()
    for share in (0.0, 1.0):
        lacking.add(grid(share * real), "")
    assert np.abs(pixels(lacking.pictures[-1].convert("RGB")) - expected).mean() > 20.0


def test_image_sets_are_data_for_a_game():
    """What ``train`` draws from an image set is one array of real images."""
    data = Glyphs(size=16)
    game = type("", (), {"prior": gan.data.Normal(), "noise_size": 4})
    batch = gan.training.draw_batch(game, data, 8, np.random.default_rng(0))
    assert {name: value.shape for name, value in batch.items()} == {"real": (8, 1, 16, 16), "noise": (8, 4)}


def test_different_images_are_no_image_twice():
    images = np.arange(6.0, dtype=np.float32).reshape(6, 1, 1, 1)
    data = ImageSet(images, np.zeros(6, int), "a")
    for n, expected in ((4, 4), (6, 6), (9, 6)):
        drawn = data.different(n, np.random.default_rng(0)).ravel()
        assert len(drawn) == len(set(drawn)) == expected
