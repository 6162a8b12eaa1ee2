"""The program that makes system calls: its machine code, its protocol, in containers and on other machines."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.drills import agent as module
from pytest_dockerharden.drills.agent import BUFFER, CODE, NUMBERS, WINDOW, Agent, Call, batches, executable
from pytest_dockerharden.drills.twin import Identity, Probe, twin_body
from pytest_dockerharden.observe.shell import ProbeDidNotRun, ShellClosed
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.run import Run
from tests.live import engine_on_tcp

FOLDER = Path(module.__file__).parent
ASSEMBLERS = {"x86_64": ("as", "objcopy"), "aarch64": ("aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy")}


@pytest.mark.parametrize("machine", list(CODE))
def test_the_machine_code_is_that_of_the_source(machine: str, tmp_path: Path) -> None:
    assembler, copy = ASSEMBLERS[machine]
    if not shutil.which(assembler):
        pytest.skip(f"{assembler} is not installed")
    subprocess.run([assembler, "-o", tmp_path / "o", FOLDER / f"agent_{machine}.S"], check=True)
    subprocess.run([copy, "-O", "binary", "-j", ".text", tmp_path / "o", tmp_path / "code"], check=True)
    code = (tmp_path / "code").read_bytes()
    assert code.startswith(CODE[machine])
    assert not code[len(CODE[machine]) :].strip(b"\0"), "sections may be padded"


def test_a_machine_without_a_program_is_named() -> None:
    with pytest.raises(ProbeDidNotRun, match="no probe for the machine riscv64"):
        executable("riscv64")


class Local(Agent):
    """The same protocol on the pipes of a process here."""

    def __init__(self, words: list[str], machine: str) -> None:
        self.machine = machine
        self.column = list(CODE).index(machine)
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def calls(self, calls: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        answers = []
        for batch in batches(calls):
            self.process.stdin.write(b"".join(self.packed(call) for call in batch))
            self.process.stdin.flush()
            answers += [self.answer(call) for call in batch]
        return answers

    def take(self, size: int) -> bytes:
        assert self.process.stdout
        return self.process.stdout.read(size)


@pytest.fixture(params=list(CODE))
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Local]:
    import platform

    machine = request.param
    words = [] if platform.machine() == machine else [f"qemu-{machine}"]
    if words and not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    program = tmp_path / "agent"
    program.write_bytes(executable(machine))
    program.chmod(0o755)
    agent = Local([*words, str(program)], machine)
    yield agent
    assert agent.process.stdin
    agent.process.stdin.close()
    assert agent.process.wait(10) == 0
    assert agent.process.stdout
    agent.process.stdout.close()


def test_results_errors_and_data_come_back(local: Local, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    opened = local.call("openat", -100, BUFFER, 0, data=f"{tmp_path}/file\0".encode())
    assert not opened.error
    assert local.call("read", opened.result, BUFFER, 100, answer=-100).data == b"content"
    assert local.call("read", opened.result, BUFFER, 100, answer=-100).data == b""
    assert local.call("close", opened.result).result == 0
    assert local.call("close", opened.result).error == "EBADF"
    assert local.call("openat", -100, BUFFER, 0, data=b"/nowhere\0").error == "ENOENT"


def test_many_calls_are_answered_in_order(local: Local) -> None:
    names = [b"/", b"/nowhere", b"/tmp"] * 1000
    answers = local.calls([Call("faccessat", (-100, BUFFER, 0), name + b"\0", answer=8) for name in names])
    assert [answer.error for answer in answers] == ["", "ENOENT", ""] * 1000
    assert all(answer.data.startswith(name[:8]) for name, answer in zip(names, answers, strict=True))


def test_every_answer_fills_a_whole_buffer(local: Local) -> None:
    data = bytes(range(256)) * 64
    assert local.call("getuid", data=data, answer=len(data)).data == data


CALL = st.builds(
    Call,
    st.sampled_from(sorted(NUMBERS)),
    st.lists(st.integers(-(1 << 63), (1 << 64) - 1), max_size=6).map(tuple),
    st.binary(max_size=300),
    st.integers(-9000, 9000),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(CALL, max_size=200))
def test_a_batch_never_fills_a_pipe(calls: list[Call]) -> None:
    parts = list(batches(calls))
    assert [call for part in parts for call in part] == calls
    for part in parts:
        assert len(part) == 1 or sum(72 + len(call.data) for call in part) <= WINDOW
        assert len(part) == 1 or sum(8 + abs(call.answer) for call in part) <= WINDOW


def test_numbers_are_those_of_the_kernels_headers() -> None:
    headers = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h")
    if not all(header.exists() for header in headers):
        pytest.skip("the kernel's headers are not installed")
    for column, header in enumerate(headers):
        # the generic table has 3264 variants for calls that differ on 32 bits
        found = {
            name: int(number)
            for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text(encoding="utf-8"))
        }
        assert {name: numbers[column] for name, numbers in NUMBERS.items()} == {name: found[name] for name in NUMBERS}


def start(client: Any, run: Run, image: str, **settings: Any) -> dict[str, Any]:
    body = {"Image": image, "Entrypoint": ["/busybox", "sleep", "1000"], "Labels": run.labels, "User": "4242:4243"}
    host = {"NetworkMode": "none", **settings}
    container = client.api.create_container_from_config(body | {"HostConfig": host})["Id"]
    client.api.start(container)
    return client.api.inspect_container(container)  # type: ignore[no-any-return]


@pytest.mark.live
def test_it_runs_without_a_shell_on_a_read_only_root(client: Any, run: Run, bare_image: str) -> None:
    service = start(client, run, bare_image, ReadonlyRootfs=True, CapDrop=["ALL"])
    with Probe.prepared(client, run.labels, bare_image) as probe:
        with probe.started(twin_body(service, Identity(4242, 4243), probe), 20) as agent:
            assert agent.call("getuid").result == 4242
        volume = probe.volume
    assert volume not in {v["Name"] for v in client.api.volumes()["Volumes"] or ()}


@pytest.mark.live
def test_it_runs_on_an_engine_reached_by_tcp(client: Any, run: Run, bare_image: str) -> None:
    service = start(client, run, bare_image)
    with engine_on_tcp() as address:
        remote = connect(address)
        with (
            Probe.prepared(remote, run.labels, bare_image) as probe,
            probe.started(twin_body(service, Identity(4242, 4243), probe), 20) as agent,
        ):
            assert {a.result for a in agent.calls([Call("getuid")] * 1000)} == {4242}
        remote.close()


@pytest.mark.live
def test_a_call_without_end_is_given_up(client: Any, run: Run, bare_image: str) -> None:
    service = start(client, run, bare_image)
    with (
        Probe.prepared(client, run.labels, bare_image) as probe,
        probe.started(twin_body(service, Identity(4242, 4243), probe), 3) as agent,
        pytest.raises(ShellClosed),
    ):
        agent.call("ppoll", 0, 0, 0, 0, 8)


@pytest.mark.live
def test_a_twin_that_cannot_start_says_why(client: Any, run: Run, bare_image: str) -> None:
    service = start(client, run, bare_image)
    with Probe.prepared(client, run.labels, bare_image) as probe:
        body = twin_body(service, Identity(4242, 4243), probe)
        body["Entrypoint"] = ["/nothing"]
        with pytest.raises(ProbeDidNotRun, match="could not be started"), probe.started(body, 10):
            pytest.fail("it cannot run")


def test_the_program_is_a_small_static_executable() -> None:
    for machine, number in (("x86_64", 62), ("aarch64", 183)):
        program = executable(machine)
        assert len(program) < 500
        assert program[:4] == b"\x7fELF"
        assert struct.unpack_from("<H", program, 18) == (number,)
