"""TLS from the outside: what a client of the proxy sees."""

from __future__ import annotations

import socket
import ssl
import warnings
from dataclasses import dataclass
from typing import Any

import urllib3

from tests.plan.running import Running, eventually


@dataclass(frozen=True)
class Authority:
    """A running stack whose certificate is trusted because of ``root`` (PEM), and for ``name`` alone."""

    stack: Running
    name: str
    root: str

    @classmethod
    def of(cls, stack: Running, name: str) -> Authority:
        """Take the root from pebble's management interface, and wait until the proxy serves what it has signed."""
        code, root = stack.run(
            "certbot", "python3", "-c", ROOT, environment={"SSL_CERT_FILE": "/run/authority/certificate.pem"}
        )
        assert code == 0, root
        authority = cls(stack, name, root)
        eventually(authority.trusted, 60)
        return authority

    def context(self) -> ssl.SSLContext:
        """Trusts the root and nothing else."""
        return ssl.create_default_context(cadata=self.root)

    def trusted(self) -> bool:
        """Whether a handshake succeeds."""
        try:
            return bool(self.certificate())
        except ssl.SSLCertVerificationError:
            return False

    def certificate(self) -> dict[str, Any]:
        """The certificate that the proxy serves now; raises SSLCertVerificationError where it is not trusted."""
        with handshake(self.stack.port("proxy", 8443), self.name, self.context()) as connection:
            return dict(connection.getpeercert() or {})

    def https(self) -> urllib3.HTTPSConnectionPool:
        """HTTPS to the proxy under its name, certificate and name checked."""
        return urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            self.stack.port("proxy", 8443),
            ssl_context=self.context(),
            server_hostname=self.name,
            assert_hostname=self.name,
            headers={"Host": self.name},
            timeout=10,
            retries=False,
        )


ROOT = """
import urllib.request
print(urllib.request.urlopen("https://authority:15000/roots/0", timeout=10).read().decode())
"""


def handshake(port: int, name: str | None, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A TLS connection to a port of this machine, asking for ``name``."""
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname=name)


def speaking(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client of one version of TLS that takes any certificate. Old versions need OpenSSL's lowest security level."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context
