"""Why something is not edited."""

from __future__ import annotations


class CannotEditError(Exception):
    """Why there is no edit that would do this and nothing else."""
