"""What was predicted from text, held against what the kernel and the engine say."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.drift import differences
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Finding, Findings
from pytest_dockerharden.model.origin import Origin, TextOrigin
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import advice


@control(severity="medium", plan="P1", live=True)
def runs_as_predicted(posture: Posture) -> Findings:
    """The running container is what its files say.

    Whoever reviews the files trusts that they are in force. An entrypoint that steps down, `docker update`, a remount,
    an engine with other defaults or a container that was not made anew after a change make it run otherwise; each fact
    that differs is named with both places.

    Bad::

        services:
          web:  # <-
            image: app
            user: "0"
            entrypoint: ["python3", "-c", "import os; os.setuid(4242); os.execvp('sleep', ['sleep', '1000'])"]

    Good::

        services:
          web:
            image: app
            user: "4242:4242"
            read_only: true
            mem_limit: 32m
            tmpfs: ["/tmp:size=1m"]
    """
    if posture.predicted is None:
        not_applicable("nothing was predicted of it")
    for difference in differences(posture):
        asked, found = difference.asked, difference.found
        message = f"{difference.what} {found}, not {asked} as {_place(difference.predicted)} says"
        yield Finding(message, difference.observed, advice(_REMEDY), (difference.predicted,))


_REMEDY = "make it anew: docker compose up -d --force-recreate\n# or write in the files what it is"


def _place(origin: Origin) -> str:
    if isinstance(origin, TextOrigin):
        name = origin.file.replace("\\", "/").rsplit("/", 1)[-1]
        return f"{name}:{origin.line}"
    return origin.path
