"""What a compose `build:` lets the build do on the host that builds."""

from __future__ import annotations

import re

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, remove_key

_USERINFO = pattern(r"[a-z][a-z0-9+.-]*://(?P<user>[^/@:]*)(?P<password>:[^/@]*)?@", re.IGNORECASE)
_REMOTE = pattern(r"(?:https?|git|ssh)://|git@|github\.com/", re.IGNORECASE)
_COMMIT = pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


def _build(service: Service) -> Node:
    return service.get("build") or not_applicable("nothing is built")


@control(severity="high", owasp="RULE 5")
def build_network_isolated(service: Service) -> Findings:
    """The build does not use the host's network.

    Build steps then reach every service that listens on the host's loopback, and can bind its ports.

    Bad::

        services:
          web:
            build:
              context: .
              network: host  # <-

    Good::

        services:
          web:
            build:
              context: .
    """
    network = _build(service).get("network")
    if network is not None and network.text() == "host":
        yield service.finding("the build runs in the host's network", remove_key("build.network"), at=network)


@control(severity="critical", owasp="RULE 3")
def sandboxed_build(service: Service) -> Findings:
    """The build stays in its sandbox.

    A privileged build, or one with the entitlement `security.insecure`, runs its steps as root on the build host.

    Bad::

        services:
          web:
            build:
              context: .
              privileged: true  # <-
          worker:
            build:
              context: .
              entitlements:
                - security.insecure  # <-

    Good::

        services:
          web:
            build: .
    """
    build = _build(service)
    privileged = build.get("privileged")
    if privileged is not None and privileged.value is True:
        yield service.finding("the build is privileged", remove_key("build.privileged"), at=privileged)
    for entitlement in build.get("entitlements") or ():
        if entitlement.text().split("=")[0] in {"security.insecure", "network.host", "device"}:
            yield service.finding(
                f"the build is entitled to {entitlement.text()}",
                advice(f"remove the entitlement {entitlement.text()}"),
                at=entitlement,
            )


@control(severity="low", optional=True)
def no_ssh_agent_in_build(service: Service) -> Findings:
    """The build does not get the ssh agent.

    Every build step that mounts the agent can sign with all its keys. A deploy key of its own can fetch one repository.

    Bad::

        services:
          web:
            build:
              context: .
              ssh:  # <-
                - default

    Good::

        services:
          web:
            build:
              context: .
              secrets:
                - deploy_key
        secrets:
          deploy_key:
            file: ./deploy_key
    """
    if _build(service).get("ssh") is not None and service.get("build.ssh") is not None:
        yield service.finding("the build gets the ssh agent", remove_key("build.ssh"), at="build.ssh")


@control(severity="critical", owasp="RULE 12", equivalents={"kics": "passwords_and_secrets"})
def no_credentials_in_build_context(service: Service) -> Findings:
    """No credentials stand in the address of a build context.

    The address is in the repository, in the build log, in the build's provenance and in the process list.

    Bad::

        services:
          web:
            build: https://bot:s3cr3t@git.example.com/app.git#main  # <-

    Good::

        services:
          web:
            build: https://git.example.com/app.git#main
    """
    build = _build(service)
    more = build.get("additional_contexts")
    for context in (build.get("context"), *(node for _, node in (more.items() if more else ()))):
        match = _USERINFO.match(context.text()) if context is not None and "://" in context.text() else None
        if context is not None and match and not context.unresolved and (match["password"] or match["user"] != "git"):
            yield service.finding(
                "credentials stand in the address of the build context",
                advice("take the credentials out; use `build.secrets` or the git credential helper of the builder"),
                at=context,
            )


@control(severity="medium", optional=True, owasp="RULE 13")
def pinned_remote_context(service: Service) -> Findings:
    """A build context in a git repository is pinned to a commit.

    A branch or a tag can be moved: the same compose file then builds another program.

    Bad::

        services:
          web:
            build: https://git.example.com/app.git#main  # <-

    Good::

        services:
          web:
            build: https://git.example.com/app.git#4b825dc642cb6eb9a060e54bf8d69288fbee4904
    """
    context = _build(service).get("context")
    if context is None or context.unresolved or not _REMOTE.match(context.text()):
        not_applicable("the build context is local")
    address, _, fragment = context.text().partition("#")
    is_git = address.endswith(".git") or not address.lower().startswith("http") or bool(fragment)
    if is_git and not _COMMIT.match(fragment.split(":")[0]):
        yield service.finding(
            "the build context can change under its name", advice("append `#` and the full commit"), at=context
        )
