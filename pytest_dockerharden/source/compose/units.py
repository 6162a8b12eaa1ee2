"""Numbers, sizes and durations as Docker Compose reads and prints them.

The grammars are those of Go's ``strconv`` and ``time`` packages and of the size parser of the docker client, as
Docker Compose 5.6.1 applies them.
"""

from __future__ import annotations

import re

from pytest_dockerharden.model.pattern import pattern

_SIZE = pattern(r"([-+]?(?:[0-9_]+\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?) ?(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE)
_POWERS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_DURATION_PART = pattern(r"([0-9]*\.?[0-9]*)(ns|us|µs|μs|ms|s|m|h|d|w)")
_DURATION_SIGN = pattern(r"[-+]?")
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_LONGEST_DURATION = 2**63
_GO_EXPONENT = 6
_NOT_FINITE = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}
_INTEGER = pattern(r"[-+]?[0-9]+")
_TRUE = frozenset({"true", "yes", "y", "on"})
_FALSE = frozenset({"false", "no", "n", "off"})


def parse_bytes(text: str) -> int | None:
    """The bytes that a size like ``512m``, ``1.5 GiB`` or ``100`` stands for; None where it is not a size.

    Every unit is a power of 1024; ``-1`` is accepted, since ``memswap_limit`` uses it.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    try:
        return int(float(match[1]) * _POWERS[(match[2] or "").lower()])
    except (ValueError, OverflowError):
        return None


def parse_duration(text: str) -> float:
    """The seconds that a duration like ``1m30s`` or ``1.5h`` stands for.

    Raises ValueError with a message fit for the user, e.g. for ``10``, which lacks a unit.
    """
    return _nanoseconds(text) / 1e9


def format_duration(text: str) -> str:
    """A duration as ``docker compose config`` prints it: ``90m`` is ``1h30m0s``. ValueError as ``parse_duration``."""
    total = _nanoseconds(text)
    sign, total = ("-", -total) if total < 0 else ("", total)
    if total == 0:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        if total < _NANOSECONDS[unit] * 1000:
            return f"{sign}{_decimal(total, _NANOSECONDS[unit])}{unit}"
    minutes, rest = divmod(total, _NANOSECONDS["m"])
    seconds = f"{_decimal(rest, _NANOSECONDS['s'])}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def _decimal(total: int, unit: int) -> str:
    whole, rest = divmod(total, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{str(unit + rest)[1:].rstrip('0')}"


def _nanoseconds(text: str) -> int:
    sign = _DURATION_SIGN.match(text)
    position = sign.end() if sign else 0
    if text[position:] == "0":
        return 0
    total = 0
    start = position
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        if part is None or part[1] in {"", "."}:
            break
        total += _scaled(part[1], _NANOSECONDS[part[2]])
        position = part.end()
    if position == start or position < len(text) or total >= _LONGEST_DURATION:
        raise ValueError(f"{text!r} is not a duration, write it with a unit: 30s, 1m30s, 1h")
    return -total if text.startswith("-") else total


def _scaled(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    return int(whole or "0") * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)


def go_number(value: int | float) -> str:
    """A number as Go prints it into a string: ``1.10`` is ``1.1``, ``20.0`` is ``20``, a million is ``1e+06``."""
    if isinstance(value, int):
        return str(value)
    shortest = repr(value)
    if shortest in _NOT_FINITE:
        return _NOT_FINITE[shortest]
    mantissa, _, power = shortest.partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    leading = len(whole) - 1 if whole.strip("0") else len(fraction.lstrip("0")) - len(fraction) - 1
    exponent = int(power or "0") + leading
    if not value or (-4 <= exponent < _GO_EXPONENT and not power):
        return shortest[:-2] if shortest.endswith(".0") else shortest
    digits = (whole + fraction).strip("0")
    sign = "-" if value < 0 else ""
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def scalar_text(value: str | int | float | bool | None) -> str:
    """A scalar as Docker Compose writes it into a string field; empty for null."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else go_number(value)


def parse_bool(text: str) -> bool | None:
    """The truth of a text in a boolean field, any case; None where it is refused (``1``, ``t`` and empty are)."""
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else None


def is_foreign_bool(text: str) -> bool:
    """Whether a text is a boolean of YAML 1.1 alone (``yes``, ``off``), which Docker Compose accepts with a warning."""
    return text.lower() in (_TRUE | _FALSE) - {"true", "false"}


def parse_integer(text: str) -> int | None:
    """A decimal integer in a string, as the counting fields (``pids_limit: "100"``) accept it."""
    return int(text) if _INTEGER.fullmatch(text) and len(text) < 20 else None


def parse_float(text: str) -> float | None:
    """A decimal number in a string, as ``cpus`` accepts it."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if text == text.strip() else None
