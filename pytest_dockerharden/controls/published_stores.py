"""Data stores that let everybody in, published beyond the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from pytest_dockerharden.controls.redis import has_password, is_sentinel, option_of_redis
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.fact import UnknownFact, not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.known_images import older_than
from pytest_dockerharden.model.paths import covers
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.ports import shown, unpublished
from pytest_dockerharden.model.posture import Port, Posture, Variable
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import Reference
from pytest_dockerharden.model.remedies import remove_key
from pytest_dockerharden.model.roles import base_image, family, open_to_all

_NOBODY = "asks nobody for a password"
_ANY: frozenset[str] = frozenset()
_YES = frozenset({"yes", "true", "1", "on", "y"})


@dataclass(frozen=True, slots=True)
class _Store:
    """How a store comes to let everybody in.

    ``opened_by`` has values of variables that open it (``_ANY``: whatever is not empty), ``closed_by`` parts of the
    names of variables that close it again. ``alone`` tells that the image as its publisher ships it is open until
    something else is said, ``before`` up to which major version; what may say it is also a mount below ``configured``.
    """

    ports: frozenset[int]
    opened_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    closed_by: tuple[str, ...] = ()
    alone: bool = False
    before: int = 0
    configured: tuple[str, ...] = ()
    how: str = _NOBODY


def _ports(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


_POSTGRES = _Store(_ports(5432), {"POSTGRES_HOST_AUTH_METHOD": frozenset({"trust"})})
# their entrypoints look whether the variable is empty: "no" opens as well
_MYSQL = _Store(
    _ports(3306, 33060),
    {"MYSQL_ALLOW_EMPTY_PASSWORD": _ANY, "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": _ANY},
    closed_by=("ROOT_PASSWORD", "ROOT_HOST"),
)
_OFF = frozenset({"false"})
_ON = frozenset({"true"})
_GUEST = frozenset({"guest"})
_REDIS = _Store(_ports(6379, 8001), alone=True, configured=("/redis-stack.conf",))
_STORES: dict[str, _Store] = {
    "postgres": _POSTGRES,
    "postgis": _POSTGRES,
    "timescaledb": _POSTGRES,
    "pgvector": _POSTGRES,
    "mysql": _MYSQL,
    "mysql-server": _MYSQL,
    "mariadb": _MYSQL,
    "percona": _MYSQL,
    "redis": _REDIS,
    "valkey": _REDIS,
    "redis-stack": _REDIS,
    "redis-stack-server": _REDIS,
    "mongo": _Store(_ports(27017), closed_by=("MONGO_INITDB_ROOT_",), alone=True),
    "memcached": _Store(_ports(11211), alone=True),
    "cassandra": _Store(_ports(9042), alone=True, configured=("/etc/cassandra", "/opt/cassandra")),
    "elasticsearch": _Store(
        _ports(9200, 9300),
        {"xpack.security.enabled": _OFF, "ES_SETTING_XPACK_SECURITY_ENABLED": _OFF},
        closed_by=("xpack.security.enabled", "XPACK_SECURITY_ENABLED"),
        alone=True,
        before=8,
        configured=("/usr/share/elasticsearch/config",),
    ),
    "opensearch": _Store(_ports(9200), {"DISABLE_SECURITY_PLUGIN": _ON, "plugins.security.disabled": _ON}),
    "influxdb": _Store(
        _ports(8086), closed_by=("HTTP_AUTH_ENABLED",), alone=True, before=2, configured=("/etc/influxdb",)
    ),
    "qdrant": _Store(_ports(6333, 6334), closed_by=("API_KEY",), alone=True, configured=("/qdrant/config",)),
    # https://github.com/docker-library/rabbitmq: loopback_users = none in conf.d/10-defaults.conf
    "rabbitmq": _Store(
        _ports(5672, 15672),
        {"RABBITMQ_DEFAULT_USER": _GUEST, "RABBITMQ_DEFAULT_PASS": _GUEST},
        closed_by=("DEFAULT_USER", "DEFAULT_PASS", "DEFINITIONS", "CONFIG"),
        alone=True,
        configured=("/etc/rabbitmq",),
        how="lets in guest by the password that everybody knows",
    ),
    "neo4j": _Store(_ports(7473, 7474, 7687), {"NEO4J_AUTH": frozenset({"none"})}),
    "arangodb": _Store(_ports(8529), {"ARANGO_NO_AUTH": _YES}),
    "weaviate": _Store(_ports(8080, 50051), {"AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": _ON}),
}  # fmt: skip
_EMPTY_ALLOWED = {"ALLOW_EMPTY_PASSWORD": _YES}
# the images of Bitnami do not start without a password unless one of their variables allows it
_OF_BITNAMI: dict[str, _Store] = {
    "postgresql": _Store(_ports(5432), _EMPTY_ALLOWED, closed_by=("_PASSWORD",)),
    "mysql": _Store(_ports(3306), _EMPTY_ALLOWED, closed_by=("ROOT_PASSWORD",)),
    "mariadb": _Store(_ports(3306), _EMPTY_ALLOWED, closed_by=("ROOT_PASSWORD",)),
    "mongodb": _Store(_ports(27017), _EMPTY_ALLOWED, closed_by=("_PASSWORD",)),
    "redis": _Store(_ports(6379), _EMPTY_ALLOWED, closed_by=("_PASSWORD",)),
    "valkey": _Store(_ports(6379), _EMPTY_ALLOWED, closed_by=("_PASSWORD",)),
    "etcd": _Store(_ports(2379), {"ALLOW_NONE_AUTHENTICATION": _YES}, closed_by=("_PASSWORD", "CLIENT_CERT_AUTH")),
    "zookeeper": _Store(_ports(2181), {"ALLOW_ANONYMOUS_LOGIN": _YES}, closed_by=("_PASSWORD",)),
}
# who ships an image that is open alone; a copy by somebody else may hold a configuration
_AS_SHIPPED = frozenset(
    {
        "valkey/valkey", "redis/redis-stack", "redis/redis-stack-server", "qdrant/qdrant",
        "docker.elastic.co/elasticsearch/elasticsearch", "docker.elastic.co/elasticsearch/elasticsearch-oss",
    }
)  # fmt: skip
# words of a command line that may ask for a password, name a configuration or keep to the loopback interface
_MAY_CLOSE = pattern(
    r"(?i)(?<!no)auth|passw|sasl|key|conf|cert|security|\bacl|127\.|localhost|::1|^-[a-z]*[SYf]$|(?:^|/)(?:ba)?sh$|\.sh$"
)


@control(severity="critical", plan="P1", owasp=("RULE 5", "RULE 12"), nist="4.4.2")
def published_stores_ask_for_a_password(posture: Posture) -> Findings:
    """No data store is published that lets everybody in.

    Machines that scan the internet find an open Redis, MongoDB or Elasticsearch within hours: data is copied, erased
    and held to ransom, and through some of them programs run on the host. Most images are open as they come, or by a
    variable; on a network of the stack alone that may be the plan, and nothing is said of it here. Of a store that asks
    for a password, or of which it is not known, ``data-stores-not-published`` speaks.

    Bad::

        services:
          cache:
            image: redis:7.4
            ports:
              - "6379:6379"  # <-
          documents:
            image: mongo:7.0
            ports:
              - "27017:27017"  # <-
          db:
            image: postgres:17
            environment:
              POSTGRES_HOST_AUTH_METHOD: trust
            ports:
              - "5432:5432"  # <-

    Good::

        services:
          cache:
            image: redis:7.4
            ports:
              - "127.0.0.1:6379:6379"
          documents:
            image: mongo:7.0
            environment:
              MONGO_INITDB_ROOT_USERNAME: root
              MONGO_INITDB_ROOT_PASSWORD_FILE: /run/secrets/mongo_password
            ports:
              - "27017:27017"
          db:
            image: postgres:17
            environment:
              POSTGRES_HOST_AUTH_METHOD: trust
    """
    store = open_store(posture)
    if store is None:
        not_applicable("it is no data store that is known to let everybody in")
    for port in posture.ports.value:
        if _leads_to(port, store):
            message = f"it is published on {shown(port)} and {store.how}"
            yield posture.ports.finding(message, unpublished(posture, port), at=port.origin)
    if posture.network_mode.value == "host":
        breaks = "clients that reach it at the host's address; publish its port on loopback"
        yield posture.network_mode.finding(
            f"it listens on the host's network and {store.how}", remove_key("network_mode", breaks=breaks)
        )


def lets_everybody_in(posture: Posture, port: Port) -> bool:
    """Whether a published port leads to a store that is known to let everybody in."""
    try:
        store = open_store(posture)
    except UnknownFact:
        return False
    return store is not None and _leads_to(port, store)


def _leads_to(port: Port, store: _Store) -> bool:
    return port.container_port in store.ports and port.protocol == "tcp" and open_to_all(port)


def open_store(posture: Posture) -> _Store | None:
    """The store that a service runs, where it is known to let everybody in; None where it is not."""
    image, name = base_image(posture), family(posture)
    if image is None:
        return None
    of_bitnami = "bitnami" in image.path
    store = (_OF_BITNAMI if of_bitnami else _STORES).get(name)
    if store is None:
        return _insecure_cockroach(posture, name)
    if _opened(posture.environment.value, store) or (store.alone and _as_it_comes(posture, image, store)):
        return _redis(posture, store) if store is _REDIS else store
    return None


def _opened(environment: Mapping[str, Variable], store: _Store) -> bool:
    """Whether a variable opens it, and none says otherwise."""
    said = {name: environment[name].value for name in store.opened_by if name in environment}
    opening = {n for n, value in said.items() if value and value.lower() in (store.opened_by[n] or {value.lower()})}
    if not opening or any(value != "" for name, value in said.items() if name not in opening):
        return False
    return not any(_closes(store, name, environment[name]) for name in environment.keys() - said.keys())


def _closes(store: _Store, name: str, variable: Variable) -> bool:
    # what has no value here may have one where it runs
    return variable.value != "" and any(part in name for part in store.closed_by)


def _as_it_comes(posture: Posture, image: Reference, store: _Store) -> bool:
    """Whether the image runs as its publisher ships it, open, and nothing says otherwise."""
    service = posture.service
    shipped = bool(image.official) or image.familiar in _AS_SHIPPED
    if service is None or not shipped or service.get("build") is not None:
        return False
    if store.before and not (image.tag[:1].isdigit() and older_than(image, (store.before,))):
        return False
    if any(_closes(store, name, variable) for name, variable in posture.environment.value.items()):
        return False
    _ask_for_what_may_close_it(posture, service, store)
    return True


def _ask_for_what_may_close_it(posture: Posture, service: Service, store: _Store) -> None:
    if service.get("entrypoint") is not None:
        unknown("another entrypoint may ask for a password")
    commanded = store is not _REDIS and service.get("command") is not None
    if commanded and any(map(_MAY_CLOSE.search, posture.command.value)):
        unknown("its command may ask for a password, or keep it from the outside")
    for mount in posture.mounts.value:
        if any(_configures(mount.target, folder) for folder in store.configured):
            unknown("the configuration that is mounted into it is not read")


def _configures(target: str, folder: str) -> bool:
    return (covers(folder, target) or covers(target, folder)) and not target.endswith("/enabled_plugins")


def _redis(posture: Posture, store: _Store) -> _Store | None:
    """Its command line says the port and whether it asks; what a configuration file says is unknown."""
    service = posture.service
    if service is None or is_sentinel(service) or has_password(service):
        return None
    port = option_of_redis(service, "port")
    if port is None:
        return store
    return _Store(_ports(int(port.text))) if port.text.isdigit() else None


def _insecure_cockroach(posture: Posture, name: str) -> _Store | None:
    insecure = name == "cockroach" and "--insecure" in posture.command.get(())
    return _Store(_ports(26257, 8080)) if insecure else None
