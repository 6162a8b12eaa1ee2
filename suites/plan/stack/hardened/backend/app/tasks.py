"""The Celery application and its tasks."""

from __future__ import annotations

from celery import Celery

from app.settings import broker_url

app = Celery("vntyper", broker=broker_url(), backend=broker_url())
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_serializer="json",
    accept_content=["json"],
    result_expires=3600,
    worker_hijack_root_logger=False,
    beat_max_loop_interval=15,
    task_routes={"typing.short": {"queue": "vntyper_queue"}, "typing.long": {"queue": "vntyper_long_queue"}},
    beat_schedule={"heartbeat": {"task": "heartbeat", "schedule": 30.0}},
)


@app.task(name="heartbeat")
def heartbeat() -> str:
    """What beat asks for, so that a worker shows it is alive."""
    return "ok"


@app.task(name="typing.short")
def type_sample(sequence: str) -> dict[str, int]:
    """Count the bases of a sequence."""
    return {base: sequence.count(base) for base in "ACGT"}


@app.task(name="typing.long")
def type_long_sample(sequence: str, rounds: int) -> int:
    """A job that takes longer: the number of bases over many rounds."""
    return sum(len(sequence) for _ in range(rounds))
