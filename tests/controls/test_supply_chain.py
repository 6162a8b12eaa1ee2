"""Which image a service really runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, verdicts

DIGEST = "sha256:" + "9" * 64


def found(folder: Path, image: str, control: str, more: str = "", **parameters: object) -> list[str]:
    text = f'services:\n  a:\n    image: "{image}"\n{more}'
    result = hits(folder, {"compose.yaml": text}, control, **parameters)
    assert all(hit.line == 3 and hit.subject == "a" for hit in result)
    return [hit.message for hit in result]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param("nginx", "the image has no tag, so it is `latest`", id="no tag"),
        pytest.param("registry.example:5000/app", "the image has no tag, so it is `latest`", id="a port is no tag"),
        pytest.param("nginx:latest", "the tag `latest` moves with every release", id="latest"),
        pytest.param("nginx:stable", "the tag `stable` moves with every release", id="stable"),
        pytest.param("app:Latest", "the tag `Latest` moves with every release", id="in another case"),
        pytest.param("app:${TAG:-latest}", "the tag `latest` moves with every release", id="by default"),
    ],
)
def test_an_image_without_a_version_is_found(tmp_path: Path, image: str, message: str) -> None:
    assert found(tmp_path, image, "versioned-image") == [message]


@pytest.mark.parametrize(
    ("image", "more"),
    [
        pytest.param("nginx:1.27.3", "", id="a version"),
        pytest.param("redis:7-alpine", "", id="a loose version is a version"),
        pytest.param(f"nginx@{DIGEST}", "", id="a digest"),
        pytest.param(f"nginx:latest@{DIGEST}", "", id="the digest decides"),
        pytest.param("app:latest", "    build: .\n", id="it is built here"),
        pytest.param("app:${TAG}", "", id="a variable without a value"),
        pytest.param("app:latest-fips-2.1", "", id="latest is part of a longer tag"),
    ],
)
def test_an_image_with_a_version_is_let_be(tmp_path: Path, image: str, more: str) -> None:
    assert found(tmp_path, image, "versioned-image", more) == []


def test_an_image_that_another_service_builds_is_not_pulled(tmp_path: Path) -> None:
    text = "services:\n  a:\n    build: .\n    image: app:latest\n  b:\n    image: app:latest\n"
    assert hits(tmp_path, {"compose.yaml": text}, "versioned-image") == []


def test_an_image_from_a_variable_is_unknown(tmp_path: Path) -> None:
    text = "services:\n  a:\n    image: app:${TAG}\n"
    assert verdicts(tmp_path, {"compose.yaml": text}, "versioned-image") == {"a": "unknown"}


@pytest.mark.parametrize(
    ("image", "control"),
    [("app", "versioned-image"), ("app:test", "versioned-image"), ("app:canary", "released-image"),
     ("app:main", "no-branch-as-tag"), ("app:1.2-main", ""), (f"app:main@{DIGEST}", "")],
)  # fmt: skip
def test_one_control_speaks_of_a_moving_tag(tmp_path: Path, image: str, control: str) -> None:
    controls = ("versioned-image", "released-image", "no-branch-as-tag")
    assert [name for name in controls if found(tmp_path, image, name)] == ([control] if control else [])


@pytest.mark.parametrize("image", ["app", "app:latest", "app:stable"])
def test_a_digest_is_asked_for_where_a_version_is_named(tmp_path: Path, image: str) -> None:
    assert found(tmp_path, image, "digest-pinned-image") == []
    assert found(tmp_path, "app:main", "digest-pinned-image") == ["the image has no digest"]


def test_a_house_may_name_its_own_moving_tags(tmp_path: Path) -> None:
    assert found(tmp_path, "app:qa", "versioned-image", moving_tags=("qa",)) == [
        "the tag `qa` moves with every release"
    ]


@pytest.mark.parametrize(
    ("image", "loose"),
    [
        pytest.param("redis:7-alpine", True, id="a major version"),
        pytest.param("redis:alpine", True, id="no version"),
        pytest.param("redis:7.4-alpine", False, id="a minor version"),
        pytest.param("app:v2.0.0", False, id="with a v"),
        pytest.param("app:20241120", False, id="a date"),
        pytest.param(f"redis:7@{DIGEST}", False, id="the digest decides"),
        pytest.param("redis", False, id="judged by another control"),
    ],
)
def test_a_loose_version_is_found(tmp_path: Path, image: str, loose: bool) -> None:
    assert bool(found(tmp_path, image, "precise-image-version")) is loose


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param("redis:7@sha256:REPLACE_WITH_DIGEST", "the digest is a placeholder", id="replace me"),
        pytest.param("redis:7@sha256:XXXXX", "the digest is a placeholder", id="crosses"),
        pytest.param("redis:7@sha256:" + "9" * 63, "the digest is not one the engine takes", id="too short"),
        pytest.param("redis:7@sha256:" + "A" * 64, "the digest is not one the engine takes", id="upper case"),
        pytest.param("Redis:7", "an image name must be lower case", id="an upper-case name"),
        pytest.param("redis:", "the engine cannot read this image reference", id="an empty tag"),
    ],
)
def test_a_reference_that_the_engine_refuses_is_found(tmp_path: Path, image: str, message: str) -> None:
    assert found(tmp_path, image, "valid-image-reference") == [message]


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(f"redis:7@{DIGEST}", id="tag and digest"),
        pytest.param("localhost:5000/a/b_c:1", id="a registry with a port"),
        pytest.param("${IMAGE}", id="a variable without a value"),
        pytest.param("redis", id="a name alone"),
    ],
)
def test_a_reference_that_the_engine_takes_is_let_be(tmp_path: Path, image: str) -> None:
    assert found(tmp_path, image, "valid-image-reference") == []


def images(*names: str) -> dict[str, str]:
    return {"compose.yaml": "services:\n" + "".join(f"  s{i}:\n    image: {n}\n" for i, n in enumerate(names))}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param((f"a:1@{DIGEST}", f"b:1@{DIGEST}"), [5], id="another image"),
        pytest.param((f"a:1@{DIGEST}", f"a:2@{DIGEST}"), [5], id="another tag"),
        pytest.param((f"a:1@{DIGEST}", f"a:1@{DIGEST}"), [], id="the same image twice"),
        pytest.param((f"a:1@{DIGEST}", f"a@{DIGEST}"), [], id="without the tag"),
        pytest.param((f"a:1@{DIGEST}", f"mirror.example/a:1@{DIGEST}"), [], id="from a mirror"),
    ],
)
def test_a_copied_digest_is_found(tmp_path: Path, names: tuple[str, ...], expected: list) -> None:
    assert [hit.line for hit in hits(tmp_path, images(*names), "one-digest-per-image")] == expected


@pytest.mark.parametrize(
    ("control", "image", "more", "fails"),
    [
        pytest.param("versioned-build-image", "app:latest", "    build: .\n", True, id="built as latest"),
        pytest.param("versioned-build-image", "app", "    build: .\n", True, id="built without a tag"),
        pytest.param("versioned-build-image", "app:1.2", "    build: .\n", False, id="built with a version"),
        pytest.param("versioned-build-image", "app", "", False, id="not built"),
        pytest.param("moving-image-is-pulled", "app:latest", "", True, id="latest, kept"),
        pytest.param(
            "moving-image-is-pulled", "app:latest", "    pull_policy: daily\n", False, id="latest, pulled daily"
        ),
        pytest.param("moving-image-is-pulled", "app:1.2", "", False, id="a version, kept"),
        pytest.param("digest-pinned-image", "app:1.2", "", True, id="no digest"),
        pytest.param("digest-pinned-image", f"app@{DIGEST}", "", False, id="a digest"),
    ],
)
def test_further_image_controls(tmp_path: Path, control: str, image: str, more: str, fails: bool) -> None:
    assert bool(found(tmp_path, image, control, more)) is fails
