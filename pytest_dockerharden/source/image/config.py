"""The configuration of an image: JSON of an archive, or what an engine answers, with nothing in it taken on trust."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pytest_dockerharden.model.image import Account, ImageConfig, Step
from pytest_dockerharden.model.posture import Healthcheck
from pytest_dockerharden.source.image.streams import BadArchive

_NANOSECONDS = 1e9
_ACCOUNT_FILES: tuple[Literal["passwd", "shadow", "group"], ...] = ("passwd", "shadow", "group")


def parse_json(content: bytes, what: str) -> Any:
    """Raises BadArchive."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise BadArchive(f"{what} is not JSON") from None


def table_of(value: Any) -> dict[str, Any]:
    """A mapping, or an empty one where there is anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """A list, or an empty one where there is anything else."""
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """A text, or an empty one where there is anything else."""
    return value if isinstance(value, str) else ""


def texts_of(value: Any) -> tuple[str, ...]:
    """The texts of a list."""
    return tuple(item for item in list_of(value) if isinstance(item, str))


def config_of(config: Any, reference: str, digests: tuple[str, ...] = ()) -> ImageConfig:
    """``config`` of an image's configuration, or ``Config`` of ``docker image inspect``: they are the same."""
    table = table_of(config)
    pairs = (text.partition("=") for text in texts_of(table.get("Env")))
    return ImageConfig(
        reference,
        user=text_of(table.get("User")),
        environment={name: value for name, _, value in pairs},
        entrypoint=texts_of(table.get("Entrypoint")) or None,
        command=texts_of(table.get("Cmd")) or None,
        exposed=tuple(table_of(table.get("ExposedPorts"))),
        volumes=tuple(table_of(table.get("Volumes"))),
        labels={name: text_of(value) for name, value in table_of(table.get("Labels")).items()},
        working_dir=text_of(table.get("WorkingDir")),
        stop_signal=text_of(table.get("StopSignal")),
        healthcheck=_healthcheck(table.get("Healthcheck")),
        digests=digests,
    )


def _healthcheck(value: Any) -> Healthcheck | None:
    table = table_of(value)
    test = texts_of(table.get("Test"))
    if not test:
        return None
    retries = table.get("Retries")
    return Healthcheck(
        test,
        _seconds(table.get("Interval")),
        _seconds(table.get("Timeout")),
        _seconds(table.get("StartPeriod")),
        _seconds(table.get("StartInterval")),
        retries if isinstance(retries, int) and retries else None,
    )


def _seconds(value: Any) -> float | None:
    return value / _NANOSECONDS if isinstance(value, (int, float)) and value else None


def steps_of(history: Any) -> tuple[Step, ...]:
    """``history`` of the configuration, oldest first; a step without ``empty_layer`` made the next layer."""
    steps, layer = [], 0
    for number, entry in enumerate(map(table_of, list_of(history))):
        empty = entry.get("empty_layer") is True
        steps.append(Step(number, text_of(entry.get("created_by")), None if empty else layer))
        layer += not empty
    return tuple(steps)


def accounts_of(texts: Mapping[str, bytes]) -> tuple[Account, ...]:
    """The lines of /etc/passwd, /etc/shadow and /etc/group that are ones."""
    found = []
    for kind in _ACCOUNT_FILES:
        for line in texts.get(f"/etc/{kind}", b"").decode("utf-8", "replace").split("\n"):
            fields = line.rstrip("\r").split(":")
            if len(fields) < 3 or not fields[0] or fields[0][0] in "#+-":
                continue
            found.append(_account(kind, fields))
    return tuple(found)


def _account(kind: Literal["passwd", "shadow", "group"], fields: list[str]) -> Account:
    number = -1 if kind == "shadow" else _identity(fields[2])
    if kind != "passwd":
        return Account(kind, fields[0], number, open=kind == "shadow" and not fields[1])
    gid = _identity(fields[3]) if len(fields) > 3 else -1
    return Account(kind, fields[0], number, gid, not fields[1], fields[6] if len(fields) > 6 else "")


def _identity(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else -1


def release_of(texts: Mapping[str, bytes]) -> dict[str, str]:
    """The fields of /etc/os-release, or of the file that it links to."""
    content = texts.get("/etc/os-release") or texts.get("/usr/lib/os-release") or b""
    pairs = (line.partition("=") for line in content.decode("utf-8", "replace").splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
