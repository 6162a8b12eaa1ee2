"""Whether the program that a healthcheck runs is in the image, and which healthcheck an image's programs allow."""

from __future__ import annotations

import re

from pytest_dockerharden.controls.configuration import option_value
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import Reference, parse_reference
from pytest_dockerharden.model.remedies import advice, replace_key
from pytest_dockerharden.model.roles import base_image
from pytest_dockerharden.model.shell import Command

_TOOLS = ("curl", "wget")
_INSTALLERS = frozenset(
    {
        "apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "tdnf", "zypper", "pacman", "conda", "mamba",
        "micromamba",
    }
)  # fmt: skip
_LANGUAGES = frozenset({"python", "node", "ruby", "rust", "golang"})
# alpine's busybox has a wget; the publishers of these install curl as well
_CURL_ON_ALPINE = frozenset({"nginx", "php", "composer", "caddy", "docker", "httpd", "wordpress", "nextcloud"})
_DEBIAN = frozenset({"debian", "ubuntu", "redis", "postgres", "mariadb", "mysql", "memcached"})


def missing_tools(base: str) -> frozenset[str]:
    """Which of curl and wget a widely used base image lacks; empty where this is not known."""
    image = parse_reference(base)
    name = image.official or image.familiar
    if name == "scratch" or name.startswith("gcr.io/distroless/"):
        return frozenset(_TOOLS)
    if "alpine" in image.tag or name == "alpine":
        known = name in {"alpine", "redis", "postgres", "memcached", *_LANGUAGES}
        slim_nginx = name == "nginx" and "slim" in image.tag
        return frozenset({"curl"}) if slim_nginx or (known and name not in _CURL_ON_ALPINE) else frozenset()
    if name in _LANGUAGES and "slim" in image.tag:
        return frozenset(_TOOLS)
    if name == "nginx":
        return frozenset({"wget"})
    return frozenset(_TOOLS) if image.official in _DEBIAN else frozenset()


@control(severity="medium", plan="P3")
def healthcheck_tool_is_installed(service: Service) -> Findings:
    """The program that the healthcheck runs is in the image.

    Otherwise the check never succeeds: the container stays unhealthy for ever, and whatever waits for it never starts.
    Slim and alpine images have no curl; alpine has the wget of busybox.

    Bad::

        services:
          web:
            build: .
            healthcheck:
              test: ["CMD", "curl", "-f", "http://localhost:8000/health"]  # <-
        # file: Dockerfile
        FROM python:3.12-slim
        RUN apt-get update && apt-get install -y --no-install-recommends libpq5
        CMD ["python", "-m", "app"]

    Good::

        services:
          web:
            build: .
            healthcheck:
              test: ["CMD", "curl", "-f", "http://localhost:8000/health"]
        # file: Dockerfile
        FROM python:3.12-slim
        RUN apt-get update && apt-get install -y --no-install-recommends curl
        CMD ["python", "-m", "app"]
    """
    if service.get("healthcheck.test") is None:
        not_applicable("no healthcheck in the compose file")
    wanted = [command for command in service.health_script.commands if command.name in _TOOLS]
    if not wanted:
        not_applicable("the healthcheck runs neither curl nor wget")
    base = service.stage.root_base() if service.stage else service.text("image") if not service.get("build") else None
    if not base:
        not_applicable("the base image is not named")
    missing = missing_tools(base)
    for command in wanted:
        if command.name in missing and not _has_fallback(command, wanted) and not _brought(service.stage, command.name):
            yield service.finding(
                f"{command.name} is not in the image",
                advice(f"install {command.name}, or ask with a program that the image has"),
                at="healthcheck.test",
            )
            return


def _has_fallback(command: Command, wanted: list[Command]) -> bool:
    """``curl ... || wget ...``: whichever is there."""
    return len({other.name for other in wanted}) > 1 and command.connector in {"||", ""}


def _brought(stage: Stage | None, tool: str) -> bool:
    """Whether a build step installs or copies the tool, or may well do so."""
    return stage is not None and any(
        _copies(i, tool) if i.keyword in {"COPY", "ADD"} else _installs(i, tool)
        for i in stage.inherited("RUN", "COPY", "ADD")
    )


def _installs(run: Instruction, tool: str) -> bool:
    package = re.compile(rf"(?:\S*/)?{tool}(?:[=~<>:@].*|-\d.*|\.\w+)?\Z")
    for command in run.script.commands:
        if command.name in _INSTALLERS and any(w.value is None or package.match(w.value) for w in command.args):
            return True
        # a script may do anything; a link or a copy of another program may bear the name
        if command.name.endswith(".sh") or command.name in {"source", ".", "ansible-playbook", "nix-env"}:
            return True
        if command.name in {"ln", "cp", "mv", "install", "tar", "unzip"} and tool in run.text:
            return True
    return not run.script.complete


def _copies(instruction: Instruction, tool: str) -> bool:
    if not instruction.words:
        return False
    target, sources = instruction.words[-1].text, [word.text for word in instruction.words[:-1]]
    names = {path.rstrip("/").rsplit("/", 1)[-1] for path in [target, *sources]}
    wide = {
        "/",
        "/usr",
        "/usr/",
        "/bin",
        "/bin/",
        "/usr/bin",
        "/usr/bin/",
        "/usr/local",
        "/usr/local/",
        "/usr/local/bin/",
    }
    return any(name.startswith(tool) for name in names) or (target in wide and "/" in sources)


_TEXT = 'healthcheck:\n  test: ["CMD", ...]\n  interval: 30s\n  timeout: 5s\n  retries: 3\n  start_period: 10s'
# what the publishers of official images put into them to ask their server
_PROBES: dict[str, list[str]] = {
    "redis": ["CMD-SHELL", "redis-cli ping | grep -q PONG"],
    "valkey/valkey": ["CMD-SHELL", "valkey-cli ping | grep -q PONG"],
    "postgres": ["CMD", "pg_isready", "-q"],
    "mariadb": ["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"],
    "mongo": ["CMD", "mongosh", "--quiet", "--eval", "quit(db.adminCommand('ping').ok ? 0 : 1)"],
    "rabbitmq": ["CMD", "rabbitmq-diagnostics", "-q", "ping"],
}


def suggested_healthcheck(posture: Posture) -> Remedy:
    """The healthcheck to write, as an edit where it is one that works with this image as far as its files tell."""
    service = posture.service
    if service is None:
        return advice(_TEXT)
    worker = _celery(service)
    test = worker or _of_image(posture, service)
    if test is None:
        return advice(_TEXT)
    # starting Celery takes seconds, and a core meanwhile
    times = {"interval": "30s", "timeout": "30s" if worker else "5s", "retries": 3, "start_period": "30s"}
    breaks = "services that wait for it, if it asks what this one does not answer"
    return replace_key("healthcheck", {"test": test, **times}, breaks=breaks)


def _celery(service: Service) -> list[str] | None:
    """A worker answers under its own name, which is made of the host's unless it is given another one."""
    for command in service.command_script.run("celery"):
        application = option_value(command, "-A", "--app")
        words = [word.text for word in command.args]
        named = option_value(command, "-n", "--hostname") is not None
        if "worker" in words and application is not None and application.value and not named:
            return ["CMD-SHELL", f"celery -A {application.value} inspect ping -d celery@$HOSTNAME"]
    return None


def _of_image(posture: Posture, service: Service) -> list[str] | None:
    image = base_image(posture)
    if image is None or service.get("entrypoint") is not None:
        return None
    if image.official == "nginx":
        port = _http_port(service)
        return _asking(image, port) if port else None
    name = image.official or image.familiar
    runs_itself = service.get("command") is None or _runs(service, name)
    return _PROBES.get(name) if runs_itself and service.stage is None else None


def _runs(service: Service, name: str) -> bool:
    """Whether the command is the image's own server, at its usual port and without a password."""
    program = {"mongo": "mongod", "valkey/valkey": "valkey-server", "redis": "redis-server"}.get(name, name)
    words = [word.text for command in service.command_script.commands for word in command.words]
    other = {"--port", "--requirepass", "--aclfile", "--tls-port", "-p"} & set(words)
    return words[:1] == [program] and not other and not any(word.endswith(".conf") for word in words)


def _http_port(service: Service) -> int | None:
    """Where nginx speaks plain HTTP; 80 where no configuration of its own is at hand that says otherwise."""
    listens = [directive for file in service.nginx for directive in file.named("listen")]
    words = [directive.args[0].text if directive.args else "" for directive in listens if len(directive.args) == 1]
    ports = [int(port) for word in words if (port := word.rsplit(":", 1)[-1]).isdigit()]
    if not listens:
        return 80 if not service.nginx and not service.items("volumes") and service.stage is None else None
    return ports[0] if ports else None


def _asking(image: Reference, port: int) -> list[str] | None:
    url = f"http://127.0.0.1:{port}/"
    missing = missing_tools(image.text)
    if "curl" not in missing:
        return ["CMD", "curl", "-fsS", "-o", "/dev/null", url]
    return ["CMD", "wget", "-q", "-O", "/dev/null", url] if "wget" not in missing else None
