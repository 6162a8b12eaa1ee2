"""What a value of a compose file may be: the small language of the schema table."""

from __future__ import annotations

import re

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.pattern import pattern

NAME = pattern(r"[a-zA-Z0-9._-]+")
NULL = type(None)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A value may be a scalar of ``scalars``, a list of ``items``, or a mapping with ``keys`` and ``others``.

    ``others`` is for keys that the user names, which must match ``names``. ``x-`` keys go where ``extensible``.
    ``words`` and ``pattern`` bind texts, ``bounds`` numbers; ``distinct`` lists must not repeat an item.
    """

    scalars: frozenset[type] = frozenset()
    words: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    bounds: tuple[int, int] | None = None
    items: Rule | None = None
    distinct: bool = False
    keys: dict[str, Rule] | None = None
    required: tuple[str, ...] = ()
    others: Rule | None = None
    names: re.Pattern[str] | None = None
    extensible: bool = True
    anything: bool = False

    def describe(self) -> str:
        """The kinds of value in words: ``a text or a list``."""
        kinds = [word for kind, word in KINDS.items() if kind in self.scalars]
        kinds += ["a list"] if self.items else []
        kinds += ["a mapping"] if self.keys is not None or self.others else []
        return " or ".join(kinds) or "absent"


KINDS: dict[type, str] = {bool: "true or false", int: "an integer", float: "a number", str: "a text", NULL: "empty"}


def scalar(*kinds: type, bounds: tuple[int, int] | None = None) -> Rule:
    """A scalar of one of these types."""
    return Rule(frozenset(kinds), bounds=bounds)


def word(*words: str) -> Rule:
    """One of these words."""
    return Rule(frozenset({str}), words=words)


def matching(expression: str) -> Rule:
    """A text in which the pattern is found."""
    return Rule(frozenset({str}), pattern=pattern(expression))


def list_of(items: Rule, *, distinct: bool = False) -> Rule:
    """A list of such items."""
    return Rule(items=items, distinct=distinct)


def mapping(
    keys: dict[str, Rule],
    *required: str,
    scalars: tuple[type, ...] = (),
    extensible: bool = True,
    others: Rule | None = None,
) -> Rule:
    """A mapping with fixed keys."""
    return Rule(frozenset(scalars), keys=keys, required=required, extensible=extensible, others=others)


def named(values: Rule, names: re.Pattern[str] | None = None, *scalars: type) -> Rule:
    """A mapping whose keys the user names."""
    return Rule(frozenset(scalars), others=values, names=names, extensible=False)


def either(*rules: Rule) -> Rule:
    """What one of the rules allows: at most one for lists and one for mappings."""
    lists = next((rule for rule in rules if rule.items), None)
    maps = next((rule for rule in rules if rule.keys is not None or rule.others), None)
    texts = next((rule for rule in rules if rule.words or rule.pattern), None)
    return Rule(
        frozenset().union(*(rule.scalars for rule in rules)),
        words=texts.words if texts else (),
        pattern=texts.pattern if texts else None,
        items=lists.items if lists else None,
        distinct=lists.distinct if lists else False,
        keys=maps.keys if maps else None,
        required=maps.required if maps else (),
        others=maps.others if maps else None,
        names=maps.names if maps else None,
        extensible=maps.extensible if maps else True,
    )
