"""Certificates: obtained by ACME through the proxy, switched without a restart, readable by the proxy alone."""

from __future__ import annotations

import ssl

import pytest
import urllib3

from tests.plan.running import Running, eventually
from tests.plan.tls import Authority

pytestmark = pytest.mark.live

CHALLENGES = "/var/www/acme/.well-known/acme-challenge"
RENEW = (
    "certbot", "renew", "--quiet", "--no-random-sleep-on-renew", "--force-renewal", "--config-dir", "/etc/letsencrypt",
    "--work-dir", "/tmp/work", "--logs-dir", "/tmp/logs",
)  # fmt: skip


def process(stack: Running, service: str) -> tuple[int, str, int]:
    inspected = stack.inspect(service)
    return inspected["State"]["Pid"], inspected["State"]["StartedAt"], inspected["RestartCount"]


def test_the_certificate_is_the_authoritys_and_for_this_name(authority: Authority) -> None:
    certificate = authority.certificate()
    assert "Pebble Intermediate CA" in str(certificate["issuer"])
    assert certificate["subjectAltName"] == (("DNS", authority.name),)


def test_a_client_that_does_not_know_the_authority_does_not_trust_it(authority: Authority) -> None:
    pool = urllib3.HTTPSConnectionPool(
        "127.0.0.1",
        authority.stack.port("proxy", 8443),
        ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        server_hostname=authority.name,
        retries=False,
    )
    with pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        pool.request("GET", "/")


def test_a_renewed_certificate_is_served_without_a_restart(authority: Authority) -> None:
    stack = authority.stack
    serial, before = authority.certificate()["serialNumber"], process(stack, "proxy")
    code, output = stack.run("certbot", *RENEW)
    assert code == 0, output
    assert eventually(lambda: authority.certificate()["serialNumber"] != serial)
    assert process(stack, "proxy") == before
    assert authority.https().request("GET", "/api/health/").status == 200


def test_only_the_certificate_in_use_is_kept(authority: Authority) -> None:
    listed = authority.stack.run("certbot", "ls", "/certificates")[1].split()
    current = authority.stack.run("certbot", "readlink", "/certificates/current")[1]
    assert sorted(listed) == sorted(["current", current])


def test_the_private_key_belongs_to_certbot_and_is_for_the_proxys_group_to_read(authority: Authority) -> None:
    stat = ("stat", "-L", "-c", "%u:%g %a", "/etc/nginx/certificates/current/privkey.pem")
    assert authority.stack.run("proxy", *stat) == (0, "10002:101 640")


@pytest.mark.parametrize("path", ["/etc/nginx/certificates/planted", "/var/www/acme/planted"])
def test_the_proxy_cannot_write_what_certbot_gives_it(hardened: Running, path: str) -> None:
    code, output = hardened.run("proxy", "touch", path)
    assert (code, "Read-only file system" in output) == (1, True)


def test_the_account_of_the_authority_is_certbots_alone(authority: Authority) -> None:
    volume = f"{authority.stack.stack.project.name}_letsencrypt"
    users = [
        service
        for service in authority.stack.stack.containers
        if volume in [mount.get("Name") for mount in authority.stack.inspect(service)["Mounts"]]
    ]
    assert users == ["certbot"]


def test_a_challenge_is_answered_without_tls(authority: Authority) -> None:
    script = f"mkdir -p {CHALLENGES} && echo proof > {CHALLENGES}/token"
    assert authority.stack.run("certbot", "sh", "-c", script)[0] == 0
    pool = authority.stack.http("proxy", 8080)
    path = "/.well-known/acme-challenge/"
    answers = [
        pool.request("GET", path + name, headers={"Host": authority.name}, redirect=False).status
        for name in ("token", "missing", "")
    ]
    assert answers == [200, 404, 403]
