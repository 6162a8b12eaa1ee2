"""A program of some 400 bytes that makes system calls for us inside a container: no shell, no library, no file needed.

It is a static ELF executable, made here from the machine code of ``agent_<machine>.S``. What it is asked on standard
input it asks of the kernel, as the container's own user, with the container's own filter, mounts and capabilities.
"""

from __future__ import annotations

import errno
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_dockerharden.observe.shell import STDOUT, ProbeDidNotRun, Shell, ShellClosed

CODE = {
    "x86_64": bytes.fromhex(
        "be00006000ba48000000e891000000be00106000488b142538006000e87f000000488b042500006000488b3c250800600048"
        "8b342510006000488b1425180060004c8b1425200060004c8b0425280060004c8b0c25300060000f0548890425f80f600048"
        "8b1425400060004885d2790931d24885c0480f49d04883c208bef80f6000b801000000bf010000000f054885c07e264801c6"
        "4829c275e7e960ffffff4885d2741331c031ff0f054885c07e094801c64829c2ebe8c3b83c00000031ff0f05"
    ),
    "aarch64": bytes.fromhex(
        "130ca0d274e23f91e10313aa020980d21900009481220091621e40f916000094680240a9610a41a9631242a9651a40f90100"
        "00d4800200f9622240f96200f8b61f0000f102a09f9a42200091e10314aa080880d2200080d2010000d41f0000f1ed010054"
        "2100008b420000eb21ffff54e4ffff17220100b4e80780d2000080d2010000d41f0000f1ad0000542100008b420000cbf8ff"
        "ff17c0035fd6a80b80d2000080d2010000d4"
    ),
}
ELF_MACHINE = {"x86_64": 62, "aarch64": 183}
TEXT, DATA = 0x400000, 0x600000
# where the data of a call is put, and where the kernel's answer is taken from
BUFFER = DATA + 0x1000
BUFFER_SIZE = 1 << 16
# what may be under way at once: neither side waits for the other to read
WINDOW = 32 << 10
# the kernel's numbers: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h
NUMBERS: dict[str, tuple[int, int]] = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "close": (3, 57),
    "connect": (42, 203),
    "faccessat": (269, 48),
    "getdents64": (217, 61),
    "getsockopt": (55, 209),
    "getuid": (102, 174),
    "init_module": (175, 105),
    "io_uring_setup": (425, 425),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "mmap": (9, 222),
    "mount": (165, 40),
    "open_by_handle_at": (304, 265),
    "openat": (257, 56),
    "perf_event_open": (298, 241),
    "ppoll": (271, 73),
    "ptrace": (101, 117),
    "read": (0, 63),
    "readlinkat": (267, 78),
    "setuid": (105, 146),
    "socket": (41, 198),
    "umount2": (166, 39),
    "unlinkat": (263, 35),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "write": (1, 64),
}


def executable(machine: str) -> bytes:
    """The program for ``x86_64`` or ``aarch64``. Raises ProbeDidNotRun for any other machine."""
    if machine not in CODE:
        raise ProbeDidNotRun(f"there is no probe for the machine {machine or 'of the engine'}")
    header_size, segment_size = 64, 56
    start = header_size + 2 * segment_size
    size = start + len(CODE[machine])
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, ELF_MACHINE[machine], 1, TEXT + start, header_size, 0, 0,
        header_size, segment_size, 2, 0, 0, 0,
    )  # fmt: skip
    read_execute, read_write, alignment = 5, 6, 0x10000
    text = struct.pack("<IIQQQQQQ", 1, read_execute, 0, TEXT, TEXT, size, size, alignment)
    data = struct.pack("<IIQQQQQQ", 1, read_write, 0, DATA, DATA, 0, 0x1000 + BUFFER_SIZE, alignment)
    return header + text + data + CODE[machine]


@dataclass(frozen=True, slots=True)
class Call:
    """One system call. ``data`` is put at BUFFER before, ``answer`` bytes are taken from there after.

    A negative ``answer`` is for what the kernel fills itself: as many bytes as the result says, at most so many.
    """

    name: str
    arguments: tuple[int, ...] = ()
    data: bytes = b""
    answer: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The kernel's result: not negative, or the negative number of an error."""

    result: int
    data: bytes

    @property
    def error(self) -> str:
        """``EPERM``; empty where there was none."""
        return "" if self.result >= 0 else errno.errorcode.get(-self.result, str(-self.result))


class Agent(Shell):
    """The program as the first process of a container that was created with it and is started here.

    ``patience`` in seconds is for all calls together. Not for several threads at once.
    """

    def __init__(self, client: Any, container: str, machine: str, patience: float) -> None:
        self.machine = machine
        self.column = ("x86_64", "aarch64").index(machine)
        self.ends = time.monotonic() + patience
        super().__init__(client, container)

    def open(self, words: list[str], user: str, environment: dict[str, str]) -> None:
        """Attach before the start, so that nothing is missed."""
        from docker.errors import APIError

        try:
            streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            self.stream = self.api.attach_socket(self.container, params=streams)
            self.api.start(self.container)
            self.call("getuid")
        except APIError as error:
            self.close()
            raise ProbeDidNotRun(f"a twin of it could not be started: {error.explanation}") from None
        except (ShellClosed, OSError) as error:
            self.close()
            raise ProbeDidNotRun(f"the probe did not run in a twin of it: {error}") from None

    def call(self, name: str, *arguments: int, data: bytes = b"", answer: int = 0) -> Answer:
        """One call."""
        return self.calls([Call(name, arguments, data, answer)])[0]

    def calls(self, calls: Sequence[Call]) -> list[Answer]:
        """All of them in order; many are sent before the first answer is waited for."""
        answers: list[Answer] = []
        for batch in batches(calls):
            self.send(b"".join(self.packed(call) for call in batch), self.ends)
            answers += [self.answer(call) for call in batch]
        return answers

    def packed(self, call: Call) -> bytes:
        numbers = [NUMBERS[call.name][self.column], *call.arguments, *[0] * (6 - len(call.arguments))]
        words = [number & (1 << 64) - 1 for number in (*numbers, len(call.data))]
        return struct.pack("<8Qq", *words, call.answer) + call.data

    def answer(self, call: Call) -> Answer:
        (result,) = struct.unpack("<q", self.take(8))
        return Answer(result, self.take(call.answer if call.answer >= 0 else max(result, 0)))

    def take(self, size: int) -> bytes:
        """Exactly so many bytes of standard output."""
        buffer = self.buffers[STDOUT]
        while len(buffer) < size:
            self.receive(self.ends)
        taken = bytes(buffer[:size])
        del buffer[:size]
        return taken


def batches(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """Groups of which the requests, and the answers, fit into the window."""
    batch: list[Call] = []
    sent = received = 0
    for call in calls:
        request, reply = 72 + len(call.data), 8 + abs(call.answer)
        if batch and (sent + request > WINDOW or received + reply > WINDOW):
            yield batch
            batch, sent, received = [], 0, 0
        batch.append(call)
        sent, received = sent + request, received + reply
    if batch:
        yield batch
