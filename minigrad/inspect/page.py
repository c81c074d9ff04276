"""HTML to go through moments with: play, pause, a step back and on, a slider, keys. It needs nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any


def player(picture: str, moments: Sequence[Any], script: str, *, milliseconds: int) -> str:
    """The player of a picture that is another one at each moment; the last one stands where no script runs.

    picture is HTML, as it is at the last moment; moments is what JSON can hold. script is JavaScript that defines
    ``draw(i)``: it makes of the elements within ``root`` what ``moments[i]`` says, and returns the text that stands
    beside the slider. A moment lasts as many milliseconds. Several players can stand on one page.
    """
    # "</script>" within a text would end the script.
    listed = ",\n".join(json.dumps(moment).replace("<", "\\u003c") for moment in moments)
    parts = {
        "__NAME__": hashlib.sha256(f"{picture}{listed}".encode()).hexdigest()[:12],
        "__PICTURE__": picture,
        "__MOMENTS__": listed,
        "__SCRIPT__": script,
        "__MILLISECONDS__": str(milliseconds),
    }
    template = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    return re.sub("__[A-Z]+__", lambda place: parts[place[0]], template)
