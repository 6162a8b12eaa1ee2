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
        ("/var/run/docker.sock:/var/run/docker.sock", "/run/docker.sock"),
        ("/var/run/docker.sock:/var/run/docker.sock:ro", "/run/docker.sock"),
        ("/run/docker.sock:/tmp/x", "/run/docker.sock"),
        ("//var/run/docker.sock:/x", "/run/docker.sock"),
        ("/var/../run/docker.sock:/x", "/run/docker.sock"),
        ("${SOCK:-/var/run/docker.sock}:/x", "/run/docker.sock"),
        ("/opt/engine/docker.sock:/x", "/opt/engine/docker.sock"),
        ("/run/user/1000/docker.sock:/x", "/run/user/1000/docker.sock"),
        ("/run/podman/podman.sock:/x", "/run/podman/podman.sock"),
        ("/run/containerd/containerd.sock:/x", "/run/containerd/containerd.sock"),
        ("/run/crio/crio.sock:/x", "/run/crio/crio.sock"),
        ("/run/systemd/private:/x", "/run/systemd/private"),
        ("/run/dbus/system_bus_socket:/x", "/run/dbus/system_bus_socket"),
    ],
)
def test_an_engine_socket_is_reported_by_any_path(tmp_path: Path, mount: str, socket: str) -> None:
    assert found(tmp_path, "no-engine-socket", volume(mount)) == [(5, f"it is given the control socket {socket}")]


@pytest.mark.parametrize("directory", ["/run", "/var/run", "/run/containerd", "/run/user/1000", "/run/podman"])
def test_a_directory_that_holds_an_engine_socket_is_reported(tmp_path: Path, directory: str) -> None:
    ((line, message),) = found(tmp_path, "no-engine-socket", volume(f"{directory}:/host:ro"))
    assert line == 5
    assert message.endswith(f"(in {directory})")


DIRECTORIES = "no-sensitive-mounts or no-writable-system-mounts"


@pytest.mark.parametrize("mode", ["", ":ro"])
@pytest.mark.parametrize(
    ("source", "control"),
    [
        ("/run", "no-engine-socket"),
        ("/var/run/docker.sock", "no-engine-socket"),
        ("/", DIRECTORIES),
        ("/var", DIRECTORIES),
        ("/etc", DIRECTORIES),
        ("/home/me/.docker/run", "no-engine-socket"),
    ],
)
def test_one_mount_is_one_finding(tmp_path: Path, source: str, mode: str, control: str) -> None:
    directories = "no-sensitive-mounts" if mode else "no-writable-system-mounts"
    controls = ("no-engine-socket", "no-sensitive-mounts", "no-writable-system-mounts")
    reported = [name for name in controls if found(tmp_path, name, volume(f"{source}:/host{mode}"))]
    assert reported == [directories if control == DIRECTORIES else control]


def test_use_api_socket_is_an_engine_socket(tmp_path: Path) -> None:
    message = "it is given the control socket /run/docker.sock"
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
    ["/", "/etc", "/etc/cron.d", "/usr", "/usr/bin", "/boot", "/root", "/root/.ssh", "/var/lib/docker", "/var", "/proc",
     "/sys", "/dev", "/lib", "/sys/fs/cgroup", "/var/lib/kubelet/pods", "/var/spool/cron"],
)  # fmt: skip
def test_a_writable_system_directory_is_reported(tmp_path: Path, source: str) -> None:
    message = f"{source} of the host is mounted writable at /host"
    assert found(tmp_path, "no-writable-system-mounts", volume(f"{source}:/host")) == [(5, message)]
    assert found(tmp_path, "no-writable-system-mounts", volume(f"{source}:/host:ro")) == []


@pytest.mark.parametrize(
    "source", ["/", "/etc", "/proc", "/sys", "/root", "/home", "/home/me", "/home/me/.ssh", "/home/me/.aws",
               "/srv/ci/.kube/config", "/var/lib/docker/containers", "/etc/shadow", "/Users/me"],
)  # fmt: skip
def test_a_sensitive_directory_is_reported_although_read_only(tmp_path: Path, source: str) -> None:
    message = f"{source} of the host is mounted at /host"
    assert found(tmp_path, "no-sensitive-mounts", volume(f"{source}:/host:ro")) == [(5, message)]


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
