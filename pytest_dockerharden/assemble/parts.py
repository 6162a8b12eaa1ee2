"""The texts of the project that reach a container: commands, scripts, nginx configurations."""

from __future__ import annotations

from pytest_dockerharden.assemble.sources import Sources
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.shell import EMPTY_SCRIPT, Script, Word


def attach_parts(service: Service, sources: Sources) -> None:
    """Give a service its means to read commands, and the scripts and nginx configurations that reach its container."""
    service.source_text = sources.span
    service.parse_command = lambda node: parse_command_node(node, sources)


def parse_command_node(node: Node, sources: Sources) -> Script:
    """What a canonical ``command``, ``entrypoint`` or ``healthcheck.test`` runs."""
    from pytest_dockerharden.source import shell  # the shell grammar costs 30 ms to import

    items = list(node)
    if not items or items[0].text() == "NONE":
        return EMPTY_SCRIPT
    if items[0].text() == "CMD-SHELL" and len(items) > 1:
        return shell.parse_text(items[1].text(), items[1].origin, sources.text(items[1].origin.file))
    words = items[1:] if items[0].text() == "CMD" else items
    return shell.parse_command([_word(item) for item in words])


def _word(item: Node) -> Word:
    return Word(item.text(), None if item.unresolved else item.text(), item.origin)
