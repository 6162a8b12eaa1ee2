"""A shell in a container that has none, without writing into it.

A helper with the same uid and no capability joins the container's pid namespace. An exec in the container then starts
the helper's static busybox by its path below ``/proc/PID/root``: it runs with the container's own mounts, seccomp
filter, capabilities and NoNewPrivs, and works on scratch images with a read-only root and noexec tmpfs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.observe.shell import ProbeDidNotRun, Shell

if TYPE_CHECKING:
    import docker

# seconds for the helper to say its pid
PATIENCE = 10.0
PLACES = ("bin/busybox", "usr/bin/busybox", "busybox", "bin/busybox.static")


class WriteFreeShell(Shell):
    """``images`` are tried in turn; one must have a static busybox at one of PLACES. Without a ``user`` commands run
    as the container's first process does.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        container: str,
        images: Iterable[str],
        labels: Mapping[str, str],
        user: str = "",
    ) -> None:
        self.helper = ""
        self.client = client
        # an image without a passwd file has no user of this name, but it has the id
        user = "0:0" if user == "root" else user or first_user(client, container)
        reasons = []
        for image in images:
            for place in PLACES:
                try:
                    pid = self.start_helper(container, image, place, user, labels)
                    root = f"/proc/{pid}/root"
                    path = {"PATH": f"{root}/bin:{root}/usr/bin"}
                    super().__init__(client, container, (f"{root}/{place}", "sh"), user, path)
                    return
                except ProbeDidNotRun as reason:
                    self.remove_helper()
                    reasons.append(f"{image}: {reason}")
        raise ProbeDidNotRun("no shell could be lent to the container: " + "; ".join(reasons))

    def start_helper(self, container: str, image: str, place: str, user: str, labels: Mapping[str, str]) -> int:
        """Its pid in the container's namespace."""
        from docker.errors import APIError

        api = self.client.api
        try:
            self.helper = api.create_container_from_config(body(container, image, place, user, labels))["Id"]
            api.start(self.helper)
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                said = api.logs(self.helper, stderr=False).strip()
                if said.isdigit():
                    return int(said)
                time.sleep(0.02)
        except APIError as error:
            raise ProbeDidNotRun(f"/{place} could not be started: {error.explanation}") from None
        raise ProbeDidNotRun(f"/{place} said nothing")

    def remove_helper(self) -> None:
        from docker.errors import APIError

        helper, self.helper = self.helper, ""
        if helper:
            with contextlib.suppress(APIError):
                self.client.api.remove_container(helper, force=True, v=True)

    def close(self) -> None:
        """End the shell and remove the helper."""
        super().close()
        self.remove_helper()


def body(container: str, image: str, place: str, user: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """The helper says its pid and waits on a standard input that never comes."""
    return {
        "Image": image,
        "Entrypoint": [f"/{place}", "sh", "-c", "echo $$; read -r never"],
        "Cmd": [],
        "User": user,
        "WorkingDir": "/",
        "OpenStdin": True,
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "PidMode": f"container:{container}",
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Memory": 64 * 1024**2,
            "PidsLimit": 16,
        },
    }


def first_user(client: docker.DockerClient, container: str) -> str:
    """``uid:gid`` of the first process, which a name in the image's settings does not tell."""
    from docker.errors import APIError

    try:
        pid = str(client.api.inspect_container(container)["State"]["Pid"])
        rows = client.api.top(container, ps_args="-eo pid,euid,egid")["Processes"]
    except APIError as error:
        raise ProbeDidNotRun(f"the container's processes could not be listed: {error.explanation}") from None
    row = next((row for row in rows if row[0] == pid), None)
    if row is None:
        raise ProbeDidNotRun("the container's first process could not be found")
    return f"{row[1]}:{row[2]}"
