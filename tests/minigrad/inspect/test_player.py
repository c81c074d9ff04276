"""The player: what it shows is what the engine does, the last moment is the whole, and the page needs nothing else."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn

SVG = "{http://www.w3.org/2000/svg}"


def square_and_more():
    x = mg.tensor(3.0, requires_grad=True)
    v = x * x
    y = v + x
    return {"x": x, "v": v, "y": y}


def player_of(tensors, name="y", gradient=None, **settings):
    return mg.graph(tensors[name], names=tensors, **settings).animate(gradient)


def three_layers_with_a_shared_weight():
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(4, 3)), mg.tensor(rng.normal(size=(3, 3)), requires_grad=True)
    h1 = mg.tanh(x @ W)
    h2 = mg.tanh(h1 @ W)
    loss = F.mse_loss(h2 @ W, x)
    return {"x": x, "W": W, "h1": h1, "h2": h2, "loss": loss}


def two_networks():
    G, D = nn.MLP([2, 3, 1], nn.Tanh(), rng=0), nn.MLP([1, 3, 1], nn.Tanh(), rng=1)
    z = np.ones((5, 2), np.float32)
    fake = G(z)
    return {"G": G, "D": D, "z": z, "fake": fake, "y": mg.softplus(-D(fake)).mean()}


def read(page):
    """The picture and the moments in a page."""
    picture = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    return picture, json.loads("[" + re.search(r"const moments = \[\n(.*?)\n  \];", page, re.DOTALL)[1] + "]")


# ---------------------------------------------------------------- the moments


def test_each_moment_of_a_small_graph():
    player = player_of(square_and_more())
    moments = [(" ".join(m.caption.split()), m.box, m.edge, m.changes) for m in player.moments[1:]]
    assert moments == [
        ("forward: v = x * x", 1, None, ((1, 1, "9"),)),
        ("forward: y = v + x", 2, None, ((2, 1, "12"),)),
        ("step 1: y = v + x = 12 dL/dy = 1", 2, None, ((2, 2, "grad 1"),)),
        ("step 1: y = v + x = 12 dL/dy = 1 dL/dv = dL/dy = 1 * 1 = 1", 2, 2, ((1, 2, "grad 1"),)),
        ("step 1: y = v + x = 12 dL/dy = 1 dL/dx = dL/dy = 1 * 1 = 1", 2, 3, ((0, 2, "grad 1"),)),
        ("step 2: v = x * x = 9 dL/dv = 1", 1, None, ((1, 2, "grad 1"),)),
        ("step 2: v = x * x = 9 dL/dv = 1 dL/dx += dL/dv * x = 1 * 3 = 3, in all 4", 1, 0, ((0, 2, "grad 4"),)),
        ("step 2: v = x * x = 9 dL/dv = 1 dL/dx += dL/dv * x = 1 * 3 = 3, in all 7", 1, 1, ((0, 2, "grad 7"),)),
    ]


def test_at_first_only_what_is_given_is_there():
    lines = [["?"] * 3 for _ in range(3)]
    for box, line, text in player_of(square_and_more()).moments[0].changes:
        lines[box][line] = text
    assert lines == [["?", "3", ""], ["?", "", ""], ["?", "", ""]]


def test_it_starts_from_the_given_gradient():
    player = player_of(square_and_more(), gradient=np.float32(10.0))
    assert player.moments[3].changes == ((2, 2, "grad 10"),)
    assert player.moments[-1].changes == ((0, 2, "grad 70"),)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("make", [three_layers_with_a_shared_weight, two_networks])
def test_what_stands_in_the_end_are_the_gradients_of_backward(make, fold):
    tensors = make()
    *_, (name, y) = tensors.items()
    player = player_of(tensors, name, fold=fold)
    y.backward()
    shown = {}
    for moment in player.moments:
        shown.update({(box, line): text for box, line, text in moment.changes})
    graph = mg.graph(y, names=tensors, fold=fold)
    learning = [(i, box) for i, box in enumerate(graph.boxes) if box.kind == "learns"]
    assert learning or fold
    for i, box in learning:
        assert shown[i, 2] == box.lines[-1]
        assert box.lines[-1].startswith("grad")


def test_every_edge_that_carries_a_gradient_lights_up_once():
    tensors = three_layers_with_a_shared_weight()
    player = player_of(tensors, "loss")
    lit = [moment.edge for moment in player.moments if moment.edge is not None]
    boxes = player.graph.boxes
    carrying = [i for i, edge in enumerate(player.graph.edges) if boxes[edge.source].kind != "data"]
    assert sorted(lit) == carrying
    for moment in player.moments:
        if moment.edge is not None:
            edge = player.graph.edges[moment.edge]
            assert (moment.box, moment.changes[0][0]) == (edge.target, edge.source)


def test_what_goes_on_inside_of_a_folded_module_is_not_shown():
    player = player_of(two_networks(), fold=True)
    lit = [(moment.box, moment.edge) for moment in player.moments if moment.edge is not None]
    assert len(lit) == len(player.graph.edges) - 1  # none goes to z
    assert all("dL/dD.0.weight" not in moment.caption for moment in player.moments)


def test_gradients_of_leaves_stay_as_they_are():
    tensors = square_and_more()
    player_of(tensors)
    assert tensors["x"].grad is None
    tensors["y"].backward()
    before = tensors["x"].grad
    player = player_of(tensors)
    assert tensors["x"].grad is before
    assert before == 7.0
    assert player.moments[-1].changes == ((0, 2, "grad 7"),)  # what is there is not counted


def test_they_stay_where_going_backward_fails():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    x.grad = before = np.ones(2, np.float32)
    y = x * x
    with pytest.raises(ValueError, match="needs a gradient of that shape"):
        mg.graph(y).animate()
    assert x.grad is before


def test_several_outputs_are_refused():
    tensors = square_and_more()
    with pytest.raises(ValueError, match=r"^animate: goes backward from one tensor, the graph is that of 2$"):
        mg.graph([tensors["y"], tensors["v"]]).animate()


# ---------------------------------------------------------------- the page


@pytest.mark.parametrize("make", [square_and_more, three_layers_with_a_shared_weight, two_networks])
@pytest.mark.parametrize("fold", [False, True])
def test_where_no_script_runs_the_last_moment_stands(make, fold):
    tensors = make()
    picture, moments = read(player_of(tensors, list(tensors)[-1], fold=fold)._repr_html_())
    boxes = [[text.text or "" for text in box.findall(f"{SVG}text")] for box in picture.findall(f"{SVG}g[@data-box]")]
    last = [list(lines) for lines in boxes]
    for _, _, _, changes in moments:
        for box, line, text in changes:
            last[box][line] = text
    assert boxes == last


@pytest.mark.parametrize("make", [square_and_more, three_layers_with_a_shared_weight])
def test_the_first_moment_sets_all_that_changes_later(make):
    tensors = make()
    _, (first, *later) = read(player_of(tensors, list(tensors)[-1])._repr_html_())
    set_first = {(box, line) for box, line, _ in first[3]}
    assert {(box, line) for moment in later for box, line, _ in moment[3]} <= set_first


def the_longest_gradient_is_not_the_last():
    x = mg.tensor(1.0, requires_grad=True)
    return {"x": x, "y": x * 0.1235 + x * 0.8765}


@pytest.mark.parametrize("make", [the_longest_gradient_is_not_the_last, three_layers_with_a_shared_weight])
def test_boxes_have_room_for_all_that_comes_to_stand_in_them(make):
    tensors = make()
    picture, moments = read(player_of(tensors, list(tensors)[-1])._repr_html_())
    widths = [float(rect.get("width")) for rect in picture.findall(f"{SVG}g[@data-box]/{SVG}rect")]
    for _, _, _, changes in moments:
        for box, _, text in changes:
            assert len(text) * 12 * 0.605 < widths[box]


def test_the_page_needs_nothing_else_and_names_are_only_text():
    name = "</script><b>&\"'"
    x = mg.tensor(2.0, requires_grad=True)
    page = mg.graph(x * x, names={name: x}).animate()._repr_html_()
    assert page.count("</script>") == page.count("<script>") == 1
    assert "<b>" not in page
    assert read(page)[1][-1][0].count(name) == 4
    assert set(re.findall(r"https?://[^\s\"]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bsrc=|\bhref=|@import|__[A-Z]+__", page)


def test_two_players_have_two_names_and_one_player_the_same_each_time():
    pages = [player_of(make(), name)._repr_html_() for make, name in ((square_and_more, "y"), (two_networks, "y"))]
    names = [re.search('id="(player-[0-9a-f]+)"', page)[1] for page in pages]
    assert names[0] != names[1]
    assert player_of(square_and_more())._repr_html_() == pages[0]


def test_it_is_saved_as_a_page(tmp_path):
    player = player_of(square_and_more())
    player.save(tmp_path / "steps.html")
    page = (tmp_path / "steps.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert player._repr_html_() in page
    with pytest.raises(ValueError, match=r"^animate: a player is saved as .html, got 'steps.gif'$"):
        player.save(tmp_path / "steps.gif")
