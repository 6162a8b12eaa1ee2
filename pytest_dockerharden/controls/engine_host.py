"""The host of the engine: its release, its files, and who watches them. CIS sections 1 and 3, and a few more."""

from __future__ import annotations

from collections.abc import Container, Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.engine import Engine, EngineFile
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Finding, Findings
from pytest_dockerharden.model.remedies import advice

# the sections of the benchmark by what a file is for: who must own it, and what more than this mode is too much
_OWNERS = {
    "docker.service": "3.1", "docker.socket": "3.3", "/etc/docker": "3.5", "registry certificate": "3.7",
    "TLS CA": "3.9", "TLS certificate": "3.11", "TLS key": "3.13", "docker.sock": "3.15", "daemon.json": "3.17",
    "/etc/default/docker": "3.19", "/etc/sysconfig/docker": "3.22", "containerd.sock": "3.23",
}  # fmt: skip
_MODES = {
    "docker.service": ("3.2", 0o644), "docker.socket": ("3.4", 0o644), "/etc/docker": ("3.6", 0o755),
    "registry certificate": ("3.8", 0o444), "TLS CA": ("3.10", 0o444), "TLS certificate": ("3.12", 0o444),
    "TLS key": ("3.14", 0o400), "docker.sock": ("3.16", 0o660), "daemon.json": ("3.18", 0o644),
    "/etc/default/docker": ("3.20", 0o644), "/etc/sysconfig/docker": ("3.21", 0o644),
    "containerd.sock": ("3.24", 0o660),
}  # fmt: skip
_WATCHED = {
    "dockerd": "1.1.3", "/run/containerd": "1.1.4", "data root": "1.1.5", "/etc/docker": "1.1.6",
    "docker.service": "1.1.7", "containerd.sock": "1.1.8", "docker.socket": "1.1.9", "/etc/default/docker": "1.1.10",
    "daemon.json": "1.1.11", "/etc/containerd/config.toml": "1.1.12", "/etc/sysconfig/docker": "1.1.13",
    "containerd": "1.1.14", "containerd-shim": "1.1.15", "containerd-shim-runc-v1": "1.1.16",
    "containerd-shim-runc-v2": "1.1.17", "runc": "1.1.18",
}  # fmt: skip


@control(
    severity="medium",
    optional=True,
    cis="1.2.2",
    owasp="RULE 0",
    nist=("4.4.1", "4.5.3"),
    equivalents={"docker-bench": "1.2.2"},
    live=True,
)
def engine_release_is_maintained(engine: Engine, *, oldest: tuple[int, ...] = (25,)) -> Findings:
    """The engine is of a release that still gets fixes.

    A way out of containers that everybody knows of stays open in those that do not. `oldest` is the first such release,
    as numbers.
    """
    version = engine.version
    if version.value < tuple(oldest):
        text = ".".join(map(str, version.value))
        yield version.finding(f"release {text} of the engine gets no fixes any more", advice("update Docker Engine"))


@control(severity="info", optional=True, cis="1.1.1", equivalents={"docker-bench": "1.1.1"}, live=True)
def containers_on_their_own_partition(engine: Engine) -> Findings:
    """Images and containers are on a file system of their own.

    One container that writes without end else fills the disk of everything on the host.
    """
    if not engine.own_partition.value:
        yield engine.own_partition.finding(
            "images and containers share the file system of the host", advice("mount one at the engine's data root")
        )


@control(
    severity="info",
    optional=True,
    cis=tuple(_WATCHED.values()),
    equivalents={"docker-bench": tuple(_WATCHED.values())},
    live=True,
)
def engine_files_are_audited(engine: Engine) -> Findings:
    """The audit daemon watches the programs and files of the engine.

    Whoever changes them is root on the host, and nothing else says that it was done.
    """
    rules = engine.watched.value
    for file in _of_kinds(engine, _WATCHED):
        if not any(file.path == rule or file.path.startswith(rule.rstrip("/") + "/") for rule in rules):
            yield Finding(
                f"no audit rule watches {file.path}",
                file.evidence,
                advice(f"in /etc/audit/rules.d/docker.rules: -w {file.path} -k docker"),
                sections=(_WATCHED[file.kind],),
            )


@control(
    severity="high",
    optional=True,
    cis=tuple(_OWNERS.values()),
    nist="4.5.4",
    equivalents={"docker-bench": tuple(_OWNERS.values())},
    live=True,
)
def engine_files_belong_to_root(engine: Engine) -> Findings:
    """The files of the engine belong to root.

    Whoever owns one of them decides what root runs. The socket's group may be `docker`: its members are root as well.
    """
    for file in _of_kinds(engine, _OWNERS):
        groups = ("root", "docker") if file.kind == "docker.sock" else ("root",)
        if file.owner != "root" or file.group not in groups:
            yield Finding(
                f"{file.path} belongs to {file.owner}:{file.group}",
                file.evidence,
                advice(f"chown root:{groups[-1]} {file.path}"),
                sections=(_OWNERS[file.kind],),
            )


@control(
    severity="medium",
    optional=True,
    cis=tuple(section for section, _ in _MODES.values()),
    nist="4.5.4",
    equivalents={"docker-bench": tuple(section for section, _ in _MODES.values())},
    live=True,
)
def engine_files_are_protected(engine: Engine) -> Findings:
    """Nobody but root changes the files of the engine or reads its key.

    A configuration that others write is theirs to run as root, and a key that others read lets them in as the engine.
    """
    for file in _of_kinds(engine, _MODES):
        section, most = _MODES[file.kind]
        if file.mode & ~most:
            yield Finding(
                f"{file.path} has mode {file.mode:04o}, which is more than {most:04o}",
                file.evidence,
                advice(f"chmod {file.mode & most:04o} {file.path}"),
                sections=(section,),
            )


@control(severity="low", optional=True, cis="5.1", equivalents={"docker-bench": "5.1"}, live=True)
def swarm_mode_off(engine: Engine) -> Findings:
    """The engine is in no swarm.

    A swarm opens ports to other machines, which no stack of Docker Compose needs.
    """
    if engine.swarm.value:
        yield engine.swarm.finding("the engine is in a swarm", advice("docker swarm leave, where nothing needs it"))


@control(severity="info", optional=True, cis="4.5", owasp="RULE 13", equivalents={"docker-bench": "4.5"}, live=True)
def signed_images_only(engine: Engine) -> Findings:
    """The docker CLI takes signed images only.

    `DOCKER_CONTENT_TRUST` asks it to. A digest does as much for an image that is known, and goes on working where no
    signature of that kind is made any more.
    """
    if not engine.content_trust.value:
        yield engine.content_trust.finding(
            "the docker CLI takes images that nobody signed", advice("export DOCKER_CONTENT_TRUST=1, or pin digests")
        )


@control(severity="medium", optional=True, nist="4.4.3", live=True)
def engine_enforces_limits(engine: Engine) -> Findings:
    """The engine can enforce the limits that it is asked for.

    Where the kernel lacks a control group, a limit of a compose file is accepted, warned of and ignored.
    """
    for limit in engine.limits_ignored.value:
        yield engine.limits_ignored.finding(
            f"a {limit} limit is ignored", advice("boot the host with the control groups that `docker info` warns of")
        )


@control(severity="info", optional=True, live=True)
def unified_control_groups(engine: Engine) -> Findings:
    """The host has control groups of version 2.

    Only they let an engine without root limit anything, and put memory and swap under one limit that holds.
    """
    if engine.cgroup_version.value < 2:
        yield engine.cgroup_version.finding(
            "the host has control groups of version 1", advice("boot it with systemd.unified_cgroup_hierarchy=1")
        )


def _of_kinds(engine: Engine, kinds: Container[str]) -> Iterator[EngineFile]:
    if engine.rootless.get(False):
        not_applicable("the files of an engine without root belong to its user")
    files: tuple[EngineFile, ...] = engine.files.value
    return (file for file in files if file.kind in kinds)
