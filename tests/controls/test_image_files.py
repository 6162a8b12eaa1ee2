"""What COPY and ADD bring in, and how an image starts, is watched and stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.dockerfiles import Place, places, shell
from tests.helpers import hits

TWO = [("0", 2)]


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        pytest.param("copy-for-local-files", "FROM a:1\nADD . /app\n", TWO, id="a directory"),
        pytest.param("copy-for-local-files", 'FROM a:1\nADD ["x.jar", "/app/"]\n', TWO, id="JSON"),
        pytest.param("copy-for-local-files", "FROM a:1\nADD tarball /app/\n", TWO, id="only sounds like an archive"),
        pytest.param("add-unpacks-archives", "FROM a:1\nCOPY x.tgz /t/\nRUN tar xf /t/x.tgz\n", TWO, id="tar"),
        pytest.param("copy-of-several-files-names-a-directory", "FROM a:1\nCOPY a b c /d\n", TWO, id="three files"),
        pytest.param("copy-of-several-files-names-a-directory", 'FROM a:1\nCOPY ["a", "b", "/d"]\n', TWO, id="JSON"),
        pytest.param("copy-from-another-stage", "FROM a:1 AS X\nCOPY --from=x /a /b\n", [("x", 2)], id="itself"),
        pytest.param("copy-from-another-stage", "FROM a:1\nCOPY --from=0 /a /b\n", TWO, id="itself by number"),
        pytest.param("copy-from-an-earlier-stage", "FROM a:1\nCOPY --from=3 /a /b\n", TWO, id="no such number"),
        pytest.param("copy-from-a-known-source", "FROM a:1\nCOPY --from=foo /a /b\n", TWO, id="unknown"),
        pytest.param(
            "stages-are-copied-by-name", "FROM a:1\nFROM b:1\nCOPY --from=0 /a /b\n", [("1", 3)], id="a number"
        ),
        pytest.param("copy-into-a-named-directory", "FROM a:1\nCOPY a b\n", TWO, id="relative"),
        pytest.param("copy-into-a-named-directory", "FROM a:1\nCOPY a .\nWORKDIR /x\n", TWO, id="WORKDIR too late"),
        pytest.param("no-whole-filesystem-copy", "FROM a:1 AS b\nFROM c:1\nCOPY --from=b / /\n", [("1", 3)], id="/"),
        pytest.param("vex-is-attested", "FROM a:1\nCOPY app.vex.json /\n", TWO, id="vex"),
        pytest.param(
            "windows-image-mounts-nothing",
            "FROM mcr.microsoft.com/windows/servercore:ltsc2022\nRUN --mount=type=secret,id=a x\n",
            TWO,
            id="mount",
        ),
        pytest.param("image-healthcheck", "FROM a:1\nHEALTHCHECK NONE\n", [("", 2)], id="NONE"),
        pytest.param(
            "image-healthcheck", "FROM a:1 AS b\nHEALTHCHECK CMD x\nFROM a:1\n", [("", 3)], id="in another stage"
        ),
        pytest.param("cmd-stands-once", "FROM a:1\nCMD a\nCMD b\nCMD c\n", [("0", 2), ("0", 3)], id="three CMD"),
        pytest.param("entrypoint-stands-once", 'FROM a:1\nENTRYPOINT ["a"]\nENTRYPOINT b\n', TWO, id="ENTRYPOINT"),
        pytest.param(
            "healthcheck-stands-once", "FROM a:1\nHEALTHCHECK NONE\nHEALTHCHECK CMD a\n", TWO, id="HEALTHCHECK"
        ),
        pytest.param("exec-form-start", "FROM a:1\nENTRYPOINT /run.sh\n", TWO, id="ENTRYPOINT"),
        pytest.param("valid-exec-form", "FROM a:1\nCMD ['a', 'b']\n", TWO, id="single quotes"),
        pytest.param("valid-exec-form", 'FROM a:1\nCMD ["a" "b"]\n', TWO, id="no comma"),
        pytest.param("valid-exec-form", 'FROM a:1\nCMD ["a", "b"\n', TWO, id="no bracket"),
        pytest.param("valid-exec-form", "FROM a:1\nENTRYPOINT [a, b]\n", TWO, id="no quotes"),
        pytest.param("valid-exec-form", "FROM a:1\nRUN ['a', 'b']\n", TWO, id="RUN"),
        pytest.param("valid-exec-form", "FROM a:1\nHEALTHCHECK CMD ['a']\n", TWO, id="HEALTHCHECK"),
        pytest.param("stop-signal-can-be-handled", "FROM a:1\nSTOPSIGNAL 9\n", TWO, id="by number"),
        pytest.param("stop-signal-can-be-handled", "FROM a:1\nSTOPSIGNAL SIGNOPE\n", TWO, id="no signal"),
        pytest.param("nginx-is-stopped-by-sigquit", "FROM a:1\nCMD nginx\n", [("", 2)], id="nginx of one's own"),
        pytest.param("valid-exposed-ports", "FROM a:1\nEXPOSE 65536\n", TWO, id="above"),
        pytest.param("exposed-ports-map-nothing", "FROM a:1\nEXPOSE 80:80\n", TWO, id="a mapping"),
        pytest.param("exposed-ports-map-nothing", "FROM a:1\nEXPOSE 127.0.0.1:80:80\n", TWO, id="an address"),
        pytest.param("valid-exposed-ports", "FROM a:1\nEXPOSE 80/http\n", TWO, id="a protocol"),
        pytest.param("valid-exposed-ports", "FROM a:1\nEXPOSE 90-80\n", TWO, id="backwards"),
        pytest.param("scratch-needs-no-shell", "FROM scratch\nRUN x\n", TWO, id="RUN"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, control: str, text: str, expected: list[Place]) -> None:
    assert places(tmp_path, text, control) == expected


@pytest.mark.parametrize(
    ("control", "text"),
    [
        pytest.param("copy-for-local-files", "FROM a:1\nADD x.tar.gz y.tar /\n", id="archives"),
        pytest.param("copy-for-local-files", "FROM a:1\nADD https://h/x git@h:o/r /\n", id="remote"),
        pytest.param("copy-for-local-files", "FROM a:1\nADD $FILE /\n", id="unknown"),
        pytest.param("add-unpacks-archives", "FROM a:1\nCOPY x.tgz /t/\nRUN tar cf /y.tgz /t\n", id="packs"),
        pytest.param(
            "add-unpacks-archives", "FROM a:1\nCOPY --from=b /x.tgz /t/\nRUN tar xf /t/x.tgz\n", id="ADD cannot"
        ),
        pytest.param("copy-of-several-files-names-a-directory", "FROM a:1\nCOPY a b .\n", id="the working directory"),
        pytest.param(
            "copy-of-several-files-names-a-directory", "FROM a:1\nCOPY --from=b a /d\n", id="a flag is no file"
        ),
        pytest.param("copy-of-several-files-names-a-directory", "FROM a:1\nCOPY a b $D\n", id="unknown"),
        pytest.param("copy-of-several-files-names-a-directory", "FROM a:1\nCOPY a b c\\\n/\n", id="on the next line"),
        pytest.param("copy-from-an-earlier-stage", "FROM a:1 AS x\nFROM b:1\nCOPY --from=X /a /b\n", id="any case"),
        pytest.param("copy-from-an-earlier-stage", "FROM a:1 AS nginx\nFROM nginx\nCOPY a b\n", id="builds on it"),
        pytest.param("copy-from-a-known-source", "FROM a:1\nCOPY --from=busybox:1.36 /a /b\n", id="an image"),
        pytest.param("copy-from-a-known-source", "FROM a:1\nCOPY --from=$S /a /b\n", id="unknown"),
        pytest.param("copy-into-a-named-directory", "FROM a:1\nCOPY a /b\nCOPY a $D/x\n", id="absolute"),
        pytest.param("copy-into-a-named-directory", "FROM a:1 AS b\nWORKDIR /x\nFROM b\nCOPY a b\n", id="inherited"),
        pytest.param("copy-into-a-named-directory", "FROM php:8.4-apache\nCOPY a b\n", id="a base with a directory"),
        pytest.param("no-whole-filesystem-copy", "FROM a:1 AS b\nFROM c:1\nCOPY --from=b /out/ /\n", id="a part"),
        pytest.param("no-whole-filesystem-copy", "FROM a:1\nCOPY . /\n", id="from the context"),
        pytest.param("windows-image-names-no-signal", "FROM a:1\nSTOPSIGNAL SIGTERM\n", id="Linux"),
        pytest.param("image-healthcheck", "FROM a:1 AS b\nHEALTHCHECK CMD x\nFROM b\n", id="inherited"),
        pytest.param("image-healthcheck", "FROM a:1 AS b\nFROM scratch\nCOPY --from=b /o /\n", id="a bag of files"),
        pytest.param("cmd-stands-once", "FROM a:1\nCMD a\nFROM b:1\nCMD b\n", id="one per stage"),
        pytest.param("cmd-stands-once", "FROM a:1\nRUN <<E\nCMD a\nE\nCMD b\n", id="text in a heredoc"),
        pytest.param("exec-form-start", "FROM a:1\nCMD exec a $B\n", id="exec hands over"),
        pytest.param("exec-form-start", 'FROM a:1\nSHELL ["bash", "-c"]\nCMD a\n', id="a shell on purpose"),
        pytest.param("exec-form-start", "FROM a:1\nHEALTHCHECK CMD a || exit 1\n", id="a healthcheck"),
        pytest.param("valid-exec-form", 'FROM a:1\nRUN [ "$A" = "b" ] && x\n', id="a test"),
        pytest.param("valid-exec-form", "FROM a:1\nRUN [ -f a ]\n", id="a test alone"),
        pytest.param("valid-exec-form", "FROM a:1\nRUN [[ $A == b ]] || x\n", id="bash's test"),
        pytest.param("valid-exec-form", 'FROM a:1\nCMD [ "a" , "b" ]\n', id="blanks"),
        pytest.param("valid-exec-form", "FROM a:1\nCMD []\n", id="empty"),
        pytest.param("stop-signal-can-be-handled", "FROM a:1\nSTOPSIGNAL $S\n", id="unknown"),
        pytest.param("stop-signal-can-be-handled", "FROM a:1\nSTOPSIGNAL term\n", id="another spelling"),
        pytest.param("nginx-is-stopped-by-sigquit", "FROM nginx:1\nCMD nginx\n", id="the base sets it"),
        pytest.param("systemd-is-stopped-by-its-signal", 'FROM a:1\nENTRYPOINT ["/init"]\n', id="s6, not systemd"),
        pytest.param("valid-exposed-ports", "FROM a:1\nEXPOSE 1 65535/UDP 80-90 $P ${Q}/tcp\n", id="ports"),
        pytest.param("scratch-needs-no-shell", 'FROM scratch\nCOPY a /\nENTRYPOINT ["/a"]\n', id="exec form"),
        pytest.param("scratch-needs-no-shell", "FROM scratch\nCOPY --from=b / /\nRUN x\n", id="a filesystem"),
    ],
)
def test_what_is_right_is_silent(tmp_path: Path, control: str, text: str) -> None:
    assert places(tmp_path, text, control) == []


def test_the_ignore_file_is_asked(tmp_path: Path) -> None:
    files = {"Dockerfile": shell() + "COPY a.env b.txt /x/\nCOPY --from=s a.env /y\n", ".dockerignore": "*.env\n"}
    found = hits(tmp_path, files, "copied-files-are-not-ignored")
    assert [(hit.line, hit.message) for hit in found] == [(2, "a.env is excluded by the ignore file")]
