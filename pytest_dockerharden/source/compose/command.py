"""Command lines as Docker Compose splits them: quotes and backslashes, but no shell."""

from __future__ import annotations

_OPERATORS = frozenset(";&|<>")
_SPACES = frozenset(" \t\r\n")
_ESCAPED = {"n": "\n", "t": "\t"}


def split_command(text: str) -> list[str]:
    """The words of a ``command`` or ``entrypoint`` written as one text.

    There is no shell: from the first unquoted ``;``, ``&``, ``|``, ``<`` or ``>`` on, the text is dropped.
    Raises ValueError where a quote or a parenthesis is not closed.
    """
    return _split(text)[0]


def dropped_part(text: str) -> str:
    """What ``split_command`` drops: empty, or the rest of the text from an operator on."""
    try:
        return text[_split(text)[1] :]
    except ValueError:
        return ""


def _split(text: str) -> tuple[list[str], int]:
    words: list[str] = []
    word: list[str] = []
    begun = escaped = False
    quote = ""
    for index, char in enumerate(text):
        if escaped:
            word.append(_ESCAPED.get(char, char))
            escaped, begun = False, True
        elif char == "\\":
            escaped = quote != "'"
            word += () if escaped else char
        elif char in _SPACES:
            if quote:
                word.append(char)
            elif begun:
                words.append("".join(word))
                word, begun = [], False
        elif (after := _toggled(quote, char, word[-1:] == ["$"])) is not None:
            quote, kept = after
            word += kept
            begun = begun or not quote or bool(kept)
        elif char in _OPERATORS and not quote:
            if char == ">" and word and word[0].isdigit():
                begun = False
            return _closed(words, word, begun, False), index
        else:
            word.append(char)
            begun = True
    return _closed(words, word, begun, escaped or bool(quote)), len(text)


def _toggled(quote: str, char: str, behind_dollar: bool) -> tuple[str, str] | None:
    """The quote that is open after ``char`` and the text it adds; None where ``char`` is an ordinary character."""
    if char == '"' and quote in {"", '"', "`"}:
        return ("" if quote == '"' else '"'), ""
    if char == "'" and quote in {"", "'", "`"}:
        return ("" if quote == "'" else "'"), ""
    if char == "`" and quote in {"", "`"}:
        return ("" if quote else "`"), char
    if char == ")" and quote in {"", "("}:
        return ("" if quote else "("), char
    if char == "(" and quote in {"", "("}:
        if quote or not behind_dollar:
            raise ValueError("an unquoted parenthesis: there is no shell to run it")
        return "(", char
    return None


def _closed(words: list[str], word: list[str], begun: bool, open_quote: bool) -> list[str]:
    if open_quote:
        raise ValueError("a quote, a backslash or a parenthesis is not closed")
    return [*words, "".join(word)] if begun else words
