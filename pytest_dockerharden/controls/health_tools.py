"""Whether the program that a healthcheck runs is in the image."""

from __future__ import annotations

import re

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice
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
