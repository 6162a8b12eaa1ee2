"""Controls of a repository's own, from a file it names and from packages that are installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.plugin.conftest import Repo

COMPOSE = "services:\n  web:\n    image: app\n  db:\n    image: db\n    labels: {team: data}\n"
OWN = '''\
from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.finding import Finding, Findings
from pytest_dockerharden.model.project import Service


@control(severity="high", plan="P1")
def team_is_named(service: Service, *, label: str = "team") -> Findings:
    """Every service has a team.

    Somebody has to get up at night.
    """
    if label not in str(service.node.value):
        yield Finding(f"no label {label}", service.origin)
'''


@pytest.fixture
def stack(repo: Repo) -> Repo:
    repo.add("dockerharden.toml", 'select = ["team-is-named"]\ncontrols = ["tools/harden.py"]\n')
    repo.add("compose.yml", COMPOSE)
    repo.add("tools/harden.py", OWN)
    return repo


def changed(old: str, new: str) -> str:
    assert old in OWN
    return OWN.replace(old, new)


def test_a_control_of_a_file_is_one_like_ours(stack: Repo) -> None:
    assert stack.verdicts() == {
        "compose.yml::static::team-is-named[web]": "FAILED",
        "compose.yml::static::team-is-named[db]": "PASSED",
    }
    stack.judge().stdout.fnmatch_lines(
        [
            "web: no label team",
            "  --> compose.yml:2:3",
            "  why: Somebody has to get up at night.",
            "  high, priority P1; more: *",
        ]
    )


def test_it_is_listed_and_explained(stack: Repo) -> None:
    listed = stack.pytester.runpytest_inprocess("--harden-list")
    listed.stdout.fnmatch_lines(["harden:", "  team-is-named * high * P1  Every service has a team."])
    explained = stack.pytester.runpytest_inprocess("--harden-explain", "team-is-named")
    explained.stdout.fnmatch_lines(["team-is-named: Every service has a team.", "  label = 'team'"])


@pytest.mark.parametrize("names", [("tools/harden.py", "compose.yml"), ("compose.yml", "tools/harden.py")])
def test_its_file_may_be_named_to_pytest(stack: Repo, names: tuple[str, str]) -> None:
    result = stack.judge(*names)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["web: no label team"])


def test_its_parameters_can_be_set(stack: Repo) -> None:
    configuration = (
        'select = ["team-is-named"]\ncontrols = ["tools/harden.py"]\n[parameters.team-is-named]\nlabel = "own"\n'
    )
    stack.add("dockerharden.toml", configuration)
    stack.judge().stdout.fnmatch_lines(["web: no label own"])


def test_it_can_be_waived(stack: Repo) -> None:
    stack.add("compose.yml", COMPOSE.replace("  web:\n", "  web:  # harden: waive team-is-named -- nobody's\n"))
    assert stack.verdicts()["compose.yml::static::team-is-named[web]"] == "XFAIL"


def test_controls_in_pyproject(stack: Repo) -> None:
    (stack.path / "dockerharden.toml").unlink()
    table = '[tool.dockerharden]\nselect = ["team-is-named"]\ncontrols = "tools/harden.py"\n'
    stack.add("pyproject.toml", table)
    assert stack.verdicts()["compose.yml::static::team-is-named[web]"] == "FAILED"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("import nowhere_at_all\n", "*: No module named 'nowhere_at_all'", id="import"),
        pytest.param("def (\n", "*SyntaxError: *", id="syntax"),
        pytest.param("raise KeyError('x')\n", "*KeyError: 'x'", id="raises"),
        pytest.param("import sys; sys.exit(0)\n", "*SystemExit: 0", id="exits"),
        pytest.param(
            changed("team_is_named(", "read_only_rootfs("),
            "*control 'read-only-rootfs' of * is already defined in pytest_dockerharden.controls.filesystem",
            id="clash",
        ),
        pytest.param(
            changed("service: Service, *", "service, *"),
            "*control 'team-is-named': annotate its first parameter with one of Posture, Service,*",
            id="judges nothing",
        ),
        pytest.param(
            changed('    """Every service has a team.\n\n    Somebody has to get up at night.\n    """\n', ""),
            "*control 'team-is-named' of * has no docstring",
            id="no docstring",
        ),
        pytest.param(
            changed('"high"', '"hihg"'), "*control 'team-is-named': severity is one of info, low,*", id="severity"
        ),
        pytest.param(changed("severity=", "severty="), "*unexpected keyword argument 'severty'*", id="keyword"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(stack: Repo, text: str, message: str) -> None:
    stack.add("tools/harden.py", text)
    result = stack.judge()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: dockerharden: controls: *tools/harden.py: {message}")
    assert "Traceback" not in result.stderr.str()


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        pytest.param("    if label", "    raise KeyError(label)\n    if label", "*KeyError: 'team'", id="raises"),
        pytest.param("yield Finding", "yield str", "*TypeError: *", id="yields no finding"),
        pytest.param(
            'yield Finding(f"no label {label}", service.origin)',
            "yield label",
            "*a control yields findings*",
            id="text",
        ),
        pytest.param(
            'yield Finding(f"no label {label}", service.origin)', "pass", "*TypeError: *", id="yields nothing"
        ),
    ],
)
def test_a_control_that_raises_is_no_finding_and_not_ours(stack: Repo, old: str, new: str, error: str) -> None:
    stack.add("tools/harden.py", changed(old, new))
    result = stack.judge()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["the control team-is-named of harden.py raised an error: this is no finding", error])
    assert "INTERNALERROR" not in result.stdout.str()


def test_controls_of_one_configuration_do_not_judge_the_files_of_another(stack: Repo) -> None:
    stack.add("other/dockerharden.toml", 'select = ["all"]\n')
    stack.add("other/compose.yml", COMPOSE)
    assert not [name for name in stack.verdicts("other") if "team-is-named" in name]


@pytest.mark.parametrize(
    "options", [(), ("--harden-list",), ("--harden-explain", "pids-limit"), ("--harden-baseline",)]
)
def test_of_a_repository_that_is_not_trusted_no_code_is_run(stack: Repo, options: tuple[str, ...]) -> None:
    stack.add("tools/harden.py", "open('ran', 'w').close()\n")
    result = stack.judge("--harden-no-local-code", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    message = "controls: tools/harden.py is code, and with --harden-no-local-code none is run"
    result.stderr.fnmatch_lines(f"ERROR: dockerharden: dockerharden.toml: {message}")
    assert not (stack.path / "ran").exists()


def test_of_a_repository_without_code_the_switch_says_nothing(stack: Repo) -> None:
    stack.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n')
    assert stack.verdicts("--harden-no-local-code") == stack.verdicts() != {}


def install(folder: Path, module: str, target: Path) -> None:
    """Make a wheel of ``module`` with an entry point, and let pip install it."""
    info = "harden_house-1.0.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "harden_house-1.0-py3-none-any.whl"
    files = {
        "harden_house.py": module,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: harden-house\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[dockerharden.controls]\nhouse = harden_house\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", str(target)]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)


def run_with(stack: Repo, installed: Path) -> subprocess.CompletedProcess[str]:
    """``dockerharden``, which loads no plugin of others but does load controls of installed packages."""
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", "from pytest_dockerharden.cli import main; raise SystemExit(main())"],
        cwd=stack.path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), root])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def house(stack: Repo) -> Path:
    pytest.importorskip("pip")
    stack.add("dockerharden.toml", 'select = ["team-is-named"]\n')
    return stack.path.parent / f"{stack.path.name}-site"


def test_an_installed_package_adds_controls(stack: Repo, house: Path) -> None:
    install(house / "wheel", OWN, house)
    result = run_with(stack, house)
    assert "web: no label team" in result.stdout
    assert result.returncode == 1


def test_an_installed_package_that_cannot_be_loaded_is_named(stack: Repo, house: Path) -> None:
    install(house / "wheel", "import nowhere_at_all\n", house)
    result = run_with(stack, house)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: dockerharden: controls of harden_house: ModuleNotFoundError: No module named" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_the_package_the_control_is_not_known(stack: Repo, house: Path) -> None:
    result = run_with(stack, house)
    assert "no control `team-is-named`" in result.stderr
