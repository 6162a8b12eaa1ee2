"""An nginx configuration as a tree of directives, templates included."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.shell import Word


@dataclass(frozen=True, slots=True)
class Directive:
    """``name args;`` or ``name args { block }``. A ``${VAR}`` of a template stays in the word as text."""

    name: str
    args: tuple[Word, ...]
    origin: TextOrigin
    block: tuple[Directive, ...] | None = None

    def walk(self) -> Iterator[Directive]:
        """This directive and those inside it, in order."""
        yield self
        for inner in self.block or ():
            yield from inner.walk()


@dataclass(frozen=True, slots=True)
class NginxConfig:
    """One file. ``context`` is the block it is read into: ``main``, or ``http`` for conf.d and its templates."""

    path: str
    directives: tuple[Directive, ...]
    context: str = "main"
    problems: tuple[Problem, ...] = ()

    def walk(self) -> Iterator[Directive]:
        for directive in self.directives:
            yield from directive.walk()

    def named(self, name: str) -> list[Directive]:
        return [directive for directive in self.walk() if directive.name == name]
