from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.plugin.conftest import Repo


def properties(repo: Repo) -> dict[str, dict[str, str]]:
    repo.judge("--junitxml=out.xml", "-o", "junit_family=xunit2")
    cases = ET.parse(repo.path / "out.xml").iter("testcase")
    return {str(c.get("name")): {str(p.get("name")): str(p.get("value")) for p in c.iter("property")} for c in cases}


def test_a_failure_has_its_control_place_sections_and_remedy(stack: Repo) -> None:
    assert properties(stack)["read-only-rootfs[redis]"] == {
        "harden_control": "read-only-rootfs",
        "harden_severity": "medium",
        "harden_verdict": "failed",
        "harden_phase": "static",
        "harden_subject": "redis",
        "harden_place": "app/docker-compose.yml:2",
        "harden_plan": "P1",
        "harden_cis": "5.13",
        "harden_owasp": "RULE 8",
        "harden_nist": "4.4.4",
        "harden_remedy": "read_only: true",
    }


def test_a_waiver_has_its_reason_and_its_end(stack: Repo) -> None:
    old = properties(stack)["read-only-rootfs[old]"]
    assert old["harden_verdict"] == "waived"
    assert old["harden_waived_because"] == "it writes where it likes"
    assert old["harden_waived_until"] == "2999-03-31"


def test_what_is_empty_is_left_out(stack: Repo) -> None:
    assert not {"harden_remedy", "harden_plan", "harden_waived_until"} & properties(stack)["own[web]"].keys()


def test_names_that_xml_cannot_hold_leave_the_report_readable(repo: Repo) -> None:
    repo.add("a\x01\x1b[31m\ufffe/compose.yaml", "services:\n  a:\n    image: x\n    hostname: '<&]]>'\n")
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n')
    [(name, said)] = properties(repo).items()
    assert name.endswith("read-only-rootfs[a]")  # before 8.2 pytest takes the first bracket for that of a parameter
    assert said["harden_place"].endswith("/compose.yaml:2")
