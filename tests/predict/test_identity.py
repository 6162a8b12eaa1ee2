"""Who a container runs as."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.origin import TextOrigin
from tests.predict.conftest import Predict

IMAGE = "example.org/app:1"


@pytest.mark.parametrize(
    ("user", "root", "uid", "gid"),
    [
        pytest.param('"0"', True, 0, 0, id="number"),
        pytest.param('"0:0"', True, 0, 0, id="pair"),
        pytest.param('"00"', True, 0, 0, id="leading-zero"),
        pytest.param("root", True, None, 0, id="name"),
        pytest.param('" root"', True, None, 0, id="blank-in-front"),
        pytest.param("root:app", True, None, None, id="another-group-does-not-make-it-less-root"),
        pytest.param("toor", True, None, 0, id="the-other-name-of-root"),
        pytest.param('"${UID:-0}"', True, 0, 0, id="default-of-a-variable"),
        pytest.param('"0:1000"', True, 0, 1000, id="root-with-another-group"),
        pytest.param('"4242"', False, 4242, 0, id="uid-of-nobody-gets-group-0"),
        pytest.param('"4242:0"', False, 4242, 0, id="group-0"),
        pytest.param('"4242:4242"', False, 4242, 4242, id="pair-of-nobody"),
        pytest.param('"1000"', False, 1000, None, id="a-uid-that-the-image-may-have"),
        pytest.param("app", False, None, None, id="another-name"),
        pytest.param("rooted", False, None, None, id="name-that-begins-like-root"),
        pytest.param('"${UID:-1000}:${GID:-1000}"', False, 1000, 1000, id="defaults-of-variables"),
    ],
)
def test_user_of_the_service(predict: Predict, user: str, root: bool, uid: int | None, gid: int | None) -> None:
    posture = predict(f"user: {user}")
    assert posture.runs_as_root.value is root
    if uid is not None or root is False:
        assert posture.uid.get(None) == uid
    assert posture.gid.get(None) == gid


def test_a_user_is_located_where_it_is_written(predict: Predict) -> None:
    origin = predict('image: x\nuser: "0"').runs_as_root.origin
    assert isinstance(origin, TextOrigin)
    assert (origin.line, origin.column) == (4, 5)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("user: ${APP_UID}", "the user depends on $APP_UID, which no file sets"),
        (
            "image: example.org/app:1",
            "the user of image example.org/app:1 is not known: no image configuration is at hand",
        ),
        ("build: .", "the user is not known: the Dockerfile is not at hand"),
        ("image: redis:7", "image redis:7 starts as root, and its entrypoint steps down to another user"),
        ("image: ${IMAGE}", "the user is not known: the image depends on $IMAGE, which no file sets"),
        (
            "image: nginx\ncommand: [gosu, nginx, nginx]",
            "it starts as root, and its command may step down to another user",
        ),
        (
            "image: debian\nuser: root\ncommand: exec su-exec app server",
            "it starts as root, and its command may step down to another user",
        ),
    ],
)
def test_what_cannot_be_told_says_what_is_missing(predict: Predict, keys: str, reason: str) -> None:
    posture = predict(keys)
    assert posture.runs_as_root == type(posture.runs_as_root)(reason, posture.runs_as_root.origin)
    assert posture.cap_effective.known is False


@pytest.mark.parametrize("image", ["python:3.12", "nginx", "docker.io/library/debian:12", "gcr.io/distroless/static"])
def test_well_known_images_that_run_as_root(predict: Predict, image: str) -> None:
    posture = predict(f"image: {image}")
    assert posture.runs_as_root.value is True
    assert posture.runs_as_root.origin == posture.origin


@pytest.mark.parametrize(
    ("image", "uid"),
    [
        ("nginxinc/nginx-unprivileged:1.27", 101),
        ("gcr.io/distroless/static:nonroot", 65532),
        ("cgr.dev/chainguard/python", 65532),
        ("bitnami/redis", 1001),
    ],
)
def test_well_known_images_that_do_not(predict: Predict, image: str, uid: int) -> None:
    posture = predict(f"image: {image}")
    assert posture.runs_as_root.value is False
    assert posture.uid.value == uid


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param("image: redis:7\ncommand: sh -c 'exec redis-server'", id="shell-in-front-of-the-server"),
        pytest.param("image: redis:7\ncommand: [/bin/bash, -c, redis-server]", id="shell-by-path"),
        pytest.param("image: redis:7\nentrypoint: [redis-server]", id="entrypoint-replaced"),
        pytest.param("image: redis:7\nuser: root\ncommand: sh -c redis-server", id="root-asked-for"),
    ],
)
def test_a_stepping_down_that_is_bypassed_leaves_root(predict: Predict, keys: str) -> None:
    assert predict(keys).runs_as_root.value is True


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param("image: redis:7\ncommand: redis-server --save 60 1", id="the-server"),
        pytest.param("image: redis:7\ncommand: [--save, '60 1']", id="options-alone"),
        pytest.param("image: redis:7\ncommand: sh -c 'exec docker-entrypoint.sh redis-server'", id="calls-it-itself"),
        pytest.param("image: redis:7\nentrypoint: [docker-entrypoint.sh, redis-server]", id="written-out"),
        pytest.param("image: redis:7\nentrypoint: /opt/start.sh", id="a-script-that-nobody-sees"),
        pytest.param("image: redis:7\nuser: root", id="root-only-starts-it"),
    ],
)
def test_a_stepping_down_that_may_still_happen_is_unknown(predict: Predict, keys: str) -> None:
    assert predict(keys).runs_as_root.known is False


@pytest.mark.parametrize(
    ("dockerfile", "root", "uid", "line"),
    [
        pytest.param("FROM python:3\nUSER 1000\n", False, 1000, 2, id="uid"),
        pytest.param("FROM python:3\nUSER root\n", True, None, 2, id="root"),
        pytest.param("FROM python:3\nUSER app\nUSER 0\n", True, 0, 3, id="last-one-wins"),
        pytest.param("FROM python:3\nUSER root\nUSER 12:34\n", False, 12, 3, id="last-one-wins-the-other-way"),
        pytest.param("FROM python:3\nARG UID=0\nUSER $UID\n", True, 0, 3, id="default-of-an-argument"),
        pytest.param("FROM python:3 AS b\nUSER 5\nFROM b\nRUN x\n", False, 5, 2, id="of-the-stage-below"),
        pytest.param("FROM python:3 AS b\nUSER 5\nFROM b\nUSER root\n", True, None, 4, id="undone-above"),
        pytest.param("FROM alpine AS b\nONBUILD USER 7\nFROM b\n", False, 7, 2, id="trigger-fires"),
        pytest.param("FROM python:3\nRUN useradd -m -u 1234 app\nUSER app\n", False, 1234, 3, id="useradd"),
        pytest.param("FROM python:3\nRUN useradd -ru 123 app\nUSER app:app\n", False, 123, 3, id="joined-options"),
        pytest.param("FROM alpine\nRUN adduser -D -u 55 app\nUSER app\n", False, 55, 3, id="busybox-adduser"),
        pytest.param(
            "FROM alpine\nARG U=77\nRUN adduser -u ${U} app\nUSER app\n", False, 77, 4, id="uid-in-an-argument"
        ),
        pytest.param("FROM alpine\nRUN <<EOF\nadduser -u 8 app\nEOF\nUSER app\n", False, 8, 5, id="in-a-heredoc"),
        pytest.param("FROM node:20\nUSER node\n", False, 1000, 2, id="user-of-the-base"),
        pytest.param("FROM nginx\nUSER nginx\n", False, 101, 2, id="user-of-nginx"),
        pytest.param("FROM example.org/base\nUSER app\n", False, None, 2, id="name-of-nobody-known"),
    ],
)
def test_user_of_the_dockerfile(predict: Predict, dockerfile: str, root: bool, uid: int | None, line: int) -> None:
    posture = predict("build: .", files={"Dockerfile": dockerfile})
    assert posture.runs_as_root.value is root
    assert posture.runs_as_root.origin.line == line
    assert posture.runs_as_root.origin.file.endswith("/Dockerfile")
    if not root:
        assert posture.uid.get(None) == uid


def test_the_service_overrides_the_dockerfile_and_names_both(predict: Predict) -> None:
    posture = predict('build: .\nuser: "0"', files={"Dockerfile": "FROM python:3\nUSER 1000\n"})
    assert posture.runs_as_root.value is True
    assert [place.file.rsplit("/", 1)[-1] for place in posture.runs_as_root.related] == ["Dockerfile"]


def test_a_dockerfile_without_user_runs_as_its_base_does(predict: Predict) -> None:
    posture = predict("build: .", files={"Dockerfile": "FROM python:3\nRUN x\n"})
    assert posture.runs_as_root.value is True
    assert posture.runs_as_root.origin == posture.origin
    assert [place.line for place in posture.runs_as_root.related] == [1]


def test_the_target_decides_the_stage(predict: Predict) -> None:
    dockerfile = "FROM python:3 AS prod\nUSER 1000\nFROM prod AS dev\nUSER root\n"
    assert predict("build: {context: ., target: prod}", files={"Dockerfile": dockerfile}).runs_as_root.value is False
    assert predict("build: .", files={"Dockerfile": dockerfile}).runs_as_root.value is True


def test_build_arguments_beat_defaults(predict: Predict) -> None:
    files = {"Dockerfile": "FROM python:3\nARG UID=1000\nUSER $UID\n"}
    assert predict("build: {context: ., args: {UID: 0}}", files=files).uid.value == 0
    assert predict("build: {context: ., args: {UID: '${X}'}}", files=files).uid.known is False


@pytest.mark.parametrize(
    ("script", "known"),
    [
        ('#!/bin/sh\nexec "$@"\n', True),
        ('#!/bin/sh\nexec gosu app "$@"\n', False),
        ("#!/bin/sh\nexec setpriv --reuid=1000 server\n", False),
        ('#!/bin/sh\n# superuser and visudo are only words\nexec "$@"\n', True),
    ],
)
def test_an_entrypoint_script_of_the_project_is_looked_into(predict: Predict, script: str, known: bool) -> None:
    dockerfile = 'FROM python:3\nCOPY entrypoint.sh /entrypoint.sh\nENTRYPOINT ["/entrypoint.sh"]\n'
    posture = predict("build: .", files={"Dockerfile": dockerfile, "entrypoint.sh": script})
    assert posture.runs_as_root.known is known


def test_a_script_that_hands_over_to_the_images_entrypoint_may_step_down(predict: Predict) -> None:
    dockerfile = 'FROM redis:7\nCOPY start.sh /start.sh\nENTRYPOINT ["/start.sh"]\nCMD ["redis-server"]\n'
    script = '#!/bin/sh\nexec docker-entrypoint.sh "$@"\n'
    assert predict("build: .", files={"Dockerfile": dockerfile, "start.sh": script}).runs_as_root.known is False


@pytest.mark.parametrize(
    ("user", "root", "uid", "gid"),
    [
        ("", True, None, 0),
        ("app", False, 10, 20),
        ("12:13", False, 12, 13),
        ("11", False, 11, 0),
        ("10", False, 10, 20),
    ],
)
def test_an_image_configuration_at_hand(predict: Predict, user: str, root: bool, uid: int | None, gid: int) -> None:
    image = ImageConfig(IMAGE, user=user, users={"root": (0, 0), "app": (10, 20)})
    posture = predict(f"image: {IMAGE}", images={IMAGE: image})
    assert posture.runs_as_root.value is root
    assert posture.gid.value == gid
    if uid is not None:
        assert posture.uid.value == uid


def test_groups_are_those_added_and_the_own_one(predict: Predict) -> None:
    posture = predict('user: "4242:5"\ngroup_add: ["999", 0]')
    assert posture.groups.value == {5, 999, 0}


@pytest.mark.parametrize("keys", ["user: app", 'user: "4242:5"\ngroup_add: [docker]', "image: nginx"])
def test_groups_of_the_image_are_not_guessed(predict: Predict, keys: str) -> None:
    assert predict(keys).groups.known is False
