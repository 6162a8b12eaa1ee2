"""The engine of a live run: connected at the first need, and what it means when it stops answering."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pytest_dockerharden.stack.errors import EngineError, StackError

if TYPE_CHECKING:
    import docker


class Engine:
    """``kind`` is empty for the user's engine, or ``private`` for one of this run alone."""

    def __init__(self, kind: str, progress: Callable[[str], None]) -> None:
        self.kind = kind
        self.progress = progress
        self._open = contextlib.ExitStack()
        self._client: docker.DockerClient | None = None
        self._refusal: EngineError | None = None
        self.host: str | None = None

    @property
    def client(self) -> docker.DockerClient:
        """A client of the engine. Raises EngineError; an engine that did not answer once is not asked again."""
        if self._refusal:
            raise self._refusal
        if self._client is None:
            try:
                self._client = self._connect()
            except EngineError as error:
                self._refusal = error
                raise
        return self._client

    def _connect(self) -> docker.DockerClient:
        from pytest_dockerharden.stack.engine import connect

        if self.kind == "private":
            from pytest_dockerharden.stack.private import private_engine

            self.host = self._open.enter_context(private_engine(progress=self.progress))
        return connect(self.host)

    def close(self) -> None:
        """Stop a private engine, and forget the connection."""
        self._client = None
        self._open.close()


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Raise what a call to the engine may raise as one StackError or EngineError that a user can read."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except StackError:
        raise
    except APIError as error:
        raise StackError(f"the engine refused: {error.explanation or error}") from None
    except (RequestException, DockerException) as error:
        raise EngineError(f"the engine stopped answering: {type(error).__name__}") from None
