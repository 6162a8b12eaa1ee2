"""How much of the machine a container may take."""

from __future__ import annotations

from dataclasses import replace

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, remove_key, set_key
from pytest_dockerharden.model.roles import family, is_for_swarm

_CPUS = pattern(r"\d+(?:\.\d+)?|\.\d+")
_MEBIBYTE = 1 << 20
_SMALLEST_MEMORY = 6 * _MEBIBYTE  # moby daemon/daemon_unix.go, linuxMinMemory
_SHM_DEFAULT = 64 * _MEBIBYTE
# what does not start, or not for long, within the limits of an ordinary service
_LARGE = frozenset(
    {
        "elasticsearch", "opensearch", "logstash", "kibana", "solr", "kafka", "cp-kafka", "cp-server", "cassandra",
        "neo4j", "clickhouse-server", "mssql/server", "sonarqube", "nexus3", "jenkins", "keycloak", "gitlab-ce",
        "gitlab-ee", "airflow", "ollama", "home-assistant", "plex", "jellyfin", "immich-server", "minecraft-server",
        "mysql", "mariadb", "mongo",
    }
)  # fmt: skip


def _or_refused(service: Service | None, breaks: str) -> str:
    if service is not None and is_for_swarm(service):
        return f"{breaks}; docker stack deploy, which refuses the file for it"
    return breaks


def _amount(size: int) -> str:
    """A size as compose writes it: ``512m``, ``2g``."""
    for unit, letter in ((1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")):
        if size % unit == 0 and size >= unit:
            return f"{size // unit}{letter}"
    return f"{size // _MEBIBYTE}m" if size >= _MEBIBYTE else f"{size}b"


def _room(posture: Posture) -> tuple[str, int]:
    """Memory and processes to write; threads count as processes, so that a JVM does not start with a hundred."""
    return ("4G", 1000) if family(posture) in _LARGE else ("512M", 100)


def _limit(posture: Posture, name: str, plain: str, value: object) -> Remedy:
    """The limit in the spelling that the service already uses: compose refuses a mixture of the two."""
    service = posture.service
    keys = ("mem_limit", "cpus", "pids_limit")
    uses_plain = (
        service is not None and not service.get("deploy.resources.limits") and any(service.get(key) for key in keys)
    )
    breaks = "a service that needs more than the limit; measure before"
    return set_key(plain if uses_plain else f"deploy.resources.limits.{name}", value, breaks=breaks)


@control(
    severity="medium",
    plan="P1",
    cis="5.11",
    owasp="RULE 7",
    nist="4.4.3",
    equivalents={"kics": "memory_not_limited", "compose-lint": "CL-0026", "docker-bench": "5.11"},
)
def memory_limit(posture: Posture) -> Findings:
    """Memory is limited.

    A service without a limit takes all of the machine's memory with it when it leaks or is flooded.

    Bad::

        services:
          web:  # <-
            image: app

    Bad::

        services:
          web:
            image: app
            mem_limit: 0  # <-

    Good::

        services:
          web:
            image: app
            deploy:
              resources:
                limits:
                  memory: 512M

    Good::

        services:
          web:
            image: app
            mem_limit: 512m
    """
    if posture.memory.value is None:
        memory, _ = _room(posture)
        yield posture.memory.finding("its memory is not limited", _limit(posture, "memory", "mem_limit", memory))


@control(
    severity="low",
    plan="P1",
    optional=True,
    cis="5.12",
    owasp="RULE 7",
    nist="4.4.3",
    equivalents={"kics": "cpus_not_limited", "compose-lint": "CL-0026", "docker-bench": "5.12"},
)
def cpu_limit(posture: Posture) -> Findings:
    """CPU time is limited.

    A service without a limit starves its neighbours when it spins.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            cpus: 1.5

    Good::

        services:
          web:
            image: app
            cpu_quota: 50000

    Good::

        services:
          web:
            image: app
            deploy:
              resources:
                limits:
                  cpus: "0.5"
    """
    if posture.cpus.value is None:
        yield posture.cpus.finding("its CPU time is not limited", _limit(posture, "cpus", "cpus", "1.0"))


@control(
    severity="medium",
    plan="P1",
    cis="5.29",
    owasp="RULE 7",
    equivalents={"kics": "pids_limit_not_set", "docker-bench": "5.29"},
)
def pids_limit(posture: Posture) -> Findings:
    """The number of processes is limited.

    Without a limit one fork bomb in one container stops the whole machine.

    Bad::

        services:
          web:  # <-
            image: app

    Bad::

        services:
          web:
            image: app
            pids_limit: -1  # <-

    Good::

        services:
          web:
            image: app
            pids_limit: 100
    """
    if posture.pids.value is None:
        _, processes = _room(posture)
        yield posture.pids.finding(
            "the number of its processes is not limited", _limit(posture, "pids", "pids_limit", processes)
        )


@control(severity="low", plan="P1", optional=True, owasp="RULE 7")
def swap_limit(posture: Posture) -> Findings:
    """A memory limit is not doubled by swap.

    With ``mem_limit`` alone the engine allows as much swap again: the container pages instead of being stopped, and the
    machine's disk slows down for everybody.

    Bad::

        services:
          web:
            image: app
            mem_limit: 512m  # <-

    Good::

        services:
          web:
            image: app
            mem_limit: 512m
            memswap_limit: 512m
    """
    memory, both = posture.memory.value, posture.memory_swap.value
    if memory is None:
        not_applicable("its memory is not limited at all")
    if both is None or both > memory:
        more = "without end" if both is None else f"by {_amount(both - memory)}"
        yield posture.memory_swap.finding(
            f"it may swap {more} beyond its memory limit",
            set_key(
                "memswap_limit", _amount(memory), breaks=_or_refused(posture.service, "a service that lives from swap")
            ),
        )


@control(severity="medium", plan="P1")
def limits_are_accepted(posture: Posture) -> Findings:
    """The engine takes the limits as they are written.

    A reservation above its limit, swap below memory or less than 6 MiB of memory is refused when the container is
    created.

    Bad::

        services:
          web:
            image: app
            mem_limit: 256m
            mem_reservation: 512m  # <-

    Bad::

        services:
          web:
            image: app
            mem_limit: 4m  # <-

    Good::

        services:
          web:
            image: app
            mem_limit: 512m
            mem_reservation: 256m
    """
    memory, reserved, both = posture.memory.value, posture.memory_reservation.get(None), posture.memory_swap.get(None)
    if memory is None:
        not_applicable("its memory is not limited")
    if memory < _SMALLEST_MEMORY:
        yield posture.memory.finding(f"{_amount(memory)} of memory is less than the engine takes (6m)")
    if reserved is not None and reserved > memory:
        yield posture.memory_reservation.finding(
            f"it reserves {_amount(reserved)} of memory, and is limited to {_amount(memory)}"
        )
    if both is not None and both < memory:
        yield posture.memory_swap.finding(
            f"memory and swap together ({_amount(both)}) are less than memory ({_amount(memory)})"
        )


@control(severity="info", plan="P1", optional=True)
def reservations_take_effect(posture: Posture) -> Findings:
    """No CPU reservation is relied on.

    Outside swarm mode ``deploy.resources.reservations.cpus`` is ignored; only memory is reserved.

    Bad::

        services:
          web:
            image: app
            deploy:
              resources:
                reservations:
                  cpus: "0.5"  # <-

    Good::

        services:
          web:
            image: app
            cpu_shares: 512
            deploy:
              resources:
                reservations:
                  memory: 128M
    """
    service = posture.service
    if service is None:
        not_applicable("a reservation that is ignored leaves no trace")
    node = service.get("deploy.resources.reservations.cpus")
    if node is not None:
        yield service.finding("its CPU reservation is ignored", _by_weight(service, node.text()), at=node)


def _by_weight(service: Service, reserved: str) -> Remedy:
    """1024, the weight of a container that says nothing, stands for one CPU."""
    out = remove_key("deploy.resources.reservations.cpus", breaks="a deployment to Swarm")
    if is_for_swarm(service):
        return advice("remove `deploy.resources.reservations.cpus` where Swarm does not run it")
    if service.get("cpu_shares") is not None:
        return out
    if not _CPUS.fullmatch(reserved) or not float(reserved):
        return advice("cpu_shares: 512")
    weight = set_key("cpu_shares", max(2, round(float(reserved) * 1024)), breaks=out.breaks)
    return replace(weight, edits=(*weight.edits, *out.edits))


@control(severity="low", plan="P1")
def tmpfs_fits_memory_limit(posture: Posture, *, share: float = 0.5) -> Findings:
    """The tmpfs mounts of a service leave room in its memory limit.

    What is in a tmpfs or in /dev/shm counts as the container's memory. Where they may grow to ``share`` of the limit or
    more, a full tmpfs gets the service killed.

    Bad::

        services:
          redis:
            image: redis:7-alpine
            mem_limit: 512m
            tmpfs:
              - /data:size=256m  # <-

    Bad::

        services:
          web:
            image: app
            mem_limit: 256m
            shm_size: 512m  # <-

    Good::

        services:
          web:
            image: app
            mem_limit: 512m
            tmpfs: ["/tmp:size=64m"]

    Good::

        services:
          web:
            image: app
            tmpfs: ["/tmp:size=64m"]
    """
    memory = posture.memory.value
    if memory is None:
        not_applicable("its memory is not limited")
    sized = [mount for mount in posture.mounts.value if mount.kind == "tmpfs" and mount.size]
    total = sum(mount.size or 0 for mount in sized)
    if total >= share * memory:
        largest = max(sized, key=lambda mount: mount.size or 0)
        yield posture.mounts.finding(
            f"its tmpfs may take {_amount(total)} of {_amount(memory)} of memory",
            advice("a smaller `size=`, or a larger memory limit"),
            at=largest.origin,
        )
    shm = posture.shm_size.get(None) or 0
    if shm > _SHM_DEFAULT and shm >= share * memory:
        yield posture.shm_size.finding(
            f"its /dev/shm may take {_amount(shm)} of {_amount(memory)} of memory",
            advice("a smaller `shm_size`, or a larger memory limit"),
        )


@control(severity="low", optional=True, cis="5.19", owasp="RULE 7", equivalents={"docker-bench": "5.19"})
def file_descriptors_limited(posture: Posture, *, most: int = 1_048_576) -> Findings:
    """The number of open files is limited.

    Many engines start containers with a limit of a million and more; some programs then close or allocate that many.

    Bad::

        services:
          web:  # <-
            image: app

    Bad::

        services:
          web:
            image: app
            ulimits:  # <-
              nofile: -1

    Good::

        services:
          web:
            image: app
            ulimits:
              nofile:
                soft: 1024
                hard: 65536
    """
    limit = posture.ulimits.value.get("nofile")
    if limit is None or limit.hard < 0 or limit.hard > most:
        yield posture.ulimits.finding(
            "the number of its open files is not limited",
            set_key("ulimits.nofile", {"soft": 1024, "hard": 65536}, breaks="a service with more open files"),
        )


@control(severity="low")
def oom_killer_enabled(posture: Posture) -> Findings:
    """The kernel may stop the service when memory runs out.

    With ``oom_kill_disable`` a service that reaches its limit hangs for ever, and without a limit the machine does.

    Bad::

        services:
          web:
            image: app
            oom_kill_disable: true  # <-

    Good::

        services:
          web:
            image: app
            mem_limit: 512m
    """
    if posture.oom_kill_disabled.value:
        yield posture.oom_kill_disabled.finding("the OOM killer is switched off for it", remove_key("oom_kill_disable"))


@control(severity="low", optional=True)
def oom_score_not_lowered(posture: Posture) -> Findings:
    """The service does not ask the kernel to stop others first.

    A negative ``oom_score_adj`` puts the container above the machine's own services when memory runs out.

    Bad::

        services:
          web:
            image: app
            oom_score_adj: -500  # <-

    Good::

        services:
          web:
            image: app
            oom_score_adj: 500
    """
    score = posture.oom_score_adj.value
    if score < 0:
        yield posture.oom_score_adj.finding(f"its OOM score is lowered by {-score}", remove_key("oom_score_adj"))
