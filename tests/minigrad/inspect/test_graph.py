"""mg.graph: which boxes and edges stand for a result, what is in them, and what folding leaves."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.inspect.folding import folded_calls
from minigrad.inspect.nodes import nodes_behind


def lines(graph):
    """What the graph prints, with single spaces."""
    return [" ".join(line.split()) for line in repr(graph).splitlines()]


def connections(graph):
    """The edges as pairs of names."""
    return [(graph.boxes[edge.source].name, graph.boxes[edge.target].name) for edge in graph.edges]


def kinds(graph):
    return {box.name: box.kind for box in graph.boxes}


def perceptron():
    x, w, b = mg.tensor(2.0), mg.tensor(0.5, requires_grad=True), mg.tensor(-0.4, requires_grad=True)
    u = w * x
    y = mg.tanh(u + b)
    return {"x": x, "w": w, "b": b, "u": u, "y": y}


# ---------------------------------------------------------------- boxes


def test_a_perceptron_in_the_terminal():
    names = perceptron()
    assert repr(mg.graph(names["y"], names=names)) == (
        "w              0.5     learns\n"
        "x              2       data\n"
        "b              -0.4    learns\n"
        "u = w * x      1\n"
        "v1 = u + b     0.6\n"
        "y = tanh(v1)   0.537"
    )


def test_names_are_those_of_the_callers_variables():
    weight = mg.tensor(3.0, requires_grad=True)
    squared = weight * weight
    assert kinds(mg.graph(squared)) == {"weight": "learns", "squared": "result"}


def test_each_argument_has_its_edge_and_says_which_it_is():
    x = mg.tensor(3.0, requires_grad=True)
    y = x * x + x
    graph = mg.graph(y)
    assert connections(graph) == [("x", "v1"), ("x", "v1"), ("v1", "y"), ("x", "y")]
    assert [edge.argument for edge in graph.edges] == [0, 1, 0, 1]


def test_numbers_stand_in_the_expression_and_arrays_in_boxes():
    x, scale = mg.tensor(np.ones((2, 3)), requires_grad=True), np.full((2, 3), 2.0)
    y = (scale * x - 1.5) / np.arange(1.0, 7.0).reshape(2, 3)
    graph = mg.graph(y)
    assert [box.expression for box in graph.boxes] == ["", "", "", "scale * x", "v1 - 1.5", "v2 / array(2, 3)"]
    assert {name for name, kind in kinds(graph).items() if kind == "data"} == {"scale", "array(2, 3)"}


def test_leaves_that_learn_are_told_from_those_that_do_not():
    learning, given, frozen = mg.tensor(1.0, requires_grad=True), mg.tensor(2.0), nn.Parameter(np.ones(6), False)
    y = (learning * given * frozen).sum()
    assert kinds(mg.graph(y)) | {"v1": "", "v2": ""} == {
        "learning": "learns",
        "given": "data",
        "frozen": "data",
        "v1": "",
        "v2": "",
        "y": "result",
    }


def test_the_gradient_of_a_leaf_is_shown_once_it_is_there():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    w = mg.tensor(np.ones((3, 2)), requires_grad=True)
    y = (w @ (x * x)).sum()
    assert "grad" not in repr(mg.graph(y))
    y.backward()
    printed = lines(mg.graph(y))
    assert "x (2,) [1, 2] learns, grad [6, 12]" in printed
    assert "w (3, 2) learns, grad from 1 to 4" in printed


def test_parameters_carry_the_names_that_their_module_has_for_them():
    net = nn.MLP([2, 3, 1], nn.Tanh(), rng=0)
    loss = F.mse_loss(net(np.zeros((4, 2), np.float32)), np.zeros((4, 1), np.float32))
    assert [name for name, kind in kinds(mg.graph(loss)).items() if kind == "learns"] == [
        "net.0.weight",
        "net.0.bias",
        "net.2.weight",
        "net.2.bias",
    ]


def test_of_several_outputs_what_the_first_one_does_not_need_stands_out():
    x = mg.tensor(0.5, requires_grad=True)
    y = mg.tanh(x)
    (slope,) = mg.grad(y, x, create_graph=True)
    assert kinds(mg.graph([y, slope])) == {"x": "learns", "y": "result", "v1": "later", "v2": "later", "slope": "later"}
    assert "later" not in kinds(mg.graph(slope)).values()


def test_a_tensor_that_was_not_computed_is_a_graph_of_one_box():
    x = mg.tensor([1.0, 2.0])
    assert lines(mg.graph(x)) == ["x (2,) [1, 2] data"]
    ElementTree.fromstring(mg.graph(x).svg())


def test_nothing_is_computed_and_no_gradient_is_left():
    x = mg.tensor(2.0, requires_grad=True)
    y = x * x
    mg.graph(y).svg()
    assert x.grad is None
    assert y.data == 4.0


@pytest.mark.parametrize("y", [1.0, np.ones(2), [1.0], "y"])
def test_what_is_no_tensor_is_refused(y):
    with pytest.raises(TypeError, match=r"^graph: .*tensor"):
        mg.graph(y)


def test_no_tensor_at_all_is_refused():
    with pytest.raises(ValueError, match=r"^graph: y is an empty list, give it one tensor at least$"):
        mg.graph([])


# ---------------------------------------------------------------- folding


def mlp_loss():
    net = nn.MLP([2, 3, 1], nn.Tanh(), rng=0)
    x, target = np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32)
    y = net(x)
    return {"net": net, "x": x, "target": target, "y": y, "loss": F.mse_loss(y, target)}


def test_a_folded_module_is_one_box_with_its_parameters():
    names = mlp_loss()
    graph = mg.graph(names["loss"], fold=True, names=names)
    assert lines(graph) == [
        "x (4, 2) data",
        "target (4, 1) [[0], [0], [0], [0]] data",
        f"y = net(x) {lines(graph)[2].removeprefix('y = net(x) ')}",
        f"loss = mse_loss(y, target, reduction=mean) {names['loss'].item():.4g}",
    ]
    (box,) = (box for box in graph.boxes if box.kind == "module")
    assert box.lines[0] == "net: MLP"
    assert box.lines[2] == "13 parameters"
    assert connections(graph) == [("x", "y"), ("y", "loss"), ("target", "loss")]


def test_some_modules_can_be_folded_and_others_not():
    names = mlp_loss()
    graph = mg.graph(names["loss"], fold=names["net"][0], names=names)
    assert [box.title for box in graph.boxes if box.kind == "module"] == ["net.0: Linear"]
    assert {"net.2.weight", "net.2.bias"} <= kinds(graph).keys()
    assert not {"net.0.weight", "net.0.bias"} & kinds(graph).keys()
    both = mg.graph(names["loss"], fold=[names["net"][0], names["net"][2]], names=names)
    assert [box.title for box in both.boxes if box.kind == "module"] == ["net.0: Linear", "net.2: Linear"]


def test_a_network_within_a_network_is_inside():
    G, D = nn.MLP([2, 3, 1], nn.Tanh(), rng=0), nn.MLP([1, 3, 1], nn.Tanh(), rng=1)
    z = np.ones((4, 2), np.float32)
    score = D(G(z)).sum()
    graph = mg.graph(score, fold=True)
    assert [box.title for box in graph.boxes if box.kind == "module"] == ["G: MLP", "D: MLP"]
    assert len(graph.edges) == 3

    both = nn.Sequential(G, D)
    score = both(z).sum()
    graph = mg.graph(score, fold=True)
    assert [box.title for box in graph.boxes if box.kind == "module"] == ["both: Sequential"]
    assert [call.module for call in folded_calls(nodes_behind([score]), True)] == [both]


def test_what_a_module_uses_several_times_goes_into_it_once():
    class Cube(nn.Module):
        def forward(self, x):
            return x * x * x

    cube, x = Cube(), mg.tensor(2.0, requires_grad=True)
    y = cube(x)
    z = y * y
    assert connections(mg.graph(z, fold=True)) == [("x", "y"), ("y", "z"), ("y", "z")]


def test_a_module_that_is_called_twice_is_two_boxes_and_says_so():
    D, x = nn.Linear(1, 1, rng=0), np.ones((4, 1), np.float32)
    y = (D(x) + D(D(x))).sum()
    graph = mg.graph(y, fold=True)
    folded = [box for box in graph.boxes if box.kind == "module"]
    assert [box.title for box in folded] == ["D: Linear"] * 3
    assert {box.parameters for box in folded} == {"2 parameters, shared"}
    assert not any("weight" in box.name for box in graph.boxes)


def test_a_weight_that_is_also_used_outside_of_the_module_stays_visible():
    net, x = nn.Linear(2, 1, bias=False, rng=0), np.ones((4, 2), np.float32)
    loss = net(x).sum() + (net.weight**2).sum()
    graph = mg.graph(loss, fold=True)
    assert ("net.weight", "v1") in connections(graph)
    assert [source for source, _ in connections(graph)].count("net.weight") == 2


def test_a_weight_that_two_modules_share_stays_visible():
    first, second = nn.Linear(2, 2, bias=False, rng=0), nn.Linear(2, 2, bias=False, rng=0)
    second.weight = first.weight
    x = np.ones((4, 2), np.float32)
    y = second(first(x))
    assert connections(mg.graph(y, fold=True)).count(("first.weight", "y")) == 1
    assert kinds(mg.graph(y, fold=True))["first.weight"] == "learns"


def test_an_argument_stays_outside_even_where_only_the_module_uses_it():
    net, x = nn.Linear(2, 1, rng=0), mg.tensor(np.ones((4, 2)), requires_grad=True)
    y = net(x * 2.0)
    z = net(x)
    assert kinds(mg.graph(y, fold=True)) == {"x": "learns", "v1": "result", "y": "module"}
    assert kinds(mg.graph(z, fold=True)) == {"x": "learns", "z": "module"}


def test_a_module_that_hands_its_argument_on_does_not_hide_what_made_it():
    drop, x = nn.Dropout().eval(), mg.tensor(np.ones(6), requires_grad=True)
    y = drop(x * 2.0)
    assert kinds(mg.graph(y, fold=True)) == {"x": "learns", "y": "result"}


def test_a_gradient_penalty_of_a_folded_network():
    """The gradient uses results and weights from within the network, which is seen by another call of it besides."""
    D, real = nn.MLP([2, 3, 1], nn.Tanh(), rng=0), np.ones((4, 2), np.float32)
    between = mg.tensor(np.ones((4, 2), np.float32), requires_grad=True)
    (slope,) = mg.grad(D(between).sum(), between, create_graph=True)
    loss = (slope**2).sum() - D(real).mean()
    graph = mg.graph(loss, fold=True)
    titles = [box.title for box in graph.boxes if box.kind == "module"]
    assert titles == ["D.0: Linear", "D.1: Tanh", "D: MLP"]  # the last layer's result is not behind the slope
    assert {"D.0.weight", "D.2.weight"} <= kinds(graph).keys()
    assert "D.2.bias" not in kinds(graph)
    assert ("D.0.weight", "slope") in connections(graph)
    ElementTree.fromstring(graph.svg())
    assert graph.animate().moments[-1].edge is not None


def test_one_parameter():
    scale, x = nn.Linear(1, 1, bias=False, rng=0), np.ones((4, 1), np.float32)
    y = scale(x)
    assert mg.graph(y, fold=True).boxes[-1].parameters == "1 parameter"


def test_what_is_handed_on_does_not_hold_itself():
    drop, x = nn.Dropout().eval(), mg.tensor(np.ones(6), requires_grad=True)
    assert drop(x * 2.0).calls is None


def test_an_argument_given_by_name_is_outside():
    class Shift(nn.Module):
        def forward(self, x, by):
            return mg.tanh(x + by)

    shift, x = Shift(), mg.tensor(np.ones(6), requires_grad=True)
    y = shift(x, by=x * 2.0)
    assert kinds(mg.graph(y, fold=True)) == {"x": "learns", "v1": "result", "y": "module"}


def test_a_module_that_is_gone_has_the_name_of_its_class():
    x = np.ones((4, 2), np.float32)
    y = nn.Linear(2, 1, rng=0)(x)
    (box,) = (box for box in mg.graph(y, fold=True).boxes if box.kind == "module")
    assert box.title == "Linear"


def test_what_cannot_be_folded_is_refused():
    names = mlp_loss()
    for fold, got in ((["net"], "'net'"), ("net", "'net'"), (nn.Linear, "the class Linear"), (None, "None")):
        with pytest.raises(TypeError, match=rf"^graph: fold is True, a module or a list of modules, got {got}$"):
            mg.graph(names["loss"], fold=fold)
    with pytest.raises(ValueError, match=r"^graph: no result of Linear to fold"):
        mg.graph(names["loss"], fold=nn.Linear(2, 2))


# ---------------------------------------------------------------- text for other programs

HOSTILE = [
    'a"b',
    "x]y",
    "{z}",
    "<b>",
    "a&amp;b",
    "#35;",
    "`t`",
    "1. l",
    "- d",
    "b\\",
    "a|b",
    "%%c",
    '"];n0-->n1',
    "a;b",
]


def hostile_graph():
    leaves = {name: mg.tensor(1.0, requires_grad=True) for name in HOSTILE}
    return mg.graph(list(leaves.values()), names=leaves)


def test_mermaid():
    x = mg.tensor(3.0, requires_grad=True)
    y = x * x
    text = mg.graph(y).mermaid()
    assert text.splitlines()[:5] == [
        "flowchart LR",
        '    n0["x<br/>3"]:::learns',
        '    n1["y = x #42; x<br/>9"]:::result',
        "    n0 --> n1",
        "    n0 --> n1",
    ]
    assert "classDef learns fill:#" in text


def test_names_are_only_text_for_mermaid():
    drawn = hostile_graph().mermaid()
    labels = re.findall(r'^    n\d+\["(.*)"\]:::\w+$', drawn, re.MULTILINE)
    assert len(labels) == len(HOSTILE)
    for name, label in zip(HOSTILE, labels, strict=True):
        assert re.fullmatch(r"([\w ,.()=]|#\d+;)*<br/>1", label)
        assert re.sub(r"#(\d+);", lambda code: chr(int(code[1])), label.removesuffix("<br/>1")) == name


def test_dot():
    x = mg.tensor(3.0, requires_grad=True)
    y = x * x
    text = mg.graph(y).dot()
    assert re.fullmatch(
        r'digraph \{\n    node \[.*\]\n    n0 \[label="x\\n3", .*\]\n    n1 \[label="y = x \* x\\n9", .*\]\n'
        r"    n0 -> n1\n    n0 -> n1\n\}\n",
        text,
    )


def test_names_are_only_text_for_graphviz():
    drawn = hostile_graph().dot()
    labels = re.findall(
        r'^    n\d+ \[label="((?:[^"\\]|\\.)*)", fillcolor="#\w+", color="#\w+"\]$', drawn, re.MULTILINE
    )
    assert len(labels) == len(HOSTILE)
    for name, label in zip(HOSTILE, labels, strict=True):
        read = label.removesuffix(r"\n1").replace(r"\"", '"').replace(r"\\", "\\").replace("&amp;", "&")
        assert read == name


# ---------------------------------------------------------------- pictures and files


def test_a_notebook_draws_it():
    x = mg.tensor(3.0, requires_grad=True)
    y = x * x + x
    picture = ElementTree.fromstring(mg.graph(y)._repr_svg_())
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["x", "3", "v1 = x * x", "9", "y = v1 + x", "12"]
    assert len(picture.findall("*[@data-arrow]")) == 4


def test_long_arguments_are_left_to_the_edges_and_long_values_to_the_text():
    a_rather_long_name = mg.tensor([1234.5, -1234.5, 1e-10, 0.12345], requires_grad=True)
    another_long_name = mg.tensor([1.0, 1.0, 1.0, 1.0])
    y = mg.maximum(a_rather_long_name, another_long_name)
    assert mg.graph(y).boxes[0].lines == ["a_rather_long_name", "(4,)"]
    assert mg.graph(y).boxes[2].lines == ["y = maximum(...)", "(4,) [1.23e+03, 1, 1, 1]"]
    assert "(4,) [1.23e+03, -1.23e+03, 1e-10, 0.123]" in repr(mg.graph(y))
    assert "y = maximum(a_rather_long_name, another_long_name)" in repr(mg.graph(y))


def chain(length):
    y = mg.tensor(1.0, requires_grad=True)
    for _ in range(length):
        y = y + 1.0
    return y


def test_a_graph_of_thousands_is_text_and_not_drawn():
    graph = mg.graph(chain(5000), names={})
    assert len(lines(graph)) == 5001
    assert graph.dot().count("->") == graph.mermaid().count("-->") == 5000
    assert graph._repr_svg_() is None
    for draw in (graph.svg, graph.animate):
        with pytest.raises(ValueError, match=r"^graph: 5001 boxes are too many to draw, 300 at most: fold modules"):
            draw()


def test_hundreds_are_drawn():
    ElementTree.fromstring(mg.graph(chain(299), names={}).svg())


@pytest.mark.parametrize(
    ("suffix", "method"), [(".svg", "svg"), (".mmd", "mermaid"), (".dot", "dot"), (".txt", "__repr__")]
)
def test_it_is_saved_as_what_the_name_says(tmp_path, suffix, method):
    graph = hostile_graph()
    graph.save(str(tmp_path / f"graph{suffix}"))
    assert (tmp_path / f"graph{suffix}").read_text(encoding="utf-8").strip() == getattr(graph, method)().strip()


def test_another_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^graph: a file ends in .svg, .mmd, .dot, .txt, got 'graph.png'$"):
        hostile_graph().save(tmp_path / "graph.png")
