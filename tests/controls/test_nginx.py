"""nginx configurations, mounted, copied and as templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, verdicts

MOUNTED = "services:\n  web:\n    image: nginx:1.27.3\n    volumes: ['./site.conf:/etc/nginx/conf.d/site.conf:ro']\n"
SITE = "site.conf"


def found(folder: Path, text: str, control: str, more: str = "", **files: str) -> list[tuple[str, int]]:
    result = hits(folder, {"compose.yaml": MOUNTED + more, SITE: text, **files}, control)
    return [(hit.file, hit.line) for hit in result]


def server(*lines: str, listen: str = "8080") -> str:
    return f"server {{\n    listen {listen};\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("pid /tmp/nginx.pid;\n" + server(), [(SITE, 1)], id="pid"),
        pytest.param(server() + "user nginx;\n", [(SITE, 4)], id="user, after a server"),
        pytest.param("worker_processes auto;\n", [(SITE, 1)], id="worker_processes"),
        pytest.param(server("access_log off;"), [], id="none"),
        pytest.param("# pid /tmp/nginx.pid;\n" + server(), [], id="a comment"),
        pytest.param(server('return 200 "pid /x;";'), [], id="in a text"),
        pytest.param("pid /x;\nevents {}\nhttp {}\n", [], id="a main configuration under another name"),
        pytest.param("events {}\nhttp {\n  pid /x;\n}\n", [(SITE, 3)], id="below http"),
    ],
)
def test_main_directives_stand_in_main(tmp_path: Path, text: str, expected: list) -> None:
    assert found(tmp_path, text, "nginx-main-directives-in-main") == expected


@pytest.mark.parametrize(
    ("copy", "target"),
    [
        pytest.param("COPY site.conf /etc/nginx/conf.d/", "a folder", id="into a folder"),
        pytest.param("COPY site.conf /etc/nginx/conf.d/default.conf", "a file", id="under another name"),
        pytest.param("WORKDIR /etc/nginx\nCOPY site.conf conf.d/site.conf", "relative", id="relative to WORKDIR"),
        pytest.param("COPY site.conf /etc/nginx/templates/default.conf.template", "a template", id="as a template"),
    ],
)
def test_a_copied_configuration_is_read(tmp_path: Path, copy: str, target: str) -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    build: .\n",
        "Dockerfile": f"FROM nginx:1.27.3\n{copy}\n",
        SITE: "pid /tmp/nginx.pid;\n",
    }
    result = hits(tmp_path, files, "nginx-main-directives-in-main")
    assert [(hit.subject, hit.file, hit.line) for hit in result] == [("web", SITE, 1)]


def test_a_configuration_that_does_not_reach_the_container_is_not_read(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    build: .\n",
        "Dockerfile": "FROM x\nCOPY site.conf /srv/\n",
        SITE: "pid /x;",
    }
    assert verdicts(tmp_path, files, "nginx-main-directives-in-main") == {"web": "not-applicable"}


def test_a_granted_config_is_read(tmp_path: Path) -> None:
    text = (
        "services:\n  web:\n    image: nginx:1.27.3\n    configs: [{source: s, target: /etc/nginx/conf.d/s.conf}]\n"
        "configs:\n  s: {file: ./site.conf}\n"
    )
    files = {"compose.yaml": text, SITE: "user root;\n"}
    assert [hit.line for hit in hits(tmp_path, files, "nginx-main-directives-in-main")] == [1]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", [(SITE, 3)], id="TLS 1.0"),
        pytest.param("ssl_protocols SSLv3;", [(SITE, 3)], id="SSL 3"),
        pytest.param("ssl_protocols TLSv1.2 TLSv1.3;", [], id="modern"),
        pytest.param("ssl_protocols ${PROTOCOLS};", [], id="a variable of the template"),
    ],
)
def test_tls_is_modern(tmp_path: Path, line: str, expected: list) -> None:
    assert found(tmp_path, server(line, listen="443 ssl"), "nginx-modern-tls") == expected


@pytest.mark.parametrize(
    ("ciphers", "weak"),
    [
        pytest.param("ECDHE-RSA-AES128-GCM-SHA256:RC4-SHA", True, id="RC4"),
        pytest.param("DES-CBC3-SHA", True, id="3DES"),
        pytest.param("ALL", True, id="everything"),
        pytest.param("HIGH:!aNULL:!MD5", False, id="the usual list"),
        pytest.param('"EECDH+AESGCM:EDH+AESGCM"', False, id="quoted"),
        pytest.param("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384", False, id="AEAD"),
        pytest.param("${CIPHERS}", False, id="a variable of the template"),
    ],
)
def test_weak_ciphers_are_found(tmp_path: Path, ciphers: str, weak: bool) -> None:
    text = server(f"ssl_ciphers {ciphers};", listen="443 ssl")
    assert found(tmp_path, text, "nginx-strong-ciphers") == ([(SITE, 3)] if weak else [])


@pytest.mark.parametrize(
    ("listen", "ports", "expected"),
    [
        pytest.param("8080", "80:80", [("compose.yaml", 6)], id="another port"),
        pytest.param("8080", "80:8080", [], id="the port"),
        pytest.param("[::]:8080", "80:8080", [], id="an IPv6 address"),
        pytest.param("127.0.0.1:8080", "80:8080", [], id="an IPv4 address"),
        pytest.param("localhost", "80:80", [], id="a host alone is port 80"),
        pytest.param("${PORT}", "80:80", [], id="a variable decides"),
        pytest.param("unix:/run/x.sock", "80:80", [], id="a socket"),
    ],
)
def test_the_published_ports_are_served(tmp_path: Path, listen: str, ports: str, expected: list) -> None:
    more = f"    ports:\n      - '{ports}'\n"
    assert found(tmp_path, server(listen=listen), "nginx-serves-the-published-ports", more) == expected


CHECK = '    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8080/health"]}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(server(), [(SITE, 1)], id="no location"),
        pytest.param(server("location / { return 301 https://x; }"), [(SITE, 1)], id="a redirection of everything"),
        pytest.param(server("location /healthz { return 200; }"), [(SITE, 1)], id="another location"),
        pytest.param(server("location = /health { return 200; }"), [], id="the location"),
        pytest.param(server("location /health { return 200; }"), [], id="as a prefix"),
        pytest.param(server("location /heal { return 200; }"), [], id="a shorter prefix"),
        pytest.param(server("location ~ ^/health$ { return 200; }"), [], id="a regular expression"),
        pytest.param(server("location / { proxy_pass http://app; }"), [], id="the application answers"),
        pytest.param(server() + server("location /health { return 200; }"), [], id="another server of the file"),
        pytest.param("map $a $b { default 1; }\n", [], id="no server"),
    ],
)
def test_the_healthcheck_is_answered(tmp_path: Path, text: str, expected: list) -> None:
    assert found(tmp_path, text, "nginx-answers-its-healthcheck", CHECK) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('["CMD", "curl", "-f", "http://localhost/health"]', [5], id="port 80 is only implied"),
        pytest.param('["CMD", "curl", "-f", "http://localhost:9090/"]', [5], id="another port"),
        pytest.param('["CMD", "curl", "-f", "http://localhost:8080/"]', [], id="the port"),
    ],
)
def test_the_healthcheck_asks_a_port_that_nginx_has(tmp_path: Path, test: str, expected: list) -> None:
    more = f"    healthcheck: {{test: {test}}}\n"
    lines = [line for _, line in found(tmp_path, server(), "healthcheck-asks-a-served-port", more)]
    assert lines == expected


READ_ONLY = "    read_only: true\n    tmpfs: [/var/cache/nginx, /run]\n"


@pytest.mark.parametrize(
    ("line", "more", "expected"),
    [
        pytest.param("client_body_temp_path /tmp/body;", READ_ONLY, [(SITE, 1)], id="a place that is read-only"),
        pytest.param("proxy_temp_path /var/cache/nginx/x;", READ_ONLY, [], id="a tmpfs"),
        pytest.param("client_body_temp_path /tmp/body;", "", [], id="a writable root"),
        pytest.param("client_body_temp_path ${DIR}/x;", READ_ONLY, [], id="a variable of the template"),
    ],
)
def test_named_paths_are_writable(tmp_path: Path, line: str, more: str, expected: list) -> None:
    assert found(tmp_path, line + "\n", "nginx-paths-are-writable", more) == expected


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        pytest.param("nginx-hides-its-version", "server_tokens on;\n", [1], id="told"),
        pytest.param("nginx-hides-its-version", "server_tokens off;\n" + server(), [], id="hidden"),
        pytest.param("nginx-hides-its-version", "map $a $b { default 1; }\n", [], id="no server"),
        pytest.param("nginx-sends-hsts", server(), [], id="no TLS"),
        pytest.param(
            "nginx-sends-hsts",
            "server {\n    listen 443 ssl default_server;\n    ssl_reject_handshake on;\n}\n",
            [],
            id="a default server that refuses every handshake",
        ),
        pytest.param("nginx-names-its-tls-versions", server(), [], id="no TLS either"),
        pytest.param(
            "nginx-names-its-tls-versions", server("ssl_protocols TLSv1.3;", listen="443 ssl"), [], id="in the server"
        ),
        pytest.param("nginx-logs-to-the-container-log", "error_log /var/log/x.log;\n", [1], id="a file"),
        pytest.param("nginx-logs-to-the-container-log", "access_log /var/log/nginx/access.log;\n", [], id="a link"),
        pytest.param("nginx-logs-to-the-container-log", "access_log off;\nerror_log stderr;\n", [], id="none"),
        pytest.param("nginx-logs-to-the-container-log", "access_log syslog:server=x;\n", [], id="syslog"),
    ],
)
def test_further_nginx_controls(tmp_path: Path, control: str, text: str, expected: list) -> None:
    assert [line for _, line in found(tmp_path, text, control)] == expected
