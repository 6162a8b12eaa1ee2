from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found
from tests.helpers import hits


def volume(*mounts: str) -> str:
    return "volumes:\n" + "\n".join(f'  - "{mount}"' for mount in mounts)


@pytest.mark.parametrize(
    "mount",
    [
        pytest.param("./nginx.conf:/etc/nginx/nginx.conf:ro", id="read-only"),
        pytest.param("./data:/data", id="data"),
        pytest.param("./src:/app", id="source"),
        pytest.param("./package.json:/app/package.json", id="a-file-of-the-application"),
        pytest.param("./letsencrypt:/etc/letsencrypt", id="certbot-writes-its-certificates"),
        pytest.param("conf:/data", id="a-volume"),
        pytest.param("./html:/usr/share/nginx/html", id="content"),
        pytest.param("/etc:/etc/nginx", id="a-system-directory-is-another-control"),
    ],
)
def test_a_mount_that_may_be_written_is_not_reported(tmp_path: Path, mount: str) -> None:
    assert found(tmp_path, "configuration-mounted-read-only", volume(mount), "volumes: {conf: {}}\n") == []


@pytest.mark.parametrize(
    "target",
    ["/etc/nginx/nginx.conf", "/etc/nginx/conf.d", "/etc/prometheus/prometheus.yml", "/usr/local/etc/redis/redis.conf",
     "/certs/site.pem", "/docker-entrypoint-initdb.d", "/entrypoint.sh", "/etc/ssl/private"],
)  # fmt: skip
def test_writable_configuration_is_reported(tmp_path: Path, target: str) -> None:
    assert found(tmp_path, "configuration-mounted-read-only", volume(f"./x:{target}")) == [
        (5, f"{target} is mounted writable")
    ]


def test_an_unknown_option_is_not_read_only(tmp_path: Path) -> None:
    mounted = volume("./x.conf:/etc/x.conf:readonly")
    assert found(tmp_path, "configuration-mounted-read-only", mounted) == [(5, "/etc/x.conf is mounted writable")]


@pytest.mark.parametrize("mount", ["./state:/app/state", "./s.json:/s.json:ro", "./conf.d:/conf.d", "/run/x.sock:/x"])
def test_a_directory_is_not_a_single_file(tmp_path: Path, mount: str) -> None:
    assert found(tmp_path, "no-writable-single-file-binds", volume(mount)) == []


def test_a_directory_with_a_dot_in_its_name_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "site.example").mkdir()
    assert found(tmp_path, "no-writable-single-file-binds", volume("./site.example:/srv")) == []
    (tmp_path / "plain").write_text("")
    assert len(found(tmp_path, "no-writable-single-file-binds", volume("./plain:/srv/plain"))) == 1


def test_a_bind_with_writable_mounts_below_is_reported(tmp_path: Path) -> None:
    body = "volumes:\n  - {type: bind, source: /srv, target: /srv, read_only: true, bind: {recursive: writable}}"
    message = "what is mounted below /srv stays writable"
    assert found(tmp_path, "read-only-mounts-are-recursive", body) == [(5, message)]
    assert found(tmp_path, "read-only-mounts-are-recursive", body.replace("writable", "readonly")) == []
    assert found(tmp_path, "read-only-mounts-are-recursive", volume("/srv:/srv:ro")) == []


def test_inherited_mounts_are_reported(tmp_path: Path) -> None:
    rest = "  db:\n    image: app\n"
    message = "it takes over every mount of db"
    assert found(tmp_path, "no-inherited-mounts", "volumes_from:\n  - db:ro", rest) == [(5, message)]
    assert found(tmp_path, "no-inherited-mounts", volume("/srv:/srv"), rest) == []


def overlay(folder: Path, base: str, over: str, name: str = "prod") -> list[tuple[str, int]]:
    files = {
        "compose.yaml": f"services:\n  web:\n    image: app\n    volumes: ['{base}']\n",
        f"compose.{name}.yaml": f"services:\n  web:\n    volumes: ['{over}']\n",
    }
    combinations = {"plain": ("compose.yaml",), name: ("compose.yaml", f"compose.{name}.yaml")}
    return [(h.file, h.line) for h in hits(folder, files, "read-only-mounts-stay-read-only", combinations)]


def test_an_overlay_that_makes_a_mount_writable_is_reported(tmp_path: Path) -> None:
    assert overlay(tmp_path, "./site:/srv:ro", "./site:/srv") == [("compose.prod.yaml", 3)]


@pytest.mark.parametrize(
    ("base", "over", "name"),
    [
        pytest.param("./site:/srv:ro", "./site:/srv:ro", "prod", id="read-only-in-both"),
        pytest.param("./site:/srv", "./site:/srv", "prod", id="writable-in-both"),
        pytest.param("./site:/srv", "./site:/srv:ro", "prod", id="hardened"),
        pytest.param("./site:/srv:ro", "./other:/other", "prod", id="another-target"),
        pytest.param("./site:/srv:ro", "./site:/srv", "dev", id="for-development"),
    ],
)
def test_an_overlay_that_keeps_mounts_is_not_reported(tmp_path: Path, base: str, over: str, name: str) -> None:
    assert overlay(tmp_path, base, over, name) == []
