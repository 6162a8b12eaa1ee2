"""Exit 0 where a URL answers 200, 1 otherwise; redirects are not followed."""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit


def main(url: str) -> int:
    """Ask once."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=4)
    try:
        connection.request("GET", parts.path)
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
