"""What README shows is what happens."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import minigrad as mg

README = Path(__file__).parents[1] / "README.md"
#: Each piece of Python, with what stands after it as its output, if anything does.
PIECES = re.findall(r"```python\n(.*?)```(?:\n\n```\n(.*?)```)?", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def printed():
    """What each piece prints, run one after the other as a reader would."""
    names, outputs = {"primitive": mg.primitive}, []
    for code, _ in PIECES:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(code, names)
        outputs.append(output.getvalue())
    return outputs


def test_the_pieces_are_found():
    assert len(PIECES) >= 4
    assert sum(bool(expected) for _, expected in PIECES) >= 2


@pytest.mark.parametrize("number", [i for i, (_, expected) in enumerate(PIECES) if expected])
def test_a_piece_prints_what_stands_below_it(printed, number):
    assert printed[number] == PIECES[number][1]


def test_the_network_learns_xor(printed):
    (numbers,) = re.findall(r"\[(.*?)\]", printed[0])
    assert [round(float(n)) for n in numbers.split()] == [0, 1, 1, 0]
