"""The controls, one module per family. Importing a module registers its controls; there is no list to maintain.

A run imports the families of what it judges: the name of a family says that, and a test holds the names to it.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Collection

from pytest_dockerharden.model.control import REGISTRY, Control, Judged

# how the names of families begin whose controls do not judge compose files alone
_JUDGED: dict[str, frozenset[Judged]] = {
    "built_": frozenset({"Image"}),
    "drill": frozenset({"Drill"}),
    "engine_": frozenset({"Engine"}),
    "health_probe": frozenset({"Service", "Stage"}),
    "image_": frozenset({"Stage", "Dockerfile"}),
}
_COMPOSE: frozenset[Judged] = frozenset({"Project", "Service", "Posture"})
# and of those whose controls are all marked ``live``
_LIVE = ("drift", "live_", "processes")
# those whose controls are all optional: the recommended suite has no use for them
_OPTIONAL = frozenset({
    "allowances", "credential_names", "engine_daemon", "engine_host", "host_files", "house_rules", "image_build",
    "image_caches", "image_language_caches", "image_languages", "image_libraries", "image_pins", "image_shell",
    "image_style", "image_transfer", "registries",
})  # fmt: skip


def load_all() -> dict[str, Control]:
    """Every built-in control, by id."""
    for family in families():
        importlib.import_module(f"{__name__}.{family}")
    return REGISTRY


def load(judged: Collection[Judged], *, live: bool = True, optional: bool = True) -> None:
    """Register the built-in controls that judge one of these types, without some that are ``live`` or ``optional``."""
    for family in families():
        wanted = (live or not family.startswith(_LIVE)) and (optional or family not in _OPTIONAL)
        if wanted and not judged_by(family).isdisjoint(judged):
            importlib.import_module(f"{__name__}.{family}")


@functools.cache
def families() -> tuple[str, ...]:
    """The names of the modules here."""
    names = sorted(os.listdir(os.path.dirname(__file__)))
    return tuple(name[:-3] for name in names if name.endswith(".py") and not name.startswith("_"))


def judged_by(family: str) -> frozenset[Judged]:
    """The types that controls of a family may judge."""
    return next((types for beginning, types in _JUDGED.items() if family.startswith(beginning)), _COMPOSE)
