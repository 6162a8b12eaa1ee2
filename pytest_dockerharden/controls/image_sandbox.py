"""What a build step may do, and what it leaves in the image for an intruder."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import commands, instructions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.shell import Command, Word


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
            yield run.finding("the step runs without a sandbox", advice("RUN without --security"), at=flag.origin)


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
            yield run.finding("the step shares the builder's network", advice("RUN without --network"), at=flag.origin)


_SOCKET = re.compile(r"(/var)?/run/(docker|containerd/containerd|podman/podman|crio/crio|cri-dockerd)\.sock/?\Z")
_HOST_TREE = re.compile(r"/(dev|proc|sys|boot|var/lib/docker|var/run|run)(/|\Z)")


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


_KERNEL = re.compile(r"/+(proc|sys|dev)(/|\Z)")
_SYSTEM = frozenset("/bin /boot /etc /lib /lib64 /sbin /usr /usr/bin /usr/sbin /usr/lib /usr/lib64".split())  # noqa: SIM905


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
_PORT = re.compile(r"(\d+)(?:-(\d+))?(?:/(\w+))?\Z")


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


@control(
    severity="medium",
    cis="4.8",
    owasp="RULE 2",
    equivalents={
        "kics": "run_using_sudo",
        "trivy": "DS-0010",
        "checkov": "CKV2_DOCKER_1",
        "hadolint": "DL3004",
        "semgrep": "no-sudo-in-dockerfile",
        "dockle": "DKL-DI-0001",
        "terrascan": "AC_DOCKER_0007",
    },
)
def no_sudo_in_build(stage: Stage) -> Findings:
    """RUN does not use sudo.

    A step that needs root belongs before USER. Where sudo is in the image, the program's user has a way to root at
    run time too, and `no-new-privileges` breaks what relies on it.

    Bad::

        FROM debian:12-slim
        RUN sudo apt-get update  # <-
        RUN <<EOF
        sudo make install  # <-
        EOF

    Good::

        FROM debian:12-slim
        RUN echo "never use sudo" > /etc/motd
        COPY sudo.conf /etc/
    """
    for run, command in commands(stage, "sudo", "doas"):
        yield run.finding(f"{command.name} runs in the build", advice("USER root before the step"), at=command.origin)


@control(severity="high", cis="4.8", owasp="RULE 2")
def no_passwordless_sudo(stage: Stage) -> Findings:
    """No user of the image becomes root without a password.

    `NOPASSWD` in a sudoers file makes the non-root USER a formality: any code in the process is root with one word.

    Bad::

        FROM debian:12-slim
        RUN echo "app ALL=(ALL) NOPASSWD:ALL" > /etc/sudoers.d/app  # <-

    Good::

        FROM debian:12-slim
        RUN useradd app
        USER app
    """
    for instruction in instructions(stage, "RUN", "COPY"):
        bodies = [heredoc for heredoc in instruction.heredocs if "NOPASSWD" in heredoc.body]
        if instruction.keyword == "COPY":
            for heredoc in bodies:
                yield instruction.finding("sudo is allowed without a password", at=heredoc.origin)
        elif bodies or "NOPASSWD" in instruction.text:
            place = next(
                (
                    word.origin
                    for command in instruction.script.commands
                    for word in command.words
                    if "NOPASSWD" in word.raw
                ),
                instruction.origin,
            )
            yield instruction.finding("sudo is allowed without a password", advice("remove sudo"), at=place)


@control(severity="high", cis="4.10", owasp="RULE 12", equivalents={"checkov": "CKV2_DOCKER_17"})
def no_passwords_set_in_build(stage: Stage) -> Findings:
    """The build sets no account's password.

    A password given in a RUN is in the image's history for everyone who pulls, and an empty one lets everybody in.
    Accounts of a container need none: lock them.

    Bad::

        FROM debian:12-slim
        RUN echo "root:$PASS" | chpasswd  # <-
        RUN passwd -d app  # <-

    Good::

        FROM debian:12-slim
        RUN useradd --system app && passwd -l app
    """
    for run, command in commands(stage, "chpasswd", "passwd", "useradd", "usermod"):
        words = [plain(word) for word in command.args]
        if command.name == "chpasswd":
            message = "chpasswd sets a password"
        elif command.name == "passwd" and {"-d", "--delete"}.intersection(words):
            message = "passwd -d leaves the account open"
        elif command.name == "passwd" and "--stdin" in words:
            message = "passwd sets a password"
        elif command.name in {"useradd", "usermod"} and _gives_password(words):
            message = f"{command.name} -p sets a password"
        else:
            continue
        yield run.finding(message, advice("lock the account: passwd -l USER"), at=command.origin)


def _gives_password(words: list[str]) -> bool:
    for index, word in enumerate(words):
        if word in {"-p", "--password"} or word.startswith("--password="):
            value = word.partition("=")[2] or (words[index + 1] if index + 1 < len(words) else "")
            return value.strip("'\"") not in {"*", "!", "!!", "x", "NP", "*NP*"}
    return False


_OCTAL = re.compile(r"[0-7]{1,5}\Z")
_SYMBOLIC = re.compile(r"(?:^|,)(?P<who>[ugoa]*)(?P<op>[+=])(?P<what>[rwxXst]*)")


def others_may_write(mode: str) -> bool:
    """Whether a mode of chmod gives everyone write access. The sticky bit (1777, as /tmp has it) makes up for it."""
    if _OCTAL.match(mode):
        bits = int(mode, 8)
        return bool(bits & 0o002) and not bits & 0o1000
    return (
        any("w" in m["what"] and {"o", "a"}.intersection(m["who"]) for m in _SYMBOLIC.finditer(mode))
        and "t" not in mode
    )


def _mode_words(command: Command) -> Iterator[Word]:
    """The words of a command that are a mode, or hold one."""
    args = command.args
    if command.name == "chmod":
        operands = [word for word in args if not re.match(r"-(?![rwxXst]+\Z)\w|--", plain(word))]
        if operands and not any(plain(word).startswith("--reference") for word in args):
            yield operands[0]
        return
    for index, word in enumerate(args):
        text = plain(word)
        if text in {"-m", "--mode"} and index + 1 < len(args):
            yield args[index + 1]
        elif re.match(r"(-m|--mode=)[0-7a-z]", text):
            yield word


def _mode(word: Word) -> str:
    return re.sub(r"\A(--mode=|-m)", "", plain(word))


@control(
    severity="high",
    owasp="RULE 2",
    equivalents={"tally": "tally/world-writable-state-path-workaround", "sonar": "S2612"},
)
def no_world_writable_files(stage: Stage) -> Findings:
    """No file of the image is writable for everyone.

    `chmod 777` is what is tried when a permission is denied. It lets every process in the container, whatever its
    user, replace the program, its configuration or its data. Give the directory to the user that needs it.

    Bad::

        FROM debian:12-slim
        RUN mkdir -p /data && chmod -R 777 /data  # <-
        COPY --chmod=0666 settings.ini /etc/app/  # <-

    Good::

        FROM debian:12-slim
        RUN mkdir -p /data && chown app /data && chmod 775 /data && chmod +w /data && chmod 1777 /scratch
        COPY --chmod=755 app /usr/local/bin/app
    """
    for instruction in instructions(stage, "COPY", "ADD"):
        flag = instruction.flag("chmod")
        if flag and flag.value and others_may_write(plain(flag.value)):
            yield instruction.finding(
                f"--chmod={flag.value.text} lets everyone write", advice("--chmod=0644 or 0755"), at=flag.origin
            )
    for run, command in commands(stage, "chmod", "install", "mkdir"):
        for word in _mode_words(command):
            if others_may_write(_mode(word)):
                yield run.finding(
                    f"mode {_mode(word)} lets everyone write",
                    advice("chown to the user that needs it, and mode 755 or 775"),
                    at=word.origin,
                )


@control(severity="medium", cis="4.8", owasp="RULE 4", nist="4.1.2")
def no_privileges_on_files(stage: Stage) -> Findings:
    """The build gives no binary privileges of its own.

    A setuid bit or file capabilities turn whoever can run the file into root, or give him the capability. With
    `no-new-privileges` they have no effect, and a port below 1024 needs none in a container's own network.

    Bad::

        FROM debian:12-slim
        RUN chmod u+s /usr/bin/tool  # <-
        RUN setcap cap_net_bind_service=+ep /usr/local/bin/app  # <-

    Good::

        FROM debian:12-slim
        RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +
        RUN setcap -r /usr/local/bin/app && chmod g+s /shared
    """
    for run, command in commands(stage, "chmod", "setcap", "install"):
        words = [plain(word) for word in command.args]
        if command.name == "setcap":
            if not {"-r", "-v", "-h"}.intersection(words) and any("+" in word or "=" in word for word in words):
                yield run.finding("setcap gives capabilities to a file", advice("remove it"), at=command.origin)
            continue
        for word in _mode_words(command):
            if _sets_uid(_mode(word)):
                yield run.finding("the setuid bit is set on a file", advice("remove it"), at=word.origin)


def _sets_uid(mode: str) -> bool:
    if _OCTAL.match(mode):
        return bool(int(mode, 8) & 0o4000)
    return any("s" in m["what"] and ("u" in m["who"] or m["who"] in {"", "a"}) for m in _SYMBOLIC.finditer(mode))


_HOST_KEYS_OFF = re.compile(
    r"StrictHostKeyChecking[=\s]+[\"']?(no|off|accept-new)\b|UserKnownHostsFile[=\s]+[\"']?/dev/null|HostKeyAlias=\*",
    re.I,
)


@control(severity="medium", nist="4.1.4")
def ssh_host_keys_are_known(stage: Stage) -> Findings:
    """SSH in the build knows whom it talks to.

    Without a known host key anyone on the way can be the git server, and what he serves is built in. `ssh-keyscan`
    in the same build asks that very network for the key. Copy the key, or write it down.

    Bad::

        FROM alpine:3.22
        RUN --mount=type=ssh ssh-keyscan github.com >> ~/.ssh/known_hosts && git clone git@github.com:o/r.git  # <-
        ENV GIT_SSH_COMMAND="ssh -o StrictHostKeyChecking=no"  # <-

    Good::

        FROM alpine:3.22
        COPY known_hosts /root/.ssh/known_hosts
        RUN --mount=type=ssh git clone git@github.com:o/r.git
    """
    remedy = advice("COPY known_hosts /etc/ssh/ssh_known_hosts")
    for instruction in instructions(stage, "RUN", "ENV", "ARG"):
        texts = [instruction.text, *(heredoc.body for heredoc in instruction.heredocs)]
        if any(_HOST_KEYS_OFF.search(text) for text in texts):
            yield instruction.finding("host keys are not checked", remedy, at=_place(instruction))
    for run, command in commands(stage, "ssh-keyscan"):
        if not any("fingerprint" in text or "ssh-keygen -lf" in text for text in (run.text,)):
            yield run.finding("ssh-keyscan trusts whoever answers", remedy, at=command.origin)


def _place(instruction: Instruction) -> TextOrigin:
    for pair in instruction.pairs:
        if pair.value is not None and _HOST_KEYS_OFF.search(pair.value.raw):
            return pair.origin
    if instruction.keyword == "RUN":
        for command in instruction.script.commands:
            if _HOST_KEYS_OFF.search(" ".join(word.raw for word in command.words)):
                return command.origin
    return instruction.origin


_FETCH = frozenset({"curl", "wget", "fetch", "http", "https", "aria2c", "lynx"})
_INTERPRETERS = re.compile(
    r"(ba|da|a|z|k|fi)?sh\Z|(python|perl|ruby|node|php|pypy)[\d.]*\Z|pwsh\Z|source\Z|\.\Z|eval\Z"
)
_ONLY_PASS_ON = frozenset(
    {"sudo", "env", "tee", "cat", "xz", "gunzip", "gzip", "zcat", "sed", "tr", "grep", "head", "nice"}
)


@control(severity="high", owasp="RULE 13", nist="4.1.1")
def no_remote_code_piped_to_a_shell(stage: Stage) -> Findings:
    """No script is piped from the network into an interpreter.

    What the server sends is run, unseen and unchecked: another script tomorrow, half of one when the connection
    breaks. Download it, compare its checksum, then run it.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSL https://example.com/install.sh | bash  # <-
        RUN bash -c "$(wget -qO- https://example.com/install.sh)"  # <-

    Good::

        FROM debian:12-slim
        RUN curl -fsSLo install.sh https://example.com/install.sh \\
            && echo "0a1b...  install.sh" | sha256sum -c - && sh install.sh
        RUN curl -fsSL https://example.com/key.asc | gpg --dearmor -o /etc/apt/keyrings/x.gpg
        RUN curl -fsSL https://example.com/x.tar.gz | tar xz
    """
    remedy = advice("curl -o FILE URL && echo 'SHA256  FILE' | sha256sum -c - && sh FILE")
    for run in runs(stage):
        text = run.text + "".join(heredoc.body for heredoc in run.heredocs)
        if not re.search(r"curl|wget|fetch|aria2c|https?\b|lynx", text):
            continue
        for command in {command.origin.line: command for command in _piped(run)}.values():
            yield run.finding(f"{command.name} runs what the network sends", remedy, at=command.origin)


def _piped(run: Instruction) -> Iterator[Command]:
    fetching: Command | None = None
    found = list(run.script.commands)
    for index, command in enumerate(found):
        inside = bool({"$()", "<()"}.intersection(command.via))
        if command.name in _FETCH and inside and _feeds_interpreter(found, index):
            yield command
        if fetching is not None and command.pipeline != fetching.pipeline:
            fetching = None
        if command.name in _FETCH and not inside:
            fetching = command
        elif fetching is not None and _INTERPRETERS.match(command.name) and _reads_input(command):
            yield fetching
            fetching = None


def _reads_input(command: Command) -> bool:
    """Whether an interpreter runs its standard input: no script file and no ``-c`` of its own."""
    words = [plain(word) for word in command.args]
    if not command.name.endswith("sh"):
        return not words or words[0] == "-"
    return not any(word in {"-c"} for word in words) or "-s" in words


def _feeds_interpreter(found: list[Command], index: int) -> bool:
    """Whether the substitution that the command stands in is the code of an interpreter before it."""
    return any(
        _takes_code(outer) and any(mark in word.raw for word in outer.args for mark in ("$(", "<(", "`"))
        for outer in found[:index]
    )


def _takes_code(command: Command) -> bool:
    if command.name in {"eval", "source", "."}:
        return True
    is_shell = bool(_INTERPRETERS.match(command.name)) and command.name.endswith("sh")
    return is_shell and (command.has("-c") or bool(command.args and command.args[0].raw.startswith("<(")))


@control(
    severity="low",
    optional=True,
    equivalents={
        "tally": (
            "tally/gpu/prefer-minimal-driver-capabilities",
            "tally/gpu/no-hardcoded-visible-devices",
            "tally/gpu/no-container-runtime-in-image",
        )
    },
)
def gpu_access_is_not_built_in(stage: Stage) -> Findings:
    """The image does not decide which GPUs and driver functions it gets.

    `NVIDIA_DRIVER_CAPABILITIES=all` mounts every driver library into the container, a fixed device list overrides
    whoever starts it, and the container runtime itself has no business in an image.

    Bad::

        FROM nvidia/cuda:12.6.0-base-ubuntu24.04
        ENV NVIDIA_DRIVER_CAPABILITIES=all  # <-

    Good::

        FROM nvidia/cuda:12.6.0-base-ubuntu24.04
        ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
    """
    for env in instructions(stage, "ENV"):
        for pair in env.pairs:
            value = plain(pair.value).strip() if pair.value else ""
            if pair.key.text == "NVIDIA_DRIVER_CAPABILITIES" and value == "all":
                yield env.finding("every driver function is asked for", advice("compute,utility"), at=pair.origin)
            if pair.key.text == "NVIDIA_VISIBLE_DEVICES" and value not in {"", "none", "void"} and "$" not in value:
                yield env.finding("the devices are fixed", advice("leave it to --gpus"), at=pair.origin)
    for run in runs(stage):
        if re.search(r"nvidia-(container-toolkit|container-runtime|docker2?)\b", run.text):
            yield run.finding("the container runtime is installed in the image", advice("remove it"))


_NONSENSE = frozenset(
    "ssh vim vi nano shutdown reboot service ps free top htop kill killall mount ifconfig systemctl halt".split()  # noqa: SIM905
)


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "run_utilities_and_posix_commands",
        "hadolint": "DL3001",
        "semgrep": "nonsensical-command",
    },
)
def only_build_commands(stage: Stage) -> Findings:
    """RUN runs no command that makes no sense in a build.

    A build has no terminal, no services and no machine to shut down: what such a step seems to do is gone when the
    step ends.

    Bad::

        FROM debian:12-slim
        RUN service nginx start  # <-

    Good::

        FROM debian:12-slim
        RUN systemctl enable nginx && apt-get install -y vim
    """
    for run, command in commands(stage):
        if command.name in _NONSENSE and not (command.name == "systemctl" and _enables(command)):
            yield run.finding(f"{command.name} does nothing that lasts", advice("remove it"), at=command.origin)


def _enables(command: Command) -> bool:
    verb = next((word.text for word in command.args if not word.text.startswith("-")), "")
    return verb in {"enable", "disable", "mask", "unmask", "set-default", "preset"}


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "shell_running_a_pipe_without_pipefail_flag",
        "hadolint": "DL4006",
        "semgrep": "set-pipefail",
    },
)
def pipes_fail_with_their_parts(stage: Stage) -> Findings:
    """A pipe fails when any part of it fails.

    The status of a pipe is that of its last command: a download that breaks off before `| tar` leaves half an image,
    and the build goes on.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSL https://example.com/x.tgz | tar xz  # <-

    Good::

        FROM debian:12-slim
        SHELL ["/bin/bash", "-o", "pipefail", "-c"]
        RUN curl -fsSL https://example.com/x.tgz | tar xz

    Good::

        FROM debian:12
        RUN set -o pipefail && curl -fsSL https://example.com/x.tgz | tar xz
        RUN ["sh", "-c", "true || false"]
    """
    for run in runs(stage):
        if run.form != "shell" or _has_pipefail(run):
            continue
        bodies = "".join(heredoc.body for heredoc in run.heredocs)
        if "|" not in (run.text + bodies).replace("||", "") or not _posix(run):
            continue
        piped = next((c for c in run.script.commands if c.connector == "|" and "$()" not in c.via), None)
        if piped is not None:
            yield run.finding(
                f"the failure of {piped.name or 'a part'} is not seen",
                advice('SHELL ["/bin/bash", "-o", "pipefail", "-c"]'),
                at=piped.origin,
            )


def _posix(run: Instruction) -> bool:
    program = re.split(r"[\\/]", run.shell[0])[-1].lower() if run.shell else "sh"
    return program in {"sh", "bash", "ash", "dash", "zsh", "ksh"}


def _has_pipefail(run: Instruction) -> bool:
    texts = [*run.shell[1:], run.text, *(heredoc.body for heredoc in run.heredocs)]
    return any("pipefail" in text for text in texts)
