"""Which files hold credentials, and which only look like it."""

from __future__ import annotations

import time

import pytest

from pytest_dockerharden.model.built import (
    PRIVATE_KEY,
    cache_of,
    holds_credentials,
    is_sample,
    leftover_kind,
    may_hold_credentials,
    program_kind,
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("machine example.com login me password hunter2", id="netrc on one line"),
        pytest.param("machine example.com\n  login me\n  password hunter2\n", id="netrc on several"),
        pytest.param("db.example.com:5432:*:app:hunter2", id="pgpass"),
        pytest.param("[client]\nuser=root\npassword=hunter2\n", id="my.cnf"),
        pytest.param("//registry.example.com/:_authToken=0123456789abcdef", id="npmrc"),
        pytest.param('{"auths": {"x": {"auth": "bWU6aHVudGVyMg=="}}}', id="docker"),
        pytest.param("https://me:s3cr3t-t0ken@git.example.com", id="git-credentials"),
        pytest.param("[default]\naws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY0\n", id="aws"),
        pytest.param(
            '{\n  "type": "service_account",\n  "private_key": "-----BEGIN PRIVATE KEY-----\\nMII"}', id="gcloud"
        ),
        pytest.param('{\n  "db_password": "hunter2-hunter2"\n}', id="JSON"),
        pytest.param("users:\n- user:\n    client-key-data: " + "A" * 60, id="kubeconfig"),
        pytest.param("<server><password>hunter2</password></server>", id="Maven"),
        pytest.param("export DB_PASSWORD='hunter2-hunter2'", id="env with export"),
        pytest.param('npmAuthToken: "0123456789abcdef"', id="yarn"),
    ],
)
def test_a_credential_is_found(content: str) -> None:
    assert holds_credentials(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="nothing"),
        pytest.param("# password is asked for at the first start\nDB_HOST=db:5432\n", id="a comment"),
        pytest.param("DB_PASSWORD=\nTOKEN=\nAPI_KEY=<your key>\n", id="blanks"),
        pytest.param("DB_PASSWORD=${DB_PASSWORD}\nDB_PASSWORD_FILE=/run/secrets/db\n", id="references"),
        pytest.param("//registry.example.com/:_authToken=${NPM_TOKEN}\nalways-auth=true\n", id="npmrc by reference"),
        pytest.param('{"credsStore": "desktop", "auths": {"x": {}}}', id="docker with a store"),
        pytest.param("machine example.com login me\n", id="netrc without a password"),
        pytest.param("<password>${env.PASSWORD}</password>", id="Maven by reference"),
        pytest.param(
            "DATABASE_URL=postgres://db:5432/app\nPROXY=http://user:${PASSWORD}@proxy\n", id="URLs without one"
        ),
        pytest.param('{"password": {"minimum": 8}, "tokens": []}', id="JSON of settings"),
        pytest.param("A=1:2:3:4:5 6\nTIMES=*:0/5:x\n", id="colons"),
        pytest.param("\x00\x01\x02" * 300, id="binary"),
    ],
)
def test_what_is_none_is_none(content: str) -> None:
    assert not holds_credentials(content.encode())


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/python3/dist-packages/Crypto/SelfTest/key.pem", "/usr/local/go/src/crypto/tls/testdata/key.pem",
        "/app/node_modules/x/__tests__/key.pem", "/usr/share/doc/openssl/key.pem",
        "/etc/ssl/private/ssl-cert-snakeoil.key",
        "/usr/lib/go/x509_test.go", "/srv/test_keys.py", "/usr/lib/jvm/java/lib/security/cacerts",
    ],
)  # fmt: skip
def test_what_is_there_to_be_tried_is_a_sample(path: str) -> None:
    assert is_sample(path)


@pytest.mark.parametrize(
    "path", ["/root/.ssh/id_rsa", "/etc/ssh/ssh_host_rsa_key", "/app/latest/key.pem", "/app/contest.py"]
)
def test_what_may_be_used_is_none(path: str) -> None:
    assert not is_sample(path)


@pytest.mark.parametrize("path", ["/app/.env.example", "/app/.env.sample", "/app/env", "/app/.envoy", "/a/.npmrc.d/x"])
def test_a_file_of_another_name_is_not_looked_at(path: str) -> None:
    assert not may_hold_credentials(path)


@pytest.mark.parametrize(
    "text",
    [
        b'BEGIN = "-----BEGIN PRIVATE KEY-----"\n',
        b"-----BEGIN PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC\n",
        b"-----BEGIN RSA TESTING KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC\n",
        b"\0-----BEGIN RSA PRIVATE KEY-----\0\n",
    ],
)
def test_a_text_about_keys_is_no_key(text: bytes) -> None:
    assert not PRIVATE_KEY.search(text)


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN PRIVATE KEY-----\r\nMIIBIjANBgkqhkiG9w0BAQEFAAOC\r\n",
        b"x\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\nMIIBIjANBgkqhkiG9w0BAQEFAA\n",
        b"  -----BEGIN EC PRIVATE KEY-----\n  MIIBIjANBgkqhkiG9w0BAQEFAAOC\n",
        b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nMIIBIjANBgkqhkiG9w0BAQEFAAOC\n",
    ],
)
def test_a_key_is_one(text: bytes) -> None:
    assert PRIVATE_KEY.search(text)


def test_paths_have_their_meaning() -> None:
    assert cache_of("/var/lib/apt/lists/x") == "apt"
    assert cache_of("/var/lib/apt/extended_states") == ""
    assert program_kind("/usr/sbin/sshd") == "remote-login"
    assert program_kind("/usr/share/sshd") is None
    assert leftover_kind("/srv/.git/HEAD") == "repository"
    assert leftover_kind("/srv/git/HEAD") is None


@pytest.mark.parametrize(
    "piece", [b"-----BEGIN PRIVATE KEY-----\n", b"password ", b"a:", b"{\"'", b"a=", b"://a:", b" \t", b"A" * 9]
)
def test_no_text_takes_long(piece: bytes) -> None:
    began = time.monotonic()
    holds_credentials(piece * (200_000 // len(piece)))
    PRIVATE_KEY.search(piece * (60_000 // len(piece)))
    assert time.monotonic() - began < 3
