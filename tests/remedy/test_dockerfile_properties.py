"""Whatever a Dockerfile is composed of: once mended it builds, keeps its comments, and needs no mending again."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.source.dockerfile import parse
from tests.helpers import imported_or_skip
from tests.remedy.helpers import plan_for

STARTS = st.sampled_from(
    ["FROM debian:12", "FROM\tpython:3.12 AS base", "ARG T=3.12\nFROM python:${T}", "FROM nginx:1.27-alpine", "FROM $X"]
)
PIECES = st.sampled_from(
    [
        "RUN apt-get update && apt-get install -y curl",
        "RUN apt-get update \\\n  # why\n\n  && apt-get install -y \\\n    curl git  ",
        "RUN set -eux; \\\n\tapt-get update; \\\n\tapt-get install -y curl; \\\n\trm -rf /tmp/x",
        "RUN sudo apt-get update && sudo apt-get install -y curl",
        "RUN <<EOF\nset -e\npip install x\napt-get install -y y\n\nEOF",
        "RUN <<-E bash\n\tpip install x && pip install y\n\tE",
        "COPY <<'A' <<B /x/\npip install x\nA\nUSER root\n\nB",
        "RUN --mount=type=cache,target=/root/.cache/pip --network=none pip install x",
        "RUN --security=insecure --network=host\tpip install 'x>1' \\\n\t\ty",
        'RUN ["pip", \\\n  "install", "x"]',
        "ONBUILD RUN pip install x && apt-get update && apt-get install -y y",
        "ADD app.py /app.py",
        "ONBUILD ADD --chown=1 app.py \\\n /x/",
        "WORKDIR /a\nWORKDIR b",
        "ENV A b\nENV C=d E=f\nLABEL a b c",
        "MAINTAINER Ann <a@b.c>  ",
        "STOPSIGNAL 15",
        "EXPOSE 80:80/TCP 53/UDP",
        "HEALTHCHECK --interval=5s \\\n  # c\n  CMD curl http://localhost/ || exit 1",
        "CMD server --port 80",
        "CMD a \\\n  # within\n  b",
        "ENTRYPOINT ['x', 'y']",
        'SHELL ["/bin/bash", "-o", "pipefail", "-c"]',
        "RUN useradd -r -u 1234567 app && rm -rf *",
        "USER app",
        "USER root",
        "FROM base AS next",
        "FROM debian:12",
        "# USER root",
        "",
    ]
)
# an instruction that another overrides goes with what is written inside it
_INSIDE = {"# within", "# c"}


def composed(start: str, pieces: list[str], *, lower: bool, crlf: bool, ends: bool) -> str:
    text = "\n".join([start, *pieces]) + "\n" * ends
    if lower:
        text = re.sub(r"(?m)^(FROM|RUN|ADD|CMD|WORKDIR|ONBUILD)\b", lambda found: found[0].lower(), text)
    return text.replace("\n", "\r\n") if crlf else text


@settings(deadline=None, max_examples=60)
@given(
    start=STARTS, pieces=st.lists(PIECES, min_size=1, max_size=7), lower=st.booleans(), crlf=st.booleans(),
    ends=st.booleans(), safe=st.booleans(),
)  # fmt: skip
def test_a_mended_dockerfile_builds_and_needs_no_mending(
    start: str, pieces: list[str], lower: bool, crlf: bool, ends: bool, safe: bool
) -> None:
    buildkit = imported_or_skip("dockerfile")
    port = imported_or_skip("e2b_dockerfile_utils")
    before = composed(start, pieces, lower=lower, crlf=crlf, ends=ends)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Dockerfile"
        after = plan_for(Path(folder), {"Dockerfile": before}, safe_only=safe, suite="strict").after.get(str(path))
        if after is None:
            return
        assert plan_for(Path(folder), {"Dockerfile": after}, safe_only=safe, suite="strict").after == {}
    assert len(parse(after, "/D").problems) <= len(parse(before, "/D").problems)
    for read in (buildkit.parse_string, port.parse_dockerfile_ast):
        if accepts(read, before):
            read(after)
    assert after.endswith("\n") is before.endswith("\n")
    assert ("\r\n" in after, bool(re.search(r"(?<!\r)\n", after))) == ("\r\n" in before, not crlf and "\n" in after)
    kept = [line for line in before.split("\n") if line.strip().startswith("#") and line.strip() not in _INSIDE]
    assert [line for line in after.split("\n") if line in kept] == kept


def accepts(read: object, text: str) -> bool:
    try:
        read(text)  # type: ignore[operator]
    except Exception:
        return False
    return True
