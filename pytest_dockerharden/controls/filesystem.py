"""What a container can write on a root that is to be read-only."""

from __future__ import annotations

from dataclasses import replace

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Edit, Findings, Remedy
from pytest_dockerharden.model.known_images import server_user, writes_its_root
from pytest_dockerharden.model.paths import covers
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import advice, append_item, set_key
from pytest_dockerharden.model.roles import base_image, family, runs_apache

# what a server writes while it runs, by the name of its image
_NEEDED_WRITABLE: dict[str, tuple[str, ...]] = {
    "nginx": ("/var/cache/nginx", "/run"),
    "nginx-unprivileged": ("/tmp",),  # noqa: S108
    "postgres": ("/run/postgresql",),
    "mysql": ("/run/mysqld",),
    "mariadb": ("/run/mysqld",),
}
# by whose Apache it is: the directory of the pid file, without which it does not start
_NEEDED_BY_APACHE = {"debian": ("/run/apache2",), "httpd": ("/usr/local/apache2/logs",)}
# of the first, whose start-up script gives the directory to the server's user only where it is not the owner already
_STEP_DOWN = frozenset({"postgres", "mysql", "mariadb"})
# Python's multiprocessing, and gunicorn's sign of life
_NEEDS_TEMPORARY_FILES = frozenset({"celery", "gunicorn"})


@control(
    severity="medium",
    plan="P1",
    cis="5.13",
    owasp="RULE 8",
    nist="4.4.4",
    equivalents={"semgrep": "writable-filesystem-service", "compose-lint": "CL-0007", "docker-bench": "5.13"},
)
def read_only_rootfs(posture: Posture) -> Findings:
    """The root filesystem is read-only.

    An intruder who cannot write cannot drop a tool, plant a web shell or change a configuration. Of an image that is
    known not to start so (s6 overlays, all-in-one appliances) nothing is said.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            read_only: true
    """
    if not posture.read_only_rootfs.value:
        if (image := base_image(posture)) is not None and writes_its_root(image):
            not_applicable("what this image starts with writes into its own root")
        yield posture.read_only_rootfs.finding(
            "the root filesystem is writable",
            _read_only(posture),
        )


def _read_only(posture: Posture) -> Remedy:
    """With a tmpfs where the command is one that is known not to start without a directory for temporary files."""
    remedy = set_key("read_only", True, breaks="a program that writes outside its volumes and tmpfs")
    commands = posture.service.command_script.commands if posture.service else ()
    needs_it = any(command.name in _NEEDS_TEMPORARY_FILES for command in commands)
    mounts = posture.mounts.get(None)
    if not needs_it or mounts is None or any(covers(mount.target, "/tmp") for mount in mounts):  # noqa: S108
        return remedy
    tmpfs = append_item("tmpfs", "/tmp:size=64m")  # noqa: S108
    return replace(remedy, text=f"{remedy.text}\n{tmpfs.text}", edits=(*remedy.edits, *tmpfs.edits))


@control(severity="low", plan="P1", owasp="RULE 8")
def no_writable_image_volumes(posture: Posture) -> Findings:
    """A read-only root has no anonymous volumes that stay writable.

    Each VOLUME of the image becomes a writable, executable volume without a name, whatever ``read_only`` says, and is
    left behind when the container goes.

    Bad::

        services:
          redis:  # <-
            image: redis:7-alpine
            read_only: true

    Good::

        services:
          redis:
            image: redis:7-alpine
            read_only: true
            tmpfs: ["/data:size=64m,uid=999,gid=1000"]

    Good::

        services:
          redis:
            image: redis:7-alpine
    """
    if not posture.read_only_rootfs.value:
        not_applicable("the root filesystem is writable anyway")
    for mount in posture.mounts.value:
        if mount.anonymous and not mount.read_only:
            yield posture.mounts.finding(
                f"{mount.target} is an anonymous volume and stays writable",
                advice(f"tmpfs:\n  - {mount.target}:size=64m\n# or a named volume at {mount.target}"),
                at=mount.origin,
            )


def _owner(posture: Posture) -> str:
    """The options for the owner of a tmpfs: who runs, or whom a database becomes that starts as root."""
    uid, gid = posture.uid.get(None), posture.gid.get(None)
    if uid == 0 or (uid is None and family(posture) not in _STEP_DOWN):
        return ""
    if uid is None or gid is None:
        image = base_image(posture)
        user = server_user(image) if image is not None else None
        if user is None or (posture.service is not None and posture.service.text("user")):
            return ""
        uid, gid = user
    return f",uid={uid},gid={gid},mode=0755"


def _tmpfs(paths: list[str], options: str) -> Remedy:
    written = [f"{path}:size=16m{options}" for path in paths]
    text = "tmpfs:\n" + "\n".join(f"  - {item}" for item in written)
    breaks = "a server that puts more there, or what the image has there"
    return Remedy(text, tuple(Edit("append", ("tmpfs",), item) for item in written), "behaviour-changing", breaks)


@control(severity="medium", plan="P1")
def read_only_server_can_write_what_it_needs(posture: Posture) -> Findings:
    """A server with a read-only root can still write what it must.

    nginx fails at start when /var/cache/nginx or its pid file cannot be written, Apache when its pid file, postgres and
    mysql when the directory of their socket cannot.

    Bad::

        services:
          web:
            image: nginx:1.27
            read_only: true  # <-

    Good::

        services:
          web:
            image: nginx:1.27
            read_only: true
            tmpfs: ["/var/cache/nginx:size=16m", "/var/run:size=1m"]

    Good::

        services:
          web:
            image: nginxinc/nginx-unprivileged:1.27
            read_only: true
            tmpfs: ["/tmp:size=16m"]
    """
    needed = _NEEDED_WRITABLE.get(family(posture)) or _NEEDED_BY_APACHE.get(runs_apache(posture))
    if needed is None or posture.phase != "static":
        not_applicable("what it has to write is not known")
    if not posture.read_only_rootfs.value:
        not_applicable("the root filesystem is writable")
    targets = [mount.target for mount in posture.mounts.value if not mount.read_only]
    missing = [path for path in needed if not any(covers(target, path) for target in targets)]
    if posture.service and posture.service.nginx:
        missing = [path for path in missing if path not in _moved_by_configuration(posture)]
    if missing:
        yield posture.read_only_rootfs.finding(
            f"it cannot start: it has to write to {' and '.join(missing)}",
            _tmpfs(missing, _owner(posture)),
        )


def _moved_by_configuration(posture: Posture) -> set[str]:
    """The default paths that the service's own nginx configuration does not use."""
    files = posture.service.nginx if posture.service else ()
    moved = set()
    if any(file.named("pid") for file in files):
        moved.add("/run")
    if any(file.named("client_body_temp_path") for file in files):
        moved.add("/var/cache/nginx")
    return moved
