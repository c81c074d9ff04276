"""A training that can be gone on with: all that the next round depends on, in one file.

The states are a tree of dicts and lists. Its arrays are saved by their paths, and the rest, as JSON, beside them; so
the file runs no code when it is opened, and PyTorch can read it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import minigrad as mg
from minigrad.backend import is_array

from .training import History

_REST = "rest"  # the name of all that is no array


class Stateful(Protocol):
    """What can be saved: a game, the average of its weights, a network."""

    def state_dict(self) -> dict[str, Any]:
        """All that there is to save."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what ``state_dict`` gave."""


def save_checkpoint(path: Path | str, history: History, rng: np.random.Generator, **parts: Stateful) -> None:
    """Writes the state of a training between two rounds; a file that is there is replaced only by a whole one.

    Random numbers of a layer's own, as dropout draws them, are not part of it.

    Raises:
        ValueError: when two arrays have the same path of names.
    """
    history.read()
    states = {name: part.state_dict() for name, part in parts.items()}
    arrays: dict[str, Any] = {}
    rest = _without_arrays({"parts": states, "history": history.rows, "rng": rng.bit_generator.state}, "", arrays)
    arrays[_REST] = np.frombuffer(json.dumps(rest).encode(), dtype=np.uint8)
    partial = Path(f"{path}.partial")
    mg.save(partial, arrays)
    partial.replace(path)


def load_checkpoint(path: Path | str, rng: np.random.Generator, **parts: Stateful) -> History:
    """Puts the parts and the random numbers into the state that was saved; returns the history until then.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is not a checkpoint, or one of other parts.
    """
    state = _read(path)
    if state["parts"].keys() != parts.keys():
        raise ValueError(f"{path} is a checkpoint of {', '.join(state['parts'])}, not of {', '.join(parts)}")
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    rng.bit_generator.state = state["rng"]
    history = History()
    history.rows = state["history"]
    return history


def load_states(path: Path | str) -> dict[str, Any]:
    """What each part's ``state_dict`` gave, by the part's name: to look at, or to use one part without the others.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is not a checkpoint.
    """
    return _read(path)["parts"]


class Settings:
    """A part of a checkpoint that says what it is of; a training of other settings does not go on from it."""

    def __init__(self, **values: Any):
        self.values = values

    def state_dict(self) -> dict[str, Any]:
        """The settings by their names."""
        return dict(self.values)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Changes nothing; raises ValueError when the settings differ."""
        if state != self.values:
            raise ValueError(f"the checkpoint is of {_listed(state)}, not of {_listed(self.values)}")


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _read(path: Path | str) -> dict[str, Any]:
    arrays = mg.load(path)
    if _REST not in arrays:
        raise ValueError(f"{path} is not a checkpoint of a training")
    return _with_arrays(json.loads(arrays[_REST].tobytes()), arrays)


def _without_arrays(tree: Any, path: str, arrays: dict[str, Any]) -> Any:
    """The tree with the path of each array in its place; the arrays are put into arrays."""
    if is_array(tree):
        if path in arrays:
            raise ValueError(f"two arrays of the state are called {path}; names of parts have no '/'")
        arrays[path] = tree
        return {"array": path}
    if isinstance(tree, dict):
        return {"dict": {name: _without_arrays(value, f"{path}/{name}", arrays) for name, value in tree.items()}}
    if isinstance(tree, list):
        return [_without_arrays(value, f"{path}/{i}", arrays) for i, value in enumerate(tree)]
    return tree.item() if isinstance(tree, np.generic) else tree


def _with_arrays(tree: Any, arrays: dict[str, Any]) -> Any:
    """What ``_without_arrays`` was given."""
    if isinstance(tree, list):
        return [_with_arrays(value, arrays) for value in tree]
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[tree["array"]]
    return {name: _with_arrays(value, arrays) for name, value in tree["dict"].items()}
