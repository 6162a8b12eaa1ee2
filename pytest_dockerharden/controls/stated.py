"""What a compose file had better say itself, though an image or a habit may say it too."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.roles import on_every_interface


@control(severity="low", optional=True, cis="5.27", equivalents={"kics": "healthcheck_not_set"})
def explicit_healthcheck(service: Service) -> Findings:
    """A service whose image is not known to have a healthcheck gives one.

    Whether the image brings one is not said anywhere in the project, and may change with the next image.

    Bad::

        services:
          web:  # <-
            image: registry.example.com/app:1.4

    Good::

        services:
          web:
            image: registry.example.com/app:1.4
            healthcheck:
              test: ["CMD", "/app", "--check"]
    """
    posture = service.posture
    if posture is None or posture.healthcheck.known or service.get("healthcheck") is not None:
        not_applicable("healthcheck-defined judges it")
    yield service.finding(
        "no healthcheck is given, and the image may have none", advice('healthcheck:\n  test: ["CMD", "..."]')
    )


@control(
    severity="info",
    optional=True,
    cis="5.14",
    equivalents={
        "kics": "container_traffic_not_bound_to_host_interface",
        "compose-lint": "CL-0005",
        "dclint": "no-unbound-port-interfaces",
    },
)
def explicit_interface_for_public_ports(
    posture: Posture, *, ports: tuple[str, ...] = ("25", "80", "443", "465", "587", "993")
) -> Findings:
    """A port that is meant for everybody names its address as well.

    On a machine with an inner and an outer network, 80 and 443 are then open on the outer one alone. Of all other
    ports ``ports-bound-to-interface`` speaks.

    Bad::

        services:
          proxy:
            image: traefik:3.1
            ports:
              - "443:443"  # <-

    Good::

        services:
          proxy:
            image: traefik:3.1
            ports:
              - "203.0.113.7:443:443"
    """
    for port in posture.ports.value:
        if port.host_port in ports and on_every_interface(port):
            yield posture.ports.finding(
                f"port {port.host_port} is open on every interface",
                advice(f'ports:\n  - "ADDRESS:{port.host_port}:{port.container_port}"'),
                at=port.origin,
            )
