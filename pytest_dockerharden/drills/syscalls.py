"""What the kernel refuses the service's user.

Every call is made in a way that changes nothing where it is allowed: its arguments are wrong in what is looked at after
the permission, or what it makes belongs to the twin alone. How the kernel checks is in its own sources (named below).
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_dockerharden.drills.agent import BUFFER, Agent, Answer, Call
from pytest_dockerharden.drills.twin import FOLDER
from pytest_dockerharden.model.drill import SystemCall
from pytest_dockerharden.observe.shell import ShellClosed

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
PTRACE_ATTACH = 16
NO_PROCESS = 0x7FFFFFF0
AF_INET, AF_PACKET, SOCK_RAW, IPPROTO_ICMP = 2, 17, 3, 1
KEYCTL_GET_KEYRING_ID, SESSION_KEYRING = 0, -3
MNT_DETACH = 2
# a seccomp filter answers EPERM, or ENOSYS for calls that it does not know; user.max_user_namespaces of 0 is ENOSPC
REFUSALS = frozenset({"EPERM", "EACCES", "ENOSYS", "ENOSPC", "EUSERS"})


def syscalls(agent: Agent, root: bool, another: Callable[[Agent], Agent]) -> tuple[SystemCall, ...]:
    """Every call with its answer. Those that would change the agent come last; ``root`` is whether it is uid 0.

    A filter may kill who makes a call: ``another`` gives an agent for the rest, or raises where that was not it.
    """
    answers = []
    for name, call in requests(root):
        try:
            answers.append(outcome(name, agent.calls([call])[0]))
        except ShellClosed:
            agent = another(agent)
            answers.append(SystemCall(name, "SIGSYS", refused=True))
    return tuple(answers)


def requests(root: bool) -> list[tuple[str, Call]]:
    """Names as people know them, and the calls."""
    target = f"{FOLDER}\0".encode()
    source = f"{FOLDER}\0tmpfs\0".encode()
    after = len(target)
    calls = [
        # net/core/sock.c, net/packet/af_packet.c: CAP_NET_RAW
        ("socket(AF_PACKET)", Call("socket", (AF_PACKET, SOCK_RAW, 0))),
        ("socket(SOCK_RAW)", Call("socket", (AF_INET, SOCK_RAW, IPPROTO_ICMP))),
        # kernel/ptrace.c: no such process comes after the filter
        ("ptrace(PTRACE_ATTACH)", Call("ptrace", (PTRACE_ATTACH, NO_PROCESS))),
        # security/keys/keyctl.c
        ("keyctl", Call("keyctl", (KEYCTL_GET_KEYRING_ID, SESSION_KEYRING, 0))),
        ("add_key", Call("add_key", (0, 0, 0, 0, SESSION_KEYRING))),
        # kernel/bpf/syscall.c: there is no command 255
        ("bpf", Call("bpf", (255, 0, 0))),
        # kernel/events/core.c: no attributes
        ("perf_event_open", Call("perf_event_open", (0, 0, 0, -1, 0))),
        ("userfaultfd", Call("userfaultfd", (0,))),
        ("io_uring_setup", Call("io_uring_setup", (0, 0))),
        # fs/fhandle.c: CAP_DAC_READ_SEARCH comes before the missing handle
        ("open_by_handle_at", Call("open_by_handle_at", (-1, 0, 0))),
        # kernel/module/main.c: CAP_SYS_MODULE comes before the missing image
        ("init_module", Call("init_module", (0, 0, 0))),
        # kernel/kexec.c: CAP_SYS_BOOT comes before the flags, and these do not exist
        ("kexec_load", Call("kexec_load", (0, 0, 0, 0x8000))),
        # fs/namespace.c: CAP_SYS_ADMIN; a tmpfs over the probe's own folder, in the twin's own namespace
        ("mount", Call("mount", (BUFFER, BUFFER, BUFFER + after, 0, 0), source)),
        ("unshare(CLONE_NEWNS)", Call("unshare", (CLONE_NEWNS,))),
    ]
    # for root it changes nothing and proves nothing; who becomes root by it would be asked the rest as root
    become = [] if root else [("setuid(0)", Call("setuid", (0,)))]
    return [*calls, *become, ("unshare(CLONE_NEWUSER)", Call("unshare", (CLONE_NEWUSER,)))]


def outcome(name: str, answer: Answer) -> SystemCall:
    """An error of any other kind came after the permission."""
    return SystemCall(name, answer.error or "allowed", answer.error in REFUSALS)
