"""Every control that judges a posture, on its own examples, started for real: it says of them what the text said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import Judgement, judge
from tests.live import labelled_run, live_engine, missing
from tests.live_examples.started import BASE, NO_SUCH_PATH, Example, examples, start_all

pytestmark = pytest.mark.live

EXAMPLES = {example.name: example for example in examples(load_all().values())}

# what cannot be started, and a part of what is said then
NOT_STARTED: dict[str, str] = {
    "known-capability-names-bad": "unknown capability",
    "entrypoint-may-write-as-its-user-bad": "unable to find user nginx",
    "entrypoint-may-write-as-its-user-good": "unable to find user nginx",
    "namespaced-sysctls-bad": "not in a separate kernel namespace",
    "no-privileged-groups-bad": "Unable to find group docker",
    "limits-are-accepted-bad": "memory reservation",
    "limits-are-accepted-bad1": "Minimum memory limit allowed",
    "own-namespaces-bad1": "No such container: store",
}
# what an engine refuses that does not have every right itself, or is an older one, or a host without such hardware
MAY_BE_REFUSED: dict[str, str] = {
    "no-host-disks-bad": "/dev/",
    "no-host-disks-good": "/dev/ttyUSB0",
    "no-dangerous-devices-bad": "/dev/mem",
    "no-dangerous-devices-good": "/dev/ttyUSB0",
    "no-host-devices-bad": "/dev/ttyUSB0",
    "limited-gpus-bad": "could not select device driver",
    "limited-gpus-good": "could not select device driver",
    "no-host-control-capabilities-bad1": "operation not permitted",
    "no-administrative-capabilities-bad": "operation not permitted",
    "not-privileged-bad": "operation not permitted",
    "no-published-engine-api-bad": "operation not permitted",
    "no-published-engine-api-good": "operation not permitted",
    "file-descriptors-limited-bad1": "operation not permitted",
    "file-descriptors-limited-good": "operation not permitted",
    "oom-score-not-lowered-bad": "unable to start container process",
    "limits-within-bounds-bad1": "unable to start container process",
    "control-groups-read-only-bad": "invalid --security-opt",
    "control-groups-read-only-good": "invalid --security-opt",
}
# what a running container does not show, and why
NOT_SHOWN: dict[str, str] = {
    "ports-not-bound-to-every-address-bad": "a container shows the address for all of every port without one",
    "only-needed-ports-published-bad": "that one line publishes a whole range is a matter of the files",
    "secret-files-are-readable-bad": "the mode of a file on the host is a matter of the files",
    "read-only-server-can-write-what-it-needs-bad": "such a server does not come up",
    "beat-schedule-is-writable-bad": "no celery is in the image that stands in",
    "published-traefik-api-asks-for-a-password-bad": "no traefik is in the image that stands in",
    "traefik-api-asks-for-a-password-bad": "no traefik is in the image that stands in",
    "no-secrets-written-in-environment-bad": "what is written out is a matter of the files",
    "no-value-under-the-name-of-a-credential-bad": "what is written out is a matter of the files",
    "secrets-not-in-environment-bad": "without a value for the variable there is no credential",
    "runs-the-image-of-its-tag-bad": "no compose file moves a tag: tests/observe does",
    "tmpfs-writable-by-user-bad": "a tmpfs where the image has nothing is open to all until the first restart",
}
# what depends on the host: its control groups, its security modules
MAY_NOT_BE_SHOWN: dict[str, str] = {
    "private-cgroup-namespace-bad": "with control groups of version 1 that is the default",
    "selinux-type-confines-bad": "the host has no SELinux",
    "apparmor-confined-bad": "the host has no AppArmor",
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = live_engine()
    yield client
    client.close()


@pytest.fixture(scope="module")
def started(
    request: pytest.FixtureRequest, client: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Example]:
    """Those that are selected, all at once."""
    if not client.api.images(BASE):
        missing(f"{BASE} is not on the engine: suites/plan/stack/bases/make.py makes it")
    selected = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec") and "name" in item.callspec.params
    }
    chosen = [example for name, example in EXAMPLES.items() if name in selected]
    with labelled_run(client) as run:
        start_all(client, run, chosen, tmp_path_factory.mktemp("examples"))
    return {example.name: example for example in chosen}


def judged(example: Example) -> dict[str, Judgement]:
    found = {name: judge(example.control, posture, name) for name, posture in example.postures.items()}
    errors = [judgement.reason for judgement in found.values() if judgement.verdict == "error"]
    assert not errors, errors[0]
    return found


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_running_example_is_judged_as_its_text(name: str, started: dict[str, Example]) -> None:
    example = started[name]
    if name in NOT_STARTED:
        assert NOT_STARTED[name] in example.refused, "it starts: take it off the table"
        pytest.skip(f"cannot be started here: {example.refused}")
    if example.refused.startswith(NO_SUCH_PATH):  # the engine would make it, on somebody's machine
        pytest.skip(example.refused)
    if example.refused and MAY_BE_REFUSED.get(name, "\n") in example.refused:
        pytest.skip(f"refused here: {example.refused}")
    assert not example.refused
    verdicts = {service: judgement.verdict for service, judgement in judged(example).items()}
    expected = example.marked_services if example.kind == "bad" else set()
    failed = {service for service, verdict in verdicts.items() if verdict == "failed"}
    if name in NOT_SHOWN:
        assert failed != expected or "unknown" in verdicts.values(), "it is shown: take it off the table"
        pytest.skip(NOT_SHOWN[name])
    if failed != expected and name in MAY_NOT_BE_SHOWN:
        pytest.skip(MAY_NOT_BE_SHOWN[name])
    assert failed == expected, verdicts
    assert "unknown" not in verdicts.values(), [j.reason for j in judged(example).values()]


def test_the_tables_name_examples() -> None:
    tables = (NOT_STARTED, MAY_BE_REFUSED, NOT_SHOWN, MAY_NOT_BE_SHOWN)
    assert not {name for table in tables for name in table} - EXAMPLES.keys()
