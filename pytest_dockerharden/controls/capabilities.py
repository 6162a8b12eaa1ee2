"""Which of root's powers a container keeps."""

from __future__ import annotations

from dataclasses import replace

from pytest_dockerharden.controls.added_capabilities import added, taken_back
from pytest_dockerharden.model.capabilities import ALL, DEFAULT, canonical
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Edit, Findings, Remedy
from pytest_dockerharden.model.known_images import starts_under_s6, unpacks_itself
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import set_key
from pytest_dockerharden.model.roles import base_image, family, runs_apache

# what s6 needs to own folders, to become the user of PUID and to end what runs as it
_S6_NEEDS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
# what a server needs to become another user, and what its own start-up script adds to that
_STEP_DOWN = {"nginx": ("CHOWN", "SETGID", "SETUID")} | dict.fromkeys(
    ("redis", "valkey", "postgres", "mysql", "mariadb", "mongo", "rabbitmq"), ("SETGID", "SETUID")
)
# its children answer requests as root where they may not become another user
_APACHE = ("SETGID", "SETUID")
# what their start-up scripts need besides: they look for files of others in directories that are closed to root without
# DAC_OVERRIDE, from the second start on (redis 7: its append-only files), and take over a new directory of the host
_OWN_THEIR_DATA = dict.fromkeys(
    ("redis", "valkey", "postgres", "mysql", "mariadb", "mongo", "rabbitmq"), ("CHOWN", "DAC_OVERRIDE")
)
# a program with an effective file capability that is not in the bounding set is not started, for root neither
_ASKED_BY_THE_PROGRAM = {"caddy": ("NET_BIND_SERVICE",)}


@control(
    severity="medium",
    plan="P1",
    cis="5.4",
    owasp="RULE 3",
    nist="4.4.3",
    equivalents={"compose-lint": "CL-0006", "docker-bench": "5.4"},
)
def capabilities_dropped(posture: Posture) -> Findings:
    """All capabilities are dropped, and only named ones added back.

    The engine's default set lets a container's root send raw packets, make device nodes and take any file. Almost no
    service needs one of them; a setuid binary or a root shell in the container gets them all.

    Bad::

        services:
          web:  # <-
            image: app

    Bad::

        services:
          web:
            image: app
            cap_drop: [NET_RAW]  # <-

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add: [CHOWN, SETGID, SETUID]
    """
    if posture.privileged.get(False):
        not_applicable("privileged mode keeps every capability")
    bounding = posture.cap_bounding.value
    asked = set(added(posture)) if posture.service else set(_KEPT_ON_PURPOSE)
    if "ALL" in asked:
        not_applicable("cap_add gives all of them back")
    kept = (bounding & DEFAULT) - asked
    if kept == DEFAULT:
        message = "it keeps all default capabilities"
    elif kept:
        message = f"it keeps {_enumerate(kept)} of the default capabilities"
    else:
        return
    yield posture.cap_bounding.finding(message, _all_dropped(posture))


def _all_dropped(posture: Posture) -> Remedy:
    remedy = set_key("cap_drop", ["ALL"], breaks="a program that uses one; add back just that one in cap_add")
    image = base_image(posture)
    needed = _S6_NEEDS if image is not None and starts_under_s6(image) else _its_program_asks(posture)
    back = [name for name in needed if name not in added(posture)]
    lines = "".join(f"\n  - {name}" for name in back)
    edits = tuple(Edit("append", ("cap_add",), name) for name in back)
    return replace(remedy, text=f"{remedy.text}\ncap_add:{lines}", edits=remedy.edits + edits) if back else remedy


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "container_capabilities_unrestricted", "compose-lint": "CL-0006"},
)
def dropped_capabilities_stated(service: Service) -> Findings:
    """The service says which capabilities it drops.

    Also where privileged mode, or `cap_add: [ALL]`, makes that useless today: what is written holds on the day when
    the other is taken back.

    Bad::

        services:
          web:  # <-
            image: app
            privileged: true

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]
    """
    if not service.items("cap_drop"):
        yield service.finding(
            "it drops no capability",
            set_key("cap_drop", ["ALL"], breaks="a program that uses one; add back just that one in cap_add"),
        )


# in an observed container these count as added back: a server that steps down needs them
_KEPT_ON_PURPOSE = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")


def _enumerate(names: frozenset[str], most: int = 3) -> str:
    listed = sorted(names)
    return ", ".join(listed) if len(listed) <= most else str(len(listed))


@control(severity="low", plan="P1", owasp="RULE 3")
def no_useless_capabilities(posture: Posture) -> Findings:
    """A service that does not run as root adds no capabilities.

    A process that is not root starts without any, whatever ``cap_add`` says, and under no-new-privileges no file
    capability helps it. What is added only widens the set that an intruder may regain.

    Bad::

        services:
          web:
            image: app
            user: "1000:1000"
            security_opt: [no-new-privileges:true]
            cap_drop: [ALL]
            cap_add:
              - NET_BIND_SERVICE  # <-

    Good::

        services:
          web:
            image: app
            user: "1000:1000"
            security_opt: [no-new-privileges:true]
            cap_drop: [ALL]

    Good::

        services:
          web:
            image: app
            user: root
            cap_drop: [ALL]
            cap_add: [CHOWN, SETUID, SETGID]
    """
    asked = _its_program_asks(posture)
    given = {name: node for name, node in added(posture).items() if name in {*ALL, "ALL"} and name not in asked}
    if not given or posture.service is None:
        not_applicable("no capability is added")
    if posture.runs_as_root.value:
        return
    if not posture.no_new_privileges.value and not _without_file_capabilities(posture):
        unknown("a binary of the image with file capabilities may use them")
    for name, item in given.items():
        yield posture.service.finding(
            f"{name} is added, but it does not run as root and cannot use it",
            taken_back(posture, name, item.origin, effect="safe"),
            at=item,
        )


def _its_program_asks(posture: Posture) -> tuple[str, ...]:
    image = base_image(posture)
    return _ASKED_BY_THE_PROGRAM.get(image.official, ()) if image is not None else ()


def _without_file_capabilities(posture: Posture) -> bool:
    stage = posture.service.stage if posture.service else None
    return stage is not None and not any("setcap" in run.text for run in stage.inherited("RUN"))


@control(severity="info", optional=True, owasp="RULE 3")
def no_needless_net_bind_service(posture: Posture) -> Findings:
    """NET_BIND_SERVICE is added only where a low port needs it.

    In a network namespace of its own the engine (20.10 and newer) lets everybody bind every port, and a port above
    1023 never needs it. It is needed with the host's network, and by the official image of caddy, whose program the
    kernel does not start without it.

    Bad::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add:
              - NET_BIND_SERVICE  # <-
            ports: ["127.0.0.1:8000:8000"]

    Good::

        services:
          web:
            image: app
            network_mode: host
            cap_drop: [ALL]
            cap_add: [NET_BIND_SERVICE]

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add: [NET_BIND_SERVICE]
            sysctls:
              net.ipv4.ip_unprivileged_port_start: "1024"
    """
    item = added(posture).get("NET_BIND_SERVICE")
    if item is None or posture.service is None:
        not_applicable("NET_BIND_SERVICE is not added")
    if posture.network_mode.value.startswith(("host", "container:", "service:")) or _its_program_asks(posture):
        return
    if posture.sysctls.value.get("net.ipv4.ip_unprivileged_port_start", "0") != "0":
        return
    yield posture.service.finding(
        "NET_BIND_SERVICE is not needed in a network of its own",
        taken_back(posture, "NET_BIND_SERVICE", item.origin),
        at=item,
    )


@control(severity="medium", plan="P1")
def root_server_can_step_down(posture: Posture) -> Findings:
    """A server that starts as root keeps the capabilities to step down.

    nginx as root with ``cap_drop: [ALL]`` and nothing added fails at start: it may neither change the owner of its
    directories nor become its own user. The same holds for the official redis, postgres, mysql and mongo entrypoints.
    Apache starts and its workers, which are to be `www-data`, go on as root.

    Bad::

        services:
          web:
            image: nginx:1.27
            cap_drop: [ALL]  # <-

    Good::

        services:
          web:
            image: nginx:1.27
            cap_drop: [ALL]
            cap_add: [CHOWN, SETGID, SETUID]

    Good::

        services:
          web:
            image: nginx:1.27
            user: "101:101"
            cap_drop: [ALL]
    """
    service = posture.service
    apache = bool(runs_apache(posture))
    needed = _APACHE if apache else _STEP_DOWN.get(family(posture))
    if service is None or needed is None:
        not_applicable("it is not a server that is known to step down from root")
    if posture.privileged.get(False) or not posture.runs_as_root.get(not service.text("user")):
        return
    if service.get("entrypoint") is not None or _runs_a_shell(posture):
        return  # the entrypoint that steps down is not what runs
    missing = [name for name in needed if name not in posture.cap_bounding.value]
    if missing:
        back = sorted({*needed, *_own_their_data(posture)})
        what = "its workers stay root: it" if apache else "it cannot start: as root it"
        yield posture.cap_bounding.finding(
            f"{what} needs {', '.join(missing)} to step down",
            Remedy(
                f"user: the server's own uid:gid\n# or\ncap_add: [{', '.join(back)}]",
                tuple(Edit("append", ("cap_add",), name) for name in back if name not in posture.cap_bounding.value),
                "behaviour-changing",
            ),
        )


def _own_their_data(posture: Posture) -> tuple[str, ...]:
    image = base_image(posture)
    if image is not None and unpacks_itself(image):
        return ("CHOWN", "DAC_OVERRIDE", "FOWNER")
    return _OWN_THEIR_DATA.get(family(posture), ())


def _runs_a_shell(posture: Posture) -> bool:
    command = posture.command.get(())
    return bool(command) and command[0].rsplit("/", 1)[-1] in {"sh", "bash", "ash", "dash"}


@control(severity="medium")
def known_capability_names(posture: Posture) -> Findings:
    """Every capability name is one that the engine takes.

    The engine refuses to create a container with a name it does not know; ``CAP_ALL`` is one of those.

    Bad::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add:
              - NETADMIN  # <-

    Good::

        services:
          web:
            image: app
            cap_drop: [all]
            cap_add: [cap_net_raw]
    """
    service = posture.service
    if service is None:
        not_applicable("the engine has taken the names of a running container")
    for key in ("cap_add", "cap_drop"):
        for item in service.items(key):
            name = item.text()
            if not item.unresolved and canonical(name) not in ALL and name.upper() != "ALL":
                yield service.finding(f"the engine knows no capability {name}", at=item)
