"""What a container can write, and what it can run from there."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import set_key


@control(
    severity="medium",
    plan="P1",
    cis="5.13",
    owasp="RULE 8",
    equivalents={"semgrep": "writable-filesystem-service", "compose-lint": "CL-0007", "docker-bench": "5.13"},
)
def read_only_rootfs(posture: Posture) -> Findings:
    """The root filesystem is read-only.

    An intruder who cannot write cannot drop a tool, plant a web shell or change a configuration.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            read_only: true
    """
    if not posture.read_only_rootfs.value:
        yield posture.read_only_rootfs.finding(
            "the root filesystem is writable",
            set_key("read_only", True, breaks="a program that writes outside its volumes and tmpfs"),
        )
