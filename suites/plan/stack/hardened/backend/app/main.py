"""The HTTP API."""

from __future__ import annotations

from celery.result import AsyncResult
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from app.tasks import app as queue
from app.tasks import last_heartbeat, type_long_sample, type_sample

api = FastAPI(title="VNtyper", docs_url=None, redoc_url=None, openapi_url=None)


class Sample(BaseModel):
    """A sequence to type."""

    sequence: str = Field(max_length=10_000, pattern="^[ACGT]*$")
    rounds: int = Field(default=0, ge=0, le=10_000)


@api.get("/api/health/")
def health() -> dict[str, str]:
    """Healthy means that the broker answers: without it no job can be taken."""
    try:
        with queue.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:
        raise HTTPException(503, "the broker does not answer") from error
    return {"status": "ok"}


@api.get("/api/heartbeat/")
def heartbeat() -> dict[str, float | None]:
    """When beat last had a worker do something, in seconds from now."""
    return {"seconds": last_heartbeat()}


@api.post("/api/jobs/", status_code=202)
def submit(sample: Sample) -> dict[str, str]:
    """Queue a job and say its id."""
    job = type_long_sample.delay(sample.sequence, sample.rounds) if sample.rounds else type_sample.delay(sample.sequence)
    return {"id": job.id}


@api.get("/api/jobs/{job}/")
def result(job: str) -> dict[str, object]:
    """What became of a job."""
    answer = AsyncResult(job, app=queue)
    return {"state": answer.state, "result": answer.result if answer.successful() else None}
