"""What the recommended suite lets pass for what a program is, said in the strict one."""

from __future__ import annotations

from pytest_dockerharden.controls.network import PUBLIC_PORTS
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.hostpaths import binds, holds_the_whole_system
from pytest_dockerharden.model.known_images import writes_its_root
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, set_key
from pytest_dockerharden.model.roles import base_image, is_data_store, on_every_interface, watches_the_host


def _posture(service: Service) -> Posture:
    if service.posture is None:
        not_applicable("nothing is known of its container")
    return service.posture


@control(
    severity="info",
    optional=True,
    cis="5.13",
    owasp="RULE 8",
    equivalents={"semgrep": "writable-filesystem-service", "compose-lint": "CL-0007"},
)
def no_image_that_writes_its_root(service: Service) -> Findings:
    """No image needs a writable root filesystem.

    Of images that are known not to start on a read-only one (s6 overlays, all-in-one appliances) ``read-only-rootfs``
    says nothing. What runs in them can be changed all the same: another image of the program may do without.

    Bad::

        services:
          builder:  # <-
            image: docker:27-dind

    Good::

        services:
          builder:
            image: docker:27-dind
            read_only: true
          web:
            image: app
    """
    posture = _posture(service)
    image = base_image(posture)
    if image is None or not writes_its_root(image):
        not_applicable("its image is not known to write into its root")
    if not posture.read_only_rootfs.value:
        yield service.finding("its image needs a writable root filesystem", advice("an image that writes to volumes"))


@control(
    severity="low",
    optional=True,
    cis="5.6",
    owasp="RULE 8",
    equivalents={"kics": "volume_has_sensitive_host_directory", "compose-lint": "CL-0001"},
)
def watchers_read_part_of_the_host(service: Service) -> Findings:
    """An exporter of the host is given the parts that it reports on.

    With `/` it can read every password and connect to every socket, the engine's among them, though it is read-only.

    Bad::

        services:
          exporter:
            image: prom/node-exporter:v1.8.2
            volumes:
              - /:/host:ro,rslave  # <-

    Good::

        services:
          exporter:
            image: prom/node-exporter:v1.8.2
            volumes:
              - /proc:/host/proc:ro
              - /sys:/host/sys:ro
    """
    posture = _posture(service)
    if not watches_the_host(posture):
        not_applicable("no-whole-system-mounted judges it")
    for mount in binds(posture):
        if mount.read_only and holds_the_whole_system(mount.source):
            yield service.finding(
                f"it can read all of {mount.source}", advice("mount the parts it reports on"), at=mount.origin
            )


@control(
    severity="info",
    optional=True,
    cis="5.14",
    equivalents={"kics": "container_traffic_not_bound_to_host_interface", "compose-lint": "CL-0005"},
)
def no_address_that_stands_for_all(service: Service, *, public: tuple[str, ...] = PUBLIC_PORTS) -> Findings:
    """Neither public ports nor data stores name the address for all.

    `0.0.0.0` and `[::]` are every interface of the machine. Of all other ports ``ports-not-bound-to-every-address``
    speaks.

    Bad::

        services:
          proxy:
            image: traefik:3.1
            ports:
              - "0.0.0.0:443:443"  # <-
          store:
            image: postgres:17
            ports:
              - "0.0.0.0:5432:5432"  # <-

    Good::

        services:
          proxy:
            image: traefik:3.1
            ports:
              - "203.0.113.7:443:443"
              - "80:80"
    """
    posture = _posture(service)
    of_data = is_data_store(posture)
    for port in posture.ports.value:
        if port.host_ip and on_every_interface(port) and (of_data or port.host_port in public):
            yield service.finding(
                f"{port.host_ip} is every interface",
                advice(f'ports:\n  - "ADDRESS:{port.host_port}:{port.container_port}"'),
                at=port.origin,
            )


@control(severity="info", optional=True, equivalents={"kics": "restart_policy_on_failure_not_set_to_5"})
def enough_restarts_are_tried(service: Service, *, least: int = 5) -> Findings:
    """Where restarts are counted there are five of them.

    With fewer the service is down for good after a hiccup of what it depends on: the engine waits 0.1 s before the
    first restart, and twice as long before each further one.

    Bad::

        services:
          web:
            image: app
            restart: on-failure:2  # <-
          worker:
            image: app
            deploy:
              restart_policy:
                condition: on-failure
                max_attempts: 3  # <-

    Good::

        services:
          web:
            image: app
            restart: on-failure:5
          worker:
            image: app
            restart: on-failure
    """
    policy = _posture(service).restart.value
    if policy.name != "on-failure" or not policy.retries:
        not_applicable("its restarts are not counted")
    if policy.retries < least:
        attempts = "deploy.restart_policy.max_attempts"
        counted = service.get(attempts)
        remedy = set_key(attempts, least) if counted is not None else set_key("restart", f"on-failure:{least}")
        yield service.finding(
            f"after {policy.retries} restarts it stays down", remedy, at="restart" if counted is None else attempts
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
def no_unbound_ports_on_the_host_network(service: Service) -> Findings:
    """No port without an address is left beside the host's network.

    The engine discards it. Once the service has a network of its own again, it is published on every interface.

    Bad::

        services:
          web:
            image: app
            network_mode: host
            ports:
              - "8080:80"  # <-

    Good::

        services:
          web:
            image: app
            network_mode: host
            ports:
              - "127.0.0.1:8080:80"
    """
    if service.text("network_mode") != "host":
        not_applicable("its ports are published")
    for item in service.items("ports"):
        address = item.get("host_ip")
        if not item.unresolved and (address is None or not address.text()):
            yield service.finding("its port names no address", advice("remove it"), at=item)
