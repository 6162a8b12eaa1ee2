"""Active probes: what a service's user can write, ask of the kernel and reach, and what its healthcheck notices."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_dockerharden.drills.agent import Agent
from pytest_dockerharden.drills.connections import CLOSED_PORT, Target, connections
from pytest_dockerharden.drills.health import healthcheck
from pytest_dockerharden.drills.syscalls import syscalls
from pytest_dockerharden.drills.twin import Identity, Probe, neighbour_body, twin_body
from pytest_dockerharden.drills.writes import Targets, writes
from pytest_dockerharden.model.drill import Connection, Drill
from pytest_dockerharden.model.fact import Fact, Known, Unknown, UnknownFact
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.observe.shell import ProbeDidNotRun, ShellClosed
from pytest_dockerharden.stack.order import completing

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.model.posture import Posture, Socket
    from pytest_dockerharden.stack.stack import Stack

T = TypeVar("T")
WORKERS = 8
# seconds until what was reached against the rules is tried again
SECOND_LOOK = 1.0
# seconds for a healthcheck where nothing answers it
HEALTH_PATIENCE = 15.0
SHOWN = 5
# 128 and the signal of a filter that kills
BY_SIGSYS = 159
EXIT_PATIENCE = 10
PROBED = ("writes", "syscalls", "healthcheck", "connections")


def active(
    stack: Stack,
    client: docker.DockerClient,
    postures: Mapping[str, Sequence[Posture]],
    *,
    deadline: float = 60.0,
    progress: Callable[[str], None] = lambda line: None,
    probing: bool = True,
) -> dict[str, Drill]:
    """A drill for every service, with all that can be tried before the restart; without ``probing`` nothing is.

    ``postures`` are those of the running stack. ``deadline`` in seconds is for all of it: what there is no time for
    stays unknown.
    """
    inspected = {
        name: client.api.inspect_container(containers[0]) for name, containers in stack.containers.items() if containers
    }
    ended = completing(stack.project)
    drills = {
        name: Drill(
            subject=name,
            origin=service.origin,
            service=service,
            posture=next(iter(postures.get(name, ())), None),
            lasting=name not in ended and bool(inspected.get(name, {}).get("State", {}).get("Running")),
        )
        for name, service in stack.project.services.items()
    }
    lasting = [drill for drill in drills.values() if drill.lasting]
    if lasting and probing:
        image = inspected[lasting[0].subject]["Image"]
        try:
            with Probe.prepared(client, stack.run.labels, image) as probe:
                trials = Trials(client, probe, inspected, drills, time.monotonic() + deadline, progress)
                with ThreadPoolExecutor(WORKERS, thread_name_prefix="dockerharden-drill") as pool:
                    list(pool.map(trials.run, lasting))
        except refusals() as error:
            for drill in lasting:
                give_up(drill, PROBED, why(error))
    return drills


def refusals() -> tuple[type[Exception], ...]:
    """What a probe raises when it could not be made."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    return ProbeDidNotRun, ShellClosed, DockerException, RequestException, OSError


def why(error: Exception) -> str:
    """The reason in words for the user."""
    if isinstance(error, (ProbeDidNotRun, ShellClosed)):
        return str(error)
    return f"the engine refused a probe: {getattr(error, 'explanation', None) or error}"


@dataclass(slots=True, eq=False)
class Trials:
    """The probes of one stack. ``inspected`` are the engine's answers for the first container of each service."""

    client: docker.DockerClient
    probe: Probe
    inspected: Mapping[str, dict[str, Any]]
    drills: Mapping[str, Drill]
    until: float
    progress: Callable[[str], None]

    def run(self, drill: Drill) -> None:
        """Everything about one service."""
        self.progress(f"{drill.subject}: drilling a twin of it")
        user = user_of(drill)
        if user is None:
            return give_up(drill, PROBED, "the user that it runs as is not known")
        self.attempt(drill, ("writes", "syscalls", "healthcheck"), lambda: self.in_twin(drill, user))
        self.attempt(drill, ("connections",), lambda: self.as_neighbour(drill, user))

    def attempt(self, drill: Drill, facts: Sequence[str], trial: Callable[[], None]) -> None:
        """What could not be tried stays unknown, with the reason."""
        try:
            if self.left <= 0:
                raise ProbeDidNotRun("there was no time left for it")
            trial()
        except refusals() as error:
            give_up(drill, facts, why(error))

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.until - time.monotonic()

    def in_twin(self, drill: Drill, user: Identity) -> None:
        """The healthcheck comes first, while nothing was touched; the calls that change the agent come last."""
        body = twin_body(self.inspected[drill.subject], user, self.probe)
        with contextlib.ExitStack() as twins:
            agent = twins.enter_context(self.probe.started(body, self.left))
            self.attempt(drill, ("healthcheck",), lambda: self.check_health(drill, agent))
            self.attempt(drill, ("writes",), lambda: self.write(drill, agent, user))

            def another(agent: Agent) -> Agent:
                # the stream may end before the engine knows of the exit
                code = self.client.api.wait(agent.container, timeout=EXIT_PATIENCE)["StatusCode"]
                if code != BY_SIGSYS:
                    raise ProbeDidNotRun(f"the probe ended in a twin of it with exit code {code}")
                return twins.enter_context(self.probe.started(body, self.left))

            calls = syscalls(agent, user.uid == 0, another)
        shown = ", ".join(f"{call.name} {call.answer}" for call in calls if not call.refused) or "all refused"
        drill.syscalls = known(drill, f"system calls as {user}", shown, calls)

    def check_health(self, drill: Drill, agent: Agent) -> None:
        service = self.inspected[drill.subject]
        outcome = healthcheck(self.client, service, agent.container, min(self.left, HEALTH_PATIENCE))
        text = "it has none"
        if outcome is not None:
            text = "no answer in time" if outcome.exit_code is None else f"exit code {outcome.exit_code}"
        drill.healthcheck = known(drill, "healthcheck without the service", text, outcome)

    def write(self, drill: Drill, agent: Agent, user: Identity) -> None:
        twin = self.client.api.inspect_container(agent.container)
        places = writes(agent, Targets.of(self.inspected[drill.subject], twin))
        shown = ", ".join(place.path for place in places[:SHOWN]) or "nowhere"
        drill.writes = known(drill, f"writing as {user}", shown, places)

    def as_neighbour(self, drill: Drill, user: Identity) -> None:
        """From the service's own network namespace."""
        if self.mode(drill.subject) == "host":
            raise ProbeDidNotRun("it uses the host's network")
        targets = list(self.targets(drill))
        made: tuple[Connection, ...] = ()
        if targets:
            with self.probe.started(
                neighbour_body(self.inspected[drill.subject], user, self.probe), self.left
            ) as agent:
                made = self.confirmed(drill, agent, connections(agent, targets))
        reached = ", ".join(dict.fromkeys(f"{c.service}:{c.port}" for c in made if c.reached)) or "nobody"
        drill.connections = known(drill, "connecting to every other service", f"reached {reached}", made)

    def confirmed(self, drill: Drill, agent: Agent, made: tuple[Connection, ...]) -> tuple[Connection, ...]:
        """What must not be reached is tried again: another engine that starts writes the firewall anew."""
        allowed = drill.posture.reaches.get(None) if drill.posture else None
        doubtful = {
            Target(c.service, c.address, c.port) for c in made if c.reached and c.service not in (allowed or ())
        }
        if not doubtful or allowed is None:
            return made
        time.sleep(SECOND_LOOK)
        again = {(c.address, c.port): c for c in connections(agent, sorted(doubtful))}
        return tuple(again.get((c.address, c.port), c) for c in made)

    def mode(self, service: str) -> str:
        return str(self.inspected[service]["HostConfig"].get("NetworkMode") or "")

    def targets(self, drill: Drill) -> Iterator[Target]:
        """Every listening socket of the others at every address that they have."""
        for name, other in self.drills.items():
            if name == drill.subject or not other.lasting:
                continue
            ports = listening_ports(other)
            for address in addresses(self.inspected[name]):
                yield from (Target(name, address, port) for port in ports)


def known(drill: Drill, what: str, text: str, value: T) -> Fact[T]:
    """A fact that was tried."""
    return Known(value, KernelOrigin(drill.subject, what, text))


def give_up(drill: Drill, facts: Sequence[str], reason: str) -> None:
    """What is not known yet stays so."""
    for name in facts:
        if not getattr(drill, name).known:
            setattr(drill, name, Unknown(reason))


def user_of(drill: Drill) -> Identity | None:
    """Whom the service's first process runs as, which the image's settings do not tell where it steps down."""
    try:
        seen = drill.posture
        return Identity(seen.uid.value, seen.gid.value, seen.groups.value) if seen else None
    except UnknownFact:
        return None


def listening_ports(drill: Drill) -> list[int]:
    """TCP ports that it serves to others; one on which nothing listens where there are none, or they are not known."""
    sockets: tuple[Socket, ...] = drill.posture.listening.get(()) if drill.posture else ()
    ports = {s.port for s in sockets if s.protocol == "tcp" and not s.address.startswith("127.") and s.address != "::1"}
    return sorted(ports) or [CLOSED_PORT]


def addresses(inspected: dict[str, Any]) -> list[str]:
    """On all of its networks."""
    networks = (inspected["NetworkSettings"].get("Networks") or {}).values()
    return [
        address
        for network in networks
        for address in (network.get("IPAddress"), network.get("GlobalIPv6Address"))
        if address
    ]
