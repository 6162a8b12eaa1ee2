"""The last witness: a shell in each container itself, where it has one."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pytest_dockerharden.observe.helper import FRAME, guarded_script, put_frames
from pytest_dockerharden.observe.shell import ProbeDidNotRun, Shell, ShellClosed
from pytest_dockerharden.observe.witness import (
    CGROUP_FILES,
    EVERY_PROCESS,
    FIRST_PROCESS,
    NETWORK_FILES,
    ContainerAccount,
)

if TYPE_CHECKING:
    import docker

# the shell that asks is not of the service; nor are its children, that have its session
SCRIPT = """\
for d in /proc/[0-9]*; do
  p=${d#/proc/}
  read -r stat 2>/dev/null <$d/stat || continue
  set -- ${stat##*)}
  [ "$4" = "$SESSION" ] && continue
  for f in EVERY; do frame $p $f cat $d/$f; done
done
for f in FIRST; do frame 1 $f cat /proc/1/$f; done
for f in CGROUP; do frame 1 cgroup:$f cat /sys/fs/cgroup/$f; done
"""


class ExecWitness:
    """It sees what the container's own user sees, with the pids of the container's namespace."""

    name = "a shell in the container"

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client

    def collect(self, containers: dict[str, int]) -> dict[str, ContainerAccount]:
        """One shell for each container; one without a shell stays unknown, with the reason."""
        accounts = {}
        for container in containers:
            account = accounts[container] = ContainerAccount(container, self.name, main=1, within=True)
            if self.client.api.inspect_container(container)["HostConfig"].get("PidMode"):
                account.why = (
                    "no helper could be started, and it shares a pid namespace: its first process is not known"
                )
                continue
            try:
                with Shell(self.client, container) as shell:
                    self.read(shell, account)
            except (ProbeDidNotRun, ShellClosed) as error:
                account.why = f"no helper could be started, and {error}"
        return accounts

    def read(self, shell: Shell, account: ContainerAccount) -> None:
        """Two commands: what is open to all, then what the container's user may read of its own processes."""
        mark = secrets.token_hex(16)
        script = (
            SCRIPT.replace("EVERY", " ".join(EVERY_PROCESS))
            .replace("FIRST", " ".join(FIRST_PROCESS + NETWORK_FILES))
            .replace("CGROUP", " ".join(CGROUP_FILES))
        )
        session = "read -r stat </proc/$$/stat; set -- ${stat##*)}; SESSION=$4\n"
        put_frames(shell.run(f"M={mark}\n{session}{FRAME}{script}").stdout, mark, account)
        put_frames(shell.run(guarded_script(mark, account.processes, [account])).stdout, mark, account)

    def close(self) -> None:
        """Every shell is closed already."""
