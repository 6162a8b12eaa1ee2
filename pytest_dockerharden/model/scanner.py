"""Other scanners, and the ids that their rules have here: ``trivy:DS-0002``."""

from __future__ import annotations

from collections.abc import Collection

from pytest_dockerharden.model.pattern import pattern

OWN = "import"
"""The scanner of ids that speak of the import itself, as ``import:scanned-image`` does."""
KNOWN = (
    "trivy", "hadolint", "checkov", "kics", "docker-bench", "semgrep", "sonar", "dockle", "grype", "snyk", "terrascan",
    "tally", "buildkit", "dclint", "compose-lint", "clair", "gitleaks", "codeql", OWN,
)  # fmt: skip

# two colons part the names in a node id
_UNFIT = pattern(r"[^\w.:/@+-]+|::+")
_NO_NAME = pattern(r"[^a-z0-9]+")
_NEAR = 0.75


def imported_id(scanner: str, rule: str) -> str:
    """The id of a rule, fit for a waiver and a node id."""
    return f"{scanner}:{_UNFIT.sub('-', rule).strip('-')[:120] or 'no-rule'}"


def scanner_of(identifier: str) -> str:
    """The scanner of an id such as ``trivy:DS-0002``; empty for a control of ours."""
    scanner, colon, _ = identifier.partition(":")
    return scanner if colon else ""


def scanner_name(name: str) -> str:
    """How a scanner that calls itself ``Semgrep OSS`` is called in ids."""
    slug = _NO_NAME.sub("-", name.lower()).strip("-")
    known = [known for known in KNOWN if known != OWN and (slug == known or slug.startswith(f"{known}-"))]
    return known[0] if known else slug[:40] or "scanner"


def misspelt(scanner: str, imported: Collection[str] = ()) -> str:
    """The scanner that was meant by a name that is none; empty where the name may well be right.

    Any scanner may write a report, so that only what is nearly the name of a known one is a mistake.
    """
    if scanner in KNOWN or scanner in imported:
        return ""
    import difflib  # only a name that is not known needs it

    near = difflib.get_close_matches(scanner, [*KNOWN, *imported], 1, _NEAR)
    return near[0] if near else ""
