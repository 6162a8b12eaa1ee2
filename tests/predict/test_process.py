"""What a container runs, how it is watched, restarted and stopped."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.posture import Healthcheck, Logging, RestartPolicy
from tests.predict.conftest import Predict

APP = "example.org/app:1"
FROM = "FROM example.org/b\n"


@pytest.mark.parametrize(
    ("keys", "dockerfile", "entrypoint", "command"),
    [
        pytest.param("", 'ENTRYPOINT ["e"]\nCMD ["c"]', ("e",), ("c",), id="dockerfile"),
        pytest.param("", 'CMD ["c"]\nENTRYPOINT ["e"]', ("e",), ("c",), id="in-either-order"),
        pytest.param("", "ENTRYPOINT ./e x\nCMD c", ("/bin/sh", "-c", "./e x"), ("/bin/sh", "-c", "c"), id="shell"),
        pytest.param("", 'SHELL ["/bin/bash", "-c"]\nCMD c', None, ("/bin/bash", "-c", "c"), id="another-shell"),
        pytest.param("", 'CMD ["a"]\nCMD ["b"]', None, ("b",), id="last-one-wins"),
        pytest.param("command: [x]", 'ENTRYPOINT ["e"]\nCMD ["c"]', ("e",), ("x",), id="command-keeps-entrypoint"),
        pytest.param("entrypoint: [x]", 'ENTRYPOINT ["e"]\nCMD ["c"]', ("x",), (), id="entrypoint-drops-command"),
        pytest.param("entrypoint: [x]\ncommand: y z", 'CMD ["c"]', ("x",), ("y", "z"), id="both"),
        pytest.param("entrypoint: []", 'ENTRYPOINT ["e"]\nCMD ["c"]', (), ("c",), id="empty-entrypoint"),
        pytest.param("", 'CMD ["c"]\nFROM b\nENTRYPOINT ["e"]', ("e",), (), id="entrypoint-drops-the-command-below"),
        pytest.param(
            "", 'ENTRYPOINT ["e"]\nFROM b\nCMD ["c"]', ("e",), ("c",), id="command-keeps-the-entrypoint-below"
        ),
    ],
)
def test_entrypoint_and_command(
    predict: Predict, keys: str, dockerfile: str, entrypoint: tuple[str, ...] | None, command: tuple[str, ...]
) -> None:
    text = f"FROM example.org/b AS b\n{dockerfile}\n"
    posture = predict(f"build: .\n{keys}", files={"Dockerfile": text})
    assert posture.entrypoint.get(None) == entrypoint
    assert posture.command.value == command


def test_argv_of_an_image(predict: Predict) -> None:
    image = ImageConfig(APP, entrypoint=("e",), command=("c",))
    posture = predict(images={APP: image})
    assert (posture.entrypoint.value, posture.command.value) == (("e",), ("c",))
    posture = predict("entrypoint: x", images={APP: image})
    assert (posture.entrypoint.value, posture.command.value) == (("x",), ())


def test_argv_that_is_not_known(predict: Predict) -> None:
    assert (predict().entrypoint.known, predict().command.known) == (False, False)
    assert predict("command: ['${CMD}']").command.known is False


@pytest.mark.parametrize(
    ("keys", "dockerfile", "value"),
    [
        ("working_dir: /srv", FROM + "WORKDIR /app", "/srv"),
        ("", FROM + "WORKDIR /app\nWORKDIR sub/x", "/app/sub/x"),
        ("", FROM + "WORKDIR app", None),
        ("", "FROM scratch\nWORKDIR app", "/app"),
        ("", "FROM scratch", "/"),
        ("", FROM, None),
    ],
)
def test_working_directory(predict: Predict, keys: str, dockerfile: str, value: str | None) -> None:
    posture = predict(f"build: .\n{keys}", files={"Dockerfile": dockerfile + "\n"})
    assert posture.working_dir.get(None) == value


def test_the_image_of_a_build_is_named_by_compose(predict: Predict) -> None:
    assert predict("build: .\nimage: example.org/x:1").image.value == "example.org/x:1"
    assert predict("build: .").image.value.endswith("-web")
    assert predict("image: a:${TAG}").image.known is False
    assert predict("image: a:${TAG:-1}").image.value == "a:1"


@pytest.mark.parametrize(
    ("keys", "name", "retries"),
    [
        ("", "no", 0),
        ('restart: "no"', "no", 0),
        ("restart: no", "no", 0),
        ("restart: unless-stopped", "unless-stopped", 0),
        ("restart: on-failure:5", "on-failure", 5),
        ("restart: always\ndeploy: {restart_policy: {condition: none}}", "no", 0),
        ("restart: always\ndeploy: {restart_policy: {max_attempts: 3}}", "no", 0),
        ("deploy: {restart_policy: {condition: any, max_attempts: 3}}", "always", 0),
        ("deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}", "on-failure", 3),
        ("restart: always\ndeploy: {replicas: 1}", "always", 0),
    ],
)
def test_restart(predict: Predict, keys: str, name: str, retries: int) -> None:
    assert predict(keys).restart.value == RestartPolicy(name, retries)


def test_a_restart_policy_of_deploy_names_the_line_it_replaces(predict: Predict) -> None:
    fact = predict("restart: always\ndeploy: {restart_policy: {condition: none}}").restart
    assert fact.origin.line == 4
    assert [place.line for place in fact.related] == [3]


@pytest.mark.parametrize(
    ("keys", "dockerfile", "value"),
    [
        ("stop_signal: SIGQUIT", FROM + "STOPSIGNAL SIGINT", "SIGQUIT"),
        ("", FROM + "STOPSIGNAL SIGINT", "SIGINT"),
        ("", FROM + "STOPSIGNAL 3", "SIGQUIT"),
        ("stop_signal: term", FROM, "SIGTERM"),
        ("", "FROM scratch", "SIGTERM"),
        ("", FROM, None),
    ],
)
def test_stop_signal(predict: Predict, keys: str, dockerfile: str, value: str | None) -> None:
    posture = predict(f"build: .\n{keys}", files={"Dockerfile": dockerfile + "\n"})
    assert posture.stop_signal.get(None) == value


@pytest.mark.parametrize(
    ("keys", "value"), [("", 10.0), ("stop_grace_period: 1m30s", 90.0), ("stop_grace_period: 0s", 0)]
)
def test_stop_grace_period(predict: Predict, keys: str, value: float) -> None:
    assert predict(keys).stop_grace_period.value == value


def test_init_and_logging(predict: Predict) -> None:
    assert (predict().init.value, predict("init: true").init.value) == (False, True)
    assert predict().logging.value == Logging("")
    logging = predict("logging: {driver: json-file, options: {max-size: 10m}}").logging.value
    assert logging == Logging("json-file", (("max-size", "10m"),))


WITH_CHECK = FROM + "HEALTHCHECK --interval=5s --retries=2 CMD curl -f localhost\n"


@pytest.mark.parametrize(
    ("keys", "dockerfile", "expected"),
    [
        pytest.param("healthcheck: {test: x}", FROM, Healthcheck(("CMD-SHELL", "x")), id="shell"),
        pytest.param("healthcheck: {test: [CMD, x]}", FROM, Healthcheck(("CMD", "x")), id="exec"),
        pytest.param("healthcheck: {test: NONE}", FROM, Healthcheck(("CMD-SHELL", "NONE")), id="a-command-named-none"),
        pytest.param("healthcheck: {test: [NONE]}", WITH_CHECK, None, id="none"),
        pytest.param("healthcheck: {disable: true}", WITH_CHECK, None, id="disabled"),
        pytest.param("healthcheck: {disable: true, test: x}", FROM, None, id="disable-beats-test"),
        pytest.param(
            "", WITH_CHECK, Healthcheck(("CMD-SHELL", "curl -f localhost"), interval=5.0, retries=2), id="dockerfile"
        ),
        pytest.param(
            "", FROM + 'HEALTHCHECK --start-period=1m CMD ["a", "b"]\n',
            Healthcheck(("CMD", "a", "b"), start_period=60.0), id="dockerfile-exec",
        ),
        pytest.param("", WITH_CHECK + "HEALTHCHECK NONE\n", None, id="dockerfile-none"),
        pytest.param(
            "healthcheck: {interval: 1m}", WITH_CHECK,
            Healthcheck(("CMD-SHELL", "curl -f localhost"), interval=60.0, retries=2), id="one-key-of-the-service",
        ),
        pytest.param(
            "healthcheck: {test: [], timeout: 3s}", WITH_CHECK,
            Healthcheck(("CMD-SHELL", "curl -f localhost"), interval=5.0, timeout=3.0, retries=2), id="empty-test",
        ),
        pytest.param(
            "healthcheck: {test: x}", WITH_CHECK,
            Healthcheck(("CMD-SHELL", "x"), interval=5.0, retries=2), id="times-of-the-dockerfile",
        ),
    ],
)  # fmt: skip
def test_healthcheck(predict: Predict, keys: str, dockerfile: str, expected: Healthcheck | None) -> None:
    assert predict(f"build: .\n{keys}", files={"Dockerfile": dockerfile}).healthcheck.value == expected


@pytest.mark.parametrize("image", ["redis:7", "python:3.12", "bitnami/redis"])
def test_images_that_bring_no_healthcheck(predict: Predict, image: str) -> None:
    assert predict(f"image: {image}").healthcheck.value is None


@pytest.mark.parametrize("keys", ["", "healthcheck: {interval: 5s}", "healthcheck: {test: ['${X}']}", "build: ."])
def test_a_healthcheck_that_the_image_may_bring_is_unknown(predict: Predict, keys: str) -> None:
    assert predict(keys).healthcheck.known is False


def test_the_healthcheck_of_an_image(predict: Predict) -> None:
    check = Healthcheck(("CMD", "x"), interval=5.0)
    images = {APP: ImageConfig(APP, healthcheck=check)}
    assert predict(images=images).healthcheck.value == check
    assert predict("healthcheck: {retries: 9}", images=images).healthcheck.value == Healthcheck(
        ("CMD", "x"), interval=5.0, retries=9
    )
