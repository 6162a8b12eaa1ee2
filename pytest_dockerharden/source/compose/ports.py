"""Published ports: ``[[IP:][HOST]:]CONTAINER[/PROTO]`` and its long form."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem, SourceError
from pytest_dockerharden.source.compose.derive import Parts, default, derive, is_open, refused
from pytest_dockerharden.source.compose.problems import refusal
from pytest_dockerharden.source.compose.units import parse_integer, scalar_text

PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
HIGHEST_PORT = 65535
MOST_PORTS = 20_000
FORM = 'write it as "127.0.0.1:8080:80"'
_RANGE = pattern(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def expand_ports(sequence: Node) -> tuple[list[Node], list[Problem]]:
    """The long form of every entry of a ``ports`` list, a range of ports as one entry each, without repetitions."""
    entries: list[Node] = []
    problems: list[Problem] = []
    for item in sequence:
        found, problem = _expanded(item)
        entries += found
        problems += [problem] if problem else []
        if len(entries) > MOST_PORTS:
            message = f"more than {MOST_PORTS:,} ports of one service"
            raise refusal(message, item.origin, "publish a smaller range", kind="limit")
    return list({_identity(entry): entry for entry in entries}.values()), problems


def _expanded(item: Node) -> tuple[list[Node], Problem | None]:
    try:
        return (_long_form(item) if isinstance(item.value, dict) else _short_form(item)), None
    except SourceError as error:
        return [], None if item.unresolved else error.problem


def _identity(entry: Node) -> tuple[object, ...]:
    keys = ("host_ip", "published", "target", "protocol", "mode", "name", "app_protocol")
    # a list or mapping where a scalar belongs is refused elsewhere, and cannot be hashed
    return tuple(str(child.plain()) if (child := entry.get(key)) else None for key in keys)


def _long_form(item: Node) -> list[Node]:
    entry = dict(item.items())
    target = entry.get("target")
    if target is None:
        raise SourceError(refused("a port without a target", item, "add target: the port in the container"))
    host = entry.get("host_ip")
    if host is not None and not host.unresolved and not _is_address(host.text()):
        raise SourceError(refused(f"{host.text()!r} is not an IP address", host, "name an address of this host"))
    if isinstance(target.value, str) and not target.unresolved:
        number = parse_integer(target.value)
        if number is None:
            raise SourceError(refused("must be an integer", target))
        entry["target"] = derive(target, number)
    published = entry.get("published")
    if published is not None:
        entry["published"] = derive(published, scalar_text(_scalar(published)))
        if not published.unresolved and not entry["published"].value:
            del entry["published"]
    protocol = entry.get("protocol")
    entry["protocol"] = derive(protocol, protocol.text().lower()) if protocol else default(item, "tcp")
    entry.setdefault("mode", default(item, "ingress"))
    return [derive(item, entry)]


def _scalar(node: Node) -> str | int | float | bool | None:
    return None if isinstance(node.value, (dict, list)) else node.value


def _short_form(item: Node) -> list[Node]:
    if isinstance(item.value, (float, bool)) or item.value is None:
        raise SourceError(refused("a port is a number or a text", item, FORM))
    parts = Parts(item)
    text = parts.text
    pieces = _split(text)
    host, published, target = (text[start:end] for start, end in pieces[:3])
    common = {"mode": default(item, "ingress"), "protocol": parts(_protocol(item, text, pieces[3]), *pieces[3])}
    if host:
        common["host_ip"] = parts(_address(item, host), *pieces[0])
    if is_open(item, target) or is_open(item, published):
        if published:
            common["published"] = parts(published, *pieces[1])
        return [derive(item, {**common, "target": parts(parse_integer(target), *pieces[2])})]
    entries = []
    for number, outside in _pairs(item, published, target):
        entry = {**common, "target": parts(number, *pieces[2])}
        if outside:
            entry["published"] = parts(outside, *pieces[1])
        entries.append(derive(item, entry))
    return entries


def _split(text: str) -> tuple[tuple[int, int], ...]:
    """The spans of host address, published port, container port and protocol in a short form."""
    last = text.rfind(":")
    middle = text.rfind(":", 0, last) if last > 0 else -1
    slash = text.find("/", last + 1)
    slash = len(text) if slash < 0 else slash
    host = (0, max(middle, 0))
    published = (middle + 1, max(last, 0))
    return host, published, (last + 1, slash), (min(slash + 1, len(text)), len(text))


def _protocol(item: Node, text: str, span: tuple[int, int]) -> str:
    protocol = text[slice(*span)].lower() or "tcp"
    if protocol not in PROTOCOLS and not is_open(item, text[slice(*span)]):
        raise SourceError(refused(f"{protocol!r} is not a protocol", item, "use tcp, udp or sctp"))
    return protocol


def _address(item: Node, host: str) -> str:
    address = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not is_open(item, host) and not _is_address(address):
        raise SourceError(refused(f"{host!r} is not an IP address", item, FORM))
    return address


@lru_cache(maxsize=256)
def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _pairs(item: Node, published: str, target: str) -> list[tuple[int, str]]:
    """The container ports with what each is published as; an empty text lets the engine choose."""
    first, last = _range(item, target, "container port")
    if not published:
        return [(number, "") for number in range(first, last + 1)]
    low, high = _range(item, published, "host port")
    if first == last:
        return [(first, str(low) if low == high else f"{low}-{high}")]
    if high - low != last - first:
        raise SourceError(refused(f"the ranges {published} and {target} differ in length", item, "make them as long"))
    return [(first + step, str(low + step)) for step in range(last - first + 1)]


def _range(item: Node, text: str, what: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise SourceError(refused(f"{text!r} is not a {what}" if text else f"no {what} given", item, FORM))
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= HIGHEST_PORT:
        raise SourceError(refused(f"{text} is not a valid {what}", item, "ports go up to 65535"))
    return first, last
