"""Optimizers and schedules: PyTorch's trajectories, saving and going on, types, and what is refused."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim

# ---------------------------------------------------------------- a small nonlinear problem, in either library

POINTS = np.array([[0.5, -1.0, 0.25], [2.0, 0.25, -0.5], [-0.75, 1.5, 1.0], [0.1, 0.2, -1.5]])
TARGETS = np.array([[0.9, -0.4], [-0.2, 0.7], [0.3, 0.5], [-0.8, 0.1]])
START = {
    "w": np.array([[0.3, -0.2, 0.5], [-0.4, 0.1, 0.2]]),
    "b": np.array([0.05, -0.1]),
    "scale": np.array(0.8),
}


def loss(x, t, w, b, scale):
    """A layer with a nonlinearity; the same expression for tensors of minigrad and of PyTorch."""
    return ((scale * (x @ w.T + b).tanh() - t) ** 2).mean()


def problem(tensor, dtype):
    """The parameters to learn, and the loss as a function of nothing; ``tensor`` is minigrad's or PyTorch's.

    Two points at a time, in turn, so that no gradient ever comes to nothing: divided by its own size, rounding would
    be all that is left of it.
    """
    params = [tensor(a.astype(dtype), requires_grad=True) for a in START.values()]
    x, t = tensor(POINTS.astype(dtype)), tensor(TARGETS.astype(dtype))
    batches = itertools.cycle([slice(0, 2), slice(2, 4)])

    def next_loss():
        batch = next(batches)
        return loss(x[batch], t[batch], *params)

    return params, next_loss


def train(optimizer, loss, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def values(params):
    """All parameters in one row."""
    return np.concatenate([np.ravel(p.detach().numpy()) for p in params])


#: Class, settings, and where 100 steps lead in float64: w, b and scale by PyTorch 2.13.
CASES = {
    "SGD": (
        "SGD",
        {"lr": 0.2},
        [0.0030195428555, -0.51945076344, 0.73100669931, 0.31311708039, 0.48791351683, 0.0046435404058],
        [0.31752336896, -0.034699018858],
        1.1468565504,
    ),
    "SGD, momentum": (
        "SGD",
        {"lr": 0.1, "momentum": 0.9},
        [0.080994060191, -1.1217951715, 1.4954954666, 0.85414148526, 0.90042595142, 0.052866416735],
        [0.6222903552, -0.068892283122],
        0.83365292294,
    ),
    "SGD, nesterov": (
        "SGD",
        {"lr": 0.05, "momentum": 0.8, "nesterov": True},
        [0.0069643484816, -0.57420088766, 0.80017382172, 0.33757055954, 0.5199231045, 0.0061585901303],
        [0.34836788126, -0.036826442404],
        1.089576379,
    ),
    "SGD, weight decay": (
        "SGD",
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.01},
        [0.0034881177308, -0.4904343355, 0.70683227748, 0.30535704088, 0.4805811778, 0.0048541132026],
        [0.29770343698, -0.029814697517],
        1.1404414318,
    ),
    "RMSprop": (
        "RMSprop",
        {"lr": 0.01},
        [-0.0039792404254, -0.64357011398, 0.84944382379, 0.33119280611, 0.52543860084, 0.0060057734941],
        [0.40388989647, -0.029695649383],
        1.0592304334,
    ),
    "RMSprop, weight decay": (
        "RMSprop",
        {"lr": 0.005, "alpha": 0.9, "weight_decay": 0.01},
        [0.062587440887, -0.4705326709, 0.85652632687, -0.031583835642, 0.42963160808, -0.077571679962],
        [0.23294280002, 0.20272890433],
        0.93461277908,
    ),
    "Adam": (
        "Adam",
        {"lr": 0.02},
        [0.041566921297, -0.74782990494, 1.0396177458, 0.35651901848, 0.55689452863, 0.0027611950573],
        [0.42772917543, -0.025137334469],
        0.99377375661,
    ),
    "Adam, betas": (
        "Adam",
        {"lr": 0.01, "betas": (0.5, 0.9)},
        [0.0086707553344, -0.66096385854, 0.89716345571, 0.22749145061, 0.48720254938, -0.004465934724],
        [0.40151051295, 0.052397957908],
        1.0232133414,
    ),
    "Adam, weight decay": (
        "Adam",
        {"lr": 0.02, "betas": (0.0, 0.99), "weight_decay": 0.1},
        [0.0043829438101, -0.35373444109, 0.61398340325, 0.25051325671, 0.43291407856, 0.0090102602124],
        [0.20996452611, 0.013766591205],
        1.0116671458,
    ),
    "RMSprop, eps": (
        "RMSprop",
        {"lr": 0.05, "eps": 0.1},
        [-0.0072019792755, -0.56411931039, 0.76026285895, 0.323589142, 0.50219867971, 0.0053218175812],
        [0.35528213143, -0.035238589019],
        1.1189425741,
    ),
    "Adam, eps": (
        "Adam",
        {"lr": 0.05, "eps": 0.1},
        [0.028873031502, -0.71866593521, 0.99719612688, 0.39882783692, 0.59708104966, 0.010460273382],
        [0.42075571546, -0.041269355927],
        0.97835222113,
    ),
}
every_case = pytest.mark.parametrize(
    ("name", "settings", "end"), [pytest.param(*case[:2], case[2:], id=label) for label, case in CASES.items()]
)


@every_case
def test_a_hundred_steps_lead_where_pytorchs_led(name, settings, end):
    params, loss = problem(mg.tensor, np.float64)
    train(getattr(optim, name)(params, **settings), loss, 100)
    np.testing.assert_allclose(values(params), np.concatenate([np.ravel(part) for part in end]), rtol=1e-9)


@every_case
@pytest.mark.parametrize(("dtype", "rtol", "atol"), [(np.float64, 1e-9, 1e-12), (np.float32, 1e-4, 1e-5)])
def test_every_step_is_pytorchs(name, settings, end, dtype, rtol, atol):
    torch = pytest.importorskip("torch")
    params, loss = problem(mg.tensor, dtype)
    torch_params, torch_loss = problem(torch.tensor, dtype)
    optimizer = getattr(optim, name)(params, **settings)
    torch_optimizer = getattr(torch.optim, name)(torch_params, **settings)
    for _ in range(100):
        train(optimizer, loss, 1)
        train(torch_optimizer, torch_loss, 1)
        np.testing.assert_allclose(values(params), values(torch_params), rtol=rtol, atol=atol)
    assert all(p.dtype == dtype for p in params)


def test_defaults_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in ("SGD", "RMSprop", "Adam"):
        ours = vars(getattr(optim, name)([mg.tensor(1.0)]))
        theirs = getattr(torch.optim, name)([torch.tensor(1.0)]).defaults
        shared = set(ours) & set(theirs)
        assert shared >= {"lr", "weight_decay"}
        assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}


# ---------------------------------------------------------------- by hand


def one_step(optimizer, p, g):
    p.grad = np.asarray(g, p.dtype)
    optimizer.step()
    return p.data


def test_sgd_by_hand():
    p = mg.tensor([1.0, 2.0], dtype=np.float64, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5)
    np.testing.assert_allclose(one_step(optimizer, p, [1.0, -2.0]), [0.5, 3.0])  # v = g
    np.testing.assert_allclose(one_step(optimizer, p, [1.0, 0.0]), [-0.25, 3.5])  # v = 0.5 v + g = [1.5, -1]


def test_nesterov_by_hand():
    p = mg.tensor([1.0], dtype=np.float64, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5, nesterov=True)
    np.testing.assert_allclose(one_step(optimizer, p, [1.0]), [0.25])  # g + 0.5 v = 1.5


def test_weight_decay_by_hand():
    p = mg.tensor([2.0], dtype=np.float64, requires_grad=True)
    np.testing.assert_allclose(one_step(optim.SGD([p], lr=0.5, weight_decay=0.25), p, [1.0]), [1.25])


def test_rmsprop_by_hand():
    p = mg.tensor([1.0, 1.0], dtype=np.float64, requires_grad=True)
    optimizer = optim.RMSprop([p], lr=0.5, alpha=0.75, eps=0.0)
    np.testing.assert_allclose(one_step(optimizer, p, [3.0, -0.1]), [0.0, 2.0])  # v = g**2 / 4, so 0.5 * 2 against g


def test_adams_first_step_is_lr_against_the_gradient():
    p = mg.tensor([1.0, 1.0], dtype=np.float64, requires_grad=True)
    np.testing.assert_allclose(one_step(optim.Adam([p], lr=0.5, eps=0.0), p, [1e-6, -1e6]), [0.5, 1.5])


# ---------------------------------------------------------------- what a step does and does not touch

OPTIMIZERS = [case[:2] for case in CASES.values()]
every_optimizer = pytest.mark.parametrize(("name", "settings"), OPTIMIZERS, ids=list(CASES))


@every_optimizer
def test_a_step_never_writes_into_the_old_array(name, settings):
    params, loss = problem(mg.tensor, np.float32)
    optimizer = getattr(optim, name)(params, **settings)
    for _ in range(3):
        old = [p.data for p in params]
        copies = [a.copy() for a in old]
        train(optimizer, loss, 1)
        for p, array, copied in zip(params, old, copies, strict=True):
            assert not np.shares_memory(p.data, array)
            np.testing.assert_array_equal(array, copied)


@every_optimizer
def test_a_step_leaves_gradients_alone_and_keeps_no_hold_of_them(name, settings):
    p = mg.tensor([1.0, 2.0], requires_grad=True)
    g = p.grad = np.array([0.5, -0.5], np.float32)
    optimizer = getattr(optim, name)([p], **settings)
    optimizer.step()
    np.testing.assert_array_equal(g, [0.5, -0.5])
    assert p.grad is g
    before = optimizer.state_dict()
    g[:] = 7.0
    for name, value in optimizer.state_dict()["state"][0].items():
        np.testing.assert_array_equal(value, before["state"][0][name])


@every_optimizer
@pytest.mark.parametrize("shape", [(3,), ()])
def test_the_type_is_kept(name, settings, shape):
    p = mg.tensor(np.ones(shape, np.float32), requires_grad=True)
    optimizer = getattr(optim, name)([p], **{key: np.float64(v) if key == "lr" else v for key, v in settings.items()})
    for _ in range(2):
        p.grad = np.ones(shape, np.float64)
        optimizer.step()
        assert isinstance(p.data, np.ndarray)
        assert p.dtype == np.float32
        assert p.shape == shape


def test_a_module_may_change_its_type_between_steps():
    layer = nn.Linear(2, 1)
    optimizer = optim.Adam(layer.parameters())
    for dtype in (np.float32, np.float64, np.float32):
        layer.to(dtype)
        train(optimizer, lambda dtype=dtype: layer(np.ones((1, 2), dtype)).sum(), 2)
        assert {p.dtype for p in layer.parameters()} == {np.dtype(dtype)}


def test_parameters_without_a_gradient_stay_as_they_are():
    p, q = mg.tensor([1.0], requires_grad=True), mg.tensor([1.0], requires_grad=True)
    optimizer = optim.Adam([p, q], weight_decay=0.1)
    array = q.data
    one_step(optimizer, p, [1.0])
    assert q.data is array
    assert p.data != 1.0


def test_a_parameter_that_is_given_twice_moves_once():
    p = mg.tensor([1.0], requires_grad=True)
    assert one_step(optim.SGD([p, p], lr=0.5), p, [1.0]) == 0.5


def test_one_tensor_alone_and_generators_are_taken():
    p = mg.tensor([1.0, 2.0], requires_grad=True)
    assert optim.SGD(p).params == [p]
    assert len(optim.SGD(nn.MLP([2, 3, 1], nn.Tanh).parameters()).params) == 4


def test_zero_grad_forgets():
    params, loss = problem(mg.tensor, np.float64)
    loss().backward()
    optim.SGD(params).zero_grad()
    assert all(p.grad is None for p in params)


def test_a_graph_made_before_a_step_refuses_to_go_backward():
    params, loss = problem(mg.tensor, np.float64)
    before = loss()
    train(optim.SGD(params, lr=0.1), loss, 1)
    with pytest.raises(RuntimeError, match="was given other data"):
        before.backward()


# ---------------------------------------------------------------- saving and going on


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ten_steps_saved_and_ten_more_are_twenty(name, settings, dtype):
    make = getattr(optim, name)
    params, loss = problem(mg.tensor, dtype)
    train(make(params, **settings), loss, 20)

    first, first_loss = problem(mg.tensor, dtype)
    optimizer = make(first, **settings)
    train(optimizer, first_loss, 10)
    state = optimizer.state_dict()
    saved = str(state)
    second, second_loss = problem(mg.tensor, dtype)
    for p, q in zip(second, first, strict=True):
        p.data = q.data.copy()
    train(optimizer, first_loss, 3)  # what was saved is a copy, out of reach of these
    fresh = make(second, **{**settings, "lr": 123.0})
    fresh.load_state_dict(state)
    train(fresh, second_loss, 10)
    for p, q in zip(second, params, strict=True):
        np.testing.assert_array_equal(p.data, q.data, strict=True)
    assert str(state) == saved


def test_a_state_of_other_parameters_is_refused():
    p, q = mg.tensor([1.0], requires_grad=True), mg.tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="the state is of 2 parameters, there are 1"):
        optim.Adam([p]).load_state_dict(optim.Adam([p, q]).state_dict())


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("make", [optim.SGD, optim.RMSprop, optim.Adam])
def test_bad_settings_are_refused(make):
    p = mg.tensor([1.0], requires_grad=True)
    name = make.__name__
    for wrong in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=f"{name}: lr must be 0 or more and finite, got {wrong}"):
            make([p], lr=wrong)
        with pytest.raises(ValueError, match=f"{name}: weight_decay must be 0 or more and finite, got {wrong}"):
            make([p], weight_decay=wrong)
    with pytest.raises(ValueError, match=f"{name}: got no parameters"):
        make([])
    with pytest.raises(ValueError, match=f"{name}: got no parameters"):
        make(nn.Tanh().parameters())


@pytest.mark.parametrize("wrong", [[np.ones(2)], [1.0], nn.Linear(2, 1).named_parameters(), {"w": 1}])
def test_what_is_no_tensor_is_refused(wrong):
    with pytest.raises(
        TypeError, match=r"SGD: params are tensors, got (ndarray|1.0|tuple|dict); a module.s are module.parameters\(\)"
    ):
        optim.SGD(wrong)


@pytest.mark.parametrize("module", [nn.Linear(2, 1), nn.Sequential(nn.Linear(2, 1))])
def test_a_module_in_the_place_of_its_parameters_is_refused(module):
    with pytest.raises(TypeError, match=r"SGD: params are tensors, got .*; a module's are module.parameters\(\)"):
        optim.SGD(module)


def test_settings_of_one_optimizer_alone():
    p = [mg.tensor([1.0], requires_grad=True)]
    with pytest.raises(ValueError, match="SGD: nesterov needs a momentum above 0"):
        optim.SGD(p, nesterov=True)
    with pytest.raises(ValueError, match="SGD: momentum must be 0 or more"):
        optim.SGD(p, momentum=-0.5)
    with pytest.raises(ValueError, match="RMSprop: alpha must be 0 or more"):
        optim.RMSprop(p, alpha=-0.5)
    for betas in [(1.0, 0.9), (0.5, -0.1)]:
        with pytest.raises(ValueError, match=r"Adam: betas must be within \[0, 1\), got"):
            optim.Adam(p, betas=betas)


def test_a_gradient_of_another_shape_is_refused():
    p = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"a gradient of shape \(1,\) does not fit a tensor of shape \(2,\)"):
        one_step(optim.SGD([p]), p, [1.0])


def test_the_base_needs_a_direction():
    p = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match="Optimizer does not define direction"):
        one_step(optim.Optimizer([p], lr=0.1), p, [1.0])
    with pytest.raises(NotImplementedError, match="Schedule does not define rate"):
        optim.Schedule(optim.SGD([p]))


# ---------------------------------------------------------------- schedules

SCHEDULES = {
    "StepLR": ("StepLR", {"step_size": 7, "gamma": 0.5}),
    "StepLR, defaults": ("StepLR", {"step_size": 20}),
    "LinearLR": ("LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 40}),
    "LinearLR, defaults": ("LinearLR", {}),
    "CosineAnnealingLR": ("CosineAnnealingLR", {"T_max": 60}),
    "CosineAnnealingLR, short": ("CosineAnnealingLR", {"T_max": 25, "eta_min": 0.01}),
}
every_schedule = pytest.mark.parametrize(("name", "settings"), SCHEDULES.values(), ids=SCHEDULES)


@every_schedule
def test_schedules_are_pytorchs(name, settings):
    torch = pytest.importorskip("torch")
    ours = optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.3)
    theirs = torch.optim.SGD([torch.tensor([1.0], requires_grad=True)], lr=0.3)
    schedule = getattr(optim, name)(ours, **settings)
    torch_schedule = getattr(torch.optim.lr_scheduler, name)(theirs, **settings)
    for _ in range(60):
        assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9, abs=1e-15)
        theirs.step()  # PyTorch warns where a schedule goes before its optimizer
        schedule.step()
        torch_schedule.step()


def rates(make, steps):
    optimizer = optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.8)
    schedule = make(optimizer)
    found = [optimizer.lr]
    for _ in range(steps):
        schedule.step()
        found.append(optimizer.lr)
    return found


def test_schedules_by_hand():
    np.testing.assert_allclose(rates(lambda o: optim.StepLR(o, 2, 0.5), 5), [0.8, 0.8, 0.4, 0.4, 0.2, 0.2])
    np.testing.assert_allclose(rates(lambda o: optim.LinearLR(o, 0.0, 1.0, 4), 5), [0.0, 0.2, 0.4, 0.6, 0.8, 0.8])
    cosine = [0.8, 0.4 + 0.4 * np.sqrt(0.5), 0.4, 0.4 - 0.4 * np.sqrt(0.5), 0.0]
    np.testing.assert_allclose(rates(lambda o: optim.CosineAnnealingLR(o, 4), 4), cosine, atol=1e-15)


def test_a_schedule_moves_less_where_the_rate_is_smaller():
    p = mg.tensor([1.0], dtype=np.float64, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)
    schedule = optim.StepLR(optimizer, 1, 0.5)
    np.testing.assert_allclose(one_step(optimizer, p, [1.0]), [0.5])
    schedule.step()
    np.testing.assert_allclose(one_step(optimizer, p, [1.0]), [0.25])


@pytest.mark.parametrize(
    ("name", "setting"), [("StepLR", "step_size"), ("LinearLR", "total_iters"), ("CosineAnnealingLR", "T_max")]
)
def test_schedules_need_a_length(name, setting):
    optimizer = optim.SGD([mg.tensor([1.0], requires_grad=True)])
    with pytest.raises(ValueError, match=f"{name}: {setting} must be at least 1, got 0"):
        getattr(optim, name)(optimizer, **{setting: 0})


def test_only_leaves_learn_and_only_at_finite_rates():
    weight = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="the result of mul cannot learn, only leaves can"):
        optim.SGD([weight * 2.0])
    with pytest.raises(ValueError, match="lr must be 0 or more and finite, got inf"):
        optim.Adam([weight], lr=float("inf"))
