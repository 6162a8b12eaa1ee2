"""Signals of Linux by number (signal(7), x86 and ARM), and one spelling for each."""

from __future__ import annotations

NAMES: tuple[str, ...] = (
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
    "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
    "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
)  # fmt: skip


def canonical(text: str) -> str:
    """``15``, ``term`` and ``SIGTERM`` are ``SIGTERM``."""
    if text.isascii() and text.isdigit():
        return name(int(text))
    upper = text.upper()
    return upper if upper.startswith("SIG") else f"SIG{upper}"


def name(number: int) -> str:
    """``SIGTERM`` for 15; real-time signals are ``SIG34`` and so on."""
    return NAMES[number - 1] if 0 < number <= len(NAMES) else f"SIG{number}"


def from_mask(mask: int) -> frozenset[str]:
    """The signals of a ``SigCgt`` or ``SigIgn`` line: bit 0 is signal 1."""
    return frozenset(name(bit + 1) for bit in range(mask.bit_length()) if mask >> bit & 1)
