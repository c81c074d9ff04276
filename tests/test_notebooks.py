"""Each notebook is what its source says, was run without an error, and still runs."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

for needed in ("jupytext", "nbformat", "nbclient", "ipykernel"):
    pytest.importorskip(needed, reason=f"{needed} is not installed: pip install -e .[test]")

FOLDER = Path(__file__).parents[1] / "notebooks"


def _load_build():
    spec = importlib.util.spec_from_file_location("notebooks_build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _load_build()
each_notebook = pytest.mark.parametrize("source", build.sources(), ids=build.name_of)


def test_there_are_notebooks():
    assert build.sources()


@each_notebook
def test_in_step_with_its_source(source):
    assert not build.problems(source)


@each_notebook
def test_small_enough_to_commit(source):
    assert source.with_suffix(".ipynb").stat().st_size < 1_000_000


def test_every_notebook_has_a_source():
    notebooks = [*FOLDER.glob("*.ipynb"), *FOLDER.glob("solutions/*.ipynb")]
    assert {build.name_of(notebook) for notebook in notebooks} == {build.name_of(source) for source in build.sources()}


def _run(source: Path, folder: Path) -> subprocess.CompletedProcess:
    # A process of its own keeps the sockets, event loops and deprecations of Jupyter out of this one, where every
    # warning is an error.
    command = [sys.executable, str(FOLDER / "build.py"), "--check", build.name_of(source)]
    folder.mkdir(parents=True)
    own = {"PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1", **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
    env = {name: value for name, value in {**os.environ, **own}.items() if name != "DISPLAY"}
    return subprocess.run(
        command, env=env, timeout=build.TIME_LIMIT, capture_output=True, encoding="utf-8", errors="replace"
    )


@pytest.fixture(scope="module")
def run(request, tmp_path_factory):
    """Runs a notebook; those that are asked for run two at a time, the last and longest first."""
    folder = tmp_path_factory.mktemp("notebooks")
    alone = "PYTEST_XDIST_WORKER" in os.environ  # where tests themselves are run beside each other
    items = [] if alone else [item for item in request.session.items if item.name.startswith("test_runs[")]
    with ThreadPoolExecutor(2) as pool:
        started = {
            source: pool.submit(_run, source, folder / build.name_of(source))
            for source in reversed([item.callspec.params["source"] for item in items])
        }
        yield (
            lambda source: (
                started[source].result() if source in started else _run(source, folder / build.name_of(source))
            )
        )


@each_notebook
def test_runs(run, source):
    result = run(source)
    assert result.returncode == 0, result.stdout + result.stderr


# ---------------------------------------------------------------- build.py itself


def _notebook(*outputs):
    code = build.nbformat.v4.new_code_cell("x", outputs=list(outputs), execution_count=1)
    return build.nbformat.v4.new_notebook(cells=[code], metadata={"widgets": {"state": {}}})


def _display(**data):
    data = {name.replace("__", "/"): value for name, value in data.items()}
    return build.nbformat.v4.new_output("display_data", data=data)


def _widget(**data):
    output = _display(**data)
    output.data["application/vnd.jupyter.widget-view+json"] = {"model_id": "4f008671af7749a1b35a7740829e7475"}
    return output


def test_tidy_leaves_out_widgets():
    notebook = _notebook(_widget(text__plain="IntSlider(value=0)"))
    build.tidy(notebook)
    assert notebook.cells[0].outputs == []
    assert notebook.metadata == build.METADATA


def test_tidy_keeps_the_html_of_a_widget():
    notebook = _notebook(_widget(text__plain="Player()", text__html="<b>frame</b>"))
    build.tidy(notebook)
    assert notebook.cells[0].outputs[0].data == {"text/plain": "Player()", "text/html": "<b>frame</b>"}


def test_tidy_replaces_addresses_and_random_ids():
    first, second = "4f008671af7749a1b35a7740829e7475", "8545352a-7f53-42fb-b0f0-4df0c48bd27e"
    notebook = _notebook(
        build.nbformat.v4.new_output("stream", text="<object at 0x7f1c2a3b4d50>\n"),
        _display(text__plain="<f at 0x7F1C2A3B4D50>", text__html=f"<p id='p{second}'>{second}, {first}</p>"),
    )
    build.tidy(notebook)
    stream, display = notebook.cells[0].outputs
    assert stream.text == "<object at 0x...>\n"
    assert display.data == {"text/plain": "<f at 0x...>", "text/html": "<p id='pid1'>id1, id2</p>"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cells: cells.pop(), "out of step with 01_x.py, from cell 1 on"),
        (lambda cells: cells[0].update(source="other"), "out of step with 01_x.py, from cell 0 on"),
        (lambda cells: cells[1].update(execution_count=None), "cell 1 was not run"),
        (
            lambda cells: cells[1].outputs.append(build.nbformat.v4.new_output("error", ename="KeyError")),
            "cell 1 shows an error, KeyError",
        ),
        (
            lambda cells: cells[1].outputs.append(
                build.nbformat.v4.new_output("stream", name="stderr", text="careful\n")
            ),
            "cell 1 shows a warning: careful",
        ),
    ],
)
def test_problems_are_found(tmp_path, change, message):
    source = tmp_path / "01_x.py"
    source.write_text("# %% [markdown]\n# text\n\n# %%\n1 + 1\n", encoding="utf-8")
    assert build.problems(source) == ["01_x.ipynb does not exist"]
    notebook = build.read_source(source)
    notebook.cells[1].execution_count = 1
    _write(source, notebook)
    assert build.problems(source) == []
    change(notebook.cells)
    _write(source, notebook)
    assert build.problems(source) == [f"01_x.ipynb{' is' if 'step' in message else ':'} {message}"]


def _write(source, notebook):
    source.with_suffix(".ipynb").write_text(build.nbformat.writes(notebook), encoding="utf-8")


@pytest.mark.parametrize(
    "argument", ["06_gradient_checking", "06_gradient_checking.py", "notebooks/06_gradient_checking.ipynb"]
)
def test_a_notebook_is_named_with_or_without_folder_and_suffix(argument, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(build, "execute", ran.append)
    monkeypatch.setattr(build, "problems", lambda source: [build.name_of(source)])
    assert build.main(["--check", argument]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "06_gradient_checking"
    assert len(ran) == 1
