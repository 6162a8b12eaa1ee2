"""Credentials in a Dockerfile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.dockerfiles import Place, places
from tests.helpers import hits, verdicts

TWO = [("0", 2)]
WHOLE = [("", 2)]
TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nARG NPM_TOKEN\n", WHOLE, id="ARG without a value"),
        pytest.param("no-secret-values-in-build-variables", "ARG API_KEY=x\nFROM a:1\n", [("", 1)], id="a global ARG"),
        pytest.param(
            "no-secret-values-in-build-variables", "FROM a:1\nENV DB_PASSWORD hunter2\n", WHOLE, id="legacy ENV"
        ),
        pytest.param(
            "no-secret-values-in-build-variables", "FROM a:1\nENV A=1 \\\n  SECRET=x\n", [("", 3)], id="its own line"
        ),
        pytest.param(
            "no-secrets-in-build-variables", "FROM a:1\nENV PGPASSWORD=$PW\n", WHOLE, id="baked from a variable"
        ),
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nONBUILD ARG GITHUB_TOKEN\n", WHOLE, id="in a trigger"),
        pytest.param("no-literal-secrets-in-dockerfile", f"FROM a:1\nENV X={TOKEN}\n", WHOLE, id="by shape"),
        pytest.param("no-literal-secrets-in-dockerfile", f"FROM a:1\nRUN echo {TOKEN} > /t\n", WHOLE, id="in RUN"),
        pytest.param(
            "no-literal-secrets-in-dockerfile", f"FROM a:1\nCOPY <<EOF /t\n{TOKEN}\nEOF\n", [("", 3)], id="heredoc"
        ),
        pytest.param("no-literal-secrets-in-dockerfile", "FROM a:1\nRUN curl -u me:s3cr3t x\n", WHOLE, id="curl -u"),
        pytest.param("no-literal-secrets-in-dockerfile", "FROM a:1\nRUN mysql -uroot -ps3cr3t\n", WHOLE, id="mysql -p"),
        pytest.param(
            "no-literal-secrets-in-dockerfile", "FROM a:1\nRUN export DB_PASSWORD=hunter2\n", WHOLE, id="export"
        ),
        pytest.param(
            "no-literal-secrets-in-dockerfile", "FROM a:1\nRUN DB_PASSWORD=hunter2 ./x\n", WHOLE, id="for one"
        ),
        pytest.param("no-credentials-in-urls", "FROM a:1\nADD https://u:s3cr3t@h/x /x\n", TWO, id="ADD"),
        pytest.param("no-credentials-in-urls", "FROM a:1\nRUN pip install -i https://u:s3cr3t@h/x p\n", TWO, id="pip"),
        pytest.param("no-credentials-in-urls", "FROM a:1\nENV URL=https://u:s3cr3t@h/x\n", TWO, id="ENV"),
        pytest.param("no-credential-files-in-image", "FROM a:1\nCOPY .env /app/\n", TWO, id=".env"),
        pytest.param("no-credential-files-in-image", "FROM a:1\nCOPY ssh/id_ed25519 /root/.ssh/\n", TWO, id="a key"),
        pytest.param(
            "no-credential-files-in-image", 'FROM a:1\nADD ["a", "credentials.json", "/x/"]\n', TWO, id="JSON"
        ),
        pytest.param("no-credential-files-in-image", "FROM a:1\nCOPY tls/server.key /etc/\n", TWO, id="a TLS key"),
        pytest.param("no-credential-files-in-image", "FROM a:1\nCOPY .aws /root/.aws\n", TWO, id="a directory"),
        pytest.param("credentials-come-by-secret-mount", "FROM a:1\nRUN docker login -u x\n", TWO, id="login"),
        pytest.param("credentials-come-by-secret-mount", "FROM a:1\nRUN aws s3 cp s3://b/x .\n", TWO, id="aws"),
        pytest.param("private-secret-mounts", "FROM a:1\nRUN --mount=type=ssh,mode=0666 x\n", TWO, id="agent socket"),
        pytest.param("whole-context-copy-is-filtered", "FROM a:1\nCOPY . /x\n", WHOLE, id="COPY ."),
        pytest.param("whole-context-copy-is-filtered", "FROM a:1\nADD ./ /x\n", WHOLE, id="ADD ./"),
        pytest.param("whole-context-copy-is-filtered", "FROM a:1\nCOPY * /x/\n", WHOLE, id="COPY *"),
        pytest.param("assets-build-without-real-secrets", "FROM a:1\nRUN rake assets:precompile\n", TWO, id="rake"),
    ],
)
def test_a_credential_is_found(tmp_path: Path, control: str, text: str, expected: list[Place]) -> None:
    assert places(tmp_path, text, control) == expected


@pytest.mark.parametrize(
    ("control", "text"),
    [
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nENV DB_PASSWORD_FILE=/run/secrets/x\n", id="a file"),
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nARG token_file\n", id="lower case and a file"),
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nENV PASSWORD=\n", id="empty"),
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nENV PASSWORD=/run/secrets/pw\n", id="a secret's path"),
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nENV TOKENIZERS_PARALLELISM=false\n", id="tokenizers"),
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nENV GPG_KEY=A035C8C19219BA82\n", id="a public key"),
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nENV AUTH_TOKEN=false\n", id="a switch"),
        pytest.param("no-secrets-in-build-variables", "FROM a:1\nRUN <<E\nENV PASSWORD=x\nE\n", id="text in a heredoc"),
        pytest.param("no-literal-secrets-in-dockerfile", "FROM a:1\nRUN curl -u $U:$P x\n", id="variables"),
        pytest.param("no-literal-secrets-in-dockerfile", "FROM a:1\nRUN curl -u user: x\n", id="no password"),
        pytest.param("no-literal-secrets-in-dockerfile", "FROM a:1\nRUN SECRET_KEY=dummy ./make\n", id="a stand-in"),
        pytest.param(
            "no-literal-secrets-in-dockerfile",
            "FROM a:1\nRUN OTP_SECRET=precompile_placeholder SECRET_KEY_BASE=not-needed rails assets:precompile\n",
            id="stand-ins for one command",
        ),
        pytest.param("no-literal-secrets-in-dockerfile", "FROM a:1\nRUN mysql -p\n", id="asks for it"),
        pytest.param("no-literal-secrets-in-dockerfile", "FROM a:1\nRUN mkdir -p src && cp -p a b\n", id="another -p"),
        pytest.param(
            "no-literal-secrets-in-dockerfile", "FROM a:1\nRUN export TOKEN=$(cat /run/secrets/t)\n", id="a file"
        ),
        pytest.param("no-literal-secrets-in-dockerfile", f"FROM a:1@sha256:{'0a' * 32}\n", id="a digest"),
        pytest.param("no-literal-secrets-in-dockerfile", f"FROM a:1\nENV SUM={'0a' * 32}\n", id="a checksum"),
        pytest.param("no-credentials-in-urls", "FROM a:1\nRUN git clone https://$U:$T@h/x\n", id="variables"),
        pytest.param("no-credentials-in-urls", "FROM a:1\nRUN git clone git@github.com:o/r\n", id="ssh"),
        pytest.param("no-credentials-in-urls", "FROM a:1\nRUN npm i x@https://h/x.tgz\n", id="npm alias"),
        pytest.param("no-credential-files-in-image", "FROM a:1\nCOPY .env.example /a/\n", id="a template"),
        pytest.param("no-credential-files-in-image", "FROM a:1\nCOPY id_rsa.pub /a/\n", id="a public key"),
        pytest.param("no-credential-files-in-image", "FROM a:1\nCOPY certs/ca.pem tls.crt /a/\n", id="certificates"),
        pytest.param(
            "no-credential-files-in-image", "FROM a:1\nCOPY src/keyboard.py tokens.css /a/\n", id="only the words"
        ),
        pytest.param("no-credential-files-in-image", "FROM a:1\nCOPY app.py /a/.env\n", id="only the destination"),
        pytest.param(
            "no-credential-files-in-image",
            "FROM a:1 AS b\nCOPY .npmrc ./\nFROM a:1\nCOPY --from=b /dist /dist\n",
            id="a stage that does not ship",
        ),
        pytest.param(
            "credentials-come-by-secret-mount", "FROM a:1\nRUN --mount=type=secret,id=a aws s3 ls\n", id="mounted"
        ),
        pytest.param("credentials-come-by-secret-mount", "FROM a:1\nRUN aws --version\n", id="a version"),
        pytest.param("private-secret-mounts", "FROM a:1\nRUN --mount=type=secret,id=a,mode=0440 x\n", id="its group"),
        pytest.param("private-secret-mounts", "FROM a:1\nRUN --mount=type=cache,target=/c,mode=0777 x\n", id="a cache"),
        pytest.param(
            "whole-context-copy-is-filtered", "FROM a:1 AS b\nFROM a:1\nCOPY --from=b . /x\n", id="from a stage"
        ),
        pytest.param("whole-context-copy-is-filtered", "FROM a:1\nCOPY src/ ./\n", id="only the destination"),
        pytest.param(
            "whole-context-copy-is-filtered", "FROM a:1\nONBUILD COPY . /x\n", id="the context of a later build"
        ),
        pytest.param("whole-context-copy-is-filtered", "FROM a:1\nCOPY *.py /x/\n", id="some files"),
        pytest.param(
            "whole-context-copy-is-filtered",
            "FROM a:1 AS b\nCOPY . .\nFROM a:1\nCOPY --from=b /dist /dist\n",
            id="a stage that does not ship",
        ),
    ],
)
def test_what_is_no_credential_is_silent(tmp_path: Path, control: str, text: str) -> None:
    assert places(tmp_path, text, control) == []


def test_no_finding_shows_the_secret(tmp_path: Path) -> None:
    text = f"FROM a:1\nENV DB_PASSWORD=hunter2hunter2 X={TOKEN}\nRUN curl -u me:hunter2hunter2 https://u:hunter2hunter2@h/\n"
    for control in (
        "no-secret-values-in-build-variables",
        "no-literal-secrets-in-dockerfile",
        "no-credentials-in-urls",
    ):
        found = hits(tmp_path, {"Dockerfile": text}, control)
        assert found
        assert not [hit for hit in found if "hunter2" in hit.message or TOKEN in hit.message]


@pytest.mark.parametrize("program", ["mysql", "useradd", "curl", "docker", "redis-cli"])
def test_a_tool_for_credentials_without_arguments_takes_none(tmp_path: Path, program: str) -> None:
    text = f"FROM alpine:3.22\nRUN echo password | {program}\n"
    assert verdicts(tmp_path, {"Dockerfile": text}, "no-literal-secrets-in-dockerfile") == {"": "passed"}
