"""What one run of another scanner looked at and found, whatever its format was."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Severity
from pytest_dockerharden.model.wording import counted

Outcome = Literal["failed", "passed", "unknown", "waived"]
MOST = 20_000
"""So many things may one report say. No project has more, and each becomes an item."""


class UnreadableReportError(Exception):
    """A report that is not there, damaged, or of a format that is not known; its text says which."""


@dataclass(slots=True, eq=False)
class Found:
    """What a scanner says of one rule and one place, or of one subject that is no file.

    ``path`` is as the report writes it, lines count from 1 and are 0 where none is given. ``subject`` is an image or a
    container. ``text`` are further words about it. Nothing of what is marked ``secret`` is ever shown: neither its
    line nor what the scanner says matched. ``aliases`` are other names of ``rule``. ``outcome`` waived means that the
    scanner itself was told to be silent, ``reason`` why.
    """

    rule: str
    title: str
    message: str = ""
    severity: Severity = "medium"
    outcome: Outcome = "failed"
    why: str = ""
    remedy: str = ""
    reason: str = ""
    path: str = ""
    line: int = 0
    end_line: int = 0
    column: int = 1
    subject: str = ""
    text: str = ""
    secret: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Scan:
    """One run of ``scanner``. ``source`` is the absolute path of its report, or ``scanner:NAME`` below a folder.

    ``targets`` are the files that the report says it looked at, ``images`` every name of each image. ``folders`` are
    those that paths may be relative to. ``notes`` are said with what was looked at.
    """

    scanner: str
    version: str = ""
    source: str = ""
    found: list[Found] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    images: list[tuple[str, ...]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, found: Found) -> None:
        """Raises UnreadableReportError where there is too much."""
        if len(self.found) == MOST:
            raise UnreadableReportError(f"it says more than {MOST:,} things")
        self.found.append(found)

    @property
    def summary(self) -> str:
        """``Trivy 0.59.1: 3 files, 12 findings``"""
        failed = sum(found.outcome == "failed" for found in self.found)
        looked = [counted(len(self.images), "image")] if self.images else []
        files = len(set(self.targets))
        if files or not looked:
            looked.append(counted(files, "file") if files else "it names no file that it looked at")
        name = " ".join(filter(None, (self.scanner, self.version)))
        return "; ".join([f"{name}: {', '.join([*looked, counted(failed, 'finding')])}", *self.notes])
