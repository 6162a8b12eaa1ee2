"""The scheduler of beat, with a sign of life: its database is written every few minutes at best, or only at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler


class WatchedScheduler(PersistentScheduler):
    """Touches ``<schedule>.alive`` at every turn, of which there is one at least every beat_max_loop_interval."""

    def tick(self, *arguments: Any, **options: Any) -> float:
        """One turn."""
        interval = super().tick(*arguments, **options)
        Path(f"{self.schedule_filename}.alive").touch()
        return interval
