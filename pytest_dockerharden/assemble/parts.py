"""The texts of the project that reach a container: commands, scripts, nginx configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pytest_dockerharden.assemble.reaching import files_in_container
from pytest_dockerharden.assemble.sources import Sources
from pytest_dockerharden.model.nginx import NginxConfig
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.shell import EMPTY_SCRIPT, Script, Scripts, Word
from pytest_dockerharden.source.places import Places

_NGINX_FOLDERS = ("/etc/nginx/", "/usr/local/nginx/conf/", "/usr/local/openresty/nginx/conf/")
_NGINX_NAME = re.compile(r"\.(?:conf|template)(?:\.[\w.-]+)?$|/sites-(?:available|enabled)/[^/]+$")
_SHEBANG = re.compile(r"#!\s*\S*/(?:env\s+)?(?:ba|da|a|k|z)?sh\b")


def attach_parts(service: Service, sources: Sources) -> None:
    """Give a service its means to read commands, and the scripts and nginx configurations that reach its container."""
    reaching = dict(files_in_container(service, sources))
    service.nginx = tuple(_nginx(reaching, sources))
    service.scripts = _scripts(reaching, sources)
    service.source_text = sources.span
    service.parse_command = lambda node: parse_command_node(node, sources)


def _nginx(reaching: Mapping[str, str], sources: Sources) -> Iterator[NginxConfig]:
    for target, path in reaching.items():
        if not target.startswith(_NGINX_FOLDERS) or not _NGINX_NAME.search(target):
            continue
        text = sources.text(path)
        if text is not None:
            from pytest_dockerharden.source import nginx

            yield nginx.parse(text, path, "main" if target.endswith("/nginx.conf") else "")


def _scripts(reaching: Mapping[str, str], sources: Sources) -> Scripts:
    found = {}
    for target, path in reaching.items():
        name = target.rsplit("/", 1)[-1]
        if name.endswith(".sh") or "." not in name:
            text = sources.text(path) or ""
            if name.endswith(".sh") or _SHEBANG.match(text):
                found[target] = (path, text)
    return Scripts(found, _parse_script)


def _parse_script(path: str, text: str) -> Script:
    from pytest_dockerharden.source import shell  # the shell grammar costs 30 ms to import

    return shell.parse(text, Places.of_lines(path, text.split("\n")))


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
