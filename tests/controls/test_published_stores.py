from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, verdict

CONTROL = "published-stores-ask-for-a-password"
BESIDE = "data-stores-not-published"
NOBODY = "asks nobody for a password"
GUEST = "lets in guest by the password that everybody knows"
REDIS = "image: redis:7.4\nports: ['6379:6379']\n"
MONGO = "image: mongo:7.0\nports: ['27017:27017']\n"
POSTGRES = "image: postgres:17\nports: ['5432:5432']\n"
MYSQL = "image: mysql:8.4\nports: ['3306:3306']\n"
RABBIT = "image: rabbitmq:4.0-management\nports: ['15672:15672']\n"
ELASTIC = "image: docker.elastic.co/elasticsearch/elasticsearch:{}\nports: ['9200:9200']\n"
MEMCACHED = "image: memcached:1.6\nports: ['11211:11211']\n"
CASSANDRA = "image: cassandra:5.0\nports: ['9042:9042']\n"
ETCD = "image: bitnami/etcd:3.5\nports: ['2379:2379']\n"


def variables(**values: str) -> str:
    return "environment:\n" + "".join(f"  {name.replace('__', '.')}: '{value}'\n" for name, value in values.items())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("image: app:1\nports: ['6379:6379']", id="no store that is known"),
        pytest.param("image: mongo:7.0", id="mongo inside of the stack"),
        pytest.param("image: mongo:7.0\nports: ['127.0.0.1:27017:27017']", id="mongo on loopback"),
        pytest.param("image: mongo:7.0\nports: ['[::1]:27017:27017']", id="mongo on loopback of IPv6"),
        pytest.param("image: mongo:7.0\nports: ['8081:8081']", id="another port"),
        pytest.param("image: redis:7.4\nports: ['6379:6379/udp']", id="another protocol"),
        pytest.param("image: mongo:7.0\nexpose: ['27017']", id="mongo exposed"),
        pytest.param(MONGO + variables(MONGO_INITDB_ROOT_USERNAME="a", MONGO_INITDB_ROOT_PASSWORD="b"), id="a user"),
        pytest.param(MONGO + variables(MONGO_INITDB_ROOT_USERNAME_FILE="/u"), id="a user by a file"),
        pytest.param(MONGO + variables(MONGO_INITDB_ROOT_USERNAME="${U}"), id="a user by a variable"),
        pytest.param("image: ghcr.io/us/mongo:1\nports: ['27017:27017']", id="a copy that may be configured"),
        pytest.param("build: {context: ., dockerfile_inline: 'FROM mongo:7.0'}\nports: ['27017:27017']", id="built"),
        pytest.param(REDIS + "command: redis-server --requirepass x", id="redis with a password"),
        pytest.param(REDIS + "command: --requirepass x", id="redis with a password, by options alone"),
        pytest.param(REDIS + "command: [--save, '60', '1', --requirepass, x]", id="among other options"),
        pytest.param(REDIS + "command: sh -c 'exec redis-server --requirepass x'", id="redis through a shell"),
        pytest.param(REDIS + "command: redis-server --port 6380", id="redis on a port that is not published"),
        pytest.param(POSTGRES + variables(POSTGRES_PASSWORD="x"), id="postgres"),
        pytest.param(POSTGRES + variables(POSTGRES_HOST_AUTH_METHOD="scram-sha-256"), id="scram"),
        pytest.param(POSTGRES + variables(POSTGRES_HOST_AUTH_METHOD="${METHOD}"), id="an unresolved switch"),
        pytest.param("image: postgres:17\n" + variables(POSTGRES_HOST_AUTH_METHOD="trust"), id="trust inside"),
        pytest.param(MYSQL + variables(MYSQL_ROOT_PASSWORD="x"), id="mysql"),
        pytest.param(MYSQL + variables(MYSQL_ALLOW_EMPTY_PASSWORD=""), id="a switch that says nothing"),
        pytest.param(MYSQL + variables(MYSQL_ALLOW_EMPTY_PASSWORD="1", MYSQL_ROOT_PASSWORD="x"), id="a password"),
        pytest.param(MYSQL + variables(MYSQL_ALLOW_EMPTY_PASSWORD="1", MYSQL_RANDOM_ROOT_PASSWORD="1"), id="a random"),
        pytest.param(MYSQL + variables(MYSQL_ALLOW_EMPTY_PASSWORD="1", MYSQL_ROOT_HOST="localhost"), id="root here"),
        pytest.param(RABBIT + variables(RABBITMQ_DEFAULT_USER="a", RABBITMQ_DEFAULT_PASS="x"), id="a rabbit's user"),
        pytest.param(RABBIT + variables(RABBITMQ_DEFAULT_USER="guest", RABBITMQ_DEFAULT_PASS="x"), id="guest's own"),
        pytest.param(RABBIT + variables(RABBITMQ_DEFAULT_PASS="${PASS}"), id="a rabbit's unresolved password"),
        pytest.param(ELASTIC.format("8.15.0"), id="elasticsearch 8"),
        pytest.param(ELASTIC.format("8.15.0") + variables(xpack__security__enabled="true"), id="by name"),
        pytest.param(ELASTIC.format("7.17.9") + variables(xpack__security__enabled="true"), id="elasticsearch 7"),
        pytest.param(ETCD + variables(ETCD_ROOT_PASSWORD="x"), id="etcd with a password"),
        pytest.param(ETCD + variables(ALLOW_NONE_AUTHENTICATION="yes", ETCD_CLIENT_CERT_AUTH="true"), id="by key"),
        pytest.param(ETCD, id="does not start"),
        pytest.param("image: bitnami/redis:7.4\nports: ['6379:6379']", id="does not start without a password"),
        pytest.param("image: bitnami/cassandra:5.0\nports: ['9042:9042']", id="cassandra of another publisher"),
        pytest.param("image: influxdb:2.7\nports: ['8086:8086']", id="influxdb 2 is set up by its first visitor"),
        pytest.param("image: nats:2.10\nports: ['4222:4222']", id="a broker for everybody"),
    ],
)  # fmt: skip
def test_a_store_that_asks_or_that_nobody_outside_reaches_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, CONTROL, body) == []


@pytest.mark.parametrize(
    ("body", "port", "how"),
    [
        (REDIS, 6379, NOBODY),
        (REDIS + "command: redis-server --appendonly yes", 6379, NOBODY),
        (REDIS + "command: --appendonly yes", 6379, NOBODY),
        ("image: redis:7.4\nports: ['6380:6380']\ncommand: redis-server --port 6380", 6380, NOBODY),
        ("image: valkey/valkey:8.0\nports: ['0.0.0.0:6379:6379']", 6379, NOBODY),
        ("image: redis/redis-stack:7.4.0-v1\nports: ['8001:8001']", 8001, NOBODY),
        ("image: bitnami/redis:7.4\nports: ['6379:6379']\n" + variables(ALLOW_EMPTY_PASSWORD="yes"), 6379, NOBODY),
        (MONGO, 27017, NOBODY),
        (MONGO + "command: mongod --noauth --replSet rs0", 27017, NOBODY),
        (MONGO + variables(MONGO_INITDB_DATABASE="app"), 27017, NOBODY),
        ("image: mongo\nports: [{target: 27017, published: 27017}]", 27017, NOBODY),
        (POSTGRES + variables(POSTGRES_HOST_AUTH_METHOD="trust", POSTGRES_PASSWORD="x"), 5432, NOBODY),
        (POSTGRES.replace("postgres", "postgis/postgis") + variables(POSTGRES_HOST_AUTH_METHOD="trust"), 5432, NOBODY),
        (MYSQL + variables(MYSQL_ALLOW_EMPTY_PASSWORD="yes", MYSQL_PASSWORD="of another user"), 3306, NOBODY),
        (MYSQL + variables(MYSQL_ALLOW_EMPTY_PASSWORD="no"), 3306, NOBODY),
        (MYSQL.replace("mysql", "mariadb") + variables(MARIADB_ALLOW_EMPTY_ROOT_PASSWORD="1"), 3306, NOBODY),
        (MEMCACHED, 11211, NOBODY),
        (MEMCACHED + "command: memcached -m 64 -c 1024", 11211, NOBODY),
        (CASSANDRA + "volumes: ['data:/var/lib/cassandra']", 9042, NOBODY),
        (ELASTIC.format("8.15.0") + variables(xpack__security__enabled="false"), 9200, NOBODY),
        (ELASTIC.format("7.17.9") + variables(discovery__type="single-node"), 9200, NOBODY),
        (ETCD + variables(ALLOW_NONE_AUTHENTICATION="yes"), 2379, NOBODY),
        ("image: influxdb:1.8\nports: ['8086:8086']", 8086, NOBODY),
        ("image: qdrant/qdrant:v1.12.1\nports: ['6333:6333']", 6333, NOBODY),
        ("image: cockroachdb/cockroach:v24.2\nports: ['8080:8080']\ncommand: start --insecure", 8080, NOBODY),
        (RABBIT, 15672, GUEST),
        (RABBIT + "volumes: ['./enabled_plugins:/etc/rabbitmq/enabled_plugins:ro']", 15672, GUEST),
        (RABBIT + variables(RABBITMQ_DEFAULT_USER="guest", RABBITMQ_DEFAULT_PASS="guest"), 15672, GUEST),
    ],
)  # fmt: skip
def test_a_published_store_that_lets_everybody_in_is_reported_once(
    tmp_path: Path, body: str, port: int, how: str
) -> None:
    volumes = "volumes: {data: {}}\n" if "data:/" in body else ""
    assert found(tmp_path, CONTROL, body, volumes) == [(4, f"it is published on {port}/tcp and {how}")]
    assert found(tmp_path, BESIDE, body, volumes) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(REDIS + "command: redis-server /etc/redis.conf", id="redis with a file"),
        pytest.param(REDIS + "command: /etc/redis.conf", id="redis with a file alone"),
        pytest.param(MONGO + "command: mongod --auth", id="mongo with authentication"),
        pytest.param(MONGO + "command: [--keyFile, /key, --replSet, rs0]", id="mongo with a key file"),
        pytest.param(MONGO + "command: mongod -f /etc/mongod.conf", id="mongo with a file"),
        pytest.param(MONGO + "command: mongod --bind_ip 127.0.0.1", id="mongo on loopback inside"),
        pytest.param(MONGO + "command: sh /start.sh", id="mongo behind a script"),
        pytest.param(MONGO + "entrypoint: /start", id="another entrypoint"),
        pytest.param(MEMCACHED + "command: memcached -S", id="memcached with SASL"),
        pytest.param(CASSANDRA + "volumes: ['./c.yaml:/etc/cassandra/cassandra.yaml']", id="cassandra with a file"),
        pytest.param(RABBIT + "volumes: ['./r:/etc/rabbitmq']", id="rabbitmq with a folder"),
        pytest.param(
            ELASTIC.format("7.17.9") + "volumes: ['./e.yml:/usr/share/elasticsearch/config/elasticsearch.yml']",
            id="elasticsearch with a file",
        ),
    ],
)
def test_what_a_configuration_decides_is_unknown_and_stays_published(tmp_path: Path, body: str) -> None:
    assert verdict(tmp_path, CONTROL, body) == "unknown"
    assert [line for line, _ in found(tmp_path, BESIDE, body)] == [4]


def test_an_open_store_on_the_hosts_network_is_reported(tmp_path: Path) -> None:
    body = "image: memcached:1.6\nnetwork_mode: host"
    assert found(tmp_path, CONTROL, body) == [(4, "it listens on the host's network and asks nobody for a password")]
