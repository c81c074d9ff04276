"""Where boxes and arrows go in a layered drawing: along the arrows in layers, and across them so that few arrows cross.

The steps are those of Sugiyama, Tagawa and Toda 1981, "Methods for visual understanding of hierarchical system
structures": boxes are put into layers, an arrow over several layers gets a waypoint in each, the order within each
layer is improved by barycentres, and positions are found for that order.
"""

from __future__ import annotations

import dataclasses
import itertools
from bisect import bisect_right, insort
from collections.abc import Sequence

_BETWEEN_LAYERS = 34  # pixels
_BETWEEN_BOXES = 14
_BETWEEN_ARROWS = 14  # at the side of a box
_WAYPOINT = 2  # what a passing arrow takes of a layer
_SWEEPS = 12

Arrow = tuple[int, int]  # from a box to a box, by number
Point = tuple[float, float]  # along the arrows, and across them


@dataclasses.dataclass(frozen=True)
class Layout:
    """Centres of boxes; for each arrow, points between which it goes straight, then in a curve, and so on in turn."""

    centres: list[Point]
    routes: list[list[Point]]
    length: float
    breadth: float


@dataclasses.dataclass(eq=False)
class _Item:
    """A box or a waypoint."""

    layer: int
    along: float  # its size
    across: float
    centre: float = 0.0  # its place across the arrows
    before: list[_Item] = dataclasses.field(default_factory=list)
    after: list[_Item] = dataclasses.field(default_factory=list)
    trunk: list[_Item] = dataclasses.field(default_factory=list)  # of a box, the waypoints of the arrows from it
    is_waypoint: bool = False  # then trunk is what it is one of


def arrange(sizes: Sequence[tuple[float, float]], arrows: Sequence[Arrow]) -> Layout:
    """Places boxes of the given sizes, along the arrows and across them. Arrows must not go in a circle."""
    items = [_Item(layer, *size) for layer, size in zip(_layers(len(sizes), arrows), sizes, strict=True)]
    chains = [_chain(items[source], items[target]) for source, target in arrows]
    layers = _first_order(items)
    _reduce_crossings(layers)
    _place_across(layers)
    bands = _bands(layers)
    centres = [(sum(bands[item.layer]) / 2, item.centre) for item in items]
    breadth = max((item.centre + item.across / 2 for layer in layers for item in layer), default=0.0)
    length = bands[-1][1] if bands else 0.0
    return Layout(centres, _routes(chains, bands), length, breadth)


def _layers(count: int, arrows: Sequence[Arrow]) -> list[int]:
    """The layer of each box: one after the last of those before it; with none before it, one before the first after."""
    after: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for source, target in arrows:
        after[source].append(target)
        missing[target] += 1
    starts = [box for box in range(count) if not missing[box]]
    layers, ready = [0] * count, list(starts)
    for box in ready:  # layer by layer: the last one before a target is in the last layer before it
        for target in after[box]:
            layers[target] = layers[box] + 1
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    for box in starts:
        if after[box]:
            layers[box] = min(layers[target] for target in after[box]) - 1
    return layers


def _chain(source: _Item, target: _Item) -> list[_Item]:
    """The box that an arrow starts from, its waypoints, and the box that it goes to, linked with one another.

    Arrows from one box share their waypoints, as a trunk with branches.
    """
    count, trunk = target.layer - source.layer - 1, source.trunk
    while len(trunk) < count:
        last = trunk[-1] if trunk else source
        trunk.append(_Item(last.layer + 1, 0.0, _WAYPOINT, trunk=trunk, is_waypoint=True))
        _link(last, trunk[-1])
    chain = [source, *trunk[:count], target]
    _link(chain[-2], target)
    return chain


def _link(first: _Item, second: _Item) -> None:
    first.after.append(second)
    second.before.append(first)


# ---------------------------------------------------------------- the order within layers


def _first_order(items: list[_Item]) -> list[list[_Item]]:
    """The items of each layer as a walk against the arrows meets them, so that arguments stand in order."""
    layers: list[list[_Item]] = [[] for _ in range(max((item.layer for item in items), default=-1) + 1)]
    seen: set[_Item] = set()
    waiting = [item for item in items if not item.after]
    while waiting:
        item = waiting.pop()
        if item not in seen:
            seen.add(item)
            layers[item.layer].append(item)
            waiting.extend(reversed(item.before))
    return layers


def _reduce_crossings(layers: list[list[_Item]]) -> None:
    """Puts items in the order of the means of their neighbours, layer after layer, forth and back; keeps the best."""
    fewest, best = _crossings(layers), [list(layer) for layer in layers]
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        forth = sweep % 2 == 0
        for layer in layers if forth else reversed(layers):
            _sort(layer, layers, forth)
        count = _crossings(layers)
        if count < fewest:
            fewest, best = count, [list(layer) for layer in layers]
    for layer, order in zip(layers, best, strict=True):
        layer[:] = order


def _sort(layer: list[_Item], layers: list[list[_Item]], forth: bool) -> None:
    place = {item: i for fixed in layers for i, item in enumerate(fixed)}
    layer.sort(key=lambda item: _mean([place[other] for other in (item.before if forth else item.after)], place[item]))


def _crossings(layers: list[list[_Item]]) -> int:
    """How many pairs of links cross."""
    count = 0
    for layer, following in itertools.pairwise(layers):
        place = {item: i for i, item in enumerate(following)}
        ends: list[int] = []
        for item in layer:
            reached = [place[other] for other in item.after]
            count += sum(len(ends) - bisect_right(ends, end) for end in reached)
            for end in reached:
                insort(ends, end)
    return count


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


# ---------------------------------------------------------------- positions


def _place_across(layers: list[list[_Item]]) -> None:
    """Moves boxes towards the means of their neighbours, forth and back, and waypoints into line with their arrows."""
    for layer in layers:
        _settle(layer, [0.0] * len(layer))
    for sweep in range(2 * _SWEEPS):
        forth, last = sweep % 2 == 0, sweep >= _SWEEPS
        for layer in layers if forth else reversed(layers):
            _settle(layer, [_wanted(item, forth or last, not forth or last) for item in layer])
    first = min((item.centre - item.across / 2 for layer in layers for item in layer), default=0.0)
    for layer in layers:
        for item in layer:
            item.centre -= first


def _wanted(item: _Item, by_before: bool, by_after: bool) -> float:
    if by_before and by_after and item.is_waypoint:
        return _mean([waypoint.centre for waypoint in item.trunk], 0.0)
    neighbours = (item.before if by_before else []) + (item.after if by_after else [])
    return _mean([other.centre for other in neighbours], item.centre)


def _settle(layer: list[_Item], wanted: list[float]) -> None:
    """The places nearest to those wanted, by the sum of squares, at which items in this order do not overlap.

    Less the room that each item needs from the first one on, places must only not decrease: isotonic regression, done
    by pooling neighbours that are in each other's way. Waypoints insist, so that long arrows are straight.
    """
    room, offsets = 0.0, []
    for i, item in enumerate(layer):
        room += (layer[i - 1].across + item.across) / 2 + _BETWEEN_BOXES if i else 0.0
        offsets.append(room)
    pools: list[list[float]] = []  # place, weight, how many items
    for item, place, offset in zip(layer, wanted, offsets, strict=True):
        pools.append([place - offset, 4.0 if item.is_waypoint else 1.0, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            place, weight, count = pools.pop()
            into = pools[-1]
            into[0] = (into[0] * into[1] + place * weight) / (into[1] + weight)
            into[1] += weight
            into[2] += count
    places = [place for place, _, count in pools for _ in range(count)]
    for item, place, offset in zip(layer, places, offsets, strict=True):
        item.centre = place + offset


def _bands(layers: list[list[_Item]]) -> list[tuple[float, float]]:
    """Where each layer begins and ends along the arrows."""
    bands, start = [], 0.0
    for layer in layers:
        end = start + max(item.along for item in layer)
        bands.append((start, end))
        start = end + _BETWEEN_LAYERS
    return bands


# ---------------------------------------------------------------- arrows


def _routes(chains: list[list[_Item]], bands: list[tuple[float, float]]) -> list[list[Point]]:
    """Straight through a layer, past its boxes, and in a curve from layer to layer, where there are none."""
    leaving = _ports([chain[:2] for chain in chains])
    arriving = _ports([chain[:-3:-1] for chain in chains])
    routes = []
    for chain, first, last in zip(chains, leaving, arriving, strict=True):
        source, target = chain[0], chain[-1]
        points = [((sum(bands[source.layer]) + source.along) / 2, first), (bands[source.layer][1], first)]
        for waypoint in chain[1:-1]:
            points += [(edge, waypoint.centre) for edge in bands[waypoint.layer]]
        points += [(bands[target.layer][0], last), ((sum(bands[target.layer]) - target.along) / 2, last)]
        routes.append(points)
    return routes


def _ports(ends: list[list[_Item]]) -> list[float]:
    """Where arrows meet their boxes, from pairs of a box and the next item of an arrow from there.

    They meet it side by side, in the order of the places that they come from or go to; a trunk meets it once.
    """
    meetings: dict[_Item, dict[object, float]] = {}
    keys = [other if other.is_waypoint else i for i, (_, other) in enumerate(ends)]
    for key, (box, other) in zip(keys, ends, strict=True):
        meetings.setdefault(box, {})[key] = other.centre
    ports: dict[tuple[_Item, object], float] = {}
    for box, places in meetings.items():
        step = min(_BETWEEN_ARROWS, (box.across - _BETWEEN_BOXES / 2) / len(places))
        for place, key in enumerate(sorted(places, key=places.__getitem__)):
            ports[box, key] = box.centre + (place - (len(places) - 1) / 2) * step
    return [ports[box, key] for key, (box, _) in zip(keys, ends, strict=True)]
