"""Saving and loading arrays by name, as safetensors: a file that PyTorch opens, and that runs no code when opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from .backend import Array, is_array, to_numpy, xp
from .primitive import raw_of
from .tensor import Tensor


def _safetensors() -> ModuleType:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError("mg.save and mg.load need safetensors: python -m pip install safetensors") from None
    return safetensors


def save(path: str | Path, state: Mapping[str, Array | Tensor]) -> None:
    """Writes arrays by name, such as ``module.state_dict()``, to a file in the safetensors format.

    The format is flat: of several modules, save ``{f"G.{name}": a for name, a in G.state_dict().items()}`` and so on.

    Raises:
        ImportError: when safetensors is not installed.
        TypeError: when a name is not a string, or a value is not an array or a tensor of numbers of up to 64 bits.
        ValueError: when a name is ``__metadata__``, which the format keeps for itself.
    """
    arrays = {}
    for name, value in state.items():
        array = raw_of(value)
        if not isinstance(name, str):
            raise TypeError(f"save: names are strings, got {name!r}")
        if name == "__metadata__":
            raise ValueError("save: the format keeps the name '__metadata__' for itself, give the array another one")
        if not is_array(array) or array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            what = f"an array of {array.dtype}" if is_array(array) else type(array).__name__
            raise TypeError(f"save: '{name}' must be an array or a tensor of numbers, got {what}")
        arrays[name] = xp.ascontiguousarray(to_numpy(array)).reshape(array.shape)
    Path(path).write_bytes(_safetensors().numpy.save(arrays))


def load(path: str | Path) -> dict[str, Array]:
    """The arrays by name that ``save``, or PyTorch with safetensors, wrote to a file.

    Raises:
        FileNotFoundError: when there is no such file.
        ImportError: when safetensors is not installed.
        ValueError: when the file is cut short, or of another format.
    """
    safetensors = _safetensors()
    content = Path(path).read_bytes()
    try:
        arrays = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"load: {path} is not a whole safetensors file that NumPy can hold: {error}") from None
    return {name: xp.array(array) for name, array in arrays.items()}  # of its own memory, that may be written
