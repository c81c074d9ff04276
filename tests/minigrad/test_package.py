"""What `import minigrad` brings along, and what waits until it is asked for."""

import subprocess
import sys

import pytest

import minigrad

TOOLS = [name for names in minigrad._TOOLS.values() for name in names]


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60)


def test_nothing_is_imported_that_the_engine_does_not_need():
    code = "import sys, minigrad; print([m for m in sys.modules if m.split('.')[0] in ('matplotlib', 'tqdm', 'PIL')"
    code += " or m.startswith(('minigrad.inspect', 'minigrad.checking'))])"
    result = python(code)
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_there_when_it_is_asked_for(name):
    assert name in dir(minigrad)
    assert callable(getattr(minigrad, name))


def test_a_tool_stays_what_it_is_once_its_module_is_imported():
    code = "import minigrad.checking.gradcheck, minigrad.inspect.graph, minigrad as mg; from minigrad import profile\n"
    code += "print(callable(mg.gradcheck), callable(mg.graph), callable(profile), mg.inspect.graph is mg.graph)"
    result = python(code)
    assert result.stdout.split() == ["True"] * 4, result.stderr
