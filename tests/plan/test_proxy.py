"""The one public entrance: which TLS, which names, which headers."""

from __future__ import annotations

import ssl

import pytest
import urllib3

from tests.plan.running import Running
from tests.plan.tls import Authority, handshake, speaking

pytestmark = pytest.mark.live

OLD = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1]
HEADERS = {
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "nginx",
}


def accepts(authority: Authority, context: ssl.SSLContext) -> str | None:
    """The version agreed upon; None where the proxy refuses."""
    try:
        with handshake(authority.stack.port("proxy", 8443), authority.name, context) as connection:
            return connection.version()
    except (ssl.SSLError, ConnectionError):
        return None


def talk(client: ssl.SSLContext, server: ssl.SSLContext) -> str | None:
    """A handshake in memory: what this machine's own OpenSSL can do."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True)]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0].version()


@pytest.mark.parametrize("version", OLD)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_version_of_tls_is_refused(authority: Authority, version: ssl.TLSVersion) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("aNULL:@SECLEVEL=0")
    server.minimum_version = server.maximum_version = version
    assert talk(speaking(version), server) == version.name.replace("_", "."), "this client could not speak it anyway"
    assert accepts(authority, speaking(version)) is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_present_version_of_tls_is_accepted(authority: Authority, version: ssl.TLSVersion) -> None:
    assert accepts(authority, speaking(version)) == version.name.replace("_", ".")


@pytest.mark.parametrize(
    "ciphers",
    [
        pytest.param("AES128-GCM-SHA256", id="no forward secrecy"),
        pytest.param("ECDHE-RSA-AES128-SHA", id="CBC and SHA-1"),
        pytest.param("ECDHE-RSA-AES256-SHA384", id="CBC"),
        pytest.param("aNULL", id="no certificate"),
        pytest.param("eNULL", id="no encryption"),
    ],
)
def test_a_weak_cipher_is_refused(authority: Authority, ciphers: str) -> None:
    context = speaking(ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    assert accepts(authority, context) is None


@pytest.mark.parametrize("name", [pytest.param("other.test", id="another name"), pytest.param(None, id="no name")])
def test_no_handshake_for_a_name_that_is_not_served(authority: Authority, name: str | None) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        handshake(authority.stack.port("proxy", 8443), name, speaking(ssl.TLSVersion.TLSv1_3))


def test_a_host_other_than_the_name_of_the_handshake_gets_no_answer(authority: Authority) -> None:
    with pytest.raises(urllib3.exceptions.ProtocolError):
        authority.https().request("GET", "/", headers={"Host": "other.test"})


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
def test_an_unknown_host_gets_no_answer(hardened: Running, host: str) -> None:
    with pytest.raises(urllib3.exceptions.ProtocolError):
        hardened.http("proxy", 8080).request("GET", "/", headers={"Host": host})


@pytest.mark.parametrize("path", ["/", "/api/jobs/?page=1", "/.well-known/security.txt"])
def test_http_leads_to_https(authority: Authority, path: str) -> None:
    pool = authority.stack.http("proxy", 8080)
    answer = pool.request("GET", path, headers={"Host": authority.name}, redirect=False)
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{authority.name}{path}")
    assert answer.headers["Server"] == "nginx"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/", 200, id="a page"),
        pytest.param("/missing", 404, id="no page"),
        pytest.param("/api/health/", 200, id="the API"),
        pytest.param("/api/missing", 404, id="the API's refusal"),
    ],
)
def test_every_answer_has_the_security_headers(authority: Authority, path: str, status: int) -> None:
    answer = authority.https().request("GET", path)
    assert answer.status == status
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "X-Powered-By" not in answer.headers


def test_no_version_on_an_error_page(hardened: Running) -> None:
    answer = hardened.http("proxy", 8443).request("GET", "/")
    assert (answer.status, b"plain HTTP request was sent to HTTPS port" in answer.data) == (400, True)
    assert b"nginx/" not in answer.data


def test_a_flood_is_turned_away(authority: Authority) -> None:
    pool = authority.https()
    answers = [pool.request("GET", "/api/jobs/none/").status for _ in range(120)]
    assert set(answers) == {200, 503}


def test_what_a_client_says_of_its_own_address_is_not_passed_on(authority: Authority) -> None:
    authority.https().request("GET", "/api/health/", headers={"Host": authority.name, "X-Forwarded-For": "203.0.113.9"})
    assert "203.0.113.9" not in authority.stack.logs("backend_api")
