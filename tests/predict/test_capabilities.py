"""What a container may do: capability sets and security options, as the kernel will show them."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.capabilities import ALL, DEFAULT
from tests.predict.conftest import Predict

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("keys", "bounding"),
    [
        ("", DEFAULT),
        ("cap_drop: [ALL]", NONE),
        ("cap_drop: [all]", NONE),
        ("cap_drop: [ALL]\ncap_add: [chown, CAP_SETUID]", {"CHOWN", "SETUID"}),
        ("cap_drop: [NET_RAW, cap_mknod]", DEFAULT - {"NET_RAW", "MKNOD"}),
        ("cap_add: [SYS_ADMIN]", DEFAULT | {"SYS_ADMIN"}),
        ("cap_add: [ALL]", ALL),
        ("cap_add: [ALL]\ncap_drop: [ALL]", ALL),
        ("cap_add: [ALL]\ncap_drop: [SYS_ADMIN]", ALL - {"SYS_ADMIN"}),
        ("cap_add: [NET_RAW]\ncap_drop: [NET_RAW]", DEFAULT),
        ("cap_add: [NO_SUCH_THING]", DEFAULT),
        ("privileged: true\ncap_drop: [ALL]", ALL),
        ('privileged: "yes"', ALL),
        ("privileged: ${P:-true}", ALL),
        ("privileged: false\ncap_drop: [ALL]", NONE),
    ],
)
def test_the_bounding_set(predict: Predict, keys: str, bounding: frozenset[str]) -> None:
    assert predict(keys).cap_bounding.value == bounding


def test_root_starts_with_the_bounding_set(predict: Predict) -> None:
    posture = predict("image: nginx\ncap_drop: [ALL]\ncap_add: [CHOWN]")
    assert posture.cap_effective.value == posture.cap_permitted.value == {"CHOWN"}
    assert posture.cap_ambient.value == NONE
    assert posture.cap_inheritable.known is False


def test_another_user_starts_with_nothing_whatever_is_added(predict: Predict) -> None:
    posture = predict('user: "1000"\ncap_add: [NET_ADMIN]')
    assert posture.cap_effective.value == posture.cap_permitted.value == NONE
    assert posture.cap_bounding.value == DEFAULT | {"NET_ADMIN"}


def test_a_privileged_user_still_starts_with_nothing(predict: Predict) -> None:
    posture = predict('user: "1000"\nprivileged: true')
    assert (posture.cap_effective.value, posture.cap_bounding.value) == (NONE, ALL)


def test_of_an_unknown_user_the_bounding_set_is_known(predict: Predict) -> None:
    posture = predict("image: redis:7\ncap_drop: [ALL]")
    assert posture.cap_effective.known is False
    assert posture.cap_bounding.value == NONE


def test_a_capability_that_nothing_names_is_unknown(predict: Predict) -> None:
    posture = predict("cap_add: ['${CAP}']")
    assert posture.cap_bounding.known is False
    assert "$CAP" in str(posture.cap_bounding)


def test_places_of_capabilities_are_drop_then_add(predict: Predict) -> None:
    fact = predict("cap_add: [CHOWN]\ncap_drop: [ALL]").cap_bounding
    assert fact.origin.line == 4
    assert [place.line for place in fact.related] == [3]


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ([], False),
        (["no-new-privileges"], True),
        (["no-new-privileges:true"], True),
        (["no-new-privileges=true"], True),
        (["no-new-privileges:True"], True),
        (["no-new-privileges:1"], True),
        (["no-new-privileges:false"], False),
        (["no-new-privileges=F"], False),
        (["no-new-privileges:true", "no-new-privileges:false"], False),
        (["no-new-privileges:false", "no-new-privileges"], True),
        (["apparmor=no-new-privileges"], False),
        (["no-new-privileges:${NNP:-true}"], True),
    ],
)
def test_no_new_privileges(predict: Predict, options: list[str], value: bool) -> None:
    assert predict(f"security_opt: {options}").no_new_privileges.value is value


def test_the_last_spelling_of_no_new_privileges_is_the_place_and_names_the_others(predict: Predict) -> None:
    fact = predict("security_opt:\n  - no-new-privileges:true\n  - no-new-privileges:false").no_new_privileges
    assert fact.origin.line == 5
    assert [place.line for place in fact.related] == [4]


@pytest.mark.parametrize("option", ["no-new-privileges:yes", "no-new-privileges:${X}", "${X}"])
def test_no_new_privileges_that_cannot_be_told(predict: Predict, option: str) -> None:
    assert predict(f"security_opt: ['{option}']").no_new_privileges.known is False


@pytest.mark.parametrize(
    ("keys", "seccomp", "apparmor", "masked"),
    [
        ("", "default", "docker-default", True),
        ("security_opt: [seccomp=unconfined]", "unconfined", "docker-default", True),
        ("security_opt: ['seccomp:unconfined']", "unconfined", "docker-default", True),
        ("security_opt: [seccomp=builtin]", "default", "docker-default", True),
        ("security_opt: ['seccomp:./profile.json']", "custom", "docker-default", True),
        ("security_opt: ['seccomp:a.json', seccomp=unconfined]", "unconfined", "docker-default", True),
        ("security_opt: [apparmor=unconfined]", "default", "unconfined", True),
        ("security_opt: ['apparmor:web']", "default", "web", True),
        ("security_opt: [systempaths=unconfined]", "default", "docker-default", False),
        ("privileged: true", "unconfined", "unconfined", False),
        ("privileged: true\nsecurity_opt: [seccomp=p.json]", "custom", "unconfined", False),
        ("security_opt: ['seccomp:${P}']\nprivileged: false", None, "docker-default", True),
    ],
)
def test_confinement(predict: Predict, keys: str, seccomp: str | None, apparmor: str, masked: bool) -> None:
    posture = predict(keys)
    assert posture.seccomp.get(None) == seccomp
    assert posture.apparmor.value == apparmor
    assert posture.masked_paths.value is masked


@pytest.mark.parametrize(
    ("options", "value"),
    [([], ""), (["label=disable"], "disable"), (["label:type:web_t", "label=level:s0"], "type:web_t,level:s0")],
)
def test_selinux(predict: Predict, options: list[str], value: str) -> None:
    assert predict(f"security_opt: {options}").selinux.value == value


def test_devices_rules_and_sysctls(predict: Predict) -> None:
    posture = predict(
        """
        devices: ["/dev/kvm", "/dev/sda:/dev/xvda:r"]
        device_cgroup_rules: ["c 1:3 rwm"]
        sysctls: {net.core.somaxconn: 1024}
        """
    )
    devices = [(device.source, device.target, device.permissions) for device in posture.devices.value]
    assert devices == [("/dev/kvm", "/dev/kvm", "rwm"), ("/dev/sda", "/dev/xvda", "r")]
    assert posture.device_rules.value == ("c 1:3 rwm",)
    assert posture.sysctls.value == {"net.core.somaxconn": "1024"}


def test_nothing_said_is_known_to_be_nothing_at_the_services_key(predict: Predict) -> None:
    posture = predict()
    for fact in (posture.devices, posture.device_rules, posture.sysctls, posture.no_new_privileges, posture.seccomp):
        assert fact.origin == posture.origin
    assert (posture.devices.value, posture.device_rules.value, posture.sysctls.value) == ((), (), {})
