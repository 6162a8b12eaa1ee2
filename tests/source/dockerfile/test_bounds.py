"""Files made to cost time or memory are read in bounds."""

from __future__ import annotations

import time

import pytest

from pytest_dockerharden.source.dockerfile import parse

CASES = {
    "many instructions": "FROM a\n" + "RUN a && b\n" * 20000,
    "many heredocs": "FROM a\n" + "RUN <<E <<F\nE\nF\n" * 20000,
    "many arguments": "".join(f"ARG A{i}=1\n" for i in range(15000)) + "FROM a",
    "many arguments of one ARG": "ARG " + " \\\n".join(f"A{i}" for i in range(50000)) + "\nFROM a",
    "many variables": "FROM a\n" + "".join(f"ENV A{i}=$A{i - 1}x\n" for i in range(15000)),
    "a value that doubles": "FROM a\nENV A=xxxxxxxxxx\n" + "ENV A=$A$A\n" * 60 + "USER $A",
    "a long value, often": "FROM a\nENV A=" + "x" * 60000 + "\nENV B=" + "$A" * 30000,
    "a long value, replaced": "FROM a\nENV A=" + "x" * 60000 + "\nENV B=${A//x/" + "y" * 60000 + "}",
    "many stages": "".join(f"FROM a AS s{i}\n" for i in range(20000)),
    "many copies": "".join(f"FROM s{i - 1} AS s{i}\nCOPY --from=s{i - 1} a b\n" for i in range(10000)),
    "a large circle": "".join(f"FROM a AS s{i}\nCOPY --from=s{(i + 1) % 10000} a b\n" for i in range(10000)),
    "many comments": "#a\n" * 200000,
    "a long continuation": "FROM a\nRUN a" + " \\\n x" * 100000,
    "many flags": "FROM a\nRUN " + "--mount=x " * 6000,
    "many quotes": "FROM a\nENV " + '"' * 60000,
    "quotes in flags": "FROM a\n" + ("RUN --x='" + "\\'" * 30000 + "\n") * 5,
    "many unknown instructions": "".join(f"XX{i} a\n" for i in range(5000)),
    "a long array": "FROM a\nCMD [" + '"a",\\\n' * 100000 + '"b"]',
    "a long array without an end": "FROM a\nCMD [" + '"a",\\\n' * 100000,
    "brackets": "FROM a\nHEALTHCHECK CMD " + "[" * 60000,
    "almost JSON": "FROM a\nCMD [" + " " * 30000 + "'" * 30000,
    "patterns": "FROM a\nENV A=" + "a" * 4000 + "\n" + "USER ${A%%*a*b}${A##*a*b}\n" * 20,
    "many heredocs of one line": "FROM a\nRUN " + "<<E " * 15000 + "\n",
    "words out of variables": 'FROM a\nENV L="' + "a b " * 5000 + '"\nRUN x ' + "$L " * 10000,
    "a value that doubles in a script": "FROM a\nRUN A=x; " + "A=$A$A; " * 100 + " y $A",
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_read_in_time(name: str) -> None:
    start = time.process_time()
    dockerfile = parse(CASES[name], "/Dockerfile")
    for instruction in dockerfile.instructions[:50]:
        assert instruction.script is not None
    assert time.process_time() - start < 8


def test_what_doubles_is_unknown_in_the_end() -> None:
    assert parse(CASES["a value that doubles"], "/Dockerfile").instructions[-1].words[0].value is None


def test_variables_beyond_the_bound_are_unknown_not_stale() -> None:
    text = "FROM a\nENV U=x\n" + "".join(f"ENV A{i}=1\n" for i in range(1500)) + "USER $U"
    assert parse(text, "/Dockerfile").instructions[-1].words[0].value is None
