"""Writes cupy_api.json: what CuPy has, by name, with the parameters that it takes; needs CuPy, but no GPU.

    python tests/data/dump_cupy_api.py

``strict_cupy`` refuses all that is not in it.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

MODULES = ("", "cuda", "cuda.runtime", "lib", "lib.stride_tricks", "linalg", "random")


def parameters(thing: Any) -> list[str] | None:
    """The names of the parameters, ``*args`` and ``**kwargs`` among them; None where nothing says what they are."""
    try:
        signature = str(inspect.signature(thing))
    except (TypeError, ValueError):  # compiled: the first line of the documentation has them
        found = re.match(r"[\w.]+(\(.*?\))(?: ->|\s*$)", (inspect.getdoc(thing) or "").partition("\n")[0])
        if not found:
            return None
        signature = found[1]
    names = (part.partition("=")[0].partition(":")[0].split() for part in signature.strip("()").split(","))
    return [name[-1] for name in names if name and name[-1] not in ("self", "/", "*")]


def described(thing: Any) -> Any:
    """What a name stands for: "ufunc", "class", "module", "value", or the parameters of a function."""
    if type(thing).__name__ in ("ufunc", "_GUFunc"):
        return "ufunc"
    if isinstance(thing, type):
        return "class"
    if isinstance(thing, ModuleType) or type(thing).__name__ == "_LazyModule":
        return "module"
    return parameters(thing) if callable(thing) else "value"


def contents(thing: Any) -> dict[str, Any]:
    """All public names, and those that operators and conversions go by."""
    kept = (n for n in dir(thing) if not n.startswith("_") or (n.startswith("__") and isinstance(thing, type)))
    return {name: described(getattr(thing, name)) for name in sorted(kept)}


def main() -> None:
    """Writes the file beside this one."""
    import cupy

    api: dict[str, Any] = {"version": cupy.__version__, "modules": {}, "ndarray": contents(cupy.ndarray)}
    for path in MODULES:
        module = cupy
        for name in path.split(".") if path else ():
            module = getattr(module, name)
        api["modules"][path] = contents(module)
    text = json.dumps(api, indent=1, sort_keys=True)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text)  # a line for each name
    Path(__file__).with_name("cupy_api.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
