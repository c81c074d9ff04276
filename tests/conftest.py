"""Settings for all tests."""

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


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def cupy(request):
    """CuPy, or what stands in for it; what is made is made with NumPy again afterwards."""
    if request.param == "stand-in":
        with strict_cupy.installed():
            yield backend.backend_named("cupy")  # which puts the kernels in their places
            backend.set_backend("numpy")
        return
    try:
        module = backend.backend_named("cupy")
    except RuntimeError as error:
        pytest.skip(str(error))
    yield module
    backend.set_backend("numpy")
