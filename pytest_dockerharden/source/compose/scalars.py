"""The type of a plain YAML scalar, as Docker Compose's YAML reader (go-yaml) sees it.

YAML 1.1 syntax with mostly YAML 1.2 typing: ``yes`` and ``22:22`` are strings, ``0123`` is octal, ``1_000`` an integer.
"""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from math import inf

from pytest_dockerharden.model.node import Scalar
from pytest_dockerharden.model.pattern import pattern

LITERALS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
NUMBER_STARTS = frozenset("+-.0123456789")
INTEGER = pattern(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))\Z")
FLOAT = pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
LOOSE_UNDERSCORE = pattern(r"(?<![0-9])_|_(?![0-9])")
BASES = (16, 2, 8, 10)
MOST_DIGITS = 400
MINUTES_A_DAY = 24 * 60
DATE = pattern(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(Z|[-+]\d\d:\d\d)?)?\Z"
)


class Timestamp(str):
    """What an unquoted date is to Docker Compose: a time, and where a text may stand the text that Go makes of it."""

    __slots__ = ()


TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None), "timestamp": Timestamp}


def typed(text: str) -> Scalar:
    """The value of an unquoted scalar.

    >>> [typed(text) for text in ("22:22", "0123", "1e3", "no", "~")]
    ['22:22', 83, 1000.0, 'no', None]
    """
    if text[:1] not in NUMBER_STARTS:
        return LITERALS.get(text, text)
    if text in LITERALS:
        return LITERALS[text]
    if text[4:5] == "-" and (moment := _timestamp(text)) is not None:
        return moment
    return _number(text)


def _timestamp(text: str) -> Timestamp | None:
    """As ``time.Parse`` reads and ``time.Time.String`` writes it.

    >>> _timestamp("2024-01-05")
    '2024-01-05 00:00:00 +0000 UTC'
    """
    match = DATE.match(text)
    if match is None or (match[4] is not None and (match[4] == " ") == (match[9] is not None)):
        return None
    numbers = [int(part or 0) for part in match.group(1, 2, 3, 5, 6, 7)]
    year, month, day, hour, minute, second = numbers
    try:
        datetime(year or 4, month, day, hour, minute, second)  # as many days as in the year zero
    except ValueError:
        return None
    zone = match[9] if match[9] not in (None, "Z", "+00:00", "-00:00") else ""
    minutes = int(zone[1:3]) * 60 + int(zone[4:]) if zone else 0
    if minutes >= MINUTES_A_DAY:
        return None
    offset = f"{zone[0]}{minutes // 60:02}{minutes % 60:02}" if zone else "+0000"
    fraction = (match[8] or "")[:9].rstrip("0")
    date = "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*numbers)
    return Timestamp(f"{date}{'.' + fraction if fraction else ''} {offset} {offset if zone else 'UTC'}")


def tagged(text: str, tag: str) -> Scalar:
    """The value of a scalar with a tag of YAML's own. Raises ValueError where the text is none of that type.

    >>> [tagged("5", "int"), tagged("5", "str"), tagged("aGk=", "binary")]
    [5, '5', 'hi']
    """
    if tag == "binary":
        return b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    if tag not in TYPES:
        return text
    value = typed(text)
    if tag == "float" and type(value) is int:
        return float(value)
    if type(value) is not TYPES[tag]:
        raise ValueError(f"this is no !!{tag}")
    return value


def _number(text: str) -> Scalar:
    digits = text if text[0] == "." and LOOSE_UNDERSCORE.search(text) else text.replace("_", "")
    if text == "-0":
        return -0.0
    integer = INTEGER.match(digits)
    if integer and len(digits) < MOST_DIGITS:
        sign, *groups = integer.groups()
        base, magnitude = next((base, group) for base, group in zip(BASES, groups, strict=True) if group)
        value = int(magnitude, base) * (-1 if sign == "-" else 1)
        if -(2**63) <= value < 2**64:
            return value
    number = float(digits) if FLOAT.match(digits) else inf
    return text if number in (inf, -inf) else number
