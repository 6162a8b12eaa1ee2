"""Where a build gets things from, and whether it checks what it got."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.dockerfiles import Place, places, shell

TWO = [("0", 2)]


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        *(
            pytest.param(control, shell(line), TWO, id=line)
            for control, line in (
                ("curl-verifies-certificates", "curl -k https://h/x"),
                ("curl-verifies-certificates", "curl -fsSLk https://h/x"),
                ("curl-verifies-certificates", "curl --insecure https://h/x"),
                ("wget-verifies-certificates", "wget --no-check-certificate https://h/x"),
                ("pip-verifies-certificates", "pip install --trusted-host h p"),
                ("pip-verifies-certificates", "pip3 install --trusted-host=h p"),
                ("pip-verifies-certificates", "python3 -m pip install --trusted-host h p"),
                ("npm-verifies-certificates", "npm config set strict-ssl false"),
                ("npm-verifies-certificates", "npm config set strict-ssl=false -g"),
                ("npm-verifies-certificates", "npm install --strict-ssl=false"),
                ("npm-verifies-certificates", "yarn config set strict-ssl false -g"),
                ("git-verifies-certificates", "git -c http.sslVerify=false clone https://h/x"),
                ("git-verifies-certificates", "git config --global http.sslverify false"),
                ("yum-verifies-certificates", "yum install -y --setopt=sslverify=false x"),
                ("yum-verifies-certificates", "yum-config-manager --save --setopt=sslverify=false"),
                ("yum-verifies-certificates", 'echo "sslverify=false" >> /etc/yum.conf'),
                ("git-verifies-certificates", "GIT_SSL_NO_VERIFY=1 git clone https://h/x"),
                ("node-verifies-certificates", "export NODE_TLS_REJECT_UNAUTHORIZED=0 && npm ci"),
                ("python-verifies-certificates", "PYTHONHTTPSVERIFY=0 python x.py"),
                ("verified-tls", "apt-get -o Acquire::https::Verify-Peer=false update"),
            )
        ),
        pytest.param(
            "git-verifies-certificates",
            "FROM a:1\nENV GIT_SSL_NO_VERIFY=false\n",
            TWO,
            id="git looks for the name alone",
        ),
        pytest.param(
            "npm-verifies-certificates", "FROM a:1\nENV npm_config_strict_ssl=false\n", TWO, id="npm takes any case"
        ),
        pytest.param("pip-verifies-certificates", "FROM a:1\nARG PIP_TRUSTED_HOST=h\n", TWO, id="ARG"),
        *(
            pytest.param(control, shell(line), TWO, id=line)
            for control, line in (
                ("signed-apk-packages", "apk add --allow-untrusted x.apk"),
                ("signed-apt-packages", "apt-get install -y --allow-unauthenticated x"),
                ("apt-is-not-forced", "apt-get install -y --force-yes x"),
                ("signed-yum-packages", "yum install -y --nogpgcheck x"),
                ("signed-yum-packages", "tdnf install -y --nogpgcheck x"),
                ("signed-rpm-packages", "rpm -ivh --nodigest x.rpm"),
                ("signed-packages", "zypper --no-gpg-checks install -y x"),
                ("signed-apt-packages", 'echo "deb [trusted=yes] https://h/d x main" > /etc/apt/sources.list.d/x.list'),
                ("signed-yum-packages", "sed -i s/gpgcheck=1/gpgcheck=0/ /etc/yum.conf"),
            )
        ),
        pytest.param("encrypted-downloads", shell("curl -o x http://h/x"), TWO, id="curl"),
        pytest.param("encrypted-downloads", shell("git clone git://h/x"), TWO, id="git"),
        pytest.param("encrypted-downloads", shell("pip install -i http://h/simple x"), TWO, id="pip"),
        pytest.param("encrypted-downloads", "FROM a:1\nADD ftp://h/x /x\n", TWO, id="ADD"),
        pytest.param("redirects-stay-encrypted", shell("curl -sSL https://h/x -o x"), TWO, id="curl -L"),
        pytest.param("modern-tls", shell("curl --tls-max 1.1 https://h/x"), TWO, id="--tls-max"),
        pytest.param("strong-checksums", shell('echo "$S  x" | sha1sum -c'), TWO, id="sha1"),
        pytest.param("strong-checksums", shell("openssl dgst -md5 x"), TWO, id="openssl"),
        pytest.param("remote-add-is-verified", "FROM a:1\nADD https://h/x.tgz /x\n", TWO, id="no checksum"),
        pytest.param("remote-add-is-verified", "FROM a:1\nADD git@github.com:o/r.git /x\n", TWO, id="no commit"),
        pytest.param("verified-downloads", shell("wget https://h/x.tgz && tar xf x.tgz"), TWO, id="wget"),
        pytest.param("verified-downloads", shell("curl -sL https://h/x.tgz | tar xz"), TWO, id="a pipe"),
        pytest.param("git-sources-come-by-add", shell("git -c a=b clone https://h/x"), TWO, id="clone"),
        pytest.param("tools-do-not-phone-home", shell("dotnet restore"), TWO, id="dotnet"),
    ],
)
def test_an_unchecked_download_is_found(tmp_path: Path, control: str, text: str, expected: list[Place]) -> None:
    assert places(tmp_path, text, control) == expected


@pytest.mark.parametrize(
    ("control", "text"),
    [
        *(
            pytest.param(control, shell(line), id=line)
            for control, line in (
                ("curl-verifies-certificates", "curl -o k https://h/x"),
                ("curl-verifies-certificates", "curl -ok https://h/x"),
                ("curl-verifies-certificates", "curl -H 'X: -k' https://h/x"),
                ("verified-tls", "tar -k -xf x"),
                ("wget-verifies-certificates", "wget -q https://h/no-check-certificate"),
                ("curl-verifies-certificates", "echo curl -k"),
                ("npm-verifies-certificates", "npm config set strict-ssl true"),
                ("git-verifies-certificates", "git config --global http.sslVerify true"),
                ("pip-verifies-certificates", "pip install trusted-host"),
                ("curl-verifies-certificates", "grep -k x y && curl https://h/x"),
                ("node-verifies-certificates", "unset NODE_TLS_REJECT_UNAUTHORIZED"),
            )
        ),
        pytest.param(
            "node-verifies-certificates", "FROM a:1\nENV NODE_TLS_REJECT_UNAUTHORIZED=1 PYTHONHTTPSVERIFY=1\n", id="on"
        ),
        pytest.param("pip-verifies-certificates", "FROM a:1\nARG PIP_TRUSTED_HOST\n", id="declared without a value"),
        pytest.param(
            "curl-verifies-certificates", "FROM a:1\nRUN <<EOF python3\n'curl -k'\nEOF\n", id="a script of Python"
        ),
        pytest.param("signed-apt-packages", shell("apt-get install -y --allow-downgrades x"), id="another --allow"),
        pytest.param("signed-yum-packages", shell("echo gpgcheck=1 >> /etc/yum.conf"), id="on"),
        pytest.param("signed-yum-packages", shell("pip install --force-reinstall x"), id="another --force"),
        pytest.param("encrypted-downloads", shell("curl http://localhost:80/ http://127.0.0.1/"), id="the own machine"),
        pytest.param(
            "encrypted-downloads", shell('echo "deb http://deb.debian.org/debian x main" > /l'), id="apt signs"
        ),
        pytest.param("encrypted-downloads", "FROM a:1\nHEALTHCHECK CMD curl -f http://web/\n", id="not in the build"),
        pytest.param("encrypted-downloads", "FROM a:1\nENV NS=http://www.w3.org/x\n", id="a name"),
        pytest.param("redirects-stay-encrypted", shell("curl -fsS https://h/x -o x"), id="follows none"),
        pytest.param("redirects-stay-encrypted", shell("curl --proto '=https' -L https://h/x"), id="bound"),
        pytest.param("modern-tls", shell("curl --tlsv1.2 https://h && curl --tlsv1.3 https://h"), id="new"),
        pytest.param("strong-checksums", shell("sha256sum -c x && shasum -a 256 -c y"), id="sha256"),
        pytest.param("remote-add-is-verified", "FROM a:1\nADD x.tgz /x\nCOPY https /y\n", id="local"),
        pytest.param("verified-downloads", shell("curl -fsS https://h/health"), id="nothing is kept"),
        pytest.param("verified-downloads", shell("curl -o x https://h/x && gpg --verify x.asc x"), id="signed"),
        pytest.param("verified-downloads", shell("curl -o x https://h/x", "sha256sum -c sums"), id="checked later"),
        pytest.param("verified-downloads", shell("curl https://h/k.asc | gpg --dearmor > /k"), id="a key"),
        pytest.param("git-sources-come-by-add", shell("git config a b && apt-get install -y git"), id="another verb"),
        pytest.param("tools-do-not-phone-home", shell("DOTNET_CLI_TELEMETRY_OPTOUT=1 dotnet restore"), id="in place"),
        pytest.param("tools-do-not-phone-home", shell("apt-get install -y next"), id="only a word"),
    ],
)
def test_a_checked_download_is_silent(tmp_path: Path, control: str, text: str) -> None:
    assert places(tmp_path, text, control) == []
