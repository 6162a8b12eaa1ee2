"""The mount table of a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.predict.tmpfs import DEFAULT_FLAGS
from tests.predict.conftest import Predict

MIB = 1 << 20


def table(posture: Posture) -> dict[str, Mount]:
    return {mount.target: mount for mount in posture.mounts.value}


def brief(posture: Posture) -> dict[str, tuple[str, str, bool]]:
    return {m.target: (m.kind, m.source, m.read_only) for m in posture.mounts.value}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        pytest.param("/srv/a:/data", ("/data", "bind", "/srv/a", False), id="bind"),
        pytest.param("/srv/a:/data:ro", ("/data", "bind", "/srv/a", True), id="read-only"),
        pytest.param("/srv/a:/data:readonly", ("/data", "bind", "/srv/a", False), id="readonly-is-no-option"),
        pytest.param("/srv/a:/data:ro,z", ("/data", "bind", "/srv/a", True), id="several-options"),
        pytest.param("/srv/../etc:/data/../x/", ("/x", "bind", "/etc", False), id="paths-are-cleaned"),
        pytest.param("//var/run/docker.sock:/s", ("/s", "bind", "/var/run/docker.sock", False), id="doubled-slash"),
        pytest.param("/data", ("/data", "volume", "", False), id="anonymous"),
        pytest.param("vol:/data:ro", ("/data", "volume", "vol", True), id="named"),
        pytest.param("${D}/x:/data", ("/data", "bind", "${D}/x", False), id="unknown-source-stays-text"),
    ],
)
def test_short_volumes(predict_stack, volume: str, expected: tuple[str, str, str, bool]) -> None:  # type: ignore[no-untyped-def]
    compose = f"services:\n  web:\n    image: example.org/a\n    volumes: ['{volume}']\nvolumes: {{vol: }}\n"
    mounts = predict_stack(compose)["web"].mounts.value
    assert [(m.target, m.kind, m.source, m.read_only) for m in mounts] == [expected]
    assert [m.anonymous for m in mounts] == [expected[1:3] == ("volume", "")]


def test_relative_binds_start_in_the_project(predict: Predict, tmp_path: Path) -> None:
    assert brief(predict("volumes: ['./a/../b:/b']"))["/b"] == ("bind", str(tmp_path / "b"), False)


@pytest.mark.parametrize(
    ("bind", "recursive"),
    [
        ("", None),
        ("bind: {recursive: readonly}", True),
        ("bind: {recursive: writable}", False),
        ("bind: {recursive: disabled}", None),
    ],
)
def test_a_read_only_bind_is_not_known_to_be_recursive(predict: Predict, bind: str, recursive: bool | None) -> None:
    keys = f"volumes:\n  - {{type: bind, source: /a, target: /a, read_only: true, {bind}}}"
    assert table(predict(keys))["/a"].recursive is recursive


@pytest.mark.parametrize(
    ("options", "flags", "size", "mode", "owner"),
    [
        ("", DEFAULT_FLAGS, None, None, (None, None)),
        (":size=64m", DEFAULT_FLAGS, 64 * MIB, None, (None, None)),
        (":size=65536", DEFAULT_FLAGS, 65536, None, (None, None)),
        (":size=0", DEFAULT_FLAGS, None, None, (None, None)),
        (":exec", DEFAULT_FLAGS - {"noexec"}, None, None, (None, None)),
        (":exec,noexec", DEFAULT_FLAGS, None, None, (None, None)),
        (":suid,dev,exec", frozenset(), None, None, (None, None)),
        (":size=1M,mode=0770,uid=101,gid=102", DEFAULT_FLAGS, MIB, 0o770, (101, 102)),
        (":mode=1777", DEFAULT_FLAGS, None, 0o1777, (None, None)),
        (":size=1g,size=2m", DEFAULT_FLAGS, 2 * MIB, None, (None, None)),
    ],
)
def test_tmpfs(
    predict: Predict, options: str, flags: frozenset[str], size: int | None, mode: int | None, owner: tuple[int, int]
) -> None:
    mount = table(predict(f"tmpfs: ['/run{options}']"))["/run"]
    assert (mount.kind, mount.flags, mount.size, mount.mode) == ("tmpfs", flags, size, mode)
    assert (mount.uid, mount.gid) == owner


def test_a_read_only_tmpfs(predict: Predict) -> None:
    assert table(predict("tmpfs: /run:ro"))["/run"].read_only is True


@pytest.mark.parametrize(
    ("spec", "size", "mode"),
    [
        ("", None, None),
        ("tmpfs: {size: 64m, mode: 01777}", 64 * MIB, 0o1777),
        ("tmpfs: {size: 67108864}", 64 * MIB, None),
        ("tmpfs: {mode: 1777}", None, 1777),
    ],
)
def test_long_tmpfs(predict: Predict, spec: str, size: int | None, mode: int | None) -> None:
    mount = table(predict(f"volumes:\n  - {{type: tmpfs, target: /t/, {spec}}}"))["/t"]
    assert (mount.kind, mount.source, mount.flags) == ("tmpfs", "", DEFAULT_FLAGS)
    assert (mount.size, mount.mode) == (size, mode)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("{type: none, o: bind, device: /etc}", ("bind", "/etc", False)),
        ("{type: none, o: 'bind,ro', device: //etc/}", ("bind", "/etc", True)),
        ("{type: none, o: rbind, device: /etc}", ("bind", "/etc", False)),
        ("{type: tmpfs, device: tmpfs, o: 'size=1m,uid=5'}", ("tmpfs", "vol", False)),
        ("{type: nfs, o: 'addr=10.0.0.1,rw', device: ':/x'}", ("volume", "vol", False)),
    ],
)
def test_what_driver_options_make_of_a_volume(predict_stack, options: str, expected: tuple[str, str, bool]) -> None:  # type: ignore[no-untyped-def]
    compose = f"services:\n  web: {{image: a, volumes: ['vol:/d']}}\nvolumes:\n  vol: {{driver_opts: {options}}}\n"
    assert brief(predict_stack(compose)["web"]) == {"/d": expected}


def test_a_tmpfs_volume_has_no_flags_of_its_own(predict_stack) -> None:  # type: ignore[no-untyped-def]
    options = "{type: tmpfs, device: tmpfs, o: 'size=1m,uid=5,nodev'}"
    compose = f"services:\n  web: {{image: a, volumes: ['vol:/d']}}\nvolumes:\n  vol: {{driver_opts: {options}}}\n"
    mount = table(predict_stack(compose)["web"])["/d"]
    assert (mount.flags, mount.size, mount.uid) == ({"nodev"}, MIB, 5)


def test_secrets_and_configs(predict_stack) -> None:  # type: ignore[no-untyped-def]
    compose = """
    services:
      web:
        image: a
        secrets: [s, {source: s, target: x}, {source: e, target: /abs/e}]
        configs: [c, {source: c, target: etc/c}]
    secrets: {s: {file: ./s}, e: {environment: E}}
    configs: {c: {file: ./c}}
    """
    assert brief(predict_stack(compose)["web"]) == {
        "/run/secrets/s": ("secret", "s", True),
        "/run/secrets/x": ("secret", "s", True),
        "/abs/e": ("secret", "e", False),
        "/c": ("config", "c", True),
        "/etc/c": ("config", "c", True),
    }


def test_volumes_of_the_dockerfile_are_anonymous_unless_covered(predict: Predict) -> None:
    dockerfile = 'FROM example.org/b\nVOLUME /data /cache\nVOLUME ["/logs"]\n'
    posture = predict("build: .\ntmpfs: /cache\nvolumes: ['/srv:/logs']", files={"Dockerfile": dockerfile})
    assert brief(posture) == {
        "/data": ("volume", "", False),
        "/logs": ("bind", "/srv", False),
        "/cache": ("tmpfs", "", False),
    }
    assert table(posture)["/data"].anonymous is True
    assert table(posture)["/data"].origin.file.endswith("Dockerfile")


def test_volumes_of_a_known_image(predict: Predict) -> None:
    assert table(predict("image: redis:7"))["/data"].anonymous is True
    assert brief(predict("image: redis:7\nread_only: true\ntmpfs: /data"))["/data"][0] == "tmpfs"


def test_volumes_of_an_image_configuration(predict: Predict) -> None:
    image = ImageConfig("example.org/app:1", volumes=("/var/lib/x/",))
    assert list(table(predict(images={"example.org/app:1": image}))) == ["/var/lib/x"]


def test_a_tmpfs_beats_a_volume(predict: Predict) -> None:
    posture = predict("tmpfs: /data\nvolumes: [{type: volume, target: /data}]")
    assert table(posture)["/data"].kind == "tmpfs"


def test_volumes_from_another_service(predict_stack) -> None:  # type: ignore[no-untyped-def]
    compose = """
    services:
      web: {image: a, volumes_from: ["db:ro", "container:z"], volumes: ["/own:/b"]}
      db: {image: b, volumes: ["/srv/a:/a", "/srv/b:/b"], tmpfs: /t}
    """
    assert brief(predict_stack(compose)["web"]) == {"/a": ("bind", "/srv/a", True), "/b": ("bind", "/own", False)}


def test_the_api_socket_is_a_bind(predict: Predict) -> None:
    assert brief(predict("use_api_socket: true"))["/var/run/docker.sock"] == ("bind", "/var/run/docker.sock", False)


@pytest.mark.parametrize("keys", ["volumes: ['/a:${TARGET}']", "tmpfs: '${T}'", "tmpfs: '/t:size=${S}'"])
def test_a_target_that_nothing_names_leaves_the_table_unknown(predict: Predict, keys: str) -> None:
    assert predict(keys).mounts.known is False


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("", False),
        ("read_only: true", True),
        ("read_only: 'yes'", True),
        ("read_only: ${R:-on}", True),
        ("read_only: false", False),
    ],
)
def test_the_root_filesystem(predict: Predict, keys: str, value: bool) -> None:
    assert predict(keys).read_only_rootfs.value is value


def test_an_overlay_that_drops_ro_names_the_line_it_overrides(tmp_path: Path) -> None:
    from pytest_dockerharden.assemble import Combination, assemble
    from tests.helpers import write

    base = "services:\n  web:\n    image: a\n    volumes:\n      - /a:/x:ro\n"
    write(tmp_path, {"base.yaml": base, "prod.yaml": base.replace(":ro", "")})
    files = (str(tmp_path / "base.yaml"), str(tmp_path / "prod.yaml"))
    posture = assemble([Combination(files)], root=str(tmp_path)).projects[0].services["web"].posture
    assert posture is not None
    mount = table(posture)["/x"]
    assert (mount.read_only, mount.origin.file.endswith("prod.yaml")) == (False, True)
