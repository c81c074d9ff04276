"""Counts and times of a profile: on the right line, in the right column, and adding up."""

import importlib
import threading
import time

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.primitive import observers

profile_module = importlib.import_module("minigrad.inspect.profile")  # mg.inspect.profile is the class


@pytest.fixture(autouse=True)
def nothing_stays():
    """Whatever happens in a test, nobody looks on after it."""
    yield
    assert observers == []


class Clock:
    """Time that stands still unless it is told to pass."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        """Lets time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """The clock of all profiles."""
    clock = Clock()
    monkeypatch.setattr(profile_module, "perf_counter", clock)
    return clock


def slow_op(sleep, forward, backward, name="slow"):
    """Twice x, which takes so many seconds in each direction."""

    def op(x):
        sleep(forward)
        return 2.0 * x

    def rule(g, out, x):
        sleep(backward)
        return 2.0 * g

    op.__name__ = name
    op = mg.primitive(op)
    op.defvjps(rule)
    return op


def leaf(shape=(3,)):
    """A tensor of ones that requires gradients."""
    return mg.tensor(np.ones(shape, np.float32), requires_grad=True)


def figures(p):
    """Calls and seconds in both directions, by op."""
    return {
        row.op: (row.forward_calls, row.forward_seconds, row.backward_calls, row.backward_seconds) for row in p.rows
    }


# ---------------------------------------------------------------- counts and times


def test_calls_are_counted():
    x, y = leaf(), leaf()
    with mg.profile() as p:
        for _ in range(3):
            z = mg.tanh(x * y) + 1.0
            z.sum().backward()
        mg.tanh(x)
        mg.tanh(x.data)  # raw arrays make no graph
    counts = {row.op: (row.forward_calls, row.backward_calls) for row in p.rows}
    assert counts == {"mul": (3, 6), "tanh": (4, 3), "add": (3, 3), "sum": (3, 3)}


def test_times_stand_on_the_lines_of_their_ops_and_add_up(clock):
    slow, slower = slow_op(clock.sleep, 1.0, 2.0), slow_op(clock.sleep, 4.0, 8.0, "slower")
    x = leaf()
    with mg.profile() as p:
        clock.sleep(0.5)
        y = slower(slow(slow(x)))
        clock.sleep(0.25)
        y.sum().backward()
    assert figures(p) == {"slower": (1, 4.0, 1, 8.0), "slow": (2, 2.0, 2, 4.0), "sum": (1, 0.0, 1, 0.0)}
    assert [row.op for row in p.rows] == ["slower", "slow", "sum"]
    assert p.seconds == 18.75
    assert p.outside == 0.75


def test_what_a_rule_calls_is_counted_once(clock):
    inner = slow_op(clock.sleep, 1.0, 2.0, "inner")

    @mg.primitive
    def outer(x):
        clock.sleep(4.0)
        return 2.0 * x

    def rule(g, out, x):
        clock.sleep(8.0)
        return inner(g)

    outer.defvjps(rule)
    x = leaf(())
    with mg.profile() as p:
        mg.grad(outer(x), x, create_graph=True)
    assert figures(p) == {"outer": (1, 4.0, 1, 8.0), "inner": (1, 1.0, 0, 0.0)}
    assert p.outside == 0.0
    with p:
        mg.grad(outer(x), x)
    assert figures(p) == {"outer": (1, 4.0, 1, 9.0)}  # on raw arrays inner is a part of the rule


def test_an_op_within_an_op_is_counted_once(clock):
    inner = slow_op(clock.sleep, 1.0, 2.0, "inner")

    @mg.primitive
    def outer(x):
        clock.sleep(4.0)
        return inner(mg.Tensor(x)).data

    with mg.profile() as p:
        outer(leaf())
    assert figures(p) == {"outer": (1, 4.0, 0, 0.0), "inner": (1, 1.0, 0, 0.0)}
    assert p.seconds == 5.0


def test_what_happens_between_the_steps_of_a_walk_is_outside(clock):
    slow = slow_op(clock.sleep, 1.0, 2.0)
    y = slow(slow(leaf(())))
    with mg.profile() as p:
        for _ in mg.backward_steps(y):
            clock.sleep(16.0)
    assert figures(p) == {"slow": (0, 0.0, 2, 4.0)}
    assert p.outside == 32.0


def test_an_op_that_sleeps():
    slow = slow_op(time.sleep, 0.02, 0.04)
    start = time.perf_counter()
    with mg.profile() as p:
        mg.exp(slow(leaf())).sum().backward()
    whole = time.perf_counter() - start
    (row,) = (row for row in p.rows if row.op == "slow")
    assert row is p.rows[0]
    assert row.forward_seconds > 0.015  # clocks differ, and a busy machine sleeps longer
    assert row.backward_seconds > 0.035
    assert sum(row.seconds for row in p.rows) <= p.seconds <= whole
    assert p.outside == pytest.approx(p.seconds - sum(row.seconds for row in p.rows))


def test_parts_add_up_in_training():
    net = nn.MLP([2, 4, 1], nn.Tanh(), rng=0)
    optimizer = optim.Adam(net.parameters(), lr=1e-3)
    with mg.profile() as p:
        for _ in range(3):
            x = leaf((4, 2))
            optimizer.zero_grad()
            (g,) = mg.grad(net(x).sum(), x, create_graph=True)
            ((g * g).sum(dim=1) - 1.0).mean().backward()
            optimizer.step()
    assert all(row.forward_seconds >= 0.0 and row.backward_seconds >= 0.0 for row in p.rows)
    assert p.outside > 0.0
    assert sum(row.seconds for row in p.rows) + p.outside == pytest.approx(p.seconds)


@pytest.mark.parametrize(
    ("f", "made"),
    [
        (mg.exp, 4000),
        (mg.sum, 4),
        (lambda x: x.to(np.float64), 8000),
        (lambda x: mg.reshape(x, 10, 100), 0),
        (lambda x: x[::2], 0),
        (lambda x: x[::2][::2], 0),
        (lambda x: x[[0, 1]], 8),
        (lambda x: mg.broadcast_to(x, 3, 1000), 12000),
        (lambda x: mg.logsumexp(x.reshape(10, 100), dim=1), 40),
    ],
)
def test_bytes_are_those_of_new_arrays(f, made):
    with mg.profile() as p:
        f(leaf((1000,)))
    assert sum(row.made_bytes for row in p.rows) == made


# ---------------------------------------------------------------- what is printed


def test_the_table(clock, capsys):
    slow = slow_op(clock.sleep, 0.001, 0.0025)
    with mg.profile() as p:
        slow(leaf((250_000,))).sum().backward()
        clock.sleep(0.0015)
    expected = [
        "op           calls  forward ms  made MB  calls  backward ms  total ms   share",
        "slow             1        1.00     1.00      1         2.50      3.50   70.0%",
        "sum              1        0.00     0.00      1         0.00      0.00    0.0%",
        "all ops          2        1.00     1.00      2         2.50      3.50   70.0%",
        "outside ops                                                      1.50   30.0%",
        "in all                                                           5.00  100.0%",
    ]
    assert capsys.readouterr().out.splitlines() == expected
    assert str(p).splitlines() == expected


def test_the_table_of_a_notebook_has_the_same_cells():
    op = mg.primitive(lambda x: 2.0 * x)
    with mg.profile() as p:
        op(leaf())
    page = p._repr_html_()
    assert page.startswith("<table><tr><th>op</th><th>calls</th>")
    assert "<tr><td>&lt;lambda&gt;</td><td>1</td>" in page
    assert page.count("<tr>") == page.count("</tr>") == len(str(p).splitlines())


def test_nothing_is_printed_when_an_exception_leaves(capsys):
    p = mg.profile()
    with pytest.raises(ValueError, match="do not broadcast"), p:
        mg.exp(leaf()) + leaf((4,))
    assert capsys.readouterr().out == ""
    assert [row.op for row in p.rows] == ["exp"]


def test_a_profile_of_nothing(capsys):
    with mg.profile():
        pass
    assert capsys.readouterr().out.splitlines()[1].startswith("all ops")
    assert "in all" in str(mg.profile())


def test_while_it_is_open(clock, capsys):
    with mg.profile() as p:
        slow_op(clock.sleep, 1.0, 1.0)(leaf())
        clock.sleep(1.0)
        assert p.seconds == 2.0
        clock.sleep(2.0)
        assert p.seconds == 4.0
    clock.sleep(8.0)
    assert p.seconds == 4.0
    assert p.outside == 3.0


# ---------------------------------------------------------------- several


def test_opened_again_it_starts_anew():
    p = mg.profile()
    for op in (mg.exp, mg.tanh):
        with p:
            op(leaf())
        assert [row.op for row in p.rows] == [op.__name__]


def test_one_within_another():
    with mg.profile() as outer:
        mg.exp(leaf())
        with mg.profile() as inner:
            mg.exp(leaf()).sum().backward()
    assert {row.op: (row.forward_calls, row.backward_calls) for row in inner.rows} == {"exp": (1, 1), "sum": (1, 1)}
    assert {row.op: (row.forward_calls, row.backward_calls) for row in outer.rows} == {"exp": (2, 1), "sum": (1, 1)}


def test_one_within_itself_is_refused_and_goes_on():
    with mg.profile() as p:
        mg.exp(leaf())
        with pytest.raises(RuntimeError, match="running already"), p:
            pass
        mg.exp(leaf())
    assert p.rows[0].forward_calls == 2


def test_other_threads_are_not_counted():
    def work():
        mg.exp(leaf()).sum().backward()

    with mg.profile() as p:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        mg.tanh(leaf())
    assert [row.op for row in p.rows] == ["tanh"]
