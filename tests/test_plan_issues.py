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
IN_BASE = ("redis", "backend_api", *(f"backend_{name}" for name in ("worker_vntyper", "worker_vntyper_long", "worker")))
SERVICES = {**dict.fromkeys((*IN_BASE, "backend_beat", "proxy", "frontend"), BASE), "certbot": PROD}


class Place(NamedTuple):
    control: str
    service: str
    file: str
    line: int


class Cell(NamedTuple):
    """What has to be found: ``text`` is the line, the first one that holds it from the service's own line on."""

    control: str
    service: str
    file: str
    text: str

    def place(self, stack: str) -> Place:
        lines = (STACK / stack / self.file).read_text(encoding="utf-8").split("\n")
        start = lines.index(f"  {self.service}:") if self.service and self.file.endswith(".yml") else 0
        line = next(number for number, line in enumerate(lines[start:], start + 1) if self.text in line)
        return Place(self.control, self.service, self.file, line)


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
    cells = [Cell(control, service, SERVICES[service], f"  {service}:") for control in ALL_SERVICES[cell]]
    assert found >= {each.place("before") for each in cells}


CELLS = [
    pytest.param(
        Cell("no-secrets-written-in-environment", "redis", BASE, "- REDIS_PASSWORD="), id="redis: default password"
    ),
    pytest.param(
        Cell("no-password-on-the-command-line", "redis", BASE, "--requirepass"), id="redis: default password, server"
    ),
    pytest.param(
        Cell("healthcheck-keeps-passwords-off-the-command-line", "redis", BASE, "--pass"),
        id="redis: default password, probe",
    ),
    pytest.param(Cell("non-root-user", "proxy", BASE, "  proxy:"), id="proxy: root"),
    pytest.param(Cell("image-sets-a-user", "", "proxy/Dockerfile", "FROM "), id="proxy/Dockerfile: no user"),
    pytest.param(Cell("digest-pinned-base", "", "proxy/Dockerfile", "FROM "), id="proxy/Dockerfile: no digest"),
    pytest.param(Cell("image-labels", "", "proxy/Dockerfile", "FROM "), id="proxy/Dockerfile: no labels"),
    pytest.param(Cell("tagged-base-image", "", "certbot/Dockerfile", "FROM "), id="certbot/Dockerfile: latest"),
    pytest.param(Cell("digest-pinned-base", "", "certbot/Dockerfile", "FROM "), id="certbot/Dockerfile: no digest"),
    pytest.param(Cell("image-sets-a-user", "", "certbot/Dockerfile", "FROM "), id="certbot/Dockerfile: no user"),
    pytest.param(Cell("non-root-user", "certbot", PROD, "  certbot:"), id="certbot: root"),
    pytest.param(Cell("digest-pinned-image", "redis", BASE, "image: "), id="redis: partial pinning"),
    pytest.param(
        Cell("secrets-not-in-environment", "redis", BASE, "- REDIS_PASSWORD="), id="secrets in the environment"
    ),
    *(
        pytest.param(Cell("healthcheck-defined", service, BASE, "disable: true"), id=f"{service}: no healthcheck")
        for service in ["backend_worker_vntyper", "backend_worker_vntyper_long", "backend_worker", "backend_beat"]
    ),
]


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_found_at_its_line(found: set[Place], cell: Cell) -> None:
    assert cell.place("before") in found


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
    pytest.param(Cell("valid-image-reference", "redis", BASE, "REPLACE_WITH_DIGEST"), id="a placeholder is no digest"),
    pytest.param(
        Cell("valid-base-reference", "", "certbot/Dockerfile", "FROM "), id="a placeholder is no digest, Dockerfile"
    ),
    pytest.param(Cell("user-matches-image", "redis", BASE, "user: "), id="999:999 is not redis"),
    pytest.param(Cell("redis-data-is-persistent", "redis", BASE, "command: "), id="append-only data on a tmpfs"),
    pytest.param(Cell("tmpfs-writable-by-user", "redis", BASE, "- /data:"), id="redis cannot write to its tmpfs"),
    pytest.param(
        Cell("password-file-fails-closed", "redis", BASE, "command: "), id="no password where the secret cannot be read"
    ),
    pytest.param(Cell("exec-healthcheck-has-no-shell-syntax", "redis", BASE, "test: "), id="no shell expands $(...)"),
    pytest.param(Cell("healthcheck-can-fail", "redis", BASE, "test: "), id="ping succeeds on NOAUTH"),
    pytest.param(
        Cell("image-healthcheck-can-fail", "", "certbot/Dockerfile", "HEALTHCHECK"),
        id="certbot certificates succeeds",
    ),
    pytest.param(
        Cell("no-needless-net-bind-service", "backend_api", BASE, "- NET_BIND_SERVICE"),
        id="no capability for port 8000",
    ),
    pytest.param(Cell("no-useless-capabilities", "proxy", BASE, "- CHOWN"), id="a non-root process gets no CHOWN"),
    pytest.param(
        Cell("tmpfs-writable-by-user", "proxy", BASE, "- /var/cache/nginx:"), id="nginx cannot write to its tmpfs"
    ),
    pytest.param(Cell("tmpfs-hides-nothing", "proxy", BASE, "- /var/run:"), id="what the image made is hidden"),
    pytest.param(
        Cell("rendered-configuration-is-writable", "proxy", "proxy/entrypoint.sh", "envsubst"), id="envsubst fails"
    ),
    pytest.param(Cell("root-server-can-step-down", "frontend", BASE, "cap_drop:"), id="nginx cannot step down"),
    pytest.param(Cell("healthcheck-tool-is-installed", "backend_api", BASE, "test: "), id="there is no curl"),
    pytest.param(
        Cell("reservations-take-effect", "backend_api", BASE, "cpus: '0.5'"), id="CPU reservations are for Swarm"
    ),
]


@pytest.fixture(scope="module")
def first_try() -> set[Place]:
    return places(judged("first-try"))


@pytest.mark.parametrize("cell", FIRST_TRY)
def test_what_the_plan_itself_gets_wrong_is_found(first_try: set[Place], cell: Cell) -> None:
    assert cell.place("first-try") in first_try
