"""Who a container's first process runs as: ``user:`` over USER over the image's configuration over what is known."""

from __future__ import annotations

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.known_images import default_user, steps_down
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.shell import Scripts
from pytest_dockerharden.predict.accounts import Accounts
from pytest_dockerharden.predict.layers import Layers
from pytest_dockerharden.predict.reading import first_unresolved, unresolved

_NUMBER = pattern(r"[+-]?[0-9]{1,10}")
_ROOT_NAMES = frozenset({"root", "toor"})
_STEPPER = pattern(
    r"(?<![\w-])(?:gosu|su-exec|setpriv|runuser|su|sudo|s6-setuidgid|setuidgid|chpst|start-stop-daemon|chroot\s+--userspec)"
    r"(?=[\s=])"
)
_STEPPER_PACKAGE = pattern(r"gosu|su-exec|setpriv|s6-overlay")
_SCRIPT = pattern(r"\.sh\b|entrypoint|(?:^|/)init$")
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "busybox"})


@dataclass(frozen=True, slots=True)
class _Decision:
    """The ``user[:group]`` in force and where it stands."""

    text: str
    origin: Origin
    related: tuple[Origin, ...] = ()

    @property
    def user(self) -> str:
        return self.text.partition(":")[0].strip()

    @property
    def group(self) -> str:
        return self.text.partition(":")[2].strip()


def predict_identity(service: Service, layers: Layers, posture: Posture) -> None:
    """Needs ``entrypoint`` and ``command``."""
    decision = _decide(service, layers)
    if isinstance(decision, Unknown):
        posture.runs_as_root = posture.user_name = posture.uid = posture.gid = posture.groups = decision
        return
    accounts = Accounts(layers)
    start = _start_uid(decision, accounts)
    root = decision.user in _ROOT_NAMES if not isinstance(start, Known) else start.value == 0
    stepping = _stepping(service, layers, posture) if root else None
    if stepping:
        reason = Unknown(stepping, decision.origin)
        posture.runs_as_root = posture.user_name = posture.uid = posture.gid = posture.groups = reason
        return
    posture.runs_as_root = Known(root, decision.origin, decision.related)
    posture.user_name = _user_name(decision, accounts)
    posture.uid = start
    posture.gid = _gid(decision, accounts)
    posture.groups = _groups(service, decision, posture.gid)


def _decide(service: Service, layers: Layers) -> _Decision | Unknown:
    node, instruction = service.get("user"), layers.last("USER")
    if node is not None and (node.unresolved or node.text().strip()):
        related = (*node.related, instruction.origin) if instruction else node.related
        return unresolved(node, "the user") or _Decision(node.text(), node.place, related)
    if instruction is not None:
        return _of_instruction(instruction, layers)
    if layers.image is not None:
        return _Decision(layers.image.user or "root", service.origin, (layers.base_origin,))
    user = default_user(layers.base) if layers.base else None
    if user is None:
        return layers.missing("the user")
    return _Decision(user, service.origin, (layers.base_origin,))


def _of_instruction(instruction: Instruction, layers: Layers) -> _Decision | Unknown:
    value = layers.word(instruction.words[0]) if instruction.words else ""
    if value is None:
        return Unknown("a build argument without a value decides the USER", instruction.origin)
    return _Decision(value or "root", instruction.origin)


def _start_uid(decision: _Decision, accounts: Accounts) -> Fact[int]:
    if _NUMBER.fullmatch(decision.user):
        return Known(int(decision.user), decision.origin, decision.related)
    account = accounts.user(decision.user)
    if account is not None and account.uid is not None:
        return Known(account.uid, decision.origin, (*decision.related, *account.places))
    return Unknown(f"the uid of {decision.user} is in the image's /etc/passwd", decision.origin)


def _user_name(decision: _Decision, accounts: Accounts) -> Fact[str]:
    if not _NUMBER.fullmatch(decision.user):
        return Known(decision.user, decision.origin, decision.related)
    name = accounts.name(int(decision.user))
    if name:
        return Known(name, decision.origin, decision.related)
    return Unknown(f"the name of uid {decision.user} is in the image's /etc/passwd", decision.origin)


def _gid(decision: _Decision, accounts: Accounts) -> Fact[int]:
    if decision.group:
        gid = int(decision.group) if _NUMBER.fullmatch(decision.group) else accounts.gid(decision.group)
        reason = f"the gid of group {decision.group} is in the image's /etc/group"
    else:
        gid = accounts.primary_gid(decision.user)
        reason = f"the group of user {decision.user} is in the image's /etc/passwd"
    return Unknown(reason, decision.origin) if gid is None else Known(gid, decision.origin, decision.related)


def _groups(service: Service, decision: _Decision, gid: Fact[int]) -> Fact[frozenset[int]]:
    """The engine adds the image's memberships unless a group is written or the uid is not in its passwd."""
    items = service.items("group_add")
    reason = first_unresolved(items, "group_add")
    if reason:
        return reason
    if not isinstance(gid, Known) or not (decision.group or _NUMBER.fullmatch(decision.user)) or decision.user == "0":
        return Unknown("supplementary groups are in the image's /etc/group", decision.origin)
    if not all(_NUMBER.fullmatch(item.text()) for item in items):
        return Unknown("the gid of a name in group_add is in the image's /etc/group", service.at("group_add"))
    place, more = (service.at("group_add"), (decision.origin,)) if items else (decision.origin, decision.related)
    return Known(frozenset({gid.value, *(int(item.text()) for item in items)}), place, more)


def _stepping(service: Service, layers: Layers, posture: Posture) -> str:
    """Why a container that starts as root may not stay root; empty where nothing says so."""
    argv = (*posture.entrypoint.get(()), *posture.command.get(()))
    if _STEPPER.search(" ".join(argv)):
        return "it starts as root, and its command may step down to another user"
    scripts = [path for word in argv if (path := _script_path(service, word))]
    texts = [script_text(service, path) for path in scripts]
    if any(_STEPPER.search(text) or "docker-entrypoint" in text for text in texts):
        return "it starts as root, and its entrypoint script may step down to another user"
    unseen = not scripts and any(_SCRIPT.search(word) for word in argv)
    if layers.base and steps_down(layers.base) and (unseen or not _bypasses(service, layers, argv)):
        return f"image {layers.base} starts as root, and its entrypoint steps down to another user"
    if unseen and any(_STEPPER_PACKAGE.search(i.text) for i in layers.of("RUN", "COPY", "ADD")):
        return "it starts as root, and its entrypoint may step down to another user"
    return ""


def _bypasses(service: Service, layers: Layers, argv: tuple[str, ...]) -> bool:
    """Whether the image's own entrypoint is replaced, or gets a shell instead of the server it steps down for."""
    replaced = service.get("entrypoint") is not None or layers.last("ENTRYPOINT") is not None
    command = service.get("command") is not None or layers.last("CMD") is not None
    shell = command and bool(argv) and any(word.rsplit("/", 1)[-1] in _SHELLS for word in argv[:2])
    return (replaced or shell) and "entrypoint" not in " ".join(argv)


def _script_path(service: Service, word: str) -> str:
    """The project's script that a word of the command names, by path or by name on the PATH."""
    if word in service.scripts:
        return word
    name = word.removeprefix("./")
    return next((path for path in service.scripts if path.rsplit("/", 1)[-1] == name), "")


def script_text(service: Service, path: str) -> str:
    """The text of a script, without parsing it where that can be avoided."""
    scripts = service.scripts
    return scripts.text(path) if isinstance(scripts, Scripts) else scripts[path].text
