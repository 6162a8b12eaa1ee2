"""What looks like a secret, and how to show a line that holds one."""

from __future__ import annotations


def is_secret_name(name: str) -> bool:
    """Whether a variable, build argument or key of this name holds a credential."""
    raise NotImplementedError


def mask(text: str) -> str:
    """The text with every value that looks like a secret replaced by ``***``; columns before it stay as they are."""
    raise NotImplementedError
