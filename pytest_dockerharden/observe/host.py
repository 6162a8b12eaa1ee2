"""A testinfra ``Host`` for a container, on a shell that stays open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pytest_dockerharden.observe.shell import ProbeDidNotRun, Shell
from pytest_dockerharden.observe.writefree import WriteFreeShell
from pytest_dockerharden.stack.errors import EngineError

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.observe.testinfra_host import ContainerHost


def host(
    container: str,
    client: docker.DockerClient,
    *,
    user: str = "",
    tools: Iterable[str] = (),
    labels: Mapping[str, str] | None = None,
) -> ContainerHost:
    """testinfra's modules and commands in a running container, 1-2 ms a command. ``close()`` it in the end.

    Commands run as the container's user, or as ``user`` (as for ``docker exec -u``). Where there is no ``/bin/sh`` the
    shell comes from an image among ``tools`` with a static busybox, without a byte written into the container; what is
    started for it bears ``labels``. ``run`` raises ProbeDidNotRun where a command cannot be found or executed (exit
    codes 126 and 127): use ``run_expect([126], ...)`` where that is what must happen.
    """
    try:
        from pytest_dockerharden.observe.testinfra_host import Backend, ContainerHost
    except ImportError as missing:
        hints = ("install it: pip install 'pytest-dockerharden[live]'",)
        raise EngineError("the fixture needs testinfra", hints) from missing

    def connect() -> Shell:
        try:
            return Shell(client, container, user=user)
        except ProbeDidNotRun as reason:
            if not tools:
                raise ProbeDidNotRun(f"{reason}; an image with a static busybox is needed for it") from None
            return WriteFreeShell(client, container, tools, labels or {}, user)

    return ContainerHost(Backend(container, connect))
