"""What a build step may do, and what an image asks of its host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import instructions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Pair, Stage
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice, remove_word


@control(severity="critical", nist="4.4.3", equivalents={"sonar": "S6502"})
def run_keeps_the_sandbox(stage: Stage) -> Findings:
    """RUN keeps the sandbox of the builder.

    `--security=insecure` gives the step what a privileged container has: devices, mounts, every capability. Code that
    the build downloads can then take over the builder.

    Bad::

        FROM alpine:3.22
        RUN --security=insecure mount -t tmpfs none /mnt  # <-

    Good::

        FROM alpine:3.22
        RUN --security=sandbox make
    """
    for run in runs(stage):
        flag = run.flag("security")
        if flag and flag.value and flag.value.text == "insecure":
            yield run.finding(
                "the step runs without a sandbox",
                remove_word(flag.origin, text="RUN without --security"),
                at=flag.origin,
            )


@control(severity="high", cis="5.10", nist="4.4.3", equivalents={"sonar": "S6431"})
def run_keeps_its_network(stage: Stage) -> Findings:
    """RUN keeps the network of the builder's sandbox.

    With `--network=host` a build step reaches everything that listens on the builder's loopback: databases, metadata
    services, the engine itself.

    Bad::

        FROM alpine:3.22
        RUN --network=host wget http://localhost:8080/x  # <-

    Good::

        FROM alpine:3.22
        RUN --network=none make
    """
    for run in runs(stage):
        flag = run.flag("network")
        if flag and flag.value and flag.value.text == "host":
            yield run.finding(
                "the step shares the builder's network",
                remove_word(flag.origin, text="RUN without --network"),
                at=flag.origin,
            )


_SOCKET = pattern(r"(/var)?/run/(docker|containerd/containerd|podman/podman|crio/crio|cri-dockerd)\.sock/?\Z")


_HOST_TREE = pattern(r"/(dev|proc|sys|boot|var/lib/docker|var/run|run)(/|\Z)")


@control(
    severity="critical",
    cis=("5.6", "5.32"),
    owasp="RULE 1",
    equivalents={"semgrep": "dockerfile-dockerd-socket-mount", "dockle": "DKL-DI-0002"},
)
def no_volume_on_system_directories(stage: Stage) -> Findings:
    """No VOLUME is declared for an engine socket or a kernel directory.

    It asks whoever starts the image to mount the host's there, and the socket of the engine is root on the host. A
    volume over `/dev`, `/proc` or `/sys` hides what the kernel shows of the container.

    Bad::

        FROM docker:27-cli
        VOLUME /var/run/docker.sock  # <-
        VOLUME ["/data", "/proc"]  # <-

    Good::

        FROM postgres:17
        VOLUME /var/lib/postgresql/data
    """
    for volume in instructions(stage, "VOLUME"):
        for word in volume.words:
            path = plain(word)
            if _SOCKET.match(path):
                yield volume.finding("the engine's socket is declared a volume", advice("remove it"), at=word.origin)
            elif _HOST_TREE.match(path) and path.rstrip("/") in {"/dev", "/proc", "/sys", "/boot", "/var/lib/docker"}:
                yield volume.finding(f"{path} is declared a volume", advice("remove it"), at=word.origin)


_KERNEL = pattern(r"/+(proc|sys|dev)(/|\Z)", needs=("/proc", "/sys", "/dev"))


_SYSTEM = frozenset(
    """/bin /boot /etc /lib /lib64 /run /sbin /usr /usr/bin /usr/lib /usr/lib64 /usr/sbin
    /var/run""".split()  # noqa: SIM905
)


@control(severity="high", equivalents={"trivy": "DS-0030"})
def workdir_outside_system_directories(stage: Stage) -> Findings:
    """WORKDIR is not a directory of the system.

    What the program and the build write by a relative path lands among the system's own binaries and configuration;
    in `/proc` and `/sys` it is an attack surface of the kernel (CVE-2024-21626 needed just such a WORKDIR).

    Bad::

        FROM alpine:3.22
        WORKDIR /proc/self/fd/8  # <-

    Bad::

        FROM alpine:3.22
        WORKDIR /etc  # <-

    Good::

        FROM node:22-slim
        WORKDIR /usr/src/app
        WORKDIR /etc/nginx
    """
    for workdir in instructions(stage, "WORKDIR"):
        path = plain(workdir.words[0]) if workdir.words else ""
        if _KERNEL.match(path) or (path.rstrip("/") in _SYSTEM):
            yield workdir.finding(f"{path} is a directory of the system", advice("WORKDIR /app"))


_ADMIN_PORTS = {22: "SSH", 23: "telnet", 2375: "the Docker API in clear text", 3389: "RDP", 5800: "VNC", 5900: "VNC"}


_PORT = pattern(r"(\d+)(?:-(\d+))?(?:/(\w+))?\Z")


@control(
    severity="medium",
    cis="5.7",
    owasp="RULE 5a",
    equivalents={
        "kics": "exposing_port_22",
        "trivy": "DS-0004",
        "checkov": "CKV_DOCKER_1",
        "sonar": "S6473",
        "terrascan": "AC_DOCKER_0026",
    },
)
def no_remote_shell_exposed(stage: Stage) -> Findings:
    """No remote login service is exposed.

    A container is entered with `docker exec`. An SSH, telnet, RDP or VNC server in it is one more service with
    accounts and keys to steal, and one that nobody patches.

    Bad::

        FROM debian:12-slim
        EXPOSE 80 22/tcp  # <-

    Good::

        FROM debian:12-slim
        EXPOSE 80 2222
    """
    for expose in instructions(stage, "EXPOSE"):
        for word in expose.words:
            for port in _admin_ports(plain(word)):
                yield expose.finding(
                    f"port {port} ({_ADMIN_PORTS[port]}) is exposed", advice("use docker exec"), at=word.origin
                )


def _admin_ports(text: str) -> Iterator[int]:
    match = _PORT.match(text.rsplit(":", 1)[-1])
    if match and (match[3] or "tcp").lower() == "tcp" and len(match[1]) < 6:
        first, last = int(match[1]), int(match[2] or match[1])
        yield from (port for port in _ADMIN_PORTS if first <= port <= last)


@control(severity="low", optional=True, equivalents={"tally": "tally/gpu/prefer-minimal-driver-capabilities"})
def gpu_driver_functions_are_named(stage: Stage) -> Findings:
    """The image asks for the driver functions it needs, not for all.

    `NVIDIA_DRIVER_CAPABILITIES=all` mounts every driver library into the container.

    Bad::

        FROM nvidia/cuda:12.6.0-base-ubuntu24.04
        ENV NVIDIA_DRIVER_CAPABILITIES=all  # <-

    Good::

        FROM nvidia/cuda:12.6.0-base-ubuntu24.04
        ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
    """
    for env, pair, value in _variables(stage, "NVIDIA_DRIVER_CAPABILITIES"):
        if value == "all":
            yield env.finding(
                "every driver function is asked for",
                advice("ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
                at=pair.origin,
            )


@control(severity="low", optional=True, equivalents={"tally": "tally/gpu/no-hardcoded-visible-devices"})
def gpu_devices_are_not_fixed(stage: Stage) -> Findings:
    """The image does not decide which GPUs it gets.

    A fixed list overrides whoever starts it.

    Bad::

        FROM nvidia/cuda:12.6.0-base-ubuntu24.04
        ENV NVIDIA_VISIBLE_DEVICES=0  # <-

    Good::

        FROM nvidia/cuda:12.6.0-base-ubuntu24.04
        CMD ["train"]
    """
    for env, pair, value in _variables(stage, "NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"):
        if value not in {"", "none", "void"} and "$" not in value:
            yield env.finding("the devices are fixed", advice("leave it to --gpus"), at=pair.origin)


@control(severity="low", optional=True, equivalents={"tally": "tally/gpu/no-container-runtime-in-image"})
def gpu_runtime_stays_on_the_host(stage: Stage) -> Findings:
    """NVIDIA's container runtime is not in the image.

    It belongs to the engine of the host: in the image it does nothing but bring root tools.

    Bad::

        FROM nvidia/cuda:12.6.0-base-ubuntu24.04
        RUN apt-get update && apt-get install -y nvidia-container-toolkit  # <-

    Good::

        FROM nvidia/cuda:12.6.0-base-ubuntu24.04
        RUN apt-get update && apt-get install -y python3
    """
    for run in runs(stage):
        if re.search(r"nvidia-(container-toolkit|container-runtime|docker2?)\b", run.text):
            yield run.finding("the container runtime is installed in the image", advice("remove it"))


def _variables(stage: Stage, *names: str) -> Iterator[tuple[Instruction, Pair, str]]:
    for env in instructions(stage, "ENV"):
        for pair in env.pairs:
            if pair.key.text in names:
                yield env, pair, plain(pair.value).strip() if pair.value else ""
