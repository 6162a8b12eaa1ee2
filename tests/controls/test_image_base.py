"""What an image is built on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.releases import end_of_life
from tests.controls.dockerfiles import Place, places
from tests.helpers import hits

DIGEST = "sha256:" + "0a" * 32
ONE = [("0", 1)]


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        pytest.param("tagged-base-image", "FROM node\n", ONE, id="no tag"),
        pytest.param("versioned-base-image", "FROM node:latest\n", ONE, id="latest"),
        pytest.param("tagged-base-image", "FROM localhost:5000/app\n", ONE, id="a port is no tag"),
        pytest.param("versioned-base-image", "ARG T=latest\nFROM node:$T\n", [("0", 2)], id="latest by ARG"),
        pytest.param("tagged-base-image", "ARG I=node\nFROM $I\n", [("0", 2)], id="no tag by ARG"),
        pytest.param(
            "tagged-base-image", "FROM node AS a\nFROM a\nFROM alpine\n", [("a", 1), ("2", 3)], id="each image"
        ),
        pytest.param("tagged-base-image", "FROM a:1\nCOPY --from=nginx /a /b\n", [("0", 2)], id="COPY --from"),
        pytest.param(
            "versioned-base-image",
            "FROM a:1\nRUN --mount=type=bind,from=x/y:latest,target=/m x\n",
            [("0", 2)],
            id="a mount",
        ),
        pytest.param("precise-base-version", "FROM redis:7-alpine\n", ONE, id="a line of releases"),
        pytest.param("precise-base-version", "FROM ubuntu:rolling\n", ONE, id="a moving word"),
        pytest.param("digest-pinned-base", "FROM nginx:1.27.3\n", ONE, id="no digest"),
        pytest.param("valid-base-reference", "FROM a:1@sha256:REPLACE_ME\n", ONE, id="a placeholder"),
        pytest.param("valid-base-reference", "FROM a:1@sha256:" + "a" * 63 + "\n", ONE, id="a digit lost"),
        pytest.param("valid-base-reference", "FROM a:1@sha256:" + "A" * 64 + "\n", ONE, id="upper-case hex"),
        pytest.param("valid-base-reference", "FROM Node:22\n", ONE, id="upper-case name"),
        pytest.param(
            "one-digest-per-base", f"FROM nginx:1@{DIGEST} AS a\nFROM redis:7@{DIGEST}\n", [("", 2)], id="two images"
        ),
        pytest.param(
            "one-digest-per-base", f"FROM nginx:1@{DIGEST} AS a\nFROM nginx:1-slim@{DIGEST}\n", [("", 2)], id="flavours"
        ),
        pytest.param("allowed-base-registry", "FROM 10.0.0.7:5000/a:1\n", ONE, id="an address"),
        pytest.param("supported-base-release", "FROM python:3.8.19-slim\n", ONE, id="an old runtime"),
        pytest.param("supported-base-release", "FROM node:22-buster-slim\n", ONE, id="an old system below it"),
        pytest.param("supported-base-release", "FROM centos:7\n", ONE, id="centos"),
        pytest.param("base-platform-not-fixed", "FROM --platform=linux/amd64 a:1\n", ONE, id="a constant"),
        pytest.param(
            "base-platform-not-fixed", "FROM --platform=linux/amd64 a:1 AS build\n", [("build", 1)], id="another name"
        ),
        pytest.param("no-redundant-platform", "FROM --platform=${TARGETPLATFORM} a:1\n", ONE, id="the default"),
        pytest.param("slim-base-image", "FROM python:3.13\n", [("", 1)], id="the full variant"),
        pytest.param(
            "cuda-ships-its-runtime", "FROM nvidia/cuda:12.6.0-devel-ubuntu24.04\n", [("", 1)], id="compilers of CUDA"
        ),
    ],
)
def test_a_bad_base_is_found(tmp_path: Path, control: str, text: str, expected: list[Place]) -> None:
    assert places(tmp_path, text, control) == expected


@pytest.mark.parametrize(
    ("control", "text"),
    [
        pytest.param("versioned-base-image", f"FROM node@{DIGEST}\n", id="a digest is a version"),
        pytest.param("versioned-base-image", f"FROM node:latest@{DIGEST}\n", id="the digest decides, not the tag"),
        pytest.param("tagged-base-image", f"FROM node@{DIGEST}\n", id="a digest will do for a tag"),
        pytest.param("tagged-base-image", "FROM node:latest\n", id="latest is a tag"),
        pytest.param("tagged-base-image", "FROM scratch\n", id="scratch has no tags"),
        pytest.param("tagged-base-image", "FROM a:1 AS build\nFROM build\nFROM BUILD AS c\n", id="a stage has no tag"),
        pytest.param("tagged-base-image", "ARG V=1\nFROM node:${V}-slim\n", id="a tag by ARG"),
        pytest.param("tagged-base-image", "FROM a:1\nCOPY --from=context /a /b\n", id="a context has no tag"),
        pytest.param("versioned-base-image", "FROM node\n", id="what has no tag has no tag latest"),
        pytest.param("versioned-base-image", "FROM scratch\n", id="scratch has no versions"),
        pytest.param(
            "versioned-base-image", "FROM a:1 AS build\nFROM build\nFROM BUILD AS c\n", id="a stage is no image"
        ),
        pytest.param("versioned-base-image", "ARG V=1\nFROM node:${V}-slim\n", id="a version by ARG"),
        pytest.param("versioned-base-image", "FROM node:${V:-1}\n", id="a default in place"),
        pytest.param("versioned-base-image", "FROM a:1\nCOPY --from=context /a /b\n", id="a named build context"),
        pytest.param("versioned-base-image", "FROM a:1\nRUN <<EOF\nFROM node\nEOF\n", id="FROM in a heredoc"),
        pytest.param("versioned-base-image", "FROM node:latest-alpine\n", id="a tag that only begins so"),
        pytest.param("precise-base-version", "FROM redis:7.4.1-alpine\n", id="a release"),
        pytest.param("precise-base-version", f"FROM redis:7@{DIGEST}\n", id="a digest"),
        pytest.param("precise-base-version", "FROM fedora:20250101\n", id="a date"),
        pytest.param("digest-pinned-base", f"FROM a:1@{DIGEST} AS x\nFROM x\nFROM scratch\n", id="pinned"),
        pytest.param("valid-base-reference", f"FROM ghcr.io/Owner/app@{DIGEST}\n".lower(), id="valid"),
        pytest.param("valid-base-reference", "ARG D\nFROM a@sha256:$D\n", id="a digest that the build gives"),
        pytest.param(
            "one-digest-per-base", f"FROM nginx:1.27@{DIGEST} AS a\nFROM nginx:1.27.3@{DIGEST}\n", id="two tags of one"
        ),
        pytest.param(
            "one-digest-per-base",
            f"FROM nginx:1@{DIGEST} AS a\nFROM mirror.example/x/nginx:1@{DIGEST}\n",
            id="a mirror",
        ),
        pytest.param("allowed-base-registry", "FROM 127.0.0.1:5000/a:1\n", id="the own machine"),
        pytest.param("supported-base-release", "FROM python:3.13-slim-bookworm\n", id="supported"),
        pytest.param("supported-base-release", "FROM example/python:2.7\n", id="not the official image"),
        pytest.param("supported-base-release", "FROM ubuntu:24.04\n", id="an LTS"),
        pytest.param("base-platform-not-fixed", "FROM --platform=$BUILDPLATFORM a:1\n", id="cross compilation"),
        pytest.param(
            "base-platform-not-fixed", "FROM --platform=linux/arm64 a:1 AS build_arm64\n", id="its name says so"
        ),
        pytest.param("no-redundant-platform", "FROM --platform=$BUILDPLATFORM a:1\n", id="another platform"),
        pytest.param("slim-base-image", "FROM python:3.13 AS b\nFROM python:3.13-alpine\n", id="only the last counts"),
    ],
)
def test_a_good_base_is_silent(tmp_path: Path, control: str, text: str) -> None:
    assert places(tmp_path, text, control) == []


@pytest.mark.parametrize(
    ("image", "registries", "expected"),
    [
        ("nginx:1", ("docker.io",), []),
        ("docker.io/library/nginx:1", ("docker.io/library",), []),
        ("ghcr.io/team/app:1", ("ghcr.io/team",), []),
        ("a.example.com/app:1", ("*.example.com",), []),
        ("ghcr.io/other/app:1", ("ghcr.io/team",), ONE),
        ("docker.io.evil.example/nginx:1", ("docker.io",), ONE),
        ("nginx:1", ("ghcr.io",), ONE),
        ("evil.example/a.example.com/app:1", ("*.example.com",), ONE),
    ],
)
def test_registries_are_compared_with_the_list(
    tmp_path: Path, image: str, registries: tuple[str, ...], expected: list[Place]
) -> None:
    assert places(tmp_path, f"FROM {image}\n", "allowed-base-registry", registries=registries) == expected


@pytest.mark.parametrize(
    ("image", "since"),
    [
        ("alpine:3.17.2", "2024-11"),
        ("alpine:3.9", "2020-11"),
        ("python:3.13-alpine3.18", "2025-05"),
        ("golang:1.21.5-bullseye", "2024-08"),
        ("php:8.4-fpm", ""),
        ("postgres:16", ""),
        ("node:lts", ""),
        ("ubuntu:22.04", ""),
        ("openjdk:17-jdk", "2022-07"),
        ("centos:centos8", "2021-12"),
        ("centos:7.9.2009", "2024-06"),
        ("centos:latest", "2021-12"),
        ("openjdk:27-ea-jdk", ""),
        ("python:3.1", "2012-04"),
        ("python:3.12", ""),
    ],
)
def test_ends_of_life(image: str, since: str) -> None:
    assert end_of_life(parse_reference(image)) == since


def test_an_image_that_was_given_up_is_not_said_to_be_an_old_release(tmp_path: Path) -> None:
    found = hits(tmp_path, {"Dockerfile": "FROM openjdk:21-jdk-slim\n"}, "supported-base-release")
    assert [hit.message for hit in found] == ["the openjdk images were given up in 2022-07"]
