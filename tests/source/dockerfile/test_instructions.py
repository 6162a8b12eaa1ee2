"""One instruction: words, flags, pairs, forms, and what BuildKit refuses."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.source.dockerfile import parse


def one(text: str, *, before: str = "FROM a\n") -> Instruction:
    return parse(before + text, "/Dockerfile").instructions[-1]


def refusals(text: str, *, before: str = "FROM a\n") -> list[tuple[str, int, int, str]]:
    problems = parse(before + text, "/Dockerfile").problems
    return [(p.message, p.origin.line, p.origin.column, p.hint) for p in problems if p.kind == "refused"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("COPY a  b\tc/", ["a", "b", "c/"], id="blanks and tabs"),
        pytest.param('COPY ["a b", "c"]', ["a b", "c"], id="JSON"),
        pytest.param('COPY "a b" c', ['"a', 'b"', "c"], id="COPY knows no quotes"),
        pytest.param(r'CMD ["/\u00e9", "/\"q"]', ["/é", '/"q'], id="JSON escapes"),
        pytest.param("EXPOSE 80 443/tcp", ["80", "443/tcp"], id="ports"),
        pytest.param("WORKDIR /a b", ["/a b"], id="WORKDIR takes all"),
        pytest.param('WORKDIR ""', [""], id="an empty path"),
        pytest.param("USER a:b # c", ["a:b # c"], id="no comments behind"),
        pytest.param('SHELL ["a", "-c"]', ["a", "-c"], id="SHELL"),
        pytest.param("FROM a:b As c", ["a:b", "As", "c"], id="FROM"),
        pytest.param("CMD []", [], id="an empty array"),
        pytest.param("CMD a b", [], id="shell form has no words"),
        pytest.param('HEALTHCHECK CMD ["a", "b"]', ["a", "b"], id="those of the probe"),
        pytest.param("MAINTAINER Me $X", ["Me $X"], id="MAINTAINER expands nothing"),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert [word.text for word in one(text).words] == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('RUN ["a"]', "exec"),
        ("RUN a", "shell"),
        ("RUN ['a']", "shell"),
        ('CMD [ "a" , "b" ]', "exec"),
        ('ENTRYPOINT ["a"] # b', "shell"),
        ("HEALTHCHECK CMD a", "shell"),
        ('HEALTHCHECK CMD ["a"]', "exec"),
        ('SHELL ["a"]', "exec"),
        ("HEALTHCHECK NONE", ""),
        ("USER a", ""),
    ],
)
def test_forms(text: str, form: str) -> None:
    assert one(text).form == form


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        pytest.param("CMD ['a', 'b']", True, id="single quotes"),
        pytest.param('CMD ["a" "b"]', True, id="no comma"),
        pytest.param('CMD ["a", "b",]', True, id="a comma too many"),
        pytest.param('CMD ["a"] # why', True, id="a comment behind"),
        pytest.param("CMD [“a”, “b”]", True, id="typographic quotes"),
        pytest.param("ENTRYPOINT [nginx, -g]", True, id="no quotes"),
        pytest.param('HEALTHCHECK CMD ["a"', True, id="an open bracket"),
        pytest.param('CMD ["a", "b"]', False, id="JSON"),
        pytest.param('RUN [ "$a" = b ] || exit 1', False, id="a test"),
        pytest.param("RUN [ -f x ] && rm x", False, id="a test of a file"),
        pytest.param("RUN [[ a == b ]]", False, id="a test of bash"),
        pytest.param("CMD a", False, id="shell form"),
    ],
)
def test_what_was_meant_as_json_is_a_warning(text: str, warned: bool) -> None:
    problems = parse("FROM a\n" + text, "/Dockerfile").problems
    assert [p.kind for p in problems] == ["warning"] * warned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ENV a=1 b=\"x y\" c='z'", [("a", "1"), ("b", "x y"), ("c", "z")], id="several"),
        pytest.param("ENV a b  c", [("a", "b  c")], id="legacy"),
        pytest.param(r"ENV a=b\ c", [("a", "b c")], id="an escaped blank"),
        pytest.param(r'ENV a="b\"c" d=e\$f', [("a", 'b"c'), ("d", "e$f")], id="escapes"),
        pytest.param("ENV a=b=c", [("a", "b=c")], id="the first = counts"),
        pytest.param("ENV a= b=''", [("a", ""), ("b", "")], id="empty"),
        pytest.param("LABEL a.b=c \"d e\"='f'", [("a.b", "c"), ("d e", "f")], id="quoted keys"),
        pytest.param("LABEL a b", [("a", "b")], id="legacy label"),
        pytest.param('ARG a b=1 c="d e"', [("a", None), ("b", "1"), ("c", "d e")], id="ARG"),
        pytest.param("ENV a=1 \\\n  b=2", [("a", "1"), ("b", "2")], id="continued"),
    ],
)
def test_pairs(text: str, expected: list[tuple[str, str | None]]) -> None:
    pairs = one(text).pairs
    assert [(pair.key.text, pair.value.text if pair.value else None) for pair in pairs] == expected


def test_a_pair_knows_its_place_and_its_syntax() -> None:
    legacy, new = one("ENV a  b c").pairs[0], one('ENV x=1 \\\n a="b c"').pairs[1]
    assert legacy.legacy and not new.legacy
    assert new.value is not None and legacy.value is not None
    assert (new.origin.line, new.origin.column, new.origin.end_column) == (3, 2, 9)
    assert (new.value.raw, new.value.origin.column) == ('"b c"', 4)
    assert (legacy.value.raw, legacy.value.origin.column) == ("b c", 8)


@pytest.mark.parametrize(
    ("text", "expected", "rest"),
    [
        pytest.param("COPY --from=a --chown=1:1 b c", [("from", "a"), ("chown", "1:1")], "b c", id="two"),
        pytest.param("COPY --link b c", [("link", None)], "b c", id="without a value"),
        pytest.param(
            "RUN --mount=type=cache --mount=type=tmpfs a",
            [("mount", "type=cache"), ("mount", "type=tmpfs")],
            "a",
            id="repeated",
        ),
        pytest.param("RUN --mount='type=cache,id=a b' x", [("mount", "type=cache,id=a b")], "x", id="quoted"),
        pytest.param(r"COPY --chmod=a\ b c d", [("chmod", "a b")], "c d", id="escaped"),
        pytest.param("RUN --network=none -- --x", [("network", "none")], "--x", id="ended by --"),
        pytest.param("RUN a --b", [], "a --b", id="not behind words"),
        pytest.param("RUN --network= a", [("network", "")], "a", id="an empty value"),
        pytest.param("HEALTHCHECK --interval=$X CMD a", [("interval", "$X")], "CMD a", id="not expanded"),
        pytest.param("COPY --from=a \\\n  --link b c", [("from", "a"), ("link", None)], "b c", id="continued"),
    ],
)
def test_flags(text: str, expected: list[tuple[str, str | None]], rest: str) -> None:
    instruction = one(text)
    assert [(flag.name, flag.value.text if flag.value else None) for flag in instruction.flags] == expected
    assert instruction.text == rest


def test_flags_know_their_places() -> None:
    flag = one("COPY --from=a \\\n  --chown=b c d").flags[1]
    assert flag.value is not None
    assert (flag.origin.line, flag.origin.column, flag.origin.end_column) == (3, 3, 12)
    assert (flag.value.origin.line, flag.value.origin.column) == (3, 11)


def test_a_healthcheck_can_be_none() -> None:
    assert one("HEALTHCHECK none").none
    assert not one("HEALTHCHECK CMD none").none
    assert not one("HEALTHCHECK CMD none").words


def test_a_trigger_nests_its_instruction() -> None:
    nested = one('ONBUILD COPY --chown=a ["b", "c"]').nested
    assert nested is not None
    assert (nested.keyword, [word.text for word in nested.words], nested.keyword_origin.column) == (
        "COPY",
        ["b", "c"],
        9,
    )
    assert nested.flag("chown") is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("USRE a", ("unknown instruction: USRE", 2, 1, "did you mean USER?"), id="unknown"),
        pytest.param("XYZZY", ("unknown instruction: XYZZY", 2, 1, ""), id="unknown, nothing near"),
        pytest.param("COPY a", ("COPY requires at least two arguments", 2, 6, ""), id="COPY"),
        pytest.param("ADD", ("ADD requires at least two arguments", 2, 4, ""), id="ADD"),
        pytest.param("USER", ("USER requires exactly one argument", 2, 5, ""), id="USER"),
        pytest.param("EXPOSE", ("EXPOSE requires at least one argument", 2, 7, ""), id="EXPOSE"),
        pytest.param("ENV a", ("ENV must have two arguments", 2, 5, ""), id="ENV"),
        pytest.param("ENV a=1 b", ("ENV needs name=value", 2, 9, ""), id="ENV without ="),
        pytest.param("LABEL", ("LABEL requires at least one argument", 2, 6, ""), id="LABEL"),
        pytest.param("ARG", ("ARG requires at least one argument", 2, 4, ""), id="ARG"),
        pytest.param(
            "FROM a b", ("FROM requires either one or three arguments: FROM image [AS name]", 2, 6, ""), id="FROM"
        ),
        pytest.param("FROM a AS 1b", ("invalid name for build stage: '1b'", 2, 6, ""), id="a stage's name"),
        pytest.param("SHELL sh", ("SHELL requires the arguments to be in JSON form", 2, 7, ""), id="SHELL"),
        pytest.param("CMD [1]", ("a JSON array, but arrays hold strings only", 2, 5, ""), id="JSON numbers"),
        pytest.param("HEALTHCHECK", ("HEALTHCHECK requires an argument", 2, 12, ""), id="HEALTHCHECK"),
        pytest.param("HEALTHCHECK CMD", ("missing command after HEALTHCHECK CMD", 2, 13, ""), id="no probe"),
        pytest.param("HEALTHCHECK curl", ("HEALTHCHECK takes NONE or CMD, not 'CURL'", 2, 13, ""), id="no CMD"),
        pytest.param("HEALTHCHECK NONE a", ("HEALTHCHECK NONE takes no arguments", 2, 17, ""), id="NONE with more"),
        pytest.param("ONBUILD", ("ONBUILD requires at least one argument", 2, 8, ""), id="ONBUILD"),
        pytest.param(
            "ONBUILD ONBUILD RUN a", ("ONBUILD is not allowed as an ONBUILD trigger", 2, 9, ""), id="a nested trigger"
        ),
        pytest.param("ONBUILD FROM a", ("FROM is not allowed as an ONBUILD trigger", 2, 9, ""), id="FROM as trigger"),
        pytest.param("COPY --form=a b c", ("unknown flag: --form", 2, 6, "did you mean --from?"), id="a flag"),
        pytest.param("USER --x a", ("unknown flag: --x", 2, 6, ""), id="a flag where none is"),
        pytest.param("WORKDIR ${", ("a bad substitution", 2, 9, ""), id="a bad substitution"),
        pytest.param("ENV a='b", ("a single quote is not closed", 2, 7, ""), id="a quote"),
        pytest.param('ENV a="b', ("a double quote is not closed", 2, 7, ""), id="a double quote"),
    ],
)
def test_refusals(text: str, expected: tuple[str, int, int, str]) -> None:
    assert refusals(text) == [expected]


def test_an_instruction_before_from_is_refused_and_kept() -> None:
    dockerfile = parse("RUN a\nARG b\nFROM c", "/Dockerfile")
    assert [(p.message, p.origin.line) for p in dockerfile.problems] == [("RUN stands before the first FROM", 1)]
    assert [i.keyword for i in dockerfile.preamble] == ["RUN", "ARG"]


def test_reading_goes_on_behind_a_refusal() -> None:
    dockerfile = parse("FROM a\nFOO\nUSER\nUSER b", "/Dockerfile")
    assert [i.text for i in dockerfile.stages[0].of("USER")] == ["", "b"]
    assert len(dockerfile.problems) == 2


def test_many_triggers_in_one_another_are_survived() -> None:
    assert refusals("ONBUILD " * 20000 + "RUN a")[0][0] in {
        "a line longer than 65535 bytes",
        "ONBUILD is not allowed as an ONBUILD trigger",
    }


def test_variables_that_nest_deep_are_survived() -> None:
    assert refusals("WORKDIR " + "${a:-" * 5000 + "}" * 5000)[0][0] == "variables nest deeper than 32"


def test_json_that_nests_deep_is_survived() -> None:
    assert one("CMD " + "[" * 30000).form == "shell"
