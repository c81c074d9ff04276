"""The stand-in for CuPy refuses what CuPy refuses, and counts what it is there to count."""

import copy
import inspect
import pickle
import weakref

import numpy as np
import pytest
import strict_cupy
from strict_cupy import functions

import minigrad as mg

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def cp():
    with strict_cupy.installed() as cupy:
        yield cupy


@pytest.fixture
def x(cp):
    return cp.asarray(ROWS)


REFUSED = {
    "conversion": lambda cp, x: np.asarray(x),
    "a function of NumPy that hands nothing on": lambda cp, x: np.ascontiguousarray(x),
    "like= where NumPy adds a parameter": lambda cp, x: np.eye(2, like=x),
    "as_strided of NumPy": lambda cp, x: np.lib.stride_tricks.as_strided(x, (2,), (4,)),
    "writeable=": lambda cp, x: cp.lib.stride_tricks.as_strided(x, (2,), (4,), writeable=False),
    "an array of NumPy on the right": lambda cp, x: x * ROWS,
    "an array of NumPy on the left": lambda cp, x: ROWS * x,
    "an array of NumPy in place": lambda cp, x: x.__iadd__(ROWS),
    "an array of NumPy in a function": lambda cp, x: np.concatenate([x, ROWS]),
    "an array of NumPy as out": lambda cp, x: np.multiply(x, 2.0, out=ROWS.copy()),
    "an array of NumPy in a product": lambda cp, x: np.dot(x, ROWS.T),
    "a list": lambda cp, x: cp.exp([1.0, 2.0]),
    "a list in a function": lambda cp, x: cp.sum([1.0, 2.0]),
    "where= of a function": lambda cp, x: cp.exp(x, where=x > 0),
    "where= of a reduction": lambda cp, x: x.sum(where=x > 0),
    "initial=": lambda cp, x: np.max(x, initial=0.0),
    "initial by its place": lambda cp, x: x.sum(0, None, None, False, 3.0),
    "a number as a condition": lambda cp, x: cp.where(True, x, 0.0),
    "an array of another type as new values": lambda cp, x: x.set(ROWS.astype(np.float64)),
    "min= of clip": lambda cp, x: cp.clip(x, min=0.0, max=1.0),
    "a number as an index of Python": lambda cp, x: range(cp.asarray(3)),
    "a hash": lambda cp, x: {x},
    "bool + float in place": lambda cp, x: (x > 0).__iadd__(0.5),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(cp, x, what):
    with pytest.raises(TypeError):
        REFUSED[what](cp, x)


def names_of_parameters(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - {"self"}


def test_what_it_has_of_its_own_cupy_has_with_these_parameters(cp):
    """What it takes from NumPy is looked up as it is used."""
    listed = strict_cupy.API["modules"][""]
    own = [(name, f, listed[name]) for name, f in functions._OWN.items() if name != "__version__"]
    methods = {name: f for name, f in vars(cp.ndarray).items() if name not in ("_a", "__module__", "__weakref__")}
    assert methods.keys() <= strict_cupy.API["ndarray"].keys()
    own += [(name, f, strict_cupy.API["ndarray"][name]) for name, f in methods.items() if not name.startswith("__")]
    for name, function, parameters in own:
        if isinstance(parameters, list):
            assert names_of_parameters(function) <= {*parameters, "args", "options"}, name


def test_names_that_cupy_lacks_are_not_there(cp, x):
    for name in ("vecdot", "unstack", "errstate", "geomspace", "float128"):
        assert not hasattr(cp, name)
    with pytest.raises(AttributeError):
        x.colour = "blue"
    for name in ("__index__", "__contains__", "__imatmul__", "setflags", "ctypes"):
        assert not hasattr(x, name)
    assert not hasattr(cp.linalg, "vector_norm")
    with pytest.raises(NotImplementedError, match=r"maximum\.reduce"):
        np.maximum.reduce(x)


def test_the_conversion_error_is_cupys(x):
    with pytest.raises(TypeError, match=r"^Implicit conversion to a NumPy array is not allowed\. Please use"):
        np.asarray(x)


def test_numpys_functions_go_to_the_device(cp, x):
    for result in (np.exp(x), np.sum(x), np.where(x > 1, x, 0.0), np.concatenate([x, x]), np.einsum("ij->i", x),
                   np.add.reduce(x, 0), np.zeros_like(x), np.empty((2,), like=x), np.pad(x, 1), x @ x.T):  # fmt: skip
        assert type(result) is cp.ndarray
    np.testing.assert_array_equal(np.where(x > 1, x, 0.0).get(), np.where(ROWS > 1, ROWS, 0.0))


def test_reductions_give_arrays(x):
    assert x.sum().shape == np.sum(x).shape == x[0, 0].shape == ()
    assert not isinstance(x.sum(), np.generic)


def test_results_lie_row_by_row(cp, x):
    assert (x.T * 2).flags.c_contiguous
    assert not (ROWS.T * 2).flags.c_contiguous
    assert cp.empty_like(x.T).strides == x.T.strides


def test_views_know_what_they_look_at(cp, x):
    assert x.T.base is x
    assert x.reshape(3, 2)[1:].base is x
    assert (x + 1).base is None
    x.T[0] = 9.0
    assert x.get()[:, 0].tolist() == [9.0, 9.0]


def test_an_array_can_be_referred_to_weakly(cp):
    x = cp.ones(2)
    seen = weakref.ref(x)
    assert seen() is x
    del x
    assert seen() is None


def test_integer_arrays_wrap_around_as_indices(cp, x):
    np.testing.assert_array_equal(x[cp.asarray([2, -1])].get(), ROWS[[0, 1]])
    np.testing.assert_array_equal(x[..., cp.asarray([4])].get(), ROWS[:, [1]])
    np.testing.assert_array_equal(x[x > 2].get(), ROWS[ROWS > 2])
    with pytest.raises(IndexError):
        x[2]


def test_which_of_several_values_stays_is_left_to_chance(cp):
    here = set()
    for _ in range(20):
        a = cp.zeros(1)
        a[cp.asarray([0, 0, 0])] = cp.asarray([1.0, 2.0, 3.0])
        here.add(a.item())
    assert here == {1.0, 2.0, 3.0}
    a = cp.zeros(2)
    cp.add.at(a, cp.asarray([0, 0, 1]), cp.asarray([1.0, 2.0, 3.0]))
    assert a.tolist() == [3.0, 3.0]


def test_it_counts_launches_waits_and_copies(cp):
    x = cp.asarray(ROWS)
    y = (x + 1).reshape(3, 2).T
    y += 1
    assert strict_cupy.counts == {"uploads": 1, "uploaded": 24, "launches": 2}
    float(y.sum())
    bool(y.sum())
    assert strict_cupy.counts["waits"] == 2
    y[[0, 1]]
    assert strict_cupy.counts["uploads"] == 2


def test_copies_and_pickles(x):
    for twin in (copy.deepcopy(x), copy.copy(x), pickle.loads(pickle.dumps(x))):
        assert type(twin) is type(x)
        twin += 1
        np.testing.assert_array_equal(twin.get(), ROWS + 1)
    np.testing.assert_array_equal(x.get(), ROWS)


@pytest.mark.parametrize(("f", "expected"), [
    (lambda a, t: a * t, ROWS * ROWS), (lambda a, t: t * a, ROWS * ROWS), (lambda a, t: a - t, 0 * ROWS),
    (lambda a, t: a / (t + 1), ROWS / (ROWS + 1)), (lambda a, t: a @ t.T, ROWS @ ROWS.T),
    (lambda a, t: a > t, ROWS > ROWS), (lambda a, t: a == t, ROWS == ROWS), (lambda a, t: a**t, ROWS**ROWS),
])  # fmt: skip
def test_an_operator_between_an_array_and_a_tensor_is_the_tensors(x, f, expected):
    """CuPy asks NumPy, which asks the tensor."""
    y = f(x, mg.Tensor(x))
    assert isinstance(y, mg.Tensor)
    np.testing.assert_allclose(y.data.get(), expected)


def test_it_leaves_the_place_as_it_was():
    import sys

    before = sys.modules.get("cupy")
    with strict_cupy.installed() as cupy:
        assert sys.modules["cupy"] is cupy
    assert sys.modules.get("cupy") is before


def test_the_list_is_that_of_the_cupy_that_is_installed():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed", exc_type=ImportError)
    if cupy.__version__ != strict_cupy.API["version"]:
        pytest.skip(f"the list is of CuPy {strict_cupy.API['version']}, installed is {cupy.__version__}")
    assert {n for n in dir(cupy) if not n.startswith("_")} == set(strict_cupy.API["modules"][""])
