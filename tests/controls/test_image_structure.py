"""Whether a Dockerfile says what its author means, and how well it uses layers and cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.dockerfiles import Place, places, shell

TWO = [("0", 2)]


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        pytest.param("known-instructions", "FROM a:1\nRUNN x\n", [("", 2)], id="unknown instruction"),
        pytest.param("first-instruction-is-from", "RUN x\nFROM a:1\n", [("", 1)], id="before FROM"),
        pytest.param(
            "onbuild-triggers-are-allowed", "FROM a:1\nONBUILD ONBUILD RUN x\n", [("", 2)], id="a trigger's trigger"
        ),
        pytest.param("onbuild-triggers-are-allowed", "FROM a:1\nONBUILD MAINTAINER x\n", [("", 2)], id="MAINTAINER"),
        pytest.param("no-empty-continuation", "FROM a:1\nRUN a \\\n\n  b\n", [("", 3)], id="an empty line"),
        pytest.param("unique-stage-names", "FROM a:1 AS x\nFROM b:1 AS X\n", [("", 2)], id="any case"),
        pytest.param("unreserved-stage-names", "FROM a:1 AS context\n", [("context", 1)], id="context"),
        pytest.param("equals-sign-in-variables", "FROM a:1\nLABEL a b\n", TWO, id="LABEL"),
        pytest.param("absolute-workdir", "FROM a:1\nWORKDIR a/b\n", TWO, id="relative"),
        pytest.param("absolute-workdir", 'FROM a:1\nWORKDIR "a b"\n', TWO, id="quoted"),
        pytest.param("absolute-workdir", "FROM a:1\nENV D=x\nWORKDIR $D\n", [("0", 3)], id="by ENV"),
        pytest.param("no-maintainer-instruction", "FROM a:1\nMAINTAINER me\n", [("", 2)], id="MAINTAINER"),
        pytest.param("stages-are-used", "FROM a:1 AS x\nFROM b:1\n", [("", 1)], id="unused"),
        pytest.param("declared-base-variables", "FROM a:$V\n", [("", 1)], id="not declared"),
        pytest.param(
            "declared-base-variables", "FROM x:1 AS y\nARG V=1\nFROM a:$V\n", [("", 3)], id="declared in a stage"
        ),
        pytest.param("base-image-has-a-default", "ARG V\nFROM a:$V\n", [("0", 2)], id="empty tag"),
        pytest.param("base-image-has-a-default", "ARG I\nFROM $I\n", [("0", 2)], id="empty name"),
        pytest.param("declared-variables", "ARG V=1\nFROM a:1\nENV X=$V\n", [("0", 3)], id="a global ARG"),
        pytest.param("declared-variables", "ARG V=1\nFROM a:1\nRUN echo $V\n", [("0", 3)], id="in RUN"),
        pytest.param("declared-variables", "FROM a:1\nCOPY x-$TARGETARCH /x\n", TWO, id="a platform argument"),
        pytest.param("declared-variables", "FROM a:1\nWORKDIR $D\nARG D=/x\n", TWO, id="declared too late"),
        pytest.param("declared-variables", "FROM alpine:3.22\nWORKDIR /$D\n", TWO, id="declared nowhere"),
        pytest.param(
            "declared-variables", "FROM python:3.13\nENV PYTHONPATH=/a:$PYTHONPATH\n", TWO, id="not of python"
        ),
        pytest.param("declared-variables", "FROM alpine:3.22\nENV LD_PATH=/a:$LD_PATH\n", TWO, id="not of a bare base"),
        pytest.param("env-does-not-use-itself", 'FROM a:1\nENV A=1 B="x$A"\n', TWO, id="quoted"),
        pytest.param(
            "variables-are-unset-where-they-are-set", "FROM a:1\nENV A=1\nRUN unset A\n", [("0", 3)], id="unset"
        ),
        pytest.param("shell-is-set-by-shell", shell("rm /bin/sh && ln -s /bin/bash /bin/sh"), TWO, id="ln"),
        pytest.param("directories-are-changed-by-workdir", shell("cd /a"), TWO, id="alone"),
        pytest.param("directories-are-changed-by-workdir", shell("x && cd /a && make"), TWO, id="in the middle"),
        pytest.param("dependencies-before-sources", "FROM a:1\nCOPY . .\nRUN pip install -r r.txt\n", TWO, id="pip"),
        pytest.param("dependencies-before-sources", "FROM a:1\nADD . /src\nRUN go mod download\n", TWO, id="go"),
        pytest.param(
            "cache-mounts-are-kept",
            shell("--mount=type=cache,target=/root/.npm npm ci && rm -rf /root/.npm"),
            TWO,
            id="rm",
        ),
        pytest.param("gem-downloads-are-cached", shell("bundle install"), TWO, id="bundle"),
        pytest.param("consecutive-steps-are-one", shell("a", "b", "c"), [("0", 3), ("0", 4)], id="RUN"),
        pytest.param("build-tools-do-not-ship", shell("apk add --no-cache gcc=1"), TWO, id="gcc"),
        pytest.param("ownership-set-while-copying", "FROM a:1\nCOPY a /a\nRUN chown -R x /a\n", [("0", 3)], id="chown"),
        pytest.param(
            "ownership-set-while-copying", "FROM a:1\nCOPY a /b/a\nRUN chmod +x /b/a\n", [("0", 3)], id="chmod"
        ),
        pytest.param("valid-label-values", "FROM a:1\nLABEL a=\n", TWO, id="empty"),
        pytest.param("labels-are-given-once", "FROM a:1\nLABEL a=1\nLABEL a=2\n", [("0", 3)], id="twice"),
        pytest.param("valid-label-keys", "FROM a:1\nLABEL com.docker.x=1\n", TWO, id="reserved"),
        pytest.param(
            "valid-label-values", "FROM a:1\nLABEL org.opencontainers.image.created=today\n", TWO, id="no time"
        ),
        pytest.param("pinned-syntax-image", "# syntax=docker/dockerfile\nFROM a:1\n", [("", 1)], id="no version"),
        pytest.param("pinned-syntax-image", "# syntax=me/front:1\nFROM a:1\n", [("", 1)], id="a stranger's"),
        pytest.param("high-user-ids-leave-no-huge-file", shell("useradd -mu 1234567 x"), TWO, id="a cluster"),
        pytest.param("one-download-tool", shell("curl x", "wget y"), [("", 3)], id="both"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, control: str, text: str, expected: list[Place]) -> None:
    assert places(tmp_path, text, control) == expected


@pytest.mark.parametrize(
    ("control", "text"),
    [
        pytest.param("accepted-by-the-builder", "# a=b\n# syntax=x\nARG A\nFROM a:1\nonbuild run x\n", id="valid"),
        pytest.param(
            "accepted-by-the-builder", "FROM a:1\nRUN <<E\nRUNN x\nE\nCOPY <<'A' <<B /\na\nA\nb\nB\n", id="heredocs"
        ),
        pytest.param("no-empty-continuation", "FROM a:1\nRUN a \\\n  # why\n  b\n\nRUN c\n", id="a comment"),
        pytest.param("no-empty-continuation", "FROM a:1\nRUN <<E\na\n\nb\nE\n", id="in a heredoc"),
        pytest.param("unique-stage-names", "FROM a:1\nFROM a:1\nFROM a:1 AS a\n", id="without names"),
        pytest.param("equals-sign-in-variables", "FROM a:1\nENV A=1 B='x y'\nARG C\n", id="equals signs"),
        pytest.param(
            "absolute-workdir", "FROM a:1\nWORKDIR /a\nWORKDIR $HOME\nWORKDIR ${X}/y\n", id="absolute or unknown"
        ),
        pytest.param("absolute-workdir", "# escape=`\nFROM a:1\nWORKDIR C:\\app\n", id="Windows"),
        pytest.param("stages-are-used", "FROM a:1 AS x\nFROM x AS y\nFROM b:1\nCOPY --from=y a b\n", id="a chain"),
        pytest.param("stages-are-used", "FROM a:1 AS x\nFROM b:1\nRUN --mount=from=x,target=/x y\n", id="a mount"),
        pytest.param("declared-base-variables", "ARG V=1\nFROM --platform=$BUILDPLATFORM a:${V}\n", id="declared"),
        pytest.param("declared-base-variables", "ARG V\nFROM a:${V:-1}\n", id="declared, with a default in place"),
        pytest.param("base-image-has-a-default", "ARG V=1\nARG S\nFROM a:$V$S\n", id="an empty suffix"),
        pytest.param("base-image-has-a-default", "FROM a:${V:-1}\n", id="a default in place"),
        pytest.param("declared-variables", "ARG V=1\nFROM a:1\nARG V\nENV X=$V\nRUN echo $V\n", id="declared again"),
        pytest.param("declared-variables", "FROM python:3.13\nENV X=$PYTHON_VERSION PATH=/x:$PATH\n", id="of the base"),
        pytest.param(
            "declared-variables", "FROM alpine:3.22\nWORKDIR /${D:-x}\nLABEL a='$B'\n", id="default, single quotes"
        ),
        pytest.param(
            "declared-variables", "FROM alpine:3.22\nLABEL a=\\$B\nRUN echo $UNSET\n", id="escaped; the shell's"
        ),
        pytest.param(
            "declared-variables", "ARG V=1\nFROM a:1\nRUN for V in 1 2; do echo $V; done\n", id="set by the script"
        ),
        pytest.param("declared-variables", "FROM a:1\nARG D\nWORKDIR $D\nADD $HTTP_PROXY /x\n", id="predefined"),
        pytest.param(
            "declared-variables", "FROM nvidia/cuda:12.9.1\nENV LD_PATH=/a:$LD_PATH\n", id="adds to what a base may set"
        ),
        pytest.param("declared-variables", "FROM tomcat:11\nENV LD_PATH=$LD_PATH:/a\n", id="adds to an official base"),
        pytest.param("env-does-not-use-itself", "FROM a:1\nENV PATH=/x:$PATH\n", id="extends itself"),
        pytest.param("env-does-not-use-itself", "FROM a:1\nENV A=1\nENV A=2 B=$A\n", id="was set before"),
        pytest.param("variables-are-unset-where-they-are-set", shell("export A=1 && x && unset A"), id="its own"),
        pytest.param("shell-is-set-by-shell", shell("ln -s /bin/sh /usr/bin/x"), id="another link"),
        pytest.param("directories-are-changed-by-workdir", shell("(cd /a && make)"), id="a subshell"),
        pytest.param("directories-are-changed-by-workdir", shell("make -C /a"), id="-C"),
        pytest.param(
            "dependencies-before-sources",
            "FROM a:1\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm ci --omit=dev\n",
            id="the manifest first",
        ),
        pytest.param("dependencies-before-sources", "FROM a:1\nCOPY . .\nRUN make\n", id="nothing installed"),
        pytest.param(
            "cache-mounts-are-kept", shell("--mount=type=cache,target=/c x && rm -rf /tmp/y"), id="another rm"
        ),
        pytest.param("consecutive-steps-are-one", shell("a", "--mount=type=cache,target=/c b"), id="other mounts"),
        pytest.param("consecutive-steps-are-one", "FROM a:1\nRUN a\nUSER x\nRUN b\n", id="a user between"),
        pytest.param("consecutive-steps-are-one", "FROM a:1\nCOPY a /a\nCOPY b /b\n", id="two places"),
        pytest.param("build-tools-do-not-ship", shell("apk add gcc=1 && make && apk del gcc"), id="removed again"),
        pytest.param("ownership-set-while-copying", "FROM a:1\nCOPY a /a\nRUN chown -R x /var/lib/b\n", id="elsewhere"),
        pytest.param(
            "valid-label-values", "FROM a:1\nLABEL org.opencontainers.image.licenses='MIT OR Apache-2.0'\n", id="SPDX"
        ),
        pytest.param("valid-label-values", "FROM a:1\nLABEL a.b-c=1 org.opencontainers.image.created=$C\n", id="keys"),
        pytest.param("pinned-syntax-image", "# syntax=docker/dockerfile:1\nFROM a:1\n", id="the stable line"),
        pytest.param("high-user-ids-leave-no-huge-file", shell("useradd -u 10001 x && useradd -lu 1234567 y"), id="-l"),
        pytest.param("one-download-tool", "FROM a:1\nRUN curl x\nFROM b:1\nRUN wget y\n", id="two stages"),
    ],
)
def test_what_is_right_is_silent(tmp_path: Path, control: str, text: str) -> None:
    assert places(tmp_path, text, control) == []


def test_labels_and_the_digest_of_the_frontend_are_parameters(tmp_path: Path) -> None:
    text = "# syntax=docker/dockerfile:1\nFROM a:1\nLABEL team=x\n"
    assert places(tmp_path, text, "image-labels", labels=("team",)) == []
    assert places(tmp_path, text, "image-labels", labels=("team", "owner")) == [("", 2)]
    assert places(tmp_path, text, "pinned-syntax-image", digest=True) == [("", 1)]
