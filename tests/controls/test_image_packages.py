"""How a build installs packages, read with each manager's own options."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from pytest_dockerharden.controls import load_all
from tests.controls.dockerfiles import Place, places, shell

TWO = [("0", 2)]


def rows(control: str, *lines: str) -> list[object]:
    return [pytest.param(control, shell(line), TWO, id=f"{control}: {line}") for line in lines]


def quiet(control: str, *lines: str) -> list[object]:
    return [pytest.param(control, shell(line), id=f"{control}: {line}") for line in lines]


def found(folder: Path, text: str, controls: str) -> list[Place]:
    """The places that controls of these names (``pinned-*-packages``) report."""
    names = [name for name in load_all() if fnmatch(name, controls)]
    return sorted({place for name in names for place in places(folder, text, name)})


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        *rows(
            "pinned-*-packages",
            "apt-get install -y curl",
            "DEBIAN_FRONTEND=noninteractive apt-get -o A=b install -y -t bookworm curl",
            "aptitude install -y curl",
            "apk add --virtual .deps gcc",
            "apk add -t .deps gcc=1 make",
            "yum install -y --enablerepo epel httpd",
            "dnf install -y java-17-openjdk",
            "microdnf install httpd.x86_64",
            "zypper -n in httpd",
            "sudo apt-get install -y curl=1 wget",
            "sh -c 'apk add curl'",
        ),
        *rows(
            "pinned-*-packages",
            "pip install flask",
            "pip3 install -U pip",
            "python3 -m pip install --index-url https://h/s flask[async]",
            "uv pip install flask",
            "pip install git+https://h/o/r.git",
            "npm install -g typescript",
            "npm i @angular/cli",
            "npm install typescript@latest",
            "yarn global add serve",
            "pnpm add -g turbo",
            "gem install rails",
            "go install golang.org/x/tools/gopls@latest",
            "cargo install ripgrep",
        ),
        *rows(
            "unattended-*-install",
            "apt-get install curl",
            "apt-get -q install curl",
            "apt-get install -q --no-install-recommends curl",
            "yum install httpd",
            "dnf groupinstall x",
            "zypper install x",
        ),
        *rows("no-recommended-packages", "apt-get install -y git", "apt install -y git"),
        *rows(
            "no-*-left",
            "apt-get update && apt-get install -y curl",
            "apt-get update && apt-get install -y curl && apt-get clean",
            "rm -rf /var/lib/apt/lists/* && apt-get update && apt-get install -y curl",
            "apk add curl",
            "yum install -y httpd",
            "yum clean all; dnf install -y httpd && zypper clean",
            "zypper -n install x",
            "tdnf install -y x",
        ),
        *rows(
            "no-*-left",
            "pip install -r requirements.txt",
            "yarn install",
            "yarn",
            "bundle install",
        ),
        *rows(
            "no-distribution-upgrade",
            "apt-get update && apt-get -y upgrade",
            "apk -U upgrade",
            "yum -y update",
            "dnf upgrade -y",
        ),
        *rows("no-release-upgrade", "apt-get dist-upgrade", "zypper dup -y", "apt-get update && apt full-upgrade"),
        *rows(
            "index-updated-with-install", "apt-get update", "apt update", "apk update", "yum -y update", "zypper ref"
        ),
        *rows("apt-get-in-scripts", "apt install -y x", "apt update && apt-get install -y x"),
        *rows("no-install-scripts", "npm install", "npm ci --omit=dev", "yarn", "pnpm i --frozen-lockfile"),
        *rows("no-development-dependencies", "npm ci", "yarn install", "pip install -r dev.txt"),
        *rows("composer-leaves-development-out", "composer install", "composer install --optimize-autoloader"),
        *rows("bundler-keeps-to-the-lock-file", "bundle install"),
        pytest.param("no-debug-mode", "FROM a:1\nENV DEBUG=1\n", TWO, id="DEBUG"),
    ],
)
def test_a_bad_install_is_found(tmp_path: Path, control: str, text: str, expected: list[Place]) -> None:
    assert found(tmp_path, text, control) == expected


@pytest.mark.parametrize(
    ("control", "text"),
    [
        *quiet(
            "pinned-*-packages",
            "apt-get install -y curl=7.88.* libc6=2.36-9 ./x.deb /tmp/y.deb",
            "apt-get install -y -t bookworm-backports curl=1",
            "apt-get install -y $PACKAGES",
            "apt-get install -y curl=${CURL_VERSION}",
            "apt-get install -y $(cat packages.txt)",
            "apk add --no-cache 'curl~=8' \"git>2\" --repository https://h/edge",
            "yum install -y httpd-2.4.57 httpd-tools-2.4.57-5.el9.x86_64 https://h/x.rpm",
            "dnf install -y @development-tools",
            "zypper -n in 'httpd>=2.4'",
            "apt-get remove -y curl && apk del .deps",
            "apt-get update",
            "echo apt-get install curl",
            "apt-mark hold curl",
        ),
        *quiet(
            "pinned-*-packages",
            "pip install -r requirements.txt",
            "pip install flask==3.1.0 'click>=8' ./local . dist/*.whl",
            "pip install -c constraints.txt flask",
            "pip install -e .",
            "pip install git+https://h/o/r.git@v1",
            "pip uninstall flask && pip list",
            "npm install && npm ci && npm run build",
            "npm install -g typescript@5 @scope/x@1.0.0 ./y.tgz git://h/r.git#v1",
            "npm install --prefix /srv --registry https://h/",
            "gem install rails -v 8.0.1 && gem install bundler:2.6.2",
            "go install ./cmd/app && go build ./...",
            "go install golang.org/x/tools/gopls@v0.17.1",
            "cargo install --path . && cargo install ripgrep --version 14.1.1",
        ),
        *quiet(
            "unattended-*-install",
            "apt-get install -y curl",
            "apt-get -y install curl",
            "apt-get install -qq curl",
            "apt-get install -q -q curl",
            "apt-get install -q=2 curl",
            "apt-get install --assume-yes curl",
            "apt-get -o APT::Get::Assume-Yes=true install curl",
            "apk add curl",
            "yum --assumeyes install httpd",
            "dnf install -yq httpd",
            "zypper --non-interactive install x",
            "yes | apt-get install curl",
        ),
        *quiet(
            "no-recommended-packages",
            "apt-get install -y --no-install-recommends git",
            "apt-get -o APT::Install-Recommends=false install -y git",
            "echo 'APT::Install-Recommends \"false\";' > /etc/apt/apt.conf.d/x && apt-get install -y git",
        ),
        *quiet(
            "no-*-left",
            "apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
            "apt-get update && apt-get install -y curl && rm -r /var/lib/apt/lists /var/cache/apt",
            "--mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y curl",
            "--mount=type=tmpfs,dst=/var/lib/apt/lists apt-get update && apt-get install -y curl",
            "apk add --no-cache curl && rm -rf /var/cache/apk/*",
            "apk update && apk add --no-cache curl",
            "apk --no-cache add curl",
            "apk add --update curl && rm -rf /var/cache/apk/*",
            "yum install -y httpd && yum clean all",
            "dnf install -y httpd && rm -rf /var/cache/dnf",
            "dnf install -y httpd && rm -rf /var/cache/{dnf,yum}",
            "microdnf install httpd && microdnf clean all",
            "zypper -n in x && zypper cc -a",
        ),
        *quiet(
            "no-*-left",
            "pip install --no-cache-dir -r requirements.txt",
            "PIP_NO_CACHE_DIR=1 pip install -r requirements.txt",
            "--mount=type=cache,target=/root/.cache pip install -r requirements.txt",
            "pip install x==1 && rm -rf /root/.cache",
            "pip install x==1 && pip cache purge",
            "yarn install && yarn cache clean",
            "yarn build && yarn --version",
            "bundle install && rm -rf ~/.bundle",
        ),
        *quiet(
            "no-distribution-upgrade",
            "apk upgrade --no-cache libssl3",
            "yum update -y openssl",
            "apt-get update",
            "pip install --upgrade pip",
        ),
        *quiet(
            "index-updated-with-install",
            "apt-get update && apt-get install -y x",
            "apt-get update && apt-get upgrade -y",
            "apt update && apt-get install -y x",
            "apk update && apk add x",
            "yum update -y && yum install -y x",
            "--mount=type=cache,target=/var/lib/apt/lists apt-get update",
            "npm update",
        ),
        *quiet("apt-get-in-scripts", "apt-get install -y apt-utils", "echo apt", "apt-key list && apt-mark hold x"),
        *quiet(
            "no-install-scripts", "npm ci --ignore-scripts", "npm run install", "NPM_CONFIG_IGNORE_SCRIPTS=true npm ci"
        ),
        *quiet(
            "no-development-dependencies",
            "npm ci --omit=dev",
            "NODE_ENV=production npm ci",
            "npm install --production",
            "npm install -g x@1",
            "composer install --no-dev",
            "pip install -r requirements.txt",
            "npm ci && npm run build && npm prune --production",
        ),
        pytest.param(
            "no-debug-mode", "FROM a:1 AS dev\nENV DEBUG=1\nFROM a:1\nENV DEBUG=0 NODE_ENV=production\n", id="dev"
        ),
        pytest.param(
            "no-*-left",
            "FROM debian:12 AS b\nRUN apt-get update && apt-get install -y gcc\nFROM scratch\nCOPY --from=b /a /a\n",
            id="a stage that does not ship",
        ),
        pytest.param(
            "no-*-left",
            "FROM a:1\nENV PIP_NO_CACHE_DIR=1\nRUN pip install -r r.txt\n",
            id="switched off by ENV",
        ),
    ],
)
def test_a_good_install_is_silent(tmp_path: Path, control: str, text: str) -> None:
    assert found(tmp_path, text, control) == []


def test_packages_in_a_heredoc_are_found_on_their_line(tmp_path: Path) -> None:
    text = "FROM debian:12-slim\nRUN <<EOF\napt-get update\napt-get install curl\nEOF\n"
    assert places(tmp_path, text, "unattended-apt-install") == [("0", 4)]
