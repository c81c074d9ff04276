"""Settings for all tests."""

import contextlib
import signal

import pytest
import strict_cupy
from hypothesis import settings

from minigrad import backend

# The same examples in every run: a failure on one machine is a failure on all of them.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")


@pytest.fixture
def ctrl_c():
    """Ctrl-C as it is in a terminal; where the tests run in the background it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


CUPY = ["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)]


@contextlib.contextmanager
def usable_cupy(which):
    """CuPy or its stand-in, with the kernels in their places; what is made is made with NumPy again afterwards."""
    with strict_cupy.installed() if which == "stand-in" else contextlib.nullcontext():
        try:
            module = backend.backend_named("cupy")
        except RuntimeError as error:
            if which == "stand-in":
                raise
            pytest.skip(str(error))
        yield module
        backend.set_backend("numpy")


@pytest.fixture(params=CUPY)
def cupy(request):
    """CuPy, or what stands in for it."""
    with usable_cupy(request.param) as module:
        yield module


@pytest.fixture
def stand_in():
    """What stands in for CuPy: it alone counts launches, copies and waits."""
    with usable_cupy("stand-in") as module:
        yield module


@pytest.fixture(params=["numpy", *CUPY])
def anywhere(request):
    """Within the test, what is made is made with NumPy, with CuPy, or with what stands in for it."""
    if request.param == "numpy":
        yield
        return
    with usable_cupy(request.param):
        backend.set_backend("cupy")
        yield
