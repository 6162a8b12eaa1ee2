"""What a user asks to judge, taken from the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING

from pytest_dockerharden.discovery import checkout_of
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.paths import is_below
from pytest_dockerharden.policy import Overrides

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_dockerharden.model.image import ImageConfig


@dataclass(slots=True, eq=False)
class Request:
    """What to judge: all below ``directories``, and ``files``; absolute paths.

    ``choosing`` says that single items are asked for by their ids, out of all there are. ``start`` is where the user
    is, ``top`` the folder up to which a configuration may stand. ``images`` are configurations of images at hand.
    ``tallying`` says that of what passed, and of what does not apply, nobody will ask for more than the number.
    ``imports`` are reports of other scanners, ``scanners`` the names of those to run, and ``answers`` what those have
    said already; ``static`` says whether what we judge of texts has items of its own.
    """

    start: str
    top: str
    directories: tuple[str, ...]
    files: tuple[str, ...] = ()
    overrides: Overrides = field(default_factory=Overrides)
    choosing: bool = False
    tallying: bool = False
    images: Mapping[str, ImageConfig] | None = None
    imports: tuple[str, ...] = ()
    scanners: tuple[str, ...] = ()
    answers: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    static: bool = True

    def policy_folder(self, file: str) -> str:
        """The folder whose policy applies to ``file``: to what a report says of no file, that of where the user is."""
        return self.start if file in self.imports else os.path.dirname(file)

    @property
    def whole(self) -> bool:
        """Whether everything there is was asked for, so that what was not met does not exist."""
        return not self.files and not self.overrides.compose


def request_of(config: pytest.Config) -> Request:
    """The request of a pytest command line."""
    start = str(config.invocation_params.dir)
    option = config.option

    def absolute(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(os.path.normpath(os.path.join(start, path)) for path in paths)

    overrides = Overrides(
        suite=option.harden_suite,
        fail_on=option.harden_fail_on,
        compose=absolute(option.harden_compose),
        env_files=absolute(option.harden_env_file),
        profiles=tuple(option.harden_profile),
        directory=start,
        local_code=not option.harden_no_local_code,
    )
    arguments = typed_paths(config)
    ids = [each for each in config.args if _path_in(each, start) != each and not _is_python(each)]
    if ids:
        # an item is what it is in the whole run: beside its overlays
        folders = [os.path.dirname(path) for path in arguments if not path.endswith(".py")]
        arguments = [start, *(folder for folder in folders if not is_below(folder, start))]
    files = tuple(path for path in arguments if not os.path.isdir(path) and not path.endswith(".py"))
    directories = tuple(path for path in arguments if os.path.isdir(path))
    root = str(config.rootpath)
    top = checkout_of(start) or (root if is_below(start, root) else start)
    return Request(
        start,
        top,
        directories or (() if files else (start,)),
        files,
        overrides,
        bool(ids),
        imports=absolute(option.harden_import),
        scanners=tuple(dict.fromkeys(option.harden_scanner)),
        static=option.harden_static or option.harden_baseline,
    )


def _is_python(argument: str) -> bool:
    return argument.split("::")[0].endswith(".py")


def _path_in(argument: str, start: str) -> str:
    """The path of an argument that may be an id. Two colons may stand in the name of a folder, too."""
    path = argument.split("::")[0]
    return argument if path != argument and os.path.lexists(os.path.join(start, argument)) else path


def typed_paths(config: pytest.Config) -> list[str]:
    """The paths that the user typed, absolute; what testpaths or addopts say is meant for the user's own tests."""
    if config.args_source.name != "ARGS":
        return []
    typed = {str(argument) for argument in config.invocation_params.args}
    start = str(config.invocation_params.dir)
    paths = [os.path.normpath(os.path.join(start, _path_in(a, start))) for a in config.args if a in typed]
    return list(dict.fromkeys(paths))
