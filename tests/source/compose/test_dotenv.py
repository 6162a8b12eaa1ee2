"""``.env``, ``env_file`` and ``label_file``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.source.compose import LoadOptions, load
from pytest_dockerharden.source.compose.dotenv import parse, parse_raw

HOST = {"H": "host"}


def variables(text: str) -> dict[str, str | None]:
    return {entry.name: entry.value for entry in parse(text, "/e.env", HOST)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=x\n", {"A": "x"}),
        ("A = x\n", {"A": "x"}),
        ("A: x\nB:y\n", {"A": "x", "B": "y"}),
        ("export A=1\n", {"A": "1"}),
        ("\t A=1\n", {"A": "1"}),
        ("A=\n", {"A": ""}),
        ("A\n", {"A": None}),
        ("H\n", {"H": "host"}),
        ("A=x # c\nB=x# c\n", {"A": "x", "B": "x# c"}),
        ('A="x # y" # c\n', {"A": "x # y"}),
        ("A=x y  \n", {"A": "x y"}),
        ("A==x\n", {"A": "=x"}),
        ("A=$H\nB='$H'\nC=\"$H\"\n", {"A": "host", "B": "$H", "C": "host"}),
        ("A=1\nB=${A}2\n", {"A": "1", "B": "12"}),
        ("H=file\nB=$H\n", {"H": "file", "B": "host"}),
        ("A='it\\'s'\n", {"A": "it's"}),
        ('A="a\\tb\\n\\0101\\x41"\n', {"A": "a\tb\nA\\x41"}),
        ('A="\\$x"\n', {"A": "$x"}),
        ('A="a\nb"\nB=1\n', {"A": "a\nb", "B": "1"}),
        ("# c\n\n  # d\nA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A[0].b-c=1\n", {"A[0].b-c": "1"}),
        ("é=1\n", {"é": "1"}),
        ('A="x"y\nB=2\n', {"A": "x", "y": None, "B": "2"}),
        ("", {}),
        ("# only", {}),
    ],
)
def test_lines_mean_what_they_mean_to_docker_compose(text: str, found: dict[str, str | None]) -> None:
    assert variables(text) == found


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("A=1\n!!!\n", "unexpected character '!' in a variable name", 2, 1),
        ("A B=1\n", "a variable name cannot contain a space", 1, 1),
        ('A="1\n', "unterminated quoted value", 1, 3),
        ("A=${X:?err}\n", "required variable X is missing a value: err", 1, 3),
        ("\nA=${\n", "invalid interpolation format", 2, 3),
    ],
)
def test_refused_lines_are_located(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(SourceError) as raised:
        variables(text)
    problem = raised.value.problem
    assert message in problem.message
    assert (problem.origin.line, problem.origin.column) == (line, column)


def test_raw_files_keep_everything_behind_the_equals_sign() -> None:
    entries = parse_raw("A='$x' # c\n# d\n H\nB=\n", "/e.env", HOST)
    assert {entry.name: entry.value for entry in entries} == {"A": "'$x' # c", "H": "host", "B": ""}


def test_every_entry_knows_its_place() -> None:
    first, second = parse("# c\nexport A = x # d\nB='y\nz'\n", "/e.env", {})
    assert (first.name_origin.line, first.name_origin.column, first.name_origin.end_column) == (2, 8, 9)
    assert (first.origin.line, first.origin.column, first.origin.end_column) == (2, 12, 13)
    assert (second.origin.line, second.origin.column, second.origin.end_line, second.origin.end_column) == (3, 3, 4, 3)


@given(st.text(alphabet="AB=:'\"\n #\\n$H{}x\té", max_size=30))
@settings(deadline=None, max_examples=300)
def test_any_text_is_read_or_refused_at_a_place(text: str) -> None:
    lines = text.split("\n")
    try:
        entries = parse(text, "/e.env", HOST)
    except SourceError as error:
        assert 1 <= error.problem.origin.line <= len(lines)
        return
    for entry in entries:
        where = entry.name_origin
        if entry.name:
            assert lines[where.line - 1][where.column - 1 : where.end_column - 1] == entry.name


def write(folder: Path, service: str, **files: str) -> str:
    (folder / "compose.yaml").write_text("services:\n  a:\n    image: x\n" + service, encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.env").write_text(text, encoding="utf-8")
    return str(folder / "compose.yaml")


def test_environment_wins_over_env_files_and_later_files_over_earlier_ones(tmp_path: Path) -> None:
    path = write(tmp_path, "    env_file: [e.env, f.env]\n    environment: {A: own}\n", e="A=1\nB=1\nC=1\n", f="B=2\n")
    service = load([path]).services["a"]
    assert service.node.plain()["environment"] == {"A": "own", "B": "2", "C": "1"}
    b = service.get("environment.B")
    assert b and b.key_origin
    assert (Path(b.origin.file).name, b.origin.line, b.key_origin.column) == ("f.env", 1, 1)
    assert [(Path(origin.file).name, origin.line) for origin in b.related] == [("compose.yaml", 4)]


def test_a_bare_name_hides_the_value_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "    env_file: e.env\n    environment: [A, B]\n", e="A=1\nB=1\n")
    project = load([path], LoadOptions(environment={"B": "host"}))
    assert project.services["a"].node.plain()["environment"] == {"A": None, "B": "host"}
    assert [Path(name).name for name in project.read] == ["e.env"]


@pytest.mark.parametrize(
    ("entry", "kinds"),
    [
        pytest.param("none.env", [], id="missing"),
        pytest.param("[{path: none.env, required: false}]", [], id="not required"),
        pytest.param("$UNKNOWN/x.env", ["warning"], id="unknown place"),
    ],
)
def test_a_missing_env_file_is_no_refusal_where_values_are_not_required(
    tmp_path: Path, entry: str, kinds: list[str]
) -> None:
    project = load([write(tmp_path, f"    env_file: {entry}\n")], LoadOptions(resolve_required=False))
    assert [problem.kind for problem in project.problems] == kinds


def test_a_missing_env_file_is_refused_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"compose.yaml:4:15: cannot read none.env: no such file"):
        load([write(tmp_path, "    env_file: none.env\n")], LoadOptions(strict=True))


def test_a_broken_dotenv_is_a_problem_and_the_rest_is_judged(tmp_path: Path) -> None:
    path = write(tmp_path, "    user: $A\n")
    (tmp_path / ".env").write_text("A=1\n!\n")
    project = load([path])
    first = project.problems[0]
    assert (first.kind, Path(first.origin.file).name, first.origin.line) == ("refused", ".env", 2)
    assert project.services["a"].text("image") == "x"
