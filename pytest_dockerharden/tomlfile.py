"""Read TOML, and say clearly what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

from pytest_dockerharden.paths import LIMIT, read_bytes


class ConfigurationError(Exception):
    """A mistake of the user's in a configuration, suite or waiver; its text names the file and the key."""


def read_toml(path: str) -> dict[str, Any]:
    """The tables of a TOML file. Raises :class:`ConfigurationError`."""
    try:
        return parse_toml(read_bytes(path, LIMIT).decode(), path)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: it is not UTF-8 text") from None


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a text that is TOML. Raises :class:`ConfigurationError`."""
    # a project without a configuration has no TOML to read, and the parser costs 4 ms to import
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table: dict[str, Any] = tomllib.loads(text)
        return table
    except RecursionError:
        raise ConfigurationError(f"{where}: nested too deep") from None
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def table_of(value: Any, where: str) -> dict[str, Any]:
    """``value`` itself, if it is a table."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where}: a table is needed here")
    return value


def check_keys(value: Any, allowed: Collection[str], where: str) -> dict[str, Any]:
    """``value`` itself, if it is a table without other keys. A typo would switch a check off without a word."""
    table = table_of(value, where)
    for key in table:
        if key not in allowed:
            raise ConfigurationError(f"{where}: unknown key `{key}`{did_you_mean(key, allowed)}")
    return table


def strings(value: Any, where: str) -> tuple[str, ...]:
    """A list of strings, or one string."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ConfigurationError(f"{where}: a list of strings is needed here")
    return tuple(items)


def did_you_mean(word: str, words: Collection[str]) -> str:
    """A suggestion to append to a message, empty where nothing is near."""
    import difflib  # only a mistake needs it

    near = difflib.get_close_matches(word, words, 1)
    return f"; did you mean `{near[0]}`?" if near else ""
