"""References are taken apart as the engine does, and the known bases are known."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.known_images import default_user, steps_down
from pytest_dockerharden.model.reference import parse_reference

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "familiar", "tag", "digest", "valid"),
    [
        ("redis", "redis", "", "", True),
        ("docker.io/library/redis:7", "redis", "7", "", True),
        ("index.docker.io/redis", "redis", "", "", True),
        ("bitnami/redis:7.2", "bitnami/redis", "7.2", "", True),
        ("localhost:5000/app", "localhost:5000/app", "", "", True),
        ("localhost/app:1", "localhost/app", "1", "", True),
        (f"nginx:1.27@{DIGEST}", "nginx", "1.27", DIGEST, True),
        (f"nginx@{DIGEST}", "nginx", "", DIGEST, True),
        ("nginx@sha256:REPLACE_ME", "nginx", "", "sha256:REPLACE_ME", False),
        (f"nginx@{DIGEST.upper().replace('SHA', 'sha')}", "nginx", "", DIGEST.upper().replace("SHA", "sha"), False),
        ("Nginx", "Nginx", "", "", False),
        ("ghcr.io/o/p:tag", "ghcr.io/o/p", "tag", "", True),
        ("public.ecr.aws/docker/library/python:3.12", "python", "3.12", "", True),
    ],
)
def test_a_reference_is_taken_apart(text: str, familiar: str, tag: str, digest: str, valid: bool) -> None:
    reference = parse_reference(text)
    assert (reference.familiar, reference.tag, reference.digest, reference.valid) == (familiar, tag, digest, valid)


@pytest.mark.parametrize(
    ("reference", "user"),
    [
        ("python:3.12-slim", "root"),
        ("wordpress:6.6-php8.3-apache", "root"),
        ("wordpress:cli", "www-data"),
        ("wordpress:cli-2.11-php8.3", "www-data"),
        ("example.com/us/wordpress:cli", None),
        ("nginx:1.27@" + DIGEST, "root"),
        ("scratch", "root"),
        ("redis:7", "root"),
        ("nginxinc/nginx-unprivileged:1.27", "101"),
        ("gcr.io/distroless/static-debian12:nonroot", "65532"),
        ("gcr.io/distroless/static-debian12:debug-nonroot-amd64", "65532"),
        ("gcr.io/distroless/static-debian12", "root"),
        ("cgr.dev/chainguard/python:latest", "65532"),
        ("cgr.dev/chainguard/wolfi-base", "root"),
        ("dhi.io/python:3.13", "65532"),
        ("dhi.io/python:3.13-dev", "root"),
        ("mcr.microsoft.com/dotnet/aspnet:8.0", "root"),
        ("mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled", "1654"),
        ("bitnami/postgresql:16", "1001"),
        ("bitnami/minideb:bookworm", "root"),
        ("registry.access.redhat.com/ubi9/ubi-minimal:9.4", "root"),
        ("registry.access.redhat.com/ubi9/python-311", "1001"),
        ("haproxy:2.2", "root"),
        ("haproxy:2.9", "haproxy"),
        ("elasticsearch:7.17.0", None),
        ("elasticsearch:8.14.0", "1000:0"),
        ("registry.example.com/team/base:1", None),
        ("someone/python:3", None),
        ("", None),
    ],
)
def test_whom_a_known_base_runs_as(reference: str, user: str | None) -> None:
    assert default_user(reference) == user


@pytest.mark.parametrize(
    "reference", ["redis:7-alpine", "docker.io/library/postgres:16", "valkey/valkey:8", "influxdb:2.7"]
)
def test_servers_whose_entrypoint_steps_down(reference: str) -> None:
    assert steps_down(reference)


@pytest.mark.parametrize("reference", ["memcached", "nginx", "bitnami/redis", "example/redis", "influxdb:1.8"])
def test_images_that_do_not_step_down(reference: str) -> None:
    assert not steps_down(reference)
