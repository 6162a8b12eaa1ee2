"""Linux capabilities by bit, and what the engine gives by default."""

from __future__ import annotations

# include/uapi/linux/capability.h, bit 0 first
NAMES: tuple[str, ...] = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip

ALL: frozenset[str] = frozenset(NAMES)

# moby oci/caps/defaults.go: the fourteen a container gets when nothing is said
DEFAULT: frozenset[str] = frozenset(
    {
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    }
)  # fmt: skip


def canonical(name: str) -> str:
    """``cap_net_admin`` -> ``NET_ADMIN``. The engine takes any case and an optional prefix; ``CAP_ALL`` it refuses."""
    upper = name.upper()
    return upper[4:] if upper.startswith("CAP_") and upper != "CAP_ALL" else upper


def from_mask(mask: int) -> frozenset[str]:
    """The names of the bits of a ``Cap*`` line of /proc/PID/status. Bits without a name are ``CAP_<bit>``."""
    return frozenset(
        NAMES[bit] if bit < len(NAMES) else f"CAP_{bit}" for bit in range(mask.bit_length()) if mask >> bit & 1
    )
