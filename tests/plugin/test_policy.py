"""Where a configuration is found, and what it applies to."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Repo

COMPOSE = "services:\n  a:\n    image: x\n"


@pytest.fixture
def stacks(repo: Repo) -> Repo:
    repo.add("dockerharden.toml", 'select = ["memory-limit"]\n')
    repo.add("one/compose.yaml", COMPOSE)
    repo.add("two/compose.yaml", COMPOSE)
    return repo


ONE = "one/compose.yaml::static::memory-limit[a]"


def test_the_nearest_configuration_counts(stacks: Repo) -> None:
    stacks.add("two/dockerharden.toml", 'select = ["cpu-limit"]\n')
    assert stacks.verdicts().keys() == {ONE, "two/compose.yaml::static::cpu-limit[a]"}


def test_a_pyproject_that_says_nothing_of_us_is_passed_over(stacks: Repo) -> None:
    stacks.add("two/pyproject.toml", "[project]\nname = 'dockerharden-user'\n")
    assert stacks.verdicts().keys() == {ONE, "two/compose.yaml::static::memory-limit[a]"}


def test_the_configuration_above_counts_within_a_checkout(stacks: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    stacks.add(".git/HEAD", "")
    monkeypatch.chdir(stacks.path / "one")
    assert stacks.verdicts().keys() == {"compose.yaml::static::memory-limit[a]"}


def test_a_waiver_of_a_nested_configuration_speaks_of_its_own_files(stacks: Repo) -> None:
    stacks.add(
        "two/dockerharden.toml", 'select = ["memory-limit"]\n[[waiver]]\ncontrol = "memory-limit"\nreason = "x"\n'
    )
    assert stacks.verdicts() == {ONE: "FAILED", "two/compose.yaml::static::memory-limit[a]": "XFAIL"}


def test_the_command_line_goes_before_every_configuration(stacks: Repo) -> None:
    stacks.add("two/dockerharden.toml", 'suite = "strict"\n')
    stacks.add("house.toml", 'select = ["read-only-rootfs"]\n')
    stacks.add("dockerharden.toml", "")
    assert stacks.verdicts("--harden-suite", "house.toml").keys() == {
        "one/compose.yaml::static::read-only-rootfs[a]",
        "two/compose.yaml::static::read-only-rootfs[a]",
    }


def test_paths_may_be_ignored(stacks: Repo) -> None:
    stacks.add("dockerharden.toml", 'ignore = ["/two/"]\nselect = ["memory-limit"]\n')
    assert stacks.verdicts().keys() == {ONE}
    stacks.judge().stdout.fnmatch_lines("*; not visited: two (ignored)")


def test_env_files_and_profiles_of_a_configuration(stacks: Repo) -> None:
    stacks.add("one/values.env", "IMAGE=x\nMEMORY=64m\n")
    stacks.add("one/compose.yaml", "services:\n  a:\n    image: x\n    mem_limit: ${MEMORY}\n    profiles: [p]\n")
    stacks.add("one/dockerharden.toml", 'select = ["memory-limit"]\nenv-files = ["values.env"]\nprofiles = ["p"]\n')
    assert stacks.verdicts()[ONE] == "PASSED"
    stacks.add("one/dockerharden.toml", 'select = ["memory-limit"]\nprofiles = ["q"]\n')
    assert ONE not in stacks.verdicts()


def test_controls_of_one_project_do_not_judge_another(stacks: Repo) -> None:
    stacks.add("two/dockerharden.toml", 'select = ["house-rule"]\ncontrols = ["own.py"]\n')
    stacks.add(
        "two/own.py",
        "from pytest_dockerharden.model.control import control\n"
        "@control(severity='high')\n"
        "def house_rule(service: 'Service'):\n"
        "    '''The house rule holds.'''\n"
        "    yield service.finding('no')\n",
    )
    assert stacks.verdicts() == {ONE: "FAILED", "two/compose.yaml::static::house-rule[a]": "FAILED"}


@pytest.mark.parametrize(
    ("control", "setting", "wanted"),
    [
        ("image-labels", 'labels = "a"', "labels: a list of strings is needed here"),
        ("image-labels", "labels = [1]", "labels: a list of strings is needed here"),
        ("engine-release-is-maintained", 'oldest = ["25"]', "oldest: a list of whole numbers is needed here"),
        ("restarts-are-bounded", 'most = "5"', "most: a whole number is needed here"),
        ("restarts-are-bounded", "most = true", "most: a whole number is needed here"),
        ("pinned-syntax-image", "digest = 1", "digest: true or false is needed here"),
        ("tmpfs-fits-memory-limit", 'share = "half"', "share: a number is needed here"),
    ],
)
def test_a_parameter_of_another_type_is_a_mistake(repo: Repo, control: str, setting: str, wanted: str) -> None:
    repo.add("compose.yml", "services:\n  web:\n    image: web:1\n")
    repo.add("dockerharden.toml", f"[parameters.{control}]\n{setting}\n")
    result = repo.judge()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"*parameters of {control}: {wanted}")


def test_a_whole_number_is_a_number(repo: Repo) -> None:
    repo.add("compose.yml", "services:\n  web:\n    image: web:1\n")
    repo.add(
        "dockerharden.toml", 'select = ["tmpfs-fits-memory-limit"]\n[parameters.tmpfs-fits-memory-limit]\nshare = 1\n'
    )
    assert repo.judge().ret != pytest.ExitCode.USAGE_ERROR
