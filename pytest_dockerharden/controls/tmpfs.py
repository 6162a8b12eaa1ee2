"""What a tmpfs allows, hides and loses."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.paths import covers, real
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.model.remedies import advice, rewrite_item, set_in_item
from pytest_dockerharden.model.roles import family

# directories that images make writable for everybody
_OPEN_DIRECTORIES = frozenset({"/tmp", "/var/tmp", "/dev/shm", "/run/lock"})  # noqa: S108
_MORE = "a program that puts more there"


def _tmpfs(posture: Posture) -> list[Mount]:
    found = [mount for mount in posture.mounts.value if mount.kind == "tmpfs"]
    return found or not_applicable("it has no tmpfs")


def _is_bare(posture: Posture, mount: Mount) -> bool:
    """Whether it is written in the long form, without any option."""
    items = posture.service.items("volumes") if posture.service is not None else []
    return any(item.origin == mount.origin and item.get("tmpfs") is None for item in items)


def _opposites(flags: list[str]) -> str:
    return ", ".join(flag[2:] for flag in flags)


def _written(posture: Posture, mount: Mount, text: str, *, without: list[str] | None = None, **options: str) -> Remedy:
    """The item of ``tmpfs`` with other options, where it is written out in the short form."""
    items = posture.service.items("tmpfs") if posture.service is not None else []
    item = next((item for item in items if item.origin == mount.origin), None)
    if (
        item is None
        and options.keys() == {"size"}
        and _is_bare(posture, mount)
        and isinstance(mount.origin, TextOrigin)
    ):
        return set_in_item("volumes", mount.origin, "tmpfs", {"size": options["size"]}, breaks=_MORE)
    if item is None or item.template is not None or not (without or options):
        return advice(text)
    path, _, given = item.text().partition(":")
    dropped = {*options, *(flag[2:] for flag in without or ())}
    kept = [option for option in given.split(",") if option and option.split("=")[0] not in dropped]
    new = ":".join(filter(None, (path, ",".join([*kept, *(f"{name}={value}" for name, value in options.items())]))))
    breaks = _MORE if "size" in options else ""
    return rewrite_item("tmpfs", item.origin, new, text=text, breaks=breaks)


@control(severity="low", plan="P1", owasp="RULE 8")
def tmpfs_size_limited(posture: Posture) -> Findings:
    """Every tmpfs has a size.

    Without ``size`` a tmpfs grows to half of the machine's memory, and what is in it counts against the container's
    memory limit: who fills it brings the service down.

    Bad::

        services:
          web:
            image: app
            tmpfs:
              - /tmp  # <-

    Bad::

        services:
          web:
            image: app
            volumes:
              - type: tmpfs  # <-
                target: /tmp

    Good::

        services:
          web:
            image: app
            tmpfs:
              - /tmp:size=64m

    Good::

        services:
          web:
            image: app
            volumes:
              - type: tmpfs
                target: /tmp
                tmpfs:
                  size: 64m
    """
    for mount in _tmpfs(posture):
        relative = any(option.startswith("size=") and option.endswith("%") for option in mount.options)
        if mount.size is None and not relative:
            yield posture.mounts.finding(
                f"the tmpfs at {mount.target} has no size",
                _written(posture, mount, f"{mount.target}:size=64m", size="64m"),
                at=mount.origin,
            )


@control(severity="medium", plan="P1", owasp="RULE 8", equivalents={"compose-lint": "CL-0022"})
def tmpfs_not_executable(posture: Posture) -> Findings:
    """Nothing can be executed from a tmpfs.

    A tmpfs is the one place an intruder can write on a read-only root. The engine mounts it noexec and nosuid; ``exec``
    and ``suid`` take that back. ``dev`` gives nothing: the device rules of the container hold there as well.

    Bad::

        services:
          web:
            image: app
            tmpfs:
              - /tmp:size=64m,exec  # <-

    Good::

        services:
          web:
            image: app
            tmpfs:
              - /tmp:size=64m

    Good::

        services:
          web:
            image: app
            tmpfs:
              - /tmp:size=64m,noexec,nosuid
    """
    for mount in _tmpfs(posture):
        lost = [flag for flag in ("noexec", "nosuid") if flag not in mount.flags]
        if lost:
            yield posture.mounts.finding(
                f"the tmpfs at {mount.target} is not {', '.join(lost)}",
                _written(posture, mount, f"remove {_opposites(lost)} from its options", without=lost),
                at=mount.origin,
            )


@control(severity="medium", plan="P1")
def tmpfs_writable_by_user(posture: Posture) -> Findings:
    """A tmpfs belongs to the user that has to write to it.

    A tmpfs over a directory of the image takes that directory's mode, but root as its owner; over a path that the image
    does not have it is open to all at first and to root alone after a restart. Only ``uid`` or ``mode`` keep it right.

    Bad::

        services:
          web:
            image: app
            user: "1000:1000"
            tmpfs:
              - /var/cache/app:size=64m  # <-

    Good::

        services:
          web:
            image: app
            user: "1000:1000"
            tmpfs:
              - /var/cache/app:size=64m,uid=1000,gid=1000,mode=0700

    Good::

        services:
          web:
            image: app
            user: "1000:1000"
            tmpfs:
              - /var/cache/app:size=64m,mode=1777

    Good::

        services:
          web:
            image: app
            user: "1000:1000"
            tmpfs:
              - /tmp:size=64m
    """
    doubtful = [mount for mount in _tmpfs(posture) if not mount.read_only and not _open_to_all(mount)]
    if doubtful and posture.runs_as_root.value:
        return
    for mount in doubtful:
        if not _writable_by_owner(mount, posture):
            who = posture.uid.get(None)
            group = posture.gid.get(who)
            user = f"user {who}" if who is not None else "its user"
            text = f"{mount.target}:size=64m,uid={who or 'UID'},gid={group or 'GID'},mode=0700"
            owner = {} if who is None or group is None else {"uid": str(who), "gid": str(group), "mode": "0700"}
            yield posture.mounts.finding(
                f"{user} cannot write to the tmpfs at {mount.target}",
                _written(posture, mount, text, without=None, **owner),
                at=mount.origin,
            )


def _open_to_all(mount: Mount) -> bool:
    if mount.mode is not None:
        return bool(mount.mode & 0o002)
    return real(mount.target) in _OPEN_DIRECTORIES


def _writable_by_owner(mount: Mount, posture: Posture) -> bool:
    mode = 0o755 if mount.mode is None else mount.mode
    as_owner = mount.uid is not None and posture.uid.get(mount.uid) == mount.uid and mode & 0o200
    groups = posture.groups.get(frozenset[int]()) | {posture.gid.get(mount.gid)}
    as_group = mount.gid is not None and mount.gid in groups and mode & 0o020
    return bool(as_owner or as_group)


@control(severity="medium", plan="P1")
def tmpfs_hides_nothing(posture: Posture) -> Findings:
    """No tmpfs hides what the Dockerfile put under it.

    At run time a tmpfs starts empty: files copied there are gone, directories made and chowned there for the runtime
    user as well, and one over /var/log/nginx hides the links that bring its log to `docker logs`.

    Bad::

        services:
          web:
            build: .
            tmpfs:
              - /var/cache/app:size=64m,mode=1777  # <-
        # file: Dockerfile
        FROM debian:12.5
        COPY warm.db /var/cache/app/warm.db

    Bad::

        services:
          web:
            build: .
            tmpfs:
              - /run:size=1m  # <-
        # file: Dockerfile
        FROM debian:12.5
        RUN mkdir -p /var/run/app && chown app /var/run/app

    Good::

        services:
          web:
            build: .
            tmpfs:
              - /tmp:size=64m
        # file: Dockerfile
        FROM debian:12.5
        COPY app /usr/local/bin/app
        RUN mkdir /tmp/build && make && rm -rf /tmp/build
    """
    stage = posture.service.stage if posture.service else None
    if stage is None:
        not_applicable("its Dockerfile is not at hand")
    made = list(_made_by(stage.inherited("COPY", "ADD", "RUN")))
    for mount in _tmpfs(posture):
        hidden = next((path for path in made if covers(mount.target, path) and real(path) != real(mount.target)), None)
        if hidden:
            yield posture.mounts.finding(
                f"the tmpfs at {mount.target} hides {hidden} of the image",
                advice(f"make {hidden} at start, or mount the tmpfs elsewhere"),
                at=mount.origin,
            )
        elif real(mount.target) == "/var/log/nginx" and family(posture).startswith("nginx"):
            yield posture.mounts.finding(
                "the tmpfs at /var/log/nginx hides its links to stdout and stderr", at=mount.origin
            )


def _made_by(instructions: list[Instruction]) -> Iterator[str]:
    """Absolute paths that the instructions leave behind, as far as their text tells."""
    for instruction in instructions:
        if instruction.keyword == "RUN":
            yield from _made_by_script(instruction)
        elif len(instruction.words) > 1:
            target = instruction.words[-1].value or ""
            name = (instruction.words[0].value or "").rstrip("/").rsplit("/", 1)[-1]
            if target.startswith("/"):
                plain_file = len(instruction.words) == 2 and not target.endswith("/")
                yield target if plain_file else f"{target.rstrip('/')}/{name}"


def _made_by_script(run: Instruction) -> Iterator[str]:
    commands = run.script.commands
    removed = [word.value or "" for command in commands if command.name == "rm" for word in command.args]
    for command in commands:
        if command.name != "mkdir":
            continue
        for word in command.args:
            path = word.value or ""
            if path.startswith("/") and not any(gone and covers(gone, path) for gone in removed):
                yield path
