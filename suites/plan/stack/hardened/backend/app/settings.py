"""Where the broker is, and how to get in."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote


def broker_url() -> str:
    """The URL of the broker. Raises where the secret file is missing or empty: no password is no default."""
    password = Path(os.environ["REDIS_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
    if not password:
        raise RuntimeError("the redis password file is empty")
    return f"redis://:{quote(password, safe='')}@{os.environ['REDIS_HOST']}:6379/0"
