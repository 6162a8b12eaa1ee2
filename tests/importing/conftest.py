"""A project, and what scanners said of it: every report in ``data`` was written by the scanner that it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.request import Request
from pytest_dockerharden.verdicts import Result

DATA = Path(__file__).parent / "data"
AWS_KEY = "AKIA" + "Q3EGP2V7ZK4WXYZA"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYzzzzzzzzzz"
TOKEN = "ghp_" + "0123456789abcdefghijklmnopqrstuvwxyz"
FILES = {
    "Dockerfile": f"""\
FROM debian:latest
ENV AWS_SECRET_ACCESS_KEY={AWS_SECRET}
RUN apt-get update
RUN apt-get install curl \\
    wget
ADD app /srv/app
EXPOSE 22
CMD ["sh"]
""",
    "app/Dockerfile": """\
FROM debian:12 AS build
RUN sudo make
FROM debian:12
USER root
COPY --from=build /x /x
""",
    "app/settings.py": f'import os\nAWS_ACCESS_KEY_ID = "{AWS_KEY}"\nGH = "{TOKEN}"\n',
    "docker-compose.yml": """\
services:
  web:
    build: .
    image: acme/web:1
  app:
    build: app
  db:
    image: postgres:16
""",
}


def data(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


class Project:
    """Files below ``path``, where the user is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in FILES.items():
            self.add(name, text)

    def add(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def report(self, document: Any, name: str = "report.json") -> str:
        return str(self.add(name, document if isinstance(document, str) else json.dumps(document)))

    def evaluate(self, *reports: Any, static: bool = False, scanners: tuple[str, ...] = ()) -> Evaluation:
        """A run that imports these: the name of a file in ``data``, or a document."""
        paths = []
        for number, report in enumerate(reports):
            document = data(report) if isinstance(report, str) and "." in report[-6:] else report
            paths.append(self.report(document, f"{report if isinstance(report, str) else number}.json"))
        top = str(self.path)
        return evaluate(Request(top, top, (top,), imports=tuple(paths), scanners=scanners, static=static))

    def imported(self, *reports: Any, static: bool = False) -> dict[str, Result]:
        """The results of the import by ``file::name``."""
        evaluation = self.evaluate(*reports, static=static)
        return {
            f"{Path(result.file).relative_to(self.path).as_posix()}::{result.name}": result
            for result in evaluation.all_results()
            if result.phase == "import"
        }

    def verdicts(self, *reports: Any, static: bool = False) -> dict[str, str]:
        return {name: result.verdict for name, result in self.imported(*reports, static=static).items()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
