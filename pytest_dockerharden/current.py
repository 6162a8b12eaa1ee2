"""What is judged in this run of pytest: one evaluation for items, fixtures and stacks."""

from __future__ import annotations

import pytest

from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.request import Request
from pytest_dockerharden.tomlfile import ConfigurationError

_EVALUATION = pytest.StashKey[Evaluation]()


def evaluation_of(config: pytest.Config) -> Evaluation:
    """What this run judges, or else everything below the root: of what the user's own tests are about."""
    judging = config.pluginmanager.getplugin("dockerharden-static")
    if judging is not None:
        evaluation: Evaluation = judging.evaluation
        return evaluation
    known = config.stash.get(_EVALUATION, None)
    if known is None:
        root = str(config.rootpath)
        try:
            known = config.stash[_EVALUATION] = evaluate(
                Request(root, root, (root,), overrides=Overrides(directory=root))
            )
        except ConfigurationError as error:
            pytest.fail(f"dockerharden: {error}", pytrace=False)
    return known
