"""Figure 1: what it shows, that it needs no display, that pictures are whole; recordings and their players."""

import base64
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from PIL import Image

import gan
import minigrad as mg
from gan.data import Normal, Uniform
from gan.theory import LOG_4
from gan.viz import Figure1, Observer, Recording, Snapshot, Window
from minigrad import nn, optim

DATA = Normal(4.0, 0.5)


def make_game(objective="non-saturating", prior=None, discriminator=None):
    """A game whose generator starts near the data."""
    generator = nn.Sequential(nn.MLP([1, 8, 1], nn.Tanh, rng=0), lambda x: 3.0 + x)
    discriminator = discriminator or nn.MLP([1, 8, 1], nn.Tanh, rng=1)
    return gan.two_player(
        generator, discriminator, objective, prior=prior, optimizer=lambda params: optim.Adam(params, 0.05)
    )


def play(rounds=3, **settings):
    """Snapshots before the first round and after each."""
    game = make_game(**settings)
    observer = Observer(game, DATA)
    snapshots = []
    gan.train(game, DATA, rounds, progress=False, callback=lambda *now: snapshots.append(observer.snapshot(*now)))
    return snapshots


@pytest.fixture(scope="module")
def snapshots():
    return play()


# ---------------------------------------------------------------- what there is to see


@pytest.mark.parametrize("objective", gan.objectives.OBJECTIVES)
def test_push_is_minus_the_slope_of_each_samples_loss(objective):
    game = make_game(objective)
    game.generator.double()
    game.discriminator.double()
    snapshot = Observer(game, DATA, arrows=6).snapshot(0)

    def loss(x):
        return game.objective.generator_loss(game.discriminator(mg.Tensor(np.array([[x]])))).item()

    h = 1e-5
    expected = [-(loss(x + h) - loss(x - h)) / (2.0 * h) for x in snapshot.g_z]
    np.testing.assert_allclose(snapshot.push, expected, rtol=1e-7, atol=1e-10)
    assert np.abs(snapshot.push).min() > 1e-3  # so that a wrong sign shows


@pytest.mark.parametrize("prior", [Normal(), Uniform()])
def test_a_snapshot_holds_what_theory_says(prior):
    game = make_game(prior=prior)
    losses = {"generator": 1.0}
    observer = Observer(game, DATA, points=101, arrows=8)
    snapshot = observer.snapshot(5, losses)
    made = gan.theory.GeneratedDistribution(game.generator, prior)
    assert (snapshot.round, snapshot.losses) == (5, losses)
    assert (snapshot.mean, snapshot.std, snapshot.jsd) == (made.mean, made.std, made.jsd(DATA))
    assert snapshot.value == made.value(game.discriminator, DATA)
    np.testing.assert_array_equal(snapshot.p_data, DATA.density(snapshot.x))
    np.testing.assert_array_equal(snapshot.p_g, made.density(snapshot.x))
    np.testing.assert_allclose(snapshot.d_star, snapshot.p_data / (snapshot.p_data + snapshot.p_g), rtol=1e-12)
    with mg.no_grad():
        d = mg.sigmoid(game.discriminator(mg.Tensor(snapshot.x[:, None]))).data.ravel()
        np.testing.assert_allclose(snapshot.g_z, game.generator(mg.Tensor(snapshot.z[:, None])).data.ravel())
    np.testing.assert_allclose(snapshot.d, d, rtol=1e-12)
    # The noise values cut the prior into equal shares, and the picture's range holds data and samples.
    middles = 0.5 * (snapshot.z[1:] + snapshot.z[:-1])
    x = np.linspace(*prior.support(), 100_001)
    shares = [np.trapezoid(np.where(x < m, prior.density(x), 0.0), x) for m in middles]
    np.testing.assert_allclose(shares, np.arange(1, 8) / 8, atol=0.02)
    assert snapshot.x[0] < min(made.mean - 2.0 * made.std, DATA.quantile(1e-3))
    assert snapshot.x[-1] > max(made.mean + 2.0 * made.std, DATA.quantile(1.0 - 1e-3))


def test_a_discriminator_that_is_sure_is_drawn_without_warnings():
    game = make_game(discriminator=nn.Sequential(nn.Linear(1, 1, rng=0), lambda s: 1e6 * (s - s.data[s.shape[0] // 2])))
    snapshot = Observer(game, DATA).snapshot(0)
    assert np.isfinite(snapshot.d).all()
    assert (snapshot.d.min(), snapshot.d.max()) == (0.0, 1.0)
    figure = Figure1(1)
    figure.draw([snapshot])
    figure.picture()


# ---------------------------------------------------------------- the figure


def line(ax, label):
    """The line of an axes that stands in its legend under this name."""
    (found,) = [each for each in ax.lines if each.get_label() == label]
    return found


def test_no_display_is_needed():
    """In a process of its own: pyplot, which would look for one, is not even imported."""
    code = """
import sys
import gan, numpy as np
from minigrad import nn
game = gan.two_player(nn.MLP([1, 2, 1], nn.Tanh, rng=0), nn.MLP([1, 2, 1], nn.Tanh, rng=0))
figure = gan.viz.Figure1(1)
figure.draw([gan.viz.Observer(game, gan.data.Normal()).snapshot(0)])
assert figure.picture().size == (880, 480)
assert "matplotlib.pyplot" not in sys.modules
"""
    unset = {"MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_colours_and_lines_are_those_of_the_paper(snapshots):
    figure = Figure1(3)
    figure.draw(snapshots)
    p_data, p_g, d, d_star = (
        line(figure.densities, label) for label in ("p_data", "p_g, exact", "D", "D* = p/(p + p_g)")
    )
    assert (p_data.get_linestyle(), to_hex(p_data.get_color())) == (":", "#000000")
    assert p_g.get_linestyle() == "-"
    assert d.get_linestyle() == "--"
    red, green, blue = (int(to_hex(p_g.get_color())[i : i + 2], 16) for i in (1, 3, 5))
    assert green > 2 * max(red, blue)
    red, green, blue = (int(to_hex(d.get_color())[i : i + 2], 16) for i in (1, 3, 5))
    assert blue > 2 * max(red, green)
    assert d_star.get_color() == d.get_color()
    assert d_star.get_linewidth() <= 0.5 * d.get_linewidth()


def test_the_lines_hold_the_snapshots_numbers(snapshots):
    figure = Figure1(3)
    figure.draw(snapshots[:2])
    figure.draw(snapshots)
    now = snapshots[-1]
    names = {"p_data": now.p_data, "p_g, exact": now.p_g, "D": now.d, "D* = p/(p + p_g)": now.d_star}
    for label, expected in names.items():
        np.testing.assert_array_equal(line(figure.densities, label).get_xydata(), np.column_stack([now.x, expected]))
    title = figure.densities.get_title(loc="left")
    assert title.split() == f"round 3 JSD {now.jsd:.4f} nat mean {now.mean:.2f} std {now.std:.2f}".split()

    value, losses, divergence = figure.history
    curves = {
        (value, "V"): [s.value for s in snapshots],
        (value, "−log 4 + 2 JSD"): [-LOG_4 + 2.0 * s.jsd for s in snapshots],
        (divergence, "exact JSD(p_data, p_g)"): [s.jsd for s in snapshots],
        (losses, "L_D"): [s.losses.get("discriminator", np.nan) for s in snapshots],
        (losses, "L_G"): [s.losses.get("generator", np.nan) for s in snapshots],
    }
    for (ax, label), expected in curves.items():
        np.testing.assert_array_equal(line(ax, label).get_xdata(), [0, 1, 2, 3])
        np.testing.assert_array_equal(line(ax, label).get_ydata(), expected)
    for ax, label, level in ((value, "−log 4", -LOG_4), (losses, "log 4", LOG_4), (divergence, "log 2", LOG_4 / 2)):
        assert set(line(ax, label).get_ydata()) == {level}
        low, high = ax.get_ylim()
        assert low < level < high


def test_arrows_go_from_z_to_x_and_on_where_the_samples_are_pushed(snapshots):
    figure = Figure1(3)
    figure.draw(snapshots)
    now = snapshots[-1]
    paths, pushes = figure.mapping.collections[-2:]
    tails = np.array([paths.X, paths.Y]).T
    heads = tails + np.column_stack([paths.U, paths.V])
    np.testing.assert_allclose(heads, np.column_stack([now.g_z, np.ones_like(now.g_z)]))
    assert (np.diff(tails[:, 0]) > 0).all()  # the noise line keeps the order and the proportions of z
    np.testing.assert_allclose(np.corrcoef(tails[:, 0], now.z)[0, 1], 1.0)
    np.testing.assert_array_equal(pushes.get_offsets()[:, 0], now.g_z)
    np.testing.assert_array_equal(pushes.U, now.push)
    np.testing.assert_array_equal(pushes.V, 0.0)


def pixels(picture):
    return np.asarray(picture, dtype=float)


def test_a_picture_is_all_that_a_full_redraw_shows(snapshots):
    """Pictures are drawn in haste, on what was kept of the first: the last one is like one drawn at leisure."""
    quick, slow = Figure1(3), Figure1(3)
    for i in range(len(snapshots)):
        quick.draw(snapshots[: i + 1])
        picture = quick.picture()
    slow.draw(snapshots)
    canvas = FigureCanvasAgg(slow.figure)
    canvas.draw()
    whole = np.asarray(canvas.buffer_rgba())[..., :3].astype(float)
    assert pixels(picture).shape == whole.shape
    different = np.abs(pixels(picture) - whole).max(axis=-1) > 32
    assert different.mean() < 4e-4  # here and there a curve lies over a legend instead of under it
    # Nothing of the earlier pictures is left, and what was drawn is not empty.
    quick.draw(snapshots[:1])
    first = pixels(quick.picture())
    assert (np.abs(first - pixels(picture)).max(axis=-1) > 32).mean() > 5e-3
    again = Figure1(3)
    again.draw(snapshots[:1])
    np.testing.assert_array_equal(pixels(again.picture()), first)


def test_a_window_needs_a_display():
    pyplot.switch_backend("agg")
    with pytest.raises(ValueError, match="a window needs a display, and there is none; the animation needs no window"):
        Window(10)
    assert pyplot.get_fignums() == []


# ---------------------------------------------------------------- recordings


def record(n=5, captions=None, size=(48, 32)):
    """Pictures on each of which a bar stands elsewhere."""
    recording = Recording()
    for i in range(n):
        picture = np.full((*size[::-1], 3), 255, np.uint8)
        picture[:, 5 * i : 5 * i + 5] = (20, 90, 200)
        recording.add(Image.fromarray(picture), captions[i] if captions else f"round {i}")
    return recording


def same(picture, expected):
    """Equal but for what 64 colours cost."""
    return np.abs(pixels(picture.convert("RGB")) - pixels(expected.convert("RGB"))).max() < 16


def test_gif(tmp_path):
    recording = record(5)
    recording.write_gif(tmp_path / "a.gif", seconds_per_picture=0.2)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 5
        assert gif.info["loop"] == 0
        durations = []
        for i in range(5):
            gif.seek(i)
            durations.append(gif.info["duration"])
            assert same(gif, recording.pictures[i])
    assert durations == [200] * 4 + [2500]


def test_png_and_strip(tmp_path):
    recording = record(5)
    recording.write_png(tmp_path / "last.png")
    with Image.open(tmp_path / "last.png") as picture:
        assert picture.size == (48, 32)
        assert same(picture, recording.pictures[-1])
    for moments, rows in (([0, 2, 3, 4], 2), ([0, 1, 4], 2), ([1, 2], 1)):
        recording.write_strip(tmp_path / "strip.png", moments)
        with Image.open(tmp_path / "strip.png") as strip:
            assert strip.size == (96, 32 * rows)
            for place, i in enumerate(moments):
                left, top = place % 2 * 48, place // 2 * 32
                assert same(strip.crop((left, top, left + 48, top + 32)), recording.pictures[i])


def frames(page):
    """The list that the script shows: pairs of a picture and a caption, one on each line."""
    return [json.loads(line.rstrip(",")) for line in page.split("\n") if line.startswith('["data:')]


def decoded(address):
    """The picture that stands in an address."""
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"), validate=True)
    return Image.open(io.BytesIO(data)).convert("RGBA")


def test_the_page_holds_everything(tmp_path):
    recording = record(5)
    recording.write_html(tmp_path / "a.html", "A < B & C")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<title>A &lt; B &amp; C</title>" in page
    assert not re.search(r"https?://|//cdn|@import|<link", page)
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'(?:src|href)="([^"]*)"', page))
    assert not re.search(r"__[A-Z]+__", page)
    shown = frames(page)
    assert [caption for _, caption in shown] == recording.captions
    below = decoded(re.search(r'<img[^>]* src="([^"]*)"', page)[1])
    assert same(below, recording.pictures[-1])  # also where no script runs
    for (source, _), picture in zip(shown, recording.pictures, strict=True):
        assert same(Image.alpha_composite(below, decoded(source)), picture)


def test_players_are_named_after_what_they_show():
    page, again, other = record(3).player(), record(3).player(), record(4).player()
    assert page == again
    names = [re.search(r'id="(player-[0-9a-f]{12})"', each)[1] for each in (page, other)]
    assert names[0] != names[1]
    assert f'querySelectorAll("#{names[0]}")' in page


def test_captions_are_text():
    captions = ["a < b & c", 'she said "hi"', "back\\slash", "two\nlines", "</script><script>alert(1)</script>", "é −"]
    page = record(6, captions).player()
    assert [caption for _, caption in frames(page)] == captions
    assert page.count("</script>") == 1


def test_the_pictures_of_a_figure_survive_recording(snapshots):
    """64 colours are enough for curves and text."""
    figure, recording = Figure1(3), Recording()
    for i in range(len(snapshots)):
        figure.draw(snapshots[: i + 1])
        picture = figure.picture()
        recording.add(picture, "")
    difference = np.abs(pixels(recording.pictures[-1].convert("RGB")) - pixels(picture)).max(axis=-1)
    assert (difference > 48).mean() < 0.01


def test_a_snapshot_is_frozen(snapshots):
    with pytest.raises(AttributeError):
        snapshots[0].jsd = 0.0
    assert isinstance(snapshots[0], Snapshot)


def test_to_look_at_a_game_does_not_change_it():
    """Not even where a network behaves otherwise in training: a look draws no random numbers of dropout's."""

    def weights(look):
        rng = np.random.default_rng(0)
        discriminator = nn.Sequential(
            nn.MLP([1, 4], nn.Tanh, rng=rng), nn.Dropout(0.5, rng=rng), nn.Linear(4, 1, rng=rng)
        )
        game = gan.two_player(nn.MLP([1, 4, 1], nn.Tanh, rng=rng), discriminator)
        data = gan.data.Normal(4.0, 0.5)
        observer = gan.viz.Observer(game, data)

        def callback(number, losses):
            if look:
                observer.snapshot(number, losses)

        gan.train(game, data, 3, batch_size=8, callback=callback, progress=False)
        assert all(module.training for module in discriminator.modules())
        return [p.data for p in game.generator.parameters()]

    for seen, unseen in zip(weights(look=True), weights(look=False), strict=True):
        np.testing.assert_array_equal(seen, unseen)
