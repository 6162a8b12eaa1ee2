"""A value of a compose model that knows the place that decided it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin

Scalar = str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Node:
    """One value of a merged, canonical compose model.

    ``value`` is a scalar, a dict of nodes or a list of nodes. ``origin`` is the text that decided the value, after
    merge, ``extends`` and ``include``; ``key_origin`` the key it stands under, where it has one.
    ``related`` lists the other places that took part, oldest first: what an overlay overrode, the alias or
    ``extends`` line through which the value came.
    ``template`` is the text before interpolation where it had a ``$``; ``unresolved`` names the variables in it that
    no file and no default gives a value.
    """

    value: Scalar | dict[str, Node] | list[Node]
    origin: TextOrigin
    key_origin: TextOrigin | None = None
    related: tuple[TextOrigin, ...] = ()
    template: str | None = None
    unresolved: frozenset[str] = frozenset()

    @property
    def place(self) -> TextOrigin:
        """Where to point at: the key where the value has one, else the value."""
        return self.key_origin or self.origin

    def get(self, *path: str | int) -> Node | None:
        """The node below this one, or None where a step of the path is missing."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            children = node.value
            if isinstance(children, dict) and isinstance(step, str):
                node = children.get(step)
            elif isinstance(children, list) and isinstance(step, int):
                node = children[step] if -len(children) <= step < len(children) else None
            else:
                return None
        return node

    def items(self) -> Iterator[tuple[str, Node]]:
        """Key and node of each entry of a mapping; nothing for anything else."""
        if isinstance(self.value, dict):
            yield from self.value.items()

    def __iter__(self) -> Iterator[Node]:
        """The items of a sequence; nothing for anything else."""
        if isinstance(self.value, list):
            yield from self.value

    def text(self) -> str:
        """The scalar as compose writes it into a string field (``true``, ``80``); empty for null and collections."""
        value = self.value
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if value is None or isinstance(value, (dict, list)) else str(value)

    def plain(self) -> Any:
        """The value as plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value
