"""Files in a running container's root file system."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import FoundFile, Posture
from pytest_dockerharden.model.remedies import advice

_PROGRAMS = re.compile(r"/(?:usr/(?:local/)?)?(?:s?bin|lib(?:32|64|x32)?|libexec)/.+")
_CACHES = re.compile(r".*/__pycache__(?:/.*)?|.*\.py[co]|.*/(?:fontconfig|locale-archive|gdk-pixbuf-.*\.cache).*")


@control(
    severity="low",
    optional=True,
    cis="4.8",
    owasp="RULE 4",
    nist="4.1.2",
    equivalents={"docker-bench": "4.8", "dockle": "CIS-DI-0008"},
    live=True,
)
def no_privileged_programs(posture: Posture) -> Findings:
    """No program gives its user more rights than he has.

    A setuid or setgid program, or one with file capabilities, is a way up for whoever breaks in. With
    no-new-privileges they give nothing.

    Bad::

        services:
          web:  # <-
            image: app
            user: "4242"

    Good::

        services:
          web:
            image: app
            user: "4242"
            security_opt: ["no-new-privileges:true"]
    """
    if posture.no_new_privileges.value:
        not_applicable("with no-new-privileges they give nothing")
    found = _of(posture, "setuid", "setgid", "capability")
    if found:
        yield posture.files.finding(
            f"{_listed(found, 'program')} with setuid, setgid or capabilities",
            advice("security_opt: [no-new-privileges:true]\n# or RUN chmod a-s ... in the image"),
            at=found[0].origin,
        )


@control(severity="low", plan="P1", nist="4.1.2", live=True)
def nothing_writable_for_everybody(posture: Posture) -> Findings:
    """No file of the image can be changed by everybody.

    Whoever runs any code in the container rewrites it; where it is a script or a configuration, the service does the
    rest. A directory with the sticky bit, as /tmp, is fine.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "touch /opt/start; chmod 777 /opt/start; exec sleep 1000"]

    Good::

        services:
          web:
            image: app
            read_only: true
    """
    if posture.read_only_rootfs.value:
        not_applicable("the root file system is read-only")
    found = _of(posture, "world-writable", "world-writable-directory")
    if found:
        yield posture.files.finding(
            f"{_listed(found, 'file')} writable for everybody", advice("RUN chmod o-w ..."), at=found[0].origin
        )


@control(severity="medium", nist="4.1.2", live=True)
def no_device_files_in_image(posture: Posture) -> Findings:
    """The image brings no device files.

    What /dev needs the engine makes. A device file elsewhere is a door to the host's hardware as soon as the container
    has the right to open it.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "mknod /opt/memory c 1 11; exec sleep 1000"]

    Good::

        services:
          web:
            image: app
    """
    found = _of(posture, "device")
    if found:
        yield posture.files.finding(
            f"{_listed(found, 'device file')} outside /dev", advice("RUN rm ..."), at=found[0].origin
        )


@control(severity="high", cis="4.1", equivalents={"dockle": "DKL-LI-0001"}, live=True)
def no_account_without_password(posture: Posture) -> Findings:
    """No account lets in whoever asks.

    An empty password field in /etc/shadow or /etc/passwd means that `su` asks for none.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "echo 'guest::0:0::/:/bin/sh' >>/etc/passwd; exec sleep 1000"]

    Good::

        services:
          web:
            image: app
    """
    names = posture.passwordless.value
    if names:
        yield posture.passwordless.finding(
            f"{', '.join(sorted(names))} need{'s' if len(names) == 1 else ''} no password",
            advice("RUN passwd --lock ..."),
        )


@control(severity="medium", plan="P1", nist="4.4.4", live=True)
def programs_unchanged(posture: Posture) -> Findings:
    """Programs and libraries are those of the image.

    A program that was added or changed while the container runs was scanned by nobody and is gone with the next one:
    either it installs itself at every start, or somebody else put it there.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "cp /bin/sleep /usr/local/bin/nap; exec nap 1000"]

    Good::

        services:
          web:
            image: app
            command: ["sh", "-c", "touch /var/tmp/started; exec sleep 1000"]
    """
    # the engine makes the places to mount on, its own init program among them
    mounted = {mount.target for mount in posture.mounts.get(())}
    paths = [change.path for change in posture.changes.value if change.path not in mounted]
    folders = {path.rsplit("/", 1)[0] for path in paths}
    changed = [p for p in paths if p not in folders and _PROGRAMS.fullmatch(p) and not _CACHES.fullmatch(p)]
    if changed:
        yield posture.changes.finding(
            f"{_first(changed)} differ{'s' if len(changed) == 1 else ''} from the image",
            advice("install it in the image, and set `read_only: true`"),
        )


@control(severity="low", optional=True, nist="4.4.4", live=True)
def code_belongs_to_another(posture: Posture) -> Findings:
    """The service cannot change its own programs and configuration.

    What belongs to the user it runs as, an intruder rewrites in its name, and the service runs it at the next start.

    Bad::

        services:
          web:  # <-
            build: .
        # file: Dockerfile
        FROM debian:12.5
        RUN touch /opt/start && chown 4242 /opt/start
        USER 4242:4242

    Good::

        services:
          web:
            build: .
        # file: Dockerfile
        FROM debian:12.5
        RUN touch /opt/start
        USER 4242:4242
    """
    if posture.runs_as_root.value or posture.read_only_rootfs.value:
        not_applicable("as root it can change everything, with a read-only root nothing")
    path = posture.owned_files.value.get(posture.uid.value)
    if path is not None:
        yield posture.owned_files.finding(
            f"{path} belongs to the user it runs as", advice("COPY without --chown\n# or read_only: true")
        )


@control(severity="low", optional=True, owasp="RULE 8", live=True)
def no_writable_executable_mounts(posture: Posture) -> Findings:
    """What a container can write it cannot execute.

    With a read-only root the volumes are what is left to put a program on. `noexec` takes that away.

    Bad::

        services:
          web:  # <-
            image: app
            read_only: true
            volumes:
              - data:/data
        volumes:
          data: {}

    Good::

        services:
          web:
            image: app
            read_only: true
            tmpfs: ["/data:size=1m"]
          loose:
            image: app
    """
    if not posture.read_only_rootfs.value:
        not_applicable("the root file system is writable, and executable as well")
    for mount in posture.mounts.value:
        if mount.kind in ("volume", "bind") and not mount.read_only and "noexec" not in mount.flags:
            yield posture.mounts.finding(
                f"{mount.target} is writable, and what is written can be executed",
                advice("a tmpfs, or a volume with driver_opts: {type: none, o: 'bind,noexec', device: ...}"),
                at=mount.origin,
            )


def _of(posture: Posture, *kinds: str) -> list[FoundFile]:
    return [file for file in posture.files.value if file.kind in kinds]


def _listed(files: Sequence[FoundFile], what: str) -> str:
    if len(files) == 1:
        return f"{files[0].path} is a {what}"
    return f"{_first([file.path for file in files])} are {what}s"


def _first(paths: Sequence[str]) -> str:
    rest = len(paths) - 2
    return " and ".join(paths) if rest <= 0 else f"{', '.join(paths[:2])} and {rest} more"
