"""Controls of images: what must be found, and what is in every good image and must stay silent."""

from __future__ import annotations

import tarfile
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge
from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.image import Base, Image
from pytest_dockerharden.model.origin import TextOrigin
from tests.image.archives import KEY, File, files, image_of, layer

RECOMMENDED = [c for c in load_all().values() if c.judges == "Image" and not c.optional]
PASSWD = File("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:10001:10001::/:/sbin/nologin\nzero:x:0:0::/:\n")
DEBIAN = layer(
    File(
        "etc/passwd",
        b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\nsync:x:4:65534::/bin:/bin/sync\n",
    ),
    File("etc/shadow", b"root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n", mode=0o640),
    File("etc/group", b"root:x:0:\ndaemon:x:1:\n"),
    File("usr/lib/os-release", b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    File("etc/os-release", kind=tarfile.SYMTYPE, link="../usr/lib/os-release"),
    File("usr/bin/su", b"x", mode=0o4755),
    File("usr/bin/passwd", b"x", mode=0o4755),
    File("usr/sbin/unix_chkpwd", b"x", mode=0o2755),
    File("bin/sh", kind=tarfile.SYMTYPE, link="dash"),
    File("dev/null", kind=tarfile.CHRTYPE, mode=0o666),
    File("tmp/", mode=0o1777),
    File("var/mail/", mode=0o2775),
    File("etc/ssl/private/ssl-cert-snakeoil.key", KEY, mode=0o640),
    File("usr/lib/python3/test/certdata/key.pem", KEY),
)
ALPINE = layer(
    File(
        "etc/passwd",
        b"root:x:0:0:root:/root:/bin/sh\nhalt:x:7:0:halt:/sbin:/sbin/halt\noperator:x:11:0::/root:/bin/sh\n",
    ),
    File("etc/shadow", b"root:*::0:::::\nhalt:!::0:::::\n", mode=0o640),
    File("etc/os-release", b'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.1\n'),
    File("bin/bbsuid", b"x", mode=0o4111),
    File("bin/sh", kind=tarfile.SYMTYPE, link="/bin/busybox"),
    File("lib/apk/db/installed", b"x"),
)
# as `docker history` shows them
PYTHON = [
    "ADD file:b1e2 in /", '-CMD ["bash"]', "-ENV PATH=/usr/local/bin:/usr/bin:/bin", "-ENV LANG=C.UTF-8",
    "-ENV GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305", "-ENV PYTHON_VERSION=3.12.7",
    "-ENV PYTHON_SHA256=24887b92e2afd4a2ac602419ad4b596372f67ac9b077190f459aba390faf5550",
    "-EXPOSE map[8000/tcp:{}]", '-HEALTHCHECK &{["CMD" "x"] "5s" "5s" "15s" "0s" \'\\x05\'}',
]  # fmt: skip
NGINX_RUN = (
    "RUN /bin/sh -c set -x     && groupadd --system --gid 101 nginx     && "
    'NGINX_GPGKEYS="573BFD6B3D8FBC641079A6ABABF5BD827BD9BF62 8540A6F18833A80E9C1653A42FD21310B49F6B46"; '
    "NGINX_GPGKEY_PATH=/etc/apt/keyrings/nginx-archive-keyring.gpg; "
    'export GNUPGHOME="$(mktemp -d)"; apt-get update && apt-get install -y x # buildkit'
)
NGINX = [
    "/bin/sh -c #(nop) ADD file:5d3 in / ", '-/bin/sh -c #(nop)  CMD ["/bin/sh"]',
    "-ENV NGINX_VERSION=1.27.3", "-ENV PKG_RELEASE=1~bookworm", "-ENV NJS_VERSION=0.8.7", NGINX_RUN,
]  # fmt: skip
APP = [
    "|1 APP_VERSION=1.2.3 /bin/sh -c make",
    "RUN |2 TOKEN_TTL=30 BUILD_ID=77 /bin/sh -c echo $TOKEN",
    "COPY app /app # buildkit",
]
CONFIG: dict[str, Any] = {
    "User": "10001:10001",
    "Env": [
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "GPG_KEY=7169605F62C7",
        "POSTGRES_PASSWORD_FILE=/run/secrets/x",
        "DB_USER=app",
    ],
    "Cmd": ["python", "/app.py"],
    "ExposedPorts": {"8080/tcp": {}, "2222/tcp": {}, "53/udp": {}},
    "Volumes": {"/data": {}, "/var/lib/postgresql/data": {}},
    "StopSignal": "SIGINT",
    "Labels": {"org.opencontainers.image.title": "x", "maintainer": "a <a@example.org>"},
}


def messages(control: str, image: Image, **parameters: Any) -> list[str]:
    judgement = judge(load_all()[control], image, image.reference, parameters)
    assert judgement.verdict != "error", judgement.reason
    return [finding.message for finding in judgement.findings]


@pytest.mark.parametrize(
    ("base", "history", "config"),
    [
        pytest.param(DEBIAN, PYTHON, CONFIG, id="python"),
        pytest.param(DEBIAN, NGINX, {**CONFIG, "User": "nobody", "StopSignal": "3"}, id="nginx"),
        pytest.param(ALPINE, PYTHON, {**CONFIG, "StopSignal": "SIGRTMIN+3"}, id="alpine"),
        pytest.param(files("app"), [], {"User": "65532", "Entrypoint": ["/app"]}, id="distroless"),
        pytest.param(files("app"), [], {}, id="a bag of files"),
        pytest.param(DEBIAN, [], {"Entrypoint": ["C:\\x.exe"], "User": "10"}, id="no history"),
    ],
)
def test_recommended_controls_are_silent_on_an_ordinary_image(base: bytes, history: list[str], config: Any) -> None:
    if config.get("User") == "nobody":
        base_files = layer(File("etc/passwd", b"nobody:x:65534:65534::/:/sbin/nologin\n"))
        image = image_of(base, base_files, files("app/x"), config=config, history=[*history, *APP[:1]])
    else:
        image = image_of(base, config=config, history=history)
    found = {control.id: messages(control.id, image) for control in RECOMMENDED}
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize("step", APP + PYTHON + NGINX)
def test_an_ordinary_step_of_the_history_holds_no_secret(step: str) -> None:
    image = image_of(files("a"), history=[step])
    assert messages("built-without-secrets-in-history", image) == []


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("|1 NPM_TOKEN=abcdef0123456789 /bin/sh -c npm ci", "the build argument NPM_TOKEN is in the history"),
        (
            "RUN |2 V=1 DB_PASSWORD=two words /bin/bash -o pipefail -c x # buildkit",
            "the build argument DB_PASSWORD is in the history",
        ),
        ("/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2-hunter2", "DB_PASSWORD is written out in the history"),
        ("ARG API_TOKEN=abcdef0123456789", "API_TOKEN is written out in the history"),
        (
            "RUN /bin/sh -c export AWS_SECRET_ACCESS_KEY='abcdef0123456789abcdef'",
            "AWS_SECRET_ACCESS_KEY is written out in the history",
        ),
        (
            "RUN /bin/sh -c git clone https://me:s3cr3t-t0ken@example.com/x",
            "a credential is written out in the history",
        ),
        (
            "RUN /bin/sh -c curl -H ghp_0123456789abcdefghijABCDEFGHIJ012345 x",
            "a credential is written out in the history",
        ),
    ],
)
def test_a_secret_in_the_history_is_found_and_not_shown(step: str, message: str) -> None:
    image = image_of(files("a"), history=[step])
    assert messages("built-without-secrets-in-history", image) == [message]
    findings = judge(load_all()["built-without-secrets-in-history"], image, "x").findings
    for secret in ("hunter2", "abcdef0123456789", "s3cr3t", "ghp_0123"):
        assert secret not in str(findings)


def test_what_the_environment_still_shows_is_told_once() -> None:
    config = {"Env": ["DB_PASSWORD=hunter2-hunter2"]}
    image = image_of(files("a"), config=config, history=["-ENV DB_PASSWORD=hunter2-hunter2", "COPY a"])
    assert messages("built-without-secrets-in-history", image) == []
    assert messages("built-without-secrets-in-configuration", image) == ["the variable DB_PASSWORD holds a credential"]


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("", ["no user is set, so it runs as root"]),
        ("root", ["it runs as root"]),
        ("0:0", ["it runs as root"]),
        ("00", ["it runs as root"]),
        ("root:app", ["it runs as root"]),
        ("zero", ["it runs as zero, whose uid is 0"]),
        ("app", []),
        ("app:root", []),
        ("10001", []),
        ("unknown", []),
    ],
)
def test_root_is_root_by_any_name(user: str, message: list[str]) -> None:
    image = image_of(layer(PASSWD), config={"User": user, "Cmd": ["x"]})
    assert messages("built-for-a-user", image) == message


def test_a_user_without_a_passwd_file_does_not_exist() -> None:
    image = image_of(files("a"), config={"User": "app", "Cmd": ["x"]})
    assert messages("built-user-exists", image) == ["app is not in /etc/passwd of the image"]


@pytest.mark.parametrize("path", [".:/bin", "/bin:", "/bin::/usr/bin", "bin", "/tmp:/bin", "/opt/open:/bin"])
def test_a_path_that_others_may_write_is_found(path: str) -> None:
    image = image_of(layer(File("opt/open/", mode=0o777)), config={"Env": [f"PATH={path}"]})
    assert len(messages("built-with-a-safe-path", image)) == 1


def test_where_layers_are_unknown_what_is_in_them_is_too() -> None:
    image = image_of(DEBIAN, config=CONFIG)
    image.layers = image.files = image.accounts = image.release = Unknown("damaged")
    verdicts = {control.id: judge(control, image, "x").verdict for control in RECOMMENDED}
    assert verdicts["built-without-keys"] == verdicts["built-without-empty-passwords"] == "unknown"
    assert verdicts["built-for-a-user"] == verdicts["built-without-remote-ports"] == "passed"


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (["RUN /bin/sh -c apt-get update", "RUN /bin/sh -c apt-get install -y x"], 1),
        (["RUN /bin/sh -c apt-get -qq update && apt-get install -y x"], 0),
        (["RUN /bin/sh -c apt-get update; apt-get -y --no-install-recommends install x"], 0),
        (["RUN /bin/sh -c apk update"], 1),
        (["RUN /bin/sh -c apk add --no-cache x"], 0),
        (["RUN /bin/sh -c apt-get update && apt-get upgrade -y"], 0),
        (["RUN /bin/sh -c echo update"], 0),
    ],
)
def test_an_index_that_is_updated_alone_is_found(steps: list[str], found: int) -> None:
    image = image_of(*[files("a")] * len(steps), history=steps)
    assert len(messages("built-index-with-install", image)) == found


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("ADD app.py /app/ # buildkit", 1),
        ("/bin/sh -c #(nop) ADD file:abc in /app/app.py ", 1),
        ("ADD rootfs.tar.xz / # buildkit", 0),
        ("/bin/sh -c #(nop) ADD file:abc in / ", 0),
        ("ADD https://example.com/x.tgz /x # buildkit", 0),
        ("COPY a b # buildkit", 0),
    ],
)
def test_a_file_that_came_by_add_is_found(step: str, found: int) -> None:
    image = image_of(files("a"), files("b"), history=["FROM", step])
    assert len(messages("built-with-copy", image)) == found


@pytest.mark.parametrize(
    ("release", "found"),
    [
        ("ID=debian\nVERSION_ID=9\n", 1),
        ("ID=alpine\nVERSION_ID=3.12.1\n", 1),
        ("ID=ubuntu\nVERSION_ID='18.04'\n", 1),
        ("ID=debian\nVERSION_ID=12\n", 0),
        ("ID=alpine\nVERSION_ID=3.22.0_alpha20250108\n", 0),
        ("ID=wolfi\nVERSION_ID=20230201\n", 0),
        ("ID=rhel\nVERSION_ID=9.4\n", 0),
        ("ID=debian\nPRETTY_NAME='Debian GNU/Linux trixie/sid'\n", 0),
    ],
)
def test_a_release_without_fixes_is_found(release: str, found: int) -> None:
    image = image_of(layer(File("etc/os-release", release.encode())))
    assert len(messages("built-on-a-supported-release", image)) == found


PIN = f"debian:12@sha256:{'a' * 64}"
OTHER = f"debian:12@sha256:{'b' * 64}"
PLACE = TextOrigin("/Dockerfile", 3, 6, 3, 20)


def base(reference: str, layers: tuple[str, ...] | None) -> Base:
    return Base(reference, PLACE, Unknown("not there") if layers is None else Known(layers, PLACE))


def verdict_on(
    bases: list[Base], labels: dict[str, str] | None = None, control: str = "built-on-its-pinned-base"
) -> str:
    image = image_of(DEBIAN, files("app"), config={"Labels": labels or {}})
    image.bases = tuple(bases)
    return judge(load_all()[control], image, "x").verdict


def test_the_layers_of_the_base_decide() -> None:
    image = image_of(DEBIAN, files("app"))
    own = tuple(layer.digest for layer in image.layers.value)
    assert verdict_on([base(PIN, own[:1])]) == "passed"
    assert verdict_on([base(PIN, ("sha256:0",))]) == "failed"
    assert verdict_on([base(PIN, (*own, "sha256:0"))]) == "failed"
    assert verdict_on([base(PIN, ("sha256:0",)), base(OTHER, own[:1])]) == "passed"


def test_without_the_base_a_label_decides_and_without_that_nothing() -> None:
    label = "org.opencontainers.image.base.digest"
    assert verdict_on([base(PIN, None)], {label: f"sha256:{'a' * 64}"}) == "passed"
    assert verdict_on([base(PIN, None)], {label: f"sha256:{'b' * 64}"}) == "failed"
    assert verdict_on([base(PIN, None)]) == "unknown"


def test_a_base_without_a_digest_is_not_pinned() -> None:
    assert verdict_on([base("debian:12", ("sha256:0",))]) == "not-applicable"
    assert verdict_on([base("debian:12", ("sha256:0",))], control="built-on-its-current-base") == "failed"
    assert verdict_on([]) == "not-applicable"


def test_caches_and_waste_have_a_limit_that_a_suite_may_set() -> None:
    image = image_of(layer(File("var/lib/apt/lists/x", bytes(3 << 20)), File("a", bytes(2 << 20))), files(".wh.a"))
    assert messages("built-without-caches", image) == ["apt leaves 3.0 MiB of downloads and indexes"]
    assert messages("built-without-caches", image, mebibytes=5) == []
    assert messages("built-without-waste", image) == []
    assert messages("built-without-waste", image, mebibytes=1) == ["2.0 MiB of 5.0 MiB are seen by nobody"]
