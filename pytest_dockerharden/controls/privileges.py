"""What confines a container: privileged mode, no-new-privileges, seccomp, AppArmor, SELinux, masked paths."""

from __future__ import annotations

import re

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Edit, Findings, Remedy
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import advice, append_item, remove_key, set_in_item, set_key
from pytest_dockerharden.model.roles import is_for_swarm


def _forbid_new_privileges(posture: Posture) -> Remedy:
    breaks = "sudo, su, ping and other setuid programs inside"
    if posture.service is not None and is_for_swarm(posture.service):
        breaks += "; docker stack deploy ignores it, not so `no-new-privileges` in the daemon.json of its nodes"
    allowing = _options(posture, "no-new-privileges")
    stated = [item for item in allowing if item.text() in {"no-new-privileges", "no-new-privileges:true"}]
    if not allowing:
        return append_item("security_opt", "no-new-privileges:true", breaks=breaks)
    if stated:
        edits = tuple(Edit("remove", ("security_opt",), at=item.origin) for item in allowing if item not in stated)
    else:
        edits = tuple(Edit("replace", ("security_opt",), "no-new-privileges:true", item.origin) for item in allowing)
    return Remedy("security_opt:\n  - no-new-privileges:true", edits, "behaviour-changing", breaks)


def _without(posture: Posture, option: str, text: str) -> Remedy:
    """Take what is said of one security option out of the service."""
    edits = tuple(Edit("remove", ("security_opt",), at=item.origin) for item in _options(posture, option))
    return Remedy(text, edits, "behaviour-changing" if edits else "advice", "what was blocked before it was written")


def _options(posture: Posture, name: str) -> list[Node]:
    items = posture.service.items("security_opt") if posture.service is not None else []
    return [item for item in items if re.match(rf"{name}(?:[=:]|$)", item.text())]


def _comes_with_privileged(posture: Posture, decided_at: Origin | None) -> bool:
    """Whether privileged mode alone decided this, which is then reported once, as privileged mode."""
    return bool(posture.privileged.get(False)) and decided_at in (posture.privileged.origin, posture.origin)


@control(
    severity="critical",
    plan="P1",
    cis="5.5",
    owasp="RULE 3",
    nist="4.4.3",
    equivalents={
        "kics": "privileged_containers_enabled",
        "semgrep": "privileged-service",
        "compose-lint": "CL-0002",
        "docker-bench": "5.5",
    },
)
def not_privileged(posture: Posture) -> Findings:
    """Privileged mode is off.

    A privileged container has every capability, every device of the host and no seccomp or AppArmor profile: its root
    is root on the host.

    Bad::

        services:
          web:
            image: app
            privileged: true  # <-

    Good::

        services:
          web:
            image: app
            privileged: false
    """
    if posture.privileged.value:
        yield posture.privileged.finding(
            "privileged mode is on",
            remove_key("privileged", breaks="what needs a device or a capability; name just that one instead"),
        )


@control(
    severity="medium",
    plan="P1",
    cis="5.26",
    owasp="RULE 4",
    equivalents={
        "kics": "no_new_privileges_not_set",
        "semgrep": "no-new-privileges",
        "compose-lint": "CL-0003",
        "docker-bench": "5.26",
    },
)
def no_new_privileges(posture: Posture) -> Findings:
    """Processes cannot gain privileges.

    Without no-new-privileges a setuid or file-capability binary in the image gives any user of the container root,
    even where all capabilities are dropped. Of several spellings the last one counts, over all files of the stack.

    Bad::

        services:
          web:  # <-
            image: app

    Bad::

        services:
          web:
            image: app
            security_opt:
              - no-new-privileges:true
              - no-new-privileges:false  # <-

    Good::

        services:
          web:
            image: app
            security_opt:
              - no-new-privileges:true
    """
    for process in posture.processes.get(()):
        if not process.no_new_privileges and process.pid != 1 and posture.no_new_privileges.get(False):
            yield posture.no_new_privileges.finding(f"process {process.pid} can gain privileges", at=process.origin)
    if not posture.no_new_privileges.value:
        yield posture.no_new_privileges.finding(
            "its processes can gain privileges",
            _forbid_new_privileges(posture),
        )


@control(
    severity="high",
    plan="P1",
    cis="5.22",
    owasp="RULE 6",
    equivalents={
        "kics": "default_seccomp_profile_disabled",
        "semgrep": "seccomp-confinement-disabled",
        "compose-lint": "CL-0009",
        "docker-bench": "5.22",
    },
)
def seccomp_confined(posture: Posture) -> Findings:
    """A seccomp profile filters the system calls.

    The default profile refuses the calls that most kernel escapes go through. Unconfined, they are all open.

    Bad::

        services:
          web:
            image: app
            security_opt:
              - seccomp:unconfined  # <-

    Good::

        services:
          web:
            image: app
    """
    if _comes_with_privileged(posture, posture.seccomp.origin):
        not_applicable("privileged mode has no seccomp profile")
    if posture.seccomp.value == "unconfined":
        yield posture.seccomp.finding(
            "no seccomp profile is in force", _without(posture, "seccomp", "remove seccomp:unconfined")
        )


@control(
    severity="high",
    plan="P1",
    cis="5.2",
    owasp="RULE 6",
    equivalents={"compose-lint": "CL-0009", "docker-bench": "5.2"},
)
def apparmor_confined(posture: Posture) -> Findings:
    """The AppArmor profile is not switched off.

    On a host with AppArmor the default profile keeps a container from mounting and from writing to /proc and /sys.

    Bad::

        services:
          web:
            image: app
            security_opt:
              - apparmor=unconfined  # <-

    Good::

        services:
          web:
            image: app
            security_opt:
              - apparmor=docker-default
    """
    if _comes_with_privileged(posture, posture.apparmor.origin):
        not_applicable("privileged mode has no AppArmor profile")
    if not posture.apparmor.value:
        not_applicable("the engine's host has no AppArmor")
    if posture.apparmor.value == "unconfined":
        yield posture.apparmor.finding(
            "AppArmor is switched off for it", _without(posture, "apparmor", "remove apparmor:unconfined")
        )


@control(
    severity="high",
    plan="P1",
    cis="5.3",
    owasp="RULE 6",
    equivalents={"semgrep": "selinux-separation-disabled", "compose-lint": "CL-0009", "docker-bench": "5.3"},
)
def selinux_confined(posture: Posture) -> Findings:
    """SELinux separation is not switched off.

    On a host with SELinux, labels keep a container from the host's files and from other containers' ones.

    Bad::

        services:
          web:
            image: app
            security_opt:
              - label:disable  # <-

    Good::

        services:
          web:
            image: app
            security_opt:
              - label=level:s0:c100,c200
    """
    label = posture.selinux.value
    if not label and posture.phase != "static":
        not_applicable("the engine's host has no SELinux")
    if label == "disable":
        yield posture.selinux.finding(
            "SELinux separation is switched off for it", _without(posture, "label", "remove label:disable")
        )


@control(severity="high", plan="P1", cis="5.3", owasp="RULE 6", equivalents={"docker-bench": "5.3"})
def selinux_type_confines(posture: Posture) -> Findings:
    """The SELinux type is one that confines.

    `spc_t`, the type of a super-privileged container, and `unconfined_t` allow everything: as if SELinux were switched
    off, though it says it is on.

    Bad::

        services:
          web:
            image: app
            security_opt:
              - label=type:spc_t  # <-

    Good::

        services:
          web:
            image: app
            security_opt:
              - label=type:container_t
    """
    label = posture.selinux.value
    if not label and posture.phase != "static":
        not_applicable("the engine's host has no SELinux")
    if "spc_t" in label or "unconfined_t" in label:
        yield posture.selinux.finding(
            "its SELinux type allows everything", _without(posture, "label", "remove the label")
        )


@control(severity="high", plan="P1", owasp="RULE 6")
def system_paths_masked(posture: Posture) -> Findings:
    """The kernel's sensitive files in /proc and /sys stay masked.

    Without the masks the container sees /proc/kcore and /proc/keys and, as root, writes kernel settings through
    /proc/sys and /proc/sysrq-trigger.

    Bad::

        services:
          web:
            image: app
            security_opt:
              - systempaths=unconfined  # <-

    Good::

        services:
          web:
            image: app
            security_opt:
              - no-new-privileges:true
    """
    if _comes_with_privileged(posture, posture.masked_paths.origin):
        not_applicable("privileged mode masks nothing")
    if not posture.masked_paths.value:
        yield posture.masked_paths.finding(
            "its /proc and /sys are not masked", _without(posture, "systempaths", "remove systempaths=unconfined")
        )


@control(severity="medium")
def control_groups_read_only(posture: Posture) -> Findings:
    """The container cannot write its own control groups.

    ``writable-cgroups=true`` lets root in the container change the limits it was given.

    Bad::

        services:
          web:
            image: app
            security_opt:
              - writable-cgroups=true  # <-

    Good::

        services:
          web:
            image: app
            security_opt:
              - writable-cgroups=false
    """
    service = posture.service
    if service is None:
        not_applicable("judged by the mounts of an observed container")
    options = [item for item in service.items("security_opt") if item.text().startswith("writable-cgroups")]
    if options and options[-1].text()[16:].lstrip("=:") in {"1", "t", "T", "true", "TRUE", "True"}:
        yield service.finding(
            "it can write its own control groups",
            _without(posture, "writable-cgroups", "remove writable-cgroups=true"),
            at=options[-1],
        )


@control(
    severity="low",
    optional=True,
    owasp="RULE 6",
    equivalents={"kics": "security_opt_not_set"},
)
def security_options_set(posture: Posture) -> Findings:
    """The service sets security options at all.

    A service without ``security_opt`` has been given no thought.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            security_opt: [no-new-privileges:true]
    """
    service = posture.service
    if service is None:
        not_applicable("what is written is a matter of the files")
    if not service.items("security_opt"):
        ignored = "nothing with docker stack deploy, which ignores it" if is_for_swarm(service) else ""
        remedy = set_key("security_opt", ["no-new-privileges:true"], breaks=ignored)
        yield service.finding("it sets no security options", remedy)


@control(severity="high", owasp="RULE 2")
def hooks_without_privileges(posture: Posture) -> Findings:
    """Life-cycle hooks run as the service does.

    A ``post_start`` or ``pre_stop`` command with ``user: root`` or ``privileged: true`` is root in the container
    whatever user the service has.

    Bad::

        services:
          web:
            image: app
            user: "1000:1000"
            post_start:
              - command: chown -R 1000 /data
                user: root  # <-

    Bad::

        services:
          web:
            image: app
            pre_stop:
              - command: ./save.sh
                privileged: true  # <-

    Good::

        services:
          web:
            image: app
            user: "1000:1000"
            post_start:
              - command: ./warm-up.sh
    """
    service = posture.service
    if service is None:
        not_applicable("hooks are written in the files")
    for key in ("pre_start", "post_start", "pre_stop"):
        for hook in service.items(key):
            user, privileged = hook.get("user"), hook.get("privileged")
            if user is service.get("user"):
                user = None  # a hook before the service has what the service has, which is judged there
            if privileged is service.get("privileged"):
                privileged = None
            if user is not None and not user.unresolved and user.text().split(":")[0] in {"root", "0"}:
                in_image = advice("do in the image what needs root, and remove `user`")
                yield service.finding(f"its {key} hook runs as root", in_image, at=user)
            if privileged is not None and privileged.value is True:
                remedy = set_in_item(key, hook.origin, "privileged", False, breaks="a hook that needs it")
                yield service.finding(f"its {key} hook is privileged", remedy, at=privileged)
