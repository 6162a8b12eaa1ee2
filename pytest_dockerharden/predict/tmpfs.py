"""The options of a tmpfs, as the engine and the kernel read them."""

from __future__ import annotations

import re

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.pattern import pattern

# moby daemon/pkg/oci: options of a tmpfs come after these and override them
DEFAULT_FLAGS = frozenset({"nosuid", "nodev", "noexec"})
_SWITCHES = {"exec": "noexec", "suid": "nosuid", "dev": "nodev"}
_SIZE = pattern(r"([0-9]{1,19})([kmgtpe]?)", re.IGNORECASE)
_SHIFT = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50, "e": 60}
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class TmpfsOptions:
    """``size`` in bytes, None where nothing but half of the memory limits it."""

    flags: frozenset[str]
    read_only: bool = False
    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


def parse_options(text: str, flags: frozenset[str] = DEFAULT_FLAGS) -> TmpfsOptions:
    """Comma separated options; a later one wins."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word in _SWITCHES:
            flags -= {_SWITCHES[word]}
        elif word in DEFAULT_FLAGS:
            flags |= {word}
    values = dict(word.split("=", 1) for word in words if "=" in word)
    read_only = [word for word in words if word in {"ro", "rw"}]
    return TmpfsOptions(
        flags,
        read_only=read_only[-1:] == ["ro"],
        size=_size(values),
        mode=_octal(values.get("mode", "")),
        uid=_decimal(values.get("uid", "")),
        gid=_decimal(values.get("gid", "")),
    )


def _size(values: dict[str, str]) -> int | None:
    """The kernel takes 0 for no limit."""
    match = _SIZE.fullmatch(values.get("size", ""))
    if match:
        return int(match[1]) << _SHIFT[match[2].lower()] or None
    blocks = _SIZE.fullmatch(values.get("nr_blocks", ""))
    return (int(blocks[1]) << _SHIFT[blocks[2].lower()]) * _PAGE or None if blocks else None


def _octal(text: str) -> int | None:
    return int(text, 8) if re.fullmatch("[0-7]{1,5}", text) else None


def _decimal(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,10}", text) else None
