"""The seccomp profiles that a project brings itself."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.files import FileFact
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.seccomp import profile_path


@control(severity="high", plan="P3", cis="5.22", owasp="RULE 6", nist="4.4.3")
def seccomp_profile_filters(service: Service) -> Findings:
    """One's own seccomp profile is there and refuses what it does not name.

    Compose reads the file when it creates the container and stops where it is missing or not JSON. A profile whose
    default is to allow is a list of what somebody thought of: every call that is new in the kernel gets through.

    Bad::

        services:
          web:
            image: app
            security_opt:
              - seccomp:./profile.json  # <-

    Bad::

        services:
          web:
            image: app
            security_opt:
              - seccomp=profile.json  # <-
        # file: profile.json
        {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}

    Good::

        services:
          web:
            image: app
            security_opt:
              - seccomp:./profile.json
        # file: profile.json
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}
    """
    made_later = False
    for node, fact in _profiles(service):
        name = fact.path.rsplit("/", 1)[-1]
        if not fact.exists and fact.git_ignored:
            made_later = True
        elif not fact.exists or fact.is_dir:
            yield service.finding(f"the seccomp profile {name} does not exist", advice("add the file"), at=node)
        elif not fact.default_action:
            yield service.finding(
                f"{name} is no seccomp profile", advice("JSON with a defaultAction and syscalls"), at=node
            )
        elif fact.refuses_nothing:
            continue  # seccomp_confined speaks of it
        elif fact.default_action == "SCMP_ACT_ALLOW":
            yield service.finding(
                f"{name} allows every system call that it does not name",
                advice('"defaultAction": "SCMP_ACT_ERRNO", and the calls that the program needs'),
                at=node,
            )
    if made_later:
        unknown("the seccomp profile is ignored by git and not there: it is made where the stack runs")


def _profiles(service: Service) -> Iterator[tuple[Node, FileFact]]:
    """Every profile that is a file of the project."""
    any_found = False
    for node in service.items("security_opt"):
        path = profile_path(node, service.project.directory)
        fact = service.project.local[path] if path else None
        if fact is not None and fact.inside:
            any_found = True
            yield node, fact
    if not any_found:
        not_applicable("no seccomp profile of its own")
