"""The configuration of a built image: what a container of it starts, as whom, and what it is given."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.image import Image, ImageConfig
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.secrets import is_literal_secret, looks_like_secret
from pytest_dockerharden.model.signals import NAMES, canonical

_SECRET = advice("give the container a file below /run/secrets, and the image nothing")
_ADMIN_PORTS = {
    "22": "SSH",
    "23": "telnet",
    "512": "rexec",
    "513": "rlogin",
    "514": "rsh",
    "3389": "RDP",
    "5900": "VNC",
}
_SYSTEM = frozenset({"/", "/dev", "/proc", "/sys", "/boot", "/etc", "/usr", "/bin", "/lib", "/var/lib/docker"})
_SOCKET = pattern(r"(/var)?/run/(docker|containerd/containerd|podman/podman|crio/crio)\.sock/?\Z")
_NO_VERIFICATION = {
    "NODE_TLS_REJECT_UNAUTHORIZED": ("0",), "PYTHONHTTPSVERIFY": ("0",), "GIT_SSL_NO_VERIFY": ("1", "true"),
    "NPM_CONFIG_STRICT_SSL": ("false",), "GOINSECURE": ("*",), "CURL_INSECURE": ("1", "true"),
}  # fmt: skip
_REAL_TIME = pattern(r"SIGRT(MIN|MAX)([+-]\d+)?\Z")


@control(
    severity="high",
    plan="P0",
    cis="4.1",
    owasp="RULE 2",
    nist="4.1.2",
    equivalents={"dockle": "CIS-DI-0001", "docker-bench": "4.1"},
)
def built_for_a_user(image: Image) -> Findings:
    """The image runs as a user that is not root.

    Root in a container is root for the kernel: one flaw in the runtime, one mount too many, and it is root on the host.
    A name that /etc/passwd of the image gives the uid 0 is root as well.

    Bad::

        FROM debian:12.5
        CMD ["sleep", "1"]  # <-

    Bad::

        FROM debian:12.5
        RUN echo 'app:x:0:0::/:/bin/sh' >>/etc/passwd
        USER app  # <-
        CMD ["sleep", "1"]

    Good::

        FROM debian:12.5
        USER 10001:10001
        CMD ["sleep", "1"]
    """
    config = _started(image)
    name = config.user.partition(":")[0].strip()
    remedy = advice("RUN useradd --uid 10001 app\nUSER 10001:10001")
    if not name:
        yield image.finding("no user is set, so it runs as root", "config User", "User is empty", remedy)
    elif name == "root" or (name.isdecimal() and int(name) == 0):
        yield image.finding("it runs as root", "config User", config.user, remedy)
    elif config.users.get(name, (1, 1))[0] == 0:
        yield image.finding(f"it runs as {name}, whose uid is 0", "config User", config.user, remedy)


@control(severity="medium", nist="4.1.2")
def built_user_exists(image: Image) -> Findings:
    """The user that the image runs as is one of the image.

    The engine looks a name up in /etc/passwd of the image. Where it is not there, no container starts; a number needs
    no entry.

    Bad::

        FROM debian:12.5
        USER webserver  # <-
        CMD ["sleep", "1"]

    Good::

        FROM debian:12.5
        RUN echo 'webserver:x:10001:10001::/:/bin/sh' >>/etc/passwd
        USER webserver
        CMD ["sleep", "1"]
    """
    name = image.config.value.user.partition(":")[0].strip()
    if not name or name.isdecimal():
        not_applicable("no name is set")
    known = {account.name for account in image.accounts.value if account.kind == "passwd"}
    if name not in known:
        remedy = advice("RUN useradd --uid 10001 ...\nUSER 10001:10001")
        yield image.finding(f"{name} is not in /etc/passwd of the image", "config User", name, remedy)


@control(
    severity="critical",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents={"dockle": "CIS-DI-0010"},
)
def built_without_secrets_in_configuration(image: Image) -> Findings:
    """No credential is in the image's environment, labels or command.

    `docker inspect` shows them to whoever has the image, and every process of the container inherits the environment.

    Bad::

        FROM debian:12.5
        ENV DB_PASSWORD=hunter2-hunter2  # <-
        CMD ["sleep", "1"]

    Good::

        FROM debian:12.5
        ENV DB_PASSWORD_FILE=/run/secrets/db_password DB_USER=app
        CMD ["sleep", "1"]
    """
    config: ImageConfig = image.config.value
    for name, value in config.environment.items():
        if is_literal_secret(name, value):
            yield image.finding(f"the variable {name} holds a credential", f"config Env {name}", f"{name}=***", _SECRET)
    for name, value in config.labels.items():
        if is_literal_secret(name.rpartition(".")[2], value):
            yield image.finding(f"the label {name} holds a credential", "config Labels", f"{name}=***", _SECRET)
    test = config.healthcheck.test if config.healthcheck else ()
    for key, words in (("Entrypoint", config.entrypoint), ("Cmd", config.command), ("Healthcheck", test)):
        if any(looks_like_secret(word) for word in words or ()):
            yield image.finding(f"a credential is written into {key}", f"config {key}", "***", _SECRET)


@control(severity="high", owasp="RULE 13", nist="4.1.1")
def built_to_verify_tls(image: Image) -> Findings:
    """No variable of the image switches the verification of certificates off.

    What was meant for one download of the build holds for every connection of every container: anyone on the way can
    answer in the server's place.

    Bad::

        FROM debian:12.5
        ENV NODE_TLS_REJECT_UNAUTHORIZED=0  # <-

    Good::

        FROM debian:12.5
        ENV NODE_TLS_REJECT_UNAUTHORIZED=1 NODE_EXTRA_CA_CERTS=/etc/ssl/internal.pem
    """
    for name, value in image.config.value.environment.items():
        if value.lower() in _NO_VERIFICATION.get(name.upper(), ()):
            yield image.finding(
                f"{name} switches verification off",
                f"config Env {name}",
                f"{name}={value}",
                advice("COPY the CA certificate and run update-ca-certificates"),
            )


@control(severity="medium", nist="4.1.2")
def built_with_a_safe_path(image: Image) -> Findings:
    """PATH names folders of the image that not everybody may write.

    Programs are looked for from left to right. With the working directory or /tmp in PATH, whoever can write there
    decides what `ls` is.

    Bad::

        FROM debian:12.5
        ENV PATH=.:/usr/bin:/bin  # <-

    Good::

        FROM debian:12.5
        ENV PATH=/opt/app/bin:/usr/bin:/bin
    """
    path = image.config.value.environment.get("PATH")
    if path is None or image.platform.startswith("windows"):
        not_applicable("no PATH is set")
    open_to_all = {"/tmp", "/var/tmp", "/dev/shm"}  # noqa: S108 - looked for, not used
    open_to_all.update(file.path for file in image.files.get(()) if file.kind == "world-writable-directory")
    for folder in path.split(":"):
        if not folder.startswith(("/", "$")) or folder.rstrip("/") in open_to_all:
            shown = folder or "the working directory"
            yield image.finding(f"PATH has {shown} in it", "config Env PATH", path, advice("ENV PATH=/..."))


@control(severity="medium", cis="5.7", owasp="RULE 5a")
def built_without_remote_ports(image: Image) -> Findings:
    """No remote login service is exposed.

    A container is entered with `docker exec`. An SSH, telnet, RDP or VNC server in it is one more service with
    accounts and keys to steal, and one that nobody patches.

    Bad::

        FROM debian:12.5
        EXPOSE 22  # <-

    Good::

        FROM debian:12.5
        EXPOSE 8080 2222
    """
    for port in image.config.value.exposed:
        number, _, protocol = port.partition("/")
        if number in _ADMIN_PORTS and protocol in ("", "tcp"):
            message = f"port {number} ({_ADMIN_PORTS[number]}) is exposed"
            yield image.finding(message, "config ExposedPorts", port, advice("use docker exec"))


@control(severity="high", cis=("5.6", "5.32"), owasp="RULE 1", equivalents={"dockle": "DKL-DI-0002"})
def built_without_system_volumes(image: Image) -> Findings:
    """No volume is declared for a directory of the system or an engine socket.

    It asks whoever starts the image to mount the host's there, and what the image has there is hidden by a copy that
    every container may write.

    Bad::

        FROM debian:12.5
        VOLUME /var/run/docker.sock  # <-

    Good::

        FROM debian:12.5
        VOLUME /var/lib/app
    """
    for volume in image.config.value.volumes:
        if _SOCKET.match(volume):
            yield image.finding(
                "the engine's socket is declared a volume", "config Volumes", volume, advice("remove it")
            )
        elif (volume.rstrip("/") or "/") in _SYSTEM:
            yield image.finding(f"{volume} is declared a volume", "config Volumes", volume, advice("remove it"))


@control(severity="low")
def built_stop_signal_can_be_handled(image: Image) -> Findings:
    """The stop signal is one that the program can handle.

    SIGKILL and SIGSTOP cannot be caught: nothing is flushed, nothing is finished, every stop is a crash.

    Bad::

        FROM debian:12.5
        STOPSIGNAL SIGKILL  # <-

    Good::

        FROM debian:12.5
        STOPSIGNAL SIGQUIT
    """
    text = image.config.value.stop_signal
    if not text:
        not_applicable("no stop signal is set")
    signal = canonical(text)
    if signal in {"SIGKILL", "SIGSTOP"}:
        message = f"{text} cannot be handled"
    elif signal not in NAMES and not _REAL_TIME.match(signal):
        message = f"{text} is no signal"
    else:
        return
    yield image.finding(message, "config StopSignal", text, advice("STOPSIGNAL SIGTERM"))


@control(severity="low", optional=True, plan="P2")
def built_to_start_without_a_shell(image: Image) -> Findings:
    """The program is started without a shell in front.

    With a CMD or ENTRYPOINT in the shell form `/bin/sh -c` is process 1 and need not pass signals on: `docker stop`
    then waits its ten seconds and kills.

    Bad::

        FROM debian:12.5
        CMD sleep 1  # <-

    Good::

        FROM debian:12.5
        CMD ["sleep", "1"]

    Good::

        FROM debian:12.5
        CMD exec sleep 1
    """
    config = _started(image)
    for key, words in (("Entrypoint", config.entrypoint), ("Cmd", config.command)):
        shell = len(words or ()) == 3 and words is not None and words[0].endswith("sh") and words[1] == "-c"
        if shell and words is not None and not words[2].lstrip().startswith("exec "):
            remedy = advice(f'{key.upper()} ["PROGRAM", "ARGUMENT"]')
            yield image.finding("a shell is process 1", f"config {key}", words[0], remedy)


@control(
    severity="low",
    optional=True,
    cis="4.6",
    equivalents={"dockle": "CIS-DI-0006", "docker-bench": "4.6"},
)
def built_with_a_healthcheck(image: Image) -> Findings:
    """The image brings a healthcheck.

    Whoever starts it then knows whether the service answers, also without a compose file that says how to ask.

    Bad::

        FROM debian:12.5
        CMD ["sleep", "1"]  # <-

    Good::

        FROM debian:12.5
        HEALTHCHECK CMD ["test", "-e", "/tmp"]
        CMD ["sleep", "1"]
    """
    config = _started(image)
    if config.healthcheck is None or config.healthcheck.test[0] == "NONE":
        remedy = advice('HEALTHCHECK CMD ["PROGRAM", "ARGUMENT"]')
        yield image.finding("it has no healthcheck", "config Healthcheck", "", remedy)


_LABELS = tuple(f"org.opencontainers.image.{key}" for key in ("title", "description", "source", "licenses"))


@control(severity="info", optional=True, plan="P2")
def built_with_labels(image: Image, *, labels: tuple[str, ...] = _LABELS) -> Findings:
    """The image says what it is, in the labels of the OCI.

    Whoever finds a container running can tell from them what it is, where its source is and whom to ask.

    Bad::

        FROM debian:12.5
        LABEL maintainer=someone  # <-

    Good::

        FROM debian:12.5
        LABEL org.opencontainers.image.title="App" org.opencontainers.image.description="Does it" \\
              org.opencontainers.image.source="https://example.com/app" org.opencontainers.image.licenses="MIT"
    """
    given = image.config.value.labels
    missing = [label for label in labels if not given.get(label)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        remedy = advice("\n".join(f'LABEL {label}="..."' for label in missing))
        yield image.finding(f"label {missing[0]}{more} is missing", "config Labels", "", remedy)


@control(severity="low", optional=True, nist="4.1.5", equivalents={"dockle": "DKL-DI-0006"})
def built_with_a_version(image: Image) -> Findings:
    """The image has a tag of its own, not `latest`.

    What runs under `latest` today is another image tomorrow: nobody can tell which one it was, or go back to it.

    Bad::

        # tag: app:latest
        FROM debian:12.5  # <-

    Good::

        # tag: app:1.4.2
        FROM debian:12.5
    """
    reference = parse_reference(image.reference)
    if image.archived or not reference.valid:
        not_applicable("it is not named by a tag")
    if not reference.digest and reference.tag in ("", "latest"):
        yield image.finding(
            "its tag is latest", "image", image.reference, advice("docker build --tag NAME:VERSION ...")
        )


def _started(image: Image) -> ImageConfig:
    """The configuration of an image that starts something on Linux."""
    config: ImageConfig = image.config.value
    if not config.entrypoint and not config.command:
        not_applicable("it starts nothing: it is there to be built on")
    if image.platform.startswith("windows"):
        not_applicable("it is an image for Windows")
    return config
