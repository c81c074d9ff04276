"""Modules: what is found inside them and by which names, saving, loading, switching, calling with other parameters."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


class Block(nn.Module):
    """Parameters, a buffer, a child and a list of children, in an order that is not the alphabet's."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(np.ones(2, np.float32))
        self.layers = [nn.Linear(2, 2, rng=0), nn.Tanh(), nn.Linear(2, 2, rng=1)]
        self.head = nn.Linear(2, 1, rng=2)
        self.register_buffer("count", np.zeros((), np.int64))
        self.register_buffer("mean", np.zeros(2, np.float32))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x * self.scale - self.mean)


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2, rng=0)
        self.second = nn.Linear(2, 2, rng=1)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))


POINTS = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], np.float32)
BLOCK_PARAMETERS = ["scale", "layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
BLOCK_PARAMETERS += ["head.weight", "head.bias"]


def values(module):
    """Every parameter and buffer, to be compared after something else was done."""
    return {name: array.copy() for name, array in module.state_dict().items()}


def assert_same(state, other):
    assert state.keys() == other.keys()
    for name in state:
        np.testing.assert_array_equal(state[name], other[name], strict=True)


# ---------------------------------------------------------------- names


def test_names_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 2), nn.ReLU()), nn.Linear(2, 1))
    t = torch.nn
    theirs = t.Sequential(t.Linear(3, 4), t.Tanh(), t.Sequential(t.Linear(4, 2), t.ReLU()), t.Linear(2, 1))
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [a.shape for a in ours.state_dict().values()] == [tuple(a.shape) for a in theirs.state_dict().values()]
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert repr(ours) == repr(theirs)


def test_names_of_attributes_lists_and_buffers_are_those_of_pytorch():
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(2))
            self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2)])
            self.head = torch.nn.Linear(2, 1)
            self.register_buffer("count", torch.tensor(0))
            self.register_buffer("mean", torch.zeros(2))

    ours, theirs = Block(), Theirs()
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_weights_go_to_pytorch_and_back():
    torch = pytest.importorskip("torch")
    ours = nn.MLP([2, 5, 1], nn.Tanh())
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in ours.state_dict().items()})
    np.testing.assert_allclose(ours(POINTS).detach(), theirs(torch.from_numpy(POINTS)).detach(), rtol=1e-6, atol=1e-7)
    again = nn.MLP([2, 5, 1], nn.Tanh())
    again.load_state_dict(theirs.state_dict())
    assert_same(again.state_dict(), ours.state_dict())


def test_names_without_pytorch():
    block = Block()
    assert [name for name, _ in block.named_parameters()] == BLOCK_PARAMETERS
    assert [name for name, _ in block.named_buffers()] == ["count", "mean"]
    assert list(block.state_dict()) == ["scale", "count", "mean", *BLOCK_PARAMETERS[1:]]
    assert [name for name, _ in block.named_modules()] == ["", "layers.0", "layers.1", "layers.2", "head"]
    assert len(list(block.modules())) == 5
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in block.parameters())


def test_a_shared_parameter_is_given_once_and_saved_under_both_names():
    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["first.weight", "first.bias", "second.bias"]
    assert list(tied.state_dict()) == ["first.weight", "first.bias", "second.weight", "second.bias"]
    tied(POINTS).sum().backward()
    assert tied.first.weight.grad is tied.second.weight.grad


def test_a_module_that_is_used_twice_gives_its_parameters_once():
    layer = nn.Linear(2, 2)
    assert [name for name, _ in nn.Sequential(layer, nn.Tanh(), layer).named_parameters()] == ["0.weight", "0.bias"]


def test_a_subclass_of_sequential_may_hold_more_modules():
    class WithHead(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(2, 2))
            self.head = nn.Linear(2, 1, bias=False)

    assert [name for name, _ in WithHead().named_parameters()] == ["0.weight", "0.bias", "head.weight"]


def test_a_frozen_parameter_is_still_a_parameter():
    layer = nn.Linear(2, 1).requires_grad_(False)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_what_is_no_parameter_is_not_found():
    module = nn.Linear(2, 1)
    module.note = mg.tensor([1.0], requires_grad=True)
    module.array = np.ones(3)
    assert list(module.state_dict()) == ["weight", "bias"]


def test_forgotten_super_init():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 1)

    with pytest.raises(AttributeError, match=r"Forgetful must call super\(\).__init__\(\) first"):
        list(Forgetful().parameters())
    with pytest.raises(AttributeError, match="Forgetful"):
        nn.Sequential(Forgetful()).state_dict()


def test_forward_is_for_the_subclass_to_define():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty does not define forward"):
        Empty()(POINTS)


def test_repr():
    assert repr(nn.Linear(2, 3, bias=False)) == "Linear(in_features=2, out_features=3, bias=False)"
    assert repr(Block()) == (
        "Block(\n"
        "  (layers.0): Linear(in_features=2, out_features=2, bias=True)\n"
        "  (layers.1): Tanh()\n"
        "  (layers.2): Linear(in_features=2, out_features=2, bias=True)\n"
        "  (head): Linear(in_features=2, out_features=1, bias=True)\n"
        ")"
    )
    assert repr(nn.Sequential(nn.Sequential(nn.ReLU()))) == "Sequential(\n  (0): Sequential(\n    (0): ReLU()\n  )\n)"


# ---------------------------------------------------------------- saving and loading


def test_state_dict_is_a_copy():
    block = Block()
    state = block.state_dict()
    before = values(block)
    for array in state.values():
        array += 1
    assert_same(values(block), before)


def test_load_state_dict_takes_copies_and_keeps_the_parameters():
    source, target = Block(), Block()
    source.count += 7
    source.scale.data = source.scale.data * 3
    parameters = list(target.parameters())
    state = source.state_dict()
    target.load_state_dict(state)
    assert_same(values(target), values(source))
    assert all(p is q for p, q in zip(target.parameters(), parameters, strict=True))
    for array in state.values():
        array += 1
    assert_same(values(target), values(source))


def test_load_state_dict_keeps_the_types_that_are_here():
    target = nn.Linear(2, 1)
    target.load_state_dict({"weight": np.ones((1, 2)), "bias": mg.tensor([2.0], dtype=mg.float64)})
    assert target.weight.dtype == target.bias.dtype == np.float32
    np.testing.assert_array_equal(target.weight.data, [[1.0, 1.0]])
    np.testing.assert_array_equal(target.bias.data, [2.0])


def without(state, name):
    return {key: array for key, array in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: without(state, "head.bias"), r"missing \['head.bias'\], unknown nothing"),
        (lambda state: without(state, "mean"), r"missing \['mean'\]"),
        (lambda state: {**state, "tail": np.ones(1)}, r"missing nothing, unknown \['tail'\]"),
        (lambda state: {**state, "head.bias": np.ones(2)}, r"head.bias has shape \(1,\), the state has \(2,\)"),
        (lambda state: {**state, "mean": np.ones((2, 1))}, r"mean has shape \(2,\), the state has \(2, 1\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    block = Block()
    before = values(block)
    other = {name: array + 1 for name, array in before.items()}
    with pytest.raises(ValueError, match=message):
        block.load_state_dict(change(other))
    assert_same(values(block), before)


def test_deepcopy_and_pickle_are_independent_of_the_original():
    block = Block().eval()
    for copied in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        before = values(block)
        assert_same(values(copied), before)
        assert not copied.training
        assert not set(map(id, copied.parameters())) & set(map(id, block.parameters()))
        for parameter in copied.parameters():
            parameter.data = parameter.data + 1.0
        copied.mean += 1.0
        assert_same(values(block), before)
        copied(POINTS).sum().backward()
        assert block.scale.grad is None
        assert copied.scale.grad is not None


def test_deepcopy_keeps_what_is_shared_shared():
    tied = copy.deepcopy(Tied())
    assert tied.first.weight is tied.second.weight


# ---------------------------------------------------------------- switching


def test_train_and_eval_reach_every_module_inside():
    block = Block()
    assert all(m.training for m in block.modules())
    assert block.eval() is block
    assert not any(m.training for m in block.modules())
    assert block.train() is block
    assert all(m.training for m in block.modules())
    block.train(False)
    assert not any(m.training for m in block.modules())


def test_requires_grad_freezes_and_lets_learn_again():
    block = Block()
    assert block.requires_grad_(False) is block
    assert not block(POINTS).requires_grad
    block.requires_grad_()
    block(POINTS).sum().backward()
    assert all(p.grad is not None for p in block.parameters())


def test_zero_grad_forgets():
    block = Block()
    block(POINTS).sum().backward()
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


def test_a_frozen_module_lets_gradients_through_to_its_input():
    block = Block().requires_grad_(False)
    x = mg.tensor(POINTS, requires_grad=True)
    block(x).sum().backward()
    assert x.grad.shape == POINTS.shape
    assert all(p.grad is None for p in block.parameters())


def test_double_float_and_to_change_floats_only():
    block = Block()
    parameters = list(block.parameters())
    block(POINTS).sum().backward()
    assert block.double() is block
    assert {p.dtype for p in block.parameters()} == {np.dtype(np.float64)}
    assert {p.grad.dtype for p in block.parameters()} == {np.dtype(np.float64)}
    assert block.mean.dtype == np.float64
    assert block.count.dtype == np.int64
    assert all(p is q for p, q in zip(block.parameters(), parameters, strict=True))
    assert block(POINTS.astype(np.float64)).dtype == np.float64
    assert {p.dtype for p in block.float().parameters()} == {np.dtype(np.float32)}
    assert {p.dtype for p in block.to(np.float64).parameters()} == {np.dtype(np.float64)}
    assert {p.dtype for p in block.to("float32").parameters()} == {np.dtype(np.float32)}


# ---------------------------------------------------------------- functional_call


def test_functional_call_uses_the_given_tensors_and_leaves_the_module_alone():
    block = Block()
    before, parameters = values(block), dict(block.named_parameters())
    given = {name: mg.tensor(2.0 * p.data, requires_grad=True) for name, p in block.named_parameters()}
    out = nn.functional_call(block, given, POINTS)

    other = Block()
    other.load_state_dict({**before, **{name: t.data for name, t in given.items()}})
    np.testing.assert_array_equal(out.data, other(POINTS).data)

    out.sum().backward()
    other(POINTS).sum().backward()
    for name, p in other.named_parameters():
        np.testing.assert_array_equal(given[name].grad, p.grad)
    assert all(p.grad is None for p in block.parameters())
    assert all(p is parameters[name] for name, p in block.named_parameters())
    assert_same(values(block), before)


def test_functional_call_with_some_of_the_parameters_and_keyword_arguments():
    layer = nn.Linear(2, 1, rng=0)
    weight = mg.tensor([[1.0, 2.0]], requires_grad=True)
    out = nn.functional_call(layer, {"weight": weight}, x=POINTS)
    np.testing.assert_allclose(out.detach(), POINTS @ [[1.0], [2.0]] + layer.bias.data, rtol=1e-6)
    gradient, bias_gradient = mg.grad(out.sum(), [weight, layer.bias])
    np.testing.assert_allclose(gradient, [POINTS.sum(axis=0)], rtol=1e-6)
    np.testing.assert_allclose(bias_gradient, [3.0])


def test_functional_call_lets_gradients_through_an_update():
    """One step of gradient descent on the weights, unrolled, as an unrolled GAN needs it: by hand for y = w x."""
    layer = nn.Linear(1, 1, bias=False).double()
    layer.weight.data = np.array([[0.5]])
    x, t, lr = 2.0, 3.0, 0.1
    point = np.array([[x]])
    (g,) = mg.grad(((layer(point) - t) ** 2).sum(), layer.weight, create_graph=True)
    stepped = {"weight": layer.weight - lr * g}
    (total,) = mg.grad(((nn.functional_call(layer, stepped, point) - t) ** 2).sum(), layer.weight)
    stepped_weight = 0.5 - lr * 2 * x * (0.5 * x - t)
    by_hand = 2 * x * (stepped_weight * x - t) * (1 - lr * 2 * x * x)
    assert total.item() == pytest.approx(by_hand, rel=1e-12)


def test_functional_call_restores_the_module_after_an_exception():
    block = Block()
    parameters = dict(block.named_parameters())
    with pytest.raises(ValueError, match="linear"):
        nn.functional_call(block, {"head.weight": mg.tensor(np.ones((1, 3)))}, POINTS)
    assert all(p is parameters[name] for name, p in block.named_parameters())


def test_functional_call_with_an_unknown_name():
    block = Block()
    parameters = dict(block.named_parameters())
    with pytest.raises(ValueError, match=r"no parameter is called head.wait; there is scale, .*head.weight"):
        nn.functional_call(block, {"head.wait": mg.tensor([1.0]), "scale": mg.tensor([2.0, 2.0])}, POINTS)
    assert all(p is parameters[name] for name, p in block.named_parameters())


def test_functional_call_keeps_the_buffers_that_the_call_updates():
    class Counter(nn.Linear):
        def __init__(self):
            super().__init__(2, 1)
            self.register_buffer("calls", np.zeros((), np.int64))

        def forward(self, x):
            self.calls = self.calls + 1
            return super().forward(x)

    counter = Counter()
    nn.functional_call(counter, {"weight": mg.tensor([[1.0, 2.0]])}, POINTS)
    assert counter.calls == 1


@pytest.mark.parametrize("name", ["first.weight", "second.weight"])
def test_functional_call_replaces_a_shared_parameter_everywhere(name):
    tied = Tied()
    weight = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x = POINTS.astype(np.float64)
    out = nn.functional_call(tied, {name: weight}, x)
    w, b1, b2 = weight.data.astype(np.float64), tied.first.bias.data, tied.second.bias.data
    np.testing.assert_allclose(out.detach(), (x @ w.T + b1) @ w.T + b2, rtol=1e-6)
    assert tied.first.weight is tied.second.weight
    assert tied.first.weight is not weight


@pytest.mark.parametrize(
    "hidden", [[nn.Parameter(np.ones(1))], {"a": nn.Linear(1, 1)}, {"a": nn.Parameter(np.ones(1))}]
)
def test_what_would_be_forgotten_is_refused(hidden):
    module = nn.Module()
    module.things = hidden
    with pytest.raises(
        TypeError, match=r"Module.things hides a (Parameter|Linear) in a (list|dict); make it an attribute"
    ):
        list(module.parameters())


def test_parameters_are_of_floats():
    with pytest.raises(TypeError, match="to: parameters are floats, got int64"):
        nn.Linear(1, 1).to(int)


def test_a_result_that_ends_up_in_an_argument_dies_with_its_last_name():
    """A cell of a recurrent network may add what it returns to a list of states."""

    class Cell(nn.Module):
        def forward(self, x, states):
            states.append(x * 2.0)
            return states[-1]

    x, states = mg.tensor([1.0], requires_grad=True), []
    results = [Cell()(x, states), nn.Sequential(lambda pair: pair[0])((x * 2.0, x))]
    later = []
    results.append(nn.Sequential(lambda several: x * 3.0)(later))
    later.append(results[-1])
    alive = [weakref.ref(result) for result in results]
    gc.disable()
    try:
        del states, results, later
        assert [result() for result in alive] == [None] * 3
    finally:
        gc.enable()
