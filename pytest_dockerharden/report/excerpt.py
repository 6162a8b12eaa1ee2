"""A finding as text: what is wrong, the source line with its neighbours, why, and what to write instead."""

from __future__ import annotations

import functools
import os
import textwrap
import unicodedata
from typing import Any

from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import ImageOrigin, KernelOrigin, Origin, ReportOrigin, TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.scanner import scanner_of
from pytest_dockerharden.paths import LIMIT, is_inside, read_bytes, shown_path
from pytest_dockerharden.report.lines import is_env_file, masked_line, names_only
from pytest_dockerharden.verdicts import PRECONDITIONS, Result

# of one control and subject: nobody reads more, and a generated file may have fifty thousand
_MOST_FINDINGS = 100
_LONGEST = 160
_SENTENCE_END = pattern(r"(?<=[.!?]) (?=[A-Z\"'`])")


class Excerpts:
    """Renders results. Keeps the lines of the files that it has shown.

    ``start`` is where paths begin. Of what a link leads to outside of ``top`` nothing is shown, for it was not read.
    """

    def __init__(self, start: str, top: str = "") -> None:
        self.start = start
        self.top = top or start
        self._lines: dict[str, list[str]] = {}
        self._excerpts: dict[Origin, list[str]] = {}
        self._shown_lines: dict[tuple[str, int], str] = {}

    def text_of(self, result: Result) -> str:
        """The whole text of a result that failed; its first line is short and stands for itself."""
        if result.verdict == "error":
            return f"{_blame(result.control)}\n\n{result.reason}"
        parts = [self._finding(result, finding) for finding in result.findings[:_MOST_FINDINGS]]
        parts[0] = "\n".join([self.first_line(result), *parts[0].split("\n")[1:]])
        if len(result.findings) > _MOST_FINDINGS:
            parts.append(f"and {len(result.findings) - _MOST_FINDINGS:,} more; --harden-report json:FILE has them all")
        return "\n".join([*parts, *_footer(result)])

    def first_line(self, result: Result) -> str:
        """The first line of :meth:`text_of`."""
        if result.verdict == "error":
            return _blame(result.control)
        more = f" (and {len(result.findings) - 1} more)" if len(result.findings) > 1 else ""
        return f"{self.headline(result, result.findings[0])}{more}"

    def headline(self, result: Result, finding: Finding) -> str:
        """``redis: the root filesystem is writable``, ``app/Dockerfile: no USER is set``"""
        if result.control in PRECONDITIONS:
            return clean(finding.message)
        subject = result.subject or self.shown(result.file)
        return clean(f"{'stage ' if subject.isdigit() else ''}{subject}: {finding.message}")

    def _finding(self, result: Result, finding: Finding) -> str:
        lines = [self.headline(result, finding), *self.excerpt(finding.origin)]
        if len(result.combinations) > 1:
            lines.append(f"  in {' and '.join(map(clean, result.combinations))}")
        if not isinstance(finding.origin, TextOrigin) and result.origin is not None:
            lines.append(f"  change {self.place(result.origin)}")
        lines += [line for place in finding.related for line in self._related(place)]
        lines += _why(finding.why) if finding.why else _why_of(result.control)
        if finding.remedy:
            lines += ["  instead:", *(f"      {clean(line)}" for line in finding.remedy.text.splitlines())]
            if finding.remedy.breaks:
                lines.append(f"  may break: {clean(finding.remedy.breaks)}")
        return "\n".join(lines)

    def _related(self, origin: Origin) -> list[str]:
        lines = [f"  see {self.place(origin)}"]
        return lines if isinstance(origin, TextOrigin) else [*lines, *_evidence(origin)]

    def place(self, origin: Origin) -> str:
        """``docker-compose.yml:12:5``, relative to where pytest was started, or ``redis:/proc/1/status``, or
        ``redis:7: layer 3fa2b4c5d6e7 /root/id_rsa``.
        """
        if isinstance(origin, TextOrigin):
            return f"{self.shown(origin.file)}:{origin.line}:{origin.column}"
        if isinstance(origin, ImageOrigin):
            return clean(f"{origin.reference}: {f'layer {origin.layer} ' if origin.layer else ''}{origin.path}")
        if isinstance(origin, ReportOrigin):
            return clean(origin.path)
        return clean(f"{origin.container}:{origin.path}")

    def shown(self, path: str) -> str:
        return clean(shown_path(path, self.start))

    def line(self, origin: TextOrigin) -> str:
        """The line of a source text, without what looks like a secret."""
        lines = self._source(origin.file)
        return self._masked(origin.file, origin.line).strip() if origin.line <= len(lines) else ""

    def excerpt(self, origin: Origin) -> list[str]:
        """The place, and below it its line with its neighbours or what the kernel said."""
        # a service that lacks ten keys is shown ten times
        known = self._excerpts.get(origin)
        if known is None:
            _forget_if_many(self._excerpts)
            known = self._excerpts[origin] = self._render(origin)
        return known

    def _render(self, origin: Origin) -> list[str]:
        out = [f"  --> {self.place(origin)}"]
        if not isinstance(origin, TextOrigin):
            return [*out, *_evidence(origin)]
        lines = self._source(origin.file)
        width = len(str(origin.line + 1))
        for number in range(max(1, origin.line - 1), origin.line + 2):
            if number > len(lines):
                break
            shown = self._masked(origin.file, number)
            out.append(f"  {number:>{width}} | {shown}".rstrip())
            if number == origin.line:
                out.append(f"  {'':>{width}} | {_caret(lines[number - 1], shown, origin)}".rstrip())
        return out

    def _masked(self, file: str, number: int) -> str:
        # one long line may hold thousands of findings
        shown = self._shown_lines.get((file, number))
        if shown is None:
            _forget_if_many(self._shown_lines)
            shown = self._shown_lines[file, number] = _masked(self._source(file), number - 1)
        return shown

    def _source(self, file: str) -> list[str]:
        lines = self._lines.get(file)
        if lines is None:
            _forget_if_many(self._lines)
            leads_out = os.path.islink(file) and not is_inside(file, self.top)
            lines = [] if leads_out else _text(file).rstrip().split("\n")
            lines = self._lines[file] = [names_only(line) for line in lines] if is_env_file(file) else lines
        return lines


def _text(file: str) -> str:
    try:
        return read_bytes(file, LIMIT).decode("utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return ""


def _evidence(origin: KernelOrigin | ImageOrigin | ReportOrigin) -> list[str]:
    return [f"    | {_shortened(clean(line))}" for line in origin.text.splitlines()[:3]]


def _shortened(line: str) -> str:
    # the mount of an overlay names every layer
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def _blame(control: Control) -> str:
    if control.module.startswith("pytest_dockerharden."):
        return f"internal error in {control.id}: this is no finding, please report it"
    return f"the control {control.id} of {control.module.rsplit('.', 1)[-1]}.py raised an error: this is no finding"


def _forget_if_many(cache: dict[Any, Any], many: int = 64) -> None:
    # results come file by file
    if len(cache) >= many:
        cache.clear()


def _masked(lines: list[str], index: int) -> str:
    shown = clean(masked_line(lines, index, 4 * _LONGEST))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def clean(text: str) -> str:
    """Text that cannot drive a terminal: control and direction characters of a hostile file are shown as ``?``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c == "\t" or unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs"} else "?" for c in text)


def _caret(line: str, shown: str, origin: TextOrigin) -> str:
    before = line[: origin.column - 1]
    if len(before) >= len(shown):
        return ""
    pad = "".join("\t" if c == "\t" else " " * _width(c) for c in before)
    end = origin.end_column - 1 if origin.end_line == origin.line else len(line.rstrip())
    marked = shown[origin.column - 1 : max(end, origin.column)]
    return pad + "^" * max(1, sum(map(_width, marked)))


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@functools.cache
def _why_of(control: Control) -> list[str]:
    return _why(_SENTENCE_END.split(" ".join(control.documentation.why.split()), maxsplit=1)[0])


def _why(text: str) -> list[str]:
    return textwrap.wrap(clean(text), 100, initial_indent="  why: ", subsequent_indent="       ")


def _footer(result: Result) -> list[str]:
    if result.control in PRECONDITIONS:
        return []
    control = result.control
    from pytest_dockerharden.report.documentation import sections

    cis = dict.fromkeys(section for finding in result.findings for section in finding.sections or control.cis)
    more = "" if scanner_of(control.id) else f"; more: pytest --harden-explain {control.id}"
    lines = [f"  {', '.join([result.severity, *sections(control, cis)])}{more}"]
    if result.also:
        lines.append(f"  also found by {', '.join(result.also)}")
    if result.reason:
        lines.append(f"  {clean(result.reason)}")
    elif any(isinstance(place, TextOrigin) for place in (result.place, result.origin)):
        lines.append(f"  waive with: # harden: waive {control.id} until YYYY-MM-DD -- reason")
    else:
        lines.append(f"  waive with: a waiver of {control.id} in dockerharden.toml")
    return lines
