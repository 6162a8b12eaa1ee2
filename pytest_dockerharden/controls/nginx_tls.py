"""What nginx tells and speaks."""

from __future__ import annotations

import re

from pytest_dockerharden.controls.nginx import below_http, configs_of, directives_in, servers_of, start_of
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.finding import Class, Findings, Remedy
from pytest_dockerharden.model.nginx import Directive, NginxConfig
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, replace_text, text_edit

_WEAK_PROTOCOLS = frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})


_WEAK_CIPHERS = pattern(
    r"(?:^|[-_])(?:RC4|3DES|DES|CBC3|LOW|EXP\w*|[ea]?NULL|MD5|ADH|AECDH|SSLv[23])(?:$|[-_])|^ALL$",
    re.IGNORECASE,
    needs=("rc4", "des", "cbc3", "low", "exp", "null", "md5", "adh", "aecdh", "sslv", "all"),
)


_MODERN = "TLSv1.2 TLSv1.3"
_STRONG = "ECDHE+AESGCM:ECDHE+CHACHA20"


def _is_tls(server: Directive) -> bool:
    return any("ssl" in [arg.text for arg in listen.args] for listen in directives_in(server, "listen"))


def _modern(directive: Directive) -> Remedy:
    return _with_arguments(directive, _MODERN, breaks="clients from before 2014")


def _with_arguments(
    directive: Directive, wanted: str, breaks: str = "", effect: Class = "behaviour-changing"
) -> Remedy:
    first, last = directive.args[0].origin, directive.args[-1].origin
    whole = TextOrigin(first.file, first.line, first.column, last.end_line, last.end_column)
    return replace_text(whole, wanted, text=f"{directive.name} {wanted};", effect=effect, breaks=breaks)


@control(severity="high", equivalents={"sonar": "S4423"})
def nginx_modern_tls(service: Service) -> Findings:
    """Nginx speaks TLS 1.2 and newer only.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {
            listen 443 ssl;
            ssl_protocols TLSv1 TLSv1.2;  # <-
        }

    Good::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {
            listen 443 ssl;
            ssl_protocols TLSv1.2 TLSv1.3;
        }

    SSL 3, TLS 1.0 and 1.1 are broken or deprecated (RFC 8996).
    """
    for config in configs_of(service):
        for directive in config.named("ssl_protocols"):
            weak = [arg.text for arg in directive.args if arg.text in _WEAK_PROTOCOLS]
            if weak:
                yield service.finding(f"{', '.join(weak)} is spoken", _modern(directive), at=directive.origin)


@control(severity="low", optional=True)
def nginx_names_its_tls_versions(service: Service) -> Findings:
    """Every TLS server of nginx names its protocol versions.

    Before nginx 1.23.4 the default includes TLS 1.0 and 1.1.

    Bad::

        services:
          web:
            image: nginx:1.22
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {
            listen 443 ssl;  # <-
        }

    Good::

        services:
          web:
            image: nginx:1.22
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        ssl_protocols TLSv1.2 TLSv1.3;
        server {
            listen 443 ssl;
        }
    """
    configs = configs_of(service)
    if any(d.name == "ssl_protocols" for c in configs for d in (*c.directives, *below_http(c))):
        return
    for config in configs:
        for server in servers_of(config):
            if _is_tls(server) and not any(directives_in(server, "ssl_protocols")):
                listen = next(
                    listen for listen in directives_in(server, "listen") if "ssl" in [a.text for a in listen.args]
                )
                yield service.finding("the TLS versions are left to nginx", _naming_versions(listen), at=listen.origin)


def _naming_versions(listen: Directive) -> Remedy:
    line = f"ssl_protocols {_MODERN};"
    return replace_text(start_of(listen.origin), f"{line}\n", text=line, breaks="clients from before 2014")


@control(severity="medium", equivalents={"sonar": "S5547"})
def nginx_strong_ciphers(service: Service) -> Findings:
    """Nginx offers no weak cipher.

    RC4, DES, export and anonymous ciphers give an eavesdropper the plain text.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {
            listen 443 ssl;
            ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:RC4-SHA:DES-CBC3-SHA:RC4;  # <-
        }

    Good::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {
            listen 443 ssl;
            ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:!aNULL:!MD5;
        }
    """
    for config in configs_of(service):
        for directive in config.named("ssl_ciphers"):
            words = re.split(r"[:, ]", directive.args[0].text) if directive.args else []
            excluded = {word[1:] for word in words if word.startswith("!")}
            weak = [
                w for w in words if w[:1] not in {"!", "-", "+", "@"} and _WEAK_CIPHERS.search(w) and w not in excluded
            ]
            if weak:
                yield service.finding(
                    f"the weak cipher {weak[0]} is offered",
                    _with_arguments(directive, _STRONG, breaks="clients from before 2014"),
                    at=directive.origin,
                )


@control(severity="low", optional=True)
def nginx_hides_its_version(service: Service) -> Findings:
    """Nginx does not tell its version.

    The version in every answer tells an attacker which holes to try.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {  # <-
            listen 8080;
        }

    Good::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server_tokens off;
        server {
            listen 8080;
        }
    """
    configs = configs_of(service)
    told = [d for c in configs for d in c.named("server_tokens") if d.args and d.args[0].text != "off"]
    for directive in told:
        off = _with_arguments(directive, "off", effect="safe")
        yield service.finding("nginx tells its version", off, at=directive.origin)
    if not told and not any(c.named("server_tokens") for c in configs):
        first = next((server for config in configs for server in servers_of(config)), None)
        if first is not None:
            yield service.finding("nginx tells its version", _silent(configs), at=first.origin)


def _silent(configs: tuple[NginxConfig, ...]) -> Remedy:
    """In each server of http: beside them it would stand twice where a main file that is not at hand has it as well."""
    line = "server_tokens off;"
    servers = [d for c in configs for d in (below_http(c) if c.context == "main" else c.directives)]
    starts = [start_of(s.block[0].origin) for s in servers if s.name == "server" and s.block]
    return Remedy(line, tuple(text_edit(at, f"{line}\n") for at in starts), "safe" if starts else "advice")


@control(severity="low", optional=True)
def nginx_sends_hsts(service: Service) -> Findings:
    """A TLS server of nginx sends Strict-Transport-Security.

    Without it the first request of every visit can be turned back to clear text.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {  # <-
            listen 443 ssl;
        }

    Good::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        server {
            listen 443 ssl;
            add_header Strict-Transport-Security "max-age=31536000" always;
        }
    """
    for config in configs_of(service):
        if any(_is_hsts(directive) for directive in config.directives):
            continue
        for server in servers_of(config):
            silent = _refuses_handshakes(server)
            if _is_tls(server) and not silent and not any(_is_hsts(d) for d in directives_in(server, "add_header")):
                yield service.finding(
                    "no Strict-Transport-Security is sent",
                    advice('add_header Strict-Transport-Security "max-age=31536000" always;'),
                    at=server.origin,
                )


def _refuses_handshakes(server: Directive) -> bool:
    """A default server for unknown names that answers nobody: ngx_http_ssl_module, ``ssl_reject_handshake``."""
    found = directives_in(server, "ssl_reject_handshake")
    return any(directive.args and directive.args[0].text == "on" for directive in found)


def _is_hsts(directive: Directive) -> bool:
    return (
        directive.name == "add_header"
        and bool(directive.args)
        and directive.args[0].text.strip("\"'").lower() == "strict-transport-security"
    )


@control(severity="low", optional=True)
def nginx_logs_to_the_container_log(service: Service) -> Findings:
    """Nginx writes its logs to the container's log.

    A file inside the container is lost with it, is not rotated, and nobody who collects logs sees it.

    Bad::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        access_log /var/log/nginx/site.log;  # <-
        server {
            listen 8080;
        }

    Good::

        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./site.conf:/etc/nginx/conf.d/site.conf:ro
        # file: site.conf
        access_log /dev/stdout;
        server {
            listen 8080;
        }
    """
    # the image links these two to stdout and stderr
    usual = {"/var/log/nginx/access.log", "/var/log/nginx/error.log", "off", "stderr"}
    for config in configs_of(service):
        for directive in config.walk():
            if directive.name in {"access_log", "error_log"} and directive.args:
                target = directive.args[0].text
                if target not in usual and not target.startswith(("/dev/", "syslog:")):
                    yield service.finding(f"logs go to {target}", _to_the_log(directive), at=directive.origin)


def _to_the_log(directive: Directive) -> Remedy:
    stream = "/dev/stderr" if directive.name == "error_log" else "/dev/stdout"
    text = f"{directive.name} {stream};"
    if any(arg.text.startswith(("gzip", "buffer=", "flush=")) for arg in directive.args):
        return advice(text)  # what is packed or put off is for a file
    return replace_text(directive.args[0], stream, text=text, breaks="what reads the file")
