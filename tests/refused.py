"""What is refused, is refused in one line."""

from collections.abc import Callable
from typing import Any

import pytest


def assert_refused(f: Callable[[], Any], message: str) -> None:
    """f raises ValueError, in one line that begins with the message."""
    with pytest.raises(ValueError) as error:
        f()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
