"""The files that an assembly opens: only below its root, each read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_dockerharden.model.nginx import NginxConfig
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem, SourceError
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.model.shell import Script
from pytest_dockerharden.paths import is_inside
from pytest_dockerharden.source.git import Checkout, find_checkout
from pytest_dockerharden.source.places import Places
from pytest_dockerharden.source.reading import beginning, read_source

if TYPE_CHECKING:
    from pytest_dockerharden.assemble import Combination


class Sources:
    """Reads files below ``root``. What cannot be read is one problem in ``failures``, once per file."""

    def __init__(
        self, root: str, *, running: bool = False, checkouts: dict[str, Checkout | None] | None = None
    ) -> None:
        self.root = os.path.realpath(root)
        self.running = running
        self.failures: list[Problem] = []
        self._texts: dict[str, str | None] = {}
        self._lines: dict[str, list[str]] = {}
        self._inside: dict[str, bool] = {}
        self._nginx: dict[tuple[str, str, str], NginxConfig] = {}
        self._scripts: dict[tuple[str, str], Script] = {}
        self._checkouts = checkouts if checkouts is not None else {}

    def project(self, combination: Combination, environment: Mapping[str, str]) -> Project | None:
        """The loaded project, or None where it cannot be read at all."""
        # a run on Dockerfiles alone needs neither the loader nor YAML
        from pytest_dockerharden.source.compose import LoadOptions, load

        options = LoadOptions(
            root=self.root,
            environment=environment,
            env_files=combination.env_files,
            profiles=combination.profiles,
            combination=combination.name,
            strict=self.running,
            resolve_required=self.running,
            project_directory=combination.project_directory,
            project_name=combination.project_name,
        )
        try:
            return load(combination.files, options)
        except SourceError as error:
            self.fail(error.problem)
            return None

    def fail(self, problem: Problem) -> None:
        """Note what cannot be judged."""
        if problem not in self.failures:
            self.failures.append(problem)

    def inside(self, path: str) -> bool:
        """Whether a path lies below the root with its links resolved."""
        # files share their folders, and each step on the way to one is a system call
        if path not in self._inside:
            folder, name = os.path.split(path)
            if folder not in self._inside:
                self._inside[folder] = is_inside(folder, self.root)
            below = self._inside[folder] and name not in ("", ".", "..") and "\0" not in name
            self._inside[path] = (below and not os.path.islink(path)) or is_inside(path, self.root)
        return self._inside[path]

    def is_file(self, path: str) -> bool:
        """Whether it is a file that may be opened."""
        return os.path.isfile(path) and self.inside(path)

    def read(self, path: str) -> str:
        """The text. Raises SourceError."""
        if not self.inside(path):
            raise SourceError(Problem("limit", "lies outside the project, it is not opened", beginning(path)))
        return read_source(path)

    def checkout(self, path: str) -> Checkout | None:
        """The git checkout that a path lies in, if it begins at or below the root."""
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        if folder not in self._checkouts:
            found = find_checkout(folder, self.root)
            known = (other for other in self._checkouts.values() if other and found and other.folder == found.folder)
            self._checkouts[folder] = next(known, found)
        return self._checkouts[folder]

    def text(self, path: str) -> str | None:
        """The text, None where it cannot be read; nothing is noted then."""
        if path not in self._texts:
            try:
                self._texts[path] = self.read(path)
            except SourceError:
                self._texts[path] = None
        return self._texts[path]

    def nginx(self, text: str, path: str, context: str) -> NginxConfig:
        """A configuration of nginx: several services, and each combination, have the same ones."""
        if (text, path, context) not in self._nginx:
            from pytest_dockerharden.source import nginx

            self._nginx[text, path, context] = nginx.parse(text, path, context)
        return self._nginx[text, path, context]

    def script(self, path: str, text: str) -> Script:
        """A shell script, which as well reaches several containers."""
        if (path, text) not in self._scripts:
            from pytest_dockerharden.source import shell  # the shell grammar costs 30 ms to import

            self._scripts[path, text] = shell.parse(text, Places.of_lines(path, text.split("\n")))
        return self._scripts[path, text]

    def span(self, origin: TextOrigin) -> str:
        """The source text of a span, empty where the file cannot be read."""
        if origin.file not in self._lines:
            self._lines[origin.file] = (self.text(origin.file) or "").split("\n")
        lines = self._lines[origin.file][origin.line - 1 : origin.end_line]
        if not lines:
            return ""
        lines[-1] = lines[-1][: origin.end_column - 1]
        lines[0] = lines[0][origin.column - 1 :]
        return "\n".join(lines)
