"""Which compose files are run together: override files as Compose pairs them, overlays by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.paths import read_text

_NAME = pattern(r"(?P<stem>(?:docker-)?compose)(?:[._-](?P<suffix>.+))?\.ya?ml$", re.IGNORECASE)
_BLOCK = pattern(r"^services[ \t]*:[ \t]*(?:#.*)?$", re.MULTILINE)
_KEY = pattern(r"^(?P<indent> +)(?P<key><<|[\"']?[\w.-]+[\"']?)[ \t]*:(?=\s|$)")
# examples of what a scanner reports and does not: nobody runs them on top of another file
_EXAMPLE = pattern(
    r"(?:positive|negative|bad|good|vuln(?:erable)?|(?:non)?compliant|fail(?:ed|ing|s)?|pass(?:ed|ing|es)?|(?:in)?valid)"
    r"(?:[\d._-].*)?",
    re.IGNORECASE,
    needs=("tive", "bad", "good", "vuln", "compliant", "fail", "pass", "valid"),
)
# what makes a service complete on its own
_SELF_SUFFICIENT = frozenset({"image", "build", "extends", "<<"})


@dataclass(slots=True, eq=False)
class Pairing:
    """Files run together, in merge order, and what to call them; the first one is the base."""

    name: str
    files: tuple[str, ...]


def pair(files: Sequence[str]) -> list[Pairing]:
    """Pair the compose files of each folder.

    ``compose.override.yaml`` goes with the folder's default file, ``docker-compose.prod.yml`` with
    ``docker-compose.yml`` unless it is complete on its own, also where that file is not among ``files``: what
    pre-commit names is what has changed. Every file is in at least one pairing.
    """
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(os.path.dirname(file), []).append(file)
    return [pairing for folder, group in folders.items() for pairing in _pair_named(folder, group)]


def _pair_named(folder: str, named: list[str]) -> list[Pairing]:
    if any(_suffix(file) is None for file in named) or not any(map(_suffix, named)):
        return _pair_folder(named)
    found = _pair_folder([*_bases_in(folder), *named])
    return [pairing for pairing in found if pairing.files[-1] in named]


def _bases_in(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [os.path.join(folder, name) for name in sorted(names) if _suffix(name) is None]


def _pair_folder(files: list[str]) -> list[Pairing]:
    bases = sorted((file for file in files if _suffix(file) is None), key=_precedence)
    if not bases:
        return [Pairing("", (file,)) for file in files]
    named = {_stem(base): base for base in reversed(bases)}
    overlays: dict[str, list[Pairing]] = {base: [] for base in bases}
    alone = []
    for file in files:
        suffix = _suffix(file)
        if suffix is None:
            continue
        # compose takes the override file of either spelling for the folder's default file
        base = bases[0] if suffix == "override" else named.get(_stem(file), bases[0])
        if suffix == "override" or _is_overlay(file, base):
            overlays[base].append(Pairing(suffix, (base, file)))
        else:
            alone.append(Pairing("", (file,)))
    return [pairing for base in bases for pairing in _with_base(base, overlays[base])] + alone


def _with_base(base: str, overlays: list[Pairing]) -> list[Pairing]:
    names = [overlay.name for overlay in overlays]
    if not overlays or names == ["override"]:
        return [Pairing("", overlays[0].files if overlays else (base,))]
    # with an override file at hand Compose never runs the base alone, unless it is told to
    return [*([] if "override" in names else [Pairing("base", (base,))]), *overlays]


def _suffix(file: str) -> str | None:
    match = _NAME.fullmatch(os.path.basename(file))
    return match["suffix"] if match else ""


def _stem(file: str) -> str:
    match = _NAME.fullmatch(os.path.basename(file))
    return match["stem"].lower() if match else ""


def _precedence(file: str) -> tuple[bool, bool]:
    # compose-go: compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml
    docker = _stem(file) == "docker-compose"
    return docker, file.endswith(".yaml") is docker


def _is_overlay(file: str, base: str) -> bool:
    suffix = _suffix(file)
    if not suffix or _EXAMPLE.fullmatch(suffix):
        return False
    services = _services(file)
    if not all(keys & _SELF_SUFFICIENT for keys in services.values()):
        return True
    base_services = set(_services(base))
    return set(services) < base_services or not services


def _services(file: str) -> dict[str, set[str]]:
    """Names of the services and of their keys, by indentation alone; nothing for a file in flow style."""
    text = read_text(file)
    start = _BLOCK.search(text)
    found: dict[str, set[str]] = {}
    service_indent = key_indent = 0
    for line in text[start.end() :].splitlines() if start else ():
        if line[:1].strip() and not line.startswith("#"):
            break
        match = _KEY.match(line)
        if not match:
            continue
        indent = len(match["indent"])
        if not found or indent == service_indent:
            service_indent, key_indent = indent, 0
            keys = found.setdefault(match["key"].strip("\"'"), set())
        elif indent > service_indent and key_indent in (0, indent):
            key_indent = indent
            keys.add(match["key"])
    return found
