"""A service and the Dockerfile that it builds, read together."""

from __future__ import annotations

import os.path

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.remedies import advice, remove_key
from pytest_dockerharden.model.secrets import is_for_browsers, is_secret_name

_ROOT = pattern(r"(?:root|0+)(?::|\Z)")
# switches that make a program listen on a port which they need not name
_DEBUGGERS = {"--inspect": "9229", "debugpy": "5678", "jdwp": "5005", "dlv": "2345", "rdbg": "12345"}
_NUMBER = pattern(r"(?<!\d)\d{2,5}(?!\d)")


def _stage(service: Service) -> Stage:
    return service.stage or not_applicable("no Dockerfile is at hand")


@control(severity="high", plan="P0", optional=True, cis="4.1", owasp="RULE 2", equivalents={"compose-lint": "CL-0018"})
def user_of_the_image_is_kept(service: Service) -> Findings:
    """A service does not set root as its user, over that of its image.

    Whoever made the image knows which user its program needs; one line of the compose file undoes a user that was set
    with care, and takes from an image of root the chance to get one with its next version.

    Bad::

        services:
          web:
            build: .
            user: root  # <-
        # file: Dockerfile
        FROM python:3.12
        USER 10001

    Good::

        services:
          web:
            build: .
        # file: Dockerfile
        FROM python:3.12
        USER 10001
    """
    user = service.get("user")
    if user is None or user.unresolved or not _ROOT.match(user.text()):
        not_applicable("the service does not set root")
    own = service.stage.last("USER") if service.stage else None
    name = own.words[0].value if own and own.words else None
    if name is None:
        yield service.finding("root is set, whatever user the image has", remove_key("user"), at=user)
    elif not _ROOT.match(name):
        yield service.finding(f"root takes the place of the image's user {name}", remove_key("user"), at=user)


@control(severity="low", plan="P1")
def published_ports_are_exposed(service: Service) -> Findings:
    """A published port is one that the image exposes.

    Where the Dockerfile names other ports, the program most likely listens on those, and the published one refuses
    every connection.

    Bad::

        services:
          web:
            build: .
            ports:
              - "80:80"  # <-
        # file: Dockerfile
        FROM scratch
        EXPOSE 8080

    Good::

        services:
          web:
            build: .
            ports:
              - "80:8080"
        # file: Dockerfile
        FROM scratch
        EXPOSE 8080
    """
    if service.nginx:
        not_applicable("the nginx configuration says what is listened on")
    exposed = [word for instruction in _stage(service).inherited("EXPOSE") for word in instruction.words]
    if not exposed or any(not word.text.split("/")[0].isdigit() for word in exposed):
        not_applicable("the Dockerfile names no certain port")
    numbers = {word.text.split("/")[0] for word in exposed}
    extra = {node.text().split("/")[0] for node in service.items("expose")}
    spoken = _numbers_of_the_command(service)
    for port in service.items("ports"):
        target = port.get("target")
        if target is not None and not target.unresolved and target.text() not in numbers | extra | spoken:
            yield service.finding(
                f"port {target.text()} is published, the image exposes {', '.join(sorted(numbers))}",
                advice("publish the port that the program listens on"),
                at=port,
            )


def _numbers_of_the_command(service: Service) -> set[str]:
    """Numbers that the service's own command or environment speaks of, such as the port of a debugger."""
    nodes = [*service.items("command"), *service.items("entrypoint")]
    environment = service.get("environment")
    nodes += [value for _, value in environment.items()] if environment is not None else []
    texts = [node.text() for node in nodes]
    return {number for text in texts for number in _NUMBER.findall(text)} | {
        port for text in texts for switch, port in _DEBUGGERS.items() if switch in text
    }


@control(severity="high", plan="P2", cis="4.10", owasp="RULE 12", equivalents={"kics": "passwords_and_secrets"})
def no_secrets_in_build_arguments(service: Service) -> Findings:
    """No build argument carries a secret.

    Build arguments are kept in the history of the image, for whoever pulls it. What a bundler writes into the code
    that every browser loads (`VITE_`, `REACT_APP_`) hides nothing.

    Bad::

        services:
          web:
            build:
              context: .
              args:
                NPM_TOKEN: "${NPM_TOKEN}"  # <-

    Good::

        services:
          web:
            build:
              context: .
              secrets:
                - npm_token
        secrets:
          npm_token:
            environment: NPM_TOKEN
    """
    arguments = service.get("build.args")
    if arguments is None:
        not_applicable("no build arguments")
    for name, node in arguments.items():
        if is_secret_name(name) and not is_for_browsers(name):
            yield service.finding(
                f"{name} stays in the history of the image",
                advice(f"build.secrets, and RUN --mount=type=secret,id={name.lower()}"),
                at=node,
            )


@control(severity="low", optional=True)
def image_volumes_are_mounted(service: Service) -> Findings:
    """Every VOLUME of the Dockerfile is mounted by name.

    An anonymous volume takes its place: writable under `read_only`, and a new one with each new container, so that the
    old data is lost or piles up. Under `read_only`, ``no-writable-image-volumes`` speaks of it.

    Bad::

        services:
          web:  # <-
            build: .
        # file: Dockerfile
        FROM scratch
        VOLUME /data

    Good::

        services:
          web:
            build: .
            volumes:
              - data:/data
        volumes:
          data:
        # file: Dockerfile
        FROM scratch
        VOLUME /data
    """
    volumes = {word.text for instruction in _stage(service).inherited("VOLUME") for word in instruction.words}
    if not volumes:
        not_applicable("the Dockerfile has no VOLUME")
    if service.posture is not None and service.posture.read_only_rootfs.get(False):
        not_applicable("no-writable-image-volumes judges it")
    targets = {_target(mount) for mount in service.items("volumes")}
    targets |= {mount.text().split(":")[0].rstrip("/") for mount in service.items("tmpfs")}
    for path in sorted(volumes):
        if path.rstrip("/") not in targets:
            yield service.finding(
                f"{path} gets an anonymous volume", advice(f"volumes:\n  - NAME:{path}"), at=service.origin
            )


def _target(mount: Node) -> str:
    target = mount.get("target")
    return target.text().rstrip("/") if target else ""


@control(severity="high")
def built_dockerfile_exists(service: Service) -> Findings:
    """The Dockerfile that a service builds is there.

    The build fails otherwise, and nothing that the image brings can be judged. A context that git ignores, or that is
    a submodule, comes from elsewhere, so nothing is said of it here; nor where the folder holds compose files alone.

    Bad::

        services:
          web:
            build: ./web  # <-
        # file: Makefile
        up: ; docker compose up

    Good::

        services:
          web:
            build: ./web
        # file: web/Dockerfile
        FROM scratch
    """
    context, file = service.get("build.context"), service.get("build.dockerfile")
    nodes = [node for node in (context, file) if node is not None]
    if context is None or service.get("build.dockerfile_inline") is not None or any(node.unresolved for node in nodes):
        not_applicable("no Dockerfile of the project is named")
    local = service.project.local
    fact = local[os.path.normpath(os.path.join(context.text(), file.text() if file is not None else "Dockerfile"))]
    if service.dockerfile is not None or not fact.inside or "://" in context.text():
        return
    if fact.git_ignored or local[os.path.normpath(context.text())].tracked or (local.bare and not fact.exists):
        unknown("the build context is not here: it is brought from elsewhere")
    if not fact.exists or fact.is_dir:
        name = os.path.relpath(fact.path, service.project.directory)
        what = "is a directory" if fact.is_dir else "does not exist"
        yield service.finding(f"{name} {what}", advice("add the Dockerfile, or name another one"), at=context)


@control(severity="high")
def build_target_exists(service: Service) -> Findings:
    """The stage that a service builds is in its Dockerfile.

    Bad::

        services:
          web:
            build:
              context: .
              target: production  # <-
        # file: Dockerfile
        FROM scratch AS runtime

    Good::

        services:
          web:
            build:
              context: .
              target: runtime
        # file: Dockerfile
        FROM scratch AS runtime

    The build fails otherwise, on the first machine that has no image of that name yet.
    """
    target, dockerfile = service.get("build.target"), service.dockerfile
    if target is None or dockerfile is None or target.unresolved:
        not_applicable("no stage is named, or no Dockerfile is at hand")
    if target.text() and dockerfile.stage(target.text()) is None:
        names = [stage.name for stage in dockerfile.stages if stage.name]
        yield service.finding(
            f"the Dockerfile has no stage {target.text()}",
            advice(f"one of: {', '.join(names) or '(none named)'}"),
            at=target,
        )


@control(severity="info", optional=True)
def dockerfiles_are_built(project: Project) -> Findings:
    """Every Dockerfile beside the compose file is built by a service.

    One that no service builds is not part of what is hardened and tested here.

    Bad::

        services:
          web:
            build: ./web
        # file: web/Dockerfile
        FROM scratch
        # file: old/Dockerfile
        FROM scratch  # <-

    Good::

        services:
          web:
            build: ./web
        # file: web/Dockerfile
        FROM scratch
    """
    for dockerfile in project.dockerfiles.values():
        if not dockerfile.built_by:
            yield project.finding(
                "no service builds this Dockerfile", advice("build it, or remove it"), at=dockerfile.origin
            )
