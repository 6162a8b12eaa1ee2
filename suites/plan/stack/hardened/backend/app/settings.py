"""Where the broker is, and how to get in."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote


def broker_url() -> str:
    """The URL of the broker. Raises where the password is missing or empty: there is no default.

    The password comes from the file at REDIS_PASSWORD_FILE; REDIS_PASSWORD is what the stack used before.
    """
    file = os.environ.get("REDIS_PASSWORD_FILE")
    password = Path(file).read_text(encoding="utf-8").strip() if file else os.environ["REDIS_PASSWORD"]
    if not password:
        raise RuntimeError("the redis password is empty")
    return f"redis://:{quote(password, safe='')}@{os.environ['REDIS_HOST']}:6379/0"
