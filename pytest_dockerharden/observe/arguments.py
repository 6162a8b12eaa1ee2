"""Arguments of processes, without the secrets in them."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_dockerharden.model.secrets import MASK, is_literal_secret, mask

# a shorter value is too often a word of something else
SHORTEST = 6


def secret_values(environment: Iterable[str]) -> dict[str, str]:
    """Names of variables by the credential that they hold; ``environment`` has ``NAME=value``."""
    pairs = (entry.partition("=")[::2] for entry in environment)
    return {value: name for name, value in pairs if len(value) >= SHORTEST and is_literal_secret(name, value)}


def masked(argv: tuple[str, ...], secrets: dict[str, str]) -> tuple[tuple[str, ...], str]:
    """Arguments to show, and what holds a credential in them: an option, or the name of a variable."""
    holder = ""
    words = []
    for word in argv:
        for value, name in secrets.items():
            if value in word:
                word, holder = word.replace(value, MASK), holder or f"the value of {name}"
        words.append(word)
    line = " ".join(words)
    shown = "\n".join(mask(part) for part in line.split("\n"))
    if shown == line:
        return tuple(words), holder
    before = shown.partition(MASK)[0].rstrip(" =\"'")
    return tuple(shown.split(" ")), holder or (before.rsplit(" ", 1)[-1].rsplit("/", 1)[-1] or "an argument")
