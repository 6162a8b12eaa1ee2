"""What the stack is for: jobs go in by TLS, through API, broker and worker, and results come out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plan.running import Running, eventually
from tests.plan.tls import Authority

pytestmark = pytest.mark.live


def submit(authority: Authority, **job: Any) -> str:
    answer = authority.https().request("POST", "/api/jobs/", json=job)
    assert answer.status == 202, answer.data
    return str(answer.json()["id"])


@pytest.mark.parametrize(
    ("job", "worker", "result"),
    [
        pytest.param(
            {"sequence": "ACGTAA"}, "backend_worker_vntyper", {"A": 3, "C": 1, "G": 1, "T": 1}, id="vntyper_queue"
        ),
        pytest.param({"sequence": "ACGT", "rounds": 5}, "backend_worker_vntyper_long", 20, id="vntyper_long_queue"),
    ],
)
def test_a_job_is_done_by_the_worker_of_its_queue(
    authority: Authority, job: dict[str, Any], worker: str, result: object
) -> None:
    name = submit(authority, **job)

    def done() -> object:
        answer = authority.https().request("GET", f"/api/jobs/{name}/").json()
        return answer["result"] if answer["state"] == "SUCCESS" else None

    assert eventually(done) == result
    assert eventually(lambda: f"[{name}] succeeded" in authority.stack.logs(worker))


def test_beat_has_the_worker_of_the_default_queue_do_something(authority: Authority) -> None:
    def seconds() -> float | None:
        return authority.https().request("GET", "/api/heartbeat/").json()["seconds"]

    assert eventually(seconds, 30) < 20
    assert "Task heartbeat[" in authority.stack.logs("backend_worker")
    assert "Sending due task heartbeat" in authority.stack.logs("backend_beat")


@pytest.mark.parametrize(
    "job",
    [
        pytest.param({"sequence": "not a sequence"}, id="letters that are no bases"),
        pytest.param({"sequence": "A" * 10_001}, id="too long"),
        pytest.param({"sequence": "A", "rounds": -1}, id="negative rounds"),
        pytest.param({}, id="nothing"),
    ],
)
def test_what_is_no_job_is_refused(authority: Authority, job: dict[str, Any]) -> None:
    assert authority.https().request("POST", "/api/jobs/", json=job).status == 422


def test_a_body_beyond_a_megabyte_does_not_reach_the_api(authority: Authority) -> None:
    answer = authority.https().request("POST", "/api/jobs/", json={"sequence": "A" * 1_100_000})
    assert answer.status == 413


def test_the_frontend_is_served(authority: Authority) -> None:
    answer = authority.https().request("GET", "/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    assert b"<h1>VNtyper</h1>" in answer.data


def test_the_api_describes_itself_to_nobody(authority: Authority) -> None:
    assert [authority.https().request("GET", f"/api/{page}").status for page in ("docs", "openapi.json")] == [404, 404]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param("exec celery {ping} --destination 'celery@$HOSTNAME'", 69, id="exec form: no shell fills it in"),
        pytest.param("exec celery {ping} --destination celery@$HOSTNAME", 0, id="shell form"),
    ],
)
def test_the_plans_check_of_a_worker_works_through_a_shell_alone(hardened: Running, command: str, code: int) -> None:
    ping = "--app app.tasks inspect ping --timeout 3"
    assert hardened.run("backend_worker", "sh", "-c", command.format(ping=ping))[0] == code
