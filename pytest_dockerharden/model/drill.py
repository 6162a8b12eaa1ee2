"""What a running service survived or refused when it was put to the test."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.fact import Fact, Unknown
from pytest_dockerharden.model.finding import Finding, Remedy
from pytest_dockerharden.model.origin import Origin

if TYPE_CHECKING:
    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.model.project import Service

NOT_DRILLED = Unknown("not drilled")

PlaceKind = Literal["image", "tmpfs", "volume", "bind"]


@dataclass(frozen=True, slots=True)
class RestartOutcome:
    """How a container came back from ``restart``.

    ``seconds`` from the request until it was healthy (running, without a healthcheck) or was given up, ``restarts``
    how often the engine had to restart it meanwhile, ``reason`` why it is not up, ``evidence`` its exit code, last
    health output and last log lines, secrets masked.
    """

    came_back: bool
    seconds: float
    restarts: int = 0
    reason: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """How a container ended when it was asked to. ``seconds`` from the request, ``grace`` what it was given."""

    exit_code: int
    seconds: float
    grace: float

    @property
    def killed(self) -> bool:
        """Whether it ended by SIGKILL (128 + 9): the engine's answer to a grace period that has passed."""
        return self.exit_code == 137


@dataclass(frozen=True, slots=True)
class WrittenPlace:
    """A directory in which the service's user could make a file.

    ``kind`` tells what it is on: the image's own layer, a tmpfs, a volume, or something bound in from the host.
    ``declared`` is whether the compose file mounts a writable thing there; ``executable`` whether the kernel would
    have mapped the new file as a program.
    """

    path: str
    kind: PlaceKind
    declared: bool
    executable: bool


@dataclass(frozen=True, slots=True)
class SystemCall:
    """One dangerous request to the kernel, made as the service's own user: its answer, and whether that was no.

    ``answer`` is the name of the error (``EPERM``), or ``allowed``. An error that only comes after every check of
    permission (``EFAULT`` for a bad address) is no refusal: the caller had got through.
    """

    name: str
    answer: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """An attempt to reach a listening socket of another service; ``answer`` as for SystemCall (``connected``)."""

    service: str
    address: str
    port: int
    answer: str

    @property
    def reached(self) -> bool:
        """Whether the peer, or its kernel, answered at all: a refusal comes from the other end as well."""
        return self.answer in ("connected", "ECONNREFUSED")


@dataclass(frozen=True, slots=True)
class HealthcheckOutcome:
    """The healthcheck's own command where the service does not run.

    ``exit_code`` is None where it did not end within its time limit, which the engine counts as a failure.
    """

    exit_code: int | None
    seconds: float

    @property
    def noticed(self) -> bool:
        """Whether it said that something is wrong."""
        return self.exit_code != 0


@dataclass(slots=True, eq=False, kw_only=True)
class Drill:
    """One service under test. Every field from ``restart`` on is a fact; ``origin`` is the service's key.

    ``posture`` is the observed one. A service that is not ``lasting`` had run to its end when the drills began.
    ``connections`` are attempts at every other service of the stack.
    """

    subject: str
    origin: Origin
    service: Service | None = field(default=None, repr=False)
    posture: Posture | None = field(default=None, repr=False)
    lasting: bool = True

    restart: Fact[RestartOutcome] = NOT_DRILLED
    stop: Fact[StopOutcome] = NOT_DRILLED
    writes: Fact[tuple[WrittenPlace, ...]] = NOT_DRILLED
    syscalls: Fact[tuple[SystemCall, ...]] = NOT_DRILLED
    connections: Fact[tuple[Connection, ...]] = NOT_DRILLED
    healthcheck: Fact[HealthcheckOutcome | None] = NOT_DRILLED

    def has(self, path: str) -> bool:
        """Whether the compose file says something at a dotted path of the service."""
        return self.service is not None and self.service.get(path) is not None

    def finding(self, fact: Fact[Any], message: str, remedy: Remedy | None = None, *, at: str | Origin = "") -> Finding:
        """A finding at a dotted path of the service, where one would write the remedy; the evidence is related."""
        evidence = () if fact.origin is None else (fact.origin,)
        related = evidence if isinstance(fact, Unknown) else (*evidence, *fact.related)
        if isinstance(at, str):
            place: Origin = self.service.at(at) if self.service is not None and at else self.origin
        else:
            place = at
        return Finding(message, place, remedy=remedy, related=related)
