"""A second container made as the service's own: same image, user, capabilities, filter, limits and kinds of mounts.

It has volumes of its own instead of those that the service writes to, cannot write what is bound in from the host,
publishes nothing, and is on no network. Its first process is the probe.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_dockerharden.drills.agent import Agent, executable
from pytest_dockerharden.observe.shell import ProbeDidNotRun

if TYPE_CHECKING:
    import docker

FOLDER = "/.dockerharden"
PROGRAM = f"{FOLDER}/agent"
LABELS = "dockerharden."
# what only the service itself may have: its ports and names, the namespaces of others, the data of others
OWN = {
    "NetworkMode": "none",
    "PortBindings": {},
    "PublishAllPorts": False,
    "RestartPolicy": {},
    "AutoRemove": False,
    "Links": None,
    "VolumesFrom": None,
    "PidMode": "",
    "UTSMode": "",
    "ExtraHosts": None,
    "ContainerIDFile": "",
    "Init": False,
    "LogConfig": {"Type": "none"},
}


class Identity(NamedTuple):
    """Whom a process runs as. ``groups`` are its supplementary ones."""

    uid: int
    gid: int
    groups: frozenset[int] = frozenset()

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(slots=True)
class Probe:
    """The program in a volume of its own, for all twins of a run. Use it as a context manager."""

    client: docker.DockerClient
    labels: Mapping[str, str]
    machine: str
    volume: str = ""

    @classmethod
    @contextlib.contextmanager
    def prepared(cls, client: docker.DockerClient, labels: Mapping[str, str], image: str) -> Iterator[Probe]:
        """``image`` is any image of the stack: nothing of it is run, the volume is filled through it."""
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
            architecture := str(client.api.version().get("Arch", "")), architecture
        )
        probe = cls(client, labels, machine)
        probe.fill(image, executable(machine))
        try:
            yield probe
        finally:
            from docker.errors import APIError

            with contextlib.suppress(APIError):
                client.api.remove_volume(probe.volume, force=True)

    def fill(self, image: str, program: bytes) -> None:
        """The engine unpacks a tar into the volume of a container that is created and never started."""
        api = self.client.api
        self.volume = str(api.create_volume(labels=dict(self.labels))["Name"])
        body = {
            "Image": image,
            "Cmd": ["never"],
            "Labels": dict(self.labels),
            "HostConfig": {"NetworkMode": "none", "Mounts": [self.mount(read_only=False)]},
        }
        container = api.create_container_from_config(body)["Id"]
        try:
            api.put_archive(container, FOLDER, tar("agent", program))
        finally:
            api.remove_container(container, force=True)

    def mount(self, *, read_only: bool = True) -> dict[str, Any]:
        return {"Type": "volume", "Source": self.volume, "Target": FOLDER, "ReadOnly": read_only}

    @contextlib.contextmanager
    def started(self, body: dict[str, Any], patience: float) -> Iterator[Agent]:
        """The agent in a container made from a body, removed at the end. Raises ProbeDidNotRun."""
        from docker.errors import APIError

        try:
            container = self.client.api.create_container_from_config(body)["Id"]
        except APIError as error:
            raise ProbeDidNotRun(f"a twin of it could not be created: {error.explanation}") from None
        try:
            agent = Agent(self.client, container, self.machine, patience)
            try:
                yield agent
            finally:
                agent.close()
        finally:
            with contextlib.suppress(APIError):
                self.client.api.remove_container(container, force=True, v=True)


def tar(name: str, program: bytes) -> bytes:
    """An archive of one program that everybody may run."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    return buffer.getvalue()


def twin_body(inspected: dict[str, Any], user: Identity, probe: Probe) -> dict[str, Any]:
    """The body of a twin that runs as ``user``, from what the engine says of the service's container."""
    config, host = inspected["Config"], dict(inspected["HostConfig"])
    binds, volumes = apart(host.get("Binds") or [])
    mounts = [own for mount in host.get("Mounts") or [] if (own := own_mount(mount)) is not None]
    ipc = "none" if host.get("IpcMode") == "none" else "private"
    host |= OWN | {"Binds": binds, "Mounts": [*mounts, *volumes, probe.mount()], "IpcMode": ipc}
    # with a gid of its own in User the engine gives a process none of the groups of the image's /etc/group
    host["GroupAdd"] = sorted(map(str, user.groups))
    # podman answers RLIMIT_NOFILE and takes nofile
    limits = host.get("Ulimits") or []
    host["Ulimits"] = [limit | {"Name": limit["Name"].removeprefix("RLIMIT_").lower()} for limit in limits]
    host.pop("ConsoleSize", None)
    return {
        "Image": inspected["Image"],
        "Entrypoint": [PROGRAM],
        "Cmd": [],
        "User": str(user),
        "Env": config.get("Env"),
        "WorkingDir": config.get("WorkingDir") or "",
        "Healthcheck": {"Test": ["NONE"]},
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "Labels": own_labels(config),
        "HostConfig": host,
    }


def apart(binds: list[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """What is mounted read-only, all that comes from the host included, and a new volume for each writable one."""
    kept, volumes = [], []
    for bind in binds:
        source, target, *options = bind.split(":")
        modes = options[0].split(",") if options else []
        if source.startswith("/") or "ro" in modes:
            kept.append(":".join((source, target, ",".join(("ro", *(m for m in modes if m not in ("rw", "ro")))))))
        else:
            volumes.append({"Type": "volume", "Target": target})
    return kept, volumes


def own_mount(mount: dict[str, Any]) -> dict[str, Any] | None:
    """A mount in the twin; None for what only the service may have."""
    kind = mount["Type"]
    if kind == "volume" and not mount.get("ReadOnly"):
        return {"Type": "volume", "Target": mount["Target"]}
    if kind == "bind":
        return mount | {"ReadOnly": True}
    return mount if kind in ("volume", "tmpfs", "image") else None


def own_labels(config: dict[str, Any]) -> dict[str, str]:
    """The labels of the run alone: whatever removes the stack removes the twin, and Docker Compose does not see it."""
    return {key: value for key, value in (config.get("Labels") or {}).items() if key.startswith(LABELS)}


def neighbour_body(inspected: dict[str, Any], user: Identity, probe: Probe) -> dict[str, Any]:
    """A container with nothing but the service's network: what it can reach the service can, and nothing else."""
    return {
        "Image": inspected["Image"],
        "Entrypoint": [PROGRAM],
        "Cmd": [],
        "User": str(user),
        "WorkingDir": "/",
        "Healthcheck": {"Test": ["NONE"]},
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "Labels": own_labels(inspected["Config"]),
        "HostConfig": {
            "NetworkMode": f"container:{inspected['Id']}",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Mounts": [probe.mount()],
            "Memory": 64 * 1024**2,
            "PidsLimit": 16,
            "LogConfig": {"Type": "none"},
        },
    }
