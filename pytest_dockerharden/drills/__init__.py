"""What the running stack must survive or refuse. The stack is our own: one that was attached to is never drilled.

Nothing is written into the service's data, and no packet leaves the stack's own networks: probes act in a *twin* of
each container, that has its user, capabilities, seccomp filter and mounts, with volumes of its own.
"""

from __future__ import annotations

from pytest_dockerharden.drills.life import restart, stop
from pytest_dockerharden.drills.probes import active

__all__ = ["active", "restart", "stop"]
