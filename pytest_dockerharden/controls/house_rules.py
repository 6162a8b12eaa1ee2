"""What a house decides for itself: the parameters of these controls are what a suite of one's own sets."""

from __future__ import annotations

import re
from collections import Counter

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import advice, set_key

# a range of more ports than this is published because somebody did not want to count them
_MANY = 10
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)b?", re.IGNORECASE)


@control(severity="low", optional=True, cis="5.9", owasp="RULE 5a", nist="4.4.2", equivalents={"docker-bench": "5.9"})
def only_needed_ports_published(posture: Posture, *, ports: tuple[str, ...] = ()) -> Findings:
    """Only the ports that are needed are published.

    Every other one is a way in that nobody watches. `ports` lists the host ports that may be published; without a list
    only a range of more than ten is reported.

    Bad::

        services:
          web:
            image: app
            ports:
              - "8000-8019:8000-8019"  # <-

    Good::

        services:
          web:
            image: app
            ports:
              - "443:8443"
    """
    if ports:
        for port in posture.ports.value:
            if port.host_port and port.host_port not in ports:
                message = f"host port {port.host_port} is not one of those allowed"
                yield posture.ports.finding(message, advice(f"publish {', '.join(ports)}"), at=port.origin)
        return
    for origin, count in Counter(port.origin for port in posture.ports.value).items():
        if count > _MANY and isinstance(origin, TextOrigin):
            yield posture.ports.finding(f"{count} ports are published at once", advice("publish one by one"), at=origin)


@control(severity="low", optional=True, owasp="RULE 7", nist="4.4.3")
def limits_within_bounds(posture: Posture, *, memory: str = "1t", cpus: float = 256, pids: int = 1 << 22) -> Findings:
    """No limit is so high that it limits nothing.

    The bounds are what a house gives one container at most. By themselves they are what no machine has: a terabyte, 256
    processors, and the most processes that Linux can count.

    Bad::

        services:
          web:
            image: app
            mem_limit: 2t  # <-

    Bad::

        services:
          web:
            image: app
            pids_limit: 5000000  # <-

    Good::

        services:
          web:
            image: app
            mem_limit: 512m
            pids_limit: 200
    """
    bounds = (
        (posture.memory, amount(memory), "mem_limit", memory),
        (posture.cpus, cpus, "cpus", cpus),
        (posture.pids, pids, "pids_limit", pids),
    )
    for fact, most, key, shown in bounds:
        limit = fact.value
        if limit is not None and limit > most:
            yield fact.finding(f"{key} is above {shown}", set_key(key, shown))


def amount(text: str | int) -> float:
    """Bytes of ``512m``, or of a number."""
    found = _AMOUNT.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"`{text}` is no amount of memory, such as 512m")
    return float(found[1]) * _UNITS[found[2].lower()]
