"""All ops, layers and optimizers on CuPy, or on its stand-in: the numbers are NumPy's, and nothing is read back."""

import contextlib
import copy
import logging
import os
import subprocess
import sys

import numpy as np
import op_table
import pytest
import strict_cupy

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.backend import array_module, move, to_numpy

READING = {"to_numpy", "getitem", "getitem_numpy"}  # copies down, or has masks, whose elements are counted first

each_call = pytest.mark.parametrize(("row", "call"), [*op_table.params(), *op_table.params("ties")])


@contextlib.contextmanager
def no_waiting():
    """Within this context nothing is read back; only the stand-in can tell."""
    before = strict_cupy.counts["waits"]
    yield
    assert strict_cupy.counts["waits"] == before, "the host waited for the device"


def but_counters(state):
    """What moves to a GPU; integers without axes stay in memory."""
    return [a for name, a in state.items() if not name.endswith("num_batches_tracked")]


def numbers(seed, like):
    """Random numbers of the shape and the type of a tensor, where it is."""
    values = np.random.default_rng(seed).standard_normal(like.shape).astype(like.dtype)
    return move(values, array_module(like.data))


def everything(row, arrays, options):
    """The result, its gradients, the gradients of a weighted sum of those, and what backward leaves in ``.grad``."""
    xs = [mg.Tensor(x, requires_grad=row.differentiable) for x in arrays]
    y = row.op(*xs, **options)
    if not row.differentiable:
        return [y.data]
    w = mg.Tensor(numbers(7, y), requires_grad=True)
    first = mg.grad(y, xs, w, create_graph=True)
    second = mg.grad(first, [*xs, w], [numbers(8, g) for g in first], materialize_grads=True)
    row.op(*xs, **options).backward(w.data)
    return [t.data for t in (y, *first, *second)] + [x.grad for x in xs]


@each_call
def test_ops(cupy, row, call):
    arrays = [x.astype(np.float32) for x in call.arrays]
    expected = everything(row, arrays, call.options)
    options = {k: cupy.asarray(v) if isinstance(v, np.ndarray) else v for k, v in call.options.items()}
    with contextlib.nullcontext() if row.name in READING else no_waiting():
        got = everything(row, list(map(cupy.asarray, arrays)), options)
    for a, b in zip(got, expected, strict=True):
        assert isinstance(a, cupy.ndarray) or row.name == "to_numpy"
        np.testing.assert_allclose(to_numpy(a), b, rtol=1e-3, atol=1e-4, strict=True)


@pytest.mark.parametrize("name", ["batch_norm", "conv2d", "linear", "mse_loss", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("types", [(np.float32, np.float64), (np.float64, np.float32)])
def test_arrays_of_two_types(cupy, name, types):
    """Kernels take one type of floats; NumPy says what two make."""
    row, call = op_table.params(name=name)[0].values
    arrays = [x.astype(types[i > 0]) for i, x in enumerate(call.arrays)]
    expected = everything(row, arrays, call.options)
    got = everything(row, list(map(cupy.asarray, arrays)), call.options)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(to_numpy(a), b, rtol=1e-5, atol=1e-6, strict=True)


ROWS_TO_CHECK = [op_table.params(name=name)[0] for name in ("tanh", "conv2d", "batch_norm", "einsum", "max_pool2d")]


@pytest.mark.parametrize(("row", "call"), ROWS_TO_CHECK)
@pytest.mark.parametrize("check", [mg.gradcheck, mg.gradgradcheck])
def test_gradient_checks_in_float64(cupy, row, call, check):
    seen = set()

    def f(*xs):
        seen.update(type(x.data) for x in xs)
        return row.op(*xs, **call.options)

    report = check(f, list(map(cupy.asarray, call.arrays)), atol=1e-6, rtol=1e-5)
    assert report.compared
    assert seen == {cupy.ndarray}


def test_a_gradient_check_finds_a_mistake(cupy):
    @mg.primitive
    def cube(x):
        return x**3

    cube.defvjps(lambda g, out, x: g * 2.0 * x**2)
    with pytest.raises(mg.GradcheckError, match="with NumPy's arrays"):
        mg.gradcheck(cube, cupy.asarray([0.5, 1.5]))


# ---------------------------------------------------------------- which backend


def test_new_tensors_and_layers_are_made_where_set_backend_says(cupy):
    assert mg.set_backend("cupy") == "cupy"
    layers = nn.Linear(2, 3), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Embedding(4, 2, padding_idx=0)
    made = [a for layer in layers for a in but_counters(layer.state_dict())]
    made += [mg.tensor(data).data for data in (1.5, [1, 2], np.ones(2), cupy.ones(2))]
    made += [mg.Tensor([1.0]).data, mg.stack([1.0, 2.0]), mg.jacobian(lambda x: x * x, mg.tensor([1.0])).data]
    assert {type(a) for a in made} == {cupy.ndarray}
    assert mg.set_backend("numpy") == "numpy"
    assert isinstance(mg.tensor([1.0]).data, np.ndarray)
    assert isinstance(mg.tensor(cupy.ones(2)).data, cupy.ndarray)  # a copy of an array stays where it is


def test_auto_takes_cupy_where_it_can_be_used(cupy):
    assert mg.set_backend("auto") == "cupy"


@pytest.fixture(params=["ones", "item"])
def broken(monkeypatch, request):
    """CuPy that can be imported and not used: no array can be made, or what was computed cannot be read."""

    def fail(*args):
        raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected\nand more")

    with strict_cupy.installed() as module:
        monkeypatch.setattr(module if request.param == "ones" else module.ndarray, request.param, fail)
        yield
    mg.set_backend("numpy")


def test_importable_is_not_usable(broken):
    message = (
        "cupy cannot be used: a product on the GPU failed (cudaErrorNoDevice: no CUDA-capable device is detected); "
        "it needs an NVIDIA GPU, its driver and CUDA's libraries, which 'cupy-cuda12x[ctk]' brings, or use numpy"
    )
    for use in (
        lambda: mg.set_backend("cupy"),
        lambda: mg.tensor([1.0]).to("cupy"),
        lambda: nn.Linear(1, 1).to("cupy"),
    ):
        with pytest.raises(RuntimeError) as error:
            use()
        assert str(error.value) == message
    assert mg.backend.default_module() is np


def test_auto_falls_back_and_says_so(broken, caplog):
    with caplog.at_level(logging.WARNING, "minigrad"):
        assert mg.set_backend("auto") == "numpy"
    assert caplog.messages == [
        "numpy is used: cupy cannot be used: a product on the GPU failed (cudaErrorNoDevice: no CUDA-capable device is "
        "detected); it needs an NVIDIA GPU, its driver and CUDA's libraries, which 'cupy-cuda12x[ctk]' brings, "
        "or use numpy"
    ]


def test_what_is_to_be_prepared_is_prepared_once(monkeypatch):
    calls = []
    monkeypatch.setattr(mg.backend, "_proven", None)
    monkeypatch.setattr(mg.backend, "_when_used", [])
    mg.backend.when_cupy_is_used(lambda: calls.append("before"))
    assert calls == []
    for _ in range(2):
        with strict_cupy.installed():  # another module each time
            mg.backend.backend_named("cupy")
    assert calls == ["before"]
    mg.backend.when_cupy_is_used(lambda: calls.append("after"))
    assert calls == ["before", "after"]


def test_a_machine_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(
        RuntimeError, match=r"^cupy cannot be used: it cannot be imported .*pip install 'cupy-cuda12x\[ctk\]'"
    ):
        mg.set_backend("cupy")
    assert mg.tensor([1.0]).to("numpy").data.tolist() == [1.0]


@pytest.mark.parametrize("name", ["torch", "CuPy", None])
def test_no_such_backend(name):
    with pytest.raises(ValueError, match=f"^backend {name!r} is not one of numpy, cupy"):
        mg.set_backend(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("numpy", "numpy"), ("nonsense", "MINIGRAD_BACKEND: backend 'nonsense' is not one of numpy, cupy, auto")],
)
def test_the_environment_chooses(name, expected):
    program = "import minigrad; print(minigrad.backend.default_module().__name__)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                         env=os.environ | {"MINIGRAD_BACKEND": name})  # fmt: skip
    assert expected in run.stdout + run.stderr


def test_the_environment_chooses_cupy_before_there_are_kernels():
    program = (
        "import strict_cupy; context = strict_cupy.installed(); context.__enter__(); import minigrad as mg; "
        "print(type(mg.tensor([1.0]).data), hasattr(mg.tanh.vjps[0], '__wrapped__'))"
    )
    environment = os.environ | {"MINIGRAD_BACKEND": "cupy", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert run.stdout == "<class 'cupy.ndarray'> True\n", run.stderr


# ---------------------------------------------------------------- two backends

TWO = {
    "multiplied": lambda a, t: t * a,
    "multiplied by": lambda a, t: a * t,
    "compared": lambda a, t: t > a,
    "a matrix product": lambda a, t: t @ a.T,
    "joined": lambda a, t: mg.concatenate([t, a]),
    "chosen": lambda a, t: mg.where(t > 0, t, a),
    "a layer": lambda a, t: F.linear(t, a),
    "a loss": lambda a, t: F.mse_loss(t, a),
    "a convolution": lambda a, t: mg.conv2d(t.reshape(1, 1, 2, 3), a[None, None]),
    "a gradient for backward": lambda a, t: t.reshape(2, 3).backward(a),
    "a gradient for grad": lambda a, t: mg.grad(t.reshape(2, 3), t, a),
    "a gradient that is set": lambda a, t: setattr(t, "grad", a),
    "class numbers": lambda a, t: F.cross_entropy(t, a[:, 0].astype(int)),
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # NumPy's, of CuPy, before the error
@pytest.mark.parametrize("what", TWO)
@pytest.mark.parametrize("tensor_on", ["numpy", "cupy"])
def test_arrays_of_two_backends_do_not_mix(cupy, what, tensor_on):
    ones = np.ones((2, 3), np.float32)
    a, t = (cupy.asarray(ones), ones) if tensor_on == "numpy" else (ones, cupy.asarray(ones))
    with pytest.raises(
        TypeError, match=r"^\w+: arrays of NumPy and of CuPy do not mix; move one of them: mg.tensor\(a\).to\('cupy'\)"
    ):
        TWO[what](a, mg.Tensor(t, requires_grad=True))


ROWS_OF_SEVERAL = [
    param
    for param in op_table.params()
    if sum(x.ndim > 0 for x in param.values[1].arrays) > 1 and all(x.size for x in param.values[1].arrays)
]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(("row", "call"), ROWS_OF_SEVERAL)
def test_no_op_mixes_arrays_of_two_backends(cupy, row, call):
    for first in (True, False):
        arrays = [a if (i == 0) is first else cupy.asarray(a) for i, a in enumerate(call.arrays)]
        with pytest.raises(TypeError, match=r"do not mix|is on a GPU and the tensor is not"):
            row.op(*(mg.Tensor(a, requires_grad=row.differentiable) for a in arrays), **call.options)


def test_batch_norm_beside_its_running_moments(cupy):
    norm = nn.BatchNorm1d(2)
    with pytest.raises(TypeError, match=r"^batch_norm: arrays of NumPy and of CuPy do not mix"):
        norm(cupy.ones((3, 2), np.float32))


@pytest.mark.parametrize("index", [[5], np.array([-3]), ([0, 1], [5, 1]), (slice(None), [3]), 1.0])
def test_an_index_out_of_range(cupy, index):
    x = mg.Tensor(cupy.ones((2, 3), np.float32))
    with pytest.raises(IndexError, match=r"^getitem: "):
        x[index]


def test_an_array_of_numpy_within_an_op(cupy):
    @mg.primitive
    def shifted(x):
        return x + np.ones(x.shape)

    with pytest.raises(TypeError, match=r"^shifted: an array of NumPy meets one of CuPy within it; make it of what is"):
        shifted(mg.Tensor(cupy.ones(2)))


def test_indices_may_be_of_numpy(cupy):
    t = mg.Tensor(cupy.asarray(np.arange(6.0).reshape(3, 2)), requires_grad=True)
    y = t[np.array([2, 0, 2])]
    y.backward(cupy.ones(y.shape))
    assert t.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]


def test_a_tensor_moves_and_its_gradient_comes_back(cupy):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = (x.to("cupy") ** 3).to("numpy")
    assert isinstance(y.data, np.ndarray)
    (g,) = mg.grad(y.sum(), x, create_graph=True)
    (gg,) = mg.grad(g.sum(), x)
    assert g.data.tolist() == [3.0, 12.0]
    assert gg.data.tolist() == [6.0, 12.0]
    assert x.to("numpy") is x
    assert x.to("cupy").to("cupy").data.dtype == np.float32


def test_a_tensor_on_the_gpu_says_what_it_is(cupy):
    t = mg.tensor([1.0, 2.0]).to("cupy")
    assert repr(t) == "tensor([1., 2.])"
    assert t.numpy().tolist() == t.tolist() == [1.0, 2.0]
    assert (float(t[0]), bool(t[0] > 0), t.sum().item(), f"{t[1]:.1f}") == (1.0, True, 3.0, "2.0")
    with pytest.raises(TypeError, match=r"^a tensor on a GPU is not converted by itself; t\.numpy\(\)"):
        np.asarray(t)
    twin = copy.deepcopy(t)
    assert isinstance(twin.data, cupy.ndarray)
    assert twin.data is not t.data


def test_numbers_out_of_range_give_nan_on_a_gpu(cupy):
    """To raise an error the host would have to wait."""
    logits = mg.Tensor(cupy.ones((2, 3), np.float32), requires_grad=True)
    with no_waiting():
        losses = [F.cross_entropy(logits, cupy.asarray([0, n])) for n in (2, 3, -1)]
        losses.append(F.binary_cross_entropy(logits * 2.0, cupy.ones((2, 3), np.float32)))
        rows = F.embedding(cupy.asarray([0, 2]), logits)
    assert [np.isfinite(loss.item()) for loss in losses] == [True, False, False, False]
    assert np.isfinite(rows.detach().numpy()).all(axis=1).tolist() == [True, False]


# ---------------------------------------------------------------- layers and optimizers


def network():
    rng = np.random.default_rng(3)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False, rng=rng), nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.MaxPool2d(2),
        nn.ConvTranspose2d(4, 4, 4, stride=2, padding=1, bias=False, rng=rng), nn.InstanceNorm2d(4, affine=True),
        nn.ELU(), nn.Upsample(scale_factor=2, mode="bilinear"), nn.PixelShuffle(2), nn.AvgPool2d(2),
        nn.Dropout(0.3, rng=np.random.default_rng(5)), nn.Flatten(), nn.LayerNorm(256), nn.Linear(256, 6, rng=rng),
        nn.Softplus(), nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.Softmax(1),
    )  # fmt: skip


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "Nesterov": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.01, weight_decay=0.01),
}


def steps(net, optimizer, count, module, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        x, labels = rng.standard_normal((3, 2, 8, 8)).astype(np.float32), rng.integers(0, 6, 3)
        x, labels = (module.asarray(a) for a in (x, labels))
        optimizer.zero_grad()
        F.cross_entropy(net(x), labels).backward()
        optimizer.step()


def same_state(a, b):
    for (name, x), y in zip(a.items(), b.values(), strict=True):
        np.testing.assert_allclose(to_numpy(x), to_numpy(y), rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_is_numpys_wherever_it_takes_place(cupy, name):
    """Half on the one backend, half on the other, both ways; what the optimizer remembers follows."""
    ours, theirs, there = network(), network(), network().to("cupy")
    optimizers = [OPTIMIZERS[name](list(net.parameters())) for net in (ours, theirs, there)]
    for seed in (0, 1):
        steps(ours, optimizers[0], 2, np, seed)
    steps(theirs, optimizers[1], 2, np, 0)
    with no_waiting():
        steps(there, optimizers[2], 2, cupy, 0)
    theirs.to("cupy")
    there.to("numpy")
    steps(theirs, optimizers[1], 2, cupy, 1)
    steps(there, optimizers[2], 2, np, 1)
    assert {type(a) for a in but_counters(theirs.state_dict())} == {cupy.ndarray}
    same_state(theirs.state_dict(), ours.state_dict())
    same_state(there.state_dict(), ours.state_dict())


def test_a_state_of_one_backend_is_loaded_on_the_other(cupy, tmp_path):
    here, there = network().eval(), network().eval().to("cupy")  # in use, dropout drops nothing
    optimizers = [optim.Adam(list(net.parameters()), lr=0.01) for net in (here, there)]
    steps(here, optimizers[0], 1, np)
    mg.save(tmp_path / "here.safetensors", here.state_dict())
    there.load_state_dict(mg.load(tmp_path / "here.safetensors"))
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    assert {type(a) for a in but_counters(there.state_dict())} == {cupy.ndarray}
    steps(there, optimizers[1], 1, cupy)
    steps(here, optimizers[0], 1, np)
    same_state(there.state_dict(), here.state_dict())
    mg.save(tmp_path / "there.safetensors", there.state_dict())
    here.load_state_dict(mg.load(tmp_path / "there.safetensors"))
    assert {type(a) for a in here.state_dict().values()} == {np.ndarray}


def test_what_is_remembered_follows_each_parameter(cupy):
    """Of two networks, one moves."""
    pairs = [[nn.Linear(2, 1, rng=seed) for seed in (0, 1)] for _ in range(2)]
    optimizers = [optim.Adam([p for net in pair for p in net.parameters()], lr=0.1) for pair in pairs]
    for moved in (False, True):
        for pair, optimizer in zip(pairs, optimizers, strict=True):
            for net in pair:
                x = np.ones((1, 2), np.float32)
                net(move(x, array_module(net.weight.data))).sum().backward()
            optimizer.step()
        if not moved:
            pairs[1][1].to("cupy")
    for ours, theirs in zip(*pairs, strict=True):
        same_state(ours.state_dict(), theirs.state_dict())
    assert isinstance(pairs[1][1].weight.data, cupy.ndarray)


def test_counters_stay_in_memory(cupy):
    norm = nn.BatchNorm1d(2, momentum=None).to("cupy")
    with no_waiting():
        norm(cupy.asarray([[1.0, 2.0], [3.0, 4.0]], np.float32))
    assert isinstance(norm.num_batches_tracked, np.ndarray)
    assert norm.num_batches_tracked == 1
    assert norm.running_mean.tolist() == [2.0, 3.0]


def test_gradients_move_with_the_module(cupy):
    net = nn.Linear(2, 1)
    net(np.ones((1, 2), np.float32)).sum().backward()
    net.to("cupy")
    assert isinstance(net.weight.grad, cupy.ndarray)


def test_an_index_on_the_gpu_for_a_tensor_in_memory(cupy):
    with pytest.raises(TypeError, match="getitem: the index is on a GPU and the tensor is not"):
        mg.tensor([1.0, 2.0])[cupy.asarray(np.array([0]))]


def test_what_cupy_says_when_it_cannot_be_imported():
    """Its message begins with a ruler."""
    ruler = "=" * 40
    error = ImportError(f"{ruler}\nFailed to import CuPy.\n\nOriginal error:\n  libcuda.so.1: cannot open\n{ruler}\n")
    assert mg.backend._first_line(error) == "libcuda.so.1: cannot open"
    assert mg.backend._first_line(ImportError(f"{ruler}\nno words but these\n")) == "no words but these"
    assert mg.backend._first_line(ImportError("")) == "ImportError"
