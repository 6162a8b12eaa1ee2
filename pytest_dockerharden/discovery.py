"""Which compose files and Dockerfiles there are: a walk of our own, because pytest's leaves out ``build/`` and more."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.paths import read_bytes
from pytest_dockerharden.source.gitignore import Matcher, matcher
from pytest_dockerharden.source.reading import read_lines

Kind = Literal["compose", "Dockerfile"]

_COMPOSE_NAME = pattern(r"(docker-)?compose([._-].*)?\.ya?ml$", re.IGNORECASE, needs=("compose",))
_DOCKERFILE_NAME = pattern(
    r"((docker|container)file([._-].*)?|.*[._-](docker|container)file)$", re.IGNORECASE, needs=("file",)
)
# Dockerfile.md is a text about one, Dockerfile.dockerignore an ignore file; their content decides
_OTHER_SUFFIX = pattern(
    r"\.(dockerignore|md|rst|adoc|html?|py|go|[jt]sx?|rb|java|sh|ya?ml|json|toml|orig|rej|bak|swp)$|~$", re.IGNORECASE
)
# looked into: no suffix at all, or one that people give to build files
_OF_BUILD_FILES = (".docker", ".build", ".image", ".oci")
_TEMPLATE_SUFFIX = pattern(r"(?<=.)\.(j2|jinja2?|te?mpl|tpl|template|gotmpl|erb|in)$", re.IGNORECASE)
_PRUNED = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
)
_DEPENDENCIES = frozenset({"node_modules", "site-packages", ".terraform", ".eggs"})
_HEAD = 65_536

_SERVICES = pattern(rb"^(?:services|\"services\"|'services')[ \t]*:", re.MULTILINE)
_SERVICES_OF_JSON = pattern(rb"\A\s*\{(?:[^{}\[\]]*,)?\s*\"services\"\s*:")
_IMAGE_OR_BUILD = pattern(rb"^[ \t{]+(?:image|build|extends)[ \t]*:", re.MULTILINE)
_OTHER_YAML = pattern(
    rb"^(?:jobs|on|stages|pipelines|pipeline|steps|apiVersion|before_script|language|workflow|\.[\w-]+)[ \t]*:",
    re.MULTILINE,
)
_FROM = pattern(rb"^[ \t]*FROM[ \t]+(?:--platform=\S+[ \t]+)?\S+(?:[ \t]+AS[ \t]+\S+)?[ \t]*\r?$", re.M | re.I)
_INSTRUCTION = pattern(rb"^[ \t]*(?:RUN|COPY|ADD|CMD|ENTRYPOINT|WORKDIR|ENV|EXPOSE|USER|LABEL)[ \t]", re.M | re.I)
_FIRST_INSTRUCTION = pattern(rb"\A(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*(?:FROM|ARG)[ \t]", re.I)


@dataclass(slots=True)
class Discovery:
    """What a walk found. Paths are absolute; ``not_visited`` maps a path to the reason why it was left out."""

    compose: list[str] = field(default_factory=list)
    dockerfiles: list[str] = field(default_factory=list)
    not_visited: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, kind: Kind) -> None:
        (self.compose if kind == "compose" else self.dockerfiles).append(path)

    def files(self) -> list[str]:
        return [*self.compose, *self.dockerfiles]


def discover(directories: Sequence[str], files: Sequence[str] = (), *, ignored: Sequence[str] = ()) -> Discovery:
    """The compose files and Dockerfiles below ``directories``, and ``files`` themselves, whatever they are called.

    Git-ignored paths, ``ignored`` patterns (gitignore syntax, relative to each directory), virtual environments and
    dependency folders are left out of the walk, and said so. Symlinked folders are not entered.
    """
    found = Discovery()
    seen: set[str] = set()
    for path in files:
        if path not in seen:
            seen.add(path)
            found.add(path, kind_of_file(path, named=True) or "Dockerfile")
    for directory in directories:
        for path, kind in _walk(directory, found.not_visited, ignored):
            if path not in seen:
                seen.add(path)
                found.add(path, kind)
    return found


def kind_of_file(path: str, *, named: bool = False) -> Kind | None:
    """What a file is, by its name, else by its content. ``named``: a user pointed at it, so its suffix is enough."""
    name = os.path.basename(path)
    if named:
        name = _TEMPLATE_SUFFIX.sub("", name)
    kind = kind_of_name(name)
    if kind:
        return kind
    if name.lower().endswith((".yml", ".yaml")):
        return "compose" if named or _is_compose(path) else None
    if named and _has_services(path) and not _is_dockerfile(path):
        return "compose"
    maybe = "." not in name or name.lower().endswith(_OF_BUILD_FILES)
    if named or maybe or _DOCKERFILE_NAME.match(name):
        return "Dockerfile" if _is_dockerfile(path) else None
    return None


def kind_of_name(name: str) -> Kind | None:
    """What a file is where its name alone tells."""
    if name == "Dockerfile":
        return "Dockerfile"  # the usual one needs no pattern
    if _COMPOSE_NAME.match(name):
        return "compose"
    return "Dockerfile" if _DOCKERFILE_NAME.match(name) and not _OTHER_SUFFIX.search(name) else None


def _walk(directory: str, not_visited: dict[str, str], ignored: Sequence[str]) -> Iterator[tuple[str, Kind]]:
    queue = [(directory, _IgnoreRules.above(directory, ignored))]
    while queue:
        folder, rules = queue.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            not_visited[folder] = error.strerror or "not readable"
            continue
        if any(entry.name == ".gitignore" for entry in entries):
            rules = rules.with_file(os.path.join(folder, ".gitignore"))
        folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        not_visited.update({entry.path: "a directory" for entry in folders if kind_of_name(entry.name) == "compose"})
        yield from _files([entry for entry in entries if not os.path.isdir(entry.path)], rules, not_visited)
        for entry in reversed(folders):
            reason = _why_pruned(entry, rules)
            if reason is None:
                queue.append((entry.path, rules))
            elif reason:
                not_visited[entry.path] = reason


def _files(
    entries: list[os.DirEntry[str]], rules: _IgnoreRules, not_visited: dict[str, str]
) -> Iterator[tuple[str, Kind]]:
    for entry in entries:
        kind = _kind_of_entry(entry)
        if kind and rules.match(entry.path, is_dir=False):
            not_visited[entry.path] = "ignored"
        elif kind:
            yield entry.path, kind


def _kind_of_entry(entry: os.DirEntry[str]) -> Kind | None:
    # a dangling symlink named Dockerfile is one: it is reported as not readable (and one in a circle has no type)
    return kind_of_name(entry.name) or (kind_of_file(entry.path) if os.path.isfile(entry.path) else None)


def _why_pruned(entry: os.DirEntry[str], rules: _IgnoreRules) -> str | None:
    """Why a folder is left out; empty where nobody could expect it to be visited."""
    if entry.name in _PRUNED:
        return ""
    if entry.name in _DEPENDENCIES:
        return "dependencies"
    if rules.match(entry.path, is_dir=True):
        return "ignored"
    if os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
        return "virtual environment"
    return None


def _head(path: str) -> bytes:
    try:
        return read_bytes(path, _HEAD)
    except (OSError, ValueError):
        return b""


def _is_compose(path: str) -> bool:
    if f"{os.sep}.github{os.sep}" in path or os.path.basename(path).startswith(".gitlab-ci"):
        return False
    head = _head(path)
    return bool(_SERVICES.search(head) and _IMAGE_OR_BUILD.search(head) and not _OTHER_YAML.search(head))


def _has_services(path: str) -> bool:
    """Whether a file that a user points at has what makes a compose file."""
    head = _head(path)
    return bool(_SERVICES.search(head) or _SERVICES_OF_JSON.match(head))


def _is_dockerfile(path: str) -> bool:
    head = _head(path)
    return bool(
        b"\0" not in head and _FIRST_INSTRUCTION.match(head) and _FROM.search(head) and _INSTRUCTION.search(head)
    )


@dataclass(slots=True, eq=False)
class _IgnoreRules:
    """The ``.gitignore`` files in force in a folder, outermost first, each with the folder it stands in."""

    specs: tuple[tuple[str, Matcher], ...] = ()

    @classmethod
    def above(cls, directory: str, patterns: Sequence[str]) -> _IgnoreRules:
        """Those of the folders above, up to the checkout, and ``patterns``."""
        rules = cls()
        for folder in _folders_of_checkout(directory):
            rules = rules.with_file(os.path.join(folder, ".gitignore"))
        return rules.with_patterns(directory, patterns) if patterns else rules

    def with_file(self, path: str) -> _IgnoreRules:
        return self.with_patterns(os.path.dirname(path), read_lines(path))

    def with_patterns(self, folder: str, patterns: Sequence[str]) -> _IgnoreRules:
        if not any(line.strip() and not line.startswith("#") for line in patterns):
            return self
        return _IgnoreRules((*self.specs, (folder, matcher(patterns))))

    def match(self, path: str, *, is_dir: bool) -> bool:
        """Whether the innermost file that speaks of this path ignores it."""
        for folder, ignores in reversed(self.specs):
            relative = os.path.relpath(path, folder).replace(os.sep, "/") + ("/" if is_dir else "")
            verdict = ignores(relative)
            if verdict is not None:
                return verdict
        return False


def _folders_of_checkout(directory: str) -> list[str]:
    """The folders strictly above ``directory`` up to the one that holds ``.git``; none outside a checkout."""
    if os.path.exists(os.path.join(directory, ".git")):
        return []
    above: list[str] = []
    folder = directory
    while (parent := os.path.dirname(folder)) != folder:
        folder = parent
        above.insert(0, folder)
        if os.path.exists(os.path.join(folder, ".git")):
            return above
    return []


def checkout_of(directory: str) -> str | None:
    """The folder of the checkout that ``directory`` lies in."""
    folder = directory
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder
