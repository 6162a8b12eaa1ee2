"""What remedies make of the configurations of nginx."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.remedy.helpers import plan_for

STRICT = 'suite = "strict"\nselect = ["{}"]\nfail-on = "info"\n'
WEB = "services:\n  web:\n    image: nginx:1.27.3\n    volumes:\n"
COMPOSE = f"{WEB}      - ./site.conf:/etc/nginx/conf.d/site.conf:ro\n"
MAIN = COMPOSE.replace("/conf.d/site.conf", "/nginx.conf")
PROBED = f'{COMPOSE}    healthcheck:\n      test: ["CMD", "curl", "-f", "http://localhost:8080/health"]\n'

MENDED = {
    "the versions of TLS": (
        "nginx-names-its-tls-versions",
        COMPOSE,
        "# front\nserver {\n\tlisten 443 ssl; # c\n}\nserver { listen 8443 ssl; }\n",
        (
            "# front\nserver {\n\tssl_protocols TLSv1.2 TLSv1.3;\n\tlisten 443 ssl; # c\n}\n"
            "server { ssl_protocols TLSv1.2 TLSv1.3; listen 8443 ssl; }\n"
        ),
    ),
    "ciphers": (
        "nginx-strong-ciphers",
        COMPOSE,
        'server {\n    listen 443 ssl;\n    ssl_ciphers "AES128-SHA:RC4-SHA";  # old\n}\n',
        "server {\n    listen 443 ssl;\n    ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;  # old\n}\n",
    ),
    "a version that is told": (
        "nginx-hides-its-version",
        COMPOSE,
        "server_tokens on;\r\nserver {\r\n    listen 8080;\r\n}\r\n",
        "server_tokens off;\r\nserver {\r\n    listen 8080;\r\n}\r\n",
    ),
    "a version that nothing is said of": (
        "nginx-hides-its-version",
        COMPOSE,
        "upstream a {\n  server b;\n}\nserver {\r\n    listen 8080;\r\n}\r\n",
        "upstream a {\n  server b;\n}\nserver {\r\n    server_tokens off;\n    listen 8080;\r\n}\r\n",
    ),
    "servers of http, not those of stream": (
        "nginx-hides-its-version",
        MAIN,
        "events {}\nstream {\n  server { listen 1; }\n}\nhttp {\n  server {\n    listen 80;\n  }\n}\n",
        (
            "events {}\nstream {\n  server { listen 1; }\n}\n"
            "http {\n  server {\n    server_tokens off;\n    listen 80;\n  }\n}\n"
        ),
    ),
    "logs": (
        "nginx-logs-to-the-container-log",
        COMPOSE,
        "access_log /var/log/nginx/a.log main;\nserver {\n    listen 80;\n    error_log /srv/e.log warn;\n}\n",
        "access_log /dev/stdout main;\nserver {\n    listen 80;\n    error_log /dev/stderr warn;\n}\n",
    ),
    "what the probe asks for": (
        "nginx-answers-its-healthcheck",
        PROBED,
        "server {\n    listen 8080;\n}\n",
        "server {\n    location = /health {\n        return 200;\n    }\n    listen 8080;\n}\n",
    ),
    "a user that cannot be changed to": (
        "nginx-user-is-settable",
        f'{MAIN}    user: "101:101"\n',
        "# main\nuser nginx;\nevents {}\nhttp {}\n",
        "# main\nevents {}\nhttp {}\n",
    ),
    "a user beside something else": (
        "nginx-user-is-settable",
        f'{MAIN}    user: "101:101"\n',
        "user nginx; events {}\nhttp {}\n",
        " events {}\nhttp {}\n",
    ),
}


@pytest.mark.parametrize(("control", "compose", "text", "expected"), MENDED.values(), ids=MENDED)
def test_a_configuration_is_mended_and_nothing_else_moves(
    control: str, compose: str, text: str, expected: str, tmp_path: Path
) -> None:
    files = {"compose.yaml": compose, "site.conf": text, "dockerharden.toml": STRICT.format(control)}
    plan = plan_for(tmp_path, files)
    assert plan.after == {str(tmp_path / "site.conf"): expected}
    assert plan.left == []
    assert plan_for(tmp_path, {**files, "site.conf": expected}).after == {}


LEFT = {
    "which of two servers the probe reaches": (
        "nginx-answers-its-healthcheck",
        PROBED,
        "server {\n    listen 8080;\n}\nserver {\n    listen 8081;\n}\n",
    ),
    "a log that is packed": (
        "nginx-logs-to-the-container-log",
        COMPOSE,
        "access_log /srv/a.log.gz main gzip;\nserver {\n    listen 80;\n}\n",
    ),
    "a promise to browsers for a year": ("nginx-sends-hsts", COMPOSE, "server {\n    listen 443 ssl;\n}\n"),
    "where the main file is": ("nginx-main-directives-in-main", COMPOSE, "pid /tmp/a.pid;\nserver {\n listen 80;\n}\n"),
    "a server of stream alone": (
        "nginx-hides-its-version",
        MAIN,
        "events {}\nstream {\n  server {\n    listen 1;\n  }\n}\n",
    ),
}


@pytest.mark.parametrize(("control", "compose", "text"), LEFT.values(), ids=LEFT)
def test_what_no_file_says_is_left_to_people(control: str, compose: str, text: str, tmp_path: Path) -> None:
    files = {"compose.yaml": compose, "site.conf": text, "dockerharden.toml": STRICT.format(control)}
    assert plan_for(tmp_path, files).after == {}
