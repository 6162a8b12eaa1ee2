"""A posture from what a witness saw and what the engine says.

The kernel decides wherever it can tell. What lives in the engine alone (published ports, restart policy, health) comes
from ``inspect``, and its origin says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pytest_dockerharden.model import signals
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Posture, Process, Socket
from pytest_dockerharden.observe import control_groups, engine_facts, mount_table, procfs
from pytest_dockerharden.observe.arguments import masked, secret_values
from pytest_dockerharden.observe.asking import Volume
from pytest_dockerharden.observe.witness import ContainerAccount, Owner, ProcessAccount

T = TypeVar("T")
Four = tuple[int, int, int, int]

# moby oci/defaults.go; a path that this kernel does not have is not mounted over
MASKED = {"/proc/keys", "/proc/kcore", "/proc/timer_list", "/proc/latency_stats", "/sys/firmware"}


def posture(
    service: str,
    inspected: dict[str, Any],
    account: ContainerAccount,
    phase: Literal["live", "restarted"],
    volumes: Mapping[str, Volume] | None = None,
) -> Posture:
    """The whole posture of one container. ``volumes`` are by the engine's name."""
    return Posture(
        subject=service,
        phase=phase,
        origin=KernelOrigin(service, "container", inspected["Name"].lstrip("/")),
        **_Observer(service, inspected, account, volumes or {}).facts(),
    )


class _Observer:
    def __init__(
        self, service: str, inspected: dict[str, Any], account: ContainerAccount, volumes: Mapping[str, Volume]
    ) -> None:
        self.service = service
        self.inspected = inspected
        self.account = account
        self.volumes = volumes
        self.first = account.first
        self.secrets = secret_values(inspected["Config"].get("Env") or ())

    def facts(self) -> dict[str, Any]:
        result: dict[str, Any] = engine_facts.facts(self.service, self.inspected)
        if self.first is None or not self.first.files.get("status"):
            why = self.account.why or f"its first process could not be read by {self.account.witness}"
            missing = Unknown(why)
            kernel = ("runs_as_root", "uid", "gid", "groups", "cap_effective", "cap_permitted", "cap_bounding",
                      "cap_inheritable", "cap_ambient", "no_new_privileges", "read_only_rootfs", "mounts", "processes",
                      "listening", "seccomp", "masked_paths", "memory", "memory_swap", "memory_reservation", "cpus",
                      "pids", "namespaces", "root_is_host_root", "allowed_devices", "control_sockets")  # fmt: skip
            return result | dict.fromkeys(kernel, missing)
        return (
            result
            | self.identity()
            | self.capabilities()
            | self.confinement()
            | self.files()
            | control_groups.facts(self.service, self.inspected, self.account)
            | {
                "processes": self.processes(),
                "listening": self.listening(),
                "namespaces": self.namespaces(),
                "root_is_host_root": self.host_root(),
                "control_sockets": self.control_sockets(),
            }
        )

    def line(self, name: str, process: ProcessAccount | None = None) -> KernelOrigin:
        """The status line of a field."""
        process = process or self.first
        assert process is not None
        text = next((line for line in procfs.lines(process.files.get("status", "")) if line.startswith(f"{name}:")), "")
        return KernelOrigin(self.service, f"/proc/{process.pid}/status", text.replace("\t", " ").strip(), process.pid)

    def known(self, value: T, name: str) -> Fact[T]:
        return Known(value, self.line(name))

    def identity(self) -> dict[str, Any]:
        """Of the first process: what `docker exec` would be is another matter."""
        assert self.first is not None
        uids, gids, groups = self.ids(self.first)
        return {
            "runs_as_root": self.known(0 in uids, "Uid"),
            "uid": self.known(uids[1], "Uid"),
            "gid": self.known(gids[1], "Gid"),
            "groups": self.known(groups - {gids[1]}, "Groups"),
        }

    def ids(self, process: ProcessAccount) -> tuple[Four, Four, frozenset[int]]:
        """Users, groups and supplementary groups of a process, as the container counts them."""
        return (
            self.inside(procfs.identifiers(process.field("Uid")), "uid_map"),
            self.inside(procfs.identifiers(process.field("Gid")), "gid_map"),
            frozenset(procfs.inside(int(group), self.id_map("gid_map")) for group in process.field("Groups").split()),
        )

    def inside(self, numbers: Four, name: str) -> Four:
        real, effective, saved, filesystem = (procfs.inside(number, self.id_map(name)) for number in numbers)
        return real, effective, saved, filesystem

    def id_map(self, name: str) -> str:
        """Empty where the witness itself stands in the container's user namespace, and reads its numbers already."""
        assert self.first is not None
        return "" if self.account.within else self.first.files.get(name, "")

    def capabilities(self) -> dict[str, Any]:
        assert self.first is not None
        names = {
            "effective": "CapEff",
            "permitted": "CapPrm",
            "bounding": "CapBnd",
            "inheritable": "CapInh",
            "ambient": "CapAmb",
        }
        return {
            f"cap_{name}": self.known(procfs.capability_set(self.first.field(line) or "0"), line)
            for name, line in names.items()
        }

    def confinement(self) -> dict[str, Any]:
        """The seccomp mode is the kernel's; whether a profile is the default one only the engine knows."""
        assert self.first is not None
        filtered = self.first.field("Seccomp") == "2"
        custom = self.inspected["HostConfig"].get("Privileged") or engine_facts.own_seccomp(self.inspected)
        table = procfs.visible(procfs.mount_lines(self.first.files.get("mountinfo", "")))
        masks = [mount for mount in table if mount.target in MASKED]
        locked = any(mount.target == "/proc/sys" and "ro" in mount.options for mount in table)
        evidence = masks[0].text if masks and locked else "nothing is mounted over /proc/keys, /proc/kcore or /proc/sys"
        return {
            "no_new_privileges": self.known(self.first.field("NoNewPrivs") == "1", "NoNewPrivs"),
            "seccomp": self.seccomp(filtered, bool(custom)),
            "masked_paths": Known(bool(masks) and locked, KernelOrigin(self.service, "/proc/1/mountinfo", evidence, 1)),
        }

    def seccomp(self, filtered: bool, custom: bool) -> Fact[str]:
        """A filter that lets everything pass is none, whatever the kernel counts."""
        if filtered and custom and engine_facts.lets_everything_pass(self.inspected):
            text = "its default action lets everything pass, and no rule refuses anything"
            return Known("unconfined", KernelOrigin(self.service, "inspect HostConfig.SecurityOpt seccomp", text))
        return self.known(("custom" if custom else "default") if filtered else "unconfined", "Seccomp")

    def files(self) -> dict[str, Any]:
        assert self.first is not None
        lines = procfs.visible(procfs.mount_lines(self.first.files.get("mountinfo", "")))
        root = next((line for line in reversed(lines) if line.target == "/"), None)
        if root is None:
            nothing = Unknown("its mount table could not be read")
            return {"read_only_rootfs": nothing, "mounts": nothing}
        origin = KernelOrigin(self.service, "/proc/1/mountinfo", root.text, 1)
        return {
            "read_only_rootfs": Known("ro" in root.options, origin),
            "mounts": Known(
                mount_table.mounts(self.service, self.inspected, lines, self.owners(), self.volumes), origin
            ),
        }

    def owners(self) -> dict[str, Owner]:
        return {
            target: Owner(
                owner.mode,
                procfs.inside(owner.uid, self.id_map("uid_map")),
                procfs.inside(owner.gid, self.id_map("gid_map")),
            )
            for target, owner in self.account.owners.items()
        }

    def namespaces(self) -> Fact[dict[str, int]]:
        assert self.first is not None
        found = dict(namespaces(self.first))
        if not found:
            return Unknown(self.account.why or "its namespaces could not be read")
        text = " ".join(f"{name}:[{inode}]" for name, inode in found.items())
        return Known(found, KernelOrigin(self.service, "/proc/1/ns", text, 1))

    def host_root(self) -> Fact[bool]:
        """By its own uid_map: an empty ``userns_mode`` says nothing."""
        assert self.first is not None
        table = self.first.get("uid_map")
        if not table:
            return Unknown("its uid_map could not be read")
        line = " ".join(table.split("\n")[0].split())
        return Known(procfs.maps_host_root(table), KernelOrigin(self.service, "/proc/1/uid_map", line, 1))

    def control_sockets(self) -> Fact[tuple[str, ...]]:
        if self.account.sockets is None:
            return Unknown(self.account.why or "its file system could not be looked into")
        found = tuple(sorted(self.account.sockets))
        return Known(found, KernelOrigin(self.service, "/proc/1/root", ", ".join(found) or "no control socket", 1))

    def processes(self) -> Fact[tuple[Process, ...]]:
        found = tuple(self.process(p) for p in self.account.processes.values() if p.files.get("status"))
        origin = KernelOrigin(self.service, "/proc", f"{len(found)} processes")
        return Known(tuple(sorted(found, key=lambda process: process.pid)), origin)

    def process(self, account: ProcessAccount) -> Process:
        def capability(name: str) -> frozenset[str]:
            return procfs.capability_set(account.field(name) or "0")

        def signal_set(name: str) -> frozenset[str]:
            return signals.from_mask(int(account.field(name) or "0", 16))

        environment = account.get("environ")
        uids, gids, groups = self.ids(account)
        argv, secret = masked(procfs.words(account.get("cmdline") or ""), self.secrets)
        return Process(
            pid=account.pid,
            uids=uids,
            gids=gids,
            groups=groups,
            cap_effective=capability("CapEff"),
            cap_permitted=capability("CapPrm"),
            cap_bounding=capability("CapBnd"),
            cap_inheritable=capability("CapInh"),
            cap_ambient=capability("CapAmb"),
            no_new_privileges=account.field("NoNewPrivs") == "1",
            seccomp=int(account.field("Seccomp") or 0),
            argv=argv,
            executable=account.get("exe") or "",
            environment_names=None if environment is None else procfs.variable_names(environment),
            namespaces=namespaces(account),
            state=account.field("State"),
            origin=self.line("Name", account),
            parent=self.parent(account),
            caught=signal_set("SigCgt"),
            ignored=signal_set("SigIgn"),
            blocked=signal_set("SigBlk"),
            secret_argument=secret,
            name=account.field("Name"),
        )

    def parent(self, account: ProcessAccount) -> int:
        """As the container counts."""
        parent = self.account.processes.get(int(account.field("PPid") or 0))
        return parent.pid if parent else 0

    def listening(self) -> Fact[tuple[Socket, ...]]:
        assert self.first is not None
        found = []
        for protocol in ("tcp", "tcp6", "udp", "udp6"):
            text = self.first.get(f"net/{protocol}")
            if text is None and protocol == "tcp":
                return Unknown("its sockets could not be read")
            for line in procfs.listening_sockets(text or "", protocol):
                origin = KernelOrigin(self.service, f"/proc/net/{protocol}", line.text)
                # the engine's resolver listens on 127.0.0.11 in every container of a user network
                if line.address != "127.0.0.11":
                    found.append(Socket(protocol.rstrip("6"), line.address, line.port, origin))
        return Known(tuple(found), KernelOrigin(self.service, "/proc/net", f"{len(found)} listening sockets"))


def namespaces(account: ProcessAccount) -> tuple[tuple[str, int], ...]:
    """Inode numbers by name, where they could be read."""
    links = {name[3:]: link for name, link in account.files.items() if name.startswith("ns/")}
    return tuple(sorted((name, procfs.namespace_inode(link)) for name, link in links.items()))
