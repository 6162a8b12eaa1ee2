"""The type of a plain YAML scalar, as Docker Compose's YAML reader (go-yaml) sees it.

YAML 1.1 syntax with mostly YAML 1.2 typing: ``yes`` and ``22:22`` are strings, ``0123`` is octal, ``1_000`` an integer.
"""

from __future__ import annotations

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


def typed(text: str) -> Scalar:
    """The value of an unquoted scalar.

    >>> [typed(text) for text in ("22:22", "0123", "1e3", "no", "~")]
    ['22:22', 83, 1000.0, 'no', None]
    """
    if text[:1] not in NUMBER_STARTS:
        return LITERALS.get(text, text)
    if text in LITERALS:
        return LITERALS[text]
    return _number(text)


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
