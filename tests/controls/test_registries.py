from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, verdict

ALLOWED = ("docker.io/library", "*.example.com", "ghcr.io/ours")


@pytest.mark.parametrize("image", ["nginx:1.27", "reg.example.com/a:1", "ghcr.io/ours/app@sha256:" + "1" * 64])
def test_an_image_of_an_allowed_registry_is_not_reported(tmp_path: Path, image: str) -> None:
    assert found(tmp_path, "allowed-image-registry", f"image: {image}", registries=ALLOWED) == []


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("grafana/loki:3", "docker.io"),
        ("ghcr.io/oursandmore/app:1", "ghcr.io"),
        ("evil.com/a.example.com:1", "evil.com"),
    ],
)
def test_an_image_from_elsewhere_is_reported(tmp_path: Path, image: str, registry: str) -> None:
    message = f"{registry} is not an allowed registry"
    assert found(tmp_path, "allowed-image-registry", f"image: {image}", registries=ALLOWED) == [(3, message)]


def test_without_a_list_an_address_alone_is_reported(tmp_path: Path) -> None:
    assert found(tmp_path, "allowed-image-registry", "image: evil.com/a:1") == []
    assert found(tmp_path, "allowed-image-registry", "image: 127.0.0.1:5000/a:1") == []
    assert len(found(tmp_path, "allowed-image-registry", "image: 192.0.2.1:5000/a:1")) == 1
    assert found(tmp_path, "allowed-image-registry", "image: 192.0.2.1/a:1\nbuild: .") == []
    assert verdict(tmp_path, "allowed-image-registry", "image: ${IMAGE}") == "unknown"
