"""Where a fact comes from: a place in a text, a line of the kernel's own account, a place in an image, or a report."""

from __future__ import annotations

from pytest_dockerharden.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class TextOrigin:
    """A span of a source text.

    ``file`` is an absolute path. Lines and columns count from 1, columns in code points; the end is exclusive,
    so the text of a one-line span is ``line_text[column - 1:end_column - 1]``.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class KernelOrigin:
    """A line of evidence from a running container.

    ``path`` names the file or the API answer that was read (``/proc/1/status``, ``inspect HostConfig.Memory``),
    ``text`` is the line itself, ``pid`` the process in the container's pid namespace where there is one.
    """

    container: str
    path: str
    text: str
    pid: int | None = None

    def __str__(self) -> str:
        return f"{self.container}:{self.path}: {self.text}"


@dataclass(frozen=True, slots=True)
class ImageOrigin:
    """A place in an image: a file of a layer, a step of its history or a key of its configuration.

    ``layer`` is the layer's short id, empty for history and configuration. ``path`` is the file's path, ``history 4``
    or ``config User``. ``text`` says what stands there; a secret never does.
    """

    reference: str
    layer: str
    path: str
    text: str

    def __str__(self) -> str:
        place = f"layer {self.layer}{self.path}" if self.layer else self.path
        return f"{self.reference}: {place}: {self.text}"


@dataclass(frozen=True, slots=True)
class ReportOrigin:
    """What another scanner says of something that is no text of the project, or must not be shown.

    ``path`` is what it looked at: an image, a container, a host, a line with a secret. ``text`` are its words; a
    secret is never among them.
    """

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


Origin = TextOrigin | KernelOrigin | ImageOrigin | ReportOrigin
