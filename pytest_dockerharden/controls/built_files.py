"""Files in the layers of a built image that give away a secret, or a right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_dockerharden.model.built import USUAL_PRIVILEGED
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.image import Image, ImageFile
from pytest_dockerharden.model.remedies import advice

_MOUNT = advice("RUN --mount=type=secret,id=NAME ...\n# and replace the key: whoever could pull the image has it")


@control(
    severity="critical",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents={"dockle": "CIS-DI-0010"},
)
def built_without_keys(image: Image) -> Findings:
    """No layer of the image holds a private key.

    Everybody who may pull the image has the key. To delete it in a later step does not help: the layer that brought it
    is pulled all the same. A host key of SSH that is in the image is the same in all containers of the world.

    Bad::

        FROM debian:12.5
        COPY id_ed25519 /root/.ssh/id_ed25519  # <-
        RUN rm /root/.ssh/id_ed25519
        # file: id_ed25519
        -----BEGIN OPENSSH PRIVATE KEY-----
        b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz
        -----END OPENSSH PRIVATE KEY-----

    Good::

        FROM debian:12.5
        COPY id_ed25519.pub /root/.ssh/authorized_keys
        # file: id_ed25519.pub
        ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 me@example.org
    """
    for file in _each_once(image.of("private-key")):
        what = f"{file.path} is {_KEYS.get(file.detail, 'a private key')}"
        yield image.finding_in(file, f"{what}{_though_deleted(file)}", _MOUNT)


_KEYS = {"encrypted": "an encrypted private key", "key store": "a store of private keys"}


@control(
    severity="critical",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents={"dockle": "CIS-DI-0010"},
)
def built_without_credential_files(image: Image) -> Findings:
    """No layer of the image holds a file with credentials.

    An `.env`, an `.npmrc` with a token, the configuration of the docker command: all of them are there to be read by
    whoever has the image, also where a later step deletes them. Files of the right name with no credential in them are
    not meant.

    Bad::

        FROM debian:12.5
        COPY npmrc /root/.npmrc  # <-
        RUN rm /root/.npmrc
        # file: npmrc
        //registry.npmjs.org/:_authToken=npm_0123456789abcdefghijABCDEFGHIJ012345

    Good::

        FROM debian:12.5
        COPY npmrc /root/.npmrc
        COPY env.example /app/.env.example
        # file: npmrc
        //registry.npmjs.org/:_authToken=${NPM_TOKEN}
        # file: env.example
        DB_PASSWORD=change-me
    """
    for file in _each_once(image.of("credentials")):
        yield image.finding_in(file, f"{file.path} holds credentials{_though_deleted(file)}", _MOUNT)


@control(severity="medium", nist="4.1.4", owasp="RULE 12", equivalents={"dockle": "DKL-LI-0003"})
def built_without_repositories(image: Image) -> Findings:
    """No layer of the image holds a repository with its history.

    A `.git` holds every version of every file, the credentials that somebody took out again among them, and may hold
    the password of the remote in its configuration.

    Bad::

        FROM debian:12.5
        COPY . /app  # <-
        # file: .git/HEAD
        ref: refs/heads/main

    Good::

        FROM debian:12.5
        COPY app.py /app/
        # file: app.py
        print("hello")
    """
    for file in _each_once(image.of("repository")):
        folder = file.path.rpartition("/")[0]
        remedy = advice(f"# .dockerignore\n{folder.rpartition('/')[2]}")
        yield image.finding_in(file, f"{folder} is a repository{_though_deleted(file)}", remedy)


@control(
    severity="low",
    optional=True,
    cis="4.8",
    owasp="RULE 4",
    nist="4.1.2",
    equivalents={"dockle": "CIS-DI-0008", "docker-bench": "4.8"},
)
def built_without_privileged_programs(image: Image) -> Findings:
    """No program of the image gives its user more rights than he has.

    A setuid or setgid program, or one with file capabilities, is a way up for whoever breaks in. Every distribution
    brings some; `chmod a-s` in the build takes them away, and `no-new-privileges` makes them harmless.

    Bad::

        FROM debian:12.5
        RUN touch /usr/bin/tool && chmod 4755 /usr/bin/tool  # <-

    Good::

        FROM debian:12.5
        RUN chmod a-s /bin/* /usr/bin/* /usr/sbin/* || true
    """
    files = _by_path(image.visible("setuid", "setgid", "capability"))
    if files:
        remedy = advice(
            "RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +\n# or security_opt: [no-new-privileges:true]"
        )
        yield image.finding_in(files[0], f"{_listed(files, 'program')} with setuid, setgid or capabilities", remedy)


@control(severity="medium", cis="4.8", owasp="RULE 4", nist="4.1.2")
def built_without_unusual_privileged_programs(image: Image) -> Findings:
    """Only programs that are known for it have setuid, setgid or capabilities.

    `su` and `passwd` come with every distribution and have been looked at for decades. What a build adds has not been.

    Bad::

        FROM debian:12.5
        RUN cp /bin/sh /usr/local/bin/rootsh && chmod 4755 /usr/local/bin/rootsh  # <-

    Good::

        FROM debian:12.5
        RUN cp /bin/sh /usr/local/bin/sh
    """
    found = image.visible("setuid", "setgid", "capability")
    for file in _by_path(f for f in found if f.path.rpartition("/")[2] not in USUAL_PRIVILEGED):
        right = {"setuid": "is setuid", "setgid": "is setgid"}.get(file.kind, f"has the capabilities {file.detail}")
        yield image.finding_in(file, f"{file.path} {right}", advice(f"RUN chmod a-s {file.path}"))


@control(severity="medium", nist="4.1.2")
def built_without_world_writable_files(image: Image) -> Findings:
    """No file of the image can be changed by everybody.

    Whoever runs any code in the container rewrites it; where it is a script or a configuration, the service does the
    rest. A directory with the sticky bit, as /tmp, is fine.

    Bad::

        FROM debian:12.5
        RUN mkdir /opt/app && touch /opt/app/start && chmod 777 /opt/app/start  # <-

    Good::

        FROM debian:12.5
        RUN mkdir /opt/app && touch /opt/app/start && chmod 755 /opt/app/start && mkdir -m 1777 /opt/app/uploads
    """
    files = _by_path(image.visible("world-writable", "world-writable-directory"))
    if files:
        what = "directory" if len(files) == 1 and "directory" in files[0].kind else "file"
        yield image.finding_in(
            files[0], f"{_listed(files, what)} writable for everybody", advice(f"RUN chmod o-w {files[0].path}")
        )


@control(severity="medium", nist="4.1.2")
def built_without_device_files(image: Image) -> Findings:
    """The image brings no device files.

    What /dev needs the engine makes. A device file elsewhere is a door to the host's hardware as soon as the container
    has the right to open it.

    Bad::

        FROM debian:12.5
        RUN mknod /opt/memory c 1 11  # <-

    Good::

        FROM debian:12.5
        RUN mkfifo /opt/pipe
    """
    for file in _by_path(image.visible("device")):
        yield image.finding_in(file, f"{file.path} is a {file.detail} device", advice(f"RUN rm {file.path}"))


@control(severity="high", nist="4.1.2")
def built_layers_stay_inside(image: Image) -> Findings:
    """No layer names a place outside of the image.

    Builders write no `..` into a layer. Who made this archive wants whoever unpacks it to overwrite a file of his.

    Bad::

        # file: layer
        ../../etc/cron.d/job

    Good::

        # file: layer
        etc/cron.d/job
    """
    for file in image.of("escaping"):
        yield image.finding_in(file, f"{file.path} is written with `..`", advice("do not use this image"))


def _each_once(files: Iterable[ImageFile]) -> list[ImageFile]:
    """One of each path: that which a container sees, or else the last one that is hidden."""
    found: dict[str, ImageFile] = {}
    for file in files:
        known = found.get(file.path)
        if known is None or file.hidden_by is None or known.hidden_by is not None:
            found[file.path] = file
    return list(found.values())


def _by_path(files: Iterable[ImageFile]) -> list[ImageFile]:
    return sorted({file.path: file for file in files}.values(), key=lambda file: file.path)


def _though_deleted(file: ImageFile) -> str:
    return "" if file.hidden_by is None else ", in a layer below the one that deletes it"


def _listed(files: Sequence[ImageFile], what: str) -> str:
    if len(files) == 1:
        return f"{files[0].path} is a {what}"
    rest = f", {files[1].path} and {len(files) - 2} more" if len(files) > 2 else f" and {files[1].path}"
    return f"{files[0].path}{rest} are {what}s"
