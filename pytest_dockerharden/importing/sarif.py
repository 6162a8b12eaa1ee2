"""SARIF 2.1.0 of any scanner (OASIS Static Analysis Results Interchange Format)."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import field
from typing import Any
from urllib.parse import unquote, urlsplit

from pytest_dockerharden.importing.document import Table, number, table, tables, text, texts
from pytest_dockerharden.importing.scan import Found, Outcome, Scan, UnreadableReportError
from pytest_dockerharden.importing.trivy import rule_name
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Severity
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.scanner import scanner_name

_LEVELS: dict[str, Severity] = {"error": "high", "warning": "medium", "note": "low", "none": "info"}
# security-severity as forges read it: a score like that of CVSS
_SCORES: tuple[tuple[float, Severity], ...] = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
_KINDS: dict[str, Outcome] = {"pass": "passed", "open": "unknown", "review": "unknown", "notApplicable": "passed"}
_SECRET = pattern(r"(?i)secret|password|passwd|credential|token|private.?key|api.?key")
_TRIVY_MESSAGE = pattern(r"(?:^|\n)Message: ([^\n]+)")
_TRIVY_PACKAGE = pattern(
    r"Package: (?P<package>[^\n]+)\nInstalled Version: (?P<version>[^\n]*)\n[^\0]*?Fixed Version: ?(?P<fixed>[^\n]*)"
)
_SNAKE = pattern(r"[^a-z0-9]+")


def is_sarif(document: Any) -> bool:
    """Whether this is SARIF, of whatever version."""
    return isinstance(document, dict) and "runs" in document


def read_sarif(document: Table) -> list[Scan]:
    """A scan for each run. Raises UnreadableReportError."""
    version = text(document.get("version"))
    if version != "2.1.0":
        raise UnreadableReportError(f"it is SARIF {version or 'without a version'}: 2.1.0 is read")
    runs = tables(document["runs"], "runs")
    if not runs:
        raise UnreadableReportError("it is SARIF without a run: no scanner says anything in it")
    return [_Run(run, f"runs[{index}]").scan() for index, run in enumerate(runs)]


@dataclass(slots=True)
class _Run:
    run: Table
    where: str
    rules: list[Table] = field(default_factory=list)
    by_id: dict[str, Table] = field(default_factory=dict)
    bases: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def scan(self) -> Scan:
        tool = table(self.run.get("tool"), f"{self.where}.tool")
        driver = table(tool.get("driver"), f"{self.where}.tool.driver")
        if not text(driver.get("name")):
            raise UnreadableReportError(f"{self.where}.tool.driver has no name: who says this?")
        self.name = scanner_name(text(driver.get("name")))
        self.rules = [*tables(driver.get("rules"), f"{self.where}.tool.driver.rules")]
        self.by_id = {text(rule.get("id")): rule for rule in self.rules}
        for index, extension in enumerate(tables(tool.get("extensions"), f"{self.where}.tool.extensions")):
            rules = tables(extension.get("rules"), f"{self.where}.tool.extensions[{index}].rules")
            self.by_id |= {text(rule.get("id")): rule for rule in rules}
        self.bases = table(self.run.get("originalUriBaseIds"), f"{self.where}.originalUriBaseIds")
        version = text(driver.get("semanticVersion")) or text(driver.get("version"))
        scan = Scan(self.name, version, images=self._images())
        for index, result in enumerate(tables(self.run.get("results"), f"{self.where}.results")):
            for found in self._found(result, f"{self.where}.results[{index}]", scan):
                scan.add(found)
        scan.targets += [self._path(a.get("location"), self.where, scan) for a in self._artifacts()]
        scan.targets = [*dict.fromkeys(filter(None, [*scan.targets, *(found.path for found in scan.found)]))]
        return scan

    def _artifacts(self) -> list[Table]:
        return [*tables(self.run.get("artifacts"), f"{self.where}.artifacts")]

    def _images(self) -> list[tuple[str, ...]]:
        """What Trivy notes of an image that it scanned."""
        properties = table(self.run.get("properties"), f"{self.where}.properties")
        name = text(properties.get("imageName"))
        names = [name, *texts(properties.get("repoTags")), *texts(properties.get("repoDigests"))]
        return [tuple(dict.fromkeys(filter(None, names)))] if name else []

    def _found(self, result: Table, where: str, scan: Scan) -> list[Found]:
        if result.get("baselineState") == "absent":
            return []  # it was found in an earlier run and is not there any more
        rule = self._rule(result, where)
        identifier = text(result.get("ruleId")) or text(rule.get("id"))
        said = self._result_message(result, rule, where)
        title = self._message(rule.get("shortDescription"), where) or text(rule.get("name")) or said or identifier
        aliases = _aliases(identifier, text(rule.get("name")), title)
        identifier = rule_name(identifier) if self.name == "trivy" else identifier
        # KICS has random numbers for ids
        identifier = aliases[-1] if self.name == "kics" else identifier
        tags = texts(table(rule.get("properties"), where).get("tags"))
        secret = bool(_SECRET.search(" ".join([identifier, title, text(rule.get("name")), *tags])))
        if secret and title == said:
            title = identifier
        message = title if secret else said or title
        outcome, reason = _outcome(result, where)
        found = []
        for place in tables(result.get("locations"), f"{where}.locations") or [{}]:
            path, line, end_line, column = self._place(place, where, scan)
            found.append(
                Found(
                    identifier,
                    title,
                    message,
                    _severity(result, rule, where),
                    outcome,
                    why=self._message(rule.get("fullDescription"), where) if not secret else "",
                    reason=reason,
                    path="" if scan.images else path,
                    subject=scan.images[0][0] if scan.images else "",
                    line=line,
                    end_line=end_line,
                    column=column,
                    text=f"in {path}" if scan.images and path else "",
                    secret=secret,
                    aliases=aliases,
                )
            )
        return found

    def _rule(self, result: Table, where: str) -> Table:
        reference = table(result.get("rule"), f"{where}.rule")
        identifier = text(result.get("ruleId")) or text(reference.get("id"))
        # a rule may be reported under a name below its own: CA1000/1
        known = self.by_id.get(identifier) or self.by_id.get(identifier.rpartition("/")[0])
        index = result.get("ruleIndex", reference.get("index"))
        if known is None and isinstance(index, int) and 0 <= index < len(self.rules):
            known = self.rules[index]
        return known or {"id": identifier}

    def _result_message(self, result: Table, rule: Table, where: str) -> str:
        message = table(result.get("message"), f"{where}.message")
        raw = message.get("text")
        if self.name == "trivy" and isinstance(raw, str):
            return _of_trivy(raw)
        if raw is None and message.get("id"):
            strings = table(rule.get("messageStrings"), f"{where}.messageStrings")
            raw = table(strings.get(text(message["id"])), where).get("text")
            for index, argument in enumerate(texts(message.get("arguments"))[:20]):
                raw = raw.replace(f"{{{index}}}", argument) if isinstance(raw, str) else raw
        return text(raw)

    def _message(self, message: Any, where: str) -> str:
        said = text(table(message, where).get("text"))
        return html.unescape(said) if self.name == "trivy" else said

    def _place(self, place: Table, where: str, scan: Scan) -> tuple[str, int, int, int]:
        physical = table(place.get("physicalLocation"), f"{where}.physicalLocation")
        region = table(physical.get("region"), f"{where}.region")
        line = number(region.get("startLine"))
        path = self._path(physical.get("artifactLocation"), where, scan)
        return path, line, number(region.get("endLine")) or line, number(region.get("startColumn")) or 1

    def _path(self, location: Any, where: str, scan: Scan) -> str:
        where = f"{where}.artifactLocation"
        artifact = table(location, where)
        index, artifacts = artifact.get("index"), self._artifacts()
        if "uri" not in artifact and isinstance(index, int) and 0 <= index < len(artifacts):
            artifact = table(artifacts[index].get("location"), where)
        base = table(self.bases.get(text(artifact.get("uriBaseId"))), f"{where}.uriBaseId")
        folder = path_of(text(base.get("uri")))
        if folder and folder not in scan.folders:
            scan.folders.append(folder)
        return path_of(text(artifact.get("uri")))


def path_of(uri: str) -> str:
    """The path in a URI, of whatever kind; empty where it leads elsewhere."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    if parts.scheme not in ("", "file"):
        # C:/x is no scheme, and http://x no path
        return uri if len(parts.scheme) == 1 else ""
    return unquote(parts.path).replace("\0", "")


def _aliases(identifier: str, name: str, title: str) -> tuple[str, ...]:
    """Names that peers are known by: Semgrep's last part, KICS's folder, SonarQube's number."""
    snake = _SNAKE.sub("_", (name or title).lower()).strip("_")
    return tuple(dict.fromkeys(filter(None, (identifier, identifier.split(".")[-1], identifier.split(":")[-1], snake))))


def _of_trivy(message: str) -> str:
    said = _TRIVY_MESSAGE.search(message)
    if said:
        return text(said[1])
    package = _TRIVY_PACKAGE.search(message)
    if package:
        fixed = text(package["fixed"])
        state = f"fixed in {fixed}" if fixed else "no fix is known"
        return f"{text(package['package'])} {text(package['version'])} is vulnerable ({state})"
    return text(message)


def _outcome(result: Table, where: str) -> tuple[Outcome, str]:
    suppressions = tables(result.get("suppressions"), f"{where}.suppressions")
    accepted = [each for each in suppressions if each.get("status", "accepted") == "accepted"]
    if accepted:
        return "waived", text(accepted[0].get("justification")) or "the scanner was told to ignore it"
    return _KINDS.get(text(result.get("kind")), "failed"), "the scanner leaves it to a person to decide"


def _severity(result: Table, rule: Table, where: str) -> Severity:
    if text(result.get("kind")) == "informational":
        return "info"
    for holder in (result, rule):
        score = table(holder.get("properties"), f"{where}.properties").get("security-severity")
        try:
            value = float(score) if isinstance(score, (str, int, float)) else math.nan
        except (ValueError, OverflowError):
            continue
        if not math.isnan(value):
            return next((severity for least, severity in _SCORES if value >= least), "info")
    configuration = table(rule.get("defaultConfiguration"), f"{where}.defaultConfiguration")
    level = text(result.get("level")) or text(configuration.get("level"))
    return _LEVELS.get(level, "medium")
