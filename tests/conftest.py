"""Settings for all tests."""

from hypothesis import settings

# The same examples in every run: a failure on one machine is a failure on all of them.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")
