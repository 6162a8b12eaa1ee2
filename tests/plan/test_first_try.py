"""The plan's own "hardened" examples do not come up; one start after another, each of the reasons.

Every case puts right what stood in the way before, and what nobody here can have (upstream images), and says what is
wrong next. A service is started alone, and once: its restart policy would repeat the same without end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.stack import Stack
from tests.plan.running import SUITE, Running, eventually, project

pytestmark = pytest.mark.live

PLAN = SUITE / "first-try"
ONCE = 'restart: "no"'
ALONE = "depends_on: !reset []"
REDIS = f"{ONCE}\n    image: dockerharden-base/redis:bookworm"
BACKEND = f'{ONCE}\n    {ALONE}\n    build:\n      args: {{PYTHON_IMAGE: "dockerharden-base/python:bookworm"}}'
NGINX = f'{ONCE}\n    build:\n      args: {{NGINX_IMAGE: "dockerharden-base/nginx:bookworm"}}'
OWNED = "tmpfs: !override ['/data:size=256M,uid=999,gid=999']"
OFTEN = "healthcheck: {interval: 1s}"
# what the plan mounts as /var/cache/nginx, where Debian's nginx has it
BODIES = "tmpfs: ['/var/lib/nginx:size=64M']"


class Plan:
    """Starts single services of the plan, with changes."""

    def __init__(self, client: Any, folder: Path) -> None:
        self.client, self.folder = client, folder
        self.secret = folder / "password.txt"
        self.secret.write_text("the-password-of-the-secret", encoding="ascii")
        self.secret.chmod(0o444)

    @contextmanager
    def start(self, service: str, change: str, secret: bool = True, variables: bool = True) -> Iterator[Running]:
        """One service with lines of YAML that change it; the secret and the variables are there unless not to be."""
        overlay = self.folder / "overlay.yml"
        text = f"services:\n  {service}:\n    {change}\n"
        if secret:
            text += f"secrets:\n  redis_password:\n    file: {self.secret}\n"
        overlay.write_text(text, encoding="utf-8")
        run = Run.start()
        given = {"INPUT_VOLUME": "/tmp", "OUTPUT_VOLUME": "/tmp"} if variables else {}
        loaded = project(run, PLAN / "docker-compose.yml", overlay, **given)
        for name in set(loaded.services) - {service}:
            del loaded.services[name]
        with Stack(loaded, self.client, run, deadline=60) as stack:
            yield Running(stack, self.client)

    def why_not(self, service: str, change: str, secret: bool = True, variables: bool = True) -> str:
        """Why it does not come up."""
        with pytest.raises(StackError) as failure, self.start(service, change, secret, variables):
            pass
        return str(failure.value)


@pytest.fixture
def plan(engine: Any, tmp_path: Path) -> Plan:
    for folder in (tmp_path.parent, tmp_path):
        folder.chmod(0o755)
    return Plan(engine, tmp_path)


@pytest.mark.parametrize(
    ("service", "change", "secret", "reason"),
    [
        pytest.param("redis", ONCE, False, "invalid reference format", id="400: the digest is a placeholder"),
        pytest.param(
            "redis", REDIS, False, "bind source path does not exist: .*redis_password.txt", id="738: no secret"
        ),
        pytest.param(
            "redis", REDIS, True, "has stopped.*appendonlydir: Permission denied", id="410: the tmpfs is root's"
        ),
        pytest.param(
            "backend_beat", BACKEND, True, "Permission denied: 'celerybeat-schedule'", id="601: /srv is root's"
        ),
        pytest.param(
            "frontend", NGINX, True, r"/var/lib/nginx/body.*Read-only file system", id="701: not all it needs"
        ),
        pytest.param(
            "frontend",
            f"{BODIES}\n    {NGINX}",
            True,
            r"chown.*/var/lib/nginx/body.*Operation not permitted",
            id="694: root without CHOWN",
        ),
    ],
)
def test_a_service_does_not_come_up(plan: Plan, service: str, change: str, secret: bool, reason: str) -> None:
    assert re.search(reason, plan.why_not(service, change, secret), re.DOTALL)


def test_the_api_does_not_come_up_without_variables_that_nothing_sets(plan: Plan) -> None:
    assert "INPUT_VOLUME" in plan.why_not("backend_api", BACKEND, variables=False)


@pytest.mark.parametrize("service", ["backend_worker_vntyper", "backend_worker_vntyper_long"])
def test_four_processors_are_refused_where_there_are_fewer(plan: Plan, service: str) -> None:
    if plan.client.info()["NCPU"] >= 4:
        pytest.skip("this engine has four processors")
    assert "Range of CPUs is from 0.01 to" in plan.why_not(service, BACKEND)


def adapted(plan: Plan, change: Callable[[str], str]) -> str:
    """The proxy with the plan's Dockerfile on Debian's nginx, which has what the plan installs."""
    text = (PLAN / "proxy" / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^# syntax=.*\n", "", text)
    text = re.sub(r"^FROM .*$", "FROM dockerharden-base/nginx:bookworm", text, flags=re.MULTILINE)
    text = re.sub(r"^RUN apk add.*?\n\n", "", text, flags=re.MULTILINE | re.DOTALL)
    file = plan.folder / "Dockerfile"
    file.write_text(change(text), encoding="utf-8")
    return f"{ONCE}\n    {ALONE}\n    build:\n      dockerfile: {file}"


def without_the_missing_template(text: str) -> str:
    return re.sub(r"^COPY .*template\.acme.*\n", "", text, flags=re.MULTILINE)


def with_the_templates_where_the_entrypoint_looks(text: str) -> str:
    text = without_the_missing_template(text)
    return text.replace("USER nginx", "RUN ln -s conf.d /etc/nginx/templates\nUSER nginx")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(str, r"the build failed.*template\.acme.*not found", id="341: a template is missing"),
        pytest.param(
            without_the_missing_template,
            "/etc/nginx/templates/nginx.conf.template.http: No such file",
            id="339: templates where nobody looks",
        ),
        pytest.param(
            with_the_templates_where_the_entrypoint_looks,
            "/etc/nginx/conf.d/default.conf: Read-only file system",
            id="642: rendered into a read-only root",
        ),
        pytest.param(
            with_the_templates_where_the_entrypoint_looks,
            r"nginx.*\[emerg\].*Permission denied",
            id="347: nginx writes where its user may not",
        ),
    ],
)
def test_the_proxy_does_not_come_up(plan: Plan, change: Callable[[str], str], reason: str) -> None:
    assert re.search(reason, plan.why_not("proxy", adapted(plan, change)), re.DOTALL)


def test_redis_is_restarted_without_end(plan: Plan) -> None:
    assert "keeps failing: restarted 3 times" in plan.why_not("redis", REDIS.replace(ONCE, "restart: unless-stopped"))


def test_redis_is_healthy_whatever_the_password(plan: Plan) -> None:
    with plan.start("redis", f"{REDIS}\n    {OWNED}\n    {OFTEN}") as stack:
        state = stack.stack.state("redis")
        assert state.health == "healthy"
        assert "WRONGPASS" in state.health_output
        assert "NOAUTH" in state.health_output


def test_redis_is_open_where_it_cannot_read_the_secret(plan: Plan) -> None:
    plan.secret.chmod(0o600)
    with plan.start("redis", f"{REDIS}\n    {OWNED}\n    {OFTEN}") as stack:
        assert "Permission denied" in stack.logs("redis")
        assert stack.run("redis", "redis-cli", "ping") == (0, "PONG")


def test_redis_loses_its_data_with_a_restart_and_has_to_be_killed_for_it(plan: Plan) -> None:
    with plan.start("redis", f"{REDIS}\n    {OWNED}\n    {OFTEN}") as stack:
        client = ("redis-cli", "--pass", "the-password-of-the-secret")
        assert "OK" in stack.run("redis", *client, "SET", "kept", "no")[1].splitlines()
        container = stack.stack.containers["redis"][0]
        stack.client.api.stop(container, timeout=2)
        assert stack.inspect("redis")["State"]["ExitCode"] == 137
        stack.client.api.start(container)
        assert eventually(lambda: "PONG" in stack.run("redis", *client, "PING")[1])
        assert "no" not in stack.run("redis", *client, "GET", "kept")[1].splitlines()
