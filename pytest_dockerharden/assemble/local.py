"""What is known of the files beside a project: secrets, env files, bind sources, build contexts."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace

from pytest_dockerharden.assemble.sources import Sources
from pytest_dockerharden.model.files import FileFact, ProjectFiles
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.seccomp import profile_path, refuses_nothing

_COMPOSE_FILE = pattern(r"\.ya?ml\Z", re.IGNORECASE, needs=(".y",))
_SAMPLE = pattern(r"example|sample|template|tmpl|tpl|dist|default", re.IGNORECASE)


def attach_local(project: Project, sources: Sources) -> None:
    """Fill ``project.local`` with a fact for every path that the project names."""
    env_files = set(_env_files(project))
    paths = dict.fromkeys([*project.files, *project.read, *env_files, *_named(project)])
    facts = {path: file_fact(path, sources, is_env_file=path in env_files) for path in paths}
    for path in _seccomp_profiles(project):
        facts[path] = _profile_fact(path, sources)
    checkout = sources.checkout(project.directory)
    project.local = ProjectFiles(facts, checkout.folder if checkout else None, _is_bare(project))


def _is_bare(project: Project) -> bool:
    """Whether only compose files (and what is hidden) lie in the project's folder, and it is no checkout's own."""
    try:
        with os.scandir(project.directory) as entries:
            return all(entry.name.startswith(".") or _COMPOSE_FILE.search(entry.name) for entry in entries) and not (
                os.path.exists(os.path.join(project.directory, ".git"))
            )
    except OSError:
        return False


def file_fact(path: str, sources: Sources, *, is_env_file: bool = False) -> FileFact:
    """A look at one path; one outside the root is not looked at."""
    if not sources.inside(path):
        return FileFact(path, inside=False)
    checkout = sources.checkout(path)
    tracked = checkout.tracked(path) if checkout else None
    ignored = checkout.ignored(path) if checkout else None
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        has_sample = is_env_file and _has_sample(path)
        return FileFact(path, tracked=tracked, git_ignored=ignored, has_sample=has_sample)
    return FileFact(
        path,
        exists=True,
        is_dir=stat.S_ISDIR(status.st_mode),
        size=status.st_size,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        tracked=tracked,
        git_ignored=ignored,
        keys=_keys(path, sources) if is_env_file else (),
    )


def _has_sample(path: str) -> bool:
    """Whether ``.env.example``, ``env.sample``, ``example.env`` or the like stands beside ``.env``."""
    folder, name = os.path.split(path)
    parts = {part for part in name.split(".") if part}
    try:
        others = os.listdir(folder)
    except OSError:
        return False
    return any(_SAMPLE.search(other) and parts <= set(re.split(r"[._-]", other)) for other in others)


def _seccomp_profiles(project: Project) -> Iterator[str]:
    for service in project.services.values():
        for option in service.items("security_opt"):
            if (path := profile_path(option, project.directory)) is not None:
                yield path


def _profile_fact(path: str, sources: Sources) -> FileFact:
    fact = file_fact(path, sources)
    try:
        profile = json.loads(sources.text(path) or "") if fact.inside else None
    except (ValueError, RecursionError):
        return fact
    action = profile.get("defaultAction") if isinstance(profile, dict) else None
    return replace(
        fact,
        default_action=action if isinstance(action, str) else "",
        refuses_nothing=refuses_nothing(profile),
    )


def _keys(path: str, sources: Sources) -> tuple[str, ...]:
    from pytest_dockerharden.source.compose import dotenv

    text = sources.text(path)
    try:
        entries = dotenv.parse(text or "", path, {}, required=False)
    except SourceError:
        return ()
    return tuple(dict.fromkeys(entry.name for entry in entries))


def _env_files(project: Project) -> Iterator[str]:
    yield os.path.join(project.directory, ".env")
    for service in project.services.values():
        for item in service.env_files:
            node = item.get("path") if isinstance(item.value, dict) else item
            yield from _path(node, project)


def _named(project: Project) -> Iterator[str]:
    for declared in (*project.secrets.values(), *project.configs.values()):
        yield from _path(declared.get("file"), project)
    for service in project.services.values():
        yield from _of_service(service)


def _of_service(service: Service) -> Iterator[str]:
    project = service.project
    for item in service.items("volumes"):
        kind = item.get("type")
        if kind is not None and kind.text() == "bind":
            yield from _path(item.get("source"), project)
    context = service.get("build.context")
    if context is not None and "://" not in context.text():
        for path in _path(context, project):
            file = service.text("build.dockerfile") or "Dockerfile"
            yield from (path, os.path.join(path, ".dockerignore"), os.path.normpath(os.path.join(path, file)))
    if service.dockerfile is not None:
        yield service.dockerfile.path
    for config in service.nginx:
        yield config.path


def _path(node: Node | None, project: Project) -> Iterator[str]:
    if node is not None and node.text() and not node.unresolved:
        yield os.path.normpath(os.path.join(project.directory, node.text()))
