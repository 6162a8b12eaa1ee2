"""The Celery application and its tasks."""

from __future__ import annotations

import time
from pathlib import Path

from celery import Celery
from celery.signals import heartbeat_sent

from app.settings import broker_url

HEARTBEAT = "vntyper:heartbeat"

app = Celery("vntyper", broker=broker_url(), backend=broker_url())
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_serializer="json",
    accept_content=["json"],
    result_expires=3600,
    worker_hijack_root_logger=False,
    beat_max_loop_interval=5,
    task_routes={"typing.short": {"queue": "vntyper_queue"}, "typing.long": {"queue": "vntyper_long_queue"}},
    beat_schedule={"heartbeat": {"task": "heartbeat", "schedule": 10.0}},
)


@heartbeat_sent.connect
def show_life(**_: object) -> None:
    """Every two seconds while the worker's main loop turns and the broker takes its word."""
    Path("/tmp/worker.alive").touch()


@app.task(name="heartbeat")
def heartbeat() -> str:
    """What beat asks for: beat, the broker and a worker are alive. The API tells when it was last done."""
    app.backend.client.set(HEARTBEAT, time.time(), ex=3600)
    return "ok"


def last_heartbeat() -> float | None:
    """Seconds since the last heartbeat; None where there was none for an hour."""
    done = app.backend.client.get(HEARTBEAT)
    return None if done is None else round(time.time() - float(done), 1)


@app.task(name="typing.short")
def type_sample(sequence: str) -> dict[str, int]:
    """Count the bases of a sequence."""
    return {base: sequence.count(base) for base in "ACGT"}


@app.task(name="typing.long")
def type_long_sample(sequence: str, rounds: int) -> int:
    """A job that takes longer: the number of bases over many rounds."""
    return sum(len(sequence) for _ in range(rounds))
