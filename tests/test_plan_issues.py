"""Each cell of the plan's table of issues is found, at its line, in the stack that the plan was written about.

The plan's own claims that an engine refutes stay silent, and what it calls good passes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.request import Request
from pytest_dockerharden.verdicts import Result

STACK = Path(__file__).parents[1] / "suites" / "plan" / "stack"
BASE, PROD = "docker-compose.yml", "docker-compose.prod.yml"
SERVICES = {
    "redis": (BASE, 4),
    "backend_api": (BASE, 21),
    "backend_worker_vntyper": (BASE, 43),
    "backend_worker_vntyper_long": (BASE, 59),
    "backend_worker": (BASE, 75),
    "backend_beat": (BASE, 88),
    "proxy": (BASE, 101),
    "frontend": (BASE, 123),
    "certbot": (PROD, 11),
}


class Place(NamedTuple):
    control: str
    service: str
    file: str
    line: int


def judged(stack: str, suite: str = "strict") -> Evaluation:
    folder = str(STACK / stack)
    return evaluate(Request(folder, folder, (folder,), overrides=Overrides(suite=suite, directory=folder)))


def places(evaluation: Evaluation) -> set[Place]:
    found = set()
    for result in evaluation.all_results():
        for finding in result.findings if result.verdict == "failed" else ():
            assert isinstance(finding.origin, TextOrigin)
            file = Path(finding.origin.file).relative_to(evaluation.request.start).as_posix()
            service = result.service if result.control.judges not in ("Stage", "Dockerfile") else ""
            found.add(Place(result.control.id, service, file, finding.origin.line))
    return found


@pytest.fixture(scope="module")
def before() -> Evaluation:
    return judged("before")


@pytest.fixture(scope="module")
def found(before: Evaluation) -> set[Place]:
    return places(before)


def result_of(evaluation: Evaluation, control: str, subject: str, file: str = BASE) -> Result:
    for result in evaluation.all_results():
        if result.control.id == control and subject in (result.subject, result.service) and result.file.endswith(file):
            return result
    raise AssertionError(f"{control}[{subject}] is not judged")


ALL_SERVICES = {
    "no read_only": ["read-only-rootfs"],
    "no cap_drop": ["capabilities-dropped"],
    "no security_opt": ["security-options-set"],
    "no resource limits": ["memory-limit", "cpu-limit", "pids-limit"],
    "no no-new-privileges": ["no-new-privileges"],
}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("cell", ALL_SERVICES)
def test_what_every_service_lacks(found: set[Place], cell: str, service: str) -> None:
    assert found >= {Place(control, service, *SERVICES[service]) for control in ALL_SERVICES[cell]}


CELLS = [
    pytest.param(Place("no-secrets-written-in-environment", "redis", BASE, 9), id="redis: default password"),
    pytest.param(Place("no-password-on-the-command-line", "redis", BASE, 7), id="redis: default password, server"),
    pytest.param(
        Place("healthcheck-keeps-passwords-off-the-command-line", "redis", BASE, 15),
        id="redis: default password, probe",
    ),
    pytest.param(Place("non-root-user", "proxy", BASE, 101), id="proxy: root"),
    pytest.param(Place("non-root-image-user", "", "proxy/Dockerfile", 2), id="proxy/Dockerfile: no user"),
    pytest.param(Place("digest-pinned-base", "", "proxy/Dockerfile", 2), id="proxy/Dockerfile: no digest"),
    pytest.param(Place("image-labels", "", "proxy/Dockerfile", 2), id="proxy/Dockerfile: no labels"),
    pytest.param(Place("versioned-base-image", "", "certbot/Dockerfile", 2), id="certbot/Dockerfile: latest"),
    pytest.param(Place("digest-pinned-base", "", "certbot/Dockerfile", 2), id="certbot/Dockerfile: no digest"),
    pytest.param(Place("non-root-image-user", "", "certbot/Dockerfile", 2), id="certbot/Dockerfile: no user"),
    pytest.param(Place("non-root-user", "certbot", PROD, 11), id="certbot: root"),
    pytest.param(Place("digest-pinned-image", "redis", BASE, 5), id="redis: partial pinning"),
    pytest.param(Place("secrets-not-in-environment", "redis", BASE, 9), id="secrets in the environment"),
    *(
        pytest.param(
            Place("inherited-healthcheck-fits-the-command", service, BASE, line), id=f"{service}: no healthcheck"
        )
        for service, line in [
            ("backend_worker_vntyper", 46),
            ("backend_worker_vntyper_long", 62),
            ("backend_worker", 78),
            ("backend_beat", 91),
        ]
    ),
]


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_found_at_its_line(found: set[Place], cell: Place) -> None:
    assert cell in found


@pytest.mark.parametrize(
    "control", ["multi-stage-build", "digest-pinned-base", "non-root-image-user", "image-healthcheck"]
)
def test_what_the_plan_calls_good_of_the_backend_passes(before: Evaluation, control: str) -> None:
    results = [r for r in before.all_results() if r.control.id == control and r.file.endswith("backend/Dockerfile")]
    assert {result.verdict for result in results} <= {"passed"}


@pytest.mark.parametrize(
    ("control", "subject"),
    [
        pytest.param("non-root-user", "redis", id="the entrypoint of redis steps down"),
        pytest.param("healthcheck-defined", "certbot", id="the image may have one"),
    ],
)
def test_what_text_cannot_tell_is_unknown(before: Evaluation, control: str, subject: str) -> None:
    result = result_of(before, control, subject)
    assert (result.verdict, bool(result.reason)) == ("unknown", True)


@pytest.mark.parametrize("stack", ["first-try", "hardened"])
def test_certbot_that_is_no_root_is_no_finding(stack: str) -> None:
    """The plan says that certbot needs root; it runs as uid 1000 without capabilities."""
    assert not [place for place in places(judged(stack)) if place.service == "certbot" and "root" in place.control]


def test_the_hardened_stack_fails_in_nothing() -> None:
    evaluation = judged("hardened", "recommended")
    assert [result.name for result in evaluation.all_results() if result.fails] == []


FIRST_TRY = [
    pytest.param(Place("valid-image-reference", "redis", BASE, 7), id="a placeholder is no digest"),
    pytest.param(
        Place("valid-base-reference", "", "certbot/Dockerfile", 7), id="a placeholder is no digest, Dockerfile"
    ),
    pytest.param(Place("user-matches-image", "redis", BASE, 10), id="999:999 is not redis"),
    pytest.param(Place("redis-data-is-persistent", "redis", BASE, 32), id="append-only data on a tmpfs"),
    pytest.param(Place("tmpfs-writable-by-user", "redis", BASE, 17), id="redis cannot write to its tmpfs"),
    pytest.param(
        Place("password-file-fails-closed", "redis", BASE, 32), id="no password where the secret cannot be read"
    ),
    pytest.param(Place("exec-healthcheck-has-no-shell-syntax", "redis", BASE, 38), id="no shell expands $(...)"),
    pytest.param(Place("healthcheck-can-fail", "redis", BASE, 38), id="ping succeeds on NOAUTH"),
    pytest.param(Place("image-healthcheck-can-fail", "", "certbot/Dockerfile", 19), id="certbot certificates succeeds"),
    pytest.param(Place("no-needless-net-bind-service", "backend_api", BASE, 57), id="no capability for port 8000"),
    pytest.param(Place("no-useless-capabilities", "proxy", BASE, 248), id="a non-root process gets no CHOWN"),
    pytest.param(Place("tmpfs-writable-by-user", "proxy", BASE, 252), id="nginx cannot write to its tmpfs"),
    pytest.param(Place("tmpfs-hides-nothing", "proxy", BASE, 253), id="what the image made is hidden"),
    pytest.param(Place("rendered-configuration-is-writable", "proxy", "proxy/entrypoint.sh", 7), id="envsubst fails"),
    pytest.param(Place("root-server-can-step-down", "frontend", BASE, 298), id="nginx cannot step down"),
    pytest.param(Place("healthcheck-tool-is-installed", "backend_api", BASE, 82), id="there is no curl"),
    pytest.param(Place("reservations-take-effect", "backend_api", BASE, 66), id="CPU reservations are for Swarm"),
]


@pytest.fixture(scope="module")
def first_try() -> set[Place]:
    return places(judged("first-try"))


@pytest.mark.parametrize("cell", FIRST_TRY)
def test_what_the_plan_itself_gets_wrong_is_found(first_try: set[Place], cell: Place) -> None:
    assert cell in first_try
