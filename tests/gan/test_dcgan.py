"""The DCGAN: its shapes, its starting values, and twenty rounds beside PyTorch with the same weights and noise."""

import numpy as np
import pytest

import gan
import minigrad as mg
from gan.models.dcgan import Discriminator, Generator
from minigrad import nn, optim


@pytest.mark.parametrize("size", [8, 16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_ranges(size, channels):
    generator = Generator(size, channels, width=2, noise_size=5, rng=0)
    discriminator = Discriminator(size, channels, width=2, rng=1)
    images = generator(np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32))
    assert images.shape == (3, channels, size, size)
    assert images.dtype == np.float32
    assert abs(images.data).max() <= 1.0
    assert discriminator(images).shape == (3, 1)


def test_the_widths_double_as_the_image_is_halved():
    inside = [m.weight.shape for m in Discriminator(32, 3, width=16, rng=0).modules() if isinstance(m, nn.Conv2d)]
    assert inside == [(16, 3, 4, 4), (32, 16, 4, 4), (64, 32, 4, 4), (1, 64, 4, 4)]
    generator = Generator(32, 3, width=16, noise_size=100, rng=0)
    inside = [m.weight.shape for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert inside == [(100, 64, 4, 4), (64, 32, 4, 4), (32, 16, 4, 4), (16, 3, 4, 4)]


@pytest.mark.parametrize("size", [4, 12, 33, 0])
@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_other_sizes_are_refused(network, size):
    with pytest.raises(ValueError, match="size must be a power of 2 from 8 up"):
        network(size)


def test_starting_values_are_the_papers():
    generator = Generator(32, 1, width=32, rng=0)
    for module in generator.modules():
        if isinstance(module, nn.ConvTranspose2d):
            assert abs(module.weight.data.mean()) < 3 * 0.02 / module.weight.size**0.5
            assert module.weight.data.std() == pytest.approx(0.02, rel=0.1)
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.data.mean() == pytest.approx(1.0, abs=0.02)
            np.testing.assert_array_equal(module.bias.data, 0.0)


def test_the_game_knows_the_size_of_the_noise():
    game = gan.two_player(Generator(8, 1, 2, noise_size=7, rng=0), Discriminator(8, 1, 2, rng=1))
    assert game.noise_size == 7


def torch_networks(torch, width, noise_size):
    """The same for 16 x 16 pixels and one channel, layer by layer."""
    make = torch.nn
    generator = make.Sequential(
        make.Unflatten(1, (noise_size, 1, 1)),
        make.ConvTranspose2d(noise_size, 2 * width, 4, bias=False),
        make.BatchNorm2d(2 * width),
        make.ReLU(),
        make.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        make.BatchNorm2d(width),
        make.ReLU(),
        make.ConvTranspose2d(width, 1, 4, 2, 1, bias=False),
        make.Tanh(),
    )
    discriminator = make.Sequential(
        make.Conv2d(1, width, 4, 2, 1, bias=False),
        make.LeakyReLU(0.2),
        make.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
        make.BatchNorm2d(2 * width),
        make.LeakyReLU(0.2),
        make.Conv2d(2 * width, 1, 4, bias=False),
        make.Flatten(),
    )
    return generator.double(), discriminator.double()


def test_twenty_rounds_beside_pytorch():
    torch = pytest.importorskip("torch")
    width, noise_size = 4, 6
    ours = Generator(16, 1, width, noise_size, rng=0).double(), Discriminator(16, 1, width, rng=1).double()
    theirs = torch_networks(torch, width, noise_size)
    for mine, other in zip(ours, theirs, strict=True):
        other.load_state_dict({name: torch.tensor(array) for name, array in mine.state_dict().items()})
    game = gan.two_player(*ours, optimizer=lambda params: optim.Adam(params, 2e-3, betas=(0.5, 0.999)))
    optimizers = [torch.optim.Adam(network.parameters(), 2e-3, betas=(0.5, 0.999)) for network in theirs]
    softplus = torch.nn.functional.softplus
    generator, discriminator = theirs
    rng = np.random.default_rng(2)

    def draw():
        return {"real": rng.uniform(-1.0, 1.0, (8, 1, 16, 16)), "noise": rng.standard_normal((8, noise_size))}

    for _ in range(20):
        first, second = draw(), draw()
        batches = iter([first, second])
        losses = game.play_round(lambda batches=batches: next(batches))

        with torch.no_grad():
            buffers = {name: b.clone() for name, b in generator.named_buffers()}
            fake = generator(torch.tensor(first["noise"]))
            for name, b in generator.named_buffers():  # the other player's step leaves them as they were
                b.copy_(buffers[name])
        d_loss = softplus(-discriminator(torch.tensor(first["real"]))).mean() + softplus(discriminator(fake)).mean()
        optimizers[1].zero_grad()
        d_loss.backward()
        optimizers[1].step()

        buffers = {name: b.clone() for name, b in discriminator.named_buffers()}
        g_loss = softplus(-discriminator(generator(torch.tensor(second["noise"])))).mean()
        optimizers[0].zero_grad()
        g_loss.backward()
        optimizers[0].step()
        with torch.no_grad():
            for name, b in discriminator.named_buffers():
                b.copy_(buffers[name])
        assert losses["discriminator"] == pytest.approx(d_loss.item(), abs=1e-6)
        assert losses["generator"] == pytest.approx(g_loss.item(), abs=1e-6)

    for mine, other in zip(ours, theirs, strict=True):
        for name, array in mine.state_dict().items():
            np.testing.assert_allclose(array, other.state_dict()[name].numpy(), atol=1e-6, err_msg=name)
    with mg.no_grad():
        assert ours[0].eval()(draw()["noise"]).shape == (8, 1, 16, 16)
