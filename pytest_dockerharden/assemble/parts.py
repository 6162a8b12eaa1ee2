"""The texts of the project that reach a container: commands, scripts, nginx configurations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from posixpath import join, normpath

from pytest_dockerharden.assemble.reaching import Copied, Placed, Reaching
from pytest_dockerharden.assemble.sources import Sources
from pytest_dockerharden.model.nginx import NginxConfig
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.shell import EMPTY_SCRIPT, Script, Scripts, Word

_NGINX_FOLDERS = ("/etc/nginx", "/usr/local/nginx/conf", "/usr/local/openresty/nginx/conf")
_NGINX_NAME = pattern(r"\.(?:conf|template)(?:\.[\w.-]+)?$|/sites-(?:available|enabled)/[^/]+$")
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_FILE_NAME = pattern(r"[\w@%+.,/-]+")
_MOST_NAMES = 200
_SHEBANG = pattern(r"#!\s*\S*/(?:env\s+)?(?:ba|da|a|k|z)?sh\b")


class Parts:
    """What reaches containers, looked for once where services, or the combinations of one, do not differ in it."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._copied = Copied(sources)
        self._nginx: dict[tuple[Placed, ...], tuple[NginxConfig, ...]] = {}
        self._scripts: dict[tuple[tuple[Placed, ...], str, tuple[str, ...]], Scripts] = {}

    def attach(self, service: Service) -> None:
        """Give a service its means to read commands, and the scripts and nginx files that reach its container."""
        reaching = Reaching(service, self.sources, self._copied)
        if reaching.placed:
            if reaching.placed not in self._nginx:
                self._nginx[reaching.placed] = tuple(_nginx(reaching, self.sources))
            service.nginx = self._nginx[reaching.placed]
            folder, names = _working_dir(service), tuple(dict.fromkeys(islice(_named(service), _MOST_NAMES)))
            looked_for = reaching.placed, folder, names
            if looked_for not in self._scripts:
                self._scripts[looked_for] = _scripts(folder, names, reaching, self.sources)
            service.scripts = self._scripts[looked_for]
        service.source_text = self.sources.span
        service.parse_command = lambda node: parse_command_node(node, self.sources)


def _nginx(reaching: Reaching, sources: Sources) -> Iterator[NginxConfig]:
    for placed in (placed for folder in _NGINX_FOLDERS for placed in reaching.under(folder)):
        if not _NGINX_NAME.search(placed.target):
            continue
        text = _text(placed, sources)
        if text is not None:
            yield sources.nginx(text, placed.path, "main" if placed.target.endswith("/nginx.conf") else "")


def _text(placed: Placed, sources: Sources) -> str | None:
    return sources.text(placed.path) if placed.text is None else placed.text


def _scripts(folder: str, names: Iterable[str], reaching: Reaching, sources: Sources) -> Scripts:
    """The scripts among ``names``, each a path below ``folder``, or found along PATH."""
    found = {}
    for name in names:
        places = [folder, *_PATH] if "/" not in name else [folder]
        for place in (normpath(join(place, name)) for place in places):
            placed = reaching.find(place)
            text = _text(placed, sources) if placed else None
            if placed and text and (name.endswith(".sh") or _SHEBANG.match(text.lstrip("\n"))):
                found[place] = (placed.path, text)
                break
    return Scripts(found, sources.script)


def _named(service: Service) -> Iterator[str]:
    """Every word of the commands that may be the name of a file."""
    texts = [item.text() for key in ("entrypoint", "command", "healthcheck.test") for item in service.items(key)]
    for instruction in service.stage.inherited("ENTRYPOINT", "CMD", "HEALTHCHECK") if service.stage else ():
        texts += [word.text for word in instruction.words] or [instruction.text]
    return (name for text in texts for name in _FILE_NAME.findall(text))


def _working_dir(service: Service) -> str:
    folder = "/"
    for instruction in service.stage.inherited("WORKDIR") if service.stage else ():
        folder = join(folder, instruction.words[0].text) if instruction.words else folder
    return join(folder, service.text("working_dir"))


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
