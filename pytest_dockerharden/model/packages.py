"""What a command line asks of a package manager, read with that manager's own option grammar."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from functools import lru_cache

from pytest_dockerharden.model.build import plain
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.model.finding import Class, Remedy
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice, insert_behind
from pytest_dockerharden.model.shell import Command, Word

INSTALL, UPGRADE, UPDATE, CLEAN = "install", "upgrade", "update", "clean"


@dataclass(frozen=True, slots=True)
class Grammar:
    """``verbs`` maps a subcommand to what it does; ``valued`` are the options that take the next word."""

    verbs: dict[str, str]
    valued: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a package manager.

    ``manager`` is its canonical name (``pip`` for ``python3 -m pip``), ``verb`` the subcommand as written, ``action``
    what it does (``install``, ``upgrade``, ``update`` of the index, ``clean``, ``remove``) or the verb itself.
    ``packages`` are the operands, ``options`` the option words as text with ``=value`` kept, ``values`` the separate
    values of options by option.
    """

    manager: str
    verb: str
    action: str
    command: Command
    packages: tuple[Word, ...] = ()
    options: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)

    def has(self, *options: str) -> bool:
        """Whether one of the options is given; ``-qy`` has ``-q`` and ``-y``, ``--x=1`` has ``--x``."""
        short = {option[1] for option in options if len(option) == 2}
        for option in self.options:
            if option in options or option.split("=", 1)[0] in options:
                return True
            if len(option) > 2 and option[0] == "-" and option[1] != "-" and short.intersection(option[1:]):
                return True
        return False

    def with_option(self, option: str, *, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
        """The call with an option behind its subcommand."""
        text = f"{self.manager} {self.verb} {option}"
        subcommand = self.verb.split()[-1]
        verb = next((word for word in self.command.args if word.raw == subcommand), None)
        if verb is None or "sh -c" in self.command.via:
            return advice(text)
        return insert_behind(verb, f" {option}", text=text, effect=effect, breaks=breaks)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _verbs(**actions: str) -> dict[str, str]:
    return {verb: action for action, verbs in actions.items() for verb in verbs.split()}


_APT = Grammar(
    _verbs(
        install="install reinstall satisfy", update="update", upgrade="upgrade dist-upgrade full-upgrade",
        clean="clean autoclean distclean dist-clean", remove="remove purge autoremove autopurge",
    ),
    _set(
        "-o --option -c --config-file -t --target-release --default-release -a --host-architecture "
        "-P --build-profiles"
    ),
)  # fmt: skip
_APK = Grammar(
    _verbs(install="add", update="update", upgrade="upgrade", clean="cache", remove="del"),
    _set(
        "-t --virtual -X --repository -p --root --arch --keys-dir --repositories-file --wait --cache-dir "
        "--cache-max-age --progress-fd --timeout"
    ),
)
_YUM = Grammar(
    {"group install": INSTALL, "groups install": INSTALL, "module install": INSTALL}
    | _verbs(
        install="install localinstall groupinstall reinstall in", update="check-update makecache",
        upgrade="update upgrade upgrade-minimal update-minimal distro-sync distribution-synchronization up upgrade-to",
        clean="clean", remove="remove erase autoremove rm",
    ),
    _set(
        "-c --config -d --debuglevel -e --errorlevel -R --randomwait -x --exclude --enablerepo --disablerepo "
        "--installroot --releasever --setopt --repo --repoid --repofrompath --advisory --downloaddir --forcearch "
        "--comment --disableplugin --enableplugin --rpmverbosity --color"
    ),
)  # fmt: skip
_ZYPPER = Grammar(
    _verbs(
        install="install in", update="refresh ref", upgrade="update up dist-upgrade dup patch", clean="clean cc",
        remove="remove rm",
    ),
    _set("-R --root -D --reposd-dir -C --cache-dir -c --config -p --plus-repo --userdata -r --repo --from -t --type"),
)  # fmt: skip
_PIP = Grammar(
    _verbs(install="install", remove="uninstall", clean="cache"),
    _set(
        "-r --requirement -c --constraint -e --editable -i --index-url --extra-index-url -f --find-links -t --target "
        "--prefix --root --src -d -b --build --cache-dir --trusted-host --proxy --timeout --retries --platform "
        "--python-version --implementation --abi --only-binary --no-binary --progress-bar --log --cert --client-cert "
        "--exists-action --global-option --install-option --config-settings -C --upgrade-strategy --use-feature "
        "--use-deprecated --report --root-user-action --group --python --index --default-index --index-strategy "
        "--keyring-provider --resolution --prerelease --link-mode --allow-insecure-host --requirements --constraints "
        "--overrides --directory --project --no-build-isolation-package --reinstall-package --refresh-package"
    ),
)
_PIPX = Grammar(
    _verbs(install="install", run="run"),
    _set("--python --index-url -i --pip-args --suffix --preinstall --spec"),
)
_NPM = Grammar(
    _verbs(
        install="install i in ins inst insta instal add isnt isnta isntal isntall", ci="ci clean-install install-clean",
        upgrade="update up upgrade", clean="cache", remove="uninstall remove rm un r",
    ),
    _set(
        "--prefix -C --registry --cache --loglevel --omit --include --only --tag --userconfig --globalconfig "
        "--workspace -w --fetch-retries --fetch-retry-mintimeout --fetch-retry-maxtimeout --fetch-timeout --maxsockets "
        "--network-timeout --cache-folder --modules-folder --cwd --mutex --filter -F --dir --store-dir --target "
        "--use-yarnrc --global-folder --install-strategy --node-linker --reporter"
    ),
)  # fmt: skip
_GEM = Grammar(
    _verbs(install="install i", upgrade="update", remove="uninstall", clean="cleanup"),
    _set(
        "-v --version -n --bindir -i --install-dir -s --source -p --http-proxy --platform -P --trust-policy "
        "-B --build-root -g --file --config-file"
    ),
)
_GO = Grammar(
    _verbs(install="install get", clean="clean"),
    _set("-C -p -ldflags -gcflags -asmflags -tags -mod -modfile -o -overlay -pkgdir -toolexec -buildmode -compiler"),
)
_CARGO = Grammar(
    _verbs(install="install"),
    _set(
        "--version --vers --git --branch --tag --rev --path --root --registry --index -j --jobs --target --target-dir "
        "--features -F --profile --bin --example --config -Z --color"
    ),
)
_BUNDLE = Grammar(
    _verbs(install="install", clean="clean"),
    _set("--jobs -j --retry --path --without --with --gemfile --binstubs"),
)
_COMPOSER = Grammar(
    _verbs(install="install i", require="require r", clean="clear-cache clearcache cc"),
    _set("-d --working-dir --prefer-install"),
)
_POETRY = Grammar(
    _verbs(install="install sync", add="add"),
    _set("--with --without --only -E --extras -C --directory -P --project"),
)

GRAMMARS: dict[str, Grammar] = {
    "apt-get": _APT, "apt": _APT, "aptitude": _APT, "apk": _APK, "yum": _YUM, "dnf": _YUM, "microdnf": _YUM,
    "tdnf": _YUM, "zypper": _ZYPPER, "pip": _PIP, "uv": _PIP, "npm": _NPM, "pnpm": _NPM, "yarn": _NPM, "bun": _NPM,
    "pipx": _PIPX, "gem": _GEM, "go": _GO, "cargo": _CARGO, "bundle": _BUNDLE, "composer": _COMPOSER, "poetry": _POETRY,
}  # fmt: skip

_CANONICAL = {"bundler": "bundle", "dnf5": "dnf", "pnpx": "pnpm", "composer.phar": "composer", "dnf-3": "dnf"}
_PIP_NAME = pattern(r"pip[\d.]*\Z")
_PYTHON_NAME = pattern(r"(python|pypy)[\d.]*\Z")

SYSTEM = ("apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "tdnf", "zypper")
DEBIAN = ("apt-get", "apt", "aptitude")
RED_HAT = ("yum", "dnf", "microdnf", "tdnf")
# where they keep what they have fetched
CACHES = {
    **dict.fromkeys(DEBIAN, ("/var/lib/apt/lists",)),
    "apk": ("/var/cache/apk", "/etc/apk/cache"),
    "yum": ("/var/cache/yum", "/var/cache/dnf"),
    "dnf": ("/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"),
    "microdnf": ("/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5"),
    "tdnf": ("/var/cache/tdnf",),
    "zypper": ("/var/cache/zypp",),
}
# words by which a RUN is known to be worth parsing
WORDS = pattern(
    r"\b(?:apt|apt-get|aptitude|apk|yum|t?dnf|microdnf|dnf5|zypper|pipx?[\d.]*|uv|npm|pnpm|yarn|bun|gem|go|cargo|bundler?|composer(?:\.phar)?|poetry)\b"
)


def invocation(command: Command) -> Invocation | None:
    """The call of a package manager that a command is, or None."""
    name, words = command.name, command.args
    if _PYTHON_NAME.match(name):
        module = [plain(word) for word in words[:2]]
        if module != ["-m", "pip"]:
            return None
        name, words = "pip", words[2:]
    elif name == "uv":
        if not words or plain(words[0]) != "pip":
            return None
        words = words[1:]
    name = "pip" if _PIP_NAME.match(name) else _CANONICAL.get(name, name)
    grammar = GRAMMARS.get(name)
    return _read(name, grammar, command, words) if grammar else None


def _read(manager: str, grammar: Grammar, command: Command, words: tuple[Word, ...]) -> Invocation:
    options: list[str] = []
    operands: list[Word] = []
    values: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        text = plain(word)
        if text == "--":
            operands.extend(rest if manager != "gem" else ())  # what follows goes to the build of an extension
        elif len(text) > 1 and text[0] == "-":
            options.append(text)
            if text in grammar.valued:
                values[text] = plain(next(rest, word))
            elif "=" in text:
                values[text.split("=", 1)[0]] = text.split("=", 1)[1]
        else:
            operands.append(word)
    verb = plain(operands.pop(0)) if operands else ""
    verb, operands = _second_verb(manager, verb, operands)
    return Invocation(manager, verb, grammar.verbs.get(verb, verb), command, tuple(operands), tuple(options), values)


def _second_verb(manager: str, verb: str, operands: list[Word]) -> tuple[str, list[Word]]:
    """``yarn global add x``, ``composer global require x``, a bare ``yarn``, ``dnf group install x``."""
    if manager in {"yarn", "composer"} and verb == "global" and operands:
        return plain(operands[0]), operands[1:]
    if manager == "yarn" and not verb:
        return "install", operands
    if manager in RED_HAT and verb in {"group", "groups", "module"} and operands:
        return f"{verb} {plain(operands[0])}", operands[1:]
    if manager == "bundle" and not verb:
        return "install", operands
    return verb, operands


def invocations(run: Instruction, *managers: str) -> list[Invocation]:
    """The calls of package managers in a RUN, in order; with ``managers`` only theirs (canonical names)."""
    return [call for call in _invocations(run) if not managers or call.manager in managers]


@lru_cache(maxsize=256)
def _invocations(run: Instruction) -> tuple[Invocation, ...]:
    # a dozen controls ask for the same RUN; instructions are compared by identity
    if not WORDS.search(run.text) and not any(WORDS.search(heredoc.body) for heredoc in run.heredocs):
        return ()  # parsing shell text is what costs
    found = (invocation(command) for command in run.script.commands)
    return tuple(call for call in found if call is not None)


_GIT = pattern(r"git\+|git://")
_RPM_VERSION = pattern(r"-(\d+:)?\d[\w.+~^:*]*(-\d[\w.+~^*]*)?\Z")
_LOCAL = pattern(
    r"\A(\.{1,2}(/|\[|\Z)|/|~/|file:|https?://|ftp://|git\+|git://|ssh://|git@)|\.(deb|rpm|apk|whl|tgz|tar\.gz|gem|zip)\Z"
)


def unpinned(call: Invocation) -> list[Word]:
    """The packages of an install that name no version. Files, URLs and words that a variable decides are not meant."""
    judge = _UNPINNED.get(call.manager)
    return [word for word in call.packages if judge and _is_name(word) and judge(plain(word), call)]


def _is_name(word: Word) -> bool:
    text = plain(word)
    if not text or re.match(r"\$\{?\w+\}?\Z|\$\(|`|\$[@*]", text) or "$(" in text:
        return False
    return bool(_GIT.match(text)) or not _LOCAL.search(text)


def _names_commit(text: str) -> bool:
    """Whether a git URL says which commit, tag or branch: ``...r.git@v1`` for pip, ``...r.git#v1`` for npm."""
    path = text.split("://", 1)[-1].partition("/")[2]
    return "@" in path or "#" in path


def _apt(text: str, call: Invocation) -> bool:
    return not re.search(r"[=/^]|[+-]\Z(?<!\+\+)", text)


def _apk(text: str, call: Invocation) -> bool:
    return not re.search(r"[=<>~]", text) and text[0] not in "!."


def _rpm(text: str, call: Invocation) -> bool:
    return (
        text[0] != "@"
        and not ("module" in call.verb and ":" in text)
        and not re.search(r"[=<>]", text)
        and not _RPM_VERSION.search(_without_architecture(text))
    )


def _without_architecture(text: str) -> str:
    return re.sub(r"\.(x86_64|aarch64|noarch|i[3-6]86|ppc64le|s390x)\Z", "", text)


def _zypper(text: str, call: Invocation) -> bool:
    return not re.search(r"[=<>]", text) and text[0] not in "-!"


def _pip(text: str, call: Invocation) -> bool:
    if _GIT.match(text):
        return not _names_commit(text)
    constrained = call.has("-c", "--constraint", "--constraints")
    return not constrained and not re.search(r"[<>@]|[=~!]=", text)


def _npm(text: str, call: Invocation) -> bool:
    if _GIT.match(text):
        return not _names_commit(text)
    name, _, version = text[1:].partition("@")
    if "/" in name and text[0] != "@":
        return "#" not in text
    return version in {"", "latest", "next"}


def _gem(text: str, call: Invocation) -> bool:
    return not call.has("-v", "--version", "-g", "--file") and ":" not in text


def _go(text: str, call: Invocation) -> bool:
    version = text.partition("@")[2]
    host = text.split("/", 1)[0]
    return "." in host and not host.endswith(".go") and version in {"", "latest"} and not call.has("-modfile")


def _cargo(text: str, call: Invocation) -> bool:
    return "@" not in text and not call.has("--version", "--vers", "--path", "--rev", "--tag")


_UNPINNED: dict[str, Callable[[str, Invocation], bool]] = {
    **dict.fromkeys(DEBIAN, _apt), "apk": _apk, **dict.fromkeys(RED_HAT, _rpm), "zypper": _zypper, "pip": _pip,
    "uv": _pip, "pipx": _pip, "npm": _npm, "pnpm": _npm, "yarn": _npm, "bun": _npm, "gem": _gem, "go": _go,
    "cargo": _cargo,
}  # fmt: skip
