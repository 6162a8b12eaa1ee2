"""The users and groups a build creates, and the few that public images are known to have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import Reference, parse_reference
from pytest_dockerharden.predict.layers import Layers

_SEPARATOR = pattern(r"&&|\|\||[;|\n]")
_TOOLS = frozenset({"useradd", "adduser", "usermod", "groupadd", "addgroup", "groupmod"})
_TOOL = pattern(r"\b(?:useradd|adduser|usermod|groupadd|addgroup|groupmod)\b")
_NUMBER = pattern(r"[0-9]{1,10}")
_VARIABLE = pattern(r"\$(?:(\w+)|\{(\w+)(?::?-([^${}]*))?\})", re.ASCII, needs=("$",))
# options that take a value and say nothing of interest here
_OTHER_VALUES = frozenset(
    """
    -d -s -c -k -b -e -f -K -p -Z -R -P -h -l --home --home-dir --shell --comment --gecos --skel --base-dir --conf
    --expiredate --inactive --key --password --root --prefix --firstuid --lastuid --login --groups
    """.split()  # noqa: SIM905 - a list of 30 strings reads worse
)
_UID = frozenset({"-u", "--uid"})


@dataclass(frozen=True, slots=True)
class Account:
    """A user. ``uid`` or ``gid`` None where nothing tells it; ``places`` are the instructions that made it."""

    uid: int | None
    gid: int | None
    places: tuple[Origin, ...] = ()


class Accounts:
    """Who is in /etc/passwd and /etc/group of the image, as far as text tells."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._image_users = layers.image.users if layers.image else {}
        self._users: dict[str, Account] = {}
        self._groups: dict[str, int | None] = {}
        for instruction in layers.of("RUN"):
            texts = (instruction.text, *(heredoc.body for heredoc in instruction.heredocs))
            for text in texts:
                if _TOOL.search(text):
                    self._read(text, instruction)

    def _read(self, text: str, instruction: Instruction) -> None:
        for line in _SEPARATOR.split(text.replace("\\\n", " ")):
            words = _words(line)
            tool = next((n for n, word in enumerate(words) if word.rsplit("/", 1)[-1] in _TOOLS), None)
            if tool is not None:
                name = words[tool].rsplit("/", 1)[-1]
                arguments = [_expanded(word, instruction.environment) for word in words[tool + 1 :]]
                if name in {"useradd", "adduser", "usermod"}:
                    self._add_user(name, arguments, instruction)
                else:
                    self._add_group(name, arguments)

    def _add_group(self, tool: str, arguments: list[str]) -> None:
        options, names = _parse(arguments, frozenset({"-g", "--gid"}) | _OTHER_VALUES)
        if tool == "addgroup" and len(names) > 1:  # ``addgroup user group`` adds a member
            return
        if names:
            self._groups[names[-1]] = _integer(options.get("-g") or options.get("--gid"))

    def _add_user(self, tool: str, arguments: list[str], instruction: Instruction) -> None:
        debian = any(word.startswith("--") for word in arguments)
        # busybox: -G is the primary group and -g a comment; useradd: -g is the primary group, -G the others
        group_options = ("-G",) if tool == "adduser" and not debian else ("-g", "--gid", "--ingroup")
        options, names = _parse(arguments, _UID | {"-g", "-G", "--gid", "--ingroup"} | _OTHER_VALUES)
        if not names:
            return
        name = names[0] if tool == "adduser" else names[-1]
        if tool == "adduser" and len(names) > 1 and name in self._users:
            return
        uid = _integer(options.get("-u") or options.get("--uid"))
        group = next((options[option] for option in group_options if option in options), None)
        gid = self.gid(group) if group is not None else None if _shared_group(tool, arguments) else uid
        self._users[name] = (
            self._changed(name, uid, gid, instruction)
            if tool == "usermod"
            else Account(uid, gid, (instruction.origin,))
        )

    def _changed(self, name: str, uid: int | None, gid: int | None, instruction: Instruction) -> Account:
        before = self.user(name) or Account(None, None)
        places = (*before.places, instruction.origin)
        return replace(before, uid=before.uid if uid is None else uid, gid=before.gid, places=places)

    def user(self, name: str) -> Account | None:
        """The user of that name."""
        if name in self._users:
            return self._users[name]
        if name in self._image_users:
            return Account(*self._image_users[name])
        ids = _well_known(name, parse_reference(self._layers.base)) if self._layers.base else None
        return Account(*ids) if ids else None

    def name(self, uid: int) -> str:
        """The name of a uid, empty where it is not known."""
        if uid == 0:
            return "root"
        own = next((name for name, account in self._users.items() if account.uid == uid), "")
        return own or next((name for name, ids in self._image_users.items() if ids[0] == uid), "")

    def gid(self, group: str) -> int | None:
        """The gid of a group, given by name or number."""
        if _NUMBER.fullmatch(group):
            return int(group)
        if group == "root":
            return 0
        if group in self._groups:
            return self._groups[group]
        account = self.user(group)  # a private group has its user's name
        return account.gid if account and account.gid == account.uid else None

    def primary_gid(self, user: str) -> int | None:
        """The group of a ``user:`` without one: the passwd entry's, and 0 for a uid that has no entry."""
        name = user if not _NUMBER.fullmatch(user) else self.name(int(user))
        if name in {"root", "toor"}:
            return 0
        if name:
            account = self.user(name)
            return account.gid if account else None
        if self._image_users and all(account.uid is not None for account in self._users.values()):
            return 0
        # distributions and images hand out ids up to 1000; a higher one is nobody's unless the build made it
        taken = int(user) <= 1000 or any(account.uid is None for account in self._users.values())
        return None if taken else 0


def _expanded(word: str, environment: Mapping[str, str | None]) -> str:
    """``$NAME``, ``${NAME}`` and ``${NAME:-default}``; what is not known becomes empty."""
    return _VARIABLE.sub(lambda found: environment.get(found[1] or found[2]) or found[3] or "", word)


@lru_cache(maxsize=256)  # services share stages, and stages are read again for each combination
def _words(line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line))
    except ValueError:
        return ()


def _parse(arguments: list[str], with_value: frozenset[str]) -> tuple[dict[str, str], list[str]]:
    """Options with their values, and the other words. ``-ru 1000`` counts as ``-u``."""
    options: dict[str, str] = {}
    names: list[str] = []
    words: Iterator[str] = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if not word.startswith("-"):
            names.append(word)
        elif equals:
            options[option] = value
        else:
            key = word if word.startswith("--") else f"-{word[-1]}"
            if key in with_value:
                options[key] = next(words, "")
    return options, names


def _shared_group(tool: str, arguments: list[str]) -> bool:
    """Whether the user gets no group of its own: ``useradd -N``, system users of adduser."""
    shorts = "".join(word[1:] for word in arguments if re.fullmatch(r"-[A-Za-z]+", word))
    if tool == "useradd":
        return "N" in shorts or "--no-user-group" in arguments
    return "S" in shorts or "--system" in arguments


def _integer(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None


def _well_known(name: str, image: Reference) -> tuple[int, int] | None:
    """Users that the Debian and Alpine bases and some official images have."""
    alpine = "alpine" in image.tag or image.familiar == "alpine"
    if name in {"nobody", "nogroup"}:
        return 65534, 65534
    if name == "www-data":
        return (82, 82) if alpine else (33, 33)
    if name == "nonroot" and image.familiar.startswith(("gcr.io/distroless/", "cgr.dev/chainguard/")):
        return 65532, 65532
    return _OFFICIAL_USERS.get((image.official, name, alpine))


_OFFICIAL_USERS: dict[tuple[str, str, bool], tuple[int, int]] = {
    ("node", "node", False): (1000, 1000),
    ("node", "node", True): (1000, 1000),
    ("nginx", "nginx", False): (101, 101),
    ("nginx", "nginx", True): (101, 101),
    ("redis", "redis", False): (999, 999),
    ("redis", "redis", True): (999, 1000),
    ("postgres", "postgres", False): (999, 999),
    ("postgres", "postgres", True): (70, 70),
    ("mysql", "mysql", False): (999, 999),
    ("mongo", "mongodb", False): (999, 999),
}
