"""One helper container that reads for us, where the engine is not on this machine or its /proc is closed to us.

It has the host's pid namespace and nothing else: no capability, no network, no writable file, no privileges to gain.
What the kernel guards (environ, exe, namespaces) it reads in a second command under the target's own uid and gid; that
is enough for processes without capabilities, which are the hardened ones.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.hostpaths import engine_socket
from pytest_dockerharden.observe.cgroup import containers_in
from pytest_dockerharden.observe.witness import (
    CGROUP_FILES,
    EVERY_PROCESS,
    FIRST_PROCESS,
    GUARDED_FILES,
    GUARDED_LINKS,
    NETWORK_FILES,
    SOCKET_NAMES,
    ContainerAccount,
    Owner,
    ProcessAccount,
    given_targets,
    temporary_targets,
)

if TYPE_CHECKING:
    import docker

WORKERS = 8
NOBODY = "65534:65534"
CGROUPS = "/sys/fs/cgroup"
HOST_CGROUPS = "/dockerharden-cgroup"
# a frame is a file's bytes, then a line with the secret mark of this run, + or -, the process and the file's name
FRAME = """\
end() { printf '\\n%s %s %s %s\\n' "$M" "$1" "$2" "$3"; }
frame() { if "$3" "$4" 2>/dev/null; then end + $1 $2; else end - $1 $2; fi; }
one() { if { read -r line <"$3"; } 2>/dev/null; then printf '%s' "$line"; end + $1 $2; fi; }
"""
# a program is started for a file of many lines only: there may be hundreds of processes
OPEN = """\
for d in /proc/[0-9]*; do
  p=${d#/proc/}; mine=
  while IFS= read -r line; do case $line in PATTERN) mine=1; break;; esac; done 2>/dev/null <$d/cgroup
  [ "$mine" ] || continue
  printf '%s' "$line"; end + $p cgroup
  for f in EVERY; do frame $p $f cat $d/$f; done
  case " $MAIN " in *" $p "*) ;; *) continue;; esac
  for f in FIRST; do frame $p $f cat $d/$f; done
  while IFS=: read -r number names path; do
    for f in CGROUP; do
      case $f in */*) c=${f%%/*};; *) c=;; esac
      case ",$names," in *",$c,"*) ;; *) continue;; esac
      file=$ROOT/$c$path/${f##*/}
      case $f in *.list|*.oom_control|*.events) frame $p cgroup:$f cat $file;; *) one $p cgroup:$f $file;; esac
    done
  done <$d/cgroup
done
"""
# the targets of namespace links are the kernel's own words; that of exe is not, and stands in a frame of its own
GUARDED = """\
for p in $PIDS; do
  for f in FILES; do frame $p $f cat /proc/$p/$f; done
  frame $p exe readlink /proc/$p/exe
done
ls -l NAMESPACES 2>/dev/null; end + 0 namespaces
"""
# the link to the root can be followed by whom the kernel lets look
LOOK = """\
owner() { stat -c '%a %u %g' "$1"; }
sockets() { [ -e "$1/." ] || [ -e "$1" ] || return 1; for n in '' NAMES; do [ ! -S "$1$n" ] || echo "$n"; done; }
"""
NAMESPACES = tuple(name for name in GUARDED_LINKS if name.startswith("ns/"))
_NAMESPACE = re.compile(r" /proc/(\d+)/(ns/\w+) -> (\w+:\[\d+\])$", re.MULTILINE)


class NoHelper(Exception):  # noqa: N818 - the next witness is tried
    """No image at hand has a shell and cat, or the engine refused such a container."""


class HelperWitness:
    """Started at its first question, and kept until ``close``.

    ``images`` are tried in turn: any that has ``/bin/sh`` and ``cat``. ``labels`` are those of the run, so that the
    helper goes when the stack goes, whatever happens to us.
    """

    name = "a helper container"

    def __init__(self, client: docker.DockerClient, images: Iterable[str], labels: Mapping[str, str]) -> None:
        self.api = client.api
        self.images = tuple(dict.fromkeys(images))
        self.labels = dict(labels)
        self.container = ""

    def start(self) -> None:
        """Start the first image that can do it. Raises NoHelper."""
        from docker.errors import APIError

        reasons = []
        for image in () if self.container else self.images:
            created = ""
            try:
                created = self.api.create_container_from_config(body(image, self.labels))["Id"]
                self.api.start(created)
                self.container = created
                if self.execute("cat /proc/self/status", NOBODY).startswith(b"Name:"):
                    return
                reasons.append(f"{image}: no cat")
            except APIError as error:
                reasons.append(f"{image}: {error.explanation}")
            self.container = ""
            if created:
                self.api.remove_container(created, force=True, v=True)
        if not self.container:
            raise NoHelper("; ".join(reasons) or "there is no image to start a helper from")

    def close(self) -> None:
        """Remove the helper."""
        from docker.errors import NotFound

        container, self.container = self.container, ""
        if container:
            with contextlib.suppress(NotFound):
                self.api.remove_container(container, force=True, v=True)

    def collect(self, containers: dict[str, int]) -> dict[str, ContainerAccount]:
        """All in one command, and one more for each uid:gid of the stack."""
        accounts = {c: ContainerAccount(c, self.name, main=pid) for c, pid in containers.items()}
        if not containers:
            return accounts
        self.start()
        mark = secrets.token_hex(16)
        parse(self.execute(open_script(mark, containers), NOBODY), mark, accounts)
        scripts = {}
        for user, pids in owners_of(accounts).items():
            scripts[user] = guarded_script(mark, pids, [a for a in accounts.values() if a.main in pids])
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="dockerharden-observe") as pool:
            for output in pool.map(self.execute, scripts.values(), scripts):
                parse(output, mark, accounts)
        for account in accounts.values():
            account.why = denied(account)
        return accounts

    def execute(self, script: str, user: str) -> bytes:
        """Standard output of a script. What it could not read, it marks itself."""
        command = self.api.exec_create(self.container, ["/bin/sh", "-c", script], user=user, stderr=False)
        return bytes(self.api.exec_start(command["Id"]))


def body(image: str, labels: dict[str, str]) -> dict[str, Any]:
    """The helper's request body. Its first process waits on a standard input that never comes."""
    return {
        "Image": image,
        "Entrypoint": ["/bin/sh", "-c", "exec cat"],
        "Cmd": [],
        "User": NOBODY,
        "WorkingDir": "/",
        "OpenStdin": True,
        "Labels": labels,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "PidMode": "host",
            # numbers in other processes' maps and status are those of the host only from its own user namespace
            "UsernsMode": "host",
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Mounts": [{"Type": "bind", "Source": CGROUPS, "Target": HOST_CGROUPS, "ReadOnly": True}],
            "Memory": 64 * 1024**2,
            "PidsLimit": 64,
            "LogConfig": {"Type": "none"},
        },
    }


def open_script(mark: str, containers: dict[str, int]) -> str:
    """What any user may read, of every process whose cgroup names one of the containers."""
    script = (
        OPEN.replace("PATTERN", "|".join(f"*{container}*" for container in containers))
        .replace("EVERY", " ".join(name for name in EVERY_PROCESS if name != "cgroup"))
        .replace("FIRST", " ".join(FIRST_PROCESS + NETWORK_FILES))
        .replace("CGROUP", " ".join(CGROUP_FILES))
    )
    main = " ".join(str(pid) for pid in containers.values())
    return f"M={mark} ROOT={HOST_CGROUPS} MAIN='{main}'\n{FRAME}{script}"


def guarded_script(mark: str, pids: Collection[int], accounts: Iterable[ContainerAccount] = ()) -> str:
    """What only a process's own user may read. Of each account's root the owners and sockets are wanted as well."""
    links = " ".join(f"/proc/{pid}/{name}" for pid in pids for name in NAMESPACES)
    script = GUARDED.replace("FILES", " ".join(GUARDED_FILES)).replace("NAMESPACES", links)
    functions = LOOK.replace("NAMES", shlex.join(SOCKET_NAMES))
    return f"M={mark} PIDS='{' '.join(map(str, pids))}'\n{FRAME}{functions}{script}{''.join(map(looks, accounts))}"


def looks(account: ContainerAccount) -> str:
    """The lines that look into the root of a container's first process."""
    pid = account.main
    wanted = [("owner", target) for target in temporary_targets(account)]
    # the root itself, so that looking and finding nothing is not the same as not looking
    wanted += [("sockets", target) for target in ("", *given_targets(account))]
    return "".join(
        f"frame {pid} {what}:{target.encode().hex()} {what} {shlex.quote(f'/proc/{pid}/root{target}')}\n"
        for what, target in wanted
    )


def parse(output: bytes, mark: str, accounts: dict[str, ContainerAccount]) -> None:
    """Put what was dumped into the accounts. A process's container is told by its cgroup."""
    for pid, files in frames(output, mark).items():
        named = containers_in(files.get("cgroup", ""))
        for account in accounts.values():
            if account.container in named or pid in account.processes:
                put(account, pid, files)


def put_frames(output: bytes, mark: str, account: ContainerAccount) -> None:
    """The same for what came out of one container."""
    for pid, files in frames(output, mark).items():
        put(account, pid, files)


def frames(output: bytes, mark: str) -> dict[int, dict[str, str]]:
    """Texts by process and name."""
    found: dict[int, dict[str, str]] = {}
    position = 0
    for end in re.finditer(rb"\n%s ([+-]) (\d+) (\S+)\n" % mark.encode(), output):
        if end[1] == b"+":
            text = output[position : end.start()].decode("utf-8", "replace")
            found.setdefault(int(end[2]), {})[end[3].decode()] = text
        position = end.end()
    for pid, name, target in _NAMESPACE.findall(found.pop(0, {}).get("namespaces", "")):
        found.setdefault(int(pid), {})[name] = target
    return found


def put(account: ContainerAccount, pid: int, files: dict[str, str]) -> None:
    """The files of one process."""
    process = account.processes.setdefault(pid, ProcessAccount(pid))
    for name, text in files.items():
        kind, _, rest = name.partition(":")
        if kind == "owner":
            mode, uid, gid = text.split()
            account.owners[bytes.fromhex(rest).decode()] = Owner(int(mode, 8), int(uid), int(gid))
        elif kind == "sockets":
            target = bytes.fromhex(rest).decode()
            account.sockets = (account.sockets or set()) | {
                target + name for name in text.split("\n")[:-1] if target and (name or engine_socket(target))
            }
        elif kind == "cgroup" and rest:
            account.cgroup[rest] = text
        else:
            process.files[name] = text.removesuffix("\n") if name == "exe" else text


def owners_of(accounts: dict[str, ContainerAccount]) -> dict[str, list[int]]:
    """Pids by ``uid:gid``."""
    found: dict[str, dict[int, None]] = {}
    for account in accounts.values():
        for pid, process in account.processes.items():
            uids, gids = process.field("Uid").split(), process.field("Gid").split()
            if len(uids) == len(gids) == 4:
                found.setdefault(f"{uids[1]}:{gids[1]}", {})[pid] = None
    return {user: list(pids) for user, pids in found.items()}


def denied(account: ContainerAccount) -> str:
    """Why the guarded files of the first process are missing."""
    first = account.first
    if first is None:
        return "it ended before it could be read"
    if first.get("ns/mnt") is not None:
        return ""
    return "a helper without capabilities may not read the environment of a process that has some"
