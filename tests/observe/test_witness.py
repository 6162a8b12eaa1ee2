"""Every witness on containers that really run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.observe import choice, observe_stack
from pytest_dockerharden.observe.helper import HelperWitness, NoHelper
from pytest_dockerharden.observe.inside import ExecWitness
from pytest_dockerharden.observe.witness import HostWitness, Witness
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.run import Run
from tests.live import busybox_image, engine_on_tcp, labelled_run, live_engine

pytestmark = pytest.mark.live

HARDENED = {
    "ReadonlyRootfs": True,
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges:true"],
    "Memory": 32 * 1024**2,
    "MemorySwap": 32 * 1024**2,
    "NanoCpus": 500_000_000,
    "PidsLimit": 32,
    "Tmpfs": {"/tmp": "size=1m,mode=0700,uid=4242,gid=4243"},
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = live_engine()
    yield client
    client.close()


@pytest.fixture(scope="module")
def run(client: Any) -> Iterator[Run]:
    with labelled_run(client) as run:
        yield run


@pytest.fixture(scope="module")
def with_shell(client: Any, run: Run) -> str:
    applets = ("sh", "cat", "sleep", "ls", "readlink", "stat", "nc", "touch", "true", "id", "yes", "head")
    return busybox_image(client, run, tuple(f"bin/{name}" for name in applets))


@pytest.fixture(scope="module")
def without_shell(client: Any, run: Run) -> str:
    return busybox_image(client, run)


def start(client: Any, run: Run, image: str, command: list[str], **body: Any) -> str:
    request = {"Image": image, "Cmd": command, "Labels": run.labels, "HostConfig": {"NetworkMode": "none"}} | body
    container = str(client.api.create_container_from_config(request)["Id"])
    client.api.start(container)
    return container


@pytest.fixture(scope="module")
def stack(client: Any, run: Run, with_shell: str, without_shell: str) -> dict[str, list[str]]:
    """One hardened, one on scratch without a shell, one that does nothing for its safety, with a root child."""
    hardened = {"HostConfig": HARDENED | {"NetworkMode": "none"}, "User": "4242:4243", "Env": ["TOKEN=hunter2"]}
    return {
        "web": [start(client, run, with_shell, ["sh", "-c", "sleep 1000 & nc -l -p 8080"], **hardened)],
        "scratch": [start(client, run, without_shell, ["/busybox", "sleep", "1000"], **hardened)],
        "loose": [start(client, run, without_shell, ["/busybox", "sleep", "1000"])],
    }


def inspected(client: Any, stack: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [client.api.inspect_container(container) for ids in stack.values() for container in ids]


def helper(client: Any, stack: dict[str, list[str]]) -> HelperWitness:
    answers = inspected(client, stack)
    return HelperWitness(client, choice.images(answers), choice.labels(answers))


@contextlib.contextmanager
def postures(client: Any, stack: dict[str, list[str]], witness: Witness) -> Iterator[dict[str, Posture]]:
    try:
        yield {service: found[0] for service, found in observe_stack(stack, client, witness=witness).items()}
    finally:
        witness.close()


def check_hardened(posture: Posture) -> None:
    assert (posture.uid.value, posture.gid.value, posture.runs_as_root.value) == (4242, 4243, False)
    assert posture.cap_effective.value == posture.cap_bounding.value == frozenset()
    assert posture.no_new_privileges.value is True
    assert posture.seccomp.value == "default"
    assert posture.read_only_rootfs.value is True
    assert posture.masked_paths.value is True
    assert (posture.memory.value, posture.cpus.value, posture.pids.value) == (32 * 1024**2, 0.5, 32)
    (tmp,) = (mount for mount in posture.mounts.value if mount.target == "/tmp")
    assert (tmp.kind, tmp.size, tmp.flags) == ("tmpfs", 1024**2, {"nosuid", "nodev", "noexec"})
    # 0700 was asked for; the image has the folder with 1777, and runc takes that
    assert (tmp.mode, tmp.uid, tmp.gid) == (0o1777, 4242, 4243)


def check_main(posture: Posture, environment: bool = True) -> None:
    first = posture.processes.value[0]
    assert first.pid == 1
    assert (first.environment_names is not None) is environment
    if environment:
        assert "TOKEN" in (first.environment_names or ())
        assert first.executable == "/busybox"
        assert dict(first.namespaces).keys() >= {"net", "pid", "mnt"}


def hunter_is_hidden(posture: Posture) -> None:
    shown = "".join(str(fact) for name, fact in posture.facts() if name != "environment")
    assert "hunter2" not in shown


def test_this_machines_proc_shows_everything(client: Any, stack: dict[str, list[str]]) -> None:
    with postures(client, stack, HostWitness()) as found:
        for service in ("web", "scratch"):
            check_hardened(found[service])
            check_main(found[service])
            hunter_is_hidden(found[service])
        assert [(s.protocol, s.port) for s in found["web"].listening.value] == [("tcp", 8080)]
        assert [process.argv[:2] for process in found["web"].processes.value][1] == ("sleep", "1000")
        assert found["loose"].runs_as_root.value is True
        assert len(found["loose"].cap_effective.value) == 14
        assert found["loose"].memory.value is None


def test_a_helper_shows_the_same_without_this_machines_proc(
    client: Any, stack: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_on_tcp() as address:
        remote = connect(address)
        chosen = choice.choose(remote, inspected(remote, stack))
        assert isinstance(chosen, HelperWitness)
        monkeypatch.setattr(HostWitness, "collect", lambda *_: pytest.fail("it looked at this machine's /proc"))
        with postures(remote, stack, chosen) as found:
            for service in ("web", "scratch"):
                check_hardened(found[service])
                check_main(found[service])
                hunter_is_hidden(found[service])
            assert [(s.protocol, s.port) for s in found["web"].listening.value] == [("tcp", 8080)]
        remote.close()


def test_helper_and_host_agree_fact_by_fact(client: Any, stack: dict[str, list[str]]) -> None:
    with postures(client, stack, HostWitness()) as host, postures(client, stack, helper(client, stack)) as other:
        for service in ("web", "scratch"):
            here, there = dict(host[service].facts()), dict(other[service].facts())
            assert {n: f.get("unknown") for n, f in here.items()} == {n: f.get("unknown") for n, f in there.items()}


def test_what_a_helper_may_not_read_is_unknown_and_not_empty(client: Any, stack: dict[str, list[str]]) -> None:
    with postures(client, stack, helper(client, stack)) as found:
        loose = found["loose"]
        assert loose.runs_as_root.value is True
        assert len(loose.cap_effective.value) == 14
        assert loose.memory.value is None
        check_main(loose, environment=False)


def test_a_helper_can_do_nothing_and_goes_with_the_run(client: Any, run: Run, stack: dict[str, list[str]]) -> None:
    witness = helper(client, stack)
    witness.start()
    answer = client.api.inspect_container(witness.container)
    status = Path(f"/proc/{answer['State']['Pid']}/status").read_text(encoding="utf-8")
    assert answer["Config"]["Labels"]["dockerharden.run"] == run.id
    assert {line.split()[1] for line in status.splitlines() if line.startswith("Cap")} == {"0" * 16}
    assert "NoNewPrivs:\t1" in status
    assert answer["HostConfig"]["ReadonlyRootfs"] is True
    assert answer["HostConfig"]["NetworkMode"] == "none"
    witness.close()
    assert witness.container == ""
    witness.close()


def test_no_helper_from_images_without_a_shell(client: Any, without_shell: str) -> None:
    before = len(client.api.containers(all=True, filters={"ancestor": without_shell}))
    with pytest.raises(NoHelper):
        HelperWitness(client, [without_shell], {}).start()
    assert len(client.api.containers(all=True, filters={"ancestor": without_shell})) == before


def test_the_last_witness_is_a_shell_in_the_container(client: Any, stack: dict[str, list[str]]) -> None:
    with postures(client, stack, ExecWitness(client)) as found:
        check_hardened(found["web"])
        check_main(found["web"])
        assert [process.argv[0] for process in found["web"].processes.value] == ["nc", "sleep"]
        assert found["scratch"].uid.known is False
        assert "no /bin/sh" in found["scratch"].uid.reason  # type: ignore[union-attr]


def test_nothing_is_started_in_a_stack_that_is_not_ours(client: Any, without_shell: str) -> None:
    container = client.containers.run(without_shell, ["/busybox", "sleep", "1000"], detach=True)
    try:
        with engine_on_tcp() as address:
            remote = connect(address)
            container.reload()
            foreign = dict(container.attrs, Config={**container.attrs["Config"], "Labels": {}})
            chosen = choice.choose(remote, [foreign])
            assert isinstance(chosen, choice.Nobody)
            account = chosen.collect({container.id: 1})[container.id]
            assert "no helper could be started beside it" in account.why
            remote.close()
    finally:
        container.remove(force=True)


def test_this_machine_is_chosen_for_its_own_engine(client: Any, stack: dict[str, list[str]]) -> None:
    assert isinstance(choice.choose(client, inspected(client, stack)), HostWitness)


def test_a_container_that_ends_meanwhile_takes_nothing_from_the_others(client: Any, run: Run, with_shell: str) -> None:
    """With ``restart:`` and a program that fails, a process id is old as soon as the engine has told it."""
    web, failing = (start(client, run, with_shell, ["sleep", "1000"]) for _ in range(2))
    told = [client.api.inspect_container(container) for container in (web, failing)]
    client.api.kill(failing)
    client.api.wait(failing)
    assert isinstance(choice.choose(client, told), HostWitness)


def test_a_container_that_has_ended_has_facts_of_the_engine_only(client: Any, run: Run, with_shell: str) -> None:
    container = start(client, run, with_shell, ["true"])
    client.api.wait(container)
    (posture,) = observe_stack({"job": [container]}, client)["job"]
    assert posture.uid.known is False
    assert posture.uid.reason == "the container does not run"  # type: ignore[union-attr]
    assert posture.privileged.value is False


def test_replicas_and_shared_namespaces_are_named(client: Any, run: Run, with_shell: str) -> None:
    network = f"obs-{run.id}"
    labels = run.labels | {"com.docker.compose.network": "inner", "com.docker.compose.project": "obs"}
    client.api.create_network(network, internal=True, labels=labels)
    common: dict[str, Any] = {"Labels": run.labels | {"com.docker.compose.project": "obs"}}
    on_network = common | {"HostConfig": {"NetworkMode": network}}
    web = [start(client, run, with_shell, ["sleep", "1000"], **on_network) for _ in range(2)]
    side = start(
        client, run, with_shell, ["sleep", "1000"], **common | {"HostConfig": {"NetworkMode": f"container:{web[0]}"}}
    )
    alone = start(client, run, with_shell, ["sleep", "1000"], **common | {"HostConfig": {"NetworkMode": "none"}})
    found = observe_stack({"web": web, "side": [side], "alone": [alone]}, client)
    assert [posture.subject for posture in found["web"]] == ["web", "web-2"]
    (attachment,) = found["web"][0].networks.value
    assert (attachment.name, attachment.internal, attachment.driver, attachment.external) == (
        "inner",
        True,
        "bridge",
        False,
    )
    assert found["web"][0].reaches.value == {"side"}
    assert found["side"][0].reaches.value == {"web"}
    assert found["side"][0].network_mode.value == "service:web"
    assert found["alone"][0].reaches.value == frozenset()


@pytest.mark.parametrize("separator", ["\x0b", "\x0c"])
def test_a_name_forges_nothing_on_this_kernel(client: Any, run: Run, with_shell: str, separator: str) -> None:
    script = (
        f"printf 'a{separator}Uid:\\t9 9 9 9' >/proc/self/comm; while :; do read -r x </dev/null || nc -l -p 9; done"
    )
    container = start(client, run, with_shell, ["sh", "-c", script])
    (posture,) = observe_stack({"forger": [container]}, client)["forger"]
    assert posture.processes.value[0].uids == (0, 0, 0, 0)
