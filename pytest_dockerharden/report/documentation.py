"""What is known of a control, as Markdown and as plain text, for reports that explain what they show."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from pytest_dockerharden.model.control import Control


def sections(control: Control, cis: Iterable[str] | None = None) -> list[str]:
    """``priority P1``, ``CIS 5.13``, ``OWASP RULE 8``, ``NIST 800-190 4.4.4``: who asks for it, and where.

    ``cis`` are those of a finding, where a control speaks of several.
    """
    numbered = {"CIS": control.cis if cis is None else cis, "OWASP": control.owasp, "NIST 800-190": control.nist}
    marks = [f"{benchmark} {number}" for benchmark, numbers in numbered.items() for number in numbers]
    return [*filter(None, [control.priority]), *marks]


@functools.cache
def as_markdown(control: Control) -> str:
    """Title, why, examples and sections."""
    documentation = control.documentation
    parts = [f"**{documentation.title}**", documentation.why]
    for name, examples in (("Bad", documentation.bad), ("Good", documentation.good)):
        parts += [f"{name}:\n\n{fenced(example, language(example))}" for example in examples]
    parts.append(", ".join(sections(control)))
    if control.equivalents:
        peers = [f"- {peer}: {', '.join(identifiers)}" for peer, identifiers in sorted(control.equivalents.items())]
        parts.append("Known elsewhere as\n\n" + "\n".join(peers))
    return "\n\n".join(filter(None, parts))


@functools.cache
def as_text(control: Control) -> str:
    """Title and why."""
    documentation = control.documentation
    return "\n\n".join(filter(None, (documentation.title, documentation.why)))


def language(example: str) -> str:
    """``yaml``, ``json`` (of the engine's ``daemon.json``) or ``dockerfile``; what has no services is a Dockerfile."""
    if example.startswith("{"):
        return "json"
    return "yaml" if "services:" in example else "dockerfile"


def fenced(text: str, syntax: str = "") -> str:
    """A Markdown code block that no text in it can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{syntax}\n{text.rstrip()}\n{fence}"
