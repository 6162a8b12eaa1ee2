"""Exit 0 while beat keeps writing its schedule: a schedule that is old or missing means that it has stopped."""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main(schedule: str, seconds: int) -> int:
    """Compare the newest file of the schedule with the clock."""
    path = Path(schedule)
    written = [file.stat().st_mtime for file in path.parent.glob(f"{path.name}*")]
    return 0 if written and time.time() - max(written) < seconds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
