"""The line at the start of a run: what was found, and what was not visited."""

from __future__ import annotations

from pytest_dockerharden.evaluation import Evaluation
from pytest_dockerharden.model.wording import counted
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.report.excerpt import clean


def header(evaluation: Evaluation, images: int = 0) -> list[str]:
    """``dockerharden: 3 compose files, 2 combinations, 4 Dockerfiles; not visited: ...``

    A further line for each report of another scanner says what that one looked at.
    """
    discovery = evaluation.discovery
    counts = (
        counted(len(discovery.compose), "compose file"),
        counted(evaluation.combinations, "combination"),
        counted(len(discovery.dockerfiles), "Dockerfile"),
    )
    line = f"dockerharden: {', '.join(counts + ((counted(images, 'image'),) if images else ()))}"
    if evaluation.absorbed:
        line += f"; judged where they are included: {_names(evaluation, evaluation.absorbed)}"
    if discovery.not_visited:
        line += f"; not visited: {_names(evaluation, list(discovery.not_visited))}"
    if not (discovery.compose or discovery.dockerfiles or images or evaluation.imported):
        line += (
            "\ndockerharden: nothing here has the name of a compose file or a Dockerfile; name what is called otherwise"
        )
    return [*line.splitlines(), *(f"dockerharden: imported {clean(each)}" for each in evaluation.imported)]


def _shortened(path: str, most: int = 160) -> str:
    return path if len(path) <= most else f"{path[: most // 2]}...{path[-most // 2 :]}"


def _names(evaluation: Evaluation, paths: list[str], most: int = 8) -> str:
    reasons = evaluation.discovery.not_visited
    shown = [(path, _shortened(clean(shown_path(path, evaluation.request.start)))) for path in paths[:most]]
    named = [f"{name} ({reasons[path]})" if path in reasons else name for path, name in shown]
    return ", ".join(named) + (f" and {len(paths) - most} more" if len(paths) > most else "")
