"""One HTML file to look at: matrix, map, postures side by side, findings, waivers."""

from __future__ import annotations

from pytest_dockerharden.report import Report
from pytest_dockerharden.report.html.page import Page


def render(report: Report) -> str:
    """A document that loads nothing and, but for a filter, needs no script."""
    return str(Page(report).render())
