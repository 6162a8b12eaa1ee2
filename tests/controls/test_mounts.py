from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found

VOLUME = """\
volumes:
  data:
    driver: local
    driver_opts: {{type: none, o: {options}, device: {device}}}
"""


def volume(*mounts: str) -> str:
    return "volumes:\n" + "\n".join(f'  - "{mount}"' for mount in mounts)


@pytest.mark.parametrize(
    "mount",
    [
        "./run:/var/run",
        "./docker.sock.d:/x",
        "/srv/data:/data",
        "/run/app:/run/app",
        "/run/docker-proxy:/x",
        "/var/lib/app:/x",
        "/var/lib/docker-registry:/x",
        "/run/mysqld/mysqld.sock:/run/mysqld/mysqld.sock",
        "${SOCKET}:/x",
    ],
)
def test_a_mount_without_an_engine_socket_is_not_reported(tmp_path: Path, mount: str) -> None:
    assert found(tmp_path, "no-engine-socket", volume(mount)) == []


@pytest.mark.parametrize(
    ("mount", "socket"),
    [
        ("/var/run/docker.sock:/var/run/docker.sock", "/var/run/docker.sock"),
        ("/var/run/docker.sock:/var/run/docker.sock:ro", "/var/run/docker.sock"),
        ("/run/docker.sock:/tmp/x", "/run/docker.sock"),
        ("//var/run/docker.sock:/x", "/var/run/docker.sock"),
        ("/var/../run/docker.sock:/x", "/run/docker.sock"),
        ("${SOCK:-/var/run/docker.sock}:/x", "/var/run/docker.sock"),
        ("/opt/engine/docker.sock:/x", "/opt/engine/docker.sock"),
        ("/run/user/1000/docker.sock:/x", "/run/user/1000/docker.sock"),
        ("/run/podman/podman.sock:/x", "/run/podman/podman.sock"),
        ("/run/containerd/containerd.sock:/x", "/run/containerd/containerd.sock"),
        ("/run/crio/crio.sock:/x", "/run/crio/crio.sock"),
        ("/run/systemd/private:/x", "/run/systemd/private"),
    ],
)
def test_an_engine_socket_is_reported_by_any_path(tmp_path: Path, mount: str, socket: str) -> None:
    assert found(tmp_path, "no-engine-socket", volume(mount)) == [(5, f"it is given the control socket {socket}")]


@pytest.mark.parametrize("directory", ["/run", "/var/run", "/run/containerd", "/run/podman"])
def test_a_directory_that_holds_an_engine_socket_is_reported(tmp_path: Path, directory: str) -> None:
    ((line, message),) = found(tmp_path, "no-engine-socket", volume(f"{directory}:/host:ro"))
    assert line == 5
    assert message.endswith(f"(in {directory})")


DIRECTORIES = "no-sensitive-mounts or no-writable-system-mounts"
ALL = (
    "no-engine-socket",
    "no-whole-system-mounted",
    "no-sensitive-mounts",
    "no-writable-system-mounts",
    "no-state-of-host-services-mounted",
)


@pytest.mark.parametrize("mode", ["", ":ro"])
@pytest.mark.parametrize(
    ("source", "control"),
    [
        ("/run", "no-engine-socket"),
        ("/var/run/docker.sock", "no-engine-socket"),
        ("/", "no-whole-system-mounted"),
        ("/var", "no-whole-system-mounted"),
        ("/sys", "no-sensitive-mounts"),
        ("/run/dbus/system_bus_socket", "no-sensitive-mounts"),
        ("/run/user/1000", "no-sensitive-mounts"),
        ("/var/lib/kubelet", "no-state-of-host-services-mounted"),
        ("/etc", DIRECTORIES),
        ("/home/me/.docker/run", "no-engine-socket"),
    ],
)
def test_one_mount_is_one_finding(tmp_path: Path, source: str, mode: str, control: str) -> None:
    directories = "no-sensitive-mounts" if mode else "no-writable-system-mounts"
    reported = [name for name in ALL if found(tmp_path, name, volume(f"{source}:/host{mode}"))]
    assert reported == [directories if control == DIRECTORIES else control]


def test_use_api_socket_is_an_engine_socket(tmp_path: Path) -> None:
    message = "it is given the control socket /var/run/docker.sock"
    assert found(tmp_path, "no-engine-socket", "use_api_socket: true") == [(4, message)]
    assert found(tmp_path, "no-engine-socket", "use_api_socket: false") == []


@pytest.mark.parametrize("control", ["no-writable-system-mounts", "no-sensitive-mounts"])
@pytest.mark.parametrize(
    "mount",
    [
        pytest.param("./data:/data", id="of-the-project"),
        pytest.param("data:/etc", id="a-named-volume"),
        pytest.param("/srv/data:/data", id="data-of-the-host"),
        pytest.param("/opt/app:/app", id="opt"),
        pytest.param("/data/etc:/etc", id="a-name-further-down"),
        pytest.param("/etcetera:/x", id="a-name-that-starts-the-same"),
        pytest.param("/home/me/project/data:/data", id="below-a-home"),
        pytest.param("/root/project:/data", id="below-the-home-of-root"),
        pytest.param("/var/lib/app/data:/data", id="data-of-an-application"),
        pytest.param("/var/log/app:/var/log/app", id="logs"),
        pytest.param("/etc/localtime:/etc/localtime:ro", id="the-time-zone"),
        pytest.param("/etc/timezone:/etc/timezone:ro", id="the-time-zone-of-debian"),
        pytest.param("/etc/ssl/certs:/etc/ssl/certs:ro", id="root-certificates"),
        pytest.param("/etc/letsencrypt:/etc/letsencrypt", id="certificates-of-certbot"),
        pytest.param("/lib/modules:/lib/modules:ro", id="kernel-modules"),
        pytest.param("/usr/share/zoneinfo:/usr/share/zoneinfo:ro", id="time-zones"),
        pytest.param("/usr/local/share/data:/data", id="local-data"),
        pytest.param("/dev/dri:/dev/dri", id="graphics"),
        pytest.param("/dev/ttyUSB0:/dev/ttyUSB0", id="a-serial-port"),
        pytest.param("${DATA}:/data", id="unresolved"),
    ],
)
def test_a_harmless_mount_is_not_reported(tmp_path: Path, control: str, mount: str) -> None:
    assert found(tmp_path, control, volume(mount), "volumes: {data: {}}\n") == []


@pytest.mark.parametrize(
    "source",
    ["/etc", "/etc/cron.d", "/usr", "/usr/bin", "/boot", "/root", "/root/.ssh", "/var/lib/docker", "/proc", "/lib"],
)  # fmt: skip
def test_a_writable_system_directory_is_reported(tmp_path: Path, source: str) -> None:
    message = f"{source} of the host is mounted writable at /host"
    assert found(tmp_path, "no-writable-system-mounts", volume(f"{source}:/host")) == [(5, message)]
    assert found(tmp_path, "no-writable-system-mounts", volume(f"{source}:/host:ro")) == []


@pytest.mark.parametrize(
    "source", ["/etc", "/proc", "/sys", "/root", "/home", "/home/me", "/home/me/.ssh", "/home/me/.aws",
               "/srv/ci/.kube/config", "/var/lib/docker/containers", "/etc/shadow", "/Users/me"],
)  # fmt: skip
def test_a_sensitive_directory_is_reported_although_read_only(tmp_path: Path, source: str) -> None:
    message = f"{source} of the host is mounted at /host"
    assert found(tmp_path, "no-sensitive-mounts", volume(f"{source}:/host:ro")) == [(5, message)]


@pytest.mark.parametrize("mount", ["/usr/lib/jvm:/jvm", "/usr/local/lib:/x", "/var/spool/cron:/x:ro", "/snap:/x"])
def test_what_host_services_live_on_is_reported(tmp_path: Path, mount: str) -> None:
    ((line, _),) = found(tmp_path, "no-state-of-host-services-mounted", volume(mount))
    assert line == 5


@pytest.mark.parametrize("mount", ["/usr/bin:/x:ro", "/lib:/x:ro", "/usr/lib/jvm:/jvm:ro", "/usr/local/lib/x.so:/x:ro"])
def test_programs_that_are_read_only_give_nothing_away(tmp_path: Path, mount: str) -> None:
    assert [name for name in ALL if found(tmp_path, name, volume(mount))] == []
    assert len(found(tmp_path, "no-program-trees-mounted", volume(mount))) == 1


@pytest.mark.parametrize(
    ("kind", "path", "control"),
    [
        ("secrets", "/var/run/docker.sock", "no-engine-socket"),
        ("configs", "/etc/shadow", "no-sensitive-mounts"),
        ("secrets", "/home/me/.ssh/id_rsa", "no-sensitive-mounts"),
    ],
)
def test_a_secret_of_the_host_is_a_mount(tmp_path: Path, kind: str, path: str, control: str) -> None:
    rest = f"{kind}: {{given: {{file: {path}}}}}\n"
    ((line, _),) = found(tmp_path, control, f"{kind}:\n  - given", rest)
    assert line == 5
    own = f"{kind}: {{given: {{file: ./docker.sock.txt}}}}\n"
    assert [name for name in ALL if found(tmp_path, name, f"{kind}: [given]", own)] == []


@pytest.mark.parametrize(
    ("mount", "control"),
    [
        ("/etc/hosts:/x:ro", "no-host-state-mounted"),
        ("/run/udev:/x", "no-host-state-mounted"),
        ("/etc/localtime:/x", "no-host-state-mounted"),
        ("/dev/snd:/dev/snd", "no-host-state-mounted"),
        ("/etc/letsencrypt:/x", "no-writable-system-files"),
        ("/lib/modules:/lib/modules", "no-writable-system-files"),
    ],
)
def test_what_looks_harmless_is_a_matter_of_strict(tmp_path: Path, mount: str, control: str) -> None:
    both = ("no-host-state-mounted", "no-writable-system-files")
    assert [name for name in (*ALL, *both) if found(tmp_path, name, volume(mount))] == [control]


@pytest.mark.parametrize(
    "mount", ["/etc/localtime:/x:ro", "/dev/null:/x", "/lib/modules:/x:ro", "/run:/x", "./etc:/etc"]
)
def test_what_tells_nothing_of_the_host_is_not_reported(tmp_path: Path, mount: str) -> None:
    assert found(tmp_path, "no-host-state-mounted", volume(mount)) == []
    assert found(tmp_path, "no-writable-system-files", volume(mount)) == []


def test_a_filtering_proxy_is_reported_by_strict_alone(tmp_path: Path) -> None:
    body = "image: tecnativa/docker-socket-proxy:0.3\n" + volume("/var/run/docker.sock:/var/run/docker.sock:ro")
    assert found(tmp_path, "no-engine-socket", body) == []
    assert found(tmp_path, "no-engine-socket-behind-a-filter", body) == [(5, "it is given the engine's socket")]


def test_one_mount_is_not_reported_as_writable_and_as_sensitive(tmp_path: Path) -> None:
    assert found(tmp_path, "no-sensitive-mounts", volume("/etc:/host")) == []


def test_credentials_inside_the_project_are_sensitive(tmp_path: Path) -> None:
    ((line, _),) = found(tmp_path, "no-sensitive-mounts", volume("./.aws:/root/.aws:ro"))
    assert line == 5
    assert found(tmp_path, "no-sensitive-mounts", volume("./known/id_rsa.pub:/id_rsa.pub:ro")) == []


@pytest.mark.parametrize("options", ["bind", '"bind,ro"', "rbind"])
def test_a_volume_that_is_a_bind_is_seen_through(tmp_path: Path, options: str) -> None:
    rest = VOLUME.format(options=options, device="/etc")
    control = "no-sensitive-mounts" if "ro" in options else "no-writable-system-mounts"
    ((line, message),) = found(tmp_path, control, volume("data:/host"), rest)
    assert line == 5
    assert message.startswith("/etc of the host is mounted")


def test_a_volume_that_is_no_bind_is_not_seen_as_one(tmp_path: Path) -> None:
    rest = VOLUME.format(options="addr=10.0.0.1", device='":/etc"')
    assert found(tmp_path, "no-writable-system-mounts", volume("data:/host"), rest) == []


def test_shared_propagation_is_reported(tmp_path: Path) -> None:
    message = "its mount at /data propagates (rshared)"
    assert found(tmp_path, "private-mount-propagation", volume("/srv:/data:rshared")) == [(5, message)]
    assert found(tmp_path, "private-mount-propagation", volume("/srv:/data:rslave", "/opt:/opt")) == []
    refused = ("shared", "rshared", "slave", "rslave")
    assert len(found(tmp_path, "private-mount-propagation", volume("/srv:/data:rslave"), refused=refused)) == 1
