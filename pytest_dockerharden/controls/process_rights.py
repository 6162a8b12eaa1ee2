"""Rights beside those of the first process: what others have, what is handed on, and what is left in memory."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture, Process
from pytest_dockerharden.model.remedies import advice, append_item, set_key


@control(severity="medium", cis="5.23", owasp="RULE 3", nist="4.4.3", live=True)
def no_process_exceeds_the_first(posture: Posture) -> Findings:
    """No process may do more than the first one.

    Tools look at the first process alone. An entrypoint that gives up rights for one program leaves them to what it
    started before, and `docker exec --privileged` gives them to whoever asks.

    Bad::

        services:
          web:  # <-
            image: app
            user: "0"
            entrypoint: ["sh", "-c", "sleep 1000 & exec setpriv --no-new-privs --bounding-set=-net_raw sleep 1000"]

    Good::

        services:
          web:
            image: app
            user: "4242:4242"
            cap_drop: [ALL]
            security_opt: ["no-new-privileges:true"]
            entrypoint: ["sh", "-c", "sleep 1000 & exec sleep 1000"]
    """
    processes = [process for process in posture.processes.value if not process.ended]
    first = next((process for process in processes if process.pid == 1), None)
    if first is None:
        not_applicable("no first process was seen")
    for process in processes:
        more = ", ".join(_beyond(process, first))
        if more and _user_namespace(process) is None:
            unknown(f"whether process {process.pid} is in a user namespace of its own may not be read")
        # a sandbox of a browser has every right, in a namespace where they are worth nothing
        if more and _user_namespace(process) == _user_namespace(first):
            yield posture.processes.finding(
                f"process {process.pid} has {more}, which the first one has not",
                advice("take the rights from the whole service: cap_drop, security_opt"),
                at=process.origin,
            )


def _beyond(process: Process, first: Process) -> Iterator[str]:
    capabilities = process.cap_bounding - first.cap_bounding
    if capabilities:
        yield " ".join(sorted(capabilities))
    if first.no_new_privileges and not process.no_new_privileges:
        yield "a way to new privileges"
    if first.seccomp and not process.seccomp:
        yield "system calls without a filter"


def _user_namespace(process: Process) -> int | None:
    return dict(process.namespaces).get("user")


@control(severity="low", optional=True, owasp="RULE 3", live=True)
def no_inherited_capabilities(posture: Posture) -> Findings:
    """No capability is handed on to every program that the service starts.

    Inheritable and ambient capabilities go to a shell as well, though it never asked for any.

    Bad::

        services:
          web:  # <-
            image: app
            user: "0"
            entrypoint: ["setpriv", "--inh-caps=+net_raw", "--ambient-caps=+net_raw", "sleep", "1000"]

    Good::

        services:
          web:
            image: app
            user: "4242:4242"
    """
    for kind, fact in (("ambient", posture.cap_ambient), ("inheritable", posture.cap_inheritable)):
        if fact.value:
            yield fact.finding(
                f"{' '.join(sorted(fact.value))} is {kind}", advice("give the program file capabilities, or none")
            )
            return


@control(severity="info", optional=True)
def no_core_dumps(posture: Posture) -> Findings:
    """No process leaves its memory in a file when it crashes.

    A core dump holds every key and password that the process had, and fills the disk while it crashes again and again.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            ulimits:
              core: 0
    """
    core = posture.ulimits.value.get("core")
    if core is None or core.hard != 0:
        yield posture.ulimits.finding("core dumps are not switched off", set_key("ulimits.core", 0, effect="safe"))


@control(severity="low", optional=True, owasp="RULE 4", nist="4.4.4", live=True)
def no_setuid_on_writable_mounts(posture: Posture) -> Findings:
    """What is written to a mount gives nobody more rights.

    A setuid program that root of one container leaves in a volume makes whoever runs it in another one root. With
    no-new-privileges there is none that does.

    Bad::

        services:
          web:  # <-
            image: app
            volumes: ["data:/data"]
        volumes:
          data: {}

    Good::

        services:
          web:
            image: app
            security_opt: ["no-new-privileges:true"]
            volumes: ["data:/data"]
          other:
            image: app
            tmpfs: ["/data:size=1m"]
        volumes:
          data: {}
    """
    if posture.no_new_privileges.value:
        not_applicable("with no-new-privileges no file gives any")
    for mount in posture.mounts.value:
        if mount.kind in ("volume", "bind", "tmpfs") and not mount.read_only and "nosuid" not in mount.flags:
            yield posture.mounts.finding(
                f"setuid programs work on {mount.target}",
                append_item("security_opt", "no-new-privileges:true"),
                at=mount.origin,
            )
