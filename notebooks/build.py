"""Makes each notebook from its source: runs ``name.py``, in jupytext's percent format, and writes ``name.ipynb``.

python notebooks/build.py [name ...]             all notebooks, or those named
python notebooks/build.py --check [name ...]     runs them and writes nothing; fails where one is out of step

A name is such as 01_derivatives_to_tensors, or solutions/06_gradient_checking.

What changes from run to run is left out, so that a notebook changes only where its source or its results do.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

# Decides where jupyter_core looks for its files, and silences its warning that the answer is going to change.
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")

import jupytext
import nbformat
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent

#: The seconds that a cell may take, and in the tests a whole notebook; a class does not wait longer.
TIME_LIMIT = 120

#: The same for every notebook, whichever Python it was run with.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b", re.IGNORECASE)
_UNIQUE_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-f])")


def sources() -> list[Path]:
    """The sources, in the order in which they are taught, and then the solutions of their exercises."""
    lessons = (path for path in FOLDER.glob("*.py") if path != Path(__file__).resolve())
    return [*sorted(lessons), *sorted(FOLDER.glob("solutions/*.py"))]


def name_of(source: Path) -> str:
    """The path in the folder of the notebooks, with no suffix."""
    return source.relative_to(FOLDER).with_suffix("").as_posix()


def read_source(source: Path) -> NotebookNode:
    """The notebook that a source describes, without outputs."""
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"  # jupytext draws them at random
        cell.metadata.pop("lines_to_next_cell", None)  # which is for writing the source again
    return notebook


def read_notebook(source: Path) -> NotebookNode:
    """The notebook that stands beside a source."""
    return nbformat.reads(source.with_suffix(".ipynb").read_text(encoding="utf-8"), as_version=4)


# ---------------------------------------------------------------- running


def execute(notebook: NotebookNode) -> None:
    """Fills in the outputs, in a kernel of the interpreter that runs this, in the folder of the notebooks.

    Raises:
        nbclient.exceptions.CellExecutionError: when a cell raises an error.
        nbclient.exceptions.CellTimeoutError: when a cell takes longer than TIME_LIMIT.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # A fresh IPython folder leaves out the user's start-up files, and leaves the user's history alone.
        env = {"IPYTHONDIR": folder, "MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYTHONHASHSEED": "0"}
        quiet = ["--HistoryManager.enabled=False", "--log-level=ERROR"]
        spec = KernelSpec(**get_kernel_dict(quiet), env=env)

        class ThisInterpreter(AsyncKernelManager):
            kernel_spec = spec  # and not the kernel that happens to be installed under the name python3

        NotebookClient(
            notebook,
            timeout=TIME_LIMIT,
            kernel_manager_class=ThisInterpreter,
            resources={"metadata": {"path": str(FOLDER)}},
            coalesce_streams=True,
            record_timing=False,
            shutdown_kernel="immediate",
        ).execute()


def tidy(notebook: NotebookNode) -> None:
    """Takes out what changes from run to run: addresses, random ids, and widgets, which need a kernel to live in."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_tidy_output, cell.outputs) if output is not None]


def _tidy_output(output: NotebookNode) -> NotebookNode | None:
    if output.output_type == "stream":
        output.text = _ADDRESS.sub("0x...", output.text)
    data = output.get("data", {})
    is_widget = data.pop("application/vnd.jupyter.widget-view+json", None) is not None
    if is_widget and set(data) <= {"text/plain"}:
        return None  # nothing but the name of the widget is left
    output.get("metadata", {}).pop("application/vnd.jupyter.widget-view+json", None)
    if "text/plain" in data:
        data["text/plain"] = _ADDRESS.sub("0x...", data["text/plain"])
    if "text/html" in data:
        data["text/html"] = _numbered_ids(data["text/html"])
    return output


def _numbered_ids(html: str) -> str:
    """Random ids, such as those that matplotlib's animations have, replaced by 1, 2, ..."""
    seen: dict[str, str] = {}
    return _UNIQUE_ID.sub(lambda match: seen.setdefault(match[0], f"id{len(seen) + 1}"), html)


# ---------------------------------------------------------------- what is wrong with a notebook


def problems(source: Path) -> list[str]:
    """Why the notebook beside a source cannot stay as it is; nothing, if it can."""
    name = source.with_suffix(".ipynb").name
    if not source.with_suffix(".ipynb").exists():
        return [f"{name} does not exist"]
    here, there = read_source(source), read_notebook(source)
    found = []
    if _cells(here) != _cells(there):
        changed = [i for i, (a, b) in enumerate(zip(_cells(here), _cells(there), strict=False)) if a != b]
        first = changed[0] if changed else min(len(here.cells), len(there.cells))
        found.append(f"{name} is out of step with {source.name}, from cell {first} on")
    for i, cell in enumerate(there.cells):
        if cell.cell_type != "code":
            continue
        if cell.execution_count is None:
            found.append(f"{name}: cell {i} was not run")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{name}: cell {i} shows an error, {output.ename}")
            if output.get("name") == "stderr":
                found.append(f"{name}: cell {i} shows a warning: {output.text.strip()}")
    return found


def _cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


# ---------------------------------------------------------------- the command


def main(arguments: list[str] | None = None) -> int:
    """Builds or checks; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="such as 01_derivatives_to_tensors; all if left out")
    parser.add_argument("--check", action="store_true", help="run, but write nothing; fail where out of step")
    options = parser.parse_args(arguments)

    by_name = {name_of(source): source for source in sources()}
    names = [_without_folder_and_suffix(name) for name in options.names] or list(by_name)
    if unknown := [name for name in names if name not in by_name]:
        parser.error(f"there is no notebook {', '.join(unknown)}; there is {', '.join(by_name)}")

    found = []
    for name in names:
        source, start = by_name[name], time.perf_counter()
        notebook = read_source(source)
        try:
            execute(notebook)
        except CellExecutionError as error:
            found.append(f"{name}: {error}")
            continue
        tidy(notebook)
        if not options.check:
            text = nbformat.writes(notebook) + "\n"
            source.with_suffix(".ipynb").write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}: {time.perf_counter() - start:.0f} s")
        found += problems(source)
    for problem in found:
        print(problem)
    return 1 if found else 0


def _without_folder_and_suffix(name: str) -> str:
    return Path(name).with_suffix("").as_posix().removeprefix("notebooks/")


if __name__ == "__main__":
    sys.exit(main())
