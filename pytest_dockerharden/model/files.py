"""What static mode knows of a file that a stack refers to: gathered once, so that controls do no I/O."""

from __future__ import annotations

from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class FileFact:
    """A file or directory that a compose file or Dockerfile names.

    ``path`` is absolute. ``inside`` tells whether it lies in the project; one outside is not looked at and every other
    field keeps its default. ``mode`` are the permission bits, ``size`` bytes. ``tracked`` and ``git_ignored`` are None
    outside a git checkout. ``keys`` are the variable names of an env file (values are not kept). ``has_sample`` tells
    of an env file that is not there whether one to make it from is. ``default_action`` is that of a seccomp profile,
    and ``refuses_nothing`` tells of one that lets every system call pass.
    """

    path: str
    inside: bool = True
    exists: bool = False
    is_dir: bool = False
    size: int = 0
    mode: int = 0
    uid: int = 0
    tracked: bool | None = None
    git_ignored: bool | None = None
    keys: tuple[str, ...] = ()
    has_sample: bool = False
    default_action: str = ""
    refuses_nothing: bool = False


@dataclass(slots=True, eq=False)
class ProjectFiles:
    """The files beside a project: ``facts`` by absolute path, and the folder of the checkout, where there is one.

    ``bare`` tells that the project's folder holds compose files and nothing else: they were taken from elsewhere, and
    that a file they name is not there says nothing.
    """

    facts: dict[str, FileFact] = field(default_factory=dict)
    checkout: str | None = None
    bare: bool = False

    def __getitem__(self, path: str) -> FileFact:
        """The fact; a file nobody asked about is outside."""
        return self.facts.get(path) or FileFact(path, inside=False)
