"""Shell text with its syntax tree's byte offsets turned into characters, words and places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_dockerharden.model.shell import Word
from pytest_dockerharden.source.places import Places
from pytest_dockerharden.source.shell import expansion

if TYPE_CHECKING:
    from tree_sitter import Node

Variables = Mapping[str, str | None]


class Text:
    """``text`` stands at ``place``; nodes are those of the tree made from ``source``."""

    __slots__ = ("_characters", "place", "source", "text")

    def __init__(self, text: str, place: Places) -> None:
        self.text, self.place = text, place
        self.source = text.encode("utf-8", "replace")
        self._characters = None if len(self.source) == len(text) else _character_offsets(text)

    def span(self, node: Node) -> tuple[int, int]:
        start, end = node.start_byte, node.end_byte
        characters = self._characters
        return (start, end) if characters is None else (characters[start], characters[end])

    def cut(self, start: int, end: int) -> str:
        """The text between two byte offsets."""
        characters = self._characters
        return self.text[start:end] if characters is None else self.text[characters[start] : characters[end]]

    def of(self, node: Node) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def word(self, node: Node, value: str | None) -> Word:
        start, end = self.word_span(node)
        return Word(self.text[start:end], value, self.place.origin(start, end))

    def word_span(self, node: Node) -> tuple[int, int]:
        """Without the line break that a word in broken text may end in."""
        start, end = self.span(node)
        while end > start and self.text[end - 1] == "\n":
            end -= 1
        return start, end

    def words(self, node: Node, variables: Variables) -> list[Word]:
        """What one word becomes; several where a variable holds several."""
        start, end = self.word_span(node)
        raw, origin = self.text[start:end], self.place.origin(start, end)
        if expansion.PLAIN.fullmatch(raw):
            return [Word(raw, raw, origin)]
        return [Word(raw, value, origin) for value in expansion.fields(node, self.cut, variables)]

    def unsplit(self, node: Node, variables: Variables) -> Word:
        """A word that stays one: an assignment, the target of a redirection."""
        return self.word(node, expansion.joined(node, self.cut, variables))

    def literal(self, node: Node) -> tuple[str, Places] | None:
        """The text of a quoted word that another shell will read, and its places."""
        found = expansion.literal(node, self.cut)
        return None if found is None else (found[0], self.place.from_(self.span(node)[0]).pick(found[1]))

    def pair(self, node: Node, variables: Variables) -> tuple[str, Word]:
        """Name and value of an assignment; ``A+=x`` and arrays have no known value."""
        name, operator, *value = node.children
        if not value:
            end = self.span(node)[1]
            return self.of(name), Word("", "", self.place.origin(end, end))
        if operator.type != "=" or value[0].type == "array" or name.type != "variable_name":
            return self.of(name), self.word(value[0], None)
        return self.of(name), self.unsplit(value[0], variables)


def _character_offsets(text: str) -> list[int]:
    """For each byte of the UTF-8 form, and its end, the index of the character it belongs to."""
    offsets = []
    for index, char in enumerate(text):
        offsets.extend([index] * len(char.encode("utf-8", "replace")))
    return [*offsets, len(text)]
