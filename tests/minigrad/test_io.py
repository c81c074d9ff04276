"""Saving and loading: what comes back, what PyTorch makes of it, and what is refused."""

import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

safetensors = pytest.importorskip("safetensors")


@pytest.fixture(autouse=True)
def same_start():
    """The same starting values in every run."""
    mg.manual_seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


def networks(library, width=4):
    """A generator 8x8 and a discriminator of 2 channels, as in a DCGAN, with layers of minigrad or PyTorch."""
    G = library.Sequential(
        library.ConvTranspose2d(5, 2 * width, 2, bias=False),
        library.BatchNorm2d(2 * width),
        library.ReLU(),
        library.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        library.BatchNorm2d(width),
        library.ReLU(),
        library.ConvTranspose2d(width, 2, 4, 2, 1),
        library.Tanh(),
    )
    D = library.Sequential(
        library.Conv2d(2, width, 4, 2, 1),
        library.LeakyReLU(0.2),
        library.Conv2d(width, 2 * width, 3, padding=1, groups=2, bias=False),
        library.BatchNorm2d(2 * width),
        library.LeakyReLU(0.2),
        library.MaxPool2d(2),
        library.Flatten(),
        library.Linear(8 * width, 6),
        library.BatchNorm1d(6),
        library.LayerNorm(6),
        library.Linear(6, 1),
    )
    return library.Sequential(G, D)


NOISE = np.random.default_rng(0).standard_normal((6, 5, 1, 1)).astype(np.float32)


def trained(network, as_input, steps=3):
    """The network after it has seen a few batches, so that its running statistics are its own."""
    network.train()
    for i in range(steps):
        network(as_input((i + 1) * NOISE))
    return network.eval()


def in_minigrad(x):
    return mg.tensor(x)


# ---------------------------------------------------------------- round trips


def test_what_is_saved_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    state = {f"a.{kind}": rng.integers(0, 2, (2, 3)).astype(kind) for kind in ("f4", "f8", "f2", "i8", "i4", "u1", "?")}
    state |= {"number": np.array(7), "nothing": np.zeros((0, 3)), "tensor": mg.tensor([1.5], requires_grad=True)}
    path = tmp_path / "state.safetensors"
    mg.save(path, state)
    again = mg.load(str(path))
    assert again.keys() == state.keys()
    for name, array in again.items():
        np.testing.assert_array_equal(array, getattr(state[name], "data", state[name]), strict=True)
        array += array  # it may be written into


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[:, ::-1], lambda x: x.transpose(1, 0, 2)])
def test_the_order_in_memory_does_not_matter(tmp_path, layout):
    x = layout(np.arange(24.0).reshape(2, 3, 4))
    mg.save(tmp_path / "x", {"x": x})
    np.testing.assert_array_equal(mg.load(tmp_path / "x")["x"], x, strict=True)


def test_a_trained_network_comes_back_to_the_last_bit(tmp_path):
    network = trained(networks(nn), in_minigrad)
    mg.save(tmp_path / "network", network.state_dict())
    again = networks(nn).eval()
    again.load_state_dict(mg.load(tmp_path / "network"))
    np.testing.assert_array_equal(again(NOISE).data, network(NOISE).data)


# ---------------------------------------------------------------- PyTorch


def test_names_and_shapes_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    ours, theirs = networks(nn).state_dict(), networks(torch.nn).state_dict()
    assert {name: (a.shape, str(a.dtype)) for name, a in ours.items()} == {
        name: (tuple(a.shape), str(a.dtype).removeprefix("torch.")) for name, a in theirs.items()
    }
    assert list(ours) == list(theirs)


def test_what_minigrad_saves_pytorch_opens(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    ours, theirs = trained(networks(nn), in_minigrad), networks(torch.nn).eval()
    mg.save(tmp_path / "network", ours.state_dict())
    theirs.load_state_dict(load_file(tmp_path / "network"))
    expected = theirs(torch.tensor(NOISE)).numpy(force=True)
    np.testing.assert_allclose(ours(NOISE).data, expected, rtol=1e-6, atol=1e-6)
    assert np.ptp(expected) > 1e-3


def test_what_pytorch_saves_minigrad_opens(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    theirs, ours = trained(networks(torch.nn), torch.tensor), networks(nn).eval()
    save_file(theirs.state_dict(), tmp_path / "network")
    ours.load_state_dict(mg.load(tmp_path / "network"))
    expected = theirs(torch.tensor(NOISE)).numpy(force=True)
    np.testing.assert_allclose(ours(NOISE).data, expected, rtol=1e-6, atol=1e-6)
    assert np.ptp(expected) > 1e-3
    for step in (1, 2):  # and goes on as PyTorch does
        ours.train()(step * NOISE)
        theirs.train()(torch.tensor(step * NOISE))
    for name, array in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], array.numpy(), rtol=1e-5, atol=1e-6, err_msg=name)


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("keep", [0, 4, 20, -1])
def test_a_file_that_is_cut_short(tmp_path, keep):
    path = tmp_path / "short"
    mg.save(path, {"x": np.arange(10.0)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"^load: .*short is not a whole safetensors file") as error:
        mg.load(path)
    assert "\n" not in str(error.value)


def test_a_file_of_another_format(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(1000))
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        mg.load(tmp_path / "x.npy")


def test_a_type_that_numpy_does_not_have(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({"x": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "x")
    with pytest.raises(ValueError, match="NumPy can hold: 'BF16'"):
        mg.load(tmp_path / "x")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        mg.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"G": {"weight": np.ones(2)}}, "'G' must be an array or a tensor of numbers, got dict"),
        ({"lr": 0.1}, "'lr' must be an array or a tensor of numbers, got float"),
        ({"x": np.array(["a"])}, "'x' must be an array or a tensor of numbers, got an array of <U1"),
        ({1: np.ones(2)}, "names are strings, got 1"),
    ],
)
def test_what_cannot_be_saved(tmp_path, state, message):
    with pytest.raises(TypeError, match=f"^save: {message}"):
        mg.save(tmp_path / "x", state)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(np.dtype("longdouble").itemsize == 8, reason="here it is float64")
def test_wider_floats_than_the_format_has(tmp_path):
    with pytest.raises(TypeError, match=r"^save: 'x' must be an array or a tensor of numbers.*, got an array of .*$"):
        mg.save(tmp_path / "x", {"x": np.ones(2, np.longdouble)})


def test_the_name_that_the_format_keeps_for_itself(tmp_path):
    with pytest.raises(ValueError, match=r"^save: the format keeps the name '__metadata__' for itself.*$"):
        mg.save(tmp_path / "x", {"__metadata__": np.ones(2)})
    assert not list(tmp_path.iterdir())


def test_without_safetensors(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for use in (lambda: mg.save(tmp_path / "x", {}), lambda: mg.load(tmp_path / "x")):
        with pytest.raises(ImportError, match=r"python -m pip install safetensors"):
            use()
