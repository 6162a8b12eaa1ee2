"""A Dockerfile that is still a template is told from one that only has templates in it."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.dockerfile import parse


def problems(text: str) -> list[Problem]:
    return list(parse(text, "/Dockerfile").problems)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        pytest.param("FROM {{ base }}\nUSER app\n", 1, 6, id="jinja in FROM"),
        pytest.param("FROM python:{{version}}-slim\n", 1, 13, id="one word"),
        pytest.param("FROM <%= base %>\n", 1, 6, id="erb"),
        pytest.param("FROM alpine:%%ALPINE%%\n", 1, 13, id="percent signs"),
        pytest.param("FROM debian:@SUITE@\n", 1, 13, id="autoconf"),
        pytest.param("FROM a\n{% if x -%}\nRUN b\n{% endif %}\n", 2, 1, id="a statement"),
        pytest.param("{# c #}\nFROM a\n", 1, 1, id="a comment"),
        pytest.param("FROM a\n{{ lines }}\n", 2, 1, id="an expression for a line"),
        pytest.param("FROM a\nRUN apk add \\\n  {% for p in ps %}{{ p }} {% endfor %}\n", 3, 3, id="a loop in a line"),
        pytest.param("FROM a\nEXPOSE {{ port }}\n", 2, 8, id="no port"),
        pytest.param("FROM a\nUSER {{ user }}\n", 2, 6, id="no user"),
        pytest.param("FROM a\n  {{- if .Debug }}\nRUN b\n  {{- end }}\n", 2, 3, id="go"),
    ],
)
def test_a_template_is_one_problem(text: str, line: int, column: int) -> None:
    (problem,) = problems(text)
    assert (problem.kind, problem.message) == ("template", "this is a template of a Dockerfile")
    assert (problem.origin.line, problem.origin.column) == (line, column)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("RUN docker inspect --format '{{.Id}}' x", id="a go template for a tool"),
        pytest.param("RUN docker ps --format {{.Id}}", id="unquoted for a tool"),
        pytest.param("RUN curl -w '%{http_code}' http://localhost", id="curl"),
        pytest.param("RUN echo '{% if a %}b{% endif %}' > /t.j2", id="a template that is written"),
        pytest.param("COPY <<EOF /t.j2\n{% for a in b %}\n{{ a }}\n{% endfor %}\nEOF", id="a heredoc"),
        pytest.param('ENV PROMPT="{{ host }} {# x #}"', id="a value"),
        pytest.param('LABEL a="<%= b %>"', id="a label"),
        pytest.param('CMD ["consul-template", "{{ key }}"]', id="an argument"),
        pytest.param("RUN date +%%Y%% && awk '{{print}}'", id="awk"),
        pytest.param("COPY --from=x@sha256 /a@b@c /", id="at signs"),
        pytest.param("# {% comment %} {{ x }}", id="a comment"),
        pytest.param("# {{ x }}\nRUN a \\\n  # {% b %}\n  c", id="a comment inside"),
    ],
)
def test_templates_inside_a_dockerfile_are_none_of_one(text: str) -> None:
    assert problems(f"FROM debian:12@sha256:{'a' * 64}\n{text}\n") == []


def test_a_mistake_beside_a_template_for_a_tool_is_a_mistake() -> None:
    assert [p.kind for p in problems("FROM a\nRUNN docker ps --format '{{.Id}}'\n")] == ["refused"]
