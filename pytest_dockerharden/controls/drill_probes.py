"""What a service's own user is refused: writing, running what was written, dangerous system calls, other services."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.drill import Connection, Drill, WrittenPlace
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.remedies import advice, append_item, set_key
from pytest_dockerharden.model.roles import is_data_store, uses

# the engine makes them writable in every container; only a user who is not root is kept out of the first
_ENGINE_MADE = ("/dev", "/dev/shm")  # noqa: S108 - no temporary file is made there
_SHOWN = 3


@control(severity="medium", plan="P1", owasp="RULE 8", nist="4.4.4")
def refuses_writes(drill: Drill, *, allowed: tuple[str, ...] = _ENGINE_MADE) -> Findings:
    """The service's user can write only where the compose file says so.

    Where an intruder can write, he can leave a tool, or change what is run or served. It was tried as the user that the
    service runs as, in a container like its own. A volume that the image declares is writable behind `read_only`.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sleep", "1000"]

    Good::

        services:
          web:
            image: app
            command: ["sleep", "1000"]
            read_only: true
            tmpfs: [/tmp]
            volumes: ["data:/data"]
        volumes:
          data: {}
    """
    if not drill.lasting:
        not_applicable("it runs to completion")
    undeclared = [place for place in drill.writes.value if not place.declared and place.path not in allowed]
    in_image = [place.path for place in undeclared if place.kind == "image"]
    if in_image:
        remedy = set_key("read_only", True, breaks="what it writes to its image needs a tmpfs or a volume")
        yield drill.finding(
            drill.writes, f"its user could write to its image: {_listed(in_image)}", remedy, at="read_only"
        )
    for place in undeclared:
        if place.kind == "volume":
            remedy = append_item("tmpfs", place.path)
            yield drill.finding(drill.writes, f"its user could write to {place.path}, a volume of its image", remedy)
        elif place.kind != "image":
            yield drill.finding(
                drill.writes, f"its user could write to {place.path}, which is not declared as writable"
            )


def _listed(paths: Iterable[str]) -> str:
    shown = sorted(paths, key=lambda path: (path.count("/"), path))
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


@control(severity="medium", plan="P1", owasp="RULE 8", nist="4.4.4")
def no_execution_from_writable_paths(
    drill: Drill, *, volumes: bool = False, allowed: tuple[str, ...] = ("/dev",)
) -> Findings:
    """What the service's user writes to its tmpfs mounts cannot be run.

    A place where one can write and run programs is where an intruder puts his tools. In every place that its user can
    write a file was made, and the kernel asked to map it as a program. A tmpfs is `noexec` unless its options say
    otherwise. Volumes are never `noexec`; judge them too with `volumes`.

    Bad::

        services:
          web:
            image: app
            command: ["sleep", "1000"]
            read_only: true
            tmpfs:
              - /tmp:exec  # <-

    Good::

        services:
          web:
            image: app
            command: ["sleep", "1000"]
            read_only: true
            tmpfs: ["/tmp:size=16m,noexec"]
    """
    if not drill.lasting:
        not_applicable("it runs to completion")
    runs = [place for place in drill.writes.value if place.executable and place.path not in allowed]
    mounted = [place for place in runs if place.kind == "tmpfs" or (volumes and place.kind == "volume")]
    if any(place.kind == "image" for place in runs) and not mounted:
        not_applicable("it can write to its image as well: see refuses-writes")
    for place in mounted:
        message = f"a program written to {place.path} could be run"
        yield drill.finding(
            drill.writes, message, advice(f"tmpfs:\n  - {place.path}:noexec"), at=_declaration(drill, place)
        )


def _declaration(drill: Drill, place: WrittenPlace) -> Origin | str:
    """The item of the compose file that mounts it."""
    service = drill.service
    for node in (*service.items("tmpfs"), *service.items("volumes")) if service else ():
        target = node.get("target") if isinstance(node.value, dict) else None
        path = target.text() if target is not None else str(node.value).partition(":")[0]
        if path.rstrip("/") == place.path:
            return node.place
    return ""


# what the engine's own filter, and a user without capabilities, are refused
_DANGEROUS = (
    "setuid(0)", "socket(AF_PACKET)", "keyctl", "add_key", "bpf", "perf_event_open", "userfaultfd",
    "open_by_handle_at", "init_module", "kexec_load", "mount", "unshare(CLONE_NEWNS)", "unshare(CLONE_NEWUSER)",
)  # fmt: skip


@control(severity="high", plan="P1", owasp=("RULE 3", "RULE 6"), nist="4.4.3", cis="5.22")
def refuses_dangerous_syscalls(drill: Drill, *, calls: tuple[str, ...] = _DANGEROUS) -> Findings:
    """The kernel refuses the service what only an intruder asks for.

    New namespaces, mounts, modules, keys and raw packets are where most ways out of a container begin. Each system call
    was made as the user, and with the capabilities and the filter, that the service has.

    Bad::

        services:
          web:
            image: app
            command: ["sleep", "1000"]
            user: "1000:1000"
            security_opt:  # <-
              - seccomp:unconfined

    Bad::

        services:
          web:
            image: app
            command: ["sleep", "1000"]
            cap_add:  # <-
              - SYS_ADMIN

    Good::

        services:
          web:
            image: app
            command: ["sleep", "1000"]
            user: "1000:1000"
            cap_drop: [ALL]
            security_opt: ["no-new-privileges:true"]
    """
    if not drill.lasting:
        not_applicable("it runs to completion")
    reached = [call.name for call in drill.syscalls.value if not call.refused and call.name in calls]
    if reached:
        causes = [key for key in ("privileged", "cap_add", "security_opt") if drill.has(key)]
        remedy = set_key("cap_drop", ["ALL"], breaks="a server that changes its own user needs SETUID and SETGID")
        yield drill.finding(
            drill.syscalls, f"the kernel did not refuse {_listed(reached)}", remedy, at=causes[0] if causes else ""
        )


@control(severity="high", plan="P1", owasp="RULE 5", nist="4.4.2")
def networks_keep_services_apart(drill: Drill) -> Findings:
    """A service reaches none with which it shares no network.

    A firewall that is switched off, or rules of one's own in front of those of the engine, open what the compose file
    keeps apart. It was tried by connecting to every other service from its own place in the network.

    Good::

        services:
          proxy:
            image: app
            command: ["sleep", "1000"]
            networks: [front]
          db:
            image: app
            command: ["sh", "-c", "exec nc -ll -p 5432 -e echo"]
            networks: [back]
        networks:
          front: {}
          back: {}
    """
    if not drill.lasting:
        not_applicable("it runs to completion")
    made = drill.connections.value
    if not made or drill.posture is None:
        not_applicable("there is no other service")
    allowed = drill.posture.reaches.value
    for connection in _first_of_each(c for c in made if c.reached and c.service not in allowed):
        yield drill.finding(
            drill.connections,
            f"it reached {connection.service} at port {connection.port} without a network in common",
            advice("look at the rules of the chain DOCKER-USER, and at `iptables` in the engine's settings"),
            at="networks",
        )


@control(severity="low", optional=True, plan="P1", owasp="RULE 5", nist="4.4.2")
def reaches_only_its_own_data_stores(drill: Drill) -> Findings:
    """A service gets no connection to a data store that it does not use.

    On a flat network whoever takes over the proxy talks to the database next. It was tried by connecting.

    Bad::

        services:
          proxy:  # <-
            image: app
            command: ["sleep", "1000"]
          db:
            image: postgres
            command: ["sh", "-c", "exec nc -ll -p 5432 -e echo"]

    Good::

        services:
          proxy:
            image: app
            command: ["sleep", "1000"]
            networks: [front]
          api:
            image: app
            command: ["sleep", "1000"]
            networks: [front, back]
            depends_on: [db]
          db:
            image: postgres
            command: ["sh", "-c", "exec nc -ll -p 5432 -e echo"]
            networks: [back]
        networks:
          front: {}
          back: {}
    """
    if not drill.lasting or drill.service is None:
        not_applicable("it runs to completion")
    others = drill.service.project.services
    stores = {name for name, other in others.items() if other.posture is not None and is_data_store(other.posture)}
    made = [c for c in drill.connections.value if c.service in stores and not uses(drill.service, c.service)]
    if not made:
        not_applicable("there is no data store that it does not use")
    for connection in _first_of_each(c for c in made if c.answer == "connected"):
        yield drill.finding(
            drill.connections,
            f"it could connect to {connection.service} at port {connection.port}, and does not use it",
            advice("networks:\n  - one that the data store is not on"),
            at="networks",
        )


def _first_of_each(connections: Iterable[Connection]) -> Iterable[Connection]:
    """One connection for each service."""
    found: dict[str, Connection] = {}
    for connection in connections:
        found.setdefault(connection.service, connection)
    return found.values()
