"""The controls, one module per family. Importing a module registers its controls; there is no list to maintain."""

from __future__ import annotations

import importlib
import pkgutil

from pytest_dockerharden.model.control import REGISTRY, Control


def load_all() -> dict[str, Control]:
    """Every built-in control, by id."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return REGISTRY
