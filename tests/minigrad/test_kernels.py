"""The kernels that stand in for code on a GPU: each is one launch, and its formula is C++ that computes the same."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
import strict_cupy
from strict_cupy.kernels import ElementwiseKernel

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import kernels, nn, optim
from minigrad.backend import backend_named, move


@pytest.fixture
def stand_in():
    with strict_cupy.installed() as module:
        backend_named("cupy")
        yield module
        mg.set_backend("numpy")


def launches(f):
    before = strict_cupy.counts["launches"]
    f()
    return strict_cupy.counts["launches"] - before


def images(cp, *shape):
    return cp.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


# ---------------------------------------------------------------- how many launches

#: Of what a result and of what its gradient by x take; t is of the shape of x, w a weight.
OPS = {
    "sigmoid": (lambda x, t, w: mg.sigmoid(x), 1, 1),
    "tanh": (lambda x, t, w: mg.tanh(x), 1, 1),
    "relu": (lambda x, t, w: mg.relu(x), 1, 1),
    "leaky_relu": (lambda x, t, w: mg.leaky_relu(x, 0.2), 1, 1),
    "elu": (lambda x, t, w: mg.elu(x), 1, 1),
    "softplus": (lambda x, t, w: mg.softplus(x), 1, 1),
    "bce": (lambda x, t, w: F.binary_cross_entropy_with_logits(x, t), 3, 1),
    "mse": (lambda x, t, w: F.mse_loss(x, t), 3, 1),
    "conv2d": (lambda x, t, w: mg.conv2d(x, w, padding=1), 2, 4),  # the last for a copy of the gradient, a view
    "conv_transpose2d": (lambda x, t, w: mg.conv_transpose2d(x, w, stride=2), 3, 3),
    "batch_norm": (lambda x, t, w: F.batch_norm(x, None, None, training=True), 8, 3),
}


@pytest.mark.parametrize("name", OPS)
def test_how_many_launches_an_op_takes(stand_in, name):
    op, forward, backward = OPS[name]
    t, w = images(stand_in, 2, 2, 4, 4), images(stand_in, 2, 2, 3, 3)
    x = mg.Tensor(t, requires_grad=True)
    y = op(x, t, w)
    g = images(stand_in, *y.shape)
    assert launches(lambda: op(x, t, w)) <= forward
    assert launches(lambda: mg.grad(y, x, g)) <= backward


@pytest.mark.parametrize("layers", [1, 5])
@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
                                  optim.RMSprop, optim.Adam])  # fmt: skip
def test_one_launch_moves_a_parameter(stand_in, make, layers):
    """To put all in a row and move them at once would take a copy of each."""
    net = nn.MLP([2] * (layers + 1), nn.Tanh).to("cupy")
    optimizer = make(list(net.parameters()))
    for _ in range(2):  # in the first step, zeros to remember are made
        net(images(stand_in, 3, 2)).sum().backward()
        taken = launches(optimizer.step)
    assert taken == len(optimizer.params)


# ---------------------------------------------------------------- what they do not touch


def test_nan_goes_through(stand_in):
    for f in (mg.sigmoid, mg.tanh, mg.relu, mg.leaky_relu, mg.elu, mg.softplus, lambda x: F.mse_loss(x, x * 0.0),
              lambda x: F.binary_cross_entropy_with_logits(x, x * 0.0)):  # fmt: skip
        assert np.isnan(f(mg.Tensor(stand_in.asarray([np.nan], np.float32))).item())


def test_other_types_and_no_elements_go_to_the_usual_code(stand_in):
    for dtype in (np.float16, np.float32):
        assert mg.sigmoid(stand_in.zeros((2,), dtype)).get().tolist() == [0.5, 0.5]
    assert mg.sigmoid(stand_in.zeros((0, 2), np.float32)).shape == (0, 2)
    assert mg.sigmoid(np.float32(0.0)) == 0.5


def test_parameters_that_do_not_step_together_step_one_by_one(stand_in):
    def trained(module):
        a, b = (mg.Tensor(move(np.ones(2, np.float32), module), requires_grad=True) for _ in range(2))
        optimizer = optim.Adam([a, b], lr=0.1)
        for loss in (lambda: (a * a).sum(), lambda: (a * b).sum()):  # b moves for the first time when a does again
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        return [move(p.data, np) for p in (a, b)]

    np.testing.assert_allclose(trained(stand_in), trained(np), rtol=1e-5)


def test_an_optimizer_of_ones_own_steps_as_it_says(stand_in):
    class Signs(optim.Optimizer):
        def direction(self, g, state):
            return np.sign(g)

    p = mg.Tensor(stand_in.ones(2, np.float32), requires_grad=True)
    (p * p).sum().backward()
    Signs([p], lr=0.25).step()
    assert p.data.tolist() == [0.75, 0.75]


def test_a_batch_whose_patches_are_too_many_goes_in_parts(stand_in, monkeypatch):
    def results(module):
        x, w = (mg.Tensor(move(a, module), requires_grad=True) for a in (X, W))
        y = mg.conv2d(x, w, stride=2, padding=1)
        return [move(t.data, np) for t in (y, *mg.grad(y, [x, w], y.data))]

    X, W = (np.random.default_rng(i).standard_normal(s) for i, s in enumerate([(5, 2, 6, 6), (3, 2, 3, 3)]))
    monkeypatch.setattr(kernels, "_PART_BYTES", 3000)
    for a, b in zip(results(stand_in), results(np), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


# ---------------------------------------------------------------- the formulas as C++

COMPILER = next(filter(None, map(shutil.which, ("g++", "clang++", "c++"))), None)
PROGRAM = """
namespace {name}_ {{
typedef {type} T;
{preamble}
extern "C" void {name}(long count, {parameters}) {{
    for (long i = 0; i < count; ++i) {{ {elements} {operation}; }}
}}
}}
"""


class Used(ElementwiseKernel):
    """A kernel that keeps what it was given and what it gave."""

    calls: list = []  # noqa: RUF012, set anew by the test

    def __init__(self, in_params, out_params, operation, name="kernel", preamble=""):
        super().__init__(in_params, out_params, operation, name, preamble)
        self.operation, self.preamble = operation, preamble

    def __call__(self, *args):
        given = [np.array(a.get()) if isinstance(a, strict_cupy.ndarray) else a for a in args[: len(self.inputs.names)]]
        results = super().__call__(*args)
        self.calls.append((self, given, [r.get() for r in (results if isinstance(results, tuple) else (results,))]))
        return results

    def program(self, name, given, results):
        """A function of C++ that does the same on the host, and the arrays that it takes."""
        shape, arrays, parameters, elements = results[0].shape, [], [], []
        for parameter, kind, is_raw, a in zip(
            self.inputs.names, self.inputs.types, self.inputs.raw, given, strict=True
        ):
            if not isinstance(a, np.ndarray):
                elements.append(f"const {kind.replace('int32', 'int')} {parameter} = {a!r};")
                continue
            arrays.append(np.ascontiguousarray(a if is_raw else np.broadcast_to(a, shape)))
            parameters.append(f"const T* {parameter}" if is_raw else f"const T* {parameter}_")
            elements += [] if is_raw else [f"const T &{parameter} = {parameter}_[i];"]
        for parameter, result in zip(self.outputs.names, results, strict=True):
            arrays.append(np.full_like(result, -1.0))
            parameters.append(f"T* {parameter}_")
            elements.append(f"T &{parameter} = {parameter}_[i];")
        kind = {"f": "float", "d": "double"}[results[0].dtype.char]
        return PROGRAM.format(name=name, type=kind, preamble=self.preamble, parameters=", ".join(parameters),
                              elements=" ".join(elements), operation=self.operation), arrays  # fmt: skip


def use_every_kernel(cp):
    for dtype in (np.float32, np.float64):
        x = mg.Tensor(images(cp, 2, 2, 6, 6).astype(dtype), requires_grad=True)
        t, w = cp.ones((2, 2, 6, 6), dtype), mg.Tensor(images(cp, 3, 2, 3, 3).astype(dtype), requires_grad=True)
        y = mg.leaky_relu(mg.elu(mg.softplus(mg.tanh(mg.relu(x)))))
        y = mg.conv2d(mg.sigmoid(y), w, stride=2, padding=1)
        y = F.batch_norm(y, mg.Tensor(cp.zeros(3, dtype)), None, training=True)
        loss = y.sum() + F.mse_loss(x, t) + F.binary_cross_entropy_with_logits(x, t)
        loss.backward()
        for make in (optim.SGD, lambda p: optim.SGD(p, momentum=0.9), optim.RMSprop, optim.Adam):
            make([x, w]).step()


@pytest.mark.skipif(COMPILER is None, reason="needs a compiler of C++")
def test_the_formulas_are_cpp_that_computes_the_same(stand_in, monkeypatch, tmp_path):
    monkeypatch.setattr(Used, "calls", [])
    monkeypatch.setattr(stand_in, "ElementwiseKernel", Used)
    kernels._compiled.cache_clear()
    use_every_kernel(stand_in)
    kernels._compiled.cache_clear()
    wanted = set(re.findall(r'_kernel\(\s*"(\w+)"', (kernels.__spec__.loader.get_source(kernels.__name__))))
    assert {call[0].name.removeprefix("minigrad_") for call in Used.calls} == wanted
    programs = [kernel.program(f"f{n}", given, results) for n, (kernel, given, results) in enumerate(Used.calls)]
    source, library = tmp_path / "kernels.cpp", tmp_path / "kernels.so"
    text = "#include <cmath>\nusing namespace std;\n#define __device__\n" + "".join(text for text, _ in programs)
    source.write_text(text, encoding="utf-8")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-Wno-return-type-c-linkage", "-o", library, source], check=True)
    functions = ctypes.CDLL(str(library))
    for n, ((_, arrays), (kernel, _, results)) in enumerate(zip(programs, Used.calls, strict=True)):
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in arrays]
        getattr(functions, f"f{n}")(ctypes.c_long(results[0].size), *pointers)
        tolerance = 1e-4 if results[0].dtype == np.float32 else 1e-11
        for got, expected in zip(arrays[-len(results) :], results, strict=True):
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance, err_msg=kernel.name)
