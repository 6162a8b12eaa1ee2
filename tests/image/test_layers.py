"""What is found in layers, and what later layers make of it."""

from __future__ import annotations

import tarfile

import pytest

from pytest_dockerharden.model.image import Image
from tests.image.archives import KEY, NET_RAW, File, files, image_of, layer

PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:10001:10002::/:/sbin/nologin\n"


def found(image: Image, kind: str) -> dict[str, int | None]:
    """Path, and the layer that hides it."""
    return {file.path: file.hidden_by for file in image.files.value if file.kind == kind}


def key(path: str) -> File:
    return File(path, KEY)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("root/key", id="plain"),
        pytest.param("./root/key", id="with a dot in front"),
        pytest.param("/root/key", id="absolute"),
        pytest.param("root//./key", id="with parts that say nothing"),
        pytest.param("opt/../root/key", id="with a way up"),
    ],
)
def test_every_spelling_of_a_path_is_the_same_file(name: str) -> None:
    image = image_of(layer(key(name)), files("root/.wh.key"))
    assert found(image, "private-key") == {"/root/key": 1}


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(files("root/.wh.key"), id="the file is deleted"),
        pytest.param(files(".wh.root"), id="its folder is deleted"),
        pytest.param(files("root/.wh..wh..opq"), id="its folder is emptied"),
        pytest.param(files(".wh..wh..opq"), id="everything is emptied"),
        pytest.param(files("root/key"), id="the file is another one"),
        pytest.param(files("root"), id="its folder is a file"),
        pytest.param(layer(File("root/key", kind=tarfile.SYMTYPE, link="/dev/null")), id="the file is a link"),
    ],
)
def test_what_a_later_layer_hides_is_found_in_its_own(later: bytes) -> None:
    image = image_of(layer(File("root/", mode=0o700), key("root/key")), files("a"), later, files("b"))
    assert found(image, "private-key") == {"/root/key": 2}
    assert next(iter(image.of("private-key"))).layer == 0
    assert image.visible("private-key") == []


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(files("root/.wh.key2", "root/.wh.ke"), id="another file is deleted"),
        pytest.param(files("root2/.wh..wh..opq", ".wh.roo"), id="another folder is"),
        pytest.param(layer(File("root/", mode=0o755)), id="only the folder is named again"),
        pytest.param(files("root/key/../other"), id="a way that leads past it"),
        pytest.param(files(".wh..wh.plnk/8", ".wh..wh.aufs"), id="notes of aufs"),
    ],
)
def test_what_no_layer_hides_stays_visible(later: bytes) -> None:
    image = image_of(layer(File("root/", mode=0o700), key("root/key")), later)
    assert found(image, "private-key") == {"/root/key": None}


def test_a_file_that_comes_back_is_seen_again() -> None:
    image = image_of(layer(key("key")), files(".wh.key"), layer(key("key")))
    assert [(file.layer, file.hidden_by) for file in image.of("private-key")] == [(0, 1), (2, None)]


def test_a_whiteout_does_not_hide_what_its_own_layer_brings() -> None:
    image = image_of(layer(key("etc/old")), layer(File("etc/.wh..wh..opq"), key("etc/new")))
    assert found(image, "private-key") == {"/etc/old": 1, "/etc/new": None}


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (File("bin/x", mode=0o4755), "setuid"),
        (File("bin/x", mode=0o2755), "setgid"),
        (File("bin/x", mode=0o755, capability=NET_RAW), "capability"),
        (File("opt/x", mode=0o666), "world-writable"),
        (File("opt/x/", mode=0o777), "world-writable-directory"),
        (File("opt/x", kind=tarfile.CHRTYPE), "device"),
        (File("usr/bin/x", mode=0o4755, kind=tarfile.LNKTYPE, link="usr/bin/y"), "setuid"),
        (File("bin/bash", mode=0o755), "shell"),
        (File("bin/sh", kind=tarfile.SYMTYPE, link="busybox"), "shell"),
        (File("usr/bin/apt-get", mode=0o755), "package-manager"),
        (File("usr/bin/gcc", mode=0o755), "build-tool"),
        (File("usr/sbin/sshd", mode=0o755), "remote-login"),
        (File("usr/bin/sudo", mode=0o4755), "sudo"),
        (File("app/.git/HEAD", b"ref: refs/heads/main"), "repository"),
        (File("app/Dockerfile", b"FROM x"), "leftover"),
        (File("etc/shadow", mode=0o640), "account"),
        (File("../etc/cron.d/x", b"x"), "escaping"),
        (File("x", kind=tarfile.LNKTYPE, link="../../etc/passwd"), "escaping"),
        (File("srv/tls/server.key", KEY), "private-key"),
        (File("srv/store.p12", b"\x30\x82"), "private-key"),
        (File("app/.env", b"DB_PASSWORD=hunter2-hunter2\n"), "credentials"),
        (File("root/.netrc", b"machine example.com login me password hunter2\n"), "credentials"),
        (File("root/.docker/config.json", b'{"auths": {"x": {"auth": "dXNlcjpwYXNzd29yZA=="}}}'), "credentials"),
    ],
)
def test_a_file_worth_a_word_is_found(file: File, kind: str) -> None:
    assert kind in {found.kind for found in image_of(layer(file)).files.value}


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(File("tmp/", mode=0o1777), id="a sticky folder"),
        pytest.param(File("opt/x/", mode=0o2775), id="a setgid folder"),
        pytest.param(File("opt/x", mode=0o2644), id="setgid without execute is a lock"),
        pytest.param(File("opt/x", mode=0o777, kind=tarfile.SYMTYPE, link="y"), id="links are 777"),
        pytest.param(File("dev/null", mode=0o644, kind=tarfile.CHRTYPE), id="a device in /dev"),
        pytest.param(File("opt/pipe", mode=0o644, kind=tarfile.FIFOTYPE), id="a pipe"),
        pytest.param(File("opt/bin/bash", mode=0o755), id="a shell that is not on the path"),
        pytest.param(File("usr/share/git/HEAD", b"x"), id="a folder that is no repository"),
        pytest.param(File("usr/lib/node_modules/x/Dockerfile", b"x"), id="a Dockerfile of a package"),
        pytest.param(File("etc/x", mode=0o644, kind=tarfile.SYMTYPE, link="../usr/x"), id="a link may go up"),
        pytest.param(File("srv/server.crt", b"-----BEGIN CERTIFICATE-----\nMIIB\n"), id="a certificate"),
        pytest.param(File("srv/id.pub", b"ssh-ed25519 AAAA me\n"), id="a public key"),
        pytest.param(File("usr/lib/libcrypto.so", b"\0-----BEGIN RSA PRIVATE KEY-----\0"), id="a library's text"),
        pytest.param(
            File("usr/lib/x.py", b'BEGIN = "-----BEGIN PRIVATE KEY-----"\n'), id="source that names the format"
        ),
        pytest.param(File("usr/lib/python3/test/key.pem", KEY), id="a key of a test suite"),
        pytest.param(File("usr/share/doc/openssl/key.pem", KEY), id="a key in documentation"),
        pytest.param(File("app/.env.example", b"DB_PASSWORD=hunter2-hunter2\n"), id="an example"),
        pytest.param(File("app/.env", b"DB_HOST=db\nDB_PASSWORD_FILE=/run/secrets/x\n"), id="settings only"),
        pytest.param(File("app/.env", b"DB_PASSWORD=${DB_PASSWORD}\nTOKEN=\n"), id="references only"),
        pytest.param(File("root/.npmrc", b"//registry/:_authToken=${NPM_TOKEN}\n"), id="a token by reference"),
        pytest.param(File("etc/pip.conf", b"[global]\nindex-url = https://pypi.example.com/simple\n"), id="an index"),
        pytest.param(File("root/.docker/config.json", b'{"credsStore": "pass"}'), id="credentials elsewhere"),
        pytest.param(File("root/.m2/settings.xml", b"<settings><mirrors/></settings>"), id="settings of Maven"),
    ],
)
def test_an_ordinary_file_is_none(file: File) -> None:
    assert image_of(layer(file)).files.value == ()


def test_capabilities_are_named() -> None:
    image = image_of(layer(File("bin/ping", mode=0o755, capability=NET_RAW)))
    assert [file.detail for file in image.of("capability")] == ["NET_RAW"]


def test_accounts_are_those_of_the_last_layer_that_has_them() -> None:
    image = image_of(
        layer(File("etc/passwd", b"old:x:1:1::/:\n")), layer(File("etc/passwd", PASSWD)), files("etc/.wh.x")
    )
    assert {account.name: (account.number, account.gid) for account in image.accounts.value} == {
        "root": (0, 0),
        "app": (10001, 10002),
    }
    assert image.config.value.users["app"] == (10001, 10002)


def test_accounts_that_are_deleted_are_none() -> None:
    assert image_of(layer(File("etc/passwd", PASSWD)), files("etc/.wh.passwd")).accounts.value == ()


def test_bytes_that_nobody_sees_are_counted_in_the_layer_that_brings_them() -> None:
    image = image_of(
        layer(File("a", bytes(1000)), File("b/c", bytes(500)), File("d", bytes(7))),
        layer(File("a", bytes(30)), File(".wh.b")),
    )
    assert [(layer.size, layer.wasted) for layer in image.layers.value] == [(1507, 1500), (30, 0)]


def test_caches_are_measured_where_they_are_left() -> None:
    lists = "var/lib/apt/lists/index"
    image = image_of(layer(File(lists, bytes(100))), layer(File("root/.cache/pip/http/x", bytes(50))))
    assert [dict(layer.caches) for layer in image.layers.value] == [{"apt": 100}, {"pip": 50}]


def test_caches_that_a_later_layer_deletes_are_waste_alone() -> None:
    image = image_of(layer(File("var/lib/apt/lists/index", bytes(100))), files("var/lib/apt/.wh.lists"))
    assert [(dict(layer.caches), layer.wasted) for layer in image.layers.value] == [({}, 100), ({}, 0)]


def test_of_very_many_files_some_are_kept_and_the_rest_is_counted() -> None:
    image = image_of(layer(*(File(f"opt/{number}", mode=0o666) for number in range(1000))))
    assert len(image.visible("world-writable")) == 300
    assert image.uncounted == {"world-writable": 700}


def test_a_finding_names_layer_path_and_step() -> None:
    image = image_of(files("a"), layer(key("k")), files(".wh.k"), history=["FROM", "COPY k /", "-ENV A=b", "RUN rm /k"])
    file = next(iter(image.of("private-key")))
    finding = image.finding_in(file, "message")
    gone = image.layers.value[2].short
    assert str(finding.origin) == (
        f"app:1: layer {image.layers.value[1].short}/k: 0644 0:0, gone in layer {gone}, and in the image all the same"
    )
    assert [str(origin) for origin in finding.related] == ["app:1: history 1: COPY k /"]
