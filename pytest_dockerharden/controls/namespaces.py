"""Which kernel namespaces and control groups a container shares with the host or with other containers."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import remove_key, set_key


@control(
    severity="high",
    plan="P1",
    cis="5.16",
    equivalents={"kics": "host_namespace_is_shared", "compose-lint": "CL-0010", "docker-bench": "5.16"},
)
def no_host_pid(posture: Posture) -> Findings:
    """The process namespace is not the host's.

    With the host's, a container sees every process of the machine, its arguments and, as root, its memory and files.

    Bad::

        services:
          web:
            image: app
            pid: host  # <-

    Good::

        services:
          web:
            image: app
    """
    if posture.pid_mode.value == "host":
        yield posture.pid_mode.finding("it shares the host's processes", remove_key("pid"))


@control(
    severity="high",
    plan="P1",
    cis="5.17",
    equivalents={"kics": "shared_host_ipc_namespace", "compose-lint": "CL-0010", "docker-bench": "5.17"},
)
def no_host_ipc(posture: Posture) -> Findings:
    """The IPC namespace is not the host's.

    With the host's, a container reads and writes the shared memory of every program of the machine.

    Bad::

        services:
          web:
            image: app
            ipc: host  # <-

    Good::

        services:
          web:
            image: app
            ipc: private
    """
    if posture.ipc_mode.value == "host":
        yield posture.ipc_mode.finding("it shares the host's IPC namespace", remove_key("ipc"))


@control(severity="medium", plan="P1", cis="5.21", equivalents={"docker-bench": "5.21"})
def no_host_uts(posture: Posture) -> Findings:
    """The host name is not the host's.

    With the host's UTS namespace, root in a container can rename the machine.

    Bad::

        services:
          web:
            image: app
            uts: host  # <-

    Good::

        services:
          web:
            image: app
            hostname: web
    """
    if posture.uts_mode.value == "host":
        yield posture.uts_mode.finding("it shares the host's name", remove_key("uts"))


@control(
    severity="high",
    plan="P1",
    cis="5.31",
    equivalents={"kics": "shared_host_user_namespace", "docker-bench": "5.31"},
)
def no_host_userns(posture: Posture) -> Findings:
    """User namespace remapping is not switched off.

    Where the engine maps container users to harmless ones, ``userns_mode: host`` makes this root real again.

    Bad::

        services:
          web:
            image: app
            userns_mode: host  # <-

    Good::

        services:
          web:
            image: app
    """
    # left out, the engine decides: that is a matter of the engine, not of the service
    mode = posture.userns_mode
    if mode.get("") == "host":
        yield mode.finding("it is taken out of user namespace remapping", remove_key("userns_mode"))


@control(severity="medium", plan="P1")
def private_cgroup_namespace(posture: Posture) -> Findings:
    """The control group namespace is not the host's.

    With the host's, a container sees the control groups of the machine and of all other containers.

    Bad::

        services:
          web:
            image: app
            cgroup: host  # <-

    Good::

        services:
          web:
            image: app
            cgroup: private
    """
    if posture.cgroup_mode.value == "host":
        yield posture.cgroup_mode.finding("it shares the host's control group namespace", set_key("cgroup", "private"))


@control(
    severity="medium",
    cis="5.25",
    equivalents={"kics": "cgroup_not_default", "docker-bench": "5.25"},
)
def default_cgroup_parent(posture: Posture) -> Findings:
    """The container is in the engine's own control group.

    Under another parent it shares limits with what is there, or escapes those that are meant for containers.

    Bad::

        services:
          web:
            image: app
            cgroup_parent: system.slice  # <-

    Good::

        services:
          web:
            image: app
    """
    parent = posture.cgroup_parent
    if parent.value not in ("", "/docker", "docker"):
        yield parent.finding(f"its control group is below {parent.value}", remove_key("cgroup_parent"))


@control(severity="medium")
def own_namespaces(posture: Posture, *, namespaces: tuple[str, ...] = ("pid", "ipc")) -> Findings:
    """No namespace is shared with another container.

    Who is in another container's process or IPC namespace reads its memory and signals its processes: two services
    become one. ``namespaces`` may name ``network`` as well.

    Bad::

        services:
          web:
            image: app
          debug:
            image: tools
            pid: service:web  # <-

    Bad::

        services:
          debug:
            image: tools
            ipc: container:store  # <-

    Good::

        services:
          web:
            image: app
          tunnel:
            image: tools
            network_mode: service:web
    """
    modes = {"pid": posture.pid_mode, "ipc": posture.ipc_mode, "network": posture.network_mode}
    for name in namespaces:
        mode = modes[name]
        if mode.value.startswith(("container:", "service:")):
            key = "network_mode" if name == "network" else name
            yield mode.finding(f"it is in the {name} namespace of {mode.value.partition(':')[2]}", remove_key(key))


@control(severity="low", optional=True)
def ipc_not_shareable(posture: Posture) -> Findings:
    """Other containers cannot join the IPC namespace.

    ``ipc: shareable`` opens the service's shared memory to any container that asks for it.

    Bad::

        services:
          web:
            image: app
            ipc: shareable  # <-

    Good::

        services:
          web:
            image: app
            ipc: private
    """
    if posture.ipc_mode.value == "shareable":
        yield posture.ipc_mode.finding("other containers can join its IPC namespace", remove_key("ipc"))
