"""What remedies make of Dockerfiles and of the files beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import judgements
from tests.remedy.helpers import plan_for

STRICT = 'suite = "strict"\nselect = ["{}"]\nfail-on = "info"\n'

MENDED = {
    "no-recommended-packages": (
        "FROM debian:12\nRUN apt-get update \\\n && apt-get install -y \\\n    curl # c\n",
        "FROM debian:12\nRUN apt-get update \\\n && apt-get install --no-install-recommends -y \\\n    curl # c\n",
    ),
    "no-apt-lists-left": (
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n",
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n",
    ),
    "no-apt-lists-left ": (
        "FROM debian:12 AS a\nRUN apt-get update && apt-get install -y x\nRUN apt-get update && apt-get install -y y\n",
        (
            "FROM debian:12 AS a\nRUN apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/*\n"
            "RUN apt-get update && apt-get install -y y && rm -rf /var/lib/apt/lists/*\n"
        ),
    ),
    "no-apt-archives-left": (
        "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y x\nRUN apt-get install -y y\n",
        (
            "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y x && apt-get clean\n"
            "RUN apt-get install -y y && apt-get clean\n"
        ),
    ),
    "no-pip-cache-left": (
        "FROM python:3.12\r\nRUN pip install -r requirements.txt\r\n",
        "FROM python:3.12\r\nRUN pip install --no-cache-dir -r requirements.txt\r\n",
    ),
    "copy-for-local-files": (
        "FROM debian:12\nADD --chown=app app.py /app/  \n",
        "FROM debian:12\nCOPY --chown=app app.py /app/  \n",
    ),
    "copy-for-local-files ": ("FROM debian:12\nadd *.py /app/\n", "FROM debian:12\nCOPY *.py /app/\n"),
    "wget-tries-again": (
        "FROM alpine:3.22\nRUN apk add --no-cache wget && wget https://example.com/x\n",
        "FROM alpine:3.22\nRUN apk add --no-cache wget && wget --tries=5 https://example.com/x\n",
    ),
    "no-maintainer-instruction": (
        "FROM debian:12\nMAINTAINER Ann <ann@example.com>\n",
        'FROM debian:12\nLABEL org.opencontainers.image.authors="Ann <ann@example.com>"\n',
    ),
    "absolute-workdir": (
        "FROM debian:12\nWORKDIR /srv\nWORKDIR app\n",
        "FROM debian:12\nWORKDIR /srv\nWORKDIR /srv/app\n",
    ),
    "exec-form-start": (
        "FROM debian:12\nCMD server --port 80",
        'FROM debian:12\nCMD ["server", "--port", "80"]',
    ),
    "image-sets-a-user": (
        'FROM debian:12\nRUN useradd --system app\nCOPY . /app\nEXPOSE 80\n# start\nCMD ["x"]\n',
        'FROM debian:12\nRUN useradd --system app\nCOPY . /app\nUSER app\nEXPOSE 80\n# start\nCMD ["x"]\n',
    ),
    "image-sets-a-user ": (
        "FROM nginx:1.27-alpine\nCOPY site /usr/share/nginx/html\nEXPOSE 80\n",
        "FROM nginx:1.27-alpine\nCOPY site /usr/share/nginx/html\nUSER 101:101\nEXPOSE 80\n",
    ),
    "image-sets-a-user  ": (
        "FROM debian:12\nRUN useradd --system app  \n",
        "FROM debian:12\nRUN useradd --system app  \nUSER app\n",
    ),
    "tools-do-not-phone-home": (
        "FROM node:22\nRUN npx next build\nRUN npx next build b\n",
        "FROM node:22\nENV NEXT_TELEMETRY_DISABLED=1\nRUN npx next build\nRUN npx next build b\n",
    ),
    "cmd-stands-once": (
        'FROM debian:12\nCMD ["a"]\n# the real one\nCMD ["b"]\n',
        'FROM debian:12\n# the real one\nCMD ["b"]\n',
    ),
    "no-apt-lists-left  ": (
        "FROM ubuntu:24.04\nUSER app\nRUN sudo apt-get update && sudo apt-get install -y curl\n",
        (
            "FROM ubuntu:24.04\nUSER app\nRUN sudo apt-get update && sudo apt-get install -y curl"
            " && sudo rm -rf /var/lib/apt/lists/*\n"
        ),
    ),
    "no-empty-continuation": (
        "FROM debian:12\nRUN a \\\n\n# why\n\t\n  b \\\n \n  c\n\nRUN <<E \\\n\n d\n\nE\nRUN \\\n\n  y\\\\\n\nCMD z\n",
        "FROM debian:12\nRUN a \\\n# why\n  b \\\n  c\n\nRUN <<E \\\n d\n\nE\nRUN \\\n  y\\\\\n\nCMD z\n",
    ),
    "no-empty-continuation ": (
        "# escape=`\r\nFROM debian:12\r\nRUN a `\r\n\r\n  b `\r\n\r\n  c\\\r\n\r\nCMD x\r\n",
        "# escape=`\r\nFROM debian:12\r\nRUN a `\r\n  b `\r\n  c\\\r\n\r\nCMD x\r\n",
    ),
    "image-sets-a-user    ": (
        "from debian:12\nrun useradd app\ncmd x\n",
        "from debian:12\nrun useradd app\nuser app\ncmd x\n",
    ),
    "instructions-have-one-casing": ("FROM debian:12\nrun a\nRUN b\n", "FROM debian:12\nRUN a\nRUN b\n"),
    "upper-case-instructions": ("from debian:12\nrun a\nRUN b\n", "FROM debian:12\nRUN a\nRUN b\n"),
    "canonical-stop-signal": ("FROM debian:12\nSTOPSIGNAL 15\n", "FROM debian:12\nSTOPSIGNAL SIGTERM\n"),
}


@pytest.mark.parametrize("control", MENDED)
def test_a_dockerfile_is_mended_and_nothing_else_moves(control: str, tmp_path: Path) -> None:
    text, expected = MENDED[control]
    plan = plan_for(tmp_path, {"Dockerfile": text, "dockerharden.toml": STRICT.format(control.strip()), "app.py": ""})
    assert plan.after.get(str(tmp_path / "Dockerfile")) == expected


LEFT = {
    "an archive that ADD unpacks": ("copy-for-local-files", "FROM debian:12\nADD app.tar.gz app.py /app/\n"),
    "a pattern that an archive may match": ("copy-for-local-files", "FROM debian:12\nADD app* /app/\n"),
    "a wget that knows fewer options": ("wget-tries-again", "FROM alpine:3.22\nRUN wget https://example.com/x\n"),
    "a shell syntax that no array has": ("exec-form-start", "FROM debian:12\nCMD server --port $PORT | tee log\n"),
    "a base whose folder is not known": ("absolute-workdir", "FROM debian:12\nWORKDIR app\n"),
    "a base that may set a user": ("image-sets-a-user", 'FROM example.org/app:1\nCMD ["x"]\n'),
    "lists that a later step installs from": (
        "no-apt-lists-left",
        (
            "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y x\n"
            "RUN apt-get update && apt-get install -y y && rm -rf /var/lib/apt/lists/*\n"
        ),
    ),
    "lists that a later stage installs from": (
        "no-apt-lists-left",
        "FROM debian:12 AS a\nRUN apt-get update && apt-get install -y x\nFROM a\nRUN apt-get install -y y\n",
    ),
    "an instruction that goes on where the file ends": (
        "image-sets-a-user",
        "FROM debian:12\nRUN useradd --system app && \\\n",
    ),
    "recommended packages that are asked for": (
        "no-recommended-packages",
        "FROM debian:12\nRUN apt-get install -y --install-recommends wine\n",
    ),
    "what a later step builds with": (
        "no-development-dependencies",
        "FROM node:22\nRUN npm install\nRUN cd web && \\\n  npm run build\n",
    ),
    "what a trigger builds with": (
        "no-development-dependencies",
        "FROM node:22\nONBUILD RUN npm install\nONBUILD RUN npm run build\n",
    ),
    "a RUN that ends itself": (
        "no-apt-lists-left",
        "FROM debian:12\nRUN apt-get update && apt-get install -y x; exit 0\n",
    ),
    "an odd word among lower case, as another control asks for upper case": (
        "instructions-have-one-casing",
        "from debian:12\nrun true\nRUN true\n",
    ),
    "a RUN in exec form": ("no-apt-archives-left", 'FROM debian:12\nRUN ["apt-get", "install", "-y", "curl"]\n'),
}


@pytest.mark.parametrize(("control", "text"), LEFT.values(), ids=LEFT)
def test_what_is_not_certain_is_left_to_people(control: str, text: str, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, {"Dockerfile": text, "dockerharden.toml": STRICT.format(control)})
    assert plan.after == {}


ARCHIVE = "a build whose file is a tar archive by another name, which ADD unpacks"


@pytest.mark.parametrize(
    ("sources", "safe"),
    [
        pytest.param(". ", True, id="a directory"),
        pytest.param("src/ ", True, id="a directory by its slash"),
        pytest.param("app.py conf/site.conf", True, id="programs and settings"),
        pytest.param("*.css", True, id="a pattern for settings"),
        pytest.param("Makefile .npmrc", True, id="files that everybody knows"),
        pytest.param("app.zip", True, id="an archive that ADD does not unpack"),
        pytest.param("rootfs", False, id="no ending"),
        pytest.param("dist/layer.bin", False, id="an ending that says nothing"),
        pytest.param("tools.apk", False, id="a package that is an archive"),
        pytest.param("app.py rootfs", False, id="one of them"),
        pytest.param("v1.2", False, id="a version"),
    ],
)
def test_a_source_that_may_be_an_archive_is_not_safely_copied(sources: str, safe: bool, tmp_path: Path) -> None:
    files = {"Dockerfile": f"FROM debian:12\nADD {sources} /app/\n"}
    (judged,) = [j for j in judgements(tmp_path, files, "copy-for-local-files") if j.findings]
    remedy = judged.findings[0].remedy
    assert remedy is not None
    assert len(remedy.edits) == 1
    assert (remedy.effect, remedy.breaks) == (("safe", "") if safe else ("behaviour-changing", ARCHIVE))


@pytest.mark.parametrize("text", ["from debian:12\nrun a\nRUN b\n", "from debian:12\nRun a\nRUN b\nrun c\n"])
def test_controls_of_the_casing_do_not_undo_each_other(text: str, tmp_path: Path) -> None:
    rules = STRICT.format('instructions-have-one-casing", "upper-case-instructions')
    plan = plan_for(tmp_path, {"Dockerfile": text, "dockerharden.toml": rules})
    upper = text.replace("from", "FROM").replace("run", "RUN").replace("Run", "RUN")
    assert plan.after == {str(tmp_path / "Dockerfile"): upper}


def test_only_what_cannot_break_a_build_is_safe(tmp_path: Path) -> None:
    text = "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n"
    plan = plan_for(tmp_path, {"Dockerfile": text}, safe_only=True, suite="strict")
    assert plan.after == {
        str(tmp_path / "Dockerfile"): text.replace(" curl\n", " curl && rm -rf /var/lib/apt/lists/*\n")
    }
