"""Exit 0 where a sign of life is young enough.

`celery inspect ping` tells the same of a worker and starts all of celery for it, a second of a core each time.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main(file: str, seconds: int) -> int:
    """Compare the time a file was touched with the clock."""
    try:
        return 0 if time.time() - Path(file).stat().st_mtime < seconds else 1
    except FileNotFoundError:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
