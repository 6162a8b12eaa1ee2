"""Shell text to simple commands: words, connectors, pipes, and what is looked through."""

from __future__ import annotations

import time

import pytest

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.shell import Script, Word
from pytest_dockerharden.source.places import Places
from pytest_dockerharden.source.shell import parse, parse_command, parse_text


def read(text: str, **environment: str | None) -> Script:
    return parse(text, Places.of_lines("/x.sh", text.split("\n")), environment)


def commands(text: str, **environment: str | None) -> list[str]:
    return [" ".join(word.text for word in command.words) for command in read(text, **environment).commands]


def values(text: str, **environment: str | None) -> list[str | None]:
    """What the arguments of the last command become."""
    return [word.value for word in read(text, **environment).commands[-1].args]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a b c", ["a b c"], id="one"),
        pytest.param("a; b\nc", ["a", "b", "c"], id="several"),
        pytest.param("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"], id="if"),
        pytest.param("for i in 1 2; do a $i; done", ["a $i"], id="for"),
        pytest.param("for ((i=0; i<3; i++)); do a; done", ["", "a"], id="for of bash"),
        pytest.param("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"], id="while and until"),
        pytest.param("case $x in a|b) c;; *) d;; esac", ["c", "d"], id="case"),
        pytest.param("f() { a; }; function g { b; }", ["a", "b"], id="functions"),
        pytest.param("(a; b) | { c; }", ["a", "b", "c"], id="groups"),
        pytest.param("! a | b", ["a", "b"], id="negated"),
        pytest.param("[ -f x ] && [[ $y == z ]]", ["[ -f x ]", "[[ $y == z ]]"], id="tests"),
        pytest.param("export A=1 B; unset C", ["export A=1 B", "unset C"], id="declarations"),
        pytest.param("A=1", [""], id="an assignment alone"),
        pytest.param("> /x", [""], id="a redirection alone"),
        pytest.param("a $(b | c) `d` <(e)", ["a $(b | c) `d` <(e)", "b", "c", "d", "e"], id="substitutions"),
        pytest.param('a "$(b "$(c)")"', ['a "$(b "$(c)")"', 'b "$(c)"', "c"], id="nested substitutions"),
        pytest.param("A=$(b) c", ["c", "b"], id="a substitution in an assignment"),
        pytest.param("a # b; c", ["a"], id="a comment"),
        pytest.param("x a#b", ["x a#b"], id="a hash in a word"),
        pytest.param("cat <<E\nrm -rf /\nE\nb", ["cat", "b"], id="a heredoc is data"),
        pytest.param("cat <<E\n$(a)\nE", ["cat", "a"], id="a heredoc with a substitution"),
        pytest.param("cat <<'E' | b && c\nx\nE", ["cat", "b", "c"], id="what follows a heredoc on its line"),
        pytest.param("", [], id="nothing"),
        pytest.param("# only a comment", [], id="a comment alone"),
    ],
)
def test_commands_in_source_order(text: str, expected: list[str]) -> None:
    assert commands(text) == expected
    assert read(text).complete


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("sudo -u app -E a b", ["a b"], id="sudo"),
        pytest.param("env -i A=1 B=2 a", ["a"], id="env"),
        pytest.param("exec a", ["a"], id="exec"),
        pytest.param("time -p a", ["a"], id="time"),
        pytest.param("nohup a &", ["a"], id="nohup"),
        pytest.param("timeout -s KILL 5 a b", ["a b"], id="timeout"),
        pytest.param("xargs -0 -n 1 rm -f", ["rm -f"], id="xargs"),
        pytest.param("find / -name x -exec rm {} +", ["rm {} +"], id="find"),
        pytest.param("gosu app:app a", ["a"], id="gosu"),
        pytest.param("tini -g -- a", ["a"], id="tini"),
        pytest.param("sudo env A=1 nice -n 5 a", ["env A=1 nice -n 5 a", "nice -n 5 a", "a"], id="one in another"),
        pytest.param("sh -c 'a && b'", ["a", "b"], id="sh -c"),
        pytest.param("/bin/bash -lc 'a'", ["a"], id="bash -lc"),
        pytest.param("bash -euo pipefail -c 'a | b'", ["a", "b"], id="bash -euo pipefail -c"),
        pytest.param("bash -o pipefail -exc 'a'", ["a"], id="bash -o pipefail -exc"),
        pytest.param('sh -c "a \\"b\\" \\$c"', ["a b $c"], id="double quotes"),
        pytest.param("sh -c \"sh -c 'a'\"", ["sh -c a", "a"], id="sh -c in sh -c"),
        pytest.param("sudo sh -c 'a > /x'", ["sh -c a > /x", "a"], id="sudo sh -c"),
        pytest.param("su - app -c 'a'", ["a"], id="su -c"),
        pytest.param("eval 'a; b'", ["a", "b"], id="eval"),
        pytest.param("bash -ex <<E\na\nE", ["a"], id="a heredoc for bash"),
        pytest.param("bash script.sh <<E\na\nE", [], id="a heredoc for a script"),
        pytest.param("sh script.sh -c 'a'", [], id="-c behind a script"),
        pytest.param("sudo -l", [], id="nothing wrapped"),
        pytest.param("env", [], id="env alone"),
        pytest.param("grep -c 'a; b' sh", [], id="another -c"),
        pytest.param("echo sudo a", [], id="a name as an argument"),
        pytest.param("python -c 'import a; b'", [], id="another language"),
    ],
)
def test_looked_through(text: str, expected: list[str]) -> None:
    assert commands(text)[1:] == expected


def test_what_was_looked_through_is_named() -> None:
    found = read("if sudo sh -c 'a'; then b $(c); fi; f() { d; }; (e)").commands
    assert [(c.name, c.via) for c in found] == [
        ("sudo", ("if",)),
        ("sh", ("if", "sudo")),
        ("a", ("if", "sudo", "sh -c")),
        ("b", ("if",)),
        ("c", ("if", "$()")),
        ("d", ("function",)),
        ("e", ("()",)),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a && b || c; d | e & f", ["&&", "||", ";", "|", "&", ""], id="all of them"),
        pytest.param("a\nb\n", [";", ""], id="line breaks"),
        pytest.param("a;", [""], id="a last semicolon"),
        pytest.param("a &", ["&"], id="in the background"),
        pytest.param("a |& b", ["|", ""], id="standard error too"),
        pytest.param("if a; then b; fi && c", [";", "&&", ""], id="behind a block"),
        pytest.param("(a; b) | c", [";", "|", ""], id="behind a group"),
        pytest.param("a $(b; c) | d", ["|", ";", "", ""], id="around a substitution"),
        pytest.param("sudo a | b", ["|", "|", ""], id="a wrapped command has its wrapper's"),
        pytest.param("cat <<E | a || b\nx\nE\nc", ["|", "||", ";", ""], id="behind a heredoc"),
    ],
)
def test_connectors(text: str, expected: list[str]) -> None:
    assert [command.connector for command in read(text).commands] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a | b && c | d; e", [["a", "b"], ["c", "d"], ["e"]], id="several"),
        pytest.param("a $(b | c) | d", [["a", "d"], ["b", "c"]], id="one in another"),
        pytest.param("a < x | b > y", [["a", "b"]], id="with redirections"),
        pytest.param("a < x && b < y | c", [["a"], ["b", "c"]], id="the grammar's mistake mended"),
        pytest.param("a | while read x; do b; done", [["a", "read"], ["b"]], id="into a loop"),
        pytest.param("a | sudo b", [["a", "sudo", "b"]], id="into a wrapper"),
        pytest.param("sh -c 'a | b' | c", [["sh", "c"], ["a", "b"]], id="in an inner shell"),
    ],
)
def test_pipelines(text: str, expected: list[list[str]]) -> None:
    assert [[command.name for command in group] for group in read(text).pipelines()] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("x 'a b' \"c d\" e\\ f", ["a b", "c d", "e f"], id="quotes"),
        pytest.param("x a'b'\"c\"d", ["abcd"], id="glued"),
        pytest.param("x '' \"\"", ["", ""], id="empty"),
        pytest.param('x "a\\"b\\\\c\\$d\\e"', ['a"b\\c$d\\e'], id="escapes in quotes"),
        pytest.param("x $'a\\tb'", ["a\tb"], id="ANSI quotes"),
        pytest.param('x $A "$A" ${A} a$A', ["1", "1", "1", "a1"], id="a known variable"),
        pytest.param("x '$A' \\$A", ["$A", "$A"], id="not in single quotes"),
        pytest.param("x $L", ["p", "q"], id="a list is split"),
        pytest.param('x "$L" a$L', ["p q", "ap", "q"], id="not in quotes"),
        pytest.param('x $E "$E" a', ["", "a"], id="an empty one vanishes outside quotes"),
        pytest.param("x ${A:-2} ${E:-2} ${E-2} ${A:+3}", ["1", "2", "3"], id="defaults"),
        pytest.param('x $U ${U:-1} "a$U"', [None, None, None], id="unknown variables"),
        pytest.param('x $(a) `b` "$(c)" <(d)', [None, None, None, None], id="substitutions"),
        pytest.param("x $1 $@ $? $$ $#", [None] * 5, id="special variables"),
        pytest.param("x *.c a? {a,b} {1..3}", [None] * 4, id="globs and braces"),
        pytest.param("x '*' \"?\" \\*", ["*", "?", "*"], id="quoted globs"),
        pytest.param("x https://a/?b=*", ["https://a/?b=*"], id="a URL is no glob"),
        pytest.param("x ~/a a=b -- --c=d", ["~/a", "a=b", "--", "--c=d"], id="plain"),
        pytest.param("x $((1 + 2))", [None], id="arithmetic"),
    ],
)
def test_values(text: str, expected: list[str | None]) -> None:
    found = read(text, A="1", L="p q", E="").commands[0]
    assert [word.value for word in found.args] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("A=2; x $A", "2", id="assigned"),
        pytest.param("A=2 && x $A", "2", id="assigned in a list"),
        pytest.param("export A=2; x $A", "2", id="exported"),
        pytest.param("A=2 y; x $A", "1", id="for one command"),
        pytest.param("A=$(y); x $A", None, id="of a substitution"),
        pytest.param("(A=2); x $A", None, id="in a subshell"),
        pytest.param("y || A=2; x $A", None, id="perhaps"),
        pytest.param("if y; then A=2; fi; x $A", None, id="in an if"),
        pytest.param("for A in 1 2; do x $A; done", None, id="a loop's variable"),
        pytest.param("while y; do x $A; A=2; done", None, id="changed later in a loop"),
        pytest.param("f() { A=2; }; f; x $A", None, id="in a function"),
        pytest.param("read A; x $A", None, id="read"),
        pytest.param("unset A; x $A", None, id="unset"),
        pytest.param(". ./env; x $A", None, id="behind a sourced file"),
        pytest.param("A+=2; x $A", None, id="appended"),
        pytest.param("y | A=2; x $A", None, id="in a pipe"),
        pytest.param("sh -c 'x $A'", "1", id="in an inner shell"),
        pytest.param("A=2; sh -c 'x $A'; A=3", "2", id="in an inner shell, as it was then"),
    ],
)
def test_assignments_change_what_is_known(text: str, expected: str | None) -> None:
    found = next(command for command in read(text, A="1").commands if command.name == "x")
    assert found.args[0].value == expected


def test_assignments_stand_in_front() -> None:
    command = read("A=1 B='2 3' C=$D E= x").commands[0]
    assert [(name, word.value) for name, word in command.assignments] == [
        ("A", "1"),
        ("B", "2 3"),
        ("C", None),
        ("E", ""),
    ]
    assert command.name == "x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a > /x 2>&1 < y", [(">", "/x"), ("2>&", "1"), ("<", "y")], id="files"),
        pytest.param("a &> x >> y", [("&>", "x"), (">>", "y")], id="both, appended"),
        pytest.param("> x a", [(">", "x")], id="in front"),
        pytest.param("a <<E\nb\nE", [("<<", "b\n")], id="a heredoc"),
        pytest.param("a <<E\n$b\nE", [("<<", None)], id="a heredoc with a variable"),
        pytest.param("a <<'E'\n$b\nE", [("<<", "$b\n")], id="a quoted heredoc"),
        pytest.param("a <<< 'b c'", [("<<<", "b c")], id="a here string"),
        pytest.param("a > $X", [(">", None)], id="an unknown file"),
    ],
)
def test_redirections(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(r.operator, r.target.value) for r in read(text).commands[0].redirects] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a >&2 'b' c", ["a b c"], id="behind a descriptor"),
        pytest.param("a < x -n $(b) && c", ["a -n $(b)", "b", "c"], id="behind a file"),
        pytest.param("a 2>/dev/null > x b", ["a b"], id="behind two"),
        pytest.param("a <<< b c", ["a c"], id="behind a here string"),
        pytest.param("a >&- b", ["a b"], id="behind a closed one"),
        pytest.param("> x a b", ["a b"], id="in front"),
        pytest.param("sh <<E -x\na\nE", ["sh -x", "a"], id="behind a heredoc"),
    ],
)
def test_words_behind_a_redirection_are_arguments(text: str, expected: list[str]) -> None:
    assert commands(text) == expected


def test_words_know_their_places() -> None:
    found = read("é 'ü b'\n  c $(d\n e)").commands
    spans = [(w.raw, w.origin.line, w.origin.column, w.origin.end_column) for c in found for w in c.words]
    assert spans == [
        ("é", 1, 1, 2),
        ("'ü b'", 1, 3, 8),
        ("c", 2, 3, 4),
        ("$(d\n e)", 2, 5, 4),
        ("d", 2, 7, 8),
        ("e", 3, 2, 3),
    ]


@pytest.mark.parametrize(
    "text", ["a && (b", "if a; then", "a 'b", ") a", "a | | b", "for", "case x in", "<<", "\\", "\0", "a \ud800 b"]
)
def test_what_cannot_be_parsed_is_never_raised(text: str) -> None:
    read(text)


def test_what_cannot_be_parsed_is_incomplete_and_keeps_the_rest() -> None:
    script = read("a b\nc && (d\n")
    assert not script.complete
    assert script.run("a") and script.run("c")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * 50000, id="parentheses"),
        pytest.param("$(" * 50000, id="substitutions"),
        pytest.param('"$(' * 50000, id="quoted substitutions"),
        pytest.param("if a; then " * 10000, id="ifs"),
        pytest.param("{ " * 50000 + "a", id="groups"),
        pytest.param("a && " * 30000 + "b", id="a long list"),
        pytest.param("a | " * 30000 + "b", id="a long pipe"),
        pytest.param("sudo " * 30000 + "a", id="wrappers"),
        pytest.param("a " * 100000, id="many words"),
        pytest.param("A=1; " * 20000 + "x $A", id="many assignments"),
        pytest.param("${a:-" * 20000, id="defaults"),
        pytest.param("`" * 50000, id="backticks"),
        pytest.param("[ " * 30000, id="tests"),
        pytest.param("for i in a; do A=1; " * 5000, id="loops"),
        pytest.param("\\\n" * 50000, id="continuations"),
        pytest.param("a" * 300000, id="larger than the limit"),
        pytest.param("a <<E\n" * 2000, id="heredocs"),
        pytest.param("x $L " * 3000, id="lists"),
    ],
)
def test_hostile_text_is_survived_in_time(text: str) -> None:
    start = time.process_time()
    read(text, A="0", L="a b c d e f g h" * 20)
    assert time.process_time() - start < 5


def test_an_exec_form_list_is_one_command() -> None:
    origin = TextOrigin("/c.yaml", 3, 8, 3, 11)
    script = parse_command([Word("a", "a", origin), Word("b c", "b c", origin), Word("$x", None, origin)])
    assert [[word.text for word in command.words] for command in script.commands] == [["a", "b c", "$x"]]
    assert parse_command([]).commands == ()


def test_text_of_a_compose_file_knows_its_places() -> None:
    source = 'test: [\'CMD-SHELL\', "curl -f \\"x\\" || exit 1"]'
    start = source.index('"curl') + 1
    script = parse_text('curl -f "x" || exit 1', TextOrigin("/c.yaml", 1, start, 1, len(source)), source)
    assert [(c.name, c.origin.column) for c in script.commands] == [
        ("curl", start + 1),
        ("exit", source.index("exit") + 1),
    ]
