"""Archives of every kind give the same image, and nothing in them is taken on trust."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import importlib
import io
import json
import lzma
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.image import Image
from pytest_dockerharden.source.image import tar
from pytest_dockerharden.source.image.archive import read_path
from pytest_dockerharden.source.image.image import image_of, image_of_file
from pytest_dockerharden.source.image.streams import BadArchive, FileStream, Pieces
from tests.image.archives import KEY, File, Made, digest, files, layer, layout, read, saved, tar_of, unpacked_into

CONFIG = {"User": "app", "Env": ["A=b=c", "EMPTY="], "Cmd": ["x"], "ExposedPorts": {"80/tcp": {}}}
MADE = Made(
    [files("etc/a"), layer(File("root/key", KEY)), files("root/.wh.key")], CONFIG, [("FROM", False)], ("app:1",)
)


def summary(image: Image) -> Any:
    config = image.config.value
    files = [(file.path, file.kind, file.layer, file.hidden_by) for file in image.files.value]
    return files, [layer.digest for layer in image.layers.value], config.user, config.environment, config.exposed


EXPECTED = (
    [("/root/key", "private-key", 1, 2)],
    [digest(content) for content in MADE.layers],
    "app",
    {"A": "b=c", "EMPTY": ""},
    ("80/tcp",),
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(saved(MADE), id="docker save"),
        pytest.param(gzip.compress(saved(MADE)), id="docker save, compressed as a whole"),
        pytest.param(tar_of(layout(MADE).items()), id="OCI"),
        pytest.param(tar_of(reversed(layout(MADE).items())), id="OCI, the list of contents first"),
        pytest.param(tar_of(layout(MADE, nested=True).items()), id="OCI, an index with an attestation"),
        pytest.param(tar_of(layout(MADE, compress=bytes).items()), id="OCI, uncompressed"),
        pytest.param(tar_of(layout(MADE, compress=bz2.compress).items()), id="OCI, bzip2"),
        pytest.param(tar_of(layout(MADE, compress=lzma.compress).items()), id="OCI, xz"),
        pytest.param(
            tar_of(layout(MADE, compress=lambda b: gzip.compress(b[:700]) + gzip.compress(b[700:]) + bytes(9)).items()),
            id="OCI, gzip in two parts and padded",
        ),
    ],
)
def test_every_kind_of_archive_gives_the_same_image(content: bytes, tmp_path: Path) -> None:
    assert summary(read(content)) == EXPECTED
    path = tmp_path / "image.tar"
    path.write_bytes(content)
    assert summary(image_of_file(str(path), "", "x")) == EXPECTED


@pytest.mark.parametrize("nested", [False, True])
def test_a_folder_is_read_as_its_archive(tmp_path: Path, nested: bool) -> None:
    assert summary(image_of_file(str(unpacked_into(tmp_path, layout(MADE, nested=nested))), "", "x")) == EXPECTED


def zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    return None


@pytest.mark.skipif(zstd() is None, reason="needs Python 3.14 or backports.zstd")
def test_layers_compressed_with_zstd_are_read() -> None:
    assert summary(read(tar_of(layout(MADE, compress=zstd().compress).items()))) == EXPECTED


@pytest.mark.skipif(zstd() is not None, reason="this Python can")
def test_layers_compressed_with_zstd_are_unknown_where_python_cannot() -> None:
    image = read(tar_of(layout(MADE, compress=lambda content: b"\x28\xb5\x2f\xfd" + content).items()))
    assert "pytest-dockerharden[zstd]" in image.files.reason  # type: ignore[union-attr]
    assert image.config.value.user == "app"


def test_a_layer_that_is_there_twice_may_be_saved_once() -> None:
    twice = Made([files("a"), files("b"), files("a")])
    names = [f"{number}/layer.tar" for number in range(3)]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in (*zip(names[:2], twice.layers, strict=False), ("c.json", twice.document())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo(names[2])
        link.type, link.linkname = tarfile.SYMTYPE, "../0/layer.tar"
        archive.addfile(link)
        manifest = json.dumps([{"Config": "c.json", "Layers": names}]).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(manifest)
        archive.addfile(info, io.BytesIO(manifest))
    assert [layer.entries for layer in read(buffer.getvalue()).layers.value] == [1, 1, 1]


ONE, TWO = Made([files("a")], tags=("app:1",)), Made([files("b"), files("c")], tags=("registry.example.com/app:2",))
ARM = Made([files("b"), files("c")], architecture="riscv64", tags=("app:1",))


@pytest.mark.parametrize(
    ("chosen", "layers"), [("app:1", 1), ("registry.example.com/app:2", 2), ("2", 2), ("app:2", 2)]
)
def test_one_of_several_images_is_chosen_by_its_tag(chosen: str, layers: int, tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(saved(ONE, TWO))
    assert len(image_of_file(str(path), chosen, "x").layers.value) == layers


def test_several_images_without_a_choice_are_named() -> None:
    with pytest.raises(BadArchive, match=r"several images are in it; add # and one of these: app:1, registry"):
        read(saved(ONE, TWO))


def test_of_several_platforms_one_is_chosen_by_name(tmp_path: Path) -> None:
    path = unpacked_into(tmp_path, layout(ONE, ARM))
    assert image_of_file(str(path), "linux/riscv64", "x").platform == "linux/riscv64"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "it is no image archive", id="an empty file"),
        pytest.param(b"hello world, this is a text\n" * 40, "it is no tar archive", id="a text"),
        pytest.param(tar_of([("a.txt", b"x")]), "it is no image archive", id="an archive of something else"),
        pytest.param(tar_of([("manifest.json", b"[}")]), "manifest.json is not JSON", id="broken JSON"),
        pytest.param(tar_of([("manifest.json", b"[" * 100_000)]), "manifest.json is not JSON", id="deep JSON"),
        pytest.param(tar_of([("manifest.json", b"[]")]), "there is no image in it", id="no image"),
        pytest.param(
            tar_of([("manifest.json", b'[{"Config": 7, "Layers": {}}]')]), "is not in the archive", id="types"
        ),
        pytest.param(
            tar_of([("index.json", b'{"manifests": [{"digest": []}]}')]), "is not in the archive", id="digest"
        ),
        pytest.param(saved(MADE)[:5000], "the archive ends in the middle", id="cut off"),
        pytest.param(gzip.compress(saved(MADE))[:400], "the archive ends in the middle", id="cut off, compressed"),
        pytest.param(b"\x1f\x8b" + bytes(500), "damaged", id="a damaged gzip file"),
    ],
)
def test_what_is_no_image_is_said_to_be_none(content: bytes, message: str) -> None:
    with pytest.raises(BadArchive, match=message):
        read(content)


def test_a_layer_that_cannot_be_read_leaves_the_configuration_known() -> None:
    broken = {name: content[:60] if content[:2] == b"\x1f\x8b" else content for name, content in layout(MADE).items()}
    image = read(tar_of(broken.items()))
    assert image.config.value.user == "app"
    assert "ends in the middle" in image.files.reason  # type: ignore[union-attr]


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """A header of any size; the content is left out."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(header("x", 1 << 60), id="a file of an exabyte"),
        pytest.param(header("x", -1), id="a negative size"),
        pytest.param(header("x", 1 << 40, b"L") + bytes(10), id="a name of a terabyte"),
        pytest.param(header("x", 1 << 40, b"x") + b"11 path=a\n", id="an extended header of a terabyte"),
        pytest.param(header("x", 1 << 40, b"S") + bytes(512), id="a sparse file without its content"),
    ],
)
def test_a_size_that_is_not_there_ends_the_reading(archive: bytes) -> None:
    with pytest.raises(BadArchive):
        list(tar.entries(Pieces([archive])))


def test_an_extended_header_that_is_too_long_is_left_out() -> None:
    long = b"9" * (tar.MOST_HEADER + 1)
    padding = bytes(-len(long) % 512)
    stream = Pieces([header("x", len(long), b"x"), long, padding, header("y", 0)])
    assert [entry.name for entry in tar.entries(stream)] == ["y"]


@pytest.mark.parametrize(
    "record", [b"0 path=x\n", b"99999999999999999999 path=x\n", b"x", b"4 path=x", b"-9 a=b\n", b" =\n"]
)
def test_a_damaged_extended_header_says_nothing(record: bytes) -> None:
    stream = Pieces([header("x", len(record), b"x"), record.ljust(512, b"\0"), header("y", 0)])
    assert [entry.name for entry in tar.entries(stream)] == ["y"]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_entries_are_those_that_the_standard_library_writes(form: int) -> None:
    buffer = io.BytesIO()
    long = "/".join(["folder"] * 14) + "/name"
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, size in (("a", 0), (long, 5), ("b/c", 512), ("d", 513)):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid, info.gid = size, 0o4751, 1000, 2000
            archive.addfile(info, io.BytesIO(b"x" * size))
        if form != tarfile.USTAR_FORMAT:
            info = tarfile.TarInfo("n" * 300)
            info.uid = 2**31
            archive.addfile(info)
    buffer.seek(0)
    found = [(entry.name, entry.content(2000), entry.mode) for entry in tar.entries(FileStream(buffer))]
    assert found[:4] == [(n, b"x" * s, 0o4751) for n, s in (("a", 0), (long, 5), ("b/c", 512), ("d", 513))]
    assert [name for name, _, _ in found[4:]] == ["n" * 300] * (form != tarfile.USTAR_FORMAT)


def test_links_and_pipes_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    unpacked_into(tmp_path, layout(MADE))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "manifest.json").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert summary(image_of_file(str(tmp_path), "", "x")) == EXPECTED


def test_links_of_an_archive_that_go_in_circles_end() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, target in (("manifest.json", "a"), ("a", "manifest.json")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    with pytest.raises(BadArchive, match="it is no image archive"):
        read(buffer.getvalue())


def test_an_index_that_names_itself_ends(tmp_path: Path) -> None:
    inner = {"manifests": [{"digest": "sha256:x"}] * 2}
    members = {"index.json": json.dumps(inner).encode(), "blobs/sha256/x": json.dumps(inner).encode()}
    with pytest.raises(BadArchive):
        image_of(read_path(str(unpacked_into(tmp_path, members))), "", "x")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_bytes_that_were_changed_are_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(saved(MADE))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content))
    except BadArchive as error:
        assert str(error)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 4000), st.integers(1, 3000))
def test_an_archive_that_ends_early_is_read_or_refused(length: int, piece: int) -> None:
    content = gzip.compress(saved(MADE))
    try:
        read(content[:length], piece=piece)
    except BadArchive as error:
        assert str(error)


PATHS = st.sampled_from(["a", "b", "a/x", "a/y", "b/x", "b/x/z"])
STEP = st.lists(st.tuples(PATHS, st.sampled_from(["file", "delete", "empty"])), max_size=4)


def is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: length + 1]) for length in range(len(parts))]


@settings(deadline=None, max_examples=100)
@given(st.lists(STEP, min_size=1, max_size=4))
def test_layers_are_put_together_as_by_unpacking_them(steps: list[list[tuple[str, str]]]) -> None:
    layers: list[bytes] = []
    seen: dict[str, int] = {}
    for index, step in enumerate(steps):
        added = {path for path, action in step if action == "file"}
        added = {path for path in added if not any(is_below(path, other) for other in added)}
        deleted = {path for path, action in step if action == "delete"} - added
        emptied = {path for path, action in step if action == "empty"}
        emptied = {path for path in emptied if not any(path == a or is_below(path, a) for a in added)}
        folders = emptied.union(*(parents(path) for path in (*added, *emptied)))
        marks = [File(f"{path}/.wh..wh..opq") for path in emptied]
        marks += [File("/".join([*parents(path)[-1:], f".wh.{path.rpartition('/')[2]}"])) for path in deleted]
        layers.append(layer(*(File(f"{f}/") for f in sorted(folders)), *marks, *(File(path, KEY) for path in added)))
        gone = deleted | emptied | added
        seen = {p: i for p, i in seen.items() if p not in gone | folders and not any(is_below(p, g) for g in gone)}
        seen.update(dict.fromkeys(added, index))
    image = read(saved(Made(layers)))
    assert {file.path[1:]: file.layer for file in image.visible("private-key")} == seen
