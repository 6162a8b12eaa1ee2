"""Files to time on: different from each other, of ordinary size and style, made from a seed."""

from __future__ import annotations

import random
from pathlib import Path

BASES = (
    "python:3.12-slim",
    "node:22-alpine",
    "golang:1.23",
    "debian:bookworm-slim",
    "nginx:1.27-alpine",
    "ubuntu:24.04",
)
PACKAGES = ("curl", "git", "build-essential", "libpq-dev", "jq", "ca-certificates", "tzdata", "gnupg", "unzip", "make")


def dockerfiles(folder: Path, count: int, seed: int = 1) -> list[str]:
    """Write ``count`` Dockerfiles, each in a folder of its own; returns their paths."""
    choose = random.Random(seed)
    paths = []
    for number in range(count):
        path = folder / f"app{number:04}" / "Dockerfile"
        path.parent.mkdir(parents=True)
        path.write_text(dockerfile(choose, number), encoding="utf-8")
        paths.append(str(path))
    return paths


def dockerfile(choose: random.Random, number: int) -> str:
    """One or two stages, packages, a copy, and more or less care."""
    packages = " ".join(choose.sample(PACKAGES, choose.randint(2, 6)))
    lines = [f"FROM {choose.choice(BASES)} AS build", f"ARG VERSION=1.{number}", "WORKDIR /src"]
    lines += [
        f"RUN apt-get update && apt-get install -y --no-install-recommends {packages} \\",
        " && rm -rf /var/lib/apt/lists/*",
    ]
    lines += ["COPY . .", f"RUN make build VERSION=$VERSION TARGET=app{number} && ./scripts/check.sh | tee /tmp/log"]
    if choose.random() < 0.5:
        lines += [
            f"FROM {choose.choice(BASES)}",
            f"COPY --from=build /src/out /opt/app{number}",
            f"ENV APP_HOME=/opt/app{number} LOG_LEVEL=info",
        ]
    if choose.random() < 0.5:
        lines += ["RUN useradd --uid 1000 app", "USER app"]
    if choose.random() < 0.5:
        lines += [f"HEALTHCHECK --interval=30s CMD curl -f http://localhost:{8000 + number}/ || exit 1"]
    return "\n".join(
        [*lines, f"EXPOSE {8000 + number}", f'CMD ["/opt/app{number}/bin/server", "--port", "{8000 + number}"]', ""]
    )


def compose_files(folder: Path, count: int, seed: int = 2, services: int = 3) -> list[str]:
    """Write ``count`` compose files, each in a folder of its own; returns their paths."""
    choose = random.Random(seed)
    paths = []
    for number in range(count):
        path = folder / f"stack{number:04}" / "docker-compose.yml"
        path.parent.mkdir(parents=True)
        path.write_text(compose(choose, number, services), encoding="utf-8")
        paths.append(str(path))
    return paths


def compose(choose: random.Random, number: int, services: int) -> str:
    """A few services with ports, volumes, an environment and now and then some hardening."""
    lines = ["services:"]
    for index in range(services):
        name = f"service{index}"
        lines += [
            f"  {name}:",
            f"    image: registry.example/app{number}/{name}:1.{index}.{number}",
            "    restart: unless-stopped",
        ]
        lines += [
            "    environment:",
            f"      APP_MODE: production{number}",
            "      API_TOKEN: ${API_TOKEN}",
            "    ports:",
            f'      - "{8000 + index}:80"',
        ]
        lines += [
            "    volumes:",
            f"      - data{index}:/var/lib/app",
            f"      - ./config/{name}.yml:/etc/app/config.yml:ro",
        ]
        if choose.random() < 0.5:
            lines += [
                "    read_only: true",
                "    cap_drop: [ALL]",
                "    security_opt:",
                "      - no-new-privileges:true",
                '    user: "1000:1000"',
            ]
        if index:
            lines += ["    depends_on:", "      - service0"]
    return "\n".join([*lines, "volumes:", *(f"  data{index}:" for index in range(services)), ""])
