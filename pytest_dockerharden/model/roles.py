"""What a service is by the image it runs: a data store, a web server; and whether the outside reaches it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

from pytest_dockerharden.model.known_images import apache_of
from pytest_dockerharden.model.posture import Port, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import Reference, parse_reference

DATA_STORES = frozenset(
    {
        "redis", "valkey", "keydb", "dragonfly", "memcached", "postgres", "postgresql", "postgis", "timescaledb",
        "pgvector", "mysql", "mysql-server", "mariadb", "percona", "mongo", "mongodb", "couchdb", "couchbase",
        "cassandra", "scylla", "elasticsearch", "opensearch", "solr", "influxdb", "neo4j", "arangodb", "clickhouse",
        "clickhouse-server", "rabbitmq", "zookeeper", "etcd", "cockroach", "rethinkdb", "redis-stack-server",
        "redis-stack", "mssql/server", "kafka", "cp-kafka", "cp-zookeeper", "activemq", "nats", "oracle", "qdrant",
        "weaviate", "milvus",
    }
)  # fmt: skip
WEB_SERVERS = frozenset(
    {
        "nginx", "nginx-unprivileged", "openresty", "httpd", "apache", "caddy", "traefik", "haproxy", "haproxy-alpine",
        "envoy", "varnish", "certbot", "angie", "frp",
    }
)  # fmt: skip

# what an exporter, a log shipper or an agent of a monitoring system is for is reading the host
HOST_WATCHERS = frozenset(
    {
        "node-exporter", "node_exporter", "cadvisor", "netdata", "telegraf", "glances", "promtail", "alloy",
        "datadog-agent", "filebeat", "metricbeat", "fluent-bit", "fluentd", "vector", "scrutiny", "collectd",
        "process-exporter", "beszel-agent", "newrelic-infra", "opentelemetry-collector-contrib",
    }
)  # fmt: skip
_ENGINE_FILTERS = frozenset({"docker-socket-proxy", "socket-proxy", "dockerproxy", "docker-proxy"})


def base_image(posture: Posture) -> Reference | None:
    """The image that a posture stands on: the base its Dockerfile builds from, else the image it runs."""
    service = posture.service
    if service is not None and service.stage is not None:
        base = service.stage.root_base()
        return parse_reference(base) if base else None
    if service is not None and service.get("build") is not None:
        return None
    text = posture.image.get("")
    return parse_reference(text) if text else None


def family(posture: Posture) -> str:
    """The image's name without its publisher (``redis`` for ``bitnami/redis``); empty where it is not known."""
    image = base_image(posture)
    if image is None:
        return ""
    name = image.path.rsplit("/", 1)[-1]
    return "mssql/server" if image.path.endswith("mssql/server") else name


def is_data_store(posture: Posture) -> bool:
    """Whether its image is that of a database, a cache or a message broker."""
    return family(posture) in DATA_STORES


def is_web_server(posture: Posture) -> bool:
    """Whether its image is that of a web server or proxy, or an nginx configuration reaches it."""
    return family(posture) in WEB_SERVERS or bool(posture.service and posture.service.nginx)


def runs_apache(posture: Posture) -> Literal["", "debian", "httpd"]:
    """Whose Apache a service runs, where its image is an official one that does so; empty for another command."""
    image = base_image(posture)
    built = apache_of(image) if image is not None else ""
    said = (*posture.entrypoint.get(()), *posture.command.get(()))
    return built if not said or any("apache2" in word or "httpd" in word for word in said) else ""


def watches_the_host(posture: Posture) -> bool:
    """Whether its image is known to report on the host, which it has to read for that."""
    return family(posture) in HOST_WATCHERS


def filters_the_engine(posture: Posture) -> bool:
    """Whether its image is a proxy that lets only chosen requests through to the engine's socket."""
    return family(posture) in _ENGINE_FILTERS


def is_for_swarm(service: Service) -> bool:
    """Whether only ``docker stack deploy`` honours what is under ``deploy``.

    It says so and goes on without ``security_opt``, ``restart``, ``privileged``, ``devices``, ``network_mode``,
    ``ipc``, ``pid``, ``userns_mode`` and ``shm_size``, and refuses a file with ``mem_limit``, ``memswap_limit`` or
    ``cpu_shares`` (``cli/compose/types`` of the Docker CLI); ``cap_add``, ``cap_drop`` (20.10), ``read_only``,
    ``tmpfs``, ``init``, ``user``, ``ulimits`` and ``sysctls`` work.
    """
    return service.text("deploy.mode") == "global" or any(
        service.get(f"deploy.{key}") for key in ("placement", "update_config", "rollback_config", "endpoint_mode")
    )


def uses(service: Service, name: str) -> bool:
    """Whether a service says that it needs the one of this name."""
    wanted = service.get("depends_on")
    if (wanted is not None and wanted.get(name) is not None) or any(
        item.text().partition(":")[0] == name for item in service.items("links")
    ):
        return True
    if service.posture is None or is_web_server(service.posture):
        return False  # a shared env file names what only the others use
    values = [v.value or "" for v in service.posture.environment.get({}).values()]
    return any(name in value.replace("/", ":").replace("@", ":").split(":") for value in values)


def open_to_all(port: Port) -> bool:
    """Whether a published port listens on more than the loopback interface of the host."""
    if not port.host_ip:
        return True
    try:
        return not ip_address(port.host_ip.strip("[]")).is_loopback
    except ValueError:
        return port.host_ip != "localhost"


def on_every_interface(port: Port) -> bool:
    """Whether a published port listens on all interfaces of the host: no address, ``0.0.0.0`` or ``::``."""
    if not port.host_ip:
        return True
    try:
        return ip_address(port.host_ip.strip("[]")).is_unspecified
    except ValueError:
        return False
