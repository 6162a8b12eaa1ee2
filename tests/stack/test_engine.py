"""Which engine is used: what the docker CLI would use, found in its own files."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from pytest_dockerharden.stack import engine
from pytest_dockerharden.stack.build import connection
from pytest_dockerharden.stack.engine import TLS, Endpoint, connect, endpoint, endpoint_of
from pytest_dockerharden.stack.errors import EngineError
from tests.live import engine_on_tcp

NO_SOCKET = "/nowhere/docker.sock"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, on a machine without an engine at the default socket."""
    monkeypatch.setattr(engine, "DEFAULT_SOCKET", NO_SOCKET)
    return tmp_path


def write_context(configuration: Path, name: str, host: str, *, tls: bool = False, skip: bool = False) -> Path:
    """As `docker context create` writes it."""
    digest = sha256(name.encode()).hexdigest()
    meta = configuration / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    content = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": skip}}}
    (meta / "meta.json").write_text(json.dumps(content), encoding="utf-8")
    folder = configuration / "contexts" / "tls" / digest / "docker"
    return write_certificates(folder) if tls else folder


def write_certificates(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in engine.FILES:
        (folder / name).write_text("", encoding="utf-8")
    return folder


def use(configuration: Path, name: str) -> None:
    configuration.mkdir(exist_ok=True)
    (configuration / "config.json").write_text(json.dumps({"currentContext": name}), encoding="utf-8")


def files(folder: Path, verify: bool = True) -> TLS:
    return TLS(*(str(folder / name) for name in engine.FILES), verify=verify)


def chosen(home: Path, **environment: str) -> Endpoint:
    return endpoint({"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), **environment})


def test_docker_host_decides(home: Path) -> None:
    assert chosen(home, DOCKER_HOST="tcp://there:2375") == Endpoint("tcp://there:2375")


def test_docker_host_wins_over_contexts(home: Path) -> None:
    write_context(home / ".docker", "remote", "tcp://remote:2376")
    use(home / ".docker", "remote")
    assert chosen(home, DOCKER_HOST="unix:///x.sock", DOCKER_CONTEXT="remote") == Endpoint("unix:///x.sock")


def test_tls_is_used_where_it_is_asked_for_alone(home: Path) -> None:
    folder = write_certificates(home / "certificates")
    asked = {"DOCKER_HOST": "tcp://there:2376", "DOCKER_CERT_PATH": str(folder)}
    assert chosen(home, **asked) == Endpoint("tcp://there:2376")
    assert chosen(home, **asked, DOCKER_TLS_VERIFY="1") == Endpoint("tcp://there:2376", files(folder))


@pytest.mark.parametrize("name", [".docker", "elsewhere"])
def test_certificates_are_in_the_configuration_by_default(home: Path, name: str) -> None:
    folder = write_certificates(home / name)
    given = {"DOCKER_CONFIG": str(folder)} if name == "elsewhere" else {}
    found = chosen(home, DOCKER_HOST="tcp://there:2376", DOCKER_TLS_VERIFY="1", **given)
    assert found.tls == files(folder)


def test_the_current_context_is_used(home: Path) -> None:
    write_context(home / ".docker", "other", "tcp://other:2376")
    write_context(home / ".docker", "remote", "tcp://remote:2376")
    use(home / ".docker", "remote")
    assert chosen(home) == Endpoint("tcp://remote:2376")


def test_docker_context_wins_over_the_current_one(home: Path) -> None:
    write_context(home / ".docker", "other", "tcp://other:2376")
    write_context(home / ".docker", "remote", "tcp://remote:2376")
    use(home / ".docker", "remote")
    assert chosen(home, DOCKER_CONTEXT="other") == Endpoint("tcp://other:2376")


def test_docker_config_moves_the_contexts(home: Path) -> None:
    write_context(home / "elsewhere", "remote", "tcp://remote:2376")
    use(home / "elsewhere", "remote")
    assert chosen(home, DOCKER_CONFIG=str(home / "elsewhere")) == Endpoint("tcp://remote:2376")


@pytest.mark.parametrize("skip", [False, True])
def test_a_context_brings_its_certificates(home: Path, skip: bool) -> None:
    folder = write_context(home / ".docker", "remote", "tcp://remote:2376", tls=True, skip=skip)
    use(home / ".docker", "remote")
    assert chosen(home) == Endpoint("tcp://remote:2376", files(folder, verify=not skip))


def test_a_certificate_that_a_context_lacks_is_not_asked_for(home: Path) -> None:
    folder = write_context(home / ".docker", "remote", "tcp://remote:2376", tls=True)
    (folder / "cert.pem").unlink()
    (folder / "key.pem").unlink()
    assert chosen(home, DOCKER_CONTEXT="remote").tls == TLS(str(folder / "ca.pem"))


def test_a_context_that_is_not_there_is_said(home: Path) -> None:
    with pytest.raises(EngineError, match="the docker context 'gone' does not exist") as caught:
        chosen(home, DOCKER_CONTEXT="gone")
    assert caught.value.details == ("see `docker context ls`",)


@pytest.mark.parametrize(
    "text", ["", "not json", "[]", "{}", '{"currentContext": null}', '{"currentContext": "default"}']
)
def test_without_a_context_it_is_the_default(home: Path, text: str) -> None:
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(text, encoding="utf-8")
    assert chosen(home) == Endpoint()


@pytest.fixture
def listening() -> Iterator[Callable[[Path], None]]:
    with ExitStack() as sockets:

        def listen(path: Path) -> None:
            path.parent.mkdir(parents=True)
            one = sockets.enter_context(socket.socket(socket.AF_UNIX))
            # a path below tmp_path may be longer than a socket's may be
            os.symlink(path.parent, link := f"/tmp/harden-{os.getpid()}-{path.parent.name}")
            sockets.callback(os.unlink, link)
            one.bind(f"{link}/{path.name}")

        yield listen


@pytest.mark.parametrize("path", ["run/docker.sock", ".docker/run/docker.sock"])
def test_an_engine_without_root_or_a_desktop_is_found(home: Path, listening: Callable[[Path], None], path: str) -> None:
    listening(home / path)
    assert chosen(home) == Endpoint(f"unix://{home / path}")


def test_the_default_socket_comes_first(
    home: Path, listening: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    listening(home / "run/docker.sock")
    (home / "default.sock").touch()
    monkeypatch.setattr(engine, "DEFAULT_SOCKET", str(home / "default.sock"))
    assert chosen(home) == Endpoint()


def test_a_file_that_is_no_socket_is_no_engine(home: Path) -> None:
    (home / "run").mkdir()
    (home / "run" / "docker.sock").touch()
    assert chosen(home) == Endpoint()


@pytest.mark.parametrize(
    "address", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1", "ssh://nowhere", "what://ever"]
)
def test_an_engine_that_does_not_answer_is_one_clear_error(address: str) -> None:
    with pytest.raises(EngineError) as caught:
        connect(address)
    assert caught.value.message.startswith(f"no Docker Engine answers at {address}: ")
    assert len(str(caught.value).splitlines()) == 2
    assert "DOCKER_HOST" in caught.value.details[0]


@pytest.mark.live
def test_the_engine_on_tcp_is_reached_through_a_context_and_told_to_others(
    client: object, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_on_tcp() as address:
        write_context(home / ".docker", "remote", address)
        use(home / ".docker", "remote")
        monkeypatch.setenv("HOME", str(home))
        for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
            monkeypatch.delenv(name, raising=False)
        remote = connect()
        assert endpoint_of(remote) == Endpoint(address)
        assert list(connection(remote)) == [f"--host={address}"]
        remote.close()


@pytest.mark.live
def test_a_socket_is_told_to_others(client: object) -> None:
    local = connect("unix:///var/run/docker.sock")
    assert endpoint_of(local) == Endpoint("unix:///var/run/docker.sock")
    local.close()
