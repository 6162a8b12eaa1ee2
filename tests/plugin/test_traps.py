"""What a repository or a command line may do without a file going unjudged."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from tests.plugin.conftest import Repo

# to import hypothesis, which is never used, takes a quarter of a short run
QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")

COMPOSE = "services:\n  redis:\n    image: redis:7.2\n  web:\n    image: app\n    read_only: true\n"
DOCKERFILE = "FROM alpine:3.20\nRUN true\nUSER root\n"
ALL = {
    "docker-compose.yml::static::read-only-rootfs[redis]": "FAILED",
    "docker-compose.yml::static::read-only-rootfs[web]": "PASSED",
    "build/Dockerfile::non-root-image-user": "FAILED",
}


@pytest.fixture
def stack(repo: Repo) -> Repo:
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs", "non-root-image-user"]\n')
    repo.add("docker-compose.yml", COMPOSE)
    repo.add("build/Dockerfile", DOCKERFILE)
    repo.add("tests/test_x.py", "def test_x(): pass\n")
    return repo


@pytest.mark.parametrize(
    "ini",
    [
        pytest.param("testpaths = tests", id="testpaths"),
        pytest.param("norecursedirs = build .*", id="norecursedirs"),
        pytest.param("addopts = -m unit\nmarkers = unit", id="a mark"),
        pytest.param("addopts = -k unit", id="a keyword"),
        pytest.param("addopts = --deselect docker-compose.yml --ignore=build --ignore-glob=*", id="ignored"),
        pytest.param("addopts = tests", id="a path in addopts"),
        pytest.param("addopts = --strict-markers --strict-config -W error", id="strict"),
        pytest.param("filterwarnings = error", id="warnings are errors"),
        pytest.param("addopts = --continue-on-collection-errors -ra", id="continue"),
        pytest.param("addopts = --import-mode=importlib --doctest-glob=*.md", id="doctests"),
        pytest.param("console_output_style = count", id="counted"),
    ],
)
def test_the_settings_of_the_own_tests_leave_nothing_out(stack: Repo, ini: str) -> None:
    stack.add("pytest.ini", f"[pytest]\n{ini}\n")
    assert stack.verdicts() == ALL


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import a_module_that_is_not_there\n", id="cannot be imported"),
        pytest.param("raise RuntimeError('no')\n", id="raises"),
        pytest.param("collect_ignore_glob = ['*']\n", id="ignores all"),
        pytest.param("def pytest_ignore_collect(): return True\n", id="ignores by hook"),
        pytest.param(
            "def pytest_collect_file(): return None\ndef pytest_collect_directory(): return None\n", id="hooks"
        ),
        pytest.param("def pytest_collection_modifyitems(items): items.clear()\n", id="clears"),
        pytest.param(
            "def pytest_collection_modifyitems(items):\n    for item in items: item.fixturenames, item.function\n",
            id="expects functions",
        ),
        pytest.param("def pytest_runtest_protocol(item): return True\n", id="runs nothing"),
        pytest.param("import pytest\n@pytest.fixture(autouse=True)\ndef f(): raise ValueError\n", id="autouse"),
    ],
)
@pytest.mark.parametrize("place", ["conftest.py", "build/conftest.py", "tests/conftest.py"])
def test_a_hostile_conftest_changes_nothing(stack: Repo, text: str, place: str) -> None:
    stack.add("pytest.ini", "[pytest]\ntestpaths = tests\n")
    stack.add(place, text)
    assert stack.verdicts() == ALL


def test_a_conftest_is_loaded_where_own_tests_run_as_well(stack: Repo) -> None:
    stack.add("conftest.py", "raise RuntimeError('no')\n")
    assert stack.judge("tests/test_x.py", "docker-compose.yml").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import sys; sys.exit(0)\n", id="ends the run"),
        pytest.param("import pytest; pytest.exit('no', returncode=0)\n", id="ends the run as pytest does"),
        pytest.param("raise KeyboardInterrupt\n", id="interrupts"),
        pytest.param("import os\ndef pytest_configure(): os._exit(0)\n", id="ends the process"),
        pytest.param("def pytest_configure(config): config.option.harden_static = False\n", id="switches off"),
        pytest.param("def pytest_configure(): raise RuntimeError\n", id="hook raises"),
        pytest.param("def pytest_cmdline_main(): return 0\n", id="takes the command line"),
        pytest.param("def pytest_runtestloop(): return True\n", id="runs the loop"),
        pytest.param("def pytest_collection(session): session.items = []; return True\n", id="collects"),
        pytest.param("pytest_plugins = ['evil']\n", id="loads a plugin"),
        pytest.param("import _pytest.main as m\nm.Session.perform_collect = lambda *a, **k: []\n", id="patches"),
        pytest.param("def pytest_runtest_logreport(report): report.outcome = 'passed'\n", id="rewrites outcomes"),
        pytest.param("def (\n", id="is no Python"),
    ],
)
def test_no_code_of_the_repository_decides(stack: Repo, text: str) -> None:
    stack.add("evil.py", "def pytest_collection_modifyitems(items): items.clear()\n")
    stack.add("conftest.py", text)
    result = stack.pytester.runpytest_subprocess("--harden-static", *QUICK)
    result.assert_outcomes(passed=1, failed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    "addopts",
    [
        pytest.param("-k nothing -m x --ignore=. -p no:terminal -n 2 --strict-markers", id="all at once"),
        pytest.param("--collect-only", id="collects only"),
        pytest.param("-x", id="stops at once"),
        pytest.param("--maxfail=1", id="stops soon"),
        pytest.param("--cov=app --no-such-option", id="options of plugins that are not there"),
        pytest.param("--rootdir=tests", id="another root"),
        pytest.param("-p no:doctest -p no:warnings -p no:capture", id="no plugins of pytest"),
        pytest.param("--confcutdir=/ --doctest-modules", id="conftest.py from far away"),
        pytest.param("--no-summary -qqq --tb=no", id="mute"),
        pytest.param("-o testpaths=tests -o python_files=*", id="settings in options"),
    ],
)
def test_options_for_own_tests_leave_nothing_out(stack: Repo, addopts: str) -> None:
    if "-n" in addopts.split():
        pytest.importorskip("xdist")
    stack.add("pytest.ini", f"[pytest]\naddopts = {addopts}\nmarkers = x\n")
    result = stack.pytester.runpytest_subprocess("--harden-static", *QUICK, "--harden-report=json:out.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert verdicts_of(stack) == set(ALL.values())


def verdicts_of(stack: Repo) -> set[str]:
    items = json.loads((stack.path / "out.json").read_text())["items"]
    judged = [item["verdict"].upper() for item in items if item["verdict"] != "not-applicable"]
    assert len(judged) == len(ALL)
    return set(judged)


def test_an_ini_file_elsewhere_changes_nothing(stack: Repo) -> None:
    stack.add("tests/pytest.ini", "[pytest]\naddopts = -k nothing\ntestpaths = .\n")
    assert stack.verdicts() == ALL


def test_settings_from_a_subfolder_judge_that_folder(stack: Repo) -> None:
    stack.add("pytest.ini", "[pytest]\ntestpaths = tests\n")
    stack.pytester.chdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(stack.path / "build")
        assert stack.verdicts() == {"Dockerfile::non-root-image-user": "FAILED"}


def test_last_failed_of_addopts_does_not_hide_what_is_new(stack: Repo) -> None:
    stack.add("pytest.ini", "[pytest]\naddopts = --lf\n")
    for _ in range(2):
        stack.pytester.runpytest_inprocess("--harden-static").assert_outcomes(passed=1, failed=2)


@pytest.mark.parametrize("arguments", [("-x",), ("-vx",), ("--maxfail=1",), ("--exitfirst",)])
def test_x_of_the_command_line_stops(stack: Repo, arguments: tuple[str, ...]) -> None:
    stack.judge(*arguments).assert_outcomes(failed=1)


def test_a_conftest_that_cannot_be_loaded_still_stops_the_own_tests(stack: Repo) -> None:
    stack.add("conftest.py", "raise RuntimeError('no')\n")
    assert stack.pytester.runpytest_inprocess().ret == pytest.ExitCode.USAGE_ERROR


def test_stepwise_of_addopts_does_not_stop_at_the_first_finding(stack: Repo) -> None:
    stack.add("pytest.ini", "[pytest]\naddopts = --stepwise --stepwise-skip\n")
    first, second = (stack.pytester.runpytest_inprocess("--harden-static").parseoutcomes() for _ in range(2))
    assert first == second
    assert first["failed"] > 1
    assert stack.pytester.runpytest_inprocess("--harden-static", "--sw").parseoutcomes()["failed"] == 1


def test_options_of_a_conftest_may_stand_in_addopts(stack: Repo) -> None:
    stack.add("conftest.py", "def pytest_addoption(parser): parser.addoption('--slow', action='store_true')\n")
    stack.add("pytest.ini", "[pytest]\naddopts = --slow\n")
    assert stack.verdicts() == ALL


def test_typed_words_still_choose(stack: Repo) -> None:
    stack.add("pytest.ini", "[pytest]\naddopts = -k unit\n")
    assert stack.verdicts("-k", "redis").keys() == {"docker-compose.yml::static::read-only-rootfs[redis]"}


def test_k_does_not_match_the_folder_of_the_repository(stack: Repo) -> None:
    assert stack.verdicts("-k", stack.path.name) == {}


@pytest.mark.parametrize("arguments", [(), ("-v",), ("-q",), ("-p", "no:terminal"), ("--tb=no",), ("-s",), ("-rA",)])
def test_the_exit_status_tells_in_every_mode(stack: Repo, arguments: tuple[str, ...]) -> None:
    assert stack.judge(*arguments).ret == pytest.ExitCode.TESTS_FAILED
    assert stack.judge(*arguments, "-k", "web").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("arguments", [(), ("-v",), ("-rA",), ("--durations=3",), ("-s",)])
def test_the_counts_are_the_same_in_every_mode(stack: Repo, arguments: tuple[str, ...]) -> None:
    stack.judge(*arguments).assert_outcomes(passed=1, failed=2)


def test_without_letters_there_is_a_line_for_each_file(stack: Repo) -> None:
    stack.judge().stdout.fnmatch_lines(["docker-compose.yml: 1 failed, 1 passed", "build/Dockerfile: 1 failed"])


def test_passed_items_are_listed_on_request(stack: Repo) -> None:
    stack.judge("-rp").stdout.fnmatch_lines("PASSED docker-compose.yml::static::read-only-rootfs?web?")


@pytest.mark.parametrize("arguments", [("-x",), ("-x", "-v"), ("--maxfail=1",)])
def test_x_stops_at_the_first_failure(stack: Repo, arguments: tuple[str, ...]) -> None:
    result = stack.judge(*arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*stopping after 1 failures*")


def test_collect_only_lists_and_runs_nothing(stack: Repo) -> None:
    result = stack.judge("--co", "-q")
    result.stdout.fnmatch_lines(list(ALL))
    assert result.ret == pytest.ExitCode.OK


def test_lf_runs_what_failed_and_forgets_what_was_mended(stack: Repo) -> None:
    def run(*arguments: str) -> pytest.RunResult:
        return stack.pytester.runpytest_inprocess("--harden-static", *arguments)

    run().assert_outcomes(passed=1, failed=2)
    run("--lf").assert_outcomes(failed=2, deselected=1)
    stack.add("build/Dockerfile", DOCKERFILE.replace("root", "10001"))
    run("--lf").assert_outcomes(passed=1, failed=1, deselected=1)
    run("--lf").assert_outcomes(failed=1, deselected=2)


def test_stepwise_goes_on_at_the_failure(stack: Repo) -> None:
    def run() -> pytest.RunResult:
        return stack.pytester.runpytest_inprocess("--harden-static", "--sw")

    run().assert_outcomes(failed=1)
    stack.add("docker-compose.yml", COMPOSE.replace("redis:7.2\n", "redis:7.2\n    read_only: true\n"))
    run().assert_outcomes(passed=2, failed=1)


def test_junit_has_line_message_and_properties(stack: Repo) -> None:
    stack.judge("--junitxml=out.xml", "-o", "junit_family=xunit1")
    cases = {case.get("name"): case for case in ET.parse(stack.path / "out.xml").iter("testcase")}
    assert len(cases) == 3
    case = cases["read-only-rootfs[redis]"]
    assert (case.get("file"), case.get("line")) == ("docker-compose.yml", "1")
    failure = case.find("failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("redis: the root filesystem is writable")
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["harden_severity"] == "medium"
    assert properties["harden_cis"] == "5.13"


def test_workers_of_xdist_see_the_same_items(stack: Repo) -> None:
    pytest.importorskip("xdist")
    result = stack.pytester.runpytest_subprocess("--harden-static", "-n2", *QUICK, "--harden-report=json:out.json")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["redis: the root filesystem is writable", "  redis *1 * -*"])
    items = json.loads((stack.path / "out.json").read_text())["items"]
    judged = {item["id"]: item["verdict"].upper() for item in items if item["verdict"] != "not-applicable"}
    assert judged == ALL


def test_a_plugin_that_listens_gets_every_phase(stack: Repo) -> None:
    stack.add("listener.py", "def pytest_runtest_logreport(report): print('\\nHEARD', report.when, report.nodeid)\n")
    stack.pytester.syspathinsert()
    result = stack.judge("-p", "listener", "-s")
    heard = [line.split(" ", 2)[1:] for line in result.outlines if line.startswith("HEARD")]
    assert sorted(map(tuple, heard)) == sorted((when, item) for item in ALL for when in ("setup", "call", "teardown"))


def test_a_plugin_that_marks_items_can(stack: Repo) -> None:
    stack.add(
        "marker.py",
        "import pytest\n"
        "def pytest_itemcollected(item):\n"
        "    item.add_marker(pytest.mark.harden)\n"
        "    assert 'harden' in item.keywords and item.stash is not None and item.user_properties == []\n"
        "def pytest_configure(config): config.addinivalue_line('markers', 'harden: ours')\n",
    )
    stack.pytester.syspathinsert()
    assert stack.verdicts("-p", "marker", "-m", "harden") == ALL
    assert stack.verdicts("-p", "marker", "-m", "not harden") == {}


def test_a_file_that_is_not_there_is_a_usage_error(stack: Repo) -> None:
    result = stack.judge("gone/Dockerfile")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: file or directory not found: gone/Dockerfile")


def test_a_file_outside_the_root_is_judged(stack: Repo) -> None:
    stack.add("sub/pytest.ini", "[pytest]\n")
    stack.pytester.chdir()
    (stack.path / "sub").mkdir(exist_ok=True)
    result = stack.pytester.runpytest_subprocess("--harden-static", *QUICK, "--rootdir=sub", "build/Dockerfile", "-v")
    result.stdout.fnmatch_lines("*build/Dockerfile::non-root-image-user FAILED*")


def test_a_file_above_the_root_makes_nothing_of_the_root_come_twice(stack: Repo) -> None:
    result = stack.pytester.runpytest_subprocess(
        "--harden-static", *QUICK, "--rootdir=build", "docker-compose.yml", "build/Dockerfile"
    )
    result.assert_outcomes(passed=1, failed=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sutie = "strict"\n', "*dockerharden.toml: unknown key `sutie`; did you mean `suite`?"),
        ('suite = "strickt"\n', "*no suite `strickt`; there are: *strict*"),
        ('select = ["read-only-rotfs"]\n', "*no control `read-only-rotfs`; did you mean `read-only-rootfs`?"),
        ('fail-on = "lowest"\n', "*fail-on: a severity is one of info, low, medium, high, critical"),
        ("[severity]\nx = 1\n", "*severity: x: a severity is one of*"),
        ("[parameters.read-only-rootfs]\nx = 1\n", "*parameters of read-only-rootfs: unknown key `x`"),
        ('[combinations]\na = ["gone.yml"]\n', "*combinations.a: there is no gone.yml"),
        ('controls = ["gone.py"]\n', "*controls: there is no *gone.py"),
        ("select = [\n", "*dockerharden.toml: *"),
        ('[[waiver]]\ncontrol = "memory-limit"\n', "*waiver 1 (memory-limit): `reason` is missing*"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_clear_line(stack: Repo, text: str, message: str) -> None:
    stack.add("dockerharden.toml", text)
    result = stack.judge()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: dockerharden: {message}")
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        pytest.param("--harden-baseline", "dockerharden.toml: added 2 waivers*", id="baseline"),
        pytest.param("--harden-list", "filesystem:", id="list"),
        pytest.param("--harden-explain=read-only-rootfs", "read-only-rootfs: *", id="explain"),
    ],
)
def test_what_is_answered_without_a_run_needs_nothing_of_the_repository_either(
    stack: Repo, option: str, said: str
) -> None:
    stack.add("pytest.ini", "[pytest]\naddopts = --cov\n")
    stack.add("conftest.py", "raise RuntimeError('no')\n")
    result = stack.pytester.runpytest_subprocess(option)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([said])
