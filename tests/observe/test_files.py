"""What is worth to know of in a root file system, in a tree and in a tar archive."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from pytest_dockerharden.observe.files import Look, TooMuch, look_again, look_at_tar, look_here

FILES = {
    "usr/bin/su": 0o4755,
    "usr/bin/wall": 0o2755,
    "usr/bin/ls": 0o755,
    "srv/open": 0o666,
    "etc/passwd": 0o644,
    "srv/sgid-without-x": 0o2644,
}
FOLDERS = {"tmp": 0o1777, "srv/all": 0o777, "mounted": 0o777}
EXPECTED = {
    "/usr/bin/su": "setuid",
    "/usr/bin/wall": "setgid",
    "/srv/open": "world-writable",
    "/srv/all": "world-writable-directory",
}
PASSWD = "root:x:0:0::/:/bin/sh\nguest::1:1::/:/bin/sh\n"
SHADOW = "root:*:1::::::\nadmin::1::::::\n"


def kinds(look: Look) -> dict[str, str]:
    return {file.path: file.kind for file in look.facts("web", "", "")["files"].value}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, mode in FOLDERS.items():
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name).chmod(mode)
    for name, mode in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(PASSWD if name.endswith("passwd") else "x")
        (tmp_path / name).chmod(mode)
    (tmp_path / "etc/shadow").write_text(SHADOW)
    return tmp_path


def archive(extra: tuple[tarfile.TarInfo, ...] = ()) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, mode in FOLDERS.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for name, mode in FILES.items():
            data = (PASSWD if name.endswith("passwd") else "x").encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
        shadow = tarfile.TarInfo("etc/shadow")
        shadow.size = len(SHADOW)
        tar.addfile(shadow, io.BytesIO(SHADOW.encode()))
        for entry in extra:
            tar.addfile(entry)
    buffer.seek(0)
    return buffer


def test_a_tree_and_a_tar_say_the_same(root: Path) -> None:
    here, there = look_here(str(root), ["/mounted"]), look_at_tar(archive(), ["/mounted"])
    assert kinds(here) == kinds(there) == EXPECTED
    assert here.passwordless() == there.passwordless() == {"guest", "admin"}


def test_what_a_mount_hides_is_not_looked_at() -> None:
    device = tarfile.TarInfo("dev/mem")
    device.type = tarfile.CHRTYPE
    assert "/dev/mem" not in kinds(look_at_tar(archive((device,)), ["/dev", "/mounted"]))
    assert kinds(look_at_tar(archive((device,)), ["/mounted"]))["/dev/mem"] == "device"


def test_file_capabilities_are_in_the_archives_headers() -> None:
    capable = tarfile.TarInfo("usr/bin/ping")
    capable.mode, capable.pax_headers = 0o755, {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
    assert kinds(look_at_tar(archive((capable,)), ["/mounted"]))["/usr/bin/ping"] == "capability"


def test_links_lead_nowhere(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("host")
    (outside / "shadow").write_text("host::1::::::\n")
    (outside / "shadow").chmod(0o4777)
    (root / "srv/link").symlink_to(outside)
    (root / "etc/shadow").unlink()
    (root / "etc/shadow").symlink_to(outside / "shadow")
    look = look_here(str(root), ["/mounted"])
    assert kinds(look) == EXPECTED
    assert look.passwordless() == {"guest"}


def test_a_folder_of_accounts_that_is_a_link_is_not_followed(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("host")
    (outside / "shadow").write_text("host::1::::::\n")
    for name in ("passwd", "shadow"):
        (root / "etc" / name).unlink()
    (root / "etc").rmdir()
    (root / "etc").symlink_to(outside)
    assert look_here(str(root), []).passwordless() == frozenset()


def test_a_pipe_in_the_place_of_a_file_does_not_block(root: Path) -> None:
    (root / "etc/shadow").unlink()
    os.mkfifo(root / "etc/shadow")
    assert look_here(str(root), []).passwordless() == {"guest"}


def test_a_containers_own_files_are_not_those_of_its_image(root: Path) -> None:
    (root / "srv/mine").write_text("x")
    (root / "srv/mine").chmod(0o666)
    image = look_here(str(root), ["/mounted"]).without(["/srv/mine", "/srv"])
    assert kinds(image) == EXPECTED
    assert kinds(look_again(image, str(root), ["/srv", "/srv/mine"])) == EXPECTED | {"/srv/mine": "world-writable"}
    (root / "usr/bin/su").unlink()
    assert "/usr/bin/su" not in kinds(look_again(image, str(root), ["/usr/bin/su"]))


def test_more_than_it_is_worth_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_dockerharden.observe.files.MOST_ENTRIES", 3)
    with pytest.raises(TooMuch):
        look_here(str(root), [])
    with pytest.raises(TooMuch):
        look_at_tar(archive())


def test_owners_are_as_the_container_counts(root: Path) -> None:
    facts = look_here(str(root), ["/mounted"]).facts("web", f"0 {os.getuid()} 1\n", "")
    (su,) = (file for file in facts["files"].value if file.path == "/usr/bin/su")
    assert (su.uid, su.mode) == (0, stat.S_ISUID | 0o755)
    assert str(su.origin).startswith("web:/proc/1/root/usr/bin/su: -rwsr-xr-x 0:")


def test_programs_that_belong_to_a_user_are_told_by_user() -> None:
    tool, data, link = (tarfile.TarInfo(name) for name in ("opt/app/start", "var/lib/app/data", "opt/app/link"))
    tool.uid = data.uid = link.uid = 4242
    tool.mode = data.mode = 0o755
    link.type, link.linkname = tarfile.SYMTYPE, "start"
    locked = tarfile.TarInfo("opt/app/locked")
    locked.uid, locked.mode = 4343, 0o555
    look = look_at_tar(archive((tool, data, link, locked)), [])
    assert look.facts("web", "", "")["owned_files"].value == {4242: "/opt/app/start"}
    assert look.facts("web", "0 4242 1\n", "")["owned_files"].value == {0: "/opt/app/start"}
