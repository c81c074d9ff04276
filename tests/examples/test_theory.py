"""The example of the theory: all holds, README shows what it prints, what is missing or wrong is said in one line."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
NUMBER = r"(-?\d+\.\d{6})"
ROW = re.compile(
    rf"^  (?P<text>.{{56}})\s*{NUMBER} +(?P<relation>=|<=?) +{NUMBER} +\S+  (?P<verdict>holds|FAILS)$", re.M
)
ERRATUM = re.compile(rf"^  (?P<printed>\S.{{57}})\s*{NUMBER}\s*{NUMBER}\s*{NUMBER}\n    -> (?P<right>.+)$", re.M)
TRAINED = ("trained D", "at no time", "at the end")  # whose last digits depend on the processor


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("theory_example", ROOT / "examples" / "theory.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(example, tmp_path_factory):
    """The folder, the exit status and what was printed."""
    out = tmp_path_factory.mktemp("theory") / "new"
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr("builtins.print", lambda *texts, **options: lines.append(" ".join(map(str, texts))))
        status = example.main(["--out", str(out)])
    return out, status, "\n".join(lines)


@pytest.fixture
def needs_scipy():
    pytest.importorskip("scipy", reason="SciPy is not installed: pip install -e .[theory]")


def test_all_holds(run, needs_scipy):
    _, status, shown = run
    assert status == 0
    assert re.search(r"^39 of 39 statements hold, 19 of 19 errors are exposed; \d+\.\d seconds", shown, re.M)
    assert shown.isascii()


def test_a_picture_for_each_group(run, example, needs_scipy):
    out, _, _ = run
    assert {path.stem for path in out.glob("*.png")} == {group.__name__ for group in example.GROUPS}
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert all(row["holds"] for row in summary["statements"].values())
    assert summary["seconds"] < 60.0


def numbers(match):
    return [float(group) for group in match.groups() if re.fullmatch(NUMBER, group)]


@pytest.mark.parametrize("pattern", [ROW, ERRATUM], ids=["statements", "errata"])
def test_readme_shows_what_it_prints(run, pattern, needs_scipy):
    printed, shown = (
        list(pattern.finditer(text)) for text in (run[2], (ROOT / "README.md").read_text(encoding="utf-8"))
    )
    assert [m.groupdict() for m in printed] == [m.groupdict() for m in shown]
    assert len(printed) == {ROW: 39, ERRATUM: 19}[pattern]
    for mine, theirs in zip(printed, shown, strict=True):
        error = 0.03 if mine[1].startswith(TRAINED) else 2.1e-6
        assert numbers(mine) == pytest.approx(numbers(theirs), abs=error), mine[1]


def test_a_statement_that_fails_is_seen(example, monkeypatch, tmp_path, capsys):
    wrong = example.Statement("two is one", 2.0, 1.0)

    def group(rng, figure):
        """A group"""
        return [wrong]

    monkeypatch.setattr(example, "GROUPS", (group,))
    monkeypatch.setattr(example.errata, "ERRATA", ())
    assert example.main(["--out", str(tmp_path)]) == 1
    assert "FAILS" in capsys.readouterr().out


def test_without_scipy_the_rest_is_checked(example, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(example, "GROUPS", (example.two_losses, example.wasserstein))
    monkeypatch.setattr(example.errata, "ERRATA", ())
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert example.main(["--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "The Wasserstein distance: not checked, optimal_transport needs SciPy: python -m pip install scipy" in shown
    assert "4 of 4 statements hold" in shown


@pytest.mark.parametrize("seed", ["-1", "x"])
def test_a_wrong_seed(example, tmp_path, capsys, seed):
    try:
        status = example.main(["--out", str(tmp_path), "--seed", seed])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert "seed" in capsys.readouterr().err.splitlines()[-1]


def test_another_seed(example, needs_scipy):
    """The statements do not hold by the luck of one seed."""
    for group in (example.best_discriminator, example.descent_on_q, example.wasserstein):
        assert all(s.holds for s in example.check(group, seed=5))
