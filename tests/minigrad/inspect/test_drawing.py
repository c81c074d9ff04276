"""The picture: SVG that any viewer reads, with all text within its box."""

import itertools
from xml.etree import ElementTree

import pytest

from minigrad.inspect.drawing import Card, svg

SVG = "{http://www.w3.org/2000/svg}"
COLOURS = ("#ffffff", "#000000")


def drawn(*texts, arrows=(), **settings):
    return ElementTree.fromstring(svg([Card(lines, COLOURS, **settings) for lines in texts], arrows))


def boxes(picture):
    return picture.findall(f"{SVG}g[@data-box]")


def rectangle(box):
    return [float(box.find(f"{SVG}rect").get(name)) for name in ("x", "y", "width", "height")]


def texts(box):
    return [text.text for text in box.findall(f"{SVG}text")]


@pytest.mark.parametrize("name", ['a"b', "<script>", "a&b", "&amp;", "]]>", "it's", "x < y", "θ", "重み"])
def test_any_name_is_text(name):
    (box,) = boxes(drawn([name, "1"]))
    assert texts(box) == [name, "1"]


def test_what_xml_forbids_becomes_a_space():
    (box,) = boxes(drawn(["a\x00b\x1bc\nd"]))
    assert texts(box) == ["a b c d"]


@pytest.mark.parametrize("line", ["x", "v1 = linear(x, w, b)", "m" * 40, "重み" * 8])
def test_text_fits_into_its_box(line):
    (box,) = boxes(drawn(["y", line]))
    x, y, width, height = rectangle(box)
    wide = sum(12 if ord(sign) > 255 else 0.605 * 12 for sign in line)  # a font of 12 pixels, DejaVu Sans Mono
    assert wide < width
    for text in box.findall(f"{SVG}text"):
        assert float(text.get("x")) == pytest.approx(x + width / 2, abs=0.2)
        assert y + 9 < float(text.get("y")) < y + height - 2


def test_a_very_long_line_loses_its_middle_and_is_kept_as_a_hint():
    name = "discriminator." + "inner." * 12 + "weight"
    (box,) = boxes(drawn([name]))
    assert len(texts(box)[0]) < 45
    assert texts(box)[0].startswith("discriminator.")
    assert texts(box)[0].endswith("weight")
    assert box.find(f"{SVG}title").text == name


def test_room_for_text_to_come():
    (narrow,), (wide,) = boxes(drawn(["y"])), boxes(drawn(["y"], columns=20))
    assert rectangle(wide)[2] > 20 * 7 > rectangle(narrow)[2]


def test_from_left_to_right_and_what_would_be_too_wide_from_top_to_bottom():
    def place_of_the_last(count):
        picture = drawn(*[["a name"]] * count, arrows=list(itertools.pairwise(range(count))))
        (x1, y1, *_), (x2, y2, *_) = rectangle(boxes(picture)[0]), rectangle(boxes(picture)[-1])
        return x2 - x1, y2 - y1

    assert place_of_the_last(5)[0] > 0 == place_of_the_last(5)[1]
    assert place_of_the_last(20)[0] == 0 < place_of_the_last(20)[1]


@pytest.mark.parametrize("count", [3, 20])
def test_all_boxes_are_within_the_picture_and_arrows_end_at_them(count):
    arrows = [*itertools.pairwise(range(count)), (0, count - 1)]
    picture = drawn(*[["a name", "1"]] * count, arrows=arrows)
    left, top, width, height = map(float, picture.get("viewBox").split())
    for box in boxes(picture):
        x, y, w, h = rectangle(box)
        assert left < x
        assert x + w < left + width
        assert top < y
        assert y + h < top + height
    heads = picture.findall(f"{SVG}g[@data-arrow]")
    assert [int(head.get("data-arrow")) for head in heads] == list(range(len(arrows)))
    for head, (_, target) in zip(heads, arrows, strict=True):
        tip = [float(n) for n in head.findall(f"{SVG}path")[1].get("d")[1:].split("L")[0].split()]
        x, y, w, h = rectangle(boxes(picture)[target])
        assert x - 0.2 <= tip[0] <= x + w
        assert y - 0.2 <= tip[1] <= y + h
        assert min(abs(tip[0] - x), abs(tip[1] - y)) < 0.2


def test_it_stands_on_white():
    assert drawn(["x"]).find(f"{SVG}rect").get("fill") == "#ffffff"
