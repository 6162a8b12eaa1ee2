"""The nginx configurations that reach a service, templates included: whether they start and answer."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from pytest_dockerharden.controls.configuration import can_be_written
from pytest_dockerharden.controls.health_probe import asked_paths
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.nginx import Directive, NginxConfig
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, append_item, replace_text, whole_lines

# ngx_core_module and ngx_event_core_module: main context only
_MAIN_ONLY = frozenset(
    {
        "pid", "user", "worker_processes", "worker_rlimit_nofile", "worker_rlimit_core", "worker_cpu_affinity",
        "worker_priority", "worker_shutdown_timeout", "daemon", "master_process", "load_module", "lock_file", "events",
        "http", "pcre_jit", "timer_resolution", "ssl_engine", "thread_pool", "env", "working_directory",
    }
)  # fmt: skip


_PLAIN_PATH = pattern(r"[\w./~+-]+")
_WRITTEN = ("pid", "client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path")


def configs_of(service: Service) -> tuple[NginxConfig, ...]:
    """The configurations of a service; not applicable where there is none."""
    return service.nginx or not_applicable("no nginx configuration is at hand")


def servers_of(config: NginxConfig) -> list[Directive]:
    """The server blocks of a configuration."""
    return [directive for directive in config.named("server") if directive.block is not None]


def directives_in(directive: Directive, name: str) -> Iterator[Directive]:
    """The directives of a name in a block, at any depth."""
    return (inner for inner in directive.walk() if inner.name == name)


@control(severity="high", plan="P0")
def nginx_main_directives_in_main(service: Service) -> Findings:
    """Main-context directives of nginx stand in its main configuration.

    `pid`, `user` and their like are "not allowed here" in a file that is included below `http`, as conf.d and its
    templates are: nginx does not start.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        pid /tmp/nginx.pid;  # <-
        server {
            listen 8080;
        }

    Good::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./nginx.conf:/etc/nginx/nginx.conf:ro
        # file: nginx.conf
        pid /tmp/nginx.pid;
        events {}
        http {
            server {
                listen 8080;
            }
        }
    """
    for config in configs_of(service):
        directives = config.directives if config.context != "main" else below_http(config)
        for directive in directives:
            if directive.name in _MAIN_ONLY:
                yield service.finding(
                    f"`{directive.name}` is not allowed here",
                    advice("move it to the top of /etc/nginx/nginx.conf, or pass it by nginx -g"),
                    at=directive.origin,
                )


def below_http(config: NginxConfig) -> list[Directive]:
    """The directives that stand in an ``http`` block itself."""
    return [inner for directive in config.directives if directive.name == "http" for inner in directive.block or ()]


@control(severity="medium", plan="P1")
def nginx_serves_the_published_ports(service: Service) -> Findings:
    """Nginx listens on the ports that are published.

    A published port that nobody listens on refuses every connection.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            ports:
              - "80:80"  # <-
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {
            listen 8080;
        }

    Good::

        services:
          web:
            image: nginx:1.27.3
            ports:
              - "80:8080"
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {
            listen 8080;
        }
    """
    served = {port for config in configs_of(service) for port in _listens(config)}
    if not served or "" in served:
        not_applicable("the ports of nginx are not known")
    for port in service.items("ports"):
        target = port.get("target")
        if target is not None and target.text() not in served:
            yield service.finding(
                f"nginx does not listen on port {target.text()}",
                advice(f"publish {', '.join(sorted(served))}, or listen on {target.text()}"),
                at=port,
            )


def _listens(config: NginxConfig) -> Iterator[str]:
    """Port numbers as text; empty where a variable decides."""
    for listen in config.named("listen"):
        first = listen.args[0].text if listen.args else ""
        if first.startswith("unix:"):
            continue
        port = first.rsplit(":", 1)[-1] if not first.endswith("]") else "80"
        yield port if port.isdigit() else "" if "$" in first or "{" in first else "80"


@control(severity="medium", plan="P1")
def nginx_answers_its_healthcheck(service: Service) -> Findings:
    """Every nginx configuration answers what the healthcheck asks.

    Where one of several templates lacks the location, the service turns unhealthy as soon as that one is in use.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
            healthcheck:
              test: ["CMD", "curl", "-f", "http://localhost:8080/health"]
        # file: site.conf
        server {  # <-
            listen 8080;
            location /app/ {
                proxy_pass http://app:8000;
            }
        }

    Good::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
            healthcheck:
              test: ["CMD", "curl", "-f", "http://localhost:8080/health"]
        # file: site.conf
        server {
            listen 8080;
            location = /health {
                return 200;
            }
        }
    """
    configs = configs_of(service)
    for path in dict.fromkeys(asked_paths(service.health_script)):
        if path == "/":
            continue
        for config in configs:
            servers = servers_of(config)
            if servers and not any(_answers(server, path) for server in servers):
                yield service.finding(
                    f"no location answers {path}",
                    _answering(servers, path),
                    at=servers[0].origin,
                )


def _answering(servers: list[Directive], path: str) -> Remedy:
    """Which of several servers the probe reaches is for people to say."""
    text = f"location = {path} {{\n    return 200;\n}}"
    inside = servers[0].block
    if len(servers) > 1 or not inside or not _PLAIN_PATH.fullmatch(path):
        return advice(text)
    breaks = f"what else is to answer {path}"
    return replace_text(start_of(inside[0].origin), f"{text}\n", text=text, breaks=breaks)


def start_of(at: TextOrigin) -> TextOrigin:
    """The empty span in front of a span."""
    return TextOrigin(at.file, at.line, at.column, at.line, at.column)


def _answers(server: Directive, path: str) -> bool:
    return any(_takes(location, path) for location in directives_in(server, "location"))


def _takes(location: Directive, path: str) -> bool:
    words = [arg.text for arg in location.args]
    if not words or words[0].startswith("@"):
        return False
    if words[0] in {"~", "~*"}:
        return True  # a regular expression may match: nginx has its own dialect
    target = words[-1]
    if words[0] == "=":
        return target == path
    if target != "/":
        return path.startswith(target)
    # the catch-all answers where it hands the request on
    return any(inner.name.endswith("_pass") for inner in location.walk())


@control(severity="info", optional=True)
def nginx_user_is_settable(posture: Posture) -> Findings:
    """Nginx is told to change its user only where it can.

    A master that does not run as root ignores `user` with a warning: the line says one user, another one serves.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            user: "101:101"
            volumes:
              - ./nginx.conf:/etc/nginx/nginx.conf:ro
        # file: nginx.conf
        user nginx;  # <-
        events {}
        http {}

    Good::

        services:
          web:
            image: nginx:1.27.3
            user: "101:101"
            volumes:
              - ./nginx.conf:/etc/nginx/nginx.conf:ro
        # file: nginx.conf
        events {}
        http {}
    """
    configs = configs_of(posture.service) if posture.service is not None else ()
    for config in configs:
        for directive in config.directives:
            if directive.name == "user" and config.context == "main" and not posture.runs_as_root.value:
                yield posture.runs_as_root.finding(
                    "nginx does not run as root and ignores `user`", _without(directive, config), at=directive.origin
                )


def _without(directive: Directive, config: NginxConfig) -> Remedy:
    """The line goes with it if nothing else stands there."""
    at, breaks = directive.origin, "another container that runs as root with the same file"
    shared = any(
        d is not directive and d.origin.line <= at.end_line and d.origin.end_line >= at.line for d in config.directives
    )
    where = at if shared else whole_lines(at)
    return replace_text(where, "", text="remove the line", breaks=breaks)


@control(severity="high", plan="P1")
def nginx_paths_are_writable(posture: Posture) -> Findings:
    """Nginx can write the paths that its configuration names.

    It does not start where it cannot create its pid file or a directory for temporary files.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            read_only: true
            tmpfs:
              - /var/cache/nginx
            volumes:
              - ./nginx.conf:/etc/nginx/nginx.conf:ro
        # file: nginx.conf
        pid /tmp/nginx.pid;  # <-
        events {}
        http {}

    Good::

        services:
          web:
            image: nginx:1.27.3
            read_only: true
            tmpfs:
              - /var/cache/nginx
              - /tmp
            volumes:
              - ./nginx.conf:/etc/nginx/nginx.conf:ro
        # file: nginx.conf
        pid /tmp/nginx.pid;
        events {}
        http {}
    """
    service = posture.service
    if service is None or not service.nginx or not posture.read_only_rootfs.value:
        not_applicable("no nginx configuration on a read-only root filesystem")
    mounts = posture.mounts.value
    for config in service.nginx:
        for directive in config.walk():
            path = directive.args[0].text if directive.name in _WRITTEN and directive.args else ""
            if path.startswith("/") and "$" not in path and not can_be_written(path, mounts):
                yield service.finding(
                    f"nginx cannot write {path}", append_item("tmpfs", posixpath.dirname(path)), at=directive.origin
                )
