"""What the widely used base images are known to do: whom they run as, and whose entrypoint steps down from root.

Only what their publishers' build files say; everything else is unknown, and unknown is said. The versions noted beside
a name are those from which it holds.
"""

from __future__ import annotations

import re
from typing import Literal

from pytest_dockerharden.model.reference import Reference, parse_reference


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Official images and the most used others without a USER: their containers start as uid 0.
_ROOT = _names(
    """
    scratch alpine debian ubuntu busybox centos fedora rockylinux almalinux amazonlinux oraclelinux archlinux photon
    alt clearlinux mageia sl cirros opensuse opensuse/leap opensuse/tumbleweed buildpack-deps bash nixos/nix
    kalilinux/kali-rolling alpinelinux/docker-cli phusion/baseimage
    python pypy node golang rust ruby jruby php perl erlang elixir haskell swift dart julia r-base gcc mono
    openjdk eclipse-temurin amazoncorretto sapmachine ibmjava ibm-semeru-runtimes maven clojure composer
    crystallang/crystal oven/bun denoland/deno hexpm/elixir hexpm/erlang rustlang/rust clux/muslrust
    lukemathwalker/cargo-chef continuumio/miniconda3 continuumio/anaconda3 condaforge/mambaforge condaforge/miniforge3
    nvidia/cuda pytorch/pytorch tensorflow/tensorflow tensorflow/serving rocker/r-ver rocker/rstudio rocker/shiny
    tiangolo/uvicorn-gunicorn-fastapi tiangolo/uvicorn-gunicorn tiangolo/uwsgi-nginx-flask tiangolo/meinheld-gunicorn
    ghcr.io/astral-sh/uv astral/uv dunglas/frankenphp openresty/openresty webdevops/php-nginx webdevops/php-apache
    nginx httpd tomcat tomee caddy traefik registry nats wordpress drupal joomla nextcloud mediawiki matomo phpmyadmin
    unit docker hello-world certbot/certbot google/cloud-sdk gcr.io/google.com/cloudsdktool/cloud-sdk
    amazon/aws-cli hashicorp/terraform minio/minio quay.io/minio/minio portainer/portainer-ce vaultwarden/server
    fluent/fluent-bit koalaman/shellcheck hadolint/hadolint aquasec/trivy docker/compose moby/buildkit
    gcr.io/kaniko-project/executor mcr.microsoft.com/playwright mcr.microsoft.com/playwright/python
    mcr.microsoft.com/azure-cli quay.io/centos/centos quay.io/fedora/fedora
    """
)

# Images whose configuration names another user.
_USERS: dict[str, str] = {
    "nginxinc/nginx-unprivileged": "101",
    "ghcr.io/nginxinc/nginx-unprivileged": "101",
    "quay.io/nginx/nginx-unprivileged": "101",
    "public.ecr.aws/nginx/nginx-unprivileged": "101",
    "nginx/nginx-prometheus-exporter": "1001",
    "memcached": "memcache",
    "haproxy": "haproxy",
    "haproxytech/haproxy-alpine": "haproxy",
    "varnish": "varnish",
    "adminer": "adminer",
    "percona": "mysql",
    "solr": "solr",
    "kibana": "kibana",
    "logstash": "logstash",
    "elasticsearch": "1000:0",
    "docker.elastic.co/elasticsearch/elasticsearch": "1000:0",
    "docker.elastic.co/kibana/kibana": "1000",
    "docker.elastic.co/logstash/logstash": "1000",
    "opensearchproject/opensearch": "1000",
    "opensearchproject/opensearch-dashboards": "1000",
    "jetty": "jetty",
    "open-liberty": "1001",
    "websphere-liberty": "1001",
    "icr.io/appcafe/open-liberty": "1001",
    "kong": "kong",
    "kong/kong-gateway": "kong",
    "odoo": "odoo",
    "groovy": "groovy",
    "spark": "spark",
    "rocket.chat": "rocketchat",
    "irssi": "user",
    "jenkins/jenkins": "jenkins",
    "jenkins/agent": "jenkins",
    "jenkins/inbound-agent": "jenkins",
    "grafana/grafana": "472",
    "grafana/grafana-oss": "472",
    "grafana/grafana-enterprise": "472",
    "grafana/loki": "10001",
    "grafana/tempo": "10001",
    "apache/airflow": "50000",
    "apache/kafka": "appuser",
    "confluentinc/cp-kafka": "appuser",
    "confluentinc/cp-zookeeper": "appuser",
    "confluentinc/cp-schema-registry": "appuser",
    "mambaorg/micromamba": "57439",
    "mcr.microsoft.com/mssql/server": "mssql",
    "quay.io/keycloak/keycloak": "1000",
    "quay.io/oauth2-proxy/oauth2-proxy": "65532:65532",
    "cloudflare/cloudflared": "65532:65532",
    "curlimages/curl": "curl_user",
    "n8nio/n8n": "node",
    "docker.n8n.io/n8nio/n8n": "node",
    "directus/directus": "node",
    "nodered/node-red": "node-red",
    "postgrest/postgrest": "1000",
    "openpolicyagent/opa": "1000:1000",
    "serversideup/php": "www-data",
    "ghcr.io/puppeteer/puppeteer": "pptruser",
    "zenika/alpine-chrome": "chrome",
    "renovate/renovate": "12021",
    "emqx/emqx": "emqx",
    "selenium/standalone-chrome": "1200",
    "selenium/standalone-firefox": "1200",
}

# A whole organisation builds its images for one user.
_NAMESPACES: tuple[tuple[str, str], ...] = (
    ("bitnami/", "1001"),
    ("bitnamilegacy/", "1001"),
    ("public.ecr.aws/bitnami/", "1001"),
    ("cgr.dev/chainguard/", "65532"),
    ("chainguard/", "65532"),
    ("prom/", "nobody"),
    ("quay.io/prometheus/", "nobody"),
    ("quay.io/sclorg/", "1001"),
    ("quay.io/jupyter/", "jovyan"),
    ("jupyter/", "jovyan"),
    ("cimg/", "circleci"),
    ("registry.k8s.io/ingress-nginx/", "www-data"),
)
_ROOT_OF_NAMESPACE = frozenset(
    {
        "bitnami/minideb", "bitnamilegacy/minideb", "public.ecr.aws/bitnami/minideb", "cgr.dev/chainguard/wolfi-base",
        "chainguard/wolfi-base", "cgr.dev/chainguard/bash", "cgr.dev/chainguard/busybox",
    }
)  # fmt: skip

# Images whose entrypoint starts as root and runs the server as another user (gosu, su-exec, setpriv, chroot).
_STEP_DOWN = _names(
    """
    redis redis/redis-stack-server valkey/valkey postgres postgis/postgis timescale/timescaledb pgvector/pgvector
    mysql mysql/mysql-server mariadb mongo rabbitmq cassandra couchdb couchbase influxdb neo4j zookeeper flink storm
    clickhouse clickhouse/clickhouse-server consul hashicorp/consul vault hashicorp/vault ghost redmine telegraf
    crate arangodb eclipse-mosquitto znc envoyproxy/envoy
    """
)

# Appliances: an init system, several servers and their configuration in one image, all written at the start.
_WRITES_ITS_ROOT = _names(
    """
    gitlab/gitlab-ce gitlab/gitlab-ee jc21/nginx-proxy-manager pihole/pihole docker
    ghcr.io/docker-mailserver/docker-mailserver mailserver/docker-mailserver
    ghcr.io/home-assistant/home-assistant homeassistant/home-assistant mcr.microsoft.com/mssql/server
    localstack/localstack localstack/localstack-pro onlyoffice/documentserver phusion/baseimage
    ghcr.io/paperless-ngx/paperless-ngx plexinc/pms-docker collabora/code
    qmcgaw/gluetun ghcr.io/qdm12/gluetun haugene/transmission-openvpn ghcr.io/blakeblackshear/frigate
    homebridge/homebridge oznu/homebridge wurstmeister/kafka confluentinc/cp-kafka confluentinc/cp-zookeeper
    confluentinc/cp-server confluentinc/cp-enterprise-kafka
    """
)
# s6 as process 1, which makes the folders of its user, and becomes that user
_S6_OF_A_PUBLISHER = (
    "linuxserver/", "lscr.io/linuxserver/", "ghcr.io/linuxserver/", "hotio/", "ghcr.io/hotio/", "ghcr.io/imagegenius/",
)  # fmt: skip
# Images whose entrypoint is an init; that of s6-overlay refuses to be anything but process 1.
_INIT = _names(
    """
    ghcr.io/home-assistant/home-assistant homeassistant/home-assistant homebridge/homebridge oznu/homebridge
    ghcr.io/blakeblackshear/frigate ghcr.io/paperless-ngx/paperless-ngx jc21/nginx-proxy-manager phusion/baseimage
    pihole/pihole plexinc/pms-docker apache/airflow jenkins/jenkins elasticsearch
    docker.elastic.co/elasticsearch/elasticsearch docker.elastic.co/kibana/kibana kibana
    """
)
_INIT_OF_A_PUBLISHER = (*_S6_OF_A_PUBLISHER, "jlesage/", "crazymax/")
_WRITE_THEIR_ROOT = (
    *_S6_OF_A_PUBLISHER, "kasmweb/", "binhex/", "osixia/", "mcr.microsoft.com/devcontainers/",
    "mcr.microsoft.com/vscode/", "jupyter/", "quay.io/jupyter/", "selenium/", "seleniarm/",
)  # fmt: skip


def default_user(reference: str) -> str | None:
    """Whom a container of this image runs as when nothing else is said.

    ``root``, a user name or ``uid[:gid]`` as the image's configuration has it; None where this is not known.
    """
    image = parse_reference(reference)
    name = image.familiar
    if name in _ROOT_OF_NAMESPACE:
        return "root"
    if name == "elasticsearch" and older_than(image, (8,)):
        return None
    special = _by_tag(image, name) or _by_publisher(image, name) or _USERS.get(name)
    if special:
        return special
    if name in _ROOT or name in _STEP_DOWN:
        return "root"
    return next((user for prefix, user in _NAMESPACES if name.startswith(prefix)), None)


def steps_down(reference: str) -> bool:
    """Whether the image's own entrypoint starts as root and then runs its server as another user.

    It does so only as long as the entrypoint is kept and the first word of the command is the server: ``sh -c`` in
    between leaves the server root. influxdb 1 does it for INFLUXDB_RUNAS_USER_ID alone.
    """
    image = parse_reference(reference)
    return image.familiar in _STEP_DOWN and not (image.familiar == "influxdb" and older_than(image, (2,)))


def writes_its_root(image: Reference) -> bool:
    """Whether the image's own start-up writes all over its root, so that it does not start on a read-only one."""
    name = image.familiar
    return name in _WRITES_ITS_ROOT or name.startswith(_WRITE_THEIR_ROOT)


def starts_under_s6(image: Reference) -> bool:
    """Whether s6 starts the image's program: as root, which gives folders and the process to the user of PUID."""
    return image.familiar.startswith(_S6_OF_A_PUBLISHER)


def starts_an_init(image: Reference) -> bool:
    """Whether process 1 of the image is an init already: another in front is of no use, and s6 ends for it."""
    return image.familiar in _INIT or image.familiar.startswith(_INIT_OF_A_PUBLISHER)


# official images of PHP applications, which come with Debian's Apache unless the tag names another way to run PHP
_PHP_APPLICATIONS = _names("wordpress drupal joomla nextcloud matomo mediawiki phpmyadmin")
# of these, whose start-up script unpacks the application as root and gives it to www-data
_UNPACK_THEMSELVES = _names("wordpress joomla nextcloud matomo")


def apache_of(image: Reference) -> Literal["", "debian", "httpd"]:
    """Whose Apache an official image runs: that of Debian, or the one that ``httpd`` builds itself."""
    words = set(re.split(r"[-.]", image.tag))
    if image.official == "httpd":
        return "httpd"
    if image.official == "php":
        return "debian" if "apache" in words else ""
    other = words & {"fpm", "cli", "alpine"}
    return "debian" if image.official in _PHP_APPLICATIONS and not other else ""


def unpacks_itself(image: Reference) -> bool:
    """Whether the start-up script of an official image makes files as root that it then gives to another user."""
    return image.official in _UNPACK_THEMSELVES


def _by_tag(image: Reference, name: str) -> str | None:
    """Images whose tag, and not their name, decides."""
    words = set(re.split(r"[-.]", image.tag))
    if name.startswith("gcr.io/distroless/") or "/azurelinux/distroless/" in name:
        return "65532" if "nonroot" in words else "root"
    if name in {"docker", "moby/buildkit"} and "rootless" in words:
        return "rootless"
    if name in {"gitea/gitea", "docker.gitea.com/gitea", "forgejo/forgejo"} and "rootless" in words:
        return "1000:1000"
    if name == "wordpress" and "cli" in words:
        return "www-data"
    if name.startswith("dhi.io/"):
        return "root" if words & {"dev", "sdk"} else "65532"
    if name == "haproxy" and older_than(image, (2, 4)):
        return "root"
    return None


def _by_publisher(image: Reference, name: str) -> str | None:
    """Publishers with a rule of their own."""
    if name.startswith("mcr.microsoft.com/dotnet/"):
        return "1654" if "chiseled" in image.tag or "distroless" in image.tag else "root"
    if name.startswith("mcr.microsoft.com/devcontainers/"):
        return "root"
    if re.match(r"registry\.(access\.)?redhat\.(com|io)/ubi(7|8|9|10)?(/|-|$)", name):
        last = name.rsplit("/", 1)[-1]
        return "root" if re.match(r"ubi(7|8|9|10)?(-minimal|-micro|-init)?$", last) else "1001"
    if name.startswith(("public.ecr.aws/lambda/", "public.ecr.aws/amazonlinux/")):
        return "root"
    return None


def older_than(image: Reference, version: tuple[int, ...]) -> bool:
    """Whether the tag names an older version; one that names none is taken for a new one."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", image.tag)
    return match is not None and tuple(int(part) for part in match[1].split(".")) < version


# uid:gid of the server's user in official images, (Alpine, other) variants, from their Dockerfiles
SERVER_USERS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "redis": ((999, 1000), (999, 999)),
    "postgres": ((70, 70), (999, 999)),
    "nginx": ((101, 101), (101, 101)),
    "memcached": ((11211, 11211), (11211, 11211)),
    "rabbitmq": ((100, 101), (999, 999)),
}
_ONE_VARIANT = {"mysql": (999, 999), "mariadb": (999, 999), "mongo": (999, 999)}


# what is written where nothing is known of the image: the first account that people have
NOBODYS = (1000, 1000)


def server_user(image: Reference) -> tuple[int, int] | None:
    """uid and gid that the image's own server runs as, where the image is an official one we know."""
    if image.official in _ONE_VARIANT:
        return _ONE_VARIANT[image.official]
    alpine, other = SERVER_USERS.get(image.official, (None, None))
    if alpine != other and not image.tag:
        return None
    return alpine if "alpine" in image.tag else other


# official images of Apache and of PHP: their files are www-data's, but another user may be meant
_OF_WWW_DATA = _names("httpd php wordpress nextcloud drupal joomla matomo phpmyadmin")


def user_to_run_as(image: Reference) -> tuple[int, int]:
    """uid and gid to write for an image: its server's where that is known, else those that people have."""
    if image.official in _OF_WWW_DATA:
        return (82, 82) if "alpine" in image.tag else (33, 33)
    return server_user(image) or NOBODYS
