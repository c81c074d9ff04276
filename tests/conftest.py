"""Settings for all tests."""

import signal

import pytest
from hypothesis import settings

# The same examples in every run: a failure on one machine is a failure on all of them.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")


@pytest.fixture
def ctrl_c():
    """Ctrl-C as it is in a terminal; where the tests run in the background it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
