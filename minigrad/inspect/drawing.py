"""A picture of cards with lines of text and arrows between them, as SVG; nothing is needed to make it."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from .layout import Arrow, Point, arrange

_FONT = 12  # pixels
_CHARACTER = 0.62 * _FONT  # the characters of fixed-width fonts take 0.6 at most
_LINE = 15  # pixels from line to line
_PADDING = 8  # around the text of a card
_MARGIN = 12  # around the picture
_WIDEST = 1000  # what would be wider from left to right goes from top to bottom
_LONGEST_LINE = 44  # characters
_HEAD = 7  # the length of the head of an arrow


class Card(NamedTuple):
    """What is drawn for a box: lines of text, the first one bold, its colours, and the width of the text to come."""

    lines: Sequence[str]
    colours: tuple[str, str]  # inside and border
    columns: int = 0


def svg(cards: Sequence[Card], arrows: Sequence[Arrow]) -> str:
    """The picture, on white. A card is a group with its number as ``data-box``, an arrow one with ``data-arrow``.

    Arrows go from left to right, or from top to bottom where that would be too wide; they must not go in a circle.
    """
    sizes = [_size(card) for card in cards]
    layout, downwards = arrange(sizes, arrows), False
    if layout.length > _WIDEST:
        layout, downwards = arrange([(height, width) for width, height in sizes], arrows), True
    width, height = _turned((layout.length, layout.breadth), downwards)
    width, height = round(width + 2 * _MARGIN), round(height + 2 * _MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="{-_MARGIN} {-_MARGIN} {width} {height}" font-family="monospace" font-size="{_FONT}" '
        'preserveAspectRatio="xMinYMin" style="max-width: 100%; height: auto">',
        f'<rect x="{-_MARGIN}" y="{-_MARGIN}" width="{width}" height="{height}" fill="#ffffff"/>',
        *(_arrow(i, [_turned(p, downwards) for p in route], downwards) for i, route in enumerate(layout.routes)),
        *(_card(i, card, sizes[i], _turned(layout.centres[i], downwards)) for i, card in enumerate(cards)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _turned(point: Point, downwards: bool) -> Point:
    """A point along and across the arrows as x and y."""
    return point[::-1] if downwards else point


def columns(line: str) -> int:
    """How many characters wide a line is; those of Chinese and the like count twice."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line)


def _shortened(line: str) -> str:
    if len(line) <= _LONGEST_LINE:
        return line
    half = _LONGEST_LINE // 2 - 2
    return f"{line[:half]}...{line[-half:]}"


def _size(card: Card) -> tuple[float, float]:
    widest = max([card.columns, *(columns(_shortened(line)) for line in card.lines)])
    return widest * _CHARACTER + 2 * _PADDING, len(card.lines) * _LINE + _PADDING


def _card(number: int, card: Card, size: tuple[float, float], centre: Point) -> str:
    (width, height), (x, y) = size, centre
    left, top = x - width / 2, y - height / 2
    parts = [
        f'<g data-box="{number}"><title>{_escaped(card.lines[0])}</title>'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5" '
        f'fill="{card.colours[0]}" stroke="{card.colours[1]}" stroke-width="1.5"/>'
    ]
    for i, line in enumerate(card.lines):
        weight = "" if i else ' font-weight="bold"'
        baseline = top + _PADDING / 2 + (i + 0.75) * _LINE
        parts.append(
            f'<text x="{x:.1f}" y="{baseline:.1f}" text-anchor="middle" fill="#222222"{weight}>'
            f"{_escaped(_shortened(line))}</text>"
        )
    return "".join(parts) + "</g>"


def _escaped(text: str) -> str:
    """Text for SVG, without the characters that XML forbids."""
    return html.escape("".join(sign if sign.isprintable() else " " for sign in text))


def _arrow(number: int, points: list[Point], downwards: bool) -> str:
    """A line through the points, straight and curved in turn, and a head at its end."""
    (x, y), rest = points[-1], points[:-1]
    stop = (x, y - _HEAD + 1) if downwards else (x - _HEAD + 1, y)
    path = f"M{_at(rest[0])}"
    for i in range(1, len(rest), 2):
        path += f"L{_at(rest[i])}{_curve(rest[i], rest[i + 1], downwards)}" if i + 1 < len(rest) else ""
    path += f"L{_at(stop)}"
    return (
        f'<g data-arrow="{number}"><path d="{path}" fill="none" stroke="#777777" stroke-width="1.4"/>'
        f'<path d="{_head((x, y), downwards)}" fill="#777777"/></g>'
    )


def _at(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _curve(start: Point, end: Point, downwards: bool) -> str:
    """Leaves and arrives in the direction of the arrows, and stays between the two layers."""
    if downwards:
        middle = (start[1] + end[1]) / 2
        bends = (start[0], middle), (end[0], middle)
    else:
        middle = (start[0] + end[0]) / 2
        bends = (middle, start[1]), (middle, end[1])
    return f"C{_at(bends[0])} {_at(bends[1])} {_at(end)}"


def _head(tip: Point, downwards: bool) -> str:
    x, y = tip
    corners = [(x - 4, y - _HEAD), (x + 4, y - _HEAD)] if downwards else [(x - _HEAD, y - 4), (x - _HEAD, y + 4)]
    return f"M{_at(tip)}L{_at(corners[0])}L{_at(corners[1])}Z"
