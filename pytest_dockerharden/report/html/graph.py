"""Who reaches whom: services and networks in layers, by the number of steps from outside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.posture import NetworkAttachment, Posture
from pytest_dockerharden.report.html.markup import Markup, columns, details, join, table, tag

OUTSIDE = "outside"

_GAP, _HEIGHT, _ROW = 64, 34, 48
# what a wide window shows at once
_PAGE = 1200
# more services than these that are on the same networks are drawn in a frame, with one line for all
_FEW = 8
_MARGIN, _CHARACTER, _LONGEST = 12, 7.4, 30


@dataclass(slots=True, eq=False)
class Node:
    """A service, a network, the world outside, or a frame with many services; ``layer`` and ``row`` place it."""

    key: str
    label: str
    kind: str
    note: str = ""
    layer: int = 0
    row: float = 0.0
    edges: list[Node] = field(default_factory=list)
    place: str = ""
    failed: int = 0
    verdict: str = ""
    members: list[Node] = field(default_factory=list)

    @property
    def columns(self) -> int:
        """Of a frame: about as wide as it is high, for a box is twice as wide as high."""
        return max(1, round(math.sqrt(len(self.members) / 2)))

    @property
    def depth(self) -> int:
        """How many services stand below each other in a frame."""
        return math.ceil(len(self.members) / self.columns)

    @property
    def rows(self) -> int:
        return self.depth + 1 if self.members else 1

    @property
    def width(self) -> float:
        if self.members:
            return self.columns * (self.cell + _MARGIN * 2) + _MARGIN
        return self._own_width

    @property
    def cell(self) -> float:
        """The width of a frame's widest box."""
        return max(member.width for member in self.members)

    @property
    def _own_width(self) -> float:
        return 28 + _CHARACTER * max(len(_cut(self.label)), 0.86 * len(_cut(self.note)))


def nodes_of(postures: Mapping[str, Posture]) -> list[list[Node]]:
    """The nodes in layers: outside, what is published, its networks, what is on those, and so on.

    A layer has edges to the next one alone, since each step from outside is one layer. What no published service leads
    to begins in the layer of the published ones.
    """
    graph: dict[str, Node] = {OUTSIDE: Node(OUTSIDE, "outside", "outside")}
    for name, posture in postures.items():
        service = graph[f"s:{name}"] = Node(f"s:{name}", name, "service", _note(posture))
        if _is_published(posture):
            _connect(graph[OUTSIDE], service)
        for network in posture.networks.get(()):
            _connect(service, graph.setdefault(f"n:{network.name}", _network(network)))
    layers = _layers(_framed(graph))
    _order(layers)
    return layers


def _framed(graph: Mapping[str, Node]) -> dict[str, Node]:
    """The graph with one node for many services that lead to the same."""
    alike: dict[tuple[str, ...], list[Node]] = {}
    for node in graph.values():
        if node.kind == "service" and node.edges:
            alike.setdefault(tuple(sorted(other.key for other in node.edges)), []).append(node)
    framed = dict(graph)
    for keys, members in alike.items():
        if len(members) > _FEW:
            frame = Node(f"f:{' '.join(keys)}", members[0].label, "frame", edges=members[0].edges)
            frame.members = sorted(members, key=lambda node: node.label)
            inside = {member.key for member in members}
            for other in frame.edges:
                other.edges = [*(each for each in other.edges if each.key not in inside), frame]
            framed = {key: node for key, node in framed.items() if key not in inside} | {frame.key: frame}
    return framed


def services_of(layers: Iterable[Iterable[Node]]) -> Iterator[Node]:
    """The services of all layers, in frames or not."""
    for node in (node for layer in layers for node in layer):
        yield from node.members or ([node] if node.kind == "service" else ())


def _note(posture: Posture) -> str:
    ports = dict.fromkeys(f"{port.host_ip or '*'}:{port.host_port or 'any'}" for port in posture.ports.get(()))
    mode = posture.network_mode.get("")
    if mode in ("host", "none"):
        return "the host's network" if mode == "host" else "no network"
    return ", ".join([*ports][:2]) + (f" and {len(ports) - 2} more" if len(ports) > 2 else "")


def _is_published(posture: Posture) -> bool:
    return bool(posture.ports.get(())) or posture.network_mode.get("") == "host"


def _network(network: NetworkAttachment) -> Node:
    return Node(f"n:{network.name}", network.name, "network", "internal" if network.internal else "")


def _connect(one: Node, other: Node) -> None:
    one.edges.append(other)
    other.edges.append(one)


def _layers(graph: Mapping[str, Node]) -> list[list[Node]]:
    seen: dict[str, Node] = {}
    starts = [graph[OUTSIDE], *(node for node in graph.values() if node.kind in ("service", "frame"))]
    for start in starts:
        if start.key in seen:
            continue
        start.layer = 0 if start.key == OUTSIDE else 1
        seen[start.key] = start
        waiting = [start]
        for node in waiting:
            for other in node.edges:
                if other.key not in seen:
                    other.layer = node.layer + 1
                    seen[other.key] = other
                    waiting.append(other)
    layers: list[list[Node]] = [[] for _ in range(max(node.layer for node in seen.values()) + 1)]
    for node in seen.values():
        layers[node.layer].append(node)
    return layers


def _order(layers: Sequence[list[Node]], sweeps: int = 4) -> None:
    """Each node near those it is connected with; layers are centred on each other."""
    tallest = max(map(_rows, layers))
    for layer in layers:
        layer.sort(key=lambda node: node.label)
        _spread(layer, tallest)
    for sweep in range(sweeps):
        for layer in layers[1:] if sweep % 2 == 0 else layers[-2::-1]:
            layer.sort(key=lambda node: (_middle(node), node.label))
            _spread(layer, tallest)


def _rows(layer: Iterable[Node]) -> int:
    return sum(node.rows for node in layer)


def _middle(node: Node) -> float:
    return sum(other.row for other in node.edges) / len(node.edges) if node.edges else 1e9


def _spread(layer: Iterable[Node], tallest: int) -> None:
    nodes = list(layer)
    top = (tallest - _rows(nodes)) / 2
    for node in nodes:
        node.row = top + (node.rows - 1) / 2
        top += node.rows


@dataclass(slots=True)
class Standing:
    """How a service stands: where its posture is on the page, what is the worst verdict, and how many fail."""

    place: str
    verdict: str
    failed: int


def render(postures: Mapping[str, Posture], name: str, standings: Mapping[str, Standing]) -> Markup:
    """The drawing, and the same as a table for those who cannot see it."""
    if not postures:
        return Markup("")
    layers = nodes_of(postures)
    for node in services_of(layers):
        if standing := standings.get(node.label):
            node.place, node.verdict, node.failed = standing.place, standing.verdict, standing.failed
    edges = sorted({(node.key, other.key) for layer in layers for node in layer for other in node.edges})
    return join(
        tag("figure", _svg(layers, name), tag("figcaption", _CAPTION), class_="graph"),
        details("The same as a table", _table(postures, name)) if edges or postures else None,
    )


_CAPTION = (
    "From left to right: how many steps it takes from outside. A dashed network is internal: nothing on it "
    "alone gets out. A frame holds many services that are on the same networks. A service is red where a control "
    "fails, with how many, and leads to its posture."
)


def _svg(layers: Sequence[Sequence[Node]], name: str) -> Markup:
    widths = [max(node.width for node in layer) for layer in layers]
    steps = max(len(layers) - 1, 1)
    gap = min(max(_GAP, (_PAGE - 2 * _MARGIN - sum(widths)) / steps), 3 * _GAP)
    lefts, x = [], float(_MARGIN)
    for each in widths:
        lefts.append(x)
        x += each + gap
    width, height = x - gap + _MARGIN, max(map(_rows, layers)) * _ROW + 2 * _MARGIN
    spans = {node.key: (lefts[index], node.width, _y(node)) for index, layer in enumerate(layers) for node in layer}
    drawn = [line for layer in layers for node in layer for line in _lines(node, spans)]
    drawn += [_box(node, *spans[node.key]) for layer in layers for node in layer]
    return tag(
        "div",
        tag(
            "svg",
            *drawn,
            viewBox=f"0 0 {width:.0f} {height:.0f}",
            width=f"{width:.0f}",
            height=f"{height:.0f}",
            role="group",
            aria_label=f"Who reaches whom in {name}",
        ),
        class_="scroll",
        tabindex="0",
    )


def _y(node: Node) -> float:
    return _MARGIN + node.row * _ROW + _ROW / 2


def _lines(node: Node, spans: Mapping[str, tuple[float, float, float]]) -> Iterator[Markup]:
    left, width, y = spans[node.key]
    for other in node.edges:
        if other.layer > node.layer:
            to, _, other_y = spans[other.key]
            start = left + width
            bend = (to - start) / 2
            path = (
                f"M{start:.0f} {y:.0f}C{start + bend:.0f} {y:.0f} {to - bend:.0f} {other_y:.0f} {to:.0f} {other_y:.0f}"
            )
            internal = "internal" in (node.note, other.note)
            kind = "in" if node.kind == "outside" else "internal" if internal else None
            yield tag("path", d=path, class_=kind)


def _frame(node: Node, left: float, width: float, y: float) -> Markup:
    height = node.depth * _ROW
    top, step = y - height / 2, node.cell + _MARGIN * 2
    inside = [
        _box(member, left + _MARGIN + index // node.depth * step, node.cell, top + (index % node.depth + 0.5) * _ROW)
        for index, member in enumerate(node.members)
    ]
    place = {"x": f"{left:.0f}", "y": f"{top:.0f}", "width": f"{width:.0f}", "height": f"{height:.0f}"}
    return tag("g", tag("rect", **place, rx=10), *inside, class_="frame")


def _box(node: Node, left: float, width: float, y: float) -> Markup:
    if node.members:
        return _frame(node, left, width, y)
    radius = _HEIGHT / 2 if node.kind != "service" else 6
    kind = f"{node.kind} internal" if node.kind == "network" and node.note else f"{node.kind} {node.verdict}".strip()
    middle = left + width / 2
    drawn = tag(
        "g",
        tag(
            "rect",
            x=f"{left:.0f}",
            y=f"{y - _HEIGHT / 2:.0f}",
            width=f"{width:.0f}",
            height=_HEIGHT,
            rx=f"{radius:.0f}",
        ),
        tag("text", _cut(node.label), x=f"{middle:.0f}", y=f"{y + (-1 if node.note else 5):.0f}"),
        tag("text", _cut(node.note), x=f"{middle:.0f}", y=f"{y + 12:.0f}", class_="small") if node.note else None,
        _badge(node, left + width, y - _HEIGHT / 2),
        class_=kind,
    )
    return tag("a", drawn, href=f"#{node.place}") if node.place else drawn


def _badge(node: Node, x: float, y: float) -> Markup | None:
    if not node.failed:
        return None
    width = 14 + 7 * len(str(node.failed))
    return tag(
        "g",
        tag("title", f"{node.failed} failed"),
        tag("rect", x=f"{x - width + 14:.0f}", y=f"{y - 8:.0f}", width=width, height=17, rx=8),
        tag("text", str(node.failed), x=f"{x - width / 2 + 14:.0f}", y=f"{y + 5:.0f}"),
        class_="badge",
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _table(postures: Mapping[str, Posture], name: str) -> Markup:
    rows = [
        tag(
            "tr",
            tag("th", service, scope="row"),
            tag("td", ", ".join(f"{port.host_ip or '*'}:{port.host_port or 'any'}" for port in posture.ports.get(()))),
            tag("td", ", ".join(network.name for network in posture.networks.get(()))),
            tag("td", ", ".join(sorted(posture.reaches.get(())))),
        )
        for service, posture in sorted(postures.items())
    ]
    head = columns("Service", "Published on", "Networks", "Reaches")
    return table(f"Who reaches whom in {name}", head, tag("tbody", *rows), class_="plain")
