"""What a shell offers behind an option, asked for when somebody presses TAB and not before."""

from __future__ import annotations

from collections.abc import Iterable


def suites() -> Iterable[str]:
    """Ours; a file of the user's is typed."""
    from pytest_dockerharden.suites import names_of_suites

    return sorted(names_of_suites())


def reports() -> Iterable[str]:
    """The formats of ``--harden-report``."""
    from pytest_dockerharden.report import format_names

    return format_names()


def controls() -> Iterable[str]:
    """The ids of our own controls: those of a repository are code, which completion does not run."""
    from pytest_dockerharden.controls import load_all

    return sorted(load_all())


def listings() -> Iterable[str]:
    """What ``--harden-list`` takes."""
    from pytest_dockerharden.catalogue import forms
    from pytest_dockerharden.controls import load_all

    return forms(load_all().values())
