"""What a beginner reads when something is wrong: one line with the op, what was given, and what would do.

Each row is a mistake that the public interface lets one make, the type of the error, and the whole message. Shapes that
do not fit are in test_tensor.py, losses in test_losses.py, settings out of range beside what they set.
"""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import gan
import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.nn import init


def learned(*shape):
    """A tensor that requires gradients."""
    return mg.tensor(np.full(shape, 0.5, np.float32), requires_grad=True)


V, M, NUMBER = learned(4), learned(3, 4), learned()
NUMBERS = "takes tensors, arrays and numbers"
CONVERSION = (
    "conversion to a NumPy array would lose the gradient of a tensor that requires one; call detach() first, "
    "or compute with minigrad's functions"
)
RANDOM = "random numbers come from a numpy.random.Generator or a seed, an integer from 0 up, got "
ACTIVATION = "an activation is a module, its class or a function, such as nn.Tanh(), got "
STATE = "load_state_dict: takes a dict of arrays, as state_dict() returns, got "
ELEMENTS = "tensor: elements are floats, integers or booleans, got "


class Foreign:
    """An array of a package that minigrad knows nothing of."""

    ndim, shape, dtype = 1, (4,), "theirs"


Foreign.__module__ = "torch"


def cube(x):
    return x**3


def op_of(forward, *vjps):
    """A student's own op."""
    op = mg.primitive(forward)
    op.defvjps(*vjps)
    return op


def with_rule(rule, create_graph=False):
    """The gradient of an op with this VJP."""

    def double(x):
        return 2.0 * x

    return mg.grad(op_of(double, rule)(V).sum(), V, create_graph=create_graph)


def result(forward):
    """What an op with this forward function makes of a tensor."""
    return op_of(forward, lambda g, out, x: g)(V)


def refuses(x, y):
    raise AttributeError("not today")


def two_results(x):
    return x, x


def layer():
    return nn.Linear(4, 2, rng=0)


def generator(*sizes):
    return nn.MLP(sizes or (1, 4, 1), nn.Tanh, rng=0)


def game(**settings):
    return gan.two_player(generator(), generator(), **settings)


def train(data=None, **settings):
    chosen = {"steps": 1, "batch_size": 4, "progress": False, **settings}
    return gan.train(game(), gan.data.Normal() if data is None else data, **chosen)


def player(networks=None, optimizer=None, loss=lambda batch: V.sum(), **settings):
    return gan.Player(
        "painter", [generator()] if networks is None else networks, optimizer or optim.SGD([V]), loss, **settings
    )


class Data:
    """Returns what it was given, whatever is asked."""

    def __init__(self, batch):
        self.batch = batch

    def sample(self, n, rng):
        return self.batch


class Forgetful(nn.Module):
    """Does not call super().__init__()."""

    def __init__(self):
        self.layer = layer()


@mg.no_grad()
def fine():
    return 1


def numbers_one_by_one():
    yield 1


def numpy_takes_none(name, cure):
    return f"numpy.{name} takes no tensors, as no gradient would follow: {cure}"


VALUES = "give it the values, tensor.detach().numpy()"

NUMPY = {
    "exp": (lambda: np.exp(V), TypeError, numpy_takes_none("exp", "use minigrad.exp")),
    "exp, detached": (lambda: np.exp(V.detach()), TypeError, numpy_takes_none("exp", "use minigrad.exp")),
    "abs": (lambda: np.abs(V), TypeError, numpy_takes_none("absolute", "use minigrad.abs")),
    "arctan": (lambda: np.arctan(V), TypeError, numpy_takes_none("arctan", VALUES)),
    "maximum": (lambda: np.maximum(V, 0.0), TypeError, numpy_takes_none("maximum", "use minigrad.maximum")),
    "sum": (lambda: np.sum(V), TypeError, numpy_takes_none("sum", "use minigrad.sum")),
    "mean": (lambda: np.mean(V.detach()), TypeError, numpy_takes_none("mean", "use minigrad.mean")),
    "max": (lambda: np.max(V), TypeError, numpy_takes_none("max", "use minigrad.max")),
    "std": (lambda: np.std(V), TypeError, numpy_takes_none("std", "use minigrad.std")),
    "a sum by a ufunc": (lambda: np.add.reduce(V), TypeError, numpy_takes_none("add.reduce", VALUES)),
    "modulo": (lambda: np.ones(4) % V, TypeError, numpy_takes_none("remainder", VALUES)),
    "in place": (
        lambda: np.add(np.ones(4), V, out=np.ones(4)),
        TypeError,
        "numpy.add: a tensor is not written into an array; make a new one",
    ),
    "concatenate": (lambda: np.concatenate([V, V]), TypeError, CONVERSION),
    "where": (lambda: np.where(V.data > 0, V, 0.0), TypeError, CONVERSION),
    "array of tensors": (lambda: np.array([V, V]), TypeError, CONVERSION),
}

OWN_OPS = {
    "VJP returns None": (
        lambda: with_rule(lambda g, out, x: None),
        TypeError,
        "double: the VJP of argument 0 must return an array, it returned None",
    ),
    "VJP returns a number": (
        lambda: with_rule(lambda g, out, x: 3.0),
        TypeError,
        "double: the VJP of argument 0 must return an array, it returned 3.0",
    ),
    "VJP returns a list": (
        lambda: with_rule(lambda g, out, x: [g]),
        TypeError,
        "double: the VJP of argument 0 must return an array, it returned list",
    ),
    "VJP in NumPy": (
        lambda: with_rule(lambda g, out, x: g * np.exp(x), create_graph=True),
        TypeError,
        "double: the VJP of argument 0: numpy.exp takes no tensors, as no gradient would follow: use minigrad.exp",
    ),
    "VJP with an op that fails": (
        lambda: with_rule(lambda g, out, x: mg.matmul(g, np.ones(3))),
        ValueError,
        "double: the VJP of argument 0: matmul: shapes (4,) and (3,) do not fit: the first has 4 columns, "
        "the second 3 rows",
    ),
    "VJP with an attribute that is not there": (
        lambda: with_rule(lambda g, out, x: g.cumulative()),
        AttributeError,
        "double: the VJP of argument 0: 'numpy.ndarray' object has no attribute 'cumulative'",
    ),
    "VJP is a number": (lambda: op_of(cube, 3), TypeError, "cube: a VJP is a function or None, got 3"),
    "several results": (
        lambda: result(two_results),
        TypeError,
        "two_results: an op returns one array, this one returned tuple; several results are several ops",
    ),
    "several results, of integers": (
        lambda: op_of(two_results, None)(mg.tensor([1, 2])),
        TypeError,
        "two_results: an op returns one array, this one returned tuple; several results are several ops",
    ),
    "no result": (
        lambda: result(lambda x: None),
        TypeError,
        "<lambda>: an op returns one array, this one returned None",
    ),
    "of a ufunc": (
        lambda: mg.primitive(np.tanh),
        TypeError,
        "primitive: takes a function written with def or lambda, got ufunc",
    ),
    "any number of arguments": (
        lambda: op_of(lambda *xs: xs[0], lambda g, out, x: g),
        TypeError,
        "<lambda>: takes any number of arguments; defvjp_each defines the one VJP of them all",
    ),
    "too many arguments": (
        lambda: mg.exp(V, V),
        TypeError,
        "exp() takes 1 positional argument but 2 were given",
    ),
    "an error of its own": (
        lambda: op_of(refuses, None, None)(V, None),
        AttributeError,
        "refuses: not today (given (4,))",
    ),
    "an attribute that arrays lack": (
        lambda: result(lambda x: x.cumulative()),
        AttributeError,
        "<lambda>: 'numpy.ndarray' object has no attribute 'cumulative' (given (4,))",
    ),
}

GRADIENTS = {
    "grad of a function": (
        lambda: mg.grad(cube, V),
        TypeError,
        "grad: outputs are tensors, got function; give it what that returns",
    ),
    "grad of a number": (lambda: mg.grad(3.0, V), TypeError, "grad: outputs are tensors, got 3.0"),
    "grad of an array": (lambda: mg.grad(np.ones(3), V), TypeError, "grad: outputs are tensors, got ndarray"),
    "grad by an array": (
        lambda: mg.grad(V.sum(), [V, np.ones(3)]),
        TypeError,
        "grad: inputs are tensors, got ndarray",
    ),
    "grad by a name": (lambda: mg.grad(V.sum(), "x"), TypeError, "grad: inputs are tensors, got 'x'"),
    "grad by a module": (
        lambda: mg.grad(V.sum(), layer()),
        TypeError,
        "grad: inputs are tensors, got Linear; a module's are module.parameters()",
    ),
    "gradient of text": (
        lambda: mg.grad(NUMBER * 1.0, NUMBER, "a"),
        TypeError,
        "grad: the gradient is of numbers, got an array of <U1",
    ),
    "jacobian of a tensor": (
        lambda: mg.jacobian(V**3, V),
        TypeError,
        "jacobian: takes a function, such as lambda x: x**3, got Tensor",
    ),
    "jacobian of raw values": (
        lambda: mg.jacobian(lambda x: x.data, V),
        TypeError,
        "jacobian: the function must return a tensor, it returned ndarray",
    ),
    "jacobian of two results": (
        lambda: mg.jacobian(two_results, V),
        TypeError,
        "jacobian: the function must return a tensor, it returned tuple",
    ),
    "hessian of a tensor": (
        lambda: mg.hessian(V**3, V),
        TypeError,
        "hessian: takes a function, such as lambda x: x**3, got Tensor",
    ),
    "hessian of several": (
        lambda: mg.hessian(cube, V),
        ValueError,
        "hessian: the function must return one number, such as a .sum(), it returned shape (4,)",
    ),
    "hvp of a tensor": (
        lambda: mg.hvp(V**3, V, V),
        TypeError,
        "hvp: takes a function, such as lambda x: x**3, got Tensor",
    ),
    "hvp along another shape": (
        lambda: mg.hvp(lambda x: cube(x).sum(), V, np.ones(3)),
        ValueError,
        "hvp: v must have the shape of x, (4,), got (3,)",
    ),
    "grad is a number": (
        lambda: setattr(learned(4), "grad", 3.0),
        TypeError,
        "grad is an array of numbers or None, got 3.0",
    ),
    "grad is a list": (
        lambda: setattr(learned(1), "grad", [1.0]),
        TypeError,
        "grad is an array of numbers or None, got list",
    ),
    "grad is foreign": (
        lambda: setattr(learned(4), "grad", Foreign()),
        TypeError,
        "grad is an array of numbers or None, got torch.Foreign",
    ),
    "grad of another shape": (
        lambda: setattr(learned(4), "grad", np.ones(3)),
        ValueError,
        "a gradient of shape (3,) does not fit a tensor of shape (4,)",
    ),
    "no_grad without brackets": (
        lambda: mg.no_grad(fine),
        TypeError,
        "no_grad takes no arguments: write @no_grad() above a function, or with no_grad():",
    ),
    "no_grad of a generator": (
        lambda: mg.no_grad()(numbers_one_by_one),
        TypeError,
        "no_grad cannot decorate a generator function: write with no_grad(): inside, between yields",
    ),
    "enable_grad of a generator": (
        lambda: mg.enable_grad()(numbers_one_by_one),
        TypeError,
        "enable_grad cannot decorate a generator function: write with enable_grad(): inside, between yields",
    ),
}

TENSORS = {
    "text": (lambda: mg.Tensor("a"), TypeError, ELEMENTS + "'a'"),
    "a list of text": (lambda: mg.tensor(["a"]), TypeError, ELEMENTS + "an array of <U1"),
    "an array of text": (lambda: mg.Tensor(np.array(["a"])), TypeError, ELEMENTS + "an array of <U1"),
    "a generator": (lambda: mg.tensor(i for i in range(3)), TypeError, ELEMENTS + "generator"),
    "a dict": (lambda: mg.tensor({1: 2}), TypeError, ELEMENTS + "dict"),
    "sizes": (lambda: mg.tensor(2, 3), TypeError, "tensor: 3 is not a dtype of numbers, such as minigrad.float32"),
    "Tensor of sizes": (lambda: mg.Tensor(2, 3), TypeError, "requires_grad is True or False, got 3"),
    "a dtype that is none": (
        lambda: mg.tensor([1.0], "float31"),
        TypeError,
        "tensor: 'float31' is not a dtype of numbers, such as minigrad.float32",
    ),
    "a list of tensors": (
        lambda: mg.tensor([V, V]),
        TypeError,
        "tensor: a list of tensors that require gradients becomes one tensor by minigrad.stack",
    ),
    "requires_grad": (
        lambda: V.requires_grad_("yes"),
        TypeError,
        "requires_grad is True or False, got 'yes'",
    ),
    "to cuda": (
        lambda: V.to("cuda"),
        TypeError,
        "to: 'cuda' is not a dtype of numbers, such as minigrad.float32; use 'cupy'",
    ),
    "to a numbered GPU": (
        lambda: V.to("cuda:0"),
        TypeError,
        "to: 'cuda:0' is not a dtype of numbers, such as minigrad.float32; use 'cupy'",
    ),
    "to None": (lambda: V.to(None), TypeError, "to: None is not a dtype of numbers, such as minigrad.float32"),
    "to text": (lambda: V.to("S3"), TypeError, "to: 'S3' is not a dtype of numbers, such as minigrad.float32"),
    "copied": (
        lambda: __import__("copy").copy(V * 2.0),
        TypeError,
        "the result of mul cannot be copied, pickled or plotted; call detach() first",
    ),
    "the result of a power": (
        lambda: setattr(V**2, "data", np.ones(4)),
        RuntimeError,
        "the result of pow cannot be given other data; call detach() first",
    ),
    "the result of a number's power": (
        lambda: setattr(2**V, "data", np.ones(4)),
        RuntimeError,
        "the result of pow cannot be given other data; call detach() first",
    ),
    "the result of a cast": (
        lambda: setattr(V.double(), "data", np.ones(4)),
        RuntimeError,
        "the result of to cannot be given other data; call detach() first",
    ),
}

OPS = {
    "number and None": (lambda: V + None, TypeError, f"add: {NUMBERS}, got None"),
    "tensor and text": (lambda: "a" * V, TypeError, f"mul: {NUMBERS}, got 'a'"),
    "compared with text": (lambda: V == "a", TypeError, f"equal: {NUMBERS}, got 'a'"),
    "power of text": (lambda: V ** "a", TypeError, f"pow: {NUMBERS}, got 'a'"),
    "tensor and dict": (lambda: V - {}, TypeError, f"sub: {NUMBERS}, got dict"),
    "an array of text": (lambda: V + np.array(["a"]), TypeError, f"add: {NUMBERS}, got an array of <U1"),
    "an array of complex numbers": (
        lambda: V * np.ones(4, complex),
        TypeError,
        f"mul: {NUMBERS}, got an array of complex128",
    ),
    "a foreign array": (lambda: V * Foreign(), TypeError, f"mul: {NUMBERS}, got torch.Foreign"),
    "a foreign target": (lambda: F.mse_loss(V, Foreign()), TypeError, f"mse_loss: {NUMBERS}, got torch.Foreign"),
    "product and None": (lambda: M @ None, TypeError, f"matmul: {NUMBERS}, got None"),
    "chosen text": (lambda: mg.where(V > 0, V, "a"), TypeError, f"where: {NUMBERS}, got 'a'"),
    "exp of text": (lambda: mg.exp("a"), TypeError, f"exp: {NUMBERS}, got 'a'"),
    "relu of None": (lambda: mg.relu(None), TypeError, f"relu: {NUMBERS}, got None"),
    "sigmoid of a list": (
        lambda: mg.sigmoid([1.0, 2.0]),
        TypeError,
        f"sigmoid: {NUMBERS}, got list; minigrad.tensor makes one of it",
    ),
    "sum of a list": (
        lambda: mg.sum([1, 2]),
        TypeError,
        "sum: takes a tensor or an array, got list; minigrad.tensor makes one of it",
    ),
    "mean of a number": (lambda: mg.mean(3), TypeError, "mean: takes a tensor or an array, got 3"),
    "softmax of a list": (
        lambda: mg.softmax([1.0], 0),
        TypeError,
        "softmax: takes a tensor or an array, got list; minigrad.tensor makes one of it",
    ),
    "reshape of a number": (lambda: mg.reshape(3, 1), TypeError, "reshape: takes tensors and arrays, got 3"),
    "flatten of a number": (lambda: mg.flatten(3), TypeError, "flatten: takes a tensor or an array, got 3"),
    "permute of text": (lambda: mg.permute("a", 0), TypeError, "permute: takes a tensor or an array, got 'a'"),
    "axis of text": (lambda: M.sum("a"), TypeError, "sum: an axis is an integer, got 'a'"),
    "axis of a float": (lambda: M.mean(1.0), TypeError, "mean: an axis is an integer, got 1.0"),
    "axis is None": (lambda: mg.softmax(V, None), TypeError, "softmax: an axis is an integer, got None"),
    "max of two": (lambda: mg.max(V, V), TypeError, "max: an axis is an integer, got Tensor"),
    "concatenate two": (
        lambda: mg.concatenate(V, V),
        TypeError,
        "concatenate: takes a list of tensors, got Tensor",
    ),
    "stack a generator": (
        lambda: mg.stack(x for x in [V, V]),
        TypeError,
        "stack: takes a list of tensors, got generator",
    ),
    "stack with text": (lambda: mg.stack([V, "a"]), TypeError, f"stack: {NUMBERS}, got 'a'"),
    "pad by a number": (
        lambda: mg.pad(V, 1),
        TypeError,
        "pad: the widths are a list of integers, such as (1, 1), got 1",
    ),
    "pad by pairs": (
        lambda: mg.pad(V, ((1, 1),)),
        TypeError,
        "pad: the widths are a list of integers, such as (1, 1), got ((1, 1),)",
    ),
    "einsum without an equation": (
        lambda: mg.einsum(M, M),
        TypeError,
        "einsum: the equation comes first, such as 'ij,jk->ik', got Tensor",
    ),
    "linear of None": (lambda: layer()(None), TypeError, f"linear: {NUMBERS}, got None"),
    "linear with a number as bias": (
        lambda: F.linear(M, learned(2, 4), 3.0),
        TypeError,
        "linear: takes tensors and arrays, got 3.0",
    ),
    "a target of None": (lambda: F.mse_loss(V, None), TypeError, f"mse_loss: {NUMBERS}, got None"),
    "classes of text": (lambda: F.cross_entropy(M, "a"), TypeError, f"cross_entropy: {NUMBERS}, got 'a'"),
    "dropout of None": (lambda: F.dropout(None), TypeError, f"dropout: {NUMBERS}, got None"),
    "dropout by text": (lambda: F.dropout(V, "a"), TypeError, "dropout: p must be a number, got 'a'"),
}

MODULES = {
    "Linear of text": (lambda: nn.Linear("a", 2), TypeError, "Linear: in_features must be an integer, got 'a'"),
    "Linear of a float": (lambda: nn.Linear(4, 2.5), TypeError, "Linear: out_features must be an integer, got 2.5"),
    "rng of text": (lambda: nn.Linear(2, 2, rng="a"), TypeError, RANDOM + "'a'"),
    "rng below 0": (lambda: nn.Linear(2, 2, rng=-1), ValueError, RANDOM + "-1"),
    "manual_seed": (lambda: mg.manual_seed("a"), TypeError, RANDOM + "'a'"),
    "MLP of sizes": (lambda: nn.MLP(2, 8, 1), TypeError, "MLP: sizes are a list, such as [2, 8, 1], got 2"),
    "MLP of a size in text": (
        lambda: nn.MLP([2, "a"], nn.Tanh),
        TypeError,
        "Linear: out_features must be an integer, got 'a'",
    ),
    "activation in text": (lambda: nn.MLP([2, 1], "tanh"), TypeError, ACTIVATION + "'tanh'"),
    "output activation in text": (lambda: nn.MLP([2, 1], nn.Tanh, "tanh"), TypeError, ACTIVATION + "'tanh'"),
    "Perceptron's activation": (lambda: nn.Perceptron(2, 1), TypeError, ACTIVATION + "1"),
    "Sequential of a list": (
        lambda: nn.Sequential([layer()]),
        TypeError,
        "Sequential: layer 0 must be a module or a function, got list; write Sequential(*layers)",
    ),
    "a layer that is not there": (
        lambda: generator()[5],
        IndexError,
        "MLP: there is no layer 5, of 3 layers",
    ),
    "Tanh of a tensor": (
        lambda: nn.Tanh(V),
        TypeError,
        "Tanh is made without arguments and then applied, Tanh()(x); got Tensor",
    ),
    "LeakyReLU of a tensor": (
        lambda: nn.LeakyReLU(V),
        TypeError,
        "LeakyReLU: negative_slope must be a number, got Tensor",
    ),
    "ELU of text": (lambda: nn.ELU("a"), TypeError, "ELU: alpha must be a number, got 'a'"),
    "Softmax of a tensor": (lambda: nn.Softmax(V), TypeError, "Softmax: dim must be an integer, got Tensor"),
    "Dropout of text": (lambda: nn.Dropout("a"), TypeError, "Dropout: p must be a number, got 'a'"),
    "no super().__init__()": (Forgetful, AttributeError, "Forgetful must call super().__init__() first"),
    "an array in the place of a parameter": (
        lambda: setattr(layer(), "weight", np.ones((2, 4))),
        TypeError,
        "Linear.weight is a parameter, got ndarray: assign an nn.Parameter, or new values, module.weight.data = array",
    ),
    "a tensor in the place of a parameter": (
        lambda: setattr(layer(), "bias", layer().bias - 0.1),
        TypeError,
        "Linear.bias is a parameter, got Tensor: assign an nn.Parameter, or new values, module.bias.data = array",
    ),
    "a buffer in the place of a parameter": (
        lambda: layer().register_buffer("bias", np.ones(2)),
        TypeError,
        "Linear.bias is a parameter, got ndarray: assign an nn.Parameter, or new values, module.bias.data = array",
    ),
    "state in a file": (lambda: layer().load_state_dict("file"), TypeError, STATE + "'file'"),
    "state of a module": (lambda: layer().load_state_dict(layer()), TypeError, STATE + "Linear"),
    "state of a number": (
        lambda: layer().load_state_dict({"weight": np.ones((2, 4)), "bias": 3.0}),
        TypeError,
        "load_state_dict: bias must be an array, got 3.0",
    ),
    "train": (lambda: layer().train("no"), TypeError, "train: mode is True or False, got 'no'"),
    "to cpu": (
        lambda: layer().to("cpu"),
        TypeError,
        "to: 'cpu' is not a dtype of numbers, such as minigrad.float32; use 'numpy'",
    ),
    "functional_call of a function": (
        lambda: nn.functional_call(cube, {}, V),
        TypeError,
        "functional_call: takes a module, got function",
    ),
    "functional_call with a list": (
        lambda: nn.functional_call(layer(), [V], M),
        TypeError,
        "functional_call: parameters are a dict of tensors by name, got list",
    ),
    "init of an array": (
        lambda: init.uniform_(np.ones(3)),
        TypeError,
        "init: fills a tensor, such as module.weight, got ndarray",
    ),
    "init of a module": (
        lambda: init.xavier_normal_(layer()),
        TypeError,
        "init: fills a tensor, such as module.weight, got Linear",
    ),
    "init with text": (lambda: init.normal_(V, "a"), TypeError, "init: mean must be a number, got 'a'"),
    "init with None": (lambda: init.constant_(V, None), TypeError, "init: val must be a number, got None"),
    "gain of a function": (
        lambda: init.calculate_gain(mg.relu),
        ValueError,
        "calculate_gain: function is not one of linear, sigmoid, tanh, relu, leaky_relu",
    ),
    "gain with text": (
        lambda: init.kaiming_uniform_(M, "relu"),
        TypeError,
        "calculate_gain: param must be a number, got 'relu'",
    ),
}

OPTIMIZERS = {
    "lr in text": (lambda: optim.SGD(V, lr="0.1"), TypeError, "SGD: lr must be a number, got '0.1'"),
    "lr in a tensor": (lambda: optim.SGD(V, lr=mg.tensor(0.1)), TypeError, "SGD: lr must be a number, got Tensor"),
    "momentum in text": (lambda: optim.SGD(V, 0.1, "0.9"), TypeError, "SGD: momentum must be a number, got '0.9'"),
    "one beta": (
        lambda: optim.Adam(V, betas=0.9),
        TypeError,
        "Adam: betas are two numbers, such as (0.9, 0.999), got 0.9",
    ),
    "betas in text": (lambda: optim.Adam(V, betas=(0.9, "a")), TypeError, "Adam: beta2 must be a number, got 'a'"),
    "a module": (
        lambda: optim.SGD(layer()),
        TypeError,
        "SGD: params are tensors, got Linear; a module's are module.parameters()",
    ),
    "brackets forgotten": (
        lambda: optim.SGD(layer().parameters),
        TypeError,
        "SGD: params are tensors, got method; a module's are module.parameters()",
    ),
    "an optimizer's state": (
        lambda: optim.SGD(V).load_state_dict("file"),
        TypeError,
        "load_state_dict: takes what an optimizer's state_dict() returned, got 'file'",
    ),
    "a module's state": (
        lambda: optim.SGD(V).load_state_dict(layer().state_dict()),
        TypeError,
        "load_state_dict: takes what an optimizer's state_dict() returned, got dict",
    ),
    "a schedule of a rate": (
        lambda: optim.StepLR(0.1, 1),
        TypeError,
        "StepLR: the optimizer comes first, got 0.1",
    ),
    "a schedule of a class": (
        lambda: optim.CosineAnnealingLR(optim.SGD, 1),
        TypeError,
        "CosineAnnealingLR: the optimizer comes first, got the class SGD",
    ),
    "steps of text": (
        lambda: optim.StepLR(optim.SGD(V), "a"),
        TypeError,
        "StepLR: step_size must be an integer, got 'a'",
    ),
    "gamma of text": (lambda: optim.StepLR(optim.SGD(V), 1, "a"), TypeError, "StepLR: gamma must be a number, got 'a'"),
    "factor of text": (
        lambda: optim.LinearLR(optim.SGD(V), "a"),
        TypeError,
        "LinearLR: start_factor must be a number, got 'a'",
    ),
    "eta_min of text": (
        lambda: optim.CosineAnnealingLR(optim.SGD(V), 3, "a"),
        TypeError,
        "CosineAnnealingLR: eta_min must be a number, got 'a'",
    ),
}

NAMES = {
    "view": (lambda: V.view(2, 2), AttributeError, "a tensor has no 'view': use reshape"),
    "dim": (lambda: V.dim(), AttributeError, "a tensor has no 'dim': use ndim"),
    "cuda": (
        lambda: V.cuda(),
        AttributeError,
        "a tensor has no 'cuda': use to('cupy')",
    ),
    "zeros": (
        lambda: mg.zeros(3),
        AttributeError,
        "minigrad has no 'zeros', NumPy has: numpy.zeros; minigrad.tensor makes tensors of arrays",
    ),
    "cat": (lambda: mg.cat([V, V]), AttributeError, "minigrad has no 'cat': use concatenate"),
    "a typing mistake": (lambda: mg.no_gard(), AttributeError, "minigrad has no 'no_gard'"),
    "MSELoss": (
        lambda: nn.MSELoss(),
        AttributeError,
        "minigrad.nn has no 'MSELoss': losses are functions, such as minigrad.nn.functional.mse_loss",
    ),
    "ModuleList": (
        lambda: nn.ModuleList(),
        AttributeError,
        "minigrad.nn has no 'ModuleList': a list of modules is an attribute like any other, self.layers = [...]",
    ),
    "nn.relu": (
        lambda: nn.relu(V),
        AttributeError,
        "minigrad.nn has no 'relu': it is a function, minigrad.nn.functional.relu",
    ),
}

SAMPLES = "needs a method sample(n, rng), as gan.data.Normal() has, got"
GRID = np.linspace(-1.0, 1.0, 5)
POSITIVE = abs(GRID) + 1.0

GAN = {
    "a function for a network": (
        lambda: gan.two_player(cube, generator()),
        TypeError,
        "two_player: the generator must be a module, got function",
    ),
    "a class for a network": (
        lambda: gan.two_player(generator(), nn.MLP),
        TypeError,
        "two_player: the discriminator must be a module, got the class MLP",
    ),
    "a number for an objective": (
        lambda: game(objective=3),
        TypeError,
        "an objective is a name or an Objective, got 3",
    ),
    "an objective set later": (
        lambda: setattr(game(), "objective", "wgan"),
        ValueError,
        "objective 'wgan' is not one of non-saturating, saturating",
    ),
    "half a step": (lambda: game(k=1.5), TypeError, "two_player: k must be an integer, got 1.5"),
    "a prior in text": (lambda: game(prior="normal"), TypeError, f"Game: the prior {SAMPLES} 'normal'"),
    "a prior's class": (
        lambda: game(prior=gan.data.Normal),
        TypeError,
        f"Game: the prior {SAMPLES} the class Normal",
    ),
    "an optimizer in text": (
        lambda: game(optimizer="adam"),
        TypeError,
        "two_player: optimizer must be a function of the parameters, such as optim.Adam, got 'adam'",
    ),
    "an optimizer that is made": (
        lambda: game(optimizer=optim.Adam([V])),
        TypeError,
        "two_player: optimizer must be a function of the parameters, such as optim.Adam, got Adam",
    ),
    "no optimizer made": (
        lambda: game(optimizer=lambda parameters: None),
        TypeError,
        "discriminator: the optimizer must be made by minigrad.optim, got None",
    ),
    "a schedule of a number": (
        lambda: game(schedule=0.1),
        TypeError,
        "two_player: schedule must be a function of the optimizer, got 0.1",
    ),
    "train a network": (
        lambda: gan.train(generator(), np.ones(3), 1),
        TypeError,
        "train: the game comes first, such as gan.two_player makes, got MLP",
    ),
    "data in an array": (lambda: train(np.ones((8, 1))), TypeError, f"train: the data {SAMPLES} ndarray"),
    "data's class": (lambda: train(gan.data.Normal), TypeError, f"train: the data {SAMPLES} the class Normal"),
    "steps in text": (lambda: train(steps="a"), TypeError, "train: steps must be an integer, got 'a'"),
    "half a batch": (lambda: train(batch_size=1.5), TypeError, "train: batch_size must be an integer, got 1.5"),
    "seed in text": (lambda: train(seed="a"), TypeError, RANDOM + "'a'"),
    "callback that is none": (
        lambda: train(callback=3),
        TypeError,
        "train: callback must be a function of the round and the losses, got 3",
    ),
    "callback that returns a number": (
        lambda: train(callback=lambda done, losses: 3),
        TypeError,
        "train: callback must return a dict of numbers or None, it returned 3",
    ),
    "a batch without data": (
        lambda: train(Data({"fake": np.ones((4, 1), np.float32)})),
        KeyError,
        "discriminator: the batch has no 'real', only fake, noise",
    ),
    "a batch that is none": (
        lambda: game().step("generator", None),
        TypeError,
        "generator: the batch must be a dict of arrays, got None",
    ),
    "one network": (
        lambda: player(generator()),
        TypeError,
        "painter: networks must be a list of modules, got MLP",
    ),
    "a network that is none": (lambda: player([3]), TypeError, "painter: a network must be a module, got 3"),
    "an optimizer's class": (
        lambda: player(optimizer=optim.Adam),
        TypeError,
        "painter: the optimizer must be made by minigrad.optim, got the class Adam",
    ),
    "a loss in text": (
        lambda: player(loss="mse"),
        TypeError,
        "painter: the loss must be a function of a batch, got 'mse'",
    ),
    "a schedule that is none": (
        lambda: player(schedule=3),
        TypeError,
        "painter: the schedule must be made by minigrad.optim, got 3",
    ),
    "a loss that is a number": (
        lambda: player(loss=lambda batch: 3.0).step({}),
        TypeError,
        "painter: the loss must be a tensor, got 3.0",
    ),
    "a loss for each sample": (
        lambda: player(loss=lambda batch: V).step({}),
        ValueError,
        "painter: the loss must be one number, such as a .mean(), got shape (4,)",
    ),
    "a player's state": (
        lambda: player().load_state_dict("file"),
        TypeError,
        "painter: the state must be what state_dict() returned, got 'file'",
    ),
    "a game's state": (
        lambda: game().load_state_dict("file"),
        TypeError,
        "Game: the state must be what state_dict() returned, got 'file'",
    ),
    "one player": (
        lambda: gan.Game(player(), gan.data.Normal(), 1),
        TypeError,
        "Game: players must be a list of gan.Player, got Player",
    ),
    "a player that is none": (
        lambda: gan.Game([3], gan.data.Normal(), 1),
        TypeError,
        "Game: a player must be a gan.Player, got 3",
    ),
    "no noise": (
        lambda: gan.Game([player()], gan.data.Normal(), 0),
        ValueError,
        "Game: noise_size must be at least 1, got 0",
    ),
    "a mean in text": (lambda: gan.data.Normal("a"), TypeError, "Normal: mean must be a number, got 'a'"),
    "no end": (lambda: gan.data.Uniform(None), TypeError, "Uniform: low must be a number, got None"),
    "a seed for a generator": (
        lambda: gan.data.Normal().sample(3, 0),
        TypeError,
        "sample: rng must be a generator, such as numpy.random.default_rng(0), got 0",
    ),
    "half a sample": (
        lambda: gan.data.Normal().sample(3.5, np.random.default_rng(0)),
        TypeError,
        "sample: n must be an integer, got 3.5",
    ),
    "a mixture of one": (
        lambda: gan.data.Mixture(gan.data.Normal()),
        TypeError,
        "Mixture: takes a list of distributions, got Normal",
    ),
    "a mixture of means": (
        lambda: gan.data.Mixture([1.0, 2.0]),
        TypeError,
        "Mixture: components are distributions, such as Normal(), got 1.0",
    ),
    "text for a density": (
        lambda: gan.theory.jsd(gan.data.Normal(), "q", GRID),
        TypeError,
        "jsd: q is a distribution, a function of x or an array, got 'q'",
    ),
    "a function without a grid": (
        lambda: gan.theory.jsd(gan.data.Normal().density, gan.data.Normal().density),
        ValueError,
        "jsd: p is a function and needs the points x",
    ),
    "a distribution and an array": (
        lambda: gan.theory.kl(gan.data.Normal(), POSITIVE),
        ValueError,
        "kl: p is a distribution; give another one beside it, or the points x",
    ),
    "a grid that falls": (
        lambda: gan.theory.kl(POSITIVE, POSITIVE, -GRID),
        ValueError,
        "kl: the grid x must be finite numbers that rise, got an array of shape (5,)",
    ),
    "a density below 0": (
        lambda: gan.theory.kl(POSITIVE, -POSITIVE, GRID),
        ValueError,
        "kl: q must be densities, 0 or more, got values down to -2",
    ),
    "points and a density": (
        lambda: gan.theory.jsd(gan.data.Discrete([1.0, 2.0]), gan.data.Normal()),
        ValueError,
        "jsd: a discrete distribution has no density, and goes with another discrete one only",
    ),
    "infinite densities": (
        lambda: gan.theory.jsd(POSITIVE + np.inf, POSITIVE + np.inf, GRID),
        ValueError,
        "jsd: p is infinite somewhere; gan.theory.GeneratedDistribution has its integrals",
    ),
    "D above 1": (
        lambda: gan.theory.value(POSITIVE, POSITIVE, 1.5, GRID),
        ValueError,
        "value: d must be probabilities, between 0 and 1",
    ),
    "an estimate from one sample": (
        lambda: gan.theory.sampled_value(POSITIVE, POSITIVE[:1]),
        ValueError,
        "sampled_value: needs two samples or more of the data and of the generator",
    ),
    "values and other probabilities": (
        lambda: gan.data.Discrete([1.0, 2.0], [0.5]),
        ValueError,
        "Discrete: 2 values need as many probabilities, 0 or more, got [0.5]",
    ),
    "a mixture of points": (
        lambda: gan.data.Mixture([gan.data.Discrete([1.0])]),
        TypeError,
        "Mixture: components need a density, which a Discrete has not; give it all values at once",
    ),
    "a density on another grid": (
        lambda: gan.theory.kl(POSITIVE, POSITIVE[1:], GRID),
        ValueError,
        "kl: q has shape (4,), x has (5,)",
    ),
    "D on another grid": (
        lambda: gan.theory.value(POSITIVE, POSITIVE, POSITIVE[1:], GRID),
        ValueError,
        "value: d has shape (4,), the points have (5,)",
    ),
    "the density of text": (
        lambda: gan.theory.GeneratedDistribution("a", gan.data.Normal()),
        TypeError,
        "GeneratedDistribution: the generator must be a module, got 'a'",
    ),
    "the density under an array": (
        lambda: gan.theory.GeneratedDistribution(generator(), GRID),
        TypeError,
        "GeneratedDistribution: needs a distribution with a density, such as gan.data.Normal(), got ndarray",
    ),
    "a figure of a network": (
        lambda: gan.viz.Observer(generator(), gan.data.Normal()),
        TypeError,
        "Observer: the game comes first, such as gan.two_player makes, got MLP",
    ),
    "an empty recording": (
        lambda: gan.viz.Recording().write_gif("none.gif"),
        ValueError,
        "the recording has no pictures: add one first",
    ),
}

TABLES = {
    "numpy": NUMPY,
    "own op": OWN_OPS,
    "gradients": GRADIENTS,
    "tensors": TENSORS,
    "ops": OPS,
    "modules": MODULES,
    "optimizers": OPTIMIZERS,
    "names": NAMES,
    "gan": GAN,
}
ROWS = [
    pytest.param(*row, id=f"{table}: {name}") for table, mistakes in TABLES.items() for name, row in mistakes.items()
]


@pytest.mark.parametrize(("provoke", "kind", "message"), ROWS)
def test_a_mistake_is_named_in_one_line(provoke, kind, message):
    with pytest.raises(kind) as error:
        provoke()
    assert type(error.value) is kind
    assert error.value.args[0] == message
    assert "\n" not in message
    assert message.isascii()


# ---------------------------------------------------------------- what still works


def test_a_parameter_may_become_another_or_none_and_is_swapped_for_a_call():
    linear = layer()
    other = linear.weight = nn.Parameter(np.ones((2, 4), np.float32))
    assert dict(linear.named_parameters())["weight"] is other
    tensor = other * 2.0
    doubled = nn.functional_call(linear, {"weight": tensor}, M)
    np.testing.assert_allclose(doubled.data, F.linear(M, tensor, linear.bias).data)
    assert linear.weight is other
    linear.bias = None
    assert list(dict(linear.named_parameters())) == ["weight"]
    linear.bias = 3  # no longer a parameter


def test_a_gradient_may_be_set():
    x = learned(4)
    for gradient in (np.ones(4, np.float32), np.ones(4), np.ones(4, int), mg.tensor(np.ones(4))):
        x.grad = gradient
        assert isinstance(x.grad, np.ndarray)
        assert x.grad.dtype == np.float32
        np.testing.assert_array_equal(x.grad, 1.0)
    x.grad *= 2.0
    np.testing.assert_array_equal(x.grad, 2.0)
    x.grad = None
    assert x.grad is None
    NUMBER.grad = np.float32(2.0)
    assert NUMBER.grad.shape == ()
    NUMBER.grad = None


class OnDevice(np.ndarray):
    """As CuPy's arrays: an operator asks NumPy's ufunc, and that asks each argument; ours does not know tensors."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if any(isinstance(x, mg.Tensor) for x in inputs):
            return NotImplemented
        return getattr(ufunc, method)(*map(np.asarray, inputs), **options)

    def __mul__(self, other):
        return np.multiply(self, other)


def test_an_array_that_asks_numpy_leaves_the_product_to_the_tensor():
    x = learned(4)
    y = np.ones(4, np.float32).view(OnDevice) * x
    assert isinstance(y, mg.Tensor)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 1.0)


def test_numpys_names_of_operators_are_the_operators():
    x = learned(4)
    (gradient,) = mg.grad(np.multiply(np.full(4, 3.0, np.float32), x).sum(), x)
    np.testing.assert_array_equal(gradient.data, 3.0)


def test_a_detached_tensor_is_an_array_to_numpy():
    values = V.detach()
    np.testing.assert_array_equal(np.concatenate([values, values]), 0.5)
    np.testing.assert_array_equal(np.column_stack([values, values]).shape, (4, 2))


def test_python_suggests_the_name_that_was_meant():
    """Where Python writes the traceback; the suggestion is not part of the message."""
    program = "import minigrad as mg\ntry:\n    mg.no_gard\nfinally:\n    mg.tensor(1.0).sahpe"
    end = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "Did you mean: 'shape'?" in end.stderr
    program = textwrap.dedent("import minigrad as mg\nmg.no_gard")
    end = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "minigrad has no 'no_gard'. Did you mean: 'no_grad'?" in end.stderr


def test_a_tensor_that_learns_is_plotted_after_detach():
    pyplot = pytest.importorskip("matplotlib.figure")
    axes = pyplot.Figure().subplots()
    with pytest.raises(TypeError, match=r"call detach\(\) first"):
        axes.plot(V)
    axes.plot(V.detach())
