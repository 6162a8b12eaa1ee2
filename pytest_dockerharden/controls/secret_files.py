"""The files that hold secrets: on the host, in the checkout, in images and in containers."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.files import FileFact
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.remedies import advice

_OTHERS_READ = 0o004


_GROUP_OR_OTHERS_READ = 0o044


_MAKES_ROOT_READ = frozenset({"DAC_OVERRIDE", "DAC_READ_SEARCH"})


def _secret_files(project: Project) -> Iterator[tuple[str, Node, FileFact]]:
    """Name, ``file:`` node and fact of every secret that is a file inside the project."""
    any_found = False
    for name, secret in project.secrets.items():
        node = secret.get("file")
        if node is None or node.unresolved:
            continue
        fact = project.local[node.text()]
        if fact.inside:
            any_found = True
            yield name, node, fact
    if not any_found:
        not_applicable("no secret is a file of the project")


def short_path(project: Project, node: Node) -> str:
    """A path as it is typed in the folder of the project."""
    return node.text().removeprefix(f"{project.directory}/")


@control(severity="high", plan="P2")
def secret_files_exist(project: Project) -> Findings:
    """Every secret's file is there and holds something.

    A missing file keeps the stack from starting. An empty one is worse: many a program then runs without a password.
    A file that git ignores is made where the stack is deployed, so nothing is said of it here.

    Bad::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./secrets/redis_password.txt  # <-

    Good::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./secrets/redis_password.txt
        # file: secrets/redis_password.txt
        not-a-real-one
    """
    ignored = False
    for name, node, fact in _secret_files(project):
        if not fact.exists:
            ignored = ignored or bool(fact.git_ignored)
            if not fact.git_ignored:
                yield project.finding(
                    f"the file of secret {name} is missing", advice(f"create {short_path(project, node)}"), at=node
                )
        elif fact.is_dir:
            yield project.finding(f"secret {name} is a directory", advice("name a file"), at=node)
        elif fact.size == 0:
            yield project.finding(f"the file of secret {name} is empty", advice("write the secret into it"), at=node)
    if ignored:
        unknown("a secret's file is ignored by git and not there: it is made where the stack runs")


@control(severity="low", plan="P2", optional=True)
def secret_files_are_private(project: Project) -> Findings:
    """No secret's file is readable by every user of the host.

    A file secret is a bind mount: `mode:` in the compose file changes nothing, the mode on the host counts.

    Bad::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./secrets/redis_password.txt  # <-
        # file: secrets/redis_password.txt
        not-a-real-one

    Good::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            environment: REDIS_PASSWORD
    """
    for name, node, fact in _secret_files(project):
        if fact.exists and not fact.is_dir and fact.mode & _OTHERS_READ:
            yield project.finding(
                f"every user of the host can read the file of secret {name}",
                advice(f"chown UID {short_path(project, node)} && chmod 0400 {short_path(project, node)}"),
                at=node,
            )


@control(severity="critical", plan="P2", owasp="RULE 12", equivalents={"kics": "passwords_and_secrets"})
def secret_files_are_not_tracked(project: Project) -> Findings:
    """No secret's file is in git.

    Whoever can read the repository, or could at any time, has the secret; deleting the file does not take it back.

    Bad::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./redis_password.txt  # <-
        # file: redis_password.txt (in git)
        not-a-real-one

    Good::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./redis_password.txt
        # file: redis_password.txt
        not-a-real-one
    """
    for name, node, fact in _secret_files(project):
        if fact.tracked and not is_sample(fact.path):
            yield project.finding(
                f"the file of secret {name} is in git",
                advice(f"git rm --cached {short_path(project, node)}, ignore it, and change the secret"),
                at=node,
            )


def is_sample(path: str) -> bool:
    """Whether the name of a file says that it holds examples."""
    name = path.rsplit("/", 1)[-1].lower()
    return any(word in name for word in ("example", "sample", "template", "dummy", ".dist"))


@control(severity="medium", plan="P2", owasp="RULE 12")
def secret_files_are_ignored(project: Project) -> Findings:
    """Git ignores every secret's file.

    The next `git add .` commits it otherwise.

    Bad::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./secrets/redis_password.txt  # <-
        # file: .git/HEAD
        ref: refs/heads/main

    Good::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./secrets/redis_password.txt
        # file: .git/HEAD
        ref: refs/heads/main
        # file: .gitignore
        secrets/
    """
    if project.local.checkout is None:
        not_applicable("not a git checkout")
    for name, node, fact in _secret_files(project):
        if fact.git_ignored is False and not fact.tracked:
            yield project.finding(
                f"git does not ignore the file of secret {name}", advice("add it to .gitignore"), at=node
            )


@control(severity="high", plan="P2", owasp="RULE 12")
def secret_files_stay_out_of_images(service: Service) -> Findings:
    """No secret's file is copied into an image.

    `COPY . .` takes every file of the build context that .dockerignore does not exclude, and a layer keeps it for
    whoever pulls the image.

    Bad::

        services:
          web:
            build: .
            secrets:
              - api_token
        secrets:
          api_token:
            file: ./secrets/api_token
        # file: secrets/api_token
        not-a-real-one
        # file: Dockerfile
        FROM python:3.12
        COPY . /app  # <-

    Good::

        services:
          web:
            build: .
            secrets:
              - api_token
        secrets:
          api_token:
            file: ./secrets/api_token
        # file: secrets/api_token
        not-a-real-one
        # file: Dockerfile
        FROM python:3.12
        COPY . /app
        # file: .dockerignore
        secrets
    """
    dockerfile, stage = service.dockerfile, service.stage
    if dockerfile is None or stage is None or dockerfile.context is None:
        not_applicable("nothing is built here")
    prefix = dockerfile.context.rstrip("/") + "/"
    inside = [fact.path[len(prefix) :] for _, _, fact in _secret_files(service.project) if fact.path.startswith(prefix)]
    kept = [path for path in inside if dockerfile.ignore is None or not dockerfile.ignore.excludes(path)]
    for instruction in stage.inherited("COPY", "ADD"):
        if instruction.flag("from") is not None or not instruction.words:
            continue
        for source in instruction.words[:-1]:
            taken = next((path for path in kept if _covers(source.text, path)), None)
            if taken is not None:
                yield service.finding(
                    f"{taken} is copied into the image", advice("exclude it in .dockerignore"), at=instruction.origin
                )
                break


def _covers(source: str, path: str) -> bool:
    clean = source.removeprefix("./").strip("/")
    return clean in {"", ".", "*"} or path == clean or path.startswith(clean + "/")


@control(severity="high", plan="P2")
def secret_files_are_readable(posture: Posture) -> Findings:
    """The service can read the secrets that it is granted.

    The owner and mode of the file on the host are those in the container. What cannot be read is often taken for
    empty: redis then starts without a password.

    Bad::

        services:
          cache:
            image: redis:7.4
            user: "4242:4242"
            secrets:
              - redis_password  # <-
        secrets:
          redis_password:
            file: ./redis_password.txt
        # file: redis_password.txt (0600)
        not-a-real-one

    Good::

        services:
          cache:
            image: redis:7.4
            user: "4242:4242"
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./redis_password.txt
        # file: redis_password.txt
        not-a-real-one
    """
    service = posture.service
    grants = list(_granted_files(service)) if service is not None and posture.phase == "static" else []
    if service is None or not grants:
        not_applicable("no file secret is granted")
    for grant, fact in grants:
        if not fact.exists or fact.mode & _GROUP_OR_OTHERS_READ:
            continue
        uid = posture.uid.value
        if uid == 0 and _MAKES_ROOT_READ & posture.cap_effective.value:
            continue
        if uid != fact.uid:
            yield service.finding(
                f"uid {uid} cannot read it: the file is {fact.mode & 0o777:04o} and belongs to uid {fact.uid}",
                advice(f"chown {uid} and chmod 0400 the file on the host"),
                at=grant,
            )


def _granted_files(service: Service) -> Iterator[tuple[Node, FileFact]]:
    for grant in service.items("secrets"):
        source = grant.get("source") or grant
        secret = service.project.secrets.get(source.text())
        node = secret.get("file") if secret is not None else None
        if node is not None and not node.unresolved:
            fact = service.project.local[node.text()]
            if fact.inside:
                yield grant, fact


@control(severity="high", plan="P2")
def secrets_can_be_delivered(service: Service) -> Findings:
    """A read-only service gets its secrets and configs as files.

    Compose copies those that come from the environment or are written in the compose file into the container after it
    is created, which a read-only root filesystem refuses: the service does not start.

    Bad::

        services:
          web:
            image: app
            read_only: true
            secrets:
              - token  # <-
        secrets:
          token:
            environment: TOKEN

    Good::

        services:
          web:
            image: app
            read_only: true
            secrets:
              - token
        secrets:
          token:
            file: ./secrets/token
    """
    if service.posture is None or not service.posture.read_only_rootfs.get(False):
        not_applicable("the root filesystem is writable")
    for kind, declared in (("secret", service.project.secrets), ("config", service.project.configs)):
        for grant in service.items(f"{kind}s"):
            source = grant.get("source") or grant
            resource = declared.get(source.text())
            if resource is not None and (resource.get("environment") or resource.get("content")):
                yield service.finding(
                    f"{kind} {source.text()} cannot be put into a read-only container",
                    advice(f"give the {kind} by `file:`"),
                    at=grant,
                )


@control(severity="low", plan="P2")
def secret_settings_take_effect(service: Service) -> Findings:
    """A file secret is not given an owner or a mode that nobody applies.

    `uid`, `gid` and `mode` are for Swarm. Elsewhere the file on the host decides, and the line promises a protection
    that is not there.

    Bad::

        services:
          cache:
            image: redis:7.4
            secrets:
              - source: redis_password
                mode: 0400  # <-
        secrets:
          redis_password:
            file: ./redis_password.txt

    Good::

        services:
          cache:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./redis_password.txt
    """
    for kind, declared in (("secrets", service.project.secrets), ("configs", service.project.configs)):
        for grant in service.items(kind):
            source = grant.get("source") or grant
            resource = declared.get(source.text())
            if resource is None or resource.get("file") is None:
                continue
            setting = next((node for key in ("mode", "uid", "gid") if (node := grant.get(key)) is not None), None)
            if setting is not None:
                yield service.finding(
                    "owner and mode of a file are those on the host", advice("set them on the host"), at=setting
                )
